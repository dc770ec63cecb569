"""ScheduleExchange of ISO 15118-20 on the vehicle's side: the schedule it follows, the profile it answers with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import TypeVar

from evcc import schedule
from evcc.drive import Drive, Ending, Unsuitable
from evcc.forecast import forecast
from evcc.iso20_control import LEAVES_LATER, adopt, energies, minimum_soc, watt
from evcc.iso20_prices import trusted
from evcc.schedule import Price, Schedule, Slot
from evcc.verbs import until_finished
from v2g import prices, stamps
from v2g.energy import Control
from v2g.errors import RemoteError
from v2g.messages.iso20 import common
from v2g.phases import even, inward
from v2g.physical import number, percent
from v2g.prices import Stack
from v2g.reading import stamp_of

MOST_ENTRIES = 1024
"""MaximumSupportingPoints, 12 to 1024."""
MOST_STEPS = 2048
"""The most entries of an EVPowerProfile."""


@dataclass(slots=True)
class Plan:
    """What ScheduleExchange agreed.

    Attributes:
        schedule: the schedule to follow; without slots in dynamic mode.
        tolerance: PowerTolerance offered with it, W, or None.
        back: the discharging schedule offered with it, in W not above zero, or None.
        wish: power that the driver wants, W, as the profile said; negative: give back.
        sells_at: lowest price per kWh at which the driver gives back, or None.
        pause: the pause to make instead of following it, or None.
        began_wh: energy that the battery had taken when it was agreed, Wh.
    """

    schedule: Schedule
    tolerance: float | None = None
    back: Schedule | None = None
    wish: float = math.inf
    sells_at: float | None = None
    pause: Ending | None = None
    began_wh: float = 0.0

    def become(self, other: Plan) -> None:
        """Takes over another plan that was agreed, for everything that follows this one."""
        for one in fields(self):
            setattr(self, one.name, getattr(other, one.name))

    def power(self, now: float, most: float, giving: float = 0.0) -> float:
        """Power to aim for at a loop time, W; negative: to give back.

        Args:
            most, giving: limits of both sides, into the vehicle and out of it, as magnitudes.
        """
        if self.wish < 0.0:
            return -max(0.0, min(-self.wish, giving, self.giving(now)))
        if self.sells(now, giving):
            return -min(giving, self.giving(now))
        return max(0.0, min(self.wish, most, self.schedule.power_at(now)))

    def giving(self, now: float) -> float:
        """Power that the discharging schedule allows at a loop time, W as a magnitude; 0 without one."""
        return -self.back.power_at(now) if self.back is not None and self.back.slots else 0.0

    def sells(self, now: float, giving: float) -> bool:
        """Whether the charger pays the driver's price for energy given back at a loop time."""
        if self.sells_at is None or self.back is None or self.back.tariff is None or not self.back.tariff.known:
            return False
        watts = min(giving, self.giving(now))
        return watts > 0.0 and self.back.tariff.rule(now - self.back.base, watts).fee >= self.sells_at

    @property
    def turns(self) -> list[float]:
        """Seconds after the offer at which the power may change; the last one is its end."""
        starts = [float(slot.start) for slot in self.schedule.slots]
        if self.back is not None:
            later = self.back.base - self.schedule.base
            back = [slot.start for slot in self.back.slots]
            back += [stack.start for stack in self.back.tariff.stacks] if self.back.tariff is not None else []
            starts += [start + later for start in [*back, self.back.end]]
        return sorted({start for start in starts if start < self.schedule.end} | {self.schedule.end})


LASTS = 5.0
"""s for which the rest of the available energy has to last: power falls with it, so that no ramp exceeds it."""


def spendable(drive: Drive, control: Control, plan: Plan) -> float:
    """The most power that what is left of AvailableEnergy allows, W, as the vehicle counts it; infinite without it."""
    if plan.schedule.available is None:
        return math.inf
    efficiency = drive.vehicle.onboard.efficiency if control.service.energy == "AC" else 1.0
    taken = (drive.vehicle.battery.delivered_wh - plan.began_wh) / efficiency
    return max(plan.schedule.available - taken, 0.0) * 3600.0 / LASTS


async def agree_schedule(drive: Drive, control: Control) -> Plan:
    """ScheduleExchange until Finished, and the vehicle's choice.

    Raises:
        RemoteError: the response is of the other control mode.
    """
    asked = request(drive, control)  # while the charger is working, the same request is repeated
    res = trusted(drive, await until_finished(drive, lambda: asked, "V2G_EVCC_Ongoing_Timeout"))
    if control.dynamic:
        if res.Dynamic_SEResControlMode is None:
            raise RemoteError("ScheduleExchangeRes in scheduled mode, but dynamic mode was selected")
        adopt(drive, res.Dynamic_SEResControlMode)
        return Plan(Schedule(0, base=drive.now))
    if res.Scheduled_SEResControlMode is None:
        raise RemoteError("ScheduleExchangeRes in dynamic mode, but scheduled mode was selected")
    plan = choice(drive, control, res.Scheduled_SEResControlMode.ScheduleTuple, stamp_of(res))
    return replace(plan, pause=invited(drive, plan)) if res.GoToPause else plan


