"""Key pairs, raw signatures and key files.

A key comes from the operating system's generator, or from a seed: HMAC-SHA-512 of the seed over the key's label,
reduced to the group order (P-256, P-521) or taken as the private octets (Ed448). Anyone who knows the seed knows every
key, so seeds are only for reproducible test PKIs.

Signatures on the wire of ISO 15118 are raw, not DER: r and s at the width of the curve, 32 or 66 octets each; an Ed448
signature has 114 octets.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, x448
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from boundary import write
from pki import framing, loading
from pki.errors import PkiError
from pki.scalars import Ed448Scalar

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | Ed448Scalar
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | ed448.Ed448PublicKey


class Kind(StrEnum):
    """The kinds of key in these PKIs; the value is how engineers write them."""

    P256 = "P-256"
    P384 = "P-384"
    """In no profile: for deliberately invalid certificates."""
    P521 = "P-521"
    ED448 = "Ed448"


_CURVES: dict[Kind, tuple[ec.EllipticCurve, hashes.HashAlgorithm, int, int]] = {
    # kind: curve, hash of its signatures, octets of a scalar, group order
    Kind.P256: (
        ec.SECP256R1(), hashes.SHA256(), 32,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    Kind.P384: (
        ec.SECP384R1(), hashes.SHA384(), 48,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
    Kind.P521: (
        ec.SECP521R1(), hashes.SHA512(), 66,
        (1 << 521) - (1 << 256) * 6 + 0x51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
    ),
}  # fmt: skip


def kind(key: object) -> Kind | None:
    """The kind of a private or public key; None for kinds that no profile uses (RSA, other curves)."""
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return next((k for k, row in _CURVES.items() if row[0].name == key.curve.name), None)
    if isinstance(key, ed448.Ed448PrivateKey | ed448.Ed448PublicKey | Ed448Scalar):
        return Kind.ED448
    return None


def describe(key: object) -> str:
    """The usual name for a key of any kind."""
    if (known := kind(key)) is not None:
        return known.value
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return key.curve.name
    size = getattr(key, "key_size", None)
    name = type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey").lstrip("_").upper()
    return f"{name}-{size}" if size else name


def curve(which: Kind) -> ec.EllipticCurve:
    """The curve of an ECDSA kind."""
    return _CURVES[which][0]


def order(which: Kind) -> int:
    """The group order n of an ECDSA kind; private scalars are 0 < d < n."""
    return _CURVES[which][3]


def width(which: Kind) -> int:
    """Octets of a scalar or coordinate of an ECDSA kind."""
    return _CURVES[which][2]


def hash_of(key: object) -> hashes.HashAlgorithm | None:
    """The hash that goes with a key's signatures; None for Ed448, which takes the data itself."""
    known = kind(key)
    return None if known is None or known is Kind.ED448 else _CURVES[known][1]


def generate(which: Kind) -> PrivateKey:
    """A new key from the operating system's generator."""
    return ed448.Ed448PrivateKey.generate() if which is Kind.ED448 else ec.generate_private_key(curve(which))


def stream(seed: bytes, label: str, octets: int) -> bytes:
    """Pseudo-random octets that depend only on seed and label."""
    data = b""
    while len(data) < octets:
        data += hmac.digest(seed, f"{label}/{len(data) // 64}".encode(), hashlib.sha512)
    return data[:octets]


def derive(which: Kind, seed: bytes, label: str) -> PrivateKey:
    """The key of a label under a seed; the same arguments give the same key."""
    if which is Kind.ED448:
        return ed448.Ed448PrivateKey.from_private_bytes(stream(seed, label, 57))
    # 16 octets more than the order has: the bias is negligible, and the result never out of range
    number = int.from_bytes(stream(seed, label, width(which) + 16), "big")
    return ec.derive_private_key(number % (order(which) - 1) + 1, curve(which))


