"""OCSP responses: made in the name of a PKI's authorities, and checked the way a vehicle checks a stapled one.

Responses are signed by the authority's OCSP signer (RFC 6960 4.2.2.2), which is certified for nothing else and is not
itself checked (``id-pkix-ocsp-nocheck``). :mod:`pki.revocation` knows what is revoked.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki import keys, loading, roles
from pki.errors import PkiError
from pki.path import Code, Deviation
from pki.profiles import Role
from pki.revocation import LIFETIME, Revocation, Revocations
from pki.store import Entry, Store, common_name, issued

TOLERANCE = datetime.timedelta(minutes=5)
"""How far clocks may differ when the age of a response is judged."""

# ---------------------------------------------------------------------------------------------------------------
# The responder's side


def signer(store: Store, authority: Entry) -> Entry:
    """Who signs the OCSP responses of an authority: its OCSP signer, or the authority itself if it has none.

    Raises:
        PkiError: neither has a key here.
    """
    delegate = next((e for e in store.of_role(Role.OCSP) if e.issuer is authority and e.has_key), authority)
    if not delegate.has_key:
        raise PkiError(
            f"no OCSP response for certificates of {authority.name}: its key and its OCSP signer's key are missing"
        )
    return delegate


def staple(
    store: Store,
    entry: Entry,
    at: datetime.datetime,
    revocations: Revocations | None = None,
    *,
    lifetime: datetime.timedelta = LIFETIME,
    by: Entry | None = None,
    status: ocsp.OCSPCertStatus | None = None,
    nonce: bytes | None = None,
    algorithm: hashes.HashAlgorithm | None = None,
) -> bytes:
    """The OCSP response for one certificate, in DER: to be stapled or sent.

    Args:
        entry: the certificate; its issuer and the issuer's OCSP signer must be in the store.
        at: thisUpdate; a time in the past makes a stale one.
        revocations: those of the store's directory by default.
        lifetime: time until nextUpdate.
        by: another signer, for deliberately invalid responses.
        status: another status, for the same purpose.
        nonce: to be echoed.
        algorithm: hash of the certificate id; SHA-1 by default, which every client knows.

    Raises:
        PkiError: the issuer or a key is missing.
    """
    authority = entry.issuer
    if authority is None:
        raise PkiError(f"no OCSP response for {entry.name}: its issuer is not in this PKI, or it is a root")
    if revocations is None:
        revocations = Revocations.of(store)
    revocation = revocations.get(entry.certificate)
    if status is None:
        status = ocsp.OCSPCertStatus.REVOKED if revocation else ocsp.OCSPCertStatus.GOOD
    if status is ocsp.OCSPCertStatus.REVOKED and revocation is None:
        revocation = Revocation(entry.name, at)
    identity = _Identity.of(authority.certificate, entry.certificate.serial_number, algorithm or hashes.SHA1())
    return _signed_response(
        identity, status, revocation, by or signer(store, authority), authority, at, lifetime, nonce
    )


@dataclass(frozen=True)
class _Identity:
    """A certificate's id in OCSP: hashes of its issuer's name and key, and the serial number."""

    algorithm: hashes.HashAlgorithm
    name_hash: bytes
    key_hash: bytes
    serial: int

    @classmethod
    def of(cls, issuer: x509.Certificate, serial: int, algorithm: hashes.HashAlgorithm) -> _Identity:
        public = issuer.public_key()
        raw, points = (Encoding.Raw, PublicFormat.Raw), (Encoding.X962, PublicFormat.UncompressedPoint)
        bits = public.public_bytes(*(points if isinstance(public, ec.EllipticCurvePublicKey) else raw))

        def digest(data: bytes) -> bytes:
            return hashlib.new(algorithm.name, data, usedforsecurity=False).digest()

        return cls(algorithm, digest(issuer.subject.public_bytes()), digest(bits), serial)

    def fits(self, name_hash: bytes, key_hash: bytes, serial: int) -> bool:
        return (self.name_hash, self.key_hash, self.serial) == (name_hash, key_hash, serial)


def _signed_response(
    identity: _Identity,
    status: ocsp.OCSPCertStatus,
    revocation: Revocation | None,
    by: Entry,
    authority: Entry,
    at: datetime.datetime,
    lifetime: datetime.timedelta,
    nonce: bytes | None,
) -> bytes:
    shown = revocation if status is ocsp.OCSPCertStatus.REVOKED else None
    reason = x509.ReasonFlags(shown.reason) if shown else None
    at = at.replace(microsecond=0)
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response_by_hash(
            issuer_name_hash=identity.name_hash,
            issuer_key_hash=identity.key_hash,
            serial_number=identity.serial,
            algorithm=identity.algorithm,
            cert_status=status,
            this_update=at,
            next_update=at + lifetime,
            revocation_time=shown.at if shown else None,
            revocation_reason=None if reason is x509.ReasonFlags.unspecified else reason,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    )
    if by is not authority:
        builder = builder.certificates([by.certificate])
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.sign(keys.certifying(by.key), keys.hash_of(by.key)).public_bytes(Encoding.DER)


def staples(store: Store, entry: Entry, at: datetime.datetime, revocations: Revocations | None = None) -> list[bytes]:
    """The OCSP responses for a chain as it is sent, leaf first: what a charger staples [V2G2-871, V2G20-2388].

    Raises:
        PkiError: an issuer or a key is missing.
    """
    return [staple(store, e, at, revocations) for e in entry.up if e.issuer is not None]


def respond(stores: Mapping[str, Store], request: bytes, at: datetime.datetime) -> bytes:
    """Answers an OCSP request (RFC 6960) from the stores; never raises on what the request holds.

    Args:
        stores: to be searched for the certificate, e.g. the suites of a PKI.
        request: DER of an OCSPRequest about one certificate.
        at: now.
    """

    def refuse(why: ocsp.OCSPResponseStatus) -> bytes:
        return ocsp.OCSPResponseBuilder.build_unsuccessful(why).public_bytes(Encoding.DER)

    try:
        asked = loading.ocsp_request(request)
    except loading.Unreadable:
        return refuse(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    wanted = asked.issuer_name_hash, asked.issuer_key_hash, asked.serial_number
    algorithm = asked.hash_algorithm
    nonces = [e.value.nonce for e in asked.extensions if isinstance(e.value, x509.OCSPNonce)]
    nonce = nonces[0] if nonces and len(nonces[0]) <= 128 else None
    for store in stores.values():
        for authority in store.authorities:
            identity = _Identity.of(authority.certificate, wanted[2], algorithm)
            if not identity.fits(*wanted):
                continue
            try:
                revocations = Revocations.of(store)
                revocation = revocations.entries.get((authority.certificate.subject.rfc4514_string(), identity.serial))
                issued_here = any(
                    e.issuer is authority and e.certificate.serial_number == identity.serial for e in store.values()
                )
                status = ocsp.OCSPCertStatus.GOOD if issued_here else ocsp.OCSPCertStatus.UNKNOWN
                status = ocsp.OCSPCertStatus.REVOKED if revocation else status
                by = signer(store, authority)
                return _signed_response(identity, status, revocation, by, authority, at, LIFETIME, nonce)
            except PkiError:
                return refuse(ocsp.OCSPResponseStatus.INTERNAL_ERROR)
    return refuse(ocsp.OCSPResponseStatus.UNAUTHORIZED)


# ---------------------------------------------------------------------------------------------------------------
# The asker's side


def check(
    response: bytes,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    at: datetime.datetime | None,
    *,
    index: int = 0,
) -> list[Deviation]:
    """What is wrong with an OCSP response about a certificate; empty if it says good and can be trusted.

    Args:
        response: DER, as stapled or received.
        certificate: the certificate it should be about.
        issuer: of the certificate.
        at: the current time; None: age is not checked.
        index: place of the certificate in its chain, for the deviations.
    """
    try:
        answer = loading.ocsp_response(response)
    except loading.Unreadable as why:
        text = f"OCSP response: cannot be read ({why.defect})"
        return [Deviation(Code.OCSP_INVALID, index, common_name(certificate), text)]
    return _check(answer, certificate, issuer, at, index)


def _check(
    answer: ocsp.OCSPResponse,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    at: datetime.datetime | None,
    index: int,
) -> list[Deviation]:
    def wrong(code: Code, text: str, *, fatal: bool = True) -> list[Deviation]:
        return [Deviation(code, index, common_name(certificate), f"OCSP response: {text}", fatal=fatal)]

    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return wrong(Code.OCSP_INVALID, f"the responder refused ({answer.response_status.name.lower()})")
    single = next((s for s in answer.responses if _about(s, certificate, issuer)), None)
    if single is None:
        return wrong(Code.OCSP_INVALID, "is about another certificate")
    candidates = [issuer, *(c for c in answer.certificates if c != issuer)]
    by = next((c for c in candidates if _signed(c, answer)), None)
    if by is None:
        return wrong(Code.OCSP_INVALID, "none of the possible signers made its signature")
    if by != issuer:
        if not issued(issuer, by):
            return wrong(Code.OCSP_INVALID, f"its signer {common_name(by)} was not certified by the issuer")
        if ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string not in (roles.purposes(by) or ()):
            return wrong(Code.OCSP_INVALID, f"its signer {common_name(by)} is not certified for OCSP signing")
        if at is not None and not by.not_valid_before_utc <= at <= by.not_valid_after_utc:
            return wrong(Code.OCSP_INVALID, f"the certificate of its signer {common_name(by)} is not valid now")
    found: list[Deviation] = []
    begin, end = single.this_update_utc, single.next_update_utc
    if at is not None:
        if begin > at + TOLERANCE:
            found += wrong(Code.OCSP_STALE, f"is from the future ({begin:%Y-%m-%d %H:%M} UTC)")
        elif at > (until := min(end or begin + LIFETIME, begin + LIFETIME)) + TOLERANCE:
            found += wrong(Code.OCSP_STALE, f"has been stale since {until:%Y-%m-%d %H:%M} UTC")
    if end is not None and end - begin > LIFETIME:
        found += wrong(Code.OCSP_STALE, f"is valid for {(end - begin).days} days, at most 7 [V2G20-1021]", fatal=False)
    if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        when = single.revocation_time_utc
        why_ = f", {single.revocation_reason.value}" if single.revocation_reason else ""
        found += wrong(Code.REVOKED, f"revoked on {when:%Y-%m-%d %H:%M} UTC{why_}" if when else "revoked")
    elif single.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        found += wrong(Code.OCSP_INVALID, "the responder does not know the certificate")
    return found


def _about(single: ocsp.OCSPSingleResponse, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    identity = _Identity.of(issuer, certificate.serial_number, single.hash_algorithm)
    return identity.fits(single.issuer_name_hash, single.issuer_key_hash, single.serial_number)


def _signed(by: x509.Certificate, answer: ocsp.OCSPResponse) -> bool:
    """Whether a certificate is the one that the response names as its signer, and made the signature."""
    if answer.responder_name is not None and answer.responder_name != by.subject:
        return False
    named = answer.responder_key_hash
    if named is not None and named != _Identity.of(by, 0, hashes.SHA1()).key_hash:
        return False
    signature, data = answer.signature, answer.tbs_response_bytes
    return keys.verify_der(by.public_key(), signature, data, answer.signature_hash_algorithm)


def describe(response: bytes) -> str:
    """A response in a few words: serial number and status, or why there is none."""
    try:
        answer = loading.ocsp_response(response)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return f"refused: {answer.response_status.name.lower()}"
        return ", ".join(f"{s.serial_number:x} {s.certificate_status.name.lower()}" for s in answer.responses)
    except loading.Unreadable as why:
        return f"unreadable: {why.defect}"
