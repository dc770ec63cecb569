"""Systems under test behind a network interface: a charger that answers there, or a vehicle that looks for a charger.

A `Reach` says how to reach it: the interface or an address, the control pilot, and whether modems must be matched
first. The bench supplies the pilot; without hardware its state is assumed, and what it would have shown is not judged.
A command can replace plugging in: it is started at that point and ended when the case is over. Simulators are tested
this way.

Between two cases the system is returned to a known state: the tester's pilot goes to B or, at a vehicle, through F; the
tester leaves the power line network, and the next case matches again; the connector is pulled out if an action
``unplug`` can do that (``plug`` puts it back); then the declared wait follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any

from plugfest import pilots
from plugfest.conformance.cause import Cause
from plugfest.conformance.stops import cause_of
from plugfest.conformance.sut.deeds import act, pulled, succeeds
from plugfest.conformance.sut.meter import Meter
from plugfest.conformance.sut.program import Program
from plugfest.conformance.sut.reach import Reach
from plugfest.conformance.verdict import Inconclusive
from plugfest.conformance.watch.flow import Measured
from secc.charger import Evse
from slac import ev, evse
from slac.errors import MatchFailed, ModemError, PilotLost
from slac.host import Host
from slac.link import open_link
from slac.modem import NoModem, detect
from slac.pilot import CONNECTED, STEADY, ChargerPilot, State, VehiclePilot
from slac.pilot_open import open_charger_pilot, open_vehicle_pilot
from slac.pilots import AssumedChargerPilot, AssumedVehiclePilot
from v2g import discovery, interfaces
from v2g.channel import Channel, connect, listening
from v2g.discovery import Address
from v2g.errors import SetupError
from v2g.interfaces import Interface
from v2g.trace import Observe, fan_out, ignore

if TYPE_CHECKING:
    from v2g.tls import Context as TlsContext


def _reader(sock: socket.socket, queue: asyncio.Queue[tuple[bytes, Address]]) -> Callable[[], None]:
    def read() -> None:
        with contextlib.suppress(OSError):
            data, sender = sock.recvfrom(4096)
            queue.put_nowait((data, sender))

    return read


COMES_BACK = 60.0
"""s for which a case waits for an interface without carrier: chargers drop the carrier when they restart."""

MATCH_WITHIN = 90.0
"""s until a match exists: TT_matching_repetition, plus what a modem and a 5 % duty cycle need before it."""

_F = 4.0
"""s in F between two cases with a vehicle (ISO 15118-3 T_step_EF)."""


@dataclass
class _Network:
    """What both kinds of system have in common.

    Attributes:
        reach: how to get there. program: what is started on plug-in.
        pause: s between two cases. actions: shell commands for what a person would do: ``authorise``, ``stop``,
            ``unplug``, ``plug`` ...; and ``measure``, which prints what flows as long as it runs, see :mod:`.meter`.
        observe: receives the events of the power line and the pilot.
        behind_line: the power line in front of it handles plugging in and leaving.
        meter: the measuring device.
    """

    reach: Reach
    program: Program = field(default_factory=Program)
    pause: float = 5.0
    actions: Mapping[str, str] = field(default_factory=dict)
    observe: Observe = ignore
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    name: str = ""
    behind_line: bool = False
    meter: Meter = field(default_factory=Meter)
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    def __post_init__(self) -> None:
        self.meter = Meter(self.actions.get("measure", ""))

    def measured(self) -> Measured | None:
        """What flows between vehicle and charger, if a device measures it."""
        return self.meter.measured()

    @property
    def address(self) -> IPv6Address:
        """The tester's own."""
        return self.interface.address

    @property
    def interface(self) -> Interface:
        """Inconclusive: there is no interface, only an address."""
        if not self.reach.interface:
            raise Inconclusive("the case needs the network interface, not just an address", cause=Cause.INTERFACE)
        return interfaces.find(self.reach.interface)

    async def _there(self) -> None:
        """Waits for the interface if it is down.

        Raises:
            SetupError: it does not come back, or the address cannot be used.
        """
        if self.reach.interface:
            await interfaces.usable(self.reach.interface, COMES_BACK)
        self.reach.check()

    async def _host(self) -> tuple[Host, Any]:
        """The power line, and the modem on it."""
        link = open_link(self.reach.interface)
        self._stack.callback(link.close)
        host = await self._stack.enter_async_context(Host(link, observe=self.observe))
        return host, await detect(host, rng=self.rng) if self.reach.modem else NoModem(host)

    async def _plugged(self) -> bool:
        """Starts the program and plugs in; False: the power line in front of it handles plugging in."""
        await self.program.start()
        if not self.behind_line:
            await self.do("plug")
        return not self.behind_line

    async def _match(self, side: ev.Ev | evse.Evse, whom: str) -> None:
        """Matches with ``whom``, the peer at the other end.

        Raises:
            Inconclusive: there was no match.
        """
        try:
            async with asyncio.timeout(MATCH_WITHIN):
                await side.match()
        except TimeoutError:
            text = f"no {whom} matched within {MATCH_WITHIN:g} s; the pilot shows {side.pilot.reading.label}"
            raise Inconclusive(text, cause=Cause.NOT_MATCHED) from None
        except (MatchFailed, PilotLost, ModemError) as why:
            raise Inconclusive(f"no {whom} was matched: {why}", cause=cause_of(why)) from why

    async def _end(self) -> None:
        """Unplugs, as far as the bench can, and gets ready for the next case."""
        await self.do("unplug")
        await self.program.stop()
        await self._stack.aclose()

    async def do(self, action: str) -> bool:
        return await act(self.actions, action)

    def unplug(self) -> bool:
        """Pulls out the connector, if there is a command for that; True: it is out."""
        return pulled(self.actions)


