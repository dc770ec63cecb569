"""A capture file as a recording: SLAC, SDP, TCP, TLS where its secrets are known, and every V2G message, decoded.

TLS secrets come from decryption secrets blocks, from a key log file, and from key log lines in UDP datagrams, which
some testers send along. They may stand behind the packets they open: the file is read twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from plugfest.traces import dialogue, packets, pcap, slac, tcp
from plugfest.traces.entries import EVCC, SECC, Entry, Recording, settle
from plugfest.traces.frames import Broken, Frames, Skipped
from plugfest.traces.keylog import KeyLog
from plugfest.traces.packed import opened
from v2g import sdp, v2gtp
from v2g.errors import RemoteError
from v2g.recognition import SETS_OF

if TYPE_CHECKING:
    from plugfest.traces.tls import Connection

MAX_CONNECTIONS = 20_000
BACK = 200_000_000
"""ns by which packets may stand in another order than that of their times; more is a clock that was set back."""
EARLY = 8
"""Segments that may wait for one that they acknowledge, and that stands behind them in the capture."""
EARLY_NS = 1_000_000_000
"""ns for which they wait."""
UNHEARD = 3
"""Times that a segment is sent without an acknowledgement until nobody can be taken to hear it."""

_KEY_LOG_STARTS = (b"CLIENT_", b"SERVER_", b"EXPORTER_")


def read(path: Path, key_log: bytes = b"") -> Recording:
    """Reads a pcap or pcapng file.

    Args:
        key_log: further TLS secrets.

    Raises:
        RecordingError: the file cannot be read, or its structure is broken.
    """
    keys = KeyLog()
    keys.add(key_log)
    with opened(path) as file:
        kind = "pcapng" if file.read(4) == b"\x0a\x0d\x0d\x0a" else "pcap"
    with opened(path) as file:
        for item in pcap.read(file, str(path)):
            if isinstance(item, pcap.Secrets):
                keys.add(item.text)
            elif isinstance(item, pcap.Packet) and any(start in item.data for start in _KEY_LOG_STARTS):
                content = packets.parse(item.data, item.link)
                if isinstance(content, packets.Datagram) and content.payload.startswith(_KEY_LOG_STARTS):
                    keys.add(content.payload)
    recording = Recording(str(path), kind, key_log=keys.lines())
    dissector = Dissector(recording, keys)
    with opened(path) as file:
        for item in pcap.read(file, str(path)):
            if isinstance(item, pcap.Packet):
                dissector.packet(item)
            elif isinstance(item, pcap.Remark):
                recording.remarks.append(item.text)
    dissector.done()
    return recording


class Dissector:
    """Fed with packets, adds entries to a recording."""

    def __init__(self, recording: Recording, keys: KeyLog) -> None:
        self._recording = recording
        self._keys = keys
        self._start: int | None = None
        self._last = 0
        self._open: dict[tuple[packets.Endpoint, packets.Endpoint], _Connection] = {}
        self._all: list[_Connection] = []
        self._announced: set[int] = set()
        self._cut = self._too_many = 0
        self._cut_slac = 0
        self._latest = self._ahead = 0
        self._steps: list[tuple[int, int]] = []
        self._strange: dict[int, int] = {}
        self._passed: set[tuple[bytes, bytes, int]] = set()

    def packet(self, packet: pcap.Packet) -> None:
        """Takes the next packet. Time does not go back where the clock of the recording does."""
        packet = self._in_time(packet)
        if self._start is None:
            self._start = packet.ns
        self._last = packet.ns
        if packet.link not in packets.LINKS:
            self._strange[packet.link] = self._strange.get(packet.link, 0) + 1
            return
        self._pass(packet)
        content = packets.parse(packet.data, packet.link)
        if content is None:
            return
        self._cut += bool(packet.cut)
        if isinstance(content, packets.Segment):
            self._segment(content, packet)
        elif isinstance(content, packets.Homeplug):
            self._cut_slac += bool(packet.cut)
            frame = content.frame
            kind = slac.name(frame)
            self._entry(packet, "slac", kind, slac.sender(kind), frame, slac.describe(frame))
        elif isinstance(content, packets.Neighbour):
            self._neighbour(content, packet)
        elif sdp.PORT in (content.source[1], content.target[1]):
            self._datagram(content, packet)

    def _in_time(self, packet: pcap.Packet) -> pcap.Packet:
        ns = packet.ns + self._ahead
        if packet.ns >= self._latest:
            ns, self._ahead = packet.ns, 0  # the clock has caught up, or was set forward again
        elif ns < self._latest - BACK:
            self._steps.append((packet.number, self._latest - ns))
            self._ahead += self._latest - ns
            ns = self._latest
        self._latest = max(self._latest, ns)
        return packet if ns == packet.ns else replace(packet, ns=ns)

    def _pass(self, packet: pcap.Packet) -> None:
        """Keeps who sends to whom, once a second: it proves power line links."""
        ends = packets.addresses(packet.data, packet.link)
        if ends is not None and (key := (*ends, packet.ns // 10**9)) not in self._passed:
            if len(self._passed) >= MAX_CONNECTIONS:
                self._passed.clear()
            self._passed.add(key)
            self._recording.passed.append((self._seconds(packet.ns), *ends))

    def done(self) -> None:
        """The capture is over."""
        for connection in self._all:
            connection.finish()
        number = 0
        entries = self._recording.entries
        known = bool(self._announced) or any(connection.relevant for connection in self._all)
        for connection in self._all:
            if connection.relevant or connection.server[1] in self._announced or (connection.tried and not known):
                number += 1
                for entry in connection.entries:
                    entry.connection = number
                entries += connection.entries
                if connection.remark:
                    self._recording.remarks.append(f"connection {number}: {connection.remark}")
                if connection.encrypted:
                    self._recording.plain = False
                    self._recording.remarks.append(
                        f"connection {number}: {connection.encrypted} bytes stay encrypted; give the TLS secrets with"
                        " --key-log FILE"
                    )
        for link, count in self._strange.items():
            text = f"{count} packets of link type {link} were not read; capture on the Ethernet interface itself"
            self._recording.remarks.append(text)
        if self._steps:
            number, ns = self._steps[0]
            text = f"the clock of the recording goes back by {ns / 1e9:.3f} s at packet {number}"
            text += f", and {len(self._steps) - 1} times more" if len(self._steps) > 1 else ""
            self._recording.remarks.append(f"{text}; times count on from there")
        if self._cut_slac:  # half of a round would be blamed on whoever was not captured
            entries[:] = [entry for entry in entries if entry.layer != "slac"]
            text = f"{self._cut_slac} SLAC frames were not captured in full; the matching is left out"
            self._recording.remarks.append(text)
        if self._cut:
            self._recording.remarks.append(f"{self._cut} packets were not captured in full")
        if self._too_many:
            self._recording.remarks.append(f"only the first {MAX_CONNECTIONS} TCP connections were followed")
        entries.sort(key=lambda e: (e.time, e.packet))
        self._recording.epoch = (self._start or 0) / 1e9
        settle(self._recording, 0.0)
        self._recording.until = self._seconds(self._last)

    def _neighbour(self, content: packets.Neighbour, packet: pcap.Packet) -> None:
        name = "NeighbourSolicitation" if content.solicits else "NeighbourAdvertisement"
        self._entry(packet, "neighbour", name, "", content.body, f"{ip_address(content.body[8:24])}")
        self._recording.entries[-1].ends = content.source, content.target

    def _entry(self, packet: pcap.Packet, layer: str, name: str, sender: str, data: bytes, note: str = "") -> None:
        time = self._seconds(packet.ns)
        self._recording.entries.append(Entry(0, time, layer, name, sender, data, note=note, packet=packet.number))

    def _seconds(self, ns: int) -> float:
        return (ns - (self._start or 0)) / 1e9

    def _datagram(self, datagram: packets.Datagram, packet: pcap.Packet) -> None:
        data = datagram.payload
        asks = datagram.target[1] == sdp.PORT
        try:
            if asks:
                request = sdp.parse_request(data)
                note = f"security 0x{request.security:02x}"
                self._entry(packet, "sdp", "SDPRequest", EVCC, data, note)
            else:
                response = sdp.parse_response(data)
                self._announced.add(response.port)
                note = f"[{response.address}]:{response.port}, security 0x{response.security:02x}"
                self._entry(packet, "sdp", "SDPResponse", SECC, data, note)
        except RemoteError as why:
            if packet.cut:  # by the recording
                return
            self._entry(packet, "sdp", "SDPInvalid", EVCC if asks else SECC, data, str(why))
        self._recording.entries[-1].ends = datagram.source, datagram.target

    def _segment(self, segment: packets.Segment, packet: pcap.Packet) -> None:
        key = (segment.source, segment.target)
        back = (segment.target, segment.source)
        opening = segment.flags & packets.SYN and not segment.flags & packets.ACK
        connection = self._open.get(key)
        if connection is None or (opening and not connection.repeats(segment)):
            if segment.flags & packets.RST or not (segment.payload or segment.flags & packets.SYN):
                if connection is None:
                    return
            if len(self._all) >= MAX_CONNECTIONS:
                self._too_many += 1
                return
            client = segment.source if opening else segment.target if segment.flags & packets.SYN else None
            connection = _Connection(segment, client, self._keys, self._seconds)
            self._all.append(connection)
            self._open[key] = self._open[back] = connection
        connection.add(segment, packet)


@dataclass
class _Connection:
    """One TCP connection and what was said over it.

    Attributes:
        first: the segment that was captured first.
        client: the end that opened it; None until that is known.
        entries: what happened, once it is finished.
        relevant: it carries V2GTP or TLS.
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
        self._tls: Connection | None = None
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
        self._acknowledged: dict[packets.Endpoint, tuple[int, int]] = {}  # what the capture misses at the end

    @property
    def server(self) -> packets.Endpoint:
        return self._peer[self.client] if self.client is not None else self.first.target

    @property
    def tried(self) -> bool:
        """Whether nothing but an attempt to connect was seen, to where only a charger is."""
        address, port = self.server
        attempt = self._syn is not None and not self._foreign and not any(self._begun.values())
        return attempt and port in sdp.PORTS and IPv6Address(address.rjust(16, b"\0")).is_link_local

    @property
    def encrypted(self) -> int:
        """Bytes of application data that could not be decrypted."""
        return self._tls.opaque if self._tls else 0

    def repeats(self, segment: packets.Segment) -> bool:
        """Whether a SYN is that of this connection: sent again, or captured behind its answer."""
        first = self.first
        if first.flags & packets.SYN and first.flags & packets.ACK and segment.source == first.target:
            return first.acknowledged == (segment.sequence + 1) & 0xFFFFFFFF
        return self._syn == segment.sequence and segment.source == self.client

    def add(self, segment: packets.Segment, packet: pcap.Packet) -> None:
        """Takes a segment; one that acknowledges bytes that stand behind it in the capture waits for them."""
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
        """Takes the segments that wait, as far as what they acknowledge has come."""
        while self._early and (anyway or not self._is_early(self._early[0][0])):
            self._add(*self._early.pop(0))

    def _add(self, segment: packets.Segment, packet: pcap.Packet) -> None:
        direction = self._directions[segment.source]
        where = (packet.number, packet.ns)
        direction.ended |= bool(segment.flags & packets.FIN)
        if segment.flags & packets.SYN:
            direction.start(segment.sequence)
            ends = f"{_end(self.client)} > {_end(self.server)}"
            if segment.flags & packets.ACK and not self._opened:
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

    def finish(self) -> None:
        """No further segment comes: what was said is read, and who said it."""
        self._release(anyway=True)
        for end, direction in self._directions.items():
            for chunk in direction.finish():
                self._chunk(chunk, end)
            if direction.tail:
                where = self._acknowledged.get(end, (0, 0))
                self._note(where, "tcp", "lost", end, _missing(direction.tail))
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

    def _vehicle(self) -> packets.Endpoint:
        """The vehicle of a connection whose beginning was not captured: who asks."""
        asks = dict.fromkeys(self._peer, 0)
        for entry, sender in zip(self.entries, self._senders, strict=True):
            if entry.reading is not None and entry.reading.is_message and sender is not None:
                asks[sender if entry.reading.is_request else self._peer[sender]] += 1
        return max(asks, key=lambda end: asks[end])  # where nobody does, who spoke first

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
        """When something was said: what waited for a segment that came later is behind it, whatever its own time is."""
        before, number = self._said
        if (ns, packet) < (before, number):
            ns = before + 1
        self._said = ns, packet
        return ns

    def _recognise(self, chunk: tcp.Chunk, source: packets.Endpoint) -> bool:
        """Whether a connection is one of V2G's, by its first bytes; too few of them are kept for the next time."""
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
            self._foreign = True  # else the capture may have begun within a message: the next one tells
            text = f"bytes that are neither V2GTP nor TLS: {data[:8].hex(' ')}"
            self._note((chunk.packet, chunk.ns), "v2gtp", "broken", source, text)
        return self.relevant

    def _within_tls(self, data: bytes) -> bool:
        """Whether a capture began within a TLS connection of V2G's, which is one between link-local addresses."""
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
