"""Values that limit others over time, and how long a condition lasts. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

HOLD = 1.0
"""s: the time a charger may take to start following a changed target or limit (IEC 61851-23)."""
FALL = 100.0
"""A/s: the rate at which it then ramps down; one that is seen to ramp down more slowly (`Descent`) is not wrong."""


@dataclass(slots=True)
class Ceiling:
    """A value that limits another one, with the time that a charger has to come down to it.

    Args:
        fall: how fast the limit falls after ``hold``, per second; infinite: at once.
        hold: s until it begins to fall.
    """

    fall: float = math.inf
    value: float | None = None
    _high: float = -math.inf
    _since: float = -math.inf
    hold: float = HOLD

    def set(self, value: float, now: float) -> None:
        """Sets the limit from now on."""
        if value == self.value:
            return  # unchanged: a limit that is falling keeps falling
        allowed = self.at(now)
        if allowed is not None and value < allowed:
            if value != self.value:
                self._high, self._since = allowed, now
        else:
            self._high = -math.inf
        self.value = value

    def at(self, now: float) -> float | None:
        """The limit now; None if none was set."""
        if self.value is None or self._high <= self.value:
            return self.value
        beyond = now - self._since - self.hold
        if beyond <= 0:
            return self._high
        return self.value if math.isinf(self.fall) else max(self.value, self._high - self.fall * beyond)


@dataclass(slots=True)
class Lasting:
    """How long a condition lasts without a break."""

    since: float | None = None

    def holds(self, wrong: bool, now: float) -> float:
        """Seconds for which the condition has been wrong; 0 if it is not wrong now."""
        if not wrong:
            self.since = None
            return 0.0
        if self.since is None:
            self.since = now
        return now - self.since


@dataclass(slots=True)
class Descent:
    """Whether a value is falling, judged by its readings.

    Args:
        step: the least fall that counts; less is ripple.
        patience: s within which it has to fall by one step.
    """

    step: float = 5.0
    patience: float = 1.0
    since: float = -math.inf
    """When it last fell by a step or rose, or was first read, s."""
    _mark: float | None = None
    _falling: bool = False

    def falls(self, value: float, now: float) -> bool:
        """Takes a reading; whether the value falls at this pace, and has done so within the patience."""
        if self._mark is None or value > self._mark + self.step:
            self._mark, self.since, self._falling = value, now, False
        elif value <= self._mark - self.step:
            self._falling = (self._mark - value) * self.patience >= (now - self.since) * self.step
            self._mark, self.since = value, now
        return self.falling(now)

    def falling(self, now: float) -> bool:
        """Whether it was falling at the last reading, and that was not too long ago."""
        return self._falling and now - self.since <= self.patience
