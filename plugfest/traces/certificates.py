"""The certificates in a recorded entry: from a TLS handshake, or from a message of ISO 15118."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pki.profiles import Role
from plugfest.traces.entries import EVCC, Entry
from plugfest.traces.tls import chain_of, split_der

_FIELDS = {
    "ContractSignatureCertChain": Role.CONTRACT,
    "SAProvisioningCertificateChain": Role.CPS,
    "OEMProvisioningCert": Role.OEM_PROVISIONING,
    "ContractCertificateChain": Role.CONTRACT,
    "CPSCertificateChain": Role.CPS,
    "OEMProvisioningCertificateChain": Role.OEM_PROVISIONING,
}
"""Fields with a certificate or a chain -> role of the leaf."""
_NESTED = ("PnC_AReqAuthorizationMode", "SignedInstallationData")
"""Elements of ISO 15118-20 that contain such fields."""


def sent(entry: Entry) -> Iterator[tuple[str, Role, list[bytes]]]:
    """Field, role of the leaf, and DER of every chain in an entry, leaf first."""
    if entry.layer == "tls" and entry.name in ("certificates", "Certificate"):
        # The writer of a trace has its own chain only in the message; a received one was also read.
        ders = chain_of(entry.data) if entry.name == "Certificate" else list(split_der(entry.data)) or [entry.data]
        yield "TLS", Role.VEHICLE if entry.sender == EVCC else Role.SECC, ders
    if entry.layer != "message" or entry.message is None:
        return
    for part in (entry.body, *(getattr(entry.body, name, None) for name in _NESTED)):
        for field, role in _FIELDS.items():
            if (value := getattr(part, field, None)) is not None:
                yield f"{entry.name}.{field}", role, _ders(value)


def _ders(value: Any) -> list[bytes]:
    """The DER of a chain type, or of a single certificate."""
    if isinstance(value, bytes):
        return [value]
    subs = getattr(value, "SubCertificates", None)
    return [value.Certificate, *(subs.Certificate if subs is not None else ())]
