"""The charger (SECC).

:mod:`.serve` is the side of a session that receives, checks and answers; the answers to each request are functions in
:mod:`.iso2`, :mod:`.din70121` and :mod:`.iso20`, named after the message. What all of them have a DC output do is in
:mod:`.dc`, what they have an AC supply do in :mod:`.ac`. They read and set a :class:`.visit.Visit`, the state of one
vehicle at one outlet. :mod:`.minimal` makes the response that a refusal carries. ISO 15118-20 has its energies in
:mod:`.iso20_dc` and :mod:`.iso20_ac`, its schedules in :mod:`.iso20_schedule`, the vehicle's power profile in
:mod:`.iso20_profile`, what was selected in :mod:`.control`, and its running costs in :mod:`.bill` and :mod:`.costs`. In
ISO 15118-2 :mod:`.contract` has the checks of contract payment, :mod:`.provisioning` installs contracts,
:mod:`.services` and :mod:`.schedule` have what else is on offer.

Behind them is the plant, without protocol types: :mod:`.charger` (outlet, faults, wishes), :mod:`.power` (what a DC
output has to do), :mod:`.simulated` (one in software), :mod:`.envelope` (the one way to it, within both sides' limits
and in both directions), :mod:`.supply` (AC), :mod:`.manager` (the power that is wanted), :mod:`.meter`,
:mod:`.authorizer`. Hardware drivers implement the same protocols.
"""
