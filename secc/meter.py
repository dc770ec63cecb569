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

    Attributes:
        meter_id: identification as sent to the vehicle.
        fault: text of a meter fault, or None; the reading stands still while it is set.
    """

    def __init__(
        self,
        power: Callable[[], float],
        *,
        meter_id: str = "PLUGFEST-1",
        start_wh: float = 0.0,
        clock: Clock = loop_time,
    ) -> None:
        """``power`` gives watts at the moment of the call; ``start_wh`` is what the register shows at first."""
        self.meter_id = meter_id
        self.fault: str | None = None
        self._power = power
        self._clock = clock
        self._wh = start_wh
        self._session_start = start_wh
        self._last: tuple[float, float] | None = None

    def start(self, wh: float) -> None:
        """Sets the register, Wh."""
        self._wh = self._session_start = wh
        self._last = None

    def read(self) -> float:
        """The register in Wh, now."""
        now, watts = self._clock(), self._power()
        if self._last is not None and self.fault is None:
            then, before = self._last
            self._wh += (watts + before) / 2.0 * (now - then) / 3600.0
        self._last = (now, watts)
        return self._wh

    def begin(self) -> None:
        """Starts a session: `session_wh` counts from here."""
        self._session_start = self.read()

    @property
    def session_wh(self) -> float:
        """Wh since `begin`."""
        return self.read() - self._session_start
