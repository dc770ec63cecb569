"""Detects frames recorded more than once: by a mirror port, a second interface, or a VLAN beside the untagged network.

Vehicles repeat frames too, byte for byte: three STARTs, requests without an answer. So a copy is recognised by where it
was seen: for each frame, the channel (its VLAN tags) that has seen it most often counts, and the others show copies.
Within one channel, identical frames are copies if they are closer together than any device repeats a frame.
"""

from __future__ import annotations

from typing import NamedTuple

ALIKE_WITHIN = 0.012
"""Identical frames of one channel closer together than this are copies, s. STARTs are at least 20 ms apart."""
FORGOTTEN_AFTER = 1.0
"""A frame not seen for this long counts as new, s."""
_MOST = 4096
_VLAN = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")

Channel = tuple[int, ...]


class Plain(NamedTuple):
    """A frame without its VLAN tags.

    Attributes:
        data: the bytes.
        channel: the VLAN ids it had, outermost first.
    """

    data: bytes
    channel: Channel


def untagged(data: bytes) -> Plain:
    """Removes the VLAN tags from a frame."""
    channel: list[int] = []
    while data[12:14] in _VLAN and len(data) >= 18 and len(channel) < 4:
        channel.append(int.from_bytes(data[14:16], "big") & 0xFFF)
        data = data[:12] + data[16:]
    return Plain(data, tuple(channel))


class _Sighting:
    __slots__ = ("counts", "last")

    def __init__(self) -> None:
        self.counts: dict[Channel, int] = {}
        self.last: dict[Channel, float] = {}


class Copies:
    """Tells copies from original frames. Bounded in memory; feed it in chronological order.

    Args:
        within: identical frames of one channel closer together than this are copies, s.

    Attributes:
        found: number of copies found.
        channels: the channels seen.
    """

    def __init__(self, within: float = ALIKE_WITHIN) -> None:
        self.found = 0
        self._within = within
        self.channels: set[Channel] = set()
        self._seen: dict[bytes, _Sighting] = {}

    def is_copy(self, time: float, frame: Plain) -> bool:
        """Whether this frame has been counted already."""
        if len(self.channels) < 64:
            self.channels.add(frame.channel)
        # Padding may be added or removed on the way.
        key = frame.data.rstrip(b"\0")
        seen = self._seen.pop(key, None)
        if seen is None or time - max(seen.last.values()) > FORGOTTEN_AFTER:
            seen = _Sighting()
        self._seen[key] = seen
        if len(self._seen) > _MOST:
            del self._seen[next(iter(self._seen))]
        before = seen.last.get(frame.channel)
        seen.last[frame.channel] = time
        if before is not None and time - before < self._within:
            self.found += 1
            return True
        count = seen.counts[frame.channel] = seen.counts.get(frame.channel, 0) + 1
        if count > max((c for channel, c in seen.counts.items() if channel != frame.channel), default=0):
            return False
        self.found += 1
        return True
