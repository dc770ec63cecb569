"""A PKI as a mapping: name -> certificate, chain, private key; and its files.

A directory made by ``plugfest pki init`` holds one directory for each suite (``iso2``, ``iso20``, ``iso20-ed448``)::

    iso2/
      index.json            role and issuer of every entry; where the OCSP responder is
      secc.pem              certificate            contract.pem, v2g-root.pem, ...
      secc.key              its private key, PKCS#8, mode 0600
      chains/secc.pem       leaf, sub-CA 2, sub-CA 1: what goes over the wire; no root
      der/secc.der          the certificate in DER
      p12/secc.p12          of leaves: key, certificate and sub-CAs in PKCS#12
      ocsp/                 OCSP signers, one for each authority

The names are the roles of :class:`pki.profiles.Role`; further leaves add their id (``contract-DEPLFC00000002X``).
A directory without ``index.json``, from elsewhere, is read by what the certificates say: see :mod:`pki.foreign`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from pki import keys, pkcs12
from pki.certificates import common_name as common_name
from pki.certificates import is_ca
from pki.certificates import issued as issued
from pki.certificates import parse_certificates as parse_certificates
from pki.certificates import read_certificates as read_certificates
from pki.certificates import self_signed as self_signed
from pki.errors import PkiError
from pki.keys import PrivateKey
from pki.profiles import CROSS_SUBJECTS, SUITES, Role, Suite

INDEX = "index.json"
_PEM, _DER = serialization.Encoding.PEM, serialization.Encoding.DER


@dataclass
class Entry:
    """A certificate with its place in the PKI.

    Attributes:
        name: unique in its store; the stem of its files.
        role: what it is for; None where that cannot be told.
        certificate: itself.
        issuer: the entry that issued it; None for a root, or when the issuer is not at hand.
        path, key_path: where it was read from or written to.
        password: of the key file.
    """

    name: str
    role: Role | None
    certificate: x509.Certificate
    issuer: Entry | None = None
    path: Path | None = None
    key_path: Path | None = None
    password: str | None = None
    private_key: PrivateKey | None = field(default=None, repr=False)

    @property
    def key(self) -> PrivateKey:
        """The private key, read from its file when first needed.

        Raises:
            PkiError: there is none, it cannot be read, or it belongs to another certificate.
        """
        if self.private_key is None:
            if self.key_path is None:
                raise PkiError(f"no private key for {self.name}: {self.name}.key is missing")
            key = keys.load(self.key_path, self.password)
            if not keys.same(key.public_key(), self.certificate.public_key()):
                raise PkiError(f"{self.key_path} is not the key of the certificate {self.path}")
            self.private_key = key
        return self.private_key

    @property
    def has_key(self) -> bool:
        return self.private_key is not None or self.key_path is not None

    @property
    def der(self) -> bytes:
        """The certificate in DER, as messages carry it."""
        return self.certificate.public_bytes(_DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(_PEM)

    @property
    def up(self) -> tuple[Entry, ...]:
        """This entry, its issuer, and so on up to the root where that is known."""
        found: list[Entry] = [self]
        while (above := found[-1].issuer) is not None and above not in found:
            found.append(above)
        return tuple(found)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What is sent: the certificate and its sub-CAs, without the root."""
        certificates = [e.certificate for e in self.up]
        if len(certificates) > 1 and self_signed(certificates[-1]):
            certificates.pop()
        return tuple(certificates)

    @property
    def chain_der(self) -> tuple[bytes, ...]:
        """:attr:`chain` in DER: leaf, sub-CA 2, sub-CA 1."""
        return tuple(c.public_bytes(_DER) for c in self.chain)

    @property
    def chain_pem(self) -> bytes:
        """:attr:`chain` in one PEM text, leaf first."""
        return b"".join(c.public_bytes(_PEM) for c in self.chain)

    @property
    def root(self) -> Entry | None:
        """The root it leads to, if at hand."""
        top = self.up[-1]
        return top if self_signed(top.certificate) else None

    @property
    def common_name(self) -> str:
        return common_name(self.certificate)


