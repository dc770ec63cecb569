"""The vehicle: contactors, emergency, DC and AC energy."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from evcc.battery import Battery, pack
from evcc.vehicle import OnboardCharger, Vehicle
from slac.connector import NACS
from slac.pilot import State
from slac.pilots import AssumedVehiclePilot, SimulatedPilot


def plugged(**options: Any) -> tuple[Vehicle, SimulatedPilot]:
    wire = SimulatedPilot(plugged=True)
    wire.evse.offer(5.0)
    return Vehicle(wire.ev, **options), wire


async def test_dc_charging_fills_the_battery() -> None:
    """A minute at 100 A is 1.67 Ah, and leaves no mishap."""
    vehicle, wire = plugged(battery=Battery(soc=0.5))
    vehicle.report(vehicle.battery.voltage - 15)
    assert vehicle.matched
    vehicle.close_contactors()
    wire.ev.set(State.C)
    for _ in range(601):
        vehicle.take_dc(vehicle.battery.voltage, 100)
        await asyncio.sleep(0.1)
    energy = (vehicle.battery.soc - 0.5) * vehicle.battery.pack.capacity_wh
    assert energy == pytest.approx(vehicle.battery.open_voltage * 100 / 60, rel=0.01)
    assert vehicle.load() == (vehicle.battery.open_voltage, vehicle.battery.resistance)
    await vehicle.safe()
    assert vehicle.contactors.mishaps == []
    assert vehicle.load() is None
    assert wire.evse.state is State.B


async def test_nothing_flows_through_open_contactors() -> None:
    """A charger that claims to deliver fills nothing."""
    vehicle, _ = plugged()
    for _ in range(10):
        vehicle.take_dc(400, 100)
        await asyncio.sleep(1)
    assert vehicle.battery.soc == 0.2


def test_closing_with_a_difference_is_recorded() -> None:
    """More than 20 V between inlet and battery is not a match, and closing then is a mishap."""
    vehicle, _ = plugged()
    vehicle.report(vehicle.battery.voltage - 21)
    assert not vehicle.matched
    vehicle.close_contactors()
    assert len(vehicle.contactors.mishaps) == 1
    assert "V outside" in vehicle.contactors.mishaps[0]


async def test_measurement_goes_before_the_report() -> None:
    """A vehicle with a meter at its inlet does not believe the charger's voltage, unless told to."""
    vehicle, _ = plugged(sense=lambda: (0.0, 0.0))
    vehicle.report(vehicle.battery.voltage)
    assert not vehicle.matched
    vehicle.settings.trusts_report = True
    assert vehicle.matched
    vehicle.close_contactors()
    assert vehicle.contactors.mishaps  # what is believed does not help the contactors


@pytest.mark.parametrize("most", [30e3, 200e3])
def test_targets_keep_the_power_at_a_voltage_that_is_only_reported(most: float) -> None:
    """An output with no battery behind it stands at the target: the current is what the power allows there."""
    vehicle, _ = plugged(battery=Battery(soc=0.3))
    pack = vehicle.battery.pack
    kept = vehicle.wanted(pack.max_voltage, 500.0, most)
    assert kept == vehicle.battery.wanted(pack.max_voltage, 500.0, most)
    vehicle.report(pack.max_voltage)
    wanted = vehicle.wanted(pack.max_voltage, 500.0, most)
    assert wanted.voltage == kept.voltage
    assert wanted.current * pack.max_voltage == pytest.approx(min(most, pack.max_power))
    vehicle.sense = lambda: (vehicle.battery.voltage, 0.0)  # a meter knows better
    assert vehicle.wanted(pack.max_voltage, 500.0, most) == kept


async def test_safe_waits_for_the_current() -> None:
    """With a meter the contactors open when the current is gone, and not before."""
    loop = asyncio.get_running_loop()
    vehicle, _ = plugged(sense=lambda: (380.0, max(0.0, 100 - 100 * loop.time())))
    vehicle.contactors.closed = True
    await vehicle.safe()
    assert 0.95 <= loop.time() <= 1.0
    assert vehicle.contactors.mishaps == []
    assert vehicle.notes == []


async def test_safe_opens_in_the_end() -> None:
    """A charger that never stops gets the contactors opened under load after two seconds; that is recorded."""
    vehicle, _ = plugged(sense=lambda: (380.0, 100.0))
    vehicle.contactors.closed = True
    await vehicle.safe()
    assert asyncio.get_running_loop().time() == pytest.approx(2.0, abs=0.05)
    assert not vehicle.contactors.closed
    assert vehicle.contactors.mishaps == ["contactors opened under load, 100.0 A"]


async def test_cancelled_safe_is_safe() -> None:
    """Cancelling the wait opens the contactors at once."""
    vehicle, wire = plugged(sense=lambda: (380.0, 100.0))
    vehicle.contactors.closed = True
    task = asyncio.create_task(vehicle.safe())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not vehicle.contactors.closed
    assert wire.ev.state is State.B


