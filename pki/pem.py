"""Where the certificates of a PEM file begin and end. Pure; takes time in proportion to the file, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

_BEGIN = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
_END = re.compile(rb"-----END (?:X509 |TRUSTED )?CERTIFICATE-----")
_REST = re.compile(rb"[ \t]*\r?\n")
_ANY = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")


def announced(data: bytes) -> int:
    """How many certificates begin."""
    return sum(1 for _ in _BEGIN.finditer(data))


def blocks(data: bytes) -> Iterator[bytes]:
    """The base64 text of each certificate that begins on a line of its own and ends."""
    end = 0
    for begin in _BEGIN.finditer(data):
        rest = _REST.match(data, begin.end()) if begin.start() >= end else None
        if rest is None:
            continue
        found = _END.search(data, rest.end())
        if found is None:  # nor does any that begins later
            return
        yield data[rest.end() : found.start()]
        end = found.end()


def labels(data: bytes) -> list[str]:
    """What else it holds, sorted."""
    return sorted({label.decode() for label in _ANY.findall(data)})
