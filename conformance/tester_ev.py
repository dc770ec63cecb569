"""The tester vehicle: walks a charger to any state of a session, with good-case requests, and deviates there.

A state is the name of what has just been answered well (``SessionSetup``, ``PowerDelivery.Start``): the preconditions
of the catalogue without their prefix. The way to it is a table per protocol. What goes wrong on the way is
`Inconclusive`; whoever deviates judges for himself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance import requests
from conformance.catalogue import timer
from conformance.pics import Pics
from conformance.systems import ChargerUnderTest
from conformance.verdict import Failed, Inconclusive
from conformance.wire import Arrival, Wire
from slac.pilot import READY, State, until_digital
from v2g import sdp
from v2g.errors import ConnectionLost, RemoteError, SetupError
from v2g.messages import appproto
from v2g.physical import number
from v2g.protocols import DIN, ISO2, Protocol
from v2g.trace import Event, Observe, ignore

if TYPE_CHECKING:
    from v2g.tls import Context as TlsContext

DELAY = timer("Transmission_Delay")
"""s: added to every limit."""

CP_AFTER_REQUEST = 0.05
"""s after a PowerDeliveryReq that the pilot changes in AC; the standard leaves 0.25."""

DRAFTS = {"din70121": DIN, "iso2": ISO2}


@dataclass
class PausedSession:
    """What is known of the session that was paused."""

    session_id: bytes
    payment: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    tuple_id: int = 1


@dataclass
class TesterEv:
    """A vehicle at a charger under test.

    Attributes:
        system: the charger.
        pics: what is declared.
        protocol: that the session speaks, once agreed.
        wire: the connection, or None.
        endpoint: what SDP found.
        responses: the latest response by name.
        session_id: of the session; zeros before.
        progress: what the next PowerDeliveryReq says.
        paused: the session that was paused, if any.
        link_up: loop time at which the link came up; setup timers count from there.
        tls: context for TLS, where the charger has it.
        certificates, paying: what contract payment needs (:mod:`conformance.contracts`).
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
    link_up: float = 0.0
    challenge: bytes | None = None
    certificate_set: int | None = None
    loops: int = 0
    stays_ready: bool = False
    paying: Any = None
    certificates: Any = None
    sign: Callable[[TesterEv, Any], Any] | None = None
    """Signs a request where its place needs it; of contract payment."""

    # -- what is known --------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def connection(self) -> Wire:
        """The connection. Inconclusive: there is none."""
        if self.wire is None:
            raise Inconclusive("there is no connection yet")
        return self.wire

    @property
    def battery_voltage(self) -> float:
        return float(self.pics["par_EVBatteryVoltage"])

    @property
    def services(self) -> list[Any]:
        """Value-added services that the charger offers."""
        found = self.responses.get("ServiceDiscoveryRes")
        listed = getattr(found, "ServiceList", None)
        return list(listed.Service) if listed is not None else []

    @property
    def charge_service(self) -> int:
        """ServiceID of the charge service."""
        found = self.responses.get("ServiceDiscoveryRes")
        if found is None:
            return 1
        service = found.ChargeService
        return int(service.ServiceTag.ServiceID if self.protocol is DIN else service.ServiceID)

    @property
    def schedule(self) -> Any:
        """The first schedule offered, or None."""
        found = self.responses.get("ChargeParameterDiscoveryRes")
        listed = getattr(found, "SASchedules", None)
        tuples = getattr(listed, "SAScheduleTuple", None)
        return tuples[0] if tuples else None

    @property
    def tuple_id(self) -> int:
        return int(self.schedule.SAScheduleTupleID) if self.schedule is not None else 1

    def tell(self, layer: str, name: str, note: str = "") -> None:
        self.observe(Event(self.now, layer, name, note=note))

    def timeout(self, request: str) -> float:
        """The tester's limit for the response to a request, s, without tolerance."""
        prefix = "DIN_" if self.protocol is DIN else ""
        word = "SupportedAppProtocolReq" if request == "supportedAppProtocolReq" else request
        for name in (f"{prefix}V2G_EVCC_Msg_Timeout_{word}", f"V2G_EVCC_Msg_Timeout_{word}"):
            try:
                return timer(name)
            except KeyError:
                continue
        return 2.0

    # -- one exchange ---------------------------------------------------------------------------------------------

    async def send(self, message: Any, **deviation: Any) -> None:
        """Sends a request, with the deviations of :meth:`conformance.wire.Wire.send`."""
        wire = self.connection
        if "signature" not in deviation and self.sign is not None:
            deviation["signature"] = self.sign(self, message)
        try:
            await wire.send(message, **deviation)
        except ConnectionLost as why:
            raise Failed(f"the charger had closed before {type(message).__name__} was sent: {why}") from why

    async def response(self, request: str, within: float | None = None) -> Arrival:
        """Awaits the answer to a request.

        Raises:
            Failed: nothing in time, the connection closed, or something that is no message.
        """
        seconds = self.timeout(request) if within is None else within
        wire = self.connection
        began = wire.sent_at or self.now
        arrival = await wire.next(max(seconds + DELAY - (self.now - began), 0.0))
        expected = request.removesuffix("Req") + "Res"
        if arrival is None:
            if wire.closed_at is not None:
                seen = wire.broken or f"the connection closed {wire.closed_at - began:.3f} s after the request"
                raise Failed(f"no {expected}: {seen}", expected=expected, observed=seen)
            raise Failed(f"no {expected} within {seconds:g} s", expected=expected, observed="nothing")
        if arrival.message is None:
            raise Failed(f"no {expected}: {arrival.note}", expected=expected, observed=arrival.note)
        if arrival.name == expected:
            self.responses[arrival.name] = arrival.message
        return arrival

    async def exchange(self, request: str, message: Any = None, **deviation: Any) -> Arrival:
        """A good-case request, and an answer of the right type that is OK.

        Raises:
            Failed: anything else.
        """
        made = requests.make(self, request) if message is None else message
        await self.send(made, **deviation)
        arrival = await self.response(request)
        expected = request.removesuffix("Req") + "Res"
        if arrival.name != expected:
            raise Failed(f"{arrival.name} in answer to {request}", expected=expected, observed=arrival.name)
        if not arrival.code.startswith("OK"):
            raise Failed(f"{expected} {arrival.code}", expected=f"{expected} OK", observed=arrival.code)
        if request != "SessionSetupReq" and arrival.session_id != self.session_id:
            raise Failed(f"{expected} with session id {arrival.session_id.hex()}, not {self.session_id.hex()}")
        return arrival

    # -- walking --------------------------------------------------------------------------------------------------

    async def until(self, state: str) -> None:
        """Walks to a state, from wherever the session is.

        Raises:
            Inconclusive: it cannot be reached; says where it went wrong.
            KeyError: there is no such state in this protocol.
        """
        steps = self._way(state)
        for name in steps:
            try:
                await WALK[name](self)
            except (Failed, RemoteError, SetupError) as why:
                raise Inconclusive(f"{state} was not reached: {name}: {why}") from why

    def _way(self, state: str) -> list[str]:
        way = way_to(state, self)
        done = self.__dict__.setdefault("_done", [])
        left = way[len(done) :] if way[: len(done)] == done else way
        done[:] = way
        return left

    def forget(self) -> None:
        """The session is over: the next walk begins anew, still plugged in or not."""
        self.__dict__["earlier_id"] = self.session_id
        self.responses.clear()
        self.session_id, self.progress, self.challenge = bytes(8), "Start", None
        self.__dict__["_done"] = []

    # The steps, in order.

    async def _link(self) -> None:
        await self.system.plug()
        self.link_up = self.now

    async def _sdp(self) -> None:
        asked = sdp.TLS if self.wants_tls else sdp.NO_TLS
        request = sdp.Request(asked).pack()
        with self.system.sdp() as (send, answers):
            for _ in range(5):
                self.observe(Event(self.now, "sdp", "SDPRequest", "tx", request))
                send(request)
                data = await next_datagram(answers, timer("SDP_Timeout"))
                if data is None:
                    continue
                self.observe(Event(self.now, "sdp", "SDPResponse", "rx", data))
                try:
                    found = sdp.parse_response(data)
                except RemoteError:
                    continue
                self.endpoint = found
                if found.security != asked:
                    raise Inconclusive(f"the charger announces security 0x{found.security:02x}, not 0x{asked:02x}")
                return
        raise Failed("five SDP requests were not answered")

    @property
    def wants_tls(self) -> bool:
        """Whether this session is over TLS."""
        return bool(self.pics["PIXIT_SECC_CMN_TLS"]) and self.protocol is not DIN

    async def _tcp(self) -> None:
        assert self.endpoint is not None
        channel = await self.system.connect(self.endpoint.address, self.endpoint.port, self.context)
        self.wire = Wire(channel, self.observe)
        self.tell("tcp", "connected", channel.description)

    @property
    def context(self) -> TlsContext | None:
        return self.tls if self.wants_tls else None

    def offer(self) -> appproto.supportedAppProtocolReq:
        """The good-case offer: the session's protocol alone."""
        entry = appproto.AppProtocolType(
            ProtocolNamespace=self.protocol.namespace,
            VersionNumberMajor=2,
            VersionNumberMinor=0,
            SchemaID=10,
            Priority=1,
        )
        return appproto.supportedAppProtocolReq(AppProtocol=[entry])

    async def _sap(self) -> None:
        wire = self.connection
        await wire.send(self.offer())
        arrival = await self.response("supportedAppProtocolReq")
        if not arrival.code.startswith("OK"):
            raise Failed(f"supportedAppProtocolRes {arrival.code}")
        wire.session.protocol = self.protocol
        wire.session.id = self.session_id = bytes(8)

    async def _session_setup(self) -> None:
        wire = self.connection
        asked = self.paused.session_id if self.paused is not None else bytes(8)
        wire.session.id = asked
        arrival = await self.exchange("SessionSetupReq")
        wire.session.id = self.session_id = arrival.session_id
        if self.paused is not None and arrival.code != "OK_OldSessionJoined":
            raise Failed(f"SessionSetupRes {arrival.code} instead of OK_OldSessionJoined")

    async def _service_discovery(self) -> None:
        await self.exchange("ServiceDiscoveryReq")

    async def _service_detail(self) -> None:
        if not self.services or (not self.pics.pnc and not self.wants_tls):
            return
        from v2g.messages import iso2

        for service in self.services:
            await self.exchange("ServiceDetailReq", iso2.ServiceDetailReq(ServiceID=service.ServiceID))

    async def _payment(self) -> None:
        await self.exchange("ServicePaymentSelectionReq" if self.protocol is DIN else "PaymentServiceSelectionReq")

    async def _installation(self) -> None:
        """CertificateInstallation or CertificateUpdate; the new contract pays."""
        from conformance import contracts

        request = "CertificateUpdateReq" if self.certificate_set == 2 else "CertificateInstallationReq"
        arrival = await self.exchange(request)
        contracts.paying(self).contract = contracts.delivered(self, arrival)

    async def _payment_details(self) -> None:
        arrival = await self.exchange("PaymentDetailsReq")
        self.challenge = arrival.message.GenChallenge

    async def _authorization(self) -> None:
        await self.until_finished(self.authorization_request, timer("V2G_EVCC_Ongoing_Timeout"))

    @property
    def authorization_request(self) -> str:
        return "ContractAuthenticationReq" if self.protocol is DIN else "AuthorizationReq"

    async def _charge_parameters(self) -> None:
        await self.until_finished("ChargeParameterDiscoveryReq", timer("V2G_EVCC_Ongoing_Timeout"))

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
            if self.now - began > seconds + DELAY:
                raise Failed(f"{request} was not Finished in {seconds:g} s")
            await self.pause()

    async def pause(self) -> None:
        """Between two requests of a loop."""
        await asyncio.sleep(self.pics["par_chargingLoop_pause"])

    async def _cable_check(self) -> None:
        self.ready()
        await self.until_finished("CableCheckReq", timer("V2G_EVCC_CableCheck_Timeout"))

    def ready(self) -> None:
        """The pilot to C or D, as declared."""
        self.system.pilot.set(State(self.pics["PICS_SECC_CMN_EvStateInChargeProgress"]))

    async def _pre_charge(self) -> None:
        began = self.now
        while True:
            arrival = await self.exchange("PreChargeReq")
            if self.voltage_reached(arrival.message):
                return
            if self.now - began > timer("V2G_EVCC_PreCharge_Timeout") + DELAY:
                raise Failed(f"{self.battery_voltage:g} V were not reached in V2G_EVCC_PreCharge_Timeout")
            await self.pause()

    def voltage_reached(self, response: Any) -> bool:
        """Within 5 % of the target."""
        return abs(number(response.EVSEPresentVoltage) - self.battery_voltage) <= 0.05 * self.battery_voltage

    async def _start(self) -> None:
        self.progress = "Start"
        await self.deliver()

    async def deliver(self, **deviation: Any) -> Arrival:
        """A PowerDelivery exchange, with what the pilot and the contactors have to do beside it."""
        if self.progress == "Start" and not self.pics.ac:
            self.system.load(self.battery_voltage)
        moved = State.B if self.progress == "Stop" else State(self.pics["PICS_SECC_CMN_EvStateInChargeProgress"])
        timed: asyncio.TimerHandle | None = None
        if self.pics.ac and self.protocol is not DIN:
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
        elif self.progress == "Stop" and not self.stays_ready:
            self.system.load(None)
            self.system.pilot.set(State.B)
        return arrival

    @property
    def loop_request(self) -> str:
        return "ChargingStatusReq" if self.pics.ac and self.protocol is not DIN else "CurrentDemandReq"

    async def _loop(self) -> None:
        await self.charge(2)

    async def _until_receipt(self) -> None:
        """The loop until a response asks for a receipt, which is then due."""
        for _ in range(200):
            arrival = await self.exchange(self.loop_request)
            if getattr(arrival.message, "ReceiptRequired", None):
                return
            await self.pause()
        raise Failed("no receipt was asked for in 200 rounds of the loop")

    async def charge(self, times: int) -> None:
        """So many rounds of the charging loop, receipts included."""
        for _ in range(times):
            arrival = await self.exchange(self.loop_request)
            self.loops += 1
            if getattr(arrival.message, "ReceiptRequired", None):
                await self.exchange("MeteringReceiptReq")
            await self.pause()

    async def _loop_to_stop(self) -> None:
        await self.charge(int(self.pics["PICS_CMN_CMN_LoopCounter"]) - 2)
        self.progress = "Stop"

    async def _loop_to_renegotiation(self) -> None:
        await self.charge(int(self.pics["PICS_CMN_CMN_RenegotiationLoopIndication"]) - 2)
        self.progress = "Renegotiate"

    async def _renegotiate(self) -> None:
        self.progress = "Renegotiate"
        await self.exchange("PowerDeliveryReq")
        if not self.pics.ac:  # contactors open, state B, then cable check and pre-charge again
            self.system.load(None)
            self.system.pilot.set(State.B)
        self.progress = "Start"

    async def _stop(self) -> None:
        self.progress = "Stop"
        await self.deliver()

    async def _welding(self) -> None:
        await self.exchange("WeldingDetectionReq")

    async def _session_stop(self) -> None:
        await self.exchange("SessionStopReq")
        await self.connection.close()

    # -- pause and resume -----------------------------------------------------------------------------------------

    async def _pause_session(self) -> None:
        """SessionStop(Pause), close, sleep without any traffic."""
        from v2g.messages import iso2

        found = self.responses["ServiceDiscoveryRes"]
        self.paused = PausedSession(
            self.session_id,
            tuple(found.PaymentOptionList.PaymentOption),
            tuple(found.ChargeService.SupportedEnergyTransferMode.EnergyTransferMode),
            self.tuple_id,
        )
        await self.exchange("SessionStopReq", iso2.SessionStopReq(ChargingSession="Pause"))
        await self.connection.close()
        self.responses.clear()
        asleep = min(float(self.pics["PICS_CMN_CMN_WakeUp"]), float(self.pics["PIXIT_CMN_CMN_WakeUp"]))
        pilot = self.system.pilot
        off = await until_steady(pilot, 5.0)
        self.tell("pilot", "asleep", f"for {asleep:g} s, oscillator {'off' if off else 'not seen to go off'}")
        if not off:
            raise Inconclusive("the charger did not switch its oscillator off for the pause")

    async def _wake_by_ev(self) -> None:
        """After the sleep, B-C-B; the charger asks for digital communication again."""
        from slac.pilot import toggle

        seconds = float(self.pics["PICS_CMN_CMN_WakeUp"])
        pilot = self.system.pilot
        if pilot.reading.duty is None:
            await asyncio.sleep(seconds)
        elif await until_digital(pilot, seconds):
            raise Inconclusive(f"the charger woke up before {seconds:g} s were over")
        await toggle(pilot)
        if not await until_digital(pilot, 10.0):
            raise Inconclusive("the charger did not wake up after B-C-B")
        self.link_up = self.now

    async def _wake_by_evse(self) -> None:
        """The charger wakes up by itself after the declared time."""
        seconds = float(self.pics["PIXIT_CMN_CMN_WakeUp"])
        if self.system.pilot.reading.duty is None:
            await asyncio.sleep(seconds + timer("SECC_B1_B2_Timeout"))
        if not await until_digital(self.system.pilot, seconds + timer("SECC_B1_B2_Timeout")):
            raise Inconclusive(f"the charger did not wake itself within {seconds:g} s")
        self.link_up = self.now

    # -- the end --------------------------------------------------------------------------------------------------

    async def leave(self) -> None:
        """Whatever the state: connection dropped, pilot B, unplugged."""
        if self.wire is not None:
            await self.wire.close(reset=True)
            self.wire = None
        self.system.load(None)
        if self.system.pilot.state in READY:
            self.system.pilot.set(State.B)
        await self.system.leave()


