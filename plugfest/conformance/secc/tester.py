"""The tester vehicle: walks a charger to any state of a session, with good-case requests, and deviates there.

The path to a state is a table per protocol (:mod:`.ways`), its steps are in :mod:`.walk`. Anything that goes wrong on
the path is `Inconclusive`; code that deviates does its own judging.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from plugfest.conformance.catalogue import timer
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.catalogue.protocols import energy, message_timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc import requests
from plugfest.conformance.secc.answered import absence, unreadable, wrong
from plugfest.conformance.secc.contract import Paying
from plugfest.conformance.secc.generations import GENERATIONS, Way
from plugfest.conformance.secc.iso20_contract import Paying20
from plugfest.conformance.secc.offered import Offered
from plugfest.conformance.secc.pause import PausedSession
from plugfest.conformance.secc.ways import CERTIFICATE_SETS
from plugfest.conformance.stimulus import VehicleStimulus, restated
from plugfest.conformance.stops import cause_of
from plugfest.conformance.sut.systems import ChargerUnderTest
from plugfest.conformance.verdict import Failed, Inconclusive
from plugfest.conformance.watch.flow import Measured
from plugfest.conformance.watch.watch import ACTS
from plugfest.conformance.wire import Arrival, Wire
from slac.pilot import READY, State
from v2g import naming, sdp
from v2g.channel import Channel
from v2g.energy import Control
from v2g.errors import ConnectionLost, RemoteError, SetupError
from v2g.messages import appproto
from v2g.messages.iso20 import types
from v2g.physical import number
from v2g.protocols import ISO2, Protocol
from v2g.rules.rule import Breach
from v2g.streams import MAIN
from v2g.trace import Event, Observe, ignore

if TYPE_CHECKING:
    from plugfest.conformance.sut.certificates import Certificates
    from v2g.tls import Context as TlsContext

CP_AFTER_REQUEST = 0.05
"""s between a PowerDeliveryReq and the change of the pilot in AC; the standard allows 0.25."""


@dataclass
class TesterEv:
    """A vehicle connected to a charger under test.

    Attributes:
        system: the charger.
        pics: what is declared.
        protocol: the session's protocol, once agreed.
        wire: the connection, or None.
        endpoint: the one SDP found.
        responses: the latest response by name.
        session_id: the session's id; zeros before there is one.
        progress: what the next PowerDeliveryReq will say.
        paused: the session that was paused, if any.
        earlier_id: id of the previous session, b"" if there was none.
        link_up: loop time at which the link came up; setup timers count from there.
        challenge: GenChallenge of the latest PaymentDetailsRes.
        offered_ids: SchemaIDs of the latest supportedAppProtocolReq.
        details: the latest ServiceDetailRes by ServiceID, if a case asked for all services.
        loops: rounds of the charging loop so far.
        stays_ready: PowerDelivery(Stop) does not set the pilot to B.
        tls: context for TLS, if the charger has it.
        paying: what contract payment needs (:mod:`.contract`).
        certificates: the bench's, or None.
        control: selected energy service and parameter set (ISO 15118-20, like the following).
        added: value-added services to select, as ServiceID and ParameterSetID; None: whatever is declared.
        offered_at: loop time of the latest schedules.
        shown: the latest meter reading that the charger showed in the loop, with its receipt.
        gives: it feeds energy back, in a bidirectional service.
        rests: it draws no power, so that it may pause.
        breaches: content rules broken by the charger's messages, in order.
        certificate_set: parameter set of the certificate service: 1 installation, 2 update; None: it is not selected.
        passed: states passed on the way to the current one.
        stimulus: decides what the case leaves open.
    """

    system: ChargerUnderTest
    pics: Pics
    protocol: Protocol = ISO2
    observe: Observe = ignore
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    tls: TlsContext | None = None
    wire: Wire | None = None
    endpoint: sdp.Response | None = None
    responses: dict[str, Any] = field(default_factory=dict)
    session_id: bytes = bytes(8)
    progress: str = "Start"
    paused: PausedSession | None = None
    earlier_id: bytes = b""
    link_up: float = 0.0
    challenge: bytes | None = None
    offered_ids: set[int] = field(default_factory=set)
    details: dict[int, Any] = field(default_factory=dict)
    loops: int = 0
    stays_ready: bool = False
    paying: Paying | Paying20 | None = None
    certificates: Certificates | None = None
    control: Control | None = None
    added: tuple[tuple[int, int], ...] | None = None
    shown: tuple[types.MeterInfoType, types.ReceiptType | None] | None = None
    rests: bool = False
    gives: bool = False
    offered_at: float | None = None
    breaches: list[Breach] = field(default_factory=list)
    certificate_set: int | None = None
    passed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stimulus = VehicleStimulus.of(self.rng)
        drawn = self.stimulus.values
        self.pics = self.pics.with_(**{name: drawn[name] for name in drawn if name not in self.pics.declared})

    # -- what is known --------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def connection(self) -> Wire:
        """The connection. Inconclusive: there is none."""
        if self.wire is None:
            raise Inconclusive("there is no connection yet", cause=Cause.NOT_CONNECTED)
        return self.wire

    @property
    def previous_id(self) -> bytes:
        """Id of the previous session: the paused one, or the last one; b"" if there was none."""
        return self.paused.session_id if self.paused is not None else self.earlier_id

    @property
    def kind(self) -> Way:
        """What determines the course of this session."""
        return GENERATIONS[self.protocol.name].way(self.protocol, self.pics, self.certificate_set)

    @property
    def wants_tls(self) -> bool:
        """Whether this session uses TLS."""
        abilities = self.protocol.abilities
        return abilities.mutual or (bool(self.pics["PIXIT_SECC_CMN_TLS"]) and abilities.tls)

    @property
    def delay(self) -> float:
        """Tolerance on a charger's timing, s; more than the standard's for a charger known to be slow."""
        return float(self.pics["par_CMN_Transmission_Delay"])

    @property
    def context(self) -> TlsContext | None:
        return self.tls if self.wants_tls else None

    @property
    def authorization_request(self) -> str:
        return self.protocol.names.authorization

    @property
    def loop_request(self) -> str:
        return self.protocol.loop(energy(self.pics.ac))

    def named(self, word: str) -> str:
        """The name used in this session for a message that has different names in AC and DC."""
        for common, own in (("ChargeLoop", self.loop_request), ("ChargeParameterDiscovery", self._parameters)):
            if word.startswith(common):
                return naming.exchange(own) + word[-3:]
        return word

    @property
    def _parameters(self) -> str:
        prefix = f"{energy(self.pics.ac)}_" if self.protocol.message("AC_ChargeParameterDiscoveryReq") else ""
        return f"{prefix}ChargeParameterDiscoveryReq"

    @property
    def battery_voltage(self) -> float:
        return float(self.pics["par_EVBatteryVoltage"])

    @property
    def offered(self) -> Offered:
        """What the charger has offered so far."""
        kept = self.paused.tuple_id if self.paused is not None else None
        return Offered(self.responses, GENERATIONS[self.protocol.name].schedules, self.stimulus.choice, kept)

    @property
    def evccid(self) -> bytes:
        return bytes.fromhex(str(self.pics["par_EVCCID"]))

    def clock(self) -> int:
        """TimeStamp for headers: seconds since 1970 on the bench's clock."""
        held = self.certificates
        return int(held.now().timestamp()) if held is not None else int(time.time())

    def tell(self, layer: str, name: str, note: str = "") -> None:
        self.observe(Event(self.now, layer, name, note=note))

    async def act(self, action: str) -> bool:
        """Performs what a person at the charger or a back end does. False: the bench cannot do it."""
        self.tell(*ACTS, action)
        return await self.system.do(action)

    def timeout(self, request: str) -> float:
        """The tester's limit for the response to a request, s, without tolerance."""
        for name in (message_timer(self.protocol, request), message_timer(ISO2, request)):
            try:
                return timer(name)
            except KeyError:
                continue
        return 2.0

    def take(self, bench: Certificates) -> None:
        """Takes a bench's certificates, which it uses to pay and sign in contract payment."""
        self.certificates = bench
        if self.pics.pnc:
            self.paying = GENERATIONS[self.protocol.name].paying(bench, bench.contract(), bench.provisioning())
            if isinstance(self.paying, Paying20):
                self.paying.grammar = self.pics.grammar

    async def open(self, tls: TlsContext | None) -> Channel:
        """Connects to where discovery found the charger. SetupError: refused; Inconclusive: nothing was found."""
        if self.endpoint is None:
            raise Inconclusive("the charger was not discovered yet", cause=Cause.NOT_DISCOVERED)
        return await self.system.connect(self.endpoint.address, self.endpoint.port, tls)

    # -- one exchange ---------------------------------------------------------------------------------------------

    def make(self, request: str) -> Any:
        """The good-case request of that name. KeyError: the protocol has no such request."""
        return restated(requests.make(self, request), self.stimulus.mix)

    async def send(self, message: Any, **deviation: Any) -> None:
        """Sends a request, with the deviations of :meth:`plugfest.conformance.wire.Wire.send`."""
        wire = self.connection
        if "signature" not in deviation and self.paying is not None:
            deviation["signature"] = self.paying.sign(message)
        try:
            await wire.send(message, **deviation)
        except ConnectionLost as why:
            name = type(message).__name__
            raise Failed(
                f"the charger closed the connection before {name} was sent",
                cause=Cause.CLOSED, expected=f"a connection that stays open for {name}", observed=str(why),
            ) from why  # fmt: skip

    async def response(self, request: str, within: float | None = None, stream: int = MAIN) -> Arrival:
        """Awaits the response to a request.

        Args:
            stream: payload type of a side stream.

        Raises:
            Failed: nothing came in time, the connection was closed, or what came is not a message.
        """
        seconds = self.timeout(request) if within is None else within
        wire = self.connection
        began = (wire.sent_at or self.now) if stream == MAIN else self.now
        arrival = await wire.next(max(seconds + self.delay - (self.now - began), 0.0), stream)
        expected = naming.response(request)
        if arrival is None:
            raise absence(wire, expected, stream, began, seconds)
        if arrival.message is None:
            raise unreadable(arrival, expected)
        if arrival.name == expected:
            self.responses[arrival.name] = arrival.message
            GENERATIONS[self.protocol.name].note(self, arrival)
        self.breaches += arrival.breaches
        return arrival

    async def exchange(self, request: str, message: Any = None, **deviation: Any) -> Arrival:
        """Sends a good-case request and returns a response of the right type that is OK.

        Raises:
            Failed: anything else.
        """
        made = self.make(request) if message is None else message
        await self.send(made, **deviation)
        arrival = await self.response(request)
        if (failed := wrong(arrival, request, self.session_id)) is not None:
            raise failed
        return arrival

    # -- walking --------------------------------------------------------------------------------------------------

    async def until(self, state: str) -> None:
        """Walks to a state, from wherever the session is.

        Raises:
            Inconclusive: the state cannot be reached; says where it went wrong.
            KeyError: there is no such state in this protocol.
        """
        self.certificate_set = CERTIFICATE_SETS.get(state, self.certificate_set)
        way = self.kind.way_to(state)
        goes_on = way[: len(self.passed)] == self.passed
        left, self.passed = way[len(self.passed) :] if goes_on else way, way
        for name in left:
            try:
                await GENERATIONS[self.protocol.name].walk[name](self)
            except (Failed, RemoteError, SetupError) as why:
                raise Inconclusive(f"{state} was not reached: {name}: {why}", cause=cause_of(why)) from why

    def forget(self, *, linked: bool = False) -> None:
        """Marks the session as over: the next walk starts over, from plugging in or (``linked``) from discovery."""
        self.earlier_id = self.session_id
        self.responses.clear()
        self.session_id, self.progress, self.challenge, self.control = bytes(8), "Start", None, None
        self.passed = ["LINK"] if linked else []

    # -- parts of steps -------------------------------------------------------------------------------------------

    def offer(self) -> appproto.supportedAppProtocolReq:
        """The good-case offer: the session's protocol, and others that no charger supports."""
        self.offered_ids = {self.stimulus.schema_id}
        return appproto.supportedAppProtocolReq(AppProtocol=self.stimulus.offer(self.protocol, energy(self.pics.ac)))

    async def until_finished(self, request: str, seconds: float) -> Arrival:
        """Repeats a request until EVSEProcessing is Finished.

        Raises:
            Failed: it takes longer.
        """
        began = self.now
        while True:
            arrival = await self.exchange(request)
            if arrival.message.EVSEProcessing == "Finished":
                return arrival
            if self.now - began > seconds + self.delay:
                raise Failed(
                    f"{request} was answered Ongoing for more than {seconds:g} s",
                    cause=Cause.UNFINISHED, expected=f"Finished within {seconds:g} s", observed="Ongoing",
                )  # fmt: skip
            await self.pause()

    async def pause(self) -> None:
        """Waits between two requests of a loop."""
        await asyncio.sleep(self.pics["par_chargingLoop_pause"])

    def ready(self) -> None:
        """Sets the pilot to C or D, as declared."""
        self.system.pilot.set(State(self.pics["PICS_SECC_CMN_EvStateInChargeProgress"]))

    def voltage_reached(self, response: Any) -> bool:
        """Whether the voltage is within 5 % of the target."""
        return abs(number(response.EVSEPresentVoltage) - self.battery_voltage) <= 0.05 * self.battery_voltage

    async def deliver(self, **deviation: Any) -> Arrival:
        """A PowerDelivery exchange, with the necessary actions of pilot and contactors."""
        if self.progress == "Start":
            self.system.load(self.battery_voltage)
        moved = State.B if self.progress == "Stop" else State(self.pics["PICS_SECC_CMN_EvStateInChargeProgress"])
        timed: asyncio.TimerHandle | None = None
        if self.pics.ac and self.protocol.can_charge("AC"):
            loop = asyncio.get_running_loop()
            timed = loop.call_later(CP_AFTER_REQUEST, self.system.pilot.set, moved)
        try:
            arrival = await self.exchange("PowerDeliveryReq", **deviation)
            if timed is not None:
                await asyncio.sleep(max(CP_AFTER_REQUEST - (self.now - self.connection.sent_at), 0.0))
        finally:
            if timed is not None:
                timed.cancel()
        if self.pics.ac:
            self.system.pilot.set(moved)
            if self.progress == "Stop":
                self.system.load(None)
        elif self.progress == "Stop" and not self.stays_ready:
            self.system.load(None)
            self.system.pilot.set(State.B)
        return arrival

    async def charge(self, times: int) -> None:
        """Runs this number of rounds of the charging loop, including receipts."""
        for _ in range(times):
            arrival = await self.exchange(self.loop_request)
            self.loops += 1
            if getattr(arrival.message, "ReceiptRequired", None):
                await self.exchange("MeteringReceiptReq")
            await self.pause()

    def measured(self) -> Measured | None:
        """What flows at the charger's output, if the bench sees it."""
        return self.system.measured()

    # -- the end --------------------------------------------------------------------------------------------------

    async def leave(self) -> None:
        """Ends the session in any state: drops the connection, sets the pilot to B, unplugs."""
        if self.wire is not None:
            await self.wire.close(reset=True)
            self.wire = None
        self.system.load(None)
        if self.system.pilot.state in READY:
            self.system.pilot.set(State.B)
        await self.system.leave()
