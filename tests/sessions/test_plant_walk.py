"""A hostile vehicle, and hands at the worst moment: what the plant shows, whatever was asked for.

Random sessions of every protocol at one outlet: our own vehicle, whose requests are bent, delayed, doubled or replaced
on their way out, and a bench whose controls are touched at any moment, between a request and its answer too. Nothing of
the charger's protocol code is looked at: limits are taken from the requests as sent, and everything else from the
plant, every few milliseconds:

- DC: voltage, current and power within the lower of both sides' limits, in both directions.
- AC: the contactor is closed only in C or D, and a vehicle that draws more than both sides allow is cut off.
- An emergency, a lost pilot, a request to stop with its time over, and the end of a session leave nothing live.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Any

import msgspec
import pytest
from bench import Bench

from evcc.charge import charge
from evcc.options import Paused
from plugfest.config import actions
from plugfest.controls import Controls
from plugfest.parts import NotPossible
from plugfest.virtual import run
from secc.charger import Fault, Wish
from secc.outlet import Outlet
from slac.pilot import State
from v2g.channel import Channel
from v2g.interfaces import Interface
from v2g.memory_link import memory_pair
from v2g.messages.base import Request
from v2g.trace import Event

MODULES = {"din70121": ["din70121"], "iso2": ["iso2"], "iso20": ["iso20.common", "iso20.ac", "iso20.dc"]}

TICK = 0.017
"""s: between two looks at the plant."""
GONE = 0.12
"""s: in which a current is gone and a contactor open."""
STOPS = 4.0
"""s: how long after its time to stop a vehicle may still be live; a current that comes down may take longer."""
FOLLOWS = 7.5
"""s: how long a vehicle may draw more than both sides allow, with the time in which the charger looks."""

WORDS = {
    "voltage": ("EVMaximumVoltageLimit", "EVMaximumVoltage"),
    "current": ("EVMaximumCurrentLimit", "EVMaximumChargeCurrent"),
    "power": ("EVMaximumPowerLimit", "EVMaximumChargePower"),
    "back": ("EVMaximumDischargeCurrent",),
    "power_back": ("EVMaximumDischargePower",),
}
"""The limits of a vehicle, by their names in the protocols."""


def amount(value: Any) -> float:
    """A quantity of any protocol."""
    return float(value.Value) * 10.0 ** float(getattr(value, "Multiplier", 0) or getattr(value, "Exponent", 0) or 0)


def found(message: Any, *names: str) -> float | None:
    """The first field of one of these names, anywhere in a message."""
    if not isinstance(message, msgspec.Struct):
        return None
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if name in names and value is not None:
            return amount(value)
        inner = found(value, *names)
        if inner is not None:
            return inner
    return None


@dataclass
class Said:
    """The limits that a vehicle has declared, and has narrowed since; None: nothing yet."""

    declared: dict[str, float] | None = None
    now: dict[str, float] | None = None
    phase_amps: float = 0.0
    phase_watts: tuple[float, float] = (0.0, 0.0)

    def hear(self, message: Any) -> None:
        """A request has arrived: a declaration counts from here on, the wider of old and new while it is on its way."""
        name = type(message).__name__
        if "ChargeParameterDiscovery" in name:
            given = {word: found(message, *names) for word, names in WORDS.items()}
            open_end = {"voltage": math.inf, "current": math.inf, "power": math.inf, "back": 0.0, "power_back": 0.0}
            told = {word: open_end[word] if value is None else abs(value) for word, value in given.items()}
            self.declared = self.now = told
            self.phase_amps = abs(found(message, "EVMaxCurrent") or 0.0)
            self.phase_watts = told["power"], told["power_back"]
        elif self.declared is not None and ("CurrentDemand" in name or "ChargeLoop" in name):
            given = {word: found(message, *names) for word, names in WORDS.items()}
            assert self.now is not None
            self.now = {
                word: self.now[word] if given[word] is None else min(abs(given[word] or 0.0), most)
                for word, most in self.declared.items()
            }


@dataclass
class World:
    """One outlet, the hands at it, and what was seen."""

    rng: random.Random
    bench: Bench
    controls: Controls
    said: Said = field(default_factory=Said)
    before: Said = field(default_factory=Said)
    flowed: bool = False
    looks: int = 0
    over_since: float | None = None
    dead_by: float = math.inf
    why: str = ""
    stop_by: float = math.inf
    serving: int = 0
    dirty: float = -1.0
    log: list[str] = field(default_factory=list)

    @property
    def time(self) -> float:
        return asyncio.get_running_loop().time()

    # -- what has to hold ---------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Fails where the plant shows what it must not."""
        self.looks += 1
        bench, now = self.bench, self.time
        self._stopped()
        live = self._live()
        self.flowed = self.flowed or live
        if live and now > self.dead_by:
            raise AssertionError(f"{self.why}: live {now - self.dead_by:.2f} s too long, {self._shown()}")
        if live and not self.serving and now > self.dirty + GONE:
            raise AssertionError(f"live without a session: {self._shown()}")
        if bench.power is not None:
            self._look_dc()
        else:
            self._look_ac()

    def _live(self) -> bool:
        evse = self.bench.evse
        if evse.ac is not None:
            return evse.ac.closed and not evse.ac.sticks
        return evse.power is not None and (evse.power.on or abs(evse.power.current) >= 1.0)

    def _shown(self) -> str:
        evse = self.bench.evse
        if evse.ac is not None:
            return f"{evse.ac.current:.1f} A, contactor closed: {evse.ac.closed}, pilot {evse.pilot.reading.label}"
        assert evse.power is not None
        return f"{evse.power.voltage:.0f} V {evse.power.current:.1f} A, pilot {evse.pilot.reading.label}"

    def _stopped(self) -> None:
        """When the plant has to be dead at the latest, by what its hands and its pilot have done."""
        evse, now = self.bench.evse, self.time
        if evse.fault in (Fault.EMERGENCY, Fault.MALFUNCTION):
            due, why = now + GONE, f"{evse.fault.value} pressed"
        elif evse.pilot.state not in (State.C, State.D):
            due, why = now + GONE, f"pilot {evse.pilot.reading.label}"
        elif evse.fault is not None or (evse.notification.wish is Wish.STOP and evse.notification.max_delay == 0):
            due, why = now + STOPS, "asked to stop"
        else:
            self.dead_by, self.why = math.inf, ""
            return
        if why != self.why:
            self.dead_by, self.why = due, why
        if why == "asked to stop" and self._coming_down():
            self.dead_by = now + STOPS

    def _coming_down(self) -> bool:
        power = self.bench.evse.power
        return power is not None and power.on and power.coming_down

    def _limits(self) -> dict[str, float] | None:
        """The wider of what was declared and what is on its way."""
        one, two = self.before.now, self.said.now
        if one is None or two is None:
            return one or two
        return {word: max(one[word], two[word]) for word in one}

    def _look_dc(self) -> None:
        source, limits = self.bench.power, self._limits()
        assert source is not None
        if not source.on:
            return
        assert limits is not None, "the output is on, and the vehicle has declared nothing"
        own, load = source.limits, source.load() if source.load else None
        volts, amps = source.voltage, source.current
        most_v = min(limits["voltage"], own.max_voltage)
        if load is None or load[0] <= most_v:
            assert volts <= most_v + 1e-6, f"{volts} V, at most {most_v} V"
        else:
            assert amps <= 1e-9, f"{amps} A into a battery of {load[0]} V, at most {most_v} V"
        assert amps <= min(limits["current"], own.max_current) + 1e-6, f"{amps} A, {limits}"
        assert volts * amps <= min(limits["power"], own.max_power) + 1e-3, f"{volts * amps} W, {limits}"
        assert -amps <= min(limits["back"], own.ceiling.discharge_current) + 1e-6, f"{amps} A, {limits}"
        assert -volts * amps <= min(limits["power_back"], own.ceiling.discharge_power) + 1e-3

    def _look_ac(self) -> None:
        supply, now = self.bench.evse.ac, self.time
        assert supply is not None
        if not supply.closed or supply.sticks:
            self.over_since = None
            return
        most = self._ac_limit(supply)
        if supply.current <= most * 1.05 + 1.5:
            self.over_since = None
        elif self.over_since is None:
            self.over_since = now
        elif now - self.over_since > FOLLOWS:
            raise AssertionError(f"{supply.current:.1f} A for {now - self.over_since:.1f} s, both sides: {most:.1f} A")

    def _ac_limit(self, supply: Any) -> float:
        if self.bench.mode == "iso2-ac":
            return min(supply.max_current, max(self.said.phase_amps, self.before.phase_amps))
        watts = (self._limits() or {"power": 0.0})["power"]
        return min(supply.max_current, watts / (supply.nominal_voltage * min(supply.in_use, supply.phases)))


