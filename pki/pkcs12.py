"""Reproducible PKCS#12 containers (RFC 7292): salts derive from the private key, not from random numbers.

Certificates are not encrypted, the key is (PBES2: PBKDF2 with HMAC-SHA-256, AES-256-CBC), and a MAC (HMAC-SHA-256)
covers it all. A salt need not be secret, only different for each key; an HMAC under the key itself ensures that.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from pki.keys import PrivateKey, certifying

ITERATIONS = 2048
"""Rounds of both key derivations, OpenSSL's default."""

_DATA, _KEY_BAG, _CERT_BAG = "1.2.840.113549.1.7.1", "1.2.840.113549.1.12.10.1.2", "1.2.840.113549.1.12.10.1.3"
_X509, _FRIENDLY, _LOCAL_ID = "1.2.840.113549.1.9.22.1", "1.2.840.113549.1.9.20", "1.2.840.113549.1.9.21"
_PBES2, _PBKDF2, _HMAC_SHA256 = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12", "1.2.840.113549.2.9"
_AES256_CBC, _SHA256 = "2.16.840.1.101.3.4.1.42", "2.16.840.1.101.3.4.2.1"


def container(
    name: str, key: PrivateKey, certificate: x509.Certificate, more: Sequence[x509.Certificate], password: str
) -> bytes:
    """A container with a key, its certificate and the sub-CAs.

    Args:
        name: the friendly name of key and certificate.
        more: sub-CAs, the certificate's issuer first.
        password: password of key and MAC; may be empty.
    """
    plain = certifying(key).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    def salt(what: str, octets: int) -> bytes:
        return hmac.digest(plain, f"plugfest pkcs12 {what}".encode(), hashlib.sha512)[:octets]

    label = _attributes(name, certificate)
    safe = _sequence(_bag(_KEY_BAG, _shrouded(plain, password, salt("key", 16), salt("iv", 16)), label))
    certs = _sequence(_cert(certificate, label), *(_cert(c, b"") for c in more))
    content = _sequence(_content(certs), _content(safe))
    mac_salt = salt("mac", 16)
    mac_key = _derive_mac(password, mac_salt, ITERATIONS)
    digest = _sequence(_sequence(_oid(_SHA256), _NULL), _octets(hmac.digest(mac_key, content, hashlib.sha256)))
    return _sequence(_integer(3), _content(content), _sequence(digest, _octets(mac_salt), _integer(ITERATIONS)))


def _shrouded(plain: bytes, password: str, salt: bytes, iv: bytes) -> bytes:
    """EncryptedPrivateKeyInfo (RFC 5958) with PBES2."""
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS, 32)
    padding = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).encryptor()
    ciphertext = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
    derivation = _sequence(_octets(salt), _integer(ITERATIONS), _integer(32), _sequence(_oid(_HMAC_SHA256), _NULL))
    scheme = _sequence(_sequence(_oid(_PBKDF2), derivation), _sequence(_oid(_AES256_CBC), _octets(iv)))
    return _sequence(_sequence(_oid(_PBES2), scheme), _octets(ciphertext))


def _derive_mac(password: str, salt: bytes, rounds: int) -> bytes:
    """RFC 7292 B.2 for HMAC-SHA-256: id 3, 32 octets, so one block is enough."""
    block = 64  # v of SHA-256
    text = password.encode("utf-16-be") + b"\0\0"

    def fill(data: bytes) -> bytes:
        """The data repeated to a multiple of the block size."""
        size = block * -(-len(data) // block)
        return (data * (size // len(data) + 1))[:size]

    data = b"\x03" * block + fill(salt) + fill(text)
    for _ in range(rounds):
        data = hashlib.sha256(data).digest()
    return data


# ---------------------------------------------------------------------------------------------------------------
# DER


def _tlv(tag: int, data: bytes) -> bytes:
    size = len(data)
    if size < 0x80:
        return bytes([tag, size]) + data
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + data


def _sequence(*parts: bytes) -> bytes:
    return _tlv(0x30, b"".join(parts))


def _set(*parts: bytes) -> bytes:
    return _tlv(0x31, b"".join(sorted(parts)))  # DER orders the elements of a SET OF


def _octets(data: bytes) -> bytes:
    return _tlv(0x04, data)


def _integer(number: int) -> bytes:
    return _tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


_NULL = b"\x05\x00"


def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    data = bytearray()
    for arc in (first * 40 + second, *rest):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(arc & 0x7F | 0x80)
        data += bytes(reversed(digits))
    return _tlv(0x06, bytes(data))


def _content(data: bytes) -> bytes:
    """ContentInfo of kind data."""
    return _sequence(_oid(_DATA), _tlv(0xA0, _octets(data)))


def _bag(kind: str, value: bytes, attributes: bytes) -> bytes:
    return _sequence(_oid(kind), _tlv(0xA0, value), attributes)


def _cert(certificate: x509.Certificate, attributes: bytes) -> bytes:
    der = certificate.public_bytes(serialization.Encoding.DER)
    return _bag(_CERT_BAG, _sequence(_oid(_X509), _tlv(0xA0, _octets(der))), attributes)


def _attributes(name: str, certificate: x509.Certificate) -> bytes:
    """The friendly name, and the id by which programs find a key's certificate."""
    friendly = _sequence(_oid(_FRIENDLY), _set(_tlv(0x1E, name.encode("utf-16-be"))))
    identity = hashlib.sha1(certificate.public_bytes(serialization.Encoding.DER), usedforsecurity=False).digest()
    return _set(friendly, _sequence(_oid(_LOCAL_ID), _set(_octets(identity))))
