"""Reads recordings: from our JSON lines, from any pcap or pcapng, or from events that an observer collected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from boundary.errors import InputError
from boundary.read import parse_record, read_bytes, read_lines
from plugfest.traces import dialogue, pcap, slac
from plugfest.traces.capture import read
from plugfest.traces.entries import EVCC, SECC, Entry, Recording, settle
from plugfest.traces.errors import RecordingError
from plugfest.traces.packed import opened
from v2g import reading as readings
from v2g.reading import SessionMessage
from v2g.trace import Event

VEHICLE_ROLES = {"evcc": (EVCC, SECC), "both": (EVCC, SECC), "": (EVCC, SECC), "secc": (SECC, EVCC)}
"""Role that wrote a trace -> senders of its ``tx`` and its ``rx``."""

_OF_THE_WRITER = {("tcp", "closing"), ("tls", "handshake-failed"), ("error", "ended")}
"""What the writer of a trace does or says without a direction: it closes, and says why."""

_LAST = "SessionStopRes"
"""After it a handshake starts another session; anywhere else it is one in the middle of a session."""
HANDSHAKE = "supportedAppProtocolReq"
"""What each connection starts with; if repeated right after it, it is the same connection."""

MAX_LINE = 4 * 1024 * 1024
"""Longest line of a JSON lines trace, characters."""


def load(path: Path, *, key_log: Path | None = None) -> Recording:
    """Reads a file of recorded traffic.

    Args:
        path: JSON lines of ours, pcap or pcapng. key_log: TLS session secrets (SSLKEYLOGFILE), in addition to those in
            the file.

    Raises:
        RecordingError: a file is missing or has another format; one line that says what.
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
        return read(path, secrets)
    if start[:1] == b"{":
        with path.open("rb") as file:
            if file.read(1) != b"{":
                raise RecordingError(f"{path}: a compressed trace; unpack it first")
        return _json_lines(path)
    raise RecordingError(f"{path} is {'neither pcap, pcapng nor a plugfest trace' if start else 'empty'}")


def from_events(events: Iterable[Event], *, role: str = "evcc", name: str = "session", epoch: float = 0.0) -> Recording:
    """The events that an observer collected, as a recording.

    Args:
        role: the observer: ``evcc`` (also for a whole bench seen by the vehicle) or ``secc``.
    """
    recording = Recording(name, "trace", epoch, role)
    builder = _Builder(recording)
    for event in events:
        found = None
        if event.layer == "message" and event.direction:
            # What went over the wire counts, not the input of a rewrite.
            bare = not event.data and event.message is not None
            found = readings.of(event.schema, event.message) if bare else readings.read(event.schema, event.data)
        stream = event.stream if event.layer == "message" else 0  # SLAC events have none
        builder.add(
            event.time, event.layer, event.name, event.direction, event.data, found, event.schema, event.note, stream
        )  # fmt: skip
    return builder.done()


class _Builder:
    """Entries from events, with their connections numbered."""

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
            layer, name, note = "state", "dropped", f"{name}: {note}"  # by a rewrite: nothing was sent
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
        if (layer, name) in _OF_THE_WRITER and not direction:
            sender = self._tx
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


def _json_lines(path: Path) -> Recording:
    recording = Recording(str(path), "trace")
    builder: _Builder | None = None
    for number, line in _lines(path):
        if builder is None:
            if line.get("plugfest") != "trace":
                raise RecordingError(f'{path}: not a plugfest trace: its first line has no "plugfest": "trace"')
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
            raise RecordingError(f"{path}:{number}: not an event of a trace: {type(why).__name__} {why}") from why
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
