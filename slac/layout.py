"""A small vocabulary for binary layouts: a message class lists its fields once, for both building and parsing.

    @message
    class CM_VALIDATE_REQ(Message):
        CODE = 0x6078
        LAYOUT = (u8("signal_type"), u8("timer"), u8("result"))
        timer: int = 0
        result: int = 1
        signal_type: int = 0

Each entry is a pair of functions; this module has no state and does no I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class FrameError(ValueError):
    """Bytes that are not a valid frame, or values that do not fit into one; says where and what was expected.

    Attributes:
        offset: byte offset from the start of the Ethernet frame, or None if a value was at fault.
    """

    def __init__(self, text: str, offset: int | None = None) -> None:
        super().__init__(text if offset is None else f"byte {offset}: {text}")
        self.offset = offset


@dataclass(slots=True)
class Cursor:
    """Reads through a frame, never beyond its end."""

    data: bytes
    place: int

    def take(self, length: int, what: str) -> bytes:
        """The next bytes.

        Raises:
            FrameError: the frame ends earlier.
        """
        end = self.place + length
        if end > len(self.data):
            left = len(self.data) - self.place
            raise FrameError(f"{what} needs {length} bytes, {left} are left", self.place)
        part = self.data[self.place : end]
        self.place = end
        return part

    @property
    def left(self) -> int:
        return len(self.data) - self.place


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of a layout.

    Attributes:
        name: attribute of the message; "" for skipped bytes.
        read: reads a value from the cursor.
        write: converts a value to bytes.
    """

    name: str
    read: Callable[[Cursor], Any]
    write: Callable[[Any], bytes]


def _number(name: str, size: int) -> Field:
    """A little-endian number, as everywhere in these messages."""

    def write(value: int) -> bytes:
        if not isinstance(value, int) or not 0 <= value < 1 << 8 * size:
            raise FrameError(f"{name} {value!r} does not fit into {size} bytes")
        return value.to_bytes(size, "little")

    return Field(name, lambda cursor: int.from_bytes(cursor.take(size, name), "little"), write)


def u8(name: str) -> Field:
    """One byte."""
    return _number(name, 1)


def u16(name: str) -> Field:
    """Two bytes, little-endian."""
    return _number(name, 2)


def u32(name: str) -> Field:
    """Four bytes, little-endian."""
    return _number(name, 4)


def raw(name: str, size: int) -> Field:
    """A byte string of fixed size: addresses, keys, ids.

    Raises:
        FrameError: from the field: the value has another size.
    """

    def write(value: bytes) -> bytes:
        if len(value) != size:
            raise FrameError(f"{name} has {len(value)} bytes, not {size}")
        return bytes(value)

    return Field(name, lambda cursor: cursor.take(size, name), write)


def zeros(size: int) -> Field:
    """Reserved bytes: written as zero, ignored on reading."""
    return Field("", lambda cursor: cursor.take(size, "reserved bytes"), lambda _: bytes(size))


def counted(name: str) -> Field:
    """A byte string preceded by its length in one byte.

    Raises:
        FrameError: from the field: the value is too long for its count.
    """

    def write(value: bytes) -> bytes:
        if len(value) > 255:
            raise FrameError(f"{name} has {len(value)} bytes, at most 255")
        return bytes([len(value)]) + bytes(value)

    return Field(name, lambda cursor: cursor.take(cursor.take(1, f"length of {name}")[0], name), write)


def groups(name: str) -> Field:
    """The attenuation profile of a modem: NumGroups, a reserved byte, the groups.

    Raises:
        FrameError: from the field: more groups than its count can say.
    """

    def read(cursor: Cursor) -> bytes:
        count = cursor.take(2, f"NumGroups of {name}")[0]
        return cursor.take(count, name)

    def write(value: bytes) -> bytes:
        if len(value) > 255:
            raise FrameError(f"{name} has {len(value)} groups, at most 255")
        return bytes([len(value), 0]) + bytes(value)

    return Field(name, read, write)


def rest(name: str) -> Field:
    """All remaining bytes, including padding."""
    return Field(name, lambda cursor: cursor.take(cursor.left, name), bytes)


def upto(name: str, size: int) -> Field:
    """At most this many bytes: the last field of a message that some senders cut short."""
    return Field(name, lambda cursor: cursor.take(min(size, cursor.left), name), bytes)


def text(name: str, size: int) -> Field:
    """Characters in a field of fixed size, padded with zero bytes.

    Raises:
        FrameError: from the field: the text does not fit.
    """

    def write(value: str) -> bytes:
        data = value.encode("latin-1", "replace")
        if len(data) > size:
            raise FrameError(f"{name} is longer than {size} characters")
        return data.ljust(size, b"\0")

    return Field(name, lambda cursor: cursor.take(size, name).rstrip(b"\0").decode("latin-1"), write)


def records(name: str, kind: Callable[..., Any], layout: tuple[Field, ...]) -> Field:
    """A list of records preceded by their count in one byte.

    Raises:
        FrameError: from the field: more records than its count can say.
    """

    def read(cursor: Cursor) -> tuple[Any, ...]:
        count = cursor.take(1, f"number of {name}")[0]
        return tuple(kind(**parse(layout, cursor)) for _ in range(count))

    def write(value: tuple[Any, ...]) -> bytes:
        if len(value) > 255:
            raise FrameError(f"{len(value)} {name}, at most 255")
        return bytes([len(value)]) + b"".join(build(layout, record) for record in value)

    return Field(name, read, write)


def parse(layout: tuple[Field, ...], cursor: Cursor) -> dict[str, Any]:
    """The named values of a layout.

    Raises:
        FrameError: the bytes end too early.
    """
    values: dict[str, Any] = {}
    for entry in layout:
        value = entry.read(cursor)
        if entry.name:
            values[entry.name] = value
    return values


def build(layout: tuple[Field, ...], message: Any) -> bytes:
    """The bytes of a message.

    Raises:
        FrameError: a value does not fit.
    """
    return b"".join(entry.write(getattr(message, entry.name) if entry.name else None) for entry in layout)
