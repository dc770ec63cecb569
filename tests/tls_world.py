"""PKIs and pairs of TLS ends in memory, for tests of TLS."""

from __future__ import annotations

import asyncio
import datetime
import functools
from dataclasses import dataclass, field

from pki import authority
from pki.profiles import SUITES
from pki.store import Store
from v2g import tls
from v2g.channel import Channel
from v2g.errors import SetupError
from v2g.memory_link import memory_pair
from v2g.trace import Event

NOW = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)


@functools.cache
def store(suite: str = "iso2", seed: str = "one") -> Store:
    """A PKI that is a day old at :data:`NOW`; the same for each test, so do not change it."""
    return authority.make(SUITES[suite], NOW - datetime.timedelta(days=1), seed=authority.seed_octets(seed))


def charger(options: tls.Options = tls.ISO2, *stores: Store, **changes: object) -> tls.Context:
    """A charger's side; by default with the ISO 15118-2 PKI."""
    return _context("server", options, stores, changes)


def vehicle(options: tls.Options = tls.ISO2, *stores: Store, **changes: object) -> tls.Context:
    """A vehicle's side; by default with the ISO 15118-2 PKI."""
    return _context("client", options, stores, changes)


def _context(role: str, options: tls.Options, stores: tuple[Store, ...], changes: dict[str, object]) -> tls.Context:
    context = tls.of_store(role, stores or (store(),), options)
    context.now = lambda: NOW
    for name, value in changes.items():
        setattr(context, name, value)
    return context


@dataclass
class Met:
    """Two ends after their handshake, or why each failed."""

    charger: Channel | None = None
    vehicle: Channel | None = None
    charger_error: Exception | None = None
    vehicle_error: Exception | None = None
    events: dict[str, list[Event]] = field(default_factory=lambda: {"charger": [], "vehicle": []})

    def names(self, side: str) -> list[str]:
        return [event.name for event in self.events[side]]

    def event(self, side: str, name: str, direction: str | None = None) -> Event:
        """The first event of a name."""
        return next(e for e in self.events[side] if e.name == name and direction in (None, e.direction))

    @property
    def failure(self) -> tls.TlsFailure:
        """The vehicle's failure, or where it had none the charger's."""
        found = self.vehicle_error or self.charger_error
        assert isinstance(found, tls.TlsFailure), found
        return found


async def meet(server: tls.Context, client: tls.Context) -> Met:
    """One handshake over memory, whatever comes of it."""
    met = Met()
    ends = dict(zip(("charger", "vehicle"), await memory_pair(), strict=True))

    async def one(side: str, context: tls.Context) -> None:
        try:
            await ends[side].start_tls(context, met.events[side].append)
            setattr(met, side, ends[side])
        except SetupError as why:
            setattr(met, f"{side}_error", why)

    await asyncio.gather(one("vehicle", client), one("charger", server))
    return met


async def talk(met: Met, size: int = 20000) -> None:
    """Frames in both directions."""
    assert met.charger is not None
    assert met.vehicle is not None, met.vehicle_error
    await met.vehicle.write_frame(0x8001, bytes(size))
    assert await met.charger.read_frame() == (0x8001, bytes(size))
    await met.charger.write_frame(0x8001, b"\x01" * size)
    assert await met.vehicle.read_frame() == (0x8001, b"\x01" * size)