class Store(Mapping[str, Entry]):
    """Entries by name, issuers before what they issued.

    ``Store(directory)`` reads a PKI; ``pki.authority.make`` makes one in memory. Roles are names too:
    ``store["secc"]``, ``store[Role.CONTRACT]``.

    Attributes:
        suite: which profile table holds.
        responder: URL of OCSP responder and CRLs that the certificates name; "" if unknown.
        directory: of its files; None: only in memory.
        p12_password: of the PKCS#12 containers that it writes.
    """

    p12_password = "plugfest"

    def __init__(self, directory: Path | str, suite: str | None = None, *, password: str | None = None) -> None:
        """Reads a PKI.

        Args:
            directory: made by ``plugfest pki init``, one of its suites, or any directory with certificates and keys.
            suite: which suite, where the directory has several; the first of iso2, iso20, iso20-ed448 by default.
            password: of encrypted key files.

        Raises:
            PkiError: there is no such directory or suite, or a file in it cannot be used.
        """
        self.directory: Path | None
        self._entries: dict[str, Entry] = {}
        self.responder = ""
        where = find(Path(directory), suite)
        if (where / INDEX).is_file():
            self._read(where, password)
        else:
            from pki import foreign

            found, self.suite = foreign.read(where, password, suite)
            self.directory = where
            for entry in found:
                self.add(entry)

    @classmethod
    def of(cls, suite: Suite, entries: Iterable[Entry], *, responder: str = "") -> Store:
        """A store in memory."""
        store = cls.__new__(cls)
        store.suite, store.directory, store.responder, store._entries = suite, None, responder, {}
        for entry in entries:
            store.add(entry)
        return store

    def add(self, entry: Entry) -> None:
        """Takes one more entry; a name that exists already is replaced."""
        self._entries[str(entry.name)] = entry

    def __getitem__(self, name: str) -> Entry:
        try:
            return self._entries[str(name)]
        except KeyError:
            place = self.directory or "this PKI"
            known = ", ".join(n for n, e in self._entries.items() if e.role is not Role.OCSP)
            raise Missing(f"{place} has no {name}; there are {known}") from None

    def __contains__(self, name: object) -> bool:
        return str(name) in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def of_role(self, *roles: Role) -> list[Entry]:
        """The entries of some roles."""
        return [e for e in self.values() if e.role in roles]

    def certificates(self, *roles: Role) -> list[x509.Certificate]:
        """The certificates of some roles, e.g. trust anchors."""
        return [e.certificate for e in self.of_role(*roles)]

    @property
    def authorities(self) -> list[Entry]:
        """Roots and sub-CAs; no cross certificates."""
        return [e for e in self.values() if e.role is not None and is_authority(self.suite, e.role)]

    def issuer_of(self, certificate: x509.Certificate) -> Entry | None:
        """The entry whose key signed a certificate."""
        return next((e for e in self.values() if issued(e.certificate, certificate)), None)

    def cross_chain(self, name: str, anchor: str) -> tuple[x509.Certificate, ...]:
        """The chain of an entry up to another root than its own, over a cross certificate (ISO 15118-20).

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
        """Writes every entry below ``directory``/suite name; :attr:`directory` becomes that.

        Raises:
            PkiError: something is there already and ``force`` is not set; nothing was written then.
        """
        where = directory / self.suite.name
        if not force:
            self.check_free(directory)
        if force:
            _clear(where)
        self.directory = where
        written = [path for entry in self.values() for path in self.write(entry, force=force)]
        return [*written, self._write_index()]

    def check_free(self, directory: Path) -> None:
        """Sees that :meth:`save` would overwrite nothing.

        Raises:
            PkiError: something is there already.
        """
        where = directory / self.suite.name
        if (where / INDEX).exists():
            raise PkiError(f"{where} holds a PKI already; --force replaces it, and its keys are lost")
        for entry in self.values():
            if (there := next((p for p, _ in _files(where, entry, self.p12_password) if p.exists()), None)) is not None:
                raise PkiError(f"{there} exists; --force replaces it")

    def write(self, entry: Entry, *, force: bool = False) -> list[Path]:
        """Writes the files of one entry of :attr:`directory`; the index is not touched.

        Raises:
            PkiError: a file exists and ``force`` is not set.
        """
        where = self._where()
        files = _files(where, entry, self.p12_password)
        if not force and (there := next((p for p, _ in files if p.exists()), None)) is not None:
            raise PkiError(f"{there} exists; --force replaces it")
        for path, data in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix in (".key", ".p12"):
                keys.write_private(path, data)
                entry.key_path = path if path.suffix == ".key" else entry.key_path
            else:
                path.write_bytes(data)
        entry.path = files[0][0]
        return [path for path, _ in files]

    def issue_into(self, entry: Entry, *, force: bool = False) -> list[Path]:
        """Adds a new entry and writes it, with the index.

        Raises:
            PkiError: the name is taken and ``force`` is not set, or the directory is not in our layout.
        """
        self.own_directory()
        if not force and entry.name in self:
            raise PkiError(f"{self._where()} has a {entry.name} already; give --name, or --force to replace it")
        self.add(entry)
        return [*self.write(entry, force=force), self._write_index()]

    def own_directory(self) -> Path:
        """The directory, if it is in our layout: only there files may be added.

        Raises:
            PkiError: it was made elsewhere, or the store is only in memory.
        """
        where = self._where()
        if not (where / INDEX).is_file():
            raise PkiError(f"{where} was made elsewhere; `plugfest pki import {where} DIR` takes it over")
        return where

    def _where(self) -> Path:
        if self.directory is None:
            raise PkiError("this PKI is only in memory: save it first")
        return self.directory

    def _write_index(self) -> Path:
        entries = {
            e.name: {"role": e.role, "issuer": e.issuer.name if e.issuer else None} for e in self.values()
        }  # fmt: skip
        data = {"suite": self.suite.name, "responder": self.responder, "entries": entries}
        path = self._where() / INDEX
        path.write_text(json.dumps(data, indent=1) + "\n")
        return path

    def _read(self, where: Path, password: str | None) -> None:
        self.directory = where
        try:
            data: dict[str, Any] = json.loads((where / INDEX).read_text())
            self.suite = SUITES[data["suite"]]
            self.responder = data["responder"]
            rows: dict[str, Any] = data["entries"]
            for name, row in rows.items():
                role = Role(row["role"]) if row["role"] else None
                stem = _stem(where, name, role)
                issuer = self._entries[row["issuer"]] if row["issuer"] else None
                key_path = stem.with_name(f"{stem.name}.key")
                path = stem.with_name(f"{stem.name}.pem")
                entry = Entry(name, role, read_certificates(path)[0], issuer, path, None, password)
                if key_path.is_file():
                    entry.key_path = key_path
                self.add(entry)
        except (KeyError, ValueError, TypeError, AttributeError) as why:
            raise PkiError(f"{where / INDEX} is damaged ({why!r}); make the PKI again with --force") from why


class Missing(PkiError, KeyError):
    """A store has no entry of that name."""

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
        raise PkiError(f"no suite {suite!r}; there are {', '.join(SUITES)}")
    if not directory.is_dir():
        raise PkiError(f"{directory} is no directory; `plugfest pki init {directory}` makes a PKI there")
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


def _clear(where: Path) -> None:
    """Removes the files of a PKI that is being replaced: its entries, and what was made of them since."""
    if not (where / INDEX).is_file():
        return
    for directory in ("chains", "der", "ocsp", "crl", "p12", "variants"):
        shutil.rmtree(where / directory, ignore_errors=True)
    for name in json.loads((where / INDEX).read_text()).get("entries", {}):
        for suffix in (".pem", ".key"):
            (where / f"{name}{suffix}").unlink(missing_ok=True)
    for name in (INDEX, "revoked.json"):
        (where / name).unlink(missing_ok=True)


def _stem(where: Path, name: str, role: Role | None) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise PkiError(f"{name!r} cannot be a name: letters, digits, . _ and - only")
    return where / "ocsp" / name.removeprefix("ocsp-") if role is Role.OCSP else where / name


def _files(where: Path, entry: Entry, p12_password: str) -> list[tuple[Path, bytes]]:
    """What belongs to an entry: path and content, the certificate first."""
    stem = _stem(where, entry.name, entry.role)
    files = [(stem.with_name(f"{stem.name}.pem"), entry.pem)]
    signer = entry.role is Role.OCSP
    key = entry.private_key if entry.role not in CROSS_SUBJECTS else None
    if key is not None:
        files.append((stem.with_name(f"{stem.name}.key"), keys.private_pem(key, entry.password)))
        if not signer and not is_ca(entry.certificate):
            container = pkcs12.container(entry.name, key, entry.certificate, entry.chain[1:], p12_password)
            files.append((where / "p12" / f"{entry.name}.p12", container))
    if not signer:
        files.append((where / "der" / f"{entry.name}.der", entry.der))
        if len(entry.chain) > 1:
            files.append((where / "chains" / f"{entry.name}.pem", entry.chain_pem))
    return files
