"""A scenario of the catalogue, read: what is prepared, what happens step by step, what is expected of the recording."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from plugfest.conformance.catalogue import Case
from plugfest.conformance.pair.words import ACTS, PREPARED
from plugfest.traces.chain.steps import Step

Blamed = Literal["evcc", "secc", ""]

PHASES: Mapping[str, Step] = {
    "session": Step.SETUP, "services": Step.SERVICES, "authorization": Step.AUTHORIZATION,
    "parameters": Step.PARAMETERS, "cable_check": Step.CABLE_CHECK, "precharge": Step.PRECHARGE,
    "charging": Step.CHARGING, "end": Step.END,
}  # fmt: skip
"""Phases that scenarios name."""


class ScenarioError(ValueError):
    """A scenario cannot be read; says which step and why."""


@dataclass(frozen=True)
class Do:
    """An act.

    Attributes:
        act: of :data:`.words.ACTS`.
        value: of the act, or None.
        port: of the charger, from 1.
        mark: name in the evidence: the act, from the second time on with a number.
    """

    act: str
    value: Any
    port: int
    mark: str


@dataclass(frozen=True)
class Wait:
    """This many seconds pass."""

    seconds: float


@dataclass(frozen=True)
class Until:
    """A phase is reached within this many seconds; if not, the scenario continues, and is judged."""

    phase: str
    within: float
    port: int


@dataclass(frozen=True)
class Expected:
    """Something that the recording must show.

    Attributes:
        verb: of :data:`.looks.LOOKS`.
        value: what it looks for.
        after, until: marks of acts between which it holds; "": the beginning, and the end.
        settle: s after ``after`` in which it need not hold yet.
        by: the side responsible for it; "": the side that the diagnosis of the session names.
        port: of the charger, from 1.
        of: message that it is about.
    """

    verb: str
    value: Any
    after: str = ""
    until: str = ""
    settle: float = 0.0
    by: Blamed = ""
    port: int = 1
    of: str = ""


@dataclass(frozen=True)
class Scenario:
    """A scenario.

    Attributes:
        prepared: name -> value, of both ports or the first.
        prepared2: what is different at the second port.
        steps: what happens.
        expected: what the recording must show.
    """

    id: str
    title: str
    prepared: Mapping[str, Any]
    prepared2: Mapping[str, Any]
    steps: tuple[Do | Wait | Until, ...]
    expected: tuple[Expected, ...]

    @property
    def ports(self) -> int:
        return int(self.prepared.get("ports", 1))

    @property
    def seconds(self) -> float:
        """About how long it takes at most."""
        return sum(
            step.seconds if isinstance(step, Wait) else step.within if isinstance(step, Until) else 5.0
            for step in self.steps
        )


def scenario(case: Case) -> Scenario:
    """A case of the catalogue as a scenario.

    Raises:
        ScenarioError: a word of it is unknown, or an expectation names an act that does not come.
    """
    prepared: dict[str, Any] = {}
    prepared2: dict[str, Any] = {}
    steps: list[Do | Wait | Until] = []
    counts: collections.Counter[str] = collections.Counter()
    for step in case.stimulus:
        port = int(step.get("port", 1))
        match next(iter(step)):
            case "prepare":
                name = str(step["prepare"])
                if name not in PREPARED:
                    raise ScenarioError(f"{case.id}: nobody knows how to prepare {name!r}")
                where = prepared2 if port == 2 else prepared
                if name in where or steps:
                    raise ScenarioError(f"{case.id}: {name} is prepared twice, or too late")
                where[name] = step["value"]
            case "do":
                act = str(step["do"])
                if act not in ACTS:
                    raise ScenarioError(f"{case.id}: no act {act!r}")
                counts[act] += 1
                mark = act if counts[act] == 1 else f"{act} {counts[act]}"
                steps.append(Do(act, step.get("value"), port, mark))
            case "wait":
                steps.append(Wait(float(step["wait"])))
            case "until":
                if step["until"] not in PHASES:
                    raise ScenarioError(f"{case.id}: no phase {step['until']!r}")
                steps.append(Until(str(step["until"]), float(step["within"]), port))
            case other:
                raise ScenarioError(f"{case.id}: no step {other!r}")
    marks = {step.mark for step in steps if isinstance(step, Do)}
    return Scenario(
        case.id, case.title, prepared, prepared2, tuple(steps), tuple(_expected(case, marks)),
    )  # fmt: skip


def _expected(case: Case, marks: set[str]) -> Iterator[Expected]:
    known = set(Expected.__dataclass_fields__) - {"verb", "value"}
    for step in case.expect:
        verb, *more = step
        if unknown := set(more) - known:
            raise ScenarioError(f"{case.id}: {verb}: no {', '.join(sorted(map(str, unknown)))}")
        found = Expected(verb, step[verb], **{str(key): step[key] for key in more})
        for mark in filter(None, (found.after, found.until)):
            if mark not in marks:
                raise ScenarioError(f"{case.id}: {verb}: no act {mark!r} among its steps")
        yield found
