"""What a person at the bench did and saw, as a YAML file: written during a dialogue, read to repeat it.

::

    ITP-01-01-005:
      prepared: yes                                 # no: it cannot be prepared here
      done:
        present_card: '2026-03-01T10:00:00.000+00:00'  # when; yes: as soon as it is its turn; no: it cannot be done
      asked: {card_forgotten: yes}
      captures: [port-1.pcapng]                     # a recording per port; paths are as seen from the file
      ended: '2026-03-01T10:02:10.000+00:00'

With the time of each act and of the end, a scenario is judged at once by its captures. Without, it takes its time.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from boundary.choices import unknown
from boundary.errors import InputError
from boundary.write import write
from boundary.yaml_read import read_yaml
from plugfest.conformance.catalogue import case, cases
from plugfest.conformance.pair.scenario import Do, Scenario, scenario
from plugfest.conformance.pair.words import QUESTIONS

Done = float | bool
"""Unix time of an act, or whether it is done when its turn comes."""


@dataclass
class Answered:
    """What was done and seen in one scenario.

    Attributes:
        prepared: whether it could be prepared; None: not said.
        done: mark of an act -> when, or whether it can be done.
        asked: question -> yes or no.
        captures: recordings, one per port.
        ended: Unix time of the end; None: not over yet.
    """

    prepared: bool | None = None
    done: dict[str, Done] = field(default_factory=dict)
    asked: dict[str, bool] = field(default_factory=dict)
    captures: list[Path] = field(default_factory=list)
    ended: float | None = None

    def over(self, made: Scenario) -> bool:
        """Whether all of it has happened already, and was recorded."""
        marks = [step.mark for step in made.steps if isinstance(step, Do)]
        timed = all(isinstance(self.done.get(mark), float) for mark in marks)
        return timed and self.ended is not None and len(self.captures) == made.ports


def load(path: Path) -> dict[str, Answered]:
    """Reads a file of answers.

    Raises:
        InputError: it cannot be read; one line that says what.
    """
    data = read_yaml(path) or {}
    if not isinstance(data, dict):
        raise InputError(str(path), "a mapping from scenarios to answers is needed")
    return {str(name): _answered(path, str(name), entry) for name, entry in data.items()}


def save(path: Path, answers: Mapping[str, Answered]) -> None:
    """Writes a file of answers.

    Raises:
        OutputError: it cannot be written.
    """
    data = {name: _plain(one) for name, one in answers.items()}
    write(path, yaml.safe_dump(data, sort_keys=False, allow_unicode=True), public=True)


def _plain(one: Answered) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if one.prepared is not None:
        made["prepared"] = one.prepared
    if one.done:
        made["done"] = {mark: value if isinstance(value, bool) else _written(value) for mark, value in one.done.items()}
    if one.asked:
        made["asked"] = dict(one.asked)
    if one.captures:
        made["captures"] = [str(path.absolute()) for path in one.captures]
    if one.ended is not None:
        made["ended"] = _written(one.ended)
    return made


def _written(time: float) -> str:
    return datetime.datetime.fromtimestamp(time, datetime.UTC).isoformat(timespec="milliseconds")


def _answered(path: Path, name: str, entry: Any) -> Answered:
    where = f"{path}: {name}"
    if name not in {one.id for one in cases() if one.sut == "pair"}:
        raise InputError(where, "unknown scenario of a pair; plugfest conformance list --sut pair lists them")
    made, found = scenario(case(name)), Answered()
    if not isinstance(entry, dict):
        raise InputError(where, "prepared, done, asked, captures or ended are needed")
    if strange := set(map(str, entry)) - set(Answered.__dataclass_fields__):
        raise InputError(where, unknown("key", min(strange), Answered.__dataclass_fields__))
    if "prepared" in entry:
        found.prepared = _yes(where, "prepared", entry["prepared"])
    marks = [step.mark for step in made.steps if isinstance(step, Do)]
    for mark, value in _mapping(where, "done", entry.get("done")).items():
        if mark not in marks:
            raise InputError(where, unknown("act", mark, marks))
        found.done[mark] = value if isinstance(value, bool) else _time(where, mark, value)
    for question, value in _mapping(where, "asked", entry.get("asked")).items():
        if question not in QUESTIONS:
            raise InputError(where, unknown("question", question, QUESTIONS))
        found.asked[question] = _yes(where, question, value)
    captures = entry.get("captures") or []
    if not isinstance(captures, list) or not all(isinstance(one, str) for one in captures):
        raise InputError(where, "captures is a list of files")
    found.captures = [path.parent / one for one in captures]
    if entry.get("ended") is not None:
        found.ended = _time(where, "ended", entry["ended"])
    return found


def _mapping(where: str, name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(where, f"{name} is a mapping")
    return {str(key): item for key, item in value.items()}


def _yes(where: str, name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InputError(where, f"{name} is yes or no, not {value!r}")
    return value


def _time(where: str, name: str, value: Any) -> float:
    if isinstance(value, datetime.datetime):
        found = value
    elif isinstance(value, str):
        try:
            found = datetime.datetime.fromisoformat(value)
        except ValueError:
            raise InputError(where, f"{name} is yes, no, or a time as 2026-03-01T10:00:00+00:00") from None
    else:
        raise InputError(where, f"{name} is yes, no, or a time as 2026-03-01T10:00:00+00:00")
    return (found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)).timestamp()
