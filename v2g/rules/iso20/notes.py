"""What each message of ISO 15118-20 adds to the facts of its session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from v2g import energy
from v2g.phases import given
from v2g.physical import number, ramp
from v2g.ramp import Ramp
from v2g.reading import header_of, stamp_of
from v2g.rules.bounds import Ceiling
from v2g.rules.iso20.facts import DECLARED_DC, POWERS, Facts20
from v2g.rules.iso20.kinds import asked_watts, kind_of, per_phase, total
from v2g.rules.iso20.planned import Planned, steps
from v2g.rules.metered import LATE, Metered

LEAST_POWERS = ("MinimumChargePower", "MinimumDischargePower")
"""The smallest powers of an AC vehicle, as `POWERS`."""
FOLLOWS = 10.0
"""s: the time that a vehicle may take to follow a target power, in addition to AckMaxDelay."""

Note = Callable[[Facts20, Any, Any, float], None]
_NOTES: dict[str, Note] = {}


def note(facts: Facts20, name: str, body: Any, request: Any, now: float) -> None:
    """Takes a message into account; refusals are not passed here."""
    take = _NOTES.get(name)
    if take is not None:
        take(facts, body, request, now)


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
    if kind_of(part) != facts.kind:
        return  # of another control mode: there is nothing in it to follow
    watts, delay = total(part, "EVSETargetActivePower"), float(getattr(part, "AckMaxDelay", None) or 0)
    drawn = total(getattr(request, "CLReqControlMode", None), "EVPresentActivePower") or 0.0
    if watts != facts.target_watts:
        change = abs((watts or 0.0) - (drawn if facts.target_watts is None else facts.target_watts))
        facts.target_watts, facts.followed = watts, (now, delay + change / facts.ramp.rate)
    if watts is None:
        facts.told_in, facts.told_out = Ceiling(), Ceiling()
        return
    for ceiling, least, flows in ((facts.told_in, watts, drawn), (facts.told_out, -watts, -drawn)):
        ceiling.fall, ceiling.hold = facts.ramp.rate, FOLLOWS + delay
        if ceiling.value is None:  # the first target: the vehicle has time to come from what flows
            ceiling.value = max(flows, 0.0)
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
