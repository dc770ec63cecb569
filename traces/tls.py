"""Reads recorded TLS 1.2 and 1.3 connections whose session secrets are known (NSS key log). Decrypts, never connects.

Suites: AES-CBC with SHA-1, SHA-256 or SHA-384 (also encrypt-then-MAC), AES-GCM and ChaCha20-Poly1305: what ISO 15118-2
and -20 prescribe and what benches use instead. Everything is bounded by the lengths TLS itself allows.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from traces.tcp import Chunk

MAX_RECORD = 16384 + 2048
MAX_HANDSHAKE = 1 << 18
"""Longest handshake message that is put together, bytes: chains with OCSP responses stay far below."""

_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION = 20, 21, 22, 23
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE, _CERTIFICATE_REQUEST = 1, 2, 11, 13
_FINISHED, _KEY_UPDATE = 20, 24
_SUPPORTED_VERSIONS, _ENCRYPT_THEN_MAC = 43, 22
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The server random by which a HelloRetryRequest is told from a ServerHello."""

VERSIONS = {0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}

_ALERTS = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure",
    42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
    46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
    51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
    86: "inappropriate_fallback", 90: "user_canceled", 109: "missing_extension", 110: "unsupported_extension",
    112: "unrecognized_name", 113: "bad_certificate_status_response", 116: "certificate_required",
    120: "no_application_protocol",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite: ``mode`` cbc, gcm or chacha, length of the key, of the MAC (cbc), and the hash of MAC or PRF."""

    name: str
    mode: str
    key: int
    mac: str
    prf: str = "sha256"


SUITES = {
    0xC009: Suite("ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "cbc", 16, "sha1"),
    0xC00A: Suite("ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "cbc", 32, "sha1"),
    0xC013: Suite("ECDHE_RSA_WITH_AES_128_CBC_SHA", "cbc", 16, "sha1"),
    0xC014: Suite("ECDHE_RSA_WITH_AES_256_CBC_SHA", "cbc", 32, "sha1"),
    0xC023: Suite("ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "cbc", 16, "sha256"),
    0xC024: Suite("ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "cbc", 32, "sha384", "sha384"),
    0xC025: Suite("ECDH_ECDSA_WITH_AES_128_CBC_SHA256", "cbc", 16, "sha256"),
    0xC027: Suite("ECDHE_RSA_WITH_AES_128_CBC_SHA256", "cbc", 16, "sha256"),
    0xC02B: Suite("ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "gcm", 16, ""),
    0xC02C: Suite("ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "gcm", 32, "", "sha384"),
    0xC02F: Suite("ECDHE_RSA_WITH_AES_128_GCM_SHA256", "gcm", 16, ""),
    0xC030: Suite("ECDHE_RSA_WITH_AES_256_GCM_SHA384", "gcm", 32, "", "sha384"),
    0xCCA8: Suite("ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "chacha", 32, ""),
    0xCCA9: Suite("ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "chacha", 32, ""),
    0x1301: Suite("AES_128_GCM_SHA256", "gcm", 16, ""),
    0x1302: Suite("AES_256_GCM_SHA384", "gcm", 32, "", "sha384"),
    0x1303: Suite("CHACHA20_POLY1305_SHA256", "chacha", 32, ""),
}
"""By the number of the ServerHello."""


class KeyLog:
    """Session secrets by label and client random, out of NSS key log text."""

    def __init__(self) -> None:
        self._secrets: dict[tuple[str, bytes], bytes] = {}

    def __len__(self) -> int:
        return len(self._secrets)

    def add(self, text: bytes) -> int:
        """Takes the lines that are secrets and ignores others; returns how many there were."""
        count = 0
        for line in text.splitlines():
            words = line.split()
            if len(words) != 3:
                continue
            try:
                label, random, secret = words[0].decode("ascii"), bytes.fromhex(words[1].decode("ascii")), words[2]
                if len(random) == 32:
                    self._secrets[label, random] = bytes.fromhex(secret.decode("ascii"))
                    count += 1
            except ValueError:
                continue
        return count

    def get(self, label: str, random: bytes) -> bytes | None:
        return self._secrets.get((label, random))

    def lines(self) -> bytes:
        """As a key log again."""
        return "".join(f"{label} {random.hex()} {s.hex()}\n" for (label, random), s in self._secrets.items()).encode()


@dataclass(frozen=True, slots=True)
class Happening:
    """Something in a TLS connection: a hello by its name, ``certificates``, ``data``, ``alert``, ``remark``.

    Attributes:
        from_client: whose.
        data: application bytes, or certificates one behind the other (DER).
        note: in words.
        packet, ns: number and time of the packet that completed it.
    """

    name: str
    from_client: bool
    packet: int
    ns: int
    data: bytes = b""
    note: str = ""


class _Broken(Exception):
    """The records of a direction make no sense any more."""


Opener = Callable[[int, int, bytes], bytes]
"""Record type, length field aside: (type, version, fragment) -> plaintext."""


@dataclass
class _Side:
    """One direction."""

    buffer: bytearray = field(default_factory=bytearray)
    handshake: bytearray = field(default_factory=bytearray)
    open: Any = None
    sealed: bool = False
    dead: bool = False


class Connection:
    """One TLS connection, fed with what either side sent, in order of time.

    Attributes:
        version, suite: in words, once the ServerHello was seen.
        opaque: bytes of application data that could not be decrypted.
    """

    def __init__(self, keys: KeyLog) -> None:
        self._keys = keys
        self._client, self._server = _Side(), _Side()
        self._client_random = self._server_random = b""
        self._suite: Suite | None = None
        self._etm = False
        self._tls13 = False
        self._complained = False
        self.version = self.suite = ""
        self.opaque = 0

    def feed(self, chunk: Chunk, from_client: bool) -> Iterator[Happening]:
        """What follows from further bytes of one side."""
        side = self._client if from_client else self._server
        if side.dead:
            return
        if chunk.lost:
            side.dead = True
            yield self._remark(chunk, from_client, f"{chunk.lost} bytes are missing in the capture; the rest of this"
                               " direction cannot be decrypted")  # fmt: skip
            return
        side.buffer += chunk.data
        while len(side.buffer) >= 5 and not side.dead:
            kind, version, length = struct.unpack_from("!BHH", side.buffer)
            if length > MAX_RECORD or version >> 8 != 3 or not _CHANGE_CIPHER_SPEC <= kind <= 24:
                side.dead = True
                yield self._remark(chunk, from_client, f"no TLS record: {bytes(side.buffer[:5]).hex(' ')}")
                return
            if len(side.buffer) < 5 + length:
                return
            fragment = bytes(side.buffer[5 : 5 + length])
            del side.buffer[: 5 + length]
            try:
                yield from self._record(kind, version, fragment, side, from_client, chunk)
            except (_Broken, struct.error, IndexError) as why:
                side.dead = True
                yield self._remark(chunk, from_client, f"the rest of this direction cannot be read: {why}")

    def _remark(self, chunk: Chunk, from_client: bool, text: str) -> Happening:
        return Happening("remark", from_client, chunk.packet, chunk.ns, note=text)

    def _record(
        self, kind: int, version: int, fragment: bytes, side: _Side, from_client: bool, chunk: Chunk
    ) -> Iterator[Happening]:
        if kind == _CHANGE_CIPHER_SPEC:
            if not self._tls13:
                side.sealed = True
                side.open = self._opener12(from_client)
            return
        if side.sealed and not (self._tls13 and kind == _ALERT):
            if side.open is None:
                self.opaque += len(fragment) if kind == _APPLICATION else 0
                if not self._complained:
                    self._complained = True
                    yield self._remark(chunk, from_client, self._why_opaque())
                return
            fragment = side.open(kind, version, fragment)
            if self._tls13:
                stripped = fragment.rstrip(b"\0")
                if not stripped:
                    raise _Broken("a record without content")
                kind, fragment = stripped[-1], stripped[:-1]
        if kind == _APPLICATION:
            if fragment:
                yield Happening("data", from_client, chunk.packet, chunk.ns, fragment)
        elif kind == _ALERT and len(fragment) == 2:
            level = "fatal" if fragment[0] == 2 and fragment[1] else "warning"
            text = f"{level} {_ALERTS.get(fragment[1], str(fragment[1]))}"
            yield Happening("alert", from_client, chunk.packet, chunk.ns, fragment, text)
        elif kind == _HANDSHAKE:
            side.handshake += fragment
            while len(side.handshake) >= 4:
                length = int.from_bytes(side.handshake[1:4], "big")
                if length > MAX_HANDSHAKE:
                    raise _Broken(f"handshake message of {length} bytes")
                if len(side.handshake) < 4 + length:
                    return
                body = bytes(side.handshake[4 : 4 + length])
                name = side.handshake[0]
                del side.handshake[: 4 + length]
                yield from self._handshake(name, body, side, from_client, chunk)

    def _why_opaque(self) -> str:
        if self._suite is None:
            return f"encrypted with {self.suite or 'an unknown suite'}, which is not read"
        return "encrypted, and no session secrets: give a key log (--key-log FILE)"

    # -- handshake ------------------------------------------------------------------------------------------------

    def _handshake(self, kind: int, body: bytes, side: _Side, from_client: bool, chunk: Chunk) -> Iterator[Happening]:
        def happening(name: str, data: bytes = b"", note: str = "") -> Happening:
            return Happening(name, from_client, chunk.packet, chunk.ns, data, note)

        if kind == _CLIENT_HELLO and from_client:
            self._client_random = body[2:34]
            yield happening("ClientHello", note=_offered(body))
        elif kind == _SERVER_HELLO and not from_client:
            if body[2:34] == _RETRY:
                yield happening("HelloRetryRequest")
                return
            self._server_hello(body)
            yield happening("ServerHello", note=f"{self.version}, {self.suite}")
        elif kind == _CERTIFICATE:
            chain = _certificates(body, self._tls13)
            note = "; ".join(subject(certificate) for certificate in chain) or "none"
            yield happening("certificates", b"".join(chain), note)
        elif kind == _CERTIFICATE_REQUEST and not from_client:
            yield happening("CertificateRequest")
        elif kind == _FINISHED and self._tls13:
            side.open = self._opener13("CLIENT_TRAFFIC_SECRET_0" if from_client else "SERVER_TRAFFIC_SECRET_0")
        elif kind == _KEY_UPDATE and self._tls13 and isinstance(side.open, _Opener13):
            side.open = side.open.updated()

    def _server_hello(self, body: bytes) -> None:
        self._server_random = body[2:34]
        version = int.from_bytes(body[0:2], "big")
        at = 35 + body[34]
        number = int.from_bytes(body[at : at + 2], "big")
        for code, value in _extensions(body[at + 3 :]):
            if code == _SUPPORTED_VERSIONS:
                version = int.from_bytes(value[:2], "big")
            elif code == _ENCRYPT_THEN_MAC:
                self._etm = True
        self.version = VERSIONS.get(version, f"version 0x{version:04x}")
        self._suite = SUITES.get(number)
        self.suite = f"TLS_{self._suite.name}" if self._suite else f"cipher suite 0x{number:04x}"
        self._tls13 = version == 0x0304
        if self._tls13:
            self._server.sealed = self._client.sealed = True
            self._server.open = self._opener13("SERVER_HANDSHAKE_TRAFFIC_SECRET")
            self._client.open = self._opener13("CLIENT_HANDSHAKE_TRAFFIC_SECRET")

    def _opener12(self, from_client: bool) -> Opener | None:
        master = self._keys.get("CLIENT_RANDOM", self._client_random)
        suite = self._suite
        if master is None or suite is None or self.version != "TLS 1.2":
            return None
        mac = hashlib.new(suite.mac).digest_size if suite.mac else 0
        iv = {"cbc": 0, "gcm": 4, "chacha": 12}[suite.mode]
        seed = b"key expansion" + self._server_random + self._client_random
        block = _prf(suite.prf, master, seed, 2 * (mac + suite.key + iv))
        which = 0 if from_client else 1

        def part(start: int, size: int) -> bytes:
            return block[start + which * size : start + (which + 1) * size]

        mac_key, key, fixed = part(0, mac), part(2 * mac, suite.key), part(2 * (mac + suite.key), iv)
        if suite.mode == "cbc":
            return _OpenerCbc(suite, mac_key, key, self._etm)
        return _OpenerAead12(suite, key, fixed)

    def _opener13(self, label: str) -> _Opener13 | None:
        secret = self._keys.get(label, self._client_random)
        return _Opener13(self._suite, secret) if secret is not None and self._suite is not None else None


def _prf(name: str, secret: bytes, seed: bytes, length: int) -> bytes:
    """The pseudo-random function of TLS 1.2 (RFC 5246, 5), label and seed in one."""
    out, a = b"", seed
    while len(out) < length:
        a = hmac.digest(secret, a, name)
        out += hmac.digest(secret, a + seed, name)
    return out[:length]


def _expand_label(name: str, secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label of TLS 1.3 (RFC 8446, 7.1) with an empty context; one or two blocks."""
    full = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes((len(full),)) + full + b"\0"
    out = block = b""
    counter = 1
    while len(out) < length:
        block = hmac.digest(secret, block + info + bytes((counter,)), name)
        out += block
        counter += 1
    return out[:length]


