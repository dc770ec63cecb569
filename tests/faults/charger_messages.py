"""Faults of a charger in what it answers: services, parameters, DC, AC, contracts, DIN SPEC 70121."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec

import secc.ac
import secc.answer
import secc.charger
import secc.contract
import secc.dc
import secc.din70121
import secc.iso2
import secc.plan
import secc.serve
import secc.simulated
import secc.supply
import secc.visit
import v2g.signature
from faults.fault import (
    accepting,
    answering,
    async_nothing,
    charger,
    deep,
    nothing,
    refusing,
    sending,
    timing,
    unjudged,
    with_,
)
from plugfest.conformance.sut.own import OUTPUT
from secc.power import Ceiling
from v2g.messages import iso2
from v2g.physical import amps

# Services and payment


def _with_service_one(message: Any) -> Any:

    service = iso2.ServiceType(ServiceID=1, ServiceCategory="EVCharging", FreeService=True)
    return msgspec.structs.replace(message, ServiceList=iso2.ServiceListType(Service=[service]))


charger(
    "service-one-listed",
    "the charge service is in the list of value-added services",
    "TC_SECC_CMN_VTB_ServiceDiscovery_001",
    adjust=sending("ServiceDiscoveryRes", _with_service_one),
)
charger(
    "payment-option",
    "external payment is not offered",
    "TC_SECC_CMN_VTB_ServiceDiscovery_001",
    adjust=sending("ServiceDiscoveryRes", deep("PaymentOption", ["Contract"])),
)
charger(
    "energy-mode",
    "the energy transfer mode offered is another",
    "TC_SECC_CMN_VTB_ServiceDiscovery_001",
    adjust=sending("ServiceDiscoveryRes", deep("EnergyTransferMode", ["DC_unique"])),
)
charger(
    "detail-unknown",
    "details of an unknown service are given",
    "TC_SECC_CMN_VTB_ServiceDetail_007",
    adjust=answering("ServiceDetailReq", accepting("ServiceDetailRes", ServiceID=65535)),
)
charger(
    "selection-unchecked",
    "any selection of services is accepted",
    "TC_SECC_CMN_VTB_PaymentServiceSelection_006",
    "TC_SECC_CMN_VTB_PaymentServiceSelection_007",
    patches=unjudged("service-not-offered", "parameter-set-not-offered", "no-charge-service"),
)
charger(
    "option-unchecked",
    "a payment option that is not offered is accepted",
    "TC_SECC_CMN_VTB_PaymentServiceSelection_009",
    adjust=answering("PaymentServiceSelectionReq", accepting("PaymentServiceSelectionRes")),
)
charger(
    "authorization-for-ever",
    "authorization stays ongoing forever",
    "TC_SECC_CMN_VTB_Authorization_014",
    "PF_SECC_DIN_ContractAuthentication_NeverFinished",
    adjust=timing(V2G_SECC_Ongoing_Performance_Time=1e5),
)

# Charge parameters


def _last(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The last entry of each schedule changed."""

    def edit(message: Any) -> Any:
        for one in message.SASchedules.SAScheduleTuple if message.SASchedules else ():
            entries = one.PMaxSchedule.PMaxScheduleEntry
            entries[-1] = change(entries[-1])
        return message

    return edit


def _interval(**fields: Any) -> Callable[[Any], Any]:
    return _last(
        lambda entry: msgspec.structs.replace(entry, TimeInterval=msgspec.structs.replace(entry.TimeInterval, **fields))
    )


def _many_slots(system: Any) -> None:

    system.evse.schedule = tuple(secc.plan.Slot(60 * place, 50_000.0 + place) for place in range(40))


charger(
    "mode-unchecked",
    "any energy transfer mode is accepted",
    "TC_SECC_DC_VTB_ChargeParameterDiscovery_003",
    adjust=answering("ChargeParameterDiscoveryReq", accepting("ChargeParameterDiscoveryRes")),
)


def _declares_anything(visit: Any, limits: Ceiling, *_: Any) -> None:
    secc.dc.output(visit).declare(Ceiling(*(max(limit, 0.0) for limit in limits)))


