"""The AC side of a charger: the mains, a contactor, and what was agreed on with the vehicle."""

from __future__ import annotations

import math
from collections.abc import Callable

from secc.meter import Clock, loop_time

GRID_FREQUENCY = 50.0  # Hz


class AcSupply:
    """AC side: a supply and its contactor.

    Attributes:
        nominal_voltage: line to neutral, V.
        frequency: of the grid, Hz.
        phases: 1 or 3.
        max_current: per phase, A.
        max_discharge_current: per phase out of the vehicle, A; 0: it takes nothing back.
        max_asymmetry: W by which phases may differ, or None for no limit; a session on one phase has no more power.
        ramp: how fast a vehicle may change its power, percent of the largest power per minute, or None.
        agreed: most per phase by what was agreed with the vehicle, A; infinite without any.
        agreed_back: the same out of the vehicle, as a magnitude, A; 0 without any.
        in_use: phases that the session uses.
        rcd_tripped: residual current device; True is a fault and opens the contactor.
        sticks: fault to inject: the contactor does not move any more.
        load: amperes per phase that the vehicle draws, negative where it gives back. Without one (a process of its own)
            the vehicle is taken to draw all it is offered, or to give all that is agreed: an upper bound for the meter.
        load_phases: phases on which it does; without one, those in use.
        load_reactive: VAr over all phases, negative where the vehicle is capacitive; without one, none.
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
        """``close_seconds`` is seconds that the contactor takes to close; the standards allow 3 s."""
        self.nominal_voltage = nominal_voltage
        self.frequency = GRID_FREQUENCY
        self.phases = phases
        self.max_current = max_current
        self.max_discharge_current = max_discharge_current
        self.max_asymmetry: float | None = None
        self.ramp: float | None = None
        self.agreed, self.agreed_back = math.inf, 0.0
        self.in_use = phases
        self.sticks = False
        self.load = load
        self.load_phases = load_phases
        self.load_reactive = load_reactive
        self._rcd = False
        self._close_seconds = close_seconds
        self._clock = clock
        self._closing_since: float | None = None

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
        """Starts to close the contactor; nothing happens with a tripped RCD."""
        if not self._rcd and not self.sticks and self._closing_since is None:
            self._closing_since = self._clock()

    def open(self) -> None:
        """Opens the contactor."""
        if not self.sticks:
            self._closing_since = None

    def forget(self) -> None:
        """What was agreed is over; the contactor stays as it is."""
        self.agreed, self.agreed_back, self.in_use = math.inf, 0.0, self.phases

    @property
    def offered(self) -> float:
        """What the vehicle may draw per phase now, A: the rating, or what was agreed."""
        return min(self.max_current, self.agreed)

    @property
    def taken_back(self) -> float:
        """What the vehicle may give back per phase now, as a magnitude, A: only what was agreed."""
        return min(self.max_discharge_current, self.agreed_back)

    def most(self, phases: int) -> tuple[float, float]:
        """The largest power over so many phases into the vehicle and out of it, W, both as magnitudes."""
        limits = (self.nominal_voltage * amps * phases for amps in (self.max_current, self.max_discharge_current))
        uneven = math.inf if self.max_asymmetry is None or phases == self.phases else self.max_asymmetry
        charging, giving = (min(limit, uneven) for limit in limits)
        return charging, giving

    @property
    def current(self) -> float:
        """Present current per phase, A; negative out of the vehicle."""
        if not self.closed:
            return 0.0
        return self.load() if self.load else self.offered or -self.taken_back

    @property
    def power(self) -> float:
        """Present power over all phases, W; negative out of the vehicle."""
        drawn = self.load_phases() if self.load_phases else self.in_use
        return self.nominal_voltage * self.current * min(drawn, self.phases)

    @property
    def reactive(self) -> float:
        """Present reactive power over all phases, VAr; negative: capacitive."""
        return self.load_reactive() if self.load_reactive is not None and self.closed else 0.0
