"""``plugfest pki`` as an engineer uses it, from an empty directory to a revoked contract."""

from __future__ import annotations

import base64
import json
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from captures import SHARED
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from pki import delivery, delivery20, keys
from pki.store import Store
from plugfest.cli import main

FIXED = ("--seed", "bench", "--date", "2026-03-01")
AT = ("--at", "2026-03-05")


@pytest.fixture
def pki(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    where = tmp_path / "pki"
    assert main(["pki", "init", str(where), *FIXED]) == 0
    capsys.readouterr()
    return where


def tree(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_one_command_makes_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = tmp_path / "pki"
    assert main(["pki", "init", str(where), "--profile", "both", *FIXED]) == 0
    assert "to look at it: plugfest pki show" in capsys.readouterr().out
    assert sorted(p.name for p in where.iterdir()) == ["iso2", "iso20", "iso20-ed448"]
    for suite in ("iso2", "iso20", "iso20-ed448"):
        for name in ("secc", "contract", "oem-provisioning", "cps", "v2g-root", "mo-root", "oem-root"):
            assert (where / suite / f"{name}.pem").is_file()
            assert (where / suite / f"{name}.key").is_file()
    assert main(["pki", "verify", str(where), *AT]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Accepted: all 14 chains are valid.\n")
    assert said.count("good\n") == 14


def test_same_seed_and_date_give_the_same_files(pki: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    assert main(["pki", "init", str(again), *FIXED]) == 0
    assert tree(pki) == tree(again)
    assert main(["pki", "init", str(other), "--seed", "bench", "--date", "2026-03-02"]) == 0
    assert tree(pki)["iso2/secc.pem"] != tree(other)["iso2/secc.pem"]


def test_a_pki_is_not_lost_by_accident(pki: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(pki)
    assert main(["pki", "init", str(pki)]) == 2
    assert "--force" in capsys.readouterr().err
    assert tree(pki) == before
    assert main(["pki", "issue", str(pki), "secc", "DE*ABC*E1"]) == 0
    assert main(["pki", "variants", str(pki), "expired"]) == 0
    assert main(["pki", "init", str(pki), "--force"]) == 0
    after = tree(pki)
    assert after.keys() == before.keys(), "nothing of the old one is left"
    assert after["iso2/secc.key"] != before["iso2/secc.key"]


def test_show_reads_like_an_engineer_reads_a_chain(pki: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "show", str(pki), "secc", *AT]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert [line.strip() for line in lines if not line.startswith("      ")] == [
        "1  SECC leaf", "2  CPO sub-CA 2", "3  CPO sub-CA 1", "root  V2G root CA (not sent)",
    ]  # fmt: skip
    for text in (
        "subject   CN=DEPLFE00001  DC=CPO  O=plugfest CPO  C=DE",
        "valid     2026-03-01 to 2026-05-30, 86 days left",
        "key       P-256, signed with ecdsa-with-SHA256",
        "usage     leaf; digitalSignature, keyAgreement",
        "usage     CA, path length 0; cRLSign, keyCertSign",
        "OCSP http://127.0.0.1:8560/ocsp",
        "files     secc.pem  secc.key",
    ):
        assert text in out
    assert main(["pki", "show", str(pki), "secc", "--at", "2026-06-30"]) == 0
    out = capsys.readouterr().out
    assert "EXPIRED 31 days ago" in out
    assert "! WRONG   expired on 2026-05-30" in out


def test_show_lists_a_pki_as_a_tree(pki: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "show", str(pki), *AT]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = {line.split()[0]: len(line) - len(line.lstrip()) for line in lines[1:]}
    assert (at["v2g-root"], at["cpo-sub1"], at["cpo-sub2"], at["secc"]) == (2, 4, 6, 8)


@pytest.mark.parametrize("form", ["pem", "der", "hex", "base64"])
def test_show_takes_every_form_of_certificate(
    form: str, pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    der = (pki / "iso2/der/contract.der").read_bytes()
    data = {
        "pem": (pki / "iso2/contract.pem").read_bytes(),
        "der": der,
        "hex": der.hex().encode(),
        "base64": base64.encodebytes(der),
    }[form]
    (tmp_path / "file").write_bytes(data)
    assert main(["pki", "show", str(tmp_path / "file"), *AT]) == 0
    out = capsys.readouterr().out
    assert "Contract leaf" in out
    assert "not checked against a root" in out
    assert "WRONG" not in out


def test_verify_names_what_is_wrong(pki: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "variants", str(pki), "--role", "secc", *AT, "--seed", "bench"]) == 0
    capsys.readouterr()

    def verify(variant: str) -> tuple[int, str]:
        chain = pki / "iso2/variants" / variant / "secc-chain.pem"
        code = main(["pki", "verify", str(chain), "--role", "secc", "--roots", str(pki), *AT])
        return code, capsys.readouterr().out

    for variant, text in {
        "expired": "expired on 2026-03-04",
        "wrong-role": "this is a contract leaf (domain component DC=MO), not a SECC leaf",
        "twin-root": "but has another key",
        "missing-intermediate": "does not belong to the chain",
        "wrong-curve": "key on P-384, expected P-256 [V2G2-007]",
        "over-long-path": "allows 0 sub-CAs below it, but 1 follow",
    }.items():
        code, out = verify(variant)
        assert code == 1
        assert "REFUSED" in out
        assert text in out


def test_issue_checks_ids_and_adds_check_characters(pki: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "contract", str(pki), "de-abc-123456789", *FIXED]) == 0
    assert main(["pki", "issue", str(pki), "secc", "DE*ABC*E77", *FIXED]) == 0
    assert main(["pki", "issue", str(pki), "oem-provisioning", "WMI00000000000042", *FIXED]) == 0
    store = Store(pki)
    assert store["contract-DEABC123456789Y"].common_name == "DEABC123456789Y"
    assert store["secc-DEABCE77"].common_name == "DEABCE77"
    assert len(next(n for n in store if n.startswith("oem-provisioning-"))) == len("oem-provisioning-") + 18
    assert main(["pki", "verify", str(pki), *AT]) == 0
    capsys.readouterr()
    for words, text in {
        ("contract", "DEABC12345678"): "needs country (2 letters)",
        ("issue", "secc", "ABC"): "EVSE id 'ABC'",
        ("issue", "secc"): "needs an id",
        ("issue", "v2g-root", "x"): "is a root",
        ("issue", "king", "x"): "unknown role 'king'",
        ("issue", "vehicle", "x"): "iso2 has no certificates of role vehicle",
        ("issue", "secc", "DE*ABC*E77"): "--force",
        ("issue", "secc", "DE*ABC*E78", "--issuer", "nobody"): "has no nobody; choose from",
    }.items():
        assert main(["pki", words[0], str(pki), *words[1:]]) == 2
        err = capsys.readouterr().err
        assert text in err
        assert err.count("\n") == 1


def test_a_private_charger_gets_its_leaf_from_the_private_root(pki: Path) -> None:
    """A private operator's root may sign the leaf itself, and names no OCSP [V2G2-868, 872]."""
    words = ["pki", "issue", str(pki), "secc", "DE*ABC*E5", "--issuer", "private-root", "--name", "secc-private"]
    assert main([*words, *FIXED]) == 0
    entry = Store(pki)["secc-private"]
    assert len(entry.chain) == 1
    with pytest.raises(x509.ExtensionNotFound):
        entry.certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    assert main(["pki", "verify", str(pki), "secc-private", *AT]) == 0


def test_a_contract_is_delivered_sealed(pki: Path, tmp_path: Path) -> None:
    """What is written for the vehicle opens with its provisioning key only; the operator keeps no key."""
    out = tmp_path / "delivery.json"
    words = ["pki", "contract", str(pki), "DE-ABC-C98765432", "--for", "oem-provisioning", "--out", str(out)]
    assert main(words) == 0
    given = json.loads(out.read_text())
    store = Store(pki)
    sealed = delivery.Sealed(
        base64.b64decode(given["ContractSignatureEncryptedPrivateKey"]), base64.b64decode(given["DHpublickey"])
    )
    leaf = x509.load_der_x509_certificate(base64.b64decode(given["ContractSignatureCertChain"][0]))
    own = store["oem-provisioning"].key
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    key = delivery.unseal(sealed, own, leaf)
    assert keys.same(key.public_key(), leaf.public_key())
    record = store[f"contract-{given['eMAID']}"]
    assert record.certificate == leaf
    assert not record.has_key
    assert len(given["SAProvisioningCertificateChain"]) == 3


@pytest.mark.parametrize(("suite", "curve", "size"), [("iso20", "SECP521", 94), ("iso20-ed448", "X448", 84)])
def test_a_contract_of_iso20_is_delivered_sealed(
    suite: str, curve: str, size: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pki = tmp_path / "pki"
    assert main(["pki", "init", str(pki), "--profile", "iso20"]) == 0
    capsys.readouterr()
    words = ["pki", "contract", str(pki), "DE-ABC-C98765432", "--for", "oem-provisioning", "--suite", suite]
    assert main(words) == 0
    given = json.loads(capsys.readouterr().out)
    assert given["ECDHCurve"] == curve
    assert len(base64.b64decode(given[f"{curve}_EncryptedPrivateKey"])) == size
    store = Store(pki, suite)
    car = store["oem-provisioning"]
    leaf = x509.load_der_x509_certificate(base64.b64decode(given["ContractCertificateChain"][0]))
    sealed = delivery20.Sealed(
        given["ECDHCurve"],
        base64.b64decode(given["DHPublicKey"]),
        base64.b64decode(given[f"{curve}_EncryptedPrivateKey"]),
    )
    assert delivery20.unseal(sealed, car.key, car.certificate, leaf)


def test_revoking_shows_everywhere(pki: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "revoke", str(pki), "contract", "--reason", "keyCompromise", "--at", "2026-03-04"]) == 0
    assert main(["pki", "verify", str(pki), "contract", *AT]) == 1
    said = capsys.readouterr().out
    assert "\nRefused: contract is not valid.\n" in said
    assert "revoked on 2026-03-04 00:00 UTC, keyCompromise" in said
    assert main(["pki", "show", str(pki), *AT]) == 0
    assert "REVOKED 2026-03-04, keyCompromise" in capsys.readouterr().out
    assert main(["pki", "crl", str(pki), "mo-sub2", *AT]) == 0
    assert "1 revoked, until 2026-03-12" in capsys.readouterr().out
    found = x509.load_der_x509_crl((pki / "iso2/crl/mo-sub2.crl").read_bytes())
    assert found.get_revoked_certificate_by_serial_number(Store(pki)["contract"].certificate.serial_number)
    assert main(["pki", "revoke", str(pki), "contract", "--undo"]) == 0
    assert main(["pki", "verify", str(pki), "contract", *AT]) == 0


def test_show_reads_lists_and_responses(pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "revoke", str(pki), "contract", "--reason", "superseded", "--at", "2026-03-04"]) == 0
    assert main(["pki", "crl", str(pki), "mo-sub2", *AT]) == 0
    response = tmp_path / "response.der"
    assert main(["pki", "ocsp", str(pki), "contract", "--out", str(response), *AT]) == 0
    capsys.readouterr()
    serial = f"{Store(pki)['contract'].certificate.serial_number:x}"
    assert main(["pki", "show", str(pki / "iso2/crl/mo-sub2.pem"), *AT]) == 0
    out = capsys.readouterr().out
    assert "issuer    CN=MOSubCA2" in out
    assert f"{serial} on 2026-03-04 00:00 UTC, superseded" in out
    assert main(["pki", "show", str(response), "--at", "2026-03-20"]) == 0
    out = capsys.readouterr().out
    assert f"about     serial {serial}" in out
    assert "status    REVOKED on 2026-03-04 00:00 UTC, superseded" in out
    assert "counts    2026-03-05 00:00 to 2026-03-12 00:00 UTC, STALE" in out


def test_lists_from_elsewhere_count_if_an_authority_signed_them(
    pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pki", "revoke", str(pki), "contract", "--reason", "superseded", "--at", "2026-03-04"]) == 0
    assert main(["pki", "crl", str(pki), *AT]) == 0
    chain = pki / "iso2/chains/contract.pem"
    words = ["pki", "verify", str(chain), "--roots", str(pki / "iso2/mo-root.pem"), *AT]
    assert main(words) == 0
    for suffix in ("crl", "pem"):
        capsys.readouterr()
        assert main([*words, "--crl", str(pki / f"iso2/crl/mo-sub2.{suffix}")]) == 1
        assert "revoked on 2026-03-04 00:00 UTC, superseded" in capsys.readouterr().out
    assert main([*words, "--crl", str(pki / "iso2/crl/cpo-sub2.crl")]) == 0
    assert "not signed by an authority of this chain" in capsys.readouterr().out
    other = tmp_path / "other"
    assert main(["pki", "init", str(other), "--seed", "another", "--date", "2026-03-01"]) == 0
    assert main(["pki", "crl", str(other), "mo-sub2", *AT]) == 0
    assert main([*words, "--crl", str(other / "iso2/crl/mo-sub2.crl")]) == 0, "the name alone does not do"
    assert main([*words, "--crl", str(chain)]) == 2
    assert main([*words[:-1], "2026-03-20", "--crl", str(pki / "iso2/crl/mo-sub2.crl")]) == 1
    assert "stale since 2026-03-12" in capsys.readouterr().out


def test_the_responder_serves_until_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command answers for today's PKI, and ends normally on Ctrl-C."""
    where = tmp_path / "pki"
    words = [sys.executable, "-u", "-m", "plugfest", "pki", "ocsp", str(where), "--port", "0"]
    with subprocess.Popen([*words], stdout=subprocess.PIPE, text=True) as refused:
        assert refused.wait(30) == 2, "there is nothing to serve yet"
    assert main(["pki", "init", str(where)]) == 0
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        first = server.stdout.readline()
        port = first.split(":")[2].split("/")[0]
        url = f"http://127.0.0.1:{port}"
        other = tmp_path / "other"
        assert main(["pki", "init", str(other), "--responder", url]) == 0
        assert main(["pki", "verify", str(other), "secc", "--ocsp"]) == 1, "its authorities are unknown there"
        assert "unauthorized" in capsys.readouterr().out
        assert main(["pki", "init", str(where), "--responder", url, "--force"]) == 0
        assert main(["pki", "verify", str(where), "secc", "--ocsp"]) == 0
        assert main(["pki", "revoke", str(where), "cpo-sub2"]) == 0
        capsys.readouterr()
        assert main(["pki", "verify", str(where), "secc", "--ocsp"]) == 1
        assert "OCSP response: revoked" in capsys.readouterr().out
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    assert main(["pki", "verify", str(where), "contract", "--ocsp"]) == 1
    assert "`plugfest pki ocsp` serves it" in capsys.readouterr().out


def test_export_for_other_programs(pki: Path, tmp_path: Path) -> None:
    out = tmp_path / "secc.p12"
    assert main(["pki", "export", str(pki), "secc", str(out), "--password", "secret"]) == 0
    key, certificate, more = pkcs12.load_key_and_certificates(out.read_bytes(), b"secret")
    assert key is not None
    assert certificate == Store(pki)["secc"].certificate
    assert len(more) == 2
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert main(["pki", "export", str(pki), "secc", str(out)]) == 2
    assert main(["pki", "export", str(pki), "secc", str(tmp_path / "secc.doc")]) == 2


def test_another_stacks_layout_can_be_written_and_read(
    pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Josev's files come back with every role and key recognised, encrypted keys by their password files too."""
    theirs, back = tmp_path / "theirs", tmp_path / "back"
    assert main(["pki", "export", str(pki), str(theirs), "--layout", "josev", "--password", "12345"]) == 0
    assert b"ENCRYPTED" in (theirs / "iso15118_2/private_keys/seccLeaf.key").read_bytes()
    assert main(["pki", "import", str(theirs), str(back)]) == 0
    ours, again = Store(pki), Store(back)
    for name, entry in again.items():
        assert entry.certificate == ours[name].certificate
        assert keys.same(entry.key.public_key(), ours[name].key.public_key())
    assert len(again) == 15
    assert main(["pki", "verify", str(back), *AT]) == 0
    assert main(["pki", "verify", str(theirs), *AT]) == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("show", "nowhere"), "no such file"),
        (("show", "."), "holds no certificates; `plugfest pki init"),
        (("verify", "nowhere", "--roots", "x"), "no such file"),
        (("issue", "nowhere", "secc", "DEABCE1"), "`plugfest pki init nowhere` makes a PKI there"),
        (("init", "here", "--date", "tomorrow"), "as 2026-05-31"),
        (("init", "here", "--emaid", "x"), "eMAID 'x'"),
        (("show", "text"), "holds no certificate in PEM or DER"),
        (("show", "made", "nobody"), "has no nobody; choose from v2g-root, cpo-sub1"),
        (("crl", "made", "secc"), "secc issues no certificates"),
        (("ocsp", "made", "secc"), "--out FILE"),
        (("contract", "made", "DEABC123456789", "--for", "nobody"), "neither an entry of made/iso2 nor a file"),
        (("revoke", "made", "v2g-root"), "remove a root from the trusted roots"),
        (("variants", "made", "ugly"), "unknown variant 'ugly'; choose from expired"),
        (("verify", "text"), "trusted roots are missing"),
    ],
)
def test_mistakes_are_one_line(
    words: tuple[str, ...],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("hello")
    if "made" in words:
        assert main(["pki", "init", "made"]) == 0
        capsys.readouterr()
    assert main(["pki", *words]) == 2
    err = capsys.readouterr().err
    assert text in err
    assert err.startswith("plugfest: ")
    assert err.count("\n") == 1


CAPTURE = SHARED / "captures" / "ISO-2_DC_PnC_TLS_CertInstallation_DS5366_RiseV2G.pcapng"


@pytest.mark.skipif(not CAPTURE.is_file(), reason="needs the recorded sessions (PLUGFEST_SHARED)")
def test_the_chains_of_a_capture_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """As they were when it was recorded: out of the TLS handshake and of messages."""
    assert main(["pki", "show", str(CAPTURE)]) == 0
    out = capsys.readouterr().out
    heads = [line.split(",")[0] for line in out.splitlines() if line.endswith("2025-10-27 16:02 UTC")]
    assert heads == [
        "TLS",
        "CertificateInstallationReq.OEMProvisioningCert",
        "CertificateInstallationRes.ContractSignatureCertChain",
        "CertificateInstallationRes.SAProvisioningCertificateChain",
    ]
    assert "subject   CN=DEABC123456789Y  DC=MO" in out
    assert "89 days left" in out
    assert "WRONG" not in out


def test_the_chains_of_our_own_session_are_shown_and_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace, pki = tmp_path / "session.jsonl", tmp_path / "pki"
    assert main(["pki", "init", str(pki)]) == 0
    words = ["demo", "--fast", "--pnc", "--pki", str(pki), "--trace", str(trace), "--duration", "1"]
    assert main(words) == 0
    capsys.readouterr()
    assert main(["pki", "verify", str(trace), "--roots", str(pki)]) == 0
    out = capsys.readouterr().out
    assert "contract leaf  DEPLFC00000001H < MOSubCA2 < MOSubCA1 < MORootCA  good" in out
    assert "SECC leaf  DEPLFE00001 < CPOSubCA2 < CPOSubCA1 < V2GRootCA  good" in out


def test_the_script_in_the_docs_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/pki.md").read_text()
    script = text.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    assert main(["pki", "init", "pki"]) == 0
    capsys.readouterr()
    exec(compile(script, "docs/pki.md", "exec"), {})
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("DEPLFE00001 3 ")
    assert out[1].startswith("expired True DEPLFE00001: expired on ")
