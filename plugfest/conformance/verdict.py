"""Verdicts, and what a run of a case leaves behind.

none < pass < inconc < fail < error: the worst wins. Where an expectation is our own derivation (VR.DERIVED), a
deviation is a finding: the run passes and says so.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any


class Verdict(enum.IntEnum):
    """In order; the worst of several is the largest."""

    NONE = 0
    PASS = 1
    INCONC = 2
    FAIL = 3
    ERROR = 4

    @property
    def word(self) -> str:
        """As reports have it."""
        return self.name.lower()


class Stop(Exception):
    """Ends a run with a verdict.

    Attributes:
        expected, observed: what should have been seen, and what was.
    """

    verdict = Verdict.ERROR

    def __init__(self, reason: str, *, expected: str = "", observed: str = "") -> None:
        super().__init__(reason)
        self.expected = expected
        self.observed = observed


class Failed(Stop):
    """The system under test does not what is expected."""

    verdict = Verdict.FAIL


class Inconclusive(Stop):
    """The case could not be brought to its point."""

    verdict = Verdict.INCONC


class NotExecutable(Exception):
    """This tester cannot do what the case asks for; the text says what is missing."""


@dataclass
class Result:
    """One run of a case.

    Attributes:
        run: id of the run.
        case: id of the case.
        verdict: overall.
        reason: one sentence; "" for a plain pass.
        findings: deviations from expectations of our own.
        expected, observed: one line each per expectation that was judged.
        cause: what most likely lies behind it, in words.
        not_observed: what the case wants seen and this bench cannot see.
        seconds: on the bench's clock.
        started: wall clock, ISO 8601, "" in virtual time.
        protocol, requirements, title: of the case.
        tags: of the case, such as field_conflict.
        attempts: how often it was run in this campaign.
        seed: what the case leaves open was drawn from it; None: nothing was.
    """

    run: str
    case: str = ""
    verdict: Verdict = Verdict.NONE
    reason: str = ""
    findings: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    observed: list[str] = field(default_factory=list)
    cause: str = ""
    not_observed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    started: str = ""
    protocol: str = ""
    title: str = ""
    requirements: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    attempts: int = 1
    seed: int | None = None

    def saw(self, expected: str, observed: str) -> None:
        """Notes what was judged."""
        self.expected.append(expected)
        self.observed.append(observed)

    def to_json(self) -> dict[str, Any]:
        """For the campaign's file of results."""
        data: dict[str, Any] = {key: value for key, value in vars(self).items() if value not in ("", [], None)}
        data["verdict"] = self.verdict.word
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        """As :meth:`to_json` wrote it."""
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        return cls(**{**known, "verdict": Verdict[data["verdict"].upper()]})
