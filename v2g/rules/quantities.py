"""Every PhysicalValue of the messages by its field's name: its unit and its physically possible range.

The bounds are physical and deliberately wide: real products exceed table 68 of ISO 15118-2. A value outside of them
comes from a software or sensor fault and is useless.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec

from v2g.physical import number


class Quantity(NamedTuple):
    """What a field can hold.

    Attributes:
        unit: as the standards spell it.
        low, high: bounds in that unit.
        vital: charging depends on it; otherwise it is only information, and a wrong unit does no harm.
    """

    unit: str
    low: float
    high: float
    vital: bool = True


MOST_VOLTS = 2000.0
MOST_AMPS = 3000.0
MOST_WATTS = 10e6
MOST_WATT_HOURS = 10e6
MOST_SECONDS = 32e6
OFFSET = 20.0
"""V and A: how far below zero a sensor may read when there is nothing to measure."""

_VOLTAGE = Quantity("V", 0.0, MOST_VOLTS)
_CURRENT = Quantity("A", 0.0, MOST_AMPS)
_POWER = Quantity("W", 0.0, MOST_WATTS)
_ENERGY = Quantity("Wh", 0.0, MOST_WATT_HOURS, vital=False)
_TIME = Quantity("s", 0.0, MOST_SECONDS, vital=False)

FIELDS: dict[str, Quantity] = {
    "EVMaxVoltage": _VOLTAGE,
    "EVMaximumVoltageLimit": _VOLTAGE,
    # Some cars send a value slightly below zero to mean zero: a separate rule judges that.
    "EVTargetVoltage": _VOLTAGE._replace(low=-math.inf),
    "EVSEMaxVoltage": _VOLTAGE,
    "EVSEMaximumVoltageLimit": _VOLTAGE,
    "EVSEMinimumVoltageLimit": _VOLTAGE,
    "EVSENominalVoltage": _VOLTAGE,
    "EVSEPresentVoltage": _VOLTAGE._replace(low=-OFFSET),
    "EVMaxCurrent": _CURRENT,
    "EVMinCurrent": _CURRENT,
    "EVMaximumCurrentLimit": _CURRENT,
    "EVTargetCurrent": _CURRENT._replace(low=-math.inf),
    "EVSEMaxCurrent": _CURRENT,
    "EVSEMinCurrent": _CURRENT,
    "EVSEMaximumCurrentLimit": _CURRENT,
    "EVSEMinimumCurrentLimit": _CURRENT,
    "EVSEPresentCurrent": _CURRENT._replace(low=-OFFSET),
    "EVSECurrentRegulationTolerance": _CURRENT._replace(vital=False),
    "EVSEPeakCurrentRipple": _CURRENT._replace(vital=False),
    "EVMaximumPowerLimit": _POWER,
    "EVSEMaximumPowerLimit": _POWER,
    # A separate rule judges a PMax below zero.
    "PMax": _POWER._replace(low=-math.inf),
    "ChargingProfileEntryMaxPower": _POWER,
    "startValue": _POWER._replace(vital=False),
    "EAmount": _ENERGY._replace(vital=True),
    "EVEnergyCapacity": _ENERGY,
    "EVEnergyRequest": _ENERGY,
    "EVSEEnergyToBeDelivered": _ENERGY,
    "MeterReading": Quantity("Wh", 0.0, 1e12, vital=False),
    "RemainingTimeToFullSoC": _TIME,
    "RemainingTimeToBulkSoC": _TIME,
}
"""The quantities by field name, for both protocols [ISO 15118-2 table 68]."""


class Found(NamedTuple):
    """A PhysicalValue of a message: where it is, what it should be, and what it is."""

    path: str
    quantity: Quantity
    value: Any

    @property
    def amount(self) -> float:
        """The amount in its own unit."""
        return number(self.value)

    @property
    def has_unit(self) -> bool:
        """Whether it has its field's unit, or none: DIN may omit it."""
        return self.value.Unit in (self.quantity.unit, None)


def odd_values(message: Any) -> tuple[Found, ...]:
    """A message's PhysicalValues that have a wrong unit or an impossible amount."""
    return tuple(_found(message, odd=True))


def physical_values(message: Any) -> tuple[Found, ...]:
    """All PhysicalValues of a message whose fields are listed in the table."""
    return tuple(_found(message, odd=False))


def _found(message: Any, path: str = "", *, odd: bool) -> list[Found]:
    found: list[Found] = []
    for name, quantity in _plan(type(message)):
        value = getattr(message, name)
        if value is None:
            continue
        place = f"{path}.{name}" if path else name
        if isinstance(value, list):
            for number_in_list, item in enumerate(value, 1):
                found += _found(item, f"{place}.{number_in_list}", odd=odd)
        elif quantity is None or not hasattr(value, "Multiplier"):
            found += _found(value, place, odd=odd)
        elif not (odd and _usual(value, quantity)):
            found.append(Found(place, quantity, value))
    return found


def _usual(value: Any, quantity: Quantity) -> bool:
    """Whether a PhysicalValue has its unit, or none, and is physically possible."""
    unit, low, high, _ = quantity
    return (value.Unit == unit or value.Unit is None) and low <= number(value) <= high


_PLANS: dict[type[Any], tuple[tuple[str, Quantity | None], ...]] = {}


def _plan(kind: type[Any]) -> tuple[tuple[str, Quantity | None], ...]:
    """The fields of a class that are PhysicalValues, with their quantity, or that contain some (None)."""
    found = _PLANS.get(kind)
    if found is None:
        hints = get_type_hints(kind) if issubclass(kind, msgspec.Struct) else {}
        found = tuple((name, FIELDS.get(name)) for name, hint in hints.items() if name in FIELDS or _has_parts(hint))
        _PLANS[kind] = found
    return found


def _has_parts(hint: Any) -> bool:
    """Whether a field of this type can contain PhysicalValues at any depth."""
    if hint is Any:
        return True
    kinds = [hint] if isinstance(hint, type) and issubclass(hint, msgspec.Struct) else []
    return any(_below(kind) for kind in kinds) or any(_has_parts(argument) for argument in get_args(hint))


def _below(kind: type[Any]) -> bool:
    """Whether a class, or one that can substitute it, contains PhysicalValues; schema types are not recursive."""
    return bool(_plan(kind)) or any(_below(other) for other in kind.__subclasses__())
