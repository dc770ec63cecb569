"""Plug & Charge from the command line: a new PKI, contracts kept in files, refusals and exit codes."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pki.revocation import Revocations, crl
from pki.store import Store
from plugfest.cli import main


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def demo(*more: str) -> int:
    return main(["demo", "--pnc", "--fast", "--seed", "1", "--duration", "3", "--receipts", "1", *more])


def names(trace: str) -> list[str]:
    lines = [json.loads(line) for line in Path(trace).read_text().splitlines()]
    return [line["name"] for line in lines if line.get("layer") == "message"]


def body(document: Any) -> Any:
    """The message in a document of a trace."""
    (message,) = document["V2G_Message"]["Body"].values()
    return message


def test_a_demo_out_of_an_empty_directory(capsys: pytest.CaptureFixture[str]) -> None:
    """PKI, installation, charging, signed receipts; then the same PKI again, with AC."""
    assert demo("--trace", "t.jsonl") == 0
    said = capsys.readouterr().out
    assert "made a test PKI of" in said
    assert re.search(r"contract installation of DEPLFC\w+, valid until", said)
    receipts = re.findall(r"^  \d\d:\d\d:\d\d  PLUGFEST-1 +\d+ Wh  [0-9a-f]{24}\.\.\.  signature valid$", said, re.M)
    assert len(receipts) >= 2
    assert "CertificateInstallationReq" in names("t.jsonl")
    kept = Store(Path("test-pki"))["contract-installed"]
    assert kept.has_key
    assert kept.key_path is not None
    assert kept.key_path.stat().st_mode & 0o777 == 0o600
    assert demo("--ac") == 0
    assert "made a test PKI" not in capsys.readouterr().out


def test_the_kept_contract_pays_the_next_time() -> None:
    assert demo() == 0
    assert demo("--set", "vehicle.install=false", "--trace", "t.jsonl") == 0
    assert "CertificateInstallationReq" not in names("t.jsonl")
    assert "MeteringReceiptReq" in names("t.jsonl")


def test_what_the_pki_revokes_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "init", "test-pki"]) == 0
    store = Store(Path("test-pki"))
    Revocations.of(store).revoke(store["contract"], datetime.datetime.now(datetime.UTC))
    assert demo("--contract", "contract", "--set", "vehicle.install=false") == 5
    assert "PaymentDetailsRes FAILED_CertificateRevoked" in capsys.readouterr().out


@pytest.mark.parametrize("newest", [False, True], ids=["iso2", "iso20"])
@pytest.mark.parametrize(
    ("revoked", "contract", "said"),
    [
        ("contract", "contract", "CertificateRevoked"),
        ("mo-sub1", "contract", "CertificateRevoked"),
        ("oem-provisioning", "none", "CertificateRevoked"),
        ("cps", "none", "certificate installation failed: provisioning service: CPS Leaf: revoked on"),
        ("cps-sub2", "none", "certificate installation failed: provisioning service: ProvSubCA2: revoked on"),
    ],
)
def test_revocation_lists_count_wherever_a_certificate_is_presented(
    revoked: str, contract: str, said: str, newest: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The PKI itself knows of no revocation: only a list from elsewhere does."""
    assert main(["pki", "init", "test-pki", "--profile", "both"]) == 0
    store, now = Store(Path("test-pki"), "iso20" if newest else "iso2"), datetime.datetime.now(datetime.UTC)
    known = Revocations()
    known.revoke(store[revoked], now)
    issuer = store[revoked].issuer
    assert issuer is not None
    Path("list.crl").write_bytes(crl(issuer, known, now).public_bytes(Encoding.DER))
    settings = ["vehicle.install=false", "crl=[list.crl]", f"charger.provisioning={str(contract == 'none').lower()}"]
    options = [word for one in settings for word in ("--set", one)] + (["--protocol", "iso20"] if newest else [])
    assert demo("--contract", contract, *options) == 5
    assert said in capsys.readouterr().out


