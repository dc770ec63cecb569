"""The one place where foreign certificates, keys, revocation lists and OCSP data become objects.

The library parses most parts of a certificate only on first access, and what it raises then depends on the defect:
ValueError, UnsupportedAlgorithm, InvalidVersion, DuplicateExtension, and occasionally a panic in the code below it.
Here every part is accessed once. The result is safe to use anywhere; any defect becomes :class:`Unreadable`, which says
what the object is, where it came from, which of several it is, and what is wrong.

Everything is bounded (:data:`MAX_OCTETS` and the rest). No other module calls the library's ``load_...`` functions; a
test enforces this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x448
from cryptography.hazmat.primitives.serialization import pkcs12 as _pkcs12
from cryptography.x509 import ocsp

from pki.framing import MAX_FILE, split
from pki.unreadable import Absent as Absent
from pki.unreadable import Unreadable as Unreadable
from pki.unreadable import WrongPassword as WrongPassword
from pki.unreadable import refusing, short

MAX_OCTETS = 65536
"""Octets of one certificate; the standards allow 800 and 1600."""
MAX_EXTENSIONS = 64
"""Extensions of one certificate; ten is already a lot."""
MAX_CRL_OCTETS = MAX_FILE
MAX_RSA_BITS = 16384
"""OpenSSL's limit; checking signatures with longer keys takes seconds."""
MAX_NAME_OCTETS = 4096
"""Octets of a subject or issuer name."""

AnyPrivateKey: TypeAlias = (
    ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | ed25519.Ed25519PrivateKey | x448.X448PrivateKey
)
_KEYS = (ec.EllipticCurvePrivateKey, ed448.Ed448PrivateKey, ed25519.Ed25519PrivateKey, x448.X448PrivateKey)


# ---------------------------------------------------------------------------------------------------------------
# Certificates


def certificate(der: bytes, source: str = "", place: int = 0) -> x509.Certificate:
    """Loads a certificate all of whose parts can be read.

    Args:
        der: exactly one certificate; nothing may follow it.
        source: file or peer, for the error; "" if the caller adds it.
        place: which one of several, counted from 1.

    Raises:
        Unreadable: names the defect.
    """

    def refuse(defect: str) -> Unreadable:
        return Unreadable("certificate", source, place, defect)

    if not der:
        raise refuse("it is empty")
    if len(der) > MAX_OCTETS:
        raise refuse(f"it has {len(der)} octets; at most {MAX_OCTETS} are read")
    with refusing(refuse):
        found = x509.load_der_x509_certificate(der)
    _look_at(found, refuse)
    return found


def _look_at(found: x509.Certificate, refuse: Callable[[str], Unreadable]) -> None:
    for part, look in _PARTS:
        with refusing(refuse, part):
            look(found)
    if (count := len(found.extensions)) > MAX_EXTENSIONS:
        raise refuse(f"it has {count} extensions; at most {MAX_EXTENSIONS} are read")
    for whose, name in (("subject", found.subject), ("issuer", found.issuer)):
        if (size := len(name.public_bytes())) > MAX_NAME_OCTETS:
            raise refuse(f"its {whose} has {size} octets; at most {MAX_NAME_OCTETS} are read")
    key = found.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size > MAX_RSA_BITS:
        raise refuse(f"its RSA key has {key.key_size} bits; at most {MAX_RSA_BITS} are used")


def _name(name: x509.Name) -> object:
    return name.rfc4514_string(), name.public_bytes(), [str(part.value) for part in name]


def _key(found: x509.Certificate) -> object:
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return found.public_key().public_bytes(encoding, form)


_PARTS: Sequence[tuple[str, Callable[[x509.Certificate], object]]] = (
    ("its version", lambda c: c.version),
    ("its serial number", lambda c: c.serial_number),
    ("its subject", lambda c: _name(c.subject)),
    ("its issuer", lambda c: _name(c.issuer)),
    ("its validity", lambda c: (c.not_valid_before_utc, c.not_valid_after_utc)),
    ("its signature", lambda c: (c.signature_algorithm_oid, c.signature, c.tbs_certificate_bytes)),
    ("its public key", _key),
    ("one of its extensions", lambda c: list(c.extensions)),
    ("its encoding", lambda c: c.public_bytes(serialization.Encoding.DER)),
)
"""Every part that the library parses on first access."""


