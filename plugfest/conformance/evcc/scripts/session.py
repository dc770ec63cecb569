"""Whole sessions: order and pace of the requests, session id, pilot, and the end."""

from __future__ import annotations

from typing import Any

from boundary.text import apart, counted
from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.catalogue.durations import CLOSE, DELAY
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.steps import delivers, gives_up, hold, loop_name, whole_session
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse, made
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Arrival
from slac.pilot import READY, State
from v2g.sequence import Sequence


def _changed(result: Result, state: str, at: float | None, request: Arrival, within: float) -> None:
    """The pilot went to a state no later than ``within`` s after a request."""
    when = f"{apart(at - request.time)} {request.name}" if at is not None else "never"
    due = f"{state} at most {within:.2f} s after {request.name}"
    result.saw(due, when)
    if at is None or at > request.time + within:
        text = f"the pilot went to {state} {when}" if at is not None else f"the pilot never went to {state}"
        raise Failed(text, cause=Cause.TOO_LATE, expected=due, observed=when)


@SCRIPTS.on("PF_EVCC_ISO2_CpTiming_Start", "PF_EVCC_ISO2_CpTiming_Stop")
async def pilot_timing(tester: TesterEvse, run: Run, result: Result) -> None:
    """C or D and back to B at the right requests, as IEC 61851-1 and the standard require."""
    if tester.system.pilot.state is None:
        raise Inconclusive("pilot hardware is needed", cause=Cause.NO_PILOT)
    await whole_session(tester, result)

    def change(states: Any, after: float) -> float | None:
        return next((time for time, reading in tester.pilots if time >= after and reading.state in states), None)

    start = next(one for one in tester.requests if delivers(one, "Start"))
    stop = next(one for one in tester.requests if delivers(one, "Stop"))
    ready = change(READY, 0.0)
    if run.case.id.endswith("Start"):
        first = start if tester.pics.ac else next(one for one in tester.requests if one.name == "CableCheckReq")
        within = (0.25 if tester.pics.ac else 0.0) + 0.01
        _changed(result, "C or D", ready, first, within)
        return
    back = change((State.B,), stop.time - 0.01)
    last = next((one for one in tester.requests if one.time > stop.time), None)
    limit = stop.time + 0.26 if tester.pics.ac else (last.time if last is not None else stop.time + 5.0) + 0.01
    _changed(result, "B", back, stop, limit - stop.time)


@SCRIPTS.on("PF_EVCC_ISO2_RequestOrder")
async def order(tester: TesterEvse, run: Run, result: Result) -> None:
    """The sequence table allows every request; what only many chargers tolerate is a finding of the watch."""
    await whole_session(tester, result)
    sequence = Sequence(tester.protocol.order, dc=not tester.pics.ac)
    answers = [reply.message for reply in tester.replied]
    for place, arrival in enumerate(tester.requests):
        if arrival.name.startswith("supported"):
            continue
        if sequence.verdict(arrival.message) == "illegal":
            raise Failed(
                f"{arrival.name} after {sequence.last}, expected {sequence.expected()}",
                cause=Cause.WRONG_MESSAGE,
                expected="a request that the order allows",
            )
        sequence.advance(arrival.message, answers[min(place, len(answers) - 1)])
    result.saw("every request is one the table allows", counted(len(tester.requests), "request"))


LOOP = 1.0
"""s between a response of the loop and the next request at most."""


@SCRIPTS.on("PF_EVCC_ISO2_RequestTiming")
async def pace(tester: TesterEvse, run: Run, result: Result) -> None:
    """No request comes too late after the previous response."""
    await whole_session(tester, result, rounds=10)
    gaps = [
        (arrival.time - reply.time, arrival.name)
        for reply, arrival in zip(tester.replied, tester.requests[1:], strict=False)
    ]
    worst, name = max(gaps)
    loop = max((gap for gap, name in gaps if name == loop_name(tester)), default=0.0)
    result.saw("at most 40 s between response and request", f"{worst:.3f} s before {name}; {loop:.3f} s in the loop")
    limit = timer("V2G_EVCC_Sequence_Performance_Time")
    if worst > limit + tester.delay:
        raise Failed(
            f"{name} came {worst:.3f} s after the response before it",
            cause=Cause.TOO_LATE, expected=f"the next request within {limit:g} s",
        )  # fmt: skip
    if loop > LOOP + tester.delay:
        raise Failed(
            f"{loop_name(tester)} came {loop:.3f} s after the response before it",
            cause=Cause.TOO_LATE, expected=f"the next request of the loop within {LOOP:g} s",
        )  # fmt: skip


@SCRIPTS.on("PF_EVCC_ISO2_SessionIdKept")
async def session_kept(tester: TesterEvse, run: Run, result: Result) -> None:
    """Every request carries the session id of SessionSetupRes."""
    await whole_session(tester, result)
    own = tester.wire.session.id
    wrong = [one for one in tester.requests[2:] if one.session_id != own]
    result.saw(f"every request carries {own.hex()}", f"{len(wrong)} do not")
    if wrong:
        raise Failed(
            f"{wrong[0].name} carries session id {wrong[0].session_id.hex()}",
            cause=Cause.WRONG_SESSION,
            expected="the session id of SessionSetupRes",
        )


# ---------------------------------------------------------------------------------------------------------------
# SessionStop: cases for which only the names are public


async def _stopped(tester: TesterEvse, result: Result, code: str) -> None:
    """SessionStopRes with a code: the vehicle closes in time."""
    tester.answers.stops_after = 3
    await hold(tester, "SessionStopReq")
    await tester.reply(made(tester, "SessionStopRes", code))
    closed = await tester.closed(tester.now + CLOSE + DELAY + tester.delay)
    result.saw("TCP closed within 5 s", "closed" if closed is not None else "open")
    if closed is None:
        raise Failed(
            "TCP is still open after SessionStopRes",
            cause=Cause.STILL_OPEN,
            expected="TCP closed by the vehicle in time",
        )


@SCRIPTS.on("TC_EVCC_CMN_VTB_SessionStop_001", "TC_EVCC_CMN_VTB_SessionStop_004")
async def session_stop(tester: TesterEvse, run: Run, result: Result) -> None:
    """SessionStopRes OK: the vehicle closes in time."""
    await _stopped(tester, result, "OK")


@SCRIPTS.on("TC_EVCC_CMN_VTB_SessionStop_003")
async def session_stop_failed(tester: TesterEvse, run: Run, result: Result) -> None:
    """SessionStopRes FAILED: the vehicle closes anyway."""
    await _stopped(tester, result, "FAILED")


@SCRIPTS.on("TC_EVCC_CMN_VTB_SessionStop_005")
async def session_stop_silent(tester: TesterEvse, run: Run, result: Result) -> None:
    """No SessionStopRes: the vehicle gives up at its message timer."""
    tester.answers.stops_after = 3
    held = await hold(tester, "SessionStopReq")
    await gives_up(tester, result, held, within=timer("V2G_EVCC_Msg_Timeout_SessionStopReq") + CLOSE)