# ---------------------------------------------------------------------------------------------------------------
# The vehicle's requests, bent


def bent(rng: random.Random, message: Any, wild: float) -> Any:
    """The same message with some of its quantities, numbers and flags changed."""
    if not isinstance(message, msgspec.Struct):
        return message
    changes: dict[str, Any] = {}
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if isinstance(value, msgspec.Struct) and hasattr(value, "Value"):
            if rng.random() < wild:
                changes[name] = quantity(rng, value)
        elif isinstance(value, msgspec.Struct):
            changes[name] = bent(rng, value, wild)
        elif isinstance(value, bool) and name not in ("MeterInfoRequested",) and rng.random() < wild / 8:
            changes[name] = not value
    return msgspec.structs.replace(message, **changes)


def quantity(rng: random.Random, value: Any) -> Any:
    """Another amount of the same quantity: a little, a lot, negative, or whatever the bits can carry."""
    power = "Multiplier" if hasattr(value, "Multiplier") else "Exponent"
    match rng.randrange(7):
        case 0:
            return msgspec.structs.replace(value, Value=rng.randint(-32768, 32767), **{power: rng.randint(-3, 3)})
        case 1:
            return msgspec.structs.replace(value, Value=-value.Value)
        case 2:
            return msgspec.structs.replace(value, Value=0)
        case 3:
            return msgspec.structs.replace(value, **{power: rng.randint(-3, 3)})
        case _:
            return msgspec.structs.replace(value, Value=int(value.Value * rng.choice([0.1, 0.5, 0.9, 1.1, 2.0])))


