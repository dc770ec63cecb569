"""A capture file as a recording: SLAC, SDP, TCP, TLS where its secrets are known, and every V2G message, decoded.

TLS secrets come from decryption secrets blocks, from a key log file, and from key log lines in UDP datagrams, which
some testers send along. They may stand behind the packets they open: the file is read twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traces import packets, pcap, slac, tcp
from traces.errors import RecordingError
from traces.keylog import KeyLog
from traces.recording import EVCC, SECC, Entry, Recording, settle
from v2g import reading as readings
from v2g import sdp, v2gtp
from v2g.errors import RemoteError
from v2g.messages import appproto, din70121, iso2
from v2g.reading import SessionMessage

if TYPE_CHECKING:
    from traces.tls import Connection

MAX_CONNECTIONS = 20_000
MAX_PAYLOAD = 1 << 20
"""Longest V2GTP payload that is read, bytes; longer ones end the direction."""

UNHEARD = 3
"""Times that a segment is sent without an acknowledgement until nobody can be taken to hear it."""

_KEY_LOG_STARTS = (b"CLIENT_", b"SERVER_", b"EXPORTER_")
_BY_PAYLOAD_TYPE = {
    0x8002: "iso20-common", 0x8003: "iso20-ac", 0x8004: "iso20-dc", 0x8005: "iso20-acdp", 0x8006: "iso20-wpt",
    0x8101: "iso20-common", 0x8102: "iso20-common", 0x8103: "iso20-acdp", 0x8104: "iso20-common",
}  # fmt: skip
_BY_NAMESPACE = {din70121.MSG_DEF: "din70121", iso2.MSG_DEF: "iso2"}
_GUESSES = ("appproto", "iso2", "din70121")


def read(path: Path, key_log: bytes = b"") -> Recording:
    """Reads a pcap or pcapng file.

    Args:
        key_log: further TLS secrets.

    Raises:
        RecordingError: the file cannot be read, or its structure is broken.
    """
    keys = KeyLog()
    keys.add(key_log)
    with _opened(path) as file:
        kind = "pcapng" if file.read(4) == b"\x0a\x0d\x0d\x0a" else "pcap"
        file.seek(0)
        for item in pcap.read(file, str(path)):
            if isinstance(item, pcap.Secrets):
                keys.add(item.text)
            elif isinstance(item, pcap.Packet) and any(start in item.data for start in _KEY_LOG_STARTS):
                content = packets.parse(item.data, item.link)
                if isinstance(content, packets.Datagram) and content.payload.startswith(_KEY_LOG_STARTS):
                    keys.add(content.payload)
    recording = Recording(str(path), kind, key_log=keys.lines())
    dissector = Dissector(recording, keys)
    with _opened(path) as file:
        for item in pcap.read(file, str(path)):
            if isinstance(item, pcap.Packet):
                dissector.packet(item)
            elif isinstance(item, pcap.Remark):
                recording.remarks.append(item.text)
    dissector.done()
    return recording


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as why:
        raise RecordingError(f"{path}: {why.strerror}") from why


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
        self._passed: set[tuple[bytes, bytes, int]] = set()

    def packet(self, packet: pcap.Packet) -> None:
        """Takes the next packet."""
        if self._start is None:
            self._start = packet.ns
        self._last = packet.ns
        self._pass(packet)
        content = packets.parse(packet.data, packet.link)
        if content is None:
            return
        self._cut += bool(packet.cut)
        if isinstance(content, packets.Segment):
            self._segment(content, packet)
        elif isinstance(content, packets.Homeplug):
            frame = content.frame
            kind = slac.name(frame)
            self._entry(packet, "slac", kind, slac.sender(kind), frame, slac.describe(frame))
        elif isinstance(content, packets.Neighbour):
            self._neighbour(content, packet)
        elif sdp.PORT in (content.source[1], content.target[1]):
            self._datagram(content, packet)

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
                if connection.encrypted:
                    self._recording.plain = False
                    self._recording.remarks.append(
                        f"connection {number}: {connection.encrypted} bytes stay encrypted; give the TLS secrets with"
                        " --key-log FILE"
                    )
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
    """One TCP connection and what was said over it."""

    first: packets.Segment
    client: packets.Endpoint | None
    keys: KeyLog
    seconds: Any
    entries: list[Entry] = field(default_factory=list)
    relevant: bool = False

    def __post_init__(self) -> None:
        ends = (self.first.source, self.first.target)
        self._directions = {end: tcp.Direction() for end in ends}
        self._unheard = {end: tcp.Unheard() for end in ends}
        self._peer = {ends[0]: ends[1], ends[1]: ends[0]}
        self._tls: Connection | None = None
        self._foreign = False
        self._begun: dict[packets.Endpoint, bytes] = {}
        self._frames = {True: _Frames(), False: _Frames()}
        self._dialogue = _Dialogue()
        self._opened = self._closed = False
        self._syns: list[tuple[int, int]] = []
        self._syn: int | None = self.first.sequence if self.first.flags & packets.SYN else None

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
        """Whether a SYN is that of this connection, sent again."""
        return self._syn == segment.sequence and segment.source == self.client

    def add(self, segment: packets.Segment, packet: pcap.Packet) -> None:
        direction = self._directions[segment.source]
        where = (packet.number, packet.ns)
        if segment.flags & packets.SYN:
            direction.start(segment.sequence)
            ends = f"{_end(self.client)} > {_end(self.server)}"
            if segment.flags & packets.ACK and not self._opened:
                self._opened = True
                self._note(where, "tcp", "connected", "", ends)
            elif not segment.flags & packets.ACK:
                self._syns.append(where)
        if segment.flags & packets.ACK:
            for chunk in self._directions[segment.target].acknowledge(segment.acknowledged):
                self._chunk(chunk, segment.target)
            self._unheard[segment.target].acknowledge(segment.acknowledged)
        sequence = segment.sequence + (1 if segment.flags & packets.SYN else 0)
        self._unheard[segment.source].add(sequence, len(segment.payload), where)
        for chunk in direction.add(sequence, segment.payload, *where):
            self._chunk(chunk, segment.source)
        if segment.flags & packets.RST and not self._closed:
            self._closed = True
            name = "reset" if self._opened or self.relevant else "refused"
            self._note(where, "tcp", name, self._who(segment.source), f"{_end(self.server)}")
        elif segment.flags & packets.FIN and not self._closed:
            self._closed = True
            self._note(where, "tcp", "closing", self._who(segment.source))

    def finish(self) -> None:
        """No further segment comes."""
        for end, direction in self._directions.items():
            for chunk in direction.finish():
                self._chunk(chunk, end)
        if not self._opened and self.client is not None:
            for where in (self._syns[0], *self._syns[1:][-1:]) if self._syns else ():
                self._note(where, "tcp", "opening", EVCC, f"{_end(self.client)} > {_end(self.server)}")
        for end, unheard in self._unheard.items():
            if unheard.times >= UNHEARD:
                note = f"sent {unheard.times} times and never acknowledged"
                self._note(unheard.first, "tcp", "unacknowledged", self._who(end), note)

    def _who(self, end: packets.Endpoint) -> str:
        return EVCC if end == self.client else SECC

    def _note(
        self, where: tuple[int, int], layer: str, name: str, sender: str, note: str = "", data: bytes = b""
    ) -> None:
        self.entries.append(
            Entry(0, self.seconds(where[1]), layer, name, sender, data, note=note, packet=where[0])
        )  # fmt: skip

    def _chunk(self, chunk: tcp.Chunk, source: packets.Endpoint) -> None:
        if self._foreign:
            return
        begun = self._begun.pop(source, b"")
        if begun:
            chunk = replace(chunk, data=begun + chunk.data)
        if not self.relevant and not self._recognise(chunk.data, source):
            return
        where = (chunk.packet, chunk.ns)
        if chunk.lost:
            self._note(where, "tcp", "lost", self._who(source), f"{chunk.lost} bytes are missing in the capture")
        if self._tls is None:
            self._bytes(chunk.data, source, where, chunk.lost)
            return
        from_client = source == self.client
        for happening in self._tls.feed(chunk, from_client):
            at = (happening.packet, happening.ns)
            if happening.name == "data":
                self._bytes(happening.data, source, at, 0)
            else:
                self._note(at, "tls", happening.name, self._who(source), happening.note, happening.data)

    def _recognise(self, data: bytes, source: packets.Endpoint) -> bool:
        """Whether a connection is one of V2G's, by its first bytes; too few of them are kept for the next time."""
        if len(data) < 6 and data[:2] in (b"\x01\xfe"[: len(data)], b"\x16\x03"[: len(data)]):
            self._begun[source] = data
        elif data[:2] == b"\x01\xfe":
            self.relevant = True
        elif data[:2] == b"\x16\x03":
            self.relevant = True
            from traces.tls import Connection

            self._tls = Connection(self.keys)
            if self.client is None:  # a ClientHello is the client's
                self.client = source if data[5] == 1 else self._peer[source]
        elif self._syn is not None:  # else the capture may have begun within a message: the next one tells
            self._foreign = True
        return self.relevant

    def _bytes(self, data: bytes, source: packets.Endpoint, where: tuple[int, int], lost: int) -> None:
        if self.client is None:
            self.client = source
        for kind, payload in self._frames[source == self.client].feed(data, lost):
            from_vehicle = source == self.client
            if kind < 0:
                self._note(where, "v2gtp", "broken", self._who(source), payload.decode())
                continue
            if kind not in _BY_PAYLOAD_TYPE and kind != v2gtp.EXI:
                known = v2gtp.PAYLOAD_TYPES.get(kind, "reserved")
                text = f"payload type 0x{kind:04x} ({known}), {len(payload)} bytes"
                self._note(where, "v2gtp", "skipped", self._who(source), text, payload)
                continue
            found = self._dialogue.read(kind, payload)
            if not self._opened and found.is_message and from_vehicle != found.is_request:
                # Recorded from the middle of a connection: who asks is the vehicle.
                self.client = self._peer[self.client]
                self._frames = {not side: frames for side, frames in self._frames.items()}
                self._opened = True
            when, sender = self.seconds(where[1]), self._who(source)
            entry = Entry(0, when, "message", found.name, sender, payload, found, found.schema, found.problem)
            entry.packet = where[0]
            self.entries.append(entry)


