"""The vehicle's AC part of ISO 15118-20: limits as powers, the charge loop, and the pilot beside it.

Power into the vehicle is positive. The onboard charger loads all phases equally, so the phase with the lowest limit
counts. In scheduled mode the vehicle follows its own profile, in dynamic mode the charger's
EVSETargetActivePower, which is a command; a negative one gives energy back in bidirectional services. One loop serves
all modes; :mod:`v2g.members` has the classes of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from evcc.checks import same_kind
from evcc.drive import Drive, Ending, Unsuitable
from evcc.iso20_control import LEAVES_LATER, adopt, display, energies, warned
from evcc.iso20_course import Course, begin_power
from evcc.iso20_schedule import Plan, channel, power_delivery, profile, spendable, started
from evcc.vehicle import AcDraw
from evcc.verbs import pilot_moves
from slac.pilot import State
from v2g import phases
from v2g.energy import Control
from v2g.members import ac_members
from v2g.messages.iso20 import ac, common, types
from v2g.phases import even
from v2g.physical import at_least_zero, number, ramp
from v2g.ramp import Ramp
from v2g.streams import MAIN

USUAL_VOLTAGE, MOST_VOLTAGE = 230.0, 500.0
"""V, line to neutral: the default if EVSENominalVoltage is missing or out of range, and its largest valid value."""

STILL = 0.5
"""A per phase: below this, the flow is low enough for standby."""


@dataclass(slots=True)
class Terms:
    """What both sides can do.

    Attributes:
        voltage: line to neutral, V.
        phases: number of phases that the session uses.
        most, giving: limits into the vehicle and out of it, W over all phases, as magnitudes.
        ramp: how fast power may rise.
    """

    voltage: float
    phases: int
    most: float
    giving: float = 0.0
    ramp: Ramp = field(default_factory=Ramp)


def limits(drive: Drive, terms: Terms, *, bidirectional: bool) -> dict[str, types.RationalNumberType]:
    """The onboard charger's limits, W: per phase if it states them so."""
    onboard, count = drive.vehicle.onboard, terms.phases
    sign = -1.0 if drive.options.negative_discharge_limits else 1.0
    amps = {
        "EVMaximumChargePower": onboard.max_current,
        "EVMinimumChargePower": onboard.min_current,
    }
    if bidirectional:
        amps["EVMaximumDischargePower"] = sign * onboard.max_discharge_current
        amps["EVMinimumDischargePower"] = sign * onboard.min_discharge_current
    fields: dict[str, types.RationalNumberType] = {}
    for name, each in amps.items():
        fields |= phases.elements(name, [terms.voltage * each] * count, apart=onboard.per_phase)
    return fields


async def agree_limits(drive: Drive, control: Control) -> Terms:
    """AC_ChargeParameterDiscovery: the charger's limits.

    Raises:
        Unsuitable: less power than the onboard charger needs.
        RemoteError: a charging limit is negative, or the response is for the other kind of service.
    """
    vehicle, onboard = drive.vehicle, drive.vehicle.onboard
    voltage = float(control.chosen.nominal_voltage)
    if not 0.0 < voltage <= MOST_VOLTAGE:
        voltage = USUAL_VOLTAGE
    count = min(control.chosen.phases, onboard.phases)
    own, least, back = (
        voltage * count * amps for amps in (onboard.max_current, onboard.min_current, onboard.max_discharge_current)
    )
    drive.ac_voltage = voltage
    terms = Terms(voltage, count, own, back if control.bidirectional else 0.0)
    res = await drive.ask(
        ac.AC_ChargeParameterDiscoveryReq(
            AC_CPDReqEnergyTransferMode=ac_members(control).declares(
                **limits(drive, terms, bidirectional=control.bidirectional)
            )
        )
    )
    offer: Any = res.AC_CPDResEnergyTransferMode
    same_kind(offer, ac_members(control).offers)
    given = at_least_zero("EVSEMaximumChargePower", even(offer, "EVSEMaximumChargePower", count))
    if given < least or not given:
        text = f"the charger supplies {given:g} W, the onboard charger needs {least:g} W"
        raise Unsuitable(text, misfit=True)
    terms.most = min(own, given)
    if control.bidirectional:
        taken = abs(even(offer, "EVSEMaximumDischargePower", count))
        terms.giving = min(back, taken)
    if offer.EVSEPowerRampLimitation is not None:
        terms.ramp = Ramp(ramp(number(offer.EVSEPowerRampLimitation), max(given, 1.0)), vehicle.ac_power)
    if drive.stream == MAIN:
        vehicle.stop_ac()
    return terms