def hostile(world: World) -> Callable[[Any], Coroutine[Any, Any, Any]]:
    """A rewrite that bends what the vehicle sends, or sends it late."""
    rng = world.rng
    wild = rng.choice([0.0, 0.02, 0.1, 0.4])
    waits = rng.choice([(), (), (0.3,), (0.3, 3.0, 9.0, 30.0)])

    async def rewrite(message: Any) -> Any:
        name = type(message).__name__
        if rng.random() < 0.08:
            touch(world)
        if waits and rng.random() < 0.15:
            await asyncio.sleep(rng.choice(waits))
        tame = wild if any(word in name for word in ("Demand", "Loop", "Discovery", "PreCharge", "Delivery")) else 0.0
        told = bent(rng, message, tame)
        if rng.random() < 0.05:
            asyncio.get_running_loop().call_soon(touch, world)  # while the charger works on it
        if rng.random() < 0.05:
            asyncio.get_running_loop().call_later(rng.choice([0.001, 0.05, 0.15, 1.0]), touch, world)
        world.before, world.said = world.said, copied(world.said)
        world.said.hear(told)
        return told

    return rewrite


def stays_in_c(bench: Bench) -> None:
    """A vehicle that shows C as long as the outlet is live, whatever its protocol wants."""
    moves = bench.wire.ev.set

    def set_state(state: State) -> None:
        moves(State.C if bench.evse.driven else state)

    bench.wire.ev.set = set_state


def copied(said: Said) -> Said:
    return Said(said.declared, said.now, said.phase_amps, said.phase_watts)


# ---------------------------------------------------------------------------------------------------------------
# The hands


