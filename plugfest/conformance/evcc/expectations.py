"""What the vehicle must do: the expectations of the catalogue, each turned into a judgement.

What a bench cannot see is reported as not observed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

from boundary.text import apart, counted
from plugfest.conformance.catalogue import durations, timer
from plugfest.conformance.catalogue.durations import CLOSE, DELAY
from plugfest.conformance.catalogue.protocols import message_timer
from plugfest.conformance.catalogue.steps import Step, Steps, chosen, named_checks, only
from plugfest.conformance.catalogue.wanted import check_text, expected_text, unseen
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.changes import of_mode
from plugfest.conformance.evcc.checks import CHECKS
from plugfest.conformance.evcc.course import Action, Course
from plugfest.conformance.evcc.hold import optional
from plugfest.conformance.evcc.reactions import SEQUENCE, comes_to_charge, gives_up, goes_on, harmless, in_b
from plugfest.conformance.fields import found
from plugfest.conformance.table import Table
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable
from plugfest.conformance.wire import Arrival
from v2g import v2gtp
from v2g.energy import DYNAMIC, SCHEDULED
from v2g.streams import MAIN

EXPECTATIONS: Table[Callable[[Step, Steps], Action]] = Table()
"""Each reads a step; it also gets all expectations of its case, because some are judged together."""

REACTIONS = {
    "EX.EV_GIVES_UP": "gives up",
    "EX.EV_GIVES_UP or goes on with PaymentDetailsReq": "either",
    "EX.EV_GIVES_UP no later than the message timer": "gives up in time",
    "EX.EV_GIVES_UP (derived)": "gives up",
    "goes on": "goes on",
    "goes on to the charging loop": "loop",
    "goes on charging or EX.EV_GIVES_UP": "charges",
    "tries again or stops cleanly": "unauthorized",
    "does not begin the loop": "not started",
    "stops cleanly": "stops",
}

WELDING = ("WeldingDetectionReq", "DC_WeldingDetectionReq")
"""Requests that belong to a normal end."""

STILL_UNAUTHORIZED = ("AuthorizationReq", "CertificateInstallationReq", "SessionStopReq")
"""What a vehicle may send after it was not authorized (ISO 15118-20)."""


@EXPECTATIONS.on("ev")
def ev(step: Step, expect: Steps) -> Action:
    """``ev: EX.EV_GIVES_UP``: the vehicle gives up properly and not before its timer expires, or it continues."""
    only(step, "ev")
    kind = chosen(step, "ev", REACTIONS)
    timers = [str(other["not_before"]) for other in expect if "not_before" in other]
    timers += ["V2G_EVCC_PreCharge_Timeout" for other in expect if "last_request" in other]
    seconds = durations.seconds(timers[0]) if timers else None

    async def judge(course: Course) -> None:
        if kind == "either":
            await asyncio.sleep(1.0)
        if kind == "either" and course.later and course.later[0].name == "PaymentDetailsReq":
            course.result.saw(expected_text(step), "goes on with the contract it has")
            return
        if kind == "unauthorized":
            await unauthorized(course)
            return
        if kind == "not started":
            await not_started(course)
            return
        if kind == "stops":
            await stops(course)
            return
        if kind == "charges" and await charges(course):
            return
        if kind == "goes on":
            assert course.answered is not None
            await goes_on(course, course.answered)
            return
        if kind == "loop":
            await comes_to_charge(course)
            return
        # A single message's timer runs from its request, a repeated message's from the first Ongoing response.
        origin = course.origin or course.tester.now
        if kind == "gives up in time":  # some go on waiting for a response that they can read
            origin = max(origin, course.held.time + timer(message_timer(course.tester.protocol, course.held.name)))
        if seconds is None:
            await gives_up(course, from_=origin)
            return
        begin = course.held.time if not course.repeated else course.origin
        await gives_up(course, from_=begin + seconds, timer=seconds)

    return judge


async def unauthorized(course: Course) -> None:
    """After a warning that refuses it, the vehicle tries again, installs a contract, or ends the session."""
    tester = course.tester
    await tester.wait_for(lambda: course.later or tester.hung_up, SEQUENCE)
    seen = course.later[0].name if course.later else "closed" if tester.hung_up else "nothing"
    course.result.saw("tries again or stops cleanly", seen)
    if seen == "nothing":
        raise Failed(
            "the vehicle neither tries again nor stops",
            expected="a request, or the close",
            observed=seen,
            cause=Cause.WENT_ON,
        )
    if course.later and seen not in STILL_UNAUTHORIZED:
        raise Failed(
            f"the vehicle goes on with {seen}, unauthorized",
            expected="another try, or the end",
            observed=seen,
            cause=Cause.WENT_ON,
            at=course.later[0].time,
        )


async def not_started(course: Course) -> None:
    """After a warning that refuses the start, the vehicle asks again, renegotiates or ends: power does not flow yet."""
    tester = course.tester
    await tester.wait_for(lambda: course.later or tester.hung_up, SEQUENCE)
    seen = course.later[0].name if course.later else "closed" if tester.hung_up else "nothing"
    course.result.saw("no charge loop", seen)
    if seen == "nothing" or tester.protocol.is_loop(seen):
        raise Failed(
            "the vehicle neither asks again nor stops" if seen == "nothing" else f"the vehicle goes on with {seen}",
            expected="another PowerDeliveryReq, a renegotiation, or the end",
            observed=seen,
            cause=Cause.WENT_ON,
            at=course.later[0].time if course.later else None,
        )


def _other_mode(course: Course, arrival: Arrival) -> str:
    """The control mode of the set that a vehicle selects, if it was offered and another one is declared; else ""."""
    pair = getattr(arrival.message, "SelectedEnergyTransferService", None)
    offered = course.tester.told("ServiceDetailRes")
    if pair is None or offered is None:
        return ""
    given = offered.message.ServiceParameterList.ParameterSet
    sets = [one for one in given if one.ParameterSetID == pair.ParameterSetID]
    other, name = (SCHEDULED, "scheduled") if course.tester.pics.dynamic else (DYNAMIC, "dynamic")
    return name if any(of_mode(one, other) for one in sets) else ""


RAMP = 3.0
"""s for which the charge loop may continue after a response that calls for an end: the current must fall first."""


async def stops(course: Course) -> None:
    """The vehicle ends the session normally, or gives up: it sends no more requests except those that an end needs."""
    tester, since = course.tester, course.answered or course.tester.now
    await tester.wait_for(lambda: tester.over, RAMP + SEQUENCE)
    later = [one for one in course.later if not (harmless(one) or one.name in WELDING)]
    after = [one for one in later if not (tester.protocol.is_loop(one.name) and one.time < since + RAMP)]
    seen = after[0].name if after else "ended" if tester.over else "still there"
    course.result.saw("stops cleanly", seen)
    if after and (other := _other_mode(course, after[0])):
        raise Inconclusive(
            f"the vehicle selects {other} mode, the only one on offer; PICS_CMN_ISO20_ControlMode declares the other",
            cause=Cause.NOT_DECLARED,
        )
    if after:
        raise Failed(
            f"the vehicle went on with {seen}",
            expected="a clean end",
            observed=seen,
            cause=Cause.WENT_ON,
            at=after[0].time,
        )
    if not tester.over:
        raise Failed(
            "the vehicle did not end the session", expected="a clean end", observed=seen, cause=Cause.NO_REQUEST
        )
    await in_b(course, tester.now)


async def charges(course: Course) -> bool:
    """Whether the charge loop continues, or has ended by itself meanwhile."""
    tester = course.tester
    await asyncio.sleep(max(course.origin - tester.now, 0.0) + CLOSE)
    main = [one for one in tester.requests if one.stream == MAIN]
    if tester.over and main[-1].name == "SessionStopReq":
        course.result.saw("goes on charging", "went on, and ended normally")
        return True
    if tester.over or not tester.protocol.is_loop(main[-1].name):
        return False
    course.result.saw("goes on charging", main[-1].name)
    return True


@EXPECTATIONS.on("not_before", "last_request", "optional", "repeat")
def elsewhere(step: Step, expect: Steps) -> Action:
    """Judged together with another expectation."""

    async def judge(course: Course) -> None:
        pass

    return judge


@EXPECTATIONS.on("tcp_close")
def tcp_close(step: Step, expect: Steps) -> Action:
    """``tcp_close: 5 s``: the vehicle closes, counted from SessionStopRes or (``from``) the deviation."""
    only(step, "tcp_close", "from")
    limit = durations.seconds(str(step["tcp_close"]))

    async def judge(course: Course) -> None:
        tester = course.tester
        origin, what = course.origin or tester.now, str(step.get("from", "the tester's answer"))
        stop = tester.told("SessionStopRes") if "from" not in step else None
        if stop is not None and stop.time >= origin:
            origin, what = stop.time, "SessionStopRes"
        closed = await tester.closed(origin + limit + DELAY + tester.delay)
        seen = f"{apart(closed - origin)} {what}" if closed is not None else f"still open after {limit:g} s"
        course.result.saw(expected_text(step), seen)
        if closed is None:
            raise Failed(
                f"TCP is still open after {limit:g} s",
                expected="TCP closed by the vehicle",
                observed=seen,
                cause=Cause.STILL_OPEN,
            )

    return judge


@EXPECTATIONS.on("cp")
def cp_seen(step: Step, expect: Steps) -> Action:
    """``cp: B``: the vehicle opens its contactors and shows B."""
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


@EXPECTATIONS.on("recv")
def recv(step: Step, expect: Steps) -> Action:
    """``recv: PowerDeliveryReq off``: a request comes in time, with these fields and passing these checks."""
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

        def right() -> list[Arrival]:
            later = tester.requests[course.position :]
            return [one for one in later if one.name == name and matches(one, plain)]

        deadline = max(course.origin, tester.now) + seconds + tester.delay
        await tester.wait_for(lambda: right() or tester.hung_up, deadline - tester.now)
        if not right():
            seen = ", ".join(dict.fromkeys(one.name for one in tester.requests[course.position :])) or "nothing"
            course.result.saw(expected_text(step), seen)
            wanted = name + "".join(f" {key} {value}" for key, value in plain.items())
            went_on = any(one.name == "SessionStopReq" for one in tester.requests[course.position :])
            if optional(tester.pics, name) and went_on:
                raise Inconclusive(f"the vehicle leaves out {name}, as it may", cause=Cause.NOT_DECLARED)
            text, cause = f"no {wanted} came within {seconds:g} s", Cause.NO_REQUEST
            if tester.hung_up:
                text, cause = f"the vehicle closed the connection before {wanted}", Cause.CLOSED
            raise Failed(text, expected=wanted, observed=seen, cause=cause)
        arrival = right()[0]
        course.position = tester.requests.index(arrival) + 1
        wrong = [
            (f"{field_} is wrong", f"{field_} {fields[field_]}") for field_, holds in predicates if not holds(arrival)
        ]
        wrong += [(problem, check_text(word)) for word, check in checks if (problem := check(tester, arrival))]
        problems = "; ".join(problem for problem, _ in wrong)
        course.result.saw(expected_text(step), problems or arrival.name)
        if wrong:
            raise Failed(
                f"{arrival.name} is wrong: {problems}",
                expected="; ".join(right for _, right in wrong),
                observed=problems,
                cause=Cause.WRONG_FIELD,
            )

    return judge


def _recv_sdp(step: Step) -> Action:
    only(step, "recv", "fields", "v2gtp", "check", "within")
    wanted = step.get("fields") or {}

    async def judge(course: Course) -> None:
        tester = course.tester
        if not await tester.wait_for(lambda: tester.asked, timer("V2G_EVCC_CommunicationSetup_Timeout")):
            raise Failed("no SDP request", expected="SDPReq", observed="nothing", cause=Cause.NOT_CONNECTED)
        data = tester.asked[0][1]
        course.result.saw(expected_text(step), data.hex())
        if data != v2gtp.pack(v2gtp.SDP_REQUEST, data[8:10]):
            raise Failed(
                f"SDP request {data.hex()}",
                expected="01fe9000 00000002 and two bytes",
                observed=data.hex(),
                cause=Cause.BAD_DISCOVERY,
            )
        for name, place in (("security", 8), ("transport", 9)):
            allowed = [int(word, 16) for word in re.findall(r"0x[0-9a-fA-F]{2}", str(wanted.get(name, "")))]
            if name == "security" and len(allowed) > 1:
                allowed = [0x00 if tester.tls is not None else 0x10]
            if allowed and data[place] not in allowed:
                text = f"{name} 0x{data[place]:02x}"
                raise Failed(
                    f"SDP request with {text}", expected=str(wanted[name]), observed=text, cause=Cause.BAD_DISCOVERY
                )

    return judge


@EXPECTATIONS.on("link_left")
def link_left(step: Step, expect: Steps) -> Action:
    """``link_left``: the vehicle leaves the power line network."""
    return unseen(step, "the powerline")


SLEEPS: Mapping[str, bool] = {
    "no reconnection inside this plug-in, or a complete restart from SDP (declared by the SUT)": False,
    "no SLAC or SDP traffic until wake-up; link keys kept": True,
}
"""Whether the vehicle may send nothing at all."""


@EXPECTATIONS.on("then")
def then(step: Step, expect: Steps) -> Action:
    """``then: ...``: in words."""
    only(step, "then")
    silent = chosen(step, "then", SLEEPS)

    async def judge(course: Course) -> None:
        tester = course.tester
        connections, asked = len(tester.wires), len(tester.asked)
        await asyncio.sleep(5.0)
        seen = ", ".join(
            (counted(len(tester.asked) - asked, "SDP request"), counted(len(tester.wires) - connections, "connection"))
        )
        course.result.saw(expected_text(step), seen)
        if len(tester.wires) > connections and len(tester.asked) == asked:
            raise Failed(
                "the vehicle connected again without discovery",
                expected=expected_text(step),
                observed=seen,
                cause=Cause.UNWANTED_MESSAGE,
            )
        if silent and len(tester.asked) > asked:
            raise Failed(
                "the vehicle did not sleep", expected="no SDP traffic", observed=seen, cause=Cause.UNWANTED_MESSAGE
            )

    return judge
