"""V2GTP frames over a reader and a writer: one code path for TCP, TLS and memory.

A read is not a message: header and payload may arrive in pieces, and one segment may hold two messages. So exactly
eight bytes are read, then exactly the payload. A frame is written in one call, because some peers take one read for one
message.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from v2g import v2gtp
from v2g.errors import ConnectionLost, Loss, RemoteError, SetupError
from v2g.interfaces import Interface
from v2g.sdp import PORTS
from v2g.trace import Event, Observe

if TYPE_CHECKING:
    from v2g import tls

MAX_CONNECTIONS = 16
"""The most simultaneous connections, including those in their TLS handshake; more are reset (`Guests`)."""
MAX_PAYLOAD = 65536
"""Longest payload accepted, bytes. Real messages stay under 5 kB in ISO 15118-2 and under 20 kB in ISO 15118-20."""

_UNREACHABLE = {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ENODEV}
"""Errors of a connection whose peer or link is gone."""
KEEPALIVE = {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}
"""A charger's TCP probes a peer after 2 s of silence and gives up after three unanswered probes; it retransmits its own
data for 10 s (TCP_USER_TIMEOUT is in ms)."""

MAX_TAKING = 10.0
"""s after which a peer that does not read our data counts as gone. Every message is due sooner."""

_GONE = (ConnectionError, asyncio.IncompleteReadError, TimeoutError, OSError)


class Channel:
    """One connection.

    Args:
        reader, writer: any asyncio stream pair.
        max_payload: longer frames are refused before anything is allocated.

    Attributes:
        tls: the TLS connection, once there is one.
        clock: the clock of the loop that it lives in, s.
        heard: loop time of the last frame received, or of the start.
        spoke: whether a frame was received.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, max_payload: int = MAX_PAYLOAD
    ) -> None:
        self._reader: asyncio.StreamReader | tls.Connection = reader
        self._writer: asyncio.StreamWriter | tls.Connection = writer
        self._streams = reader, writer
        self._max_payload = max_payload
        self._ended = False  # by us
        self._header: v2gtp.Header | None = None  # of a frame whose payload has yet to arrive
        self.tls: tls.Connection | None = None
        self.clock = asyncio.get_running_loop().time
        self.heard = self.clock()
        self.spoke = False
        self._why = ""
        sock = writer.get_extra_info("socket")
        if sock is not None and sock.family == socket.AF_INET6:
            with contextlib.suppress(OSError):  # a loop's answer must not be delayed by Nagle's algorithm
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def secure(self) -> bool:
        """True over TLS."""
        return self.tls is not None

    @property
    def mutual(self) -> bool:
        """True over TLS 1.3 with certificates of both sides, as ISO 15118-20 requires it [V2G20-1237, 2356]."""
        return self.tls is not None and self.tls.mutual

    @property
    def description(self) -> str:
        """Peer and cipher, in words."""
        peer = self._writer.get_extra_info("peername")
        where = f"[{peer[0]}]:{peer[1]}" if peer else "memory"
        return f"{where} {self.tls.description}" if self.tls else f"{where} without TLS"

    @property
    def peer(self) -> str:
        """The peer's address without its port; "" in memory."""
        peer = self._streams[1].get_extra_info("peername")
        return str(peer[0]) if peer else ""

    @property
    def gone(self) -> bool:
        """Whether the connection is closed, by us or by the peer, with nothing left to read."""
        return self._writer.is_closing() or self._streams[0].at_eof()

    async def start_tls(self, context: tls.Context, observe: Observe | None = None) -> None:
        """Secures the connection, in the role of the context. Nothing may have been read before that.

        Args:
            observe: is notified of each step; by default the context's own observer.

        Raises:
            TlsFailure: the handshake failed; says why. The connection is closed in that case.
        """
        from v2g import tls

        try:
            self.tls = await tls.start(context, *self._streams, observe)
        except SetupError:
            await self.close()
            raise
        self._reader = self._writer = self.tls

    async def read_frame(self) -> tuple[int, bytes]:
        """The next frame: payload type and payload.

        Raises:
            HeaderError: no V2GTP header, or a payload that is too long. The next frame cannot be found then.
            ConnectionLost: the peer closed, or the connection broke.
        """
        try:
            header = self._header or v2gtp.parse_header(await self._reader.readexactly(v2gtp.HEADER_LENGTH))
            if header.length > self._max_payload:
                raise v2gtp.HeaderError(f"V2GTP payload of {header.length} bytes, at most {self._max_payload} accepted")
            self._header = header  # a reader cancelled from here on leaves the rest of the frame to the next one
            payload = await self._reader.readexactly(header.length)
            self._header = None
            self.heard, self.spoke = self.clock(), True
            return header.payload_type, payload
        except asyncio.IncompleteReadError as why:
            inside = f" after {len(why.partial)} bytes of a frame" if why.partial else ""
            how = Loss.OURS if self._ended else Loss.CLOSED
            raise ConnectionLost(self._why or f"the peer closed the connection{inside}", how) from why
        except _GONE as why:
            raise self._broken(why) from why

    async def write(self, data: bytes) -> None:
        """Sends bytes unchanged.

        Raises:
            ConnectionLost: the connection is closed, or the peer does not read what we send.
        """
        limit: asyncio.Timeout | None = None
        try:
            self._writer.write(data)
            if not self._writer.transport.get_write_buffer_size():  # everything was taken: there is no wait to limit
                await self._writer.drain()
                return
            async with asyncio.timeout(MAX_TAKING) as limit:
                await self._writer.drain()
        except _GONE as why:
            if limit is not None and limit.expired() and isinstance(why, TimeoutError):
                self.abort()
                text = f"the peer did not read what was sent to it within {MAX_TAKING:g} s"
                raise ConnectionLost(self._why or text, Loss.UNREACHABLE) from why
            raise self._broken(why) from why

    def _broken(self, why: BaseException) -> ConnectionLost:
        gone = isinstance(why, TimeoutError) or (isinstance(why, OSError) and why.errno in _UNREACHABLE)
        how = Loss.OURS if self._ended else Loss.UNREACHABLE if gone else Loss.RESET
        return ConnectionLost(self._why or f"the connection broke: {why}", how)

    async def write_frame(self, payload_type: int, payload: bytes) -> None:
        """Sends one frame in one call."""
        await self.write(v2gtp.pack(payload_type, payload))

    async def close(self, *, wait_for_peer: float = 0.0) -> None:
        """Closes the connection. A charger gives the vehicle time to close first; a reset then is not an error.

        Args:
            wait_for_peer: seconds to wait for the peer to close first.
        """
        self._ended = True
        if wait_for_peer and not self._writer.is_closing():
            with contextlib.suppress(*_GONE):
                async with asyncio.timeout(wait_for_peer):
                    while await self._reader.read(4096):
                        pass
        with contextlib.suppress(*_GONE):
            self._writer.close()
            async with asyncio.timeout(1.0):
                await self._writer.wait_closed()

    def abort(self, why: str = "") -> None:
        """Drops the connection at once; pending reads and writes raise an error with the reason."""
        self._why = self._why or why
        self._ended = True
        self._writer.transport.abort()


