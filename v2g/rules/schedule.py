"""Power over time, as in schedules and charging profiles: a step function in exact milliwatts. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

from v2g.physical import milliwatts

DIN_LARGEST = 32767
"""W: the largest 16-bit PMax of DIN; it means "as much as you want"."""


class Step(NamedTuple):
    """Milliwatts from ``start`` (s) to ``end`` (s); None: no limit."""

    start: int
    end: float
    milliwatts: int | None


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a PMaxSchedule or ChargingProfile, in order of time."""

    steps: tuple[Step, ...]

    def at(self, second: float) -> float | None:
        """W at ``second`` after the response that carried the schedule; None if it has no value there."""
        found = self.exactly(second)
        return None if found is None else found / 1000.0

    def exactly(self, second: float) -> int | None:
        """The same in milliwatts."""
        for step in reversed(self.steps):
            if step.start <= second:
                return step.milliwatts if second < step.end else None
        return None

    @property
    def end(self) -> float:
        """Where its values end, s after the response."""
        return self.steps[-1].end if self.steps else 0.0

    @classmethod
    def of_profile(cls, profile: Any) -> Steps:
        """The steps of either protocol's ChargingProfile; its last value has no end [V2G2-289 to 291]."""
        entries = sorted(profile.ProfileEntry, key=lambda entry: int(entry.ChargingProfileEntryStart))
        starts = [int(entry.ChargingProfileEntryStart) for entry in entries]
        ends = [*starts[1:], math.inf]
        powers = [exact(entry.ChargingProfileEntryMaxPower) for entry in entries]
        return cls(tuple(Step(*each) for each in zip(starts, ends, powers, strict=True)))


def exact(power: Any) -> int:
    """A power of either protocol in milliwatts."""
    return power * 1000 if isinstance(power, int) else milliwatts(power)


def read(schedule_tuple: Any) -> Steps:
    """The steps of either protocol's SAScheduleTuple.

    A start ends the entry before it [V2G2-328, 329]; a duration ends its own entry. A PMax below zero means nothing,
    and DIN's largest PMax is not a limit. An entry without a start is left out.
    """
    entries = [entry for entry in schedule_tuple.PMaxSchedule.PMaxScheduleEntry if hasattr(entry.TimeInterval, "start")]
    steps = []
    for entry, after in zip_longest(entries, entries[1:]):
        interval, power = entry.TimeInterval, entry.PMax
        end = math.inf if after is None else float(after.TimeInterval.start)
        if interval.duration is not None:
            end = min(end, float(interval.start + interval.duration))
        given: int | None = exact(power)
        if given is not None and (given < 0 or (isinstance(power, int) and power >= DIN_LARGEST)):
            given = None
        steps.append(Step(interval.start, end, given))
    return Steps(tuple(steps))


def fewest_phases(profile: Any) -> int | None:
    """The lowest number of phases that a ChargingProfile names; None if it names none, as in DIN."""
    entries = profile.ProfileEntry if profile is not None else ()
    named = [getattr(entry, "ChargingProfileEntryMaxNumberOfPhasesInUse", None) for entry in entries]
    return min((int(phases) for phases in named if phases is not None), default=None)


def exceeds(profile: Steps, schedule: Steps) -> int | None:
    """The first second at which a profile requests more than its schedule allows, or None [V2G2-224, 225].

    Outside the time that the schedule covers there is no limit.
    """
    for second in sorted({step.start for step in (*profile.steps, *schedule.steps)}):
        asked, given = profile.exactly(second), schedule.exactly(second)
        if asked is not None and given is not None and asked > given:
            return second
    return None
