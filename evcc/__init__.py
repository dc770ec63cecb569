"""The vehicle (EVCC).

:func:`.charge.charge` runs one session from connection to close and returns an :class:`.drive.Outcome`. In between,
the protocol's script decides: :mod:`.iso2`, :mod:`.din70121` and :mod:`.iso20` (with :mod:`.iso20_dc`,
:mod:`.iso20_ac`) are coroutines that read like the sequence chart. They share the verbs (:mod:`.verbs`), checks of what
the charger reports (:mod:`.checks`), power schedules and prices (:mod:`.schedule`, in ISO 15118-20 with
:mod:`.iso20_schedule` and :mod:`.forecast`), payment by contract (:mod:`.contract`, :mod:`.wallet`), and the
:class:`.drive.Drive` that holds session, vehicle and choices together.

Behind them is the plant, which uses no protocol types: :mod:`.vehicle` (contactors, onboard charger, pilot) and
:mod:`.battery`.
"""
