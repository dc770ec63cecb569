"""From a schema model to EXI grammars: plain, printable data that every executor runs.

A :class:`State` lists its productions in the order of their event codes (EXI 1.0, section 8.5, non-strict): attributes
sorted by name, then the elements the content model allows next in schema order, then wildcards, then end-element, then
untyped characters of mixed content. Inside elements one more value, the escape to the second level, counts towards the
width of the code.

Repetition is not unrolled: a production of a bounded list knows its bounds, and the executor, which counts the
elements read so far, goes on in ``below``, ``open`` or ``full``. Unbounded groups are cycles in the state graph.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from exi.errors import SchemaError
from exi.schema import (
    AnyType,
    Choice,
    Complex,
    Declaration,
    Element,
    Model,
    Particle,
    Sequence,
    Simple,
    String,
    Wildcard,
    exi_order,
    local,
    particles,
)

Event = Literal["AT", "SE", "SE*", "EE", "CH", "CH untyped"]


@dataclass(eq=False, slots=True)
class Production:
    """One event that may happen in a state.

    Attributes:
        event: AT, SE, SE* (wildcard), EE, CH (typed value), CH untyped.
        name: Clark name of the attribute or element, else "".
        type: type of the element, or simple type of the attribute or value; None for wildcards, EE, untyped CH.
        next: the state after the event; for list elements the state while fewer than ``maximum`` have been read.
        full: for bounded lists, the state after the last allowed element.
        below: for lists with a minimum above one, the state while fewer than ``minimum`` have been read.
        minimum, maximum: bounds of a list element (maximum None: unbounded); 1, 1 for single ones.
        field: name of the field in the message class, or "" (grammar from XSD files).
        repeated: True if the element may occur more than once, so that its field is a list.
    """

    event: Event
    name: str = ""
    type: AnyType | None = None
    next: State | None = None
    full: State | None = None
    below: State | None = None
    minimum: int = 1
    maximum: int | None = 1
    field: str = ""
    repeated: bool = False

    def __repr__(self) -> str:
        return f"{self.event}({local(self.name)})" if self.name else self.event


@dataclass(eq=False, slots=True)
class State:
    """Productions in event-code order, and how the second level is numbered.

    Attributes:
        inner: False at document and fragment level, where no escape exists.
        phase: "start" (nothing seen yet), "attributes" (after one, before content) or "content".
        bits: width of the first-level event code.
    """

    productions: list[Production]
    inner: bool = True
    phase: Literal["start", "attributes", "content"] = "content"
    bits: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.number()

    def number(self) -> None:
        """Sets the width after the productions are complete."""
        count = len(self.productions) + (1 if self.inner else 0)
        self.bits = (count - 1).bit_length() if count > 1 else 0

    @property
    def second_level_bits(self) -> int:
        """Width of a second-level event code after the escape."""
        undeclared_ee = not any(p.event == "EE" for p in self.productions)
        count = {"start": 6, "attributes": 4, "content": 2}[self.phase] + undeclared_ee
        return (count - 1).bit_length()

    def __repr__(self) -> str:
        return f"<State {self.bits} bits {self.productions}>"


class Grammar:
    """All grammars of one schema set.

    Attributes:
        document: the state in which the root element is chosen.
        fragment: the same for fragments; ED is its last production.
        model: the model it was built from.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._types: dict[int, State] = {}
        self._kept: list[AnyType] = []
        self._element_fragment: State | None = None
        ordered = sorted(model.elements.values(), key=lambda d: exi_order(d.name))
        roots = [Production("SE", d.name, d.type) for d in ordered]
        self.document = State([*roots, Production("SE*")], inner=False)
        names = self._all_elements()
        elements = [
            Production("SE", name, kinds[0] if len(kinds) == 1 else None)
            for name, kinds in sorted(names.items(), key=lambda item: exi_order(item[0]))
        ]
        self.fragment = State([*elements, Production("SE*"), Production("EE")], inner=False)
        self.ambiguous = {name: kinds for name, kinds in names.items() if len(kinds) > 1}
        """Names declared with different types: fragments of them use :attr:`element_fragment`."""

    def _all_elements(self) -> dict[str, list[AnyType]]:
        """Every element name of the set with its different types; simple types differ when their facets do."""
        found: dict[str, list[AnyType]] = {}

        def add(name: str, kind: AnyType) -> None:
            kinds = found.setdefault(name, [])
            if not any(kind is k or kind == k for k in kinds):
                kinds.append(kind)

        for declaration in self.model.elements.values():
            add(declaration.name, declaration.type)
        for complex_type in self.model.types:
            for element in particles(complex_type.content):
                if not element.ref:
                    assert element.type is not None
                    add(element.name, element.type)
        return found

    # -- types ----------------------------------------------------------------------------------------------------

    def type(self, kind: AnyType) -> State:
        """First state of the content of an element of this type."""
        state = self._types.get(id(kind))
        if state is None:
            state = self._complex(kind) if isinstance(kind, Complex) else _simple(kind)
            self._types[id(kind)] = state
            self._kept.append(kind)  # an id is unique only while its object lives
        return state

    def _complex(self, kind: Complex) -> State:
        if kind.text is not None:
            after = State([Production("EE")])
            content = [Production("CH", "", kind.text, after, field=kind.text_field)]
        else:
            start: _Rest = (kind.content, None) if kind.content is not None else None
            content = _Content(self.model, kind.mixed).state(start).productions
        return _attributes(kind, content)

    # -- fragments ------------------------------------------------------------------------------------------------

    @property
    def element_fragment(self) -> State:
        """First state of the element fragment grammar: any attribute, any element, characters (EXI 1.0, 8.5.3)."""
        if self._element_fragment is None:
            kinds: dict[str, Simple] = {}
            for complex_type in self.model.types:
                for attribute in complex_type.attributes:
                    kinds.setdefault(attribute.name, attribute.type)
            elements = [p for p in self.fragment.productions if p.event == "SE"]
            content = State([])
            start = State([])
            body = [Production("SE", p.name, p.type, content) for p in elements]
            body += [
                Production("SE*", next=content),
                Production("EE"),
                Production("CH untyped", "", String(), content),
            ]
            content.productions.extend(body)
            attributes = sorted(kinds.items(), key=lambda item: exi_order(item[0]))
            start.productions.extend(Production("AT", name, kind, start) for name, kind in attributes)
            start.productions.append(Production("AT", "*", None, start))
            start.productions.extend(body)
            start.phase = "start"
            start.number()
            content.number()
            self._element_fragment = start
        return self._element_fragment


