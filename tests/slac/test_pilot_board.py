"""Pilots made by a board: on a serial line, over MQTT, and the simulated one that two processes share."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import tty
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiomqtt
import processes
import pytest
from broker import AVAILABLE, REASON, broker, free_port

from slac.pilot import Pilot, Reading, State, count_toggles, toggle, until
from slac.pilot_board import ChargerBoard, PilotError, VehicleBoard, report_of, wish_of
from slac.pilot_mqtt import ended, over_mqtt, parse_url
from slac.pilot_open import open_charger_pilot, open_vehicle_pilot
from slac.pilot_serial import Lines, over_line
from slac.pilot_shared import attached, hosted, seat
from slac.pilots import SimulatedPilot

B5, STEADY_A = Reading(State.B, 5.0), Reading(State.A, 100.0)


async def reads(pilot: Pilot, reading: Reading, within: float = 5.0) -> None:
    """Waits for a reading, or fails with what there is."""
    assert await until(pilot, lambda now: now == reading, within), pilot.reading


# ---------------------------------------------------------------------------------------------------------------
# What is said


@pytest.mark.parametrize(
    ("said", "reading"),
    [
        ({"state": "B", "duty": "5.0", "high": "9", "low": "-12"}, Reading(State.B, 5.0)),
        ({"state": "C", "duty": 5}, Reading(State.C, 5.0)),
        ({"high": 6.1, "low": -12.0, "duty": 5.0}, Reading(State.C, 5.0)),
        ({"high": 9.0, "low": -8.0, "duty": 5.0}, Reading(State.E, 0.0)),  # no diode
        ({"state": "F", "duty": 100}, Reading(State.F, 0.0)),
        ({"state": "B", "temperature": "23"}, Reading(State.B, None)),
    ],
)
def test_reports(said: dict[str, object], reading: Reading) -> None:
    """A state may be told or follow from levels; unknown keys are passed over."""
    board = ChargerBoard()
    board.heard(report_of(said))
    assert board.reading == reading


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"duty": 5},
        {"state": "G"},
        {"state": "B", "duty": "nan"},
        {"state": "B", "duty": 101},
        {"state": "B", "duty": True},
        {"state": ["B"]},
        {"high": "1e999"},
        {"high": None},
    ],
)
def test_nonsense_is_refused(said: dict[str, object]) -> None:
    """Hostile reports are one error with a reason, in a line."""
    with pytest.raises(PilotError) as why:
        report_of(said)
    assert "\n" not in str(why.value)


def test_wishes() -> None:
    """What a host may want, and what not."""
    assert wish_of({"duty": "5"}) == ("duty", 5.0)
    assert wish_of({"fault": "E"}) == ("fault", State.E)
    assert wish_of({"state": "C"}) == ("state", State.C)
    for wrong in ({"duty": 2}, {"fault": "B"}, {"state": "E"}, {"duty": 5, "fault": "E"}, {"power": 1}, {}):
        with pytest.raises(PilotError):
            wish_of(wrong)


def test_lines_are_cut_from_any_pieces_and_long_ones_cost_nothing() -> None:
    """Line ends may fall anywhere; a line too long is still refused, not kept."""
    stream = b"pong\r\n\n" + b"x" * 100_000 + b"\nstate=B\n"
    for size in (1, 7, len(stream)):
        lines = Lines()
        found = [line for i in range(0, len(stream), size) for line in lines.feed(stream[i : i + size])]
        assert [found[0], found[2]] == [b"pong", b"state=B"]
        assert 120 < len(found[1]) < 130


# ---------------------------------------------------------------------------------------------------------------
# On a line


@contextlib.asynccontextmanager
async def cable(end: str, wire: SimulatedPilot) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A line to a board in software."""
    host, board = socket.socketpair()
    served = asyncio.create_task(seat(wire, end, *await asyncio.open_connection(sock=board)))
    streams = await asyncio.open_connection(sock=host)
    try:
        yield streams
    finally:
        streams[1].close()
        await served


