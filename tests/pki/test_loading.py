"""Foreign certificates, keys, lists and responses: one error for whatever is wrong, and one place that reads them."""

from __future__ import annotations

import ast
import contextlib
import datetime
import random
from collections.abc import Callable
from pathlib import Path

import der
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkis import LATER, good

from pki import framing, keys, loading, ocsp, path, pem, pkcs12, revocation, roles
from pki.errors import PkiError
from pki.profiles import SUITES, Role
from pki.revocation import Revocations
from pki.store import Store
from pki.unreadable import Unreadable
from plugfest.certificates import text
from plugfest.traces.report.tables import _certificate as report_card
from plugfest.traces.tls import subject as trace_subject
from v2g import credentials
from v2g.errors import RemoteError
from v2g.tls.context import Context

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests/data/reports"
PACKAGES = ("pki", "v2g", "traces", "evcc", "secc", "conformance", "plugfest", "slac", "exi")


# ---------------------------------------------------------------------------------------------------------------
# The door


def _opened(source: str) -> list[str]:
    """The library's loading functions that a module uses."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            loads = node.attr.startswith(("load_der", "load_pem", "load_pkcs12", "load_key_and", "load_ssh"))
            if loads and node.value.id not in ("loading", "json", "yaml"):
                found.append(f"{node.value.id}.{node.attr}")
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cryptography"):
            found += [f"{node.module}.{alias.name}" for alias in node.names if alias.name.startswith("load_")]
    return found


def test_no_other_module_loads_certificates_or_keys() -> None:
    """What a peer or a file gives goes through pki.loading, whose error is the only one to expect."""
    assert _opened("from cryptography import x509\nx509.load_der_x509_certificate(b'')")  # the scan sees them
    assert _opened("from cryptography.x509 import load_pem_x509_crl")
    assert _opened((ROOT / "pki/loading.py").read_text())
    others = {
        str(file.relative_to(ROOT)): found
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
        if file != ROOT / "pki/loading.py" and (found := _opened(file.read_text()))
    }
    assert not others


# ---------------------------------------------------------------------------------------------------------------
# Named defects


def _leaf() -> bytes:
    return good()["secc"].der


def _with(change: Callable[[der.Node], object]) -> bytes:
    (top,) = der.parse(_leaf())
    change(top.inside[0])
    return top.pack()


def _extensions(tbs: der.Node) -> der.Node:
    return tbs.inside[-1].inside[0]


def _garbage(tbs: der.Node) -> None:
    """A key usage that is not a bit string, not critical."""
    body = der.Node(0x04, b"\x30\x03\x02\x01")
    _extensions(tbs).inside.append(der.Node(0x30, inside=[der.Node(0x06, b"\x55\x1d\x12"), body]))


def _many(tbs: der.Node) -> None:
    for number in range(70):
        name = der.Node(0x06, b"\x2b\x06\x01\x04\x01" + bytes((number,)))
        _extensions(tbs).inside.append(der.Node(0x30, inside=[name, der.Node(0x04, b"\x05\x00")]))


def _rsa(bits: int) -> bytes:
    number = der.Node(0x02, b"\x00" + b"\xff" * (bits // 8))
    key = der.Node(0x30, inside=[number, der.Node(0x02, b"\x01\x00\x01")]).pack()
    kind = der.Node(0x30, inside=[der.Node(0x06, bytes.fromhex("2a864886f70d010101")), der.Node(0x05)])
    return _with(lambda tbs: tbs.inside.__setitem__(6, der.Node(0x30, inside=[kind, der.Node(0x03, b"\x00" + key)])))


_PAIR = der.Node(0x30, inside=[der.Node(0x06, b"\x55\x04\x03"), der.Node(0x0C, b"\xff\xfe")])
_BAD_NAME = der.Node(0x31, inside=[_PAIR])

# TBSCertificate: version, serial number, signature algorithm, issuer, validity, subject, key, extensions
DEFECTS: list[tuple[bytes, str]] = [
    (b"", "it is empty"),
    (b"hello", "not valid DER"),
    (_leaf()[:-5], "octets are missing"),
    (_leaf() + b"\x00", "too many octets"),
    (_leaf() + bytes(70000), "at most 65536"),
    (_with(lambda tbs: tbs.inside[0].inside.__setitem__(0, der.Node(0x02, b"\x01"))), "it says X.509 version 2"),
    (_with(lambda tbs: _extensions(tbs).inside.append(_extensions(tbs).inside[0])), "basicConstraints appears twice"),
    (_with(_garbage), "one of its extensions is not valid DER"),
    (_with(_many), "extensions; at most 64"),
    (_with(lambda tbs: tbs.inside[4].inside.__setitem__(0, der.Node(0x17, b"991399999999Z"))), "not valid DER"),
    (_with(lambda tbs: tbs.inside[5].inside.__setitem__(0, _BAD_NAME)), "its subject is not valid DER"),
    (_with(lambda tbs: tbs.inside[6].inside.__setitem__(1, der.Node(0x03, b"\x00\x04" + bytes(64)))), "its public key"),
    (_with(lambda tbs: tbs.inside[6].inside[0].inside.__setitem__(1, der.Node(0x06, b"\x2b\x81\x04\x00\x01"))),
     "its public key is of a kind that is not supported"),
    (_rsa(40000), "RSA key"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "said"), DEFECTS, ids=[said[:40] for _, said in DEFECTS])
def test_a_defect_is_named_with_its_source_and_place(data: bytes, said: str) -> None:
    with pytest.raises(loading.Unreadable) as caught:
        loading.chain([_leaf(), data], "the vehicle")
    assert said in caught.value.defect
    assert (caught.value.what, caught.value.source, caught.value.place) == ("certificate", "the vehicle", 2)
    assert str(caught.value).startswith("the vehicle: certificate 2 cannot be used: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("serial", [b"\x00", b"\xff", b"\x7f" + b"\xff" * 30])
def test_odd_serial_numbers_are_read(serial: bytes) -> None:
    """Zero, negative and overlong ones are seen in the field; nothing depends on them."""
    found = loading.certificate(_with(lambda tbs: tbs.inside.__setitem__(1, der.Node(0x02, serial))))
    assert found.serial_number == int.from_bytes(serial, "big", signed=True)


def test_the_certificate_of_version_2_is_named() -> None:
    file = DATA / "certificate-version-2.pem"
    with pytest.raises(loading.Unreadable, match=r"version-2\.pem: the certificate cannot be used: it says"):
        loading.certificates(framing.read(file), str(file))


def test_which_certificate_of_a_file_is_reported() -> None:
    pem = good()["secc"].pem + (DATA / "certificate-version-2.pem").read_bytes()
    with pytest.raises(loading.Unreadable, match="chain: certificate 2 cannot be used: it says X.509 version 2"):
        loading.certificates(pem, "chain")
    with pytest.raises(loading.Unreadable, match="chain: certificate 2 cannot be used: its END line is missing"):
        loading.certificates(good()["secc"].pem + b"-----BEGIN CERTIFICATE-----\n", "chain")


def test_der_one_behind_the_other() -> None:
    leaf = _leaf()
    assert len(loading.certificates(leaf * 3, "x")) == 3
    for damaged, said in (
        (leaf * 2 + b"\x30", "certificate 3"),
        (leaf + b"hello", "5 octets follow"),
        (b"abc", "holds no"),
    ):
        with pytest.raises(loading.Unreadable, match=said):
            loading.certificates(damaged, "x")


def _pem(key: object, password: str | None = None) -> bytes:
    how = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)  # type: ignore[attr-defined]  # of an Ed448Scalar nothing is written


def test_private_keys_say_what_is_missing() -> None:
    locked = _pem(good()["secc"].key, "secret")
    assert loading.private_key(locked, "k", "secret")
    assert loading.private_key(_pem(good()["secc"].key), "k", "needless")
    cases: list[tuple[bytes, str | None, type[loading.Unreadable], str]] = [
        (locked, None, loading.WrongPassword, "its password is needed"),
        (locked, "guess", loading.WrongPassword, "the password is wrong"),
        (good()["secc"].pem, None, loading.Absent, "holds no private key"),
        (b"\x30\x03", None, loading.Absent, "holds no private key"),
        (_pem(rsa.generate_private_key(65537, 2048)), None, loading.Unreadable, "of kind RSA-2048"),
    ]
    for data, password, kind, said in cases:
        with pytest.raises(kind, match=said):
            loading.private_key(data, "k", password)


def test_containers_say_what_is_missing() -> None:
    entry = good()["secc"]
    data = pkcs12.container("secc", entry.key, entry.certificate, entry.chain[1:], "secret")
    box = loading.pkcs12(data, "box", [None, "no", "secret"])
    assert box.key is not None
    assert len(box.certificates) == 3
    for passwords, said in (([None], "its password is needed"), ([None, "no"], "the password is wrong")):
        with pytest.raises(loading.WrongPassword, match=said):
            loading.pkcs12(data, "box", passwords)
    with pytest.raises(loading.Unreadable):
        loading.pkcs12(b"hello", "box", [None])


# ---------------------------------------------------------------------------------------------------------------
# Mutants


def _one_line(why: loading.Unreadable) -> None:
    assert str(why).isprintable()


def _certificate_consumers(data: bytes) -> None:
    """Everything that takes the DER of a peer; whatever else than the typed error comes fails the test."""
    store = good()
    try:
        found = loading.certificate(data, "mutant")
    except loading.Unreadable as why:
        _one_line(why)
        found = None
    try:
        assert credentials.read(data) == found
    except RemoteError:
        assert found is None
    assert trace_subject(data)
    assert report_card(data)
    assert Context("client").describe([data, store["cpo-sub2"].der])
    roots = store.certificates(Role.V2G_ROOT)
    sub = store["cpo-sub2"].der
    for chain, trusted in (([data, sub], roots), ([_leaf(), data], roots), ([_leaf(), sub], [found] if found else [])):
        assert path.validate(chain, trusted, Role.SECC, LATER) is not None
    if found is None:
        return
    roles.guess(found)
    assert list(text.chain([found], [None], SUITES["iso2"], LATER))
    loading.issued(found, store["secc"].certificate)
    loading.issued(store["cpo-sub2"].certificate, found)
    response = ocsp.staple(store, store["secc"], LATER, Revocations())
    ocsp.check(response, found, store["cpo-sub2"].certificate, LATER)
    ocsp.check(response, store["secc"].certificate, found, LATER)


@pytest.mark.parametrize("role", ["secc", "cpo-sub2", "v2g-root", "ocsp-cpo-sub2"])
def test_mutants_of_certificates_are_refused_with_one_error(role: str) -> None:
    rng = random.Random(role)
    data = good()[role].der
    for _ in range(250):
        _certificate_consumers(der.mutant(data, rng))


def test_mutants_of_responses_and_lists_are_refused_with_one_error() -> None:
    store, rng = good(), random.Random(5)
    revocations = Revocations()
    revocations.revoke(store["secc"], LATER, "keyCompromise")
    response = ocsp.staple(store, store["secc"], LATER, revocations)
    listed = revocation.crl(store["cpo-sub2"], revocations, LATER).public_bytes(serialization.Encoding.DER)
    for _ in range(250):
        mutant = der.mutant(response, rng)
        ocsp.check(mutant, store["secc"].certificate, store["cpo-sub2"].certificate, LATER)
        ocsp.describe(mutant)
        ocsp.respond({"iso2": store}, mutant, LATER)
        try:
            found = loading.crl(der.mutant(listed, rng), "list")
        except loading.Unreadable:
            continue
        revocation.listed(found, [e.certificate for e in store.authorities])


def test_mutants_of_keys_are_refused_with_one_error() -> None:
    rng = random.Random(6)
    key = good()["secc"].key
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = _pem(key, "secret")
    box = pkcs12.container("secc", key, good()["secc"].certificate, (), "secret")
    for _ in range(150):
        for load in (
            lambda: loading.private_key(der.mutant(plain, rng), "k"),
            lambda: loading.private_key(der.bytewise(pem, rng), "k", "secret"),
            lambda: loading.pkcs12(der.bytewise(box, rng), "box", ["secret"]),
        ):
            try:
                load()
            except loading.Unreadable as why:
                _one_line(why)


def test_a_directory_with_a_mutant_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    rng = random.Random(8)
    for name in ("v2g-root", "cpo-sub1", "cpo-sub2", "secc"):
        (tmp_path / f"{name}.pem").write_bytes(good()[name].pem)
    for number in range(60):
        (tmp_path / "mutant.der").write_bytes(der.mutant(_leaf(), rng))
        (tmp_path / "mutant.key").write_bytes(der.bytewise(_pem(good()["secc"].key), rng))
        store = Store(tmp_path)
        assert {"v2g-root", "cpo-sub1", "cpo-sub2"} <= set(store), number
        assert list(text.overview(store, LATER, Revocations()))
        for entry in store.values():
            if entry.has_key:
                with contextlib.suppress(PkiError):
                    _ = entry.key


def test_times_at_the_ends_of_the_calendar_are_judged() -> None:
    """OCSP responses of year 9999 without a nextUpdate, and certificates valid until then."""
    (top,) = der.parse(ocsp.staple(good(), good()["secc"], LATER, Revocations()))
    inner = der.parse(top.inside[1].inside[0].inside[1].value)  # responseBytes: the basic response in an OCTET STRING
    for node in inner[0].walk():
        if node.tag == 0x18:
            node.value = b"99991231235959Z"
    top.inside[1].inside[0].inside[1].value = inner[0].pack()
    found = ocsp.check(top.pack(), good()["secc"].certificate, good()["cpo-sub2"].certificate, LATER)
    assert all(d.fatal is not None for d in found)
    end = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
    assert path.validate(good()["secc"].chain, [], Role.SECC, end)


def test_keys_of_other_curves_are_described() -> None:
    assert keys.describe(ec.generate_private_key(ec.SECP256K1()).public_key()) == "secp256k1"
    assert isinstance(good()["secc"].certificate, x509.Certificate)


def test_certificates_that_begin_and_never_end_cost_no_time() -> None:
    """A file of 6 MB of BEGIN lines is refused at once, and one END line makes one certificate of all before it."""
    begin, end = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"
    assert list(pem.blocks(begin * 200_000)) == []
    assert pem.announced(begin * 200_000) == 200_000
    assert [len(block) for block in pem.blocks(begin * 3 + b"AAAA\n" + end + begin + b"BBBB\n" + end)] == [61, 5]
    with pytest.raises(Unreadable, match="its END line is missing"):
        loading.certificates(begin * 30_000, "file")
