"""What the vehicle must do: the expectations of the catalogue, each read into a judgement.

What a bench cannot see is noted as not observed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from conformance import durations
from conformance.catalogue import timer
from conformance.describe import step_text
from conformance.durations import DELAY
from conformance.evcc.checks import CHECKS
from conformance.evcc.course import Action, Course
from conformance.evcc.reactions import gives_up, goes_on, in_b
from conformance.fields import found
from conformance.steps import Step, named_checks, only
from conformance.verdict import Failed, NotExecutable
from conformance.wire import Arrival

Steps = Sequence[Step]
"""All expectations of the case: some are judged together."""

_EV = {
    "EX.EV_GIVES_UP": "gives up",
    "EX.EV_GIVES_UP or goes on with PaymentDetailsReq": "either",
    "EX.EV_GIVES_UP no later than the message timer": "gives up",
    "EX.EV_GIVES_UP (derived)": "gives up",
    "goes on": "goes on",
}


def _ev(step: Step, expect: Steps) -> Action:
    only(step, "ev")
    kind = _EV.get(str(step["ev"]))
    if kind is None:
        raise NotExecutable(f"expectation in words: {step['ev']!r}")
    timers = [str(other["not_before"]) for other in expect if "not_before" in other]
    timers += ["V2G_EVCC_PreCharge_Timeout" for other in expect if "last_request" in other]
    seconds = durations.seconds(timers[0]) if timers else None

    async def judge(course: Course) -> None:
        if kind == "either":
            await asyncio.sleep(1.0)
        if kind == "either" and course.later and course.later[0].name == "PaymentDetailsReq":
            course.result.saw(step_text(step), "goes on with the contract it has")
            return
        if kind == "goes on":
            assert course.answered is not None
            await goes_on(course, course.answered)
            return
        # A timer of one message runs from its request, one of a repeated message from the first Ongoing answer.
        origin = course.origin or course.tester.now
        if seconds is None:
            await gives_up(course, from_=origin)
            return
        begin = course.held.time if not course.repeated else course.origin
        await gives_up(course, from_=begin + seconds, not_before=begin + seconds)

    return judge


def _nothing(step: Step, expect: Steps) -> Action:
    """Judged together with another expectation."""

    async def judge(course: Course) -> None:
        pass

    return judge


def _tcp_close(step: Step, expect: Steps) -> Action:
    only(step, "tcp_close", "from")
    limit = durations.seconds(str(step["tcp_close"]))

    async def judge(course: Course) -> None:
        tester = course.tester
        origin = course.origin or tester.now
        if "from" not in step:
            stops = [time for time, name, _ in tester.replied if name == "SessionStopRes"]
            origin = max([origin, *stops])
        closed = await tester.closed(origin + limit + 2 * DELAY)
        seen = f"{closed - origin:+.3f} s" if closed is not None else f"still open after {limit:g} s"
        course.result.saw(step_text(step), seen)
        if closed is None:
            raise Failed(f"TCP is still open after {limit:g} s", expected="TCP closed by the vehicle", observed=seen)

    return judge


def _cp_seen(step: Step, expect: Steps) -> Action:
    only(step, "cp", "within", "from")
    if str(step["cp"]) not in ("B", "B if it was C/D"):
        raise NotExecutable(f"pilot expected in words: {step['cp']!r}")

    async def judge(course: Course) -> None:
        await in_b(course, course.origin or course.tester.now)

    return judge


def matches(arrival: Arrival, fields: Mapping[str, Any]) -> bool:
    """Whether a request has these field values."""
    for name, value in fields.items():
        try:
            if str(found(arrival.message, name)) != str(value):
                return False
        except KeyError:
            return False
    return True


_FIELD_WORDS: Mapping[str, Callable[[Arrival], bool]] = {
    "0 (one or eight zero bytes)": lambda arrival: not any(arrival.session_id) and len(arrival.session_id) in (1, 8),
    "the new one": lambda arrival: any(arrival.session_id),
    "6 bytes, the MAC": lambda arrival: len(arrival.message.EVCCID) == 6 and any(arrival.message.EVCCID),
}


def _recv(step: Step, expect: Steps) -> Action:
    if step["recv"] == "SDPReq":
        return _recv_sdp(step)
    only(step, "recv", "fields", "check", "within", "v2gtp", "after")
    words = str(step["recv"])
    match = re.fullmatch(r"(?:(\w+Req)\* then )?(\w+Req)( off)?", words)
    if match is None:
        raise NotExecutable(f"recv {words!r}")
    name = match[2]
    fields = dict(step.get("fields") or {})
    if match[3]:
        fields["ReadyToChargeState"] = False
    within = str(step.get("within", "V2G_EVCC_Sequence_Performance_Time"))
    seconds = 12.0 if within.startswith("NotificationMaxDelay") else durations.seconds(within)
    predicates, plain = [], {}
    for field_, value in fields.items():
        if value in _FIELD_WORDS:
            predicates.append((field_, _FIELD_WORDS[value]))
        elif isinstance(value, str) and " " in value:
            raise NotExecutable(f"expected value in words: {value!r}")
        else:
            plain[field_] = value
    checks = named_checks(step, CHECKS)

    async def judge(course: Course) -> None:
        tester = course.tester
        deadline = max(course.origin, tester.now) + seconds + DELAY
        while True:
            later = tester.requests[course.position :]
            right = [one for one in later if one.name == name and matches(one, plain)]
            if right or (tester.wires and tester.wire.closed_at is not None) or tester.now > deadline:
                break
            await asyncio.sleep(0.05)
        if not right:
            seen = ", ".join(dict.fromkeys(one.name for one in later)) or "nothing"
            course.result.saw(step_text(step), seen)
            wanted = name + "".join(f" {key} {value}" for key, value in plain.items())
            raise Failed(f"no {wanted} within {seconds:g} s; came: {seen}", expected=wanted, observed=seen)
        arrival = right[0]
        course.position = tester.requests.index(arrival) + 1
        problems = [f"{field_} is not {fields[field_]}" for field_, holds in predicates if not holds(arrival)]
        problems += [f"{word}: {problem}" for word, check in checks if (problem := check(tester, arrival))]
        course.result.saw(step_text(step), "; ".join(problems) or arrival.name)
        if problems:
            raise Failed(f"{arrival.name}: {'; '.join(problems)}", expected=step_text(step), observed=problems[0])

    return judge


def _recv_sdp(step: Step) -> Action:
    only(step, "recv", "fields", "v2gtp", "check", "within")
    wanted = step.get("fields") or {}

    async def judge(course: Course) -> None:
        tester = course.tester
        deadline = tester.now + timer("V2G_EVCC_CommunicationSetup_Timeout")
        while not tester.asked and tester.now < deadline:  # noqa: ASYNC110 - a list has no event
            await asyncio.sleep(0.05)
        if not tester.asked:
            raise Failed("no SDP request", expected="SDPReq", observed="nothing")
        data = tester.asked[0][1]
        course.result.saw(step_text(step), data.hex())
        if data[:4] != bytes.fromhex("01fe9000") or data[4:8] != bytes.fromhex("00000002") or len(data) != 10:
            raise Failed(f"SDP request {data.hex()}", expected="01fe9000 00000002 and two bytes", observed=data.hex())
        for name, place in (("security", 8), ("transport", 9)):
            allowed = [int(word, 16) for word in re.findall(r"0x[0-9a-fA-F]{2}", str(wanted.get(name, "")))]
            if name == "security" and len(allowed) > 1:
                allowed = [0x00 if tester.tls is not None else 0x10]
            if allowed and data[place] not in allowed:
                text = f"{name} 0x{data[place]:02x}"
                raise Failed(f"SDP request with {text}", expected=str(wanted[name]), observed=text)

    return judge


def _link_left(step: Step, expect: Steps) -> Action:
    async def judge(course: Course) -> None:
        course.result.not_observed.append(f"{step_text(step)}: the powerline is not seen on this bench")

    return judge


_THEN = {
    "no reconnection inside this plug-in, or a complete restart from SDP (declared by the SUT)",
    "no SLAC or SDP traffic until wake-up; link keys kept",
}


def _then(step: Step, expect: Steps) -> Action:
    only(step, "then")
    if str(step["then"]) not in _THEN:
        raise NotExecutable(f"expectation in words: {step['then']!r}")
    silent = "until wake-up" in str(step["then"])

    async def judge(course: Course) -> None:
        tester = course.tester
        connections, asked = len(tester.wires), len(tester.asked)
        await asyncio.sleep(5.0)
        seen = f"{len(tester.asked) - asked} SDP requests, {len(tester.wires) - connections} connections"
        course.result.saw(step_text(step), seen)
        if len(tester.wires) > connections and len(tester.asked) == asked:
            raise Failed("the vehicle connected again without discovery", expected=step_text(step), observed=seen)
        if silent and len(tester.asked) > asked:
            raise Failed("the vehicle did not sleep", expected="no SDP traffic", observed=seen)

    return judge


EXPECTATIONS: Mapping[str, Callable[[Step, Steps], Action]] = {
    "ev": _ev,
    "recv": _recv,
    "not_before": _nothing,
    "last_request": _nothing,
    "optional": _nothing,
    "tcp_close": _tcp_close,
    "cp": _cp_seen,
    "link_left": _link_left,
    "then": _then,
    "repeat": _nothing,
}
