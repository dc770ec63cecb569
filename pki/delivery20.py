"""The contract key on its way to the vehicle, ISO 15118-20: SECP521 and X448, with a setting for each unknown.

One-pass ephemeral-static ECDH as in -2 (:mod:`pki.delivery`), then AES-256-GCM:

========  ==========================================================  ===============================================
          SECP521                                                     X448
========  ==========================================================  ===============================================
receiver  provisioning key on P-521 [V2G20-2487]                      the X448 key that belongs to its Ed448 key
public    ``04`` | X 66 | Y 66: 133 octets [V2G20-2489]               56 octets [V2G20-2495]
secret    private scalar, 66 octets, 7 zero bits first [V2G20-2498]   56 octets
field     IV 12 | ciphertext 66 | tag 16: 94 octets [V2G20-2499]      IV 12 | ciphertext 56 | tag 16: 84 [V2G20-2502]
AAD       PCID | key identifier of the new contract, upper-case hexadecimal [V2G20-2492]
========  ==========================================================  ===============================================

**Not established from public sources**, so set in :class:`pki.sealing.Scheme`: the key derivation, whether all
implementations use the AAD, and how 56 octets hold an Ed448 key, whose private form has 57. Two stacks never tested
against each other differ here. We claim no conformance for this part.

An Ed448 certificate key cannot do ECDH by itself; RFC 7748 4.2 maps it to its X448 key, which both sides can compute.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x448
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pki import keys
from pki.authority import key_id
from pki.delivery import DeliveryError
from pki.errors import PkiError
from pki.keys import Kind, PrivateKey
from pki.names import plain
from pki.scalars import Ed448Scalar
from pki.sealing import BENCH as BENCH
from pki.sealing import LIKE_ISO2 as LIKE_ISO2
from pki.sealing import PLAIN as PLAIN
from pki.sealing import SCHEMES as SCHEMES
from pki.sealing import Scheme as Scheme
from pki.store import common_name

Curve: TypeAlias = Literal["SECP521", "X448"]
"""ECDHCurve of the message."""


@dataclass(frozen=True)
class Sealed:
    """A contract key in transit.

    Attributes:
        curve: ECDHCurve.
        public_key: DHPublicKey.
        encrypted_private_key: SECP521_EncryptedPrivateKey or X448_EncryptedPrivateKey.
    """

    curve: Curve
    public_key: bytes
    encrypted_private_key: bytes


def seal(
    contract_key: PrivateKey,
    contract: x509.Certificate,
    receiver: x509.Certificate,
    *,
    scheme: Scheme = LIKE_ISO2,
    ephemeral: ec.EllipticCurvePrivateKey | x448.X448PrivateKey | None = None,
    iv: bytes | None = None,
) -> Sealed:
    """Seals a contract's private key for the holder of a provisioning certificate.

    Args:
        contract_key: the P-521 or Ed448 key of ``contract``; forget it afterwards [V2G20-2496].
        contract: the new contract leaf; its key identifier is authenticated.
        receiver: the provisioning certificate; its CN is the PCID.
        scheme: see :class:`Scheme`.
        ephemeral, iv: fresh ones, unless a test needs certain octets; never reuse them.

    Raises:
        DeliveryError: the keys are not both on P-521 or both Ed448.
    """
    public = receiver.public_key()
    iv = iv if iv is not None else secrets.token_bytes(12)
    secret = secret_of(contract_key, scheme)
    if isinstance(public, ec.EllipticCurvePublicKey) and keys.kind(public) is Kind.P521 and len(secret) == 66:
        own = ephemeral or ec.generate_private_key(ec.SECP521R1())
        assert isinstance(own, ec.EllipticCurvePrivateKey)
        z, point = own.exchange(ec.ECDH(), public), keys.point(own.public_key())
        curve: Curve = "SECP521"
    elif isinstance(public, ed448.Ed448PublicKey) and isinstance(contract_key, ed448.Ed448PrivateKey):
        other = ephemeral or x448.X448PrivateKey.generate()
        assert isinstance(other, x448.X448PrivateKey)
        try:
            z, point = other.exchange(x448_public(public)), other.public_key().public_bytes_raw()
        except ValueError as why:
            raise DeliveryError("the receiver's Ed448 key has a small order") from why
        curve = "X448"
    else:
        ours, theirs = keys.describe(contract_key), keys.describe(public)
        raise DeliveryError(f"contract key on {ours}, receiver's on {theirs}; both must be P-521 or both Ed448")
    field = iv + AESGCM(_derive(z, scheme)).encrypt(iv, secret, _aad(receiver, contract, scheme))
    return Sealed(curve, point, field)


def unseal(
    sealed: Sealed,
    receiver_key: PrivateKey,
    receiver: x509.Certificate,
    contract: x509.Certificate,
    *,
    scheme: Scheme = LIKE_ISO2,
) -> bytes:
    """The contract's secret, checked against its certificate; :func:`private_key` turns it into a key.

    Args:
        sealed: as received; check the provider's signature first.
        receiver_key, receiver: our provisioning key and certificate.
        contract: the new contract leaf.
        scheme: the sender's.

    Raises:
        DeliveryError: a field has the wrong length, the tag does not match (altered, another receiver or another
            scheme), or the key does not belong to the certificate [V2G20-2507, 2510].
    """
    field = sealed.encrypted_private_key
    size = {"SECP521": 66, "X448": 57 if scheme.whole_ed448 else 56}[sealed.curve]
    if len(field) != size + 28:
        raise DeliveryError(f"encrypted private key: {len(field)} octets, expected {size + 28}")
    z = _agree(sealed, receiver_key)
    try:
        aad = _aad(receiver, contract, scheme)
        secret = AESGCM(_derive(z, scheme)).decrypt(field[:12], field[12:], aad)
    except InvalidTag:
        raise DeliveryError(
            f"the tag of the encrypted private key does not match (scheme {scheme.name}): "
            "altered, or sealed for another key or with another scheme"
        ) from None
    _check(secret, contract)
    return secret


def _agree(sealed: Sealed, own: PrivateKey) -> bytes:
    try:
        if sealed.curve == "SECP521" and isinstance(own, ec.EllipticCurvePrivateKey) and keys.kind(own) is Kind.P521:
            if len(sealed.public_key) != 133:
                raise ValueError
            return own.exchange(
                ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP521R1(), sealed.public_key)
            )
        if sealed.curve == "X448" and isinstance(own, ed448.Ed448PrivateKey):
            return x448_private(own).exchange(x448.X448PublicKey.from_public_bytes(sealed.public_key))
    except ValueError as why:
        raise DeliveryError(
            f"DHPublicKey of {len(sealed.public_key)} octets is not a point for {sealed.curve}"
        ) from why
    raise DeliveryError(f"our key is {keys.describe(own)}, the delivery is for {sealed.curve}")


def _check(secret: bytes, contract: x509.Certificate) -> None:
    """Checks that a secret belongs to a contract's certificate."""
    wrong = DeliveryError("the decrypted contract key does not belong to the new contract certificate [V2G20-2507]")
    public = contract.public_key()
    if len(secret) == 66:
        number = int.from_bytes(secret, "big")
        if not 0 < number < keys.order(Kind.P521):
            raise DeliveryError("the decrypted contract key is not a scalar of P-521")
        if not keys.same(ec.derive_private_key(number, ec.SECP521R1()).public_key(), public):
            raise wrong
        return
    if not isinstance(public, ed448.Ed448PublicKey):
        raise wrong
    if len(secret) == 57:
        if not keys.same(ed448.Ed448PrivateKey.from_private_bytes(secret).public_key(), public):
            raise wrong
    elif x448.X448PrivateKey.from_private_bytes(secret).public_key() != x448_public(public):
        raise wrong


