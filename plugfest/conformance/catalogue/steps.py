"""Reading a step of the catalogue, for either side: what is not understood is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from plugfest.conformance.verdict import NotExecutable

Step = Mapping[str, Any]
Steps = Sequence[Step]

T = TypeVar("T")


def step_text(step: Mapping[str, Any]) -> str:
    """One step on one line: ``send SessionSetupReq, session_id zero``."""
    return ", ".join(f"{key} {value_text(value)}" for key, value in step.items())


def value_text(value: Any) -> str:
    """A value of a step as the catalogue writes it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {value_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


DIGITS = {"version": 2, "inverse": 2, "type": 4, "length": 8}
"""Fields of a V2GTP header, which are known by their hexadecimal numbers; the catalogue holds some as numbers."""


def in_hex(header: Any) -> Any:
    """A header to force with such numbers."""
    if not isinstance(header, Mapping):
        return header
    return {key: f"0x{item:0{DIGITS[key]}X}" if isinstance(item, int) else item for key, item in header.items()}


OTHERS = {"control": "the other control mode", "bidirectional": "the other kind of service"}
"""Whose members a message has; plain services and those in both directions are the two kinds."""


def other_members(like: Mapping[str, Any]) -> str:
    """What a message is like that does not fit what was selected."""
    return f"the members of {' and of '.join(OTHERS[name] for name in like)}"


def only(step: Step, *keys: str) -> None:
    """Refuses a step that says more than we understand.

    Raises:
        NotExecutable: it does.
    """
    if unknown := set(step) - set(keys):
        raise NotExecutable(f"step {step_text(step)!r}: {', '.join(sorted(unknown))} is not understood")


def meant(step: Step, table: Mapping[str, T], what: str) -> T:
    """The entry of a table that one of the step's keys names.

    Args:
        what: the table's kind, for the error.

    Raises:
        NotExecutable: none of them is there.
    """
    for key in step:
        if key in table:
            return table[key]
    raise NotExecutable(f"{what} {step_text(step)!r}")


def named_checks(step: Step, table: Mapping[str, T]) -> list[tuple[str, T]]:
    """The checks that a step asks for, with their names.

    Raises:
        NotExecutable: we do not have one of them.
    """
    words = [str(word) for word in step.get("check", ())]
    if missing := [word for word in words if word not in table]:
        raise NotExecutable(f"check {missing[0]} is not available")
    return [(word, table[word]) for word in words]


def chosen(step: Step, key: str, table: Mapping[str, T]) -> T:
    """What a table has for the words of a step.

    Raises:
        NotExecutable: nothing.
    """
    words = str(step[key])
    if words not in table:
        raise NotExecutable(f"{key} in words: {words!r}")
    return table[words]
