"""A second connection during a session: a vehicle that came back is served, and one that charges is not lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import IPv6Address
from typing import Any

import pytest
from bench import Bench
from hypothesis import given
from hypothesis import strategies as st
from processes import until
from tls_world import charger as tls_charger
from tls_world import vehicle as tls_vehicle

from evcc import charge as evcc
from secc.newcomer import OTHER, SAME, WAITS, Policy, silence
from secc.outlet import Outlet
from v2g.channel import Channel
from v2g.errors import ConnectionLost
from v2g.interfaces import Interface
from v2g.memory import CHARGER, MemoryNetwork
from v2g.memory_link import memory_pair
from v2g.outcome import Cause, Outcome
from v2g.sdp import TlsPolicy
from v2g.trace import Event

CAR, STRANGER = "fe80::ca", "fe80::bad"


class Place:
    """An outlet with a vehicle's plant, and connections from any address."""

    def __init__(self, policy: Policy = Policy.SILENCE) -> None:
        self.bench = Bench("iso2-dc", duration=None)
        self.told: list[Event] = []
        self.outcomes: list[Outcome] = []
        self.off: list[bool] = []
        self.bench.ev.timing = {"V2G_EVCC_Msg_Timeout.CurrentDemandReq": 300.0}  # it does not end the session itself
        options = self.bench.se
        options.observe = self.told.append
        self.outlet = Outlet(
            Interface("mem", 1, IPv6Address("fe80::1"), bytes(6)), self.bench.evse, options, newcomers=policy,
            on_end=self.outcomes.append, on_begin=lambda: self.off.append(not self.bench.evse.energised),
            listen=self._listen, answer_on=lambda *_, **__: contextlib.nullcontext(),
        )  # fmt: skip
        self.tasks: list[asyncio.Task[Any]] = []
        self.channels: list[Channel] = []  # or they would be collected, and with it closed
        self._serve: Callable[[Channel], Awaitable[None]] | None = None

    @contextlib.asynccontextmanager
    async def _listen(self, _: Interface, on_connect: Callable[[Channel], Awaitable[None]], **__: Any) -> Any:
        self._serve = on_connect
        yield 50000
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with self.outlet.open():
            yield

    async def connect(self, address: str) -> Channel:
        """The vehicle's end of a new connection."""
        charger, vehicle = await memory_pair()
        charger._streams[1].transport._extra["peername"] = (address, 1)  # type: ignore[attr-defined]  # private, and not declared
        assert self._serve is not None
        self.tasks.append(asyncio.create_task(self._serve(charger)))
        self.channels += [charger, vehicle]
        await asyncio.sleep(0)
        return vehicle

    async def charging(self, address: str = CAR) -> asyncio.Task[Any]:
        """A vehicle that has come as far as to draw current; cancelled, it vanishes without closing."""
        channel = await self.connect(address)
        self.writer = channel._streams[1]
        task = asyncio.create_task(evcc.charge(channel, self.bench.vehicle, self.bench.ev))
        self.tasks.append(task)
        while self.bench.evse.power is None or self.bench.evse.power.current < 5.0:
            await asyncio.sleep(0.1)
            assert not task.done()
        return task

    def names(self) -> list[str]:
        return [event.name for event in self.told if event.layer == "tcp"]


def freeze(place: Place) -> None:
    """The vehicle says nothing from now on, and its connection stays open."""
    place.writer.write = lambda data: None  # type: ignore[method-assign]  # the test stands in for it


@pytest.mark.parametrize("address", [CAR, STRANGER])
async def test_a_charging_vehicle_is_not_ended_by_a_connection(address: str) -> None:
    """Neither another address nor its own: the vehicle goes on, and the newcomer is refused and reported once."""
    place = Place()
    async with place.open():
        task = await place.charging()
        for _ in range(3):
            await place.connect(address)
            await asyncio.sleep(3.0)
        assert not task.done()
        assert place.bench.evse.energised
        assert place.outcomes == []
        assert place.names().count("second-connection-refused") == 1
        assert "hung-up" not in place.names()


async def test_a_vehicle_that_comes_back_is_served() -> None:
    """It vanished without closing: the old session ends normally, and the output is off before the new one begins."""
    place = Place()
    async with place.open():
        await place.charging()
        freeze(place)
        await asyncio.sleep(SAME + 0.5)
        assert place.bench.evse.energised
        await place.connect(CAR)
        await asyncio.sleep(2.0)
        assert [outcome.cause for outcome in place.outcomes] == [Cause.PEER]
        assert "the vehicle came back on a new connection, after " in place.outcomes[0].reason
        assert place.outcomes[0].switched_off is not None
        assert place.off == [True, True]
        assert place.names().count("connected") == 2


async def test_the_vehicle_that_came_back_waits_for_the_silence() -> None:
    """Right after the last message nobody knows yet which connection is alive: the newcomer is kept, then served."""
    place = Place()
    async with place.open():
        await place.charging()
        freeze(place)
        await asyncio.sleep(0.5)
        came = asyncio.get_running_loop().time()
        await place.connect(CAR)
        assert place.outlet.awaited
        await until(lambda: len(place.off) == 2, "the newcomer is served")
        assert 0.5 < asyncio.get_running_loop().time() - came < SAME + 1.0


