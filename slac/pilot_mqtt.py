"""Pilot boards over MQTT. Topics below a base, with ``END`` for ``evse`` or ``ev``; payloads are JSON objects:

    BASE/END/online   board, retained, and its last will   {"online": true, "version": 1, "can": ["can_e", "can_f"]}
    BASE/END/state    board, retained                      {"state": "B", "duty": 5, "high": 9, "low": -12}
    BASE/END/set      host                                 {"duty": 5}, {"fault": "E"}; at a vehicle {"state": "C"}
    BASE/END/host     host, retained, and its last will    {"online": true}

A board goes to its safe state when ``host`` says false. The host reconnects for as long as it is open; while broker or
board is away, the pilot reads as F (charger) or A (vehicle), and only the last wish made in that time is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from boundary.errors import InputError, unconnected
from boundary.read import parse_json
from slac.pilot import State
from slac.pilot_board import OPEN_WITHIN, VERSION, Board, BoardPilot, PilotError, abilities, report_of, short

MAX_PAYLOAD = 512  # bytes
KEEP_ALIVE = 2  # s; the broker drops a side after 1.5 times this
_AGAIN_AFTER = 1.0  # s between attempts to connect
_BYE_WITHIN = 1.0  # s for saying good-bye


@dataclass(frozen=True, slots=True)
class Broker:
    """The address of a broker, and the base of the topics."""

    host: str
    port: int
    base: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False


def parse_url(url: str) -> Broker:
    """A broker from ``mqtt://user:password@host:port/base``, or ``mqtts://`` for TLS with the system's certificates.

    Without port 1883 (8883 with TLS), without base ``pilot``. Special characters are written as ``%40``.

    Raises:
        PilotError: no such URL; never shows the password.
    """
    how = "write mqtt://[USER:PASSWORD@]HOST[:PORT][/BASE], or mqtts:// for TLS"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise PilotError(f"no MQTT address; {how}") from None
    if parts.scheme not in ("mqtt", "mqtts") or not host or parts.query or parts.fragment:
        raise PilotError(f"no MQTT address; {how}")
    base = unquote(parts.path).strip("/") or "pilot"
    if any(c in base for c in "+#\0") or len(base) > 200:
        raise PilotError("the base of the MQTT topics holds + or #, or more than 200 characters; choose another")
    tls = parts.scheme == "mqtts"
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return Broker(host, port or (8883 if tls else 1883), base, user, password, tls)


@contextlib.asynccontextmanager
async def over_mqtt(board: Board, url: str, within: float = OPEN_WITHIN) -> AsyncIterator[Board]:
    """The pilot, once broker and board are present.

    Raises:
        PilotError: one of them is missing; says which.
    """
    host = _Host(board, parse_url(url))
    running = asyncio.create_task(host.run())
    there = asyncio.create_task(host.there.wait())
    try:
        await asyncio.wait({running, there}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        if not host.there.is_set():
            raise PilotError(
                f"no pilot board is online at {host.topic('online')}; check the base and the board's power"
            )
        host.opened = True
        yield board
    finally:
        there.cancel()
        await host.bye(running)


class _Host:
    """Follows one end's topics."""

    def __init__(self, board: BoardPilot, broker: Broker) -> None:
        self.there = asyncio.Event()
        self.opened = False
        self._board, self._broker = board, broker
        self._state: bytes | None = None  # may come before the board's `online`
        self._later: bytes | None = None  # last wish while the board was away
        self._wishes: asyncio.Queue[bytes | None] = asyncio.Queue()
        board.transmit = self._wish

    def topic(self, name: str) -> str:
        return f"{self._broker.base}/{self._board.END}/{name}"

    def _wish(self, key: str, value: float | State) -> None:
        wish = json.dumps({key: value.value if isinstance(value, State) else value}).encode()
        if self.there.is_set():
            self._wishes.put_nowait(wish)
        else:
            self._later = wish

    async def bye(self, running: asyncio.Task[None]) -> None:
        """Tells the board that the host is leaving, and ends."""
        self._wishes.put_nowait(None)
        done, _ = await asyncio.wait({running}, timeout=_BYE_WITHIN)
        if not done:
            await ended(running)
        elif not running.cancelled() and (error := running.exception()) and not isinstance(error, PilotError):
            raise error  # a subscriber's mistake, which must not get lost

    async def run(self) -> None:
        """Stays connected until told to end.

        Raises:
            PilotError: the broker cannot be reached at the start.
        """
        import ssl

        import aiomqtt

        broker = self._broker
        try:
            while True:
                client = aiomqtt.Client(
                    broker.host,
                    broker.port,
                    username=broker.user,
                    password=broker.password,
                    tls_context=ssl.create_default_context() if broker.tls else None,
                    will=aiomqtt.Will(self.topic("host"), _online(False), qos=1, retain=True),
                    keepalive=KEEP_ALIVE,
                    timeout=KEEP_ALIVE,
                )
                try:
                    async with client:
                        return await self._serve(client)
                except aiomqtt.MqttError as why:
                    text = f"MQTT broker {broker.host}:{broker.port}: {_trouble(why)}"
                    if not self.opened:
                        raise PilotError(text) from None
                    self._away(f"pilot board lost: {text}")
                await asyncio.sleep(_AGAIN_AFTER)
        finally:
            self.there.clear()
            self._board.let_go()

    async def _serve(self, client: Any) -> None:
        """One connection; returns when told to end, else raises MqttError."""
        await client.publish(self.topic("host"), _online(True), qos=1, retain=True)
        await client.subscribe([(self.topic("online"), 1), (self.topic("state"), 1)])
        tasks = [asyncio.create_task(self._listen(client)), asyncio.create_task(self._speak(client))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await ended(*tasks)
        for task in done:
            task.result()

    async def _speak(self, client: Any) -> None:
        while (wish := await self._wishes.get()) is not None:
            await client.publish(self.topic("set"), wish, qos=1)
        await client.publish(self.topic("host"), _online(False), qos=1, retain=True)

    async def _listen(self, client: Any) -> None:
        async for message in client.messages:
            topic, payload = message.topic.value, message.payload
            try:
                if topic.endswith("/state"):
                    self._state = payload
                    if self.there.is_set():
                        self._board.heard(report_of(_object(payload)))
                elif (can := _greeting(payload)) is None:
                    self._away(f"pilot board lost: {topic} says it is not online")
                else:
                    self._here(can)
            except PilotError as why:
                self._board.note(f"pilot board, {topic}: {why}")

    def _here(self, can: frozenset[str]) -> None:
        self._board.found(can)
        self.there.set()
        if self._state is not None:
            self._board.heard(report_of(_object(self._state)))
        if self._later is not None:
            self._wishes.put_nowait(self._later)
            self._later = None

    def _away(self, why: str) -> None:
        self.there.clear()
        self._state = None
        self._board.lose(why)


async def ended(*tasks: asyncio.Task[None]) -> None:
    """Cancels tasks until they are done: before Python 3.12 a wait that just succeeds swallows its cancellation."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.2)


def _online(here: bool) -> bytes:
    return json.dumps({"online": here}).encode()


def _object(payload: object) -> dict[str, Any]:
    if not isinstance(payload, bytes | bytearray) or len(payload) > MAX_PAYLOAD:
        raise PilotError(f"a payload of more than {MAX_PAYLOAD} bytes")
    try:
        found = parse_json(bytes(payload), "payload")
    except InputError:
        raise PilotError(f"a payload that is not JSON: {short(bytes(payload))}") from None
    if not isinstance(found, dict):
        raise PilotError(f"a payload that is not a JSON object: {short(found)}")
    return found


def _greeting(payload: object) -> frozenset[str] | None:
    """What a board that is there can; None for one that is not."""
    said = _object(payload)
    if said.get("online") is not True:
        return None
    if (version := said.get("version", VERSION)) != VERSION:
        raise PilotError(f"the board speaks version {short(version)} of the protocol; it needs firmware for {VERSION}")
    can = said.get("can", [])
    if not isinstance(can, list):
        raise PilotError(f"'can' is not a list of words: {short(can)}")
    return abilities(can)


def _trouble(why: Exception) -> str:
    """Why the broker cannot be reached, and what to look at."""
    if isinstance(why.__cause__ or why.__context__, OSError):
        return f"{unconnected(why)}; check the address and that the broker runs"
    return f"{why}; check address, user and password"
