"""Codes and states in messages: which may appear where, and what one side signals to the other."""

from __future__ import annotations

from typing import Any

from v2g.rules.facts import Facts
from v2g.rules.rule import DIN, EVCC, ISO2, SECC, Book, Live
from v2g.status import ALARMS, ENDINGS, of_charger, of_vehicle

BOOK = Book()
rule = BOOK.rule

OUTAGES = (*ALARMS, "EVSE_UtilityInterruptEvent")
"""EVSEStatusCodes that nobody has asked for."""

ANYWHERE = {"OK", "FAILED", "FAILED_SequenceError", "FAILED_UnknownSession"}
_CHAIN = {"FAILED_CertificateExpired", "FAILED_CertChainError", "FAILED_CertificateRevoked"}
_DELIVERY = {
    *_CHAIN, "FAILED_SignatureError", "FAILED_NoCertificateAvailable", "FAILED_ContractCanceled",
}  # fmt: skip

CODES: dict[str, set[str]] = {
    "SessionSetupRes": {"OK_NewSessionEstablished", "OK_OldSessionJoined"},
    "ServiceDetailRes": {"FAILED_ServiceIDInvalid"},
    "PaymentServiceSelectionRes": {
        "FAILED_ServiceSelectionInvalid", "FAILED_PaymentSelectionInvalid", "FAILED_NoChargeServiceSelected",
    },
    "ServicePaymentSelectionRes": {
        "FAILED_ServiceSelectionInvalid", "FAILED_PaymentSelectionInvalid", "FAILED_NoChargeServiceSelected",
    },
    "CertificateInstallationRes": _DELIVERY,
    "CertificateUpdateRes": _DELIVERY,
    "PaymentDetailsRes": {
        *_DELIVERY, "OK_CertificateExpiresSoon", "FAILED_CertificateNotAllowedAtThisEVSE",
    },
    "AuthorizationRes": {
        *_CHAIN, "FAILED_SignatureError", "FAILED_ChallengeInvalid", "FAILED_ContractCanceled",
        "FAILED_CertificateNotAllowedAtThisEVSE",
    },
    "ChargeParameterDiscoveryRes": {
        "FAILED_WrongChargeParameter", "FAILED_WrongEnergyTransferMode", "FAILED_WrongEnergyTransferType",
    },
    "PreChargeRes": {"FAILED_WrongChargeParameter"},
    "CurrentDemandRes": {"FAILED_WrongChargeParameter"},
    "PowerDeliveryRes": {
        "FAILED_PowerDeliveryNotApplied", "FAILED_TariffSelectionInvalid", "FAILED_ChargingProfileInvalid",
        "FAILED_ContactorError", "FAILED_EVSEPresentVoltageToLow",
    },
    "MeteringReceiptRes": {"FAILED_MeteringSignatureNotValid"},
}  # fmt: skip
"""Response -> its ResponseCodes besides :data:`ANYWHERE` [ISO 15118-2 table 112]; wide where sources differ."""


@rule("response-code", "a response carries a code that is defined for it", SECC, severity="warning", live=Live.TOLD,
      only=(ISO2, DIN), failed=True)  # fmt: skip
def response_code(facts: Facts, body: Any) -> str:
    code, name = str(getattr(body, "ResponseCode", "OK")), type(body).__name__
    if code in ANYWHERE or code in CODES.get(name, ()):
        return ""
    return f"{name} with {code}, which belongs to other responses"


@rule("isolation-fault", "an isolation fault ends charging: FAILED, or a status that ends it", SECC,
      "CableCheckRes", "PreChargeRes", "PowerDeliveryRes")  # fmt: skip
@rule("isolation-fault", "an isolation fault ends charging: FAILED, or a status that ends it", SECC,
      "CurrentDemandRes", live=Live.PROTECTED)  # fmt: skip
def isolation_fault(facts: Facts, body: Any) -> str:
    status = of_charger(body)
    if str(getattr(status, "EVSEIsolationStatus", None)) != "Fault":
        return ""
    code = str(getattr(status, "EVSEStatusCode", ""))
    if code in ENDINGS:
        return ""  # the charger ends charging itself
    return f"{type(body).__name__} {body.ResponseCode} with EVSEIsolationStatus Fault: the charger goes on"


