"""SLAC cases alike for a vehicle and a charger under test: amplitude maps, and a link that is lost for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from plugfest.conformance.cause import Cause
from plugfest.conformance.slac.tester import AnyTester, changes
from plugfest.conformance.verdict import Failed
from slac import frames
from slac.amp_map import CARRIERS, full_power, proper
from slac.timing import STANDARD as T

LOSS = 3.0
"""s: what a modem takes to see that a link is gone, and its host to ask it."""

Steps = list[dict[str, Any]]
Script = Callable[[AnyTester, Steps], Awaitable[None]]


async def give_map(tester: AnyTester, steps: Steps) -> None:
    """Our map, once or several times, is taken; an empty one is not."""
    times = max(len(steps), int(steps[0].get("times", 1)))
    empty = isinstance(steps[0].get("fields"), dict) and steps[0]["fields"].get("amlen") == 0
    for _ in range(times):
        await tester.send(full_power(), **({"amlen": 0} if empty else {}))
        if empty:
            await tester.quiet(T.TT_match_response, frames.CM_AMP_MAP_CNF)
        else:
            await tester.expect(frames.CM_AMP_MAP_CNF, T.TT_match_response, result=0)


async def asks_for_map(tester: AnyTester, steps: Steps) -> None:
    """Its own map: once where we take it, three times in all where we do not."""
    step = steps[0]
    forced = changes(step.get("fields"), tester.rng) if "reply" in step else None
    taken = forced is not None and forced.get("result") == 0
    for number in range(1 if taken else 1 + T.C_EV_match_retry):
        within = T.TT_match_response + 0.1 if number else T.TT_amp_map_exchange
        asked = await tester.expect(frames.CM_AMP_MAP_REQ, within)
        if asked.amlen != CARRIERS or not proper(asked):
            seen = f"{asked.amlen} carriers in {len(asked.amdata)} bytes"
            raise Failed(
                f"CM_AMP_MAP.REQ has {seen}", expected=f"{CARRIERS} carriers, a nibble each", observed=seen,
                cause=Cause.WRONG_FIELD,
            )  # fmt: skip
        if forced is not None:
            await tester.send(frames.CM_AMP_MAP_CNF(0), **forced)
    await tester.quiet(2 * T.TT_match_response, frames.CM_AMP_MAP_REQ)


AMP_MAP: tuple[tuple[range, Script], ...] = (
    (range(1, 2), give_map),
    (range(2, 5), asks_for_map),
    (range(5, 8), give_map),
)


async def stays_out(tester: AnyTester, steps: Steps) -> None:
    """The link is lost for a moment: when the tester is back in the old network, the other one has left it."""
    await left(tester)
    await tester.stays_out(T.TT_match_join)


async def left(tester: AnyTester) -> None:
    """The link is cut; when the system has had time to leave, the tester goes back to the old network."""
    await tester.cut()
    await asyncio.sleep(T.TP_match_leave + LOSS)
    await tester.join()
