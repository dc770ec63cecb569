"""Energy meter: active and reactive energy, by integrating power over the loop's time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

Clock = Callable[[], float]


def loop_time() -> float:
    """Seconds on the running event loop's clock, the only clock product code reads."""
    return asyncio.get_running_loop().time()


def clock_of_loop() -> Clock:
    """The running loop's clock itself; if none runs yet, :func:`loop_time`, which looks the loop up each time."""
    try:
        return asyncio.get_running_loop().time
    except RuntimeError:
        return loop_time


class Registers:
    """The integral of a power, in one register per sign; neither register ever decreases.

    Attributes:
        positive, negative: both as magnitudes, in the power's unit times hours.
    """

    def __init__(self, power: Callable[[], float], positive: float = 0.0) -> None:
        self._power = power
        self.positive, self.negative = positive, 0.0
        self._last: tuple[float, float] | None = None

    def count(self, now: float, *, stands: bool) -> None:
        """Reads the power at this moment, s; with ``stands``, the interval since the last reading is not counted."""
        power = self._power()
        if self._last is not None and now != self._last[0] and not stands:
            then, before = self._last
            positive, negative = _areas(before, power)
            self.positive += positive * (now - then) / 3600.0
            self.negative += negative * (now - then) / 3600.0
        self._last = (now, power)

    def start(self, positive: float) -> None:
        """Sets the positive register, and forgets the previous power."""
        self.positive, self._last = positive, None


class Reactive(NamedTuple):
    """Reactive energy, VARh: inductive and capacitive."""

    inductive: float = 0.0
    capacitive: float = 0.0


NO_REACTIVE = Reactive()


class Meter:
    """Integrates power between readings by the trapezoid rule, so it needs one reading per loop message.

    Attributes:
        meter_id: identification as sent to the vehicle.
        fault: text of a meter fault, or None; the readings do not change while it is set.
    """

    def __init__(
        self,
        power: Callable[[], float],
        *,
        reactive: Callable[[], float] | None = None,
        meter_id: str = "PLUGFEST-1",
        start_wh: float = 0.0,
        clock: Clock = loop_time,
    ) -> None:
        """``power`` returns the present power, W; negative: from the vehicle.

        ``reactive`` returns the reactive power, VAr; negative: capacitive; None: there is none. ``start_wh`` is the
        initial reading of the charging register.
        """
        self.meter_id = meter_id
        self.fault: str | None = None
        self._clock = clock
        self._active, self._reactive = Registers(power, start_wh), Registers(reactive or (lambda: 0.0))
        self._registers = (self._active,) if reactive is None else (self._active, self._reactive)
        self._session_start, self._discharged_start = start_wh, 0.0
        self._reactive_start = NO_REACTIVE

    def start(self, wh: float) -> None:
        """Sets the charging register, Wh."""
        self._session_start = wh
        self._active.start(wh)

    def read(self) -> float:
        """Present reading of the register for energy into the vehicle, Wh."""
        self._count()
        return self._active.positive

    def read_discharged(self) -> float:
        """Present reading of the register for energy from the vehicle, Wh."""
        self._count()
        return self._active.negative

    def begin(self, charged: float = 0.0, discharged: float = 0.0, reactive: Reactive = NO_REACTIVE) -> None:
        """Starts a session: the session readings count from here.

        Args:
            charged, discharged, reactive: energy of the same session before a pause, Wh and VARh.
        """
        self._session_start, self._discharged_start = self.read() - charged, self.read_discharged() - discharged
        now = self._reactive
        self._reactive_start = Reactive(now.positive - reactive.inductive, now.negative - reactive.capacitive)

    @property
    def session_wh(self) -> float:
        """Energy into the vehicle since `begin`, Wh."""
        return self.read() - self._session_start

    @property
    def session_discharged_wh(self) -> float:
        """Energy from the vehicle since `begin`, Wh."""
        return self.read_discharged() - self._discharged_start

    @property
    def session_reactive(self) -> Reactive:
        """Reactive energy since `begin`."""
        self._count()
        now, start = self._reactive, self._reactive_start
        return Reactive(now.positive - start.inductive, now.negative - start.capacitive)

    def _count(self) -> None:
        now, stands = self._clock(), self.fault is not None
        for register in self._registers:
            register.count(now, stands=stands)


def _areas(before: float, after: float) -> tuple[float, float]:
    """Mean of the positive and of the negative part of a straight line between two powers, both as magnitudes."""
    if before >= 0.0 and after >= 0.0:
        return (before + after) / 2.0, 0.0
    if before <= 0.0 and after <= 0.0:
        return 0.0, -(before + after) / 2.0
    high, low = max(before, after), -min(before, after)
    return high * high / (high + low) / 2.0, low * low / (high + low) / 2.0
