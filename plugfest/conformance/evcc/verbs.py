"""What the tester charger does: the stimulus verbs of the catalogue, each turned into an action.

Reading refuses what it does not understand (`NotExecutable`), so that a plan is complete before anything is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from plugfest.conformance.catalogue import durations
from plugfest.conformance.catalogue.phrases import can_at_vehicle
from plugfest.conformance.catalogue.protocols import message_timer
from plugfest.conformance.catalogue.steps import Step, chosen, only
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.changes import CHANGES
from plugfest.conformance.evcc.course import Action, Course
from plugfest.conformance.evcc.reactions import loops
from plugfest.conformance.evcc.tester import LOOPS, TesterEvse, made
from plugfest.conformance.fields import quantity, replaced
from plugfest.conformance.randomness import other_octets
from plugfest.conformance.table import Table
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable
from plugfest.conformance.wire import Arrival, number
from slac.pilot import STEADY, State
from v2g import naming
from v2g.errors import ConnectionLost
from v2g.protocols import ISO20
from v2g.status import refuses

VERBS: Table[Callable[[Step], Action]] = Table()

GOOD = re.compile(r"good case( throughout)?|as in the good case")


def awaited(name: str) -> str:
    """The request's name in ``SessionSetupReq (SessionID 0, valid EVCCID)``."""
    match = re.match(r"\w+Req\b", name)
    if match is None:
        raise NotExecutable(f"await {name!r}")
    return match[0]


@VERBS.on("await")
def await_(step: Step) -> Action:
    """``await: SessionSetupReq``: the good case is served up to this request, which is held."""
    only(step, "await")
    name = awaited(str(step["await"])) if step["await"] != "SDPReq" else ""

    async def act(course: Course) -> None:
        if name:
            await course.hold(name)

    return act


@VERBS.on("silent")
def silent(step: Step) -> Action:
    """``silent: V2G_EVCC_Msg_Timeout_...``: the held request is not answered."""
    only(step, "silent")
    seconds = durations.seconds(str(step["silent"]))

    async def act(course: Course) -> None:
        # The vehicle's timer runs from its request; the expectation watches what it does.
        course.origin = (await course.hold()).time + seconds

    return act


_QUANTITY = re.compile(r"(-?\d+(?:\.\d+)?) (V|A|W)")


def _edit(fields: Any) -> Callable[[TesterEvse, Any], Any]:
    """The changes that ``fields`` of a reply make to the good-case response.

    Raises:
        NotExecutable: a value is not understood.
    """
    edits: list[tuple[str, Any]] = []
    for name, value in (fields or {}).items() if isinstance(fields, Mapping) or not fields else ():
        if isinstance(value, (bool, int)) or (isinstance(value, str) and re.fullmatch(r"[A-Za-z]+(_\w+)?", value)):
            edits.append((str(name), value))
        elif isinstance(value, str) and (match := _QUANTITY.fullmatch(value)):
            edits.append((str(name), (float(match[1]), match[2])))
        elif value == "Finished at once":
            edits.append((str(name), "Finished"))
        elif value == "as declared":
            continue
        else:
            raise NotExecutable(f"no way to set {name} to {value!r}")
    if isinstance(fields, str):
        raise NotExecutable(f"fields in words: {fields!r}")

    def apply(tester: TesterEvse, response: Any) -> Any:
        for name, value in edits:
            if isinstance(value, tuple):
                value = quantity(tester.protocol, *value)
            response = replaced(response, name, value)
        return response

    return apply


STAMPS: Mapping[str, Callable[[int], int]] = {
    "": lambda seconds: seconds,
    "0": lambda seconds: 0,
    "an hour ago": lambda seconds: seconds - 3600,
    "in ten years": lambda seconds: seconds + 10 * 365 * 86400,
    "in milliseconds": lambda seconds: seconds * 10**3,
    "in microseconds": lambda seconds: seconds * 10**6,
    "the largest": lambda seconds: 2**64 - 1,
}
"""TimeStamp of a response, in words -> its number, computed from the right one in seconds (ISO 15118-20)."""


