"""The manual actions, as the page needs them: each action with its fields, from the types of the timeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import inspect

from plugfest.config import rules
from plugfest.config.actions import Step
from plugfest.typed import about, kinds

_WHEN = {field.encode_name for field in msgspec.structs.fields(Step)}


def of_role(role: str) -> list[dict[str, Any]]:
    """The actions of a bench with this role: ``do``, ``about`` and ``fields``."""
    found = []
    for word, kind in kinds().items():
        struct = inspect.type_info(kind)
        assert isinstance(struct, inspect.StructType)
        sample = {one.encode_name: _sample(one, role) for one in struct.fields if one.required}
        fields = [_field(one) for one in struct.fields if one.encode_name not in _WHEN]
        for field in fields:
            field["choices"] = [
                choice
                for choice in field["choices"]
                if rules.absent(_made(kind, {**sample, field["name"]: choice}), role) is None
            ]
            sample |= {field["name"]: field["choices"][0]} if field["choices"] else {}
        if rules.absent(_made(kind, sample), role) is None:
            found.append({"do": word, "about": about(kind), "fields": fields})
    return found


def _made(kind: type[Step], facts: dict[str, Any]) -> Step:
    return msgspec.convert({**facts, "do": kind.__struct_config__.tag}, kind)


def _sample(field: inspect.Field, role: str) -> Any:
    """A value accepted by a required field."""
    kind = next(_plain(field.type))
    if isinstance(kind, inspect.LiteralType):
        return kind.values[0]
    return ("SessionSetupRes" if role == "secc" else "SessionSetupReq") if isinstance(kind, inspect.StrType) else 1


def _plain(kind: inspect.Type) -> Iterator[inspect.Type]:
    """The types that a value may have, without mere annotations."""
    if isinstance(kind, inspect.Metadata):
        yield from _plain(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            if not isinstance(one, inspect.NoneType):
                yield from _plain(one)
    else:
        yield kind


Input = Literal["number", "text", "choice", "yes"]


def _field(field: inspect.Field) -> dict[str, Any]:
    types = list(_plain(field.type))
    choices = [value for kind in types if isinstance(kind, inspect.LiteralType) for value in kind.values]
    made: Input = "text"
    if choices:
        made = "choice"
    elif isinstance(types[0], inspect.BoolType):
        made = "yes"
    elif all(isinstance(kind, inspect.IntType | inspect.FloatType) for kind in types):
        made = "number"
    default = field.default if isinstance(field.default, str | int | float | bool) else None
    return {
        "name": field.encode_name,
        "about": _description(field.type),
        "input": made,
        "choices": choices,
        "required": field.required,
        "default": default,
    }


def _description(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.Metadata):
        found = (kind.extra_json_schema or {}).get("description", "")
        return str(found) or _description(kind.type)
    return ""
