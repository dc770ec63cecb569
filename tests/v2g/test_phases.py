"""Power over phases: the sum alone, or one element of each phase."""

from __future__ import annotations

import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from v2g import phases
from v2g.messages.iso20 import common
from v2g.physical import number

WATTS = st.floats(-25_000.0, 25_000.0)


@given_by(st.lists(WATTS, min_size=1, max_size=3), st.booleans())
def test_sum_is_the_same_however_it_is_said(watts: list[float], apart: bool) -> None:
    """Each element is rounded towards zero, by at most 1 W below 32 kW."""
    entry = common.PowerScheduleEntryType(Duration=1, **phases.elements("Power", watts, apart=apart))
    assert phases.total(entry, "Power") == pytest.approx(sum(watts), abs=10.0)
    assert phases.per_phase(entry, "Power") == (apart and len(watts) > 1)


@given_by(WATTS)
def test_rounding_passes_no_limit(watts: float) -> None:
    assert abs(number(phases.inward(watts))) <= abs(watts) + 1e-6


@given_by(st.lists(WATTS, min_size=1, max_size=3))
def test_even_share_is_within_what_each_phase_has(watts: list[float]) -> None:
    entry = common.PowerScheduleEntryType(Duration=1, **phases.elements("Power", watts, apart=True))
    told = phases.given(entry, "Power")
    share = phases.even(entry, "Power") / len(told)
    assert all(abs(share) <= abs(part) + 1e-6 and share * part >= 0.0 for part in told)
    assert phases.even(entry, "Power", 1) == told[0]
