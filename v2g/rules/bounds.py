"""Values that bound other ones over time, and how long something goes on. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

HOLD = 1.0
"""s: a charger may take so long to begin to follow a target or limit that became smaller (IEC 61851-23)."""
FALL = 100.0
"""A/s: and then as slowly as this."""


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
