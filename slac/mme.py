"""Management messages of HomePlug Green PHY: how they are described, built and parsed.

A message class (see `message`) defines its code (`CODE`), its vendor (`OUI`), the version of its header (`MMV`), its
fields in wire order (`LAYOUT`), and the constants that a receiver insists on (`REQUIRED`, see `violations`). Bytes
after the last field are kept as ``Frame.tail`` unless they are padding, so that parsing and building give the same
bytes. The classes are in `slac.messages`; `slac.frames` has them all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar, dataclass_transform

from slac.layout import Cursor, Field, FrameError
from slac.layout import build as build_fields
from slac.layout import parse as parse_fields

ETHERTYPE = 0x88E1
BROADCAST = b"\xff" * 6
LOCAL_MODEM = bytes.fromhex("00b052000001")
"""Address of the modem on the host's own cable."""

MINIMUM = 60
"""Length of the shortest Ethernet frame in bytes, without the check sequence."""

DIRECTIONS = ("REQ", "CNF", "IND", "RSP")
_VENDOR = 0xA000  # from here on, an OUI comes first


class Message:
    """Base of the message classes, see `message`."""

    __slots__ = ()

    CODE: ClassVar[int]
    OUI: ClassVar[bytes | None] = None
    MMV: ClassVar[int] = 1
    LAYOUT: ClassVar[tuple[Field, ...]] = ()
    ONLY_MMV: ClassVar[int | None] = None
    REQUIRED: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    @property
    def name(self) -> str:
        """Name such as ``CM_SLAC_PARM.REQ``."""
        stem, _, direction = type(self).__name__.rpartition("_")
        return f"{stem}.{direction}"


@dataclass(frozen=True, slots=True)
class Unknown(Message):
    """A message without a class here.

    Attributes:
        code: MMTYPE.
        payload: everything after the header, including OUI and padding.
    """

    code: int
    payload: bytes = b""

    @property
    def name(self) -> str:
        return f"MME {self.code:04X}.{DIRECTIONS[self.code & 3]}"


@dataclass(frozen=True, slots=True)
class Frame:
    """An Ethernet frame with a management message.

    Attributes:
        destination, source: MAC addresses, 6 bytes.
        message: the message that it carries.
        mmv: version of the header; None for the message's own. 0 has no fragmentation field.
        fmi: fragmentation field.
        tail: bytes after the last field that are not padding.
    """

    destination: bytes
    source: bytes
    message: Message
    mmv: int | None = None
    fmi: bytes = b"\0\0"
    tail: bytes = b""

    @property
    def name(self) -> str:
        return self.message.name


Kind = type[Message]
_KINDS: dict[tuple[int, bytes | None, int | None], Kind] = {}
M = TypeVar("M", bound=Message)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def message(kind: type[M]) -> type[M]:
    """Makes a class with annotated fields a message class: a frozen dataclass with slots, known to `parse`.

    A class that fits only one version of the header sets `ONLY_MMV`.
    """
    made = dataclass(frozen=True, slots=True)(kind)
    _KINDS[made.CODE, made.OUI, made.ONLY_MMV] = made
    return made


def kinds() -> tuple[Kind, ...]:
    """All message classes that `parse` knows."""
    return tuple(_KINDS.values())


def _kind(code: int, oui: bytes | None, mmv: int) -> Kind | None:
    return _KINDS.get((code, oui, mmv)) or _KINDS.get((code, oui, None))


def build(frame: Frame, *, minimum: int = MINIMUM) -> bytes:
    """The bytes of a frame, padded with zeros to ``minimum``.

    Raises:
        FrameError: a value does not fit its field.
    """
    message = frame.message
    mmv = message.MMV if frame.mmv is None else frame.mmv
    if len(frame.destination) != 6 or len(frame.source) != 6:
        raise FrameError("a MAC address has 6 bytes")
    code = message.code if isinstance(message, Unknown) else message.CODE
    head = frame.destination + frame.source + ETHERTYPE.to_bytes(2, "big")
    head += bytes([mmv]) + code.to_bytes(2, "little")
    if mmv:
        head += frame.fmi
    if isinstance(message, Unknown):
        return (head + message.payload).ljust(minimum, b"\0")
    body = build_fields(message.LAYOUT, message)
    return (head + (message.OUI or b"") + body + frame.tail).ljust(minimum, b"\0")


def parse(data: bytes) -> Frame:
    """The frame in ``data``, beginning with the destination address, without the check sequence.

    Raises:
        FrameError: another EtherType, or the frame ends before its fields do.
    """
    cursor = Cursor(data, 0)
    destination, source = cursor.take(6, "the destination"), cursor.take(6, "the source")
    ether = int.from_bytes(cursor.take(2, "the EtherType"), "big")
    if ether != ETHERTYPE:
        raise FrameError(f"EtherType {ether:04X}, expected {ETHERTYPE:04X}", 12)
    mmv = cursor.take(1, "the version")[0]
    if mmv > 2:
        raise FrameError(f"version {mmv} of the header, expected 0 to 2", 14)
    code = int.from_bytes(cursor.take(2, "MMTYPE"), "little")
    fmi = cursor.take(2, "the fragmentation field") if mmv else b"\0\0"
    start, oui = cursor.place, None
    if code >= _VENDOR:
        oui = cursor.take(3, "the OUI") if cursor.left >= 3 else b""
    kind = _kind(code, oui, mmv)
    if kind is None:
        return Frame(destination, source, Unknown(code, data[start:]), mmv, fmi)
    message = kind(**parse_fields(kind.LAYOUT, cursor))
    tail = data[cursor.place :]
    if len(data) <= MINIMUM and not any(tail):
        tail = b""
    return Frame(destination, source, message, mmv, fmi, tail)


def required(**values: Any) -> Mapping[str, Any]:
    """Constants of a message class, for ``REQUIRED``."""
    return MappingProxyType(values)


def violations(message: Message, *, tolerated: Collection[str] = ()) -> tuple[str, ...]:
    """What is wrong with a message for a receiver that insists on its constants, with both values; empty if nothing.

    Args:
        tolerated: fields that may have any value.
    """
    return tuple(
        f"{name} is {_value(getattr(message, name))}, expected {_value(value)}"
        for name, value in message.REQUIRED.items()
        if getattr(message, name) != value and name not in tolerated
    )


def _value(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def mac_text(mac: bytes) -> str:
    """Text of an address, such as ``00:b0:52:00:00:01``."""
    return mac.hex(":")
