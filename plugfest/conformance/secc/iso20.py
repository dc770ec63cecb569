"""The tester vehicle's requests of ISO 15118-20, in the good case, and what it chooses from the charger's offers.

The numbers are the tester's own, so that our roles are not checked against themselves. Limits are sent rounded down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugfest.conformance.cause import Cause
from plugfest.conformance.secc import iso20_contract
from plugfest.conformance.secc.tester import Maker, TesterEv
from plugfest.conformance.table import Table
from plugfest.conformance.verdict import Inconclusive
from plugfest.conformance.wire import Arrival
from v2g import energy
from v2g.energy import Control, ParameterSet
from v2g.members import ac_members, dc_members
from v2g.messages.iso20 import ac, common, dc, types
from v2g.phases import total
from v2g.physical import number, rational, signed

REQUESTS: Table[Maker] = Table()
"""Request -> function that makes it from the tester's state."""

DAY = 86400
"""s: stands for an unknown departure, and the time that a schedule without a departure must cover [V2G20-1563]."""

POINTS = 1024
"""MaximumSupportingPoints."""

AC_WATTS, LEAST_WATTS = 11_000.0, 100.0
"""What the tester can do in AC over all phases, and its minimum, W."""

CONTENT_WH = 40_000.0
"""The energy that the tester's battery takes until it is full."""


def volt(amount: float) -> types.RationalNumberType:
    return rational(amount, -1, down=True)


def watt(amount: float) -> types.RationalNumberType:
    return rational(amount, down=True)


ampere = volt


# ---------------------------------------------------------------------------------------------------------------
# Choices


def offered_sets(tester: TesterEv) -> list[ParameterSet]:
    """The parameter sets of the service under test, as reported by ServiceDetail."""
    detail = tester.details.get(energy.BY_TITLE[tester.pics.energy_service].number)
    if detail is None:
        return []
    return [one for element in detail.ServiceParameterList.ParameterSet if (one := energy.read(element)) is not None]


def choice(tester: TesterEv) -> Control:
    """The service of the session: the first offered set that fits the declarations; before any offer, any set.

    Raises:
        Inconclusive: none fits.
    """
    pics, service = tester.pics, energy.BY_TITLE[tester.pics.energy_service]
    by_charger = pics.dynamic and pics["PICS_CMN_ISO20_MobilityNeedsMode"] == "byCharger"
    sets = offered_sets(tester)
    if not sets:
        return Control(service, ParameterSet(1, pics.dynamic, by_charger=by_charger))
    fitting = [one for one in sets if one.dynamic is pics.dynamic and one.by_charger is by_charger]
    if not fitting:
        mode = "dynamic" if pics.dynamic else "scheduled"
        who = ", mobility needs by the charger" if by_charger else ""
        raise Inconclusive(
            f"the charger offers no parameter set of {service.title} in {mode} mode{who}", cause=Cause.NOT_DECLARED
        )
    return Control(service, max(fitting, key=lambda one: one.phases))


def control(tester: TesterEv) -> Control:
    """The selected service, or the one that would be selected."""
    return tester.control or choice(tester)


def schedules(responses: Mapping[str, Any]) -> list[Any]:
    """The offered schedule tuples."""
    block = getattr(responses.get("ScheduleExchangeRes"), "Scheduled_SEResControlMode", None)
    return list(block.ScheduleTuple) if block is not None else []


def note(tester: TesterEv, arrival: Arrival) -> None:
    """Records the parameter sets of each service, and the latest meter reading shown."""
    message = arrival.message
    if isinstance(message, common.ServiceDetailRes):
        tester.details[message.ServiceID] = message
    if isinstance(message, common.ScheduleExchangeRes):
        tester.offered_at = arrival.time
    if isinstance(message, types.ChargeLoopResType) and message.MeterInfo is not None:
        tester.shown = message.MeterInfo, message.Receipt


# ---------------------------------------------------------------------------------------------------------------
# Setup


@REQUESTS.on("SessionSetupReq")
def session_setup(tester: TesterEv) -> common.SessionSetupReq:
    return common.SessionSetupReq(EVCCID=iso20_contract.vehicle_name(tester))


@REQUESTS.on("AuthorizationSetupReq")
def authorization_setup(tester: TesterEv) -> common.AuthorizationSetupReq:
    return common.AuthorizationSetupReq()


