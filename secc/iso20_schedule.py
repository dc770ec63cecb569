"""ScheduleExchange of ISO 15118-20: what is offered, which power profile is accepted, and when a pause is allowed."""

from __future__ import annotations

from itertools import accumulate

from secc import agreed
from secc.agreed import Step
from secc.charger import Slot
from secc.schedule import MAX_TUPLES, Plan
from secc.visit import Refusal, Visit
from v2g.energy import Control
from v2g.messages.iso20 import common
from v2g.phases import total
from v2g.physical import rational

SLACK = 1.001
"""Factor by which a profile may exceed its schedule: rounding to the 16 bits of a RationalNumber."""


def chosen(visit: Visit) -> Control:
    """What ServiceSelection chose; the order of messages sees to it that it did."""
    assert visit.control is not None
    return visit.control


def exchange(visit: Visit, request: common.ScheduleExchangeReq) -> common.ScheduleExchangeRes:
    """The schedules in scheduled mode, nothing but consent in dynamic mode.

    Raises:
        Refusal: the request is of the other control mode.
    """
    dynamic = chosen(visit).dynamic
    if (request.Dynamic_SEReqControlMode is not None) != dynamic:
        mode = "dynamic" if dynamic else "scheduled"
        raise Refusal("FAILED", f"ScheduleExchangeReq of the other control mode, {mode} was selected")
    ready = visit.planned()
    if dynamic:
        needs = common.Dynamic_SEResControlModeType()
        return common.ScheduleExchangeRes(
            ResponseCode="OK", EVSEProcessing="Finished" if ready else "Ongoing", Dynamic_SEResControlMode=needs
        )
    asked = request.Scheduled_SEReqControlMode
    tuples = offer(visit, asked.DepartureTime if asked else None, request.MaximumSupportingPoints)
    return common.ScheduleExchangeRes(
        ResponseCode="OK",
        EVSEProcessing="Finished" if ready else "Ongoing",
        # The schema wants a tuple even where the charger is still at work.
        Scheduled_SEResControlMode=common.Scheduled_SEResControlModeType(ScheduleTuple=tuples),
    )


def offer(visit: Visit, departure: int | None, most: int) -> list[common.ScheduleTupleType]:
    """The outlet's plans, or its own schedule; they cover until departure, or 24 hours [V2G20-1563]."""
    visit.offered_at, visit.profile = visit.session.now, ()
    visit.schedule, visit.coverages = {}, {}
    tuples = []
    for tuple_id, plan in enumerate(visit.evse.plans[:MAX_TUPLES] or (Plan(),), 1):
        slots = visit.offer_schedule(departure, most, plan.slots)
        visit.schedule[tuple_id], visit.coverages[tuple_id] = slots, visit.coverage
        tuples.append(
            common.ScheduleTupleType(
                ScheduleTupleID=tuple_id,
                ChargingSchedule=common.ChargingScheduleType(
                    PowerSchedule=power_schedule(visit, slots), PriceLevelSchedule=price_levels(visit, tuple_id, plan)
                ),
            )
        )
    visit.tuple_id = 1
    return tuples


def power_schedule(visit: Visit, slots: tuple[Slot, ...]) -> common.PowerScheduleType:
    """Slots as entries with a duration each."""
    ends = [*(slot.start for slot in slots[1:]), visit.coverage]
    entries = [
        common.PowerScheduleEntryType(Duration=end - slot.start, Power=rational(slot.watts, down=True))
        for slot, end in zip(slots, ends, strict=True)
    ]
    return common.PowerScheduleType(
        TimeAnchor=visit.session.clock(),
        PowerScheduleEntries=common.PowerScheduleEntryListType(PowerScheduleEntry=entries),
    )


def price_levels(visit: Visit, tuple_id: int, plan: Plan) -> common.PriceLevelScheduleType:
    """The prices of a plan as levels; one level where it has none, because some vehicles expect a price schedule."""
    prices = [price for price in plan.prices if price.start < visit.coverage]
    starts, levels = [price.start for price in prices] or [0], [price.level for price in prices] or [1]
    ends = [*starts[1:], visit.coverage]
    return common.PriceLevelScheduleType(
        TimeAnchor=visit.session.clock(),
        PriceScheduleID=tuple_id,
        NumberOfPriceLevels=max(levels),
        PriceLevelScheduleEntries=common.PriceLevelScheduleEntryListType(
            PriceLevelScheduleEntry=[
                common.PriceLevelScheduleEntryType(Duration=end - start, PriceLevel=level)
                for start, end, level in zip(starts, ends, levels, strict=True)
            ]
        ),
    )


def accept_profile(visit: Visit, profile: common.EVPowerProfileType | None) -> None:
    """Takes over a vehicle's power profile; in dynamic mode it is an expectation and binds nobody.

    Raises:
        Refusal: none at all, one of the other control mode, for a schedule that was not offered, or above it.
    """
    dynamic = chosen(visit).dynamic
    if profile is None:
        raise Refusal("FAILED_EVPowerProfileInvalid", "Start without EVPowerProfile")
    if (profile.Dynamic_EVPPTControlMode is not None) != dynamic:
        raise Refusal("FAILED_EVPowerProfileInvalid", "EVPowerProfile of the other control mode")
    if profile.Scheduled_EVPPTControlMode is None:
        visit.schedule, visit.profile = {}, ()
        return
    tuple_id = profile.Scheduled_EVPPTControlMode.SelectedScheduleTupleID
    if tuple_id not in visit.schedule:
        offered = ", ".join(map(str, visit.schedule))
        raise Refusal("FAILED_ScheduleSelectionInvalid", f"schedule {tuple_id}, offered: {offered}")
    entries = profile.EVPowerProfileEntries.EVPowerProfileEntry
    since = visit.session.now - visit.offered_at  # the profile counts from now, the schedule from when it was offered
    starts = accumulate((entry.Duration for entry in entries[:-1]), initial=0)
    steps = tuple(
        Step(round(since + start), total(entry, "Power")) for start, entry in zip(starts, entries, strict=True)
    )  # fmt: skip
    for step in steps:
        allowed = within(visit.schedule[tuple_id], step.start)
        if step.watts > allowed * SLACK or step.watts < 0.0:
            text = f"{step.watts:g} W at {step.start} s, the schedule allows {allowed:g} W"
            raise Refusal("FAILED_EVPowerProfileInvalid", text)
    visit.tuple_id, visit.profile = tuple_id, steps


def within(slots: tuple[Slot, ...], second: float) -> float:
    """Power in W that a schedule allows at a second after it began."""
    return next((slot.watts for slot in reversed(slots) if slot.start <= second), slots[0].watts)


def may_pause(visit: Visit) -> bool:
    """Scheduled: while nothing may be drawn. Dynamic: when the charger asked for it."""
    if visit.control is None:
        return False
    if visit.control.dynamic:
        return visit.asked_to_pause
    return agreed.now(visit).watts <= 0.0
