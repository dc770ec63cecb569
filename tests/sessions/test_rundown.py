"""No contactor opens under load, whatever the current and the charger's pace: seen on the plant."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Any

import pytest
from bench import LOOP, Bench, iso20_bench
from sampling import sampled

from evcc.battery import PACKS
from evcc.rundown import NO_CURRENT
from evcc.vehicle import Contactors
from secc.charger import Fault
from secc.plan import Slot
from secc.power import Limits
from secc.simulated import Dynamics
from slac.connector import power_class
from v2g.outcome import Cause, Outcome
from v2g.physical import number
from v2g.trace import Event

MODES = ("din", "iso2-dc", "iso20-dc scheduled", "iso20-dc dynamic", "iso20-dc-bpt scheduled")
ENDS = ("driver", "charger", "pause", "renegotiation", "time", "shutdown")
ASKS = ("EVTargetCurrent", "EVMaximumChargeCurrent", "EVMaximumDischargeCurrent")
"""Fields of a request in which a vehicle asks for current or allows it; in DIN and ISO 15118-2 the first."""
LOADED = 500.0
"""A: rating of the charger, and more than the batteries here take."""


class Watched(Contactors):
    """Contactors with the plant's own ammeter: what flowed when they opened, A, and when, s."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench, self.opened = bench, []  # type: ignore[var-annotated]  # lists that only the test reads

    def open(self, current: float) -> None:
        if self.closed:
            assert self.bench.power is not None
            self.opened.append((self.bench.power.current, asyncio.get_running_loop().time()))
        super().open(current)


def loaded(mode: str, pace: float, off: float = 0.05, *, seed: int = 1, battery: str = "800V") -> Bench:
    """A bench with a large battery and a charger that takes its current up and down at ``pace`` A/s."""
    name, _, control = mode.partition(" ")
    bench = iso20_bench(name, control or "scheduled", seed=seed, soc=0.3, duration=None)
    assert bench.power is not None
    bench.battery.pack = bench.battery.rated = PACKS[battery]
    rating = replace(Limits.of(power_class(350)), max_current=LOADED, max_discharge_current=200.0)
    bench.power.rate(replace(rating, max_discharge_power=60_000.0, min_voltage=150.0))
    bench.power._dynamics = Dynamics(test_seconds=0.5, amps_per_second=pace, off_seconds=off)
    bench.evse.schedule = (Slot(0, 350_000.0),)
    bench.vehicle.contactors = Watched(bench)
    return bench


def opened(bench: Bench) -> list[tuple[float, float]]:
    """A and s of each opening of the vehicle's contactors."""
    assert isinstance(bench.vehicle.contactors, Watched)
    return bench.vehicle.contactors.opened


async def charged_until(bench: Bench, amps: float) -> None:
    """Waits until so much flows, or nothing more comes."""
    assert bench.power is not None
    highest = -1.0
    while bench.power.current < amps:
        await asyncio.sleep(1.0)
        if bench.power.current > 1.0 and bench.power.current <= highest:
            return
        highest = max(highest, bench.power.current)


def ends(bench: Bench, how: str, amps: float, delay: int) -> Any:
    """What ends the session once so much current flows."""

    async def during(bench: Bench) -> None:
        await charged_until(bench, amps)
        match how:
            case "driver":
                bench.vehicle.stop.set()
            case "charger":
                bench.evse.request_stop(delay)
            case "pause":
                bench.vehicle.pause.set()
            case "renegotiation":
                bench.vehicle.renegotiate.set()
                await asyncio.sleep(30.0)
                await charged_until(bench, amps)
                bench.vehicle.stop.set()
            case "time":
                bench.ev.duration = 0.0
            case "shutdown":
                bench.evse.fail(Fault.SHUTDOWN)
        await asyncio.sleep(1e6)

    return during


async def session(seed: int) -> tuple[Bench, Outcome, Outcome, str]:
    rng = random.Random(seed)
    mode, how = rng.choice(MODES), rng.choice(ENDS)
    pace, off = rng.choice((8.0, 20.0, 50.0, 100.0, 200.0)), rng.uniform(0.02, 0.1)
    bench = loaded(mode, pace, off, seed=seed, battery=rng.choice(("400V", "800V")))
    if how == "pause" and mode.startswith("iso20"):
        how = "driver"  # there the profile or the charger decides on pauses
    bench.vehicle.settings.loop_delay = rng.uniform(0.02, 0.2)
    ev, se = await bench.run(ends(bench, how, rng.uniform(50.0, 340.0), rng.choice((0, 1, 3))))
    return bench, ev, se, f"{mode}, {how}, {pace:g} A/s: {ev.reason} / {se.reason}, {ev.notes}"