@dataclass
class NetworkCharger(_Network):
    """A charger on a link. Attributes as in :class:`_Network`, and ``pilot``: the vehicle's end."""

    pilot: VehiclePilot = field(default_factory=AssumedVehiclePilot)
    name: str = "charger"
    _side: ev.Ev | None = None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[NetworkCharger]:
        """Pilot and program are available while the context is open.

        Raises:
            SetupError, PilotError: interface or pilot cannot be used.
        """
        await self._there()
        try:
            if self.reach.pilot != "assumed":
                await self.program.start()  # a simulated pilot is the charger's
                self.pilot = await self._stack.enter_async_context(open_vehicle_pilot(self.reach.pilot))
                self._stack.callback(pilots.tell(self.pilot, self.observe))
            await self.meter.start()
            yield self
        finally:
            await self.meter.stop()
            await self.program.stop()
            await self._stack.aclose()

    @property
    def endpoint(self) -> tuple[str, int] | None:
        """Address and port used instead of SDP."""
        return (self.reach.address, self.reach.port) if self.reach.address else None

    @contextlib.contextmanager
    def sdp(self, to: IPv6Address | None = None) -> Iterator[Any]:
        if self.endpoint is not None:
            raise Inconclusive("the charger's address is given: SDP is not tested", cause=Cause.INTERFACE)
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[bytes, Address]]()
        interface = self.interface
        target = discovery.place_of(interface, to)
        with discovery.asking_socket(interface) as sock:

            def send(data: bytes) -> None:
                try:
                    sock.sendto(data, target)
                except OSError as why:
                    raise SetupError(f"cannot send on {interface.name}: {why.strerror}") from why

            loop.add_reader(sock, _reader(sock, queue))
            try:
                yield send, queue
            finally:
                loop.remove_reader(sock)

    async def connect(self, address: IPv6Address, port: int, tls: TlsContext | None) -> Channel:
        if self.endpoint is not None:
            text, port = self.endpoint
            scoped = self.interface if text.lower().startswith("fe80:") else None
            return await connect(text, port, scoped, tls, self.observe)
        scope = self.interface if address.is_link_local else None
        return await connect(str(address), port, scope, tls, self.observe)

    async def plug(self) -> None:
        """Starts the program, plugs in, and matches.

        Raises:
            Inconclusive: no charger was matched.
        """
        if not await self._plugged() or not self.reach.slac:
            return
        host, modem = await self._host()
        self._side = ev.Ev(host, self.pilot, modem, rng=self.rng)
        await self._match(self._side, "charger")
        await interfaces.usable(self.reach.interface)

    async def leave(self) -> None:
        if self.behind_line:
            await self.program.stop()
            return
        if self._side is not None:
            side, self._side = self._side, None
            await side.leave()
        await self._end()
        await asyncio.sleep(self.pause)

    def energised(self) -> bool | None:
        return None

    def load(self, voltage: float | None) -> None:
        """Does nothing: the battery is whatever the bench has connected."""

    def fault(self, name: str) -> bool:
        """Runs the command ``short_cp_pe``, ``open_pe`` or ``diode_lost``, if there is one."""
        command = self.actions.get(name)
        return command is not None and succeeds(command)


