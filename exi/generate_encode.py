"""Writes the Python source that writes one complex type: ``write_Type(a, m) -> a``.

``a`` is the stream so far as one number, its first bit a one that marks where the stream begins. Facets are checked
inline; a value that does not fit raises, and the walker then writes the error message. Adjacent fields of fixed width
are written in one step.
"""

from __future__ import annotations

from collections.abc import Callable

from exi.generate_flow import END, Flow, Item, UnsupportedError
from exi.generate_source import Constant, Source
from exi.grammar import Grammar
from exi.schema import AnyType, Binary, Boolean, Complex, Enumeration, Integer, Simple, String, particles
from exi.values import LONG_GROUPS

LONGEST = 64
"""Maximum entries of a list: every step copies the number, so long streams go to the walker, whose time is linear."""

LONGEST_VALUE = 4096
"""Maximum characters or bytes of a value, for the same reason."""

_Way = tuple[int, int, Item, list[int]]
"""The way out of one state by one field: width and code of the (first) production, the item, every production's
code."""


class Writer(Source):
    """The source of one function; the arguments are those of :class:`~exi.generate_decode.Reader`.

    Args:
        table: names a mapping from message classes to the functions that write them.
    """

    def __init__(
        self,
        grammar: Grammar,
        kind: Complex,
        flow: Flow,
        constant: Constant,
        call: Callable[[AnyType], str],
        table: Callable[[dict[type, AnyType]], str],
    ) -> None:
        super().__init__(grammar, kind, flow, constant)
        self._call = call
        self._table = table
        self._possible: set[int] = {flow.start}

    def source(self) -> list[str]:
        """The lines of the function's body: every field in schema order, then the end."""
        kind = self._kind
        fields = [a.field for a in kind.attributes]
        if kind.text is not None:
            fields.append(kind.text_field)
        fields += dict.fromkeys(e.field for e in particles(kind.content))
        for place, name in enumerate(fields):
            self._field(name, {*fields[place + 1 :], ""})
        ends = self._ways("")
        if not ends:
            return [*self._lines, "raise IrregularError"]
        self._code(ends)
        self._flush()
        return [*self._lines, "return a"]

    # -- states ---------------------------------------------------------------------------------------------------

    def _ways(self, name: str) -> dict[int, _Way]:
        """How to write the field ("" is the end) in each state that is possible here and allows it."""
        found: dict[int, _Way] = {}
        for state in sorted(self._possible):
            if state == END:
                continue
            node = self._flow.nodes[state]
            entries = [(code, e) for code, e in enumerate(node.codes) if e is not None and e[0].field == name]
            if not entries:
                continue
            item = entries[0][1][0]
            if any(e[0] is not item for _, e in entries):
                raise UnsupportedError("one field in several places at once")
            codes = [0] * len(item.names)
            for code, (_, place) in entries:
                codes[place] = code
            if len(entries) != len(codes):
                raise UnsupportedError("a substitution group in part")
            found[state] = (node.bits, entries[0][0], item, codes)
        kinds = {id(k) for way in found.values() for k in way[2].kinds}
        if len({way[2].repeated for way in found.values()}) > 1 or len(kinds) > max(
            (len(way[2].kinds) for way in found.values()), default=0
        ):
            raise UnsupportedError("one field with several types")
        return found

    def _viable(self, state: int, later: set[str]) -> bool:
        """Whether a state can be left by something that is written later."""
        return state == END or any(item.field in later for item in self._flow.nodes[state].items)

    def _field(self, name: str, later: set[str]) -> None:
        ways = self._ways(name)
        local = f"f_{name}"
        self._aside(f"{local} = m.{name}")
        if not ways:
            self._line(f"if {local} is not None and {local} != []:")
            self._line("    raise IrregularError")
            return
        item = next(iter(ways.values()))[2]
        skipping = {state for state in self._possible if self._viable(state, later)}
        if not skipping:
            self._check(item, local)
            self._possible = self._present(item, ways, local)
            return
        if len(self._possible) == 1:
            self._line(f"s = {next(iter(self._possible))}")
        if item.repeated:
            self._line(f"if {local}.__class__ is not list:")
            self._line("    raise IrregularError")
            self._line(f"if {local}:")
        else:
            self._line(f"if {local} is not None:")
        self._depth += 1
        self._check(item, local)
        after = self._present(item, ways, local)
        self._flush()
        if len(ways) == 1 and len(self._possible) == 1 and not item.repeated:
            self._line(f"s = {item.next}")
        self._depth -= 1
        self._settle(self._possible | after, skipping | after)
        self._possible = skipping | after

    def _settle(self, before: set[int], after: set[int]) -> None:
        """If only one state can continue, checks that it is the current one. The tables of codes tell several apart."""
        if len(after) == 1 and len(before) > 1 and before != after and before > after:
            self._line(f"if s != {next(iter(after))}:")
            self._line("    raise IrregularError")

    def _code(self, ways: dict[int, _Way]) -> None:
        """Writes an event code; where several states are possible, ``s`` says which and becomes the next one."""
        if len(self._possible) == 1:
            ((width, code, _, _),) = ways.values()
            self._add(width, code)
            return
        table = {state: (width, code, item.next) for state, (width, code, item, _) in ways.items()}
        self._line(f"w, c, s = {self._constant(table)}[s]")
        self._line("a = a << w | c")

    def _present(self, item: Item, ways: dict[int, _Way], local: str) -> set[int]:
        """Writes a field that is there; returns the states it can leave."""
        if item.repeated:
            return self._list(item, ways, local)
        if len(item.kinds) > 1:
            self._member(item, ways, local)
        else:
            self._code(ways)
            self._element(item, local)
        return {way[2].next for way in ways.values()}

    def _member(self, item: Item, ways: dict[int, _Way], local: str) -> None:
        """The member of a substitution group for the value's class; the first if several have the same class."""
        kinds: dict[type, AnyType] = {}
        for kind in reversed(item.kinds):
            assert isinstance(kind, Complex)
            assert kind.cls is not None
            kinds[kind.cls] = kind
        tables = {}
        for state, (width, _, other, codes) in ways.items():
            choice: dict[object, object] = {}
            for kind, code in reversed(list(zip(other.kinds, codes, strict=True))):
                assert isinstance(kind, Complex)
                choice[kind.cls] = code
            tables[state] = (width, choice, other.next)
        if len(self._possible) == 1:
            ((width, choice, _),) = tables.values()
            self._add(width, f"{self._constant(choice)}[{local}.__class__]")
        else:
            self._line(f"w, c, s = {self._constant(tables)}[s]")
            self._line(f"a = a << w | c[{local}.__class__]")
        self._line(f"a = {self._table(kinds)}[{local}.__class__](a, {local})")

    def _list(self, item: Item, ways: dict[int, _Way], local: str) -> set[int]:
        if len({id(way[2]) for way in ways.values()}) > 1 or len(item.kinds) > 1:
            raise UnsupportedError("a list of several kinds")
        self._code(ways)
        self._flush()
        again = self._again(item, item.next)
        self._line("i = 0")
        self._line(f"for v in {local}:")
        self._depth += 1
        if item.minimum > 1 and item.below is not None:
            below = self._again(item, item.below)
            self._line("if i:")
            self._line(f"    a = a << {again[0]} | {again[1]} if i >= {item.minimum} else a << {below[0]} | {below[1]}")
        else:
            self._line("if i:")
            self._line(f"    a = a << {again[0]}{f' | {again[1]}' if again[1] else ''}")
        self._line("i += 1")
        self._check(item, "v", single=True)
        self._element(item, "v")
        self._flush()
        self._depth -= 1
        if item.full is None or item.full == item.next:
            self._line(f"s = {item.next}")
            return {item.next}
        self._line(f"s = {item.full} if i == {item.maximum} else {item.next}")
        return {item.next, item.full}

    def _again(self, item: Item, state: int) -> tuple[int, int]:
        node = self._flow.nodes[state]
        return node.bits, next(code for code, e in enumerate(node.codes) if e is not None and e[0] is item)

    # -- values ---------------------------------------------------------------------------------------------------

    def _check(self, item: Item, local: str, *, single: bool = False) -> None:
        """Facets, as one condition where possible; None fails all of them."""
        kind = item.kinds[0]
        wrong = ""
        if item.repeated and not single:
            most = min(LONGEST, item.maximum or LONGEST)
            wrong = f"{local}.__class__ is not list or not {max(1, item.minimum)} <= len({local}) <= {most}"
        elif isinstance(kind, Complex):
            if len(item.kinds) == 1:
                assert kind.cls is not None
                wrong = f"{local}.__class__ is not {self._constant(kind.cls)}"
        else:
            wrong = _wrong(kind, local)
        if wrong:
            self._aside(f"if {wrong}:")
            self._aside("    raise IrregularError")

    def _element(self, item: Item, local: str) -> None:
        kind = item.kinds[0]
        if isinstance(kind, Complex):
            self._line(f"a = {self._call(kind)}(a, {local})")
        else:
            self._simple(item, kind, local)

    def _value(self, kind: Simple, local: str) -> None:
        match kind:
            case Boolean():
                self._add(1, local)
            case Integer(minimum=minimum):
                if kind.bits is not None:
                    low = minimum or 0
                    self._add(kind.bits, f"({local} {'+' if low < 0 else '-'} {abs(low)})" if low else local)
                elif kind.signed:
                    self._add(1, f"({local} < 0)")
                    self._aside(f"u = ~{local} if {local} < 0 else {local}")
                    self._unsigned("u")
                else:
                    self._unsigned(local)
            case Enumeration(values=values):
                codes = {value: code for code, value in enumerate(values)}
                self._add(kind.bits, f"{self._constant(codes)}[{local}]")
            case Binary():
                self._aside(f"w = len({local})")
                self._unsigned("w")
                self._line(f"a = a << 8 * w | int.from_bytes({local}, 'big')")
            case String():
                self._aside(f"w = len({local}) + 2")
                self._unsigned("w")
                self._line(f"if {local}.isascii():")
                self._line(f"    a = a << 8 * w - 16 | int.from_bytes({local}.encode(), 'big')")
                self._line("else:")
                self._line(f"    a = put_characters(a, {local})")

    def _unsigned(self, local: str) -> None:
        """A varint; the run before it goes along with its first two groups, which nearly all values fit."""
        run, self._run = self._run, []
        self._line(f"if {local} < 128:")
        self._depth += 1
        self._run = [*run, (8, local)]
        self._flush()
        self._depth -= 1
        self._line(f"elif {local} < 16384:")
        self._depth += 1
        self._run = [*run, (8, f"({local} & 127 | 128)"), (8, f"({local} >> 7)")]
        self._flush()
        self._depth -= 1
        self._line("else:")
        self._depth += 1
        self._run = run
        self._flush()
        self._line(f"a = put_unsigned(a, {local})")
        self._depth -= 1

    # -- runs of fields with fixed width --------------------------------------------------------------------------

    def _flush(self) -> None:
        run, self._run = self._run, []
        total = place = sum(width for width, _ in run)
        if not total:
            return
        constant = 0
        parts = []
        for width, what in run:
            place -= width
            if isinstance(what, int):
                constant |= what << place
            elif width:
                parts.append(f"{what} << {place}" if place else what)
        if constant:
            parts.append(str(constant))
        self._lines.append("    " * self._depth + " | ".join([f"a = a << {total}", *parts]))

    def _aside(self, text: str) -> None:
        """A statement of the same block that the pending run may wait for."""
        self._lines.append("    " * self._depth + text)


def _wrong(kind: Simple, local: str) -> str:
    """The condition that a value breaks its facets, or "" where writing it checks them."""
    match kind:
        case Boolean():
            return f"{local} is not True and {local} is not False"
        case Integer(minimum=low, maximum=high):
            wrong = f"{local}.__class__ is not int"
            if low is not None and high is not None:
                return f"{wrong} or not {low} <= {local} <= {high}"
            if low is not None:
                wrong += f" or {local} < {low}"
            if high is not None:
                return f"{wrong} or {local} > {high}"
            return f"{wrong} or (~{local} if {local} < 0 else {local}).bit_length() > {7 * LONG_GROUPS}"
        case Enumeration():
            return ""
        case String() | Binary():
            wanted = "str" if isinstance(kind, String) else "bytes"
            longest = min(LONGEST_VALUE, kind.max_length or LONGEST_VALUE)
            return f"{local}.__class__ is not {wanted} or not {kind.min_length} <= len({local}) <= {longest}"
