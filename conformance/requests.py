"""The tester vehicle's requests in the good case, per protocol, from what is declared and what the charger answered.

A request is made by its name; ``walk`` is a :class:`conformance.tester_ev.TesterEv`. Each maker gives a whole, valid
message; deviations are applied to it afterwards (:mod:`conformance.fields`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from secc.minimal import minimal
from v2g.messages import din70121 as din
from v2g.messages import iso2
from v2g.physical import number, physical

if TYPE_CHECKING:
    from conformance.tester_ev import TesterEv

Maker = Callable[["TesterEv"], Any]

ISO2: dict[str, Maker] = {}
DIN: dict[str, Maker] = {}
MAKERS: Mapping[str, Mapping[str, Maker]] = {"iso2": ISO2, "din70121": DIN}

OF_CONTRACTS = ("PaymentDetailsReq", "CertificateInstallationReq", "CertificateUpdateReq")
"""Requests that a tester without certificates can only send in their smallest form."""

PROFILE_ENTRIES = 24
"""Entries a charging profile may have."""


def _on(table: dict[str, Maker], name: str) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        table[name] = maker
        return maker

    return register


def make(walk: TesterEv, name: str) -> Any:
    """The good-case request of that name.

    Raises:
        KeyError: the protocol has no such request.
    """
    maker = MAKERS[walk.protocol.name].get(name)
    if maker is not None and (walk.paying is not None or name not in OF_CONTRACTS):
        return maker(walk)
    kind = getattr(walk.protocol.module, name, None)
    if kind is None:
        raise KeyError(name)
    return minimal(walk.protocol.schema, kind, dc=not walk.pics.ac)


def evccid(walk: TesterEv) -> bytes:
    return bytes.fromhex(str(walk.pics["par_EVCCID"]))


# ---------------------------------------------------------------------------------------------------------------
# ISO 15118-2


def _volt(amount: float) -> Any:
    return physical(iso2, amount, "V")


def _ampere(amount: float) -> Any:
    return physical(iso2, amount, "A")


def mode(walk: TesterEv) -> Any:
    """RequestedEnergyTransferMode: what is declared, in the schema's spelling."""
    declared = str(walk.pics["PICS_CMN_CMN_EnergyTransferMode" + ("AC" if walk.pics.ac else "DC")])
    return declared[0].upper() + declared[1:]


def _status(ready: bool = True) -> iso2.DC_EVStatusType:
    return iso2.DC_EVStatusType(EVReady=ready, EVErrorCode="NO_ERROR", EVRESSSOC=40)


@_on(ISO2, "SessionSetupReq")
def _(walk: TesterEv) -> Any:
    return iso2.SessionSetupReq(EVCCID=evccid(walk))


@_on(ISO2, "ServiceDiscoveryReq")
def _(walk: TesterEv) -> Any:
    return iso2.ServiceDiscoveryReq()


@_on(ISO2, "ServiceDetailReq")
def _(walk: TesterEv) -> Any:
    offered = walk.services
    return iso2.ServiceDetailReq(ServiceID=offered[0].ServiceID if offered else 1)


@_on(ISO2, "PaymentServiceSelectionReq")
def _(walk: TesterEv) -> Any:
    services = [iso2.SelectedServiceType(ServiceID=walk.charge_service)]
    if walk.certificate_set is not None:
        services.append(iso2.SelectedServiceType(ServiceID=2, ParameterSetID=walk.certificate_set))
    return iso2.PaymentServiceSelectionReq(
        SelectedPaymentOption="Contract" if walk.pics.pnc else "ExternalPayment",
        SelectedServiceList=iso2.SelectedServiceListType(SelectedService=services),
    )


@_on(ISO2, "AuthorizationReq")
def _(walk: TesterEv) -> Any:
    if walk.pics.pnc and "AuthorizationRes" not in walk.responses and walk.challenge is not None:
        return iso2.AuthorizationReq(Id="id1", GenChallenge=walk.challenge)
    return iso2.AuthorizationReq()


@_on(ISO2, "PaymentDetailsReq")
def _(walk: TesterEv) -> Any:
    from conformance import contracts

    return contracts.payment_details(walk)


@_on(ISO2, "CertificateInstallationReq")
def _(walk: TesterEv) -> Any:
    from conformance import contracts

    return contracts.installation(walk)


@_on(ISO2, "CertificateUpdateReq")
def _(walk: TesterEv) -> Any:
    from conformance import contracts

    return contracts.update(walk)


