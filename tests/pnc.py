"""A bench with contract payment: both roles over TLS in memory, with a test PKI made from a seed."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from bench import Bench

from evcc import charge as evcc
from evcc.wallet import Wallet
from pki import authority
from pki.profiles import SUITES, Role
from pki.store import Entry, Store
from plugfest import pnc
from secc import serve as secc
from v2g import tls
from v2g.credentials import Credential
from v2g.memory_link import memory_pair
from v2g.outcome import Outcome
from v2g.trace import Observe, ignore

START = datetime.datetime(2023, 11, 1, tzinfo=datetime.UTC)
"""Two weeks before the bench's wall clock begins."""
NOW = datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC)


@cache
def store(seed: str = "tests") -> Store:
    """A PKI; ``seed`` makes another one with the same names."""
    return authority.make(SUITES["iso2"], START, seed=authority.seed_octets(seed))


@cache
def source(seed: str = "tests") -> authority.Authority:
    """Makes further certificates."""
    return authority.Authority(SUITES["iso2"], START, authority.seed_octets(f"{seed} more"))


@cache
def _files(seed: str) -> tuple[Path, Path]:
    directory = Path(mkdtemp(prefix="plugfest-tests-"))
    store(seed).save(directory)
    where = directory / "iso2"
    return where / "chains" / "secc.pem", where / "secc.key"


def issue(role: Role, issuer: str, **more: Any) -> Entry:
    """One more certificate of the test PKI."""
    return source().issue(role, store()[issuer], **more)


def contract(**more: Any) -> Credential:
    """A contract of the test PKI."""
    return pnc.credential(issue(Role.CONTRACT, "mo-sub2", name=f"contract-{len(more)}", **more))


class PncBench(Bench):
    """As :class:`bench.Bench`, over TLS, with a contract in the vehicle's wallet and a charger that takes contracts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tls = True
        self.wallet: Wallet = pnc.wallet(store())
        self.contracts = pnc.contracts(store(), NOW)
        self.ev.wallet = self.wallet
        self.ev.now = self.se.now
        self.se.contracts = self.contracts

    async def ends(self, observe: Observe = ignore) -> tuple[Any, Any]:
        """Both ends of a connection, the charger's first."""
        if not self.tls:
            return await memory_pair()
        chain, key = _files("tests")
        return await memory_pair(server=tls.server(chain, key), client=tls.client(None), observe=observe)

    async def run(self, during: Callable[[Any], Any] | None = None) -> tuple[Outcome, Outcome]:
        self.evse.pilot.offer(5.0)
        charger_end, vehicle_end = await self.ends()
        charger = asyncio.create_task(secc.serve(charger_end, self.evse, self.se, paused=self.paused))
        side = asyncio.create_task(during(self)) if during else None
        vehicle = await evcc.charge(vehicle_end, self.vehicle, self.ev)
        outcome = await charger
        if side is not None:
            side.cancel()
            await asyncio.gather(side, return_exceptions=True)
        return vehicle, outcome

    def code(self, name: str) -> str:
        """ResponseCode of the last response of a name, as the vehicle saw it."""
        return str(self.messages(name)[-1].ResponseCode)