async def until_steady(pilot: Any, within: float) -> bool:
    """Whether the charger's oscillator is off (or cannot be seen) within so many seconds."""
    from slac.pilot import STEADY, until

    duty = pilot.reading.duty
    if duty is None or duty == STEADY:
        return True
    return await until(pilot, lambda reading: reading.duty == STEADY, within)


async def next_datagram(answers: asyncio.Queue[Any], within: float) -> bytes | None:
    """The next datagram, or None."""
    try:
        async with asyncio.timeout(within):
            data, _ = await answers.get()
    except TimeoutError:
        return None
    return bytes(data)


# ---------------------------------------------------------------------------------------------------------------
# The ways


Step = Callable[[TesterEv], Awaitable[None]]

WALK: dict[str, Step] = {
    "LINK": TesterEv._link,
    "SDP": TesterEv._sdp,
    "TCP": TesterEv._tcp,
    "SAP": TesterEv._sap,
    "SessionSetup": TesterEv._session_setup,
    "ServiceDiscovery": TesterEv._service_discovery,
    "ServiceDetail": TesterEv._service_detail,
    "PaymentServiceSelection": TesterEv._payment,
    "ServicePaymentSelection": TesterEv._payment,
    "CertificateInstallation": TesterEv._installation,
    "CertificateUpdate": TesterEv._installation,
    "PaymentDetails": TesterEv._payment_details,
    "Authorization": TesterEv._authorization,
    "ContractAuthentication": TesterEv._authorization,
    "ChargeParameterDiscovery": TesterEv._charge_parameters,
    "CableCheck": TesterEv._cable_check,
    "PreCharge": TesterEv._pre_charge,
    "PowerDelivery.Start": TesterEv._start,
    "ChargingLoop": TesterEv._loop,
    "ChargingLoop.Stop": TesterEv._loop_to_stop,
    "ChargingLoop.Renegotiate": TesterEv._loop_to_renegotiation,
    "ReceiptRequired": TesterEv._until_receipt,
    "Renegotiation": TesterEv._renegotiate,
    "PowerDelivery.Stop": TesterEv._stop,
    "WeldingDetection": TesterEv._welding,
    "SessionStop": TesterEv._session_stop,
    "Pause": TesterEv._pause_session,
    "WakeUp.EV": TesterEv._wake_by_ev,
    "WakeUp.EVSE": TesterEv._wake_by_evse,
}
"""Names of the steps -> what does them. Contract payment adds its own."""

