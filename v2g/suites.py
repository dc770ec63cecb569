"""The algorithms of V2G signatures: which belong together, and the raw signature over a byte string.

The value of an ECDSA signature is r followed by s, each as wide as the curve; Ed448 uses EdDSA's own format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, ed448

    from pki.scalars import Ed448Scalar

    PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | Ed448Scalar
    PublicKey: TypeAlias = ec.EllipticCurvePublicKey | ed448.Ed448PublicKey


@dataclass(frozen=True, slots=True)
class Suite:
    """Algorithms that belong together.

    Attributes:
        name: in words.
        signature, digest: their URIs.
        curve: its name in the cryptography library.
        length: bytes of a SignatureValue.
        hash: name in ``hashlib`` of the hash for the digests, and in ECDSA also for the signature.
        also: another accepted digest: its URI and its name in ``hashlib``.
    """

    name: str
    signature: str
    digest: str
    curve: str
    length: int
    hash: str
    also: tuple[str, str] | None = None

    @property
    def digests(self) -> tuple[str, ...]:
        """URIs of the digests that a Reference may use, our own first."""
        return (self.digest, self.also[0]) if self.also else (self.digest,)


P256 = Suite(
    "ecdsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "secp256r1",
    64,
    "sha256",
)
P521 = Suite(
    "ecdsa-sha512",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
    "http://www.w3.org/2001/04/xmlenc#sha512",
    "secp521r1",
    132,
    "sha512",
)
ED448 = Suite(
    "ed448",
    "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed448",
    "http://www.w3.org/2007/05/xmldsig-more#shake256",
    "ed448",
    114,
    "shake_256",
    (P521.digest, P521.hash),
)
"""The URIs of Ed448 are those of implementations; no recorded session confirms them. Sources disagree about the digest
that belongs to it, so SHA-512 is accepted too."""

SUITES: Mapping[str, tuple[Suite, ...]] = {
    "din70121": (P256,),
    "iso2": (P256,),
    "iso20-common": (P521, ED448, P256),
}
"""Suites that the signatures of a schema set may use. ISO 15118-20 includes P-256 because most test PKIs use it."""


def suite_of(key: PrivateKey | PublicKey | Any) -> Suite | None:
    """The suite for a key, or None if V2G signatures do not use such keys."""
    curve = curve_of(key)
    return next((suite for suite in (P256, P521, ED448) if suite.curve == curve), None)


def curve_of(key: Any) -> str:
    """The name of a key's curve, or the kind of the key."""
    curve = getattr(key, "curve", None)
    name = type(key).__name__.strip("_")
    return str(curve.name) if curve is not None else "ed448" if "Ed448" in name else name


def digest(suite: Suite, data: bytes, method: str | None = None) -> bytes:
    """The DigestValue of a fragment.

    Args:
        method: one of the suite's :attr:`Suite.digests`; by default its own.
    """
    name = suite.also[1] if suite.also is not None and method == suite.also[0] else suite.hash
    return hashlib.shake_256(data).digest(64) if name == "shake_256" else hashlib.new(name, data).digest()


def raw_signature(key: PrivateKey | Any, data: bytes) -> bytes:
    """The SignatureValue over a byte string. It is deterministic (RFC 6979)."""
    from pki import keys

    return keys.sign(key, data)


def holds(key: PublicKey | Any, value: bytes, data: bytes) -> bool:
    """Whether a SignatureValue over a byte string is valid for a public key."""
    from pki import keys

    return keys.verify(key, value, data)


def holds_der(suite: Suite, key: PublicKey | Any, value: bytes, data: bytes) -> bool:
    """Like :func:`holds`, for an ECDSA signature in DER form, which V2G does not use."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    try:
        r, s = decode_dss_signature(value)
    except ValueError:
        return False
    width = suite.length // 2
    return holds(key, r.to_bytes(width, "big") + s.to_bytes(width, "big"), data)