def chain(ders: Sequence[bytes], source: str = "") -> list[x509.Certificate]:
    """The certificates of a chain as it was sent, leaf first.

    Raises:
        Unreadable: says which one.
    """
    several = len(ders) > 1
    return [certificate(der, source, place if several else 0) for place, der in enumerate(ders, 1)]


def readable(ders: Sequence[bytes], source: str = "") -> list[x509.Certificate | Unreadable]:
    """Like :func:`chain`, for display: each defective certificate is replaced by its error."""
    found: list[x509.Certificate | Unreadable] = []
    for place, der in enumerate(ders, 1):
        try:
            found.append(certificate(der, source, place if len(ders) > 1 else 0))
        except Unreadable as why:
            found.append(why)
    return found


def certificates(data: bytes, source: str) -> list[x509.Certificate]:
    """The certificates of a PEM or DER file, in order; DER may hold several, one after the other.

    Raises:
        Unreadable: one of them cannot be used, or there is none.
    """
    return chain(split(data, source), source)


# ---------------------------------------------------------------------------------------------------------------
# Keys


def private_key(data: bytes, source: str, password: str | None = None) -> AnyPrivateKey:
    """The private key in PEM or DER: on an elliptic curve, Ed448, Ed25519 or X448.

    Args:
        password: used if the key is encrypted, ignored otherwise.

    Raises:
        WrongPassword: the key is encrypted, and the password is missing or wrong.
        Unreadable: there is no such key.
    """

    def refuse(defect: str) -> Unreadable:
        return Unreadable("private key", source, 0, defect)

    in_pem = b"-----BEGIN" in data
    if in_pem and b"PRIVATE KEY-----" not in data:
        raise Absent("private key", source, 0, "no private key in PEM or DER")
    load = serialization.load_pem_private_key if in_pem else serialization.load_der_private_key
    key: object = None
    with refusing(refuse):
        try:
            key = load(data, None)
        except TypeError:  # it is encrypted
            if not password:
                raise WrongPassword("private key", source, 0, "it is encrypted: its password is needed") from None
            try:
                key = load(data, password.encode())
            except ValueError as why:
                raise WrongPassword("private key", source, 0, "it is encrypted, and the password is wrong") from why
        except ValueError as why:
            raise Absent("private key", source, 0, f"no private key in PEM or DER ({short(why)})") from why
    if not isinstance(key, _KEYS):
        kind = type(key).__name__.removesuffix("PrivateKey").lstrip("_")
        kind += f"-{key.key_size}" if isinstance(key, rsa.RSAPrivateKey) else ""
        raise refuse(f"it is of kind {kind}, where an elliptic-curve or Ed448 key is needed")
    with refusing(refuse):
        key.public_key()
    return key


@dataclass
class Box:
    """What a PKCS#12 file holds.

    Attributes:
        key: the private key, or None.
        certificates: that of the key first, without unusable ones.
        defects: one error for each unusable certificate.
    """

    key: AnyPrivateKey | None
    certificates: list[x509.Certificate]
    defects: list[Unreadable]


def pkcs12(data: bytes, source: str, passwords: Sequence[str | None]) -> Box:
    """A PKCS#12 container, opened with the first password that fits.

    Raises:
        WrongPassword: none of them fits.
        Unreadable: it is not such a container.
    """

    def refuse(defect: str) -> Unreadable:
        return Unreadable("PKCS#12", source, 0, defect)

    for password in dict.fromkeys(passwords):
        with refusing(refuse):
            try:
                held = _pkcs12.load_pkcs12(data, password.encode() if password is not None else None)
            except ValueError as why:
                if "password" in str(why).lower():
                    continue
                raise
            parts = [one for one in (held.cert, *held.additional_certs) if one is not None]
            found = readable([one.certificate.public_bytes(serialization.Encoding.DER) for one in parts], source)
            return Box(
                held.key if isinstance(held.key, _KEYS) else None,
                [one for one in found if isinstance(one, x509.Certificate)],
                [one for one in found if isinstance(one, Unreadable)],
            )
    how = ", and the password is wrong" if any(passwords) else ": its password is needed"
    raise WrongPassword("PKCS#12", source, 0, f"it is encrypted{how}")


