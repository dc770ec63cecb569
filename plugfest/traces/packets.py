"""Ethernet, IPv6, UDP and TCP: the content of a captured packet, and packets with valid checksums. Pure.

V2G is IPv6 on Ethernet; VLAN tags, IPv4, Linux cooked captures and raw IP are read too, because captures have them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

SLAC, IPV6, IPV4 = 0x88E1, 0x86DD, 0x0800
"""EtherTypes."""

_VLAN = {0x8100, 0x88A8}
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
_TCP, _UDP, _ICMPV6 = 6, 17, 58
_SOLICITATION, _ADVERTISEMENT = 135, 136
_EXTENSIONS = {0, 43, 60, 135, 139, 140}
_FRAGMENT = 44

Endpoint = tuple[bytes, int]
"""Address (4 or 16 bytes) and port."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A TCP segment.

    Attributes:
        cut: bytes of its payload that were not captured.
        stamp: its sender's clock in ticks (TSval of the timestamps option), if the segment has one.
    """

    source: Endpoint
    target: Endpoint
    sequence: int
    acknowledged: int
    flags: int
    payload: bytes
    cut: int = 0
    stamp: int | None = None


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram."""

    source: Endpoint
    target: Endpoint
    payload: bytes


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A message of IPv6 neighbour discovery: a question for an address, or the answer.

    ``body`` is the ICMPv6 message; the address starts at its 8th byte.
    """

    source: Endpoint
    target: Endpoint
    body: bytes

    @property
    def solicits(self) -> bool:
        """Whether it is a question."""
        return self.body[0] == _SOLICITATION


@dataclass(frozen=True, slots=True)
class Homeplug:
    """A HomePlug management frame, from its destination address on, with the captured VLAN tags."""

    frame: bytes


Content = Segment | Datagram | Neighbour | Homeplug


_COOKED = {113: (14, 16, 6), 276: (0, 20, 12)}
"""Linux cooked captures: where the EtherType, the payload and the source address are."""
_RAW_IP = frozenset({12, 14, 101, 228, 229})
_LOOPBACK = frozenset({0, 108})

LINKS = frozenset({1, *_COOKED, *_RAW_IP, *_LOOPBACK})
"""Link types that are read: 1 Ethernet, 113 and 276 Linux cooked (the interface "any"), raw IP, BSD loopback."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A packet without its link layer: addresses (zero if the capture has none), EtherType, payload."""

    target: bytes
    source: bytes
    kind: int
    body: bytes
    tagged: bytes
    """The frame from its first EtherType on, VLAN tags included."""


def _open(data: bytes, link: int) -> _Opened | None:
    """The packet without its link layer; None for a link type without addresses and EtherType."""
    if link == 1:
        target, source, tagged = data[0:6], data[6:12], data[12:]
    elif link in _COOKED:
        kind_at, body_at, source_at = _COOKED[link]
        # The destination is not in the capture; for broadcasts it is known.
        packet_type = int.from_bytes(data[0:2], "big") if link == 113 else data[10]
        target = b"\xff" * 6 if packet_type == _TO_ALL else bytes(6)
        source, tagged = data[source_at : source_at + 6], data[kind_at : kind_at + 2] + data[body_at:]
    else:
        return None
    at, kind = 2, int.from_bytes(tagged[0:2], "big")
    while kind in _VLAN and at < 16:
        kind = int.from_bytes(tagged[at + 2 : at + 4], "big")
        at += 4
    return _Opened(target, source, kind, tagged[at:], tagged)


_TO_ALL = 1
"""Packet type of a broadcast in a cooked capture."""


def addresses(data: bytes, link: int) -> tuple[bytes, bytes] | None:
    """Source and destination of an Ethernet frame that is not a management message; None if the capture has neither.

    Cooked captures keep only the source: the destination is then zero.
    """
    try:
        frame = _open(data, link)
    except IndexError:
        return None
    if frame is None or frame.kind == SLAC or len(frame.source) < 6 or len(frame.target) < 6 or len(frame.tagged) < 2:
        return None
    return frame.source, frame.target


def parse(data: bytes, link: int) -> Content | None:
    """The content of a packet; None if it is broken or unrelated to V2G.

    Args:
        link: link type of the capture, one of :data:`LINKS`.
    """
    try:
        return _parse(data, link)
    except (IndexError, struct.error):
        return None


def _parse(data: bytes, link: int) -> Content | None:
    frame = _open(data, link)
    if frame is not None:
        if frame.kind == SLAC and frame.body:
            return Homeplug(frame.target + frame.source + frame.tagged)
        return _ip(frame.body) if frame.kind in (IPV6, IPV4) else None
    if link in _RAW_IP:
        return _ip(data)
    return _ip(data[4:]) if link in _LOOPBACK else None


