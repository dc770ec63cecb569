"""How a session is looked at: plain lines, JSON lines, or not at all."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from plugfest.config.model import Bench
from plugfest.lines import Lines, Plant
from v2g.outcome import Outcome
from v2g.trace import Event, JsonLines, Observe, ignore


@dataclass
class View:
    """A way of looking.

    Attributes:
        observe: gets every event.
        file: where text goes; None: nowhere.
    """

    observe: Observe
    file: IO[str] | None

    def say(self, text: str) -> None:
        """A line for people."""
        if self.file is not None:
            print(text, file=self.file, flush=True)

    def end(self, outcomes: Mapping[str, Outcome]) -> None:
        """A session is over."""


class Json(View):
    """One JSON object per event on standard output, and one for each outcome; what people read goes to stderr."""

    def __init__(self, role: str) -> None:
        writer = JsonLines(sys.stdout, role=role)
        super().__init__(writer, None)

    def end(self, outcomes: Mapping[str, Outcome]) -> None:
        now = asyncio.get_running_loop().time()
        for role, outcome in outcomes.items():
            print(
                json.dumps({"t": round(now, 6), "layer": "bench", "name": "outcome", "role": role, **digest(outcome)})
            )
        sys.stdout.flush()


def digest(outcome: Outcome) -> dict[str, Any]:
    """An outcome for programs."""
    return {
        "ok": outcome.ok,
        "cause": outcome.cause.name.lower().replace("_", " "),
        "exit": int(outcome.cause),
        "reason": outcome.reason,
        "protocol": outcome.protocol,
        "session": outcome.session_id,
        "messages": outcome.messages,
        "seconds": round(outcome.seconds, 3),
        "energy": round(outcome.energy_wh, 2),
        "paused": outcome.paused,
        "tolerances": outcome.tolerances,
        "notes": outcome.notes,
    }


def view(bench: Bench, plant: Plant, *, calm: float = 0.0) -> View:
    """The view that a bench asks for.

    Args:
        plant: the numbers of a line.
        calm: seconds within which repetitions of a loop are not shown, unless all are wanted.
    """
    if bench.json:
        return Json(bench.role)
    if bench.quiet:
        return View(ignore, sys.stdout)
    lines = Lines(plant, calm=0.0 if bench.all else calm)
    start = asyncio.get_running_loop().time()

    def show(event: Event) -> None:
        lines(event, since=start)

    return View(show, sys.stdout)
