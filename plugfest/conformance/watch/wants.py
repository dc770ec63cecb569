"""What a vehicle of ISO 15118-20 has said that it needs, and when each of them changed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from plugfest.conformance.watch.messages import Said, Stage

NAMED = ("least_soc", "target_soc", "departure")
"""What a charger may name for the vehicle, which may adopt it (MobilityNeedsMode 2)."""


class Value(NamedTuple):
    """A need as it was told: its value, the loop time, the energy that had gone in by then (Wh), the SoC, and where."""

    value: float
    time: float
    wh: float
    soc: int | None
    stage: Stage


@dataclass
class Wants:
    """What one vehicle says it needs.

    Attributes:
        last: of each need, as told last; its name is that in :class:`.messages.Needs`.
        since: the same, as told first with its present value.
        first: the same, as told first since the charger named other ones.
        named: what the charger named last.
        soc: PresentSOC told first, with the energy and time.
    """

    last: dict[str, Value] = field(default_factory=dict)
    since: dict[str, Value] = field(default_factory=dict)
    first: dict[str, Value] = field(default_factory=dict)
    named: tuple[float | None, ...] = ()
    soc: Value | None = None

    def note(self, said: Said, now: float, wh: float) -> None:
        """Takes a message into account; ``wh`` has gone in by now, what came back taken off."""
        if not said.request:
            self._named(said)
            return
        if said.name == "ServiceSelectionReq":  # another service: needs of both directions are other ones
            self.begin()
        if said.soc is not None and self.soc is None:
            self.soc = Value(float(said.soc), now, wh, said.soc, said.stage)
        for name, value in said.needs._asdict().items():
            if value is None:
                continue
            new = Value(value, now, wh, said.soc, said.stage)
            old = self.since.get(name)
            self.last[name] = new
            self.first.setdefault(name, new)
            if old is None or old.value != value or (old.soc is None and said.soc is not None):
                self.since[name] = new

    def begin(self) -> None:
        """Needs are new ones: those before do not count."""
        self.last, self.since, self.first, self.soc = {}, {}, {}, None

    def _named(self, said: Said) -> None:
        named = tuple(getattr(said.needs, name) for name in NAMED)
        if said.stage in (Stage.SCHEDULE, Stage.LOOP) and named != self.named:
            if any(value is not None for value in named):
                self.begin()
            self.named = named
