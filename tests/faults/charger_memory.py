"""Faults of a charger's memory and of what it says of itself: kept too long, forgotten, told wrongly, told late."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec

import secc.dc
import secc.serve
from faults.fault import Adjust, answering, charger, deep, late, nothing, sending
from faults.physics import MODULES, RUN, constant, driving, metered
from plugfest.conformance.fields import found, replaced
from secc.visit import Visit
from v2g.messages import din70121, iso2
from v2g.physical import number, physical

TWO = "PF_SECC_ISO2_TwoSessions"
AC = "PF_SECC_ISO2_PowerFlow_AC#1"
LOOP = {"iso2": "TC_SECC_DC_VTB_CurrentDemand_001", "din70121": "PF_SECC_DIN_CurrentDemand_OK"}
PARAMETERS = {
    "iso2": "TC_SECC_DC_VTB_ChargeParameterDiscovery_001", "din70121": "PF_SECC_DIN_ChargeParameterDiscovery_OK",
}  # fmt: skip
CHECK = {"iso2": "TC_SECC_DC_VTB_CableCheck_001", "din70121": "PF_SECC_DIN_CableCheck_OK"}
PRECHARGE = {"iso2": "TC_SECC_DC_VTB_PreCharge_001", "din70121": "PF_SECC_DIN_PreCharge_OK"}
CHANGING, BEYOND, LOWER, ENERGY, END = "#1", "#2", "#3", "#6", "#7"


def both(*adjusts: Adjust) -> Adjust:
    """Several at once."""

    def adjust(system: Any) -> None:
        for one in adjusts:
            one(system)

    return adjust


def changed(**fields: Any) -> Callable[[Any], Any]:
    """Fields anywhere in a message, where it has them."""

    def change(message: Any) -> Any:
        for name, value in fields.items():
            message = deep(name, value)(message)
        return message

    return change


def from_number(count: int, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """From that message on."""
    numbers = itertools.count(1)
    return lambda message: change(message) if next(numbers) >= count else message


def where(name: str, value: Any, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Only where a field has that value."""
    return lambda message: change(message) if found(message, name) == value else message


def _first_status(module: str) -> Adjust:
    """The status of the first response of a session in all others."""
    kept: list[Any] = []

    def keep(message: Any) -> Any:
        kept.append(message.DC_EVSEStatus)
        return msgspec.structs.replace(message, DC_EVSEStatus=kept[0])

    names = ("CableCheckRes", "PreChargeRes", "CurrentDemandRes")
    return both(*(sending(name, keep, module) for name in names))


def _above(module: str, field: str, amps: float) -> Callable[[Any], Any]:
    """A multiplier that is wrong for large values only."""

    def change(message: Any) -> Any:
        value = found(message, field)
        if abs(number(value)) < amps:
            return message
        return replaced(message, field, msgspec.structs.replace(value, Multiplier=value.Multiplier - 1))

    return change


def _own_limit(module: str) -> Callable[[Any], Any]:
    """The limit told in the loop is lowered, the output is not."""
    return from_number(20, deep("EVSEMaximumCurrentLimit", physical(MODULES[module], 20.0, "A")))


