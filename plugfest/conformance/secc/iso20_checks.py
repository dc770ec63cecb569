"""What a charger's response in ISO 15118-20 must look like; :mod:`.checks` has the same for its predecessors."""

from __future__ import annotations

from typing import Any

from plugfest.conformance.secc import iso20, iso20_contract
from plugfest.conformance.secc.paying import SET
from plugfest.conformance.secc.table import Check
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.table import Table
from plugfest.conformance.wire import Arrival
from v2g import energy, signature, signed_parts
from v2g.errors import RemoteError
from v2g.members import ac_members, dc_members
from v2g.phases import total
from v2g.physical import number

CHECKS20: Table[Check] = Table()

MOST_SETS, MOST_TUPLES = 32, 3
"""Parameter sets of a service, schedule tuples of a response."""

SLACK = 2.0
"""s by which durations may be rounded."""


@CHECKS20.on("AUTHORIZATION_SETUP_20")
def authorization_setup(tester: TesterEv, arrival: Arrival) -> str:
    message = arrival.message
    listed, block = list(message.AuthorizationServices), message.PnC_ASResAuthorizationMode
    if len(set(listed)) != len(listed):
        return f"AuthorizationServices {listed} name one twice"
    if ("PnC" in listed) is (block is None):
        return f"services {listed} {'without' if block is None else 'with'} PnC_ASResAuthorizationMode"
    if message.CertificateInstallationService and "PnC" not in listed:
        return "CertificateInstallationService without PnC"
    if block is not None and (len(block.GenChallenge) != 16 or not any(block.GenChallenge)):
        return f"GenChallenge {block.GenChallenge.hex()}"
    wanted = "PnC" if tester.pics.pnc else "EIM"
    return "" if wanted in listed else f"services {listed} without {wanted}"


@CHECKS20.on("BOTH_METHODS_20")
def both_methods(tester: TesterEv, arrival: Arrival) -> str:
    listed = list(arrival.message.AuthorizationServices)
    return "" if set(listed) == {"PnC", "EIM"} else f"services {listed}, but EIM and PnC are declared"


@CHECKS20.on("PRICES_SIGNED_20")
def prices_signed(tester: TesterEv, arrival: Arrival) -> str:
    """Absolute prices are signed by the issuer of the contract."""
    if not signed_parts.absolute_prices(arrival.message):
        return "no absolute prices"
    issuer = iso20_contract.paying(tester).contract.chain[1]
    try:
        signature.examine_message(arrival.message, arrival.signature, issuer, SET)
    except RemoteError as why:
        return f"the prices are not signed by the issuer of the contract: {why}"
    return ""


@CHECKS20.on("SERVICES_20")
def services(tester: TesterEv, arrival: Arrival) -> str:
    listed = [one.ServiceID for one in arrival.message.EnergyTransferServiceList.Service]
    kind = "AC" if tester.pics.ac else "DC"
    if len(set(listed)) != len(listed):
        return f"energy services {listed} name one twice"
    for one in listed:
        known = energy.SERVICES.get(one)
        if known is None or known.energy != kind:
            return f"energy service {one} does not fit the {kind} namespace that was agreed on"
    added = arrival.message.VASList
    wrong = [one.ServiceID for one in (added.Service if added is not None else ()) if one.ServiceID < 64]
    return f"VASList names services {wrong}, which are not value-added services" if wrong else ""


@CHECKS20.on("SERVICES_20_BPT")
def services_back(tester: TesterEv, arrival: Arrival) -> str:
    """What the declaration says of the outlet is on offer."""
    listed = [one.ServiceID for one in arrival.message.EnergyTransferServiceList.Service]
    known = [energy.SERVICES[one] for one in listed if one in energy.SERVICES]
    if any(one.bidirectional for one in known):
        return ""
    return f"energy services {listed} have none in both directions, although PICS_CMN_ISO20_BPT is declared"


@CHECKS20.on("PARAMETER_SETS_20")
def parameter_sets(tester: TesterEv, arrival: Arrival) -> str:
    message = arrival.message
    service = energy.SERVICES.get(message.ServiceID)
    asked = tester.make("ServiceDetailReq").ServiceID
    if message.ServiceID != asked:
        return f"details of service {message.ServiceID} instead of {asked}"
    ids = [one.ParameterSetID for one in message.ServiceParameterList.ParameterSet]
    if len(set(ids)) != len(ids):
        return f"ParameterSetIDs {ids} are not unique"
    sets = iso20.offered_sets(tester)
    if {one.dynamic for one in sets} != {True, False}:
        return "not both control modes are offered [V2G20-2656]"
    for one in sets:
        if one.by_charger and not one.dynamic:
            return f"set {one.number}: MobilityNeedsMode 2 in scheduled mode"
        if service is not None and service.bidirectional and not (one.channel and one.generator):
            return f"set {one.number} of {service.title} has no BPTChannel or GeneratorMode"
        if not one.connector:
            return f"set {one.number} names no Connector"
        if service is not None and service.energy == "AC" and not one.nominal_voltage:
            return f"set {one.number} names no EVSENominalVoltage"
    return ""


