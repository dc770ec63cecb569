"""What the vehicle asks for in the DC loop of ISO 15118-20: within the limits of either side, in either direction."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from evcc.battery import PACKS, Battery
from evcc.drive import Drive
from evcc.iso20_dc import Flow, request
from evcc.iso20_dc_limits import Terms, updated
from evcc.iso20_schedule import Plan
from evcc.options import Options
from evcc.schedule import Schedule, Slot
from evcc.vehicle import Settings, Vehicle
from slac.pilots import SimulatedPilot
from v2g import energy
from v2g.energy import Control, ParameterSet
from v2g.errors import RemoteError
from v2g.messages.iso20 import dc, types
from v2g.physical import magnitude, number

NOW = 100.0
HAIR = 1e-6
"""Of calculation: V, A, W."""


def drive(battery: Battery, control: Control, *, wish: float = math.inf, negative: bool = False) -> Drive:
    """A session in the loop; nothing is said in it."""
    vehicle = Vehicle(SimulatedPilot(plugged=True).ev, battery, settings=Settings(target_power=wish), clock=lambda: NOW)
    session: Any = SimpleNamespace(now=NOW)
    options = Options(negative_discharge_limits=negative)
    return Drive(session, vehicle, options, control=control)


def bidirectional(*, dynamic: bool) -> Control:
    return Control(energy.DC_BPT, ParameterSet(1, dynamic, channel=energy.UNIFIED))


LIMITS = st.builds(
    Terms,
    st.floats(250, 1000),
    st.floats(0, 500),
    st.floats(0, 350_000),
    st.floats(0, 300),
    st.floats(0, 100_000),
    st.floats(0.97, 1.01),  # the lowest voltage by that of the battery
)


@settings(phases=[Phase.explicit, Phase.generate])
@given(
    st.sampled_from(list(PACKS.values())),
    st.floats(0, 1),
    LIMITS,
    st.sampled_from([math.inf, 11_000.0, 0.0, -7_000.0, -60_000.0, -math.inf]),
    st.floats(0, 200_000),
    st.floats(-80_000, 0),
    st.booleans(),
    st.booleans(),
)
def test_what_is_asked_for_is_within_all_limits(
    pack: Any, soc: float, terms: Terms, wish: float, most: float, least: float, dynamic: bool, negative: bool
) -> None:
    """Of the charger, of the battery with its minimum and target, of both schedules and of the driver, as sent.

    In dynamic mode the charger decides, and the vehicle states limits of its own.
    """
    battery, control = Battery(pack, soc), bidirectional(dynamic=dynamic)
    terms = replace(terms, least_voltage=terms.least_voltage * battery.open_voltage)
    plan = Plan(Schedule(1, (Slot(0, most),)), back=Schedule(1, (Slot(0, least),)), wish=wish)
    if dynamic:
        plan = Plan(Schedule(0))
    car = drive(battery, control, wish=wish, negative=negative)
    sent = cast(Any, request(car, control, Flow.of(car, control, terms, plan)).CLReqControlMode)
    out = magnitude(sent.EVMaximumDischargeCurrent)

    def most_of(given: float, own: float) -> float:
        return (own if dynamic else min(given, own)) + HAIR

    assert out <= most_of(terms.discharge_current, pack.max_discharge_current)
    power = magnitude(sent.EVMaximumDischargePower)
    assert power <= most_of(terms.discharge_power, pack.max_discharge_power)
    if battery.drained:
        assert out == 0.0
    assert (sent.EVMaximumDischargeCurrent.Value <= 0) or not negative
    if dynamic:
        assert number(sent.EVMaximumChargeCurrent) <= most_of(terms.current, pack.max_current)
        assert number(sent.EVMaximumVoltage) <= most_of(terms.voltage, pack.max_voltage)
        assert number(sent.EVMinimumV2XEnergyRequest) >= 0.0 if battery.drained else True
        return
    assert magnitude(sent.EVMaximumDischargePower) <= -least + HAIR
    amps = number(sent.EVTargetCurrent)
    battery.current = amps
    assert -out - HAIR <= amps <= min(terms.current, pack.max_current) + HAIR
    assert number(sent.EVTargetVoltage) <= min(terms.voltage, pack.max_voltage) + HAIR
    assert amps * battery.voltage <= min(terms.power, pack.max_power, most) + 1.0
    assert amps * battery.voltage >= max(-terms.discharge_power, -pack.max_discharge_power, least) - 1.0
    if amps < 0.0:
        assert wish < 0.0
        assert battery.voltage >= max(pack.min_voltage, terms.least_voltage) - HAIR
    if amps > 0.0:
        assert wish > 0.0
        assert not battery.full


@pytest.mark.parametrize("dynamic", [False, True])
def test_energies_are_negative_above_what_they_count_to(dynamic: bool) -> None:
    """Above the target and the minimum: the charger may take that much; below the minimum it has to give."""
    control = bidirectional(dynamic=dynamic)
    full, low = Battery(soc=0.9, target_soc=0.8, min_soc=0.3), Battery(soc=0.2, target_soc=0.8, min_soc=0.3)
    terms, plan = Terms(900.0, 100.0, 50_000.0, 100.0, 50_000.0), Plan(Schedule(0))
    for battery, target, least in ((full, -6_000, -36_000), (low, 36_000, 6_000)):
        car = drive(battery, control)
        sent = cast(Any, request(car, control, Flow.of(car, control, terms, plan)).CLReqControlMode)
        assert number(sent.EVTargetEnergyRequest) == pytest.approx(target, abs=2)
        assert number(sent.EVMinimumEnergyRequest) == pytest.approx(least, abs=2)
        assert number(sent.EVMinimumEnergyRequest) <= number(sent.EVTargetEnergyRequest)
        assert number(sent.EVTargetEnergyRequest) <= number(sent.EVMaximumEnergyRequest)


def test_limits_of_discharging_are_read_without_their_sign() -> None:
    """Those of charging are not: a negative one is an error of the charger's."""

    def limits(**changes: float) -> dc.BPT_Scheduled_DC_CLResControlModeType:
        fields = {name: types.RationalNumberType(Exponent=0, Value=int(value)) for name, value in changes.items()}
        return dc.BPT_Scheduled_DC_CLResControlModeType(**fields)

    before = Terms(900.0, 100.0, 50_000.0, 10.0, 5_000.0)
    for sign in (1, -1):
        said = limits(EVSEMaximumDischargePower=sign * 3_000, EVSEMaximumDischargeCurrent=sign * 8)
        assert updated(before, said) == Terms(900.0, 100.0, 50_000.0, 8.0, 3_000.0)
    with pytest.raises(RemoteError, match="EVSEMaximumChargePower of -1"):
        updated(before, limits(EVSEMaximumChargePower=-1))
