"""How a session is shown: plain lines, JSON lines, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from boundary.console import Output, flush, say
from boundary.text import dumps
from v2g.outcome import Outcome
from v2g.trace import Bounded, JsonLines, Observe, ignore


def _raise(why: BrokenPipeError) -> None:
    raise why


@dataclass
class View:
    """A way to show a session.

    Attributes:
        observe: receives every event. file: where text goes; None: nowhere.
        left: called when the reader has gone away, as with `plugfest ... | head`; by default it raises the error.
    """

    observe: Observe
    file: IO[str] | None
    left: Callable[[BrokenPipeError], None] = _raise

    typed = False
    """Whether the user can type actions."""

    def say(self, text: str) -> None:
        """A line for the user."""
        if self.file is not None:
            try:
                say(text, file=self.file, flush=True)
            except BrokenPipeError as why:
                self.left(why)

    def headline(self, lines: list[str]) -> None:
        """Prints the heading above the lines of a session."""
        for line in lines:
            self.say(line)

    def hear(self, take: Callable[[str], str]) -> None:
        """Lets the user type: ``take`` performs what a line says, and returns the result."""

    def begin(self) -> None:
        """A session starts."""

    def end(self, outcomes: Mapping[str, Outcome]) -> None:
        """A session is over."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the context is open, the view may draw by itself."""
        yield


class Quiet(View):
    """Neither heading nor events: what the user is told, and how sessions end."""

    def __init__(self, file: IO[str]) -> None:
        super().__init__(ignore, file)

    def headline(self, lines: list[str]) -> None:
        """Nothing is below it."""


class Json(View):
    """One JSON object per event on standard output, and one for each outcome; text for people goes to stderr."""

    def __init__(self, role: str) -> None:
        self._bounded = Bounded(JsonLines(Output(), role=role))
        super().__init__(self._bounded, None)

    def end(self, outcomes: Mapping[str, Outcome]) -> None:
        now = asyncio.get_running_loop().time()
        try:
            self._bounded.finish()
            for role, outcome in outcomes.items():
                say(dumps({"t": round(now, 6), "layer": "bench", "name": "outcome", "role": role, **digest(outcome)}))
            flush()
        except BrokenPipeError as why:
            self.left(why)


def digest(outcome: Outcome) -> dict[str, Any]:
    """An outcome for programs."""
    return {
        "ok": outcome.ok,
        "cause": outcome.cause.name.lower().replace("_", " "),
        "exit": int(outcome.cause),
        "reason": outcome.reason,
        "verdict": outcome.verdict,
        "blamed": outcome.blamed,
        "protocol": outcome.protocol,
        "session": outcome.session_id,
        "messages": outcome.messages,
        "seconds": round(outcome.seconds, 3),
        "energy": round(outcome.energy_wh, 2),
        "discharged": round(outcome.discharged_wh, 2),
        "paused": outcome.paused,
        "tolerances": outcome.tolerances,
        "notes": outcome.notes,
    }
