"""Creates and verifies XML signatures over EXI fragments, as ISO 15118-2 and -20 use them. Knows no role.

To sign [ISO 15118-2 section 7.9.2.4], each signed element has an ``Id`` and is encoded as an EXI fragment of its own
schema set; its digest goes into a Reference. SignedInfo is encoded as a fragment too, and that byte string is signed
(:mod:`v2g.suites`). In ISO 15118-2 this is a fragment of the xmldsig set alone; in ISO 15118-20 sources disagree, so
either :data:`Grammar` is accepted there, and the sender can choose.

The verifier encodes the decoded message again. Codecs in the field write some fragments differently (the ``eMAID`` of
libcbv2g), so a digest that does not match is retried in the known dialects, and the matching dialect is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import exi
from exi import STANDARD, Dialect, Schema
from v2g.credentials import read
from v2g.errors import LocalError, RemoteError
from v2g.messages import schema, xmldsig
from v2g.signed_parts import Part, parts
from v2g.suites import ED448, SUITES, Suite, curve_of, digest, holds, holds_der, raw_signature, suite_of

if TYPE_CHECKING:
    from v2g.suites import PrivateKey, PublicKey

CANONICAL_EXI = "http://www.w3.org/TR/canonical-exi/"
"""CanonicalizationMethod, and the one Transform of each Reference."""

MAX_REFERENCES = 4
"""The most References in one signature [V2G2-909]."""

MAX_PRICES = 6
"""The most References in ISO 15118-20: three schedule tuples with prices for both directions."""


Grammar: TypeAlias = Literal["common", "xmldsig"]
"""The coding of SignedInfo in ISO 15118-20: a fragment of the CommonMessages set, or of the xmldsig set alone."""

GRAMMARS: Mapping[str, tuple[Grammar, ...]] = {"iso20-common": ("common", "xmldsig")}
"""The grammars of SignedInfo by schema set, our own first; any other set only has ``xmldsig``."""


class SignatureError(RemoteError):
    """An invalid signature.

    Attributes:
        kind: ``missing``, ``algorithm``, ``reference``, ``digest``, ``key`` or ``value``.
        reference: URI of the Reference concerned, or "".
    """

    def __init__(self, kind: str, text: str, reference: str = "") -> None:
        super().__init__(text, "FAILED_SignatureError")
        self.kind = kind
        self.reference = reference


@dataclass(frozen=True)
class Verified:
    """A valid signature.

    Attributes:
        suite: its algorithms.
        grammar: the grammar of its SignedInfo.
        notes: what is unusual about it, as :func:`verify` returns it.
    """

    suite: Suite
    grammar: Grammar
    notes: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.suite.name}, SignedInfo in the grammar of {TITLES[self.grammar]}"


TITLES: Mapping[Grammar, str] = {"common": "CommonMessages", "xmldsig": "xmldsig alone"}
"""The grammars in words."""


# ---------------------------------------------------------------------------------------------------------------
# Fragments


def fragment(schema_set: Schema, part: Part, dialect: Dialect = STANDARD) -> bytes:
    """The bytes that are hashed for an element, regardless of its facets.

    Raises:
        exi.EncodeError: no bits can carry it.
    """
    return exi.encode(schema_set, part.element, root=part.name, fragment=True, strict=False, dialect=dialect)


def signed_info_fragment(signed_info: xmldsig.SignedInfoType, grammar: Grammar = "xmldsig") -> bytes:
    """The bytes that are signed."""
    return _signed_info(schema("xmldsig" if grammar == "xmldsig" else "iso20-common"), signed_info)


def _signed_info(schema_set: Schema, signed_info: xmldsig.SignedInfoType) -> bytes:
    return exi.encode(schema_set, signed_info, root="SignedInfo", fragment=True, strict=False)


def _most(schema_set: Schema) -> int:
    """The most References that one signature may have."""
    return MAX_PRICES if schema_set.name in GRAMMARS else MAX_REFERENCES


def _grammars(schema_set: Schema) -> tuple[Grammar, ...]:
    return GRAMMARS.get(schema_set.name, ("xmldsig",))


# ---------------------------------------------------------------------------------------------------------------
# Signing


def sign(
    schema_set: Schema, elements: Sequence[Part], key: PrivateKey, grammar: Grammar | None = None
) -> xmldsig.SignatureType:
    """The Signature for a message's header.

    Args:
        elements: the elements to sign, in document order; each has its own unique Id.
        grammar: grammar of SignedInfo; by default the schema set's first one.

    Raises:
        LocalError: an element has no Id or a duplicate one, or cannot be encoded; there are too many elements, or
            none; or the key is on an unsupported curve. Facets are checked when the message is sent.
    """
    suite = suite_of(key)
    if suite is None:
        raise LocalError(f"we cannot sign with a key of {curve_of(key)}; secp256r1, secp521r1 or Ed448 is needed")
    ids = [element.element.Id for element in elements]
    most = _most(schema_set)
    if not elements or len(elements) > most:
        raise LocalError(f"{len(elements)} elements to sign, but only 1 to {most} are possible [V2G2-909]")
    if not all(ids) or len(set(ids)) != len(ids):
        raise LocalError(f"each element to sign needs its own Id; they have {ids}")
    references = []
    for element in elements:
        try:
            data = fragment(schema_set, element)
        except exi.EncodeError as why:
            raise LocalError(f"we cannot sign {element.name}: {why}") from why
        references.append(
            xmldsig.ReferenceType(
                URI=f"#{element.element.Id}",
                Transforms=xmldsig.TransformsType(Transform=[xmldsig.TransformType(Algorithm=CANONICAL_EXI)]),
                DigestMethod=xmldsig.DigestMethodType(Algorithm=suite.digest),
                DigestValue=digest(suite, data),
            )
        )
    signed_info = xmldsig.SignedInfoType(
        CanonicalizationMethod=xmldsig.CanonicalizationMethodType(Algorithm=CANONICAL_EXI),
        SignatureMethod=xmldsig.SignatureMethodType(Algorithm=suite.signature),
        Reference=references,
    )
    value = raw_signature(key, signed_info_fragment(signed_info, grammar or _grammars(schema_set)[0]))
    return xmldsig.SignatureType(SignedInfo=signed_info, SignatureValue=xmldsig.SignatureValueType(value=value))


def sign_message(
    message: Any, key: PrivateKey, schema_set: str = "iso2", grammar: Grammar | None = None
) -> xmldsig.SignatureType:
    """The Signature over the elements that :data:`SIGNED` names for a message."""
    return sign(schema(schema_set), parts(message), key, grammar)


def described(signature: xmldsig.SignatureType) -> str:
    """A Signature in words: its algorithm and the beginning of its value."""
    name = signature.SignedInfo.SignatureMethod.Algorithm.rpartition("#")[2]
    return f"{name}, {signature.SignatureValue.value.hex()[:24]}..."


# ---------------------------------------------------------------------------------------------------------------
# Verifying


def verify(
    schema_set: Schema,
    signature: xmldsig.SignatureType | None,
    elements: Sequence[Part],
    key: PublicKey | bytes,
) -> list[tuple[str, str]]:
    """Checks a signature against the elements it must cover and the signer's key.

    Args:
        signature: Signature of the message's header.
        elements: exactly the elements that must be signed; the order of the references does not matter.
        key: public key of the signer, or the signer's certificate in DER.

    Returns:
        What is unusual about it, as (stable name, details) pairs: ``signature-extra`` for parts that a V2G signature
        must not have [V2G2-771], ``signature-dialect`` for digests over another codec's bytes.

    Raises:
        SignatureError: it is invalid; says which reference, what was found and what was expected.
    """
    return list(examine(schema_set, signature, elements, key).notes)


def examine(
    schema_set: Schema,
    signature: xmldsig.SignatureType | None,
    elements: Sequence[Part],
    key: PublicKey | bytes,
) -> Verified:
    """Like :func:`verify`; also says how it was made.

    Raises:
        SignatureError: it is missing, or does not verify; its code says why.
    """
    if signature is None:
        raise SignatureError("missing", f"no Signature over {', '.join(e.name for e in elements)}")
    most = _most(schema_set)
    if (count := len(signature.SignedInfo.Reference)) > most:  # before anything is read or computed
        raise SignatureError("reference", f"{count} references, at most {most} [V2G2-909]")
    public, signer = _public_key(key)
    suite = _check_algorithms(schema_set, signature.SignedInfo, public, signer)
    notes = [("signature-extra", extra)] if (extra := ", ".join(_extras(signature))) else []
    by_id = _check_references(signature.SignedInfo.Reference, elements)
    for reference in signature.SignedInfo.Reference:
        element = by_id[reference.URI or ""]
        dialect = _check_digest(schema_set, suite, reference, element)
        if dialect is not STANDARD:
            notes.append(("signature-dialect", f"{element.name}: digest of the {dialect.name} codec's fragment"))
    grammar = _check_value(schema_set, suite, signature, public, signer)
    return Verified(suite, grammar, tuple(notes))


def verify_message(
    message: Any, signature: xmldsig.SignatureType | None, key: PublicKey | bytes, schema_set: str = "iso2"
) -> list[tuple[str, str]]:
    """Like :func:`verify`, over the elements that :data:`SIGNED` names for the message."""
    return verify(schema(schema_set), signature, parts(message), key)


def examine_message(
    message: Any, signature: xmldsig.SignatureType | None, key: PublicKey | bytes, schema_set: str = "iso2"
) -> Verified:
    """Like :func:`examine`, over the elements that :data:`SIGNED` names for the message."""
    return examine(schema(schema_set), signature, parts(message), key)


def _public_key(key: Any) -> tuple[Any, str]:
    """A public key, and its owner in words."""
    if not isinstance(key, bytes):
        return key, "the given key"

    try:
        certificate = read(key)
    except RemoteError as why:
        raise SignatureError("key", f"the signer's is {why}") from why
    return certificate.public_key(), f"the key of {certificate.subject.rfc4514_string()}"


def _suite(key: Any) -> Suite:
    suite = suite_of(key)
    if suite is None:
        raise SignatureError("key", f"a key of {curve_of(key)}; secp256r1, secp521r1 or Ed448 is needed")
    return suite


def _check_algorithms(schema_set: Schema, info: xmldsig.SignedInfoType, public: Any, signer: str) -> Suite:
    if info.CanonicalizationMethod.Algorithm != CANONICAL_EXI:
        found = info.CanonicalizationMethod.Algorithm
        raise SignatureError("algorithm", f"CanonicalizationMethod {found}, expected {CANONICAL_EXI}")
    allowed = SUITES[schema_set.name]
    method = info.SignatureMethod.Algorithm
    suite = next((suite for suite in allowed if suite.signature == method), None)
    if suite is None:
        expected = " or ".join(suite.signature for suite in allowed)
        raise SignatureError("algorithm", f"SignatureMethod {method}, expected {expected}")
    own = _suite(public)
    if own is not suite:
        raise SignatureError("key", f"SignatureMethod {suite.name}, but {signer} is of {own.curve}")
    for reference in info.Reference:
        if reference.DigestMethod.Algorithm not in suite.digests:
            text = f"DigestMethod {reference.DigestMethod.Algorithm}, expected {suite.digest}"
            raise SignatureError("algorithm", f"{reference.URI}: {text}", reference.URI or "")
        transforms = [t.Algorithm for t in reference.Transforms.Transform] if reference.Transforms else []
        if transforms != [CANONICAL_EXI]:
            text = f"{reference.URI}: transforms {transforms}, expected {CANONICAL_EXI} alone"
            raise SignatureError("algorithm", text, reference.URI or "")
    return suite


def _extras(signature: xmldsig.SignatureType) -> list[str]:
    """Parts that a V2G signature must not have [V2G2-771]."""
    info = signature.SignedInfo
    found = {
        "Signature/@Id": signature.Id,
        "KeyInfo": signature.KeyInfo,
        "Object": signature.Object,
        "SignedInfo/@Id": info.Id,
        "SignatureValue/@Id": signature.SignatureValue.Id,
        "HMACOutputLength": info.SignatureMethod.HMACOutputLength,
        "Reference/@Id": next((r.Id for r in info.Reference if r.Id), None),
        "Reference/@Type": next((r.Type for r in info.Reference if r.Type), None),
        "XPath": next(
            (t.content for r in info.Reference for t in (r.Transforms or _NONE).Transform if t.content), None
        ),
    }
    return [name for name, value in found.items() if value]


_NONE = xmldsig.TransformsType(Transform=[])


def _check_references(references: Sequence[xmldsig.ReferenceType], elements: Sequence[Part]) -> dict[str, Part]:
    """The elements by URI, if the references match them exactly."""
    by_id: dict[str, Part] = {}
    for element in elements:
        if not element.element.Id:
            raise SignatureError("reference", f"{element.name} has no Id, so no reference can point to it")
        uri = f"#{element.element.Id}"
        if uri in by_id:
            raise SignatureError("reference", f"{element.name} and {by_id[uri].name} share the Id {element.element.Id}")
        by_id[uri] = element
    uris = [reference.URI or "" for reference in references]
    for uri in uris:
        if uri not in by_id or uris.count(uri) > 1:
            problem = "points to nothing that must be signed" if uri not in by_id else "appears twice"
            raise SignatureError(
                "reference", f"reference {uri or '(empty)'} {problem}; expected {' '.join(by_id)}", uri
            )
    for uri, element in by_id.items():
        if uri not in uris:
            raise SignatureError(
                "reference", f"{element.name} ({uri}) is not signed; references: {' '.join(uris)}", uri
            )
    return by_id


def _check_digest(schema_set: Schema, suite: Suite, reference: xmldsig.ReferenceType, element: Part) -> Dialect:
    """The dialect in which the element's fragment matches the reference's digest."""
    expected = b""
    for dialect in (STANDARD, *schema_set.dialects):
        found = digest(suite, fragment(schema_set, element, dialect), reference.DigestMethod.Algorithm)
        if found == reference.DigestValue:
            return dialect
        expected = expected or found
    raise SignatureError(
        "digest",
        f"digest mismatch in reference {reference.URI}: {element.name} has {expected.hex()},"
        f" but {reference.DigestValue.hex()} was signed",
        reference.URI or "",
    )


def _check_value(
    schema_set: Schema, suite: Suite, signature: xmldsig.SignatureType, public: Any, signer: str
) -> Grammar:
    """The grammar of SignedInfo with which the signature value verifies."""
    info, value = signature.SignedInfo, signature.SignatureValue.value
    data = {grammar: signed_info_fragment(info, grammar) for grammar in _grammars(schema_set)}
    if len(value) != suite.length:
        der = suite is not ED448 and value[:1] == b"\x30"
        der = der and any(holds_der(suite, public, value, octets) for octets in data.values())
        form = "in DER form" if der else f"of {len(value)} bytes"
        parts = "" if suite is ED448 else " (r and s)"
        raise SignatureError("value", f"SignatureValue {form}, expected {suite.length} bytes{parts}")
    for grammar, octets in data.items():
        if holds(public, value, octets):
            return grammar
    hint = ""
    if "common" not in data and holds(public, value, _signed_info(schema_set, info)):
        hint = f"; it fits a SignedInfo written with the {schema_set.name} schema set instead of xmldsig alone"
    raise SignatureError("value", f"SignatureValue does not verify with {signer}, although all digests fit{hint}")
