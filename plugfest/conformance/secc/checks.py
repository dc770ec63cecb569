"""What a charger's response must look like: the checks of the vocabulary, each a function that says what is wrong.

A check gets the tester vehicle and the arrival, and returns "" or one sentence. Limits come from the vocabulary.
"""

from __future__ import annotations

import re
from typing import Any

from boundary.text import counted
from pki.profiles import Role
from plugfest.conformance.secc import contract, iso20_checks
from plugfest.conformance.secc.iso2 import mode
from plugfest.conformance.secc.table import Check
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.sut.certificates import chain_problem
from plugfest.conformance.table import Table
from plugfest.conformance.wire import Arrival
from v2g import signature
from v2g.credentials import chain_of
from v2g.errors import RemoteError
from v2g.physical import number
from v2g.protocols import DIN

CHECKS: Table[Check] = Table()
CHECKS.update(iso20_checks.CHECKS20)

EVSE_ID = re.compile(r"[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9*]{1,30}", re.IGNORECASE)
NOT_AVAILABLE = re.compile(r"ZZ0+|0+|")


def _most(tester: TesterEv) -> tuple[float, float, float]:
    """Highest plausible voltage, current and power of this charger, V, A, W, as declared.

    The suite says 300 A and 200 kW, which today's chargers exceed (see notes in the vocabulary).
    """
    names = ("MaximumVoltage", "MaximumCurrent", "MaximumPower")
    volts, amps, watts = (float(tester.pics[f"PIXIT_SECC_DC_{name}"]) for name in names)
    return volts, amps, watts


@CHECKS.on("SESSIONID_NONZERO")
def sessionid_nonzero(tester: TesterEv, arrival: Arrival) -> str:
    session_id = arrival.session_id
    if not any(session_id):
        return f"session id {session_id.hex() or 'empty'} is zero"
    return (
        ""
        if len(session_id) == 8 or tester.protocol.abilities.short_ids
        else f"its session id has {counted(len(session_id), 'byte')}"
    )


@CHECKS.on("SESSIONID_NOT_PREVIOUS")
def sessionid_not_previous(tester: TesterEv, arrival: Arrival) -> str:
    before = tester.previous_id
    return "the session id is that of the previous session" if arrival.session_id == before else ""


@CHECKS.on("EVSEID_FORMAT")
def evseid_format(tester: TesterEv, arrival: Arrival) -> str:
    evse = arrival.message.EVSEID
    if isinstance(evse, bytes):
        return ""
    return "" if EVSE_ID.fullmatch(evse) or NOT_AVAILABLE.fullmatch(evse) else f"its EVSEID is {evse!r}"


@CHECKS.on("SAP_SCHEMAID_OFFERED")
def sap_schemaid_offered(tester: TesterEv, arrival: Arrival) -> str:
    offered = tester.offered_ids
    chosen = arrival.message.SchemaID
    return "" if chosen in offered else f"SchemaID {chosen} is not one of those offered: {sorted(offered)}"


@CHECKS.on("PAYMENT_OPTION_MATCHES_MODE")
def payment_option_matches_mode(tester: TesterEv, arrival: Arrival) -> str:
    wanted = "Contract" if tester.pics.pnc else "ExternalPayment"
    options = list(arrival.message.PaymentOptionList.PaymentOption)
    return "" if wanted in options else f"its payment options are {', '.join(options)}, without {wanted}"


@CHECKS.on("ENERGY_MODE_MATCHES")
def energy_mode_matches(tester: TesterEv, arrival: Arrival) -> str:
    modes = list(arrival.message.ChargeService.SupportedEnergyTransferMode.EnergyTransferMode)
    return "" if mode(tester) in modes else f"its energy transfer modes are {', '.join(modes)}, without {mode(tester)}"


_CATEGORIES = {2: "ContractCertificate", 3: "Internet"}


@CHECKS.on("SERVICE_LIST_RULES")
def service_list_rules(tester: TesterEv, arrival: Arrival) -> str:
    listed = arrival.message.ServiceList
    for service in listed.Service if listed is not None else ():
        if service.ServiceID == 1:
            return "ServiceID 1 is in the list of value-added services"
        wanted = _CATEGORIES.get(service.ServiceID)
        if wanted is not None and service.ServiceCategory != wanted:
            return f"service {service.ServiceID} has category {service.ServiceCategory}, not {wanted}"
    return ""


