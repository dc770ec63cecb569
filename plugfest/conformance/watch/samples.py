"""A measurement, and energy counted from several, as a session keeps them."""

from __future__ import annotations

from typing import NamedTuple


class Sample(NamedTuple):
    """A measurement and its loop time."""

    time: float
    volts: float
    amps: float


class Counted(NamedTuple):
    """Least and most energy that has gone into the vehicle by a loop time, Wh."""

    time: float
    least: float
    most: float
