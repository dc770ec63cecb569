"""What the vehicle does on side streams of ISO 15118-20 while its main script goes on: one task for each stream."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Beside:
    """The tasks of one session, by the payload type of their stream.

    What goes wrong in one is raised where the main script looks; a time-out alone is for the task itself to handle.
    """

    def __init__(self) -> None:
        self._tasks: dict[int, asyncio.Task[Any]] = {}

    def begin(self, stream: int, work: Coroutine[Any, Any, Any]) -> None:
        """Starts work on a stream on which nothing goes on."""
        assert not self.busy(stream)
        self._tasks[stream] = asyncio.ensure_future(work)

    def busy(self, stream: int) -> bool:
        """Whether something goes on there, or has ended and was not asked for."""
        return stream in self._tasks

    def result(self, stream: int) -> Any:
        """What the work of a stream has come to; None while it goes on, or where there is none.

        Raises:
            V2GError: what ended it.
        """
        task = self._tasks.get(stream)
        if task is None or not task.done():
            return None
        del self._tasks[stream]
        return task.result()

    @property
    def failure(self) -> BaseException | None:
        """What has ended a task, if anything has gone wrong in one."""
        done = [task for task in self._tasks.values() if task.done() and not task.cancelled()]
        return next((why for task in done if (why := task.exception()) is not None), None)

    def check(self) -> None:
        """Looks whether anything has failed.

        Raises:
            V2GError: what did.
        """
        if (why := self.failure) is not None:
            raise why

    async def stop(self, stream: int | None = None) -> None:
        """Ends the work of a stream, or all of it; nothing is sent any more."""
        names = list(self._tasks) if stream is None else [stream]
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
