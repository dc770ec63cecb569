"""OCSP and CRLs: what our responder says is believed by OpenSSL, and what is wrong is refused by our own check."""

from __future__ import annotations

import datetime
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from pkis import LATER, SEED, good, openssl, saved

from pki import authority, keys, ocsp, path, revocation
from pki.errors import PkiError
from pki.path import Code
from pki.profiles import SUITES, Role
from pki.responder import Responder
from pki.revocation import Revocations
from pki.store import Store

WEEK = datetime.timedelta(days=7)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Store, Responder, str]]:
    """A PKI of yesterday with its responder on loopback: openssl goes by the real time."""
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    store = authority.make(SUITES["iso2"], yesterday)
    store.save(tmp_path)
    server = Responder(tmp_path, ("127.0.0.1", 0), lambda: datetime.datetime.now(datetime.UTC), lambda line: None)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield store, server, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def ask(store: Store, url: str, name: str, *more: str) -> subprocess.CompletedProcess[str]:
    entry = store[name]
    assert entry.issuer is not None
    root = entry.root
    assert root is not None
    assert store.directory is not None
    chain = store.directory / "chains" / f"{entry.issuer.name}.pem"
    words = ["ocsp", "-issuer", str(entry.issuer.path), "-cert", str(entry.path), "-url", f"{url}/ocsp", *more]
    words += ["-CAfile", str(root.path), "-no-CApath", "-no-CAstore"]
    if chain.is_file():
        words += ["-verify_other", str(chain)]
    return openssl(*words)


def test_openssl_believes_our_responder(served: tuple[Store, Responder, str]) -> None:
    store, _, url = served
    for name in ("secc", "cpo-sub2", "cpo-sub1", "mo-sub1"):
        result = ask(store, url, name)
        assert "Response verify OK" in result.stderr, (name, result.stderr)
        assert f"{store[name].path}: good" in result.stdout


def test_openssl_sees_a_revocation_at_once(served: tuple[Store, Responder, str]) -> None:
    """What is revoked while the responder runs counts with the next request."""
    store, _, url = served
    Revocations.of(store).revoke(store["contract"], LATER, "keyCompromise")
    result = ask(store, url, "contract")
    assert "Response verify OK" in result.stderr
    assert f"{store['contract'].path}: revoked" in result.stdout
    assert "Reason: keyCompromise" in result.stdout


def test_an_unknown_serial_is_unknown(served: tuple[Store, Responder, str]) -> None:
    store, _, url = served
    words = ["ocsp", "-issuer", str(store["cpo-sub2"].path), "-serial", "0x1234", "-url", f"{url}/ocsp", "-noverify"]
    assert "0x1234: unknown" in openssl(*words).stdout


def test_an_unknown_issuer_is_refused(served: tuple[Store, Responder, str]) -> None:
    store, _, url = served
    words = ["ocsp", "-issuer", str(store["secc"].path), "-serial", "1", "-url", f"{url}/ocsp", "-noverify"]
    result = openssl(*words)
    assert "unauthorized" in result.stdout + result.stderr


def test_requests_may_come_by_get_and_lists_too(served: tuple[Store, Responder, str], tmp_path: Path) -> None:
    store, _, url = served
    entry = store["secc"]
    assert entry.issuer is not None
    from base64 import b64encode
    from urllib.parse import quote

    from cryptography.x509.ocsp import OCSPRequestBuilder

    request = OCSPRequestBuilder().add_certificate(entry.certificate, entry.issuer.certificate, hashes.SHA256()).build()
    place = f"{url}/ocsp/{quote(b64encode(request.public_bytes(Encoding.DER)), safe='')}"
    with urllib.request.urlopen(place) as answer:
        data = answer.read()
    assert ocsp.check(data, entry.certificate, entry.issuer.certificate, datetime.datetime.now(datetime.UTC)) == []
    with urllib.request.urlopen(f"{url}/crl/iso2/cpo-sub2.crl") as answer:
        found = x509.load_der_x509_crl(answer.read())
    assert found.is_signature_valid(store["cpo-sub2"].certificate.public_key())


@pytest.mark.parametrize(
    ("path", "data", "code"),
    [("/", None, 404), ("/crl/iso2/secc.crl", None, 404), ("/crl/../../etc/passwd", None, 404),
     ("/ocsp/%%%", None, 400), ("/ocsp", b"x" * 20000, 413)],
)  # fmt: skip
def test_nonsense_is_refused(path: str, data: bytes | None, code: int, served: tuple[Store, Responder, str]) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(served[2] + path, data)
    assert caught.value.code == code
    caught.value.close()


def test_malformed_requests_get_an_answer(served: tuple[Store, Responder, str]) -> None:
    with urllib.request.urlopen(served[2] + "/ocsp", b"\x30\x00") as answer:
        assert ocsp.describe(answer.read()) == "refused: malformed_request"


# ---------------------------------------------------------------------------------------------------------------
# Our own check


@pytest.mark.parametrize("suite", SUITES)
def test_staples_for_a_whole_chain_are_good(suite: str) -> None:
    """One response for each certificate of the chain, in its order [V2G2-871, V2G20-2388]."""
    store = good(suite)
    leaf = store["secc"]
    found = ocsp.staples(store, leaf, LATER)
    assert len(found) == 3
    for index, (response, entry) in enumerate(zip(found, leaf.up, strict=False)):
        assert entry.issuer is not None
        assert ocsp.check(response, entry.certificate, entry.issuer.certificate, LATER, index=index) == []


def check(response: bytes, at: datetime.datetime) -> list[path.Deviation]:
    store = good()
    return ocsp.check(response, store["secc"].certificate, store["cpo-sub2"].certificate, at)