def _header_value(value: Any) -> int:
    """A field of the V2GTP header, as a number or 0x....

    Raises:
        NotExecutable: it is not one.
    """
    try:
        return number(value)
    except (TypeError, ValueError):
        raise NotExecutable(f"V2GTP header field {value!r}") from None


@VERBS.on("reply")
def reply(step: Step) -> Action:
    """``reply: SessionSetupRes``: the held request is answered, with its own code, fields, header or delay."""
    if GOOD.fullmatch(str(step["reply"])):

        async def nothing(course: Course) -> None:
            """The good case continues by itself."""

        return nothing
    only(step, "reply", "code", "fields", "delay", "session_id", "instead_of", "v2gtp", "stamp", "change")
    name = str(step["reply"])
    if not re.fullmatch(r"\w+Res", name):
        raise NotExecutable(f"reply {name!r}")
    code = str(step.get("code", "OK"))
    if not re.fullmatch(r"\w+", code):
        raise NotExecutable(f"code in words: {code!r}")
    edit, wrong = _edit(step.get("fields")), "instead_of" in step
    delay = durations.seconds(str(step["delay"])) if "delay" in step else 0.0
    if (identity := str(step.get("session_id", "current"))) not in ("current", "random_other", "zero"):
        raise NotExecutable(f"session id {identity!r}")
    if (stamp := str(step.get("stamp", ""))) not in STAMPS:
        raise NotExecutable(f"time stamp {stamp!r}")
    change = chosen(step, "change", CHANGES) if "change" in step else None
    header = {str(key): _header_value(value) for key, value in (step.get("v2gtp") or {}).items()}

    async def act(course: Course) -> None:
        tester, request = course.tester, await course.hold("" if wrong else naming.request(name))
        if wrong:
            response = made(tester, name)
        elif refuses(code):
            response = await refused(tester, request, name, code)
        else:
            response = await tester.good(request)
            if response is None or type(response).__name__ != name or response.ResponseCode.startswith("F"):
                if tester.system.pilot.state not in (State.E, State.F):
                    why = f": {tester.answers.refused[-1]}" if tester.answers.refused else ""
                    text = f"a charger has no good {name} for this request{why}"
                    if request.name not in course.judged:
                        raise Inconclusive(text, cause=Cause.REFUSED)
                    raise Failed(text, cause=Cause.WRONG_FIELD, expected=f"a {request.name} that a charger accepts")
                response = made(tester, name)  # it is refused for a state that the tester caused
            if code != "OK":
                response = replaced(response, "ResponseCode", code)
            response = edit(tester, response)
        if change is not None:
            good, response = response, change(response)
            if response == good:
                raise Inconclusive(
                    f"{name} is the same with {step['change']}: nothing was tried", cause=Cause.POINTLESS
                )
        if delay:
            await asyncio.sleep(max(request.time + delay - tester.now, 0.0))
        other: dict[str, Any] = {}
        if identity != "current":
            right = tester.wire.session.id
            other["session_id"] = other_octets(tester.rng, right) if identity == "random_other" else bytes(8)
        if header:
            other["header"] = header
        if stamp:
            other["stamp"] = STAMPS[stamp](tester.wire.session.clock())
        await tester.send(response, **other)
        course.answered = tester.now
        course.origin = course.origin or tester.now
        tester.release()

    return act


async def refused(tester: TesterEvse, request: Arrival, name: str, code: str) -> Any:
    """A response that refuses.

    One with its own code contains everything that a good one does, so that only the code tells the vehicle to end;
    minimal content would leave it no other way.
    """
    bare = made(tester, name, code)
    if code.upper() in ("FAILED", "FAILED_NONEGOTIATION") or tester.protocol is not ISO20:
        return bare
    good = await tester.good(request)
    whole = type(good) is type(bare) and not good.ResponseCode.startswith("F")
    return replaced(good, "ResponseCode", code) if whole else bare


