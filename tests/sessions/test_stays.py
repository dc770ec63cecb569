"""A vehicle that stays plugged in and its charger, with pauses between sessions, on one cable and power line."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

import pytest

from evcc import charge as evcc
from evcc.battery import Battery
from evcc.options import Paused
from evcc.stay import Stay, Woken, sleep, stay, wake_charger
from evcc.vehicle import Settings, Vehicle
from plugfest.config.actions import Wake
from plugfest.controls import Controls
from plugfest.parts import NotPossible
from secc import serve as secc
from secc.arrivals import Arrivals
from secc.charger import Evse
from secc.outlet import Outlet
from secc.pauses import Paused as PausedCharger
from secc.plan import Slot
from secc.power import Limits
from secc.simulated import Dynamics, SimulatedPowerSource
from secc.stay import serve_vehicles
from slac import ev, evse
from slac.connector import power_class
from slac.host import Host
from slac.modem import detect
from slac.outcome import Match
from slac.pilot import STEADY, State, toggle
from slac.pilots import AssumedVehiclePilot, SimulatedPilot
from slac.powerline import Powerline
from v2g.memory import CHARGER, VEHICLE, MemoryNetwork
from v2g.outcome import Cause, Outcome
from v2g.protocols import ISO2
from v2g.trace import Event


class Cable:
    """Both, plugged together.

    Attributes:
        outcomes: the charger's.
        sessions: the vehicle's.
        keys: the charger's network of each match.
        told: what happened at the vehicle and at the charger.
    """

    def __init__(self, *, wakes_after: float | None = None, charger_wakes_after: float | None = None) -> None:
        rng = random.Random(1)
        self.line = Powerline(rng)
        self.wire = SimulatedPilot()
        self.car, self.post = self.line.vehicle("car"), self.line.charger("post")
        self.line.connect(self.car, self.post, 20.0)
        self.network = MemoryNetwork()
        self.network.up = lambda: self.line.linked(self.car, self.post)
        power = SimulatedPowerSource(Limits.of(power_class(150)), Dynamics(test_seconds=0.2), rng=rng)
        self.plant = Evse(self.wire.evse, power=power)
        self.vehicle = Vehicle(self.wire.ev, Battery(soc=0.3), settings=Settings(loop_delay=0.5))
        power.load = self.vehicle.load
        self.vehicle.sense = lambda: (power.voltage, power.current)
        self.told: list[Event] = []
        self.ended: asyncio.Queue[Outcome] = asyncio.Queue()
        self.outcomes: list[Outcome] = []
        self.sessions: list[evcc.Outcome] = []
        self.keys: list[bytes] = []
        self.states: list[tuple[float, str]] = []
        self.outlet = Outlet(
            CHARGER, self.plant, secc.Options(protocols=(ISO2,), observe=self.told.append, rng=rng), on_end=self._end,
            listen=self.network.listening, answer_on=self.network.answering, wakes_after=charger_wakes_after,
        )  # fmt: skip
        self.how = Stay(wakes_after=wakes_after, observe=self.told.append)
        self.options = evcc.Options(protocols=(ISO2,), duration=5.0)
        self.rng = rng
        self.side: evse.Evse

    def _end(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.ended.put_nowait(outcome)

    @contextlib.asynccontextmanager
    async def charger(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        self.wire.evse.subscribe(lambda reading: self.states.append((loop.time(), reading.label)))

        async def matched(match: Match) -> None:
            self.keys.append(match.nmk)

        async with evse.ready(self.post, self.wire.evse, rng=self.rng) as self.side:
            task = asyncio.create_task(serve_vehicles(Arrivals(self.side), self.outlet, self.ended, matched=matched))
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _charge(self, resume: Paused | None) -> evcc.Outcome:
        self.options.resume = resume
        search = evcc.Search(VEHICLE, discover=self.network.discover, connect=self.network.connect)
        self.sessions.append(await evcc.find_and_charge(search, self.vehicle, self.options))
        return self.sessions[-1]

    async def drive(self) -> evcc.Outcome:
        self.wire.plug()
        async with Host(self.car) as host:
            side = ev.Ev(host, self.wire.ev, await detect(host, rng=self.rng), rng=self.rng)
            match = await side.match()
            return await stay(side, match, self.vehicle, self._charge, self.how)

    async def run(self, meanwhile: Callable[[], Any] | None = None) -> evcc.Outcome:
        """A stay; ``meanwhile`` runs once the vehicle is charging."""
        async with self.charger():
            driving = asyncio.create_task(self.drive())
            if meanwhile is not None:
                await self.charging()
                await meanwhile()
            outcome = await driving
            await asyncio.sleep(1.0)
            return outcome

    async def charging(self) -> None:
        while not self.plant.energised or not self.vehicle.contactors.closed:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    async def pause(self) -> None:
        self.vehicle.pause.set()
        while not self.sessions:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    def linked(self) -> bool:
        return self.line.linked(self.car, self.post)

    def notes(self, name: str) -> list[str]:
        return [event.note for event in self.told if event.layer == "pilot" and event.name == name]


async def test_a_vehicle_wakes_the_charger_and_joins_its_session() -> None:
    """B-C-B after the time it was given; same key, same session; at the end both have left the network."""
    bench = Cable(wakes_after=60.0)
    outcome = await bench.run(bench.pause)
    first, second = bench.sessions
    assert first.paused
    assert outcome.ok
    assert not outcome.paused
    assert second.session_id == first.session_id
    assert len(bench.keys) == 1
    assert [o.paused for o in bench.outcomes] == [True, False]
    assert bench.notes("wake-up") == ["B-C-B"] * 2  # told by both
    assert not bench.linked()


async def test_a_charger_wakes_the_vehicle() -> None:
    """The duty after the time it was given; the vehicle comes back without a toggle."""
    bench = Cable(charger_wakes_after=60.0)
    assert (await bench.run(bench.pause)).ok
    first, second = bench.sessions
    assert second.session_id == first.session_id
    assert bench.notes("awake") == [Woken.CHARGER.value]
    assert bench.notes("wake-up") == ["by itself"]
    assert len(bench.keys) == 1


@pytest.mark.parametrize(("by", "woken"), [("vehicle", Woken.ITSELF), ("charger", Woken.CHARGER)])
async def test_somebody_can_end_a_pause(by: Literal["vehicle", "charger"], woken: Woken) -> None:
    """By hand, at either side; before the pause there is nothing to do."""
    bench = Cable()
    controls = Controls(bench.vehicle, bench.plant, outlet=bench.outlet)

    async def meanwhile() -> None:
        with pytest.raises(NotPossible, match="no vehicle sleeps"):
            controls.apply(Wake(by="charger"))
        await bench.pause()
        await asyncio.sleep(10.0)
        controls.apply(Wake(by=by))

    assert (await bench.run(meanwhile)).ok
    assert bench.notes("awake") == [woken.value]
    assert len(bench.sessions) == 2


async def test_a_modem_may_sleep_in_a_pause() -> None:
    """The link is gone while the vehicle sleeps; nobody minds, and it is back in time."""
    bench = Cable(wakes_after=60.0)

    async def meanwhile() -> None:
        await bench.pause()
        bench.car.powered = False
        await asyncio.sleep(55.0)
        bench.car.powered = True

    assert (await bench.run(meanwhile)).ok
    assert len(bench.keys) == 1
    assert bench.sessions[1].session_id == bench.sessions[0].session_id


async def test_a_link_that_does_not_come_back_is_matched_again() -> None:
    """The vehicle's modem has lost its key: F for T_step_EF, another key, and the old session goes on."""
    bench = Cable(wakes_after=60.0)

    async def meanwhile() -> None:
        await bench.pause()
        bench.car.modem.nmk = bytes(16)

    assert (await bench.run(meanwhile)).ok
    assert len(set(bench.keys)) == 2
    assert bench.sessions[1].session_id == bench.sessions[0].session_id
    fell = next(time for time, label in bench.states if label == "F")
    back = next(time for time, label in bench.states if time > fell and label != "F")
    assert back - fell == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize("how", ["unplug", "stop"])
