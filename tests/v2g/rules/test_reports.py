"""Sessions in which one side breaks one rule: the capture shows which, and who caused it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from plugfest.cli import main
from plugfest.traces.checks import check
from plugfest.traces.entries import Recording
from plugfest.traces.recording import load
from v2g.physical import number

REPORTS = Path(__file__).parents[2] / "data" / "reports"

CASES = {
    "nominal-voltage-unit-h": "violation secc unit",
    "receipt-required-missing": "warning secc receipt-required-missing",
    "receipt-required-external": "violation secc receipt-external",
    "contract-without-tls": "violation secc contract-without-tls",
    "minor-deviation-without": "warning secc minor-deviation",
    "schema-id-not-offered": "violation secc schema-id",
    "isolation-fault-ongoing": "violation secc isolation-fault",
    "chooses-service-77": "violation evcc service-not-offered",
    "chooses-ac-mode": "violation evcc mode-not-offered",
    "chooses-tuple-99": "violation evcc schedule-not-offered",
    "profile-above-pmax": "violation evcc profile-above-pmax",
    "current-unasked-din": "violation secc current-unasked",
    "current-nine-times-asked": "violation secc current-unasked",
    "schedule-of-10-s": "note secc schedule-coverage",
    "schedule-starts-late": "note secc schedule-coverage",
    "pmax-minus-one-din": "warning secc pmax-negative",
}


def run(name: str, folder: Path) -> tuple[int, Recording]:
    capture = folder / "session.pcapng"
    code = main(["run", str(REPORTS / f"{name}.yaml"), "--fast", "--quiet", "--set", f"pcapng={capture}"])
    return code, load(capture)


@pytest.mark.parametrize("name", CASES)
def test_a_capture_shows_the_rule_and_the_side(name: str, tmp_path: Path) -> None:
    _, recording = run(name, tmp_path)
    found = check(recording)
    assert CASES[name] in {f"{f.severity} {f.side} {f.rule}" for f in found}
    side = CASES[name].split()[1]
    assert {f.side for f in found if f.severity == "violation"} <= {side}, found


@pytest.mark.parametrize("name", ["current-unasked-din", "current-nine-times-asked"])
def test_a_vehicle_disconnects_when_current_flows_that_nobody_asked_for(name: str, tmp_path: Path) -> None:
    code, recording = run(name, tmp_path)
    assert code != 0
    text = str([entry.body for entry in recording.messages])
    assert "FAILED_ChargingCurrentdifferential" in text
    wrong = [e for e in recording.messages if e.name == "CurrentDemandRes" and number(e.body.EVSEPresentCurrent) > 15]
    assert wrong[-1].time - wrong[0].time < 2.0


def test_a_vehicle_renegotiates_before_a_short_schedule_ends(tmp_path: Path) -> None:
    code, recording = run("schedule-of-10-s", tmp_path)
    planned = [e.time for e in recording.messages if e.name == "ChargeParameterDiscoveryRes"]
    assert code == 0
    assert len(planned) > 6
    assert max(after - before for before, after in pairwise(planned)) < 10.0


def test_a_vehicle_takes_nothing_before_its_schedule_begins(tmp_path: Path) -> None:
    code, recording = run("schedule-starts-late", tmp_path)
    readings = [e.body.MeterInfo.MeterReading for e in recording.messages if e.name == "ChargingStatusRes"]
    assert code == 0
    assert set(readings) == {readings[0]}


def test_a_vehicle_goes_on_with_a_pmax_below_zero(tmp_path: Path) -> None:
    code, _ = run("pmax-minus-one-din", tmp_path)
    assert code == 0