def choice(drive: Drive, control: Control, tuples: Sequence[common.ScheduleTupleType], sent: int) -> Plan:
    """The tuple to follow, chosen by need and cost, and the part of it that is used.

    A vehicle that confirms no tolerance takes a tuple without one, if there is any.

    Args:
        sent: TimeStamp of the message.
    """
    need = schedule.Need(drive.energy_request, most_power(drive, control), drive.departure)
    count = min(control.chosen.phases, drive.vehicle.onboard.phases) if control.service.energy == "AC" else 1
    if not drive.vehicle.settings.confirms_tolerance:
        free = [one for one in tuples if one.ChargingSchedule.PowerSchedule.PowerTolerance is None]
        tuples = free or tuples  # if all have a tolerance, the charger may warn, or may not insist
    offered = [read(one, drive.now, sent, count) for one in tuples]
    for one in offered:
        if one.tariff is not None and not one.tariff.known:
            name = prices.ALGORITHMS.get(one.tariff.algorithm, "another algorithm")
            drive.note(f"prices by {name} are not calculated", once="prices-unknown")
    planned = schedule.plan(schedule.choose(offered, need), need, watt)
    drive.tuple_id = planned.tuple_id
    chosen = next(one for one in tuples if one.ScheduleTupleID == planned.tuple_id)
    settings, tolerance = drive.vehicle.settings, chosen.ChargingSchedule.PowerSchedule.PowerTolerance
    return Plan(
        planned,
        None if tolerance is None else abs(number(tolerance)),
        read_back(chosen, drive.now, sent, count) if control.bidirectional else None,
        0.0 if drive.pausing else settings.target_power,
        None if drive.pausing else settings.sells_at,
        began_wh=drive.vehicle.battery.delivered_wh,
    )


def most_power(drive: Drive, control: Control) -> float:
    """The most power that the vehicle can use, W."""
    most, onboard = drive.vehicle.battery.pack.max_power, drive.vehicle.onboard
    if control.service.energy == "DC" or drive.ac_voltage is None:
        return most
    return min(most, drive.ac_voltage * onboard.max_current * min(control.chosen.phases, onboard.phases))


def invited(drive: Drive, plan: Plan) -> Ending | None:
    """The pause that the charger proposes (GoToPause), if the driver's settings let the vehicle sleep so soon."""
    until = plan.schedule.idle_until(drive.now)
    shortest = drive.vehicle.settings.sleeps
    if shortest is None or (until is not None and until - drive.now < shortest):
        drive.note("the charger has no energy available soon and invites the vehicle to pause")
        return None
    known = until if until is not None and math.isfinite(until) else None
    return Ending("pause", "the charger has no energy available soon and invited the vehicle to pause", until=known)


def falls_asleep(drive: Drive, plan: Plan) -> Ending | None:
    """A vehicle may pause the session while its schedule allows no power, and resume when it does."""
    shortest, until = drive.vehicle.settings.sleeps, plan.schedule.idle_until(drive.now)
    if shortest is None or until is None or until - drive.now < shortest or plan.power(drive.now, 1.0, 1.0):
        return None
    known = until if math.isfinite(until) else None
    return Ending("pause", "the schedule allows no power for now", until=known)


def request(drive: Drive, control: Control) -> common.ScheduleExchangeReq:
    """ScheduleExchangeReq with departure and energies: all of them in dynamic mode, because the charger plans."""
    amounts, battery = energies(drive), drive.vehicle.battery
    if not control.dynamic:
        return common.ScheduleExchangeReq(
            MaximumSupportingPoints=MOST_ENTRIES,
            Scheduled_SEReqControlMode=common.Scheduled_SEReqControlModeType(
                DepartureTime=drive.departure,
                EVTargetEnergyRequest=amounts.target,
                EVMaximumEnergyRequest=amounts.most,
                EVMinimumEnergyRequest=amounts.least,
                EVEnergyOffer=energy_offer(drive) if control.bidirectional else None,
            ),
        )
    return common.ScheduleExchangeReq(
        MaximumSupportingPoints=MOST_ENTRIES,
        Dynamic_SEReqControlMode=common.Dynamic_SEReqControlModeType(
            DepartureTime=LEAVES_LATER if drive.departure is None else drive.departure,
            MinimumSOC=minimum_soc(drive),
            TargetSOC=percent(battery.target_soc),
            EVTargetEnergyRequest=amounts.target,
            EVMaximumEnergyRequest=amounts.most,
            EVMinimumEnergyRequest=amounts.least,
            EVMaximumV2XEnergyRequest=amounts.band_most,
            EVMinimumV2XEnergyRequest=amounts.band_least,
        ),
    )


