"""The tester vehicle's requests of ISO 15118-2, in the good case."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from conformance.secc import contract
from conformance.table import Table
from v2g.messages import iso2
from v2g.physical import physical

if TYPE_CHECKING:
    from conformance.secc.tester import TesterEv

Maker = Callable[["TesterEv"], Any]
"""Makes a request from the tester's state."""

REQUESTS: Table[Maker] = Table()

PROFILE_ENTRIES = 24
"""Entries a charging profile may have."""


def evccid(tester: TesterEv) -> bytes:
    return bytes.fromhex(str(tester.pics["par_EVCCID"]))


def _volt(amount: float) -> Any:
    return physical(iso2, amount, "V")


def _ampere(amount: float) -> Any:
    return physical(iso2, amount, "A")


def mode(tester: TesterEv) -> Any:
    """RequestedEnergyTransferMode: what is declared, in the schema's spelling."""
    declared = str(tester.pics["PICS_CMN_CMN_EnergyTransferMode" + ("AC" if tester.pics.ac else "DC")])
    return declared[0].upper() + declared[1:]


def _status(ready: bool = True) -> iso2.DC_EVStatusType:
    return iso2.DC_EVStatusType(EVReady=ready, EVErrorCode="NO_ERROR", EVRESSSOC=40)


@REQUESTS.on("SessionSetupReq")
def _(tester: TesterEv) -> Any:
    return iso2.SessionSetupReq(EVCCID=evccid(tester))


@REQUESTS.on("ServiceDiscoveryReq")
def _(tester: TesterEv) -> Any:
    return iso2.ServiceDiscoveryReq()


@REQUESTS.on("ServiceDetailReq")
def _(tester: TesterEv) -> Any:
    offered = tester.services
    return iso2.ServiceDetailReq(ServiceID=offered[0].ServiceID if offered else 1)


@REQUESTS.on("PaymentServiceSelectionReq")
def _(tester: TesterEv) -> Any:
    services = [iso2.SelectedServiceType(ServiceID=tester.charge_service)]
    if tester.certificate_set is not None:
        services.append(iso2.SelectedServiceType(ServiceID=2, ParameterSetID=tester.certificate_set))
    return iso2.PaymentServiceSelectionReq(
        SelectedPaymentOption="Contract" if tester.pics.pnc else "ExternalPayment",
        SelectedServiceList=iso2.SelectedServiceListType(SelectedService=services),
    )


@REQUESTS.on("AuthorizationReq")
def _(tester: TesterEv) -> Any:
    if tester.pics.pnc and "AuthorizationRes" not in tester.responses and tester.challenge is not None:
        return iso2.AuthorizationReq(Id="id1", GenChallenge=tester.challenge)
    return iso2.AuthorizationReq()


@REQUESTS.on("PaymentDetailsReq")
def _(tester: TesterEv) -> Any:
    return contract.payment_details(tester)


@REQUESTS.on("CertificateInstallationReq")
def _(tester: TesterEv) -> Any:
    return contract.installation(tester)


@REQUESTS.on("CertificateUpdateReq")
def _(tester: TesterEv) -> Any:
    return contract.update(tester)


@REQUESTS.on("ChargeParameterDiscoveryReq")
def _(tester: TesterEv) -> Any:
    pics = tester.pics
    departure = pics["par_DepartureTime"] if pics["PICS_SECC_CMN_DepartureTime"] else None
    entries = pics["par_MaxEntriesSAScheduleTuple"] if pics["PICS_SECC_CMN_MaxEntriesSAScheduleTuple"] else None
    parameter: Any
    if pics.ac:
        parameter = iso2.AC_EVChargeParameterType(
            DepartureTime=departure,
            EAmount=physical(iso2, pics["par_EAmount"], "Wh", 0),
            EVMaxVoltage=_volt(500.0),
            EVMaxCurrent=_ampere(32.0),
            EVMinCurrent=_ampere(1.0),
        )
    else:
        parameter = iso2.DC_EVChargeParameterType(
            DepartureTime=departure,
            DC_EVStatus=_status(ready=False),
            EVMaximumCurrentLimit=_ampere(pics["par_EVMaximumCurrent"]),
            EVMaximumPowerLimit=physical(iso2, pics["par_EVMaximumCurrent"] * pics["par_EVMaximumVoltage"], "W", 0),
            EVMaximumVoltageLimit=_volt(pics["par_EVMaximumVoltage"]),
        )
    return iso2.ChargeParameterDiscoveryReq(
        MaxEntriesSAScheduleTuple=entries, RequestedEnergyTransferMode=mode(tester), EVChargeParameter=parameter
    )


