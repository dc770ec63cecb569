"""Every vector, both ways, through both executors: EXI, message, XML, JSON; signatures; what is tolerated, refused."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, utils
from vectors import OTHERS, OWN, Vector, canonical, grammar_of, load, own_ids

import exi
from exi.generate import LARGEST, generated
from exi.generate_encode import LONGEST
from exi.tree import Node
from exi.walker import Encoder


def _all(vectors: Iterable[Vector], check: Callable[[Vector], str | None]) -> None:
    """Runs a check over vectors and reports every failure by its id."""
    failures = []
    for vector in vectors:
        try:
            problem = check(vector)
        except exi.ExiError as why:
            problem = f"{why} ({vector['exi'][:120]})"
        if problem is not None:
            failures.append(f"{vector['id']}: {problem}")
    assert not failures, f"{len(failures)} failures:\n" + "\n".join(failures[:20])


def _leaves_to_walker(vector: Vector, decoded: exi.Decoded) -> bool:
    """What generated code does not take on: see :mod:`exi.generate`."""
    return (
        bool(decoded.omitted or decoded.trailing)
        or len(vector["exi"]) // 2 > LARGEST
        or "KeyInfo" in vector["xml"]
        or "XPath" in vector["xml"]
        or any(part in vector["xml"] for part in ("X509Data", "SPKIData"))
        or not isinstance(decoded.node.type, exi.schema.Complex)
        or (decoded.name == "eMAID" and vector["protocol"] == "iso2-fragment")
    )


def _has_long_list(node: Node) -> bool:
    return len(node.children) > LONGEST or any(_has_long_list(child) for child in node.children)


def check(vector: Vector) -> str | None:
    """What a vector asks for, as a complaint."""
    schema, fragment = grammar_of(vector["protocol"])
    data = bytes.fromhex(vector["exi"])
    fast = generated(schema, exi.grammar(schema))
    if vector.get("error"):
        return _refused(schema, data, fragment)
    decoded = exi.read(schema, data, fragment=fragment)
    message, root = decoded.message, decoded.name
    if decoded.problems:
        return f"breaks facets: {decoded.problems[0]}"
    if canonical(decoded.xml) != canonical(vector["xml"]):
        return f"other XML: {decoded.xml}"
    quick = fast.decode(data, fragment)
    if quick is None:
        if not _leaves_to_walker(vector, decoded):
            return "generated code does not read it"
    elif quick != message:
        return f"generated code reads {quick}"
    if exi.decode(schema, data, fragment=fragment) != message:
        return "exi.decode differs from exi.read"
    if (
        exi.from_json(
            schema,
            json.loads(json.dumps(exi.to_json(schema, message, root=root, fragment=fragment))),
            fragment=fragment,
        )
        != message
    ):
        return "other message by way of JSON"
    if exi.from_xml(schema, vector["xml"], fragment=fragment) != message:
        return "other message from XML"
    if vector.get("decode_only"):
        return None if decoded.tolerated else "tolerated without a word"
    if decoded.tolerated:
        return f"tolerated: {decoded.tolerated}"
    slow = Encoder(exi.grammar(schema)).encode(decoded.node, fragment=fragment)
    if slow != data:
        return f"written as {slow.hex()}, not {vector['exi']}"
    written = fast.encode(message, root, fragment)
    if written is None:
        if not _leaves_to_walker(vector, decoded) and not _has_long_list(decoded.node):
            return "generated code does not write it"
    elif written != data:
        return f"written by generated code as {written.hex()}, not {vector['exi']}"
    if exi.encode(schema, message, root=root, fragment=fragment) != data:
        return "exi.encode differs"
    return _signed(vector) if vector["kind"] == "signature" else None


def _refused(schema: exi.Schema, data: bytes, fragment: bool) -> str | None:
    if generated(schema, exi.grammar(schema)).decode(data, fragment) is not None:
        return "accepted by generated code"
    try:
        message = exi.decode(schema, data, fragment=fragment)
    except exi.DecodeError as why:
        if why.bit is None or not 0 <= why.bit <= 8 * len(data):
            return f"no bit offset: {why}"
        return None if why.what else "no words"
    return f"accepted: {message}"


def _signed(vector: Vector) -> str | None:
    """Fragments of what is signed, their digests, and the signature over SignedInfo as a fragment."""
    algorithm = vector["signature_algorithm"]
    for reference in vector["references"]:
        fragment = _fragment(reference["fragment_protocol"], reference["fragment_xml"])
        if fragment.hex() != reference["fragment_exi"]:
            return f"{reference['element']} is written as {fragment.hex()}"
        if _digest(algorithm, fragment).hex() != reference["digest"]:
            return f"{reference['element']} has another digest"
    signed_info = _fragment(vector["signed_info_protocol"], vector["signed_info_xml"])
    if signed_info.hex() != vector["signed_info_exi"]:
        return f"SignedInfo is written as {signed_info.hex()}"
    certificate = x509.load_der_x509_certificate(base64.b64decode(vector["signer_certificate"]))
    key = certificate.public_key()
    signature = bytes.fromhex(vector["signature_value"])
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            half = len(signature) // 2
            r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
            digest: hashes.HashAlgorithm = hashes.SHA512() if "512" in algorithm else hashes.SHA256()
            key.verify(utils.encode_dss_signature(r, s), signed_info, ec.ECDSA(digest))
        else:
            assert isinstance(key, ed448.Ed448PublicKey)
            key.verify(signature, signed_info)
    except InvalidSignature:
        return "the signature does not verify"
    return None


def _fragment(protocol: str, text: str) -> bytes:
    """A fragment as bytes, the message object in between."""
    schema, fragment = grammar_of(protocol)
    assert fragment
    message = exi.from_xml(schema, text, fragment=True)
    root = canonical(text)[0]
    return exi.encode(schema, message, root=root, fragment=True)


def _digest(algorithm: str, data: bytes) -> bytes:
    if algorithm.startswith("Ed448"):
        return hashlib.shake_256(data).digest(64)
    return (hashlib.sha512 if "512" in algorithm else hashlib.sha256)(data).digest()


@pytest.mark.parametrize("path", OWN, ids=lambda p: p.name.partition(".")[0])
def test_vectors_of_the_repository(path: Path) -> None:
    _all(load(path), check)


@pytest.mark.skipif(not OTHERS, reason="no vectors outside the repository (PLUGFEST_SHARED)")
@pytest.mark.parametrize("path", OTHERS or [Path()], ids=lambda p: p.stem)
def test_further_vectors(path: Path) -> None:
    _all((v for v in load(path) if v["id"] not in own_ids()), check)


def test_what_is_tolerated_is_reported() -> None:
    """Each deviation that a decoder forgives is named in the result, so that a bench can report it."""
    said: set[str] = set()
    for vector in load(next(p for p in OWN if p.name.startswith("tolerated"))):
        schema, fragment = grammar_of(vector["protocol"])
        decoded = exi.read(schema, bytes.fromhex(vector["exi"]), fragment=fragment)
        assert decoded.dialect is exi.STANDARD, vector["id"]
        (words,) = decoded.tolerated
        if "zero byte" in vector["note"]:
            assert set(decoded.trailing) == {0}, vector["id"]
        else:
            assert decoded.omitted, vector["id"]
        said.add(words.partition(":")[0].lstrip("0123456789 "))
    assert said == {"empty value as undeclared end-element", "bytes after the end"}
