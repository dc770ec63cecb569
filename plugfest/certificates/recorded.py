"""The certificate chains in recorded traffic: what TLS handshakes and messages of ISO 15118 carried."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from boundary.read import is_pipe
from pki import loading
from pki.profiles import Role
from plugfest.errors import UserError
from plugfest.traces import pcap
from plugfest.traces.certificates import sent
from plugfest.traces.errors import RecordingError
from plugfest.traces.recording import load


@dataclass(frozen=True)
class Seen:
    """A chain as it was sent.

    Attributes:
        where: message, time and connection, in words.
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
    if is_pipe(path):
        return False
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
        for field, role, ders in sent(entry):
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
