"""Streams out of segments, however they were cut, doubled, lost and shuffled."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugfest.traces import tcp
from plugfest.traces.tcp import Chunk, Direction


def text(chunks: list[Chunk]) -> bytes:
    return b"".join(chunk.data for chunk in chunks)


@given(st.binary(min_size=1, max_size=300), st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
def test_any_cutting_doubling_and_shuffling_gives_the_stream(data: bytes, first: int, rng: random.Random) -> None:
    """Sequence numbers wrap around, segments overlap, come twice and in any order."""
    segments = []
    for _ in range(12):
        start = rng.randrange(len(data))
        segments.append((start, data[start : start + rng.randrange(1, 80)]))
    step = rng.randrange(1, 50)
    segments += [(start, data[start : start + step]) for start in range(0, len(data), step)]
    rng.shuffle(segments)
    direction = Direction()
    direction.start(first)
    found = []
    for start, piece in segments:
        found += direction.add((first + 1 + start) & 0xFFFFFFFF, piece, 1, 1)
    assert text(found) == data
    assert not any(chunk.lost for chunk in found)


def test_a_gap_ends_when_the_receiver_acknowledges_past_it() -> None:
    direction = Direction()
    direction.start(99)
    assert text(list(direction.add(100, b"abc", 1, 1))) == b"abc"
    assert list(direction.add(106, b"ghi", 2, 2)) == []
    assert list(direction.acknowledge(103)) == []
    assert list(direction.acknowledge(109)) == [Chunk(b"ghi", 2, 2, lost=3)]
    assert list(direction.add(103, b"def", 3, 3)) == []
    assert text(list(direction.add(109, b"jkl", 4, 4))) == b"jkl"


def test_a_gap_ends_with_the_capture() -> None:
    direction = Direction()
    direction.start(99)
    assert list(direction.add(101, b"b", 1, 1)) == []
    assert list(direction.finish()) == [Chunk(b"b", 1, 1, lost=1)]


def test_a_stream_without_its_beginning_starts_where_it_is_first_seen() -> None:
    direction = Direction()
    assert text(list(direction.add(7, b"x", 1, 1))) == b"x"
    assert text(list(direction.add(8, b"y", 1, 1))) == b"y"


@pytest.mark.parametrize("size", [1, 1000])
def test_what_waits_for_a_lost_segment_is_bounded(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(tcp, "MAX_WAITING", 50_000)
    monkeypatch.setattr(tcp, "MAX_SEGMENTS", 60)
    direction = Direction()
    direction.start(0)
    found = []
    for place in range(100):
        found += direction.add(10 + place * size, bytes(size), 1, 1)
    assert found[0].lost == 9
    assert len(text(found)) == 100 * size


def test_retransmissions_are_counted() -> None:
    direction = Direction()
    direction.start(0)
    list(direction.add(1, b"abc", 1, 1))
    list(direction.add(1, b"abc", 2, 2))
    assert direction.retransmissions == 1
