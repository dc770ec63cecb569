"""Generated code against the walker, on random valid messages of every root element of every set."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instances import Instance, instances, roots, seeded

import exi
from exi.generate import LARGEST, Generated, generated, source
from exi.generate_encode import LONGEST
from exi.schema import Complex
from exi.tree import Node, from_message
from exi.walker import Encoder
from v2g.messages import SETS, iso2, schema

WALKER_ONLY = {
    "KeyInfo", "X509Data", "SPKIData", "Transform", "KeyValue", "PGPData", "RetrievalMethod", "eMAID",
}  # fmt: skip
"""Elements whose content repeats groups or is mixed, and the one ambiguous fragment: never in a loop of messages."""

both_levels = pytest.mark.parametrize("fragment", [False, True], ids=["documents", "fragments"])
every_set = pytest.mark.parametrize("name", SETS)
quick = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
long = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))


def fast(schema: exi.Schema) -> Generated:
    return generated(schema, exi.grammar(schema))


def node_of(instance: Instance) -> Node:
    return from_message(instance.schema, instance.message, instance.root.name, fragment=instance.root.fragment)


def _names(node: Node) -> set[str]:
    return {exi.schema.local(node.name)}.union(*map(_names, node.children))


def _longest(node: Node) -> int:
    return max([len(node.children), *map(_longest, node.children)])


def left_to_walker(instance: Instance, node: Node, size: int) -> bool:
    if size > LARGEST:
        return True
    return not isinstance(instance.root.type, Complex) or bool(_names(node) & WALKER_ONLY) or _longest(node) > LONGEST


def agree(instance: Instance) -> None:
    """Both executors write the same bytes and read the message back."""
    schema, fragment = instance.schema, instance.root.fragment
    node = node_of(instance)
    data = Encoder(exi.grammar(schema)).encode(node, fragment=fragment)
    written = fast(schema).encode(instance.message, instance.root.name, fragment)
    read = fast(schema).decode(data, fragment)
    if left_to_walker(instance, node, len(data)):
        assert written in (None, data)
        assert read in (None, instance.message)
    else:
        assert written == data
        assert read == instance.message
    decoded = exi.read(schema, data, fragment=fragment)
    assert decoded.message == instance.message
    assert type(decoded.message) is type(instance.message)
    assert not decoded.problems
    assert not decoded.tolerated
    assert decoded.node.name == instance.root.name
    assert exi.encode(schema, instance.message, **instance.where) == data
    assert exi.decode(schema, data, fragment=fragment) == instance.message
    assert exi.validate(schema, instance.message, **instance.where) == []


@every_set
@both_levels
def test_executors_agree_on_every_root(name: str, fragment: bool) -> None:
    for root in roots(name, fragment=fragment):
        for seed in range(2):
            agree(seeded(root, seed, full=seed == 1))


@every_set
@both_levels
@quick
@given(data=st.data())
def test_executors_agree(name: str, fragment: bool, data: st.DataObject) -> None:
    agree(data.draw(instances(name, fragment=fragment)))


@pytest.mark.slow
@every_set
@both_levels
@long
@given(data=st.data(), full=st.booleans())
def test_executors_agree_at_length(name: str, fragment: bool, data: st.DataObject, full: bool) -> None:
    agree(data.draw(instances(name, fragment=fragment, full=full)))


def test_nearly_everything_is_generated() -> None:
    """The walker is ten times slower: what falls back to it is a short, known list."""
    left = set()
    for name in SETS:
        made = schema(name)
        for kind in made.model.types:
            text = source(made, kind.name)
            for verb, function in zip(("read", "write"), text.split("\n\n"), strict=True):
                if "raise IrregularError  #" in function or function[-25:] == "    raise IrregularError\n":
                    left.add((verb, kind.name.removesuffix("Type")))
    # A choice in place of a list of fields, and elements that need a foreign one inside.
    assert {name for _, name in left} <= {*WALKER_ONLY, "SignatureProperty"}, left


def test_source_can_be_read() -> None:
    text = source(schema("iso2"), "PreChargeReq")
    assert "def read_PreChargeReq(n, p):" in text
    assert "f_EVTargetVoltage" in text
    with pytest.raises(KeyError):
        source(schema("iso2"), "NoSuchType")


def test_generated_code_never_guesses() -> None:
    """Values of almost the right type are the walker's to judge."""
    value = iso2.PhysicalValueType(Multiplier=0, Unit="V", Value=1)
    odd: list[object] = [True, 1.0, "1", None, 1 << 15, -(1 << 15) - 1]
    for wrong in odd:
        broken = exi.schema.replace(value, Value=wrong)
        message = iso2.PreChargeReq(
            DC_EVStatus=iso2.DC_EVStatusType(EVReady=True, EVErrorCode="NO_ERROR", EVRESSSOC=1),
            EVTargetVoltage=broken,
            EVTargetCurrent=value,
        )
        assert fast(schema("iso2")).encode(message, "PreChargeReq", True) is None, wrong
        with pytest.raises(exi.EncodeError, match="EVTargetVoltage"):
            exi.encode(schema("iso2"), message, fragment=True)


def test_prepared_code_is_the_same() -> None:
    """Built all at once or one by one: nothing is left to build, and the same bytes come out."""
    made = exi.generate.Generated(schema("iso2"), exi.grammar(schema("iso2")))
    for _ in made.preparing():
        pass
    built = dict(made._scope)
    for root in roots("iso2", fragment=False):
        instance = seeded(root, "prepared")
        data = fast(schema("iso2")).encode(instance.message, root.name, False)
        assert made.encode(instance.message, root.name, False) == data
        assert data is None or made.decode(data, False) == fast(schema("iso2")).decode(data, False)
    assert {name: made._scope[name] for name in built} == built


def test_full_certificate_chains_are_read_by_generated_code() -> None:
    """The longest CertificateInstallationRes that the schema allows, bar its signature, is the same for both."""
    octets = iter(range(256))

    def certificate() -> bytes:
        return bytes([0x30, next(octets)]) * 400

    def chain(identifier: str | None) -> iso2.CertificateChainType:
        below = iso2.SubCertificatesType(Certificate=[certificate() for _ in range(4)])
        return iso2.CertificateChainType(Id=identifier, Certificate=certificate(), SubCertificates=below)

    body = iso2.CertificateInstallationRes(
        ResponseCode="OK",
        SAProvisioningCertificateChain=chain(None),
        ContractSignatureCertChain=chain("id1"),
        ContractSignatureEncryptedPrivateKey=iso2.ContractSignatureEncryptedPrivateKeyType(Id="id2", value=bytes(48)),
        DHpublickey=iso2.DiffieHellmanPublickeyType(Id="id3", value=bytes(range(65))),
        eMAID=iso2.EMAIDType(Id="id4", value="DEABCC123456789"),
    )
    made = schema("iso2")
    message = iso2.V2G_Message(Header=iso2.MessageHeaderType(SessionID=bytes(8)), Body=iso2.BodyType(BodyElement=body))
    data = Encoder(exi.grammar(made)).encode(from_message(made, message, "V2G_Message"))
    assert 8000 < len(data) <= LARGEST
    assert fast(made).decode(data, False) == message == exi.read(made, data).message
    assert fast(made).encode(message, "V2G_Message", False) == data
