"""Times that keep counting while a capture's clock is set back, set forward, or stops because nothing is recorded.

Durations in a session are computed from these times, so a clock step would shorten one, or blame a side for a delay
that did not happen.

A step ahead looks like a silence. It is one of the recording's clock if a session continues after more silence than any
session survives; or, however short, if the clocks of both ends say so: TCP's timestamps option has them, in ticks of
their own, whose length the rest of the connection shows. Both have to agree, so neither end can hide its own silence.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from plugfest.traces import packets, pcap

BACK = 200_000_000
"""ns by which packets may be out of time order; more means that the clock was set back."""
FORWARD = 150_000_000_000
"""ns without any packet that no session survives: TCP retries within 120 s, and the charger waits 60 s."""

SILENT = 500_000_000
"""ns without any packet from which on the ends' own clocks are asked; shorter silences break no rule's time."""

_MOST = 1000
_REMEMBERED = 7
"""Number of latest intervals between two senders; their median is taken as usual."""
_SET = 1_000_000
"""ns by which two clocks read one after the other may differ."""
_LINK_LOCAL = b"\xfe\x80"


class Clock:
    """Takes packets, and gives them times that never go back.

    A clock step counts as the usual interval between packets of the same two senders.

    Args:
        forward: ns by which the clock steps ahead, by number of the packet after the step, as :func:`steps_forward`
            finds them.
    """

    def __init__(self, forward: Mapping[int, int]) -> None:
        self._forward = forward
        self._latest = self._ahead = self._behind = self._before = 0
        self._back: list[tuple[int, int]] = []
        self._on: list[tuple[int, int]] = []
        self._sender = b""
        self._intervals: dict[tuple[bytes, bytes], deque[int]] = {}

    def set(self, packet: pcap.Packet) -> pcap.Packet:
        """The next packet, with a time that keeps counting."""
        ends = packets.addresses(packet.data, packet.link)
        senders = self._sender, ends[0] if ends is not None else b""
        step = self._forward.get(packet.number)
        if step is not None:
            if packet.ns - self._before - step < _SET:  # the whole silence
                step -= self._usual(senders)
            self._behind += step
            self._on.append((packet.number, step))
        self._before = packet.ns
        told = packet.ns - self._behind
        ns = told + self._ahead
        if told >= self._latest:
            ns, self._ahead = told, 0  # the clock has caught up, or was set forward again
        elif ns < self._latest - BACK:
            step = self._latest + self._usual(senders) - ns
            self._back.append((packet.number, step))
            self._ahead += step
            ns += step
        if self._latest:
            if senders not in self._intervals and len(self._intervals) >= _MOST:
                self._intervals.clear()
            self._intervals.setdefault(senders, deque(maxlen=_REMEMBERED)).append(max(ns - self._latest, 0))
        self._latest, self._sender = max(self._latest, ns), senders[1]
        return packet if ns == packet.ns else replace(packet, ns=ns)

    def _usual(self, senders: tuple[bytes, bytes]) -> int:
        """ns between consecutive packets of two senders."""
        known = sorted(self._intervals.get(senders, ()))
        return known[len(known) // 2] if known else 0

    def remarks(self) -> Iterator[str]:
        """What a reader should know about the times."""
        for steps, what in (
            (self._back, "the clock of the recording jumps back by"),
            (self._on, "in the middle of a session the clock of the recording jumps ahead by"),
        ):
            if steps:
                number, ns = steps[0]
                text = f"{what} {ns / 1e9:.3f} s at packet {number}"
                text += f", and {len(steps) - 1} times more" if len(steps) > 1 else ""
                yield f"{text}; times continue from there"


def steps_forward(again: Callable[[], Iterable[pcap.Item]]) -> dict[int, int]:
    """ns of each clock step ahead, by number of the packet after it; ``again`` reads the recording from its start."""
    return {**steps_by_stamps(again()), **steps_survived(again())}


def steps_survived(items: Iterable[pcap.Item]) -> dict[int, int]:
    """Silences that no session survives: one continued anyway."""
    found: dict[int, int] = {}
    waiting: dict[int, int] = {}
    running: dict[frozenset[packets.Endpoint], set[int]] = {}
    before: int | None = None
    for packet in items:
        if not isinstance(packet, pcap.Packet):
            continue
        if before is not None and packet.ns - before > FORWARD and len(waiting) < _MOST:
            waiting[packet.number] = packet.ns - before
            for gaps in running.values():
                gaps.add(packet.number)
        before = packet.ns
        segment = packets.parse(packet.data, packet.link)
        if not isinstance(segment, packets.Segment) or segment.source[0][:2] != _LINK_LOCAL:
            continue
        flow = frozenset((segment.source, segment.target))
        if segment.flags & (packets.SYN | packets.FIN | packets.RST):
            running.pop(flow, None)
        elif segment.payload and len(running) < _MOST:
            for number in running.setdefault(flow, set()):
                found[number] = waiting[number]
            running[flow].clear()
    return found


_LEARNT = 1_000_000_000
"""ns of a connection from which the length of its ends' ticks is known."""
_TICK = 20_000_000
"""ns: longest tick that measures a silence."""
_AGREE = 100_000_000
"""ns by which both ends may differ about a step; and the shortest step."""


