"""What a session costs: fees by power and time, parking, overstay, taxes, and what is credited."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secc.costs import Bill
from v2g.prices import PEAK_POWER, Overstay, Rule, Stack, Tariff, Tax, flat

MINUTE = 60.0


def spend(bill: Bill, *steps: tuple[float, float], start: float = 0.0) -> Bill:
    """Some minutes at a power in W, read once a minute."""
    now, charged, returned = start, 0.0, 0.0
    bill.read(now, steps[0][1], charged, returned)
    for minutes, watts in steps:
        for _ in range(int(minutes)):
            now += MINUTE
            charged += max(watts, 0.0) / 60.0
            returned += max(-watts, 0.0) / 60.0
            bill.read(now, watts, charged, returned)
    return bill


def bill_of(tariff: Tariff | None, back: Tariff | None = None) -> Bill:
    made = Bill()
    made.agree(tariff, back, 0.0)
    return made


def test_fee_is_that_of_the_power_and_the_time() -> None:
    """0.40 below 7 kW, 0.60 from there on; after an hour 0.20."""
    tariff = Tariff((Stack(0, (Rule(0.4), Rule(0.6, above=7_000.0))), Stack(3600, (Rule(0.2),))))
    bill = spend(bill_of(tariff), (30, 6_000.0), (29, 12_000.0), (60, 6_000.0))
    assert bill.energy == pytest.approx(3.0 * 0.4 + 5.8 * 0.6 + 6.0 * 0.2, abs=0.03)


def test_what_is_given_back_is_credited() -> None:
    bill = spend(bill_of(flat(0.3), flat(0.2)), (30, 10_000.0), (60, -5_000.0))
    assert bill.energy == pytest.approx(5.0 * 0.3 - 5.0 * 0.2)
    assert (bill.charged, bill.returned) == pytest.approx((5.0, 5.0))


def test_parking_is_due_as_each_period_begins() -> None:
    tariff = Tariff((Stack(0, (Rule(0.0, parking=0.5, parking_period=900),)),))
    assert spend(bill_of(tariff), (44, 3_000.0)).parking == 1.5


def test_overstay_begins_after_its_time_below_its_power() -> None:
    """Ten minutes below 100 W are free, then 0.10 a minute, from the fifth minute on 0.30."""
    overstay = Overstay(((0, 0.1, 60, ""), (300, 0.3, 60, "")), after=600, below=100.0)
    tariff = Tariff((Stack(0, (Rule(0.0),)),), overstay=overstay)
    assert spend(bill_of(tariff), (20, 5_000.0), (9, 0.0)).overstay == 0.0
    late = spend(bill_of(tariff), (20, 5_000.0), (17, 0.0))
    assert late.overstay == pytest.approx(5 * 0.1 + 2 * 0.3, abs=0.11)


def test_taxes_are_added_unless_included_and_limits_bound_the_total() -> None:
    taxes = (Tax(20.0, included=False, parking=False), Tax(10.0, included=True))
    tariff = Tariff((Stack(0, (Rule(0.5, parking=1.0),)),), taxes=taxes, most=4.0, services=(("valet", 0.25),))
    bill = spend(bill_of(tariff), (60, 4_000.0))
    assert bill.taxes == [(1, pytest.approx(0.4))]
    assert bill.energy + bill.parking + bill.services == pytest.approx(3.25)
    assert bill.total == pytest.approx(3.65)
    spend(bill, (600, 4_000.0), start=3600.0)
    assert bill.total == 4.0


def test_prices_of_another_algorithm_are_unknown() -> None:
    bill = bill_of(Tariff((Stack(0, (Rule(0.5),)),), algorithm=PEAK_POWER))
    assert not bill.known


@given(st.lists(st.tuples(st.integers(1, 30), st.floats(-11_000.0, 22_000.0)), min_size=1, max_size=8))
def test_one_price_costs_energy_times_price(steps: list[tuple[int, float]]) -> None:
    bill = spend(bill_of(flat(0.31), flat(0.17)), *steps)
    charged = sum(minutes * max(watts, 0.0) for minutes, watts in steps) / 60_000.0
    returned = sum(minutes * max(-watts, 0.0) for minutes, watts in steps) / 60_000.0
    assert bill.energy == pytest.approx(charged * 0.31 - returned * 0.17, abs=1e-6)
