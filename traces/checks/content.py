"""What messages say: schema and facets, and values that the standards bound by other values of the session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from traces.checks.findings import Finding, Severity, about
from traces.recording import EVCC, SECC
from traces.talks import Talk
from traces.text import quantity

PRECHARGE_CURRENT = 2.0
"""A: largest target current in precharge (IEC 61851-23)."""
PRECHARGE_DIFFERENCE = 20.0
"""V: largest difference between battery and output when contactors close (IEC 61851-23)."""
OVER = 1.05
"""Factor by which a measured value may exceed a limit before it is reported: ripple and rounding."""


def schema(talk: Talk) -> Iterator[Finding]:
    """Every message decodes, in the standard's dialect, and keeps the facets of its schema."""
    import exi
    from v2g.messages import schema as schema_of

    seen: set[str] = set()
    for entry in talk.entries:
        if entry.message is None:
            rule = "undecodable" if entry.document is None else "not-a-message"
            yield about(entry, "violation", entry.sender, rule, entry.note or "the payload is not a message")
            continue
        try:
            _, notes = exi.examine(schema_of(entry.schema), entry.data)
        except (exi.DecodeError, KeyError):
            continue  # what was sent was made on purpose, and is shown as it was meant
        for name, note in notes:
            if f"{entry.name} {name}" not in seen:
                seen.add(f"{entry.name} {name}")
                yield about(entry, "warning", entry.sender, f"dialect-{name}", f"{entry.name}: {note}")
        try:
            exi.encode(schema_of(entry.schema), entry.message)
        except exi.EncodeError as why:
            text = str(why)
            if f"{entry.name} {text}" not in seen:
                seen.add(f"{entry.name} {text}")
                yield about(entry, "violation", entry.sender, "schema", f"{entry.name}: {text}")


def amount(body: Any, *names: str) -> float | None:
    """The first of these values that a message has, as a number."""
    for name in names:
        value = getattr(body, name, None)
        if value is None:
            continue
        found = quantity(value)
        if found is not None:
            return found[0]
        if isinstance(value, int | float):
            return float(value)
    return None


class _Limits:
    """The limits each side told so far."""

    def __init__(self) -> None:
        self.told: dict[str, float] = {}

    def note(self, body: Any) -> None:
        for part in (body, getattr(body, "DC_EVChargeParameter", None), getattr(body, "EVChargeParameter", None),
                     getattr(body, "EVSEChargeParameter", None)):  # fmt: skip
            for name in getattr(type(part), "__struct_fields__", ()):
                if name.startswith(("EVMaximum", "EVSEMaximum")) and name.endswith(("Limit", "Voltage", "Current")):
                    value = amount(part, name)
                    if value is not None:
                        self.told[name] = value

    def of(self, name: str) -> float | None:
        return self.told.get(name)


# Field of a message -> limit of the other side, rule, and whether it is a measured value (which may ripple).
_BOUNDS = (
    ("EVTargetVoltage", "EVSEMaximumVoltageLimit", EVCC, "target-voltage", "V"),
    ("EVTargetCurrent", "EVSEMaximumCurrentLimit", EVCC, "target-current", "A"),
    ("EVSEPresentVoltage", "EVMaximumVoltageLimit", SECC, "over-voltage", "V"),
    ("EVSEPresentCurrent", "EVMaximumCurrentLimit", SECC, "over-current", "A"),
)


def values(talk: Talk) -> Iterator[Finding]:
    """Targets and measured values within the limits of the other side; one finding per rule."""
    limits = _Limits()
    seen: set[str] = set()
    for entry in talk.entries:
        body = entry.body
        limits.note(body)
        if entry.name not in ("CurrentDemandReq", "CurrentDemandRes", "PreChargeReq", "PreChargeRes"):
            continue
        for field, limit_name, side, rule, unit in _BOUNDS:
            value, limit = amount(body, field), limits.of(limit_name)
            if value is None or limit is None or limit <= 0 or value <= limit * OVER or rule in seen:
                continue
            if rule == "over-voltage" and entry.name == "PreChargeRes":
                continue  # the output still falls from the cable check, and nothing is connected
            seen.add(rule)
            severity: Severity = "violation" if side == SECC else "warning"
            text = f"{entry.name}.{field} {value:g} {unit}, {limit_name} is {limit:g} {unit}"
            yield about(entry, severity, side, rule, text)


