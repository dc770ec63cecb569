"""A PKI as a mapping: name -> certificate, chain, private key; and its files.

A directory made by ``plugfest pki init`` holds one directory for each suite (``iso2``, ``iso20``, ``iso20-ed448``)::

    iso2/
      index.json            role and issuer of every entry; where the OCSP responder is
      secc.pem              certificate            contract.pem, v2g-root.pem, ...
      secc.key              its private key, PKCS#8, mode 0600
      chains/secc.pem       leaf, sub-CA 2, sub-CA 1: what is sent; no root
      der/secc.der          the certificate in DER
      p12/secc.p12          for leaves: key, certificate and sub-CAs in PKCS#12
      ocsp/                 OCSP signers, one for each authority

The names are the roles of :class:`pki.profiles.Role`; additional leaves append their id (``contract-DEPLFC00000002X``).
A directory without ``index.json``, created elsewhere, is read by the content of its certificates: see
:mod:`pki.foreign`.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

import boundary.write
from boundary import read
from boundary.choices import unknown
from pki import foreign, keys, pkcs12
from pki.certificates import common_name as common_name
from pki.certificates import is_ca
from pki.certificates import issued as issued
from pki.certificates import read_certificates as read_certificates
from pki.certificates import self_signed as self_signed
from pki.entry import Entry as Entry
from pki.errors import PkiError
from pki.profiles import CROSS_SUBJECTS, SUITES, Role, Suite
from pki.scalars import Ed448Scalar

INDEX = "index.json"
_PEM, _DER = serialization.Encoding.PEM, serialization.Encoding.DER


class Store(Mapping[str, Entry]):
    """Entries by name, issuers before what they issued.

    ``Store(directory)`` reads a PKI; ``pki.authority.make`` makes one in memory. Roles are names too:
    ``store["secc"]``, ``store[Role.CONTRACT]``.

    Attributes:
        suite: the profile table that applies.
        responder: URL of OCSP responder and CRLs in the certificates; "" if unknown.
        directory: directory of its files; None: only in memory.
        p12_password: password of the PKCS#12 containers that it writes.
        oddities: files that could not be used, one line each.
    """

    p12_password = "plugfest"

    def __init__(
        self,
        directory: Path | str,
        suite: str | None = None,
        *,
        password: str | None = None,
        at: datetime.datetime | None = None,
    ) -> None:
        """Reads a PKI.

        Args:
            directory: one made by ``plugfest pki init``, one of its suites, or any directory with certificates and
            keys.
            suite: which suite, if the directory has several; the first of iso2, iso20, iso20-ed448 by default.
            password: password of encrypted key files.
            at: the current time, by default the system clock's; if a role has several certificates in a foreign PKI,
            the one that is valid then takes its name.

        Raises:
            PkiError: there is no such directory or suite, or none of its certificates can be used.
        """
        self.directory: Path | None
        self._entries: dict[str, Entry] = {}
        self.responder = ""
        self.oddities: list[str] = []
        self._ours = False
        where = find(Path(directory), suite)
        if (where / INDEX).is_file():
            try:
                self._read(where, password)
                self._ours = True
            except (KeyError, ValueError, TypeError, AttributeError, OSError) as why:
                self._entries = {}
                told = f"{where / INDEX} is damaged ({why!r}), so it is read like a PKI created elsewhere"
                self.oddities = [told]
                self._take(where, foreign.read(where, password, None, at))
        else:
            self._take(where, foreign.read(where, password, suite, at))

    @classmethod
    def of(cls, suite: Suite, entries: Iterable[Entry], *, responder: str = "") -> Store:
        """A store in memory."""
        store = cls.__new__(cls)
        store.suite, store.directory, store.responder, store._entries = suite, None, responder, {}
        store.oddities, store._ours = [], False
        for entry in entries:
            store.add(entry)
        return store

    def add(self, entry: Entry) -> None:
        """Adds an entry; one with the same name is replaced."""
        self._entries[str(entry.name)] = entry

    def __getitem__(self, name: str) -> Entry:
        try:
            return self._entries[str(name)]
        except KeyError:
            place = self.directory or "this PKI"
            known = ", ".join(n for n, e in self._entries.items() if e.role is not Role.OCSP)
            raise Missing(f"{place} has no {name}; choose from {known}") from None

    def __contains__(self, name: object) -> bool:
        return str(name) in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def of_role(self, *roles: Role) -> list[Entry]:
        """The entries with these roles."""
        return [e for e in self.values() if e.role in roles]

    def certificates(self, *roles: Role) -> list[x509.Certificate]:
        """The certificates with these roles, e.g. trust anchors."""
        return [e.certificate for e in self.of_role(*roles)]

    @property
    def authorities(self) -> list[Entry]:
        """Roots and sub-CAs, without cross certificates."""
        return [e for e in self.values() if e.role is not None and is_authority(self.suite, e.role)]

    def issuer_of(self, certificate: x509.Certificate) -> Entry | None:
        """The entry whose key signed a certificate."""
        return next((e for e in self.values() if issued(e.certificate, certificate)), None)

    def cross_chain(self, name: str, anchor: str) -> tuple[x509.Certificate, ...]:
        """The chain of an entry up to a root other than its own, through a cross certificate (ISO 15118-20).

        Raises:
            PkiError: no cross certificate leads there.
        """
        entry, root = self[name], self[anchor]
        for other in self.of_role(*CROSS_SUBJECTS):
            if entry.root is not None and other.certificate.subject == entry.root.certificate.subject:
                if issued(root.certificate, other.certificate):
                    return (*entry.chain, other.certificate)
        raise PkiError(f"no cross certificate leads from {name} to {anchor}")

    # -----------------------------------------------------------------------------------------------------------
    # Files

    def save(self, directory: Path, *, force: bool = False) -> list[Path]:
        """Writes every entry below ``directory``/suite name; :attr:`directory` becomes that. Raises the same errors as
        `save_all`."""
        return save_all([self], directory, force=force)

    def check_free(self, directory: Path) -> None:
        """Checks that :meth:`save` would overwrite nothing.

        Raises:
            PkiError: something exists there already.
        """
        where = directory / self.suite.name
        if (where / INDEX).exists():
            raise PkiError(f"{where} already holds a PKI; --force replaces it and destroys its keys")
        for entry in self.values():
            if (there := next((p for p, _ in _files(where, entry, self.p12_password) if p.exists()), None)) is not None:
                raise PkiError(f"{there} already exists; --force replaces it")

    def issue_into(self, entry: Entry, *, force: bool = False) -> list[Path]:
        """Adds a new entry and writes it, with the index.

        Raises:
            PkiError: the name is taken and ``force`` is not set, or the directory is not in our layout.
            OutputError: a file cannot be written; nothing is written then.
        """
        where = self.own_directory()
        if not force and entry.name in self:
            raise PkiError(f"{where} already has {entry.name}; give --name, or --force to replace it")
        files = dict(_files(where, entry, self.p12_password))
        if not force and (there := next((path for path in files if path.exists()), None)) is not None:
            raise PkiError(f"{there} already exists; --force replaces it")
        before = self._entries.get(str(entry.name))
        self.add(entry)
        try:
            boundary.write.write_all({**files, where / INDEX: self._index()}, public=public)
        except OSError:
            if before is None:
                del self._entries[str(entry.name)]
            else:
                self.add(before)
            raise
        _settle(where, entry)
        return [*files, where / INDEX]

    def own_directory(self) -> Path:
        """The directory, if it is in our layout: files may only be added there.

        Raises:
            PkiError: it was created elsewhere, or the store is only in memory.
        """
        where = self._where()
        if not self._ours:
            raise PkiError(
                f"{where} was created elsewhere; `plugfest pki import {where} DIR` copies it into our layout"
            )
        return where

    def _where(self) -> Path:
        if self.directory is None:
            raise PkiError("this PKI is only in memory: save it first")
        return self.directory

    def _index(self) -> bytes:
        entries = {
            e.name: {"role": e.role, "issuer": e.issuer.name if e.issuer else None} for e in self.values()
        }  # fmt: skip
        data = {"suite": self.suite.name, "responder": self.responder, "entries": entries}
        return json.dumps(data, indent=1).encode() + b"\n"

    def _saved(self, where: Path) -> dict[Path, bytes]:
        """All files of the store, the index last."""
        files = dict(file for entry in self.values() for file in _files(where, entry, self.p12_password))
        return {**files, where / INDEX: self._index()}

    def _take(self, where: Path, found: foreign.Found) -> None:
        self.directory, self.suite = where, found.suite
        self.oddities += found.oddities
        for entry in found.entries:
            self.add(entry)

    def _read(self, where: Path, password: str | None) -> None:
        """Reads our own layout; an entry whose file is missing or damaged is left out."""
        self.directory = where
        data: dict[str, Any] = read.read_json(where / INDEX)
        self.suite = SUITES[data["suite"]]
        self.responder = str(data["responder"])
        rows: dict[str, Any] = dict(data["entries"])
        for name, row in rows.items():
            role = Role(row["role"]) if row["role"] else None
            try:
                stem = _stem(where, name, role)
                path, key_path = stem.with_name(f"{stem.name}.pem"), stem.with_name(f"{stem.name}.key")
                certificate = read_certificates(path)[0]
            except PkiError as why:
                self.oddities.append(f"{why}; {name} is left out")
                continue
            issuer = self._entries.get(row["issuer"]) if row["issuer"] else None
            self.add(Entry(name, role, certificate, issuer, path, key_path if key_path.is_file() else None, password))
        if not self._entries:
            raise PkiError(f"{where}: none of the certificates of {INDEX} can be used: {self.oddities[0]}")
        unknown = sorted(p.name for p in where.glob("*.pem") if p.stem not in rows)
        if unknown:
            self.oddities.append(f"{where}: ignored because they are not in {INDEX}: {', '.join(unknown[:5])}")


class Missing(PkiError, KeyError):
    """A store has no entry with that name."""

    def __str__(self) -> str:
        return str(self.args[0])


def is_authority(suite: Suite, role: Role) -> bool:
    """Whether a role issues certificates under its own name."""
    profile = suite.profiles.get(role)
    return profile is not None and profile.ca and role not in CROSS_SUBJECTS


def find(directory: Path, suite: str | None = None) -> Path:
    """The directory of a suite inside a PKI directory.

    Raises:
        PkiError: there is none.
    """
    if suite is not None and suite not in SUITES:
        raise PkiError(unknown("suite", suite, SUITES))
    if directory.is_file():
        raise PkiError(f"{directory} is a file; give the directory of a PKI")
    if not directory.is_dir():
        raise PkiError(f"{directory} does not exist; `plugfest pki init {directory}` makes a PKI there")
    if (directory / INDEX).is_file():
        return directory
    inside = [name for name in SUITES if (directory / name / INDEX).is_file()]
    if suite is None:
        return directory / inside[0] if inside else directory
    if suite in inside:
        return directory / suite
    if inside:
        raise PkiError(
            f"{directory} has no {suite}, only {', '.join(inside)}; `plugfest pki init --profile` makes more"
        )
    return directory


def save_all(stores: Sequence[Store], directory: Path, *, force: bool = False) -> list[Path]:
    """Writes PKIs of several suites below a directory: all of them or none.

    Args:
        force: replace an existing PKI and remove its other files.

    Raises:
        PkiError: something exists there already and ``force`` is not set, or it is a Python package, such as ``pki`` in
            the sources of this program; nothing was written then.
        OutputError: a file cannot be written; nothing was changed then.
    """
    if (directory / "__init__.py").exists():
        raise PkiError(f"{directory} is a Python package; choose another directory, such as test-pki")
    places = [(store, directory / store.suite.name) for store in stores]
    stale: set[Path] = set()
    files: dict[Path, bytes] = {}
    for store, where in places:
        if force:
            stale.update(_held(where))
        else:
            store.check_free(directory)
        files.update(store._saved(where))
    boundary.write.write_all(files, public=public)
    for path in stale - set(files):
        path.unlink(missing_ok=True)
    for store, where in places:
        store.directory, store._ours = where, True
        for entry in store.values():
            _settle(where, entry)
    return list(files)


def public(path: Path) -> bool:
    """Whether others may read a file of a PKI: certificates and lists, no keys and passwords."""
    return path.suffix not in (".key", ".p12", ".pfx", ".txt")


def _settle(where: Path, entry: Entry) -> None:
    """Records where an entry's files are, once they are written."""
    stem = _stem(where, entry.name, entry.role)
    entry.path = stem.with_name(f"{stem.name}.pem")
    key = stem.with_name(f"{stem.name}.key")
    entry.key_path = key if key.is_file() else entry.key_path


