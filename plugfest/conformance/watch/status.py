"""What a charger says of itself: status codes, isolation and wishes, against what it does."""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import SPOKEN, Book, Weight
from plugfest.conformance.watch.log import Heard, Log
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.safety import GOOD
from v2g.rules.iso20.loop import RESPONSES as LOOP20
from v2g.status import ENDINGS, of_charger

BOOK = Book()

BEFORE = ("EVSE_NotReady", "EVSE_Ready", "EVSE_IsolationMonitoringActive")
"""EVSEStatusCodes of a charger that has not finished its cable check."""
WORKING = ("EVSE_Ready", "EVSE_IsolationMonitoringActive")
"""Those of one that charges, or is about to."""


@BOOK.hears("status-phase", "EVSEStatusCode fits the phase of charging", SPOKEN, "ChargeParameterDiscoveryRes",
            "CableCheckRes", "PreChargeRes", "PowerDeliveryRes", "CurrentDemandRes", "MeteringReceiptRes",
            cause=Cause.WRONG_FIELD)  # fmt: skip
def status_phase(flow: Flow, log: Log, heard: Heard) -> str:
    code = str(getattr(of_charger(heard.body), "EVSEStatusCode", "") or "")
    if not code or not heard.ok or not heard.classic or code in ENDINGS or flow.steps.error_at is not None:
        return ""
    done = str(getattr(heard.body, "EVSEProcessing", "")) == "Finished"
    before = heard.name == "ChargeParameterDiscoveryRes" or (heard.name == "CableCheckRes" and not done)
    ready = WORKING[:1] if heard.name == "CableCheckRes" else WORKING
    if code in (BEFORE if before or _stops(flow) else ready):
        return ""
    if heard.name == "CableCheckRes":
        return f"CableCheckRes {'Finished' if done else 'Ongoing'} with EVSEStatusCode {code}"
    return f"{heard.name} with EVSEStatusCode {code}"


def _stops(flow: Flow) -> bool:
    return flow.steps.stop_at is not None or (flow.request is not None and flow.request.progress not in ("", "Start"))


@BOOK.hears("wish-unasked", "a charger without a fault goes on until it is asked to stop", SPOKEN,
            "ChargeParameterDiscoveryRes", "CableCheckRes", "PreChargeRes", "PowerDeliveryRes", "CurrentDemandRes",
            "ChargingStatusRes", "MeteringReceiptRes", cause=Cause.WRONG_FIELD)  # fmt: skip
def wish_unasked(flow: Flow, log: Log, heard: Heard) -> str:
    status = of_charger(heard.body)
    if status is None or not heard.ok or not heard.classic or excused(flow, log):
        return ""
    code, wish = str(getattr(status, "EVSEStatusCode", "")), str(status.EVSENotification)
    said = [f"EVSEStatusCode {code}"] if code in ENDINGS else []
    said += ["EVSENotification StopCharging"] if wish == "StopCharging" else []
    said += ["RCD true"] if getattr(status, "RCD", False) is True else []
    return f"{heard.name} has {' and '.join(said)} without a reason" if said else ""


@BOOK.hears("renegotiation-unasked", "a charger asks to renegotiate only if something has changed", SPOKEN,
            "ChargeParameterDiscoveryRes", "CableCheckRes", "PreChargeRes", "PowerDeliveryRes", "CurrentDemandRes",
            "ChargingStatusRes", "MeteringReceiptRes", "WeldingDetectionRes",
            weight=Weight.NOTED, cause=Cause.WRONG_FIELD)  # fmt: skip
def renegotiation_unasked(flow: Flow, log: Log, heard: Heard) -> str:
    status = of_charger(heard.body)
    if status is None or not heard.ok or not heard.classic or excused(flow, log):
        return ""
    asks = str(status.EVSENotification) == "ReNegotiation"
    return f"{heard.name} asks to renegotiate, but nothing has changed" if asks else ""


ENDS20 = ("Terminate", "ServiceRenegotiation")
"""EVSENotifications that end the power flow."""


@BOOK.hears("notification-unasked", "a charger without a fault goes on until it is asked to stop",
            "ISO 15118-20", "PowerDeliveryRes", *LOOP20, cause=Cause.WRONG_FIELD)  # fmt: skip
def notification_unasked(flow: Flow, log: Log, heard: Heard) -> str:
    """A charger that waits for metering confirmations in vain has a reason of its own."""
    wish = _notification(heard)
    if wish not in ENDS20 or excused(flow, log) or flow.facts.iso20.pays == "PnC":
        return ""
    return f"{heard.name} has EVSENotification {wish} without a reason"


@BOOK.hears("change-unasked", "a charger asks for a pause or another schedule only if something has changed",
            "ISO 15118-20", *LOOP20, weight=Weight.NOTED, cause=Cause.WRONG_FIELD)  # fmt: skip
def change_unasked(flow: Flow, log: Log, heard: Heard) -> str:
    wish = _notification(heard)
    if wish not in ("Pause", "ScheduleRenegotiation") or excused(flow, log):
        return ""
    return f"{heard.name} has EVSENotification {wish}, but nothing has changed"


def _notification(heard: Heard) -> str:
    """EVSENotification of ISO 15118-20, or ""."""
    status = None if heard.classic or not heard.ok else getattr(heard.body, "EVSEStatus", None)
    return "" if status is None else str(status.EVSENotification)


def excused(flow: Flow, log: Log) -> bool:
    """Whether somebody gave the charger a reason to stop, or to ask for it."""
    wrong = flow.request is not None and bool(flow.request.error)
    return log.acted or flow.startled or wrong or flow.steps.error_at is not None or _stops(flow)


@BOOK.hears("isolation-phase", "EVSEIsolationStatus is the result of the cable check, and Invalid before it", SPOKEN,
            "ChargeParameterDiscoveryRes", weight=Weight.NOTED, cause=Cause.WRONG_FIELD)  # fmt: skip
def isolation_early(flow: Flow, log: Log, heard: Heard) -> str:
    isolation = str(getattr(of_charger(heard.body), "EVSEIsolationStatus", "") or "")
    if isolation not in (*GOOD, "Fault") or not heard.classic or not heard.ok or flow.steps.on_at is not None:
        return ""
    if "CableCheckRes" in log.present.first:
        return ""
    return f"{heard.name} has EVSEIsolationStatus {isolation} before any cable check"


@BOOK.on("isolation-kept", "EVSEIsolationStatus is the result of the cable check", SPOKEN, "secc", Stage.PRECHARGE,
         Stage.LOOP, cause=Cause.WRONG_FIELD)  # fmt: skip
def isolation_kept(flow: Flow, said: Said) -> str:
    """A charger that leaves it out says nothing, and is not judged."""
    if not said.ok or flow.steps.isolation not in GOOD or said.isolation not in ("Invalid", "No_IMD"):
        return ""
    if said.status in ENDINGS:
        return ""
    return f"{said.name} has EVSEIsolationStatus {said.isolation} after a cable check with {flow.steps.isolation}"
