"""Steps shared by the scripts: a held request, a whole session, the vehicle continues or gives up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from plugfest.conformance.catalogue import timer
from plugfest.conformance.catalogue.durations import CLOSE
from plugfest.conformance.catalogue.protocols import energy
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.course import Course
from plugfest.conformance.evcc.reactions import gives_up as judge
from plugfest.conformance.evcc.reactions import loops
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.fields import replaced
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.watch.flow import Measured
from plugfest.conformance.wire import Arrival

PACE = timer("V2G_EVCC_Sequence_Performance_Time")
"""Maximum time from a response to the next request, s."""


async def hold(tester: TesterEvse, name: str, right: Callable[[Arrival], bool] = lambda arrival: True) -> Arrival:
    """Plugs in and serves the good case up to a request, which is held."""
    caught = tester.catch(lambda arrival: arrival.name == name and right(arrival))
    await tester.plug()
    return await tester.held(caught, name)


async def whole_session(tester: TesterEvse, result: Result, rounds: int = 3) -> None:
    """A good-case session, ended by the charger after some rounds.

    Raises:
        Inconclusive: it does not complete.
    """
    tester.answers.stops_after = rounds
    await tester.plug()
    done = await tester.wait_for(lambda: tester.over, 300.0)
    names = [arrival.name for arrival in tester.requests]
    if not done or loop_name(tester) not in names or "SessionStopReq" not in names:
        raise Inconclusive(
            f"no whole session: {', '.join(dict.fromkeys(names)) or 'no request'}", cause=Cause.NO_REQUEST
        )


async def gives_up(tester: TesterEvse, result: Result, held: Arrival, within: float = CLOSE) -> None:
    """Judges as EX.EV_GIVES_UP does, from now on."""
    course = Course(tester, result, request=held, answered=tester.now)
    await judge(course, from_=tester.now + within - CLOSE)


Change = Callable[[TesterEvse, Arrival, Any], Any]
"""Makes another response from the held request and its good response."""


class Way(NamedTuple):
    """Another answer: the request, what becomes of its good response, and whether each field can have its value."""

    request: str
    change: Change
    facets: bool = True


async def ends_on(tester: TesterEvse, result: Result, way: Way) -> None:
    """The vehicle ends the session because of another answer."""
    held = await hold(tester, way.request)
    await tester.reply(way.change(tester, held, await tester.good(held)), facets=way.facets)
    await gives_up(tester, result, held)


async def goes_on(tester: TesterEvse, result: Result, held: Arrival, within: float = PACE) -> Arrival:
    """The request after the held one.

    Raises:
        Failed: there is none.
    """
    await tester.wait_for(lambda: tester.after(held) or tester.over, within)
    later = tester.after(held)
    result.saw("the vehicle goes on", later[0].name if later else "no request")
    if not later:
        raise Failed("the vehicle did not go on", cause=Cause.NO_REQUEST, expected="the vehicle goes on")
    return later[0]


async def loops_more(tester: TesterEvse, count: int) -> None:
    """Waits for some more rounds of the loop, or for the end."""
    wanted = tester.answers.loops + count
    await tester.wait_for(lambda: tester.answers.loops >= wanted or tester.over, 60.0)


def delivers(arrival: Arrival, progress: str) -> bool:
    """A PowerDeliveryReq with this progress, in either protocol."""
    message = arrival.message
    if arrival.name != "PowerDeliveryReq":
        return False
    ready = getattr(message, "ReadyToChargeState", None)
    return bool(ready is (progress == "Start")) if ready is not None else str(message.ChargeProgress) == progress


async def until_delivery(tester: TesterEvse, result: Result, progress: str, within: float) -> Arrival:
    """The vehicle's PowerDeliveryReq with this progress.

    Raises:
        Failed: it does not come in time.
    """
    began, place = tester.now, len(tester.requests)

    def right() -> list[Arrival]:
        return [one for one in tester.requests[place:] if delivers(one, progress)]

    came = await tester.wait_for(lambda: right() or tester.over, within)
    result.saw(
        f"PowerDeliveryReq {progress} within {within:g} s", f"after {tester.now - began:.3f} s" if right() else "-"
    )
    if not came or not right():
        raise Failed(
            f"no PowerDeliveryReq {progress} within {within:g} s",
            cause=Cause.NO_REQUEST,
            expected="PowerDeliveryReq in time",
        )
    return right()[0]


async def charging(tester: TesterEvse, rounds: int = 3) -> None:
    """Plugs in and waits for some rounds of the loop."""
    await tester.plug()
    await loops(tester, tester.answers.loops + rounds)


def drawn(tester: TesterEvse) -> Measured:
    """What the vehicle draws.

    Raises:
        Inconclusive: nothing measures that, and an outlet of AC does not know it.
    """
    measured = tester.measured()
    if measured is None:
        raise Inconclusive("nothing on this bench measures what the vehicle draws", cause=Cause.NO_METER)
    return measured


def loop_name(tester: TesterEvse) -> str:
    return tester.protocol.loop(energy(tester.pics.ac))


def change_loop(tester: TesterEvse, *changes: tuple[str, Any]) -> None:
    """From now on, changes these fields of the loop's responses."""

    def override(request: Any, response: Any) -> Any:
        for name, value in changes:
            response = replaced(response, name, value)
        return response

    tester.answers.overrides[loop_name(tester)] = override
