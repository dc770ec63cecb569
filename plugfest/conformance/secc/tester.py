"""The tester vehicle: walks a charger to any state of a session, with good-case requests, and deviates there.

The path to a state is a table per protocol (:mod:`.ways`), its steps are in :mod:`.walk`. Anything that goes wrong on
the path is `Inconclusive`; code that deviates does its own judging.
"""

from __future__ import annotations

import asyncio
import time
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from plugfest.conformance.catalogue.durations import allowed
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.catalogue.protocols import energy
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc.answered import wrong
from plugfest.conformance.secc.back import LITTLE, Back
from plugfest.conformance.secc.offered import Offered
from plugfest.conformance.secc.paying import Paying, Paying20
from plugfest.conformance.secc.talking import Talking
from plugfest.conformance.secc.ways import CERTIFICATE_SETS
from plugfest.conformance.stimulus import VehicleStimulus, restated
from plugfest.conformance.stops import cause_of
from plugfest.conformance.verdict import Failed, Inconclusive
from plugfest.conformance.watch.flow import Measured
from plugfest.conformance.watch.watch import ACTS
from plugfest.conformance.wire import Arrival
from secc.minimal import minimal
from slac.pilot import READY, State
from v2g import naming, sdp
from v2g.channel import Channel
from v2g.credentials import Credential
from v2g.energy import Control
from v2g.errors import RemoteError, SetupError
from v2g.messages import appproto
from v2g.messages.iso20 import types
from v2g.physical import number
from v2g.protocols import Protocol
from v2g.streams import MAIN

if TYPE_CHECKING:
    from plugfest.conformance.sut.certificates import Certificates
    from v2g.tls import Context as TlsContext

CP_AFTER_REQUEST = 0.05
"""s between a PowerDeliveryReq and the change of the pilot in AC; the standard allows 0.25."""


Maker = Callable[["TesterEv"], Any]
"""Makes a good-case request from the tester's state."""
Step = Callable[["TesterEv"], Awaitable[None]]
"""Takes a session to its next state."""

OF_CONTRACTS = ("PaymentDetailsReq", "CertificateInstallationReq", "CertificateUpdateReq")
"""Requests that a tester without certificates can only send in their smallest form."""


class Way(typing.Protocol):
    """The path of a session to any of its states."""

    @property
    def line(self) -> list[str]:
        """A whole session."""

    def way_to(self, state: str) -> list[str]:
        """The steps to a state; KeyError: there is no such state."""


@dataclass(frozen=True)
class Generation:
    """What a tester vehicle needs for a protocol.

    Attributes:
        way: built from the protocol, the declarations, and the parameter set of the certificate service in use.
        walk: steps by the state they reach.
        requests: makers of good-case requests, by name.
        paying: built from certificates, contract and provisioning certificate.
        schedules: the offered schedules, taken from the latest responses by name.
        note: processes a response of the right type.
    """

    way: Callable[[Protocol, Pics, int | None], Way]
    walk: Mapping[str, Step]
    requests: Mapping[str, Maker]
    paying: Callable[[Certificates, Credential, Credential], Paying | Paying20] = Paying
    schedules: Callable[[Mapping[str, Any]], list[Any]] = lambda responses: []
    note: Callable[[TesterEv, Arrival], None] = lambda tester, arrival: None


@dataclass
class PausedSession:
    """What the resumed session is compared with."""

    session_id: bytes
    tuple_id: int = 1


