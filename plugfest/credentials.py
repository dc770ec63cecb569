"""Certificates and keys between the files of a PKI and the wallets of the roles."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pki.errors import PkiError

if TYPE_CHECKING:
    from pki.store import Entry, Store
    from v2g.credentials import Credential

INSTALLED = "contract-installed"
"""The entry of a PKI in which a vehicle keeps its latest contract."""


def credential(entry: Entry) -> Credential:
    """An entry of a PKI as a role uses it.

    Raises:
        PkiError: its key is missing.
    """
    from v2g.credentials import Credential

    return Credential(entry.chain_der, entry.key)


def ders(entries: Sequence[Entry]) -> list[bytes]:
    """The certificates of entries."""
    return [entry.der for entry in entries]


def issuer(store: Store, now: datetime.datetime, seed: str | None) -> Callable[[str], Credential]:
    """Makes contracts by their eMAID with the PKI's mobility operator.

    Args:
        now: contracts start on this day. seed: for the keys; None: random ones.
    """
    from pki import authority
    from pki.profiles import Role

    midnight = datetime.datetime.combine(now.date(), datetime.time(), datetime.UTC)
    source = authority.Authority(store.suite, midnight, authority.seed_octets(seed) if seed else None, store.responder)

    def issue(wanted: str) -> Credential:
        return credential(source.issue(Role.CONTRACT, store[Role.MO_SUB2], cn=wanted, name=f"contract-{wanted}"))

    return issue


def keep(store: Store, contract: Credential, name: str = INSTALLED) -> str:
    """Puts an installed contract into the files of a PKI; returns the outcome in words.

    Args:
        name: name of its entry.
    """
    from pki.profiles import Role
    from pki.store import INDEX, Entry

    if store.directory is None or not (store.directory / INDEX).is_file():
        return f"note: contract {contract.name} is not kept: the PKI was not made by plugfest"
    issuer = store.issuer_of(contract.certificate)
    if issuer is None:
        return f"note: contract {contract.name} is not kept: its issuer is not in {store.directory}"
    try:
        entry = Entry(name, Role.CONTRACT, contract.certificate, issuer, private_key=contract.key)
        store.issue_into(entry, force=True)
    except (PkiError, OSError) as why:
        return f"note: contract {contract.name} is not kept: {why}"
    return f"note: contract {contract.name} is kept as {store[name].path}"
