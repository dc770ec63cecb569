"""What the tester vehicle does: the stimulus verbs of the catalogue, each read into an action.

Reading refuses what it does not understand (`NotExecutable`), so that a plan is whole before anything is sent.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

from conformance import durations
from conformance.catalogue import timer
from conformance.durations import CLOSE, DELAY
from conformance.secc import contract, discovery
from conformance.secc.course import Action, Course
from conformance.secc.deviations import changes
from conformance.secc.tester import CP_AFTER_REQUEST, TesterEv
from conformance.secc.walk import connect
from conformance.steps import Step, only
from conformance.verdict import Failed, Inconclusive, NotExecutable
from conformance.wire import HEADER_FIELDS, Arrival
from slac.pilot import State
from v2g.errors import SetupError
from v2g.messages import appproto


def _session_id(word: str) -> Callable[[TesterEv], bytes | None]:
    match word:
        case "current":
            return lambda tester: None
        case "zero":
            return lambda tester: bytes(8)
        case "previous":
            return lambda tester: tester.previous_id or bytes(8)
        case "random_other":
            return lambda tester: tester.rng.randbytes(7) + bytes([tester.session_id[-1] ^ 0x5A])
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

    def make(tester: TesterEv) -> Any:
        made = []
        for entry in entries:
            minor = entry["VersionNumberMinor"]
            if minor == "PIXIT_SECC_CMN_VersionNumberMinor + 1":
                minor = int(tester.pics["PIXIT_SECC_CMN_VersionNumberMinor"]) + 1
                if minor >= entry["VersionNumberMajor"]:
                    raise Inconclusive("the next minor version would not be below the major one")
            made.append(appproto.AppProtocolType(**{**entry, "VersionNumberMinor": minor}))
        tester.offered_ids = {entry.SchemaID for entry in made}
        return appproto.supportedAppProtocolReq(AppProtocol=made)

    return make


def _send(step: Step) -> Action:
    request = step["send"]
    if request == "SDPReq":
        return discovery.send_request(step)
    only(step, "send", "session_id", "fields", "instead_of", "offers", "v2gtp", "other_header_fields", "times")
    if not isinstance(request, str) or not re.fullmatch(r"\w+Req", request):
        raise NotExecutable(f"send {request!r}")
    times = int(step.get("times", 1))
    identity = _session_id(str(step.get("session_id", "current")))
    header = {key: value for key, value in (step.get("v2gtp") or {}).items() if key in HEADER_FIELDS}
    edits = changes(step.get("fields"))
    offer = _offer(step["offers"]) if "offers" in step else None
    fields = step.get("fields")
    sign = contract.signing(str(fields["signature"])) if isinstance(fields, Mapping) and "signature" in fields else None

    async def act(course: Course) -> None:
        tester = course.tester
        for _ in range(times):
            await course.collect()
            message = offer(tester) if offer is not None else tester.make(request)
            for edit in edits:
                message = edit(tester, message)
            if request == "PowerDeliveryReq" and tester.progress == "Start" and not tester.pics.ac:
                tester.system.load(tester.battery_voltage)
            course.began = course.began or tester.now
            signed = {"signature": sign(tester, message)} if sign is not None else {}
            await tester.send(message, session_id=identity(tester), header=header or None, **signed)
            course.outstanding, course.ended = request, tester.now

    return act


def _silent(step: Step) -> Action:
    only(step, "silent")
    seconds = durations.seconds(str(step["silent"]))

    async def act(course: Course) -> None:
        await course.collect()
        tester = course.tester
        since = tester.link_up if "CommunicationSetup" in str(step["silent"]) and tester.wire is None else tester.now
        await asyncio.sleep(max(seconds - DELAY - (tester.now - since), 0.0))
        if tester.wire is None:  # nobody can close here: the timer is given its tolerance
            await asyncio.sleep(2 * DELAY)
        course.ended = tester.now

    return act


_WHILE = {
    "EVSEProcessing == Ongoing": "ongoing",
    "EVSEProcessing == Ongoing_WaitingForCustomerInteraction": "ongoing",
    "Ongoing": "ongoing",
    "EVSEPresentVoltage not within 5 % of the target": "voltage",
    "voltage not reached": "voltage",
}


GIVING_UP = timer("V2G_SECC_Ongoing_Performance_Time") + CLOSE
"""s: after that a charger should have given up."""


def _while(step: Step) -> Action:
    only(step, "while", "max", "do", "operator")
    kind = _WHILE.get(str(step["while"]))
    if kind is None:
        raise NotExecutable(f"while {step['while']!r}")
    most = timer(str(step["max"])) if "max" in step else None
    again = _send(step["do"])
    operator = _operator({"operator": step["operator"]}) if "operator" in step else None

    def goes_on(tester: TesterEv, arrival: Arrival) -> bool:
        if not arrival.code.startswith("OK"):
            return False
        if kind == "ongoing":
            return str(getattr(arrival.message, "EVSEProcessing", "")).startswith("Ongoing")
        return not tester.voltage_reached(arrival.message)

    async def act(course: Course) -> None:
        tester = course.tester
        if operator is not None:
            await operator(course)
        await course.collect()
        began = tester.now
        while course.answers and goes_on(tester, course.answers[-1]):
            if tester.now - began > (GIVING_UP if most is None else most) + DELAY:
                raise Failed(f"{course.answers[-1].name} still goes on after {tester.now - began:.1f} s")
            await tester.pause()
            await again(course)
            try:
                await course.collect()
            except Failed:
                if most is None and course.tester.connection.closed_at is not None:
                    return  # the charger gave up, as it should
                raise

    return act


def _for_each(step: Step) -> Action:
    only(step, "for_each", "do")
    if "ServiceID in ServiceDiscoveryRes.ServiceList" not in str(step["for_each"]):
        raise NotExecutable(f"for_each {step['for_each']!r}")

    async def act(course: Course) -> None:
        tester = course.tester
        if not tester.services:
            raise Inconclusive("the charger offers no value-added service")
        for service in tester.services:
            await course.collect()
            await tester.send(tester.protocol.module.ServiceDetailReq(ServiceID=service.ServiceID))
            course.outstanding = "ServiceDetailReq"
            await course.collect()
            answer = course.answers[-1].message
            if getattr(answer, "ServiceID", None) != service.ServiceID:
                raise Failed(f"details of service {getattr(answer, 'ServiceID', None)}, asked {service.ServiceID}")
            tester.details[service.ServiceID] = answer

    return act


_CP = re.compile(r"(A|B|C|D)( or D)?( \(unchanged\))?( without PowerDeliveryReq)?")


def _cp(step: Step) -> Action:
    only(step, "cp", "when")
    match = _CP.fullmatch(str(step["cp"]))
    if match is None:
        raise NotExecutable(f"pilot {step['cp']!r}")
    when = str(step.get("when", "right after the request"))

    async def act(course: Course) -> None:
        tester = course.tester
        if when == "after the response":
            await course.collect()
        elif course.outstanding:
            await asyncio.sleep(CP_AFTER_REQUEST)
        if (match[3] or match[4]) and tester.system.pilot.reading.duty is None:
            raise Inconclusive("the charger cannot see the pilot: pilot hardware is needed")
        if match[3]:
            return
        if match[1] == "A":
            if not tester.system.unplug():
                raise Inconclusive("the connector cannot be pulled here")
        else:
            if match[1] == "B":
                tester.system.load(None)
            tester.system.pilot.set(State(match[1]))
        course.ended = tester.now

    return act


def _cp_fault(step: Step) -> Action:
    only(step, "cp_fault")

    async def act(course: Course) -> None:
        await course.collect()
        if not course.tester.system.fault(str(step["cp_fault"])):
            raise Inconclusive(f"the fault {step['cp_fault']} cannot be applied here: pilot hardware is needed")
        course.ended = course.tester.now

    return act


_OPERATOR = {
    "never authorise": "never authorise",
    "refuse": "refuse",
    "stop": "stop",
    "emergency stop": "emergency stop",
}


def _operator(step: Step) -> Action:
    only(step, "operator")
    action = _OPERATOR.get(str(step["operator"]))
    if action is None:
        raise NotExecutable(f"operator: {step['operator']!r}")

    async def act(course: Course) -> None:
        if not await course.tester.system.do(action) and action != "never authorise":
            raise Inconclusive(f"nobody can {action} here")

    return act


def _connect(step: Step) -> Action:
    only(step, "connect")
    if step["connect"] != "TCP/TLS to the SDP-announced port":
        raise NotExecutable(f"connect {step['connect']!r}")

    async def act(course: Course) -> None:
        tester = course.tester
        try:
            await connect(tester)
        except SetupError as why:
            course.connection = str(why)
            return
        # A connection that is dropped at once was refused.
        course.connection = "closed at once" if await tester.connection.until_closed(1.0) else ""

    return act


def _repeat(step: Step) -> Action:
    only(step, "repeat", "times")

    async def act(course: Course) -> None:
        tester = course.tester
        for _ in range(2):
            await tester.leave()
            tester.forget()
            await tester.until("PowerDelivery.Stop" if tester.pics.ac else "WeldingDetection")
            await tester.send(tester.make("SessionStopReq"))
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
