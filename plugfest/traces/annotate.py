"""Copies a capture as pcapng, with what we know about it: TLS secrets inside, decoded messages as packet comments."""

from __future__ import annotations

from pathlib import Path

from boundary.text import visible
from boundary.write import replacing
from plugfest.traces import pcap, text
from plugfest.traces.capture import read
from plugfest.traces.entries import Entry, Recording
from plugfest.traces.packed import opened

_COMMENTED = {"message", "v2gtp", "tls", "tcp"}


def annotate(source: Path, target: Path, *, key_log: bytes = b"", comment: str = "") -> Recording:
    """Writes an annotated copy; ``target`` may be ``source``. Existing comments are kept.

    Args:
        key_log: TLS secrets in addition to those in the capture.
        comment: comment on the file as a whole.

    Raises:
        RecordingError: the capture cannot be read.
        OutputError: the copy cannot be written.
    """
    recording = read(source, key_log)
    found: dict[int, list[str]] = {}
    for entry in recording.entries:
        if entry.packet and entry.layer in _COMMENTED:
            found.setdefault(entry.packet, []).append(_comment(entry))
    with opened(source) as old, replacing(target) as new:
        writer = pcap.Writer(new, comment=comment)
        if recording.key_log:
            writer.secrets(recording.key_log)
        for item in pcap.read(old, str(source)):
            if isinstance(item, pcap.Packet):
                comments = dict.fromkeys([*item.comments, *found.get(item.number, ())])
                writer.packet(item.ns, item.data, comments, cut=item.cut, link=item.link)
    return recording


def _comment(entry: Entry) -> str:
    head = entry.name if entry.layer == "message" else f"{entry.layer}: {entry.name}"
    if entry.note:
        head += visible(f" ({entry.note})")
    return head if entry.message is None else f"{head}\n{text.indented(entry.message)}"