charger(
    "limits-unchecked",
    "negative limits are accepted",
    "TC_SECC_DC_VTB_ChargeParameterDiscovery_004",
    patches=[*unjudged("impossible", "limits"), (secc.dc, "accept", _declares_anything)],
)
charger(
    "ac-limits-unchecked",
    "negative AC limits are accepted",
    "TC_SECC_AC_VTB_ChargeParameterDiscovery_005",
    patches=unjudged("impossible", "limits"),
)
charger(
    "schedule-short",
    "schedules cover one hour",
    "TC_SECC_DC_VTB_ChargeParameterDiscovery_001",
    adjust=lambda s: setattr(s.evse, "schedule_seconds", 3600),
)
charger(
    "departure-ignored",
    "schedules end before departure",
    "TC_SECC_DC_VTB_ChargeParameterDiscovery_006",
    adjust=sending("ChargeParameterDiscoveryRes", _interval(duration=60)),
)
charger(
    "schedule-open",
    "the last entry of a schedule has no duration",
    "TC_SECC_AC_VTB_ChargeParameterDiscovery_001",
    adjust=sending("ChargeParameterDiscoveryRes", _interval(duration=None)),
)
charger(
    "schedule-start",
    "schedules begin after 0 s",
    "TC_SECC_DC_VTB_ChargeParameterDiscovery_001",
    adjust=sending("ChargeParameterDiscoveryRes", _interval(start=10)),
)
charger(
    "entries-ignored",
    "MaxEntriesSAScheduleTuple is ignored",
    "TC_SECC_DC_VTB_ChargeParameterDiscovery_012",
    adjust=_many_slots,
    patches=[(secc.visit, "covering", lambda schedule, seconds, most: (tuple(schedule), seconds))],
)
charger(
    "limit-zero",
    "EVSEMaximumVoltageLimit is 0 V",
    "TC_SECC_DC_VTB_ChargeParameterDiscovery_001",
    adjust=sending("ChargeParameterDiscoveryRes", deep("EVSEMaximumVoltageLimit", secc.iso2.volt(0.0))),
)
charger(
    "ac-voltage-zero",
    "EVSENominalVoltage is 0 V",
    "TC_SECC_AC_VTB_ChargeParameterDiscovery_001",
    adjust=sending("ChargeParameterDiscoveryRes", deep("EVSENominalVoltage", secc.iso2.volt(0.0))),
)


def _first_of_tariff(duration: int) -> Callable[[Any], Any]:
    """The first entry of each tariff lasts that long, s."""

    def change(message: Any) -> Any:
        message = copy.deepcopy(message)
        for one in message.SASchedules.SAScheduleTuple if message.SASchedules else ():
            if one.SalesTariff is not None:
                one.SalesTariff.SalesTariffEntry[0].TimeInterval.duration = duration
        return message

    return change


charger(
    "tariff-missing",
    "the declared tariff is not sent",
    "TC_SECC_DC_VTB_ChargeParameterDiscovery_008",
    adjust=lambda s: setattr(s.evse, "plans", ()),
)
charger(
    "tariff-overlaps",
    "an entry of the tariff lasts beyond the beginning of the next",
    "TC_SECC_DC_VTB_ChargeParameterDiscovery_008",
    adjust=sending("ChargeParameterDiscoveryRes", _first_of_tariff(86400)),
)
charger(
    "schedule-never-gives-up",
    "a schedule is worked out forever",
    "TC_SECC_DC_VTB_ChargeParameterDiscovery_014",
    adjust=timing(V2G_SECC_Ongoing_Performance_Time=1e5),
)

