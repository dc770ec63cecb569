"""Cases with a charger under test that need SLAC and a session: the tester is a vehicle that matches and charges.

Wake-ups are judged by the pilot's duty and by the link: the tester's modem keeps the key of the match through the
pause, so that a link shows that the charger has kept it too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plugfest.conformance.catalogue import timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc.generations import new_tester
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.secc.walk import WALK
from plugfest.conformance.slac.both import asks_for_map
from plugfest.conformance.slac.tester import AnyTester
from plugfest.conformance.slac.vehicle import Vehicle
from plugfest.conformance.stimulus import source
from plugfest.conformance.stops import cause_of
from plugfest.conformance.sut.systems import ChargerBehindLine
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from slac.keys import new_nmk, nid_of
from slac.pilot import Offer, Reading, State, toggle, until
from slac.timing import STANDARD as T
from slac.timing import rule_of
from v2g.protocols import ISO2

if TYPE_CHECKING:
    from plugfest.conformance.sut.bench import Bench

WAKES_WITHIN = 5.0
"""s that a system may be later with its own wake-up than it declares."""

EARLY = 1.0
"""s that it may be earlier: the pause begins a little sooner for it."""

LONGEST_EF = 8.5
"""s: T_step_EF at most, and some."""


def offered(reading: Reading) -> bool:
    """Whether there is a duty that says something."""
    return reading.offer is not None and reading.offer[0] is not Offer.NOTHING


@dataclass
class Guest:
    """The tester at the charger: on the line and in the session.

    Attributes:
        ev: on the line.
        walk: in the session.
        result: of the case.
        asleep: when the duty went off for the pause.
    """

    ev: Vehicle
    walk: TesterEv
    result: Result
    asleep: float = 0.0

    @property
    def now(self) -> float:
        return self.ev.now

    def param(self, name: str) -> float:
        """A declared time, s."""
        return float(self.ev.system.pics[name])

    # -- to the precondition ------------------------------------------------------------------------------------------

    async def pause(self) -> None:
        """A session, paused: the duty goes off, the charger sleeps.

        Raises:
            Inconclusive: it does not get there.
        """
        await self.walk.until("PowerDelivery.Stop")
        try:
            await WALK["Pause"](self.walk)
        except Failed as why:
            raise Inconclusive(f"the session could not be paused: {why}", cause=cause_of(why)) from why
        self.asleep = self.now

    async def sleep(self, seconds: float) -> None:
        """Nothing for so long after the pause began.

        Raises:
            Inconclusive: the charger woke up meanwhile.
        """
        left = self.asleep + seconds - self.now
        if await until(self.ev.pilot, offered, max(left, 0.0)):
            raise Inconclusive(
                f"the charger woke up {self.now - self.asleep:.1f} s after the pause began", cause=Cause.POINTLESS
            )

    # -- judged -------------------------------------------------------------------------------------------------------

    async def toggle(self) -> None:
        """B-C-B."""
        await toggle(self.ev.pilot, pulse=T.TP_EV_vald_state_duration)

    async def duty(self, within: float, since: float) -> float:
        """The duty comes, at most this many seconds after ``since``; when.

        Raises:
            Failed: it does not, or E or F come instead.
        """
        expected = f"5 % (or a nominal duty in AC) within {within:g} s"
        if not await until(self.ev.pilot, offered, max(since + within - self.now, 0.0)):
            seen = self.ev.pilot.reading.label
            self.result.saw(expected, seen)
            raise Failed(f"no duty after {within:g} s", expected=expected, observed=seen, cause=Cause.PILOT_DUTY)
        duty = self.ev.pilot.reading.duty
        digital = duty is not None and 3.0 <= duty <= 7.0
        self.result.saw(expected, f"{duty:g} % after {self.now - since:.1f} s")
        if not digital and not self.ev.system.pics.ac:
            raise Failed(f"a duty of {duty:g} % in DC", expected="5 %", observed=f"{duty:g} %", cause=Cause.PILOT_DUTY)
        return self.now

    async def link(self) -> None:
        """The link with the old keys, within T_conn_resume."""
        await self.ev.joined(T.T_conn_resume)

    async def sdp(self) -> None:
        """The charger answers discovery."""
        await self.walk.system.plug()
        await WALK["SDP"](self.walk)
        self.result.saw("SDP response", "as expected")


@contextlib.asynccontextmanager
async def at_charger(
    system: ChargerBehindLine, bench: Bench, result: Result, *, pilot: bool = False
) -> AsyncIterator[Guest]:
    """A vehicle that is matched, its link up; it is gone with the context.

    Args:
        pilot: the case needs one that can be seen and driven.

    Raises:
        Inconclusive: the charger cannot be matched, or has no address behind the line.
    """
    ev = Vehicle(system, result, bench.observe, bench.seed)
    if pilot:
        await pilot_seen(ev)
    async with ev.open():
        await ev.reach("LINK")
        charger = await system.session()
        walk = new_tester(charger, bench.pics, ISO2, bench.observe, source(bench.seed, result.run), bench.tls)
        if bench.certificates is not None:
            walk.take(bench.certificates)
        try:
            yield Guest(ev, walk, result)
        finally:
            await walk.leave()


async def pilot_seen(tester: AnyTester, within: float = 1.0) -> None:
    """A board tells what it measures soon after it was opened.

    Raises:
        Inconclusive: there is none.
    """
    await until(tester.pilot, lambda reading: reading.state is not None and reading.duty is not None, within)
    tester.need_pilot()


async def _ready(guest: Guest) -> None:
    """The charger's higher layers have heard of the link."""
    await asyncio.sleep(rule_of("TP_link_ready_notification").high or T.TP_link_ready_notification)


