"""Energy meter: watt-hours by integrating power over the loop's time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Clock = Callable[[], float]


def loop_time() -> float:
    """Seconds on the running event loop's clock, the only clock product code reads."""
    return asyncio.get_running_loop().time()


class Meter:
    """Integrates power between readings by the trapezoid rule, so it needs one reading per loop message.

    It has two registers, one for each direction; neither ever falls.

    Attributes:
        meter_id: identification as sent to the vehicle.
        fault: text of a meter fault, or None; the readings stand still while it is set.
    """

    def __init__(
        self,
        power: Callable[[], float],
        *,
        meter_id: str = "PLUGFEST-1",
        start_wh: float = 0.0,
        clock: Clock = loop_time,
    ) -> None:
        """``power`` gives watts at the moment of the call, negative out of the vehicle.

        ``start_wh`` is what the register of charging shows at first.
        """
        self.meter_id = meter_id
        self.fault: str | None = None
        self._power = power
        self._clock = clock
        self._wh = self._session_start = start_wh
        self._discharged = self._discharged_start = 0.0
        self._last: tuple[float, float] | None = None

    def start(self, wh: float) -> None:
        """Sets the register of charging, Wh."""
        self._wh = self._session_start = wh
        self._last = None

    def read(self) -> float:
        """Energy into the vehicle, now: the register in Wh."""
        self._count()
        return self._wh

    def read_discharged(self) -> float:
        """Energy out of the vehicle, now: the register in Wh."""
        self._count()
        return self._discharged

    def begin(self, charged: float = 0.0, discharged: float = 0.0) -> None:
        """Starts a session: `session_wh` and `session_discharged_wh` count from here.

        Args:
            charged, discharged: Wh of the same session before a pause.
        """
        self._session_start, self._discharged_start = self.read() - charged, self.read_discharged() - discharged

    @property
    def session_wh(self) -> float:
        """Wh into the vehicle since `begin`."""
        return self.read() - self._session_start

    @property
    def session_discharged_wh(self) -> float:
        """Wh out of the vehicle since `begin`."""
        return self.read_discharged() - self._discharged_start

    def _count(self) -> None:
        now, watts = self._clock(), self._power()
        if self._last is not None and self.fault is None:
            then, before = self._last
            charged, discharged = _areas(before, watts)
            self._wh += charged * (now - then) / 3600.0
            self._discharged += discharged * (now - then) / 3600.0
        self._last = (now, watts)


def _areas(before: float, after: float) -> tuple[float, float]:
    """Mean of the positive and of the negative part of a straight line between two powers, both as magnitudes."""
    if before >= 0.0 and after >= 0.0:
        return (before + after) / 2.0, 0.0
    if before <= 0.0 and after <= 0.0:
        return 0.0, -(before + after) / 2.0
    high, low = max(before, after), -min(before, after)
    return high * high / (high + low) / 2.0, low * low / (high + low) / 2.0
