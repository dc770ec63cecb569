"""Cases of ISO 15118-20 that words cannot express: TLS 1.3 handshakes, and which vehicle may resume a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.randomness import other_octets
from plugfest.conformance.secc.iso20_walk import looping
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.scripts.tls import outcome
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.sut.certificates import Certificates, vehicle_role
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Wire
from v2g.errors import V2GError
from v2g.messages import appproto
from v2g.protocols import ISO2
from v2g.protocols.iso20 import PARKING
from v2g.status import refuses
from v2g.tls import Options
from v2g.tls.context import Credential

if TYPE_CHECKING:
    from v2g.tls import Context as TlsContext

AES_256, AES_128, CHACHA20 = 0x1302, 0x1301, 0x1303
SECP521R1 = "secp521r1"

ISO2_SUITES = (0xC023, 0xC02B)

LONG_CHARGE = 100
"""Rounds of the loop in which energy flows that a meter shows."""
LEAST_WH = 5
"""Wh before a pause that the first rounds after it do not reach again."""


def _certificates(tester: TesterEv) -> Certificates:
    if tester.certificates is None or tester.tls is None:
        raise Inconclusive("the tester has no certificates; give it some with --pki", cause=Cause.NO_CERTIFICATES)
    return tester.certificates


def _vehicle(tester: TesterEv, kind: str) -> TlsContext:
    """The tester's side of TLS with another vehicle certificate: ``same``, ``none``, ``another``, ``unknown root``."""
    bench = _certificates(tester)
    assert tester.tls is not None
    role = vehicle_role(bench.store)
    match kind:
        case "none":
            return replace(tester.tls, credentials=[])
        case "another":
            own = bench.store[role]
            assert own.issuer is not None
            made = bench.issue(role, own.issuer, "another-vehicle", {"cn": "PLGV1234567890ABCDE"})
        case "unknown root":
            made = bench.other[role]
        case _:
            return tester.tls
    return replace(tester.tls, credentials=[Credential(list(made.chain), made.key)])


OLD = "TLS 1.2 only"

OPTIONS: Mapping[str, Callable[[Options], Options]] = {
    OLD: lambda plain: plain.change(versions=("1.2",), suites=ISO2_SUITES),
    "TLS_AES_128_GCM_SHA256 only": lambda plain: plain.change(suites=(AES_128,)),
    "TLS_AES_256_GCM_SHA384 only": lambda plain: plain.change(suites=(AES_256,)),
    "TLS_CHACHA20_POLY1305_SHA256 only": lambda plain: plain.change(suites=(CHACHA20,)),
    "secp521r1 only": lambda plain: plain.change(groups=(SECP521R1,)),
    "status_request": lambda plain: plain.change(staple="require"),
}
"""Variant -> the change to the tester's own options."""

CLIENTS: Mapping[str, str] = {
    "no client certificate": "none",
    "client certificate of an unknown root": "unknown root",
}


async def _handshake(tester: TesterEv, context: TlsContext) -> str:
    """Why a handshake was refused, or "". With TLS 1.3 a server may refuse after the client thinks it is done."""
    try:
        channel = await tester.open(context)
    except V2GError as why:
        return str(why) or type(why).__name__
    wire = Wire(channel, tester.observe)
    closed = await wire.until_closed(1.0)
    await wire.close(reset=True)
    return "the charger closed right after the handshake" if closed else ""


def _judge(result: Result, wanted: str, why: str, *, stranger: bool = False) -> None:
    seen = "refused" if why else "accepted"
    result.saw(f"handshake {wanted}", f"{seen} {why}".strip())
    if seen != wanted:
        taken = Cause.CERTIFICATE_ACCEPTED if stranger else Cause.ACCEPTED
        cause = Cause.TLS_FAILED if why else taken
        raise Failed(outcome(seen, why), expected=f"a handshake that is {wanted}", observed=seen, cause=cause)


@SCRIPTS.on("PF_SECC_ISO20_TLS_13_Mutual")
async def mutual(tester: TesterEv, run: Run, result: Result) -> None:
    """The handshake of the good case."""
    await tester.until("SDP")
    _certificates(tester)
    assert tester.tls is not None
    _judge(result, "accepted", await _handshake(tester, tester.tls))


@SCRIPTS.on("PF_SECC_ISO20_TLS_Variants")
async def variants(tester: TesterEv, run: Run, result: Result) -> None:
    """Handshakes with one thing offered differently."""
    await tester.until("SDP")
    client = str(run.variant["client"])
    context = _vehicle(tester, CLIENTS.get(client, "same"))
    if client == OLD:
        await _below(tester, result)
        return
    if client in OPTIONS:
        context = replace(context, options=OPTIONS[client](context.options))
    _judge(result, str(run.variant["tls"]), await _handshake(tester, context), stranger=client in CLIENTS)


@SCRIPTS.on("PF_SECC_ISO20_SAP_NoTls13")
async def below(tester: TesterEv, run: Run, result: Result) -> None:
    """Over TLS 1.2 a charger refuses, or chooses something other than ISO 15118-20."""
    await tester.until("SDP")
    await _below(tester, result)


