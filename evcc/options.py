"""What a vehicle can be told about its sessions, and what it makes known of them: progress, pauses, the outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from evcc.wallet import Wallet, Wallet20
from v2g import outcome
from v2g.credentials import Credential
from v2g.errors import V2GError
from v2g.options import SessionOptions

if TYPE_CHECKING:
    from evcc.drive import Drive
    from v2g.energy import Control
    from v2g.messages import appproto

Script = Callable[["Drive"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a session is.

    Attributes:
        time: loop time, s.
        phase: name of the exchange under way, like ``CableCheck``.
        soc: state of charge, 0 to 1.
        voltage, current: at the inlet as far as known, V and A (AC: line to neutral, per phase).
    """

    time: float
    phase: str
    soc: float
    voltage: float
    current: float


@dataclass(frozen=True, slots=True)
class Paused:
    """What a paused session keeps [V2G2-740, 741, 742, 743].

    Attributes:
        session_id: as the charger gave it.
        mode: energy transfer mode; "" where it is not known.
        started: loop time of the first SessionSetupRes, s; the departure time counts from there. None: from now.
        delivered_wh: energy taken so far less what was given back, Wh.
        payment: payment option; "" where it is not known.
        until: loop time at which the vehicle wants to go on, s; None: not known.
        control: service and parameter set selected (ISO 15118-20).
        binding: what the charger is known again by (ISO 15118-20).
        parks: what was selected of the parking service (ISO 15118-20).
        contract: that pays (ISO 15118-20).
    """

    session_id: bytes
    mode: str = ""
    started: float | None = None
    delivered_wh: float = 0.0
    payment: str = ""
    until: float | None = None
    control: Control | None = None
    binding: bytes = b""
    parks: frozenset[int] = frozenset()
    contract: Credential | None = None


@dataclass
class Outcome(outcome.Outcome):
    """A vehicle's session in figures; ``cause`` is also the exit code.

    Attributes:
        soc_start, soc_end: state of charge, 0 to 1.
        error: what ended the session, where something went wrong.
        resume: for joining the session again, if it ended with a pause.
    """

    soc_start: float = 0.0
    soc_end: float = 0.0
    error: V2GError | None = None
    resume: Paused | None = None


@dataclass
class Options(SessionOptions):
    """How a vehicle behaves; see `v2g.options.SessionOptions` too.

    Attributes:
        offer: a supportedAppProtocolReq of one's own instead of that.
        on_progress: is told before each request where the session is.
        ac: charge with AC.
        bpt: give energy back too, where the charger has the service (ISO 15118-20).
        service: the energy transfer service by its title, like ``DC_BPT`` (ISO 15118-20); "": by ``ac``, ``bpt`` and
            the inlet.
        negative_discharge_limits: limits of discharging are sent as negative numbers; they are read by their magnitude
            in any case.
        duration: seconds of charging after which the driver has enough; None: until the battery's target.
        scripts: other scripts than the standard's, by protocol name.
        resume: the paused session to join, as an earlier outcome gave it, or no more than its id.
        modes: energy transfer modes by their ISO 15118-2 names, preferred first; empty: those of inlet and ``ac``.
        services: additional services of interest: ServiceID -> ParameterSetID to select, None for no set (in ISO
            15118-20 for the first one, with parking for one of each kind).
        renegotiates: whether the vehicle follows a charger's wish to renegotiate; it may decline [V2G2-680].
        on_end: called with the outcome at the end; a caller that cancels has no other way to get it.
        renegotiation_retries: how often the vehicle tries again to renegotiate a schedule when the charger did not
            answer (ISO 15118-20).
        authorization_retries: how often it asks again after a warning that refuses it (ISO 15118-20).
        control: who decides on power where both can (ISO 15118-20): ``scheduled`` the vehicle within a schedule,
            ``dynamic`` the charger; ``any`` takes the first that is offered.
        payment: ``contract`` or ``external`` insists on one; ``auto`` takes the contract where both sides can.
        wallet: certificates and keys for contract payment.
        wallet20: the same for ISO 15118-20.
        max_schedule_entries: MaxEntriesSAScheduleTuple; a charging profile cannot follow more than 24.
        new_session_id: header of the first request of a new session; vehicles send one zero byte or eight.
    """

    offer: appproto.supportedAppProtocolReq | None = None
    on_progress: Callable[[Progress], None] = lambda progress: None
    ac: bool = False
    bpt: bool = False
    service: str = ""
    negative_discharge_limits: bool = False
    duration: float | None = None
    scripts: Mapping[str, Script] = field(default_factory=dict)
    resume: Paused | bytes | None = None
    modes: tuple[str, ...] = ()
    services: Mapping[int, int | None] = field(default_factory=dict)
    renegotiates: bool = True
    renegotiation_retries: int = 2
    authorization_retries: int = 0
    control: Literal["any", "scheduled", "dynamic"] = "any"
    payment: Literal["auto", "contract", "external"] = "auto"
    wallet: Wallet | None = None
    wallet20: Wallet20 | None = None
    max_schedule_entries: int = 24
    new_session_id: bytes = bytes(8)
    on_end: Callable[[Outcome], None] = lambda outcome: None
