"""DC of ISO 15118-20 as the vehicle goes through it: limits, cable check, precharge, charge loop, welding detection."""

from __future__ import annotations

from evcc import checks
from evcc.checks import Limits
from evcc.drive import Drive, Ending, Unsuitable
from evcc.iso20_control import (
    LEAVES_LATER,
    ampere,
    display,
    energies,
    protects,
    volt,
    warned,
    watt,
    wishes,
)
from evcc.iso20_schedule import Plan, power_delivery, profile
from evcc.vehicle import AT_ONCE, CURRENT_DOWN, NO_CURRENT
from evcc.verbs import DEAD, until_finished
from slac.pilot import State
from v2g.energy import Control
from v2g.messages.iso20 import dc, types
from v2g.physical import at_least_zero, number, percent


async def agree_limits(drive: Drive, control: Control) -> Limits:
    """DC_ChargeParameterDiscovery: the charger's limits.

    Raises:
        Unsuitable: this vehicle cannot charge within them.
        RemoteError: one is negative.
    """
    battery, pack = drive.vehicle.battery, drive.vehicle.battery.pack
    res = await drive.ask(
        dc.DC_ChargeParameterDiscoveryReq(
            DC_CPDReqEnergyTransferMode=dc.DC_CPDReqEnergyTransferModeType(
                EVMaximumChargePower=watt(pack.max_power),
                EVMinimumChargePower=watt(0.0),
                EVMaximumChargeCurrent=ampere(pack.max_current),
                EVMinimumChargeCurrent=ampere(0.0),
                EVMaximumVoltage=volt(pack.max_voltage),
                EVMinimumVoltage=volt(pack.min_voltage),
                TargetSOC=percent(battery.target_soc),
            )
        )
    )
    offer = res.DC_CPDResEnergyTransferMode
    least = at_least_zero("EVSEMinimumVoltage", number(offer.EVSEMinimumVoltage))
    limits = Limits(
        at_least_zero("EVSEMaximumVoltage", number(offer.EVSEMaximumVoltage)),
        at_least_zero("EVSEMaximumChargeCurrent", number(offer.EVSEMaximumChargeCurrent)),
        at_least_zero("EVSEMaximumChargePower", number(offer.EVSEMaximumChargePower)),
    )
    if not least <= battery.voltage <= limits.voltage:
        text = f"the battery is at {battery.voltage:.1f} V, the charger gives {least:g} to {limits.voltage:g} V"
        raise Unsuitable(text)
    return limits


async def charge(drive: Drive, control: Control, terms: Limits, plan: Plan) -> Ending:
    """CableCheck to the end of the power flow, contactors open."""
    vehicle = drive.vehicle
    drive.still_wanted()
    vehicle.pilot.set(State.C)
    await until_finished(drive, dc.DC_CableCheckReq, "V2G_EVCC_CableCheck_Timeout", from_request=True)
    await precharge(drive)
    vehicle.close_contactors()
    most = min(vehicle.battery.pack.max_power, terms.power)
    await drive.ask(power_delivery(drive, "Start", profile(drive, control, plan, most)))
    drive.power_flows()

    ending = drive.ends(await loop(drive, control, terms, plan))
    if ending.alarm:
        await vehicle.safe(within=AT_ONCE)
    else:
        await ramp_down(drive, control, terms, ending)
    await drive.ask(power_delivery(drive, "Stop"))
    await vehicle.safe()  # pilot to B, and the contactors open once the current is gone
    await until_dead(drive)
    return ending


async def precharge(drive: Drive) -> None:
    """DC_PreCharge until the inlet has the battery's voltage; the vehicle says so with Finished.

    Raises:
        TimedOut: V2G_EVCC_PreCharge_Timeout expired.
    """
    vehicle = drive.vehicle
    processing: types.processingType = "Ongoing"
    async with drive.within("V2G_EVCC_PreCharge_Timeout", "the battery's voltage at the inlet"):
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


