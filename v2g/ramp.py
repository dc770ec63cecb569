"""EVSEPowerRampLimitation of ISO 15118-20: how fast power may rise, in either direction; it falls at once.

The vehicle follows it, a DC charger keeps its own output to it, and a recording is judged by it.
:func:`v2g.physical.ramp` has the rate.
"""

from __future__ import annotations

import math


class Ramp:
    """A power that rises no faster than a rate.

    Attributes:
        rate: W per second; infinite: no limit. power: where the last step ended, W.
    """

    def __init__(self, rate: float = math.inf, power: float = 0.0) -> None:
        """``power``: what flows before the first step, W."""
        self.rate = rate
        self.power = power
        self._since: float | None = None

    def reach(self, power: float, now: float) -> float:
        """How far towards ``power`` (W) the ramp has come at a time, s."""
        if math.isinf(self.rate):
            return power
        step = self.rate * (now - self._since if self._since is not None else 0.0)
        flows = abs(self.power) if self.power * power > 0.0 else 0.0
        return math.copysign(min(abs(power), flows + step), power)

    def toward(self, power: float, now: float) -> float:
        """The power to aim for now on the way to ``power``, W: the next step begins there."""
        self.power, self._since = self.reach(power, now), now
        return self.power

    def toward_current(self, current: float, voltage: float, now: float) -> float:
        """The same for a current, A, at a voltage, V."""
        if math.isinf(self.rate) or voltage <= 0.0:
            self.toward(current * voltage, now)
            return current
        return self.toward(current * voltage, now) / voltage
