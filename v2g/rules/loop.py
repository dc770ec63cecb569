"""Rules while power flows: targets and limits, measured values against requested ones, and values that must repeat."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from v2g.physical import AC_OVERDRAW, AC_OVERDRAW_AMPS, number
from v2g.rules.facts import Facts
from v2g.rules.metered import LATE
from v2g.rules.rule import AC20, CLASSIC, DC20, EVCC, ISO2, SECC, Book, Live

BOOK = Book()
rule = BOOK.rule

OVER = 1.05
"""Factor by which a measured value may exceed a limit: ripple and rounding."""
SMALL_CURRENT = 5.0
"""A: the least deviation allowed from a target: twice the 2.5 A of IEC 61851-23, for regulation and for the sensor."""
NO_CURRENT = 5.0
"""A: below this, the output shows the battery's own voltage."""
STEP = 0.1
"""V: the steps in which voltages are sent."""
LASTING = 1.0
"""s: a measured value must be wrong for this long, because connecting a battery causes a transient."""

LINE_TO_LINE = 300.0
"""V: a nominal voltage above this is line to line."""

LOOP = ("CurrentDemandRes", "ChargingStatusRes")
"""Responses of the charging loop, before ISO 15118-20."""
LOOP_REQUESTS = ("CurrentDemandReq", "ChargingStatusReq", "DC_ChargeLoopReq", "AC_ChargeLoopReq")


# ---------------------------------------------------------------------------------------------------------------
# What the vehicle requests


@rule("stop-ignored", "a vehicle stops within NotificationMaxDelay", EVCC, *LOOP_REQUESTS, severity="warning",
      live=Live.UNSEEN, only=(*CLASSIC, AC20, DC20))  # fmt: skip
def stop_ignored(facts: Facts, body: Any) -> str:
    """Unless it waits, at a target of no current, for a current that is still falling."""
    stop = facts.stop
    if not stop.ignored(facts.now) or facts.descent.falling(facts.now):
        return ""
    return f"{type(body).__name__} {facts.now - stop.since:.1f} s after the charger asked to stop ({stop.word})"


@rule("target-voltage", "targets stay within the charger's limits", EVCC, "CurrentDemandReq", severity="warning",
      live=Live.TOLD)  # fmt: skip
def target_voltage(facts: Facts, body: Any) -> str:
    value, limit = number(body.EVTargetVoltage), facts.evse_volts.at(facts.now)
    if limit is None or limit <= 0 or value <= limit * OVER:
        return ""
    return f"{type(body).__name__}.EVTargetVoltage {value:g} V, but EVSEMaximumVoltageLimit is {limit:g} V"


@rule("target-current", "targets stay within the charger's limits", EVCC, "CurrentDemandReq", severity="warning",
      live=Live.TOLD)  # fmt: skip
def target_current(facts: Facts, body: Any) -> str:
    value, limit = number(body.EVTargetCurrent), facts.evse_amps.at(facts.now)
    if limit is None or limit <= 0 or value <= limit * OVER:
        return ""
    return f"{type(body).__name__}.EVTargetCurrent {value:g} A, but EVSEMaximumCurrentLimit is {limit:g} A"


@rule("target-voltage", "precharge keeps the limits of both sides", EVCC, "PreChargeReq",
      code="FAILED_WrongChargeParameter", din_code="FAILED")  # fmt: skip
def precharge_target(facts: Facts, body: Any) -> str:
    value = number(body.EVTargetVoltage)
    for whose, ceiling in (("charger", facts.evse_volts), ("vehicle", facts.ev_volts)):
        limit = ceiling.at(facts.now)
        if limit is not None and value > limit + STEP:
            return f"precharge to {value:g} V, but the limit of the {whose} is {limit:g} V"
    return ""


@rule("target-own-limit", "targets stay within the vehicle's own limits", EVCC, "CurrentDemandReq",
      severity="warning", live=Live.TOLD)  # fmt: skip
