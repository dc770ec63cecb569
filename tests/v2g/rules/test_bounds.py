"""Bounds over time: what a value that has to come down is granted."""

from __future__ import annotations

import pytest

from v2g.rules.bounds import Descent
from v2g.rules.facts import Facts


@pytest.mark.parametrize(("pace", "expected"), [(100.0, True), (20.0, True), (6.0, True), (4.0, False), (0.0, False)])
def test_a_pace_above_five_a_second_is_a_descent(pace: float, expected: bool) -> None:
    """What loses 5 in each second comes down, at whatever rhythm it is looked at; less is ripple and drift."""
    for every in (0.05, 0.25, 0.6):
        descent = Descent()
        seen = [descent.falls(300.0 - pace * every * step, every * step) for step in range(int(8 / every))]
        assert seen[-1] is expected


def test_a_descent_ends_where_the_value_stands_or_rises() -> None:
    """A second after the last step nothing comes down any more, and a rise ends it at once."""
    descent = Descent()
    descent.falls(100.0, 0.0)
    assert descent.falls(50.0, 0.5)
    assert descent.falls(52.0, 1.4)
    assert not descent.falls(50.0, 1.6)
    assert descent.falls(40.0, 1.7)
    assert not descent.falls(60.0, 1.8)


def test_facts_know_one_current() -> None:
    """Several rules look at the same response; that does not change what they see."""
    facts = Facts()
    for second, amps in enumerate((300.0, -290.0, 280.0)):
        facts.now = float(second)
        found = {facts.comes_down(amps), facts.comes_down(amps)}
        assert found == {second > 0}
