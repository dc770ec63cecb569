"""Decodes, encodes and explains single messages, or filters lines of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from boundary.choices import unknown
from boundary.console import complain, flush, say_all
from boundary.errors import InputError
from boundary.read import decoded, input_lines, parse_json
from boundary.text import counted, dumps, visible, xml_line
from exi import STANDARD, Decoded, DecodeError, Dialect, EncodeError, ExiError, read, xsd
from exi import explain as explain_stream
from exi import grammar as grammar_of
from exi import json as exi_json
from exi import xml as exi_xml
from exi.errors import SchemaError
from exi.schema import Model
from exi.sets import Schema
from exi.walker import Encoder
from plugfest import octets
from plugfest.config.words import PROTOCOLS
from plugfest.errors import UserError
from plugfest.octets import OctetsError, Piece, of_file
from v2g import sdp, v2gtp
from v2g.errors import RemoteError
from v2g.messages import ROOTS, SETS, schema
from v2g.messages.dialects import dialects
from v2g.reading import PROTOCOL_OF
from v2g.recognition import FRAGMENTS, ORDER, SETS_OF, Recognition, recognise

T = TypeVar("T")


class _Sets:
    """Schema sets by protocol name, from our classes or from XSD files."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._sets = SETS
        self._imported: dict[str, Model] = {}
        self.asked = () if args.protocol is None else self._meant(args.protocol)

    def _meant(self, protocol: str) -> tuple[str, ...]:
        """The sets that a name stands for: the set of that name, or those of a protocol; ISO 15118-20 has several.

        Raises:
            UserError: there is no such name.
        """
        name, fragment = protocol.removesuffix("-fragment"), "-fragment" if protocol.endswith("-fragment") else ""
        own = PROTOCOLS.get(name, name)
        found = (own,) if own in self._sets else tuple(one for one in ORDER if one.startswith(f"{own}-"))
        if not found or (fragment and name not in self._sets and len(found) > 1):
            raise UserError(unknown("protocol", protocol, self._sets))
        return tuple(f"{one}{fragment}" for one in found)

    def split(self, protocol: str) -> tuple[str, bool]:
        """Schema set and whether it is the fragment grammar."""
        return protocol.removesuffix("-fragment"), protocol.endswith("-fragment")

    @property
    def complete(self) -> bool:
        """Whether every set is available."""
        return self._args.xsd is None

    def has(self, name: str) -> bool:
        """Whether a set is available: only some XSD files may be present."""
        if self.complete:
            return True
        try:
            self.schema(name)
        except UserError:
            return False
        return True

    def schema(self, name: str) -> Schema | Model:
        if self._args.xsd is None:
            return schema(name)
        return self._import(name)

    def _import(self, name: str) -> Model:
        if name not in self._imported:
            directory: Path = self._args.xsd
            if not directory.is_dir():
                raise UserError(f"{directory} is not a directory of XSD files")
            try:
                root = xsd.find_sets(directory, ROOTS).get(name)
                if root is None:
                    raise UserError(f"{directory} has no schema for {name}: {ROOTS[name]} is missing")
                self._imported[name] = xsd.load(root, name=name, search=[directory])
            except SchemaError as why:
                raise UserError(str(why)) from why
        return self._imported[name]

    def dialect(self, name: str) -> Dialect | None:
        wanted = self._args.dialect
        if wanted is None:
            return None
        known = {d.name: d for d in (STANDARD, *dialects(name))}
        if wanted not in known:
            raise UserError(unknown("dialect", wanted, known))
        return known[wanted]


@dataclass(frozen=True, slots=True)
class _Read:
    """A decoded payload: its protocol, and remarks about it."""

    protocol: str
    decoded: Decoded
    notes: tuple[str, ...]