# DC
charger(
    "cable-check-in-b",
    "CableCheck is answered in state B",
    "TC_SECC_DC_VTB_CableCheck_008",
    "PF_SECC_DIN_CableCheck_CpB",
    patches=[(secc.answer, "_presupposed", lambda protocol, request: ())],
)
charger(
    "cable-check-hangs",
    "CableCheck never finishes",
    "TC_SECC_DC_VTB_CableCheck_001",
    "PF_SECC_DIN_CableCheck_OK",
    adjust=lambda s: setattr(s.power, "_dynamics", dataclasses.replace(s.power._dynamics, test_seconds=500.0)),
)
charger(
    "cable-check-at-once",
    "CableCheck is Finished at once although declared Ongoing",
    "TC_SECC_DC_VTB_CableCheck_006",
    adjust=sending("CableCheckRes", with_(EVSEProcessing="Finished")),
)
charger(
    "precharge-stuck",
    "the voltage is not reached in PreCharge",
    "TC_SECC_DC_VTB_PreCharge_001",
    adjust=sending("PreChargeRes", deep("EVSEPresentVoltage", secc.iso2.volt(100.0))),
)
charger(
    "precharge-not-ready",
    "the status code in PreCharge is EVSE_NotReady",
    "TC_SECC_DC_VTB_PreCharge_001",
    adjust=sending("PreChargeRes", deep("EVSEStatusCode", "EVSE_NotReady")),
)
charger(
    "profile-unchecked",
    "any charging profile is accepted",
    "TC_SECC_DC_VTB_PowerDelivery_007",
    "TC_SECC_AC_VTB_PowerDelivery_010",
    patches=unjudged("profile-above-pmax"),
)
charger(
    "stop-keeps-power",
    "the output stays on after PowerDelivery(Stop)",
    "TC_SECC_DC_VTB_PowerDelivery_002",
    patches=[(secc.simulated.SimulatedPowerSource, "off", nothing)],
)
charger(
    "error-code-refused",
    "a stop with an EVErrorCode is refused",
    "TC_SECC_DC_VTB_PowerDelivery_014",
    adjust=answering(
        "PowerDeliveryReq",
        lambda visit, message, good: (
            refusing("FAILED")()
            if message.ChargeProgress == "Stop"
            and message.EVPowerDeliveryParameter.DC_EVStatus.EVErrorCode != "NO_ERROR"
            else good()
        ),
    ),
)
charger(
    "renegotiation-early",
    "renegotiation is accepted before any start",
    "TC_SECC_DC_VTB_PowerDelivery_013",
    adjust=answering(
        "PowerDeliveryReq",
        lambda visit, message, good: (
            accepting("PowerDeliveryRes")(visit, message, good) if message.ChargeProgress == "Renegotiate" else good()
        ),
    ),
)
charger(
    "receipt-asked",
    "a receipt is asked for in external payment",
    "TC_SECC_DC_VTB_CurrentDemand_001",
    "TC_SECC_AC_VTB_ChargingStatus_001",
    patches=[(secc.contract, "asked_receipt", lambda visit: True)],
)
charger(
    "meter-missing",
    "MeterInfo is left out",
    "TC_SECC_DC_VTB_CurrentDemand_006",
    adjust=sending("CurrentDemandRes", with_(MeterInfo=None)),
)
charger(
    "limit-flag-voltage",
    "present values are absurd",
    "TC_SECC_DC_VTB_CurrentDemand_001",
    adjust=sending("CurrentDemandRes", deep("EVSEPresentVoltage", secc.iso2.volt(3000.0))),
)
charger(
    "welding-in-c",
    "WeldingDetection is answered in state C",
    "TC_SECC_DC_VTB_WeldingDetection_005",
    patches=[(secc.answer, "_presupposed", lambda protocol, request: ())],
)
charger(
    "stop-in-c",
    "SessionStop is answered in state C",
    "TC_SECC_DC_VTB_SessionStop_006",
    patches=[(secc.answer, "_check_pilot", async_nothing)],
)
charger(
    "no-resume",
    "a paused session is no longer known",
    "TC_SECC_DC_VTB_SessionSetup_001",
    "TC_SECC_AC_VTB_SessionSetup_001",
    adjust=answering("SessionSetupReq", lambda visit, message, good: (visit.paused.clear(), good())[1]),
)
charger(
    "resume-any",
    "any session id joins the old session",
    "TC_SECC_DC_VTB_SessionSetup_002",
    adjust=answering(
        "SessionSetupReq",
        lambda visit, message, good: (setattr(visit, "asked_id", next(iter(visit.paused), visit.asked_id)), good())[1],
    ),
)
charger(
    "resume-forgets-service",
    "after a pause all energy transfer modes are offered again",
    "TC_SECC_DC_VTB_ServiceDiscovery_001",
    adjust=sending("ServiceDiscoveryRes", deep("EnergyTransferMode", ["DC_extended", "DC_core"])),
)
charger(
    "pilot-ignored",
    "the output stays on when the pilot is shorted",
    "TC_SECC_DC_VTB_Abnormal_001",
    adjust=lambda s: s.evse.pilot._subscribers.clear(),
    patches=[(secc.serve._Guard, "_pilot_changed", nothing)],
)

