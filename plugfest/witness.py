"""What a running session was, judged when it ends by the same chain of steps as any recording.

A session of days must not grow: beyond :data:`MOST` events, rounds in the middle are forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from v2g.outcome import Outcome
from v2g.trace import Event

if TYPE_CHECKING:
    from plugfest.traces.checks import Judgement

MOST = 1500
"""Events that are kept."""
HEAD, TAIL = 500, 500
"""Events at both ends of these that are never forgotten."""

_LAYERS = {"slac", "sdp", "tcp", "tls", "v2gtp", "message", "pilot", "error", "tolerance"}


@dataclass
class Witness:
    """Keeps what was observed, as far as it matters.

    Attributes:
        role: whose view it is: ``evcc``, ``secc``, ``both``.
        judged: what was to be said of the last session that ended.
    """

    role: str
    _events: list[Event] = field(default_factory=list)
    judged: Judgement | None = None
    _talked: bool = False

    def begin(self) -> None:
        """A session begins: what was before the first one belongs to it."""
        if self._talked:
            self._events.clear()
        self._talked = False

    def observe(self, event: Event) -> None:
        """Takes an event."""
        if event.layer not in _LAYERS or (event.layer == "tcp" and event.name == "data"):
            return
        self._talked = self._talked or event.layer == "message"
        self._events.append(event)
        if len(self._events) > MOST:
            self._forget()

    def _forget(self) -> None:
        """Drops whole exchanges of a loop from the middle."""
        start, end = (self._request(place) for place in (HEAD, len(self._events) - TAIL))
        names = {event.name for event in self._events[start:end] if event.layer == "message"}
        if start < end and len(names) <= 2:
            del self._events[start:end]
        else:  # no loop that anybody knows
            del self._events[:HEAD]

    def _request(self, place: int) -> int:
        while place < len(self._events) - 1:
            event = self._events[place]
            if event.layer == "message" and event.name.endswith("Req"):
                return place
            place += 1
        return place

    @property
    def began(self) -> float:
        """Loop time from which the times in a judgement count, s."""
        return self._events[0].time if self._events else 0.0

    def judgement(self) -> Judgement:
        """What is to be said of the session."""
        from plugfest.traces.checks import judge
        from plugfest.traces.recording import from_events

        return judge(from_events(self._events, role=self.role))

    def sign(self, outcomes: Mapping[str, Outcome]) -> None:
        """Writes into the outcomes what went wrong, and whose doing it was."""
        from plugfest.traces.chain import Outcome as End

        self.judged = self.judgement()
        found = self.judged.diagnosis
        if found.outcome in (End.FAILED, End.NOT_CHARGED):
            for outcome in outcomes.values():
                outcome.verdict, outcome.blamed = found.sentence, found.side