def _read(piece: Piece, sets: _Sets) -> _Read:
    """Decodes a payload; without a protocol, with the most plausible one.

    Raises:
        OctetsError: it cannot be decoded; quotes the V2GTP header, and says how far the most plausible protocol reads
            it.
    """

    _hold(piece)
    last: DecodeError | None = None
    for asked in sets.asked:
        name, fragment = sets.split(asked)
        try:
            stream = read(sets.schema(name), piece.data, fragment=fragment, dialect=sets.dialect(name))
        except DecodeError as why:
            last = why
            continue
        return _Read(asked, stream, (*piece.notes, *_remarks(asked, stream)))
    if last is not None:
        raise OctetsError("; ".join([*piece.notes, str(last)])) from last
    _, found = _recognised(piece, sets)
    best = found.best
    doubt = [found.doubt] if found.others else []
    if best.decoded is None:
        text = f"{best.text}: {best.error}"
        text = text if best.is_message else f"no protocol can decode it; the closest is {text}"
        raise OctetsError("; ".join([*piece.notes, text, *doubt]))
    if found.wrong_type:
        doubt.append(f"{piece.title}, which is not for {best.protocol}")
    return _Read(best.protocol, best.decoded, (*piece.notes, *doubt, *_remarks(best.protocol, best.decoded)))


def _recognised(piece: Piece, sets: _Sets) -> tuple[bytes, Recognition]:
    """The EXI of a payload and its most plausible reading, with bytes beyond the header's length if that helps."""
    found = _recognise(piece, sets)
    if found.best.decoded is None and piece.rest:
        longer = replace(piece, data=piece.data + piece.rest)
        again = _recognise(longer, sets)
        if again.best.decoded is not None:
            return longer.data, again
    return piece.data, found


def _recognise(piece: Piece, sets: _Sets) -> Recognition:
    known = SETS_OF.get(piece.type) if piece.type is not None else None
    candidates = [name for name in known or ORDER if sets.has(name)]
    fragments = [name for name in FRAGMENTS if sets.has(name)] if known is None else []
    everywhere = None if known is not None and sets.complete else candidates
    return recognise(piece.data, piece.type, candidates=everywhere, fragments=fragments, sets=sets.schema)


def _hold(piece: Piece) -> None:
    """Refuses input without EXI.

    Raises:
        OctetsError: says what it is.
    """

    said = "; ".join(piece.notes)
    if not piece.data and piece.type is None:
        raise OctetsError(said or "empty input")
    parse = {v2gtp.SDP_REQUEST: sdp.parse_request, v2gtp.SDP_RESPONSE: sdp.parse_response}.get(piece.type or 0)
    if parse is not None:
        try:
            meaning = str(parse(v2gtp.pack(piece.type or 0, piece.data)))
        except RemoteError as why:
            meaning = str(why)
        raise OctetsError("; ".join(filter(None, [said, f"{piece.title} holds no EXI: {meaning}"])))
    if not piece.data:
        raise OctetsError(said or f"{piece.title} without a payload")


def _remarks(protocol: str, stream: Decoded) -> Iterator[str]:
    for said in stream.tolerated:
        yield f"{protocol}: {said}"
    for problem in stream.problems:
        yield f"{protocol}: {problem}"


def _filter(args: argparse.Namespace, split: Callable[[str], list[T]], convert: Callable[[T], str]) -> int:
    """Converts each part of the given input, or of every line of standard input, then to one line each."""
    failed = 0
    if args.input is not None and args.input != "-":
        try:
            parts = split(args.input)
        except ExiError as why:
            complain(f"error: {why}")
            return 1
        for part in parts:
            try:
                say_all(convert(part).split("\n"))
            except ExiError as why:
                failed += 1
                complain(f"error: {why}")
        return 1 if failed else 0
    for raw in input_lines():
        try:
            line = " ".join([convert(part) for part in split(decoded(raw, "input"))])
        except (ExiError, InputError) as why:
            failed += 1
            line = f"error: {why}"
        say_all(line.split("\n"))
        flush()
    return 1 if failed else 0


def _pieces(args: argparse.Namespace) -> Callable[[str], list[Piece]]:
    read = octets.read if args.input in (None, "-") else octets.given
    return lambda given: octets.pieces(read(given))


