"""1000 sessions at 4 Hz, vehicles and chargers in a process each: how long a CurrentDemandReq waits for its response.

Vehicles arrive one after the other, and are measured once all of them charge. A vehicle's own limit is 250 ms. How much
CPU time each process needs shows which one is saturated; percentiles on a busy machine mean little.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
from collections.abc import Sequence

from benchmarks.fleet import Vehicles, chargers

EVERY = 0.25
ARRIVE = 25.0
"""Maximum vehicles a second: setting up a session costs as much as seconds of charging."""


async def _run(sessions: int, seconds: float) -> None:
    measuring = False
    loop = asyncio.get_running_loop()
    async with chargers(tls=False) as served:
        cars = Vehicles(served.port, tls=False, every=EVERY, seconds=36000.0, patient=30.0)
        await cars_warm(served.port)
        gc.collect()
        gc.freeze()
        tasks = []
        for _ in range(sessions):
            tasks.append(asyncio.create_task(cars.session(measure=lambda: measuring)))
            await asyncio.sleep(1.0 / ARRIVE)
        await asyncio.sleep(8.0)  # the last of them are past precharge
        measuring, began = True, loop.time()
        before = os.times()
        await asyncio.sleep(seconds)
        measuring, took = False, loop.time() - began
        after = os.times()
        alive, delays = cars.alive, sorted(cars.delays)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    busy = (after.user + after.system - before.user - before.system) / took
    if len(delays) < 100:
        print(f"{sessions:>9}{alive:>8}  too few responses: {dict(cars.ends)}")
        return
    cuts = statistics.quantiles(delays, n=100)
    print(
        f"{sessions:>9}{alive:>8}{len(delays) / took / alive:>11.2f}{cuts[49] * 1e3:>10.1f}{cuts[98] * 1e3:>10.1f}"
        f"{delays[-1] * 1e3:>10.1f}{busy:>12.0%}   {dict(cars.ends) or ''}"
    )


async def cars_warm(port: int) -> None:
    """A few sessions, so that everything is loaded and generated."""
    warm = Vehicles(port, tls=False, every=0.05, seconds=0.2, patient=30.0)
    await asyncio.gather(*(warm.session() for _ in range(4)))


def main(arguments: Sequence[str] | None = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[100, 300, 600, 1000])
    parser.add_argument("--seconds", type=float, default=15.0)
    args = parser.parse_args(arguments)
    print(f"{'sessions':>9}{'alive':>8}{'Hz each':>11}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}{'vehicles':>12}")
    for sessions in args.sessions:
        asyncio.run(_run(sessions, args.seconds))


if __name__ == "__main__":
    main(None)
