"""What may follow a receipt: the loop, until another one is due, or the end of the power."""

from __future__ import annotations

from plugfest.conformance.catalogue import Run
from plugfest.conformance.secc.scripts.steps import answer
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Result

ROUNDS = 3
"""Of the loop, after a receipt."""


@SCRIPTS.on("PF_SECC_ISO2_ReceiptGoesOn_DC", "PF_SECC_ISO2_ReceiptGoesOn_AC")
async def goes_on(tester: TesterEv, run: Run, result: Result) -> None:
    """A receipt, and then what the variant says."""
    await tester.until(f"{tester.loop_request.removesuffix('Req')}.ReceiptRequired")
    await answer(tester, result, tester.make("MeteringReceiptReq"), "OK")
    if run.variant["then"] == "the loop":
        await tester.charge(ROUNDS)
        result.saw(f"{ROUNDS} more rounds of the loop", "yes")
    tester.progress = "Stop"
    await tester.deliver()
    result.saw("PowerDeliveryRes OK", "yes")
