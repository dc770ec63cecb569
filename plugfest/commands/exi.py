"""``plugfest exi``: decode, encode and explain single messages, or filter lines of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boundary.console import complain, flush, say_all
from boundary.errors import InputError
from boundary.read import decoded, input_lines, octets, parse_json, read_bytes
from boundary.text import dumps, visible, xml_line
from plugfest.errors import UserError

if TYPE_CHECKING:
    from exi import Decoded, Dialect
    from exi.schema import Model, Schema

_HELP = """\
INPUT is hex, base64 or XML text, the name of a file that holds such text or binary EXI, or - for lines on standard
input: one input a line, exactly one line of output each, "error: ..." for one that fails.
A V2GTP header in front of the EXI is taken off and its payload type used.

protocols: appproto din70121 iso2 iso20-common iso20-ac iso20-dc iso20-wpt iso20-acdp; with -fragment behind the name
(and xmldsig-fragment) the fragment grammar of the set, which signatures use. Without --protocol it is guessed.
"""

# Which sets a V2GTP payload type can hold, most likely first.
_BY_PAYLOAD_TYPE = {
    0x8001: ("appproto", "iso2", "din70121"),
    0x8002: ("iso20-common",),
    0x8003: ("iso20-ac",),
    0x8004: ("iso20-dc",),
    0x8005: ("iso20-acdp",),
    0x8006: ("iso20-wpt",),
    0x8101: ("iso20-common",),
    0x8102: ("iso20-common",),
    0x8103: ("iso20-acdp",),
    0x8104: ("iso20-common",),
}
_GUESSES = (
    "appproto", "iso2", "din70121", "iso20-common", "iso20-dc", "iso20-ac", "iso20-wpt", "iso20-acdp",
    "iso2-fragment", "iso20-common-fragment", "xmldsig-fragment", "din70121-fragment",
)  # fmt: skip


def add(commands: Any) -> None:
    top = commands.add_parser("exi", help="decode, encode or explain EXI messages")
    kinds = top.add_subparsers(metavar="decode|encode|explain", required=True)
    for name, run, text in (
        ("decode", decode, "EXI to XML (or JSON)"),
        ("encode", encode, "XML (or JSON) to EXI, in hex"),
        ("explain", explain, "EXI event by event, with bit offsets"),
    ):
        parser = kinds.add_parser(
            name, help=text, description=text, epilog=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("input", nargs="?", metavar="INPUT", help="message, file, or - for lines (default)")
        parser.add_argument("--protocol", metavar="P", help="schema set; guessed where not given")
        parser.add_argument("--xsd", metavar="DIR", type=Path, help="take the grammar from the XSD files in DIR")
        parser.add_argument("--dialect", metavar="D", help="standard, cbv2g, cbv2g-reads, josev or exificient")
        if name != "explain":
            parser.add_argument("--json", action="store_true", help="JSON instead of XML")
        if name == "encode":
            parser.add_argument("--lax", action="store_true", help="do not hold values against the schema's facets")
            parser.add_argument("--v2gtp", action="store_true", help="put the V2GTP header in front")
        parser.set_defaults(run=run)


# ---------------------------------------------------------------------------------------------------------------
# Protocols


class _Sets:
    """Schema sets by protocol name, from our classes or from XSD files."""

    def __init__(self, args: argparse.Namespace) -> None:
        from v2g.messages import SETS

        self._args = args
        self._sets = SETS
        self._imported: dict[str, Model] = {}
        if args.protocol is not None:
            self.split(args.protocol)

    def split(self, protocol: str) -> tuple[str, bool]:
        """Schema set and whether it is the fragment grammar."""
        name = protocol.removesuffix("-fragment")
        if name not in self._sets:
            raise UserError(f"no protocol {protocol!r}; there are {' '.join(self._sets)}, each also with -fragment")
        return name, protocol.endswith("-fragment")

    def schema(self, name: str) -> Schema | Model:
        from v2g.messages import schema

        if self._args.xsd is None:
            return schema(name)
        return self._import(name)

    def _import(self, name: str) -> Model:
        from exi import xsd
        from exi.errors import SchemaError
        from v2g.messages import ROOTS

        if name not in self._imported:
            directory: Path = self._args.xsd
            if not directory.is_dir():
                raise UserError(f"{directory} is no directory of XSD files")
            try:
                root = xsd.find_sets(directory, ROOTS).get(name)
                if root is None:
                    raise UserError(f"{directory} has no schema for {name}: {ROOTS[name]} is missing")
                self._imported[name] = xsd.load(root, name=name, search=[directory])
            except SchemaError as why:
                raise UserError(str(why)) from why
        return self._imported[name]

    def dialect(self, name: str) -> Dialect | None:
        from exi import STANDARD
        from v2g.messages.dialects import dialects

        wanted = self._args.dialect
        if wanted is None:
            return None
        known = {d.name: d for d in (STANDARD, *dialects(name))}
        if wanted not in known:
            raise UserError(f"no dialect {wanted!r}; there are {' '.join(known)}")
        return known[wanted]


# ---------------------------------------------------------------------------------------------------------------
# Input


def _file(name: str) -> bytes | None:
    """The content of a file, or None where the text names none: a long hex string, for one."""
    try:
        there = Path(name).is_file()
    except (OSError, ValueError):
        return None
    return read_bytes(Path(name)) if there else None


def _exi_input(given: str) -> bytes:
    content = _file(given)
    if content is None:
        return octets(given)
    if content[:1] in (b"\x80", b"\x01"):  # the EXI header byte, or a V2GTP header: no text starts so
        return content
    try:
        return octets(content.decode("ascii"))
    except UnicodeDecodeError:
        return content


def _unwrap(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The EXI behind a V2GTP header, if there is one, and the sets its payload type allows."""
    if len(data) >= 8 and data[:2] == b"\x01\xfe" and int.from_bytes(data[4:8], "big") == len(data) - 8:
        return data[8:], _BY_PAYLOAD_TYPE.get(int.from_bytes(data[2:4], "big"), ())
    return data, ()


