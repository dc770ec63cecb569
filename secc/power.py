"""The DC output of a charger: the interface of a driver. `secc.simulated` has one in software.

Answers to requests never see a driver, only the `secc.envelope.LimitedOutput` around it.

Volts, amperes, watts, ohms, seconds. Current flows to the vehicle; a negative current takes power from the vehicle,
which requires ratings and a ceiling that allow it. By default neither does.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from slac.connector import PowerClass

FAULT_OHM_PER_VOLT = 100.0  # IEC 61851-23: no charging below this
WARNING_OHM_PER_VOLT = 500.0  # charging with a warning below this


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
    """Ratings of the output: V, A, W; ripple is peak to peak, tolerance the deviation of regulated current.

    ``ramp`` is how fast power may rise, percent of ``max_power`` per minute, or None; only ISO 15118-20 has it.

    The two discharge limits are magnitudes; if either is 0, the output cannot take power from a vehicle.
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
    ramp: float | None = None

    @property
    def sinks(self) -> bool:
        """Whether it can take power from a vehicle."""
        return self.max_discharge_current > 0.0 and self.max_discharge_power > 0.0

    @property
    def ceiling(self) -> Ceiling:
        """The same as the maximum that an output may deliver and take."""
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
    """The maximum that an output may deliver: V, A, W; and that it may take from the vehicle, zero by default.

    The two discharge limits are magnitudes; discharging stops before the voltage falls below ``least_voltage``.
    """

    voltage: float = math.inf
    current: float = math.inf
    power: float = math.inf
    discharge_current: float = 0.0
    discharge_power: float = 0.0
    least_voltage: float = 0.0


def lower(one: Ceiling, other: Ceiling) -> Ceiling:
    """The ceiling that both allow."""
    least_voltage = max(one.least_voltage, other.least_voltage)
    return Ceiling(*map(min, one, other))._replace(least_voltage=least_voltage)


class PowerSource(Protocol):
    """A DC output. Hardware drivers implement these members; only `secc.envelope.LimitedOutput` calls the methods."""

    @property
    def limits(self) -> Limits:
        """Present limits, with derating."""

    def bound(self, ceiling: Ceiling) -> None:
        """From now on never delivers or takes more than this, whatever its targets; at once, even if it exceeds it now.

        The last ceiling stays in force, even through `off`. Between messages only the driver can enforce it, including
        the power: voltage and current move on their ramps.
        """

    def aim(self, voltage: float, current: float) -> None:
        """Charges: drives to these targets, V and A, clipped to the limits. Ends a running test.

        A negative current takes power from the vehicle: as much as the ceiling allows, at the vehicle's voltage.

        Raises:
            ValueError: a target is not finite.
        """

    def precharge(self, voltage: float, current: float) -> None:
        """Brings the open output to the vehicle's voltage, V, with at most ``current`` A (2 A in the standards)."""

    @property
    def on(self) -> bool:
        """Whether the output is driven: from `aim`, `precharge` or a test until `off` or the end of the test."""

    @property
    def voltage(self) -> float:
        """Present voltage at the output, V."""

    @property
    def current(self) -> float:
        """Present current, A; negative: from the vehicle."""

    def start_insulation_test(self, voltage: float) -> None:
        """Tests insulation at this voltage, V (clipped to the limits); the output is below 60 V when it ends."""

    @property
    def insulation(self) -> Insulation:
        """State of the test, then of the monitor."""

    def off(self) -> None:
        """Switches off at once: current gone within 0.1 s, open output below 60 V within 1 s. Insulation INVALID."""

    @property
    def fault(self) -> str | None:
        """The fault, or None. With a fault the output is off and stays off."""
