"""Discovery (SDP) of a charger under test: the good case, deviating requests, and the required answers."""

from __future__ import annotations

import asyncio
import re
from ipaddress import IPv6Address
from typing import Any

from plugfest.conformance.catalogue import timer
from plugfest.conformance.catalogue.steps import Step, only
from plugfest.conformance.catalogue.wanted import expected_text
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc.course import Action, Course
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive
from plugfest.conformance.wire import HEADER_FIELDS, forged, number
from v2g import sdp
from v2g.errors import RemoteError
from v2g.trace import Event

ATTEMPTS = 5
"""SDP requests of the good case before the charger counts as absent."""


async def next_datagram(answers: asyncio.Queue[Any], within: float) -> bytes | None:
    """The next datagram, or None."""
    try:
        async with asyncio.timeout(within):
            data, _ = await answers.get()
    except TimeoutError:
        return None
    return bytes(data)


async def asked(tester: TesterEv, data: bytes, send: Any, answers: asyncio.Queue[Any]) -> bytes | None:
    """Sends an SDP request; returns the answer, or None."""
    tester.observe(Event(tester.now, "sdp", "SDPRequest", "tx", data))
    send(data)
    answer = await next_datagram(answers, timer("SDP_Timeout"))
    if answer is not None:
        tester.observe(Event(tester.now, "sdp", "SDPResponse", "rx", answer))
    return answer


async def discover(tester: TesterEv) -> None:
    """The good case: asks until the charger answers.

    Raises:
        Failed: it does not.
        Inconclusive: its security differs from the declared one.
    """
    security = sdp.TLS if tester.wants_tls else sdp.NO_TLS
    if (given := getattr(tester.system, "endpoint", None)) is not None:  # an address is used instead of SDP
        tester.endpoint = sdp.Response(IPv6Address(0), given[1], security)
        return
    request = sdp.Request(security).pack()
    with tester.system.sdp() as (send, answers):
        for _ in range(ATTEMPTS):
            data = await asked(tester, request, send, answers)
            if data is None:
                continue
            try:
                found = sdp.parse_response(data)
            except RemoteError:
                continue
            tester.endpoint = found
            if found.security != security:
                offered = "TLS" if found.security == sdp.TLS else "no TLS"
                raise Inconclusive(
                    f"the charger offers {offered} (security 0x{found.security:02x}), but the case needs"
                    f" {'TLS' if security == sdp.TLS else 'a session without it'}",
                    cause=Cause.SECURITY_MISMATCH,
                )
            return
    raise Failed(
        f"{ATTEMPTS} SDP requests were not answered",
        cause=Cause.NOT_DISCOVERED, expected="SDPRes to one of them", observed="nothing",
    )  # fmt: skip


def send_request(step: Step) -> Action:
    """``send: SDPReq``, with any byte of it and of its header forced."""
    only(step, "send", "fields", "v2gtp", "other_header_fields", "repeat")
    fields, header = step.get("fields") or {}, step.get("v2gtp") or {}
    only(fields, "security", "transport")
    repeat = step.get("repeat") or {"max": 1}

    async def act(course: Course) -> None:
        tester = course.tester
        security = number(fields.get("security", sdp.TLS if tester.wants_tls else sdp.NO_TLS))
        request = sdp.Request(security, number(fields.get("transport", 0)))
        data = forged(request.pack(), header)
        with tester.system.sdp() as (send, answers):
            for _ in range(int(repeat["max"])):
                course.ended = tester.now
                answer = await asked(tester, data, send, answers)
                if answer is not None:
                    course.datagrams.append(answer)
                    return

    return act


def response(step: Step) -> Action:
    """``recv: SDPRes``: its header, its fields, the address."""
    only(step, "recv", "fields", "check", "within", "v2gtp")
    wanted, header = step.get("fields") or {}, step.get("v2gtp") or {}

    async def judge(course: Course) -> None:
        if not course.datagrams:
            course.result.saw(expected_text(step), "nothing")
            raise Failed("SDPReq was not answered", cause=Cause.NOT_DISCOVERED, expected="SDPRes", observed="nothing")
        data = course.datagrams[-1]
        course.result.saw(expected_text(step), data.hex())
        for name, value in header.items():
            start, end = HEADER_FIELDS[name]
            if int.from_bytes(data[start:end], "big") != number(value):
                seen = f"0x{data[start:end].hex()}"
                text = f"SDPRes came with V2GTP {name} {seen}"
                raise Failed(text, cause=Cause.BAD_DISCOVERY, expected=str(value), observed=seen)
        response = sdp.parse_response(data)
        for name, value in wanted.items():
            given, allowed = getattr(response, name), [number(word) for word in re.findall(r"0x[0-9a-fA-F]+", value)]
            if given not in allowed:
                text, seen = f"SDPRes came with {name} 0x{given:02x}", f"0x{given:02x}"
                if name == "security" and len(allowed) == 1:
                    raise Inconclusive(f"{text}, but the case needs {value}", cause=Cause.SECURITY_MISMATCH)
                raise Failed(text, cause=Cause.BAD_DISCOVERY, expected=str(value), observed=seen)
        if "SDP_ADDRESS" in step.get("check", ()):
            if not response.address.is_link_local:
                raise Failed(
                    f"SDPRes announces {response.address}",
                    cause=Cause.BAD_DISCOVERY, expected="a link-local address", observed=str(response.address),
                )  # fmt: skip
            if not 49152 <= response.port <= 65535:
                course.result.find(f"SDPRes: port {response.port} is outside 49152..65535 (only logged)")

    return judge
