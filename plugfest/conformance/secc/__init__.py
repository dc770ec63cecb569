"""Cases with a charger (SECC) under test, and the tester vehicle that runs them.

=================  ====================================================================================================
:mod:`.plan`       a run of the catalogue becomes a plan: walk to a state, deviate, judge
:mod:`.verbs`      what the tester does: the stimulus words
:mod:`.expectations`  what the charger must do: the words of expectations; :mod:`.checks` has the rules for contents
:mod:`.scripts`    cases that words cannot express
:mod:`.course`     a case under way
:mod:`.tester`     the tester vehicle: what it is in, and the way to a state; :mod:`.talking`: one exchange
:mod:`.generations`  what it needs for each protocol; requests of the good case are in :mod:`.iso2`, :mod:`.din70121`
                   and :mod:`.iso20`, and :mod:`.deviations` changes them
:mod:`.offered`    what the charger has offered; :mod:`.answered`: what is wrong with a response, or with its absence
:mod:`.ways`       which state comes after which; :mod:`.walk` has the step to each, :mod:`.pause` sleep and wake-up,
                   :mod:`.unplugged` what must be over then
:mod:`.back`       what the tester's vehicle can give back
:mod:`.discovery`  SDP, right and wrong
:mod:`.paying`     what it pays and signs with; :mod:`.contract` presents and uses that, correctly and wrongly
=================  ====================================================================================================
"""
