"""Random valid messages of any schema set, made from its model: what hypothesis draws, or what a seed gives.

One builder for both: it asks a :class:`Choices` for every decision. Hypothesis explores and shrinks; a seed is quick
and can be spent on every root element of every set.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, cast

from hypothesis import strategies as st

import exi
from exi.schema import (
    AnyType,
    Binary,
    Boolean,
    Choice,
    Complex,
    Element,
    Enumeration,
    Integer,
    Item,
    Model,
    Particle,
    Sequence,
    Simple,
    String,
    local,
)
from exi.tree import Node, from_message
from v2g.messages import schema

CHARACTERS = "aZ09-:_/.äß€漢\U0001f50c\U0010fffd"
"""One to four bytes of UTF-8, one to three groups of a varint."""

SPACES = " \t\n\r"


class Choices(Protocol):
    def integer(self, low: int, high: int) -> int: ...


class Seeded:
    """Choices of a seed."""

    def __init__(self, seed: object) -> None:
        self.integer = random.Random(str(seed)).randint


class Drawn:
    """Choices of hypothesis."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))


@dataclass(frozen=True)
class Root:
    """A root element; ``schema_set`` and ``fragment`` say of which grammar."""

    schema_set: str
    fragment: bool
    name: str
    type: AnyType

    def __repr__(self) -> str:
        return f"{self.schema_set}{'-fragment' if self.fragment else ''} {self.name}"


@dataclass(frozen=True)
class Instance:
    root: Root
    message: Any

    @property
    def schema(self) -> exi.Schema:
        return schema(self.root.schema_set)

    @property
    def where(self) -> dict[str, Any]:
        """The keywords that encoding needs."""
        return {"root": self.root.name, "fragment": self.root.fragment}


@cache
def roots(schema_set: str, *, fragment: bool) -> tuple[Root, ...]:
    """Every root element that a message can be made for: those that need foreign elements cannot."""
    model = schema(schema_set).model
    if not fragment:
        found = [(d.name, d.type) for d in model.elements.values()]
    else:
        grammar = exi.grammar(model)
        found = [
            (p.name, kind)
            for p in grammar.fragment.productions
            if p.event == "SE"
            for kind in ([p.type] if p.type is not None else grammar.ambiguous[p.name])
        ]
    return tuple(Root(schema_set, fragment, name, kind) for name, kind in found if possible(kind, model))


def possible(kind: AnyType, model: Model) -> bool:
    return not isinstance(kind, Complex) or kind.content is None or _possible(kind.content, model)


def _possible(particle: Particle, model: Model) -> bool:
    if particle.minimum == 0:
        return True
    match particle:
        case Element():
            return any(possible(kind, model) for _, kind in options(particle, model))
        case Sequence(items=items):
            return all(_possible(item, model) for item in items)
        case Choice(items=items):
            return any(_possible(item, model) for item in items)
    return False


def options(element: Element, model: Model) -> list[tuple[str, AnyType]]:
    """The elements that an element particle may be, by Clark name."""
    if element.ref:
        return [(m.name, m.type) for m in model.members(element.name)]
    assert element.type is not None
    return [(element.name, element.type)]


