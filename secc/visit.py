"""What the charger knows about the vehicle it serves: the state that the request handlers read and set."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from secc.charger import CUTS_OFF, Evse, Fault, Wish
from secc.contracts import Contract, Contracts
from secc.costs import Bill
from secc.envelope import Clip
from secc.pauses import Paused
from secc.plan import Slot
from secc.services import Service
from secc.terms import MAX_ENTRIES, Terms, covering
from secc.visit_parts import Installing, LineLimits, Metering, Renegotiation
from v2g.credentials import common_name, read
from v2g.energy import Control
from v2g.errors import RemoteError, TimedOut
from v2g.messages.xmldsig import SignatureType
from v2g.ramp import Ramp
from v2g.rules.rule import Breach, Live
from v2g.session import Session


class Refusal(RemoteError):
    """Raised by an answer: the request is answered with this ResponseCode and minimal fields.

    Attributes:
        survivable: the refusal is a failed certificate exchange, after which a charger with that option continues
            [V2G2-557, 558]; every other refusal ends the session.
        fields: further fields of the response, besides its code.
    """

    def __init__(self, code: str, text: str, *, survivable: bool = False, misfit: bool = False, **fields: Any) -> None:
        super().__init__(text, code, misfit=misfit)
        self.survivable = survivable
        self.fields = fields


@contextmanager
def disclosing(**limits: Any) -> Iterator[None]:
    """A refusal because limits do not fit carries the charger's own, so that the vehicle, or a reader, sees why."""
    try:
        yield
    except Refusal as why:
        if why.misfit:
            why.fields = {**limits, **why.fields}
        raise


Notice = Literal["None", "StopCharging", "ReNegotiation"]
StatusCode = Literal[
    "EVSE_NotReady", "EVSE_Ready", "EVSE_Shutdown", "EVSE_UtilityInterruptEvent", "EVSE_IsolationMonitoringActive",
    "EVSE_EmergencyShutdown", "EVSE_Malfunction",
]  # fmt: skip
"""EVSENotification and EVSEStatusCode, spelled the same in both protocols."""

Answer = Callable[["Visit", Any], Any | Awaitable[Any]]
Answers = Mapping[type[Any], Answer]


class AnswerTable(dict[type[Any], Answer]):
    """Answers by request class; :meth:`on` registers one. Copy and modify it to answer differently in a test.

    A registered answer first checks the content of the request; an answer that replaces it may accept anything.
    """

    def on(self, request: type[Any]) -> Callable[[Answer], Answer]:
        def register(answer: Answer) -> Answer:
            def checked(visit: Visit, message: Any) -> Any | Awaitable[Any]:
                visit.check_content()
                return answer(visit, message)

            self[request] = checked
            return answer

        return register


