"""How a vehicle goes through a session, whatever a run is about: order, session id, pace, and its end.

Pure. Nothing is judged any more once the charger has given a reason to end: a refusal, an alarm, a wish to stop, a
wrong message, or none in time. The pace of ISO 15118-20 is in :mod:`.pace`, what runs on side streams in none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plugfest.conformance.catalogue import timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.messages import STAGES, Stage
from plugfest.conformance.watch.papers import Papers
from plugfest.conformance.watch.violation import Violation
from v2g import naming
from v2g.messages import appproto
from v2g.protocols import ISO20, PROTOCOLS, meant
from v2g.reading import TITLES
from v2g.sequence import TABLES, Sequence, Step
from v2g.timing import DIN, ISO2, Timing

PACE = timer("V2G_EVCC_Sequence_Performance_Time")
"""s from a response to the next request at most."""
ORDERS: Mapping[str, tuple[Step, ...]] = {**TABLES, **dict.fromkeys(ISO20.modules, ISO20.order)}
"""The order of messages by their schema set."""
WAITS: Mapping[str, Timing] = {"din70121": DIN, "iso2": ISO2}
"""How long a vehicle waits for an answer, by the schema set; in all the others as in ISO 15118-20."""
FIRST = "SessionSetupReq"
LAST = "SessionStopReq"
FIRM = {("din70121", "CurrentDemandReq")}
"""After these nothing else is allowed, whatever chargers tolerate: ISO 15118-2 is read differently, and in ISO 15118-20
SessionStopReq counts as a stop while power flows."""
RECEIPT = "a receipt is the next request when it is required"


@dataclass
class Talk:
    """The requests of one session.

    Attributes:
        schema: that is spoken.
        order: what may come next; None before the session.
        last: name of the last request, "" before.
        answered_at: loop time of the last response.
        asked_at: loop time of the last request.
        answered: the last request was answered.
        late: that answer came when the vehicle had given up already, as from a tester on a busy machine.
        receipt: the last response asks for a receipt.
        waits: the vehicle waits for the charger, and may give up when its timer is over.
        free: the vehicle may close the connection without SessionStopReq, whatever was answered.
        papers: what the vehicle shows.
        agreed: schema sets of the protocol that the charger has chosen; empty: none of those that it knows.
    """

    schema: str = ""
    order: Sequence | None = None
    last: str = ""
    answered_at: float | None = None
    asked_at: float = 0.0
    answered: bool = True
    late: bool = False
    receipt: bool = False
    waits: bool = False
    free: bool = False
    papers: Papers = field(default_factory=Papers)
    agreed: frozenset[str] = frozenset()
    _request: Any = None
    found: list[Violation] = field(default_factory=list)

    def asked(
        self,
        flow: Flow,
        schema: str,
        request: Any,
        session_id: bytes | None,
        known: bytes | None,
        *,
        contract: bool = False,
    ) -> None:
        """Takes a request of the vehicle's into account, judged; ``known`` is the id that SessionSetupRes gave."""
        name = type(request).__name__
        if schema in ORDERS and self.order is None:
            self.schema, self.order = schema, Sequence(ORDERS[schema])
        excused = _excused(flow)
        if self.agreed and schema not in self.agreed and not flow.startled:
            self._add(
                flow, "other-protocol", f"{name} is of {TITLES.get(schema, schema)}, which the charger has not chosen",
                "a vehicle speaks the protocol that the charger has chosen", Cause.WRONG_MESSAGE,
            )  # fmt: skip
        due = self.receipt and contract and not excused and name not in ("MeteringReceiptReq", "PowerDeliveryReq", LAST)
        verdict = self.order.verdict(request) if self.order is not None and self.answered else "legal"
        firm = verdict == "tolerated" and (schema, self.last) in FIRM and not _excused(flow, wishes=False)
        disordered = (verdict == "illegal" and not excused) or firm
        if self.order is not None and not due and (disordered or (verdict == "tolerated" and not excused)):
            self._add(
                flow, "request-order", f"{name} comes after {self.last or 'the handshake'}",
                f"requests come in order: {self.order.expected()} is due", Cause.WRONG_MESSAGE, fails=disordered,
            )  # fmt: skip
        if known is not None and name != FIRST and not flow.startled and session_id != known:
            self._add(
                flow, "session-id", f"{name} has the session id {(session_id or b'').hex()}",
                f"each request has the session id of SessionSetupRes, {known.hex()}", Cause.WRONG_SESSION,
            )  # fmt: skip
        took = flow.now - self.answered_at if self.answered_at is not None and self.answered else 0.0
        if schema in TABLES and took > PACE + flow.terms.transmission:
            self._add(
                flow, "request-pace", f"{name} comes {took:.1f} s after the previous response",
                f"a request comes at most {PACE:g} s after the previous response", Cause.TOO_LATE,
            )  # fmt: skip
        for one in self.papers.show(request):
            self._add(flow, one.name, one.text, one.rule, one.cause, fails=one.fails)
        if due:
            self._add(
                flow, "receipt-due", f"{name} comes although ReceiptRequired was true and payment is by contract",
                RECEIPT, Cause.WRONG_MESSAGE,
            )  # fmt: skip
        self._request, self.last, self.answered, self.receipt = request, name, False, False
        self.asked_at = flow.now

    def replied(self, flow: Flow, response: Any) -> None:
        """Takes an answer of the tester's into account."""
        if self._request is None:
            return
        if self.order is not None and naming.request(type(response).__name__) == self.last:
            self.order.advance(self._request, response)
        self.papers.hear(response)
        if isinstance(response, appproto.supportedAppProtocolRes):
            self.agreed = _chosen(self._request, response)
        self.answered, self.answered_at = True, flow.now
        timing = WAITS.get(self.schema, ISO20.timing)
        self.late = flow.now - self.asked_at > timing.message_timeout(self.last)
        self.receipt = bool(getattr(response, "ReceiptRequired", False))
        working = str(getattr(response, "EVSEProcessing", "")).startswith("Ongoing")
        self.waits = working or STAGES.get(naming.exchange(self.last)) is Stage.PRECHARGE

    def refused(self, flow: Flow, why: str) -> None:
        """The tester, which answers as a good charger does, has to refuse the last request.

        Not where it has changed an answer: then it judges by an offer that the vehicle has not seen.
        """
        if self.free or flow.startled or flow.ending.alarmed:
            return
        if flow.steps.failed_at is not None or flow.steps.error_at is not None:
            return
        self._add(
            flow, "refused-request", f"a charger refuses {why}", "a charger can accept each request",
            Cause.REFUSED,
        )  # fmt: skip

    def closed(self, flow: Flow) -> None:
        """The vehicle has closed the connection."""
        begun = self.order is not None and self.last not in ("", LAST) and self.answered
        if not begun or self.waits or self.late or self.free or _excused(flow, wishes=False):
            return
        self._add(
            flow, "session-stop", f"the vehicle closes the connection after a positive answer to {self.last}",
            "a session ends with SessionStopReq", Cause.CLOSED,
        )  # fmt: skip

    def _add(self, flow: Flow, name: str, text: str, rule: str, cause: Cause, *, fails: bool = True) -> None:
        self.found.append(Violation(name, text, rule, f"rule {name}", cause, fails, time=flow.now))


def _chosen(request: appproto.supportedAppProtocolReq, response: appproto.supportedAppProtocolRes) -> frozenset[str]:
    """The schema sets of the protocol that was agreed on."""
    entry = next((one for one in request.AppProtocol if one.SchemaID == response.SchemaID), None)
    found = None if entry is None or not response.ResponseCode.startswith("OK") else meant(entry, PROTOCOLS.values())
    return frozenset() if found is None else frozenset(found[0].modules)


def _excused(flow: Flow, *, wishes: bool = True) -> bool:
    """The charger has given a reason to end; ``wishes``: a wish to stop is one."""
    moments = (flow.steps.failed_at, flow.steps.error_at, flow.ending.wish_at if wishes else None)
    return flow.startled or flow.unanswered or flow.ending.alarmed or any(moment is not None for moment in moments)
