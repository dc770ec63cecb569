"""What a vehicle does next: it gives up properly, continues, charges. Cases, scripts and pytest judge alike."""

from __future__ import annotations

from boundary.text import apart
from plugfest.conformance.catalogue import timer
from plugfest.conformance.catalogue.durations import CLOSE, DELAY
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.course import Course
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.verdict import Failed, Inconclusive
from plugfest.conformance.wire import Arrival
from slac.pilot import State

STATE_B = timer("EVCC_StateB_Shutdown_Timeout")
SEQUENCE = timer("V2G_EVCC_Sequence_Performance_Time")
TO_CHARGE = 120.0
"""s from any answer to the charging loop."""


def harmless(arrival: Arrival) -> bool:
    """Requests that a vehicle may still send when it gives up: the stop of power, and the end of the session."""
    if arrival.name == "SessionStopReq":
        return True
    progress = getattr(arrival.message, "ChargeProgress", None)
    ready = getattr(arrival.message, "ReadyToChargeState", None)
    return arrival.name == "PowerDeliveryReq" and (progress == "Stop" or ready is False)


async def gives_up(course: Course, *, from_: float, timer: float | None = None) -> None:
    """EX.EV_GIVES_UP: no further charging request, pilot B, TCP closed in time.

    Args:
        from_: loop time at which it has to give up.
        timer: what expires then, s; it must not give up before. None: it has to at once.

    Raises:
        Failed: it does not, or does so too early.
    """
    tester, result = course.tester, course.result
    most = CLOSE + DELAY + tester.delay
    deadline = from_ + most
    while True:
        closed = await tester.closed(deadline)
        last = reply.time if (reply := tester.told("SessionStopRes")) is not None else 0.0
        if closed is None and last + most > deadline:
            deadline = last + most
            continue
        break
    # A repeated request is repeated until the timer expires; after any other, nothing may follow.
    over = from_ + tester.delay
    later = course.later if not course.others_go_on else [one for one in course.later if one.time > over]
    after = [arrival for arrival in later if not harmless(arrival)]
    ended = closed if closed is not None else tester.now
    signs = [one.time for one in course.later if harmless(one)]
    goes = min([ended, *signs])
    seen = f"closed {apart(ended - from_)} it had to" if closed is not None else "still connected"
    result.saw("the vehicle gives up", seen + (f", {after[0].name}" if after else ""))
    slack = DELAY if not course.others_go_on else DELAY + 0.3  # one round of the repetition
    if after:
        went, due = f"the vehicle went on with {after[0].name}", "no further request"
        if timer is not None and after[0].time > from_:
            went, due = f"{went} after {after[0].time - from_ + timer:.1f} s", f"{due} once {timer:g} s are over"
        raise Failed(
            went,
            expected=due,
            observed=after[0].name,
            cause=Cause.WENT_ON,
            at=after[0].time,
        )
    if timer is not None and goes < from_ - slack:
        text = f"the vehicle gave up {from_ - goes:.3f} s before its timer expired"
        raise Failed(text, expected=f"not before {timer:g} s", observed=text, cause=Cause.TOO_EARLY)
    if closed is None:
        raise Failed(
            f"TCP is still open {tester.now - from_:.1f} s after the vehicle had to give up",
            expected=f"TCP closed by the vehicle within {CLOSE:g} s",
            observed=seen,
            cause=Cause.STILL_OPEN,
        )
    await in_b(course, ended)


async def in_b(course: Course, since: float) -> None:
    """The pilot is in B, or gets there within EVCC_StateB_Shutdown_Timeout."""
    tester = course.tester
    pilot = tester.system.pilot
    if pilot.reading.state is None:
        course.result.not_observed.append("pilot B: no pilot hardware")
        return
    if pilot.reading.state in (State.E, State.F):
        return  # that is ours, and hides the vehicle's part
    reached = await pilot.wait(State.A, State.B, within=max(since + STATE_B + tester.delay - tester.now, 0.0))
    seen = pilot.state.value if pilot.state is not None else "?"
    course.result.saw("pilot B", seen)
    if not reached:
        raise Failed(f"the pilot is in {seen}", expected="pilot B", observed=seen, cause=Cause.PILOT_STATE)


async def goes_on(course: Course, since: float) -> Arrival | None:
    """The vehicle's next request after the held one; None if the session was complete.

    Raises:
        Failed: the vehicle does not continue, or ends a session that has not come as far as to the charging loop.
    """
    tester = course.tester
    await tester.wait_for(lambda: course.later or tester.hung_up, since + SEQUENCE - tester.now)
    if later := course.later:
        course.result.saw("the vehicle goes on", later[0].name)
        if harmless(later[0]) and _before_power(course):
            raise Failed(
                f"the vehicle ends its session with {later[0].name} instead of going on", expected="its next request",
                observed=later[0].name, cause=Cause.CLOSED,
            )  # fmt: skip
        return later[0]
    if course.held.name == "SessionStopReq" and tester.hung_up:
        course.result.saw("the vehicle closes", "closed")
        return None
    raise Failed(
        "the vehicle did not go on", expected="its next request", observed="no request", cause=Cause.NO_REQUEST
    )


def _before_power(course: Course) -> bool:
    """Whether the held request is of the way to the charging loop, from which no normal session ends."""
    steps = [one.name for one in course.tester.requests[: course.tester.requests.index(course.held) + 1]]
    looped = any(course.tester.protocol.is_loop(name) for name in steps)
    return not looped and not harmless(course.held)


async def comes_to_charge(course: Course) -> None:
    """The charging loop is reached.

    Raises:
        Failed: the vehicle ends its session before.
        Inconclusive: it does not get there for another reason.
    """
    tester, result = course.tester, course.result
    await tester.wait_for(lambda: tester.answers.loops or tester.over, TO_CHARGE)
    last = tester.requests[-1].name
    result.saw("the charging loop", "reached" if tester.answers.loops else last)
    if tester.over and not tester.answers.loops and not tester.answers.refused:
        raise Failed(
            f"the vehicle ended its session before the charging loop; its last request was {last}",
            expected="the charging loop", observed=last, cause=Cause.CLOSED,
        )  # fmt: skip
    await loops(tester, 1, 0.0)


async def loops(tester: TesterEvse, count: int, within: float = 120.0) -> None:
    """Waits for this number of rounds of the charging loop.

    Raises:
        Inconclusive: they do not come.
    """
    await tester.wait_for(lambda: tester.answers.loops >= count or tester.hung_up, within)
    if tester.answers.loops < count:
        last = tester.requests[-1].name if tester.requests else "nothing"
        why = f"; the tester refused {tester.answers.refused[-1]}" if tester.answers.refused else ""
        rounds = tester.answers.loops
        seen = f"had {rounds} of {count} rounds" if rounds else "was not reached"
        raise Inconclusive(f"the charging loop {seen}; the last request was {last}{why}", cause=Cause.NO_REQUEST)
