"""The way to the DC output: both sides' limits hold, and are forgotten; what is clipped is reported."""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import replace

import pytest

from secc.envelope import Kind, LimitedOutput
from secc.power import Ceiling, Insulation, Limits
from secc.simulated import SimulatedPowerSource
from slac.connector import power_class

LIMITS = Limits.of(power_class(150))
CAR = Ceiling(450.0, 200.0, 60_000.0)


def output(load: tuple[float, float] | None = None, *, rng: random.Random | None = None) -> LimitedOutput:
    source = SimulatedPowerSource(LIMITS, load=(lambda: load) if load else None, rng=rng)
    return LimitedOutput(source)


async def cable_check(power: LimitedOutput) -> None:
    """Passes the insulation test, without which nothing is driven."""
    power.test_insulation()
    await asyncio.sleep(8)
    assert power.tested


async def test_nothing_before_the_vehicle_has_declared_its_limits() -> None:
    """No voltage, whatever is asked, and no insulation test that could be taken for a good one."""
    power = output()
    for ask in (lambda: power.deliver(400, 100), lambda: power.bring_to(400, 2), lambda: power.test_insulation(500)):
        ask()
        await asyncio.sleep(6)
        assert (power.voltage, power.current) == (0, 0)
        assert power.insulation is Insulation.INVALID


async def test_the_lower_of_both_limits_holds() -> None:
    """Voltage, current and power, of the vehicle or of the charger."""
    power = output()
    power.declare(CAR)
    await cable_check(power)
    power.deliver(32_767_000, 400)
    await asyncio.sleep(10)
    assert power.voltage == 450
    assert power.current == pytest.approx(60_000 / 450)
    power.off()
    power.declare(Ceiling(2000, 5000))
    await cable_check(power)
    power.deliver(32_767_000, 5000)
    await asyncio.sleep(10)
    assert power.voltage == LIMITS.max_voltage
    assert power.voltage * power.current == pytest.approx(LIMITS.max_power)


async def test_a_lowered_limit_acts_at_once() -> None:
    """Not with the next target, and not on a ramp; a battery keeps its voltage, but takes no current."""
    power = output((380.0, 0.1))
    power.declare(CAR)
    await cable_check(power)
    power.deliver(403, 150)
    await asyncio.sleep(5)
    assert power.current == pytest.approx(150)
    power.change(current=20)
    assert power.current == 20
    power.change(voltage=300)
    assert (power.voltage, power.current) == (380, 0)
    power.change(voltage=450, power=0)
    assert power.current == 0


async def test_a_limit_rises_again_up_to_the_declared_one() -> None:
    """Never above it: what was tested and planned was for that."""
    power = output((380.0, 0.1))
    power.declare(CAR)
    power.change(current=20)
    power.change(current=150)
    assert power.vehicle == Ceiling(450, 150, 60_000)
    power.change(500, 400, 90_000)
    assert power.vehicle == CAR
    assert power.clips[Kind.RAISED].count == 3
    power.declare(Ceiling(500, 400, 90_000))
    assert power.vehicle == Ceiling(500, 400, 90_000)


async def test_voltage_is_not_raised_while_the_output_is_on() -> None:
    """A declaration beside the loop may allow more current and power; a higher voltage takes another cable check."""
    power = output((380.0, 0.1))
    power.declare(CAR)
    await cable_check(power)
    power.deliver(403, 50)
    power.declare(Ceiling(800, 300, 90_000))
    assert power.vehicle == Ceiling(450, 300, 90_000)
    assert "tested at 450 V" in power.clips[Kind.RAISED].first
    power.declare(Ceiling(420, 300, 90_000))
    power.declare(Ceiling(450, 300, 90_000))
    assert power.vehicle.voltage == 420
    power.off()
    power.declare(Ceiling(800, 300, 90_000))
    assert power.vehicle.voltage == 800