async def test_both_ends_on_lines_see_each_other() -> None:
    """Duty, states, toggles and faults pass over two lines; leaving pulls the plug and sets F."""
    wire = SimulatedPilot()
    async with cable("evse", wire) as left, cable("ev", wire) as right:
        async with over_line(ChargerBoard(), *left) as evse:
            await reads(evse, STEADY_A)
            async with over_line(VehicleBoard(), *right) as ev:
                await reads(evse, Reading(State.B, 100.0))
                evse.offer(5.0)
                await reads(ev, B5)
                counting = asyncio.create_task(count_toggles(evse, 3.5))
                await toggle(ev, 2)
                assert await counting == 2
                ev.set(State.C)
                await reads(evse, Reading(State.C, 5.0))
                assert evse.levels == (6.0, -12.0)
                await asyncio.sleep(20.0)  # pings keep the line alive
                assert ev.shows(State.C)
                evse.fault(State.E)
                await reads(ev, Reading(State.E, 0.0))
                evse.offer(5.0)
                await reads(ev, Reading(State.C, 5.0))
            right[1].close()
            await reads(evse, Reading(State.A, 5.0))
    assert wire.evse.state is State.F


async def test_a_silent_board_is_read_as_unavailable_or_unplugged() -> None:
    """Three seconds without a word: F at the charger, A at the vehicle, said once."""
    for board, lost in ((ChargerBoard, Reading(State.F, 0.0)), (VehicleBoard, Reading(State.A, 0.0))):
        host, far = socket.socketpair()
        with far:
            far.setblocking(False)
            notices: list[str] = []
            asyncio.get_running_loop().call_later(1.5, far.send, b"boot v3\nplugfest-pilot 1 %s\n" % board.END.encode())
            reader, writer = await asyncio.open_connection(sock=host)
            async with over_line(board(notices.append), reader, writer) as pilot:
                far.send(b"state=B duty=5\n")
                await reads(pilot, B5)
                before = asyncio.get_running_loop().time()
                await reads(pilot, lost)
                assert asyncio.get_running_loop().time() - before == pytest.approx(3.0, abs=0.1)
                assert notices == ["pilot board lost: silent for 3 s"]
            writer.close()


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"", "no pilot board answers within 6 s"),
        (b"plugfest-pilot 2 evse\n", "speaks version 2"),
        (b"plugfest-pilot 1 ev\n", "a board for ev, not for evse"),
        (b"error too hot\n", "no pilot board answers"),
    ],
)
async def test_an_unknown_board_is_reported(answer: bytes, text: str) -> None:
    """Silence, another version and the wrong end are each an error in one line."""
    host, far = socket.socketpair()
    with far:
        far.send(answer)
        reader, writer = await asyncio.open_connection(sock=host)
        with pytest.raises(PilotError, match=text):
            async with over_line(ChargerBoard(), reader, writer):
                pass
        writer.close()


async def test_what_a_board_cannot_do_is_reported() -> None:
    """A board without abilities: 5 and 100 % only, no D, and steady instead of E."""
    evse, ev, notices = ChargerBoard(), VehicleBoard(), list[str]()
    evse, sent = ChargerBoard(notices.append), list[tuple[str, float | State]]()
    evse.transmit = lambda key, value: sent.append((key, value))
    for board in (evse, ev):
        board.found(frozenset())
    with pytest.raises(PilotError, match="only 5 and 100 %"):
        evse.offer(16.0)
    with pytest.raises(PilotError, match="but not D"):
        ev.set(State.D)
    evse.fault(State.E)
    assert sent == [("duty", 100.0)]
    assert "cannot show E" in notices[0]


