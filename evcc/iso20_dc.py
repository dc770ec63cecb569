"""The vehicle's DC part of ISO 15118-20: cable check, precharge, charge loop, welding detection."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Any

from evcc import checks, iso20_metering
from evcc.drive import Drive, Ending
from evcc.iso20_control import (
    LEAVES_LATER,
    adopt,
    ampere,
    display,
    energies,
    protects,
    volt,
    warned,
    watt,
)
from evcc.iso20_course import Course, begin_power
from evcc.iso20_dc_limits import Terms, agree_limits, updated
from evcc.iso20_schedule import Plan, power_delivery, profile, spendable, started
from evcc.verbs import rundown, still_flows, until_finished
from slac.pilot import State
from v2g.energy import Control
from v2g.members import dc_members
from v2g.messages.iso20 import common, dc, types
from v2g.outcome import Cause
from v2g.physical import SAFE_VOLTAGE, number, percent, signed
from v2g.ramp import Ramp

DRAINED = 0.005
"""Fraction of the capacity below the minimum SoC at which the vehicle disconnects from a charger that keeps going."""

STILL = 0.5
"""A: below this, the current may change direction if each direction has its own path."""


# ---------------------------------------------------------------------------------------------------------------
# Before and after the loop


async def charge(drive: Drive, control: Control, terms: Terms, plan: Plan) -> Ending:
    """From CableCheck to the end of the power flow, contactors open."""
    vehicle = drive.vehicle
    drive.still_wanted()
    vehicle.pilot.set(State.C)
    await until_finished(drive, dc.DC_CableCheckReq, "V2G_EVCC_CableCheck_Timeout", from_request=True)
    await precharge(drive)
    vehicle.close_contactors()
    channel = Flow.of(drive, control, terms, plan).channel("Charge")

    async def begin(on: Drive, agreed: Terms, new: Plan) -> None:
        await start(on, control, agreed, new, channel)

    terms = await begin_power(drive, control, terms, plan, agree_limits, begin)
    drive.power_flows()

    ending = drive.ends(await loop(drive, control, terms, plan, channel))
    if not ending.alarm:
        ending = await ramp_down(drive, control, terms, ending)
    async with vehicle.opening() if ending.alarm else contextlib.nullcontext():
        await drive.ask(power_delivery(drive, "Stop"))  # within 0.5 s, which a current may need longer to fall
    await vehicle.safe()  # pilot to B, and the contactors open once the current is gone
    await until_dead(drive)
    return ending


async def start(drive: Drive, control: Control, terms: Terms, plan: Plan, channel: common.channelSelectionType) -> None:
    """PowerDelivery(Start), with the direction in a bidirectional service."""
    pack = drive.vehicle.battery.pack
    most, giving = min(pack.max_power, terms.power), min(pack.max_discharge_power, terms.discharge_power)
    selection = channel if control.bidirectional else None
    made = profile(
        drive, control, plan, most, giving, max_voltage=terms.voltage, max_current=terms.current
    )  # fmt: skip
    started(drive, await drive.ask(power_delivery(drive, "Start", made, selection)))


async def precharge(drive: Drive) -> None:
    """DC_PreCharge until the inlet has the battery's voltage, which the vehicle reports with Finished.

    Raises:
        TimedOut: V2G_EVCC_PreCharge_Timeout expired.
    """
    vehicle = drive.vehicle
    processing: types.processingType = "Ongoing"
    async with drive.within("V2G_EVCC_PreCharge_Timeout", "the battery's voltage at the inlet", from_request=True):
        while True:
            res = await drive.ask(
                dc.DC_PreChargeReq(
                    EVProcessing=processing,
                    EVPresentVoltage=volt(max(vehicle.inlet_voltage, 0.0)),
                    EVTargetVoltage=volt(vehicle.battery.voltage),
                )
            )
            vehicle.report(number(res.EVSEPresentVoltage))
            if processing == "Finished":
                return
            if vehicle.matched:
                processing = "Finished"
                continue
            await drive.breathe()
            drive.still_wanted()


# ---------------------------------------------------------------------------------------------------------------
# The loop


@dataclass(frozen=True, slots=True)
class Flow:
    """What the vehicle requests in one exchange of the loop.

    Attributes:
        voltage: upper limit, V.
        current, power: upper limits into the battery, A and W.
        discharge_current, discharge_power: upper limits out of the battery, as magnitudes, A and W.
        target: current wanted if the vehicle decides, A; negative out of the battery.
        wants: power that determines the direction, W.
    """

    voltage: float
    current: float
    power: float
    discharge_current: float = 0.0
    discharge_power: float = 0.0
    target: float = 0.0
    wants: float = 0.0

    @classmethod
    def of(cls, drive: Drive, control: Control, terms: Terms, plan: Plan) -> Flow:
        """Within the schedule, and the battery's minimum and target.

        The vehicle decides within the limits of both sides. If the charger decides, the vehicle states its own: if it
        repeated the charger's, one that is low for a moment could keep itself low.
        """
        battery, pack = drive.vehicle.battery, drive.vehicle.battery.pack
        if control.dynamic:
            return cls.steered(drive, control, terms)
        power = min(terms.power, plan.schedule.power_at(drive.now), pack.max_power)
        charge = drive.vehicle.wanted(terms.voltage, terms.current, power)
        give = back = 0.0
        if control.bidirectional:
            back = min(terms.discharge_power, pack.max_discharge_power, plan.giving(drive.now))
            give = battery.spare(terms.discharge_current, back, terms.least_voltage)
        wants = wanted(drive, control, plan, power, back)
        target = max(-give, min(charge.current, wants / battery.voltage))
        return cls(charge.voltage, charge.current, power, give, back if give > 0.0 else 0.0, target, wants)

    @classmethod
    def steered(cls, drive: Drive, control: Control, terms: Terms) -> Flow:
        """The vehicle's own limits, if the charger decides: whose limits show the direction that it wants."""
        battery, pack = drive.vehicle.battery, drive.vehicle.battery.pack
        charge, give = battery.wanted(), battery.spare() if control.bidirectional else 0.0
        wants = terms.power - terms.discharge_power if 0.0 in (terms.power, terms.discharge_power) else 0.0
        back = pack.max_discharge_power if give > 0.0 else 0.0
        return cls(charge.voltage, charge.current, pack.max_power, give, back, wants=wants)

    def channel(self, before: common.channelSelectionType) -> common.channelSelectionType:
        """The matching direction; the previous one if there is no reason to change."""
        return before if self.wants == 0.0 else "Charge" if self.wants > 0.0 else "Discharge"

    def halted(self) -> Flow:
        """The same with zero current."""
        return Flow(self.voltage, 0.0, 0.0)

    def ramped(self, ramp: Ramp, voltage: float, now: float) -> Flow:
        """The same with a target that rises no faster, at a battery's voltage, V."""
        return replace(self, target=ramp.toward_current(self.target, voltage, now))


