"""ScheduleExchange of ISO 15118-20 as the vehicle sees it: the schedule it follows, the profile it answers with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from evcc import schedule
from evcc.drive import Drive
from evcc.iso20_control import LEAVES_LATER, energies, watt
from evcc.schedule import Price, Schedule, Slot
from evcc.verbs import until_finished
from v2g.energy import Control
from v2g.errors import RemoteError
from v2g.messages.iso20 import common
from v2g.phases import total

MOST_ENTRIES = 1024
"""MaximumSupportingPoints, 12 to 1024."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What ScheduleExchange agreed.

    Attributes:
        schedule: the one to follow; without slots in dynamic mode.
        tolerance: PowerTolerance was offered with it.
    """

    schedule: Schedule
    tolerance: bool = False


async def agree_schedule(drive: Drive, control: Control) -> Plan:
    """ScheduleExchange until Finished, and the vehicle's choice.

    Raises:
        RemoteError: the response is of the other control mode.
    """
    res = await until_finished(drive, lambda: request(drive, control), "V2G_EVCC_Ongoing_Timeout")
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
    return Plan(planned, chosen.ChargingSchedule.PowerSchedule.PowerTolerance is not None)


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
    entries = charging.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry
    durations = [entry.Duration for entry in entries]
    slots = tuple(
        Slot(start, total(entry, "Power"))
        for start, entry in zip(accumulate(durations[:-1], initial=0), entries, strict=True)
    )
    if any(slot.watts < 0.0 for slot in slots):
        raise RemoteError(f"schedule {element.ScheduleTupleID} charges with a negative power")
    made = Schedule(element.ScheduleTupleID, slots, float(sum(durations)), base)
    if charging.PriceLevelSchedule is None:
        return made
    levels = charging.PriceLevelSchedule.PriceLevelScheduleEntries.PriceLevelScheduleEntry
    starts = accumulate((entry.Duration for entry in levels[:-1]), initial=0)
    prices = (Price(start, entry.PriceLevel) for start, entry in zip(starts, levels, strict=True))
    return replace(made, prices=tuple(prices))


def profile(drive: Drive, control: Control, plan: Plan, most: float) -> common.EVPowerProfileType:
    """The power that the vehicle will take, W, from now on: the schedule's steps, each at most ``most``."""
    if control.dynamic:
        return common.EVPowerProfileType(
            TimeAnchor=drive.session.clock(),
            Dynamic_EVPPTControlMode=common.Dynamic_EVPPTControlModeType(),
            EVPowerProfileEntries=_entries([(LEAVES_LATER, most)]),
        )
    since = drive.now - plan.schedule.base
    end = min(plan.schedule.end, since + LEAVES_LATER)
    starts = [max(slot.start, since) for slot in plan.schedule.slots]
    ends = [*starts[1:], end]
    steps = [
        (math.ceil(stop - start), min(slot.watts, most))
        for slot, start, stop in zip(plan.schedule.slots, starts, ends, strict=True)
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
    made = [common.PowerScheduleEntryType(Duration=seconds, Power=watt(power)) for seconds, power in steps]
    return common.EVPowerProfileEntryListType(EVPowerProfileEntry=made)


def power_delivery(
    drive: Drive,
    progress: common.chargeProgressType,
    profile: common.EVPowerProfileType | None = None,
    channel: common.channelSelectionType | None = None,
) -> common.PowerDeliveryReq:
    """PowerDeliveryReq of a vehicle that is finished with its profile; ``channel`` in bidirectional services."""
    return common.PowerDeliveryReq(
        EVProcessing="Finished", ChargeProgress=progress, EVPowerProfile=profile, BPT_ChannelSelection=channel
    )
