"""Cases with a vehicle under test: a run of the catalogue becomes a plan for the tester charger, and is judged.

The tester serves the good case until the request that the stimulus is about, holds it, and deviates. ``PE.X`` as a
precondition says after which response that request comes; the request itself says it more exactly, so it decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance import durations, scripts_contract, scripts_evcc
from conformance.catalogue import Run, timer
from conformance.checks_evcc import CHECKS
from conformance.describe import step_text
from conformance.fields import found, replaced
from conformance.tester_evse import DELAY, LOOPS, TesterEvse, made
from conformance.verdict import Failed, Inconclusive, NotExecutable, Result
from conformance.wire import Arrival
from slac.pilot import READY, State
from v2g.errors import ConnectionLost
from v2g.physical import physical
from v2g.protocols import DIN

CLOSE = timer("TCP_Connection_Termination_Timeout")
STATE_B = timer("EVCC_StateB_Shutdown_Timeout")
SEQUENCE = timer("V2G_EVCC_Sequence_Performance_Time")


@dataclass
class Course:
    """A case under way.

    Attributes:
        request: the one that is held, once it has come.
        origin: loop time from which the vehicle's reaction is counted.
        earliest: the vehicle may not give up before.
        answered: loop time of the deviating answer.
        cp_changed: loop time of the tester's change of the pilot.
        position: how many requests an expectation has already taken.
        judged: requests whose content the case is about.
    """

    tester: TesterEvse
    result: Result
    request: Arrival | None = None
    origin: float = 0.0
    answered: float | None = None
    cp_changed: float | None = None
    position: int = 0

    judged: frozenset[str] = frozenset()
    caught: asyncio.Future[Arrival] | None = None
    repeated: bool = False

    @property
    def held(self) -> Arrival:
        if self.request is None:
            raise Inconclusive("no request is held")
        return self.request

    async def hold(self, name: str = "") -> Arrival:
        """The request that the stimulus is about; with a name, that one, after another was answered.

        Raises:
            Inconclusive: it does not come.
        """
        tester = self.tester
        if name and self.request is not None and self.request.name != name:
            self.caught, self.request = tester.catch(lambda arrival: arrival.name == name), None
            tester.release()
            try:
                self.request = await tester.held(self.caught, name)
            except Inconclusive as why:  # the stimulus is under way: what does not come now is missing
                raise Failed(str(why), expected=name, observed="other requests") from why
            self.position = tester.requests.index(self.request)
        if self.request is None:
            if self.caught is None:
                raise Inconclusive("no request is awaited")
            self.request = await tester.held(self.caught, name or "the request")
            self.position = tester.requests.index(self.request)
        return self.request

    @property
    def later(self) -> list[Arrival]:
        """Requests after the one that is held."""
        return self.tester.requests[self.tester.requests.index(self.held) + 1 :]


Action = Callable[[Course], Awaitable[None]]
Step = Mapping[str, Any]

GOOD = re.compile(r"good case( throughout)?|as in the good case")
LAST = ("WeldingDetectionReq", "SessionStopReq")
"""Requests that come only after the vehicle has stopped."""

AFTER_STOP = re.compile(r"PDE?\.PowerDelivery\.Off|PE\.PowerDelivery\.Stop")


def _only(step: Step, *keys: str) -> None:
    if unknown := set(step) - set(keys):
        raise NotExecutable(f"step {step_text(step)!r}: {', '.join(sorted(unknown))} is not understood")


def request_of(response: str) -> str:
    return response.removesuffix("Res") + "Req"


def awaited(name: str) -> str:
    """The request's name in ``SessionSetupReq (SessionID 0, valid EVCCID)``."""
    match = re.match(r"\w+Req\b", name)
    if match is None:
        raise NotExecutable(f"await {name!r}")
    return match[0]


# ---------------------------------------------------------------------------------------------------------------
# Verbs


def _await(step: Step) -> Action:
    _only(step, "await")
    name = awaited(str(step["await"])) if step["await"] != "SDPReq" else ""

    async def act(course: Course) -> None:
        if name:
            await course.hold(name)

    return act


def _silent(step: Step) -> Action:
    _only(step, "silent")
    seconds = durations.seconds(str(step["silent"]))

    async def act(course: Course) -> None:
        # The vehicle's timer runs from its request on; what it does is watched by the expectation.
        course.origin = (await course.hold()).time + seconds

    return act


