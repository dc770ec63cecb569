"""Our PKI in an independent implementation (Josev): it charges with our certificates, laid out as it reads them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from josev import MARKS, PEER, VENV
from netns import Link, link

from pki.store import Store
from plugfest.cli import main

pytestmark = MARKS


@pytest.fixture(scope="module")
def cable() -> Iterator[Link]:
    with link("pfpki") as made:
        yield made


@pytest.mark.parametrize("password", ["", "12345"])
def test_its_charger_and_our_vehicle_share_our_pki(cable: Link, password: str, tmp_path: Path) -> None:
    """A contract is installed and pays: the charger seals and signs with our keys, the vehicle opens and checks."""
    pki, theirs, ready, trace = tmp_path / "pki", tmp_path / "theirs", tmp_path / "ready", tmp_path / "trace.jsonl"
    assert main(["pki", "init", str(pki)]) == 0
    assert main(["pki", "export", str(pki), str(theirs), "--layout", "josev", "--password", password]) == 0
    words = ["secc", "iso2-dc-pnc", "--iface", cable.secc_if, "--pki", str(theirs), "--ready-file", str(ready)]
    charger = subprocess.Popen(
        cable.command("secc", f"{VENV}/bin/python", str(PEER), *words, "--quick-stop", "--timeout", "120"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 90
        while not ready.exists():
            assert charger.poll() is None, charger.communicate()[0]
            assert time.monotonic() < deadline, "the counterpart did not get ready"
            time.sleep(0.2)
        options = ["--protocol", "iso2", "--payment", "contract", "--contract", "none", "--pki", str(pki), "--no-slac"]
        options += ["--timer", "V2G_EVCC_Msg_Timeout.CurrentDemandReq=5", "--duration", "3", "--trace", str(trace)]
        command = cable.command("evcc", sys.executable, "-m", "plugfest", "evcc", "-i", cable.evcc_if, *options)
        vehicle = subprocess.run(command, capture_output=True, text=True, timeout=110)
        output, _ = charger.communicate(timeout=60)
    finally:
        charger.kill()
    assert vehicle.returncode == 0, vehicle.stdout + vehicle.stderr + output
    assert json.loads(output.splitlines()[-1].removeprefix("RESULT "))["ok"], output
    names = [line["name"] for line in map(json.loads, trace.read_text().splitlines()) if line.get("layer") == "message"]
    assert "CertificateInstallationRes" in names
    assert "PaymentDetailsRes" in names
    assert main(["pki", "verify", str(trace), "--roots", str(pki)]) == 0
    assert Store(theirs)["contract"].certificate == Store(pki)["contract"].certificate
