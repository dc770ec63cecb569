"""The record layer: protection of records in both directions, for each kind of suite.

A cipher seals and opens the records of one direction. ``Plain`` is used before there are keys. CBC is MAC-then-encrypt
with an explicit IV (RFC 5246 6.2.3.2), without protection against timing attacks, because this is a test bench.
"""

from __future__ import annotations

import hmac
import os
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from v2g.tls import crypto
from v2g.tls.failure import Fatal
from v2g.tls.tables import TLS12, TLS13, Suite

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
KINDS = {20: "ChangeCipherSpec", 21: "Alert", 22: "Handshake", 23: "ApplicationData"}
MAX_PLAIN = 1 << 14
MAX_SEALED = MAX_PLAIN + 2048
"""Longest protected record of TLS 1.2, bytes (RFC 5246 6.2.3)."""
MAX_SEALED_13 = MAX_PLAIN + 256
"""The same for TLS 1.3 (RFC 8446 5.2)."""


def _bad() -> Fatal:
    return Fatal("bad_record_mac", "a record from the peer cannot be decrypted: the keys differ, or it was damaged")


class Protection(Protocol):
    """Seals or opens the records of one direction.

    Attributes:
        longest: the most bytes in a record's body.
    """

    longest: int

    def seal(self, kind: int, data: bytes) -> tuple[int, bytes]:
        """The outer kind and the body of the record."""

    def open(self, kind: int, version: int, body: bytes) -> tuple[int, bytes]:
        """The inner kind and the content.

        Raises:
            Fatal: bad_record_mac.
        """


class Plain:
    """No protection, before there are keys."""

    longest = MAX_PLAIN

    def seal(self, kind: int, data: bytes) -> tuple[int, bytes]:
        return kind, data

    def open(self, kind: int, version: int, body: bytes) -> tuple[int, bytes]:
        return kind, body


class Cbc:
    """AES-CBC with HMAC in TLS 1.2."""

    longest = MAX_SEALED

    def __init__(self, suite: Suite, key: bytes, mac_key: bytes) -> None:
        self._algorithm = algorithms.AES(key)
        self._mac_key = mac_key
        self._hash = suite.hash
        self._mac = suite.mac
        self._sequence = 0

    def _mac_of(self, kind: int, version: int, data: bytes) -> bytes:
        head = self._sequence.to_bytes(8, "big") + bytes((kind,)) + version.to_bytes(2, "big")
        return hmac.digest(self._mac_key, head + len(data).to_bytes(2, "big") + data, self._hash)

    def seal(self, kind: int, data: bytes) -> tuple[int, bytes]:
        plain = data + self._mac_of(kind, TLS12, data)
        pad = 15 - len(plain) % 16
        plain += bytes((pad,)) * (pad + 1)
        iv = os.urandom(16)
        encryptor = Cipher(self._algorithm, modes.CBC(iv)).encryptor()
        self._sequence += 1
        return kind, iv + encryptor.update(plain) + encryptor.finalize()

    def open(self, kind: int, version: int, body: bytes) -> tuple[int, bytes]:
        if len(body) % 16 or len(body) < 32 + self._mac:
            raise _bad()
        decryptor = Cipher(self._algorithm, modes.CBC(body[:16])).decryptor()
        plain = decryptor.update(body[16:]) + decryptor.finalize()
        pad = plain[-1]
        end = len(plain) - pad - 1 - self._mac
        if end < 0 or plain[-pad - 1 :] != bytes((pad,)) * (pad + 1):
            raise _bad()
        data, mac = plain[:end], plain[end : end + self._mac]
        if not hmac.compare_digest(mac, self._mac_of(kind, version, data)):
            raise _bad()
        self._sequence += 1
        return kind, data


def _aead(suite: Suite, key: bytes) -> Any:
    return ChaCha20Poly1305(key) if suite.cipher == "chacha" else AESGCM(key)


