"""XSD files on disk: parsed safely, found where a ``schemaLocation`` fails, and read construct by construct.

Files are data: no network, no external DTD, no entities. :mod:`exi.xsd` interprets the schemas.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from lxml import etree

from boundary.errors import InputError
from boundary.read import parse_xml, read_bytes
from exi.errors import SchemaError
from exi.schema import local, namespace_of, q

XS = "http://www.w3.org/2001/XMLSchema"

FACETS = (
    *("enumeration", "length", "minLength", "maxLength", "whiteSpace"),
    *("minInclusive", "maxInclusive", "minExclusive", "maxExclusive"),
)
_OCCURS = {"minOccurs", "maxOccurs"}
_ATTRIBUTES = {
    "schema": {"targetNamespace", "version", "elementFormDefault", "attributeFormDefault", "finalDefault"},
    "import": {"namespace", "schemaLocation"},
    "include": {"schemaLocation"},
    "element": {"name", "type", "ref", "form", "substitutionGroup", "abstract", "final"} | _OCCURS,
    "attribute": {"name", "type", "ref", "form", "use"},
    "complexType": {"name", "mixed", "abstract", "final"},
    "simpleType": {"name", "final"},
    "complexContent": {"mixed"},
    "simpleContent": set[str](),
    "extension": {"base"},
    "restriction": {"base"},
    "sequence": _OCCURS,
    "choice": _OCCURS,
    "any": {"namespace", "processContents"} | _OCCURS,
    **{facet: {"value", "fixed"} for facet in FACETS},
}
"""Every supported construct with its attributes; those left out would change the coding or the values."""


def _parse(path: Path) -> Any:
    try:
        return parse_xml(read_bytes(path), str(path), doctype=True, blank_text=False)
    except InputError as why:
        raise SchemaError(why.what, path=why.place) from why


class Files:
    """The XSD files below some directories, each parsed at most once."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self._directories = directories
        self._listed: list[Path] | None = None
        self._parsed: dict[Path, Any] = {}

    def root(self, path: Path) -> Any:
        """The root element of a file.

        Raises:
            SchemaError: it cannot be read, is not well-formed, or refers to entities.
        """
        path = path.resolve()
        if path not in self._parsed:
            self._parsed[path] = _parse(path)
        return self._parsed[path]

    def namespace(self, path: Path) -> str | None:
        """Target namespace of a file; None if it is not an XML Schema. Raises the same errors as :meth:`root`."""
        root = self.root(path)
        return str(root.get("targetNamespace", "")) if root.tag == q(XS, "schema") else None

    def of(self, namespace: str) -> list[Path]:
        """All files with a target namespace. Raises the same errors as :meth:`root`."""
        if self._listed is None:
            found = {p for d in self._directories for p in d.rglob("*") if p.suffix.lower() == ".xsd" and p.is_file()}
            self._listed = sorted(found)
        return [path for path in self._listed if self.namespace(path) == namespace]

    def one(self, candidates: Sequence[Path]) -> Path | None:
        """The first of several copies; None if there are none.

        Raises:
            SchemaError: they are not copies of each other.
        """
        for other in candidates[1:]:
            texts = {etree.tostring(self.root(path), method="c14n") for path in (candidates[0], other)}
            if len(texts) > 1:
                what = f"the namespace {self.namespace(other)} also has {candidates[0]}, which differs"
                raise SchemaError(what, expected="one schema for each namespace", path=str(other))
        return candidates[0] if candidates else None

    def locate(self, node: Node, namespace: str) -> Path:
        """The file that an import or include refers to: at the stated location, otherwise the nearest one that fits.

        Raises:
            SchemaError: there is none, or several that differ are equally near.
        """
        directory = node.document.path.parent
        location = node.get("schemaLocation")
        allowed = (namespace, "") if node.tag == "include" else (namespace,)
        if location and "://" not in location:
            path = directory / location
            if path.is_file() and self.namespace(path) in allowed:
                return path
        candidates = [path for uri in allowed for path in self.of(uri)]
        named = [path for path in candidates if location and path.name == location.rpartition("/")[2]]
        if node.tag == "import":
            named = named or candidates
        steps = [os.path.relpath(path.resolve(), directory.resolve()).count(os.sep) for path in named]
        found = self.one([path for path, distance in zip(named, steps, strict=True) if distance == min(steps)])
        if found is None:
            node.fail(f"no file for {namespace or 'no namespace'} ({location or 'no schemaLocation'})")
        return found


