"""What a vehicle shows to identify itself: certificates, the roots that it trusts, its EVCCID, services that it uses.

Whoever issued the certificates: what is wrong here is wrong at any charger. The bench's own PKI, where it has one,
tells which certificate authorities are not roots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from boundary.text import visible
from plugfest.conformance.cause import Cause
from v2g.credentials import chain_of, common_name, plain_id, read
from v2g.errors import RemoteError
from v2g.protocols import DIN, ISO2

if TYPE_CHECKING:
    from cryptography import x509

CHAIN = "a contract comes with the sub-CAs up to its root, and its eMAID is that of the certificate"
ROOTS = "a vehicle lists the roots that it trusts, including the root of the charger's certificate"
SERVICE = "a certificate service is selected before it is used"
EVCCID = "the EVCCID is the MAC address of the vehicle"
IDENTITY = "a vehicle has one EVCCID"
OWN = "the EVCCID is that of the vehicle's certificate"
UNUSED = "in DIN SPEC 70121 a vehicle uses only charging, and no contracts"
ENTRIES = "a vehicle accepts at least one entry per schedule"
CERTIFICATES = 2
"""ServiceID of the certificate service."""
EXCHANGES = {"CertificateInstallationReq": "Installation", "CertificateUpdateReq": "Update"}
"""Request -> what its parameter set is called."""
GROUP = 0x01
"""Bit of the first octet of a MAC address that many stations share."""


@dataclass(frozen=True)
class Known:
    """The certificate authorities of the bench, and the certificate that the vehicle showed in TLS.

    Attributes:
        sub_cas: names of those between a contract and its root.
        roots: serial numbers of V2G roots, to one of which the charger's certificate leads.
        vehicle: common name of the vehicle's certificate; "": it showed none.
    """

    sub_cas: frozenset[x509.Name] = frozenset()
    roots: frozenset[int] = frozenset()
    vehicle: str = ""


class Wrong(NamedTuple):
    """What is wrong, the rule that it breaks with its name, and whether it fails a run."""

    name: str
    text: str
    rule: str
    cause: Cause = Cause.WRONG_FIELD
    fails: bool = True


@dataclass
class Papers:
    """Those of one session.

    Attributes:
        known: of the bench.
        sets: of the certificate service: parameter set -> what it is called.
        selected: ServiceIDs with parameter sets; None: nothing was selected yet.
        before: EVCCID of the session before; None: there was none.
        evccid: of this session.
    """

    known: Known = field(default_factory=Known)
    sets: dict[int, str] = field(default_factory=dict)
    selected: Mapping[int, int | None] | None = None
    before: bytes | str | None = None
    evccid: bytes | str | None = None

    def show(self, request: Any) -> list[Wrong]:
        """Takes a request into account; what is wrong with it."""
        name = type(request).__name__
        found = [
            Wrong("contract-chain", text, CHAIN) if (text := self._contract(request) or self._chain(request)) else None,
            self._roots(request),
            self._exchange(name),
            _identity(request),
            self._same(request),
            self._certified(request),
            _unused(request),
        ]
        if name == "PaymentServiceSelectionReq":
            self.selected = {one.ServiceID: one.ParameterSetID for one in request.SelectedServiceList.SelectedService}
        if name == "ChargeParameterDiscoveryReq" and getattr(request, "MaxEntriesSAScheduleTuple", None) == 0:
            found.append(Wrong("schedule-entries", "MaxEntriesSAScheduleTuple is 0", ENTRIES))
        return [one._replace(text=f"{name}: {one.text}") for one in found if one is not None]

    def hear(self, response: Any) -> None:
        """Takes an answer of the charger's into account."""
        if not isinstance(response, ISO2.module.ServiceDetailRes) or response.ServiceID != CERTIFICATES:
            return
        for one in response.ServiceParameterList.ParameterSet if response.ServiceParameterList is not None else ():
            for parameter in one.Parameter:
                if parameter.Name == "Service" and parameter.stringValue is not None:
                    self.sets[one.ParameterSetID] = parameter.stringValue

    def _same(self, request: Any) -> Wrong | None:
        """A finding: some vehicles draw another address each time they are plugged in."""
        evccid = getattr(request, "EVCCID", None)
        if evccid is None:
            return None
        self.evccid = evccid
        if self.before in (None, evccid):
            return None
        text = f"EVCCID is {_told(evccid)}, but it was {_told(self.before)} in the session before"
        return Wrong("evccid-changes", text, IDENTITY, fails=False)

    def _certified(self, request: Any) -> Wrong | None:
        """In ISO 15118-20 the vehicle is named in its certificate; a finding, which a charger may tolerate."""
        evccid, named = getattr(request, "EVCCID", None), self.known.vehicle
        if not isinstance(evccid, str) or not named or plain_id(evccid) == plain_id(named):
            return None
        text = f"EVCCID {evccid}, but the vehicle's certificate is for {named}"
        return Wrong("evccid-certificate", text, OWN, fails=False)

    def _contract(self, request: Any) -> str:
        """What is wrong with the certificates that a request shows; "" where nothing is."""
        chain = getattr(request, "ContractSignatureCertChain", None)
        shown = chain.Certificate if chain is not None else getattr(request, "OEMProvisioningCert", None)
        if shown is None:
            return ""
        try:
            found = [read(bytes(one)) for one in (chain_of(chain) if chain is not None else (shown,))]
        except RemoteError as why:
            return f"the certificate cannot be read: {why}"
        if chain is None:
            return ""
        if len(found) == 1:
            return "the contract certificate comes alone"
        emaid = getattr(request, "eMAID", None)
        if emaid is not None and plain_id(emaid) != plain_id(common_name(found[0])):
            return f"eMAID {emaid}, but the certificate is for {common_name(found[0])}"
        return self._gap(found)

    def _chain(self, request: Any) -> str:
        """The same of a chain of ISO 15118-20, which has sub-CAs apart, and no root."""
        block = getattr(request, "PnC_AReqAuthorizationMode", None)
        chain = getattr(request, "OEMProvisioningCertificateChain", None)
        chain = getattr(block, "ContractCertificateChain", chain)
        if chain is None:
            return ""
        try:
            found = [read(bytes(one)) for one in chain_of(chain)]
        except RemoteError as why:
            return f"the certificate cannot be read: {why}"
        if block is None:  # a provisioning certificate may come alone
            return ""
        if len(found) == 1:
            return "the contract certificate comes alone"
        if root := next((one for one in found if one.subject == one.issuer), None):
            return f"the chain has a root: {root.subject.rfc4514_string()}"
        return self._gap(found)

    def _gap(self, chain: Sequence[x509.Certificate]) -> str:
        """Where the issuer of a certificate is missing, in whatever order they come."""
        by_name = {one.subject: one for one in chain[1:]}
        last = chain[0]
        while (above := by_name.pop(last.issuer, None)) is not None:
            last = above
        if last is chain[0]:
            return f"the sub-CA that issued the contract certificate is missing: {last.issuer.rfc4514_string()}"
        if last.issuer in self.known.sub_cas:
            return f"the chain ends below {last.issuer.rfc4514_string()}, which is not a root"
        return ""

    def _roots(self, request: Any) -> Wrong | None:
        listed = getattr(request, "ListOfRootCertificateIDs", None)
        if listed is None or not self.known.roots:
            return None
        if self.known.roots & {one.X509SerialNumber for one in listed.RootCertificateID}:
            return None
        text = "ListOfRootCertificateIDs lacks the root of the charger's certificate"
        return Wrong("roots-listed", text, ROOTS)

    def _exchange(self, name: str) -> Wrong | None:
        """A finding: a charger may tolerate it."""
        what = EXCHANGES.get(name)
        if what is None or self.selected is None:
            return None
        if CERTIFICATES not in self.selected:
            return Wrong("service-unselected", "the certificate service was not selected", SERVICE, fails=False)
        chosen = self.selected[CERTIFICATES]
        if self.sets and (chosen is None or self.sets.get(chosen) != what):
            text = f"parameter set {chosen} was selected, which is not {what}"
            return Wrong("service-unselected", text, SERVICE, fails=False)
        return None


