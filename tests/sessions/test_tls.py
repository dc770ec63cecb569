"""Whole sessions over TLS: in virtual time over memory, and with both commands on a cable."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import LOOP, Bench
from netns import AVAILABLE, REASON, Link, link
from processes import CEILING
from tls_world import charger, store, vehicle

from evcc import charge as evcc
from secc import serve as secc
from v2g import tls
from v2g.memory_link import memory_pair


@pytest.mark.parametrize("mode", ["iso2-dc", "iso2-ac"])
@pytest.mark.parametrize("profile", ["iso2", "iso20", "both"])
async def test_a_session_over_tls_in_virtual_time(mode: str, profile: str) -> None:
    """The same session as without; takes no virtual time for the handshake."""
    made = Bench(mode)
    made.evse.pilot.offer(5.0)
    stores = [store(name) for name in ("iso20", "iso2") if profile in (name, "both")]
    options = tls.PROFILES[profile].change(staple="require")
    ends = await memory_pair(server=charger(options, *stores), client=vehicle(options, *stores))
    assert asyncio.get_running_loop().time() == 0.0
    serving = asyncio.create_task(secc.serve(ends[0], made.evse, made.se))
    outcome = await evcc.charge(ends[1], made.vehicle, made.ev)
    assert outcome.ok, outcome.reason
    assert (await serving).ok
    assert made.names().count(LOOP[mode]) > 10
    assert made.safe


# ---------------------------------------------------------------------------------------------------------------
# Both commands


@pytest.fixture(scope="module")
def cable() -> Iterator[Link]:
    if not AVAILABLE:
        pytest.skip(REASON)
    with link("pftls") as made:
        yield made


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    words = [sys.executable, "-m", "plugfest", "pki", "init", str(directory), "--profile", "both"]
    subprocess.run(words, check=True, capture_output=True)
    return directory


def run(cable: Link, secc_words: list[str], evcc_words: list[str]) -> tuple[int, str, int, str]:
    """Exit code and output of vehicle and charger; a charger that served nobody is ended."""

    def command(side: str, interface: str, words: list[str]) -> list[str]:
        both = ["--no-slac", "--protocol", "iso2", "--ac", "--tls", "required"]
        return cable.command(side, sys.executable, "-m", "plugfest", side, "-i", interface, *both, *words)

    charger = subprocess.Popen(
        command("secc", cable.secc_if, ["--sessions", "1", *secc_words]),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert charger.stdout is not None
        output = ""
        for line in charger.stdout:
            output += line
            if line.startswith("charger ready"):
                break
        vehicle = subprocess.run(
            command("evcc", cable.evcc_if, ["--duration", "1", "--loop-delay", "0.05", *evcc_words]),
            capture_output=True, text=True, timeout=CEILING,
        )  # fmt: skip
        if vehicle.returncode:
            for line in charger.stdout:
                output += line
                if "TLS handshake failed" in line:
                    break
            charger.terminate()
        rest, _ = charger.communicate(timeout=CEILING)
    finally:
        charger.kill()
    return vehicle.returncode, vehicle.stdout + vehicle.stderr, charger.returncode, output + rest


@pytest.mark.netns
def test_a_session_with_a_pki_directory(cable: Link, pki: Path, tmp_path: Path) -> None:
    """Chain, OCSP responses and roots come from the directory; the secrets go to the key log and the trace."""
    keys, trace = tmp_path / "keys.log", tmp_path / "evcc.jsonl"
    strict = ["--set", "vehicle.tls.staple=require", "--key-log", str(keys), "--trace", str(trace)]
    code, output, charger_code, said = run(cable, ["--pki", str(pki)], ["--pki", str(pki), *strict])
    assert (code, charger_code) == (0, 0), output + said
    assert "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, secp256r1; peer: DEPLFE00001 < CPOSubCA2" in output
    assert keys.read_text().startswith("CLIENT_RANDOM ")
    steps = [json.loads(line) for line in trace.read_text().splitlines()]
    told = [step["name"] for step in steps if step.get("layer") == "tls"]
    assert {"ClientHello", "CertificateStatus", "certificates", "keylog", "handshake"} <= set(told)
    assert told.count("staple") == 3


@pytest.mark.netns
def test_a_session_over_tls_1_3_with_both_certificates(cable: Link, pki: Path) -> None:
    """Messages of ISO 15118-2 over the TLS of ISO 15118-20: what matters here is below them."""
    words = ["--pki", str(pki)]
    code, output, charger_code, said = run(
        cable, [*words, "--set", "charger.tls.profile=iso20"], [*words, "--set", "vehicle.tls.profile=iso20"]
    )
    assert (code, charger_code) == (0, 0), output + said
    assert "TLS 1.3, TLS_AES_256_GCM_SHA384, secp521r1; peer: PLFV" in said


@pytest.mark.netns
def test_a_failed_handshake_is_explained_at_both_ends(cable: Link, pki: Path) -> None:
    code, output, _, said = run(
        cable, ["--pki", str(pki), "--set", "charger.tls.deviate.staple=stale"], ["--pki", str(pki)]
    )
    assert code == 3
    assert "DEPLFE00001: OCSP response: has been stale since" in output
    assert "the vehicle answered with the alert bad_certificate_status_response (113)" in said
    assert str(pki / "iso2" / "secc.pem") in said
