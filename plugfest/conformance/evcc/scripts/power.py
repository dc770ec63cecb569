"""A long power flow, and its end. :mod:`plugfest.conformance.watch` judges what the vehicle does."""

from __future__ import annotations

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.steps import charging
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.verdict import Failed, Result
from secc.plan import Plan, Slot

LONG = 75.0
"""s in which a battery is charged by a few percent."""
SCHEDULED = {False: (8_000.0, 40_000.0), True: (7_000.0, 15_000.0)}
"""Low and high powers of a schedule, W, by whether it is of AC, where less may be nothing for a vehicle."""
STEP = LONG / 3.0
"""s for which each of them lasts: longer than a vehicle may take to follow it."""
DELAY = 5
"""s of NotificationMaxDelay."""
PATIENCE = 60.0
"""s after the request to stop within which the session ends."""


def _steps(tester: TesterEvse) -> list[Slot]:
    """A schedule whose power goes up and down while the vehicle charges, drawn by seed."""
    low, high = SCHEDULED[tester.pics.ac]
    most = [high, low, high]
    return [Slot(round(place * STEP), watts * tester.rng.uniform(0.6, 1.0)) for place, watts in enumerate(most)]


@SCRIPTS.on(
    "PF_EVCC_ISO2_PowerFlow", "PF_EVCC_DIN_PowerFlow", "PF_EVCC_ISO2_PowerFlow_AC", "PF_EVCC_ISO20_PowerFlow_DC",
    "PF_EVCC_ISO20_PowerFlow_DC_dynamic", "PF_EVCC_ISO20_PowerFlow_BPT", "PF_EVCC_ISO20_PowerFlow_AC",
    "PF_EVCC_ISO20_PowerFlow_AC_dynamic", "PF_EVCC_ISO20_PowerFlow_AC_BPT",
)  # fmt: skip
async def power_flow(tester: TesterEvse, run: Run, result: Result) -> None:
    """Charges for a while, then asks the vehicle to stop: it ends normally."""
    if run.variant["flow"] == "schedule":
        tester.evse.plans = [Plan(slots=_steps(tester))]
    await charging(tester, 3)
    if run.variant["flow"] != "end":
        await tester.wait_for(lambda: tester.over, LONG)
    tester.evse.request_stop(DELAY)
    ended = await tester.wait_for(lambda: tester.over, PATIENCE)
    result.saw("the session ends after StopCharging", "as expected" if ended else "it did not")
    if not ended:
        raise Failed(
            f"the session did not end {PATIENCE:g} s after StopCharging with {DELAY} s",
            cause=Cause.WENT_ON, expected=f"the end of the session within {PATIENCE:g} s of StopCharging",
            observed="a session that goes on",
        )  # fmt: skip