async def test_a_pause_can_end_the_stay(how: str) -> None:
    """The plug is pulled, or the time for charging is over: the network is left, the outcome is that of the pause."""
    bench = Cable(wakes_after=600.0)

    async def meanwhile() -> None:
        await bench.pause()
        await asyncio.sleep(10.0)
        if how == "unplug":
            bench.wire.unplug()
        else:
            bench.vehicle.stop.set()

    outcome = await bench.run(meanwhile)
    assert outcome.paused
    assert outcome.cause is Cause.COMPLETE
    assert not bench.linked()
    assert len(bench.sessions) == 1


async def test_a_first_pause_ends_the_stay_of_a_vehicle_that_does_not_sleep() -> None:
    """The key is kept: another program may go on."""
    bench = Cable()
    bench.how = Stay(sleeps=False)
    assert (await bench.run(bench.pause)).paused
    assert bench.linked()


async def test_a_vehicle_sleeps_while_its_schedule_allows_nothing() -> None:
    """One minute of power, ten of none, then power again: a pause in between, which ends with the step."""
    bench = Cable()
    bench.vehicle.settings.sleeps = 60.0
    bench.plant.schedule = (Slot(0, 50e3), Slot(60, 0.0), Slot(660, 50e3))
    bench.options.duration = 90.0
    outcome = await bench.run()
    assert outcome.ok
    first, second = bench.sessions
    assert first.paused
    assert not second.paused
    assert second.session_id == first.session_id
    times = [event.time for event in bench.told if event.layer == "pilot" and event.name in ("asleep", "awake")]
    assert times[1] - times[0] == pytest.approx(600.0, abs=5.0)
    assert first.energy_wh == pytest.approx(50e3 * 60 / 3600, rel=0.2)
    assert second.energy_wh > 500  # what is left of the schedule begins with power


