"""Broken bytes, torn frames, two requests at once, a second or a lost connection, the session id zero."""

from __future__ import annotations

import asyncio

import exi
from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.catalogue.durations import CLOSE
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc.scripts.steps import answer, closes, next_session_works, off_within
from plugfest.conformance.secc.scripts.table import SCRIPTS, SETUP
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Wire
from v2g import naming, v2gtp
from v2g.errors import SetupError
from v2g.protocols import DIN

LOOPS = ("CurrentDemandReq", "ChargingStatusReq")
"""Requests of the charge loop; a session uses one of them."""


def _before(tester: TesterEv, request: str) -> str:
    """The state in which a request is due in the declared sessions; "" if there is none."""
    if request in LOOPS:
        return "PowerDelivery.Start" if request == tester.loop_request else ""
    stem = naming.exchange(request)
    line, state = tester.kind.line, {"PowerDelivery": "PowerDelivery.Start"}.get(stem, stem)
    return line[line.index(state) - 1] if state in line else ""


@SCRIPTS.on("PF_SECC_ISO2_ZeroSessionID")
async def zero_session_id(tester: TesterEv, run: Run, result: Result) -> None:
    """A request with session id zero: FAILED_UnknownSession if it is due; otherwise it is out of order, too."""
    request = str(run.variant["message"])
    place = _before(tester, request)
    await tester.until(place or "SessionSetup")
    if request == "CableCheckReq":
        tester.ready()
    codes = ("FAILED_UnknownSession",) if place else ("FAILED_UnknownSession", "FAILED_SequenceError")
    await answer(tester, result, tester.make(request), *codes, session_id=bytes(8))
    await closes(tester, result)


