"""The vehicle's script of DIN SPEC 70121. Like :mod:`evcc.iso2` with DIN's names: DC only, no pause, no renegotiation.

All optional limits are sent, because several chargers give up without them. Answers known from chargers in the field
are accepted: plain OK, EVSEIDs of any kind, session ids of any length, values without a unit, schedule id 0.
"""

from __future__ import annotations

import math
from typing import cast

from evcc import checks, schedule
from evcc.drive import Drive, Ending, Unsuitable
from evcc.schedule import Schedule
from evcc.vehicle import AT_ONCE
from evcc.verbs import Target, Terms, ramp_down, say_goodbye, take_current, until_dead, until_finished, until_voltage
from slac.pilot import State
from v2g.errors import RemoteError, TimedOut, V2GError
from v2g.messages import din70121 as din
from v2g.physical import Quantities, amps, percent, volts

quantity = Quantities(din, din.PhysicalValueType, down=True)
volt, ampere, watt, watt_hour, second = (
    quantity.volt, quantity.ampere, quantity.watt, quantity.watt_hour, quantity.second,
)  # fmt: skip

MODES = ("DC_extended", "DC_core")
"""Energy transfer modes that a vehicle may request [V2G-DC-625]."""

LARGEST_PMAX = 32767
"""W: the largest 16-bit PMax; it means "as much as you want"."""


async def run(drive: Drive) -> None:
    """The whole session, from SessionSetup to SessionStop.

    Raises:
        V2GError: it could not be completed. The vehicle is safe, and has said goodbye as far as that was possible.
    """
    try:
        await set_up(drive)
        async with drive.within("V2G_EVCC_ReadyToCharge_Timeout", "PowerDeliveryRes"):
            service = await discover_service(drive)
            await authorize(drive, service)
            terms = await agree(drive)
            if terms is not None:
                await prepare(drive, terms)
        if terms is not None:
            await charge(drive, terms)
        await drive.ask(din.SessionStopReq())
    except V2GError:
        await leave(drive)
        raise


# ---------------------------------------------------------------------------------------------------------------
# Until power is agreed


async def set_up(drive: Drive) -> None:
    """SessionSetup; the id is in the header of the response and may have any length."""
    session = drive.session
    session.id = drive.options.new_session_id
    res = await drive.ask(din.SessionSetupReq(EVCCID=drive.vehicle.evccid))
    if not any(session.id):
        session.tolerate("zero-session-id", f"the charger's session id is {session.id.hex() or 'empty'}")
    if res.ResponseCode == "OK_OldSessionJoined":
        session.tolerate("unasked-resume", "OK_OldSessionJoined for a new session")
    drive.started = drive.now


async def discover_service(drive: Drive) -> int:
    """ServiceDiscovery; returns the charge service's id.

    Raises:
        Unsuitable: no DC, or no external payment.
    """
    res = await drive.ask(din.ServiceDiscoveryReq(ServiceCategory="EVCharging"))
    if "ExternalPayment" not in res.PaymentOptions.PaymentOption:
        raise Unsuitable("the charger offers no external payment", misfit=True)
    offered, wanted = res.ChargeService.EnergyTransferType, [mode for mode in drive.modes if mode in MODES]
    if not wanted or "DC" not in offered:
        text = f"the charger offers {offered}, the vehicle accepts {', '.join(drive.modes)}"
        raise Unsuitable(text, misfit=True)
    drive.mode = offered if offered in MODES else wanted[0]
    if offered not in MODES:
        drive.session.tolerate("other-dc-mode", f"{offered} instead of {' or '.join(MODES)}")
    return res.ChargeService.ServiceTag.ServiceID


async def authorize(drive: Drive, service: int) -> None:
    """ServicePaymentSelection, and ContractAuthentication until it is finished."""
    await drive.ask(
        din.ServicePaymentSelectionReq(
            SelectedPaymentOption="ExternalPayment",
            SelectedServiceList=din.SelectedServiceListType(
                SelectedService=[din.SelectedServiceType(ServiceID=service)]
            ),
        )
    )
    await until_finished(drive, din.ContractAuthenticationReq, "V2G_EVCC_Ongoing_Timeout")


