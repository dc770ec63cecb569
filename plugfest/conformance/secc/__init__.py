"""Cases with a charger (SECC) under test, and the tester vehicle that runs them.

=================  ====================================================================================================
:mod:`.plan`       a run of the catalogue becomes a plan: walk to a state, deviate, judge
:mod:`.verbs`      what the tester does: the stimulus words
:mod:`.expectations`  what the charger must do: the words of expectations; :mod:`.checks` has the rules for contents
:mod:`.scripts`    cases that words cannot express
:mod:`.course`     a case under way
:mod:`.tester`     the tester vehicle: one exchange, and the way to a state
:mod:`.offered`    what the charger has offered; :mod:`.answered`: what is wrong with a response, or with its absence
:mod:`.ways`       which state comes after which; :mod:`.walk` has the step to each, :mod:`.pause` sleep and wake-up
:mod:`.requests`   requests of the good case: :mod:`.iso2`, :mod:`.din70121`; :mod:`.deviations` changes them
:mod:`.discovery`  SDP, right and wrong
:mod:`.contract`   the tester's contract: presented and used to sign, correctly and wrongly
=================  ====================================================================================================
"""
