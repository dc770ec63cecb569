"""Plug & Charge out of a PKI directory: the vehicle's wallet, and what a charger needs for contracts."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plugfest.errors import UserError

if TYPE_CHECKING:
    from evcc.wallet import Wallet
    from pki.store import Entry, Store
    from secc.contract import Contracts
    from secc.provisioning import LocalBackend
    from v2g.credentials import Credential

SUITE = "iso2"


def open_store(directory: Path, *, password: str | None = None) -> Store:
    """The ISO 15118-2 part of a PKI directory.

    Raises:
        UserError: it cannot be used; says what to do.
    """
    from pki.errors import PkiError
    from pki.store import Store

    try:
        return Store(directory, SUITE, password=password)
    except PkiError as why:
        raise UserError(str(why)) from why


def make_store(directory: Path, now: datetime.datetime, *, seed: str | None = None) -> Store:
    """A PKI in a directory, made if it is not there.

    Raises:
        UserError: the directory cannot be used.
    """
    from pki import authority
    from pki.errors import PkiError
    from pki.profiles import SUITES

    if (directory / SUITE).is_dir():
        return open_store(directory)
    midnight = datetime.datetime.combine(now.date(), datetime.time(), datetime.UTC)
    try:
        store = authority.make(SUITES[SUITE], midnight, seed=authority.seed_octets(seed) if seed else None)
        store.save(directory)
    except (PkiError, OSError) as why:
        raise UserError(f"cannot make a PKI in {directory}: {why}") from why
    return store


def credential(entry: Entry) -> Credential:
    """An entry of a PKI as a role uses it.

    Raises:
        PkiError: its key is missing.
    """
    from v2g.credentials import Credential

    return Credential(entry.chain_der, entry.key)


def _ders(entries: Sequence[Entry]) -> list[bytes]:
    return [entry.der for entry in entries]


def wallet(store: Store, *, contract: str = "contract", provisioning: bool = True) -> Wallet:
    """The vehicle's wallet.

    Args:
        contract: entry that is its contract; "": it has none and installs one.
        provisioning: whether it has the provisioning certificate.

    Raises:
        PkiError: an entry is missing.
    """
    from evcc.wallet import Wallet
    from pki.profiles import Role

    return Wallet(
        contract=credential(store[contract]) if contract else None,
        provisioning=credential(store[Role.OEM_PROVISIONING]) if provisioning else None,
        roots=_ders(store.of_role(Role.V2G_ROOT)),
    )


def backend(store: Store, now: datetime.datetime, *, emaid: str = "", seed: str | None = None) -> LocalBackend:
    """A provisioning service that makes contracts with the PKI's mobility operator.

    Args:
        now: contracts begin at this day.
        emaid: of the contract for vehicles without another; by default that of the PKI's contract.

    Raises:
        PkiError: an authority or key is missing.
    """
    from pki import authority
    from pki.profiles import Role
    from secc.provisioning import LocalBackend

    midnight = datetime.datetime.combine(now.date(), datetime.time(), datetime.UTC)
    source = authority.Authority(store.suite, midnight, authority.seed_octets(seed) if seed else None, store.responder)

    def issue(wanted: str) -> Credential:
        return credential(source.issue(Role.CONTRACT, store[Role.MO_SUB2], cn=wanted, name=f"contract-{wanted}"))

    return LocalBackend(
        provider=credential(store[Role.CPS]),
        oem_authorities=_ders(store.of_role(Role.OEM_ROOT, Role.OEM_SUB1, Role.OEM_SUB2)),
        mo_roots=_ders(store.of_role(Role.MO_ROOT, Role.V2G_ROOT)),
        issue=issue,
        any_vehicle=emaid or store[Role.CONTRACT].common_name,
    )


def contracts(
    store: Store, now: datetime.datetime, *, receipt_every: float | None = None, provisioning: bool = True
) -> Contracts:
    """What a charger needs for contract payment.

    Args:
        receipt_every: s between receipts; None: none.
        provisioning: whether it installs contracts, with a back end of its own.

    Raises:
        PkiError: an authority or key is missing.
    """
    from pki.profiles import Role
    from secc.contract import Contracts

    signer = store.get(Role.MO_SUB2)
    able = provisioning and all(role in store and store[role].has_key for role in (Role.CPS, Role.MO_SUB2))
    return Contracts(
        roots=_ders(store.of_role(Role.MO_ROOT, Role.V2G_ROOT)),
        backend=backend(store, now) if able else None,
        receipt_every=receipt_every,
        tariff_key=credential(signer) if signer is not None and signer.has_key else None,
    )
