"""The tester vehicle's requests of DIN SPEC 70121, in the good case."""

from __future__ import annotations

from typing import Any

from plugfest.conformance.secc.tester import Maker, TesterEv
from plugfest.conformance.table import Table
from v2g.messages import din70121 as din
from v2g.physical import PRECHARGE_CURRENT, Quantities

REQUESTS: Table[Maker] = Table()
"""Request -> function that makes it from the tester's state."""

QUANTITY = Quantities(din, din.PhysicalValueType)


def _status(tester: TesterEv, ready: bool = True) -> din.DC_EVStatusType:
    return din.DC_EVStatusType(
        EVReady=ready,
        EVCabinConditioning=False,
        EVRESSConditioning=False,
        EVErrorCode="NO_ERROR",
        EVRESSSOC=tester.stimulus.soc,
    )


@REQUESTS.on("SessionSetupReq")
def session_setup(tester: TesterEv) -> din.SessionSetupReq:
    return din.SessionSetupReq(EVCCID=tester.evccid)


@REQUESTS.on("ServiceDiscoveryReq")
def service_discovery(tester: TesterEv) -> din.ServiceDiscoveryReq:
    return din.ServiceDiscoveryReq(ServiceCategory="EVCharging")


@REQUESTS.on("ServiceDetailReq")
def service_detail(tester: TesterEv) -> din.ServiceDetailReq:
    return din.ServiceDetailReq(ServiceID=tester.offered.charge_service)


@REQUESTS.on("ServicePaymentSelectionReq")
def service_payment_selection(tester: TesterEv) -> din.ServicePaymentSelectionReq:
    chosen = din.SelectedServiceType(ServiceID=tester.offered.charge_service)
    return din.ServicePaymentSelectionReq(
        SelectedPaymentOption="ExternalPayment",
        SelectedServiceList=din.SelectedServiceListType(SelectedService=[chosen]),
    )


@REQUESTS.on("ContractAuthenticationReq")
def contract_authentication(tester: TesterEv) -> din.ContractAuthenticationReq:
    return din.ContractAuthenticationReq()


@REQUESTS.on("ChargeParameterDiscoveryReq")
def charge_parameter_discovery(tester: TesterEv) -> din.ChargeParameterDiscoveryReq:
    pics = tester.pics
    found = tester.responses.get("ServiceDiscoveryRes")
    offered: Any = found.ChargeService.EnergyTransferType if found is not None else "DC_extended"
    return din.ChargeParameterDiscoveryReq(
        EVRequestedEnergyTransferType=offered if offered != "DC_dual" else "DC_extended",
        EVChargeParameter=din.DC_EVChargeParameterType(
            DC_EVStatus=_status(tester, ready=False),
            EVMaximumCurrentLimit=QUANTITY.ampere(pics["par_EVMaximumCurrent"]),
            EVMaximumPowerLimit=None if tester.watts is None else QUANTITY.watt(tester.watts),
            EVMaximumVoltageLimit=QUANTITY.volt(pics["par_EVMaximumVoltage"]),
        ),
    )


@REQUESTS.on("CableCheckReq")
def cable_check(tester: TesterEv) -> din.CableCheckReq:
    return din.CableCheckReq(DC_EVStatus=_status(tester))


@REQUESTS.on("PreChargeReq")
def pre_charge(tester: TesterEv) -> din.PreChargeReq:
    return din.PreChargeReq(
        DC_EVStatus=_status(tester),
        EVTargetVoltage=QUANTITY.volt(tester.battery_voltage),
        EVTargetCurrent=QUANTITY.ampere(PRECHARGE_CURRENT),
    )


def profile(tester: TesterEv) -> din.ChargingProfileType | None:
    """The steps of the chosen schedule as a charging profile."""
    if not tester.offered.profile_steps:
        return None
    entries = [
        din.ProfileEntryType(
            ChargingProfileEntryStart=entry.TimeInterval.start, ChargingProfileEntryMaxPower=entry.PMax
        )
        for entry in tester.offered.profile_steps
    ]
    return din.ChargingProfileType(SAScheduleTupleID=tester.offered.tuple_id, ProfileEntry=entries)


@REQUESTS.on("PowerDeliveryReq")
def power_delivery(tester: TesterEv) -> din.PowerDeliveryReq:
    start = tester.progress == "Start"
    return din.PowerDeliveryReq(
        ReadyToChargeState=start,
        ChargingProfile=profile(tester) if start else None,
        EVPowerDeliveryParameter=din.DC_EVPowerDeliveryParameterType(
            DC_EVStatus=_status(tester, ready=start), BulkChargingComplete=False, ChargingComplete=False
        ),
    )


@REQUESTS.on("CurrentDemandReq")
def current_demand(tester: TesterEv) -> din.CurrentDemandReq:
    pics = tester.pics
    return din.CurrentDemandReq(
        DC_EVStatus=_status(tester),
        EVTargetCurrent=QUANTITY.ampere(pics["par_EVTargetCurrent"]),
        EVMaximumVoltageLimit=QUANTITY.volt(pics["par_EVMaximumVoltage"]),
        EVMaximumCurrentLimit=QUANTITY.ampere(pics["par_EVMaximumCurrent"]),
        BulkChargingComplete=False,
        ChargingComplete=False,
        RemainingTimeToFullSoC=QUANTITY.second(1800.0),
        RemainingTimeToBulkSoC=QUANTITY.second(900.0),
        EVTargetVoltage=QUANTITY.volt(pics["par_EVTargetVoltage"]),
    )


@REQUESTS.on("WeldingDetectionReq")
def welding_detection(tester: TesterEv) -> din.WeldingDetectionReq:
    return din.WeldingDetectionReq(DC_EVStatus=_status(tester, ready=False))


@REQUESTS.on("SessionStopReq")
def session_stop(tester: TesterEv) -> din.SessionStopReq:
    return din.SessionStopReq()
