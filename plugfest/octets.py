"""Octets as users supply them, and the V2GTP frames in them.

The V2GTP header is compared with the data, and every difference is reported: frames in bug reports are cut, padded,
several in a row, or still inside the packet that carried them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from boundary.errors import InputError
from boundary.octets import spelled
from boundary.read import read_bytes
from exi import ExiError
from plugfest.traces import packets
from v2g import v2gtp

_ETHERNET, _RAW_IP = 1, 101
_LOGGED = re.compile(r"(?P<label>.*?[\s=:])(?P<octets>(?:01[ :]?fe|80)(?:[ :]?[0-9a-f]{2})+)", re.IGNORECASE)
_NO_WORDS = re.compile(r"[0-9a-fx\s:,;\\-]*", re.IGNORECASE)


class OctetsError(ExiError):
    """The input contains no message; the text says everything."""

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True, slots=True)
class Piece:
    """A payload from the input.

    Attributes:
        data: the EXI; empty if there is none.
        type: V2GTP payload type, or None without a header.
        notes: how the header differs from the data. rest: bytes after the payload that the header does not announce.
    """

    data: bytes
    type: int | None = None
    notes: tuple[str, ...] = ()
    rest: bytes = b""

    @property
    def title(self) -> str:
        """The payload type in words."""
        known = v2gtp.PAYLOAD_TYPES.get(self.type or 0, "reserved")
        return f"payload type 0x{self.type or 0:04x} ({known})"


def of_file(name: str) -> bytes | None:
    """The content of a file; None if there is no such file, for example for a long hex string.

    Raises:
        InputError: it cannot be read.
    """
    try:
        there = Path(name).is_file()
    except (OSError, ValueError):
        return None
    return read_bytes(Path(name)) if there else None


def read(text: str) -> bytes:
    """Octets however they are spelled, also at the end of a line of a log: words, then a V2GTP frame or an EXI stream.

    Raises:
        InputError: there are none.
    """
    line = _LOGGED.fullmatch(text.strip())
    if line is not None:
        tag = re.fullmatch(r"[a-z]{2} ", line["label"], re.IGNORECASE) and not re.search(r"[ :]", line["octets"])
        if tag or not _NO_WORDS.fullmatch(line["label"]):
            return spelled(line["octets"])
    return spelled(text)


def given(argument: str) -> bytes:
    """The octets that an argument spells, or that a file of that name holds, spelled or binary.

    Raises:
        InputError: they are neither, or the file cannot be read.
    """
    content = of_file(argument)
    if content is None:
        if re.search(r"\.\w+$", argument):  # the name of a file; hex and base64 have no dots
            raise InputError(argument, "no such file")
        return read(argument)
    if content[:1] in (b"\x80", b"\x01"):  # the EXI header byte, or a V2GTP header: text never starts with these
        return content
    try:
        return read(content.decode("ascii"))
    except UnicodeDecodeError:
        return content


def pieces(data: bytes) -> list[Piece]:
    """The payloads in octets: bare EXI, one or several V2GTP frames, or those in a captured packet."""
    if data[:1] != b"\x80" and not _is_header(data):
        for link in (_ETHERNET, _RAW_IP):
            content = packets.parse(data, link)
            if isinstance(content, packets.Segment | packets.Datagram) and _is_header(content.payload):
                data = content.payload
                break
    return list(_frames(data)) if _is_header(data) else [Piece(data)]


def _is_header(data: bytes) -> bool:
    """Whether a V2GTP header starts here, even one of another version."""
    if data[:2] == b"\x01\xfe":
        return True
    known = int.from_bytes(data[2:4], "big") in v2gtp.PAYLOAD_TYPES
    return len(data) >= v2gtp.HEADER_LENGTH and data[:1] != b"\x80" and known


def _frames(data: bytes) -> Iterator[Piece]:
    while data:
        if len(data) < v2gtp.HEADER_LENGTH:
            yield Piece(b"", None, (f"a V2GTP header of {len(data)} bytes, expected {v2gtp.HEADER_LENGTH}",))
            return
        kind, announced = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big")
        body = data[v2gtp.HEADER_LENGTH :]
        piece = Piece(body[:announced], kind)
        notes = []
        if data[:2] != b"\x01\xfe":
            notes.append(f"V2GTP version {data[0]:02x} {data[1]:02x}, expected 01 fe")
        data = body[announced:]
        rest = b"" if _is_header(data) else data
        if len(body) < announced or rest:
            notes.append(f"the V2GTP header says {piece.title} and {announced} bytes, {_are(len(body))} there")
        yield Piece(piece.data, kind, tuple(notes), rest)
        if rest:
            return


def _are(count: int) -> str:
    return "1 is" if count == 1 else f"{count} are"
