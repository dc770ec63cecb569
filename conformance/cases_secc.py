"""Cases with a charger under test: a run of the catalogue becomes a plan, and the plan is carried out and judged.

A plan is made first and whole, so that what cannot be expressed is known before anything is sent (`NotExecutable`).
Verbs are in :data:`VERBS`, expectations in :data:`EXPECTATIONS`; both tables give, for one step of the catalogue, what
to do. Requests and their responses are counted: an expectation ``recv`` is about the last response of that stimulus,
and where two are expected, about the first and the last.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance import contracts, durations, requests, scripts_secc
from conformance.catalogue import Run, timer
from conformance.checks_secc import CHECKS
from conformance.describe import step_text
from conformance.fields import changes, found
from conformance.tester_ev import CP_AFTER_REQUEST, DELAY, TesterEv, next_datagram, way_to
from conformance.verdict import Failed, Inconclusive, NotExecutable, Result
from conformance.wire import HEADER_FIELDS, Arrival, forged, number
from slac.pilot import State
from v2g import sdp, v2gtp
from v2g.errors import SetupError
from v2g.messages import appproto
from v2g.protocols import DIN
from v2g.trace import Event


@dataclass
class Course:
    """A case under way.

    Attributes:
        walk: the tester vehicle.
        result: takes notes.
        answers: responses to the case's own requests, in order.
        outstanding: the request whose response was not awaited yet.
        ended: loop time of the last thing that was sent or received.
        datagrams: SDP answers.
        connection: how a connection that was tried ended, "" for open.
    """

    walk: TesterEv
    result: Result
    answers: list[Arrival] = field(default_factory=list)
    outstanding: str = ""
    awaits: bool = True
    ended: float = 0.0
    began: float = 0.0
    datagrams: list[bytes] = field(default_factory=list)
    connection: str | None = None

    async def collect(self) -> None:
        """Awaits the response that is due."""
        if self.outstanding and self.awaits:
            request, self.outstanding = self.outstanding, ""
            self.answers.append(await self.walk.response(request))
            self.ended = self.walk.now


Action = Callable[[Course], Awaitable[None]]
Step = Mapping[str, Any]


def _only(step: Step, *keys: str) -> None:
    """Refuses a step that says more than we understand."""
    if unknown := set(step) - set(keys):
        raise NotExecutable(f"step {step_text(step)!r}: {', '.join(sorted(unknown))} is not understood")


# ---------------------------------------------------------------------------------------------------------------
# Verbs


def _session_id(word: str) -> Callable[[TesterEv], bytes | None]:
    match word:
        case "current":
            return lambda walk: None
        case "zero":
            return lambda walk: bytes(8)
        case "previous":
            return lambda walk: walk.paused.session_id if walk.paused else walk.__dict__.get("earlier_id", bytes(8))
        case "random_other":
            return lambda walk: walk.rng.randbytes(7) + bytes([walk.session_id[-1] ^ 0x5A])
    raise NotExecutable(f"session id {word!r}")


def _offer(offers: Any) -> Callable[[TesterEv], Any]:
    entries: list[dict[str, Any]] = []
    if not isinstance(offers, list):
        raise NotExecutable(f"offers in words: {offers!r}")
    for entry in offers:
        if isinstance(entry, str):
            if not entry.startswith("further valid entries"):
                raise NotExecutable(f"offer in words: {entry!r}")
            continue
        entries.append(dict(entry))

    def make(walk: TesterEv) -> Any:
        made = []
        for entry in entries:
            minor = entry["VersionNumberMinor"]
            if minor == "PIXIT_SECC_CMN_VersionNumberMinor + 1":
                minor = int(walk.pics["PIXIT_SECC_CMN_VersionNumberMinor"]) + 1
                if minor >= entry["VersionNumberMajor"]:
                    raise Inconclusive("the next minor version would not be below the major one")
            made.append(appproto.AppProtocolType(**{**entry, "VersionNumberMinor": minor}))
        walk.__dict__["offered_ids"] = {entry.SchemaID for entry in made}
        return appproto.supportedAppProtocolReq(AppProtocol=made)

    return make


def _send(step: Step) -> Action:
    request = step["send"]
    if request == "SDPReq":
        return _send_sdp(step)
    _only(step, "send", "session_id", "fields", "instead_of", "offers", "v2gtp", "other_header_fields", "times")
    if not isinstance(request, str) or not re.fullmatch(r"\w+Req", request):
        raise NotExecutable(f"send {request!r}")
    times = int(step.get("times", 1))
    identity = _session_id(str(step.get("session_id", "current")))
    header = {key: value for key, value in (step.get("v2gtp") or {}).items() if key in HEADER_FIELDS}
    edits = changes(step.get("fields"))
    offer = _offer(step["offers"]) if "offers" in step else None
    fields = step.get("fields")
    sign = (
        contracts.signing(str(fields["signature"])) if isinstance(fields, Mapping) and "signature" in fields else None
    )

    async def act(course: Course) -> None:
        walk = course.walk
        for _ in range(times):
            await course.collect()
            message = offer(walk) if offer is not None else requests.make(walk, request)
            for edit in edits:
                message = edit(walk, message)
            if request == "PowerDeliveryReq" and walk.progress == "Start" and not walk.pics.ac:
                walk.system.load(walk.battery_voltage)
            course.began = course.began or walk.now
            signed = {"signature": sign(walk, message)} if sign is not None else {}
            await walk.send(message, session_id=identity(walk), header=header or None, **signed)
            course.outstanding, course.ended = request, walk.now

    return act


def _send_sdp(step: Step) -> Action:
    _only(step, "send", "fields", "v2gtp", "other_header_fields", "repeat")
    fields, header = step.get("fields") or {}, step.get("v2gtp") or {}
    _only(fields, "security", "transport")
    repeat = step.get("repeat") or {"max": 1}

    async def act(course: Course) -> None:
        walk = course.walk
        security = number(fields.get("security", sdp.TLS if walk.wants_tls else sdp.NO_TLS))
        request = sdp.Request(security, number(fields.get("transport", 0)))
        data = forged(request.pack(), header)
        with walk.system.sdp() as (send, answers):
            for _ in range(int(repeat["max"])):
                walk.observe(Event(walk.now, "sdp", "SDPRequest", "tx", data))
                send(data)
                course.ended = walk.now
                answer = await next_datagram(answers, timer("SDP_Timeout"))
                if answer is not None:
                    walk.observe(Event(walk.now, "sdp", "SDPResponse", "rx", answer))
                    course.datagrams.append(answer)
                    return

    return act


def _silent(step: Step) -> Action:
    _only(step, "silent")
    seconds = durations.seconds(str(step["silent"]))

    async def act(course: Course) -> None:
        await course.collect()
        walk = course.walk
        since = walk.link_up if "CommunicationSetup" in str(step["silent"]) and walk.wire is None else walk.now
        await asyncio.sleep(max(seconds - DELAY - (walk.now - since), 0.0))
        if walk.wire is None:  # nobody can close here: the timer is given its tolerance
            await asyncio.sleep(2 * DELAY)
        course.ended = walk.now

    return act


_WHILE = {
    "EVSEProcessing == Ongoing": "ongoing",
    "EVSEProcessing == Ongoing_WaitingForCustomerInteraction": "ongoing",
    "Ongoing": "ongoing",
    "EVSEPresentVoltage not within 5 % of the target": "voltage",
    "voltage not reached": "voltage",
}


GIVING_UP = timer("V2G_SECC_Ongoing_Performance_Time") + timer("TCP_Connection_Termination_Timeout")
"""s: after that a charger should have given up."""


def _while(step: Step) -> Action:
    _only(step, "while", "max", "do", "operator")
    kind = _WHILE.get(str(step["while"]))
    if kind is None:
        raise NotExecutable(f"while {step['while']!r}")
    most = timer(str(step["max"])) if "max" in step else None
    again = _send(step["do"])
    operator = _operator({"operator": step["operator"]}) if "operator" in step else None

    def goes_on(walk: TesterEv, arrival: Arrival) -> bool:
        if not arrival.code.startswith("OK"):
            return False
        if kind == "ongoing":
            return str(getattr(arrival.message, "EVSEProcessing", "")).startswith("Ongoing")
        return not walk.voltage_reached(arrival.message)

    async def act(course: Course) -> None:
        walk = course.walk
        if operator is not None:
            await operator(course)
        await course.collect()
        began = walk.now
        while course.answers and goes_on(walk, course.answers[-1]):
            if walk.now - began > (GIVING_UP if most is None else most) + DELAY:
                raise Failed(f"{course.answers[-1].name} still goes on after {walk.now - began:.1f} s")
            await walk.pause()
            await again(course)
            try:
                await course.collect()
            except Failed:
                if most is None and course.walk.connection.closed_at is not None:
                    return  # the charger gave up, as it should
                raise

    return act


def _for_each(step: Step) -> Action:
    _only(step, "for_each", "do")
    if "ServiceID in ServiceDiscoveryRes.ServiceList" not in str(step["for_each"]):
        raise NotExecutable(f"for_each {step['for_each']!r}")

    async def act(course: Course) -> None:
        walk = course.walk
        if not walk.services:
            raise Inconclusive("the charger offers no value-added service")
        for service in walk.services:
            await course.collect()
            await walk.send(walk.protocol.module.ServiceDetailReq(ServiceID=service.ServiceID))
            course.outstanding = "ServiceDetailReq"
            await course.collect()
            answer = course.answers[-1].message
            if getattr(answer, "ServiceID", None) != service.ServiceID:
                raise Failed(f"details of service {getattr(answer, 'ServiceID', None)}, asked {service.ServiceID}")
            walk.__dict__.setdefault("details", {})[service.ServiceID] = answer

    return act


_CP = re.compile(r"(A|B|C|D)( or D)?( \(unchanged\))?( without PowerDeliveryReq)?")


def _cp(step: Step) -> Action:
    _only(step, "cp", "when")
    match = _CP.fullmatch(str(step["cp"]))
    if match is None:
        raise NotExecutable(f"pilot {step['cp']!r}")
    when = str(step.get("when", "right after the request"))

    async def act(course: Course) -> None:
        walk = course.walk
        if when == "after the response":
            await course.collect()
        elif course.outstanding:
            await asyncio.sleep(CP_AFTER_REQUEST)
        if (match[3] or match[4]) and walk.system.pilot.reading.duty is None:
            raise Inconclusive("the charger cannot see the pilot: pilot hardware is needed")
        if match[3]:
            return
        if match[1] == "A":
            if not walk.system.unplug():
                raise Inconclusive("the connector cannot be pulled here")
        else:
            if match[1] == "B":
                walk.system.load(None)
            walk.system.pilot.set(State(match[1]))
        course.ended = walk.now

    return act


def _cp_fault(step: Step) -> Action:
    _only(step, "cp_fault")

    async def act(course: Course) -> None:
        await course.collect()
        if not course.walk.system.fault(str(step["cp_fault"])):
            raise Inconclusive(f"the fault {step['cp_fault']} cannot be applied here: pilot hardware is needed")
        course.ended = course.walk.now

    return act


_OPERATOR = {
    "never authorise": "never authorise",
    "refuse": "refuse",
    "stop": "stop",
    "emergency stop": "emergency stop",
}


def _operator(step: Step) -> Action:
    _only(step, "operator")
    action = _OPERATOR.get(str(step["operator"]))
    if action is None:
        raise NotExecutable(f"operator: {step['operator']!r}")

    async def act(course: Course) -> None:
        if not await course.walk.system.do(action) and action != "never authorise":
            raise Inconclusive(f"nobody can {action} here")

    return act


def _connect(step: Step) -> Action:
    _only(step, "connect")
    if step["connect"] != "TCP/TLS to the SDP-announced port":
        raise NotExecutable(f"connect {step['connect']!r}")

    async def act(course: Course) -> None:
        walk = course.walk
        try:
            await walk._tcp()
        except SetupError as why:
            course.connection = str(why)
            return
        # A connection that is dropped at once was refused.
        course.connection = "closed at once" if await walk.connection.until_closed(1.0) else ""

    return act


def _repeat(step: Step) -> Action:
    _only(step, "repeat", "times")

    async def act(course: Course) -> None:
        walk = course.walk
        for _ in range(2):
            await walk.leave()
            walk.forget()
            await walk.until("PowerDelivery.Stop" if walk.pics.ac else "WeldingDetection")
            await walk.send(requests.make(walk, "SessionStopReq"))
            course.outstanding = "SessionStopReq"
            await course.collect()

    return act


VERBS: Mapping[str, Callable[[Step], Action]] = {
    "send": _send,
    "silent": _silent,
    "while": _while,
    "for_each": _for_each,
    "cp": _cp,
    "cp_fault": _cp_fault,
    "operator": _operator,
    "connect": _connect,
    "repeat": _repeat,
}


# ---------------------------------------------------------------------------------------------------------------
# Expectations


def _identity_problem(walk: TesterEv, word: str, arrival: Arrival) -> str:
    given = arrival.session_id
    before = walk.paused.session_id if walk.paused is not None else walk.__dict__.get("earlier_id", b"")
    match word:
        case "current":
            if arrival.name == "SessionSetupRes" or not any(walk.session_id):
                return ""  # no session stands yet: whatever the charger puts there
            return "" if given == walk.session_id else f"session id {given.hex()}, not {walk.session_id.hex()}"
        case "previous":
            return "" if given == before else f"session id {given.hex()}, not that of before the pause"
        case "new":
            return "" if any(given) and given != before else f"session id {given.hex()} is not new"
    return ""


_VALUES: Mapping[str, Callable[[Any], bool]] = {
    "as requested": lambda value: True,  # judged where the request is known
    "Valid or Warning": lambda value: value in ("Valid", "Warning"),
    "DC_core, DC_extended, DC_combo_core or DC_unique": lambda value: str(value).startswith("DC_"),
    "at least one tuple": lambda value: value is not None,
    'hexBinary up to 32 bytes; "0x00" when not available': lambda value: 1 <= len(value) <= 32,
}


def _field_problem(name: str, wanted: Any, arrival: Arrival) -> str:
    aliases = {"SAScheduleList": "SASchedules", "PaymentOptions": "PaymentOption"}
    try:
        value = found(arrival.message, aliases.get(name, name))
    except KeyError:
        return f"{arrival.name} has no {name}"
    if isinstance(wanted, str) and wanted in _VALUES:
        return "" if _VALUES[wanted](value) else f"{name} is {value!r}, expected {wanted}"
    shown = list(value) if isinstance(value, (list, tuple)) else value
    return "" if shown == wanted or str(shown) == str(wanted) else f"{name} is {shown!r}, expected {wanted!r}"


def _recv(step: Step, place: int, total: int) -> Action:
    if step["recv"] == "SDPRes":
        return _recv_sdp(step)
    _only(step, "recv", "code", "session_id", "fields", "check", "within", "v2gtp", "times")
    name, codes = str(step["recv"]), step.get("code")
    if not re.fullmatch(r"\w+Res|matching response", name):
        raise NotExecutable(f"recv {name!r}")
    if isinstance(codes, str):
        raise NotExecutable(f"code in words: {codes!r}")
    if codes and (bad := [code for code in codes if not re.fullmatch(r"\w+", str(code))]):
        raise NotExecutable(f"code in words: {bad[0]!r}")
    identity, wanted = str(step.get("session_id", "any_valid")), step.get("fields") or {}
    for value in wanted.values():
        if isinstance(value, str) and " " in value and value not in _VALUES:
            raise NotExecutable(f"expected value in words: {value!r}")
    checks = []
    for word in step.get("check", ()):
        if word not in CHECKS:
            raise NotExecutable(f"check {word} is not available")
        checks.append((word, CHECKS[word]))

    async def judge(course: Course) -> None:
        await course.collect()
        if not course.answers:
            raise Failed(f"no {name}")
        arrival = course.answers[0 if total > 1 and place == 0 else -1]
        text = f"{name}{' ' + ' or '.join(codes) if codes else ''}"
        seen = f"{arrival.name} {arrival.code}".rstrip()
        course.result.saw(step_text(step), seen)
        if name != "matching response" and arrival.name != name:
            raise Failed(f"{arrival.name} instead of {name}", expected=text, observed=seen)
        if codes and arrival.code not in codes:
            raise Failed(f"{arrival.name} with {arrival.code}", expected=text, observed=seen)
        problems = [_identity_problem(course.walk, identity, arrival)]
        problems += [_field_problem(field_, value, arrival) for field_, value in wanted.items()]
        problems += [f"{word}: {problem}" for word, check in checks if (problem := check(course.walk, arrival))]
        if problem := "; ".join(text for text in problems if text):
            raise Failed(f"{arrival.name}: {problem}", expected=step_text(step), observed=problem)

    return judge


def _recv_sdp(step: Step) -> Action:
    _only(step, "recv", "fields", "check", "within", "v2gtp")
    wanted, header = step.get("fields") or {}, step.get("v2gtp") or {}

    async def judge(course: Course) -> None:
        if not course.datagrams:
            course.result.saw(step_text(step), "nothing")
            raise Failed("no SDPRes to any request", expected="SDPRes", observed="nothing")
        data = course.datagrams[-1]
        course.result.saw(step_text(step), data.hex())
        for name, value in header.items():
            start, end = HEADER_FIELDS[name]
            if int.from_bytes(data[start:end], "big") != number(value):
                raise Failed(f"SDPRes: V2GTP {name} is 0x{data[start:end].hex()}, expected {value}")
        response = sdp.parse_response(data)
        for name, value in wanted.items():
            given, allowed = getattr(response, name), [number(word) for word in re.findall(r"0x[0-9a-fA-F]+", value)]
            if given not in allowed:
                text = f"SDPRes: {name} is 0x{given:02x}, expected {value}"
                raise (Inconclusive if name == "security" and len(allowed) == 1 else Failed)(text)
        if "SDP_ADDRESS" in step.get("check", ()):
            if not response.address.is_link_local:
                raise Failed(f"SDPRes: {response.address} is no link-local address")
            if not 49152 <= response.port <= 65535:
                course.result.findings.append(f"SDPRes: port {response.port} is outside 49152..65535 (only logged)")

    return judge


def _no_reply(step: Step) -> Action:
    _only(step, "no_reply")
    seconds = durations.seconds(str(step["no_reply"]))

    async def judge(course: Course) -> None:
        walk = course.walk
        if walk.wire is None:
            seen = f"{len(course.datagrams)} datagrams" if course.datagrams else "nothing"
            course.result.saw(step_text(step), seen)
            if course.datagrams:
                raise Failed("the SDP request was answered", expected="no answer", observed=course.datagrams[-1].hex())
            return
        arrival = await walk.wire.next(seconds)
        course.result.saw(step_text(step), "nothing" if arrival is None else arrival.name)
        if arrival is not None:
            raise Failed(f"{arrival.name} although nothing may come", expected="no answer", observed=arrival.name)

    return judge


def _tcp_close(step: Step) -> Action:
    _only(step, "tcp_close", "within_total")
    limit = durations.seconds(str(step["tcp_close"]))
    total = durations.seconds(str(step["within_total"])) if "within_total" in step else None

    async def judge(course: Course) -> None:
        if total is None:
            await course.collect()
        walk, wire = course.walk, course.walk.connection
        if total is not None:
            await _gave_up(course, total)
        since = course.ended or walk.now
        closed = await wire.until_closed(max(since + limit + DELAY - walk.now, 0.0))
        more = [arrival.name for arrival in wire.unread]
        took = f"{max((wire.closed_at or 0.0) - since, 0.0):.3f} s" if closed else f"still open after {limit:g} s"
        course.result.saw(step_text(step), f"{took}{', and ' + more[0] if more else ''}")
        if more:
            raise Failed(f"{more[0]} although only the close may come", expected="TCP closed", observed=more[0])
        if not closed:
            raise Failed(f"TCP is still open after {limit:g} s", expected="TCP closed by the charger", observed=took)

    return judge


async def _gave_up(course: Course, total: float) -> None:
    """Ongoing for so long, then an end: FAILED or a close, not later."""
    walk = course.walk
    last = course.answers[-1] if course.answers else None
    if last is not None and last.code.startswith("OK") and walk.connection.closed_at is None:
        raise Inconclusive(f"{last.name} was Finished before the timer was over")
    took = (walk.connection.closed_at or walk.now) - course.began
    if last is not None and not last.code.startswith("OK"):
        took = last.time - course.began
    course.result.saw(f"gives up at {total:g} s", f"after {took:.3f} s")
    if took > total + timer("TCP_Connection_Termination_Timeout") + 2 * DELAY:
        raise Failed(f"the charger gave up only after {took:.3f} s", expected=f"{total:g} s", observed=f"{took:.3f} s")


def _energy(step: Step) -> Action:
    name = next(iter(step))
    _only(step, name)
    wanted = name == "energy_on"
    limit = durations.seconds(str(step[name])) if name == "energy_stop" else 1.0

    async def judge(course: Course) -> None:
        await course.collect()
        system, walk = course.walk.system, course.walk
        began = course.ended or walk.now
        deadline = began + limit + DELAY
        state = system.energised()
        while state is not None and state is not wanted and walk.now <= deadline:
            await asyncio.sleep(0.01)
            state = system.energised()
        if state is None:
            course.result.not_observed.append(f"{step_text(step)}: the contactor is not seen on this bench")
            return
        took = walk.now - began
        course.result.saw(step_text(step), f"{'on' if state else 'off'} after {took:.3f} s")
        if state is not wanted:
            word = "off" if wanted else "on"
            raise Failed(f"the output is still {word} after {limit:g} s", expected=step_text(step), observed=word)

    return judge


def _cp_in(step: Step) -> Action:
    _only(step, "cp_in")
    states = [State(word) for word in step["cp_in"]]

    async def judge(course: Course) -> None:
        state = course.walk.system.pilot.state
        if course.walk.system.pilot.reading.duty is None:
            course.result.not_observed.append(f"{step_text(step)}: no pilot hardware")
            return
        seen = state.value if state is not None else "?"
        course.result.saw(step_text(step), seen)
        if state not in states:
            raise Failed(f"the pilot is in {seen}", expected=step_text(step), observed=seen)

    return judge


def _link_left(step: Step) -> Action:
    _only(step, "link_left")

    async def judge(course: Course) -> None:
        course.result.not_observed.append(f"{step_text(step)}: the powerline is not seen on this bench")

    return judge


def _no_connection(step: Step) -> Action:
    _only(step, "no_connection")

    async def judge(course: Course) -> None:
        seen = course.connection or "open"
        course.result.saw(step_text(step), seen)
        if not course.connection:
            raise Failed("the connection was accepted", expected="no connection", observed=seen)

    return judge


def _until(step: Step) -> Action:
    _only(step, "until")
    if "EVSEPresentVoltage within" not in str(step["until"]):
        raise NotExecutable(f"until {step['until']!r}")

    async def judge(course: Course) -> None:
        message = course.answers[-1].message
        seen = f"{requests.present_voltage(message):g} V"
        course.result.saw(step_text(step), seen)
        if not course.walk.voltage_reached(message):
            raise Failed(f"the output is at {seen}, not at {course.walk.battery_voltage:g} V")

    return judge


def _then(step: Step) -> Action:
    _only(step, "then")
    if step["then"] != "the tester closes TCP; the SECC has not closed it before its response":
        raise NotExecutable(f"expectation in words: {step['then']!r}")

    async def judge(course: Course) -> None:
        wire = course.walk.connection
        early = wire.closed_at is not None and course.answers and wire.closed_at < course.answers[-1].time
        course.result.saw(step_text(step), "closed early" if early else "as expected")
        if early:
            raise Failed("the charger closed TCP before its response")
        await wire.close()

    return judge


EXPECTATIONS: Mapping[str, Callable[[Step], Action]] = {
    "no_reply": _no_reply,
    "tcp_close": _tcp_close,
    "within_total": _tcp_close,
    "energy_on": _energy,
    "energy_off": _energy,
    "energy_stop": _energy,
    "cp_in": _cp_in,
    "link_left": _link_left,
    "no_connection": _no_connection,
    "until": _until,
    "then": _then,
}


# ---------------------------------------------------------------------------------------------------------------
# The plan


@dataclass
class Plan:
    """What to do for a run.

    Attributes:
        state: to walk to first.
        setup: addition to the state.
        stimulus, expect: in order.
        script: does it all instead, where the vocabulary does not suffice.
    """

    run: Run
    state: str
    setup: str = ""
    certificates: int | None = None
    answers: bool = True
    stimulus: list[Action] = field(default_factory=list)
    expect: list[Action] = field(default_factory=list)
    script: Callable[[TesterEv, Run, Result], Awaitable[None]] | None = None

    async def carry_out(self, walk: TesterEv, result: Result) -> None:
        """Walks to the state, deviates, judges.

        Raises:
            Stop: with the verdict; nothing is raised for a pass.
        """
        walk.certificate_set = self.certificates
        walk.stays_ready = self.setup == "without the change to CP B"
        if self.script is not None:
            await self.script(walk, self.run, result)
            return
        if self.setup == "after an earlier session":
            await walk.until("SessionStop")
            await walk.leave()
            walk.forget()
        await walk.until(self.state)
        if self.setup == "CP C":
            walk.ready()
        course = Course(walk, result, awaits=self.answers)
        for action in self.stimulus:
            await action(course)
        for action in self.expect:
            await action(course)


_SETUPS = (
    "", "CP C", "CP B", "without the change to CP B", "after an earlier session", "after CertificateInstallation",
    "after CertificateUpdate",
)  # fmt: skip


def plan(run: Run) -> Plan:
    """The plan of a run with a charger under test.

    Raises:
        NotExecutable: something in it cannot be done; says what.
    """
    case = run.case
    if not case.preconditions:
        raise NotExecutable("no precondition")
    state = case.preconditions[0].partition(".")[2]
    try:
        way_to(state, _probe(run))
    except (KeyError, ValueError):
        raise NotExecutable(f"precondition {case.preconditions[0]}") from None
    if (script := scripts_secc.SCRIPTS.get(case.id)) is not None:
        return Plan(run, state, script=script)
    if case.setup not in _SETUPS:
        raise NotExecutable(f"setup {case.setup!r}")
    stimulus, expect = run.steps
    actions = []
    for step in stimulus:
        verb = next((key for key in step if key in VERBS), None)
        if verb is None:
            raise NotExecutable(f"verb in {step_text(step)!r}")
        actions.append(VERBS[verb](step))
    received = [step for step in expect if "recv" in step]
    judgements = []
    for step in expect:
        if "recv" in step:
            gives_up = any("within_total" in other for other in expect)
            judgements.append(_recv(step, received.index(step), 2 if gives_up else len(received)))
            continue
        verb = next((key for key in step if key in EXPECTATIONS), None)
        if verb is None:
            raise NotExecutable(f"expectation {step_text(step)!r}")
        judgements.append(EXPECTATIONS[verb](step))
    return Plan(
        run,
        state,
        setup=case.setup,
        certificates=_exchange(run),
        answers=not any("no_reply" in step for step in expect),
        stimulus=actions,
        expect=judgements,
    )


def _exchange(run: Run) -> int | None:
    """The parameter set of the certificate service that a case needs: 1 installation, 2 update."""
    text = f"{run.case.family} {run.case.setup} {' '.join(run.case.preconditions)}"
    if "CertificateUpdate" in text:
        return 2
    return 1 if "CertificateInstallation" in text else None


def _probe(run: Run) -> TesterEv:
    """A walker only for asking for its ways."""
    from conformance.pics import satisfying
    from v2g.protocols import ISO2

    protocol = DIN if run.protocol == "din70121" else ISO2
    nowhere: Any = None
    return TesterEv(nowhere, satisfying(run.case), protocol)


__all__ = ["Plan", "plan", "v2gtp"]
