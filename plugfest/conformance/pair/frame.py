"""What a look at a recording has before it, and what it says of an expectation that does not hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from plugfest.conformance.cause import Cause
from plugfest.conformance.pair.evidence import Evidence, Port
from plugfest.conformance.pair.scenario import Blamed, Expected, Scenario
from plugfest.conformance.verdict import Inconclusive
from plugfest.traces.chain.steps import Step
from plugfest.traces.entries import Entry
from plugfest.traces.talks import Talk

GONE = 5.0
"""A: below, a current counts as gone."""
FOLLOWS = 1.0
"""s that an output may take to follow a limit that was lowered."""
LIVE = 70.0
"""s: a session in which nothing was said for longer is over (the sequence time-out is 60 s)."""
CLOSES = 0.25
"""s of tolerance on each limit."""
PLAYED = 10.0
"""s before an act in which a session must have been under way for the act to mean something."""
ANEW = ("plug", "present_card", "new_session", "resume_vehicle", "wake_vehicle", "state_e", "state_f", "charger_good",
        "pilot_good")  # fmt: skip
"""Acts after which a new session may begin."""


@dataclass(frozen=True)
class Miss:
    """An expectation that does not hold.

    Attributes:
        cause: why.
        observed: what was seen.
        side: who is to blame; "": the side responsible for the expectation.
        stalled: the session did not get far enough: the diagnosis knows more.
    """

    cause: Cause
    observed: str
    side: Blamed = ""
    stalled: bool = False


@dataclass(frozen=True)
class Frame:
    """What a look has before it.

    Attributes:
        start, end: s of the recording between which the expectation holds, settling included in neither.
        since: s of the act after which it holds.
    """

    scenario: Scenario
    evidence: Evidence
    port: Port
    expected: Expected
    since: float
    start: float
    end: float

    @property
    def value(self) -> Any:
        return self.expected.value

    def talks(self) -> list[Talk]:
        """The conversations that begin between both times, and those under way."""
        return [talk for talk in self.port.talks if talk.end >= self.since and talk.start <= self.end]

    def responses(self, name: str) -> list[Entry]:
        """Messages of a name between both times."""
        return [entry for entry in self.port.messages(self.since, self.end) if entry.name == name]

    def window(self, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """The points of a series between both times."""
        return [(time, value) for time, value in points if self.start <= time <= self.end]


Look = Callable[[Frame], Miss | None]


def at(time: float) -> str:
    return f"at {time:.1f} s"


def seen(frame: Frame) -> None:
    """Raises Inconclusive where nothing was recorded, or nothing that can be read."""
    if frame.port.encrypted and not frame.port.recording.messages:
        raise Inconclusive("what was said is encrypted", cause=Cause.ENCRYPTED)
    if frame.port.empty:
        raise Inconclusive("nothing was recorded", cause=Cause.NOT_RECORDED)


def furthest(frame: Frame) -> str:
    steps = [step for step, _ in frame.port.phases(frame.since, frame.end) if step is not Step.END]
    return f"the session got to {max(steps).title}" if steps else "no session started"
