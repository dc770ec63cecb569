"""What charger and vehicle agreed on for any moment: the chosen schedule and the accepted charging profile.

Both are step functions that start when the schedule is offered. A schedule does not apply before its first slot or
after its coverage; the last entry of a profile stays in force [V2G2-289 .. 291].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from secc.plan import Slot
from secc.terms import Step
from secc.visit import Visit


class Agreed(NamedTuple):
    """The agreed limits at this moment.

    Attributes:
        watts: upper limit, W; never negative.
        phases: number of phases in the profile, or None.
        left: seconds until the limits may change; infinite: never.
        least: lower limit, W; zero, or negative if the vehicle may discharge (bidirectional sessions).
    """

    watts: float
    phases: int | None
    left: float
    least: float = 0.0


def now(visit: Visit) -> Agreed:
    """The limits agreed for this moment; if each direction has its own path, those of the selected direction."""
    what = meant(visit)
    if visit.terms.channel == "Charge":
        return what._replace(least=0.0)
    return what._replace(watts=0.0) if visit.terms.channel == "Discharge" else what


def meant(visit: Visit) -> Agreed:
    """The limits agreed for this moment; without a schedule there is no upper limit, and no discharging.

    In dynamic mode the charger decides: its target power is the limit, in the direction of its sign.
    """
    if visit.standby:
        return Agreed(0.0, None, math.inf)
    both_ways = visit.control is not None and visit.control.service.bidirectional
    if visit.control is not None and visit.control.dynamic:
        target = visit.evse.target_power
        return _available(visit, Agreed(max(target, 0.0), None, math.inf, min(target, 0.0) if both_ways else 0.0))
    terms = visit.terms
    slots = terms.schedule.get(terms.tuple_id)
    if not slots:
        return Agreed(math.inf, None, math.inf)
    second = visit.session.now - terms.offered_at
    end = terms.coverages.get(terms.tuple_id, terms.coverage)
    given, next_slot = _at(slots, second)
    back, next_back = _at(terms.discharge.get(terms.tuple_id, ()) if both_ways else (), second)
    asked, next_step = _at(terms.profile, second)
    watts, least = (max(asked.watts, 0.0), min(asked.watts, 0.0)) if asked is not None else (math.inf, -math.inf)
    if second >= end:
        next_slot, back = math.inf, None  # the schedule no longer applies
    else:
        next_slot = min(next_slot, next_back, end)
        watts = min(watts, given.watts) if given is not None else watts
    least = max(least, min(back.watts, 0.0)) if back is not None else 0.0
    phases = asked.phases if asked is not None else None
    return _available(visit, Agreed(watts, phases, min(next_slot, next_step) - second, least))


def _available(visit: Visit, what: Agreed) -> Agreed:
    """The same limits, but no further charging once the available energy has been delivered."""
    return what if left(visit) > 0.0 else what._replace(watts=0.0)


def left(visit: Visit) -> float:
    """Energy that the chosen schedule still has available, Wh; infinite if it has no such limit."""
    plan = visit.terms.plans.get(visit.terms.tuple_id)
    if plan is None or plan.available is None:
        return math.inf
    return plan.available - (visit.evse.meter.session_wh - visit.terms.offered_wh)


S = TypeVar("S", Slot, Step)


def _at(steps: Sequence[S], second: float) -> tuple[S | None, float]:
    """The step in force at a second, and the start of the next; at a boundary, the later step applies."""
    found = None
    for step in steps:
        if step.start > second + 1e-9:
            return found, step.start
        found = step
    return found, math.inf