async def agree(drive: Drive) -> Terms | None:
    """ChargeParameterDiscovery until Finished; None if the charger asks to stop.

    Raises:
        Unsuitable: this vehicle cannot charge within the charger's limits.
        RemoteError: parameters for AC.
    """
    pack, battery = drive.vehicle.battery.pack, drive.vehicle.battery

    def request() -> din.ChargeParameterDiscoveryReq:
        return din.ChargeParameterDiscoveryReq(
            EVRequestedEnergyTransferType=cast(din.EVRequestedEnergyTransferType, drive.mode),
            EVChargeParameter=din.DC_EVChargeParameterType(
                DC_EVStatus=status(drive, ready=False),
                EVMaximumCurrentLimit=ampere(pack.max_current),
                EVMaximumPowerLimit=watt(pack.max_power),
                EVMaximumVoltageLimit=volt(pack.max_voltage),
                EVEnergyCapacity=watt_hour(pack.capacity_wh),
                EVEnergyRequest=watt_hour(drive.energy_request),
                FullSOC=percent(battery.target_soc),
                BulkSOC=percent(battery.bulk_soc),
            ),
        )

    res = await until_finished(drive, request, "V2G_EVCC_Ongoing_Timeout", look=_look_at_parameter)
    chosen = choose_schedule(drive, res)
    drive.tuple_id = chosen.tuple_id
    parameter = res.EVSEChargeParameter
    if not isinstance(parameter, din.DC_EVSEChargeParameterType):
        raise RemoteError(f"{type(parameter).__name__} for {drive.mode}", "FAILED_WrongChargeParameter")
    if parameter.DC_EVSEStatus.EVSENotification == "StopCharging":
        drive.ends(Ending("stop", "the charger asked to stop before charging"))
        return None
    return Terms(chosen, checks.dc_limits(drive, parameter))


def _look_at_parameter(res: din.ChargeParameterDiscoveryRes) -> None:
    if isinstance(res.EVSEChargeParameter, din.DC_EVSEChargeParameterType):
        checks.no_alarm(res.EVSEChargeParameter.DC_EVSEStatus)


def choose_schedule(drive: Drive, res: din.ChargeParameterDiscoveryRes) -> Schedule:
    """The schedule to follow. Without any it is tuple 1 without limits."""
    if not isinstance(res.SASchedules, din.SAScheduleListType):
        return Schedule(1, base=drive.now)
    offered = [schedule.read(entry, drive.now) for entry in res.SASchedules.SAScheduleTuple]
    return schedule.choose(offered, schedule.Need(drive.energy_request, drive.vehicle.battery.pack.max_power))


def status(drive: Drive, *, ready: bool = True) -> din.DC_EVStatusType:
    """DC_EVStatus now: ready from CableCheck to the end of the loop."""
    return din.DC_EVStatusType(
        EVReady=ready,
        EVCabinConditioning=False,
        EVRESSConditioning=False,
        EVErrorCode=cast(din.DC_EVErrorCodeType, drive.error_code or drive.vehicle.settings.error_code),
        EVRESSSOC=percent(drive.vehicle.battery.soc),
    )


# ---------------------------------------------------------------------------------------------------------------
# Power


async def prepare(drive: Drive, terms: Terms) -> None:
    """Pilot C, CableCheck, PreCharge, contactors, PowerDelivery [V2G-DC-547]."""
    vehicle = drive.vehicle
    drive.still_wanted()
    vehicle.show(State.C)
    await until_finished(
        drive,
        lambda: din.CableCheckReq(DC_EVStatus=status(drive)),
        "V2G_EVCC_CableCheck_Timeout",
        from_request=True,
        look=lambda res: checks.preparing(res.DC_EVSEStatus),
    )
    await until_voltage(
        drive,
        lambda voltage, current: din.PreChargeReq(
            DC_EVStatus=status(drive), EVTargetVoltage=volt(voltage), EVTargetCurrent=ampere(current)
        ),
    )
    vehicle.close_contactors()
    checks.started(await drive.ask(power_delivery(drive, profile(drive, terms.schedule))))
    drive.power_flows()


