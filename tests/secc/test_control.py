"""The services of ISO 15118-20 that an outlet offers, by what its plant can do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secc import control
from secc.charger import Evse
from secc.power import Limits
from secc.simulated import SimulatedPowerSource
from secc.supply import AcSupply
from slac.connector import power_class
from slac.pilots import SimulatedPilot
from v2g import energy


def outlet(*, ac: bool = False, amps: float = 0.0, watts: float = 0.0) -> Evse:
    pilot = SimulatedPilot().evse
    if ac:
        return Evse(pilot, ac=AcSupply(max_discharge_current=amps))
    limits = replace(Limits.of(power_class(150)), max_discharge_current=amps, max_discharge_power=watts)
    return Evse(pilot, power=SimulatedPowerSource(limits))


@pytest.mark.parametrize(
    ("evse", "titles"),
    [
        (outlet(), ["DC"]),
        (outlet(amps=100.0), ["DC"]),  # no power, no discharge
        (outlet(amps=100.0, watts=50_000.0), ["DC", "DC_BPT"]),
        (outlet(ac=True), ["AC"]),
        (outlet(ac=True, amps=16.0), ["AC", "AC_BPT"]),
    ],
)
def test_services_follow_from_the_plant(evse: Evse, titles: list[str]) -> None:
    """What only charges comes first: some vehicles take the first."""
    assert [service.title for service in control.services(evse)] == titles


@pytest.mark.parametrize("evse", [outlet(amps=100.0, watts=50_000.0), outlet(ac=True, amps=16.0)])
@pytest.mark.parametrize("separated", [False, True])
def test_sets_of_a_bidirectional_service_say_channel_and_generator(evse: Evse, separated: bool) -> None:
    """And how islanding is detected in AC; both control modes are there, in at most four sets."""
    evse.separated = separated
    for service in control.services(evse):
        sets = control.parameter_sets(evse, service)
        assert {one.dynamic for one in sets} == {False, True}
        assert len({one.number for one in sets}) == len(sets) <= 4
        for one in sets:
            assert bool(one.channel) == bool(one.generator) == service.bidirectional
            assert bool(one.islanding) == (service is energy.AC_BPT)
            assert one.separated == (service.bidirectional and separated)
            assert control.find(evse, service.number, one.number) == energy.Control(service, one)