def touch(world: World) -> None:
    """Somebody does something at the bench, at this moment."""
    rng, bench = world.rng, world.bench
    charger = "charger"
    some: list[Any] = [
        actions.Limit(by="charger", max_current=rng.choice([1.0, 6.0, 10.0, 32.0, 200.0])),
        actions.Limit(by="charger", max_voltage=rng.choice([200.0, 380.0, 500.0]), max_power=rng.choice([1.0, 50.0])),
        actions.Limit(by="vehicle", max_current=rng.choice([10.0, 80.0]), max_voltage=rng.choice([410.0, 450.0])),
        actions.Derate(percent=rng.choice([0.0, 10.0, 50.0, 100.0])),
        actions.SetPower(by=charger, power=rng.choice([-50.0, -3.0, 0.0, 5.0, 200.0])),
        actions.SetPower(by="vehicle", power=rng.choice([-50.0, -3.0, 0.0, 5.0, 200.0])),
        actions.Inject(fault=rng.choice(["emergency", "malfunction", "shutdown", "utility-interrupt"])),
        actions.Inject(fault=rng.choice(["insulation", "output", "rcd", "pilot-e", "pilot-f", "pilot-short", "error"])),
        actions.Repair(),
        actions.Repair(),
        actions.EmergencyStop(by=charger),
        actions.EmergencyStop(by="vehicle"),
        actions.Stop(by=charger, max_delay=rng.choice([0, 0, 2, 30])),
        actions.Stop(by="vehicle"),
        actions.Pause(by=rng.choice(["vehicle", charger])),
        actions.Standby(by="vehicle", over=rng.random() < 0.5),
        actions.Renegotiate(by=rng.choice(["vehicle", charger])),
        actions.Renegotiate(by="vehicle"),
        actions.ChangeService(by="vehicle"),
        actions.Wake(by=charger),
        actions.Unplug(),
        actions.Plug(),
    ]
    if rng.random() < 0.25:
        pilot = rng.choice([State.B, State.C, State.C])
        world.log.append(f"{world.time:.3f} pilot {pilot.value}")
        bench.wire.ev.set(pilot)
    elif rng.random() < 0.15:
        emf = rng.choice([150.0, 380.0, 900.0])
        if bench.power is not None:
            bench.power.load = rng.choice([None, lambda: (emf, 0.05), bench.vehicle.load])
        elif bench.supply is not None:
            amps = rng.choice([0.0, 10.0, 40.0, 80.0])
            bench.supply.load = rng.choice([lambda: amps, lambda: bench.vehicle.ac_current])
    else:
        action = rng.choice(some)
        with contextlib.suppress(NotPossible):
            world.log.append(f"{world.time:.3f} {world.controls.apply(action)}")


# ---------------------------------------------------------------------------------------------------------------
# Sessions


async def walk(seed: int, mode: str) -> World:
    """Some sessions at one outlet, with pauses, second connections and broken ones."""
    rng = random.Random(seed)
    bench = Bench(mode, seed=seed % 97, test_seconds=0.5, tolerant=rng.random() < 0.8, duration=rng.choice([2.0, 20.0]))
    controls = Controls(bench.vehicle, bench.evse, bench.wire, options=bench.ev)
    world = World(rng, bench, controls)
    bench.ev.control = rng.choice(["scheduled", "dynamic"])
    bench.vehicle.settings.prefers_standby = rng.random() < 0.5
    if rng.random() < 0.3:
        stays_in_c(bench)
    rewrite = hostile(world)
    bench.ev.rewrite = dict.fromkeys(requests(bench), rewrite)
    bench.se.observe = lambda event: heard(world, event)
    arrived: list[Callable[[Channel], Coroutine[Any, Any, None]]] = []

    @contextlib.asynccontextmanager
    async def listen(_: Interface, begin: Callable[[Channel], Coroutine[Any, Any, None]], **__: Any) -> Any:
        arrived.append(begin)
        yield 0

    outlet = Outlet(
        Interface("memory", 0, IPv6Address("::1"), bytes(6)), bench.evse, bench.se, wakes_after=2.0,
        listen=listen, answer_on=lambda *_, **__: contextlib.nullcontext(),
    )  # fmt: skip
    controls.outlet = outlet
    looking = asyncio.create_task(look_on(world))
    resume: Paused | None = None
    try:
        async with outlet.open():
            for _ in range(rng.randint(1, 3)):
                resume = await session(world, arrived[0], resume)
                if looking.done():
                    break
                put_right(world)
                await asyncio.sleep(rng.choice([0.0, 0.4, 6.0]))
        world.look()
    finally:
        looking.cancel()
        failed = (await asyncio.gather(looking, return_exceptions=True))[0]
    if isinstance(failed, AssertionError):
        raise AssertionError(f"{mode} {seed}: {failed}\n" + "\n".join(world.log)) from failed
    return world


def requests(bench: Bench) -> list[type[Any]]:
    """The requests of its protocol."""
    modules = [sys.modules[f"v2g.messages.{name}"] for name in MODULES[bench.protocol.name]]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    return [kind for kind in kinds if issubclass(kind, Request) and kind is not Request]


def heard(world: World, event: Event) -> None:
    if event.layer in ("message", "error", "state", "tcp"):
        world.log.append(f"{event.time:.3f} {event.layer} {event.name} {event.direction} {event.note}"[:160])
    if event.layer == "message" and event.direction == "tx":
        world.before = world.said  # answered: the narrower limits hold from now on


async def look_on(world: World) -> None:
    while True:
        await asyncio.sleep(TICK)
        world.look()


