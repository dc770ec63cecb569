"""The certificate chains in recorded traffic: what TLS handshakes and messages of ISO 15118 carried."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from pki import loading
from pki.profiles import Role
from plugfest.errors import UserError
from traces import pcap
from traces.errors import RecordingError
from traces.recording import Entry, load
from traces.tls import split_der

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
"""Elements of ISO 15118-20 that hold such fields."""


@dataclass(frozen=True)
class Seen:
    """A chain as it was sent.

    Attributes:
        where: message, time and connection, for people.
        role: what the leaf was sent as.
        certificates: those that can be used.
        defects: one error for each of the others.
        at: wall clock; None where the recording does not tell.
    """

    where: str
    role: Role
    certificates: list[x509.Certificate]
    defects: list[loading.Unreadable]
    at: datetime.datetime | None


def is_recording(path: Path) -> bool:
    """Whether a file is a capture or one of our traces."""
    with path.open("rb") as file:
        start = file.read(4)
    return pcap.is_capture(start) or start[:1] == b"{"


def chains(path: Path) -> list[Seen]:
    """Every chain of a recording, each once, in order of time.

    Raises:
        UserError: the file cannot be read, or has none.
    """
    try:
        recording = load(path)
    except RecordingError as why:
        raise UserError(str(why)) from why
    found: list[Seen] = []
    known: set[bytes] = set()
    for entry in recording.entries:
        for field, role, ders in _sent(entry):
            data = b"".join(ders)
            if not data or data in known:
                continue
            known.add(data)
            read = loading.readable(ders, field)
            certificates = [one for one in read if isinstance(one, x509.Certificate)]
            defects = [one for one in read if isinstance(one, loading.Unreadable)]
            epoch = recording.epoch + entry.time
            at = datetime.datetime.fromtimestamp(epoch, datetime.UTC) if recording.epoch else None
            found.append(Seen(f"{field}, {entry.time:.3f} s", role, certificates, defects, at))
    if not found:
        hint = "" if recording.plain else "; it is encrypted, and its TLS secrets are missing"
        raise UserError(f"{path}: no certificates in it{hint}")
    return found


def _sent(entry: Entry) -> Iterator[tuple[str, Role, list[bytes]]]:
    """Field, role and DER of every chain in an entry."""
    if entry.layer == "tls" and entry.name == "certificates":
        yield "TLS", Role.VEHICLE if entry.sender == "evcc" else Role.SECC, list(split_der(entry.data)) or [entry.data]
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
