"""What the battery will take of a planned power: the profile of a vehicle that undertakes to stay close to it.

Near full, a battery takes less than it is offered; at or below its minimum SoC it gives nothing. Pure: a copy of the
battery is charged in small steps.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

from evcc.battery import Battery

TICK = 5
"""s: length of one step."""
FINEST = 400.0
"""W: entries differ by at least half of this, however closely the vehicle has to follow them."""


def forecast(
    battery: Battery,
    steps: Sequence[tuple[int, float]],
    near: float,
    *,
    max_voltage: float = math.inf,
    max_current: float = math.inf,
    efficiency: float = 1.0,
) -> list[tuple[int, float]]:
    """(duration in s, W at the outlet) as forecast, within the planned powers.

    Args:
        steps: (duration in s, W) as planned; negative powers give back.
        near: how far the vehicle may deviate from the result, W.
        max_voltage, max_current: the charger's limits in DC, V and A.
        efficiency: efficiency of the onboard charger in AC.
    """
    model, within = copy.copy(battery), max(near, FINEST) / 2.0
    found: list[tuple[int, float]] = []
    for planned, watts in steps:
        left, before = planned, math.nan  # no entry covers two steps: it could exceed one of them
        while left > 0:
            power, amps = _flows(model, watts, max_voltage, max_current, efficiency)
            # Without power nothing changes any more; the rest of a step shorter than TICK becomes its own piece.
            seconds = left if power == 0.0 else min(TICK, left)
            model.step(model.open_voltage, amps, seconds)
            if abs(power - before) <= within and (power != 0.0) == (before != 0.0):
                found[-1] = found[-1][0] + seconds, found[-1][1]
            else:
                found.append((seconds, power))
                before = power
            left -= seconds
    return found


def _flows(
    battery: Battery, watts: float, max_voltage: float, max_current: float, efficiency: float
) -> tuple[float, float]:
    """Power at the outlet (W) when ``watts`` are planned, and the battery's current (A)."""
    emf, ohms = battery.open_voltage, battery.resistance
    if watts >= 0.0:
        amps = battery.wanted(max_voltage, max_current, watts * efficiency).current
        return min(watts, amps * (emf + amps * ohms) / efficiency), amps
    amps = battery.spare(max_power=-watts / efficiency)
    return -min(-watts, amps * (emf - amps * ohms) * efficiency), -amps
