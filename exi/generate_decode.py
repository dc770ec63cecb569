"""Writes the Python source that reads one complex type: ``read_Type(n, p) -> (message, p)``.

``n`` is the whole stream as one number, ``p`` how many of its bits are still to come; so reading is a shift and a mask,
and reading past the end is a negative shift, which Python refuses with a ValueError: generated code needs no explicit
check for that. Facets are checked, so a message that is read successfully has nothing to report. Fields of fixed width
that are adjacent on the only legal path are read in one step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec

from exi.generate_flow import END, Flow, Item
from exi.generate_source import Constant, Source
from exi.grammar import Grammar
from exi.schema import MAX_UNBOUNDED, AnyType, Binary, Boolean, Complex, Enumeration, Integer, Simple, String
from exi.values import LONG_GROUPS

_NOTHING = 1 << 20
"""The table entry for codes on which generated code gives up: no item has this number."""

_WIDEST = 60
"""Maximum bits read in one step: two digits of a Python int."""


class Reader(Source):
    """The source of one function.

    Args:
        call: the expression that reads a complex type; a list of types makes it a table of functions.
    """

    def __init__(
        self,
        grammar: Grammar,
        kind: Complex,
        flow: Flow,
        constant: Constant,
        call: Callable[[list[AnyType]], str],
    ) -> None:
        super().__init__(grammar, kind, flow, constant)
        self._call = call
        self._wrong: list[str] = []
        self._perhaps: dict[str, None] = {}
        self._read: dict[str, None] = {}

    def source(self) -> list[str]:
        """The lines of the function's body."""
        if not self._content():
            return [*self._lines, "raise IrregularError"]
        cls = self._kind.cls
        assert cls is not None
        head = []
        for info in msgspec.structs.fields(cast(Any, cls)):
            if info.name not in self._read or info.name in self._perhaps:
                if info.default is not msgspec.NODEFAULT:
                    head.append(f"f_{info.name} = {info.default!r}")
                elif info.default_factory is not msgspec.NODEFAULT:
                    head.append(f"f_{info.name} = {info.default_factory()!r}")
                self._read[info.name] = None
        names = [f"{name}=f_{name}" for name in cls.__struct_fields__]
        return [*head, *self._lines, f"return {self._constant(cls)}({', '.join(names)}), p"]

    # -- control flow ---------------------------------------------------------------------------------------------

    def _content(self) -> bool:
        """From the first state to the end: straight ahead if there is only one way, otherwise by ``k``, the next item.

        Returns False if generated code cannot reach an end.
        """
        state: int | None = self._flow.start
        pending: dict[int, Item] = {}
        while state != END:
            if state is not None:
                node = self._flow.nodes[state]
                if (item := node.only) is not None:
                    self._add(node.bits, 0)
                    state, pending = self._body(item)
                else:
                    self._code(state)
                    state, pending = None, {i.index: i for i in node.items}
                continue
            if not pending:
                return False
            item = pending.pop(min(pending))
            if not pending:
                self._line(f"if {self._is_not(item)}:")
                self._line("    raise IrregularError")
                state, pending = self._body(item)
                continue
            self._line(f"if {self._is(item)}:")
            self._depth += 1
            after, others = self._body(item)
            if item.event != "":
                self._perhaps[item.field] = None
            if after is not None:
                join = self._flow.joins.get(after)
                if join is not None and item.event != "":
                    self._flush()
                    self._line(f"k = {join.index}")
                    others = {join.index: join}
                else:
                    self._code(after)
                    others = {i.index: i for i in self._flow.nodes[after].items}
            pending |= others
            self._depth -= 1
        self._flush()
        return True

    @staticmethod
    def _is(item: Item) -> str:
        return f"k == {item.index}" if item.index == item.last else f"{item.index} <= k <= {item.last}"

    @staticmethod
    def _is_not(item: Item) -> str:
        return f"k != {item.index}" if item.index == item.last else f"not {item.index} <= k <= {item.last}"

    def _code(self, state: int) -> None:
        """Reads an event code into ``k`` as the number of the item it stands for."""
        node = self._flow.nodes[state]
        table = [_NOTHING] * (1 << node.bits)
        for code, entry in enumerate(node.codes):
            if entry is not None:
                table[code] = entry[0].index + entry[1]
        self._add(node.bits, f"k = {self._constant(tuple(table))}[{{}}]")
        self._flush()

    def _body(self, item: Item) -> tuple[int | None, dict[int, Item]]:
        """Writes the code that reads an item; returns the state after it, or what may follow if ``k`` already says
        so."""
        if item.event in ("", "EE"):
            return item.next, {}
        self._read[item.field] = None
        if not item.repeated:
            self._element(item, f"f_{item.field}")
            return item.next, {}
        self._list(item)
        return None, {other.index: other for other in self._flow.following(item)}

    def _list(self, item: Item) -> None:
        self._flush()
        name = f"f_{item.field}"
        self._line(f"{name} = []")
        self._line("while True:")
        self._depth += 1
        self._element(item, "v")
        self._flush()
        self._line(f"{name}.append(v)")
        if item.minimum > 1 and item.below is not None:
            self._line(f"if len({name}) < {item.minimum}:")
            self._depth += 1
            self._code(item.below)
            self._line(f"if {self._is_not(item)}:")
            self._line("    raise IrregularError")
            self._line("continue")
            self._depth -= 1
        if item.maximum is None:
            self._line(f"if len({name}) > {MAX_UNBOUNDED}:")
            self._line("    raise IrregularError")
        if item.maximum is not None:
            assert item.full is not None
            self._line(f"if len({name}) == {item.maximum}:")
            self._depth += 1
            self._code(item.full)
            self._line("break")
            self._depth -= 1
        self._code(item.next)
        self._line(f"if {self._is_not(item)}:")
        self._line("    break")
        self._depth -= 1

    def _element(self, item: Item, target: str) -> None:
        kind = item.kinds[0]
        if isinstance(kind, Complex):
            self._flush()
            function = self._call(item.kinds)
            if len(item.kinds) > 1:
                function += f"[k - {item.index}]" if item.index else "[k]"
            self._line(f"{target}, p = {function}(n, p)")
        else:
            self._simple(item, kind, target)

    # -- values ---------------------------------------------------------------------------------------------------

    def _value(self, kind: Simple, target: str) -> None:
        match kind:
            case Boolean():
                self._add(1, f"{target} = {{}} == 1")
            case Integer(minimum=low, maximum=high):
                if kind.bits is not None:
                    assert low is not None
                    assert high is not None
                    offset = f"({{}}) {'-' if low < 0 else '+'} {abs(low)}" if low else "{}"
                    self._add(kind.bits, f"{target} = {offset}")
                    if high - low + 1 < 1 << kind.bits:
                        self._late(f"{target} > {high}")
                    return
                groups = f", {LONG_GROUPS}" if high is None else ""
                if kind.signed:
                    self._add(1, "s = {}")
                self._unsigned(target, groups)
                if kind.signed:
                    self._line("if s:")
                    self._line(f"    {target} = ~{target}")
                if low is not None and (low > 0 or kind.signed):
                    self._refuse(f"{target} < {low}" if high is None else f"not {low} <= {target} <= {high}")
                elif high is not None:
                    self._refuse(f"{target} > {high}")
            case Enumeration(values=values):
                self._add(kind.bits, f"{target} = {self._constant(values)}[{{}}]")
            case Binary():
                self._unsigned("w")
                self._length(kind)
                self._line("p -= 8 * w")
                self._line(f"{target} = (n >> p & (1 << 8 * w) - 1).to_bytes(w, 'big')")
            case String():
                # Lengths 0 and 1 refer to the value tables: they make the shift below negative, which is an error.
                self._unsigned("w")
                self._line("w -= 2")
                self._length(kind)
                self._line("p -= 8 * w")
                self._line("x = (n >> p & (1 << 8 * w) - 1).to_bytes(w, 'big')")
                self._line("if x.isascii():")
                self._line(f"    {target} = x.decode()")
                self._line("else:")
                self._line(f"    {target}, p = characters(n, p + 8 * w, w)")

    def _length(self, kind: String | Binary) -> None:
        if kind.min_length and kind.max_length is not None:
            self._refuse(f"not {kind.min_length} <= w <= {kind.max_length}")
        elif kind.min_length:
            self._refuse(f"w < {kind.min_length}")
        elif kind.max_length is not None:
            self._refuse(f"w > {kind.max_length}")

    def _refuse(self, condition: str) -> None:
        self._line(f"if {condition}:")
        self._line("    raise IrregularError")

    def _unsigned(self, target: str, groups: str = "") -> None:
        self._add(8, f"{target} = {{}}")
        self._flush()
        self._line(f"if {target} > 127:")
        self._line("    p -= 8")
        self._line("    x = n >> p & 255")
        self._line("    if x < 128:")
        self._line(f"        {target} = {target} & 127 | x << 7")
        self._line("    else:")
        self._line(f"        {target}, p = more(n, p, {target} & 127 | (x & 127) << 7{groups})")

    # -- runs of fields with fixed width --------------------------------------------------------------------------

    def _late(self, condition: str) -> None:
        """Refuses a value of the pending run once it is there."""
        self._wrong.append(condition)

    def _add(self, width: int, what: int | str) -> None:
        if sum(w for w, _ in self._run) + width > _WIDEST:
            self._flush()
        super()._add(width, what)

    def _flush(self) -> None:
        """Writes the pending run: one shift, one comparison of all constant bits, then the values."""
        run, self._run = self._run, []
        wrong, self._wrong = self._wrong, []
        self._extract(run)
        for condition in wrong:
            self._refuse(condition)

    def _extract(self, run: list[tuple[int, int | str]]) -> None:
        total = sum(width for width, _ in run)
        if total:
            self._line(f"p -= {total}")
        values = [(width, what) for width, what in run if isinstance(what, str)]
        if len(run) == 1 and values:
            width, statement = values[0]
            self._line(statement.format(f"n >> p & {(1 << width) - 1}" if width else "0"))
            return
        constants = expected = 0
        place = total
        for width, what in run:
            place -= width
            if isinstance(what, int):
                constants |= ((1 << width) - 1) << place
                expected |= what << place
        if not values:
            if constants:
                self._line(f"if n >> p & {constants}{f' != {expected}' if expected else ''}:")
                self._line("    raise IrregularError")
            return
        self._line(f"x = n >> p & {(1 << total) - 1}")
        if constants:
            self._line(f"if x & {constants}{f' != {expected}' if expected else ''}:")
            self._line("    raise IrregularError")
        place = total
        for width, what in run:
            place -= width
            if isinstance(what, str):
                shifted = f"x >> {place}" if place else "x"
                self._line(what.format(f"{shifted} & {(1 << width) - 1}" if width else "0"))
