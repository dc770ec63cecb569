"""Benches for SLAC cases: our own charger or vehicle on a simulated power line and pilot, in virtual time.

A bench has the tester's end of both: a link that carries management messages, and a pilot.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.cause import Cause
from plugfest.conformance.sut.deeds import act, pulled
from plugfest.conformance.sut.program import Program
from plugfest.conformance.verdict import Inconclusive
from secc.arrivals import Arrivals, LinkLoss
from secc.authorizer import CardReader
from secc.charger import Evse
from secc.supply import AcSupply
from slac import ev, evse
from slac.amp_map import full_power
from slac.errors import PilotLost, SlacError
from slac.ev_options import NotReady, NotRequired, Refused
from slac.host import Host, Rewrites
from slac.link import Link, RawLink
from slac.modem import detect
from slac.pilot import DIGITAL, STEADY, ChargerPilot, Reading, State, VehiclePilot
from slac.pilot_board import CAN_PLUG, VehicleBoard
from slac.pilots import SimulatedPilot
from slac.powerline import Powerline, Station

NOT_READY: Mapping[str, NotReady] = {"retry": "retry", "iterate": "next"}
REFUSED: Mapping[str, Refused] = {"continue": "next", "skip": "skip", "terminate": "end"}
NOT_REQUIRED: Mapping[str, NotRequired] = {"continue": "validate", "skip": "match"}
"""Meanings of the PIXIT ConcurrentValidation, FallbackValidationFailed and FallbackValidationNotRequired."""


EIM_AT_CHARGER = ("beforePlugin", "afterPlugin", "duringSlac")
"""Values of the PICS EIMDone for a charger with its own card reader."""


class _Own:
    """A power line between a vehicle and a charger, one of which is the tester's."""

    def __init__(self, pics: Pics, seed: int) -> None:
        self.pics = pics
        self.rng = random.Random(seed)
        self.line = Powerline(random.Random(seed))
        self.wire = SimulatedPilot(plugged=False)
        self.car: Station = self.line.vehicle("car")
        self.post: Station = self.line.charger("post")
        self.attenuate(20.0)
        self.task: asyncio.Task[Any] | None = None
        self.rewrite: Rewrites = {}

    def attenuate(self, decibels: float | Sequence[float]) -> None:
        """Sets the attenuation of the cable: on average, or in each group."""
        self.line.connect(self.car, self.post, decibels)

    def linked(self) -> bool | None:
        """Whether both modems are in one network."""
        return self.line.linked(self.car, self.post)

    async def stop(self) -> None:
        """Ends the role."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


class OwnSlacCharger(_Own):
    """Our charger, ready for vehicles; the tester is the vehicle."""

    name = "plugfest charger, SLAC in memory"

    def __init__(self, pics: Pics, seed: int) -> None:
        super().__init__(pics, seed)
        how: Any = "auto" if pics["PIXIT_SECC_CMN_CmValidate"] == "cmValidate" else "failure"
        if how == "auto" and pics["PIXIT_SECC_CMN_ArchitectureValidationNotRequired"] is True:
            how = "not required"
        asks = pics["PIXIT_CMN_CMN_CmAmpMap"] is True and pics["PICS_CMN_CMN_InitiateCmAmpMap"] is not True
        self.start = STEADY if pics.ac and pics["PIXIT_SECC_AC_InitialDutyCycle"] == "dc100" else DIGITAL
        self.options = evse.Options(
            validation=how, amplitude_map=full_power() if asks else None,
            repeat_pilot=pics.ac and self.start == DIGITAL,
        )  # fmt: skip
        self.loss: LinkLoss = "B" if pics.ac and pics["PIXIT_SECC_AC_ConnectionLossHandling"] == "optionB" else "A"
        self.reader = CardReader() if pics.ac and pics["PICS_SECC_CMN_EIMDone"] in EIM_AT_CHARGER else None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[OwnSlacCharger]:
        """The charger is ready, with nothing plugged in."""
        async with evse.ready(self.post, self.wire.evse, self.options, rewrite=self.rewrite, rng=self.rng) as charger:
            self.task = asyncio.create_task(self._serve(charger))
            try:
                yield self
            finally:
                await self.stop()

    async def _serve(self, charger: evse.Evse) -> None:
        """Serves one link after the other, without sessions."""
        supply = AcSupply(load=lambda: 0.0)
        plant = Evse(self.wire.evse, ac=supply, authorizer=self.reader) if self.pics.ac else None
        arrivals = Arrivals(charger, plant, start=self.start, loss=self.loss)
        try:
            while True:
                match = await arrivals.link()
                await charger.until_lost(match)
                await arrivals.lost()
        finally:
            await arrivals.stop()

    async def do(self, action: str) -> bool:
        """``authorise``: a card is shown at the charger."""
        if action != "authorise" or self.reader is None:
            return False
        self.reader.accept()
        return True

    @property
    def link(self) -> Station:
        return self.car

    def second(self) -> Station:
        """A vehicle at a neighbouring charger, within crosstalk range."""
        neighbour: Station = self.line.vehicle("neighbour")
        self.line.connect(neighbour, self.post, 30.0)
        return neighbour

    @property
    def pilot(self) -> VehiclePilot:
        return self.wire.ev

    async def plug(self) -> None:
        """Nothing to start: the tester's pilot plugs in."""

    def show(self, state: State) -> None:
        """Sets the tester vehicle's pilot state; A means that the plug is pulled."""
        if state is State.A:
            self.wire.unplug()
            self.wire.ev.set(State.B)
            return
        self.wire.ev.set(state)
        self.wire.plug()

    def duty(self) -> float | None:
        """What the charger offers, seen at its own end, where it is visible even with the plug out."""
        return self.wire.evse.reading.duty