def scalar(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The private scalar, big-endian at the width of the curve."""
    return key.private_numbers().private_value.to_bytes(_width(key), "big")


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """The public point, uncompressed: ``04``, X, Y."""
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _width(key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> int:
    return (key.curve.key_size + 7) // 8


def certifying(key: PrivateKey) -> ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey:
    """Checks that a key can sign certificates and the like, and can be exported.

    Raises:
        PkiError: only its scalar is known.
    """
    if isinstance(key, Ed448Scalar):
        raise PkiError("only the scalar of this Ed448 key is known; it can sign messages, but nothing else")
    return key


# ---------------------------------------------------------------------------------------------------------------
# Signatures


def sign(key: PrivateKey, data: bytes, *, deterministic: bool = True) -> bytes:
    """Signs octets in the form that ISO 15118 sends: r, then s at fixed width, or the 114 octets of Ed448.

    Args:
        key: P-256 signs with SHA-256, P-521 with SHA-512.
        data: the octets to sign, not hashed.
        deterministic: use RFC 6979 nonces, so that runs repeat; random ones otherwise.

    Raises:
        PkiError: the key is on a curve that ISO 15118 does not sign with.
    """
    if isinstance(key, ed448.Ed448PrivateKey | Ed448Scalar):
        return key.sign(data)
    algorithm = hash_of(key)
    if algorithm is None:
        raise PkiError(f"cannot sign with a key on {describe(key)}")
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(algorithm, deterministic_signing=deterministic)))
    return r.to_bytes(_width(key), "big") + s.to_bytes(_width(key), "big")


def verify(key: object, signature: bytes, data: bytes) -> bool:
    """Whether a raw signature over the octets was made with the private key that belongs to ``key``."""
    try:
        if isinstance(key, ed448.Ed448PublicKey):
            key.verify(signature, data)
            return True
        algorithm = hash_of(key)
        if not isinstance(key, ec.EllipticCurvePublicKey) or algorithm is None:
            return False
        half = _width(key)
        if len(signature) != 2 * half:
            return False
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True


def verify_der(key: object, signature: bytes, data: bytes, algorithm: hashes.HashAlgorithm | None) -> bool:
    """Whether a signature in X.509 form (ECDSA in DER) matches; ``algorithm`` is ignored for Ed448."""
    try:
        if isinstance(key, ed448.Ed448PublicKey):
            key.verify(signature, data)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(signature, data, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def same(one: PublicKeyTypes, other: PublicKeyTypes) -> bool:
    """Whether two public keys are the same key."""
    return spki(one) == spki(other)


def spki(key: PublicKeyTypes) -> bytes:
    """A public key of any kind as SubjectPublicKeyInfo in DER."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


# ---------------------------------------------------------------------------------------------------------------
# Files


def private_pem(key: PrivateKey, password: str | None = None) -> bytes:
    """PKCS#8 in PEM, encrypted if a password is given."""
    if isinstance(key, Ed448Scalar):
        return key.private_pem()
    protection = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def load(path: Path, password: str | None = None, public: PublicKeyTypes | None = None) -> PrivateKey:
    """The private key in a PEM or DER file.

    Args:
        public: the certificate's public key, if known: an X448 key is then the scalar of an Ed448 one.

    Raises:
        PkiError: the file cannot be read, needs a password (or another one), or holds no key of a supported kind.
    """
    return parse(framing.read(path), path, password, public)


def parse(data: bytes, path: Path, password: str | None = None, public: PublicKeyTypes | None = None) -> PrivateKey:
    """Like :func:`load`, from the octets of the file.

    Raises:
        PkiError: it holds no private key, its password is missing or wrong, or the key is of another kind.
    """
    key = loading.private_key(data, str(path), password)
    if isinstance(key, x448.X448PrivateKey):
        if not isinstance(public, ed448.Ed448PublicKey):
            raise PkiError(f"{path}: a key of kind X448, where P-256, P-521 or Ed448 is needed")
        return Ed448Scalar(key.private_bytes_raw(), public)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raise PkiError(f"{path}: a key of kind Ed25519, where P-256, P-521 or Ed448 is needed")
    return key


def write_private(path: Path, data: bytes) -> None:
    """Writes a secret so that only its owner can read it (0600), replacing a file of that name."""
    write.write(path, data)
