"""PKIs made elsewhere, in whatever files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pkis import LATER, SEED, good, saved

from pki import export, keys, path, variants
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
    with pytest.raises(PkiError, match="created elsewhere; `plugfest pki import"):
        theirs.issue_into(entry)
    with pytest.raises(PkiError, match="created elsewhere"):
        variants.save(theirs, variants.make(theirs, "expired", Role.SECC, LATER))
    Revocations.of(theirs).revoke(theirs["secc"], LATER)
    assert Revocations.of(Store(tmp_path)).get(store["secc"].certificate) is not None


def test_a_directory_without_certificates_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "note.pem").write_text("nothing")
    with pytest.raises(PkiError, match=r"holds no certificates; `plugfest pki init"):
        Store(tmp_path)


def test_a_missing_password_is_not_a_missing_key(tmp_path: Path) -> None:
    entry = good()["secc"]
    (tmp_path / "secc.pem").write_bytes(entry.pem)
    (tmp_path / "secc.key").write_bytes(keys.private_pem(entry.key, "secret"))
    (tmp_path / "vehicle.p12").write_bytes(export.container(good()["contract"], "secret"))
    for password, said in ((None, "its password is needed"), ("guess", "the password is wrong")):
        store = Store(tmp_path, password=password)
        assert [said in line for line in store.oddities] == [True, True]
        assert said in store["secc"].key_trouble()
        with pytest.raises(PkiError, match=said):
            _ = store["secc"].key
    assert Store(tmp_path, password="secret").oddities == []


@pytest.mark.parametrize("expired_first", [True, False])
def test_what_is_valid_takes_the_name_of_its_role(expired_first: bool, tmp_path: Path) -> None:
    """Old files lie beside new ones in nearly every directory."""
    old = variants.make(good(), "expired", Role.SECC, LATER).leaf
    files = {"a-old": old, "b-new": good()["secc"]} if expired_first else {"a-new": good()["secc"], "b-old": old}
    for stem, entry in {
        **files,
        "root": good()["v2g-root"],
        "sub1": good()["cpo-sub1"],
        "sub2": good()["cpo-sub2"],
    }.items():
        (tmp_path / f"{stem}.pem").write_bytes(entry.pem)
        (tmp_path / f"{stem}.key").write_bytes(keys.private_pem(entry.key))
    store = Store(tmp_path, at=LATER)
    assert store["secc"].certificate == good()["secc"].certificate
    assert store["b-old" if not expired_first else "a-old"].certificate == old.certificate


def test_a_key_without_its_certificate_is_reported(tmp_path: Path) -> None:
    (tmp_path / "secc.pem").write_bytes(good()["secc"].pem)
    (tmp_path / "secc.key").write_bytes(keys.private_pem(good()["cps"].key))
    (tmp_path / "other.key").write_bytes(keys.private_pem(good()["contract"].key))
    store = Store(tmp_path)
    assert store["secc"].key_trouble() == "secc.key belongs to another certificate"
    assert sorted(line.partition(".key ")[2] for line in store.oddities) == [
        "belongs to none of the certificates",
        f"is not the key of the certificate {tmp_path / 'secc.pem'}",
    ]


def test_emaids_with_another_check_character_work(tmp_path: Path) -> None:
    """Most stacks do not verify it [docs/pki.md]."""
    foreign = Authority(good().suite, LATER, SEED).issue(Role.CONTRACT, good()["mo-sub2"], cn="DEABC123456789X")
    assert foreign.common_name == "DEABC123456789X"
    store = Store.of(good().suite, [e for e in good().values() if e.role is not Role.CONTRACT])
    foreign.name = "contract"
    store.add(foreign)
    twin = variants.make(store, "expired", Role.CONTRACT, LATER)
    assert twin.leaf.common_name == "DEABC123456789X"
    found = path.validate(foreign.chain, store.certificates(Role.MO_ROOT), Role.CONTRACT, LATER)
    assert [(d.fatal, d.text) for d in found] == [(False, "eMAID DEABC123456789X: the check character would be Y")]
