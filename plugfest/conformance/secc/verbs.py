"""What the tester vehicle does: the stimulus verbs of the catalogue, each turned into an action.

Reading refuses what it does not understand (`NotExecutable`), so that a plan is complete before anything is sent.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

from plugfest.conformance.catalogue import durations, timer
from plugfest.conformance.catalogue.durations import CLOSE, DELAY
from plugfest.conformance.catalogue.phrases import PILOT_FAULTS, can
from plugfest.conformance.catalogue.steps import Step, chosen, only
from plugfest.conformance.cause import Cause
from plugfest.conformance.randomness import other_octets
from plugfest.conformance.secc import contract, discovery, walk
from plugfest.conformance.secc.course import Action, Course
from plugfest.conformance.secc.deviations import changes
from plugfest.conformance.secc.iso20_walk import beside, looping
from plugfest.conformance.secc.tester import CP_AFTER_REQUEST, TesterEv
from plugfest.conformance.table import Table
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable
from plugfest.conformance.watch.watch import ACTS
from plugfest.conformance.wire import HEADER_FIELDS, Arrival
from slac.pilot import State
from v2g.errors import SetupError
from v2g.messages import appproto
from v2g.protocols.iso20 import METERING, PARKING, RENEGOTIATION
from v2g.status import refuses
from v2g.streams import MAIN

VERBS: Table[Callable[[Step], Action]] = Table()

# ---------------------------------------------------------------------------------------------------------------
# Requests


def _session_id(word: str) -> Callable[[TesterEv], bytes | None]:
    match word:
        case "current":
            return lambda tester: None
        case "zero":
            return lambda tester: bytes(8)
        case "previous":
            return lambda tester: tester.previous_id or bytes(8)
        case "random_other":
            return lambda tester: other_octets(tester.rng, tester.session_id)
    raise NotExecutable(f"session id {word!r}")


STREAMS: Mapping[str, int] = {"renegotiation": RENEGOTIATION, "metering": METERING, "parking": PARKING}
"""Side streams by their names in the catalogue."""


def _stream(word: Any) -> int:
    if word is None:
        return MAIN
    if word not in STREAMS:
        raise NotExecutable(f"stream {word!r}")
    return STREAMS[word]


def _offer(offers: Any) -> Callable[[TesterEv], Any]:
    entries: list[dict[str, Any]] = []
    more = False
    if not isinstance(offers, list):
        raise NotExecutable(f"offers in words: {offers!r}")
    for entry in offers:
        if isinstance(entry, str):
            if not entry.startswith("further valid entries"):
                raise NotExecutable(f"offer in words: {entry!r}")
            more = True
            continue
        entries.append(dict(entry))

    def make(tester: TesterEv) -> Any:
        made = []
        for entry in entries:
            minor = entry["VersionNumberMinor"]
            if minor == "PIXIT_SECC_CMN_VersionNumberMinor + 1":
                minor = int(tester.pics["PIXIT_SECC_CMN_VersionNumberMinor"]) + 1
                if minor >= entry["VersionNumberMajor"]:
                    raise Inconclusive("the next minor version would not be below the major one", cause=Cause.POINTLESS)
            made.append(appproto.AppProtocolType(**{**entry, "VersionNumberMinor": minor}))
        namespaces = {entry.ProtocolNamespace for entry in made}
        if more or not tester.protocol.abilities.mutual:  # cases of ISO 15118-20 name the SchemaID that must come back
            made = tester.stimulus.among(made, more=more)
        tester.offered_ids = {entry.SchemaID for entry in made if entry.ProtocolNamespace in namespaces}
        return appproto.supportedAppProtocolReq(AppProtocol=made)

    return make


SEND = ("send", "session_id", "fields", "instead_of", "offers", "v2gtp", "other_header_fields", "times", "stream")
"""Keys of a step that sends a request."""


@VERBS.on("send")
def send(step: Step) -> Action:
    """``send: PreChargeReq``: a good-case request, with its own fields, header, session id, signature or offers."""
    request = step["send"]
    if request == "SDPReq":
        return discovery.send_request(step)
    only(
        step, "send", "session_id", "fields", "instead_of", "offers", "v2gtp", "other_header_fields", "times", "stream"
    )
    if not isinstance(request, str) or not re.fullmatch(r"\w+Req", request):
        raise NotExecutable(f"send {request!r}")
    times = int(step.get("times", 1))
    identity = _session_id(str(step.get("session_id", "current")))
    header = {key: value for key, value in (step.get("v2gtp") or {}).items() if key in HEADER_FIELDS}
    edits = changes(step.get("fields"))
    stream = _stream(step.get("stream"))
    offer = _offer(step["offers"]) if "offers" in step else None
    fields = step.get("fields")
    sign = contract.signing(str(fields["signature"])) if isinstance(fields, Mapping) and "signature" in fields else None

    async def act(course: Course) -> None:
        tester = course.tester
        for _ in range(times):
            await course.collect()
            name = tester.named(request)
            _still_there(course, name)
            message = offer(tester) if offer is not None else tester.make(name)
            for edit in edits:
                message = edit(tester, message)
            if request == "PowerDeliveryReq" and tester.progress == "Start" and not tester.pics.ac:
                tester.system.load(tester.battery_voltage)
            course.began = course.began or tester.now
            signed = {"signature": sign(tester, message)} if sign is not None else {}
            signed |= {"session_id": identity(tester), "header": header or None}
            if stream != MAIN:
                async with looping(tester):
                    course.asked, course.ended = name, tester.now
                    course.answers.append(await beside(tester, message, stream, **signed))
                course.ended = tester.now
                continue
            await tester.send(message, **signed)
            course.asked = course.outstanding = name
            course.ended = tester.now

    return act


def _still_there(course: Course, following: str) -> None:
    """Sends no request after a refusal, which ends the session; the refusal is reported.

    Raises:
        Failed: the last response was a refusal.
    """
    last = course.answers[-1] if course.answers else None
    if last is not None and refuses(last.code):
        seen = f"{last.name} {last.code}"
        raise Failed(
            f"{last.name} came with {last.code}",
            cause=Cause.WRONG_CODE, expected=f"an answer that {following} can follow", observed=seen,
        )  # fmt: skip


@VERBS.on("wait")
def wait(step: Step) -> Action:
    """``wait: V2G_SECC_Sequence_Timeout - 1 s``: the next step comes this much later."""
    only(step, "wait")
    seconds = durations.seconds(str(step["wait"]))

    async def act(course: Course) -> None:
        await course.collect()
        await asyncio.sleep(seconds)

    return act


@VERBS.on("silent")
def silent(step: Step) -> Action:
    """``silent: V2G_SECC_Sequence_Timeout``: nothing is sent for this long."""
    only(step, "silent")
    seconds = durations.seconds(str(step["silent"]))

    async def act(course: Course) -> None:
        await course.collect()
        tester = course.tester
        since = tester.link_up if "CommunicationSetup" in str(step["silent"]) and tester.wire is None else tester.now
        await asyncio.sleep(max(seconds - DELAY - (tester.now - since), 0.0))
        if tester.wire is None:  # the tester cannot close yet: the timer gets its tolerance
            await asyncio.sleep(2 * DELAY)
        course.ended = tester.now

    return act


def _ongoing(tester: TesterEv, arrival: Arrival) -> bool:
    return str(getattr(arrival.message, "EVSEProcessing", "")).startswith("Ongoing")


def _voltage_not_reached(tester: TesterEv, arrival: Arrival) -> bool:
    return not tester.voltage_reached(arrival.message)


GOES_ON: Mapping[str, Callable[[TesterEv, Arrival], bool]] = {
    "EVSEProcessing == Ongoing": _ongoing,
    "EVSEProcessing == Ongoing_WaitingForCustomerInteraction": _ongoing,
    "Ongoing": _ongoing,
    "EVSEPresentVoltage not within 5 % of the target": _voltage_not_reached,
    "voltage not reached": _voltage_not_reached,
}

GIVING_UP = timer("V2G_SECC_Ongoing_Performance_Time") + CLOSE
"""s after which a charger should have given up."""


@VERBS.on("while")
def while_(step: Step) -> Action:
    """``while: EVSEProcessing == Ongoing``: repeats a request until the charger has finished or given up."""
    only(step, "while", "max", "do", "operator")
    goes_on = chosen(step, "while", GOES_ON)
    most = timer(str(step["max"])) if "max" in step else None
    do = send(step["do"]) if "do" in step else None
    beside = operator({"operator": step["operator"]}) if "operator" in step else None

    async def act(course: Course) -> None:
        tester = course.tester
        if beside is not None:
            await beside(course)
        await course.collect()
        began = tester.now
        while course.answers and course.answers[-1].code.startswith("OK") and goes_on(tester, course.answers[-1]):
            if tester.now - began > (GIVING_UP if most is None else most) + tester.delay:
                seconds = GIVING_UP if most is None else most
                raise Failed(
                    f"{course.answers[-1].name} still goes on after {tester.now - began:.1f} s",
                    cause=Cause.UNFINISHED, expected=f"an end within {seconds:g} s", observed=str(step["while"]),
                )  # fmt: skip
            await tester.pause()
            await (do or send({"send": course.asked}))(course)
            try:
                await course.collect()
            except Failed:
                if most is None and course.tester.connection.closed_at is not None:
                    return  # the charger gave up, as required
                raise

    return act


@VERBS.on("for_each")
def for_each(step: Step) -> Action:
    """``for_each: ServiceID in ServiceDiscoveryRes.ServiceList``: requests the details of every service."""
    only(step, "for_each", "do")
    if "ServiceID in ServiceDiscoveryRes.ServiceList" not in str(step["for_each"]):
        raise NotExecutable(f"for_each {step['for_each']!r}")

    async def act(course: Course) -> None:
        tester = course.tester
        if not tester.offered.services:
            raise Inconclusive("the charger offers no value-added service", cause=Cause.NOT_DECLARED)
        for service in tester.offered.services:
            await course.collect()
            await tester.send(tester.protocol.module.ServiceDetailReq(ServiceID=service.ServiceID))
            course.asked = course.outstanding = "ServiceDetailReq"
            await course.collect()
            answer = course.answers[-1].message
            if getattr(answer, "ServiceID", None) != service.ServiceID:
                seen = str(getattr(answer, "ServiceID", None))
                raise Failed(
                    f"ServiceDetailRes came with ServiceID {seen}",
                    cause=Cause.WRONG_FIELD, expected=f"ServiceID {service.ServiceID}, as asked", observed=seen,
                )  # fmt: skip
            tester.details[service.ServiceID] = answer

    return act


# ---------------------------------------------------------------------------------------------------------------
# Pilot, persons, connections

_CP = re.compile(r"(A|B|C|D)( or D)?( \(unchanged\))?( without PowerDeliveryReq)?")


@VERBS.on("cp")
def cp(step: Step) -> Action:
    """``cp: B``: the vehicle's pilot state, set during the current request or after its response; A pulls the plug."""
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
            raise Inconclusive("the charger cannot see the pilot: pilot hardware is needed", cause=Cause.NO_PILOT)
        if match[3]:
            return
        if match[1] == "A":
            if not tester.system.unplug():
                raise Inconclusive("the connector cannot be unplugged on this bench", cause=Cause.NO_ACTION)
        else:
            if match[1] == "B":
                tester.system.load(None)
            tester.system.pilot.set(State(match[1]))
        course.ended = tester.now

    return act


