"""The extensions of handshake messages: the list of them, and the body of each. Every parser is bounded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from v2g.tls.failure import Fatal
from v2g.tls.tables import EXTENSIONS
from v2g.tls.wire import Reader, vector

(
    SERVER_NAME, MAX_FRAGMENT_LENGTH, TRUSTED_CA_KEYS, STATUS_REQUEST, SUPPORTED_GROUPS, POINT_FORMATS,
    SIGNATURE_ALGORITHMS, STATUS_REQUEST_V2, EXTENDED_MASTER_SECRET, SUPPORTED_VERSIONS, COOKIE,
    CERTIFICATE_AUTHORITIES, SIGNATURE_ALGORITHMS_CERT, KEY_SHARE, RENEGOTIATION_INFO,
) = (0, 1, 3, 5, 10, 11, 13, 17, 23, 43, 44, 47, 50, 51, 0xFF01)  # fmt: skip

FRAGMENT_LENGTHS = {512: 1, 1024: 2, 2048: 3, 4096: 4}

Extensions = dict[int, bytes]
"""Bodies by number, in the order in which they were sent."""

MAX_EXTENSIONS = 64
"""The most extensions in one message; a browser's hello has about 20."""


def _extension_name(code: int) -> str:
    return EXTENSIONS.get(code, f"extension {code}")


def read_extensions(reader: Reader) -> Extensions:
    found: Extensions = {}
    inner = reader.inner(2, "extensions")
    while inner.more:
        if len(found) == MAX_EXTENSIONS:
            raise Fatal("decode_error", f"{reader.where}: more than {MAX_EXTENSIONS} extensions", check="limit")
        code = inner.integer(2)
        if code in found:
            raise Fatal("illegal_parameter", f"{inner.where}: {_extension_name(code)} appears twice")
        found[code] = inner.vector(2, _extension_name(code))
    return found


def pack_extensions(extensions: Extensions) -> bytes:
    return vector(2, b"".join(code.to_bytes(2, "big") + vector(2, body) for code, body in extensions.items()))


def words(body: bytes, where: str, octets: int = 2) -> list[int]:
    """A list of 16-bit numbers after a length of ``octets`` octets."""
    reader = Reader(body, where)
    inner, values = reader.inner(octets, "list"), []
    reader.end()
    while inner.more:
        values.append(inner.integer(2))
    if not values:
        raise Fatal("decode_error", f"{where}: an empty list")
    return values


def number16(body: bytes, where: str) -> int:
    """The value of an extension that is one 16-bit number."""
    reader = Reader(body, where)
    value = reader.integer(2)
    reader.end()
    return value


def empty(body: bytes, where: str) -> None:
    """Checks that an extension has no content."""
    Reader(body, where).end()


def names(distinguished: Iterable[bytes]) -> bytes:
    """DER names in the format of CertificateRequest and certificate_authorities."""
    return vector(2, b"".join(vector(2, name) for name in distinguished))


def read_names(body: bytes) -> list[bytes]:
    reader = Reader(body, "certificate_authorities")
    inner, found = reader.inner(2, "names"), []
    reader.end()
    while inner.more:
        found.append(inner.vector(2, "name"))
    return found


@dataclass(frozen=True)
class TrustedRoot:
    """An entry of trusted_ca_keys (RFC 6066): a type, and the value that identifies the root."""

    kind: str
    value: bytes = b""


_ROOT_KINDS = {"pre_agreed": 0, "key_sha1_hash": 1, "x509_name": 2, "cert_sha1_hash": 3}
_ROOT_KIND_NAMES = {code: name for name, code in _ROOT_KINDS.items()}


def pack_roots(roots: Iterable[TrustedRoot]) -> bytes:
    body = b""
    for root in roots:
        body += bytes((_ROOT_KINDS[root.kind],))
        body += vector(2, root.value) if root.kind == "x509_name" else root.value
    return vector(2, body)


def read_roots(body: bytes) -> list[TrustedRoot]:
    reader = Reader(body, "trusted_ca_keys")
    inner, found = reader.inner(2, "list"), []
    reader.end()
    while inner.more:
        code = inner.integer(1, "type")
        if code not in _ROOT_KIND_NAMES:
            raise Fatal("decode_error", f"trusted_ca_keys: identifier of type {code}")
        kind = _ROOT_KIND_NAMES[code]
        value = b"" if code == 0 else inner.vector(2, kind) if code == 2 else inner.take(20, kind)
        found.append(TrustedRoot(kind, value))
    return found


STATUS_REQUEST_BODY = b"\x01\0\0\0\0"
"""Type ocsp, no responder ids, no extensions [V2G20-2373]."""

STATUS_REQUEST_V2_BODY = vector(2, b"\x02" + vector(2, b"\0\0\0\0"))
"""One item: type ocsp_multi, no responder ids, no extensions."""


def asks_multi(body: bytes) -> bool:
    """Whether status_request_v2 has an item of type ocsp_multi."""
    reader = Reader(body, "status_request_v2")
    inner, multi = reader.inner(2, "list"), False
    while inner.more:
        kind = inner.integer(1)
        inner.vector(2, "request")
        multi = multi or kind == 2
    reader.end()
    return multi


def pack_shares(shares: Iterable[tuple[int, bytes]]) -> bytes:
    return vector(2, b"".join(group.to_bytes(2, "big") + vector(2, key) for group, key in shares))


def read_shares(body: bytes) -> dict[int, bytes]:
    reader = Reader(body, "key_share")
    inner, found = reader.inner(2, "shares"), {}
    reader.end()
    while inner.more:
        group = inner.integer(2)
        if group in found:
            raise Fatal("illegal_parameter", f"key_share: two keys of group 0x{group:04x}")
        found[group] = inner.vector(2, "key_exchange")
        if not found[group]:
            raise Fatal("decode_error", f"key_share: an empty key of group 0x{group:04x}")
    return found


def read_share(body: bytes) -> tuple[int, bytes]:
    """The charger's key_share: group and key."""
    reader = Reader(body, "key_share")
    group, key = reader.integer(2, "group"), reader.vector(2, "key_exchange")
    reader.end()
    if not key:
        raise Fatal("decode_error", "key_share: an empty key")
    return group, key


def check_points(body: bytes) -> None:
    """Checks that ec_point_formats includes uncompressed points (RFC 8422 5.1.2)."""
    reader = Reader(body, "ec_point_formats")
    formats = reader.vector(1, "formats")
    reader.end()
    if not formats:
        raise Fatal("decode_error", "ec_point_formats: an empty list")
    if 0 not in formats:
        raise Fatal("illegal_parameter", f"ec_point_formats {formats.hex()}: without uncompressed points (00)")


def check_renegotiation(body: bytes) -> None:
    """Checks that renegotiation_info is empty, as required in a first handshake (RFC 5746 3.4, 3.6)."""
    if body != b"\0":
        raise Fatal("handshake_failure", "renegotiation_info in a first handshake is not empty", check="renegotiation")
