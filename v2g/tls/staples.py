"""OCSP responses beside certificates: checking them, and collecting or spoiling those we send.

A response counts if it is about the certificate, says "good", is signed by the issuer or by a responder that the issuer
certified for it, and its time has come and is not over [V2G2-649, 873, 876; V2G20-1021, 1240].
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from v2g.errors import SetupError

if TYPE_CHECKING:
    from cryptography import x509

Stapler = Callable[["x509.Certificate", "x509.Certificate | None", str, datetime.datetime], bytes]
"""(certificate, its issuer, kind, time) -> OCSP response in DER, or b"". Kinds: good, stale, revoked, unknown.
It raises SetupError for a kind that it cannot make."""

MAX_AGE = datetime.timedelta(days=7)
"""[V2G2-876, V2G20-1021]"""

SKEW = datetime.timedelta(minutes=5)
"""How far clocks may differ."""


def gather(
    stapler: Stapler | None,
    pairs: Sequence[tuple[x509.Certificate, x509.Certificate | None]],
    deviation: str,
    now: datetime.datetime,
) -> list[bytes]:
    """The responses for a chain, spoiled as a deviation wants it.

    Args:
        pairs: each certificate with its issuer, leaf first.
        deviation: of :attr:`v2g.tls.options.Deviations.staple`.

    Raises:
        SetupError: the stapler cannot make that kind.
    """
    if deviation == "missing":
        return []
    if deviation == "garbage":
        return [b"no OCSP response"] * len(pairs)
    assert stapler is not None
    kind = deviation if deviation in ("stale", "revoked", "unknown") else "good"
    found = [stapler(certificate, issuer, kind, now) for certificate, issuer in pairs]
    if deviation == "wrong":
        if len(found) < 2:
            raise SetupError("deviate.staple: wrong needs a chain of two certificates, to swap their responses")
        return [*found[1:], found[0]]
    return [_forge(response) for response in found] if deviation == "forged" else found


def _forge(response: bytes) -> bytes:
    from cryptography.x509 import ocsp

    signature = ocsp.load_der_ocsp_response(response).signature
    return response.replace(signature, signature[:-1] + bytes((signature[-1] ^ 1,)))


def from_files(paths: Sequence[Path]) -> Stapler:
    """Responses from DER files, as ``openssl ocsp -respout`` writes them; matched by serial number.

    Raises:
        SetupError: a file cannot be read, or is no OCSP response.
    """
    from cryptography.x509 import ocsp

    by_serial: dict[int, bytes] = {}
    for path in paths:
        try:
            data = path.read_bytes()
            for single in ocsp.load_der_ocsp_response(data).responses:
                by_serial[single.serial_number] = data
        except OSError as why:
            raise SetupError(f"{path}: {why.strerror}") from why
        except ValueError as why:
            raise SetupError(f"{path} is no successful OCSP response in DER") from why

    def find(certificate: x509.Certificate, issuer: Any, kind: str, now: datetime.datetime) -> bytes:
        if kind != "good":
            raise SetupError(
                f"deviate.staple: {kind} needs the key of an OCSP responder (--pki); files are as they are"
            )
        return by_serial.get(certificate.serial_number, b"")

    return find


@dataclass(frozen=True)
class Problem:
    """Why a response does not count."""

    check: str
    text: str
    alert: str = "bad_certificate_status_response"


def check(
    response: bytes, certificate: x509.Certificate, issuer: x509.Certificate | None, now: datetime.datetime
) -> Problem | None:
    """What is wrong with a response, or None."""
    from cryptography.x509 import ocsp

    try:
        parsed = ocsp.load_der_ocsp_response(response)
        if parsed.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return Problem("staple-unsuccessful", f"the responder answered {parsed.response_status.name.lower()}")
        singles = [s for s in parsed.responses if s.serial_number == certificate.serial_number]
    except ValueError as why:
        return Problem("staple-malformed", f"{len(response)} bytes that are no OCSP response ({why})")
    if issuer is None:
        return Problem("staple-issuer", "the certificate's issuer is not known, so it cannot be checked")
    single = next((s for s in singles if _about(s, issuer)), None)
    if single is None:
        return Problem("staple-wrong", "it is about another certificate")
    if not _signed(parsed, issuer):
        return Problem("staple-signature", "its signature is neither the issuer's nor of a responder certified by it")
    begin, end = single.this_update_utc, single.next_update_utc
    if begin > now + SKEW:
        return Problem("staple-future", f"valid only from {begin:%Y-%m-%d %H:%M} UTC")
    if end is not None and end < now - SKEW:
        return Problem("staple-stale", f"its validity ended on {end:%Y-%m-%d %H:%M} UTC")
    if begin < now - MAX_AGE - SKEW:
        return Problem("staple-stale", f"of {begin:%Y-%m-%d %H:%M} UTC, older than a week [V2G2-876]")
    if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        when = single.revocation_time_utc
        return Problem("revoked", f"revoked on {when:%Y-%m-%d %H:%M} UTC" if when else "revoked", "certificate_revoked")
    if single.certificate_status is not ocsp.OCSPCertStatus.GOOD:
        return Problem("staple-unknown", "the responder does not know the certificate")
    return None


def _about(single: Any, issuer: x509.Certificate) -> bool:
    """The certificate id names this issuer."""
    from cryptography import x509

    name = single.hash_algorithm.name
    if name not in ("sha1", "sha256", "sha384", "sha512"):
        return False
    key: Any = issuer.public_key()
    point = x509.SubjectKeyIdentifier.from_public_key(key).digest  # SHA-1 of the bit string
    same_name = single.issuer_name_hash == hashlib.new(name, issuer.subject.public_bytes()).digest()
    if name != "sha1":
        return bool(same_name and single.issuer_key_hash == hashlib.new(name, _bits(key)).digest())
    return bool(same_name and single.issuer_key_hash == point)


def _bits(key: Any) -> bytes:
    """The bit string of a public key."""
    from cryptography.hazmat.primitives import serialization

    if hasattr(key, "curve"):
        form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    else:
        form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    data: bytes = key.public_bytes(*form)
    return data


def _signed(parsed: Any, issuer: x509.Certificate) -> bool:
    """The response is signed by the issuer, or by a certificate in it that the issuer made for OCSP."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.x509.oid import ExtendedKeyUsageOID

    from pki.store import issued

    signers = [issuer]
    for other in parsed.certificates:
        try:
            purposes = other.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except (x509.ExtensionNotFound, ValueError):
            continue
        if ExtendedKeyUsageOID.OCSP_SIGNING in purposes and issued(issuer, other):
            signers.append(other)
    for signer in signers:
        key: Any = signer.public_key()
        try:
            if hasattr(key, "curve"):
                from cryptography.hazmat.primitives.asymmetric import ec

                key.verify(parsed.signature, parsed.tbs_response_bytes, ec.ECDSA(parsed.signature_hash_algorithm))
            else:
                key.verify(parsed.signature, parsed.tbs_response_bytes)
        except (InvalidSignature, ValueError, TypeError):
            continue
        return True
    return False
