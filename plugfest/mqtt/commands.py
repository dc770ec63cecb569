"""Commands: a JSON object with an ``id`` and an action of the timeline; each id counts once.

``{"id": "7", "do": "limit", "max-current": 60}``. The answer says what was done, or why not; the same id again gets the
same answer and does nothing. With ``at`` a command waits for a time or a message of the session, as in a bench file.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from boundary.errors import InputError
from boundary.read import parse_json
from plugfest.config import rules, source
from plugfest.config.actions import Action, Step
from plugfest.config.check import Reader
from plugfest.parts import NotPossible

LONGEST = 16_384
"""Bytes of a command."""
LONGEST_ID = 200


@dataclass
class Commands:
    """Takes commands.

    Attributes:
        role: of the bench.
        act: does an action now; returns what was done.
        arm: lets one happen later.
        remembered: ids, the latest.
    """

    role: str
    act: Callable[[Step], str]
    arm: Callable[[Step], None]
    remembered: int = 10_000
    _answers: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict)

    def take(self, payload: bytes, *, retained: bool = False) -> dict[str, Any]:
        """Does what a payload says; the answer for it.

        Args:
            retained: the broker had kept it; such a command is old, and is not done.
        """
        try:
            name, facts = _parse(payload)
        except ValueError as why:
            return {"id": None, "ok": False, "error": str(why)}
        if name in self._answers:
            return {**self._answers[name], "repeated": True}
        if retained:
            return {"id": name, "ok": False, "error": "retained commands are ignored; publish it without retain"}
        answer = {"id": name, **self.perform(facts)}
        self._answers[name] = answer
        while len(self._answers) > self.remembered:
            self._answers.popitem(last=False)
        return answer

    def perform(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Does an action now, or lets it happen later: ``ok`` with what was ``done`` or ``armed``, or the ``error``."""
        reader = Reader()
        data = reader.read(source.nodes(facts), _actions())
        if reader.mistakes:
            return {"ok": False, "error": "; ".join(text.removeprefix("--") for _, text in reader.mistakes)}
        step: Step = msgspec.convert(data, Action)
        if wrong := [text for _, text in rules.action(step, self.role)]:
            return {"ok": False, "error": "; ".join(wrong)}
        if isinstance(step.at, str) or step.at or step.after:
            self.arm(step)
            return {"ok": True, "armed": True}
        try:
            return {"ok": True, "done": self.act(step)}
        except NotPossible as why:
            return {"ok": False, "error": str(why)}


@functools.cache
def _actions() -> msgspec.inspect.Type:
    return msgspec.inspect.type_info(Action)


def _parse(payload: bytes) -> tuple[str, dict[str, Any]]:
    """Id and the rest. Raises ValueError: no command."""
    if len(payload) > LONGEST:
        raise ValueError(f"a command of {len(payload)} bytes; at most {LONGEST} are accepted")
    try:
        facts = parse_json(payload, "command")
    except InputError as why:
        raise ValueError(why.what) from why
    if not isinstance(facts, dict):
        raise ValueError('not a JSON object; {"id": "1", "do": "stop"} is one')
    name = facts.pop("id", None)
    if isinstance(name, bool) or not isinstance(name, (str, int)) or not 0 < len(str(name)) <= LONGEST_ID:
        raise ValueError("an id is missing: text or a number, a different one for each command")
    return str(name), facts
