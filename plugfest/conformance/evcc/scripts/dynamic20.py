"""Dynamic mode of ISO 15118-20: the charger asks for power, into the vehicle or out of it, and that power flows."""

from __future__ import annotations

import math
from typing import Any

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.steps import charging, loop_name, loops_more
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from secc.manager import constant
from v2g import phases
from v2g.physical import magnitude, number

LITTLE = 500.0
"""W: with less, what flows is not told from what is asked for."""


@SCRIPTS.on(
    "PF_EVCC_ISO20_Dynamic_Follow", "PF_EVCC_ISO20_Dynamic_Follow_AC", "PF_EVCC_ISO20_Dynamic_Follow_BPT",
    "PF_EVCC_ISO20_Dynamic_Follow_AC_BPT",
)  # fmt: skip
async def dynamic(tester: TesterEvse, run: Run, result: Result) -> None:
    """The charger asks for different fractions of what the vehicle can take, in turn, and that power flows.

    Out of the vehicle it asks for no more than both sides can.
    """
    await charging(tester, 30)
    most = _flow(tester)
    if most < LITTLE:
        raise Inconclusive(f"the vehicle takes {most:g} W at full power", cause=Cause.POINTLESS)
    for part in run.variant.get("parts", (1.0, 0.5, 0.1)):
        wanted = max(most * float(part), -_back(tester))
        if part < 0 and wanted > -LITTLE:
            raise Inconclusive(f"the vehicle gives {-wanted:g} W at most", cause=Cause.POINTLESS)
        tester.evse.manager.ask(constant(wanted))
        await loops_more(tester, 60)
        seen = _flow(tester)
        result.saw(f"{wanted:.0f} W flow", f"{seen:.0f} W")
        if tester.over:
            raise Failed(
                f"the vehicle ended the session when {wanted:.0f} W were asked for",
                cause=Cause.CLOSED,
                expected="the vehicle goes on",
            )
        slack = 0.1 * most if not wanted else min(0.1 * most, 0.5 * abs(wanted))
        if abs(seen - wanted) > max(0.15 * abs(wanted), slack, 300.0):
            text = f"{seen:.0f} W flow, the charger asks for {wanted:.0f} W"
            raise Failed(text, cause=Cause.PHYSICS, expected=f"{wanted:.0f} W", observed=f"{seen:.0f} W")


def _back(tester: TesterEvse) -> float:
    """Maximum power out of the vehicle, W: by its latest limits and by what the charger can; infinite if none is told.

    The charger's limits in the loop are what it asks for, so those of its charge parameters count.
    """
    request = _asked(tester)
    kind = "AC" if tester.pics.ac else "DC"
    told = tester.told(f"{kind}_ChargeParameterDiscoveryRes")
    can = getattr(told.message, f"{kind}_CPDResEnergyTransferMode") if told is not None else None
    most = math.inf
    for limits, side in ((request.CLReqControlMode, "EV"), (can, "EVSE")):
        if powers := phases.given(limits, f"{side}MaximumDischargePower"):
            most = min(most, sum(map(abs, powers)))
        if (amps := getattr(limits, f"{side}MaximumDischargeCurrent", None)) is not None:
            most = min(most, magnitude(amps) * number(request.EVPresentVoltage))
    return most


def _asked(tester: TesterEvse) -> Any:
    """The latest request of the loop."""
    return next(one.message for one in reversed(tester.requests) if one.name == loop_name(tester))


def _flow(tester: TesterEvse) -> float:
    """Power into the vehicle, W: in AC as the vehicle reports it, in DC as measured at the output."""
    if tester.pics.ac:
        return phases.total(_asked(tester).CLReqControlMode, "EVPresentActivePower")
    assert tester.evse.power is not None
    return tester.evse.power.voltage * tester.evse.power.current
