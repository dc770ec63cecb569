"""What an outlet offers over time: power limits, and prices. A plan serves all protocols.

Prices have levels, 1 being the cheapest [ISO 15118-2 section 8.5.2.10]; costs may be added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from v2g.prices import Tariff


class Slot(NamedTuple):
    """Power limit in W, from ``start`` seconds after the beginning of the schedule until the next slot."""

    start: int
    watts: float


class Price(NamedTuple):
    """Price of energy from ``start`` (s after the beginning of the schedule) until the next price.

    Attributes:
        level: EPriceLevel, 1 is the cheapest.
        percent: relativePricePercentage of the base price, or None.
        renewable: RenewableGenerationPercentage, or None.
        carbon: CarbonDioxideEmission in g/kWh, or None.
    """

    start: int
    level: int
    percent: int | None = None
    renewable: int | None = None
    carbon: int | None = None


@dataclass(frozen=True)
class Plan:
    """One of up to three schedules that an outlet offers.

    Attributes:
        slots: power limits; empty: the outlet's own schedule.
        prices: over time, first at 0; empty: no tariff.
        description: SalesTariffDescription, at most 32 characters.
        tariff: absolute prices (ISO 15118-20), or None.
        tolerance: PowerTolerance, W, or None (ISO 15118-20, as the following).
        available: AvailableEnergy, the maximum energy delivered, Wh, or None.
        discharge: discharge limits in bidirectional services, W, zero or negative; empty: all that the outlet can take.
        discharge_prices, discharge_tariff: prices for discharging; a fee above zero goes to the vehicle.
    """

    slots: Sequence[Slot] = ()
    prices: Sequence[Price] = ()
    description: str = ""
    tariff: Tariff | None = None
    tolerance: float | None = None
    available: float | None = None
    discharge: Sequence[Slot] = ()
    discharge_prices: Sequence[Price] = ()
    discharge_tariff: Tariff | None = None


def cheap_at_night(seconds_to_night: int, night: int = 8 * 3600, *, watts: float) -> Plan:
    """A plan for demonstrations: level 2 until night, level 1 during it, level 3 afterwards."""
    slots = (Slot(0, watts),)
    later = (Price(seconds_to_night, 1, 50), Price(seconds_to_night + night, 3, 150))
    return Plan(slots, (Price(0, 2, 100), *later) if seconds_to_night else (Price(0, 1, 50), later[1]), "night")
