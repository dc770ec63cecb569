"""The parts of a bench that the controls can reach; one that this bench does not have is `NotPossible`."""

from __future__ import annotations

from dataclasses import dataclass

from evcc.vehicle import Vehicle
from secc.charger import Evse, simulated
from secc.outlet import Outlet
from secc.simulated import SimulatedPowerSource
from secc.supply import AcSupply
from slac.pilots import SimulatedPilot


class NotPossible(Exception):
    """The bench cannot do this, or there is nothing to do; the text says why."""


@dataclass
class Parts:
    """The plants, and what connects them.

    Attributes:
        vehicle, evse: the plants of this bench; None if the other side is real.
        wire: the cable, if it is simulated. outlet: where the charger serves vehicles, if it handles pauses.
    """

    vehicle: Vehicle | None = None
    evse: Evse | None = None
    wire: SimulatedPilot | None = None
    outlet: Outlet | None = None

    @property
    def car(self) -> Vehicle:
        if self.vehicle is None:
            raise NotPossible("there is no vehicle on this bench")
        return self.vehicle

    @property
    def station(self) -> Evse:
        if self.evse is None:
            raise NotPossible("there is no charger on this bench")
        return self.evse

    @property
    def cable(self) -> SimulatedPilot:
        if self.wire is None:
            raise NotPossible("this bench has no simulated cable; plug or unplug by hand")
        return self.wire

    @property
    def output(self) -> SimulatedPowerSource:
        power = simulated(self.station)
        if power is None:
            raise NotPossible("the charger has no simulated DC output")
        return power

    @property
    def supply(self) -> AcSupply:
        if (supply := self.station.ac) is None:
            raise NotPossible("the charger has no AC side")
        return supply
