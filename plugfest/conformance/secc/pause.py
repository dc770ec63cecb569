"""Pause and resume at a charger under test: SessionStop(Pause), sleep, and either side's wake-up."""

from __future__ import annotations

import asyncio

from plugfest.conformance.catalogue import timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.fields import replaced
from plugfest.conformance.secc.tester import PausedSession, TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive
from slac.pilot import STEADY, VehiclePilot, toggle, until, until_digital

OFF_WITHIN = 5.0
"""s after SessionStopRes for a pause in which the oscillator goes off."""
WAKES_WITHIN = 10.0
"""s after B-C-B in which the charger offers the duty again."""


async def pause_session(tester: TesterEv) -> None:
    """SessionStop(Pause), close, sleep without any traffic."""
    tester.paused = PausedSession(tester.session_id, tester.offered.tuple_id)
    await tester.exchange("SessionStopReq", replaced(tester.make("SessionStopReq"), "ChargingSession", "Pause"))
    await tester.connection.close()
    tester.responses.clear()
    asleep = min(float(tester.pics["PICS_CMN_CMN_WakeUp"]), float(tester.pics["PIXIT_CMN_CMN_WakeUp"]))
    pilot = tester.system.pilot
    off = await until_steady(pilot, OFF_WITHIN)
    tester.tell("pilot", "asleep", f"for {asleep:g} s, oscillator {'off' if off else 'not seen to go off'}")
    if not off:
        raise Failed(
            "the charger did not switch its oscillator off for the pause",
            cause=Cause.PILOT_DUTY,
            expected=f"a duty of 100 % within {OFF_WITHIN:g} s of SessionStopRes for a pause",
            observed=f"a duty of {pilot.reading.duty:g} %",
            rule="ISO 15118-3",
        )


async def wake_by_ev(tester: TesterEv) -> None:
    """Toggles B-C-B after the sleep; the charger then asks for digital communication again."""
    seconds = float(tester.pics["PICS_CMN_CMN_WakeUp"])
    pilot = tester.system.pilot
    if pilot.reading.duty is None:
        await asyncio.sleep(seconds)
    elif await until_digital(pilot, seconds):
        raise Inconclusive(f"the charger woke up before {seconds:g} s had passed", cause=Cause.POINTLESS)
    await toggle(pilot)
    if not await until_digital(pilot, WAKES_WITHIN):
        raise Failed(
            "the charger did not wake up after B-C-B",
            cause=Cause.PILOT_DUTY,
            expected=f"a duty of 5 % within {WAKES_WITHIN:g} s of B-C-B in a pause",
            observed="a duty of 100 %" if pilot.reading.duty == STEADY else f"a duty of {pilot.reading.duty} %",
            rule="ISO 15118-3",
        )
    tester.link_up = tester.now


async def wake_by_evse(tester: TesterEv) -> None:
    """Waits until the charger wakes up by itself after the declared time."""
    seconds = float(tester.pics["PIXIT_CMN_CMN_WakeUp"])
    if tester.system.pilot.reading.duty is None:
        await asyncio.sleep(seconds + timer("SECC_B1_B2_Timeout"))
    if not await until_digital(tester.system.pilot, seconds + timer("SECC_B1_B2_Timeout")):
        raise Inconclusive(f"the charger did not wake up by itself within {seconds:g} s", cause=Cause.POINTLESS)
    tester.link_up = tester.now


async def until_steady(pilot: VehiclePilot, within: float) -> bool:
    """Whether the charger's oscillator is off (or cannot be seen) within this many seconds."""
    duty = pilot.reading.duty
    if duty is None or duty == STEADY:
        return True
    return await until(pilot, lambda reading: reading.duty == STEADY, within)