def put_right(world: World) -> None:
    """Between two vehicles: everything repaired, and plugged in anew."""
    with contextlib.suppress(NotPossible):
        world.controls.apply(actions.Repair())
    world.bench.wire.ev.set(State.B)
    world.bench.wire.unplug()
    world.bench.wire.plug()
    world.bench.evse.pilot.offer(5.0)
    vehicle = world.bench.vehicle
    for event in (vehicle.stop, vehicle.pause, vehicle.standby, vehicle.renegotiate, vehicle.trouble, vehicle.wake):
        event.clear()


async def session(world: World, begin: Callable[..., Coroutine[Any, Any, None]], resume: Paused | None) -> Any:
    """One vehicle, and perhaps a second connection at some moment."""
    rng, bench = world.rng, world.bench
    near, far = await memory_pair()
    bench.ev.resume = resume if rng.random() < 0.8 else None
    world.said, world.before = Said(), Said()
    world.serving += 1
    charger = asyncio.create_task(begin(near))
    cut = asyncio.get_running_loop().call_later(rng.choice([1.0, 4.0, 9.0, 30.0]), cut_off, rng, near, far)
    second = asyncio.create_task(another(world, begin)) if rng.random() < 0.2 else None
    try:
        outcome = await charge(far, bench.vehicle, bench.ev)
        await charger
    finally:
        world.serving -= 1
        world.dirty = world.time
        cut.cancel()
        if second is not None:
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
    return outcome.resume if outcome.paused else None


def cut_off(rng: random.Random, near: Channel, far: Channel) -> None:
    if rng.random() < 0.2:
        rng.choice([near, far]).abort("the line was cut")


async def another(world: World, begin: Callable[..., Coroutine[Any, Any, None]]) -> None:
    await asyncio.sleep(world.rng.choice([0.5, 3.0, 8.0]))
    near, _ = await memory_pair()
    world.log.append(f"{world.time:.3f} second connection")
    await begin(near)


WALKS = 25
MODES = ["din", "iso2-dc", "iso2-ac", "iso20-dc", "iso20-ac", "iso20-dc-bpt", "iso20-ac-bpt"]


@pytest.mark.parametrize("mode", MODES)
def test_the_plant_obeys_both_sides_whatever_is_asked(mode: str) -> None:
    """Random sessions with hands at the bench: nothing above the limits, and nothing live when it must be dead."""
    flowed = sum(run(walk(seed, mode)).flowed for seed in range(WALKS))
    assert flowed > WALKS / 4, "the sessions hardly ever got as far as power: this test has seen nothing"


# ---------------------------------------------------------------------------------------------------------------
# What the walk has found


async def until(holds: Callable[[], bool]) -> None:
    """Waits until something holds, for at most an hour."""
    async with asyncio.timeout(3600.0):
        while not holds():  # noqa: ASYNC110 - a plant has no event
            await asyncio.sleep(0.01)


async def _ac_start(bench: Bench, during: Callable[[Callable[[State], None]], None]) -> list[bool]:
    """PowerDelivery(Start) of an AC session while the vehicle still shows B; what happens then, and the contactor.

    Args:
        during: gets what moves the pilot; the vehicle itself does not.
    """
    supply, asked = bench.supply, asyncio.Event()
    assert supply is not None
    moves = bench.wire.ev.set
    bench.wire.ev.set = lambda state: None

    def seen(event: Event) -> None:
        if event.name == "PowerDeliveryReq":
            asked.set()

    bench.se.observe = seen
    closed: list[bool] = []

    async def hands() -> None:
        await asked.wait()
        await asyncio.sleep(0.1)
        during(moves)
        for _ in range(100):
            await asyncio.sleep(0.01)
            closed.append(supply.closed)

    running = asyncio.create_task(hands())
    await bench.run()
    await running
    return closed


@pytest.mark.parametrize("mode", ["iso2-ac", "iso20-ac"])
@pytest.mark.parametrize("fault", [Fault.EMERGENCY, Fault.MALFUNCTION, Fault.SHUTDOWN])
def test_a_fault_while_the_charger_waits_for_c_keeps_the_contactor_open(mode: str, fault: Fault) -> None:
    """A fault between PowerDeliveryReq and state C: the contactor does not close, and the start is refused."""

    async def main() -> None:
        bench = Bench(mode)

        def during(moves: Callable[[State], None]) -> None:
            bench.evse.fail(fault)
            moves(State.C)

        assert not any(await _ac_start(bench, during))
        assert "PowerDeliveryRes" in bench.names()

    run(main())


