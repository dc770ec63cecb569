"""Both roles on one simulated cable and an in-memory link: what session tests start from."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from evcc import charge as evcc
from evcc.battery import Battery
from evcc.vehicle import OnboardCharger, Settings, Vehicle
from secc import serve as secc
from secc.authorizer import Authorizer
from secc.charger import Evse
from secc.pauses import Paused
from secc.power import Limits
from secc.simulated import Dynamics, SimulatedPowerSource
from secc.supply import AcSupply
from slac.connector import power_class
from slac.pilots import SimulatedPilot
from v2g.channel import Channel
from v2g.memory_link import memory_pair
from v2g.outcome import Outcome
from v2g.protocols import DIN, ISO2, ISO20, Protocol
from v2g.reading import body_of
from v2g.trace import Event

MODES: dict[str, tuple[Protocol, bool]] = {"din": (DIN, False), "iso2-dc": (ISO2, False), "iso2-ac": (ISO2, True)}
ISO20_MODES: dict[str, tuple[Protocol, bool]] = {
    "iso20-dc": (ISO20, False),
    "iso20-ac": (ISO20, True),
    "iso20-dc-bpt": (ISO20, False),
    "iso20-ac-bpt": (ISO20, True),
}
"""Name -> protocol and whether it is AC; in those with ``bpt`` both sides can give back."""

LOOP = {"din": "CurrentDemandReq", "iso2-dc": "CurrentDemandReq", "iso2-ac": "ChargingStatusReq"}


@dataclass
class Bench:
    """A vehicle plugged into a charger.

    Attributes:
        mode: key of :data:`MODES`.
        seed: of ids and noise.
        ev, se: options of the roles; ``ev.rewrite`` and ``se.rewrite`` are the seams.
        events: what the vehicle (``ev``) and the charger (``se``) observed.
    """

    mode: str = "iso2-dc"
    seed: int = 1
    soc: float = 0.2
    duration: float | None = 2.0
    tolerant: bool = True
    authorizer: Authorizer | None = None
    test_seconds: float = 1.0
    events: dict[str, list[Event]] = field(default_factory=lambda: {"ev": [], "se": []})
    paused: dict[bytes, Paused] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.protocol, self.ac = {**MODES, **ISO20_MODES}[self.mode]
        rng = random.Random(self.seed)
        self.wire = SimulatedPilot(plugged=True)
        self.battery = Battery(soc=self.soc)
        self.bpt = self.mode.endswith("-bpt")
        self.supply = AcSupply(max_discharge_current=20.0 if self.bpt else 0.0) if self.ac else None
        # The output could always take power back; by the service that is offered it may.
        rating = replace(Limits.of(power_class(150)), max_discharge_current=200.0, max_discharge_power=60_000.0)
        self.power = (
            None if self.ac else SimulatedPowerSource(rating, Dynamics(test_seconds=self.test_seconds), rng=rng)
        )
        self.evse = Evse(self.wire.evse, power=self.power, ac=self.supply, authorizer=self.authorizer)
        self.evse.bidirectional = self.bpt
        onboard = OnboardCharger(max_discharge_current=16.0, min_discharge_current=6.0) if self.bpt else None
        self.vehicle = Vehicle(self.wire.ev, self.battery, settings=Settings(loop_delay=0.1), onboard=onboard)
        if self.power is not None:
            power = self.power
            power.load = self.vehicle.load
            self.vehicle.sense = lambda: (power.voltage, power.current)
        if self.supply is not None:
            self.supply.load = lambda: self.vehicle.ac_current
            self.supply.load_reactive = lambda: self.vehicle.ac_reactive
        self.evse.pilot.offer(5.0)
        self.ev = evcc.Options(
            protocols=(self.protocol,), ac=self.ac, bpt=self.bpt, duration=self.duration, tolerant=self.tolerant,
            observe=self.events["ev"].append, any_transport=True,
        )  # fmt: skip
        self.se = secc.Options(
            protocols=(self.protocol,), tolerant=self.tolerant, observe=self.events["se"].append, rng=rng,
            any_transport=True,
            now=lambda: 1_700_000_000 + asyncio.get_running_loop().time(),
        )  # fmt: skip

    async def run(self, during: Callable[[Bench], Any] | None = None) -> tuple[Outcome, Outcome]:
        """One session to its end: outcomes of vehicle and charger. ``during`` runs beside it."""
        self.evse.pilot.offer(5.0)
        charger_end, vehicle_end = await memory_pair()
        charger = asyncio.create_task(secc.serve(charger_end, self.evse, self.se, paused=self.paused))
        side = asyncio.create_task(during(self)) if during else None
        vehicle = await evcc.charge(vehicle_end, self.vehicle, self.ev)
        outcome = await charger
        if side is not None:
            side.cancel()
            await asyncio.gather(side, return_exceptions=True)
        return vehicle, outcome

    async def charger_alone(self) -> tuple[Channel, asyncio.Task[Outcome]]:
        """Only the charger: the vehicle's end of the link, and the charger's task."""
        charger_end, vehicle_end = await memory_pair()
        return vehicle_end, asyncio.create_task(secc.serve(charger_end, self.evse, self.se, paused=self.paused))

    async def vehicle_alone(self) -> tuple[Channel, asyncio.Task[Outcome]]:
        """Only the vehicle: the charger's end of the link, and the vehicle's task."""
        charger_end, vehicle_end = await memory_pair()
        return charger_end, asyncio.create_task(evcc.charge(vehicle_end, self.vehicle, self.ev))

    def names(self, side: str = "ev") -> list[str]:
        """Messages in order, as one side saw them."""
        return [e.name for e in self.events[side] if e.layer == "message"]

    def messages(self, name: str, side: str = "ev", *, stream: int | None = None) -> list[Any]:
        """The messages of a name without their envelope, as one side saw them; of one stream or of all."""
        return [
            body_of(event.message)
            for event in self.events[side]
            if event.layer == "message" and event.name == name and stream in (None, event.stream)
        ]

    @property
    def safe(self) -> bool:
        """Nothing is energised, nothing connected, at either end."""
        return not self.evse.energised and not self.vehicle.contactors.closed


COMBINATIONS = list(itertools.product(ISO20_MODES, ("scheduled", "dynamic")))
"""Modes of ISO 15118-20, each with who decides on power."""


def iso20_bench(mode: str, control: str, **options: Any) -> Bench:
    """A bench of one of the :data:`COMBINATIONS`, or with ``any`` control."""
    made = Bench(mode, **options)
    made.ev.control = control  # type: ignore[assignment]  # a text of the parameters, one of the literals
    return made


async def message_seen(bench: Bench, name: str, count: int = 1, side: str = "ev") -> None:
    """Waits until a message has been seen so many times."""
    while bench.names(side).count(name) < count:  # noqa: ASYNC110 - a trace has no event to wait for
        await asyncio.sleep(0.01)
