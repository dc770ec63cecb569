"""Events as packets: a pcapng file that Wireshark follows from SLAC to the last message, also for links in memory.

SLAC frames are written as they are. What TCP carries gets synthetic Ethernet, IPv6 and TCP headers with valid
checksums and sequence numbers, a handshake before and a FIN after. If the link shows its bytes (``tcp`` ``data``
events, as the link in memory does), they are written, and TLS secrets go before them into a decryption secrets block;
if it does not, messages are written as plain V2GTP, and a comment on the SYN says that there was TLS. The decoded
message is a comment on its packet; tolerances and errors are comments on the next one. Without a discovery, as in
memory, a synthetic one is written before the connection and marked in its comment: dissectors learn the port from it.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path

from boundary.text import visible
from boundary.write import Growing, Sink
from plugfest.traces import packets, pcap, text
from v2g import sdp, v2gtp
from v2g.errors import RemoteError
from v2g.protocols import ISO20
from v2g.trace import Event

SEGMENT = 1440
"""Maximum TCP payload of a packet, bytes."""
MAX_HELD = 4096
"""Maximum number of packets held back until the TLS secrets are known."""

MADE_UP = "made up: this link has no discovery"
"""Comment on the discovery of a link in memory."""

_MULTICAST_MAC, _GROUP = bytes.fromhex("333300000001"), IPv6Address(sdp.GROUP).packed
_ADDRESS = re.compile(r"\b(?:to|from) (fe80:[0-9a-f:]+)")


def link_local(mac: bytes) -> bytes:
    """The IPv6 link-local address that stateless configuration derives from a MAC address."""
    return bytes.fromhex("fe80000000000000") + bytes((mac[0] ^ 2,)) + mac[1:3] + b"\xff\xfe" + mac[3:6]


@dataclass
class Station:
    """One end: MAC address, IPv6 address (16 bytes) and TCP port."""

    mac: bytes
    address: bytes = b""
    port: int = 0

    def __post_init__(self) -> None:
        self.address = self.address or link_local(self.mac)


def vehicle() -> Station:
    """The vehicle of a link in memory."""
    return Station(bytes.fromhex("020000000001"), port=50000)


def charger() -> Station:
    """The charger of a link in memory."""
    return Station(bytes.fromhex("020000000002"), port=61000)


@dataclass
class _Held:
    """A packet not written yet."""

    ns: int
    frame: bytes
    comments: list[str]
    waits: bool = False
    """Whether it carried received bytes whose message is not known yet."""


MOST_WAITING = 4
"""Maximum number of packets held until their messages are known: ISO 15118-20 streams may answer back to back."""


@dataclass
class PcapNg:
    """An observer that writes a pcapng file. Close it: the last packets may still be held.

    Attributes:
        file: takes each block with one call.
        epoch: Unix time (s) of time 0 on the loop's clock.
        role: the observer: ``tx`` of a ``secc`` is what the charger sent, of any other what the vehicle sent.
        comment: comment on the file as a whole.
    """

    file: Sink[bytes]
    epoch: float = 0.0
    role: str = "evcc"
    comment: str = ""
    vehicle: Station = field(default_factory=vehicle)
    charger: Station = field(default_factory=charger)

    def __post_init__(self) -> None:
        self._out = pcap.Writer(self.file, comment=self.comment, interface="plugfest")
        self._held: list[_Held] = []
        self._remarks: list[str] = []
        self._secrets = b""
        self._open = self._raw = self._sealed = self._discovered = False
        self._taken_off = ""
        self._numbers: dict[bool, int] = {}
        self._connections = 0
        self._pending: tuple[Event, bytes] | None = None
        self._said = 0.0

    def __call__(self, event: Event) -> None:
        """Takes an event."""
        if self._pending is not None and not _is_data(event):
            self._plain(*self._pending)
            self._pending = None
        match event.layer:
            case "slac" if event.data:
                self._put(event.time, event.data, [])
            case "sdp" if event.data:
                self._datagram(event)
            case "tls" if event.name == "keylog" and event.data:
                self._secrets += event.data.rstrip(b"\n") + b"\n"
            case "tls" if event.name == "handshake" and not self._raw:
                self._taken_off = pcap.TAKEN_OFF + visible(event.note)
            case "tcp" if event.name == "data":
                self._data(event)
            case "tcp" if event.name == "connected":
                self._close(event.time, self._from_vehicle(event))
            case "tcp" if event.name == "closed" or (event.name == "closing" and not self._raw):
                self._close(event.time, self._from_vehicle(event))
            case "message" if event.data:
                self._message(event)
            case "tolerance" | "error":
                self._remarks.append(visible(f"{event.layer}: {event.name} {event.note}".rstrip()))
            case "state" if event.name == "protocol":
                self._remarks.append(visible(f"protocol: {event.note}"))

    def close(self) -> None:
        """Ends the connection and writes what was held. The file stays open."""
        if self._pending is not None:
            self._plain(*self._pending)
            self._pending = None
        self._close(self._said, self.role != "secc")
        self._release()
        self._out.flush()

    # -- packets ----------------------------------------------------------------------------------------------------

    def _from_vehicle(self, event: Event) -> bool:
        return (event.direction != "rx") == (self.role != "secc")

    def _put(self, time: float, frame: bytes, comments: list[str], *, waits: bool = False) -> None:
        self._said = time
        comments = [*self._remarks, *comments]
        self._remarks = []
        self._held.append(_Held(round((self.epoch + time) * 1e9), frame, comments, waits))
        if not self._sealed or len(self._held) > MAX_HELD:
            self._release(keep=MOST_WAITING if self._raw else 0)

    def _release(self, keep: int = 0) -> None:
        if self._secrets:
            self._out.secrets(self._secrets)
            self._secrets = b""
        while len(self._held) > keep:
            held = self._held.pop(0)
            self._out.packet(held.ns, held.frame, held.comments)
        self._out.flush()

    def _ends(self, from_vehicle: bool) -> tuple[Station, Station]:
        return (self.vehicle, self.charger) if from_vehicle else (self.charger, self.vehicle)

    def _segment(
        self, time: float, from_vehicle: bool, flags: int, payload: bytes = b"", comments: list[str] | None = None
    ) -> None:
        source, target = self._ends(from_vehicle)
        acknowledged = self._numbers[not from_vehicle] if flags & packets.ACK else 0
        segment = packets.Segment(
            (source.address, source.port), (target.address, target.port), self._numbers[from_vehicle], acknowledged,
            flags, payload,
        )  # fmt: skip
        self._numbers[from_vehicle] += len(payload) + bool(flags & (packets.SYN | packets.FIN))
        frame = packets.ethernet(target.mac, source.mac, packets.IPV6, packets.tcp(segment))
        received = self._raw and bool(payload) and from_vehicle == (self.role == "secc")
        self._put(time, frame, comments or [], waits=received)

    def _connect(self, time: float) -> None:
        if self._open:
            return
        self._open = True
        if self._connections:
            self.vehicle.port = 49152 + (self.vehicle.port - 49151) % 16384
        self._connections += 1
        if not self._discovered:
            self._discover(time)
        self._numbers = {True: 1000 * self._connections, False: 500_000_000 + 1000 * self._connections}
        self._segment(time, True, packets.SYN, comments=[self._taken_off] if self._taken_off else [])
        self._taken_off = ""
        self._segment(time, False, packets.SYN | packets.ACK)
        self._segment(time, True, packets.ACK)

    def _discover(self, time: float) -> None:
        """A discovery that announces the connection to come."""
        self._discovered = True
        security = sdp.TLS if self._sealed or self._taken_off else sdp.NO_TLS
        ask = packets.udp((self.vehicle.address, self.vehicle.port), (_GROUP, sdp.PORT), sdp.Request(security).pack())
        self._put(time, packets.ethernet(_MULTICAST_MAC, self.vehicle.mac, packets.IPV6, ask), [MADE_UP])
        found = sdp.Response(IPv6Address(self.charger.address), self.charger.port, security).pack()
        answer = packets.udp((self.charger.address, sdp.PORT), (self.vehicle.address, self.vehicle.port), found)
        self._put(time, packets.ethernet(self.vehicle.mac, self.charger.mac, packets.IPV6, answer), [MADE_UP])

    def _close(self, time: float, from_vehicle: bool) -> None:
        if not self._open:
            return
        self._sealed = False
        self._segment(time, from_vehicle, packets.FIN | packets.ACK)
        self._segment(time, not from_vehicle, packets.FIN | packets.ACK)
        self._segment(time, from_vehicle, packets.ACK)
        self._open = self._raw = False
        self._release()

    def _stream(self, time: float, from_vehicle: bool, data: bytes, comments: list[str]) -> None:
        self._connect(time)
        for start in range(0, len(data), SEGMENT):
            last = start + SEGMENT >= len(data)
            flags = packets.ACK | (packets.PSH if last else 0)
            self._segment(time, from_vehicle, flags, data[start : start + SEGMENT], comments if last else [])

    def _datagram(self, event: Event) -> None:
        asks = self._from_vehicle(event)
        self._discovered = True
        found = _ADDRESS.search(event.note)
        if found and self.role == "secc":
            with contextlib.suppress(AddressValueError):
                self.vehicle.address = IPv6Address(found[1]).packed
        if asks:
            to = (_GROUP, sdp.PORT)
            packet = packets.udp((self.vehicle.address, self.vehicle.port), to, event.data)
            self._put(event.time, packets.ethernet(_MULTICAST_MAC, self.vehicle.mac, packets.IPV6, packet), [])
            return
        try:
            response = sdp.parse_response(event.data)
            if response.port and response.address.is_link_local:
                self.charger.address, self.charger.port = response.address.packed, response.port
        except RemoteError as why:
            self._remarks.append(str(why))
        packet = packets.udp((self.charger.address, sdp.PORT), (self.vehicle.address, self.vehicle.port), event.data)
        self._put(event.time, packets.ethernet(self.vehicle.mac, self.charger.mac, packets.IPV6, packet), [])

    # -- messages ---------------------------------------------------------------------------------------------------

    def _data(self, event: Event) -> None:
        """Bytes of the link itself."""
        from_vehicle = self._from_vehicle(event)
        if not self._open and event.data[:2] == b"\x16\x03":
            self._sealed = True  # the secrets come during the handshake, and must be written before it
        comments = []
        if self._pending is not None:
            comments = [_comment(self._pending[0])]
            self._pending = None
        self._raw = True
        self._stream(event.time, from_vehicle, event.data, comments)

    def _message(self, event: Event) -> None:
        self._sealed = False
        frame = v2gtp.pack(event.stream or ISO20.payload_types.get(event.schema, v2gtp.EXI), event.data)
        if self._raw and event.direction == "rx":
            # Its bytes were seen before, in the order of the messages: a waiting packet of that direction has it.
            waiting = [place for place, held in enumerate(self._held) if held.waits]
            if waiting:
                told = self._held[waiting[0]]
                told.waits = False
                told.comments.append(_comment(event))
                self._release(keep=len(self._held) - waiting[0] - 1)
            else:  # another message in the same packet, or one that was let go
                self._remarks.append(_comment(event))
        elif event.direction == "tx":
            self._pending = (event, frame)  # its bytes may be seen next
        else:
            self._plain(event, frame)

    def _plain(self, event: Event, frame: bytes) -> None:
        if self._raw:
            self._remarks.append(_comment(event))
        else:
            self._stream(event.time, self._from_vehicle(event), frame, [_comment(event)])


def _is_data(event: Event) -> bool:
    return event.layer == "tcp" and event.name == "data" and event.direction == "tx"


def _comment(event: Event) -> str:
    """A message as a comment: its name, and its fields below."""
    head = visible(event.name + (f" ({event.note})" if event.note else ""))
    return head if event.message is None else f"{head}\n{text.indented(event.message)}"


class File(PcapNg):
    """A :class:`PcapNg` that owns its file; use it as a context manager.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path, *, epoch: float = 0.0, role: str = "evcc", comment: str = "") -> None:
        self._own = Growing(path)
        super().__init__(self._own, epoch, role, comment)

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.close()
        finally:
            self._own.close()
