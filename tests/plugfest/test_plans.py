"""Plans of a bench file: what the charger offers of them, and mistakes in them by line."""

from __future__ import annotations

from plugfest import plans
from plugfest.config import contract
from secc.plan import Slot
from v2g.prices import Rule, Stack


def test_fees_of_one_start_are_ranges_of_power() -> None:
    """kW and kWh become W and Wh; power out of the car is negative."""
    fees = [
        contract.Fee(start=0, fee=0.2),
        contract.Fee(start=0, fee=0.5, above=11.0),
        contract.Fee(start=60, fee=0.1, parking=1.0, parking_period=900),
    ]
    asked = contract.Plan(
        fees=fees, tax=19.0, maximum_cost=50.0, tolerance=0.5, available=20.0,
        discharge=[contract.Slot(start=0, power=7.0)], discharge_fees=[contract.Fee(fee=0.3)],
    )  # fmt: skip
    (plan,) = plans.of_bench([asked])
    assert plan.tariff is not None
    assert plan.tariff.stacks == (
        Stack(0, (Rule(0.2), Rule(0.5, above=11_000.0))),
        Stack(60, (Rule(0.1, parking=1.0, parking_period=900),)),
    )
    assert (plan.tariff.most, plan.tariff.taxes[0].rate) == (50.0, 19.0)
    assert (plan.tolerance, plan.available, list(plan.discharge)) == (500.0, 20_000.0, [Slot(0, -7_000.0)])
    assert plan.discharge_tariff is not None
    assert plan.discharge_tariff.stacks == (Stack(0, (Rule(0.3),)),)
