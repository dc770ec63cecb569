"""Certificates and chains as text, the way an engineer reads them: who, for what, how long, which key, what is odd."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

    from pki.path import Deviation
    from pki.profiles import Role, Suite
    from pki.revocation import Revocations
    from pki.store import Entry, Store

_SHORT = {"countryName": "C", "organizationName": "O", "organizationalUnitName": "OU", "commonName": "CN",
          "domainComponent": "DC", "localityName": "L", "stateOrProvinceName": "ST"}  # fmt: skip


def subject(name: x509.Name) -> str:
    """A name with CN first and the domain component behind it, which is what tells roles apart."""
    parts = [(_SHORT.get(a.oid._name, a.oid._name), str(a.value)) for a in name]
    order = ["CN", "DC", "O", "OU"]
    parts.sort(key=lambda part: order.index(part[0]) if part[0] in order else len(order))
    return "  ".join(f"{key}={value}" for key, value in parts) or "(empty)"


def left(certificate: x509.Certificate, at: datetime.datetime) -> str:
    """What the time says: days left, or since when or until when it is not valid."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at < begin:
        return f"NOT YET VALID, starts in {_span(begin - at)}"
    if at > end:
        return f"EXPIRED {_span(at - end)} ago"
    return f"{_span(end - at)} left"


def _span(time: datetime.timedelta) -> str:
    if time < datetime.timedelta(days=2):
        return f"{int(time.total_seconds() // 3600)} h"
    if time.days > 3 * 365:
        return f"{time.days / 365.25:.0f} years"
    return f"{time.days} days"


def dates(certificate: x509.Certificate) -> str:
    return f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"


def title(role: Role | None, suite: Suite) -> str:
    """A role in words."""
    if role is None:
        return "unknown role"
    return suite.profiles[role].title if role in suite.profiles else role.value


def overview(store: Store, at: datetime.datetime, revocations: Revocations) -> Iterator[str]:
    """A PKI as a tree: one line for each certificate, issuers above what they issued; OCSP signers are counted only."""
    from pki.profiles import CROSS_SUBJECTS, Role

    yield f"{store.directory or 'PKI'}: {store.suite.standard}, {store.suite.kind}"
    signers = len(store.of_role(Role.OCSP))
    below: dict[str, list[Entry]] = {}
    for entry in store.values():
        if entry.role is not Role.OCSP:
            below.setdefault(entry.issuer.name if entry.issuer else "", []).append(entry)

    def rows(entry: Entry, indent: str) -> Iterator[tuple[str, Entry]]:
        yield indent + entry.name, entry
        if entry.role not in CROSS_SUBJECTS:
            for child in below.get(entry.name, ()):
                yield from rows(child, indent + "  ")

    table = [row for top in below.get("", ()) for row in rows(top, "  ")]
    width = max((len(name) for name, _ in table), default=0)
    roles = max((len(title(e.role, store.suite)) for _, e in table), default=0)
    names = max((len(e.common_name) for _, e in table), default=0)
    for name, entry in table:
        state = left(entry.certificate, at)
        if (revocation := revocations.get(entry.certificate)) is not None:
            state = f"REVOKED {revocation.at:%Y-%m-%d}, {revocation.reason}"
        trouble = entry.key_trouble()
        key = f"  {trouble}" if trouble else ""
        kind = title(entry.role, store.suite)
        yield f"{name:{width}}  {kind:{roles}}  {entry.common_name:{names}}  {dates(entry.certificate)}  {state}{key}"
    if signers:
        yield f"  and {signers} OCSP signers in ocsp/"
    yield from oddities(store)


def oddities(store: Store) -> Iterator[str]:
    """What of a PKI's files could not be used."""
    for oddity in store.oddities:
        yield f"  ~ {oddity}"


def chain(
    certificates: Sequence[x509.Certificate],
    roles: Sequence[Role | None],
    suite: Suite,
    at: datetime.datetime,
    deviations: Iterable[Deviation] = (),
    *,
    files: Sequence[str] = (),
    root: bool = False,
) -> Iterator[str]:
    """A chain in full, leaf first.

    Args:
        roles: of the certificates, in the same order.
        deviations: shown under the certificate they are about; their index counts from the leaf.
        files: where the certificates and keys are, likewise.
        root: whether the last one is the root, which is not sent.
    """
    found = list(deviations)
    for index, certificate in enumerate(certificates):
        is_root = root and index == len(certificates) - 1
        mark = "root" if is_root else f"{index + 1}"
        kind = title(roles[index], suite)
        yield f"{mark:>4}  {kind[:1].upper()}{kind[1:]}" + (" (not sent)" if is_root and index else "")
        lines = list(_details(certificate, at))
        if files and files[index]:
            lines.append(("files", files[index]))
        for label, text in lines:
            yield f"      {label:9} {text}"
        for deviation in found:
            if deviation.index == index:
                clause = f" [{deviation.clause}]" if deviation.clause else ""
                yield f"      {'! WRONG' if deviation.fatal else '~ odd':9} {deviation.text}{clause}"


def _details(certificate: x509.Certificate, at: datetime.datetime) -> Iterator[tuple[str, str]]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from pki import authority, keys, path, roles

    yield "subject", subject(certificate.subject)
    if certificate.issuer == certificate.subject:
        yield "issuer", "itself"
    else:
        yield "issuer", subject(certificate.issuer)
    yield "valid", f"{dates(certificate)}, {left(certificate, at)}"
    size = len(certificate.public_bytes(Encoding.DER))
    signed = certificate.signature_algorithm_oid._name
    yield "key", f"{keys.describe(certificate.public_key())}, signed with {signed}, {size} octets"
    basic = roles.constraints(certificate)
    if basic is None:
        kind = "no basicConstraints"
    elif basic.ca:
        kind = "CA, " + ("no path limit" if basic.path_length is None else f"path length {basic.path_length}")
    else:
        kind = "leaf"
    usage = path.used(certificate)
    bits = "no keyUsage" if usage is None else ", ".join(sorted(usage)) or "nothing"
    purposes = ", ".join(x509.ObjectIdentifier(p)._name for p in sorted(roles.purposes(certificate) or ()))
    yield "usage", f"{kind}; {bits}" + (f"; for {purposes}" if purposes else "")
    status = [*(f"OCSP {url}" for url in ocsp_urls(certificate)), *(f"CRL {url}" for url in crl_urls(certificate))]
    if status:
        yield "status", "  ".join(status)
    yield "serial", f"{certificate.serial_number:x}   key id {authority.key_id(certificate).hex()}"
    yield "SHA-256", authority.fingerprint(certificate)


def ocsp_urls(certificate: x509.Certificate) -> list[str]:
    """Where OCSP answers about a certificate are to be had."""
    from cryptography import x509
    from cryptography.x509.oid import AuthorityInformationAccessOID

    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [
        str(d.access_location.value)
        for d in access
        if d.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(d.access_location, x509.UniformResourceIdentifier)
        and str(d.access_location.value).startswith(("http://", "https://"))
    ]


def crl_urls(certificate: x509.Certificate) -> list[str]:
    """Where the revocation list for a certificate is to be had."""
    from cryptography import x509

    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [str(name.value) for point in points for name in point.full_name or ()]
