"""Cases with a charger under test that the vocabulary cannot express: small scripts under the same ids.

A script gets the tester vehicle, the run (whose ``variant`` it looks into) and the result to write into. It raises
:class:`~conformance.verdict.Failed` where the charger is wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from conformance import contracts, requests
from conformance.catalogue import Run, timer
from conformance.fields import found, replaced
from conformance.tester_ev import DELAY, TesterEv, next_datagram
from conformance.verdict import Failed, Inconclusive, Result
from conformance.wire import Arrival, Wire
from v2g import sdp, v2gtp
from v2g.errors import RemoteError, SetupError, V2GError
from v2g.messages import appproto, iso2
from v2g.physical import number, physical
from v2g.protocols import DIN, ISO2

Script = Callable[[TesterEv, Run, Result], Awaitable[None]]

SCRIPTS: dict[str, Script] = {}

CLOSE = timer("TCP_Connection_Termination_Timeout")
SETUP = timer("V2G_SECC_CommunicationSetup_Performance_Time")

OLD_SUITES = (0xC009, 0xC004, 0x002F)
"""Suites that a charger with TLS 1.1 would choose from: ECDHE_ECDSA, ECDH_ECDSA, RSA with AES_128_CBC_SHA."""


def script(name: str) -> Callable[[Script], Script]:
    def register(function: Script) -> Script:
        SCRIPTS[name] = function
        return function

    return register


# ---------------------------------------------------------------------------------------------------------------
# Steps that scripts share


async def answer(walk: TesterEv, result: Result, message: Any, *codes: str, **deviation: Any) -> Arrival:
    """A request, answered with one of these codes.

    Raises:
        Failed: it is not.
    """
    await walk.send(message, **deviation)
    arrival = await walk.response(type(message).__name__)
    expected = type(message).__name__.removesuffix("Req") + "Res"
    result.saw(f"{expected} {' or '.join(codes)}", f"{arrival.name} {arrival.code}")
    if arrival.name != expected or (codes and arrival.code not in codes):
        text = f"{arrival.name} with {arrival.code}"
        raise Failed(text, expected=f"{expected} {' or '.join(codes)}", observed=text)
    return arrival


async def closes(walk: TesterEv, result: Result, within: float = CLOSE) -> None:
    """The charger closes TCP in time, saying nothing more.

    Raises:
        Failed: it does not.
    """
    wire = walk.connection
    closed = await wire.until_closed(within + DELAY)
    result.saw(f"TCP closed within {within:g} s", "closed" if closed else "open")
    if wire.unread:
        raise Failed(f"{wire.unread[0].name} instead of the close")
    if not closed:
        raise Failed(f"TCP is still open after {within:g} s")


async def next_session_works(walk: TesterEv, result: Result) -> None:
    """After whatever happened, another session gets its SessionSetupRes.

    Raises:
        Failed: it does not.
    """
    await walk.leave()
    walk.forget()
    try:
        await walk.until("SessionSetup")
    except Inconclusive as why:
        raise Failed(f"the next session does not work: {why}") from why
    result.saw("the next session works", "yes")


async def off_within(walk: TesterEv, result: Result, seconds: float) -> None:
    """The output is off in time, where that is seen.

    Raises:
        Failed: it is not.
    """
    began = walk.now
    while walk.system.energised() and walk.now - began <= seconds + DELAY:  # noqa: ASYNC110 - a contactor has no event
        await asyncio.sleep(0.01)
    state = walk.system.energised()
    if state is None:
        result.not_observed.append("output off: the contactor is not seen on this bench")
        return
    result.saw(f"output off within {seconds:g} s", "still on" if state else f"after {walk.now - began:.3f} s")
    if state:
        raise Failed(f"the output is still on after {seconds:g} s")


# ---------------------------------------------------------------------------------------------------------------
# Session ids, broken bytes


@script("PF_SECC_ISO2_ZeroSessionID")
async def zero_session_id(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("SessionSetup")
    message = requests.make(walk, str(run.variant["message"]))
    await answer(walk, result, message, "FAILED_UnknownSession", session_id=bytes(8))
    await closes(walk, result)


@script("PF_SECC_ISO2_UndecodableExi")
async def undecodable(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("SessionSetup")
    wire = walk.connection
    whole = wire.document(requests.make(walk, "ServiceDiscoveryReq"))
    other = DIN.wrap(DIN.module.ServiceDiscoveryReq(), walk.session_id)
    import exi

    payload = {
        "EXI cut after half its bytes": whole[: len(whole) // 2],
        "random bytes": walk.rng.randbytes(60),
        "request of another namespace (DIN)": exi.encode(DIN.schema, other),
        "empty, length 0": b"",
        "64 KiB of zeros": bytes(65536),
    }[str(run.variant["payload"])]
    await wire.send_payload(payload, str(run.variant["payload"]))
    arrival = await wire.next(timer("V2G_EVCC_Msg_Timeout_ServiceDiscoveryReq"))
    seen = arrival.name if arrival is not None else "closed" if wire.closed_at is not None else "nothing"
    result.saw("connection closed, refused or ignored", seen)
    if arrival is not None and arrival.code.startswith("OK"):
        raise Failed(f"{arrival.name} {arrival.code} in answer to no message")
    await next_session_works(walk, result)


@script("PF_SECC_ISO2_Framing")
async def framing(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("SAP")
    wire, how = walk.connection, str(run.variant["framing"])
    frame = v2gtp.pack(v2gtp.EXI, wire.document(requests.make(walk, "SessionSetupReq")))
    if how == "one byte per segment":
        for place in range(len(frame)):
            await wire.channel.write(frame[place : place + 1])
            await asyncio.sleep(0.01)
    elif how.startswith("header and payload in two"):
        await wire.channel.write(frame[:8])
        await asyncio.sleep(1.0)
        await wire.channel.write(frame[8:])
    else:  # the same request once more behind it: its answer does not matter
        await wire.channel.write(frame + frame)
    wire.sent_at = walk.now
    arrival = await walk.response("SessionSetupReq")
    result.saw("SessionSetupRes OK_NewSessionEstablished", f"{arrival.name} {arrival.code}")
    if arrival.code != "OK_NewSessionEstablished":
        raise Failed(f"{arrival.name} {arrival.code} to a request in pieces")


@script("PF_SECC_ISO2_HugeLength")
async def huge_length(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("SAP")
    await walk.send(requests.make(walk, "SessionSetupReq"), header={"length": 0xFFFFFFFF})
    wire = walk.connection
    closed = await wire.until_closed(SETUP + CLOSE)
    result.saw("no answer; closed at the setup timer", "closed" if closed else "open")
    if wire.unread:
        raise Failed(f"{wire.unread[0].name} in answer to a frame that never ends")
    if not closed:
        raise Failed(f"TCP is still open after {SETUP + CLOSE:g} s")


@script("PF_SECC_ISO2_Pipelined")
async def pipelined(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("SessionSetup")
    wire = walk.connection
    for name in ("ServiceDiscoveryReq", "PaymentServiceSelectionReq"):
        await walk.send(requests.make(walk, name))
    first = await wire.next(2.0 + DELAY)
    second = await wire.next(2.0 + DELAY)
    names = [f"{one.name} {one.code}" for one in (first, second) if one is not None]
    result.saw("two responses in order, or the second refused", ", ".join(names) or "nothing")
    if first is None or first.name != "ServiceDiscoveryRes" or first.code != "OK":
        raise Failed(f"{names[0] if names else 'nothing'} in answer to the first of two requests")
    if second is not None and second.name != "PaymentServiceSelectionRes":
        raise Failed(f"{second.name} in answer to the second of two requests")


@script("PF_SECC_ISO2_SecondConnection")
async def second_connection(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("SessionSetup")
    assert walk.endpoint is not None
    seen = "refused"
    try:
        channel = await walk.system.connect(walk.endpoint.address, walk.endpoint.port, walk.context)
    except SetupError:
        pass
    else:
        second = Wire(channel, walk.observe)
        seen = "closed at once" if await second.until_closed(1.0) else "accepted"
        await second.close(reset=True)
    result.saw("refused, or served without disturbing the first session", seen)
    await walk.until("ServiceDiscovery")


@script("PF_SECC_ISO2_ConnectionLost")
async def connection_lost(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("ChargingLoop")
    how = str(run.variant["tcp"])
    if how.startswith("silence"):  # nothing says that the cable is cut, so that only a timer can tell
        await asyncio.sleep(timer("V2G_SECC_Sequence_Timeout"))
    else:
        await walk.connection.close(reset=how == "RST")
    await off_within(walk, result, 2.0)
    reading = walk.system.pilot.reading
    if reading.duty is not None:
        await asyncio.sleep(2.5)
        reading = walk.system.pilot.reading
        result.saw("oscillator off (100 %)", reading.label)
        if reading.duty not in (100.0, 0.0):
            raise Failed(f"the oscillator still runs: {reading.label}")


# ---------------------------------------------------------------------------------------------------------------
# Discovery and protocols


@script("PF_SECC_ISO2_SDP_Variants")
async def sdp_variants(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("LINK")
    security = sdp.TLS if walk.wants_tls else sdp.NO_TLS
    good = sdp.Request(security).pack()
    variant = run.variant
    if "destination" in variant:
        await _unicast(walk, result, good)
        return
    data, times, must = good, 1, True
    if "payload" in variant:
        data, must = v2gtp.pack(v2gtp.SDP_REQUEST, bytes((security, 0, 0))), False
    elif "security" in variant:
        data, must = sdp.Request(0x55).pack(), None  # type: ignore[assignment]
    elif "transport" in variant:
        data, must = sdp.Request(security, 0x10).pack(), False
    elif "repeat" in variant:
        times = 50
    answered = 0
    with walk.system.sdp() as (send, answers):
        for _ in range(times):
            send(data)
            answered += await next_datagram(answers, 0.25 if times > 1 else timer("SDP_Timeout")) is not None
    result.saw(str(variant.get("then")), f"{answered} of {times} answered")
    if must is True and answered < times:
        raise Failed(f"only {answered} of {times} SDP requests were answered")
    if must is False and answered:
        raise Failed("a broken SDP request was answered")


async def _unicast(walk: TesterEv, result: Result, request: bytes) -> None:
    """A request to the charger's own address: whether it answers is its choice, what it answers is not."""
    with walk.system.sdp() as (send, answers):
        send(request)
        known = await next_datagram(answers, timer("SDP_Timeout"))
    if known is None:
        raise Inconclusive("the charger does not answer SDP requests to the group, so its address is not known")
    with walk.system.sdp(to=sdp.parse_response(known).address) as (send, answers):
        send(request)
        answer_ = await next_datagram(answers, timer("SDP_Timeout"))
    seen = "ignored"
    if answer_ is not None:
        try:
            one, other = sdp.parse_response(known), sdp.parse_response(answer_)
        except RemoteError as why:
            raise Failed(f"a broken answer to a unicast request: {why}") from why
        same = (one.address, one.security) == (other.address, other.security)
        seen = "answered as to the group" if same else f"[{other.address}], security 0x{other.security:02x}"
    result.saw("ignored, or answered as to the group", seen)
    if seen.startswith("["):
        raise Failed("the answer to a unicast request is another one", expected="the same endpoint", observed=seen)
    with walk.system.sdp() as (send, answers):
        send(request)
        again = await next_datagram(answers, timer("SDP_Timeout"))
    result.saw("the next request to the group is answered", "no" if again is None else "yes")
    if again is None:
        raise Failed("after a unicast request the charger answers none to the group")


