"""What there is to see: filled by the session's thread, read by the server's thread.

Everything is numbered and bounded. A viewer says which number it has seen, and gets what came since; entries dropped in
the meantime are counted.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ROWS = 1000
"""Number of rows of the sequence chart kept, the latest ones."""
POINTS = 3600
"""Number of points of the curves: an hour."""
RUNS = 20_000
"""Maximum number of runs of a campaign."""
AT_ONCE = 400
"""Maximum number of rows, points or runs that a viewer gets at once, to keep batches small."""


@dataclass
class Seen:
    """How far a viewer has read."""

    rows: int = 0
    points: int = 0
    runs: int = 0
    version: int = -1


@dataclass
class Ring:
    """The latest items of a sequence, with the number of its end."""

    kept: deque[Any]
    end: int = 0

    def add(self, item: Any) -> int:
        self.kept.append(item)
        self.end += 1
        return self.end

    def since(self, number: int) -> tuple[list[Any], int, int]:
        """The items after a number, at most `AT_ONCE`; the new number, and how many are lost."""
        begin = self.end - len(self.kept)
        lost = max(begin - number, 0)
        start = max(number, begin)
        found = [self.kept[place - begin] for place in range(start, min(start + AT_ONCE, self.end))]
        return found, start + len(found), lost


@dataclass
class Hub:
    """Between the session and the viewers.

    Attributes:
        about: constant facts: title, role, kind (session, campaign).
        act: performs an action; its answer is that of `plugfest.mqtt.commands`. Called in the thread of the server.
        over: the program has finished what it ran; the page stays open for reading.
    """

    about: dict[str, Any] = field(default_factory=dict)
    act: Callable[[dict[str, Any]], dict[str, Any]] = lambda facts: {
        "ok": False,
        "error": "no session is running that could do this",
    }
    over: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _state: dict[str, Any] = field(default_factory=dict)
    _version: int = 0
    _rows: Ring = field(default_factory=lambda: Ring(deque(maxlen=ROWS)))
    _points: Ring = field(default_factory=lambda: Ring(deque(maxlen=POINTS)))
    _runs: Ring = field(default_factory=lambda: Ring(deque(maxlen=RUNS)))
    _details: OrderedDict[int, Callable[[], Any]] = field(default_factory=OrderedDict)

    # -- the session's side ---------------------------------------------------------------------------------------

    def state(self, facts: dict[str, Any]) -> None:
        """Sets the current state, which replaces the previous one."""
        with self._lock:
            if facts != self._state:
                self._state = facts
                self._version += 1

    def row(self, facts: dict[str, Any], detail: Callable[[], Any] | None = None) -> None:
        """Adds a row of the sequence chart; ``detail`` makes what the unfolded row shows."""
        with self._lock:
            number = self._rows.add(facts)
            facts["n"] = number
            if detail is not None:
                facts["more"] = True
                self._details[number] = detail
                while len(self._details) > ROWS:
                    self._details.popitem(last=False)

    def point(self, facts: dict[str, Any]) -> None:
        """Adds a point of the curves."""
        with self._lock:
            self._points.add(facts)

    def run(self, facts: dict[str, Any]) -> None:
        """Adds a run of a campaign with its verdict."""
        with self._lock:
            self._runs.add(facts)

    # -- the viewers' side ----------------------------------------------------------------------------------------

    def since(self, seen: Seen) -> dict[str, Any]:
        """What is new for a viewer, and then counts as seen; empty if nothing is."""
        found: dict[str, Any] = {}
        with self._lock:
            if seen.version != self._version:
                found["state"], seen.version = self._state, self._version
            rows, seen.rows, lost = self._rows.since(seen.rows)
            points, seen.points, _ = self._points.since(seen.points)
            runs, seen.runs, _ = self._runs.since(seen.runs)
        found |= {name: some for name, some in (("rows", rows), ("points", points), ("runs", runs)) if some}
        if lost:
            found["lost"] = lost
        return found

    def detail(self, number: int) -> Any:
        """What an unfolded row shows; None if the row has been dropped."""
        with self._lock:
            make = self._details.get(number)
        return None if make is None else make()
