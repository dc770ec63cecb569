"""Systems under test as a tester sees them: how to reach one, its pilot, and what can be observed and done.

A bench returns None or False if it cannot see or do something; the case is then judged on what was seen, and the report
lists the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.watch.flow import Measured
from secc.charger import Evse
from slac.link import Link
from slac.pilot import ChargerPilot, Pilot, State, VehiclePilot
from v2g.channel import Channel
from v2g.discovery import Address

if TYPE_CHECKING:
    from v2g.tls import Context as TlsContext

Datagrams = tuple[Callable[[bytes], None], "asyncio.Queue[tuple[bytes, Address]]"]
"""Sends to the chargers of a link, and receives their answers."""


class ChargerUnderTest(Protocol):
    """A charger as seen from the vehicle's end.

    Attributes:
        pilot: the vehicle's end.
        name: for the report.
    """

    pilot: VehiclePilot
    name: str

    @property
    def address(self) -> IPv6Address:
        """The tester's own address."""

    def sdp(self, to: IPv6Address | None = None) -> contextlib.AbstractContextManager[Datagrams]:
        """A socket for SDP; what it sends goes to the group, or to an address."""

    async def connect(self, address: IPv6Address, port: int, tls: TlsContext | None) -> Channel:
        """TCP, and TLS if given. SetupError: refused."""

    async def plug(self) -> None:
        """Plugs in and brings the link up: the setup timers start."""

    async def leave(self) -> None:
        """Unplugs and waits until the system is ready for the next case."""

    def energised(self) -> bool | None:
        """Whether its contactor is closed and power can flow; None: not seen."""

    def load(self, voltage: float | None) -> None:
        """Connects a battery of that voltage to its output, or nothing; in AC a load."""

    def measured(self) -> Measured | None:
        """What flows at its output, measured independently of what it reports; None: not measured here."""

    async def do(self, action: str) -> bool:
        """Performs an action of a person or a back end: authorise, refuse, never authorise, stop, emergency stop,
        renegotiate, wake up. False: not possible here."""

    def unplug(self) -> bool:
        """Pulls out the connector (state A); False: not possible here."""

    def fault(self, name: str) -> bool:
        """Applies a fault to the pilot: short_cp_pe, open_pe, diode_lost; False: not possible here."""


class VehicleUnderTest(Protocol):
    """A vehicle as seen from the charger's end.

    Attributes:
        pilot: the charger's end.
        name: for the report.
    """

    pilot: ChargerPilot
    name: str

    @property
    def address(self) -> IPv6Address:
        """The tester's own address."""

    def answering(self) -> contextlib.AbstractContextManager[Any]:
        """A socket for SDP: receives what vehicles ask, and answers a sender."""

    def listening(
        self, on_connect: Callable[[Channel], Awaitable[None]], tls: TlsContext | None, port: int | None = None
    ) -> contextlib.AbstractAsyncContextManager[int]:
        """Accepts connections; returns the port."""

    async def plug(self) -> None:
        """Plugs in and brings the link up: the vehicle starts by itself."""

    async def leave(self) -> None:
        """Unplugs and waits until the system is ready for the next case."""

    async def do(self, action: str) -> bool:
        """Performs an action at the vehicle: stop, pause, renegotiate, wake up. False: not possible here."""

    def couple(self, evse: Evse) -> None:
        """Connects the tester's simulated output with the vehicle, if the vehicle is simulated too."""

    def contactors(self) -> bool | None:
        """Whether its contactors are closed; None: not seen."""

    def measured(self) -> Measured | None:
        """What flows into it, from its own measuring device; None: from the tester's plant, if that is coupled."""

    def ended(self) -> bool | None:
        """Whether its session is over; None: not seen."""


@runtime_checkable
class PowerLine(Protocol):
    """A power line to a system under test, as seen from the tester's modem.

    Attributes:
        name: for the report. pics: of the system.
    """

    name: str
    pics: Pics

    @property
    def link(self) -> Link:
        """The link to the tester's modem."""

    @property
    def pilot(self) -> Pilot:
        """The tester's end of the control pilot."""

    def second(self) -> Link:
        """The link to another node of the tester on the line. Inconclusive: there cannot be one."""

    async def plug(self) -> None:
        """Plugs in as far as the tester's pilot does not, and starts the system."""

    async def do(self, action: str) -> bool:
        """Performs an action of a person. False: not possible here."""

    def linked(self) -> bool | None:
        """Whether both modems are in one network; None: only the tester's modem can tell."""


class LineToCharger(PowerLine, Protocol):
    """A power line with a charger at its other end; the tester is the vehicle."""

    @property
    def pilot(self) -> VehiclePilot:
        """The tester's end of the control pilot."""

    def show(self, state: State) -> None:
        """Makes the tester's vehicle show a state; A: the plug is pulled. Inconclusive: the bench cannot do that."""

    def duty(self) -> float | None:
        """What the charger offers, percent; None: not seen."""


class LineToVehicle(PowerLine, Protocol):
    """A power line with a vehicle at its other end; the tester is the charger."""

    @property
    def pilot(self) -> ChargerPilot:
        """The tester's end of the control pilot."""


class ChargerBehindLine(LineToCharger, Protocol):
    """A charger that also runs sessions, once it is matched."""

    async def session(self) -> ChargerUnderTest:
        """The charger on the network. Inconclusive: it cannot be reached."""


class VehicleBehindLine(LineToVehicle, Protocol):
    """A vehicle that also runs sessions, once it is matched."""

    async def session(self) -> VehicleUnderTest:
        """The vehicle on the network. Inconclusive: it cannot be reached."""


Anywhere = ChargerUnderTest | VehicleUnderTest | PowerLine
"""A system under test, of any kind that the bench can reach."""
