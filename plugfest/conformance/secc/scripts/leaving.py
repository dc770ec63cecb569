"""A vehicle that leaves before power flows: it may end the session in any state, and the next session works."""

from __future__ import annotations

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc.scripts.steps import answer, next_session_works, off_within
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Inconclusive, Result

OFF = 1.0
"""s after SessionStopRes by which the output is off."""


@SCRIPTS.on("PF_SECC_ISO2_Leaves_DC", "PF_SECC_ISO2_Leaves_AC", "PF_SECC_ISO2_Leaves_PnC", "PF_SECC_DIN_Leaves",
            "PF_SECC_ISO2_Leaves_Installation", "PF_SECC_ISO2_Leaves_Update", "PF_SECC_ISO20_Leaves_DC",
            "PF_SECC_ISO20_Leaves_AC", "PF_SECC_ISO20_Leaves_Installation")  # fmt: skip
async def leaves(tester: TesterEv, run: Run, result: Result) -> None:
    """SessionStopReq after a response, or while the charger says Ongoing: OK, the output off, another session."""
    await tester.until(str(run.variant["after"]))
    if "ongoing" in run.variant:
        await _ongoing(tester, result, str(run.variant["ongoing"]))
    await answer(tester, result, tester.make("SessionStopReq"), "OK")
    await off_within(tester, result, OFF)
    tester.paused = None  # a session that was joined is over
    await next_session_works(tester, result)


async def _ongoing(tester: TesterEv, result: Result, request: str) -> None:
    if request == tester.authorization_request:
        await tester.act("never authorise")
    elif "CableCheck" in request:
        tester.ready()
    arrival = await answer(tester, result, tester.make(request), "OK")
    if arrival.message.EVSEProcessing == "Finished":
        raise Inconclusive(f"{arrival.name} was Finished at once", cause=Cause.POINTLESS)


@SCRIPTS.on("PF_SECC_ISO2_StopsAtOnce_DC", "PF_SECC_ISO2_StopsAtOnce_AC", "PF_SECC_DIN_StopsAtOnce",
            "PF_SECC_ISO20_StopsAtOnce_DC", "PF_SECC_ISO20_StopsAtOnce_AC")  # fmt: skip
async def stops_at_once(tester: TesterEv, run: Run, result: Result) -> None:
    """PowerDelivery(Stop) right after PowerDelivery(Start), and the end: OK, and the output is off."""
    await tester.until("PowerDelivery.Start")
    tester.progress = "Stop"
    await tester.deliver()
    await off_within(tester, result, OFF)
    await answer(tester, result, tester.make("SessionStopReq"), "OK")
