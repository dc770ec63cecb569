"""Links on real interfaces: frames, statistics, and one line for everything a user may get wrong."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys

import pytest
import veth
from processes import CEILING

from slac.errors import LinkError
from slac.frames import BROADCAST, CM_NW_INFO_REQ, Frame, build
from slac.link import RawLink, ScapyLink, open_link

needs_root = pytest.mark.skipif(not veth.AVAILABLE, reason=veth.REASON)


async def _soon(link: RawLink | ScapyLink) -> bytes:
    async with asyncio.timeout(CEILING):
        return await link.receive()


@pytest.mark.netns
@needs_root
@pytest.mark.real_time
@pytest.mark.parametrize("kind", [RawLink, ScapyLink])
async def test_both_directions(kind: type[RawLink] | type[ScapyLink]) -> None:
    """Frames go both ways as they are; a sender does not hear itself; other EtherTypes stay out."""
    with veth.cable("plflk") as (a, b):
        one, two = kind(a), RawLink(b)
        try:
            frames = [build(Frame(BROADCAST, one.mac, CM_NW_INFO_REQ())) + bytes([n]) * n for n in range(3)]
            for frame in frames:
                await one.send(frame)
            assert [await _soon(two) for _ in frames] == frames
            other = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            other.bind((b, 0))
            other.send(one.mac + two.mac + b"\x86\xdd" + bytes(46))
            other.close()
            answer = build(Frame(one.mac, two.mac, CM_NW_INFO_REQ()))
            await two.send(answer)
            assert await _soon(one) == answer
            assert (one.statistics.sent, one.statistics.received) == (3, 1)
            assert (two.statistics.sent, two.statistics.received) == (1, 3)
        finally:
            one.close()
            two.close()
        with pytest.raises(LinkError, match="is closed"):
            await one.receive()
        with pytest.raises(LinkError, match="is closed"):
            await one.send(frames[0])


@pytest.mark.netns
@needs_root
@pytest.mark.real_time
async def test_interface_goes_away() -> None:
    """An interface that is pulled ends the waiting; one that is down says so when sending, and works when up again."""
    with veth.cable("plfgo") as (a, b):
        one, two = RawLink(a), RawLink(b)
        frame = build(Frame(BROADCAST, one.mac, CM_NW_INFO_REQ()))
        veth.ip("link", "set", a, "down")
        with pytest.raises(LinkError, match=f"^{a} is down; try: ip link set {a} up$"):
            await one.send(frame)
        veth.ip("link", "set", a, "up")
        await one.send(frame)
        assert await _soon(two) == frame
        veth.ip("link", "del", a)
        with pytest.raises(LinkError, match=f"^{a} is gone; was the modem or adapter unplugged\\?$"):
            await one.send(frame)
        one.close()
        two.close()


@pytest.mark.netns
@needs_root
@pytest.mark.real_time
async def test_one_line_each() -> None:
    """Missing, down, without carrier, not Ethernet: each is one line that says what to do."""
    with pytest.raises(LinkError, match=r"^no interface plc7; choose from .*\blo\b"):
        open_link("plc7")
    with pytest.raises(LinkError, match="^lo is not an Ethernet interface"):
        open_link("lo")
    with veth.cable("plfdn", up=False) as (a, _):
        with pytest.raises(LinkError, match=f"^{a} is down; try: ip link set {a} up$"):
            open_link(a)
        veth.ip("link", "set", a, "up")
        with pytest.raises(LinkError, match=f"^{a} has no carrier"):
            open_link(a)


@needs_root
def test_without_rights() -> None:
    """A user who may not open raw sockets is told which capability this interpreter needs."""
    script = """
import asyncio, os
from slac.link import open_link, LinkError
async def main():
    try: open_link("lo")
    except LinkError as why: print(why)
os.setuid(65534)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert re.fullmatch(
        r"raw sockets on lo need root or CAP_NET_RAW; try .*setcap cap_net_raw\+ep /\S+ .*\n", done.stdout
    )


def test_nothing_heavy() -> None:
    """Neither frames nor links import scapy until its socket is opened."""
    script = "import sys, slac.link, slac.host, slac.frames; print(any(m.startswith('scapy') for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
