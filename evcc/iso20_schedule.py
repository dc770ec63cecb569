"""ScheduleExchange of ISO 15118-20 as the vehicle sees it: the schedule it follows, the profile it answers with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate

from evcc import schedule
from evcc.drive import Drive
from evcc.iso20_control import LEAVES_LATER, energies, watt
from evcc.schedule import Price, Schedule, Slot
from evcc.verbs import until_finished
from v2g.energy import Control
from v2g.errors import RemoteError
from v2g.messages.iso20 import common
from v2g.phases import inward, total

MOST_ENTRIES = 1024
"""MaximumSupportingPoints, 12 to 1024."""


@dataclass(slots=True)
class Plan:
    """What ScheduleExchange agreed.

    Attributes:
        schedule: the one to follow; without slots in dynamic mode.
        tolerance: PowerTolerance was offered with it.
        back: the discharging schedule beside it, W not above zero, or None.
        wish: what the driver wants, W, as the profile said it; negative: give back.
    """

    schedule: Schedule
    tolerance: bool = False
    back: Schedule | None = None
    wish: float = math.inf

    def become(self, other: Plan) -> None:
        """Another one was agreed: whoever follows this one follows that."""
        for one in fields(self):
            setattr(self, one.name, getattr(other, one.name))

    def power(self, now: float, most: float, giving: float = 0.0) -> float:
        """Power to go for at a loop time, W; negative: to give back.

        Args:
            most, giving: limits of both sides, into the vehicle and out of it, as magnitudes.
        """
        if self.wish < 0.0:
            return -max(0.0, min(-self.wish, giving, self.giving(now)))
        return max(0.0, min(self.wish, most, self.schedule.power_at(now)))

    def giving(self, now: float) -> float:
        """What the discharging schedule allows at a loop time, W as a magnitude; without one, nothing."""
        return -self.back.power_at(now) if self.back is not None and self.back.slots else 0.0

    @property
    def turns(self) -> list[float]:
        """Seconds after the offer at which the power may change, the last one its end."""
        slots = (*self.schedule.slots, *(self.back.slots if self.back is not None else ()))
        return sorted({float(slot.start) for slot in slots if slot.start < self.schedule.end} | {self.schedule.end})


async def agree_schedule(drive: Drive, control: Control) -> Plan:
    """ScheduleExchange until Finished, and the vehicle's choice.

    Raises:
        RemoteError: the response is of the other control mode.
    """
    asked = request(drive, control)  # while the charger is at work, the same request is repeated
    res = await until_finished(drive, lambda: asked, "V2G_EVCC_Ongoing_Timeout")
    if res.GoToPause:
        drive.note("the charger has no energy to give soon, and invites to pause")
    if control.dynamic:
        if res.Dynamic_SEResControlMode is None:
            raise RemoteError("ScheduleExchangeRes of scheduled mode, dynamic was selected")
        return Plan(Schedule(0, base=drive.now))
    if res.Scheduled_SEResControlMode is None:
        raise RemoteError("ScheduleExchangeRes of dynamic mode, scheduled was selected")
    tuples = res.Scheduled_SEResControlMode.ScheduleTuple
    need = schedule.Need(drive.energy_request, drive.vehicle.battery.pack.max_power, drive.departure)
    best = schedule.choose([read(one, drive.now) for one in tuples], need)
    planned = schedule.plan(best, need, watt)
    drive.tuple_id = planned.tuple_id
    chosen = next(one for one in tuples if one.ScheduleTupleID == planned.tuple_id)
    back = read_back(chosen, drive.now) if control.bidirectional else None
    tolerance = chosen.ChargingSchedule.PowerSchedule.PowerTolerance is not None
    return Plan(planned, tolerance, back, drive.vehicle.settings.target_power)


def request(drive: Drive, control: Control) -> common.ScheduleExchangeReq:
    """Departure and energies: all of them in dynamic mode, where the charger has to plan with them."""
    amounts = energies(drive)
    if not control.dynamic:
        return common.ScheduleExchangeReq(
            MaximumSupportingPoints=MOST_ENTRIES,
            Scheduled_SEReqControlMode=common.Scheduled_SEReqControlModeType(
                DepartureTime=drive.departure,
                EVTargetEnergyRequest=amounts.target,
                EVMaximumEnergyRequest=amounts.most,
                EVMinimumEnergyRequest=amounts.least,
            ),
        )
    return common.ScheduleExchangeReq(
        MaximumSupportingPoints=MOST_ENTRIES,
        Dynamic_SEReqControlMode=common.Dynamic_SEReqControlModeType(
            DepartureTime=LEAVES_LATER if drive.departure is None else drive.departure,
            EVTargetEnergyRequest=amounts.target,
            EVMaximumEnergyRequest=amounts.most,
            EVMinimumEnergyRequest=amounts.least,
        ),
    )


def read(element: common.ScheduleTupleType, base: float) -> Schedule:
    """A schedule tuple from a loop time on: powers over all phases, and price levels where there are any.

    Raises:
        RemoteError: a negative power in a charging schedule.
    """
    charging = element.ChargingSchedule
    made = _powers(element.ScheduleTupleID, charging, base)
    if any(slot.watts < 0.0 for slot in made.slots):
        raise RemoteError(f"schedule {element.ScheduleTupleID} charges with a negative power")
    return replace(made, prices=_levels(charging))


def read_back(element: common.ScheduleTupleType, base: float) -> Schedule | None:
    """The discharging schedule of a tuple, or None without one; a power above zero allows nothing."""
    if element.DischargingSchedule is None:
        return None
    made = _powers(element.ScheduleTupleID, element.DischargingSchedule, base)
    slots = tuple(replace(slot, watts=min(slot.watts, 0.0)) for slot in made.slots)
    return replace(made, slots=slots, prices=_levels(element.DischargingSchedule))


def _powers(tuple_id: int, found: common.ChargingScheduleType, base: float) -> Schedule:
    entries = found.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry
    durations = [entry.Duration for entry in entries]
    starts = accumulate(durations[:-1], initial=0)
    slots = tuple(Slot(start, total(entry, "Power")) for start, entry in zip(starts, entries, strict=True))
    return Schedule(tuple_id, slots, float(sum(durations)), base)


def _levels(found: common.ChargingScheduleType) -> tuple[Price, ...]:
    """The price levels of a schedule; empty without any."""
    if found.PriceLevelSchedule is None:
        return ()
    levels = found.PriceLevelSchedule.PriceLevelScheduleEntries.PriceLevelScheduleEntry
    starts = accumulate((entry.Duration for entry in levels[:-1]), initial=0)
    return tuple(Price(start, entry.PriceLevel) for start, entry in zip(starts, levels, strict=True))


def profile(drive: Drive, control: Control, plan: Plan, most: float, giving: float = 0.0) -> common.EVPowerProfileType:
    """The power that the vehicle will take, or give back, W, from now on.

    Args:
        most, giving: limits of both sides, into the vehicle and out of it, as magnitudes.
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
    confirmed: common.powerToleranceAcceptanceType | None = "PowerToleranceConfirmed" if plan.tolerance else None
    return common.EVPowerProfileType(
        TimeAnchor=drive.session.clock(),
        Scheduled_EVPPTControlMode=common.Scheduled_EVPPTControlModeType(
            SelectedScheduleTupleID=plan.schedule.tuple_id, PowerToleranceAcceptance=confirmed
        ),
        EVPowerProfileEntries=_entries(steps),
    )


def _entries(steps: Sequence[tuple[int, float]]) -> common.EVPowerProfileEntryListType:
    """(duration in s, W) as entries."""
    made = [common.PowerScheduleEntryType(Duration=seconds, Power=inward(power)) for seconds, power in steps]
    return common.EVPowerProfileEntryListType(EVPowerProfileEntry=made)


def power_delivery(
    drive: Drive,
    progress: common.chargeProgressType,
    profile: common.EVPowerProfileType | None = None,
    channel: common.channelSelectionType | None = None,
) -> common.PowerDeliveryReq:
    """PowerDeliveryReq of a vehicle that is finished with its profile.

    Args:
        channel: the direction of what follows, in bidirectional services.
    """
    return common.PowerDeliveryReq(
        EVProcessing="Finished", ChargeProgress=progress, EVPowerProfile=profile, BPT_ChannelSelection=channel
    )


def channel(control: Control, power: float) -> common.channelSelectionType | None:
    """BPT_ChannelSelection for a power, W: said in all bidirectional services, it counts with separated channels."""
    if not control.bidirectional:
        return None
    return "Discharge" if power < 0.0 else "Charge"
