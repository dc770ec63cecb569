"""Limits of the charger fall while a vehicle charges in DC: it asks for less, stops, or leaves it to the charger."""

from __future__ import annotations

from typing import Any

from boundary.text import counted
from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.steps import change_loop, charging, loop_name
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.fields import found, quantity
from plugfest.conformance.verdict import Failed, Result
from plugfest.conformance.watch.limits import limit
from v2g import naming
from v2g.physical import number

ROUNDS, AFTER = 10, 8
"""Rounds of the loop before the limits change, and after."""
REACHED = "EVSECurrentLimitAchieved"
VOLTS = 80.0
"""V by which a voltage limit is below the vehicle's target."""


def _asked(message: Any) -> tuple[float, float]:
    """Target current and voltage of a request of the loop."""
    return number(found(message, "EVTargetCurrent")), number(found(message, "EVTargetVoltage"))


@SCRIPTS.on("PF_EVCC_ISO2_CurrentDemand_Limits", "PF_EVCC_DIN_Limits", "PF_EVCC_ISO20_ChargeLoop_Limits")
async def lowered(tester: TesterEvse, run: Run, result: Result) -> None:
    """The charger lowers its limit in the loop: the vehicle asks for less, or stops."""
    await charging(tester, ROUNDS)
    loop = loop_name(tester)
    last = next(one for one in reversed(tester.requests) if one.name == loop).message
    amps, volts = _asked(last)
    names = {unit: limit(tester.protocol.set_of(type(last)), "EVSE", unit) for unit in "AWV"}
    told = next(reply for reply in reversed(tester.replied) if reply.name == naming.response(loop)).message
    present = number(found(told, "EVSEPresentVoltage"))
    # A vehicle may divide by the voltage of its battery, which does not hold the output of a bench without power.
    precharge = next(one for one in reversed(tester.requests) if one.name.endswith("PreChargeReq")).message
    battery = number(precharge.EVTargetVoltage)
    most = {"A": amps / 2, "W": amps * present / 2, "V": volts - VOLTS}
    unit = next((unit for unit, name in names.items() if name in run.variant), "")
    name = names.get(unit, REACHED)
    place = len(tester.requests)
    change_loop(tester, (name, quantity(tester.protocol, most[unit], unit) if unit else True))
    await tester.wait_for(lambda: len(tester.requests) >= place + AFTER or tester.over, 20.0)
    after = [one.message for one in tester.requests[place + 2 :] if one.name == loop]
    if not unit:
        result.saw("goes on", counted(len(after), "round"))
        if not after:
            raise Failed("the vehicle did not go on", cause=Cause.NO_REQUEST, expected="the vehicle goes on")
        return
    if not after:
        result.saw("lowers its target, or stops", "stops")
        return
    target, voltage = _asked(after[-1])
    result.saw(f"lowers its target from {amps:g} A, {volts:g} V", f"{target:g} A, {voltage:g} V")
    over = {
        "A": target > most["A"] + 1.0,
        "W": target * min(present, battery) > most["W"] * 1.1,
        "V": voltage > most["V"] + 1.0 and target > 1.0,
    }[unit]
    declared = tester.pics["PIXIT_EVCC_DC_TargetsAboveLimits"]
    if over and declared == "unknown":
        result.find(f"the vehicle asks for {target:g} A, {voltage:g} V although {name} is lower: the charger clips it")
    elif over and declared == "kept":
        raise Failed(
            f"{target:g} A, {voltage:g} V although {name} is lower",
            cause=Cause.LIMIT_EXCEEDED,
            expected="a target within the limits of the charger",
        )
