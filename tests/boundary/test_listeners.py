"""A change reaches every listener."""

from __future__ import annotations

import pytest

from boundary import listeners
from slac.pilot import State
from slac.pilots import SimulatedPilot


def test_a_listener_that_fails_keeps_nothing_from_the_others() -> None:
    told: list[int] = []

    def fails(value: int) -> None:
        raise RuntimeError(f"cannot take {value}")

    with pytest.raises(RuntimeError, match="cannot take 7"):
        listeners.tell([told.append, fails, told.append, fails], 7)
    assert told == [7, 7]


def test_a_pilot_that_goes_is_heard_by_all() -> None:
    """By what protects, too, whoever subscribed before it."""
    wire = SimulatedPilot(plugged=True)
    seen: list[State | None] = []

    def fails(reading: object) -> None:
        raise RuntimeError("the display is broken")

    wire.evse.subscribe(fails)
    wire.evse.subscribe(lambda reading: seen.append(reading.state))
    with pytest.raises(RuntimeError, match="display"):
        wire.unplug()
    assert seen[-1] is State.A
