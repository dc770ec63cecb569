"""Schedules and power profiles of ISO 15118-20: each power lasts for a duration, then the next follows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from v2g import stamps
from v2g.physical import number
from v2g.rules.iso20.kinds import total
from v2g.rules.schedule import Step, Steps

MILLISECONDS = stamps.SECONDS_BELOW
"""From here on, a time stamp is in milliseconds or less: seconds since 1970 stay below this until the year 5138."""


def seconds_of(stamp: int) -> float:
    """A TimeStamp or TimeAnchor in seconds; 0 stays 0."""
    return stamps.seconds(stamp) or 0.0


def steps(entries: list[Any]) -> Steps:
    """PowerScheduleEntry elements, each with its duration, from 0 s on; powers over all phases."""
    found, start = [], 0
    for entry in entries:
        end = start + entry.Duration
        watts = total(entry, "Power") or 0.0
        found.append(Step(start, float(end), round(watts * 1000.0)))
        start = end
    return Steps(tuple(found))


@dataclass(frozen=True, slots=True)
class Planned:
    """A ScheduleTuple.

    Attributes:
        charging: upper bound, W.
        discharging: lower bound, negative, W; None: no discharging.
        tolerance: whether PowerTolerance was offered.
        available: AvailableEnergy, Wh; None: not limited.
        age: s for which it had been running when it was offered, by its TimeAnchor.
    """

    charging: Steps
    discharging: Steps | None
    tolerance: bool
    available: float | None = None
    age: float = 0.0

    @classmethod
    def of(cls, element: Any, sent: int = 0) -> Planned:
        """Reads a ScheduleTuple; ``sent`` is the TimeStamp of its message."""
        power = element.ChargingSchedule.PowerSchedule
        back = element.DischargingSchedule
        return cls(
            steps(power.PowerScheduleEntries.PowerScheduleEntry),
            None if back is None else steps(back.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry),
            power.PowerTolerance is not None,
            None if power.AvailableEnergy is None else number(power.AvailableEnergy),
            stamps.age(power.TimeAnchor, sent),
        )
