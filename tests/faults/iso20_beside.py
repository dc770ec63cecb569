"""Faults beside the loop of ISO 15118-20, and values that cannot be: parking, the meter's clock, limits, voltages."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec

import evcc.iso20_ac
import evcc.iso20_metering
import secc.iso20_parking
from faults.fault import charger, deep, late, nothing, sending, unjudged, vehicle, with_
from plugfest.conformance.fields import found, replaced
from v2g.physical import number, rational

PF, EV = "PF_SECC_ISO20_", "PF_EVCC_ISO20_"
ENERGY = f"{PF}PowerFlow_DC#5"


def _after_the_first(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    count = itertools.count()
    return lambda message: change(message) if next(count) else message


# ---------------------------------------------------------------------------------------------------------------
# Parking

charger("20-parking-for-all", "a vehicle that has not selected parking is checked in and out",
        f"{PF}Parking_Unselected#1", f"{PF}Parking_Unselected#2",
        patches=[*unjudged("parking-unselected"), (secc.iso20_parking, "check", lambda visit: nothing)])  # fmt: skip
charger("20-check-out-swapped", "a check-out is completed as soon as it is announced, and then scheduled again",
        f"{PF}Parking_Course",
        adjust=sending("VehicleCheckOutRes", lambda message: with_(
            EVSECheckOutStatus="Scheduled" if message.EVSECheckOutStatus == "Completed" else "Completed"
        )(message), "iso20"))  # fmt: skip
vehicle("20-check-in-stays", "a check-in is never completed", f"{EV}Parking#1", f"{EV}Parking#2",
        adjust=sending("VehicleCheckInReq", with_(EVCheckInStatus="CheckIn"), "iso20"), reading=True)  # fmt: skip
vehicle("20-check-out-back", "a check-out goes back to its beginning", f"{EV}Parking#1", f"{EV}Parking#3",
        adjust=sending("VehicleCheckOutReq", lambda message: with_(
            EVCheckOutStatus={"CheckOut": "CheckOut", "Processing": "Completed"}.get(
                message.EVCheckOutStatus, "Processing")
        )(message), "iso20"))  # fmt: skip
vehicle("20-check-out-relative", "CheckOutTime counts from now", f"{EV}Parking#1", f"{EV}Parking#3",
        adjust=sending("VehicleCheckOutReq", with_(CheckOutTime=600), "iso20"))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Metering


def _closes(drive: Any, *, dynamic: bool) -> None:
    drive.session.channel.abort()


vehicle("20-closes-at-metering", "the connection is closed when a metering confirmation is asked for",
        f"{EV}MeteringConfirmation_Request", f"{EV}Notifications_Metering#1",
        patches=[(evcc.iso20_metering, "confirm", _closes)])  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Schedules


def _first_step(drive: Any, control: Any, terms: Any, plan: Any, told: float) -> float:
    return float(min(terms.most, plan.schedule.slots[0].watts))


def _takes_nothing(drive: Any, control: Any, terms: Any, plan: Any, told: float) -> float:
    return 0.0


vehicle("20-command-ignored", "a vehicle in AC takes nothing, whatever the charger commands",
        f"{EV}PowerFlow_AC_dynamic#1", patches=[(evcc.iso20_ac, "wanted", _takes_nothing)])  # fmt: skip
vehicle("20-precharge-finished-at-once", "EVProcessing is Finished in each DC_PreChargeReq", f"{EV}PowerFlow_DC#2",
        adjust=sending("DC_PreChargeReq", with_(EVProcessing="Finished"), "iso20-dc"))  # fmt: skip
vehicle("20-schedule-first-step", "a vehicle in AC keeps the power with which its schedule begins",
        f"{EV}PowerFlow_AC#3", patches=[(evcc.iso20_ac, "wanted", _first_step)])  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Side streams

charger("20-beside-late", "a renegotiated schedule comes after 1.8 s", f"{PF}Renegotiation_DC",
        adjust=sending("ScheduleExchangeRes", _after_the_first(late(1.8)), "iso20"))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Clock of the meter


def _stamp(stamp: Callable[[int], int]) -> Callable[[Any], Any]:
    def change(message: Any) -> Any:
        info = message.MeterInfo
        if info is None or info.MeterTimestamp is None:
            return message
        return with_(MeterInfo=msgspec.structs.replace(info, MeterTimestamp=stamp(info.MeterTimestamp)))(message)

    return change


charger("20-meter-clock-stands", "the readings of the meter all have one time", ENERGY,
        adjust=sending("DC_ChargeLoopRes", _stamp(lambda stamp: 1_700_000_000), "iso20-dc"))  # fmt: skip
charger("20-meter-clock-back", "the time of the meter runs backwards", ENERGY,
        adjust=sending("DC_ChargeLoopRes", _stamp(lambda stamp: 3_400_000_000 - stamp), "iso20-dc"))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Limits and voltages


def _times(name: str, factor: float) -> Callable[[Any], Any]:
    def change(message: Any) -> Any:
        return replaced(message, name, rational(number(found(message, name)) * factor))

    return change


charger("20-least-above-most", "EVSEMinimumChargePower is above EVSEMaximumChargePower in the loop",
        f"{PF}Loop_DC_dynamic",
        adjust=sending("DC_ChargeLoopRes", deep("EVSEMinimumChargePower", rational(9e5)), "iso20-dc"))  # fmt: skip
charger("20-beyond-rating", "EVSEMaximumVoltage is ten times as high in all messages", f"{PF}Limits_DC_scheduled",
        adjust=sending("DC_ChargeParameterDiscoveryRes", _times("EVSEMaximumVoltage", 10.0), "iso20-dc"))  # fmt: skip


_FLAGS = [f"EVSE{kind}LimitAchieved" for kind in ("Power", "Current", "Voltage")]
charger("20-limits-untold", "EVSE...LimitAchieved is always false", f"{PF}PowerFlow_DC#10", f"{PF}PowerFlow_DC#11",
        f"{PF}PowerFlow_BPT#10",
        adjust=sending("DC_ChargeLoopRes", with_(**dict.fromkeys(_FLAGS, False)), "iso20-dc"))  # fmt: skip


def _takes_more(system: Any) -> None:
    """Ten times what it says."""
    for name in ("DC_ChargeParameterDiscoveryRes", "DC_ChargeLoopRes"):
        sending(name, _times("EVSEMaximumDischargeCurrent", 0.1), "iso20-dc")(system)


charger("20-takes-more-in-loop", "more current is taken back than EVSEMaximumDischargeCurrent", f"{PF}PowerFlow_BPT#11",
        adjust=_takes_more)  # fmt: skip


def _tenfold(message: Any) -> Any:
    block = message.Scheduled_SEResControlMode
    for one in block.ScheduleTuple if block is not None else ():
        for entry in one.ChargingSchedule.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry:
            entry.Power = rational(number(entry.Power) * 10.0)
    return message


charger("20-schedule-beyond-rating", "a schedule with ten times the power", f"{PF}Schedules_DC_scheduled",
        adjust=sending("ScheduleExchangeRes", _tenfold, "iso20"))  # fmt: skip


def _rises_unmeasured(system: Any) -> None:
    """Where no plant tells."""
    system.measured = lambda: None
    sending("DC_WeldingDetectionRes", with_(EVSEPresentVoltage=rational(900.0)), "iso20-dc")(system)


charger("20-welding-rises", "EVSEPresentVoltage is 900 V in welding detection", f"{PF}PowerFlow_DC#6",
        adjust=_rises_unmeasured)  # fmt: skip
