"""The options of a vehicle's sessions, and what it reports about them: progress, pauses, the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from evcc.wallet import Wallet, Wallet20
from v2g import outcome
from v2g.credentials import Credential
from v2g.errors import V2GError
from v2g.options import SessionOptions

if TYPE_CHECKING:
    from v2g.energy import Control
    from v2g.messages import appproto


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a session is.

    Attributes:
        time: loop time, s.
        phase: name of the current exchange, like ``CableCheck``.
        soc: state of charge, 0 to 1.
        voltage, current: at the inlet as far as known, V and A (AC: line to neutral and per phase).
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
        session_id: as the charger assigned it.
        mode: energy transfer mode; "" if unknown.
        started: loop time of the first SessionSetupRes, s; the departure time counts from there. None: from now.
        delivered_wh: energy taken so far minus energy given back, Wh.
        payment: payment option; "" if unknown.
        until: loop time at which the vehicle wants to continue, s; None: unknown.
        control: service and parameter set selected (ISO 15118-20).
        binding: identifies the charger when the session is resumed (ISO 15118-20).
        parks: IntendedServices selected of the parking service (ISO 15118-20).
        contract: the contract that pays (ISO 15118-20).
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
        error: the error that ended the session, if any.
        resume: what is needed to resume the session, if it ended with a pause.
    """

    soc_start: float = 0.0
    soc_end: float = 0.0
    error: V2GError | None = None
    resume: Paused | None = None


@dataclass
class Options(SessionOptions):
    """How a vehicle behaves; see `v2g.options.SessionOptions` too.

    Attributes:
        offer: a custom supportedAppProtocolReq to send instead.
        on_progress: called with the session's progress before each request.
        ac: charge with AC.
        bpt: also give energy back, if the charger has the service (ISO 15118-20).
        service: the energy transfer service by its title, like ``DC_BPT`` (ISO 15118-20); "": chosen by ``ac``,
            ``bpt`` and the inlet.
        negative_discharge_limits: send discharge limits as negative numbers; on reception only their magnitude counts
            in any case.
        duration: seconds of charging after which the driver stops; None: charge to the battery's target.
        resume: the paused session to resume, as an earlier outcome gave it, or just its id.
        modes: energy transfer modes by their ISO 15118-2 names, preferred first; empty: those of inlet and ``ac``.
        services: additional services of interest: ServiceID -> ParameterSetID to select; None: no set (in ISO 15118-20
            the first one, for parking one of each kind).
        renegotiates: whether the vehicle follows a charger's wish to renegotiate; it may decline [V2G2-680].
        on_end: called with the outcome at the end; a caller that cancels cannot get it any other way.
        renegotiation_retries: how often the vehicle retries to renegotiate a schedule when the charger does not answer
            (ISO 15118-20).
        authorization_retries: how often it retries after a warning that refuses authorization (ISO 15118-20).
        control: which side decides on power if both modes are offered (ISO 15118-20): ``scheduled``: the vehicle within
            a schedule; ``dynamic``: the charger; ``any``: the first mode offered.
        payment: ``contract`` or ``external`` insists on that option; ``auto`` uses a contract if both sides support it.
        wallet: certificates and keys for contract payment.
        wallet20: the same for ISO 15118-20.
        max_schedule_entries: MaxEntriesSAScheduleTuple; a charging profile cannot follow more than 24.
        new_session_id: session id in the first request of a new session; vehicles send one zero byte or eight.
    """

    offer: appproto.supportedAppProtocolReq | None = None
    on_progress: Callable[[Progress], None] = lambda progress: None
    ac: bool = False
    bpt: bool = False
    service: str = ""
    negative_discharge_limits: bool = False
    duration: float | None = None
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
