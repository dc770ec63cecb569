"""The certificates and signatures of a recording, judged once: for the checks, the report and ``trace show``.

A signature is checked with the certificate that the session itself shows; whether that certificate leads to a trusted
root is known only if the user names the roots. Times are those of the recording.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from cryptography import x509

from pki import keys, path
from pki.deviations import Code, Deviation, fatal
from pki.loading import Unreadable, readable
from pki.profiles import SUITES, Role
from plugfest.traces.certificates import sent
from plugfest.traces.entries import EVCC, SECC, Entry, Recording
from v2g import reading, signature, signed_parts, stamps
from v2g.credentials import common_name

Roots: TypeAlias = Callable[[Role], Sequence[x509.Certificate]]
"""The anchors trusted for the leaf of a role."""

OLDEST = 86400.0
"""s: an epoch before is a clock that counts from its start."""
EARLIEST = 1.4e9
"""Unix seconds: no session of these protocols is older than 2014."""
UNDATED = "its lifetime is not checked: neither the recording nor a message has a date"

PLACES: Mapping[Role, str] = {
    Role.SECC: "TLS server",
    Role.VEHICLE: "TLS client",
    Role.CONTRACT: "contract",
    Role.OEM_PROVISIONING: "OEM provisioning",
    Role.CPS: "provisioning service",
}
"""Where a chain is presented, by the role of its leaf."""


# ---------------------------------------------------------------------------------------------------------------
# Certificates


@dataclass(frozen=True)
class Presented:
    """A chain as it was sent.

    Attributes:
        entry: where it was first seen. field: field of the message, or TLS. role: what the leaf was sent as.
        ders: leaf first. certificates: the same, or why one cannot be used.
        at: wall clock; None if neither the recording nor a message tells it.
        clock: whose clock it is if the recording has none: ``the charger's`` or ``the vehicle's``; "" else.
        anchored: whether roots were known to check it with.
        deviations: from what its place requires; without roots, nothing about roots.
    """

    entry: Entry
    field: str
    role: Role
    ders: tuple[bytes, ...]
    certificates: tuple[x509.Certificate | Unreadable, ...]
    at: datetime.datetime | None
    anchored: bool
    deviations: tuple[Deviation, ...]
    clock: str = ""

    @property
    def place(self) -> str:
        """Where it was presented, in words."""
        return PLACES[self.role]

    @property
    def leaf(self) -> str:
        """The owner of the certificate."""
        first = self.certificates[0]
        return "a certificate that cannot be used" if isinstance(first, Unreadable) else common_name(first)

    @property
    def refused(self) -> list[Deviation]:
        """Why a peer must refuse it; empty if it need not."""
        return fatal(self.deviations)

    @property
    def verdict(self) -> str:
        """The judgement of it, in one clause."""
        by = f" on {self.at:%Y-%m-%d} by {self.clock} clock" if self.at is not None and self.clock else ""
        if self.refused:
            return "has to be refused: " + "; ".join(map(str, self.refused)) + (by and f" (judged{by})")
        form = f"valid{by}" if self.at is not None else f"in order ({UNDATED})"
        return f"{form}, leads to a trusted root" if self.anchored else f"{form}; not checked against a root"


def chains(recording: Recording, roots: Roots | None = None) -> list[Presented]:
    """Every chain of a recording, each once for each place, in order of time.

    Args:
        roots: the anchors for each role; None: none were named.
    """
    found: dict[tuple[Role, bytes], Presented] = {}
    told = told_clock(recording) if _clock(recording, 0.0) is None else None
    for entry in recording.entries:
        for field, role, ders in sent(entry):
            key = role, b"".join(ders)
            if key[1] and key not in found:
                at = _clock(recording, entry.time) if told is None else _date(told.epoch + entry.time)
                made = _presented(entry, field, role, tuple(ders), at, roots)
                found[key] = made if told is None else replace(made, clock=told.clock)
    return list(found.values())


def _clock(recording: Recording, time: float) -> datetime.datetime | None:
    return None if recording.epoch <= OLDEST else _date(recording.epoch + time)


def _date(unix: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(unix, datetime.UTC)


class Told(NamedTuple):
    """Unix time of time 0 by a clock shown in messages, and whose clock it is."""

    epoch: float
    clock: str


def told_clock(recording: Recording) -> Told | None:
    """The date according to the session's own messages, the charger's before the vehicle's; None if none has one.

    Some chargers' clocks count from power-up: a time before :data:`EARLIEST` is not a date.
    """
    for sender, clock in ((SECC, "the charger's"), (EVCC, "the vehicle's")):
        for entry in recording.messages:
            said = shown_time(entry) if entry.sender == sender else None
            if said is not None and EARLIEST <= said <= stamps.LATEST:
                return Told(said - entry.time, clock)
    return None


def shown_time(entry: Entry) -> float | None:
    """Unix seconds in a message: in its header in ISO 15118-20, else EVSETimeStamp or DateTimeNow; or None."""
    body, stamp = entry.body, reading.stamp_of(entry.message)
    for name in () if stamp else ("EVSETimeStamp", "DateTimeNow"):
        stamp = stamp or getattr(body, name, None) or 0
    return stamps.seconds(stamp)


def _presented(
    entry: Entry, field: str, role: Role, ders: tuple[bytes, ...], at: datetime.datetime | None, roots: Roots | None
) -> Presented:
    read = tuple(readable(ders, field))
    anchors = list(roots(role)) if roots is not None else []
    kinds = [keys.kind(one.public_key()) for one in read if isinstance(one, x509.Certificate)]
    suite = next((s.name for s in SUITES.values() if kinds and s.kind is kinds[0]), "iso2")
    deviations = path.validate(ders, anchors, role, at, suite=suite)
    if roots is None:
        deviations = [one for one in deviations if one.code not in (Code.UNKNOWN_ROOT, Code.MISSING_INTERMEDIATE)]
    return Presented(entry, field, role, ders, read, at, roots is not None, tuple(deviations))


# ---------------------------------------------------------------------------------------------------------------
# Signatures


class Held(StrEnum):
    """The judgement of the signature of a message."""

    HOLDS = "holds"
    BROKEN = "does not hold"
    MISSING = "missing"
    UNCHECKED = "cannot be checked"
    NEEDLESS = "not needed"


@dataclass(frozen=True)
class Signed:
    """The signature of a message, or that it lacks one.

    Attributes:
        entry: the message.
        by: whose key it must be, in words. held: the verdict.
        why: what is wrong, or how it was made. notes: what is unusual about a valid one, as (stable name, details).
    """

    entry: Entry
    by: str
    held: Held
    why: str = ""
    notes: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        words = [self.why, *(f"{name}: {note}" for name, note in self.notes)]
        more = "; ".join(word for word in words if word)
        return f"{self.held} ({more})" if more else str(self.held)


PRICES = ("ChargeParameterDiscoveryRes", "ScheduleExchangeRes")
"""Messages with prices, which the issuer of the contract signs."""

ISSUER = "issuer of the contract"


def _certificate(body: Any, *names: str) -> bytes | None:
    for name in names:
        body = getattr(body, name, None)
    return bytes(body) if isinstance(body, bytes) else None


# Message -> whose key signs it, and where it has that certificate. The contract shown before signs all others.
_SIGNERS: Mapping[tuple[str, str], tuple[Role, tuple[str, ...]]] = {
    ("iso2", "CertificateInstallationReq"): (Role.OEM_PROVISIONING, ("OEMProvisioningCert",)),
    ("iso2", "CertificateUpdateReq"): (Role.CONTRACT, ("ContractSignatureCertChain", "Certificate")),
    ("iso2", "CertificateInstallationRes"): (Role.CPS, ("SAProvisioningCertificateChain", "Certificate")),
    ("iso2", "CertificateUpdateRes"): (Role.CPS, ("SAProvisioningCertificateChain", "Certificate")),
    ("iso20-common", "AuthorizationReq"): (
        Role.CONTRACT, ("PnC_AReqAuthorizationMode", "ContractCertificateChain", "Certificate"),
    ),
    ("iso20-common", "CertificateInstallationReq"): (
        Role.OEM_PROVISIONING, ("OEMProvisioningCertificateChain", "Certificate"),
    ),
    ("iso20-common", "CertificateInstallationRes"): (Role.CPS, ("CPSCertificateChain", "Certificate")),
}  # fmt: skip


class _Told:
    """The certificates that the session has shown so far."""

    def __init__(self) -> None:
        self.contract: bytes | None = None
        self.issuer: bytes | None = None

    def note(self, entry: Entry) -> None:
        body = entry.body
        if entry.schema == "iso2" and entry.name == "PaymentDetailsReq":
            chain = body.ContractSignatureCertChain
        elif entry.schema == "iso20-common" and entry.name == "AuthorizationReq" and body.PnC_AReqAuthorizationMode:
            chain = body.PnC_AReqAuthorizationMode.ContractCertificateChain
        else:
            return
        self.contract = chain.Certificate
        self.issuer = next(iter(chain.SubCertificates.Certificate), None) if chain.SubCertificates else None

    def signer(self, entry: Entry) -> tuple[str, bytes | None]:
        found = _SIGNERS.get((entry.schema, entry.name))
        if found is not None:
            return PLACES[found[0]], _certificate(entry.body, *found[1])
        if entry.name in PRICES:
            return ISSUER, self.issuer
        return PLACES[Role.CONTRACT], self.contract


def signatures(entries: Sequence[Entry]) -> Iterator[Signed]:
    """The judgement of each signature that a message of a connection has or needs."""
    told = _Told()
    for entry in entries:
        if entry.message is None or entry.schema not in ("iso2", "iso20-common"):
            continue
        found = _signature(entry, told)
        if found is not None:
            yield found
        told.note(entry)


def says_nothing(body: Any) -> bool:
    """Whether a response has no content: it refuses, or the charger is still busy and the schema requires fields."""
    code = str(getattr(body, "ResponseCode", "OK"))
    return not code.startswith("OK") or str(getattr(body, "EVSEProcessing", "Finished")) != "Finished"


def _signature(entry: Entry, told: _Told) -> Signed | None:
    given = entry.signature
    signed = any(part.element.Id for part in signed_parts.parts(entry.body))
    if says_nothing(entry.body):
        return None
    by, certificate = told.signer(entry)
    if given is None:
        optional = entry.name in PRICES or entry.name.startswith("MeteringReceipt")
        return Signed(entry, by, Held.MISSING) if signed and not optional else None
    if not signed:
        return Signed(entry, "", Held.NEEDLESS, f"{entry.name} carries a Signature that is not needed")
    if certificate is None:
        return Signed(entry, by, Held.UNCHECKED, "the signer's certificate is not in the recording")
    try:
        made = signature.examine_message(entry.body, given, certificate, entry.schema)
    except signature.SignatureError as why:
        return Signed(entry, by, Held.BROKEN, str(why))
    how = str(made) if entry.schema in signature.GRAMMARS else made.suite.name
    return Signed(entry, by, Held.HOLDS, how, made.notes)


# ---------------------------------------------------------------------------------------------------------------
# Both together


@dataclass(frozen=True)
class Row:
    """A row about a chain or about the signatures of messages of one name.

    Attributes:
        time, entry: where it was first seen. sender: the side that sent it.
        what: place of the chain, or name of the message.
        by: whose certificate, or whose key.
        verdict: in words.
        ok: False if a peer must refuse it; None if unknown. count: number of messages.
    """

    time: float
    entry: int
    sender: str
    what: str
    by: str
    verdict: str
    ok: bool | None
    count: int = 1

    def __str__(self) -> str:
        often = f", {self.count} times" if self.count > 1 else ""
        return f"{self.time:10.3f}  {self.what:<32} {self.by}: {self.verdict}{often}"


_OK = {Held.HOLDS: True, Held.BROKEN: False, Held.MISSING: False, Held.UNCHECKED: None, Held.NEEDLESS: None}


def rows(recording: Recording, presented: Sequence[Presented]) -> list[Row]:
    """Chains and signatures in order of time; signatures of one kind share one row with a count."""
    found: dict[object, Row] = {}
    for chain in presented:
        ok = False if chain.refused else True if chain.anchored else None
        entry = chain.entry
        found[chain.role, chain.ders] = Row(
            entry.time, entry.index, entry.sender, f"{chain.place} certificate", chain.leaf, chain.verdict, ok
        )
    for entries in recording.connections():
        for one in signatures(entries):
            entry = one.entry
            key = entry.connection, entry.name, one.by, str(one)
            by = f"signed by {one.by}" if one.by else "signature"
            row = Row(entry.time, entry.index, entry.sender, entry.name, by, str(one), _OK[one.held])
            earlier = found.get(key)
            found[key] = row if earlier is None else replace(earlier, count=earlier.count + 1)
    return sorted(found.values(), key=lambda row: row.time)
