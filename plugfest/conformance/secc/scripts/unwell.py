"""A charger that may not deliver, or no longer: stopped, in an emergency, with a fault, before power flows or after."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.catalogue.phrases import PILOT_FAULTS
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc.scripts.steps import OFF, answer, arrange, ask, off_within
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.watch.messages import read
from plugfest.conformance.watch.watch import ACTS
from v2g.physical import SAFE_VOLTAGE
from v2g.status import ENDINGS, STOPS, refuses

REFUSALS: Mapping[str, str] = {
    "stop": "FAILED_PowerDeliveryNotApplied",
    "trip rcd": "FAILED_PowerDeliveryNotApplied",
    "stick contactor": "FAILED_ContactorError",
}
"""What makes a charger unable to deliver -> the code that says so; in an emergency any refusal is right."""
NEXT = {
    "ChargeParameterDiscovery": "CableCheckReq", "CableCheck": "PreChargeReq", "PreCharge": "PowerDeliveryReq",
    "ScheduleExchange": "DC_CableCheckReq", "DC_CableCheck": "DC_PreChargeReq", "DC_PreCharge": "PowerDeliveryReq",
}  # fmt: skip
"""State -> the request that is due in it, in DC."""
GONE = 2.0
"""s after an emergency until the output is dead."""
MONITOR = 12.0
"""s in which an insulation monitor has to see a fault; IEC 61557-8 allows it 10."""
TELLS = 5.0
"""s in which a charger passes a wish on to the vehicle."""


@SCRIPTS.on("PF_SECC_ISO2_StartRefused_DC", "PF_SECC_ISO2_StartRefused_AC", "PF_SECC_DIN_StartRefused")
async def start_refused(tester: TesterEv, run: Run, result: Result) -> None:
    """PowerDelivery(Start) from a charger that cannot deliver: refused with the code for it, and nothing is on."""
    action = str(run.variant["operator"])
    await tester.until("ChargeParameterDiscovery" if tester.pics.ac else "PreCharge")
    await arrange(tester, action)
    tester.progress = "Start"
    tester.ready()
    arrival = await ask(tester, "PowerDeliveryReq")
    seen = "closed" if arrival is None else f"{arrival.name} {arrival.code}"
    wanted = REFUSALS.get(action, "FAILED")
    result.saw(f"{wanted}, or the connection is closed", seen)
    if arrival is not None and not (arrival.code == wanted or (wanted == "FAILED" and arrival.code.startswith(wanted))):
        cause = Cause.FAULT_IGNORED if arrival.code.startswith("OK") else Cause.WRONG_CODE
        raise Failed(f"{seen} after '{action}'", cause=cause, expected=wanted, observed=seen)
    await off_within(tester, result, OFF)


@SCRIPTS.on("PF_SECC_ISO2_EmergencyEarly", "PF_SECC_DIN_EmergencyEarly", "PF_SECC_ISO20_EmergencyEarly")
async def emergency_early(tester: TesterEv, run: Run, result: Result) -> None:
    """The emergency button before power flows: the next step is refused, or the charger says so and stays dead."""
    state = str(run.variant["state"])
    await tester.until(state)
    await arrange(tester, "emergency stop")
    tester.ready()
    tester.progress = "Start"
    until, seen = tester.now + GONE, "nothing"
    while tester.now < until:
        arrival = await ask(tester, NEXT[state])
        seen = "closed" if arrival is None else f"{arrival.name} {arrival.code}"
        if arrival is None or refuses(arrival.code):
            break
        said = read(arrival.message)
        seen = f"{seen}, {said.status or said.wish}"
        if said.status not in ENDINGS and said.wish not in STOPS:
            raise Failed(f"{seen} after an emergency stop", cause=Cause.FAULT_IGNORED, expected="a refusal, or a status"
                         " that tells the vehicle to stop", observed=seen)  # fmt: skip
        if NEXT[state] == "PowerDeliveryReq":
            raise Failed(f"{seen} to PowerDelivery(Start) after an emergency stop", cause=Cause.FAULT_IGNORED,
                         expected="a FAILED code", observed=seen)  # fmt: skip
        await tester.pause()
    result.saw("a refusal, or a status that tells the vehicle to stop", seen)
    await off_within(tester, result, OFF)
    await asyncio.sleep(max(until - tester.now, 0.0))
    measured = tester.measured()
    if measured is not None and not tester.pics.ac and measured.volts > SAFE_VOLTAGE:
        raise Failed(
            f"the output was measured at {measured.volts:.0f} V {GONE:g} s after an emergency stop",
            cause=Cause.OUTPUT_ON, expected=f"at most {SAFE_VOLTAGE:g} V", observed=f"{measured.volts:.0f} V",
        )  # fmt: skip


@SCRIPTS.on("PF_SECC_ISO2_Insulation_Loop", "PF_SECC_DIN_Insulation_Loop")
async def insulation_in_the_loop(tester: TesterEv, run: Run, result: Result) -> None:
    """The insulation fails while power flows: the charger says so or ends the session, and its output goes off."""
    await tester.until("ChargingLoop")
    await arrange(tester, "lower insulation")
    began, seen, told = tester.now, "OK", False
    while not told and tester.now - began < MONITOR:
        arrival = await ask(tester, "CurrentDemandReq")
        seen = "closed" if arrival is None else arrival.code
        if arrival is None or refuses(arrival.code):
            break
        said = read(arrival.message)
        seen = f"{said.isolation or 'no isolation status'}, {said.status}, {said.wish}"
        told = said.isolation == "Fault" or said.status in ENDINGS or said.wish in STOPS
        await tester.pause()
    else:
        if not told:
            result.saw("a fault, or the end", seen)
            raise Failed(
                f"CurrentDemandRes says {seen} {MONITOR:g} s after the insulation failed", cause=Cause.FAULT_IGNORED,
                expected=f"a fault, or the end of the session, within {MONITOR:g} s", observed=seen,
            )  # fmt: skip
    result.saw("a fault, or the end", f"{seen}, after {tester.now - began:.1f} s")
    await off_within(tester, result, GONE)


@SCRIPTS.on("PF_SECC_ISO2_PilotFault", "PF_SECC_DIN_PilotFault")
async def pilot_fault(tester: TesterEv, run: Run, result: Result) -> None:
    """A fault of the pilot while power flows: the output goes off, and no request brings it back."""
    fault = str(run.variant["cp_fault"])
    await tester.until("ChargingLoop")
    tester.tell(*ACTS, fault)
    if not tester.system.fault(fault):
        raise Inconclusive(f"nothing on this bench can {PILOT_FAULTS[fault]}", cause=Cause.NO_ACTION)
    await off_within(tester, result, timer("V2G_SECC_CPState_Error_Detection_Timeout"))
    if tester.connection.closed_at is None:
        try:
            await ask(tester, tester.loop_request)
        except Failed:  # closed meanwhile
            return
        await off_within(tester, result, 0.1)


@SCRIPTS.on("PF_SECC_ISO2_Renegotiation_Operator")
async def renegotiation(tester: TesterEv, run: Run, result: Result) -> None:
    """The charger wants to renegotiate: it says so, and no longer once that is done."""
    await tester.until("ChargingLoop")
    await arrange(tester, "renegotiate")
    began, wish = tester.now, ""
    while wish != "ReNegotiation" and tester.now - began < TELLS:
        arrival = await answer(tester, result, tester.make(tester.loop_request), "OK")
        wish = read(arrival.message).wish
        await tester.pause()
    result.saw("EVSENotification ReNegotiation", wish)
    if wish != "ReNegotiation":
        raise Failed(
            f"EVSENotification {wish} {TELLS:g} s after the charger was to renegotiate", cause=Cause.WRONG_FIELD,
            expected="EVSENotification ReNegotiation", observed=wish,
        )  # fmt: skip
    walk = tester.generation.walk
    for state in ("Renegotiation", *(("CableCheck", "PreCharge") if not tester.pics.ac else ())):
        await walk[state](tester)
        if state == "Renegotiation":
            await walk["ChargeParameterDiscovery"](tester)
    await walk["PowerDelivery.Start"](tester)
    arrival = await answer(tester, result, tester.make(tester.loop_request), "OK")
    wish = read(arrival.message).wish
    result.saw("EVSENotification None after it", wish)
    if wish != "None":
        raise Failed(
            f"EVSENotification {wish} after a renegotiation", cause=Cause.WRONG_FIELD,
            expected="EVSENotification None", observed=wish,
        )  # fmt: skip
    tester.progress = "Stop"
    await tester.deliver()
