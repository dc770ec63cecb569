"""Plug & Charge from a PKI directory: the vehicle's wallet, and what a charger needs for contracts."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

from evcc.options import Options
from evcc.wallet import Wallet
from pki import authority, names
from pki.errors import PkiError
from pki.profiles import SUITES, Role
from pki.revocation import Revocations, any_of
from pki.store import Store
from plugfest import pnc20
from plugfest.config.model import Bench
from plugfest.config.named import protocols
from plugfest.credentials import INSTALLED, credential, ders, issuer, keep
from plugfest.errors import UserError
from plugfest.security import listed
from plugfest.service import post_to
from secc import serve
from secc.contracts import Contracts
from secc.provisioning import LocalBackend
from secc.remote import Remote
from v2g.credentials import plain_id

SUITE = "iso2"

SERVICE_TIME = 50.0
"""s for which a provisioning service may stay silent."""


def open_store(directory: Path) -> Store:
    """The ISO 15118-2 part of a PKI directory.

    Raises:
        UserError: it cannot be used; says what to do.
    """
    try:
        return Store(directory, SUITE if (directory / SUITE).is_dir() else None)
    except PkiError as why:
        raise UserError(str(why)) from why


def make_store(directory: Path, now: datetime.datetime, *, seed: str | None = None, newest: bool = False) -> Store:
    """A PKI in a directory, made if it is missing.

    Args:
        newest: include the certificates of ISO 15118-20.

    Raises:
        UserError: the directory cannot be used.
    """
    suites = [suite for suite in (SUITE, "iso20")[: 1 + newest] if not (directory / suite).is_dir()]
    if not suites or (directory.is_dir() and not (directory / SUITE).is_dir()):
        return open_store(directory)
    midnight = datetime.datetime.combine(now.date(), datetime.time(), datetime.UTC)
    try:
        octets = authority.seed_octets(seed) if seed else None
        made = [authority.make(SUITES[suite], midnight, seed=octets) for suite in suites]
        for store in made:
            store.save(directory)
    except (PkiError, OSError) as why:
        raise UserError(f"cannot make a PKI in {directory}: {why}") from why
    return made[0]


def wallet(store: Store, *, contract: str = "contract", provisioning: bool = True) -> Wallet:
    """The vehicle's wallet.

    Args:
        contract: entry that is its contract; "": it has none and installs one.
        provisioning: whether it has the provisioning certificate.

    Raises:
        PkiError: an entry is missing.
    """
    own = store.get(Role.OEM_PROVISIONING) if provisioning else None
    return Wallet(
        contract=credential(store[contract]) if contract else None,
        provisioning=credential(own) if own is not None and own.has_key else None,
        roots=ders(store.of_role(Role.V2G_ROOT, Role.V2G_ROOT2)),
    )


def equip_vehicle(options: Options, bench: Bench, directory: Path, say: Callable[[str], None]) -> None:
    """Gives a vehicle its wallets from a PKI; installed contracts are kept there.

    Args:
        directory: of the PKI.
        say: takes a line for the user.

    Raises:
        UserError: the PKI, or an entry of it, is missing.
    """
    car = bench.vehicle
    classic, newest = spoken(bench)
    if newest:
        pnc20.equip_vehicle(options, bench, directory, say)
    if not classic:
        return
    store = open_store(directory)
    for oddity in store.oddities:
        say(f"note: {oddity}")
    chosen = car.contract
    if chosen is None:
        chosen = next((name for name in (INSTALLED, "contract") if name in store and store[name].has_key), "none")
    try:
        options.wallet = made = wallet(store, contract="" if chosen == "none" else chosen)
    except PkiError as why:
        raise UserError(str(why)) from why
    made.reinstall, made.update_days = car.install, car.update_days
    made.revoked = any_of(Revocations.of(store), listed(bench))
    made.on_contract = lambda contract: say(keep(store, contract))


def spoken(bench: Bench) -> tuple[bool, bool]:
    """Whether a bench supports protocols before ISO 15118-20, and whether it supports that one."""
    newest = {protocol.abilities.mutual for protocol in protocols(bench)}
    return False in newest, True in newest


# ---------------------------------------------------------------------------------------------------------------
# The charger


def backend(store: Store, now: datetime.datetime, *, emaid: str = "", seed: str | None = None) -> LocalBackend:
    """A provisioning service that makes contracts with the PKI's mobility operator.

    Args:
        now: contracts begin at this day.
        emaid: of the contract for vehicles without another; by default that of the PKI's contract.

    Raises:
        PkiError: an authority or key is missing.
    """
    return LocalBackend(
        provider=credential(store[Role.CPS]),
        oem_authorities=ders(store.of_role(Role.OEM_ROOT, Role.OEM_SUB1, Role.OEM_SUB2)),
        mo_roots=ders(store.of_role(Role.MO_ROOT, Role.V2G_ROOT)),
        issue=issuer(store, now, seed),
        any_vehicle=names.plain(emaid or store[Role.CONTRACT].common_name),
    )


def contracts(
    store: Store,
    now: datetime.datetime,
    *,
    receipt_every: float | None = None,
    provisioning: bool = True,
    emaid: str = "",
) -> Contracts:
    """What a charger needs for contract payment; certificates revoked by the PKI count as revoked.

    Args:
        receipt_every: s between receipts; None: none.
        provisioning: whether it installs contracts, with its own back end.
        emaid: of contracts to install, see :func:`backend`.

    Raises:
        PkiError: an authority or key is missing.
    """
    signer = store.get(Role.MO_SUB2)
    able = provisioning and all(role in store and store[role].has_key for role in (Role.CPS, Role.MO_SUB2))
    return Contracts(
        roots=ders(store.of_role(Role.MO_ROOT, Role.V2G_ROOT)),
        backend=backend(store, now, emaid=emaid) if able else None,
        revoked=Revocations.of(store),
        receipt_every=receipt_every,
        tariff_key=credential(signer) if signer is not None and signer.has_key else None,
    )


def equip_charger(options: serve.Options, bench: Bench, directory: Path, at: datetime.datetime) -> None:
    """Gives a charger what it needs for contracts.

    Args:
        directory: of the PKI.
        at: contracts that it installs begin on this day.

    Raises:
        UserError: the PKI, or an entry of it, is missing.
    """
    station = bench.charger
    classic, newest = spoken(bench)
    store = open_store(directory) if classic else pnc20.open_store(directory)
    try:
        made = contracts(
            store,
            at,
            receipt_every=station.receipts,
            provisioning=station.provisioning and classic,
            emaid=station.emaid or "",
        )
        if newest:
            pnc20.equip_charger(made, bench, directory, at)
        made.revoked = any_of(made.revoked, listed(bench))
    except PkiError as why:
        raise UserError(str(why)) from why
    if station.provisioning_url is not None:
        remote = Remote(post_to(station.provisioning_url, SERVICE_TIME))
        made.backend, made.backend20 = (remote if classic else None), (remote if newest else None)
    made.insists, made.external = station.receipts_insist, bench.payment == "auto"
    made.verdicts = {plain_id(emaid): code for emaid, code in station.verdicts.items()}
    options.contracts = made
