"""Whole sessions against an independent implementation (Josev, PyPI package ``iso15118``), both directions.

``make interop`` installs the counterpart into an environment of its own and runs these; nothing of it is imported here.
It is slow (a Java codec), so times for single answers are relaxed; everything else keeps its limits.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from josev import MARKS, PEER, VENV
from netns import Link, link

pytestmark = MARKS

MODES = {
    "din": ["--protocol", "din"],
    "iso2-dc": ["--protocol", "iso2"],
    "iso2-ac": ["--protocol", "iso2", "--ac"],
    "iso2-dc-tls": ["--protocol", "iso2", "--tls", "required"],
    "iso2-ac-tls": ["--protocol", "iso2", "--ac", "--tls", "required"],
    "iso2-dc-pnc": ["--protocol", "iso2", "--payment", "contract"],
    "iso2-ac-pnc": ["--protocol", "iso2", "--ac", "--payment", "contract"],
    "iso20-dc-sched": ["--protocol", "iso20"],
    "iso20-dc-dyn": ["--protocol", "iso20"],
    "iso20-ac-sched": ["--protocol", "iso20", "--ac"],
    "iso20-ac-dyn": ["--protocol", "iso20", "--ac"],
    "iso20-dc-sched-tls": ["--protocol", "iso20"],
    "iso20-dc-dyn-tls": ["--protocol", "iso20"],
    "iso20-ac-sched-tls": ["--protocol", "iso20", "--ac"],
    "iso20-ac-dyn-tls": ["--protocol", "iso20", "--ac"],
    "iso20-dc-bpt-sched": ["--protocol", "iso20", "--bpt"],
    "iso20-dc-bpt-dyn": ["--protocol", "iso20", "--bpt"],
    "iso20-dc-bpt-sched-tls": ["--protocol", "iso20", "--bpt"],
    "iso20-dc-bpt-dyn-tls": ["--protocol", "iso20", "--bpt"],
    "iso20-ac-bpt-sched": ["--protocol", "iso20", "--ac", "--bpt"],
    "iso20-ac-bpt-dyn": ["--protocol", "iso20", "--ac", "--bpt"],
    "iso20-ac-bpt-sched-tls": ["--protocol", "iso20", "--ac", "--bpt"],
    "iso20-ac-bpt-dyn-tls": ["--protocol", "iso20", "--ac", "--bpt"],
    "iso20-dc-sched-pnc": ["--protocol", "iso20", "--payment", "contract"],
    "iso20-dc-dyn-pnc": ["--protocol", "iso20", "--payment", "contract"],
    "iso20-ac-sched-pnc": ["--protocol", "iso20", "--ac", "--payment", "contract"],
    "iso20-ac-dyn-pnc": ["--protocol", "iso20", "--ac", "--payment", "contract"],
    "iso20-dc-bpt-dyn-pnc": ["--protocol", "iso20", "--bpt", "--payment", "contract"],
    "iso20-ac-bpt-sched-pnc": ["--protocol", "iso20", "--ac", "--bpt", "--payment", "contract"],
    "iso20-ac-bpt-dyn-pnc": ["--protocol", "iso20", "--ac", "--bpt", "--payment", "contract"],
}
SECURE = ("tls", "pnc")
"""Modes over TLS have one of these in their names."""
PKI = Path(VENV) / "pki" / "iso15118_2"


@pytest.fixture(scope="module")
def cable() -> Iterator[Link]:
    with link("pfjosev") as made:
        yield made


def plugfest(cable: Link, side: str, *options: str) -> list[str]:
    interface = cable.secc_if if side == "secc" else cable.evcc_if
    return cable.command(side, sys.executable, "-m", "plugfest", side, "-i", interface, "--no-slac", *options)


def peer(cable: Link, side: str, mode: str, *options: str) -> list[str]:
    interface = cable.secc_if if side == "secc" else cable.evcc_if
    words = (f"{VENV}/bin/python", str(PEER), side, mode, "--iface", interface, "--pki", f"{VENV}/pki", *options)
    return cable.command(side, *words)


def result(output: str) -> dict[str, Any]:
    """What the counterpart says of the session, its last line."""
    found: dict[str, Any] = json.loads(output.splitlines()[-1].removeprefix("RESULT "))
    return found


def messages(trace: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    return [line for line in lines if line.get("layer") == "message"]


def wanted(mode: str) -> list[str]:
    """Options of our vehicle: who decides on power. The counterpart's vehicle knows it by the name of the mode."""
    if not mode.startswith("iso20"):
        return []
    return ["--dynamic" if "-dyn" in mode else "--scheduled"]


