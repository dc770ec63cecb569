"""Certificates of a bench: contexts for TLS, what contract payment needs at either role, and the tester's wrong ones.

A bench has a PKI and a second, independent one. From both come the certificates that the catalogue names
(``certificate_set``): valid, expired, with wrong content, mixed chains. In memory they are made from a seed; for a
real system the first PKI is the one it trusts (``plugfest pki init``), and what its keys allow is made from it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from conformance.pics import Pics
from conformance.verdict import Inconclusive, NotExecutable
from v2g import signature
from v2g.credentials import Credential, chain_of, chain_type, read, root_ids
from v2g.errors import RemoteError
from v2g.messages import iso2

if TYPE_CHECKING:
    from conformance.tester_ev import TesterEv
    from conformance.wire import Arrival
    from pki.store import Entry, Store
    from v2g.tls import Context as TlsContext

DAY = datetime.timedelta(days=1)
MEMORY_NOW = datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC)
"""Wall clock of benches in memory at their time 0."""

SIGNED = ("AuthorizationReq", "MeteringReceiptReq", "CertificateInstallationReq", "CertificateUpdateReq")

EMAIDS = {"wrong": "DE1ABCD2EF357B", "malformed": "Invalid_EMAID_"}
"""eMAIDs of no contract; a charger's back end does not know them."""


@cache
def _store(seed: str) -> Store:
    from pki import authority
    from pki.profiles import SUITES

    return authority.make(SUITES["iso2"], MEMORY_NOW - 14 * DAY, seed=authority.seed_octets(seed))


def credential(entry: Entry) -> Credential:
    return Credential(entry.chain_der, entry.key)


