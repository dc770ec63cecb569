"""The tester vehicle's requests of ISO 15118-2, in the good case."""

from __future__ import annotations

from typing import Any, cast

from plugfest.conformance.secc import contract
from plugfest.conformance.secc.tester import Maker, TesterEv
from plugfest.conformance.table import Table
from v2g.messages import iso2
from v2g.physical import PRECHARGE_CURRENT, Quantities

REQUESTS: Table[Maker] = Table()
"""Request -> function that makes it from the tester's state."""

QUANTITY = Quantities(iso2, iso2.PhysicalValueType)


def mode(tester: TesterEv) -> Any:
    """RequestedEnergyTransferMode: the declared one, in the schema's spelling."""
    declared = str(tester.pics["PICS_CMN_CMN_EnergyTransferMode" + ("AC" if tester.pics.ac else "DC")])
    return declared[0].upper() + declared[1:]


def _status(tester: TesterEv, ready: bool = True) -> iso2.DC_EVStatusType:
    return iso2.DC_EVStatusType(EVReady=ready, EVErrorCode="NO_ERROR", EVRESSSOC=tester.stimulus.soc)


@REQUESTS.on("SessionSetupReq")
def session_setup(tester: TesterEv) -> iso2.SessionSetupReq:
    return iso2.SessionSetupReq(EVCCID=tester.evccid)


@REQUESTS.on("ServiceDiscoveryReq")
def service_discovery(tester: TesterEv) -> iso2.ServiceDiscoveryReq:
    return iso2.ServiceDiscoveryReq()


@REQUESTS.on("ServiceDetailReq")
def service_detail(tester: TesterEv) -> iso2.ServiceDetailReq:
    offered = tester.offered.services
    return iso2.ServiceDetailReq(ServiceID=offered[0].ServiceID if offered else 1)


@REQUESTS.on("PaymentServiceSelectionReq")
def payment_service_selection(tester: TesterEv) -> iso2.PaymentServiceSelectionReq:
    services = [iso2.SelectedServiceType(ServiceID=tester.offered.charge_service)]
    if tester.certificate_set is not None:
        services.append(iso2.SelectedServiceType(ServiceID=2, ParameterSetID=tester.certificate_set))
    return iso2.PaymentServiceSelectionReq(
        SelectedPaymentOption="Contract" if tester.pics.pnc else "ExternalPayment",
        SelectedServiceList=iso2.SelectedServiceListType(SelectedService=services),
    )


@REQUESTS.on("AuthorizationReq")
def authorization(tester: TesterEv) -> iso2.AuthorizationReq:
    if tester.pics.pnc and "AuthorizationRes" not in tester.responses and tester.challenge is not None:
        return iso2.AuthorizationReq(Id=tester.stimulus.element_id, GenChallenge=tester.challenge)
    return iso2.AuthorizationReq()


@REQUESTS.on("PaymentDetailsReq")
def payment_details(tester: TesterEv) -> iso2.PaymentDetailsReq:
    return contract.payment_details(tester)


@REQUESTS.on("CertificateInstallationReq")
def certificate_installation(tester: TesterEv) -> iso2.CertificateInstallationReq:
    return contract.installation(tester)


@REQUESTS.on("CertificateUpdateReq")
def certificate_update(tester: TesterEv) -> iso2.CertificateUpdateReq:
    return contract.update(tester)


@REQUESTS.on("ChargeParameterDiscoveryReq")
def charge_parameter_discovery(tester: TesterEv) -> iso2.ChargeParameterDiscoveryReq:
    pics = tester.pics
    departure = pics["par_DepartureTime"] if pics["PICS_SECC_CMN_DepartureTime"] else None
    entries = pics["par_MaxEntriesSAScheduleTuple"] if pics["PICS_SECC_CMN_MaxEntriesSAScheduleTuple"] else None
    parameter: Any
    if pics.ac:
        parameter = iso2.AC_EVChargeParameterType(
            DepartureTime=departure,
            EAmount=QUANTITY.watt_hour(pics["par_EAmount"]),
            EVMaxVoltage=QUANTITY.volt(500.0),
            EVMaxCurrent=QUANTITY.ampere(32.0),
            EVMinCurrent=QUANTITY.ampere(1.0),
        )
    else:
        parameter = iso2.DC_EVChargeParameterType(
            DepartureTime=departure,
            DC_EVStatus=_status(tester, ready=False),
            EVMaximumCurrentLimit=QUANTITY.ampere(pics["par_EVMaximumCurrent"]),
            EVMaximumPowerLimit=QUANTITY.watt(
                pics["par_EVMaximumCurrent"] * pics["par_EVMaximumVoltage"] if tester.watts is None else tester.watts
            ),
            EVMaximumVoltageLimit=QUANTITY.volt(pics["par_EVMaximumVoltage"]),
        )
    return iso2.ChargeParameterDiscoveryReq(
        MaxEntriesSAScheduleTuple=entries, RequestedEnergyTransferMode=mode(tester), EVChargeParameter=parameter
    )