@REQUESTS.on("AuthorizationReq")
def authorization(tester: TesterEv) -> common.AuthorizationReq:
    if tester.pics.pnc and tester.paying is not None and tester.challenge is not None:
        return iso20_contract.authorization(tester, tester.challenge)
    return common.AuthorizationReq(
        SelectedAuthorizationService="EIM", EIM_AReqAuthorizationMode=common.EIM_AReqAuthorizationModeType()
    )


@REQUESTS.on("CertificateInstallationReq")
def certificate_installation(tester: TesterEv) -> common.CertificateInstallationReq:
    return iso20_contract.installation(tester)


@REQUESTS.on("ServiceDiscoveryReq")
def service_discovery(tester: TesterEv) -> common.ServiceDiscoveryReq:
    return common.ServiceDiscoveryReq()


@REQUESTS.on("ServiceDetailReq")
def service_detail(tester: TesterEv) -> common.ServiceDetailReq:
    return common.ServiceDetailReq(ServiceID=energy.BY_TITLE[tester.pics.energy_service].number)


@REQUESTS.on("ServiceSelectionReq")
def service_selection(tester: TesterEv) -> common.ServiceSelectionReq:
    chosen = control(tester)
    added = [common.SelectedServiceType(ServiceID=one, ParameterSetID=two) for one, two in tester.added or ()]
    return common.ServiceSelectionReq(
        SelectedEnergyTransferService=common.SelectedServiceType(
            ServiceID=chosen.service.number, ParameterSetID=chosen.chosen.number
        ),
        SelectedVASList=common.SelectedServiceListType(SelectedService=added) if added else None,
    )


# ---------------------------------------------------------------------------------------------------------------
# Limits and schedules


@REQUESTS.on("DC_ChargeParameterDiscoveryReq")
def dc_parameters(tester: TesterEv) -> dc.DC_ChargeParameterDiscoveryReq:
    pics, chosen = tester.pics, control(tester)
    most_volts, most_amps = pics["par_EVMaximumVoltage"], pics["par_EVMaximumCurrent"]
    fields: dict[str, Any] = {
        "EVMaximumChargePower": watt(most_volts * most_amps),
        "EVMinimumChargePower": watt(0.0),
        "EVMaximumChargeCurrent": ampere(most_amps),
        "EVMinimumChargeCurrent": ampere(0.0),
        "EVMaximumVoltage": volt(most_volts),
        "EVMinimumVoltage": volt(most_volts / 2),
    }
    if chosen.bidirectional:
        fields |= {
            "EVMaximumDischargePower": watt(tester.back.watts),
            "EVMinimumDischargePower": watt(0.0),
            "EVMaximumDischargeCurrent": ampere(tester.back.amps),
            "EVMinimumDischargeCurrent": ampere(0.0),
        }
    return dc.DC_ChargeParameterDiscoveryReq(DC_CPDReqEnergyTransferMode=dc_members(chosen).declares(**fields))


@REQUESTS.on("AC_ChargeParameterDiscoveryReq")
def ac_parameters(tester: TesterEv) -> ac.AC_ChargeParameterDiscoveryReq:
    chosen = control(tester)
    fields = {"EVMaximumChargePower": watt(AC_WATTS), "EVMinimumChargePower": watt(LEAST_WATTS)}
    if chosen.bidirectional:
        fields |= {"EVMaximumDischargePower": watt(tester.back.watts), "EVMinimumDischargePower": watt(LEAST_WATTS)}
    return ac.AC_ChargeParameterDiscoveryReq(AC_CPDReqEnergyTransferMode=ac_members(chosen).declares(**fields))


def energies(chosen: Control) -> dict[str, Any]:
    """The three energy requests, counted from now, so that the smallest is negative if the battery may discharge."""
    least = -CONTENT_WH / 4 if chosen.bidirectional else 0.0
    return {
        "EVTargetEnergyRequest": watt(CONTENT_WH / 2),
        "EVMaximumEnergyRequest": watt(CONTENT_WH),
        "EVMinimumEnergyRequest": signed(watt(-least), negative=least < 0.0),
    }


@REQUESTS.on("ScheduleExchangeReq")
def schedule_exchange(tester: TesterEv) -> common.ScheduleExchangeReq:
    chosen, departure = control(tester), tester.pics["PICS_SECC_CMN_DepartureTime"]
    seconds = int(tester.pics["par_DepartureTime"]) if departure else None
    if chosen.dynamic:
        mode = common.Dynamic_SEReqControlModeType(
            DepartureTime=seconds or DAY, MinimumSOC=30, TargetSOC=80, **energies(chosen)
        )
        return common.ScheduleExchangeReq(MaximumSupportingPoints=POINTS, Dynamic_SEReqControlMode=mode)
    scheduled = common.Scheduled_SEReqControlModeType(DepartureTime=seconds, **energies(chosen))
    return common.ScheduleExchangeReq(MaximumSupportingPoints=POINTS, Scheduled_SEReqControlMode=scheduled)


