"""Files of certificates as octets: read, bounded, and cut into the DER of each. Nothing in them is parsed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from pathlib import Path

from boundary.read import opened
from pki import pem
from pki.errors import PkiError
from pki.unreadable import Absent, Unreadable

MAX_CERTIFICATES = 2000
"""Certificates in one file."""
MAX_FILE = 16 << 20
"""Octets of a file of certificates, keys or lists."""


def split(data: bytes, source: str) -> list[bytes]:
    """The DER of each certificate in a PEM or DER file; their contents are not parsed.

    Raises:
        Unreadable: there is none, or the framing of one is broken.
    """

    def refuse(defect: str, place: int = 0) -> Unreadable:
        return Unreadable("certificate", source, place, defect)

    if not data.strip():
        raise Unreadable("file", source, 0, "it is empty")
    if len(data) > MAX_FILE:
        raise Unreadable("file", source, 0, f"it has {len(data)} octets; at most {MAX_FILE} are read")
    if b"-----BEGIN" in data:
        found = _split_pem(data, source, refuse)
    else:
        found = list(_split_der(data, source, refuse))
    if len(found) > MAX_CERTIFICATES:
        raise refuse(f"the file holds {len(found)} certificates; at most {MAX_CERTIFICATES} are read")
    return found


def _split_pem(data: bytes, source: str, refuse: Callable[..., Unreadable]) -> list[bytes]:
    blocks, announced = list(pem.blocks(data)), pem.announced(data)
    if not announced:
        held = ", ".join(pem.labels(data)) or "PEM without a label"
        raise Absent("certificate", source, 0, f"no certificate in PEM or DER, only {held}")
    several = announced > 1
    if len(blocks) != announced:
        raise refuse("its END line is missing", len(blocks) + 1 if several else 0)
    found = []
    for place, block in enumerate(blocks, 1):
        try:
            found.append(base64.b64decode(b"".join(block.split()), validate=True))
        except binascii.Error as why:
            raise refuse(f"its base64 text is damaged ({why})", place if several else 0) from why
    return found


def _split_der(data: bytes, source: str, refuse: Callable[..., Unreadable]) -> Iterator[bytes]:
    place = 0
    while data:
        place += 1
        if data[:1] != b"\x30":
            if place > 1:
                raise refuse(f"{len(data)} octets follow the certificates")
            raise Absent("certificate", source, 0, "no certificate in PEM or DER")
        size = _der_size(data)
        if size is None or size > len(data):
            raise refuse("octets are missing at its end", 0 if place == 1 else place)
        yield data[:size]
        data = data[size:]


def _der_size(data: bytes) -> int | None:
    """Octets of the first DER value; None if its length is missing or invalid in DER."""
    if len(data) < 2:
        return None
    if data[1] < 0x80:
        return 2 + data[1]
    count = data[1] & 0x7F
    if not 1 <= count <= 4 or len(data) < 2 + count:
        return None
    return 2 + count + int.from_bytes(data[2 : 2 + count], "big")


def read(path: Path) -> bytes:
    """The octets of a file.

    Raises:
        PkiError: it cannot be read, or is too large for such a file.
    """
    try:
        with opened(path) as file:
            data = file.read(MAX_FILE + 1)
    except OSError as why:
        raise PkiError(f"{path}: {why.strerror}") from why
    if len(data) > MAX_FILE:
        raise PkiError(f"{path}: larger than {MAX_FILE} octets, too large for a certificate or key")
    return data