class _Frames:
    """V2GTP frames out of one direction's bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._dead = False

    def feed(self, data: bytes, lost: int) -> Iterator[tuple[int, bytes]]:
        """Payload type and payload of what is complete; a type of -1 with a text where the stream is broken."""
        if lost:
            # What was begun is lost; the next frame starts where a header is.
            start = data.find(b"\x01\xfe")
            self._buffer, data = bytearray(), data[start:] if start >= 0 else b""
            self._dead = False
        if self._dead:
            return
        self._buffer += data
        position = 0
        while len(self._buffer) - position >= v2gtp.HEADER_LENGTH:
            try:
                header = v2gtp.parse_header(bytes(self._buffer[position : position + v2gtp.HEADER_LENGTH]))
                if header.length > MAX_PAYLOAD:
                    raise v2gtp.HeaderError(f"V2GTP payload of {header.length} bytes, at most {MAX_PAYLOAD} are read")
            except v2gtp.HeaderError as why:
                self._dead = True
                self._buffer.clear()
                yield -1, str(why).encode()
                return
            end = position + v2gtp.HEADER_LENGTH + header.length
            if len(self._buffer) < end:
                break
            yield header.payload_type, bytes(self._buffer[position + v2gtp.HEADER_LENGTH : end])
            position = end
        del self._buffer[:position]


class _Dialogue:
    """Which schema set reads the next message: what supportedAppProtocol agreed on, or a guess."""

    def __init__(self) -> None:
        self._schema = "appproto"
        self._offers: dict[int, str] = {}
        self._certain = False

    def read(self, kind: int, payload: bytes) -> SessionMessage:
        """The payload as a message, or what it is instead."""
        if kind != v2gtp.EXI:
            return readings.read(_BY_PAYLOAD_TYPE[kind], payload)
        first: SessionMessage | None = None
        for name in dict.fromkeys((self._schema, *(() if self._certain else _GUESSES))):
            found = readings.read(name, payload)
            if found.is_message:
                self._learn(name, found.body)
                return found
            first = first or found
        assert first is not None
        return first

    def _learn(self, name: str, message: Any) -> None:
        if isinstance(message, appproto.supportedAppProtocolReq):
            self._offers = {offer.SchemaID: offer.ProtocolNamespace for offer in message.AppProtocol}
        elif isinstance(message, appproto.supportedAppProtocolRes):
            chosen = self._offers.get(message.SchemaID if message.SchemaID is not None else -1, "")
            if chosen in _BY_NAMESPACE:
                self._schema, self._certain = _BY_NAMESPACE[chosen], True
        else:
            self._schema = name


def _end(end: packets.Endpoint | None) -> str:
    if end is None:
        return "?"
    return f"[{ip_address(end[0])}]:{end[1]}"
