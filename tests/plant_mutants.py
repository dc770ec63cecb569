"""Mutants of the charger's protocol code, seen from the plant alone: whatever is wrong above it, it obeys both sides.

``python -m plant_mutants NUMBER SEED`` in ``tests/`` prints each mutant under which the output exceeded the vehicle's
limits, stayed live without C or D, or outlived its session. Modules that are the plant themselves are left alone.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import ISO20_MODES, MODES, Bench
from mutants import apart, source

from evcc import charge as evcc
from plugfest.virtual import run
from secc import serve as secc
from slac.pilot import READY
from v2g.memory_link import memory_pair

PLANT = {"envelope", "simulated", "supply", "outlet", "charger", "power", "meter", "nominal", "manager", "arrivals"}
"""Modules of the charger that are its plant, or decide which vehicle is served."""

TICK = 0.02
"""s: between two looks at the plant."""
OFF = 0.15
"""s: in which the output is off once the vehicle leaves C and D; IEC 61851-1 allows 0.1 s, to which looks add."""
LONGEST = 400.0
"""s: of a session, in virtual time."""
SECONDS = 60
"""Real time for one mutant: one that loops forever delivers nothing."""


class Plant:
    """The outlet of a bench, looked at while a session runs."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._since: float | None = None
        self.wrong: dict[str, None] = {}

    def look(self, now: float) -> None:
        bench, pack = self._bench, self._bench.battery.pack
        if bench.power is not None:
            volts, amps = bench.power.measure()
            for unit, value, most in (
                ("V", volts, pack.max_voltage * 1.02 + 2.0),
                ("A", abs(amps), pack.max_current * 1.02 + 2.0),
                ("W", abs(volts * amps), pack.max_power * 1.03 + 500.0),
            ):
                if value > most:
                    self.wrong[f"more than {most:.0f} {unit}"] = None
        live = bench.power.on if bench.power is not None else bench.evse.energised
        if not live or bench.wire.ev.state in READY:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since > OFF:
            self.wrong[f"live in {bench.wire.ev.state}"] = None


async def session(mode: str) -> list[str]:
    """What the plant did wrong in a session of our vehicle, and for a minute after it."""
    bench, loop = Bench(mode, duration=4.0), asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: None)
    plant = Plant(bench)

    async def looking() -> None:
        while True:
            await asyncio.sleep(TICK)
            plant.look(loop.time())

    near, far = await memory_pair()
    looks = asyncio.create_task(looking())
    charger = asyncio.create_task(secc.serve(near, bench.evse, bench.se))
    vehicle = asyncio.create_task(evcc.charge(far, bench.vehicle, bench.ev))
    await asyncio.wait({charger, vehicle}, timeout=LONGEST)
    vehicle.cancel()
    await asyncio.gather(vehicle, return_exceptions=True)
    await asyncio.sleep(70.0)
    if not charger.done():
        plant.wrong["a session that outlives its vehicle"] = None
    if bench.evse.energised:
        plant.wrong["live after the end"] = None
    for task in (charger, looks):
        task.cancel()
    await asyncio.gather(charger, looks, return_exceptions=True)
    return list(plant.wrong)


def _modes(module: str) -> list[str]:
    name = module.partition(".")[2]
    if name.startswith("iso20"):
        return list(ISO20_MODES)
    return [mode for mode in MODES if mode.startswith(name[:3])] or [*MODES, *ISO20_MODES]


def _sites() -> list[source.Site]:
    names = sorted(path.stem for path in (Path(__file__).parents[1] / "secc").glob("*.py"))
    return [site for name in names if name not in PLANT and name != "__init__" for site in source.sites(f"secc.{name}")]


def disobeyed(site: source.Site) -> Iterator[str]:
    """What was wrong with a mutant in place."""
    for mode in _modes(site.module):
        try:
            found = run(session(mode))
        except Exception:  # noqa: BLE001 - a mutant may break a session in any way; only what the plant did counts
            continue
        yield from (f"{mode}: {text}" for text in found)


def wrong(number: int, seed: int) -> Iterator[str]:
    """The mutants of a sample under which the plant did wrong, with what it did."""
    for mode in (*MODES, *ISO20_MODES):  # loads what is used; and the plant without any mutant
        yield from (f"no mutant, {mode}: {text}" for text in run(session(mode)))
    yield from apart.wrong(_sites(), number, seed, disobeyed, seconds=SECONDS)


if __name__ == "__main__":
    for line in wrong(int(sys.argv[1]), int(sys.argv[2])):
        print(line, flush=True)
