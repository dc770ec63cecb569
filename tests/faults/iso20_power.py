"""Faults of power flow in ISO 15118-20: scheduled, dynamic, out of the vehicle, AC over the phases."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import msgspec

import secc.iso20
import secc.iso20_ac
import secc.iso20_dc
from faults.fault import charger, nothing, sending, unjudged, vehicle, with_
from plugfest.conformance.fields import found, replaced
from secc.envelope import LimitedOutput
from v2g.messages.iso20 import types
from v2g.phases import SUFFIXES
from v2g.physical import number, rational, signed

RNG = random.Random(2020)
DC, DYNAMIC, BPT, BPT_DYNAMIC = (f"PF_SECC_ISO20_PowerFlow_{one}" for one in ("DC", "DC_dynamic", "BPT", "BPT_dynamic"))
CHANGING, HELD, BEYOND, LOWER, ENERGY, END, PRECHARGE = (f"{DC}#{one}" for one in range(1, 8))
OUT = f"{DC}#16"
GIVING, GIVING_BEYOND, DIRECTIONS, BACK = (f"{BPT}#{one}" for one in (2, 3, 4, 9))
LOOP_AC = ("PF_SECC_ISO20_Loop_AC_dynamic", "PF_SECC_ISO20_PowerFlow_AC_dynamic#1")
CAR = "PF_EVCC_ISO20_PowerFlow_"
LOOP, LOOP_REQ = "DC_ChargeLoopRes", "DC_ChargeLoopReq"

Change = Callable[[Any], Any]


def scaled(field: str, by: float) -> Change:
    """A value of a message times a factor, with its sign."""

    def change(message: Any) -> Any:
        try:
            value = number(found(message, field))
        except (KeyError, AttributeError):
            return message
        return replaced(message, field, signed(rational(abs(value * by), -1), negative=value * by < 0.0))

    return change


def exponent(field: str, by: int) -> Change:
    def change(message: Any) -> Any:
        value = found(message, field)
        return replaced(message, field, msgspec.structs.replace(value, Exponent=value.Exponent + by))

    return change


def constant(field: str) -> Change:
    """The first value forever."""
    kept: list[Any] = []

    def change(message: Any) -> Any:
        kept.append(found(message, field))
        return replaced(message, field, kept[0])

    return change


def wrong(low: float, high: float) -> float:
    """A factor upwards or downwards."""
    value = RNG.uniform(low, high)
    return round(value if RNG.random() < 0.5 else 1.0 / value, 3)


# ---------------------------------------------------------------------------------------------------------------
# A charger's reports and output

for place in range(2):
    by = wrong(1.2, 3.0)
    charger(f"20-amps-report-{place}", f"EVSEPresentCurrent times {by}", CHANGING, HELD,
            adjust=sending(LOOP, scaled("EVSEPresentCurrent", by), "iso20-dc"))  # fmt: skip
    by = wrong(1.2, 3.0)
    charger(f"20-volts-report-{place}", f"EVSEPresentVoltage times {by}", CHANGING, f"{DYNAMIC}#2",
            adjust=sending(LOOP, scaled("EVSEPresentVoltage", by), "iso20-dc"))  # fmt: skip
charger("20-amps-exponent", "EVSEPresentCurrent with a wrong exponent", CHANGING,
        adjust=sending(LOOP, exponent("EVSEPresentCurrent", 1), "iso20-dc"))  # fmt: skip
charger("20-amps-constant", "EVSEPresentCurrent stays the first one", CHANGING, HELD,
        adjust=sending(LOOP, constant("EVSEPresentCurrent"), "iso20-dc"))  # fmt: skip
charger("20-back-sign", "EVSEPresentCurrent has no sign", GIVING, DIRECTIONS,
        adjust=sending(LOOP, lambda message: scaled("EVSEPresentCurrent", -1.0)(message)
                       if number(message.EVSEPresentCurrent) < 0 else message, "iso20-dc"))  # fmt: skip
charger("20-precharge-report", "EVSEPresentVoltage of precharge times 1.3", PRECHARGE,
        adjust=sending("DC_PreChargeRes", scaled("EVSEPresentVoltage", 1.3), "iso20-dc"))  # fmt: skip

_deliver = LimitedOutput.deliver


def delivering(change: Callable[[float, float], tuple[float, float]]) -> list[tuple[Any, str, Any]]:
    """The output is told other targets in the loop."""

    def deliver(self: Any, voltage: float, current: float) -> None:
        _deliver(self, *change(voltage, current))

    return [(LimitedOutput, "deliver", deliver)]


charger("20-delivers-nothing", "targets of the loop do not reach the output", HELD, GIVING,
        patches=[(LimitedOutput, "deliver", nothing)])  # fmt: skip
charger("20-delivers-half", "half the current is given", HELD,
        patches=delivering(lambda volts, amps: (volts, amps / 2)))  # fmt: skip
charger("20-delivers-more", "half as much current again is given", HELD, CHANGING,
        patches=delivering(lambda volts, amps: (volts, amps * 1.5)))  # fmt: skip
charger("20-only-charges", "nothing is taken back", GIVING,
        patches=delivering(lambda volts, amps: (volts, max(amps, 0.0))))  # fmt: skip
charger("20-takes-half", "half of what is offered is taken back", GIVING,
        patches=delivering(lambda volts, amps: (volts, amps / 2 if amps < 0 else amps)))  # fmt: skip
charger("20-takes-more", "twice what is offered is taken back", GIVING, DIRECTIONS,
        patches=delivering(lambda volts, amps: (volts, amps * 2 if amps < 0 else amps)))  # fmt: skip
charger("20-wrong-way", "what is to go back goes in", GIVING,
        patches=delivering(lambda volts, amps: (volts, abs(amps))))  # fmt: skip


def _signless(value: Any) -> float:
    return abs(number(value))


def _taken_out(message: Any) -> Any:
    return scaled("EVSEPresentCurrent", -1.0)(message)


WAYS_OUT = [*unjudged("discharge-unidirectional"), (secc.iso20_dc, "number", _signless)]
charger("20-sign-lost", "a negative target gives a positive current in a service that only charges", OUT,
        patches=WAYS_OUT)  # fmt: skip
charger("20-sign-kept", "a negative target takes current out in a service that only charges", OUT,
        patches=WAYS_OUT, adjust=sending(LOOP, _taken_out, "iso20-dc"))  # fmt: skip
charger("20-limits-unheeded", "limits of the loop are not taken over", LOWER, f"{DYNAMIC}#1", f"{BPT_DYNAMIC}#1",
        patches=[(secc.iso20_dc, "change_limits", nothing)])  # fmt: skip
charger("20-stops-not", "the output stays on after Stop", END, f"{DYNAMIC}#3",
        patches=[(LimitedOutput, "off", nothing), (LimitedOutput, "ramp_down", nothing)])  # fmt: skip


def _counts(part: float) -> Change:
    def change(message: Any) -> Any:
        info = message.MeterInfo
        if info is None:
            return message
        wrong_info = msgspec.structs.replace(info, ChargedEnergyReadingWh=int(info.ChargedEnergyReadingWh * part))
        return msgspec.structs.replace(message, MeterInfo=wrong_info)

    return change


charger("20-meter-slow", "the meter counts a third", ENERGY, f"{DYNAMIC}#2",
        adjust=sending(LOOP, _counts(1 / 3), "iso20-dc"))  # fmt: skip
charger("20-meter-fast", "the meter counts three times", ENERGY, f"{DYNAMIC}#2",
        adjust=sending(LOOP, _counts(3.0), "iso20-dc"))  # fmt: skip


def _takes(reading: Callable[[int], int | None]) -> Change:
    """The meter shows other energy taken from the vehicle, where it shows any."""

    def change(message: Any) -> Any:
        info = message.MeterInfo
        if info is None or info.BPT_DischargedEnergyReadingWh is None:
            return message
        shown = msgspec.structs.replace(info, BPT_DischargedEnergyReadingWh=reading(info.BPT_DischargedEnergyReadingWh))
        return msgspec.structs.replace(message, MeterInfo=shown)

    return change


charger("20-meter-back-stands", "the meter shows what was taken from the vehicle as 0 Wh", BACK,
        adjust=sending(LOOP, _takes(lambda wh: 0), "iso20-dc"))  # fmt: skip
charger("20-meter-back-fast", "the meter counts what was taken from the vehicle three times", BACK,
        adjust=sending(LOOP, _takes(lambda wh: 3 * wh), "iso20-dc"))  # fmt: skip
charger("20-meter-back-falls", "the meter runs down while it counts what is taken from the vehicle", BACK,
        adjust=sending(LOOP, _takes(lambda wh: max(100 - wh, 0)), "iso20-dc"))  # fmt: skip

# AC


def _phases(field: str, change: Callable[[float], float]) -> Change:
    """A power of each phase."""

    def apply(message: Any) -> Any:
        for suffix in SUFFIXES:
            try:
                value = found(message, field + suffix)
            except KeyError:
                continue
            if value is not None:
                watts = change(number(value))
                message = replaced(message, field + suffix, signed(rational(abs(watts)), negative=watts < 0.0))
        return message

    return apply


charger("20-commands-more", "EVSETargetActivePower is ten times what the charger can give", *LOOP_AC,
        adjust=sending("AC_ChargeLoopRes", _phases("EVSETargetActivePower", lambda watts: 10 * watts + 50_000.0),
                       "iso20-ac"))  # fmt: skip
charger("20-commands-back", "EVSETargetActivePower is negative in a service that only charges", *LOOP_AC,
        adjust=sending("AC_ChargeLoopRes", _phases("EVSETargetActivePower", lambda watts: -3000.0),
                       "iso20-ac"))  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# A vehicle

vehicle("20-ev-target", "EVTargetCurrent times 3", f"{CAR}DC#1",
        adjust=sending(LOOP_REQ, scaled("EVTargetCurrent", 3.0), "iso20-dc"))  # fmt: skip
vehicle("20-ev-more-than-asked", "a current far above the one asked for does not end the charging",
        "PF_EVCC_ISO20_Danger_DC#1", patches=unjudged("current-unasked"))  # fmt: skip
vehicle("20-ev-target-volts", "EVTargetVoltage times 2", f"{CAR}DC#1", f"{CAR}DC#2",
        adjust=sending(LOOP_REQ, scaled("EVTargetVoltage", 2.0), "iso20-dc"))  # fmt: skip
vehicle("20-ev-tells-more", "EVPresentActivePower is twice what flows", f"{CAR}AC#1", f"{CAR}AC_dynamic#1",
        adjust=sending("AC_ChargeLoopReq", _phases("EVPresentActivePower", lambda watts: 2 * watts),
                       "iso20-ac"))  # fmt: skip
vehicle("20-ev-tells-nothing", "EVPresentActivePower is 0 while power flows", f"{CAR}AC#1",
        adjust=sending("AC_ChargeLoopReq", _phases("EVPresentActivePower", lambda watts: 0.0), "iso20-ac"))  # fmt: skip
vehicle("20-ev-kilo", "EVPresentActivePower is a thousand times what flows", f"{CAR}AC#1",
        adjust=sending("AC_ChargeLoopReq", _phases("EVPresentActivePower", lambda watts: 1000 * watts),
                       "iso20-ac"))  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# What a vehicle can do with, and what it lets a charger do

LIMITED_POWER, STANDBY, STANDBY_DYNAMIC = f"{DC}#8", f"{DC}#9", f"{DYNAMIC}#6"
LOWER_BACK, BAND = f"{BPT}#8", f"{BPT_DYNAMIC}#6"
AC_DYNAMIC, AC_BPT = "PF_SECC_ISO20_PowerFlow_AC_dynamic", "PF_SECC_ISO20_PowerFlow_AC_BPT_dynamic"


def _change_without(*names: str) -> Any:
    """The vehicle's limits of the loop, but for these."""

    def change(visit: Any, asked: Any, right: Any = secc.iso20_dc.change_limits) -> None:
        declared = {name: None for name in names if getattr(asked, name, None) is not None}
        right(visit, msgspec.structs.replace(asked, **declared) if declared else asked)

    return [(secc.iso20_dc, "change_limits", change)]


