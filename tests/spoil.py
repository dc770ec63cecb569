"""A charger that is right but for one answer, and what must hold for the vehicle however its session ended."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from bench import MODES, Bench

import exi
from evcc import charge as evcc
from secc import iso2 as secc_iso2
from secc import serve as secc
from secc.visit import Answer, AnswerTable, Visit
from slac.pilot import State
from v2g import messages
from v2g.channel import Channel
from v2g.memory_link import memory_pair
from v2g.messages import appproto, iso2
from v2g.messages.base import Response
from v2g.outcome import Cause, Outcome
from v2g.sequence import START, TABLES, Step
from v2g.trace import Event

SERVICE = 61000
"""An additional service, so that ServiceDetail takes place."""

HANDSHAKE = "supportedAppProtocolReq"

TCP_TERMINATION = 5.0
"""s: end of the session to the close of TCP."""

CURRENT_GONE = 2.0
"""s: longest wait of a vehicle for the current to go before its contactors open."""

# ---------------------------------------------------------------------------------------------------------------
# Which messages there are


def _rows(table: Iterable[Step], after: str, dc: bool) -> Iterator[Step]:
    """The rows that can hold in a session with external payment; the first that fits counts."""
    passed = set()
    for step in (row for row in table if row.after == after):
        condition = step.when.__name__.strip("_") if step.when else ""
        if condition == "contract" or (not dc and condition in ("dc", "start_dc")):
            continue
        if f"{condition}_dc" in passed:
            continue
        yield step
        if condition in ("", "dc"):
            return
        passed.add(condition)


def exchanges(mode: str) -> list[tuple[str, int]]:
    """(request, which one of its name) of all that a session can contain, from the table of sequences.

    A request that the table also knows as one that stops comes twice.
    """
    protocol, ac = MODES[mode]
    table, found, stopping = TABLES[protocol.name], [START], set()
    for name in found:
        for step in _rows(table, name, not ac):
            names = [entry.partition(":") for entry in step.then.split()]
            stopping |= {request for request, _, how in names if how == "stop"}
            found += [request for request, _, _ in names if request not in found]
    names = [HANDSHAKE, *found[1:]]
    return [(name, 1) for name in names] + [
        (name, 2) for name in names if name in stopping or name == "PowerDeliveryReq"
    ]


CASES = [(mode, request, place) for mode in MODES for request, place in exchanges(mode)]
"""Every response that a vehicle can be sent."""

SPOKEN = [case for case in CASES if case[1] != HANDSHAKE]


def response_class(mode: str, request: str) -> Any:
    module = appproto if request == HANDSHAKE else MODES[mode][0].module
    return getattr(module, request.removesuffix("Req") + "Res")


def response_classes(module: Any) -> list[type[Any]]:
    """All responses of a message set."""
    return [kind for kind in vars(module).values() if inspect.isclass(kind) and issubclass(kind, Response)
            and kind is not Response]  # fmt: skip


def failed_codes(module: Any) -> list[str]:
    """All codes of a message set that refuse."""
    return [code for code in module.responseCodeType.__args__ if code.upper().startswith("FAILED")]


# ---------------------------------------------------------------------------------------------------------------
# A charger that also has services and wants receipts


def _full_answers() -> AnswerTable:
    answers = AnswerTable(secc_iso2.ANSWERS)

    def discovery(visit: Visit, request: Any) -> Any:
        service = iso2.ServiceType(ServiceID=SERVICE, ServiceCategory="OtherCustom", FreeService=True)
        found = secc_iso2.service_discovery(visit, request)
        return msgspec.structs.replace(found, ServiceList=iso2.ServiceListType(Service=[service]))

    def once_with_receipt(answer: Answer) -> Answer:
        counted: list[Any] = []

        def asking(visit: Visit, request: Any) -> Any:
            counted.append(request)
            return msgspec.structs.replace(answer(visit, request), ReceiptRequired=len(counted) == 2)

        return asking

    def receipt(visit: Visit, request: Any) -> Any:
        status = secc_iso2.dc_status(visit) if visit.dc else secc_iso2.ac_status(visit)
        return iso2.MeteringReceiptRes(ResponseCode="OK", EVSEStatus=status)

    answers[iso2.ServiceDiscoveryReq] = discovery
    answers[iso2.ServiceDetailReq] = lambda _, request: iso2.ServiceDetailRes(
        ResponseCode="OK", ServiceID=request.ServiceID
    )
    answers[iso2.PaymentServiceSelectionReq] = lambda *_: iso2.PaymentServiceSelectionRes(ResponseCode="OK")
    for loop in (iso2.CurrentDemandReq, iso2.ChargingStatusReq):
        answers[loop] = once_with_receipt(answers[loop])
    answers[iso2.MeteringReceiptReq] = receipt
    return answers


def full_bench(mode: str, **options: Any) -> Bench:
    """A short session in which each exchange of the table takes place."""
    bench = Bench(mode, **{"duration": 0.5, "test_seconds": 0.2, **options})
    bench.ev.services = {SERVICE: None}
    bench.se.answers = {**secc.ANSWERS, "iso2": _full_answers()}
    return bench


def answer(bench: Bench, request: type[Any], make: Answer) -> None:
    """The charger answers a request like this, and regards it as answered."""
    name = bench.protocol.name
    table: Mapping[type[Any], Answer] = bench.se.answers[name]
    bench.se.answers = {**bench.se.answers, name: {**table, request: make}}


# ---------------------------------------------------------------------------------------------------------------
# One wrong answer


@dataclass
class Spoiled:
    """A session with one wrong answer.

    Attributes:
        request: the one that was answered wrongly.
        asked, wrong, ended: loop times of that request, of the wrong answer, and of the vehicle's end.
        channel: the charger's end.
        outcome, charger: of vehicle and charger.
        finished: loop time at which the charger had noticed.
    """

    bench: Bench
    request: str
    asked: float = 0.0
    wrong: float | None = None
    ended: float = 0.0
    finished: float = 0.0
    channel: Channel | None = None
    outcome: Outcome = field(default_factory=Outcome)
    charger: Outcome = field(default_factory=Outcome)

    def sent_after(self) -> list[str]:
        """What the vehicle still sent after the wrong answer."""
        assert self.wrong is not None
        return [e.name for e in self.sent() if e.time > self.wrong]

    def sent(self) -> list[Event]:
        """What the vehicle sent."""
        return [e for e in self.bench.events["ev"] if e.layer == "message" and e.direction == "tx"]

    def schema(self) -> Any:
        """Of the spoilt response."""
        return messages.schema("appproto") if self.request == HANDSHAKE else self.bench.protocol.schema

    def changed(self, data: bytes, change: Callable[[Any], Any]) -> bytes:
        """The EXI of a response whose document a function has changed."""
        document = exi.decode(self.schema(), data)
        return exi.encode(self.schema(), change(document) or document, strict=False)


Fault = Callable[[Spoiled, bytes], Any]
"""Makes of the right bytes the wrong ones; None: nothing is sent. May be a coroutine."""


async def spoil(bench: Bench, request: str, fault: Fault, place: int = 1, *, frame: bool = False) -> Spoiled:
    """Runs a session in which the ``place``-th answer to a request is spoilt, its EXI or its whole frame."""
    result, seen = Spoiled(bench, request), 0
    mode = next(name for name, kind in MODES.items() if kind == (bench.protocol, bench.ac))
    loop = asyncio.get_running_loop()

    async def seam(data: bytes) -> Any:
        nonlocal seen
        seen += 1
        if seen != place:
            return data
        result.wrong, result.asked = loop.time(), result.sent()[-1].time
        value = fault(result, data)
        value = await value if inspect.isawaitable(value) else value
        result.wrong = loop.time()
        return value

    (bench.se.rewrite_frame if frame else bench.se.rewrite_exi)[response_class(mode, request)] = seam
    result.channel, vehicle_end = await memory_pair()
    charger = asyncio.create_task(secc.serve(result.channel, bench.evse, bench.se))
    result.outcome = await evcc.charge(vehicle_end, bench.vehicle, bench.ev)
    result.ended = loop.time()
    result.charger = await charger
    result.finished = loop.time()
    assert result.wrong is not None, f"no answer number {place} to {request}"
    return result


def assert_safe(result: Spoiled, noticed: float | None = None) -> None:
    """However it ended: nothing connected, no harm done, connection closed, and all that in time.

    Args:
        noticed: loop time when the vehicle could know; by default that of the wrong answer.
    """
    bench, since = result.bench, result.wrong if noticed is None else noticed
    assert since is not None
    assert not bench.vehicle.contactors.closed
    assert bench.vehicle.contactors.mishaps == []
    assert bench.wire.ev.state is State.B
    assert bench.safe
    assert bench.vehicle.ac_current == 0.0
    assert result.ended - since <= CURRENT_GONE
    # The charger ends because the vehicle has closed, not because its own timers are over.
    assert result.finished - result.ended <= TCP_TERMINATION
    assert result.outcome.cause is not Cause.ERROR
    assert result.outcome.reason


def assert_silent(result: Spoiled) -> None:
    """The vehicle said nothing more: it has to terminate, and a good-bye would be one more request."""
    assert result.sent_after() == []
