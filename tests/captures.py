"""Recorded sessions as tests see them: capture file -> connections -> V2GTP frames with their times."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from plugfest.traces.entries import Recording
from plugfest.traces.recording import load

SHARED = Path(os.environ.get("PLUGFEST_SHARED", Path(__file__).resolve().parents[2] / "shared"))
"""Optional material outside the project: captures, vectors, schemas."""

_PAYLOAD_TYPES = {"iso20-common": 0x8002, "iso20-ac": 0x8003, "iso20-dc": 0x8004}


@dataclass(frozen=True)
class Frame:
    """A V2GTP frame: when its last byte was seen (s), whether the vehicle sent it, payload type and payload."""

    time: float
    from_vehicle: bool
    payload_type: int
    payload: bytes


@cache
def recording(path: Path) -> Recording:
    """A capture, read once for all tests: do not change it."""
    return load(path)


def sessions(path: Path) -> list[list[Frame]]:
    """The frames of every connection of a capture that has any, TLS opened, in order of time."""
    return [
        [Frame(e.time, e.sender == "evcc", _PAYLOAD_TYPES.get(e.schema, 0x8001), e.data) for e in messages]
        for messages in recording(path).connections()
    ]


def files() -> list[Any]:
    """Every capture file, sorted."""
    return sorted((SHARED / "captures").glob("*.pcap*"))
