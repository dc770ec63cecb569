"""Both commands on a cable between two network namespaces: link-local addresses, SDP multicast, TCP and TLS."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import processes
import pytest
from netns import AVAILABLE, REASON, Link, link
from processes import CEILING, PATIENT
from sampling import sampled, slow

pytestmark = [pytest.mark.netns, pytest.mark.skipif(not AVAILABLE, reason=REASON)]


@pytest.fixture(scope="module")
def cable() -> Iterator[Link]:
    with link("pfsess") as made:
        yield made


def command(cable: Link, side: str, *options: str) -> list[str]:
    interface = cable.secc_if if side == "secc" else cable.evcc_if
    if side == "evcc":
        options = (*PATIENT, *options)
    python = ("env", "--default-signal=HUP", sys.executable)  # which nohup has ignored for all that it starts
    return cable.command(side, *python, "-m", "plugfest", side, "-i", interface, "--no-slac", *options)


def start_charger(cable: Link, *options: str) -> subprocess.Popen[str]:
    """A charger that answers SDP by now."""
    charger = subprocess.Popen(
        command(cable, "secc", *options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert charger.stdout is not None
    for line in charger.stdout:
        if line.startswith("charger ready"):
            return charger
    raise AssertionError(f"the charger did not start: {charger.wait()}")


def messages(trace: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    assert lines[0]["plugfest"] == "trace"
    return [line for line in lines if line.get("layer") == "message"]


def connection(trace: Path) -> str:
    """What the trace says of the connection: its address, and with which TLS."""
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    return str(next(line["note"] for line in lines if line.get("name") == "connected"))


@dataclass(frozen=True)
class Mode:
    """What both commands are told, and what a session then shows.

    Attributes:
        words: options of both.
        vehicle: options of the vehicle besides.
        loop: the response of its charge loop.
        tls: the version; "" without.
    """

    words: tuple[str, ...]
    vehicle: tuple[str, ...] = ()
    loop: str = "CurrentDemandRes"
    tls: str = ""


MODES = {
    "din": Mode(("--protocol", "din")),
    "iso2-ac": Mode(("--ac",), loop="ChargingStatusRes"),
    "iso2-dc-tls": Mode(("--protocol", "iso2", "--tls", "required"), tls="TLSv1.2"),
    "iso20-dc-tcp": Mode(
        ("--protocol", "iso20", "--relaxed", "--any-transport", "--tls", "none"),
        ("--dynamic",),
        loop="DC_ChargeLoopRes",
    ),
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("pki")
    words = ["pki", "init", str(directory), "--profile", "iso20", "--seed", "cable"]
    subprocess.run([sys.executable, "-m", "plugfest", *words], check=True, capture_output=True)
    return str(directory)


def spread(names: Iterable[str], *quick: str) -> list[Any]:
    """Parameters of which some are tried in every run, and the others by ``make slow``."""
    return [name if name in quick else slow(name) for name in names]


@pytest.mark.parametrize("mode", spread(MODES, "iso2-dc-tls"))
def test_charger_and_vehicle_find_each_other_and_charge(cable: Link, mode: str, tmp_path: Path) -> None:
    kind = MODES[mode]
    both = kind.words
    traces = {side: tmp_path / f"{side}.jsonl" for side in ("secc", "evcc")}
    charger = start_charger(cable, *both, "--sessions", "1", "--trace", str(traces["secc"]))
    try:
        options = [*both, *kind.vehicle, "--duration", "2", "--loop-delay", "0.05", "--trace", str(traces["evcc"])]
        vehicle = subprocess.run(command(cable, "evcc", *options), capture_output=True, text=True, timeout=CEILING)
        output, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
    assert vehicle.returncode == 0, vehicle.stdout + vehicle.stderr + output
    assert charger.returncode == 0, output
    assert "vehicle: session completed" in vehicle.stdout
    assert "charger: session completed" in output
    seen = {side: messages(trace) for side, trace in traces.items()}
    # What one side sent the other received, byte for byte and in order.
    assert [m["hex"] for m in seen["evcc"]] == [m["hex"] for m in seen["secc"]]
    assert {m["dir"] for m in seen["evcc"]} == {"rx", "tx"}
    names = [m["name"] for m in seen["evcc"]]
    assert names[0] == "supportedAppProtocolReq"
    assert names[-1] == "SessionStopRes"
    assert names.count(kind.loop) > 10
    assert (kind.tls or "without TLS") in connection(traces["evcc"])


SERVICES = {"AC": (1, 5), "DC": (2, 6)}
"""Of each energy: the service that only charges, and the bidirectional one."""
ENERGIES = [("DC", True), ("AC", False), ("AC", True), ("DC", False)]
"""An energy, and whether it flows in both directions."""


def number(rational: dict[str, int]) -> float:
    return rational["Value"] * 10.0 ** rational["Exponent"]


@pytest.mark.parametrize(("energy", "both_ways"), sampled(ENERGIES, 4))
def test_iso20_charges_and_discharges_scheduled_and_dynamic(
    cable: Link, energy: str, both_ways: bool, tmp_path: Path, pki: str, request: pytest.FixtureRequest
) -> None:
    """One charger, two vehicles in turn, TLS 1.3 with both certificates: who decides on power decides on its sign."""
    both = ["--protocol", "iso20", "--relaxed", "--pki", pki, *["--ac"] * (energy == "AC"), *["--bpt"] * both_ways]
    kw = -5 if both_ways else 5
    charger_trace = tmp_path / "secc.jsonl"
    sides = ["--target-power", str(kw), "--sessions", "2", "--trace", str(charger_trace)]
    charger = start_charger(cable, *both, *sides)
    request.addfinalizer(charger.kill)
    told: list[str] = []
    for control in ("Scheduled", "Dynamic"):
        trace = tmp_path / f"{control}.jsonl"
        wish = [f"--{control.lower()}", "--soc", "50", "--set", f"vehicle.wanted-power={kw}", "--duration", "3"]
        words = command(cable, "evcc", *both, *wish, "--loop-delay", "0.05", "--trace", str(trace))
        vehicle = subprocess.run(words, capture_output=True, text=True, timeout=CEILING)
        assert vehicle.returncode == 0, vehicle.stdout + vehicle.stderr
        assert "vehicle: session completed" in vehicle.stdout
        assert "TLSv1.3" in connection(trace)
        seen = messages(trace)
        told += [m["hex"] for m in seen]
        assert seen[-1]["name"] == "SessionStopRes"
        fields = [(m["name"], next(iter(m["message"].values()))) for m in seen]
        selected = next(body for name, body in fields if name == "ServiceSelectionReq")
        assert selected["SelectedEnergyTransferService"]["ServiceID"] == SERVICES[energy][both_ways]
        member = f"{'BPT_' if both_ways else ''}{control}_{energy}_CL"
        asked = [body for name, body in fields if name == f"{energy}_ChargeLoopReq"]
        answered = [body for name, body in fields if name == f"{energy}_ChargeLoopRes"]
        assert len(asked) > 3
        assert all(f"{member}ReqControlMode" in body for body in asked)
        assert all(f"{member}ResControlMode" in body for body in answered)
        if energy == "AC":
            powers = [number(body[f"{member}ReqControlMode"]["EVPresentActivePower"]) for body in asked]
        else:
            powers = [number(body["EVSEPresentCurrent"]) for body in answered]
        assert max(powers, key=abs) * kw > 0
    output, _ = charger.communicate(timeout=CEILING)
    assert charger.returncode == 0, output
    assert output.count("charger: session completed") == 2
    # What one side sent the other received, byte for byte and in order.
    assert told == [m["hex"] for m in messages(charger_trace)]


def test_a_killed_vehicle_is_a_lost_connection_to_the_charger(cable: Link, tmp_path: Path) -> None:
    """The charger switches off, says so, and serves the next vehicle."""
    charger = start_charger(cable, "--protocol", "iso2", "--ac", "--sessions", "2")
    try:
        vehicle = subprocess.Popen(
            command(cable, "evcc", "--protocol", "iso2", "--ac", "--loop-delay", "0.05"),
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert vehicle.stdout is not None
        for line in vehicle.stdout:
            if "ChargingStatusRes" in line:
                break
        vehicle.kill()
        vehicle.communicate()
        again = subprocess.run(
            command(cable, "evcc", "--protocol", "iso2", "--ac", "--duration", "1", "--quiet"),
            capture_output=True, text=True, timeout=CEILING,
        )  # fmt: skip
        output, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
    assert again.returncode == 0, again.stdout + output
    assert "the peer closed the connection" in output or "the connection broke" in output
    assert "switched off within" in output
    assert charger.returncode == 5


def test_a_vehicle_that_comes_back_without_closing_is_served(cable: Link) -> None:
    """It is stopped in mid-charging, so its connection stays open and silent; then it starts again."""
    charger = start_charger(cable, "--protocol", "iso2", "--sessions", "2", "--plain")
    try:
        vehicle = subprocess.Popen(
            command(cable, "evcc", "--protocol", "iso2", "--plain"), stdout=subprocess.PIPE, text=True
        )
        assert vehicle.stdout is not None
        for line in vehicle.stdout:
            if "CurrentDemandRes" in line:
                break
        vehicle.send_signal(signal.SIGSTOP)
        again = processes.run(command(cable, "evcc", "--protocol", "iso2", "--duration", "1", "--plain"))
        output, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
        vehicle.kill()
        vehicle.communicate()
    assert again.returncode == 0, again.stdout + output
    said = output.index("the vehicle came back on a new connection, after")
    assert output.index("second connection waits") < said < output.index("charger: session completed")
    assert "switched off within" in output[said:]
    assert charger.returncode == 5


def test_a_dead_link_ends_the_session_within_seconds(cable: Link) -> None:
    """TCP asks whether the silent vehicle is there; no request would come for a minute."""
    charger = start_charger(cable, "--protocol", "iso2", "--sessions", "1", "--plain")
    try:
        vehicle = subprocess.Popen(
            command(cable, "evcc", "--protocol", "iso2", "--plain"), stdout=subprocess.PIPE, text=True
        )
        assert vehicle.stdout is not None
        for line in vehicle.stdout:
            if "CurrentDemandRes" in line:
                break
        vehicle.send_signal(signal.SIGSTOP)
        subprocess.run(["ip", "-n", cable.evcc, "link", "set", cable.evcc_if, "down"], check=True)
        output, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
        vehicle.kill()
        vehicle.communicate()
        subprocess.run(["ip", "-n", cable.evcc, "link", "set", cable.evcc_if, "up"], check=True)
    assert "the connection broke: " in output
    assert "V2G_SECC_Sequence_Timeout" not in output
    assert charger.returncode == 5


@pytest.mark.parametrize(
    ("side", "how"),
    sampled([("evcc", signal.SIGTERM), ("evcc", signal.SIGHUP), ("secc", signal.SIGTERM), ("secc", signal.SIGINT)], 2),
)
def test_a_stopped_command_ends_cleanly(cable: Link, side: str, how: signal.Signals, tmp_path: Path) -> None:
    """`kill`, a closed terminal and Ctrl-C: a vehicle stops charging and says goodbye, a charger switches off."""
    trace = tmp_path / "trace.jsonl"
    charger = start_charger(cable, "--ac", "--sessions", "1", "--trace", str(trace))
    try:
        vehicle = subprocess.Popen(
            command(cable, "evcc", "--ac", "--loop-delay", "0.05"),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert vehicle.stdout is not None
        for line in vehicle.stdout:
            if "ChargingStatusRes" in line:
                break
        (vehicle if side == "evcc" else charger).send_signal(how)
        said, _ = vehicle.communicate(timeout=CEILING)
        output, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
    assert "Traceback" not in said + output
    if side == "evcc":
        assert (vehicle.returncode, charger.returncode) == (0, 0)
        assert "stopped by the driver" in said
        assert "charger: session completed" in output
    else:
        assert (vehicle.returncode, charger.returncode) == (5, 7)
        assert "plugfest: stopped" in output
        assert '"switched-off"' in trace.read_text()


def test_no_charger_is_reported_with_its_own_exit_code(cable: Link) -> None:
    vehicle = subprocess.run(
        command(cable, "evcc", "--timer", "SDP_Max_Requests=3"), capture_output=True, text=True, timeout=CEILING
    )
    assert vehicle.returncode == 3
    assert "no charger answered 3 SDP requests" in vehicle.stdout


def test_no_common_protocol_is_reported_on_both_sides(cable: Link) -> None:
    charger = start_charger(cable, "--protocol", "din", "--sessions", "1")
    try:
        vehicle = subprocess.run(
            command(cable, "evcc", "--protocol", "iso2"), capture_output=True, text=True, timeout=CEILING
        )
        output, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
    assert (vehicle.returncode, charger.returncode) == (4, 4)
    assert "the charger speaks none of ISO 15118-2" in vehicle.stdout
    assert "this charger speaks DIN SPEC 70121" in output


def test_fixed_address_skips_discovery(cable: Link) -> None:
    charger = start_charger(cable, "--ac", "--sessions", "1", "--port", "50123")
    try:
        show = subprocess.run(
            cable.command("secc", "ip", "-6", "-j", "addr", "show", "dev", cable.secc_if, "scope", "link"),
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        address = json.loads(show.stdout)[0]["addr_info"][0]["local"]
        options = ["--ac", "--duration", "1", "--address", address, "--port", "50123", "--quiet"]
        vehicle = subprocess.run(command(cable, "evcc", *options), capture_output=True, text=True, timeout=CEILING)
    finally:
        charger.kill()
        charger.communicate()
    assert vehicle.returncode == 0, vehicle.stdout + vehicle.stderr


def start_service(cable: Link, pki: Path, request: pytest.FixtureRequest) -> str:
    """``pki serve`` beside the charger, until the test is over; returns its address."""
    python = (sys.executable, "-u", "-m", "plugfest")
    words = cable.command("secc", *python, "pki", "serve", str(pki), "--port", "0", "--emaid", "DEXYZC00000002")
    service = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    request.addfinalizer(service.stdout.close)
    request.addfinalizer(service.wait)
    request.addfinalizer(service.kill)
    return service.stdout.readline().split(" at ")[1].strip()


@pytest.mark.parametrize("generation", spread(["iso2", "iso20", "iso20-ed448"], "iso20"))
def test_contract_payment_with_files_of_a_pki(
    cable: Link, tmp_path: Path, generation: str, request: pytest.FixtureRequest
) -> None:
    """Installation, then payment with the contract that was kept; over TLS, each side with its own copy of the PKI.

    In ISO 15118-20 the contract comes from a service elsewhere, and prices are signed.
    """
    pkis = {side: tmp_path / side for side in ("secc", "evcc")}
    newest = generation != "iso2"
    spoken, receipt = ["--ac"], "MeteringReceiptRes"
    if newest:
        spoken, receipt = ["--ac", "--protocol", "iso20", "--relaxed"], "Wh by contract"
    init = ["pki", "init", str(pkis["secc"]), *(["--profile", "iso20"] if newest else [])]
    subprocess.run([sys.executable, "-m", "plugfest", *init], check=True, capture_output=True)
    if generation == "iso20-ed448":
        shutil.rmtree(pkis["secc"] / "iso20")
    shutil.copytree(pkis["secc"], pkis["evcc"])
    sides = ["--pki", str(pkis["secc"]), "--receipts", "1", "--sessions", "2"]
    if newest:
        url = start_service(cable, pkis["secc"], request)
        sides += ["--set", f"charger.provisioning-url={url}", "--set", "charger.plans=[{fees: [{start: 0, fee: 0.3}]}]"]
    charger = start_charger(cable, *spoken, *sides)
    outputs = []
    try:
        for contract in (["--contract", "none"], []):
            options = [*spoken, "--pki", str(pkis["evcc"]), "--payment", "contract", "--duration", "3", *contract]
            vehicle = subprocess.run(command(cable, "evcc", *options), capture_output=True, text=True, timeout=CEILING)
            assert vehicle.returncode == 0, vehicle.stdout + vehicle.stderr
            outputs.append(vehicle.stdout)
        output, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
    assert charger.returncode == 0, output
    assert "contract-installed.pem" in outputs[0]
    assert ["CertificateInstallationReq" in said for said in outputs] == [True, False]
    assert all(receipt in said for said in outputs)
    assert output.count("signature valid") >= 4
    if newest:
        assert "contract installation of DEXYZC00000002" in outputs[0]
        scheme = "ed448" if generation == "iso20-ed448" else "ecdsa-sha512"
        assert all(f"signature ScheduleExchangeRes, 1 price schedule: {scheme}" in said for said in outputs)
    assert (pkis["evcc"] / generation / "contract-installed.key").stat().st_mode & 0o777 == 0o600