class Builder:
    """Builds messages of one set.

    Args:
        full: fill bounded lists to the brim (where codecs differ) instead of keeping them short.
    """

    def __init__(self, model: Model, choices: Choices, *, full: bool = False) -> None:
        self._model = model
        self._choose = choices.integer
        self._full = full

    def value(self, kind: AnyType) -> Any:
        match kind:
            case Complex():
                return self._complex(kind)
            case Boolean():
                return bool(self._choose(0, 1))
            case Integer():
                return self._integer(kind)
            case Enumeration(values=values):
                return values[self._choose(0, len(values) - 1)]
            case Binary():
                return bytes(self._choose(0, 255) for _ in range(self._length(kind)))
            case String():
                return self._string(kind)

    def _integer(self, kind: Integer) -> int:
        low = -(1 << 200) if kind.minimum is None else kind.minimum
        high = 1 << 200 if kind.maximum is None else kind.maximum
        match self._choose(0, 5):
            case 0:
                return low
            case 1:
                return high
            case 2:  # where a varint gets longer
                edge = (1 << 7 * self._choose(1, 9)) - self._choose(0, 1)
                return max(low, min(high, edge * (1 - 2 * self._choose(0, 1))))
            case 3:
                return max(low, min(high, self._choose(-2, 2)))
        return self._choose(low, high)

    def _length(self, kind: String | Binary) -> int:
        low, high = kind.min_length, kind.max_length
        if self._choose(0, 7) == 0:
            return high if high is not None and high <= 200 else max(low, 130)
        return self._choose(low, max(low, min(low + 6, high if high is not None else 1 << 20)))

    def _string(self, kind: String) -> str:
        length = self._length(kind)
        some = CHARACTERS if kind.collapse else CHARACTERS + SPACES
        if self._choose(0, 2):
            some = some[:9]
        if length > 20:
            return some[self._choose(0, 8)] * length
        return "".join(some[self._choose(0, len(some) - 1)] for _ in range(length))

    def _complex(self, kind: Complex) -> Any:
        fields: dict[str, Any] = {}
        for attribute in kind.attributes:
            if attribute.required or self._choose(0, 1):
                fields[attribute.field] = self.value(attribute.type)
        if kind.text is not None:
            fields[kind.text_field] = self.value(kind.text)
        elif kind.content is not None:
            self._particle(kind.content, fields)
        assert kind.cls is not None
        return cast(Any, kind.cls)(**fields)

    def _count(self, particle: Particle) -> int:
        low, high = particle.minimum, particle.maximum
        if not _possible_once(particle, self._model):
            return 0
        if high is not None and ((self._full and high <= 25) or (high <= 8 and self._choose(0, 7) == 0)):
            return high
        return self._choose(low, max(low, min(low + 2, high if high is not None else low + 2)))

    def _particle(self, particle: Particle, fields: dict[str, Any]) -> None:
        for _ in range(self._count(particle)):
            match particle:
                case Element():
                    self._element(particle, fields)
                case Sequence(items=items):
                    for item in items:
                        self._particle(item, fields)
                case Choice(items=items):
                    branches = [item for item in items if _possible(item, self._model)]
                    self._particle(branches[self._choose(0, len(branches) - 1)], fields)

    def _element(self, element: Element, fields: dict[str, Any]) -> None:
        members = [(name, kind) for name, kind in options(element, self._model) if possible(kind, self._model)]
        name, kind = members[self._choose(0, len(members) - 1)]
        value = self.value(kind)
        if element.field == "content":
            fields.setdefault("content", []).append(Item(local(name), value))
        elif element.maximum != 1:
            fields.setdefault(element.field, []).append(value)
        else:
            fields[element.field] = value


def _possible_once(particle: Particle, model: Model) -> bool:
    """Whether a particle can occur at all, be it optional."""
    match particle:
        case Element():
            return any(possible(kind, model) for _, kind in options(particle, model))
        case Sequence(items=items):
            return all(_possible(item, model) for item in items)
        case Choice(items=items):
            return any(_possible(item, model) for item in items)
    return False


def seeded(root: Root, seed: object, *, full: bool = False) -> Instance:
    """The message of a seed."""
    builder = Builder(schema(root.schema_set).model, Seeded((root, seed)), full=full)
    return Instance(root, builder.value(root.type))


@st.composite
def instances(draw: st.DrawFn, schema_set: str, *, fragment: bool, full: bool = False) -> Instance:
    """Messages of any root element of a set."""
    root = draw(st.sampled_from(roots(schema_set, fragment=fragment)))
    return Instance(root, Builder(schema(schema_set).model, Drawn(draw), full=full).value(root.type))


@dataclass
class Place:
    """A value in a message: its path as errors spell it, the node it is in, and the message's root."""

    top: Node
    path: str
    node: Node
    attribute: int | None
    type: Simple

    @property
    def value(self) -> Any:
        return self.node.value if self.attribute is None else self.node.attributes[self.attribute][1]

    @value.setter
    def value(self, value: Any) -> None:
        if self.attribute is None:
            self.node.value = value
        else:
            self.node.attributes[self.attribute] = (self.node.attributes[self.attribute][0], value)


def places(instance: Instance) -> list[Place]:
    """Every value of a copy of a message."""
    root = instance.root
    top = from_message(instance.schema, instance.message, root.name, fragment=root.fragment)
    return list(_places(top, top, ""))


def _places(top: Node, node: Node, above: str) -> Iterator[Place]:
    path = f"{above}/{local(node.name)}".lstrip("/")
    kind = node.type
    if not isinstance(kind, Complex):
        yield Place(top, path, node, None, kind)
        return
    types = {attribute.name: attribute.type for attribute in kind.attributes}
    for index, (name, _) in enumerate(node.attributes):
        yield Place(top, f"{path}/@{local(name)}", node, index, types[name])
    if kind.text is not None:
        yield Place(top, path, node, None, kind.text)
    for child in node.children:
        yield from _places(top, child, path)
