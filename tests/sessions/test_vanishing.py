"""A peer that vanishes in the middle of something: an end like any other, and the next session is none the worse."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from bench import Bench
from tls_attacker import Attack, Attacker, meet, record

from evcc import charge as evcc
from plugfest import plants
from plugfest.config.actions import Deviation
from plugfest.config.model import Bench as Config
from plugfest.controls import Controls
from plugfest.stage import Stage
from plugfest.views import view
from secc import serve as secc
from secc.outlet import Outlet
from v2g.channel import Channel, connect
from v2g.errors import ConnectionLost
from v2g.memory import CHARGER, VEHICLE, MemoryNetwork
from v2g.messages import iso2
from v2g.outcome import Cause, Outcome

HELLO_REQUEST, CLIENT_HELLO, KEY_UPDATE = bytes(4), b"\x01\0\0\0", b"\x18\0\0\x01\x01"

# what has to be answered, and to whom
ANSWERED: list[tuple[str, Attack, Callable[[Attacker], None]]] = [
    ("ClientHello", Attack("charger"), record(22, CLIENT_HELLO)),
    ("HelloRequest", Attack("vehicle"), record(22, HELLO_REQUEST)),
    ("KeyUpdate to the charger", Attack("charger", "iso20"), record(22, KEY_UPDATE)),
    ("KeyUpdate to the vehicle", Attack("vehicle", "iso20"), record(22, KEY_UPDATE)),
    ("close_notify to the charger", Attack("charger"), record(21, b"\x01\x00")),
    ("a bad record to the charger", Attack("charger"), record(99, b"x")),
    ("a bad record to the vehicle", Attack("vehicle", "iso20"), record(20, b"x")),
]


@pytest.mark.parametrize(("attack", "send"), [row[1:] for row in ANSWERED], ids=[row[0] for row in ANSWERED])
async def test_one_record_that_must_be_answered_then_nobody_is_there(
    attack: Attack, send: Callable[[Attacker], None]
) -> None:
    """Both roles tell how the session ended; nothing else comes out."""
    met = await meet(attack)
    assert met.channel is not None
    assert met.attacker is not None
    bench = Bench("iso2-dc")
    if attack.victim == "charger":
        running = asyncio.create_task(secc.serve(met.channel, bench.evse, bench.se))
    else:
        running = asyncio.create_task(evcc.charge(met.channel, bench.vehicle, bench.ev))
    await asyncio.sleep(0)
    send(met.attacker)
    await met.attacker.flush()
    met.attacker._writer.transport.abort()
    outcome: Outcome = await running
    assert outcome.cause is Cause.PEER
    assert outcome.reason
    assert bench.safe


@pytest.mark.real_time
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_reset_at_any_write_is_a_lost_connection(place: int) -> None:
    """Over a real socket: what is read or written after the reset has one error."""
    ended: list[BaseException] = []

    def reset(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    server.setblocking(False)
    loop = asyncio.get_running_loop()
    accepting = asyncio.create_task(loop.sock_accept(server))
    channel = await connect("::1", server.getsockname()[1], None)
    peer, _ = await accepting
    reset(peer)
    server.close()
    for step in range(4):
        try:
            if step >= place:
                await channel.write_frame(0x8001, b"abc")
            await channel.read_frame()
        except ConnectionLost as why:
            ended.append(why)
    await channel.close()
    assert len(ended) == 4


# ---------------------------------------------------------------------------------------------------------------
# The next session


async def _abort(channel: Channel) -> None:
    channel.abort()


async def _garbage(channel: Channel) -> None:
    await channel.write(b"GET / HTTP/1.1\r\n\r\n")
    channel.abort()


async def _half_a_frame(channel: Channel) -> None:
    await channel.write(b"\x01\xfe\x80\x01\0\0\0\x40abc")
    channel.abort()


async def _setup_and_away(channel: Channel) -> None:
    bench = Bench("iso2-dc")
    charging = asyncio.create_task(evcc.charge(channel, bench.vehicle, bench.ev))
    await asyncio.sleep(0.5)
    charging.cancel()
    await asyncio.gather(charging, return_exceptions=True)


class Broken(Exception):
    """A fault of our own that nobody thought of."""


@pytest.mark.parametrize("way", [_abort, _garbage, _half_a_frame, _setup_and_away, "our own fault"])
async def test_what_is_configured_holds_for_every_session(way: Any) -> None:
    """Whatever became of the first session, it is told, and the second one has its deviations."""
    bench, network = Bench("iso2-dc"), MemoryNetwork()
    config = Config(
        role="secc", interface="none", tls="none",
        deviations=[Deviation(message="SessionSetupRes", occurrence=1, set={"EVSEID": "DE*ABC*E99"})],
    )  # fmt: skip
    ended: list[Outcome] = []
    controls = Controls(evse=bench.evse)
    stage = Stage(config, controls, view(config, "test", controls, plants.charger_numbers(bench.evse)))
    options = bench.se
    stage.equip(options, "secc")
    faults = [way == "our own fault"]
    answer = options.answers["iso2"][iso2.SessionSetupReq]

    def set_up(visit: Any, request: Any) -> Any:
        if faults.pop() if faults else False:
            raise Broken
        return answer(visit, request)

    options.answers = {**options.answers, "iso2": {**options.answers["iso2"], iso2.SessionSetupReq: set_up}}

    def over(outcome: Outcome) -> None:
        stage.end({"charger": outcome})
        ended.append(outcome)

    outlet = Outlet(
        CHARGER, bench.evse, options, on_end=over, listen=network.listening, answer_on=network.answering,
    )  # fmt: skip
    told: list[str] = []
    stage.trace = lambda event: told.append(f"{event.layer}: {event.name} {event.note}")
    async with outlet.open():
        first = await _connected(network)
        await (_setup_and_away if way == "our own fault" else way)(first)
        await asyncio.sleep(5.0)
        assert len(ended) == 1
        assert not ended[0].ok
        told.clear()
        await _setup_and_away(await _connected(network))
        await asyncio.sleep(5.0)
    assert len(ended) == 2
    assert [line for line in told if line.startswith("bench: deviation")] == [
        "bench: deviation SessionSetupRes 1: with EVSEID=DE*ABC*E99"
    ]


async def _connected(network: MemoryNetwork) -> Channel:
    search = evcc.Search(VEHICLE, discover=network.discover, connect=network.connect)
    return await evcc.find(search, evcc.Options())


async def test_deviations_count_from_zero_without_an_explicit_end_before() -> None:
    """Two connections one behind the other, and no end between them."""
    config = Config(role="secc", interface="none", tls="none")
    bench = Bench("iso2-dc")
    controls = Controls(evse=bench.evse)
    stage = Stage(config, controls, view(config, "test", controls, plants.charger_numbers(bench.evse)))
    options = secc.Options(rng=random.Random(1))
    stage.equip(options, "secc")
    (deviations,) = stage._deviations
    outlet = Outlet(CHARGER, bench.evse, options)
    for _ in range(2):
        outlet._tell("tcp", "connected", "somebody")
        assert deviations._count == {}
        deviations._count["SessionSetupRes"] = 1
    with contextlib.suppress(KeyError):
        del deviations._count["SessionSetupRes"]
