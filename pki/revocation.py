"""Which certificates are revoked, and the revocation lists that say so.

``revoked.json`` in a suite's directory lists them by issuer and serial number; :mod:`pki.ocsp` uses it too. CRLs are
signed by the authority itself.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509

from boundary import read, write
from boundary.choices import unknown
from pki import framing, keys, loading
from pki.errors import PkiError
from pki.path import Revoked
from pki.store import Entry, Store

REVOKED = "revoked.json"
LIFETIME = datetime.timedelta(days=7)
"""How long a CRL or an OCSP response is valid: the longest time the standards allow [V2G2-649, V2G20-1021]."""


@dataclass(frozen=True)
class Revocation:
    """When and why a certificate was revoked.

    Attributes:
        name: name of its entry, for messages.
        at: time, UTC.
        reason: a name from RFC 5280 5.3.1, such as ``keyCompromise``.
    """

    name: str
    at: datetime.datetime
    reason: str = "unspecified"


@dataclass
class Revocations:
    """The revoked certificates of a store, by issuer's name and serial number."""

    entries: dict[tuple[str, int], Revocation] = field(default_factory=dict)
    path: Path | None = None

    @classmethod
    def of(cls, store: Store) -> Revocations:
        """Reads the store's directory; empty for a store in memory.

        Raises:
            PkiError: the file is damaged.
        """
        if store.directory is None:
            return cls()
        path = store.directory / REVOKED
        found = cls(path=path)
        if not path.is_file():
            return found
        try:
            rows: list[Any] = read.read_json(path)
            for row in rows:
                at = datetime.datetime.fromisoformat(row["at"])
                key = row["issuer"], int(row["serial"], 16)
                found.entries[key] = Revocation(row["name"], at, str(x509.ReasonFlags(row["reason"]).value))
        except (ValueError, KeyError, TypeError) as why:
            raise PkiError(f"{path} is damaged ({why!r}); repair or remove it") from why
        return found

    def revoke(self, entry: Entry, at: datetime.datetime, reason: str = "unspecified") -> None:
        """Revokes a certificate, and saves that if there is a file.

        Raises:
            PkiError: an unknown reason, or a root, which nobody can revoke.
        """
        if entry.issuer is None:
            raise PkiError(
                f"{entry.name} has no issuer that could revoke it; remove a root from the trusted roots instead"
            )
        try:
            x509.ReasonFlags(reason)
        except ValueError:
            known = [flag.value for flag in x509.ReasonFlags]
            raise PkiError(unknown("reason", reason, known)) from None
        self.entries[_key(entry.certificate)] = Revocation(entry.name, at.replace(microsecond=0), reason)
        self.save()

    def restore(self, entry: Entry) -> None:
        """Undoes a revocation, which real authorities do only for ``certificateHold``.

        Raises:
            PkiError: the certificate is not revoked.
        """
        if self.entries.pop(_key(entry.certificate), None) is None:
            raise PkiError(f"{entry.name} is not revoked")
        self.save()

    def save(self) -> None:
        if self.path is not None:
            rows = [
                {"name": r.name, "issuer": issuer, "serial": f"{serial:x}", "at": r.at.isoformat(), "reason": r.reason}
                for (issuer, serial), r in self.entries.items()
            ]
            write.write(self.path, json.dumps(rows, indent=1) + "\n", public=True)

    def get(self, certificate: x509.Certificate) -> Revocation | None:
        """The revocation of a certificate, if there is one."""
        return self.entries.get(_key(certificate))

    def __call__(self, certificate: x509.Certificate, issuer: x509.Certificate) -> str:
        """For ``pki.path.validate(revoked=...)``: "" if it is not revoked."""
        revocation = self.get(certificate)
        return f"revoked on {revocation.at:%Y-%m-%d %H:%M} UTC, {revocation.reason}" if revocation else ""


def any_of(*known: Revoked | None) -> Revoked:
    """What any of several sources knows to be revoked."""
    asked = [one for one in known if one is not None]

    def revoked(certificate: x509.Certificate, issuer: x509.Certificate) -> bool | str:
        return next((said for one in asked if (said := one(certificate, issuer))), "")

    return revoked


def _key(certificate: x509.Certificate) -> tuple[str, int]:
    return certificate.issuer.rfc4514_string(), certificate.serial_number


def crl(
    authority: Entry, revocations: Revocations, at: datetime.datetime, *, lifetime: datetime.timedelta = LIFETIME
) -> x509.CertificateRevocationList:
    """The revocation list of an authority.

    Raises:
        PkiError: the authority's key is missing.
    """
    issuer = authority.certificate.subject
    at = at.replace(microsecond=0)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer).last_update(at).next_update(at + lifetime)
    for (name, serial), revocation in sorted(revocations.entries.items()):
        if name != issuer.rfc4514_string():
            continue
        row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(revocation.at)
        reason = x509.ReasonFlags(revocation.reason)
        if reason is not x509.ReasonFlags.unspecified:  # RFC 5280 5.3.1: omit the extension then
            row = row.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(row.build())
    identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    )
    builder = builder.add_extension(identifier, critical=False)
    builder = builder.add_extension(x509.CRLNumber(int(at.timestamp())), critical=False)
    key = authority.key
    deterministic = None if keys.kind(key) is keys.Kind.ED448 else True
    algorithm: Any = keys.hash_of(key)  # the stubs know fewer kinds of hash
    return builder.sign(keys.certifying(key), algorithm, ecdsa_deterministic=deterministic)


def read_crl(path: Path) -> x509.CertificateRevocationList:
    """A revocation list in PEM or DER.

    Raises:
        PkiError: the file cannot be read or holds none.
    """
    return loading.crl(framing.read(path), str(path))


def listed(found: x509.CertificateRevocationList, authorities: Iterable[x509.Certificate]) -> Revocations | None:
    """What a revocation list says; None if none of the authorities signed it."""
    for authority in authorities:
        if found.issuer == authority.subject and loading.listed_by(authority, found):
            break
    else:
        return None
    said = Revocations()
    for row in found:
        try:
            reason = row.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
        except x509.ExtensionNotFound:
            reason = x509.ReasonFlags.unspecified.value
        revocation = Revocation(f"{row.serial_number:x}", row.revocation_date_utc, reason)
        said.entries[found.issuer.rfc4514_string(), row.serial_number] = revocation
    return said
