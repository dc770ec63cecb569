"""The charger (SECC).

:mod:`.serve` is the side of a session that receives, checks and answers; the answers to each request are functions in
:mod:`.iso2` and :mod:`.din70121`, named after the message; what both have the DC output do is in :mod:`.dc`. They read
and set a :class:`.visit.Visit`, the state of one vehicle at one outlet. :mod:`.minimal` makes the response that a
refusal carries. In ISO 15118-2 :mod:`.contract` has the checks of contract payment, :mod:`.provisioning` installs
contracts, :mod:`.services` and :mod:`.schedule` have what else is on offer.

Behind them is the plant, without protocol types: :mod:`.charger` (outlet, AC supply, faults, wishes), :mod:`.power` (DC
output), :mod:`.meter`, :mod:`.authorizer`. Hardware drivers implement the same protocols.
"""
