"""The only access to a charger's DC output: it passes nothing that either side does not allow.

Rules:

- The code that answers requests has a `LimitedOutput`, never a driver. Targets for the driver are clipped to the lower
  of both sides' limits of voltage, current and power, and to the agreed power. The driver gets the same values as a
  ceiling (`PowerSource.bound`), which also holds between messages and takes effect at once when it is lowered.
- The vehicle is discharged only if both sides have declared that they can discharge, never below the vehicle's lowest
  voltage, and only while the agreed schedule and profile allow it. A vehicle whose service only charges declares no
  discharge limits.
- Nothing is allowed until the vehicle has declared its limits (ChargeParameterDiscovery): no voltage, no cable check.
  `forget` removes them at the end of a session, so the next vehicle never inherits any.
- In the loop a vehicle may lower its limits and raise them again up to what it declared, never above: the cable check
  tested the insulation at the declared voltage, and schedules were offered for the declared power. No recorded vehicle
  does so; one that can take more declares it in a new ChargeParameterDiscovery. On a side stream this works for
  current and power only: a higher voltage also needs another cable check.
- Limits are rounded down to 0.1 V and 0.1 A, the charger's reporting steps, so that the rounded report of an output at
  its limit does not exceed the limit.
- Clips are counted by kind; the first of each kind is reported.
- An insulation fault under voltage switches off at once, and counts as a charger fault until the end of the session.
- Only a cable check restores an output that was switched off; neither the pilot returning to C nor clearing the fault
  does. Only `rest`, for a renegotiation, keeps the result of the check.
- A driver that stays above its ceiling for `OVER_SECONDS` is switched off, which counts as a charger fault.

`tests/secc/test_doors.py` enforces this: no other module calls a driver's `aim`, `precharge`, `bound` or
`start_insulation_test`.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from secc.meter import Clock, loop_time
from secc.power import Ceiling, Insulation, Limits, PowerSource, lower
from v2g.rules.bounds import Descent

NOTHING = Ceiling(0.0, 0.0, 0.0)
UNITS = ("V", "A", "W", "A out of the vehicle", "W out of the vehicle")
STEP = 0.1  # V and A: reports and limits are rounded to multiples of this
OVER = 1.02  # above this factor, and beyond tolerance and ripple, a measured output exceeds its ceiling
OVER_SECONDS = 1.0  # time for a driver to return below its ceiling
TESTED = (Insulation.VALID, Insulation.WARNING, Insulation.NO_MONITOR)
NEAR = 0.995  # a limit counts as reached from this fraction of it


class Kind(enum.Enum):
    """Which quantity was clipped, and by whose limit."""

    OWN_VOLTAGE = "target voltage above the vehicle's own limit"
    OWN_CURRENT = "target current above the vehicle's own limit"
    OWN_POWER = "target power above the vehicle's own limit"
    CHARGER_VOLTAGE = "target voltage above the charger's limit"
    CHARGER_CURRENT = "target current above the charger's limit"
    OWN_DISCHARGE = "discharge current target above the vehicle's own limit"
    OWN_DISCHARGE_POWER = "discharge power target above the vehicle's own limit"
    CHARGER_DISCHARGE = "discharge current target above the charger's limit"
    RAISED = "limit raised in the loop above the one declared"


@dataclass
class Clip:
    """One kind of clip in a session: the values of the first one, and the count."""

    kind: Kind
    first: str
    count: int = 1

    @property
    def odd(self) -> bool:
        """Whether a summary should name it: targets above the charger's limit are normal until the vehicle knows it."""
        return self.count > 1 or self.kind not in USUAL

    def __str__(self) -> str:
        times = "once" if self.count == 1 else f"{self.count} times"
        return f"{self.kind.value}: {self.first}; clipped {times}"


USUAL = (Kind.CHARGER_VOLTAGE, Kind.CHARGER_CURRENT, Kind.CHARGER_DISCHARGE)


class Reached(NamedTuple):
    """Which limits keep the output from delivering, or taking, as much as requested."""

    voltage: bool
    current: bool
    power: bool