@dataclass
class Certificates:
    """The certificates of a bench.

    Attributes:
        store: the PKI that the system under test trusts.
        now: wall clock.
    """

    store: Store
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC)
    _made: dict[str, Credential] = field(default_factory=dict)

    @cached_property
    def other(self) -> Store:
        """An independent PKI with the same names."""
        return _store("another")

    @cached_property
    def _authority(self) -> Any:
        from pki import authority

        start = self.now() - 400 * DAY
        return authority.Authority(self.store.suite, start, authority.seed_octets("conformance twins"), "")

    def _issue(self, role: Any, issuer: Entry, name: str, given: Mapping[str, Any] | None = None) -> Entry:
        from pki.authority import Changes

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
            Inconclusive: the PKI has not the keys to make it.
            NotExecutable: the name is unknown.
        """
        return self._get(name, _CONTRACTS)

    def provisioning(self, name: str = "CRT_OEM_LEAF_VALID") -> Credential:
        """An OEM provisioning certificate; raises as :meth:`contract`."""
        return self._get(name, _PROVISIONING)

    def _get(self, name: str, table: Mapping[str, Callable[[Certificates], Credential]]) -> Credential:
        from pki.errors import PkiError

        if name not in table:
            raise NotExecutable(f"certificate {name}")
        if name not in self._made:
            try:
                self._made[name] = table[name](self)
            except PkiError as why:
                raise Inconclusive(f"{name} cannot be made from this PKI: {why}") from why
        return self._made[name]

    @property
    def roots(self) -> list[bytes]:
        """V2G roots."""
        from pki.profiles import Role

        return [entry.der for entry in self.store.of_role(Role.V2G_ROOT)]

    @property
    def mo_roots(self) -> list[bytes]:
        """Roots of mobility operators, and V2G roots that certify such."""
        from pki.profiles import Role

        return [entry.der for entry in self.store.of_role(Role.MO_ROOT, Role.V2G_ROOT)]


def _leaf(**changes: Any) -> Callable[[Certificates], Credential]:
    def make(bench: Certificates) -> Credential:
        from pki.profiles import Role

        now = bench.now()
        given = {key: now + value if isinstance(value, datetime.timedelta) else value for key, value in changes.items()}
        name = "contract-" + "-".join(sorted(changes))
        return credential(bench._issue(Role.CONTRACT, bench.store[Role.MO_SUB2], name, given))

    return make


def _under_expired(level: int) -> Callable[[Certificates], Credential]:
    """A leaf below an expired sub-CA 1 or 2."""

    def make(bench: Certificates) -> Credential:
        from pki.profiles import Role

        now, store = bench.now(), bench.store
        old = {"not_before": now - 300 * DAY, "not_after": now - DAY}
        sub1 = store[Role.MO_SUB1]
        if level == 1:
            sub1 = bench._issue(Role.MO_SUB1, store[Role.MO_ROOT], "old-sub1", old)
        sub2 = bench._issue(Role.MO_SUB2, sub1, f"sub2-{level}", old if level == 2 else {})
        return credential(bench._issue(Role.CONTRACT, sub2, f"leaf-{level}"))

    return make


def _named(cn: str) -> Callable[[Certificates], Credential]:
    """The valid leaf under another common name, also one that no authority would certify."""

    def make(bench: Certificates) -> Credential:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        from pki.profiles import Role

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
        made = builder.sign(issuer.key, hashes.SHA256())
        return Credential((made.public_bytes(serialization.Encoding.DER), *good.chain[1:]), good.key)

    return make


def _mixed(*places: int) -> Callable[[Certificates], Credential]:
    """The valid chain with certificates of the other PKI at these places; place 0 brings its key with it."""

    def make(bench: Certificates) -> Credential:
        good, other = bench.contract(), credential(bench.other["contract"])
        chain = [other.chain[place] if place in places else good.chain[place] for place in range(3)]
        return Credential(tuple(chain), other.key if 0 in places else good.key)

    return make


def _swapped(bench: Certificates) -> Credential:
    good = bench.contract()
    return Credential((good.chain[0], good.chain[2], good.chain[1]), good.key)


def _valid(bench: Certificates) -> Credential:
    return credential(bench.store["contract"])


_CONTRACTS: Mapping[str, Callable[[Certificates], Credential]] = {
    "CRT_CONTRACT_LEAF_VALID": _valid,
    "CRT_CONTRACT_LEAF_EXPIRES": _leaf(not_before=-30 * DAY, not_after=7 * DAY),
    "CRT_CONTRACT_LEAF_EXPIRED": _leaf(not_before=-60 * DAY, not_after=-DAY),
    "CRT_CONTRACT_LEAF_INVALID_CONTENT": _leaf(dc="V2G"),
    "CRT_CONTRACT_LEAF_WRONG_EMAID": _named(EMAIDS["wrong"]),
    "CRT_CONTRACT_LEAF_INVALID_EMAID": _named(EMAIDS["malformed"]),
    "CRT_CONTRACT_LEAF_EXPIRED_ISSUER_SUB1": _under_expired(1),
    "CRT_CONTRACT_LEAF_EXPIRED_ISSUER_SUB2": _under_expired(2),
    "WrongSubCertOrder": _swapped,
    "WrongPKILeafCert": _mixed(0),
    "WrongPKISub2Cert": _mixed(1),
    "WrongPKISub1Cert": _mixed(2),
    "WrongPKICertChain": _mixed(0, 1, 2),
}


def _oem(**changes: Any) -> Callable[[Certificates], Credential]:
    def make(bench: Certificates) -> Credential:
        from pki.profiles import Role

        now = bench.now()
        given = {key: now + value if isinstance(value, datetime.timedelta) else value for key, value in changes.items()}
        issuer = bench.store[Role.OEM_SUB2]
        return credential(bench._issue(Role.OEM_PROVISIONING, issuer, "oem-" + "-".join(sorted(changes)), given))

    return make


_PROVISIONING: Mapping[str, Callable[[Certificates], Credential]] = {
    "CRT_OEM_LEAF_VALID": lambda bench: credential(bench.store["oem-provisioning"]),
    "CRT_OEM_LEAF_EXPIRED": _oem(not_before=-60 * DAY, not_after=-DAY),
    "CRT_OEM_LEAF_INVALID_CONTENT": _oem(dc="CPO"),
}


@cache
def in_memory() -> Certificates:
    """The certificates of benches in memory."""
    import asyncio

    def now() -> datetime.datetime:
        try:
            return MEMORY_NOW + datetime.timedelta(seconds=asyncio.get_running_loop().time())
        except RuntimeError:
            return MEMORY_NOW

    return Certificates(_store("conformance"), now)


# ---------------------------------------------------------------------------------------------------------------
# Either side of TLS


def context(bench: Certificates, role: str) -> TlsContext:
    """A side of TLS out of the PKI: ``client`` or ``server``.

    Raises:
        SetupError: the PKI lacks what the side needs.
    """
    from v2g import tls

    made = tls.of_store(role, [bench.store])
    made.now = bench.now
    return made


# ---------------------------------------------------------------------------------------------------------------
# What roles need


def charger_contracts(bench: Certificates, pics: Pics) -> Any:
    """What a charger needs for contract payment, as declared."""
    from pki.profiles import Role
    from secc.contract import Contracts
    from secc.provisioning import LocalBackend

    store = bench.store

    def issue(wanted: str) -> Credential:
        return credential(bench._issue(Role.CONTRACT, store[Role.MO_SUB2], f"new-{wanted}", {"cn": wanted}))

    refused = dict.fromkeys((EMAIDS["wrong"].upper(), EMAIDS["malformed"].upper()), "FAILED_NoCertificateAvailable")
    backend = LocalBackend(
        provider=credential(store[Role.CPS]),
        oem_authorities=[entry.der for entry in store.of_role(Role.OEM_ROOT, Role.OEM_SUB1, Role.OEM_SUB2)],
        mo_roots=bench.mo_roots,
        issue=issue,
        any_vehicle=store[Role.CONTRACT].common_name,
        verdicts=refused,
    )
    return Contracts(
        roots=bench.mo_roots,
        backend=backend,
        verdicts=refused,
        receipt_every=0.0 if pics["PIXIT_SECC_CMN_ReceiptRequired"] else None,
        tariff_key=credential(store[Role.MO_SUB2]),
    )


def vehicle_wallet(bench: Certificates, pics: Pics) -> Any:
    """A vehicle's wallet, as declared: with a contract, with none (to be installed), or with one that ends."""
    from evcc.wallet import Wallet

    handling = pics["PIXIT_EVCC_CMN_CertificateHandling"]
    contract = {"certInstall": None, "certUpdate": bench.contract("CRT_CONTRACT_LEAF_EXPIRES")}.get(
        handling, bench.contract()
    )
    return Wallet(contract=contract, provisioning=bench.provisioning(), roots=bench.roots)


