"""Trusted roots out of files and PKI directories, for each role."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from pki.errors import PkiError
from pki.profiles import ANCHORS, Role
from pki.responder import stores
from pki.store import Store, read_certificates, self_signed
from plugfest.errors import UserError
from plugfest.traces.proofs import Roots


def anchors(store: Store, role: Role | None) -> list[x509.Certificate]:
    """The roots of a PKI that count for a role; all of them where the role is not known."""
    if role is not None and role in ANCHORS:
        return store.certificates(*ANCHORS[role])
    return [entry.certificate for entry in store.values() if self_signed(entry.certificate)]


def trusted(places: Sequence[Path], role: Role | None) -> list[x509.Certificate]:
    """All certificates of a file; of a PKI directory those that count for a role.

    Raises:
        PkiError: a file or directory cannot be used.
    """
    found: list[x509.Certificate] = []
    for place in places:
        if place.is_dir():
            found += [one for store in stores(place).values() for one in anchors(store, role)]
        else:
            found += read_certificates(place)
    return found


def of(places: Sequence[Path]) -> Roots | None:
    """The anchors for each role; None without places.

    Raises:
        UserError: a file or directory cannot be used.
    """
    if not places:
        return None
    try:
        found = {role: trusted(places, role) for role in ANCHORS}
    except PkiError as why:
        raise UserError(str(why)) from why
    return lambda role: found.get(role, ())