async def charge(drive: Drive, terms: Terms) -> Ending:
    """The power flow and its end: ramp, PowerDelivery, pilot B, contactors, WeldingDetection [V2G-DC-556]."""
    vehicle = drive.vehicle
    ending = drive.ends(await demand_current(drive, terms))
    if ending.alarm:
        await vehicle.safe(within=AT_ONCE)
    else:
        await ramp_down(drive, ending, current_demand)
    await drive.ask(power_delivery(drive, None))
    await vehicle.safe()
    try:
        await until_dead(drive, lambda: din.WeldingDetectionReq(DC_EVStatus=status(drive, ready=False)))
    except TimedOut as why:
        # Some chargers never answer WeldingDetection; SessionStop is the way on then.
        drive.note(f"no WeldingDetectionRes: {why}")
    return ending


async def demand_current(drive: Drive, terms: Terms) -> Ending:
    """The CurrentDemand loop, until something ends it."""
    while True:
        limits = terms.limits
        granted = terms.schedule.power_at(drive.now)
        power = limits.power if granted >= LARGEST_PMAX else min(limits.power, granted)
        wanted = drive.vehicle.wanted(limits.voltage, limits.current, power)
        res = await take_current(drive, terms, current_demand, wanted.voltage, wanted.current, power)
        voltage, current = volts(res.EVSEPresentVoltage), amps(res.EVSEPresentCurrent)
        ending = checks.dc_ending(drive, res.DC_EVSEStatus, voltage, current)
        if ending is None and drive.now - terms.schedule.base >= terms.schedule.end:
            ending = Ending("stop", "the schedule ends, and DIN SPEC 70121 has no renegotiation")
        if ending and ending.how == "pause":
            drive.note("DIN SPEC 70121 has no pause: the session ends")
            ending = Ending("stop", ending.reason)
        if ending and ending.how == "stop":
            return ending
        if ending:
            drive.note("DIN SPEC 70121 has no renegotiation: charging goes on")
        await drive.breathe()


def current_demand(drive: Drive, target: Target) -> din.CurrentDemandReq:
    """CurrentDemandReq with all optional limits."""
    battery, pack = drive.vehicle.battery, drive.vehicle.battery.pack
    return din.CurrentDemandReq(
        DC_EVStatus=status(drive),
        EVTargetCurrent=ampere(target.current),
        EVMaximumVoltageLimit=volt(pack.max_voltage),
        EVMaximumCurrentLimit=ampere(pack.max_current),
        EVMaximumPowerLimit=watt(pack.max_power),
        BulkChargingComplete=battery.bulk_full,
        ChargingComplete=battery.full,
        RemainingTimeToFullSoC=second(target.full),
        RemainingTimeToBulkSoC=second(target.bulk),
        EVTargetVoltage=volt(target.voltage),
    )


def power_delivery(drive: Drive, start: din.ChargingProfileType | None) -> din.PowerDeliveryReq:
    """PowerDeliveryReq: with a charging profile it starts the power flow, without one it stops it."""
    return din.PowerDeliveryReq(
        ReadyToChargeState=start is not None,
        ChargingProfile=start,
        EVPowerDeliveryParameter=din.DC_EVPowerDeliveryParameterType(
            DC_EVStatus=status(drive),
            BulkChargingComplete=drive.vehicle.battery.bulk_full,
            ChargingComplete=drive.vehicle.battery.full,
        ),
    )


def profile(drive: Drive, chosen: Schedule) -> din.ChargingProfileType:
    """The schedule's own steps, each limited to PMax and to what the vehicle can use."""
    most = min(LARGEST_PMAX, math.floor(drive.vehicle.battery.pack.max_power))
    slots = schedule.steps(chosen) or (schedule.Slot(0, math.inf),)
    return din.ChargingProfileType(
        SAScheduleTupleID=chosen.tuple_id,
        ProfileEntry=[
            din.ProfileEntryType(
                ChargingProfileEntryStart=slot.start, ChargingProfileEntryMaxPower=int(min(slot.watts, most))
            )
            for slot in slots
        ],
    )


# ---------------------------------------------------------------------------------------------------------------
# When something is wrong


async def leave(drive: Drive) -> None:
    """Makes the vehicle safe first; then says goodbye, if the last request was answered properly."""
    await drive.vehicle.safe(within=AT_ONCE)
    await say_goodbye(drive, power_delivery(drive, None), din.SessionStopReq())