@dataclass
class NetworkVehicle(_Network):
    """A vehicle on a link. Attributes as in :class:`_Network`, and ``pilot``: the charger's end."""

    pilot: ChargerPilot = field(default_factory=AssumedChargerPilot)
    pause: float = 2.0
    name: str = "vehicle"
    _side: evse.Evse | None = None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[NetworkVehicle]:
        """While the context is open, the pilot is available and, with SLAC, the modem has a new key.

        Raises:
            SetupError, PilotError, ModemError: interface, pilot or modem cannot be used.
        """
        await self._there()
        try:
            if self.reach.pilot != "assumed":
                self.pilot = await self._stack.enter_async_context(open_charger_pilot(self.reach.pilot))
                self._stack.callback(pilots.tell(self.pilot, self.observe))
            if self.reach.slac:
                host, modem = await self._host()
                side = evse.Evse(host, self.pilot, modem, rng=self.rng)
                self._side = await self._stack.enter_async_context(side)
                await interfaces.usable(self.reach.interface)
            await self.meter.start()
            yield self
        finally:
            await self.meter.stop()
            await self.program.stop()
            await self._stack.aclose()

    @contextlib.contextmanager
    def answering(self) -> Iterator[Any]:
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[bytes, Address]]()
        interface = self.interface
        with discovery.answering_socket(interface) as sock:
            loop.add_reader(sock, _reader(sock, queue))
            try:
                yield lambda data, to: sock.sendto(data, to), queue
            finally:
                loop.remove_reader(sock)

    def listening(
        self, on_connect: Callable[[Channel], Awaitable[None]], tls: TlsContext | None, port: int | None = None
    ) -> contextlib.AbstractAsyncContextManager[int]:
        return listening(
            self.interface, on_connect, port=port or self.reach.port or None, context=tls, observe=self._told(tls),
            rng=self.rng,
        )  # fmt: skip

    def _told(self, tls: TlsContext | None) -> Observe:
        """Steps of TLS go to the observer of the context too, which cases set to see them."""
        return self.observe if tls is None else fan_out(self.observe, lambda event: tls.observe(event))

    async def plug(self) -> None:
        """Starts the program, plugs in, offers 5 %, and matches.

        Raises:
            Inconclusive: no vehicle was matched.
        """
        if await self._plugged() and self._side is not None:
            await self._match(self._side, "vehicle")

    async def leave(self) -> None:
        """A vehicle that is still plugged in sees F, and then no offer; the network gets another key."""
        if self.behind_line:
            await self.program.stop()
            return
        if self.pilot.state in CONNECTED:
            self.pilot.fault(State.F)
            await asyncio.sleep(_F)
        if self.reach.pilot != "assumed":
            self.pilot.offer(STEADY)
        if self._side is not None:
            side, self._side = self._side, None
            with contextlib.suppress(ModemError):  # the next case reports it
                await side.leave()
        await self._end()
        await asyncio.sleep(self.pause)

    def couple(self, evse: Evse) -> None:
        """Does nothing: the tester's output is not connected to anything."""

    def contactors(self) -> bool | None:
        return None

    def ended(self) -> bool | None:
        return self.program.ended if self.program.command else None