_QUANTITY = re.compile(r"(-?\d+(?:\.\d+)?) (V|A|W)")


def _edit(fields: Any) -> Callable[[TesterEvse, Any], Any]:
    """What ``fields`` of a reply change in the good-case response.

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
                value = physical(tester.protocol.module, *value)
            response = replaced(response, name, value)
        return response

    return apply


def _reply(step: Step) -> Action:
    if GOOD.fullmatch(str(step["reply"])):

        async def nothing(course: Course) -> None:
            """The good case goes on by itself."""

        return nothing
    _only(step, "reply", "code", "fields", "delay", "session_id", "instead_of")
    name = str(step["reply"])
    if not re.fullmatch(r"\w+Res", name):
        raise NotExecutable(f"reply {name!r}")
    code = str(step.get("code", "OK"))
    if not re.fullmatch(r"\w+", code):
        raise NotExecutable(f"code in words: {code!r}")
    edit, wrong = _edit(step.get("fields")), "instead_of" in step
    delay = durations.seconds(str(step["delay"])) if "delay" in step else 0.0
    if (identity := str(step.get("session_id", "current"))) not in ("current", "random_other"):
        raise NotExecutable(f"session id {identity!r}")

    async def act(course: Course) -> None:
        tester, request = course.tester, await course.hold("" if wrong else request_of(name))
        if wrong:
            response = made(tester, name)
        elif code.startswith(("FAILED", "Failed")):
            response = made(tester, name, code)
        else:
            response = await tester.good(request)
            if response is None or type(response).__name__ != name or response.ResponseCode.startswith("F"):
                why = f": {tester.refused[-1]}" if tester.refused else ""
                kind = Failed if request.name in course.judged else Inconclusive
                raise kind(f"a charger has no good {name} for this request{why}")
            if code not in ("OK",):
                response = replaced(response, "ResponseCode", code)
            response = edit(tester, response)
        if delay:
            await asyncio.sleep(max(request.time + delay - tester.now, 0.0))
        other = {"session_id": tester.rng.randbytes(8)} if identity == "random_other" else {}
        await tester.send(response, **other)
        course.answered = tester.now
        course.origin = course.origin or tester.now
        tester.release()

    return act


def _reply_always(step: Step) -> Action:
    _only(step, "reply_always", "code", "fields")
    name = str(step["reply_always"])
    if not re.fullmatch(r"\w+Res", name):
        raise NotExecutable(f"reply_always {name!r}")
    edit = _edit(step.get("fields"))

    async def act(course: Course) -> None:
        tester = course.tester
        response = edit(tester, await tester.good(await course.hold()))
        tester.fixed[request_of(name)] = response
        if name == "PreChargeRes" and tester.evse.power is not None:
            tester.evse.power.off()  # a vehicle that measures shall see what it is told
        await tester.send(response)
        course.repeated = True
        course.origin = tester.now
        tester.release()

    return act


def _reply_bytes(step: Step) -> Action:
    _only(step, "reply_bytes")

    async def act(course: Course) -> None:
        tester = course.tester
        response = await tester.good(await course.hold())
        whole = tester.wire.document(response)
        with contextlib.suppress(ConnectionLost):
            await tester.wire.send_payload(whole[: len(whole) // 2], "EXI cut after half its bytes")
        limit = durations.seconds(_message_timer(tester, course.held.name))
        course.origin = course.held.time + limit

    return act


def _message_timer(tester: TesterEvse, request: str) -> str:
    prefix = "DIN_" if tester.protocol is DIN and not request.startswith("supported") else ""
    return f"{prefix}V2G_EVCC_Msg_Timeout_{request[0].upper()}{request[1:]}"


_CP = {
    "E (oscillator off, 0 V)": State.E, "F (-12 V)": State.F, "oscillator off (100 %)": None,
}  # fmt: skip


def _cp(step: Step) -> Action:
    _only(step, "cp")
    if str(step["cp"]) not in _CP:
        raise NotExecutable(f"pilot {step['cp']!r}")
    state = _CP[str(step["cp"])]

    async def act(course: Course) -> None:
        await course.hold()
        pilot = course.tester.system.pilot
        if pilot.state is None:
            raise Inconclusive("the vehicle cannot see the pilot: pilot hardware is needed")
        if state is None:
            pilot.offer(100.0)
        else:
            pilot.fault(state)
        course.cp_changed = course.origin = course.tester.now

    return act


def _wait(step: Step) -> Action:
    _only(step, "wait")
    seconds = durations.seconds(str(step["wait"]))

    async def act(course: Course) -> None:
        await asyncio.sleep(seconds)

    return act


def _tcp(step: Step) -> Action:
    _only(step, "tcp")
    how = str(step["tcp"])

    async def act(course: Course) -> None:
        await course.hold()
        await course.tester.wire.close(reset=how == "RST")
        course.origin = course.tester.now

    return act


_TRIGGERS = {
    "start": "",
    "stop": "stop",
    "stop at the EV": "stop",
    "EV-side pause": "pause",
    "renegotiate": "renegotiate",
}


def _trigger(step: Step) -> Action:
    _only(step, "trigger")
    action = _TRIGGERS.get(str(step["trigger"]))
    if action is None:
        raise NotExecutable(f"trigger {step['trigger']!r}")

    async def act(course: Course) -> None:
        tester = course.tester
        course.origin = tester.now
        if not action:
            return
        await loops(tester, LOOPS)
        course.origin, course.position = tester.now, len(tester.requests)
        if not await tester.system.do(action):
            raise Inconclusive(f"nobody can {action} at the vehicle here")

    return act


async def loops(tester: TesterEvse, count: int, within: float = 120.0) -> None:
    """Waits for so many rounds of the charging loop.

    Raises:
        Inconclusive: they do not come.
    """
    deadline = tester.now + within
    while tester.loops < count:
        if tester.now > deadline or (tester.wires and tester.wire.closed_at is not None):
            last = tester.requests[-1].name if tester.requests else "nothing"
            why = f"; the tester refused {tester.refused[-1]}" if tester.refused else ""
            raise Inconclusive(f"the charging loop was not reached; the last request was {last}{why}")
        await asyncio.sleep(0.05)


VERBS: Mapping[str, Callable[[Step], Action]] = {
    "await": _await,
    "silent": _silent,
    "reply": _reply,
    "reply_always": _reply_always,
    "reply_bytes": _reply_bytes,
    "cp": _cp,
    "wait": _wait,
    "tcp": _tcp,
    "trigger": _trigger,
}


# ---------------------------------------------------------------------------------------------------------------
# Expectations


def harmless(arrival: Arrival) -> bool:
    """Requests that a vehicle which gives up may still send: the stop of power, and the end of the session."""
    if arrival.name == "SessionStopReq":
        return True
    progress = getattr(arrival.message, "ChargeProgress", None)
    ready = getattr(arrival.message, "ReadyToChargeState", None)
    return arrival.name == "PowerDeliveryReq" and (progress == "Stop" or ready is False)


async def gives_up(course: Course, *, from_: float, not_before: float | None = None) -> None:
    """EX.EV_GIVES_UP: no further charging request, pilot B, TCP closed in time.

    Raises:
        Failed: it does not, or too early.
    """
    tester, result = course.tester, course.result
    deadline = from_ + CLOSE + 2 * DELAY
    while True:
        closed = await tester.closed(deadline)
        last = max((time for time, name, _ in tester.replied if name == "SessionStopRes"), default=0.0)
        if closed is None and last + CLOSE + 2 * DELAY > deadline:
            deadline = last + CLOSE + 2 * DELAY
            continue
        break
    # A repeated request is repeated until the timer is over; of any other, nothing may follow.
    later = course.later if not course.repeated else [one for one in course.later if one.time > from_ + DELAY]
    after = [arrival for arrival in later if not harmless(arrival)]
    ended = closed if closed is not None else tester.now
    signs = [one.time for one in course.later if not course.repeated or harmless(one)]
    goes = min([ended, *signs])
    seen = f"closed {ended - from_:+.3f} s" if closed is not None else "still connected"
    result.saw("the vehicle gives up", seen + (f", {after[0].name}" if after else ""))
    slack = DELAY if not course.repeated else DELAY + 0.3  # one round of the repetition
    if not_before is not None and goes < not_before - slack:
        text = f"it gave up {not_before - goes:.3f} s before its timer was over"
        raise Failed(text, expected="not before the timer", observed=text)
    if after:
        raise Failed(f"the vehicle went on with {after[0].name}", expected="no further request", observed=after[0].name)
    if closed is None:
        raise Failed(f"TCP is still open {CLOSE:g} s later", expected="TCP closed by the vehicle", observed=seen)
    await in_b(course, ended)


async def in_b(course: Course, since: float) -> None:
    """The pilot is in B, or gets there within EVCC_StateB_Shutdown_Timeout."""
    tester = course.tester
    pilot = tester.system.pilot
    if pilot.reading.state is None:
        course.result.not_observed.append("pilot B: no pilot hardware")
        return
    if pilot.reading.state in (State.E, State.F):
        return  # that is ours; the vehicle's part cannot be seen under it
    reached = await pilot.wait(State.A, State.B, within=max(since + STATE_B + DELAY - tester.now, 0.0))
    seen = pilot.state.value if pilot.state is not None else "?"
    course.result.saw("pilot B", seen)
    if not reached:
        raise Failed(f"the pilot is in {seen}", expected="pilot B", observed=seen)


async def goes_on(course: Course, since: float) -> Arrival | None:
    """The vehicle's next request after the one that is held; None where the session was complete.

    Raises:
        Failed: it does not go on.
    """
    tester = course.tester
    deadline = since + SEQUENCE
    last = course.held.name == "SessionStopReq"
    while not (later := course.later):
        if tester.wire.closed_at is not None:
            break
        if tester.now > deadline:
            break
        await asyncio.sleep(0.05)
    if later:
        course.result.saw("the vehicle goes on", later[0].name)
        return later[0]
    if last and tester.wire.closed_at is not None:
        course.result.saw("the vehicle closes", "closed")
        return None
    raise Failed("the vehicle did not go on", expected="its next request", observed="no request")


_EV = {
    "EX.EV_GIVES_UP": "gives up",
    "EX.EV_GIVES_UP or goes on with PaymentDetailsReq": "either",
    "EX.EV_GIVES_UP no later than the message timer": "gives up",
    "EX.EV_GIVES_UP (derived)": "gives up",
    "goes on": "goes on",
}


def _ev(step: Step, expect: tuple[Step, ...]) -> Action:
    _only(step, "ev")
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


def _nothing(step: Step) -> Action:
    """Judged together with another expectation."""

    async def judge(course: Course) -> None:
        pass

    return judge


def _tcp_close(step: Step) -> Action:
    _only(step, "tcp_close", "from")
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


def _cp_seen(step: Step) -> Action:
    _only(step, "cp", "within", "from")
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


def _recv(step: Step) -> Action:
    _only(step, "recv", "fields", "check", "within", "v2gtp", "after")
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
    checks = []
    for word in step.get("check", ()):
        if word not in CHECKS:
            raise NotExecutable(f"check {word} is not available")
        checks.append((word, CHECKS[word]))

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
    _only(step, "recv", "fields", "v2gtp", "check", "within")
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


def _link_left(step: Step) -> Action:
    async def judge(course: Course) -> None:
        course.result.not_observed.append(f"{step_text(step)}: the powerline is not seen on this bench")

    return judge


_THEN = {
    "no reconnection inside this plug-in, or a complete restart from SDP (declared by the SUT)",
    "no SLAC or SDP traffic until wake-up; link keys kept",
}


def _then(step: Step) -> Action:
    _only(step, "then")
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


# ---------------------------------------------------------------------------------------------------------------
# The plan


@dataclass
class Plan:
    """What to do for a run.

    Attributes:
        request: that is held; "" where the good case runs through.
        offers: additional services are offered.
        receipts: the loop asks for receipts.
        stops: the tester asks the vehicle to stop after some rounds.
    """

    run: Run
    request: str = ""
    offers: bool = False
    receipts: bool = False
    stops: bool = False
    judged: frozenset[str] = frozenset()
    stimulus: list[Action] = field(default_factory=list)
    expect: list[Action] = field(default_factory=list)
    script: Callable[[TesterEvse, Run, Result], Awaitable[None]] | None = None

    async def carry_out(self, tester: TesterEvse, result: Result) -> None:
        """Serves the vehicle, deviates, judges.

        Raises:
            Stop: with the verdict; nothing is raised for a pass.
        """
        if self.offers:
            tester.services.append(scripts_evcc.value_added(tester))
        tester.receipts = self.receipts
        if self.stops:
            tester.stops_after = LOOPS
        async with tester.serving():
            if self.script is not None:
                await self.script(tester, self.run, result)
                return
            course = Course(tester, result, judged=self.judged)
            course.caught = tester.catch(self._right) if self.request else None
            await tester.system.plug()
            self._offer(tester)
            for action in self.stimulus:
                await action(course)
            for action in self.expect:
                await action(course)

    def _right(self, arrival: Arrival) -> bool:
        if arrival.name != self.request:
            return False
        if arrival.name == "PowerDeliveryReq":
            stop = harmless(arrival)
            return stop is bool(AFTER_STOP.match(self.run.case.preconditions[0]) or "ChargingLoop" in self._state)
        return True

    @property
    def _state(self) -> str:
        return self.run.case.preconditions[0]

    @staticmethod
    def _offer(tester: TesterEvse) -> None:
        if tester.system.pilot.state not in (State.E, State.F) and tester.system.pilot.state not in READY:
            tester.system.pilot.offer(5.0)


_SETUPS: Mapping[str, Mapping[str, Any]] = {
    "": {},
    "CP C": {},
    "AC: first, DC: second": {},
    "at most 30 s": {},
    "with a VAS": {"offers": True},
    "with a VAS (ServiceID 62001) offered": {"offers": True},
    "with a VAS (ServiceID 62002) offered": {"offers": True},
    "with ReceiptRequired true": {"receipts": True},
}


def plan(run: Run) -> Plan:
    """The plan of a run with a vehicle under test.

    Raises:
        NotExecutable: something in it cannot be done; says what.
    """
    case = run.case
    if (script := scripts_contract.SCRIPTS.get(case.id)) is not None:
        if why := scripts_evcc.lacking(run):
            raise NotExecutable(why)
        return Plan(run, script=script)
    if case.setup not in _SETUPS:
        raise NotExecutable(f"setup {case.setup!r}")
    if not case.preconditions or not case.preconditions[0].startswith(("PE.", "PDE.")):
        raise NotExecutable(f"precondition {case.preconditions}")
    stimulus, expect = run.steps
    if run.protocol == "din70121":
        stimulus, expect = tuple(map(in_din, stimulus)), tuple(map(in_din, expect))
    request = ""
    actions = []
    for step in stimulus:
        verb = next((key for key in step if key in VERBS), None)
        if verb is None:
            raise NotExecutable(f"verb in {step_text(step)!r}")
        actions.append(VERBS[verb](step))
        if not request:
            request = _about(step)
    judgements: list[Action] = []
    for step in expect:
        if "ev" in step:
            judgements.append(_ev(step, expect))
        elif "recv" in step:
            judgements.append(_recv_sdp(step) if step["recv"] == "SDPReq" else _recv(step))
        else:
            verb = next((key for key in step if key in EXPECTATIONS), None)
            if verb is None:
                raise NotExecutable(f"expectation {step_text(step)!r}")
            judgements.append(EXPECTATIONS[verb](step))
    last = [request, *(str(step.get("recv", "")) for step in expect)]
    stops = bool(AFTER_STOP.match(case.preconditions[0])) or any(word.startswith(LAST) for word in last)
    judged = frozenset(str(step["recv"]) for step in expect if "recv" in step)
    triggered = any("trigger" in step for step in stimulus)
    return Plan(
        run,
        request,
        stops=stops and not triggered,
        judged=judged,
        stimulus=actions,
        expect=judgements,
        **_SETUPS[case.setup],
    )


def in_din(step: Step) -> dict[str, Any]:
    """A step with DIN's names of messages."""
    return {key: DIN_NAMES.sub(_din_name, value) if isinstance(value, str) else value for key, value in step.items()}


DIN_NAMES = re.compile(r"\b(PaymentServiceSelection|Authorization)(?=Re[qs]\b)")


def _din_name(match: re.Match[str]) -> str:
    return "ServicePaymentSelection" if match[1] == "PaymentServiceSelection" else "ContractAuthentication"


def _about(step: Step) -> str:
    """The request that a step is about, or ""."""
    if "silent" in step and (match := re.search(r"Msg_Timeout_(\w+Req)", str(step["silent"]))):
        return match[1].replace("Supported", "supported")
    if "await" in step and step["await"] != "SDPReq":
        return awaited(str(step["await"]))
    if "instead_of" in step:
        return request_of(str(step["instead_of"]))
    for verb in ("reply", "reply_always"):
        if verb in step and re.fullmatch(r"\w+Res", str(step[verb])):
            return request_of(str(step[verb]))
    return ""


EXPECTATIONS: Mapping[str, Callable[[Step], Action]] = {
    "not_before": _nothing,
    "last_request": _nothing,
    "optional": _nothing,
    "tcp_close": _tcp_close,
    "cp": _cp_seen,
    "link_left": _link_left,
    "then": _then,
    "repeat": _nothing,
}
