"""The tester charger: serves a vehicle under test with good-case answers, stops at a request, and deviates there.

The answers are our charger's own (:mod:`secc.iso2`, :mod:`secc.din70121`) over a simulated plant, without its checks of
order and session, which the case judges. `catch` names a request to hold, `held` waits for it, `reply` answers it,
right or wrong, and lets the good case continue.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.catalogue.protocols import energy
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.plant import tester_evse
from plugfest.conformance.fields import replaced
from plugfest.conformance.stimulus import ChargerStimulus, restated
from plugfest.conformance.sut.contracts import charger_contracts, charger_contracts20
from plugfest.conformance.sut.systems import VehicleUnderTest
from plugfest.conformance.verdict import Failed, Inconclusive
from plugfest.conformance.watch.flow import Measured
from plugfest.conformance.watch.watch import FREES, LEAVES, REFUSES
from plugfest.conformance.wire import Arrival, Wire
from secc import iso20_parking, iso20_renegotiation
from secc import serve as secc
from secc.beside import Apart
from secc.minimal import minimal
from secc.visit import Answers, Refusal, Visit
from slac.pilot import DIGITAL, READY, Reading, State
from v2g import sdp
from v2g.channel import Channel
from v2g.errors import ConnectionLost, RemoteError
from v2g.messages import appproto, din70121, iso2
from v2g.protocols import APPPROTO, ISO2, ISO20, Protocol, select
from v2g.protocols.iso20 import PARKING, RENEGOTIATION
from v2g.sequence import START, after
from v2g.streams import MAIN
from v2g.trace import Event, Observe, ignore

if TYPE_CHECKING:
    from plugfest.conformance.sut.certificates import Certificates
    from secc.contract import Contracts
    from v2g.tls import Context as TlsContext

EPOCH = 1_700_000_000
LOOPS = 3
"""Rounds of the charging loop before the tester asks the vehicle to stop, if the case is about the end."""

DECLARED = {
    "CertificateInstallationReq": ("PIXIT_EVCC_CMN_CertificateHandling", "certInstall"),
    "CertificateUpdateReq": ("PIXIT_EVCC_CMN_CertificateHandling", "certUpdate"),
    "WeldingDetectionReq": ("PIXIT_EVCC_DC_WeldingDetection", "weldingDetection"),
    "ServiceDetailReq": ("PIXIT_EVCC_CMN_VAS", "serviceDetail"),
}
"""Requests that a vehicle may leave out, and the declaration that it sends them."""

OF_THE_BENCH = (
    "FAILED_CertChainError", "FAILED_NoCertificateAvailable", "FAILED_CertificateRevoked", "FAILED_ContractCanceled",
)  # fmt: skip
"""Codes with which the tester's own trust anchors and lists refuse a vehicle that may be right elsewhere."""

Override = Callable[[Any, Any], Any]
"""Makes another response from a request and its good-case response; None: no response."""


class Reply(NamedTuple):
    """A response of the tester: loop time, name and message."""

    time: float
    name: str
    message: Any


