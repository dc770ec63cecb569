"""What may follow a receipt: the loop, until another one is due, or the end of the power."""

from __future__ import annotations

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc import contract, walk
from plugfest.conformance.secc.scripts.steps import answer
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Result
from v2g.status import refuses

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


@SCRIPTS.on("PF_SECC_ISO2_MeteringReceipt_Second_DC", "PF_SECC_ISO2_MeteringReceipt_Second_AC")
async def second(tester: TesterEv, run: Run, result: Result) -> None:
    """A right receipt, then one with a wrong signature.

    A charger need not insist on valid receipts [V2G2-481]; one that refuses the same as a first receipt does.
    """
    due = f"{tester.loop_request.removesuffix('Req')}.ReceiptRequired"
    await tester.until(due)
    await answer(tester, result, tester.make("MeteringReceiptReq"), "OK")
    await walk.until_receipt(tester)
    code = await _signed_wrongly(tester, result)
    result.saw("refused", code)
    if refuses(code):
        return
    await tester.leave()
    tester.forget()
    await tester.until(due)
    first = await _signed_wrongly(tester, result)
    result.saw("the same as to a first receipt", first)
    if not refuses(first):
        return
    raise Failed(
        f"MeteringReceiptRes {code} to a wrong signature after a right one, while the first receipt is checked",
        cause=Cause.ACCEPTED, expected="FAILED_MeteringSignatureNotValid", observed=code,
    )  # fmt: skip


async def _signed_wrongly(tester: TesterEv, result: Result) -> str:
    """The ResponseCode to a receipt that another key has signed."""
    message, sign = tester.make("MeteringReceiptReq"), contract.signing("wrong_key")
    assert sign is not None
    return (await answer(tester, result, message, signature=sign(tester, message))).code