def energy_offer(drive: Drive) -> common.EVEnergyOfferType | None:
    """The power that the driver would give back until departure, and its price; None if no price is set."""
    settings, vehicle = drive.vehicle.settings, drive.vehicle
    if settings.sells_at is None:
        return None
    watts = vehicle.battery.pack.max_discharge_power
    if drive.ac_voltage is not None:
        onboard = vehicle.onboard
        watts = min(watts, drive.ac_voltage * onboard.max_discharge_current * onboard.phases)
    anchor, seconds = drive.session.clock(), drive.departure or LEAVES_LATER
    rule = common.EVPriceRuleType(EnergyFee=prices.money(settings.sells_at), PowerRangeStart=inward(0.0))
    return common.EVEnergyOfferType(
        EVPowerSchedule=common.EVPowerScheduleType(
            TimeAnchor=anchor,
            EVPowerScheduleEntries=common.EVPowerScheduleEntryListType(
                EVPowerScheduleEntry=[common.EVPowerScheduleEntryType(Duration=seconds, Power=inward(-watts))]
            ),
        ),
        EVAbsolutePriceSchedule=common.EVAbsolutePriceScheduleType(
            TimeAnchor=anchor,
            Currency=settings.currency,
            PriceAlgorithm=prices.POWER,
            EVPriceRuleStacks=common.EVPriceRuleStackListType(
                EVPriceRuleStack=[common.EVPriceRuleStackType(Duration=seconds, EVPriceRule=[rule])]
            ),
        ),
    )


def read(element: common.ScheduleTupleType, base: float, sent: int = 0, count: int = 3) -> Schedule:
    """Reads a schedule tuple received at a loop time: powers over all phases, and prices if there are any.

    Args:
        sent: TimeStamp of the message; a TimeAnchor before it means that the schedule began then.
        count: phases in use.

    Raises:
        RemoteError: a negative power in a charging schedule.
    """
    charging = element.ChargingSchedule
    made = _powers(element.ScheduleTupleID, charging, base, sent, count)
    if any(slot.watts < 0.0 for slot in made.slots):
        raise RemoteError(f"schedule {element.ScheduleTupleID} charges with a negative power")
    available = charging.PowerSchedule.AvailableEnergy
    return replace(made, available=None if available is None else number(available))


def read_back(element: common.ScheduleTupleType, base: float, sent: int = 0, count: int = 3) -> Schedule | None:
    """The discharging schedule of a tuple, or None without one; a power above zero allows nothing."""
    if element.DischargingSchedule is None:
        return None
    made = _powers(element.ScheduleTupleID, element.DischargingSchedule, base, sent, count)
    return replace(made, slots=tuple(replace(slot, watts=min(slot.watts, 0.0)) for slot in made.slots))


def _powers(tuple_id: int, found: common.ChargingScheduleType, base: float, sent: int, count: int) -> Schedule:
    entries = found.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry
    durations = [entry.Duration for entry in entries]
    starts = accumulate(durations[:-1], initial=0)
    slots = tuple(Slot(start, even(entry, "Power", count)) for start, entry in zip(starts, entries, strict=True))
    age = stamps.age(found.PowerSchedule.TimeAnchor, sent)
    tariff, levels = None, _levels(found)
    # Prices have their own anchor: their seconds are converted to the schedule's.
    if (absolute := found.AbsolutePriceSchedule) is not None:
        tariff = prices.read(absolute)
        tariff = replace(tariff, stacks=_later(tariff.stacks, age - stamps.age(absolute.TimeAnchor, sent)))
    elif found.PriceLevelSchedule is not None:
        levels = _later(levels, age - stamps.age(found.PriceLevelSchedule.TimeAnchor, sent))
    return Schedule(tuple_id, slots, float(sum(durations)), base - age, levels, tariff)


P = TypeVar("P", Price, Stack)


def _later(entries: tuple[P, ...], seconds: float) -> tuple[P, ...]:
    """Prices shifted by ``seconds``; of those before the schedule, the last one applies from its beginning."""
    moved: list[P] = [replace(entry, start=round(entry.start + seconds)) for entry in entries]
    past: list[P] = [entry for entry in moved if entry.start <= 0]
    first: list[P] = [replace(past[-1], start=0)] if past else []
    return tuple(first + [entry for entry in moved if entry.start > 0])


