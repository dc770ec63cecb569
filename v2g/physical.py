"""PhysicalValue and numbers: value = Value x 10**Multiplier, with a 16-bit Value and a multiplier of -3 to 3."""

from __future__ import annotations

from typing import Any

from v2g.errors import RemoteError

_LIMIT = 32767
_COARSEST = 3


def number(value: Any) -> float:
    """A PhysicalValue of either protocol as a number in its unit; any multiplier, changing as it may."""
    return float(value.Value * 10.0**value.Multiplier)


def check_unit(value: Any, *units: str) -> Any:
    """The value itself, if its unit is one of these or absent (DIN allows that).

    Raises:
        RemoteError: another unit.
    """
    if value.Unit is not None and value.Unit not in units:
        raise RemoteError(f"unit {value.Unit}, expected {' or '.join(units)}", "FAILED_WrongChargeParameter")
    return value


def physical(module: Any, amount: float, unit: str, finest: int = -1) -> Any:
    """A number as PhysicalValue of a protocol, with the finest multiplier from ``finest`` on that can carry it.

    Args:
        module: ``v2g.messages.iso2`` or ``din70121``.
        amount: in ``unit``; what exceeds the largest PhysicalValue is clipped to it.
        finest: smallest multiplier to use, -3 to 3.
    """
    for multiplier in range(finest, _COARSEST + 1):
        value = round(amount / 10.0**multiplier)
        if -_LIMIT <= value <= _LIMIT:
            return module.PhysicalValueType(Multiplier=multiplier, Unit=unit, Value=value)
    limit = _LIMIT if amount > 0 else -_LIMIT
    return module.PhysicalValueType(Multiplier=_COARSEST, Unit=unit, Value=limit)


def milliwatts(value: Any) -> int:
    """A power exactly, for comparisons: integer milliwatts."""
    return int(value.Value * 10 ** (value.Multiplier + 3))
