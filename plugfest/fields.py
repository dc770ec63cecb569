"""Fields of messages by dotted name (``DC_EVStatus.EVRESSSOC``), set to plain values, legal or not.

A number becomes a PhysicalValue or RationalNumber where the field is one, text becomes bytes (hex), a mapping fills a
group. A name that leads through a list means every entry, or one (``ProfileEntry.2.ChargingProfileEntryStart``).
Values put into a message are not validated, because a bench may want to send wrong ones; only names are checked.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from boundary.choices import meant
from exi import Schema
from secc.minimal import minimal
from v2g.messages import din70121, iso2
from v2g.messages.iso20.types import RationalNumberType
from v2g.physical import physical, rational

_UNITS = (("Voltage", "V"), ("Current", "A"), ("Ripple", "A"), ("Tolerance", "A"), ("Power", "W"), ("PMax", "W"),
          ("Energy", "Wh"), ("EAmount", "Wh"), ("Capacity", "Wh"), ("Time", "s"))  # fmt: skip


PHYSICAL: Mapping[type[Any], Any] = {module.PhysicalValueType: module for module in (din70121, iso2)}
"""Physical values with a unit, and the messages they belong to."""


class FieldError(ValueError):
    """There is no such field, or its value cannot be made."""


_HINTS: dict[type[Any], dict[str, Any]] = {}


def hints(cls: type[Any]) -> dict[str, Any]:
    """Fields of a message class and their types."""
    if cls not in _HINTS:
        found = get_type_hints(cls)
        _HINTS[cls] = {field.name: found[field.name] for field in msgspec.structs.fields(cls)}
    return _HINTS[cls]


def _alternatives(hint: Any) -> list[Any]:
    """The types of a hint, without None."""
    if isinstance(hint, types.UnionType) or get_origin(hint) is Union:
        return [inner for t in get_args(hint) if t is not type(None) for inner in _alternatives(t)]
    return [hint]


def _classes(hint: Any) -> list[type[Any]]:
    """Message classes that a field may contain: those of the hint and their substitutes."""
    found: list[type[Any]] = []
    for kind in _alternatives(hint):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found += [kind, *_below(kind)]
    return found


def _below(cls: type[Any]) -> Iterator[type[Any]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _below(sub)


# ---------------------------------------------------------------------------------------------------------------
# Checking names


COUNT = "lists count from 1"


def check(classes: Mapping[str, type[Any]], fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Fields that none of these classes has, or whose value is invalid: dotted name and reason."""
    for name, value in fields.items():
        wrong = [why for cls in classes.values() if (why := _check(cls, name.split("."), value))]
        if wrong and len(wrong) == len(classes):
            yield name, wrong[-1]


def _check(cls: type[Any], path: list[str], value: Any) -> str:
    known = hints(cls)
    if path[0] not in known:
        return f"{cls.__name__} has no field {path[0]}{meant(path[0], known)}"
    hint = known[path[0]]
    groups = _classes(hint)
    if len(path) > 1:
        for kind in _alternatives(hint):
            if get_origin(kind) is list:
                groups = _classes(get_args(kind)[0])
                if path[1].isdigit() and int(path[1]) == 0:
                    return f"{path[0]} is a list, and {COUNT}"
                path = path[1:] if path[1].isdigit() and len(path) > 2 else path
        if not groups:
            return f"{path[0]} has no fields of its own"
        results = [_check(group, path[1:], value) for group in groups]
        return "" if "" in results else max(results, key=lambda why: (COUNT in why, "did you mean" in why))
    if value is None or isinstance(value, dict):
        return ""
    words = [word for kind in _alternatives(hint) if get_origin(kind) is Literal for word in get_args(kind)]
    if words and value not in words:
        return f"{value!r} is not a value of {path[0]}{meant(value, words)}"
    return ""


# ---------------------------------------------------------------------------------------------------------------
# Setting values


def put(message: Any, fields: Mapping[str, Any], schema: Schema) -> Any:
    """A copy of a message with these fields.

    Args:
        schema: the message's schema set.

    Raises:
        FieldError: this message has no such field, or the value does not fit at all.
    """
    for name, value in fields.items():
        message = _put(message, name.split("."), value, schema)
    return message


def _put(group: Any, path: list[str], value: Any, schema: Schema) -> Any:
    name = path[0]
    known = hints(type(group))
    if name not in known:
        raise FieldError(f"{type(group).__name__} has no field {name}")
    current = getattr(group, name)
    if len(path) == 1:
        made = build(known[name], value, current, name, schema)
    elif isinstance(current, msgspec.Struct):
        made = _put(current, path[1:], value, schema)
    elif isinstance(current, list):
        at = int(path[1]) if path[1].isdigit() else None
        rest = path[1:] if at is None else path[2:]
        if at is not None and rest and not 1 <= at <= len(current):
            raise FieldError(f"{name} has {len(current)} entries, counted from 1, and none is number {at}")
        if not rest:
            raise FieldError(f"{name} has {len(current)} entries, and no field {'.'.join(path[1:])}")
        made = [_put(each, rest, value, schema) if at in (None, n) else each for n, each in enumerate(current, 1)]
    elif current is None and value is None:
        return group  # what is absent has nothing to leave out
    else:
        made = build(known[name], {".".join(path[1:]): value}, None, name, schema)
    return msgspec.structs.replace(group, **{name: made})


def build(hint: Any, value: Any, current: Any, name: str, schema: Schema) -> Any:
    """A plain value as a field of that type.

    Args:
        current: the field's present value; a mapping changes it if it is a group.

    Raises:
        FieldError: the value does not fit.
    """
    if value is None:
        return None
    kinds = _alternatives(hint)
    groups = _classes(hint)
    if isinstance(value, (int, float)):
        if RationalNumberType in groups:
            return rational(float(value), -1)
        if physical_type := next((g for g in groups if g in PHYSICAL), None):
            unit = current.Unit if current is not None and current.Unit is not None else _unit(name)
            return physical(PHYSICAL[physical_type], float(value), unit)
    if isinstance(value, dict):
        if isinstance(current, msgspec.Struct):
            return put(current, value, schema)
        if not groups:
            raise FieldError(f"{name} has no fields of its own")
        return _group(groups, value, name, schema)
    for kind in kinds:
        if get_origin(kind) is list and isinstance(value, list):
            (item,) = get_args(kind)
            return [build(item, each, None, name, schema) for each in value]
        if isinstance(kind, type) and issubclass(kind, bytes) and isinstance(value, (str, int)):
            try:
                return kind(bytes.fromhex(str(value).removeprefix("0x")))
            except ValueError as why:
                raise FieldError(f"{name}: {value!r} is not hex") from why
    if groups:
        raise FieldError(f"{name} is a group; give a mapping of its fields")
    return value


def _group(groups: list[type[Any]], value: Mapping[str, Any], name: str, schema: Schema) -> Any:
    """A new group: the class that has all these fields; missing required fields get their smallest values."""
    heads = {key.split(".")[0] for key in value}
    fitting = next((group for group in groups if heads <= set(hints(group))), None)
    if fitting is None:
        raise FieldError(f"no {name} has {', '.join(sorted(heads))}")
    return put(minimal(schema, fitting), value, schema)


def _unit(name: str) -> str:
    return next((unit for part, unit in _UNITS if part in name), "W")