# ---------------------------------------------------------------------------------------------------------------
# Power


@REQUESTS.on("DC_CableCheckReq")
def cable_check(tester: TesterEv) -> dc.DC_CableCheckReq:
    return dc.DC_CableCheckReq()


@REQUESTS.on("DC_PreChargeReq")
def pre_charge(tester: TesterEv) -> dc.DC_PreChargeReq:
    """The vehicle reports through EVProcessing that its inlet has the battery's voltage."""
    last = tester.responses.get("DC_PreChargeRes")
    reached = last is not None and tester.voltage_reached(last)
    return dc.DC_PreChargeReq(
        EVProcessing="Finished" if reached else "Ongoing",
        EVPresentVoltage=volt(max(number(last.EVSEPresentVoltage), 0.0)) if last is not None else volt(0.0),
        EVTargetVoltage=volt(tester.battery_voltage),
    )


def most_power(tester: TesterEv) -> float:
    """Maximum power that the tester takes over all phases, W."""
    pics = tester.pics
    if tester.rests:
        return 0.0
    return AC_WATTS if pics.ac else float(pics["par_EVMaximumVoltage"] * pics["par_EVMaximumCurrent"])


def tolerated(tester: TesterEv) -> bool:
    """Whether the chosen schedule has a PowerTolerance, which its charging part states for both directions."""
    schedule = None if control(tester).dynamic else tester.offered.schedule
    return schedule is not None and schedule.ChargingSchedule.PowerSchedule.PowerTolerance is not None


def profile(tester: TesterEv) -> common.EVPowerProfileType:
    """Scheduled: the steps of the chosen schedule, limited to what the tester can take. Dynamic: an expectation.

    While the tester gives, its powers are negative, whatever the sign in the charger's schedule.
    """
    chosen, anchor, most = control(tester), tester.connection.session.clock(), most_power(tester)
    if chosen.dynamic:
        return common.EVPowerProfileType(
            TimeAnchor=anchor,
            Dynamic_EVPPTControlMode=common.Dynamic_EVPPTControlModeType(),
            EVPowerProfileEntries=_entries([(DAY, most)]),
        )
    if tester.offered_at is not None:  # it continues from the current point of the schedule
        anchor -= round(tester.now - tester.offered_at)
    schedule = tester.offered.schedule
    powers = schedule.ChargingSchedule.PowerSchedule if schedule is not None else None
    back = tester.gives and schedule is not None and schedule.DischargingSchedule is not None
    if back:
        powers, most = schedule.DischargingSchedule.PowerSchedule, tester.back.watts
    steps = [
        (entry.Duration, -min(abs(total(entry, "Power")), most) if back else min(total(entry, "Power"), most))
        for entry in (powers.PowerScheduleEntries.PowerScheduleEntry if powers is not None else ())
    ]
    return common.EVPowerProfileType(
        TimeAnchor=anchor,
        Scheduled_EVPPTControlMode=common.Scheduled_EVPPTControlModeType(
            SelectedScheduleTupleID=tester.offered.tuple_id,
            PowerToleranceAcceptance="PowerToleranceConfirmed" if tolerated(tester) else None,
        ),
        EVPowerProfileEntries=_entries(steps or [(DAY, most)]),
    )


def _entries(steps: list[tuple[int, float]]) -> common.EVPowerProfileEntryListType:
    return common.EVPowerProfileEntryListType(
        EVPowerProfileEntry=[
            common.PowerScheduleEntryType(Duration=long, Power=signed(watt(abs(power)), negative=power < 0.0))
            for long, power in steps
        ]
    )


@REQUESTS.on("PowerDeliveryReq")
def power_delivery(tester: TesterEv) -> common.PowerDeliveryReq:
    starts = tester.progress == "Start"
    channel: common.channelSelectionType = "Discharge" if tester.gives else "Charge"
    return common.PowerDeliveryReq(
        EVProcessing="Finished",
        ChargeProgress=tester.progress,  # type: ignore[arg-type]  # one field for the words of all generations
        EVPowerProfile=profile(tester) if starts else None,
        BPT_ChannelSelection=channel if starts and control(tester).bidirectional else None,
    )


