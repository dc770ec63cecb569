"""Two connected ends of an in-process link, which carries V2GTP frames or TLS just like TCP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from v2g.channel import Channel
from v2g.trace import Event, Observe, ignore

if TYPE_CHECKING:
    from v2g import tls


class _MemoryTransport(asyncio.Transport):
    """One end of an in-process link; bytes are in the other end's reader at once, and wake who waits for them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, observe: Observe, direction: str) -> None:
        super().__init__()
        self._loop = loop
        self._observe, self._direction = observe, direction
        self._protocol: asyncio.Protocol = asyncio.Protocol()
        self._peer: _MemoryTransport | None = None
        self._closing = False
        self._eof_sent = False

    def join(self, protocol: asyncio.Protocol, peer: _MemoryTransport) -> None:
        self._protocol = protocol
        self._peer = peer

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not data or self._closing or self._peer is None:
            return
        if self._peer._closing:
            self._force_close(ConnectionResetError("the other end is closed"))
        else:
            self._observe(Event(self._loop.time(), "tcp", "data", self._direction, bytes(data)))
            self._peer._protocol.data_received(bytes(data))

    def _end(self) -> None:
        if not self._closing:
            keep_open = self._protocol.eof_received()
            if not keep_open:
                self.close()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._eof_sent and self._peer is not None:
            self._eof_sent = True
            self._loop.call_soon(self._peer._end)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._force_close(None)

    def abort(self) -> None:
        self._force_close(None)

    def _force_close(self, why: Exception | None) -> None:
        if not self._closing:
            if self._peer is not None and not self._peer._closing:
                self._observe(Event(self._loop.time(), "tcp", "closed", self._direction))
            self.write_eof()
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, why)

    def is_reading(self) -> bool:
        return not self._closing

    def pause_reading(self) -> None:
        """An in-memory link has no flow control; V2G has only one request outstanding at a time."""

    def resume_reading(self) -> None:
        """See :meth:`pause_reading`."""

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered."""


async def memory_pair(
    *, server: tls.Context | None = None, client: tls.Context | None = None, observe: Observe = ignore
) -> tuple[Channel, Channel]:
    """Two connected channels, the charger's end first; over real TLS if both contexts are given.

    ``observe`` receives the bytes on the link, TLS records included, from the vehicle's view: what it sends is ``tx``.
    """
    loop = asyncio.get_running_loop()
    made: list[asyncio.StreamWriter] = []
    reader_a, reader_b = asyncio.StreamReader(loop=loop), asyncio.StreamReader(loop=loop)
    # asyncio tells server streams from client streams by their callback, and makes the server's writer itself
    protocol_a = asyncio.StreamReaderProtocol(reader_a, lambda _, writer: made.append(writer), loop=loop)
    protocol_b = asyncio.StreamReaderProtocol(reader_b, loop=loop)
    a, b = _MemoryTransport(loop, observe, "rx"), _MemoryTransport(loop, observe, "tx")
    a.join(protocol_a, b)
    b.join(protocol_b, a)
    protocol_a.connection_made(a)
    protocol_b.connection_made(b)
    writer_a, writer_b = made[0], asyncio.StreamWriter(b, protocol_b, reader_b, loop)
    charger, vehicle = Channel(reader_a, writer_a), Channel(reader_b, writer_b)
    if server is not None and client is not None:
        results = await asyncio.gather(
            vehicle.start_tls(client, None if observe is ignore else observe),
            charger.start_tls(server),
            return_exceptions=True,
        )
        for result in results:  # the vehicle's reason first: it is the one that checks certificates
            if isinstance(result, BaseException):
                raise result
    return charger, vehicle
