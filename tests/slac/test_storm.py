"""Hostile stations on the line: altered, truncated, replayed and invented frames hurt neither side."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from matching import Bench
from sampling import slow

from plugfest.virtual import run
from slac import ev
from slac.errors import SlacError
from slac.frames import BROADCAST, kinds
from slac.powerline import Station

SEEDS = [pytest.param(range(12), id="12"), slow(pytest.param(range(100, 400), id="300"))]


def _mutated(rng: random.Random, seen: list[bytes], station: Station, stranger: bytes, forged: bool) -> bytes:
    """A frame made from one that was seen, or from nothing."""
    if not seen or rng.random() < 0.2:
        kind = rng.choice(kinds())
        head = station.mac + stranger + b"\x88\xe1" + bytes([kind.MMV]) + kind.CODE.to_bytes(2, "little")
        return head + rng.randbytes(rng.randrange(120))
    data = bytearray(rng.choice(seen))
    for _ in range(rng.randint(1, 4)):
        match rng.randrange(4):
            case 0:
                data[rng.randrange(14, len(data))] = rng.randrange(256)
            case 1:
                del data[rng.randrange(15, len(data)) :]
                if len(data) <= 15:
                    break
            case 2:
                data += rng.randbytes(rng.randrange(1, 40))
            case 3:
                data[6:12] = stranger
        if len(data) <= 16:
            break
    data[0:6] = rng.choice([BROADCAST, station.mac])
    if not forged:
        data[6:12] = stranger
    return bytes(data)


async def _storm(seed: int, forged: bool = True) -> str:
    rng = random.Random(seed)
    bench = Bench.of(seed=seed, own=rng.choice([20.0, 50.0]))
    car, post = bench.cars[0], bench.posts[0]
    seen: list[bytes] = []
    real = {station: station.deliver for station in (car, post)}

    def tap(station: Station) -> Any:
        def deliver(data: bytes, extra: bytes) -> None:
            seen.append(data)
            real[station](data, extra)

        return deliver

    for station in (car, post):
        station.deliver = tap(station)

    async def rain() -> None:
        while True:
            station = rng.choice([car, post])
            stranger = rng.choice([b"\x02\x66\0\0\0\x01", b"\x02\x66\0\0\0\x02"])
            real[station](_mutated(rng, seen, station, stranger, forged), b"")
            await asyncio.sleep(rng.choice([0.0005, 0.005, 0.02]))

    raining = asyncio.create_task(rain())
    try:
        async with bench.charger() as charger:
            waiting = asyncio.create_task(charger.match())
            try:
                async with asyncio.timeout(60):
                    found = await bench.match_car(0, ev.Options())
                    theirs = await waiting
            except (SlacError, TimeoutError) as why:
                waiting.cancel()
                return f"{type(why).__name__}: {why}"
            if found.nmk != theirs.nmk or found.evse_mac != post.mac:
                return "a wrong match"
    finally:
        raining.cancel()
    return ""


@pytest.mark.parametrize("seeds", SEEDS)
def test_strangers(seeds: range) -> None:
    """Whatever strangers send under their own addresses, the pair is matched."""
    assert {seed: text for seed in seeds if (text := run(_storm(seed, forged=False)))} == {}


@pytest.mark.parametrize("seeds", SEEDS)
def test_forgers(seeds: range) -> None:
    """An attacker with forged addresses can prevent a match, but neither harms a side nor makes a wrong pair."""
    results = {seed: run(_storm(seed, forged=True)) for seed in seeds}
    assert "a wrong match" not in results.values()
    assert sum(not text for text in results.values()) >= len(seeds) // 2
