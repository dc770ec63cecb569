"""AC of ISO 15118-20 as the vehicle goes through it: limits as powers, the charge loop, the pilot beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evcc.drive import Drive, Ending, Unsuitable
from evcc.iso20_control import LEAVES_LATER, display, energies, warned, watt, wishes
from evcc.iso20_schedule import Plan, power_delivery, profile
from evcc.verbs import pilot_moves
from slac.pilot import State
from v2g.energy import Control
from v2g.messages.iso20 import ac, types
from v2g.phases import total
from v2g.physical import at_least_zero

USUAL_VOLTAGE = 230
"""V, line to neutral: where the parameter set does not say it."""


@dataclass(slots=True)
class Terms:
    """What the charger gives now.

    Attributes:
        voltage: line to neutral, V.
        phases: that the session uses.
        power: over all phases, W.
    """

    voltage: float
    phases: int
    power: float


async def agree_limits(drive: Drive, control: Control) -> Terms:
    """AC_ChargeParameterDiscovery: the charger's limits.

    Raises:
        Unsuitable: less power than the onboard charger can do with.
        RemoteError: a limit is negative.
    """
    vehicle, onboard = drive.vehicle, drive.vehicle.onboard
    voltage = float(control.chosen.nominal_voltage or USUAL_VOLTAGE)
    phases = min(control.chosen.phases, onboard.phases)
    most, least = (voltage * phases * amps for amps in (onboard.max_current, onboard.min_current))
    drive.ac_voltage = voltage
    res = await drive.ask(
        ac.AC_ChargeParameterDiscoveryReq(
            AC_CPDReqEnergyTransferMode=ac.AC_CPDReqEnergyTransferModeType(
                EVMaximumChargePower=watt(most), EVMinimumChargePower=watt(least)
            )
        )
    )
    given = at_least_zero("EVSEMaximumChargePower", total(res.AC_CPDResEnergyTransferMode, "EVSEMaximumChargePower"))
    if given < least:
        raise Unsuitable(f"the charger gives {given:g} W, the onboard charger needs {least:g} W")
    vehicle.stop_ac()
    return Terms(voltage, phases, given)


async def charge(drive: Drive, control: Control, terms: Terms, plan: Plan) -> Ending:
    """PowerDelivery(Start) to the end of the power flow; the pilot follows the requests."""
    drive.still_wanted()
    onboard = drive.vehicle.onboard
    most = min(terms.power, terms.voltage * terms.phases * onboard.max_current)
    async with pilot_moves(drive, State.C):
        await drive.ask(power_delivery(drive, "Start", profile(drive, control, plan, most)))
    drive.power_flows()

    ending = drive.ends(await loop(drive, control, terms, plan))
    drive.vehicle.stop_ac()
    async with pilot_moves(drive, State.B):
        await drive.ask(power_delivery(drive, "Stop"))
    return ending


def request(drive: Drive, control: Control, terms: Terms, drawn: float) -> ac.AC_ChargeLoopReq:
    """AC_ChargeLoopReq; ``drawn`` is the present power over all phases, W."""
    amounts, onboard = energies(drive), drive.vehicle.onboard
    most, least = (terms.voltage * terms.phases * amps for amps in (onboard.max_current, onboard.min_current))
    mode: types.CLReqControlModeType
    if control.dynamic:
        mode = ac.Dynamic_AC_CLReqControlModeType(
            DepartureTime=LEAVES_LATER if drive.departure is None else drive.departure,
            EVTargetEnergyRequest=amounts.target,
            EVMaximumEnergyRequest=amounts.most,
            EVMinimumEnergyRequest=amounts.least,
            EVMaximumChargePower=watt(most),
            EVMinimumChargePower=watt(least),
            EVPresentActivePower=watt(drawn),
            EVPresentReactivePower=watt(0.0),
        )
    else:
        mode = ac.Scheduled_AC_CLReqControlModeType(
            EVTargetEnergyRequest=amounts.target,
            EVMaximumEnergyRequest=amounts.most,
            EVMinimumEnergyRequest=amounts.least,
            EVPresentActivePower=watt(drawn),
        )
    return ac.AC_ChargeLoopReq(DisplayParameters=display(drive), MeterInfoRequested=True, CLReqControlMode=mode)


async def loop(drive: Drive, control: Control, terms: Terms, plan: Plan) -> Ending:
    """The charge loop, until something ends it. In dynamic mode the vehicle draws what it is told, from then on."""
    told = 0.0 if control.dynamic else math.inf
    while True:
        power = min(terms.power, plan.schedule.power_at(drive.now), told)
        draw = drive.vehicle.take_ac(terms.voltage, power / (terms.voltage * terms.phases), terms.phases)
        res = await drive.ask(request(drive, control, terms, draw.power))
        warned(drive, res.ResponseCode)
        match res.CLResControlMode:
            case ac.Dynamic_AC_CLResControlModeType() as answer:
                told = at_least_zero("EVSETargetActivePower", total(answer, "EVSETargetActivePower"))
            case ac.Scheduled_AC_CLResControlModeType() as answer if answer.EVSETargetActivePower is not None:
                # Only for the support of the grid, and then to be followed.
                told = at_least_zero("EVSETargetActivePower", total(answer, "EVSETargetActivePower"))
        if ending := wishes(drive, res.EVSEStatus):
            return ending
        await drive.breathe()
