"""The watch of what a vehicle of ISO 15118-20 needs and allows: contradictions fail, other ways to count do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.watch import needs, within
from plugfest.conformance.watch.flow import Flow, Measured
from plugfest.conformance.watch.messages import Needs, Said, Stage
from plugfest.conformance.watch.terms import Terms

JUDGEMENTS = [*needs.BOOK.judgements, *within.BOOK.judgements]
CAPACITY = 100_000.0
"""Wh."""


@dataclass
class Car:
    """Charges at 400 V and reports what it is given, once a second.

    Attributes:
        amps: that flow.
        soc: percent, at the beginning.
        target: SoC that is wanted.
        flow: what the watch knows.
        broken: names of judgements that something broke.
    """

    amps: float = 250.0
    soc: float = 30.0
    target: float = 80.0
    flow: Flow = field(default_factory=lambda: Flow(Terms.of(Pics())))
    broken: list[str] = field(default_factory=list)

    def says(self, stage: Stage, **fields: Any) -> None:
        name = {Stage.LOOP: "DC_ChargeLoopReq", Stage.SCHEDULE: "ScheduleExchangeReq"}[stage]
        said = Said(name, stage, request=True, **fields)
        for one in JUDGEMENTS:
            if one.speaks is not None and stage in one.stages and one.speaks(self.flow, said):
                self.broken.append(one.name)
        self.flow.note(said)

    def answers(self, stage: Stage, **fields: Any) -> None:
        name = {Stage.LOOP: "DC_ChargeLoopRes", Stage.DELIVERY: "PowerDeliveryRes"}[stage]
        self.flow.note(Said(name, stage, request=False, code="OK", **fields))

    def begin(self) -> None:
        self.flow.note(Said("PowerDeliveryReq", Stage.DELIVERY, request=True, progress="Start"))
        self.answers(Stage.DELIVERY)

    def seconds(self, count: int) -> Iterator[float]:
        """Second by second, with the SoC as it is then."""
        for _ in range(count):
            self.flow.now += 1.0
            self.flow.see(Measured(400.0, self.amps, closed=True))
            self.soc += 400.0 * self.amps / 3600.0 / CAPACITY * 100.0
            yield self.soc

    def wh(self, to: float, step: float = 0.01) -> float:
        """From here to a SoC, by a SoC in these steps."""
        return CAPACITY * (to - self.soc // step * step) / 100.0


@pytest.mark.parametrize("step", [0.01, 1.0, 0.5], ids=lambda step: f"in steps of {step:g} %")
@pytest.mark.parametrize("part", [1.0, 1.1, 0.9], ids=["exact", "with losses", "with a reserve"])
@pytest.mark.parametrize("amps", [250.0, -100.0, 10.0])
def test_any_way_to_count_is_right(step: float, part: float, amps: float) -> None:
    """In fractions or percents of the battery, a tenth more or less, into it and out of it."""
    car = Car(amps=amps)
    car.says(Stage.SCHEDULE, needs=Needs(part * car.wh(80), part * car.wh(100), part * car.wh(20)))
    car.begin()
    for soc in car.seconds(200):
        told = Needs(*(part * car.wh(to, step) for to in (80, 100, 20)), target_soc=80)
        car.says(Stage.LOOP, needs=told, soc=int(soc))
    assert car.broken == []


def test_a_battery_may_correct_itself() -> None:
    """By some percent at once, all energies together."""
    car = Car()
    car.begin()
    for second, soc in enumerate(car.seconds(120)):
        part = 1.0 if second < 60 else 1.04
        car.says(Stage.LOOP, needs=Needs(part * car.wh(80), part * car.wh(100), 0.0), soc=int(soc))
    assert car.broken == []


def test_needs_that_the_charger_names_may_be_followed() -> None:
    """Another target, least SoC and departure right after the charger has named them."""
    car = Car()
    car.begin()
    for second, _ in enumerate(car.seconds(20)):
        target = 80.0 if second < 10 else 50.0
        left = 7200.0 - second if second < 10 else 600.0 - second
        car.says(Stage.LOOP, needs=Needs(car.wh(target), car.wh(100), target_soc=target, departure=left))
        car.answers(Stage.LOOP, needs=Needs(target_soc=50.0, departure=600.0) if second == 9 else Needs())
    assert car.broken == []


@pytest.mark.parametrize("departures", [[86400.0] * 90, [3600.0 - n for n in range(90)], [3600.0] * 60 + [3540.0] * 30])
def test_a_departure_may_be_unknown_or_in_minutes(departures: Sequence[float]) -> None:
    """A large one stays; others count down as finely as the vehicle likes."""
    car = Car()
    car.begin()
    for second, _ in enumerate(car.seconds(len(departures))):
        car.says(Stage.LOOP, needs=Needs(departure=departures[second]))
    assert car.broken == []


def test_a_vehicle_that_tells_little_is_right() -> None:
    """Without energies, SoC, limits or voltage there is nothing to contradict."""
    car = Car()
    car.begin()
    for _ in car.seconds(120):
        car.says(Stage.LOOP)
    assert car.broken == []


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (lambda car, second: Needs(car.wh(80) * (1.0 if second < 5 else 0.5)), "energy-jumps"),
        (lambda car, second: Needs(car.wh(80) / (1.0 if second < 5 else 1000.0)), "energy-jumps"),
        (lambda car, second: Needs(50_000.0), "energy-stands"),
        (lambda car, second: Needs(car.wh(80) * 3.0, target_soc=80.0), "energy-beyond-soc"),
        (lambda car, second: Needs(most=car.wh(100) / 3.0, target_soc=80.0), "energy-beyond-soc"),
        (lambda car, second: Needs(car.wh(80) / 3.0, target_soc=80.0), "energy-below-soc"),
        (lambda car, second: Needs(car.wh(80) + (2500.0 if second > 5 else 0.0), car.wh(100)), "energies-apart"),
        (lambda car, second: Needs(target_soc=80.0 if second < 5 else 70.0), "soc-wanted-differs"),
        (lambda car, second: Needs(target_soc=80.0 if second < 5 else 79.0), "soc-wanted-differs"),
        (lambda car, second: Needs(least_soc=90.0, target_soc=80.0), "soc-order"),
        (lambda car, second: Needs(departure=3600.0 - second if second < 5 else 60.0), "departure-moved"),
        (lambda car, second: Needs(departure=3600.0), "departure-stands"),
    ],
)  # fmt: skip
def test_what_no_counting_gives_is_blamed(told: Any, name: str) -> None:
    """Jumps, values that do not change, and energies that do not fit the SoC."""
    car = Car()
    car.begin()
    for second, soc in enumerate(car.seconds(150)):
        car.says(Stage.LOOP, needs=told(car, second), soc=int(soc))
    assert name in car.broken


@pytest.mark.parametrize(
    ("before", "later", "finding"),
    [
        (Needs(target_soc=80.0), Needs(target_soc=70.0), "soc-wanted-differs"),
        (Needs(departure=7200.0), Needs(departure=2000.0), "departure-moved"),
    ],
)
@pytest.mark.parametrize("at_first", [True, False])
def test_needs_may_move_at_any_time(before: Needs, later: Needs, finding: str, at_first: bool) -> None:
    """A driver changes them, in the loop or while the cable is checked: a finding."""
    car = Car()
    car.says(Stage.SCHEDULE, needs=before)
    car.begin()
    if not at_first:
        car.says(Stage.LOOP, needs=before)
    car.says(Stage.LOOP, needs=later)
    assert car.broken == [finding]


def test_an_soc_that_stands_is_blamed() -> None:
    """Against the battery that the energies imply."""
    car = Car()
    car.begin()
    for _ in car.seconds(150):
        car.says(Stage.LOOP, needs=Needs(car.wh(80), car.wh(100), target_soc=80.0), soc=30)
    assert car.broken.count("soc-behind-energy") > 0


@pytest.mark.parametrize("offset", [0.0, -15.0, 15.0])
def test_a_cable_has_two_ends(offset: float) -> None:
    """The inlet differs from the output by the drop along the cable and by the error of two meters."""
    car = Car()
    car.begin()
    for second, _ in enumerate(car.seconds(60)):
        car.answers(Stage.LOOP, volts=400.0, amps=250.0)
        car.says(Stage.LOOP, inlet=400.0 + offset + second % 2)
    assert car.broken == []
