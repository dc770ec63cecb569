"""A vehicle that leaves before power flows: it may end the session in any state, and the next session works."""

from __future__ import annotations

from plugfest.conformance.catalogue import Run
from plugfest.conformance.secc.scripts.steps import OFF, answer, next_session_works, off_within, ongoing
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Result


@SCRIPTS.on("PF_SECC_ISO2_Leaves_DC", "PF_SECC_ISO2_Leaves_AC", "PF_SECC_ISO2_Leaves_PnC", "PF_SECC_DIN_Leaves",
            "PF_SECC_ISO2_Leaves_Installation", "PF_SECC_ISO2_Leaves_Update", "PF_SECC_ISO20_Leaves_DC",
            "PF_SECC_ISO20_Leaves_AC", "PF_SECC_ISO20_Leaves_Installation")  # fmt: skip
async def leaves(tester: TesterEv, run: Run, result: Result) -> None:
    """SessionStopReq after a response, or while the charger says Ongoing: OK, the output off, another session."""
    await tester.until(str(run.variant["after"]))
    if "ongoing" in run.variant:
        await ongoing(tester, result, str(run.variant["ongoing"]))
    await answer(tester, result, tester.make("SessionStopReq"), "OK")
    await off_within(tester, result, OFF)
    tester.paused = None  # a session that was joined is over
    await next_session_works(tester, result)


@SCRIPTS.on("PF_SECC_ISO2_StopsAtOnce_DC", "PF_SECC_ISO2_StopsAtOnce_AC", "PF_SECC_DIN_StopsAtOnce",
            "PF_SECC_ISO20_StopsAtOnce_DC", "PF_SECC_ISO20_StopsAtOnce_AC")  # fmt: skip
async def stops_at_once(tester: TesterEv, run: Run, result: Result) -> None:
    """PowerDelivery(Stop) right after PowerDelivery(Start), and the end: OK, and the output is off."""
    await tester.until("PowerDelivery.Start")
    tester.progress = "Stop"
    await tester.deliver()
    await off_within(tester, result, OFF)
    await answer(tester, result, tester.make("SessionStopReq"), "OK")
