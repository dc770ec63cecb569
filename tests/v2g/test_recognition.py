"""Which schema set reads bytes that nobody agreed on: whole messages, cut ones, ambiguous ones, none at all."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import Instance, instances, roots, seeded
from vectors import OTHERS, load, own

import exi
from v2g import reading, v2gtp
from v2g.messages import SETS, iso2
from v2g.protocols import ISO2
from v2g.reading import Kind
from v2g.recognition import ORDER, SETS_OF, State, instead, recognise, recognised

HEADER = 12
"""Bytes that hold the root element and the session id of any protocol."""


def family(schema_set: str) -> str:
    return "iso20" if schema_set.startswith("iso20") else schema_set


def message(instance: Instance) -> bytes | None:
    """The bytes of a generated document, where it is a message."""
    try:
        data = exi.encode(instance.schema, instance.message, **instance.where)
    except exi.ExiError:
        return None
    return data if reading.read(instance.root.schema_set, data).is_message else None


@pytest.mark.parametrize(
    ("exi_hex", "schema_set", "state", "name"),
    [
        ("800c04790c8adceeee09688d6cac3a6062000200", "iso20-common", State.BROKEN, "AuthorizationSetupRes"),
        ("80980100000000000000000000af0185054585c60650", "iso2", State.BROKEN, "V2G_Message"),
        ("80980210", "iso2", State.CUT, "V2G_Message"),
        ("8098", "iso2", State.CUT, "V2G_Message"),
        ("809a02", "din70121", State.CUT, "V2G_Message"),
        ("809a0200408 0c1014181c21020020000 0080", "din70121", State.WHOLE, "CableCheckRes"),
        ("809a02000000000000000011d01808000000000400", "din70121", State.WHOLE, "SessionSetupReq"),
        ("801e", "iso2", State.ELEMENT, "<ChargingStatusReq>"),
        ("807e0300000000000000", "iso2", State.ELEMENT, "<SessionSetupReq>"),
    ],
)
def test_bytes_from_the_field(exi_hex: str, schema_set: str, state: State, name: str) -> None:
    best = recognise(bytes.fromhex(exi_hex.replace(" ", ""))).best
    assert (best.schema, best.state, best.name) == (schema_set, state, name)


@pytest.mark.parametrize("schema_set", ORDER)
def test_messages_are_recognised_without_any_context(schema_set: str) -> None:
    """As their own set, or with it told as a doubt where the same bytes are a whole message of two sets."""
    counts: Counter[str] = Counter()
    for root in roots(schema_set, fragment=False):
        for seed in range(40 if root.name.endswith("V2G_Message") else 3):
            data = message(seeded(root, seed))
            if data is None:
                continue
            found = recognise(data)
            if found.best.schema == schema_set:
                counts["best"] += 1
            else:
                assert schema_set in {other.schema for other in found.others}, data.hex()
                assert found.best.sound
                assert "could also be" in found.doubt
                counts["said"] += 1
    assert counts["best"] >= 6
    # ACDP_ConnectReq has the bytes of an AuthorizationReq.
    assert counts["said"] <= counts["best"] * (0.5 if schema_set == "iso20-acdp" else 0.05)


@pytest.mark.parametrize("schema_set", ORDER)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_a_payload_type_settles_the_set(schema_set: str, data: st.DataObject) -> None:
    octets = message(data.draw(instances(schema_set, fragment=False)))
    if octets is None:
        return
    for payload_type, sets in SETS_OF.items():
        if schema_set in sets:
            found = recognise(octets, payload_type)
            assert found.best.schema == schema_set
            assert not found.wrong_type


@pytest.mark.parametrize("schema_set", ORDER)
def test_a_cut_message_is_named_as_a_cut_message_of_its_protocol(schema_set: str) -> None:
    """Wherever it is cut behind its header; hardly ever it is taken for something else."""
    right = wrong = 0
    for root in roots(schema_set, fragment=False):
        for seed in range(6 if schema_set == "appproto" else 12 if root.name.endswith("V2G_Message") else 1):
            data = message(seeded(root, ("cut", seed)))
            if data is None:
                continue
            for length in range(HEADER, len(data), max(1, len(data) // 6)):
                best = recognise(data[:length]).best
                right += family(best.schema) == family(schema_set)
                wrong += family(best.schema) != family(schema_set)
                if schema_set in ("iso2", "din70121"):
                    assert best.schema == schema_set
                    assert best.state is State.CUT
    assert right > 5
    assert wrong <= right * 0.03


@pytest.mark.parametrize("schema_set", ["iso2", "din70121"])
def test_a_cut_message_says_which_one_it_is(schema_set: str) -> None:
    for seed in range(30):
        (root,) = [root for root in roots(schema_set, fragment=False) if root.name.endswith("}V2G_Message")]
        data = message(seeded(root, seed))
        if data is not None and len(data) > 40:
            whole = reading.read(schema_set, data)
            found = recognised(data[:-8])
            if found.schema == schema_set and found.problem.startswith(whole.name):
                assert ", cut off: V2G_Message" in found.problem
                assert found.kind is Kind.UNREADABLE
                return
    raise AssertionError("no message was long enough")


@pytest.mark.skipif(not OTHERS, reason="no vectors outside the repository (PLUGFEST_SHARED)")
def test_recorded_and_synthetic_messages_are_recognised() -> None:
    """Every vector of a whole message under ``PLUGFEST_SHARED``; the real ones without exception."""
    checked = 0
    for path in OTHERS:
        for vector in load(path)[:: 1 if "real" in path.name else 12]:
            if vector["kind"] not in ("real", "synthetic") or vector["protocol"] not in ORDER:
                continue
            data = bytes.fromhex(vector["exi"])
            if not reading.read(vector["protocol"], data).is_message:
                continue
            found = recognise(data)
            named = {found.best.schema, *(other.schema for other in found.others)}
            assert vector["protocol"] in named, vector["id"]
            if vector["kind"] == "real":
                assert found.best.schema == vector["protocol"], vector["id"]
            checked += 1
    assert checked > 100


def test_own_vectors_are_recognised() -> None:
    checked = 0
    for number, vector in enumerate(own()):
        if number % 23 or vector["kind"] != "synthetic" or vector["protocol"] not in ORDER:
            continue
        data = bytes.fromhex(vector["exi"])
        if reading.read(vector["protocol"], data).is_message:
            found = recognise(data)
            assert vector["protocol"] in {found.best.schema, *(other.schema for other in found.others)}, vector["id"]
            checked += 1
    assert checked > 50


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=80))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    """Noise is something too: unreadable, with the nearest set's reason, or what it happens to be."""
    for octets in (data, b"\x80" + data, b"\x80\x98\x02" + data):
        for payload_type in (None, v2gtp.EXI, 0x8004, 0x1234):
            found = recognised(octets, payload_type)
            assert found.is_message or found.problem
            assert found.schema in SETS


def test_a_handshake_in_mid_session_is_named() -> None:
    """Bytes that are not of the protocol agreed on are told as the whole message that they are."""
    request = exi.encode(ISO2.schema, iso2.V2G_Message(Header=iso2.MessageHeaderType(SessionID=b"\1" * 8),
                         Body=iso2.BodyType(BodyElement=iso2.SessionSetupReq(EVCCID=b"\1" * 6))))  # fmt: skip
    handshake = bytes.fromhex("8000dbab9371d3234b71d1b981899189d191818991d26b9b3a232b30020000040040")
    found = instead(reading.read("iso2", handshake), handshake, "ISO 15118-2")
    assert found.kind is Kind.FOREIGN
    assert found.problem == "supportedAppProtocolReq in a session of ISO 15118-2"
    found = instead(reading.read("din70121", request), request, "DIN SPEC 70121")
    assert found.problem == "SessionSetupReq of ISO 15118-2 in a session of DIN SPEC 70121"
    assert found.body is None
    same = reading.read("iso2", b"\x80\x98\x02")
    assert instead(same, b"\x80\x98\x02", "ISO 15118-2") is same