@_on(ISO2, "ChargeParameterDiscoveryReq")
def _(walk: TesterEv) -> Any:
    pics = walk.pics
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
        MaxEntriesSAScheduleTuple=entries, RequestedEnergyTransferMode=mode(walk), EVChargeParameter=parameter
    )


@_on(ISO2, "CableCheckReq")
def _(walk: TesterEv) -> Any:
    return iso2.CableCheckReq(DC_EVStatus=_status())


@_on(ISO2, "PreChargeReq")
def _(walk: TesterEv) -> Any:
    return iso2.PreChargeReq(
        DC_EVStatus=_status(), EVTargetVoltage=_volt(walk.battery_voltage), EVTargetCurrent=_ampere(2.0)
    )


def profile(walk: TesterEv) -> Any:
    """The chosen schedule's steps as a charging profile."""
    chosen = walk.schedule
    if chosen is None:
        return None
    entries = [
        iso2.ProfileEntryType(
            ChargingProfileEntryStart=entry.TimeInterval.start,
            ChargingProfileEntryMaxPower=entry.PMax,
            ChargingProfileEntryMaxNumberOfPhasesInUse=3 if walk.pics.ac else None,
        )
        for entry in chosen.PMaxSchedule.PMaxScheduleEntry[:PROFILE_ENTRIES]
    ]
    return iso2.ChargingProfileType(ProfileEntry=entries)


def delivery(walk: TesterEv, progress: Any) -> Any:
    """PowerDeliveryReq: Start, Stop or Renegotiate."""
    parameter = None
    if not walk.pics.ac:
        parameter = iso2.DC_EVPowerDeliveryParameterType(
            DC_EVStatus=_status(ready=progress != "Stop"), BulkChargingComplete=False, ChargingComplete=False
        )
    return iso2.PowerDeliveryReq(
        ChargeProgress=progress,
        SAScheduleTupleID=walk.tuple_id,
        ChargingProfile=profile(walk) if progress == "Start" else None,
        EVPowerDeliveryParameter=parameter,
    )


@_on(ISO2, "PowerDeliveryReq")
def _(walk: TesterEv) -> Any:
    return delivery(walk, walk.progress)


@_on(ISO2, "ChargingStatusReq")
def _(walk: TesterEv) -> Any:
    return iso2.ChargingStatusReq()


@_on(ISO2, "CurrentDemandReq")
def _(walk: TesterEv) -> Any:
    pics = walk.pics
    return iso2.CurrentDemandReq(
        DC_EVStatus=_status(),
        EVTargetCurrent=_ampere(pics["par_EVTargetCurrent"]),
        EVMaximumVoltageLimit=_volt(pics["par_EVMaximumVoltage"]),
        EVMaximumCurrentLimit=_ampere(pics["par_EVMaximumCurrent"]),
        BulkChargingComplete=False,
        ChargingComplete=False,
        EVTargetVoltage=_volt(pics["par_EVTargetVoltage"]),
    )


@_on(ISO2, "MeteringReceiptReq")
def _(walk: TesterEv) -> Any:
    loop = walk.responses.get("ChargingStatusRes" if walk.pics.ac else "CurrentDemandRes")
    info = getattr(loop, "MeterInfo", None) or iso2.MeterInfoType(MeterID="PLUGFEST", MeterReading=0)
    return iso2.MeteringReceiptReq(
        Id="id1" if walk.pics.pnc else None,
        SessionID=walk.session_id,
        SAScheduleTupleID=walk.tuple_id,
        MeterInfo=info,
    )


@_on(ISO2, "WeldingDetectionReq")
def _(walk: TesterEv) -> Any:
    return iso2.WeldingDetectionReq(DC_EVStatus=_status(ready=False))


@_on(ISO2, "SessionStopReq")
def _(walk: TesterEv) -> Any:
    return iso2.SessionStopReq(ChargingSession="Terminate")


# ---------------------------------------------------------------------------------------------------------------
# DIN SPEC 70121


def _din_status(ready: bool = True) -> din.DC_EVStatusType:
    return din.DC_EVStatusType(
        EVReady=ready, EVCabinConditioning=False, EVRESSConditioning=False, EVErrorCode="NO_ERROR", EVRESSSOC=40
    )


def _din_volt(amount: float) -> Any:
    return physical(din, amount, "V")


def _din_ampere(amount: float) -> Any:
    return physical(din, amount, "A")


@_on(DIN, "SessionSetupReq")
def _(walk: TesterEv) -> Any:
    return din.SessionSetupReq(EVCCID=evccid(walk))


