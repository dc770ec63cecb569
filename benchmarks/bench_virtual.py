"""How much faster than the clock a whole session runs in virtual time, and the share of the codec."""

from __future__ import annotations

import asyncio
import random
import time

from evcc import charge as evcc
from plugfest import plants
from plugfest.config.model import Bench
from plugfest.config.vehicle import Vehicle
from plugfest.virtual import run
from secc import serve as secc
from v2g.memory_link import memory_pair
from v2g.protocols import DIN, ISO2, ISO20, Protocol

SECONDS = 300.0


async def _session(protocol: Protocol, ac: bool) -> tuple[float, int]:
    """Virtual seconds and messages of one session."""
    bench = Bench(ac=ac, vehicle=Vehicle(battery="800V", soc=5.0, target=100.0))
    pair = plants.make_pair(bench, random.Random(1))
    ends = await memory_pair()
    charger = asyncio.create_task(
        secc.serve(ends[0], pair.evse, secc.Options(protocols=(protocol,), any_transport=True))
    )
    options = evcc.Options(protocols=(protocol,), any_transport=True, ac=ac, duration=SECONDS)
    outcome = await evcc.charge(ends[1], pair.vehicle, options)
    await charger
    if not outcome.ok:
        raise RuntimeError(outcome.reason)
    return outcome.seconds, outcome.messages


def main() -> None:
    print(f"{'session':<17} {'messages':>9} {'virtual s':>10} {'real s':>8} {'x real time':>12} {'µs/message':>11}")
    for protocol, ac in ((DIN, False), (ISO2, False), (ISO20, False), (ISO2, True), (ISO20, True)):
        name = f"{protocol.title.removesuffix(' 70121')} {'AC' if ac else 'DC'}"
        started = time.perf_counter()
        seconds, messages = run(_session(protocol, ac))
        took = time.perf_counter() - started
        # Each message is encoded once and decoded once, by both sides together.
        print(
            f"{name:<17} {messages:>9} {seconds:>10.0f} {took:>8.2f} {seconds / took:>12.0f}"
            f" {took / messages * 1e6:>11.0f}"
        )


if __name__ == "__main__":
    main()
