"""Power and prices over time: the charger's schedules, the vehicle's choice, and the profile it answers with. Pure.

A schedule is a step function: each entry applies until the next begins or its duration is over. Before the first entry,
in gaps and after the end no power is allowed, so the vehicle takes none. Prices are another step function over the same
time.

The choice: with prices, the schedule in which the energy until departure costs least; without them, the one that allows
the most energy. Within it the vehicle charges in the cheapest intervals that suffice, and waits in the others.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from v2g.prices import Tariff
from v2g.rules.schedule import exact

DAY = 86400.0
MAX_PROFILE_ENTRIES = 24  # ISO 15118-2 ChargingProfileType, DIN SPEC 70121


@dataclass(frozen=True, slots=True)
class Slot:
    """At most ``watts`` from ``start`` (s after the response that carried it); ``pmax`` is the element itself.

    Where the schedule has a gap there is no element, and the vehicle takes nothing. An impossible entry, like a PMax
    below zero, has no element either, but limits nothing.
    """

    start: int
    watts: float
    pmax: Any = None


@dataclass(frozen=True, slots=True)
class Price:
    """The price from ``start`` (s): EPriceLevel, and relativePricePercentage if given."""

    start: int
    level: float
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """What a vehicle needs.

    Attributes:
        energy: energy wanted, Wh.
        power: the most power it can use, W.
        departure: s from now; None or 0: charge as soon as possible.
    """

    energy: float
    power: float
    departure: int | None = None

    @property
    def horizon(self) -> float:
        """Seconds to plan for: until departure, or a day."""
        return float(self.departure) if self.departure else DAY


@dataclass(frozen=True, slots=True)
class Schedule:
    """One SAScheduleTuple.

    Attributes:
        tuple_id: SAScheduleTupleID.
        slots: in order of time.
        end: s after the response; infinite if the last entry has no duration.
        base: loop time of the response, s.
        prices: prices of its SalesTariff, or its price levels, in order of time; empty if there are none.
        tariff: absolute prices (ISO 15118-20), or None.
        available: total energy available, Wh, or None for no limit (ISO 15118-20).
    """

    tuple_id: int
    slots: tuple[Slot, ...] = ()
    end: float = math.inf
    base: float = 0.0
    prices: tuple[Price, ...] = ()
    tariff: Tariff | None = None
    available: float | None = None

    def power_at(self, now: float) -> float:
        """Limit in W at a loop time; infinite without any schedule."""
        since = now - self.base
        if since >= self.end:
            return 0.0
        return next((slot.watts for slot in reversed(self.slots) if slot.start <= since), math.inf)

    def idle_until(self, now: float) -> float | None:
        """Loop time until which it allows no power from now on; infinite: forever; None: it allows some now."""
        if self.power_at(now) > 0.0:
            return None
        later = (self.base + slot.start for slot in self.slots if slot.watts > 0.0 and self.base + slot.start > now)
        return next(later, self.base + self.end)

    def energy(self, seconds: float) -> float:
        """Energy in Wh that it allows within the first ``seconds``; time beyond its end does not count."""
        ends = [*(slot.start for slot in self.slots[1:]), self.end]
        until = zip(self.slots, (min(end, seconds) for end in ends), strict=True)
        energy = sum(slot.watts * max(0.0, end - slot.start) for slot, end in until) / 3600.0
        return energy if self.available is None else min(energy, self.available)


def read(schedule_tuple: Any, base: float) -> Schedule:
    """Reads a schedule of either protocol; the table of rules has already judged it.

    Args:
        schedule_tuple: SAScheduleTupleType.
        base: loop time of the response, s.
    """
    slots: list[Slot] = []
    end = 0.0
    for entry in schedule_tuple.PMaxSchedule.PMaxScheduleEntry:
        interval = entry.TimeInterval
        if interval.start > end:
            slots.append(Slot(int(end), 0.0))
        power = exact(entry.PMax)
        known = power >= 0
        slots.append(Slot(interval.start, power / 1000.0 if known else math.inf, entry.PMax if known else None))
        end = math.inf if interval.duration is None else float(interval.start + interval.duration)
    return Schedule(schedule_tuple.SAScheduleTupleID, tuple(slots), end, base)


def read_prices(tariff: Any) -> tuple[Price, ...]:
    """The prices of a SalesTariff; empty if an entry has neither level nor percentage, or they are out of order."""
    prices: list[Price] = []
    for entry in tariff.SalesTariffEntry:
        costs = [cost for consumption in entry.ConsumptionCost for cost in consumption.Cost]
        percent = next(
            (c.amount * 10.0 ** (c.amountMultiplier or 0) for c in costs if c.costKind == "relativePricePercentage"),
            None,
        )
        level = entry.EPriceLevel if entry.EPriceLevel is not None else percent
        start = getattr(entry.TimeInterval, "start", None)
        if level is None or start is None or (prices and start <= prices[-1].start):
            return ()
        prices.append(Price(start, level, percent))
    return tuple(prices)


# ---------------------------------------------------------------------------------------------------------------
# The choice

RESERVE = 1.15
"""Factor on the energy to plan for: near the end the battery takes less than the schedule allows, and some is lost."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """The time between two changes of power or price: start and end in s, the watts that the vehicle can use, price."""

    start: int
    end: float
    watts: float
    price: float

    @property
    def energy(self) -> float:
        return self.watts * max(0.0, self.end - self.start) / 3600.0


class Basis(enum.Enum):
    """The criterion for comparing schedules."""

    FEES = "money"
    PERCENT = "percent of a price"
    LEVELS = "price levels"
    ENERGY = "energy"


def basis(schedules: Sequence[Schedule]) -> Basis:
    """The best criterion that all schedules have: calculable money in one currency; then percentages; then levels."""
    tariffs = [schedule.tariff for schedule in schedules if schedule.tariff is not None and schedule.tariff.known]
    if len(tariffs) == len(schedules) and len({tariff.currency for tariff in tariffs}) == 1:
        return Basis.FEES
    if not all(schedule.prices for schedule in schedules):
        return Basis.ENERGY
    by_percent = all(price.percent is not None for schedule in schedules for price in schedule.prices)
    return Basis.PERCENT if by_percent else Basis.LEVELS


def _pieces(schedule: Schedule, need: Need, by: Basis) -> list[_Piece]:
    """The schedule until the horizon, cut at every change; a piece without a price counts as the most expensive."""
    until = min(need.horizon, schedule.end)
    starts = {slot.start for slot in schedule.slots} | {price.start for price in schedule.prices}
    if schedule.tariff is not None:
        starts |= {stack.start for stack in schedule.tariff.stacks}
    cuts = sorted(start for start in starts if start < until)
    if not cuts:
        return []  # it has no duration
    pieces = []
    for start, end in zip(cuts, [*cuts[1:], until], strict=True):
        watts = min(next((slot.watts for slot in reversed(schedule.slots) if slot.start <= start), 0.0), need.power)
        pieces.append(_Piece(start, end, watts, _price(schedule, start, watts, by)))
    return pieces


def _price(schedule: Schedule, second: float, watts: float, by: Basis) -> float:
    if by is Basis.FEES and schedule.tariff is not None:
        return schedule.tariff.rule(second, watts).fee
    price = next((price for price in reversed(schedule.prices) if price.start <= second), None)
    if price is None:
        return math.inf
    return (price.percent or 0.0) if by is Basis.PERCENT else price.level


def _cheapest(pieces: Sequence[_Piece], energy: float, *, waits: bool) -> tuple[set[int], float, float]:
    """The pieces that deliver ``energy`` (Wh), by their starts; the energy missing (Wh); the cost of the energy found.

    Args:
        waits: True: take the cheapest pieces; False: the first ones.
    """
    used, cost = set(), 0.0
    for piece in sorted(pieces, key=lambda piece: (piece.price, piece.start)) if waits else pieces:
        if energy <= 0.0:
            break
        part = min(energy, piece.energy)
        if part > 0.0:
            used.add(piece.start)
            cost += part * piece.price
            energy -= part
    return used, max(energy, 0.0), cost


def choose(schedules: Sequence[Schedule], need: Need) -> Schedule:
    """The schedule to follow; among equal ones the first.

    If all have prices: the one with the least energy missing at departure, then the cheapest. Levels are compared as
    they are across tariffs. Otherwise the one that allows the most energy. Without a departure nothing is deferred.
    """
    by = basis(schedules)
    if by is Basis.ENERGY:
        return max(schedules, key=lambda schedule: schedule.energy(need.horizon))

    def rank(schedule: Schedule) -> tuple[float, float, float]:
        _, missing, cost = _cheapest(_pieces(schedule, need, by), need.energy, waits=bool(need.departure))
        if schedule.available is not None:
            missing = max(missing, need.energy - schedule.available)
        return round(missing), cost, -schedule.energy(need.horizon)

    return min(schedules, key=rank)


def plan(schedule: Schedule, need: Need, element: Callable[[float], Any]) -> Schedule:
    """The schedule without power in intervals not needed until departure; unchanged without prices or a departure.

    Args:
        element: makes a PMax element from W.
    """
    by = basis([schedule])
    if by is Basis.ENERGY or not need.departure:
        return schedule
    pieces = _pieces(schedule, need, by)
    used, _, _ = _cheapest(pieces, need.energy * RESERVE, waits=True)
    slots: list[Slot] = []
    for piece in pieces:
        own = next((slot for slot in reversed(schedule.slots) if slot.start <= piece.start), Slot(0, 0.0))
        watts = own.watts if piece.start in used else 0.0
        if not slots or watts != slots[-1].watts:
            slots.append(Slot(piece.start, watts, own.pmax if watts else element(0.0)))
    return replace(schedule, slots=tuple(slots))


def steps(schedule: Schedule) -> tuple[Slot, ...]:
    """The slots that a profile has to follow: at most 24; the last one is as low as the lowest of those it replaces."""
    if len(schedule.slots) <= MAX_PROFILE_ENTRIES:
        return schedule.slots
    kept, rest = schedule.slots[: MAX_PROFILE_ENTRIES - 1], schedule.slots[MAX_PROFILE_ENTRIES - 1 :]
    lowest = min(rest, key=lambda slot: slot.watts)
    return (*kept, Slot(rest[0].start, lowest.watts, lowest.pmax))