@dataclass
class TesterEvse:
    """A charger for a vehicle under test.

    Attributes:
        system: the vehicle.
        protocol: the one to use. evse: the tester's plant.
        wires: connections, in order.
        requests: the vehicle's requests, in order, except discovery.
        replied: responses, in order.
        asked: SDP requests: time, bytes.
        pilots: pilot readings: time, reading.
        overrides: responses other than the good case's, by request name.
        fixed: one response for every request of a name.
        receipts: ReceiptRequired in the loop.
        services: additional services to offer.
        stimulus: decides what the case leaves open.
        security: what SDP announces.
        refused: requests that the tester had to refuse, with the reasons.
        contracts: what contract payment needs.
        taken: the bench's certificates, if it has any.
        stops_after: rounds of the loop after which the tester asks the vehicle to stop; None: never.
        stream: the stream of the last held request; responses go there.
    """

    system: VehicleUnderTest
    pics: Pics
    protocol: Protocol = ISO2
    observe: Observe = ignore
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    tls: TlsContext | None = None
    wires: list[Wire] = field(default_factory=list)
    requests: list[Arrival] = field(default_factory=list)
    replied: list[Reply] = field(default_factory=list)
    asked: list[tuple[float, bytes]] = field(default_factory=list)
    pilots: list[tuple[float, Reading]] = field(default_factory=list)
    overrides: dict[str, Override] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    answer_sdp: Callable[[bytes, sdp.Response], bytes | None] = lambda data, response: response.pack()
    services: list[Any] = field(default_factory=list)
    receipts: bool = False
    refused: list[str] = field(default_factory=list)
    stops_after: int | None = None
    loops: int = 0
    paused: dict[bytes, Any] = field(default_factory=dict)
    visit: Visit | None = None
    contracts: Contracts | None = None
    taken: Certificates | None = None
    port: int = 0
    stream: int = MAIN
    _catch: Callable[[Arrival], bool] | None = None
    _held: asyncio.Future[Arrival] | None = None
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _apart: dict[int, Apart] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stimulus = ChargerStimulus.of(self.rng)
        self.evse = tester_evse(self.system.pilot, self.pics, self.rng, self.stimulus)
        self.system.couple(self.evse)
        self.tasks: set[asyncio.Task[Any]] = set()

    @property
    def delay(self) -> float:
        """Tolerance on a vehicle's timing, s; more than the standard's for a vehicle known to be slow."""
        return float(self.pics["par_CMN_Transmission_Delay"])

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def tell(self, layer: str, name: str, note: str = "") -> None:
        self.observe(Event(self.now, layer, name, note=note))

    @property
    def wire(self) -> Wire:
        """The latest connection. Inconclusive: the vehicle has not connected."""
        if not self.wires:
            raise Inconclusive("the vehicle has not connected", cause=Cause.NOT_CONNECTED)
        return self.wires[-1]

    @property
    def certificates(self) -> Certificates:
        """The bench's certificates. Inconclusive: it has none."""
        if self.taken is None:
            raise Inconclusive("the tester has no certificates; give it some with --pki", cause=Cause.NO_CERTIFICATES)
        return self.taken

    def take(self, bench: Certificates) -> None:
        """Takes a bench's certificates, which it uses to check and issue contracts in contract payment."""
        self.taken = bench
        if self.pics.pnc:
            made = charger_contracts20 if self.protocol is ISO20 else charger_contracts
            self.contracts = made(bench, self.pics)

    def _wall_clock(self) -> float:
        return self.taken.now().timestamp() if self.taken is not None else EPOCH + self.now

    # -- being there ----------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serves the vehicle while the context is open."""
        end = self.system.pilot.subscribe(lambda reading: self.pilots.append((self.now, reading)))
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(end)
            self.port = await stack.enter_async_context(self.system.listening(self._connected, self.tls))
            stack.callback(self._cancel)
            send, requests = stack.enter_context(self.system.answering())
            self.tasks.add(asyncio.create_task(self._discovery(send, requests)))
            try:
                yield
            finally:
                self.tell(*LEAVES)

    async def plug(self) -> None:
        """Plugs the vehicle in and offers digital communication."""
        await self.system.plug()
        if self.system.pilot.state not in (State.E, State.F, *READY):
            self.system.pilot.offer(DIGITAL)

    def _cancel(self) -> None:
        for task in self.tasks:
            task.cancel()

    async def _discovery(self, send: Any, requests: asyncio.Queue[Any]) -> None:
        while True:
            data, sender = await requests.get()
            self.asked.append((self.now, data))
            self.observe(Event(self.now, "sdp", "SDPRequest", "rx", data))
            security = sdp.TLS if self.tls is not None else sdp.NO_TLS
            answer = self.answer_sdp(data, sdp.Response(self.system.address, self.port, security))
            if answer is not None:
                self.observe(Event(self.now, "sdp", "SDPResponse", "tx", answer))
                send(answer, sender)

    async def _connected(self, channel: Channel) -> None:
        wire = Wire(channel, self.observe, lambda: round(self._wall_clock()))
        self.wires.append(wire)
        session = wire.session
        self.visit = Visit(self.evse, session, self.evse.power is not None, self._wall_clock, self.rng, self.paused)
        self.visit.contracts = self.contracts
        if self.receipts and self.contracts is not None:
            self.contracts.receipt_every = 0.0
        while True:
            arrival = await wire.next(7200.0, None)
            if arrival is None:
                return
            self.requests.append(arrival)
            if self._catch is not None and self._held is not None and self._catch(arrival):
                self._catch = None
                self._released.clear()
                self.stream = arrival.stream
                if self.visit is not None:
                    self.visit.signature = None
                self._held.set_result(arrival)
                if arrival.stream == MAIN:  # a side stream blocks only itself
                    await self._released.wait()
                continue
            await self._answer(arrival)

    # -- the good case --------------------------------------------------------------------------------------------

    async def _answer(self, arrival: Arrival) -> None:
        response = await self.good(arrival)
        if response is None:
            return
        if arrival.name in self.fixed or arrival.name in self.overrides:
            self.tell(*FREES)
        await self._send(response, stream=arrival.stream)

    async def good(self, arrival: Arrival) -> Any:
        """The good-case response to a request, with overrides; None: no response."""
        request = arrival.message
        if request is None:
            return None
        name = arrival.name
        if name in self.fixed:
            return self.fixed[name]
        if isinstance(request, appproto.supportedAppProtocolReq):
            response: Any = self._select(request)
        elif arrival.stream != MAIN:
            response = await self._beside(arrival)
        else:
            response = self._varied(await self._protocol_answer(arrival))
        if self.protocol.is_loop(name):
            self.loops += 1
            if self.stops_after is not None and self.loops >= self.stops_after:
                self.stops_after = None
                self.evse.request_stop(self.stimulus.notice)
            if self.receipts and self.contracts is None and self.protocol is not ISO20:
                response.ReceiptRequired = True
        if (override := self.overrides.get(name)) is not None:
            return override(request, response)
        return response

    def _varied(self, response: Any) -> Any:
        """A good-case response, with everything the standard leaves open drawn by seed."""
        drawn = self.stimulus
        if isinstance(response, iso2.ServiceDiscoveryRes):
            offered = response.ChargeService.SupportedEnergyTransferMode
            modes = drawn.offered(list(offered.EnergyTransferMode)) if not self._resumes else offered.EnergyTransferMode
            response = replaced(response, "EnergyTransferMode", modes)
        elif isinstance(response, din70121.ServiceDiscoveryRes):
            response = replaced(response, "ServiceID", drawn.charge_service)
        return restated(response, drawn.mix)

    @property
    def _resumes(self) -> bool:
        return self.visit is not None and self.visit.resumed is not None

    def _select(self, request: appproto.supportedAppProtocolReq) -> Any:
        selection = select(request, [self.protocol], energy(self.pics.ac))
        if selection.protocol is None:
            self.refused.append(f"the vehicle does not offer {self.protocol.title}")
        return selection.response

    async def _beside(self, arrival: Arrival) -> Any:
        """The response on a side stream; what it agrees on applies from the next message of the loop."""
        assert self.visit is not None
        apart = self._apart.setdefault(arrival.stream, Apart(self.visit))
        if arrival.name.endswith("ChargeParameterDiscoveryReq"):
            apart.begin()
        main = self.visit
        with apart.lent() as self.visit:
            try:
                return await self._protocol_answer(arrival)
            finally:
                self.visit, main.signature = main, self.visit.signature

    def _answers(self, stream: int) -> Answers:
        answers = secc.ANSWERS[self.wire.session.protocol.name]
        return {**answers, **BESIDE.get(stream, {})}

    async def _protocol_answer(self, arrival: Arrival) -> Any:
        assert self.visit is not None
        request, wire = arrival.message, self.wire
        kind = wire.session.protocol.response_to(type(request))
        if kind is None:
            self.refused.append(f"{arrival.name} is not a request")
            return None
        if self.protocol.is_loop(arrival.name):
            self.visit.take_over()
        self.visit.asked_id = arrival.session_id
        self.visit.asked_signature, self.visit.signature = arrival.signature, None
        name = arrival.name
        if self.services and name in ("ServiceDetailReq", "PaymentServiceSelectionReq"):
            extra = {"ServiceID": request.ServiceID} if name == "ServiceDetailReq" else {}
            return minimal(wire.session.protocol.schema, kind, dc=self.visit.dc, ResponseCode="OK", **extra)
        answer = self._answers(arrival.stream).get(type(request))
        try:
            if answer is None:
                raise Refusal("FAILED", "not supported")
            response = answer(self.visit, request)
            if inspect.isawaitable(response):
                response = await response
        except RemoteError as why:
            self.refused.append(f"{name}: {why}")
            if isinstance(why, Refusal) and answer is not None and why.response_code not in OF_THE_BENCH:
                self.tell(*REFUSES, f"{name}: {why}")
            schema = wire.session.protocol.schema_of(kind)
            return minimal(schema, kind, dc=self.visit.dc, request=request, ResponseCode="FAILED")
        if self.services and name == "ServiceDiscoveryReq":
            response.ServiceList = ISO2.module.ServiceListType(Service=self.services)
        return response

    async def send(self, message: Any, **deviation: Any) -> None:
        """Sends a response made by the case, which may make the vehicle close without SessionStopReq.

        Args:
            deviation: see :meth:`.Wire.send`. A closed connection does not matter.
        """
        self.tell(*FREES)
        await self._send(message, **deviation)

    async def _send(self, message: Any, **deviation: Any) -> None:
        wire = self.wire
        deviation.setdefault("stream", self.stream)
        if self.visit is not None and self.visit.signature is not None and "signature" not in deviation:
            deviation["signature"] = self.visit.signature
        with contextlib.suppress(ConnectionLost):
            await wire.send(message, **deviation)
        self.replied.append(Reply(self.now, type(message).__name__, message))
        if wire.session.protocol is APPPROTO and str(getattr(message, "ResponseCode", "")).startswith("OK"):
            wire.session.protocol = self.protocol
            for stream in self.protocol.side:
                wire.session.listen(stream)

    # -- stopping at a request ------------------------------------------------------------------------------------

    def catch(self, right: Callable[[Arrival], bool]) -> asyncio.Future[Arrival]:
        """From now on, holds the first request that fulfils ``right`` instead of answering it."""
        self._catch = right
        self._held = asyncio.get_running_loop().create_future()
        return self._held

    async def hold(self, name: str, within: float = 120.0) -> Arrival:
        """The next request of this name, held. Raises as :meth:`held`."""
        return await self.held(self.catch(lambda arrival: arrival.name == name), name, within)

    async def held(self, caught: asyncio.Future[Arrival], what: str, within: float = 120.0) -> Arrival:
        """The request that was caught.

        Raises:
            Inconclusive: it does not come; says what the vehicle did instead.
        """
        deadline = self.now + within
        while not caught.done():
            if self.now >= deadline:
                text = f"{what} did not come within {within:g} s{self._last()}"
                raise Inconclusive(text, cause=Cause.NO_REQUEST if self.requests else Cause.NOT_CONNECTED)
            if self.wires and self.wires[-1].closed_at is not None and self.system.ended() is not False:
                raise Inconclusive(f"the vehicle closed before {what}{self._last()}", cause=Cause.CLOSED)
            if self.system.ended():
                text = f"the vehicle ended its session before {what}{self._last()}"
                raise Inconclusive(text, cause=Cause.NO_REQUEST)
            if self._passed(what) and self._declares(what):
                raise Failed(
                    f"the vehicle went on without {what}, which is declared of it{self._last()}",
                    expected=what, observed=self.requests[-1].name, cause=Cause.NO_REQUEST,
                )  # fmt: skip
            if self._passed(what):
                raise Inconclusive(f"the vehicle went on without {what}{self._last()}", cause=Cause.NO_REQUEST)
            await asyncio.wait([caught], timeout=0.2)
        return caught.result()

    def _declares(self, what: str) -> bool:
        """Whether the PICS file says that the vehicle sends this request."""
        name, value = DECLARED.get(what, ("", ""))
        return bool(name) and self.pics[name] == value

    def _passed(self, what: str) -> bool:
        """Whether a request can no longer come in this session, so that there is no need to wait for the end."""
        table = self.protocol.order
        last = self.requests[-1].name if self.requests else ""
        known = {step.after for step in table if step.after not in (START, "SessionStopReq")}
        return what in known | {"SessionStopReq"} and last in known and what not in after(table, last)

    def _last(self) -> str:
        text = f"; its last request was {self.requests[-1].name}" if self.requests else "; it asked nothing"
        return text + (f"; the tester refused {self.refused[-1]}" if self.refused else "")

    async def reply(self, message: Any, **deviation: Any) -> None:
        """Answers the held request as :meth:`send` does, and lets the good case continue."""
        await self.send(message, **deviation)
        self.release()

    def release(self) -> None:
        """Lets the good case continue after a held request."""
        self._released.set()

    # -- what was seen --------------------------------------------------------------------------------------------

    def after(self, arrival: Arrival) -> list[Arrival]:
        """Requests after this one."""
        return self.requests[self.requests.index(arrival) + 1 :]

    def told(self, name: str) -> Reply | None:
        """The latest response of this name."""
        return next((reply for reply in reversed(self.replied) if reply.name == name), None)

    @property
    def hung_up(self) -> bool:
        """Whether the vehicle has closed its latest connection."""
        return bool(self.wires) and self.wire.closed_at is not None

    @property
    def over(self) -> bool:
        """Whether the vehicle has closed its connection, or ended its session."""
        return self.hung_up or self.system.ended() is True

    async def wait_for(self, right: Callable[[], object], within: float) -> bool:
        """Waits for a condition; returns whether it held within this many seconds."""
        deadline = self.now + within
        while not right():
            if self.now > deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    async def closed(self, deadline: float) -> float | None:
        """When the vehicle closed the latest connection; None: not until the deadline."""
        if not self.wires:
            return None
        if await self.wire.until_closed(max(deadline - self.now, 0.0)):
            return self.wire.closed_at
        return None

    def measured(self) -> Measured | None:
        """What the bench measures, or if it does not, what the tester's plant delivers."""
        if (measured := self.system.measured()) is not None:
            return measured
        evse, closed = self.evse, self.system.contactors()
        if evse.power is not None:
            return Measured(evse.power.voltage, evse.power.current, closed)
        if evse.ac is None:
            return None
        return Measured(evse.ac.nominal_voltage, evse.ac.current, closed, phases=evse.ac.in_use)

    def pilot_at(self, moment: float) -> State | None:
        """The pilot's state at a moment, loop time; None: nothing was seen before."""
        return next((reading.state for time, reading in reversed(self.pilots) if time <= moment), None)

    # -- the end --------------------------------------------------------------------------------------------------

    async def leave(self) -> None:
        """Drops all connections, switches everything off, and unplugs."""
        self.release()
        for wire in self.wires:
            if wire.closed_at is None:
                await wire.close(reset=True)
        self.evse.off()
        self._cancel()
        await self.system.leave()