async def test_the_next_vehicle_inherits_nothing() -> None:
    """When a session is over the output is off, and gives nothing until limits are declared."""
    power = output()
    power.declare(CAR)
    await cable_check(power)
    power.deliver(400, 100)
    await asyncio.sleep(5)
    power.forget()
    assert not power.on
    power.deliver(400, 100)
    await asyncio.sleep(5)
    assert power.voltage < 1
    power.declare(Ceiling(300, 10))
    await cable_check(power)
    power.deliver(400, 100)
    await asyncio.sleep(5)
    assert (power.voltage, power.current) == (300, 10)


@pytest.mark.parametrize("limits", [(math.nan, 1, 1), (1, math.nan, 1), (1, 1, math.nan), (-1, 1, 1), (1, -0.1, 1)])
async def test_invalid_limits_are_refused(limits: tuple[float, float, float]) -> None:
    """NaN and negative values change nothing."""
    power = output()
    power.declare(CAR)
    with pytest.raises(ValueError, match="limits of"):
        power.declare(Ceiling(*limits))
    with pytest.raises(ValueError, match="limits of"):
        power.change(*limits)
    with pytest.raises(ValueError, match="not finite"):
        power.deliver(math.inf, 1)
    assert power.vehicle == CAR


async def test_regulation_error_and_ripple_stay_below_a_limit() -> None:
    """Whatever the seed: what flows, peaks of the ripple included, is not above the limit; and not far below."""
    for seed in range(20):
        power = output((380.0, 0.1), rng=random.Random(seed))
        power.declare(Ceiling(450.0, 100.05))
        await cable_check(power)
        power.deliver(450, 350)
        await asyncio.sleep(5)
        for _ in range(100):
            await asyncio.sleep(0.1)
            assert 97.9 < power.current <= 100.0  # steps of 0.1 A: a report of 100.1 would be above the limit
            assert power.voltage <= 450.0


async def test_clipping_is_reported_once_with_a_count() -> None:
    """By kind: a target above the vehicle's own limit is not the same as one above the charger's."""
    power = output()
    told = []
    power.on_clip = lambda clip: told.append(clip.kind)
    power.declare(Ceiling(450, 1000))
    await cable_check(power)
    for _ in range(3):
        power.deliver(500, 400)
    power.deliver(400, 100)
    assert told == [Kind.OWN_VOLTAGE, Kind.CHARGER_CURRENT]
    assert str(power.clips[Kind.OWN_VOLTAGE]) == (
        "target voltage above the vehicle's own limit: 500 V, at most 450 V; clipped 3 times"
    )


async def test_reached_names_the_limit_that_holds() -> None:
    """The charger's limits, or the vehicle's where it asked for more than that."""
    power = output((350.0, 0.05))
    power.declare(Ceiling(1000, 1000))
    await cable_check(power)
    power.deliver(403, 900)
    await asyncio.sleep(10)
    assert power.reached == (False, True, False)
    power.deliver(403, 100)
    await asyncio.sleep(5)
    assert power.reached == (False, False, False)
    power.change(current=60)
    power.deliver(403, 100)
    assert power.reached == (False, True, False)
    power.change(current=1000, power=10_000)
    power.deliver(403, 100)
    await asyncio.sleep(5)
    assert power.reached == (False, False, True)
    high = output()
    high.declare(Ceiling(450, 100))
    await cable_check(high)
    high.deliver(450, 10)
    await asyncio.sleep(5)
    assert high.reached == (False, False, False)  # at the vehicle's limit, and it asked for no more
    high.deliver(460, 10)
    assert high.reached == (True, False, False)


async def test_what_was_agreed_is_a_limit() -> None:
    """The power of schedule and profile, and up again with it."""
    power = output((380.0, 0.1))
    power.declare(Ceiling(450, 200))
    await cable_check(power)
    power.deliver(450, 200)
    power.agree(11_000)
    await asyncio.sleep(5)
    assert power.voltage * power.current == pytest.approx(11_000)
    assert power.max_power == 11_000
    power.agree(40_000)
    await asyncio.sleep(5)
    assert power.voltage * power.current == pytest.approx(40_000)