def wanted(drive: Drive, control: Control, plan: Plan, most: float, giving: float) -> float:
    """The plan's power, W, if the vehicle decides; less if the driver now wants less, and none without energy left.

    Another direction, or more power, needs another plan; until there is one, nothing flows in the wrong direction.
    """
    power, wish = plan.power(drive.now, most, giving), drive.vehicle.settings.target_power
    power = min(power, spendable(drive, control, plan))
    if plan.sells_at is not None:
        return power
    return min(power, max(wish, 0.0)) if power >= 0.0 else max(power, min(wish, 0.0))


def request(drive: Drive, control: Control, flow: Flow) -> dc.DC_ChargeLoopReq:
    """DC_ChargeLoopReq: targets in scheduled mode, limits in dynamic mode, discharge limits in both."""
    amounts, pack = energies(drive), drive.vehicle.battery.pack
    fields: dict[str, Any] = {
        "EVTargetEnergyRequest": amounts.target,
        "EVMaximumEnergyRequest": amounts.most,
        "EVMinimumEnergyRequest": amounts.least,
    }
    if control.dynamic:
        fields |= {
            "DepartureTime": LEAVES_LATER if drive.departure is None else drive.departure,
            "EVMaximumChargePower": watt(flow.power),
            "EVMinimumChargePower": watt(0.0),
            "EVMaximumChargeCurrent": ampere(flow.current),
            "EVMaximumVoltage": volt(flow.voltage),
            "EVMinimumVoltage": volt(min(pack.min_voltage, flow.voltage)),
        }
    else:
        fields |= {"EVTargetCurrent": toward_zero(flow.target), "EVTargetVoltage": volt(flow.voltage)}
    if control.bidirectional:
        negative = drive.options.negative_discharge_limits
        fields |= {
            "EVMaximumDischargePower": signed(watt(flow.discharge_power), negative=negative),
            "EVMinimumDischargePower": watt(0.0),
            "EVMaximumDischargeCurrent": signed(ampere(flow.discharge_current), negative=negative),
        }
    if control.bidirectional and control.dynamic:
        fields |= {
            "EVMaximumV2XEnergyRequest": amounts.band_most,
            "EVMinimumV2XEnergyRequest": amounts.band_least,
        }
    return dc.DC_ChargeLoopReq(
        DisplayParameters=display(drive),
        MeterInfoRequested=True,
        EVPresentVoltage=volt(drive.vehicle.battery.voltage),
        CLReqControlMode=dc_members(control).asks(**fields),
    )


def toward_zero(current: float) -> types.RationalNumberType:
    """A target, A, rounded so that no limit is exceeded in either direction."""
    return ampere(current) if current >= 0.0 else signed(ampere(-current), negative=True)


