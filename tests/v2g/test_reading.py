"""One reader of session messages: what bytes are, and that nobody else looks into documents."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import Instance, instances, roots, seeded

import exi
from v2g import reading
from v2g.messages import SETS, din70121, iso2, schema
from v2g.messages.base import Request, Response
from v2g.reading import Kind

ROOT = Path(__file__).parents[2]
PACKAGES = ("exi", "v2g", "slac", "pki", "evcc", "secc", "traces", "conformance", "plugfest", "examples", "benchmarks")
INSIDE = {"Header", "Body", "BodyElement"}
"""Fields that only a checked document has."""


def is_whole(instance: Instance) -> bool:
    """Whether a generated document is a message of a session, told from its class."""
    message = instance.message
    if isinstance(message, (din70121.V2G_Message, iso2.V2G_Message)):
        return isinstance(message.Body.BodyElement, (Request, Response))
    whole = instance.root.schema_set.startswith("iso20") or instance.root.schema_set == "appproto"
    return whole and isinstance(message, (Request, Response))


def encoded(instance: Instance) -> bytes:
    return exi.encode(instance.schema, instance.message, **instance.where)


@pytest.mark.parametrize("schema_set", SETS)
def test_every_root_element_is_read_as_what_it_is(schema_set: str) -> None:
    """Only whole messages have a body; any other document is named by its element, with the reason."""
    for root in roots(schema_set, fragment=False):
        instance = seeded(root, "reading")
        found = reading.read(schema_set, encoded(instance))
        element = root.name.rpartition("}")[2]
        if is_whole(instance):
            assert found.kind is Kind.MESSAGE
            assert found.is_request != found.is_response
            assert found.problem == ""
            assert found.name == type(found.body).__name__
        else:
            assert found.body is None
            assert found.name == f"<{element}>"
            assert found.problem
            assert not found.is_request
            assert not found.is_response


@pytest.mark.parametrize("schema_set", SETS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_message_keeps_its_header(schema_set: str, data: st.DataObject) -> None:
    """Session id and signature are those of the header; a document that was decoded and one that was made agree."""
    instance = data.draw(instances(schema_set, fragment=False))
    found = reading.read(schema_set, encoded(instance))
    made = reading.of(schema_set, instance.message)
    assert (made.kind, made.body, made.session_id) == (found.kind, found.body, found.session_id)
    header = getattr(instance.message, "Header", None) if found.is_message else None
    assert found.session_id == (None if header is None else header.SessionID)


@settings(deadline=None)
@given(st.binary(max_size=60), st.sampled_from([*SETS, "", "iso3"]))
def test_any_bytes_are_something(data: bytes, schema_set: str) -> None:
    """Reading never fails; what is not a message has no body and says why."""
    for octets in (data, b"\x80" + data, b"\x80\x98" + data):
        found = reading.read(schema_set, octets)
        assert found.is_message == (found.body is not None)
        assert bool(found.problem) != found.is_message
        if not found.is_message:
            with pytest.raises(reading.NotAMessage):
                reading.require(found, "the protocol")


@pytest.mark.parametrize("module", [din70121, iso2])
def test_an_envelope_without_its_parts_is_not_a_message(module: object) -> None:
    """Documents made wrong on purpose are looked at as carefully as decoded ones."""
    envelope = module.V2G_Message  # type: ignore[attr-defined]  # the two modules share their names
    for document in (envelope(Header=None, Body=None), envelope(Header=3, Body="x"), None, 7, "text", b"\0"):
        assert reading.of("iso2", document).body is None
        assert reading.body_of(document) is None
    empty = envelope(Header=module.MessageHeaderType(SessionID=b"\1"), Body=module.BodyType())  # type: ignore[attr-defined]  # as above
    assert reading.of("iso2", empty).kind is Kind.EMPTY


def looks_inside(tree: ast.AST) -> list[int]:
    """Lines that read the header or the body of a document."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in INSIDE:
            if ast.unparse(node) != "v2gtp.Header":  # a class, of another header
                found.append(node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr"):
            if any(isinstance(a, ast.Constant) and a.value in INSIDE for a in node.args):
                found.append(node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "attrgetter":
            if any(isinstance(a, ast.Constant) and INSIDE & set(str(a.value).split(".")) for a in node.args):
                found.append(node.lineno)
    return found


def test_only_the_reader_looks_into_documents() -> None:
    """``.Header`` and ``.Body`` of what nobody has checked crashed every tool: they are read in one module."""
    assert looks_inside(ast.parse("x.Body.BodyElement; getattr(x, 'Header', None)")) == [1, 1, 1]
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path != ROOT / "v2g" / "reading.py"
        for line in looks_inside(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_the_schema_sets_have_titles() -> None:
    assert set(reading.TITLES) == {name for name in SETS if any(map(_message, schema(name).roots))}


def _message(cls: type) -> bool:
    return issubclass(cls, (Request, Response))
