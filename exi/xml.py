"""XML in and out: writes the canonical form with every namespace declared at the root, and reads any form."""

from __future__ import annotations

import re

from lxml import etree

from boundary.errors import InputError
from boundary.read import parse_xml
from exi import values
from exi.errors import EncodeError
from exi.schema import AnyType, Complex, Model, Simple, local, namespace_of
from exi.tree import Layout, Node, root_type, simple

ESCAPED = "{urn:plugfest:escaped}in"
"""Our own attribute on an element that holds characters XML 1.0 cannot express, like U+0001. It lists the attributes in
which they appear as ``\\uXXXX``, and ``.`` for the text. Backslashes are doubled there. Reading reverses this."""

_TEXT = "."
_UNSPELLABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|\\)")
_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"


def write(node: Node) -> str:
    """Canonical XML (C14N) of a node."""
    namespaces: dict[str, str] = {}

    def collect(part: Node) -> None:
        for name in (part.name, *(a for a, _ in part.attributes)):
            uri = namespace_of(name)
            if uri and uri not in namespaces.values():
                namespaces[_prefix(uri, namespaces)] = uri
        for child in part.children:
            collect(child)

    collect(node)
    root = etree.Element(node.name, nsmap=namespaces)
    _fill(root, node)
    return etree.tostring(root, method="c14n").decode()


def _prefix(uri: str, taken: dict[str, str]) -> str:
    """A readable prefix: the last word of the namespace (``MsgBody``, ``xmldsig``)."""
    word = re.split(r"[:/]", uri.rstrip("#/"))[-1]
    word = "sig" if word == "xmldsig" else word if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", word) else "ns"
    return word if word not in taken else f"{word}{len(taken)}"


def _fill(element: etree._Element, node: Node) -> None:
    types = {a.name: a.type for a in node.type.attributes} if isinstance(node.type, Complex) else {}
    escaped = []
    for name, value in node.attributes:
        text = values.spell(types[name], value)
        if _UNSPELLABLE.search(text):
            escaped.append(local(name))
            text = _escape(text)
        element.set(name, text)
    kind = simple(node.type)
    if kind is not None:
        text = values.spell(kind, node.value)
        if _UNSPELLABLE.search(text):
            escaped.append(_TEXT)
            text = _escape(text)
        element.text = text
    if escaped:
        element.set(ESCAPED, " ".join(escaped))
    for child in node.children:
        _fill(etree.SubElement(element, child.name), child)


def _escape(text: str) -> str:
    return _UNSPELLABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text.replace("\\", "\\\\"))


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", text)


def read(text: str | bytes, model: Model, *, fragment: bool = False) -> Node:
    """The node of an XML document.

    Raises:
        EncodeError: not well-formed, or an element, attribute or value that the schema does not allow there.
    """
    try:
        root = parse_xml(text, "XML")
    except InputError as why:
        place = f"line {why.line}" if why.line else ""
        raise EncodeError(why.what, path=place) from why
    name = str(root.tag)
    candidates = [c for c in root_type(model, name, fragment=fragment) if c[0] == name]
    if not candidates:
        raise EncodeError(f"{name} is not {'an element' if fragment else 'a root element'} of {model.name}")
    if len(candidates) > 1:  # the same name has several types: take the one whose attributes fit
        fitting = [c for c in candidates if isinstance(c[1], Complex) == bool(set(root.attrib) - {ESCAPED})]
        candidates = fitting or candidates
    return _node(root, name, candidates[0][1], model, local(name))


def _node(element: etree._Element, name: str, kind: AnyType, model: Model, path: str) -> Node:
    node = Node(name, kind)
    value = simple(node.type)
    layout = Layout.of(node.type, model) if isinstance(node.type, Complex) else None
    escaped = str(element.get(ESCAPED, "")).split()
    for key, text in element.attrib.items():
        attribute = str(key)
        if attribute == ESCAPED:
            continue
        if namespace_of(attribute) == _SCHEMA_INSTANCE and local(attribute).endswith("chemaLocation"):
            continue
        known = layout.attributes.get(attribute) if layout else None
        if known is None:
            raise EncodeError(f"unknown attribute {attribute}", path=path)
        spelled = _unescape(str(text)) if local(attribute) in escaped else str(text)
        node.attributes.append((attribute, _parse(known.type, spelled, f"{path}/@{local(attribute)}")))
    if value is not None:
        if len(element):
            raise EncodeError(f"element {local(str(element[0].tag))}", expected=values.describe(value), path=path)
        text = element.text or ""
        node.value = _parse(value, _unescape(text) if _TEXT in escaped else text, path)
        return node
    assert layout is not None
    strays = [element.text, *(child.tail for child in element)]
    if any(text and text.strip() for text in strays):
        raise EncodeError("character data between elements", expected="white space", path=path)
    for child in element:
        tag = str(child.tag)
        child_kind = layout.children.get(tag)
        if child_kind is None:
            names = " | ".join(layout.by_local) or "nothing"
            raise EncodeError(f"no element {tag}", expected=names, path=path)
        node.children.append(_node(child, tag, child_kind.type, model, f"{path}/{local(tag)}"))
    return node


def _parse(kind: Simple, text: str, path: str) -> object:
    try:
        return values.parse(kind, text)
    except EncodeError as why:
        raise EncodeError(why.what, expected=why.expected, path=path) from why
