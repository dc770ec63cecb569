"""A vehicle that says what a test tells it to, in the order a test tells it to, against the real charger."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
from bench import MODES, Bench

from secc.authorizer import Delayed
from secc.minimal import minimal
from secc.serve import ANSWERS
from secc.visit import Answer, Answers, AnswerTable, Visit
from slac.pilot import State
from v2g.channel import Channel
from v2g.errors import ConnectionLost
from v2g.messages import din70121, iso2
from v2g.messages.base import Request, Response
from v2g.outcome import Outcome
from v2g.protocols import offer
from v2g.sequence import TABLES, Sequence
from v2g.session import Received, Session

NORMAL = {
    "iso2-dc": "SessionSetupReq ServiceDiscoveryReq PaymentServiceSelectionReq:external AuthorizationReq"
    " ChargeParameterDiscoveryReq CableCheckReq CableCheckReq PreChargeReq PowerDeliveryReq:start CurrentDemandReq"
    " PowerDeliveryReq:stop WeldingDetectionReq SessionStopReq:terminate",
    "iso2-ac": "SessionSetupReq ServiceDiscoveryReq PaymentServiceSelectionReq:external AuthorizationReq"
    " ChargeParameterDiscoveryReq PowerDeliveryReq:start ChargingStatusReq"
    " PowerDeliveryReq:stop SessionStopReq:terminate",
    "din": "SessionSetupReq ServiceDiscoveryReq ServicePaymentSelectionReq ContractAuthenticationReq"
    " ChargeParameterDiscoveryReq CableCheckReq CableCheckReq PreChargeReq PowerDeliveryReq:start CurrentDemandReq"
    " PowerDeliveryReq:stop WeldingDetectionReq SessionStopReq",
}
"""The shortest whole session: labels of :func:`requests`."""

PAUSE = 4.0
"""s: before a request is repeated, long enough for the cable check."""

LOOPS = ("CurrentDemandReq", "ChargingStatusReq")

# Pilot states that an orderly vehicle shows before it sends a request.
PILOT = {
    "CableCheckReq": State.C,
    "PowerDeliveryReq:start": State.C,
    "WeldingDetectionReq": State.B,
    "SessionStopReq": State.B,
    "SessionStopReq:terminate": State.B,
    "SessionStopReq:pause": State.B,
}


# ---------------------------------------------------------------------------------------------------------------
# Requests


def request_classes(module: Any) -> list[type[Any]]:
    """All request classes of a message set."""
    return [k for k in vars(module).values() if inspect.isclass(k) and issubclass(k, Request) and k is not Request]


def response_classes(module: Any) -> list[type[Any]]:
    """All response classes of a message set."""
    return [k for k in vars(module).values() if inspect.isclass(k) and issubclass(k, Response) and k is not Response]


def value(module: Any, amount: int, unit: str | None, multiplier: int = 0) -> Any:
    return module.PhysicalValueType(Multiplier=multiplier, Unit=unit, Value=amount)


def status(module: Any, error: str = "NO_ERROR") -> Any:
    return module.DC_EVStatusType(EVReady=True, EVErrorCode=error, EVRESSSOC=50)


def dc_parameter(module: Any, **changes: Any) -> Any:
    fields = {
        "DC_EVStatus": status(module),
        "EVMaximumCurrentLimit": value(module, 200, "A"),
        "EVMaximumVoltageLimit": value(module, 450, "V"),
    }
    return module.DC_EVChargeParameterType(**{**fields, **changes})


def ac_parameter(**changes: Any) -> Any:
    fields = {
        "EAmount": value(iso2, 20000, "Wh"),
        "EVMaxVoltage": value(iso2, 400, "V"),
        "EVMaxCurrent": value(iso2, 32, "A"),
        "EVMinCurrent": value(iso2, 6, "A"),
    }
    return iso2.AC_EVChargeParameterType(**{**fields, **changes})


def services(module: Any, *numbers: int, parameter_set: int | None = None) -> Any:
    chosen = [module.SelectedServiceType(ServiceID=number, ParameterSetID=parameter_set) for number in numbers]
    return module.SelectedServiceListType(SelectedService=chosen)


def requests(mode: str) -> dict[str, Any]:
    """Every request as a sensible vehicle sends it, by label: its name, and a word where it has forms."""
    protocol, ac = MODES[mode]
    module = protocol.module
    found: dict[str, Any] = {}
    for kind in request_classes(module):
        given: dict[str, Any] = {"Id": "id1"} if kind.__name__.startswith("Certificate") else {}
        found[kind.__name__] = minimal(protocol.schema, kind, dc=not ac, **given)
    demand = {"EVTargetVoltage": value(module, 400, "V"), "EVTargetCurrent": value(module, 100, "A")}
    found |= {
        "SessionSetupReq": module.SessionSetupReq(EVCCID=bytes.fromhex("02a1b2c3d4e5")),
        "CableCheckReq": module.CableCheckReq(DC_EVStatus=status(module)),
        "PreChargeReq": module.PreChargeReq(
            DC_EVStatus=status(module), EVTargetVoltage=demand["EVTargetVoltage"], EVTargetCurrent=value(module, 1, "A")
        ),
        "CurrentDemandReq": module.CurrentDemandReq(DC_EVStatus=status(module), ChargingComplete=False, **demand),
        "WeldingDetectionReq": module.WeldingDetectionReq(DC_EVStatus=status(module)),
    }
    return found | (_din_forms(found) if module is din70121 else _iso2_forms(found, ac))


def _din_forms(found: dict[str, Any]) -> dict[str, Any]:
    del found["PowerDeliveryReq"]
    din = din70121
    return {
        "ServicePaymentSelectionReq": din.ServicePaymentSelectionReq(
            SelectedPaymentOption="ExternalPayment", SelectedServiceList=services(din, 1)
        ),
        "ChargeParameterDiscoveryReq": din.ChargeParameterDiscoveryReq(
            EVRequestedEnergyTransferType="DC_extended", EVChargeParameter=dc_parameter(din)
        ),
        "PowerDeliveryReq:start": din.PowerDeliveryReq(ReadyToChargeState=True),
        "PowerDeliveryReq:stop": din.PowerDeliveryReq(ReadyToChargeState=False),
    }


def _iso2_forms(found: dict[str, Any], ac: bool) -> dict[str, Any]:
    for name in ("PaymentServiceSelectionReq", "PowerDeliveryReq", "SessionStopReq"):
        del found[name]
    selection, delivery = iso2.PaymentServiceSelectionReq, iso2.PowerDeliveryReq
    return {
        "PaymentServiceSelectionReq:external": selection(
            SelectedPaymentOption="ExternalPayment", SelectedServiceList=services(iso2, 1)
        ),
        "PaymentServiceSelectionReq:contract": selection(
            SelectedPaymentOption="Contract", SelectedServiceList=services(iso2, 1)
        ),
        "ChargeParameterDiscoveryReq": iso2.ChargeParameterDiscoveryReq(
            RequestedEnergyTransferMode="AC_three_phase_core" if ac else "DC_extended",
            EVChargeParameter=ac_parameter() if ac else dc_parameter(iso2),
        ),
        "PowerDeliveryReq:start": delivery(ChargeProgress="Start", SAScheduleTupleID=1),
        "PowerDeliveryReq:stop": delivery(ChargeProgress="Stop", SAScheduleTupleID=1),
        "PowerDeliveryReq:renegotiate": delivery(ChargeProgress="Renegotiate", SAScheduleTupleID=1),
        "SessionStopReq:terminate": iso2.SessionStopReq(ChargingSession="Terminate"),
        "SessionStopReq:pause": iso2.SessionStopReq(ChargingSession="Pause"),
    }


REQUESTS = {mode: requests(mode) for mode in MODES}


# ---------------------------------------------------------------------------------------------------------------
# A charger that can be brought into every row of the table


def everything(mode: str) -> Answers:
    """The charger's answers, and beside them contract payment, receipts, and charge parameters that take two rounds."""
    protocol, ac = MODES[mode]
    table = AnswerTable(ANSWERS[protocol.name])
    module = protocol.module

    def plain(kind: type[Any]) -> Answer:
        return lambda *_: minimal(protocol.schema, kind, dc=not ac, ResponseCode="OK")

    def every_second(answer: Answer, change: Callable[[bool], dict[str, Any]]) -> Answer:
        count = 0

        def changed(visit: Visit, request: Any) -> Any:
            nonlocal count
            count += 1
            return msgspec.structs.replace(answer(visit, request), **change(count % 2 == 0))

        return changed

    parameters = table[module.ChargeParameterDiscoveryReq]
    table[module.ChargeParameterDiscoveryReq] = every_second(
        parameters, lambda second: {"EVSEProcessing": "Finished" if second else "Ongoing"}
    )
    if module is iso2:
        table[iso2.PaymentServiceSelectionReq] = plain(iso2.PaymentServiceSelectionRes)
        table[iso2.PaymentDetailsReq] = plain(iso2.PaymentDetailsRes)
        table[iso2.MeteringReceiptReq] = plain(iso2.MeteringReceiptRes)
        for name in ("CertificateInstallationReq", "CertificateUpdateReq"):
            table[getattr(iso2, name)] = plain(getattr(iso2, name.removesuffix("Req") + "Res"))
        for loop in (iso2.CurrentDemandReq, iso2.ChargingStatusReq):
            table[loop] = every_second(table[loop], lambda second: {"ReceiptRequired": second})
    return table


