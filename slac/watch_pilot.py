"""The control pilot's effect on matching: a connected vehicle starts it, and A, E or F ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from slac.errors import PilotLost
from slac.pilot import Pilot, Reading, State

T = TypeVar("T")

ENDS = frozenset({State.A, State.E, State.F})


async def while_connected(pilot: Pilot, work: Coroutine[Any, Any, T]) -> T:
    """Runs ``work`` until it is done; cancels it when the pilot goes to A, E or F.

    Raises:
        PilotLost: the pilot ended it.
    """
    task = asyncio.ensure_future(work)
    lost: list[Reading] = []

    def changed(reading: Reading) -> None:
        if reading.state in ENDS and not lost and not task.done():
            lost.append(reading)
            task.cancel()

    unsubscribe = pilot.subscribe(changed)
    changed(pilot.reading)
    try:
        return await task
    except asyncio.CancelledError:
        if lost and not _being_cancelled():
            raise PilotLost(f"the control pilot went to {lost[0].label}") from None
        raise
    finally:
        unsubscribe()
        task.cancel()


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
