"""Scenarios of a pair over an interface: two programs of ours as the foreign pair, and a recorder between them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import netns
import pytest
from processes import PATIENT, PLUGFEST, run, started
from sampling import sampled

from plugfest.traces.recording import load

pytestmark = [pytest.mark.netns, pytest.mark.skipif(not netns.AVAILABLE, reason=netns.REASON)]


@pytest.fixture(scope="module")
def link() -> Iterator[netns.Link]:
    with netns.link("plfpair") as made:
        yield made


def campaign(folder: Path, name: str, answers: str, words: list[str]) -> dict[str, Any]:
    """The result of one scenario."""
    path, out = folder / "answers.yaml", folder / "out"
    path.write_text(f"{name}: {answers}\n")
    done = run([*PLUGFEST, "conformance", "run", "--sut", "pair", "-k", name, "--answers", str(path), "--out", str(out),
                *words])  # fmt: skip
    assert (out / "results.jsonl").exists(), done.stdout + done.stderr
    result: dict[str, Any] = json.loads((out / "results.jsonl").read_text())
    return {**result, "exit": done.returncode, "place": out / "cases" / name}


def judged(link: netns.Link, folder: Path, name: str, charger: list[str], vehicle: list[str]) -> dict[str, Any]:
    """The result of one scenario; plugging in is the start of the vehicle."""
    plug = link.command(
        "evcc", *PLUGFEST, "evcc", "-i", link.evcc_if, "--no-slac", "--plain", "--duration", "2", *PATIENT, *vehicle
    )
    plug_in = f"{shlex.join(plug)} > {folder / 'vehicle.log'} 2>&1 &"
    waits = link.command("secc", *PLUGFEST, "secc", "-i", link.secc_if, "--no-slac", "--plain", *charger)
    with started(waits, until="charger ready"):
        where = f"{link.secc}/{link.secc_if}"
        return campaign(folder, name, "{prepared: yes}", ["-i", where, "--action", f"plug={plug_in}"])


def test_a_foreign_pair_is_recorded_and_passes(link: netns.Link, tmp_path: Path) -> None:
    """What is awaited is seen on the line; the evidence is the real packets."""
    result = judged(link, tmp_path, "ITP-01-01-001", [], [])
    assert (result["verdict"], result["exit"]) == ("pass", 0), result
    recording = load(result["place"] / "trace.pcapng")
    assert recording.kind == "pcapng"
    assert "ChargeParameterDiscoveryRes" in [entry.name for entry in recording.entries]
    assert '"act"' in (result["place"] / "trace.jsonl").read_text()


@pytest.mark.slow
def test_a_foreign_charger_that_lacks_a_protocol_is_blamed(link: netns.Link, tmp_path: Path) -> None:
    """It speaks DIN only, although the vehicle prefers ISO 15118-2 and the charger should support it."""
    result = judged(link, tmp_path, "ITP-01-01-010", ["--protocol", "din"], ["--protocol", "iso2,din"])
    assert (result["verdict"], result["blamed"], result["exit"]) == ("fail", "secc", 1), result


def test_our_vehicle_meets_a_foreign_charger(link: netns.Link, tmp_path: Path) -> None:
    """plugfest performs the steps at the vehicle itself; the person plugs in."""
    foreign = link.command("secc", *PLUGFEST, "secc", "-i", link.secc_if, "--no-slac", "--plain")
    with started(foreign, until="charger ready"):
        result = campaign(
            tmp_path, "ITP-01-01-001", "{prepared: yes, done: {plug: yes}}",
            ["--play", "evcc", "-i", f"{link.evcc}/{link.evcc_if}"],
        )  # fmt: skip
    assert (result["verdict"], result["exit"]) == ("pass", 0), result
    assert load(result["place"] / "trace.pcapng").messages
    assert load(result["place"] / "trace.jsonl").role == "evcc"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PKI that both ends trust."""
    folder = tmp_path_factory.mktemp("pair") / "pki"
    run([*PLUGFEST, "pki", "init", str(folder), "--profile", "both"])
    return folder


@pytest.mark.parametrize(
    ("name", "words"),
    sampled([("ITP-01-01-008", []), ("ITP-01-01-015", ["--protocol", "iso20"])], 2),
)
def test_our_vehicle_meets_a_foreign_charger_over_tls(
    link: netns.Link, pki: Path, tmp_path: Path, name: str, words: list[str]
) -> None:
    """By contract, and in ISO 15118-20, with the PKI that is given."""
    serves = ["-i", link.secc_if, "--no-slac", "--plain", "--pki", str(pki), *words]
    with started(link.command("secc", *PLUGFEST, "secc", *serves), until="charger ready"):
        result = campaign(
            tmp_path, name, "{prepared: yes, done: {plug: yes}}",
            ["--play", "evcc", "-i", f"{link.evcc}/{link.evcc_if}", "--pki", str(pki)],
        )  # fmt: skip
    assert (result["verdict"], result["exit"]) == ("pass", 0), result
    assert load(result["place"] / "trace.pcapng").messages


@pytest.mark.slow
def test_our_charger_meets_a_foreign_vehicle_over_tls(link: netns.Link, pki: Path, tmp_path: Path) -> None:
    words = ["-i", link.evcc_if, "--no-slac", "--plain", "--duration", "2", "--pki", str(pki), *PATIENT]
    plug = link.command("evcc", *PLUGFEST, "evcc", *words, "--payment", "contract")
    result = campaign(
        tmp_path, "ITP-01-01-008", "{prepared: yes}",
        ["--play", "secc", "-i", f"{link.secc}/{link.secc_if}", "--pki", str(pki),
         "--action", f"plug={shlex.join(plug)} > {tmp_path / 'vehicle.log'} 2>&1 &"],
    )  # fmt: skip
    assert (result["verdict"], result["exit"]) == ("pass", 0), result


@pytest.mark.slow
def test_our_charger_meets_a_foreign_vehicle(link: netns.Link, tmp_path: Path) -> None:
    """Likewise the other way round."""
    words = ["-i", link.evcc_if, "--no-slac", "--plain", "--duration", "2", *PATIENT]
    plug = link.command("evcc", *PLUGFEST, "evcc", *words)
    plug_in = f"plug={shlex.join(plug)} > {tmp_path / 'vehicle.log'} 2>&1 &"
    result = campaign(
        tmp_path, "ITP-01-01-001", "{prepared: yes}",
        ["--play", "secc", "-i", f"{link.secc}/{link.secc_if}", "--action", plug_in],
    )  # fmt: skip
    assert (result["verdict"], result["exit"]) == ("pass", 0), result
