"""The traction battery: its energy, its voltage and the current it requests, as a car's battery management would.

The model is one series resistance behind an open-circuit voltage that depends on the state of charge (SoC). The current
it accepts is the smallest of four: the cells' limit at this SoC (taper), the limit that keeps the terminals at or below
the final voltage (constant voltage), the power limit, and the charger's limits. The current it gives back is limited in
the same four ways, with the empty battery's voltage as the bound; at or below the minimum SoC it gives nothing back.

Units: V, A, W, Wh, ohm, s; SoC from 0 to 1. Current into the battery is positive.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from boundary.choices import unknown

Curve = Sequence[tuple[float, float]]

# Open-circuit voltage of one nickel-manganese-cobalt cell over SoC; typical values.
NMC_CELL: Curve = (
    (0.0, 3.20), (0.05, 3.38), (0.1, 3.46), (0.2, 3.55), (0.3, 3.60), (0.4, 3.64), (0.5, 3.69),
    (0.6, 3.77), (0.7, 3.87), (0.8, 3.97), (0.9, 4.07), (1.0, 4.17),
)  # fmt: skip
NMC_FULL = 4.20  # final voltage of a cell

# Fraction of the largest current over SoC: low when empty, full in the middle, then falling. Modelled on measured cars.
TAPER: Curve = ((0.0, 0.5), (0.08, 1.0), (0.5, 1.0), (0.6, 0.8), (0.8, 0.45), (0.9, 0.2), (0.97, 0.08), (1.0, 0.03))


@dataclass(frozen=True, slots=True)
class Pack:
    """A battery type.

    Attributes:
        capacity_wh: usable energy, Wh.
        cells: number in series; multiplies ``cell_curve`` and ``cell_full``.
        resistance: pack resistance, ohm.
        max_current: largest charging current, A.
        max_power: largest charging power at the terminals, W.
        taper: fraction of ``max_current`` over SoC.
        max_discharge_current, max_discharge_power: out of the battery, as magnitudes, A and W; 0: no discharging.
    """

    name: str
    capacity_wh: float
    cells: int
    resistance: float
    max_current: float
    max_power: float
    cell_curve: Curve = NMC_CELL
    cell_full: float = NMC_FULL
    taper: Curve = TAPER
    max_discharge_current: float = 0.0
    max_discharge_power: float = 0.0

    @property
    def max_voltage(self) -> float:
        """Final charging voltage, V."""
        return self.cells * self.cell_full

    @property
    def min_voltage(self) -> float:
        """Open-circuit voltage when empty, V."""
        return self.cells * self.cell_curve[0][1]


PACKS: Mapping[str, Pack] = {
    pack.name: pack
    for pack in (
        Pack("28kWh", 28_000.0, 96, 0.10, 180.0, 70_000.0, max_discharge_current=60.0, max_discharge_power=20_000.0),
        Pack("400V", 60_000.0, 96, 0.06, 350.0, 125_000.0, max_discharge_current=150.0, max_discharge_power=50_000.0),
        Pack("800V", 90_000.0, 198, 0.12, 335.0, 270_000.0, max_discharge_current=150.0, max_discharge_power=100_000.0),
        Pack(
            "1200V",
            600_000.0,
            290,
            0.02,
            3000.0,
            3_000_000.0,
            max_discharge_current=500.0,
            max_discharge_power=500_000.0,
        ),
    )
}


def pack(name: str) -> Pack:
    """The preset with that name, regardless of case.

    Raises:
        ValueError: one line that lists the known presets.
    """
    for known, found in PACKS.items():
        if known.lower() == name.lower():
            return found
    raise ValueError(unknown("battery", name, PACKS))


class Wanted(NamedTuple):
    """Targets to send to the charger, in V and A."""

    voltage: float
    current: float


BULK = 0.8
"""SoC up to which most batteries take their full current."""


class Battery:
    """A battery in use.

    Attributes:
        pack: its type; its limits may be lowered while charging.
        rated: the ratings of the battery, whatever it requests now.
        soc: state of charge, 0 to 1.
        target_soc: where charging ends.
        min_soc: where discharging ends.
        current: current at the last `step`, A; negative out of the battery.
        delivered_wh: energy that entered at the terminals, heat losses included.
        returned_wh: energy that left at the terminals.
        highest_voltage, highest_current, highest_discharge: peaks at the terminals so far, in V, A and A (magnitude).
    """

    def __init__(
        self,
        pack: Pack = PACKS["400V"],
        soc: float = 0.2,
        *,
        target_soc: float = 0.8,
        bulk_soc: float | None = None,
        min_soc: float = 0.1,
    ) -> None:
        """Raises ValueError for an SoC outside 0 to 1."""
        for what, value in (
            ("soc", soc),
            ("target_soc", target_soc),
            ("bulk_soc", bulk_soc),
            ("min_soc", min_soc),
        ):
            if value is not None and not 0.0 <= value <= 1.0:
                raise ValueError(f"{what} of {value:g} is outside 0 to 1")
        self.pack = self.rated = pack
        self.soc = soc
        self.target_soc = target_soc
        self._bulk_soc = bulk_soc
        self.min_soc = min_soc
        self.current = 0.0
        self.delivered_wh = 0.0
        self.returned_wh = 0.0
        self.highest_voltage = 0.0
        self.highest_current = 0.0
        self.highest_discharge = 0.0
        self._source: tuple[float, Pack | None, tuple[float, float]] = (-1.0, None, (0.0, 0.0))  # at an SoC
        self._plan: tuple[tuple[object, ...], list[float]] = ((), [])

    @property
    def source(self) -> tuple[float, float]:
        """Open-circuit voltage and series resistance, V and ohm."""
        soc, pack, source = self._source
        if soc != self.soc or pack is not self.pack:
            source = (self._open_voltage(self.soc), self.pack.resistance)
            self._source = (self.soc, self.pack, source)
        return source

    @property
    def open_voltage(self) -> float:
        """Open-circuit voltage, V."""
        return self.source[0]

    @property
    def voltage(self) -> float:
        """Voltage at the terminals with the present current, V."""
        return self.open_voltage + self.current * self.pack.resistance

    @property
    def resistance(self) -> float:
        """Series resistance, ohm."""
        return self.pack.resistance

    @property
    def full(self) -> bool:
        """Whether the target is reached."""
        return self.soc >= self.target_soc - 1e-9

    @property
    def net_wh(self) -> float:
        """Energy that entered at the terminals minus energy that left, Wh."""
        return self.delivered_wh - self.returned_wh

    @property
    def drained(self) -> bool:
        """Whether the minimum SoC is reached, so that the battery gives nothing back."""
        return self.soc <= self.min_soc + 1e-9

    @property
    def bulk_soc(self) -> float:
        """Where the fast part of charging ends; some messages need it. As given, or 0.8, or earlier at the target."""
        return min(BULK, self.target_soc) if self._bulk_soc is None else self._bulk_soc

    @property
    def bulk_full(self) -> bool:
        """Whether the bulk SoC is reached."""
        return self.soc >= self.bulk_soc

    @property
    def missing_wh(self) -> float:
        """Energy needed to reach the target SoC, Wh."""
        return max(0.0, (self.target_soc - self.soc) * self.pack.capacity_wh)

    def wh_to(self, soc: float) -> float:
        """Energy needed to reach an SoC, Wh; negative if the battery already holds more."""
        return (soc - self.soc) * self.pack.capacity_wh

    def step(self, voltage: float, current: float, seconds: float) -> None:
        """Applies a current (A) at a terminal voltage (V) for some seconds.

        The stored power is the current times the open-circuit voltage, so a charger that misreports its voltage cannot
        fill the battery any faster; the terminal voltage only counts for `delivered_wh` and `returned_wh`. The SoC is
        clamped to 0 to 1.

        Raises:
            ValueError: a value is not finite, or ``seconds`` is negative.
        """
        if not (math.isfinite(voltage) and math.isfinite(current) and 0.0 <= seconds < math.inf):
            raise ValueError(f"step of {voltage} V, {current} A, {seconds} s")
        self.current = current
        self.highest_voltage = max(self.highest_voltage, voltage)
        self.highest_current = max(self.highest_current, current)
        self.highest_discharge = max(self.highest_discharge, -current)
        moved = voltage * current * seconds / 3600.0
        if moved >= 0.0:
            self.delivered_wh += moved
        else:
            self.returned_wh -= moved
        # In slices of at most a minute, because the voltage changes with the SoC.
        while seconds > 0.0:
            slice_ = min(seconds, 60.0)
            self.soc += self.open_voltage * current * slice_ / 3600.0 / self.pack.capacity_wh
            self.soc = min(1.0, max(0.0, self.soc))
            seconds -= slice_

    def rest(self) -> None:
        """Sets the current to zero: the terminals relax to the open-circuit voltage."""
        self.current = 0.0

    def wanted(
        self, max_voltage: float = math.inf, max_current: float = math.inf, max_power: float = math.inf
    ) -> Wanted:
        """Targets within the charger's limits (V, A, W): final voltage and tapered current; 0 A when full."""
        voltage = min(self.pack.max_voltage, max_voltage)
        if self.full:
            return Wanted(voltage, 0.0)
        return Wanted(voltage, self._acceptable(self.soc, voltage, max_current, max_power))

    def spare(self, max_current: float = math.inf, max_power: float = math.inf, least_voltage: float = 0.0) -> float:
        """Current the battery would give back now within the charger's limits, as a magnitude, A; 0 at the minimum SoC.

        Args:
            max_current, max_power: the charger's limits, A and W.
            least_voltage: the lowest voltage at which the charger works, V.
        """
        pack, emf, ohms = self.pack, self.open_voltage, self.pack.resistance
        floor = max(pack.min_voltage, least_voltage)
        if self.drained or emf <= floor:
            return 0.0
        watts = min(pack.max_discharge_power, max_power)
        return max(
            0.0, min(pack.max_discharge_current, max_current, (emf - floor) / ohms, -_by_power(-watts, emf, ohms))
        )

    def seconds_to(
        self,
        soc: float,
        max_voltage: float = math.inf,
        max_current: float = math.inf,
        max_power: float = math.inf,
    ) -> float:
        """Charging time to that SoC within these limits, s; infinite if it cannot be reached."""
        at = self.soc
        if at >= soc - 1e-9:
            return 0.0
        # The times for whole percents stay the same from second to second, as long as no limit changes.
        key = (self.pack, min(self.pack.max_voltage, max_voltage), max_current, max_power)
        if self._plan[0] != key:
            self._plan = (key, [self._seconds(step / 100.0, (step + 1) / 100.0, *key[1:]) for step in range(100)])
        percents = self._plan[1]
        first, last = math.ceil(at * 100.0 - 1e-9), math.floor(soc * 100.0 + 1e-9)
        if first > last:
            return self._seconds(at, soc, *key[1:])
        begin = self._seconds(at, first / 100.0, *key[1:])
        return begin + sum(percents[first:last]) + self._seconds(last / 100.0, soc, *key[1:])

    def _seconds(self, start: float, end: float, voltage: float, max_current: float, max_power: float) -> float:
        """Charging time over a step so small that the current at its midpoint represents all of it, s."""
        if end - start <= 1e-12:
            return 0.0
        middle = (start + end) / 2.0
        current = self._acceptable(middle, voltage, max_current, max_power)
        if current <= 0.0:
            return math.inf
        return (end - start) * self.pack.capacity_wh * 3600.0 / (self._open_voltage(middle) * current)

    def _open_voltage(self, soc: float) -> float:
        return self.pack.cells * _at(self.pack.cell_curve, soc)

    def _acceptable(self, soc: float, voltage: float, max_current: float, max_power: float) -> float:
        emf, ohms = self._open_voltage(soc), self.pack.resistance
        return max(
            0.0,
            min(
                self.pack.max_current * _at(self.pack.taper, soc),
                (voltage - emf) / ohms,  # constant voltage
                _by_power(max(min(self.pack.max_power, max_power), 0.0), emf, ohms),
                max_current,
            ),
        )


def _at(curve: Curve, x: float) -> float:
    """The curve at x: linear between its points, constant outside them."""
    index = bisect_right(curve, (x, math.inf))
    if index == 0:
        return curve[0][1]
    if index == len(curve):
        return curve[-1][1]
    (x0, y0), (x1, y1) = curve[index - 1], curve[index]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def _by_power(watts: float, emf: float, ohms: float) -> float:
    """Current at which the terminals take ``watts``, A; negative watts discharge, as far as the battery can."""
    if math.isinf(watts):
        return watts
    return (math.sqrt(max(emf * emf + 4.0 * ohms * watts, 0.0)) - emf) / (2.0 * ohms)
