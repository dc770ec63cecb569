"""A vehicle that stays plugged in: sessions with pauses between them on one match; it leaves the network at the end.

Rules (ISO 15118-3, with ISO 15118-2 [V2G2-740 .. 743]):

- In a pause the vehicle shows B and keeps the key. It wakes up when the charger's duty comes back (B1 to B2), or on its
  own: then it toggles B-C-B once and must see the duty within T_conn_max_comm.
- After either, the link must be up within T_conn_resume; otherwise the vehicle leaves the network and matches again.
  Then it resumes the paused session by its id.
- With E or F in a pause the charger asks to start over: the vehicle matches again when the duty is back.
- When a session ends without a pause, and when the plug is pulled, the vehicle leaves the network within
  TP_match_leave.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from evcc.options import Outcome, Paused
from evcc.vehicle import Vehicle
from slac.errors import PilotLost
from slac.ev import Ev
from slac.outcome import Match
from slac.pilot import Offer, Reading, State, toggle, until
from slac.timing import STANDARD
from v2g.trace import Event, Observe, ignore

TOGGLES = 3
"""How many times the vehicle tries to wake a charger; one toggle should be enough."""

BETWEEN = 2.0
"""s between two tries."""


class Woken(enum.Enum):
    """What ended a pause."""

    CHARGER = "the charger offers power again"
    ITSELF = "the vehicle woke up"
    ANEW = "the charger starts over"
    UNPLUGGED = "unplugged"
    STOPPED = "stopped by the driver"


@dataclass
class Stay:
    """How a vehicle behaves in pauses.

    Attributes:
        sleeps: it stays plugged in during a pause; otherwise the first pause ends the stay, and the key is kept.
        wakes_after: seconds of a pause after which it wakes up on its own; None: only for a reason, for example when a
            schedule allows power again.
        observe: receives events.
        say: receives a line for the user.
        lost: why the link of the last session was lost, or "".
    """

    sleeps: bool = True
    wakes_after: float | None = None
    observe: Observe = ignore
    say: Callable[[str], None] = lambda text: None
    lost: str = ""

    def tell(self, name: str, note: str = "") -> None:
        """An event for the trace."""
        self.observe(Event(_now(), "pilot", name, note=note))


async def stay(
    side: Ev | None,
    match: Match | None,
    vehicle: Vehicle,
    charge: Callable[[Paused | None], Awaitable[Outcome]],
    how: Stay | None = None,
) -> Outcome:
    """Runs the sessions of one stay, until one ends without a pause or cannot be resumed.

    Args:
        side, match: SLAC and its match; None if the link is up without SLAC.
        charge: finds the charger and charges; receives the state of a paused session.

    Returns:
        How the last session ended.

    Raises:
        MatchFailed, PilotLost, LinkError: the link did not come back after a pause, and matching again failed.
    """
    how = how or Stay()
    resume: Paused | None = None
    while True:
        outcome = await _session(side, match, vehicle, charge, resume, how)
        if outcome.paused and not how.sleeps:
            return outcome
        if not outcome.paused:
            break
        woken = await sleep(vehicle, outcome.resume, how)
        if woken in (Woken.UNPLUGGED, Woken.STOPPED):
            break
        resume = outcome.resume
        if woken is Woken.ITSELF and not await wake_charger(vehicle, how):
            outcome.notes.append("the charger did not wake up after B-C-B")
            break
        if side is not None and match is not None:
            match = await _rejoin(side, match, how, anew=woken is Woken.ANEW)
    if side is not None:
        await side.leave()
    return outcome


async def _session(
    side: Ev | None,
    match: Match | None,
    vehicle: Vehicle,
    charge: Callable[[Paused | None], Awaitable[Outcome]],
    resume: Paused | None,
    how: Stay,
) -> Outcome:
    """Runs one session; losing the link ends it."""
    how.lost = ""
    if side is None or match is None:
        return await charge(resume)
    watching = asyncio.create_task(_alarm_when_lost(side, match, vehicle.alarm, how))
    try:
        return await charge(resume)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _alarm_when_lost(side: Ev, match: Match, alarm: Callable[[str], None], how: Stay) -> None:
    how.lost = await side.until_lost(match)
    alarm(how.lost)


async def sleep(vehicle: Vehicle, paused: Paused | None, how: Stay) -> Woken:
    """Waits in a pause until something ends it.

    The charger's duty counts only once it has been off. If the pilot cannot be read, only the vehicle's own reasons
    end the pause.
    """
    pilot = vehicle.pilot
    pilot.set(State.B)
    times = [] if how.wakes_after is None else [_now() + how.wakes_after]
    if paused is not None and paused.until is not None:
        times.append(paused.until)
    found: asyncio.Future[Woken] = asyncio.get_running_loop().create_future()
    off = not _offers(pilot.reading)

    def changed(reading: Reading) -> None:
        nonlocal off
        if found.done():
            return
        if reading.state is State.A:
            found.set_result(Woken.UNPLUGGED)
        elif reading.state in (State.E, State.F):
            found.set_result(Woken.ANEW)
        elif _offers(reading) and off:
            found.set_result(Woken.CHARGER)
        off = off or not _offers(reading)

    how.tell("asleep", "" if not times else f"for at most {max(min(times) - _now(), 0.0):g} s")
    how.say("asleep" + (f" for at most {max(min(times) - _now(), 0.0):.0f} s" if times else ""))
    vehicle.trouble.clear()
    vehicle.wake.clear()
    hands = [asyncio.create_task(event.wait()) for event in (vehicle.stop, vehicle.trouble, vehicle.wake)]
    unsubscribe = pilot.subscribe(changed)
    changed(pilot.reading)
    vehicle.asleep = True
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(min(times) if times else None):
                waiting: set[asyncio.Future[Any]] = {found, *hands}
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        stopped, gone = vehicle.stop.is_set(), vehicle.trouble.is_set()
        other = Woken.STOPPED if stopped else Woken.UNPLUGGED if gone else Woken.ITSELF
        woken = found.result() if found.done() else other
    finally:
        vehicle.asleep = False
        unsubscribe()
        for hand in hands:
            hand.cancel()
    how.tell("awake", woken.value)
    how.say(f"awake: {woken.value}")
    return woken


async def wake_charger(vehicle: Vehicle, how: Stay | None = None, within: float = STANDARD.T_conn_max_comm) -> bool:
    """Toggles B-C-B and waits for the duty, a few times. False: the charger does not wake up, or is unplugged."""
    pilot = vehicle.pilot
    for attempt in range(TOGGLES):
        if attempt:
            await asyncio.sleep(BETWEEN)
        if _offers(pilot.reading):
            return True
        if how is not None:
            how.tell("wake-up", "B-C-B")
        await toggle(pilot, pulse=STANDARD.TP_EV_vald_state_duration)
        if await until(pilot, lambda reading: reading.state is State.A or _offers(reading), within):
            return pilot.state is not State.A
    return False


async def _rejoin(side: Ev, match: Match, how: Stay, *, anew: bool) -> Match:
    """Restores the link with the old key, or matches again.

    Raises:
        MatchFailed, LinkError: as in `slac.ev.Ev.match`.
        PilotLost: unplugged.
    """
    if not anew and await side.resume(match):
        return match
    if not anew:
        how.say("the link did not come back after the pause; matching again")
    await side.leave()
    while True:
        if side.pilot.state is State.A:
            raise PilotLost("unplugged")
        try:
            return await side.match()
        except PilotLost:  # the charger's E or F, to start over
            await asyncio.sleep(side.options.timing.TT_matching_rate)


def _offers(reading: Reading) -> bool:
    """Whether the charger asks for communication or offers a current; True if that cannot be read."""
    return reading.offer is None or reading.offer[0] is not Offer.NOTHING


def _now() -> float:
    return asyncio.get_running_loop().time()


__all__ = ["Stay", "Woken", "sleep", "stay", "wake_charger"]
