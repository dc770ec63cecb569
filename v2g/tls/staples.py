"""OCSP responses to send with certificates: where they come from, and how they are spoiled deliberately.

:func:`pki.ocsp.check` checks them: about this certificate, "good", signed by the issuer or a responder certified by it,
and of this week [V2G2-649, 873, 876; V2G20-1021, 1240].
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus

from pki import framing, loading, ocsp
from pki.errors import PkiError
from pki.store import Store
from v2g.errors import SetupError

Stapler = Callable[["x509.Certificate", str, datetime.datetime], bytes]
"""(certificate, kind, time) -> OCSP response in DER, or b"" if there is none. Kinds: good, stale, revoked, unknown.
It raises SetupError for a kind that it cannot make."""


def gather(
    stapler: Stapler | None, chain: Sequence[x509.Certificate], deviation: str, now: datetime.datetime
) -> list[bytes]:
    """The responses for a chain, leaf first, spoiled according to a deviation; b"" for a missing one.

    Args:
        deviation: a value of :attr:`v2g.tls.options.Deviations.staple`.

    Raises:
        SetupError: the deviation is not possible with this stapler.
    """
    if deviation == "missing":
        return []
    if deviation == "garbage":
        return [b"no OCSP response"] * len(chain)
    if stapler is None:
        if deviation:
            raise SetupError(f"deviate.staple: {deviation} needs OCSP responses: give --pki or --ocsp")
        return []
    kind = deviation if deviation in ("stale", "revoked", "unknown") else "good"
    found = [stapler(certificate, kind, now) for certificate in chain]
    if deviation == "wrong":
        if len(found) < 2:
            raise SetupError("deviate.staple: wrong needs a chain of two certificates, to swap their responses")
        return [*found[1:], found[0]]
    if deviation == "forged":
        return [_forge(response) if response else b"" for response in found]
    return found[:1] if deviation == "leaf-only" else found


def _forge(response: bytes) -> bytes:
    signature = loading.ocsp_response(response).signature
    return response.replace(signature, signature[:-1] + bytes((signature[-1] ^ 1,)))


def from_files(paths: Sequence[Path]) -> Stapler:
    """Responses from DER files, as ``openssl ocsp -respout`` writes them; matched by serial number.

    Raises:
        SetupError: a file cannot be read, or is not an OCSP response.
    """
    by_serial: dict[int, bytes] = {}
    for path in paths:
        try:
            data = framing.read(path)
            answer = loading.ocsp_response(data, str(path))
        except PkiError as why:
            raise SetupError(str(why)) from why
        if answer.response_status is not OCSPResponseStatus.SUCCESSFUL:
            raise SetupError(f"{path} is not a successful OCSP response: {answer.response_status.name.lower()}")
        for single in answer.responses:
            by_serial[single.serial_number] = data

    def find(certificate: x509.Certificate, kind: str, now: datetime.datetime) -> bytes:
        if kind != "good":
            raise SetupError(f"deviate.staple: {kind} needs the key of an OCSP responder: give --pki instead of --ocsp")
        return by_serial.get(certificate.serial_number, b"")

    return find


def from_store(store: Store) -> Stapler:
    """Responses made on demand in the name of the store's authorities; the store says what is revoked.

    Raises:
        SetupError: from the responder: a status other than good is wanted, but the store lacks the key to sign it.
    """

    def make(certificate: x509.Certificate, kind: str, now: datetime.datetime) -> bytes:
        entry = next((e for e in store.values() if e.certificate == certificate), None)
        if entry is None or entry.issuer is None:
            return b""
        status = {"revoked": OCSPCertStatus.REVOKED, "unknown": OCSPCertStatus.UNKNOWN}.get(kind)
        at = now - datetime.timedelta(days=30) if kind == "stale" else now
        try:
            ocsp.signer(store, entry.issuer)
        except PkiError:
            if kind == "good":
                return b""  # a foreign PKI, without the authorities' keys
            raise SetupError(
                f"deviate.staple: {kind} needs the key of {entry.issuer.name} or of its OCSP signer"
            ) from None
        try:
            return ocsp.staple(store, entry, at, status=status)
        except PkiError as why:
            raise SetupError(str(why)) from why

    return make
