"""The DC output of a charger: what a driver has to do. `secc.simulated` has one in software.

Answers to requests never see a driver: they have a `secc.envelope.LimitedOutput` around it.

Volts, amperes, watts, ohms, seconds. Current flows to the vehicle; it is negative where the output takes power out of
the vehicle, which needs ratings and a ceiling that allow it. By default neither does.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from slac.connector import PowerClass

SAFE_VOLTAGE = 60.0  # touchable; IEC 61851-23 wants the output below it within 1 s of an emergency stop
FAULT_OHM_PER_VOLT = 100.0  # IEC 61851-23: below, no charging
WARNING_OHM_PER_VOLT = 500.0  # below, charging with a warning


class Insulation(enum.Enum):
    """State of the insulation monitor."""

    INVALID = "invalid"  # not tested
    RUNNING = "running"  # test under way
    VALID = "valid"
    WARNING = "warning"  # 100 to 500 ohm/V: charging allowed
    FAULT = "fault"  # below 100 ohm/V
    NO_MONITOR = "no monitor"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the output can do: V, A, W; ripple is peak to peak, tolerance the deviation of regulated current.

    The two of discharging are magnitudes; 0, one or both of them: it cannot take power out of a vehicle.
    """

    max_voltage: float
    max_current: float
    max_power: float
    min_voltage: float = 150.0
    min_current: float = 0.0
    ripple: float = 1.0
    tolerance: float = 1.0
    max_discharge_current: float = 0.0
    max_discharge_power: float = 0.0

    @property
    def sinks(self) -> bool:
        """Whether it can take power out of a vehicle."""
        return self.max_discharge_current > 0.0 and self.max_discharge_power > 0.0

    @property
    def ceiling(self) -> Ceiling:
        """The same as the most that an output may give and take."""
        return Ceiling(
            self.max_voltage,
            self.max_current,
            self.max_power,
            self.max_discharge_current if self.sinks else 0.0,
            self.max_discharge_power if self.sinks else 0.0,
            self.min_voltage,
        )

    @classmethod
    def of(cls, rating: PowerClass) -> Limits:
        """The limits of a power class."""
        return cls(rating.max_v, rating.max_a, rating.watts, min_voltage=rating.min_v)


class Ceiling(NamedTuple):
    """The most that an output may give: V, A, W; and what it may take out of the vehicle, which is nothing by default.

    The two of discharging are magnitudes; discharging stops where the voltage would fall below ``least_voltage``.
    """

    voltage: float = math.inf
    current: float = math.inf
    power: float = math.inf
    discharge_current: float = 0.0
    discharge_power: float = 0.0
    least_voltage: float = 0.0


def lower(one: Ceiling, other: Ceiling) -> Ceiling:
    """What both allow."""
    least_voltage = max(one.least_voltage, other.least_voltage)
    return Ceiling(*map(min, one, other))._replace(least_voltage=least_voltage)


class PowerSource(Protocol):
    """A DC output. Hardware drivers implement these members; `secc.envelope.LimitedOutput` alone calls the verbs."""

    @property
    def limits(self) -> Limits:
        """Limits now, with derating."""

    def bound(self, ceiling: Ceiling) -> None:
        """From now on never gives or takes more than this, whatever its targets; at once, also from an output above it.

        The last ceiling holds, also through `off`. Between messages nobody else looks, so the power too has to be kept
        here: voltage and current move on their ramps.
        """

    def aim(self, voltage: float, current: float) -> None:
        """Charging: goes for these targets, V and A; clips what is beyond the limits. Ends a running test.

        A negative current takes power out of the vehicle: as much as the ceiling allows, and at whatever voltage the
        vehicle has.

        Raises:
            ValueError: a target is not finite.
        """

    def precharge(self, voltage: float, current: float) -> None:
        """Brings the open output to the vehicle's voltage, V, with at most ``current`` A (2 A in the standards)."""

    @property
    def on(self) -> bool:
        """Whether it drives its output: from `aim`, `precharge` or a test until `off` or the end of the test."""

    @property
    def voltage(self) -> float:
        """Present voltage at the output, V."""

    @property
    def current(self) -> float:
        """Present current, A; negative out of the vehicle."""

    def start_insulation_test(self, voltage: float) -> None:
        """Tests insulation at this voltage, V (clipped to the limits); the output is below 60 V when it ends."""

    @property
    def insulation(self) -> Insulation:
        """State of the test, and of the monitor after it."""

    def off(self) -> None:
        """Output off at once: current gone within 0.1 s, open output below 60 V within 1 s. Insulation INVALID."""

    @property
    def fault(self) -> str | None:
        """What broke, or None. With a fault the output is off and stays off."""
