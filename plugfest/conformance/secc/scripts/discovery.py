"""Discovery and the choice of a protocol: SDP requests of every kind, lists of offers, a second negotiation."""

from __future__ import annotations

import exi
from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc.discovery import asked, next_datagram
from plugfest.conformance.secc.scripts.steps import entry
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Wire
from v2g import sdp, v2gtp
from v2g.errors import RemoteError, SetupError
from v2g.messages import appproto
from v2g.protocols import APPPROTO, DIN, ISO2


@SCRIPTS.on("PF_SECC_ISO2_SDP_Variants")
async def sdp_variants(tester: TesterEv, run: Run, result: Result) -> None:
    """SDP requests of every kind: answered, ignored, or either."""
    await tester.until("LINK")
    security = sdp.TLS if tester.wants_tls else sdp.NO_TLS
    good = sdp.Request(security).pack()
    variant = run.variant
    if "destination" in variant:
        await _unicast(tester, result, good)
        return
    must: bool | None = True  # None: either is allowed
    data, times = good, 1
    if "payload" in variant:
        data, must = v2gtp.pack(v2gtp.SDP_REQUEST, bytes((security, 0, 0))), False
    elif "security" in variant:
        data, must = sdp.Request(0x55).pack(), None
    elif "transport" in variant:
        data, must = sdp.Request(security, 0x10).pack(), False
    elif "repeat" in variant:
        times = 50
    answered = 0
    with tester.system.sdp() as (send, answers):
        for _ in range(times):
            send(data)
            answered += await next_datagram(answers, 0.25 if times > 1 else timer("SDP_Timeout")) is not None
    result.saw(str(variant.get("then")), f"{answered} of {times} answered")
    if must is True and answered < times:
        raise Failed(
            f"only {answered} of {times} SDP requests were answered",
            cause=Cause.NOT_DISCOVERED,
            expected="SDPRes to each valid request",
        )
    if must is False and answered:
        raise Failed("a broken SDP request was answered", cause=Cause.ACCEPTED, expected="no answer")


async def _unicast(tester: TesterEv, result: Result, request: bytes) -> None:
    """A request to the charger's own address: it may or may not answer, but an answer must be right."""
    with tester.system.sdp() as (send, answers):
        send(request)
        known = await next_datagram(answers, timer("SDP_Timeout"))
    if known is None:
        raise Inconclusive(
            "the charger does not answer multicast SDP requests, so its address is unknown",
            cause=Cause.NOT_DISCOVERED,
        )
    with tester.system.sdp(to=sdp.parse_response(known).address) as (send, answers):
        send(request)
        answer_ = await next_datagram(answers, timer("SDP_Timeout"))
    seen, same = "ignored", True
    if answer_ is not None:
        try:
            one, other = sdp.parse_response(known), sdp.parse_response(answer_)
        except RemoteError as why:
            raise Failed(
                f"a broken answer to a unicast request: {why}",
                cause=Cause.BAD_DISCOVERY,
                expected="the same answer as to multicast",
            ) from why
        same = (one.address, one.security) == (other.address, other.security)
        seen = "answered as to multicast" if same else f"[{other.address}], security 0x{other.security:02x}"
    result.saw("ignored, or answered as to multicast", seen)
    if answer_ is not None and not same:
        raise Failed(
            "the answer to a unicast request differs",
            expected="the same endpoint",
            observed=seen,
            cause=Cause.BAD_DISCOVERY,
        )
    with tester.system.sdp() as (send, answers):
        send(request)
        again = await next_datagram(answers, timer("SDP_Timeout"))
    result.saw("the next multicast request is answered", "no" if again is None else "yes")
    if again is None:
        raise Failed(
            "after a unicast request the charger no longer answers multicast requests",
            cause=Cause.NOT_DISCOVERED,
            expected="SDPRes to each valid request",
        )


@SCRIPTS.on("PF_SECC_ISO2_SDP_Endpoint", "PF_SECC_DIN_SDP_Endpoint")
async def endpoint(tester: TesterEv, run: Run, result: Result) -> None:
    """What SDPRes announces is there: its port is open, and without TLS if it says so.

    Elsewhere a charger that is not where it says to be only keeps the cases from their states.
    """
    await tester.until("LINK")
    asked_for = sdp.TLS if tester.wants_tls else sdp.NO_TLS
    with tester.system.sdp() as (send, answers):
        data = await asked(tester, sdp.Request(asked_for).pack(), send, answers)
    if data is None:
        raise Inconclusive("the charger does not answer SDP requests", cause=Cause.NOT_DISCOVERED)
    try:
        tester.endpoint = told = sdp.parse_response(data)
    except RemoteError as why:
        raise Failed(
            f"a broken SDPRes: {why}", cause=Cause.BAD_DISCOVERY, expected="an address and a port", observed=data.hex()
        ) from why
    where = f"port {told.port} of [{told.address}], {'with' if told.security == sdp.TLS else 'without'} TLS"
    try:
        wire = tester.wire = Wire(await tester.open(None), tester.observe)
    except SetupError as why:
        raise Failed(
            f"SDPRes announces {where}, but nobody is there: {why}",
            cause=Cause.BAD_DISCOVERY, expected="a connection to what is announced", observed=str(why),
        ) from why  # fmt: skip
    await wire.send(tester.offer())
    arrival = await wire.next(tester.timeout("supportedAppProtocolReq") + tester.delay)
    plain = arrival is not None and arrival.name == "supportedAppProtocolRes"
    result.saw(where, f"supportedAppProtocolReq without TLS is {'answered' if plain else 'not answered'}")
    if plain is (told.security == sdp.TLS) and not (plain and asked_for == sdp.TLS):
        raise Failed(
            f"SDPRes announces {where}, but supportedAppProtocolReq without it is {'' if plain else 'not '}answered",
            cause=Cause.BAD_DISCOVERY, expected="the security that is announced", observed=f"{plain}",
        )  # fmt: skip


