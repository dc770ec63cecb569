"""Bench files with one role, over a real interface: `plugfest run` at both ends of a cable."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from netns import AVAILABLE, REASON, link
from processes import CEILING, PATIENT, TIMERS, run, started

PLUGFEST = [sys.executable, "-m", "plugfest"]

CHARGER = """
role: secc
slac: false
sessions: 2
charger: {test-seconds: 0.2, volts-per-second: 5000, station: tester}
timeline:
- {at: CurrentDemandReq, occurrence: 3, do: limit, max-current: 44}
- {at: CurrentDemandReq, occurrence: 8, do: stop, by: charger}
deviations:
- {message: ServiceDiscoveryRes, occurrence: 1, delay: 0.7}
"""
VEHICLE = """
role: evcc
slac: false
vehicle: {car: tester, soc: 33, loop-delay: 0}
timer: TIMERS
deviations:
- {message: CurrentDemandReq, occurrence: 5, set: {DC_EVStatus.EVRESSSOC: 99}}
"""


@pytest.mark.netns
@pytest.mark.skipif(not AVAILABLE, reason=REASON)
def test_each_session_runs_the_timeline_and_counts_from_zero(tmp_path: Path) -> None:
    """Two cars one after the other: the same stop and the same late answer in each session; a limit stays."""
    for name, text in (("secc", CHARGER), ("evcc", VEHICLE)):
        own = {timer: s for timer, s in dict(TIMERS).items() if f"_{name.upper()}_" in timer}
        (tmp_path / f"{name}.yaml").write_text(text.replace("TIMERS", json.dumps(own)))
    with link("brn") as made:
        serve = made.command("secc", *PLUGFEST, "run", str(tmp_path / "secc.yaml"), "-i", made.secc_if)
        with started(serve, "charger ready") as charger:
            for number in (1, 2):
                trace = tmp_path / f"{number}.jsonl"
                drive = [*PLUGFEST, "run", str(tmp_path / "evcc.yaml"), "-i", made.evcc_if, "--trace", str(trace)]
                done = subprocess.run(
                    made.command("evcc", *drive), capture_output=True, text=True, timeout=CEILING, check=False
                )
                assert (done.returncode, done.stderr) == (0, ""), done.stdout
                check(trace, at_first=500 if number == 1 else 44)
            rest = charger.end()
            assert charger.process.returncode == 0, rest
    for text in (
        "action: limit max-current=44",
        "action: stop by=charger",
        "deviation: ServiceDiscoveryRes 1: 0.7 s late",
    ):
        assert rest.count(text) == 2, rest


@pytest.mark.netns
@pytest.mark.skipif(not AVAILABLE, reason=REASON)
def test_each_role_leaves_loops_out_unless_all_of_them_are_asked_for() -> None:
    """In a pipe, one line says how many are not shown."""
    with link("brl") as made:
        brisk = ["--set", "charger.test-seconds=0.2", "--set", "charger.volts-per-second=5000"]
        for more, shown in (([], False), (["--all"], True)):
            serve = made.command(
                "secc", *PLUGFEST, "secc", "-i", made.secc_if, "--no-slac", "--sessions", "1", *brisk, *more
            )
            with started(serve, "charger ready") as charger:
                drive = ["evcc", "-i", made.evcc_if, "--no-slac", "--duration", "1", *PATIENT, *more]
                said = {"vehicle": run(made.command("evcc", *PLUGFEST, *drive)).stdout, "charger": charger.end()}
            for text in said.values():
                assert ("messages not shown" not in text) == shown, text
                assert (text.count(" CurrentDemandReq ") > 10) == shown, text
                assert text.count(" PowerDeliveryReq ") == 2


def check(trace: Path, *, at_first: float) -> None:
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    messages = [line for line in lines if line.get("layer") == "message"]

    def bodies(name: str) -> list[dict[str, dict[str, int]]]:
        return [m["message"]["V2G_Message"]["Body"][name] for m in messages if m["name"] == name]

    amps = [b["EVSEMaximumCurrentLimit"] for b in bodies("CurrentDemandRes")]
    assert [a["Value"] * 10.0 ** a["Multiplier"] for a in amps[1:4]] == [at_first, 44, 44]
    assert [b["DC_EVStatus"]["EVRESSSOC"] for b in bodies("CurrentDemandReq")[3:6]] == [33, 99, 33]
    assert bodies("CurrentDemandRes")[7]["DC_EVSEStatus"]["EVSENotification"] == "StopCharging"
    times = {m["name"]: m["t"] for m in messages}
    assert times["ServiceDiscoveryRes"] - times["ServiceDiscoveryReq"] >= 0.7
