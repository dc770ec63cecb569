"""Parses octets in the notations in which people paste them."""

from __future__ import annotations

import base64
import binascii
import re

from boundary.errors import InputError
from boundary.text import shortened

_PREFIX = re.compile(r"0x|\\x", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s:,;\-'\"{}\[\]()]+")
_DUMPED = re.compile(
    r"\s*(?:0x)?([0-9a-f]{4,8}):?\s+((?:[0-9a-f]{2,4} )*[0-9a-f]{2,4})(?:\s\s.*|\s*\|.*|\s*)", re.IGNORECASE
)
_HEXADECIMAL = re.compile(r"[0-9a-f]+", re.IGNORECASE)


def spelled(text: str, name: str = "input") -> bytes:
    """Bytes spelled as hexadecimal (with spaces, colons, commas, 0x or \\x, or as a dump with offsets) or as base64.

    Raises:
        InputError: it is neither.
    """
    dump = _dump(text)
    if dump is not None:
        return dump
    words = [word for word in _BETWEEN.split(_PREFIX.sub(" ", text)) if word]
    if len(words) > 1 and _PREFIX.search(text):
        words = [word.zfill(len(word) + len(word) % 2) for word in words]
    compact = "".join(words)
    if _HEXADECIMAL.fullmatch(compact):
        if len(compact) % 2 == 0:
            return bytes.fromhex(compact)
        if len(compact) % 4 != 0:
            raise InputError(name, f"{len(compact)} hexadecimal digits do not make whole octets")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InputError(name, f"{shortened(repr(text), 60)} is neither hex nor base64") from None


def _dump(text: str) -> bytes | None:
    """The bytes of a dump with offsets, as Wireshark, tcpdump and xxd print them; None for anything else."""
    found = bytearray()
    for line in filter(str.strip, text.splitlines()):
        match = _DUMPED.fullmatch(line)
        if match is None or int(match[1], 16) != len(found):
            return None
        digits = match[2].replace(" ", "")
        if len(digits) % 2:
            return None
        found += bytes.fromhex(digits)
    return bytes(found) or None
