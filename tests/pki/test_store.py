"""A PKI in files: complete, reproducible, private, never overwritten by accident."""

from __future__ import annotations

import datetime
import stat
import subprocess
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


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda d: (d / "iso2/index.json").write_text("{"), "index.json is damaged"),
        (lambda d: (d / "iso2/secc.pem").unlink(), "secc.pem: No such file"),
        (lambda d: (d / "iso2/secc.pem").write_text("hello"), "secc.pem holds no certificate"),
    ],
)
def test_damage_is_one_line(damage: object, text: str, tmp_path: Path) -> None:
    make("iso2").save(tmp_path)
    damage(tmp_path)  # type: ignore[operator]
    with pytest.raises(PkiError, match=text) as caught:
        Store(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_unknown_entry_names_the_known_ones() -> None:
    with pytest.raises(PkiError, match=r"no vehicle; there are .*secc"):
        _ = make("iso2")[Role.VEHICLE]


def test_cross_certificates_lead_to_the_other_root() -> None:
    """A vehicle that trusts only the second V2G root accepts a charger of the first one's PKI."""
    store = make("iso20")
    second = [store["v2g-root2"].certificate]
    codes = [d.code for d in path.validate(store["secc"].chain, second, Role.SECC, LATER, suite="iso20")]
    assert codes == [path.Code.UNKNOWN_ROOT]
    crossed = store.cross_chain("secc", "v2g-root2")
    assert path.validate(crossed, second, Role.SECC, LATER, suite="iso20") == []
