"""XML signatures: published and recorded ones verify, ours verify elsewhere, and what is wrong is named exactly."""

from __future__ import annotations

import base64
import copy
import hashlib
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from captures import SHARED
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, utils
from vectors import OWN, load

import exi
from v2g import signature as sig
from v2g import signed_parts
from v2g.errors import LocalError
from v2g.messages import iso2, schema, xmldsig
from v2g.messages.iso20 import common

KEY = ec.derive_private_key(0x32B07791B241A69625FB0B9F71F16959179789EBEFFA3A35387B6E237A928C8D, ec.SECP256R1())
OTHER = ec.derive_private_key(0x795753DC3D473395E6F54131A0A37A7359E01AE0CD7D2E5039EC1938FD7D8A4C, ec.SECP256R1())
REQUEST = iso2.AuthorizationReq(Id="id1", GenChallenge=bytes(range(16)))

# Encoded with EXIficient, signed and verified with openssl.
FRAGMENT = "8004015a590c408000081018202830384048505860687079e8"
SIGNED_INFO = (
    "808112b43a3a381d1797bbbbbb973b999737b93397aa2917b1b0b737b734b1b0b616b2bc3497a1ab43a3a381d1797bbbbbb973b999737b9339"
    "79918181897981a17bc36b63239b4b396b6b7b93291b2b1b239b096b9b430991a9b220623696431025687474703a2f2f7777772e77332e6f72"
    "672f54522f63616e6f6e6963616c2d6578692f4852d0e8e8e0745e5eeeeeee5cee665cdee4ce5e646060625e60685ef0dad8cadcc646e6d0c2"
    "646a6c84055ab76fa6f3e169e1293a13ab56694376c15c22b9460ed7b1d5dcb70f1851ed8370"
)
VALUE = (
    "1f947741885cee1d49a33f288d9a010439b95f34b69b13dff186be98b9a9e88a"
    "137f9ab08e8346abd36f918720940e2a2d6a3eeb50a53c5e31d01b63ce2694c5"
)


def delivery() -> iso2.CertificateInstallationRes:
    """An unsigned response with four elements to be signed."""
    chain = iso2.CertificateChainType(Certificate=b"leaf", SubCertificates=None)
    return iso2.CertificateInstallationRes(
        ResponseCode="OK",
        SAProvisioningCertificateChain=chain,
        ContractSignatureCertChain=iso2.CertificateChainType(Id="id1", Certificate=b"contract"),
        ContractSignatureEncryptedPrivateKey=iso2.ContractSignatureEncryptedPrivateKeyType(Id="id2", value=bytes(48)),
        DHpublickey=iso2.DiffieHellmanPublickeyType(Id="id3", value=bytes(65)),
        eMAID=iso2.EMAIDType(Id="id4", value="DEABC123456789"),
    )


def vectors(name: str) -> list[dict[str, Any]]:
    path = SHARED / "vectors" / f"{name}.jsonl"
    return list(load(path)) if path.is_file() else []


def test_the_bytes_that_are_signed_are_those_of_another_codec() -> None:
    """Fragment and SignedInfo of a request signed by us equal EXIficient's, and its signature over them verifies."""
    made = sig.sign_message(REQUEST, KEY)
    assert sig.fragment(schema("iso2"), signed_parts.Part("AuthorizationReq", REQUEST)).hex() == FRAGMENT
    assert sig.signed_info_fragment(made.SignedInfo).hex() == SIGNED_INFO
    made.SignatureValue.value = bytes.fromhex(VALUE)
    assert sig.verify_message(REQUEST, made, KEY.public_key()) == []


