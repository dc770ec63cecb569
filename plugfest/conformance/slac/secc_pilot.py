"""SLAC cases with a charger under test where the pilot is what matters: a card shown at the charger, and a lost link.

A card makes the duty nominal: on E or F where nobody talks yet, directly where it was shown before plugging in, within
SECC_change_to_Nominal while SLAC runs. A lost link is followed by a step to E or F (option A), or by nothing (B).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from plugfest.conformance.catalogue import timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.slac.both import LOSS, Steps, left
from plugfest.conformance.slac.vehicle import LONGEST_STEP, Vehicle, fault, nominal, steady
from plugfest.conformance.verdict import Failed
from slac.pilot import CONNECTED, Reading, State, until
from slac.timing import STANDARD as T

Script = Callable[[Vehicle, Steps], Awaitable[None]]

DETECTED = 0.2
"""s until a changed duty is seen."""


# ---------------------------------------------------------------------------------------------------------------
# A card shown at the charger


async def _becomes_nominal(ev: Vehicle, within: float) -> None:
    found = await until(ev.pilot, nominal, within + DETECTED)
    ev.result.saw(f"10 to 96 % within {within:g} s", _shown(ev.pilot.reading))
    if not found:
        raise Failed(
            "the duty did not become nominal",
            expected="10 to 96 %",
            observed=_shown(ev.pilot.reading),
            cause=Cause.PILOT_DUTY,
        )


async def _after_plugging_in(ev: Vehicle, steps: Steps) -> None:
    """E or F, then the nominal duty, and SLAC at that."""
    ev.need_pilot()
    await ev.authorise()
    await ev.fault_step(T.T_conn_max_comm)
    await _becomes_nominal(ev, timer("T_step_X1"))
    await ev.walk("LINK")


async def _before_plugging_in(ev: Vehicle, steps: Steps) -> None:
    """The nominal duty at once, and SLAC at that."""
    ev.need_pilot()
    await ev.authorise()
    await ev.system.plug()
    ev.system.show(State.B)
    await _becomes_nominal(ev, T.T_conn_max_comm)
    await ev.walk("LINK")


async def _during_slac(ev: Vehicle, steps: Steps) -> None:
    """The duty becomes nominal in time, and the matching is not disturbed."""
    ev.need_pilot()
    began = ev.now
    await ev.authorise()
    await ev.sound()
    await ev.report()
    await ev.respond()
    await _becomes_nominal(ev, max(0.0, began + timer("SECC_change_to_Nominal") - ev.now))
    await ev.match()
    await ev.link()


AUTHORISED: Sequence[tuple[range, Script]] = (
    (range(1, 2), _after_plugging_in), (range(3, 4), _after_plugging_in), (range(4, 5), _before_plugging_in),
)  # fmt: skip
"""Of AC_CmSlacParm."""


# ---------------------------------------------------------------------------------------------------------------
# A lost link


class _Watch:
    """What the pilot shows from now on."""

    def __init__(self, ev: Vehicle) -> None:
        self.seen: list[tuple[float, Reading]] = [(ev.now, ev.pilot.reading)]
        self.close = ev.pilot.subscribe(lambda reading: self.seen.append((ev.now, reading)))

    def first(self, right: Callable[[Reading], bool], after: float = 0.0) -> float | None:
        """When it first showed this, at or after a time."""
        return next((time for time, reading in self.seen if time >= after and right(reading)), None)

    def __str__(self) -> str:
        start = self.seen[0][0]
        return ", ".join(f"{_shown(reading)} at {time - start:.1f} s" for time, reading in self.seen)


def _shown(reading: Reading) -> str:
    return reading.label if fault(reading) or reading.duty is None else f"{reading.label} {reading.duty:.0f} %"


def _stepping(*, steady_first: bool | None, dc: bool = False) -> Script:
    """It leaves, goes through E or F, and offers something again; ``steady_first``: 100 % before; None: a finding."""

    async def carry_out(ev: Vehicle, steps: Steps) -> None:
        ev.need_pilot()
        watch, began = _Watch(ev), ev.now
        try:
            await left(ev)
            await ev.stays_out(T.TT_match_join)
            await until(ev.pilot, lambda reading: reading.state in CONNECTED, LONGEST_STEP)
        finally:
            watch.close()
        cut = began + timer("SECC_waitForConnectionLoss")
        _judge(ev, watch, cut, steady_first, dc)

    return carry_out


def _judge(ev: Vehicle, watch: _Watch, cut: float, steady_first: bool | None, dc: bool) -> None:
    expected = f"{'' if steady_first is False else '100 %, '}E or F for 4 to 8 s, {'5 or 100 %' if dc else 'a duty'}"
    ev.result.saw(expected, str(watch))

    def wrong(why: str) -> Failed:
        return Failed(why, expected=expected, observed=str(watch), cause=Cause.PILOT_STATE)

    down = watch.first(fault, cut)
    if down is None:
        raise wrong("no step to E or F after the loss of the link")
    off = watch.first(steady, cut)
    in_time = off is not None and off < down and off <= cut + LOSS + T.T_conn_max_comm
    if steady_first and not in_time:
        raise wrong("the oscillator was not off before E or F")
    if steady_first is None and not in_time:
        ev.result.find("the oscillator was not off before E or F (it is uncertain whether it has to be)")
    up = watch.first(lambda reading: reading.state in CONNECTED, down)
    if up is None or not T.T_step_EF - 0.1 <= up - down <= LONGEST_STEP + 0.1:
        raise wrong(f"E or F {'without an end' if up is None else f'for {up - down:.1f} s'}")
    last = ev.pilot.reading
    if last.duty is None or not (3 <= last.duty <= 7 or last.duty >= 99 or (nominal(last) and not dc)):
        raise wrong(f"{_shown(last)} after E or F")


async def _staying(ev: Vehicle, steps: Steps) -> None:
    """It leaves; the pilot stays as it is, and a new SLAC is answered."""
    ev.need_pilot()
    before = ev.pilot.reading
    watch = _Watch(ev)
    try:
        await ev.cut()
        await asyncio.sleep(T.TP_match_leave + LOSS)
        ev.run_id = ev.rng.randbytes(8)
        await ev.parm()
        await ev.join()
        await ev.stays_out(T.TT_match_join)
    finally:
        watch.close()
    ev.result.saw(f"{_shown(before)} throughout", str(watch))
    if len(watch.seen) > 1:
        raise Failed(
            "the pilot did not stay as it was", expected=_shown(before), observed=str(watch), cause=Cause.PILOT_STATE
        )


SCRIPTS: dict[tuple[str, str], Sequence[tuple[range, Script]]] = {
    ("AC", "PLCLinkStatus"): (
        (range(1, 2), _during_slac), (range(9, 10), _during_slac), (range(5, 6), _stepping(steady_first=True)),
        (range(6, 7), _stepping(steady_first=None)), (range(7, 8), _staying),
        (range(11, 12), _stepping(steady_first=False))),
    ("DC", "PLCLinkStatus"): ((range(4, 5), _stepping(steady_first=True, dc=True)),),
}  # fmt: skip
