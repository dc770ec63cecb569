"""What a vehicle holds for contract payment: contracts, a provisioning certificate, and the roots it trusts."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from v2g.credentials import Credential, provider_of

if TYPE_CHECKING:
    from pki.delivery20 import Scheme
    from pki.path import Revoked
    from v2g.signature import Grammar

UPDATE_DAYS = 14.0
"""Days before its expiry from which a contract is updated; common in vehicles."""


@dataclass
class Wallet:
    """Certificates and keys.

    Attributes:
        contract: the contract certificate's chain and key, or None.
        provisioning: the OEM provisioning certificate and key, with which a contract can be installed, or None.
        roots: V2G roots in DER; the provisioning service's chain has to lead to one of them [V2G2-891].
        update_days: a contract that expires within this many days is updated.
        update_next: the charger said that the contract expires soon, so it is updated in the next session.
        updates: False: the operator said that this contract will no longer be updated.
        reinstall: install a contract even if there is one.
        revoked: tells whether a certificate of the provisioning service is revoked; None: nobody does.
        on_contract: is notified of a new contract, to store it.
    """

    contract: Credential | None = None
    provisioning: Credential | None = None
    roots: Sequence[bytes] = ()
    update_days: float = UPDATE_DAYS
    update_next: bool = False
    updates: bool = True
    reinstall: bool = False
    revoked: Revoked | None = None
    on_contract: Callable[[Credential], None] = lambda contract: None

    def exchanges(self, at: datetime.datetime) -> tuple[str, ...]:
        """The certificate exchanges worth trying, best first: ``Update``, ``Installation``."""
        contract = self.contract
        if contract is None or self.reinstall:
            return ("Installation",) if self.provisioning else ()
        if contract.expires <= at:  # a charger refuses to update it
            return ("Installation",) if self.provisioning else ()
        if not self.updates:
            return ("Installation",) if self.provisioning and self.update_next else ()
        if self.update_next or contract.expires - at < datetime.timedelta(days=self.update_days):
            return ("Update", "Installation") if self.provisioning else ("Update",)
        return ()

    def take(self, contract: Credential) -> None:
        """Replaces the contract with a new one."""
        self.contract = contract
        self.update_next = self.reinstall = False
        self.updates = True
        self.on_contract(contract)


@dataclass
class Wallet20:
    """Certificates and keys for ISO 15118-20, where a vehicle may have several contracts.

    Attributes:
        contracts: the vehicle's contracts, preferred first.
        provisioning: the OEM provisioning certificate and key, with which contracts can be installed, or None.
        roots: V2G roots in DER; the provisioning service's chain has to lead to one of them.
        update_days: a contract that expires within this many days is replaced.
        update_next: the charger said that a contract expires soon, so contracts are installed in the next session.
        reinstall: install contracts even if there are some.
        most: MaximumContractCertificateChains: the most contracts it accepts at once.
        prioritized: eMAIDs that it wants first.
        scheme: how a delivered key is sealed; None: the usual scheme.
        grammar: EXI grammar of SignedInfo; None: the usual one.
        revoked: tells whether a certificate of the provisioning service, or a new contract, is revoked; None: nobody
            does.
        on_contract: is notified of each new contract, to store it.
    """

    contracts: list[Credential] = field(default_factory=list)
    provisioning: Credential | None = None
    roots: Sequence[bytes] = ()
    update_days: float = UPDATE_DAYS
    update_next: bool = False
    reinstall: bool = False
    most: int = 4
    prioritized: Sequence[str] = ()
    scheme: Scheme | None = None
    grammar: Grammar | None = None
    revoked: Revoked | None = None
    on_contract: Callable[[Credential], None] = lambda contract: None

    def usable(self, at: datetime.datetime, providers: Collection[str] = ()) -> list[Credential]:
        """The contracts that have not expired; those of providers that the charger lists come first.

        Args:
            providers: ProviderIDs; empty: the charger lists none.
        """
        listed = {provider_of(name) for name in providers}
        valid = [contract for contract in self.contracts if contract.expires > at]
        return sorted(valid, key=lambda contract: bool(listed) and provider_of(contract.emaid) not in listed)

    def wants_installation(self, at: datetime.datetime) -> bool:
        """Whether contracts should be installed before the vehicle is authorized."""
        if self.provisioning is None:
            return False
        ends = at + datetime.timedelta(days=self.update_days)
        return self.reinstall or self.update_next or not any(one.expires > ends for one in self.contracts)

    def take(self, new: Sequence[Credential]) -> None:
        """Puts new contracts first, in their order; each replaces the one with the same eMAID."""
        emaids = {contract.emaid for contract in new}
        self.contracts = [*new, *(one for one in self.contracts if one.emaid not in emaids)]
        if new:
            self.update_next = self.reinstall = False
        for contract in new:
            self.on_contract(contract)
