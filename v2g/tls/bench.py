"""A temporary charger certificate, for benches that only want encryption."""

from __future__ import annotations

import contextlib
import datetime
import tempfile
from collections.abc import Iterator
from pathlib import Path

from boundary import write
from pki import keys
from pki.authority import Authority
from pki.profiles import SUITES, Role
from pki.store import Store
from v2g.tls.context import Credential


def make_store(now: datetime.datetime, suite: str = "iso2", *, vehicle: bool = False) -> Store:
    """A V2G root, two sub-CAs and a charger's leaf that follow their profiles, in memory.

    Args:
        suite: profile table: iso2 (P-256), iso20 (P-521) or iso20-ed448.
        vehicle: make an OEM root with a vehicle's leaf instead.
    """
    authority = Authority(SUITES[suite], (now - datetime.timedelta(hours=1)).replace(microsecond=0), responder="")
    anchor, *below = (
        (Role.OEM_ROOT, Role.OEM_SUB1, Role.OEM_SUB2, Role.VEHICLE)
        if vehicle
        else (Role.V2G_ROOT, Role.CPO_SUB1, Role.CPO_SUB2, Role.SECC)
    )
    entries = [authority.issue(anchor)]
    for role in below:
        entries.append(authority.issue(role, entries[-1]))
    return Store.of(SUITES[suite], entries, responder="")


def vehicle_credential(now: datetime.datetime, suite: str = "iso20") -> Credential:
    """A vehicle's certificate with its chain and key, in memory, for a handshake of ISO 15118-20."""
    store = make_store(now, suite, vehicle=True)
    (entry,) = store.of_role(Role.VEHICLE)
    anchor = entry.root.certificate if entry.root else None
    return Credential(list(entry.chain), entry.key, anchor, "the temporary vehicle certificate")


def make_certificate(directory: Path, now: datetime.datetime, suite: str = "iso2") -> tuple[Path, Path, Path]:
    """Like :func:`make_store`, as files in ``directory``: (chain, key, root); only its owner can read the key."""
    store = make_store(now, suite)
    chain, key, anchor = directory / "chain.pem", directory / "key.pem", directory / "root.pem"
    write.write(chain, store["secc"].chain_pem, public=True)
    write.write(anchor, store["v2g-root"].pem, public=True)
    write.write(key, keys.private_pem(store["secc"].key))
    return chain, key, anchor


@contextlib.contextmanager
def bench_certificate(now: datetime.datetime, suite: str = "iso2") -> Iterator[tuple[Path, Path, Path]]:
    """Like :func:`make_certificate`, in a directory that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="plugfest-") as directory:
        yield make_certificate(Path(directory), now, suite)
