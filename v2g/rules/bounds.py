"""Values that bound other ones over time, and how long something goes on. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

HOLD = 1.0
"""s: a charger may take so long to begin to follow a target or limit that became smaller (IEC 61851-23)."""
FALL = 100.0
"""A/s: and then comes down at this pace; one that is seen to come down more slowly (`Descent`) is not wrong either."""


@dataclass(slots=True)
class Ceiling:
    """A value that bounds another one, with the time that a charger has to come down to it.

    Args:
        fall: how fast the bound falls after ``hold``, per second; infinite: at once.
        hold: s until it begins to fall.
    """

    fall: float = math.inf
    value: float | None = None
    _high: float = -math.inf
    _since: float = -math.inf
    hold: float = HOLD

    def set(self, value: float, now: float) -> None:
        """The bound from now on."""
        if value == self.value:
            return  # as before: what falls goes on falling
        allowed = self.at(now)
        if allowed is not None and value < allowed:
            if value != self.value:
                self._high, self._since = allowed, now
        else:
            self._high = -math.inf
        self.value = value

    def at(self, now: float) -> float | None:
        """What is allowed now; None where nothing was said."""
        if self.value is None or self._high <= self.value:
            return self.value
        beyond = now - self._since - self.hold
        if beyond <= 0:
            return self._high
        return self.value if math.isinf(self.fall) else max(self.value, self._high - self.fall * beyond)


@dataclass(slots=True)
class Lasting:
    """How long something goes on without a break."""

    since: float | None = None

    def holds(self, wrong: bool, now: float) -> float:
        """Seconds for which it has been wrong by now; 0 where it is not."""
        if not wrong:
            self.since = None
            return 0.0
        if self.since is None:
            self.since = now
        return now - self.since


@dataclass(slots=True)
class Descent:
    """Whether a value comes down, by what is seen of it.

    Args:
        step: by which it has to fall; less is ripple.
        patience: s in which it has to fall so far.
    """

    step: float = 5.0
    patience: float = 1.0
    since: float = -math.inf
    """When it fell by a step last, rose, or began to be looked at, s."""
    _mark: float | None = None
    _falling: bool = False

    def falls(self, value: float, now: float) -> bool:
        """Takes a value; whether it falls at this pace, and has done so within the patience."""
        if self._mark is None or value > self._mark + self.step:
            self._mark, self.since, self._falling = value, now, False
        elif value <= self._mark - self.step:
            self._falling = (self._mark - value) * self.patience >= (now - self.since) * self.step
            self._mark, self.since = value, now
        return self._falling and now - self.since <= self.patience
