"""The package's functions on random messages: other representations, facets, dialects, reports about a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instances import Instance, Place, instances, places, roots, seeded
from sampling import sampled

import exi
from exi.generate import generated
from exi.schema import Binary, Complex, Enumeration, Integer, Simple, String
from exi.tree import to_message
from v2g.messages import SETS, iso2, schema

both_levels = pytest.mark.parametrize("fragment", sampled([False, True], 2), ids=["documents", "fragments"])
every_set = pytest.mark.parametrize("name", SETS)
quick = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def some(name: str, *, fragment: bool, seeds: int = 1, full: bool = False) -> Iterator[Instance]:
    """A message of every root element, or more."""
    for root in roots(name, fragment=fragment):
        for seed in range(seeds):
            yield seeded(root, f"codec {seed}", full=full)


# ---------------------------------------------------------------------------------------------------------------
# XML and JSON


def other_representations(instance: Instance) -> None:
    schema, fragment = instance.schema, instance.root.fragment
    text = exi.to_xml(schema, instance.message, **instance.where)
    assert exi.from_xml(schema, text, fragment=fragment) == instance.message
    assert exi.from_xml(schema, text.encode(), fragment=fragment) == instance.message
    data = json.loads(json.dumps(exi.to_json(schema, instance.message, **instance.where)))
    assert exi.from_json(schema, data, fragment=fragment) == instance.message


@every_set
@both_levels
def test_xml_and_json_of_every_root(name: str, fragment: bool) -> None:
    for instance in some(name, fragment=fragment):
        other_representations(instance)


@every_set
@both_levels
@quick
@given(data=st.data())
def test_xml_and_json(name: str, fragment: bool, data: st.DataObject) -> None:
    other_representations(data.draw(instances(name, fragment=fragment)))


def test_json_knows_names_of_two_namespaces_apart() -> None:
    """Exponent: a number in a rational number, binary in an RSA key."""
    dc = schema("iso20-dc")
    assert exi.from_json(dc, {"Exponent": -3}, fragment=True) == -3
    assert exi.from_json(dc, {"Exponent": "AQAB"}, fragment=True) == b"\1\0\1"


# ---------------------------------------------------------------------------------------------------------------
# Facets


def broken(kind: Simple) -> list[tuple[Any, bool]]:
    """Values that break the facets of a type, and whether the bits can carry them."""
    match kind:
        case Integer(minimum=low, maximum=high):
            found: list[tuple[Any, bool]] = []
            for value in ([] if low is None else [low - 1]) + ([] if high is None else [high + 1]):
                if kind.bits is not None:
                    assert low is not None
                    found.append((value, 0 <= value - low < 1 << kind.bits))
                else:
                    found.append((value, (value >= 0 or kind.signed) and abs(value) < 1 << 70))
            return [*found, (1.5, False), (True, False), ("1", False)]
        case Enumeration(values=values):
            room = len(values) < 1 << kind.bits
            return [("no such value", False), (len(values), room), (1 << kind.bits, False), (-1, False)]
        case String(min_length=low, max_length=high):
            ends = [low - 1] * (low > 0) + ([high + 1] if high is not None and high < 1000 else [])
            return [*(("x" * length, True) for length in ends), (b"x", False), (7, False)]
        case Binary(min_length=low, max_length=high):
            ends = [low - 1] * (low > 0) + ([high + 1] if high is not None and high < 1000 else [])
            return [*((bytes(length), True) for length in ends), ("x", False)]
    return [(1, False), ("true", False)]


def refuses(instance: Instance, place: Place, value: Any, carried: bool) -> None:
    """A facet broken: strict encoding refuses and says where, lax encoding sends what bits can carry."""
    schema, fragment = instance.schema, instance.root.fragment
    place.value = value
    message = to_message(place.top, schema.model)
    with pytest.raises(exi.EncodeError) as refused:
        exi.encode(schema, message, **instance.where)
    assert isinstance(refused.value, exi.ValidationError), refused.value
    assert refused.value.path == place.path
    assert refused.value.expected
    (problem,) = exi.validate(schema, message, **instance.where)
    assert str(problem) == str(refused.value)
    if not carried:
        with pytest.raises(exi.EncodeError) as impossible:
            exi.encode(schema, message, strict=False, **instance.where)
        assert impossible.value.path == place.path
        return
    data = exi.encode(schema, message, strict=False, **instance.where)
    assert generated(schema, exi.grammar(schema)).decode(data, fragment) is None
    if isinstance(place.type, Enumeration):
        with pytest.raises(exi.DecodeError) as unassigned:
            exi.decode(schema, data, fragment=fragment)
        assert unassigned.value.path == place.path
        return
    decoded = exi.read(schema, data, fragment=fragment)
    assert decoded.message == message
    assert exi.decode(schema, data, fragment=fragment) == message
    assert [p.path for p in decoded.problems] == [place.path]
    assert all(p.bit is not None and 0 < p.bit < 8 * len(data) and p.expected for p in decoded.problems)
    if not fragment:
        told, notes = exi.examine(schema, data)
        assert told == message
        assert [name for name, _ in notes] == ["facet"]


@every_set
@both_levels
def test_broken_facets(name: str, fragment: bool) -> None:
    """Every way to break every kind of simple type, each somewhere in the set, and a few more places of each."""
    seen: dict[tuple[Simple, int], int] = {}
    for instance in some(name, fragment=fragment):
        for index, place in enumerate(places(instance)):
            if fragment and instance.root.name in exi.grammar(instance.schema).ambiguous:
                continue  # values are written as text there
            for way, (value, carried) in enumerate(broken(place.type)):
                seen[place.type, way] = seen.get((place.type, way), 0) + 1
                if seen[place.type, way] <= 2:
                    refuses(instance, places(instance)[index], value, carried)
    assert len(seen) > 6


@both_levels
@quick
@given(data=st.data())
def test_broken_facets_anywhere(fragment: bool, data: st.DataObject) -> None:
    instance = data.draw(instances("iso2", fragment=fragment))
    found = [p for p in places(instance) if broken(p.type)]
    if found and not (fragment and instance.root.name in exi.grammar(instance.schema).ambiguous):
        place = data.draw(st.sampled_from(found))
        refuses(instance, place, *data.draw(st.sampled_from(broken(place.type))))


def test_half_a_surrogate_pair() -> None:
    """Python strings can hold what Unicode text cannot: no decoder would read it."""
    head = iso2.MessageHeaderType(
        SessionID=bytes(8), Notification=iso2.NotificationType(FaultCode="ParsingError", FaultMsg="\ud800")
    )
    with pytest.raises(exi.ValidationError, match="FaultMsg"):
        exi.encode(schema("iso2"), iso2.V2G_Message(Header=head, Body=iso2.BodyType()))


# ---------------------------------------------------------------------------------------------------------------
# Dialects


def in_dialects(instance: Instance) -> set[str]:
    """Writes and reads a message in every dialect; returns those that differ from the standard here."""
    schema, fragment = instance.schema, instance.root.fragment
    standard = exi.encode(schema, instance.message, **instance.where)
    assert exi.encode(schema, instance.message, dialect=exi.STANDARD, **instance.where) == standard
    assert exi.read(schema, standard, fragment=fragment).dialect is exi.STANDARD
    written = {d: exi.encode(schema, instance.message, dialect=d, **instance.where) for d in schema.dialects}
    differ = set()
    for dialect, data in written.items():
        told = exi.read(schema, data, fragment=fragment, dialect=dialect)
        assert told.message == instance.message, dialect.name
        assert told.dialect is dialect
        if data == standard:
            continue
        differ.add(dialect.name)
        met = exi.read(schema, data, fragment=fragment)
        assert met.tolerated, dialect.name
        assert met.message == instance.message, dialect.name
        if met.dialect is exi.STANDARD:
            assert dialect.empty == "omitted"
            assert met.omitted
        else:
            # Dialects agree in most places; the first that reads the stream is named.
            assert met.dialect is dialect or written[met.dialect] == data or met.dialect.stays_open("SelectedService")
        if not fragment:
            message, notes = exi.examine(schema, data)
            assert message == instance.message
            assert {name for name, _ in notes} <= {"dialect", "undeclared-empty-value"}
            assert ("dialect", met.dialect.name) in notes or met.dialect is exi.STANDARD
    return differ


@every_set
@both_levels
def test_dialects(name: str, fragment: bool) -> None:
    differ: set[str] = set()
    for instance in some(name, fragment=fragment, full=True):
        if not left_out(instance):
            differ |= in_dialects(instance)
    assert differ or not schema(name).dialects


def left_out(instance: Instance) -> bool:
    """Roots that a dialect gives another meaning, and eMAID without the Id that a signed one has."""
    swapped = {end for d in instance.schema.dialects for pair in d.swapped_roots for end in pair}
    kinds = exi.grammar(instance.schema).ambiguous.get(instance.root.name, ()) if instance.root.fragment else ()
    unsigned = isinstance(instance.root.type, Simple) and any(isinstance(kind, Complex) for kind in kinds)
    return unsigned or any(instance.root.name.endswith(end) for end in swapped)
