"""Mutants of what a role says and of the tables it goes by, generated from the message classes and the tables.

Fields: stale (of the message before), constant (the first ever), zero, off by one, tenfold, of another unit, another
word, extreme, left out. Codes: OK for FAILED and the other way round. Timers up and down. Each check of a request left
out: session id, order, pilot, content, answer. Each content rule not heeded. Each row of the order of messages wider.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal
from unittest.mock import patch

import msgspec

import secc.answer
import v2g.session
from evcc.drive import Drive
from mutants.areas import AREAS, MODERN, SCHEMAS, Area
from secc.visit import Visit
from slac import frames
from slac.timing import STANDARD as SLAC_TIMING
from slac.timing import table as slac_table
from v2g.messages import appproto
from v2g.protocols import DIN, ISO2
from v2g.protocols import ISO20 as ISO20_PROTOCOL
from v2g.rules.rule import CLASSIC, EVCC, ISO20, SECC, Live, Rule
from v2g.rules.table import RULES
from v2g.sequence import START, TABLES, Sequence
from v2g.timing import ISO2 as TIMING
from v2g.timing import ISO20 as ISO20_TIMING

Adjust = Callable[[Any], None]
Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Entry:
    """One mutant of a table.

    Attributes:
        id: where and what, like ``iso2.PreChargeRes.EVSEPresentVoltage:stale``.
        before, after: for people.
        messages: a run shows it with one of them; empty: any run may.
        timer: that it changes; "" for none.
        adjust: changes the role before it starts.
        patches: (object, attribute, replacement).
    """

    id: str
    before: str
    after: str
    messages: tuple[str, ...] = ()
    timer: str = ""
    adjust: Adjust = lambda system: None
    patches: tuple[tuple[Any, str, Any], ...] = ()

    def put(self) -> None:
        """In place for good: the process is meant to end after it."""
        for target, name, replacement in self.patches:
            patch.object(target, name, replacement).start()


def entries(area: Area) -> Iterator[Entry]:
    """All mutants of tables in an area."""
    if area.protocols == ("slac",):
        yield from _slac_fields(area)
        yield from _slac_timers(area)
        return
    for protocol in area.protocols:
        for schema in SCHEMAS.get(protocol, ()):
            module = import_module(f"v2g.messages.{schema}")
            for name in area.messages:
                kind = getattr(module, name, None)
                if kind is not None and kind.__module__ == module.__name__:
                    yield from _fields(schema, kind)
    for name in area.messages:
        if hasattr(appproto, name):
            yield from _fields("appproto", getattr(appproto, name))
    for entry in (*_timers(area), *_unchecked(area), *_unheeded(area)):
        yield dataclasses.replace(entry, id=f"iso20.{entry.id}") if area.protocols == MODERN else entry
    if area.general and area.sut == "secc":
        yield from _order(area)


# ---------------------------------------------------------------------------------------------------------------
# Fields


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _kinds(hint: Any) -> tuple[list[Any], bool]:
    """What a field may be, and whether it may be left out."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        parts = typing.get_args(hint)
        inner = [one for part in parts if part is not type(None) for one in _kinds(part)[0]]
        return inner, type(None) in parts
    if typing.get_origin(hint) is typing.Annotated:
        return _kinds(typing.get_args(hint)[0])
    return [hint], False


