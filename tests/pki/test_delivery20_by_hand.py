"""Contract keys sealed by hand from the description, with a library's primitives alone, and opened by ours.

Nothing here comes from `pki` but what is tried: certificates, key agreement, key derivation and sealing are written
again, so that a mistake shared by both our ends would show.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x448
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pki import delivery20, sealing
from pki.delivery import DeliveryError

Key = ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey
PCID = "PLFTESTCAR0000001X"
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ALGORITHM, PARTY_U, PARTY_V = b"\x01", b"U", b"V"


def certificate(name: str, key: Key, identifier: bytes) -> x509.Certificate:
    """Self-signed, with a subject key identifier of any length."""
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    hashed = None if isinstance(key, ed448.Ed448PrivateKey) else hashes.SHA512()
    return (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + datetime.timedelta(days=365))
        .add_extension(x509.SubjectKeyIdentifier(identifier), critical=False)
        .sign(key, hashed)
    )


def secret_scalar(key: ed448.Ed448PrivateKey) -> bytes:
    """RFC 8032 5.2.5, clamped as RFC 7748 has it: what an Ed448 key is in X448."""
    half = bytearray(hashlib.shake_256(key.private_bytes_raw()).digest(114)[:56])
    half[0], half[55] = half[0] & 252, half[55] | 128
    return bytes(half)


def by_hand(car: Key, contract: Key, contract_id: bytes, *, like_iso2: bool) -> tuple[bytes, bytes]:
    """DHPublicKey without filler, and the field: ephemeral-static ECDH, concatenation KDF, AES-256-GCM."""
    if isinstance(car, ec.EllipticCurvePrivateKey):
        assert isinstance(contract, ec.EllipticCurvePrivateKey)
        own = ec.generate_private_key(ec.SECP521R1())
        z = own.exchange(ec.ECDH(), car.public_key())
        numbers = own.public_key().public_numbers()
        point = b"\x04" + numbers.x.to_bytes(66, "big") + numbers.y.to_bytes(66, "big")
        secret = contract.private_numbers().private_value.to_bytes(66, "big")
    else:
        assert isinstance(contract, ed448.Ed448PrivateKey)
        other = x448.X448PrivateKey.generate()
        # The receiver's X448 public key is that of its scalar; a sender has only the Ed448 one, and maps it.
        receiver = x448.X448PrivateKey.from_private_bytes(secret_scalar(car)).public_key()
        z, point, secret = other.exchange(receiver), other.public_key().public_bytes_raw(), secret_scalar(contract)
    info = ALGORITHM + PARTY_U + PARTY_V if like_iso2 else None
    key = ConcatKDFHash(hashes.SHA512(), length=32, otherinfo=info).derive(z)
    aad = (PCID + contract_id.hex().upper()).encode() if like_iso2 else None
    iv = secrets.token_bytes(12)
    return point, iv + AESGCM(key).encrypt(iv, secret, aad)


def made(curve: delivery20.Curve) -> Key:
    return ec.generate_private_key(ec.SECP521R1()) if curve == "SECP521" else ed448.Ed448PrivateKey.generate()


@pytest.mark.parametrize("scheme", [delivery20.LIKE_ISO2, delivery20.PLAIN], ids=lambda one: one.name)
@pytest.mark.parametrize("filler", ["none", "after", "before"])
@pytest.mark.parametrize("length", [8, 20], ids=lambda octets: f"identifier of {octets}")
@pytest.mark.parametrize("curve", ["SECP521", "X448"])
def test_key_sealed_by_hand_is_opened(
    curve: delivery20.Curve, length: int, filler: Literal["none", "after", "before"], scheme: delivery20.Scheme
) -> None:
    """Whatever the length of the key identifier, and wherever zeros fill the 133 octets of DHPublicKey."""
    car, contract, identifier = made(curve), made(curve), secrets.token_bytes(length)
    point, field = by_hand(car, contract, identifier, like_iso2=scheme is delivery20.LIKE_ISO2)
    zeros = bytes(133 - len(point))
    sent = {"none": point, "after": point + zeros, "before": zeros + point}[filler]
    received = delivery20.Sealed(curve, delivery20.point_of(curve, sent), field)
    leaf, receiver = certificate("DEPLFC00000001", contract, identifier), certificate(PCID, car, bytes(20))
    secret = delivery20.unseal(received, car, receiver, leaf, scheme=scheme)
    delivery20.private_key(secret, leaf)  # it signs for this certificate
    assert len(secret) == (66 if curve == "SECP521" else 56)


@pytest.mark.parametrize("zeros", [True, False])
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("length", [8, 20])
@pytest.mark.parametrize("kdf", ["concat-sha512", "hkdf-sha256"])
def test_what_other_stacks_may_do_is_opened_by_its_profile(kdf: str, length: int, padded: bool, zeros: bool) -> None:
    """HKDF, a secret without its leading zeros, an AAD with 16 digits of the key identifier."""
    car, contract, identifier = made("SECP521"), made("SECP521"), secrets.token_bytes(length)
    assert isinstance(car, ec.EllipticCurvePrivateKey)
    assert isinstance(contract, ec.EllipticCurvePrivateKey)
    z = b""
    while not z or (z[:1] == b"\0") is not zeros:  # every other secret of 521 bits begins with a zero octet
        own = ec.generate_private_key(ec.SECP521R1())
        z = own.exchange(ec.ECDH(), car.public_key())
    z = z if padded else z.lstrip(b"\0")
    key = (
        HKDF(hashes.SHA256(), 32, None, b"info").derive(z)
        if kdf.startswith("hkdf")
        else ConcatKDFHash(hashes.SHA512(), length=32, otherinfo=b"info").derive(z)
    )
    aad = (PCID + identifier.hex().upper()[:16]).encode()
    field = bytes(12) + AESGCM(key).encrypt(
        bytes(12), contract.private_numbers().private_value.to_bytes(66, "big"), aad
    )
    numbers = own.public_key().public_numbers()
    point = b"\x04" + numbers.x.to_bytes(66, "big") + numbers.y.to_bytes(66, "big")
    secret = "padded" if padded else "stripped"
    scheme = sealing.scheme(f"wwcp, kdf={kdf}, secret={secret}, aad=short, other-info={b'info'.hex()}")
    leaf, receiver = certificate("DEPLFC00000001", contract, identifier), certificate(PCID, car, bytes(20))
    delivery20.unseal(delivery20.Sealed("SECP521", point, field), car, receiver, leaf, scheme=scheme)


@pytest.mark.parametrize("curve", ["SECP521", "X448"])
def test_aad_ties_a_key_sealed_by_hand_to_its_contract_and_vehicle(curve: delivery20.Curve) -> None:
    """Another PCID, or another key identifier, and the tag does not fit."""
    car, contract, identifier = made(curve), made(curve), secrets.token_bytes(20)
    point, field = by_hand(car, contract, identifier, like_iso2=True)
    received = delivery20.Sealed(curve, point, field)
    leaf, receiver = certificate("DEPLFC00000001", contract, identifier), certificate(PCID, car, bytes(20))
    for whose, what in (
        (certificate(PCID[:-1] + "Y", car, bytes(20)), leaf),
        (receiver, certificate("DEPLFC00000001", contract, identifier[::-1])),
    ):
        with pytest.raises(DeliveryError, match="tag"):
            delivery20.unseal(received, car, whose, what)
    delivery20.unseal(received, car, receiver, leaf)


@pytest.mark.parametrize("filler", ["after", "before"])
def test_x448_public_key_may_begin_or_end_with_zeros(filler: Literal["after", "before"]) -> None:
    """The filler is told from the octets of the key by where it is, not by what they are."""
    for point in (b"\0\0" + bytes(range(1, 55)), bytes(range(1, 55)) + b"\0\0"):
        zeros = bytes(133 - 56)
        assert delivery20.point_of("X448", point + zeros if filler == "after" else zeros + point) == point