# ---------------------------------------------------------------------------------------------------------------
# The tester vehicle


@dataclass
class Paying:
    """The tester vehicle's side of contract payment.

    Attributes:
        bench: certificates.
        contract, provisioning: shown and signed with.
    """

    bench: Certificates
    contract: Credential
    provisioning: Credential

    def sign(self, walk: TesterEv, message: Any) -> Any:
        """The Signature that a good-case request has."""
        if type(message).__name__ not in SIGNED or not getattr(message, "Id", None):
            return None
        return signature.sign_message(message, self.key_of(type(message).__name__).key)

    def key_of(self, request: str) -> Credential:
        return self.provisioning if request == "CertificateInstallationReq" else self.contract


def preparing(bench: Certificates) -> Callable[[Any], None]:
    """What gives a tester its contract and keys before a run."""

    def prepare(tester: Any) -> None:
        tester.certificates = bench
        if not tester.pics.pnc:
            return
        if hasattr(tester, "sign"):
            held = Paying(bench, bench.contract(), bench.provisioning())
            tester.paying, tester.sign = held, held.sign
        else:
            tester.contracts = charger_contracts(bench, tester.pics)

    return prepare


def paying(walk: TesterEv) -> Paying:
    """The contract of a walk. Inconclusive: the tester has no certificates."""
    if walk.paying is None:
        raise Inconclusive("the tester has no contract; give it certificates with --pki")
    held: Paying = walk.paying
    return held


def payment_details(walk: TesterEv) -> iso2.PaymentDetailsReq:
    own = paying(walk).contract
    return iso2.PaymentDetailsReq(eMAID=own.emaid, ContractSignatureCertChain=chain_type(own.chain))


def installation(walk: TesterEv) -> iso2.CertificateInstallationReq:
    bench = paying(walk).bench
    return iso2.CertificateInstallationReq(
        Id="id1", OEMProvisioningCert=bench.provisioning().leaf, ListOfRootCertificateIDs=root_ids(bench.roots)
    )


def update(walk: TesterEv) -> iso2.CertificateUpdateReq:
    held = paying(walk)
    held.contract = held.bench.contract("CRT_CONTRACT_LEAF_EXPIRES")
    return iso2.CertificateUpdateReq(
        Id="id1",
        ContractSignatureCertChain=chain_type(held.contract.chain),
        eMAID=held.contract.emaid,
        ListOfRootCertificateIDs=root_ids(held.bench.roots),
    )


