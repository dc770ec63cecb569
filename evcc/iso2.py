"""The vehicle's script of ISO 15118-2: DC and AC. Reads like the sequence chart.

Functions are in the order of the messages. `run` is the whole session; a test that wants another course writes its own
coroutine from the same pieces. Payment by contract is in :mod:`evcc.contract`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

from evcc import checks, contract, schedule
from evcc.drive import Drive, Ending, Unsuitable
from evcc.iso2_requests import (
    PHASES,
    ac_parameter,
    ampere,
    current_demand,
    dc_parameter,
    delivery_parameter,
    most_power,
    power_delivery,
    status,
    volt,
    watt,
)
from evcc.options import Paused
from evcc.schedule import Schedule
from evcc.vehicle import AT_ONCE
from evcc.verbs import (
    Terms,
    pilot_moves,
    ramp_down,
    say_goodbye,
    take_current,
    until_dead,
    until_finished,
    until_voltage,
)
from slac.pilot import Offer, State
from v2g.errors import RemoteError, V2GError
from v2g.messages import iso2
from v2g.messages.xmldsig import SignatureType
from v2g.outcome import Cause
from v2g.physical import amps, number, volts
from v2g.rules.parameters import SHORTEST

NEAR_END = 10.0
"""s before the end of a schedule at which the vehicle renegotiates; at most half of its length [V2G2-305]."""


async def run(drive: Drive) -> None:
    """The whole session, from SessionSetup to SessionStop.

    Raises:
        V2GError: it could not be completed. The vehicle is safe, and has said goodbye as far as that was possible.
    """
    try:
        await set_up(drive)
        found = await discover_services(drive)
        await pay(drive, found)
        ending = await charge(drive)
        if ending.how == "pause":
            drive.paused = Paused(
                drive.session.id, drive.mode, drive.started, drive.delivered_wh, drive.payment, ending.until
            )
        await drive.ask(iso2.SessionStopReq(ChargingSession="Pause" if drive.paused else "Terminate"))
    except V2GError:
        drive.paused = None
        await leave(drive)
        raise


# ---------------------------------------------------------------------------------------------------------------
# Identification, services and payment


async def set_up(drive: Drive) -> None:
    """SessionSetup: a new session, or a paused one by its id. An id unknown to the charger starts a new session."""
    session = drive.session
    session.id = asked = drive.resume.session_id if drive.resume else drive.options.new_session_id
    res = await drive.ask(iso2.SessionSetupReq(EVCCID=drive.vehicle.evccid))
    if not any(session.id):
        session.tolerate("zero-session-id", f"the charger's session id is {session.id.hex() or 'empty'} [V2G2-750]")
    joined = session.id == asked and res.ResponseCode != "OK_NewSessionEstablished"
    if res.ResponseCode == "OK_OldSessionJoined" and not (drive.resume and joined):
        session.tolerate(
            "unasked-resume", f"OK_OldSessionJoined with {session.id.hex()}, but {asked.hex()} was requested"
        )
    if drive.resume and not joined:
        drive.note("the charger does not know the paused session; a new session begins")
        drive.forget_pause()
    drive.started = drive.now if drive.resume is None or drive.resume.started is None else drive.resume.started


async def discover_services(drive: Drive) -> iso2.ServiceDiscoveryRes:
    """ServiceDiscovery, and the choice among the energy transfer modes offered.

    Raises:
        Unsuitable: none fits.
    """
    res = await drive.ask(iso2.ServiceDiscoveryReq())
    offered = res.ChargeService.SupportedEnergyTransferMode.EnergyTransferMode
    wanted = drive.modes
    mode = next((mode for mode in wanted if mode in offered), "")
    if not mode and any(mode.startswith("DC") for mode in wanted):
        # Whatever the mode is called, the plug fits: any other DC mode works as well.
        mode = next((mode for mode in offered if mode.startswith("DC")), "")
        if mode:
            drive.session.tolerate("other-dc-mode", f"{mode} instead of {' or '.join(wanted)}")
    if not mode:
        text = f"the charger offers {', '.join(offered)}, the vehicle accepts {', '.join(wanted)}"
        raise Unsuitable(text, misfit=True)
    drive.mode = mode
    return res


async def pay(drive: Drive, found: iso2.ServiceDiscoveryRes) -> None:
    """Services and payment, and Authorization until it is finished.

    Raises:
        Unsuitable: there is no payment option that both sides support.
    """
    drive.payment = contract.choose_payment(drive, found)
    services = [iso2.SelectedServiceType(ServiceID=found.ChargeService.ServiceID), *await service_details(drive, found)]
    if drive.payment == "Contract":
        await contract.pay(drive, found, services)
    else:
        await pay_externally(drive, services)


async def pay_externally(drive: Drive, services: list[iso2.SelectedServiceType]) -> None:
    """External payment. Requests are unsigned [V2G2-684, 845]."""
    await drive.ask(
        iso2.PaymentServiceSelectionReq(
            SelectedPaymentOption="ExternalPayment",
            SelectedServiceList=iso2.SelectedServiceListType(SelectedService=services),
        )
    )
    await until_finished(drive, iso2.AuthorizationReq, "V2G_EVCC_Ongoing_Timeout")


async def service_details(drive: Drive, found: iso2.ServiceDiscoveryRes) -> list[iso2.SelectedServiceType]:
    """ServiceDetail for each service of interest that is offered; returns the services to select."""
    selected = []
    for service in found.ServiceList.Service if found.ServiceList else []:
        if service.ServiceID not in drive.options.services:
            continue
        wanted = drive.options.services[service.ServiceID]
        res = await drive.ask(iso2.ServiceDetailReq(ServiceID=service.ServiceID))
        sets = res.ServiceParameterList.ParameterSet if res.ServiceParameterList else []
        if wanted is not None and wanted not in (s.ParameterSetID for s in sets):
            drive.note(f"service {service.ServiceID} has no parameter set {wanted}; not selected")
            continue
        selected.append(iso2.SelectedServiceType(ServiceID=service.ServiceID, ParameterSetID=wanted))
    return selected


# ---------------------------------------------------------------------------------------------------------------
# Charging


async def charge(drive: Drive) -> Ending:
    """From ChargeParameterDiscovery to the end of the power flow; again for each renegotiation [V2G2-813, 842]."""
    while True:
        terms = await agree(drive)
        if terms is None:  # a charger that has no power to give says so here
            ending = drive.ends(Ending("stop", "the charger asked to stop before charging"))
            await drive.ask(iso2.PowerDeliveryReq(ChargeProgress="Stop", SAScheduleTupleID=drive.tuple_id))
            return ending
        if (asleep := falls_asleep(drive, terms)) is not None:
            await drive.ask(power_delivery(drive, terms.schedule, "Stop"))
            return drive.ends(asleep)
        ending = await (charge_ac(drive, terms) if drive.mode in PHASES else charge_dc(drive, terms))
        if ending.how != "renegotiate":
            return ending


async def agree(drive: Drive) -> Terms | None:
    """ChargeParameterDiscovery until Finished, and the resulting terms; None if the charger asks to stop.

    Raises:
        Unsuitable: this vehicle cannot charge within the charger's limits.
        RemoteError: the parameters are for another mode.
    """
    ac = drive.mode in PHASES

    def request() -> iso2.ChargeParameterDiscoveryReq:
        return iso2.ChargeParameterDiscoveryReq(
            MaxEntriesSAScheduleTuple=drive.options.max_schedule_entries,
            RequestedEnergyTransferMode=cast(iso2.EnergyTransferModeType, drive.mode),
            EVChargeParameter=ac_parameter(drive) if ac else dc_parameter(drive),
        )

    res = await until_finished(drive, request, "V2G_EVCC_Ongoing_Timeout", look=_look_at_parameter)
    if isinstance(res.EVSEChargeParameter, iso2.AC_EVSEChargeParameterType):
        drive.ac_voltage = volts(res.EVSEChargeParameter.EVSENominalVoltage)
    received = drive.session.last_received
    chosen = choose_schedule(drive, res, received.signature if received is not None else None)
    drive.tuple_id = chosen.tuple_id
    match res.EVSEChargeParameter:
        case iso2.DC_EVSEChargeParameterType() as dc if not ac:
            # ReNegotiation means nothing here [V2G2-680, 841]; a stop does.
            if dc.DC_EVSEStatus.EVSENotification == "StopCharging":
                return None
            return Terms(chosen, limits=checks.dc_limits(drive, dc))
        case iso2.AC_EVSEChargeParameterType() as offer if ac:
            if offer.AC_EVSEStatus.EVSENotification == "StopCharging":
                return None
            checks.not_tripped(offer.AC_EVSEStatus)
            checks.ac_outlet(drive, volts(offer.EVSENominalVoltage), amps(offer.EVSEMaxCurrent))
            return Terms(chosen, ac_current=amps(offer.EVSEMaxCurrent))
        case other:
            raise RemoteError(f"{type(other).__name__} for {drive.mode}", "FAILED_WrongChargeParameter")


def _look_at_parameter(res: iso2.ChargeParameterDiscoveryRes) -> None:
    if isinstance(res.EVSEChargeParameter, iso2.DC_EVSEChargeParameterType):
        checks.no_alarm(res.EVSEChargeParameter.DC_EVSEStatus)


def choose_schedule(
    drive: Drive, res: iso2.ChargeParameterDiscoveryRes, given: SignatureType | None = None
) -> Schedule:
    """The schedule to follow: the cheapest until departure. Without any, it is tuple 1 without limits.

    Args:
        given: Signature of the header; tariffs that fail verification are ignored [V2G2-905].

    Raises:
        Unsuitable: the schedule ends before anything could be charged.
    """
    if not isinstance(res.SASchedules, iso2.SAScheduleListType):
        return Schedule(1, base=drive.now)
    tariffs = contract.tariffs_hold(drive, res, given)
    offered = []
    for entry in res.SASchedules.SAScheduleTuple:
        prices = schedule.read_prices(entry.SalesTariff) if tariffs and entry.SalesTariff else ()
        offered.append(replace(schedule.read(entry, drive.now), prices=prices))
    need = schedule.Need(drive.energy_request, number(most_power(drive)), drive.departure)
    chosen = schedule.choose(offered, need)
    if chosen.end < SHORTEST:
        raise Unsuitable(f"schedule {chosen.tuple_id} covers only {chosen.end:g} s")
    return schedule.plan(chosen, need, watt)


def by_schedule(drive: Drive, terms: Terms) -> Ending | None:
    """Near the end of a schedule the vehicle asks for another one [V2G2-305]; without power in it, it may sleep."""
    plan = terms.schedule
    if drive.now - plan.base >= plan.end - min(NEAR_END, plan.end / 2):
        return Ending("renegotiate", "the schedule ends")
    return falls_asleep(drive, terms)


def falls_asleep(drive: Drive, terms: Terms) -> Ending | None:
    """A vehicle may pause the session while its schedule allows no power, and resume when it does."""
    shortest, until = drive.vehicle.settings.sleeps, terms.schedule.idle_until(drive.now)
    if shortest is None or until is None or until - drive.now < shortest:
        return None
    if math.isinf(until):
        return Ending("pause", "the schedule no longer allows any power")
    return Ending("pause", f"the schedule allows no power for {until - drive.now:.0f} s", until=until)


# ---------------------------------------------------------------------------------------------------------------
# DC


async def charge_dc(drive: Drive, terms: Terms) -> Ending:
    """From CableCheck to the end of the power flow, contactors open."""
    vehicle = drive.vehicle
    drive.still_wanted()
    vehicle.show(State.C)
    await until_finished(
        drive,
        lambda: iso2.CableCheckReq(DC_EVStatus=status(drive)),
        "V2G_EVCC_CableCheck_Timeout",
        from_request=True,
        look=lambda res: checks.preparing(res.DC_EVSEStatus),
    )
    await until_voltage(
        drive,
        lambda voltage, current: iso2.PreChargeReq(
            DC_EVStatus=status(drive), EVTargetVoltage=volt(voltage), EVTargetCurrent=ampere(current)
        ),
    )
    vehicle.close_contactors()
    checks.started(await drive.ask(power_delivery(drive, terms.schedule, "Start")))
    drive.power_flows()

    ending = drive.ends(await demand_current(drive, terms))
    if ending.alarm:
        await vehicle.safe(within=AT_ONCE)
    else:
        await ramp_down(drive, ending, current_demand, acknowledge)
    progress: iso2.chargeProgressType = "Renegotiate" if ending.how == "renegotiate" else "Stop"
    await drive.ask(power_delivery(drive, terms.schedule, progress))
    await vehicle.safe()  # pilot to B, and the contactors open once the current is gone
    if progress == "Stop":
        await until_dead(drive, lambda: iso2.WeldingDetectionReq(DC_EVStatus=status(drive, ready=False)))
    return ending


async def demand_current(drive: Drive, terms: Terms) -> Ending:
    """The CurrentDemand loop, until something ends it."""
    while True:
        limits = terms.limits
        power = min(limits.power, terms.schedule.power_at(drive.now))
        wanted = drive.vehicle.wanted(limits.voltage, limits.current, power)
        res = await take_current(drive, terms, current_demand, wanted.voltage, wanted.current, power)
        voltage, current = volts(res.EVSEPresentVoltage), amps(res.EVSEPresentCurrent)
        ending = checks.dc_ending(drive, res.DC_EVSEStatus, voltage, current) or by_schedule(drive, terms)
        if res.ReceiptRequired:
            receipt = await metering_receipt(drive, res)  # goes out before acting on the notification
            if isinstance(receipt.EVSEStatus, iso2.DC_EVSEStatusType):
                ending = ending or checks.dc_ending(drive, receipt.EVSEStatus, voltage, current)
        if ending:
            return ending
        await drive.breathe()


async def acknowledge(drive: Drive, res: iso2.CurrentDemandRes) -> None:
    """During the ramp: sends the receipt if required; a notification in its answer comes too late to matter."""
    if res.ReceiptRequired:
        await metering_receipt(drive, res)


async def metering_receipt(
    drive: Drive, res: iso2.CurrentDemandRes | iso2.ChargingStatusRes
) -> iso2.MeteringReceiptRes:
    """The receipt that a response requires, signed with the contract; MeterInfo is returned unchanged."""
    assert res.MeterInfo is not None  # a response that requires a receipt without it has already ended the session
    receipt = iso2.MeteringReceiptReq(
        Id="id1" if drive.contract else None,
        SessionID=drive.session.id,
        SAScheduleTupleID=res.SAScheduleTupleID,
        MeterInfo=res.MeterInfo,
    )
    return await drive.ask(receipt, signature=contract.sign(drive, receipt))


# ---------------------------------------------------------------------------------------------------------------
# AC


async def charge_ac(drive: Drive, terms: Terms) -> Ending:
    """From PowerDelivery(Start) to the end of the power flow; the pilot follows the requests [V2G2-847, 848]."""
    drive.still_wanted()
    async with pilot_moves(drive, State.C):
        checks.started(await drive.ask(power_delivery(drive, terms.schedule, "Start")))
    drive.power_flows()

    ending = drive.ends(await charging_status(drive, terms))
    drive.vehicle.stop_ac()
    progress: iso2.chargeProgressType = "Renegotiate" if ending.how == "renegotiate" else "Stop"
    async with pilot_moves(drive, State.B):
        await drive.ask(power_delivery(drive, terms.schedule, progress))
    return ending


async def charging_status(drive: Drive, terms: Terms) -> Ending:
    """The ChargingStatus loop, until something ends it."""
    vehicle, phases, voltage = drive.vehicle, PHASES[drive.mode], drive.ac_voltage or 0.0
    while True:
        offer = vehicle.pilot.reading.offer
        by_pilot = offer[1] if offer and offer[0] is Offer.CURRENT else terms.ac_current
        by_power = terms.schedule.power_at(drive.now) / (voltage * phases)
        vehicle.take_ac(voltage, min(terms.ac_current, by_pilot, by_power), phases)
        res = await drive.ask(iso2.ChargingStatusReq())
        if res.EVSEMaxCurrent is not None:
            terms.ac_current = amps(res.EVSEMaxCurrent)
        ending = ac_ending(drive, res.AC_EVSEStatus) or by_schedule(drive, terms)
        if res.ReceiptRequired:
            receipt = await metering_receipt(drive, res)
            if isinstance(receipt.EVSEStatus, iso2.AC_EVSEStatusType):
                ending = ending or ac_ending(drive, receipt.EVSEStatus)
        if ending:
            return ending
        await drive.breathe()


def ac_ending(drive: Drive, charger: iso2.AC_EVSEStatusType) -> Ending | None:
    """Why the AC loop ends after this response, or None."""
    if charger.RCD:
        return Ending("stop", checks.TRIPPED, Cause.ABORTED)
    return checks.wishes(drive, charger)


# ---------------------------------------------------------------------------------------------------------------
# When something is wrong


async def leave(drive: Drive) -> None:
    """Makes the vehicle safe first; then says goodbye, if the last request was answered properly."""
    await drive.vehicle.safe(within=AT_ONCE)
    stop = iso2.PowerDeliveryReq(ChargeProgress="Stop", SAScheduleTupleID=max(drive.tuple_id, 1))
    if drive.mode not in PHASES:
        stop.EVPowerDeliveryParameter = delivery_parameter(drive)
    await say_goodbye(drive, stop, iso2.SessionStopReq(ChargingSession="Terminate"))
