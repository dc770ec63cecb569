"""A charge loop exchange over loopback, against an echo of the same bytes: what messages cost on top of sockets."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address
from typing import Any

import exi
from benchmarks.samples import LOOPS, SESSION_ID
from v2g import v2gtp
from v2g.channel import Channel, connect, listening
from v2g.errors import ConnectionLost
from v2g.interfaces import Interface
from v2g.memory_link import memory_pair
from v2g.protocols import Protocol
from v2g.session import Session

LOOPBACK = Interface("lo", 1, IPv6Address("::1"), bytes(6))
ROUNDS = 2000


async def _rounds(exchange: Callable[[], Awaitable[object]]) -> float:
    """Median of one round trip in microseconds."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        await exchange()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


async def _answer(channel: Channel, protocol: Protocol) -> None:
    session = Session(channel, protocol=protocol, id=SESSION_ID)
    with contextlib.suppress(ConnectionLost):
        while True:
            await session.receive()
            await session.send(LOOPS[protocol][1])


def _octets(protocol: Protocol, message: Any) -> bytes:
    return exi.encode(protocol.schema_of(type(message)), protocol.wrap(message, SESSION_ID))


async def _echo(channel: Channel, protocol: Protocol) -> None:
    answer = _octets(protocol, LOOPS[protocol][1])
    with contextlib.suppress(ConnectionLost):
        while True:
            await channel.read_frame()
            await channel.write_frame(v2gtp.EXI, answer)


async def _client(channel: Channel, protocol: Protocol, messages: bool) -> float:
    request = LOOPS[protocol][0]
    if messages:
        session = Session(channel, protocol=protocol, id=SESSION_ID)
        return await _rounds(lambda: session.request(request))
    octets = _octets(protocol, request)

    async def exchange() -> None:
        await channel.write_frame(v2gtp.EXI, octets)
        await channel.read_frame()

    return await _rounds(exchange)


async def measure(protocol: Protocol, *, memory: bool = False, messages: bool = True) -> float:
    """Median of one round trip in microseconds; of bare frames of the same length without ``messages``."""
    serve = _answer if messages else _echo
    if memory:
        here, channel = await memory_pair()
        task = asyncio.ensure_future(serve(here, protocol))
        try:
            return await _client(channel, protocol, messages)
        finally:
            task.cancel()
    async with listening(LOOPBACK, lambda channel: serve(channel, protocol)) as port:
        return await _client(await connect("::1", port, None), protocol, messages)


def main() -> None:
    print(f"a round trip of the DC charge loop, both ends in one process, median of {ROUNDS}")
    first: dict[str, float] = {}
    for protocol in LOOPS:
        frames = asyncio.run(measure(protocol, messages=False))
        for name, microseconds in (
            ("frames only, TCP on loopback", frames),
            ("messages, TCP on loopback", asyncio.run(measure(protocol))),
            ("messages, in memory", asyncio.run(measure(protocol, memory=True))),
        ):
            beside = microseconds / first.setdefault(name, microseconds)
            print(
                f"  {protocol.title:<13} {name:<30} {microseconds:8.0f} µs   {microseconds / frames:5.2f} x frames only"
                f"   {beside:5.2f} x {next(iter(LOOPS)).title}"
            )


if __name__ == "__main__":
    main()
