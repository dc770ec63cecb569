"""Faults of a vehicle of ISO 15118-20 that contradicts itself: its needs, its limits, its inlet, its course."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

import evcc.drive
import evcc.iso20
import evcc.iso20_course
import evcc.iso20_dc
import evcc.iso20_parking
from evcc.vehicle import Vehicle
from faults.fault import async_nothing, deep, late, sending, vehicle, with_
from faults.iso20_power import Change, constant, scaled
from faults.vehicle_more import without
from plugfest.conformance.fields import found, replaced
from v2g.physical import number, rational

EV = "PF_EVCC_ISO20_"
LONG, SHORT, DYNAMIC = f"{EV}PowerFlow_DC#1", f"{EV}PowerFlow_DC#2", f"{EV}Dynamic_Follow"
BPT, AC = f"{EV}Dynamic_Follow_BPT#1", f"{EV}Dynamic_Follow_AC#1"
LOOP = "DC_ChargeLoopReq"


def in_loop(name: str, text: str, change: Change, *caught_by: str, reading: bool = False) -> None:
    """A DC_ChargeLoopReq changed on its way out."""
    vehicle(name, text, *caught_by, adjust=sending(LOOP, change, "iso20-dc"), reading=reading)


def said(field: str, value: float) -> Change:
    """A quantity of a message."""
    return deep(field, rational(value, -1))


def counting(field: str, change: Callable[[float, int], float]) -> Change:
    """A quantity that changes with the number of the message."""
    sent = [0]

    def one(message: Any) -> Any:
        sent[0] += 1
        return replaced(message, field, rational(max(change(number(found(message, field)), sent[0]), 0.0)))

    return one


def shown(**fields: Any) -> Change:
    """DisplayParameters with other values."""

    def change(message: Any) -> Any:
        return with_(DisplayParameters=msgspec.structs.replace(message.DisplayParameters, **fields))(message)

    return change


# ---------------------------------------------------------------------------------------------------------------
# Energies

in_loop("20-ev-energy-kwh", "energies of the loop are in kWh, those before in Wh",
        scaled("EVTargetEnergyRequest", 0.001), SHORT, DYNAMIC)  # fmt: skip
in_loop("20-ev-energy-half", "EVTargetEnergyRequest is half of what was asked for before",
        scaled("EVTargetEnergyRequest", 0.5), SHORT, LONG)  # fmt: skip
in_loop("20-ev-energy-none", "EVMaximumEnergyRequest is 0 from the loop on", said("EVMaximumEnergyRequest", 0.0), SHORT)
in_loop("20-ev-energy-up", "EVMaximumEnergyRequest rises with each message",
        counting("EVMaximumEnergyRequest", lambda wh, sent: min(wh + 200.0 * sent, 100_000.0)), LONG,
        reading=True)  # fmt: skip
in_loop("20-ev-energy-stands", "EVTargetEnergyRequest does not count down", constant("EVTargetEnergyRequest"), LONG)
in_loop("20-ev-energy-order", "the least energy is more than the target", said("EVMinimumEnergyRequest", 55_000.0),
        SHORT)  # fmt: skip

# SoC and departure

in_loop("20-ev-target-other", "TargetSOC is 20 % less than in the charge parameters", shown(TargetSOC=60), SHORT,
        reading=True)  # fmt: skip
in_loop("20-ev-target-rounded", "TargetSOC is a percent less than in the charge parameters", shown(TargetSOC=79), SHORT,
        reading=True)  # fmt: skip
vehicle("20-ev-departs-other", "the loop begins with another DepartureTime than ScheduleExchangeReq had", DYNAMIC,
        adjust=sending("ScheduleExchangeReq", deep("DepartureTime", 7200), "iso20"), reading=True)  # fmt: skip
in_loop("20-ev-soc-order", "MinimumSOC is more than TargetSOC", shown(MinimumSOC=95), SHORT)
in_loop("20-ev-remaining-order", "it takes longer to the target than to a full battery",
        shown(RemainingTimeToTargetSOC=3600, RemainingTimeToMaximumSOC=60), SHORT)  # fmt: skip
in_loop("20-ev-soc-of-100", "PresentSOC stays as it was at first", constant("PresentSOC"), LONG)
in_loop("20-ev-complete", "ChargingComplete from the start, and power goes on", shown(ChargingComplete=True), DYNAMIC)
in_loop("20-ev-departs-now", "DepartureTime falls to 0 from one message to the next", deep("DepartureTime", 0), DYNAMIC,
        reading=True)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# Limits and the inlet

in_loop("20-ev-current-raised", "EVMaximumChargeCurrent of the loop is ten times the declared one",
        scaled("EVMaximumChargeCurrent", 10.0), DYNAMIC)  # fmt: skip
in_loop("20-ev-voltage-raised", "EVMaximumVoltage of the loop is a third more than declared",
        scaled("EVMaximumVoltage", 4 / 3), DYNAMIC)  # fmt: skip
in_loop("20-ev-back-raised", "EVMaximumDischargePower of the loop is ten times the declared one",
        scaled("EVMaximumDischargePower", 10.0), BPT)  # fmt: skip
in_loop("20-ev-window", "EVMinimumVoltage is above the voltage of the battery", said("EVMinimumVoltage", 400.0),
        DYNAMIC)  # fmt: skip
in_loop("20-ev-least-power", "EVMinimumChargePower is above EVMaximumChargePower",
        said("EVMinimumChargePower", 200_000.0), DYNAMIC)  # fmt: skip
in_loop("20-ev-least-moves", "EVMinimumChargePower of the loop is not the declared one",
        said("EVMinimumChargePower", 2_000.0), DYNAMIC, reading=True)  # fmt: skip
in_loop("20-ev-allows-nothing", "EVMaximumChargePower is 0 in the loop", said("EVMaximumChargePower", 0.0),
        f"{EV}PowerFlow_DC_dynamic#1", reading=True)  # fmt: skip
in_loop("20-ev-inlet-tenfold", "EVPresentVoltage is in tenths of a volt", scaled("EVPresentVoltage", 10.0), DYNAMIC)
in_loop("20-ev-inlet-zero", "EVPresentVoltage is 0 in the loop", said("EVPresentVoltage", 0.0), DYNAMIC)
in_loop("20-ev-inlet-constant", "EVPresentVoltage stays the first one", constant("EVPresentVoltage"), LONG)
vehicle("20-ev-inlet-precharge", "EVPresentVoltage is 0 until precharge is over", SHORT, DYNAMIC,
        adjust=sending("DC_PreChargeReq", said("EVPresentVoltage", 0.0), "iso20-dc"))  # fmt: skip
vehicle("20-ev-power-kilo", "EVMaximumChargePower of the charge parameters is in kW", SHORT,
        adjust=sending("DC_ChargeParameterDiscoveryReq", scaled("EVMaximumChargePower", 0.001),
                       "iso20-dc"))  # fmt: skip
vehicle("20-ev-lowest-high", "EVMinimumVoltage of the charge parameters is above the voltage of the battery", SHORT,
        adjust=sending("DC_ChargeParameterDiscoveryReq", said("EVMinimumVoltage", 395.0), "iso20-dc"))  # fmt: skip
vehicle("20-ev-ac-raised", "EVMaximumChargePower of the loop in AC is twice the declared one", AC,
        adjust=sending("AC_ChargeLoopReq", scaled("EVMaximumChargePower", 2.0), "iso20-ac"))  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# The course of a session

vehicle("20-ev-no-precharge", "power is asked for without precharge", SHORT,
        patches=[(evcc.iso20_dc, "precharge", async_nothing)])  # fmt: skip


def _forgetting(right: Any) -> Any:
    async def authorize(drive: Any) -> None:
        await right(drive)
        drive.session.id = bytes(8)

    return authorize


vehicle("20-ev-zero-session", "the session id is zero after authorization", SHORT,
        patches=[(evcc.iso20, "authorize", _forgetting(evcc.iso20.authorize))])  # fmt: skip
vehicle("20-ev-no-session-stop", "the connection is closed instead of SessionStopReq", SHORT,
        patches=without("SessionStopReq"))  # fmt: skip
vehicle("20-ev-asks-after-60-s", "a request comes later than the charger waits", SHORT,
        adjust=sending("ServiceDetailReq", late(70.0), "iso20"))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# What is announced

vehicle("20-ev-never-finished", "EVProcessing of precharge is Ongoing to the end", SHORT,
        adjust=sending("DC_PreChargeReq", with_(EVProcessing="Ongoing"), "iso20-dc"), reading=True)  # fmt: skip
vehicle("20-ev-other-channel", "the channel for discharging is selected, and power flows in", f"{EV}PowerFlow_BPT#1",
        adjust=sending("PowerDeliveryReq", lambda message: message if message.ChargeProgress != "Start" else
                       with_(BPT_ChannelSelection="Discharge")(message), "iso20"), reading=True)  # fmt: skip


def profiled(duration: float = 1.0, power: float = 1.0) -> Change:
    """The power profile with other durations and powers, as factors."""

    def entry(one: Any) -> Any:
        watts = rational(number(one.Power) * power)
        return msgspec.structs.replace(one, Duration=round(one.Duration * duration), Power=watts)

    def change(message: Any) -> Any:
        if message.EVPowerProfile is None:
            return message
        entries = message.EVPowerProfile.EVPowerProfileEntries
        made = msgspec.structs.replace(entries, EVPowerProfileEntry=list(map(entry, entries.EVPowerProfileEntry)))
        profile = msgspec.structs.replace(message.EVPowerProfile, EVPowerProfileEntries=made)
        return with_(EVPowerProfile=profile)(message)

    return change


vehicle("20-ev-profile-empty", "the power profile covers 0 s", SHORT,
        adjust=sending("PowerDeliveryReq", profiled(duration=0.0), "iso20"))  # fmt: skip
vehicle("20-ev-profile-half", "half of the power drawn is announced", f"{EV}PowerFlow_AC#1",
        adjust=sending("PowerDeliveryReq", profiled(power=0.5), "iso20"))  # fmt: skip
vehicle("20-ev-reactive", "EVPresentReactivePower has an exponent that is too high", AC,
        adjust=sending("AC_ChargeLoopReq", deep("EVPresentReactivePower", rational(32_000.0)), "iso20-ac"))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Asked for something, or offered something unknown, and not able to


def _does_not_renegotiate(system: Any) -> None:
    system.options.renegotiates = False


def _only_known(right: Any) -> Any:
    """Gives up where a value added service is on offer that it does not know."""

    async def select(drive: Any, found: Any) -> Any:
        if found.VASList is not None:
            raise evcc.drive.Unsuitable("a service that nobody knows")
        return await right(drive, found)

    return select


vehicle("20-ev-renegotiation-ignored", "ScheduleRenegotiation is not looked at", f"{EV}Renegotiation#1",
        f"{EV}Renegotiation#11", adjust=_does_not_renegotiate)  # fmt: skip
vehicle("20-ev-standby-never", "the vehicle ramps down for standby, and never says so", f"{EV}Standby#1",
        patches=[(evcc.iso20_course.Course, "_lie_down", async_nothing)])  # fmt: skip
vehicle("20-ev-unknown-service", "a value added service that the vehicle does not know ends its session, later",
        f"{EV}Content_Services#3", patches=[(evcc.iso20_parking, "select", _only_known(evcc.iso20_parking.select))]
        )  # fmt: skip
_flow = Vehicle._flow
vehicle("20-ev-ac-idle", "the onboard charger never draws any power", f"{EV}PowerFlow_AC#1", reading=True,
        patches=[(Vehicle, "_flow", lambda car, voltage, amps, phases: _flow(car, voltage, 0.0, phases))]
        )  # fmt: skip
