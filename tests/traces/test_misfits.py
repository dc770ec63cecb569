"""Vehicles and chargers that do not fit together: neither is blamed; a charger that allows no current is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from bench import Bench

from plugfest.traces.chain import Outcome
from plugfest.traces.checks import judge
from plugfest.traces.recording import from_events
from plugfest.virtual import run

Change = Callable[[Bench], None]


def rated(**limits: float) -> Change:
    """A DC charger with other ratings."""

    def change(bench: Bench) -> None:
        assert bench.power is not None
        bench.power.rate(replace(bench.power.rated, **limits))

    return change


def weak(bench: Bench) -> None:
    assert bench.supply is not None
    bench.supply.max_current = 4.0


CASES: dict[str, tuple[str, Change, str, str]] = {
    "volts in -2": ("iso2-dc", rated(max_voltage=250.0, min_voltage=50.0), "", "at most 250 V, the vehicle accepts up"),
    "volts in DIN": ("din", rated(max_voltage=250.0, min_voltage=50.0), "", "at most 250 V, the vehicle accepts up"),
    "least current": ("iso2-dc", rated(min_current=600.0, max_current=700.0), "", "600 A or more, the vehicle accepts"),
    "least current in -20": (
        "iso20-dc",
        rated(min_current=600.0, max_current=700.0),
        "",
        "at least 600 A, the vehicle accepts at most",
    ),
    "weak outlet": ("iso2-ac", weak, "", "at most 4 A, the vehicle needs 6 A or more"),
    "weak outlet in -20": ("iso20-ac", weak, "", "the vehicle needs at least"),
    "no current in -2": ("iso2-dc", rated(max_current=0.0, max_power=0.0), "secc", "the charger allowed none"),
    "no current in DIN": ("din", rated(max_current=0.0, max_power=0.0), "secc", "the charger allowed none"),
    "no current in -20": ("iso20-dc", rated(max_current=0.0, max_power=0.0), "secc", "the charger allowed no current"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_fit_is_named(case: str) -> None:
    mode, change, side, text = CASES[case]

    async def one() -> Bench:
        bench = Bench(mode, duration=3.0)
        change(bench)
        await bench.run()
        return bench

    bench = run(one())
    for events, role in ((bench.events["ev"], "evcc"), (bench.events["se"], "secc")):
        found = judge(from_events(events, role=role)).diagnosis
        assert (found.side, found.outcome is Outcome.CHARGED) == (side, False)
        assert text in found.sentence


def test_a_schedule_that_ends_at_once_is_the_fault_of_the_charger() -> None:
    async def one() -> Bench:
        bench = Bench("iso2-ac", duration=3.0)
        bench.evse.schedule_seconds = 2
        await bench.run()
        return bench

    bench = run(one())
    found = judge(from_events(bench.events["ev"])).diagnosis
    assert found.side == "secc"
    assert "no schedule lasts longer" in found.sentence
