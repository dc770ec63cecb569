"""A host on a link: mailboxes, seams, events, and what becomes of bytes that are not frames."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from matching import Bench

from slac import ev
from slac.errors import LinkError, MatchFailed
from slac.frames import (
    BROADCAST,
    CM_ATTEN_PROFILE_IND,
    CM_MNBC_SOUND_IND,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    Frame,
    Message,
    build,
)
from slac.host import WAITING, Host
from slac.powerline import Powerline, Station
from slac.timing import Timing

REQUEST = CM_SLAC_PARM_REQ(bytes(8))


def line() -> tuple[Station, Station]:
    made = Powerline(random.Random(1))
    return made.vehicle(), made.charger()


async def test_mailboxes() -> None:
    """A frame goes to every mailbox that wants it; without one, ``within`` says how long it is waited for."""
    car, post = line()
    async with Host(car) as vehicle, Host(post) as charger:
        with (
            charger.listen(lambda f: isinstance(f.message, CM_SLAC_PARM_REQ)) as one,
            charger.listen(lambda f: f.source == car.mac) as two,
            charger.listen(lambda _: False) as none,
        ):
            await vehicle.send(REQUEST)
            for box in (one, two):
                frame = await box.get(1)
                assert frame is not None
                assert (frame.message, frame.source, frame.destination) == (REQUEST, car.mac, BROADCAST)
            loop = asyncio.get_running_loop()
            started = loop.time()
            assert await none.get(0.25) is None
            assert loop.time() - started == pytest.approx(0.25)
            for _ in range(WAITING + 10):
                await vehicle.send(REQUEST)
            await asyncio.sleep(1)
            for _ in range(WAITING):
                assert await one.get(0) is not None
            assert await one.get(0) is None
            two.clear()
            assert await two.get(0) is None


async def test_broken_link() -> None:
    """When the link breaks, whoever waits is told, and whoever comes later too."""
    car, _ = line()
    events: list[Any] = []
    async with Host(car, observe=events.append) as vehicle:
        with vehicle.listen(lambda _: True) as box:
            asyncio.get_running_loop().call_later(1, car.close)
            for _ in range(2):
                with pytest.raises(LinkError, match="the link of vehicle is closed"):
                    await box.get()
        with vehicle.listen(lambda _: True) as box, pytest.raises(LinkError):
            await box.get(5)
        with pytest.raises(LinkError):
            await vehicle.send(REQUEST)
    assert [e.name for e in events][:1] == ["link error"]


@pytest.mark.parametrize("late", [False, True])
async def test_seams(late: bool) -> None:
    """What is about to be sent can be altered, replaced by bytes, doubled, dropped or delayed."""
    car, post = line()
    other = Frame(BROADCAST, car.mac, CM_SLAC_PARM_REQ(b"another!"))

    async def _wait(result: Any) -> Any:
        await asyncio.sleep(0.5)
        return result

    def rewrite(result: Any) -> Any:
        return (lambda _: _wait(result)) if late else (lambda _: result)

    async with Host(car) as vehicle, Host(post) as charger:
        loop = asyncio.get_running_loop()
        with charger.listen(lambda _: True) as box:
            for result, runs in (
                (other, [b"another!"]),
                (build(other), [b"another!"]),
                ([other, None, other], [b"another!"] * 2),
                (None, []),
            ):
                vehicle.rewrite[CM_SLAC_PARM_REQ] = rewrite(result)
                started = loop.time()
                await vehicle.send(REQUEST)
                await vehicle.send(CM_START_ATTEN_CHAR_IND(bytes(8), car.mac))  # is not held up
                got = []
                while frame := await box.get(1):
                    got.append((frame, loop.time() - started))
                asked = [(f.message.run_id, t) for f, t in got if isinstance(f.message, CM_SLAC_PARM_REQ)]
                assert [run for run, _ in asked] == runs
                assert all((t >= 0.5) is late for _, t in asked)
                assert [t < 0.1 for f, t in got if isinstance(f.message, CM_START_ATTEN_CHAR_IND)] == [True]


async def test_seam_for_all_and_for_received() -> None:
    """One rewrite may serve all messages, and frames that came can be rewritten before anyone sees them."""
    car, post = line()
    events: list[Any] = []
    async with Host(car) as vehicle, Host(post, observe=events.append) as charger:
        vehicle.rewrite[Message] = lambda frame: [frame, frame]
        charger.rewrite_received[CM_SLAC_PARM_REQ] = lambda _: None
        with charger.listen(lambda _: True) as box:
            await vehicle.send(REQUEST)
            assert await box.get(1) is None
            charger.rewrite_received = {Message: lambda frame: [frame, b"no frame"]}
            await vehicle.send(REQUEST)
            assert [bool(await box.get(1)) for _ in range(3)] == [True, True, False]
    names = [e.name for e in events]
    assert names.count("CM_SLAC_PARM.REQ") == 4
    assert (names.count("dropped"), names.count("undecodable")) == (2, 2)


async def test_rewrite_that_fails() -> None:
    """A delayed rewrite whose result cannot be sent is reported, and hurts nobody."""
    car, _ = line()
    events: list[Any] = []

    async def late(frame: Frame) -> Frame:
        await asyncio.sleep(0.1)
        return Frame(b"", frame.source, frame.message)

    async with Host(car, observe=events.append, rewrite={CM_SLAC_PARM_REQ: late}) as vehicle:
        await vehicle.send(REQUEST)
        await asyncio.sleep(0.2)
    assert [(e.name, e.note) for e in events] == [("rewrite failed", "a MAC address has 6 bytes")]


async def test_undecodable() -> None:
    """Bytes that are not a frame are an event with the place, and reach no mailbox."""
    car, _ = line()
    events: list[Any] = []
    async with Host(car, observe=events.append) as vehicle:
        with vehicle.listen(lambda _: True) as box:
            car.deliver(car.mac + bytes(6) + b"\x88\xe1\x01\x64\x60\0\0\0", b"")
            assert await box.get(1) is None
    assert [(e.name, e.direction) for e in events] == [("undecodable", "rx")]
    assert events[0].note == "byte 20: security_type needs 1 bytes, 0 are left"


async def test_deviations_in_a_matching() -> None:
    """A test may make a complete matching fail at one message, or pass in spite of it."""
    bench = Bench.of()
    async with bench.charger(rewrite={CM_SLAC_PARM_CNF: lambda frame: [frame] * 3}) as charger:
        waiting = asyncio.create_task(charger.match())
        once = ev.Options(timing=Timing().replace(TT_matching_repetition=0))
        with pytest.raises(MatchFailed):
            await bench.match_car(0, once, rewrite={CM_MNBC_SOUND_IND: lambda _: None})
        assert bench.notes("car0", "dropped") == ["CM_MNBC_SOUND.IND, by a rewrite"] * 10
        found = await bench.match_car(0, once, rewrite={CM_MNBC_SOUND_IND: lambda frame: [frame, frame]})
        assert (await waiting).nmk == found.nmk


async def test_profiles_of_a_stranger() -> None:
    """Attenuation profiles of vehicles that never asked do not concern the charger."""
    bench = Bench.of()
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        await asyncio.sleep(0)
        for n in range(300):
            stranger = CM_ATTEN_PROFILE_IND(bytes([2, 0, 0, 0, 0, n % 250]), bytes(58))
            bench.posts[0].deliver(build(Frame(BROADCAST, bench.posts[0].modem.mac, stranger)), b"")
        found = await bench.match_car()
        assert (await waiting).nmk == found.nmk
        assert found.attenuation == pytest.approx(20, abs=1)


async def test_flood_of_requests() -> None:
    """Hundreds of vehicles that only ask cost a bounded number of runs, of which one line warns, for 400 ms."""
    bench = Bench.of()
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        await asyncio.sleep(0.01)
        for n in range(500):
            mac = b"\x02\x99\0\0" + n.to_bytes(2, "big")
            bench.posts[0].deliver(build(Frame(BROADCAST, mac, REQUEST)), b"")
            if n % 50 == 0:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)
        assert len(bench.frames("post0", "tx", "CM_SLAC_PARM.CNF")) == 64
        assert [event.note for event in bench.events["post0"] if event.name == "warning"] == [
            "64 vehicles are matching at once; further ones get no answer"
        ]
        await asyncio.sleep(0.4)
        found = await bench.match_car()
        assert (await waiting).nmk == found.nmk
