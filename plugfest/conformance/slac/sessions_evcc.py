"""Cases with a vehicle under test that need SLAC and a session: the tester is a charger that matches and charges.

In a pause the tester takes its duty away and keeps the network; what the vehicle does on the pilot, on the line and
with discovery until it wakes up is seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plugfest.conformance.catalogue import timer
from plugfest.conformance.cause import Cause, Severity
from plugfest.conformance.evcc.reactions import loops
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.slac.both import give_map
from plugfest.conformance.slac.charger import DIGITAL, STEADY, Charger
from plugfest.conformance.slac.sessions_secc import EARLY, WAKES_WITHIN, gone, pilot_seen
from plugfest.conformance.stimulus import source
from plugfest.conformance.stops import cause_of
from plugfest.conformance.sut.systems import VehicleBehindLine
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from secc.plan import Slot
from slac import frames
from slac.pilot import State
from slac.timing import STANDARD as T
from v2g.protocols import ISO2

if TYPE_CHECKING:
    from plugfest.conformance.sut.bench import Bench

ROUNDS = 3
"""Rounds of the charging loop before a session is paused or ended."""

CHARGES_FOR = 20
"""s of power before a schedule falls to 0 W."""

WATTS = 10_000.0
"""What a schedule allows otherwise."""

PAUSES_WITHIN = 60.0
"""s that a vehicle has from the reason to pause until SessionStopReq."""

PULSE = (0.15, 0.45)
"""s: shortest and longest C of a toggle, 0.2 to 0.4 s and 50 ms for the edges."""

AGAIN = 1.5
"""s after a toggle in which the duty may come: no charger can answer a second one any sooner."""


@dataclass
class Host:
    """The tester as the vehicle's charger: on the line and in the session.

    Attributes:
        post: on the line.
        evse: in the session.
        result: of the case.
        asleep: when the duty went off for the pause.
        paused_id: id of the session that was paused.
    """

    post: Charger
    evse: TesterEvse
    result: Result
    asleep: float = 0.0
    paused_id: bytes = b""

    @property
    def now(self) -> float:
        return self.post.now

    def param(self, name: str) -> float:
        """A declared time, s."""
        return float(self.post.system.pics[name])

    # -- to the precondition ------------------------------------------------------------------------------------------

    async def paused(self, within: float = PAUSES_WITHIN) -> None:
        """The vehicle pauses its session; then the duty goes off.

        Raises:
            Inconclusive: it does not pause.
        """
        evse = self.evse
        await evse.wait_for(lambda: _stopped(evse) or evse.over, within)
        stop = _stopped(evse)
        if stop != "Pause":
            last = evse.requests[-1].name if evse.requests else "nothing"
            raise Inconclusive(f"the vehicle did not pause; its last request was {stop or last}", cause=Cause.POINTLESS)
        await evse.wait_for(lambda: evse.wire.closed_at is not None, 10.0)
        self.paused_id = evse.requests[-1].session_id
        self.post.forget()
        self.post.pilot.offer(STEADY)
        self.asleep = self.now

    # -- judged -------------------------------------------------------------------------------------------------------

    async def sleeps(self, seconds: float) -> None:
        """Nothing from the vehicle until so long after the pause began.

        Raises:
            Failed: it toggles, looks for a charger, or matches.
        """
        await self._toggle(self.asleep + seconds, wanted=False)
        self.result.saw(f"asleep for {seconds:g} s", "as expected")

    async def toggles(self, until_: float) -> None:
        """B-C-B until a loop time.

        Raises:
            Failed: it does not come.
        """
        expected = f"B-C-B within {until_ - self.asleep:g} s of the pause"
        if not await self._toggle(until_, wanted=True):
            self.result.saw(expected, "none")
            raise Failed("the vehicle did not toggle", expected=expected, observed="none", cause=Cause.PILOT_STATE)
        self.result.saw(expected, f"after {self.now - self.asleep:.1f} s")

    async def _toggle(self, end: float, *, wanted: bool) -> bool:
        """Whether a toggle came until ``end``; discovery and SLAC must not come before it."""
        evse, asked = self.evse, len(self.evse.asked)
        while True:
            if pulse := _pulse(evse, self.asleep):
                if not wanted:
                    text = f"the vehicle toggled {pulse[0] - self.asleep:.1f} s after the pause began"
                    raise Failed(text, expected="a vehicle that sleeps", observed="B-C-B", cause=Cause.WRONG_FIELD)
                low, high = PULSE
                if not low <= pulse[1] <= high:
                    text = f"C for {pulse[1]:.2f} s"
                    raise Failed(
                        f"a toggle with {text}", expected="0.2 to 0.4 s", observed=text, cause=Cause.PILOT_STATE
                    )
                return True
            if len(evse.asked) > asked:
                raise Failed(
                    "the vehicle looks for a charger during its pause",
                    expected="no SDP",
                    observed="SDP request",
                    cause=Cause.UNWANTED_MESSAGE,
                )
            if self.now >= end:
                return False
            frame = await self.post.any(min(0.05, max(end - self.now, 0.001)))
            if frame is not None and isinstance(frame.message, frames.CM_SLAC_PARM_REQ):
                raise Failed(
                    "the vehicle starts a new matching during its pause",
                    expected="silence",
                    observed=frame.name,
                    cause=Cause.UNWANTED_MESSAGE,
                )

    async def offer(self) -> None:
        """The duty again, as soon as it may be: T_step_X1 after it went off."""
        await asyncio.sleep(max(self.asleep + T.T_step_X1 - self.now, 0.0))
        self.post.pilot.offer(DIGITAL)

    async def back(self) -> None:
        """The link with the old keys, then discovery, then the session with its old id.

        Raises:
            Failed: it does not come, or with an id that is neither the old one nor that of a new session.
            Inconclusive: the vehicle starts a new matching instead.
        """
        evse, asked, place = self.evse, len(self.evse.asked), len(self.evse.requests)
        await self.post.joined(T.T_conn_resume)
        await self.discovers(timer("V2G_SECC_CommunicationSetup_Performance_Time"), asked)
        self._toggled_once()
        await evse.wait_for(lambda: _named(evse, place), timer("V2G_SECC_CommunicationSetup_Performance_Time"))
        if (given := _named(evse, place)) is not None:
            self._resumes(given)

    def _toggled_once(self) -> None:
        """One B-C-B wakes a charger; each further one needs a reason: that no duty came."""
        times = [began for began, _ in _pulses(self.evse, self.asleep)]
        if any(later - time < AGAIN for time, later in itertools.pairwise(times)):
            self.result.find(
                f"the vehicle toggled {len(times)} times to wake the charger; it waits for the duty after each B-C-B",
                Severity.READING,
                Cause.PILOT_STATE,
            )

    def _resumes(self, given: bytes) -> None:
        expected = f"SessionSetupReq with the paused session's id, {self.paused_id.hex()}"
        self.result.saw(expected, given.hex())
        if given == self.paused_id:
            return
        if any(given):
            raise Failed(
                f"after a pause SessionSetupReq has the session id {given.hex()}, not that of the paused session",
                expected=expected, observed=given.hex(), cause=Cause.WRONG_SESSION, rule="V2G2-740",
            )  # fmt: skip
        self.result.find(
            "the vehicle begins a new session after a pause instead of resuming the old one",
            Severity.READING,
            Cause.WRONG_SESSION,
        )

    async def discovers(self, within: float, asked: int = 0) -> None:
        """An SDP request comes, after the first ``asked`` ones."""
        expected, end = f"SDP request within {within:g} s", self.now + within
        while len(self.evse.asked) <= asked:
            if self.now >= end:
                self.result.saw(expected, "none")
                raise Failed("no SDP request", expected=expected, observed="none", cause=Cause.NOT_CONNECTED)
            frame = await self.post.any(0.05)
            if frame is not None and isinstance(frame.message, frames.CM_SLAC_PARM_REQ):
                raise Inconclusive("the vehicle started a new matching", cause=Cause.NEW_MATCHING)
        self.result.saw(expected, "as expected")


def _stopped(evse: TesterEvse) -> str:
    """What the vehicle's SessionStopReq says, or ""."""
    last = evse.requests[-1] if evse.requests else None
    return str(getattr(last.message, "ChargingSession", "") or "") if last is not None else ""


