"""Chains by the names of the catalogue that need more than changed dates: invalid ones, and some valid ones.

Each invalid chain is wrong in one way and right in all others: a system that refuses it has checked that point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pki import keys
from pki.profiles import Role, Usage
from pki.store import Entry, Store


class Issuing(Protocol):
    """A bench's PKI, as far as chains need it.

    Attributes:
        revoked_serials: serial numbers of certificates that it reports as revoked.
    """

    revoked_serials: set[int]

    @property
    def store(self) -> Store: ...

    def issue(self, role: Role, issuer: Entry | None, name: str, given: Mapping[str, Any] | None = None) -> Entry:
        """A certificate below an issuer, with changes."""


Build = Callable[[Issuing], Entry]
"""Makes the leaf of a chain from a bench's PKI."""


@dataclass(frozen=True)
class _Line:
    """A chain's roles, and another name for a leaf that issues certificates."""

    leaf: Role
    sub2: Role
    sub1: Role
    root: Role
    other: str

    def changed(self, **changes: Any) -> Build:
        """A leaf below the good sub-CA 2."""
        name = f"{self.leaf}-{'-'.join(sorted(changes))}"
        return lambda bench: bench.issue(self.leaf, bench.store[self.sub2], name, changes)

    def below(self, name: str, role: Role, above: Role, **changes: Any) -> Build:
        """A good leaf below an authority with changes."""

        def build(bench: Issuing) -> Entry:
            middle = bench.issue(role, bench.store[above], f"{self.leaf}-{name}", changes)
            if role is self.sub1:
                middle = bench.issue(self.sub2, middle, f"{self.leaf}-{name}-sub2")
            return bench.issue(self.leaf, middle, f"{self.leaf}-{name}-leaf")

        return build

    def below_revoked(self, bench: Issuing) -> Entry:
        """A good leaf below a revoked sub-CA 2."""
        above = bench.issue(self.sub2, bench.store[self.sub1], f"{self.leaf}-revoked-sub2")
        bench.revoked_serials.add(above.certificate.serial_number)
        return bench.issue(self.leaf, above, f"{self.leaf}-revoked-sub2-leaf")

    def builds(self) -> Mapping[str, Build]:
        sub1, sub2 = self.sub1, self.sub2
        return {
            "SubCaBelowSub2": self.below("sub3", sub2, sub2, cn="SubCA3"),
            "Sub1AllowsNoSubCa": self.below("allows-none", sub1, self.root, path_length=0),
            "Sub2IsNoCa": self.below("no-ca", sub2, sub1, ca=False, path_length=-1),
            "Sub2MayNotCertify": self.below("no-sign", sub2, sub1, usage=frozenset({Usage.CRL_SIGN})),
            "IssuedByLeaf": self.below("above", self.leaf, sub1, cn=self.other),
            "Sub2Revoked": self.below_revoked,
            "LeafIsCa": self.changed(
                ca=True, path_length=0, usage=frozenset({Usage.SIGNATURE, Usage.KEY_AGREEMENT, Usage.CERT_SIGN})
            ),
            "LeafMayNotSign": self.changed(usage=frozenset({Usage.DATA_ENCIPHERMENT})),
            "LeafWithoutUsage": self.changed(usage=frozenset()),
            "LeafOnOtherCurve": self.changed(kind=keys.Kind.P384),
            "LeafUsageOfOthers": self.changed(usage=frozenset({Usage.SIGNATURE, Usage.KEY_AGREEMENT})),
        }


CONTRACT = _Line(Role.CONTRACT, Role.MO_SUB2, Role.MO_SUB1, Role.MO_ROOT, "DEPLFC00000099").builds()
"""Name -> the chain of a contract. The last one is valid: some certificate makers set no other usage."""

PROVISIONING = _Line(Role.OEM_PROVISIONING, Role.OEM_SUB2, Role.OEM_SUB1, Role.OEM_ROOT, "PLF00000000000099").builds()
"""The same for a provisioning certificate."""