@dataclass
class TesterEv(Talking):
    """A vehicle connected to a charger under test.

    Attributes:
        generations: what it needs for each protocol, by name.
        endpoint: the one SDP found.
        progress: what the next PowerDeliveryReq will say.
        paused: the session that was paused, if any.
        earlier_id: id of the previous session, b"" if there was none.
        link_up: loop time at which the link came up; setup timers count from there.
        challenge: GenChallenge of the latest PaymentDetailsRes.
        offered_ids: SchemaIDs of the latest supportedAppProtocolReq.
        details: the latest ServiceDetailRes by ServiceID, if a case asked for all services.
        loops: rounds of the charging loop so far; ``rounds``: those on the way through it (ISO 15118-20).
        stays_ready: PowerDelivery(Stop) does not set the pilot to B.
        certificates: the bench's, or None.
        control: selected energy service and parameter set (ISO 15118-20, like the following).
        added: value-added services to select, as ServiceID and ParameterSetID; None: whatever is declared.
        offered_at: loop time of the latest schedules.
        shown: the latest meter reading that the charger showed in the loop, with its receipt.
        gives: it feeds energy back, in a bidirectional service; ``back``: how much it can.
        rests: it draws no power, so that it may pause.
        watts: limit of the power in its charge parameters; None: that of current and voltage, or none at all.
        certificate_set: parameter set of the certificate service: 1 installation, 2 update; None: it is not selected.
        passed: states passed on the way to the current one.
        stimulus: decides what the case leaves open.
    """

    generations: Mapping[str, Generation] = field(kw_only=True)
    endpoint: sdp.Response | None = None
    progress: str = "Start"
    paused: PausedSession | None = None
    earlier_id: bytes = b""
    link_up: float = 0.0
    challenge: bytes | None = None
    offered_ids: set[int] = field(default_factory=set)
    details: dict[int, Any] = field(default_factory=dict)
    loops: int = 0
    rounds: int = 3
    stays_ready: bool = False
    certificates: Certificates | None = None
    control: Control | None = None
    added: tuple[tuple[int, int], ...] | None = None
    shown: tuple[types.MeterInfoType, types.ReceiptType | None] | None = None
    rests: bool = False
    watts: float | None = None
    gives: bool = False
    back: Back = LITTLE
    offered_at: float | None = None
    certificate_set: int | None = None
    passed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stimulus = VehicleStimulus.of(self.rng)
        drawn = self.stimulus.values
        self.pics = self.pics.with_(**{name: drawn[name] for name in drawn if name not in self.pics.declared})

    # -- what is known --------------------------------------------------------------------------------------------

    @property
    def previous_id(self) -> bytes:
        """Id of the previous session: the paused one, or the last one; b"" if there was none."""
        return self.paused.session_id if self.paused is not None else self.earlier_id

    @property
    def generation(self) -> Generation:
        """What it needs for this session's protocol."""
        return self.generations[self.protocol.name]

    @property
    def kind(self) -> Way:
        """What determines the course of this session."""
        return self.generation.way(self.protocol, self.pics, self.certificate_set)

    @property
    def wants_tls(self) -> bool:
        """Whether this session uses TLS."""
        abilities = self.protocol.abilities
        return abilities.mutual or (bool(self.pics["PIXIT_SECC_CMN_TLS"]) and abilities.tls)

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
        return Offered(self.responses, self.generation.schedules, self.stimulus.choice, kept)

    @property
    def evccid(self) -> bytes:
        return bytes.fromhex(str(self.pics["par_EVCCID"]))

    def clock(self) -> int:
        """TimeStamp for headers: seconds since 1970 on the bench's clock."""
        held = self.certificates
        return int(held.now().timestamp()) if held is not None else int(time.time())

    async def act(self, action: str) -> bool:
        """Performs what a person at the charger or a back end does. False: the bench cannot do it."""
        self.tell(*ACTS, action)
        return await self.system.do(action)

    def take(self, bench: Certificates) -> None:
        """Takes a bench's certificates, which it uses to pay and sign in contract payment."""
        self.certificates = bench
        if self.pics.pnc:
            self.paying = self.generation.paying(bench, bench.contract(), bench.provisioning())
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
        return restated(self._made(request), self.stimulus.mix)

    def _made(self, name: str) -> Any:
        maker = self.generation.requests.get(name)
        if maker is not None and (self.paying is not None or name not in OF_CONTRACTS):
            return maker(self)
        kind = self.protocol.message(name)
        if kind is None:
            raise KeyError(name)
        return minimal(self.protocol.schema_of(kind), kind, dc=not self.pics.ac)

    async def response(self, request: str, within: float | None = None, stream: int = MAIN) -> Arrival:
        arrival = await super().response(request, within, stream)
        if arrival.name == naming.response(request):
            self.generation.note(self, arrival)
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
                await self.generation.walk[name](self)
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
                most = allowed(seconds, self.delay)
                raise Failed(
                    f"{request} was answered Ongoing for more than {most}",
                    cause=Cause.UNFINISHED, expected=f"Finished within {most}", observed="Ongoing",
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