@CHECKS20.on("LIMITS_20")
def limits(tester: TesterEv, arrival: Arrival) -> str:
    chosen, message = iso20.control(tester), arrival.message
    block: Any
    wanted: type[Any]
    if chosen.service.energy == "AC":
        block, wanted = message.AC_CPDResEnergyTransferMode, ac_members(chosen).offers
    else:
        block, wanted = message.DC_CPDResEnergyTransferMode, dc_members(chosen).offers
    if type(block) is not wanted:
        return f"{type(block).__name__} for service {chosen.service.title}"
    for field in block.__struct_fields__:
        if "Maximum" not in field or field == "MaximumPowerAsymmetry" or (most := getattr(block, field)) is None:
            continue
        least = getattr(block, field.replace("Maximum", "Minimum"), None)
        if least is not None and abs(number(least)) > abs(number(most)):
            return f"{field} {number(most):g} is below its minimum {number(least):g}"
        if "Discharge" not in field and number(most) <= 0:
            return f"{field} {number(most):g}"
    return ""


@CHECKS20.on("SCHEDULES_20")
def schedules(tester: TesterEv, arrival: Arrival) -> str:
    message, chosen = arrival.message, iso20.control(tester)
    if chosen.dynamic:
        block = message.Dynamic_SEResControlMode
        if block is None:
            return "no Dynamic_SEResControlMode in dynamic mode"
        least, most = block.MinimumSOC, block.TargetSOC
        told = [one for one in (block.DepartureTime, least, most) if one is not None]
        if told and not chosen.chosen.by_charger:
            return "mobility needs, which only the vehicle names in MobilityNeedsMode 1"
        return f"MinimumSOC {least} above TargetSOC {most}" if None not in (least, most) and least > most else ""
    tuples = iso20.schedules({"ScheduleExchangeRes": message})
    ids = [one.ScheduleTupleID for one in tuples]
    if not 1 <= len(ids) <= MOST_TUPLES or len(set(ids)) != len(ids) or 0 in ids:
        return f"schedule tuples {ids}"
    departure = tester.pics["par_DepartureTime"] if tester.pics["PICS_SECC_CMN_DepartureTime"] else iso20.DAY
    for one in tuples:
        if (one.DischargingSchedule is not None) and not chosen.bidirectional:
            return f"tuple {one.ScheduleTupleID} has a discharging schedule in a service that only charges"
        for schedule, sign in ((one.ChargingSchedule, 1.0), (one.DischargingSchedule, -1.0)):
            if schedule is not None and (problem := _schedule(schedule, sign, float(departure))):
                return f"tuple {one.ScheduleTupleID}: {problem}"
    return ""


def _schedule(schedule: Any, sign: float, departure: float) -> str:
    entries = schedule.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry
    if len(entries) > iso20.POINTS:
        return f"{len(entries)} entries, but MaximumSupportingPoints was {iso20.POINTS}"
    covered = sum(entry.Duration for entry in entries)
    if covered < departure - SLACK:
        return f"it covers {covered} s of {departure:g} s [V2G20-1563]"
    wrong = [total(entry, "Power") for entry in entries if total(entry, "Power") * sign < 0]
    if wrong:
        return f"{wrong[0]:g} W in a {'charging' if sign > 0 else 'discharging'} schedule"
    levels = schedule.PriceLevelSchedule
    if levels is not None:
        given = [entry.PriceLevel for entry in levels.PriceLevelScheduleEntries.PriceLevelScheduleEntry]
        if max(given) > levels.NumberOfPriceLevels:
            return f"PriceLevel {max(given)} of {levels.NumberOfPriceLevels}"
    return ""


@CHECKS20.on("PRICES_20")
def prices(tester: TesterEv, arrival: Arrival) -> str:
    wanted = tester.pics["PIXIT_SECC_ISO20_Pricing"]
    field = {"absolute": "AbsolutePriceSchedule", "levels": "PriceLevelSchedule"}.get(wanted)
    dynamic = arrival.message.Dynamic_SEResControlMode
    blocks = [dynamic] if dynamic is not None else [one.ChargingSchedule for one in iso20.schedules(tester.responses)]
    missing = field is not None and any(getattr(block, field) is None for block in blocks)
    return f"no {field}, although the parameter set requires it [V2G20-2176]" if missing else ""


@CHECKS20.on("LOOP_20")
def loop(tester: TesterEv, arrival: Arrival) -> str:
    """The member matches the request's kind [V2G20-1600]; in dynamic mode, needs appear only where allowed."""
    chosen, block = iso20.control(tester), arrival.message.CLResControlMode
    members: Any = ac_members(chosen) if chosen.service.energy == "AC" else dc_members(chosen)
    if type(block) is not members.answers:
        return f"{type(block).__name__} in answer to {members.asks.__name__}"
    if chosen.dynamic and chosen.chosen.by_charger:
        least, most = block.MinimumSOC, block.TargetSOC
        return f"MinimumSOC {least} above TargetSOC {most}" if None not in (least, most) and least > most else ""
    return ""


@CHECKS20.on("NEEDS_20")
def needs(tester: TesterEv, arrival: Arrival) -> str:
    message = arrival.message
    block = getattr(message, "Dynamic_SEResControlMode", None) or getattr(message, "CLResControlMode", None)
    told = [name for name in ("DepartureTime", "MinimumSOC", "TargetSOC") if getattr(block, name, None) is not None]
    return "" if told else "no mobility needs, although the charger must name them"


@CHECKS20.on("METER_20")
def meter(tester: TesterEv, arrival: Arrival) -> str:
    info = arrival.message.MeterInfo
    return "" if info is not None and info.MeterID else "no MeterInfo with a MeterID, although it was asked for"


@CHECKS20.on("CONTRACT_20")
def contract(tester: TesterEv, arrival: Arrival) -> str:
    try:
        iso20_contract.delivered(tester, arrival)
    except RemoteError as why:
        return str(why)
    return ""
