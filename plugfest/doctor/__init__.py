"""Is this host ready for a session? One check after another, each with a tick, or a cause and a remedy.

A check is a function of the bench that returns findings; it looks, and changes nothing that lasts. What it cannot find
out (no rights, no such tool) it says instead of guessing. :mod:`.link` looks at interface, addresses and multicast,
:mod:`.host` at rights, firewall, ports and clock, :mod:`.files` at certificates, :mod:`.peers` at modem and broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from plugfest.config.model import Bench
from plugfest.doctor import files, host, link, peers
from plugfest.doctor.finding import Finding

Check = Callable[[Bench], Iterable[Finding] | Awaitable[Iterable[Finding]]]


async def examine(bench: Bench) -> AsyncIterator[Finding]:
    """All checks, in an order in which the first thing wrong explains what follows."""
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
