"""A DC output in software that behaves like a power stack: ramps, ripple, an insulation test, a battery behind it.

Rules:

- Nothing here waits. Slow processes (ramps, the insulation test, the discharge) are computed from the loop's time when
  a value is read, so there is no background task to start, stop or forget.
- A ceiling (`PowerSource.bound`), a rating and a derating apply to the actual output, with regulation error and the
  peaks of the ripple: the simulated output limits peaks, not means. Measurements have no additional error. So neither
  the output nor its report ever exceeds a limit.
- A lowered limit takes effect at once; targets are followed on ramps.
"""

from __future__ import annotations

import enum
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from secc.meter import Clock, loop_time
from secc.power import FAULT_OHM_PER_VOLT, WARNING_OHM_PER_VOLT, Ceiling, Insulation, Limits, lower

_HAIR = 1e-6  # V: rounding error

Load = Callable[[], tuple[float, float] | None]


class _Mode(enum.Enum):
    OFF = enum.auto()
    TEST = enum.auto()
    PRECHARGE = enum.auto()
    CHARGE = enum.auto()


@dataclass(frozen=True, slots=True)
class Dynamics:
    """How fast a simulated output is.

    Attributes:
        volts_per_second: ramp of the voltage, V/s. With 300, precharge for a 400 V car takes about 1.5 s.
        amps_per_second: ramp of the current, up and down, A/s. 100 is usual; vehicles request less anyway.
        off_seconds: time after `off` until the current is gone, s.
        discharge: time constant of the open output after `off`, s: from 1000 V to below 60 V in 0.85 s.
        test_seconds: minimum duration of an insulation test, s (chargers in the field: 7 to 15).
        efficiency: output power divided by input power.
    """

    volts_per_second: float = 300.0
    amps_per_second: float = 100.0
    off_seconds: float = 0.05
    discharge: float = 0.3
    test_seconds: float = 5.0
    efficiency: float = 0.95