@REQUESTS.on("DC_ChargeLoopReq")
def dc_loop(tester: TesterEv) -> dc.DC_ChargeLoopReq:
    pics, chosen = tester.pics, control(tester)
    fields: dict[str, Any] = energies(chosen)
    most_volts, most_amps = pics["par_EVMaximumVoltage"], pics["par_EVMaximumCurrent"]
    if chosen.dynamic:
        fields |= {
            "DepartureTime": DAY,
            "EVMaximumChargePower": watt(most_volts * most_amps),
            "EVMinimumChargePower": watt(0.0),
            "EVMaximumChargeCurrent": ampere(most_amps),
            "EVMaximumVoltage": volt(most_volts),
            "EVMinimumVoltage": volt(most_volts / 2),
        }
    else:
        fields |= {
            "EVTargetCurrent": ampere(0.0 if tester.rests else pics["par_EVTargetCurrent"]),
            "EVTargetVoltage": volt(pics["par_EVTargetVoltage"]),
        }
    if chosen.bidirectional:
        fields |= {
            "EVMaximumDischargePower": watt(tester.back.watts),
            "EVMinimumDischargePower": watt(0.0),
            "EVMaximumDischargeCurrent": ampere(tester.back.amps),
        }
    return dc.DC_ChargeLoopReq(
        DisplayParameters=types.DisplayParametersType(PresentSOC=40, ChargingComplete=False),
        MeterInfoRequested=tester.pics["PIXIT_SECC_CMN_MeterInfo"] == "meterInfo",
        EVPresentVoltage=volt(tester.battery_voltage),
        CLReqControlMode=dc_members(chosen).asks(**fields),
    )


@REQUESTS.on("AC_ChargeLoopReq")
def ac_loop(tester: TesterEv) -> ac.AC_ChargeLoopReq:
    chosen = control(tester)
    fields: dict[str, Any] = energies(chosen) | {"EVPresentActivePower": watt(0.0)}
    if chosen.dynamic:
        fields |= {
            "DepartureTime": DAY,
            "EVMaximumChargePower": watt(AC_WATTS),
            "EVMinimumChargePower": watt(LEAST_WATTS),
            "EVPresentReactivePower": watt(0.0),
        }
    if chosen.bidirectional:
        fields |= {"EVMaximumDischargePower": watt(tester.back.watts), "EVMinimumDischargePower": watt(LEAST_WATTS)}
    return ac.AC_ChargeLoopReq(
        DisplayParameters=types.DisplayParametersType(PresentSOC=40, ChargingComplete=False),
        MeterInfoRequested=tester.pics["PIXIT_SECC_CMN_MeterInfo"] == "meterInfo",
        CLReqControlMode=ac_members(chosen).asks(**fields),
    )


@REQUESTS.on("MeteringConfirmationReq")
def metering_confirmation(tester: TesterEv) -> common.MeteringConfirmationReq:
    """Confirms the meter reading in the last loop response that had one."""
    info, receipt = tester.shown or (types.MeterInfoType(MeterID="PLUGFEST", ChargedEnergyReadingWh=0), None)
    dynamic = control(tester).dynamic
    scheduled = common.Scheduled_SMDTControlModeType(SelectedScheduleTupleID=tester.offered.tuple_id)
    return common.MeteringConfirmationReq(
        SignedMeteringData=common.SignedMeteringDataType(
            Id="id1",
            SessionID=tester.session_id,
            MeterInfo=info,
            Receipt=receipt,
            Dynamic_SMDTControlMode=common.Dynamic_SMDTControlModeType() if dynamic else None,
            Scheduled_SMDTControlMode=None if dynamic else scheduled,
        )
    )


@REQUESTS.on("DC_WeldingDetectionReq")
def welding_detection(tester: TesterEv) -> dc.DC_WeldingDetectionReq:
    return dc.DC_WeldingDetectionReq(EVProcessing="Finished")


@REQUESTS.on("SessionStopReq")
def session_stop(tester: TesterEv) -> common.SessionStopReq:
    return common.SessionStopReq(ChargingSession="Terminate")


@REQUESTS.on("VehicleCheckInReq")
def check_in(tester: TesterEv) -> common.VehicleCheckInReq:
    return common.VehicleCheckInReq(EVCheckInStatus="CheckIn", ParkingMethod="Manual")


@REQUESTS.on("VehicleCheckOutReq")
def check_out(tester: TesterEv) -> common.VehicleCheckOutReq:
    return common.VehicleCheckOutReq(EVCheckOutStatus="CheckOut", CheckOutTime=tester.connection.session.clock() + 600)
