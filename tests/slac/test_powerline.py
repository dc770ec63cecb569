"""The simulated power line, in memory and between virtual cables: who hears whom, and what passes when."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
import veth
from matching import Bench, both
from netns import AVAILABLE, REASON
from processes import CEILING

from slac import ev, evse
from slac.frames import CM_NW_INFO_REQ, CM_SLAC_PARM_CNF, CM_SLAC_PARM_REQ, Frame, build
from slac.link import RawLink, open_link
from slac.pilots import SimulatedPilot
from slac.powerline import Powerline, Station, sloped
from slac.powerline_veth import attached
from slac.timing import Timing

needs_root = pytest.mark.skipif(not AVAILABLE, reason=REASON)
IPV6 = b"\x86\xdd" + bytes(46)


async def _received(station: Station) -> list[bytes]:
    """What a host has got."""
    await asyncio.sleep(0.1)
    got = []
    while True:
        try:
            async with asyncio.timeout(0.001):
                got.append(await station.receive())
        except TimeoutError:
            return got


async def test_roles() -> None:
    """A charger's modem lets through what is for chargers, a vehicle's what is for vehicles; nobody hears himself."""
    line = Powerline(random.Random(1))
    car, other, post = line.vehicle(), line.vehicle(), line.charger()
    request = build(Frame(b"\xff" * 6, car.mac, CM_SLAC_PARM_REQ(bytes(8))))
    await car.send(request)
    assert [await _received(s) for s in (car, other, post)] == [[], [], [request]]
    answer = build(Frame(car.mac, post.mac, CM_SLAC_PARM_CNF(bytes(8), car.mac)))
    await post.send(answer)
    assert [await _received(s) for s in (car, other, post)] == [[answer], [], []]


async def test_no_coordinator() -> None:
    """A vehicle's modem that hears no charger's modem transmits nothing; beyond its reach it hears none."""
    line = Powerline(random.Random(1), reach=90)
    car, post = line.vehicle(), line.charger()
    request = build(Frame(b"\xff" * 6, car.mac, CM_SLAC_PARM_REQ(bytes(8))))
    for attenuation, powered, heard in ((20, True, 1), (91, True, 0), (20, False, 0)):
        line.connect(car, post, attenuation)
        post.powered = powered
        await car.send(request)
        assert len(await _received(post)) == heard


async def test_attenuation_per_group() -> None:
    """Attenuations may be given per carrier group, and are what the charger reports."""
    groups = [10.0] * 29 + [30.0] * 29
    car, _ = await both(Bench.of(own=groups))
    assert all(abs(g - w) <= 1 for g, w in zip(car.aag, groups, strict=True))
    assert sum(sloped(25.0)) / 58 == pytest.approx(25)


async def test_seeded() -> None:
    """One seed, one course of events."""

    async def course(seed: int) -> list[tuple[float, str, bytes]]:
        bench = Bench.of(seed=seed)
        bench.line.conditions.loss = bench.line.conditions.duplicate = bench.line.conditions.late = 0.1
        started = asyncio.get_running_loop().time()
        await both(bench)
        return [(round(e.time - started, 6), e.name, e.data) for e in bench.events["car0"]]

    assert await course(3) == await course(3)
    assert await course(3) != await course(4)


@pytest.fixture
def cables() -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    with veth.cable("plfpc") as car, veth.cable("plfpp") as post:
        yield car, post


@pytest.mark.netns
@needs_root
@pytest.mark.real_time
async def test_matching_between_interfaces(cables: tuple[tuple[str, str], tuple[str, str]]) -> None:
    """Over raw sockets and virtual cables a pair matches; other frames pass then, and not before."""
    (car_host, car_modem), (post_host, post_modem) = cables
    line = Powerline(random.Random(1))
    car, post = line.vehicle(), line.charger()
    line.connect(car, post, 22.0)
    pilot = SimulatedPilot(plugged=True)
    async with attached(line, {car: car_modem, post: post_modem}):
        links = [open_link(car_host), open_link(post_host)]
        ears = [RawLink(name, ethertype=0x86DD, promiscuous=True) for name in (car_host, post_host)]
        try:
            car.modem.nmk = bytes(16)  # not the charger's default
            await ears[0].send(links[1].mac + links[0].mac + IPV6)
            async with evse.ready(links[1], pilot.evse) as charger:
                waiting = asyncio.create_task(charger.match())
                options = ev.Options(patient=False, timing=Timing().replace(TP_EV_batch_msg_interval=0.02))
                async with asyncio.timeout(CEILING):
                    found = await ev.match(links[0], pilot.ev, options)
                    assert (await waiting).nmk == found.nmk
            assert found.attenuation == pytest.approx(22, abs=1)
            assert (found.ev_mac, found.evse_mac) == (links[0].mac, links[1].mac)
            assert ears[1].statistics.received == 0
            for one, other in ((0, 1), (1, 0)):
                data = links[other].mac + links[one].mac + IPV6
                await ears[one].send(data)
                async with asyncio.timeout(CEILING):
                    assert await ears[other].receive() == data
        finally:
            for link in (*links, *ears):
                link.close()


_SERVER = """
import socket, hashlib, sys
s = socket.create_server(("::", 7777), family=socket.AF_INET6); print("ready", flush=True)
c, _ = s.accept(); h = hashlib.sha256()
while d := c.recv(65536): h.update(d)
print(h.hexdigest())
"""
_CLIENT = """
import socket, hashlib, sys
data = b"".join(i.to_bytes(4, "big") for i in range(100000))
s = socket.create_connection((sys.argv[1], 7777), timeout=10); s.sendall(data); s.close()
print(hashlib.sha256(data).hexdigest())
"""


@pytest.mark.netns
@needs_root
@pytest.mark.real_time
async def test_tcp_passes_whole() -> None:
    """TCP between two network namespaces passes the line with what kernels leave to hardware: sums and segments."""
    line = Powerline(random.Random(1))
    car, post = line.vehicle(), line.charger()  # modems with one default key: linked from the start
    own = f"plft{os.getpid() % 100_000}"
    spaces = (f"{own}-car", f"{own}-post")
    try:
        for space, name in zip(spaces, (f"{own}c", f"{own}p"), strict=True):
            veth.ip("netns", "add", space)
            veth.ip("link", "add", f"{name}m", "type", "veth", "peer", "name", f"{name}h", "netns", space)
            veth.ip("link", "set", f"{name}m", "up")
            veth.ip("-n", space, "link", "set", f"{name}h", "up")
        veth.ip("-n", spaces[0], "addr", "add", "fd00::1/64", "dev", f"{own}ch", "nodad")
        veth.ip("-n", spaces[1], "addr", "add", "fd00::2/64", "dev", f"{own}ph", "nodad")
        async with attached(line, {car: f"{own}cm", post: f"{own}pm"}):
            server = await _python(spaces[1], _SERVER)
            assert server.stdout is not None
            assert await server.stdout.readline() == b"ready\n"
            client = await _python(spaces[0], _CLIENT, "fd00::2")
            async with asyncio.timeout(CEILING):
                (sent, _), (got, _) = await client.communicate(), await server.communicate()
        assert sent == got
        assert len(sent) == 65
    finally:
        for space in spaces:
            veth.ip("netns", "del", space)


async def _python(space: str, script: str, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "ip", "netns", "exec", space, sys.executable, "-c", script, *words, stdout=subprocess.PIPE
    )


@pytest.mark.netns
@needs_root
@pytest.mark.real_time
async def test_garbage_from_a_host(cables: tuple[tuple[str, str], tuple[str, str]]) -> None:
    """Malformed frames from a host behind an interface disturb nothing."""
    (car_host, car_modem), (_, post_modem) = cables
    line = Powerline(random.Random(1))
    car, post = line.vehicle(), line.charger()
    async with attached(line, {car: car_modem, post: post_modem}):
        link = RawLink(car_host)
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        raw.bind((car_host, 0))
        for tail in (b"", b"\x01", b"\x01\x0f\x60\0\0" + bytes(3), b"\x03" * 60):
            raw.send(b"\xff" * 6 + link.mac + b"\x88\xe1" + tail)
        raw.close()
        await link.send(build(Frame(bytes.fromhex("00b052000001"), link.mac, CM_NW_INFO_REQ())))
        async with asyncio.timeout(CEILING):
            assert (await link.receive())[6:12] == car.modem.mac
        link.close()
