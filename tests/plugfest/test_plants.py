"""The plant that a bench file describes."""

from __future__ import annotations

import random

import pytest

from plugfest import plants
from plugfest.config import loads
from secc.charger import Evse
from secc.power import Limits
from slac.pilots import AssumedChargerPilot, AssumedVehiclePilot


def charger(text: str) -> Evse:
    return plants.make_charger(loads(text), AssumedChargerPilot(), random.Random(1))


def output(text: str) -> Limits:
    power = charger(text).power
    assert power is not None
    return power.limits


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("connector: ccs2\ncharger: {power: 150}\n", ""),
        ("connector: ccs2\ncharger: {power: 900}\n", "900 kW"),
        ("ac: true\nconnector: type2\n", ""),
        ("ac: true\nconnector: type1\n", ""),
        ("ac: true\nconnector: type1\ncharger: {ac-supply: {phases: 3}}\n", "at most 1 phase, not 3"),
        ("ac: true\nconnector: type2\ncharger: {ac-supply: {max-current: 64}}\n", "64 A per phase"),
    ],
)
def test_power_that_no_such_connector_carries_is_warned_of(text: str, warned: str) -> None:
    warnings = plants.warnings(loads(text))
    assert [warned in line for line in warnings] == ([True] if warned else [])


def test_both_directions_have_their_limits_only_where_the_bench_goes_both_ways() -> None:
    """The charger takes back what it can give, the car gives what its battery can, unless the bench says less."""
    text = "protocol: iso20\nany-transport: true\ncharger: {power: 50}\n"
    assert not charger(text).bidirectional
    limits = output(text + "bpt: true\n")
    assert (limits.max_discharge_power, limits.max_discharge_current) == (limits.max_power, limits.max_current)
    own = (
        "protocol: iso20\nany-transport: true\nservice: DC_BPT\n"
        "charger: {power: 50, max-discharge-power: 20, max-discharge-current: 40}\n"
        "vehicle: {minimum: 35, wanted-power: -7, max-discharge-current: 30, battery: {capacity: 50, cells: 100,"
        " max-discharge-current: 60, max-discharge-power: 11}}\n"
    )
    limits = output(own)
    assert (limits.max_discharge_power, limits.max_discharge_current) == (20_000.0, 40.0)
    car = plants.make_vehicle(loads(own), AssumedVehiclePilot())
    pack = car.battery.pack
    assert (pack.max_discharge_current, pack.max_discharge_power, car.battery.min_soc) == (30.0, 11_000.0, 0.35)
    assert car.settings.target_power == -7_000.0


@pytest.mark.parametrize(("text", "amperes"), [("", 0.0), ("bpt: true\n", 32.0)])
def test_an_ac_outlet_takes_back_what_it_gives(text: str, amperes: float) -> None:
    evse = charger(f"protocol: iso20\nany-transport: true\nac: true\n{text}")
    assert evse.ac is not None
    assert evse.ac.max_discharge_current == amperes