@pytest.mark.parametrize("mode", ["iso2-ac", "iso20-ac"])
def test_a_short_c_does_not_close_the_contactor(mode: str) -> None:
    """State C for a moment, and B again: nothing is closed in B."""

    async def main() -> None:
        bench = Bench(mode)

        def during(moves: Callable[[State], None]) -> None:
            moves(State.C)
            moves(State.B)

        assert not any(await _ac_start(bench, during))

    run(main())


def test_an_ac_vehicle_that_waits_with_c_gets_its_contactor() -> None:
    """The same without a fault: the two tests above would see a contactor that closes."""

    async def main() -> None:
        assert any(await _ac_start(Bench("iso2-ac"), lambda moves: moves(State.C)))

    run(main())


async def _live_seconds(bench: Bench, at: str, hands: Callable[[], None], *, stays: float = 20.0) -> float:
    """How long the outlet stays live after hands at a request, while the vehicle says nothing for long."""
    evse, began = bench.evse, asyncio.Event()

    async def rewrite(message: Any) -> Any:
        if not began.is_set():
            began.set()
            return message
        await asyncio.sleep(stays)
        return message

    bench.ev.rewrite = {kind: rewrite for kind in requests(bench) if kind.__name__ == at}
    session = asyncio.create_task(bench.run())
    await began.wait()
    await asyncio.sleep(0.5)
    assert evse.driven, "the outlet is not live: this test sees nothing"
    hands()
    start = asyncio.get_running_loop().time()
    await until(lambda: not evse.driven)
    seconds = asyncio.get_running_loop().time() - start
    await session
    return seconds


@pytest.mark.parametrize("mode", ["din", "iso2-dc"])
@pytest.mark.parametrize("way", ["shutdown", "stop"])
def test_a_vehicle_that_dawdles_in_precharge_is_switched_off(mode: str, way: str) -> None:
    """The time to stop also holds in PreCharge: a vehicle that says nothing more does not keep the output on."""

    async def main() -> None:
        bench = Bench(mode)
        hands = (lambda: bench.evse.fail(Fault.SHUTDOWN)) if way == "shutdown" else bench.evse.request_stop
        assert await _live_seconds(bench, "PreChargeReq", hands) <= STOPS

    run(main())


def test_an_ac_vehicle_that_dawdles_in_a_renegotiation_is_switched_off() -> None:
    """ISO 15118-2: a renegotiation leaves the contactor closed, and the charger still has its stop."""

    async def main() -> None:
        bench = Bench("iso2-ac", duration=30.0)
        stays_in_c(bench)
        kinds = {kind.__name__: kind for kind in requests(bench)}
        seen: list[float] = []

        def hands(event: Event) -> None:
            if event.name == "PowerDeliveryRes" and event.direction == "tx" and not seen:
                seen.append(event.time)
                asyncio.get_running_loop().call_later(1.0, bench.vehicle.renegotiate.set)

        bench.se.observe = hands
        late: list[float] = []

        async def dawdles(message: Any) -> Any:
            late.append(asyncio.get_running_loop().time())
            if len(late) == 2:
                bench.evse.request_stop()
                await asyncio.sleep(20.0)
            return message

        bench.ev.rewrite = {kinds["ChargeParameterDiscoveryReq"]: dawdles}
        session = asyncio.create_task(bench.run())
        await until(lambda: len(late) == 2)
        assert bench.evse.driven, "the contactor is open: this test sees nothing"
        await asyncio.sleep(STOPS)
        assert not bench.evse.driven
        await session

    run(main())


def test_an_ac_vehicle_that_draws_too_much_in_a_renegotiation_is_cut_off() -> None:
    """ISO 15118-2: the current is watched while the contactor is closed, not only in the loop."""

    async def main() -> None:
        bench = Bench("iso2-ac", duration=30.0)
        assert bench.supply is not None
        stays_in_c(bench)
        kinds = {kind.__name__: kind for kind in requests(bench)}
        late: list[float] = []

        async def dawdles(message: Any) -> Any:
            late.append(asyncio.get_running_loop().time())
            if len(late) == 2:
                bench.supply.load = lambda: 60.0
                await asyncio.sleep(20.0)
            return message

        bench.ev.rewrite = {kinds["ChargeParameterDiscoveryReq"]: dawdles}
        session = asyncio.create_task(bench.run())
        await until(lambda: bench.evse.driven)
        await asyncio.sleep(1.0)
        bench.vehicle.renegotiate.set()
        await until(lambda: len(late) == 2)
        assert bench.evse.driven
        await asyncio.sleep(FOLLOWS)
        assert not bench.evse.driven
        await session

    run(main())