@CHECKS.on("SERVICE_PARAMETER_LIST")
def service_parameter_list(tester: TesterEv, arrival: Arrival) -> str:
    listed = arrival.message.ServiceParameterList
    ids = [entry.ParameterSetID for entry in listed.ParameterSet] if listed is not None else []
    return "" if len(set(ids)) == len(ids) else f"parameter sets {ids} are not unique"


def _parameter_sets(tester: TesterEv, service: int) -> dict[int, dict[str, Any]] | None:
    """Parameter sets of a service as reported by ServiceDetail; None if it was not requested."""
    response = tester.details.get(service)
    if response is None:
        return None
    sets = {}
    for entry in response.ServiceParameterList.ParameterSet if response.ServiceParameterList else ():
        values = {}
        for parameter in entry.Parameter:
            given = (parameter.stringValue, parameter.intValue, parameter.shortValue, parameter.byteValue)
            values[parameter.Name] = next((value for value in given if value is not None), None)
        sets[entry.ParameterSetID] = values
    return sets


@CHECKS.on("PARAMSET_CERTIFICATE")
def paramset_certificate(tester: TesterEv, arrival: Arrival) -> str:
    sets = _parameter_sets(tester, 2)
    if sets is None:
        return ""
    for number_, wanted in ((1, "Installation"), (2, "Update")):
        if number_ in sets and sets[number_].get("Service") != wanted:
            return f"certificate service, set {number_}: {sets[number_]}, not Service={wanted}"
    return "" if sets else "the certificate service has no parameter set"


@CHECKS.on("PARAMSET_INTERNET")
def paramset_internet(tester: TesterEv, arrival: Arrival) -> str:
    sets = _parameter_sets(tester, 3)
    if sets is None:
        return ""
    ports = {1: ("ftp", 20), 2: ("ftp", 21), 3: ("http", 80), 4: ("https", 443)}
    for number_, values in sets.items():
        wanted = ports.get(number_)
        if wanted is None or (str(values.get("Protocol")).lower(), values.get("Port")) != wanted:
            return f"internet service, set {number_}: {values}, not {wanted}"
    return ""


@CHECKS.on("PAYMENT_OPTION_AS_BEFORE")
def payment_option_as_before(tester: TesterEv, arrival: Arrival) -> str:
    chosen = "Contract" if tester.pics.pnc else "ExternalPayment"
    options = list(arrival.message.PaymentOptionList.PaymentOption)
    return "" if options == [chosen] else f"its payment options are {', '.join(options)}, before the pause {chosen}"


@CHECKS.on("CHARGE_SERVICE_AS_BEFORE")
def charge_service_as_before(tester: TesterEv, arrival: Arrival) -> str:
    modes = list(arrival.message.ChargeService.SupportedEnergyTransferMode.EnergyTransferMode)
    return (
        ""
        if modes == [mode(tester)]
        else f"its energy transfer modes are {', '.join(modes)}, before the pause {mode(tester)}"
    )


# ---------------------------------------------------------------------------------------------------------------
# Schedules and limits


def _watts(value: Any) -> float:
    return float(value) if isinstance(value, int) else number(value)


def _tuples(arrival: Arrival) -> list[Any]:
    listed = arrival.message.SASchedules
    return list(getattr(listed, "SAScheduleTuple", ()))


def _covered(entries: list[Any]) -> float:
    """Seconds that a PMaxSchedule covers."""
    last = entries[-1].TimeInterval
    return float(last.start + (last.duration or 0))


@CHECKS.on("SCHEDULE_VALID")
def schedule_valid(tester: TesterEv, arrival: Arrival) -> str:
    tuples, watts = _tuples(arrival), _most(tester)[2]
    if not 1 <= len(tuples) <= 3:
        return f"{len(tuples)} schedules; 1 to 3 are allowed"
    ids = [entry.SAScheduleTupleID for entry in tuples]
    least, most = (0, 32767) if tester.protocol is DIN else (1, 255)
    if len(set(ids)) != len(ids) or not all(least <= one <= most for one in ids):
        return f"its SAScheduleTupleIDs are {ids}"
    for one in tuples:
        entries = one.PMaxSchedule.PMaxScheduleEntry
        starts = [entry.TimeInterval.start for entry in entries]
        if starts != sorted(set(starts)) or starts[0] != 0:
            return f"schedule {one.SAScheduleTupleID}: starts {starts[:5]} do not begin at 0 or do not ascend"
        for entry in entries:
            if not 0 <= _watts(entry.PMax) <= watts:
                return f"schedule {one.SAScheduleTupleID}: PMax {_watts(entry.PMax):g} W"
            if entry is not entries[-1] and entry.TimeInterval.duration is not None:
                return f"schedule {one.SAScheduleTupleID}: a duration before the last entry"
        if entries[-1].TimeInterval.duration is None:
            return f"schedule {one.SAScheduleTupleID}: the last entry has no duration"
    return ""


