"""Discovery: silence, broken headers, wrong content, and what the vehicle asks for."""

from __future__ import annotations

import asyncio
import itertools
from ipaddress import IPv6Address

from boundary.text import counted
from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.table import SCRIPTS, SETUP
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import forged
from v2g import sdp, v2gtp
from v2g.protocols import ISO2

TO_START = 60.0
"""s in which a vehicle's program begins its search after plugging in."""


@SCRIPTS.on("PF_EVCC_ISO2_SDP_NoAnswer")
async def sdp_silence(tester: TesterEvse, run: Run, result: Result) -> None:
    """No SDP request is answered: each search has at most 50 of them, and is over after the setup time.

    The time runs from its first request: a vehicle needs time to start.
    """
    tester.answer_sdp = lambda data, response: None
    await asks(tester)
    await asyncio.sleep(SETUP + 10.0)
    for search in _searches(tester.asked):
        lasted = search[-1] - search[0]
        result.saw("at most 50 requests, none after the setup time", f"{len(search)} requests in {lasted:.2f} s")
        if len(search) > 50 or lasted > SETUP + 0.5 + tester.delay:
            raise Failed(
                f"{len(search)} SDP requests in {lasted:.2f} s",
                cause=Cause.BAD_DISCOVERY,
                expected=f"at most 50 SDP requests within {SETUP:g} s, then silence",
            )


RETRIES = 5.0
"""s of silence after which a request belongs to another search."""


def _searches(asked: list[tuple[float, bytes]]) -> list[list[float]]:
    """Times of the requests of each search; one for the other security begins another, as after 50 requests for TLS."""
    searches: list[list[float]] = []
    last: tuple[float, bytes] | None = None
    for moment, data in asked:
        if last is None or data != last[1] or moment - last[0] > RETRIES:
            searches.append([])
        searches[-1].append(moment)
        last = (moment, data)
    return searches


@SCRIPTS.on("PF_EVCC_ISO2_SDP_BadHeader")
async def sdp_bad_header(tester: TesterEvse, run: Run, result: Result) -> None:
    """The SDP answer has a broken V2GTP header: it is ignored, and the vehicle asks again."""
    tester.answer_sdp = lambda data, response: forged(response.pack(), dict(run.variant))
    await _asks_again(tester, result)


async def asks(tester: TesterEvse) -> None:
    """Plugs in, and waits for the vehicle's search: a program may take long to start.

    Raises:
        Inconclusive: it does not begin.
    """
    await tester.plug()
    await tester.wait_for(lambda: tester.asked or tester.wires or tester.over, TO_START)
    if not tester.asked and not tester.wires:
        raise Inconclusive("the vehicle did not search for a charger", cause=Cause.NOT_CONNECTED)


async def _asks_again(tester: TesterEvse, result: Result, *, may_connect: bool = False) -> None:
    """The vehicle ignores the answer and asks again; with ``may_connect`` it may also try to connect as told."""
    await asks(tester)
    again = await tester.wait_for(lambda: len(tester.asked) >= 2 or tester.wires, 5.0)
    seen = f"{counted(len(tester.asked), 'request')}, {counted(len(tester.wires), 'connection')}"
    result.saw("ignores the answer and asks again", seen)
    if tester.wires and not may_connect:
        raise Failed(
            "the vehicle accepted a broken SDP response",
            cause=Cause.ACCEPTED,
            expected="no reaction to a broken SDP message",
        )
    if not again and not may_connect:
        raise Failed(
            "the vehicle does not ask again after a broken SDP response",
            cause=Cause.NO_REQUEST,
            expected="another SDP request",
        )