def secret_of(key: PrivateKey, scheme: Scheme = LIKE_ISO2) -> bytes:
    """The part of a contract key that is sealed: 66 octets for P-521, 56 or 57 for Ed448."""
    if isinstance(key, ed448.Ed448PrivateKey):
        return key.private_bytes_raw() if scheme.whole_ed448 else x448_private(key).private_bytes_raw()
    return key.secret if isinstance(key, Ed448Scalar) else keys.scalar(key)


def private_key(secret: bytes, contract: x509.Certificate) -> PrivateKey:
    """A signing key that belongs to the contract's certificate.

    Raises:
        DeliveryError: it does not belong to the certificate.
    """
    if len(secret) == 66:
        return ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP521R1())
    if len(secret) == 57:
        return ed448.Ed448PrivateKey.from_private_bytes(secret)
    public = contract.public_key()
    assert isinstance(public, ed448.Ed448PublicKey)  # _check has verified it
    try:
        return Ed448Scalar(secret, public)
    except PkiError as why:
        raise DeliveryError(str(why)) from why


DH_PUBLIC_KEY = 133
"""Octets of DHPublicKey in the schema."""


def dh_public_key(sealed: Sealed, scheme: Scheme = LIKE_ISO2) -> bytes:
    """DHPublicKey as the message carries it."""
    point = sealed.public_key
    width = DH_PUBLIC_KEY if scheme.filler != "none" else 0
    return point.rjust(width, b"\0") if scheme.filler == "before" else point.ljust(width, b"\0")