class SimulatedPowerSource:
    """A power stack in software.

    ``load`` represents the vehicle behind the connector: a callable that returns the battery's open-circuit voltage and
    resistance (V, ohm) while the vehicle's contactors are closed, and None while they are open. Without one, as in a
    separate process, the charging output behaves as if the load took the requested current at the requested voltage;
    then voltage and current follow the ramps and limits, but not a battery.

    Attributes:
        load: see above.
        insulation_ohms: resistance of the output to earth; the test divides it by the test voltage.
        monitor: whether there is an insulation monitor.
    """

    def __init__(
        self,
        limits: Limits,
        dynamics: Dynamics | None = None,
        *,
        load: Load | None = None,
        rng: random.Random | None = None,
        clock: Clock = loop_time,
    ) -> None:
        """``rng`` makes the ripple of the measured values and the fixed regulation error; without it both are zero."""
        self.load = load
        self.insulation_ohms = 2e6
        self.monitor = True
        self._rated = self._limits = limits
        self._derating = 1.0
        self._ceiling = Ceiling()
        self._top = lower(limits.ceiling, self._ceiling)
        self._dynamics = dynamics or Dynamics()
        self._rng = rng
        self._error = 1.0 + rng.uniform(-1.0, 1.0) * limits.tolerance / limits.max_current if rng else 1.0
        self._clock = clock
        self._mode = _Mode.OFF
        self._asked = (0.0, 0.0)
        self._aim = (0.0, 0.0)
        self._volts = 0.0  # of the output, exact
        self._amps = 0.0
        self._noise = 0.0
        self._time: float | None = None
        self._seen: tuple[float, float] | None = None  # the load at that time
        self._out = (0.0, 0.0)  # flowing at that time, V and A
        self._settled = False  # no new request since that time
        self._off_slope = 0.0
        self._test_start = 0.0
        self._test_volts = 0.0
        self._tested_volts: float | None = None
        self._fault: str | None = None

    @property
    def limits(self) -> Limits:
        return self._limits

    def bound(self, ceiling: Ceiling) -> None:
        if not all(value >= 0.0 for value in ceiling):
            raise ValueError(f"a ceiling of {ceiling.voltage} V, {ceiling.current} A, {ceiling.power} W")
        if self._mode is not _Mode.OFF:  # an output that is off falls by itself; there may be no loop yet
            self._advance()
        self._ceiling = ceiling
        self._limit()

    def aim(self, voltage: float, current: float) -> None:
        self._target(_Mode.CHARGE, voltage, current)

    def precharge(self, voltage: float, current: float = 2.0) -> None:
        self._target(_Mode.PRECHARGE, voltage, current)

    @property
    def on(self) -> bool:
        self._advance()
        return self._mode is not _Mode.OFF

    @property
    def voltage(self) -> float:
        self._advance()
        return self._out[0]

    @property
    def current(self) -> float:
        self._advance()
        return self._out[1]

    def measure(self) -> tuple[float, float]:
        """Voltage and current at this moment, V and A."""
        self._advance()
        return self._out

    def start_insulation_test(self, voltage: float) -> None:
        _check(voltage, 0.0)
        self._advance()
        if self._fault is not None:
            return
        self._settled = False
        self._mode = _Mode.TEST
        self._amps = 0.0
        self._tested_volts = None
        self._test_start = self._clock()
        self._test_volts = min(voltage, self._top.voltage)

    @property
    def insulation(self) -> Insulation:
        self._advance()
        if not self.monitor:
            return Insulation.NO_MONITOR
        if self._mode is _Mode.TEST:
            return Insulation.RUNNING
        if self._tested_volts is None:
            return Insulation.INVALID
        # The monitor keeps watching after the test, so a resistance that drops while charging shows at once.
        per_volt = self.insulation_ohms / max(self._tested_volts, 1.0)
        if per_volt < FAULT_OHM_PER_VOLT:
            return Insulation.FAULT
        return Insulation.WARNING if per_volt < WARNING_OHM_PER_VOLT else Insulation.VALID

    def off(self) -> None:
        self._advance()
        self._tested_volts = None
        if self._mode is _Mode.OFF:
            return
        self._settled = False
        self._mode = _Mode.OFF
        self._asked = self._aim = (0.0, 0.0)
        self._off_slope = abs(self._amps) / max(self._dynamics.off_seconds, 1e-6)

    @property
    def fault(self) -> str | None:
        return self._fault

    @property
    def input_power(self) -> float:
        """Power drawn from the grid, W; negative: fed back."""
        self._advance()
        watts, efficiency = self._volts * self._amps, self._dynamics.efficiency
        return watts / efficiency if watts >= 0.0 else watts * efficiency

    def derate(self, part: float) -> None:
        """Reduces current and power limits to this fraction (0 to 1) of the rating, as heat does. 1 restores them.

        Raises:
            ValueError: the fraction is outside 0 to 1.
        """
        if not 0.0 <= part <= 1.0:
            raise ValueError(f"derating to {part:g} is outside 0 to 1")
        self._advance()
        self._derating = part
        self._limit()

    def rate(self, limits: Limits) -> None:
        """Changes the ratings; a derating applies to the new ones as well."""
        self._advance()
        self._rated = limits
        self._limit()

    @property
    def rated(self) -> Limits:
        """Ratings, without derating."""
        return self._rated

    def break_down(self, why: str) -> None:
        """Injects a fault: the output goes off and refuses targets until `repair`."""
        self.off()
        self._fault = why

    def repair(self) -> None:
        """Clears the fault; the output stays off until the next target."""
        self._fault = None

    # ------------------------------------------------------------------------------------------ physics

    def _target(self, mode: _Mode, voltage: float, current: float) -> None:
        _check(voltage, current)
        self._advance()
        if self._fault is not None:
            return
        if self._mode is _Mode.TEST:
            self._tested_volts = None  # aborted
        self._settled = self._settled and mode is self._mode
        self._mode = mode
        # No power is taken from an inlet whose contactors are open, or if the ceiling does not allow it.
        self._asked = (max(voltage, 0.0), current if mode is _Mode.CHARGE else max(current, 0.0))
        self._aim = self._clip(*self._asked)

    def _clip(self, voltage: float, current: float) -> tuple[float, float]:
        return min(voltage, self._top.voltage), max(min(current, self._top.current), -self._top.discharge_current)

    def _limit(self) -> None:
        """Adopts changed limits, and brings the output below them."""
        rated, part = self._rated, self._derating
        self._limits = replace(
            rated,
            max_current=rated.max_current * part,
            max_power=rated.max_power * part,
            max_discharge_current=rated.max_discharge_current * part,
            max_discharge_power=rated.max_discharge_power * part,
        )
        self._top = lower(self._limits.ceiling, self._ceiling)
        self._aim = self._clip(*self._asked)
        self._hold(self.load() if self.load else None)
        self._out = self._flowing()

    def _hold(self, load: tuple[float, float] | None) -> None:
        """Keeps the output at or below the limits, at once: targets have ramps, limits do not."""
        if self._mode is _Mode.OFF:
            return
        top = self._top
        if load is not None and self._mode is not _Mode.TEST:
            emf, ohms = load
            by_voltage = max(0.0, (top.voltage - emf) / max(ohms, 1e-3))
            most = min(top.current, by_voltage)
            if self._amps > most:
                self._amps = most
            # The exact bound takes a square root, which is needed only near the limit.
            if self._amps * (emf + self._amps * ohms) > top.power:
                self._amps = min(self._amps, _power_bound(top.power, emf, ohms))
            if self._amps < 0.0:
                self._amps = max(self._amps, -_discharge_bound(top, emf, ohms))
            self._volts = emf + self._amps * ohms
            return
        self._volts = min(self._volts, top.voltage)
        self._amps = self._within(self._volts, self._amps)

    def _within(self, volts: float, amps: float) -> float:
        """A current at a terminal voltage, kept within the ceiling in both directions, A."""
        top = self._top
        if amps >= 0.0:
            return min(amps, top.current, top.power / volts if volts > 0.0 else math.inf)
        if volts <= 0.0 or not top.least_voltage - _HAIR <= volts <= top.voltage + _HAIR:
            return 0.0
        return max(amps, -top.discharge_current, -top.discharge_power / volts)

    def _advance(self) -> None:
        """Advances the state to the present. The ramps are linear, so the step may have any length."""
        now = self._clock()
        load = self.load() if self.load else None
        if now == self._time and self._settled and load == self._seen:
            return  # several values are read at one moment
        seconds = 0.0 if self._time is None else now - self._time
        if self._time is None or seconds > 0.0:
            self._noise = self._rng.uniform(-1.0, 1.0) if self._rng else 0.0
        self._time, self._seen, self._settled = now, load, True
        if self._mode is _Mode.TEST:
            self._test(now)
        elif self._mode is _Mode.OFF:
            self._discharge(seconds, load)
        else:
            self._drive(seconds, load)
        self._out = self._flowing()

    def _flowing(self) -> tuple[float, float]:
        """Voltage and current with ripple and regulation error, V and A, within the limits."""
        volts, amps, noise, top = self._volts, self._amps, self._noise, self._top
        driven = self._mode is not _Mode.OFF
        if driven and noise:
            # The voltage ripple of a regulated stack is small compared with its current ripple: 0.1 percent. A battery
            # above the limit keeps its voltage, whatever the output does.
            rippled = min(volts * (1.0 + 0.001 * noise), max(top.voltage, volts))
            volts = max(0.0, rippled, min(top.least_voltage, volts) if amps < 0.0 else 0.0)
        if amps:
            rippled = amps * self._error + noise * self._rated.ripple / 2.0
            amps = max(0.0, rippled) if amps > 0.0 else min(0.0, rippled)
            if driven:
                amps = self._within(volts, amps)
        return volts, amps

    def _test(self, now: float) -> None:
        """Ramps up, holds, ramps down: the output is safe again before the result is available."""
        ramp = self._test_volts / self._dynamics.volts_per_second
        whole = max(self._dynamics.test_seconds, 2.0 * ramp)
        age = now - self._test_start
        self._volts = self._test_volts * max(0.0, min(1.0, age / ramp, (whole - age) / ramp)) if ramp > 0.0 else 0.0
        self._volts = min(self._volts, self._top.voltage)
        if age >= whole - 1e-9:
            self._volts = 0.0
            self._mode = _Mode.OFF
            self._off_slope = 0.0
            self._tested_volts = self._test_volts

    def _discharge(self, seconds: float, load: tuple[float, float] | None) -> None:
        self._amps = _toward(self._amps, 0.0, self._off_slope * seconds)
        if load is not None:
            self._volts = load[0] + self._amps * load[1]  # the battery, as long as the vehicle's contactors are closed
        else:
            if self.load is not None:
                self._amps = 0.0  # no load to take it
            self._volts *= math.exp(-seconds / self._dynamics.discharge)

    def _drive(self, seconds: float, load: tuple[float, float] | None) -> None:
        goal_v, goal_a = self._aim
        climb = self._dynamics.volts_per_second * seconds
        slope = self._dynamics.amps_per_second * seconds
        open_circuit = load is None and (self.load is not None or self._mode is _Mode.PRECHARGE)
        if load is not None:
            emf, ohms = load
            # Constant voltage takes over if the battery at this current would exceed the target voltage.
            goal_a = min(goal_a, max(0.0, (goal_v - emf) / max(ohms, 1e-3)))
            self._amps = _toward(self._amps, goal_a, slope)
        else:
            # The precharge current only charges the capacitance of cable and inlet; it determines how fast.
            if self._mode is _Mode.PRECHARGE:
                climb *= min(1.0, goal_a / 2.0) if goal_a > 0.0 else 0.5
            if goal_a >= 0.0:  # a discharging battery keeps its own voltage
                self._volts = _toward(self._volts, goal_v, climb)
            self._amps = 0.0 if open_circuit else _toward(self._amps, goal_a, slope)
        self._hold(load)


