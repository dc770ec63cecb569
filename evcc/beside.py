"""The vehicle's work on side streams of ISO 15118-20 while its main script runs: one task per stream."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Beside:
    """The side-stream tasks of one session, by the payload type of their stream.

    An error in a task is raised where the main script checks; only a time-out is left to the task itself.
    """

    def __init__(self) -> None:
        self._tasks: dict[int, asyncio.Task[Any]] = {}

    def begin(self, stream: int, work: Coroutine[Any, Any, Any]) -> None:
        """Starts work on an idle stream."""
        assert not self.busy(stream)
        self._tasks[stream] = asyncio.ensure_future(work)

    def busy(self, stream: int) -> bool:
        """Whether work is running on the stream, or has ended and its result was not fetched yet."""
        return stream in self._tasks

    def idle(self, stream: int) -> bool:
        """Whether the stream is free for new work. A good result that nobody fetched is dropped; an error stays."""
        task = self._tasks.get(stream)
        if task is not None and task.done() and not task.cancelled() and task.exception() is None:
            del self._tasks[stream]
        return not self.busy(stream)

    def result(self, stream: int) -> Any:
        """The result of a stream's work; None while it is running, or if there is none.

        Raises:
            V2GError: the error that ended it.
        """
        task = self._tasks.get(stream)
        if task is None or not task.done():
            return None
        del self._tasks[stream]
        return task.result()

    @property
    def failure(self) -> BaseException | None:
        """The error that ended a task, if one has failed."""
        done = [task for task in self._tasks.values() if task.done() and not task.cancelled()]
        return next((why for task in done if (why := task.exception()) is not None), None)

    def check(self) -> None:
        """Raises the error of a failed task, if there is one.

        Raises:
            V2GError: the error that ended a task.
        """
        if (why := self.failure) is not None:
            raise why

    async def stop(self, stream: int | None = None) -> None:
        """Cancels the work on one stream, or on all of them; nothing more is sent there."""
        names = list(self._tasks) if stream is None else [stream]
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
