"""A complete pause: the oscillator switches off and stays off, B-C-B wakes the charger, and the session resumes."""

from __future__ import annotations

from boundary.text import counted
from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.durations import DELAY
from plugfest.conformance.cause import Cause
from plugfest.conformance.fields import replaced
from plugfest.conformance.secc.pause import until_steady
from plugfest.conformance.secc.scripts.again import not_joined
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import PausedSession, TesterEv
from plugfest.conformance.secc.ways import CONNECTED
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from slac.pilot import STEADY, STEP_X1, WAKE_UP, Reading, State, toggle, until, until_digital

STEADY_WITHIN = 5.0
"""s after SessionStopRes until the oscillator is off; the connection has the same time to close."""
SLEEPS = {"at once": 0.5, "after a while": 20.0, "twice": 5.0, "then terminated": 5.0}
"""How the vehicle wakes the charger -> s for which it sleeps first."""


@SCRIPTS.on("PF_SECC_ISO2_Pause")
async def paused(tester: TesterEv, run: Run, result: Result) -> None:
    """Charges, pauses, sleeps, toggles, and charges again: once or twice, or to the end of the session."""
    wake = str(run.variant["wake"])
    await tester.until("PowerDelivery.Stop")
    if tester.system.pilot.reading.duty is None:
        raise Inconclusive("the oscillator is not seen: pilot hardware is needed", cause=Cause.NO_PILOT)
    for _ in range(2 if wake == "twice" else 1):
        await _fall_asleep(tester, result, SLEEPS[wake])
        await _wake(tester, result)
        await _charge_again(tester)
        result.saw("the session is joined, and charges again", f"{counted(tester.loops, 'round')} of the loop")
    if wake == "then terminated":
        await tester.exchange("SessionStopReq")
        await tester.connection.close()
        await not_joined(tester, result)


async def _fall_asleep(tester: TesterEv, result: Result, seconds: float) -> None:
    """SessionStop(Pause): the oscillator switches off, and nothing changes until the vehicle acts."""
    pilot = tester.system.pilot
    tester.paused = PausedSession(tester.session_id, tester.offered.tuple_id)
    await tester.exchange("SessionStopReq", replaced(tester.make("SessionStopReq"), "ChargingSession", "Pause"))
    await tester.connection.close()
    tester.responses.clear()
    off = await until_steady(pilot, STEADY_WITHIN + DELAY)
    result.saw(f"oscillator off within {STEADY_WITHIN:g} s", pilot.reading.label)
    if not off or pilot.reading.state is not State.B:
        raise Failed(
            f"the pilot is in {pilot.reading.label} {STEADY_WITHIN:g} s after SessionStop(Pause)",
            cause=Cause.PILOT_DUTY, expected="B1: the oscillator off, no E or F", observed=pilot.reading.label,
        )  # fmt: skip
    if await until(pilot, lambda reading: reading.duty != STEADY or reading.state is not State.B, seconds):
        _disturbed(pilot.reading)


def _disturbed(reading: Reading) -> None:
    """The pilot changed during the pause, before the vehicle acted."""
    if reading.state in (State.E, State.F):
        raise Failed(
            f"the pilot went to {reading.label} in the pause",
            cause=Cause.PILOT_STATE, expected="B1 as long as both sleep", observed=reading.label,
        )  # fmt: skip
    raise Inconclusive(f"the charger woke up before the vehicle did: {reading.label}", cause=Cause.POINTLESS)


async def _wake(tester: TesterEv, result: Result) -> None:
    """B-C-B: the charger offers 5 % again."""
    pilot = tester.system.pilot
    within = STEP_X1 + WAKE_UP + DELAY  # a vehicle that toggles at once may have to wait for T_step_X1
    began = tester.now
    await toggle(pilot)
    awake = await until_digital(pilot, within)
    result.saw("5 % after B-C-B", f"after {tester.now - began:.1f} s" if awake else pilot.reading.label)
    if not awake:
        raise Failed(
            f"the charger does not wake up within {within:g} s of B-C-B",
            cause=Cause.PILOT_DUTY, expected="5 %", observed=pilot.reading.label,
        )  # fmt: skip
    tester.link_up = tester.now


async def _charge_again(tester: TesterEv) -> None:
    """The whole session again, with the id of the paused session, up to the end of power."""
    line = tester.kind.line
    way = [*CONNECTED, *line[line.index(CONNECTED[-1]) + 1 : line.index("PowerDelivery.Stop") + 1]]
    for state in way:
        await tester.generation.walk[state](tester)
