"""ResponseCodes, EVSEStatus, meters and receipts: which may appear where."""

from __future__ import annotations

from typing import Any

from v2g.messages.iso20.types import evseNotificationType
from v2g.rules.facts import Facts
from v2g.rules.iso20.loop import RESPONSES
from v2g.rules.loop import TOLERATED
from v2g.rules.rule import AC20, COMMON20, DC20, EVCC, ISO20, SECC, Book, Live

BOOK = Book()
rule = BOOK.rule

COMMON = (COMMON20,)
BOTH = (DC20, AC20)

ANYWHERE = {"OK", "FAILED", "FAILED_SequenceError", "FAILED_UnknownSession"}
_CERTIFICATE = {
    "WARNING_CertificateExpired", "WARNING_CertificateNotYetValid", "WARNING_CertificateRevoked",
    "WARNING_CertificateValidationError", "WARNING_eMSPUnknown", "FAILED_SignatureError",
}  # fmt: skip
_LOOP = {
    "WARNING_EVPowerProfileViolation", "WARNING_ScheduleRenegotiationFailed", "FAILED_EVPowerProfileViolation",
    "FAILED_ScheduleRenegotiation",
}  # fmt: skip
_LIMITS = {"FAILED_WrongChargeParameter"}

CODES: dict[str, set[str]] = {
    "SessionSetupRes": {"OK_NewSessionEstablished", "OK_OldSessionJoined"},
    "AuthorizationRes": {
        *_CERTIFICATE, "OK_CertificateExpiresSoon", "WARNING_AuthorizationSelectionInvalid",
        "WARNING_ChallengeInvalid", "WARNING_EIMAuthorizationFailure", "WARNING_GeneralPnCAuthorizationError",
    },
    "CertificateInstallationRes": {
        *_CERTIFICATE, "WARNING_NoCertificateAvailable", "WARNING_NoContractMatchingPCIDFound",
    },
    "ServiceDetailRes": {"FAILED_ServiceIDInvalid"},
    "ServiceSelectionRes": {
        "FAILED_ServiceSelectionInvalid", "FAILED_NoEnergyTransferServiceSelected",
        "FAILED_NoServiceRenegotiationSupported",
    },
    "DC_ChargeParameterDiscoveryRes": _LIMITS,
    "AC_ChargeParameterDiscoveryRes": _LIMITS,
    "WPT_ChargeParameterDiscoveryRes": _LIMITS,
    "PowerDeliveryRes": {
        "OK_PowerToleranceConfirmed", "WARNING_PowerToleranceNotConfirmed", "FAILED_PowerToleranceNotConfirmed",
        "WARNING_StandbyNotAllowed", "WARNING_WPT", "FAILED_ContactorError", "FAILED_EVPowerProfileInvalid",
        "FAILED_EVPowerProfileViolation", "FAILED_PowerDeliveryNotApplied", "FAILED_ScheduleSelectionInvalid",
    },
    "DC_ChargeLoopRes": _LOOP,
    "AC_ChargeLoopRes": _LOOP,
    "WPT_ChargeLoopRes": {*_LOOP, "WARNING_WPT"},
    "MeteringConfirmationRes": {"FAILED_MeteringSignatureNotValid", "FAILED_SignatureError"},
    "SessionStopRes": {"FAILED_PauseNotAllowed", "FAILED_NoServiceRenegotiationSupported"},
    "ACDP_VehiclePositioningRes": {"FAILED_AssociationError"},
}  # fmt: skip
"""Response -> its ResponseCodes besides :data:`ANYWHERE`; wide where sources differ."""


@rule("response-code", "a response carries a code that is defined for it", SECC, severity="warning", live=Live.TOLD,
      only=ISO20, failed=True)  # fmt: skip
def response_code(facts: Facts, body: Any) -> str:
    code = body.ResponseCode
    if code == "OK" or code in ANYWHERE:
        return ""
    name = type(body).__name__
    if code in CODES.get(name, ()) or (code == "WARNING_WPT" and name.startswith("WPT_")):
        return ""
    return f"{name} with {code}, which belongs to other responses"


# ---------------------------------------------------------------------------------------------------------------
# EVSEStatus


IN_POWER_DELIVERY: tuple[evseNotificationType, ...] = ("Terminate",)
"""What PowerDeliveryRes can ask for; everything else belongs to the charge loop."""


