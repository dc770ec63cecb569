"""Plug & Charge from a PKI directory: the vehicle's wallet, and what a charger needs for contracts."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evcc.wallet import Wallet
from pki import names
from pki.errors import PkiError
from plugfest import pnc20
from plugfest.config.named import protocols
from plugfest.credentials import INSTALLED, credential, ders, issuer, keep
from plugfest.errors import UserError
from plugfest.security import listed
from v2g.credentials import plain_id

if TYPE_CHECKING:
    from evcc.options import Options
    from evcc.wallet import Wallet
    from pki.store import Store
    from plugfest.config.model import Bench
    from secc import serve
    from secc.charger import Evse
    from secc.contract import Contracts, Receipt
    from secc.provisioning import LocalBackend

SUITE = "iso2"

SERVICE_TIME = 50.0
"""s for which a provisioning service may stay silent."""

Say = Callable[[str], None]
Now = Callable[[], float]


def open_store(directory: Path) -> Store:
    """The ISO 15118-2 part of a PKI directory.

    Raises:
        UserError: it cannot be used; says what to do.
    """
    from pki.store import Store

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
    from pki import authority
    from pki.profiles import SUITES

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
    from pki.profiles import Role

    own = store.get(Role.OEM_PROVISIONING) if provisioning else None
    return Wallet(
        contract=credential(store[contract]) if contract else None,
        provisioning=credential(own) if own is not None and own.has_key else None,
        roots=ders(store.of_role(Role.V2G_ROOT, Role.V2G_ROOT2)),
    )


def equip_vehicle(options: Options, bench: Bench, now: Now, say: Say) -> None:
    """Gives a vehicle its wallet from the bench's PKI; installed contracts are kept there.

    Args:
        now: wall clock, Unix seconds. say: prints what the user should know.

    Raises:
        UserError: the PKI, or an entry of it, is missing.
    """
    from pki.revocation import Revocations, any_of

    car = bench.vehicle
    options.now, options.payment = now, bench.payment
    options.goes_on_after_failed_certificate = car.goes_on_after_failed_certificate
    options.services = {int(number): chosen for number, chosen in car.services.items()}
    if bench.pki is None or bench.payment == "external":
        return
    classic, newest = spoken(bench)
    if newest:
        pnc20.equip_vehicle(options, bench, say)
    if not classic:
        return
    store = open_store(Path(bench.pki))
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
    from pki.profiles import Role
    from secc.provisioning import LocalBackend

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
    from pki.profiles import Role
    from pki.revocation import Revocations
    from secc.contract import Contracts

    signer = store.get(Role.MO_SUB2)
    able = provisioning and all(role in store and store[role].has_key for role in (Role.CPS, Role.MO_SUB2))
    return Contracts(
        roots=ders(store.of_role(Role.MO_ROOT, Role.V2G_ROOT)),
        backend=backend(store, now, emaid=emaid) if able else None,
        revoked=Revocations.of(store),
        receipt_every=receipt_every,
        tariff_key=credential(signer) if signer is not None and signer.has_key else None,
    )


def equip_charger(options: serve.Options, evse: Evse, bench: Bench, now: Now) -> None:
    """Gives a charger its services, its schedules with prices, and what it needs for contracts.

    Raises:
        UserError: the PKI, or an entry of it, is missing.
    """
    from pki.revocation import any_of
    from plugfest import plans

    station = bench.charger
    options.services = tuple(_services(bench))
    options.goes_on_after_failed_certificate = station.goes_on_after_failed_certificate
    evse.plans = plans.of_bench(station.plans)
    options.standby, options.service_renegotiation = station.standby, station.other_services
    options.renegotiation_tries = station.renegotiation_tries
    if bench.pki is None or bench.payment == "external":
        return
    classic, newest = spoken(bench)
    at = datetime.datetime.fromtimestamp(now(), datetime.UTC)
    store = open_store(Path(bench.pki)) if classic else pnc20.open_store(Path(bench.pki))
    try:
        made = contracts(
            store,
            at,
            receipt_every=station.receipts,
            provisioning=station.provisioning and classic,
            emaid=station.emaid or "",
        )
        if newest:
            pnc20.equip_charger(made, bench, at)
        made.revoked = any_of(made.revoked, listed(bench))
    except PkiError as why:
        raise UserError(str(why)) from why
    if station.provisioning_url is not None:
        from plugfest.service import post_to
        from secc.remote import Remote

        remote = Remote(post_to(station.provisioning_url, SERVICE_TIME))
        made.backend, made.backend20 = (remote if classic else None), (remote if newest else None)
    made.insists, made.external = station.receipts_insist, bench.payment == "auto"
    made.verdicts = {plain_id(emaid): code for emaid, code in station.verdicts.items()}
    options.contracts = made


def _services(bench: Bench) -> Iterator[Any]:
    from secc import services

    for entry in bench.charger.services:
        if isinstance(entry, str):
            yield services.KNOWN[entry]
        else:
            sets = {int(number): dict(values) for number, values in entry.sets.items()}
            yield services.Service(entry.id, entry.name, entry.category, entry.free, sets, entry.tls, entry.scope)


def receipts(received: Sequence[Receipt]) -> Iterator[str]:
    """The receipts of a session, in words."""
    if received:
        yield f"receipts signed by contract {received[0].emaid}:"
    for receipt in received:
        clock = datetime.datetime.fromtimestamp(receipt.time, datetime.UTC)
        reading = receipt.reading if receipt.reading is not None else "no reading"
        verdict = receipt.problem or "signature valid"
        signed = f"{receipt.signature.hex()[:24]}..."
        yield f"  {clock:%H:%M:%S}  {receipt.meter.MeterID}  {reading:>9} Wh  {signed}  {verdict}"