def loop_of(mode: str) -> str:
    """The response of a mode's charge loop."""
    if mode.startswith("iso20"):
        return "AC_ChargeLoopRes" if "-ac" in mode else "DC_ChargeLoopRes"
    return "ChargingStatusRes" if "-ac" in mode else "CurrentDemandRes"


def version_of(mode: str) -> str:
    """The version of TLS of a secure mode."""
    return "TLSv1.3" if mode.startswith("iso20") else "TLSv1.2"


def certified(side: str, mode: str) -> list[str]:
    """Options that give a side of ISO 15118-20 the counterpart's certificates, which are on P-256; or allow TCP."""
    if not mode.startswith("iso20"):
        return []
    if not mode.endswith(SECURE):
        return ["--any-transport"]
    own, trusts = {
        "evcc": (("certs/oemCertChain.pem", "private_keys/oemLeaf.key"), []),
        "secc": (
            ("certs/cpoCertChain.pem", "private_keys/seccLeaf.key"),
            ["--vehicle-roots", str(PKI / "certs/oemRootCACert.pem")],
        ),
    }[side]
    section = {"evcc": "vehicle", "secc": "charger"}[side]
    files = ["--cert", str(PKI / own[0]), "--key", str(PKI / own[1]), "--password", "12345"]
    # Its SignedInfo is a fragment of xmldsig alone.
    grammar = ["--set", "signed-info=xmldsig"] if mode.endswith("pnc") else []
    return ["--tls", "required", *files, *trusts, "--set", f"{section}.tls.profile=lab", *grammar]


def pays_by_contract(lines: list[dict[str, Any]]) -> bool:
    """Whether a session was paid by contract, in either generation."""
    if any(line["name"] == "PaymentDetailsRes" for line in lines):
        return True
    requests = [line["message"]["AuthorizationReq"] for line in lines if line["name"] == "AuthorizationReq"
                and "AuthorizationReq" in line["message"]]  # fmt: skip
    return any(request.get("SelectedAuthorizationService") == "PnC" for request in requests)


INSTALL = "iso2-dc-pnc+install"
"""With a certificate installation first."""


