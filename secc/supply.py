"""The AC side of a charger: the mains, a contactor, and the limits agreed with the vehicle."""

from __future__ import annotations

import math
from collections.abc import Callable

from secc.meter import Clock, loop_time

GRID_FREQUENCY = 50.0  # Hz


class AcSupply:
    """AC side: a supply and its contactor.

    Attributes:
        nominal_voltage: line-to-neutral voltage, V.
        frequency: grid frequency, Hz.
        phases: number of phases, 1 or 3.
        max_current: maximum current per phase, A.
        max_discharge_current: maximum current per phase from the vehicle, A; 0: it takes nothing back.
        max_asymmetry: maximum power difference between phases, W, or None for no limit; it also caps the power of a
            session on one phase.
        ramp: maximum rate of change of a vehicle's power, percent of the largest power per minute, or None.
        agreed: maximum current per phase agreed with the vehicle, A; infinite without an agreement.
        agreed_back: the same from the vehicle, as a magnitude, A; 0 without an agreement.
        in_use: number of phases that the session uses.
        interlock: whether the contactor may close now; the outlet says so, by its pilot and its faults.
        on_step: is called before and after the contactor opens: a meter needs both readings.
        rcd_tripped: residual current device; True is a fault and opens the contactor.
        sticks: fault to inject: the contactor no longer moves.
        load: current per phase that the vehicle draws, A; negative: feeds back. Without one (a separate process), the
            vehicle is assumed to draw all it is offered, or feed back all that is agreed: an upper bound for the meter.
        load_phases: number of phases that the vehicle uses; without one, those in use.
        load_reactive: reactive power over all phases, VAr; negative: capacitive; without one, zero.
    """

    def __init__(
        self,
        nominal_voltage: float = 230.0,
        phases: int = 3,
        max_current: float = 32.0,
        *,
        max_discharge_current: float = 0.0,
        close_seconds: float = 0.2,
        load: Callable[[], float] | None = None,
        load_phases: Callable[[], int] | None = None,
        load_reactive: Callable[[], float] | None = None,
        clock: Clock = loop_time,
    ) -> None:
        """``close_seconds`` is the closing time of the contactor, s; the standards allow 3 s."""
        self.nominal_voltage = nominal_voltage
        self.frequency = GRID_FREQUENCY
        self.phases = phases
        self.max_current = max_current
        self.max_discharge_current = max_discharge_current
        self.max_asymmetry: float | None = None
        self.ramp: float | None = None
        self.agreed, self.agreed_back = math.inf, 0.0
        self.in_use = phases
        self.interlock: Callable[[], bool] = lambda: True
        self.on_step: Callable[[], object] = lambda: None
        self.sticks = False
        self.load = load
        self.load_phases = load_phases
        self.load_reactive = load_reactive
        self._rcd = False
        self._close_seconds = close_seconds
        self._clock = clock
        self._closing_since: float | None = None

    @property
    def driven(self) -> bool:
        """Whether the contactor is closed or closing."""
        return self._closing_since is not None

    @property
    def closed(self) -> bool:
        """Whether the contactor has closed."""
        return self._closing_since is not None and self._clock() - self._closing_since >= self._close_seconds

    @property
    def rcd_tripped(self) -> bool:
        return self._rcd

    @rcd_tripped.setter
    def rcd_tripped(self, tripped: bool) -> None:
        self._rcd = tripped
        if tripped:
            self.open()

    def close(self) -> None:
        """Starts to close the contactor; does nothing if the RCD has tripped or the interlock forbids it."""
        if not self._rcd and not self.sticks and self._closing_since is None and self.interlock():
            self._closing_since = self._clock()

    def open(self) -> None:
        """Opens the contactor."""
        if not self.sticks:
            self.on_step()
            self._closing_since = None
            self.on_step()

    def forget(self) -> None:
        """Forgets the agreed limits; leaves the contactor unchanged."""
        self.agreed, self.agreed_back, self.in_use = math.inf, 0.0, self.phases

    @property
    def offered(self) -> float:
        """Current that the vehicle may draw per phase now, A: the rating, or the agreed current."""
        return min(self.max_current, self.agreed)

    @property
    def taken_back(self) -> float:
        """Current that the vehicle may feed back per phase now, as a magnitude, A: only the agreed current."""
        return min(self.max_discharge_current, self.agreed_back)

    def most(self, phases: int) -> tuple[float, float]:
        """The largest power over this many phases, into and from the vehicle, W, both as magnitudes."""
        limits = (self.nominal_voltage * amps * phases for amps in (self.max_current, self.max_discharge_current))
        uneven = math.inf if self.max_asymmetry is None or phases == self.phases else self.max_asymmetry
        charging, giving = (min(limit, uneven) for limit in limits)
        return charging, giving

    @property
    def current(self) -> float:
        """Present current per phase, A; negative: from the vehicle."""
        if not self.closed:
            return 0.0
        return self.load() if self.load else self.offered or -self.taken_back

    @property
    def power(self) -> float:
        """Present power over all phases, W; negative: from the vehicle."""
        drawn = self.load_phases() if self.load_phases else self.in_use
        return self.nominal_voltage * self.current * min(drawn, self.phases)

    @property
    def reactive(self) -> float:
        """Present reactive power over all phases, VAr; negative: capacitive."""
        return self.load_reactive() if self.load_reactive is not None and self.closed else 0.0
