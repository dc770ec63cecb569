"""Our PKCS#12 containers: others open them, and their octets repeat."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12 as reference
from pkis import good, openssl

from pki import keys, pkcs12
from pki.profiles import SUITES

PASSWORDS = ["", "plugfest", "ü" * 40]


def made(suite: str, password: str) -> bytes:
    entry = good(suite)["secc"]
    return pkcs12.container("secc", entry.key, entry.certificate, entry.chain[1:], password)


@pytest.mark.parametrize("password", PASSWORDS, ids=["empty", "short", "long"])
@pytest.mark.parametrize("suite", SUITES)
def test_an_independent_reader_opens_it(suite: str, password: str) -> None:
    entry = good(suite)["secc"]
    opened = reference.load_pkcs12(made(suite, password), password.encode() or None)
    assert opened.key is not None
    assert keys.same(opened.key.public_key(), entry.key.public_key())
    assert opened.cert is not None
    assert opened.cert.certificate == entry.certificate
    assert opened.cert.friendly_name == b"secc"
    assert tuple(more.certificate for more in opened.additional_certs) == entry.chain[1:]
    with pytest.raises(ValueError, match="Invalid password"):
        reference.load_pkcs12(made(suite, password), b"guess")


@pytest.mark.parametrize("password", PASSWORDS, ids=["empty", "short", "long"])
def test_openssl_opens_it(password: str, tmp_path: Path) -> None:
    (tmp_path / "x.p12").write_bytes(made("iso2", password))
    result = openssl("pkcs12", "-in", str(tmp_path / "x.p12"), "-passin", f"pass:{password}", "-nodes")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("BEGIN CERTIFICATE") == 3
    assert result.stdout.count("BEGIN PRIVATE KEY") == 1


def test_octets_repeat_for_a_key_and_differ_between_keys() -> None:
    assert made("iso2", "x") == made("iso2", "x")
    one, two = (
        pkcs12.container("same", good()[name].key, good()["secc"].certificate, (), "x") for name in ("secc", "cps")
    )
    assert one != two


def test_altered_containers_are_noticed() -> None:
    data = bytearray(made("iso2", "x"))
    data[len(data) // 2] ^= 1
    with pytest.raises(ValueError, match=r"Invalid password|parse|PKCS12"):
        reference.load_pkcs12(bytes(data), b"x")