@CHECKS.on("SCHEDULE_COVERS_DEPARTURE")
def schedule_covers_departure(tester: TesterEv, arrival: Arrival) -> str:
    departure = float(tester.pics["par_DepartureTime"])
    for one in _tuples(arrival):
        covered = _covered(one.PMaxSchedule.PMaxScheduleEntry)
        if covered < departure:
            return f"schedule {one.SAScheduleTupleID} covers {covered:g} s, departure is in {departure:g} s"
    return ""


@CHECKS.on("SCHEDULE_COVERS_24H")
def schedule_covers_24h(tester: TesterEv, arrival: Arrival) -> str:
    for one in _tuples(arrival):
        covered = _covered(one.PMaxSchedule.PMaxScheduleEntry)
        if covered < 86400:
            return f"schedule {one.SAScheduleTupleID} covers {covered:g} s, less than 24 h"
    return ""


@CHECKS.on("SCHEDULE_MAX_ENTRIES")
def schedule_max_entries(tester: TesterEv, arrival: Arrival) -> str:
    most = int(tester.pics["par_MaxEntriesSAScheduleTuple"])
    for one in _tuples(arrival):
        entries = len(one.PMaxSchedule.PMaxScheduleEntry)
        tariff = getattr(one, "SalesTariff", None)
        if entries > most or (tariff is not None and len(tariff.SalesTariffEntry) > most):
            return f"schedule {one.SAScheduleTupleID} has {entries} entries, but MaxEntriesSAScheduleTuple was {most}"
    return ""


@CHECKS.on("SALES_TARIFF")
def sales_tariff(tester: TesterEv, arrival: Arrival) -> str:
    for one in _tuples(arrival):
        if one.SalesTariff is None:
            return f"schedule {one.SAScheduleTupleID} has no SalesTariff"
        last = one.SalesTariff.SalesTariffEntry[-1].TimeInterval
        covered = _covered(one.PMaxSchedule.PMaxScheduleEntry)
        if last.duration is not None and last.start + last.duration != covered:
            return f"the tariff covers {last.start + last.duration} s, the schedule {covered:g} s"
    return ""


@CHECKS.on("TUPLE_ID_AS_BEFORE")
def tuple_id_as_before(tester: TesterEv, arrival: Arrival) -> str:
    if tester.paused is None:
        return ""
    ids = [entry.SAScheduleTupleID for entry in _tuples(arrival)]
    return (
        ""
        if tester.paused.tuple_id in ids
        else f"schedules {ids} without {tester.paused.tuple_id} from before the pause"
    )


@CHECKS.on("EVSE_LIMITS_AC")
def evse_limits_ac(tester: TesterEv, arrival: Arrival) -> str:
    parameter = arrival.message.EVSEChargeParameter
    volts, amps = number(parameter.EVSENominalVoltage), number(parameter.EVSEMaxCurrent)
    if volts <= 0 or amps <= 0:
        return f"its limits are {volts:g} V, {amps:g} A"
    # A limit that is rounded up in its message does not exceed the power.
    most = volts * (amps + 10.0**parameter.EVSEMaxCurrent.Multiplier) * 3
    for one in _tuples(arrival):
        for entry in one.PMaxSchedule.PMaxScheduleEntry:
            if _watts(entry.PMax) > most * 1.001:
                return f"PMax of {_watts(entry.PMax):g} W is above {volts:g} V x {amps:g} A x 3"
    return ""


@CHECKS.on("EVSE_LIMITS_DC")
def evse_limits_dc(tester: TesterEv, arrival: Arrival) -> str:
    parameter = arrival.message.EVSEChargeParameter
    volts, amps = number(parameter.EVSEMaximumVoltageLimit), number(parameter.EVSEMaximumCurrentLimit)
    low = number(parameter.EVSEMinimumVoltageLimit)
    most_volts, most_amps, most_watts = _most(tester)
    if not 0 < volts <= most_volts or not 0 < amps <= most_amps or low < 0 or low > volts:
        return f"its limits are {low:g} to {volts:g} V, {amps:g} A"
    power = parameter.EVSEMaximumPowerLimit
    if power is not None and not 0 < number(power) <= most_watts:
        return f"EVSEMaximumPowerLimit is {number(power):g} W"
    battery = tester.battery_voltage
    return "" if low <= battery <= volts else f"{low:g} to {volts:g} V do not reach the battery's {battery:g} V"


