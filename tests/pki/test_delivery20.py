"""Contract delivery of ISO 15118-20: lengths and checks as the standard requires, the rest as the scheme says."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x448
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from pkis import LATER, SEED, good

from pki import delivery20, keys, path, sealing
from pki.authority import Authority
from pki.delivery import DeliveryError
from pki.errors import PkiError
from pki.profiles import Role
from pki.scalars import Ed448Scalar
from pki.store import Entry

SIZES = {"iso20": ("SECP521", 133, 94), "iso20-ed448": ("X448", 56, 84)}
CASES = [(suite, scheme) for suite in SIZES for scheme in delivery20.SCHEMES.values()]


def new_contract(suite: str) -> Entry:
    store = good(suite)
    return Authority(store.suite, LATER, SEED).issue(
        Role.CONTRACT, store[Role.MO_SUB2], cn="DEABC123456789", name="new"
    )


def sealed(suite: str, scheme: delivery20.Scheme = delivery20.LIKE_ISO2) -> tuple[delivery20.Sealed, Entry, Entry]:
    contract, car = new_contract(suite), good(suite)[Role.OEM_PROVISIONING]
    return delivery20.seal(contract.key, contract.certificate, car.certificate, scheme=scheme), contract, car


@pytest.mark.parametrize(("suite", "scheme"), CASES, ids=lambda v: getattr(v, "name", v))
def test_what_is_sealed_comes_out(suite: str, scheme: delivery20.Scheme) -> None:
    made, contract, car = sealed(suite, scheme)
    curve, point, field = SIZES[suite]
    assert made.curve == curve
    assert len(made.public_key) == point
    assert len(made.encrypted_private_key) == field + (suite == "iso20-ed448" and scheme.whole_ed448)
    secret = delivery20.unseal(made, car.key, car.certificate, contract.certificate, scheme=scheme)
    assert secret == delivery20.secret_of(contract.key, scheme)
    data = b"signed by the vehicle"
    signature = keys.sign(delivery20.private_key(secret, contract.certificate), data)
    assert keys.verify(contract.certificate.public_key(), signature, data)


@pytest.mark.parametrize("filler", ["after", "before"])
@pytest.mark.parametrize("suite", SIZES)
def test_dh_public_key_is_as_long_as_the_schema_requires(suite: str, filler: Any) -> None:
    """X448 has 56 octets, and nobody says where the filler goes: any of the forms is read."""
    made, _, _ = sealed(suite)
    field = delivery20.dh_public_key(made, replace(delivery20.LIKE_ISO2, filler=filler))
    assert len(field) == 133
    for form in (field, made.public_key, *([b"\x40" + made.public_key] if suite == "iso20-ed448" else [])):
        assert delivery20.point_of(made.curve, form) == made.public_key


@settings(max_examples=10, deadline=None)
@given(st.binary(min_size=57, max_size=57), st.binary(max_size=300))
def test_a_scalar_signs_as_the_whole_ed448_key_would(private: bytes, data: bytes) -> None:
    """Each signature verifies with the library; the scalar's file brings the same key back."""
    key = ed448.Ed448PrivateKey.from_private_bytes(private)
    own = Ed448Scalar(delivery20.x448_private(key).private_bytes_raw(), key.public_key())
    key.public_key().verify(own.sign(data), data)
    again = keys.parse(keys.private_pem(own), Path("k"), None, key.public_key())
    assert again == own
    other = ed448.Ed448PrivateKey.generate().public_key()
    with pytest.raises(PkiError, match="does not belong"):
        keys.parse(keys.private_pem(own), Path("k"), None, other)
    with pytest.raises(PkiError, match="of kind X448"):
        keys.parse(keys.private_pem(own), Path("k"))


def test_the_octets_are_those_of_the_description() -> None:
    """Step by step: concatenation KDF with SHA-512 and 01 'U' 'V', GCM, AAD of PCID and SKI."""
    contract, car = new_contract("iso20"), good("iso20")[Role.OEM_PROVISIONING]
    ephemeral, iv = ec.derive_private_key(4711, ec.SECP521R1()), bytes(range(12))
    made = delivery20.seal(contract.key, contract.certificate, car.certificate, ephemeral=ephemeral, iv=iv)
    own = car.key
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    z = own.exchange(ec.ECDH(), ephemeral.public_key())
    assert len(z) == 66
    key = hashlib.sha512(bytes.fromhex("00000001") + z + b"\x01UV").digest()[:32]
    identifier = contract.certificate.extensions.get_extension_for_oid(path.x509.ExtensionOID.SUBJECT_KEY_IDENTIFIER)
    aad = car.common_name.encode() + identifier.value.digest.hex().upper().encode()
    assert len(aad) == 18 + 16
    secret = AESGCM(key).decrypt(iv, made.encrypted_private_key[12:], aad)
    assert made.encrypted_private_key[:12] == iv
    assert secret == keys.scalar(contract.key)
    assert secret[0] < 2


