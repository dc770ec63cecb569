"""From plug-in to link at an AC charger: a card shown at the charger, SLAC at a nominal duty, a lost link."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

from secc.arrivals import Arrivals
from secc.authorizer import Authorizer, CardReader, Immediate
from secc.charger import Evse
from secc.supply import AcSupply
from slac import ev, evse
from slac.outcome import Match
from slac.pilot import State
from slac.pilots import SimulatedPilot
from slac.powerline import Powerline
from slac.timing import Timing
from v2g.outcome import Outcome

FAST = Timing().replace(TT_EVSE_SLAC_init=1.0)


class Place:
    """An AC outlet with a power line to a vehicle, not plugged in yet."""

    def __init__(self, authorizer: Authorizer | None = None, **how: Any) -> None:
        rng = random.Random(3)
        self.line = Powerline(rng)
        self.car, self.post = self.line.vehicle("car"), self.line.charger("post")
        self.line.connect(self.car, self.post, 20.0)
        self.wire = SimulatedPilot()
        self.supply = AcSupply(max_current=16.0)
        self.plant = Evse(self.wire.evse, ac=self.supply, authorizer=authorizer or Immediate())
        self.how = how
        self.ended: list[Outcome] = []
        self.seen: list[str] = []
        self.wire.ev.subscribe(lambda reading: self.seen.append(f"{reading.label} {reading.duty:.0f}"))

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Arrivals]:
        options = evse.Options(timing=FAST, repeat_pilot=True)
        async with evse.ready(self.post, self.wire.evse, options, rng=random.Random(1)) as side:
            arrivals = Arrivals(side, self.plant, ended=self.ended.append, **self.how)
            try:
                yield arrivals
            finally:
                await arrivals.stop()

    async def matches(self, arrivals: Arrivals) -> Match:
        """The vehicle matches at any duty."""
        found = asyncio.create_task(arrivals.link())
        await ev.match(self.car, self.wire.ev, ev.Options(digital=False), rng=random.Random(2))
        return await found


async def test_slac_is_answered_at_the_nominal_duty() -> None:
    """Nobody asks at 5 %, and the vehicle charges by the duty; then it asks, gets its link, and goes on charging."""
    place = Place()
    async with place.open() as arrivals:
        found = asyncio.create_task(arrivals.link())
        place.wire.plug()
        await asyncio.sleep(20.0)
        place.wire.ev.set(State.C)
        await asyncio.sleep(3.0)
        assert place.supply.closed
        await ev.match(place.car, place.wire.ev, ev.Options(digital=False), rng=random.Random(2))
        match = await found
        assert match.ev_mac == place.car.mac
        assert place.supply.closed
        assert arrivals.charging
        place.wire.unplug()
        await asyncio.sleep(0.1)
        assert not place.supply.closed
    assert place.seen[:8] == ["B1 100", "B2 5", "F 0", "B2 5", "F 0", "B2 5", "B1 100", "B2 27"]
    assert [outcome.reason for outcome in place.ended] == ["unplugged while the vehicle was ready"]


async def test_a_session_takes_over_what_the_duty_has_served() -> None:
    """Duty and contactor stay as they are, and the charging before counts as a separate session."""
    place = Place(CardReader())
    async with place.open() as arrivals:
        place.plant.authorizer.accept()  # type: ignore[attr-defined]  # the plant has a Customer here
        place.wire.plug()
        found = asyncio.create_task(arrivals.link())
        await asyncio.sleep(6.0)
        place.wire.ev.set(State.C)
        await asyncio.sleep(10.0)
        await ev.match(place.car, place.wire.ev, ev.Options(digital=False), rng=random.Random(2))
        await found
        arrivals.hand_over()
        await asyncio.sleep(0.1)
        assert not arrivals.charging
        assert place.supply.closed
        assert place.wire.ev.reading.label == "C2"
    (before,) = place.ended
    assert before.energy_wh > 0
    assert before.reason == "a session began"


async def test_a_card_counts_for_one_vehicle() -> None:
    """Shown before plugging in, the duty is nominal at once; the next vehicle gets 5 %."""
    place = Place(CardReader())
    async with place.open() as arrivals:
        serving = asyncio.create_task(arrivals.link())
        place.plant.authorizer.accept()  # type: ignore[attr-defined]  # the plant has a Customer here
        await asyncio.sleep(1.0)
        place.wire.plug()
        await asyncio.sleep(1.0)
        assert place.seen == ["B1 100", "B2 27"]
        place.wire.unplug()
        await asyncio.sleep(1.0)
        place.wire.plug()
        await asyncio.sleep(0.5)
        assert place.seen[-1] == "B2 5"
        serving.cancel()


async def test_a_lost_link_ends_with_a_step_to_f() -> None:
    """X1, F, and 5 % again; the vehicle gets a link of another network."""
    place = Place()
    async with place.open() as arrivals:
        place.wire.plug()
        first = await place.matches(arrivals)
        place.seen.clear()
        await arrivals.lost()
        assert place.seen == ["B1 100", "F 0", "B2 5"]
        assert (await place.matches(arrivals)).nmk != first.nmk


async def test_a_lost_link_may_leave_the_pilot_alone() -> None:
    """Option B at a nominal duty: nothing is seen at the pilot, power goes on, and a new SLAC is answered."""
    place = Place(CardReader(), loss="B")
    async with place.open() as arrivals:
        place.plant.authorizer.accept()  # type: ignore[attr-defined]  # the plant has a Customer here
        place.wire.plug()
        first = await place.matches(arrivals)
        place.seen.clear()
        await arrivals.lost()
        assert (await place.matches(arrivals)).nmk != first.nmk
        assert place.seen == []
        assert arrivals.charging