def decode(args: argparse.Namespace) -> int:
    sets = _Sets(args)

    def convert(piece: Piece) -> str:
        found = _read(piece, sets)
        for note in found.notes:
            complain(f"note: {note}")
        stream = found.decoded
        return dumps(exi_json.write(stream.node, stream.model)) if args.json else xml_line(stream.xml)

    return _filter(args, _pieces(args), convert)


def encode(args: argparse.Namespace) -> int:
    sets = _Sets(args)
    filtering = args.input in (None, "-")
    names = (*ORDER, *(f"{name}-fragment" for name in FRAGMENTS))

    def convert(line: str) -> str:
        content = None if filtering else of_file(line)
        if content is None and not filtering and line.lstrip()[:1] not in ("<", "{"):
            raise InputError(line, "no such file, and neither XML nor JSON")
        text = line if content is None else decoded(content, line)
        tree = parse_json(text, "JSON") if args.json or text.lstrip().startswith("{") else None
        last: EncodeError | None = None
        for candidate in sets.asked or names:
            name, fragment = sets.split(candidate)
            schema = sets.schema(name)
            model = schema.model if isinstance(schema, Schema) else schema
            try:
                if tree is not None:
                    node = exi_json.read(tree, model, fragment=fragment)
                else:
                    node = exi_xml.read(text, model, fragment=fragment)
                encoder = Encoder(grammar_of(schema), strict=not args.lax, dialect=sets.dialect(name) or STANDARD)
                octets = encoder.encode(node, fragment=fragment)
                return (_v2gtp(octets, name) if args.v2gtp else octets).hex()
            except EncodeError as why:
                if last is None or len(why.path) > len(last.path):
                    last = why
        assert last is not None
        raise last

    return _filter(args, lambda text: [text], convert)


def _v2gtp(octets: bytes, name: str) -> bytes:
    protocol = PROTOCOL_OF.get(name)
    if protocol is None:
        raise UserError(f"{name} is never sent as a message, so it has no V2GTP payload type")
    return v2gtp.pack(protocol.payload_types[name], octets)


def explain(args: argparse.Namespace) -> int:
    sets = _Sets(args)

    def convert(piece: Piece) -> str:
        return "\n".join(_explanation(piece, sets))

    return _filter(args, _pieces(args), convert)


def _explanation(piece: Piece, sets: _Sets) -> Iterator[str]:
    _hold(piece)
    octets, dialect = piece.data, None
    for note in piece.notes:
        yield f"note: {note}"
    protocol = sets.asked[0] if len(sets.asked) == 1 else _read(piece, sets).protocol if sets.asked else None
    if protocol is None:
        octets, found = _recognised(piece, sets)
        protocol = found.best.protocol
        dialect = found.best.decoded.dialect if found.best.decoded is not None else None
        if found.others:
            yield f"note: {found.doubt}"
    name, fragment = sets.split(protocol)
    dialect = sets.dialect(name) or dialect
    extra = {} if dialect is None else {"dialect": dialect}
    steps, error = explain_stream(sets.schema(name), octets, fragment=fragment, **extra)
    bits = "".join(f"{octet:08b}" for octet in octets)
    yield f"{protocol}, {counted(len(octets), 'byte')}" + (f", dialect {dialect.name}" if dialect else "")
    yield f"{'bit':>6}  {'bits':<10} event"
    yield f"{0:>6}  {bits[:8]:<10} header"
    end = 8
    for step in steps:
        depth = step.path.count("/") + 1 if step.path else 0
        if step.event == "value":
            end = step.bit + step.value_bits
            shown = bits[step.bit : end]
            text = step.value.hex().upper() if isinstance(step.value, bytes) else visible(step.value)
            yield f"{step.bit:>6}  {_short(shown):<10} {'  ' * depth}= {text}"
        else:
            end = step.bit + step.width
            yield f"{step.bit:>6}  {bits[step.bit : end]:<10} {'  ' * depth}{step.event}"
    if error is not None:
        yield visible(f"error: {error}")
    elif end < len(bits):
        yield f"{end:>6}  {_short(bits[end:]):<10} padding"


def _short(bits: str) -> str:
    return bits if len(bits) <= 10 else f"{len(bits)} bits"
