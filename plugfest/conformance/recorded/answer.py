"""What is said of one rule."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Answer(Enum):
    """What is to be said of a rule. The value is the word for people."""

    FAIL = "fail"
    FINDING = "finding"
    """Broken in a way that is tolerated, or measured where the recorder was and not at the sender."""
    PASS = "pass"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Judged:
    """One rule.

    Attributes:
        rule: its name; of a time the name of its timer.
        asks: what it asks for.
        answer: kept, broken, or not judged.
        text: what was seen, or why it is not judged.
        requirement: identifier of the standard, or "".
        time: s in the recording; None where nothing is wrong.
    """

    rule: str
    asks: str
    answer: Answer
    text: str = ""
    requirement: str = ""
    time: float | None = None

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {"rule": self.rule, "asks": self.asks, "verdict": self.answer.value}
        extra = {"text": self.text, "requirement": self.requirement, "time": self.time}
        return data | {key: value for key, value in extra.items() if value not in ("", None)}
