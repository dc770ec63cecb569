"""The profile that a vehicle can keep: what its battery makes of a planned power."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evcc.battery import Battery
from evcc.forecast import forecast

HOUR = 3600


def test_full_battery_takes_nothing_more() -> None:
    """An hour of 11 kW from 75 %: the target comes after a quarter of it."""
    found = forecast(Battery(soc=0.75), [(HOUR, 11_000.0)], 1_000.0)
    assert found[0][1] == 11_000.0
    assert found[-1][1] == 0.0
    assert found[0][0] == pytest.approx(0.05 * 60_000 / 11_000 * HOUR, rel=0.02)


def test_battery_at_its_minimum_gives_nothing() -> None:
    found = forecast(Battery(soc=0.11), [(HOUR, -6_000.0)], 500.0, efficiency=0.9)
    assert found[0] == pytest.approx((0.01 * 60_000 * 0.9 / 6_000 * HOUR, -6_000.0), rel=0.05)
    assert found[1:] == [(HOUR - found[0][0], 0.0)]


def test_fast_charge_tapers_in_steps_as_fine_as_the_tolerance() -> None:
    coarse, fine = (forecast(Battery(soc=0.5), [(1200, 125_000.0)], near) for near in (20_000.0, 1_000.0))
    assert 1 < len(coarse) < len(fine) < 400
    assert [watts for _, watts in fine] == sorted((watts for _, watts in fine), reverse=True)


STEPS = st.lists(st.tuples(st.integers(1, 4_000), st.floats(-60_000.0, 150_000.0)), min_size=1, max_size=5)


@settings(max_examples=30)
@given(STEPS, st.floats(0.0, 1.0), st.floats(0.0, 30_000.0))
def test_forecast_is_within_the_plan_and_as_long(steps: list[tuple[int, float]], soc: float, near: float) -> None:
    """Never more than planned, in neither direction; the battery itself is left alone."""
    battery = Battery(soc=soc)
    found = forecast(battery, steps, near)
    assert battery.soc == soc
    assert sum(seconds for seconds, _ in found) == sum(seconds for seconds, _ in steps)
    planned = [watts for seconds, watts in steps for _ in range(seconds)]
    foreseen = [watts for seconds, watts in found for _ in range(seconds)]
    assert all(
        abs(watts) <= abs(plan) + 1e-6 and watts * plan >= 0.0 for watts, plan in zip(foreseen, planned, strict=True)
    )
