"""Is this host ready for a session? One check after another, each with a tick, or a cause and a remedy.

A check is a function of the bench that returns findings; it looks, and changes nothing that lasts. What it cannot find
out (no rights, no such tool) it says instead of guessing. :mod:`.link` looks at interface, addresses and multicast,
:mod:`.host` at rights, firewall, ports and clock, :mod:`.files` at certificates, :mod:`.peers` at modem and broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from plugfest.config.model import Bench

Mark = Literal["ok", "warning", "wrong", "unknown"]
SIGNS = {"ok": "✔", "warning": "!", "wrong": "✘", "unknown": "?"}


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        topic: what was looked at, one word or two.
        mark: ``wrong`` stops a session, ``warning`` may; ``unknown`` could not be seen.
        text: what is so, in one line.
        cause: why, where something is wrong.
        remedy: what to do about it.
    """

    topic: str
    mark: Mark
    text: str
    cause: str = ""
    remedy: str = ""


Check = Callable[[Bench], Iterable[Finding] | Awaitable[Iterable[Finding]]]


async def examine(bench: Bench) -> AsyncIterator[Finding]:
    """All checks, in an order in which the first thing wrong explains what follows."""
    from plugfest.doctor import files, host, link, peers

    checks: tuple[Check, ...] = (
        link.interface,
        link.addresses,
        host.privileges,
        host.ports,
        link.multicast,
        host.firewall,
        peers.modem,
        peers.charger,
        files.certificates,
        host.clock,
        peers.broker,
    )
    for check in checks:
        found = check(bench)
        if not isinstance(found, Iterable):
            found = await found
        for finding in found:
            yield finding
        await asyncio.sleep(0)
