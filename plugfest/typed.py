"""Actions as people type them at the live view: ``power -10``, ``needs target=70 departure=1800``, ``stop by=charger``.

The first word is an action of the timeline, the others its keys with values; one value alone is that of the action's
first key. A ``?`` lists the actions, and ``? ACTION`` its keys.
"""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Mapping
from typing import Any, get_args

import msgspec

from boundary.choices import unknown
from boundary.errors import InputError
from boundary.yaml_read import parse_yaml
from plugfest.config.actions import Action, Step
from plugfest.mqtt.commands import Commands

HINT = "type a command, as power -10 or stop; ? lists them"
_SHARED = ("by", "max-delay", *(field.encode_name for field in msgspec.structs.fields(Step)))
"""Keys that a value without a key never refers to."""


@functools.cache
def kinds() -> Mapping[str, type[Step]]:
    """The actions by their words."""
    return {str(kind.__struct_config__.tag): kind for kind in get_args(Action)}


def about(kind: type[Step]) -> str:
    """What an action does, in one line."""
    return (kind.__doc__ or "").strip().partition("\n")[0].replace("``", "")


def take(line: str, commands: Commands) -> str:
    """Performs what a line says; returns the result in one line."""
    try:
        words = shlex.split(line)
    except ValueError as why:
        return f"not understood: {why}"
    if not words:
        return HINT
    if words[0] in ("?", "help"):
        return _help(words[1:])
    try:
        facts = _facts(words)
    except ValueError as why:
        return str(why)
    answer = commands.perform(facts)
    if "error" in answer:
        return f"not done: {answer['error']}"
    return "will be done" if answer.get("armed") else f"done: {answer['done']}"


def _facts(words: list[str]) -> dict[str, Any]:
    """Raises ValueError: it is not an action with keys and values."""
    facts: dict[str, Any] = {"do": words[0]}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals:
            kind = kinds().get(words[0])
            names = [] if kind is None else [name for name in _keys(kind) if name not in _SHARED]
            if not names or names[0] in facts:
                raise ValueError(f"{word}: use KEY=VALUE")
            key, value = names[0], word
        try:
            facts[key] = parse_yaml(value, key)
        except InputError as why:
            raise ValueError(f"{key}: {why.what}") from why
    return facts


def _keys(kind: type[Step]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def _help(words: list[str]) -> str:
    if not words:
        return ", ".join(kinds())
    kind = kinds().get(words[0])
    if kind is None:
        return unknown("action", words[0], kinds())
    keys = [name for name in _keys(kind) if name not in ("at", "occurrence")]
    return f"{words[0]} {' '.join(f'{name}=' for name in keys)} - {about(kind)}"


def taker(commands: Commands) -> Callable[[str], str]:
    """Accepts lines with actions for a bench."""
    return functools.partial(take, commands=commands)
