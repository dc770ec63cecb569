"""PKIs made elsewhere, in whatever files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pkis import LATER, SEED, good, saved

from pki import export, keys, variants
from pki.authority import Authority
from pki.errors import PkiError
from pki.profiles import Role
from pki.revocation import Revocations
from pki.store import Store

ROLES = (Role.V2G_ROOT, Role.CPO_SUB1, Role.CPO_SUB2, Role.SECC)


def test_names_of_files_do_not_matter(tmp_path: Path) -> None:
    """Roles come from the certificates, keys from what they belong to."""
    for number, role in enumerate(ROLES):
        entry = good()[role]
        (tmp_path / f"{number}.crt").write_bytes(entry.der if number % 2 else entry.pem)
        (tmp_path / f"k{9 - number}.pem").write_bytes(keys.private_pem(entry.key))
    store = Store(tmp_path)
    assert list(store) == [role.value for role in ROLES]
    for role in ROLES:
        assert store[role].certificate == good()[role].certificate
        assert keys.same(store[role].key.public_key(), good()[role].key.public_key())
    assert store["secc"].chain == good()["secc"].chain
    assert store.suite.name == "iso2"


def test_certificates_may_lie_in_one_file_and_twice(tmp_path: Path) -> None:
    entry = good()["secc"]
    (tmp_path / "bundle.pem").write_bytes(entry.chain_pem + good()["v2g-root"].pem)
    (tmp_path / "again.der").write_bytes(entry.der)
    store = Store(tmp_path)
    assert sorted(store) == sorted(role.value for role in ROLES)
    assert not store["secc"].has_key
    with pytest.raises(PkiError, match="no private key for secc"):
        _ = store["secc"].key


@pytest.mark.parametrize("given", ["secret", None])
def test_pkcs12_is_read(given: str | None, tmp_path: Path) -> None:
    """With its password, given or noted in a text file beside it."""
    (tmp_path / "charger.p12").write_bytes(export.container(good()["secc"], "secret"))
    if given is None:
        (tmp_path / "password.txt").write_text("secret\n")
    store = Store(tmp_path, password=given)
    assert keys.same(store["secc"].key.public_key(), good()["secc"].key.public_key())
    assert len(store["secc"].chain) == 3


def test_several_of_a_role_are_told_apart_by_their_files(tmp_path: Path) -> None:
    first = good()["contract"]
    second = Authority(good().suite, LATER, SEED).issue(Role.CONTRACT, good()["mo-sub2"], cn="DEABC123456789")
    (tmp_path / "anna.pem").write_bytes(first.pem)
    (tmp_path / "bert.pem").write_bytes(second.certificate.public_bytes(Encoding.PEM))
    store = Store(tmp_path)
    assert {name: entry.common_name for name, entry in store.items()} == {
        "contract": first.common_name,
        "bert": "DEABC123456789Y",
    }


@pytest.mark.parametrize(("suite", "name"), [("iso20", "iso20"), ("iso20-ed448", "iso20-ed448")])
def test_the_suite_is_told_from_the_keys(suite: str, name: str, tmp_path: Path) -> None:
    for entry in good(suite).values():
        (tmp_path / f"{entry.name}.pem").write_bytes(entry.pem)
    assert Store(tmp_path).suite.name == name


def test_nothing_is_added_to_a_directory_of_others(tmp_path: Path) -> None:
    store = saved(tmp_path)
    assert store.directory is not None
    (store.directory / "index.json").unlink()
    for directory in ("chains", "der", "p12", "ocsp"):
        shutil.rmtree(store.directory / directory)
    theirs = Store(tmp_path)
    entry = Authority(theirs.suite, LATER).issue(Role.SECC, theirs["cpo-sub2"], cn="DEABCE1", name="secc-new")
    with pytest.raises(PkiError, match="made elsewhere; `plugfest pki import"):
        theirs.issue_into(entry)
    with pytest.raises(PkiError, match="made elsewhere"):
        variants.save(theirs, variants.make(theirs, "expired", Role.SECC, LATER))
    Revocations.of(theirs).revoke(theirs["secc"], LATER)
    assert Revocations.of(Store(tmp_path)).get(store["secc"].certificate) is not None


def test_a_directory_without_certificates_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "note.pem").write_text("nothing")
    with pytest.raises(PkiError, match=r"holds no certificates; `plugfest pki init"):
        Store(tmp_path)
