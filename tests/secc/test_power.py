"""The simulated output: ramps, limits, insulation test, switching off."""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secc.power import Ceiling, Insulation, Limits
from secc.simulated import SimulatedPowerSource
from slac.connector import power_class

LIMITS = Limits.of(power_class(150))


class Hand:
    """A clock moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_precharge_follows_the_battery() -> None:
    """400 V within the 5 s a charger has, on a ramp, without current."""
    source = SimulatedPowerSource(LIMITS)
    source.precharge(400, 2)
    seen = []
    while source.voltage < 399:
        seen.append(source.voltage)
        assert source.current == 0
        await asyncio.sleep(0.1)
        assert asyncio.get_running_loop().time() < 3
    assert seen == sorted(seen)
    assert len(seen) > 5
    source.precharge(350, 0)
    await asyncio.sleep(1)
    assert source.voltage == pytest.approx(350)


async def test_current_ramps_into_a_battery() -> None:
    """Voltage is the battery's, current climbs at 100 A/s and stays at the target."""
    source = SimulatedPowerSource(LIMITS, load=lambda: (350.0, 0.1))
    source.aim(403, 200)
    assert source.current == 0
    await asyncio.sleep(0.5)
    assert source.current == pytest.approx(50, rel=0.05)
    assert source.voltage == pytest.approx(355, rel=0.01)
    await asyncio.sleep(3)
    assert source.current == pytest.approx(200)
    assert source.voltage == pytest.approx(370)
    assert source.input_power == pytest.approx(370 * 200 / 0.95)


async def test_constant_voltage() -> None:
    """Near the target voltage the current is what keeps the terminals there."""
    source = SimulatedPowerSource(LIMITS, load=lambda: (398.0, 0.1))
    source.aim(403, 200)
    await asyncio.sleep(5)
    assert source.current == pytest.approx(50)
    assert source.voltage == pytest.approx(403)


async def test_limits_clip() -> None:
    """Current, power and voltage limits hold."""
    by_current = SimulatedPowerSource(LIMITS, load=lambda: (350.0, 0.05))
    by_current.aim(403, 900)
    by_power = SimulatedPowerSource(LIMITS, load=lambda: (800.0, 0.05))
    by_power.aim(850, 300)
    by_voltage = SimulatedPowerSource(LIMITS)
    by_voltage.aim(1000, 10)
    await asyncio.sleep(10)
    assert by_current.current == pytest.approx(350)
    assert by_power.current * by_power.voltage == pytest.approx(150_000)
    assert by_voltage.voltage == pytest.approx(920)


async def test_without_a_load_it_gives_what_was_asked() -> None:
    """Alone in its process it reports the targets, after the ramps."""
    source = SimulatedPowerSource(LIMITS)
    source.precharge(350, 2)
    await asyncio.sleep(2)
    source.aim(400, 120)
    await asyncio.sleep(0.5)
    assert source.current == pytest.approx(50, abs=1)
    await asyncio.sleep(2)
    assert (source.voltage, source.current) == (400, 120)


@pytest.mark.parametrize("volts", [400.0, 920.0])
async def test_off_with_open_contactors(volts: float) -> None:
    """Below 60 V within a second, from any voltage."""
    source = SimulatedPowerSource(LIMITS)
    source.aim(volts, 100)
    await asyncio.sleep(5)
    assert source.on
    source.off()
    assert not source.on
    await asyncio.sleep(0.1)
    assert source.current == 0
    assert source.voltage > 60
    await asyncio.sleep(0.9)
    assert source.voltage < 60


async def test_off_into_a_battery() -> None:
    """The current is gone in 0.1 s; the voltage is the battery's until its contactors open."""
    closed = True
    source = SimulatedPowerSource(LIMITS, load=lambda: (380.0, 0.1) if closed else None)
    source.aim(403, 200)
    await asyncio.sleep(3)
    source.off()
    await asyncio.sleep(0.1)
    assert source.current == 0
    await asyncio.sleep(2)
    assert source.voltage == pytest.approx(380)
    closed = False
    await asyncio.sleep(1)
    assert source.voltage < 60