def test_openssl_verifies_what_we_sign(tmp_path: Path) -> None:
    """r and s in DER form, over EXIficient's SignedInfo bytes, with the command-line tool."""
    made = sig.sign_message(REQUEST, KEY).SignatureValue.value
    assert len(made) == 64
    der = utils.encode_dss_signature(int.from_bytes(made[:32], "big"), int.from_bytes(made[32:], "big"))
    (tmp_path / "value").write_bytes(der)
    (tmp_path / "info").write_bytes(bytes.fromhex(SIGNED_INFO))
    (tmp_path / "key").write_bytes(
        KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    command = ["openssl", "dgst", "-sha256", "-verify", "key", "-signature", "value", "info"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout == "Verified OK\n"


@pytest.mark.parametrize(
    "vector",
    [*load(next(p for p in OWN if p.name.startswith("signature"))), *vectors("signatures")],
    ids=lambda vector: vector["id"],
)
def test_published_and_recorded_signatures_verify(vector: dict[str, Any]) -> None:
    """ISO 15118-2 from recorded sessions (P-256), ISO 15118-20 with P-521 and Ed448."""
    document = exi.decode(schema(vector["protocol"]), bytes.fromhex(vector["exi"]))
    message = document.Body.BodyElement if vector["protocol"] == "iso2" else document
    certificate = base64.b64decode(vector["signer_certificate"])
    found = document.Header.Signature
    assert sig.verify_message(message, found, certificate, vector["protocol"]) == []
    found.SignedInfo.Reference[0].DigestValue = bytes(32)
    with pytest.raises(sig.SignatureError):
        sig.verify_message(message, found, certificate, vector["protocol"])


@pytest.mark.skipif(not vectors("iso2-real"), reason="no recorded messages (PLUGFEST_SHARED)")
def test_every_recorded_message_with_a_signature_verifies() -> None:
    """With one of the certificates that the recorded sessions themselves carry."""
    signed, certificates = [], set()
    for vector in vectors("iso2-real"):
        document = exi.decode(schema("iso2"), bytes.fromhex(vector["exi"]))
        certificates.update(_certificates(document.Body.BodyElement))
        if document.Header.Signature is not None:
            signed.append(document)
    assert len(signed) >= 3
    for document in signed:
        fitting, problems = [], set()
        for certificate in certificates:
            try:
                fitting.append(sig.verify_message(document.Body.BodyElement, document.Header.Signature, certificate))
            except sig.SignatureError as why:
                problems.add(why.kind)
        assert fitting == [[]]
        assert problems == {"value"}  # the digests fit always; the other keys are others'


def _certificates(value: Any) -> set[bytes]:
    if isinstance(value, bytes) and value[:2] == b"\x30\x82":
        return {value}
    if isinstance(value, msgspec.Struct):
        return {c for name in value.__struct_fields__ for c in _certificates(getattr(value, name))}
    return {c for entry in value for c in _certificates(entry)} if isinstance(value, list) else set()


def mode() -> common.PnC_AReqAuthorizationModeType:
    return common.PnC_AReqAuthorizationModeType(
        Id="id1",
        GenChallenge=bytes(16),
        ContractCertificateChain=common.ContractCertificateChainType(
            Certificate=b"leaf", SubCertificates=common.SubCertificatesType(Certificate=[b"sub"])
        ),
    )


@pytest.mark.parametrize("grammar", [None, "common", "xmldsig"])
@pytest.mark.parametrize("key", [KEY, ec.generate_private_key(ec.SECP521R1()), ed448.Ed448PrivateKey.generate()])
def test_each_suite_signs_and_verifies_in_either_grammar(key: Any, grammar: Any) -> None:
    block = mode()
    elements = [signed_parts.Part("PnC_AReqAuthorizationMode", block)]
    made = sig.sign(schema("iso20-common"), elements, key, grammar)
    found = sig.examine(schema("iso20-common"), made, elements, key.public_key())
    assert (found.suite, found.grammar, found.notes) == (sig.suite_of(key), grammar or "common", ())
    block.GenChallenge = bytes(15) + b"\1"
    with pytest.raises(sig.SignatureError) as caught:
        sig.verify(schema("iso20-common"), made, elements, key.public_key())
    assert caught.value.kind == "digest"


INFO_A = (
    "8073225687474703a2f2f7777772e77332e6f72672f54522f63616e6f6e6963616c2d6578692f435687474703a2f2f7777772e77332e6f7267"
    "2f323030312f30342f786d6c647369672d6d6f72652365636473612d736861353132440c46d2c86204ad0e8e8e0745e5eeeeeee5cee665cdee4"
    "ce5ea8a45ec6c2dcdedcd2c6c2d85acaf0d25e90a5a1d1d1c0e8bcbddddddcb9dcccb9bdc99cbcc8c0c0c4bcc0d0bde1b5b195b98c8dcda184d4"
    f"c4c91{'0' * 130}6340"
)
INFO_B = (
    "808112b43a3a381d1797bbbbbb973b999737b93397aa2917b1b0b737b734b1b0b616b2bc3497a1ab43a3a381d1797bbbbbb973b999737b93397"
    "9918181897981a17bc36b63239b4b396b6b7b93291b2b1b239b096b9b4309a9899220623696431025687474703a2f2f7777772e77332e6f7267"
    "2f54522f63616e6f6e6963616c2d6578692f4852d0e8e8e0745e5eeeeeee5cee665cdee4ce5e646060625e60685ef0dad8cadcc646e6d0c26a62"
    f"6488{'0' * 129}370"
)
"""SignedInfo over ``#id1`` with ecdsa-sha512 and a digest of zeros, as libcbv2g codes it in either grammar."""


@pytest.mark.parametrize(("grammar", "expected"), [("common", INFO_A), ("xmldsig", INFO_B)])
def test_signed_info_of_either_grammar_is_that_of_another_codec(grammar: Any, expected: str) -> None:
    """The two differ in the width of one event code, which shifts all that follows."""
    key = ec.generate_private_key(ec.SECP521R1())
    info = sig.sign(schema("iso20-common"), [signed_parts.Part("PnC_AReqAuthorizationMode", mode())], key).SignedInfo
    info.Reference[0].DigestValue = bytes(64)
    assert sig.signed_info_fragment(info, grammar).hex() == expected


def test_digests_of_either_kind_are_accepted_with_ed448() -> None:
    """Sources disagree whether SHAKE256 or SHA-512 goes with it."""
    key, part = ed448.Ed448PrivateKey.generate(), signed_parts.Part("PnC_AReqAuthorizationMode", mode())
    made = sig.sign(schema("iso20-common"), [part], key)
    reference = made.SignedInfo.Reference[0]
    reference.DigestMethod.Algorithm = "http://www.w3.org/2001/04/xmlenc#sha512"
    reference.DigestValue = hashlib.sha512(sig.fragment(schema("iso20-common"), part)).digest()
    made.SignatureValue.value = key.sign(sig.signed_info_fragment(made.SignedInfo, "xmldsig"))
    assert sig.examine(schema("iso20-common"), made, [part], key.public_key()).grammar == "xmldsig"


def test_four_elements_are_signed_in_document_order_and_found_in_any() -> None:
    message = delivery()
    made = sig.sign_message(message, KEY)
    assert [r.URI for r in made.SignedInfo.Reference] == ["#id1", "#id2", "#id3", "#id4"]
    made.SignedInfo.Reference.reverse()
    made.SignatureValue.value = sig.raw_signature(KEY, sig.signed_info_fragment(made.SignedInfo))
    assert sig.verify_message(message, made, KEY.public_key()) == []


def test_the_fragment_of_libcbv2g_is_accepted_and_named() -> None:
    """Its eMAID fragment is another one, so a provisioning service built on it has another digest."""
    message = delivery()
    message.eMAID = iso2.EMAIDType(Id="ID4", value="DEABC123456789Y")
    part = signed_parts.Part("eMAID", message.eMAID)
    cbv2g = next(d for d in schema("iso2").dialects if d.name == "cbv2g")
    assert sig.fragment(schema("iso2"), part).hex() == "80ec0202a4a21a40045111505090cc4c8ccd0d4d8dce0e567d3d00"
    other = sig.fragment(schema("iso2"), part, cbv2g)
    assert other.hex() == "80ec02a4a21a045111505090cc4c8ccd0d4d8dce0e565e80"
    made = sig.sign_message(message, KEY)
    made.SignedInfo.Reference[3].DigestValue = sig.digest(sig.suite_of(KEY), other)
    made.SignatureValue.value = sig.raw_signature(KEY, sig.signed_info_fragment(made.SignedInfo))
    ((name, text),) = sig.verify_message(message, made, KEY.public_key())
    assert name == "signature-dialect"
    assert "eMAID" in text


def test_the_same_message_has_the_same_signature() -> None:
    assert sig.sign_message(REQUEST, KEY) == sig.sign_message(REQUEST, KEY)


# ---------------------------------------------------------------------------------------------------------------
# What is wrong is named


def wrong_digest(made: xmldsig.SignatureType) -> None:
    made.SignedInfo.Reference[0].DigestValue = bytes(32)


def wrong_value(made: xmldsig.SignatureType) -> None:
    made.SignatureValue.value = made.SignatureValue.value[::-1]


def short_value(made: xmldsig.SignatureType) -> None:
    made.SignatureValue.value = made.SignatureValue.value[:63]


def der_value(made: xmldsig.SignatureType) -> None:
    value = made.SignatureValue.value
    r, s = int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
    made.SignatureValue.value = utils.encode_dss_signature(r, s)


def wrong_set(made: xmldsig.SignatureType) -> None:
    data = exi.encode(schema("iso2"), made.SignedInfo, root="SignedInfo", fragment=True)
    made.SignatureValue.value = sig.raw_signature(KEY, data)


def other_uri(made: xmldsig.SignatureType) -> None:
    made.SignedInfo.Reference[0].URI = "#id9"


def twice(made: xmldsig.SignatureType) -> None:
    made.SignedInfo.Reference.append(copy.deepcopy(made.SignedInfo.Reference[0]))


def five(made: xmldsig.SignatureType) -> None:
    made.SignedInfo.Reference *= 5


def sha1(made: xmldsig.SignatureType) -> None:
    made.SignedInfo.Reference[0].DigestMethod.Algorithm = "http://www.w3.org/2000/09/xmldsig#sha1"


def rsa(made: xmldsig.SignatureType) -> None:
    made.SignedInfo.SignatureMethod.Algorithm = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


def c14n(made: xmldsig.SignatureType) -> None:
    made.SignedInfo.CanonicalizationMethod.Algorithm = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"


def no_transform(made: xmldsig.SignatureType) -> None:
    made.SignedInfo.Reference[0].Transforms = None


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        (wrong_digest, "digest", "digest mismatch in reference #id1: AuthorizationReq has 2ad5bb7d"),
        (wrong_value, "value", "does not verify with the given key, although all digests fit"),
        (short_value, "value", "SignatureValue of 63 bytes, expected 64"),
        (der_value, "value", "SignatureValue in DER form, expected 64"),
        (wrong_set, "value", "written with the iso2 schema set instead of xmldsig alone"),
        (other_uri, "reference", "reference #id9 points to nothing that must be signed; expected #id1"),
        (twice, "reference", "reference #id1 appears twice"),
        (five, "reference", "5 references, at most 4"),
        (sha1, "algorithm", "#id1: DigestMethod http://www.w3.org/2000/09/xmldsig#sha1, expected"),
        (rsa, "algorithm", "SignatureMethod http://www.w3.org/2001/04/xmldsig-more#rsa-sha256, expected"),
        (c14n, "algorithm", "CanonicalizationMethod http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        (no_transform, "algorithm", "#id1: transforms [], expected"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_is_named(change: Any, kind: str, text: str) -> None:
    made = sig.sign_message(REQUEST, KEY)
    change(made)
    with pytest.raises(sig.SignatureError) as caught:
        sig.verify_message(REQUEST, made, KEY.public_key())
    assert caught.value.kind == kind
    assert text in str(caught.value)
    assert caught.value.response_code == "FAILED_SignatureError"


def test_an_unsigned_element_another_key_and_no_signature_are_told_apart() -> None:
    message = delivery()
    made = sig.sign_message(message, KEY)
    with pytest.raises(sig.SignatureError, match="does not verify"):
        sig.verify_message(message, made, OTHER.public_key())
    with pytest.raises(sig.SignatureError, match="but the given key is of secp521r1"):
        sig.verify_message(message, made, ec.generate_private_key(ec.SECP521R1()).public_key())
    with pytest.raises(sig.SignatureError, match=r"a certificate of 7 bytes that cannot be used"):
        sig.verify_message(message, made, b"rubbish")
    with pytest.raises(sig.SignatureError, match="no Signature over ContractSignatureCertChain"):
        sig.verify_message(message, None, KEY.public_key())
    del made.SignedInfo.Reference[2]
    with pytest.raises(sig.SignatureError, match=r"DHpublickey \(#id3\) is not signed; references: #id1 #id2 #id4"):
        sig.verify_message(message, made, KEY.public_key())


def test_parts_that_v2g_forbids_are_reported() -> None:
    made = sig.sign_message(REQUEST, KEY)
    made.Id = "sig"
    made.SignedInfo.Reference[0].Type = "urn:x"
    made.SignatureValue.value = sig.raw_signature(KEY, sig.signed_info_fragment(made.SignedInfo))
    assert sig.verify_message(REQUEST, made, KEY.public_key()) == [
        ("signature-extra", "Signature/@Id, Reference/@Type")
    ]


def test_what_cannot_be_signed_is_our_own_error() -> None:
    with pytest.raises(LocalError, match="needs its own Id"):
        sig.sign_message(iso2.AuthorizationReq(GenChallenge=bytes(16)), KEY)
    with pytest.raises(LocalError, match="0 elements"):
        sig.sign_message(iso2.ChargingStatusReq(), KEY)
    meter = iso2.MeterInfoType(MeterID="M", MeterReading=-1)
    with pytest.raises(LocalError, match="cannot sign MeteringReceiptReq"):
        sig.sign_message(iso2.MeteringReceiptReq(Id="id1", SessionID=bytes(8), MeterInfo=meter), KEY)
    with pytest.raises(LocalError, match="cannot sign with a key of secp384r1"):
        sig.sign_message(REQUEST, ec.generate_private_key(ec.SECP384R1()))


def _with_references(count: int) -> tuple[iso2.AuthorizationReq, xmldsig.SignatureType]:
    message = iso2.AuthorizationReq(Id="id1", GenChallenge=bytes(16))
    key = ec.generate_private_key(ec.SECP256R1())
    made = sig.sign_message(message, key)
    made.SignedInfo.Reference = made.SignedInfo.Reference * count
    return message, made


@pytest.mark.parametrize("count", [5, 1000])
def test_too_many_references_are_refused_before_anything_is_computed(count: int) -> None:
    message, made = _with_references(count)
    with pytest.raises(sig.SignatureError, match=rf"{count} references, at most 4 \[V2G2-909\]"):
        sig.verify_message(message, made, b"no certificate: it is not even looked at")


def test_a_list_without_a_maximum_ends_the_decoding_of_a_message() -> None:
    """12 000 References are possible in 64 kB, and took the loop's time."""
    message, made = _with_references(1)
    empty = xmldsig.ReferenceType(DigestMethod=xmldsig.DigestMethodType(Algorithm="a"), DigestValue=b"")
    header = iso2.MessageHeaderType(SessionID=bytes(8), Signature=made)
    document = iso2.V2G_Message(Header=header, Body=iso2.BodyType(BodyElement=message))
    for count, fits in ((1024, True), (1025, False), (12000, False)):
        made.SignedInfo.Reference = [empty] * count
        data = exi.encode(schema("iso2"), document, strict=False)
        if fits:
            assert len(exi.decode(schema("iso2"), data).Header.Signature.SignedInfo.Reference) == count
        else:
            with pytest.raises(exi.DecodeError, match="more than 1024 elements Reference"):
                exi.examine(schema("iso2"), data)
