"""A CurrentDemand exchange over loopback, against an echo of the same bytes: what messages cost beyond sockets."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address

import exi
from v2g import protocols, v2gtp
from v2g.channel import Channel, connect, listening, memory_pair
from v2g.errors import ConnectionLost
from v2g.interfaces import Interface
from v2g.messages import iso2, schema
from v2g.session import Session

LOOPBACK = Interface("lo", 1, IPv6Address("::1"), bytes(6))
SESSION_ID = bytes.fromhex("9d7799360d2d747c")
ROUNDS = 2000


def _value(value: int, unit: iso2.unitSymbolType, multiplier: int = 0) -> iso2.PhysicalValueType:
    return iso2.PhysicalValueType(Multiplier=multiplier, Unit=unit, Value=value)


REQUEST = iso2.CurrentDemandReq(
    DC_EVStatus=iso2.DC_EVStatusType(EVReady=True, EVErrorCode="NO_ERROR", EVRESSSOC=42),
    EVTargetCurrent=_value(1250, "A", -1),
    EVMaximumVoltageLimit=_value(4200, "V", -1),
    ChargingComplete=False,
    EVTargetVoltage=_value(3976, "V", -1),
)
RESPONSE = iso2.CurrentDemandRes(
    ResponseCode="OK",
    DC_EVSEStatus=iso2.DC_EVSEStatusType(
        NotificationMaxDelay=0, EVSENotification="None", EVSEIsolationStatus="Valid", EVSEStatusCode="EVSE_Ready"
    ),
    EVSEPresentVoltage=_value(3971, "V", -1),
    EVSEPresentCurrent=_value(1249, "A", -1),
    EVSECurrentLimitAchieved=False,
    EVSEVoltageLimitAchieved=False,
    EVSEPowerLimitAchieved=False,
    EVSEMaximumVoltageLimit=_value(920, "V"),
    EVSEMaximumCurrentLimit=_value(350, "A"),
    EVSEMaximumPowerLimit=_value(15000, "W", 1),
    EVSEID="DE*PLF*E00001",
    SAScheduleTupleID=1,
)


async def _rounds(exchange: Callable[[], Awaitable[object]]) -> float:
    """Median of one round trip in microseconds."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        await exchange()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


async def _answer(channel: Channel) -> None:
    session = Session(channel, protocol=protocols.ISO2, id=SESSION_ID)
    with contextlib.suppress(ConnectionLost):
        while True:
            await session.receive()
            await session.send(RESPONSE)


async def _echo(channel: Channel) -> None:
    answer = exi.encode(schema("iso2"), protocols.ISO2.wrap(RESPONSE, SESSION_ID))
    with contextlib.suppress(ConnectionLost):
        while True:
            await channel.read_frame()
            await channel.write_frame(v2gtp.EXI, answer)


async def _measure(
    serve: Callable[[Channel], Awaitable[None]], *, memory: bool = False, messages: bool = True
) -> float:
    if memory:
        here, channel = await memory_pair()
        task = asyncio.ensure_future(serve(here))
        try:
            return await _client(channel, messages)
        finally:
            task.cancel()
    async with listening(LOOPBACK, serve) as port:
        channel = await connect("::1", port, None)
        return await _client(channel, messages)


async def _client(channel: Channel, messages: bool) -> float:
    if messages:
        session = Session(channel, protocol=protocols.ISO2, id=SESSION_ID)
        return await _rounds(lambda: session.request(REQUEST))
    octets = exi.encode(schema("iso2"), protocols.ISO2.wrap(REQUEST, SESSION_ID))

    async def exchange() -> None:
        await channel.write_frame(v2gtp.EXI, octets)
        await channel.read_frame()

    return await _rounds(exchange)


def main() -> None:
    frames = asyncio.run(_measure(_echo, messages=False))
    loopback = asyncio.run(_measure(_answer))
    memory = asyncio.run(_measure(_answer, memory=True))
    print(f"CurrentDemand round trip, both ends in one process, median of {ROUNDS}")
    for name, microseconds in (
        ("frames only, TCP on loopback", frames),
        ("messages, TCP on loopback", loopback),
        ("messages, in memory", memory),
    ):
        print(f"  {name:<30} {microseconds:8.0f} µs   {microseconds / frames:5.2f} x frames only")


if __name__ == "__main__":
    main()
