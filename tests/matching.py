"""Matching on a simulated power line, as tests and benchmarks set it up: chargers and vehicles, plugged in pairs."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from slac import ev, evse
from slac.frames import Frame, parse
from slac.host import Rewrites
from slac.modem_sim import Behaviour
from slac.pilots import SimulatedPilot
from slac.powerline import Conditions, Powerline, Station


@dataclass
class Bench:
    """Pairs of vehicle and charger, each with a pilot wire of its own, on one power line.

    Attributes:
        line: the medium.
        cars, posts, pilots: by pair.
        events: events of each station, by its name (``car0``, ``post0``...).
    """

    line: Powerline
    cars: list[Station] = field(default_factory=list)
    posts: list[Station] = field(default_factory=list)
    pilots: list[SimulatedPilot] = field(default_factory=list)
    events: dict[str, list[Any]] = field(default_factory=dict)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(
        cls,
        pairs: int = 1,
        *,
        seed: int = 1,
        own: float | Sequence[float] = 20.0,
        plugged: bool = True,
        conditions: Conditions | None = None,
        car: Behaviour | None = None,
        post: Behaviour | None = None,
        crosstalk: float = 60.0,
    ) -> Bench:
        """A bench whose pairs are joined by cables of ``own`` dB; between pairs there is ``crosstalk`` dB."""
        bench = cls(Powerline(random.Random(seed), conditions or Conditions(), crosstalk=crosstalk))
        for n in range(pairs):
            vehicle = bench.line.vehicle(f"car{n}", behaviour=car)
            charger = bench.line.charger(f"post{n}", behaviour=post)
            bench.line.connect(vehicle, charger, own)
            bench.cars.append(vehicle)
            bench.posts.append(charger)
            bench.pilots.append(SimulatedPilot(plugged=plugged))
        return bench

    def observe(self, name: str) -> Any:
        def tell(event: Any) -> None:
            self.events.setdefault(name, []).append(event)
            self._more.set()

        return tell

    async def until(self, name: str, direction: str, message: str) -> None:
        """Waits until a station has sent (``tx``) or received (``rx``) a message."""
        while not self.frames(name, direction, message):
            self._more.clear()
            await self._more.wait()

    def match_car(
        self, n: int = 0, options: ev.Options | None = None, *, rewrite: Rewrites | None = None, modem: bool = True
    ) -> Any:
        """The coroutine of a vehicle."""
        rng = random.Random(self.line.rng.random())
        return ev.match(
            self.cars[n], self.pilots[n].ev, options, observe=self.observe(f"car{n}"), rewrite=rewrite, rng=rng,
            modem=modem,
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def charger(
        self, n: int = 0, options: evse.Options | None = None, *, rewrite: Rewrites | None = None, modem: bool = True
    ) -> AsyncIterator[evse.Evse]:
        """A charger that is ready."""
        rng = random.Random(self.line.rng.random())
        async with evse.ready(
            self.posts[n], self.pilots[n].evse, options, observe=self.observe(f"post{n}"), rewrite=rewrite, rng=rng,
            modem=modem,
        ) as charger:  # fmt: skip
            yield charger

    def frames(self, name: str, direction: str = "tx", message: str = "") -> list[tuple[float, Frame]]:
        """Time and frame of what a station sent or received."""
        return [
            (e.time, parse(e.data))
            for e in self.events.get(name, [])
            if e.direction == direction and (not message or e.name == message)
        ]

    def notes(self, name: str, event: str) -> list[str]:
        """Notes of the events of one name."""
        return [e.note for e in self.events.get(name, []) if e.name == event]

    def steps(self, name: str) -> list[str]:
        """The steps a station went through."""
        return self.notes(name, "step")


async def both(
    bench: Bench, car: ev.Options | None = None, post: evse.Options | None = None, n: int = 0
) -> tuple[Any, Any]:
    """One vehicle and its charger, until both are matched."""
    async with bench.charger(n, post) as charger:
        waiting = asyncio.create_task(charger.match())
        try:
            vehicle = await bench.match_car(n, car)
            async with asyncio.timeout(5):
                return vehicle, await waiting
        finally:
            waiting.cancel()
