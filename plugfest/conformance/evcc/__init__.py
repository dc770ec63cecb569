"""Cases with a vehicle (EVCC) under test, and the tester charger that runs them.

=================  ====================================================================================================
:mod:`.plan`       a run of the catalogue becomes a plan: serve up to a request, hold it, deviate, judge
:mod:`.verbs`      what the tester does: the stimulus words
:mod:`.expectations`  what the vehicle must do: the words of expectations; :mod:`.checks` has the rules for contents
:mod:`.reactions`  what counts as giving up properly, and as continuing
:mod:`.scripts`    cases that words cannot express
:mod:`.course`     a running case; :mod:`.changes`: rare or wrong contents of responses
:mod:`.tester`     the tester charger: the good case up to a request that is held, then other answers
:mod:`.good`       the good case, and what a case changes in it; :mod:`.hold`: stopping at a request
:mod:`.plant`      the tester charger's outlet
=================  ====================================================================================================
"""