async def test_an_insulation_fault_switches_off() -> None:
    """Under voltage, with the next target, and it stays a fault although the output is off."""
    power = output((380.0, 0.1))
    power.declare(CAR)
    power.test_insulation()
    await asyncio.sleep(6)
    power.deliver(450, 100)
    await asyncio.sleep(3)
    driver = power.driver
    assert isinstance(driver, SimulatedPowerSource)
    driver.insulation_ohms = 1e3
    power.deliver(450, 100)
    assert not power.on
    assert power.insulation is Insulation.FAULT
    assert power.fault == "insulation fault with the output on"
    power.forget()
    assert power.insulation is Insulation.INVALID


@pytest.mark.parametrize("how", ["off", "breaks", "rest"])
async def test_only_a_cable_check_brings_the_output_back(how: str) -> None:
    """After it was switched off, or went off by itself; `rest` alone keeps what the check said."""
    power = output((380.0, 0.1))
    power.declare(CAR)
    await cable_check(power)
    power.deliver(450, 100)
    await asyncio.sleep(3)
    driver = power.driver
    assert isinstance(driver, SimulatedPowerSource)
    if how == "breaks":
        driver.break_down("test")
        driver.repair()
    else:
        (power.off if how == "off" else power.rest)()
    for ask in (lambda: power.deliver(450, 100), lambda: power.bring_to(450, 2), power.ramp_down):
        ask()
        assert power.on == (how == "rest")
    await cable_check(power)
    power.deliver(450, 100)
    assert power.on


async def test_ramping_down_forgets_the_targets() -> None:
    """A limit that changes later does not bring the current back."""
    power = output((380.0, 0.1))
    power.declare(CAR)
    await cable_check(power)
    power.deliver(450, 100)
    await asyncio.sleep(3)
    power.ramp_down()
    power.agree(50_000)
    await asyncio.sleep(3)
    assert (power.on, power.current) == (True, 0)


class Disobedient(SimulatedPowerSource):
    """A driver that does not know ceilings, and adds 50 A to each target."""

    def bound(self, ceiling: Ceiling) -> None:
        pass

    def aim(self, voltage: float, current: float) -> None:
        super().aim(voltage, current + 50)


async def test_a_driver_that_does_not_obey_is_switched_off() -> None:
    """After a second above the limit: off, a fault of the charger, and it stays off until the session is over."""
    power = LimitedOutput(Disobedient(LIMITS, load=lambda: (380.0, 0.1)))
    power.declare(Ceiling(450, 100))
    await cable_check(power)
    for _ in range(40):
        power.deliver(450, 100)
        await asyncio.sleep(0.1)
    assert power.current == 0
    assert power.fault is not None
    assert "did not obey its limits" in power.fault
    power.deliver(450, 100)
    assert not power.on
    power.forget()
    assert power.fault is None


# ---------------------------------------------------------------------------------------------------------------
# Out of the vehicle

BIDIRECTIONAL = replace(LIMITS, max_discharge_current=100.0, max_discharge_power=40_000.0)
V2X = Ceiling(450.0, 200.0, 60_000.0, 80.0, 20_000.0, 340.0)


async def sink(*, limits: Limits = BIDIRECTIONAL, emf: float = 380.0) -> LimitedOutput:
    power = LimitedOutput(SimulatedPowerSource(limits, load=lambda: (emf, 0.1)))
    power.declare(V2X)
    await cable_check(power)
    power.agree(math.inf, -math.inf)
    return power


@pytest.mark.parametrize(
    ("limits", "declared", "least"),
    [
        (LIMITS, V2X, -math.inf),
        (BIDIRECTIONAL, CAR, -math.inf),
        (BIDIRECTIONAL, V2X, 0.0),
        (BIDIRECTIONAL, V2X._replace(discharge_power=0.0), -math.inf),
        (BIDIRECTIONAL, V2X._replace(discharge_current=0.0), -math.inf),
    ],
)
async def test_nothing_flows_out_unless_all_allow_it(limits: Limits, declared: Ceiling, least: float) -> None:
    """The charger's rating, the vehicle's declaration, and what was agreed."""
    power = await sink(limits=limits)
    power.declare(declared)
    await cable_check(power)
    power.agree(math.inf, least)
    power.deliver(400, -50)
    await asyncio.sleep(3)
    assert power.current == 0


