"""Schema-informed EXI 1.0 as V2G uses it: bit-packed, not strict, no value tables, header byte 80.

    from v2g.messages import schema
    iso2 = schema("iso2")
    message = exi.decode(iso2, data)          # bytes -> typed message object
    text = exi.to_xml(iso2, message)          # -> canonical XML

annotated message classes (:mod:`.classes`), or XSD files (:mod:`.xsd`)  ->  :mod:`.schema` (particles, types, facets)
->  :mod:`.grammar` (plain, printable data)  ->  executors: the :mod:`.walker` is the reference, explains every event
and words every error; :mod:`.generate` writes straight-line Python for each type from the same grammar and is about ten
times faster.

Every error is an :class:`ExiError` with ``bit``, ``path`` and ``expected``. This package knows nothing about charging.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from exi import json, tree
from exi.dialects import STANDARD, Dialect
from exi.errors import DecodeError, EncodeError, ExiError, SchemaError, ValidationError
from exi.generate import Generated, generated
from exi.grammar import Grammar
from exi.schema import Item, Model, local
from exi.sets import Schema
from exi.tree import Node
from exi.walker import Decoder, Encoder, Step

__all__ = [
    "STANDARD",
    "DecodeError",
    "Decoded",
    "Dialect",
    "EncodeError",
    "ExiError",
    "Grammar",
    "Item",
    "Schema",
    "SchemaError",
    "Step",
    "ValidationError",
    "decode",
    "encode",
    "examine",
    "explain",
    "from_json",
    "from_xml",
    "grammar",
    "prepare",
    "preparing",
    "read",
    "to_json",
    "to_xml",
    "validate",
]


@dataclass(slots=True)
class Decoded:
    """A decoded stream with everything worth reporting about it.

    Attributes:
        node: the infoset.
        dialect: the dialect it was read with.
        problems: values that break their facets.
        trailing: bytes after the end of the stream (some vehicles append a zero byte).
        omitted: paths of empty values written as undeclared end-elements (EXIficient's form).
    """

    node: Node
    model: Model
    dialect: Dialect
    problems: list[ValidationError] = field(default_factory=list)
    trailing: bytes = b""
    omitted: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Local name of the root element."""
        return local(self.node.name)

    @property
    def message(self) -> Any:
        """The message object (only for schema sets made of classes)."""
        return tree.to_message(self.node, self.model)

    @property
    def xml(self) -> str:
        from exi import xml

        return xml.write(self.node)

    @property
    def tolerated(self) -> list[str]:
        """What a strict reader would have refused, or a strict writer written differently, in words."""
        said = []
        if self.dialect is not STANDARD:
            said.append(f"dialect {self.dialect.name}")
        if self.omitted:
            said.append("empty value as undeclared end-element: " + ", ".join(self.omitted))
        if self.trailing:
            said.append(f"{len(self.trailing)} bytes after the end: {self.trailing[:16].hex()}")
        return said


def grammar(schema: Schema | Model) -> Grammar:
    """The grammar of a schema set, built on first use."""
    model = schema.model if isinstance(schema, Schema) else schema
    found: Grammar | None = model.__dict__.get("_grammar")
    if found is None:
        found = model.__dict__["_grammar"] = Grammar(model)
    return found


def _executor(schema: Schema) -> Generated:
    """The generated executor of a schema set, made on first use."""
    found: Generated | None = schema.model.__dict__.get("_generated")
    return generated(schema, grammar(schema)) if found is None else found


def _read_as(model: Model, data: bytes, fragment: bool, dialect: Dialect) -> tuple[Decoder, Decoded | DecodeError]:
    omitted: list[str] = []

    def note(step: Step) -> None:
        if step.event.startswith("EE (undeclared"):
            omitted.append(step.path)

    decoder = Decoder(grammar(model), data, dialect, note)
    try:
        node = decoder.decode(fragment=fragment)
    except DecodeError as why:
        return decoder, why
    return decoder, Decoded(node, model, dialect, decoder.problems, decoder.trailing, omitted)


def _relevant(dialect: Dialect, decoder: Decoder, model: Model, data: bytes) -> bool:
    """Whether a dialect could read this stream differently; if not, the failure stands."""
    if any(dialect.stays_open(name) for name in decoder.full):
        return True
    root = decoder.root
    return (dialect.typed_fragments and root in grammar(model).ambiguous) or any(
        local(root) in pair for pair in dialect.swapped_roots
    )


def read(schema: Schema | Model, data: bytes, *, fragment: bool = False, dialect: Dialect | None = None) -> Decoded:
    """Decodes with the reference executor and reports everything about the stream.

    Args:
        schema: the schema set, from classes or (``Model``) from XSD files.
        data: EXI without V2GTP header.
        fragment: read with the fragment grammar (signed parts).
        dialect: read with this one only; by default try the standard reading, then the set's known dialects.

    Raises:
        DecodeError: no reading fits; the error is that of the standard reading.
    """
    model = schema.model if isinstance(schema, Schema) else schema
    decoder, first = _read_as(model, data, fragment, dialect or STANDARD)
    clean = isinstance(first, Decoded) and decoder.padding_is_zero and not first.trailing.strip(b"\0")
    if not clean and dialect is None and isinstance(schema, Schema):
        for other in schema.dialects:
            if _relevant(other, decoder, model, data):
                again, second = _read_as(model, data, fragment, other)
                if isinstance(second, Decoded) and again.padding_is_zero and not second.trailing.strip(b"\0"):
                    return second
    if isinstance(first, DecodeError):
        raise first
    return first


def prepare(schema: Schema) -> None:
    """Generates the code of a whole set now, in some tenths of a second, instead of message by message on first use.
    Useful where an answer is due within milliseconds: a charger has 25 ms for its first CurrentDemandRes.
    """
    for _ in preparing(schema):
        pass


def preparing(schema: Schema) -> Iterator[None]:
    """:func:`prepare` in small steps of about a millisecond, for callers that have other work to do in between."""
    yield from _executor(schema).preparing()


def decode(schema: Schema, data: bytes, *, fragment: bool = False) -> Any:
    """The message object of an EXI stream, or the bare value if the root element has a simple type.

    Values outside their facets are returned unchanged, since the bits could carry them; :func:`validate` finds them.

    Raises:
        DecodeError: the bytes are not a stream of this set; with bit offset, path and expectation.
    """
    message = _executor(schema).decode(data, fragment)
    return read(schema, data, fragment=fragment).message if message is None else message


def examine(schema: Schema, data: bytes) -> tuple[Any, list[tuple[str, str]]]:
    """The message object, and what was unusual about its bytes: (stable name, details) pairs.

    Names: ``dialect``, ``undeclared-empty-value``, ``trailing-bytes``, ``facet``. As fast as :func:`decode` if there is
    nothing unusual.

    Raises:
        DecodeError: the bytes are not a stream of this set.
    """
    message = _executor(schema).decode(data, False)
    if message is not None:
        return message, []
    decoded = read(schema, data)
    notes = []
    if decoded.dialect is not STANDARD:
        notes.append(("dialect", decoded.dialect.name))
    if decoded.omitted:
        notes.append(("undeclared-empty-value", ", ".join(decoded.omitted)))
    if decoded.trailing:
        notes.append(("trailing-bytes", decoded.trailing[:16].hex()))
    notes += [("facet", str(problem)) for problem in decoded.problems]
    return decoded.message, notes


def encode(
    schema: Schema,
    message: Any,
    *,
    root: str = "",
    fragment: bool = False,
    strict: bool = True,
    dialect: Dialect = STANDARD,
) -> bytes:
    """The EXI stream of a message object.

    Args:
        root: name of the root element, if the message's class does not determine it.
        fragment: write with the fragment grammar (signed parts).
        strict: check the message against every facet; False sends whatever the bits can carry, and enumerations may
        then be bare indices.
        dialect: write the way a certain codec family does.

    Raises:
        EncodeError: with path and expectation; a ValidationError if ``strict=False`` would write the value.
    """
    if strict and dialect is STANDARD:
        data = _executor(schema).encode(message, root, fragment)
        if data is not None:
            return data
    node = tree.from_message(schema, message, root, fragment=fragment)
    return Encoder(grammar(schema), strict=strict, dialect=dialect).encode(node, fragment=fragment)


def explain(
    schema: Schema | Model, data: bytes, *, fragment: bool = False, dialect: Dialect = STANDARD
) -> tuple[list[Step], ExiError | None]:
    """Every event of a stream with its bit offset, up to the end or the error, which is also returned."""
    model = schema.model if isinstance(schema, Schema) else schema
    steps: list[Step] = []
    try:
        Decoder(grammar(model), data, dialect, steps.append).decode(fragment=fragment)
    except DecodeError as why:
        return steps, why
    return steps, None


def validate(schema: Schema, message: Any, *, root: str = "", fragment: bool = False) -> list[ExiError]:
    """The schema facets that a message's values violate; empty if it can be encoded strictly."""
    try:
        node = tree.from_message(schema, message, root, fragment=fragment)
        Encoder(grammar(schema)).encode(node, fragment=fragment)
    except EncodeError as why:
        return [why]
    return []


def to_xml(schema: Schema, message: Any, *, root: str = "", fragment: bool = False) -> str:
    """Canonical XML of a message."""
    from exi import xml

    return xml.write(tree.from_message(schema, message, root, fragment=fragment))


def from_xml(schema: Schema, text: str | bytes, *, fragment: bool = False) -> Any:
    """The message of an XML document.

    Raises:
        EncodeError: not well-formed, or not valid in this schema.
    """
    from exi import xml

    return tree.to_message(xml.read(text, schema.model, fragment=fragment), schema.model)


def to_json(schema: Schema, message: Any, *, root: str = "", fragment: bool = False) -> dict[str, Any]:
    """A message as JSON-ready builtins, ``{root name: content}`` (see :mod:`exi.json`)."""
    return json.write(tree.from_message(schema, message, root, fragment=fragment), schema.model)


def from_json(schema: Schema, data: Any, *, fragment: bool = False) -> Any:
    """The message from the output of :func:`to_json`.

    Raises:
        EncodeError: a key or value that the schema does not allow there.
    """
    return tree.to_message(json.read(data, schema.model, fragment=fragment), schema.model)
