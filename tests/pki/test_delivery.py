"""The contract key's transport: a known answer from outside, and everything a vehicle has to refuse."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pki import delivery, keys

CONTRACT = 0x32B07791B241A69625FB0B9F71F16959179789EBEFFA3A35387B6E237A928C8D
RECEIVER = 0x795753DC3D473395E6F54131A0A37A7359E01AE0CD7D2E5039EC1938FD7D8A4C
EPHEMERAL = 0xF1948CEFC0BA8B4651C56C6EEAFBED4B39720EAE4BC8AE184CE4D2304E05CDB6
IV = bytes(range(16))
PUBLIC = bytes.fromhex(
    "04a73a83ae03d99411dc657cf859e97cb0e240dedec6dc18375f96e385a5625274"
    "790e5ccc00f6716ad331cc986d940974174d5a37ff538078dc7583580c093be3"
)
FIELD = bytes.fromhex(
    "000102030405060708090a0b0c0d0e0f45a310a9e93df03eba69bc148ccb54c3356c426b426522a77022cde70c7fb08c"
)


def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


def certificate(of: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "DEABCC12345678")])
    start = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(name, name, of.public_key(), 1)
    return builder.not_valid_before(start).not_valid_after(start + datetime.timedelta(1)).sign(of, hashes.SHA256())


def sealed() -> delivery.Sealed:
    return delivery.seal(key(CONTRACT), key(RECEIVER).public_key(), ephemeral=key(EPHEMERAL), iv=IV)


def test_sealing_gives_the_known_octets() -> None:
    """KDF, cipher, padding and point format: every octet as independent implementations produce it."""
    assert sealed() == delivery.Sealed(FIELD, PUBLIC)


def test_unsealing_gives_the_key() -> None:
    opened = delivery.unseal(delivery.Sealed(FIELD, PUBLIC), key(RECEIVER), certificate(key(CONTRACT)))
    assert keys.scalar(opened) == CONTRACT.to_bytes(32, "big")


def test_a_short_scalar_is_padded() -> None:
    """A private key with leading zero octets still makes a field of 48 octets."""
    small = key(77)
    one = delivery.seal(small, key(RECEIVER).public_key())
    assert len(one.encrypted_private_key) == 48
    assert keys.scalar(delivery.unseal(one, key(RECEIVER), certificate(small))) == (77).to_bytes(32, "big")


def test_nothing_repeats() -> None:
    """Ephemeral key and IV are new each time."""
    first, second = (delivery.seal(key(CONTRACT), key(RECEIVER).public_key()) for _ in range(2))
    assert first.public_key != second.public_key
    assert first.encrypted_private_key[:16] != second.encrypted_private_key[:16]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (replace(sealed(), encrypted_private_key=FIELD[:-1]), "47 octets, expected 48"),
        (replace(sealed(), encrypted_private_key=FIELD + bytes(16)), "64 octets, expected 48"),
        (replace(sealed(), public_key=PUBLIC[:-1]), "65 octets"),
        (replace(sealed(), public_key=PUBLIC[:-1] + b"\0"), "not an uncompressed point"),
        (replace(sealed(), public_key=bytes([2]) + PUBLIC[1:33]), "not an uncompressed point"),
        (replace(sealed(), encrypted_private_key=bytes([1]) + FIELD[1:]), "does not belong"),
    ],
    ids=["short", "padded", "short point", "off the curve", "compressed", "altered"],
)
def test_bad_fields_are_refused(changed: delivery.Sealed, text: str) -> None:
    with pytest.raises(delivery.DeliveryError, match=text):
        delivery.unseal(changed, key(RECEIVER), certificate(key(CONTRACT)))


def test_another_receiver_cannot_open_it() -> None:
    with pytest.raises(delivery.DeliveryError):
        delivery.unseal(sealed(), key(4711), certificate(key(CONTRACT)))


def test_the_key_must_belong_to_the_certificate() -> None:
    """A key that decrypts well is refused when the new contract has another one [V2G2-823]."""
    with pytest.raises(delivery.DeliveryError, match="V2G2-823"):
        delivery.unseal(sealed(), key(RECEIVER), certificate(key(4711)))


def test_only_p256_takes_part() -> None:
    with pytest.raises(delivery.DeliveryError, match="P-521"):
        delivery.seal(key(CONTRACT), ec.generate_private_key(ec.SECP521R1()).public_key())
