"""What the charger must do: the expectations of the catalogue, each turned into a judgement.

An expectation ``recv`` is about the last response to the stimulus; two of them are about the first and the last
response. What a bench cannot see is reported as not observed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

from boundary.text import counted
from plugfest.conformance.catalogue import durations
from plugfest.conformance.catalogue.durations import CLOSE, DELAY
from plugfest.conformance.catalogue.steps import Step, Steps, named_checks, only, value_text
from plugfest.conformance.catalogue.wanted import check_text, expected_text, unseen
from plugfest.conformance.cause import Cause, Severity
from plugfest.conformance.fields import found
from plugfest.conformance.secc import discovery
from plugfest.conformance.secc.checks import CHECKS
from plugfest.conformance.secc.course import Action, Course
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.secc.unplugged import over
from plugfest.conformance.table import Table
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable
from plugfest.conformance.wire import Arrival
from slac.pilot import State
from v2g import naming
from v2g.physical import number

EXPECTATIONS: Table[Callable[[Step, Steps], Action]] = Table()
"""Each reads a step; it also gets all expectations of its case, because some depend on their position among them."""

# ---------------------------------------------------------------------------------------------------------------
# Responses


_IDENTITIES = {
    "current": "the session id of SessionSetupRes",
    "previous": "the session id of the paused session",
    "new": "a new session id",
}


def _identity_problem(tester: TesterEv, word: str, arrival: Arrival) -> str:
    given = arrival.session_id
    before = tester.previous_id
    match word:
        case "current":
            if arrival.name == "SessionSetupRes" or not any(tester.session_id):
                return ""  # there is no session yet: the charger may put anything there
            return "" if given == tester.session_id else f"session id {given.hex()}, not {tester.session_id.hex()}"
        case "previous":
            return "" if given == before else f"session id {given.hex()}, not that of the paused session"
        case "new":
            return "" if any(given) and given != before else f"session id {given.hex()} is not new"
    return ""


_VALUES: Mapping[str, Callable[[Any], bool]] = {
    "as requested": lambda value: True,  # judged where the request is known
    "Valid or Warning": lambda value: value in ("Valid", "Warning"),
    "Valid, Warning or absent": lambda value: value in ("Valid", "Warning", None),
    "DC_core, DC_extended, DC_combo_core or DC_unique": lambda value: str(value).startswith("DC_"),
    "present": lambda value: value is not None,
    "absent": lambda value: value is None,
    "at least one tuple": lambda value: value is not None,
    'hexBinary up to 32 bytes; "0x00" when not available': lambda value: 1 <= len(value) <= 32,
}
"""Values in words -> whether a value fits."""


_ALIASES = {"SAScheduleList": "SASchedules", "PaymentOptions": "PaymentOption"}
"""Names of fields in the catalogue -> those of the schema."""


def _shown(value: Any) -> str:
    """A value as written in a sentence."""
    if value is None:
        return "absent"
    return value.hex() if isinstance(value, bytes) else value_text(value)


def _field_problem(name: str, wanted: Any, arrival: Arrival) -> str:
    try:
        value = found(arrival.message, _ALIASES.get(name, name))
    except KeyError:
        return f"{arrival.name} has no {name}"
    if isinstance(wanted, str) and wanted in _VALUES:
        return "" if _VALUES[wanted](value) else f"{name} is {_shown(value)}"
    shown = list(value) if isinstance(value, (list, tuple)) else value
    return "" if shown == wanted or str(shown) == str(wanted) else f"{name} is {_shown(shown)}"


_OF_CONTRACTS = {
    "FAILED_CertificateExpired", "FAILED_CertificateRevoked", "FAILED_CertChainError", "FAILED_SignatureError",
    "FAILED_CertificateNotAllowedAtThisEVSE", "FAILED_ChallengeInvalid",
}  # fmt: skip
"""Codes that refuse a contract, or the vehicle that presents it."""


@EXPECTATIONS.on("recv")
def recv(step: Step, expect: Steps) -> Action:
    """``recv: PreChargeRes``: name, codes, session id, fields and checks of a response."""
    if step["recv"] == "SDPRes":
        return discovery.response(step)
    only(step, "recv", "code", "better", "session_id", "fields", "check", "within", "v2gtp", "times")
    name, codes, better = str(step["recv"]), step.get("code"), step.get("better")
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
    checks = named_checks(step, CHECKS)
    received = [other for other in expect if "recv" in other]
    first = received.index(step) == 0 and (len(received) > 1 or any("within_total" in other for other in expect))

    async def judge(course: Course) -> None:
        await course.collect()
        if not course.answers:
            raise Failed(f"no {name} came", cause=Cause.NO_ANSWER, expected=name, observed="nothing")
        arrival = course.answers[0 if first else -1]
        text = f"{name}{' ' + ' or '.join(codes) if codes else ''}"
        seen = f"{arrival.name} {arrival.code}".rstrip()
        course.result.saw(expected_text(step), seen)
        meant = course.tester.named(name)
        if name == "matching response":
            meant = naming.response(course.asked) if course.asked else arrival.name
        if arrival.name != meant:
            raise Failed(
                f"{arrival.name} came instead of {meant}", cause=Cause.WRONG_MESSAGE, expected=text, observed=seen
            )
        if codes and arrival.code not in codes:
            taken = bool(_OF_CONTRACTS.intersection(codes)) and arrival.code.startswith("OK")
            cause = Cause.CONTRACT_ACCEPTED if taken else Cause.WRONG_CODE
            raise Failed(f"{arrival.name} came with {arrival.code}", cause=cause, expected=text, observed=seen)
        if better and arrival.code != better:
            told = f"{arrival.name} came with {arrival.code}; {better} is the code for this"
            course.result.find(told, Severity.READING, Cause.WRONG_CODE)
        problems = [(stranger := _identity_problem(course.tester, identity, arrival), _IDENTITIES.get(identity, ""))]
        problems += [
            (_field_problem(field_, value, arrival), f"{field_} {value_text(value)}")
            for field_, value in wanted.items()
        ]
        problems += [(check(course.tester, arrival), check_text(word)) for word, check in checks]
        if found := [(problem, right) for problem, right in problems if problem]:
            raise Failed(
                f"{seen} is wrong: {'; '.join(problem for problem, _ in found)}",
                cause=Cause.WRONG_SESSION if stranger else Cause.WRONG_FIELD,
                expected="; ".join(right for _, right in found), observed=seen,
            )  # fmt: skip

    return judge


# ---------------------------------------------------------------------------------------------------------------
# Silence and the close


@EXPECTATIONS.on("no_reply")
def no_reply(step: Step, expect: Steps) -> Action:
    """``no_reply: 2 s``: nothing comes."""
    only(step, "no_reply")
    seconds = durations.seconds(str(step["no_reply"]))

    async def judge(course: Course) -> None:
        tester = course.tester
        if tester.wire is None:
            seen = counted(len(course.datagrams), "datagram") if course.datagrams else "nothing"
            course.result.saw(expected_text(step), seen)
            if course.datagrams:
                raise Failed(
                    "the charger answered the SDP request",
                    cause=Cause.UNWANTED_MESSAGE, expected="no answer", observed=course.datagrams[-1].hex(),
                )  # fmt: skip
            return
        arrival = await tester.wire.next(seconds)
        course.result.saw(expected_text(step), "nothing" if arrival is None else arrival.name)
        if arrival is not None:
            raise Failed(
                f"{arrival.name} came where no response is allowed",
                cause=Cause.UNWANTED_MESSAGE, expected=f"no answer for {seconds:g} s", observed=arrival.name,
            )  # fmt: skip

    return judge


@EXPECTATIONS.on("tcp_close", "within_total")
def tcp_close(step: Step, expect: Steps) -> Action:
    """``tcp_close: TCP_Connection_Termination_Timeout``: the charger closes in time and sends nothing more."""
    only(step, "tcp_close", "within_total")
    limit = durations.seconds(str(step["tcp_close"]))
    total = durations.seconds(str(step["within_total"])) if "within_total" in step else None

    async def judge(course: Course) -> None:
        if total is None:
            await course.collect()
        tester, wire = course.tester, course.tester.connection
        if total is not None:
            await _gave_up(course, total)
        since = course.ended or tester.now
        within = durations.allowed(limit, tester.delay)
        closed = await wire.until_closed(max(since + limit + tester.delay - tester.now, 0.0))
        more = [arrival.name for arrival in wire.unread]
        took = f"{max((wire.closed_at or 0.0) - since, 0.0):.3f} s" if closed else f"still open after {within}"
        course.result.saw(expected_text(step), f"{took}{', and ' + more[0] if more else ''}")
        if more:
            raise Failed(
                f"{more[0]} came instead of the end of the connection",
                cause=Cause.UNWANTED_MESSAGE, expected=f"TCP closed within {within}", observed=more[0],
            )  # fmt: skip
        if not closed:
            raise Failed(
                f"the charger did not close TCP within {within}",
                cause=Cause.STILL_OPEN, expected=f"TCP closed by the charger within {within}", observed=took,
            )  # fmt: skip

    return judge


async def _gave_up(course: Course, total: float) -> None:
    """Ongoing for this long, then the end: FAILED or a close, no later."""
    tester = course.tester
    last = course.answers[-1] if course.answers else None
    if last is not None and last.code.startswith("OK") and tester.connection.closed_at is None:
        raise Inconclusive(f"{last.name} was Finished before the timer was over", cause=Cause.POINTLESS)
    took = (tester.connection.closed_at or tester.now) - course.began
    if last is not None and not last.code.startswith("OK"):
        took = last.time - course.began
    course.result.saw(f"gives up at {total:g} s", f"after {took:.3f} s")
    if took > total + CLOSE + DELAY + tester.delay:
        raise Failed(
            f"the charger answered Ongoing for {took:.3f} s before it gave up",
            cause=Cause.TOO_LATE, expected=f"an end after {total:g} s", observed=f"{took:.3f} s",
        )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Output, pilot, link


@EXPECTATIONS.on("energy_on", "energy_off", "energy_stop")
def energy(step: Step, expect: Steps) -> Action:
    """``energy_on``, ``energy_off``, ``energy_stop: 0.1 s``: the output is on, or off in time."""
    name = next(iter(step))
    only(step, name)
    wanted = name == "energy_on"
    limit = durations.seconds(str(step[name])) if name == "energy_stop" else 1.0

    async def judge(course: Course) -> None:
        await course.collect()
        system, tester = course.tester.system, course.tester
        began = course.ended or tester.now
        deadline, within = began + limit + tester.delay, durations.allowed(limit, tester.delay)
        state = system.energised()
        while state is not None and state is not wanted and tester.now <= deadline:
            await asyncio.sleep(0.01)
            state = system.energised()
        if state is None:
            course.result.not_observed.append(f"{expected_text(step)}: the contactor is not seen on this bench")
            return
        took = tester.now - began
        course.result.saw(expected_text(step), f"{'on' if state else 'off'} after {took:.3f} s")
        if state is not wanted:
            word = "off" if wanted else "on"
            cause = Cause.OUTPUT_OFF if wanted else Cause.OUTPUT_ON
            raise Failed(
                f"the charger's output is still {word} after {within}",
                cause=cause, expected=f"output {'on' if wanted else 'off'} within {within}", observed=word,
            )  # fmt: skip

    return judge


@EXPECTATIONS.on("session_over")
def session_over(step: Step, expect: Steps) -> Action:
    """``session_over: 2 s``: so long after an unplug, the charger does not go on with the session.

    It answers no request, or refuses it. What else ends a session is a reading of ours: the link may be gone first.
    """
    only(step, "session_over")
    wait = durations.seconds(str(step["session_over"]))

    async def judge(course: Course) -> None:
        await course.collect()
        await over(course.tester, course.result, wait)

    return judge


@EXPECTATIONS.on("cp_in")
def cp_in(step: Step, expect: Steps) -> Action:
    """``cp_in: [B, C]``: what the pilot shows."""
    only(step, "cp_in")
    states = [State(word) for word in step["cp_in"]]

    async def judge(course: Course) -> None:
        state = course.tester.system.pilot.state
        if course.tester.system.pilot.reading.duty is None:
            course.result.not_observed.append(f"{expected_text(step)}: no pilot hardware")
            return
        seen = state.value if state is not None else "?"
        course.result.saw(expected_text(step), seen)
        if state not in states:
            raise Failed(
                f"the pilot is in {seen}",
                cause=Cause.PILOT_STATE, expected=f"state {' or '.join(one.value for one in states)}", observed=seen,
            )  # fmt: skip

    return judge


@EXPECTATIONS.on("link_left")
def link_left(step: Step, expect: Steps) -> Action:
    """``link_left``: the charger leaves the power line network."""
    only(step, "link_left")
    return unseen(step, "the powerline")


@EXPECTATIONS.on("no_connection")
def no_connection(step: Step, expect: Steps) -> Action:
    """``no_connection``: the charger did not accept the connection."""
    only(step, "no_connection")

    async def judge(course: Course) -> None:
        seen = course.connection or "open"
        course.result.saw(expected_text(step), seen)
        if not course.connection:
            raise Failed(
                "the charger accepted the connection", cause=Cause.ACCEPTED, expected="no connection", observed=seen
            )

    return judge


@EXPECTATIONS.on("until")
def until(step: Step, expect: Steps) -> Action:
    """``until: EVSEPresentVoltage within ...``: the output has reached the target."""
    only(step, "until")
    if "EVSEPresentVoltage within" not in str(step["until"]):
        raise NotExecutable(f"until {step['until']!r}")

    async def judge(course: Course) -> None:
        message = course.answers[-1].message
        seen = f"{number(message.EVSEPresentVoltage):g} V"
        course.result.saw(expected_text(step), seen)
        if not course.tester.voltage_reached(message):
            volts = course.tester.battery_voltage
            raise Failed(
                f"the charger's output is at {seen}",
                cause=Cause.PHYSICS, expected=f"5 % around {volts:g} V", observed=seen,
            )  # fmt: skip

    return judge


@EXPECTATIONS.on("then")
def then(step: Step, expect: Steps) -> Action:
    """``then: ...``: in words."""
    only(step, "then")
    if step["then"] != "the tester closes TCP; the SECC has not closed it before its response":
        raise NotExecutable(f"then in words: {step['then']!r}")

    async def judge(course: Course) -> None:
        wire = course.tester.connection
        early = wire.closed_at is not None and course.answers and wire.closed_at < course.answers[-1].time
        course.result.saw(expected_text(step), "closed early" if early else "as expected")
        if early:
            raise Failed(
                "the charger closed TCP before its response",
                cause=Cause.CLOSED, expected="TCP open until the tester closes", observed="closed by the charger",
            )  # fmt: skip
        await wire.close()

    return judge