@dataclass(frozen=True, slots=True)
class Document:
    """A schema document. ``namespace`` is the including document's if it has none itself (``adopted``)."""

    path: Path
    root: Any
    namespace: str
    adopted: bool = False


class Node:
    """A construct of a schema document: an XML element, with what is needed to resolve names and to report errors.

    Making one, and every method, raises SchemaError with file and line where the construct is not supported.
    """

    __slots__ = ("document", "tag", "xml")

    def __init__(self, document: Document, xml: Any) -> None:
        self.document = document
        self.xml = xml
        self.tag = local(str(xml.tag))
        for name in xml.attrib:
            if name not in _ATTRIBUTES[self.tag] and name != "id" and not namespace_of(name):
                self.fail(f'the attribute {name}="{self.get(name)}" is not supported')

    @property
    def place(self) -> str:
        return f"{self.document.path}:{self.xml.sourceline}"

    def fail(self, what: str, expected: str = "") -> NoReturn:
        """Refuses the construct.

        Raises:
            SchemaError: always, with the file and line of the element.
        """
        name = self.get("name") or self.get("ref")
        construct = f'xs:{self.tag} "{name}"' if name else f"xs:{self.tag}"
        raise SchemaError(f"{construct}: {what}", expected=expected, path=self.place)

    def get(self, name: str) -> str | None:
        value = self.xml.get(name)
        return None if value is None else " ".join(str(value).split())

    def need(self, name: str) -> str:
        return self.get(name) or self.fail(f"no attribute {name}")

    def number(self, name: str, default: int | None = None) -> int:
        text = self.get(name)
        if text is None and default is not None:
            return default
        try:
            return int(text or "")
        except ValueError:
            self.fail(f'{name}="{text}" is not a number')

    def flag(self, name: str, default: bool = False) -> bool:
        text = self.get(name)
        return default if text is None else text in ("true", "1")

    def children(self, *allowed: str) -> list[Node]:
        """The constructs inside, without annotations.

        Raises:
            SchemaError: a child is of another kind.
        """
        found = []
        for xml in self.xml:
            namespace, tag = namespace_of(str(xml.tag)), local(str(xml.tag))
            if namespace == XS and tag == "annotation":
                continue
            if namespace != XS or tag not in allowed:
                name = f"xs:{tag}" if namespace == XS else str(xml.tag)
                what = f"{name} inside xs:{self.tag} is not supported"
                raise SchemaError(what, path=f"{self.document.path}:{xml.sourceline}")
            found.append(Node(self.document, xml))
        return found

    def only(self, *allowed: str) -> Node:
        """The single construct inside."""
        found = self.children(*allowed)
        if len(found) != 1:
            self.fail(f"{len(found)} constructs inside", expected=" or ".join(f"one xs:{tag}" for tag in allowed))
        return found[0]

    def qname(self, attribute: str) -> str:
        """The name that an attribute refers to, in Clark notation."""
        prefix, _, name = self.need(attribute).rpartition(":")
        namespace = self.xml.nsmap.get(prefix or None)
        if namespace is None:
            if prefix:
                self.fail(f"the prefix {prefix} is not declared")
            namespace = self.document.namespace if self.document.adopted else ""
        return _clark(str(namespace), name)

    def global_name(self) -> str:
        """The name that a construct at the top of a document declares."""
        return _clark(self.document.namespace, self.need("name"))

    def local_name(self) -> str:
        """The name that an element or attribute inside a type declares: qualified if its form says so."""
        form = self.get("form") or self.document.root.get(f"{self.tag}FormDefault", "unqualified")
        return self.global_name() if form == "qualified" else self.need("name")


def _clark(namespace: str, name: str) -> str:
    return q(namespace, name) if namespace else name
