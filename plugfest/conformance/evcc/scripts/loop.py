"""The charging loop: limits, status codes, notifications, receipts."""

from __future__ import annotations

import asyncio

from boundary.text import counted
from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.catalogue.durations import CLOSE
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.checks import CHECKS
from plugfest.conformance.evcc.scripts.steps import (
    change_loop,
    charging,
    delivers,
    drawn,
    gives_up,
    goes_on,
    hold,
    until_delivery,
)
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse, made
from plugfest.conformance.verdict import Failed, Result
from slac.pilot import State
from v2g.physical import number, physical

URGENT = 2.0
"""s until a vehicle that must stop at once has stopped."""
NOTICE = 10
"""s of NotificationMaxDelay, where the case names none."""
LOWER, FOLLOWS = 8.0, 8.0
"""A per phase that an AC charger still supplies, and s for which this is watched."""
BELOW = 1.0
"""A per phase by which it goes below what the vehicle needs; what counts as a current."""


@SCRIPTS.on("PF_EVCC_ISO2_CurrentDemand_StatusCode", "PF_EVCC_DIN_StatusCodes")
async def status_codes(tester: TesterEvse, run: Run, result: Result) -> None:
    """An EVSEStatusCode that ends the loop: the vehicle stops in time and goes to B."""
    await charging(tester, 5)
    code = str(run.variant["EVSEStatusCode"])
    change_loop(tester, ("EVSEStatusCode", code))
    if code == "EVSE_UtilityInterruptEvent":
        await asyncio.sleep(5.0)
        result.saw("stops or reduces as declared", tester.requests[-1].name)
        return
    place = len(tester.requests)
    within = 10.0 if code == "EVSE_Shutdown" else 2.0
    came = await tester.wait_for(
        lambda: tester.over or any(delivers(one, "Stop") for one in tester.requests[place:]), within
    )
    result.saw(f"PowerDeliveryReq stop or close within {within:g} s", tester.requests[-1].name if came else "no")
    if not came:
        text = f"the vehicle goes on charging for {within:g} s with EVSEStatusCode {code}"
        raise Failed(text, cause=Cause.FAULT_IGNORED, expected="PowerDeliveryReq Stop, or the close")
    if not await tester.system.pilot.wait(State.A, State.B, within=5.0) and tester.system.pilot.state is not None:
        raise Failed("the pilot stays in C", cause=Cause.PILOT_STATE, expected="pilot B")


@SCRIPTS.on("PF_EVCC_ISO2_IsolationLoop", "PF_EVCC_DIN_IsolationLoop")
async def isolation_in_loop(tester: TesterEvse, run: Run, result: Result) -> None:
    """An isolation fault in the loop: the current stops at once. A warning: the loop continues."""
    await charging(tester, 5)
    status = str(run.variant["EVSEIsolationStatus"])
    change_loop(tester, ("EVSEIsolationStatus", status))
    place = len(tester.requests)
    came = await tester.wait_for(
        lambda: tester.over or any(delivers(one, "Stop") for one in tester.requests[place:]), URGENT
    )
    seen = tester.requests[-1].name if came else "the loop goes on"
    if status == "Warning":
        result.saw("the loop goes on", seen)
        if came:
            raise Failed(
                "the vehicle stops at an isolation warning", cause=Cause.WRONG_MESSAGE,
                expected="a loop that goes on", observed=seen,
            )  # fmt: skip
        return
    result.saw(f"PowerDeliveryReq stop or close within {URGENT:g} s", seen)
    if not came:
        raise Failed(
            "the vehicle goes on despite an isolation fault", cause=Cause.FAULT_IGNORED,
            expected="PowerDeliveryReq stop or close", observed=seen,
        )  # fmt: skip
    if not await tester.system.pilot.wait(State.A, State.B, within=5.0) and tester.system.pilot.state is not None:
        raise Failed("the pilot stays in C", cause=Cause.PILOT_STATE, expected="pilot B")


@SCRIPTS.on("PF_EVCC_ISO2_LowerLimit_AC")
async def lower_limit_ac(tester: TesterEvse, run: Run, result: Result) -> None:
    """Less current per phase: the watch measures what the vehicle draws."""
    await charging(tester, 3)
    change_loop(tester, ("EVSEMaxCurrent", physical(tester.protocol.module, LOWER, "A")))
    await tester.wait_for(lambda: tester.over, FOLLOWS)
    seen = "stopped" if tester.over else f"{drawn(tester).amps:.1f} A"
    result.saw(f"{LOWER:g} A at most per phase, or the end", seen)


@SCRIPTS.on("PF_EVCC_ISO2_BelowLeast_AC")
async def below_least_ac(tester: TesterEvse, run: Run, result: Result) -> None:
    """Less current per phase than the vehicle needs by its own word: it waits, or stops."""
    await charging(tester, 3)
    told = next(one for one in reversed(tester.requests) if one.name == "ChargeParameterDiscoveryReq").message
    least = number(told.EVChargeParameter.EVMinCurrent)
    offered = max(least - BELOW, 0.0)
    change_loop(tester, ("EVSEMaxCurrent", physical(tester.protocol.module, offered, "A")))
    await tester.wait_for(lambda: tester.over, FOLLOWS)
    amps = 0.0 if tester.over else drawn(tester).amps
    seen = "stopped" if tester.over else f"{amps:.1f} A"
    expected = f"no current where {offered:g} A is offered and EVMinCurrent is {least:g} A, or the end"
    result.saw(expected, seen)
    if amps > BELOW:
        raise Failed(
            f"the vehicle draws {seen} where {offered:g} A is offered, its EVMinCurrent is {least:g} A",
            cause=Cause.PHYSICS, expected=expected, observed=seen,
        )  # fmt: skip