# ---------------------------------------------------------------------------------------------------------------
# Cases


async def _after_map(system: ChargerBehindLine, bench: Bench, result: Result) -> None:
    """The charger's map is taken, then it answers discovery."""
    async with at_charger(system, bench, result) as guest:
        try:
            await asks_for_map(guest.ev, [{"reply": "CM_AMP_MAP.CNF", "fields": {"result": 0}}])
        except Failed as why:
            raise Inconclusive(f"maps were not exchanged: {why}", cause=cause_of(why)) from why
        await _ready(guest)
        await guest.sdp()


async def _woken_by_ev(system: ChargerBehindLine, bench: Bench, result: Result) -> None:
    """B-C-B in a pause: the duty, and the link with the old keys."""
    async with _paused(system, bench, result) as guest:
        await guest.sleep(guest.param("PICS_CMN_CMN_WakeUp"))
        began = guest.now
        await guest.toggle()
        await guest.duty(T.T_conn_max_comm, began)
        await guest.link()


async def _answers_after_wake_up(system: ChargerBehindLine, bench: Bench, result: Result) -> None:
    """B-C-B in a pause: the duty, then discovery is answered."""
    async with _paused(system, bench, result) as guest:
        await guest.sleep(guest.param("PICS_CMN_CMN_WakeUp"))
        began = guest.now
        await guest.toggle()
        await guest.duty(T.T_conn_max_comm, began)
        await guest.link()
        await _ready(guest)
        await guest.sdp()


async def _wakes_itself(system: ChargerBehindLine, bench: Bench, result: Result) -> None:
    """The charger wakes up when it has declared to: the duty, the link with the old keys, discovery answered."""
    async with _paused(system, bench, result) as guest:
        declared, most = guest.param("PIXIT_CMN_CMN_WakeUp"), guest.param("PICS_CMN_CMN_WakeUp")
        await guest.sleep(declared - EARLY)
        await guest.duty(most + WAKES_WITHIN, guest.asleep)
        await guest.link()
        await _ready(guest)
        await guest.sdp()


