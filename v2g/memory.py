"""An in-process network: SDP datagrams and connections between chargers and vehicles, without an interface.

It offers the functions of :mod:`v2g.discovery` and :mod:`v2g.channel` that the roles use, so a whole charger with its
discovery and ports can run under the virtual loop. Nothing is lost and nothing takes time.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any

from v2g import discovery, sdp
from v2g.channel import PORTS, Admit, Channel
from v2g.discovery import Address
from v2g.errors import SetupError
from v2g.interfaces import Interface
from v2g.memory_link import memory_pair
from v2g.timing import ISO2, Timing
from v2g.trace import Observe, ignore

if TYPE_CHECKING:
    from v2g import tls

CHARGER = Interface("memory", 1, IPv6Address("fe80::5ecc"), bytes.fromhex("020000005ecc"))
VEHICLE = Interface("memory", 1, IPv6Address("fe80::e0cc"), bytes.fromhex("02000000e0cc"))


@dataclass
class Listener:
    """The handler that accepts connections on a port, and its TLS context."""

    on_connect: Callable[[Channel], Awaitable[None]]
    context: tls.Context | None
    observe: Observe | None
    on_failure: Callable[[str], None]
    admit: Admit | None = None
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)


class MemoryNetwork:
    """One link between a charger and a vehicle.

    Attributes:
        up: whether the link is up; while it is down, datagrams are lost and connections fail.
    """

    def __init__(self) -> None:
        self.up: Callable[[], bool] = lambda: True
        self._servers: list[asyncio.Queue[tuple[bytes, Address]]] = []
        self._clients: dict[int, asyncio.Queue[tuple[bytes, Address]]] = {}
        self._listeners: dict[int, Listener] = {}
        self._next = 50000

    # -- datagrams ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def client(self, to: IPv6Address | None = None) -> Any:
        """A vehicle's socket: a function that sends to the chargers, and the queue of their answers.

        Args:
            to: unicast address instead of the group; only the charger's exists.
        """
        self._next += 1
        port, queue = self._next, asyncio.Queue[tuple[bytes, Address]]()
        self._clients[port] = queue

        def send(data: bytes) -> None:
            for server in self._servers if to in (None, CHARGER.address) and self.up() else ():
                server.put_nowait((data, (str(VEHICLE.address), port, 0, VEHICLE.index)))

        try:
            yield send, queue
        finally:
            del self._clients[port]

    @contextlib.contextmanager
    def server(self) -> Any:
        """A charger's socket: a function that answers a sender, and the queue of the vehicles' requests."""
        queue = asyncio.Queue[tuple[bytes, Address]]()
        self._servers.append(queue)

        def send(data: bytes, to: Address) -> None:
            if (client := self._clients.get(to[1])) is not None and self.up():
                client.put_nowait((data, (str(CHARGER.address), sdp.PORT, 0, CHARGER.index)))

        try:
            yield send, queue
        finally:
            self._servers.remove(queue)

    # -- as v2g.discovery and v2g.channel -------------------------------------------------------------------------

    async def discover(
        self,
        interface: Interface,
        *,
        security: int,
        timing: Timing = ISO2,
        to: IPv6Address | None = None,
        acceptable: Callable[[sdp.Response], str | None] = sdp.Response.unsuitable,
        observe: Observe = ignore,
    ) -> sdp.Response:
        """Like :func:`v2g.discovery.discover`."""
        with self.client(to) as (send, answers):
            return await discovery.search(
                send, answers, security=security, timing=timing, acceptable=acceptable, observe=observe,
                where=f"{to or sdp.GROUP}%{interface.name}",
            )  # fmt: skip

    @contextlib.asynccontextmanager
    async def answering(
        self,
        interface: Interface,
        answer: Callable[[sdp.Request], sdp.Response | None],
        *,
        observe: Observe = ignore,
    ) -> AsyncIterator[None]:
        """Like :func:`v2g.discovery.answering`."""
        with self.server() as (send, requests):
            task = asyncio.create_task(discovery.serve(send, requests, interface, answer, observe))
            try:
                yield
            finally:
                task.cancel()

    @contextlib.asynccontextmanager
    async def listening(
        self,
        interface: Interface,
        on_connect: Callable[[Channel], Awaitable[None]],
        *,
        port: int | None = None,
        context: tls.Context | None = None,
        observe: Observe | None = None,
        rng: random.Random | None = None,
        on_failure: Callable[[str], None] = lambda text: None,
        admit: Admit | None = None,
    ) -> AsyncIterator[int]:
        """Like :func:`v2g.channel.listening`."""
        chosen = port if port is not None else (rng or random.Random()).choice(PORTS)
        listener = self._listeners[chosen] = Listener(on_connect, context, observe, on_failure, admit)
        try:
            yield chosen
        finally:
            del self._listeners[chosen]
            for task in list(listener.tasks):
                task.cancel()
            await asyncio.gather(*listener.tasks, return_exceptions=True)

    async def connect(
        self,
        address: str,
        port: int,
        interface: Interface | None,
        context: tls.Context | None = None,
        observe: Observe | None = None,
    ) -> Channel:
        """Like :func:`v2g.channel.connect`.

        Raises:
            SetupError: nobody is listening at this address and port.
        """
        listener = self._listeners.get(port)
        if listener is None or not self.up() or IPv6Address(address.partition("%")[0]) != CHARGER.address:
            raise SetupError(f"cannot connect to [{address}]:{port}: nobody is listening there")
        charger, vehicle = await memory_pair()
        task = asyncio.create_task(_accept(listener, charger))
        listener.tasks.add(task)
        task.add_done_callback(listener.tasks.discard)
        if context is not None:
            await vehicle.start_tls(context, observe)
        return vehicle


async def _accept(listener: Listener, channel: Channel) -> None:
    try:
        watching = listener.observe if listener.admit is None else await listener.admit(channel)
        if listener.admit is not None and watching is None:
            return
        if listener.context is not None:
            await channel.start_tls(listener.context, watching)
        await listener.on_connect(channel)
    except SetupError as why:
        listener.on_failure(str(why))
    finally:
        channel.abort()
