"""Certificates of a bench, by the names of the catalogue: right ones, wrong ones, and a side of TLS.

A bench has a PKI and a second, independent one. Both supply the certificates that the catalogue names
(``certificate_set``): valid, expired, with wrong content, mixed chains. In memory they are made from a seed; for a real
system the first PKI is the one it trusts (``plugfest pki init``), and certificates are made as far as its keys allow.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from pki import authority, keys, path
from pki.authority import Authority, Changes
from pki.errors import PkiError
from pki.profiles import SUITES, Role
from pki.store import Entry, Store
from plugfest.conformance.cause import Cause
from plugfest.conformance.sut import chains
from plugfest.conformance.verdict import Inconclusive, NotExecutable
from v2g import tls
from v2g.credentials import Credential, read
from v2g.errors import SetupError
from v2g.protocols import ISO2, ISO20, Protocol
from v2g.tls import Context as TlsContext

DAY = datetime.timedelta(days=1)
MEMORY_NOW = datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC)
"""Wall clock of in-memory benches at their time 0."""


EMAIDS = {"wrong": "DE1ABCD2EF357B", "malformed": "Invalid_EMAID_", "unknown provider": "DEXYZC000000770"}
"""eMAIDs without a contract; a charger's back end does not know them."""


Maker = Callable[["Certificates"], Credential]
"""Makes a certificate, with its chain and key, from a bench's PKI."""


@cache
def _store(seed: str, suite: str = "iso2") -> Store:
    return authority.make(SUITES[suite], MEMORY_NOW - 14 * DAY, seed=authority.seed_octets(seed))


def credential(entry: Entry) -> Credential:
    return Credential(entry.chain_der, entry.key)