def entry(protocol: Any, schema_id: int, priority: int, **changes: Any) -> appproto.AppProtocolType:
    given = {"ProtocolNamespace": protocol.namespace, "VersionNumberMajor": 2, "VersionNumberMinor": 0, **changes}
    return appproto.AppProtocolType(SchemaID=schema_id, Priority=priority, **given)


@script("PF_SECC_ISO2_SAP_Lists")
async def sap_lists(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("TCP")
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
    await walk.connection.send(appproto.supportedAppProtocolReq(AppProtocol=offers))
    arrival = await walk.response("supportedAppProtocolReq")
    result.saw(str(run.variant["code"]), f"{arrival.code}, SchemaID {arrival.message.SchemaID}")
    if not allowed:
        if arrival.code != "Failed_NoNegotiation":
            raise Failed(f"{arrival.code} to an offer that nobody speaks")
        return
    if not arrival.code.startswith("OK") or arrival.message.SchemaID not in allowed:
        raise Failed(f"{arrival.code} with SchemaID {arrival.message.SchemaID}, expected one of {sorted(allowed)}")


@script("PF_SECC_DIN_SupportedAppProtocol_PriorityOrder")
async def din_priority(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("TCP")
    offers = [entry(DIN, 1, 2), entry(ISO2, 2, 1)]
    await walk.connection.send(appproto.supportedAppProtocolReq(AppProtocol=offers))
    arrival = await walk.response("supportedAppProtocolReq")
    result.saw("OK_SuccessfulNegotiation", f"{arrival.code}, SchemaID {arrival.message.SchemaID}")
    if not arrival.code.startswith("OK") or arrival.message.SchemaID not in (1, 2):
        raise Failed(f"{arrival.code} with SchemaID {arrival.message.SchemaID}")


@script("PF_SECC_ISO2_SAP_Again")
async def sap_again(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("SessionSetup")
    import exi
    from v2g.protocols import APPPROTO

    await walk.connection.send_payload(exi.encode(APPPROTO.schema, walk.offer()), "supportedAppProtocolReq")
    arrival = await walk.connection.next(2.0)
    seen = "nothing" if arrival is None else f"{arrival.name} {arrival.code}"
    result.saw("closed or an error answer; never a new negotiation", seen)
    if arrival is not None and (arrival.name == "supportedAppProtocolRes" or arrival.code.startswith("OK")):
        raise Failed(f"{seen} in the middle of a session")


# ---------------------------------------------------------------------------------------------------------------
# In order, but unusual


@script("PF_SECC_ISO2_ServiceDetail_Twice")
async def detail_twice(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("ServiceDiscovery")
    for _ in range(3):
        await answer(walk, result, requests.make(walk, "ServiceDetailReq"), "OK")


@script("PF_SECC_ISO2_Authorization_Refused")
async def authorization_refused(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("PaymentServiceSelection")
    if not await walk.system.do("never authorise"):
        raise Inconclusive("nobody can refuse here")
    await answer(walk, result, requests.make(walk, "AuthorizationReq"), "OK", "FAILED")
    if not await walk.system.do("refuse"):
        raise Inconclusive("nobody can refuse here")
    message = requests.make(walk, "AuthorizationReq")
    arrival = await answer(walk, result, message, "OK", "FAILED")
    if arrival.code == "FAILED":
        await closes(walk, result)
    elif arrival.message.EVSEProcessing == "Finished":
        raise Failed("authorization was Finished although it was refused")


@script("PF_SECC_ISO2_PaymentDetails_Revoked")
async def revoked(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("PaymentServiceSelection")
    if not await walk.system.do("revoke contract"):
        raise Inconclusive("nobody can revoke the contract certificate here")
    await answer(walk, result, requests.make(walk, "PaymentDetailsReq"), "FAILED_CertificateRevoked")
    await closes(walk, result)


@script("PF_SECC_ISO2_Authorization_SignatureForms")
async def signature_forms(walk: TesterEv, run: Run, result: Result) -> None:
    from v2g import signature

    await walk.until("PaymentDetails")
    message, held = requests.make(walk, "AuthorizationReq"), contracts.paying(walk)
    given: Any = signature.sign_message(message, held.contract.key)
    reference = given.SignedInfo.Reference[0]
    match str(run.variant["signature"]):
        case "missing":
            given = None
        case "reference to another Id":
            given.SignedInfo.Reference[0] = msgspec.structs.replace(reference, URI="#another")
        case "digest of another message":
            given.SignedInfo.Reference[0] = msgspec.structs.replace(reference, DigestValue=bytes(32))
        case "r and s in DER instead of raw":
            from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

            raw = bytes(given.SignatureValue.value)
            half = len(raw) // 2
            der = encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
            given = msgspec.structs.replace(
                given, SignatureValue=msgspec.structs.replace(given.SignatureValue, value=der)
            )
        case _:
            transform = reference.Transforms.Transform[0]
            other = msgspec.structs.replace(transform, Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315")
            changed = msgspec.structs.replace(reference.Transforms, Transform=[other])
            given.SignedInfo.Reference[0] = msgspec.structs.replace(reference, Transforms=changed)
    await answer(walk, result, message, "FAILED_SignatureError", signature=given)


@script("PF_SECC_ISO2_ChargeParameter_Ranges")
async def parameter_ranges(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("Authorization")
    message, variant = requests.make(walk, "ChargeParameterDiscoveryReq"), run.variant
    codes: tuple[str, ...] = ("OK",)
    if "EVMaximumVoltageLimit" in variant:
        message = replaced(message, "EVMaximumVoltageLimit", physical(iso2, 20.0, "V"))
        codes = ("FAILED_WrongChargeParameter",)
    elif "EVMaximumCurrentLimit" in variant:
        message = replaced(message, "EVMaximumCurrentLimit", physical(iso2, 0.0, "A"))
        codes = ("OK", "FAILED_WrongChargeParameter")
    elif "multipliers" in variant:
        value = iso2.PhysicalValueType(Multiplier=-2, Unit="V", Value=32000)
        message = replaced(message, "EVMaximumVoltageLimit", value)
    else:
        message = replaced(message, "DepartureTime", int(variant["DepartureTime"]))
    await answer(walk, result, message, *codes)


@script("PF_SECC_ISO2_CpDrop")
async def cp_drop(walk: TesterEv, run: Run, result: Result) -> None:
    from slac.pilot import State

    await walk.until("ChargingLoop")
    walk.system.pilot.set(State.B)
    await off_within(walk, result, timer("V2G_SECC_CPState_Error_Detection_Timeout"))
    await walk.send(requests.make(walk, walk.loop_request))
    arrival = await walk.connection.next(2.0)
    seen = "closed" if arrival is None else f"{arrival.name} {arrival.code}"
    result.saw("FAILED, or the connection is closed", seen)
    if arrival is not None and arrival.code == "OK" and not walk.pics.ac:
        raise Failed(f"{seen} in state B")


@script("PF_SECC_ISO2_Unplug")
async def unplug(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("ChargingLoop")
    if not walk.system.unplug():
        raise Inconclusive("the connector cannot be pulled here")
    await off_within(walk, result, 0.1)


@script("PF_SECC_ISO2_CurrentDemand_Faults")
async def demand_faults(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("ChargingLoop")
    message, variant = requests.make(walk, "CurrentDemandReq"), run.variant
    limits = walk.responses["ChargeParameterDiscoveryRes"].EVSEChargeParameter
    codes: tuple[str, ...] = ("OK",)
    if "EVTargetCurrent" in variant and "above" in str(variant["EVTargetCurrent"]):
        amps = number(limits.EVSEMaximumCurrentLimit) + 100
        message = replaced(message, "EVTargetCurrent", physical(iso2, amps, "A"))
    elif "EVTargetVoltage" in variant:
        volts = number(limits.EVSEMaximumVoltageLimit) + 100
        message, codes = replaced(message, "EVTargetVoltage", physical(iso2, volts, "V")), ("OK", "FAILED")
    elif "EVTargetCurrent" in variant:
        message, codes = replaced(message, "EVTargetCurrent", physical(iso2, -10.0, "A")), ("OK", "FAILED")
    elif "ChargingComplete" in variant:
        message = replaced(message, "ChargingComplete", True)
    else:
        message = replaced(message, "EVReady", False)
    arrival = await answer(walk, result, message, *codes)
    if arrival.code == "OK" and number(arrival.message.EVSEPresentCurrent) < -1.0:
        raise Failed("a current flows back")


@script("PF_SECC_ISO2_Stop_Operator")
async def operator_stop(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("ChargingLoop")
    if not await walk.system.do("stop"):
        raise Inconclusive("nobody can stop the charger here")
    arrival = await answer(walk, result, requests.make(walk, walk.loop_request), "OK")
    wish = found(arrival.message, "EVSENotification")
    result.saw("EVSENotification StopCharging", str(wish))
    if wish != "StopCharging":
        raise Failed(f"EVSENotification {wish} after a stop by the operator")
    walk.progress = "Stop"
    await walk.deliver()


@script("PF_SECC_ISO2_Emergency")
async def emergency(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("ChargingLoop")
    if not await walk.system.do("emergency stop"):
        raise Inconclusive("nobody can press the emergency button here")
    await off_within(walk, result, 1.0)
    await walk.send(requests.make(walk, walk.loop_request))
    arrival = await walk.connection.next(2.0)
    if arrival is None:
        result.saw("EVSE_EmergencyShutdown, or the connection is closed", "closed")
        return
    code = found(arrival.message, "EVSEStatusCode")
    result.saw("EVSE_EmergencyShutdown, or the connection is closed", str(code))
    if code != "EVSE_EmergencyShutdown" and arrival.code == "OK":
        raise Failed(f"status {code} after an emergency stop")


@script("PF_SECC_ISO2_TwoSessions")
async def two_sessions(walk: TesterEv, run: Run, result: Result) -> None:
    await walk.until("SessionStop")
    before = walk.session_id
    await asyncio.sleep(3.0)
    walk.forget()
    walk.__dict__["_done"] = ["LINK"]
    try:
        await walk.until("SessionSetup")
    except Inconclusive as why:
        raise Failed(f"no second session without unplugging: {why}") from why
    result.saw("another session id", walk.session_id.hex())
    if walk.session_id == before:
        raise Failed("the second session has the id of the first")


# ---------------------------------------------------------------------------------------------------------------
# TLS


@script("PF_SECC_ISO2_TLS_Params")
async def tls_parameters(walk: TesterEv, run: Run, result: Result) -> None:
    """Handshakes with one thing offered at a time; and no handshake where one is due."""
    from dataclasses import replace

    from v2g.tls import TlsFailure

    number = int(run.id.partition("#")[2])
    await walk.until("SDP")
    assert walk.endpoint is not None
    assert walk.tls is not None
    place = (walk.endpoint.address, walk.endpoint.port)
    if number in (7, 8):
        wire = Wire(await walk.system.connect(*place, None), walk.observe)
        if number == 8:
            await wire.send_payload(wire.document(appproto.supportedAppProtocolReq(AppProtocol=[entry(ISO2, 1, 1)])))
        within = SETUP + 2.0 if number == 7 else CLOSE
        closed = await wire.until_closed(within + DELAY)
        result.saw(f"closed within {within:g} s", "closed" if closed else "open")
        await wire.close(reset=True)
        if not closed or wire.unread:
            raise Failed("the TLS port took what is no TLS", expected="closed", observed="open")
        return
    plain = walk.tls.options
    offer = {
        1: plain.change(suites=plain.suites[:1]),
        2: plain.change(suites=plain.suites[1:]),
        3: plain.change(suites=(0x003C, 0x002F)),  # TLS_RSA_WITH_AES_128_CBC_...
        4: plain.change(versions=("0x0302",), suites=(*plain.suites, *OLD_SUITES)),
        5: plain.change(trusted_ca_keys="cert_sha1_hash"),
        6: plain.change(staple="require") if walk.pics.pnc else plain,
    }[number]
    context = replace(walk.tls, options=offer)
    seen, why = "accepted", ""
    try:
        channel = await walk.system.connect(*place, context)
    except V2GError as error:
        seen, why = "refused", str(error)
        # This tester knows no TLS 1.1. Where the charger goes on with it, it is the tester who breaks off.
        if number == 4 and isinstance(error, TlsFailure) and error.sent:
            seen = "not refused"
    else:
        channel.abort()
    wanted = "refused" if number in (3, 4) else "accepted"
    result.saw(f"handshake {wanted}", f"{seen} {why}".strip())
    if seen != wanted:
        raise Failed(f"the handshake was {seen} {why}".strip(), expected=wanted, observed=seen)
