"""The handshake messages as values. Pure; every parser is bounded and says where it fails."""

from __future__ import annotations

from dataclasses import dataclass, field

from v2g.tls.extensions import (
    CERTIFICATE_AUTHORITIES,
    SIGNATURE_ALGORITHMS,
    STATUS_REQUEST,
    Extensions,
    _extension_name,
    names,
    pack_extensions,
    read_extensions,
    read_names,
    words,
)
from v2g.tls.failure import Fatal
from v2g.tls.tables import TLS12
from v2g.tls.wire import Reader, read_u16s, u16s, vector

RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a ServerHello that is a HelloRetryRequest."""

DOWNGRADE = b"DOWNGRD\x01"
"""End of a server's random if the server supports TLS 1.3 but chooses 1.2."""
DOWNGRADE_11 = b"DOWNGRD\x00"
"""The same if it chooses an older version."""

MAX_CHAIN = 16
"""The most certificates in one chain; the standards allow 3 below the root, ISO 15118-20 4 with a cross certificate."""
MAX_CERTIFICATE = 16384
"""The most octets of one certificate or OCSP response; the standards allow 800 and 1600."""


def _session_id(reader: Reader) -> bytes:
    session_id = reader.vector(1, "session_id")
    if len(session_id) > 32:
        raise Fatal("decode_error", f"{reader.where}.session_id: {len(session_id)} bytes, but at most 32 are allowed")
    return session_id


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
        session_id = _session_id(reader)
        suites, compression = read_u16s(reader, "cipher_suites"), reader.vector(1, "compression_methods")
        if not suites or not compression:
            raise Fatal("decode_error", f"ClientHello without {'compression methods' if suites else 'cipher suites'}")
        extensions = read_extensions(reader) if reader.more else {}
        reader.end()
        return cls(random, suites, extensions, session_id, compression, version)

    def numbers(self, code: int, octets: int = 2) -> list[int]:
        """The numbers of an extension that is a list of 16-bit numbers."""
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
        session_id, suite = _session_id(reader), reader.integer(2, "cipher_suite")
        if reader.integer(1, "compression_method"):
            raise Fatal("illegal_parameter", "ServerHello selects compression, which was not offered")
        extensions = read_extensions(reader) if reader.more else {}
        reader.end()
        return cls(random, suite, extensions, session_id, version)

    @property
    def retry(self) -> bool:
        """Whether it is a HelloRetryRequest."""
        return self.random == RETRY_RANDOM


@dataclass
class CertificateRequest:
    """CertificateRequest of TLS 1.3, or of TLS 1.2 (no context; client certificate types instead of extensions)."""

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
        named = read_names(authorities) if authorities is not None else []
        return cls(words(algorithms, "signature_algorithms"), named, context)

    @classmethod
    def parse12(cls, body: bytes) -> CertificateRequest:
        reader = Reader(body, "CertificateRequest")
        if not reader.vector(1, "certificate_types"):
            raise Fatal("decode_error", "CertificateRequest without certificate types")
        algorithms = read_u16s(reader, "signature_algorithms")
        if not algorithms:
            raise Fatal("decode_error", "CertificateRequest without signature algorithms")
        return cls(algorithms, read_names(reader.rest()))


@dataclass
class Certificates:
    """The Certificate message: DER, leaf first; in TLS 1.3, each with a stapled OCSP response (or b"")."""

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
        found = cls([])
        reader.end()
        while inner.more:
            found._take(inner)
        return found

    @classmethod
    def parse13(cls, body: bytes, asked: bool = True) -> Certificates:
        """Parses the message of TLS 1.3.

        Args:
            asked: whether OCSP responses were requested; if not, an extension with one is refused.
        """
        reader = Reader(body, "Certificate")
        found = cls([], [], reader.vector(1, "context"))
        inner = reader.inner(3, "certificate_list")
        reader.end()
        while inner.more:
            found._take(inner)
            extensions = read_extensions(inner)
            for code in extensions:
                if code != STATUS_REQUEST or not asked:
                    text = f"certificate {len(found.chain)} has the extension {_extension_name(code)}"
                    raise Fatal("unsupported_extension", f"{text}, which was not requested")
            found.staples.append(parse_status(extensions[STATUS_REQUEST])[0] if extensions else b"")
        return found

    def _take(self, reader: Reader) -> None:
        where = f"certificate {len(self.chain) + 1}"
        if len(self.chain) == MAX_CHAIN:
            raise Fatal("bad_certificate", f"a chain of more than {MAX_CHAIN} certificates", check="limit")
        der = reader.vector(3, where)
        if not der:
            raise Fatal("decode_error", f"Certificate: {where} is empty")
        if len(der) > MAX_CERTIFICATE:
            text = f"{where} has {len(der)} octets, but at most {MAX_CERTIFICATE} are accepted"
            raise Fatal("bad_certificate", text, check="limit", certificate=where)
        self.chain.append(der)


def pack_status(staples: list[bytes], multi: bool) -> bytes:
    """CertificateStatus of TLS 1.2: one OCSP response, or a list of them (RFC 6961; an empty one means "none")."""
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
            if len(found) == MAX_CHAIN:
                raise Fatal("decode_error", f"CertificateStatus: more than {MAX_CHAIN} responses", check="limit")
            found.append(inner.vector(3, "response"))
    else:
        raise Fatal("decode_error", f"CertificateStatus of type {kind}, expected 1 (ocsp) or 2 (ocsp_multi)")
    reader.end()
    return found


def read_ticket(body: bytes) -> None:
    """Checks the form of TLS 1.3's NewSessionTicket, which is not used because sessions are not resumed."""
    reader = Reader(body, "NewSessionTicket")
    reader.integer(4, "ticket_lifetime")
    reader.integer(4, "ticket_age_add")
    reader.vector(1, "ticket_nonce")
    if not reader.vector(2, "ticket"):
        raise Fatal("decode_error", "NewSessionTicket: an empty ticket")
    read_extensions(reader)
    reader.end()