async def test_another_vehicle_waits_longer() -> None:
    """A silent vehicle may only be slow; until the standard says that it is late, another one is refused."""
    place = Place()
    async with place.open():
        await place.charging()
        freeze(place)
        await asyncio.sleep(10.0)
        await place.connect(STRANGER)
        await asyncio.sleep(1.0)
        assert place.outcomes == []
        assert "the running session was heard 10" in next(
            event.note for event in place.told if event.name == "second-connection-refused"
        )
        await asyncio.sleep(OTHER - 11.0)
        await place.connect(STRANGER)
        await asyncio.sleep(2.0)
        assert "another vehicle came on a new connection" in place.outcomes[0].reason
        assert place.off == [True, True]


async def test_a_half_open_connection_holds_the_outlet_for_two_seconds() -> None:
    """A peer that connects and sends nothing is not a vehicle yet."""
    place = Place()
    async with place.open():
        await place.connect(STRANGER)
        await asyncio.sleep(0.5)
        task = await place.charging(CAR)
        assert not task.done()
        assert place.names().count("connected") == 2


async def test_one_newcomer_waits_and_one_that_leaves_is_forgotten() -> None:
    place = Place()
    async with place.open():
        await place.charging()
        freeze(place)
        await asyncio.sleep(0.5)
        first = await place.connect(CAR)
        await place.connect(STRANGER)
        assert "another one is already waiting" in place.told[-1].note
        await first.close()
        await asyncio.sleep(5.0)
        assert len(place.outcomes) == 1  # the old one; the newcomer that left is none
        assert place.names().count("connected") == 1
        assert not place.outlet.awaited


@pytest.mark.parametrize(("policy", "ends"), [(Policy.NOTHING, False), (Policy.SAME_VEHICLE, True)])
async def test_what_ends_a_session_is_an_option(policy: Policy, ends: bool) -> None:
    place = Place(policy)
    async with place.open():
        await place.charging()
        if policy is Policy.NOTHING:
            freeze(place)
            await asyncio.sleep(50.0)
        await place.connect(CAR)
        await asyncio.sleep(2.0)
        assert bool(place.outcomes) == ends


@given(st.sampled_from(Policy), st.booleans(), st.booleans())
def test_only_silence_or_the_same_vehicle_ends_a_session(policy: Policy, same: bool, spoke: bool) -> None:
    """No rule lets a stranger end a session that was heard within `SAME`."""
    needed = silence(policy, same=same, spoke=spoke)
    assert needed is None or needed >= SAME or (same and policy is Policy.SAME_VEHICLE)
    assert SAME < WAITS < OTHER


@pytest.mark.parametrize("word", [b"\x16\x03\x01\x40\x00" + bytes(50), b"no TLS at all", b""])
async def test_a_session_has_only_its_own_tls(word: bytes) -> None:
    """Other connections get no handshake: none delays the session, and none of their alerts is in its record."""
    bench, network, outcomes = Bench("iso2-dc", duration=20.0), MemoryNetwork(), list[Outcome]()
    told: list[Event] = []
    bench.se.observe = told.append
    outlet = Outlet(
        CHARGER, bench.evse, bench.se, policy=TlsPolicy.REQUIRED, context=tls_charger(), on_end=outcomes.append,
        listen=network.listening, answer_on=network.answering,
    )  # fmt: skip
    async with outlet.open():
        port = outlet.ports[True]
        car = await network.connect(str(CHARGER.address), port, None, tls_vehicle())
        charging = asyncio.create_task(evcc.charge(car, bench.vehicle, bench.ev))
        await until(lambda: bench.evse.power and bench.evse.power.current > 5.0, "the vehicle charges")
        done = len(told)
        for _ in range(50):
            other = await network.connect(str(CHARGER.address), port, None)
            with contextlib.suppress(ConnectionLost):
                await other.write(word)
            await asyncio.sleep(0.01)
            assert other.gone
        assert (await charging).ok
        await until(lambda: outcomes, "the session has ended")
    assert outcomes[0].ok
    assert [event.name for event in told[done:] if event.layer == "tls"] == ["alert", "alert"]  # the car's close_notify


async def test_a_handshake_that_began_before_the_session_is_not_in_its_record() -> None:
    """A connection that was in its handshake when another one got the outlet fails without a word in the record."""
    bench, network = Bench("iso2-dc", duration=2.0), MemoryNetwork()
    told: list[Event] = []
    bench.se.observe = told.append
    outlet = Outlet(
        CHARGER, bench.evse, bench.se, policy=TlsPolicy.REQUIRED, context=tls_charger(),
        listen=network.listening, answer_on=network.answering,
    )  # fmt: skip
    async with outlet.open():
        port = outlet.ports[True]
        slow = await network.connect(str(CHARGER.address), port, None)
        car = await network.connect(str(CHARGER.address), port, None, tls_vehicle())
        charging = asyncio.create_task(evcc.charge(car, bench.vehicle, bench.ev))
        await until(lambda: bench.evse.power and bench.evse.power.voltage > 50.0, "the charger has begun")
        await slow.write(b"no TLS at all")
        assert (await charging).ok
    assert "handshake-failed" not in [event.name for event in told]