@SCRIPTS.on("PF_EVCC_ISO2_SDP_BadContent")
async def sdp_bad_content(tester: TesterEvse, run: Run, result: Result) -> None:
    """The SDP answer names an impossible port, address, security or transport, or is too short: no session."""
    variant = run.variant

    def answer(data: bytes, good: sdp.Response) -> bytes:
        address, port, security, transport = good.address, good.port, good.security, good.transport
        if "port" in variant:
            port = 0 if variant["port"] == 0 else 80
        elif "address" in variant:
            address = IPv6Address("::" if variant["address"] == "::" else "2001:db8::1")
        elif "transport" in variant:
            transport = 0x10
        elif "security" in variant:
            security = 0x55
        packed = sdp.Response(address, port, security, transport).pack()
        if "length" in variant:
            return v2gtp.pack(v2gtp.SDP_RESPONSE, packed[8:-1])
        return packed

    tester.answer_sdp = answer
    await _asks_again(tester, result, may_connect=True)
    await asyncio.sleep(2.0)
    if tester.requests:
        raise Failed(
            "the vehicle started a session after a broken SDP response",
            cause=Cause.ACCEPTED,
            expected="no reaction to a broken SDP message",
        )


@SCRIPTS.on("PF_EVCC_ISO2_SDP_NoTls")
async def sdp_no_tls(tester: TesterEvse, run: Run, result: Result) -> None:
    """TLS is requested but not offered: the vehicle ends, or continues without TLS if its policy allows."""
    tester.answer_sdp = lambda data, response: sdp.Response(response.address, response.port, sdp.NO_TLS).pack()
    await asks(tester)
    await tester.wait_for(lambda: tester.requests or tester.over, SETUP)
    seen = tester.requests[0].name if tester.requests else "no session"
    result.saw("gives up, or goes on without TLS if its policy allows", seen)
    if tester.requests and tester.pics.pnc and tester.pics["PIXIT_EVCC_CMN_TLS"] == "tls":
        raise Failed(
            "the vehicle insists on TLS, but continued without it",
            cause=Cause.TLS_MISSING,
            expected="no session without TLS",
        )


UNANSWERED = 4
"""Leaves SDP requests unanswered, to see the repetition."""


@SCRIPTS.on("PF_EVCC_ISO2_SDP_Request")
async def sdp_request(tester: TesterEvse, run: Run, result: Result) -> None:
    """What the first SDP request says, and how often it is repeated without an answer."""
    answer = tester.answer_sdp
    tester.answer_sdp = lambda data, response: answer(data, response) if len(tester.asked) > UNANSWERED else None
    await tester.plug()
    declared = {"tls": {sdp.TLS}, "none": {sdp.NO_TLS}}
    await _asked(tester, result, declared.get(str(tester.pics["PIXIT_EVCC_CMN_TLS"]), {sdp.TLS, sdp.NO_TLS}))
    if not await tester.wait_for(lambda: tester.requests, SETUP):
        raise Failed("no session after an SDP response", cause=Cause.NOT_CONNECTED, expected="a session")
    times = [time for time, _ in tester.asked[: UNANSWERED + 1]]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    result.saw("a request every 0.25 s until answered", ", ".join(f"{gap:.3f} s" for gap in gaps))
    interval = ISO2.timing.SDP_Request_Interval
    if min(gaps) < interval - 0.05 or max(gaps) > interval + tester.delay:
        raise Failed(
            f"SDP requests {min(gaps):.3f} to {max(gaps):.3f} s apart",
            cause=Cause.BAD_DISCOVERY,
            expected="five SDP requests, 0.25 s apart",
        )


@SCRIPTS.on("PF_EVCC_DIN_SDP_Request")
async def din_sdp(tester: TesterEvse, run: Run, result: Result) -> None:
    """The SDP request of DIN: no TLS, over TCP."""
    await tester.plug()
    await _asked(tester, result, {sdp.NO_TLS})


async def _asked(tester: TesterEvse, result: Result, security: set[int]) -> None:
    """The first SDP request, byte for byte, with one of these securities."""
    if not await tester.wait_for(lambda: tester.asked, SETUP):
        raise Failed("no SDP request", cause=Cause.NOT_CONNECTED, expected="an SDP request")
    data, expected = tester.asked[0][1], {sdp.Request(one).pack() for one in security}
    words = " or ".join(sorted(one.hex() for one in expected))
    result.saw(f"SDP request {words}", data.hex())
    if data not in expected:
        raise Failed(f"SDP request {data.hex()}", expected=words, observed=data.hex(), cause=Cause.BAD_DISCOVERY)
