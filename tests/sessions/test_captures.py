"""Recorded sessions of real cars and chargers: every message is decoded, every order checked against our tables.

The recordings are not part of the project; without them these tests are skipped. What the recorded parties did against
the standard is listed here and explained in docs/deviations.md: nothing else may turn up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from captures import SHARED, Frame, files, sessions

import exi
from v2g.messages import appproto, schema
from v2g.protocols import APPPROTO, DIN, ISO2, Protocol
from v2g.sequence import TABLES, Sequence

BY_NAMESPACE = {DIN.namespace: DIN, ISO2.namespace: ISO2}
BY_PAYLOAD_TYPE = {0x8002: "iso20-common", 0x8003: "iso20-ac", 0x8004: "iso20-dc"}

# File -> deviations seen, in order.
DEVIATIONS = {
    "vw-ac-iso2.pcap": [
        "tolerated SessionStopReq, expected ChargingStatusReq or PowerDeliveryReq",
        "SessionStopRes FAILED_SequenceError",
    ],
}
pytestmark = pytest.mark.skipif(
    not files(), reason=f"no recordings in {SHARED / 'captures'} (set PLUGFEST_SHARED to a directory that has them)"
)


def check(frames: list[Frame]) -> tuple[Protocol, list[str]]:
    """The protocol of a recorded session and what did not conform to the standard."""
    protocol, sequence, session_id = APPPROTO, None, b""
    request: Any = None
    offered: dict[int, str] = {}
    found: list[str] = []
    for frame in frames:
        if frame.payload_type != 0x8001:
            exi.decode(schema(BY_PAYLOAD_TYPE[frame.payload_type]), frame.payload)
            continue
        document, notes = exi.examine(protocol.schema, frame.payload)
        found += [f"{name}: {note}" for name, note in notes]
        if isinstance(document, appproto.supportedAppProtocolReq):
            offered = {entry.SchemaID: entry.ProtocolNamespace for entry in document.AppProtocol}
            continue
        if isinstance(document, appproto.supportedAppProtocolRes):
            assert document.SchemaID is not None
            if (chosen := BY_NAMESPACE.get(offered[document.SchemaID])) is not None:
                protocol, sequence = chosen, Sequence(TABLES[chosen.name])
            continue
        assert sequence is not None
        message = document.Body.BodyElement
        name = type(message).__name__
        if frame.from_vehicle:
            request = message
            verdict = sequence.verdict(message)
            if verdict != "legal":
                found.append(f"{verdict} {name}, expected {sequence.expected()}")
            if name != "SessionSetupReq" and document.Header.SessionID != session_id:
                found.append(f"{name} with session id {document.Header.SessionID.hex()}")
            continue
        assert isinstance(message, protocol.response_to(type(request)) or ())
        if name == "SessionSetupRes":
            session_id = document.Header.SessionID
        assert document.Header.SessionID == session_id
        if not message.ResponseCode.startswith("OK"):
            found.append(f"{name} {message.ResponseCode}")
        sequence.advance(request, message)
    return protocol, found


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_every_message_decodes_and_the_order_is_that_of_the_tables(path: Path) -> None:
    recorded = sessions(path)
    assert recorded
    for frames in recorded:
        _, deviations = check(frames)
        assert deviations == DEVIATIONS.get(path.name, [])


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_every_message_is_written_again_byte_for_byte(path: Path) -> None:
    """Whoever made them wrote them as we do, both executors alike."""
    for frames in sessions(path):
        protocol = APPPROTO
        chosen, _ = check(frames)
        for frame in frames:
            name = BY_PAYLOAD_TYPE.get(frame.payload_type, protocol.name)
            message = exi.decode(schema(name), frame.payload)
            assert exi.encode(schema(name), message).hex() == frame.payload.hex()
            if isinstance(message, appproto.supportedAppProtocolRes):
                protocol = chosen