@VERBS.on("cp_fault")
def cp_fault(step: Step) -> Action:
    """``cp_fault: diode_lost``: a fault of the pilot wire."""
    only(step, "cp_fault")

    async def act(course: Course) -> None:
        await course.collect()
        course.tester.tell(*ACTS, str(step["cp_fault"]))
        if not course.tester.system.fault(str(step["cp_fault"])):
            text = f"nothing on this bench can {PILOT_FAULTS[str(step['cp_fault'])]}: pilot hardware is needed"
            raise Inconclusive(text, cause=Cause.NO_HARDWARE)
        course.ended = course.tester.now

    return act


ACTIONS = (
    "never authorise", "refuse", "stop", "emergency stop", "pause", "renegotiate", "another service", "leave standby",
    "stick contactor", "lower insulation", "no contract", "slow back end", "silent back end",
)  # fmt: skip
"""What a person at the charger can be asked to do."""


@VERBS.on("operator")
def operator(step: Step) -> Action:
    """``operator: stop``: what a person at the charger does."""
    only(step, "operator")
    action = str(step["operator"])
    if action not in ACTIONS:
        raise NotExecutable(f"operator: {action!r}")

    async def act(course: Course) -> None:
        if not await course.tester.act(action) and action != "never authorise":
            raise Inconclusive(f"nothing on this bench can {can(action)}", cause=Cause.NO_ACTION)

    return act


@VERBS.on("connect")
def connect(step: Step) -> Action:
    """``connect``: TCP, and TLS if declared, to the port that discovery found."""
    only(step, "connect")
    if step["connect"] != "TCP/TLS to the SDP-announced port":
        raise NotExecutable(f"connect {step['connect']!r}")

    async def act(course: Course) -> None:
        tester = course.tester
        try:
            await walk.connect(tester)
        except SetupError as why:
            course.connection = str(why)
            return
        # A connection that is dropped at once was refused.
        course.connection = "closed at once" if await tester.connection.until_closed(1.0) else ""

    return act


@VERBS.on("repeat")
def repeat(step: Step) -> Action:
    """``repeat``: two more whole sessions."""
    only(step, "repeat", "times")

    async def act(course: Course) -> None:
        tester = course.tester
        for _ in range(2):
            await tester.leave()
            tester.forget()
            await tester.until("PowerDelivery.Stop" if tester.pics.ac else "WeldingDetection")
            await tester.send(tester.make("SessionStopReq"))
            course.asked = course.outstanding = "SessionStopReq"
            await course.collect()

    return act
