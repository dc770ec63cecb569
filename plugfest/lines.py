"""What a running session looks like on a terminal: one line per message, with time, SoC, volts and amperes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from boundary.console import say
from slac.pilot import LEGEND as PILOT
from slac.pilot import event_told
from v2g import naming, telling
from v2g.reading import body_of
from v2g.status import of_charger
from v2g.trace import Event

_SHOWN_FIELDS = (
    "ResponseCode", "EVSEProcessing", "ChargeProgress", "ReadyToChargeState", "ChargingSession", "SchemaID",
    "RequestedEnergyTransferMode", "EVRequestedEnergyTransferType", "SelectedPaymentOption",
    "EVCheckInStatus",
    "EVCheckOutStatus",
    "EVSECheckOutStatus",
)  # fmt: skip

_SHOWN_TLS = {"handshake": "*", "handshake-failed": "!", "deviation": "#", "certificate-deviation": "~"}
"""Steps of TLS that are shown, and their marks."""


SHOWN_TCP = {
    "second-connection-refused": "!", "late-connection-refused": "!", "second-connection-waits": "*", "hung-up": "!",
}  # fmt: skip
"""Unusual events of connections, and their marks."""

_MATCHING = (
    "CM_SLAC_", "CM_START_ATTEN_CHAR", "CM_MNBC_SOUND", "CM_ATTEN_CHAR", "CM_VALIDATE", "CM_SET_KEY", "CM_AMP_MAP",
)  # fmt: skip
_SLAC_WORDS = {"modem": "*", "matched": "*", "left": "*", "attempt failed": "!", "warning": "!", "link error": "!"}


LEGEND = "> sent  < received  * state  ~ tolerated  ! trouble  # bench"
"""Meaning of the marks in lines."""
HEAD = [f"time in s   {LEGEND}", f"pilot: {PILOT}"]
"""Heading above the lines of a session."""


@dataclass
class Plant:
    """Sources of the numbers of a line; each returns None if it has no number."""

    soc: Callable[[], float | None] = lambda: None
    volts: Callable[[], float | None] = lambda: None
    amps: Callable[[], float | None] = lambda: None


@dataclass
class Lines:
    """Prints events as they come.

    Args:
        plant: the numbers.
        calm: seconds within which further exchanges of the same kind are not shown (0: show all).
        prefix: put in front of each line, to tell roles apart.
        heading: lines above the first event.
    """

    plant: Plant
    calm: float = 0.0
    prefix: str = ""
    heading: Sequence[str] = ()
    file: IO[str] = field(default_factory=lambda: sys.stdout)
    _last: dict[str, float] = field(default_factory=dict)
    _hidden: int = 0
    _run: str = ""

    def __call__(self, event: Event, *, since: float = 0.0) -> None:
        """Prints an event, its time counted from ``since`` (loop time)."""
        time = event.time - since
        match event.layer:
            case "message":
                self._message(event, time)
            case "tolerance":
                self._print(time, "~", f"tolerated {event.name}: {event.note}")
            case "error":
                self._print(time, "!", f"{event.name}: {event.note}" if event.note else event.name)
            case "sdp" if event.name == "SDPResponse":
                self._print(time, _arrow(event), f"{event.name} {event.note}")
            case "state" if event.name not in ("response-time", "finished"):
                self._print(time, "*", f"{event.name} {event.note}".rstrip())
            case "slac":
                self._slac(event, time)
            case "pilot":
                self._print(time, "*", event_told(event.name, event.note))
            case "bench":
                self._print(time, "#", f"{event.name}: {event.note}")
            case "tls" if event.name in _SHOWN_TLS:
                self._print(time, _SHOWN_TLS[event.name], event.note)
            case "tcp" if event.name in SHOWN_TCP:
                self._print(time, SHOWN_TCP[event.name], f"{event.name.replace('-', ' ')}: {event.note}")

    def _message(self, event: Event, time: float) -> None:
        if event.stream:  # on a side stream: it does not end a loop on the main stream
            self._print(
                time, _arrow(event), f"{event.name:<30} {f'beside: {details(event.message)}'.removesuffix(': '):<32}"
            )
            return
        kind = naming.exchange(event.name)
        if kind != self._run:
            self._run = kind
            self._hidden = 0
        elif self.calm and time - self._last.get(event.name, -self.calm) < self.calm:
            self._hidden += 1
            return
        self._last[event.name] = time
        more = f"   ({self._hidden} messages not shown)" if self._hidden else ""
        self._hidden = 0
        self._print(time, _arrow(event), f"{event.name:<30} {details(event.message):<32}", more)

    def _slac(self, event: Event, time: float) -> None:
        """Messages of matching, with a batch of one kind in one line; results; errors."""
        if event.data:
            shown = event.name.startswith(_MATCHING)
            if not shown or event.name == self._run:
                return
            self._run = event.name
            self._print(time, _arrow(event), event.name)
        elif event.name in _SLAC_WORDS:
            self._print(time, _SLAC_WORDS[event.name], f"{event.name} {event.note.partition(', firmware')[0]}".rstrip())

    def _print(self, time: float, mark: str, text: str, more: str = "") -> None:
        numbers = ""
        soc, volts, amps = self.plant.soc(), self.plant.volts(), self.plant.amps()
        if soc is not None:
            numbers += f"  SoC {soc:5.1f} %"
        if volts is not None:
            numbers += f"  {volts:6.1f} V"
        if amps is not None:
            numbers += f"  {round(amps, 1) + 0.0:6.1f} A"  # no -0.0
        for line in self.heading:
            say(line, file=self.file)
        self.heading = ()
        line = f"{self.prefix}{time:10.3f} {mark} {text:<63}{numbers if mark in '<>*' else ''}{more}".rstrip()
        say(line, file=self.file, flush=True)


def _arrow(event: Event) -> str:
    return {"tx": ">", "rx": "<"}.get(event.direction, " ")


def details(document: Any) -> str:
    """The few fields by which an engineer follows a session."""
    message = body_of(document)
    words = []
    for name in _SHOWN_FIELDS:
        value = getattr(message, name, None)
        if value is not None and value != "OK":
            words.append(str(value))
    words += telling.words(message)
    code = getattr(of_charger(message), "EVSEStatusCode", None)
    if code is not None and code != "EVSE_Ready":
        words.append(str(code).removeprefix("EVSE_"))
    return " ".join(words)
