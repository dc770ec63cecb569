"""Campaigns and scripts over an interface: matched modems, a shared pilot, an address, and a known state in between."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import netns
import powerline
import pytest
from processes import CEILING

from plugfest.conformance.catalogue.pics import load
from plugfest.conformance.sut.network import COMES_BACK, NetworkCharger, NetworkVehicle
from plugfest.conformance.sut.reach import Reach
from plugfest.conformance.virtual import VirtualLoop
from v2g import interfaces, tls
from v2g.errors import SetupError
from v2g.interfaces import Interface
from v2g.trace import Event

pytestmark = [pytest.mark.netns, pytest.mark.skipif(not netns.AVAILABLE, reason=netns.REASON)]

QUICK = "par_waitForNextTC: 0.5\nPICS_CMN_CMN_LoopCounter: 3\n"


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def lab() -> Any:
    with powerline.lab(f"cn{os.getpid() % 10_000}") as made, made.line():
        yield made


@pytest.fixture
def pilot(tmp_path: Path) -> str:
    return f"sim:{tmp_path / 'pilot'}"


@pytest.fixture
def pics(tmp_path: Path) -> Path:
    path = tmp_path / "pics.yaml"
    path.write_text(QUICK)
    return path


def test_each_case_plugs_in_matches_and_leaves(lab: Any, pilot: str, pics: Path, tmp_path: Path) -> None:
    """A charger behind a modem: every case begins unplugged and unmatched, and its evidence is the real packets."""
    charger = lab.start(
        "secc", "secc", "-i", lab.interface("secc"), "--pilot", pilot, "--plain", until="charger waits"
    )  # fmt: skip
    try:
        out = tmp_path / "out"
        done = lab.run(
            "evcc", "conformance", "run", "--sut", "secc", "--protocol", "iso2", "-i", lab.interface("evcc"), "--slac",
            "--pilot", pilot, "--pics", str(pics), "--out", str(out), "-k", "CMN_VTB and SessionSetup_001",
        )  # fmt: skip
    finally:
        charger.kill()
        said, _ = charger.communicate()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [result["verdict"] for result in results(out)] == ["pass", "pass"]
    assert said.count("CM_SLAC_MATCH.CNF") == 2
    assert said.count("pilot A") >= 2
    from plugfest.traces.recording import load as recorded

    recording = recorded(next(out.glob("cases/*/trace.pcapng")))
    names = [entry.name for entry in recording.entries]
    assert "CM_SLAC_MATCH.CNF" in names
    assert "SessionSetupRes" in names


def test_a_vehicle_behind_a_modem(lab: Any, pilot: str, pics: Path, tmp_path: Path) -> None:
    """The tester offers 5 %, matches, and is found; the vehicle's program is started for each case."""
    out = tmp_path / "out"
    vehicle = " ".join(lab.command("evcc", "evcc", "-i", lab.interface("evcc"), "--pilot", pilot, "--plain"))
    done = lab.run(
        "secc", "conformance", "run", "--sut", "evcc", "--protocol", "iso2", "-i", lab.interface("secc"), "--slac",
        "--pilot", pilot, "--pics", str(pics), "--out", str(out), "-k", "SessionSetup_001", "--command", vehicle,
        "--ready-after", "0",
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert [result["verdict"] for result in results(out)] == ["pass"]
    assert "matched with" in (out / "system.log").read_text()


def test_without_a_charger_nothing_is_matched(lab: Any, pics: Path, tmp_path: Path) -> None:
    """The case is inconclusive and says at which step SLAC stopped."""
    out = tmp_path / "out"
    done = lab.run(
        "evcc", "conformance", "run", "--sut", "secc", "--protocol", "iso2", "-i", lab.interface("evcc"), "--slac",
        "--pics", str(pics), "--out", str(out), "-k", "CMN_VTB_SessionSetup_001",
        )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    (result,) = results(out)
    assert result["verdict"] == "inconc"
    assert "no charger was matched" in result["reason"]


@pytest.mark.slow
def test_an_address_takes_the_place_of_sdp(pics: Path, tmp_path: Path) -> None:
    """For campaigns and for scripts."""
    with netns.link("cfa") as link:
        words = link.command("secc", sys.executable, "-m", "plugfest", "secc", "-i", link.secc_if, "--no-slac",
                             "--plain")  # fmt: skip
        charger = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert charger.stdout is not None
            ready = next(line for line in charger.stdout if "charger ready" in line)
            address = ready.split(", ")[1]
            given = ("--address", address, "--port", ready.rstrip().rpartition("TCP ")[2])
            out = tmp_path / "out"
            done = subprocess.run(
                link.command(
                    "evcc", sys.executable, "-m", "plugfest", "conformance", "run", "--sut", "secc", "-i",
                    link.evcc_if, *given, "--pics", str(pics), "--out", str(out), "--protocol", "iso2",
                    "-k", "CMN_VTB_SessionSetup_001",
                ),
                capture_output=True, text=True, timeout=CEILING,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            assert [result["verdict"] for result in results(out)] == ["pass"]
            (tmp_path / "test_it.py").write_text(
                "async def test_it(secc_sut):\n"
                "    await secc_sut.until('SessionSetupReq')\n"
                "    assert (await secc_sut.send(secc_sut.make('SessionSetupReq'))).ResponseCode.startswith('OK')\n"
            )
            options = [word.replace("--", "--sut-") for word in ("--interface", link.evcc_if, *given)]
            done = subprocess.run(
                link.command("evcc", sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", ".",
                             "-p", "no:cacheprovider", "--sut-pics", str(pics), *options),
                capture_output=True, text=True, timeout=CEILING, cwd=tmp_path,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout
        finally:
            charger.kill()
            charger.communicate()
    assert "SDP" not in next(out.glob("cases/*/trace.jsonl")).read_text()


def test_evidence_of_tls_can_be_read(pics: Path, tmp_path: Path) -> None:
    """The packets of a session over TLS hold its secrets: of a campaign, and of a script that fails."""
    from plugfest.traces.recording import load as recorded

    pics.write_text(QUICK + "PIXIT_SECC_CMN_TLS: true\n")
    with netns.link("cft") as link:
        words = link.command("secc", sys.executable, "-m", "plugfest", "secc", "-i", link.secc_if, "--no-slac",
                             "--plain", "--tls", "required")  # fmt: skip
        charger = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert charger.stdout is not None
            next(line for line in charger.stdout if "charger ready" in line)
            out = tmp_path / "out"
            done = subprocess.run(
                link.command(
                    "evcc", sys.executable, "-m", "plugfest", "conformance", "run", "--sut", "secc", "-i",
                    link.evcc_if, "--pics", str(pics), "--out", str(out), "--protocol", "iso2",
                    "-k", "TC_SECC_CMN_VTB_SessionSetup_001",
                ),
                capture_output=True, text=True, timeout=CEILING,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            (tmp_path / "test_it.py").write_text(
                "async def test_bad(secc_sut):\n"
                "    await secc_sut.until('SessionSetup')\n"
                "    assert not any(secc_sut.session_id)\n\n\n"
                "async def test_good(secc_sut):\n"
                "    await secc_sut.until('SAP')\n"
            )
            done = subprocess.run(
                link.command("evcc", sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", ".",
                             "-p", "no:cacheprovider", "--sut-pics", str(pics), "--sut-interface", link.evcc_if),
                capture_output=True, text=True, timeout=CEILING, cwd=tmp_path,
            )  # fmt: skip
            assert "1 failed, 1 passed" in done.stdout
        finally:
            charger.kill()
            charger.communicate()
    (kept,) = (tmp_path / "sut-traces").iterdir()
    for path in (next(out.glob("cases/*/trace.pcapng")), kept / "trace.pcapng"):
        recording = recorded(path)
        assert recording.plain
        assert "SessionSetupRes" in [entry.name for entry in recording.messages]


@pytest.mark.slow
def test_probing_a_charger_with_tls(tmp_path: Path) -> None:
    """TLS is detected first, and then used for the session; a charger that is absent is reported, not declared."""
    out = tmp_path / "pics.yaml"
    with netns.link("cfp") as link:
        probing = link.command("evcc", sys.executable, "-m", "plugfest", "conformance", "pics", str(out), "-i",
                               link.evcc_if, "--sut", "secc")  # fmt: skip
        done = subprocess.run(probing, capture_output=True, text=True, timeout=CEILING)
        assert done.returncode == 2
        assert "no sign of the charger: 5 SDP requests were not answered" in done.stderr
        assert not out.exists()
        words = link.command("secc", sys.executable, "-m", "plugfest", "secc", "-i", link.secc_if, "--no-slac",
                             "--plain", "--tls", "required")  # fmt: skip
        charger = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert charger.stdout is not None
            next(line for line in charger.stdout if "charger ready" in line)
            done = subprocess.run(probing, capture_output=True, text=True, timeout=CEILING)
        finally:
            charger.kill()
            charger.communicate()
    assert "announces TLS even to vehicles that do not ask for it" in done.stdout
    assert "ISO 15118-2, DC: a session up to the charging loop" in done.stdout
    assert load(out)["PIXIT_SECC_CMN_TLS"] is True


def test_an_interface_that_is_away_for_a_while_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A charger that restarts takes the carrier with it: the cases in between are not thrown away."""
    found: list[float] = []

    def find(name: str) -> Interface:
        found.append(asyncio.get_running_loop().time())
        if found[-1] - found[0] < away:
            raise SetupError(f"{name} is down; try: ip link set {name} up")
        return Interface(name, 1, IPv6Address("fe80::1"), bytes(6))

    monkeypatch.setattr(interfaces, "find", find)

    async def main() -> None:
        async with NetworkCharger(Reach("plc0")).open():
            pass

    for away in (30.0, 300.0):
        found.clear()
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            if away < COMES_BACK:
                runner.run(main())
                assert away <= found[-1] - found[0] < away + 1
            else:
                with pytest.raises(SetupError, match="plc0 is down"):
                    runner.run(main())


def test_cases_see_the_steps_of_tls_on_a_real_link_too() -> None:
    """What a case hears at the context is what the evidence gets."""
    kept: list[Event] = []
    heard: list[Event] = []
    context = tls.Context("server")
    told = NetworkVehicle(Reach("plc0"), observe=kept.append)._told(context)
    context.observe = heard.append
    told(Event(1.0, "tls", "ClientHello", "rx", b""))
    assert kept == heard != []
