"""PhysicalValue and RationalNumber as numbers: Value x 10**Multiplier (or Exponent), with a Value of 16 bits.

The function's name says the unit: ``volts(response.EVSEPresentVoltage)``, and back: ``quantity.volt(400.0)``.
"""

from __future__ import annotations

import math
from typing import Any, Generic, TypeVar, cast

from v2g.errors import RemoteError
from v2g.messages.iso20.types import RationalNumberType

P = TypeVar("P")

PRECHARGE_CURRENT = 2.0
"""A: largest target current in PreChargeReq; a charger need not deliver more (IEC 61851-23)."""

NEARLY_ZERO = 1.0
"""A or V: targets down to minus this value mean zero in some real cars (a Skoda Enyaq sends -1 A)."""

AC_OVERDRAW = 1.05
AC_OVERDRAW_AMPS = 1.0
"""A vehicle overdraws if its current exceeds EVSEMaxCurrent times the first value, plus the second in A."""

LOW_GRID = 0.9
HIGH_GRID = 1.1
"""Fractions of its nominal voltage between which a grid may be; EVMaxVoltage must reach the lower one."""

SAFE_VOLTAGE = 60.0
"""V: below this, DC is safe to touch; IEC 61851-23: an output is below it within 1 s after an emergency stop."""

LARGEST = 32767
"""The largest Value of a PhysicalValue, and the largest power in a schedule or profile of DIN SPEC 70121."""
_COARSEST = 3
_POWERS = {exponent: 10.0**exponent for exponent in range(-3, 4)}


def number(value: Any) -> float:
    """A PhysicalValue or RationalNumber as a number in its unit; with any multiplier, even a changing one."""
    exponent = value.Exponent if type(value) is RationalNumberType else value.Multiplier
    power = _POWERS.get(exponent)
    return float(value.Value * (10.0**exponent if power is None else power))


def magnitude(value: Any) -> float:
    """A discharge limit as a magnitude, because senders disagree on its sign."""
    return abs(number(value))


def ramp(percent: float | None, most: float) -> float:
    """EVSEPowerRampLimitation in W per second: a part of the largest power (W) a minute; infinite without one."""
    return (abs(percent or 0.0) / 100.0 * most / 60.0) or math.inf


def check_unit(value: Any, *units: str) -> Any:
    """Returns the value itself if its unit is one of these or absent (DIN allows that).

    Raises:
        RemoteError: it has another unit.
    """
    if type(value) is RationalNumberType:
        return value  # it has no unit: its element's name implies it
    if value.Unit is not None and value.Unit not in units:
        raise RemoteError(f"unit {value.Unit}, expected {' or '.join(units)}", "FAILED_WrongChargeParameter")
    return value


def volts(value: Any) -> float:
    """A PhysicalValue as V. RemoteError: it has another unit; DIN allows none."""
    return number(check_unit(value, "V"))


def amps(value: Any) -> float:
    """A PhysicalValue as A. RemoteError: it has another unit."""
    return number(check_unit(value, "A"))


def watts(value: Any) -> float:
    """A PhysicalValue as W. RemoteError: it has another unit."""
    return number(check_unit(value, "W"))


def physical(module: Any, amount: float, unit: str, finest: int = -1) -> Any:
    """A number as a PhysicalValue of a protocol, with the finest multiplier that can carry it, ``finest`` or coarser.

    Args:
        module: ``v2g.messages.iso2`` or ``din70121``.
        amount: in ``unit``; clipped to the largest PhysicalValue.
        finest: smallest multiplier to use, -3 to 3.
    """
    for multiplier in range(finest, _COARSEST + 1):
        value = round(amount / _POWERS[multiplier])
        if -LARGEST <= value <= LARGEST:
            return module.PhysicalValueType(Multiplier=multiplier, Unit=unit, Value=value)
    limit = LARGEST if amount > 0 else -LARGEST
    return module.PhysicalValueType(Multiplier=_COARSEST, Unit=unit, Value=limit)


class Quantities(Generic[P]):
    """Makes the PhysicalValues of one protocol.

    Args:
        module: the protocol's messages.
        kind: its PhysicalValueType.
        down: round down, so that no limit is exceeded; otherwise to the nearest.
    """

    def __init__(self, module: Any, kind: type[P], *, down: bool = False) -> None:
        self._module = module
        self._kind = kind
        self._down = down

    def _make(self, amount: float, unit: str, finest: int) -> P:
        if self._down:
            step = _POWERS[finest]
            amount = math.floor(amount / step + 1e-9) * step
        value = round(amount / _POWERS[finest])
        if -LARGEST <= value <= LARGEST:
            return self._kind(Multiplier=finest, Unit=unit, Value=value)  # type: ignore[call-arg]  # P has no bound
        return cast(P, physical(self._module, amount, unit, finest))

    def volt(self, amount: float) -> P:
        """In steps of 0.1 V."""
        return self._make(amount, "V", -1)

    def ampere(self, amount: float) -> P:
        """In steps of 0.1 A."""
        return self._make(amount, "A", -1)

    def watt(self, amount: float) -> P:
        """In steps of 1 W, or coarser for large values."""
        return self._make(amount, "W", 0)

    def watt_hour(self, amount: float) -> P:
        """In steps of 1 Wh, or coarser for large values."""
        return self._make(amount, "Wh", 0)

    def second(self, amount: float) -> P | None:
        """In steps of 1 s, or coarser; None if the time is not finite."""
        return self._make(amount, "s", 0) if math.isfinite(amount) else None


def rational(amount: float, finest: int = 0, *, down: bool = False) -> RationalNumberType:
    """A number as RationalNumber of ISO 15118-20, with the smallest exponent that can carry it, at least ``finest``.

    Args:
        amount: in the unit of its element; clipped to the largest number with an exponent of 3.
        finest: smallest exponent to use, -3 to 3.
        down: round towards minus infinity, so that no limit is exceeded; otherwise to the nearest.
    """
    for exponent in range(finest, _COARSEST + 1):
        scaled = amount / _POWERS[exponent]
        value = math.floor(scaled + 1e-9) if down else round(scaled)
        if -LARGEST <= value <= LARGEST:
            return RationalNumberType(Exponent=exponent, Value=value)
    return RationalNumberType(Exponent=_COARSEST, Value=LARGEST if amount > 0 else -LARGEST)


def signed(limit: RationalNumberType, *, negative: bool) -> RationalNumberType:
    """A discharge limit with the sign that its sender uses."""
    return RationalNumberType(Exponent=limit.Exponent, Value=-limit.Value) if negative else limit


def milliwatts(value: Any) -> int:
    """A power exactly, for comparisons: integer milliwatts."""
    return int(value.Value * 10 ** (value.Multiplier + 3))


def percent(soc: float) -> int:
    """An SoC of 0 to 1 as whole percent."""
    return min(100, max(0, round(soc * 100.0)))


def at_least_zero(name: str, value: float) -> float:
    """Returns the value of a limit that must not be negative.

    Raises:
        RemoteError: it is negative.
    """
    if value < 0.0:
        raise RemoteError(f"{name} of {value:g}", "FAILED_WrongChargeParameter")
    return value