@REQUESTS.on("CableCheckReq")
def _(tester: TesterEv) -> Any:
    return iso2.CableCheckReq(DC_EVStatus=_status())


@REQUESTS.on("PreChargeReq")
def _(tester: TesterEv) -> Any:
    return iso2.PreChargeReq(
        DC_EVStatus=_status(), EVTargetVoltage=_volt(tester.battery_voltage), EVTargetCurrent=_ampere(2.0)
    )


def profile(tester: TesterEv) -> Any:
    """The chosen schedule's steps as a charging profile."""
    chosen = tester.schedule
    if chosen is None:
        return None
    entries = [
        iso2.ProfileEntryType(
            ChargingProfileEntryStart=entry.TimeInterval.start,
            ChargingProfileEntryMaxPower=entry.PMax,
            ChargingProfileEntryMaxNumberOfPhasesInUse=3 if tester.pics.ac else None,
        )
        for entry in chosen.PMaxSchedule.PMaxScheduleEntry[:PROFILE_ENTRIES]
    ]
    return iso2.ChargingProfileType(ProfileEntry=entries)


def delivery(tester: TesterEv, progress: Any) -> Any:
    """PowerDeliveryReq: Start, Stop or Renegotiate."""
    parameter = None
    if not tester.pics.ac:
        parameter = iso2.DC_EVPowerDeliveryParameterType(
            DC_EVStatus=_status(ready=progress != "Stop"), BulkChargingComplete=False, ChargingComplete=False
        )
    return iso2.PowerDeliveryReq(
        ChargeProgress=progress,
        SAScheduleTupleID=tester.tuple_id,
        ChargingProfile=profile(tester) if progress == "Start" else None,
        EVPowerDeliveryParameter=parameter,
    )


@REQUESTS.on("PowerDeliveryReq")
def _(tester: TesterEv) -> Any:
    return delivery(tester, tester.progress)


@REQUESTS.on("ChargingStatusReq")
def _(tester: TesterEv) -> Any:
    return iso2.ChargingStatusReq()


@REQUESTS.on("CurrentDemandReq")
def _(tester: TesterEv) -> Any:
    pics = tester.pics
    return iso2.CurrentDemandReq(
        DC_EVStatus=_status(),
        EVTargetCurrent=_ampere(pics["par_EVTargetCurrent"]),
        EVMaximumVoltageLimit=_volt(pics["par_EVMaximumVoltage"]),
        EVMaximumCurrentLimit=_ampere(pics["par_EVMaximumCurrent"]),
        BulkChargingComplete=False,
        ChargingComplete=False,
        EVTargetVoltage=_volt(pics["par_EVTargetVoltage"]),
    )


@REQUESTS.on("MeteringReceiptReq")
def _(tester: TesterEv) -> Any:
    loop = tester.responses.get("ChargingStatusRes" if tester.pics.ac else "CurrentDemandRes")
    info = getattr(loop, "MeterInfo", None) or iso2.MeterInfoType(MeterID="PLUGFEST", MeterReading=0)
    return iso2.MeteringReceiptReq(
        Id="id1" if tester.pics.pnc else None,
        SessionID=tester.session_id,
        SAScheduleTupleID=tester.tuple_id,
        MeterInfo=info,
    )


@REQUESTS.on("WeldingDetectionReq")
def _(tester: TesterEv) -> Any:
    return iso2.WeldingDetectionReq(DC_EVStatus=_status(ready=False))


@REQUESTS.on("SessionStopReq")
def _(tester: TesterEv) -> Any:
    return iso2.SessionStopReq(ChargingSession="Terminate")
