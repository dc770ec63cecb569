"""Benches with a power line and the network behind it: SLAC, hand-off, sessions, pauses and wake-ups of one system.

A bench of this kind is a bench for SLAC (:mod:`.slac`) with `session`: the system as the tester of
sessions sees it (:mod:`.systems`), on the link that SLAC established. The line then handles plugging in and leaving, so
`session`'s own methods for these do nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from evcc import charge as evcc
from evcc.options import Paused
from evcc.stay import Stay, stay
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.cause import Cause
from plugfest.conformance.sut.network import NetworkCharger, NetworkVehicle
from plugfest.conformance.sut.own import OwnCharger, OwnVehicle
from plugfest.conformance.sut.slac import NetworkSlac, OwnSlacCharger, OwnSlacVehicle
from plugfest.conformance.verdict import Inconclusive
from secc.arrivals import Arrivals
from secc.stay import serve_vehicles
from slac import ev, evse
from slac.errors import MatchFailed, PilotLost
from slac.host import Host
from slac.link import Link
from slac.modem import detect
from slac.outcome import Match
from v2g import interfaces, sdp
from v2g.errors import SetupError
from v2g.memory import VEHICLE
from v2g.outcome import Outcome
from v2g.trace import Observe, ignore

if TYPE_CHECKING:
    from v2g.tls import Context as TlsContext

SLEEPY = {"sleepWithoutCharge", "sleepAfterCharge"}
"""What a vehicle declares if it pauses while its schedule allows no power."""

SHORTEST_SLEEP = 60.0
"""s without power after which our vehicle pauses."""


# ---------------------------------------------------------------------------------------------------------------
# Our charger


class _Charger(OwnCharger):
    """The charger as the tester of sessions sees it; the line plugs in."""

    async def plug(self) -> None:
        if self.customer is not None:
            self.customer.accept()

    async def leave(self) -> None:
        self.load(None)


class OwnSessionCharger(OwnSlacCharger):
    """Our charger from plug-in to the end of the last session; the tester is the vehicle.

    Attributes:
        charger: the part behind the line, with its outlet and its seams.
    """

    name = "plugfest charger, SLAC and sessions in memory"

    def __init__(self, pics: Pics, seed: int, observe: Observe = ignore, tls: TlsContext | None = None) -> None:
        super().__init__(pics, seed)
        self.ended: asyncio.Queue[Outcome] = asyncio.Queue()
        self.charger = _Charger(pics, observe=observe, seed=seed, tls=tls)
        self.charger.outlet.on_end = self.ended.put_nowait
        self.charger.network.up = lambda: self.linked() is True
        self.wire = self.charger.wire

    async def _serve(self, charger: evse.Evse) -> None:
        async def matched(match: Match) -> None:
            """The interface in memory keeps its address."""

        arrivals = Arrivals(charger, self.charger.evse, start=self.start, loss=self.loss)
        await serve_vehicles(arrivals, self.charger.outlet, self.ended, matched=matched)

    async def session(self) -> OwnCharger:
        """The charger on the link."""
        await self.charger.plug()
        return self.charger

    async def stop(self) -> None:
        await super().stop()
        self.charger.evse.off()


# ---------------------------------------------------------------------------------------------------------------
# Our vehicle


class _Vehicle(OwnVehicle):
    """The vehicle as the tester of sessions sees it; the line starts the sessions."""

    async def plug(self) -> None:
        """The line plugs in."""

    async def leave(self) -> None:
        """The line unplugs."""

    async def _start(self) -> None:
        """It wakes up only through the pilot."""


class OwnSessionVehicle(OwnSlacVehicle):
    """Our vehicle from plug-in to the end of the last session; the tester is the charger.

    Attributes:
        vehicle: the part behind the line, with its plant and its options.
        how: what it does in pauses.
    """

    name = "plugfest vehicle, SLAC and sessions in memory"

    def __init__(self, pics: Pics, seed: int, observe: Observe = ignore, tls: TlsContext | None = None) -> None:
        super().__init__(pics, seed)
        self.behind = _Vehicle(pics, observe=observe, seed=seed, tls=tls)
        self.behind.network.up = lambda: self.linked() is True
        self.wire = self.behind.wire
        self.how = Stay(wakes_after=float(pics["PIXIT_CMN_CMN_WakeUp"]), observe=observe)
        if pics["PICS_EVCC_CMN_PmaxSchedulewithZeroPow"] in SLEEPY:
            self.behind.vehicle.settings.sleeps = SHORTEST_SLEEP

    async def _match(self) -> None:
        behind = self.behind
        async with Host(self.car, rewrite=self.rewrite) as host:
            modem = await detect(host, timing=self.options.timing, rng=self.rng)
            role = ev.Ev(host, self.wire.ev, modem, self.options, rng=self.rng)
            with contextlib.suppress(MatchFailed, PilotLost):
                match = await role.match()
                behind.outcome = None
                behind.outcome = await stay(role, match, behind.vehicle, self._charge, self.how)

    async def _charge(self, resume: Paused | None) -> evcc.Outcome:
        behind = self.behind
        policy = sdp.TlsPolicy.REQUIRED if behind.tls is not None else sdp.TlsPolicy.NONE
        network = behind.network
        search = evcc.Search(VEHICLE, policy, behind.tls, discover=network.discover, connect=network.connect)
        options = dataclasses.replace(behind.options, resume=resume)
        return await evcc.find_and_charge(search, behind.vehicle, options)

    async def session(self) -> OwnVehicle:
        """The vehicle on the link."""
        return self.behind


# ---------------------------------------------------------------------------------------------------------------
# Behind an interface


class NetworkSession(NetworkSlac):
    """A charger or a vehicle on the power line behind an interface, and on the network behind it."""

    name = "on the power line and behind it"

    def __init__(self, link: Link, pilot: Any, pics: Pics, system: NetworkCharger | NetworkVehicle) -> None:
        """``system``: the system reached once the line is up."""
        super().__init__(link, pilot, pics, system.program, system.pause, system.actions)
        self.system = system
        system.pilot, system.behind_line = pilot, True

    async def session(self, within: float = 6.0) -> NetworkCharger | NetworkVehicle:
        """The system on the link; modems that restart drop the carrier, and with it the address, for a while.

        Raises:
            Inconclusive: the interface has no address.
        """
        name = self.system.reach.interface
        try:
            await interfaces.usable(name, within)
        except SetupError:
            text = f"{name} has no link-local address once the power line is up"
            raise Inconclusive(text, cause=Cause.INTERFACE) from None
        return self.system


@contextlib.asynccontextmanager
async def own_session_system(
    pics: Pics, sut: str, observe: Observe, tls: TlsContext | None, adjust: Any
) -> AsyncIterator[Any]:
    """Our own role, from plug-in to the end of its sessions.

    Args:
        adjust: called with the role before it starts.
    """
    system = (OwnSessionCharger if sut == "secc" else OwnSessionVehicle)(pics, 1, observe, tls)
    adjust(system)
    async with system.open():
        yield system