@pytest.mark.parametrize("mode", [*MODES, INSTALL])
def test_our_vehicle_charges_at_its_charger(cable: Link, mode: str, tmp_path: Path) -> None:
    ready, trace = tmp_path / "ready", tmp_path / "trace.jsonl"
    mode, _, install = mode.partition("+")
    charger = subprocess.Popen(
        peer(cable, "secc", mode, "--ready-file", str(ready), "--quick-stop", "--timeout", "120"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 90
        while not ready.exists():
            assert charger.poll() is None, charger.communicate()[0]
            assert time.monotonic() < deadline, "the counterpart did not get ready"
            time.sleep(0.2)
        trust = ["--roots", str(PKI / "certs/v2gRootCACert.pem")] if "tls" in mode else []
        trust += ["--pki", str(PKI)] if "pnc" in mode else []
        trust += certified("evcc", mode)
        trust += ["--contract", "none"] if install else []
        late = ("CurrentDemandReq", "DC_ChargeLoopReq", "AC_ChargeLoopReq", "default")
        slow = [word for name in late for word in ("--timer", f"V2G_EVCC_Msg_Timeout.{name}=10")]
        options = [*MODES[mode], *wanted(mode), *trust, *slow, "--duration", "3", "--trace", str(trace)]
        vehicle = subprocess.run(plugfest(cable, "evcc", *options), capture_output=True, text=True, timeout=110)
        output, _ = charger.communicate(timeout=60)
    finally:
        charger.kill()
    assert vehicle.returncode == 0, vehicle.stdout + vehicle.stderr + output
    said = result(output)
    assert said["ok"], said
    assert (version_of(mode) in (said["tls"] or "")) == mode.endswith(SECURE)
    names = [line["name"] for line in messages(trace)]
    assert names[-1] == "SessionStopRes"
    assert pays_by_contract(messages(trace)) == ("pnc" in mode)
    assert ("CertificateInstallationRes" in names) == bool(install)
    # Its tariffs are signed by the contract's issuer, and hold.
    assert "tariffs ignored" not in vehicle.stdout or "pnc" not in mode, vehicle.stdout
    assert names.count(loop_of(mode)) >= 2  # how often in the time given is the machine's affair


BENCH = """
role: evcc
protocol: iso20
slac: false
any-transport: true
scheduled: true
relaxed-timer
timeline:
  - {at: DC_ChargeLoopReq, after: 2, do: another-service, control: dynamic}
  - {at: ServiceSelectionRes, occurrence: 2, after: 10, do: stop}
"""


def test_our_vehicle_changes_its_service_at_its_charger(cable: Link, tmp_path: Path) -> None:
    """From scheduled to dynamic in one session, on one connection."""
    ready, trace, bench = tmp_path / "ready", tmp_path / "trace.jsonl", tmp_path / "bench.yaml"
    slow = ", ".join(f"V2G_EVCC_Msg_Timeout.{name}: 10" for name in ("DC_ChargeLoopReq", "default"))
    bench.write_text(BENCH.replace("relaxed-timer", f"timer: {{{slow}}}"))
    charger = subprocess.Popen(
        peer(cable, "secc", "iso20-dc-sched", "--ready-file", str(ready), "--quick-stop", "--timeout", "120",
             "--other-services"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 90
        while not ready.exists():
            assert charger.poll() is None, charger.communicate()[0]
            assert time.monotonic() < deadline, "the counterpart did not get ready"
            time.sleep(0.2)
        command = cable.command("evcc", sys.executable, "-m", "plugfest", "run", str(bench), "-i", cable.evcc_if,
                                "--trace", str(trace))  # fmt: skip
        vehicle = subprocess.run(command, capture_output=True, text=True, timeout=110)
        output, _ = charger.communicate(timeout=60)
    finally:
        charger.kill()
    assert vehicle.returncode == 0, vehicle.stdout + vehicle.stderr + output
    assert result(output)["ok"], output
    said = messages(trace)
    stops = [line["message"]["SessionStopReq"]["ChargingSession"] for line in said if line["name"] == "SessionStopReq"]
    assert stops == ["ServiceRenegotiation", "Terminate"]
    names = [line["name"] for line in said]
    assert names.count("SessionSetupReq") == 1
    assert names.count("ServiceSelectionRes") == 2
    assert "DC_ChargeLoopRes" in names[names.index("SessionStopRes") :]


@pytest.mark.parametrize("mode", [*MODES, INSTALL])
def test_its_vehicle_charges_at_our_charger(cable: Link, mode: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    mode, _, install = mode.partition("+")
    keys = ["--cert", str(PKI / "certs/cpoCertChain.pem"), "--key", str(PKI / "private_keys/seccLeaf.key")]
    secure = [*keys, "--password", "12345"] if mode.endswith(SECURE) and not mode.startswith("iso20") else []
    secure += certified("secc", mode)
    secure += ["--timer", "Loop_Sequence_Timeout=20"] if mode.startswith("iso20") else []
    secure += ["--pki", str(PKI)] if "pnc" in mode else []
    charger = subprocess.Popen(
        plugfest(cable, "secc", *MODES[mode], *secure, "--sessions", "1", "--trace", str(trace)),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        vehicle = subprocess.run(
            peer(cable, "evcc", mode, "--patience", "20", "--timeout", "100", "--loops", "10", "--quick-stop",
                 *(["--install"] if install else [])),
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        output, _ = charger.communicate(timeout=30)
    finally:
        charger.kill()
    said = result(vehicle.stdout)
    assert said["ok"], (said, output)
    assert charger.returncode == 0, output
    assert (version_of(mode) in (said["tls"] or "")) == mode.endswith(SECURE)
    lines = messages(trace)
    assert lines[-1]["name"] == "SessionStopRes"
    assert pays_by_contract(lines) == ("pnc" in mode)
    assert any(line["name"] == "CertificateInstallationRes" for line in lines) == bool(install)
    assert sum(line["name"] == loop_of(mode) for line in lines) >= 10
