"""Plug & Charge of ISO 15118-20 out of a PKI directory; as :mod:`plugfest.pnc`, which has that of ISO 15118-2."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from plugfest.pnc import credential, ders

if TYPE_CHECKING:
    from evcc.wallet import Wallet20
    from pki.store import Store
    from secc.iso20_provisioning import LocalBackend
    from v2g.credentials import Credential

SUITES = ("iso20", "iso20-ed448", "iso2")
"""Suites of a PKI in the order in which they are taken; P-256 certificates are what many test benches have."""


def wallet(store: Store, *, contracts: Sequence[str] = ("contract",), provisioning: bool = True) -> Wallet20:
    """The vehicle's wallet.

    Args:
        contracts: entries that are its contracts, preferred first.
        provisioning: whether it has the provisioning certificate.

    Raises:
        PkiError: an entry is missing.
    """
    from evcc.wallet import Wallet20
    from pki.profiles import Role

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
    from pki import authority, names
    from pki.profiles import Role
    from secc.iso20_provisioning import LocalBackend

    midnight = datetime.datetime.combine(now.date(), datetime.time(), datetime.UTC)
    source = authority.Authority(store.suite, midnight, authority.seed_octets(seed) if seed else None, store.responder)

    def issue(wanted: str) -> Credential:
        return credential(source.issue(Role.CONTRACT, store[Role.MO_SUB2], cn=wanted, name=f"contract-{wanted}"))

    return LocalBackend(
        provider=credential(store[Role.CPS]),
        oem_authorities=ders(store.of_role(Role.OEM_ROOT, Role.OEM_SUB1, Role.OEM_SUB2)),
        issue=issue,
        any_vehicle=[names.plain(emaid) for emaid in emaids or [store[Role.CONTRACT].common_name]],
    )
