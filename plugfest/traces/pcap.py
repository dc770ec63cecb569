"""Capture files of other programs: pcap and pcapng, both byte orders, read and written block by block.

Hostile input is bounded: a block or packet may claim at most :data:`MAX_BLOCK` bytes, and a file is read as a stream.
The pcapng blocks read are section header, interface description, enhanced, simple and obsolete packet, and decryption
secrets; others are skipped. A file that ends inside a packet (the capture was killed) ends with a :class:`Remark`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

from boundary.write import Sink
from plugfest.traces.errors import RecordingError
from plugfest.traces.packed import Source

MAX_BLOCK = 16 * 1024 * 1024
"""Longest block or packet that is read, bytes."""

ETHERNET = 1
"""Link type of what we write."""

_PCAP_MAGIC = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\xcd\x34": (">", 1000),
    b"\x34\xcd\xb2\xa1": ("<", 1000),
}
"""Magic of a pcap file -> byte order, nanoseconds per unit of the second time field."""

_MODIFIED = (b"\xa1\xb2\xcd\x34", b"\x34\xcd\xb2\xa1")
"""In these files packet headers have eight extra bytes, which are not needed."""

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET, _SECRETS = 0x0A0D0D0A, 1, 2, 3, 6, 0x0A
_TLS_KEY_LOG = 0x544C534B
_OPT_END, _OPT_COMMENT, _OPT_FLAGS, _OPT_TSRESOL, _OPT_TSOFFSET = 0, 1, 2, 9, 14
_SHB_USERAPPL, _IF_NAME = 4, 2
_MAX_OPTION = 65000


TAKEN_OFF = "TLS taken off: "
"""Start of our comment on the SYN of a connection that used TLS but is written in plain; what was agreed on follows."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet of a capture.

    Attributes:
        number: place in the file, from 1, as Wireshark counts.
        ns: Unix time in nanoseconds.
        data: the bytes that were captured.
        link: link type (1: Ethernet).
        comments: comments in the file about it.
        cut: bytes that were on the wire but not captured.
    """

    number: int
    ns: int
    data: bytes
    link: int = ETHERNET
    comments: tuple[str, ...] = ()
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Secrets:
    """TLS secrets in the file: an NSS key log."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about the file that a reader should know."""

    text: str


Item = Packet | Secrets | Remark


def is_capture(start: bytes) -> bool:
    """Whether a file that starts with these (at least 4) bytes is a pcap or pcapng file."""
    return start[:4] in _PCAP_MAGIC or start[:4] == b"\x0a\x0d\x0d\x0a"


def read(file: Source | IO[bytes], name: str = "capture") -> Iterator[Item]:
    """Packets and secrets of a capture file, in the order of the file.

    Raises:
        RecordingError: it is not a capture file, or its structure is broken; says where.
    """
    magic = file.read(4)
    if magic in _PCAP_MAGIC:
        yield from _read_pcap(file, name, *_PCAP_MAGIC[magic], more=8 if magic in _MODIFIED else 0)
    elif magic == b"\x0a\x0d\x0d\x0a":
        yield from _read_pcapng(file, name)
    else:
        raise RecordingError(f"{name}: neither pcap nor pcapng (starts with {magic.hex(' ') or 'nothing'})")


def _read_pcap(file: Source | IO[bytes], name: str, order: str, unit: int, *, more: int) -> Iterator[Item]:
    header = file.read(20)
    if len(header) < 20:
        raise RecordingError(f"{name}: pcap header of {len(header) + 4} bytes, expected 24")
    link = struct.unpack(order + "HHiIII", header)[5] & 0xFFFF
    number, position = 0, 24
    while head := file.read(16):
        if len(head) < 16:
            yield Remark("the file ends inside a packet header")
            return
        seconds, fraction, captured, original = struct.unpack(order + "IIII", head)
        if captured > MAX_BLOCK:
            raise RecordingError(f"{name}: byte {position}: packet of {captured} bytes, at most {MAX_BLOCK} are read")
        file.read(more)
        data = file.read(captured)
        if len(data) < captured:
            yield Remark("the file ends inside a packet")
            return
        number += 1
        position += 16 + more + captured
        yield Packet(number, seconds * 10**9 + fraction * unit, data, link, cut=max(original - captured, 0))


@dataclass
class _Interface:
    link: int
    units: int = 10**6
    offset: int = 0

    def ns(self, ticks: int) -> int:
        return ticks * 10**9 // self.units + self.offset * 10**9


@dataclass
class _Section:
    order: str = "<"
    interfaces: list[_Interface] = field(default_factory=list)


def _read_pcapng(file: Source | IO[bytes], name: str) -> Iterator[Item]:
    section = _Section()
    number = 0
    position = 0
    kind_bytes = b"\x0a\x0d\x0d\x0a"
    while kind_bytes:
        head = file.read(4)
        if len(kind_bytes) < 4 or len(head) < 4:
            yield Remark("the file ends inside a block header")
            return
        start = b""
        if kind_bytes == b"\x0a\x0d\x0d\x0a":
            start = file.read(4)
            orders = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
            if start not in orders:
                raise RecordingError(f"{name}: byte {position}: pcapng section without byte-order magic")
            section = _Section(orders[start])
        (kind,) = struct.unpack(section.order + "I", kind_bytes)
        (length,) = struct.unpack(section.order + "I", head)
        if length < 12 + len(start) or length > MAX_BLOCK:
            raise RecordingError(f"{name}: byte {position}: pcapng block of {length} bytes, 12 .. {MAX_BLOCK} are read")
        padded = (length + 3) & ~3
        body = start + file.read(padded - 8 - len(start))
        if len(body) < padded - 8:
            yield Remark("the file ends inside a block")
            return
        body = body[: length - 12]
        try:
            item = _block(section, kind, body, number + 1)
        except (struct.error, IndexError, ValueError) as why:
            raise RecordingError(f"{name}: byte {position}: pcapng block of type {kind}: {why}") from why
        if isinstance(item, Packet):
            number += 1
        if item is not None:
            yield item
        position += padded
        kind_bytes = file.read(4)