def point_of(curve: Curve, field: bytes) -> bytes:
    """The point in a DHPublicKey, without filler on either side, or a prefix before the 56 octets of X448."""
    if curve == "SECP521":
        return field
    size, rest = 56, len(field) - 56
    if rest > 1 and not any(field[size:]):
        return field[:size]
    return field[rest:] if rest == 1 or (rest > 1 and not any(field[:rest])) else field


def _derive(z: bytes, scheme: Scheme) -> bytes:
    if not scheme.padded and len(z) == 66:
        z = z.lstrip(b"\0")
    if scheme.kdf == "hkdf-sha256":
        return HKDF(hashes.SHA256(), 32, None, scheme.other_info).derive(z)
    return hashlib.sha512(bytes([0, 0, 0, 1]) + z + scheme.other_info).digest()[:32]


def _aad(receiver: x509.Certificate, contract: x509.Certificate, scheme: Scheme) -> bytes | None:
    """PCID and key identifier of the new contract, at their actual length, whatever the standard says about it."""
    if not scheme.aad:
        return None

    identifier = key_id(contract).hex().upper()
    return f"{plain(common_name(receiver))}{identifier[:16] if scheme.short_identifier else identifier}".encode()


# ---------------------------------------------------------------------------------------------------------------
# From Ed448 to X448 (RFC 7748 4.2)

_P = 2**448 - 2**224 - 1
_D = -39081


def x448_public(key: ed448.Ed448PublicKey) -> x448.X448PublicKey:
    """The X448 public key that belongs to an Ed448 one: u = y² / x².

    Raises:
        DeliveryError: the key is a point of small order.
    """
    y = int.from_bytes(key.public_bytes_raw()[:56], "little")
    x_squared = (y * y - 1) * pow(_D * y * y - 1, -1, _P) % _P
    if not x_squared:
        raise DeliveryError("an Ed448 key of small order has no X448 key")
    u = y * y * pow(x_squared, -1, _P) % _P
    return x448.X448PublicKey.from_public_bytes(u.to_bytes(56, "little"))


def x448_private(key: ed448.Ed448PrivateKey) -> x448.X448PrivateKey:
    """The X448 private key that belongs to an Ed448 one: its secret scalar (RFC 8032 5.2.5)."""
    scalar = bytearray(hashlib.shake_256(key.private_bytes_raw()).digest(56))
    scalar[0] &= 0xFC
    scalar[55] |= 0x80
    return x448.X448PrivateKey.from_private_bytes(bytes(scalar))
