"""The energy manager: which power it wants at which moment."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from secc.manager import EnergyManager, Point, at, constant

# Times a millisecond apart: what is a nanosecond away counts as begun.
CURVES = st.lists(st.tuples(st.integers(1, 10**6), st.floats(-1e6, 1e6)), max_size=20, unique_by=lambda p: p[0]).map(
    lambda points: (Point(0.0, 7.0), *(Point(start / 1000.0, watts) for start, watts in sorted(points)))
)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(CURVES, st.floats(0.0, 2e3))
def test_each_value_of_a_curve_holds_until_the_next_and_the_last_forever(
    curve: tuple[Point, ...], second: float
) -> None:
    expected = curve[0].watts
    for point in curve:
        if point.start <= second + 1e-9:
            expected = point.watts
    assert at(curve, second) == expected


@given(CURVES)
def test_a_moment_belongs_to_the_value_that_begins_there(curve: tuple[Point, ...]) -> None:
    for before, point in pairwise(curve):
        assert at(curve, point.start) == point.watts
        assert at(curve, point.start - 0.0005) == before.watts


def test_without_a_plan_the_vehicle_takes_what_it_likes() -> None:
    assert EnergyManager(clock=Clock()).watts == math.inf


def test_the_plan_begins_with_the_first_power_and_runs_on_until_the_next_session() -> None:
    clock = Clock()
    manager = EnergyManager((Point(0.0, 11e3), Point(60.0, -10e3)), clock=clock)
    clock.now += 500.0  # it waits for a vehicle
    assert manager.watts == 11e3
    manager.begin()
    clock.now += 60.0
    assert manager.watts == -10e3
    manager.begin()  # again after a pause
    assert manager.watts == -10e3
    manager.rest()
    assert manager.watts == 11e3


def test_a_manual_request_counts_until_it_is_withdrawn() -> None:
    """Also in later sessions; the plan goes on behind it."""
    clock = Clock()
    manager = EnergyManager((Point(0.0, 1.0), Point(10.0, 2.0)), clock=clock)
    manager.begin()
    manager.ask((Point(0.0, -5.0), Point(3.0, -6.0)))
    assert manager.watts == -5.0
    clock.now += 4.0
    manager.rest()
    manager.begin()
    assert manager.watts == -6.0
    clock.now += 10.0
    manager.withdraw()
    assert manager.watts == 2.0
    manager.ask(constant(0.0))
    assert manager.watts == 0.0
