"""The second executor: Python source for each complex type, generated from the same grammar, compiled when first
needed.

It reads and writes message objects without an intermediate tree, in the standard's coding only, and gives up (``None``)
on anything unusual: an escape, an early end, a violated facet, a deviating codec, a long message. The caller then runs
the walker, which decides and words the error. So generated code contains no error handling, and whatever it accepts,
the walker accepts without findings; a property test keeps the two equal.

Tracebacks show the generated lines, and :func:`source` prints them.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator
from typing import Any

from exi.generate_decode import Reader
from exi.generate_encode import Writer
from exi.generate_flow import Flow, UnsupportedError
from exi.grammar import Grammar, Production, State
from exi.schema import AnyType, Complex
from exi.sets import Schema
from exi.tree import root_type
from exi.values import GROUPS

LARGEST = 16384
"""Maximum bytes of a stream. Here the cost of a read grows with what was read before; in the walker it does not. Up to
this length, which has room for two full certificate chains, even a stream of only small fields is read faster than by
the walker."""


class IrregularError(ValueError):
    """Raised by generated code: the walker has to take over."""


def more(n: int, p: int, value: int, groups: int = GROUPS) -> tuple[int, int]:
    """The rest of a varint, from its third group on."""
    for shift in range(14, 7 * groups, 7):
        p -= 8
        octet = n >> p & 255
        value |= (octet & 127) << shift
        if octet < 128:
            return value, p
    raise IrregularError


def characters(n: int, p: int, count: int) -> tuple[str, int]:
    """Reads characters beyond ASCII, each a varint."""
    found = []
    for _ in range(count):
        p -= 8
        point = n >> p & 255
        if point > 127:
            p -= 8
            octet = n >> p & 255
            point = point & 127 | (octet & 127) << 7
            if octet > 127:
                point, p = more(n, p, point)
        if point > 0x10FFFF or 0xD800 <= point < 0xE000:
            raise IrregularError
        found.append(chr(point))
    return "".join(found), p


def put_unsigned(a: int, value: int) -> int:
    """Appends a varint."""
    while value > 127:
        a = a << 8 | value & 127 | 128
        value >>= 7
    return a << 8 | value


def put_characters(a: int, text: str) -> int:
    """Appends characters, each as a varint."""
    for character in text:
        point = ord(character)
        if 0xD800 <= point < 0xE000:
            raise IrregularError
        a = put_unsigned(a, point)
    return a


_Reader = Callable[[int, int], tuple[Any, int]]


class Generated:
    """The generated functions of one schema set in one namespace, each built on its first call."""

    def __init__(self, schema: Schema, grammar: Grammar) -> None:
        self._schema = schema
        self._grammar = grammar
        self._scope: dict[str, Any] = {
            "IrregularError": IrregularError,
            "more": more,
            "characters": characters,
            "put_unsigned": put_unsigned,
            "put_characters": put_characters,
        }
        self._names: dict[int, str] = {}
        for kind in schema.model.types:
            name = kind.name
            while name in self._names.values():
                name += "_"
            self._names[id(kind)] = name
        self._constants: dict[object, str] = {}
        self._tables: dict[str, list[tuple[Any, Any]]] = {}
        self._roots = {False: self._readers(grammar.document), True: self._readers(grammar.fragment)}
        self._selected: dict[tuple[str, type, bool], tuple[int, str] | None] = {}
        self._built: set[str] = set()

    # -- what the package calls -----------------------------------------------------------------------------------

    def decode(self, data: bytes, fragment: bool) -> Any:
        """The message of a stream, or None: the walker has to take over."""
        if not 0 < len(data) <= LARGEST or data[0] != 0x80:
            return None
        state = self._grammar.fragment if fragment else self._grammar.document
        n = int.from_bytes(data, "big")
        p = 8 * len(data) - 8 - state.bits
        try:
            read = self._roots[fragment].get(n >> p & (1 << state.bits) - 1)
            if read is None:
                return None
            message, p = read(n, p)
            if fragment:
                p -= state.bits
                if n >> p & (1 << state.bits) - 1 != len(state.productions) - 1:
                    return None
            # Only zero padding may follow; the walker reports bytes after the end.
            return None if p > 7 or n & (1 << p) - 1 else message
        except (ValueError, IndexError):
            return None

    def encode(self, message: Any, root: str, fragment: bool) -> bytes | None:
        """The stream of a message that satisfies all facets, or None: the walker has to take over."""
        key = (root, message.__class__, fragment)
        try:
            selected = self._selected[key]
        except KeyError:
            selected = self._selected[key] = self._select(*key)
        if selected is None:
            return None
        start, function = selected
        try:
            a: int = self._scope[function](start, message)
        except (IrregularError, KeyError, TypeError):
            return None
        if fragment:
            state = self._grammar.fragment
            a = a << state.bits | len(state.productions) - 1
        bits = a.bit_length() - 1
        padding = -bits & 7
        return (a << padding).to_bytes((bits + padding >> 3) + 1, "big")[1:]

    def preparing(self) -> Iterator[None]:
        """Builds every function that is not built yet, one in each step."""
        for kind in self._schema.model.types:
            for verb in ("read", "write"):
                if self._function(verb, kind) not in self._built:
                    self._build(verb, kind)
                    yield

    # -- roots ----------------------------------------------------------------------------------------------------

    def _readers(self, state: State) -> dict[int, _Reader]:
        """The functions of the complex types among the root elements, by event code."""
        readers: dict[int, _Reader] = {}
        for code, production in enumerate(state.productions):
            if self._generated(production):
                readers[code] = self._table_entry("read", production.type, readers, code)
        return readers

    @staticmethod
    def _generated(production: Production) -> bool:
        kind = production.type
        return production.event == "SE" and isinstance(kind, Complex) and kind.cls is not None

    def _select(self, root: str, cls: type, fragment: bool) -> tuple[int, str] | None:
        """The stream up to and including the root's event code, and the function that writes the rest."""
        name = root or self._schema.roots.get(cls, "")
        state = self._grammar.fragment if fragment else self._grammar.document
        for candidate, kind in root_type(self._schema, name, fragment=fragment) if name else ():
            if not isinstance(kind, Complex) or kind.cls is not cls:
                continue
            for code, production in enumerate(state.productions):
                if production.name == candidate and production.type is kind:
                    return (1 << 8 | 0x80) << state.bits | code, self._function("write", kind)
            return None
        return None

    # -- building -------------------------------------------------------------------------------------------------

    def _function(self, verb: str, kind: AnyType) -> str:
        """The global name of a type's function; until the first call it is a stub."""
        assert isinstance(kind, Complex)
        name = f"{verb}_{self._names[id(kind)]}"
        if name not in self._scope:

            def build_first(*arguments: Any) -> Any:
                return self._build(verb, kind)(*arguments)

            self._scope[name] = build_first
        return name

    def _build(self, verb: str, kind: Complex) -> Any:
        name = self._function(verb, kind)
        lines = [f"def {name}({'n, p' if verb == 'read' else 'a, m'}):"]
        lines += [f"    {line}" for line in self._lines(verb, kind)]
        source = "\n".join(lines) + "\n"
        filename = f"<exi {self._schema.name} {name}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        exec(compile(source, filename, "exec"), self._scope)
        function = self._scope[name]
        self._built.add(name)
        for table, key in self._tables.get(name, ()):
            table[key] = function
        return function

    def _lines(self, verb: str, kind: Complex) -> list[str]:
        try:
            flow = Flow(self._grammar, kind)
            if verb == "read":
                return Reader(self._grammar, kind, flow, self._constant, self._call).source()
            writer = Writer(
                self._grammar, kind, flow, self._constant, lambda k: self._function("write", k), self._writers
            )
            return writer.source()
        except UnsupportedError as why:
            return [f"raise IrregularError  # {why}"]

    def _constant(self, value: object) -> str:
        """A global name for a class, a tuple or a dictionary."""
        if isinstance(value, type):
            key: object = value
            name = f"c_{value.__name__}"
        else:
            key, name = (type(value), repr(value)), "t"
        if key not in self._constants:
            while name in self._scope or name == "t":
                name = f"{name}_" if isinstance(value, type) else f"t{len(self._scope)}"
            self._constants[key] = name
            self._scope[name] = value
        return self._constants[key]

    def _call(self, kinds: list[AnyType]) -> str:
        """The expression that reads a type, or the members of a substitution group by their position."""
        if len(kinds) == 1:
            return self._function("read", kinds[0])
        table: list[Any] = [None] * len(kinds)
        for place, kind in enumerate(kinds):
            table[place] = self._table_entry("read", kind, table, place)
        return self._new_table(table)

    def _writers(self, kinds: dict[type, AnyType]) -> str:
        table: dict[type, Any] = {}
        for cls, kind in kinds.items():
            table[cls] = self._table_entry("write", kind, table, cls)
        return self._new_table(table)

    def _new_table(self, table: Any) -> str:
        name = f"d{len(self._scope)}"
        self._scope[name] = table
        return name

    def _table_entry(self, verb: str, kind: AnyType | None, table: Any, key: Any) -> Any:
        """The entry for a table of functions; a stub there is replaced once the function is built."""
        assert kind is not None
        name = self._function(verb, kind)
        self._tables.setdefault(name, []).append((table, key))
        return self._scope[name]

    def source(self, name: str) -> str:
        """The generated source that reads and writes a type, found by the name of the type, class or root element.

        Raises:
            KeyError: the set has no type of this name.
        """
        for kind in self._schema.model.types:
            if name in (kind.name, self._names[id(kind)]):
                parts = []
                for verb in ("read", "write"):
                    self._build(verb, kind)
                    filename = f"<exi {self._schema.name} {verb}_{self._names[id(kind)]}>"
                    parts.append("".join(linecache.getlines(filename)))
                return "\n".join(parts)
        raise KeyError(name)


def generated(schema: Schema, grammar: Grammar) -> Generated:
    """The generated executor of a schema set, made on first use."""
    cache = schema.model.__dict__
    found: Generated | None = cache.get("_generated")
    if found is None:
        found = cache["_generated"] = Generated(schema, grammar)
    return found


def source(schema: Schema, name: str) -> str:
    """The Python source generated for a type (``exi.generate.source(schema, "CurrentDemandRes")``).

    Raises:
        KeyError: the set has no type of this name.
    """
    from exi import grammar  # the package imports this module

    return generated(schema, grammar(schema)).source(name)
