"""An offer that is in order and does not fit the vehicle: it ends the session, and nothing is broken by either side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.steps import Way, ends_on
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.fields import found, replaced
from plugfest.conformance.verdict import Inconclusive, Result
from plugfest.conformance.wire import Arrival
from v2g.physical import SAFE_VOLTAGE, number, physical

TOO_LOW = (10.0, SAFE_VOLTAGE)
"""V, lowest and highest, that no battery for DC charging has."""
HIGHEST = 1000.0
"""V, the most that EVSEMaximumVoltageLimit may be in these protocols."""
ABOVE = 40.0
"""V by which the lowest voltage on offer is above the battery's highest."""


def _voltages(tester: TesterEvse, good: Any, lowest: float, highest: float) -> Any:
    module = tester.protocol.module
    changed = replaced(good, "EVSEMinimumVoltageLimit", physical(module, lowest, "V"))
    return replaced(changed, "EVSEMaximumVoltageLimit", physical(module, highest, "V"))


def _above(tester: TesterEvse, held: Arrival, good: Any) -> Any:
    lowest = number(found(held.message, "EVMaximumVoltageLimit")) + ABOVE
    if lowest >= HIGHEST:
        raise Inconclusive(f"the vehicle takes {lowest - ABOVE:g} V: no offer is above that", cause=Cause.POINTLESS)
    return _voltages(tester, good, lowest, HIGHEST)


OFFERS: Mapping[str, Way] = {
    "a voltage below the battery's": Way(
        "ChargeParameterDiscoveryReq", lambda tester, held, good: _voltages(tester, good, *TOO_LOW)
    ),
    "a voltage above the battery's": Way("ChargeParameterDiscoveryReq", _above),
    "AC only": Way(
        "ServiceDiscoveryReq", lambda tester, held, good: replaced(good, "EnergyTransferType", "AC_three_phase_core")
    ),
    "payment by contract only": Way(
        "ServiceDiscoveryReq", lambda tester, held, good: replaced(good, "PaymentOption", ["Contract"])
    ),
}
"""Words of the catalogue -> what the charger offers."""


@SCRIPTS.on("PF_EVCC_ISO2_Misfit_DC", "PF_EVCC_DIN_Misfit")
async def misfit(tester: TesterEvse, run: Run, result: Result) -> None:
    """The vehicle ends the session where it sees that it cannot charge here."""
    await ends_on(tester, result, OFFERS[str(run.variant["offer"])])