@REQUESTS.on("CableCheckReq")
def cable_check(tester: TesterEv) -> iso2.CableCheckReq:
    return iso2.CableCheckReq(DC_EVStatus=_status(tester))


@REQUESTS.on("PreChargeReq")
def pre_charge(tester: TesterEv) -> iso2.PreChargeReq:
    return iso2.PreChargeReq(
        DC_EVStatus=_status(tester),
        EVTargetVoltage=QUANTITY.volt(tester.battery_voltage),
        EVTargetCurrent=QUANTITY.ampere(PRECHARGE_CURRENT),
    )


def profile(tester: TesterEv) -> iso2.ChargingProfileType | None:
    """The steps of the chosen schedule as a charging profile."""
    if not tester.offered.profile_steps:
        return None
    phases = (1 if mode(tester) == "AC_single_phase_core" else 3) if tester.pics.ac else None
    entries = [
        iso2.ProfileEntryType(
            ChargingProfileEntryStart=entry.TimeInterval.start,
            ChargingProfileEntryMaxPower=entry.PMax,
            ChargingProfileEntryMaxNumberOfPhasesInUse=phases,
        )
        for entry in tester.offered.profile_steps
    ]
    return iso2.ChargingProfileType(ProfileEntry=entries)


@REQUESTS.on("PowerDeliveryReq")
def power_delivery(tester: TesterEv) -> iso2.PowerDeliveryReq:
    progress = cast(iso2.chargeProgressType, tester.progress)
    parameter = None
    if not tester.pics.ac:
        parameter = iso2.DC_EVPowerDeliveryParameterType(
            DC_EVStatus=_status(tester, ready=progress != "Stop"), BulkChargingComplete=False, ChargingComplete=False
        )
    return iso2.PowerDeliveryReq(
        ChargeProgress=progress,
        SAScheduleTupleID=tester.offered.tuple_id,
        ChargingProfile=profile(tester) if progress == "Start" else None,
        EVPowerDeliveryParameter=parameter,
    )


@REQUESTS.on("ChargingStatusReq")
def charging_status(tester: TesterEv) -> iso2.ChargingStatusReq:
    return iso2.ChargingStatusReq()


@REQUESTS.on("CurrentDemandReq")
def current_demand(tester: TesterEv) -> iso2.CurrentDemandReq:
    pics = tester.pics
    return iso2.CurrentDemandReq(
        DC_EVStatus=_status(tester),
        EVTargetCurrent=QUANTITY.ampere(pics["par_EVTargetCurrent"]),
        EVMaximumVoltageLimit=QUANTITY.volt(pics["par_EVMaximumVoltage"]),
        EVMaximumCurrentLimit=QUANTITY.ampere(pics["par_EVMaximumCurrent"]),
        BulkChargingComplete=False,
        ChargingComplete=False,
        EVTargetVoltage=QUANTITY.volt(pics["par_EVTargetVoltage"]),
    )


@REQUESTS.on("MeteringReceiptReq")
def metering_receipt(tester: TesterEv) -> iso2.MeteringReceiptReq:
    loop = tester.responses.get("ChargingStatusRes" if tester.pics.ac else "CurrentDemandRes")
    info = getattr(loop, "MeterInfo", None) or iso2.MeterInfoType(MeterID="PLUGFEST", MeterReading=0)
    return iso2.MeteringReceiptReq(
        Id=tester.stimulus.element_id if tester.pics.pnc else None,
        SessionID=tester.session_id,
        SAScheduleTupleID=tester.offered.tuple_id,
        MeterInfo=info,
    )


@REQUESTS.on("WeldingDetectionReq")
def welding_detection(tester: TesterEv) -> iso2.WeldingDetectionReq:
    return iso2.WeldingDetectionReq(DC_EVStatus=_status(tester, ready=False))


@REQUESTS.on("SessionStopReq")
def session_stop(tester: TesterEv) -> iso2.SessionStopReq:
    return iso2.SessionStopReq(ChargingSession="Terminate")
