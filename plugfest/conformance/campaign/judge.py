"""From what stopped a run to its verdict: a failure, or a finding where the expectation is our own reading.

The sentence of a verdict stands alone: what was done (of the catalogue), what went wrong and what was expected (of the
check), and how long after which message (of the trace).
"""

from __future__ import annotations

from dataclasses import dataclass

from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.steps import step_text
from plugfest.conformance.cause import Cause
from plugfest.conformance.verdict import Failed, Judged, Result, Stop, Verdict
from v2g.trace import Event

_SAID = ("message", "sdp", "slac")
"""Layers whose events are messages."""

STEPS = 4
"""Most steps of a stimulus that a sentence tells; further ones are in the report."""


@dataclass
class Last:
    """The last message that the tester sent, out of the trace of a run: an observer."""

    name: str = ""
    time: float = 0.0

    def __call__(self, event: Event) -> None:
        if event.direction == "tx" and event.layer in _SAID:
            self.name, self.time = event.name, event.time

    def since(self, now: float) -> str:
        """How long ago it was."""
        return f"{max(now - self.time, 0.0):.3f} s after the tester's {self.name}" if self.name else ""


def done(run: Run) -> str:
    """What a run does, in words: the state, and the steps of its stimulus."""
    case = run.case
    steps = [step_text(step) for step in run.steps[0][:STEPS]]
    state = ", ".join((*case.preconditions[:1], *([case.setup] if case.setup else [])))
    words = "; ".join(steps) + (" ..." if len(case.stimulus) > STEPS else "")
    return " | ".join(filter(None, (run.title, state, words)))


def rule(run: Run) -> str:
    """What a case goes by: requirements, or the suite that has it."""
    case = run.case
    if case.requirements:
        return ", ".join(case.requirements)
    if case.rule:
        return case.rule
    return "our reading" if case.lenient is not None else case.id


def judge(result: Result, why: Stop, run: Run, since: str = "") -> None:
    """Takes a stop into the result.

    Args:
        since: how long it was after what.
    """
    severity = run.case.lenient
    if isinstance(why, Failed):
        result.judged = Judged(done(run), str(why), why.expected, why.rule or rule(run), why.observed, since)
        text = str(result.judged)
    else:
        text = str(why)
    if isinstance(why, Failed) and severity is not None:
        result.verdict = max(result.verdict, Verdict.PASS)
        result.find(text, severity, why.cause)
        return
    result.verdict = max(result.verdict, why.verdict)
    result.reason, result.cause = text, why.cause
    if why.verdict is not Verdict.FAIL and why.cause is not Cause.UNSTATED:
        result.look = why.cause.meaning.look
