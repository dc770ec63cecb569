"""Events of the bench as publications."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import exi
from boundary.text import dumps
from plugfest.board import Board
from plugfest.config.model import Mqtt
from plugfest.mqtt.outbox import Outbox, Publication
from plugfest.view import digest
from v2g.messages import schema
from v2g.outcome import Outcome
from v2g.trace import Event

SILENT = ("response-time", "finished", "data", "keylog", "certificates")
"""Events that are not published: they say nothing new, hold bytes only, or are secret."""


@dataclass
class Reporter:
    """Fills the outbox.

    Attributes:
        base: what all topics of this bench begin with.
        wall: Unix time of a loop time.
        measure: the plant's numbers now.
    """

    settings: Mqtt
    base: str
    outbox: Outbox
    wall: Callable[[float], float]
    measure: Callable[[], dict[str, Any]]
    board: Board = field(default_factory=Board)
    _number: int = 0
    _state: str = ""

    def observe(self, event: Event) -> None:
        """An event of the bench."""
        self.board.observe(event)
        if event.layer == "message":
            if self.settings.messages:
                self._message(event)
        elif event.layer == "plant":
            pass  # telemetry has its own pace
        elif event.name not in SILENT:
            facts = {"layer": event.layer, "name": event.name, "note": event.note}
            if event.direction:
                facts["direction"] = event.direction
            self._put("event", {**self._stamp(event.time), **facts})
        self.state()

    def begin(self, now: float) -> None:
        """A session begins."""
        self.board.begin(now)
        self.state()

    def end(self, outcomes: Mapping[str, Outcome], now: float) -> None:
        """It ended."""
        self.board.end("; ".join(f"{r}: {o.ending}" for r, o in outcomes.items()))
        for role, outcome in outcomes.items():
            self._put(f"outcome/{role}", {**self._stamp(now), **digest(outcome)}, retain=True)
        self.telemetry(now)
        self.state()

    def telemetry(self, now: float) -> None:
        """The numbers now."""
        payload = {
            "time": round(self.wall(now), 3), "state": self.board.state, **self.measure(),
            **self.board.terms.digest(now),
        }  # fmt: skip
        self._put("telemetry", payload, qos=0, fleeting=True)

    def state(self, *, again: bool = False) -> None:
        """State and links, where they have changed (or ``again``)."""
        board = self.board
        facts = {
            "state": board.state or ("ended" if board.ended else "waiting"),
            "protocol": board.protocol,
            "links": board.links,
            "sessions": board.sessions,
            "ended": board.ended,
        }
        text = dumps(facts)
        if text != self._state or again:
            self._state = text
            self._put("state", facts, retain=True)

    def _message(self, event: Event) -> None:
        stamp = self._stamp(event.time)

        def payload() -> bytes:
            content: dict[str, Any] = {
                **stamp, "name": event.name, "direction": event.direction, "protocol": event.schema,
                "exi": event.data.hex(),
            }  # fmt: skip
            if event.message is not None:
                content["message"] = _plain(event)
            if event.note:
                content["note"] = event.note
            return dumps(content).encode()

        self.outbox.put(Publication(f"{self.base}/message/{event.name}", payload))

    def _stamp(self, time: float) -> dict[str, Any]:
        """Unix time, and a number that grows by one, so that a reader sees gaps and repetitions."""
        self._number += 1
        return {"time": round(self.wall(time), 3), "n": self._number}

    def _put(
        self, topic: str, facts: Mapping[str, Any], *, qos: int = 1, retain: bool = False, fleeting: bool = False
    ) -> None:
        data = dumps(facts).encode()
        self.outbox.put(Publication(f"{self.base}/{topic}", lambda: data, qos, retain, fleeting))


def _plain(event: Event) -> Any:
    try:
        return exi.to_json(schema(event.schema), event.message)
    except exi.ExiError:  # sent on purpose, and not expressible
        return repr(event.message)
