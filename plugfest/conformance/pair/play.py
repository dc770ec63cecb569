"""One of both ends is ours, on a real interface: the person plugs it in and does what is to be done at the other.

The control pilot is assumed, the battery or the output simulated. Scenarios over TLS need a PKI that the other end
trusts.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evcc.charge import Search
from plugfest.conformance.pair.evidence import Act, Port
from plugfest.conformance.pair.own import OWN_ACTS, OwnPair, policy
from plugfest.conformance.pair.prepare import described, secure, unprepared
from plugfest.conformance.pair.scenario import Do, Scenario
from plugfest.conformance.pair.words import ACTS
from plugfest.conformance.sut.certificates import of_directory
from plugfest.traces.recording import from_events
from slac.pilot import STEADY
from slac.pilots import AssumedChargerPilot, AssumedVehiclePilot, SimulatedPilot
from v2g import channel, discovery, interfaces
from v2g.trace import Event, Observe, fan_out

Side = Literal["evcc", "secc"]

BOTH = ("plug", "unplug")
"""Acts of the person that our end has to know of."""


class AssumedWire(SimulatedPilot):
    """A pilot wire of which each end sees what the protocol asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.plugged = False
        self.ev = AssumedVehiclePilot()
        self.evse = AssumedChargerPilot()

    def plug(self) -> None:
        self.plugged = True

    def unplug(self) -> None:
        self.plugged = False


def impossible(scenario: Scenario, played: Played) -> str:
    """What of a scenario our end cannot do, in words, or ""."""
    side = played.side
    if scenario.ports > 1:
        return "one end is ours, and the scenario needs several ports"
    if unprepared(scenario):
        return "with something that our own roles do not have: record the line instead"
    if described(scenario).secure and played.pki is None:
        return "over TLS, which needs --pki DIR: certificates that the other end trusts"
    wrong = [step.act for step in scenario.steps if isinstance(step, Do) and _ours(step, side)]
    missing = next((act for act in wrong if act not in OWN_ACTS), "")
    return f"our end cannot do it: {ACTS[missing][1].format('...', '...')}" if missing else ""


def _ours(step: Do, side: Side) -> bool:
    return ACTS[step.act][0] == side


@dataclass
class End:
    """Our end in one scenario.

    Attributes:
        pair: both of our roles, of which one is used.
        events: what it heard and said.
    """

    side: Side
    pair: OwnPair
    events: list[Event]

    def does(self, step: Do) -> bool:
        """Whether an act is ours, and not the person's."""
        return _ours(step, self.side)

    async def do(self, step: Do) -> None:
        """Does an act, or takes note that the person has plugged or unplugged."""
        if not (self.does(step) or step.act in BOTH):
            return
        if step.act == "plug" and self.side == "secc":
            self.pair.charger.wire.plug()
            self.pair.evse.pilot.offer(5.0)
        elif step.act == "unplug" and self.side == "secc":
            self.pair.evse.pilot.offer(STEADY)
            self.pair.reader.left()
        else:
            await self.pair.do(step.act, step.value)

    def port(self, acts: Sequence[Act], until: float) -> Port:
        """What was heard so far, as evidence."""
        epoch = time.time() - asyncio.get_running_loop().time()
        return Port(from_events(list(self.events), role=self.side, epoch=epoch), acts, until)


@dataclass(frozen=True)
class Played:
    """Which end is ours, and where; and the PKI directory that the other end trusts, if any."""

    side: Side
    interface: str
    pki: Path | None = None

    @contextlib.asynccontextmanager
    async def open(self, scenario: Scenario, observe: Observe, seed: int) -> AsyncIterator[End]:
        """Our end, while the context is open.

        Raises:
            SetupError: the interface or the PKI cannot be used.
        """
        setting = described(scenario)
        if setting.secure and self.pki is not None:
            bench = of_directory(self.pki, "iso20" if setting.iso20 else "iso2")
            secure(setting, bench, vehicle=self.side == "evcc", charger=self.side == "secc")
        interface = await interfaces.usable(self.interface)
        events: list[Event] = []
        hear = fan_out(events.append, observe)
        pair = OwnPair(setting, hear if self.side == "evcc" else _nothing, seed, wire=AssumedWire())
        pair.options.now = pair.charger.options.now = time.time  # certificates of real ends are valid today
        if self.side == "evcc":
            pair.vehicle.sense = None
            pair.search = Search(
                interface,
                tls=policy(setting),
                context=setting.client,
                discover=discovery.discover,
                connect=channel.connect,
            )
            async with pair.open():
                yield End(self.side, pair, events)
            return
        assert pair.charger.power is not None
        pair.charger.power.load = None
        pair.charger.options.observe = hear
        outlet = pair.charger.outlet
        outlet.interface, outlet.listen, outlet.answer_on = interface, channel.listening, discovery.answering
        async with pair.open():
            yield End(self.side, pair, events)


def _nothing(event: Event) -> None:
    """Our unused end is not heard."""
