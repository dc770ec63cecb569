"""A charger's certificate made on the fly, for benches that only want encryption."""

from __future__ import annotations

import contextlib
import datetime
import tempfile
from collections.abc import Iterator
from pathlib import Path


def make_certificate(directory: Path, now: datetime.datetime, suite: str = "iso2") -> tuple[Path, Path, Path]:
    """A V2G root, two sub-CAs and a charger's leaf after their profiles: (chain, key, root) files in ``directory``.

    The key file is readable by its owner only.

    Args:
        suite: profile table: iso2 (P-256), iso20 (P-521) or iso20-ed448.
    """
    from pki import keys
    from pki.authority import Authority
    from pki.profiles import SUITES, Role

    authority = Authority(SUITES[suite], (now - datetime.timedelta(hours=1)).replace(microsecond=0), responder="")
    entry = root = authority.issue(Role.V2G_ROOT)
    for role in (Role.CPO_SUB1, Role.CPO_SUB2, Role.SECC):
        entry = authority.issue(role, entry)
    chain, key, anchor = directory / "chain.pem", directory / "key.pem", directory / "root.pem"
    chain.write_bytes(entry.chain_pem)
    anchor.write_bytes(root.pem)
    keys.write_private(key, keys.private_pem(entry.key))
    return chain, key, anchor


@contextlib.contextmanager
def bench_certificate(now: datetime.datetime, suite: str = "iso2") -> Iterator[tuple[Path, Path, Path]]:
    """As :func:`make_certificate`, in a directory that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="plugfest-") as directory:
        yield make_certificate(Path(directory), now, suite)