@VERBS.on("reply_always")
def reply_always(step: Step) -> Action:
    """``reply_always: PreChargeRes``: one response to the held request and all like it."""
    only(step, "reply_always", "code", "fields")
    name = str(step["reply_always"])
    if not re.fullmatch(r"\w+Res", name):
        raise NotExecutable(f"reply_always {name!r}")
    edit = _edit(step.get("fields"))

    async def act(course: Course) -> None:
        tester = course.tester
        response = edit(tester, await tester.good(await course.hold()))
        tester.answers.fixed[naming.request(name)] = response
        if name.endswith("PreChargeRes") and tester.evse.power is not None:
            tester.evse.power.off()  # a vehicle that measures must see the value it is told
        await tester.send(response)
        course.repeated = True
        course.origin = tester.now
        tester.release()

    return act


SPOILED: Mapping[str, Callable[[bytes], tuple[str, bytes]]] = {
    "cut": lambda whole: ("EXI cut after half its bytes", whole[: len(whole) // 2]),
    "noise": lambda whole: ("noise in place of EXI", bytes((value * 167 + 91) % 256 for value in range(len(whole)))),
    "nothing": lambda whole: ("no EXI at all", b""),
    "header": lambda whole: ("EXI header only", whole[:1]),
}
"""What is done to the bytes of a response: a note, and what is sent."""


@VERBS.on("reply_bytes")
def reply_bytes(step: Step) -> Action:
    """``reply_bytes: cut``: what remains of the good response; its payload type is right."""
    only(step, "reply_bytes", "of")
    spoil = SPOILED.get(str(step["reply_bytes"]), SPOILED["cut"])
    name = str(step.get("of", ""))

    async def act(course: Course) -> None:
        tester = course.tester
        response = await tester.good(await course.hold(naming.request(name) if name else ""))
        note, data = spoil(tester.wire.document(response))
        with contextlib.suppress(ConnectionLost):
            await tester.wire.send_payload(data, note, tester.stream or tester.wire.payload_type(response))
        limit = durations.seconds(message_timer(tester.protocol, course.held.name))
        course.origin = course.held.time + limit

    return act


PILOT: Mapping[str, State | None] = {
    "E (oscillator off, 0 V)": State.E, "F (-12 V)": State.F, "oscillator off (100 %)": None,
}  # fmt: skip
"""What the pilot shows -> its state; None: the oscillator is off."""


@VERBS.on("cp")
def cp(step: Step) -> Action:
    """``cp: E (oscillator off, 0 V)``: sets the pilot while a request is held."""
    only(step, "cp")
    state = chosen(step, "cp", PILOT)

    async def act(course: Course) -> None:
        await course.hold()
        pilot = course.tester.system.pilot
        if pilot.state is None:
            raise Inconclusive("the vehicle cannot see the pilot: pilot hardware is needed", cause=Cause.NO_PILOT)
        if state is None:
            pilot.offer(STEADY)
        else:
            pilot.fault(state)
        course.origin = course.tester.now

    return act


@VERBS.on("wait")
def wait(step: Step) -> Action:
    """``wait: 2 s``: the good case continues for this long."""
    only(step, "wait")
    seconds = durations.seconds(str(step["wait"]))

    async def act(course: Course) -> None:
        await asyncio.sleep(seconds)

    return act


@VERBS.on("tcp")
def tcp(step: Step) -> Action:
    """``tcp: RST``: the tester closes the connection."""
    only(step, "tcp")
    how = str(step["tcp"])

    async def act(course: Course) -> None:
        await course.hold()
        await course.tester.wire.close(reset=how == "RST")
        course.origin = course.tester.now

    return act


ACTIONS = {
    "start": "",
    "stop": "stop",
    "stop at the EV": "stop",
    "EV-side pause": "pause",
    "renegotiate": "renegotiate",
}
"""Triggers -> what the vehicle is asked to do; nothing if plugging in has started it."""


@VERBS.on("trigger")
def trigger(step: Step) -> Action:
    """``trigger: stop``: what a person at the vehicle does once it is charging."""
    only(step, "trigger")
    action = chosen(step, "trigger", ACTIONS)

    async def act(course: Course) -> None:
        tester = course.tester
        course.origin = tester.now
        if not action:
            return
        await loops(tester, LOOPS)
        course.origin, course.position = tester.now, len(tester.requests)
        if not await tester.system.do(action):
            able = can_at_vehicle(str(step["trigger"]))
            raise Inconclusive(f"nothing on this bench can {able}", cause=Cause.NO_ACTION)

    return act
