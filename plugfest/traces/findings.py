"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from boundary.text import clause
from plugfest.traces.entries import Entry

Severity = Literal["violation", "warning", "note"]


def about(entry: Entry, severity: Severity, side: str, rule: str, text: str, requirement: str = "") -> Finding:
    """A finding at an entry of the recording."""
    return Finding(entry.time, severity, side, rule, text, requirement, entry.index)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong or worth knowing.

    Attributes:
        time: s in the recording.
        severity: ``violation``: the standard forbids it and the session depends on it; ``warning``: tolerated,
            measured slightly off, or in doubt; ``note``: worth knowing.
        side: who caused it: ``evcc``, ``secc`` or "".
        rule: stable name of the rule. text: one sentence: what happened, and what was expected.
        requirement: identifier in the standard, if known.
        entry: index of the entry in the recording; -1 for none.
        count: how often it was found.
        last: time of the last occurrence, s; None if there was only one. last_entry: its entry; -1 for none.
    """

    time: float
    severity: Severity
    side: str
    rule: str
    text: str
    requirement: str = ""
    entry: int = -1
    count: int = 1
    last: float | None = None
    last_entry: int = -1

    def __str__(self) -> str:
        who = f" {self.side}" if self.side else ""
        return f"{self.time:10.3f} {self.severity}{who} {self.rule}: {self.full}"

    @property
    def often(self) -> str:
        """How often it was found, in words; "" for once."""
        return f"{self.count} times until {self.last:.3f} s" if self.count > 1 and self.last is not None else ""

    @property
    def full(self) -> str:
        """The text with count and requirement."""
        source = f" [{self.requirement}]" if self.requirement else ""
        return self.text + (f" ({self.often})" if self.often else "") + source


@dataclass(frozen=True, slots=True)
class Verdict:
    """The findings in one word and one sentence.

    Attributes:
        result: ``passed``, ``warnings`` (passed, with warnings), ``failed``, ``not decided`` (the recording ends while
            an answer is due), or ``empty`` (nothing to judge).
        sentence: what happened, who caused it and why: the first step that failed.
        details: what was recorded, and how much was found.
        charged: False if it is known that nothing was charged although nothing was wrong.
    """

    result: Literal["passed", "warnings", "not decided", "failed", "empty"]
    sentence: str
    details: str = ""
    charged: bool = True

    @property
    def ok(self) -> bool:
        """Whether nothing was violated, and there was something to judge."""
        return self.result in ("passed", "warnings")

    @property
    def word(self) -> str:
        """The result in words."""
        return {"warnings": "passed with warnings", "empty": "nothing to judge"}.get(self.result, self.result)

    @property
    def headline(self) -> str:
        """The result in words, and the sentence."""
        return f"{self.word if self.charged or not self.ok else 'not charged'}: {clause(self.sentence)}"

    @property
    def reason(self) -> str:
        """The sentence with the details."""
        return f"{self.sentence} ({self.details})" if self.details else self.sentence
