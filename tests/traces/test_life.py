"""Whole ISO 15118-20 sessions with all that goes on alongside the loop, recorded in every way, read back and judged."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bench import COMBINATIONS, Bench, iso20_bench
from hypothesis import given, settings, strategies
from iso20_wishes import WISHES, rounds, wishing

from plugfest.traces.chain.steps import Fault
from plugfest.traces.checks import judge
from plugfest.traces.entries import Recording
from plugfest.traces.recording import from_events, load
from plugfest.traces.talks import talks
from plugfest.traces.writer import File
from plugfest.virtual import run
from secc.charger import Wish
from secc.plan import Slot
from secc.services import PARKING
from v2g.protocols import iso20 as streams
from v2g.trace import Event, JsonLines


async def busy(bench: Bench) -> None:
    """A new schedule, standby and back, another service, another schedule in it, and the end."""
    await rounds(bench, 20)
    bench.evse.planning_seconds = 2.0
    bench.evse.schedule = (Slot(0, 6_000.0), Slot(60, 3_000.0))
    bench.evse.request_renegotiation(30)
    await rounds(bench, 60)
    bench.vehicle.standby.set()
    await rounds(bench, 20)
    bench.evse.request(Wish.EXIT_STANDBY, 10)
    await rounds(bench, 20)
    bench.ev.control = "dynamic" if bench.ev.control == "scheduled" else "scheduled"
    bench.evse.request(Wish.OTHER_SERVICE, 30)
    await rounds(bench, 30)
    bench.vehicle.renegotiate.set()
    await rounds(bench, 60)
    bench.vehicle.stop.set()


@cache
def events(mode: str, control: str) -> dict[str, tuple[Event, ...]]:
    """What both sides saw of such a session."""

    async def one() -> dict[str, tuple[Event, ...]]:
        bench = iso20_bench(mode, control, duration=None)
        bench.se.services, bench.ev.services = (PARKING,), {66: None}
        vehicle, charger = await bench.run(busy)
        assert vehicle.ok, vehicle
        assert charger.ok, charger
        await asyncio.sleep(0)
        return {side: tuple(seen) for side, seen in bench.events.items()}

    return run(one())


def shape(recording: Recording) -> list[tuple[str, str, int, bytes]]:
    return [(e.name, e.sender, e.stream, e.data) for e in recording.messages]


@pytest.mark.parametrize(("side", "role"), [("ev", "evcc"), ("se", "secc")])
@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
def test_busy_session_is_judged_without_a_violation(mode: str, control: str, side: str, role: str) -> None:
    """Nothing but the transport: the bench speaks without TLS."""
    recording = from_events(events(mode, control)[side], role=role)
    found = [f for f in judge(recording).findings if f.severity == "violation"]
    assert not [f for f in found if f.rule != "tls"], [(f.rule, f.text) for f in found]
    (talk,) = talks(recording)
    assert set(talk.sides) == {streams.RENEGOTIATION, streams.PARKING}
    for exchanges in talk.sides.values():
        assert all(one.request is not None and one.response is not None for one in exchanges)


@pytest.mark.parametrize(("mode", "control"), [("iso20-dc", "scheduled"), ("iso20-ac", "scheduled")])
def test_streams_survive_a_trace_and_a_capture(mode: str, control: str, tmp_path: Path) -> None:
    """JSON lines say the stream, frames have it; what is read back is the same, from either."""
    seen = events(mode, control)["ev"]
    expected = shape(from_events(seen, role="evcc"))
    assert {stream for _, _, stream, _ in expected} == {0, streams.RENEGOTIATION, streams.PARKING}
    with (tmp_path / "session.jsonl").open("w") as file:
        write: Any = JsonLines(file, role="evcc")
        for event in seen:
            write(event)
    assert shape(load(tmp_path / "session.jsonl")) == expected
    with File(tmp_path / "session.pcapng", epoch=1.7e9, role="evcc") as capture:
        for event in seen:
            capture(event)
    assert shape(load(tmp_path / "session.pcapng")) == expected


@settings(max_examples=40, deadline=None)
@given(strategies.sampled_from(COMBINATIONS), WISHES)
def test_nobody_is_blamed_whatever_was_wished_and_when(
    combination: tuple[str, str], actions: list[tuple[float, str]]
) -> None:
    """What our roles do is in order, by either side's recording."""

    async def one() -> dict[str, list[Event]]:
        bench = iso20_bench(*combination, duration=None)
        bench.se.services, bench.ev.services = (PARKING,), {66: None}
        vehicle, charger = await bench.run(wishing(actions))
        assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
        return bench.events

    seen = run(one())
    for side, role in (("ev", "evcc"), ("se", "secc")):
        findings = judge(from_events(seen[side], role=role)).findings
        found = [f for f in findings if f.side and f.severity in ("violation", "warning")]
        assert {f.rule for f in found} <= {"tls", "tolerance"}, [(f.rule, f.text) for f in found]


@pytest.mark.parametrize("asks", [True, False], ids=["asking", "in standby"])
@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
def test_a_charger_owes_a_current_only_to_a_vehicle_that_wants_one(control: str, asks: bool) -> None:
    """A charger that gives nothing is blamed, unless the vehicle rested in standby."""

    async def one() -> list[Event]:
        bench = iso20_bench("iso20-dc", control, duration=None)
        assert bench.power is not None
        bench.power.aim = lambda voltage, current: None  # type: ignore[method-assign]  # a stand-in of the test
        await bench.run(wishing([(0.0, "go on" if asks else "rest"), (10.0, "charger: quick")]))
        return bench.events["ev"]

    judged = judge(from_events(run(one()), role="evcc"))
    blamed = judged.diagnosis.fault, judged.diagnosis.side
    assert blamed == (Fault.NO_CURRENT, "secc" if asks else "")
    wanted = "although the vehicle" if asks else "the vehicle was ready to take one for 0.0 s of it"
    assert wanted in judged.verdict.headline