@_on(DIN, "ServiceDiscoveryReq")
def _(walk: TesterEv) -> Any:
    return din.ServiceDiscoveryReq(ServiceCategory="EVCharging")


@_on(DIN, "ServiceDetailReq")
def _(walk: TesterEv) -> Any:
    return din.ServiceDetailReq(ServiceID=walk.charge_service)


@_on(DIN, "ServicePaymentSelectionReq")
def _(walk: TesterEv) -> Any:
    chosen = din.SelectedServiceType(ServiceID=walk.charge_service)
    return din.ServicePaymentSelectionReq(
        SelectedPaymentOption="ExternalPayment",
        SelectedServiceList=din.SelectedServiceListType(SelectedService=[chosen]),
    )


@_on(DIN, "ContractAuthenticationReq")
def _(walk: TesterEv) -> Any:
    return din.ContractAuthenticationReq()


@_on(DIN, "ChargeParameterDiscoveryReq")
def _(walk: TesterEv) -> Any:
    pics = walk.pics
    found = walk.responses.get("ServiceDiscoveryRes")
    offered: Any = found.ChargeService.EnergyTransferType if found is not None else "DC_extended"
    return din.ChargeParameterDiscoveryReq(
        EVRequestedEnergyTransferType=offered if offered != "DC_dual" else "DC_extended",
        EVChargeParameter=din.DC_EVChargeParameterType(
            DC_EVStatus=_din_status(ready=False),
            EVMaximumCurrentLimit=_din_ampere(pics["par_EVMaximumCurrent"]),
            EVMaximumVoltageLimit=_din_volt(pics["par_EVMaximumVoltage"]),
        ),
    )


@_on(DIN, "CableCheckReq")
def _(walk: TesterEv) -> Any:
    return din.CableCheckReq(DC_EVStatus=_din_status())


@_on(DIN, "PreChargeReq")
def _(walk: TesterEv) -> Any:
    return din.PreChargeReq(
        DC_EVStatus=_din_status(),
        EVTargetVoltage=_din_volt(walk.battery_voltage),
        EVTargetCurrent=_din_ampere(2.0),
    )


def din_profile(walk: TesterEv) -> Any:
    """The chosen schedule's steps as a charging profile."""
    chosen = walk.schedule
    if chosen is None:
        return None
    entries = [
        din.ProfileEntryType(
            ChargingProfileEntryStart=entry.TimeInterval.start, ChargingProfileEntryMaxPower=entry.PMax
        )
        for entry in chosen.PMaxSchedule.PMaxScheduleEntry[:PROFILE_ENTRIES]
    ]
    return din.ChargingProfileType(SAScheduleTupleID=walk.tuple_id, ProfileEntry=entries)


@_on(DIN, "PowerDeliveryReq")
def _(walk: TesterEv) -> Any:
    start = walk.progress == "Start"
    return din.PowerDeliveryReq(
        ReadyToChargeState=start,
        ChargingProfile=din_profile(walk) if start else None,
        EVPowerDeliveryParameter=din.DC_EVPowerDeliveryParameterType(
            DC_EVStatus=_din_status(ready=start), BulkChargingComplete=False, ChargingComplete=False
        ),
    )


@_on(DIN, "CurrentDemandReq")
def _(walk: TesterEv) -> Any:
    pics = walk.pics
    return din.CurrentDemandReq(
        DC_EVStatus=_din_status(),
        EVTargetCurrent=_din_ampere(pics["par_EVTargetCurrent"]),
        EVMaximumVoltageLimit=_din_volt(pics["par_EVMaximumVoltage"]),
        EVMaximumCurrentLimit=_din_ampere(pics["par_EVMaximumCurrent"]),
        BulkChargingComplete=False,
        ChargingComplete=False,
        RemainingTimeToFullSoC=physical(din, 1800.0, "s", 0),
        RemainingTimeToBulkSoC=physical(din, 900.0, "s", 0),
        EVTargetVoltage=_din_volt(pics["par_EVTargetVoltage"]),
    )


@_on(DIN, "WeldingDetectionReq")
def _(walk: TesterEv) -> Any:
    return din.WeldingDetectionReq(DC_EVStatus=_din_status(ready=False))


@_on(DIN, "SessionStopReq")
def _(walk: TesterEv) -> Any:
    return din.SessionStopReq()


def present_voltage(response: Any) -> float:
    """EVSEPresentVoltage of a response, V."""
    return number(response.EVSEPresentVoltage)
