"""What the battery will make of a planned power: the profile of a vehicle that undertakes to keep near to it.

Near full a battery takes less than it is offered, and from its minimum down it gives nothing. Pure: a copy of the
battery is charged in small steps.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

from evcc.battery import Battery

TICK = 5
"""s of one step."""
FINEST = 400.0
"""W: entries differ by at least half of that, however near the vehicle has to keep."""


def forecast(
    battery: Battery,
    steps: Sequence[tuple[int, float]],
    near: float,
    *,
    max_voltage: float = math.inf,
    max_current: float = math.inf,
    efficiency: float = 1.0,
) -> list[tuple[int, float]]:
    """Seconds and W at the outlet, within those planned.

    Args:
        steps: seconds and W as planned; negative ones give back.
        near: how near to the result the vehicle has to keep, W.
        max_voltage, max_current: of the charger in DC, V and A.
        efficiency: of the onboard charger in AC.
    """
    model, within = copy.copy(battery), max(near, FINEST) / 2.0
    found: list[tuple[int, float]] = []
    for planned, watts in steps:
        left, before = planned, math.nan  # no entry stands for two steps: it could be above one of them
        while left > 0:
            power, amps = _flows(model, watts, max_voltage, max_current, efficiency)
            # Without power nothing changes any more; a part of a step that is left over is one of its own.
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
    """Power at the outlet where so much is planned, W, and current of the battery, A."""
    emf, ohms = battery.open_voltage, battery.resistance
    if watts >= 0.0:
        amps = battery.wanted(max_voltage, max_current, watts * efficiency).current
        return min(watts, amps * (emf + amps * ohms) / efficiency), amps
    amps = battery.spare(max_power=-watts / efficiency)
    return -min(-watts, amps * (emf - amps * ohms) * efficiency), -amps