def _named(evse: TesterEvse, place: int) -> bytes | None:
    """The session id of the first SessionSetupReq from that request on."""
    later = evse.requests[place:]
    return next((one.session_id for one in later if one.name == "SessionSetupReq"), None)


def _pulses(evse: TesterEvse, since: float) -> Iterator[tuple[float, float]]:
    """When each C after a moment began that has ended by now, and how long it was."""
    began: float | None = None
    for time, reading in evse.pilots:
        if time < since:
            continue
        if reading.state is State.C:
            began = time if began is None else began
        elif began is not None:
            yield began, time - began
            began = None


def _pulse(evse: TesterEvse, since: float) -> tuple[float, float] | None:
    """The first of them."""
    return next(_pulses(evse, since), None)


@contextlib.asynccontextmanager
async def at_vehicle(
    system: VehicleBehindLine,
    bench: Bench,
    result: Result,
    *,
    pilot: bool = False,
    first: Callable[[Charger], Awaitable[None]] | None = None,
) -> AsyncIterator[Host]:
    """A charger that is matched, its link up, and that serves the vehicle; it is gone with the context.

    Args:
        pilot: the case needs one that can be seen and driven.
        first: done as soon as the link is up.

    Raises:
        Inconclusive: the vehicle cannot be matched, or there is no address behind the line.
    """
    post = Charger(system, result, bench.observe, bench.seed)
    if pilot:
        await pilot_seen(post)
    async with post.open():
        await post.reach("LINK")
        if first is not None:
            await first(post)
        vehicle = await system.session()
        evse = TesterEvse(vehicle, bench.pics, ISO2, bench.observe, source(bench.seed, result.run), bench.tls)
        if bench.certificates is not None:
            evse.take(bench.certificates)
        try:
            async with evse.serving():
                yield Host(post, evse, result)
        finally:
            await evse.leave()


