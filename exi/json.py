"""JSON in and out: nested objects under the schema's names, lists for repeated elements.

Attributes appear under their own names beside the elements, simple content under ``value``; hexBinary is upper-case
hex, base64Binary is base64. A member of a substitution group appears under its own name, not the head's. The repeated
choices of xmldsig become a list ``content`` of one-key objects.
"""

from __future__ import annotations

from typing import Any

from exi import values
from exi.errors import EncodeError
from exi.schema import AnyType, Binary, Boolean, Complex, Integer, Model, Simple, local
from exi.tree import Layout, Node, root_type


def write(node: Node, model: Model) -> dict[str, Any]:
    """A node as builtins, ready for any JSON writer: ``{root name: content}``."""
    return {local(node.name): _value(node, model)}


def _plain(kind: Simple, value: Any) -> Any:
    return values.spell(kind, value) if isinstance(kind, Binary) else value


def _value(node: Node, model: Model) -> Any:
    kind = node.type
    if not isinstance(kind, Complex):
        return _plain(kind, node.value)
    layout = Layout.of(kind, model)
    result: dict[str, Any] = {}
    for name, value in node.attributes:
        result[local(name)] = _plain(layout.attributes[name].type, value)
    if kind.text is not None:
        result["value"] = _plain(kind.text, node.value)
    for child in node.children:
        known = layout.children[child.name]
        value = _value(child, model)
        if known.item:
            result.setdefault("content", []).append({local(child.name): value})
        elif known.repeated:
            result.setdefault(local(child.name), []).append(value)
        else:
            result[local(child.name)] = value
    return result


def read(data: Any, model: Model, *, fragment: bool = False) -> Node:
    """The node from the output of :func:`write`.

    Raises:
        EncodeError: a key or value that the schema does not allow there.
    """
    if not isinstance(data, dict) or len(data) != 1:
        raise EncodeError("not an object with exactly one key", expected="the root element's name")
    ((name, content),) = data.items()
    candidates = root_type(model, name, fragment=fragment)
    if not candidates:
        raise EncodeError(f"{name} is not a root element of {model.name}")
    if len(candidates) > 1:
        fitting = [c for c in candidates if isinstance(content, _spelling(c[1]))]
        candidates = fitting or candidates
    return _node(candidates[0][0], candidates[0][1], content, model, name)


def _spelling(kind: AnyType) -> type:
    """The Python type into which :func:`write` turns a type: Exponent is a number in one namespace, text in another."""
    match kind:
        case Complex():
            return dict
        case Boolean():
            return bool
        case Integer():
            return int
    return str


def _parse(kind: Simple, value: Any, path: str) -> Any:
    try:
        return values.parse(kind, value) if isinstance(kind, Binary) and isinstance(value, str) else value
    except EncodeError as why:
        raise EncodeError(why.what, expected=why.expected, path=path) from why


def _node(name: str, kind: Any, content: Any, model: Model, path: str) -> Node:
    node = Node(name, kind)
    if not isinstance(kind, Complex):
        node.value = _parse(kind, content, path)
        return node
    if not isinstance(content, dict):
        raise EncodeError(f"{content!r}"[:60], expected="an object", path=path)
    layout = Layout.of(kind, model)
    order = {child.name: place for place, child in enumerate(layout.children.values())}
    for key, value in content.items():
        if (attribute := layout.attribute_by_local.get(key)) is not None:
            node.attributes.append((attribute.name, _parse(attribute.type, value, f"{path}/{key}")))
        elif kind.text is not None and key == "value":
            node.value = _parse(kind.text, value, path)
        elif (child := layout.by_local.get(key)) is not None and not child.item:
            entries = value if child.repeated and isinstance(value, list) else [value]
            node.children += [_node(child.name, child.type, e, model, f"{path}/{key}") for e in entries]
        elif key == "content" and isinstance(value, list):
            for entry in value:
                ((item, inner),) = entry.items() if isinstance(entry, dict) and len(entry) == 1 else (("", None),)
                if (child := layout.by_local.get(item)) is None:
                    raise EncodeError(f"unknown element {item}", expected=" | ".join(layout.by_local), path=path)
                node.children.append(_node(child.name, child.type, inner, model, f"{path}/{item}"))
        else:
            names = " | ".join([*layout.attribute_by_local, *layout.by_local]) or "nothing"
            raise EncodeError(f"unknown key {key}", expected=names, path=path)
    if not any(child.item for child in layout.children.values()):
        node.children.sort(key=lambda c: order[c.name])  # JSON objects are unordered; the schema is not
    return node
