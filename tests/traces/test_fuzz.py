"""Bytes that nobody meant: readers answer with entries or with one error of ours, in bounded time."""

from __future__ import annotations

import contextlib
import io
import random
from pathlib import Path

import pytest
from captures import files

from plugfest.traces import packets, pcap, tls
from plugfest.traces.chart import lines, rows
from plugfest.traces.checks import judge
from plugfest.traces.errors import RecordingError
from plugfest.traces.recording import load
from plugfest.traces.report import render
from plugfest.traces.tcp import Chunk


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A copy with a few bytes changed, removed or doubled."""
    made = bytearray(data)
    for _ in range(rng.randrange(1, 30)):
        place = rng.randrange(len(made))
        match rng.randrange(4):
            case 0:
                made[place] = rng.randrange(256)
            case 1:
                del made[place : place + rng.randrange(1, 60)]
            case 2:
                made[place:place] = made[place : place + rng.randrange(1, 60)]
            case 3:
                made[place : place + 4] = rng.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"])
    return bytes(made)


def digest(path: Path) -> None:
    """Everything that the tools do with a file."""
    with contextlib.suppress(RecordingError):
        recording = load(path)
        judged = judge(recording)
        list(lines(rows(recording, judged.findings)))
        render(recording, judged=judged)


def test_random_bytes_behind_every_magic(tmp_path: Path) -> None:
    rng = random.Random(1)
    magics = [b"\x0a\x0d\x0d\x0a", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b'{"plugfest": "trace"}\n']
    for number in range(200):
        path = tmp_path / "file"
        path.write_bytes(magics[number % 4] + rng.randbytes(rng.randrange(400)))
        digest(path)


def test_random_packets_and_records() -> None:
    rng = random.Random(2)
    for _ in range(2000):
        data = rng.randbytes(rng.randrange(120))
        packets.parse(
            rng.choice([b"", bytes(12) + b"\x86\xdd\x60", bytes(12) + b"\x88\xe1"]) + data, rng.choice([1, 113, 276])
        )
        connection = tls.Connection(tls.KeyLog())
        for place in range(3):
            chunk = Chunk(
                rng.choice([b"", b"\x16\x03\x03\x00\x40\x01", b"\x16\x03\x03\x00\x30\x02"]) + data, place, place
            )
            list(connection.feed(chunk, place % 2 == 0))


def test_an_invalid_time_is_refused(tmp_path: Path) -> None:
    for time in ("1e400", "NaN", '"x"', "[]", "null"):
        path = tmp_path / "t.jsonl"
        path.write_text('{"plugfest": "trace"}\n{"t": ' + time + ', "layer": "tcp", "name": "x"}\n')
        with pytest.raises(RecordingError, match=":2: "):
            load(path)


@pytest.mark.slow
@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_damaged_recordings(path: Path, tmp_path: Path) -> None:
    rng = random.Random(3)
    data = path.read_bytes()[:200_000]
    for _ in range(60):
        damaged = tmp_path / "damaged"
        damaged.write_bytes(data[:24] + mutated(data[24:], rng))
        digest(damaged)
        with contextlib.suppress(RecordingError):
            list(pcap.read(io.BytesIO(mutated(data, rng))))
