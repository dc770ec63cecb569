"""Values of simple types: their bits, their facets, their spelling in XML.

Python types: bool, int, str (also for enumerations), bytes (both binary types).
"""

import base64
import binascii
import re
from typing import Any

from exi.bits import BitReader, BitWriter
from exi.errors import DecodeError, EncodeError
from exi.schema import Binary, Boolean, Enumeration, Integer, Simple, String

GROUPS = 10
"""Maximum groups of seven bits in a varint of a 64-bit type."""

LONG_GROUPS = 1000
"""The same for xs:integer, which has no bound. Certificates' serial numbers take 23; Python refuses to print numbers of
more than 4300 digits, and reading them takes time quadratic in their length."""


def read_unsigned(reader: BitReader, groups: int = GROUPS) -> int:
    """An EXI unsigned integer: groups of seven bits, least significant first.

    Raises:
        DecodeError: the stream ends inside it, or it has more than ``groups`` groups.
    """
    start = reader.position
    value = shift = 0
    while True:
        octet = reader.bits(8)
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value
        shift += 7
        if shift >= 7 * groups:
            raise DecodeError(f"an integer of more than {groups} groups", expected="at most 64 bits", bit=start)


def write_unsigned(writer: BitWriter, value: int) -> None:
    while value > 0x7F:
        writer.bits(value & 0x7F | 0x80, 8)
        value >>= 7
    writer.bits(value, 8)


def read(reader: BitReader, kind: Simple) -> Any:
    """The next value of a type. Numbers outside their facets are returned: the bits can carry them.

    Raises:
        DecodeError: the stream ends, an enumeration index is unassigned, a length exceeds what is left, a string
            refers to the value tables (which are switched off), or a code point does not exist.
    """
    start = reader.position
    match kind:
        case Boolean():
            return reader.bits(1) == 1
        case Integer(minimum=minimum, maximum=_):
            if (width := kind.bits) is not None:
                return reader.bits(width) + (minimum or 0)
            groups = GROUPS if kind.maximum is not None else LONG_GROUPS
            if kind.signed:
                negative = reader.bits(1)
                value = read_unsigned(reader, groups)
                return -value - 1 if negative else value
            return read_unsigned(reader, groups)
        case Enumeration(values=values):
            index = reader.bits(kind.bits)
            if index >= len(values):
                raise DecodeError(f"enumeration index {index}", expected=f"0 to {len(values) - 1}", bit=start)
            return values[index]
        case String():
            length = read_unsigned(reader)
            if length < 2:
                raise DecodeError("a string table hit", expected="a literal string", bit=start)
            length -= 2
            if length * 8 > reader.left:
                raise DecodeError(
                    f"a string of {length} characters, {reader.left // 8} bytes left",
                    bit=start,
                    missing=length * 8 - reader.left,
                )
            begins = reader.position
            octets = reader.octets(length)
            if octets.isascii():  # each is then a whole group
                return octets.decode()
            reader.position = begins
            points = [read_unsigned(reader) for _ in range(length)]
            if any(p > 0x10FFFF or 0xD800 <= p < 0xE000 for p in points):
                raise DecodeError("a character beyond Unicode", bit=start)
            return "".join(map(chr, points))
        case Binary():
            return reader.octets(read_unsigned(reader))


def write(writer: BitWriter, kind: Simple, value: Any) -> None:
    """Appends a value, whatever its facets say, as long as the coding of its type can carry it.

    Enumerations also take an int: the bare index, so that unassigned ones can be sent.

    Raises:
        EncodeError: the value has the wrong Python type or does not fit the coding.
    """
    match kind:
        case Boolean() if isinstance(value, bool):
            writer.bits(value, 1)
        case Integer(minimum=minimum) if isinstance(value, int) and not isinstance(value, bool):
            if (width := kind.bits) is not None:
                offset = value - (minimum or 0)
                if not 0 <= offset < 1 << width:
                    raise EncodeError(f"{_number(value)} does not fit {width} bits", expected=describe(kind))
                writer.bits(offset, width)
            elif kind.signed:
                writer.bits(value < 0, 1)
                write_unsigned(writer, ~value if value < 0 else value)
            elif value < 0:
                raise EncodeError(f"{_number(value)} is negative", expected=describe(kind))
            else:
                write_unsigned(writer, value)
        case Enumeration(values=values) if isinstance(value, (str, int)) and not isinstance(value, bool):
            if isinstance(value, str) and value not in values:
                raise EncodeError(f"{value!r} is not a value of the enumeration", expected=_some(values))
            index = values.index(value) if isinstance(value, str) else value
            if not 0 <= index < 1 << kind.bits:
                raise EncodeError(f"index {_number(index)} does not fit {kind.bits} bits", expected=_some(values))
            writer.bits(index, kind.bits)
        case String() if isinstance(value, str):
            write_unsigned(writer, len(value) + 2)
            for character in value:
                write_unsigned(writer, ord(character))
        case Binary() if isinstance(value, (bytes, bytearray)):
            write_unsigned(writer, len(value))
            writer.octets(bytes(value))
        case _:
            raise EncodeError(f"{value!r} is {type(value).__name__}", expected=describe(kind))


