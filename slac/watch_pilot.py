"""The control pilot as matching sees it: it starts when a vehicle is there, and ends it in A, E or F."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from slac.errors import PilotLost
from slac.pilot import Pilot, Reading, State

T = TypeVar("T")

ENDS = frozenset({State.A, State.E, State.F})


class ToggleCounter:
    """Counts BCB pulses that the charger sees from now on: C left for B 0.15 to 0.45 s after it began.

    The vehicle's 200 to 400 ms, and 50 ms for the detection of edges on either side.

    Attributes:
        count: pulses so far.
    """

    def __init__(self, pilot: Pilot) -> None:
        self.count = 0
        self._loop = asyncio.get_running_loop()
        self._rise: float | None = None
        self._stop = pilot.subscribe(self._changed)

    def _changed(self, reading: Reading) -> None:
        if reading.state is State.C:
            self._rise = self._loop.time()
        elif reading.state is State.B and self._rise is not None:
            self.count += 0.15 <= self._loop.time() - self._rise <= 0.45
            self._rise = None

    def __enter__(self) -> ToggleCounter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()


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
