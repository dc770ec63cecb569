"""The energy manager of a charger: the power it wants at its outlet, now and over time.

Positive power charges the vehicle, negative power discharges it. In dynamic mode of ISO 15118-20 the charger's answers
follow it, within every limit of both sides; in other modes and protocols the vehicle decides, and it is not used.

A curve keeps each value until the next one, and the last one forever. Its time begins when power first flows in a
session and continues through a pause; the next session starts over. A manual request counts until it is withdrawn, even
in later sessions.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from secc.meter import Clock, loop_time


class Point(NamedTuple):
    """Power in W from ``start`` seconds on."""

    start: float
    watts: float


Curve = tuple[Point, ...]
"""In chronological order, the first at 0."""
UNLIMITED: Curve = (Point(0.0, math.inf),)
"""As much as the vehicle takes."""


class EnergyManager:
    """Decides which power the charger wants.

    Attributes:
        plan: the curve of the bench, used unless a manual request is in force.
    """

    def __init__(self, plan: Curve = UNLIMITED, *, clock: Clock = loop_time) -> None:
        self.plan = plan
        self._asked: Curve | None = None
        self._clock = clock
        self._began: float | None = None
        self._asked_at = 0.0

    def begin(self) -> None:
        """Starts the time of the plan when power flows, unless it is already running."""
        if self._began is None:
            self._began = self._clock()

    def rest(self) -> None:
        """Resets the plan to its beginning for a new session."""
        self._began = None

    def ask(self, curve: Curve) -> None:
        """Makes a manual request that replaces the plan; the curve's time begins now."""
        self._asked, self._asked_at = curve, self._clock()

    def withdraw(self) -> None:
        """Withdraws the manual request, so that the plan counts again."""
        self._asked = None

    @property
    def watts(self) -> float:
        """Power wanted now, W; infinite: as much as the vehicle takes."""
        if self._asked is not None:
            return at(self._asked, self._clock() - self._asked_at)
        return at(self.plan, 0.0 if self._began is None else self._clock() - self._began)


def constant(watts: float) -> Curve:
    """The same power all the time, W."""
    return (Point(0.0, watts),)


def at(curve: Sequence[Point], second: float) -> float:
    """Power in W at a second of a curve; at a boundary, the later value applies."""
    # Times are sums of floats: a value that begins within a nanosecond has begun.
    place = bisect_right(curve, second + 1e-9, key=lambda point: point.start)
    return curve[max(place - 1, 0)].watts
