"""Plug & Charge of ISO 15118-20 out of a PKI directory; as :mod:`plugfest.pnc`, which has that of ISO 15118-2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plugfest.pnc import credential, ders

if TYPE_CHECKING:
    from evcc.wallet import Wallet20
    from pki.store import Store

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