def made(tester: TesterEvse, name: str, code: str = "OK", *, asked: Any = None, **given: Any) -> Any:
    """The smallest response of a type with a code, whatever was requested.

    Args:
        asked: the request that decides its kind; by default the latest one.

    Raises:
        Failed: the protocol has no such response.
    """
    protocol = APPPROTO if name.startswith("supportedAppProtocol") else tester.protocol
    kind = protocol.message(name)
    if kind is None:
        raise Failed(f"{protocol.title} has no {name}", cause=Cause.TESTER, expected="a response of this protocol")
    if asked is None and tester.requests:
        asked = tester.requests[-1].message
    code = _OK.get(name, "OK") if code == "OK" else code
    return minimal(protocol.schema_of(kind), kind, dc=not tester.pics.ac, request=asked, ResponseCode=code, **given)


BESIDE: Mapping[int, Answers] = {RENEGOTIATION: iso20_renegotiation.ANSWERS, PARKING: iso20_parking.ANSWERS}
"""Responses on side streams that differ from those on the main stream, by payload type."""


_OK: Mapping[str, str] = {
    "SessionSetupRes": "OK_NewSessionEstablished", "supportedAppProtocolRes": "OK_SuccessfulNegotiation",
}  # fmt: skip
"""The name of a plain OK in a response."""