@rule("told", "an alarm or a request of the charger is noted", SECC, "PowerDeliveryRes", *RESPONSES,
      severity="note", live=Live.UNSEEN, only=(*COMMON, *BOTH), failed=True)  # fmt: skip
def charger_tells(facts: Facts, body: Any) -> str:
    if body.EVSEStatus is None:
        return ""
    return f"{type(body).__name__}: EVSENotification {body.EVSEStatus.EVSENotification}"


@rule("notification", "EVSENotification asks for what can be done now", SECC, *RESPONSES, severity="warning",
      live=Live.TOLD, only=BOTH)  # fmt: skip
def notification(facts: Facts, body: Any) -> str:
    if body.EVSEStatus is None:
        return ""
    wish, own = body.EVSEStatus.EVSENotification, facts.iso20
    text = f"EVSENotification {wish}"
    match wish:
        case "Pause" if own.chosen is not None and not own.chosen.dynamic:
            return f"{text} in scheduled mode, in which the profile decides"
        case "ExitStandby" if own.begun and not own.standby:
            return f"{text}, but the vehicle is not in standby"
        case "ScheduleRenegotiation" if own.chosen is not None and own.chosen.dynamic:
            return f"{text} in dynamic mode, in which changes are sent in the loop"
        case "ServiceRenegotiation" if own.renegotiable is False:
            return f"{text}, but ServiceRenegotiationSupported was false"
        case "MeteringConfirmation" if own.begun and not own.charged:
            return f"{text} in the first message of the loop"
    return ""


@rule("receipt-external", "no metering confirmation is requested with external payment", SECC, *RESPONSES,
      severity="warning", live=Live.TOLD, only=BOTH)  # fmt: skip
def confirmation_external(facts: Facts, body: Any) -> str:
    own, status = facts.iso20, body.EVSEStatus
    contract = own.pays != "EIM" and (own.authorizations is None or "PnC" in own.authorizations)
    if contract or status is None or status.EVSENotification != "MeteringConfirmation":
        return ""
    return "EVSENotification MeteringConfirmation without a contract"


