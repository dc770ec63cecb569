"""TCP streams from captured segments: retransmissions, segments out of order, and gaps. Pure.

Bytes count as missing from the capture once the receiver acknowledged past them, too much waits behind them, or the
capture ends; then reading continues after the gap and reports it. The number of waiting bytes is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_WAITING = 4 * 1024 * 1024
"""Bytes that may wait for a missing segment, per direction; and segments."""
MAX_SEGMENTS = 1024

_HALF = 1 << 31


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a stream in order; ``lost`` bytes before them are missing.

    Attributes:
        packet, ns: number and time of the packet that brought them.
    """

    data: bytes
    packet: int
    ns: int
    lost: int = 0


@dataclass
class Direction:
    """One direction of a connection. Positions count from the first byte of the stream.

    Attributes:
        ended: a FIN was seen.
    """

    _first: int | None = None
    _next: int = 0
    _waiting: dict[int, Chunk] = field(default_factory=dict)
    _size: int = 0
    _acknowledged: int = 0
    retransmissions: int = 0
    ended: bool = False

    @property
    def begun(self) -> bool:
        """Whether a SYN or bytes were seen."""
        return self._first is not None

    def start(self, sequence: int) -> None:
        """Records a SYN with this sequence number."""
        self._first = (sequence + 1) & 0xFFFFFFFF

    def add(self, sequence: int, data: bytes, packet: int, ns: int) -> Iterator[Chunk]:
        """Takes a segment's payload; yields what can now be read."""
        if not data:
            return
        if self._first is None:
            self._first = sequence
        place = self._place(sequence)
        if place + len(data) <= self._next:
            self.retransmissions += 1
            return
        if place < self._next:
            data = data[self._next - place :]
            place = self._next
        if place == self._next:
            self._next += len(data)
            yield Chunk(data, packet, ns)
            yield from self._following()
            return
        known = self._waiting.get(place)
        if known is not None and len(known.data) >= len(data):
            self.retransmissions += 1
            return
        self._size += len(data) - (len(known.data) if known else 0)
        self._waiting[place] = Chunk(data, packet, ns)
        while self._size > MAX_WAITING or len(self._waiting) > MAX_SEGMENTS:
            yield from self._skip()

    def missing(self, number: int) -> bool:
        """Whether the receiver acknowledged bytes before a sequence number, or a FIN, that are not captured yet."""
        return self._first is not None and self._place(number) > self._next + self.ended

    def acknowledge(self, number: int) -> Iterator[Chunk]:
        """The receiver has everything before a sequence number, so missing parts of it will not come."""
        if self._first is None:
            return
        place = self._place(number)
        self._acknowledged = max(self._acknowledged, place)
        while self._waiting and min(self._waiting) < place:
            yield from self._skip()

    def sent(self, number: int) -> None:
        """The sender has sent everything before a sequence number; after a FIN, nothing can follow."""
        self._acknowledged = max(self._acknowledged, self._place(number))

    @property
    def tail(self) -> int:
        """Number of bytes, acknowledged or before a FIN, that are missing at the end of the capture."""
        return max(self._acknowledged - self._next - self.ended, 0)

    def finish(self) -> Iterator[Chunk]:
        """Finishes the stream at the end of the capture."""
        while self._waiting:
            yield from self._skip()

    def _place(self, sequence: int) -> int:
        """The position of a sequence number: the one nearest to the reading position."""
        assert self._first is not None
        distance = (sequence - self._first - self._next) & 0xFFFFFFFF
        return self._next + (distance - (1 << 32) if distance >= _HALF else distance)

    def _skip(self) -> Iterator[Chunk]:
        place = min(self._waiting)
        lost = place - self._next
        chunk = self._waiting.pop(place)
        self._size -= len(chunk.data)
        if lost < 0:
            chunk = Chunk(chunk.data[-lost:], chunk.packet, chunk.ns)
            lost = 0
        self._next += lost + len(chunk.data)
        if chunk.data:
            yield Chunk(chunk.data, chunk.packet, chunk.ns, lost)
        yield from self._following()

    def _following(self) -> Iterator[Chunk]:
        while self._waiting:
            place = min(self._waiting)
            if place > self._next:
                return
            chunk = self._waiting.pop(place)
            self._size -= len(chunk.data)
            data = chunk.data[self._next - place :]
            if data:
                self._next += len(data)
                yield Chunk(data, chunk.packet, chunk.ns)


@dataclass
class Unheard:
    """The oldest unacknowledged bytes of one direction: since when, and how often they were sent.

    Attributes:
        first: number and time (ns) of the packet that brought them first.
        times: how often; 0 if nothing is outstanding.
    """

    first: tuple[int, int] = (0, 0)
    times: int = 0
    _sequence: int = 0
    _end: int = 0

    def add(self, sequence: int, length: int, where: tuple[int, int]) -> None:
        """Records a sent segment of this many bytes."""
        if not length:
            return
        if not self.times:
            self._sequence, self._end, self.first, self.times = sequence, sequence + length, where, 1
        elif sequence == self._sequence:
            self.times += 1

    def acknowledge(self, number: int) -> None:
        """Records that the other side has everything before a sequence number."""
        if self.times and (number - self._end) & 0xFFFFFFFF < _HALF:
            self.times = 0
