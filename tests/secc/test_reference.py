"""The plants are computed when they are read; here they are compared with a slow reference in millisecond steps."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from evcc.battery import Battery, pack
from secc.power import Ceiling, Limits
from secc.simulated import Dynamics, SimulatedPowerSource
from slac.connector import power_class

LIMITS = replace(Limits.of(power_class(150)), max_discharge_current=90.0, max_discharge_power=25_000.0)
DYNAMICS = Dynamics()
MILLISECOND = 0.001
ONE_STEP = 1.001 * MILLISECOND * DYNAMICS.amps_per_second
"""A: the reference lowers a current by limits after its ramp, the output before."""


class Hand:
    """A clock moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Reference:
    """An output at a battery, in small steps and nothing kept between them."""

    volts: float = 0.0
    amps: float = 0.0

    def step(self, target: tuple[float, float], top: Ceiling, emf: float, ohms: float) -> None:
        goal = min(target[1], max(0.0, (target[0] - emf) / ohms))
        if not top.least_voltage <= emf <= top.voltage:
            goal = max(goal, 0.0)
        climb = DYNAMICS.amps_per_second * MILLISECOND
        self.amps += max(-climb, min(climb, goal - self.amps))
        if self.amps > top.current:
            self.amps = top.current
        if emf + self.amps * ohms > top.voltage:
            self.amps = max(0.0, (top.voltage - emf) / ohms)
        while self.amps > 0.0 and (emf + self.amps * ohms) * self.amps > top.power * (1.0 + 1e-9):
            self.amps *= min(0.9999, (top.power / ((emf + self.amps * ohms) * self.amps)) ** 0.6)
        if self.amps < 0.0 and not top.least_voltage <= emf <= top.voltage:
            self.amps = 0.0
        if self.amps < 0.0:
            self.amps = max(self.amps, -top.discharge_current, (top.least_voltage - emf) / ohms)
        while self.amps < 0.0 and (emf + self.amps * ohms) * -self.amps > top.discharge_power * (1.0 + 1e-9):
            self.amps *= 0.9999 if top.discharge_power > 0.0 else 0.0
        self.volts = emf + self.amps * ohms


_STEPS = st.lists(
    st.tuples(
        st.floats(300, 1000),  # target, V
        st.floats(-200, 400),  # target, A
        st.sampled_from([math.inf, 420.0, 380.0]),  # ceiling, V
        st.sampled_from([math.inf, 125.0, 20.0, 0.0]),  # ceiling, A
        st.sampled_from([math.inf, 60_000.0, 11_000.0]),  # ceiling, W
        st.sampled_from([100.0, 30.0, 0.0]),  # ceiling of discharging, A
        st.sampled_from([math.inf, 20_000.0, 5_000.0]),  # ceiling of discharging, W
        st.sampled_from([0.0, 300.0, 350.0]),  # lowest voltage of discharging, V
        st.integers(20, 1500),  # ms until the next
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, phases=[Phase.generate])
@given(_STEPS, st.floats(310, 390), st.floats(0.02, 0.3), st.integers(0, 999))
def test_the_output_is_what_small_steps_give(
    steps: list[tuple[float, float, float, float, float, float, float, float, int]], emf: float, ohms: float, seed: int
) -> None:
    """However seldom or often, and however many values at a moment, are read: within 0.1 % of the reference."""
    hand, reference, rng = Hand(), Reference(), random.Random(seed)
    source = SimulatedPowerSource(LIMITS, DYNAMICS, load=lambda: (emf, ohms), clock=hand)
    energy = expected = 0.0
    for voltage, current, *limits, duration in steps:
        most = Ceiling(*limits)
        source.bound(most)
        source.aim(voltage, current)
        top = Ceiling(
            min(most.voltage, LIMITS.max_voltage),
            min(most.current, LIMITS.max_current),
            min(most.power, LIMITS.max_power),
            min(most.discharge_current, LIMITS.max_discharge_current),
            min(most.discharge_power, LIMITS.max_discharge_power),
            max(most.least_voltage, LIMITS.min_voltage),
        )
        for _ in range(duration):
            asked = max(min(current, top.current), -top.discharge_current)
            reference.step((min(voltage, top.voltage), asked), top, emf, ohms)
            hand.now += MILLISECOND
            expected += reference.volts * reference.amps * MILLISECOND
            if rng.random() < 0.02:
                for _ in range(rng.randint(1, 3)):
                    assert source.current == pytest.approx(reference.amps, rel=1e-3, abs=ONE_STEP)
                    assert source.voltage == pytest.approx(reference.volts, rel=1e-3)
                    assert source.measure() == (source.voltage, source.current)
            energy += source.voltage * source.current * MILLISECOND
        assert source.current == pytest.approx(reference.amps, rel=1e-3, abs=ONE_STEP)
    assert energy == pytest.approx(expected, rel=1e-3, abs=100.0)  # Ws


def reference_seconds(battery: Battery, soc: float, voltage: float, current: float, power: float) -> float:
    """Time to an SoC in steps of a thousandth of a percent, each asked of the battery again."""
    probe, total, step = Battery(battery.pack, battery.soc, target_soc=1.0), 0.0, 1e-5
    while probe.soc < soc - 1e-9:
        part = min(step, soc - probe.soc)
        probe.soc += part / 2.0
        amps = probe.wanted(voltage, current, power).current
        if amps <= 0.0:
            return math.inf
        total += part * probe.pack.capacity_wh * 3600.0 / (probe.open_voltage * amps)
        probe.soc += part / 2.0
    return total


@settings(max_examples=25, phases=[Phase.generate])
@given(
    st.sampled_from(["28kWh", "400V", "800V"]),
    st.floats(0.0, 0.95),
    st.floats(0.0, 0.95),
    st.sampled_from([math.inf, 200.0, 63.0]),
    st.sampled_from([math.inf, 50_000.0, 11_000.0]),
)
def test_the_time_left_is_what_small_steps_give(name: str, start: float, end: float, amps: float, watts: float) -> None:
    """From any SoC to any other within any limits, and again from a little further: the same as asking at each step."""
    battery = Battery(pack(name), start)
    for soc in (start, min(1.0, start + 0.003)):
        battery.soc = soc
        expected = reference_seconds(battery, end, math.inf, amps, watts)
        assert battery.seconds_to(end, math.inf, amps, watts) == pytest.approx(expected, rel=1e-3, abs=0.5)


def test_the_time_left_follows_a_changed_battery() -> None:
    """Limits that change, of the pack or of the charger, are not the previous ones."""
    battery = Battery(pack("400V"), 0.2)
    whole = battery.seconds_to(0.8)
    assert battery.seconds_to(0.8, max_current=50.0) > 2 * whole
    battery.pack = pack("28kWh")
    assert battery.seconds_to(0.8) != whole
    assert battery.open_voltage == Battery(pack("28kWh"), 0.2).open_voltage
    assert battery.seconds_to(0.8, max_voltage=300.0) == math.inf
