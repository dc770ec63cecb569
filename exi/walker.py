"""The reference executor: walks the grammar event by event, explains each, and writes every error message.

Everything is bounded: an event costs at least one bit or ends an element, the depth is limited by the schema, and
announced lengths are checked against the remaining bits before anything is allocated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

from exi import values
from exi.bits import BitReader, BitWriter
from exi.dialects import STANDARD, Dialect
from exi.errors import DecodeError, EncodeError, ExiError, ValidationError
from exi.grammar import Grammar, Production, State
from exi.schema import MAX_UNBOUNDED, AnyType, Binary, Complex, Integer, String, exi_order, local
from exi.tree import Node, simple

HEADER = 0x80
"""The only header V2G uses: no cookie, no options, EXI version 1."""


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a decoded stream, for :func:`exi.explain`.

    Attributes:
        bit: offset of the event code.
        width: bits of the event code.
        code: the event code.
        event: what happened, like ``SE(Header)``.
        path: elements from the root.
        value: the value read, for attributes and characters.
        value_bits: how many bits the value took.
    """

    bit: int
    width: int
    code: int
    event: str
    path: str
    value: Any = None
    value_bits: int = 0


class Decoder:
    """Reads one stream.

    Args:
        grammar: the schema set's grammar.
        data: the stream, header byte first.
        dialect: which deviation to read with.
        observe: called with each :class:`Step`.

    Attributes:
        problems: facets that values violate (the stream itself is sound).
        full: local names of the bounded lists that reached their maximum: where dialects differ.
        root: Clark name of the root element; "" before it is read.
    """

    def __init__(
        self,
        grammar: Grammar,
        data: bytes,
        dialect: Dialect = STANDARD,
        observe: Callable[[Step], None] | None = None,
    ) -> None:
        self.grammar = grammar
        self.reader = BitReader(data)
        self.dialect = dialect
        self.observe = observe
        self.problems: list[ValidationError] = []
        self.full: set[str] = set()
        self.root = ""
        self._path: list[str] = []

    def decode(self, *, fragment: bool = False) -> Node:
        """The document or fragment.

        Raises:
            DecodeError: the bytes are not such a stream; says where and what was expected.
        """
        try:
            return self._stream(fragment)
        except DecodeError as why:
            if why.path:
                raise
            raise DecodeError(
                why.what, expected=why.expected, path="/".join(self._path), bit=why.bit, missing=why.missing
            ) from why.__cause__

    def _stream(self, fragment: bool) -> Node:
        reader = self.reader
        if not reader.end:
            raise DecodeError("an empty stream", expected="80", bit=0, missing=8)
        header = reader.bits(8)
        if header != HEADER:
            raise DecodeError(f"header byte {header:02x}", expected="80", bit=0)
        state = self.grammar.fragment if fragment else self.grammar.document
        bit, production = self._event(state)
        if production.event != "SE":
            raise DecodeError(f"{production.event} instead of a root element", expected="a global element", bit=bit)
        production = self._swapped(production)
        self.root = production.name
        if fragment and production.type is None:
            node = self._ambiguous(production.name)
        else:
            assert production.type is not None
            node = self._element(production.name, production.type)
        if fragment:
            bit, production = self._event(state)
            if production.event != "EE":
                raise DecodeError(f"{production!r} after the fragment", expected="its end", bit=bit)
        return node

    @property
    def trailing(self) -> bytes:
        """What follows the end of the document, apart from the padding to a whole byte."""
        rest = BitReader(self.reader._data)
        rest.position = (self.reader.position + 7) >> 3 << 3
        return rest.octets(rest.left // 8)

    @property
    def padding_is_zero(self) -> bool:
        reader = self.reader
        position = reader.position
        clean = reader.bits(-position & 7) == 0
        reader.position = position
        return clean

    def _swapped(self, production: Production) -> Production:
        for pair in self.dialect.swapped_roots:
            if local(production.name) in pair:
                other = pair[1 - pair.index(local(production.name))]
                return next(p for p in self.grammar.document.productions if local(p.name) == other)
        return production

    def _event(self, state: State) -> tuple[int, Production]:
        """The next first-level event: its bit offset and production."""
        bit = self.reader.position
        code = self._code(state, state.bits)
        if code < len(state.productions):
            production = state.productions[code]
            self._tell(bit, state.bits, code, repr(production))
            return bit, production
        if state.inner and code == len(state.productions):
            return self._undeclared(state, bit)
        raise DecodeError(f"event code {code} is not assigned", expected=_expected(state), bit=bit)

    def _code(self, state: State, width: int) -> int:
        try:
            return self.reader.bits(width)
        except DecodeError as why:
            raise DecodeError(why.what, expected=_expected(state), bit=why.bit, missing=why.missing) from why

    def _undeclared(self, state: State, bit: int) -> tuple[int, Production]:
        """Reads the only accepted second-level event: the end of an element with an empty value."""
        code = self._code(state, state.second_level_bits)
        production = state.productions[-1]
        if code == 0 and production.event == "CH" and isinstance(production.type, (String, Binary)):
            self._tell(bit, state.bits + state.second_level_bits, code, "EE (undeclared, empty value)")
            return bit, Production("EE", type=production.type)
        raise DecodeError(f"an undeclared event (second-level code {code})", expected=_expected(state), bit=bit)

    def _tell(self, bit: int, width: int, code: int, event: str) -> None:
        if self.observe is not None:
            self.observe(Step(bit, width, code, event, "/".join(self._path)))

    def _value(self, kind: Any, what: str) -> Any:
        bit = self.reader.position
        path = [*self._path, what] if what else self._path
        try:
            value = values.read(self.reader, kind)
        except DecodeError as why:
            expected = why.expected or values.describe(kind)
            most = kind.max_length if isinstance(kind, (String, Binary)) else None
            missing = why.missing if most is None or why.missing <= most * 8 else 0
            raise DecodeError(why.what, expected=expected, path="/".join(path), bit=why.bit, missing=missing) from why
        if (problem := values.check(kind, value)) is not None:
            self.problems.append(ValidationError(problem, expected=values.describe(kind), path="/".join(path), bit=bit))
        if self.observe is not None:
            self.observe(Step(bit, 0, 0, "value", "/".join(self._path), value, self.reader.position - bit))
        return value

    def _element(self, name: str, kind: AnyType) -> Node:
        node = Node(name, kind)
        self._path.append(local(name))
        state = self.grammar.type(kind)
        counts: dict[int, int] = {}
        while True:
            bit, production = self._event(state)
            match production.event:
                case "AT":
                    value = self._value(production.type, "@" + local(production.name))
                    node.attributes.append((production.name, value))
                case "CH":
                    node.value = self._value(production.type, "")
                case "SE":
                    assert production.type is not None
                    node.children.append(self._element(production.name, production.type))
                case "EE":
                    if production.type is not None:
                        node.value = self._empty(production.type)
                    self._path.pop()
                    return node
                case _:
                    what = "a foreign element" if production.event == "SE*" else "character data"
                    raise DecodeError(f"{what}, which no V2G message uses", expected=_expected(state), bit=bit)
            state = self._after(production, counts)

    def _empty(self, kind: AnyType) -> Any:
        value = "" if isinstance(kind, String) else b""
        assert not isinstance(kind, Complex)
        if (problem := values.check(kind, value)) is not None:
            wanted, path = values.describe(kind), "/".join(self._path)
            self.problems.append(ValidationError(problem, expected=wanted, path=path, bit=self.reader.position))
        return value

    def _after(self, production: Production, counts: dict[int, int]) -> State:
        state, most, count = _advance(production, counts)
        name = local(production.name)
        if count > MAX_UNBOUNDED and most == inf:
            path, bit = "/".join(self._path), self.reader.position
            raise DecodeError(f"more than {MAX_UNBOUNDED} elements {name}", expected="fewer", path=path, bit=bit)
        if count < most:
            return state
        self.full.add(name)
        if count > most:
            self.problems.append(
                ValidationError(f"{count} elements", expected=f"at most {most}", path="/".join(self._path))
            )
        return state if self.dialect.stays_open(name) else _full(production)

    def _ambiguous(self, name: str) -> Node:
        """A fragment whose element name has several types in the set."""
        kinds = self.grammar.ambiguous[name]
        if self.dialect.typed_fragments:
            return self._element(name, kinds[-1] if isinstance(kinds[-1], Complex) else kinds[0])
        node = Node(name, kinds[0])
        self._path.append(local(name))
        state = self.grammar.element_fragment
        while True:
            bit, production = self._event(state)
            match production.event:
                case "AT" if production.type is not None:
                    value = self._value(production.type, "@" + local(production.name))
                    node.attributes.append((production.name, value))
                case "CH untyped" if node.value is None:
                    node.value = self._value(production.type, "")
                case "EE":
                    break
                case _:
                    raise DecodeError(f"{production!r}", expected="attributes and characters", bit=bit)
            assert production.next is not None
            state = production.next
        self._path.pop()
        return self._typed(node, kinds)

    def _typed(self, node: Node, kinds: list[AnyType]) -> Node:
        """Gives an untyped fragment the one type with its name that it fits."""
        for kind in kinds:
            known = {a.name for a in kind.attributes} if isinstance(kind, Complex) else set()
            if simple(kind) is not None and known == {a for a, _ in node.attributes}:
                node.type = kind
                node.value = values.parse(simple(kind) or String(), node.value or "")
                return node
        expected = " | ".join(k.name if isinstance(k, Complex) else "no attributes" for k in kinds)
        raise DecodeError(
            "attributes that no type has", expected=expected, path=local(node.name), bit=self.reader.position
        )


def _expected(state: State) -> str:
    names = [repr(p) for p in state.productions]
    return " | ".join(names) if len(names) <= 8 else f"{' | '.join(names[:8])} ... ({len(names)} events)"


def _advance(production: Production, counts: dict[int, int]) -> tuple[State, float, int]:
    """The state after a production; for a list also its maximum and how many elements it has now, otherwise 1 and 0.

    Args:
        counts: elements so far of the lists of one element, by the identity of the state they lead to.
    """
    assert production.next is not None
    if not production.repeated:
        return production.next, 1, 0
    most = inf if production.maximum is None else production.maximum
    count = counts[id(production.next)] = counts.get(id(production.next), 0) + 1
    if count < production.minimum:
        assert production.below is not None
        return production.below, most, count
    return production.next, most, count


def _full(production: Production) -> State:
    """The state after a list that has reached its maximum."""
    assert production.full is not None
    return production.full


class Encoder:
    """Writes one stream.

    Args:
        strict: check every value and list against its facets; otherwise write whatever the bits can carry.
    """

    def __init__(self, grammar: Grammar, *, strict: bool = True, dialect: Dialect = STANDARD) -> None:
        self.grammar = grammar
        self.strict = strict
        self.dialect = dialect
        self.writer = BitWriter()
        self._path: list[str] = []

    def encode(self, node: Node, *, fragment: bool = False) -> bytes:
        """The stream of a document or fragment.

        Raises:
            EncodeError: an element is missing, misplaced or unknown, or a value cannot be carried; a ValidationError if
            only its facets forbid it (strict).
        """
        try:
            self.writer.bits(HEADER, 8)
            state = self.grammar.fragment if fragment else self.grammar.document
            production = self._select(state, "SE", self._swapped(node.name))
            if fragment and production.type is None and not self.dialect.typed_fragments:
                self._ambiguous(node)
            else:
                self._element(node)
            if fragment:
                self._select(state, "EE", "")
            return self.writer.getvalue()
        except EncodeError as why:
            if why.path:
                raise
            raise type(why)(why.what, expected=why.expected, path="/".join(self._path)) from why

    def _swapped(self, name: str) -> str:
        for pair in self.dialect.swapped_roots:
            if local(name) in pair:
                return name.replace(local(name), pair[1 - pair.index(local(name))])
        return name

    def _select(self, state: State, event: str, name: str) -> Production:
        """Writes the code of an event."""
        for code, production in enumerate(state.productions):
            if production.event == event and production.name == name:
                self.writer.bits(code, state.bits)
                return production
        what = {"EE": "an end", "CH": "a value", "AT": f"attribute {local(name)}"}.get(event, local(name))
        raise EncodeError(f"{what} that the schema does not allow there", expected=_expected(state))

    def _value(self, kind: Any, value: Any) -> None:
        if self.strict and (problem := values.check(kind, value)) is not None:
            raise ValidationError(problem, expected=values.describe(kind))
        values.write(self.writer, kind, value)

    def _element(self, node: Node) -> None:
        self._path.append(local(node.name))
        state = self.grammar.type(node.type)
        counts: dict[int, int] = {}
        for name, value in sorted(node.attributes, key=lambda a: exi_order(a[0])):
            production = self._select(state, "AT", name)
            self._path.append("@" + local(name))
            self._value(production.type, value)
            self._path.pop()
            state = self._after(production, counts)
        kind = simple(node.type)
        if kind is not None:
            if node.value in ("", b"") and self.dialect.empty == "omitted" and isinstance(kind, (String, Binary)):
                self._omit(state, kind, node.value)
                self._path.pop()
                return
            production = self._select(state, "CH", "")
            self._value(kind, node.value)
            state = self._after(production, counts)
        for child in node.children:
            production = self._select(state, "SE", child.name)
            self._element(child)
            state = self._after(production, counts)
        if not any(p.event == "EE" for p in state.productions):
            raise EncodeError("the element ends too early", expected=_expected(state))
        self._select(state, "EE", "")
        self._path.pop()

    def _omit(self, state: State, kind: Any, value: Any) -> None:
        """Writes an empty value as an undeclared end-element."""
        if self.strict and (problem := values.check(kind, value)) is not None:
            raise ValidationError(problem, expected=values.describe(kind))
        self.writer.bits(len(state.productions), state.bits)
        self.writer.bits(0, state.second_level_bits)

    def _after(self, production: Production, counts: dict[int, int]) -> State:
        state, most, count = _advance(production, counts)
        if count < most:
            return state
        stays_open = self.dialect.stays_open(local(production.name))
        if count > most and (self.strict or not stays_open):
            raise EncodeError(f"{count} elements {local(production.name)}", expected=f"at most {most}")
        return state if stays_open else _full(production)

    def _ambiguous(self, node: Node) -> None:
        """A fragment whose element name has several types: the element fragment grammar, values as their text."""
        kind = simple(node.type)
        if kind is None or node.children:
            raise EncodeError("element content in an ambiguous fragment", expected="attributes and characters")
        if self.strict and (problem := values.check(kind, node.value)) is not None:
            raise ValidationError(problem, expected=values.describe(kind), path=local(node.name))
        state = self.grammar.element_fragment
        for name, value in sorted(node.attributes, key=lambda a: exi_order(a[0])):
            production = self._select(state, "AT", name)
            self._path[:] = [local(node.name), "@" + local(name)]
            self._value(production.type, value)
        text = values.spell(kind, node.value)
        production = self._select(state, "CH untyped", "")
        values.write(self.writer, String(), text)
        assert production.next is not None
        self._select(production.next, "EE", "")


__all__ = ["HEADER", "Decoder", "Encoder", "ExiError", "Integer", "Step"]
