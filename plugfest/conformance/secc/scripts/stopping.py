"""Somebody stops the charger: it asks the vehicle to stop, waits as long as it said, and no longer."""

from __future__ import annotations

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause, Severity
from plugfest.conformance.fields import found
from plugfest.conformance.secc.scripts.steps import answer, arrange, ask
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.watch.messages import read
from v2g.protocols import ISO20
from v2g.status import STOPS, refuses


@SCRIPTS.on("PF_SECC_ISO2_Stop_Operator", "PF_SECC_DIN_Stop_Operator")
async def operator_stop(tester: TesterEv, run: Run, result: Result) -> None:
    """Somebody stops the charger: StopCharging in the loop, then PowerDelivery(Stop) is answered."""
    await _stopped(tester)
    arrival = await answer(tester, result, tester.make(tester.loop_request), "OK")
    wish = found(arrival.message, "EVSENotification")
    result.saw("EVSENotification StopCharging", str(wish))
    if wish != "StopCharging":
        raise Failed(
            f"EVSENotification {wish} after the operator stopped",
            cause=Cause.FAULT_IGNORED,
            expected="EVSENotification StopCharging or EVSE_Shutdown; EVSE_EmergencyShutdown in an emergency",
        )
    tester.progress = "Stop"
    await tester.deliver()


ENOUGH, RESERVE = 60.0, 1.0
"""s for which a vehicle continues at most after a request to stop, and s before its deadline at which it stops."""


@SCRIPTS.on(
    "PF_SECC_ISO2_StopDelay", "PF_SECC_DIN_StopDelay", "PF_SECC_ISO20_StopDelay_DC", "PF_SECC_ISO20_StopDelay_AC"
)
async def stop_delay(tester: TesterEv, run: Run, result: Result) -> None:
    """Somebody stops the charger, and the vehicle uses the time it has left: it is answered until then."""
    await _stopped(tester)
    began, until, asked = tester.now, tester.now + ENOUGH, False
    while tester.now < until - RESERVE:
        await tester.send(tester.make(tester.loop_request))
        arrival = await tester.response(tester.loop_request)
        if not arrival.code.startswith(("OK", "WARNING")):
            text = f"{arrival.name} {arrival.code} {tester.now - began:.1f} s after the operator stopped"
            raise Failed(text, cause=Cause.REFUSED, expected="answers until NotificationMaxDelay is over")
        said = read(arrival.message)
        if said.wish in STOPS:
            until, asked = min(until, tester.now + said.delay), True
        await tester.pause()
    result.saw("answers until the vehicle stops", f"for {tester.now - began:.1f} s")
    if not asked:
        raise Inconclusive(f"the charger did not ask to stop within {ENOUGH:g} s", cause=Cause.NO_NOTIFICATION)
    tester.progress = "Stop"
    await tester.deliver()


PATIENT = 60.0
"""s beyond NotificationMaxDelay that a charger may wait for a vehicle that does not stop."""


@SCRIPTS.on("PF_SECC_ISO2_StopIgnored", "PF_SECC_DIN_StopIgnored", "PF_SECC_ISO20_StopIgnored")
async def stop_ignored(tester: TesterEv, run: Run, result: Result) -> None:
    """Somebody stops the charger, and the vehicle does not stop: some time later, the charger has ended it."""
    await _stopped(tester)
    until, asked, seen = tester.now + ENOUGH, False, ""
    while tester.now < until:
        arrival = await ask(tester, tester.loop_request)
        said = None if arrival is None or refuses(arrival.code) else read(arrival.message)
        if said is None or tester.system.energised() is False:
            seen = "closed or refused" if said is None else "the output is off"
            break
        if said.wish in STOPS and not asked:
            until, asked = tester.now + said.delay + PATIENT, True
        await tester.pause()
    result.saw("the charger ends it by itself", seen or "the output is still on")
    if not asked and not seen:
        raise Inconclusive(f"the charger did not ask to stop within {ENOUGH:g} s", cause=Cause.NO_NOTIFICATION)
    if not seen and tester.system.energised():
        result.find(
            f"the output is still on {PATIENT:g} s after NotificationMaxDelay, although somebody stopped the charger",
            Severity.READING, Cause.OUTPUT_ON,
        )  # fmt: skip


async def _stopped(tester: TesterEv) -> None:
    await tester.until("ChargeLoop" if tester.protocol is ISO20 else "ChargingLoop")
    await arrange(tester, "stop")
