"""A meter's readings over time, compared with the power granted. Pure.

Readings come in whole watt-hours or coarser, and some meters update them once a minute. So only moments at which the
reading changes count, and the excess must be more than the largest single step, because one step may have come late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

LATE = 10.0
"""s: the time a vehicle has to follow a changed grant, and a meter to show it."""
SECONDS = 10.0
"""s: an excess must last this long."""
LEAST = 5.0
"""Wh: and it must be at least this large."""


class Excess(NamedTuple):
    """Mean power (W) that a meter shows over some seconds, and the most power granted in that time (W)."""

    watts: float
    seconds: float
    granted: float


@dataclass(slots=True)
class Metered:
    """Readings of one meter; those before ``begins`` (s) are not judged."""

    begins: float = 0.0
    meter: object = None
    _wh: float | None = None
    _changed: float = 0.0
    _heard: float = 0.0
    _first: tuple[float, float] = (0.0, 0.0)
    _too_much: float = 0.0
    _largest: float = 0.0
    _granted: float = 0.0

    def shows(
        self, meter: object, wh: float, now: float, granted: Callable[[float], float | None],
        tolerated: Callable[[float], float],
    ) -> Excess | None:  # fmt: skip
        """Takes a reading into account.

        Args:
            granted: returns the most power granted in the last seconds, W; None: no limit.
            tolerated: the power that the meter may show for a granted power, W.

        Returns:
            The excess; None if there is none.
        """
        before, heard, self._heard = self._wh, self._heard, now
        if before is None or meter != self.meter or wh < before or now < max(heard, self.begins):
            self._begin(meter, wh, now)
            return None
        if wh == before:
            return None
        seconds, step = now - self._changed, wh - before
        most = granted(seconds + LATE)
        if most is None:
            self._begin(meter, wh, now)
            return None
        self._too_much += step - tolerated(most) * seconds / 3600.0
        if self._too_much <= 0.0:
            self._begin(meter, wh, now)
            return None
        self._wh, self._changed = wh, now
        self._largest, self._granted = max(self._largest, step), max(self._granted, most)
        lasted = now - self._first[0]
        if lasted < SECONDS or self._too_much < max(self._largest, LEAST):
            return None
        return Excess((wh - self._first[1]) * 3600.0 / lasted, lasted, self._granted)

    def _begin(self, meter: object, wh: float, now: float) -> None:
        self.meter, self._wh, self._changed, self._first = meter, wh, now, (now, wh)
        self._too_much = self._largest = self._granted = 0.0
