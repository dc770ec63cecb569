"""What a running session was, judged when it ends by the same chain of steps as any recording.

A session of days must not grow: beyond :data:`MOST` events, rounds in the middle are forgotten, and first of all what
floods a layer below the messages. What a session left behind, and the idle time after it, says nothing of the next one.
"""

from __future__ import annotations

from collections import Counter
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
FLOOD = 80
"""Events at both ends of a layer below the messages that no flood of this layer makes forgotten."""

_OPENS = ("CM_SLAC_PARM", "SDP", "opening", "connected")
"""How the names begin of what only a new session has; all else but messages may be left over from the one before."""

_LAYERS = {"slac", "sdp", "tcp", "tls", "v2gtp", "message", "pilot", "error", "tolerance"}


@dataclass
class Witness:
    """Keeps what was observed, as far as it matters.

    Attributes:
        role: whose view it is: ``evcc``, ``secc``, ``both``.
        judged: what was to be said of the last session that ended.
        began: loop time from which the times in it count, s.
    """

    role: str
    _events: list[Event] = field(default_factory=list)
    judged: Judgement | None = None
    began: float = 0.0
    _over: bool = False

    def observe(self, event: Event) -> None:
        """Takes an event."""
        if event.layer not in _LAYERS or (event.layer == "tcp" and event.name == "data"):
            return
        if self._over and not self._opens(event):
            return
        self._events.append(event)
        if len(self._events) > MOST:
            self._forget()

    def _opens(self, event: Event) -> bool:
        """Whether an event after a session is of the next one: a pilot state since unplugging, or its first word."""
        if event.layer == "pilot":
            if event.name.startswith("A"):
                self._events.clear()
            return not event.name.startswith("A")
        self._over = event.layer != "message" and not event.name.startswith(_OPENS)
        return not self._over

    def _forget(self) -> None:
        """Drops the middle of a flood, or whole exchanges of a loop from the middle."""
        counts = Counter(event.layer for event in self._events if event.layer != "message")
        layer, count = counts.most_common(1)[0] if counts else ("", 0)
        if count > 2 * FLOOD:
            places = [place for place, event in enumerate(self._events) if event.layer == layer]
            gone = set(places[FLOOD:-FLOOD])
            self._events = [event for place, event in enumerate(self._events) if place not in gone]
            return
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

    def judgement(self) -> Judgement:
        """What is to be said of the session."""
        from plugfest.traces.checks import judge
        from plugfest.traces.recording import from_events

        return judge(from_events(self._events, role=self.role))

    def sign(self, outcomes: Mapping[str, Outcome], *, last: bool = True) -> None:
        """Writes into the outcomes what went wrong, and who caused it.

        Args:
            last: what comes later is another session; False: this one will be resumed.
        """
        from plugfest.traces.chain import Outcome as End

        self.judged, self.began = self.judgement(), self._events[0].time if self._events else 0.0
        found = self.judged.diagnosis
        if found.outcome in (End.FAILED, End.NOT_CHARGED):
            for outcome in outcomes.values():
                outcome.verdict, outcome.blamed = found.sentence, found.side
        if last:
            self._events.clear()
            self._over = True
