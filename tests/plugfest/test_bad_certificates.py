"""A certificate that nobody can read, wherever a user meets one: a line that names it, and never a traceback."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from pki import framing
from plugfest import security
from plugfest.cli import main
from plugfest.config.model import Bench
from plugfest.errors import UserError

FILE = Path(__file__).parents[1] / "data/reports/certificate-version-2.pem"
SAID = "it says X.509 version 2; version 3 is needed"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    assert main(["pki", "init", str(directory)]) == 0
    return directory


def test_as_ones_own_file(pki: Path) -> None:
    key = str(pki / "iso2/secc.key")
    with contextlib.ExitStack() as stack:
        for bench in (
            Bench(role="secc", tls="required", cert=str(FILE), key=key),
            Bench(role="secc", tls="required", pki=str(pki), vehicle_roots=str(FILE)),
        ):
            with pytest.raises(UserError, match=SAID):
                security.charger(bench, stack, lambda text: None)
    with pytest.raises(UserError, match=SAID):
        security.vehicle(Bench(role="evcc", tls="required", roots=str(FILE)))


@pytest.mark.parametrize("words", [["pki", "show", str(FILE)], ["pki", "verify", str(FILE), "--roots", str(FILE)]])
def test_as_a_target(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    err = capsys.readouterr().err
    assert SAID in err
    assert err.count("\n") == 1


def test_in_a_message_of_a_session(pki: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The charger refuses it, and every tool names the vehicle's certificate as the cause."""
    (der,) = framing.split(FILE.read_bytes(), "")
    bench = tmp_path / "bench.yaml"
    bench.write_text(f"""role: both
slac: false
protocol: iso2
ac: true
pki: {pki}
payment: contract
tls: required
vehicle: {{duration: 3}}
deviations:
  - message: PaymentDetailsReq
    set: {{ContractSignatureCertChain.Certificate: {der.hex()}}}
""")
    capture = tmp_path / "session.pcapng"
    assert main(["run", str(bench), "--fast", "--quiet", "--set", f"pcapng={capture}"]) != 0
    capsys.readouterr()
    for words, code in (
        (["trace", "check", str(capture)], 1),
        (["trace", "show", str(capture)], 0),
        (["trace", "decode", str(capture)], 0),
        (["pki", "show", str(capture)], 0),
        (["pki", "verify", str(capture), "--roots", str(pki)], 1),
        (["report", str(capture), "-o", str(tmp_path / "report.html")], 0),
    ):
        assert main(words) == code, words
        said = capsys.readouterr().out
        assert "Traceback" not in said
        if words[1] in ("check", "verify", "show") and words[0] != "report":
            assert f"certificate 1 cannot be used: {SAID}" in said
        if words[1] == "check":
            assert "violation evcc certificate" in said
            assert "violation secc" not in said
    assert SAID in (tmp_path / "report.html").read_text()


def test_a_contract_deleted_by_hand_leaves_the_rest(pki: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a vehicle installed goes into the PKI; its file may go again."""
    assert main(["pki", "contract", str(pki), "DE-ABC-C12345678-0", "--name", "contract-installed"]) == 0
    (pki / "iso2/contract-installed.pem").unlink()
    capsys.readouterr()
    assert main(["pki", "verify", str(pki)]) == 0
    assert "contract-installed is left out" in capsys.readouterr().out