class Gcm12:
    """AES-GCM in TLS 1.2 (RFC 5288)."""

    longest = MAX_SEALED

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._aead = _aead(suite, key)
        self._iv = iv
        self._sequence = 0

    def _additional(self, kind: int, version: int, length: int) -> bytes:
        head = self._sequence.to_bytes(8, "big") + bytes((kind,)) + version.to_bytes(2, "big")
        return head + length.to_bytes(2, "big")

    def seal(self, kind: int, data: bytes) -> tuple[int, bytes]:
        explicit = self._sequence.to_bytes(8, "big")
        body = self._aead.encrypt(self._iv + explicit, data, self._additional(kind, TLS12, len(data)))
        self._sequence += 1
        return kind, explicit + body

    def open(self, kind: int, version: int, body: bytes) -> tuple[int, bytes]:
        try:
            if len(body) < 24:
                raise InvalidTag
            additional = self._additional(kind, version, len(body) - 24)
            data: bytes = self._aead.decrypt(self._iv + body[:8], body[8:], additional)
        except InvalidTag:
            raise _bad() from None
        self._sequence += 1
        return kind, data


class Aead13:
    """All suites of TLS 1.3."""

    longest = MAX_SEALED_13

    def __init__(self, suite: Suite, secret: bytes) -> None:
        self._suite = suite
        self._secret = secret
        self._start()

    def _start(self) -> None:
        self._aead = _aead(
            self._suite, crypto.expand_label(self._suite.hash, self._secret, "key", b"", self._suite.key)
        )
        self._iv = int.from_bytes(crypto.expand_label(self._suite.hash, self._secret, "iv", b"", 12), "big")
        self._sequence = 0

    def update(self) -> None:
        """Switches to the next generation of keys after a KeyUpdate."""
        self._secret = crypto.expand_label(self._suite.hash, self._secret, "traffic upd", b"", len(self._secret))
        self._start()

    def _nonce(self) -> bytes:
        return (self._iv ^ self._sequence).to_bytes(12, "big")

    def seal(self, kind: int, data: bytes) -> tuple[int, bytes]:
        length = len(data) + 17
        head = bytes((APPLICATION_DATA,)) + TLS12.to_bytes(2, "big") + length.to_bytes(2, "big")
        body = self._aead.encrypt(self._nonce(), data + bytes((kind,)), head)
        self._sequence += 1
        return APPLICATION_DATA, body

    def open(self, kind: int, version: int, body: bytes) -> tuple[int, bytes]:
        if kind != APPLICATION_DATA:
            # Until it has our keys, a peer can only send its alert in plain text.
            if kind == ALERT and self._sequence == 0 and len(body) == 2:
                return kind, body
            name = KINDS.get(kind, str(kind))
            raise Fatal("unexpected_message", f"an unencrypted record ({name}) where it must be encrypted")
        head = bytes((kind,)) + version.to_bytes(2, "big") + len(body).to_bytes(2, "big")
        try:
            plain: bytes = self._aead.decrypt(self._nonce(), body, head)
        except InvalidTag:
            raise _bad() from None
        self._sequence += 1
        if len(plain) > MAX_PLAIN + 1:
            raise Fatal(
                "record_overflow", f"a record of {len(plain)} bytes inside, but at most {MAX_PLAIN + 1} are allowed"
            )
        plain = plain.rstrip(b"\0")
        if not plain:
            raise Fatal("unexpected_message", "a record of padding alone")
        if plain[-1] == CHANGE_CIPHER_SPEC:
            raise Fatal("unexpected_message", "an encrypted ChangeCipherSpec")
        return plain[-1], plain[:-1]


def keys12(suite: Suite, master: bytes, client_random: bytes, server_random: bytes) -> tuple[Protection, Protection]:
    """The protections of the client's and the server's records in TLS 1.2."""
    mac, key, iv = suite.mac, suite.key, suite.iv
    block = crypto.prf(suite.hash, master, b"key expansion", server_random + client_random, 2 * (mac + key + iv))
    parts, at = [], 0
    for length in (mac, mac, key, key, iv, iv):
        parts.append(block[at : at + length])
        at += length
    if suite.cipher == "cbc":
        return Cbc(suite, parts[2], parts[0]), Cbc(suite, parts[3], parts[1])
    return Gcm12(suite, parts[2], parts[4]), Gcm12(suite, parts[3], parts[5])


def record(kind: int, body: bytes, version: int = TLS12) -> bytes:
    """A record with its header."""
    return bytes((kind,)) + version.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


__all__ = [
    "ALERT",
    "APPLICATION_DATA",
    "CHANGE_CIPHER_SPEC",
    "HANDSHAKE",
    "TLS13",
    "Aead13",
    "Plain",
    "Protection",
    "keys12",
    "record",
]
