"""One TCP connection of a capture: its bytes in order, TLS opened where secrets are known, V2GTP frames, and its end.

Segments come in any order and more than once; what is missing from the capture is reported, and no side is blamed for
it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from plugfest.traces import dialogue, packets, pcap, tcp
from plugfest.traces.entries import EVCC, SECC, Entry
from plugfest.traces.frames import Broken, Frames, Skipped
from plugfest.traces.keylog import KeyLog
from v2g import sdp, v2gtp
from v2g.recognition import SETS_OF

if TYPE_CHECKING:
    from plugfest.traces import tls

EARLY = 8
"""Number of segments that may wait for one that they acknowledge but that comes after them in the capture."""
EARLY_NS = 1_000_000_000
"""ns for which they wait."""
UNHEARD = 3
"""Number of times a segment is sent without an acknowledgement before the receiver counts as gone."""


@dataclass
class Connection:
    """One TCP connection and what was sent over it.

    Attributes:
        first: the segment that was captured first.
        client: the end that opened it; None until known.
        entries: what happened, once it is finished. relevant: it carries V2GTP or TLS.
    """

    first: packets.Segment
    client: packets.Endpoint | None
    keys: KeyLog
    seconds: Callable[[int], float]
    entries: list[Entry] = field(default_factory=list)
    relevant: bool = False
    remark: str = ""

    def __post_init__(self) -> None:
        ends = (self.first.source, self.first.target)
        self._directions = {end: tcp.Direction() for end in ends}
        self._unheard = {end: tcp.Unheard() for end in ends}
        self._peer = {ends[0]: ends[1], ends[1]: ends[0]}
        self._tls: tls.Connection | None = None
        self._foreign = self._begins_late = False
        self._begun: dict[packets.Endpoint, bytes] = {}
        self._syns: list[tuple[int, int]] = []
        self._syn: int | None = self.first.sequence if self.first.flags & packets.SYN else None
        self._frames = {end: Frames(whole=self._syn is not None) for end in ends}
        self._senders: list[packets.Endpoint | None] = []
        self._spoken: list[tuple[Entry, dialogue.Payload]] = []
        self._opened = self._closed = False
        self._early: list[tuple[packets.Segment, pcap.Packet]] = []
        self._said = 0, 0
        self._acknowledged: dict[packets.Endpoint, tuple[int, int]] = {}  # what is missing at the end of the capture
        self._heard: dict[packets.Endpoint, int | None] = {}  # who sent anything, and what it acknowledged first
        self._unseen: tuple[int, int] | None = None  # the last segment that acknowledges uncaptured data

    @property
    def server(self) -> packets.Endpoint:
        return self._peer[self.client] if self.client is not None else self.first.target

    @property
    def tried(self) -> bool:
        """Whether only a connection attempt was seen, to an address that only a charger has."""
        address, port = self.server
        attempt = self._syn is not None and not self._foreign and not any(self._begun.values())
        return attempt and port in sdp.PORTS and IPv6Address(address.rjust(16, b"\0")).is_link_local

    @property
    def encrypted(self) -> int:
        """Bytes of application data that could not be decrypted."""
        return self._tls.opaque if self._tls else 0

    def repeats(self, segment: packets.Segment) -> bool:
        """Whether a SYN belongs to this connection: sent again, or captured after its answer."""
        first = self.first
        if first.flags & packets.SYN and first.flags & packets.ACK and segment.source == first.target:
            return first.acknowledged == (segment.sequence + 1) & 0xFFFFFFFF
        return self._syn == segment.sequence and segment.source == self.client

    def add(self, segment: packets.Segment, packet: pcap.Packet) -> None:
        """Takes a segment; one that acknowledges bytes that come later in the capture waits for them."""
        if self._early and (len(self._early) >= EARLY or packet.ns - self._early[0][1].ns > EARLY_NS):
            self._release(anyway=True)
        if self._is_early(segment):
            self._early.append((segment, packet))
            return
        self._add(segment, packet)
        self._release()

    def _is_early(self, segment: packets.Segment) -> bool:
        if not segment.flags & packets.ACK or segment.flags & (packets.SYN | packets.RST):
            return False
        other = self._directions[segment.target]
        return other.missing(segment.acknowledged) if other.begun else self._syn is not None

    def _release(self, *, anyway: bool = False) -> None:
        """Takes the waiting segments whose acknowledged bytes have arrived."""
        while self._early and (anyway or not self._is_early(self._early[0][0])):
            self._add(*self._early.pop(0))

    def _add(self, segment: packets.Segment, packet: pcap.Packet) -> None:
        direction = self._directions[segment.source]
        where = (packet.number, packet.ns)
        self._hears(segment, where)
        direction.ended |= bool(segment.flags & packets.FIN)
        if segment.flags & packets.FIN and direction.begun:
            missed = direction.tail
            direction.sent(segment.sequence + len(segment.payload) + 1)
            if direction.tail > missed:
                self._acknowledged[segment.source] = where
        if segment.flags & packets.SYN:
            direction.start(segment.sequence)
            asked = self._directions[segment.target]
            if segment.flags & packets.ACK and not asked.begun:  # the SYN that it answers was not captured
                asked.start(segment.acknowledged - 1)
            ends = f"{_end(self.client)} > {_end(self.server)}"
            if segment.flags & packets.ACK and not self._opened:
                if self._closed:
                    self._begin_anew(segment)
                self._opened = True
                self._note(where, "tcp", "connected", None, ends)
            elif not segment.flags & packets.ACK:
                self._syns.append(where)
                for comment in packet.comments:
                    if comment.startswith(pcap.TAKEN_OFF):
                        self._note(where, "tls", "handshake", None, comment.removeprefix(pcap.TAKEN_OFF))
        if segment.flags & packets.ACK:
            missed = self._directions[segment.target].tail
            for chunk in self._directions[segment.target].acknowledge(segment.acknowledged):
                self._chunk(chunk, segment.target)
            if self._directions[segment.target].tail > missed:
                self._acknowledged[segment.target] = where
            self._unheard[segment.target].acknowledge(segment.acknowledged)
        sequence = segment.sequence + (1 if segment.flags & packets.SYN else 0)
        self._unheard[segment.source].add(sequence, len(segment.payload), where)
        for chunk in direction.add(sequence, segment.payload, *where):
            self._chunk(chunk, segment.source)
        if segment.flags & (packets.RST | packets.FIN) and not self._closed:
            where = packet.number, self._in_order(*where)
        if segment.flags & packets.RST and not self._closed:
            self._closed = True
            name = "reset" if self._opened or self.relevant else "refused"
            self._note(where, "tcp", name, segment.source, f"{_end(self.server)}")
        elif segment.flags & packets.FIN and not self._closed:
            self._closed = True
            self._note(where, "tcp", "closing", segment.source)

    def _begin_anew(self, accepted: packets.Segment) -> None:
        """Forgets what came before a SYN was accepted after all.

        An end that still has an earlier connection of the same ports answers a SYN as part of that; the other one
        resets it, and sends its SYN again (RFC 9293, 3.5.1).
        """
        self._closed = False
        kept = [place for place, entry in enumerate(self.entries) if entry.layer != "tcp" or entry.name == "lost"]
        self.entries = [self.entries[place] for place in kept]
        self._senders = [self._senders[place] for place in kept]
        self._directions[accepted.target] = tcp.Direction()
        self._directions[accepted.target].start(accepted.acknowledged - 1)
        self._acknowledged.pop(accepted.target, None)
        self._early = [early for early in self._early if early[0].source != accepted.source]

    def _hears(self, segment: packets.Segment, where: tuple[int, int]) -> None:
        """Notes whether only one end is in the capture, although the other one also sends."""
        if segment.flags & packets.RST:
            return
        number = segment.acknowledged if segment.flags & packets.ACK else None
        first = self._heard.setdefault(segment.source, number)
        if segment.target not in self._heard and number != first:
            self._unseen = where

    def finish(self) -> None:
        """Finishes the connection: reads what was sent, and determines which side sent it."""
        self._release(anyway=True)
        for end, direction in self._directions.items():
            for chunk in direction.finish():
                self._chunk(chunk, end)
            if direction.tail:
                where = self._acknowledged.get(end, (0, 0))
                self._note(where, "tcp", "lost", end, _missing(direction.tail))
        unseen: Entry | None = None
        if self._unseen is not None and len(self._heard) == 1:
            source = next(iter(self._heard))
            unseen = self._note(self._unseen, "tcp", "lost", self._peer[source])
        if not self._opened and self.client is not None:
            for where in (self._syns[0], *self._syns[1:][-1:]) if self._syns else ():
                self._note(where, "tcp", "opening", self.client, f"{_end(self.client)} > {_end(self.server)}")
        for end, unheard in self._unheard.items():
            if unheard.times >= UNHEARD:
                note = f"sent {unheard.times} times and never acknowledged"
                self._note(unheard.first, "tcp", "unacknowledged", end, note)
        read = dialogue.read([payload for _, payload in self._spoken])
        self.remark = read.remark
        for (entry, payload), found in zip(self._spoken, read.messages, strict=True):
            entry.reading, entry.name, entry.schema = found, found.name, found.schema
            entry.stream = payload.type if payload.type in dialogue.SIDES else 0
            entry.note = found.problem or found.doubt
        if self.client is None:
            self.client = self._vehicle()
        for entry, sender in zip(self.entries, self._senders, strict=True):
            entry.sender = "" if sender is None else EVCC if sender == self.client else SECC
        if unseen is not None:
            unseen.note = f"nothing that the {'vehicle' if unseen.sender == EVCC else 'charger'} sent was captured"

    def _vehicle(self) -> packets.Endpoint:
        """The vehicle of a connection whose start was not captured: the side that sends requests."""
        asks = dict.fromkeys(self._peer, 0)
        for entry, sender in zip(self.entries, self._senders, strict=True):
            if entry.reading is not None and entry.reading.is_message and sender is not None:
                asks[sender if entry.reading.is_request else self._peer[sender]] += 1
        return max(asks, key=lambda end: asks[end])  # if neither does, the side that sent first

    def _note(
        self, where: tuple[int, int], layer: str, name: str, source: packets.Endpoint | None, note: str = "",
        data: bytes = b"",
    ) -> Entry:  # fmt: skip
        entry = Entry(0, self.seconds(where[1]), layer, name, "", data, note=note, packet=where[0])
        self.entries.append(entry)
        self._senders.append(source)
        return entry

    def _chunk(self, chunk: tcp.Chunk, source: packets.Endpoint) -> None:
        if self._foreign:
            return
        begun = self._begun.pop(source, b"")
        if begun:
            chunk = replace(chunk, data=begun + chunk.data)
        if not self.relevant and not self._recognise(chunk, source):
            if chunk.lost and not self._foreign:
                self._note((chunk.packet, chunk.ns), "tcp", "lost", source, _missing(chunk.lost))
            return
        chunk = replace(chunk, ns=self._in_order(chunk.packet, chunk.ns))
        where = (chunk.packet, chunk.ns)
        if chunk.lost:
            self._note(where, "tcp", "lost", source, _missing(chunk.lost))
        if self._tls is None:
            self._bytes(chunk.data, source, where, chunk.lost)
            return
        for happening in self._tls.feed(chunk, source == self.client):
            at = (happening.packet, happening.ns)
            if happening.name == "data":
                self._bytes(happening.data, source, at, 0)
            else:
                self._note(at, "tls", happening.name, source, happening.note, happening.data)

    def _in_order(self, packet: int, ns: int) -> int:
        """When something was sent: data that waited for a later segment comes after it, whatever its own time."""
        before, number = self._said
        if (ns, packet) < (before, number):
            ns = before + 1
        self._said = ns, packet
        return ns

    def _recognise(self, chunk: tcp.Chunk, source: packets.Endpoint) -> bool:
        """Whether a connection carries V2G, judged by its first bytes; too few are kept for the next call."""
        data = chunk.data
        self._begins_late |= bool(chunk.lost)
        if len(data) < 6 and data[:2] in (b"\x01\xfe"[: len(data)], b"\x16\x03"[: len(data)]):
            self._begun[source] = data
        elif data[:2] == b"\x01\xfe":
            self.relevant = True
        elif data[:2] == b"\x16\x03" or self._within_tls(data):
            self.relevant = True
            from plugfest.traces.tls import Connection

            self._tls = Connection(self.keys)
            if self.client is None and data[0] == 22:  # a ClientHello is the client's
                self.client = source if data[5] == 1 else self._peer[source]
        elif self._syn is not None and not chunk.lost and not self._begins_late:
            self._foreign = True  # otherwise the capture may have started within a message: the next one tells
            text = f"bytes that are neither V2GTP nor TLS: {data[:8].hex(' ')}"
            self._note((chunk.packet, chunk.ns), "v2gtp", "broken", source, text)
        return self.relevant

    def _within_tls(self, data: bytes) -> bool:
        """Whether a capture started within a TLS connection of V2G, that is, one between link-local addresses."""
        record = len(data) > 5 and data[0] in (20, 21, 23) and data[1] == 3 and data[2] <= 4
        return record and self._syn is None and self.first.source[0][:2] == b"\xfe\x80"

    def _bytes(self, data: bytes, source: packets.Endpoint, where: tuple[int, int], lost: int) -> None:
        for frame in self._frames[source].feed(data, lost):
            if isinstance(frame, Skipped):
                text = f"the capture begins inside a message: {frame.count} bytes of it"
                self._note(where, "tcp", "lost", source, text)
            elif isinstance(frame, Broken):
                self._note(where, "v2gtp", "broken", source, frame.why)
            elif frame.type not in SETS_OF:
                known = v2gtp.PAYLOAD_TYPES.get(frame.type, "reserved")
                text = f"payload type 0x{frame.type:04x} ({known}), {len(frame.data)} bytes"
                self._note(where, "v2gtp", "skipped", source, text, frame.data)
            else:
                self._spoken.append((self._note(where, "message", "", source, data=frame.data), frame))


def _missing(count: int) -> str:
    return f"{count} bytes are missing in the capture"


def _end(end: packets.Endpoint | None) -> str:
    if end is None:
        return "?"
    return f"[{ip_address(end[0])}]:{end[1]}"