# ---------------------------------------------------------------------------------------------------------------
# Revocation

_Parts: TypeAlias = Sequence[tuple[str, Callable[[], object]]]


def crl(data: bytes, source: str) -> x509.CertificateRevocationList:
    """A revocation list in PEM or DER, every row of which can be read.

    Raises:
        Unreadable: it cannot be read.
    """

    def refuse(defect: str) -> Unreadable:
        return Unreadable("revocation list", source, 0, defect)

    with refusing(refuse):
        load = x509.load_pem_x509_crl if b"-----BEGIN" in data else x509.load_der_x509_crl
        found = load(data)
    parts: _Parts = (
        ("its issuer", lambda: _name(found.issuer)),
        ("its time", lambda: (found.last_update_utc, found.next_update_utc)),
        ("its signature", lambda: (found.signature_algorithm_oid, found.signature, found.tbs_certlist_bytes)),
        ("one of its extensions", lambda: list(found.extensions)),
        ("one of its entries", lambda: [(r.serial_number, r.revocation_date_utc, list(r.extensions)) for r in found]),
    )
    for part, look in parts:
        with refusing(refuse, part):
            look()
    return found


def ocsp_response(data: bytes, source: str = "", place: int = 0) -> ocsp.OCSPResponse:
    """An OCSP response in DER; every part of a successful one can be read.

    Raises:
        Unreadable: it cannot be read.
    """

    def refuse(defect: str) -> Unreadable:
        return Unreadable("OCSP response", source, place, defect)

    if len(data) > MAX_OCTETS:
        raise refuse(f"it has {len(data)} octets; at most {MAX_OCTETS} are read")
    with refusing(refuse):
        found = ocsp.load_der_ocsp_response(data)
        if found.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return found
    parts: _Parts = (
        ("its responder", lambda: (_name(found.responder_name or x509.Name([])), found.responder_key_hash)),
        ("its signature", lambda: (found.signature_algorithm_oid, found.signature, found.tbs_response_bytes)),
        ("the hash of its signature", lambda: found.signature_hash_algorithm),
        ("its time", lambda: found.produced_at_utc),
        ("one of its extensions", lambda: list(found.extensions)),
        ("one of its responses", lambda: [_single(one) for one in found.responses]),
    )
    for part, look in parts:
        with refusing(refuse, part):
            look()
    with refusing(refuse, "its certificates"):
        enclosed = found.certificates
    for one in enclosed:
        _look_at(one, refuse)
    return found


def _single(one: ocsp.OCSPSingleResponse) -> object:
    return (
        one.serial_number, one.certificate_status, one.this_update_utc, one.next_update_utc, one.revocation_time_utc,
        one.revocation_reason, one.hash_algorithm, one.issuer_name_hash, one.issuer_key_hash,
    )  # fmt: skip


def ocsp_request(data: bytes, source: str = "") -> ocsp.OCSPRequest:
    """An OCSP request about one certificate, in DER.

    Raises:
        Unreadable: it cannot be read.
    """
    with refusing(lambda defect: Unreadable("OCSP request", source, 0, defect)):
        found = ocsp.load_der_ocsp_request(data)
        _ = found.issuer_name_hash, found.issuer_key_hash, found.serial_number, found.hash_algorithm
        _ = list(found.extensions)
        return found


# ---------------------------------------------------------------------------------------------------------------
# One certificate about another


def issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether the names fit and the signature over ``certificate`` was made with the issuer's key."""
    if certificate.issuer != issuer.subject:
        return False
    try:
        with refusing(lambda defect: Unreadable("certificate", "", 0, defect)):
            certificate.verify_directly_issued_by(issuer)
    except (Unreadable, InvalidSignature):
        return False
    return True


def listed_by(authority: x509.Certificate, found: x509.CertificateRevocationList) -> bool:
    """Whether a revocation list was signed with an authority's key."""
    key = authority.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | ed448.Ed448PublicKey | rsa.RSAPublicKey):
        return False
    try:
        with refusing(lambda defect: Unreadable("revocation list", "", 0, defect)):
            return found.is_signature_valid(key)
    except Unreadable:
        return False
