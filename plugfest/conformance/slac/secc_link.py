"""SLAC cases with a charger under test, from the link on: it comes up, stays, is left, is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from plugfest.conformance.cause import Cause
from plugfest.conformance.slac.both import Steps, stays_out
from plugfest.conformance.slac.vehicle import Vehicle
from plugfest.conformance.verdict import Failed
from slac.pilot import State
from slac.timing import STANDARD as T

KEPT = 30.0
"""s that a link is watched."""

Script = Callable[[Vehicle, Steps], Awaitable[None]]


async def _link(ev: Vehicle, steps: Steps) -> None:
    await ev.link()


async def _kept(ev: Vehicle, steps: Steps) -> None:
    """The link stays, with nothing said."""
    end = ev.now + KEPT
    while ev.now < end:
        if await ev.linked() is False:
            raise Failed("the link is gone", expected=f"a link for {KEPT:g} s", observed="none", cause=Cause.LINK_LOST)
        await asyncio.sleep(0.5)
    ev.result.saw(f"a link for {KEPT:g} s", "as expected")


async def _unlink(ev: Vehicle, steps: Steps) -> None:
    ev.need_pilot()
    ev.system.show(State.A)
    await ev.joined(T.TP_match_leave + 1.0, wanted=False)
    duty = ev.system.duty()
    if duty is not None and duty < 99:
        raise Failed("the duty stayed", expected="100 %", observed=f"{duty} %", cause=Cause.PILOT_DUTY)


async def _matched_already(ev: Vehicle, steps: Steps) -> None:
    ev.run_id = ev.rng.randbytes(8)
    await asyncio.sleep(1.0)
    await ev.send(ev.request)
    await ev.quiet(T.TT_match_response)


SCRIPTS: dict[tuple[str, str], Sequence[tuple[range, Script]]] = {
    ("CMN", "PLCLinkStatus"): [
        (range(1, 2), _link), (range(2, 3), _unlink), (range(3, 4), _matched_already), (range(4, 5), _kept),
        (range(5, 6), stays_out)],
}  # fmt: skip
