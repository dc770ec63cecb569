"""Faults of a charger in discovery, framing, negotiation, sessions and the order of messages."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import secc.answer
import secc.outlet
import secc.serve
import secc.visit
import v2g.channel
import v2g.errors
import v2g.sdp
import v2g.session
import v2g.v2gtp
from faults.fault import answering, charger, late, nothing, sending, timing, with_
from v2g.messages import appproto
from v2g.protocols import ISO2, Selection

_COUNT = itertools.count(1)

# The charger: transport


def _lenient_request(data: bytes) -> Any:
    return v2g.sdp.Request(data[8] if len(data) > 8 else 0x10)


def _header(check_version: bool, check_inverse: bool) -> Callable[[bytes], Any]:
    def parse(data: bytes) -> Any:
        module = v2g.v2gtp
        wrong = (check_version and data[0] != 1) or (check_inverse and data[1] != 0xFE)
        if len(data) < 8 or wrong:
            raise module.HeaderError("no header")
        return module.Header(int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big"))

    return parse


def _any_type(receive: Any) -> Any:
    async def patched(self: Any, *given: Any) -> Any:
        channel = self.channel
        if getattr(channel, "_any_type", False):
            return await receive(self, *given)
        channel._any_type = True
        read = channel.read_frame

        async def read_frame() -> tuple[int, bytes]:
            _, data = await read()
            return 0x8001, data

        channel.read_frame = read_frame
        return await receive(self, *given)

    return patched


charger(
    "sdp-silent",
    "SDP is never answered",
    "TC_SECC_CMN_VTB_SDP_001",
    adjust=lambda s: setattr(s.outlet, "_answer", lambda request: None),
)
charger(
    "sdp-header-unchecked",
    "SDP requests with any v2g.v2gtp header are answered",
    "TC_SECC_CMN_VTB_V2GTPSDP_002",
    "TC_SECC_CMN_VTB_V2GTPSDP_003",
    "TC_SECC_CMN_VTB_V2GTPSDP_004",
    "TC_SECC_CMN_VTB_V2GTPSDP_005",
    patches=[(v2g.sdp, "parse_request", _lenient_request)],
)
charger(
    "sdp-type-unchecked",
    "SDP requests with another payload type are answered",
    "TC_SECC_CMN_VTB_V2GTPSDP_003",
    patches=[(v2g.sdp, "_REQUESTS", dict.fromkeys(range(65536), (2,)))],
)
charger(
    "sdp-global-address",
    "the address in the SDP response is not link-local",
    "TC_SECC_CMN_VTB_SDP_001",
    patches=[
        (
            v2g.sdp.Response,
            "pack",
            lambda self: v2g.v2gtp.pack(0x9001, bytes(16) + self.port.to_bytes(2, "big") + bytes((self.security, 0))),
        )
    ],
)
charger(
    "setup-timer-off",
    "no setup timer: discovery, ports and silent connections stay open",
    "TC_SECC_CMN_VTB_SDP_004",
    "TC_SECC_CMN_VTB_SupportedAppProtocol_005",
    "TC_SECC_CMN_VTB_SessionSetup_004",
    adjust=timing(V2G_SECC_CommunicationSetup_Performance_Time=1000.0),
)
charger(
    "listener-stays",
    "connections are accepted after the setup timer",
    "TC_SECC_CMN_VTB_SupportedAppProtocol_005",
    patches=[(secc.outlet.Outlet, "_too_late", False)],
)
charger(
    "version-unchecked",
    "the v2g.v2gtp version is not checked",
    "TC_SECC_CMN_VTB_V2GTPSessionSetup_004",
    patches=[(v2g.v2gtp, "parse_header", _header(check_version=False, check_inverse=True))],
)
charger(
    "inverse-unchecked",
    "the v2g.v2gtp inverse version is not checked",
    "TC_SECC_CMN_VTB_V2GTPSessionSetup_005",
    patches=[(v2g.v2gtp, "parse_header", _header(check_version=True, check_inverse=False))],
)
charger(
    "type-unchecked",
    "the v2g.v2gtp payload type is not checked",
    "TC_SECC_CMN_VTB_V2GTPSessionSetup_003",
    patches=[(v2g.session.Session, "receive", _any_type(v2g.session.Session.receive))],
)


async def _available(self: Any) -> tuple[v2g.v2gtp.Header, bytes]:
    data = await self._reader.read(1 << 16)
    if not data:
        raise v2g.errors.ConnectionLost("the peer closed the connection")
    return v2g.v2gtp.parse_header(data[:8]), data[8:]


async def _one_segment(self: Any) -> tuple[int, bytes]:
    header, payload = await _available(self)
    if len(payload) != header.length:
        raise v2g.v2gtp.HeaderError("not one frame in one segment")
    return header.payload_type, payload


charger(
    "one-segment",
    "a read from TCP is taken for a frame",
    "PF_SECC_ISO2_Framing#1",
    "PF_SECC_ISO2_Framing#2",
    "PF_SECC_ISO2_Framing#3",
    patches=[(v2g.channel.Channel, "read_frame", _one_segment)],
)


async def _what_is_there(self: Any) -> tuple[int, bytes]:
    header, payload = await _available(self)
    return header.payload_type, payload


charger(
    "length-ignored",
    "whatever length a V2GTP header says, what came with it is the payload",
    "TC_SECC_CMN_VTB_V2GTPSessionSetup_002",
    "PF_SECC_ISO2_HugeLength",
    "PF_SECC_DIN_V2GTPSessionSetup_BadLength",
    patches=[(v2g.channel.Channel, "read_frame", _what_is_there)],
)
charger(
    "din-not-spoken",
    "DIN SPEC 70121 is not spoken",
    "PF_SECC_DIN_SupportedAppProtocol_OK",
    adjust=lambda s: setattr(s.options, "protocols", (ISO2,)),
)

# supportedAppProtocol


def _select_any(request: Any, supported: Any, energy: Any = None) -> Any:
    ours = list(supported)
    response = appproto.supportedAppProtocolRes(
        ResponseCode="OK_SuccessfulNegotiation", SchemaID=request.AppProtocol[0].SchemaID
    )
    return Selection(response, ours[0])


charger(
    "sap-any",
    "any namespace and version is negotiated",
    "TC_SECC_CMN_VTB_SupportedAppProtocol_002",
    "PF_SECC_DIN_SupportedAppProtocol_MajorTooHigh",
    patches=[(secc.serve, "select", _select_any)],
)
charger(
    "sap-foreign-id",
    "a SchemaID is answered that was not offered",
    "TC_SECC_CMN_VTB_SupportedAppProtocol_004",
    adjust=sending("supportedAppProtocolRes", with_(SchemaID=99), "appproto"),
)
charger(
    "sap-deviation-hidden",
    "another minor version is answered with a plain OK",
    "TC_SECC_CMN_VTB_SupportedAppProtocol_006",
    adjust=sending("supportedAppProtocolRes", with_(ResponseCode="OK_SuccessfulNegotiation"), "appproto"),
)

# Session and order


def _wrong_order_code(visit: Any, sequence: Any, request: Any) -> None:
    if sequence.verdict(request) != "legal":
        raise secc.visit.Refusal("FAILED", "seeded")


def _wrong_id_code(visit: Any, received: Any) -> None:
    if type(received.message).__name__ != "SessionSetupReq" and received.session_id != visit.session.id:
        raise secc.visit.Refusal("FAILED", "seeded")


_check_id = secc.answer._check_id


def _by_part(part: slice) -> Any:
    def check(visit: Any, received: Any) -> None:
        if received.session_id[part] != visit.session.id[part]:
            _check_id(visit, received)

    return check


_check_order = secc.answer._check_order


def _order_first() -> list[tuple[Any, str, Any]]:
    held: list[tuple[Any, Any]] = []

    def hold(visit: Any, received: Any) -> None:
        held[:] = [(visit, received)]

    def check(visit: Any, sequence: Any, request: Any) -> None:
        _check_order(visit, sequence, request)
        _check_id(*held[0])

    return [(secc.answer, "_check_id", hold), (secc.answer, "_check_order", check)]


charger(
    "order-before-session",
    "a foreign request out of order is answered FAILED_SequenceError",
    "PF_SECC_ISO20_UnknownSession_First_Setup",
    "PF_SECC_ISO20_UnknownSession_First_Schedule",
    "PF_SECC_ISO20_UnknownSession_First_Loop",
    patches=_order_first(),
)
charger(
    "session-unchecked",
    "a foreign session id is accepted",
    "TC_SECC_CMN_VTB_ServiceDiscovery_003",
    "TC_SECC_DC_VTB_CurrentDemand_004",
    "PF_SECC_DIN_ServiceDiscovery_UnknownSession",
    patches=[(secc.answer, "_check_id", nothing)],
)
charger(
    "session-first-half",
    "only the first four octets of a session id are compared",
    "TC_SECC_AC_VTB_ChargingStatus_004",
    patches=[(secc.answer, "_check_id", _by_part(slice(4)))],
)
charger(
    "session-last-half",
    "only the last four octets of a session id are compared",
    "TC_SECC_CMN_VTB_ServiceDiscovery_003",
    patches=[(secc.answer, "_check_id", _by_part(slice(4, None)))],
)
charger(
    "session-wrong-code",
    "a foreign session id is answered FAILED",
    "TC_SECC_CMN_VTB_ServiceDiscovery_003",
    patches=[(secc.answer, "_check_id", _wrong_id_code)],
)
charger(
    "order-unchecked",
    "the order of messages is not enforced",
    "TC_SECC_CMN_VTB_ServiceDiscovery_002",
    "TC_SECC_DC_VTB_PreCharge_002",
    "PF_SECC_DIN_CableCheck_WrongSequence",
    patches=[(secc.answer, "_check_order", nothing)],
)
charger(
    "order-wrong-code",
    "a wrong order is answered FAILED",
    "TC_SECC_CMN_VTB_ServiceDiscovery_002",
    patches=[(secc.answer, "_check_order", _wrong_order_code)],
)
charger(
    "close-late",
    "TCP is closed only 30 s after an error",
    "TC_SECC_CMN_VTB_ServiceDiscovery_002",
    "PF_SECC_DIN_ServiceDiscovery_WrongSequence",
    adjust=timing(TCP_Connection_Termination_Timeout=30.0),
)
charger(
    "sequence-timer-long",
    "the sequence timer runs for 70 s",
    "TC_SECC_CMN_VTB_ServiceDiscovery_004",
    "TC_SECC_DC_VTB_PowerDelivery_009",
    "PF_SECC_DIN_CableCheck_Silence",
    adjust=timing(V2G_SECC_Sequence_Timeout=70.0),
)
charger(
    "sequence-timer-off",
    "there is no sequence timer",
    "TC_SECC_AC_VTB_PowerDelivery_013",
    adjust=timing(V2G_SECC_Sequence_Timeout=1e6),
)
charger(
    "session-id-zero",
    "the session id of a new session is zero",
    "TC_SECC_CMN_VTB_SessionSetup_001",
    "PF_SECC_DIN_SessionSetup_OK",
    patches=[(secc.visit.Visit, "new_session_id", lambda self: bytes(8))],
)
charger(
    "session-id-fixed",
    "every session has the same id",
    "TC_SECC_DC_VTB_SessionSetup_002",
    patches=[(secc.visit.Visit, "new_session_id", lambda self: b"PLUGFEST")],
)
for _name, _text, _made in (
    ("counts", "session ids come from a counter", lambda self: (0x32A24651 + next(_COUNT)).to_bytes(8, "big")),
    ("clock", "a session id is the time", lambda self: int(self.now()).to_bytes(8, "big")),
    ("random-end", "two octets of a session id are random", lambda self: b"PLUGFE" + self.rng.randbytes(2)),
):
    charger(f"session-id-{_name}", _text, "TC_SECC_DC_VTB_SessionSetup_002",
            patches=[(secc.visit.Visit, "new_session_id", _made)])  # fmt: skip
charger(
    "evse-id",
    "the EVSEID has another form",
    "TC_SECC_CMN_VTB_SessionSetup_001",
    adjust=lambda s: setattr(s.evse, "evse_id", "!!wrong!!"),
)
charger(
    "setup-ok",
    "SessionSetupRes is a plain OK",
    "TC_SECC_CMN_VTB_SessionSetup_001",
    adjust=sending("SessionSetupRes", with_(ResponseCode="OK")),
)
charger(
    "answer-late",
    "ServiceDiscoveryRes comes after 2.6 s",
    "TC_SECC_CMN_VTB_ServiceDiscovery_001",
    adjust=sending("ServiceDiscoveryRes", late(2.6)),
)
charger(
    "loop-late",
    "CurrentDemandRes comes after 0.7 s",
    "TC_SECC_DC_VTB_CurrentDemand_001",
    adjust=sending("CurrentDemandRes", late(0.7)),
)
charger(
    "wrong-session-in-response",
    "responses carry another session id",
    "TC_SECC_CMN_VTB_ServiceDiscovery_001",
    adjust=answering(
        "ServiceDiscoveryReq", lambda visit, message, good: (setattr(visit.session, "id", b"otherone"), good())[1]
    ),
)
