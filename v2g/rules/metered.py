"""What a meter shows over time, held against the power that was granted. Pure.

Readings are whole watt-hours or coarser, and some meters tell them once a minute. So only moments count at which the
reading changes, and what it shows too much has to be more than the largest single step: one step may have come late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

LATE = 10.0
"""s: a vehicle has so long to follow what is granted anew, and a meter to show it."""
SECONDS = 10.0
"""s: too much has to be shown for so long."""
LEAST = 5.0
"""Wh: and it has to be so much too much."""


class Excess(NamedTuple):
    """Mean power in W that a meter shows over some seconds, and the most that was granted then, W."""

    watts: float
    seconds: float
    granted: float


@dataclass(slots=True)
class Metered:
    """Readings of one meter from ``begins`` on, s; those before are not judged."""

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
            granted: the most that was granted in the last seconds, W; None: no limit.
            tolerated: what may be shown for what was granted, W.

        Returns:
            What is shown too much; None where nothing is.
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
