"""Certificates of a bench: TLS contexts for testers and for our own roles, and what contract payment needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def tester_context(store: Any, sut: str) -> Any:
    """The tester's TLS context: a vehicle that trusts the PKI's roots, or a charger with its chain."""
    from pki.profiles import Role
    from v2g import tls

    if sut == "secc":
        return tls.of_store(store, "client")  # type: ignore[arg-type]
    del Role
    return tls.of_store(store, "server")  # type: ignore[arg-type]


def preparing(store: Any) -> Callable[[Any], None]:
    """What gives a tester its contract and keys."""

    def prepare(tester: Any) -> None:
        tester.__dict__["store"] = store

    return prepare
