"""Systems under test, as a tester sees them: how to reach one, its pilot, and what can be seen and done at it.

A bench that cannot see or do something says so with None or False; the case is then judged on what was seen, and the
report names the rest.
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
"""How to send to the chargers of a link, and what they answer."""


class ChargerUnderTest(Protocol):
    """A charger, from where a vehicle is.

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
        """Plugs in and brings the link up: the setup timers begin."""

    async def leave(self) -> None:
        """Unplugs and waits until the system is ready for the next case."""

    def energised(self) -> bool | None:
        """Whether its contactor is closed and power can flow; None: not seen."""

    def load(self, voltage: float | None) -> None:
        """Connects a battery of that voltage to its output, or nothing; in AC something that draws."""

    def measured(self) -> Measured | None:
        """What flows at its output, by other means than its word; None: nothing is measured here."""

    async def do(self, action: str) -> bool:
        """An action of a person or a back end: authorise, refuse, never authorise, stop, emergency stop, renegotiate,
        wake up. False: cannot be done here."""

    def unplug(self) -> bool:
        """Pulls the connector (state A); False: cannot be done here."""

    def fault(self, name: str) -> bool:
        """Applies a fault to the pilot: short_cp_pe, open_pe, diode_lost; False: cannot be done here."""


class VehicleUnderTest(Protocol):
    """A vehicle, from where a charger is.

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
        """A socket for SDP: how to answer a sender, and what vehicles ask."""

    def listening(
        self, on_connect: Callable[[Channel], Awaitable[None]], tls: TlsContext | None, port: int | None = None
    ) -> contextlib.AbstractAsyncContextManager[int]:
        """Accepts connections; gives the port."""

    async def plug(self) -> None:
        """Plugs in and brings the link up: the vehicle starts by itself."""

    async def leave(self) -> None:
        """Unplugs and waits until the system is ready for the next case."""

    async def do(self, action: str) -> bool:
        """An action at the vehicle: stop, pause, renegotiate, wake up. False: cannot be done here."""

    def couple(self, evse: Evse) -> None:
        """Connects the tester's simulated output with the vehicle, where that is simulated too."""

    def contactors(self) -> bool | None:
        """Whether its contactors are closed; None: not seen."""

    def measured(self) -> Measured | None:
        """What flows into it, by a device of its own; None: by the tester's plant, where that is coupled."""

    def ended(self) -> bool | None:
        """Whether its session is over; None: not seen."""


@runtime_checkable
class PowerLine(Protocol):
    """A power line to a system under test, from where the tester's modem is.

    Attributes:
        name: for the report.
        pics: of the system.
    """

    name: str
    pics: Pics

    @property
    def link(self) -> Link:
        """To the tester's modem."""

    @property
    def pilot(self) -> Pilot:
        """The tester's end of the control pilot."""

    def second(self) -> Link:
        """To another node of the tester's on the line. Inconclusive: there cannot be one."""

    async def plug(self) -> None:
        """Plugs in as far as the tester's pilot does not, and starts the system."""

    async def do(self, action: str) -> bool:
        """An action of a person. False: cannot be done here."""

    def linked(self) -> bool | None:
        """Whether both modems are in one network; None: only the tester's modem can tell."""


class LineToCharger(PowerLine, Protocol):
    """With a charger at its other end; the tester is the vehicle."""

    @property
    def pilot(self) -> VehiclePilot:
        """The tester's end of the control pilot."""

    def show(self, state: State) -> None:
        """The tester's vehicle shows a state; A: the plug is pulled. Inconclusive: the bench cannot do that."""

    def duty(self) -> float | None:
        """What the charger offers, percent; None: nothing is seen of it."""


class LineToVehicle(PowerLine, Protocol):
    """With a vehicle at its other end; the tester is the charger."""

    @property
    def pilot(self) -> ChargerPilot:
        """The tester's end of the control pilot."""


class ChargerBehindLine(LineToCharger, Protocol):
    """A charger with sessions too, once it was matched."""

    async def session(self) -> ChargerUnderTest:
        """The charger on the network. Inconclusive: there is no way to it."""


class VehicleBehindLine(LineToVehicle, Protocol):
    """A vehicle with sessions too, once it was matched."""

    async def session(self) -> VehicleUnderTest:
        """The vehicle on the network. Inconclusive: there is no way to it."""


Anywhere = ChargerUnderTest | VehicleUnderTest | PowerLine
"""A system under test, whatever the bench reaches of it."""
