"""The schedules that a charger offers, and the vehicle's choice: one of them, with a profile within it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from secc.plan import Plan, Slot

MAX_ENTRIES = 1024
"""Maximum number of entries in a PMaxSchedule, by the schema of ISO 15118-2."""
LONGEST = 86400
"""Longest duration of a PMaxSchedule entry, s."""
LAST_START = 16777214
"""Latest start of a PMaxSchedule entry, s."""


class Step(NamedTuple):
    """Power in W and number of phases (None: not given), from ``start`` seconds on."""

    start: float
    watts: float
    phases: int | None = None


@dataclass
class Terms:
    """One offer of schedules, and the vehicle's choice.

    Attributes:
        schedule: slots offered, by tuple id.
        discharge: slots offered for discharging, W, zero or negative, by tuple id (ISO 15118-20, as the following).
        plans: plans offered, by tuple id.
        offered_wh: energy charged in this session when the schedules were offered, Wh.
        tolerance: permitted deviation from the profile, W, if the vehicle confirmed that it stays within it.
        channel: direction selected if each direction has its own path, or None.
        invited: the vehicle was invited to pause.
        coverage: seconds after which the latest schedule offered no longer applies.
        coverages: the same for each schedule, by tuple id.
        offered_at: loop time at which the schedules were offered, s; their slots and the profile count from it.
        tuple_id: id of the schedule chosen; before the choice, of the first one offered.
        profile: the charging profile accepted; empty: none.
    """

    schedule: dict[int, tuple[Slot, ...]] = field(default_factory=dict)
    discharge: dict[int, tuple[Slot, ...]] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)
    offered_wh: float = 0.0
    tolerance: float | None = None
    channel: Literal["Charge", "Discharge"] | None = None
    invited: bool = False
    coverage: int = 0
    coverages: dict[int, int] = field(default_factory=dict)
    offered_at: float = 0.0
    tuple_id: int = 0
    profile: tuple[Step, ...] = ()

    def apart(self) -> Terms:
        """A copy that can be changed while these terms stay in force."""
        return replace(
            self,
            schedule=dict(self.schedule),
            discharge=dict(self.discharge),
            plans=dict(self.plans),
            coverages=dict(self.coverages),
        )


def covering(schedule: Sequence[Slot], seconds: int, max_entries: int) -> tuple[tuple[Slot, ...], int]:
    """The part of a schedule for the next ``seconds``, and the second at which its last slot ends.

    If the slots do not fit into ``max_entries``, the coverage ends earlier: an earlier slot that allows more must never
    stand in for one left out. The vehicle then renegotiates near the end [V2G2-303 .. 305, 331].
    """
    end = min(max(seconds, 1), LAST_START)
    slots = [slot for slot in schedule if slot.start < end]
    if end - slots[-1].start > LONGEST:  # only the last entry has a duration, which is limited
        slots.append(Slot(end - LONGEST, slots[-1].watts))
    if len(slots) > max_entries:
        slots, end = slots[:max_entries], slots[max_entries].start
    return tuple(slots), min(end, slots[-1].start + LONGEST)
