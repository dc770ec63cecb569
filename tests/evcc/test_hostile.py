"""Bytes that are not an answer: garbage, cut or damaged EXI, wrong frames. The vehicle names the fault, and is safe."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest
from bench import MODES
from spoil import CASES, HANDSHAKE, Spoiled, assert_safe, assert_silent, full_bench, spoil

import exi
from v2g import v2gtp
from v2g.outcome import Cause

every_response = pytest.mark.parametrize(("mode", "request_name", "place"), CASES)


async def outcome_of_bytes(mode: str, request_name: str, place: int, change: Callable[[bytes], bytes]) -> Spoiled:
    """Spoils the EXI; where it still reads, anything may follow, where it does not, the vehicle has to say so."""
    read: list[bool] = []

    def spoilt(result: Spoiled, data: bytes) -> bytes:
        changed = change(data)
        try:
            exi.examine(result.schema(), changed)
            read.append(True)
        except exi.DecodeError:
            read.append(False)
        return changed

    result = await spoil(full_bench(mode), request_name, spoilt, place)
    if not read[0]:
        assert result.outcome.cause is Cause.PEER
        assert "undecodable" in result.outcome.reason
        assert_silent(result)
    return result


GARBAGE: dict[str, bytes] = {
    "nothing": b"",
    "a zero": b"\0",
    "header only": b"\x80",
    "no EXI": b"<?xml version='1.0'?>",
    "ones": b"\xff" * 64,
    "noise": random.Random(3).randbytes(200),
    "much noise": b"\x80\x98" + random.Random(4).randbytes(60_000),
}


@pytest.mark.parametrize("kind", GARBAGE)
@every_response
async def test_garbage(mode: str, request_name: str, place: int, kind: str) -> None:
    result = await outcome_of_bytes(mode, request_name, place, lambda data: GARBAGE[kind])
    assert result.outcome.cause is Cause.PEER
    assert_safe(result)


def lengths(mode: str, request_name: str, place: int) -> list[float]:
    """Parts of a message to keep: many of a few messages, two of the others."""
    every = request_name in (HANDSHAKE, "SessionSetupReq", "ChargeParameterDiscoveryReq", "PowerDeliveryReq")
    return [n / 40 for n in range(40)] if every and place == 1 else [0.5, 0.99]


@pytest.mark.parametrize(
    ("mode", "request_name", "place", "part"), [(*case, part) for case in CASES for part in lengths(*case)]
)
async def test_a_truncated_response(mode: str, request_name: str, place: int, part: float) -> None:
    result = await outcome_of_bytes(mode, request_name, place, lambda data: data[: int(len(data) * part)])
    assert_safe(result, result.ended)


@every_response
async def test_flipped_bits(mode: str, request_name: str, place: int) -> None:
    """Whatever a message says then, the session ends normally or with a reason, and safe."""
    rng = random.Random(f"{mode} {request_name} {place}")
    for _ in range(6):

        def flip(data: bytes) -> bytes:
            changed = bytearray(data)
            for _ in range(rng.choice((1, 1, 1, 2, 8))):
                bit = rng.randrange(8 * len(changed))
                changed[bit // 8] ^= 1 << bit % 8
            return bytes(changed)

        result = await outcome_of_bytes(mode, request_name, place, flip)
        assert_safe(result, result.ended)
        assert result.ended - result.asked < 65.0


def header(version: int = 1, inverse: int = 0xFE, kind: int = v2gtp.EXI, extra: int = 0) -> Callable[..., bytes]:
    """A fault: the right payload under another header; ``extra`` is what the length says too much."""

    def change(result: Spoiled, frame: bytes) -> bytes:
        length = len(frame) - v2gtp.HEADER_LENGTH + extra
        return bytes((version, inverse)) + kind.to_bytes(2, "big") + length.to_bytes(4, "big") + frame[8:]

    return change


HEADERS: dict[str, tuple[Callable[..., bytes], str]] = {
    "version": (header(version=2, inverse=0xFD), "V2GTP version 02 fd"),
    "inverse": (header(inverse=0xFF), "V2GTP version 01 ff"),
    "too long": (header(extra=0xFFFF0000), "at most 65536 accepted"),
    "a little too long": (header(extra=65536), "at most 65536 accepted"),
}


@pytest.mark.parametrize("kind", HEADERS)
@every_response
async def test_a_wrong_header(mode: str, request_name: str, place: int, kind: str) -> None:
    fault, reason = HEADERS[kind]
    result = await spoil(full_bench(mode), request_name, fault, place, frame=True)
    assert result.outcome.cause is Cause.PEER
    assert reason in result.outcome.reason
    assert_safe(result)
    assert_silent(result)


@pytest.mark.parametrize("kind", [0x8002, 0x8101, 0x9001, 0xA000, 0x0000])
@pytest.mark.parametrize("mode", MODES)
async def test_frames_of_another_payload_type_are_ignored(mode: str, kind: int) -> None:
    """[V2G2-800]: with the right answer behind them, nothing happened."""
    frames = [v2gtp.pack(kind, b"\x01\x02\x03"), v2gtp.pack(kind, b"")]
    result = await spoil(
        full_bench(mode), "ServiceDiscoveryReq", lambda result, frame: b"".join([*frames, frame]), frame=True
    )
    assert result.outcome.ok
    assert sum(e.name == "skipped" for e in result.bench.events["ev"]) == 2


@pytest.mark.parametrize("size", [1, 7, 8, 9, 30])
@pytest.mark.parametrize("mode", MODES)
async def test_an_answer_in_pieces_is_one_answer(mode: str, size: int) -> None:
    async def pieces(result: Spoiled, frame: bytes) -> bytes:
        assert result.channel is not None
        await result.channel.write(frame[:size])
        await asyncio.sleep(0.5)
        return frame[size:]

    result = await spoil(full_bench(mode), "ServiceDiscoveryReq", pieces, frame=True)
    assert result.outcome.ok