@pytest.mark.parametrize(
    ("ohms", "result"),
    [(2e6, Insulation.VALID), (251e3, Insulation.VALID), (249e3, Insulation.WARNING), (49e3, Insulation.FAULT)],
)
async def test_insulation_test(ohms: float, result: Insulation) -> None:
    """Up to the test voltage, and safe again before there is a result; 500 and 100 ohm/V divide the results."""
    source = SimulatedPowerSource(LIMITS)
    source.insulation_ohms = ohms
    assert source.insulation is Insulation.INVALID
    source.start_insulation_test(500)
    highest = 0.0
    while source.insulation is Insulation.RUNNING:
        highest = max(highest, source.voltage)
        assert source.on
        await asyncio.sleep(0.1)
    assert highest == pytest.approx(500)
    assert source.voltage < 60
    assert 5.0 <= asyncio.get_running_loop().time() < 5.3
    assert source.insulation is result
    source.off()
    assert source.insulation is Insulation.INVALID


async def test_insulation_is_watched_while_charging() -> None:
    """A resistance that drops later shows at once; an interrupted test has no result; a missing monitor is reported."""
    source = SimulatedPowerSource(LIMITS)
    source.start_insulation_test(500)
    await asyncio.sleep(6)
    source.aim(400, 10)
    assert source.insulation is Insulation.VALID
    source.insulation_ohms = 1e3
    assert source.insulation is Insulation.FAULT
    source.start_insulation_test(500)
    await asyncio.sleep(1)
    source.aim(400, 10)
    assert source.insulation is Insulation.INVALID
    source.monitor = False
    assert source.insulation is Insulation.NO_MONITOR


async def test_derating() -> None:
    """Half the rating is half the current, at the ramp; back again afterwards."""
    source = SimulatedPowerSource(LIMITS, load=lambda: (350.0, 0.05))
    source.aim(403, 350)
    await asyncio.sleep(5)
    source.derate(0.5)
    assert source.limits.max_current == 175
    await asyncio.sleep(5)
    assert source.current == pytest.approx(175)
    source.derate(1)
    await asyncio.sleep(5)
    assert source.current == pytest.approx(350)


async def test_a_broken_source_stays_off() -> None:
    """With a fault it ignores targets until it is repaired."""
    source = SimulatedPowerSource(LIMITS)
    source.aim(400, 100)
    await asyncio.sleep(3)
    source.break_down("fan")
    assert source.fault == "fan"
    source.aim(400, 100)
    source.start_insulation_test(500)
    await asyncio.sleep(2)
    assert source.voltage < 60
    assert not source.on
    source.repair()
    source.aim(400, 100)
    await asyncio.sleep(3)
    assert source.voltage == pytest.approx(400)


async def test_ripple_is_small_and_repeatable() -> None:
    """Measured values move within ripple and tolerance; the same seed gives the same values."""

    async def values(seed: int) -> list[float]:
        source = SimulatedPowerSource(LIMITS, load=lambda: (350.0, 0.1), rng=random.Random(seed))
        source.aim(403, 100)
        await asyncio.sleep(3)
        seen = []
        for _ in range(50):
            assert source.current == source.current  # one value at one moment
            seen.append(source.current)
            await asyncio.sleep(0.1)
        return seen

    one, again = await values(1), await values(1)
    assert one == again
    assert len(set(one)) > 10
    assert all(abs(amps - 100) <= LIMITS.ripple / 2 + LIMITS.tolerance for amps in one)


def test_negative_targets_are_zero_and_nonsense_is_refused() -> None:
    """Some cars send -1 A; nobody may send a NaN."""
    source = SimulatedPowerSource(LIMITS, clock=Hand())
    source.aim(-5, -1)
    assert (source.voltage, source.current) == (0, 0)
    with pytest.raises(ValueError, match="not finite"):
        source.aim(math.nan, 1)


_targets = st.tuples(st.floats(0, 1200), st.floats(0, 1000), st.floats(0.001, 3))


