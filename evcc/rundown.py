"""When a current that is ramped down is gone, judged by its readings: each charger ramps at its own pace.

Contactors may open below `NO_CURRENT`. A vehicle waits for even less, `GONE`, and attributes a current that stays
between the two to the charger's regulation. It gives up when the current stops falling, or falls too slowly to count as
a ramp; a fixed time would open the contactors under load at a slow charger.
"""

from __future__ import annotations

import math

from v2g.rules.bounds import Descent

GONE = 1.0
"""A: below this, no current counts as flowing."""
NO_CURRENT = 5.0
"""A: below this, contactors may open; the figure usually quoted."""
CURRENT_DOWN = 2.0
"""s: the longest wait for a current that does not fall."""
SETTLES = 0.5
"""s: the same for a current at which contactors may open."""
SLOWEST = 5.0
"""A/s: the slowest average rate of a ramp."""
STEP = 1.0
"""A: the least fall in that time; less is ripple."""


class Rundown:
    """A current on its way to zero.

    Args:
        current: present current, A; the sign is ignored.
        now: loop time, s.
        patience: s for which a current above `NO_CURRENT` may fail to fall.
        most: s that the whole ramp may take, however well the current falls.
    """

    def __init__(self, current: float, now: float, patience: float = CURRENT_DOWN, most: float = math.inf) -> None:
        self._patience = patience
        self._latest = now + min(patience + abs(current) / SLOWEST, most)
        self._descent = Descent(STEP, patience)
        self._descent.falls(abs(current), now)

    def over(self, current: float, now: float) -> bool:
        """Whether waiting is over: the current (A) is gone, or has stopped falling."""
        current = abs(current)
        self._descent.falls(current, now)
        if current < GONE or now >= self._latest:
            return True
        patience = self._patience if current > NO_CURRENT else min(self._patience, SETTLES)
        return now - self._descent.since >= patience
