"""In the charging loop and after it: pilot or plug lost, targets out of range, a stop at the charger."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.fields import found, replaced
from plugfest.conformance.secc.scripts.steps import answer, off_within
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.watch.messages import read
from plugfest.conformance.watch.terms import SMALL_CURRENT
from slac.pilot import State
from v2g.messages import iso2
from v2g.physical import number, physical
from v2g.status import refuses


@SCRIPTS.on("PF_SECC_ISO2_CpDrop", "PF_SECC_DIN_CpDrop")
async def cp_drop(tester: TesterEv, run: Run, result: Result) -> None:
    """State B in the loop: the output switches off, and in DC the next request is refused."""
    await tester.until("ChargingLoop")
    tester.system.pilot.set(State.B)
    await off_within(tester, result, timer("V2G_SECC_CPState_Error_Detection_Timeout"))
    await tester.send(tester.make(tester.loop_request))
    arrival = await tester.connection.next(2.0)
    seen = "closed" if arrival is None else f"{arrival.name} {arrival.code}"
    result.saw("FAILED, or the connection is closed", seen)
    if arrival is not None and arrival.code == "OK" and not tester.pics.ac:
        raise Failed(f"{seen} in state B", cause=Cause.PHYSICS, expected="no power in state B")


AFTER = 5.0
"""s for which the loop continues after a moment in state B."""


@SCRIPTS.on("PF_SECC_ISO2_CpDropShort", "PF_SECC_DIN_CpDropShort")
async def cp_drop_short(tester: TesterEv, run: Run, result: Result) -> None:
    """State B for a moment: the output that this switched off stays off, whatever the vehicle then asks for."""
    await tester.until("ChargingLoop")
    tester.system.pilot.set(State.B)
    await off_within(tester, result, timer("V2G_SECC_CPState_Error_Detection_Timeout"))
    tester.system.pilot.set(State.C)
    until, seen = tester.now + AFTER, "no current"
    while tester.now < until:
        await tester.send(tester.make(tester.loop_request))
        arrival = await tester.connection.next(2.0)
        if arrival is None or refuses(arrival.code):
            seen = "closed" if arrival is None else arrival.code
            break
        amps = abs(read(arrival.message).amps or 0.0)
        if amps > SMALL_CURRENT or tester.system.energised():
            raise Failed(
                f"{arrival.name} {arrival.code} with {amps:.1f} A after state B, without another cable check",
                cause=Cause.OUTPUT_ON, expected="an output that stays off, or a refusal",
            )  # fmt: skip
        await tester.pause()
    result.saw("the output stays off after state B", seen)


def _demand(variant: Mapping[str, Any], limits: Any) -> tuple[str, Any, tuple[str, ...]]:
    """For CurrentDemandReq: the field that a variant changes, its value, and the codes allowed in the response."""
    if str(variant.get("EVTargetCurrent", "")).startswith("above"):
        return "EVTargetCurrent", physical(iso2, number(limits.EVSEMaximumCurrentLimit) + 100, "A"), ("OK",)
    if "EVTargetCurrent" in variant:
        return "EVTargetCurrent", physical(iso2, -10.0, "A"), ("OK", "FAILED")
    if "EVTargetVoltage" in variant:
        return "EVTargetVoltage", physical(iso2, number(limits.EVSEMaximumVoltageLimit) + 100, "V"), ("OK", "FAILED")
    if "ChargingComplete" in variant:
        return "ChargingComplete", True, ("OK",)
    return "EVReady", False, ("OK",)


@SCRIPTS.on("PF_SECC_ISO2_CurrentDemand_Faults")
async def demand_faults(tester: TesterEv, run: Run, result: Result) -> None:
    """Targets beyond limits, the end of charging, a vehicle not ready: an allowed response, no reverse current."""
    await tester.until("ChargingLoop")
    limits = tester.responses["ChargeParameterDiscoveryRes"].EVSEChargeParameter
    name, value, codes = _demand(run.variant, limits)
    arrival = await answer(tester, result, replaced(tester.make("CurrentDemandReq"), name, value), *codes)
    amps = number(arrival.message.EVSEPresentCurrent)
    if arrival.code == "OK" and amps < -1.0:
        text = f"{arrival.name} OK with EVSEPresentCurrent {amps:g} A"
        raise Failed(text, cause=Cause.PHYSICS, expected="no current flows back into the charger")


@SCRIPTS.on("PF_SECC_ISO2_Emergency", "PF_SECC_DIN_Emergency")
async def emergency(tester: TesterEv, run: Run, result: Result) -> None:
    """The emergency button: the output switches off, and the loop reports it or the connection closes."""
    await tester.until("ChargingLoop")
    if not await tester.act("emergency stop"):
        raise Inconclusive("nothing on this bench can press the emergency button", cause=Cause.NO_ACTION)
    await off_within(tester, result, 1.0)
    await tester.send(tester.make(tester.loop_request))
    arrival = await tester.connection.next(2.0)
    if arrival is None:
        result.saw("EVSE_EmergencyShutdown, or the connection is closed", "closed")
        return
    code = found(arrival.message, "EVSEStatusCode")
    result.saw("EVSE_EmergencyShutdown, or the connection is closed", str(code))
    if code != "EVSE_EmergencyShutdown" and arrival.code == "OK":
        raise Failed(
            f"status {code} after an emergency stop",
            cause=Cause.FAULT_IGNORED,
            expected="EVSENotification StopCharging or EVSE_Shutdown; EVSE_EmergencyShutdown in an emergency",
        )


@SCRIPTS.on("PF_SECC_ISO2_ChallengeFresh")
async def challenge_fresh(tester: TesterEv, run: Run, result: Result) -> None:
    """Two sessions with PaymentDetails, with unplugging between them."""
    await tester.until("PaymentDetails")
    first = tester.challenge
    await tester.leave()
    tester.forget()
    await tester.until("PaymentDetails")
    second = tester.challenge or b""
    result.saw("a different GenChallenge", second.hex())
    if second == first:
        text = "the second session has the GenChallenge of the first"
        raise Failed(text, cause=Cause.WRONG_FIELD, expected="a GenChallenge of its own", observed=second.hex())


AGAIN = 6.0
"""s until the link is used again: a charger may close after some time, and removes its duty cycle for at least 3 s."""


@SCRIPTS.on("PF_SECC_ISO2_TwoSessions", "PF_SECC_DIN_TwoSessions")
async def two_sessions(tester: TesterEv, run: Run, result: Result) -> None:
    """Another session on the same link, without unplugging: it gets its own id."""
    await tester.until("SessionStop")
    before = tester.session_id
    await asyncio.sleep(AGAIN)
    tester.forget(linked=True)
    try:
        await tester.until("SessionSetup")
    except Inconclusive as why:
        raise Failed(
            f"no second session without unplugging: {why}", cause=Cause.NO_ANSWER, expected="a session like the first"
        ) from why
    result.saw("another session id", tester.session_id.hex())
    if tester.session_id == before:
        raise Failed(
            "the second session has the id of the first", cause=Cause.WRONG_SESSION, expected="a session id of its own"
        )


# ---------------------------------------------------------------------------------------------------------------
# The cable check, and the way to it


@SCRIPTS.on("PF_SECC_CableCheck_Insulation")
async def insulation(tester: TesterEv, run: Run, result: Result) -> None:
    """The insulation is faulty: the cable check does not end with OK and a status that lets the vehicle go on."""
    name = f"{'DC_' if tester.protocol.abilities.mutual else ''}CableCheckReq"
    await tester.until("ScheduleExchange" if tester.protocol.abilities.mutual else "ChargeParameterDiscovery")
    if not await tester.act("lower insulation"):
        raise Inconclusive("nothing on this bench can lower the insulation", cause=Cause.NO_ACTION)
    tester.ready()
    until = tester.now + timer("V2G_EVCC_CableCheck_Timeout")
    while tester.now < until:
        await tester.send(tester.make(name))
        arrival = await tester.response(name)
        status = getattr(getattr(arrival.message, "DC_EVSEStatus", None), "EVSEIsolationStatus", None)
        seen = f"{arrival.name} {arrival.code} {status or ''}".strip()
        if not arrival.code.startswith("OK") or status == "Fault":
            result.saw("FAILED, or a fault", seen)
            return
        if arrival.message.EVSEProcessing == "Finished":
            result.saw("FAILED, or a fault", seen)
            raise Failed(
                f"the cable check ended with {seen}, although the insulation is faulty", cause=Cause.ACCEPTED,
                expected="FAILED, or EVSEIsolationStatus Fault", observed=seen,
            )  # fmt: skip
        await tester.pause()
    result.saw("FAILED, or a fault", "never Finished")
    if not tester.protocol.abilities.mutual:
        most = timer("V2G_EVCC_CableCheck_Timeout")
        result.find(f"the cable check is still Ongoing after {most:g} s of faulty insulation", cause=Cause.UNFINISHED)


STEPS = ("ServiceDiscovery", "ServicePaymentSelection", "ContractAuthentication", "ChargeParameterDiscovery")
"""Where the vehicle takes its time."""
SLOW = 22.0
"""s before each of them: far more than a vehicle needs, and a cable check still fits into READY."""
READY = 140.0
"""s that a charger surely leaves a vehicle from SessionSetupRes to PowerDeliveryReq; the facts say 148 s."""


async def _hesitate(tester: TesterEv, seconds: float) -> Inconclusive | None:
    """Goes to PowerDelivery(Start), with a wait before each of the steps; what stopped it on the way, if anything."""
    for state in (*STEPS, "PowerDelivery.Start"):
        if state in STEPS:
            await asyncio.sleep(seconds)
        try:
            await tester.until(state)
        except Inconclusive as why:
            return why
    return None


@SCRIPTS.on("PF_SECC_DIN_ReadyToCharge")
async def slow(tester: TesterEv, run: Run, result: Result) -> None:
    """A vehicle that takes its time, but less than V2G_SECC_ReadyToCharge_Performance_Time, is served."""
    await tester.until("SessionSetup")
    began = tester.now
    stopped = await _hesitate(tester, SLOW)
    seconds = tester.now - began
    if stopped is None:
        result.saw("power after a slow way to it", f"after {seconds:.0f} s")
    elif seconds > READY:
        raise stopped
    else:
        raise Failed(
            f"{seconds:.0f} s after SessionSetupRes the charger does not go on: {stopped}", cause=Cause.TOO_EARLY,
            expected=f"a session for at least {READY:.0f} s", observed=str(stopped),
        ) from stopped  # fmt: skip


LATE = 45.0
"""s before each of the same steps, within the time-out between two requests, and altogether more than 150 s."""


@SCRIPTS.on("PF_SECC_DIN_ReadyToCharge_Late")
async def too_slow(tester: TesterEv, run: Run, result: Result) -> None:
    """A vehicle that takes longer than that: the charger ends the session, since the vehicle has to as well."""
    await tester.until("SessionSetup")
    began = tester.now
    stopped = await _hesitate(tester, LATE)
    if stopped is not None:
        if tester.now - began < READY:
            raise stopped
        result.saw("the session ends", f"after {tester.now - began:.0f} s")
        return
    result.find(
        f"power is delivered {tester.now - began:.0f} s after SessionSetupRes; a vehicle that keeps"
        f" V2G_EVCC_ReadyToCharge_Timeout is gone after {timer('V2G_EVCC_ReadyToCharge_Timeout'):g} s",
        cause=Cause.UNFINISHED,
    )  # fmt: skip
