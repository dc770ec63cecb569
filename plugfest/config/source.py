"""YAML with its places: a bench file as a tree of nodes that know their file and line.

Only plain data comes out of a file: no tags that make objects, no duplicate keys, no cycles. Anchors, aliases and merge
keys work as usual. Values from the command line become nodes too, so that both are checked alike; their place is the
option.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from boundary.errors import InputError
from boundary.read import read_text
from boundary.yaml_read import MAX_YAML_BYTES, compose_yaml, construct, flatten
from plugfest.errors import UserError

TEXT = "tag:yaml.org,2002:str"
MAP = "tag:yaml.org,2002:map"
SET = "--set"
NULL = "tag:yaml.org,2002:null"


def parse(text: str, name: str) -> MappingNode:
    """The tree of a bench file.

    Args:
        name: prefix of each error, usually the file's name.

    Raises:
        UserError: it is not YAML, not a mapping, or empty (``{}`` is a bench of defaults); one line with the place.
    """
    try:
        root = compose_yaml(text, name)
    except InputError as why:
        raise UserError(str(why)) from why
    if root is None:
        raise UserError(f"{name}: it has no keys; write at least the role, as in 'role: both'")
    if not isinstance(root, MappingNode):
        raise UserError(f"{name}:1: keys and values are needed, as in 'role: evcc'")
    return root


def read(path: Path) -> MappingNode:
    """The tree of a file. Raises UserError: it cannot be read, or as :func:`parse`."""
    try:
        return parse(read_text(path, limit=MAX_YAML_BYTES, what="a bench file"), str(path))
    except InputError as why:
        raise UserError(str(why)) from why


def pairs(node: MappingNode) -> Iterator[tuple[str, Node, Node]]:
    """Key, key's node and value of a mapping, with merge keys resolved; a key may appear twice."""
    if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
        flatten(node)
        merged: dict[str, tuple[Node, Node]] = {}
        for key, value in node.value:
            merged[str(key.value)] = (key, value)  # the mapping's own keys come last, and take precedence
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
    """``file:line`` of a node, ``--set`` for one given that way, or "" for one made by another option."""
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
    try:
        return construct(node, "value")
    except InputError:
        return node.value


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
    """``--set PATH=TEXT`` as a tree; the text is read as YAML."""
    mark = yaml.Mark(SET, 0, 0, 0, None, 0)
    try:
        node = compose_yaml(text, SET) or ScalarNode(NULL, "null", mark)
    except InputError:
        node = ScalarNode(TEXT, text, mark)
    for key in reversed(path.split(".")):
        node = MappingNode(MAP, [(ScalarNode(TEXT, key, mark), node)], mark)
    assert isinstance(node, MappingNode)
    return node


def overlay(under: MappingNode, over: MappingNode, *, appended: tuple[str, ...] = ()) -> MappingNode:
    """Merges both trees: mappings are joined, otherwise ``over`` wins; lists named ``appended`` are concatenated."""
    above = {key: (node, value) for key, node, value in pairs(over)}
    result: list[tuple[Node, Node]] = []  # a duplicate key below is kept: that mistake must be found
    for key, node, below in pairs(under):
        if key in above:
            result.append(_joined(key, below, above.pop(key), appended))
        else:
            result.append((node, below))
    return MappingNode(over.tag, [*result, *above.values()], over.start_mark or under.start_mark)


def _joined(key: str, below: Node, above: tuple[Node, Node], appended: tuple[str, ...]) -> tuple[Node, Node]:
    """The value that applies if both trees have a key."""
    node, value = above
    if isinstance(below, MappingNode) and isinstance(value, MappingNode):
        return node, overlay(below, value)
    if key in appended and isinstance(below, SequenceNode) and isinstance(value, SequenceNode):
        return node, SequenceNode(value.tag, [*below.value, *value.value], value.start_mark)
    return node, value
