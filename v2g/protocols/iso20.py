"""ISO 15118-20: one namespace and payload type per energy transfer set, side streams, power in both directions.

Each message is its own document: its first field is the header, which carries a time stamp.
"""

from __future__ import annotations

from typing import Any

import msgspec

from v2g import sequence, timing
from v2g.messages.iso20 import ac, acdp, common, dc, types, wpt
from v2g.messages.xmldsig import SignatureType
from v2g.protocols.protocol import Abilities, Energy, Names, Offer, Protocol, SideStream

VERSION = (1, 0)
"""Version of every namespace in supportedAppProtocol."""

RENEGOTIATION, METERING, PANTOGRAPH, PARKING = 0x8101, 0x8102, 0x8103, 0x8104
"""Payload types of the side streams."""

BOTH: frozenset[Energy] = frozenset({"AC", "DC"})


def wrap(message: Any, session_id: bytes, signature: SignatureType | None = None, time: int = 0) -> Any:
    """The message with its header filled in.

    Args:
        time: TimeStamp, in the unit that the session sends.
    """
    # Eight bytes even if a request is refused before there is a session.
    header = types.MessageHeaderType(SessionID=session_id or bytes(8), TimeStamp=time, Signature=signature)
    return msgspec.structs.replace(message, Header=header)


ISO20 = Protocol(
    name="iso20",
    title="ISO 15118-20",
    # CommonMessages is never offered on its own; wireless and pantograph sessions are not covered.
    offers=(Offer(dc.NAMESPACE, VERSION, frozenset({"DC"})), Offer(ac.NAMESPACE, VERSION, frozenset({"AC"}))),
    modules={
        "iso20-common": common,
        "iso20-dc": dc,
        "iso20-ac": ac,
        "iso20-wpt": wpt,
        "iso20-acdp": acdp,
    },
    wrap=wrap,
    timing=timing.ISO20,
    order=sequence.ISO20,
    abilities=Abilities(BOTH, mutual=True, flexible=True, bidirectional=True, megawatt=True, held=True),
    names=Names(
        selection="ServiceSelectionReq",
        authorization="AuthorizationReq",
        loops={"DC": "DC_ChargeLoopReq", "AC": "AC_ChargeLoopReq"},
        powered=("DC_PreChargeReq", "DC_ChargeLoopReq"),
        pilot={"DC_CableCheckReq": "CD", "DC_WeldingDetectionReq": "B"},
        timers="",
    ),
    payload_types={
        "iso20-common": 0x8002,
        "iso20-ac": 0x8003,
        "iso20-dc": 0x8004,
        "iso20-acdp": 0x8005,
        "iso20-wpt": 0x8006,
    },
    side={
        RENEGOTIATION: SideStream(
            "schedule renegotiation", ("iso20-common", "iso20-ac", "iso20-dc"), sequence.RENEGOTIATION
        ),
        METERING: SideStream("metering confirmation", ("iso20-common",), sequence.METERING),
        PANTOGRAPH: SideStream("ACDP system status", ("iso20-acdp",), sequence.PANTOGRAPH),
        PARKING: SideStream("parking status", ("iso20-common",), sequence.PARKING),
    },
)
