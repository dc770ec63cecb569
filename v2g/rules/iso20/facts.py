"""What both sides have said so far in a session of ISO 15118-20, as far as later messages are judged by it.

As in :mod:`v2g.rules.facts`, a fact that was never stated is None or empty, and no rule judges by it. A schedule
renegotiation on its side stream counts too: its result applies from then on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from v2g.energy import EnergyService, ParameterSet
from v2g.ramp import Ramp
from v2g.rules.bounds import FALL, Ceiling
from v2g.rules.iso20.kinds import Kind
from v2g.rules.iso20.planned import Planned
from v2g.rules.metered import Metered
from v2g.rules.schedule import Steps

DECLARED_DC = ("MaximumChargePower", "MaximumChargeCurrent", "MaximumVoltage", "MaximumDischargePower",
               "MaximumDischargeCurrent")  # fmt: skip
"""DC limits by the ends of their names."""
POWERS = ("MaximumChargePower", "MaximumDischargePower")
"""AC limits in the same way, over all phases."""


def _amps() -> Ceiling:
    return Ceiling(FALL)


@dataclass(slots=True)
class Facts20:
    """A session so far.

    Attributes:
        begun: the session is known from SessionSetup on; ``joined``: it resumed a paused one.
        asked_id: SessionID of SessionSetupReq.
        authorizations: authorization services offered; None: unknown.
        installs: CertificateInstallationService; None: unknown.
        pays: EIM or PnC, as accepted by the charger; "" before that, and in a resumed session.
        renegotiable: ServiceRenegotiationSupported; None: unknown.
        namespace: the energy namespace agreed by supportedAppProtocol; "" before that.
        services, value_added: ServiceIDs offered; None: unknown.
        sets: ServiceID -> ParameterSetID -> the parameter set; None for a set without a control mode.
        service, chosen: service and parameter set selected; None before that.
        declared: the limits of both sides in ChargeParameterDiscovery, by side and by name without EV or EVSE; powers
            over all phases, as magnitudes.
        kind: kind of the last ChargeParameterDiscoveryReq or loop request.
        phases: the vehicle gave values for each phase; None: unknown.
        points: MaximumSupportingPoints.
        departure: DepartureTime of the vehicle, s; None: not given.
        plans: schedules offered, by ScheduleTupleID; None: unknown.
        planned: time of the response that carried them, s.
        tuple_id: ScheduleTupleID chosen; None before that, and in dynamic mode.
        checked: a cable check has finished successfully.
        delivering, standby: state set by PowerDelivery.
        charged: a loop message has been answered since then.
        pause_asked: the charger has asked for a pause since the last start of power; ``invited``: GoToPause in the
            last schedules.
        precharge_volts, present_volts: EVTargetVoltage of the last DC_PreChargeReq, EVSEPresentVoltage; V.
        ev_volts, ev_amps, ev_watts, ev_amps_back, ev_watts_back: the vehicle's present limits; back: out of it.
        target_amps, target_amps_back, target_volts: EVTargetCurrent by its sign, and EVTargetVoltage, of a scheduled
            request.
        targets: the last request had targets; in dynamic mode it has none.
        phase_limits: the vehicle's AC limits of ChargeParameterDiscovery as sent: a sum, or one per phase.
        asymmetry: MaximumPowerAsymmetry, W; None: no limit.
        ramp: EVSEPowerRampLimitation; ``asked_watts`` in a loop request has come so far on it.
        target_watts: EVSETargetActivePower of the last AC response, W; None if it had none.
        followed: time of the last change of it, s, and how long the vehicle may take to follow, at the ramp.
        told_in, told_out: what it lets the vehicle draw and give back, W, with the time that the vehicle has to follow.
        meter: previous MeterInfo; ``receipt``: the Receipt sent with it.
        unfinished: the last request if it was answered with Ongoing; otherwise None.
        profile: power profile of scheduled mode, accepted at ``profiled``, s; None in dynamic mode.
        metered: the meter's readings since then; ``counted``: MeterID and Wh of the first of them.
        added: ServiceIDs of the value added services selected; None: unknown.
        checked_in, checked_out: the vehicle's last status on the parking stream; ``let_out``: the charger has completed
            its check-out.
    """

    begun: bool = False
    joined: bool = False
    asked_id: bytes = b""
    authorizations: tuple[str, ...] | None = None
    installs: bool | None = None
    pays: str = ""
    renegotiable: bool | None = None
    namespace: str = ""
    services: tuple[int, ...] | None = None
    value_added: tuple[int, ...] = ()
    sets: dict[int, dict[int, ParameterSet | None]] = field(default_factory=dict)
    service: EnergyService | None = None
    chosen: ParameterSet | None = None
    declared: dict[str, dict[str, float]] = field(default_factory=lambda: {"EV": {}, "EVSE": {}})
    phase_limits: dict[str, tuple[float, ...]] = field(default_factory=dict)
    asymmetry: float | None = None
    ramp: Ramp = field(default_factory=Ramp)
    kind: Kind | None = None
    phases: bool | None = None
    points: int | None = None
    departure: int | None = None
    plans: dict[int, Planned] | None = None
    planned: float = 0.0
    tuple_id: int | None = None
    checked: bool = False
    delivering: bool = False
    standby: bool = False
    charged: bool = False
    pause_asked: bool = False
    invited: bool = False
    precharge_volts: float | None = None
    present_volts: float | None = None
    ev_volts: Ceiling = field(default_factory=Ceiling)
    ev_amps: Ceiling = field(default_factory=_amps)
    ev_watts: Ceiling = field(default_factory=Ceiling)
    ev_amps_back: Ceiling = field(default_factory=_amps)
    ev_watts_back: Ceiling = field(default_factory=Ceiling)
    target_amps: Ceiling = field(default_factory=_amps)
    target_amps_back: Ceiling = field(default_factory=_amps)
    target_volts: Ceiling = field(default_factory=Ceiling)
    targets: bool = False
    target_watts: float | None = None
    followed: tuple[float, float] = (0.0, 0.0)
    told_in: Ceiling = field(default_factory=Ceiling)
    told_out: Ceiling = field(default_factory=Ceiling)
    meter: Any = None
    receipt: Any = None
    unfinished: Any = None
    profile: Steps | None = None
    profiled: float = 0.0
    metered: Metered = field(default_factory=Metered)
    counted: tuple[str, int] | None = None
    added: tuple[int, ...] | None = None
    checked_in: str = ""
    checked_out: str = ""
    let_out: bool = False

    @property
    def mode(self) -> str:
        """The control mode in words; "" before one was selected."""
        return "" if self.chosen is None else "dynamic" if self.chosen.dynamic else "scheduled"

    @property
    def expected(self) -> Kind | None:
        """The kind that members must have after ServiceSelection; None if unknown."""
        if self.service is None or self.chosen is None:
            return None
        return Kind(self.service.energy, self.service.bidirectional, self.chosen.dynamic)

    def granted(self, now: float, seconds: float) -> float | None:
        """The most power that schedule and profile allowed in the last ``seconds``, W; None: not always limited."""
        plan = (self.plans or {}).get(self.tuple_id or 0)
        limits = [
            most
            for given, base in (
                (plan.charging if plan else None, self.planned - (plan.age if plan else 0.0)),
                (self.profile, self.profiled),
            )
            if given is not None and (most := _highest(given, now - seconds - base, now - base)) is not None
        ]
        return min(limits, default=None)


def _highest(given: Steps, begin: float, end: float) -> float | None:
    """The highest power of a schedule between two seconds, W; None if it has gaps there."""
    within = [step for step in given.steps if step.start <= end and step.end > begin]
    if not within or within[0].start > max(begin, 0.0) or within[-1].end <= end:
        return None
    watts = [step.milliwatts for step in within]
    return None if None in watts else max(each for each in watts if each is not None) / 1000.0
