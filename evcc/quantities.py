"""Quantities of both protocols as numbers, and back. A number's unit is in its function's name."""

from __future__ import annotations

import math
from typing import Any, Generic, TypeVar, cast

from v2g.errors import RemoteError
from v2g.physical import check_unit, number, physical

P = TypeVar("P")


def volts(value: Any) -> float:
    """A PhysicalValue as V. RemoteError: it has another unit; DIN allows none."""
    return number(check_unit(value, "V"))


def amps(value: Any) -> float:
    """A PhysicalValue as A. RemoteError: it has another unit."""
    return number(check_unit(value, "A"))


def watts(value: Any) -> float:
    """A PhysicalValue as W. RemoteError: it has another unit."""
    return number(check_unit(value, "W"))


def at_least_zero(name: str, value: float) -> float:
    """The value of a limit, which nothing can make negative.

    Raises:
        RemoteError: it is.
    """
    if value < 0.0:
        raise RemoteError(f"{name} of {value:g}", "FAILED_WrongChargeParameter")
    return value


class Quantities(Generic[P]):
    """Makes the PhysicalValues of one protocol, rounded down to what is sent, so that no limit is passed.

    Args:
        module: the protocol's messages.
        kind: its PhysicalValueType.
    """

    def __init__(self, module: Any, kind: type[P]) -> None:
        self._module = module
        self._kind = kind

    def _make(self, amount: float, unit: str, finest: int) -> P:
        step = 10.0**finest
        return cast(P, physical(self._module, math.floor(amount / step + 1e-9) * step, unit, finest))

    def volt(self, amount: float) -> P:
        """In steps of 0.1 V."""
        return self._make(amount, "V", -1)

    def ampere(self, amount: float) -> P:
        """In steps of 0.1 A."""
        return self._make(amount, "A", -1)

    def watt(self, amount: float) -> P:
        """In steps of 1 W, or coarser where the value is large."""
        return self._make(amount, "W", 0)

    def watt_hour(self, amount: float) -> P:
        """In steps of 1 Wh, or coarser where the value is large."""
        return self._make(amount, "Wh", 0)

    def second(self, amount: float) -> P | None:
        """In steps of 1 s, or coarser; None where the time is not finite."""
        return self._make(amount, "s", 0) if math.isfinite(amount) else None


def percent(soc: float) -> int:
    """An SoC of 0 to 1 as whole percent."""
    return min(100, max(0, round(soc * 100.0)))
