"""Nodes against the typed model: every mistake with its place, its path and what was expected.

The model's types guide the reading, so that ``evccid: 001122334455`` is text and not an octal number.
"""

from __future__ import annotations

import math
import pathlib
import re
from dataclasses import dataclass, field
from typing import Any

from msgspec import inspect
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from boundary.choices import either, meant, near, unknown
from plugfest.arguments import without_unit
from plugfest.config import source

Path = tuple[str | int, ...]

_BOOL, _NULL = "tag:yaml.org,2002:bool", source.NULL
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class Wrong(Exception):
    """A value that does not fit; the text is added to the list of mistakes."""


@dataclass
class Reader:
    """Reads nodes and collects mistakes.

    Attributes:
        mistakes: one line each, in the order of the file.
        places: node of each path read so far.
    """

    mistakes: list[tuple[int, str]] = field(default_factory=list)
    places: dict[Path, Node] = field(default_factory=dict)

    def complain(self, path: Path, text: str, node: Node | None = None) -> None:
        """Adds a mistake at a path; the node is that of the nearest known path unless given."""
        near = path
        while node is None:
            node = self.places.get(near)
            if node is None and not near:
                break
            near = near[:-1]
        where = source.place(node) if node is not None else ""
        line = node.start_mark.line if node is not None and node.start_mark is not None else 0
        spelled = spell(path)
        if where:
            text = f"{where}: {spelled}: {text}" if spelled else f"{where}: {text}"
        else:  # from the command line
            text = f"--{path[-1]}: {text}" if path and len(path) <= 2 else f"{spelled}: {text}"
        if text not in (known for _, known in self.mistakes):
            self.mistakes.append((line, text))

    def read(self, node: Node, kind: inspect.Type, path: Path = ()) -> Any:
        """The value of a node as builtins; wrong parts are left out and reported."""
        self.places.setdefault(path, node)
        file = _names_file(kind)
        kind = bare(kind)
        options = [bare(t) for t in kind.types] if isinstance(kind, inspect.UnionType) else [kind]
        if isinstance(node, MappingNode):
            structs = [t for t in options if isinstance(t, inspect.StructType)]
            if len(structs) > 1:
                return self._tagged(node, structs, path)
            if structs:
                return self._struct(node, structs[0], path)
            for t in options:
                if isinstance(t, inspect.DictType):
                    return self._dict(node, t, path)
        elif isinstance(node, SequenceNode):
            for t in options:
                if isinstance(t, inspect.ListType):
                    values = [self.read(item, t.item_type, (*path, at)) for at, item in enumerate(node.value)]
                    self._length(values, t, path)
                    return values
                if isinstance(t, inspect.TupleType) and len(t.item_types) == len(node.value):
                    pairs = enumerate(zip(node.value, t.item_types, strict=True))
                    return [self.read(item, item_type, (*path, at)) for at, (item, item_type) in pairs]
        elif isinstance(node, ScalarNode):
            for t in options:
                try:
                    value = _scalar(node, t)
                except Wrong:
                    continue
                return beside(node, value) if file and isinstance(value, str) else value
        if any(isinstance(t, inspect.AnyType) for t in options):
            return source.plain(node)
        wrong = "is out of range; use" if _outside(node, options) else "is not"
        self.complain(path, f"{_shown(node)} {wrong} {wanted(options)}{_hint(node, options)}")
        return None

    def _struct(self, node: MappingNode, kind: inspect.StructType, path: Path, *, skip: str = "") -> dict[str, Any]:
        fields = {f.encode_name: f for f in kind.fields}
        values: dict[str, Any] = {skip: kind.tag} if skip else {}
        seen: set[str] = set()
        for name, key, value in source.pairs(node):
            inner = (*path, name)
            self.places[inner] = key
            if name in seen:
                self.complain(inner, "this key appears twice", key)
            elif name == skip:
                pass
            elif name not in fields:
                self.complain(inner, f"unknown key{meant(name, [*fields, *([skip] if skip else [])])}", key)
            else:
                if isinstance(value, ScalarNode):
                    self.places.setdefault(inner, value)
                read = self.read(value, fields[name].type, inner)
                if read is not None or (isinstance(value, ScalarNode) and value.tag == _NULL):
                    values[name] = read
            seen.add(name)
        for name, known in fields.items():
            if known.required and name not in seen:
                self.complain((*path, name), f"missing: {wanted([bare(known.type)])} is needed")
        return values

    def _tagged(self, node: MappingNode, kinds: list[inspect.StructType], path: Path) -> dict[str, Any] | None:
        tag = kinds[0].tag_field or ""
        known = {str(k.tag): k for k in kinds}
        value = source.child(node, tag)
        if value is None:
            self.complain((*path, tag), f"missing: one of {', '.join(known)} is needed")
            return None
        chosen = known.get(str(value.value))
        if chosen is None:
            self.complain((*path, tag), unknown("action" if tag == "do" else tag, value.value, known), value)
            return None
        return self._struct(node, chosen, path, skip=tag)

    def _dict(self, node: MappingNode, kind: inspect.DictType, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, key, value in source.pairs(node):
            self.places[(*path, name)] = key
            if name in values:
                self.complain((*path, name), "this key appears twice", key)
            values[name] = self.read(value, kind.value_type, (*path, name))
        return values

    def _length(self, values: list[Any], kind: inspect.ListType, path: Path) -> None:
        if kind.min_length is not None and len(values) < kind.min_length:
            self.complain(path, f"at least {kind.min_length} entries are needed")
        if kind.max_length is not None and len(values) > kind.max_length:
            self.complain(path, f"at most {kind.max_length} entries")


def bare(kind: inspect.Type) -> inspect.Type:
    """The type without its annotations."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


def _names_file(kind: inspect.Type) -> bool:
    """Whether the text is the name of a file (``File`` in the model)."""
    if isinstance(kind, inspect.Metadata):
        return bool((kind.extra or {}).get("file")) or _names_file(kind.type)
    return isinstance(kind, inspect.UnionType) and any(_names_file(t) for t in kind.types)


def beside(node: Node, name: str) -> str:
    """A file named in a bench file is sought in the same directory."""
    mark = node.start_mark
    if mark is None or not name:
        return name
    return str(pathlib.Path(mark.name).parent / pathlib.Path(name).expanduser())


def spell(path: Path) -> str:
    """``timeline[2].at``."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


# ---------------------------------------------------------------------------------------------------------------
# Scalars


def _scalar(node: ScalarNode, kind: inspect.Type) -> Any:
    text, number = node.value, node.tag in _NUMBERS
    match kind:
        case inspect.AnyType():
            return source.plain(node)
        case inspect.NoneType() if node.tag == _NULL:
            return None
        case inspect.BoolType() if node.tag == _BOOL:
            return source.plain(node)
        case inspect.IntType() | inspect.FloatType() if number:
            return _number(source.plain(node), kind)
        case inspect.LiteralType():
            for value in kind.values:
                if text == str(value) and not (isinstance(value, int) and not number):
                    return value
        case inspect.StrType() if node.tag != _NULL:
            return _text(text, kind)
    raise Wrong


def _number(value: Any, kind: inspect.IntType | inspect.FloatType) -> Any:
    if isinstance(kind, inspect.IntType) and not isinstance(value, int):
        raise Wrong
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Wrong
    low = (kind.ge is not None and value < kind.ge) or (kind.gt is not None and value <= kind.gt)
    high = (kind.le is not None and value > kind.le) or (kind.lt is not None and value >= kind.lt)
    if low or high:
        raise Wrong
    return value


def _outside(node: Node, options: list[inspect.Type]) -> bool:
    """Whether a value that does not fit is a number of the right kind."""
    if not isinstance(node, ScalarNode) or node.tag not in _NUMBERS:
        return False
    value = source.plain(node)
    whole = isinstance(value, int)
    return math.isfinite(value) and any(
        isinstance(t, inspect.FloatType) or (whole and isinstance(t, inspect.IntType)) for t in options
    )


def _text(text: str, kind: inspect.StrType) -> str:
    short = kind.min_length is not None and len(text) < kind.min_length
    long = kind.max_length is not None and len(text) > kind.max_length
    if short or long or (kind.pattern is not None and not re.search(kind.pattern, text)):
        raise Wrong
    return text


def _shown(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    text = str(node.value)
    text = text if len(text) < 40 else text[:37] + "..."
    return repr(text) if node.tag == source.TEXT else text


# ---------------------------------------------------------------------------------------------------------------
# What was expected, in words


def wanted(options: list[inspect.Type]) -> str:
    """``a number from 0 to 100``."""
    return " or ".join(dict.fromkeys(_want(t) for t in options if not isinstance(t, inspect.NoneType)))


def _want(kind: inspect.Type) -> str:
    kind = bare(kind)
    match kind:
        case inspect.IntType() | inspect.FloatType():
            return ("a whole number" if isinstance(kind, inspect.IntType) else "a number") + _range(kind)
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType():
            return either(kind.values)
        case inspect.StrType():
            return _want_text(kind)
        case inspect.ListType():
            return f"a list (each {_want(kind.item_type)})"
        case inspect.TupleType():
            return f"a list of {len(kind.item_types)}"
        case inspect.DictType():
            return "a mapping"
        case inspect.StructType():
            return f"a mapping with {', '.join(f.encode_name for f in kind.fields[:3])}..."
        case inspect.UnionType():
            return wanted([bare(t) for t in kind.types])
    return "something else"


def _want_text(kind: inspect.StrType) -> str:
    if kind.pattern is not None and "0-9A-Fa-f" in kind.pattern:
        return "hex digits"
    if kind.min_length is not None and kind.max_length is not None:
        return f"text of {kind.min_length} to {kind.max_length} characters"
    if kind.max_length is not None:
        return f"text of at most {kind.max_length} characters"
    return "text" if kind.pattern is None else f"text like {kind.pattern}"


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" from {kind.ge:g} to {kind.le:g}"
    if kind.gt is not None and kind.le is not None:
        return f" above {kind.gt:g}, at most {kind.le:g}"
    if kind.ge is not None:
        return f" of at least {kind.ge:g}"
    return f" above {kind.gt:g}" if kind.gt is not None else ""


def _hint(node: Node, options: list[inspect.Type]) -> str:
    if not isinstance(node, ScalarNode):
        return ""
    literals = [str(v) for t in options if isinstance(t, inspect.LiteralType) for v in t.values]
    if close := near(node.value, literals):
        return close
    if node.tag == source.TEXT and any(isinstance(t, (inspect.IntType, inspect.FloatType)) for t in options):
        if unit := without_unit(str(node.value)):
            return unit
        if node.start_mark is not None and re.match(r"^[-+0-9.]+$", str(node.value)):
            return "; without quotation marks"
    return ""


__all__ = ["Reader", "Wrong", "bare", "spell", "wanted"]
