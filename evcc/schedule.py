"""Power over time: the charger's schedules, the vehicle's choice among them, and the profile it answers with. Pure.

A schedule is a step function: each entry holds until the next begins, the last one for its duration. Outside of what
it covers it limits nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from v2g.errors import RemoteError

DAY = 86400.0
MAX_PROFILE_ENTRIES = 24  # ISO 15118-2 ChargingProfileType, DIN SPEC 70121


@dataclass(frozen=True, slots=True)
class Slot:
    """From ``start`` (s after the response that carried it) on, at most ``watts``; ``pmax`` is the element itself."""

    start: int
    watts: float
    pmax: Any = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """One SAScheduleTuple.

    Attributes:
        tuple_id: SAScheduleTupleID.
        slots: in order of time.
        end: s after the response; infinite where the last entry has no duration.
        base: loop time of the response, s.
    """

    tuple_id: int
    slots: tuple[Slot, ...] = ()
    end: float = math.inf
    base: float = 0.0

    def power_at(self, now: float) -> float:
        """Limit in W at a loop time; infinite where the schedule says nothing."""
        since = now - self.base
        if since >= self.end:
            return math.inf
        return next((slot.watts for slot in reversed(self.slots) if slot.start <= since), math.inf)

    def energy(self, seconds: float) -> float:
        """Energy in Wh that it allows within the first ``seconds``; what is beyond its end does not count."""
        ends = [*(slot.start for slot in self.slots[1:]), self.end]
        until = zip(self.slots, (min(end, seconds) for end in ends), strict=True)
        return sum(slot.watts * max(0.0, end - slot.start) for slot, end in until) / 3600.0


def read(schedule_tuple: Any, watts: Any, base: float) -> Schedule:
    """A schedule of either protocol.

    Args:
        schedule_tuple: SAScheduleTupleType.
        watts: makes a number of a PMax.
        base: loop time of the response, s.

    Raises:
        RemoteError: no relative intervals, starts that do not increase [V2G2-328], or a negative power.
    """
    slots: list[Slot] = []
    end = math.inf
    for entry in schedule_tuple.PMaxSchedule.PMaxScheduleEntry:
        interval = entry.TimeInterval
        if not hasattr(interval, "start"):
            raise RemoteError("a PMaxScheduleEntry without RelativeTimeInterval", "FAILED_WrongChargeParameter")
        if slots and interval.start <= slots[-1].start:
            raise RemoteError(f"schedule {schedule_tuple.SAScheduleTupleID}: an entry at {interval.start} s comes late")
        power = watts(entry.PMax)
        if power < 0:
            raise RemoteError(f"schedule {schedule_tuple.SAScheduleTupleID}: PMax of {power:g} W")
        slots.append(Slot(interval.start, power, entry.PMax))
        end = math.inf if interval.duration is None else float(interval.start + interval.duration)
    return Schedule(schedule_tuple.SAScheduleTupleID, tuple(slots), end, base)


def choose(schedules: Sequence[Schedule], departure: int | None) -> Schedule:
    """The one that allows most energy until departure, or within a day; of equal ones the first."""
    horizon = float(departure) if departure else DAY
    return max(schedules, key=lambda schedule: schedule.energy(horizon))


def steps(schedule: Schedule) -> tuple[Slot, ...]:
    """The slots a profile has to follow: at most 24, the last of which is low enough for all that it stands for."""
    if len(schedule.slots) <= MAX_PROFILE_ENTRIES:
        return schedule.slots
    kept, rest = schedule.slots[: MAX_PROFILE_ENTRIES - 1], schedule.slots[MAX_PROFILE_ENTRIES - 1 :]
    lowest = min(rest, key=lambda slot: slot.watts)
    return (*kept, Slot(rest[0].start, lowest.watts, lowest.pmax))
