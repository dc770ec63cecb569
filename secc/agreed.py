"""What charger and vehicle agreed on: the schedule chosen and the charging profile that was accepted, at any moment.

Both are step functions from the moment the schedule was offered. A schedule says nothing before its first slot and
after its coverage; the last entry of a profile holds on [V2G2-289 .. 291].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from secc.charger import Slot
from secc.visit import Visit


class Step(NamedTuple):
    """Power in W, and number of phases (None: not said), from ``start`` seconds on."""

    start: int
    watts: float
    phases: int | None = None


class Agreed(NamedTuple):
    """What holds now: W, phases that the profile names or None, and seconds until it may change (inf: never)."""

    watts: float
    phases: int | None
    left: float


def now(visit: Visit) -> Agreed:
    """What was agreed for this moment; without a schedule there is no limit. In dynamic mode the charger decides."""
    if visit.control is not None and visit.control.dynamic:
        return Agreed(visit.evse.target_power, None, math.inf)
    slots = visit.schedule.get(visit.tuple_id)
    if not slots:
        return Agreed(math.inf, None, math.inf)
    second = visit.session.now - visit.offered_at
    end = visit.coverages.get(visit.tuple_id, visit.coverage)
    given, next_slot = _at(slots, second)
    asked, next_step = _at(visit.profile, second)
    watts = asked.watts if asked is not None else math.inf
    if second >= end:
        next_slot = math.inf  # the schedule says nothing any more
    else:
        next_slot = min(next_slot, end)
        watts = min(watts, given.watts) if given is not None else watts
    return Agreed(watts, asked.phases if asked is not None else None, min(next_slot, next_step) - second)


S = TypeVar("S", Slot, Step)


def _at(steps: Sequence[S], second: float) -> tuple[S | None, float]:
    """The step at a second, and when the next begins; a moment belongs to the step that begins there."""
    found = None
    for step in steps:
        if step.start > second + 1e-9:
            return found, step.start
        found = step
    return found, math.inf