async def _charging(host: Host) -> None:
    """The vehicle is in the charging loop."""
    await loops(host.evse, ROUNDS)


# ---------------------------------------------------------------------------------------------------------------
# Cases


async def _after_map(system: VehicleBehindLine, bench: Bench, result: Result) -> None:
    """The tester's map is taken, then the vehicle looks for the charger."""

    async def first(post: Charger) -> None:
        try:
            await give_map(post, [{}])
        except Failed as why:
            raise Inconclusive(f"maps were not exchanged: {why}", cause=cause_of(why)) from why

    async with at_vehicle(system, bench, result, first=first) as host:
        await host.discovers(timer("V2G_SECC_CommunicationSetup_Performance_Time"))


@contextlib.asynccontextmanager
async def _paused(system: VehicleBehindLine, bench: Bench, result: Result) -> AsyncIterator[Host]:
    """A vehicle that was paused by hand."""
    async with at_vehicle(system, bench, result, pilot=True) as host:
        await _charging(host)
        if not await host.evse.system.do("pause"):
            raise Inconclusive("nothing on this bench can pause the vehicle", cause=Cause.NO_ACTION)
        await host.paused()
        yield host


async def _woken_by_evse(system: VehicleBehindLine, bench: Bench, result: Result) -> None:
    """The duty after a pause: the link with the old keys, and discovery."""
    async with _paused(system, bench, result) as host:
        await host.sleeps(host.param("PICS_CMN_CMN_WakeUp"))
        await host.offer()
        await host.back()


async def _wakes_itself(system: VehicleBehindLine, bench: Bench, result: Result) -> None:
    """B-C-B when the vehicle has declared to wake up; after the duty the link with the old keys, and discovery."""
    async with _paused(system, bench, result) as host:
        declared, most = host.param("PIXIT_CMN_CMN_WakeUp"), host.param("PICS_CMN_CMN_WakeUp")
        await host.sleeps(max(declared - EARLY, 0.0))
        await host.toggles(host.asleep + most + WAKES_WITHIN)
        await host.offer()
        await host.back()


def _without_power(*, charges: bool) -> Script:
    """A schedule step of 0 W, at the start or after some charging: the vehicle pauses until it ends."""

    async def carry_out(system: VehicleBehindLine, bench: Bench, result: Result) -> None:
        async with at_vehicle(system, bench, result, pilot=True) as host:
            evse, begin, seconds = host.evse, CHARGES_FOR if charges else 0, round(host.param("par_SECC_Pmax0W"))
            slots = (Slot(begin, 0.0), Slot(begin + seconds, WATTS))
            evse.evse.schedule = (Slot(0, WATTS), *slots) if charges else slots
            told = "ChargeParameterDiscoveryRes"
            if not await evse.wait_for(lambda: any(name == told for _, name, _ in evse.replied), PAUSES_WITHIN):
                raise Inconclusive("the vehicle did not reach its schedule", cause=Cause.NO_REQUEST)
            if charges:
                await _charging(host)
            await host.paused(begin + PAUSES_WITHIN)
            base = next(time for time, name, _ in reversed(evse.replied) if name == told)
            end = base + begin + seconds
            await host.sleeps(end - EARLY - host.asleep)
            most = host.param("PICS_CMN_CMN_WakeUp") - seconds + WAKES_WITHIN
            await host.toggles(end + most)
            await host.offer()
            await host.back()

    return carry_out


async def _left(system: VehicleBehindLine, bench: Bench, result: Result) -> None:
    """A session ends with Terminate: then the vehicle is no longer in the network."""
    async with at_vehicle(system, bench, result) as host:
        evse = host.evse
        await _charging(host)
        evse.answers.stops_after = evse.answers.loops + 1
        await evse.wait_for(lambda: _stopped(evse) or evse.over, PAUSES_WITHIN)
        if _stopped(evse) != "Terminate":
            last = evse.requests[-1].name if evse.requests else "nothing"
            raise Inconclusive(
                f"the session did not end with Terminate; the last request was {last}", cause=Cause.POINTLESS
            )
        await evse.wait_for(lambda: evse.wire.closed_at is not None, 10.0)
        await asyncio.sleep(T.TP_match_leave)
        await gone(host.post)


Script = Callable[[Any, "Bench", Result], Awaitable[None]]

SCRIPTS: dict[tuple[str, str], Sequence[tuple[range, Script]]] = {
    ("CMN", "CmAmpMap"): [(range(8, 9), _after_map)],
    ("AC", "PLCLinkStatus"): [
        (range(1, 2), _woken_by_evse), (range(2, 3), _wakes_itself), (range(6, 7), _left),
        (range(9, 10), _without_power(charges=False)), (range(10, 11), _without_power(charges=True))],
    ("DC", "PLCLinkStatus"): [
        (range(1, 2), _woken_by_evse), (range(2, 3), _wakes_itself), (range(3, 4), _left),
        (range(4, 5), _without_power(charges=False)), (range(5, 6), _without_power(charges=True))],
}  # fmt: skip