def target_own_limit(facts: Facts, body: Any) -> str:
    for field, said, ceiling, unit in (
        ("EVTargetVoltage", "EVMaximumVoltageLimit", facts.ev_volts, "V"),
        ("EVTargetCurrent", "EVMaximumCurrentLimit", facts.ev_amps, "A"),
    ):
        own = getattr(body, said, None)
        limit = number(own) if own is not None else ceiling.at(facts.now)
        value = number(getattr(body, field))
        if limit is not None and value > limit * OVER:
            return (
                f"{type(body).__name__}.{field} is {value:g} {unit}, but the vehicle's own {said} is {limit:g} {unit}"
            )
    return ""


# ---------------------------------------------------------------------------------------------------------------
# What the charger delivers


@rule("over-voltage", "the output keeps the vehicle's limits", SECC, "CurrentDemandRes", live=Live.PROTECTED,
      error="FAILED_ChargingVoltageOutOfRange")  # fmt: skip
def over_voltage(facts: Facts, body: Any) -> str:
    value, limit = number(body.EVSEPresentVoltage), facts.ev_volts.at(facts.now)
    if limit is None or limit <= 0 or value <= limit * OVER:
        return ""
    if abs(number(body.EVSEPresentCurrent)) <= NO_CURRENT and value <= (facts.declared_volts or limit):
        return ""  # the battery's own voltage, above a limit that was lowered in the loop
    return f"the charger reports {value:g} V, but EVMaximumVoltageLimit is {limit:g} V"


@rule("over-current", "the output keeps the vehicle's limits", SECC, "CurrentDemandRes", live=Live.PROTECTED,
      error="FAILED_ChargingCurrentdifferential")  # fmt: skip
def over_current(facts: Facts, body: Any) -> str:
    value, limit = number(body.EVSEPresentCurrent), facts.ev_amps.at(facts.now)
    falls = facts.comes_down(value)
    if limit is None or limit < 0 or value <= max(limit * OVER, limit + SMALL_CURRENT) or falls:
        return ""
    return f"the charger reports {value:g} A, but EVMaximumCurrentLimit is {limit:g} A"


@rule("current-unasked", "no more current flows than was requested", SECC, "CurrentDemandRes", live=Live.PROTECTED,
      error="FAILED_ChargingCurrentdifferential")  # fmt: skip
def current_unasked(facts: Facts, body: Any) -> str:
    value, asked = number(body.EVSEPresentCurrent), facts.target_amps.at(facts.now)
    if asked is None:
        return ""
    wrong = value > max(asked * OVER, asked + SMALL_CURRENT) + min(facts.tolerance, SMALL_CURRENT)
    seconds = facts.lasts("current", wrong and not facts.comes_down(value))
    if seconds < LASTING:
        return ""
    return f"the charger reports {value:g} A for {seconds:.1f} s, but {asked:g} A was requested"


@rule("voltage-unasked", "no more voltage is supplied than was requested", SECC, "CurrentDemandRes",
      live=Live.PROTECTED, error="FAILED_ChargingVoltageOutOfRange")  # fmt: skip
def voltage_unasked(facts: Facts, body: Any) -> str:
    value, asked = number(body.EVSEPresentVoltage), facts.target_volts.at(facts.now)
    if asked is None:
        return ""
    flows = number(body.EVSEPresentCurrent) > NO_CURRENT
    seconds = facts.lasts("voltage", flows and value > asked * OVER)
    if seconds < LASTING:
        return ""
    return f"the charger reports {value:g} V for {seconds:.1f} s, but {asked:g} V was requested"


@rule("own-limit", "the charger delivers no more than its own limits", SECC, "CurrentDemandRes",
      severity="warning", live=Live.UNSEEN)  # fmt: skip
def own_limit(facts: Facts, body: Any) -> str:
    for field, ceiling, unit, slack in (
        ("EVSEPresentVoltage", facts.evse_volts, "V", 0.0),
        ("EVSEPresentCurrent", facts.evse_amps, "A", SMALL_CURRENT),
    ):
        value, limit = number(getattr(body, field)), ceiling.at(facts.now)
        if limit is not None and limit > 0 and value > max(limit * OVER, limit + slack):
            return f"the charger reports {value:g} {unit}, but its own limit is {limit:g} {unit}: is its sensor right?"
    return ""