@pytest.mark.real_time
async def test_serial_line() -> None:
    """A pilot on a serial device: a pseudo terminal with a board behind it."""
    board, host = os.openpty()
    tty.setraw(board)
    wire = SimulatedPilot(plugged=True)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    with os.fdopen(board, "rb", buffering=0) as incoming, os.fdopen(os.dup(board), "wb", buffering=0) as outgoing:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), incoming)
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), outgoing
        )
        served = asyncio.create_task(seat(wire, "evse", reader, asyncio.StreamWriter(transport, protocol, None, loop)))
        async with open_charger_pilot(f"serial:{os.ttyname(host)}") as pilot:
            pilot.offer(5.0)
            await reads(pilot, B5)
            wire.unplug()
            await reads(pilot, Reading(State.A, 5.0))
        os.close(host)
        await served
    assert wire.evse.state is State.F


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("serial:/dev/there-is-none", "does not exist; is the board plugged in"),
        ("serial:/dev/null", "not a serial device"),
        ("serial:/dev/null@12345", "12345 is not a baud rate"),
        ("serial:", "names no device; write serial:DEVICE"),
        ("tcp:127.0.0.1:1", r"cannot connect to tcp:127.0.0.1:1 \(Connection refused\)"),
        ("tcp:nowhere", "write tcp:HOST:PORT"),
        ("mqtt://127.0.0.1:1/x", "MQTT broker 127.0.0.1:1: Connection refused; check the address and that the broker"),
        ("mqtt:///x", "write mqtt://"),
        ("simulation", "unknown pilot simulation; write assumed, sim"),
    ],
)
@pytest.mark.real_time
async def test_an_invalid_target_is_reported(target: str, text: str) -> None:
    """One line that says what to do."""
    for opened in (open_charger_pilot, open_vehicle_pilot):
        with pytest.raises(PilotError, match=text) as why:
            async with opened(target):
                pass
        assert "\n" not in str(why.value)


# ---------------------------------------------------------------------------------------------------------------
# Shared by two processes

_VEHICLE = """
import asyncio, pathlib, sys
from slac.pilot import State
from slac.pilot_open import open_vehicle_pilot

async def main():
    async with open_vehicle_pilot("sim:" + sys.argv[1]) as pilot:
        pilot.set(State.C)
        await pilot.wait(State.C, within=5)
        await pilot.wait(State.E, within=5)
        print(pilot.reading.label)

asyncio.run(main())
"""


@pytest.mark.real_time
async def test_a_shared_pilot_can_be_pulled_and_put_back(tmp_path: Path) -> None:
    """The vehicle's process opens the line and closes it; state and resistors are there again."""
    async with hosted(tmp_path / "wire") as post, attached(tmp_path / "wire") as car:
        assert isinstance(car, VehicleBoard)
        assert await post.wait(State.B, within=2.0)
        car.plug(False)
        assert await post.wait(State.A, within=2.0)
        assert await car.wait(State.A, within=2.0)
        car.plug()
        assert await post.wait(State.B, within=2.0)


@pytest.mark.real_time
async def test_a_shared_pilot_is_plugged_by_the_vehicles_process(tmp_path: Path) -> None:
    """The vehicle's process plugs in by attaching and pulls the plug by ending; the next one may come."""
    path = tmp_path / "wire"
    with pytest.raises(PilotError, match="start the charger first"):
        async with open_vehicle_pilot(f"sim:{path}"):
            pass
    async with open_charger_pilot(f"sim:{path}") as evse:
        with pytest.raises(PilotError, match="another charger holds"):
            async with open_charger_pilot(f"sim:{path}"):
                pass
        evse.offer(5.0)
        for _ in range(2):
            vehicle = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _VEHICLE, str(path), stdout=asyncio.subprocess.PIPE
            )
            assert await evse.wait(State.C, within=10)
            with pytest.raises(PilotError, match="for one host"):
                async with open_vehicle_pilot(f"sim:{path}"):
                    pass
            evse.fault(State.E)
            output, _ = await vehicle.communicate()
            assert output == b"E\n"
            evse.offer(5.0)
            await reads(evse, Reading(State.A, 5.0))
    assert not path.exists()


# ---------------------------------------------------------------------------------------------------------------
# MQTT


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("mqtt://host", ("host", 1883, "pilot", None, None)),
        ("mqtts://u:p%40ss@[::1]:99/a/b/", ("::1", 99, "a/b", "u", "p@ss")),
        ("mqtts://host/x", ("host", 8883, "x", None, None)),
    ],
)
def test_broker_addresses(url: str, parts: tuple[object, ...]) -> None:
    """Defaults and escapes of the address."""
    found = parse_url(url)
    assert (found.host, found.port, found.base, found.user, found.password) == parts
    assert "p@ss" not in repr(found)