@dataclass
class Visit:
    """One vehicle at one outlet, from connection to close.

    Attributes:
        evse: the outlet.
        session: the connection.
        dc: whether DC is offered (else AC).
        now: wall clock, Unix seconds.
        rng: for session ids.
        paused: sessions that may be resumed, by id.
        contracts: the keys, roots and settings for contract payment; None: it is not offered.
        services: services offered besides charging.
        selected: services chosen, with the parameter set or None.
        payment: payment option chosen, or "".
        contract: the vehicle's contract, set once PaymentDetails is answered; in ISO 15118-20, once it is proven.
        challenge: GenChallenge sent, with which a contract may be proven (ISO 15118-20); b"" if none was sent.
        installing: certificate installations (ISO 15118-20).
        metering: confirmation of readings (ISO 15118-20).
        asked_id: session id in the header of the request being answered.
        asked_signature: Signature in that header, or None.
        breaches: content rules that the request being answered breaks.
        signature: the Signature for the response being built, or None.
        mode: energy transfer mode chosen.
        terms: schedules offered, and what the vehicle chose.
        unconfirmed: the vehicle did not confirm its tolerance, so power does not start (ISO 15118-20).
        bill: cost of the session so far.
        schedule_began: loop time at which the schedules began, s; in a resumed session, that from before the pause.
        line: the vehicle's AC limits.
        ramp: how fast DC power may rise (ISO 15118-20).
        agreed_anew: called after a schedule was offered or a profile accepted, because what applies may change soon.
        control: service and parameter set selected (ISO 15118-20).
        standby: power is suspended while the session continues (ISO 15118-20).
        allows_standby, allows_another_service: whether the charger is configured to allow it (ISO 15118-20).
        added: value added services selected, ServiceID and ParameterSetID (ISO 15118-20).
        renegotiation: progress of a schedule renegotiation (ISO 15118-20).
        stops: how often power was stopped (ISO 15118-20).
        ongoing: the last request answered with Ongoing, by stream (ISO 15118-20).
        coming: terms agreed on a side stream, in force from the next message of the loop (ISO 15118-20).
        asked_to_pause: the charger had asked for a pause when the power flow ended (ISO 15118-20).
        delivering: PowerDelivery(Start) was answered, and no Stop or Renegotiate since.
        charged: CurrentDemand or ChargingStatus was answered since.
        stopped: PowerDelivery(Stop) was answered.
        tested: a cable check of this session has passed.
        overdue: why the charger switched the output off on a vehicle that did not stop, or "".
        overdue_code: the response code of the resulting refusal.
        refused: a request was answered with FAILED.
        ended: "Terminate" or "Pause" after SessionStop.
        started: loop time at which each phase began, by name.
        told: names of the rules already reported.
    """

    evse: Evse
    session: Session
    dc: bool
    now: Callable[[], float]
    rng: random.Random
    paused: MutableMapping[bytes, Paused] = field(default_factory=dict)
    contracts: Contracts | None = None
    services: Sequence[Service] = ()
    selected: dict[int, int | None] = field(default_factory=dict)
    payment: str = ""
    contract: Contract | None = None
    challenge: bytes = b""
    installing: Installing = field(default_factory=Installing)
    metering: Metering = field(default_factory=Metering)
    asked_id: bytes = b""
    asked_signature: SignatureType | None = None
    breaches: Sequence[Breach] = ()
    signature: SignatureType | None = None
    mode: str = ""
    resumed: Paused | None = None
    terms: Terms = field(default_factory=Terms)
    unconfirmed: bool = False
    bill: Bill = field(default_factory=lambda: Bill())
    schedule_began: float | None = None
    line: LineLimits = field(default_factory=LineLimits)
    ramp: Ramp = field(default_factory=Ramp)
    agreed_anew: Callable[[], None] = lambda: None
    authorized: bool = False
    control: Control | None = None
    standby: bool = False
    allows_standby: bool = True
    allows_another_service: bool = True
    added: tuple[tuple[int, int], ...] = ()
    renegotiation: Renegotiation = field(default_factory=Renegotiation)
    stops: int = 0
    ongoing: dict[int, Any] = field(default_factory=dict)
    coming: Terms | None = None
    asked_to_pause: bool = False
    delivering: bool = False
    charged: bool = False
    stopped: bool = False
    tested: bool = False
    overdue: str = ""
    overdue_code: str = "FAILED"
    refused: bool = False
    ended: str = ""
    started: dict[str, float] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.evse.forget_limits()  # nothing is inherited from the previous vehicle
        if self.evse.power is not None:
            self.evse.power.on_clip = self._clipped

    def _clipped(self, clip: Clip) -> None:
        self.session.tell("tolerance", "clipped", f"{clip.kind.value}: {clip.first}")

    # -- beside the loop ------------------------------------------------------------------------------------------

    def take_over(self) -> None:
        """Puts what a side stream agreed on into force; called with each message of the loop."""
        if self.coming is not None:
            self.terms, self.coming = self.coming, None
            self.over("beyond profile", "short of profile")
            self.agreed_anew()

    def power_over(self) -> None:
        """Notes that the vehicle has ended the power flow, so the end of the session need not switch it off."""
        self.delivering = self.charged = False

    # -- phases ---------------------------------------------------------------------------------------------------

    def since(self, phase: str) -> float:
        """Seconds since the first call with this name."""
        return self.session.now - self.started.setdefault(phase, self.session.now)

    def over(self, *phases: str) -> None:
        """Ends phases: the next :meth:`since` starts from zero."""
        for phase in phases:
            self.started.pop(phase, None)

    def within(self, phase: str, timer: str) -> None:
        """Notes that a phase is still running.

        Raises:
            TimedOut: the phase has reached this timer of the standard; the request is answered FAILED [V2G2-713].
        """
        seconds: float | None = getattr(self.session.timing, timer)
        if seconds is not None and self.since(phase) >= seconds:
            raise TimedOut(self.session.protocol.timer(timer), seconds, f"the end of the {phase}")

    @property
    def secure(self) -> bool:
        """Whether the connection is TLS: contracts and some services need it."""
        return self.session.channel.secure

    @property
    def binding(self) -> bytes:
        """Digest of the vehicle's TLS certificate, by which it is recognised when it returns; b"" without one."""
        return hashlib.sha512(self._certificate).digest() if self._certificate else b""

    @property
    def certified(self) -> str:
        """The name in that certificate, "" without one: the EVCCID of ISO 15118-20."""
        return common_name(read(self._certificate)) if self._certificate else ""

    @property
    def _certificate(self) -> bytes:
        chain = self.session.channel.tls.peer_chain if self.session.channel.tls is not None else ()
        return chain[0] if chain else b""

    def planned(self) -> bool:
        """Whether the schedule is ready; if not, the vehicle has to ask again.

        Raises:
            TimedOut: planning takes longer than the vehicle has to wait [V2G2-713].
        """
        if self.evse.planning_seconds and self.since("schedule") < self.evse.planning_seconds:
            self.within("schedule", "V2G_SECC_Ongoing_Performance_Time")
            return False
        self.over("schedule")
        return True

    # -- what the vehicle is told ---------------------------------------------------------------------------------

    @property
    def fault(self) -> Fault | None:
        """Why the charger cannot deliver, or None; a broken output is a malfunction."""
        broken = self.evse.power is not None and self.evse.power.fault is not None
        return self.evse.fault or (Fault.MALFUNCTION if broken else None)

    @property
    def switched_off(self) -> bool:
        """Whether a fault forbids power immediately, even for a ramp down."""
        return self.fault in CUTS_OFF

    @property
    def wants_stop(self) -> bool:
        """Whether the vehicle has to stop, now or within a delay."""
        return self.fault is not None or self.evse.notification.wish is Wish.STOP

    def status_code(self, otherwise: StatusCode = "EVSE_Ready") -> StatusCode:
        """Present DC_EVSEStatusCode; ``otherwise`` if there is neither a fault nor a wish to stop."""
        if self.fault:
            return _STATUS_CODES[self.fault]
        # A charger that wants to stop says so in the status too: some vehicles look only there.
        return "EVSE_Shutdown" if self.wants_stop else otherwise

    @property
    def notification(self) -> tuple[Notice, int]:
        """EVSENotification and NotificationMaxDelay. Renegotiation is requested only while power flows [V2G2-680]."""
        wish, delay = self.evse.notification
        if self.wants_stop:
            return "StopCharging", delay if wish is Wish.STOP else 0
        return ("ReNegotiation", delay) if wish is Wish.RENEGOTIATE and self.delivering else ("None", 0)

    def check_may_start(self) -> None:
        """Checks that the charger can start to deliver.

        Raises:
            Refusal: a fault, its wish to stop or the RCD forbids it [V2G2-480].
        """
        tripped = self.evse.ac is not None and self.evse.ac.rcd_tripped
        if self.wants_stop or tripped:
            why = self.fault.value if self.fault else "it wants to stop" if self.wants_stop else "residual current"
            raise Refusal("FAILED_PowerDeliveryNotApplied", f"the charger cannot deliver: {why}")

    def check_content(self) -> None:
        """Checks the request against the table of content rules.

        Raises:
            Refusal: with the code of the first rule that the request breaks.
        """
        for breach in self.breaches:
            live = breach.rule.live
            if live is Live.REFUSED or (live is Live.TOLERATED and not self.session.tolerant):
                raise Refusal(breach.code, str(breach))
            if live is Live.TOLERATED:
                self.session.tolerate(breach.rule.name, str(breach))
            elif live is Live.TOLD:
                self.tell(breach.rule.name, str(breach))

    def tell(self, name: str, text: str) -> None:
        """Records odd but harmless vehicle behaviour in the trace, once per name."""
        if name not in self.told:
            self.told.add(name)
            self.session.tell("state", "note", text)

    def new_session_id(self) -> bytes:
        """Eight random bytes, not zero [V2G2-750]."""
        while not any(made := self.rng.randbytes(8)):
            pass
        return made

    def offer_schedule(
        self, departure: int | None, max_entries: int | None, schedule: Sequence[Slot] = ()
    ) -> tuple[Slot, ...]:
        """Slots until departure, at least for the charger's own schedule (24 hours); sets :attr:`Terms.coverage`.

        Args:
            schedule: the outlet's own schedule by default.
        """
        seconds = max(departure or 0, self.evse.schedule_seconds)
        slots, self.terms.coverage = covering(schedule or self.evse.schedule, seconds, max_entries or MAX_ENTRIES)
        return slots


_STATUS_CODES: dict[Fault, StatusCode] = {
    Fault.SHUTDOWN: "EVSE_Shutdown",
    Fault.UTILITY_INTERRUPT: "EVSE_UtilityInterruptEvent",
    Fault.EMERGENCY: "EVSE_EmergencyShutdown",
    Fault.MALFUNCTION: "EVSE_Malfunction",
}