@SCRIPTS.on("PF_SECC_ISO2_UndecodableExi")
async def undecodable(tester: TesterEv, run: Run, result: Result) -> None:
    """A payload that is not a message of this session: closed, refused or ignored, and the next session works."""
    await tester.until("SessionSetup")
    wire = tester.connection
    whole = wire.document(tester.make("ServiceDiscoveryReq"))
    other = DIN.wrap(DIN.module.ServiceDiscoveryReq(), tester.session_id)

    payload = {
        "EXI cut after half its bytes": whole[: len(whole) // 2],
        "random bytes": tester.rng.randbytes(60),
        "request of another namespace (DIN)": exi.encode(DIN.schema, other),
        "empty, length 0": b"",
        "64 KiB of zeros": bytes(65536),
    }[str(run.variant["payload"])]
    await wire.send_payload(payload, str(run.variant["payload"]))
    arrival = await wire.next(timer("V2G_EVCC_Msg_Timeout_ServiceDiscoveryReq"))
    seen = arrival.name if arrival is not None else "closed" if wire.closed_at is not None else "nothing"
    result.saw("connection closed, refused or ignored", seen)
    if arrival is not None and arrival.code.startswith("OK"):
        raise Failed(
            f"{arrival.name} {arrival.code} although no message was sent",
            cause=Cause.UNWANTED_MESSAGE,
            expected="no answer",
        )
    await next_session_works(tester, result)


@SCRIPTS.on("PF_SECC_ISO2_Framing")
async def framing(tester: TesterEv, run: Run, result: Result) -> None:
    """A request in pieces, or two in one segment: answered anyway."""
    await tester.until("SAP")
    wire, how = tester.connection, str(run.variant["framing"])
    frame = v2gtp.pack(v2gtp.EXI, wire.document(tester.make("SessionSetupReq")))
    if how == "one byte per segment":
        for place in range(len(frame)):
            await wire.channel.write(frame[place : place + 1])
            await asyncio.sleep(0.01)
    elif how.startswith("header and payload in two"):
        await wire.channel.write(frame[:8])
        await asyncio.sleep(1.0)
        await wire.channel.write(frame[8:])
    else:  # the same request again behind it: its response does not matter
        await wire.channel.write(frame + frame)
    wire.sent_at = tester.now
    arrival = await tester.response("SessionSetupReq")
    result.saw("SessionSetupRes OK_NewSessionEstablished", f"{arrival.name} {arrival.code}")
    if arrival.code != "OK_NewSessionEstablished":
        raise Failed(
            f"{arrival.name} {arrival.code} to a request in pieces",
            cause=Cause.WRONG_MESSAGE,
            expected="the response to each request, in order",
        )


@SCRIPTS.on("PF_SECC_ISO2_HugeLength")
async def huge_length(tester: TesterEv, run: Run, result: Result) -> None:
    """A frame that announces 4 GiB: the charger does not answer, and closes the connection at the setup timer."""
    await tester.until("SAP")
    await tester.send(tester.make("SessionSetupReq"), header={"length": 0xFFFFFFFF})
    wire = tester.connection
    closed = await wire.until_closed(SETUP + CLOSE)
    result.saw("no answer; closed at the setup timer", "closed" if closed else "open")
    if wire.unread:
        raise Failed(
            f"{wire.unread[0].name} in answer to an endless frame",
            cause=Cause.UNWANTED_MESSAGE,
            expected="no answer",
        )
    if not closed:
        raise Failed(
            f"TCP is still open after {SETUP + CLOSE:g} s",
            cause=Cause.STILL_OPEN,
            expected="TCP closed by the charger in time",
        )


@SCRIPTS.on("PF_SECC_ISO2_Pipelined")
async def pipelined(tester: TesterEv, run: Run, result: Result) -> None:
    """Two requests at once: two responses in order, or the second one refused."""
    await tester.until("SessionSetup")
    wire = tester.connection
    for name in ("ServiceDiscoveryReq", "PaymentServiceSelectionReq"):
        await tester.send(tester.make(name))
    first = await wire.next(2.0 + tester.delay)
    second = await wire.next(2.0 + tester.delay)
    names = [f"{one.name} {one.code}" for one in (first, second) if one is not None]
    result.saw("two responses in order, or the second refused", ", ".join(names) or "nothing")
    if first is None or first.name != "ServiceDiscoveryRes" or first.code != "OK":
        raise Failed(
            f"{names[0] if names else 'nothing'} in answer to the first of two requests",
            cause=Cause.WRONG_MESSAGE,
            expected="the response to each request, in order",
        )
    if second is not None and second.name != "PaymentServiceSelectionRes":
        raise Failed(
            f"{second.name} in answer to the second of two requests",
            cause=Cause.WRONG_MESSAGE,
            expected="the response to each request, in order",
        )


@SCRIPTS.on("PF_SECC_ISO2_SecondConnection")
async def second_connection(tester: TesterEv, run: Run, result: Result) -> None:
    """Another connection while a session runs: refused, or served without disturbing it."""
    await tester.until("SessionSetup")
    seen = "refused"
    try:
        channel = await tester.open(tester.context)
    except SetupError:
        pass
    else:
        second = Wire(channel, tester.observe)
        seen = "closed at once" if await second.until_closed(1.0) else "accepted"
        await second.close(reset=True)
    result.saw("refused, or served without disturbing the first session", seen)
    try:
        await tester.until("ServiceDiscovery")
    except Inconclusive as why:
        if tester.connection.closed_at is None:
            raise
        raise Failed(
            f"the charger gave up the session for a second connection: {why}",
            cause=Cause.CLOSED, expected="the first session is not disturbed", observed=str(why),
        ) from why  # fmt: skip


@SCRIPTS.on("PF_SECC_ISO2_ConnectionLost", "PF_SECC_DIN_ConnectionLost")
async def connection_lost(tester: TesterEv, run: Run, result: Result) -> None:
    """The connection ends or falls silent in the charging loop: the output switches off in time."""
    await tester.until("ChargingLoop")
    how = str(run.variant["tcp"])
    if how.startswith("silence"):  # nothing reports that the cable is cut, so only a timer can tell
        await asyncio.sleep(timer("V2G_SECC_Sequence_Timeout"))
    else:
        await tester.connection.close(reset=how == "RST")
    await off_within(tester, result, 2.0)
    reading = tester.system.pilot.reading
    if reading.duty is not None:
        await asyncio.sleep(2.5)
        reading = tester.system.pilot.reading
        result.saw("oscillator off (100 %)", reading.label)
        if reading.duty not in (100.0, 0.0):
            raise Failed(f"the oscillator still runs: {reading.label}", cause=Cause.PILOT_DUTY, expected="100 % duty")
