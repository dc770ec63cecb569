"""What a judgement is: a name, the rule, whose physics it judges and when, and a function that says what is wrong."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow, Measured
from plugfest.conformance.watch.log import Heard, Log
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.offered import Offered

Side = Literal["evcc", "secc"]

SPOKEN = "the protocol spoken"
"""Source of what follows from the messages of any protocol: a violation names the one that was spoken."""

Speaks = Callable[[Flow, Said], str]
Shows = Callable[[Flow, Measured], str]
Hears = Callable[[Flow, Log, Heard], str]
Sees = Callable[[Flow, Log, Offered], str]


class Weight(enum.Enum):
    """What a broken judgement does to the run."""

    FAILS = "fails the run"
    NOTED = "is a finding"
    SEEN = "is mentioned: unusual, but allowed"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One judgement.

    Attributes:
        name: stable.
        rule: what is required, as a clause.
        source: clause or requirement; or :data:`SPOKEN`.
        side: whose physics.
        stages: of the messages that ``speaks`` judges.
        speaks: judges the physics of a message; "" where nothing is wrong, else one sentence.
        shows: the same of a measurement.
        hears: the same of an answer, against what it answers and what came before in the run.
        names: of the answers that ``hears`` judges; empty: all.
        sees: the same of what it shows on the control pilot.
        weight: what it does to the run.
        cause: what a run fails with.
    """

    name: str
    rule: str
    source: str
    side: Side
    stages: tuple[Stage, ...] = ()
    speaks: Speaks | None = None
    shows: Shows | None = None
    hears: Hears | None = None
    names: tuple[str, ...] = ()
    sees: Sees | None = None
    weight: Weight = Weight.FAILS
    cause: Cause = Cause.PHYSICS


@dataclass
class Book:
    """The judgements of one module."""

    judgements: list[Judgement] = field(default_factory=list)

    def on(
        self,
        name: str,
        rule: str,
        source: str,
        side: Side,
        *stages: Stage,
        weight: Weight = Weight.FAILS,
        cause: Cause = Cause.PHYSICS,
    ) -> Callable[[Speaks], Speaks]:
        """Registers a judgement of messages."""

        def register(function: Speaks) -> Speaks:
            self.judgements.append(
                Judgement(name, rule, source, side, stages, speaks=function, weight=weight, cause=cause)
            )
            return function

        return register

    def measured(
        self,
        name: str,
        rule: str,
        source: str,
        side: Side,
        *,
        weight: Weight = Weight.FAILS,
        cause: Cause = Cause.PHYSICS,
    ) -> Callable[[Shows], Shows]:
        """Registers a judgement of what is measured."""

        def register(function: Shows) -> Shows:
            self.judgements.append(Judgement(name, rule, source, side, weight=weight, shows=function, cause=cause))
            return function

        return register

    def pilot(self, name: str, rule: str, source: str, side: Side = "secc", *, cause: Cause) -> Callable[[Sees], Sees]:
        """Registers a judgement of what a side shows on the control pilot."""

        def register(function: Sees) -> Sees:
            self.judgements.append(Judgement(name, rule, source, side, sees=function, cause=cause))
            return function

        return register

    def hears(
        self,
        name: str,
        rule: str,
        source: str,
        *names: str,
        weight: Weight = Weight.FAILS,
        cause: Cause = Cause.PHYSICS,
    ) -> Callable[[Hears], Hears]:
        """Registers a judgement of a charger's answers, of these names or all."""

        def register(function: Hears) -> Hears:
            self.judgements.append(
                Judgement(name, rule, source, "secc", hears=function, names=names, weight=weight, cause=cause)
            )
            return function

        return register
