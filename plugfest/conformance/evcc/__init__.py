"""Cases with a vehicle (EVCC) under test, and the tester charger that carries them out.

=================  ====================================================================================================
:mod:`.plan`       a run of the catalogue becomes a plan: serve up to a request, hold it, deviate, judge
:mod:`.verbs`      what the tester does: the stimulus words
:mod:`.expectations`  what the vehicle must do: the words of expectations; :mod:`.checks` has the rules for contents
:mod:`.reactions`  what counts as giving up in order, and as going on
:mod:`.scripts`    cases that words cannot express
:mod:`.course`     a case under way; :mod:`.changes`: contents of responses that are rare or wrong
:mod:`.tester`     the tester charger: good answers, a request that is held, other answers; :mod:`.plant`: its outlet
=================  ====================================================================================================
"""