def test_a_contract_that_the_operator_canceled(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo() == 0
    emaid = Store(Path("test-pki"))["contract"].common_name
    code = demo("--set", f"charger.verdicts={{{emaid}: FAILED_ContractCanceled}}")
    assert code == 5
    assert "AuthorizationRes FAILED_ContractCanceled" in capsys.readouterr().out


def test_a_charger_that_installs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo("--contract", "none", "--set", "charger.provisioning=false") == 5
    assert "payment by contract is not possible: the vehicle's contract is missing" in capsys.readouterr().out


def test_tariffs_and_services_of_a_bench_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bench.yaml").write_text(
        """
role: both
fast: true
pki: test-pki
payment: contract
tls: required
trace: t.jsonl
vehicle:
  departure: 36000
  duration: 2
  services: {3: 4, 61000: null}
charger:
  services:
    - internet
    - {id: 61000, name: Battery data, sets: {31000: {Protocol: TCP Socket, Port: 61000}}}
  plans:
    - prices: [{start: 0, level: 2}]
      description: flat
    - schedule: [{start: 0, power: 50}]
      prices: [{start: 0, level: 3, percent: 150}, {start: 3600, level: 1, percent: 60, carbon: 120}]
"""
    )
    assert main(["pki", "init", "test-pki"]) == 0
    assert main(["run", "bench.yaml"]) == 0
    lines = [json.loads(line) for line in Path("t.jsonl").read_text().splitlines()]
    by_name = {line["name"]: line["message"] for line in lines if line.get("layer") == "message"}
    selection = body(by_name["PaymentServiceSelectionReq"])
    services = selection["SelectedServiceList"]["SelectedService"]
    assert [service["ServiceID"] for service in services] == [1, 3, 61000]
    start = next(line["message"] for line in lines if line.get("name") == "PowerDeliveryReq")
    assert body(start)["SAScheduleTupleID"] == 2
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--pki", "nowhere", "--payment", "contract"], "nowhere"),
        (["--payment", "contract"], "a contract needs a PKI: pki is missing"),
        (["--pki", ".", "--payment", "contract", "--set", "tls=none"], "a contract needs TLS: tls is none"),
        (["--set", "charger.verdicts={DEPLFC00000001: FAILED_Canceled}"], "unknown ResponseCode 'FAILED_Canceled'"),
        (["--set", "charger.plans=[{prices: [{start: 5, level: 1}]}]"], "the first start is 0"),
        (["--set", "key-transport=wwpc"], "unknown key transport 'wwpc'; did you mean wwcp?"),
        (["--set", "vehicle.services={three: 1}"], "a ServiceID is a number"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--fast", "--duration", "1", *arguments]) == 2
    captured = capsys.readouterr()
    assert text in captured.err
    assert len(captured.err.splitlines()) == 1


def test_a_missing_entry_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "init", "test-pki"]) == 0
    assert demo("--contract", "contract-7") == 2
    assert "has no contract-7" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("message", "how", "said"),
    [
        ("AuthorizationReq", "absent", "AuthorizationRes FAILED_SignatureError"),
        ("AuthorizationReq", "value", "AuthorizationRes FAILED_SignatureError"),
        ("MeteringReceiptReq", "digest", "MeteringReceiptRes FAILED_MeteringSignatureNotValid"),
        ("MeteringReceiptReq", "earlier", "MeteringReceiptRes FAILED_MeteringSignatureNotValid"),
        ("CertificateInstallationRes", "value", "certificate installation failed: SignatureValue does not verify"),
    ],
)
def test_signatures_can_be_made_to_deviate(
    message: str, how: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = demo("--set", f"deviations=[{{message: {message}, signature: {how}}}]", "--contract", "none")
    assert code == 5
    assert said in capsys.readouterr().out


# ---------------------------------------------------------------------------------------------------------------
# ISO 15118-20


def newest(*more: str) -> int:
    return demo("--protocol", "iso20", *more)


def test_a_demo_of_iso20_out_of_an_empty_directory(capsys: pytest.CaptureFixture[str]) -> None:
    """Two contracts, kept for their owner alone; the first one pays, and the next time it is there already."""
    assert newest("--trace", "t.jsonl") == 0
    said = capsys.readouterr().out
    assert re.findall(r"contract installation of (DE\w{12})", said) == ["DEPLFC00000001", "DEXYZC00000002"]
    assert re.search(r"signature AuthorizationReq by contract DEPLFC\w+: ecdsa-sha512, [0-9a-f]{24}\.\.\.", said)
    assert names("t.jsonl").count("CertificateInstallationReq") == 2
    store = Store(Path("test-pki"), "iso20")
    for name in ("contract-installed", "contract-installed-2"):
        path = store[name].key_path
        assert path is not None
        assert path.stat().st_mode & 0o777 == 0o600
    assert newest("--set", "vehicle.install=false", "--trace", "u.jsonl") == 0
    assert "CertificateInstallationReq" not in names("u.jsonl")
    assert newest() == 0  # installed again, they replace the previous ones
    assert sorted(name for name in Store(Path("test-pki"), "iso20") if name.startswith("contract-")) == [
        "contract-installed", "contract-installed-2",
    ]  # fmt: skip


def test_keys_of_iso20_reach_the_roles(capsys: pytest.CaptureFixture[str]) -> None:
    settings = [
        "signed-info=xmldsig",
        "key-transport=wwcp,kdf=hkdf-sha256",
        "charger.provisioning-delay=3",
        "vehicle.max-contracts=1",
    ]
    settings += ["vehicle.prioritized=[DEXYZC00000002]", "charger.providers=[DEXYZ]"]
    assert newest(*(part for text in settings for part in ("--set", text)), "--trace", "t.jsonl") == 0
    said = capsys.readouterr().out
    assert "SignedInfo in the grammar of xmldsig alone; key by SECP521, scheme wwcp, kdf=hkdf-sha256" in said
    assert re.findall(r"contract installation of (DE\w{12})", said) == ["DEXYZC00000002"]
    assert names("t.jsonl").count("CertificateInstallationReq") > 2


def test_a_verdict_of_iso20_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert newest() == 0
    emaids = [
        Store(Path("test-pki"), "iso20")[name].common_name for name in ("contract-installed", "contract-installed-2")
    ]
    verdicts = ", ".join(f"{emaid}: WARNING_eMSPUnknown" for emaid in emaids)
    assert newest("--set", f"charger.verdicts={{{verdicts}}}") == 5
    assert "payment by contract is not possible: the charger refuses DEPLFC" in capsys.readouterr().out


@pytest.mark.real_time
def test_a_provisioning_service_out_of_reach_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody listens at that port; the vehicle insists on its contract, and ends."""
    words = ["demo", "--pnc", "--protocol", "iso20", "--contract", "none", "--seed", "1"]
    assert main([*words, "--set", "charger.provisioning-url=http://127.0.0.1:9/"]) == 5
    said = capsys.readouterr().out
    assert "certificate installation failed: WARNING_NoCertificateAvailable" in said
    assert "payment by contract is not possible: the vehicle's contract is missing" in said


@pytest.mark.parametrize(
    ("url", "more", "text"),
    [("ftp://x", [], "is not an http:// or https:// address"), ("http://x/", ["--fast"], "answers in real time")],
)
def test_a_provisioning_service_needs_http_and_real_time(
    url: str, more: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--pnc", "--set", f"charger.provisioning-url={url}", *more]) == 2
    assert text in capsys.readouterr().err


def test_a_directory_of_other_things_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Nor is another directory chosen silently."""
    Path("test-pki").mkdir()
    Path("test-pki/notes.txt").write_text("mine")
    assert demo() == 2
    assert (
        capsys.readouterr().err
        == "plugfest: test-pki exists, but holds no PKI: choose another directory, such as --pki other-pki\n"
    )
    assert [path.name for path in Path("test-pki").iterdir()] == ["notes.txt"]