def _held(where: Path) -> Iterator[Path]:
    """The files of a PKI that is being replaced: its entries, and files derived from them since."""
    if not (where / INDEX).is_file():
        return
    for directory in ("chains", "der", "ocsp", "crl", "p12", "variants"):
        yield from (path for path in (where / directory).rglob("*") if path.is_file())
    data = read.read_json(where / INDEX)
    names = data.get("entries", {}) if isinstance(data, dict) else {}
    yield from (where / f"{name}{suffix}" for name in names for suffix in (".pem", ".key"))
    yield from (where / INDEX, where / "revoked.json")


def _stem(where: Path, name: str, role: Role | None) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise PkiError(f"{name!r} cannot be a name: letters, digits, . _ and - only")
    return where / "ocsp" / name.removeprefix("ocsp-") if role is Role.OCSP else where / name


def _files(where: Path, entry: Entry, p12_password: str) -> list[tuple[Path, bytes]]:
    """The files of an entry: path and content, the certificate first."""
    stem = _stem(where, entry.name, entry.role)
    files = [(stem.with_name(f"{stem.name}.pem"), entry.pem)]
    signer = entry.role is Role.OCSP
    key = entry.private_key if entry.role not in CROSS_SUBJECTS else None
    if key is not None:
        files.append((stem.with_name(f"{stem.name}.key"), keys.private_pem(key, entry.password)))
        if not signer and not is_ca(entry.certificate) and not isinstance(key, Ed448Scalar):
            container = pkcs12.container(entry.name, key, entry.certificate, entry.chain[1:], p12_password)
            files.append((where / "p12" / f"{entry.name}.p12", container))
    if not signer:
        files.append((where / "der" / f"{entry.name}.der", entry.der))
        if len(entry.chain) > 1:
            files.append((where / "chains" / f"{entry.name}.pem", entry.chain_pem))
    return files
