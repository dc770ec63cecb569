"""Frames of one connection, sorted by stream: the main one, and side streams that run beside it (ISO 15118-20).

A stream is named by its payload type; the main stream, which has several, by :data:`MAIN`. Each stream strictly
alternates requests and responses, but frames of different streams may arrive in any order. There is no background task:
one of the waiting readers reads, and passes on the frames for the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from v2g.channel import Channel
from v2g.protocols import Protocol

MAIN = 0
"""The stream of the messages that make up a session."""

MOST_WAITING = 16
"""The most frames of one stream kept until they are read; a peer has one request outstanding on each stream."""


class Frame(NamedTuple):
    """A frame as received.

    Attributes:
        stream: :data:`MAIN`, or the payload type of a side stream.
        sets: schema sets that its payload may belong to.
        payload: its EXI bytes.
    """

    stream: int
    sets: tuple[str, ...]
    payload: bytes


@dataclass
class Streams:
    """The streams of one connection.

    Attributes:
        channel: source of the frames.
        skip: is notified of a frame that belongs to no open stream: payload type, length in bytes.
        opened: side streams that are listened to.
    """

    channel: Channel
    skip: Callable[[int, int], None]
    opened: set[int] = field(default_factory=set)
    _kept: dict[int, deque[Frame]] = field(default_factory=dict)
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)
    _reading: bool = False

    async def read(self, protocol: Callable[[], Protocol], stream: int | None = MAIN) -> Frame:
        """The next frame of a stream; with None, of any open stream.

        ``protocol`` is called when a frame has arrived: a protocol may have been agreed on since the read began.

        A frame of no open stream is skipped [V2G2-800]; on a stream that nobody reads, frames beyond
        :data:`MOST_WAITING` are skipped.

        Raises:
            HeaderError, ConnectionLost: from the channel; every waiting reader gets one.
        """
        while True:
            if (kept := self._next(stream)) is not None:
                return kept
            if self._reading:
                await self._somebody_reads()
                continue
            self._reading = True
            try:
                payload_type, payload = await self.channel.read_frame()
            finally:
                self._reading = False
                self._wake()
            frame = self._sort(protocol(), payload_type, payload)
            if frame is None:
                self.skip(payload_type, len(payload))
            elif stream is None or frame.stream == stream:
                return frame
            else:
                self._keep(frame, payload_type)

    def drop(self, stream: int) -> None:
        """Drops the kept frames of a stream."""
        self._kept.pop(stream, None)

    def _sort(self, protocol: Protocol, payload_type: int, payload: bytes) -> Frame | None:
        sets = protocol.sets(payload_type)
        if sets:
            return Frame(MAIN, sets, payload)
        if payload_type in self.opened:
            return Frame(payload_type, protocol.side[payload_type].sets, payload)
        return None

    def _keep(self, frame: Frame, payload_type: int) -> None:
        kept = self._kept.setdefault(frame.stream, deque())
        if len(kept) < MOST_WAITING:
            kept.append(frame)
        else:
            self.skip(payload_type, len(frame.payload))

    def _next(self, stream: int | None) -> Frame | None:
        for name, kept in self._kept.items():
            if kept and stream in (None, name):
                return kept.popleft()
        return None

    async def _somebody_reads(self) -> None:
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        finally:
            self._waiting.remove(mine)

    def _wake(self) -> None:
        for one in self._waiting:
            if not one.done():
                one.set_result(None)
