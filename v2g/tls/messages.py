"""The handshake messages and their extensions, as values. Pure; every parse is bounded and says where it fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from v2g.tls.failure import Fatal
from v2g.tls.tables import EXTENSIONS, TLS12
from v2g.tls.wire import Reader, read_u16s, u16s, vector

(
    SERVER_NAME, MAX_FRAGMENT_LENGTH, TRUSTED_CA_KEYS, STATUS_REQUEST, SUPPORTED_GROUPS, POINT_FORMATS,
    SIGNATURE_ALGORITHMS, STATUS_REQUEST_V2, EXTENDED_MASTER_SECRET, SUPPORTED_VERSIONS, COOKIE,
    CERTIFICATE_AUTHORITIES, SIGNATURE_ALGORITHMS_CERT, KEY_SHARE, RENEGOTIATION_INFO,
) = (0, 1, 3, 5, 10, 11, 13, 17, 23, 43, 44, 47, 50, 51, 0xFF01)  # fmt: skip

RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a ServerHello that is a HelloRetryRequest."""

DOWNGRADE = b"DOWNGRD\x01"
"""End of the random of a server that could do TLS 1.3 and takes 1.2."""

FRAGMENT_LENGTHS = {512: 1, 1024: 2, 2048: 3, 4096: 4}

Extensions = dict[int, bytes]


def _extension_name(code: int) -> str:
    return EXTENSIONS.get(code, f"extension {code}")


def read_extensions(reader: Reader) -> Extensions:
    found: Extensions = {}
    inner = reader.inner(2, "extensions")
    while inner.more:
        code = inner.integer(2)
        if code in found:
            raise Fatal("illegal_parameter", f"{inner.where}: {_extension_name(code)} comes twice")
        found[code] = inner.vector(2, _extension_name(code))
    return found


def pack_extensions(extensions: Extensions) -> bytes:
    return vector(2, b"".join(code.to_bytes(2, "big") + vector(2, body) for code, body in extensions.items()))


@dataclass
class ClientHello:
    random: bytes
    suites: list[int]
    extensions: Extensions = field(default_factory=dict)
    session_id: bytes = b""
    compression: bytes = b"\0"
    version: int = TLS12

    def pack(self) -> bytes:
        head = self.version.to_bytes(2, "big") + self.random + vector(1, self.session_id)
        body = head + u16s(self.suites) + vector(1, self.compression)
        return body + (pack_extensions(self.extensions) if self.extensions else b"")

    @classmethod
    def parse(cls, body: bytes) -> ClientHello:
        reader = Reader(body, "ClientHello")
        version, random = reader.integer(2, "version"), reader.take(32, "random")
        session_id = reader.vector(1, "session_id")
        suites, compression = read_u16s(reader, "cipher_suites"), reader.vector(1, "compression_methods")
        extensions = read_extensions(reader) if reader.more else {}
        reader.end()
        return cls(random, suites, extensions, session_id, compression, version)

    def numbers(self, code: int, octets: int = 2) -> list[int]:
        """An extension that is a list of 16-bit numbers."""
        return words(self.extensions[code], _extension_name(code), octets) if code in self.extensions else []


@dataclass
class ServerHello:
    random: bytes
    suite: int
    extensions: Extensions = field(default_factory=dict)
    session_id: bytes = b""
    version: int = TLS12

    def pack(self) -> bytes:
        head = self.version.to_bytes(2, "big") + self.random + vector(1, self.session_id)
        return (
            head
            + self.suite.to_bytes(2, "big")
            + b"\0"
            + (pack_extensions(self.extensions) if self.extensions else b"")
        )

    @classmethod
    def parse(cls, body: bytes) -> ServerHello:
        reader = Reader(body, "ServerHello")
        version, random = reader.integer(2, "version"), reader.take(32, "random")
        session_id, suite = reader.vector(1, "session_id"), reader.integer(2, "cipher_suite")
        if reader.integer(1, "compression_method"):
            raise Fatal("illegal_parameter", "ServerHello selects compression, which was not offered")
        extensions = read_extensions(reader) if reader.more else {}
        reader.end()
        return cls(random, suite, extensions, session_id, version)

    @property
    def retry(self) -> bool:
        """It is a HelloRetryRequest."""
        return self.random == RETRY_RANDOM


