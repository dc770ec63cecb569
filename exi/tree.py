"""The infoset between all representations: EXI, XML, JSON and message objects are read into nodes and written from
them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from exi.errors import EncodeError
from exi.schema import AnyType, Complex, Element, Item, Model, Simple, Type, local, particles
from exi.sets import Schema


@dataclass(slots=True)
class Node:
    """An element.

    Attributes:
        name: Clark name.
        type: its type in the schema.
        attributes: (Clark name, value) pairs.
        children: child elements in document order.
        value: the value of a simple type or of simple content; None for element content.
    """

    name: str
    type: AnyType
    attributes: list[tuple[str, Any]] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    value: Any = None


@dataclass(slots=True)
class Child:
    """What a complex type says about a child element name."""

    name: str
    type: AnyType
    field: str
    repeated: bool
    item: bool


class Layout:
    """A complex type's attributes and children by Clark name, local name and field."""

    def __init__(self, kind: Complex, model: Model) -> None:
        self.kind = kind
        self.attributes = {a.name: a for a in kind.attributes}
        self.children: dict[str, Child] = {}
        self.required: list[str] = []
        for element in particles(kind.content):
            for name, type_ in _options(element, model):
                item = element.field == "content"
                self.children[name] = Child(name, type_, element.field, item or element.maximum != 1, item)
        self.by_local = {local(name): child for name, child in self.children.items()}
        self.attribute_by_local = {local(a.name): a for a in kind.attributes}

    @staticmethod
    def of(kind: Complex, model: Model) -> Layout:
        cache: dict[int, Layout] = model.__dict__.setdefault("_layouts", {})
        found = cache.get(id(kind))
        if found is None:
            found = cache[id(kind)] = Layout(kind, model)
        return found


def _options(element: Element, model: Model) -> list[tuple[str, AnyType]]:
    if element.ref:
        return [(m.name, m.type) for m in model.members(element.name)]
    assert element.type is not None
    return [(element.name, element.type)]


def simple(kind: AnyType) -> Simple | None:
    """The simple type of an element's value; None for element content."""
    return kind.text if isinstance(kind, Complex) else kind


def root_type(schema: Schema | Model, name: str, *, fragment: bool) -> list[tuple[str, AnyType]]:
    """The (Clark name, type) candidates for a root element given by Clark or local name, most likely first.

    A fragment may have any element of the set as its root; if types differ, complex ones come first.
    """
    model = schema.model if isinstance(schema, Schema) else schema
    found = [(d.name, d.type) for d in model.elements.values() if name in (d.name, local(d.name))]
    if fragment:
        for kind in model.types:
            for element in particles(kind.content):
                if name in (element.name, local(element.name)) and element.type is not None:
                    if not any(element.name == n and element.type is t for n, t in found):
                        found.append((element.name, element.type))
        found.sort(key=lambda candidate: not isinstance(candidate[1], Complex))
    return found


def from_message(schema: Schema, message: Any, root: str = "", *, fragment: bool = False) -> Node:
    """The node of a message object.

    Args:
        root: local or Clark name of the root element; needed if the class alone does not determine it (types shared by
        several elements, and simple types).

    Raises:
        EncodeError: the class is not in the set, a field holds something that no element can, or the root is missing.
    """
    model = schema.model
    if not root and isinstance(message, Item):
        root, message = message
    if not root:
        root = schema.roots.get(type(message), "")
        if not root:
            raise EncodeError(
                f"{type(message).__name__} is not a root element of {schema.name}", expected="a root name"
            )
    for name, kind in root_type(schema, root, fragment=fragment):
        if isinstance(kind, Complex) and kind.cls is type(message):
            return _node(name, kind, message, model, local(name))
        if not isinstance(kind, Complex) and not isinstance(message, Type):
            return Node(name, kind, value=message)
    raise EncodeError(f"{root} of type {type(message).__name__} is not a root element of {schema.name}")


def _node(name: str, kind: Complex, message: Any, model: Model, path: str) -> Node:
    node = Node(name, kind)
    for attribute in kind.attributes:
        value = getattr(message, attribute.field)
        if value is not None:
            node.attributes.append((attribute.name, value))
    if kind.text is not None:
        node.value = getattr(message, kind.text_field)
        return node
    layout = Layout.of(kind, model)
    done: set[str] = set()
    for element in particles(kind.content):
        if element.field in done:
            continue
        done.add(element.field)
        value = getattr(message, element.field)
        if value is None:
            continue
        where = f"{path}/{element.field}"
        many = element.field == "content" or element.maximum != 1
        if many and not isinstance(value, (list, tuple)):
            raise EncodeError(f"{value!r} is {type(value).__name__}", expected="a list", path=where)
        for entry in value if many else [value]:
            if element.field == "content":
                child = layout.by_local.get(entry[0])
                if child is None:
                    raise EncodeError(f"no element {entry[0]}", expected=" ".join(layout.by_local), path=where)
                node.children.append(_child(child.name, child.type, entry[1], model, f"{path}/{entry[0]}"))
            elif element.ref:
                node.children.append(_member(element.name, entry, model, where))
            else:
                assert element.type is not None
                node.children.append(_child(element.name, element.type, entry, model, where))
    return node


def _child(name: str, kind: AnyType, value: Any, model: Model, path: str) -> Node:
    if not isinstance(kind, Complex):
        return Node(name, kind, value=value)
    if kind.cls is not type(value):
        raise EncodeError(f"{type(value).__name__}", expected=kind.name, path=path)
    return _node(name, kind, value, model, path)


def _member(head: str, value: Any, model: Model, path: str) -> Node:
    """The member of a substitution group whose type is the value's class."""
    members = model.members(head)
    for declaration in members:
        kind = declaration.type
        if isinstance(kind, Complex) and kind.cls is type(value):
            return _node(declaration.name, kind, value, model, f"{path.rpartition('/')[0]}/{local(declaration.name)}")
    names = " ".join(local(m.name) for m in members)
    raise EncodeError(f"{type(value).__name__} cannot stand for {local(head)}", expected=f"one of {names}", path=path)


def to_message(node: Node, model: Model) -> Any:
    """The message object of a node (grammars from classes only); the bare value for a simple type.

    Raises:
        EncodeError: a required element or attribute is missing, or one occurs too often.
    """
    return _object(node, model, local(node.name))


def _object(node: Node, model: Model, path: str) -> Any:
    kind = node.type
    if not isinstance(kind, Complex):
        return node.value
    assert kind.cls is not None
    layout = Layout.of(kind, model)
    fields: dict[str, Any] = {}
    for name, value in node.attributes:
        fields[layout.attributes[name].field] = value
    if kind.text is not None:
        fields[kind.text_field] = node.value
    for child in node.children:
        known = layout.children[child.name]
        value = _object(child, model, f"{path}/{local(child.name)}")
        if known.item:
            fields.setdefault("content", []).append(Item(local(child.name), value))
        elif known.repeated:
            fields.setdefault(known.field, []).append(value)
        elif known.field in fields:
            raise EncodeError("more than one", path=f"{path}/{local(child.name)}")
        else:
            fields[known.field] = value
    try:
        return kind.cls(**fields)
    except TypeError as why:
        raise EncodeError(f"incomplete: {why}", path=path) from why