for _module, _types in (("iso2", iso2), ("din70121", din70121)):
    _flow, _tag = RUN[_module], _module
    charger(f"status-of-first-{_tag}", f"{_tag}: the status is that of the first response", LOOP[_module],
            adjust=_first_status(_module))  # fmt: skip
    for _code in ("EVSE_NotReady", "Reserved_9", "EVSE_Shutdown"):
        charger(f"loop-{_code}-{_tag}", f"{_tag}: the loop goes on with {_code}", LOOP[_module],
                adjust=sending("CurrentDemandRes", deep("EVSEStatusCode", _code), _module))  # fmt: skip
        charger(f"precharge-{_code}-{_tag}", f"{_tag}: precharge goes on with {_code}", PRECHARGE[_module],
                adjust=sending("PreChargeRes", deep("EVSEStatusCode", _code), _module))  # fmt: skip
    charger(f"check-still-active-{_tag}", f"{_tag}: the cable check ends with the status that it had while it went on",
            CHECK[_module],
            adjust=sending("CableCheckRes", deep("EVSEStatusCode", "EVSE_IsolationMonitoringActive"), _module),
            )  # fmt: skip
    charger(f"check-active-{_tag}", f"{_tag}: the cable check ends with a reserved status",
            CHECK[_module],
            adjust=sending("CableCheckRes", deep("EVSEStatusCode", "Reserved_8"), _module))  # fmt: skip
    charger(f"isolation-stuck-{_tag}", f"{_tag}: the isolation status stays Invalid after the cable check",
            LOOP[_module], adjust=sending("CurrentDemandRes", deep("EVSEIsolationStatus", "Invalid"),
                                          _module))  # fmt: skip
    charger(f"isolation-lost-{_tag}", f"{_tag}: the isolation status becomes Invalid in precharge", PRECHARGE[_module],
            adjust=sending("PreChargeRes", deep("EVSEIsolationStatus", "Invalid"), _module))  # fmt: skip
    charger(f"asks-to-stop-{_tag}", f"{_tag}: StopCharging in each response of the loop", LOOP[_module],
            adjust=sending("CurrentDemandRes", deep("EVSENotification", "StopCharging"), _module))  # fmt: skip
    charger(f"multiplier-when-large-{_tag}", f"{_tag}: currents above 20 A with a wrong multiplier",
            f"{_flow}{CHANGING}", f"{_flow}{ENERGY}",
            adjust=sending("CurrentDemandRes", _above(_module, "EVSEPresentCurrent", 20.0), _module))  # fmt: skip
    charger(f"own-limit-ignored-{_tag}", f"{_tag}: a limit lowered in the loop is not kept", f"{_flow}{ENERGY}",
            adjust=sending("CurrentDemandRes", _own_limit(_module), _module))  # fmt: skip
    charger(f"precharge-tenth-{_tag}", f"{_tag}: precharge overshoots by a tenth", f"{_flow}#8",
            adjust=driving(precharge=lambda right: lambda volts, amps: right(volts * 1.1, amps)))  # fmt: skip
    charger(f"precharge-below-{_tag}", f"{_tag}: precharge ends a fifth below", PRECHARGE[_module],
            adjust=driving(precharge=lambda right: lambda volts, amps: right(volts * 0.8, amps)))  # fmt: skip
    charger(f"output-half-{_tag}", f"{_tag}: the output gives half of what is asked for", f"{_flow}{ENERGY}",
            adjust=driving(aim=lambda right: lambda volts, amps: right(volts, amps * 0.5)))  # fmt: skip
    charger(f"welding-zero-{_tag}", f"{_tag}: WeldingDetectionRes reports a voltage that is not there",
            f"{_flow}{END}",
            adjust=sending("WeldingDetectionRes", deep("EVSEPresentVoltage", physical(_types, 380.0, "V")),
                           _module))  # fmt: skip
    charger(f"welding-first-{_tag}", f"{_tag}: the voltage of WeldingDetectionRes is never read again",
            f"{_flow}{END}",
            adjust=sending("WeldingDetectionRes", constant("EVSEPresentVoltage"), _module))  # fmt: skip
    charger(f"minimum-above-{_tag}", f"{_tag}: the least voltage is above the most", PARAMETERS[_module],
            adjust=sending("ChargeParameterDiscoveryRes",
                           deep("EVSEMinimumVoltageLimit", physical(_types, 1100.0, "V")), _module))  # fmt: skip
    charger(f"schedule-twice-{_tag}", f"{_tag}: a finished parameter discovery without schedules", PARAMETERS[_module],
            adjust=sending("ChargeParameterDiscoveryRes",
                           lambda message: msgspec.structs.replace(message, SASchedules=None), _module))  # fmt: skip
    charger(f"sessions-share-id-{_tag}", f"{_tag}: each session has the same id",
            TWO if _module == "iso2" else "PF_SECC_DIN_NoPauseNoRenegotiation",
            patches=[(Visit, "new_session_id", lambda visit: b"\1\2\3\4\5\6\7\10")])  # fmt: skip
    charger(f"joins-nothing-{_tag}", f"{_tag}: OK_OldSessionJoined for a new session",
            "TC_SECC_CMN_VTB_SessionSetup_001" if _module == "iso2" else "PF_SECC_DIN_SessionSetup_OK",
            adjust=sending("SessionSetupRes", deep("ResponseCode", "OK_OldSessionJoined"), _module))  # fmt: skip
    for _name, _seconds in (("PreChargeRes", 1.9), ("CableCheckRes", 1.9), ("ChargeParameterDiscoveryRes", 1.9)):
        _where = {"PreChargeRes": PRECHARGE, "CableCheckRes": CHECK, "ChargeParameterDiscoveryRes": PARAMETERS}[_name]
        charger(f"late-{_name}-{_tag}", f"{_tag}: {_name} after {_seconds:g} s", _where[_module],
                adjust=sending(_name, late(_seconds), _module))  # fmt: skip

