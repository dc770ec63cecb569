"""What both sides have said so far in a session of ISO 15118-20, as far as later messages are judged by it.

As in :mod:`v2g.rules.facts`, a fact that was never stated is None or empty, and no rule judges by it. A schedule
renegotiation on its side stream counts too: its result applies from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from v2g import energy
from v2g.energy import EnergyService, ParameterSet
from v2g.phases import given
from v2g.physical import number, ramp
from v2g.ramp import Ramp
from v2g.reading import header_of, stamp_of
from v2g.rules.bounds import FALL, Ceiling
from v2g.rules.iso20.kinds import Kind, kind_of, per_phase, total
from v2g.rules.iso20.planned import Planned, steps
from v2g.rules.metered import LATE, Metered
from v2g.rules.schedule import Steps

DECLARED_DC = ("MaximumChargePower", "MaximumChargeCurrent", "MaximumVoltage", "MaximumDischargePower",
               "MaximumDischargeCurrent")  # fmt: skip
"""DC limits by the ends of their names."""


FOLLOWS = 10.0
"""s: the time that a vehicle may take to follow a target power, in addition to AckMaxDelay."""


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

    def note(self, name: str, body: Any, request: Any, now: float) -> None:
        """Takes a message into account; refusals are not passed here."""
        take = _NOTES.get(name)
        if take is not None:
            take(self, body, request, now)


def _highest(given: Steps, begin: float, end: float) -> float | None:
    """The highest power of a schedule between two seconds, W; None if it has gaps there."""
    within = [step for step in given.steps if step.start <= end and step.end > begin]
    if not within or within[0].start > max(begin, 0.0) or within[-1].end <= end:
        return None
    watts = [step.milliwatts for step in within]
    return None if None in watts else max(each for each in watts if each is not None) / 1000.0


Note = Callable[[Facts20, Any, Any, float], None]
_NOTES: dict[str, Note] = {}


def _on(*names: str) -> Callable[[Note], Note]:
    def register(take: Note) -> Note:
        _NOTES.update(dict.fromkeys(names, take))
        return take

    return register


@_on("SessionSetupReq")
def _begins(facts: Facts20, body: Any, request: Any, now: float) -> None:
    header = header_of(body)
    facts.asked_id = bytes(header.SessionID) if header is not None else b""


@_on("SessionSetupRes")
def _session(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.begun, facts.joined = True, body.ResponseCode == "OK_OldSessionJoined"


@_on("AuthorizationSetupRes")
def _authorizations(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.authorizations = tuple(body.AuthorizationServices)
    facts.installs = body.CertificateInstallationService


@_on("AuthorizationRes", "CertificateInstallationRes")
def _repeats(facts: Facts20, body: Any, request: Any, now: float) -> None:
    if body.EVSEProcessing == "Finished" and body.ResponseCode.startswith("OK"):
        facts.pays = getattr(request, "SelectedAuthorizationService", facts.pays)
    facts.unfinished = request if body.EVSEProcessing != "Finished" else None


@_on("ServiceDiscoveryRes")
def _services(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.services = tuple(service.ServiceID for service in body.EnergyTransferServiceList.Service)
    facts.value_added = tuple(s.ServiceID for s in body.VASList.Service) if body.VASList is not None else ()
    facts.renegotiable = body.ServiceRenegotiationSupported


@_on("ServiceDetailRes")
def _details(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.sets[body.ServiceID] = {
        one.ParameterSetID: energy.read(one) for one in reversed(body.ServiceParameterList.ParameterSet)
    }


@_on("ServiceSelectionRes")
def _selected(facts: Facts20, body: Any, request: Any, now: float) -> None:
    pair = getattr(request, "SelectedEnergyTransferService", None)
    if pair is None:
        return
    facts.service = energy.SERVICES.get(pair.ServiceID)
    facts.chosen = facts.sets.get(pair.ServiceID, {}).get(pair.ParameterSetID)
    facts.plans, facts.tuple_id, facts.kind, facts.phases = None, None, None, None
    facts.declared, facts.phase_limits, facts.asymmetry = {"EV": {}, "EVSE": {}}, {}, None
    facts.checked, facts.ramp = False, Ramp()
    added = request.SelectedVASList
    facts.added = tuple(one.ServiceID for one in added.SelectedService) if added is not None else ()
    facts.checked_in, facts.checked_out, facts.let_out = "", "", False


@_on("VehicleCheckInReq")
def _arrives(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.checked_in = str(body.EVCheckInStatus)


@_on("VehicleCheckOutReq")
def _leaves(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.checked_out = str(body.EVCheckOutStatus)


@_on("VehicleCheckOutRes")
def _let_out(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.let_out = body.EVSECheckOutStatus == "Completed"


@_on("DC_ChargeParameterDiscoveryReq")
def _dc_limits(facts: Facts20, body: Any, request: Any, now: float) -> None:
    part = body.DC_CPDReqEnergyTransferMode
    facts.kind = kind_of(part)
    facts.declared["EV"] = declared(part, "EV", DECLARED_DC)
    limit(facts, part, now)


@_on("DC_ChargeParameterDiscoveryRes")
def _dc_limits_of_charger(facts: Facts20, body: Any, request: Any, now: float) -> None:
    part = body.DC_CPDResEnergyTransferMode
    facts.declared["EVSE"] = declared(part, "EVSE", DECLARED_DC)
    _limit_ramp(facts, part)


POWERS = ("MaximumChargePower", "MaximumDischargePower")
LEAST_POWERS = ("MinimumChargePower", "MinimumDischargePower")


@_on("AC_ChargeParameterDiscoveryReq")
def _ac_limits(facts: Facts20, body: Any, request: Any, now: float) -> None:
    part = body.AC_CPDReqEnergyTransferMode
    facts.kind, facts.phases = kind_of(part), per_phase(part)
    facts.declared["EV"] = declared(part, "EV", (*POWERS, *LEAST_POWERS))
    facts.phase_limits = {name: given(part, f"EV{name}") for name in POWERS}


@_on("AC_ChargeParameterDiscoveryRes")
def _ac_limits_of_charger(facts: Facts20, body: Any, request: Any, now: float) -> None:
    part = body.AC_CPDResEnergyTransferMode
    facts.declared["EVSE"] = declared(part, "EVSE", POWERS)
    uneven = part.MaximumPowerAsymmetry
    facts.asymmetry = None if uneven is None else number(uneven)
    _limit_ramp(facts, part)


def _limit_ramp(facts: Facts20, part: Any) -> None:
    percent, most = part.EVSEPowerRampLimitation, facts.declared["EVSE"].get("MaximumChargePower", 0.0)
    facts.ramp = Ramp(ramp(None if percent is None else number(percent), most), facts.ramp.power)


def asked_watts(body: Any) -> float | None:
    """The power that a loop request reports (AC) or has as its target (DC), W; None if it has none."""
    part = body.CLReqControlMode
    if hasattr(body, "EVPresentVoltage"):
        amps = getattr(part, "EVTargetCurrent", None)
        return None if amps is None else number(amps) * number(body.EVPresentVoltage)
    return total(part, "EVPresentActivePower")


def declared(part: Any, side: str, names: tuple[str, ...]) -> dict[str, float]:
    """The limits of a part, by name without its side; as magnitudes, in AC over all phases."""
    found = {name: total(part, f"{side}{name}") for name in names}
    return {name: abs(value) for name, value in found.items() if value is not None}


_CEILINGS = (
    ("EVMaximumVoltage", "ev_volts"),
    ("EVMaximumChargeCurrent", "ev_amps"),
    ("EVMaximumChargePower", "ev_watts"),
    ("EVMaximumDischargeCurrent", "ev_amps_back"),
    ("EVMaximumDischargePower", "ev_watts_back"),
)
"""The vehicle's limits, and the facts that hold them."""


