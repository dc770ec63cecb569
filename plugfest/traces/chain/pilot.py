"""What the control pilot showed: charging at a nominal duty cycle, without messages, and recordings of only the pilot.

Readings come from our own traces, and from frames in which some testers report their measurements.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from plugfest.traces.chain.reasons import Happening
from plugfest.traces.chain.steps import Diagnosis, Fault, Outcome, Side, Step
from plugfest.traces.entries import SECC, Entry
from plugfest.traces.slac import pilot_reading
from slac.pilot import READY, STEADY, Offer, State, read_duty, told, volts
from v2g.protocols import PROTOCOLS

_ENDING: dict[State, tuple[str, Side]] = {
    State.A: ("the control pilot went to A: unplugged, or the proximity contact open", ""),
    State.E: ("the control pilot went to E: a fault, or the charger has no power", SECC),
    State.F: ("the charger set the control pilot to F", SECC),
}
_OFF = "the charger switched its pilot oscillator off while the vehicle was ready"

MOST = 6
"""Maximum number of states listed in a sentence."""


def due(request: Entry, protocol: str, *, ac: bool) -> frozenset[State]:
    """The states that a request presupposes; none: any."""
    if not protocol or request.schema == "appproto":
        return frozenset()
    if ac and starts(request):
        return READY
    return frozenset(State(letter) for letter in PROTOCOLS[protocol].names.presupposed(request.name))


def starts(request: Entry) -> bool:
    """Whether it is PowerDelivery(Start)."""
    return request.name == "PowerDeliveryReq" and getattr(request.body, "ChargeProgress", "") == "Start"


def either(states: Iterable[State]) -> str:
    """``C or D``."""
    return " or ".join(sorted(state.value for state in states))


@dataclass
class Line:
    """The control pilot so far.

    Attributes:
        shown: the first states, without repetitions, with their duty cycles.
        seconds: how long a vehicle was ready at a nominal duty cycle.
        amps: the highest current it was offered during that time, A.
    """

    shown: list[tuple[State, float | None]] = field(default_factory=list)
    states: int = 0
    seconds: float = 0.0
    amps: float = 0.0
    _since: float | None = None
    _began: Entry | None = None
    _last: tuple[State, Entry] | None = None
    _before: State | None = None
    _on: bool = False  # the oscillator, while the vehicle is ready

    def add(self, entry: Entry) -> Happening | None:
        """Takes the next entry, of any kind; returns what it may end."""
        found = pilot_reading(entry)
        if found is None:
            return None
        state, duty = found
        happened = self._happened(entry, state, duty)
        if not self.shown or found != self.shown[-1]:
            self.states += 1
            if len(self.shown) < MOST:
                self.shown.append(found)
        self._rest(entry.time)
        offer, amps = read_duty(duty) if duty is not None else (Offer.NOTHING, 0.0)
        if state in READY and offer is Offer.CURRENT:
            self._since, self.amps = entry.time, max(self.amps, amps)
            self._began = self._began or entry
        if self._last is None or state is not self._last[0]:
            self._before = self._last[0] if self._last is not None else None
            self._last = state, entry
        self._on = state in READY and offer is not Offer.NOTHING
        return happened

    def _happened(self, entry: Entry, state: State, duty: float | None) -> Happening | None:
        if state in _ENDING and (self._last is None or state is not self._last[0]):
            return Happening(entry.time, *_ENDING[state])
        if self._on and state in READY and duty == STEADY:
            return Happening(entry.time, _OFF, SECC, last=True)
        return None

    def _rest(self, time: float) -> None:
        if self._since is not None:
            self.seconds += time - self._since
            self._since = None

    def charged(self, until: float) -> Diagnosis | None:
        """How charging at a nominal duty cycle went; None if there was none."""
        if self._began is None or self._last is None:
            return None
        (state, entry), ready = self._last, self._since is not None
        seconds = self.seconds + (until - self._since if self._since is not None else 0.0)
        text = f"{seconds:.1f} s of AC charging at a nominal duty, without messages (IEC 61851-1)"
        text += f": up to {round(self.amps, 1):g} A for each phase were offered"
        if state in (State.E, State.F):
            text += f", until the control pilot went to {state.value}"
            return Diagnosis(
                Outcome.FAILED, Step.CHARGING, text, SECC, Fault.TOLD, entry.time, entry=entry.index,
                severity="violation",
            )  # fmt: skip
        if ready:
            return Diagnosis(Outcome.OPEN, Step.CHARGING, f"{text}; the recording ends while the vehicle is ready")
        if state is State.A and self._before in READY:
            text += "; it was unplugged while it was ready"
        else:
            text += ", and it ended normally"
        return Diagnosis(Outcome.CHARGED, Step.END, text, since=self._began.time, entry=self._began.index)

    def alone(self) -> Diagnosis | None:
        """The diagnosis of a recording of only the pilot; None without any pilot reading."""
        if self._last is None:
            return None
        words = [
            f"{state.value} ({volts(state)}{'' if duty is None else f', {told(duty)}'})" for state, duty in self.shown
        ]
        more = f" and {self.states - len(words)} changes after them" if self.states > len(words) else ""
        text = f"it holds readings of the control pilot only, no SLAC and no V2G message: {', '.join(words)}{more}"
        return Diagnosis(Outcome.EMPTY, Step.LINK, text, since=self._last[1].time, entry=self._last[1].index)
