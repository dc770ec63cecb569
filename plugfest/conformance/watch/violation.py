"""What a watch found: a judgement that was broken."""

from __future__ import annotations

from dataclasses import dataclass

from plugfest.conformance.cause import Cause


@dataclass(frozen=True)
class Violation:
    """What broke a judgement first.

    Attributes:
        name: of the judgement.
        text: one sentence.
        rule: what it breaks, in words.
        source: where that stands; the name of the judgement where it has no number.
        cause: what a run fails with.
        fails: it fails the run; else it is a finding.
        allowed: it is unusual, and allowed.
        time: loop time, s.
    """

    name: str
    text: str
    rule: str
    source: str
    cause: Cause
    fails: bool
    time: float
    allowed: bool = False
