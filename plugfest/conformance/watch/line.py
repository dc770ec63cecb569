"""What is known of the power line and the pilot while a vehicle and a charger match. Pure.

Frames are sorted into matchings by :class:`slac.judge.Judge`, which also compares each field with what was agreed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.judgement import Side
from plugfest.conformance.watch.offered import FAULTS
from slac.exchange import End, Exchange, Move
from slac.frames import Frame, Message
from slac.judge import Judge
from slac.pilot import CONNECTED, Offer, Reading, State

ON_THE_WAY = 0.05
"""s that two modems and our own host may add to what is measured at our end of the line."""


class Shown(NamedTuple):
    """What the pilot showed from a loop time on."""

    time: float
    state: State | None
    duty: float | None
    offer: Offer | None


NOT_SEEN = Shown(0.0, None, None, None)


@dataclass
class Line:
    """What is known by now.

    Attributes:
        pics: what is declared.
        side: under test.
        bare: no session of messages follows, so that what the pilot shows is about the matching and its link alone.
        judge: the frames, sorted.
        now: loop time, s.
        shown: what the pilot showed, oldest first.
        restarted_at: when the pilot last gave a reason to start over: A, E or F, or another offer.
        toggled_from, toggles_until: when a validation's toggling began, and when it is over.
    """

    pics: Pics
    side: Side
    bare: bool = False
    judge: Judge = field(default_factory=Judge)
    now: float = 0.0
    shown: list[Shown] = field(default_factory=list)
    restarted_at: float = -math.inf
    toggled_from: float = math.inf
    toggles_until: float = -math.inf

    @property
    def pilot(self) -> Shown:
        """As it is now."""
        return self.shown[-1] if self.shown else NOT_SEEN

    def see(self, reading: Reading) -> None:
        """Takes a reading of the pilot into account."""
        offer = reading.offer[0] if reading.offer is not None else None
        new, old = Shown(self.now, reading.state, reading.duty, offer), self.pilot
        if new[1:] == old[1:] and self.shown:
            return
        self.shown.append(new)
        if new.state is State.A or new.state in FAULTS or old.state in (None, State.A, *FAULTS) or (
            new.offer is not old.offer
        ):  # fmt: skip
            self.restarted_at = self.now

    def before(self, exchange: Exchange) -> Exchange | None:
        """The matching of the same vehicle before this one."""
        earlier = [one for one in self.judge.exchanges if one.ev == exchange.ev and one is not exchange]
        return earlier[-1] if earlier else None

    @property
    def connected(self) -> bool:
        """A vehicle is plugged in, as far as can be seen."""
        return self.pilot.state in CONNECTED


def moves(exchange: Exchange, name: str, charger: bytes | None = None) -> list[Move]:
    """The messages of a name, oldest first."""
    return [one for one in exchange.moves if one.name == name and charger in (None, one.charger)]


def last(exchange: Exchange, end: End, name: str = "", charger: bytes | None = None) -> Move | None:
    """The last message of an end."""
    for one in reversed(exchange.moves):
        if one.end is end and name in ("", one.name) and charger in (None, one.charger):
            return one
    return None


Hears = Callable[[Line, Exchange, Frame], str]
Looks = Callable[[Line], str]


@dataclass(frozen=True, slots=True)
class LineRule:
    """One judgement.

    Attributes:
        name: stable.
        rule: what is required, as a clause.
        source: where that stands.
        side: whose matching.
        kinds: of the messages that it judges, after they were taken into account; empty: it judges the pilot.
        hears: judges a message; "" where nothing is wrong, else one sentence.
        looks: the same of the pilot, whenever that moved.
        cause: what a run fails with.
        fails: a broken one fails the run; else it is a finding.
    """

    name: str
    rule: str
    source: str
    side: Side
    kinds: tuple[type[Message], ...] = ()
    hears: Hears | None = None
    looks: Looks | None = None
    cause: Cause = Cause.WRONG_MESSAGE
    fails: bool = True


@dataclass
class LineBook:
    """The judgements of one module."""

    side: Side
    rules: list[LineRule] = field(default_factory=list)

    def on(
        self,
        name: str,
        rule: str,
        source: str,
        *kinds: type[Message],
        cause: Cause = Cause.WRONG_MESSAGE,
        fails: bool = True,
    ) -> Callable[[Hears], Hears]:
        """Registers a judgement of messages."""

        def register(function: Hears) -> Hears:
            one = LineRule(name, rule, source, self.side, kinds, hears=function, cause=cause, fails=fails)
            self.rules.append(one)
            return function

        return register

    def pilot(self, name: str, rule: str, source: str, *, cause: Cause = Cause.PILOT_STATE) -> Callable[[Looks], Looks]:
        """Registers a judgement of the pilot."""

        def register(function: Looks) -> Looks:
            self.rules.append(LineRule(name, rule, source, self.side, looks=function, cause=cause))
            return function

        return register
