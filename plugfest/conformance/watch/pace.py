"""Performance times of ISO 15118-20: how fast a charger answers and a vehicle asks.

A message that misses its time-out fails: a response where it is awaited, a request here, since the tester's charger
waits for it. One that comes between the performance time and that is a finding: the other side has no reserve.
"""

from __future__ import annotations

from plugfest.conformance.catalogue.durations import allowed
from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import Book, Side, Weight
from plugfest.conformance.watch.messages import Said, Stage
from v2g import naming
from v2g.protocols import ISO20
from v2g.rules.rule import ISO20 as SETS

BOOK = Book()
EVCC: Side = "evcc"
SECC: Side = "secc"
EVERY = tuple(stage for stage in Stage if stage is not Stage.HANDSHAKE)


@BOOK.on("answer-late", "a charger answers within its performance time", "SECC_Msg_Performance", SECC, Stage.LOOP,
         weight=Weight.NOTED, cause=Cause.TOO_LATE)  # fmt: skip
def answer_late(flow: Flow, said: Said) -> str:
    """In the loop; elsewhere a late answer fails (`answers.answer_time`)."""
    request = flow.request
    if flow.facts.protocol not in SETS or request is None or flow.owed_since is None:
        return ""
    if naming.exchange(request.name) != naming.exchange(said.name):
        return ""
    took, limit = flow.now - flow.owed_since, ISO20.timing.performance_time(request.name)
    if took <= limit + flow.terms.transmission:
        return ""
    most = allowed(limit, flow.terms.transmission)
    return f"{said.name} came {took:.2f} s after its request; SECC_Msg_Performance is {most}"


def _asked_after(flow: Flow, said: Said) -> tuple[float, bool]:
    """Seconds from a good response to this request, 0 where that is unknown; and whether both are of the loop."""
    response, answered = flow.response, flow.answered_at
    if flow.facts.protocol not in SETS or response is None or answered is None or not response.ok or flow.startled:
        return 0.0, False
    return flow.now - answered, response.stage is Stage.LOOP and said.stage is Stage.LOOP


@BOOK.on("request-overdue", "a vehicle asks before the charger's time-out", "SECC_Sequence_Timeout", EVCC, *EVERY,
         cause=Cause.TOO_LATE)  # fmt: skip
def request_overdue(flow: Flow, said: Said) -> str:
    took, looping = _asked_after(flow, said)
    limit = ISO20.timing.sequence_timeout(in_loop=looping)
    if took <= limit + flow.terms.transmission:
        return ""
    most = allowed(limit, flow.terms.transmission)
    return f"{said.name} came {took:.2f} s after the previous response; SECC_Sequence_Timeout is {most}"


@BOOK.on("request-late", "a vehicle asks within its performance time", "EVCC_Sequence_Performance", EVCC, *EVERY,
         weight=Weight.NOTED, cause=Cause.TOO_LATE)  # fmt: skip
def request_late(flow: Flow, said: Said) -> str:
    took, looping = _asked_after(flow, said)
    limit = ISO20.timing.sequence_performance(in_loop=looping)
    if took <= limit + flow.terms.transmission:
        return ""
    most = allowed(limit, flow.terms.transmission)
    return f"{said.name} came {took:.2f} s after the previous response; EVCC_Sequence_Performance is {most}"
