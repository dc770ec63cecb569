"""Keys, and raw signatures as ISO 15118 sends them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pki import keys
from pki.errors import PkiError
from pki.keys import Kind

WIDTHS = {Kind.P256: 64, Kind.P384: 96, Kind.P521: 132, Kind.ED448: 114}


@pytest.mark.parametrize("kind", Kind)
def test_signatures_have_fixed_width_and_hold(kind: Kind) -> None:
    key = keys.derive(kind, b"seed", "label")
    signature = keys.sign(key, b"data")
    assert len(signature) == WIDTHS[kind]
    assert keys.verify(key.public_key(), signature, b"data")
    assert not keys.verify(key.public_key(), signature, b"date")
    assert not keys.verify(key.public_key(), signature[:-1], b"data")
    assert not keys.verify(key.public_key(), signature + b"\0", b"data")
    assert not keys.verify(key.public_key(), bytes(len(signature)), b"data")
    assert not keys.verify(keys.derive(kind, b"seed", "other").public_key(), signature, b"data")


def test_short_numbers_are_padded() -> None:
    """r or s with leading zeros: the width stays, though a plain conversion would be shorter."""
    key = keys.derive(Kind.P256, b"seed", "label")
    found = [keys.sign(key, bytes([n >> 8, n & 255])) for n in range(600)]
    assert {len(s) for s in found} == {64}
    padded = [n for n, s in enumerate(found) if s[0] == 0 or s[32] == 0]
    assert padded, "of 1200 numbers some start with a zero octet"
    assert all(keys.verify(key.public_key(), found[n], bytes([n >> 8, n & 255])) for n in padded)


def test_deterministic_or_not() -> None:
    key = keys.derive(Kind.P256, b"seed", "label")
    assert keys.sign(key, b"data") == keys.sign(key, b"data")
    assert keys.sign(key, b"data", deterministic=False) != keys.sign(key, b"data", deterministic=False)


@pytest.mark.parametrize("kind", Kind)
def test_derived_keys_depend_on_seed_and_label_alone(kind: Kind) -> None:
    def public(seed: bytes, label: str) -> bytes:
        return keys.derive(kind, seed, label).public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )  # fmt: skip

    assert public(b"a", "x") == public(b"a", "x")
    assert len({public(seed, label) for seed in (b"a", b"b") for label in ("x", "y")}) == 4


@pytest.mark.parametrize("password", [None, "secret"])
@pytest.mark.parametrize("kind", Kind)
def test_key_files(kind: Kind, password: str | None, tmp_path: Path) -> None:
    key = keys.derive(kind, b"seed", "label")
    path = tmp_path / "x.key"
    path.write_text("an older file that everybody can read")
    keys.write_private(path, keys.private_pem(key, password))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.same(keys.load(path, password).public_key(), key.public_key())
    if password:
        for wrong, text in ((None, "its password is needed"), ("guess", "the password is wrong")):
            with pytest.raises(PkiError, match=text):
                keys.load(path, wrong)


def test_keys_of_other_kinds_are_named(tmp_path: Path) -> None:
    other = rsa.generate_private_key(65537, 2048)
    path = tmp_path / "rsa.key"
    path.write_bytes(
        other.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    with pytest.raises(PkiError, match="RSA-2048"):
        keys.load(path)
    assert keys.describe(ec.generate_private_key(ec.SECP256K1())) == "secp256k1"
    with pytest.raises(PkiError, match="secp256k1"):
        keys.sign(ec.generate_private_key(ec.SECP256K1()), b"data")