def _read(data: bytes, sets: _Sets, protocol: str | None) -> tuple[str, Decoded]:
    """The protocol and the decoded stream; without a protocol the first set that reads it without a flaw."""
    from exi import DecodeError, read

    data, allowed = _unwrap(data)
    if protocol is not None:
        name, fragment = sets.split(protocol)
        return protocol, read(sets.schema(name), data, fragment=fragment, dialect=sets.dialect(name))
    flawed: list[tuple[str, Decoded]] = []
    first: DecodeError | None = None
    for candidate in allowed or _GUESSES:
        name, fragment = sets.split(candidate)
        try:
            decoded = read(sets.schema(name), data, fragment=fragment)
        except DecodeError as why:
            if first is None or (why.bit or 0) > (first.bit or 0):
                first = why
            continue
        if not decoded.problems and not decoded.trailing.strip(b"\0"):
            return candidate, decoded
        flawed.append((candidate, decoded))
    if flawed:
        return flawed[0]
    assert first is not None
    raise DecodeError(f"no protocol reads it; the nearest says: {first}")


# ---------------------------------------------------------------------------------------------------------------
# Commands


def _filter(args: argparse.Namespace, convert: Callable[[str], str], one_line: bool = True) -> int:
    """Runs ``convert`` on the input given, or on every line of standard input."""
    from exi import ExiError

    if args.input is not None and args.input != "-":
        try:
            say_all(convert(args.input).split("\n"))
        except ExiError as why:
            complain(f"error: {why}")
            return 1
        return 0
    failed = 0
    for raw in input_lines():
        try:
            line = convert(decoded(raw, "input"))
        except (ExiError, InputError) as why:
            failed += 1
            line = f"error: {why}"
        say_all([line] if one_line else line.split("\n"))
        flush()
    return 1 if failed else 0


def _notes(protocol: str, decoded: Decoded) -> Iterator[str]:
    for said in decoded.tolerated:
        yield f"{protocol}: {said}"
    for problem in decoded.problems:
        yield f"{protocol}: {problem}"


def decode(args: argparse.Namespace) -> int:
    from exi import json as exi_json

    sets = _Sets(args)
    filtering = args.input in (None, "-")

    def convert(line: str) -> str:
        data = octets(line) if filtering else _exi_input(line)
        protocol, decoded = _read(data, sets, args.protocol)
        for note in _notes(protocol, decoded):
            complain(f"note: {note}")
        if args.json:
            return dumps(exi_json.write(decoded.node, decoded.model))
        return xml_line(decoded.xml)

    return _filter(args, convert)


def encode(args: argparse.Namespace) -> int:
    from exi import STANDARD, EncodeError, Schema
    from exi import grammar as grammar_of
    from exi import json as exi_json
    from exi import xml as exi_xml
    from exi.walker import Encoder

    sets = _Sets(args)
    filtering = args.input in (None, "-")

    def convert(line: str) -> str:
        content = None if filtering else _file(line)
        text = line if content is None else decoded(content, line)
        tree = parse_json(text, "JSON") if args.json or text.lstrip().startswith("{") else None
        last: EncodeError | None = None
        for candidate in [args.protocol] if args.protocol else _GUESSES:
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

    return _filter(args, convert)


def _v2gtp(octets: bytes, name: str) -> bytes:
    payload_type = next((kind for kind, names in _BY_PAYLOAD_TYPE.items() if name in names), None)
    if payload_type is None:
        raise UserError(f"{name} is never a message of its own, so it has no V2GTP payload type")
    return b"\x01\xfe" + payload_type.to_bytes(2, "big") + len(octets).to_bytes(4, "big") + octets


def explain(args: argparse.Namespace) -> int:
    sets = _Sets(args)
    filtering = args.input in (None, "-")

    def convert(line: str) -> str:
        data = octets(line) if filtering else _exi_input(line)
        return "\n".join(_explanation(data, sets, args.protocol))

    return _filter(args, convert, one_line=False)


def _explanation(data: bytes, sets: _Sets, protocol: str | None) -> Iterator[str]:
    from exi import DecodeError
    from exi import explain as explain_stream

    octets, allowed = _unwrap(data)
    dialect = None
    if protocol is None:
        try:
            protocol, decoded = _read(data, sets, None)
            dialect = decoded.dialect
        except DecodeError:
            protocol = _nearest(octets, sets, allowed or _GUESSES)
    name, fragment = sets.split(protocol)
    dialect = sets.dialect(name) or dialect
    extra = {} if dialect is None else {"dialect": dialect}
    steps, error = explain_stream(sets.schema(name), octets, fragment=fragment, **extra)
    bits = "".join(f"{octet:08b}" for octet in octets)
    yield f"{protocol}, {len(octets)} bytes" + (f", dialect {dialect.name}" if dialect else "")
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


def _nearest(octets: bytes, sets: _Sets, candidates: tuple[str, ...]) -> str:
    """The protocol that reads most of a broken stream."""
    from exi import explain as explain_stream

    def reach(candidate: str) -> int:
        name, fragment = sets.split(candidate)
        _, error = explain_stream(sets.schema(name), octets, fragment=fragment)
        return (error.bit or 0) if error is not None else len(octets) * 8

    return max((c for c in candidates if not c.endswith("-fragment")), key=reach)


def _short(bits: str) -> str:
    return bits if len(bits) <= 10 else f"{len(bits)} bits"
