"""What charger and vehicle agreed on: the schedule chosen and the charging profile that was accepted, at any moment.

Both are step functions from the moment the schedule was offered. A schedule says nothing before its first slot and
after its coverage; the last entry of a profile holds on [V2G2-289 .. 291].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

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
    schedule = [Step(slot.start, slot.watts) for slot in slots]
    profile = visit.profile
    given = _at(schedule, second) if second < end else None
    asked = _at(profile, second)
    watts = min(step.watts for step in (given, asked, Step(0, math.inf)) if step is not None)
    starts = [step.start for step in (*schedule, *profile) if step.start > second]
    left = min([*starts, *([end] if end > second else [])], default=math.inf) - second
    return Agreed(watts, asked.phases if asked else None, left)


def _at(steps: Sequence[Step], second: float) -> Step | None:
    """The step at a second; the starts ascend, and a moment belongs to the step that begins there."""
    found = None
    for step in steps:
        if step.start > second + 1e-9:
            break
        found = step
    return found