SEEDS = sampled(range(150), 25)


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_contactor_opens_under_load(seed: int) -> None:
    """Random sessions with up to 340 A and chargers of 8 to 200 A/s: both ends say that all was well, too."""
    bench, ev, se, what = await session(seed)
    assert opened(bench), what
    for amps, _ in opened(bench):
        assert abs(amps) <= NO_CURRENT, what
    assert bench.vehicle.contactors.mishaps == [], what
    if "shutdown" not in what:
        assert ev.ok, what
        assert se.ok, what
    assert bench.safe, what


@pytest.mark.parametrize("mode", MODES)
async def test_power_delivery_stop_waits_for_a_slow_charger(mode: str) -> None:
    """From more than 300 A at 20 A/s the vehicle asks for nothing until nothing flows, and stops then."""
    bench = loaded(mode, 20.0)
    assert bench.power is not None
    power, flowing = bench.power, []
    send = bench.events["ev"].append

    def observe(event: Any) -> None:
        send(event)
        if event.name == "PowerDeliveryReq":
            flowing.append(power.current)

    bench.ev.observe = observe
    ev, se = await bench.run(ends(bench, "driver", 300.0, 0))
    assert ev.ok, ev.reason
    assert se.ok, se.reason
    assert bench.battery.highest_current > 290.0
    assert abs(flowing[-1]) < NO_CURRENT


@pytest.mark.parametrize("mode", [mode for mode in MODES if "dynamic" not in mode])
async def test_a_current_that_stands_is_not_waited_for(mode: str) -> None:
    """A charger that stays where it is ends the ramp; PowerDelivery(Stop) comes before any contactor opens."""
    bench = loaded(mode, 100.0)
    assert bench.power is not None
    power, asked = bench.power, []

    async def during(bench: Bench) -> None:
        await charged_until(bench, 100.0)
        power._dynamics = replace(power._dynamics, amps_per_second=1e-3)
        bench.vehicle.stop.set()
        asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(1e6)

    ev, _ = await bench.run(during)
    [(amps, when)] = opened(bench)
    assert abs(amps) <= NO_CURRENT
    assert when - asked[0] < 4.0
    assert any("still delivers" in note for note in ev.notes)
    assert bench.safe


@pytest.mark.parametrize("mode", MODES)
async def test_an_emergency_opens_in_time(mode: str) -> None:
    """After an alarm contactors are open within 2.5 s, whatever still flows."""
    bench = loaded(mode, 20.0, off=30.0)
    began: list[float] = []

    async def during(bench: Bench) -> None:
        await charged_until(bench, 100.0)
        began.append(asyncio.get_running_loop().time())
        bench.evse.fail(Fault.EMERGENCY)
        await asyncio.sleep(1e6)

    ev, _ = await bench.run(during)
    assert ev.cause is not Cause.COMPLETE
    assert 0.0 < opened(bench)[-1][1] - began[0] < 2.5
    assert not bench.vehicle.contactors.closed


@pytest.mark.parametrize("mode", MODES)
async def test_a_stop_right_after_the_first_request_asks_for_no_current_before(mode: str) -> None:
    """Nothing flows yet, as the response says, but what was asked for is on its way."""
    bench = loaded(mode, 100.0)
    bench.vehicle.settings.loop_delay = 0.15
    name, observe = LOOP.get(bench.mode, "DC_ChargeLoopReq"), bench.ev.observe

    def stop_at_once(event: Event) -> None:
        observe(event)
        if event.name == name:
            bench.vehicle.stop.set()

    bench.ev.observe = stop_at_once
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.COMPLETE
    *_, last = bench.messages(name)
    block = getattr(last, "CLReqControlMode", last)
    asked = [number(getattr(block, field)) for field in ASKS if getattr(block, field, None) is not None]
    assert len(bench.messages(name)) > 1
    assert asked
    assert set(asked) == {0.0}
    assert max(amps for amps, _ in opened(bench)) < NO_CURRENT
