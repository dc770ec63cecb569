"""A type's states as the generators need them: equal states merged, productions grouped into items, items ordered.

The grammar makes a new state for each way into a list; here, states that look the same on the wire are merged
(partition refinement), so that one piece of code writes each field of a message class, instead of one for each path.
The data stay the same: this module knows no more about EXI than :mod:`exi.grammar` says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from exi.grammar import Grammar, Production, State, reachable
from exi.schema import AnyType, Complex

END = -1
"""The state after the end-element."""


class UnsupportedError(Exception):
    """A type whose content can run backwards (repeated groups); the walker handles it."""


@dataclasses.dataclass(eq=False, slots=True)
class Item:
    """Productions that do the same to the message: one event, or all members of a substitution group at one position.

    Or a *join*: a state (``next``) that several items lead to, so that its code is written once; ``event`` is "".
    """

    event: str
    field: str
    next: int
    full: int | None = None
    below: int | None = None
    minimum: int = 1
    maximum: int | None = 1
    repeated: bool = False
    names: list[str] = dataclasses.field(default_factory=list)
    kinds: list[AnyType] = dataclasses.field(default_factory=list)
    index: int = -1

    @property
    def last(self) -> int:
        return self.index + len(self.names) - 1


@dataclasses.dataclass(eq=False, slots=True)
class Node:
    """A state: the width of its codes, and for each code the item and the position in it; None if the walker has to
    take over."""

    bits: int
    codes: list[tuple[Item, int] | None]

    @property
    def only(self) -> Item | None:
        """The item, if it is a single event and nothing else may follow."""
        if len(self.codes) != 1 or self.codes[0] is None:
            return None
        item = self.codes[0][0]
        return item if len(item.names) == 1 else None

    @property
    def items(self) -> list[Item]:
        return list({id(entry[0]): entry[0] for entry in self.codes if entry is not None}.values())


class Flow:
    """The content of one complex type.

    Attributes:
        start: number of the first state.
        nodes: states by number.
        items: all items in an order in which none comes before what may precede it; joins included.

    Raises:
        UnsupportedError: the content has cycles other than lists.
    """

    def __init__(self, grammar: Grammar, kind: Complex) -> None:
        first = grammar.type(kind)
        states = list(reachable(first))
        self._number = _merge(states)
        self._items: dict[tuple[object, ...], Item] = {}
        self.start = self._number[id(first)]
        self.nodes: dict[int, Node] = {}
        for state in states:
            number = self._number[id(state)]
            if number not in self.nodes:
                self.nodes[number] = Node(state.bits, [self._entry(p) for p in state.productions])
        self.joins = self._find_joins()
        self.items: list[Item] = []
        self._sort()

    def _entry(self, production: Production) -> tuple[Item, int] | None:
        """The item of a production and its position in it, or None: wildcards, mixed content, children without a
        field."""
        event, kind = production.event, production.type
        if event not in ("AT", "SE", "CH", "EE") or (event != "EE" and (kind is None or not production.field)):
            return None
        if event == "SE" and (production.field == "content" or (isinstance(kind, Complex) and kind.cls is None)):
            return None
        after, full, below = (
            self._number.get(id(s), END) for s in (production.next, production.full, production.below)
        )
        bounds = (production.minimum, production.maximum, production.repeated)
        key = (event, production.field, after, full, below, *bounds)
        name = None if event == "SE" and isinstance(kind, Complex) else production.name
        item = self._items.get((*key, name))
        if item is None:
            item = Item(event, production.field, after, full, below, *bounds)
            self._items[(*key, name)] = item
        if production.name not in item.names:
            item.names.append(production.name)
            if kind is not None:
                item.kinds.append(kind)
        return item, item.names.index(production.name)

    def _find_joins(self) -> dict[int, Item]:
        ways: dict[int, int] = {}
        for item in self._items.values():
            if item.next != END and not item.repeated:
                ways[item.next] = ways.get(item.next, 0) + 1
        return {state: Item("", "", state, names=[""]) for state, count in ways.items() if count > 1}

    def following(self, item: Item) -> list[Item]:
        """What may come right after an item, except itself."""
        if item.event == "":
            return self.nodes[item.next].items
        if not item.repeated:
            return self.after(item.next)
        found: list[Item] = []
        for state in (item.next, item.full, item.below):
            if state is not None and state != END:
                found += self.nodes[state].items
        return [other for other in found if other is not item]

    def after(self, state: int) -> list[Item]:
        if state == END:
            return []
        return [self.joins[state]] if state in self.joins else self.nodes[state].items

    def _sort(self) -> None:
        done: set[int] = set()
        active: set[int] = set()

        def visit(items: Iterable[Item]) -> None:
            for item in reversed(list(items)):
                if id(item) in active:
                    raise UnsupportedError("the content has a cycle")
                if id(item) not in done:
                    active.add(id(item))
                    visit(self.following(item))
                    active.discard(id(item))
                    done.add(id(item))
                    self.items.append(item)

        visit(self.after(self.start))
        self.items.reverse()
        index = 0
        for item in self.items:
            item.index = index
            index += len(item.names)


def _successors(production: Production) -> tuple[State | None, State | None, State | None]:
    return production.next, production.full, production.below


def _merge(states: list[State]) -> dict[int, int]:
    """Numbers for states, the same for those that cannot be told apart, by partition refinement."""
    number = {id(s): 0 for s in states}
    count = 1
    while True:
        seen: dict[tuple[object, ...], int] = {}
        refined = {}
        for state in states:
            signature: list[object] = [number[id(state)], state.bits]
            for p in state.productions:
                signature += (p.event, p.name, id(p.type), p.field, p.minimum, p.maximum, p.repeated)
                signature += (number.get(id(s)) for s in _successors(p))
            refined[id(state)] = seen.setdefault(tuple(signature), len(seen))
        if len(seen) == count:
            return refined
        number, count = refined, len(seen)