_COMMON = ["LINK", "SDP", "TCP", "SAP", "SessionSetup", "ServiceDiscovery"]
_SETUP = ["SDP", "TCP", "SAP", "SessionSetup", "ServiceDiscovery"]


def selection(walk: TesterEv) -> list[str]:
    """From ServiceDiscovery to the selection of payment."""
    return ["ServicePaymentSelection"] if walk.protocol is DIN else ["ServiceDetail", "PaymentServiceSelection"]


def authorization(walk: TesterEv) -> list[str]:
    """From the selection of payment to Authorization."""
    if walk.protocol is DIN:
        return ["ContractAuthentication"]
    return [*(_contract(walk) if walk.pics.pnc else []), "Authorization"]


def _contract(walk: TesterEv) -> list[str]:
    """What contract payment puts between selection and Authorization."""
    exchange = {1: ["CertificateInstallation"], 2: ["CertificateUpdate"]}.get(walk.certificate_set or 0, [])
    return [*exchange, "PaymentDetails"]


def _power(walk: TesterEv) -> list[str]:
    """From charge parameters to PowerDelivery(Start)."""
    return [*([] if walk.pics.ac else ["CableCheck", "PreCharge"]), "PowerDelivery.Start"]


def _line(walk: TesterEv) -> list[str]:
    """A whole session."""
    return [
        *_COMMON, *selection(walk), *authorization(walk), "ChargeParameterDiscovery", *_power(walk), "ChargingLoop",
        "ChargingLoop.Stop", "PowerDelivery.Stop", *([] if walk.pics.ac else ["WeldingDetection"]), "SessionStop",
    ]  # fmt: skip


