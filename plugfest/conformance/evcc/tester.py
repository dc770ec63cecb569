"""The tester charger: serves a vehicle under test with good-case answers, stops at a request, and deviates there.

The answers are those of :mod:`.good`. `catch` names a request to hold, `held` waits for it, `reply` answers it, right
or wrong, and lets the good case continue.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.good import GoodCase
from plugfest.conformance.evcc.hold import Hold, declares, passed
from plugfest.conformance.evcc.plant import tester_evse
from plugfest.conformance.stimulus import ChargerStimulus
from plugfest.conformance.sut.contracts import charger_contracts, charger_contracts20
from plugfest.conformance.sut.own import EPOCH
from plugfest.conformance.sut.systems import VehicleUnderTest
from plugfest.conformance.verdict import Failed, Inconclusive
from plugfest.conformance.watch.flow import Measured
from plugfest.conformance.watch.watch import FREES, LEAVES
from plugfest.conformance.wire import Arrival, Wire
from secc.charger import simulated
from secc.minimal import minimal
from slac.pilot import DIGITAL, READY, Reading, State
from v2g import sdp
from v2g.channel import Channel
from v2g.errors import ConnectionLost
from v2g.protocols import APPPROTO, ISO2, ISO20, Protocol
from v2g.streams import MAIN
from v2g.trace import Event, Observe, ignore

if TYPE_CHECKING:
    from plugfest.conformance.sut.certificates import Certificates
    from v2g.tls import Context as TlsContext

LOOPS = 3
"""Rounds of the charging loop before the tester asks the vehicle to stop, if the case is about the end."""


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
        answers: the good case, and what the case changes in it.
        wires: connections, in order.
        requests: the vehicle's requests, in order, except discovery.
        replied: responses, in order.
        asked: SDP requests: time, bytes.
        pilots: pilot readings: time, reading.
        stimulus: decides what the case leaves open.
        taken: the bench's certificates, if it has any.
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
    answer_sdp: Callable[[bytes, sdp.Response], bytes | None] = lambda data, response: response.pack()
    taken: Certificates | None = None
    port: int = 0
    stream: int = MAIN
    _hold: Hold = field(default_factory=Hold)

    def __post_init__(self) -> None:
        self.stimulus = ChargerStimulus.of(self.rng)
        self.evse = tester_evse(self.system.pilot, self.pics, self.rng, self.stimulus)
        self.system.couple(self.evse)
        self.answers = GoodCase(
            self.pics, self.protocol, self.evse, self.stimulus, self.tell, self._wall_clock, self.rng
        )
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
            self.answers.contracts = made(bench, self.pics)

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
        self.answers.begin(wire.session)
        while True:
            arrival = await wire.next(7200.0, None)
            if arrival is None:
                return
            self.requests.append(arrival)
            if self._hold.takes(arrival):
                self.stream = arrival.stream
                if self.answers.visit is not None:
                    self.answers.visit.signature = None
                if arrival.stream == MAIN:  # a side stream blocks only itself
                    await self._hold.released()
                continue
            await self._answer(arrival)

    # -- the good case --------------------------------------------------------------------------------------------

    async def _answer(self, arrival: Arrival) -> None:
        response = await self.good(arrival)
        if response is None:
            return
        if self.answers.changes(arrival.name):
            self.tell(*FREES)
        await self._send(response, stream=arrival.stream)

    async def good(self, arrival: Arrival) -> Any:
        """The good-case response to a request, with the case's changes; None: no response."""
        return await self.answers.response(arrival)

    async def send(self, message: Any, **deviation: Any) -> None:
        """Sends a response made by the case, which may make the vehicle close without SessionStopReq.

        Args:
            deviation: see :meth:`.Wire.send`. A closed connection does not matter.

        Raises:
            Inconclusive: a value is beyond its field, unless ``facets`` is false.
        """
        self.tell(*FREES)
        deviation.setdefault("facets", True)
        await self._send(message, **deviation)

    async def _send(self, message: Any, **deviation: Any) -> None:
        wire = self.wire
        deviation.setdefault("stream", self.stream)
        visit = self.answers.visit
        if visit is not None and visit.signature is not None and "signature" not in deviation:
            deviation["signature"] = visit.signature
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
        return self._hold.catch(right)

    async def hold(self, name: str, within: float = 120.0) -> Arrival:
        """The next request of this name, held. Raises as :meth:`held`."""
        return await self.held(self.catch(lambda arrival: arrival.name == name), name, within)

    async def held(
        self, caught: asyncio.Future[Arrival], what: str, within: float = 120.0, *, due: str = ""
    ) -> Arrival:
        """The request that was caught.

        Args:
            due: what the vehicle has to answer with it; "": it may leave it out.

        Raises:
            Inconclusive: it does not come; says what the vehicle did instead.
            Failed: the same, where it was due and the vehicle simply goes on.
        """
        deadline = self.now + within
        while not caught.done():
            if self.now >= deadline:
                text = f"{what} did not come within {within:g} s{self._last()}"
                if due and self.requests:
                    raise Failed(
                        f"{what} did not come within {within:g} s of {due}, and the vehicle went on{self._last()}",
                        expected=what, observed=self.requests[-1].name, cause=Cause.NO_REQUEST,
                    )  # fmt: skip
                raise Inconclusive(text, cause=Cause.NO_REQUEST if self.requests else Cause.NOT_CONNECTED)
            if self.wires and self.wires[-1].closed_at is not None and self.system.ended() is not False:
                raise Inconclusive(f"the vehicle closed before {what}{self._last()}", cause=Cause.CLOSED)
            if self.system.ended():
                text = f"the vehicle ended its session before {what}{self._last()}"
                raise Inconclusive(text, cause=Cause.NO_REQUEST)
            gone_by = bool(self.requests) and passed(self.protocol, self.requests[-1].name, what)
            if gone_by and declares(self.pics, what):
                raise Failed(
                    f"the vehicle went on without {what}, although the PICS declares it{self._last()}",
                    expected=what, observed=self.requests[-1].name, cause=Cause.NO_REQUEST,
                )  # fmt: skip
            if gone_by:
                raise Inconclusive(f"the vehicle went on without {what}{self._last()}", cause=Cause.NO_REQUEST)
            await asyncio.wait([caught], timeout=0.2)
        return caught.result()

    def _last(self) -> str:
        text = f"; its last request was {self.requests[-1].name}" if self.requests else "; it asked nothing"
        return text + (f"; the tester refused {self.answers.refused[-1]}" if self.answers.refused else "")

    async def reply(self, message: Any, **deviation: Any) -> None:
        """Answers the held request as :meth:`send` does, and lets the good case continue."""
        await self.send(message, **deviation)
        self.release()

    def release(self) -> None:
        """Lets the good case continue after a held request."""
        self._hold.release()

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
        """What the bench measures, or if it does not, what the tester's plant delivers.

        None where nothing is connected with its AC outlet, as on a real link: what a vehicle draws, an outlet without
        a load does not know. It assumes all that it offers.
        """
        if (measured := self.system.measured()) is not None:
            return measured
        evse, closed = self.evse, self.system.contactors()
        if evse.power is not None:
            power = simulated(evse)
            battery = False if power is not None and power.load is None else None
            return Measured(evse.power.voltage, evse.power.current, closed, battery)
        if evse.ac is None or evse.ac.load is None:
            return None
        drawn = evse.ac.load_phases() if evse.ac.load_phases is not None else 0
        return Measured(evse.ac.nominal_voltage, evse.ac.current, closed, phases=drawn or evse.ac.in_use)

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


_OK: Mapping[str, str] = {
    "SessionSetupRes": "OK_NewSessionEstablished", "supportedAppProtocolRes": "OK_SuccessfulNegotiation",
}  # fmt: skip
"""The name of a plain OK in a response."""