_X448_PREFIX = bytes.fromhex("3042300506032b656f033900")
"""SubjectPublicKeyInfo of X448 (RFC 8410) up to the 56 octets of the key."""


def _openssl(*words: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=stdin, capture_output=True, check=True).stdout


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize("scheme", [delivery20.LIKE_ISO2, delivery20.PLAIN], ids=lambda one: one.name)
@pytest.mark.parametrize("suite", SIZES)
def test_openssl_opens_what_is_sealed(suite: str, scheme: delivery20.Scheme, tmp_path: Path) -> None:
    """From the octets of the message and the vehicle's key alone: its secret, its key derivation, its key pair.

    The library does AES-GCM, which the command line of OpenSSL has not.
    """
    made, contract, car = sealed(suite, scheme)
    own, peer = tmp_path / "own.pem", tmp_path / "peer.pem"
    private = x448_private_pem(car) if suite == "iso20-ed448" else keys.private_pem(car.key)
    own.write_bytes(private)
    if suite == "iso20":
        head = bytes.fromhex("30819b301006072a8648ce3d020106052b8104002303818600")  # RFC 5480, secp521r1
        peer.write_bytes(_openssl("pkey", "-pubin", "-inform", "DER", stdin=head + made.public_key))
    else:
        peer.write_bytes(_openssl("pkey", "-pubin", "-inform", "DER", stdin=_X448_PREFIX + made.public_key))
    z = _openssl("pkeyutl", "-derive", "-inkey", str(own), "-peerkey", str(peer))
    assert len(z) == (66 if suite == "iso20" else 56)
    info = b"\x01UV" if scheme.aad else b""
    key = _openssl("dgst", "-sha512", "-binary", stdin=b"\0\0\0\1" + z + info)[:32]
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(contract.certificate.public_bytes(serialization.Encoding.PEM))
    printed = _openssl("x509", "-in", str(leaf), "-noout", "-ext", "subjectKeyIdentifier").decode()
    aad = car.common_name + printed.splitlines()[1].strip().replace(":", "")
    field = made.encrypted_private_key
    secret = AESGCM(key).decrypt(field[:12], field[12:], aad.encode() if scheme.aad else None)
    if suite == "iso20":
        assert len(secret) == 66
        again = ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP521R1()).public_key()
        assert keys.spki(again) == keys.spki(contract.certificate.public_key())
    else:
        assert len(secret) == 56
        assert secret == hashed_scalar(contract)


def hashed_scalar(entry: Entry) -> bytes:
    """The secret scalar of an Ed448 key (RFC 8032 5.2.5)."""
    assert isinstance(entry.key, ed448.Ed448PrivateKey)
    hashed = hashlib.shake_256(entry.key.private_bytes_raw()).digest(114)[:56]
    return bytes([hashed[0] & 0xFC, *hashed[1:55], hashed[55] | 0x80])


def x448_private_pem(entry: Entry) -> bytes:
    """The X448 key that has the scalar of an Ed448 one."""
    made = x448.X448PrivateKey.from_private_bytes(hashed_scalar(entry))
    return made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize("suite", SIZES)
def test_altered_deliveries_are_refused(suite: str) -> None:
    made, contract, car = sealed(suite)
    field, public = made.encrypted_private_key, made.public_key
    for changed in (
        replace(made, encrypted_private_key=field[:20] + bytes([field[20] ^ 1]) + field[21:]),
        replace(made, encrypted_private_key=field[:-1] + bytes([field[-1] ^ 1])),
        replace(made, encrypted_private_key=bytes([field[0] ^ 1]) + field[1:]),
        replace(made, encrypted_private_key=field + bytes(6)),
        replace(made, encrypted_private_key=b""),
        replace(made, public_key=public[:-1]),
        replace(made, public_key=public[:-1] + bytes([public[-1] ^ 1])),
        replace(made, public_key=b""),
        replace(made, curve="X448" if made.curve == "SECP521" else "SECP521"),
    ):
        with pytest.raises(DeliveryError):
            delivery20.unseal(changed, car.key, car.certificate, contract.certificate)