ALIASES: Mapping[str, str] = {
    "PaymentServiceSelection.EIM": "PaymentServiceSelection",
    "PaymentServiceSelection.PnC": "PaymentServiceSelection",
    "PowerDelivery.On": "PowerDelivery.Start",
    "PowerDelivery.Off": "PowerDelivery.Stop",
    "FullSession": "SessionStop",
}
"""States under another name."""


def way_to(state: str, walk: TesterEv) -> list[str]:
    """The steps to a state.

    Raises:
        KeyError: there is no such state.
    """
    line = _line(walk)
    kind, _, rest = state.partition(".")
    if kind == "Resumed":
        who, _, goal = rest.partition(".")
        first = line[: line.index("PowerDelivery.Stop") + 1]
        again = [*_SETUP, *selection(walk), *authorization(walk)]
        after = again[: again.index(goal or "SAP") + 1]
        return [*first, "Pause", f"WakeUp.{who}", *after]
    if kind == "Renegotiation":
        way = [*line[: line.index("ChargingLoop") + 1], "ChargingLoop.Renegotiate", "Renegotiation"]
        again = ["ChargeParameterDiscovery", *_power(walk)]
        return [*way, *again[: again.index(rest) + 1]] if rest else way
    if rest == "ReceiptRequired":
        return [*line[: line.index("PowerDelivery.Start") + 1], "ReceiptRequired"]
    if state == "ChargingLoop.Renegotiate":
        return [*line[: line.index("ChargingLoop") + 1], state]
    name = ALIASES.get(state, state)
    if name in ("CertificateInstallation", "CertificateUpdate") and name not in line:
        walk.certificate_set = 1 if name == "CertificateInstallation" else 2
        line = _line(walk)
    if name in ("ServiceDetail", "PaymentDetails") and name not in line:
        name = line[line.index("ServiceDiscovery") if name == "ServiceDetail" else line.index("Authorization") - 1]
    try:
        return line[: line.index(name) + 1]
    except ValueError:
        raise KeyError(state) from None