_Rest = tuple[Particle, "_Rest"] | None
"""The rest of a content model: a linked list of particles."""


class _Content:
    """The states of one content model, each made once, from the rest of the model that it stands for."""

    def __init__(self, model: Model, mixed: bool) -> None:
        self._model = model
        self._mixed = mixed
        self._states: dict[tuple[int, ...], State] = {}
        self._again: dict[int, Particle] = {}

    def state(self, rest: _Rest) -> State:
        key = []
        link = rest
        while link is not None:
            key.append(id(link[0]))
            link = link[1]
        state = self._states.get(tuple(key))
        if state is None:
            state = self._states[tuple(key)] = State([])
            state.productions.extend(_in_order(self._offered(rest)))
            if self._mixed:
                state.productions.append(Production("CH untyped", "", String(), state))
            state.number()
        return state

    def _offered(self, rest: _Rest) -> list[Production]:
        """Productions of "the first particle, then the rest"."""
        if rest is None:
            return [Production("EE")]
        particle, then = rest
        if isinstance(particle, Element):
            found = self._element(particle, then)
        elif particle.maximum == 1:
            found = self._once(particle, then)
        elif particle.maximum is None:
            found = self._once(particle, (self._repeat(particle), then))
        else:
            raise SchemaError("the bounded repetition of a group is not supported")
        return found if particle.minimum else [*found, *self._offered(then)]

    def _once(self, particle: Sequence | Choice | Wildcard, then: _Rest) -> list[Production]:
        if isinstance(particle, Wildcard):
            return [Production("SE*", next=self.state(then))]
        if isinstance(particle, Choice):
            return [production for item in particle.items for production in self._offered((item, then))]
        for item in reversed(particle.items):
            then = (item, then)
        return self._offered(then)

    def _repeat(self, particle: Sequence | Choice | Wildcard) -> Particle:
        """The same group any number of times: what may follow one round of it."""
        if particle.minimum == 0:
            return particle
        if id(particle) not in self._again:
            self._again[id(particle)] = dataclasses.replace(particle, minimum=0)
        return self._again[id(particle)]

    def _element(self, element: Element, then: _Rest) -> list[Production]:
        if element.ref:
            members = self._model.members(element.name)
        else:
            assert element.type is not None
            members = (Declaration(element.name, element.type),)
        if element.maximum == 1:
            after = self.state(then)
            return [Production("SE", m.name, m.type, after, field=element.field) for m in members]
        bounds = (element.minimum, element.maximum, element.field, True)
        found = [Production("SE", m.name, m.type, None, None, None, *bounds) for m in members]
        following = self._offered(then)
        once_more = State(_in_order([*found, *following]))
        full = State(_in_order(following))
        below = State(list(found))
        for production in found:
            production.next, production.full, production.below = once_more, full, below
        return found


