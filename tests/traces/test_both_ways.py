"""Sessions in which power flows both ways, as recordings, charts and reports tell of them."""

from __future__ import annotations

import csv
import re
from itertools import pairwise
from pathlib import Path

import pytest
from captures import SHARED, recording
from hypothesis import given
from hypothesis import strategies as st

from plugfest.cli import main
from plugfest.traces import chart
from plugfest.traces.checks import judge
from plugfest.traces.entries import Recording
from plugfest.traces.export import export
from plugfest.traces.recording import load
from plugfest.traces.report import render
from plugfest.traces.series import energies, series
from plugfest.traces.text import brief
from v2g.messages.iso20 import common

CAPTURES = SHARED / "captures"
NEEDS_CAPTURES = pytest.mark.skipif(not CAPTURES.is_dir(), reason=f"no recordings in {CAPTURES}")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trace of the demo that charges, discharges and charges again."""
    path = tmp_path_factory.mktemp("demo") / "both.jsonl"
    words = "demo --protocol iso20 --bpt --any-transport --fast --no-slac --quiet --trace"
    assert main([*words.split(), str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def both(demo: Path) -> Recording:
    return load(demo)


def test_verdict_says_what_went_in_and_what_came_out(both: Recording) -> None:
    sentence = judge(both).verdict.headline
    assert re.search(r"DC charging \(2\d\.\d Wh into the vehicle, 1\d\.\d Wh out of it\)", sentence), sentence


def test_series_have_their_signs_and_both_registers(both: Recording) -> None:
    found = series(both)
    power = [value for _, value in found["power"].points]
    assert max(power) == pytest.approx(11.0, abs=0.3)
    assert min(power) == pytest.approx(-10.0, abs=0.3)
    into, out = energies(found["power"].points)
    assert found["charged"].points[-1][1] == pytest.approx(into, abs=0.002)
    assert found["discharged"].points[-1][1] == pytest.approx(out, abs=0.002)
    assert {value for _, value in found["plant_target"].points} == {11.0, -10.0}
    for name in ("charged", "discharged"):
        readings = [value for _, value in found[name].points]
        assert readings == sorted(readings)


def test_report_draws_zero_and_both_directions(both: Recording) -> None:
    page = render(both)
    assert 'class="grid zero"' in page
    assert "DC_BPT dynamic" in page
    assert re.search(r"0\.02\d kWh in, 0\.01\d kWh out", page)
    assert "energy manager" in page
    assert "Highest power given back" in page


def test_export_and_chart_follow_the_direction(both: Recording, demo: Path, tmp_path: Path) -> None:
    """Numbers below zero in the table; a row where power turns round."""
    table = tmp_path / "both.csv"
    export(both, demo, table)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert min(float(row["power_kW"]) for row in rows if row["power_kW"]) < -9.0
    assert rows[-1].keys() >= {"charged_kWh", "discharged_kWh", "plant_target_kW", "plant_power_kW"}
    shown = [row.entry for row in chart.rows(both) if row.entry is not None and row.entry.name == "DC_ChargeLoopRes"]
    assert any(float(brief(entry.body).split(" V ")[1].split(" A")[0]) < -1.0 for entry in shown)
    assert len(shown) < 8


@given(st.lists(st.tuples(st.floats(0.1, 100.0), st.floats(-50.0, 50.0)), min_size=2, max_size=10))
def test_energy_of_each_direction_is_what_finer_steps_make_it(steps: list[tuple[float, float]]) -> None:
    time, points = 0.0, []
    for seconds, kilowatts in steps:
        time += seconds
        points.append((time, kilowatts))
    area = [0.0, 0.0]
    for (t0, p0), (t1, p1) in pairwise(points):
        for n in range(200):
            power = p0 + (p1 - p0) * (n + 0.5) / 200
            area[power < 0.0] += abs(power) * (t1 - t0) / 200 / 3600
    assert energies(points) == pytest.approx(area, rel=0.01, abs=0.001)


@NEEDS_CAPTURES
def test_recorded_schedule_and_prices_are_drawn() -> None:
    page = render(recording(CAPTURES / "ISO-20_BPT_AC_DS5366_Josev.pcapng"))
    assert "EUR/kWh" in page
    assert "AC_BPT scheduled" in page
    assert "schedule, back" in page
    assert "42 of 42, 48" in page


@NEEDS_CAPTURES
def test_messages_say_in_a_line_what_they_are_about() -> None:
    found = recording(CAPTURES / "ISO-20_BPT_AC_DS5366_Josev.pcapng")
    said = {entry.name: brief(entry.body) for entry in reversed(found.messages)}
    assert said["ServiceDiscoveryRes"] == "AC, AC_BPT"
    assert said["ServiceSelectionReq"] == "AC_BPT, set 1"
    assert said["ServiceDetailRes"].startswith("AC_BPT: 1 scheduled, 2 dynamic, 3 scheduled")
    assert said["ScheduleExchangeReq"].startswith("leaves in 7200 s")
    assert "schedules 42, 48" in said["ScheduleExchangeRes"]
    assert said["PowerDeliveryReq"] == "Start schedule 42 Charge"


def test_a_side_stream_is_marked_and_its_answer_belongs_to_its_request(both: Recording) -> None:
    """In the text and in the drawing, in the middle of a folded loop."""
    loops = [entry.index for entry in both.messages if entry.name == "DC_ChargeLoopReq"]
    request, response = (both.entries[loops[20] + step] for step in (0, 1))
    saved = [(entry, entry.stream, entry.name) for entry in (request, response)]
    try:
        for entry in (request, response):
            entry.stream = 0x8104
        text = "\n".join(chart.lines(chart.rows(both)))
        assert text.count("[parking status]") == 2
        assert render(both).count("(parking status)") == 2
    finally:
        for entry, stream, name in saved:
            entry.stream, entry.name = stream, name
    assert brief(common.PowerDeliveryReq(EVProcessing="Ongoing", ChargeProgress="Start")) == "Start Ongoing"


@NEEDS_CAPTURES
def test_a_table_has_what_was_agreed(tmp_path: Path) -> None:
    """Schedules, prices and profile beside the numbers, each from when it holds."""
    source, table = CAPTURES / "ISO-20_BPT_AC_DS5366_Josev.pcapng", tmp_path / "agreed.csv"
    export(recording(source), source, table)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    for name, value in (("schedule_kW", 0.123), ("schedule_back_kW", -0.123), ("price_EUR/kWh", 0.5)):
        assert {float(row[name]) for row in rows if row[name]} == {value}
    assert {float(row["profile_kW"]) for row in rows if row["profile_kW"]} == {0.123}


def test_verdict_of_ac_takes_the_energy_of_the_meter(tmp_path: Path) -> None:
    path = tmp_path / "ac.jsonl"
    words = "demo --protocol iso20 --ac --bpt --any-transport --fast --no-slac --quiet --trace"
    assert main([*words.split(), str(path)]) == 0
    sentence = judge(load(path)).verdict.headline
    assert re.search(r"AC charging \(3\d\.0 Wh into the vehicle, 14\.0 Wh out of it\)", sentence), sentence
