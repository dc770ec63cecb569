"""The tester vehicle's requests of DIN SPEC 70121, in the good case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.secc.iso2 import PROFILE_ENTRIES, Maker, evccid
from conformance.table import Table
from v2g.messages import din70121 as din
from v2g.physical import physical

if TYPE_CHECKING:
    from conformance.secc.tester import TesterEv

REQUESTS: Table[Maker] = Table()


def _status(ready: bool = True) -> din.DC_EVStatusType:
    return din.DC_EVStatusType(
        EVReady=ready, EVCabinConditioning=False, EVRESSConditioning=False, EVErrorCode="NO_ERROR", EVRESSSOC=40
    )


def _volt(amount: float) -> Any:
    return physical(din, amount, "V")


def _ampere(amount: float) -> Any:
    return physical(din, amount, "A")


@REQUESTS.on("SessionSetupReq")
def _(tester: TesterEv) -> Any:
    return din.SessionSetupReq(EVCCID=evccid(tester))


@REQUESTS.on("ServiceDiscoveryReq")
def _(tester: TesterEv) -> Any:
    return din.ServiceDiscoveryReq(ServiceCategory="EVCharging")


@REQUESTS.on("ServiceDetailReq")
def _(tester: TesterEv) -> Any:
    return din.ServiceDetailReq(ServiceID=tester.charge_service)


@REQUESTS.on("ServicePaymentSelectionReq")
def _(tester: TesterEv) -> Any:
    chosen = din.SelectedServiceType(ServiceID=tester.charge_service)
    return din.ServicePaymentSelectionReq(
        SelectedPaymentOption="ExternalPayment",
        SelectedServiceList=din.SelectedServiceListType(SelectedService=[chosen]),
    )


@REQUESTS.on("ContractAuthenticationReq")
def _(tester: TesterEv) -> Any:
    return din.ContractAuthenticationReq()


@REQUESTS.on("ChargeParameterDiscoveryReq")
def _(tester: TesterEv) -> Any:
    pics = tester.pics
    found = tester.responses.get("ServiceDiscoveryRes")
    offered: Any = found.ChargeService.EnergyTransferType if found is not None else "DC_extended"
    return din.ChargeParameterDiscoveryReq(
        EVRequestedEnergyTransferType=offered if offered != "DC_dual" else "DC_extended",
        EVChargeParameter=din.DC_EVChargeParameterType(
            DC_EVStatus=_status(ready=False),
            EVMaximumCurrentLimit=_ampere(pics["par_EVMaximumCurrent"]),
            EVMaximumVoltageLimit=_volt(pics["par_EVMaximumVoltage"]),
        ),
    )


@REQUESTS.on("CableCheckReq")
def _(tester: TesterEv) -> Any:
    return din.CableCheckReq(DC_EVStatus=_status())


@REQUESTS.on("PreChargeReq")
def _(tester: TesterEv) -> Any:
    return din.PreChargeReq(
        DC_EVStatus=_status(),
        EVTargetVoltage=_volt(tester.battery_voltage),
        EVTargetCurrent=_ampere(2.0),
    )


def profile(tester: TesterEv) -> Any:
    """The chosen schedule's steps as a charging profile."""
    chosen = tester.schedule
    if chosen is None:
        return None
    entries = [
        din.ProfileEntryType(
            ChargingProfileEntryStart=entry.TimeInterval.start, ChargingProfileEntryMaxPower=entry.PMax
        )
        for entry in chosen.PMaxSchedule.PMaxScheduleEntry[:PROFILE_ENTRIES]
    ]
    return din.ChargingProfileType(SAScheduleTupleID=tester.tuple_id, ProfileEntry=entries)


@REQUESTS.on("PowerDeliveryReq")
def _(tester: TesterEv) -> Any:
    start = tester.progress == "Start"
    return din.PowerDeliveryReq(
        ReadyToChargeState=start,
        ChargingProfile=profile(tester) if start else None,
        EVPowerDeliveryParameter=din.DC_EVPowerDeliveryParameterType(
            DC_EVStatus=_status(ready=start), BulkChargingComplete=False, ChargingComplete=False
        ),
    )


@REQUESTS.on("CurrentDemandReq")
def _(tester: TesterEv) -> Any:
    pics = tester.pics
    return din.CurrentDemandReq(
        DC_EVStatus=_status(),
        EVTargetCurrent=_ampere(pics["par_EVTargetCurrent"]),
        EVMaximumVoltageLimit=_volt(pics["par_EVMaximumVoltage"]),
        EVMaximumCurrentLimit=_ampere(pics["par_EVMaximumCurrent"]),
        BulkChargingComplete=False,
        ChargingComplete=False,
        RemainingTimeToFullSoC=physical(din, 1800.0, "s", 0),
        RemainingTimeToBulkSoC=physical(din, 900.0, "s", 0),
        EVTargetVoltage=_volt(pics["par_EVTargetVoltage"]),
    )


@REQUESTS.on("WeldingDetectionReq")
def _(tester: TesterEv) -> Any:
    return din.WeldingDetectionReq(DC_EVStatus=_status(ready=False))


@REQUESTS.on("SessionStopReq")
def _(tester: TesterEv) -> Any:
    return din.SessionStopReq()
