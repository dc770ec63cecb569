"""V2GTP frames from one direction of a captured connection, which may start anywhere and have gaps. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from plugfest.traces.dialogue import Payload
from v2g import v2gtp

MAX_PAYLOAD = 1 << 20
"""Longest V2GTP payload that is read, bytes; longer ones end the direction."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The stream has no header where one is expected; the rest of the direction cannot be read."""

    why: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Bytes at the start of a capture that belong to a message whose start was not captured."""

    count: int


class Frames:
    """Frames from the bytes of one direction.

    Args:
        whole: the direction was captured from its first byte on.
    """

    def __init__(self, *, whole: bool = True) -> None:
        self._buffer = bytearray()
        self._dead = False
        self._begun = whole
        self._searching = not whole
        self._skipped = 0

    def feed(self, data: bytes, lost: int) -> Iterator[Payload | Broken | Skipped]:
        """The complete frames. After a gap of ``lost`` bytes, the next frame starts at the next header."""
        if lost:
            self._buffer.clear()
            self._searching, self._dead = True, False
        if self._dead:
            return
        self._buffer += data
        if self._searching:
            self._skipped += self._search()
            if self._searching:
                return
            if self._skipped and not self._begun:
                yield Skipped(self._skipped)
            self._begun = True
        position = 0
        while len(self._buffer) - position >= v2gtp.HEADER_LENGTH:
            try:
                header = v2gtp.parse_header(bytes(self._buffer[position : position + v2gtp.HEADER_LENGTH]))
                if header.length > MAX_PAYLOAD:
                    raise v2gtp.HeaderError(
                        f"V2GTP payload of {header.length} bytes, but at most {MAX_PAYLOAD} are read"
                    )
            except v2gtp.HeaderError as why:
                self._dead = True
                self._buffer.clear()
                yield Broken(str(why))
                return
            end = position + v2gtp.HEADER_LENGTH + header.length
            if len(self._buffer) < end:
                break
            yield Payload(header.payload_type, bytes(self._buffer[position + v2gtp.HEADER_LENGTH : end]))
            position = end
        del self._buffer[:position]

    def _search(self) -> int:
        """Drops everything before the next plausible header; returns the number of bytes."""
        at = 0
        while (at := self._buffer.find(b"\x01\xfe", at)) >= 0 and len(self._buffer) - at >= v2gtp.HEADER_LENGTH:
            header = v2gtp.parse_header(bytes(self._buffer[at : at + v2gtp.HEADER_LENGTH]))
            if header.payload_type in v2gtp.PAYLOAD_TYPES and header.length <= MAX_PAYLOAD:
                self._searching = False
                break
            at += 1
        else:
            # The start of a header may be at the very end.
            at = at if at >= 0 else len(self._buffer) - (1 if self._buffer[-1:] == b"\x01" else 0)
        del self._buffer[:at]
        return at