def _fields(schema: str, kind: type[Any], path: tuple[str, ...] = (), top: type[Any] | None = None) -> Iterator[Entry]:
    top = top or kind
    for name, hint in _hints(kind).items():
        if name not in kind.__struct_fields__ or name in ("Id", "Header") or len(path) > DEEPEST:
            continue
        kinds, optional = _kinds(hint)
        here = (*path, name)
        if optional:
            yield _said(schema, top, here, "omitted", lambda value, _: None)
        for one in kinds:
            if isinstance(one, type) and issubclass(one, msgspec.Struct):
                if one.__name__ in _QUANTITIES:
                    yield from _of_value(schema, top, here, _QUANTITIES[one.__name__])
                for part in _shapes(one) if one.__name__ not in _QUANTITIES else ():
                    yield from _fields(schema, part, here, top)
            elif typing.get_origin(one) is Literal:
                words = typing.get_args(one)
                ways = (
                    _CODES if name == "ResponseCode" else {"other-word": _next(words), "stale": None, "constant": None}
                )
                yield from _of_value(schema, top, here, ways)
            elif typing.get_origin(one) is list:
                yield from _of_value(schema, top, here, _LIST)
                for element in _kinds(typing.get_args(one)[0])[0]:
                    if isinstance(element, type) and issubclass(element, msgspec.Struct):
                        yield from _fields(schema, element, here, top)
            else:
                yield from _of_value(schema, top, here, _PLAIN.get(one, {}))


DEEPEST = 6
"""Fields of fields of a message."""


def _shapes(kind: type[Any]) -> Iterator[type[Any]]:
    """A group of fields, and what may stand in its place."""
    if kind.__struct_fields__:
        yield kind
    for other in kind.__subclasses__():
        yield from _shapes(other)


def _of_value(schema: str, top: type[Any], path: tuple[str, ...], ways: dict[str, Any]) -> Iterator[Entry]:
    for name, change in ways.items():
        if name == "stale":
            yield _said(schema, top, path, name, _Before())
        elif name == "constant":
            yield _said(schema, top, path, name, _First())
        else:
            yield _said(schema, top, path, name, lambda value, _, change=change: change(value))


class _Before:
    """The value of the message before; of the first one, its own."""

    def __call__(self, value: Any, memory: dict[str, Any]) -> Any:
        before = memory.get("before", value)
        memory["before"] = value
        return before


class _First:
    """The value of the first message, in all sessions."""

    def __call__(self, value: Any, memory: dict[str, Any]) -> Any:
        return memory.setdefault("first", value)


def _said(schema: str, top: type[Any], path: tuple[str, ...], way: str, change: Any) -> Entry:
    where = f"{schema}.{top.__name__}.{'.'.join(path)}"
    memory: dict[str, Any] = {}

    def rewrite(message: Any) -> Any:
        if path[-1] != "ResponseCode" and str(getattr(message, "ResponseCode", "")).startswith("FAILED"):
            return message
        return _at(message, path, lambda value: change(value, memory))

    def adjust(system: Any) -> None:
        system.options.rewrite[top] = rewrite

    return Entry(f"{where}:{way}", where, way, (top.__name__,), adjust=adjust)


def _at(message: Any, path: tuple[str, ...], change: Change) -> Any:
    """The message with one field changed; as it is where it has no such field."""
    if isinstance(message, list):
        return [_at(one, path, change) for one in message]
    value = getattr(message, path[0], None)
    if value is None:
        return message
    new = _at(value, path[1:], change) if len(path) > 1 else change(value)
    return msgspec.structs.replace(message, **{path[0]: new})


def _next(words: tuple[Any, ...]) -> Change:
    return lambda value: words[(words.index(value) + 1) % len(words)] if value in words else value


def _quantity(**changes: Change) -> Change:
    return lambda value: msgspec.structs.replace(
        value, **{name: change(getattr(value, name)) for name, change in changes.items()}
    )