# ---------------------------------------------------------------------------------------------------------------
# What schedule and profile allow


@rule("line-current", "the current offered is within what schedule and profile allow", SECC, "ChargingStatusRes",
      severity="warning", live=Live.TOLD, only=(ISO2,))  # fmt: skip
def line_current(facts: Facts, body: Any) -> str:
    volts, phases, watts = facts.nominal_volts, facts.phases, facts.granted(LATE)
    if not facts.delivering or body.EVSEMaxCurrent is None or not volts or not phases or watts is None:
        return ""
    phases = min(phases, facts.profile_phases or phases)
    line = volts / math.sqrt(3.0) if phases > 1 and volts > LINE_TO_LINE else volts
    value, granted = number(body.EVSEMaxCurrent), watts / (line * phases)
    if value <= granted * AC_OVERDRAW + AC_OVERDRAW_AMPS:
        return ""
    text = f"EVSEMaxCurrent is {value:g} A on {phases} phase{'s' * (phases > 1)} of {line:.0f} V"
    return (
        f"{text}: {value * line * phases / 1000.0:.1f} kW, but schedule and profile allow only {watts / 1000.0:.1f} kW"
    )


def _tolerated(factor: float, least: float) -> Callable[[float], float]:
    return lambda watts: max(watts * factor, watts + least)


TOLERATED = {True: _tolerated(1.1, 700.0), False: _tolerated(1.15, 3000.0)}
"""W that a meter may show, by whether it is AC: 1 A more on three phases; a DC meter may sit ahead of the losses."""


@rule("metered-power", "the meter shows no more power than schedule and profile allow", "", *LOOP,
      severity="warning", live=Live.TOLD)  # fmt: skip
def metered_power(facts: Facts, body: Any) -> str:
    info = getattr(body, "MeterInfo", None)
    if not facts.delivering or info is None or info.MeterReading is None:
        return ""
    reading = info.MeterReading
    ac = type(body).__name__ == "ChargingStatusRes"
    wh = float(reading) if isinstance(reading, int) else number(reading)
    found = facts.metered.shows(info.MeterID, wh, facts.now, facts.granted, TOLERATED[ac])
    if found is None:
        return ""
    text = f"the charger's meter shows {found.watts / 1000.0:.1f} kW over {found.seconds:.0f} s"
    whose = "the vehicle draws more than was agreed, and the charger allows it" if ac else "more flows than was agreed"
    return f"{text}, but schedule and profile allow only {found.granted / 1000.0:.1f} kW: {whose}"


# ---------------------------------------------------------------------------------------------------------------
# Values that must repeat


@rule("evse-id", "EVSEID stays the same", SECC, *LOOP, severity="warning", live=Live.TOLD, only=(ISO2,))
def evse_id(facts: Facts, body: Any) -> str:
    if facts.evse_id is None or facts.evse_id == body.EVSEID:
        return ""
    return f"{type(body).__name__} with a different EVSEID from SessionSetupRes"


@rule("schedule-echo", "the charger names the schedule that was chosen", SECC, *LOOP, severity="warning",
      live=Live.TOLD, only=(ISO2,))  # fmt: skip
def schedule_echo(facts: Facts, body: Any) -> str:
    if facts.tuple_id is None or body.SAScheduleTupleID == facts.tuple_id:
        return ""
    return f"{type(body).__name__} names schedule {body.SAScheduleTupleID}, but {facts.tuple_id} was chosen"


@rule("meter", "there is one meter, and it does not run backwards", SECC, *LOOP, severity="warning", live=Live.TOLD,
      only=(ISO2,))  # fmt: skip
def meter(facts: Facts, body: Any) -> str:
    now, before = body.MeterInfo, facts.meter
    if now is None or before is None:
        return ""
    if now.MeterID != before.MeterID:
        return "MeterID differs from the one before"
    if now.MeterReading is not None and before.MeterReading is not None and now.MeterReading < before.MeterReading:
        return f"the meter runs backwards: {now.MeterReading} Wh after {before.MeterReading} Wh"
    return ""
