"""A bench at a glance, kept up to date from its events: links, protocol, state, numbers, warnings.

The live view draws it and MQTT publishes it; it depends on neither of them, nor on a role or a clock.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from boundary.read import parse_record
from plugfest.lines import SHOWN_TCP
from slac.pilot import PAUSE, event_told, with_volts
from v2g import naming
from v2g.reading import body_of
from v2g.terms import Terms
from v2g.trace import Event

SERIES = 240
"""Points kept of each number."""
SAMPLE = 0.999
"""s between two points; telemetry comes about once a second."""
RECENT = 40
WARNINGS = 20


@dataclass
class Board:
    """State of the session under way, or of the last one.

    Attributes:
        links: pilot, SLAC, SDP, TCP and TLS in words, and a sleeping vehicle; absent if nothing is known.
        protocol: as agreed.
        state: name of the last exchange, like ``CurrentDemand``.
        since: loop time at which that state began, s.
        numbers: of the plant, as `plugfest.stage.measure` gives them.
        series: the numbers over time.
        recent: last messages and events: time, mark, text.
        warnings: tolerances, errors and impossible actions: time and text.
        messages: count of messages.
        response: last and longest response time, s, and what was asked.
        sessions: number of sessions started so far.
        ended: how the last session ended, "" while one is under way.
        terms: what the two sides agree on (ISO 15118-20).
        duty: of the control pilot's PWM, with what it says; "" where there is none.
    """

    links: dict[str, str] = field(default_factory=dict)
    protocol: str = ""
    state: str = ""
    since: float = 0.0
    started: float = 0.0
    numbers: dict[str, Any] = field(default_factory=dict)
    series: dict[str, deque[float]] = field(default_factory=dict)
    recent: deque[tuple[float, str, str]] = field(default_factory=lambda: deque(maxlen=RECENT))
    warnings: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=WARNINGS))
    messages: int = 0
    response: tuple[float, float, str] = (0.0, 0.0, "")
    sessions: int = 0
    ended: str = ""
    terms: Terms = field(default_factory=Terms)
    duty: str = ""
    _sampled: float = -SAMPLE
    _repeats: Counter[str] = field(default_factory=Counter)

    def begin(self, time: float) -> None:
        """A session starts."""
        self.sessions += 1
        self.protocol = self.state = self.ended = ""
        self.since = self.started = time
        self.messages = 0
        self.response = (0.0, 0.0, "")
        self.series.clear()
        self.terms = Terms()
        self._sampled = time - SAMPLE
        self._repeats.clear()
        for link in ("TCP", "TLS"):
            self.links.pop(link, None)

    @property
    def pilot(self) -> str:
        """State of the pilot with its level, and the duty where there is PWM; "" without one."""
        label = self.links.get("pilot", "")
        return f"{with_volts(label)} {self.duty if label.endswith('2') else ''}".rstrip()

    def end(self, text: str) -> None:
        """The session ended; ``text`` says how."""
        self.ended = text
        self.state = ""

    def observe(self, event: Event) -> None:
        """An event of the bench."""
        match event.layer:
            case "message":
                self._message(event)
            case "plant":
                self.measured(parse_record(event.note, "telemetry"), event.time)
            case "pilot":
                if event.name not in PAUSE:
                    self.links["pilot"], self.duty = event.name, event.note
                elif event.name == "asleep":
                    self.links["vehicle"] = "asleep"
                else:
                    self.links.pop("vehicle", None)
                self._happened(event.time, "*", event_told(event.name, event.note))
            case "slac":
                self._slac(event)
            case "sdp":
                self.links["SDP"] = "answered" if event.name == "SDPResponse" else "asking"
            case "tcp" if event.name == "connected":
                self._connected(event)
            case "tcp" if event.name == "closing":
                self.links["TCP"] = "closed"
            case "tcp" if event.name in SHOWN_TCP:
                self._warn(event.time, f"{event.name.replace('-', ' ')}: {event.note}")
            case "tls" if event.name == "Finished":
                self.links.setdefault("TLS", "up")
            case "tls" if event.name == "alert" and event.note != "close_notify":
                self._warn(event.time, f"TLS alert {event.note} {'sent' if event.direction == 'tx' else 'received'}")
            case "tls" if "failed" in event.name:
                self.links["TLS"] = event.name
                self._warn(event.time, f"TLS: {event.note}")
            case "tolerance":
                self._warn(event.time, f"tolerated {event.name}: {event.note}")
            case "error":
                self._warn(event.time, f"{event.name}: {event.note}" if event.note else event.name)
            case "state":
                self._state(event)
            case "bench":
                if event.note.startswith("not possible"):
                    self._warn(event.time, event.note)
                else:
                    self._happened(event.time, "#", f"{event.name}: {event.note}")

    def measured(self, numbers: dict[str, Any], time: float) -> None:
        """Numbers of the plant at a time; also a point of each series, if the last one is a second old."""
        self.numbers = numbers
        if "pilot" in numbers:
            self.links["pilot"] = str(numbers["pilot"])
        if time - self._sampled < SAMPLE:
            return
        self._sampled = time
        for name in ("volts", "amps", "watts", "soc"):
            value = numbers.get(name)
            if value is not None:
                self.series.setdefault(name, deque(maxlen=SERIES)).append(float(value))

    def _message(self, event: Event) -> None:
        self.messages += 1
        self.terms.note(body_of(event.message), event.time)
        state = naming.exchange(event.name)
        if state != self.state:
            self.state, self.since = state, event.time
            self._repeats.clear()
        self._repeats[event.name] += 1
        mark = {"tx": ">", "rx": "<"}.get(event.direction, " ")
        count = self._repeats[event.name]
        text = event.name if event.message is not None or not event.note else f"{event.name} ({event.note})"
        entry = (event.time, mark, f"{text}  x{count}" if count > 1 else text)
        if count > 1:  # a loop shows its two messages once, with a count
            for at in range(len(self.recent) - 1, max(len(self.recent) - 3, -1), -1):
                if self.recent[at][2].split("  x")[0] == text:
                    self.recent[at] = entry
                    return
        self.recent.append(entry)

    def _slac(self, event: Event) -> None:
        if event.name == "step":
            self.links["SLAC"] = event.note.lower().replace("_", " ")
        elif event.name == "matched":
            attenuation = re.search(r"[\d.]+ dB", event.note)
            self.links["SLAC"] = f"matched {attenuation[0]}" if attenuation else "matched"
            self._happened(event.time, "*", f"SLAC matched {event.note}")
        elif event.name == "left":
            self.links["SLAC"] = "left"
        elif "failed" in event.name or event.name == "warning":
            self._warn(event.time, f"SLAC {event.name}: {event.note}")
        elif event.name == "modem":
            self.links["modem"] = event.note.split(" ")[0]

    def _connected(self, event: Event) -> None:
        where, _, security = event.note.partition(" ")
        self.links["TCP"] = where
        self.links["TLS"] = "none" if security == "without TLS" else security
        self._happened(event.time, "*", f"connected {event.note}")

    def _state(self, event: Event) -> None:
        if event.name == "response-time":
            request, _, seconds = event.note.partition(" ")
            took = float(seconds)
            self.response = (took, max(took, self.response[1]), request)
        elif event.name == "protocol":
            self.protocol = event.note
            self._happened(event.time, "*", f"protocol {event.note}")
        elif event.name != "finished":
            self._happened(event.time, "*", f"{event.name} {event.note}".strip())

    def _happened(self, time: float, mark: str, text: str) -> None:
        self.recent.append((time, mark, text))

    def _warn(self, time: float, text: str) -> None:
        if not any(text == known for _, known in self.warnings):
            self.warnings.append((time, text))
        self._happened(time, "!", text)