_UNITS = {"V": "A", "A": "V", "W": "Wh", "Wh": "W", "s": "h", "h": "s", "m": "s"}
_QUANTITY: dict[str, Any] = {
    "stale": None,
    "constant": None,
    "zero": _quantity(Value=lambda value: 0),
    "a-third-more": _quantity(Value=lambda value: int(value * 4 / 3) if abs(value) < 24000 else value),
    "half": _quantity(Value=lambda value: value // 2),
    "tenfold": _quantity(Multiplier=lambda value: min(value + 1, 3)),
    "unit": _quantity(Unit=lambda value: _UNITS.get(value, "V")),
    "extreme": _quantity(Value=lambda value: 32767),
    "negative": _quantity(Value=lambda value: -value or -1),
}
_RATIONAL: dict[str, Any] = {
    "stale": None,
    "constant": None,
    "zero": _quantity(Value=lambda value: 0),
    "a-third-more": _quantity(Value=lambda value: int(value * 4 / 3) if abs(value) < 24000 else value),
    "half": _quantity(Value=lambda value: value // 2),
    "tenfold": _quantity(Exponent=lambda value: value + 1),
    "extreme": _quantity(Value=lambda value: 32767, Exponent=lambda value: 3),
    "negative": _quantity(Value=lambda value: -value or -1),
}
_QUANTITIES = {"PhysicalValueType": _QUANTITY, "RationalNumberType": _RATIONAL}
"""Kinds of quantities -> how they are changed."""
_CODES: dict[str, Any] = {
    "ok->failed": lambda code: "FAILED" if code.startswith("OK") else code,
    "failed->ok": lambda code: "OK" if code.startswith("FAILED") else code,
    "failed->plain": lambda code: "FAILED" if code.startswith("FAILED") else code,
    "failed->other": lambda code: "FAILED_UnknownSession" if code.startswith("FAILED_S") else
        "FAILED_SequenceError" if code.startswith("FAILED") else code,
    "ok->other": lambda code: {"OK": "OK_NewSessionEstablished", "OK_NewSessionEstablished": "OK",
                               "OK_OldSessionJoined": "OK_NewSessionEstablished"}.get(code, code),
    "warning->ok": lambda code: "OK" if code.startswith("WARNING") else code,
    "ok->warning": lambda code: "WARNING_ChallengeInvalid" if code == "OK" else code,
}  # fmt: skip
_LIST: dict[str, Any] = {"first-only": lambda value: value[:1], "last-only": lambda value: value[-1:]}
_PLAIN: dict[Any, dict[str, Any]] = {
    int: {
        "stale": None,
        "constant": None,
        "zero": lambda value: 0,
        "plus-one": lambda value: value + 1,
        "minus-one": lambda value: max(value - 1, 0),
    },
    bool: {"flipped": lambda value: not value},
    str: {"constant": None, "other": lambda value: value[:-1] + ("X" if value[-1:] != "X" else "Y")},
    bytes: {
        "stale": None,
        "constant": None,
        "zeros": lambda value: bytes(len(value)),
        "other": lambda value: bytes([value[0] ^ 1, *value[1:]]) if value else value,
    },
}


# ---------------------------------------------------------------------------------------------------------------
# Timers


def _timers(area: Area) -> Iterator[Entry]:
    timing = ISO20_TIMING if area.protocols == MODERN else TIMING
    for name in area.timers:
        table = getattr(timing, name)
        values = {f"{name}.{key}": value for key, value in table.items() if key != "default"} if isinstance(
            table, dict
        ) else {name: table}  # fmt: skip
        for timer, value in values.items():
            for way, factor in (("half", 0.5), ("double", 2.0), ("never", 1000.0)):
                seconds = (value or 10.0) * factor

                def adjust(system: Any, timer: str = timer, seconds: float = seconds) -> None:
                    system.options.timing = {**system.options.timing, timer: seconds}

                yield Entry(f"timer.{timer}:{way}", f"{timer} = {value}", f"{seconds:g}", timer=timer, adjust=adjust)


def _slac_timers(area: Area) -> Iterator[Entry]:
    for row in slac_table(SLAC_TIMING):
        if row.rule.side not in area.timers:
            continue
        # Beyond the range that the standard allows: within it, a role may choose.
        low = row.value if row.rule.low is None else row.rule.low
        high = row.value if row.rule.high is None else row.rule.high
        down, up = (low / 2, high * 2) if not row.name.startswith("C_") else (max(low - 1, 0), high + 1)
        for way, value in (("down", down), ("up", up)):
            if value == row.value:
                continue

            def adjust(system: Any, name: str = row.name, value: float = value) -> None:
                timing = system.options.timing.replace(**{name: value})
                system.options = dataclasses.replace(system.options, timing=timing)

            yield Entry(
                f"slac.timer.{row.name}:{way}",
                f"{row.name} = {row.value:g}",
                f"{value:g}",
                timer=row.name,
                adjust=adjust,
            )


# ---------------------------------------------------------------------------------------------------------------
# Messages of SLAC


def _slac_fields(area: Area) -> Iterator[Entry]:
    for name in area.messages:
        kind = getattr(frames, name, None)
        if kind is None:
            continue
        for field in dataclasses.fields(kind):
            for way, change in _SLAC_WAYS.items():
                yield _slac_said(kind, field.name, way, change)


def _slac_said(kind: type[Any], name: str, way: str, change: Any) -> Entry:
    memory: dict[str, Any] = {}

    def rewrite(frame: Any) -> Any:
        value = getattr(frame.message, name)
        new = _First()(value, memory) if change is None else change(value)
        return dataclasses.replace(frame, message=dataclasses.replace(frame.message, **{name: new}))

    def adjust(system: Any) -> None:
        system.rewrite[kind] = rewrite

    where = f"slac.{kind.__name__}.{name}"
    return Entry(f"{where}:{way}", where, way, (slac_name(kind),), adjust=adjust)


def slac_name(kind: type[Any]) -> str:
    """As traces name a message: ``CM_SLAC_PARM.CNF``."""
    front, _, last = kind.__name__.rpartition("_")
    return f"{front}.{last}"


def _slac_other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1 if value < 255 else value - 1
    if isinstance(value, bytes) and value:
        return bytes([*value[:-1], value[-1] ^ 1])
    return value


def _slac_zero(value: Any) -> Any:
    if isinstance(value, int):
        return type(value)(0) if type(value) is int else value
    return bytes(len(value)) if isinstance(value, bytes) else value


_SLAC_WAYS: dict[str, Any] = {"other": _slac_other, "zero": _slac_zero, "constant": None}


# ---------------------------------------------------------------------------------------------------------------
# Checks and rules left out


def _unchecked(area: Area) -> Iterator[Entry]:
    for name in area.requests:
        if area.sut == "secc":
            for check in ("_check_id", "_check_order", "_check_pilot"):
                if check != "_check_pilot" or _states(name):
                    yield _without_check(name, check)
            yield _without_content(name)
        else:
            yield _without_id(name)
            yield _without_code(name)


def _states(name: str) -> bool:
    """Whether a charger asks for a state of the control pilot at a request."""
    return name == "SessionStopReq" or any(one.names.presupposed(name) for one in (DIN, ISO2, ISO20_PROTOCOL))


def _without_check(name: str, check: str) -> Entry:
    right = getattr(secc.answer, check)
    waits = check == "_check_pilot"

    def checked(visit: Any, *rest: Any) -> Any:
        request = getattr(rest[-1], "message", rest[-1])
        if type(request).__name__ != name:
            return right(visit, *rest)
        return _pass() if waits else None

    text = check.removeprefix("_check_")
    return Entry(
        f"check.{name}:{text}-off",
        f"{text} of {name} checked",
        "not",
        (name,),
        patches=((secc.answer, check, checked),),
    )


async def _pass() -> None:
    return None


def _without_content(name: str) -> Entry:
    right = Visit.check_content

    def check(visit: Any) -> None:
        received = visit.session.last_received
        if received is None or type(received.message).__name__ != name:
            right(visit)

    return Entry(f"check.{name}:content-off", f"content of {name} checked", "not", (name,),
                 patches=((Visit, "check_content", check),))  # fmt: skip


def _without_id(name: str) -> Entry:
    right = v2g.session.Session._check_id

    def check(session: Any, request: str, received: Any) -> None:
        if type(received.message).__name__ != name:
            right(session, request, received)

    return Entry(f"check.{name}:id-off", f"session id of {name} checked", "not", (name,),
                 patches=((v2g.session.Session, "_check_id", check),))  # fmt: skip


def _without_code(name: str) -> Entry:
    """The response's code is taken for OK, in `Session.request` alone."""
    right = v2g.session.Session.request

    async def request(session: Any, message: Any, **options: Any) -> Any:
        try:
            return await right(session, message, **options)
        except v2g.session.Refused:
            received = session.last_received
            if received is None or type(received.message).__name__ != name:
                raise
            return received.message

    return Entry(f"check.{name}:code-off", f"ResponseCode of {name} checked", "not", (name,),
                 patches=((v2g.session.Session, "request", request),))  # fmt: skip


def _unheeded(area: Area) -> Iterator[Entry]:
    side = EVCC if area.sut == "secc" else SECC
    modern = area.protocols == MODERN
    near = [one for one in AREAS if one.sut == area.sut and (one.protocols == MODERN) is modern]
    for name, rules in _by_name(side, ISO20 if modern else CLASSIC).items():
        messages = tuple(dict.fromkeys(message for rule in rules for message in rule.messages))
        mine = [one for one in near if set(one.rules) & set(messages)]
        # A rule of messages of several areas counts in the first one, one of all messages with the order.
        if area is (mine[0] if mine else next(one for one in near if one.general)):
            yield _without_rule(name, rules[0].asks, messages)


def _by_name(side: str, sets: tuple[str, ...]) -> dict[str, list[Rule]]:
    """The rules on which a role acts in some schema sets."""
    found: dict[str, list[Rule]] = {}
    for rule in RULES:
        spoken = set(rule.protocols or CLASSIC) & set(sets)
        if rule.side == side and spoken and rule.live not in (Live.TOLD, Live.UNSEEN):
            found.setdefault(rule.name, []).append(rule)
    return found


def _without_rule(name: str, asks: str, messages: tuple[str, ...]) -> Entry:
    judges, heeds = Visit.check_content, Drive.heed

    def kept(breaches: Any) -> list[Any]:
        return [breach for breach in breaches if breach.rule.name != name]

    def check(visit: Any) -> None:
        visit.breaches = kept(visit.breaches)
        judges(visit)

    def heed(drive: Any) -> None:
        received = drive.session.last_received
        if received is not None:
            drive.session.last_received = dataclasses.replace(received, breaches=kept(received.breaches))
        heeds(drive)

    patches = ((Visit, "check_content", check), (Drive, "heed", heed))
    return Entry(f"rule.{name}:unheeded", f"heeded: {asks}", "not", messages, patches=patches)


# ---------------------------------------------------------------------------------------------------------------
# The order of messages


def _order(area: Area) -> Iterator[Entry]:
    """After each request, each other one is legal too, or one that is legal is not."""
    tables = {"iso20": ISO20_PROTOCOL.order} if area.protocols == MODERN else TABLES
    for schema, table in tables.items():
        names = sorted({name.partition(":")[0] for step in table for name in step.then.split()})
        afters = list(dict.fromkeys(step.after for step in table))
        for after in afters:
            legal = {name.partition(":")[0] for step in table if step.after == after for name in step.then.split()}
            for name in names:
                if name not in legal:
                    yield _allowed(schema, after, name)
            for name in sorted(legal):
                yield _forbidden(schema, after, name)


def _allowed(schema: str, after: str, name: str) -> Entry:
    right = Sequence.verdict
    return _ordered(schema, after, name, "allowed", lambda own, request: "legal", right)


def _forbidden(schema: str, after: str, name: str) -> Entry:
    right = Sequence.verdict
    return _ordered(schema, after, name, "forbidden", lambda own, request: "illegal", right)


PROTOCOLS = {one.name: one for one in (DIN, ISO2, ISO20_PROTOCOL)}


def _ordered(schema: str, after: str, name: str, way: str, other: Any, right: Any) -> Entry:
    kind = PROTOCOLS[schema].message(name)

    def verdict(own: Any, request: Any) -> Any:
        wrong = type(request) is kind and own.last == after
        return other(own, request) if wrong else right(own, request)

    text = f"{name} after {after or 'the start'}"
    return Entry(f"order.{schema}.{after or START or 'start'}.{name}:{way}", text, way, (name,),
                 patches=((Sequence, "verdict", verdict),))  # fmt: skip