@contextlib.asynccontextmanager
async def mqtt_board(port: int, wire: SimulatedPilot, end: str) -> AsyncIterator[Callable[[str], object]]:
    """A board at a broker, written after the documentation; yields what the topics held last."""
    pilot = wire.evse if end == "evse" else wire.ev
    seen: dict[str, object] = {}

    def state() -> str:
        now = pilot.reading
        return json.dumps({"state": now.state.value if now.state else "?", "duty": now.duty})

    async with aiomqtt.Client(
        "127.0.0.1", port, will=aiomqtt.Will(f"lab/{end}/online", '{"online": false}', qos=1, retain=True)
    ) as client:
        await client.publish(f"lab/{end}/state", state(), qos=1, retain=True)
        await client.publish(
            f"lab/{end}/online", '{"online": true, "version": 1, "can": ["can_e"]}', qos=1, retain=True
        )
        await client.subscribe([(f"lab/{end}/set", 1), (f"lab/{end}/host", 1)])

        async def obey() -> None:
            async for message in client.messages:
                said = json.loads(message.payload)
                seen[message.topic.value] = said
                match said:
                    case {"duty": duty}:
                        wire.evse.offer(duty)
                    case {"fault": name}:
                        wire.evse.fault(State(name))
                    case {"state": name}:
                        wire.ev.set(State(name))
                await client.publish(f"lab/{end}/state", state(), qos=1, retain=True)

        task = asyncio.create_task(obey())
        try:
            yield seen.get
            await client.publish(f"lab/{end}/online", '{"online": false}', qos=1, retain=True)
        finally:
            await ended(task)


@pytest.mark.skipif(not AVAILABLE, reason=REASON)
@pytest.mark.real_time
async def test_both_ends_over_mqtt(tmp_path: Path) -> None:
    """Duty, states and E pass through a broker; leaving is said, and a board that is not there too."""
    wire = SimulatedPilot(plugged=True)
    with broker(tmp_path) as port:
        url = f"mqtt://127.0.0.1:{port}/lab"
        async with mqtt_board(port, wire, "ev") as held, open_vehicle_pilot(url) as ev:
            async with mqtt_board(port, wire, "evse"), open_charger_pilot(url) as evse:
                evse.offer(5.0)
                await reads(evse, B5)
                ev.set(State.C)
                await reads(ev, Reading(State.C, 5.0))
                evse.fault(State.E)
                await reads(evse, Reading(State.E, 0.0))
                assert held("lab/ev/host") == {"online": True}
        await processes.until(lambda: held("lab/ev/host") == {"online": False}, "the host is offline")
        with pytest.raises(PilotError, match="no pilot board is online at lab/evse/online"):
            async with over_mqtt(ChargerBoard(), url, within=1.0):
                pass


@pytest.mark.skipif(not AVAILABLE, reason=REASON)
@pytest.mark.real_time
async def test_a_lost_broker_is_the_safe_state_until_it_is_back(tmp_path: Path) -> None:
    """The broker dies: the charger reads F; it comes back with the board: the last wish is sent."""
    wire, port = SimulatedPilot(plugged=True), free_port()
    notices: list[str] = []
    async with contextlib.AsyncExitStack() as stack:
        with contextlib.suppress(aiomqtt.MqttError):  # the board loses the broker too
            async with contextlib.AsyncExitStack() as doomed:
                running = doomed.enter_context(contextlib.ExitStack())
                running.enter_context(broker(tmp_path, port))
                await doomed.enter_async_context(mqtt_board(port, wire, "evse"))
                evse = await stack.enter_async_context(
                    open_charger_pilot(f"mqtt://127.0.0.1:{port}/lab", notices.append)
                )
                evse.offer(5.0)
                await reads(evse, B5)
                running.close()
                await reads(evse, Reading(State.F, 0.0))
        evse.offer(100.0)
        with broker(tmp_path, port):
            async with mqtt_board(port, wire, "evse"):
                await reads(evse, Reading(State.B, 100.0), within=10)
    assert f"pilot board lost: MQTT broker 127.0.0.1:{port}" in notices[0]
