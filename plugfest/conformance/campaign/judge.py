"""Turns what stopped a run into its verdict: a failure, or a finding if the expectation is our own reading.

The sentence of a verdict stands alone: what was done (from the catalogue), what went wrong and what was expected (from
the check), and how long after which message (from the trace).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.narrative import done
from plugfest.conformance.cause import Cause
from plugfest.conformance.verdict import Failed, Inconclusive, Judged, Result, Stop, Verdict
from v2g.trace import Event

KEPT = 2000
"""Messages of a run that are kept, whatever a device sends."""
_SAID = ("message", "sdp", "slac")
"""Layers whose events are messages."""


@dataclass
class Said:
    """An observer of a run's trace that keeps when which message was sent or came, of the latest ones."""

    messages: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT))

    def __call__(self, event: Event) -> None:
        if event.direction in ("tx", "rx") and event.layer in _SAID:
            self.messages.append(event)

    def since(self, now: float, why: Stop | None = None) -> str:
        """How long after the tester's last message a run stopped, or after the last one before what was wrong came."""
        said = list(self.messages)
        if why is not None and why.at is not None:
            now = why.at
            named = [n for n, one in enumerate(said) if one.direction == "rx" and one.name == why.observed]
            wrong = min(named, key=lambda n: abs(said[n].time - now), default=None)
            said = [one for one in said if one.time <= now] if wrong is None else said[:wrong]
        last = next((one for one in reversed(said) if one.direction == "tx"), None)
        return f"{max(now - last.time, 0.0):.3f} s after the tester's last message, {last.name}" if last else ""


def rule(run: Run) -> str:
    """The basis of a case: requirements, or the suite that contains it."""
    case = run.case
    if case.requirements:
        return ", ".join(case.requirements)
    if case.rule:
        return case.rule
    return "our reading" if case.lenient is not None else case.id


def complete(result: Result, run: Run) -> None:
    """A script's findings begin with what was done, as those of a verdict do."""
    did = done(run)
    for place, one in enumerate(result.findings):
        if one.text.startswith(did):
            continue
        whole = Judged(did, one.text)
        result.findings[place] = one._replace(text=str(whole))
        if result.reason == one.text:  # one of safety or security fails the run
            result.reason, result.judged = str(whole), whole


def judge(result: Result, why: Stop, run: Run, since: str = "") -> None:
    """Records a stop in the result.

    Args:
        since: how long after which message it happened.
    """
    severity = run.case.lenient
    if run.case.judges_path and isinstance(why, Inconclusive) and isinstance(why.__cause__, Failed):
        wrong = why.__cause__
        why = Failed(str(why), cause=wrong.cause, expected=wrong.expected, observed=wrong.observed, rule=wrong.rule)
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