def delivered(walk: TesterEv, arrival: Arrival) -> Credential:
    """The contract out of a certificate response.

    Raises:
        RemoteError: it does not hold; says what.
    """
    from pki import delivery
    from pki.errors import PkiError

    message = arrival.message
    install = arrival.name == "CertificateInstallationRes"
    receiver = paying(walk).bench.provisioning() if install else paying(walk).contract
    chain = chain_of(message.ContractSignatureCertChain)
    sealed = delivery.Sealed(message.ContractSignatureEncryptedPrivateKey.value, message.DHpublickey.value)
    try:
        key: Any = delivery.unseal(sealed, receiver.key, read(chain[0]))  # type: ignore[arg-type]
    except PkiError as why:
        raise RemoteError(str(why)) from why
    return Credential(chain, key)


def chain_problem(bench: Certificates, chain: Any, role: Any, roots: list[bytes]) -> str:
    """What is wrong with a chain of certificates, or ""."""
    from pki import path

    found = path.fatal(path.validate(chain, [read(root) for root in roots], role, bench.now()))
    return "; ".join(str(deviation) for deviation in found)


# ---------------------------------------------------------------------------------------------------------------
# Deviations

Edit = Callable[["TesterEv", Any], Any]
Sign = Callable[["TesterEv", Any], Any]


def _name_in(text: str, table: Mapping[str, Any]) -> str:
    """The certificate that a phrase names first."""
    places = {name: text.find(name) for name in table if name in text}
    if not places:
        raise NotExecutable(f"certificates in words: {text!r}")
    return max((name for name in places if places[name] == min(places.values())), key=len)


def certificate_edit(field_: str, value: str) -> Edit:
    """What a certificate field's value does to a request.

    Raises:
        NotExecutable: it is not understood.
    """
    if field_ == "OEMProvisioningCert":
        name = _name_in(value, _PROVISIONING)

        def show(walk: TesterEv, message: Any) -> Any:
            held = paying(walk)
            held.provisioning = held.bench.provisioning(name)
            return msgspec.structs.replace(message, OEMProvisioningCert=held.provisioning.leaf)

        return show
    name = _name_in(value, _CONTRACTS)

    def edit(walk: TesterEv, message: Any) -> Any:
        held = paying(walk)
        held.contract = held.bench.contract(name)
        return msgspec.structs.replace(
            message, ContractSignatureCertChain=chain_type(held.contract.chain), eMAID=held.contract.emaid
        )

    return edit


def emaid_edit(value: str) -> Edit | None:
    """Another eMAID in the body."""
    if value.startswith("that of the certificate"):
        return None
    word = value.partition(" ")[0]
    return lambda walk, message: msgspec.structs.replace(message, eMAID=word)


def signing(value: str) -> Sign | None:
    """How a request is signed; None: as in the good case.

    Raises:
        NotExecutable: it is not understood.
    """
    if value.startswith(("over ", "contract key over")):
        return None
    if value.startswith("wrong_key"):
        return lambda walk, message: signature.sign_message(
            message, credential(paying(walk).bench.other["contract"]).key
        )
    if value.startswith("body_changed_after_signing"):
        return lambda walk, message: signature.sign_message(
            altered(message), paying(walk).key_of(type(message).__name__).key
        )
    raise NotExecutable(f"signature {value!r}")


ALTERED: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "AuthorizationReq": lambda message: {"GenChallenge": bytes(16)},
    "MeteringReceiptReq": lambda message: {"SAScheduleTupleID": (message.SAScheduleTupleID or 1) + 1},
    "CertificateInstallationReq": lambda message: {"OEMProvisioningCert": message.OEMProvisioningCert[:-1] + b"\0"},
    "CertificateUpdateReq": lambda message: {"eMAID": "DEXXXX00000000"},
}
"""What another body has, by request."""


def altered(message: Any) -> Any:
    """The message with another body: what is signed then is not what is sent."""
    return msgspec.structs.replace(message, **ALTERED[type(message).__name__](message))


def everything_revoked(certificate: Any, *_: Any) -> Any:
    """A revocation service that has revoked every certificate."""
    return True
