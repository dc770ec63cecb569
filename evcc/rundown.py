"""When a current that is to go is gone, by what is seen of it: chargers come down at a pace of their own.

Contactors open below `NO_CURRENT`. A vehicle waits for less than that, `GONE`, and takes what stays below `NO_CURRENT`
for the charger's regulation. It gives up where the current stands, and where it falls so slowly that nobody would call
that a ramp; a fixed time would open contactors under load at a slow charger.
"""

from __future__ import annotations

import math

from v2g.rules.bounds import Descent

GONE = 1.0
"""A: below, nothing flows."""
NO_CURRENT = 5.0
"""A: contactors may open below; the figure usually quoted."""
CURRENT_DOWN = 2.0
"""s: a vehicle waits no longer for a current that stands."""
SETTLES = 0.5
"""s: the same for one with which contactors may open."""
SLOWEST = 5.0
"""A/s: a ramp is at least that fast in the mean."""
STEP = 1.0
"""A: by which a current has to fall in that time; less is ripple."""


class Rundown:
    """A current on its way to nothing.

    Args:
        current: now, A; its sign does not count.
        now: loop time, s.
        patience: s for which a current above `NO_CURRENT` may stand.
        most: s that all of it may take, however well the current falls.
    """

    def __init__(self, current: float, now: float, patience: float = CURRENT_DOWN, most: float = math.inf) -> None:
        self._patience = patience
        self._latest = now + min(patience + abs(current) / SLOWEST, most)
        self._descent = Descent(STEP, patience)
        self._descent.falls(abs(current), now)

    def over(self, current: float, now: float) -> bool:
        """Whether there is nothing left to wait for: the current, A, is gone, or does not go."""
        current = abs(current)
        self._descent.falls(current, now)
        if current < GONE or now >= self._latest:
            return True
        patience = self._patience if current > NO_CURRENT else min(self._patience, SETTLES)
        return now - self._descent.since >= patience