@dataclass(slots=True)
class _Ticks:
    """One direction of a connection: its sender's clock against that of the recording.

    Attributes:
        ns, ticks: what both counted in all intervals without a silence.
        silences: the same over each silence, by number of the packet after it.
        since: numbers of the silences since the latest segment.
    """

    ns: int = 0
    ticks: int = 0
    silences: dict[int, tuple[int, int]] = field(default_factory=dict)
    since: list[int] = field(default_factory=list)
    _last: tuple[int, int] | None = None

    def add(self, ns: int, stamp: int) -> None:
        """A segment: its time, and its sender's."""
        if self._last is not None:
            passed, ticks = ns - self._last[0], (stamp - self._last[1]) & 0xFFFFFFFF
            if ticks >> 31:
                pass  # a segment out of order
            elif not self.since:
                self.ns += passed
                self.ticks += ticks
            elif len(self.since) == 1:
                self.silences[self.since[0]] = passed, ticks
        self.since.clear()
        self._last = ns, stamp

    def step(self, number: int) -> int | None:
        """ns by which the recording's clock went further than the sender's over a silence; None: not known."""
        if number not in self.silences or self.ns < _LEARNT or self.ticks * _TICK < self.ns:
            return None
        passed, ticks = self.silences[number]
        return passed - ticks * self.ns // self.ticks


def steps_by_stamps(items: Iterable[pcap.Item]) -> dict[int, int]:
    """Silences that were shorter by the clocks of both ends of a connection."""
    ends: dict[tuple[packets.Endpoint, packets.Endpoint], _Ticks] = {}
    silences: dict[int, int] = {}
    before = 0
    for packet in items:
        if not isinstance(packet, pcap.Packet):
            continue
        if before and packet.ns - before > SILENT and len(silences) < _MOST:
            silences[packet.number] = packet.ns - before
            for end in ends.values():
                end.since.append(packet.number)
        before = packet.ns
        segment = packets.parse(packet.data, packet.link)
        if isinstance(segment, packets.Segment) and segment.stamp is not None:
            key = segment.source, segment.target
            if key in ends or len(ends) < _MOST:
                ends.setdefault(key, _Ticks()).add(packet.ns, segment.stamp)
    found: dict[int, int] = {}
    for (source, target), end in ends.items():
        other = ends.get((target, source), _Ticks())
        for number in end.silences:
            one, two = end.step(number), other.step(number)
            if one is not None and two is not None and min(one, two) > _AGREE >= abs(one - two):
                found[number] = min(one, two, silences[number])
    return found


class Steady:
    """The host's wall clock at creation, advanced by the monotonic clock even if the wall clock is set.

    Args:
        wall: Unix time, ns. monotonic: monotonic time of the same host, ns.
    """

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._offset = wall() - monotonic()
        self._set_by = 0

    def at(self, stamp: int) -> int:
        """ns of a packet that the kernel stamped with the wall clock a moment ago."""
        counted = self._monotonic() + self._offset
        before, self._set_by = self._set_by, self._wall() - counted
        if abs(self._set_by) < _SET:
            self._set_by = 0
        # Packets that were waiting while the clock was set have the old time.
        return min((stamp - by for by in (before, self._set_by)), key=lambda ns: abs(counted - ns))
