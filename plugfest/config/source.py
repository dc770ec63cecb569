"""YAML with its places: a bench file as a tree of nodes that know their file and line.

Only plain data comes out of a file: no tags that make objects, no duplicate keys, no cycles. Anchors, aliases and merge
keys work as usual. What the command line gives becomes nodes too, so that both are checked alike; their place is the
option.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from plugfest.errors import UserError

MAX_DEPTH = 20
MAX_NODES = 100_000
MAX_SIZE = 1_000_000
"""Bytes of a bench file; real ones have a few kB."""

TEXT = "tag:yaml.org,2002:str"
MAP = "tag:yaml.org,2002:map"
SET = "--set"
NULL = "tag:yaml.org,2002:null"


def parse(text: str, name: str) -> MappingNode:
    """The tree of a bench file.

    Args:
        name: stands in front of each complaint, usually the file's.

    Raises:
        UserError: no YAML, or no mapping; one line with the place.
    """
    try:
        loader = yaml.SafeLoader(text)
        loader.name = name
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as why:
        mark = why.problem_mark or why.context_mark
        place = f"{name}:{mark.line + 1}" if mark else name
        raise UserError(f"{place}: no YAML: {why.problem or why.context}") from why
    except yaml.YAMLError as why:
        raise UserError(f"{name}: no YAML: {str(why).splitlines()[0]}") from why
    if root is None:
        return MappingNode("tag:yaml.org,2002:map", [])
    if not isinstance(root, MappingNode):
        raise UserError(f"{name}:1: keys and values are needed, as in 'role: evcc'")
    _check_extent(root, name, 0, [MAX_NODES])
    return root


def read(path: Path) -> MappingNode:
    """The tree of a file. Raises UserError: it cannot be read, or as :func:`parse`."""
    try:
        data = path.read_bytes()
    except OSError as why:
        raise UserError(f"cannot read {path}: {why.strerror}") from why
    if len(data) > MAX_SIZE:
        raise UserError(f"{path}: {len(data)} bytes are no bench file")
    try:
        return parse(data.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as why:
        line = data[: why.start].count(b"\n") + 1
        raise UserError(f"{path}:{line}: no UTF-8 text") from why


def _check_extent(node: Node, name: str, depth: int, left: list[int]) -> None:
    """Aliases can nest without end, and few lines can stand for millions of nodes."""
    left[0] -= 1
    if depth > MAX_DEPTH or left[0] < 0:
        raise UserError(f"{name}:{node.start_mark.line + 1}: nested too deep, or too many values")
    for part in node.value if isinstance(node.value, list) else ():
        for inner in part if isinstance(part, tuple) else (part,):
            _check_extent(inner, name, depth + 1, left)


def pairs(node: MappingNode) -> Iterator[tuple[str, Node, Node]]:
    """Key, key's node and value of a mapping, merge keys resolved; a key may come twice."""
    if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
        loader = yaml.SafeLoader("")
        try:
            loader.flatten_mapping(node)
        finally:
            loader.dispose()
        merged: dict[str, tuple[Node, Node]] = {}
        for key, value in node.value:
            merged[str(key.value)] = (key, value)  # what stands here itself comes last, and counts
        node.value = list(merged.values())
    for key, value in node.value:
        yield str(key.value) if isinstance(key, ScalarNode) else "", key, value


def child(node: Node | None, *path: str) -> Node | None:
    """The value under a path of keys, or None."""
    for name in path:
        if not isinstance(node, MappingNode):
            return None
        node = next((value for key, _, value in pairs(node) if key == name), None)
    return node


def place(node: Node) -> str:
    """``file:line`` of a node, ``--set`` for one given so, or "" for one that another option made."""
    mark = node.start_mark
    if mark is None:
        return ""
    return SET if mark.name == SET else f"{mark.name}:{mark.line + 1}"


def plain(node: Node, depth: int = 0) -> Any:
    """The node as YAML's own data: for values whose type the model leaves open."""
    if isinstance(node, MappingNode):
        return {key: plain(value, depth + 1) for key, _, value in pairs(node)}
    if isinstance(node, SequenceNode):
        return [plain(value, depth + 1) for value in node.value]
    assert isinstance(node, ScalarNode)
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError):
        return node.value
    finally:
        loader.dispose()


def nodes(data: Any) -> Node:
    """Data as nodes without a place."""
    if isinstance(data, Mapping):
        return MappingNode("tag:yaml.org,2002:map", [(ScalarNode(TEXT, key), nodes(v)) for key, v in data.items()])
    if isinstance(data, (list, tuple)):
        return SequenceNode("tag:yaml.org,2002:seq", [nodes(v) for v in data])
    tags = {bool: "bool", int: "int", float: "float", type(None): "null"}
    text = {True: "true", False: "false", None: "null"}[data] if data is None or isinstance(data, bool) else str(data)
    return ScalarNode(f"tag:yaml.org,2002:{tags.get(type(data), 'str')}", text)


def setting(path: str, text: str) -> MappingNode:
    """``--set PATH=TEXT`` as a tree; the text is what YAML makes of it."""
    mark = yaml.Mark(SET, 0, 0, 0, None, 0)
    try:
        loader = yaml.SafeLoader(text)
        loader.name = SET
        try:
            node = loader.get_single_node() or ScalarNode(NULL, "null", mark)
        finally:
            loader.dispose()
        _check_extent(node, SET, 0, [MAX_NODES])
    except yaml.YAMLError:
        node = ScalarNode(TEXT, text, mark)
    for key in reversed(path.split(".")):
        node = MappingNode(MAP, [(ScalarNode(TEXT, key, mark), node)], mark)
    assert isinstance(node, MappingNode)
    return node


def overlay(under: MappingNode, over: MappingNode, *, appended: tuple[str, ...] = ()) -> MappingNode:
    """Both trees in one: mappings are joined, otherwise ``over`` counts; lists named ``appended`` follow each other."""
    result: dict[str, tuple[Node, Node]] = {key: (node, value) for key, node, value in pairs(under)}
    for key, node, value in pairs(over):
        below = result.get(key, (None, None))[1]
        if isinstance(below, MappingNode) and isinstance(value, MappingNode):
            value = overlay(below, value)
        elif key in appended and isinstance(below, SequenceNode) and isinstance(value, SequenceNode):
            value = SequenceNode(value.tag, [*below.value, *value.value], value.start_mark)
        result[key] = (node, value)
    return MappingNode(over.tag, list(result.values()), over.start_mark or under.start_mark)
