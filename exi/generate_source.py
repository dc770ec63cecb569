"""What the generators of reading and writing functions share: lines, and runs of fields with fixed width."""

from __future__ import annotations

from collections.abc import Callable

from exi.generate_flow import Flow, Item
from exi.grammar import Grammar
from exi.schema import Complex, Simple

Constant = Callable[[object], str]
"""Gives an object a global name for generated code."""


class Source:
    """The source of one function.

    Args:
        flow: the type's states.
        constant: names objects for generated code.
    """

    def __init__(self, grammar: Grammar, kind: Complex, flow: Flow, constant: Constant) -> None:
        self._grammar = grammar
        self._kind = kind
        self._flow = flow
        self._constant = constant
        self._lines: list[str] = []
        self._depth = 0
        self._run: list[tuple[int, int | str]] = []

    def _simple(self, item: Item, kind: Simple, name: str) -> None:
        """Writes the code for a value of a simple type; in an element it stands between the codes of its characters and
        its end."""
        if item.event != "SE":
            self._value(kind, name)
            return
        state = self._grammar.type(kind)
        after = state.productions[0].next
        assert after is not None
        self._add(state.bits, 0)
        self._value(kind, name)
        self._add(after.bits, 0)

    def _value(self, kind: Simple, name: str) -> None:
        raise NotImplementedError

    def _add(self, width: int, what: int | str) -> None:
        """Puts a field of ``width`` bits on the pending run: a constant, or what generated code makes of it."""
        self._run.append((width, what))

    def _flush(self) -> None:
        """Writes the pending run."""
        raise NotImplementedError

    def _line(self, text: str) -> None:
        if self._run:
            self._flush()
        self._lines.append("    " * self._depth + text)