@rule("notification", "EVSENotification asks for what can be done now", SECC, "PowerDeliveryRes",
      severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def notification_of_delivery(facts: Facts, body: Any) -> str:
    wish = None if body.EVSEStatus is None else body.EVSEStatus.EVSENotification
    allowed = {*IN_POWER_DELIVERY}
    if body.ResponseCode == "WARNING_PowerToleranceNotConfirmed":
        allowed.add("ScheduleRenegotiation")
    return f"PowerDeliveryRes with EVSENotification {wish}" if wish is not None and wish not in allowed else ""


@rule("tolerance-renegotiation", "a tolerance that was not confirmed is renegotiated", SECC, "PowerDeliveryRes",
      severity="note", live=Live.UNSEEN, only=COMMON)  # fmt: skip
def tolerance_renegotiation(facts: Facts, body: Any) -> str:
    if body.ResponseCode != "WARNING_PowerToleranceNotConfirmed":
        return ""
    if body.EVSEStatus is not None and body.EVSEStatus.EVSENotification == "ScheduleRenegotiation":
        return ""
    return f"{body.ResponseCode} without EVSENotification ScheduleRenegotiation"


# ---------------------------------------------------------------------------------------------------------------
# Meters and receipts


@rule("meter-missing", "the meter reading is sent if the vehicle asks for it", SECC, *RESPONSES, severity="warning",
      live=Live.TOLD, only=BOTH)  # fmt: skip
def meter_missing(facts: Facts, body: Any) -> str:
    if body.MeterInfo is not None or not getattr(facts.request, "MeterInfoRequested", False):
        return ""
    return f"{type(body).__name__} without MeterInfo, which the vehicle asked for"


@rule("meter", ("there is one meter,"
    " and it does not run backwards"), SECC, *RESPONSES, severity="warning", live=Live.TOLD,
      only=BOTH)  # fmt: skip
def meter(facts: Facts, body: Any) -> str:
    now, before = body.MeterInfo, facts.iso20.meter
    if now is None or before is None:
        return ""
    if now.MeterID != before.MeterID:
        return "MeterID differs from the one before"
    for name in ("ChargedEnergyReadingWh", "BPT_DischargedEnergyReadingWh"):
        last, value = getattr(before, name), getattr(now, name)
        if last is not None and value is not None and value < last:
            return f"the meter runs backwards: {name} is {value} Wh after {last} Wh"
    return ""


@rule("metered-power", "the meter shows no more power than schedule and profile allow", "", *RESPONSES,
      severity="warning", live=Live.TOLD, only=BOTH)  # fmt: skip
def metered_power(facts: Facts, body: Any) -> str:
    own, info = facts.iso20, body.MeterInfo
    if info is None or own.profile is None or not own.delivering:
        return ""
    ac = type(body).__name__.startswith("AC_")
    wh = float(info.ChargedEnergyReadingWh)
    now = facts.now
    found = own.metered.shows(info.MeterID, wh, now, lambda seconds: own.granted(now, seconds), TOLERATED[ac])
    if found is None:
        return ""
    text = f"the charger's meter shows {found.watts / 1000.0:.1f} kW over {found.seconds:.0f} s"
    whose = "the vehicle draws more than was agreed, and the charger allows it" if ac else "more flows than was agreed"
    return f"{text}, but schedule and profile allow only {found.granted / 1000.0:.1f} kW: {whose}"


BEYOND, BEYOND_WH = 1.05, 50.0
"""What a meter may show beyond AvailableEnergy: a factor, but at least so many Wh, until a vehicle has stopped."""


@rule("metered-energy", "the meter shows no more energy than the schedule has available", "", *RESPONSES,
      severity="warning", live=Live.TOLD, only=BOTH)  # fmt: skip
def metered_energy(facts: Facts, body: Any) -> str:
    own, info = facts.iso20, body.MeterInfo
    plan = (own.plans or {}).get(own.tuple_id or 0)
    if info is None or plan is None or plan.available is None or own.counted is None or not own.delivering:
        return ""
    meter, began = own.counted
    wh = info.ChargedEnergyReadingWh - began
    if info.MeterID != meter or wh <= max(plan.available * BEYOND, plan.available + BEYOND_WH):
        return ""
    return f"{wh} Wh have been charged since PowerDelivery, but AvailableEnergy is {plan.available:g} Wh"


TOTAL = 1000
"""Wh: the most that a meter may show in the first message of the loop; more is a lifetime count."""


@rule("meter-total", "the meter counts the energy of this session", SECC, *RESPONSES, severity="note",
      live=Live.UNSEEN, only=BOTH)  # fmt: skip
def meter_total(facts: Facts, body: Any) -> str:
    now, own = body.MeterInfo, facts.iso20
    if now is None or own.meter is not None or own.charged or own.joined or not own.begun:
        return ""
    wh = now.ChargedEnergyReadingWh
    return f"MeterInfo starts at {wh} Wh, which is not the energy of this session" if wh > TOTAL else ""


@rule("receipt", "receipts acknowledge what was sent", EVCC, "MeteringConfirmationReq", live=Live.UNSEEN,
      code="FAILED_MeteringSignatureNotValid", only=COMMON)  # fmt: skip
def receipt(facts: Facts, body: Any) -> str:
    return receipt_problem(facts, body)


def receipt_problem(facts: Facts, body: Any) -> str:
    """What is wrong with a metering confirmation, apart from its signature."""
    signed, own = body.SignedMeteringData, facts.iso20
    if facts.session_id is not None and signed.SessionID != facts.session_id:
        return f"a receipt for session {signed.SessionID.hex()} in session {facts.session_id.hex()}"
    if own.meter is not None and signed.MeterInfo != own.meter:
        got, sent = signed.MeterInfo, own.meter
        text = f"{got.ChargedEnergyReadingWh} Wh of {got.MeterID} instead of"
        return f"MeterInfo differs from what was sent: {text} {sent.ChargedEnergyReadingWh} Wh of {sent.MeterID}"
    if own.meter is not None and signed.Receipt != own.receipt:
        return "Receipt differs from what was sent"
    mode = signed.Scheduled_SMDTControlMode
    if own.mode and (mode is None) != (own.mode == "dynamic"):
        return f"a receipt for the wrong control mode; {own.mode} was selected"
    if mode is not None and own.tuple_id is not None and mode.SelectedScheduleTupleID != own.tuple_id:
        return f"a receipt for schedule {mode.SelectedScheduleTupleID}, but {own.tuple_id} was chosen"
    return ""
