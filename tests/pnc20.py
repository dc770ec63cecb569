"""A bench with contract payment in ISO 15118-20: both roles over TLS 1.3 in memory, a test PKI from a seed."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from functools import cache
from typing import Any

from bench import Bench
from pnc import NOW, START

from evcc import charge as evcc
from evcc.wallet import Wallet20
from pki import authority
from pki.profiles import SUITES, Role
from pki.store import Entry, Store
from plugfest import pnc, pnc20
from secc import serve as secc
from secc.iso20_provisioning import LocalBackend
from v2g import tls
from v2g.credentials import Credential
from v2g.memory_link import memory_pair
from v2g.outcome import Outcome
from v2g.trace import Observe, ignore


@cache
def store(suite: str = "iso20", seed: str = "tests") -> Store:
    """A PKI; ``seed`` makes another one with the same names."""
    return authority.make(SUITES[suite], START, seed=authority.seed_octets(seed))


@cache
def source(suite: str = "iso20", seed: str = "tests") -> authority.Authority:
    """Makes further certificates."""
    return authority.Authority(SUITES[suite], START, authority.seed_octets(f"{seed} more"))


def issue(role: Role, issuer: str, suite: str = "iso20", **more: Any) -> Entry:
    """One more certificate of the test PKI."""
    return source(suite).issue(role, store(suite)[issuer], **more)


@cache
def second(suite: str = "iso20", cn: str = "DEXYZC00000002") -> Credential:
    """A contract of another provider."""
    return pnc.credential(issue(Role.CONTRACT, "mo-sub2", suite, name=f"contract-{cn}", cn=cn))


def contract(suite: str = "iso20", **more: Any) -> Credential:
    """A contract of the test PKI."""
    return pnc.credential(issue(Role.CONTRACT, "mo-sub2", suite, name=f"contract-{len(more)}", **more))


class PncBench20(Bench):
    """As :class:`bench.Bench`, over TLS 1.3 with both certificates; the charger takes contracts, the vehicle has one.

    Attributes:
        suite: of the PKI from which contracts come; TLS has that of P-521.
    """

    def __init__(self, mode: str = "iso20-dc", control: str = "scheduled", suite: str = "iso20", **more: Any) -> None:
        super().__init__(mode, **more)
        self.suite = suite
        self.ev.control = control  # type: ignore[assignment]  # a text of the parameters, one of the literals
        self.ev.any_transport = self.se.any_transport = False
        self.wallet: Wallet20 = pnc20.wallet(store(suite))
        self.contracts = pnc.contracts(store(suite), NOW, provisioning=False)
        self.contracts.tariff_keys20 = [pnc.credential(store(suite)["mo-sub2"])]
        self.ev.wallet20, self.ev.now = self.wallet, self.se.now
        self.se.contracts = self.contracts

    def installs(self, *emaids: str) -> LocalBackend:
        """The charger installs contracts, and the vehicle has none; its back end."""
        self.wallet.contracts = []
        made = pnc20.backend(store(self.suite), NOW, emaids=emaids)
        self.contracts.backend20 = made
        return made

    async def ends(self, observe: Observe = ignore) -> tuple[Any, Any]:
        """Both ends of a connection, the charger's first."""
        both = [tls.of_store(role, (store(),), tls.PROFILES["iso20"]) for role in ("server", "client")]
        for one in both:
            one.now = lambda: NOW
        return await memory_pair(server=both[0], client=both[1], observe=observe)

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

    def messages(self, name: str, side: str = "ev") -> list[Any]:
        """The messages of a name, as one side saw them."""
        return [e.message for e in self.events[side] if e.layer == "message" and e.name == name]

    def codes(self, name: str) -> list[str]:
        """ResponseCodes of the responses of a name, as the vehicle saw them."""
        return [str(message.ResponseCode) for message in self.messages(name)]

    def said(self, side: str, text: str) -> bool:
        """Whether a line of a trace has a text."""
        return any(text in event.note for event in self.events[side])


DAY = datetime.timedelta(days=1)