# ---------------------------------------------------------------------------------------------------------------
# TCP and TLS


async def connect(
    address: str,
    port: int,
    interface: Interface | None,
    context: tls.Context | None = None,
    observe: Observe | None = None,
) -> Channel:
    """Connects to a charger.

    Args:
        interface: scope of a link-local address; None for other addresses.
        context: uses TLS if given.
        observe: is notified of a failed connection, and of the steps of TLS.

    Raises:
        SetupError: connection refused, peer unreachable, or TLS handshake failed; says why.
    """
    host = f"{address}%{interface.device}" if interface else address
    began = asyncio.get_running_loop().time()
    try:
        channel = Channel(*await _opened(address, port, interface))
    except (OSError, asyncio.CancelledError) as why:
        if observe is not None:
            observe(Event(began, "tcp", "opening", "tx", note=f"[{host}]:{port}"))
            if isinstance(why, ConnectionRefusedError):
                observe(Event(asyncio.get_running_loop().time(), "tcp", "refused", "rx", note=f"[{host}]:{port}"))
        if isinstance(why, asyncio.CancelledError):
            raise
        raise SetupError(f"cannot connect to [{host}]:{port}: {why.strerror or why}") from why
    if context is not None:
        await channel.start_tls(context, observe)
    return channel


async def _opened(
    address: str, port: int, interface: Interface | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises OSError: no connection."""
    if interface is None:
        return await asyncio.open_connection(address, port)
    with interface.inside():
        sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (address, port, 0, interface.index))
        return await asyncio.open_connection(sock=sock)
    except BaseException:
        sock.close()
        raise


Admit = Callable[[Channel], Awaitable["Observe | None"]]
"""Whether a new connection may stay, asked before TLS: the observer of its TLS handshake, or None to refuse it."""


@dataclass(eq=False)
class Guest:
    """A connection at a listener.

    Attributes:
        peer: its address.
        drop: breaks it off.
        secured: it is past its TLS handshake, or needs none.
    """

    peer: str
    drop: Callable[[], object]
    secured: bool = False


@dataclass
class Guests:
    """The connections at a listener, oldest first, of which there may be only so many.

    When there are too many, a new one takes the place of one in its handshake: the oldest of the peer that has most of
    those. So nobody shuts a vehicle out by connections that say nothing; a peer that crowds the others out is refused.
    """

    most: int
    inside: list[Guest] = field(default_factory=list)

    def admit(self, guest: Guest) -> bool:
        """Takes a new connection in, or refuses it."""
        if len(self.inside) >= self.most:
            waiting = [one for one in self.inside if not one.secured]
            crowds = Counter(one.peer for one in waiting)
            crowd = max(crowds.values(), default=0)
            if not waiting or crowds[guest.peer] == crowd:
                return False
            last = next(one for one in waiting if crowds[one.peer] == crowd)
            self.inside.remove(last)
            last.drop()
        self.inside.append(guest)
        return True

    def left(self, guest: Guest) -> None:
        """A connection has ended."""
        if guest in self.inside:
            self.inside.remove(guest)


@contextlib.asynccontextmanager
async def listening(
    interface: Interface,
    on_connect: Callable[[Channel], Awaitable[None]],
    *,
    port: int | None = None,
    context: tls.Context | None = None,
    observe: Observe | None = None,
    rng: random.Random | None = None,
    on_failure: Callable[[str], None] = lambda text: None,
    at_once: int = MAX_CONNECTIONS,
    admit: Admit | None = None,
) -> AsyncIterator[int]:
    """While the context is open, accepts connections on the interface's link-local address; yields the port.

    Args:
        on_connect: serves one connection; it decides what to do with a second one while the first is active.
        port: a fixed port; by default a free one of :data:`PORTS`.
        observe: is notified of the steps of TLS.
        on_failure: is notified of TLS handshakes that failed.
        at_once: the most connections open at the same time (`Guests`).
        admit: is asked before the TLS handshake, which takes so much time that a flood of them would delay a running
            session; its observer replaces ``observe``.

    Raises:
        SetupError: no port is free.
    """
    running: set[asyncio.Task[Any]] = set()
    guests = Guests(at_once)

    async def serve(channel: Channel, writer: asyncio.StreamWriter, guest: Guest) -> None:
        try:
            watching = observe if admit is None else await admit(channel)
            if admit is not None and watching is None:
                return
            if context is not None:
                await channel.start_tls(context, watching)
            guest.secured = True
            await on_connect(channel)
        except SetupError as why:
            on_failure(str(why))
        finally:
            guests.left(guest)
            if not writer.is_closing():
                writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel = Channel(reader, writer)
        guest = Guest(channel.peer, writer.transport.abort, secured=context is None)
        if not guests.admit(guest):
            writer.transport.abort()
            return
        _keep_alive(writer.get_extra_info("socket"))
        # The task starts before the first bytes are read, so that TLS gets them.
        task = asyncio.create_task(serve(channel, writer, guest))
        running.add(task)
        task.add_done_callback(running.discard)

    candidates = [port] if port is not None else (rng or random.Random()).sample(PORTS, 20)
    for candidate in candidates:
        with interface.inside():
            sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((str(interface.address), candidate, 0, interface.index))
            break
        except OSError as why:
            sock.close()
            refused = why
    else:
        raise SetupError(f"cannot listen on {interface.name} port {candidates[-1]}: {refused.strerror}")
    server = await asyncio.start_server(accept, sock=sock)
    try:
        yield candidate
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        with contextlib.suppress(AttributeError, OSError):  # not every system has all of these options
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


__all__ = ["MAX_PAYLOAD", "PORTS", "Channel", "RemoteError", "connect", "listening"]
