"""Power as physics, and answers as a whole: what a system under test does in whatever case it is tried.

A :class:`.watch.Watch` goes with every run. It hears all messages of the tester's connections, sees the control pilot,
and reads the plant where one can be measured. What breaks a judgement fails the run, whoever wrote the case.

================  ===================================================================================================
:mod:`.watch`     the observer of a run, and what it leaves
:mod:`.table`     all judgements
:mod:`.content`   content rules that are physics, of :mod:`v2g.rules`
:mod:`.output`    a charger's DC output against targets and limits, as it reports it
:mod:`.safety`    alarms, isolation, and whether the output goes off
:mod:`.status`    what a charger says of itself: status codes, isolation, wishes
:mod:`.reached`   flags of limits that it has reached, or not
:mod:`.rated`     a charger's limits against its ratings
:mod:`.answers`   a charger's answers against their requests and each other, across sessions; and their times
:mod:`.echo`      present values that only repeat the targets
:mod:`.energy`    meters
:mod:`.measured`  a charger against what is measured at its output, DC and AC
:mod:`.alternating` AC of ISO 15118-20 over the phases
:mod:`.decides`   a charger that decides on power, in dynamic mode of ISO 15118-20
:mod:`.pace`      performance times of ISO 15118-20
:mod:`.pilot`     a charger's end of the control pilot in a session
:mod:`.vehicle`   a vehicle's requests
:mod:`.contacts`  a vehicle's pilot, contactors and load
:mod:`.plausible` what a vehicle says about its battery, and its pilot through a session
:mod:`.told`      what a vehicle tells in one message against what it told in others
:mod:`.needs`     energies, SoC and departure that a vehicle of ISO 15118-20 needs
:mod:`.within`    its limits and its voltage
:mod:`.announced` steps, direction and power profile that it announces
:mod:`.talk`      how a vehicle goes through a session: order, session id, pace, end
:mod:`.papers`    what a vehicle shows to identify itself: certificates, roots, services
:mod:`.judgement` what a judgement is
:mod:`.log`       a charger's answers of a whole run
:mod:`.offered`   what a charger shows on the pilot, and since when
:mod:`.flow`      what both sides have said and what was measured so far
:mod:`.wants`     needs that a vehicle has named so far
:mod:`.samples`   measurements, and energy counted from them
:mod:`.limits`    what limits of DC are called
:mod:`.messages`  messages of any protocol, reduced to their physics
:mod:`.terms`     tolerances and times, as the PIXIT declares them
:mod:`.line_watch`  the observer of a power line, for SLAC
:mod:`.line_vehicle`, :mod:`.line_charger`  what either side does in matching, on the line and on the pilot
:mod:`.line`      what is known of the line and the pilot so far, and what a judgement of them is
:mod:`.violation` what a watch found
================  ===================================================================================================

Each of them imports only those below it.
"""
