"""Recorded sessions as tests see them: capture file -> TCP streams -> V2GTP frames with their times.

Reads pcap and pcapng through scapy; reassembles TCP by sequence number (recordings hold retransmissions and
reordering). Ethernet, IPv6 without extension headers, TCP: what V2G uses.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SHARED = Path(os.environ.get("PLUGFEST_SHARED", Path(__file__).resolve().parents[2] / "shared"))
"""Optional material outside the project: captures, vectors, schemas."""


@dataclass(frozen=True)
class Frame:
    """A V2GTP frame: when its last byte was seen (s), whether the vehicle sent it, payload type and payload."""

    time: float
    from_vehicle: bool
    payload_type: int
    payload: bytes


@dataclass
class _Direction:
    """One direction of a TCP connection."""

    first: int
    pieces: dict[int, tuple[bytes, float]] = field(default_factory=dict)

    def add(self, sequence: int, data: bytes, time: float) -> None:
        offset = (sequence - self.first) & 0xFFFFFFFF
        if offset < 1 << 31 and len(self.pieces.get(offset, (b"", 0.0))[0]) < len(data):
            self.pieces[offset] = (data, self.pieces.get(offset, (b"", time))[1])

    def stream(self) -> tuple[bytes, list[tuple[int, float]]]:
        """The bytes without gaps from the start, and (end offset, time) marks."""
        data = b""
        marks = []
        for offset, (piece, time) in sorted(self.pieces.items()):
            if offset > len(data):
                break
            data += piece[len(data) - offset :]
            marks.append((len(data), time))
        return data, marks


def packets(path: Path) -> Iterator[tuple[float, bytes]]:
    """Time (s) and Ethernet frame of every packet."""
    from scapy.utils import RawPcapNgReader, RawPcapReader

    with RawPcapReader(str(path)) as reader:
        for data, meta in reader:
            if isinstance(reader, RawPcapNgReader):
                time = ((meta.tshigh << 32) + meta.tslow) / meta.tsresol
            else:
                time = meta.sec + meta.usec / (1e9 if reader.nano else 1e6)
            yield time, data


def sessions(path: Path) -> list[list[Frame]]:
    """The V2GTP frames of every TCP connection of a capture that carries any, in order of time."""
    connections: dict[tuple[bytes, int, bytes, int], _Direction] = {}
    clients: list[tuple[bytes, int, bytes, int]] = []
    for time, data in packets(path):
        if len(data) < 74 or data[12:14] != b"\x86\xdd" or data[20] != 6:
            continue
        length = int.from_bytes(data[18:20], "big")
        source, target = data[22:38], data[38:54]
        tcp = data[54 : 54 + length]
        ports = int.from_bytes(tcp[0:2], "big"), int.from_bytes(tcp[2:4], "big")
        key = (source, ports[0], target, ports[1])
        sequence, flags = int.from_bytes(tcp[4:8], "big"), tcp[13]
        payload = tcp[(tcp[12] >> 4) * 4 :]
        if flags & 0x02:
            connections[key] = _Direction(sequence + 1)
            if not flags & 0x10:
                clients.append(key)
        elif payload and key in connections:
            connections[key].add(sequence, payload, time)
    found = []
    for key in clients:
        back = (key[2], key[3], key[0], key[1])
        frames = [
            *_frames(connections[key], from_vehicle=True),
            *(_frames(connections[back], from_vehicle=False) if back in connections else ()),
        ]
        if frames:
            found.append(sorted(frames, key=lambda f: f.time))
    return found


def _frames(direction: _Direction, *, from_vehicle: bool) -> Iterator[Frame]:
    data, marks = direction.stream()
    position = 0
    while position + 8 <= len(data) and data[position : position + 2] == b"\x01\xfe":
        end = position + 8 + int.from_bytes(data[position + 4 : position + 8], "big")
        if end > len(data):
            break
        time = next(time for offset, time in marks if offset >= end)
        kind = int.from_bytes(data[position + 2 : position + 4], "big")
        yield Frame(time, from_vehicle, kind, data[position + 8 : end])
        position = end


def files() -> list[Any]:
    """Every capture file, sorted."""
    return sorted((SHARED / "captures").glob("*.pcap*"))
