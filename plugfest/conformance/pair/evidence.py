"""What a scenario leaves behind: when each act was, what was answered, and the recording of each port."""

from __future__ import annotations

import bisect
import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from plugfest.conformance.cause import Cause
from plugfest.conformance.fields import found
from plugfest.conformance.pair.scenario import PHASES
from plugfest.traces import chain, checks
from plugfest.traces.chain.steps import Diagnosis, Step, step_of
from plugfest.traces.entries import Entry, Recording
from plugfest.traces.series import series
from plugfest.traces.talks import Talk, code_of, talks
from v2g.physical import number
from v2g.status import refuses

FLOWS = 0.5
"""A: from here on a current counts as charging."""


@dataclass(frozen=True)
class Act:
    """Something that was done.

    Attributes:
        mark: its name, unique in a run.
        time: Unix time, s.
        port: of the charger, from 1.
    """

    mark: str
    time: float
    port: int = 1


@dataclass
class Port:
    """The line at one port of the charger.

    Attributes:
        recording: what went over it.
        acts: of the whole run.
        until: Unix time at which the run ended.
    """

    recording: Recording
    acts: Sequence[Act]
    until: float

    @cached_property
    def talks(self) -> list[Talk]:
        return talks(self.recording)

    @cached_property
    def judgement(self) -> checks.Judgement:
        return checks.judge(self.recording)

    @cached_property
    def diagnoses(self) -> list[Diagnosis]:
        """One for each session, in the order of time."""
        each = chain.diagnose(self.recording, self.judgement.findings)[0]
        return sorted(each, key=lambda one: one.since)

    def at(self, mark: str, default: float) -> float:
        """Time of an act in the recording, s."""
        return next((act.time - self.recording.epoch for act in self.acts if act.mark == mark), default)

    @property
    def end(self) -> float:
        """Time of the end in the recording, s."""
        return self.until - self.recording.epoch

    @cached_property
    def currents(self) -> list[tuple[float, float]]:
        """Current that the charger says, s and A."""
        said = series(self.recording).get("present_current")
        return said.points if said is not None else []

    @cached_property
    def measured(self) -> list[tuple[float, float]]:
        """Current at the outlet by other means than the charger's word, s and A; empty where nothing measures it."""
        seen = series(self.recording).get("plant_current")
        return seen.points if seen is not None else []

    @cached_property
    def ceilings(self) -> list[tuple[float, float, float]]:
        """What the charger says that it can give at most: s, A and W; infinite where it does not say."""
        known, amps, watts = [], math.inf, math.inf
        for entry in self.recording.messages:
            if entry.sender == "secc" and entry.body is not None:
                amps, watts = _said(entry.body, _MOST_AMPS, amps), _said(entry.body, _MOST_WATTS, watts)
                known.append((entry.time, amps, watts))
        return known

    def ceiling(self, time: float) -> tuple[float, float]:
        """The same at a time: A and W."""
        place = bisect.bisect_right(self.ceilings, (time, math.inf, math.inf))
        return self.ceilings[place - 1][1:] if place else (math.inf, math.inf)

    @cached_property
    def powers(self) -> list[tuple[float, float]]:
        """Power by what the charger says, s and kW."""
        known = series(self.recording)
        said = known.get("power") or known.get("present_power") or known.get("vehicle_power")
        return said.points if said is not None else []

    def messages(self, start: float, end: float) -> Iterator[Entry]:
        """The messages between two times."""
        return (entry for talk in self.talks for entry in talk.main if start <= entry.time <= end)

    def phases(self, start: float, end: float) -> Iterator[tuple[Step, Entry]]:
        """The steps that messages between two times belong to; those that were refused do not count."""
        for entry in self.messages(start, end):
            progress = getattr(entry.body, "ChargeProgress", None)
            word = str(getattr(progress, "value", progress) or "")
            step = step_of(entry.name, word)
            if step is not None and not refuses(code_of(entry)):
                yield step, entry

    def reached(self, phase: str, start: float, end: float) -> Entry | None:
        """The message with which a phase was reached between two times; of charging, the first with a current."""
        wanted = PHASES[phase]
        if wanted is Step.CHARGING:
            return self.charged(start, end)
        return next(
            (entry for step, entry in self.phases(start, end) if step >= wanted and entry.sender == "secc"
             and (step is not Step.END or wanted is Step.END)), None,
        )  # fmt: skip

    def charged(self, start: float, end: float) -> Entry | None:
        """The first message of a charge loop with a current, either way; in AC of ISO 15118-2 nobody says a current."""
        loop = {entry.time: entry for step, entry in self.phases(start, end) if step is Step.CHARGING}
        if not self.currents and not self.powers:
            return next((entry for entry in loop.values() if entry.sender == "secc"), None)
        flowing = (time for time, amps in self.currents if abs(amps) >= FLOWS and time in loop)
        flowing = flowing if self.currents else (time for time, kilowatts in self.powers if abs(kilowatts) >= 0.1)
        return next((loop[time] for time in flowing if time in loop), None)

    @property
    def encrypted(self) -> bool:
        """Whether there is TLS, and nothing of what was said in it."""
        return not self.recording.plain

    @property
    def empty(self) -> bool:
        """Whether nothing at all was seen."""
        return not self.recording.entries


_MOST_AMPS = ("EVSEMaximumCurrentLimit", "EVSEMaximumChargeCurrent")
_MOST_WATTS = ("EVSEMaximumPowerLimit", "EVSEMaximumChargePower")


def _said(body: Any, names: tuple[str, ...], before: float) -> float:
    """A value of a message, or the one that held before."""
    for name in names:
        with contextlib.suppress(KeyError, TypeError, AttributeError, OverflowError):
            return number(found(body, name))
    return before


@dataclass
class Evidence:
    """What a run leaves behind.

    Attributes:
        ports: the line at each port of the charger.
        answers: question -> yes or no, where one was asked and answered.
        unable: what could not be done, prepared or recorded, and why; "" where all was.
        cause: of that.
    """

    ports: list[Port]
    answers: Mapping[str, bool] = field(default_factory=dict)
    unable: str = ""
    cause: Cause = Cause.NO_ACTION
