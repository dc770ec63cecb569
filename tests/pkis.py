"""PKIs that tests share, made once each: P-521 takes its time."""

from __future__ import annotations

import datetime
import functools
import subprocess
from collections.abc import Iterable
from pathlib import Path

from processes import CEILING

from pki import authority
from pki.profiles import SUITES
from pki.store import Entry, Store

START = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
LATER = START + datetime.timedelta(days=5)
SEED = authority.seed_octets("test")


@functools.cache
def good(suite: str = "iso2") -> Store:
    """A PKI in memory; not to be changed."""
    return authority.make(SUITES[suite], START, seed=SEED)


def saved(directory: Path, suite: str = "iso2") -> Store:
    """A PKI of its own, with files."""
    store = Store.of(SUITES[suite], (), responder=good(suite).responder)
    for entry in good(suite).values():
        above = store[entry.issuer.name] if entry.issuer else None
        store.add(Entry(entry.name, entry.role, entry.certificate, above, private_key=entry.key))
    store.save(directory)
    return store


def openssl(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs the openssl command."""
    return subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=CEILING)


def openssl_verify(
    directory: Path,
    chain: Iterable[bytes],
    root: bytes,
    options: Iterable[str] = (),
    *,
    crl: bytes | None = None,
    at: datetime.datetime = LATER,
) -> str:
    """What ``openssl verify`` says about a chain of PEM texts under a trusted root: "" if it accepts, else why not."""
    leaf, *rest = chain
    files = {"leaf.pem": leaf, "rest.pem": b"".join(rest) or leaf, "root.pem": root}
    if crl is not None:
        files["list.pem"] = crl
    for name, data in files.items():
        (directory / name).write_bytes(data)
    words = ["verify", "-x509_strict", "-attime", str(int(at.timestamp())), *options, "-no-CApath", "-no-CAstore"]
    if crl is not None:
        words += ["-CRLfile", str(directory / "list.pem")]
    words += ["-CAfile", str(directory / "root.pem"), "-untrusted", str(directory / "rest.pem")]
    result = openssl(*words, str(directory / "leaf.pem"))
    return "" if result.returncode == 0 else (result.stdout + result.stderr).strip() or "refused"
