"""The battery charges as batteries do."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evcc.battery import PACKS, Battery, Pack, pack

packs = st.sampled_from(list(PACKS.values()))
socs = st.floats(0, 1)


def test_lookup() -> None:
    """Presets are found whatever the case; an unknown one names the known."""
    assert pack("800v") is PACKS["800V"]
    with pytest.raises(ValueError, match="choose from 28kWh, 400V, 800V, 1200V"):
        pack("tiny")


@given(packs, socs, socs)
def test_open_voltage_rises_with_charge(kind: Pack, one: float, other: float) -> None:
    """More charge, more voltage, always within the pack's range."""
    low, high = (Battery(kind, soc) for soc in sorted((one, other)))
    assert kind.min_voltage <= low.open_voltage <= high.open_voltage < kind.max_voltage


@given(packs, socs, st.floats(0, 1000), st.floats(0, 600), st.floats(0, 400_000))
def test_wanted_keeps_all_limits(kind: Pack, soc: float, volts: float, amps: float, watts: float) -> None:
    """Neither the charger's nor the pack's limits are exceeded, at the terminals and with the current flowing."""
    battery = Battery(kind, soc, target_soc=1.0)
    wanted = battery.wanted(volts, amps, watts)
    battery.current = wanted.current
    assert wanted.voltage <= min(volts, battery.pack.max_voltage)
    assert 0 <= wanted.current <= min(amps, battery.pack.max_current)
    assert battery.voltage * wanted.current <= min(watts, battery.pack.max_power) * 1.000001 + 1e-3
    if wanted.current > 0:
        assert battery.voltage <= wanted.voltage + 1e-6


@given(packs, socs, st.floats(0, 1000), st.floats(0, 600), st.floats(0, 400_000))
def test_spare_keeps_all_limits(kind: Pack, soc: float, volts: float, amps: float, watts: float) -> None:
    """Neither side's limits of discharging are exceeded, and the voltage stays above the lowest of both."""
    battery = Battery(kind, soc)
    given_back = battery.spare(amps, watts, volts)
    battery.current = -given_back
    assert 0 <= given_back <= min(amps, battery.pack.max_discharge_current)
    assert battery.voltage * given_back <= min(watts, battery.pack.max_discharge_power) * 1.000001 + 1e-3
    if given_back > 0:
        assert soc > battery.min_soc
        assert battery.voltage >= max(volts, battery.pack.min_voltage) - 1e-6


def test_energy_out_is_counted_by_itself() -> None:
    """What goes out is less than what the battery loses; giving back ends at the minimum."""
    battery = Battery(soc=0.12)
    stored, heat = battery.soc, 0.0
    while (amps := battery.spare()) > 0:
        battery.current = -amps
        battery.step(battery.voltage, -amps, 1.0)
        heat += amps**2 * battery.resistance / 3600
    lost = (stored - battery.soc) * battery.pack.capacity_wh
    assert battery.drained
    assert battery.soc == pytest.approx(battery.min_soc, abs=1e-3)
    assert battery.returned_wh == pytest.approx(lost - heat, rel=1e-3)
    assert battery.returned_wh == -battery.net_wh
    assert battery.delivered_wh == 0
    assert battery.highest_discharge == pytest.approx(battery.pack.max_discharge_power / battery.open_voltage, rel=0.05)


def test_energy_is_conserved() -> None:
    """What came in is what is stored plus the heat in the resistance."""
    battery = Battery(soc=0.5)
    before, stored, heat = battery.delivered_wh, battery.soc, 0.0
    for _ in range(600):
        battery.step(battery.open_voltage + 200 * battery.resistance, 200, 1.0)
        heat += 200**2 * battery.resistance / 3600
    gained = (battery.soc - stored) * battery.pack.capacity_wh
    assert battery.delivered_wh - before == pytest.approx(gained + heat, rel=1e-3)
    assert gained == pytest.approx(200 * 356 / 6, rel=0.05)  # ten minutes at about 71 kW


def _charge(battery: Battery, seconds: float = 1.0, **limits: float) -> list[tuple[float, float, float]]:
    trace = []
    while (wanted := battery.wanted(**limits)).current > 0:
        battery.current = wanted.current
        battery.step(battery.voltage, wanted.current, seconds)
        trace.append((battery.soc, battery.voltage, wanted.current))
    return trace


@pytest.mark.parametrize("name", list(PACKS))
def test_charging_tapers_and_ends(name: str) -> None:
    """Full current in the middle, falling towards the end, never above the final voltage, done within two hours."""
    battery = Battery(pack(name), 0.1, target_soc=0.99)
    trace = _charge(battery)
    assert battery.full
    assert len(trace) < 7200
    middle = next(amps for soc, _, amps in trace if soc > 0.4)
    late = next(amps for soc, _, amps in trace if soc > 0.9)
    assert late < 0.4 * middle
    assert max(volts for _, volts, _ in trace) <= battery.pack.max_voltage + 1e-6
    assert trace[-1][2] < 0.1 * battery.pack.max_current


def test_prediction_agrees_with_charging() -> None:
    """`seconds_to` is what charging then takes, also behind a small charger."""
    for limits in ({}, {"max_power": 50_000.0}, {"max_current": 40.0}):
        battery = Battery(soc=0.2, target_soc=0.9)
        predicted = battery.seconds_to(0.9, **limits)
        assert len(_charge(battery, **limits)) == pytest.approx(predicted, rel=0.02)


def test_unreachable_and_reached_targets() -> None:
    """A charger below the battery's voltage never gets there; a full battery wants nothing."""
    assert Battery().seconds_to(0.8, max_voltage=200) == math.inf
    battery = Battery(soc=0.8)
    assert battery.full
    assert battery.wanted().current == 0
    assert battery.seconds_to(0.8) == battery.missing_wh == 0


def test_voltage_relaxes() -> None:
    """The terminals are above the open voltage only while current flows."""
    battery = Battery()
    battery.step(380, 100, 1)
    assert battery.voltage == pytest.approx(battery.open_voltage + 100 * battery.resistance)
    battery.rest()
    assert battery.voltage == battery.open_voltage
    assert (battery.highest_voltage, battery.highest_current) == (380, 100)


def test_nonsense_is_refused() -> None:
    """SoC outside 0 to 1, values that are not finite, time running backwards."""
    with pytest.raises(ValueError, match="target_soc of 1.5"):
        Battery(target_soc=1.5)
    for volts, amps, seconds in ((math.nan, 1, 1), (400, math.inf, 1), (400, 1, -1)):
        with pytest.raises(ValueError, match="step of"):
            Battery().step(volts, amps, seconds)


def test_bulk_ends_with_the_target_at_the_latest() -> None:
    """A vehicle that charges to 60 % has no bulk phase up to 80 %, unless that is what it is made to say."""
    assert (Battery().bulk_soc, Battery(target_soc=0.6).bulk_soc, Battery(target_soc=1.0).bulk_soc) == (0.8, 0.6, 0.8)
    assert Battery(target_soc=0.6, bulk_soc=1.0).bulk_soc == 1.0
