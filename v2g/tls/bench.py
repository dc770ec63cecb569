"""A charger's certificate made on the fly, for benches that only want encryption."""

from __future__ import annotations

import contextlib
import datetime
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pki.store import Store


def make_store(now: datetime.datetime, suite: str = "iso2") -> Store:
    """A V2G root, two sub-CAs and a charger's leaf after their profiles, in memory.

    Args:
        suite: profile table: iso2 (P-256), iso20 (P-521) or iso20-ed448.
    """
    from pki.authority import Authority
    from pki.profiles import SUITES, Role
    from pki.store import Store

    authority = Authority(SUITES[suite], (now - datetime.timedelta(hours=1)).replace(microsecond=0), responder="")
    entries = [authority.issue(Role.V2G_ROOT)]
    for role in (Role.CPO_SUB1, Role.CPO_SUB2, Role.SECC):
        entries.append(authority.issue(role, entries[-1]))
    return Store.of(SUITES[suite], entries, responder="")


def make_certificate(directory: Path, now: datetime.datetime, suite: str = "iso2") -> tuple[Path, Path, Path]:
    """As :func:`make_store`, in files of ``directory``: (chain, key, root); the key is readable by its owner only."""
    from boundary import write
    from pki import keys

    store = make_store(now, suite)
    chain, key, anchor = directory / "chain.pem", directory / "key.pem", directory / "root.pem"
    write.write(chain, store["secc"].chain_pem, public=True)
    write.write(anchor, store["v2g-root"].pem, public=True)
    write.write(key, keys.private_pem(store["secc"].key))
    return chain, key, anchor


@contextlib.contextmanager
def bench_certificate(now: datetime.datetime, suite: str = "iso2") -> Iterator[tuple[Path, Path, Path]]:
    """As :func:`make_certificate`, in a directory that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="plugfest-") as directory:
        yield make_certificate(Path(directory), now, suite)
