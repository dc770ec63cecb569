"""ScheduleExchange of ISO 15118-20: the schedules offered, with their prices, and the mobility needs.

Up to three tuples, each with a charging schedule and, in bidirectional services, a discharging one of negative powers;
each schedule has one price schedule, of the kind given by the chosen parameter set (Pricing). Without prices it has one
level for the whole time: some vehicles expect exactly one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from boundary.text import visible
from secc import agreed, iso20_prices
from secc.plan import Plan, Price, Slot
from secc.schedule import MAX_TUPLES
from secc.terms import Terms
from secc.visit import Refusal, Visit
from v2g import energy, prices
from v2g.energy import Control
from v2g.messages.iso20 import common
from v2g.phases import inward
from v2g.physical import number, rational
from v2g.prices import Tariff


def chosen(visit: Visit) -> Control:
    """The control chosen by ServiceSelection; the message sequence ensures that one was chosen."""
    assert visit.control is not None
    return visit.control


def exchange(visit: Visit, request: common.ScheduleExchangeReq) -> common.ScheduleExchangeRes:
    """The schedules in scheduled mode; consent, needs and prices in dynamic mode.

    Raises:
        Refusal: the request is of the other control mode.
    """
    dynamic = chosen(visit).dynamic
    if (request.Dynamic_SEReqControlMode is not None) != dynamic:
        mode = "dynamic" if dynamic else "scheduled"
        raise Refusal("FAILED", f"ScheduleExchangeReq for the wrong control mode; {mode} was selected")
    ready = visit.planned()
    response = common.ScheduleExchangeRes(ResponseCode="OK", EVSEProcessing="Finished" if ready else "Ongoing")
    visit.terms = Terms(
        offered_at=visit.session.now, offered_wh=visit.evse.meter.session_wh, tuple_id=visit.terms.tuple_id
    )
    if request.Dynamic_SEReqControlMode is not None:
        departure = request.Dynamic_SEReqControlMode.DepartureTime
        response.Dynamic_SEResControlMode = consent(visit, departure, request.MaximumSupportingPoints)
        iso20_prices.sign(visit, response)
        return response
    asked = request.Scheduled_SEReqControlMode
    if asked is not None and asked.EVEnergyOffer is not None:
        heard(visit, asked.EVEnergyOffer)
    # The schema requires a tuple even while the charger is still planning.
    tuples = offer(visit, asked.DepartureTime if asked else None, request.MaximumSupportingPoints)
    response.Scheduled_SEResControlMode = common.Scheduled_SEResControlModeType(ScheduleTuple=tuples)
    visit.terms.invited = ready and idle(visit) >= visit.evse.pauses_idle
    response.GoToPause = visit.terms.invited or None
    iso20_prices.sign(visit, response)
    return response


# ---------------------------------------------------------------------------------------------------------------
# Dynamic


class Needs(NamedTuple):
    """DepartureTime in s from now, MinimumSOC and TargetSOC in percent; None: not given."""

    departure: int | None = None
    minimum_soc: int | None = None
    target_soc: int | None = None

    def fields(self) -> dict[str, Any]:
        """The values given, by field name."""
        named = {"DepartureTime": self.departure, "MinimumSOC": self.minimum_soc, "TargetSOC": self.target_soc}
        return {name: value for name, value in named.items() if value is not None}


def needs(visit: Visit) -> Needs:
    """The needs set at the charger, in the mode in which it may send them (MobilityNeedsMode 2)."""
    said = visit.evse.mobility_needs
    if said is None or not chosen(visit).chosen.by_charger:
        return Needs()
    away = None if said.departure is None else max(0, round(said.departure - visit.session.now))
    return Needs(away, said.minimum_soc, said.target_soc)


def consent(visit: Visit, departure: int, most: int) -> common.Dynamic_SEResControlModeType:
    """The charger's answer in dynamic mode: the needs, and the prices of its first plan."""
    answer = common.Dynamic_SEResControlModeType(**needs(visit).fields())
    plan = visit.evse.plans[0] if visit.evse.plans else Plan()
    visit.terms.plans[1] = plan
    visit.offer_schedule(departure, most, plan.slots)
    if chosen(visit).chosen.pricing != energy.NO_PRICES:
        tariff, levels = _prices(visit, plan.tariff, plan.prices, 1, most)
        answer.AbsolutePriceSchedule, answer.PriceLevelSchedule = tariff, levels
    return answer


# ---------------------------------------------------------------------------------------------------------------
# Scheduled


def offer(visit: Visit, departure: int | None, most: int) -> list[common.ScheduleTupleType]:
    """The outlet's plans, or its own schedule, for the time until departure, or 24 hours [V2G20-1563].

    Args:
        most: MaximumSupportingPoints, the maximum length of each list.
    """
    tuples = []
    plans = visit.evse.plans[:MAX_TUPLES] or (Plan(),)
    for place, (tuple_id, plan) in enumerate(zip(visit.evse.tuple_ids, plans, strict=False), 1):
        slots = visit.offer_schedule(departure, most, plan.slots)
        visit.terms.plans[tuple_id] = plan
        visit.terms.schedule[tuple_id], visit.terms.coverages[tuple_id] = slots, visit.terms.coverage
        made = common.ScheduleTupleType(
            ScheduleTupleID=tuple_id,
            ChargingSchedule=common.ChargingScheduleType(PowerSchedule=_powers(visit, slots)),
        )
        power, charging = made.ChargingSchedule.PowerSchedule, made.ChargingSchedule
        power.AvailableEnergy = None if plan.available is None else rational(plan.available, down=True)
        power.PowerTolerance = None if plan.tolerance is None else rational(plan.tolerance, down=True)
        tariff, levels = _prices(visit, plan.tariff, plan.prices, place, most)
        charging.AbsolutePriceSchedule, charging.PriceLevelSchedule = tariff, levels
        if chosen(visit).bidirectional:
            made.DischargingSchedule = _discharging(visit, plan, tuple_id, place, most)
        tuples.append(made)
    visit.terms.tuple_id = tuples[0].ScheduleTupleID
    return tuples


