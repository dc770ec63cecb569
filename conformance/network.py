"""Systems under test behind a network interface: a charger that answers there, or a vehicle that looks for one.

The pilot is what the bench has; without hardware it is assumed, and what it would have shown is not judged. A command
can stand for plugging in: it is started then and ended when the case is over, which is how a simulator is tested.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from secc.charger import Evse
from slac.pilot import ChargerPilot, VehiclePilot
from slac.pilots import AssumedChargerPilot, AssumedVehiclePilot
from v2g import sdp
from v2g.channel import Channel, connect, listening
from v2g.discovery import Address
from v2g.errors import SetupError
from v2g.interfaces import Interface

if TYPE_CHECKING:
    from v2g.tls import Context as TlsContext


@dataclass
class Program:
    """A command that runs from plugging in to the end of the case.

    Attributes:
        command: for the shell; "": none.
        ready_after: s after its start before anything is sent.
        ready_when: what it says when it is ready, for which up to 60 s are waited; needs ``log``.
        log: what it says goes there.
    """

    command: str = ""
    ready_after: float = 0.0
    ready_when: str = ""
    log: Path | None = None
    _process: subprocess.Popen[bytes] | None = None
    _file: IO[bytes] | None = None

    async def start(self) -> None:
        """Starts it, if there is one that does not run yet."""
        if not self.command or self.running:
            return
        self._file = self.log.open("ab") if self.log is not None else None
        begin = self._file.tell() if self._file is not None else 0
        output: Any = self._file if self._file is not None else subprocess.DEVNULL
        self._process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            self.command, shell=True, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        for _ in range(600):
            if not self.ready_when or self.log is None or self.ended:
                break
            with self.log.open("rb") as said:
                said.seek(begin)
                if self.ready_when.encode() in said.read():
                    break
            await asyncio.sleep(0.1)
        await asyncio.sleep(self.ready_after)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def ended(self) -> bool:
        """It was started and is over."""
        return self._process is not None and self._process.poll() is not None

    async def stop(self) -> None:
        """Ends it and all it has started, by force after 3 s."""
        process, self._process = self._process, None
        if process is not None:
            for signum in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signum)
                for _ in range(60):
                    if process.poll() is not None:
                        break
                    await asyncio.sleep(0.05)
            process.wait()
        if self._file is not None:
            self._file.close()
            self._file = None


def _reader(sock: socket.socket, queue: asyncio.Queue[tuple[bytes, Address]]) -> Callable[[], None]:
    def read() -> None:
        with contextlib.suppress(OSError):
            data, sender = sock.recvfrom(4096)
            queue.put_nowait((data, sender))

    return read


@dataclass
class NetworkCharger:
    """A charger on a link.

    Attributes:
        interface: that leads to it.
        pilot: the vehicle's end, hardware or assumed.
        program: what is started on plugging in.
        pause: s between two cases.
        actions: shell commands for what a person would do: ``authorise``, ``refuse``, ``stop`` ...
    """

    interface: Interface
    pilot: VehiclePilot = field(default_factory=AssumedVehiclePilot)
    program: Program = field(default_factory=Program)
    pause: float = 5.0
    actions: Mapping[str, str] = field(default_factory=dict)
    name: str = "charger"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[NetworkCharger]:
        """While the context is open, the program may run."""
        try:
            yield self
        finally:
            await self.program.stop()

    @property
    def address(self) -> IPv6Address:
        return self.interface.address

    @contextlib.contextmanager
    def sdp(self, to: IPv6Address | None = None) -> Iterator[Any]:
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[bytes, Address]]()
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self.interface.index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 64)
            sock.setblocking(False)
            sock.bind(("::", 0))
            target = (str(to or sdp.GROUP), sdp.PORT, 0, self.interface.index)

            def send(data: bytes) -> None:
                try:
                    sock.sendto(data, target)
                except OSError as why:
                    raise SetupError(f"cannot send on {self.interface.name}: {why.strerror}") from why

            loop.add_reader(sock, _reader(sock, queue))
            try:
                yield send, queue
            finally:
                loop.remove_reader(sock)

    async def connect(self, address: IPv6Address, port: int, tls: TlsContext | None) -> Channel:
        scope = self.interface if address.is_link_local else None
        return await connect(str(address), port, scope, tls)

    async def plug(self) -> None:
        await self.program.start()

    async def leave(self) -> None:
        await self.program.stop()
        await asyncio.sleep(self.pause)

    def energised(self) -> bool | None:
        return None

    def load(self, voltage: float | None) -> None:
        """The battery is wherever the bench has it."""

    async def do(self, action: str) -> bool:
        return await act(self.actions, action)

    def unplug(self) -> bool:
        return False

    def fault(self, name: str) -> bool:
        return False


async def act(actions: Mapping[str, str], action: str) -> bool:
    """Runs the command of an action; whether there is one and it succeeded."""
    command = actions.get(action)
    if command is None:
        return False
    process = await asyncio.create_subprocess_shell(command, stdin=asyncio.subprocess.DEVNULL)
    return await process.wait() == 0


@dataclass
class NetworkVehicle:
    """A vehicle on a link. Attributes as of :class:`NetworkCharger`."""

    interface: Interface
    pilot: ChargerPilot = field(default_factory=AssumedChargerPilot)
    program: Program = field(default_factory=Program)
    pause: float = 2.0
    actions: Mapping[str, str] = field(default_factory=dict)
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    name: str = "vehicle"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[NetworkVehicle]:
        """While the context is open, the program may run."""
        try:
            yield self
        finally:
            await self.program.stop()

    @property
    def address(self) -> IPv6Address:
        return self.interface.address

    @contextlib.contextmanager
    def answering(self) -> Iterator[Any]:
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[bytes, Address]]()
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setblocking(False)
            with contextlib.suppress(PermissionError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface.name.encode())
            try:
                sock.bind(("::", sdp.PORT))
                group = socket.inet_pton(socket.AF_INET6, sdp.GROUP) + struct.pack("@I", self.interface.index)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
            except OSError as why:
                raise SetupError(f"SDP on {self.interface.name}: {why.strerror}; is a charger running here?") from why
            loop.add_reader(sock, _reader(sock, queue))
            try:
                yield lambda data, to: sock.sendto(data, to), queue
            finally:
                loop.remove_reader(sock)

    def listening(
        self, on_connect: Callable[[Channel], Awaitable[None]], tls: TlsContext | None, port: int | None = None
    ) -> contextlib.AbstractAsyncContextManager[int]:
        return listening(self.interface, on_connect, port=port, context=tls, rng=self.rng)

    async def plug(self) -> None:
        await self.program.start()

    async def leave(self) -> None:
        await self.program.stop()
        await asyncio.sleep(self.pause)

    async def do(self, action: str) -> bool:
        return await act(self.actions, action)

    def couple(self, evse: Evse) -> None:
        """The tester's output goes nowhere."""

    def contactors(self) -> bool | None:
        return None

    def ended(self) -> bool | None:
        return self.program.ended if self.program.command else None
