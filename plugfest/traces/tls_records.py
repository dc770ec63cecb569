"""Decrypts records of TLS 1.2 and 1.3 once the secrets are known: suites, keys, and record protection.

More suites than our own connections use: what ISO 15118-2 and -20 prescribe and what benches use instead.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from v2g.tls import crypto


class Broken(Exception):
    """The records of a direction can no longer be read."""


Opener = Callable[[int, int, bytes], bytes]
"""Record type, length field aside: (type, version, fragment) -> plaintext. Raises Broken."""


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
"""By the number in the ServerHello."""


def opener12(
    suite: Suite, master: bytes, client_random: bytes, server_random: bytes, *, etm: bool, client: bool
) -> Opener:
    """The record protection of one side in TLS 1.2.

    Args:
        etm: encrypt-then-MAC was agreed (RFC 7366).
        client: whether they are the client's records.
    """
    mac = hashlib.new(suite.mac).digest_size if suite.mac else 0
    iv = {"cbc": 0, "gcm": 4, "chacha": 12}[suite.mode]
    size = 2 * (mac + suite.key + iv)
    block = crypto.prf(suite.prf, master, b"key expansion", server_random + client_random, size)
    which = 0 if client else 1

    def part(start: int, size: int) -> bytes:
        return block[start + which * size : start + (which + 1) * size]

    mac_key, key, fixed = part(0, mac), part(2 * mac, suite.key), part(2 * (mac + suite.key), iv)
    return OpenerCbc(suite, mac_key, key, etm) if suite.mode == "cbc" else OpenerAead12(suite, key, fixed)


def _aead(suite: Suite, key: bytes) -> Any:
    return AESGCM(key) if suite.mode == "gcm" else ChaCha20Poly1305(key)


def _aead_open(cipher: Any, nonce: bytes, sealed: bytes, extra: bytes) -> bytes:
    try:
        opened: bytes = cipher.decrypt(nonce, sealed, extra)
    except (InvalidTag, ValueError) as why:
        raise Broken("a record does not decrypt: the secrets do not fit, or bytes are missing") from why
    return opened


def _masked(iv: bytes, sequence: int) -> bytes:
    return bytes(a ^ b for a, b in zip(iv, sequence.to_bytes(12, "big"), strict=True))


class OpenerCbc:
    """AES-CBC of TLS 1.2, MAC then encrypt or the reverse (RFC 7366)."""

    def __init__(self, suite: Suite, mac_key: bytes, key: bytes, etm: bool) -> None:
        self._hash, self._mac_key, self._key, self._etm = suite.mac, mac_key, key, etm
        self._sequence = 0

    def __call__(self, kind: int, version: int, fragment: bytes) -> bytes:
        size = len(self._mac_key)
        if self._etm:
            fragment, tag = fragment[:-size], fragment[-size:]
            self._verify(kind, version, fragment, tag)
        if len(fragment) < 32 or len(fragment) % 16:
            raise Broken(f"a CBC record of {len(fragment)} bytes")
        decryptor = Cipher(algorithms.AES(self._key), modes.CBC(fragment[:16])).decryptor()
        plain = decryptor.update(fragment[16:]) + decryptor.finalize()
        padding = plain[-1] + 1
        if padding > len(plain) or plain[-padding:] != bytes((padding - 1,)) * padding:
            raise Broken("a record does not decrypt: the secrets do not fit, or bytes are missing")
        plain = plain[:-padding]
        if not self._etm:
            if len(plain) < size:
                raise Broken("a record shorter than its MAC")
            plain, tag = plain[:-size], plain[-size:]
            self._verify(kind, version, plain, tag)
        self._sequence += 1
        return plain

    def _verify(self, kind: int, version: int, content: bytes, tag: bytes) -> None:
        header = struct.pack("!QBHH", self._sequence, kind, version, len(content))
        if not hmac.compare_digest(hmac.digest(self._mac_key, header + content, self._hash), tag):
            raise Broken("the MAC of a record is wrong: the secrets do not fit, or bytes are missing")


class OpenerAead12:
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
            raise Broken(f"a record of {len(fragment)} bytes")
        header = struct.pack("!QBHH", self._sequence, kind, version, len(sealed) - 16)
        self._sequence += 1
        return _aead_open(self._cipher, nonce, sealed, header)


class Opener13:
    """The record protection of TLS 1.3 (RFC 8446, 5.2)."""

    def __init__(self, suite: Suite, secret: bytes) -> None:
        self._suite, self._secret = suite, secret
        self._cipher = _aead(suite, crypto.expand_label(suite.prf, secret, "key", b"", suite.key))
        self._iv = crypto.expand_label(suite.prf, secret, "iv", b"", 12)
        self._sequence = 0

    def __call__(self, kind: int, version: int, fragment: bytes) -> bytes:
        header = struct.pack("!BHH", kind, version, len(fragment))
        nonce = _masked(self._iv, self._sequence)
        self._sequence += 1
        return _aead_open(self._cipher, nonce, fragment, header)

    def updated(self) -> Opener13:
        """The protection after a KeyUpdate."""
        secret = crypto.expand_label(self._suite.prf, self._secret, "traffic upd", b"", len(self._secret))
        return Opener13(self._suite, secret)
