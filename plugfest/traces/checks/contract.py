"""Payment by contract: every signature with the certificates that the session itself carries.

Whether those certificates lead to a trusted root is another matter (``plugfest pki verify``): a recording has no roots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from plugfest.traces.certificates import sent
from plugfest.traces.findings import Finding, about
from plugfest.traces.recording import Entry
from plugfest.traces.talks import Talk


def _chain(body: Any, *path: str) -> bytes | None:
    for name in path:
        body = getattr(body, name, None)
    return bytes(body) if isinstance(body, bytes) else None


# Message -> where in it the signer's certificate is. The others are signed by the contract told before.
_SIGNERS: Mapping[tuple[str, str], Callable[[Any], bytes | None]] = {
    ("iso2", "CertificateInstallationReq"): lambda m: _chain(m, "OEMProvisioningCert"),
    ("iso2", "CertificateUpdateReq"): lambda m: _chain(m, "ContractSignatureCertChain", "Certificate"),
    ("iso2", "CertificateInstallationRes"): lambda m: _chain(m, "SAProvisioningCertificateChain", "Certificate"),
    ("iso2", "CertificateUpdateRes"): lambda m: _chain(m, "SAProvisioningCertificateChain", "Certificate"),
    ("iso20-common", "AuthorizationReq"): lambda m: _chain(
        m, "PnC_AReqAuthorizationMode", "ContractCertificateChain", "Certificate"
    ),
    ("iso20-common", "CertificateInstallationReq"): lambda m: _chain(
        m, "OEMProvisioningCertificateChain", "Certificate"
    ),
    ("iso20-common", "CertificateInstallationRes"): lambda m: _chain(m, "CPSCertificateChain", "Certificate"),
}


PRICES = ("ChargeParameterDiscoveryRes", "ScheduleExchangeRes")
"""Messages with prices, which the issuer of the contract signs."""


class _Told:
    """Whose certificates the session showed so far."""

    def __init__(self) -> None:
        self.contract: bytes | None = None
        self.issuer: bytes | None = None

    def note(self, entry: Entry) -> None:
        body = entry.body
        if entry.schema == "iso2" and entry.name == "PaymentDetailsReq":
            chain = body.ContractSignatureCertChain
            self.contract = chain.Certificate
            self.issuer = next(iter(chain.SubCertificates.Certificate), None) if chain.SubCertificates else None
        elif entry.schema == "iso20-common" and entry.name == "AuthorizationReq" and body.PnC_AReqAuthorizationMode:
            chain = body.PnC_AReqAuthorizationMode.ContractCertificateChain
            self.contract = chain.Certificate
            self.issuer = next(iter(chain.SubCertificates.Certificate), None)

    def signer(self, entry: Entry) -> bytes | None:
        find = _SIGNERS.get((entry.schema, entry.name))
        if find is not None:
            return find(entry.body)
        return self.issuer if entry.name in PRICES else self.contract


def signatures(talk: Talk) -> Iterator[Finding]:
    """Signatures that do not hold, are missing, or that nobody asked for.

    The last finding is a note: how many signatures hold.
    """
    told, held = _Told(), 0
    last: Entry | None = None
    for entry in talk.entries:
        if entry.message is None or entry.schema not in ("iso2", "iso20-common"):
            continue
        finding = _signature(entry, told)
        if finding is True:
            held, last = held + 1, entry
        elif isinstance(finding, Finding):
            yield finding
        yield from _unusable(entry)
        told.note(entry)
    if last is not None:
        text = (
            "the signature of the session holds" if held == 1 else f"all {held} signatures that could be checked hold"
        )
        yield about(last, "note", "", "signatures", text)


def _says_nothing(body: Any) -> bool:
    """Whether a response has no content: it refuses, or the charger is still at work and the schema wants fields."""
    code = str(getattr(body, "ResponseCode", "OK"))
    return not code.startswith("OK") or str(getattr(body, "EVSEProcessing", "Finished")) != "Finished"


def _unusable(entry: Entry) -> Iterator[Finding]:
    """Certificates that nobody can read: whoever refuses them is right. A refusal fills its fields with anything."""
    from pki.loading import Unreadable, readable

    if _says_nothing(entry.body):
        return
    for field, _, ders in sent(entry):
        for place, one in enumerate(readable(ders), 1):
            if isinstance(one, Unreadable):
                text = f"{field}: certificate {place} cannot be used: {one.defect}"
                yield about(entry, "violation", entry.sender, "certificate", text)


def _signature(entry: Entry, told: _Told) -> Finding | bool:
    """What is wrong with the signature of a message; True if it holds, False if there is nothing to say."""
    from v2g import signature

    given = entry.signature
    parts = signature.parts(entry.body)
    signed = any(part.element.Id for part in parts)
    if _says_nothing(entry.body):
        return False
    if given is None:
        elsewhere = entry.schema == "iso2" and entry.name == "AuthorizationReq"  # a rule of v2g.rules.payment
        optional = entry.name in PRICES or entry.name.startswith("MeteringReceipt")
        if signed and not elsewhere and not optional:
            return about(entry, "violation", entry.sender, "signature", f"{entry.name} is not signed")
        return False
    if not signed:
        text = f"{entry.name} carries a Signature, of which it needs none; some vehicles leave the last one there"
        return about(entry, "note", entry.sender, "signature-noise", text)
    certificate = told.signer(entry)
    if certificate is None:
        text = f"{entry.name}: the signer's certificate is not in the recording"
        return about(entry, "note", entry.sender, "signature-unchecked", text)
    try:
        notes = signature.verify_message(entry.body, given, certificate, entry.schema)
    except signature.SignatureError as why:
        return about(entry, "violation", entry.sender, "signature", f"{entry.name}: {why}")
    if notes:
        text = "; ".join(f"{name}: {note}" for name, note in notes)
        return about(entry, "warning", entry.sender, "signature-form", f"{entry.name}: {text}")
    return True