@SCRIPTS.on("PF_SECC_ISO2_SAP_Lists")
async def sap_lists(tester: TesterEv, run: Run, result: Result) -> None:
    """Lists of offers: the charger chooses a protocol that both sides support."""
    await tester.until("TCP")
    unknown = "urn:test:unknown:{}:MsgDef"
    lists: dict[str, tuple[list[appproto.AppProtocolType], set[int]]] = {
        "20 entries": (
            [entry(ISO2, place, place, ProtocolNamespace=unknown.format(place)) for place in range(1, 20)]
            + [entry(ISO2, 20, 20)],
            {20},
        ),
        "ISO-2 priority 2, DIN priority 1": ([entry(ISO2, 1, 2), entry(DIN, 2, 1)], {1, 2}),
        "ISO-2 twice with different SchemaIDs": ([entry(ISO2, 7, 1), entry(ISO2, 8, 2)], {7, 8}),
        "ISO-2 with major 3": ([entry(ISO2, 1, 1, VersionNumberMajor=3)], set()),
        "namespace with other letter case": (
            [entry(ISO2, 1, 1, ProtocolNamespace=ISO2.namespace.upper())],
            set(),
        ),
    }
    offers, allowed = lists[str(run.variant["offers"])]
    await tester.connection.send(appproto.supportedAppProtocolReq(AppProtocol=offers))
    arrival = await tester.response("supportedAppProtocolReq")
    result.saw(str(run.variant["code"]), f"{arrival.code}, SchemaID {arrival.message.SchemaID}")
    if not allowed:
        if arrival.code != "Failed_NoNegotiation":
            raise Failed(
                f"{arrival.code} to an offer of unknown protocols only",
                cause=Cause.ACCEPTED,
                expected="a protocol that was offered, negotiated once",
            )
        return
    if not arrival.code.startswith("OK") or arrival.message.SchemaID not in allowed:
        raise Failed(
            f"{arrival.code} with SchemaID {arrival.message.SchemaID}, expected one of {sorted(allowed)}",
            cause=Cause.ACCEPTED,
            expected="a protocol that was offered, negotiated once",
        )


@SCRIPTS.on("PF_SECC_DIN_SupportedAppProtocol_PriorityOrder")
async def din_priority(tester: TesterEv, run: Run, result: Result) -> None:
    """DIN and ISO 15118-2 offered, the latter first: one of them is chosen."""
    await tester.until("TCP")
    offers = [entry(DIN, 1, 2), entry(ISO2, 2, 1)]
    await tester.connection.send(appproto.supportedAppProtocolReq(AppProtocol=offers))
    arrival = await tester.response("supportedAppProtocolReq")
    result.saw("OK_SuccessfulNegotiation", f"{arrival.code}, SchemaID {arrival.message.SchemaID}")
    if not arrival.code.startswith("OK") or arrival.message.SchemaID not in (1, 2):
        raise Failed(
            f"{arrival.code} with SchemaID {arrival.message.SchemaID}",
            cause=Cause.ACCEPTED,
            expected="a protocol that was offered, negotiated once",
        )


@SCRIPTS.on("PF_SECC_ISO2_SAP_Again")
async def sap_again(tester: TesterEv, run: Run, result: Result) -> None:
    """supportedAppProtocolReq in the middle of a session: no new negotiation."""
    await tester.until("SessionSetup")

    await tester.connection.send_payload(exi.encode(APPPROTO.schema, tester.offer()), "supportedAppProtocolReq")
    arrival = await tester.connection.next(2.0)
    seen = "nothing" if arrival is None else f"{arrival.name} {arrival.code}"
    result.saw("closed or an error answer; never a new negotiation", seen)
    if arrival is not None and (arrival.name == "supportedAppProtocolRes" or arrival.code.startswith("OK")):
        raise Failed(
            f"{seen} in the middle of a session",
            cause=Cause.ACCEPTED,
            expected="a protocol that was offered, negotiated once",
        )