charger("20-power-unheeded", "EVMaximumChargePower of the loop is ignored", LIMITED_POWER, f"{BPT}#7",
        patches=_change_without("EVMaximumChargePower"))  # fmt: skip
charger("20-power-back-unheeded", "EVMaximumDischargePower of the loop is ignored", LOWER_BACK,
        patches=_change_without("EVMaximumDischargePower"))  # fmt: skip
charger("20-current-back-unheeded", "EVMaximumDischargeCurrent of the loop is ignored", LOWER_BACK,
        patches=_change_without("EVMaximumDischargeCurrent"))  # fmt: skip
charger("20-standby-flows", "power goes on in standby", STANDBY, STANDBY_DYNAMIC,
        patches=[(secc.iso20, "standby", lambda visit: "OK")])  # fmt: skip


def _any_power(visit: Any, asked: Any, right: Any = secc.iso20_dc.steered) -> Any:
    return right(visit, msgspec.structs.replace(asked, EVMinimumChargePower=rational(0.0)))


charger("20-least-unheeded", "a vehicle gets less than its minimum", f"{DYNAMIC}#5", reading=True,
        patches=[(secc.iso20_dc, "steered", _any_power)])  # fmt: skip


def _draining(system: Any) -> None:
    system.evse.target_power = -5_000.0


