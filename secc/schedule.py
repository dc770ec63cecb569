"""The plans of an outlet as SAScheduleTuples, with prices as SalesTariffs.

With contract payment, the mobility operator signs the tariffs with the key of the sub-CA that issues contracts; without
that key they are left out, because a vehicle would have to ignore them [V2G2-905].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from secc.plan import Plan, Price, Slot
from secc.terms import MAX_ENTRIES, Step
from secc.visit import Visit
from v2g import signature, signed_parts
from v2g.messages import iso2
from v2g.physical import Quantities, watts

watt = Quantities(iso2, iso2.PhysicalValueType).watt

MAX_TUPLES = 3
"""Maximum number of SAScheduleTuples in a list."""


def sales_tariff(plan: Plan, number: int, coverage: int, max_entries: int) -> iso2.SalesTariffType | None:
    """The SalesTariff of a plan, or None if it has no prices.

    Args:
        number: SAScheduleTupleID, also the SalesTariffID and part of the Id to sign.
        coverage: end of the schedule, s.
        max_entries: the vehicle's limit; entries beyond it are dropped, which shortens the tariff.
    """
    prices = [price for price in plan.prices if price.start < coverage]
    if not prices:
        return None
    end = coverage
    if len(prices) > max_entries:
        prices, end = prices[:max_entries], prices[max_entries].start
    return iso2.SalesTariffType(
        Id=f"id{number}",
        SalesTariffID=number,
        SalesTariffDescription=plan.description or None,
        NumEPriceLevels=max(price.level for price in plan.prices),
        SalesTariffEntry=[
            iso2.SalesTariffEntryType(
                TimeInterval=iso2.RelativeTimeIntervalType(
                    start=price.start,
                    duration=min(end - price.start, 86400) if price is prices[-1] else None,
                ),
                EPriceLevel=price.level,
                ConsumptionCost=_costs(price),
            )
            for price in prices
        ],
    )


def _costs(price: Price) -> list[iso2.ConsumptionCostType]:
    amounts = {
        "relativePricePercentage": price.percent,
        "RenewableGenerationPercentage": price.renewable,
        "CarbonDioxideEmission": price.carbon,
    }
    costs = [
        iso2.CostType(costKind=cast(iso2.costKindType, kind), amount=amount)
        for kind, amount in amounts.items()
        if amount is not None
    ]
    if not costs:
        return []
    return [iso2.ConsumptionCostType(startValue=watt(0.0), Cost=costs)]


def offer(visit: Visit, departure: int | None, max_entries: int | None) -> list[iso2.SAScheduleTupleType]:
    """The SAScheduleTuples offered; after a pause only the rest of the one chosen before [V2G2-740]."""
    plans = dict(zip(visit.evse.tuple_ids, visit.evse.plans[:MAX_TUPLES] or (Plan(),), strict=False))
    visit.schedule_began = visit.terms.offered_at = visit.session.now
    visit.terms.profile = ()
    if visit.resumed:
        chosen = plans.get(visit.resumed.tuple_id, next(iter(plans.values())))
        if visit.resumed.planned is not None:
            visit.schedule_began = visit.resumed.planned
            chosen = left(chosen, visit.evse.schedule, round(visit.session.now - visit.resumed.planned))
        plans = {visit.resumed.tuple_id: chosen}
    visit.terms.schedule, visit.terms.coverages = {}, {}
    tuples: list[iso2.SAScheduleTupleType] = []
    for tuple_id, plan in plans.items():
        slots = visit.offer_schedule(departure, max_entries, plan.slots)
        visit.terms.schedule[tuple_id], visit.terms.coverages[tuple_id] = slots, visit.terms.coverage
        entries = [
            iso2.PMaxScheduleEntryType(
                TimeInterval=iso2.RelativeTimeIntervalType(
                    start=slot.start,
                    # The next start ends an entry; only the last has a duration [V2G2-328, 331].
                    duration=visit.terms.coverage - slot.start if slot is slots[-1] else None,
                ),
                PMax=watt(slot.watts),
            )
            for slot in slots
        ]
        tuples.append(
            iso2.SAScheduleTupleType(
                SAScheduleTupleID=tuple_id,
                PMaxSchedule=iso2.PMaxScheduleType(PMaxScheduleEntry=entries),
                SalesTariff=sales_tariff(plan, tuple_id, visit.terms.coverage, max_entries or MAX_ENTRIES),
            )
        )
    visit.terms.tuple_id = next(iter(plans))
    visit.agreed_anew()
    if visit.payment == "Contract" and any(entry.SalesTariff for entry in tuples):
        sign_tariffs(visit, tuples)
    return tuples


def left(plan: Plan, schedule: Sequence[Slot], seconds: int) -> Plan:
    """The rest of a plan after this many seconds; ``schedule`` is the outlet's, for a plan without slots."""

    def later(start: int) -> int:
        return max(start - seconds, 0)

    slots = {later(slot.start): slot._replace(start=later(slot.start)) for slot in plan.slots or schedule}
    prices = {later(price.start): price._replace(start=later(price.start)) for price in plan.prices}
    return replace(plan, slots=tuple(slots.values()), prices=tuple(prices.values()))


def sign_tariffs(visit: Visit, tuples: list[iso2.SAScheduleTupleType]) -> None:
    """Signs the response's tariffs; without the operator's key there are none [V2G2-905]."""
    signer = visit.contracts.tariff_key if visit.contracts else None
    tariffs = [signed_parts.Part("SalesTariff", entry.SalesTariff) for entry in tuples if entry.SalesTariff]
    if signer is None:
        for entry in tuples:
            entry.SalesTariff = None
    else:
        visit.signature = signature.sign(visit.session.protocol.schema, tariffs, signer.key)


def keep(profile: iso2.ChargingProfileType) -> tuple[Step, ...]:
    """A charging profile as it is stored, in chronological order."""
    entries = sorted(profile.ProfileEntry, key=lambda entry: entry.ChargingProfileEntryStart)
    return tuple(
        Step(
            entry.ChargingProfileEntryStart,
            watts(entry.ChargingProfileEntryMaxPower),
            entry.ChargingProfileEntryMaxNumberOfPhasesInUse,
        )
        for entry in entries
    )