def heard(visit: Visit, offer: common.EVEnergyOfferType) -> None:
    """Records the vehicle's energy offer in the trace; the plans decide how much is taken back, and at what price."""
    powers = offer.EVPowerSchedule.EVPowerScheduleEntries.EVPowerScheduleEntry
    prices_asked = offer.EVAbsolutePriceSchedule
    fee = number(prices_asked.EVPriceRuleStacks.EVPriceRuleStack[0].EVPriceRule[0].EnergyFee)
    most = -min(number(entry.Power) for entry in powers)
    visit.tell("energy-offer", f"the vehicle offers {most:g} W for {fee:g} {visible(prices_asked.Currency)} per kWh")


def _discharging(visit: Visit, plan: Plan, tuple_id: int, place: int, most: int) -> common.ChargingScheduleType:
    """The discharging schedule, as long as the charging one; where its list is cut off, no energy is taken back."""
    least = -visit.evse.max_discharge_power
    wanted = [Slot(slot.start, max(min(slot.watts, 0.0), least)) for slot in plan.discharge] or [Slot(0, least)]
    slots = [slot for slot in wanted if slot.start < visit.terms.coverage]
    if slots[0].start > 0:
        slots.insert(0, Slot(0, 0.0))
    if len(slots) > most:
        slots = [*slots[: most - 1], Slot(slots[most - 1].start, 0.0)]
    visit.terms.discharge[tuple_id] = tuple(slots)
    made = common.ChargingScheduleType(PowerSchedule=_powers(visit, slots))
    number = place + MAX_TUPLES  # PriceScheduleID, distinct from those for charging
    tariff, levels = _prices(visit, plan.discharge_tariff, plan.discharge_prices, number, most)
    made.AbsolutePriceSchedule, made.PriceLevelSchedule = tariff, levels
    return made


def _powers(visit: Visit, slots: Sequence[Slot]) -> common.PowerScheduleType:
    """Slots as entries, each with a duration, rounded towards zero."""
    ends = [*(slot.start for slot in slots[1:]), visit.terms.coverage]
    entries = [
        common.PowerScheduleEntryType(Duration=end - slot.start, Power=inward(slot.watts))
        for slot, end in zip(slots, ends, strict=True)
    ]
    return common.PowerScheduleType(
        TimeAnchor=visit.session.clock(),
        PowerScheduleEntries=common.PowerScheduleEntryListType(PowerScheduleEntry=entries),
    )


def _prices(
    visit: Visit, tariff: Tariff | None, levels: Sequence[Price], number: int, most: int
) -> tuple[common.AbsolutePriceScheduleType | None, common.PriceLevelScheduleType | None]:
    """The price schedule of the chosen Pricing, in one of the two forms.

    A plan without absolute prices has levels; one without levels, or a set without prices, has one level.
    """
    kind, anchor = chosen(visit).chosen.pricing, visit.session.clock()
    if kind == energy.ABSOLUTE_PRICES and tariff is not None:
        return prices.element(tariff, anchor, number, visit.terms.coverage, most), None
    known = [price for price in levels if price.start < visit.terms.coverage and kind != energy.NO_PRICES]
    known = known or [Price(0, 1)]
    ends = [*(price.start for price in known), visit.terms.coverage][: most + 1]
    return None, common.PriceLevelScheduleType(
        TimeAnchor=anchor,
        PriceScheduleID=number,
        NumberOfPriceLevels=max(price.level for price in known),
        PriceLevelScheduleEntries=common.PriceLevelScheduleEntryListType(
            PriceLevelScheduleEntry=[
                common.PriceLevelScheduleEntryType(Duration=end - start, PriceLevel=price.level)
                for price, (start, end) in zip(known, pairwise(ends), strict=False)
            ]
        ),
    )


# ---------------------------------------------------------------------------------------------------------------
# Pauses


def idle(visit: Visit) -> float:
    """Seconds from now for which no offered tuple lets any power flow."""
    return min((_idle(visit, tuple_id) for tuple_id in visit.terms.schedule), default=0.0)


def _idle(visit: Visit, tuple_id: int) -> float:
    both = (*visit.terms.schedule[tuple_id], *visit.terms.discharge.get(tuple_id, ()))
    return min((slot.start for slot in both if slot.watts), default=visit.terms.coverages[tuple_id])


def may_pause(visit: Visit) -> bool:
    """Scheduled: while the profile is zero, or before it after an invitation. Dynamic: when the charger asked."""
    if visit.control is None:
        return False
    if visit.control.dynamic:
        return visit.asked_to_pause
    now = agreed.now(visit)
    return (visit.terms.invited and not visit.terms.profile) or now.watts <= 0.0 <= now.least
