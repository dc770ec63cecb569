"""SLAC cases with a vehicle under test, from the link on: it comes up, is left, is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from plugfest.conformance.cause import Cause
from plugfest.conformance.slac.both import LOSS, Steps, stays_out
from plugfest.conformance.slac.charger import DIGITAL, INIT, NOMINAL, STEADY, Charger
from plugfest.conformance.verdict import Failed
from slac.pilot import State
from slac.timing import STANDARD as T

Script = Callable[[Charger, Steps], Awaitable[None]]


async def _joins(post: Charger, steps: Steps) -> None:
    await post.confirm()
    await post.join()
    await post.joined(T.TT_match_join)


async def _leaves(post: Charger, steps: Steps) -> None:
    """E while linked: it leaves the network."""
    post.fault(steps[0])
    await post.joined(T.TP_match_leave + 0.2, wanted=False)


async def _loses_link(post: Charger, steps: Steps) -> None:
    """The link is lost at a nominal duty: the vehicle asks again, by itself or after the charger's step to E or F."""
    post.need_pilot()
    post.result.not_observed.append("the network left: seen only where the charger goes back to it (PLCLinkStatus_008)")
    post.pilot.offer(NOMINAL)
    await post.cut()
    resetup = float(post.system.pics["PIXIT_EVCC_AC_TconnResetup"])
    step = next((step for step in steps if "cp" in step and "for" in step), None)
    if step is None:
        await post.asked(resetup + INIT)
        return
    if any("wait" in one for one in steps):
        await asyncio.sleep(resetup / 2)
    else:
        post.pilot.offer(STEADY)
        await asyncio.sleep(T.TP_match_leave + LOSS)
    post.fault(step)
    await asyncio.sleep(T.T_step_EF)
    post.forget()
    post.pilot.offer(NOMINAL)
    if not await post.pilot.wait(State.B, State.C, State.D, within=2.0):
        raise Failed(
            "no valid state after E or F", expected="B, C or D", observed=str(post.pilot.state), cause=Cause.PILOT_STATE
        )
    await post.asked()


async def _starts_over(post: Charger, steps: Steps) -> None:
    """The link is lost, the charger steps through E or F: the vehicle leaves, then asks again."""
    await post.cut()
    await post.joined(1.0, wanted=False)
    post.pilot.offer(STEADY)
    await asyncio.sleep(T.TP_match_leave + 1.0)
    post.fault(next(step for step in steps if str(step.get("cp", ""))[:1] in "EF" and "cp" in step and "for" in step))
    await asyncio.sleep(T.T_step_EF)
    post.pilot.offer(DIGITAL)
    post.forget()
    await post.asked()


async def _must_not_join(post: Charger, steps: Steps) -> None:
    post.fault(steps[0])
    await asyncio.sleep(0.01)
    await post.confirm()
    await post.join()
    end = post.now + T.TT_match_join
    while post.now < end:
        if await post.linked():
            raise Failed(
                "it joined the network in E or F", expected="no link", observed="a link", cause=Cause.PILOT_STATE
            )
        await asyncio.sleep(0.1)
    post.result.saw("no link", "none")


SCRIPTS: dict[tuple[str, str], Sequence[tuple[range, Script]]] = {
    ("CMN", "PLCLinkStatus"): [
        (range(1, 2), _joins), (range(2, 3), _leaves), (range(3, 5), _must_not_join), (range(5, 6), _joins),
        (range(6, 8), _starts_over), (range(8, 9), stays_out)],
    ("AC", "PLCLinkStatus"): [(range(3, 6), _loses_link), (range(7, 9), _loses_link)],
}  # fmt: skip