# ---------------------------------------------------------------------------------------------------------------
# The vehicle


@dataclass
class Driver:
    """The vehicle's end of a session with a charger.

    Attributes:
        bench: the plant; its vehicle is not used, its output has a load that takes what it asks for.
        mode: of the bench.
        session: the vehicle's end.
        charger: the charger's task.
        sequence: where the session is in its table.
        sent: labels of what was asked.
    """

    bench: Bench
    mode: str
    session: Session
    charger: asyncio.Task[Outcome]
    sequence: Sequence
    sent: list[str] = field(default_factory=list)

    @classmethod
    async def connect(cls, mode: str, *, bench: Bench | None = None, handshake: bool = True, **options: Any) -> Self:
        """A vehicle plugged in and connected; with ``handshake`` the protocol is agreed as well."""
        bench = bench or Bench(mode, **{"test_seconds": 0.2, **options})
        bench.evse.pilot.offer(5.0)
        bench.wire.ev.set(State.B)
        if bench.power is not None:
            bench.power.load = None
        if bench.supply is not None:
            bench.supply.load = None
        channel, charger = await bench.charger_alone()
        session = Session(channel, tolerant=True)
        driver = cls(bench, mode, session, charger, Sequence(TABLES[bench.protocol.name], dc=not bench.ac))
        if handshake:
            await driver.handshake()
        return driver

    @property
    def module(self) -> Any:
        return self.bench.protocol.module

    @property
    def channel(self) -> Channel:
        return self.session.channel

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def handshake(self) -> None:
        await self.session.send(offer([self.bench.protocol]))
        response = (await self.session.receive()).message
        assert response.ResponseCode == "OK_SuccessfulNegotiation"
        self.session.protocol = self.bench.protocol

    async def send(self, message: Any, session_id: bytes | None = None) -> None:
        """Sends a message, also one that breaks its facets, under another session id if one is given."""
        own, self.session.id = self.session.id, self.session.id if session_id is None else session_id
        self.session.rewrite = {type(message): lambda same: same}
        try:
            await self.session.send(message)
        finally:
            self.session.id = own

    async def receive(self) -> Received:
        async with asyncio.timeout(10.0):
            return await self.session.receive()

    async def ask(self, message: Any, session_id: bytes | None = None) -> Any:
        """The response to a request, whatever its code; it has to be of the type that pairs."""
        await self.send(message, session_id)
        received = await self.receive()
        response = received.message
        assert type(response).__name__ == type(message).__name__.removesuffix("Req") + "Res"
        if type(message).__name__ == "SessionSetupReq" and response.ResponseCode.startswith("OK"):
            self.session.id = received.session_id
        assert received.session_id == self.session.id
        self.sequence.advance(message, response)
        return response

    async def step(self, label: str, **changes: Any) -> Any:
        """Does what an orderly vehicle does for a request of :func:`requests`, with fields changed as given."""
        name = label.partition(":")[0]
        if self.sent and self.sent[-1] == label:
            await asyncio.sleep(0.1 if name in LOOPS else PAUSE)
        if label in PILOT:
            self.bench.wire.ev.set(PILOT[label])
        self.sent.append(label)
        message = REQUESTS[self.mode][label]
        return await self.ask(msgspec.structs.replace(message, **changes) if changes else message)

    async def walk(self, labels: Iterable[str]) -> Any:
        """Steps that all have to succeed; the last response."""
        response = None
        for label in labels:
            response = await self.step(label)
            assert response.ResponseCode.startswith("OK"), (label, response.ResponseCode)
        return response

    async def reach(self, label: str) -> None:
        """The normal session as far as it goes before a request."""
        steps = NORMAL[self.mode].split()
        await self.walk(steps[: steps.index(label)])

    async def charge(self, seconds: float = 3.0) -> None:
        """The normal session, then the loop for some seconds."""
        loop = LOOPS[self.bench.ac]
        await self.reach(loop)
        end = self.now + seconds
        while self.now < end:
            await self.walk([loop])
        assert self.bench.evse._amps() > 20.0

    # -- how it ends ------------------------------------------------------------------------------------------------

    async def closed(self, within: float = 5.0) -> Outcome:
        """The charger says nothing more and closes, within the limit for TCP; its outcome."""
        try:
            async with asyncio.timeout(within + 1e-6):
                await self.session.receive()
            raise AssertionError("the charger said something more")
        except ConnectionLost:
            pass
        async with asyncio.timeout(2.5):
            return await self.charger

    async def leave(self) -> Outcome:
        """Closes the connection; the charger's outcome."""
        await self.session.close()
        async with asyncio.timeout(10.0):
            return await self.charger

    @property
    def driven(self) -> bool:
        """Whether the charger drives its output: the DC source is on, or the AC contactor is (being) closed."""
        evse = self.bench.evse
        return (evse.power is not None and evse.power.on) or (evse.ac is not None and evse.ac.closed)

    async def dead(self, within: float) -> float:
        """Seconds until the output is no longer driven and carries no current; fails when that takes too long."""
        start = self.now
        while self.driven or self.bench.evse._amps() >= 1.0:
            assert self.now - start <= within + 1e-6, f"live after {within} s: {self.bench.evse._amps():.1f} A"
            await asyncio.sleep(0.01)
        return self.now - start


