"""Control pilot: tables, the simulated wire, and the stand-in without hardware."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slac.pilot import (
    LEGEND,
    Offer,
    Reading,
    State,
    count_toggles,
    current_of,
    duty_of,
    event_told,
    read_duty,
    state_of,
    toggle,
    until_digital,
    with_volts,
)
from slac.pilots import AssumedChargerPilot, AssumedVehiclePilot, SimulatedPilot


@pytest.mark.parametrize(
    ("duty", "amperes"),
    [(10, 6), (16, 9.6), (25, 15), (40, 24), (50, 30), (80, 48), (85, 51), (90, 65), (96, 80)],
)
def test_nominal_current(duty: float, amperes: float) -> None:
    """The examples of the standard, both ways."""
    assert current_of(duty) == pytest.approx(amperes)
    assert duty_of(amperes) == pytest.approx(duty)


@given(st.floats(6, 80))
def test_duty_and_current_are_inverse(amperes: float) -> None:
    """Every current that can be offered comes back from its duty (51 to 52.5 A has no duty of its own)."""
    read = current_of(duty_of(amperes))
    assert read == pytest.approx(amperes) or 51 < amperes < 52.5


@pytest.mark.parametrize("duty", [0, 3, 5, 9.9, 96.1, 100])
def test_no_current_outside_the_table(duty: float) -> None:
    """A duty that does not encode a current has none."""
    with pytest.raises(ValueError, match="does not encode a current"):
        current_of(duty)


@pytest.mark.parametrize(
    ("duty", "offer"),
    [
        (2.9, (Offer.NOTHING, 0)),
        (3, (Offer.DIGITAL, 0)),
        (5, (Offer.DIGITAL, 0)),
        (7, (Offer.DIGITAL, 0)),
        (7.5, (Offer.NOTHING, 0)),
        (8, (Offer.CURRENT, 6)),
        (96.5, (Offer.CURRENT, 80)),
        (97.1, (Offer.NOTHING, 0)),
        (100, (Offer.NOTHING, 0)),
    ],
)
def test_vehicle_reads_duty_with_tolerance(duty: float, offer: tuple[Offer, float]) -> None:
    """The vehicle's table at its edges."""
    assert read_duty(duty) == offer


def test_voltage_windows() -> None:
    """Nominal levels are their states; between windows the last state holds; without a diode it is E."""
    for volts, state in ((12, "A"), (9, "B"), (6, "C"), (3, "D"), (0, "E"), (-12, "F")):
        assert state_of(volts) is State(state)
    assert state_of(7.5, previous=State.B) is State.B
    assert state_of(7.5, previous=State.C) is State.C
    assert state_of(7.5) is None
    assert state_of(9, -12) is State.B
    assert state_of(9, -9) is State.E


@pytest.mark.parametrize(
    ("reading", "label"),
    [
        (Reading(State.B, 100.0), "B1"),
        (Reading(State.C, 5.0), "C2"),
        (Reading(State.F, 0.0), "F"),
        (Reading(State.B, None), "B?"),
        (Reading(None, 5.0), "?2"),
        (Reading(State.A, 0.0), "A1"),
    ],
)
def test_label(reading: Reading, label: str) -> None:
    """Letter and suffix as in the standard; what is not known is a question mark."""
    assert reading.label == label


def test_both_ends_of_the_wire() -> None:
    """A session's pilot from plug to unplug, as each end sees it."""
    wire = SimulatedPilot()
    assert (wire.ev.reading, wire.evse.reading) == (Reading(State.A, 0.0), Reading(State.A, 100.0))
    wire.plug()
    assert wire.ev.reading.label == wire.evse.reading.label == "B1"
    wire.evse.offer(5.0)
    wire.ev.set(State.C)
    assert wire.ev.reading == wire.evse.reading == Reading(State.C, 5.0)
    wire.evse.fault(State.F)
    assert wire.ev.state is wire.evse.state is State.F
    wire.evse.offer(100.0)
    assert wire.ev.reading.label == "C1"
    wire.short()
    assert wire.ev.state is wire.evse.state is State.E
    wire.short(False)
    wire.unplug()
    assert wire.ev.state is wire.evse.state is State.A


def test_each_end_makes_only_its_own_states() -> None:
    """The vehicle has no E, the charger no C, and no duty below 3 %."""
    wire = SimulatedPilot()
    for state in (State.A, State.E, State.F):
        with pytest.raises(ValueError, match="vehicle can show"):
            wire.ev.set(state)
    with pytest.raises(ValueError, match="charger can pull"):
        wire.evse.fault(State.C)
    with pytest.raises(ValueError, match="outside 3 to 100"):
        wire.evse.offer(0.0)


