"""The chains that the tester's server shows to a vehicle: those of :mod:`pki.variants`, each wrong in one way."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from cryptography import x509
from cryptography.x509.ocsp import OCSPCertStatus

from pki import ocsp, variants
from pki.errors import PkiError
from pki.profiles import Role
from pki.store import Entry
from plugfest.conformance.cause import Cause
from plugfest.conformance.sut.certificates import Certificates
from plugfest.conformance.sut.certificates import context as context_of
from plugfest.conformance.verdict import Inconclusive, NotExecutable
from v2g.tls.context import Context, Credential

TWINS: Mapping[str, str] = {"expired": "expired", "not yet valid": "not-yet-valid", "revoked": "revoked"}
"""Words of the catalogue -> kinds of :data:`pki.variants.KINDS`, if they differ."""


def show(bench: Certificates, context: Context, words: str) -> None:
    """From now on, the tester shows a wrong chain in place of the good one.

    Raises:
        NotExecutable: no such chain is known.
        Inconclusive: it cannot be made from this PKI.
    """
    if words == "unknown root":
        context.credentials = context_of(Certificates(bench.other, bench.now), "server").credentials
        return
    name = TWINS.get(words, words)
    if name not in variants.KINDS:
        raise NotExecutable(f"certificate {words!r}")
    try:
        twin = variants.make(bench.store, name, Role.SECC, bench.now(), seed=b"conformance of vehicles")
    except PkiError as why:
        raise Inconclusive(f"{words} cannot be made from this PKI: {why}", cause=Cause.NO_CERTIFICATES) from why
    present(bench, context, twin.leaf, twin.chain, revoked=name == "revoked")


def present(
    bench: Certificates, context: Context, leaf: Entry, chain: Sequence[x509.Certificate], *, revoked: bool = False
) -> None:
    """From now on, the tester shows another chain, with a staple for its leaf if our PKI can make one."""
    good, status = context.credentials[0], OCSPCertStatus.REVOKED if revoked else None

    def staple(certificate: x509.Certificate, kind: str, now: datetime.datetime) -> bytes:
        if certificate != leaf.certificate:
            return good.stapler(certificate, kind, now) if good.stapler is not None else b""
        try:
            return ocsp.staple(bench.store, leaf, now, status=status)
        except PkiError:
            return b""  # we cannot sign for its issuer

    context.credentials = [Credential(list(chain), leaf.key, good.root, leaf.name, staple)]
