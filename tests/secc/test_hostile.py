"""Bytes that are not a request: garbage, cut or damaged EXI, wrong frames. The charger names the fault, and is off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest
from bench import MODES
from secc_driver import NORMAL, REQUESTS, Driver

import exi
from v2g import v2gtp
from v2g.messages import schema
from v2g.outcome import Cause
from v2g.protocols import offer

STEPS = [(mode, number) for mode in MODES for number in range(len(NORMAL[mode].split()))]
every_step = pytest.mark.parametrize(("mode", "number"), STEPS)

GARBAGE: dict[str, bytes] = {
    "nothing": b"",
    "a zero": b"\0",
    "header only": b"\x80",
    "no EXI": b"<?xml version='1.0'?>",
    "ones": b"\xff" * 64,
    "noise": random.Random(5).randbytes(200),
    "much noise": b"\x80\x98" + random.Random(6).randbytes(60_000),
}


async def before(mode: str, number: int) -> tuple[Driver, bytes]:
    """A session before its step with this number, and the EXI of the right request."""
    driver = await Driver.connect(mode)
    steps = NORMAL[mode].split()
    await driver.walk(steps[:number])
    message = REQUESTS[mode][steps[number]]
    return driver, exi.encode(driver.bench.protocol.schema, driver.bench.protocol.wrap(message, driver.session.id))


async def off(driver: Driver) -> None:
    """Nothing more is said, the connection is closed, and nothing is live."""
    outcome = await driver.closed()
    assert outcome.cause is Cause.PEER
    assert outcome.reason
    assert not driver.driven
    assert not driver.bench.evse.energised


@pytest.mark.parametrize("kind", GARBAGE)
@every_step
async def test_garbage(mode: str, number: int, kind: str) -> None:
    driver, _ = await before(mode, number)
    await driver.channel.write_frame(v2gtp.EXI, GARBAGE[kind])
    await off(driver)


@every_step
async def test_a_truncated_request(mode: str, number: int) -> None:
    """At every few bytes; what still reads after the cut is a shorter request, and none does."""
    _, data = await before(mode, number)
    for length in sorted({*range(0, len(data) - 1, 5), len(data) - 2}):
        driver, data = await before(mode, number)
        await driver.channel.write_frame(v2gtp.EXI, data[:length])
        await off(driver)


@every_step
async def test_flipped_bits(mode: str, number: int) -> None:
    """Whatever a request says then: an answer of the type that pairs, or a close; and off when the vehicle has gone."""
    rng = random.Random(f"{mode} {number}")
    for _ in range(6):
        driver, data = await before(mode, number)
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 8))):
            bit = rng.randrange(8 * len(changed))
            changed[bit // 8] ^= 1 << bit % 8
        await driver.channel.write_frame(v2gtp.EXI, bytes(changed))
        await asyncio.sleep(0.2)
        outcome = await driver.leave()
        assert outcome.cause is not Cause.ERROR
        assert outcome.reason or outcome.ok
        assert not driver.driven
        assert not driver.bench.evse.energised


def header(version: int = 1, inverse: int = 0xFE, extra: int = 0) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        return bytes((version, inverse)) + v2gtp.EXI.to_bytes(2, "big") + (len(data) + extra).to_bytes(4, "big") + data

    return change


HEADERS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "version": (header(version=2, inverse=0xFD), "V2GTP version 02 fd"),
    "inverse": (header(inverse=0xFF), "V2GTP version 01 ff"),
    "too long": (header(extra=0xFFFF0000), "at most 65536 accepted"),
    "a little too long": (header(extra=65536), "at most 65536 accepted"),
}


@pytest.mark.parametrize("kind", HEADERS)
@every_step
async def test_a_wrong_header(mode: str, number: int, kind: str) -> None:
    change, reason = HEADERS[kind]
    driver, data = await before(mode, number)
    await driver.channel.write(change(data))
    outcome = await driver.closed()
    assert outcome.cause is Cause.PEER
    assert reason in outcome.reason
    assert not driver.bench.evse.energised


@every_step
async def test_a_connection_that_breaks_within_a_request(mode: str, number: int) -> None:
    driver, data = await before(mode, number)
    frame = v2gtp.pack(v2gtp.EXI, data)
    await driver.channel.write(frame[: len(frame) // 2])
    outcome = await driver.leave()
    assert outcome.cause is Cause.PEER
    assert not driver.driven
    assert not driver.bench.evse.energised


@pytest.mark.parametrize("size", [1, 7, 8, 9, 20])
@pytest.mark.parametrize("mode", MODES)
async def test_a_request_in_pieces_is_one_request(mode: str, size: int) -> None:
    driver, data = await before(mode, 0)
    frame = v2gtp.pack(v2gtp.EXI, data)
    for part in (frame[:size], frame[size:]):
        await driver.channel.write(part)
        await asyncio.sleep(0.5)
    assert (await driver.receive()).message.ResponseCode == "OK_NewSessionEstablished"
    await driver.leave()


@pytest.mark.parametrize("kind", [0x8002, 0x8101, 0x9001, 0xA000, 0x0000])
@pytest.mark.parametrize("mode", MODES)
async def test_frames_of_another_payload_type_are_ignored(mode: str, kind: int) -> None:
    """[V2G2-800]: with the right request behind them, nothing happened."""
    driver, _ = await before(mode, 1)
    await driver.channel.write(v2gtp.pack(kind, b"\x01\x02\x03") + v2gtp.pack(kind, b""))
    assert (await driver.step(NORMAL[mode].split()[1])).ResponseCode == "OK"
    await driver.leave()
    assert sum(e.name == "skipped" for e in driver.bench.events["se"]) == 2


@pytest.mark.parametrize("kind", GARBAGE)
async def test_garbage_as_the_handshake(kind: str) -> None:
    """An undecodable supportedAppProtocolReq gets no answer."""
    driver = await Driver.connect("iso2-dc", handshake=False)
    await driver.channel.write_frame(v2gtp.EXI, GARBAGE[kind])
    await off(driver)


async def test_a_truncated_handshake() -> None:
    driver = await Driver.connect("iso2-dc", handshake=False)
    data = exi.encode(schema("appproto"), offer([driver.bench.protocol]))
    for length in range(0, len(data) - 1, 3):
        driver = await Driver.connect("iso2-dc", handshake=False)
        await driver.channel.write_frame(v2gtp.EXI, data[:length])
        await off(driver)