def _reached(present: float | None, target: float | None) -> bool:
    return present is None or target is None or abs(present - target) <= PRECHARGE_DIFFERENCE


def direct_current(talk: Talk) -> Iterator[Finding]:
    """Cable check, precharge and closing of the contactors."""
    target = present = None
    complained = False
    for exchange in talk.exchanges:
        request, response = exchange.request, exchange.response
        if request is None or response is None:
            continue
        asked, answered = request.body, response.body
        match exchange.name:
            case "CableCheckReq":
                status = getattr(answered, "DC_EVSEStatus", None)
                isolation = str(getattr(status, "EVSEIsolationStatus", None))
                if str(getattr(answered, "EVSEProcessing", "")) == "Finished" and isolation in ("Invalid", "Fault"):
                    text = f"CableCheckRes Finished with EVSEIsolationStatus {isolation}"
                    yield about(response, "violation", SECC, "cable-check", text)
            case "PreChargeReq":
                current = amount(asked, "EVTargetCurrent")
                if current is not None and current > PRECHARGE_CURRENT and not complained:
                    complained = True
                    text = f"PreChargeReq.EVTargetCurrent {current:g} A, at most {PRECHARGE_CURRENT:g} A"
                    yield about(request, "violation", EVCC, "precharge-current", text)
                target, present = amount(asked, "EVTargetVoltage"), amount(answered, "EVSEPresentVoltage")
            case "PowerDeliveryReq" if target is not None:
                begins = str(getattr(asked, "ChargeProgress", "")) == "Start" or getattr(
                    asked, "ReadyToChargeState", False
                )
                if begins and not _reached(present, target):
                    text = (f"power is asked for at {present:g} V of {target:g} V: the difference is more than"
                            f" {PRECHARGE_DIFFERENCE:g} V")  # fmt: skip
                    yield about(request, "warning", EVCC, "precharge-voltage", text)
                target = None


def schedules(talk: Talk) -> Iterator[Finding]:
    """ChargeParameterDiscoveryRes Finished carries a schedule."""
    if talk.protocol != "iso2":
        return
    for entry in talk.entries:
        if entry.name != "ChargeParameterDiscoveryRes" or entry.message is None:
            continue
        finished = str(entry.body.EVSEProcessing) == "Finished" and str(entry.body.ResponseCode).startswith("OK")
        if finished and getattr(entry.body, "SASchedules", None) is None:
            text = "ChargeParameterDiscoveryRes Finished without SAScheduleList"
            yield about(entry, "violation", SECC, "schedule", text, "V2G2-905")


def reports(talk: Talk) -> Iterator[Finding]:
    """Errors and wishes that one side told the other, once each."""
    seen: set[str] = set()
    for entry in talk.entries:
        body = entry.body
        error = getattr(getattr(body, "DC_EVStatus", None), "EVErrorCode", None)
        told = [(EVCC, f"EVErrorCode {error}")] if error is not None and str(error) != "NO_ERROR" else []
        status = getattr(body, "DC_EVSEStatus", None) or getattr(body, "AC_EVSEStatus", None)
        status = status or getattr(body, "EVSEStatus", None)
        code = str(getattr(status, "EVSEStatusCode", "") or "")
        if code in ("EVSE_Malfunction", "EVSE_EmergencyShutdown", "EVSE_UtilityInterruptEvent"):
            told.append((SECC, f"EVSEStatusCode {code}"))
        notification = str(getattr(status, "EVSENotification", "None"))
        if notification not in ("None", ""):
            told.append((SECC, f"EVSENotification {notification}"))
        for side, text in told:
            if text not in seen:
                seen.add(text)
                yield about(entry, "note", side, "told", f"{entry.name}: {text}")
