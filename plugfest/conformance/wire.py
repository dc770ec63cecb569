"""The tester's end of a connection: what arrives is recorded with its time, and what is sent can be wrong.

A session (:class:`v2g.session.Session`) does the work; its seams do the deviations. A parallel task reads without
pause, so that unexpected messages and the moment of the peer's close are seen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import exi
from boundary.choices import unknown
from plugfest.conformance.cause import Cause
from plugfest.conformance.verdict import Inconclusive
from v2g import v2gtp
from v2g.channel import Channel
from v2g.errors import ConnectionLost, LocalError, RemoteError
from v2g.protocols import Protocol
from v2g.reading import NotAMessage
from v2g.rules.rule import Breach
from v2g.session import Session
from v2g.streams import MAIN
from v2g.trace import Event, Observe


@dataclass(frozen=True)
class Arrival:
    """What came: a message, or something else.

    Attributes:
        name: of the message; ``undecodable``.
        message: the body message, or None.
        session_id: of its header.
        signature: of its header, or None.
        time: loop time, s.
        note: why it could not be read.
        stream: on which it came: the main one, or a side stream by its payload type.
        breaches: content rules that it breaks.
    """

    name: str
    message: Any
    session_id: bytes
    signature: Any
    time: float
    note: str = ""
    stream: int = MAIN
    breaches: Sequence[Breach] = ()

    @property
    def code(self) -> str:
        """ResponseCode, or ""."""
        return str(getattr(self.message, "ResponseCode", ""))


def stream_title(stream: int) -> str:
    """The common name of a stream."""
    return "the main stream" if stream == MAIN else f"the side stream 0x{stream:04X}"


HEADER_FIELDS = {"version": (0, 1), "inverse": (1, 2), "type": (2, 4), "length": (4, 8)}
"""Positions of the fields of a V2GTP header."""


def number(value: int | str) -> int:
    """``0x0010``, ``16`` or 16 as an int."""
    return int(value, 0) if isinstance(value, str) else value


def forged(frame: bytes, header: Mapping[str, int | str]) -> bytes:
    """A frame with individual header fields forced: version, inverse, type, length.

    Raises:
        ValueError: the header has no such field.
    """
    data = bytearray(frame)
    for name, value in header.items():
        if name not in HEADER_FIELDS:
            raise ValueError(unknown("field of the V2GTP header", name, HEADER_FIELDS))
        start, end = HEADER_FIELDS[name]
        data[start:end] = number(value).to_bytes(end - start, "big")
    return bytes(data)


class Wire:
    """One connection of the tester's.

    Attributes:
        session: sends and reads; the walking tester sets its ``protocol`` and ``id``.
        arrived: everything that came, in order.
        sent_at: loop time at which the latest request was sent.
        closed_at: loop time of the peer's close; None while the connection is open.
        broken: the peer sent bytes that are not a frame: text.
        ours: we closed.
        wrote: called with each frame on its way, as it is written.
    """

    def __init__(self, channel: Channel, observe: Observe, clock: Callable[[], int] = lambda: 0) -> None:
        self.session = Session(channel, observe=observe, clock=clock)
        self.channel = channel
        self.arrived: list[Arrival] = []
        self.closed_at: float | None = None
        self.broken = ""
        self.ours = False
        self.sent_at = 0.0
        self.write: Callable[[bytes], Any] = channel.write
        self._untaken: list[Arrival] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._pump())

    async def _pump(self) -> None:
        while True:
            try:
                received = await self.session.receive(None)
            except NotAMessage as why:
                self._note(Arrival(why.reading.name, None, b"", None, self.session.now, str(why)))
                continue
            except ConnectionLost as why:
                self._closed(str(why))
                return
            except v2gtp.HeaderError as why:
                self.broken = str(why)
                self._closed(str(why))
                return
            except RemoteError as why:  # a tolerance that a strict session does not have
                self._note(Arrival("undecodable", None, b"", None, self.session.now, str(why)))
                continue
            name = type(received.message).__name__
            self._note(
                Arrival(
                    name, received.message, received.session_id, received.signature, received.time,
                    stream=received.stream, breaches=received.breaches,
                )
            )  # fmt: skip

    def _note(self, arrival: Arrival) -> None:
        self.arrived.append(arrival)
        self._untaken.append(arrival)
        self._news.set()

    def _closed(self, why: str) -> None:
        if not self.ours:
            self.closed_at = self.session.now
            self.session.observe(Event(self.session.now, "tcp", "closed-by-peer", note=why))
        self._news.set()

    # -- reading --------------------------------------------------------------------------------------------------

    async def next(self, within: float, stream: int | None = MAIN) -> Arrival | None:
        """What comes next, within this many seconds; None: nothing came, or the peer closed (see ``closed_at``).

        Args:
            stream: on which; None: on any.
        """
        deadline = self.session.now + within
        while (found := self._first(stream)) is None:
            if self.closed_at is not None:
                return None
            self._news.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                return None
        self._untaken.remove(found)
        return found

    def _first(self, stream: int | None) -> Arrival | None:
        """The first unread arrival on a stream."""
        return next((one for one in self._untaken if stream is None or one.stream == stream), None)

    async def until_closed(self, within: float) -> bool:
        """Waits this many seconds for the peer's close; returns whether it came. Messages are left for `next`."""
        deadline = self.session.now + within
        while self.closed_at is None:
            self._news.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                return False
        return True

    @property
    def unread(self) -> list[Arrival]:
        """Unread arrivals on the main stream."""
        return [one for one in self._untaken if one.stream == MAIN]

    def skip(self) -> None:
        """Discards unread arrivals."""
        self._untaken.clear()

    # -- sending --------------------------------------------------------------------------------------------------

    async def send(
        self,
        message: Any,
        *,
        session_id: bytes | None = None,
        header: Mapping[str, int | str] | None = None,
        exi: Callable[[bytes], bytes | None] | None = None,
        frame: Callable[[bytes], bytes | None] | None = None,
        signature: Any = None,
        stream: int = MAIN,
        stamp: int | None = None,
        facets: bool = False,
    ) -> None:
        """Sends a message, legal or not.

        Args:
            session_id: replaces the session's, for this message only.
            stamp: another TimeStamp, for this message only (ISO 15118-20).
            stream: a side stream, by its payload type.
            header: fields of the V2GTP header to force.
            exi, frame: replace what is sent at that seam; None drops it.
            facets: each value must be one that its field can have.

        Raises:
            ConnectionLost: the peer has closed.
            Inconclusive: ``facets``, and a value is beyond its field: calculated, say, from a limit of the system.
        """
        session, kind, own = self.session, type(message), (self.session.id, self.session.clock)
        if not facets:
            session.rewrite[kind] = lambda given: given  # what passes through this seam may break its facets
        if exi is not None:
            session.rewrite_exi[kind] = exi
        if header is not None or frame is not None:

            def whole(data: bytes) -> bytes | None:
                data = forged(data, header or {})
                return frame(data) if frame is not None else data

            session.rewrite_frame[kind] = whole
        if session_id is not None:
            session.id = session_id
        if stamp is not None:
            session.clock = lambda: stamp
        if stream != MAIN:
            session.listen(stream)
        try:
            await session.send(message, signature=signature, stream=stream)
            if header:
                forced = ", ".join(f"{name} 0x{number(value):x}" for name, value in header.items())
                session.observe(Event(session.now, "v2gtp", "forged", "tx", note=f"{kind.__name__} with {forced}"))
        except LocalError as why:
            if not facets:
                raise
            text = f"{kind.__name__} cannot say what this run asks for ({why})"
            raise Inconclusive(text, cause=Cause.POINTLESS) from why
        finally:
            session.id, session.clock = own
            for table in (session.rewrite, session.rewrite_exi, session.rewrite_frame):
                table.pop(kind, None)
        self.sent_at = session.now

    async def send_payload(self, payload: bytes, note: str = "", payload_type: int = v2gtp.EXI) -> None:
        """Sends a valid frame around any payload."""
        session = self.session
        session.observe(Event(session.now, "message", "raw", "tx", payload, note=note))
        await self.channel.write(v2gtp.pack(payload_type, payload))
        self.sent_at = session.now

    def payload_type(self, message: Any) -> int:
        """The payload type of a message on the main stream."""
        protocol = self.session.protocol
        return protocol.payload_types[protocol.set_of(type(message))]

    def document(self, message: Any) -> bytes:
        """The EXI bytes of a message in this session."""
        session = self.session
        protocol: Protocol = session.protocol
        document = protocol.wrap(message, session.id, None, session.clock())
        return exi.encode(protocol.schema_of(type(message)), document, strict=False)

    # -- the end --------------------------------------------------------------------------------------------------

    async def close(self, *, reset: bool = False) -> None:
        """Closes our end: normally (FIN), or dropped at once."""
        if not self.ours and self.closed_at is None:
            self.session.observe(Event(self.session.now, "tcp", "reset" if reset else "closing", "tx"))
        self.ours = True
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if reset:
            self.channel.abort()
        else:
            await self.channel.close()
