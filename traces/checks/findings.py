"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from traces.recording import Entry

Severity = Literal["violation", "warning", "note"]


def about(entry: Entry, severity: Severity, side: str, rule: str, text: str, requirement: str = "") -> Finding:
    """A finding at an entry of the recording."""
    return Finding(entry.time, severity, side, rule, text, requirement, entry.index)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        time: s in the recording.
        severity: ``violation``: the standard forbids it and the session depends on it; ``warning``: tolerated,
            measured a little off, or in doubt; ``note``: worth knowing.
        side: whose it is: ``evcc``, ``secc`` or "".
        rule: stable name of the rule.
        text: one sentence: what was, what was expected.
        requirement: identifier of the standard where known.
        entry: index of the entry in the recording; -1 for none.
    """

    time: float
    severity: Severity
    side: str
    rule: str
    text: str
    requirement: str = ""
    entry: int = -1

    def __str__(self) -> str:
        who = f" {self.side}" if self.side else ""
        source = f" [{self.requirement}]" if self.requirement else ""
        return f"{self.time:10.3f} {self.severity}{who} {self.rule}: {self.text}{source}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The findings in one word.

    Attributes:
        result: ``passed``, ``warnings`` (passed, with warnings), ``failed``, or ``empty`` (no message to judge).
        reason: one sentence.
    """

    result: Literal["passed", "warnings", "failed", "empty"]
    reason: str

    @property
    def ok(self) -> bool:
        """Nothing was violated, and there was something to judge."""
        return self.result in ("passed", "warnings")
