"""A PKI in files: complete, reproducible, private, never overwritten by accident."""

from __future__ import annotations

import datetime
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pki import authority, keys, path
from pki.errors import PkiError
from pki.profiles import ANCHORS, SUITES, Role
from pki.store import Store

START = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
LATER = START + datetime.timedelta(days=5)


def make(suite: str, seed: str = "test", start: datetime.datetime = START) -> Store:
    return authority.make(SUITES[suite], start, seed=authority.seed_octets(seed))


def tree(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("suite", SUITES)
def test_every_chain_fits_its_profile(suite: str) -> None:
    """What the table makes, the table accepts: no deviation, not even a harmless one."""
    store = make(suite)
    checked = 0
    for role, anchors in ANCHORS.items():
        if role in store:
            checked += 1
            assert path.validate(store[role].chain, store.certificates(*anchors), role, LATER, suite=suite) == []
    assert checked == (4 if suite == "iso2" else 5)


@pytest.mark.parametrize("suite", SUITES)
def test_openssl_accepts_every_chain(suite: str, tmp_path: Path) -> None:
    store = make(suite)
    store.save(tmp_path)
    assert store.directory is not None
    for entry in store.values():
        if entry.root is None or entry.root is entry:
            continue
        chain = tmp_path / "untrusted.pem"
        chain.write_bytes(entry.chain_pem)
        words = ["openssl", "verify", "-x509_strict", "-attime", str(int(LATER.timestamp()))]
        words += ["-no-CApath", "-no-CAstore", "-CAfile", str(entry.root.path), "-untrusted", str(chain)]
        result = subprocess.run([*words, str(entry.path)], capture_output=True, text=True)
        assert result.returncode == 0, (entry.name, result.stdout + result.stderr)


@pytest.mark.parametrize("suite", SUITES)
def test_same_seed_and_date_give_the_same_octets(suite: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        make(suite).save(tmp_path / name)
    make(suite, "other").save(tmp_path / "other")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert tree(tmp_path / "one").keys() == tree(tmp_path / "other").keys()
    assert tree(tmp_path / "one")[f"{suite}/secc.key"] != tree(tmp_path / "other")[f"{suite}/secc.key"]


def test_without_a_seed_nothing_repeats() -> None:
    stores = [authority.make(SUITES["iso2"], START) for _ in range(2)]
    assert stores[0]["secc"].certificate.serial_number != stores[1]["secc"].certificate.serial_number
    assert not keys.same(stores[0]["secc"].key.public_key(), stores[1]["secc"].key.public_key())


def test_keys_are_private(tmp_path: Path) -> None:
    make("iso2").save(tmp_path)
    modes = {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*.key")}
    assert modes == {0o600}


def test_a_python_package_is_no_place_for_a_pki(tmp_path: Path) -> None:
    """``pki init pki`` in a clone of this program would mix keys with its sources."""
    place = tmp_path / "pki"
    place.mkdir()
    (place / "__init__.py").touch()
    for force in (False, True):
        with pytest.raises(PkiError, match="is a Python package; choose another directory, such as test-pki"):
            make("iso2").save(place, force=force)
    assert [path.name for path in place.iterdir()] == ["__init__.py"]


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    make("iso2").save(tmp_path)
    before = tree(tmp_path)
    with pytest.raises(PkiError, match="--force"):
        make("iso2", "other").save(tmp_path)
    (tmp_path / "iso2" / "index.json").unlink()
    with pytest.raises(PkiError, match="--force"):
        make("iso2", "other").save(tmp_path)
    assert tree(tmp_path).items() <= before.items()
    make("iso2", "other").save(tmp_path, force=True)
    assert tree(tmp_path)["iso2/secc.key"] != before["iso2/secc.key"]


def test_a_store_reads_what_it_wrote(tmp_path: Path) -> None:
    made = make("iso20")
    made.save(tmp_path)
    read = Store(tmp_path, "iso20")
    assert list(read) == list(made)
    for name, entry in read.items():
        assert entry.certificate == made[name].certificate
        assert entry.chain == made[name].chain
        assert entry.role == made[name].role
    assert keys.same(read["contract"].key.public_key(), made["contract"].key.public_key())


def test_a_key_of_another_certificate_is_noticed(tmp_path: Path) -> None:
    make("iso2").save(tmp_path)
    (tmp_path / "iso2/secc.key").write_bytes((tmp_path / "iso2/cps.key").read_bytes())
    with pytest.raises(PkiError, match=r"secc\.key is not the key"):
        _ = Store(tmp_path)["secc"].key
    assert "is not the key" in Store(tmp_path)["secc"].key_trouble()
    assert Store(tmp_path)["cps"].key_trouble() == ""


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda d: (d / "secc.pem").unlink(), "secc.pem: No such file"),
        (lambda d: (d / "secc.pem").write_text("hello"), "secc.pem holds no certificate"),
        (lambda d: (d / "secc.pem").write_bytes(b"\x30\x82"), "octets are missing"),
        (lambda d: (d / "cpo-sub2.pem").unlink(), "cpo-sub2.pem: No such file"),
        (lambda d: (d / "index.json").write_text("{"), "index.json is damaged"),
        (lambda d: (d / "index.json").write_text("[]"), "index.json is damaged"),
        (
            lambda d: (d / "spare.pem").write_bytes((d / "cps.pem").read_bytes()),
            "not in index.json: spare.pem",
        ),
    ],
)
def test_a_directory_edited_by_hand_is_read_as_far_as_it_goes(
    damage: Callable[[Path], object], text: str, tmp_path: Path
) -> None:
    """What is gone or damaged is reported in one line, and the rest works."""
    make("iso2").save(tmp_path)
    damage(tmp_path / "iso2")
    store = Store(tmp_path, "iso2" if (tmp_path / "iso2/index.json").is_file() else None)
    assert sum(text in line for line in store.oddities) == 1
    assert all(line.isprintable() for line in store.oddities)
    contract = store["contract"]
    assert path.validate(contract.chain, store.certificates(Role.MO_ROOT), Role.CONTRACT, LATER) == []
    assert contract.key


def test_a_directory_of_which_nothing_is_left_says_so(tmp_path: Path) -> None:
    make("iso2").save(tmp_path)
    for file in tmp_path.rglob("*.pem"):
        file.unlink()
    with pytest.raises(PkiError, match=r"none of the certificates of index\.json can be used: .*No such file"):
        Store(tmp_path)


def test_an_unknown_entry_names_the_known_ones() -> None:
    with pytest.raises(PkiError, match=r"no vehicle; choose from .*secc"):
        _ = make("iso2")[Role.VEHICLE]


def test_cross_certificates_lead_to_the_other_root() -> None:
    """A vehicle that trusts only the second V2G root accepts a charger of the first one's PKI."""
    store = make("iso20")
    second = [store["v2g-root2"].certificate]
    codes = [d.code for d in path.validate(store["secc"].chain, second, Role.SECC, LATER, suite="iso20")]
    assert codes == [path.Code.UNKNOWN_ROOT]
    crossed = store.cross_chain("secc", "v2g-root2")
    assert path.validate(crossed, second, Role.SECC, LATER, suite="iso20") == []
