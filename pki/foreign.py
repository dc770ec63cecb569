"""Reads a PKI created elsewhere: any directory with certificates and keys in PEM, DER or PKCS#12.

Certificates are read from anywhere below the directory, also several from one file. Keys are matched to certificates by
the public key, whatever their name; an encrypted key is tried with the given password and with those in ``*.txt`` files
beside it. Issuers are found by signature, roles by :mod:`pki.roles`. If a role has several certificates, the one that
is valid now and has its key takes the role's name.

Whatever cannot be used is skipped and reported in one line.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from pki import framing, keys, loading, roles
from pki.certificates import issued, self_signed
from pki.entry import Entry
from pki.errors import PkiError
from pki.keys import PrivateKey
from pki.profiles import SUITES, Role, Suite

_CERTIFICATES = {".pem", ".der", ".crt", ".cer", ".cert"}
_KEYS = {".key", ".pem", ".pkcs8", ".p8"}
_CONTAINERS = {".p12", ".pfx"}
_MOST = 2000
"""Files examined; a directory with more is hardly a PKI."""


@dataclass
class Found:
    """What a directory holds.

    Attributes:
        entries: issuers first.
        suite: the suite to which most of their keys belong.
        oddities: what could not be used, one line each.
    """

    entries: list[Entry] = field(default_factory=list)
    suite: Suite = SUITES["iso2"]
    oddities: list[str] = field(default_factory=list)


@dataclass
class _Key:
    """A key that was found, in its own file or (``key``) in a container."""

    path: Path
    password: str | None = None
    key: PrivateKey | None = None


def read(directory: Path, password: str | None, suite: str | None, at: datetime.datetime | None = None) -> Found:
    """Everything in a directory that can be used.

    Args:
        at: the current time, to choose among certificates of the same role.

    Raises:
        PkiError: no certificate in it.
    """
    files = sorted(p for p in directory.rglob("*") if p.is_file())
    found = Found()
    if len(files) > _MOST:
        found.oddities.append(f"{directory} holds {len(files)} files; only the first {_MOST} were read")
    reading = _Reading(files[:_MOST], password, found.oddities)
    if not reading.certificates:
        said = f"; {found.oddities[0]}" if found.oddities else ""
        raise PkiError(f"{directory} holds no certificates{said}; `plugfest pki init {directory}` makes a PKI there")
    found.entries = _entries(reading, at or datetime.datetime.now(datetime.UTC))
    found.suite = SUITES[suite] if suite else _suite(found.entries)
    return found


def _entries(reading: _Reading, at: datetime.datetime) -> list[Entry]:
    entries: list[Entry] = []
    for certificate, path in _issuers_first(list(reading.certificates.values())):
        issuer = next((e for e in entries if issued(e.certificate, certificate)), None)
        issuer = None if self_signed(certificate) else issuer
        role = roles.guess_in_chain(certificate, issuer.role if issuer else None)
        held = reading.keys.pop(keys.spki(certificate.public_key()), None)
        entry = Entry("", role, certificate, issuer, path)
        if held is not None and held.key is None:
            entry.key_path, entry.password = held.path, held.password
        elif held is not None:
            entry.private_key = held.key
        else:
            entry.no_key = next((why for locked, why in reading.locked if _alike(locked, path)), "")
        entries.append(entry)
    for other in reading.keys.values():
        beside = next((e.path for e in entries if e.path is not None and _alike(other.path, e.path)), None)
        what = f"is not the key of the certificate {beside}" if beside else "belongs to none of the certificates"
        reading.oddities.append(f"{other.path} {what}")
        for entry in entries:
            if entry.path == beside and not entry.has_key:
                entry.no_key = f"{other.path.name} belongs to another certificate"
    _give_names(entries, at)
    return entries


def _alike(key: Path, certificate: Path | None) -> bool:
    """Whether a key file is named as if it belonged to a certificate file."""
    return certificate is not None and certificate.stem.lower() in (key.stem.lower(), f"{key.stem.lower()}cert")


class _Reading:
    """The certificates and keys of files, and what was odd about them."""

    def __init__(self, files: Iterable[Path], password: str | None, oddities: list[str]) -> None:
        self.password, self.oddities = password, oddities
        self.certificates: dict[bytes, tuple[x509.Certificate, Path]] = {}
        self.keys: dict[bytes, _Key] = {}
        self.locked: list[tuple[Path, str]] = []
        self._ranks: dict[bytes, int] = {}
        files = list(files)
        for path in files:
            kind = path.suffix.lower()
            if kind in _CERTIFICATES | _KEYS | _CONTAINERS:
                try:
                    data = framing.read(path)
                except PkiError as why:
                    self.oddities.append(str(why))
                    continue
                if kind in _CERTIFICATES:
                    self._take_certificates(path, data)
                if kind in _KEYS:
                    self._take_key(path, data)
                if kind in _CONTAINERS:
                    self._take_container(path, data)

    def _take_certificates(self, path: Path, data: bytes) -> None:
        """Each certificate once, with the file that names it best: its own before a bundle, PEM before DER."""
        try:
            found = loading.readable(framing.split(data, str(path)), str(path))
        except loading.Absent:
            return  # a key, or something else
        except loading.Unreadable as why:
            self.oddities.append(str(why))
            return
        for one in found:
            if isinstance(one, loading.Unreadable):
                self.oddities.append(str(one))
            else:
                self._take(one, path, len(found) * 2 + (path.suffix.lower() == ".der"))

    def _take(self, certificate: x509.Certificate, path: Path, rank: int) -> None:
        identity = certificate.public_bytes(serialization.Encoding.DER)
        if rank < self._ranks.get(identity, 1 << 30):
            self._ranks[identity] = rank
            self.certificates[identity] = certificate, path

    def _take_key(self, path: Path, data: bytes) -> None:
        locked: loading.Unreadable | None = None
        for secret in dict.fromkeys([self.password, None, *_passwords(path)]):
            try:
                key = keys.parse(data, path, secret)
            except loading.WrongPassword as why:
                locked = locked or why
                continue
            except loading.Absent as why:
                if path.suffix.lower() == ".key":
                    self.oddities.append(str(why))
                return
            except PkiError as why:
                self.oddities.append(str(why))
                return
            self.keys.setdefault(keys.spki(key.public_key()), _Key(path, secret))
            return
        if locked is not None:
            self._lock(path, locked)

    def _take_container(self, path: Path, data: bytes) -> None:
        try:
            box = loading.pkcs12(data, str(path), [self.password, None, "", *_passwords(path)])
        except loading.WrongPassword as why:
            self._lock(path, why)
            return
        except loading.Unreadable as why:
            self.oddities.append(str(why))
            return
        self.oddities += map(str, box.defects)
        for certificate in box.certificates:
            self._take(certificate, path, 1000)
        if box.key is not None and keys.kind(box.key) is not None:
            self.keys.setdefault(keys.spki(box.key.public_key()), _Key(path, None, box.key))  # type: ignore[arg-type]  # of a known kind

    def _lock(self, path: Path, why: loading.Unreadable) -> None:
        self.oddities.append(str(why))
        self.locked.append((path, why.defect))


def _issuers_first(certificates: list[tuple[x509.Certificate, Path]]) -> list[tuple[x509.Certificate, Path]]:
    def depth(certificate: x509.Certificate, left: int = 8) -> int:
        if self_signed(certificate) or not left:
            return 0
        above = next((c for c, _ in certificates if c is not certificate and issued(c, certificate)), None)
        return 0 if above is None else 1 + depth(above, left - 1)

    return sorted(certificates, key=lambda item: depth(item[0]))


def _passwords(path: Path) -> list[str]:
    """Passwords in text files beside a key, files that share its name first."""
    texts = sorted(path.parent.glob("*.txt"), key=lambda p: (not p.stem.lower().startswith(path.stem.lower()), p.name))
    words = []
    for file in texts[:50]:
        try:
            word = file.read_text(errors="replace").strip() if file.is_file() and file.stat().st_size < 200 else ""
        except OSError:
            continue
        if word and word not in words:
            words.append(word)
    return words


def _give_names(entries: list[Entry], at: datetime.datetime) -> None:
    """The role's name while it is free, then the file's own; valid certificates with a key come first."""

    def worth(entry: Entry) -> tuple[bool, bool, float]:
        begin, end = entry.certificate.not_valid_before_utc, entry.certificate.not_valid_after_utc
        valid = begin <= at <= end
        return valid, entry.has_key, 0.0 if valid else end.timestamp()  # among equals, the first file

    taken: set[str] = set()
    for entry in sorted(entries, key=worth, reverse=True):
        role, stem = entry.role, entry.path.stem if entry.path else "certificate"
        base = role.value if role is not None and role is not Role.OCSP and role.value not in taken else stem
        name, count = base, 2
        while name in taken:
            name, count = f"{base}-{count}", count + 1
        taken.add(name)
        entry.name = name


def _suite(entries: list[Entry]) -> Suite:
    kinds = [keys.kind(e.certificate.public_key()) for e in entries]
    return max(SUITES.values(), key=lambda suite: kinds.count(suite.kind))
