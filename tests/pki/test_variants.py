"""Deliberately invalid copies: each is wrong in its own way and no other, to our validator and to OpenSSL."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pkis import LATER, SEED, good, openssl_verify, saved

from pki import path, variants
from pki.errors import PkiError
from pki.profiles import ANCHORS, SUITES, Role
from pki.revocation import Revocations, crl
from pki.store import Store

CASES = [
    (suite, role, name)
    for suite in SUITES
    for role in variants.LEAVES
    if role in SUITES[suite].profiles
    for name in variants.KINDS
]


@pytest.mark.parametrize(("suite", "role", "name"), CASES)
def test_the_validator_names_what_is_wrong(suite: str, role: Role, name: str) -> None:
    """Exactly the deviations that the table announces are fatal."""
    store = good(suite)
    twin = variants.make(store, name, role, LATER, seed=SEED)
    roots = store.certificates(*ANCHORS[role])
    found = path.validate(twin.chain, roots, role, LATER, suite=suite, revoked=twin.revocations)
    expected = variants.codes(twin.kind, role, store.suite)
    assert {d.code for d in path.fatal(found)} == expected, [str(d) for d in found]
    if name == "wrong-dc" and not expected:
        assert path.Code.NAME in {d.code for d in found} or role is Role.VEHICLE


# Every role of ISO 15118-2; of the others those at both ends of TLS, as each case starts a program.
SEEN_BY_OPENSSL = [
    (suite, role, name)
    for suite, role, name in CASES
    if variants.KINDS[name].openssl and (suite == "iso2" or role in (Role.SECC, Role.VEHICLE))
]


@pytest.mark.parametrize(("suite", "role", "name"), SEEN_BY_OPENSSL)
def test_openssl_rejects_it(suite: str, role: Role, name: str, tmp_path: Path) -> None:
    store = good(suite)
    twin = variants.make(store, name, role, LATER, seed=SEED)
    options = variants.openssl_options(twin.kind, store.suite)
    issuer = store[role].issuer
    assert issuer is not None
    known = crl(issuer, twin.revocations, LATER).public_bytes(Encoding.PEM) if name == "revoked" else None
    chain = [c.public_bytes(Encoding.PEM) for c in twin.chain]
    assert openssl_verify(tmp_path, chain, store[ANCHORS[role][0]].pem, options, crl=known) != ""


@pytest.mark.parametrize("name", ["expired", "wrong-curve", "revoked"])
@pytest.mark.parametrize(("suite", "role"), dict.fromkeys((suite, role) for suite, role, _ in SEEN_BY_OPENSSL))
def test_openssl_accepts_the_good_one_with_the_same_options(suite: str, role: Role, name: str, tmp_path: Path) -> None:
    store = good(suite)
    options = variants.openssl_options(variants.KINDS[name], store.suite)
    issuer = store[role].issuer
    assert issuer is not None
    known = crl(issuer, Revocations(), LATER).public_bytes(Encoding.PEM) if name == "revoked" else None
    chain = [c.public_bytes(Encoding.PEM) for c in store[role].chain]
    assert openssl_verify(tmp_path, chain, store[ANCHORS[role][0]].pem, options, crl=known) == ""


def test_twins_are_reproducible() -> None:
    one, two = (variants.make(good(), "over-long-path", Role.SECC, LATER, seed=SEED) for _ in range(2))
    assert one.chain_der == two.chain_der


def test_every_twin_has_keys_of_its_own() -> None:
    """No twin shares its key with the good certificate: a peer cannot take one for the other."""
    keys = {good()["secc"].key.public_key().public_numbers()}  # type: ignore[union-attr]  # this bench has one
    for name in variants.KINDS:
        twin = variants.make(good(), name, Role.SECC, LATER, seed=SEED)
        public = twin.leaf.certificate.public_key()
        numbers = public.public_numbers()  # type: ignore[union-attr]  # this bench has one
        assert numbers not in keys
        keys.add(numbers)
        assert twin.leaf.key.public_key().public_numbers() == numbers  # type: ignore[union-attr]  # this bench has one


def test_files_of_a_twin(tmp_path: Path) -> None:
    """A twin's files are named after its role; keys stay private; the store does not read them as its own."""
    store = saved(tmp_path)
    twin = variants.make(store, "missing-intermediate", Role.SECC, LATER)
    where = variants.save(store, twin)
    assert sorted(p.name for p in where.iterdir()) == ["secc-chain.pem", "secc.der", "secc.key", "secc.pem"]
    assert stat.S_IMODE((where / "secc.key").stat().st_mode) == 0o600
    assert (where / "secc-chain.pem").read_text().count("BEGIN CERTIFICATE") == 2
    with pytest.raises(PkiError, match="--force"):
        variants.save(store, twin)
    assert list(Store(tmp_path)) == list(store)


def test_a_revoked_twin_is_known_to_the_responder(tmp_path: Path) -> None:
    store = saved(tmp_path)
    twin = variants.make(store, "revoked", Role.CONTRACT, LATER)
    variants.save(store, twin)
    known = Revocations.of(Store(tmp_path))
    revocation = known.get(twin.leaf.certificate)
    assert revocation is not None
    assert revocation.at == LATER - datetime.timedelta(days=1)