@dataclass
class Certificates:
    """The certificates of a bench.

    Attributes:
        store: the PKI that the system under test trusts.
        now: wall clock.
        revoked_serials: serial numbers of certificates made as revoked ones.
    """

    store: Store
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC)
    revoked_serials: set[int] = field(default_factory=set)
    _made: dict[Maker, Credential] = field(default_factory=dict)

    @cached_property
    def other(self) -> Store:
        """An independent PKI with the same names."""
        return _store("another", self.store.suite.name)

    @cached_property
    def _authority(self) -> Authority:
        start = self.now() - 400 * DAY
        return authority.Authority(self.store.suite, start, authority.seed_octets("conformance twins"), "")

    def issue(self, role: Role, issuer: Entry | None, name: str, given: Mapping[str, Any] | None = None) -> Entry:
        changes = dict(given or {})
        cn = changes.pop("cn", "")
        entry: Entry = self._authority.issue(
            role, issuer, name=name, cn=cn or self.store[role].common_name, changes=Changes(**changes), label=name
        )
        return entry

    # -- by the names of the catalogue ----------------------------------------------------------------------------

    def contract(self, name: str = "CRT_CONTRACT_LEAF_VALID") -> Credential:
        """A contract certificate with its sub-CAs.

        Raises:
            Inconclusive: the PKI lacks the keys to make it.
            NotExecutable: the name is unknown.
        """
        return self._get(name, CONTRACTS)

    def provisioning(self, name: str = "CRT_OEM_LEAF_VALID") -> Credential:
        """An OEM provisioning certificate; raises as :meth:`contract`."""
        return self._get(name, PROVISIONING)

    def _get(self, name: str, table: Mapping[str, Maker]) -> Credential:
        if name not in table:
            raise NotExecutable(f"certificate {name}")
        make = table[name]  # a contract's and a provisioning certificate's may share a name
        if make not in self._made:
            try:
                self._made[make] = make(self)
            except PkiError as why:
                raise Inconclusive(f"{name} cannot be made from this PKI: {why}", cause=Cause.NO_CERTIFICATES) from why
        return self._made[make]

    def revoked(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        """Whether a certificate of this bench counts as revoked; only those made for this purpose do."""
        return certificate.serial_number in self.revoked_serials

    @property
    def roots(self) -> list[bytes]:
        """V2G roots."""
        return [entry.der for entry in self.store.of_role(Role.V2G_ROOT)]

    @property
    def mo_roots(self) -> list[bytes]:
        """Roots of mobility operators, and V2G roots that certify mobility operators."""
        return [entry.der for entry in self.store.of_role(Role.MO_ROOT, Role.V2G_ROOT)]


# ---------------------------------------------------------------------------------------------------------------
# Contract certificates


def _leaf(role: str, **changes: Any) -> Maker:
    """A leaf with changed content; durations in ``changes`` count from now."""

    def make(bench: Certificates) -> Credential:
        place, issuer, word = {
            "contract": (Role.CONTRACT, Role.MO_SUB2, "contract"),
            "oem": (Role.OEM_PROVISIONING, Role.OEM_SUB2, "oem"),
        }[role]
        now = bench.now()
        given = {key: now + value if isinstance(value, datetime.timedelta) else value for key, value in changes.items()}
        return credential(bench.issue(place, bench.store[issuer], f"{word}-{'-'.join(sorted(changes))}", given))

    return make


def _revoked(role: str) -> Maker:
    """A good leaf that the bench's list of revocations names."""
    make = _leaf(role, not_before=-2 * DAY)

    def revoke(bench: Certificates) -> Credential:
        made = make(bench)
        bench.revoked_serials.add(made.certificate.serial_number)
        return made

    return revoke


def _foreign(role: str) -> Maker:
    """The valid leaf of the other PKI, with its chain and key."""
    return lambda bench: credential(bench.other[role])


def _under(level: int, begins: int, ends: int) -> Maker:
    """A leaf below a sub-CA 1 or 2 that is valid from and until so many days from now. All others are valid now."""

    def make(bench: Certificates) -> Credential:
        now, store = bench.now(), bench.store
        wrong = {"not_before": now + begins * DAY, "not_after": now + ends * DAY}
        right = {"not_before": now - 10 * DAY, "not_after": now + 100 * DAY}  # the issuer's does not shorten it
        word = f"{level}-{begins}"
        sub1 = bench.issue(Role.MO_SUB1, store[Role.MO_ROOT], f"sub1-{word}", wrong if level == 1 else right)
        sub2 = bench.issue(Role.MO_SUB2, sub1, f"sub2-{word}", wrong if level == 2 else right)
        return credential(bench.issue(Role.CONTRACT, sub2, f"leaf-{word}", right))

    return make


def _of_charger(bench: Certificates) -> Credential:
    """The leaf of a charger, named like a contract."""
    now, name = bench.now(), bench.contract().emaid
    given = {"cn": name, "not_before": now - 10 * DAY, "not_after": now + 20 * DAY}
    return credential(bench.issue(Role.SECC, bench.store[Role.CPO_SUB2], "charger-contract", given))


def _unknown_root(*, sent: bool) -> Maker:
    """A good chain to a root that nobody knows, with or without that root."""

    def make(bench: Certificates) -> Credential:
        root = bench.issue(Role.MO_ROOT, None, f"unknown-root-{sent}", {"cn": "UnknownRootCA"})
        sub2 = bench.issue(Role.MO_SUB2, bench.issue(Role.MO_SUB1, root, f"below-{sent}"), f"far-below-{sent}")
        made = credential(bench.issue(Role.CONTRACT, sub2, f"unknown-root-leaf-{sent}"))
        return Credential((*made.chain, *([root.der] if sent else [])), made.key)

    return make


def _named(cn: str) -> Maker:
    """The valid leaf under another common name, even one that no authority would certify."""

    def make(bench: Certificates) -> Credential:
        good, issuer = bench.contract(), bench.store[Role.MO_SUB2]
        old = good.certificate
        names = [
            x509.NameAttribute(part.oid, cn if part.oid == x509.NameOID.COMMON_NAME else part.value)
            for part in old.subject
        ]
        builder = x509.CertificateBuilder(
            old.issuer, x509.Name(names), good.key.public_key(), old.serial_number + 1,
            old.not_valid_before_utc, old.not_valid_after_utc,
        )  # fmt: skip
        for extension in old.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        made = builder.sign(keys.certifying(issuer.key), hashes.SHA256())
        return Credential((made.public_bytes(serialization.Encoding.DER), *good.chain[1:]), good.key)

    return make


def _mixed(*places: int) -> Maker:
    """The valid chain with certificates of the other PKI at these positions; position 0 also takes its key."""

    def make(bench: Certificates) -> Credential:
        good, other = bench.contract(), credential(bench.other["contract"])
        chain = [other.chain[place] if place in places else good.chain[place] for place in range(3)]
        return Credential(tuple(chain), other.key if 0 in places else good.key)

    return make


def _swapped(bench: Certificates) -> Credential:
    good = bench.contract()
    return Credential((good.chain[0], good.chain[2], good.chain[1]), good.key)


def _hyphened(bench: Certificates) -> Credential:
    """The valid leaf with hyphens in its eMAID, which messages leave out."""
    plain = bench.contract().emaid
    return _named(f"{plain[:2]}-{plain[2:5]}-{plain[5:]}")(bench)


def _built(build: chains.Build) -> Maker:
    return lambda bench: credential(build(bench))


def _forged(place: int) -> Maker:
    """The valid chain with one certificate whose signature is wrong in its last bit; everything else is right."""

    def make(bench: Certificates) -> Credential:
        good = bench.contract()
        chain = list(good.chain)
        chain[place] = chain[place][:-1] + bytes([chain[place][-1] ^ 1])
        return Credential(tuple(chain), good.key)

    return make


def _without_sub2(bench: Certificates) -> Credential:
    good = bench.contract()
    return Credential((good.chain[0], *good.chain[2:]), good.key)


def _valid(bench: Certificates) -> Credential:
    return credential(bench.store["contract"])


CONTRACTS: Mapping[str, Maker] = {
    "CRT_CONTRACT_LEAF_VALID": _valid,
    "CRT_CONTRACT_LEAF_EXPIRES": _leaf("contract", not_before=-30 * DAY, not_after=7 * DAY),
    "CRT_CONTRACT_LEAF_EXPIRED": _leaf("contract", not_before=-60 * DAY, not_after=-DAY),
    "CRT_CONTRACT_LEAF_NOT_YET": _leaf("contract", not_before=DAY, not_after=300 * DAY),
    "CRT_CONTRACT_LEAF_REVOKED": _revoked("contract"),
    "CRT_CONTRACT_LEAF_INVALID_CONTENT": _leaf("contract", dc="V2G"),
    "CRT_CONTRACT_LEAF_WRONG_EMAID": _named(EMAIDS["wrong"]),
    "CRT_CONTRACT_LEAF_UNKNOWN_PROVIDER": lambda bench: credential(
        bench.issue(Role.CONTRACT, bench.store[Role.MO_SUB2], "unknown", {"cn": EMAIDS["unknown provider"]})
    ),
    "CRT_CONTRACT_LEAF_INVALID_EMAID": _named(EMAIDS["malformed"]),
    "CRT_CONTRACT_LEAF_EXPIRED_ISSUER_SUB1": _under(1, -300, -1),
    "CRT_CONTRACT_LEAF_EXPIRED_ISSUER_SUB2": _under(2, -300, -1),
    "Sub1NotYet": _under(1, 1, 300),
    "Sub2NotYet": _under(2, 1, 300),
    "LeafOfCharger": _of_charger,
    "UnknownRoot": _unknown_root(sent=False),
    "UnknownRootSent": _unknown_root(sent=True),
    "WrongSubCertOrder": _swapped,
    "WrongPKILeafCert": _mixed(0),
    "WrongPKISub2Cert": _mixed(1),
    "WrongPKISub1Cert": _mixed(2),
    "WrongPKICertChain": _mixed(0, 1, 2),
    "WithoutSub2Cert": _without_sub2,
    "LeafForged": _forged(0),
    "Sub2Forged": _forged(1),
    "Sub1Forged": _forged(2),
    "EmaidWithHyphens": _hyphened,
    **{name: _built(build) for name, build in chains.CONTRACT.items()},
}


# ---------------------------------------------------------------------------------------------------------------
# Provisioning certificates


PROVISIONING: Mapping[str, Maker] = {
    "CRT_OEM_LEAF_VALID": lambda bench: credential(bench.store["oem-provisioning"]),
    "CRT_OEM_LEAF_EXPIRED": _leaf("oem", not_before=-60 * DAY, not_after=-DAY),
    "CRT_OEM_LEAF_NOT_YET": _leaf("oem", not_before=DAY, not_after=300 * DAY),
    "CRT_OEM_LEAF_REVOKED": _revoked("oem"),
    "CRT_OEM_LEAF_UNKNOWN_ROOT": _foreign("oem-provisioning"),
    "CRT_OEM_LEAF_INVALID_CONTENT": _leaf("oem", dc="CPO"),
    **{name: _built(build) for name, build in chains.PROVISIONING.items()},
}


# ---------------------------------------------------------------------------------------------------------------
# Benches, and what is made with them


def in_memory(protocol: Protocol = ISO2) -> Certificates:
    """The certificates of in-memory benches, for sessions of a protocol: the same ones on both sides."""
    return _in_memory(SUITE_OF.get(protocol.name, ISO2.name))


@cache
def _in_memory(suite: str) -> Certificates:

    def now() -> datetime.datetime:
        try:
            return MEMORY_NOW + datetime.timedelta(seconds=asyncio.get_running_loop().time())
        except RuntimeError:
            return MEMORY_NOW

    return Certificates(_store("conformance", suite), now)


IN_DIRECTORIES: Mapping[str, tuple[str, ...]] = {"iso2": ("iso2",), "iso20": ("iso20", "iso20-ed448", "iso2")}
"""Certificates that a PKI directory may have for a suite, best first; many benches have them on P-256."""


def of_directory(pki: Path, suite: str = "iso2") -> Certificates:
    """The certificates of a PKI directory; ``suite``: the wanted one of :data:`IN_DIRECTORIES`.

    Raises:
        SetupError: the directory cannot be used.
    """
    # A PKI without our layout is of the suite wanted, but for ISO 15118-20 of that of its keys.
    elsewhere = None if suite == "iso20" else suite
    try:
        return Certificates(Store(pki, next((one for one in IN_DIRECTORIES[suite] if (pki / one).is_dir()), elsewhere)))
    except PkiError as why:
        raise SetupError(str(why)) from why


def options_for(bench: Certificates, suite: str) -> tls.Options | None:
    """Options of TLS for a suite if the certificates are those of another, else None: those of their own."""
    return tls.LAB if suite == "iso20" and bench.store.suite.name == "iso2" else None


SUITE_OF: Mapping[str, str] = {ISO20.name: "iso20"}
"""Key suite of a protocol's PKI if it differs from that of ISO 15118-2."""


def context(bench: Certificates, role: str, options: tls.Options | None = None) -> TlsContext:
    """One side of TLS from the PKI: ``client`` or ``server``.

    Args:
        options: replace those of its suite. With a lab's options, a vehicle without a certificate of its own shows its
            provisioning certificate, as benches on P-256 do.

    Raises:
        SetupError: the PKI lacks what the side needs.
    """
    made = options or (tls.ISO2 if bench.store.suite.name == ISO2.name else tls.ISO20)
    shown = vehicle_role(bench.store) if options is tls.LAB else Role.VEHICLE
    found = tls.of_store(role, [bench.store], made, vehicle=shown)
    found.now = bench.now
    return found


def vehicle_role(store: Store) -> Role:
    """Which certificate a vehicle shows in TLS: its own, or its provisioning certificate if it has none."""
    return Role.VEHICLE if store.of_role(Role.VEHICLE) else Role.OEM_PROVISIONING


def chain_problem(bench: Certificates, chain: Sequence[bytes], role: Role, roots: Sequence[bytes]) -> str:
    """What is wrong with a chain of certificates, or ""."""
    found = path.fatal(
        path.validate(chain, [read(root) for root in roots], role, bench.now(), suite=bench.store.suite.name)
    )
    return "; ".join(str(deviation) for deviation in found)