def row(sequence: Sequence) -> tuple[str, str, str]:
    """Which row of the table holds: the message before, what may follow, what is tolerated."""
    return sequence.last, " ".join(sequence.allowed), " ".join(sequence.tolerated)


async def routes(mode: str, *, full: bool) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """The shortest way into each row of the table that this charger can be brought into, over legal requests only."""
    found: dict[tuple[str, str, str], tuple[str, ...]] = {}
    ways: list[tuple[str, ...]] = [()]
    for way in ways:
        driver = await arrive(mode, way, full=full)
        if driver is None:
            continue
        if (here := row(driver.sequence)) not in found:
            found[here] = way
            ways += [(*way, label) for label, request in REQUESTS[mode].items() if legal(driver.sequence, request)]
        await driver.leave()
    return found


def legal(sequence: Sequence, request: Any) -> bool:
    return sequence.verdict(request) == "legal"


async def arrive(mode: str, way: Iterable[str], *, full: bool, tolerant: bool = True) -> Driver | None:
    """A session that went a way, or None if the charger refused on it. ``full``: a charger with :func:`everything`."""
    bench = Bench(mode, tolerant=tolerant, test_seconds=0.2, authorizer=Delayed(1.0) if full else None)
    if full:
        bench.se.answers = {**ANSWERS, bench.protocol.name: everything(mode)}
    driver = await Driver.connect(mode, bench=bench)
    for label in way:
        response = await driver.step(label)
        if response.ResponseCode.startswith("FAILED"):
            await driver.leave()
            return None
    return driver