@rule("cable-check", "a cable check ends with valid insulation", SECC, "CableCheckRes")
def cable_check(facts: Facts, body: Any) -> str:
    isolation = str(body.DC_EVSEStatus.EVSEIsolationStatus)
    if str(body.EVSEProcessing) == "Finished" and isolation == "Invalid":
        return "CableCheckRes Finished with EVSEIsolationStatus Invalid"
    return ""


def _finished(body: Any) -> bool:
    return str(body.EVSEProcessing) == "Finished"


@rule("isolation-absent", "a cable check ends with an isolation status", SECC, "CableCheckRes",
      severity="warning", live=Live.TOLERATED)  # fmt: skip
def isolation_absent(facts: Facts, body: Any) -> str:
    if _finished(body) and body.DC_EVSEStatus.EVSEIsolationStatus is None:
        return "CableCheckRes Finished without EVSEIsolationStatus"
    return ""


@rule("no-imd", "a charger has an insulation monitor", SECC, "CableCheckRes",
      severity="warning", live=Live.TOLERATED)  # fmt: skip
def no_imd(facts: Facts, body: Any) -> str:
    if _finished(body) and str(body.DC_EVSEStatus.EVSEIsolationStatus) == "No_IMD":
        return "the charger has no insulation monitor"
    return ""


@rule("not-ready", "a charger that has finished the cable check is ready", SECC, "CableCheckRes",
      severity="warning", live=Live.TOLERATED)  # fmt: skip
def not_ready(facts: Facts, body: Any) -> str:
    code = str(body.DC_EVSEStatus.EVSEStatusCode)
    if _finished(body) and code != "EVSE_Ready" and code not in ENDINGS:
        return f"CableCheck finished with {code}"
    return ""


@rule("isolation-warning", "the insulation is good", SECC, "CableCheckRes", severity="note", live=Live.TOLD)
def isolation_warning(facts: Facts, body: Any) -> str:
    if _finished(body) and str(body.DC_EVSEStatus.EVSEIsolationStatus) == "Warning":
        return "the charger's insulation monitor warns: 100 to 500 ohm/V"
    return ""


@rule("vehicle-error", "a vehicle that prepares to charge reports no error", EVCC, "CableCheckReq", "PreChargeReq",
      severity="warning")  # fmt: skip
def vehicle_error(facts: Facts, body: Any) -> str:
    code = str(body.DC_EVStatus.EVErrorCode)
    return f"the vehicle reports {code}" if code != "NO_ERROR" else ""


@rule("told", "an error of the vehicle is noted", EVCC, severity="note", live=Live.UNSEEN)
def vehicle_tells(facts: Facts, body: Any) -> str:
    error = getattr(of_vehicle(body), "EVErrorCode", None)
    if error is None or str(error) == "NO_ERROR" or type(body).__name__ in ("CableCheckReq", "PreChargeReq"):
        return ""
    return f"{type(body).__name__}: EVErrorCode {error}"


@rule("told", "an alarm or a request of the charger is noted", SECC, severity="note", live=Live.UNSEEN,
      failed=True)  # fmt: skip
def charger_tells(facts: Facts, body: Any) -> str:
    status = of_charger(body)
    code = str(getattr(status, "EVSEStatusCode", "") or "")
    said = [f"EVSEStatusCode {code}"] if code in OUTAGES else []
    notification = str(getattr(status, "EVSENotification", "None"))
    said += [f"EVSENotification {notification}"] if notification not in ("None", "") else []
    return f"{type(body).__name__}: {', '.join(said)}" if said else ""


@rule("rcd", "the charger's RCD has not tripped", SECC, "ChargeParameterDiscoveryRes", "ChargingStatusRes",
      severity="note", live=Live.UNSEEN)  # fmt: skip
def rcd(facts: Facts, body: Any) -> str:
    return f"{type(body).__name__}: the charger's RCD has tripped" if getattr(of_charger(body), "RCD", False) else ""
