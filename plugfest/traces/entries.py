"""What was recorded, in any file format: our JSON lines and any pcap or pcapng become the same entries.

Directions name the sender, not the observer, so a charger's trace can be compared with a vehicle's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from plugfest.traces import packets
from v2g.messages.xmldsig import SignatureType
from v2g.reading import SessionMessage

EVCC: Final = "evcc"
SECC: Final = "secc"


@dataclass(slots=True)
class Entry:
    """Something that happened.

    Attributes:
        index: place in the recording, from 0.
        time: seconds since the first entry.
        layer, name: as in :class:`v2g.trace.Event`.
        sender: ``evcc``, ``secc``, or "" if nothing was sent.
        data: the bytes at that layer.
        reading: for a message, what its bytes are; None for other layers. schema: its schema set.
        note: details for people.
        connection: number of the TCP connection, from 1; 0 outside any.
        packet: number of the packet in a capture, as Wireshark counts; 0 otherwise.
        ends: address and port (source, target) of a datagram in a capture.
        stream: payload type of the side stream of a message; 0: the main stream.
    """

    index: int
    time: float
    layer: str
    name: str
    sender: str = ""
    data: bytes = b""
    reading: SessionMessage | None = None
    schema: str = ""
    note: str = ""
    connection: int = 0
    packet: int = 0
    ends: tuple[packets.Endpoint, packets.Endpoint] | None = None
    stream: int = 0

    @property
    def message(self) -> Any:
        """The document of a whole message, header included; None for anything else."""
        return self.document if self.reading is not None and self.reading.is_message else None

    @property
    def document(self) -> Any:
        """What the bytes decode to, whether a message of a session or not; None if they do not decode."""
        return self.reading.document if self.reading is not None else None

    @property
    def body(self) -> Any:
        """The request or response; None without a complete message."""
        return self.reading.body if self.reading is not None else None

    @property
    def session_id(self) -> bytes | None:
        """Of the message's header; None where there is none."""
        found = self.reading.session_id if self.reading is not None and self.reading.is_message else None
        return None if found is None else bytes(found)

    @property
    def signature(self) -> SignatureType | None:
        """Of the message's header; None where there is none."""
        return self.reading.signature if self.reading is not None and self.reading.is_message else None


@dataclass
class Recording:
    """One file of recorded traffic.

    Attributes:
        name: of the file.
        kind: ``trace`` (our JSON lines), ``pcap`` or ``pcapng``.
        epoch: Unix time of time 0; 0.0 if unknown.
        role: the role that wrote a trace: ``evcc``, ``secc``, ``both`` (the vehicle's view); "" for captures.
        entries: in order of time.
        configuration: what the writer noted about itself.
        remarks: what a reader should know about the file.
        key_log: TLS secrets found, as an NSS key log.
        plain: message bytes are available, i.e. nothing stayed encrypted.
        passed: time, source and destination address of ordinary Ethernet frames: the first of each second and pair.
        until: s: when the last packet of a capture was seen, relevant or not; 0.0 if unknown.
    """

    name: str
    kind: str
    epoch: float = 0.0
    role: str = ""
    entries: list[Entry] = field(default_factory=list)
    configuration: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    key_log: bytes = b""
    plain: bool = True
    passed: list[tuple[float, bytes, bytes]] = field(default_factory=list)
    until: float = 0.0

    @property
    def messages(self) -> list[Entry]:
        """The entries that are messages."""
        return [entry for entry in self.entries if entry.layer == "message"]

    @property
    def seconds(self) -> float:
        """From the first entry to the last."""
        return self.entries[-1].time if self.entries else 0.0

    def connections(self) -> list[list[Entry]]:
        """The messages of each connection that has any."""
        found: dict[int, list[Entry]] = {}
        for entry in self.messages:
            found.setdefault(entry.connection, []).append(entry)
        return list(found.values())

    def layer(self, name: str) -> list[Entry]:
        """The entries of a layer."""
        return [entry for entry in self.entries if entry.layer == name]


def settle(recording: Recording, start: float) -> None:
    """Sorts entries by time, numbers them, and makes time start at 0."""
    recording.entries.sort(key=lambda e: e.time)
    for index, entry in enumerate(recording.entries):
        entry.index = index
        entry.time = round(entry.time - start, 9)
    recording.passed = [(round(time - start, 9), source, target) for time, source, target in recording.passed]
    if recording.epoch:
        recording.epoch += start