def _aead(suite: Suite, key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

    return AESGCM(key) if suite.mode == "gcm" else ChaCha20Poly1305(key)


def _aead_open(cipher: Any, nonce: bytes, sealed: bytes, extra: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        opened: bytes = cipher.decrypt(nonce, sealed, extra)
    except (InvalidTag, ValueError) as why:
        raise _Broken("a record does not decrypt: the secrets do not fit, or bytes are missing") from why
    return opened


def _masked(iv: bytes, sequence: int) -> bytes:
    return bytes(a ^ b for a, b in zip(iv, sequence.to_bytes(12, "big"), strict=True))


class _OpenerCbc:
    """AES-CBC of TLS 1.2, MAC then encrypt or the reverse (RFC 7366)."""

    def __init__(self, suite: Suite, mac_key: bytes, key: bytes, etm: bool) -> None:
        self._hash, self._mac_key, self._key, self._etm = suite.mac, mac_key, key, etm
        self._sequence = 0

    def __call__(self, kind: int, version: int, fragment: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        size = len(self._mac_key)
        if self._etm:
            fragment, tag = fragment[:-size], fragment[-size:]
            self._verify(kind, version, fragment, tag)
        if len(fragment) < 32 or len(fragment) % 16:
            raise _Broken(f"a CBC record of {len(fragment)} bytes")
        decryptor = Cipher(algorithms.AES(self._key), modes.CBC(fragment[:16])).decryptor()
        plain = decryptor.update(fragment[16:]) + decryptor.finalize()
        padding = plain[-1] + 1
        if padding > len(plain) or plain[-padding:] != bytes((padding - 1,)) * padding:
            raise _Broken("a record does not decrypt: the secrets do not fit, or bytes are missing")
        plain = plain[:-padding]
        if not self._etm:
            if len(plain) < size:
                raise _Broken("a record shorter than its MAC")
            plain, tag = plain[:-size], plain[-size:]
            self._verify(kind, version, plain, tag)
        self._sequence += 1
        return plain

    def _verify(self, kind: int, version: int, content: bytes, tag: bytes) -> None:
        header = struct.pack("!QBHH", self._sequence, kind, version, len(content))
        if not hmac.compare_digest(hmac.digest(self._mac_key, header + content, self._hash), tag):
            raise _Broken("the MAC of a record is wrong: the secrets do not fit, or bytes are missing")


class _OpenerAead12:
    """AES-GCM (RFC 5288) and ChaCha20-Poly1305 (RFC 7905) of TLS 1.2."""

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._cipher, self._iv, self._gcm = _aead(suite, key), iv, suite.mode == "gcm"
        self._sequence = 0

    def __call__(self, kind: int, version: int, fragment: bytes) -> bytes:
        if self._gcm:
            nonce, sealed = self._iv + fragment[:8], fragment[8:]
        else:
            nonce, sealed = _masked(self._iv, self._sequence), fragment
        if len(sealed) < 16:
            raise _Broken(f"a record of {len(fragment)} bytes")
        header = struct.pack("!QBHH", self._sequence, kind, version, len(sealed) - 16)
        self._sequence += 1
        return _aead_open(self._cipher, nonce, sealed, header)


class _Opener13:
    """The record protection of TLS 1.3 (RFC 8446, 5.2)."""

    def __init__(self, suite: Suite, secret: bytes) -> None:
        self._suite, self._secret = suite, secret
        self._cipher = _aead(suite, _expand_label(suite.prf, secret, b"key", suite.key))
        self._iv = _expand_label(suite.prf, secret, b"iv", 12)
        self._sequence = 0

    def __call__(self, kind: int, version: int, fragment: bytes) -> bytes:
        header = struct.pack("!BHH", kind, version, len(fragment))
        nonce = _masked(self._iv, self._sequence)
        self._sequence += 1
        return _aead_open(self._cipher, nonce, fragment, header)

    def updated(self) -> _Opener13:
        """After a KeyUpdate."""
        size = len(self._secret)
        return _Opener13(self._suite, _expand_label(self._suite.prf, self._secret, b"traffic upd", size))


# ---------------------------------------------------------------------------------------------------------------
# What is inside


def _extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    position, end = 2, 2 + int.from_bytes(data[:2], "big")
    while position + 4 <= min(end, len(data)):
        code, length = struct.unpack_from("!HH", data, position)
        yield code, data[position + 4 : position + 4 + length]
        position += 4 + length


def _offered(body: bytes) -> str:
    """Versions and suites of a ClientHello."""
    at = 35 + body[34]
    count = int.from_bytes(body[at : at + 2], "big")
    numbers = [int.from_bytes(body[i : i + 2], "big") for i in range(at + 2, min(at + 2 + count, len(body) - 1), 2)]
    at += 2 + count
    at += 1 + body[at]
    versions = [int.from_bytes(body[0:2], "big")]
    for code, value in _extensions(body[at:]):
        if code == _SUPPORTED_VERSIONS:
            versions = [int.from_bytes(value[i : i + 2], "big") for i in range(1, len(value) - 1, 2)]
    names = [f"TLS_{SUITES[n].name}" if n in SUITES else f"0x{n:04x}" for n in numbers if n != 0x00FF]
    return f"{', '.join(VERSIONS.get(v, f'0x{v:04x}') for v in versions)}; {', '.join(names)}"


def _certificates(body: bytes, tls13: bool) -> list[bytes]:
    """The certificates (DER) of a Certificate message."""
    position = 1 + body[0] if tls13 else 0
    end = min(position + 3 + int.from_bytes(body[position : position + 3], "big"), len(body))
    position += 3
    chain: list[bytes] = []
    while position + 3 <= end and len(chain) < 32:
        length = int.from_bytes(body[position : position + 3], "big")
        chain.append(body[position + 3 : position + 3 + length])
        position += 3 + length
        if tls13:
            position += 2 + int.from_bytes(body[position : position + 2], "big")
    return chain


def subject(der: bytes) -> str:
    """The subject of a certificate, or why it has none."""
    import warnings

    from cryptography import x509

    try:
        with warnings.catch_warnings(
            action="ignore"
        ):  # test certificates break rules that this one field does not need
            return x509.load_der_x509_certificate(der).subject.rfc4514_string()
    except ValueError as why:
        return f"unreadable certificate ({str(why).splitlines()[0]})"


def split_der(data: bytes) -> Iterator[bytes]:
    """The DER structures that stand one behind the other; stops where there is none."""
    while len(data) > 2 and data[0] == 0x30:
        size, head = data[1], 2
        if size & 0x80:
            count = size & 0x7F
            if not 1 <= count <= 3:
                return
            size, head = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
        if len(data) < head + size:
            return
        yield data[: head + size]
        data = data[head + size :]
