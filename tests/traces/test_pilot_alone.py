"""Recordings without a message: a nominal duty charges and passes, and readings of the pilot alone are told as such."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evcc.battery import Battery
from evcc.nominal import charge_nominal
from evcc.vehicle import Vehicle
from plugfest import pilots
from plugfest.traces.checks import judge
from plugfest.traces.entries import Entry, Recording
from plugfest.traces.recording import from_events
from plugfest.traces.report import render
from secc.authorizer import Immediate
from secc.charger import Evse
from secc.nominal import serve_nominal
from secc.supply import AcSupply
from slac import frames
from slac.pilot import State, current_of, duty_told, told
from slac.pilots import SimulatedPilot
from v2g.trace import Event


async def nominal(end: str) -> list[Event]:
    """A session at the nominal duty of 16 A, as the charger's trace has it."""
    wire, supply = SimulatedPilot(plugged=True), AcSupply(max_current=16.0)
    evse, vehicle = Evse(wire.evse, ac=supply, authorizer=Immediate()), Vehicle(wire.ev, Battery(soc=0.2))
    supply.load = lambda: vehicle.ac_current
    events: list[Event] = []
    pilots.tell(wire.evse, events.append)
    charger = asyncio.create_task(serve_nominal(evse, observe=events.append))
    car = asyncio.create_task(charge_nominal(vehicle, duration=None if end != "driver" else 30.0))
    await asyncio.sleep(20.0)
    if end == "fault":
        evse.pilot.fault(State.F)
    elif end == "unplugged":
        wire.unplug()
    await car
    wire.unplug()
    await charger
    return events


@pytest.mark.parametrize(
    ("end", "result", "words"),
    [
        ("driver", "passed", "up to 16 A for each phase were offered, and it ended normally"),
        ("unplugged", "passed", "it was unplugged while it was ready"),
        ("fault", "failed", "until the control pilot went to F"),
    ],
)
async def test_charging_at_a_nominal_duty_is_judged(end: str, result: str, words: str) -> None:
    recording = from_events(await nominal(end), role="secc")
    if end == "fault":  # what follows it is another plugging
        after = next(e.time for e in recording.entries if e.layer == "pilot" and e.name == "F" and e.time > 10.0)
        recording.entries = [entry for entry in recording.entries if entry.time <= after]
    verdict = judge(recording).verdict
    assert verdict.result == result
    assert "s of AC charging at a nominal duty, without messages (IEC 61851-1): " in verdict.sentence
    assert words in verdict.sentence
    assert ("Nothing to judge" in render(recording)) is False


def state(time: float, letter: str, duty: int) -> Entry:
    """A frame in which a tester reports what it measures."""
    number = next(code for code, name in frames.CP_LETTERS.items() if name == letter)
    message = frames.CP_STATE_IND(state=number, duty=duty, frequency=1000, millivolts=9000)
    data = frames.build(frames.Frame(bytes(6), bytes(5) + b"\1", message))
    return Entry(0, time, "slac", "CP_STATE.IND", "", data)


def test_readings_of_the_pilot_alone_say_so() -> None:
    recording = Recording("pilot.pcap", "pcap", entries=[state(0.0, "A", 100), state(1.0, "B", 5), state(2.0, "C", 5)])
    verdict = judge(recording).verdict
    assert verdict.headline == (
        "nothing to judge: it holds readings of the control pilot only, no SLAC and no V2G message: A (12 V, steady),"
        " B (9 V, 5 % (by messages)), C (6 V, 5 % (by messages))"
    )


@given(st.floats(10.0, 96.0))
def test_a_duty_that_was_told_is_read_back(duty: float) -> None:
    """To a tenth of a percent, with its amperes beside it."""
    found = duty_told(told(duty))
    assert found == pytest.approx(duty, abs=0.051)
    assert f"({round(current_of(duty), 1):g} A)" in told(duty)


def test_duties_as_people_know_them() -> None:
    assert [told(duty) for duty in (5.0, 26.7, 160 / 3, 96.0, 100.0, 2.0)] == [
        "5 % (by messages)", "26.7 % (16 A)", "53.3 % (32 A)", "96 % (80 A)", "steady", "2 % (no current)",
    ]  # fmt: skip
    assert duty_told("") is None
    assert duty_told("steady") == 100.0
