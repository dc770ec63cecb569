"""Plug & Charge of ISO 15118-20 from a PKI directory; :mod:`plugfest.pnc` does the same for ISO 15118-2."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evcc.options import Options
from evcc.wallet import Wallet20
from pki import names, sealing
from pki.errors import PkiError
from pki.profiles import Role
from pki.revocation import Revocations, any_of
from pki.store import Store
from plugfest.config.model import Bench
from plugfest.credentials import INSTALLED, credential, ders, issuer, keep
from plugfest.errors import UserError
from plugfest.security import listed
from secc.contracts import Backend20, Contracts
from secc.iso20_provisioning import BySuite, LocalBackend
from v2g.credentials import Credential, plain_id

SUITES = ("iso20", "iso20-ed448", "iso2")
"""Suites of a PKI in order of preference; many test benches have P-256 certificates."""


def wallet(store: Store, *, contracts: Sequence[str] = ("contract",), provisioning: bool = True) -> Wallet20:
    """The vehicle's wallet.

    Args:
        contracts: entries that are its contracts, preferred first.
        provisioning: whether it has the provisioning certificate.

    Raises:
        PkiError: an entry is missing.
    """
    own = store.get(Role.OEM_PROVISIONING) if provisioning else None
    return Wallet20(
        contracts=[credential(store[name]) for name in contracts],
        provisioning=credential(own) if own is not None and own.has_key else None,
        roots=ders(store.of_role(Role.V2G_ROOT, Role.V2G_ROOT2)),
    )


def backend(
    store: Store, now: datetime.datetime, *, emaids: Sequence[str] = (), seed: str | None = None
) -> LocalBackend:
    """A provisioning service that makes contracts with the PKI's mobility operator.

    Args:
        now: contracts begin at this day.
        emaids: of the contracts for each vehicle; by default that of the PKI's contract.

    Raises:
        PkiError: an authority or key is missing.
    """
    return LocalBackend(
        provider=credential(store[Role.CPS]),
        oem_authorities=ders(store.of_role(Role.OEM_ROOT, Role.OEM_SUB1, Role.OEM_SUB2)),
        issue=issuer(store, now, seed),
        any_vehicle=[names.plain(emaid) for emaid in emaids or [store[Role.CONTRACT].common_name]],
    )


def open_store(directory: Path) -> Store:
    """The ISO 15118-20 part of a PKI directory, or what it has instead.

    Raises:
        UserError: it cannot be used; says what to do.
    """
    try:
        return Store(directory, next((suite for suite in SUITES if (directory / suite).is_dir()), None))
    except PkiError as why:
        raise UserError(str(why)) from why


def stores(directory: Path) -> list[Store]:
    """Every ISO 15118-20 part of a PKI directory, or what it has instead: a charger meets vehicles with either.

    Raises:
        UserError: it cannot be used; says what to do.
    """
    try:
        found = [Store(directory, suite) for suite in SUITES[:2] if (directory / suite).is_dir()]
    except PkiError as why:
        raise UserError(str(why)) from why
    return found or [open_store(directory)]


def equip_vehicle(options: Options, bench: Bench, directory: Path, say: Callable[[str], None]) -> None:
    """Gives a vehicle its wallet for ISO 15118-20 from a PKI; installed contracts are kept there.

    Args:
        directory: of the PKI.
        say: takes a line for the user.

    Raises:
        UserError: the PKI, or an entry of it, is missing.
    """
    car = bench.vehicle
    store = open_store(directory)
    for oddity in store.oddities:
        say(f"note: {oddity}")
    usual = [*(name for name in store if name.startswith(INSTALLED)), "contract"]
    chosen = usual if car.contract is None else [car.contract] if car.contract != "none" else []
    if car.contract is None:
        chosen = [name for name in chosen if name in store and store[name].has_key]
    try:
        made = options.wallet20 = wallet(store, contracts=chosen)
    except PkiError as why:
        raise UserError(str(why)) from why
    made.reinstall, made.update_days, made.most = car.install, car.update_days, car.max_contracts
    made.prioritized = [plain_id(emaid) for emaid in car.prioritized]
    made.grammar, made.scheme = bench.signed_info, sealing.scheme(bench.key_transport)
    made.revoked = any_of(Revocations.of(store), listed(bench))
    made.on_contract = lambda contract: say(keep(store, contract, _entry_of(store, contract)))


def _entry_of(store: Store, contract: Credential) -> str:
    """The entry for an installed contract: that of an earlier one with the same eMAID, or the first free one."""
    number = 1
    while (name := INSTALLED if number == 1 else f"{INSTALLED}-{number}") in store:
        if plain_id(store[name].common_name) == contract.emaid:
            break
        number += 1
    return name


def equip_charger(contracts: Contracts, bench: Bench, directory: Path, now: datetime.datetime) -> None:
    """Adds to a charger what it needs for contracts of ISO 15118-20.

    Args:
        directory: of the PKI.
        now: contracts that it installs begin on this day.

    Raises:
        PkiError: an authority or key is missing.
        UserError: the PKI cannot be used.
    """
    station = bench.charger
    held = stores(directory)
    contracts.providers, contracts.grammar = list(station.providers), bench.signed_info
    contracts.bad_signature = station.bad_signature
    made: dict[str, LocalBackend] = {}
    signers: list[Credential] = []
    for store in held:
        contracts.roots = list(dict.fromkeys([*contracts.roots, *ders(store.of_role(Role.MO_ROOT, Role.V2G_ROOT))]))
        contracts.revoked = any_of(contracts.revoked, Revocations.of(store))
        signer = store.get(Role.MO_SUB2)
        if signer is None or not signer.has_key:
            continue
        signers.append(credential(signer))
        if Role.CPS in store and store[Role.CPS].has_key and store.suite.name != "iso2":
            emaids = station.emaids or ([station.emaid] if station.emaid else [])
            made[store.suite.name] = one = backend(store, now, emaids=emaids)
            one.delay, one.grammar = station.provisioning_delay, bench.signed_info
            one.scheme = sealing.scheme(bench.key_transport)
    contracts.tariff_keys20 = signers
    if station.provisioning and made:
        contracts.backend20 = of_suites(made)


def of_suites(made: Mapping[str, LocalBackend]) -> Backend20:
    """The back end of a PKI with one suite of ISO 15118-20, or for whichever the vehicle has."""
    return next(iter(made.values())) if len(made) == 1 else BySuite(made)