async def test_a_toggle_while_the_session_is_closing_wakes_too() -> None:
    """A very short pause: the duty comes back T_step_X1 after it went off, not before, and not never."""
    bench = Cable()
    loop = asyncio.get_running_loop()

    async def meanwhile() -> None:
        bench.vehicle.pause.set()
        while bench.wire.evse.reading.duty != STEADY:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        off = loop.time()
        await toggle(bench.wire.ev)
        while bench.wire.evse.reading.duty == STEADY:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert loop.time() - off == pytest.approx(3.0, abs=0.1)

    assert (await bench.run(meanwhile)).ok


async def test_a_vehicle_that_is_late_with_b_does_not_wake_the_charger() -> None:
    """Its C lasts from the session into the pause, which is not a toggle; a toggle after that is one."""
    bench = Cable()
    bench.wire.plug()
    async with bench.outlet.open():
        bench.wire.evse.offer(5.0)
        bench.wire.ev.set(State.C)
        bench.outlet.paused[bytes(8)] = PausedCharger("iso2", "DC_extended", 1, True)
        bench.wire.evse.offer(STEADY)
        await asyncio.sleep(0.2)
        bench.wire.ev.set(State.B)
        await asyncio.sleep(5.0)
        assert bench.wire.evse.reading.duty == STEADY
        await toggle(bench.wire.ev)
        assert bench.wire.evse.reading.duty == 5.0


async def test_a_charger_that_does_not_wake_up_is_given_up_on() -> None:
    """Three toggles, each with time for an answer."""
    wire = SimulatedPilot(plugged=True)
    vehicle = Vehicle(wire.ev, Battery(soc=0.3))
    pulses: list[State | None] = []
    wire.evse.subscribe(lambda reading: pulses.append(reading.state))
    assert not await wake_charger(vehicle)
    assert pulses.count(State.C) == 3


async def test_where_the_pilot_is_not_seen_only_the_vehicle_ends_its_sleep() -> None:
    """An assumed pilot shows no duty that comes back."""
    vehicle = Vehicle(AssumedVehiclePilot(), Battery(soc=0.3))
    began = asyncio.get_running_loop().time()
    assert await sleep(vehicle, None, Stay(wakes_after=30.0)) is Woken.ITSELF
    assert asyncio.get_running_loop().time() - began == pytest.approx(30.0)
    assert await wake_charger(vehicle)
