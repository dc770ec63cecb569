"""A measuring device on the bench: what its command says reaches the watch."""

from __future__ import annotations

import asyncio
import math

import pytest

from plugfest.conformance.sut import meter
from plugfest.conformance.sut.meter import Meter, parse
from plugfest.conformance.sut.network import NetworkCharger, NetworkVehicle, Reach
from plugfest.conformance.watch.flow import Measured


@pytest.mark.parametrize(
    ("line", "measured"),
    [
        ("401.5 62.0", Measured(401.5, 62.0)),
        ("401.5 62.0 closed", Measured(401.5, 62.0, True)),
        ("230 16 3", Measured(230.0, 16.0, None, phases=3)),
        ("230 0 open 3", Measured(230.0, 0.0, False, phases=3)),
        ("", None),
        ("401.5", None),
        ("volts amps", None),
        ("nan 1", None),
        ("1 inf", None),
        ("230 16 7", None),
        ("230 16 1 2", None),
        ("1 2 3 4 5", None),
    ],
)
def test_a_line_is_a_measurement_or_nothing(line: str, measured: Measured | None) -> None:
    """Volts and amperes, and what is known of contactors and phases; anything else is left out."""
    assert parse(line) == measured


def test_the_last_line_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are not measurements, or too long, do not stop it; before the first measurement there is none."""
    monkeypatch.setattr(meter, "FRESH", math.inf)
    command = "printf '400 10\\nnonsense\\n'; head -c 2000 /dev/zero | tr '\\0' x; printf '\\n401.5 62 closed\\n'"

    async def measure() -> tuple[Measured | None, Measured | None, Measured | None]:
        device = Meter(command)
        before = device.measured()
        await device.start()
        assert device._reader is not None
        await device._reader
        seen = device.measured()
        await device.stop()
        return before, seen, device.measured()

    assert asyncio.run(measure()) == (None, Measured(401.5, 62.0, True), None)


@pytest.mark.parametrize("kind", [NetworkCharger, NetworkVehicle])
def test_a_system_on_a_network_is_measured(kind: type[NetworkCharger] | type[NetworkVehicle]) -> None:
    """By the command of the action ``measure``; without one nothing is measured."""
    assert kind(Reach("eth0"), actions={"measure": "read-meter"}).meter.command == "read-meter"
    assert kind(Reach("eth0")).measured() is None