charger("20-band-left", "a battery is drained below its band", BAND, adjust=_draining,
        patches=[(secc.iso20_dc, "can_give", lambda asked: True)])  # fmt: skip
charger("20-band-left-ac", "AC: a battery is drained below its band", f"{AC_BPT}#3", adjust=_draining,
        patches=[(secc.iso20_ac, "can_give", lambda asked: True)])  # fmt: skip
charger("20-commands-declared", "EVSETargetActivePower keeps to the limits that were declared first",
        f"{AC_DYNAMIC}#2", f"{AC_BPT}#2", patches=[(secc.iso20_ac, "limits_changed", nothing)])  # fmt: skip
charger("20-reports-third", "EVSEPresentActivePower is that of one phase of three", f"{AC_DYNAMIC}#1",
        adjust=sending("AC_ChargeLoopRes", scaled("EVSEPresentActivePower", 1 / 3), "iso20-ac"))  # fmt: skip
for wish in ("Terminate", "ServiceRenegotiation"):
    charger(f"20-wants-{wish}", f"EVSENotification {wish} in each response of the loop", HELD,
            adjust=sending(LOOP, with_(EVSEStatus=types.EVSEStatusType(NotificationMaxDelay=60, EVSENotification=wish)),
                           "iso20-dc"))  # fmt: skip