def check(kind: Simple, value: Any) -> str | None:
    """Which facet of its type a value violates, in words; None if it violates none."""
    match kind:
        case Boolean():
            return None if isinstance(value, bool) else f"{value!r} is not a boolean"
        case Integer(minimum=minimum, maximum=maximum):
            if not isinstance(value, int) or isinstance(value, bool):
                return f"{value!r} is not an integer"
            if minimum is not None and value < minimum:
                return f"{_number(value)} is less than {minimum}"
            if maximum is not None:
                return f"{_number(value)} is more than {maximum}" if value > maximum else None
            long = (~value if value < 0 else value).bit_length() > 7 * LONG_GROUPS
            return f"{_number(value)} is longer than any peer can read" if long else None
        case Enumeration(values=values):
            return None if isinstance(value, str) and value in values else f"{value!r} is not one of {_some(values)}"
        case String():
            problem = _length(value, str, "characters", kind.min_length, kind.max_length)
            return problem or ("an unpaired surrogate is not a character" if _SURROGATE.search(value) else None)
        case Binary():
            return _length(value, (bytes, bytearray), "bytes", kind.min_length, kind.max_length)


def _length(value: Any, types: Any, unit: str, minimum: int, maximum: int | None) -> str | None:
    if not isinstance(value, types):
        return f"{value!r} is {type(value).__name__}, not {unit}"
    if len(value) < minimum:
        return f"{len(value)} {unit} are less than {minimum}"
    return f"{len(value)} {unit} are more than {maximum}" if maximum is not None and len(value) > maximum else None


_SURROGATE = re.compile("[\ud800-\udfff]")


def _number(value: int) -> str:
    """A number in words; Python refuses to print one of more than 4300 digits."""
    return str(value) if value.bit_length() < 256 else f"a number of {value.bit_length()} bits"


def _some(values: tuple[str, ...]) -> str:
    return ", ".join(values) if len(values) <= 8 else f"{', '.join(values[:8])}, ... ({len(values)})"


def describe(kind: Simple) -> str:
    """A type in words, for messages to users."""
    match kind:
        case Boolean():
            return "a boolean"
        case Integer(minimum=minimum, maximum=maximum):
            return "an integer" if maximum is None else f"an integer {minimum} to {maximum}"
        case Enumeration(values=values):
            return f"one of {_some(values)}"
        case String(max_length=longest):
            return "a string" if longest is None else f"a string of at most {longest} characters"
        case Binary(max_length=longest):
            return "bytes" if longest is None else f"at most {longest} bytes"


def spell(kind: Simple, value: Any) -> str:
    """A value as XML text in canonical form."""
    match kind:
        case Boolean():
            return "true" if value else "false"
        case Binary(spelling="hex"):
            return bytes(value).hex().upper()
        case Binary():
            return base64.b64encode(value).decode()
        case _:
            return str(value)


_SPACE = re.compile(r"[ \t\r\n]+")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def parse(kind: Simple, text: str) -> Any:
    """A value from XML text; white space is kept in strings and collapsed in everything else.

    Raises:
        EncodeError: the text does not spell a value of the type.
    """
    if isinstance(kind, String) and not kind.collapse:
        return text
    text = _SPACE.sub(" ", text).strip(" ")
    try:
        match kind:
            case Boolean():
                return _BOOLEANS[text]
            case Integer():
                return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else int("")
            case Binary(spelling="hex"):
                return binascii.unhexlify(text)
            case Binary():
                return base64.b64decode(text.replace(" ", ""), validate=True)
            case _:
                return text
    except (KeyError, ValueError) as why:
        raise EncodeError(f"{text[:40]!r} is not a valid value here", expected=describe(kind)) from why
