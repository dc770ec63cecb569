"""A capture file as a recording: SLAC, SDP, TCP, TLS if its secrets are known, and every V2G message, decoded.

TLS secrets come from decryption secrets blocks, from a key log file, and from key log lines in UDP datagrams, which
some testers send along. They may come after the packets they decrypt, so the file is read twice; and twice more to find
steps of its clock, if it has silences.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from boundary.text import counted
from plugfest.traces import packets, pcap, slac
from plugfest.traces.clock import SILENT, Clock, steps_forward
from plugfest.traces.connection import Connection
from plugfest.traces.entries import EVCC, SECC, Entry, Recording, settle
from plugfest.traces.keylog import KeyLog
from plugfest.traces.packed import opened
from slac.copies import Copies, Plain, untagged
from v2g import sdp
from v2g.errors import RemoteError

MAX_CONNECTIONS = 20_000
DATAGRAMS_ALIKE = 0.003
"""s: identical datagrams closer together than this are one, recorded twice."""
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
    before, silent = 0, False
    for item in _items(path):
        if isinstance(item, pcap.Secrets):
            keys.add(item.text)
        elif isinstance(item, pcap.Packet):
            silent |= 0 < before < item.ns - SILENT
            before = item.ns
            if any(start in item.data for start in _KEY_LOG_STARTS):
                content = packets.parse(item.data, item.link)
                if isinstance(content, packets.Datagram) and content.payload.startswith(_KEY_LOG_STARTS):
                    keys.add(content.payload)
    forward = steps_forward(lambda: _items(path)) if silent else {}
    recording = Recording(str(path), kind, key_log=keys.lines())
    dissector = Dissector(recording, keys, Clock(forward))
    for item in _items(path):
        if isinstance(item, pcap.Packet):
            dissector.packet(item)
        elif isinstance(item, pcap.Remark):
            recording.remarks.append(item.text)
    dissector.done()
    return recording


def _items(path: Path) -> Iterator[pcap.Item]:
    with opened(path) as file:
        yield from pcap.read(file, str(path))


class Dissector:
    """Takes packets, and adds entries to a recording."""

    def __init__(self, recording: Recording, keys: KeyLog, clock: Clock) -> None:
        self._recording = recording
        self._keys = keys
        self._clock = clock
        self._start: int | None = None
        self._last = 0
        self._open: dict[tuple[packets.Endpoint, packets.Endpoint], Connection] = {}
        self._all: list[Connection] = []
        self._announced: set[int] = set()
        self._cut = self._too_many = 0
        self._cut_slac = 0
        self._strange: dict[int, int] = {}
        self._passed: set[tuple[bytes, bytes, int]] = set()
        self._copies = Copies(within=DATAGRAMS_ALIKE)

    def packet(self, packet: pcap.Packet) -> None:
        """Takes the next packet. Time does not go back, even if the clock of the recording does."""
        packet = self._clock.set(packet)
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
            if not self._is_copy(content.source, content.target, content.body, packet):
                self._neighbour(content, packet)
        elif sdp.PORT in (content.source[1], content.target[1]):
            if not self._is_copy(content.source, content.target, content.payload, packet):
                self._datagram(content, packet)

    def _is_copy(self, source: packets.Endpoint, target: packets.Endpoint, data: bytes, packet: pcap.Packet) -> bool:
        """Whether a mirror, a VLAN or a second interface repeats earlier packets; TCP detects that by its numbers."""
        channel = untagged(packet.data).channel if packet.link == pcap.ETHERNET else ()
        ends = b"".join(address + port.to_bytes(2, "big") for address, port in (source, target))
        return self._copies.is_copy(self._seconds(packet.ns), Plain(ends + data, channel))

    def _pass(self, packet: pcap.Packet) -> None:
        """Keeps who sends to whom, once a second, as a proof of power line links."""
        ends = packets.addresses(packet.data, packet.link)
        if ends is not None and (key := (*ends, packet.ns // 10**9)) not in self._passed:
            if len(self._passed) >= MAX_CONNECTIONS:
                self._passed.clear()
            self._passed.add(key)
            self._recording.passed.append((self._seconds(packet.ns), *ends))

    def done(self) -> None:
        """Finishes the capture."""
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
            text = f"not read: {counted(count, 'packet')} of link type {link}; capture on the Ethernet interface itself"
            self._recording.remarks.append(text)
        self._recording.remarks += self._clock.remarks()
        if self._cut_slac:  # half of a round would be blamed on the side that was not captured
            entries[:] = [entry for entry in entries if entry.layer != "slac"]
            text = f"not captured in full: {counted(self._cut_slac, 'SLAC frame')}; the matching is left out"
            self._recording.remarks.append(text)
        if self._cut:
            self._recording.remarks.append(f"not captured in full: {counted(self._cut, 'packet')}")
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
            connection = Connection(segment, client, self._keys, self._seconds)
            self._all.append(connection)
            self._open[key] = self._open[back] = connection
        connection.add(segment, packet)