# AC
charger(
    "contactor-stuck-open",
    "the contactor does not close",
    "TC_SECC_AC_VTB_PowerDelivery_001",
    adjust=lambda s: setattr(s.evse.ac, "sticks", True) if s.evse.ac is not None else None,
)
charger(
    "contactor-stays",
    "the contactor stays closed after the stop",
    "TC_SECC_AC_VTB_PowerDelivery_005",
    patches=[(secc.supply.AcSupply, "open", nothing)],
)

# Contract payment
charger(
    "signature-unchecked",
    "signatures are not verified",
    "TC_SECC_CMN_VTB_Authorization_010",
    "TC_SECC_CMN_VTB_CertificateInstallation_005",
    patches=[(secc.contract, "check_signature", nothing)],
)
charger(
    "digest-unchecked",
    "a signed body may be altered",
    "TC_SECC_CMN_VTB_Authorization_011",
    patches=[(v2g.signature, "_check_digest", lambda *_: v2g.signature.STANDARD)],
)
charger(
    "challenge-short",
    "GenChallenge has 8 bytes",
    "TC_SECC_CMN_VTB_PaymentDetails_001",
    patches=[(secc.contract, "CHALLENGE_LENGTH", 8)],
)
charger(
    "chain-unchecked",
    "contract chains are not checked",
    "TC_SECC_CMN_VTB_PaymentDetails_007",
    "TC_SECC_CMN_VTB_CertificateUpdate_011",
    patches=[(secc.contract, "check_chain", lambda visit, chain, *_: secc.contract.read(chain[0]))],
)
charger(
    "receipt-unchecked",
    "receipts are not checked",
    "TC_SECC_DC_VTB_MeteringReceipt_004",
    "TC_SECC_AC_VTB_MeteringReceipt_006",
    patches=[(secc.contract, "_receipt_problem", lambda *_: "")],
)
charger(
    "delivery-unsigned",
    "certificate responses are not signed",
    "TC_SECC_CMN_VTB_CertificateInstallation_001",
    adjust=answering("CertificateInstallationReq", lambda visit, message, good: _unsigned(visit, good)),
)


async def _unsigned(visit: Any, good: Any) -> Any:
    response = await good()
    visit.signature = None
    return response


# DIN
charger(
    "din-service",
    "DIN: external payment is not offered",
    "PF_SECC_DIN_ServiceDiscovery_OK",
    adjust=sending("ServiceDiscoveryRes", deep("PaymentOption", ["Contract"]), "din70121"),
)
charger(
    "din-isolation",
    "DIN: the cable check finishes without a valid isolation",
    "PF_SECC_DIN_CableCheck_OK",
    adjust=sending("CableCheckRes", deep("EVSEIsolationStatus", "Invalid"), "din70121"),
)
charger(
    "din-loop",
    "DIN: the present current is absurd",
    "PF_SECC_DIN_CurrentDemand_OK",
    adjust=sending("CurrentDemandRes", deep("EVSEPresentCurrent", secc.din70121.ampere(3000.0)), "din70121"),
)


# What a charger should put up with, and what not


def _refused_if(right: Callable[[Any], bool]) -> Callable[[Any, Any, Any], Any]:
    def change(visit: Any, message: Any, good: Any) -> Any:
        if right(message):
            refusing("FAILED")()
        return good()

    return change


for _number, _what, _right in (
    (1, "EVTargetCurrent above the charger's limit", lambda m: amps(m.EVTargetCurrent) > OUTPUT.max_current),
    (4, "ChargingComplete", lambda m: m.ChargingComplete),
    (5, "a vehicle that is not ready", lambda m: not m.DC_EVStatus.EVReady),
):
    charger(
        f"loop-refuses-{_number}",
        f"{_what} in CurrentDemandReq is refused",
        f"PF_SECC_ISO2_CurrentDemand_Faults#{_number}",
        adjust=answering("CurrentDemandReq", _refused_if(_right)),
    )
charger(
    "operator-unheard",
    "a stop at the charger is not reported to the vehicle",
    "PF_SECC_ISO2_Stop_Operator",
    adjust=lambda s: setattr(s.evse, "request_stop", nothing),
)
charger(
    "din-error-code-refused",
    "DIN: a stop with an EVErrorCode is refused",
    "PF_SECC_DIN_PowerDelivery_OffErrorCodes#1",
    adjust=answering(
        "PowerDeliveryReq",
        _refused_if(
            lambda m: not m.ReadyToChargeState and m.EVPowerDeliveryParameter.DC_EVStatus.EVErrorCode != "NO_ERROR"
        ),
        "din70121",
    ),
)
