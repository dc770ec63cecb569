"""V2GTP: the eight bytes before every payload. Pure encode and decode.

version 0x01, inverse version 0xFE, payload type (2 bytes), payload length (4 bytes), all big-endian.
"""

from typing import NamedTuple

from v2g.errors import RemoteError

VERSION = 0x01
HEADER_LENGTH = 8

EXI = 0x8001
"""EXI message of supportedAppProtocol, DIN 70121 or ISO 15118-2; the session state tells which one."""
SDP_REQUEST = 0x9000
SDP_RESPONSE = 0x9001
SDP_WIRELESS_REQUEST = 0x9002
SDP_WIRELESS_RESPONSE = 0x9003

PAYLOAD_TYPES = {
    EXI: "EXI message",
    0x8002: "ISO 15118-20 main stream",
    0x8003: "ISO 15118-20 AC",
    0x8004: "ISO 15118-20 DC",
    0x8005: "ISO 15118-20 ACDP",
    0x8006: "ISO 15118-20 WPT",
    0x8101: "ISO 15118-20 schedule renegotiation",
    0x8102: "ISO 15118-20 metering confirmation",
    0x8103: "ISO 15118-20 ACDP system status",
    0x8104: "ISO 15118-20 parking status",
    SDP_REQUEST: "SDP request",
    SDP_RESPONSE: "SDP response",
    SDP_WIRELESS_REQUEST: "wireless SDP request",
    SDP_WIRELESS_RESPONSE: "wireless SDP response",
}
"""Names of the payload types; all others are reserved, those from 0xA000 on are manufacturer specific."""


class HeaderError(RemoteError):
    """Eight bytes that are not a V2GTP header."""


class Header(NamedTuple):
    """Payload type and payload length in bytes (0 .. 2**32 - 1)."""

    payload_type: int
    length: int


def pack(payload_type: int, payload: bytes) -> bytes:
    """A whole frame."""
    return (
        bytes((VERSION, VERSION ^ 0xFF)) + payload_type.to_bytes(2, "big") + len(payload).to_bytes(4, "big") + payload
    )


def parse_header(data: bytes) -> Header:
    """The header at the start of ``data``.

    Raises:
        HeaderError: fewer than eight bytes, another version, or an inverse that does not match [V2G2-800].
    """
    if len(data) < HEADER_LENGTH:
        raise HeaderError(f"V2GTP header of {len(data)} bytes, expected {HEADER_LENGTH}")
    if data[0] != VERSION or data[1] != VERSION ^ 0xFF:
        raise HeaderError(f"V2GTP version {data[0]:02x} {data[1]:02x}, expected 01 fe")
    return Header(int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big"))


def parse(data: bytes) -> tuple[int, bytes]:
    """Payload type and payload of a datagram.

    Raises:
        HeaderError: as in :func:`parse_header`, or the length does not match.
    """
    header = parse_header(data)
    if header.length != len(data) - HEADER_LENGTH:
        raise HeaderError(f"V2GTP length {header.length}, but {len(data) - HEADER_LENGTH} bytes follow")
    return header.payload_type, data[HEADER_LENGTH:]
