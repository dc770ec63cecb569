"""What a charger shows on the control pilot, since when, and whether it had a reason to stop offering power."""

from __future__ import annotations

from dataclasses import dataclass

from slac.pilot import Reading, State

FAULTS = (State.E, State.F)
HELD = 0.5
"""s for which something has to be shown to count: boards measure edges, and a vehicle debounces."""
DIGITAL_RANGE = (4.0, 6.0)
"""Percent: 4.5 to 5.5 are shown, half a percent is the meter's."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A reading at the vehicle's end.

    Attributes:
        reading: state and duty.
        since: loop time, s; of a session that began later, its beginning.
        excused: the charger had a reason to take the offer away by then.
    """

    reading: Reading
    since: float
    excused: bool = False