charger("flags-never", "no limit is ever said to be reached", f"{RUN['iso2']}#9",
        adjust=sending("CurrentDemandRes", changed(EVSECurrentLimitAchieved=False, EVSEVoltageLimitAchieved=False,
                                                   EVSEPowerLimitAchieved=False)))  # fmt: skip
charger("meter-each-session", "the meter begins at another reading in each session, a lower one", TWO,
        adjust=sending("CurrentDemandRes", (lambda left: metered(lambda wh, count: wh + 9000.0 / next(left)))(
            itertools.count(1))))  # fmt: skip
charger("meter-doubled", "the energy is counted twice", f"{RUN['iso2']}{ENERGY}",
        adjust=sending("CurrentDemandRes", metered(lambda wh, count: wh * 2)))  # fmt: skip
charger("meter-time-back", "the time of the meter runs backwards", f"{RUN['iso2']}{ENERGY}",
        adjust=sending("CurrentDemandRes", (lambda left: lambda message: deep("TMeter", 1_700_000_000 - next(left))(
            message))(itertools.count())))  # fmt: skip
charger("meter-ac-stands", "AC: the meter stands", AC, adjust=sending("ChargingStatusRes", metered(lambda wh, _: 500)))
charger("meter-ac-third", "AC: the meter counts one phase of three", AC,
        adjust=sending("ChargingStatusRes", metered(lambda wh, count: wh / 3)))  # fmt: skip
charger("evseid-of-loop", "the loop has another EVSEID than SessionSetupRes", LOOP["iso2"],
        adjust=sending("CurrentDemandRes", deep("EVSEID", "DE*XYZ*E999")))  # fmt: skip
charger("evseid-of-loop-ac", "AC: the loop has another EVSEID than SessionSetupRes",
        "TC_SECC_AC_VTB_ChargingStatus_001",
        adjust=sending("ChargingStatusRes", deep("EVSEID", "DE*XYZ*E999")))  # fmt: skip
charger("tuple-of-loop", "the loop names the first schedule, whichever was chosen", LOOP["iso2"],
        adjust=sending("CurrentDemandRes", deep("SAScheduleTupleID", 77)))  # fmt: skip
charger("challenge-again", "GenChallenge is the same in each session", "PF_SECC_ISO2_ChallengeFresh",
        adjust=sending("PaymentDetailsRes", deep("GenChallenge", bytes(range(1, 17)))))  # fmt: skip
charger("challenge-of-two-octets", "only two octets of GenChallenge are random", "PF_SECC_ISO2_ChallengeFresh",
        adjust=sending("PaymentDetailsRes", lambda message: msgspec.structs.replace(
            message, GenChallenge=message.GenChallenge[:2] + bytes(14))))  # fmt: skip
charger("challenge-one-byte-short", "GenChallenge of 15 bytes", "TC_SECC_CMN_VTB_PaymentDetails_001",
        adjust=sending("PaymentDetailsRes", deep("GenChallenge", bytes(range(1, 16)))))  # fmt: skip
charger("rcd-tripped", "AC: RCD true while charging goes on", "TC_SECC_AC_VTB_ChargingStatus_001",
        adjust=sending("ChargingStatusRes", deep("RCD", True)))  # fmt: skip
charger("asks-to-stop-ac", "AC: StopCharging in each response", "TC_SECC_AC_VTB_ChargingStatus_001",
        adjust=sending("ChargingStatusRes", deep("EVSENotification", "StopCharging")))  # fmt: skip
charger("current-beyond-ac", "AC: EVSEMaxCurrent of 500 A", AC, reading=True,
        adjust=sending("ChargingStatusRes", deep("EVSEMaxCurrent", physical(iso2, 500.0, "A"))))  # fmt: skip
charger("receipt-of-eim", "a receipt is asked for in external payment", LOOP["iso2"],
        adjust=sending("CurrentDemandRes", deep("ReceiptRequired", True)))  # fmt: skip