@SCRIPTS.on("PF_EVCC_ISO2_Notification_Stop", "PF_EVCC_DIN_Notification_Stop")
async def stop_notification(tester: TesterEvse, run: Run, result: Result) -> None:
    """StopCharging with a delay, in each response from now on: PowerDelivery(Stop) within it."""
    await charging(tester)
    delay = int(run.variant.get("NotificationMaxDelay", NOTICE))
    change_loop(tester, ("EVSENotification", "StopCharging"), ("NotificationMaxDelay", delay))
    await until_delivery(tester, result, "Stop", delay + 2.0)


@SCRIPTS.on("PF_EVCC_ISO2_Notification_ReNegotiation")
async def renegotiation(tester: TesterEvse, run: Run, result: Result) -> None:
    """ReNegotiation: PowerDelivery(Renegotiate), then new charge parameters; a vehicle may decline [V2G2-680]."""
    await charging(tester)
    tester.evse.request_renegotiation(10)
    try:
        arrival = await until_delivery(tester, result, "Renegotiate", 20.0)
    except Failed:
        if tester.pics["PIXIT_CMN_CMN_Renegotiation"] == "renegotiation" or tester.over:
            raise
        result.saw("a renegotiation, or a vehicle that declines it and goes on charging", "declined")
        return
    following = await goes_on(tester, result, arrival)
    if following.name != "ChargeParameterDiscoveryReq":
        raise Failed(
            f"{following.name} came after PowerDeliveryReq Renegotiate",
            cause=Cause.WRONG_MESSAGE, expected="ChargeParameterDiscoveryReq", observed=following.name,
        )  # fmt: skip


@SCRIPTS.on("PF_EVCC_ISO2_Receipt", "TC_EVCC_AC_VTB_ChargingStatus_002")
async def receipt(tester: TesterEvse, run: Run, result: Result) -> None:
    """ReceiptRequired: a receipt for what was sent, signed in contract payment."""
    tester.answers.receipts = True
    held = await hold(tester, "MeteringReceiptReq")
    names = ("EV_RECEIPT_SIGNATURE", "EV_RECEIPT_ECHO") if tester.pics.pnc else ("EV_RECEIPT_ECHO",)
    problems = [text for name in names if (text := CHECKS[name](tester, held))]
    result.saw("a receipt for what was sent", "; ".join(problems) or "as expected")
    if problems:
        raise Failed(
            "; ".join(problems),
            cause=Cause.WRONG_FIELD,
            expected="a receipt for what was sent, signed in contract payment",
        )


@SCRIPTS.on("PF_EVCC_ISO2_Receipt_EIM")
async def receipt_external(tester: TesterEvse, run: Run, result: Result) -> None:
    """ReceiptRequired in external payment: no signed receipt."""
    await charging(tester)
    change_loop(tester, ("ReceiptRequired", True))
    await asyncio.sleep(3.0)
    asked = [one for one in tester.requests if one.name == "MeteringReceiptReq"]
    result.saw("no signed receipt in external payment", counted(len(asked), "receipt"))
    if any(one.signature is not None for one in asked):
        raise Failed(
            "a signed receipt in external payment",
            cause=Cause.WRONG_FIELD,
            expected="no signed receipt in external payment",
        )


# ---------------------------------------------------------------------------------------------------------------
# ChargingStatus: cases for which only the names are public


@SCRIPTS.on("TC_EVCC_AC_VTB_ChargingStatus_001")
async def status_answered(tester: TesterEvse, run: Run, result: Result) -> None:
    """A good ChargingStatusRes: the loop continues."""
    held = await hold(tester, "ChargingStatusReq")
    await tester.reply(await tester.good(held))
    following = await goes_on(tester, result, held)
    if following.name != "ChargingStatusReq":
        raise Failed(
            f"{following.name} in the loop", cause=Cause.WRONG_MESSAGE, expected="the next request of the loop"
        )


@SCRIPTS.on("TC_EVCC_AC_VTB_ChargingStatus_003")
async def status_failed(tester: TesterEvse, run: Run, result: Result) -> None:
    """ChargingStatusRes FAILED: the vehicle gives up."""
    held = await hold(tester, "ChargingStatusReq")
    await tester.reply(made(tester, "ChargingStatusRes", "FAILED"))
    await gives_up(tester, result, held)


@SCRIPTS.on("TC_EVCC_AC_VTB_ChargingStatus_004")
async def status_silent(tester: TesterEvse, run: Run, result: Result) -> None:
    """No ChargingStatusRes: the vehicle gives up at its message timer."""
    held = await hold(tester, "ChargingStatusReq")
    await gives_up(tester, result, held, within=timer("V2G_EVCC_Msg_Timeout_ChargingStatusReq") + CLOSE)


@SCRIPTS.on("TC_EVCC_AC_VTB_ChargingStatus_005")
async def status_stops(tester: TesterEvse, run: Run, result: Result) -> None:
    """StopCharging in ChargingStatusRes: PowerDelivery(Stop)."""
    held = await hold(tester, "ChargingStatusReq")
    change_loop(tester, ("EVSENotification", "StopCharging"))
    await tester.reply(await tester.good(held))
    await until_delivery(tester, result, "Stop", 10.0)