class OwnSlacVehicle(_Own):
    """Our vehicle; the tester is the charger."""

    name = "plugfest vehicle, SLAC in memory"

    def __init__(self, pics: Pics, seed: int) -> None:
        super().__init__(pics, seed)
        how: Any = "always" if pics["PIXIT_EVCC_CMN_CmValidate"] == "cmValidate" else "never"
        asks = pics["PIXIT_CMN_CMN_CmAmpMap"] is True and pics["PICS_CMN_CMN_InitiateCmAmpMap"] is not True
        self.options = ev.Options(
            validation=how, digital=not pics.ac, amplitude_map=full_power() if asks else None, patient=True,
            not_ready=NOT_READY[pics["PIXIT_EVCC_CMN_ConcurrentValidation"]],
            refused=REFUSED[pics["PIXIT_EVCC_CMN_FallbackValidationFailed"]],
            not_required=NOT_REQUIRED[pics["PIXIT_EVCC_CMN_FallbackValidationNotRequired"]],
            silent="next",  # required by CmValidate_009; there is no PIXIT for it
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[OwnSlacVehicle]:
        """The vehicle waits to be plugged in."""
        try:
            yield self
        finally:
            await self.stop()

    @property
    def link(self) -> Station:
        return self.post

    def second(self) -> Station:
        """A second charger beside the tester's first one."""
        neighbour: Station = self.line.charger("neighbour")
        self.line.connect(self.car, neighbour, 30.0)
        return neighbour

    @property
    def pilot(self) -> ChargerPilot:
        return self.wire.evse

    async def do(self, action: str) -> bool:
        """A person has nothing to do here."""
        return False

    async def plug(self) -> None:
        """Plugs in the vehicle, which starts."""
        self.wire.plug()
        self.task = asyncio.create_task(self._match())

    async def _match(self) -> None:
        """Matches, and matches again after each loss of the link, as a vehicle that stays plugged in does."""
        async with Host(self.car, rewrite=self.rewrite) as host:
            modem = await detect(host, timing=self.options.timing, rng=self.rng)
            role = ev.Ev(host, self.wire.ev, modem, self.options, rng=self.rng)
            while True:
                try:
                    found = await role.match()
                except PilotLost:
                    continue
                except SlacError:
                    return
                await role.until_lost(found)
                await role.leave()


class NetworkSlac:
    """A charger or a vehicle on the power line behind an interface.

    Attributes:
        link: the interface's, to the tester's modem.
        pilot: the tester's end, hardware or assumed.
        program: what is started on plug-in.
        pause: s between two cases.
        actions: shell commands for what a person would do, by name.
    """

    name = "on the power line"

    def __init__(
        self,
        link: Link,
        pilot: Any,
        pics: Pics,
        program: Program | None = None,
        pause: float = 5.0,
        actions: Mapping[str, str] | None = None,
    ) -> None:
        self.link, self.pilot, self.pics = link, pilot, pics
        self.program, self.pause = program or Program(), pause
        self.actions = actions or {}
        self._links = [link]

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[NetworkSlac]:
        """The program may run while the context is open; then the link is closed."""
        try:
            yield self
        finally:
            await self.program.stop()
            for link in self._links:
                link.close()
            await asyncio.sleep(self.pause)

    def second(self) -> Link:
        """Another node behind the tester's modem, with its own address.

        Raises:
            Inconclusive: this interface cannot have two.
        """
        if not isinstance(self.link, RawLink):
            raise Inconclusive("this bench has no second node on the line", cause=Cause.NO_HARDWARE)
        # Locally administered, and as permanent as the first one, because a charger may remember it.
        address = bytes([(self.link.mac[0] | 2) & 0xFE]) + self.link.mac[1:5] + bytes([self.link.mac[5] ^ 0x55])
        node = RawLink(self.link.name, address=address)
        self._links.append(node)
        return node

    async def do(self, action: str) -> bool:
        """Runs the command of an action; False: there is none."""
        return await act(self.actions, action)

    async def plug(self) -> None:
        """Plugs in if there is an action for that, and starts the program, if there is one."""
        await self.do("plug")
        await self.program.start()

    def linked(self) -> bool | None:
        """Unknown here; only the tester's modem can tell."""
        return None

    def show(self, state: State) -> None:
        """The tester's vehicle.

        Raises:
            Inconclusive: the bench cannot pull the plug.
        """
        board = self.pilot if isinstance(self.pilot, VehicleBoard) and CAN_PLUG in self.pilot.can else None
        if state is not State.A:
            if board is not None and board.state is State.A:
                board.plug()
            self.pilot.set(state)
        elif board is not None:
            board.plug(False)
        elif not pulled(self.actions):
            text = "the connector cannot be unplugged on this bench; name a command with --action unplug=COMMAND"
            raise Inconclusive(text, cause=Cause.NO_ACTION)

    def duty(self) -> float | None:
        """What the tester's end of the pilot sees; None with the connector pulled."""
        reading: Reading = self.pilot.reading
        return None if reading.state is State.A else reading.duty