@given(st.lists(_targets, min_size=1, max_size=20), st.floats(200, 800))
def test_never_beyond_the_limits(targets: list[tuple[float, float, float]], emf: float) -> None:
    """Whatever is asked in whatever order: voltage, current and power stay within the rating, and ramps hold."""
    for load in (None, lambda: (emf, 0.1)):
        hand = Hand()
        source = SimulatedPowerSource(LIMITS, load=load, clock=hand)
        before = 0.0
        for volts, amps, seconds in targets:
            source.aim(volts, amps)
            hand.now += seconds
            assert 0 <= source.voltage <= LIMITS.max_voltage + 1e-6
            assert 0 <= source.current <= LIMITS.max_current + 1e-6
            assert source.voltage * source.current <= LIMITS.max_power * 1.000001
            assert source.current - before <= 100 * seconds + 1e-6
            before = source.current


# ---------------------------------------------------------------------------------------------------------------
# Out of the vehicle

SINK = replace(LIMITS, max_discharge_current=100.0, max_discharge_power=30_000.0)
OPEN = Ceiling(discharge_current=1e3, discharge_power=1e6)


async def test_output_that_may_not_sink_takes_nothing() -> None:
    """By default neither its ratings nor its ceiling allow it, and one of both is not enough."""
    for limits, ceiling in ((LIMITS, OPEN), (SINK, Ceiling()), (replace(SINK, max_discharge_power=0.0), OPEN)):
        source = SimulatedPowerSource(limits, load=lambda: (350.0, 0.1))
        source.bound(ceiling)
        source.aim(403, -50)
        await asyncio.sleep(3)
        assert source.current == 0


async def test_current_ramps_through_zero() -> None:
    """At 100 A/s from one direction to the other; what is fed back to the grid is less than the battery gives."""
    source = SimulatedPowerSource(SINK, load=lambda: (350.0, 0.1))
    source.bound(OPEN)
    source.aim(403, 50)
    await asyncio.sleep(2)
    source.aim(403, -50)
    await asyncio.sleep(0.5)
    assert source.current == pytest.approx(0, abs=1e-6)
    await asyncio.sleep(2)
    assert source.current == -50
    assert source.voltage == pytest.approx(345)
    assert source.input_power == pytest.approx(-345 * 50 * 0.95)
    source.off()
    await asyncio.sleep(0.1)
    assert source.current == 0


async def test_limits_of_discharging_act_at_once() -> None:
    """Current, power and the lowest voltage, and the derating; none of them waits for a ramp."""
    source = SimulatedPowerSource(SINK, load=lambda: (350.0, 0.1))
    source.bound(OPEN)
    source.aim(403, -500)
    await asyncio.sleep(3)
    assert source.voltage * source.current == pytest.approx(-30_000)
    source.bound(OPEN._replace(discharge_current=20.0))
    assert source.current == -20
    source.bound(OPEN)
    await asyncio.sleep(3)
    source.bound(OPEN._replace(discharge_power=3_500.0))
    assert source.voltage * source.current == pytest.approx(-3_500)
    source.bound(OPEN)
    await asyncio.sleep(3)
    source.bound(OPEN._replace(least_voltage=349.0))
    assert (source.voltage, source.current) == (pytest.approx(349), pytest.approx(-10))
    source.bound(OPEN._replace(least_voltage=351.0))
    assert source.current == 0
    source.bound(OPEN)
    source.derate(0.1)
    await asyncio.sleep(3)
    assert source.voltage * source.current == pytest.approx(-3_000)


async def test_open_output_and_precharge_take_nothing() -> None:
    """There is nothing behind open contactors."""
    source = SimulatedPowerSource(SINK, load=lambda: None)
    source.bound(OPEN)
    source.precharge(350, -2)
    await asyncio.sleep(3)
    assert source.current == 0
    source.aim(350, -50)
    await asyncio.sleep(3)
    assert source.current == 0


async def test_ripple_of_discharging_stays_within_the_limits() -> None:
    """Whatever the seed, and not far below them."""
    for seed in range(20):
        source = SimulatedPowerSource(SINK, load=lambda: (350.0, 0.1), rng=random.Random(seed))
        source.bound(OPEN._replace(discharge_current=60.0))
        source.aim(403, -90)
        await asyncio.sleep(3)
        for _ in range(50):
            await asyncio.sleep(0.1)
            assert -60 <= source.current < -57.5
