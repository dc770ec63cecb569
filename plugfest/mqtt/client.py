"""Connects to the broker and reconnects; the session continues in any case."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from boundary.errors import InputError, unconnected
from boundary.read import read_text
from boundary.text import dumps
from plugfest.config.model import Bench, Mqtt
from plugfest.errors import UserError
from plugfest.mqtt.commands import Commands
from plugfest.mqtt.home_assistant import discovery, gone
from plugfest.mqtt.outbox import Outbox, Publication
from plugfest.mqtt.reporter import Reporter
from slac.pilot_mqtt import ended

AGAIN_AFTER = (0.5, 1.0, 2.0, 5.0)
"""s: between attempts to connect; the last one for all that follow."""
KEEP_ALIVE = 10
WINDOW = 8
"""Publications under way at once."""
BYE_WITHIN = 3.0
"""s: for the last publications at the end."""


def base_topic(bench: Bench) -> str:
    """What all topics of a bench begin with."""
    settings = bench.mqtt or Mqtt()
    return f"{settings.topic.strip('/')}/{settings.id or bench.role}"


@dataclass
class Link:
    """Speaks with the broker.

    Attributes:
        say: tells people about the connection.
    """

    bench: Bench
    settings: Mqtt
    outbox: Outbox
    reporter: Reporter
    commands: Commands
    say: Callable[[str], None]
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    _down: str = ""
    _client_id: str = field(default_factory=lambda: f"plugfest-{uuid.uuid4().hex[:12]}")

    @property
    def topic(self) -> str:
        return base_topic(self.bench)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the context is open, the bench is at the broker.

        Raises:
            UserError: a file of the settings cannot be used.
        """
        arguments = self._arguments()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_without_closed_sockets)
        tasks = [asyncio.create_task(self._run(arguments)), asyncio.create_task(self._measure())]
        try:
            yield
        finally:
            self.outbox.put(Publication(f"{self.topic}/status", lambda: self._status(online=False), retain=True))
            if self.connected.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BYE_WITHIN):
                        while self.connected.is_set() and not self.outbox.empty:  # noqa: ASYNC110 - at the end only
                            await asyncio.sleep(0.02)
            await ended(*tasks)
            loop.set_exception_handler(None)
            for task in tasks:
                if not task.cancelled() and (why := task.exception()) is not None:
                    raise why

    def _arguments(self) -> dict[str, Any]:
        import logging

        import aiomqtt

        logger = logging.getLogger("plugfest.mqtt")
        logger.setLevel(logging.CRITICAL)  # what matters is said here, in one line
        settings = self.settings
        password = settings.password
        context = None
        try:
            if settings.password_file is not None:
                password = read_text(Path(settings.password_file), limit=4096).splitlines()[0].strip()
            if settings.tls:
                context = ssl.create_default_context(cafile=settings.ca)
                if settings.cert is not None:
                    context.load_cert_chain(settings.cert, settings.key)
        except (OSError, IndexError, InputError, ssl.SSLError) as why:
            raise UserError(f"mqtt: cannot use ca, cert, key or password-file: {why}") from why
        versions = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}
        version = versions[settings.version]
        clean: dict[str, Any] = {"clean_session": True} if settings.version == "3.1.1" else {"clean_start": True}
        return {
            "hostname": settings.host,
            "port": settings.port or (8883 if settings.tls else 1883),
            "username": settings.username,
            "password": password,
            "tls_context": context,
            "protocol": version,
            "logger": logger,
            "identifier": self._client_id,
            "keepalive": KEEP_ALIVE,
            "timeout": 5.0,
            **clean,
        }

    async def _run(self, arguments: dict[str, Any]) -> None:
        import aiomqtt

        will = aiomqtt.Will(f"{self.topic}/status", self._status(online=False), qos=1, retain=True)
        attempt = 0
        while True:
            try:
                async with aiomqtt.Client(**arguments, will=will) as client:
                    attempt = 0
                    await self._serve(client)
            except aiomqtt.MqttError as why:
                self.connected.clear()
                self.outbox.lost_connection()
                place = f"{arguments['hostname']}:{arguments['port']}"
                if not self._down:
                    self.say(f"note: no connection to the MQTT broker {place}: {unconnected(why)}; still trying")
                self._down = str(why)
            await asyncio.sleep(AGAIN_AFTER[min(attempt, len(AGAIN_AFTER) - 1)])
            attempt += 1

    async def _serve(self, client: Any) -> None:
        """One connection, until it breaks. Raises MqttError."""
        settings = self.settings
        if settings.commands:
            await client.subscribe(f"{self.topic}/command", qos=1)
        await client.publish(f"{self.topic}/status", self._status(online=True), qos=1, retain=True)
        if settings.home_assistant is not None:
            for topic, facts in discovery(settings.home_assistant, self.topic, self.bench):
                await client.publish(topic, dumps(facts), qos=1, retain=True)
            for topic in gone(settings.home_assistant, self.topic, self.bench):
                await client.publish(topic, b"", qos=1, retain=True)
        if self._down:
            self.say("note: connected to the MQTT broker again")
        self._down = ""
        self.connected.set()
        self.reporter.state(again=True)
        tasks = [asyncio.create_task(self._speak(client)), asyncio.create_task(self._listen(client))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.connected.clear()
            await ended(*tasks)
        for task in done:
            task.result()

    async def _speak(self, client: Any) -> None:
        flying: set[asyncio.Task[None]] = set()
        try:
            while True:
                publication = await self.outbox.next()
                flying.add(asyncio.create_task(self._publish(client, publication)))
                if len(flying) >= WINDOW:
                    await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in flying if task.done()]:
                    flying.discard(task)
                    task.result()
        finally:
            await ended(*flying)
            for task in flying:
                task.cancelled() or task.exception()  # the connection broke: the first to say so is enough

    async def _publish(self, client: Any, publication: Publication) -> None:
        await client.publish(
            publication.topic,
            publication.payload(),
            qos=publication.qos,
            retain=publication.retain,
            properties=_correlated(publication.correlation) if publication.correlation is not None else None,
        )
        self.outbox.done(publication)

    async def _listen(self, client: Any) -> None:
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else str(message.payload or "").encode()
            answer = dumps(self.commands.take(payload, retained=bool(message.retain))).encode()
            self.outbox.put(Publication(f"{self.topic}/ack", partial(bytes, answer)))
            asked = message.properties
            reply = getattr(asked, "ResponseTopic", None) if asked is not None else None
            if reply and not set("#+") & set(reply):
                correlation = getattr(asked, "CorrelationData", None) or b""
                self.outbox.put(Publication(reply, partial(bytes, answer), correlation=correlation))

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self.connected.is_set():
                self.reporter.telemetry(loop.time())
            await asyncio.sleep(self.settings.interval)

    def _status(self, *, online: bool) -> bytes:
        facts: Mapping[str, Any] = {
            "online": online,
            "role": self.bench.role,
            "about": self.bench.about,
            "version": version("plugfest"),
        }
        return dumps(facts).encode()


def _without_closed_sockets(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """aiomqtt may watch a socket for writing that the broker's end has closed in the same turn; that harms nothing."""
    why = context.get("exception")
    if isinstance(why, OSError) and why.errno == errno.EBADF and "add_writer" in str(context.get("handle")):
        return
    loop.default_exception_handler(context)


def _correlated(data: bytes) -> Any:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
    if data:
        properties.CorrelationData = data
    return properties
