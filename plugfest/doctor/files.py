"""Certificates and keys that the bench names: readable, fitting, valid now and for a while, kept private."""

from __future__ import annotations

import contextlib
import datetime
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pki.errors import PkiError
from plugfest.config.model import Bench
from plugfest.doctor.finding import Finding
from plugfest.errors import UserError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SOON = datetime.timedelta(days=14)


def certificates(bench: Bench) -> Iterator[Finding]:
    """What TLS would load, and how long it lasts."""
    named = [path for path in (bench.cert, bench.roots, bench.pki) if path is not None]
    if bench.tls == "none" and not named:
        yield Finding("certificates", "ok", "not needed without TLS")
        return
    trouble = False
    from plugfest import security  # TLS takes time to load

    with contextlib.ExitStack() as stack:
        try:
            if bench.role != "evcc" and (bench.cert is not None or bench.pki is not None):
                security.charger(bench, stack, lambda text: None)
            if bench.role != "secc" and (bench.roots is not None or bench.pki is not None):
                security.vehicle(bench)
        except UserError as why:
            text, _, remedy = str(why).partition("; ")
            yield Finding("certificates", "wrong", text, "", remedy)
            return
    for path in _files(bench):
        for certificate in _read(path):
            for finding in _dates(path, certificate):
                trouble = True
                yield finding
    for path in _keys(bench):
        if path.is_file() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            trouble = True
            yield Finding("certificates", "warning", f"{path} can be read by others", "its mode", f"chmod 600 {path}")
    if not trouble:
        what = ", ".join(named) if named else "a temporary one will be made"
        yield Finding("certificates", "ok", f"{what}: readable, matching, valid now" if named else what)


def _files(bench: Bench) -> list[Path]:
    found = [Path(p) for p in (bench.cert, bench.roots) if p is not None]
    if bench.pki is not None:
        found += sorted(p for p in Path(bench.pki).rglob("*") if p.suffix in (".pem", ".crt") and p.is_file())
    return found


def _keys(bench: Bench) -> list[Path]:
    found = [Path(bench.key)] if bench.key is not None else []
    if bench.pki is not None:
        found += sorted(p for p in Path(bench.pki).rglob("*") if p.is_file() and _is_key(p))
    return found


def _is_key(path: Path) -> bool:
    if path.suffix not in (".pem", ".key"):
        return False
    with path.open("rb") as file:
        return b"PRIVATE KEY" in file.read(4096)


def _read(path: Path) -> list[Certificate]:
    from pki.certificates import read_certificates

    try:
        return read_certificates(path)
    except PkiError:
        return []  # a key, or what the loading above has judged


def _dates(path: Path, certificate: Certificate) -> Iterator[Finding]:
    now = datetime.datetime.now(datetime.UTC)
    name = certificate.subject.rfc4514_string()
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begins:
        yield Finding(
            "certificates", "wrong", f"{path}: {name} is valid only from {begins:%Y-%m-%d %H:%M}",
            "the clock of this host is slow, or the certificate is meant for later", "check the clock below",
        )  # fmt: skip
    elif now > ends:
        yield Finding(
            "certificates", "wrong", f"{path}: {name} expired on {ends:%Y-%m-%d}", "it has expired",
            "make a new one: plugfest pki",
        )  # fmt: skip
    elif ends - now < SOON:
        days = (ends - now).days
        yield Finding("certificates", "warning", f"{path}: {name} expires in {days} days", "", "renew: plugfest pki")
