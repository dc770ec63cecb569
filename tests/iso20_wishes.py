"""What driver and charger can wish for in a session of ISO 15118-20: anything, at any time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bench import Bench, message_seen
from hypothesis import strategies

from secc.charger import Wish
from secc.plan import Slot

ACTIONS: dict[str, Any] = {
    "renegotiate": lambda bench: bench.vehicle.renegotiate.set(),
    "rest": lambda bench: bench.vehicle.standby.set(),
    "go on": lambda bench: bench.vehicle.standby.clear(),
    "other service": lambda bench: (
        setattr(bench.ev, "control", "dynamic" if bench.ev.control == "scheduled" else "scheduled"),
        bench.vehicle.another_service.set(),
    ),
    "pause": lambda bench: bench.vehicle.pause.set(),
    "charger: pause": lambda bench: bench.evse.request(Wish.PAUSE, 60),
    "charger: schedule": lambda bench: bench.evse.request_renegotiation(10),
    "charger: exit standby": lambda bench: bench.evse.request(Wish.EXIT_STANDBY, 10),
    "charger: other service": lambda bench: bench.evse.request(Wish.OTHER_SERVICE, 10),
    "charger: less": lambda bench: setattr(bench.evse, "schedule", (Slot(0, 4_000.0), Slot(20, 9_000.0))),
    "charger: slow": lambda bench: setattr(bench.evse, "planning_seconds", 4.0),
    "charger: quick": lambda bench: setattr(bench.evse, "planning_seconds", 0.0),
}

WISHES = strategies.lists(
    strategies.tuples(strategies.floats(min_value=0.0, max_value=6.0), strategies.sampled_from(sorted(ACTIONS))),
    max_size=8,
)
"""Seconds to wait, and what is wished for then."""


async def rounds(bench: Bench, count: int) -> None:
    """Waits for so many messages of the charge loop."""
    name = "AC_ChargeLoopReq" if "-ac" in bench.mode else "DC_ChargeLoopReq"
    await message_seen(bench, name, bench.names().count(name) + count)


def wishing(actions: list[tuple[float, str]]) -> Callable[[Bench], Awaitable[None]]:
    """Runs beside a session: the wishes, then the driver's stop in the loop."""

    async def during(bench: Bench) -> None:
        for seconds, action in actions:
            await asyncio.sleep(seconds)
            ACTIONS[action](bench)
        await asyncio.sleep(5.0)
        await rounds(bench, 5)
        bench.vehicle.stop.set()

    return during
