"""The handshake messages and their extensions as values. Pure; every parser is bounded and says where it fails."""

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
"""End of a server's random if the server supports TLS 1.3 but chooses 1.2."""
DOWNGRADE_11 = b"DOWNGRD\x00"
"""The same if it chooses an older version."""

FRAGMENT_LENGTHS = {512: 1, 1024: 2, 2048: 3, 4096: 4}

Extensions = dict[int, bytes]


def _extension_name(code: int) -> str:
    return EXTENSIONS.get(code, f"extension {code}")


MAX_EXTENSIONS = 64
"""The most extensions in one message; a browser's hello has about 20."""
MAX_CHAIN = 16
"""The most certificates in one chain; the standards allow 3 below the root, ISO 15118-20 4 with a cross certificate."""
MAX_CERTIFICATE = 16384
"""The most octets of one certificate or OCSP response; the standards allow 800 and 1600."""


def read_extensions(reader: Reader) -> Extensions:
    found: Extensions = {}
    inner = reader.inner(2, "extensions")
    while inner.more:
        if len(found) == MAX_EXTENSIONS:
            raise Fatal("decode_error", f"{reader.where}: more than {MAX_EXTENSIONS} extensions", check="limit")
        code = inner.integer(2)
        if code in found:
            raise Fatal("illegal_parameter", f"{inner.where}: {_extension_name(code)} comes twice")
        found[code] = inner.vector(2, _extension_name(code))
    return found


def pack_extensions(extensions: Extensions) -> bytes:
    return vector(2, b"".join(code.to_bytes(2, "big") + vector(2, body) for code, body in extensions.items()))


def _session_id(reader: Reader) -> bytes:
    session_id = reader.vector(1, "session_id")
    if len(session_id) > 32:
        raise Fatal("decode_error", f"{reader.where}.session_id: {len(session_id)} bytes, at most 32 are allowed")
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
                    raise Fatal("unsupported_extension", f"{text}, which was not asked for")
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
            text = f"{where} has {len(der)} octets, at most {MAX_CERTIFICATE} are accepted"
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
        raise Fatal("decode_error", f"CertificateStatus of type {kind}, known are 1 (ocsp) and 2 (ocsp_multi)")
    reader.end()
    return found


# ---------------------------------------------------------------------------------------------------------------
# Extension bodies


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