async def take(drive: Drive, control: Control, flow: Flow) -> dc.DC_ChargeLoopRes:
    """Makes one exchange of the loop and applies it to the plant.

    Raises:
        RemoteError: the response is of another kind than the request.
    """
    drive.asked = flow.current or flow.discharge_current or abs(flow.target)
    res = await drive.ask(request(drive, control, flow))
    checks.same_kind(res.CLResControlMode, dc_members(control).answers)
    current = number(res.EVSEPresentCurrent)
    drive.vehicle.take_dc(number(res.EVSEPresentVoltage), current if control.bidirectional else max(0.0, current))
    warned(drive, res.ResponseCode)
    if control.dynamic and not drive.standby:
        adopt(drive, res.CLResControlMode)
    return res


async def loop(
    drive: Drive, control: Control, terms: Terms, plan: Plan, channel: common.channelSelectionType
) -> Ending:
    """The charge loop, until something ends it. In dynamic mode the battery's request is a limit, not a target."""

    async def begin(on: Drive, agreed: Terms, new: Plan) -> None:
        direction = channel if control.chosen.separated else Flow.of(drive, control, agreed, new).channel(channel)
        await start(on, control, agreed, new, direction)

    course = Course(drive, control, terms, plan, agree_limits, begin, lambda: abs(drive.vehicle.current) < STILL)
    while True:
        terms = course.terms(terms)
        flow = Flow.of(drive, control, terms, plan)
        if drive.resting:
            flow = flow.halted()
        elif control.chosen.separated and (other := flow.channel(channel)) != channel:
            if abs(drive.vehicle.current) < STILL:
                await start(drive, control, course.agreed, plan, other)
                channel = other
            else:
                flow = flow.halted()
        flow = flow.ramped(terms.ramp, drive.vehicle.battery.voltage, drive.now)
        res = await take(drive, control, flow)
        if not drive.standby:  # in standby only the status and the meter count
            terms = updated(course.agreed, res.CLResControlMode)
        ending = protected(drive, res) or await course.turn(res.EVSEStatus)
        if ending:
            return ending
        await drive.breathe()


def protected(drive: Drive, res: dc.DC_ChargeLoopRes) -> Ending | None:
    """Why the loop ends if the power that the charger delivers or takes endangers the battery; otherwise None."""
    if drive.danger:  # a content rule says so
        return Ending("stop", drive.danger, Cause.ABORTED, hurry=0.0, alarm=True)
    pack = drive.vehicle.battery.rated
    voltage, current = number(res.EVSEPresentVoltage), number(res.EVSEPresentCurrent)
    if voltage > pack.max_voltage * checks.OVER:
        return protects(drive, f"{voltage:g} V, at most {pack.max_voltage:g} V")
    if current > pack.max_current * checks.OVER + checks.OVER_AMPS:
        return protects(drive, f"{current:g} A, at most {pack.max_current:g} A")
    most = pack.max_discharge_current if drive.bidirectional else 0.0
    if -current > most * checks.OVER + checks.OVER_AMPS:
        return protects(drive, f"{current:g} A, but the battery supplies at most {most:g} A")
    if -current > checks.OVER_AMPS and voltage < pack.min_voltage / checks.OVER:
        return protects(drive, f"{current:g} A at {voltage:g} V, at least {pack.min_voltage:g} V")
    if -current > checks.OVER_AMPS and drive.vehicle.battery.soc < drive.vehicle.battery.min_soc - DRAINED:
        return protects(
            drive, f"{current:g} A, but the battery is at its minimum of {percent(drive.vehicle.battery.min_soc)} %"
        )
    return None


async def ramp_down(drive: Drive, control: Control, terms: Terms, ending: Ending) -> Ending:
    """The loop with 0 A until the current is gone or stops falling, or endangers the battery.

    At least once after a request for current, which may not flow yet.

    Returns:
        How to continue: as before, or because of that danger.
    """
    falling = rundown(drive, ending)
    while falling is not None and (drive.asked or not falling.over(drive.vehicle.current, drive.now)):
        res = await take(drive, control, Flow(min(drive.vehicle.battery.voltage, terms.voltage), 0.0, 0.0))
        if (alarm := protected(drive, res)) is not None:
            return drive.ends(alarm)
        iso20_metering.heed(drive, res.EVSEStatus, dynamic=control.dynamic)
        await drive.breathe()
    still_flows(drive)
    return ending


async def until_dead(drive: Drive) -> None:
    """Welding detection until the inlet voltage is gone; one that stays is noted: a contactor may be welded."""
    deadline = drive.now + drive.session.timing.V2G_EVCC_Ongoing_Timeout
    processing: types.processingType = "Ongoing"
    while drive.now < deadline:
        res = await drive.ask(dc.DC_WeldingDetectionReq(EVProcessing=processing))
        drive.vehicle.report(number(res.EVSEPresentVoltage))
        if processing == "Finished":
            return
        if drive.vehicle.inlet_voltage < SAFE_VOLTAGE:
            processing = "Finished"
            continue
        await drive.breathe()
    drive.note(f"the inlet is still at {drive.vehicle.inlet_voltage:.0f} V: is a contactor welded?")