@dataclass
class CertificateRequest:
    """Of TLS 1.3, or of TLS 1.2 (no context, client certificate types instead of extensions)."""

    algorithms: list[int]
    authorities: list[bytes]
    context: bytes = b""

    def pack13(self) -> bytes:
        extensions: Extensions = {SIGNATURE_ALGORITHMS: u16s(self.algorithms)}
        if self.authorities:
            extensions[CERTIFICATE_AUTHORITIES] = names(self.authorities)
        return vector(1, self.context) + pack_extensions(extensions)

    def pack12(self) -> bytes:
        return vector(1, b"\x40") + u16s(self.algorithms) + names(self.authorities)

    @classmethod
    def parse13(cls, body: bytes) -> CertificateRequest:
        reader = Reader(body, "CertificateRequest")
        context, extensions = reader.vector(1, "context"), read_extensions(reader)
        reader.end()
        algorithms = extensions.get(SIGNATURE_ALGORITHMS)
        if algorithms is None:
            raise Fatal("missing_extension", "CertificateRequest names no signature algorithms")
        authorities = extensions.get(CERTIFICATE_AUTHORITIES)
        return cls(words(algorithms, "signature_algorithms"), read_names(authorities) if authorities else [], context)

    @classmethod
    def parse12(cls, body: bytes) -> CertificateRequest:
        reader = Reader(body, "CertificateRequest")
        reader.vector(1, "certificate_types")
        algorithms = read_u16s(reader, "signature_algorithms")
        return cls(algorithms, read_names(reader.rest()))


@dataclass
class Certificates:
    """The Certificate message: DER, leaf first, and with TLS 1.3 a stapled OCSP response beside each (or b"")."""

    chain: list[bytes]
    staples: list[bytes] = field(default_factory=list)
    context: bytes = b""

    def pack12(self) -> bytes:
        return vector(3, b"".join(vector(3, der) for der in self.chain))

    def pack13(self) -> bytes:
        entries = b""
        staples = self.staples + [b""] * len(self.chain)
        for der, staple in zip(self.chain, staples, strict=False):
            extensions = {STATUS_REQUEST: b"\x01" + vector(3, staple)} if staple else {}
            entries += vector(3, der) + pack_extensions(extensions)
        return vector(1, self.context) + vector(3, entries)

    @classmethod
    def parse12(cls, body: bytes) -> Certificates:
        reader = Reader(body, "Certificate")
        inner = reader.inner(3, "certificate_list")
        chain: list[bytes] = []
        reader.end()
        while inner.more:
            chain.append(inner.vector(3, f"certificate {len(chain) + 1}"))
        return cls(chain)

    @classmethod
    def parse13(cls, body: bytes) -> Certificates:
        reader = Reader(body, "Certificate")
        found = cls([], [], reader.vector(1, "context"))
        inner = reader.inner(3, "certificate_list")
        reader.end()
        while inner.more:
            found.chain.append(inner.vector(3, f"certificate {len(found.chain) + 1}"))
            staple = read_extensions(inner).get(STATUS_REQUEST, b"")
            found.staples.append(parse_status(staple)[0] if staple else b"")
        return found


def pack_status(staples: list[bytes], multi: bool) -> bytes:
    """CertificateStatus of TLS 1.2: one OCSP response, or a list of them (RFC 6961, empty for "none")."""
    if multi:
        return b"\x02" + vector(3, b"".join(vector(3, staple) for staple in staples))
    return b"\x01" + vector(3, staples[0] if staples else b"")


def parse_status(body: bytes) -> list[bytes]:
    reader = Reader(body, "CertificateStatus")
    kind = reader.integer(1, "status_type")
    if kind == 1:
        found = [reader.vector(3, "response")]
    elif kind == 2:
        inner, found = reader.inner(3, "response_list"), []
        while inner.more:
            found.append(inner.vector(3, "response"))
    else:
        raise Fatal("decode_error", f"CertificateStatus of type {kind}, known are 1 (ocsp) and 2 (ocsp_multi)")
    reader.end()
    return found


# ---------------------------------------------------------------------------------------------------------------
# Extension bodies


def words(body: bytes, where: str, octets: int = 2) -> list[int]:
    """A list of 16-bit numbers behind a length of so many octets."""
    reader = Reader(body, where)
    inner, values = reader.inner(octets, "list"), []
    reader.end()
    while inner.more:
        values.append(inner.integer(2))
    return values


def names(distinguished: Iterable[bytes]) -> bytes:
    """DER names, as CertificateRequest and certificate_authorities have them."""
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
    """An entry of trusted_ca_keys (RFC 6066): a type, and what identifies the root."""

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
    """status_request_v2 has an item of type ocsp_multi."""
    reader = Reader(body, "status_request_v2")
    inner, multi = reader.inner(2, "list"), False
    while inner.more:
        kind = inner.integer(1)
        inner.vector(2, "request")
        multi = multi or kind == 2
    return multi


def pack_shares(shares: Iterable[tuple[int, bytes]]) -> bytes:
    return vector(2, b"".join(group.to_bytes(2, "big") + vector(2, key) for group, key in shares))


def read_shares(body: bytes) -> dict[int, bytes]:
    reader = Reader(body, "key_share")
    inner, found = reader.inner(2, "shares"), {}
    reader.end()
    while inner.more:
        group = inner.integer(2)
        found[group] = inner.vector(2, "key_exchange")
    return found
