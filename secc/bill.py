"""The running Receipt of ISO 15118-20: the cost of the session so far, in each response of the loop."""

from __future__ import annotations

from secc.visit import Visit
from v2g.messages.iso20 import types
from v2g.physical import rational
from v2g.prices import money


def receipt(visit: Visit) -> types.ReceiptType | None:
    """The present Receipt; None if no computable prices are known."""
    plan = visit.terms.plans.get(1 if visit.control is not None and visit.control.dynamic else visit.terms.tuple_id)
    if plan is None:
        return None
    bill, meter = visit.bill, visit.evse.meter
    bill.agree(plan.tariff, plan.discharge_tariff, visit.terms.offered_at)
    if not bill.known:
        return None
    bill.read(visit.session.now, visit.evse.watts, meter.session_wh, meter.session_discharged_wh)
    moved = bill.charged or bill.returned or 1.0
    return types.ReceiptType(
        TimeAnchor=visit.session.clock(),
        EnergyCosts=_cost(moved, bill.energy / moved),
        OccupancyCosts=_cost(1.0, bill.parking) if bill.parking else None,
        AdditionalServicesCosts=_cost(1.0, bill.services) if bill.services else None,
        OverstayCosts=_cost(1.0, bill.overstay) if bill.overstay else None,
        TaxCosts=[types.DetailedTaxType(TaxRuleID=place, Amount=money(amount)) for place, amount in bill.taxes],
    )


def _cost(units: float, each: float) -> types.DetailedCostType:
    return types.DetailedCostType(Amount=rational(units, -3), CostPerUnit=money(each))
