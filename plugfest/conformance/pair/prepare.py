"""What a scenario prepares, as our own roles take it: protocols, certificates, battery, schedule."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evcc.wallet import Wallet
from pki.profiles import Role
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.pair.scenario import Scenario
from plugfest.conformance.sut import certificates, contracts
from plugfest.conformance.sut.certificates import DAY, Certificates
from secc.contracts import Contracts
from v2g import tls
from v2g.protocols import DIN, ISO2, ISO20, Protocol

if TYPE_CHECKING:
    from cryptography import x509

    from v2g.tls import Context

WORDS: Mapping[str, Protocol] = {"din": DIN, "iso2": ISO2, "iso20": ISO20}
"""Protocols as scenarios name them."""
UNLIMITED_WH = 200_000.0
"""What a vehicle asks for that sets no bound."""


@dataclass
class Prepared:
    """A port with its vehicle, before anything happens.

    Attributes:
        pics: what both roles are made with.
        vehicle, charger: protocols; the vehicle's preferred first.
        card: the charger wants a card.
        contract, provisioning: names of certificates, of :data:`plugfest.conformance.sut.certificates.CONTRACTS`.
        installs: the vehicle has no contract, and installs one.
        provider: ``of another PKI``: so are the certificates of the provisioning service.
        staple, chain, certificate: of the charger's TLS: which OCSP responses, order of certificates, leaf.
        revoked: roles of certificates that are revoked.
        soc, target: percent.
        amperes: most that the vehicle asks for; None: what its battery takes.
        departure, energy: s and Wh, None where the driver does not say.
        leaves: the charger plans until the departure, and not for a day.
        retries: s for which the vehicle tries again; None: not at all.
        error: that the charger makes, "" for none.
        server, client, wallet, contracts: made of the above.
    """

    pics: Pics = field(default_factory=Pics)
    vehicle: tuple[Protocol, ...] = (ISO2, DIN)
    charger: tuple[Protocol, ...] = (ISO2, DIN)
    card: bool = False
    pays: bool = False
    installs: bool = False
    contract: str = "CRT_CONTRACT_LEAF_VALID"
    provisioning: str = "CRT_OEM_LEAF_VALID"
    provider: str = ""
    staple: str = ""
    chain: str = ""
    certificate: str = ""
    revoked: tuple[str, ...] = ()
    battery: str = "400V"
    soc: float = 30.0
    target: float = 80.0
    amperes: float | None = None
    departure: int | None = 3600
    leaves: bool = False
    energy: float | None = None
    schedule: Sequence[Sequence[float]] = ()
    dc_open: bool = False
    retries: float | None = None
    error: str = ""
    server: Context | None = None
    client: Context | None = None
    wallet: Wallet | None = None
    contracts: Contracts | None = None

    @property
    def iso20(self) -> bool:
        """Whether either side speaks ISO 15118-20."""
        return ISO20 in (*self.vehicle, *self.charger)

    @property
    def secure(self) -> bool:
        """Whether it takes TLS."""
        return self.pays or self.iso20


def _service(made: Prepared, value: Any) -> None:
    mode = "dynamic" if value == "bpt_dynamic" else "scheduled"
    made.pics = made.pics.with_(PICS_CMN_ISO20_BPT=True, PICS_CMN_ISO20_ControlMode=mode)
    made.vehicle = made.charger = (ISO20,)


def _payment(made: Prepared, value: Any) -> None:
    handling = "certInstall" if value == "install" else "none"
    made.pays, made.installs = True, value == "install"
    made.pics = made.pics.with_(
        PICS_CMN_CMN_IdentificationMode="pnC", PIXIT_SECC_CMN_CertificateHandling=handling,
        PIXIT_EVCC_CMN_CertificateHandling=handling,
    )  # fmt: skip
    made.vehicle, made.charger = (ISO2,), (ISO2,)


def _level(made: Prepared, value: Any) -> None:
    made.soc, made.target = map(float, value)


def _departure(made: Prepared, value: Any) -> None:
    made.leaves, made.departure = value != "none", None if value == "none" else int(value)


_CONTRACTS = {
    "valid": "CRT_CONTRACT_LEAF_VALID", "expired": "CRT_CONTRACT_LEAF_EXPIRED",
    "revoked": "CRT_CONTRACT_LEAF_REVOKED", "of another PKI": "WrongPKICertChain",
}  # fmt: skip
_PROVISIONING = {"valid": "CRT_OEM_LEAF_VALID", "expired": "CRT_OEM_LEAF_EXPIRED"}


def _set(name: str, read: Callable[[Any], Any] = lambda value: value) -> Callable[[Prepared, Any], None]:
    return lambda made, value: setattr(made, name, read(value))


_PREPARE: Mapping[str, Callable[[Prepared, Any], None]] = {
    "authorisation": _set("card", lambda value: value == "card"),
    "payment": _payment,
    "contract": _set("contract", _CONTRACTS.__getitem__),
    "provisioning": _set("provisioning", _PROVISIONING.__getitem__),
    "provider": _set("provider"),
    "charger_certificate": _set("certificate"),
    "charger_chain": _set("chain"),
    "staple": _set("staple"),
    "revoked": _set("revoked", tuple),
    "vehicle_offers": _set("vehicle", lambda value: tuple(WORDS[word] for word in value)),
    "charger_speaks": _set("charger", lambda value: tuple(WORDS[word] for word in value)),
    "dc_line": _set("dc_open", lambda value: value == "open"),
    "charge_level": _level,
    "battery": _set("battery"),
    "auxiliaries": lambda made, value: None,  # our vehicle has none: it asks for what the battery takes
    "vehicle_current": _set("amperes", float),
    "departure": _departure,
    "energy": _set("energy", lambda value: UNLIMITED_WH if value == "unlimited" else float(value)),
    "schedule": _set("schedule"),
    "service": _service,
    "ports": lambda made, value: None,
    "vehicle_retries": _set("retries", float),
    "charger_error": _set("error"),
}
"""What our own roles can be prepared for."""


def unprepared(scenario: Scenario) -> str:
    """What of a scenario our own roles cannot be prepared for, or ""."""
    return next((name for name in (*scenario.prepared, *scenario.prepared2) if name not in _PREPARE), "")


def prepared(scenario: Scenario, port: int = 1) -> Prepared:
    """A port of a scenario, as our own roles take it."""
    made = described(scenario, port)
    if made.secure:
        secure(made, certificates.in_memory(ISO20 if made.iso20 else ISO2))
    return made


def described(scenario: Scenario, port: int = 1) -> Prepared:
    """The same without certificates."""
    made = Prepared()
    for name, value in {**scenario.prepared, **(scenario.prepared2 if port == 2 else {})}.items():
        _PREPARE[name](made, value)
    return made


def secure(made: Prepared, bench: Certificates, *, vehicle: bool = True, charger: bool = True) -> None:
    """TLS, and what contract payment needs, at both ends or at one.

    Raises:
        SetupError: the PKI lacks what an end needs.
    """
    gone = {bench.store[Role(name)].certificate.serial_number for name in made.revoked}

    def revoked(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        return certificate.serial_number in gone or bench.revoked(certificate, issuer)

    options = certificates.options_for(bench, "iso20" if made.iso20 else "iso2")
    if vehicle:
        made.client = certificates.context(bench, "client", options)
        assert made.client.trust is not None
        made.client.trust.revoked = revoked
    if charger:
        made.server = _served(made, bench, certificates.context(bench, "server", options))
    if vehicle and made.pays:
        made.wallet = Wallet(
            contract=None if made.installs else bench.contract(made.contract),
            provisioning=bench.provisioning(made.provisioning) if made.installs else None, roots=bench.roots,
        )  # fmt: skip
    if charger and made.pays:
        accepted = contracts.charger_contracts(bench, made.pics)
        backend: Any = accepted.backend
        if made.provider == "of another PKI":
            backend = dataclasses.replace(backend, provider=certificates.credential(bench.other[Role.CPS]))
        made.contracts = dataclasses.replace(accepted, backend=backend, external=True, revoked=revoked)


def _served(made: Prepared, bench: Certificates, server: Context) -> Context:
    """The charger's side of TLS, with what is wrong with it."""
    server.options = server.options.wrong(staple=made.staple if made.staple != "good" else "")
    if made.chain:
        server.options = server.options.wrong(staple=server.options.deviate.staple, chain=made.chain)
    if made.certificate == "expired":
        server.credentials = [_expired(bench)]
    return server


def _expired(bench: Certificates) -> tls.Credential:
    now: datetime.datetime = bench.now()
    issuer = bench.store[Role.CPO_SUB2]
    entry = bench.issue(Role.SECC, issuer, "old-secc", {"not_before": now - 60 * DAY, "not_after": now - DAY})
    return tls.Credential(list(entry.chain), entry.key, entry.root.certificate if entry.root else None)
