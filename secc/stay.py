"""A charger on the power line: matches one vehicle after another, and keeps the network during their pauses.

Rules (ISO 15118-3, with ISO 15118-2 [V2G2-740, 741]):

- SDP is answered only while a vehicle is matched. When its session is over, or its link is lost, the modem gets a new
  key within TP_match_leave. `secc.arrivals` controls the pilot before the link, and after a link is lost.
- A paused session keeps the key. The duty is off, and the link is not watched: the vehicle's modem may sleep too.
- After the wake-up (`secc.outlet.Outlet.wake`) the link has T_conn_resume to return. If it does not, the pilot goes
  through F for T_step_EF, and vehicles are matched again with another key.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from secc.arrivals import Arrivals
from secc.outlet import Outlet
from slac.errors import PilotLost
from slac.evse import Evse
from slac.outcome import Match
from slac.pilot import CONNECTED, until
from slac.watch_pilot import while_connected
from v2g.outcome import Outcome

T = TypeVar("T")


class _NotBack(Exception):
    """The link did not come back after a pause."""


async def serve_vehicles(
    arrivals: Arrivals,
    outlet: Outlet,
    ended: asyncio.Queue[Outcome],
    *,
    matched: Callable[[Match], Awaitable[None]],
    ready: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """Matches and serves one vehicle after another, forever.

    Args:
        arrivals: brings vehicles to their links.
        outlet: open only while a vehicle is matched.
        ended: receives each outcome of the outlet.
        matched: called with each match, before the outlet opens.
        ready: called when the outlet is open.
        say: outputs a line for the user.

    Raises:
        ModemError, LinkError, SetupError: the modem, the interface or its address is gone.
    """
    side = arrivals.side
    pilot = side.pilot
    outlet.step_x1 = side.options.timing.T_step_X1
    outlet.on_begin = arrivals.hand_over
    try:
        while True:
            match = await arrivals.link()
            await matched(match)
            while not ended.empty():
                ended.get_nowait()
            try:
                async with outlet.open():
                    outlet.matched = True
                    outlet.link_is_up()
                    ready()
                    outcome, lost = await _sessions(side, outlet, match, ended, say)
            except _NotBack:
                say("the link did not come back after the pause; matching again")
                await arrivals.anew()
                continue
            if lost:
                await arrivals.lost()
                continue
            await side.leave()
            if pilot.state is None:
                continue
            if outcome is not None and outcome.ok:
                await until(pilot, lambda reading: reading.state not in CONNECTED, None)
            else:
                # Steady for a while, so that the vehicle sees the duty start again.
                await asyncio.sleep(side.options.timing.T_step_X1)
    finally:
        await arrivals.stop()


async def _sessions(
    side: Evse, outlet: Outlet, match: Match, ended: asyncio.Queue[Outcome], say: Callable[[str], None]
) -> tuple[Outcome | None, bool]:
    """Serves one match until a session ends without a pause, or the link is lost; returns outcome and loss of link.

    Raises:
        _NotBack: the link did not return after a pause.
    """
    while True:
        async with _beside(side.until_lost(match)) as lost, _beside(ended.get()) as session:
            await asyncio.wait({lost, session}, return_when=asyncio.FIRST_COMPLETED)
            if not session.done():
                await outlet.hang_up(lost.result())
                return None if ended.empty() else ended.get_nowait(), True
            outcome: Outcome = session.result()
        if not outcome.paused:
            if outlet.awaited:
                continue  # the vehicle is back on the same link
            return outcome, False
        if side.pilot.state is None:
            continue  # only the link can show when it wakes up
        try:
            await while_connected(side.pilot, _asleep(side, outlet, match))
        except PilotLost as why:
            await outlet.hang_up(str(why))
            return outcome if ended.empty() else ended.get_nowait(), False
        outlet.link_is_up()
        say("awake, and the link is back")


async def _asleep(side: Evse, outlet: Outlet, match: Match) -> None:
    """Waits until both the duty and the link are back."""
    await outlet.awake.wait()
    if not await side.resume(match):
        raise _NotBack


@contextlib.asynccontextmanager
async def _beside(work: Any) -> AsyncIterator[asyncio.Future[Any]]:
    """Runs a task that ends with the context."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
