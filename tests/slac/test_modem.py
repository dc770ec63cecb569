"""The local modem: found, recognised, asked; and said plainly what an unknown one does not tell."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from slac.errors import ModemError
from slac.events import Event
from slac.frames import CM_NW_INFO_CNF, VS_NW_INFO_CNF, VS_RD_MOD_CNF, VS_SW_VER_CNF, Frame, Message, build
from slac.host import Host
from slac.keys import nid_of
from slac.modem import NoModem, detect
from slac.modem_families import FAMILIES, of_device
from slac.modem_sim import BEHAVIOURS, DEFAULT_NMK, Behaviour
from slac.powerline import Powerline, Station
from slac.timing import STANDARD

KEY = bytes(range(16))


def world(family: str) -> tuple[Powerline, Station, Station]:
    line = Powerline(random.Random(1))
    return line, line.vehicle(behaviour=BEHAVIOURS[family]()), line.charger(behaviour=BEHAVIOURS[family]())


@pytest.mark.parametrize(
    ("family", "text", "mode"),
    [
        ("qca7000", "QCA7000 02:50:4c:00:00:81, firmware MAC-QCA7000-1.2.5.3207-00-20190806-CS", "PEV"),
        ("qca7420", "QCA7420 02:50:4c:00:00:81, firmware MAC-QCA7420-1.4.0.20-00-20171027-CS", "PEV"),
        ("qualcomm", "QCA7500 02:50:4c:00:00:81, firmware MAC-QCA7500-2.7.0.10-00-20170101-CS", "PEV"),
        ("cg5317", "CG5317 02:50:4c:00:00:81, firmware 1.4.2.77", None),
        ("generic", "unknown Green PHY modem 02:50:4c:00:00:81", None),
    ],
)
async def test_each_family(family: str, text: str, mode: str | None) -> None:
    """A modem is recognised, takes a key, and tells link, network and role in the way of its family."""
    line, car, post = world(family)
    async with Host(car) as vehicle, Host(post) as charger:
        modem, other = await detect(vehicle), await detect(charger)
        assert (modem.family, str(modem), await modem.slac_mode()) == (FAMILIES[family], text, mode)
        assert await modem.role_problem("EV") == ""
        assert await other.role_problem("EVSE") == ""

        await modem.set_key(nid_of(KEY), KEY)
        assert await modem.settle()
        assert await modem.wait_linked(nid_of(KEY), 1) is False
        await other.set_key(nid_of(KEY), KEY)
        assert await other.settle()
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert await modem.wait_linked(nid_of(KEY), 12)
        assert loop.time() - started < post.modem.behaviour.join + 0.3
        assert await other.linked(nid_of(KEY))

        (network,) = await modem.networks() or ()
        assert (network.nid, network.role, network.cco_mac) == (nid_of(KEY), 0, post.modem.mac)
        assert [(p.mac, p.tx, p.rx) for p in network.peers] == [(post.modem.mac, 9, 10)]
        assert "coordinator" in await other.role_problem("EV") or "SLAC mode is EVSE" in await other.role_problem("EV")
        assert await modem.role_problem("EVSE") != ""

        await modem.forget_key()
        assert await other.linked(nid_of(KEY)) is False
        assert bool(modem.lacks) is (family in ("qca7420", "generic"))
    assert line.stations == [car, post]


async def test_restart() -> None:
    """Modems that can be restarted by message are; the others say so."""
    for family in ("qca7000", "cg5317"):
        _, car, _ = world(family)
        async with Host(car) as vehicle:
            modem = await detect(vehicle)
            await modem.restart()
            assert not await modem.answers()
            assert await modem.settle()
    _, car, _ = world("generic")
    async with Host(car) as vehicle:
        with pytest.raises(ModemError, match="cannot be restarted by message"):
            await (await detect(vehicle)).restart()


async def test_nothing_there() -> None:
    """No modem is one line that says what to look at; it is asked three times."""
    _, car, _ = world("qca7000")
    car.powered = False
    events: list[Any] = []
    async with Host(car, observe=events.append) as vehicle:
        with pytest.raises(ModemError, match=r"^no modem answers on vehicle; check its power, its port"):
            await detect(vehicle)
        assert [e.name for e in events].count("VS_SW_VER.REQ") == 3
        none = NoModem(vehicle)
        assert (await none.set_key(bytes(7), KEY), await none.linked(bytes(7)), await none.networks()) == (
            1,
            True,
            None,
        )
        assert await none.settle()


async def test_two_at_once() -> None:
    """Two modems that answer as ours are reported."""
    _, car, _ = world("qca7000")
    events: list[Any] = []

    def also(station: Station, message: Message, mac: bytes) -> None:
        station.deliver(build(Frame(station.mac, mac, message)), b"")

    async with Host(car, observe=events.append) as vehicle:
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, also, car, VS_SW_VER_CNF(0, 0x22, b"X\0"), b"\x02\0\0\0\0\x99")
        modem = await detect(vehicle)
    assert modem.others == (b"\x02\0\0\0\0\x99",)
    assert any(e.name == "warning" and "more than one modem" in e.note for e in events)


async def test_refused_key() -> None:
    """A result that means "not taken" in the family is retried and reported, and no error."""
    _, car, _ = world("qca7000")
    car.modem.behaviour.key_result = 0
    events: list[Any] = []
    async with Host(car, observe=events.append) as vehicle:
        modem = await detect(vehicle)
        assert await modem.set_key(nid_of(KEY), KEY) == 0
    assert [e.name for e in events if e.direction == "tx"].count("CM_SET_KEY.REQ") == 3
    assert "does not prove that it took the key" in next(e.note for e in events if e.name == "set key")


async def test_a_lost_answer_makes_no_modem_fit() -> None:
    """Each answer that says what a modem is may be lost once: the question is repeated."""
    _, car, _ = world("qca7000")
    lost: set[type[Message]] = set()

    def first_lost(frame: Frame) -> Frame | None:
        again = type(frame.message) in lost
        lost.add(type(frame.message))
        return frame if again else None

    async with Host(car) as vehicle:
        modem = await detect(vehicle)
        vehicle.rewrite_received = {Message: first_lost}
        assert "the modem's SLAC mode is PEV" in await modem.role_problem("EVSE")
        assert await modem.networks() is not None
    assert {VS_RD_MOD_CNF, VS_NW_INFO_CNF} <= lost


async def test_strange_answers() -> None:
    """Answers to others, or of other kinds, are not taken for ours."""
    _, car, _ = world("qca7000")
    car.powered = False
    async with Host(car) as vehicle:
        loop = asyncio.get_running_loop()
        stray = build(Frame(b"\x02\0\0\0\0\x77", b"\x02\0\0\0\0\x99", CM_NW_INFO_CNF()))
        loop.call_later(0.01, car.deliver, stray, b"")
        with pytest.raises(ModemError):
            await detect(vehicle)


def test_devices() -> None:
    """Device ids name their family."""
    assert [of_device(d).key for d in (0x22, 0x20, 0x21, 0x30, 0x03)] == [
        "qca7000", "qca7420", "qualcomm", "qualcomm", "int6400",
    ]  # fmt: skip


@pytest.mark.parametrize("deaf", [0.3, 2.5, 5.0, 8.0, 30.0])
async def test_a_deaf_modem_is_waited_for_and_reported(deaf: float) -> None:
    """Modems hear nothing for up to 8 s after a key: whoever gave it waits as long as ``modem_settle`` says."""
    line = Powerline(random.Random(1))
    post = line.charger(behaviour=Behaviour(deaf=deaf))
    events: list[Event] = []
    loop = asyncio.get_running_loop()
    async with Host(post, observe=events.append) as host:
        modem = await detect(host)
        start = loop.time()
        if deaf > 12:
            with pytest.raises(ModemError, match=r"did not come back within 12 s \(modem_settle\)"):
                await modem.take_key(nid_of(KEY), KEY)
            return
        await modem.take_key(nid_of(KEY), KEY)
        assert deaf <= loop.time() - start < deaf + 0.5
        assert await modem.network() == nid_of(KEY)
    told = [event.note for event in events if event.name == "modem" and "silent since" in event.note]
    assert bool(told) is (deaf > 2)


async def test_how_long_a_deaf_modem_is_waited_for_can_be_said() -> None:
    line = Powerline(random.Random(1))
    post = line.charger(behaviour=Behaviour(deaf=5.0))
    async with Host(post) as host:
        modem = await detect(host, timing=STANDARD.replace(modem_settle=2))
        with pytest.raises(ModemError, match="within 2 s"):
            await modem.take_key(nid_of(KEY), KEY)


async def test_a_key_that_was_not_taken_is_read_back() -> None:
    """Its CM_SET_KEY.CNF says that it took the key; the network that it is in says otherwise."""
    line = Powerline(random.Random(1))
    post = line.charger(behaviour=Behaviour(takes_key=False))
    async with Host(post) as host:
        modem = await detect(host)
        with pytest.raises(ModemError, match=f"did not take the key: it is in network {nid_of(DEFAULT_NMK).hex()}"):
            await modem.take_key(nid_of(KEY), KEY)