def limit(facts: Facts20, part: Any, now: float) -> None:
    """Updates the vehicle's present DC limits with those that a part carries."""
    for field_name, ceiling in _CEILINGS:
        value = getattr(part, field_name, None)
        if value is not None:
            getattr(facts, ceiling).set(abs(number(value)), now)


@_on("ScheduleExchangeReq")
def _needs(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.points = body.MaximumSupportingPoints
    block = body.Scheduled_SEReqControlMode or body.Dynamic_SEReqControlMode
    facts.departure = getattr(block, "DepartureTime", None)


@_on("ScheduleExchangeRes")
def _offered(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.unfinished = request if body.EVSEProcessing != "Finished" else None
    block = body.Scheduled_SEResControlMode
    if body.EVSEProcessing == "Finished":
        tuples = reversed(block.ScheduleTuple) if block is not None else ()
        sent = stamp_of(body)
        facts.plans = {one.ScheduleTupleID: Planned.of(one, sent) for one in tuples} if block is not None else None
        facts.planned, facts.invited = now, bool(body.GoToPause)


@_on("DC_CableCheckRes")
def _tested(facts: Facts20, body: Any, request: Any, now: float) -> None:
    if body.EVSEProcessing == "Finished":
        facts.checked = True


@_on("DC_PreChargeReq")
def _precharge(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.precharge_volts = number(body.EVTargetVoltage)


@_on("DC_PreChargeRes", "DC_WeldingDetectionRes")
def _measured(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.present_volts = number(body.EVSEPresentVoltage)


@_on("PowerDeliveryRes")
def _power(facts: Facts20, body: Any, request: Any, now: float) -> None:
    progress = getattr(request, "ChargeProgress", "")
    if progress == "Standby":
        facts.standby = not body.ResponseCode.startswith("WARNING")
        return
    if progress == "Stop":
        facts.delivering = facts.standby = facts.charged = False
        return
    facts.standby = False
    if progress == "Start" and request.EVProcessing == "Finished":
        facts.delivering, facts.precharge_volts = True, None
        facts.pause_asked = facts.invited = False
        mode = getattr(request.EVPowerProfile, "Scheduled_EVPPTControlMode", None)
        facts.tuple_id = None if mode is None else mode.SelectedScheduleTupleID
        facts.profile, facts.profiled, facts.metered, facts.counted = None, now, Metered(now + LATE), None
        if mode is not None:
            facts.profile = steps(request.EVPowerProfile.EVPowerProfileEntries.EVPowerProfileEntry)


@_on("DC_ChargeLoopReq")
def _wanted(facts: Facts20, body: Any, request: Any, now: float) -> None:
    part = body.CLReqControlMode
    facts.kind = kind_of(part)
    limit(facts, part, now)
    for field_name, ceiling in _CEILINGS:  # a limit that the loop leaves out is the declared one
        own = facts.declared["EV"].get(field_name.removeprefix("EV"))
        if own is not None and getattr(part, field_name, None) is None:
            getattr(facts, ceiling).set(own, now)
    amps = getattr(part, "EVTargetCurrent", None)
    facts.targets = amps is not None
    facts.ramp.toward(asked_watts(body) or 0.0, now)
    if amps is not None:
        value = number(amps)
        facts.target_amps.set(max(value, 0.0), now)
        facts.target_amps_back.set(max(-value, 0.0), now)
        facts.target_volts.set(number(part.EVTargetVoltage), now)


@_on("AC_ChargeLoopReq")
def _wanted_ac(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.kind = kind_of(body.CLReqControlMode)
    facts.ramp.toward(asked_watts(body) or 0.0, now)


@_on("DC_ChargeLoopRes")
def _flows(facts: Facts20, body: Any, request: Any, now: float) -> None:
    _metered(facts, body)
    facts.present_volts = number(body.EVSEPresentVoltage)


@_on("AC_ChargeLoopRes")
def _flows_ac(facts: Facts20, body: Any, request: Any, now: float) -> None:
    _metered(facts, body)
    part = body.CLResControlMode
    watts, delay = total(part, "EVSETargetActivePower"), float(getattr(part, "AckMaxDelay", None) or 0)
    if watts != facts.target_watts:
        change = abs((watts or 0.0) - (facts.target_watts or 0.0))
        facts.target_watts, facts.followed = watts, (now, delay + change / facts.ramp.rate)
    if watts is None:
        facts.told_in, facts.told_out = Ceiling(), Ceiling()
        return
    for ceiling, least in ((facts.told_in, watts), (facts.told_out, -watts)):
        ceiling.fall, ceiling.hold = facts.ramp.rate, FOLLOWS + delay
        ceiling.set(max(least, 0.0), now)


def _metered(facts: Facts20, body: Any) -> None:
    facts.charged = True
    facts.pause_asked |= body.EVSEStatus is not None and body.EVSEStatus.EVSENotification == "Pause"
    if body.MeterInfo is not None:
        facts.meter, facts.receipt = body.MeterInfo, body.Receipt
        facts.counted = facts.counted or (body.MeterInfo.MeterID, body.MeterInfo.ChargedEnergyReadingWh)


@_on("SessionStopRes")
def _stopped(facts: Facts20, body: Any, request: Any, now: float) -> None:
    facts.delivering = facts.standby = facts.charged = False
    if getattr(request, "ChargingSession", "") == "ServiceRenegotiation":
        facts.meter = facts.receipt = None