def codes(response: bytes, at: datetime.datetime = LATER) -> list[Code]:
    return [d.code for d in check(response, at)]


def test_age_counts() -> None:
    store = good()
    response = ocsp.staple(store, store["secc"], LATER)
    assert codes(response, LATER + WEEK) == []
    assert codes(response, LATER + WEEK + datetime.timedelta(minutes=6)) == [Code.OCSP_STALE]
    assert codes(response, LATER - datetime.timedelta(minutes=6)) == [Code.OCSP_STALE]
    assert codes(response, LATER - datetime.timedelta(minutes=4)) == []


@pytest.mark.parametrize("lifetime", [datetime.timedelta(days=30), None])
def test_no_response_counts_for_longer_than_a_week(lifetime: datetime.timedelta | None) -> None:
    """Whatever the responder promises: a long nextUpdate, or none [V2G2-649, V2G20-1021]."""
    store = good()
    issuer, signer = store["cpo-sub2"], store["ocsp-cpo-sub2"]
    ours = x509.ocsp.OCSPResponseBuilder().add_response(
        store["secc"].certificate, issuer.certificate, hashes.SHA256(), x509.ocsp.OCSPCertStatus.GOOD, LATER,
        LATER + lifetime if lifetime else None, None, None,
    )  # fmt: skip
    ours = ours.responder_id(x509.ocsp.OCSPResponderEncoding.NAME, signer.certificate)
    response = ours.certificates([signer.certificate]).sign(keys.certifying(signer.key), hashes.SHA256())
    data = response.public_bytes(Encoding.DER)
    fatal = [d.code for d in path.fatal(check(data, LATER + WEEK))]
    assert fatal == []
    assert [d.code for d in path.fatal(check(data, LATER + WEEK + datetime.timedelta(minutes=6)))] == [Code.OCSP_STALE]


@pytest.mark.parametrize("days", [(-60, -1), (1, 60)], ids=["expired", "not yet valid"])
def test_a_signer_out_of_its_validity_is_not_believed(days: tuple[int, int]) -> None:
    store = good()
    begin, end = (LATER + datetime.timedelta(days=number) for number in days)
    changes = authority.Changes(not_before=begin, not_after=end)
    source = authority.Authority(SUITES["iso2"], LATER, SEED)
    signer = source.issue(Role.OCSP, store["cpo-sub2"], name="ocsp-other", changes=changes)
    (found,) = check(ocsp.staple(store, store["secc"], LATER, by=signer), LATER)
    assert (found.code, found.fatal) == (Code.OCSP_INVALID, True)
    assert "is not valid now" in found.text


def test_a_good_word_for_another_leaf_of_the_same_issuer_is_none() -> None:
    store = good()
    other = authority.Authority(SUITES["iso2"], LATER, SEED).issue(Role.SECC, store["cpo-sub2"], name="other")
    (found,) = check(ocsp.staple(store, other, LATER), LATER)
    assert "is about another certificate" in found.text


def test_revoked_and_unknown_are_told_apart() -> None:
    store = good()
    known = Revocations()
    known.revoke(store["secc"], LATER, "superseded")
    assert codes(ocsp.staple(store, store["secc"], LATER, known)) == [Code.REVOKED]
    unknown = ocsp.ocsp.OCSPCertStatus.UNKNOWN
    assert codes(ocsp.staple(store, store["secc"], LATER, status=unknown)) == [Code.OCSP_INVALID]


@pytest.mark.parametrize("by", ["secc", "cps", "ocsp-mo-sub2", "ocsp-cpo-sub1"])
def test_only_the_issuers_signer_is_believed(by: str) -> None:
    """Neither a leaf of the issuer nor the OCSP signer of another authority may answer."""
    store = good()
    assert codes(ocsp.staple(store, store["secc"], LATER, by=store[by])) == [Code.OCSP_INVALID]


def test_the_issuer_itself_may_answer() -> None:
    store = good()
    assert codes(ocsp.staple(store, store["secc"], LATER, by=store["cpo-sub2"])) == []


def test_a_response_about_another_certificate_is_not_an_answer() -> None:
    store = good()
    assert codes(ocsp.staple(store, store["cpo-sub2"], LATER)) == [Code.OCSP_INVALID]


def test_altered_responses_are_refused() -> None:
    """Whatever octet is changed: never believed, never an exception."""
    store = good()
    response = ocsp.staple(store, store["secc"], LATER)
    for position in range(0, len(response) - 560, 3):  # behind it comes the signer's certificate
        changed = bytearray(response)
        changed[position] ^= 0x55
        assert codes(bytes(changed)), position
    assert codes(b"") == [Code.OCSP_INVALID]
    assert codes(response[:-1]) == [Code.OCSP_INVALID]


def test_revocation_is_remembered_and_taken_back(tmp_path: Path) -> None:
    store = saved(tmp_path)
    Revocations.of(store).revoke(store["secc"], LATER, "certificateHold")
    again = Revocations.of(Store(tmp_path))
    assert again(store["secc"].certificate, store["cpo-sub2"].certificate)
    again.restore(store["secc"])
    assert Revocations.of(store).entries == {}
    with pytest.raises(PkiError, match="not revoked"):
        again.restore(store["secc"])


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    store = saved(tmp_path)
    with pytest.raises(PkiError, match="choose from unspecified, keyCompromise"):
        Revocations.of(store).revoke(store["secc"], LATER, "bored")
    with pytest.raises(PkiError, match="no issuer"):
        Revocations.of(store).revoke(store["v2g-root"], LATER)
    (tmp_path / "iso2" / revocation.REVOKED).write_text("[1]")
    with pytest.raises(PkiError, match=r"revoked\.json is damaged"):
        Revocations.of(store)
