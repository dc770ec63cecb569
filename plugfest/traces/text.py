"""Messages in readable form: one field per line, numbers with their unit, binary as hexadecimal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from boundary.text import visible
from v2g import stamps, telling
from v2g.status import of_charger, of_vehicle

MAX_LINES = 4000
"""Maximum number of lines of a message; a longer one ends with an ellipsis."""


@dataclass(frozen=True, slots=True)
class Line:
    """A field: its depth, its name, its value ("" for a group of fields)."""

    depth: int
    name: str
    value: str = ""


def quantity(value: Any) -> tuple[float, str] | None:
    """Number and unit of a physical value of any protocol; None for anything else."""
    fields = getattr(type(value), "__struct_fields__", ())
    if {"Multiplier", "Value"} <= set(fields):
        unit = getattr(value, "Unit", None)
        return value.Value * 10.0**value.Multiplier, str(unit) if unit is not None else ""
    if fields and set(fields) == {"Exponent", "Value"}:
        return value.Value * 10.0**value.Exponent, ""
    return None


def show(value: Any) -> str | None:
    """A value that fits on one line, or None for a group."""
    if value is None:
        return ""
    if isinstance(value, bytes | bytearray):
        return f"{value.hex().upper()}" if len(value) <= 64 else f"{value[:64].hex().upper()}… ({len(value)} bytes)"
    if isinstance(value, bool):
        return "true" if value else "false"
    found = None
    try:
        found = quantity(value)
    except (TypeError, OverflowError):
        return visible(repr(value))
    if found is not None:
        return visible(f"{found[0]:.10g} {found[1]}".rstrip())
    if isinstance(value, msgspec.Struct | list | tuple):
        return None
    return visible(value)


def lines(message: Any) -> Iterator[Line]:
    """The fields of a message, outermost first; absent ones are left out. Each is one harmless line."""
    for count, line in enumerate(_lines(message, 0)):
        if count >= MAX_LINES:
            yield Line(0, "…")
            return
        yield line


def _lines(value: Any, depth: int) -> Iterator[Line]:
    if not isinstance(value, msgspec.Struct):
        yield Line(depth, "value", show(value) or visible(repr(value)))
        return
    for name in value.__struct_fields__:
        yield from _field(name, getattr(value, name, None), depth)


def _field(name: str, value: Any, depth: int) -> Iterator[Line]:
    if value is None:
        return
    if isinstance(value, list | tuple):
        for item in value:
            yield from _field(name, item, depth)
        return
    shown = show(value)
    if shown is not None:
        is_time = name in stamps.FIELDS and isinstance(value, int)
        yield Line(depth, name, f"{shown} ({stamps.text(value)})" if is_time else shown)
        return
    kind = type(value).__name__
    yield Line(depth, name if name != "BodyElement" else kind)
    if depth < 40:
        yield from _lines(value, depth + 1)


def indented(message: Any) -> str:
    """The fields as one text."""
    return "\n".join(
        f"{'  ' * line.depth}{line.name}" + (f": {line.value}" if line.value else "") for line in lines(message)
    )


_SHOWN = (
    "ResponseCode", "EVSEProcessing", "ChargeProgress", "ReadyToChargeState", "ChargingSession", "SchemaID",
    "RequestedEnergyTransferMode", "EVRequestedEnergyTransferType", "SelectedPaymentOption", "Processing",
    "EVCheckInStatus", "EVCheckOutStatus", "EVSECheckOutStatus",
    "SelectedAuthorizationService", "EVCCID",
    "EVTargetVoltage", "EVTargetCurrent", "EVSEPresentVoltage", "EVSEPresentCurrent", "EVPresentVoltage",
)  # fmt: skip


_UNITS = {
    "EVTargetVoltage": " V",
    "EVTargetCurrent": " A",
    "EVSEPresentVoltage": " V",
    "EVSEPresentCurrent": " A",
    "EVPresentVoltage": " V",
}
"""For protocols whose values carry no unit."""


def _offer(offer: Any) -> str:
    """An offer of supportedAppProtocol: the significant part of its namespace, SchemaID and priority."""
    namespace = str(offer.ProtocolNamespace).removesuffix(":MsgDef").removeprefix("urn:").removeprefix("iso:std:")
    return f"{namespace} (id {offer.SchemaID}, priority {offer.Priority})"


def brief(body: Any) -> str:
    """The few fields by which an engineer follows a session, on one line."""
    words = [_offer(offer) for offer in getattr(body, "AppProtocol", None) or ()]
    for name in _SHOWN:
        value = getattr(body, name, None)
        if value is None or value == "OK":
            continue
        shown = show(value)
        if shown:
            words.append(shown + _UNITS.get(name, "") if shown[-1].isdigit() else shown)
    words += telling.words(body)
    code = getattr(of_charger(body), "EVSEStatusCode", None)
    if code is not None and code != "EVSE_Ready":
        words.append(str(code).removeprefix("EVSE_"))
    status = of_vehicle(body)
    soc = getattr(status, "EVRESSSOC", None)
    soc = getattr(getattr(body, "DisplayParameters", None), "PresentSOC", None) if soc is None else soc
    if soc is not None:
        words.append(f"SoC {soc} %")
    error = getattr(status, "EVErrorCode", None)
    if error is not None and error != "NO_ERROR":
        words.append(str(error))
    return " ".join(words)
