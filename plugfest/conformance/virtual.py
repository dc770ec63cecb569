"""An event loop whose clock jumps to the next deadline when nothing is ready.

An hour of charging takes seconds and yields the same trace each time. Time is kept in whole nanoseconds, or 0.1 + 0.2
would miss a deadline of 0.3. No threads or executors under it: it would not know that they will answer.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class DeadlockError(RuntimeError):
    """Nothing is scheduled and nothing can arrive: the program would wait forever."""


class _JumpSelector(selectors.SelectSelector):
    loop: VirtualLoop

    def __init__(self) -> None:
        super().__init__()
        self._registered = self.get_map()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        at_once = timeout is not None and timeout <= 0
        if at_once and len(self._registered) <= 1:  # only the loop's own pipe, which wakes it up: it is awake already
            return []
        ready = super().select(0)
        if ready or at_once:
            return ready
        if timeout is None:
            raise DeadlockError("nothing is scheduled and nothing can arrive")
        self.loop.advance(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Use with ``asyncio.Runner(loop_factory=VirtualLoop)``; starts at time 0."""

    def __init__(self) -> None:
        self._nanoseconds, self._seconds = 0, 0.0
        selector = _JumpSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Advances the clock by at least one nanosecond."""
        self._nanoseconds += max(round(seconds * 1e9), 1)
        self._seconds = self._nanoseconds / 1e9


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to completion in virtual time.

    Raises:
        DeadlockError: it waits for something that cannot come.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