async def _not_back(system: ChargerBehindLine, bench: Bench, result: Result) -> None:
    """The vehicle toggles, but does not come back to the network: E or F, the duty again, and a new matching."""
    async with _paused(system, bench, result) as guest:
        ev = guest.ev
        other = new_nmk(ev.rng)
        await ev.set_key(nid_of(other), other)
        await guest.sleep(guest.param("PICS_CMN_CMN_WakeUp"))
        began = guest.now
        await guest.toggle()
        await guest.duty(T.T_conn_max_comm, began)
        expected = f"E or F within {T.T_conn_max_comm:g} s"
        if not await until(ev.pilot, _fault, max(began + T.T_conn_max_comm - guest.now, 0.0)):
            result.saw(expected, ev.pilot.reading.label)
            raise Failed(
                "no E or F although the link did not come",
                expected=expected,
                observed=ev.pilot.reading.label,
                cause=Cause.NO_REQUEST,
            )
        result.saw(expected, f"{ev.pilot.reading.label} after {guest.now - began:.1f} s")
        fell = guest.now
        back = await until(ev.pilot, lambda reading: not _fault(reading), LONGEST_EF)
        held = guest.now - fell
        result.saw("E or F for 4 to 8 s", f"{held:.1f} s")
        if not back or held < T.T_step_EF - 0.1:
            raise Failed(
                f"E or F for {held:.1f} s", expected="4 to 8 s", observed=f"{held:.1f} s", cause=Cause.PILOT_STATE
            )
        await guest.duty(T.T_conn_max_comm, guest.now)
        ev.run_id = ev.rng.randbytes(8)
        await ev.parm()


def _fault(reading: Reading) -> bool:
    return reading.state in (State.E, State.F)


async def _short_pause(system: ChargerBehindLine, bench: Bench, result: Result) -> None:
    """B-C-B soon after the pause began: the duty not before T_step_X1, but within T_conn_max_comm."""
    async with _paused(system, bench, result) as guest:
        await guest.sleep(guest.param("PICS_CMN_CMN_WakeUp"))
        shortest, began = guest.param("par_SECC_T_step_X1"), guest.now
        await guest.toggle()
        came = await guest.duty(T.T_conn_max_comm, began)
        expected = f"the duty off for {shortest:g} s"
        result.saw(expected, f"{came - guest.asleep:.2f} s")
        if came - guest.asleep < shortest - 0.1:
            raise Failed(
                f"the duty came {came - guest.asleep:.2f} s after the pause began",
                expected=expected,
                observed=f"{came - guest.asleep:.2f} s",
                cause=Cause.PILOT_DUTY,
            )


async def _left(system: ChargerBehindLine, bench: Bench, result: Result) -> None:
    """A session ends with Terminate: then the charger is no longer in the network."""
    async with at_charger(system, bench, result) as guest:
        await guest.walk.until("SessionStop")
        await asyncio.sleep(T.TP_match_leave)
        await gone(guest.ev)


async def gone(tester: AnyTester) -> None:
    """No other node in the network: at once where the line itself tells, else when the modem has noticed.

    Raises:
        Failed: there still is one.
        Inconclusive: the modem does not report it.
    """
    known = tester.system.linked() is not None
    try:
        await tester.joined(0.0 if known else timer("TT_link_status_response"), wanted=False)
    except Failed as why:
        text = f"it is still in the network {T.TP_match_leave:g} s after the session"
        raise Failed(text, expected="no other node in the network", observed=str(why), cause=Cause.LINK_KEPT) from why


@contextlib.asynccontextmanager
async def _paused(system: ChargerBehindLine, bench: Bench, result: Result) -> AsyncIterator[Guest]:
    async with at_charger(system, bench, result, pilot=True) as guest:
        await _ready(guest)
        await guest.pause()
        yield guest


Script = Callable[[Any, "Bench", Result], Awaitable[None]]

SCRIPTS: dict[tuple[str, str], Sequence[tuple[range, Script]]] = {
    ("CMN", "CmAmpMap"): [(range(8, 9), _after_map)],
    ("AC", "PLCLinkStatus"): [
        (range(2, 3), _woken_by_ev), (range(3, 4), _wakes_itself), (range(4, 5), _not_back), (range(8, 9), _left),
        (range(10, 11), _answers_after_wake_up), (range(12, 13), _short_pause)],
    ("DC", "PLCLinkStatus"): [
        (range(1, 2), _woken_by_ev), (range(2, 3), _wakes_itself), (range(3, 4), _not_back), (range(5, 6), _left),
        (range(6, 7), _answers_after_wake_up), (range(7, 8), _short_pause)],
}  # fmt: skip
