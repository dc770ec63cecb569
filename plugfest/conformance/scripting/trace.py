"""What a tester saw, in order, for assertions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from boundary.choices import meant
from plugfest.conformance.catalogue.durations import DELAY
from v2g.reading import body_of
from v2g.trace import Event


class Trace:
    """What the tester saw, in order, for assertions.

    Attributes:
        events: all events.
        layer: the layer whose events are the messages.
    """

    layer = "message"

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def names(self) -> list[str]:
        """Names of the messages, in order."""
        return [event.name for event in self._messages()]

    def _messages(self) -> Iterator[Event]:
        return (event for event in self.events if event.layer == self.layer)

    def _name(self, kind: type[Any] | str) -> str:
        return kind if isinstance(kind, str) else kind.__name__

    def lines(self, number: int) -> list[str]:
        """The last messages in words: time since the first event, direction, name, code; one round per loop."""
        start = self.events[0].time if self.events else 0.0
        arrows, found, rounds = {"tx": ">", "rx": "<"}, list[tuple[str, str]](), 0
        for event in self.events:
            if event.layer in (self.layer, "sdp") or event.name == "closed-by-peer":
                text = f"{arrows.get(event.direction, '*')} {event.name} {_code(event)}".rstrip()
                found.append((f"{event.time - start:10.3f} ", text))
                if [text for _, text in found[-4:-2]] == [text for _, text in found[-2:]]:
                    del found[-4:-2]
                    rounds += 1
                elif rounds and len(found) > 2 and found[-3][1] != text:
                    found.insert(-1, (" " * 11, f"({rounds} rounds before that)"))
                    rounds = 0
        return [when + text for when, text in found[-number:]]

    def all(self, kind: type[Any] | str) -> list[Any]:
        """The body messages of a type, in order."""
        found = [event for event in self._messages() if event.name == self._name(kind) and event.message]
        return [body_of(event.message) for event in found]

    def last(self, kind: type[Any] | str) -> Any:
        """The latest message of a type. AssertionError: there is none."""
        found = self.all(kind)
        name = self._name(kind)
        assert found, f"there was no {name}{self._close(name)}"
        return found[-1]

    def _close(self, name: str) -> str:
        return meant(name, dict.fromkeys(self.names)) if self.names else ""

    def when(self, kind: type[Any] | str, place: int = -1) -> float:
        """Time of a message, s on the loop's clock."""
        name = self._name(kind)
        times = [event.time for event in self._messages() if event.name == name]
        assert times, f"there was no {name}{self._close(name)}"
        return times[place]

    def within(self, seconds: float, after: type[Any] | str, then: type[Any] | str) -> None:
        """Asserts that the last ``then`` came at most this many seconds after the preceding ``after``."""
        end = self.when(then)
        name = self._name(after)
        starts = [e.time for e in self._messages() if e.name == name and e.time <= end]
        assert starts, f"there was no {name}{self._close(name)}"
        assert end - starts[-1] <= seconds + DELAY, f"{end - starts[-1]:.3f} s from {name}, at most {seconds:g} s"

    def closed(self) -> bool:
        """Whether the peer closed the connection."""
        return any(event.layer == "tcp" and event.name == "closed-by-peer" for event in self.events)


def _code(event: Event) -> str:
    return str(getattr(body_of(event.message), "ResponseCode", ""))
