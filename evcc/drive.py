"""One session as the vehicle's script sees it: the connection, the vehicle, what was chosen, and why it ends.

Every request of a script goes through :meth:`Drive.ask`, which checks the protocol's sequence table first, so that
a mistake in a script raises our `LocalError` and never reaches the charger. A test that wants to send something illegal
replaces the message behind this guard with the session's rewrite hooks, or uses the session directly.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from evcc.beside import Beside
from evcc.options import Options, Paused, Progress
from evcc.vehicle import Vehicle
from v2g import naming
from v2g.credentials import Credential
from v2g.errors import LocalError, Refused, RemoteError, TimedOut
from v2g.messages.base import Request
from v2g.messages.xmldsig import SignatureType
from v2g.outcome import Aborted, Cause
from v2g.protocols import ISO2, Protocol
from v2g.rules.rule import Live
from v2g.sequence import Sequence
from v2g.session import Session
from v2g.streams import MAIN

if TYPE_CHECKING:
    from v2g.energy import Control

R = TypeVar("R")


class Unsuitable(RemoteError):
    """The charger answered properly, but this vehicle must not charge on that answer."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the power flow ends, and how the script continues.

    Attributes:
        how: ``stop``, ``pause``, ``renegotiate``, or ``service``: continue with another service (ISO 15118-20).
        reason: in words.
        cause: the resulting cause of the outcome.
        hurry: seconds for which the current may fail to fall before the vehicle goes on; 0: no ramp.
        alarm: the vehicle disconnects before it sends anything.
        until: loop time at which the reason for a pause ends, s; None: unknown.
    """

    how: Literal["stop", "pause", "renegotiate", "service"]
    reason: str
    cause: Cause = Cause.COMPLETE
    hurry: float = math.inf
    alarm: bool = False
    until: float | None = None


class NeedsTold(NamedTuple):
    """Mobility needs as the charger last named them: departure as loop time in s, SoCs in percent; None: not named."""

    leaves: float | None = None
    minimum: int | None = None
    target: int | None = None


@dataclass
class Drive:
    """A running session.

    Attributes:
        resume: the paused session to resume, or None.
        setup_deadline: loop time by which SessionSetupRes must have arrived, s [V2G2-714].
        mode: energy transfer mode agreed; "" before that.
        tuple_id: id of the schedule agreed.
        payment: payment option chosen; "" before that.
        contract: the contract that signs for this session; None with external payment.
        ac_voltage: nominal voltage of the outlet, V; None in DC.
        charging_since: loop time at which power first flowed, s; None before that.
        started: loop time of SessionSetupRes, s; if the session was paused, of the first one.
        error_code: error that this session made the vehicle report; "": the driver's setting applies.
        danger: why the vehicle must disconnect at once; "" if there is no reason.
        usable: the last request was answered properly, so another may be sent.
        when_sent: called once when the vehicle sends a request of that name, "" any, after its pause.
        ending: why the session ended, as far as the script knows.
        paused: what a later session needs to resume this one.
        needs_told: mobility needs that the charger last named (ISO 15118-20).
        notes: anything else worth knowing for users, one line each.
        control: service and parameter set selected; None before that (ISO 15118-20, like all that follow).
        other_services: the charger lets the vehicle change its service.
        offered_services: ServiceIDs of the energy services that the charger offers.
        parks: IntendedServices selected of the parking service.
        arrived: the vehicle has begun to check in.
        asked_to_stop: the charger requested the end in its answer to the start.
        resting: the vehicle wants no power, because of standby.
        asked: A that the latest request of a DC loop asked for, or allowed: it may be on its way.
        standby: the charger has agreed to standby.
        pausing: a profile of 0 W is being agreed, so that the session may be paused.
        stream: stream that carries the requests: the main one, or a side stream by its payload type.
        beside: the tasks on side streams.
    """

    session: Session
    vehicle: Vehicle
    options: Options = field(default_factory=Options)
    resume: Paused | None = None
    setup_deadline: float = math.inf
    mode: str = ""
    tuple_id: int = 0
    payment: str = ""
    contract: Credential | None = None
    ac_voltage: float | None = None
    charging_since: float | None = None
    started: float = 0.0
    error_code: str = ""
    danger: str = ""
    usable: bool = True
    when_sent: dict[str, Callable[[], object]] = field(default_factory=dict)
    ending: Ending = field(default_factory=lambda: Ending("stop", "completed"))
    paused: Paused | None = None
    needs_told: NeedsTold = field(default_factory=NeedsTold)
    notes: list[str] = field(default_factory=list)
    control: Control | None = None
    other_services: bool = False
    offered_services: frozenset[int] = frozenset()
    parks: frozenset[int] = frozenset()
    arrived: bool = False
    asked_to_stop: bool = False
    resting: bool = False
    asked: float = 0.0
    standby: bool = False
    pausing: bool = False
    stream: int = MAIN
    beside: Beside = field(default_factory=Beside)
    _noted: set[str] = field(default_factory=set)
    _remaining: tuple[Any, tuple[float, float]] = (None, (0.0, 0.0))

    def __post_init__(self) -> None:
        self.sequence = Sequence(ISO2.order)
        self.delivered_before = self.vehicle.battery.net_wh
        if self.resume is not None:
            self.delivered_before -= self.resume.delivered_wh

    def begin(self, protocol: Protocol) -> None:
        """A protocol was agreed: from now on its table guards what is sent."""
        self.sequence = Sequence(protocol.order, dc=not self.options.ac)

    def on(self, stream: int) -> Drive:
        """The same session on a side stream, with that stream's order of messages."""
        beside = copy.copy(self)
        beside.stream, beside.usable = stream, True
        beside.sequence = Sequence(self.session.protocol.side[stream].order, dc=not self.options.ac)
        return beside

    @property
    def now(self) -> float:
        """Loop time, s."""
        return self.session.now

    @property
    def delivered_wh(self) -> float:
        """Energy taken minus energy given back in this session, Wh; a resumed session keeps counting."""
        return self.vehicle.battery.net_wh - self.delivered_before

    @property
    def bidirectional(self) -> bool:
        """Whether the selected service lets energy flow out of the vehicle."""
        return self.control is not None and self.control.bidirectional

    @property
    def modes(self) -> tuple[str, ...]:
        """Energy transfer modes that the vehicle accepts now, preferred first; a resumed session keeps its own."""
        if self.resume is not None and self.resume.mode:
            return (self.resume.mode,)
        kind, one_phase = "AC" if self.options.ac else "DC", self.vehicle.onboard.phases < 3
        fitting = (mode for mode in self.vehicle.inlet.modes if mode.startswith(kind))
        return self.options.modes or tuple(m for m in fitting if not (one_phase and m == "AC_three_phase_core"))

    @property
    def energy_request(self) -> float:
        """Energy still requested, Wh, minus what was delivered before a pause [V2G2-743]."""
        asked = self.vehicle.settings.energy_request_wh
        return self.vehicle.battery.missing_wh if asked is None else max(0.0, asked - self.delivered_wh)

    @property
    def departure(self) -> int | None:
        """Seconds until departure, or None; they keep counting down, also during a pause [V2G2-742]."""
        if self.vehicle.settings.leaves_at is not None:
            return max(0, round(self.vehicle.settings.leaves_at - self.now))
        asked = self.vehicle.settings.departure
        return None if asked is None else max(0, round(asked - (self.now - self.started)))

    async def ask(self, message: Request[R], *, signature: SignatureType | None = None, survives: bool = False) -> R:
        """Sends a request of the script and returns its response.

        Args:
            signature: Signature for the header.
            survives: the session can continue after a refusal.

        Raises:
            LocalError: the sequence table does not allow the request here; nothing was sent.
            RemoteError: as in :meth:`v2g.session.Session.request`.
            V2GError: an error on a side stream has ended the session.
        """
        name = type(message).__name__
        if not self.allows(message):
            raise LocalError(f"our script wants to send {name}, but the order allows only {self.sequence.expected()}")
        pauses = self.vehicle.settings.pauses
        if pause := pauses.get(name, pauses.get("default", 0.0)):
            await asyncio.sleep(pause)
        for key in (name, ""):
            if sent := self.when_sent.pop(key, None):
                sent()
        if self.stream == MAIN:
            self.beside.check()
            self.progress(naming.exchange(name))
        self.usable = False
        if name == "SessionSetupReq":
            response = await self._set_up(message)
        else:
            try:
                response = await self.session.request(message, signature=signature, stream=self.stream)
            except Refused:
                if survives:
                    self.sequence.advance(message, None)
                    self.usable = True
                raise
        self.sequence.advance(message, response)
        self.usable = True
        if self.stream == MAIN:
            self.heed()
        return response

    def heed(self) -> None:
        """Acts on the content rules that the last response violates.

        Raises:
            Unsuitable: this vehicle must not continue after such a violation.
            RemoteError: only a tolerant vehicle accepts the violation, and the session is strict.
        """
        received = self.session.last_received
        for breach in received.breaches if received is not None else ():
            match breach.rule.live:
                case Live.REFUSED:
                    raise Unsuitable(str(breach), breach.code)
                case Live.TOLERATED:
                    self.session.tolerate(breach.rule.name, str(breach))
                case Live.PROTECTED:
                    self.error_code, self.danger = breach.rule.error or self.error_code, breach.text
                case Live.TOLD:
                    self.note(str(breach), once=breach.rule.name)

    async def _set_up(self, message: Request[R]) -> R:
        try:
            async with asyncio.timeout_at(None if math.isinf(self.setup_deadline) else self.setup_deadline):
                return await self.session.request(message)
        except TimeoutError as why:
            timer = "V2G_EVCC_CommunicationSetup_Timeout"
            named = self.session.protocol.timer(timer)
            raise TimedOut(named, getattr(self.session.timing, timer), "SessionSetupRes") from why

    def power_flows(self) -> None:
        """PowerDelivery(Start) was answered: the driver's charging time starts."""
        if self.charging_since is None:
            self.charging_since = self.now

    def forget_pause(self) -> None:
        """The charger began a new session: what happened before it does not count."""
        self.resume = None
        self.delivered_before = self.vehicle.battery.net_wh

    @property
    def over_time(self) -> bool:
        """Whether the driver's charging time is over."""
        since, duration = self.charging_since, self.options.duration
        return since is not None and duration is not None and self.now - since >= duration

    def allows(self, message: Any) -> bool:
        """Whether the order of messages allows sending this now."""
        return self.sequence.verdict(message) == "legal"

    def progress(self, phase: str) -> None:
        """Reports where the session is, with the plant's numbers."""
        vehicle = self.vehicle
        if self.ac_voltage is not None:
            voltage, current = self.ac_voltage, vehicle.ac_current
        else:
            voltage, current = vehicle.measured
        self.options.on_progress(Progress(self.now, phase, vehicle.battery.soc, voltage, current))

    def note(self, text: str, *, once: str = "") -> None:
        """Adds a line for the user and to the trace, once; ``once`` names lines that only differ in their numbers."""
        if (once or text) not in self._noted:
            self._noted.add(once or text)
            self.notes.append(text)
            self.session.tell("state", "note", text)

    def ends(self, ending: Ending) -> Ending:
        """Records why the power flow ends, and traces it right away."""
        self.ending = ending
        if ending.how in ("stop", "pause"):
            self.vehicle.ending = ending.reason
        if ending.cause is Cause.COMPLETE:
            self.session.tell("state", "stopping", ending.reason)
        else:
            self.session.tell("error", "ended", ending.reason)
        return ending

    def remaining(self, reach: tuple[float, float, float]) -> tuple[float, float]:
        """Seconds to the battery's target and bulk SoC within limits in V, A, W; calculated once a second."""
        second = (int(self.now), reach)
        if self._remaining[0] != second:
            battery = self.vehicle.battery
            full, bulk = battery.seconds_to(battery.target_soc, *reach), battery.seconds_to(battery.bulk_soc, *reach)
            self._remaining = (second, (full, bulk))
        return self._remaining[1]

    async def breathe(self) -> None:
        """The pause between two messages of a loop."""
        await asyncio.sleep(self.vehicle.settings.loop_delay)

    def still_wanted(self) -> None:
        """Before power flows nothing has to be switched off, so the driver's stop ends the session here.

        A side stream does not check this: the main stream does.

        Raises:
            Aborted: the driver stopped.
        """
        if self.stream == MAIN and self.vehicle.stop.is_set():
            self.vehicle.stop.clear()
            raise Aborted("stopped by the driver before charging")

    @contextlib.asynccontextmanager
    async def within(self, timer: str, waiting_for: str, *, from_request: bool = False) -> AsyncIterator[None]:
        """Limits the time of the enclosed block by a timer of the standard.

        Args:
            from_request: the timer starts when the next request is sent.

        Raises:
            TimedOut: the timer expired; with its name and value.
        """
        seconds = getattr(self.session.timing, timer)
        try:
            async with self.limit(seconds, from_request=from_request) as limit:
                if not from_request:
                    limit.reschedule(self.now + seconds)
                yield
        except TimeoutError as why:
            raise TimedOut(self.session.protocol.timer(timer), seconds, waiting_for) from why

    @contextlib.asynccontextmanager
    async def limit(self, seconds: float, *, from_request: bool = False) -> AsyncIterator[asyncio.Timeout]:
        """A limit for the enclosed block, which starts when the next request is sent, or when it is rescheduled.

        Raises:
            TimeoutError: it has expired.
        """
        async with asyncio.timeout(None) as limit:
            if from_request:
                self.when_sent[""] = lambda: limit.reschedule(self.now + seconds)
            try:
                yield limit
            finally:
                if from_request:  # a request that was never sent must not start a limit that is over
                    self.when_sent.pop("", None)
