"""Schema sets from XSD files: the same plain :class:`~exi.schema.Model` that message classes become.

It understands what EXI grammars need: elements, substitution groups, complex types with sequences, choices, wildcards,
attributes, extension and restriction, and restrictions of built-in simple types. Anything else (patterns, lists,
unions, groups, defaults, nillable elements ...) is refused with file and line instead of being read partially.

If a ``schemaLocation`` leads nowhere, the file is looked up by name and target namespace in the given directories:
published schemas contain such locations and import each other in circles.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from exi import schema
from exi.errors import SchemaError
from exi.schema import (
    AnyType,
    Attribute,
    Binary,
    Boolean,
    Choice,
    Complex,
    Declaration,
    Element,
    Enumeration,
    Integer,
    Model,
    Particle,
    Simple,
    String,
    Wildcard,
    exi_order,
    local,
    namespace_of,
)
from exi.xsd_files import FACETS, XS, Document, Files, Node

_WORDS = "anyURI token language Name NCName NMTOKEN ID IDREF ENTITY"
_BUILT_IN: dict[str, Simple] = {
    "boolean": Boolean(),
    "string": String(),
    **{name: String(collapse=True) for name in _WORDS.split()},
    "hexBinary": Binary("hex"),
    "base64Binary": Binary("base64"),
    "integer": Integer(),
    "nonNegativeInteger": Integer(0),
    "positiveInteger": Integer(1),
    "nonPositiveInteger": Integer(None, 0),
    "negativeInteger": Integer(None, -1),
    **{name: Integer(-(2**n), 2**n - 1) for name, n in {"byte": 7, "short": 15, "int": 31, "long": 63}.items()},
    **{f"unsigned{n}": Integer(0, 2**b - 1) for n, b in {"Byte": 8, "Short": 16, "Int": 32, "Long": 64}.items()},
}


def load(root: Path, *, name: str, search: Sequence[Path] = ()) -> Model:
    """The schema set that starts at a root document and holds everything it includes and imports.

    Args:
        root: the root XSD file.
        name: name of the set, for messages.
        search: directories in whose trees imported files are looked up; by default the root's own directory.

    Raises:
        SchemaError: a file is missing, not well-formed or contradictory, or uses a construct that is not supported.
    """
    try:
        return _Reader(name, Files(search or [root.parent])).read(root)
    except RecursionError:
        raise SchemaError("the chain of derived types is too long", path=str(root)) from None


def find_sets(directory: Path, roots: Mapping[str, str]) -> dict[str, Path]:
    """Root documents of schema sets, wherever they lie in a directory tree; sets without a file are left out.

    Args:
        directory: where to look.
        roots: target namespace of the root document of each set, by the set's name.

    Raises:
        SchemaError: a file is not well-formed, or two different ones have the namespace of a root.
    """
    files = Files([directory])
    found = {name: files.one(files.of(namespace)) for name, namespace in roots.items()}
    return {name: path for name, path in found.items() if path is not None}


class _Reader:
    def __init__(self, name: str, files: Files) -> None:
        self._files = files
        self._model = Model(name)
        self._global: dict[str, dict[str, Node]] = {"element": {}, "attribute": {}, "type": {}}
        self._named: dict[str, AnyType] = {}
        self._unfilled: dict[int, Node] = {}
        self._open: list[object] = []  # what is being resolved, to detect circular definitions

    def read(self, root: Path) -> Model:
        self._documents(root)
        for name, node in self._global["type"].items():
            self._type(name, node)
        for name in self._global["element"]:
            self._declaration(name)
        for kind in self._model.types:  # grows meanwhile by the anonymous types inside
            self._fill(kind)
        return self._model

    def _documents(self, root: Path) -> None:
        namespace = self._files.namespace(root)
        if namespace is None:
            raise SchemaError("not an XML Schema document", expected="xs:schema", path=str(root))
        loaded = {(root.resolve(), namespace)}
        documents = [Document(root, self._files.root(root), namespace)]
        for document in documents:  # grows meanwhile
            top = Node(document, document.root)
            for node in top.children("import", "include", "element", "attribute", "complexType", "simpleType"):
                if node.tag not in ("import", "include"):
                    self._register(node)
                    continue
                uri = document.namespace if node.tag == "include" else node.get("namespace") or ""
                if node.tag == "import" and any(known == uri for _, known in loaded):
                    continue  # documents import each other in circles, or one namespace from several copies
                path = self._files.locate(node, uri)
                if (path.resolve(), uri) not in loaded:
                    loaded.add((path.resolve(), uri))
                    adopted = self._files.namespace(path) != uri
                    documents.append(Document(path, self._files.root(path), uri, adopted))

    def _register(self, node: Node) -> None:
        table = self._global["type" if node.tag in ("complexType", "simpleType") else node.tag]
        name = node.global_name()
        if name in table:
            node.fail(f"already declared in {table[name].place}")
        table[name] = node

    def _referred(self, table: str, node: Node, attribute: str) -> str:
        name = node.qname(attribute)
        if name not in self._global[table]:
            node.fail(f"no {table} {name} in the set")
        return name

    def _enter(self, what: object, node: Node) -> None:
        if what in self._open:
            node.fail("is defined by itself")
        self._open.append(what)

    # -- elements and types ---------------------------------------------------------------------------------------

    def _declaration(self, name: str) -> Declaration:
        if name not in self._model.elements:
            node = self._global["element"][name]
            self._enter(("element", name), node)
            head = self._referred("element", node, "substitutionGroup") if node.get("substitutionGroup") else None
            inherited = self._declaration(head).type if head else None
            self._model.elements[name] = Declaration(name, self._type_of(node, inherited), head)
            self._open.pop()
        return self._model.elements[name]

    def _type_of(self, node: Node, inherited: AnyType | None = None) -> AnyType:
        """The type of an element or attribute: named, inline, or that of the head it substitutes."""
        inside = node.children("simpleType", "complexType") if node.tag == "element" else node.children("simpleType")
        if len(inside) + (node.get("type") is not None) > 1:
            node.fail("has several types")
        if inside:
            return self._make(inside[0], node.need("name"))
        if node.get("type") is not None:
            return self._type(node.qname("type"), node)
        return inherited or node.fail("has no type")

    def _type(self, name: str, user: Node) -> AnyType:
        if namespace_of(name) == XS:
            return _BUILT_IN.get(local(name)) or user.fail(f"the built-in type xs:{local(name)} is not supported")
        if name not in self._named:
            node = self._global["type"].get(name) or user.fail(f"no type {name} in the set")
            self._enter(("type", name), user)
            self._named[name] = self._make(node, local(name))
            self._open.pop()
        return self._named[name]

    def _make(self, node: Node, name: str) -> AnyType:
        if node.tag == "simpleType":
            return self._restricted(node.only("restriction"))
        made = Complex(name)
        self._model.types.append(made)
        self._unfilled[id(made)] = node  # later: types contain each other
        return made

    # -- complex types --------------------------------------------------------------------------------------------

    def _fill(self, into: Complex) -> None:
        node = self._unfilled.pop(id(into), None)
        if node is None:
            return
        self._open.append(into)
        parts = node.children("simpleContent", "complexContent", "sequence", "choice", "attribute")
        into.mixed = node.flag("mixed")
        inherited: Particle | None = None
        attributes: dict[str, Attribute] = {}
        if parts and parts[0].tag in ("simpleContent", "complexContent"):
            wrapper = node.only("simpleContent", "complexContent")
            inherited, attributes, parts = self._derive(into, wrapper)
        groups = [part for part in parts if part.tag != "attribute"]
        if len(groups) > 1:
            groups[1].fail("a second group", "one sequence or choice in a type")
        into.content = _joined(inherited, self._particle(groups[0]) if groups else None)
        for part in parts:
            if part.tag == "attribute":
                self._attribute(part, attributes)
        into.attributes = tuple(sorted(attributes.values(), key=lambda a: exi_order(a.name)))
        self._open.pop()

    def _derive(self, into: Complex, wrapper: Node) -> tuple[Particle | None, dict[str, Attribute], list[Node]]:
        """What a derived type inherits (content, attributes), and the constructs that it adds."""
        of_text = wrapper.tag == "simpleContent"
        node = wrapper.only("extension") if of_text else wrapper.only("extension", "restriction")
        added = node.children("attribute") if of_text else node.children("sequence", "choice", "attribute")
        base = self._type(node.qname("base"), node)
        if not isinstance(base, Complex):
            if not of_text:
                node.fail("complex content derives from a simple type")
            into.text = base
            return None, {}, added
        if base in self._open:
            node.fail("the type derives from itself")
        self._fill(base)
        if of_text != (base.text is not None):
            node.fail(f"the base {base.name} has other content")
        into.text = base.text
        into.mixed = wrapper.flag("mixed", into.mixed)
        attributes = {attribute.name: attribute for attribute in base.attributes}
        if node.tag == "restriction":
            return None, attributes, added
        into.mixed = into.mixed or base.mixed
        return base.content, attributes, added

    def _attribute(self, node: Node, into: dict[str, Attribute]) -> None:
        by_reference = node.get("ref") is not None
        name = self._referred("attribute", node, "ref") if by_reference else node.local_name()
        if node.get("use") == "prohibited":
            into.pop(name, None)
            return
        kind = self._type_of(self._global["attribute"][name] if by_reference else node)
        if isinstance(kind, Complex):
            node.fail("has a complex type", "a simple type")
        into[name] = Attribute(name, kind, node.get("use") == "required")

    def _particle(self, node: Node) -> Particle | None:
        """The particle, or None if it may only occur zero times."""
        minimum = node.number("minOccurs", 1)
        maximum = None if node.get("maxOccurs") == "unbounded" else node.number("maxOccurs", 1)
        if minimum < 0 or (maximum is not None and maximum < minimum):
            node.fail(f"occurs {minimum} to {maximum} times")
        if maximum == 0:
            return None
        if node.tag == "element":
            if node.get("ref") is not None:
                node.children()
                return Element(self._referred("element", node, "ref"), None, minimum, maximum, ref=True)
            return Element(node.local_name(), self._type_of(node), minimum, maximum)
        if minimum > 1 or maximum not in (1, None):
            node.fail(f"a group {minimum} to {maximum or 'unbounded'} times is not supported", "0, 1 or unbounded")
        if node.tag == "any":
            return Wildcard(minimum, maximum)
        found = [self._particle(child) for child in node.children("element", "sequence", "choice", "any")]
        items = tuple(item for item in found if item is not None)
        if node.tag == "choice" and not items:
            node.fail("no branches")
        made = (schema.Sequence if node.tag == "sequence" else Choice)(items, minimum, maximum)
        if maximum is None and _may_be_empty(dataclasses.replace(made, minimum=1)):
            node.fail("an unbounded group whose content may be empty is not supported")
        return made

    # -- simple types ---------------------------------------------------------------------------------------------

    def _restricted(self, node: Node) -> Simple:
        facets = node.children("simpleType", *FACETS)
        inside = [facet for facet in facets if facet.tag == "simpleType"]
        kind = self._make(inside[0], "") if inside else self._type(node.qname("base"), node)
        if isinstance(kind, Complex):
            node.fail("restricts a complex type")
        values = []
        for facet in facets:
            if facet.tag == "enumeration":
                values.append(str(facet.xml.get("value", "")))
            elif facet.tag != "simpleType":
                kind = _narrowed(kind, facet)
        if not values:
            return kind
        if not isinstance(kind, (String, Enumeration)):
            node.fail("an enumeration of values other than strings is not supported")
        if isinstance(kind, String) and kind.collapse:
            values = [" ".join(value.split()) for value in values]
        return Enumeration(tuple(values))


def _narrowed(kind: Simple, facet: Node) -> Simple:
    """A simple type with one more facet; a facet never widens its base."""
    least: int | None = None
    most: int | None = None
    match kind, facet.tag:
        case ((String() | Binary()), ("length" | "minLength" | "maxLength")):
            least = facet.number("value") if facet.tag != "maxLength" else 0
            most = facet.number("value") if facet.tag != "minLength" else None
            least, most = max(kind.min_length, least), _smaller(kind.max_length, most)
            narrowed: Simple = dataclasses.replace(kind, min_length=least, max_length=most)
        case Integer(), ("minInclusive" | "minExclusive"):
            bound = facet.number("value") + (facet.tag == "minExclusive")
            least, most = bound if kind.minimum is None else max(bound, kind.minimum), kind.maximum
            narrowed = Integer(least, most)
        case Integer(), ("maxInclusive" | "maxExclusive"):
            bound = facet.number("value") - (facet.tag == "maxExclusive")
            least, most = kind.minimum, _smaller(kind.maximum, bound)
            narrowed = Integer(least, most)
        case String(), "whiteSpace" if facet.get("value") in ("collapse", "collapse" if kind.collapse else "preserve"):
            narrowed = dataclasses.replace(kind, collapse=facet.get("value") == "collapse")
        case ((Integer() | Binary() | Boolean()), "whiteSpace") if facet.get("value") == "collapse":
            narrowed = kind
        case _:
            facet.fail(f'value="{facet.get("value")}" on {type(kind).__name__.lower()} values is not supported')
    if least is not None and most is not None and least > most:
        facet.fail(f"no value is left between {least} and {most}")
    return narrowed


def _smaller(one: int | None, other: int | None) -> int | None:
    return min((bound for bound in (one, other) if bound is not None), default=None)


def _joined(inherited: Particle | None, own: Particle | None) -> Particle | None:
    """The content of a derived type: the base's particles, then its own."""
    if inherited is None or own is None:
        return inherited or (None if isinstance(own, schema.Sequence) and not own.items else own)
    return schema.Sequence((*_items(inherited), *_items(own)))


def _items(particle: Particle) -> tuple[Particle, ...]:
    once = isinstance(particle, schema.Sequence) and (particle.minimum, particle.maximum) == (1, 1)
    return particle.items if once and isinstance(particle, schema.Sequence) else (particle,)


def _may_be_empty(particle: Particle) -> bool:
    if particle.minimum == 0:
        return True
    if isinstance(particle, schema.Sequence):
        return all(_may_be_empty(item) for item in particle.items)
    return isinstance(particle, Choice) and any(_may_be_empty(item) for item in particle.items)