async def charge(drive: Drive, control: Control, terms: Terms, plan: Plan) -> Ending:
    """From PowerDelivery(Start) to the end of the power flow; the pilot follows the requests."""
    drive.still_wanted()
    direction = channel(control, plan.power(drive.now, terms.most, terms.giving))

    async def begin(on: Drive, agreed: Terms, new: Plan) -> None:
        made = profile(on, control, new, agreed.most, agreed.giving)
        started(on, await on.ask(power_delivery(on, "Start", made, direction)))

    async with pilot_moves(drive, State.C):
        terms = await begin_power(drive, control, terms, plan, agree_limits, begin)
    drive.power_flows()

    ending = drive.ends(await loop(drive, control, terms, plan, direction))
    drive.vehicle.stop_ac()
    async with pilot_moves(drive, State.B):
        await drive.ask(power_delivery(drive, "Stop"))
    return ending


def request(drive: Drive, control: Control, terms: Terms, flows: AcDraw) -> ac.AC_ChargeLoopReq:
    """AC_ChargeLoopReq with what flows now."""
    amounts, each = energies(drive), drive.vehicle.onboard.per_phase
    count = max(flows.phases, 1)
    fields: dict[str, Any] = {
        "EVTargetEnergyRequest": amounts.target,
        "EVMaximumEnergyRequest": amounts.most,
        "EVMinimumEnergyRequest": amounts.least,
        **phases.elements("EVPresentActivePower", [flows.power / count] * count, apart=each),
    }
    if control.dynamic:
        fields["DepartureTime"] = LEAVES_LATER if drive.departure is None else drive.departure
        fields |= limits(drive, terms, bidirectional=control.bidirectional)
    if control.dynamic and control.bidirectional:
        fields["EVMaximumV2XEnergyRequest"] = amounts.band_most
        fields["EVMinimumV2XEnergyRequest"] = amounts.band_least
    if control.dynamic or flows.reactive:
        fields |= phases.elements("EVPresentReactivePower", [flows.reactive / count] * count, apart=each)
    return ac.AC_ChargeLoopReq(
        DisplayParameters=display(drive), MeterInfoRequested=True, CLReqControlMode=ac_members(control).asks(**fields)
    )


def flow(drive: Drive, terms: Terms, power: float, reactive: float) -> AcDraw:
    """Sets the flow from now on, as close to the power (W) and the reactive power (VAr) as the vehicle can."""
    vehicle, per_phase = drive.vehicle, terms.voltage * terms.phases
    power = terms.ramp.toward(power, drive.now)
    if power < 0.0:
        drawn = vehicle.give_ac(terms.voltage, -power / per_phase, terms.phases)
    else:
        drawn = vehicle.take_ac(terms.voltage, power / per_phase, terms.phases)
    return vehicle.shift_ac(terms.voltage, reactive) if reactive else drawn


def wanted(drive: Drive, control: Control, terms: Terms, plan: Plan, told: float) -> float:
    """Power to aim for now, W: in dynamic mode the charger's command, otherwise the profile's; within all limits.

    In scheduled mode a target of the charger supports the grid: the vehicle takes no more than that, or gives no more
    back.
    """
    if control.dynamic:
        return max(min(told, terms.most), -terms.giving)
    power = plan.power(drive.now, terms.most, terms.giving)
    if math.isfinite(told):
        power = min(power, max(told, 0.0)) if power > 0.0 else max(power, min(told, 0.0))
    return min(power, spendable(drive, control, plan))


async def loop(
    drive: Drive, control: Control, terms: Terms, plan: Plan, direction: common.channelSelectionType | None
) -> Ending:
    """The charge loop, until something ends it. In dynamic mode the vehicle aims for the charger's last command.

    If each direction has its own path, a change of direction goes through zero power and another PowerDelivery.
    """
    unasked = 0.0 if control.dynamic else math.inf
    told, reactive = unasked, 0.0

    async def begin(on: Drive, agreed: Terms, new: Plan) -> None:
        made = profile(on, control, new, agreed.most, agreed.giving)
        await on.ask(power_delivery(on, "Start", made, direction))

    course = Course(drive, control, terms, plan, agree_limits, begin, lambda: abs(drive.vehicle.ac_current) < STILL)
    while True:
        terms = course.terms(terms)
        power = 0.0 if drive.resting else wanted(drive, control, terms, plan, told)
        if control.chosen.separated and power and channel(control, power) != direction:
            flow(drive, terms, 0.0, 0.0)
            direction = channel(control, power)
            made = profile(drive, control, plan, terms.most, terms.giving)
            await drive.ask(power_delivery(drive, "Start", made, direction))
        flows = flow(drive, terms, power, reactive)
        res = await drive.ask(request(drive, control, terms, flows))
        warned(drive, res.ResponseCode)
        answer: Any = res.CLResControlMode
        same_kind(answer, ac_members(control).answers)
        if drive.standby:  # only the status and the meter count; the next command comes after it
            told, reactive = unasked, 0.0
        else:
            told = unasked
            if answer.EVSETargetActivePower is not None:
                told = even(answer, "EVSETargetActivePower", terms.phases)
                if not control.bidirectional:
                    at_least_zero("EVSETargetActivePower", told)
            reactive = even(answer, "EVSETargetReactivePower", terms.phases)
            if control.dynamic:
                adopt(drive, answer)
        if ending := await course.turn(res.EVSEStatus):
            return ending
        await drive.breathe()