def _unused(request: Any) -> Wrong | None:
    """What the schema of DIN SPEC 70121 has and the protocol does not use."""
    if isinstance(request, DIN.module.ServiceDiscoveryReq):
        found = [] if request.ServiceScope is None else ["ServiceScope"]
        if request.ServiceCategory not in (None, "EVCharging"):
            found.append(f"ServiceCategory {request.ServiceCategory}")
    elif isinstance(request, DIN.module.ContractAuthenticationReq):
        found = [name for name in ("Id", "GenChallenge") if getattr(request, name) is not None]
    else:
        return None
    return Wrong("unused-in-din", f"comes with {' and '.join(found)}", UNUSED) if found else None


def _told(evccid: bytes | str | None) -> str:
    return evccid.hex() if isinstance(evccid, bytes) else visible(str(evccid))


def _identity(request: Any) -> Wrong | None:
    evccid = getattr(request, "EVCCID", None)
    if not isinstance(evccid, bytes):
        return None
    if not any(evccid):
        return Wrong("evccid", f"EVCCID is {evccid.hex() or 'empty'}", EVCCID)
    if len(evccid) == 6 and evccid[0] & GROUP:
        return Wrong("evccid-group", f"EVCCID {evccid.hex()} is a group address", EVCCID, fails=False)
    return None