def _simple(kind: Simple) -> State:
    return State([Production("CH", "", kind, State([Production("EE")]))], phase="start")


def _attributes(kind: Complex, content: list[Production]) -> State:
    """The states before the content: attributes in EXI order, optional ones skipped like optional particles."""
    ordered = sorted(kind.attributes, key=lambda a: exi_order(a.name))

    def offered(index: int) -> list[Production]:
        if index == len(ordered):
            return content
        attribute = ordered[index]
        after = offered(index + 1)
        state = State(after, phase="attributes")
        production = Production("AT", attribute.name, attribute.type, state, field=attribute.field)
        return [production] if attribute.required else [production, *after]

    return State(offered(0), phase="start")


_RANK = {"AT": 0, "SE": 1, "SE*": 2, "EE": 3, "CH": 4, "CH untyped": 5}


def _in_order(productions: list[Production]) -> list[Production]:
    """Wildcards merged into one after all elements, then end-element; elements keep schema order."""
    merged: list[Production] = []
    for production in sorted(productions, key=lambda p: _RANK[p.event]):
        if production.event == "SE*" and merged and merged[-1].event == "SE*":
            continue
        merged.append(production)
    return merged


def reachable(state: State) -> Iterator[State]:
    """Every state that content starting in one can reach without leaving the element, itself first."""
    seen: set[int] = set()
    pending = [state]
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        for production in current.productions:
            pending.extend(s for s in (production.next, production.full, production.below) if s is not None)


def difference(one: Grammar, other: Grammar) -> str | None:
    """Where two grammars of the same set differ on the wire, as one sentence; None if they are equal.

    Compared from the document and the fragment level down through every reachable state: width, events, names, value
    codings and list bounds. Names of types and of message fields do not matter.
    """
    seen: set[tuple[int, int]] = set()
    pending: list[tuple[str, State, State]] = [
        ("document", one.document, other.document),
        ("fragment", one.fragment, other.fragment),
        ("element fragment", one.element_fragment, other.element_fragment),
    ]
    while pending:
        where, a, b = pending.pop()
        if (id(a), id(b)) in seen:
            continue
        seen.add((id(a), id(b)))
        if repr(a.productions) != repr(b.productions):
            return f"{where}: {a.productions} differs from {b.productions}"
        if (a.bits, a.inner, a.second_level_bits) != (b.bits, b.inner, b.second_level_bits):
            return f"{where}: widths differ ({a.bits} and {b.bits} bits)"
        for p, r in zip(a.productions, b.productions, strict=True):
            here = f"{where}/{local(p.name) or p.event}"
            if p.name != r.name or (p.minimum, p.maximum, p.repeated) != (r.minimum, r.maximum, r.repeated):
                return f"{here}: {p.name} {p.minimum}..{p.maximum} differs from {r.name} {r.minimum}..{r.maximum}"
            if coding(p.type) != coding(r.type):
                return f"{here}: {p.type} is coded differently from {r.type}"
            for s, t in ((p.next, r.next), (p.full, r.full), (p.below, r.below)):
                if (s is None) != (t is None):
                    return f"{here}: one grammar ends where the other continues"
                if s is not None and t is not None:
                    pending.append((here, s, t))
            if p.event == "SE" and p.type is not None and r.type is not None:
                pending.append((here, one.type(p.type), other.type(r.type)))
    return None


def coding(kind: AnyType | None) -> object:
    """What determines the bits of a value of this type; None for types that are not values."""
    match kind:
        case None | Complex():
            return type(kind).__name__
        case String():
            return ("string", kind.collapse)
        case _ if hasattr(kind, "spelling"):
            return ("binary", kind.spelling)
        case _:
            bits = getattr(kind, "bits", 1)
            values = getattr(kind, "values", None)
            minimum = getattr(kind, "minimum", None)
            signed = getattr(kind, "signed", None)
            return (type(kind).__name__, bits, values, minimum if bits is not None else None, signed)