for wish in ("Pause", "ScheduleRenegotiation", "ExitStandby"):
    charger(f"20-wants-{wish}", f"EVSENotification {wish} in each response of the loop", HELD, reading=True,
            adjust=sending(LOOP, with_(EVSEStatus=types.EVSEStatusType(NotificationMaxDelay=60, EVSENotification=wish)),
                           "iso20-dc"))  # fmt: skip
charger("20-confirmation-eim", "a metering confirmation is asked for in external payment", HELD,
        adjust=sending(LOOP, with_(EVSEStatus=types.EVSEStatusType(
            NotificationMaxDelay=60, EVSENotification="MeteringConfirmation")), "iso20-dc"))  # fmt: skip


def _in_schedules(change: Callable[[Any], Any]) -> Any:
    """Each entry of the charging schedules."""

    def rewrite(message: Any) -> Any:
        block = message.Scheduled_SEResControlMode
        for one in block.ScheduleTuple if block is not None else ():
            listed = one.ChargingSchedule.PowerSchedule.PowerScheduleEntries
            listed.PowerScheduleEntry[:] = [change(entry) for entry in listed.PowerScheduleEntry]
        return message

    return sending("ScheduleExchangeRes", rewrite, "iso20")


charger("20-schedule-negative", "a charging schedule with powers below zero", HELD, adjust=_in_schedules(
    lambda entry: msgspec.structs.replace(entry, Power=signed(entry.Power, negative=True))))  # fmt: skip
charger("20-schedule-short", "a schedule ends after six hours", HELD, reading=True, adjust=_in_schedules(
    lambda entry: msgspec.structs.replace(entry, Duration=max(entry.Duration // 4, 1))))  # fmt: skip
charger("20-limit-raised", "EVSEMaximumChargeCurrent is higher in the loop than it was declared", HELD,
        adjust=sending(LOOP, scaled("EVSEMaximumChargeCurrent", 1.5), "iso20-dc"))  # fmt: skip
charger("20-frequency", "EVSENominalFrequency is half of that of the grid", f"{AC_DYNAMIC}#1",
        adjust=sending("AC_ChargeParameterDiscoveryRes", scaled("EVSENominalFrequency", 0.5), "iso20-ac"))  # fmt: skip


_STOOD: WeakSet[LimitedOutput] = WeakSet()
"""Outputs that were brought down with power still agreed on."""


def _down(output: LimitedOutput, right: Any = LimitedOutput.ramp_down) -> None:
    _STOOD.add(output)
    right(output)


def _stays_down(output: LimitedOutput, voltage: float, current: float, right: Any = LimitedOutput.deliver) -> None:
    right(output, voltage, 0.0 if output in _STOOD else current)


charger("standby-no-way-back", "after standby no current flows any more", "PF_SECC_ISO20_PowerFlow_DC#9",
        patches=[(LimitedOutput, "ramp_down", _down), (LimitedOutput, "deliver", _stays_down)])  # fmt: skip
