"""Vehicles and chargers that do not fit together: neither is blamed; a charger that allows no current is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from bench import Bench

from plugfest.summary import summary
from plugfest.traces.chain import Outcome as Verdict
from plugfest.traces.checks import judge
from plugfest.traces.recording import from_events
from plugfest.virtual import run
from v2g.outcome import Cause, Outcome

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


def grid(bench: Bench) -> None:
    assert bench.supply is not None
    bench.supply.nominal_voltage = 690.0


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


def played(mode: str, change: Change) -> Bench:
    """A session of a bench with something changed before it."""

    async def one() -> Bench:
        bench = Bench(mode, duration=3.0)
        change(bench)
        await bench.run()
        return bench

    return run(one())


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_fit_is_named(case: str) -> None:
    mode, change, side, text = CASES[case]
    bench = played(mode, change)
    for events, role in ((bench.events["ev"], "evcc"), (bench.events["se"], "secc")):
        found = judge(from_events(events, role=role)).diagnosis
        assert (found.side, found.outcome is Verdict.CHARGED) == (side, False)
        assert text in found.sentence


HIGH = rated(max_voltage=1000.0, min_voltage=900.0)
REFUSED: dict[str, tuple[str, Change, str]] = {
    "a grid beyond the inlet": ("iso2-ac", grid, "the outlet supplies 690 V, the vehicle accepts at most"),
    "output in DIN": ("din", HIGH, "the charger supplies 900 V or more, the vehicle accepts at most"),
    "output in -2": ("iso2-dc", HIGH, "the charger supplies 900 V or more, the vehicle accepts at most"),
    "output in -20": ("iso20-dc", HIGH, "the charger supplies at least 900 V, the vehicle accepts at most"),
    "battery in -20": ("iso20-dc", rated(max_voltage=100.0), "the charger supplies at most 100 V, the vehicle needs"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_charger_may_refuse_what_does_not_fit(case: str) -> None:
    """Its answer carries its limits, so that a recording shows them: nobody is blamed for the refusal."""
    mode, change, text = REFUSED[case]
    bench = played(mode, change)
    for events, role in ((bench.events["ev"], "evcc"), (bench.events["se"], "secc")):
        report = judge(from_events(events, role=role))
        found = report.diagnosis
        assert (found.side, found.outcome) == ("", Verdict.FAILED)
        assert found.sentence.startswith(f"{text[0].upper()}{text[1:]}")
        assert "ChargeParameterDiscoveryReq with FAILED_WrongChargeParameter" in found.sentence
        assert {one.rule for one in report.findings if one.severity == "violation"} <= {"tls"}  # -20 on a bare bench


@pytest.mark.parametrize("mode", ["din", "iso2-dc", "iso20-dc"])
def test_the_outcome_says_that_they_do_not_fit(mode: str) -> None:
    """It blames neither the charger, where its vehicle leaves, nor the vehicle, where the charger refuses."""

    async def one(change: Change) -> tuple[Outcome, Outcome]:
        bench = Bench(mode, duration=3.0)
        change(bench)
        return await bench.run()

    vehicle, _ = run(one(rated(max_voltage=330.0, min_voltage=50.0)))
    assert vehicle.cause is Cause.MISFIT
    assert next(summary(vehicle, role="vehicle")).startswith(
        "vehicle: session not completed (vehicle and charger do not fit together): the battery is at "
    )
    _, charger = run(one(rated(max_voltage=1000.0, min_voltage=900.0)))
    assert charger.cause is Cause.MISFIT
    assert "V, this charger supplies 900 V or more" in charger.reason


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
