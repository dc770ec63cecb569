"""Power as physics: what a system under test does with volts and amperes, in whatever case it is tried.

A :class:`.watch.Watch` goes with every run. It hears all messages of the tester's connections, sees the control pilot,
and reads the plant where one can be measured. What breaks a judgement fails the run, whoever wrote the case.

================  ===================================================================================================
:mod:`.watch`     the observer of a run, and what it leaves
:mod:`.table`     all judgements
:mod:`.content`   content rules that are physics, of :mod:`v2g.rules`
:mod:`.output`    a charger's DC output against targets and limits, as it reports it
:mod:`.safety`    alarms, isolation, and whether the output goes off
:mod:`.echo`      present values that only repeat the targets
:mod:`.energy`    meters
:mod:`.measured`  a charger against what is measured at its output, DC and AC
:mod:`.vehicle`   a vehicle's requests
:mod:`.contacts`  a vehicle's pilot, contactors and load
:mod:`.judgement` what a judgement is
:mod:`.flow`      what both sides have said and what was measured so far
:mod:`.messages`  messages of any protocol, reduced to their physics
:mod:`.terms`     tolerances and times, as the PIXIT declares them
================  ===================================================================================================

Each of them imports only those below it.
"""