@pytest.mark.parametrize("suite", SIZES)
def test_it_is_for_one_vehicle_one_contract_and_one_scheme(suite: str) -> None:
    made, contract, car = sealed(suite)
    other = good(suite)[Role.CONTRACT]
    for key, receiver, leaf, scheme in (
        (other.key, car.certificate, contract.certificate, delivery20.LIKE_ISO2),
        (car.key, other.certificate, contract.certificate, delivery20.LIKE_ISO2),
        (car.key, car.certificate, other.certificate, delivery20.LIKE_ISO2),
        (car.key, car.certificate, contract.certificate, delivery20.PLAIN),
    ):
        with pytest.raises(DeliveryError, match="tag"):
            delivery20.unseal(made, key, receiver, leaf, scheme=scheme)


@pytest.mark.parametrize("suite", SIZES)
def test_the_key_must_belong_to_the_certificate(suite: str) -> None:
    """Without AAD the tag fits for any certificate; the key's own check still holds."""
    made, _, car = sealed(suite, delivery20.PLAIN)
    other = good(suite)[Role.CONTRACT].certificate
    with pytest.raises(DeliveryError, match="V2G20-2507"):
        delivery20.unseal(made, car.key, car.certificate, other, scheme=delivery20.PLAIN)


@st.composite
def profiles(draw: st.DrawFn) -> str:
    """A named profile with any changes."""
    words = [draw(st.sampled_from([*sealing.SCHEMES]))]
    for word, values in sealing.CHOICES.items():
        if draw(st.booleans()):
            words.append(f"{word}={draw(st.sampled_from([*values]))}")
    if draw(st.booleans()):
        words.append(f"other-info={draw(st.binary(max_size=6)).hex()}")
    return ", ".join(words)


def sees(scheme: delivery20.Scheme, suite: str, z: bytes, identifier: bytes) -> tuple[object, ...]:
    """What decides whether two profiles open each other's fields."""
    wide = scheme.padded or suite != "iso20" or z[:1] != b"\0"
    aad = scheme.aad and (scheme.short_identifier and len(identifier) > 8, True)
    return scheme.kdf, scheme.other_info, aad, wide, suite != "iso20" and scheme.whole_ed448


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([*SIZES]), profiles(), profiles())
def test_any_profile_opens_what_it_sealed_and_no_other_does(suite: str, one: str, other: str) -> None:
    contract, car = new_contract(suite), good(suite)[Role.OEM_PROVISIONING]
    own, theirs = sealing.scheme(one), sealing.scheme(other)
    made = delivery20.seal(contract.key, contract.certificate, car.certificate, scheme=own)
    point = delivery20.point_of(made.curve, delivery20.dh_public_key(made, own))
    sent = replace(made, public_key=point)
    secret = delivery20.unseal(sent, car.key, car.certificate, contract.certificate, scheme=own)
    assert secret == delivery20.secret_of(contract.key, own)
    z = delivery20._agree(sent, car.key)
    identifier = contract.certificate.extensions.get_extension_for_class(path.x509.SubjectKeyIdentifier).value.digest
    if sees(own, suite, z, identifier) == sees(theirs, suite, z, identifier):
        delivery20.unseal(sent, car.key, car.certificate, contract.certificate, scheme=theirs)
    else:
        with pytest.raises(DeliveryError):
            delivery20.unseal(sent, car.key, car.certificate, contract.certificate, scheme=theirs)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wwpc", "unknown key transport 'wwpc'; did you mean wwcp?"),
        ("wwcp, kfd=x", "key transport: unknown key 'kfd'; did you mean kdf?"),
        ("wwcp, kdf=hkdf", "unknown kdf 'hkdf'; choose from concat-sha512, hkdf-sha256"),
        ("wwcp, other-info=5", "is hexadecimal"),
        ("", "unknown key transport ''; choose from strict-guess, wwcp, bench"),
    ],
)
def test_a_profile_that_is_none_is_named(text: str, said: str) -> None:
    with pytest.raises(PkiError, match=said):
        sealing.scheme(text)


@pytest.mark.parametrize("number", [0, keys.order(keys.Kind.P521), (1 << 528) - 1], ids=["zero", "order", "all ones"])
def test_a_number_that_is_no_key_is_refused(number: int) -> None:
    """Sealed properly by whoever has the vehicle's certificate [V2G20-2507]."""
    contract, car = new_contract("iso20"), good("iso20")[Role.OEM_PROVISIONING]
    made = field_of(number.to_bytes(66, "big"), contract, car)
    with pytest.raises(DeliveryError, match="is not a scalar of P-521"):
        delivery20.unseal(made, car.key, car.certificate, contract.certificate)