charger("code-of-others", "PowerDeliveryRes with OK_NewSessionEstablished", "TC_SECC_DC_VTB_PowerDelivery_001",
        adjust=sending("PowerDeliveryRes", deep("ResponseCode", "OK_NewSessionEstablished")))  # fmt: skip
charger("detail-of-another", "details are of another service than was asked for", "TC_SECC_CMN_VTB_ServiceDetail_001",
        adjust=sending("ServiceDetailRes", deep("ServiceID", 9)))  # fmt: skip
charger("time-of-payment-missing", "PaymentDetailsRes has an EVSETimeStamp of 0", "PF_SECC_ISO2_ChallengeFresh",
        adjust=sending("PaymentDetailsRes", deep("EVSETimeStamp", 0)))  # fmt: skip
charger("time-of-payment-local", "PaymentDetailsRes has the local time, an hour from that of SessionSetupRes",
        "PF_SECC_ISO2_ChallengeFresh", reading=True,
        adjust=sending("PaymentDetailsRes", lambda message: msgspec.structs.replace(
            message, EVSETimeStamp=message.EVSETimeStamp + 3600)))  # fmt: skip
charger("time-in-ms", "EVSETimeStamp in milliseconds", "TC_SECC_CMN_VTB_SessionSetup_001",
        adjust=sending("SessionSetupRes", deep("EVSETimeStamp", 1_700_000_000_000)))  # fmt: skip


def _nominal(volts: float) -> Adjust:
    return sending("ChargeParameterDiscoveryRes", deep("EVSENominalVoltage", physical(iso2, volts, "V")))


charger("time-zero", "EVSETimeStamp is 0", "TC_SECC_CMN_VTB_SessionSetup_001", reading=True,
        adjust=sending("SessionSetupRes", deep("EVSETimeStamp", 0)))  # fmt: skip
charger("meter-two-hours-off", "TMeter is local time, two hours from that of SessionSetupRes", AC, reading=True,
        adjust=sending("ChargingStatusRes", lambda message: deep("TMeter", message.MeterInfo.TMeter + 7200)(message)
                       if message.MeterInfo is not None else message))  # fmt: skip
charger("nominal-of-the-line", "EVSENominalVoltage is the voltage between two lines, 400 V", AC, reading=True,
        adjust=_nominal(400.0))  # fmt: skip
charger("nominal-of-another-grid", "EVSENominalVoltage is 120 V at an outlet with 230 V", AC, reading=True,
        adjust=_nominal(120.0))  # fmt: skip
charger("late-ChargingStatusRes", "AC: ChargingStatusRes after 2.4 s", "TC_SECC_AC_VTB_ChargingStatus_001",
        adjust=sending("ChargingStatusRes", late(2.4)))  # fmt: skip
charger("late-ServiceDetailRes", "ServiceDetailRes after 4.9 s", "TC_SECC_CMN_VTB_ServiceDetail_001",
        adjust=sending("ServiceDetailRes", late(4.9)))  # fmt: skip
STOP_DELAY = ("PF_SECC_ISO2_StopDelay", "PF_SECC_ISO20_StopDelay_DC", "PF_SECC_ISO20_StopDelay_AC")
charger("stop-impatient", "a vehicle that is to stop within ten seconds is refused after six", *STOP_DELAY,
        patches=[(secc.serve, "STOP_GRACE", -4.0)])  # fmt: skip
charger("stop-never", "a vehicle that does not stop when it is asked to is charged on",
        *(f"PF_SECC_{protocol}_StopIgnored" for protocol in ("ISO2", "DIN", "ISO20")), reading=True,
        patches=[(secc.serve._Guard, "_time_over", nothing)])  # fmt: skip
charger("output-comes-back", "an output that the pilot has switched off comes back with the next request",
        "PF_SECC_ISO2_CpDropShort", patches=[(secc.dc, "check_tested", nothing)])  # fmt: skip


def _takes_the_vehicles(visit: Any, message: Any, good: Callable[[], Any]) -> Any:
    response = good()
    visit.session.id = visit.asked_id if any(visit.asked_id) else visit.session.id
    return response


charger("session-id-of-vehicle", "a new session gets the id that the vehicle named", "TC_SECC_DC_VTB_SessionSetup_002",
        adjust=answering("SessionSetupReq", _takes_the_vehicles))  # fmt: skip