@pytest.mark.parametrize("way", ["safe", "opening"])
async def test_a_pilot_that_fails_keeps_no_contactor_closed(way: str) -> None:
    """The board is gone, or somebody who listens to it fails: the current is waited for, and the contactors open."""
    loop = asyncio.get_running_loop()
    vehicle, _ = plugged(sense=lambda: (380.0, max(0.0, 100 - 100 * loop.time())))
    vehicle.contactors.closed = True

    def fails(reading: object) -> None:
        raise RuntimeError("the display is broken")

    vehicle.pilot.set(State.C)
    vehicle.pilot.subscribe(fails)
    with pytest.raises(RuntimeError, match="display"):
        if way == "safe":
            await vehicle.safe()
        else:
            async with vehicle.opening():
                await asyncio.sleep(0.1)
    assert not vehicle.contactors.closed
    assert vehicle.contactors.mishaps == []


async def test_without_a_meter_the_assumption_is_noted() -> None:
    """The current is assumed to be gone shortly after B, and a note says so."""
    vehicle = Vehicle(AssumedVehiclePilot())
    vehicle.report(vehicle.battery.voltage)
    vehicle.close_contactors()
    vehicle.take_dc(380, 50)
    await vehicle.emergency("test")
    assert asyncio.get_running_loop().time() == pytest.approx(0.3, abs=0.01)
    assert not vehicle.contactors.closed
    assert vehicle.contactors.mishaps == []
    assert "not measured" in vehicle.notes[0]
    assert vehicle.trouble_text == "test"


async def test_welded_contactors_stay_closed() -> None:
    """The load stays on the charger's output, which is how welding detection finds it."""
    vehicle, _ = plugged()
    vehicle.report(vehicle.battery.voltage)
    vehicle.close_contactors()
    vehicle.contactors.welded = True
    await vehicle.safe()
    assert vehicle.load() is not None


@pytest.mark.parametrize("cause", ["F", "short", "unplug", "X1"])
def test_pilot_calls_for_a_stop(cause: str) -> None:
    """E, F, a pulled plug and PWM going off while ready are trouble; a new session starts without."""
    vehicle, wire = plugged()
    wire.ev.set(State.C)
    assert not vehicle.trouble.is_set()
    {
        "F": lambda: wire.evse.fault(State.F),
        "short": wire.short,
        "unplug": wire.unplug,
        "X1": lambda: wire.evse.offer(100.0),
    }[cause]()
    assert vehicle.trouble.is_set()
    assert vehicle.trouble_text
    vehicle.begin()
    assert not vehicle.trouble.is_set()
    assert not vehicle.trouble_text


def test_pwm_off_after_charging_is_not_a_fault() -> None:
    """In B the charger may switch its PWM off: that is how a session ends."""
    vehicle, wire = plugged()
    wire.evse.offer(100.0)
    assert not vehicle.trouble.is_set()


def test_pwm_off_before_a_board_shows_b_is_not_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board needs time to go back to B; the charger that ends the session may be quicker."""
    vehicle, wire = plugged()
    vehicle.show(State.C)
    monkeypatch.setattr(vehicle, "pilot", SimpleNamespace(set=lambda state: None))
    vehicle.show(State.B)
    wire.evse.offer(100.0)
    assert wire.ev.reading.label == "C1"
    assert not vehicle.trouble.is_set()


async def test_ac_charging() -> None:
    """An hour at 3 x 16 A brings 11 kWh less the losses; the charger's limit and phases are kept."""
    vehicle, wire = plugged()
    wire.ev.set(State.C)
    for _ in range(3600):
        draw = vehicle.take_ac(230, 32)
        await asyncio.sleep(1)
    assert draw.current == vehicle.ac_current == 16
    assert draw.power == 11_040
    vehicle.stop_ac()
    gained = (vehicle.battery.soc - 0.2) * vehicle.battery.pack.capacity_wh
    assert gained == pytest.approx(11_040 * 0.92, rel=0.01)
    assert vehicle.ac_current == 0
    assert vehicle.take_ac(230, 10, 1).power == 2300
    assert vehicle.take_ac(230, 5).current == 0


async def test_ac_needs_state_c_and_an_empty_battery() -> None:
    """Nothing is drawn in B or when full."""
    vehicle, wire = plugged()
    assert vehicle.take_ac(230, 32).power == 0
    wire.ev.set(State.C)
    assert vehicle.take_ac(230, 32).power > 0
    wire.ev.set(State.B)
    assert vehicle.ac_current == 0
    vehicle.battery.soc = 0.8
    wire.ev.set(State.C)
    assert vehicle.take_ac(230, 32).power == 0


def test_onboard_charger_fits_the_inlet() -> None:
    """A NACS car has one phase unless told otherwise; the address has six bytes."""
    assert plugged(inlet=NACS)[0].onboard.phases == 1
    assert (
        plugged(inlet=NACS, battery=Battery(pack("800V")), onboard=OnboardCharger(1, 48))[0].onboard.max_current == 48
    )
    with pytest.raises(ValueError, match="6 bytes"):
        plugged(evccid=b"1")
