"""What a vehicle has for contract payment: its contract, its provisioning certificate, and the roots it trusts."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from v2g.credentials import Credential

UPDATE_DAYS = 14.0
"""Days before its end from which on a contract is updated; common in vehicles."""


@dataclass
class Wallet:
    """Certificates and keys.

    Attributes:
        contract: the contract certificate's chain and key, or None.
        provisioning: the OEM provisioning certificate and key, with which a contract can be installed, or None.
        roots: V2G roots in DER; the provisioning service's chain has to lead to one of them [V2G2-891].
        update_days: a contract that ends within so many days is updated.
        update_next: the charger said that the contract ends soon, so it is updated in the next session.
        updates: False: the operator said that this contract is not updated any more.
        reinstall: install a contract although there is one.
        on_contract: is told of a new contract, to store it.
    """

    contract: Credential | None = None
    provisioning: Credential | None = None
    roots: Sequence[bytes] = ()
    update_days: float = UPDATE_DAYS
    update_next: bool = False
    updates: bool = True
    reinstall: bool = False
    on_contract: Callable[[Credential], None] = lambda contract: None

    def exchanges(self, at: datetime.datetime) -> tuple[str, ...]:
        """The certificate exchanges worth a try, best first: ``Update``, ``Installation``."""
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
        """A new contract replaces the old one."""
        self.contract = contract
        self.update_next = self.reinstall = False
        self.updates = True
        self.on_contract(contract)