def _block(section: _Section, kind: int, body: bytes, number: int) -> Item | None:
    order = section.order
    if kind == _INTERFACE:
        link = struct.unpack_from(order + "H", body)[0]
        interface = _Interface(link)
        for code, value in _options(order, body[8:]):
            if code == _OPT_TSRESOL and value:
                exponent = value[0] & 0x7F
                if exponent > 64:
                    raise ValueError(f"time resolution 2 or 10 to the power of -{exponent}")
                interface.units = 2**exponent if value[0] & 0x80 else 10**exponent
            elif code == _OPT_TSOFFSET and len(value) >= 8:
                interface.offset = struct.unpack_from(order + "q", value)[0]
        if len(section.interfaces) >= 65536:
            raise ValueError("more than 65536 interfaces")
        section.interfaces.append(interface)
        return None
    if kind in (_PACKET, _OLD_PACKET):
        form = order + ("IIIII" if kind == _PACKET else "HHIIII")
        fields = struct.unpack_from(form, body)
        index, (high, low, captured, original) = fields[0], fields[-4:]
        if index >= len(section.interfaces):
            raise ValueError(f"packet of interface {index}, which is not described")
        interface = section.interfaces[index]
        data = body[20 : 20 + captured]
        if len(data) < captured:
            raise ValueError(f"packet of {captured} bytes in a block that has room for {len(data)}")
        options = _options(order, body[20 + ((captured + 3) & ~3) :])
        comments = tuple(v.decode("utf-8", "replace") for code, v in options if code == _OPT_COMMENT)
        ns = interface.ns(high << 32 | low)
        return Packet(number, ns, data, interface.link, comments, max(original - captured, 0))
    if kind == _SIMPLE_PACKET:
        if not section.interfaces:
            raise ValueError("packet without an interface description")
        original = struct.unpack_from(order + "I", body)[0]
        data = body[4 : 4 + original]
        return Packet(number, 0, data, section.interfaces[0].link, cut=original - len(data))
    if kind == _SECRETS:
        secrets, length = struct.unpack_from(order + "II", body)
        return Secrets(body[8 : 8 + length]) if secrets == _TLS_KEY_LOG else None
    return None


def _options(order: str, data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + 4 <= len(data):
        code, length = struct.unpack_from(order + "HH", data, position)
        if code == _OPT_END:
            return
        yield code, data[position + 4 : position + 4 + length]
        position += 4 + ((length + 3) & ~3)


# ---------------------------------------------------------------------------------------------------------------
# Writing


class Writer:
    """Writes a pcapng file: little-endian, nanoseconds, one interface per link type.

    Args:
        file: takes each block with one call.
        comment: comment on the file as a whole. interface: name of the interface.
    """

    def __init__(self, file: Sink[bytes], *, comment: str = "", interface: str = "") -> None:
        self._file = file
        self._name = interface
        self._interfaces: dict[int, int] = {}
        options = [(_OPT_COMMENT, _text(comment))] if comment else []
        options.append((_SHB_USERAPPL, b"plugfest"))
        self._write(_SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1), options)
        self._interface(ETHERNET)

    def _interface(self, link: int) -> int:
        number = self._interfaces.get(link)
        if number is None:
            number = self._interfaces[link] = len(self._interfaces)
            options = [(_IF_NAME, _text(self._name))] if self._name else []
            options.append((_OPT_TSRESOL, b"\x09"))
            self._write(_INTERFACE, struct.pack("<HHI", link, 0, 0), options)
        return number

    def secrets(self, text: bytes) -> None:
        """An NSS key log; it must come before the packets that it decrypts."""
        self._write(_SECRETS, struct.pack("<II", _TLS_KEY_LOG, len(text)) + _pad(text), [])

    def packet(
        self, ns: int, data: bytes, comments: Iterable[str] = (), *, cut: int = 0, link: int = ETHERNET
    ) -> None:  # fmt: skip
        """One packet, at a Unix time in nanoseconds; ``cut`` bytes of it were not captured."""
        options = [(_OPT_COMMENT, _text(comment)) for comment in comments if comment]
        ns = max(ns, 0)
        number = self._interface(link)
        head = struct.pack("<IIIII", number, ns >> 32, ns & 0xFFFFFFFF, len(data), len(data) + cut)
        self._write(_PACKET, head + _pad(data), options)

    def flush(self) -> None:
        """Makes everything written so far readable for others."""
        self._file.flush()

    def _write(self, kind: int, body: bytes, options: list[tuple[int, bytes]]) -> None:
        for code, value in options:
            body += struct.pack("<HH", code, len(value)) + _pad(value)
        if options:
            body += b"\0\0\0\0"
        length = struct.pack("<I", len(body) + 12)
        self._file.write(struct.pack("<I", kind) + length + body + length)


def _pad(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _text(text: str) -> bytes:
    """Text as it fits into an option: UTF-8, cut at the start of a character."""
    data = text.encode("utf-8", "replace")
    return data if len(data) <= _MAX_OPTION else data[:_MAX_OPTION].decode("utf-8", "ignore").encode() + " …".encode()
