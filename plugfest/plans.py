"""A bench file's plans as the charger offers them: power, prices, tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from plugfest.config import contract
from secc.plan import Plan, Price, Slot
from v2g.prices import Rule, Stack, Tariff, Tax


def of_bench(plans: Sequence[contract.Plan]) -> list[Plan]:
    """The plans of a bench, kW and kWh as W and Wh."""
    return [
        Plan(
            [Slot(slot.start, slot.power * 1000.0) for slot in plan.schedule],
            [Price(p.start, p.level, p.percent, p.renewable, p.carbon) for p in plan.prices],
            plan.description,
            tariff=_tariff(plan, plan.fees),
            tolerance=None if plan.tolerance is None else plan.tolerance * 1000.0,
            available=None if plan.available is None else plan.available * 1000.0,
            discharge=[Slot(slot.start, -slot.power * 1000.0) for slot in plan.discharge],
            discharge_tariff=_tariff(plan, plan.discharge_fees),
        )
        for plan in plans
    ]


def _tariff(plan: contract.Plan, fees: Sequence[contract.Fee]) -> Tariff | None:
    """Fees as a tariff: fees with the same start are the power ranges of one stack."""
    if not fees:
        return None
    stacks = tuple(
        Stack(start, tuple(Rule(f.fee, f.above * 1000.0, f.parking, f.parking_period) for f in same))
        for start, same in groupby(fees, key=lambda fee: fee.start)
    )
    taxes = (Tax(plan.tax, included=False),) if plan.tax else ()
    return Tariff(stacks, plan.currency, least=plan.minimum_cost, most=plan.maximum_cost, taxes=taxes)