async def test_the_lower_limit_of_discharging_holds() -> None:
    """Current of the vehicle, its power, what was agreed, the charger's power."""
    power = await sink()
    power.deliver(400, -32_767)
    await asyncio.sleep(5)
    assert power.voltage * power.current == pytest.approx(-20_000)
    power.change(discharge_current=20)
    assert power.current == -20
    power.change(discharge_current=80, discharge_power=4_000)
    assert power.voltage * power.current == pytest.approx(-4_000)
    power.change(discharge_power=20_000)
    power.agree(math.inf, -1_000)
    assert power.voltage * power.current == pytest.approx(-1_000)
    assert power.max_discharge_power == 1_000
    power.agree(math.inf, -math.inf)
    power.change(least_voltage=379)
    await asyncio.sleep(5)
    assert (power.voltage, power.current) == (pytest.approx(379), pytest.approx(-10))


async def test_limits_of_discharging_are_not_widened_in_the_loop() -> None:
    """Each attempt is reported, that to lower the lowest voltage included."""
    power = await sink()
    power.change(discharge_current=90)
    power.change(discharge_power=30_000)
    power.change(least_voltage=300)
    assert power.vehicle == V2X
    assert power.clips[Kind.RAISED].count == 3


async def test_clips_of_discharging_say_whose_limit_it_was() -> None:
    """A target beyond what the vehicle itself declared is odd, one beyond the charger's limit is not."""
    power = await sink()
    power.deliver(400, -500)
    assert str(power.clips[Kind.OWN_DISCHARGE]) == (
        "discharge current target above the vehicle's own limit: 500 A out of the vehicle, at most 80 A; clipped once"
    )
    weak = await sink(limits=replace(BIDIRECTIONAL, max_discharge_current=30.0))
    weak.deliver(400, -50)
    assert list(weak.clips) == [Kind.CHARGER_DISCHARGE]
    assert not weak.clips[Kind.CHARGER_DISCHARGE].odd


async def test_reached_names_the_limit_that_holds_discharging() -> None:
    """As in charging."""
    power = await sink()
    power.deliver(400, -20)
    await asyncio.sleep(5)
    assert power.reached == (False, False, False)
    power.change(discharge_current=15)
    power.deliver(400, -20)
    assert power.reached == (False, True, False)
    power.change(discharge_current=80, discharge_power=4_000)
    power.deliver(400, -20)
    await asyncio.sleep(5)
    assert power.reached == (False, False, True)
    power.change(discharge_power=20_000, least_voltage=379.0)
    power.deliver(400, -50)
    await asyncio.sleep(5)
    assert power.reached.voltage


class Thirsty(SimulatedPowerSource):
    """A driver that takes 50 A out of the vehicle on its own account."""

    @property
    def current(self) -> float:
        return super().current - 50.0 if self.on else 0.0


@pytest.mark.parametrize(("declared", "trips"), [(CAR, True), (V2X, False)])
async def test_a_driver_that_discharges_unasked_is_switched_off(declared: Ceiling, trips: bool) -> None:
    """In a session that only charges it is a fault; within the limits of a bidirectional one it is not."""
    power = LimitedOutput(Thirsty(BIDIRECTIONAL, load=lambda: (380.0, 0.1)))
    power.declare(declared)
    await cable_check(power)
    power.agree(math.inf, -math.inf)
    for _ in range(30):
        power.deliver(450, 0)
        await asyncio.sleep(0.1)
    assert (power.fault == "the output did not obey its limits: 50.0 A out of the vehicle, at most 0 A") == trips
    assert power.on != trips
