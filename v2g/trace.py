"""One stream of events from all layers, written as JSON lines.

Packages emit events to an injected ``observe(event)``; none configures logging. A trace can be read back, checked
against the sequence tables, and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boundary.errors import InputError
from boundary.read import parse_record, read_lines
from boundary.text import dumps
from boundary.write import Sink


@dataclass(slots=True)
class Event:
    """Something that happened.

    Attributes:
        time: seconds on the event loop's clock.
        layer: ``sdp``, ``tcp``, ``tls``, ``v2gtp``, ``message``, ``state``, ``tolerance``, ``error``.
        name: message name, or a stable word for what happened.
        direction: ``tx`` or ``rx``; "" if nothing was sent.
        data: the bytes at that layer (EXI for messages), or b"".
        message: the message object, for messages.
        schema: schema set of the message.
        note: details in words.
        stream: for messages: payload type of their side stream; 0: the main stream.
    """

    time: float
    layer: str
    name: str
    direction: str = ""
    data: bytes = b""
    message: Any = None
    schema: str = ""
    note: str = ""
    stream: int = 0


Observe = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The observer that ignores every event."""


def fan_out(*observers: Observe) -> Observe:
    """One observer that passes events on to several."""

    def tell(event: Event) -> None:
        for observe in observers:
            observe(event)

    return tell


MAX_EVENTS = 1000
"""The most events of one layer per second that are recorded or shown; more of them are a flood."""
MAX_MESSAGES = 5000
"""The same for messages, which a verdict needs; no real peer sends even a hundredth of that."""


class Bounded:
    """Passes events on, but only a limited number per layer and second of the loop's clock.

    One event ``left-out`` of layer ``bench`` for each layer says how many were left out; it comes with the next event
    after that second, or from :meth:`finish`. TLS secrets always pass, because later records are unreadable without.
    """

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self._second = 0
        self._counts: dict[str, int] = {}

    def __call__(self, event: Event) -> None:
        if event.layer == "tcp" and event.name == "data":  # as many as there are messages; never recorded
            self._observe(event)
            return
        if int(event.time) != self._second:
            self.finish()
            self._second = int(event.time)
        count = self._counts[event.layer] = self._counts.get(event.layer, 0) + 1
        if count <= _limit(event.layer) or (event.layer == "tls" and event.name == "keylog"):
            self._observe(event)

    def finish(self) -> None:
        """Reports what was left out, and resets the counts."""
        counts, self._counts = self._counts, {}
        for layer, count in counts.items():
            if (over := count - _limit(layer)) > 0:
                note = f"{over} events of layer {layer} in this second, of {count}"
                self._observe(Event(float(self._second + 1), "bench", "left-out", note=note))


def _limit(layer: str) -> int:
    return MAX_MESSAGES if layer == "message" else MAX_EVENTS


class JsonLines:
    """Writes events to a file, one JSON object per line, each flushed at once.

    The link's bytes (``tcp`` ``data``) are left out: the messages represent them.

    Args:
        file: text file open for writing.
        epoch: wall-clock time (Unix seconds) of time 0 on the loop's clock, noted in the first line.
        role: ``evcc``, ``secc`` or ``both`` (seen by the vehicle), noted in the first line.
        configuration: the session's settings, noted there too; anything but numbers becomes text.
    """

    def __init__(
        self,
        file: Sink[str],
        *,
        epoch: float = 0.0,
        role: str = "",
        configuration: Mapping[str, Any] | None = None,
    ) -> None:
        self._file = file
        head: dict[str, Any] = {"plugfest": "trace", "version": 1, "epoch": epoch, "role": role}
        if configuration:
            head["configuration"] = dict(configuration)
        file.write(dumps(head, default=str) + "\n")
        file.flush()

    def __call__(self, event: Event) -> None:
        if event.layer == "tcp" and event.name == "data":
            return
        line: dict[str, Any] = {"t": round(event.time, 6), "layer": event.layer, "name": event.name}
        if event.direction:
            line["dir"] = event.direction
        if event.schema:
            line["schema"] = event.schema
        if event.data:
            line["hex"] = event.data.hex()
        if event.message is not None:
            line["message"] = _builtins(event)
        if event.note:
            line["note"] = event.note
        if event.layer == "message" and event.stream:
            line["stream"] = event.stream
        self._file.write(dumps(line) + "\n")
        self._file.flush()


def _builtins(event: Event) -> Any:
    """The message as JSON; one that JSON cannot express (sent deliberately by a test) as its text."""
    import exi
    from v2g.messages import schema

    try:
        return exi.to_json(schema(event.schema), event.message)
    except exi.ExiError:
        return repr(event.message)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a trace as dictionaries, header first.

    Raises:
        InputError: the file cannot be read, a line is not JSON, or it is not a trace.
    """
    for number, line in read_lines(path):
        entry = parse_record(line, f"{path}:{number}")
        if number == 1 and entry.get("plugfest") != "trace":
            raise InputError(str(path), "not a trace of plugfest")
        yield entry