class LimitedOutput:
    """A DC output within the limits of both sides; wraps any driver.

    Attributes:
        driver: the hardware or the simulation; the bench uses it to derate, break and repair the output.
        clips: clips since the limits were last forgotten, by kind.
        on_clip: is notified of the first clip of each kind.
        interlock: whether the output may come on now; the outlet says so, by its pilot and its faults.
        on_step: is called before and after everything that may change the power at once: a meter needs both readings.
    """

    def __init__(self, driver: PowerSource, *, clock: Clock = loop_time) -> None:
        self.driver = driver
        self.clips: dict[Kind, Clip] = {}
        self.on_clip: Callable[[Clip], None] = lambda clip: None
        self.interlock: Callable[[], bool] = lambda: True
        self.on_step: Callable[[], object] = lambda: None
        self._clock = clock
        self._declared = NOTHING
        self._vehicle = NOTHING  # present limits: declared, or lowered in the loop
        self._agreed = (math.inf, 0.0)  # W into the vehicle, and out of it
        self._allowed = NOTHING  # by the vehicle, and by the agreed power
        self._own: Limits | None = None  # the charger's limits from which `_top` was computed
        self._top = NOTHING
        self._asked: tuple[float, float] | None = None
        self._again: Callable[[], None] | None = None  # repeats the present targets within new limits
        self._over_since: float | None = None
        self._descent = Descent()
        self._tripped: str | None = None
        self._leaked = False
        self._testing = self._tested = False
        self._push()

    # -- limits -------------------------------------------------------------------------------------------------------

    @property
    def limits(self) -> Limits:
        """The charger's own present limits, with derating."""
        return self.driver.limits

    @property
    def vehicle(self) -> Ceiling:
        """The vehicle's present limits; all zero until it has declared any."""
        return self._vehicle

    @property
    def declared(self) -> Ceiling:
        """The vehicle's limits as it declared them before the loop."""
        return self._declared

    @property
    def ceiling(self) -> Ceiling:
        """The lower of both sides' present limits, and of the agreed power."""
        own = self.driver.limits
        if own is not self._own:  # derating changes them
            self._own = own
            self._top = lower(own.ceiling, self._allowed)
        return self._top

    @property
    def max_power(self) -> float:
        """Power that the charger offers now, W: its own limit, or the agreed power if that is less."""
        return min(self.driver.limits.max_power, self._agreed[0])

    @property
    def max_discharge_power(self) -> float:
        """Power that the charger would take now, W, as a magnitude: its own limit, or the agreed power if less."""
        return min(self.driver.limits.ceiling.discharge_power, self._agreed[1])

    def declare(self, limits: Ceiling) -> None:
        """Sets the vehicle's limits from ChargeParameterDiscovery; another one in a renegotiation replaces them.

        A declaration while the output is on never raises the voltage: no cable check has tested the higher one.

        Raises:
            ValueError: a limit is negative or not a number.
        """
        limits = _rounded(limits)
        tested = self._declared.voltage
        if self.driver.on and 0.0 < tested < limits.voltage:
            self._clipped(Kind.RAISED, f"{limits.voltage:g} V, but the insulation was tested at {tested:g} V")
            limits = limits._replace(voltage=tested)
        self._declared = self._vehicle = limits
        self._changed()

    def change(
        self,
        voltage: float | None = None,
        current: float | None = None,
        power: float | None = None,
        discharge_current: float | None = None,
        discharge_power: float | None = None,
        least_voltage: float | None = None,
    ) -> None:
        """Sets the vehicle's limits from the loop, V, A, W, never wider than declared; None keeps a limit.

        Raises:
            ValueError: a limit is negative or not a number.
        """
        now, declared = self._vehicle, self._declared
        given = (voltage, current, power, discharge_current, discharge_power, least_voltage)
        asked = _rounded(Ceiling(*(old if new is None else new for new, old in zip(given, now, strict=True))))
        if asked == now:
            return
        for value, most, unit in zip(asked[:-1], declared[:-1], UNITS, strict=True):
            if value > most + STEP:
                self._clipped(Kind.RAISED, f"{value:g} {unit}, but {most:g} {unit} was declared")
        if asked.least_voltage < declared.least_voltage - STEP:
            text = f"discharging down to {asked.least_voltage:g} V, but {declared.least_voltage:g} V was declared"
            self._clipped(Kind.RAISED, text)
        self._vehicle = lower(asked, declared)
        self._changed()

    def agree(self, watts: float, least: float = 0.0) -> None:
        """Sets the maximum and minimum power that schedules and profile allow now, W; a negative minimum discharges."""
        agreed = max(0.0, watts), max(0.0, -least)
        if agreed != self._agreed:
            self._agreed = agreed
            self._changed()

    def forget(self) -> None:
        """Between sessions: switches the output off, and allows nothing until the next declaration."""
        self.off()
        self._declared = self._vehicle = NOTHING
        self._agreed = (math.inf, 0.0)
        self._tripped, self._leaked = None, False
        self.clips = {}
        self.on_clip = lambda clip: None
        self._push()

    # -- what the answers have it do ----------------------------------------------------------------------------------

    def deliver(self, voltage: float, current: float) -> None:
        """Charges, or discharges with a negative current: drives to these targets, V and A, within the limits.

        Does nothing without a cable check (`tested`).

        Raises:
            ValueError: a target is not finite.
        """
        self._go(self.driver.aim, voltage, current)

    def bring_to(self, voltage: float, current: float) -> None:
        """Precharge: brings the open output to the vehicle's voltage, V, with at most ``current`` A.

        Does nothing without a cable check (`tested`).

        Raises:
            ValueError: a target is not finite.
        """
        self._go(self.driver.precharge, voltage, max(current, 0.0))

    def ramp_down(self) -> None:
        """Reduces the current to zero at the present voltage."""
        self._go(self.driver.aim, min(self.driver.voltage, self.ceiling.voltage), 0.0)

    def test_insulation(self, most: float = math.inf) -> None:
        """Tests the insulation at the highest voltage that both sides allow, but at no more than ``most`` V."""
        self._asked, self._again = None, None
        voltage = min(self.ceiling.voltage, most)
        if self._tripped is None and voltage > 0.0 and self.interlock():
            self._testing, self._tested = True, False
            self.driver.start_insulation_test(voltage)

    @property
    def tested(self) -> bool:
        """Whether a cable check has passed since the output was last switched off; otherwise it is not driven."""
        if self._again is not None and not self.driver.on:
            self.off()  # it went off by itself
        self._tested = self._tested or (self._testing and self.driver.insulation in TESTED)
        return self._tested

    def rest(self) -> None:
        """Output off at once; it may come back without another cable check."""
        tested = self.tested
        self.off()
        self._tested = tested

    def off(self) -> None:
        """Output off at once."""
        self._testing = self._tested = False
        self._asked, self._again, self._over_since = None, None, None
        self._step(self.driver.off)

    # -- what they read -----------------------------------------------------------------------------------------------

    @property
    def on(self) -> bool:
        """Whether the output is driven."""
        return self.driver.on

    @property
    def voltage(self) -> float:
        """Present voltage at the output, V."""
        return self.driver.voltage

    @property
    def current(self) -> float:
        """Present current, A; negative out of the vehicle."""
        return self.driver.current

    @property
    def coming_down(self) -> bool:
        """Whether no current is requested any longer and the remaining current is falling."""
        nothing = self._asked is not None and abs(min(self._asked[1], self.ceiling.current)) < STEP
        falls = self._descent.falls(abs(self.driver.current), self._clock())
        return nothing and falls

    @property
    def insulation(self) -> Insulation:
        """State of the insulation monitor; a fault that switched the output off is latched."""
        return Insulation.FAULT if self._leaked else self.driver.insulation

    @property
    def fault(self) -> str | None:
        """The fault, or None: one in the driver, or a driver that did not obey."""
        return self._tripped or self.driver.fault

    @property
    def reached(self) -> Reached:
        """Which limits restrict the output now: the charger's, or the vehicle's own if it requested more than those."""
        if self._asked is None or self._again is None or not self.driver.on:
            return Reached(voltage=False, current=False, power=False)
        (voltage, current), own, top = self._asked, self.driver.limits, self.ceiling
        volts, amps = self.driver.voltage, self.driver.current
        if current < 0.0:
            return self._reached_discharging(current, volts, -amps)
        near = _near(amps, own)
        return Reached(
            voltage=(voltage >= own.max_voltage or voltage > top.voltage + STEP) and volts >= top.voltage * NEAR,
            current=(current >= own.max_current or current > top.current + STEP) and near >= top.current,
            power=current * volts > top.power * 1.001 and near * volts >= top.power * NEAR,
        )

    def _reached_discharging(self, asked: float, volts: float, amps: float) -> Reached:
        own, top = self.driver.limits.ceiling, self.ceiling
        near = _near(amps, self.driver.limits)
        return Reached(
            voltage=volts * NEAR <= top.least_voltage,
            current=(-asked >= own.discharge_current or -asked > top.discharge_current + STEP)
            and near >= top.discharge_current,
            power=-asked * volts > top.discharge_power * 1.001 and near * volts >= top.discharge_power * NEAR,
        )

    def watch(self) -> None:
        """Checks whether the driver obeys; called with each target, and periodically while a session is served.

        A battery above the ceiling holds its voltage there: without a current, that is not the driver's fault.
        """
        top, own = self.ceiling, self.driver.limits
        if not self.driver.on:
            self._over_since = None
            return
        if self.driver.insulation is Insulation.FAULT:
            self.off()
            self._leaked, self._tripped = True, "insulation fault with the output on"
            return
        volts, amps = self.driver.voltage, self.driver.current
        self._descent.falls(abs(amps), self._clock())
        slack = own.tolerance + own.ripple / 2.0
        over = ""
        if amps > top.current * OVER + slack:
            over = f"{amps:.1f} A, at most {top.current:g} A"
        elif -amps > top.discharge_current * OVER + slack:
            over = f"{-amps:.1f} A out of the vehicle, at most {top.discharge_current:g} A"
        elif volts > top.voltage * OVER + 1.0 and abs(amps) > slack:
            over = f"{volts:.1f} V, at most {top.voltage:g} V"
        elif volts < top.least_voltage / OVER - 1.0 and -amps > slack:
            over = f"discharging at {volts:.1f} V, at least {top.least_voltage:g} V"
        elif volts * amps > top.power * OVER + slack * volts:
            over = f"{volts * amps:.0f} W, at most {top.power:g} W"
        elif -volts * amps > top.discharge_power * OVER + slack * volts:
            over = f"{-volts * amps:.0f} W out of the vehicle, at most {top.discharge_power:g} W"
        if not over:
            self._over_since = None
        elif self._over_since is None:
            self._over_since = self._clock()
        elif self._clock() - self._over_since >= OVER_SECONDS:
            self.off()
            self._tripped = f"the output did not obey its limits: {over}"

    # -- inside -------------------------------------------------------------------------------------------------------

    def _go(self, drive: Callable[[float, float], None], voltage: float, current: float) -> None:
        if not (math.isfinite(voltage) and math.isfinite(current)):
            raise ValueError(f"target of {voltage} V and {current} A is not finite")
        voltage = max(voltage, 0.0)
        self.watch()
        top, vehicle = self.ceiling, self._vehicle
        if -current > top.discharge_current + STEP:
            kind = Kind.OWN_DISCHARGE if -current > vehicle.discharge_current + STEP else Kind.CHARGER_DISCHARGE
            self._clipped(kind, f"{-current:g} A out of the vehicle, at most {top.discharge_current:g} A")
        for value, most, mine, theirs, unit in (
            (voltage, top.voltage, Kind.CHARGER_VOLTAGE, Kind.OWN_VOLTAGE, "V"),
            (current, top.current, Kind.CHARGER_CURRENT, Kind.OWN_CURRENT, "A"),
        ):
            if value > most + STEP:
                limit = vehicle.voltage if unit == "V" else vehicle.current
                self._clipped(theirs if value > limit + STEP else mine, f"{value:g} {unit}, at most {most:g} {unit}")
        if self._tripped is not None or not self.tested or not self.interlock():
            return
        watts = min(current, top.current) * min(self.driver.voltage, top.voltage)
        if watts > vehicle.power * OVER:
            self._clipped(Kind.OWN_POWER, f"{watts:.0f} W, at most {vehicle.power:g} W")
        watts = min(-current, top.discharge_current) * self.driver.voltage
        if watts > vehicle.discharge_power * OVER:
            text = f"{watts:.0f} W out of the vehicle, at most {vehicle.discharge_power:g} W"
            self._clipped(Kind.OWN_DISCHARGE_POWER, text)
        self._asked = (voltage, current)

        def again() -> None:
            top = self.ceiling
            clipped = min(voltage, top.voltage), max(min(current, top.current), -top.discharge_current)
            self._step(lambda: drive(*clipped))

        self._again = again
        again()

    def _changed(self) -> None:
        self._push()
        if self._again is not None and self.driver.on:
            self._again()

    def _push(self) -> None:
        vehicle, (charge, discharge) = self._vehicle, self._agreed
        self._allowed = vehicle._replace(
            power=min(vehicle.power, charge), discharge_power=min(vehicle.discharge_power, discharge)
        )
        self._own = None
        self._step(lambda: self.driver.bound(self._allowed))

    def _step(self, act: Callable[[], None]) -> None:
        self.on_step()
        act()
        self.on_step()

    def _clipped(self, kind: Kind, text: str) -> None:
        if (clip := self.clips.get(kind)) is not None:
            clip.count += 1
        else:
            clip = self.clips[kind] = Clip(kind, text)
            self.on_clip(clip)


def _near(amps: float, own: Limits) -> float:
    """The highest current that an output may mean that measures this much, A: it regulates with a tolerance."""
    return amps * 1.01 + 0.1 + own.tolerance + own.ripple / 2.0


def _rounded(limits: Ceiling) -> Ceiling:
    if not all(value >= 0.0 for value in limits):
        given = ", ".join(f"{value} {unit}" for value, unit in zip(limits, (*UNITS, "V at least"), strict=True))
        raise ValueError(f"limits of {given}")
    return Ceiling(
        _down(limits.voltage),
        _down(limits.current),
        limits.power,
        _down(limits.discharge_current),
        limits.discharge_power,
        0.0 - _down(-limits.least_voltage),
    )


def _down(value: float) -> float:
    return round(math.floor(value / STEP + 1e-6) * STEP, 1) if math.isfinite(value) else value