def _ip(data: bytes) -> Content | None:
    version = data[0] >> 4
    if version == 6:
        length, following = struct.unpack_from("!HB", data, 4)
        source, target, body = data[8:24], data[24:40], data[40:]
        # If the network card splits large segments itself, the length may be 0 in the capture.
        body = body[:length] if length else body
        cut = max(length - len(body), 0)
        for _ in range(16):
            if following in _EXTENSIONS:
                following, size = body[0], (body[1] + 1) * 8
            elif following == _FRAGMENT:
                if int.from_bytes(body[2:4], "big") & 0xFFF9:
                    return None  # V2G packets fit; real fragments are not reassembled
                following, size = body[0], 8
            else:
                break
            body = body[size:]
    elif version == 4:
        size, total, following = (data[0] & 15) * 4, int.from_bytes(data[2:4], "big"), data[9]
        if size < 20 or int.from_bytes(data[6:8], "big") & 0x3FFF:
            return None
        source, target = data[12:16], data[16:20]
        body = data[size:total] if total else data[size:]
        cut = max(total - size - len(body), 0)
    else:
        return None
    if following == _TCP:
        ports = struct.unpack_from("!HHIIBB", body)
        offset = (ports[4] >> 4) * 4
        if offset < 20:
            return None
        return Segment(
            (source, ports[0]), (target, ports[1]), ports[2], ports[3], ports[5], body[offset:], cut,
            _stamp(body[20:offset]),
        )  # fmt: skip
    if following == _UDP:
        source_port, target_port, length = struct.unpack_from("!HHH", body)
        return Datagram((source, source_port), (target, target_port), body[8 : max(length, 8)])
    if following == _ICMPV6 and body[0] in (_SOLICITATION, _ADVERTISEMENT) and len(body) >= 24:
        return Neighbour((source, 0), (target, 0), body)
    return None


def _stamp(options: bytes) -> int | None:
    """TSval of the timestamps option among TCP options."""
    at = 0
    while at + 10 <= len(options) and options[at] != _OPTIONS_END:
        if options[at] == _NO_OPERATION:
            at += 1
        elif options[at] == _TIMESTAMPS:
            return int.from_bytes(options[at + 2 : at + 6], "big")
        else:
            at += max(options[at + 1], 2)
    return None


_OPTIONS_END, _NO_OPERATION, _TIMESTAMPS = 0, 1, 8


# ---------------------------------------------------------------------------------------------------------------
# Making packets


def checksum(data: bytes) -> int:
    """The Internet checksum over bytes."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return int(total) ^ 0xFFFF


def ethernet(target: bytes, source: bytes, kind: int, payload: bytes) -> bytes:
    """A frame without check sequence, from two MAC addresses."""
    return target + source + kind.to_bytes(2, "big") + payload


def ipv6(source: bytes, target: bytes, following: int, payload: bytes, hops: int = 64) -> bytes:
    """An IPv6 packet."""
    return struct.pack("!IHBB", 0x60000000, len(payload), following, hops) + source + target + payload


def _upper(source: bytes, target: bytes, following: int, body: bytes, at: int) -> bytes:
    """The body with its checksum over pseudo header and body at an offset."""
    total = checksum(source + target + struct.pack("!II", len(body), following) + body)
    if following == _UDP and total == 0:
        total = 0xFFFF
    return body[:at] + total.to_bytes(2, "big") + body[at + 2 :]


def udp(source: Endpoint, target: Endpoint, payload: bytes) -> bytes:
    """An IPv6 packet with a datagram."""
    body = struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    return ipv6(source[0], target[0], _UDP, _upper(source[0], target[0], _UDP, body, 6))


def tcp(segment: Segment, window: int = 65535) -> bytes:
    """An IPv6 packet with a segment; a SYN carries the maximum segment size."""
    options = b"\x02\x04\x05\xa0" if segment.flags & SYN else b""
    offset = (20 + len(options)) // 4 << 4
    source, target = segment.source, segment.target
    body = struct.pack(
        "!HHIIBBHHH", source[1], target[1], segment.sequence & 0xFFFFFFFF, segment.acknowledged & 0xFFFFFFFF, offset,
        segment.flags, window, 0, 0,
    )  # fmt: skip
    body += options + segment.payload
    return ipv6(source[0], target[0], _TCP, _upper(source[0], target[0], _TCP, body, 16))
