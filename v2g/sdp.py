"""SECC discovery: the two UDP messages, and how each side handles them. Pure.

Request (2 bytes): security, transport. Response (20 bytes): IPv6 address, TCP port, security, transport.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address

from v2g import v2gtp
from v2g.errors import RemoteError

PORT = 15118
GROUP = "ff02::1"
PORTS = range(49152, 65536)
"""Range of a charger's TCP port."""
TLS, NO_TLS = 0x00, 0x10
TCP = 0x00

# Wired first; the wireless forms carry more data after the same start.
_REQUESTS = {v2gtp.SDP_REQUEST: (2,), v2gtp.SDP_WIRELESS_REQUEST: (61, 62)}
_RESPONSES = {v2gtp.SDP_RESPONSE: (20,), v2gtp.SDP_WIRELESS_RESPONSE: (58, 59)}


class SdpError(RemoteError):
    """A datagram that is not a usable SDP message."""


class TlsPolicy(StrEnum):
    """How a charger treats security [V2G2-626, 627]."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Request:
    security: int
    transport: int = TCP

    def pack(self) -> bytes:
        """The datagram, V2GTP header included."""
        return v2gtp.pack(v2gtp.SDP_REQUEST, bytes((self.security, self.transport)))


@dataclass(frozen=True, slots=True)
class Response:
    address: IPv6Address
    port: int
    security: int
    transport: int = TCP

    def pack(self) -> bytes:
        """The datagram, V2GTP header included."""
        body = self.address.packed + self.port.to_bytes(2, "big") + bytes((self.security, self.transport))
        return v2gtp.pack(v2gtp.SDP_RESPONSE, body)

    def unsuitable(self) -> str | None:
        """Why a vehicle should not connect to this address, or None."""
        if not self.address.is_link_local:
            return f"{self.address} is not a link-local address"
        if self.port == 0:
            return "port 0"
        if self.security not in (TLS, NO_TLS):
            return f"reserved security value 0x{self.security:02x}"
        return None if self.transport == TCP else f"transport 0x{self.transport:02x} is not TCP"


def _payload(data: bytes, lengths: dict[int, tuple[int, ...]], what: str) -> bytes:
    kind, payload = v2gtp.parse(data)
    if kind not in lengths:
        raise SdpError(f"payload type 0x{kind:04x} is not an SDP {what}")
    if len(payload) not in lengths[kind]:
        raise SdpError(f"SDP {what} of {len(payload)} bytes, expected {lengths[kind][0]}")
    return payload


def parse_request(data: bytes) -> Request:
    """The request in a datagram.

    Raises:
        RemoteError: no V2GTP, another payload type or length.
    """
    payload = _payload(data, _REQUESTS, "request")
    return Request(payload[0], payload[1])


def parse_response(data: bytes) -> Response:
    """The response in a datagram.

    Raises:
        RemoteError: no V2GTP, another payload type or length.
    """
    payload = _payload(data, _RESPONSES, "response")
    return Response(IPv6Address(payload[:16]), int.from_bytes(payload[16:18], "big"), payload[18], payload[19])


# A charger's answer: (is TLS requested?, policy) -> security.
_ANSWERS = {
    (TLS, TlsPolicy.NONE): NO_TLS,
    (TLS, TlsPolicy.OPTIONAL): TLS,
    (TLS, TlsPolicy.REQUIRED): TLS,
    (NO_TLS, TlsPolicy.NONE): NO_TLS,
    (NO_TLS, TlsPolicy.OPTIONAL): NO_TLS,
    (NO_TLS, TlsPolicy.REQUIRED): TLS,
}


def answer(request: Request, policy: TlsPolicy) -> int | None:
    """The security byte of the response; None: reserved values get no answer."""
    return _ANSWERS.get((request.security, policy)) if request.transport == TCP else None
