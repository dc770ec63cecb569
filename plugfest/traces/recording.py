"""What was recorded, whatever the file: our JSON lines and any pcap or pcapng become the same entries.

Directions are told by who sent, not by who watched: a trace of the charger and one of the vehicle compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from boundary.errors import InputError
from boundary.read import parse_record, read_bytes, read_lines
from plugfest.traces import dialogue, packets, pcap, slac
from plugfest.traces.errors import RecordingError
from plugfest.traces.packed import opened
from v2g import reading as readings
from v2g.messages.xmldsig import SignatureType
from v2g.reading import SessionMessage
from v2g.trace import Event

EVCC: Final = "evcc"
SECC: Final = "secc"
VEHICLE_ROLES = {"evcc": (EVCC, SECC), "both": (EVCC, SECC), "": (EVCC, SECC), "secc": (SECC, EVCC)}
"""Role that wrote a trace -> who sent its ``tx`` and its ``rx``."""

_LAST = "SessionStopRes"
"""Behind it a handshake begins another session; anywhere else it is one in the middle of a session."""
HANDSHAKE = "supportedAppProtocolReq"
"""What each connection begins with; again right after it, it is the same one."""

MAX_LINE = 4 * 1024 * 1024
"""Longest line of a JSON lines trace, characters."""


@dataclass(slots=True)
class Entry:
    """Something that happened.

    Attributes:
        index: place in the recording, from 0.
        time: seconds since the first entry.
        layer, name: as in :class:`v2g.trace.Event`.
        sender: ``evcc``, ``secc``, or "" where nothing was sent.
        data: the bytes at that layer.
        reading: of a message, what its bytes are; None for other layers.
        schema: its schema set.
        note: details for people.
        connection: number of the TCP connection, from 1; 0 outside of any.
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
        """What the bytes decode to, be it a message of a session or not; None where they do not."""
        return self.reading.document if self.reading is not None else None

    @property
    def body(self) -> Any:
        """The request or response; None where there is no whole message."""
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
        epoch: Unix time of time 0; 0.0 where nobody knows.
        role: who wrote a trace: ``evcc``, ``secc``, ``both`` (the vehicle's view); "" for captures.
        entries: in order of time.
        configuration: what the writer noted about itself.
        remarks: what a reader should know about the file.
        key_log: TLS secrets found, as an NSS key log.
        plain: message bytes can be had, i.e. nothing stayed encrypted.
        passed: time, source and destination address of ordinary Ethernet frames: the first of each second and pair.
        until: s: when the last packet of a capture was seen, be it of interest or not; 0.0 where nobody knows.
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


def load(path: Path, *, key_log: Path | None = None) -> Recording:
    """Reads a file of recorded traffic.

    Args:
        path: JSON lines of ours, pcap or pcapng.
        key_log: TLS session secrets (SSLKEYLOGFILE), besides those that the file holds.

    Raises:
        RecordingError: a file is missing or nothing of that; one line that says what.
    """
    try:
        with opened(path) as file:
            start = file.read(4)
        secrets = read_bytes(key_log, what="a key log") if key_log is not None else b""
    except OSError as why:
        raise RecordingError(f"{why.filename}: {why.strerror}") from why
    except InputError as why:
        raise RecordingError(str(why)) from why
    if pcap.is_capture(start):
        from plugfest.traces.capture import read

        return read(path, secrets)
    if start[:1] == b"{":
        with path.open("rb") as file:
            if file.read(1) != b"{":
                raise RecordingError(f"{path}: a compressed trace; unpack it first")
        return _json_lines(path)
    raise RecordingError(f"{path}: neither pcap, pcapng nor a plugfest trace")


def from_events(events: Iterable[Event], *, role: str = "evcc", name: str = "session", epoch: float = 0.0) -> Recording:
    """The events that an observer collected, as a recording.

    Args:
        role: who observed: ``evcc`` (also for a whole bench seen by the vehicle) or ``secc``.
    """
    recording = Recording(name, "trace", epoch, role)
    builder = _Builder(recording)
    for event in events:
        found = None
        if event.layer == "message" and event.direction:
            # What went over the wire counts, not what a rewrite was given.
            bare = not event.data and event.message is not None
            found = readings.of(event.schema, event.message) if bare else readings.read(event.schema, event.data)
        stream = event.stream if event.layer == "message" else 0  # events of SLAC have none
        builder.add(
            event.time, event.layer, event.name, event.direction, event.data, found, event.schema, event.note, stream
        )  # fmt: skip
    return builder.done()


class _Builder:
    """Entries out of events, with their connection counted."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._tx, self._rx = VEHICLE_ROLES.get(recording.role, (EVCC, SECC))
        self._connection = 0
        self._open = self._talked = False
        self._last = ""

    def add(
        self, time: float, layer: str, name: str, direction: str = "", data: bytes = b"",
        reading: SessionMessage | None = None, schema: str = "", note: str = "", stream: int = 0,
    ) -> None:  # fmt: skip
        if layer == "message" and not direction:
            layer, name, note = "state", "dropped", f"{name}: {note}"  # by a rewrite: nothing was said
        elif reading is not None:
            name, note = reading.name, note or reading.problem
        if layer == "slac" and data and not note:
            note = slac.describe(data)
        if layer == "tcp" and name == "connected":
            # TLS comes before this event, and is on the same connection.
            if not self._open or self._talked:
                self._connection += 1
            self._open, self._talked = True, False
        elif layer == "tcp" and name == "opening":
            self._connection += 1
        elif layer == "tls" and name == "alert" and self._connection:
            pass  # close_notify is sent while the connection closes
        elif layer in ("message", "tls", "v2gtp") and (not self._open or (name == HANDSHAKE and self._last == _LAST)):
            self._connection += 1
            self._open, self._talked = True, False
        if layer == "message":
            self._talked, self._last = True, name
        elif layer == "tcp" and name in ("closing", "closed", "reset"):
            self._open = False
        sender = {"tx": self._tx, "rx": self._rx}.get(direction, "")
        if layer == "tcp" and name == "closing" and not direction:
            sender = self._tx  # who writes the trace closes
        entries = self._recording.entries
        inside = layer in ("message", "tcp", "tls", "v2gtp")
        number = self._connection if inside else 0
        made = Entry(len(entries), time, layer, name, sender, data, reading, schema, note, number, stream=stream)
        entries.append(made)

    def done(self) -> Recording:
        recording = self._recording
        for messages in recording.connections():
            found = [entry for entry in messages if entry.reading is not None]
            for entry, one in zip(found, dialogue.settle(e.reading for e in found if e.reading), strict=True):
                if one is not entry.reading:
                    entry.reading, entry.name, entry.note = one, one.name, one.problem
        settle(recording, min((e.time for e in recording.entries), default=0.0))
        return recording


def settle(recording: Recording, start: float) -> None:
    """Sorts entries by time, counts them, and lets time begin with 0."""
    recording.entries.sort(key=lambda e: e.time)
    for index, entry in enumerate(recording.entries):
        entry.index = index
        entry.time = round(entry.time - start, 9)
    recording.passed = [(round(time - start, 9), source, target) for time, source, target in recording.passed]
    if recording.epoch:
        recording.epoch += start


def _json_lines(path: Path) -> Recording:
    recording = Recording(str(path), "trace")
    builder: _Builder | None = None
    for number, line in _lines(path):
        if builder is None:
            if line.get("plugfest") != "trace":
                raise RecordingError(f'{path}: no plugfest trace: its first line has no "plugfest": "trace"')
            recording.epoch = _number(line.get("epoch", 0.0))
            recording.role = str(line.get("role", ""))
            configuration = line.get("configuration")
            recording.configuration = configuration if isinstance(configuration, dict) else {}
            builder = _Builder(recording)
            continue
        try:
            data = bytes.fromhex(str(line.get("hex", "")))
            schema, note = str(line.get("schema", "")), str(line.get("note", ""))
            time, layer, name = float(line["t"]), str(line["layer"]), str(line["name"])
            stream = int(line.get("stream", 0))
        except (KeyError, TypeError, ValueError) as why:
            raise RecordingError(f"{path}:{number}: no event of a trace: {type(why).__name__} {why}") from why
        if not abs(time) < 1e12:
            raise RecordingError(f"{path}:{number}: time {time}")
        found = readings.read(schema, data) if layer == "message" else None
        if layer == "tls" and name == "keylog":
            recording.key_log += data + b"\n"
        builder.add(time, layer, name, str(line.get("dir", "")), data, found, schema, note, stream)
    if builder is None:
        raise RecordingError(f"{path}: an empty file")
    return builder.done()


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        for number, line in read_lines(path, limit=MAX_LINE):
            if not line.strip():
                continue
            try:
                yield number, parse_record(line, f"{path}:{number}")
            except InputError:
                if not line.endswith("\n"):
                    return  # the writer was stopped in the middle of a line
                raise
    except InputError as why:
        raise RecordingError(str(why)) from why


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else 0.0
