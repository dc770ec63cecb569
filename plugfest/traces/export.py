"""Recordings in other forms: pcapng, JSON lines, CSV of the numbers, XML or EXI of the messages, the key log."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import IO

import exi
from boundary.choices import unknown
from boundary.text import dumps, xml_comment, xml_line
from boundary.write import replacing, replacing_text
from plugfest.traces.agreed import UNITS, agreed
from plugfest.traces.annotate import annotate
from plugfest.traces.entries import EVCC, Entry, Recording
from plugfest.traces.errors import RecordingError
from plugfest.traces.series import Series, series
from plugfest.traces.writer import PcapNg
from v2g.messages import schema
from v2g.trace import Event, JsonLines


def _events(recording: Recording, *, role: str) -> list[Event]:
    """The entries as a role saw them."""
    other = {EVCC: "tx", "secc": "rx"} if role != "secc" else {EVCC: "rx", "secc": "tx"}
    return [
        Event(e.time, e.layer, e.name, other.get(e.sender, ""), e.data, e.message, e.schema, e.note, e.stream)
        for e in recording.entries
    ]


def _json_lines(recording: Recording, source: Path, target: Path) -> None:
    with replacing_text(target) as file:
        write = JsonLines(file, epoch=recording.epoch, role="evcc", configuration=recording.configuration)
        for line in recording.key_log.splitlines():
            if recording.kind != "trace":
                write(Event(0.0, "tls", "keylog", data=line))
        for event in _events(recording, role="evcc"):
            write(event)


def _pcapng(recording: Recording, source: Path, target: Path) -> None:
    if recording.kind != "trace":
        annotate(source, target, key_log=recording.key_log)
        return
    with replacing(target) as file:
        write = PcapNg(file, recording.epoch, "evcc", f"from {source.name}")
        for event in _events(recording, role="evcc"):
            # The trace has the messages, not the records that carried them, so only what was agreed on is reported.
            if event.layer != "tls" or event.name == "handshake":
                write(event)
        write.close()


def _csv(recording: Recording, source: Path, target: Path) -> None:
    columns = series(recording)
    steps, price_unit = agreed(recording, (0.0, recording.seconds))
    for name, points in steps.items():
        columns[name] = Series(name, "agreed", UNITS[name] or price_unit, points)
    table: dict[float, dict[str, float]] = {}
    for name, one in columns.items():
        for time, value in one.points:
            table.setdefault(time, {})[name] = value
    with replacing_text(target) as file:
        writer = csv.writer(file)
        writer.writerow(["time_s", *(f"{name}_{one.unit.replace('%', 'percent')}" for name, one in columns.items())])
        for time in sorted(table):
            writer.writerow([f"{time:.6f}", *(_cell(table[time].get(name)) for name in columns)])


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _each(write: Callable[[IO[str], Recording], None]) -> Callable[[Recording, Path, Path], None]:
    def export(recording: Recording, source: Path, target: Path) -> None:
        with replacing_text(target) as file:
            write(file, recording)

    return export


def _hex(file: IO[str], recording: Recording) -> None:
    for entry in recording.messages:
        file.write(entry.data.hex() + "\n")


def document_xml(entry: Entry) -> str:
    """What the bytes of a message decode to, as XML on one line, whether it belongs to the session or not."""
    own = schema(entry.schema)
    return xml_line(exi.read(own, entry.data).xml if entry.data else exi.to_xml(own, entry.document))


def _xml(file: IO[str], recording: Recording) -> None:
    for entry in recording.messages:
        told = f" {entry.time:.6f} {entry.sender} {entry.name}{f': {entry.note}' if entry.message is None else ''} "
        file.write(f"<!--{xml_comment(told)}-->\n")
        if entry.document is not None:
            file.write(document_xml(entry) + "\n")


def _messages(file: IO[str], recording: Recording) -> None:
    found = []
    for entry in recording.messages:
        line = {"time": entry.time, "sender": entry.sender, "name": entry.name, "schema": entry.schema}
        if entry.message is not None:
            line["message"] = exi.to_json(schema(entry.schema), entry.message)
        found.append(line)
    file.write(dumps(found, indent=1))


def _key_log(file: IO[str], recording: Recording) -> None:
    file.write(recording.key_log.decode("ascii", "replace"))


FORMATS: dict[str, Callable[[Recording, Path, Path], None]] = {
    "pcapng": _pcapng,
    "jsonl": _json_lines,
    "csv": _csv,
    "xml": _each(_xml),
    "json": _each(_messages),
    "hex": _each(_hex),
    "keylog": _each(_key_log),
}
"""Name of a format, which is also its file extension -> function that writes it: (recording, its file, target)."""


def export(recording: Recording, source: Path, target: Path, form: str = "") -> None:
    """Writes a recording in another form.

    Args:
        source: the file it was read from. form: one of :data:`FORMATS`; by default the extension of ``target``.

    Raises:
        RecordingError: there is no such form.
        OutputError: the file cannot be written; then there is nothing in its place.
    """
    form = form or target.suffix.lstrip(".")
    if form not in FORMATS:
        raise RecordingError(unknown("format", form, FORMATS))
    FORMATS[form](recording, source, target)
