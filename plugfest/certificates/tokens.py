"""OCSP responses and revocation lists as text."""

from __future__ import annotations

import contextlib
import datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509 import ocsp

from pki import framing, loading
from pki.store import common_name
from plugfest.certificates import text


def lines(path: Path, at: datetime.datetime) -> list[str] | None:
    """What an OCSP response in DER or a revocation list in PEM or DER says; None for any other file."""
    data = framing.read(path)
    if b"-----BEGIN X509 CRL" in data:
        return _list(loading.crl(data, str(path)), at)
    if b"-----BEGIN" in data or data[:1] != b"\x30":
        return None
    with contextlib.suppress(loading.Unreadable):
        return _list(loading.crl(data, str(path)), at)
    with contextlib.suppress(loading.Unreadable):
        return _response(loading.ocsp_response(data, str(path)), at)
    return None


def _age(begin: datetime.datetime, end: datetime.datetime | None, at: datetime.datetime) -> str:
    shown = f"{begin:%Y-%m-%d %H:%M} to " + (f"{end:%Y-%m-%d %H:%M} UTC" if end else "(not stated)")
    if begin > at:
        return f"{shown}, FROM THE FUTURE"
    if end is not None and end < at:
        return f"{shown}, STALE"
    return shown


def _list(found: x509.CertificateRevocationList, at: datetime.datetime) -> list[str]:
    shown = [
        "Revocation list",
        f"      issuer    {text.subject(found.issuer)}",
        f"      counts    {_age(found.last_update_utc, found.next_update_utc, at)}",
        f"      revoked   {len(found)}",
    ]
    for row in found:
        try:
            why = f", {row.extensions.get_extension_for_class(x509.CRLReason).value.reason.value}"
        except x509.ExtensionNotFound:
            why = ""
        shown.append(f"                {row.serial_number:x} on {row.revocation_date_utc:%Y-%m-%d %H:%M} UTC{why}")
    return shown


def _response(answer: ocsp.OCSPResponse, at: datetime.datetime) -> list[str]:
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return [f"OCSP response: refused, {answer.response_status.name.lower()}"]
    signers = ", ".join(common_name(c) for c in answer.certificates) or "no certificate sent: the issuer itself"
    shown = ["OCSP response", f"      signer    {signers}"]
    for single in answer.responses:
        status = single.certificate_status.name.lower()
        if single.revocation_time_utc is not None:
            why = f", {single.revocation_reason.value}" if single.revocation_reason else ""
            status = f"REVOKED on {single.revocation_time_utc:%Y-%m-%d %H:%M} UTC{why}"
        shown += [
            f"      about     serial {single.serial_number:x}, issuer's key id {single.issuer_key_hash.hex()}"
            f" ({single.hash_algorithm.name})",
            f"      status    {status}",
            f"      counts    {_age(single.this_update_utc, single.next_update_utc, at)}",
        ]
    return shown