def request(drive: Drive, control: Control, voltage: float, current: float, power: float) -> dc.DC_ChargeLoopReq:
    """DC_ChargeLoopReq with targets in scheduled mode and limits in both, V, A and W."""
    amounts, pack = energies(drive), drive.vehicle.battery.pack
    mode: types.CLReqControlModeType
    if control.dynamic:
        mode = dc.Dynamic_DC_CLReqControlModeType(
            DepartureTime=LEAVES_LATER if drive.departure is None else drive.departure,
            EVTargetEnergyRequest=amounts.target,
            EVMaximumEnergyRequest=amounts.most,
            EVMinimumEnergyRequest=amounts.least,
            EVMaximumChargePower=watt(power),
            EVMinimumChargePower=watt(0.0),
            EVMaximumChargeCurrent=ampere(current),
            EVMaximumVoltage=volt(voltage),
            EVMinimumVoltage=volt(min(pack.min_voltage, voltage)),
        )
    else:
        mode = dc.Scheduled_DC_CLReqControlModeType(
            EVTargetEnergyRequest=amounts.target,
            EVMaximumEnergyRequest=amounts.most,
            EVMinimumEnergyRequest=amounts.least,
            EVTargetCurrent=ampere(current),
            EVTargetVoltage=volt(voltage),
        )
    return dc.DC_ChargeLoopReq(
        DisplayParameters=display(drive),
        MeterInfoRequested=True,
        EVPresentVoltage=volt(drive.vehicle.battery.voltage),
        CLReqControlMode=mode,
    )


async def take(drive: Drive, control: Control, voltage: float, current: float, power: float) -> dc.DC_ChargeLoopRes:
    """One exchange of the loop, and its effect on the plant."""
    res = await drive.ask(request(drive, control, voltage, current, power))
    drive.vehicle.take_dc(number(res.EVSEPresentVoltage), max(0.0, number(res.EVSEPresentCurrent)))
    warned(drive, res.ResponseCode)
    return res


async def loop(drive: Drive, control: Control, terms: Limits, plan: Plan) -> Ending:
    """The charge loop, until something ends it. In dynamic mode the battery's wish is the limit, not the target."""
    battery = drive.vehicle.battery
    limits = terms
    while True:
        power = min(limits.power, plan.schedule.power_at(drive.now), battery.pack.max_power)
        wanted = battery.wanted(limits.voltage, limits.current, power)
        res = await take(drive, control, wanted.voltage, wanted.current, power)
        limits = updated(limits, res.CLResControlMode)
        ending = protected(drive, res) or wishes(drive, res.EVSEStatus)
        if ending:
            return ending
        await drive.breathe()


def updated(limits: Limits, mode: types.CLResControlModeType) -> Limits:
    """The charger's limits with those that a response carries.

    Raises:
        RemoteError: one is negative, or the response is not of DC.
    """
    assert isinstance(mode, dc.Scheduled_DC_CLResControlModeType | dc.Dynamic_DC_CLResControlModeType)
    voltage, current, power = (
        before if value is None else at_least_zero(name, number(value))
        for name, value, before in (
            ("EVSEMaximumVoltage", mode.EVSEMaximumVoltage, limits.voltage),
            ("EVSEMaximumChargeCurrent", mode.EVSEMaximumChargeCurrent, limits.current),
            ("EVSEMaximumChargePower", mode.EVSEMaximumChargePower, limits.power),
        )
    )
    return Limits(voltage, current, power)


def protected(drive: Drive, res: dc.DC_ChargeLoopRes) -> Ending | None:
    """Whether what the charger delivers endangers the battery."""
    pack = drive.vehicle.battery.rated
    voltage, current = number(res.EVSEPresentVoltage), number(res.EVSEPresentCurrent)
    if voltage > pack.max_voltage * checks.OVER:
        return protects(drive, f"{voltage:g} V, at most {pack.max_voltage:g} V")
    if current > pack.max_current * checks.OVER + checks.OVER_AMPS:
        return protects(drive, f"{current:g} A, at most {pack.max_current:g} A")
    return None


async def ramp_down(drive: Drive, control: Control, terms: Limits, ending: Ending) -> None:
    """The loop with 0 A until nearly no current flows, as long as the charger leaves time."""
    deadline = drive.now + min(CURRENT_DOWN, ending.hurry)
    while drive.vehicle.current > NO_CURRENT and drive.now < deadline:
        await take(drive, control, min(drive.vehicle.battery.voltage, terms.voltage), 0.0, 0.0)
        await drive.breathe()


async def until_dead(drive: Drive) -> None:
    """Welding detection until the inlet is without voltage; one that stays is noted, and may be a welded contactor."""
    deadline = drive.now + drive.session.timing.V2G_EVCC_Ongoing_Timeout
    processing: types.processingType = "Ongoing"
    while drive.now < deadline:
        res = await drive.ask(dc.DC_WeldingDetectionReq(EVProcessing=processing))
        drive.vehicle.report(number(res.EVSEPresentVoltage))
        if processing == "Finished":
            return
        if drive.vehicle.inlet_voltage < DEAD:
            processing = "Finished"
            continue
        await drive.breathe()
    drive.note(f"the inlet still has {drive.vehicle.inlet_voltage:.0f} V: is a contactor welded?")
