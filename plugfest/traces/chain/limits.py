"""Whether the limits in a charger's answer allow any current."""

from __future__ import annotations

from typing import Any

from plugfest.traces.text import quantity

_CHARGE = (
    "EVSEMaximumCurrentLimit", "EVSEMaximumPowerLimit", "EVSEMaxCurrent", "EVSEMaximumChargeCurrent",
    "EVSEMaximumChargePower",
)  # fmt: skip
_DISCHARGE = ("EVSEMaximumDischargeCurrent", "EVSEMaximumDischargePower")
_PARTS = ("EVSEChargeParameter", "DC_CPDResEnergyTransferMode", "AC_CPDResEnergyTransferMode", "CLResControlMode")


def allows_nothing(body: Any) -> bool | None:
    """Whether they allow none, in either direction; None for an answer without limits."""
    parts = [part for part in (body, *(getattr(body, name, None) for name in _PARTS)) if part is not None]
    into = [value for part in parts for value in _values(part, _CHARGE)]
    out = [value for part in parts for value in _values(part, _DISCHARGE)]
    if not into:
        return None
    return min(into) <= 0.0 and (not out or min(abs(value) for value in out) <= 0.0)


def _values(part: Any, names: tuple[str, ...]) -> list[float]:
    given = (value for name in names if (value := getattr(part, name, None)) is not None)
    return [found[0] for value in given if (found := quantity(value)) is not None]
