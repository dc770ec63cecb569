"""Schedules and prices: what the vehicle reads, chooses and plans."""

from __future__ import annotations

import math
from typing import Any

import pytest

from evcc.schedule import Need, Price, Schedule, Slot, choose, plan, read_prices
from v2g.messages import iso2

HOUR = 3600


def flat(tuple_id: int, watts: float, *prices: tuple[int, float], hours: int = 24) -> Schedule:
    """One power over some hours, with (hour, level) prices."""
    return Schedule(
        tuple_id,
        (Slot(0, watts),),
        float(hours * HOUR),
        0.0,
        tuple(Price(hour * HOUR, level) for hour, level in prices),
    )


def element(watts: float) -> Any:
    return f"{watts:g} W"


def hours(schedule: Schedule) -> list[tuple[float, float]]:
    """(hour, kW) of each slot."""
    return [(slot.start / HOUR, slot.watts / 1000) for slot in schedule.slots]


def test_without_prices_most_energy_counts() -> None:
    many = [flat(1, 7000), flat(2, 22000), flat(3, 11000)]
    assert choose(many, Need(10_000, 11_000)).tuple_id == 2
    # One schedule without a price makes prices incomparable.
    assert choose([flat(1, 7000, (0, 1)), flat(2, 22000)], Need(10_000, 11_000)).tuple_id == 2


def test_the_cheapest_schedule_that_suffices_is_chosen() -> None:
    cheap_but_slow = flat(1, 1000, (0, 1))
    dear = flat(2, 11000, (0, 3))
    cheap_at_night = flat(3, 11000, (0, 3), (6, 2))
    need = Need(30_000, 11_000, departure=12 * HOUR)
    # 12 kWh in 12 hours are too little, however cheap.
    assert choose([cheap_but_slow, dear, cheap_at_night], need).tuple_id == 3
    assert choose([cheap_but_slow, dear, cheap_at_night], Need(10_000, 11_000, 12 * HOUR)).tuple_id == 1
    # Leaving before night, only the others' prices count.
    assert choose([dear, cheap_at_night, flat(4, 11000, (0, 2), (6, 9))], Need(30_000, 11_000, 5 * HOUR)).tuple_id == 4


def test_without_a_departure_nothing_is_put_off() -> None:
    """As soon as possible: the price of the first hours counts, not that of the night."""
    night, day = flat(1, 11000, (0, 3), (6, 1)), flat(2, 11000, (0, 2))
    assert choose([night, day], Need(20_000, 11_000)).tuple_id == 2
    assert choose([night, day], Need(20_000, 11_000, 12 * HOUR)).tuple_id == 1
    assert plan(night, Need(20_000, 11_000), element) is night


def test_the_vehicle_waits_for_the_cheap_hours_it_needs() -> None:
    schedule = flat(1, 10_000, (0, 3), (4, 1), (6, 2))
    need = Need(17_000, 10_000, departure=10 * HOUR)  # 19.6 kWh with the reserve: the two hours of level 1
    planned = plan(schedule, need, element)
    assert hours(planned) == [(0, 0), (4, 10), (6, 0)]
    assert planned.slots[0].pmax == "0 W"
    assert planned.power_at(5.0 * HOUR) == 10_000
    assert planned.power_at(7.0 * HOUR) == 0
    # More than that: the next cheapest hours too, then all.
    assert hours(plan(schedule, Need(30_000, 10_000, 10 * HOUR), element)) == [(0, 0), (4, 10)]
    assert hours(plan(schedule, Need(80_000, 10_000, 10 * HOUR), element)) == [(0, 10)]


def test_a_plan_never_exceeds_the_schedule() -> None:
    schedule = Schedule(
        1,
        (Slot(0, 7000), Slot(3 * HOUR, 22000), Slot(5 * HOUR, 3000)),
        24.0 * HOUR,
        0.0,
        (Price(0, 2), Price(4 * HOUR, 1)),
    )
    for energy in (1_000, 20_000, 50_000, 500_000):
        planned = plan(schedule, Need(energy, 11_000, 8 * HOUR), element)
        for second in range(0, 8 * HOUR, 600):
            assert planned.power_at(second) <= schedule.power_at(second)


def test_percentages_tell_more_than_levels() -> None:
    """If every price has one they decide."""
    one = Schedule(1, (Slot(0, 11000),), math.inf, 0.0, (Price(0, 1, 120.0),))
    two = Schedule(2, (Slot(0, 11000),), math.inf, 0.0, (Price(0, 3, 80.0),))
    assert choose([one, two], Need(1000, 11000)).tuple_id == 2
    without = Schedule(2, (Slot(0, 11000),), math.inf, 0.0, (Price(0, 3),))
    assert choose([one, without], Need(1000, 11000)).tuple_id == 1


def entry(start: int, level: int | None = None, percent: int | None = None) -> iso2.SalesTariffEntryType:
    watt = iso2.PhysicalValueType(Multiplier=0, Unit="W", Value=0)
    cost = iso2.CostType(costKind="relativePricePercentage", amount=percent or 0, amountMultiplier=None)
    return iso2.SalesTariffEntryType(
        TimeInterval=iso2.RelativeTimeIntervalType(start=start),
        EPriceLevel=level,
        ConsumptionCost=[] if percent is None else [iso2.ConsumptionCostType(startValue=watt, Cost=[cost])],
    )


@pytest.mark.parametrize(
    ("entries", "prices"),
    [
        ([entry(0, 1), entry(60, 2)], (Price(0, 1), Price(60, 2))),
        ([entry(0, 1, 90)], (Price(0, 1, 90.0),)),
        ([entry(0, None, 90)], (Price(0, 90.0, 90.0),)),
        ([entry(0, 1), entry(60)], ()),
        ([entry(60, 1), entry(0, 2)], ()),
    ],
)
def test_prices_of_a_tariff(entries: list[iso2.SalesTariffEntryType], prices: tuple[Price, ...]) -> None:
    """One that says nothing about an interval, or is out of order, says nothing at all."""
    assert read_prices(iso2.SalesTariffType(SalesTariffID=1, SalesTariffEntry=entries)) == prices