def _levels(found: common.ChargingScheduleType) -> tuple[Price, ...]:
    """The price levels of a schedule; empty if it has none."""
    if found.PriceLevelSchedule is None:
        return ()
    levels = found.PriceLevelSchedule.PriceLevelScheduleEntries.PriceLevelScheduleEntry
    starts = accumulate((entry.Duration for entry in levels[:-1]), initial=0)
    return tuple(Price(start, entry.PriceLevel) for start, entry in zip(starts, levels, strict=True))


def profile(
    drive: Drive, control: Control, plan: Plan, most: float, giving: float = 0.0, **dc: float
) -> common.EVPowerProfileType:
    """The profile of the power that the vehicle will take or give back from now on, W.

    Without a tolerance to keep, it is the upper limit; with one, it is what the battery is expected to take of it.

    Args:
        most, giving: limits of both sides, into the vehicle and out of it, as magnitudes.
        dc: the charger's max_voltage and max_current in DC, V and A.
    """
    if control.dynamic:
        return common.EVPowerProfileType(
            TimeAnchor=drive.session.clock(),
            Dynamic_EVPPTControlMode=common.Dynamic_EVPPTControlModeType(),
            EVPowerProfileEntries=_entries([(LEAVES_LATER, most)]),
        )
    base = plan.schedule.base
    since = drive.now - base
    end = min(plan.schedule.end, since + LEAVES_LATER)
    starts = [since, *(turn for turn in plan.turns if since < turn < end)]
    steps = [
        (math.ceil(stop - start), plan.power(base + start, most, giving))
        for start, stop in zip(starts, [*starts[1:], end], strict=True)
        if stop > start
    ]
    confirmed: common.powerToleranceAcceptanceType | None = None
    if plan.tolerance is not None:
        sure = drive.vehicle.settings.confirms_tolerance
        confirmed = "PowerToleranceConfirmed" if sure else "PowerToleranceNotConfirmed"
        efficiency = drive.vehicle.onboard.efficiency if control.service.energy == "AC" else 1.0
        steps = forecast(drive.vehicle.battery, steps, plan.tolerance, efficiency=efficiency, **dc)
    return common.EVPowerProfileType(
        TimeAnchor=drive.session.clock(),
        Scheduled_EVPPTControlMode=common.Scheduled_EVPPTControlModeType(
            SelectedScheduleTupleID=plan.schedule.tuple_id, PowerToleranceAcceptance=confirmed
        ),
        EVPowerProfileEntries=_entries(steps),
    )


def _entries(steps: Sequence[tuple[int, float]]) -> common.EVPowerProfileEntryListType:
    """(duration in s, W) as entries, with equal neighbours merged; without any, 0 W for one second."""
    made: list[common.PowerScheduleEntryType] = []
    for seconds, power in steps or [(1, 0.0)]:
        if made and made[-1].Power == inward(power):
            made[-1].Duration += seconds
        else:
            made.append(common.PowerScheduleEntryType(Duration=seconds, Power=inward(power)))
    return common.EVPowerProfileEntryListType(EVPowerProfileEntry=made[:MOST_STEPS])


def power_delivery(
    drive: Drive,
    progress: common.chargeProgressType,
    profile: common.EVPowerProfileType | None = None,
    channel: common.channelSelectionType | None = None,
) -> common.PowerDeliveryReq:
    """PowerDeliveryReq of a vehicle that has finished its profile.

    Args:
        channel: the direction of the following power flow, in bidirectional services.
    """
    return common.PowerDeliveryReq(
        EVProcessing="Finished", ChargeProgress=progress, EVPowerProfile=profile, BPT_ChannelSelection=channel
    )


class Unconfirmed(Unsuitable):
    """The charger does not begin until the tolerance is confirmed or another schedule is agreed."""


def started(drive: Drive, response: common.PowerDeliveryRes) -> None:
    """Checks the answer to PowerDelivery(Start), in which a charger may already request the end.

    Raises:
        Unconfirmed: the charger warns that the tolerance is not confirmed.
        Unsuitable: it warns about something else, and does not begin.
    """
    code = response.ResponseCode
    if code == "WARNING_PowerToleranceNotConfirmed":
        raise Unconfirmed(f"the charger does not start: the vehicle does not confirm the tolerance ({code})")
    if code.startswith("WARNING"):
        raise Unsuitable(f"the charger does not start: {code}")
    status = response.EVSEStatus
    drive.asked_to_stop = status is not None and status.EVSENotification == "Terminate"


def channel(control: Control, power: float) -> common.channelSelectionType | None:
    """BPT_ChannelSelection for a power, W: sent in all bidirectional services, relevant with separated channels."""
    if not control.bidirectional:
        return None
    return "Discharge" if power < 0.0 else "Charge"
