"""Requests against the pilot in whole sessions: a vehicle is blamed for a wrong state, not for a slow change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from bench import ISO20_MODES, MODES, Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from plugfest import pilots
from plugfest.traces.chain import Outcome
from plugfest.traces.checks import Judgement, judge
from plugfest.traces.recording import from_events
from plugfest.virtual import run
from slac.pilot import STEADY, State
from v2g.messages import iso2

DC = ("din", "iso2-dc", "iso20-dc", "iso20-dc-bpt")
AC = ("iso2-ac", "iso20-ac", "iso20-ac-bpt")
ROLES = {"ev": "evcc", "se": "secc"}

Spoil = Callable[[Bench], None]


async def _session(mode: str, spoil: Spoil) -> dict[str, Judgement]:
    """The judgements of both traces of a session."""
    bench = Bench(mode, duration=2.0)
    told = [
        pilots.tell(bench.vehicle.pilot, bench.ev.observe),
        pilots.tell(bench.evse.pilot, bench.se.observe),
    ]
    spoil(bench)
    await bench.run()
    await asyncio.sleep(2.0)  # the recording goes on
    for stop in told:
        stop()
    return {role: judge(from_events(bench.events[end], role=role)) for end, role in ROLES.items()}


def judged(mode: str, spoil: Spoil = lambda bench: None) -> dict[str, Judgement]:
    return run(_session(mode, spoil))


def shows(change: Callable[[State], State | None]) -> Spoil:
    """A vehicle that shows other states than it should; None: it stays where it is."""

    def spoil(bench: Bench) -> None:
        pilot, right = bench.vehicle.pilot, bench.vehicle.pilot.set

        def wrong(state: State) -> None:
            if (other := change(state)) is not None:
                right(other)

        pilot.set = wrong  # type: ignore[method-assign]  # the seam of this test

    return spoil


@pytest.mark.parametrize("mode", [*DC, *AC])
def test_a_vehicle_that_never_goes_to_c_is_blamed(mode: str) -> None:
    """The charger refuses CableCheck or the start: it is not its own fault, and each trace says why."""
    for role, found in judged(mode, shows(lambda state: None if state is State.C else state)).items():
        assert (found.diagnosis.failed, found.diagnosis.side) == (True, "evcc"), role
        assert "with the control pilot in B, where C or D is due" in found.diagnosis.sentence, role
        wrong = [f for f in found.findings if f.severity == "violation" and f.rule != "tls"]  # no bench here has any
        assert {f.side for f in wrong} == {"evcc"}, [str(f) for f in wrong]


@pytest.mark.parametrize("mode", DC)
def test_a_vehicle_that_stays_in_c_is_blamed(mode: str) -> None:
    """WeldingDetection presupposes B."""
    gone: list[State] = []

    def stays(state: State) -> State | None:
        gone.append(state)
        return state if State.C not in gone else State.C

    for role, found in judged(mode, shows(stays)).items():
        wrong = [f for f in found.findings if f.rule == "pilot-state"]
        assert [f.side for f in wrong] == ["evcc"], role
        assert "WeldingDetectionReq with the control pilot in C, where B is due" in wrong[0].text, role


@pytest.mark.parametrize("mode", DC)
def test_a_charger_that_switches_its_oscillator_off_is_blamed(mode: str) -> None:
    """The vehicle closes at once; its trace has the pilot, and so has the charger's."""

    def off(bench: Bench) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(6.0, bench.evse.pilot.offer, STEADY)

    found = judged(mode, off)["evcc"]
    assert (found.diagnosis.failed, found.diagnosis.side) == (True, "secc")
    assert "harger switched its pilot oscillator off while the vehicle was ready" in found.diagnosis.sentence


def test_a_recording_without_readings_judges_no_pilot() -> None:
    async def unseen() -> Judgement:
        bench = Bench("iso2-dc", duration=1.0)
        shows(lambda state: None if state is State.C else state)(bench)
        await bench.run()
        return judge(from_events(bench.events["se"], role="secc"))

    found = run(unseen())
    assert "pilot-state" not in {f.rule for f in found.findings}


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([*MODES, *ISO20_MODES]), st.floats(0.0, 1.2))
def test_a_vehicle_that_is_slow_to_change_its_state_is_not_blamed(mode: str, late: float) -> None:
    """The charger waits 1.5 s for it, and so do the checks."""

    def slow(bench: Bench) -> None:
        pilot, right = bench.vehicle.pilot, bench.vehicle.pilot.set

        def later(state: State) -> None:
            asyncio.get_running_loop().call_later(late, right, state)

        pilot.set = later  # type: ignore[method-assign]  # the seam of this test

    for role, found in judged(mode, slow).items():
        assert "pilot-state" not in {f.rule for f in found.findings}, role
        if found.diagnosis.outcome is not Outcome.CHARGED:
            assert late > 0.25, found.verdict.headline  # V2G_EVCC_CPState_Change_Time


def test_a_charger_that_refuses_for_its_own_reason_says_it_in_its_own_trace() -> None:
    """The vehicle's trace has the code alone."""

    def stop_the_output(bench: Bench) -> None:
        def off(message: iso2.PreChargeReq) -> iso2.PreChargeReq:
            assert bench.evse.power is not None
            bench.evse.power.off()
            return message

        bench.ev.rewrite[iso2.PreChargeReq] = off

    found = judged("iso2-dc", stop_the_output)
    assert {one.diagnosis.side for one in found.values()} == {"secc"}
    assert "; in its own words: " in found["secc"].diagnosis.sentence, found["secc"].diagnosis.sentence
    assert "in its own words" not in found["evcc"].diagnosis.sentence