def _toward(now: float, goal: float, step: float) -> float:
    return min(goal, now + step) if now < goal else max(goal, now - step)


def _power_bound(watts: float, emf: float, ohms: float) -> float:
    """Current at which a battery of this voltage and resistance takes ``watts``, A."""
    if ohms <= 0.0:
        return watts / emf if emf > 0.0 else math.inf
    return (math.sqrt(emf * emf + 4.0 * ohms * watts) - emf) / (2.0 * ohms)


def _discharge_bound(top: Ceiling, emf: float, ohms: float) -> float:
    """Magnitude of the current that may be taken from a battery of this voltage and resistance, A."""
    if not top.least_voltage <= emf <= top.voltage or emf <= 0.0:
        return 0.0
    by_voltage = (emf - top.least_voltage) / max(ohms, 1e-3)
    if ohms <= 0.0:
        by_power = top.discharge_power / emf
    else:
        rest = emf * emf - 4.0 * ohms * top.discharge_power  # negative: more than the battery can ever give
        by_power = (emf - math.sqrt(rest)) / (2.0 * ohms) if rest >= 0.0 else math.inf
    return min(top.discharge_current, by_voltage, by_power)


def _check(voltage: float, current: float) -> None:
    if not (math.isfinite(voltage) and math.isfinite(current)):
        raise ValueError(f"target of {voltage} V and {current} A is not finite")
