"""XSD files give the same grammars and facets as the message classes; what the importer cannot read, it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from captures import SHARED

from exi.errors import SchemaError
from exi.grammar import Grammar, difference
from exi.schema import AnyType, Binary, Complex, Element, Enumeration, Integer, Model, Sequence, String, particles
from exi.xsd import find_sets, load
from v2g.messages import SETS, schema

OFFICIAL = SHARED / "schemas"
ROOTS = {
    "appproto": "urn:iso:15118:2:2010:AppProtocol",
    "din70121": "urn:din:70121:2012:MsgDef",
    "iso2": "urn:iso:15118:2:2013:MsgDef",
    "iso20-common": "urn:iso:std:iso:15118:-20:CommonMessages",
    "iso20-ac": "urn:iso:std:iso:15118:-20:AC",
    "iso20-dc": "urn:iso:std:iso:15118:-20:DC",
    "iso20-wpt": "urn:iso:std:iso:15118:-20:WPT",
    "iso20-acdp": "urn:iso:std:iso:15118:-20:ACDP",
    "xmldsig": "http://www.w3.org/2000/09/xmldsig#",
}


# ---------------------------------------------------------------------------------------------------------------
# Against the official schemas


@pytest.fixture(scope="module")
def roots() -> dict[str, Path]:
    found = find_sets(OFFICIAL, ROOTS) if OFFICIAL.is_dir() else {}
    if not found:
        pytest.skip(f"no official XML schemas in {OFFICIAL} (they are not ours to ship; PLUGFEST_SHARED says where)")
    return found


@pytest.fixture
def official(roots: dict[str, Path], request: pytest.FixtureRequest) -> Model:
    name = request.param
    assert name in roots, f"no file in {OFFICIAL} has the namespace {ROOTS[name]}"
    return load(roots[name], name=name, search=[OFFICIAL])


every_set = pytest.mark.parametrize("official", SETS, indirect=True)


@every_set
def test_official_schema_gives_the_grammar_of_our_classes(official: Model) -> None:
    assert difference(Grammar(schema(official.name).model), Grammar(official)) is None


@every_set
def test_official_schema_has_the_facets_of_our_classes(official: Model) -> None:
    assert list(deviations(schema(official.name).model, official)) == []


@every_set
def test_official_schema_has_the_types_of_our_classes(official: Model) -> None:
    """Types that nothing reaches from a global element still count in the fragment grammar."""
    ours = schema(official.name).model
    assert set(inside(ours)) == set(inside(official))


def inside(model: Model) -> Iterator[str]:
    """Every child and attribute of every type with its occurrence and facets, as text."""
    for kind in model.types:
        for element in particles(kind.content):
            for name, type_ in alternatives(model, element):
                value = "" if isinstance(type_, Complex) else repr(type_)
                yield f"{name} {element.minimum}..{element.maximum} {value}"
        yield from (f"@{a.name} {a.required} {a.type!r}" for a in kind.attributes)


def alternatives(model: Model, element: Element) -> list[tuple[str, AnyType]]:
    """What may stand for an element particle: a reference to an element without substitutes is that element."""
    if element.ref:
        return [(member.name, member.type) for member in model.members(element.name)]
    assert element.type is not None
    return [(element.name, element.type)]


def deviations(one: Model, other: Model) -> Iterator[str]:
    """Where two models differ in names, order, occurrence, substitution or any facet of a value."""
    if one.elements.keys() != other.elements.keys():
        yield f"global elements: {sorted(one.elements.keys() ^ other.elements.keys())} are in one only"
        return
    pending: list[tuple[str, AnyType, AnyType]] = []
    for name, declaration in one.elements.items():
        if declaration.substitutes != other.elements[name].substitutes:
            yield f"{name}: substitutes {declaration.substitutes} or {other.elements[name].substitutes}"
        pending.append((name, declaration.type, other.elements[name].type))
    seen = set()
    while pending:
        path, a, b = pending.pop()
        if not isinstance(a, Complex) or not isinstance(b, Complex):
            if a != b:
                yield f"{path}: {a} or {b}"
            continue
        if (id(a), id(b)) in seen:
            continue
        seen.add((id(a), id(b)))
        if (a.text, a.mixed) != (b.text, b.mixed):
            yield f"{path}: {a.text} mixed={a.mixed} or {b.text} mixed={b.mixed}"
        attributes = [[(x.name, x.type, x.required) for x in kind.attributes] for kind in (a, b)]
        if attributes[0] != attributes[1]:
            yield f"{path}: attributes {attributes[0]} or {attributes[1]}"
        sides = [
            [(e.minimum, e.maximum, *choice) for e in particles(kind.content) for choice in alternatives(model, e)]
            for model, kind in ((one, a), (other, b))
        ]
        if [child[:3] for child in sides[0]] != [child[:3] for child in sides[1]]:
            yield f"{path}: {[child[:3] for child in sides[0]]} or {[child[:3] for child in sides[1]]}"
            continue
        pending += [(f"{path}/{x[2]}", x[3], y[3]) for x, y in zip(*sides, strict=True)]


# ---------------------------------------------------------------------------------------------------------------
# Small schemas of our own

Write = Callable[..., Path]

ORDER = """
<xs:import namespace="urn:toy:parts" schemaLocation="parts.xsd"/>
<xs:element name="order" type="Order"/>
<xs:element name="extra" type="xs:string" abstract="true"/>
<xs:element name="gift" substitutionGroup="extra"/>
<xs:complexType name="Order">
  <xs:complexContent>
    <xs:extension base="p:Base">
      <xs:sequence>
        <xs:element name="note" type="p:Note" minOccurs="0" form="unqualified"/>
        <xs:element ref="extra" maxOccurs="3"/>
        <xs:element name="part" type="Order" minOccurs="0" maxOccurs="unbounded"/>
      </xs:sequence>
      <xs:attribute name="rank" use="required">
        <xs:simpleType>
          <xs:restriction base="xs:unsignedByte"><xs:maxExclusive value="10"/></xs:restriction>
        </xs:simpleType>
      </xs:attribute>
    </xs:extension>
  </xs:complexContent>
