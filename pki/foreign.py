"""Reads a PKI made elsewhere: any directory with certificates and keys in PEM, DER or PKCS#12.

Certificates are taken wherever they lie below the directory, also several in one file. Keys find their certificate by
the public key, whatever their name; an encrypted key is tried with the given password and with those in ``*.txt`` files
beside it. Issuers are found by signature, roles by :mod:`pki.roles`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.serialization import pkcs12

from pki import keys, roles
from pki.errors import PkiError
from pki.keys import PrivateKey
from pki.profiles import SUITES, Role, Suite
from pki.store import Entry, issued, read_certificates, self_signed

_CERTIFICATES = {".pem", ".der", ".crt", ".cer", ".cert"}
_KEYS = {".key", ".pem", ".pkcs8", ".p8"}
_MOST = 2000
"""Files looked at; a directory with more is hardly a PKI."""


def read(directory: Path, password: str | None, suite: str | None) -> tuple[list[Entry], Suite]:
    """The entries of a directory, issuers first, and the suite that most of their keys belong to.

    Raises:
        PkiError: no certificate in it.
    """
    files = sorted(p for p in directory.rglob("*") if p.is_file())[:_MOST]
    boxes = _containers(files, password)
    certificates = _certificates(files, boxes)
    if not certificates:
        raise PkiError(f"{directory} holds no certificates; `plugfest pki init {directory}` makes a PKI there")
    found_keys = _keys(files, password)
    entries: list[Entry] = []
    taken: set[str] = set()
    for certificate, path in _issuers_first(certificates):
        issuer = next((e for e in entries if issued(e.certificate, certificate)), None)
        issuer = None if self_signed(certificate) else issuer
        role = roles.guess_in_chain(certificate, issuer.role if issuer else None)
        name = _name(role, path, taken)
        public = keys.spki(certificate.public_key())
        key_path, secret = found_keys.get(public, (None, None))
        entry = Entry(name, role, certificate, issuer, path, key_path, secret)
        if key_path is None:
            held = [box.key for box in boxes if box.key is not None]
            entry.private_key = next((key for key in held if keys.spki(key.public_key()) == public), None)
        entries.append(entry)
    return entries, SUITES[suite] if suite else _suite(entries)


@dataclass
class _Container:
    """What a PKCS#12 file holds."""

    path: Path
    certificates: list[x509.Certificate]
    key: PrivateKey | None


def _containers(files: list[Path], password: str | None) -> list[_Container]:
    found = []
    for path in files:
        if path.suffix.lower() not in (".p12", ".pfx"):
            continue
        for secret in [password, None, "", *_passwords(path)]:
            try:
                held = pkcs12.load_pkcs12(path.read_bytes(), secret.encode() if secret is not None else None)
            except (ValueError, TypeError, UnsupportedAlgorithm, OSError):
                continue
            certificates = [c.certificate for c in (held.cert, *held.additional_certs) if c is not None]
            key = held.key if isinstance(held.key, ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey) else None
            found.append(_Container(path, certificates, key))
            break
    return found


def _certificates(files: list[Path], boxes: list[_Container]) -> list[tuple[x509.Certificate, Path]]:
    """Each certificate once, with the file that names it best: one of its own before a bundle, PEM before DER."""
    found: dict[bytes, tuple[int, x509.Certificate, Path]] = {}
    for path in files:
        if path.suffix.lower() not in _CERTIFICATES:
            continue
        try:
            certificates = read_certificates(path)
        except PkiError:
            continue  # a key, or something else
        for certificate in certificates:
            identity = certificate.public_bytes(serialization.Encoding.DER)
            rank = len(certificates) * 2 + (path.suffix.lower() == ".der")
            if identity not in found or rank < found[identity][0]:
                found[identity] = rank, certificate, path
    for box in boxes:
        for certificate in box.certificates:
            identity = certificate.public_bytes(serialization.Encoding.DER)
            found.setdefault(identity, (1000, certificate, box.path))
    return [(certificate, path) for _, certificate, path in found.values()]


def _issuers_first(certificates: list[tuple[x509.Certificate, Path]]) -> list[tuple[x509.Certificate, Path]]:
    def depth(certificate: x509.Certificate, left: int = 8) -> int:
        if self_signed(certificate) or not left:
            return 0
        above = next((c for c, _ in certificates if c is not certificate and issued(c, certificate)), None)
        return 0 if above is None else 1 + depth(above, left - 1)

    return sorted(certificates, key=lambda item: depth(item[0]))


def _keys(files: list[Path], password: str | None) -> dict[bytes, tuple[Path, str | None]]:
    found: dict[bytes, tuple[Path, str | None]] = {}
    for path in files:
        if path.suffix.lower() not in _KEYS:
            continue
        for secret in [password, None, *_passwords(path)]:
            try:
                key = keys.load(path, secret)
            except PkiError:
                continue
            found.setdefault(keys.spki(key.public_key()), (path, secret))
            break
    return found


def _passwords(path: Path) -> list[str]:
    """Passwords noted in text files beside a key, those that share its name first."""
    texts = sorted(path.parent.glob("*.txt"), key=lambda p: (not p.stem.lower().startswith(path.stem.lower()), p.name))
    words = []
    for file in texts[:50]:
        if file.stat().st_size < 200 and (word := file.read_text(errors="replace").strip()) and word not in words:
            words.append(word)
    return words


def _name(role: Role | None, path: Path, taken: set[str]) -> str:
    """The role while it is free, then the file's own name."""
    base = role.value if role is not None and role is not Role.OCSP and role.value not in taken else path.stem
    name, count = base, 2
    while name in taken:
        name, count = f"{base}-{count}", count + 1
    taken.add(name)
    return name


def _suite(entries: list[Entry]) -> Suite:
    kinds = [keys.kind(e.certificate.public_key()) for e in entries]
    return max(SUITES.values(), key=lambda suite: kinds.count(suite.kind))