def test_subscribers_see_each_change_once_and_in_order() -> None:
    """Also when one of them causes the next change, and not after leaving."""
    wire = SimulatedPilot(plugged=True)
    first: list[str] = []
    second: list[str] = []

    def answer(reading: Reading) -> None:
        first.append(reading.label)
        if reading.label == "C1":
            wire.evse.offer(5.0)

    wire.evse.subscribe(answer)
    leave = wire.evse.subscribe(lambda reading: second.append(reading.label))
    wire.ev.set(State.C)
    wire.ev.set(State.C)
    assert first == second == ["C1", "C2"]
    leave()
    leave()
    wire.ev.set(State.B)
    assert first == ["C1", "C2", "B2"]
    assert second == ["C1", "C2"]


async def test_waiting() -> None:
    """`wait` ends when the state comes, also if it is gone again, and is False after the time given."""
    wire = SimulatedPilot(plugged=True)
    loop = asyncio.get_running_loop()
    assert not await wire.evse.wait(State.C, State.D, within=1.5)
    assert loop.time() == pytest.approx(1.5, abs=0.01)
    loop.call_later(1.0, wire.ev.set, State.C)
    assert await wire.evse.wait(State.C, within=1.5)
    assert loop.time() == pytest.approx(2.5, abs=0.01)
    async with asyncio.TaskGroup() as tasks:
        seen = tasks.create_task(wire.evse.wait(State.B, within=5.0))
        await asyncio.sleep(0.1)
        wire.ev.set(State.B)
        wire.ev.set(State.C)
    assert seen.result()


async def test_vehicle_waits_for_five_percent() -> None:
    """It sees the 5 % when the charger sets it."""
    wire = SimulatedPilot(plugged=True)
    asyncio.get_running_loop().call_later(2.0, wire.evse.offer, 5.0)
    assert not await until_digital(wire.ev, 1.0)
    assert await until_digital(wire.ev, 2.0)


@pytest.mark.parametrize(
    ("times", "pulse", "counted"), [(1, 0.3, 1), (3, 0.2, 3), (2, 0.4, 2), (1, 1.0, 0), (2, 0.05, 0)]
)
async def test_bcb_toggle(times: int, pulse: float, counted: int) -> None:
    """The charger counts pulses of 200 to 400 ms, no others, and the vehicle ends in B."""
    wire = SimulatedPilot(plugged=True)
    async with asyncio.TaskGroup() as tasks:
        seen = tasks.create_task(count_toggles(wire.evse))
        await asyncio.sleep(0)
        tasks.create_task(toggle(wire.ev, times, pulse))
    assert seen.result() == counted
    assert wire.ev.state is State.B


async def test_a_cancelled_toggle_ends_in_b() -> None:
    """Nobody is left in C by a cancelled wake-up."""
    wire = SimulatedPilot(plugged=True)
    task = asyncio.create_task(toggle(wire.ev))
    await asyncio.sleep(0.1)
    assert wire.ev.state is State.C
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert wire.ev.state is State.B


async def test_charger_without_pilot_hardware() -> None:
    """It takes what the protocol asks for as given, says so once for each kind, and invents no fault or unplugging."""
    said: list[str] = []
    pilot = AssumedChargerPilot(said.append)
    assert pilot.state is None
    assert await pilot.wait(State.C, State.D, within=1.5)
    assert pilot.shows(State.D, State.C)
    assert pilot.shows(State.B)
    assert not pilot.shows(State.A)
    assert not await pilot.wait(State.A, within=3.0)
    assert said == pilot.unchecked
    assert [text.partition(":")[0] for text in said] == ["pilot state C or D not checked", "pilot state B not checked"]
    pilot.offer(5.0)
    assert pilot.reading == Reading(None, 5.0)
    pilot.fault(State.F)
    assert pilot.shows(State.F)
    assert not pilot.shows(State.C)


async def test_vehicle_without_pilot_hardware() -> None:
    """It knows its own resistors, not the duty, and reports from the start what it cannot see."""
    pilot = AssumedVehiclePilot()
    assert pilot.unchecked
    assert await until_digital(pilot, 1.0)
    pilot.set(State.C)
    assert pilot.reading.label == "C?"
    assert not pilot.shows(State.B)


def test_states_are_shown_with_their_volts() -> None:
    assert [with_volts(label) for label in ("A1", "B2", "C2", "F", "asleep", "?", "C?")] == [
        "A1 (12 V)", "B2 (9 V)", "C2 (6 V)", "F (-12 V)", "asleep", "? (level unknown)", "C? (6 V)",
    ]  # fmt: skip
    assert event_told("C2", "5 % (by messages)") == "pilot C2 (6 V) 5 % (by messages)"
    assert LEGEND.startswith("A 12 V no vehicle, B 9 V connected, C 6 V ready, D 3 V")


def test_what_happens_in_a_pause_is_no_state_of_the_pilot() -> None:
    told = [
        ("asleep", ""),
        ("asleep", "for at most 5 s"),
        ("awake", "the charger offers power again"),
        ("wake-up", "B-C-B"),
    ]
    assert [event_told(*one) for one in told] == [
        "vehicle asleep", "vehicle asleep for at most 5 s", "vehicle awake: the charger offers power again",
        "wake-up: B-C-B",
    ]  # fmt: skip
