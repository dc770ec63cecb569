"""Reads users' YAML files under the rules of :mod:`.read`: bounded, no tags that create objects, one line for each
refusal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from boundary.errors import InputError
from boundary.read import MAX_DIGITS, digits_said, read_text
from boundary.text import shortened

if TYPE_CHECKING:
    from yaml.nodes import MappingNode, Node

MAX_YAML_BYTES = 1_000_000
"""Bytes of a YAML file; real ones have only a few kB."""
MAX_YAML_DEPTH = 20
MAX_YAML_NODES = 100_000
"""Values in a YAML file; those repeated by aliases count each time."""

_INTEGER = "tag:yaml.org,2002:int"
_MERGE = "tag:yaml.org,2002:merge"


def compose_yaml(text: str, name: str) -> Node | None:
    """The nodes of a YAML document, each with its line; None for an empty one. Duplicate keys and cycles are refused.

    Raises:
        InputError: not YAML, nested too deep, too many values; with the line.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            # The composer recurses, so we count the depth first.
            self.depth += 1
            if self.depth > MAX_YAML_DEPTH:
                line = self.line + 1
                raise InputError(name, f"nested more than {MAX_YAML_DEPTH} deep", line=line)
            try:
                return super().compose_node(parent, index)
            finally:
                self.depth -= 1

    if len(text) > MAX_YAML_BYTES:
        raise InputError(name, f"more than {MAX_YAML_BYTES} characters")
    try:
        loader = Loader(text)
        loader.name = name
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as why:
        mark = why.problem_mark or why.context_mark
        line = mark.line + 1 if mark else None
        raise InputError(name, f"not YAML: {why.problem or why.context}", line=line) from why
    except yaml.reader.ReaderError as why:
        line = text[: why.position].count("\n") + 1
        raise InputError(
            name, f"the character U+{ord(text[why.position]):04X} is not allowed in YAML", line=line
        ) from why
    except (yaml.YAMLError, ValueError) as why:
        if isinstance(why, InputError):
            raise
        raise InputError(name, f"not YAML: {shortened(str(why).partition(chr(10))[0])}") from why
    if root is not None:
        check_extent(root, name)
    return root


def check_extent(root: Node, name: str) -> None:
    """Limits depth and size: aliases can nest endlessly, and a few lines can stand for millions of values.

    Raises:
        InputError: too deep, or too many.
    """
    left = MAX_YAML_NODES
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        left -= 1
        if depth > MAX_YAML_DEPTH or left < 0:
            what = f"nested more than {MAX_YAML_DEPTH} deep" if left >= 0 else f"more than {MAX_YAML_NODES} values"
            raise InputError(name, what, line=node.start_mark.line + 1 if node.start_mark else None)
        if node.tag == _INTEGER and len(node.value) > MAX_DIGITS:
            line = node.start_mark.line + 1 if node.start_mark else None
            raise InputError(name, f"a number of more than {MAX_DIGITS} digits", line=line)
        for part in node.value if isinstance(node.value, list) else ():
            waiting += [(inner, depth + 1) for inner in (part if isinstance(part, tuple) else (part,))]


def parse_yaml(text: str, name: str) -> Any:
    """The plain data of a YAML document without tags that create objects and without duplicate keys.

    Raises:
        InputError: as in :func:`compose_yaml`, or a value that cannot exist.
    """
    root = compose_yaml(text, name)
    if root is None:
        return None
    _check_keys(root, name)
    return construct(root, name)


def construct(root: Node, name: str) -> Any:
    """The plain data of nodes. Raises InputError: a value that cannot exist, such as the 31st of February."""
    import yaml

    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as why:
        mark = why.problem_mark or why.context_mark
        text = why.problem or why.context or "a value that cannot be built"
        raise InputError(name, text, line=mark.line + 1 if mark else None) from why
    except (ValueError, OverflowError, RecursionError, LookupError, TypeError, AttributeError) as why:
        raise InputError(name, f"a value that YAML cannot build: {digits_said(why)}") from why
    finally:
        loader.dispose()


def flatten(node: MappingNode) -> None:
    """Resolves the merge keys of a mapping. Raises InputError: something that is not a mapping is merged."""
    import yaml

    loader = yaml.SafeLoader("")
    try:
        loader.flatten_mapping(node)
    except yaml.MarkedYAMLError as why:
        mark = why.problem_mark
        raise InputError(mark.name if mark else "YAML", str(why.problem), line=mark.line + 1 if mark else None) from why
    finally:
        loader.dispose()


def read_yaml(path: Path) -> Any:
    """The plain data of a YAML file. Raises the same errors as :func:`read_text` and :func:`parse_yaml`."""
    return parse_yaml(read_text(path, limit=MAX_YAML_BYTES, what="a YAML file"), str(path))


def _check_keys(root: Node, name: str) -> None:
    """Refuses duplicate keys in a mapping, of which YAML would silently use the last."""
    from yaml.nodes import MappingNode

    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            _check_mapping(node, name)
        for part in node.value if isinstance(node.value, list) else ():
            waiting += part if isinstance(part, tuple) else (part,)


def _check_mapping(node: MappingNode, name: str) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key.value, str) or key.tag == _MERGE:
            continue
        line = key.start_mark.line + 1
        if (key.tag, key.value) in lines:
            first = lines[key.tag, key.value]
            raise InputError(name, f"{shortened(key.value, 60)} is repeated here, first on line {first}", line=line)
        lines[key.tag, key.value] = line
