"""Reads recorded TLS 1.2 and 1.3 connections whose session secrets are known (NSS key log). Decrypts, never connects.

Suites: AES-CBC with SHA-1, SHA-256 or SHA-384 (also encrypt-then-MAC), AES-GCM and ChaCha20-Poly1305: what ISO 15118-2
and -20 prescribe and what benches use instead. Everything is bounded by the lengths TLS itself allows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pki import loading
from plugfest.traces.keylog import KeyLog
from plugfest.traces.tcp import Chunk
from plugfest.traces.tls_records import SUITES, Broken, Opener, Opener13, Suite, opener12
from v2g.tls.tables import ALERTS, TLS12, TLS13, version_name

MAX_RECORD = 16384 + 2048
MAX_HANDSHAKE = 1 << 18
"""Longest handshake message that is assembled, bytes: chains with OCSP responses stay far below."""

_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION = 20, 21, 22, 23
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE, _CERTIFICATE_REQUEST = 1, 2, 11, 13
_FINISHED, _KEY_UPDATE = 20, 24
_SUPPORTED_VERSIONS, _ENCRYPT_THEN_MAC = 43, 22
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The server random that distinguishes a HelloRetryRequest from a ServerHello."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something in a TLS connection: a hello by its name, ``certificates``, ``data``, ``alert``, ``remark``.

    Attributes:
        from_client: whether the client sent it. data: application bytes, or consecutive certificates (DER).
        note: in words.
        packet, ns: number and time of the packet that completed it.
    """

    name: str
    from_client: bool
    packet: int
    ns: int
    data: bytes = b""
    note: str = ""


@dataclass
class _Side:
    """One direction."""

    buffer: bytearray = field(default_factory=bytearray)
    handshake: bytearray = field(default_factory=bytearray)
    open: Any = None
    sealed: bool = False
    dead: bool = False


_OVER = 3
"""Number of turns of encrypted records, the vehicle's first, that only a finished TLS 1.3 handshake reaches."""
_SEALED_ALERT = 2 + 1 + 16
"""Size of a TLS 1.3 alert in its record, bytes."""


class Connection:
    """One TLS connection; takes what either side sent, in order of time.

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
        self._version = 0
        self._tls13 = False
        self._complained = False
        self._turns = 0
        self.version = self.suite = ""
        self.opaque = 0

    def feed(self, chunk: Chunk, from_client: bool) -> Iterator[Happening]:
        """The events that follow from further bytes of one side."""
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
                yield self._remark(chunk, from_client, f"not a TLS record: {bytes(side.buffer[:5]).hex(' ')}")
                return
            if len(side.buffer) < 5 + length:
                return
            fragment = bytes(side.buffer[5 : 5 + length])
            del side.buffer[: 5 + length]
            try:
                yield from self._record(kind, version, fragment, side, from_client, chunk)
            except (Broken, struct.error, IndexError) as why:
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
                if self._turns < _OVER and self._is_over(kind, fragment, from_client):
                    yield Happening("encrypted", from_client, chunk.packet, chunk.ns, note="the handshake is over")
                return
            fragment = side.open(kind, version, fragment)
            if self._tls13:
                stripped = fragment.rstrip(b"\0")
                if not stripped:
                    raise Broken("a record without content")
                kind, fragment = stripped[-1], stripped[:-1]
        if kind == _APPLICATION:
            if fragment:
                yield Happening("data", from_client, chunk.packet, chunk.ns, fragment)
        elif kind == _ALERT and len(fragment) == 2:
            level = "fatal" if fragment[0] == 2 and fragment[1] else "warning"
            text = f"{level} {ALERTS[fragment[1]].name if fragment[1] in ALERTS else fragment[1]}"
            yield Happening("alert", from_client, chunk.packet, chunk.ns, fragment, text)
        elif kind == _HANDSHAKE:
            side.handshake += fragment
            while len(side.handshake) >= 4:
                length = int.from_bytes(side.handshake[1:4], "big")
                if length > MAX_HANDSHAKE:
                    raise Broken(f"handshake message of {length} bytes")
                if len(side.handshake) < 4 + length:
                    return
                body = bytes(side.handshake[4 : 4 + length])
                name = side.handshake[0]
                del side.handshake[: 4 + length]
                yield from self._handshake(name, body, side, from_client, chunk)

    def _is_over(self, kind: int, fragment: bytes, from_client: bool) -> bool:
        """Whether an unreadable record shows that the handshake is over.

        In TLS 1.3 the handshake looks like application data, and so do its alerts. But a vehicle that sends more than
        an alert after an answer to its previous data has finished it.
        """
        if not self._tls13:
            self._turns = _OVER if kind == _APPLICATION else 0
        elif kind == _APPLICATION and from_client == (self._turns % 2 == 0):
            self._turns += 1 if self._turns < _OVER - 1 or len(fragment) > _SEALED_ALERT else 0
        return self._turns == _OVER

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
        elif kind == _KEY_UPDATE and self._tls13 and isinstance(side.open, Opener13):
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
        self.version = version_name(version)
        self._suite = SUITES.get(number)
        self.suite = f"TLS_{self._suite.name}" if self._suite else f"cipher suite 0x{number:04x}"
        self._version = version
        self._tls13 = version == TLS13
        if self._tls13:
            self._server.sealed = self._client.sealed = True
            self._server.open = self._opener13("SERVER_HANDSHAKE_TRAFFIC_SECRET")
            self._client.open = self._opener13("CLIENT_HANDSHAKE_TRAFFIC_SECRET")

    def _opener12(self, from_client: bool) -> Opener | None:
        master = self._keys.get("CLIENT_RANDOM", self._client_random)
        suite = self._suite
        if master is None or suite is None or self._version != TLS12:
            return None
        return opener12(suite, master, self._client_random, self._server_random, etm=self._etm, client=from_client)

    def _opener13(self, label: str) -> Opener13 | None:
        secret = self._keys.get(label, self._client_random)
        return Opener13(self._suite, secret) if secret is not None and self._suite is not None else None


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
    return f"{', '.join(map(version_name, versions))}; {', '.join(names)}"


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


def chain_of(message: bytes) -> list[bytes]:
    """The certificates (DER) of a complete Certificate message of TLS 1.2 or 1.3; none if it is something else."""
    body = message[4:]
    if len(body) < 3:
        return []
    if 3 + int.from_bytes(body[:3], "big") == len(body):
        return _certificates(body, tls13=False)
    context = 1 + body[0]
    if context + 3 + int.from_bytes(body[context : context + 3], "big") == len(body):
        return _certificates(body, tls13=True)
    return []


def subject(der: bytes) -> str:
    """The subject of a certificate, or why it has none."""
    try:
        return loading.certificate(der).subject.rfc4514_string()
    except loading.Unreadable as why:
        return f"a certificate that cannot be used ({why.defect})"


def split_der(data: bytes) -> Iterator[bytes]:
    """The consecutive DER structures; stops where there is none."""
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