</xs:complexType>
"""
PARTS = """
<xs:import namespace="urn:toy:order" schemaLocation="order.xsd"/>
<xs:complexType name="Base" abstract="true">
  <xs:choice>
    <xs:element name="code" type="Code"/>
    <xs:element name="colour">
      <xs:simpleType>
        <xs:restriction base="xs:token"><xs:enumeration value="red "/><xs:enumeration value="blue"/></xs:restriction>
      </xs:simpleType>
    </xs:element>
  </xs:choice>
  <xs:attribute name="key" type="xs:ID"/>
</xs:complexType>
<xs:simpleType name="Code">
  <xs:restriction base="xs:hexBinary"><xs:length value="4"/></xs:restriction>
</xs:simpleType>
<xs:complexType name="Note">
  <xs:simpleContent>
    <xs:extension base="xs:string"><xs:attribute ref="language" use="required"/></xs:extension>
  </xs:simpleContent>
</xs:complexType>
<xs:attribute name="language" type="xs:language"/>
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes an XSD file with these constructs and returns its path."""

    def write(body: str, name: str = "order.xsd", namespace: str = "urn:toy:order", before: str = "") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        target = f'xmlns="{namespace}" targetNamespace="{namespace}"' if namespace else ""
        path.write_text(
            f'{before}<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:p="urn:toy:parts" {target} '
            f'elementFormDefault="qualified" attributeFormDefault="qualified">{body}</xs:schema>'
        )
        return path

    return write


def toy(root: Path, *search: Path) -> Model:
    return load(root, name="toy", search=search)


def test_documents_that_import_each_other(write: Write) -> None:
    write(PARTS, "parts.xsd", "urn:toy:parts")
    model = toy(write(ORDER))
    order = model.elements["{urn:toy:order}order"].type
    assert isinstance(order, Complex)
    assert [(e.name, e.minimum, e.maximum, e.ref) for e in particles(order.content)] == [
        ("{urn:toy:parts}code", 1, 1, False),
        ("{urn:toy:parts}colour", 1, 1, False),
        ("note", 0, 1, False),
        ("{urn:toy:order}extra", 1, 3, True),
        ("{urn:toy:order}part", 0, None, False),
    ]
    types = [e.type for e in particles(order.content)]
    assert types[:2] == [Binary("hex", 4, 4), Enumeration(("red", "blue"))]
    assert types[4] is order
    assert [(a.name, a.type, a.required) for a in order.attributes] == [
        ("{urn:toy:parts}key", String(collapse=True), False),
        ("{urn:toy:order}rank", Integer(0, 9), True),
    ]
    note = types[2]
    assert isinstance(note, Complex)
    assert note.text == String()
    assert [(a.name, a.required) for a in note.attributes] == [("{urn:toy:parts}language", True)]
    assert [m.name for m in model.members("{urn:toy:order}extra")] == ["{urn:toy:order}extra", "{urn:toy:order}gift"]
    assert model.elements["{urn:toy:order}gift"].type == String()
    assert difference(Grammar(model), Grammar(model)) is None


def test_comparison_notices_a_changed_facet(write: Write) -> None:
    write(PARTS, "parts.xsd", "urn:toy:parts")
    one = toy(write(ORDER))
    write(PARTS.replace('<xs:length value="4"/>', '<xs:maxLength value="4"/>'), "parts.xsd", "urn:toy:parts")
    other = toy(write(ORDER))
    assert difference(Grammar(one), Grammar(other)) is None
    assert [d.partition(": ")[0] for d in deviations(one, other)] == ["{urn:toy:order}order/{urn:toy:parts}code"]


def test_extension_of_nothing_by_nothing_is_empty(write: Write) -> None:
    model = toy(write('<xs:complexType name="T"><xs:sequence/></xs:complexType><xs:element name="e" type="T"/>'))
    assert model.types[0].content is None


def test_restriction_keeps_attributes_and_replaces_content(write: Write) -> None:
    model = toy(
        write(
            '<xs:complexType name="A"><xs:sequence><xs:element name="x" type="xs:int" minOccurs="0"/></xs:sequence>'
            '<xs:attribute name="a" type="xs:int"/><xs:attribute name="b" type="xs:int"/></xs:complexType>'
            '<xs:complexType name="B"><xs:complexContent><xs:restriction base="A"><xs:sequence/>'
            '<xs:attribute name="a" use="prohibited"/></xs:restriction></xs:complexContent></xs:complexType>'
        )
    )
    restricted = model.types[1]
    assert restricted.content is None
    assert [a.name for a in restricted.attributes] == ["{urn:toy:order}b"]


def test_include_without_a_namespace_takes_the_includers(write: Write) -> None:
    write('<xs:complexType name="T"><xs:sequence><xs:element name="x" type="N"/></xs:sequence></xs:complexType>'
          '<xs:simpleType name="N"><xs:restriction base="xs:int"/></xs:simpleType>', "types.xsd", "")  # fmt: skip
    model = toy(write('<xs:include schemaLocation="types.xsd"/><xs:element name="e" type="T"/>'))
    content = model.types[0].content
    assert isinstance(content, Sequence)
    assert [(e.name, e.type) for e in particles(content)] == [("{urn:toy:order}x", Integer(-(2**31), 2**31 - 1))]


# -- finding files


def test_broken_location_is_looked_up_by_name_and_namespace(write: Write, tmp_path: Path) -> None:
    write(PARTS.replace("order.xsd", "sub/order.xsd"), "parts.xsd", "urn:toy:parts")
    write("", "other/parts.xsd", "urn:something:else")
    root = write(ORDER, "sub/order.xsd")
    assert toy(root, tmp_path).elements
    with pytest.raises(SchemaError, match=r"order.xsd:2: xs:import: no file for urn:toy:parts \(parts.xsd\)"):
        toy(root)


def test_location_on_the_web_means_the_local_copy(write: Write) -> None:
    write(PARTS, "renamed.xsd", "urn:toy:parts")
    root = write(ORDER.replace('"parts.xsd"', '"http://schemas.invalid/parts.xsd"'))
    assert toy(root).elements


def test_copies_count_as_one_schema_and_different_ones_are_refused(write: Write, tmp_path: Path) -> None:
    first = write('<xs:element name="e" type="xs:int"/>', "a/toy.xsd", "urn:toy:parts")
    second = write('<!-- a copy --> <xs:element name="e" type="xs:int"/>', "b/toy.xsd", "urn:toy:parts")
    assert find_sets(tmp_path, {"toy": "urn:toy:parts", "other": "urn:toy:none"}) == {"toy": first}
    write('<xs:element name="e" type="xs:long"/>', "b/toy.xsd", "urn:toy:parts")
    with pytest.raises(SchemaError, match=r"urn:toy:parts also has .*which differs; expected one schema") as refused:
        find_sets(tmp_path, {"toy": "urn:toy:parts"})
    assert str(second) in str(refused.value)


# -- hostile files

EMPTY = '<xs:element name="e" type="xs:int"/>'


def test_external_dtd_is_never_fetched(write: Write, tmp_path: Path) -> None:
    (tmp_path / "evil.dtd").write_text('<!ATTLIST xs:element nillable CDATA "true"><!ENTITY x "y">')
    for where in ("evil.dtd", (tmp_path / "evil.dtd").as_uri(), "http://127.0.0.1:1/evil.dtd"):
        doctype = f'<!DOCTYPE xs:schema PUBLIC "-//none//" "{where}" [<!ENTITY unused "u"><!ENTITY % p "">]>'
        assert toy(write(EMPTY, before=doctype)).elements


def laughs() -> str:
    lines = ['<!ENTITY l0 "ha">']
    lines += [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)]
    return f"<!DOCTYPE xs:schema [{''.join(lines)}]>"


@pytest.mark.parametrize(
    ("doctype", "body"),
    [
        (laughs(), '<xs:annotation><xs:documentation>&l9;</xs:documentation></xs:annotation>'),
        (laughs(), '<xs:element name="&l9;" type="xs:int"/>'),
        ('<!DOCTYPE xs:schema [<!ENTITY file SYSTEM "/etc/hostname">]>', "<xs:annotation>&file;</xs:annotation>"),
        ('<!DOCTYPE xs:schema [<!ENTITY word "e">]>', '<xs:element name="&word;" type="xs:int"/>'),
        ('<!DOCTYPE xs:schema SYSTEM "absent.dtd">', "<xs:annotation>&unknown;</xs:annotation>"),
    ],
    ids=["laughs in text", "laughs in an attribute", "file", "harmless", "from an external DTD"],
)  # fmt: skip
def test_entities_are_refused(write: Write, doctype: str, body: str) -> None:
    with pytest.raises(SchemaError, match=r"a reference to the entity|not well-formed XML: .*entity"):
        toy(write(body, before=doctype))


def test_other_encodings_hide_no_entities(write: Write) -> None:
    path = write('<xs:element name="&word;" type="xs:int"/>', before='<!DOCTYPE x [<!ENTITY word "e">]>')
    path.write_bytes(('<?xml version="1.0" encoding="UTF-16"?>' + path.read_text()).encode("utf-16"))
    with pytest.raises(SchemaError, match="a reference to the entity word"):
        toy(path)


# -- refused constructs


def of_type(inside: str) -> str:
    return f'<xs:complexType name="T">{inside}</xs:complexType>'


def of_value(base: str, facets: str) -> str:
    return f'<xs:simpleType name="S"><xs:restriction base="{base}">{facets}</xs:restriction></xs:simpleType>'


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<xs:group/>", "xs:group inside xs:schema is not supported"),
        ("<other/>", "{urn:toy:order}other inside xs:schema is not supported"),
        (of_type("<xs:all/>"), "xs:all inside xs:complexType is not supported"),
        (of_type("<xs:anyAttribute/>"), "xs:anyAttribute inside xs:complexType is not supported"),
        (of_type("<xs:choice/>"), "xs:choice: no branches"),
        (of_type("<xs:sequence/><xs:sequence/>"), "xs:sequence: a second group; expected one sequence or choice"),
        (of_type('<xs:sequence maxOccurs="3"/>'), "xs:sequence: a group 1 to 3 times is not supported; expected 0, 1"),
        (of_type('<xs:choice maxOccurs="unbounded"><xs:any minOccurs="0"/></xs:choice>'), "content may be empty"),
        (of_type('<xs:sequence minOccurs="2"/>'), "xs:sequence: occurs 2 to 1 times"),
        (of_type('<xs:sequence minOccurs="two"/>'), 'xs:sequence: minOccurs="two" is not a number'),
        (of_type('<xs:attribute name="a" type="xs:int" default="1"/>'), 'attribute default="1" is not supported'),
        (of_type('<xs:attribute name="a"/>'), 'xs:attribute "a": has no type'),
        (of_type('<xs:attribute name="a" type="T"/>'), 'xs:attribute "a": has a complex type; expected a simple type'),
        (of_type('<xs:simpleContent><xs:extension base="T"/></xs:simpleContent>'), "the type derives from itself"),
        (of_type('<xs:complexContent><xs:extension base="xs:int"/></xs:complexContent>'), "from a simple type"),
        (of_type("<xs:complexContent/>"), "0 constructs inside; expected one xs:extension or one xs:restriction"),
        ('<xs:element name="e" type="xs:int" nillable="true"/>', 'xs:element "e": the attribute nillable="true" is'),
        ('<xs:element name="e" type="xs:double"/>', "the built-in type xs:double is not supported"),
        ('<xs:element name="e" type="xs:int"><xs:simpleType/></xs:element>', 'xs:element "e": has several types'),
        ('<xs:element name="e" type="x:int"/>', "the prefix x is not declared"),
        ('<xs:element name="e" type="Unknown"/>', "no type {urn:toy:order}Unknown in the set"),
        ('<xs:element type="xs:int"/>', "xs:element: no attribute name"),
        (EMPTY + EMPTY, 'xs:element "e": already declared in '),
        ('<xs:element name="e" substitutionGroup="e"/>', 'xs:element "e": is defined by itself'),
        ('<xs:element name="e" substitutionGroup="f"/>', "no element {urn:toy:order}f in the set"),
        (of_value("S", ""), "is defined by itself"),
        (of_value("xs:string", '<xs:pattern value="a*"/>'), "xs:pattern inside xs:restriction is not supported"),
        (of_value("xs:int", '<xs:enumeration value="1"/>'), "an enumeration of values other than strings"),
        (of_value("xs:int", '<xs:maxLength value="1"/>'), 'xs:maxLength: value="1" on integer values is not supported'),
        (of_value("xs:string", '<xs:whiteSpace value="replace"/>'), 'value="replace" on string values is not supp'),
        (of_value("xs:byte", '<xs:minInclusive value="128"/>'), "no value is left between 128 and 127"),
        ('<xs:simpleType name="S"><xs:list itemType="xs:int"/></xs:simpleType>', "xs:list inside xs:simpleType"),
        ('<xs:simpleType name="S"><xs:union/></xs:simpleType>', "xs:union inside xs:simpleType is not supported"),
        ("<xs:element", "not well-formed XML: "),
    ],
)  # fmt: skip
def test_unsupported_constructs_are_refused_with_file_and_line(write: Write, body: str, text: str) -> None:
    path = write("\n\n" + body)
    with pytest.raises(SchemaError, match=rf"^{re.escape(str(path))}:3: .*{re.escape(text)}"):
        toy(path)


def test_file_that_is_not_a_schema(tmp_path: Path) -> None:
    path = tmp_path / "toy.xsd"
    with pytest.raises(SchemaError, match="cannot read"):
        toy(path)
    path.write_text("<html/>")
    with pytest.raises(SchemaError, match=r"not an XML Schema document; expected xs:schema"):
        toy(path)


def test_very_long_chains_of_types_end_in_our_error(write: Write) -> None:
    chain = "".join(
        f'<xs:simpleType name="S{n}"><xs:restriction base="S{n + 1}"/></xs:simpleType>' for n in range(3000)
    )
    with pytest.raises(SchemaError, match="the chain of derived types is too long"):
        toy(write(chain + of_value("xs:int", "").replace('"S"', '"S3000"')))