def test_a_key_of_the_other_kind_is_refused() -> None:
    """A P-521 key for an Ed448 contract."""
    p521, ed = new_contract("iso20"), new_contract("iso20-ed448")
    car = good("iso20")[Role.OEM_PROVISIONING]
    made = field_of(keys.scalar(p521.key), ed, car)  # type: ignore[arg-type]  # a P-521 key
    with pytest.raises(DeliveryError, match="V2G20-2507"):
        delivery20.unseal(made, car.key, car.certificate, ed.certificate)


def field_of(secret: bytes, contract: Entry, car: Entry) -> delivery20.Sealed:
    """Any octets, sealed for a vehicle as in `strict-guess`."""
    own = ec.generate_private_key(ec.SECP521R1())
    public = car.certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    key = hashlib.sha512(b"\0\0\0\1" + own.exchange(ec.ECDH(), public) + b"\1UV").digest()[:32]
    identifier = contract.certificate.extensions.get_extension_for_class(path.x509.SubjectKeyIdentifier).value.digest
    aad = car.common_name.encode() + identifier.hex().upper().encode()
    field = bytes(12) + AESGCM(key).encrypt(bytes(12), secret, aad)
    return delivery20.Sealed("SECP521", keys.point(own.public_key()), field)


@pytest.mark.parametrize("form", ["compressed", "hybrid", "infinity"])
def test_a_point_in_another_form_is_refused(form: str) -> None:
    """DHPublicKey is uncompressed [V2G20-2489], whatever the library could read."""
    made, contract, car = sealed("iso20")
    point = made.public_key
    odd = point[-1] & 1
    changed = {"compressed": bytes([2 + odd]) + point[1:67], "hybrid": bytes([6 + odd]) + point[1:], "infinity": b"\0"}
    with pytest.raises(DeliveryError, match="is not a point for SECP521"):
        delivery20.unseal(replace(made, public_key=changed[form]), car.key, car.certificate, contract.certificate)


def test_keys_of_a_small_order_seal_nothing() -> None:
    """Points of Ed448 with order 1, 2 and 4: their secret would be known to everybody."""
    contract = new_contract("iso20-ed448")
    prime = 2**448 - 2**224 - 1
    for y in (1, prime - 1, 0):
        public = ed448.Ed448PublicKey.from_public_bytes(y.to_bytes(57, "little"))
        receiver = SimpleNamespace(public_key=lambda public=public: public)
        with pytest.raises(DeliveryError, match="small order"):
            delivery20.seal(contract.key, contract.certificate, receiver)  # type: ignore[arg-type]  # a stand-in


def test_a_pcid_with_separators_is_the_same_pcid() -> None:
    """The AAD has it without, whatever the certificate's CN looks like [V2G20-2492]."""
    car, contract = good("iso20")[Role.OEM_PROVISIONING], new_contract("iso20")
    spelled = f"{car.common_name[:3]}-{car.common_name[3:]}".lower()
    named = SimpleNamespace(subject=path.x509.Name([path.x509.NameAttribute(path.x509.NameOID.COMMON_NAME, spelled)]))
    one, other = (
        delivery20._aad(receiver, contract.certificate, delivery20.LIKE_ISO2)  # type: ignore[arg-type]  # a stand-in
        for receiver in (named, car.certificate)
    )
    assert one == other


def test_curves_are_not_mixed() -> None:
    contract = new_contract("iso20")
    for suite in ("iso2", "iso20-ed448"):
        car = good(suite)[Role.OEM_PROVISIONING]
        with pytest.raises(DeliveryError, match="both must be P-521 or both Ed448"):
            delivery20.seal(contract.key, contract.certificate, car.certificate)


def test_x448_keys_follow_from_ed448_keys() -> None:
    """Public and private side compute the same key pair, so the certificate's key is enough to seal for it."""
    for number in range(8):
        key = ed448.Ed448PrivateKey.from_private_bytes(bytes([number]) * 57)
        assert delivery20.x448_private(key).public_key() == delivery20.x448_public(key.public_key())
    one, two = delivery20.x448_private(key), x448.X448PrivateKey.generate()
    assert one.exchange(two.public_key()) == two.exchange(delivery20.x448_public(key.public_key()))