# ---------------------------------------------------------------------------------------------------------------
# Loop and end


@CHECKS.on("RECEIPT_FALSE")
def receipt_false(tester: TesterEv, arrival: Arrival) -> str:
    return "ReceiptRequired is true" if arrival.message.ReceiptRequired else ""


@CHECKS.on("RECEIPT_TRUE")
def receipt_true(tester: TesterEv, arrival: Arrival) -> str:
    return "" if arrival.message.ReceiptRequired else f"ReceiptRequired is {arrival.message.ReceiptRequired}"


@CHECKS.on("METER_INFO")
def meter_info(tester: TesterEv, arrival: Arrival) -> str:
    info = arrival.message.MeterInfo
    return "" if info is not None and info.MeterID else "there is no MeterInfo with a MeterID"


@CHECKS.on("METER_READING")
def meter_reading(tester: TesterEv, arrival: Arrival) -> str:
    info = arrival.message.MeterInfo
    reading = info.MeterReading if info is not None else None
    return "" if reading is not None and 0 <= reading <= 4294967295 else f"MeterReading is {reading}"


@CHECKS.on("DC_PRESENT_VALUES")
def dc_present_values(tester: TesterEv, arrival: Arrival) -> str:
    message = arrival.message
    volts, amps = number(message.EVSEPresentVoltage), number(message.EVSEPresentCurrent)
    most_volts, most_amps, _ = _most(tester)
    if not 0 <= volts <= most_volts or not -1.0 <= amps <= most_amps:
        return f"its present values are {volts:g} V, {amps:g} A"
    flags = (message.EVSECurrentLimitAchieved, message.EVSEVoltageLimitAchieved, message.EVSEPowerLimitAchieved)
    return "" if None not in flags else "a limit flag is missing"


@CHECKS.on("DC_PRESENT_VOLTAGE")
def dc_present_voltage(tester: TesterEv, arrival: Arrival) -> str:
    volts = number(arrival.message.EVSEPresentVoltage)
    return "" if 0 <= volts <= _most(tester)[0] else f"EVSEPresentVoltage of {volts:g} V"


@CHECKS.on("DIN_SERVICE")
def din_service(tester: TesterEv, arrival: Arrival) -> str:
    options = list(arrival.message.PaymentOptions.PaymentOption)
    return (
        "" if "ExternalPayment" in options else f"its payment options are {', '.join(options)}, without ExternalPayment"
    )


@CHECKS.on("GENCHALLENGE_16B")
def genchallenge_16b(tester: TesterEv, arrival: Arrival) -> str:
    length = len(arrival.message.GenChallenge)
    return "" if length == 16 else f"GenChallenge has {counted(length, 'byte')}"


EMAID = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[A-Z0-9]{9}[A-Z0-9]?")


@CHECKS.on("EMAID_SYNTAX")
def emaid_syntax(tester: TesterEv, arrival: Arrival) -> str:
    emaid = str(getattr(arrival.message.eMAID, "value", arrival.message.eMAID)).replace("-", "")
    return "" if EMAID.fullmatch(emaid.upper()) else f"its eMAID is {emaid!r}"


# ---------------------------------------------------------------------------------------------------------------
# Contract certificates


@CHECKS.on("CERT_RES_SIGNATURE")
def cert_res_signature(tester: TesterEv, arrival: Arrival) -> str:
    provider = chain_of(arrival.message.SAProvisioningCertificateChain)
    try:
        signature.verify_message(arrival.message, arrival.signature, provider[0])
    except RemoteError as why:
        return f"the signature is invalid: {why}"
    return ""


@CHECKS.on("SAPROVISIONING_CHAIN")
def saprovisioning_chain(tester: TesterEv, arrival: Arrival) -> str:
    bench = contract.paying(tester).bench
    chain = chain_of(arrival.message.SAProvisioningCertificateChain)
    return chain_problem(bench, chain, Role.CPS, bench.roots)


@CHECKS.on("CONTRACT_CHAIN")
def contract_chain(tester: TesterEv, arrival: Arrival) -> str:
    bench = contract.paying(tester).bench
    chain = chain_of(arrival.message.ContractSignatureCertChain)
    return chain_problem(bench, chain, Role.CONTRACT, bench.mo_roots)


@CHECKS.on("DH_KEY_DECRYPTS")
def dh_key_decrypts(tester: TesterEv, arrival: Arrival) -> str:
    try:
        contract.delivered(tester, arrival)
    except RemoteError as why:
        return str(why)
    return ""
