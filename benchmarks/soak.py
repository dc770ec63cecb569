"""``make soak``: many sessions for a long time; fails if something grows or the end of a session is unaccounted for.

Vehicles come, charge for a few seconds and go, some of them without a word, many at once, over TCP or TLS on
loopback. Each end is a process. What each holds is sampled into a table; after the last session both must hold what
they held before, and each session must have ended as expected.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.fleet import Chargers, Usage, Vehicles, chargers, usage

RSS_GROWS = 0.05
"""Share by which memory may exceed that at half time in the end: allocators settle late."""
RSS_ALLOWANCE = 3.0
"""MB that are never growth."""
SPARE = 2
"""Handles and tasks that may be left over from something that is just ending."""

BROKEN_ENDS = ("peer: the peer closed the connection", "peer: the connection broke")
"""How a charger sees a vehicle that vanishes."""


@dataclass
class Sample:
    """One line of the table."""

    minute: float
    alive: int
    ended: int
    broken: int
    vehicles: Usage
    chargers: Usage

    def __str__(self) -> str:
        sides = "".join(f"{side.rss:>10.1f}{side.handles:>9}{side.tasks:>7}" for side in (self.vehicles, self.chargers))
        return f"{self.minute:>8.2f}{self.alive:>7}{self.ended:>8}{self.broken:>8}{sides}"


HEAD = (
    f"{'':>31}{'vehicles':>26}{'chargers':>26}\n"
    f"{'minute':>8}{'alive':>7}{'ended':>8}{'broken':>8}" + f"{'RSS MB':>10}{'handles':>9}{'tasks':>7}" * 2
)


@dataclass
class Run:
    """What a soak saw.

    Attributes:
        before, after: at rest, vehicles' and chargers' side; the first after a few sessions.
        samples: under load.
        ends: by side.
        broken: sessions that were broken off deliberately.
    """

    before: tuple[Usage, Usage] = (Usage(0, 0, 0), Usage(0, 0, 0))
    after: tuple[Usage, Usage] = (Usage(0, 0, 0), Usage(0, 0, 0))
    samples: list[Sample] = field(default_factory=list)
    ends: tuple[Counter[str], Counter[str]] = field(default_factory=lambda: (Counter(), Counter()))
    broken: int = 0

    def problems(self) -> list[str]:
        """What grew, and what is unaccounted for."""
        return [*self._growth(), *self._unaccounted()]

    def _growth(self) -> list[str]:
        found = []
        half = len(self.samples) // 2
        for place, side in enumerate(("vehicles", "chargers")):
            before, after = self.before[place], self.after[place]
            for what in ("handles", "tasks"):
                now, then = getattr(after, what), getattr(before, what)
                if now > then + SPARE:
                    found.append(f"{side}: {now} {what} left, {then} before")
            memory = [(sample.vehicles, sample.chargers)[place].rss for sample in self.samples]
            if half >= 4:
                early, late = statistics.median(memory[half // 2 : half]), statistics.median(memory[-half // 2 :])
                if late > early * (1 + RSS_GROWS) + RSS_ALLOWANCE:
                    found.append(f"{side}: the memory grew from {early:.1f} to {late:.1f} MB")
        return found

    def _unaccounted(self) -> list[str]:
        vehicles, served = self.ends
        found = [f"vehicles: {count} x {end}" for end, count in vehicles.items() if end != "completed"]
        cut = sum(count for end, count in served.items() if end.startswith(BROKEN_ENDS))
        strange = {end: n for end, n in served.items() if end != "completed" and not end.startswith(BROKEN_ENDS)}
        found += [f"chargers: {count} x {end}" for end, count in strange.items()]
        if cut > self.broken:
            found.append(f"chargers: {cut} sessions were cut off, {self.broken} deliberately")
        total, wanted = sum(served.values()), sum(vehicles.values()) + self.broken
        if total != wanted:
            found.append(f"chargers: {total} sessions have ended, but {wanted} were started")
        return found


async def soak(
    *,
    minutes: float,
    sessions: int,
    broken: float,
    tls: bool,
    charging: float = 5.0,
    every: float = 0.25,
    say: Callable[[str], None] = print,
    seeded: Callable[[], None] = lambda: None,
) -> Run:
    """Runs it.

    Args:
        sessions: at once.
        broken: share of them that vanishes, 0 to 1.
        charging: s of charging in a session.
        every: s between two CurrentDemandReq.
        seeded: called at each session's end; what a test lets leak.
    """
    run, rng, loop = Run(), random.Random(1), asyncio.get_running_loop()
    async with chargers(tls=tls) as served:
        cars = Vehicles(served.port, tls=tls, every=every, seconds=charging, patient=60.0)
        await asyncio.gather(*(cars.session() for _ in range(min(sessions, 4))))  # all is loaded and generated then
        run.before = await _at_rest(served)
        started = loop.time()
        end = started + minutes * 60.0

        async def place() -> None:
            await asyncio.sleep(rng.uniform(0.0, min(charging, minutes * 20.0)))
            while loop.time() < end:
                cut = rng.uniform(0.0, charging + 2.0) if rng.random() < broken else None
                await cars.session(broken_off=cut)
                seeded()

        say(HEAD)
        places = [asyncio.create_task(place()) for _ in range(sessions)]
        while loop.time() < end:
            await asyncio.sleep(max(min(minutes * 60.0 / 40.0, end - loop.time()), 0.05))
            theirs, _ = await served.look()
            minute = (loop.time() - started) / 60.0
            sample = Sample(minute, cars.alive, sum(cars.ends.values()), cars.broken, usage(), theirs)
            run.samples.append(sample)
            if len(run.samples) % 2 == 0:
                say(str(sample))
        await asyncio.gather(*places)
        run.after = await _at_rest(served)
        run.ends, run.broken = (cars.ends, (await served.look())[1]), cars.broken
    return run


async def _at_rest(served: Chargers) -> tuple[Usage, Usage]:
    """What both hold once nothing changes any more: connections take a moment to be gone."""
    last = None
    for _ in range(100):
        gc.collect()
        theirs, _ = await served.look()
        now = (usage().handles, usage().tasks, theirs.handles, theirs.tasks)
        if now == last:
            break
        last = now
        await asyncio.sleep(0.5)
    return usage(), (await served.look())[0]


def report(run: Run) -> list[str]:
    """Ends, what is left, and the verdict."""
    lines = [""]
    for side, ends in zip(("vehicles", "chargers"), run.ends, strict=True):
        lines += [f"{side:<10}{count:>8}  {end}" for end, count in ends.most_common()]
    lines.append(f"{'broken off':<10}{run.broken:>8}  deliberately")
    for side, before, after in zip(("vehicles", "chargers"), run.before, run.after, strict=True):
        lines.append(
            f"{side:<10}at rest: RSS {before.rss:.1f} -> {after.rss:.1f} MB, handles {before.handles} ->"
            f" {after.handles}, tasks {before.tasks} -> {after.tasks}"
        )
    problems = run.problems()
    return [
        *lines,
        "",
        *(f"PROBLEM  {text}" for text in problems),
        "failed" if problems else "nothing grew, and every end is accounted for",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1: something grew, or an end is unaccounted for."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--sessions", type=int, default=50, help="at once")
    parser.add_argument("--broken", type=float, default=0.2, help="share of them that vanishes, 0 to 1")
    parser.add_argument("--tls", action="store_true")
    args = parser.parse_args(arguments)
    run = asyncio.run(
        soak(minutes=args.minutes, sessions=args.sessions, broken=args.broken, tls=args.tls,
             say=lambda text: print(text, flush=True))
    )  # fmt: skip
    print("\n".join(report(run)))
    return 1 if run.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