async def _below(tester: TesterEv, result: Result) -> None:
    """A charger may serve ISO 15118-2 over TLS 1.2, but not ISO 15118-20 [V2G20-2356, 2359]."""
    _certificates(tester)
    assert tester.tls is not None
    old = replace(tester.tls, options=OPTIONS[OLD](tester.tls.options))
    try:
        channel = await tester.open(old)
    except V2GError as why:
        result.saw("refused, or another protocol", f"refused: {why}")
        return
    tester.wire = Wire(channel, tester.observe)
    await tester.connection.send(_both(tester))
    arrival = await tester.response("supportedAppProtocolReq")
    result.saw("another protocol than ISO 15118-20", f"SchemaID {arrival.message.SchemaID}")
    if arrival.code.startswith("OK") and arrival.message.SchemaID != OTHER:
        raise Failed(
            "ISO 15118-20 was chosen below TLS 1.3",
            expected="another protocol, or a refusal", observed="ISO 15118-20", cause=Cause.ACCEPTED,
        )  # fmt: skip


OTHER = 20
"""SchemaID of ISO 15118-2 when both are offered."""


def _both(tester: TesterEv) -> Any:
    major, minor = ISO2.version
    second = appproto.AppProtocolType(
        ProtocolNamespace=ISO2.namespace, VersionNumberMajor=major, VersionNumberMinor=minor, SchemaID=OTHER, Priority=2
    )
    return appproto.supportedAppProtocolReq(AppProtocol=[*tester.offer().AppProtocol, second])


@SCRIPTS.on("PF_SECC_ISO20_SessionSetup_Resume")
async def resume(tester: TesterEv, run: Run, result: Result) -> None:
    """A paused session is joined by the vehicle that paused it, and by no other."""
    await tester.until("Asleep")
    assert tester.paused is not None
    before = tester.paused.session_id
    tester.tls = _vehicle(tester, str(run.variant["certificate"]))
    for step in ("SDP", "TCP", "SAP"):
        await tester.generation.walk[step](tester)
    ids = {"previous": before, "zero": bytes(8), "random": other_octets(tester.rng, before)}
    asked = ids[str(run.variant["session"])]
    await tester.send(tester.make("SessionSetupReq"), session_id=asked)
    arrival = await tester.response("SessionSetupReq")
    result.saw(str(run.variant["code"]), f"{arrival.code}, id {arrival.session_id.hex()}")
    if arrival.code != run.variant["code"]:
        raise Failed(
            f"SessionSetupRes {arrival.code}",
            expected=str(run.variant["code"]),
            observed=arrival.code,
            cause=Cause.ACCEPTED if arrival.code == "OK_OldSessionJoined" else Cause.WRONG_CODE,
        )
    if (arrival.session_id == before) is not (arrival.code == "OK_OldSessionJoined"):
        raise Failed(
            f"{arrival.code} with session id {arrival.session_id.hex()}, before the pause {before.hex()}",
            cause=Cause.WRONG_SESSION,
            expected="the session from before the pause",
        )


@SCRIPTS.on("PF_SECC_ISO20_Resume_Meter")
async def resume_meter(tester: TesterEv, run: Run, result: Result) -> None:
    """A session pauses after energy has flowed; what the meter shows after the pause is watched as everywhere."""
    tester.rounds = LONG_CHARGE
    await tester.until("Resumed.PowerDelivery.Start")
    before = tester.shown[0].ChargedEnergyReadingWh if tester.shown is not None else 0
    if before < LEAST_WH:
        text = f"the meter showed {before} Wh before the pause, too little to see whether it starts again"
        raise Inconclusive(text, cause=Cause.POINTLESS)
    await tester.charge(2)
    assert tester.shown is not None
    result.saw(f"{before} Wh or more", f"{tester.shown[0].ChargedEnergyReadingWh} Wh")


@SCRIPTS.on("PF_SECC_ISO20_Parking_Unselected")
async def unselected(tester: TesterEv, run: Run, result: Result) -> None:
    """A vehicle that has not selected parking checks in or out."""
    tester.added = ()
    await tester.until("ChargeLoop")
    name = str(run.variant["send"])
    async with looping(tester):
        await tester.send(tester.make(name), stream=PARKING)
        arrival = await tester.response(name, stream=PARKING)
    result.saw("FAILED", f"{arrival.name} {arrival.code}")
    if not refuses(arrival.code):
        raise Failed(
            f"{arrival.name} {arrival.code}, although the vehicle has not selected the parking service",
            expected="FAILED_SequenceError", observed=arrival.code, cause=Cause.ACCEPTED,
        )  # fmt: skip


@SCRIPTS.on("PF_SECC_ISO20_AnotherService_OtherMode_DC", "PF_SECC_ISO20_AnotherService_OtherMode_AC")
async def other_mode(tester: TesterEv, run: Run, result: Result) -> None:
    """The second part of a session selects the other control mode: the parameter set of the first is over."""
    await tester.until("AnotherService")
    mode = "scheduled" if tester.pics.dynamic else "dynamic"
    tester.pics = tester.pics.with_(PICS_CMN_ISO20_ControlMode=mode)
    await tester.until("AnotherService.PowerDelivery.Start")
    await tester.charge(3)
    result.saw(f"the loop in {mode} mode", f"{tester.loop_request} answered in {mode} mode")
