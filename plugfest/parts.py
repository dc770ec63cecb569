"""The parts of a bench that the controls can reach; one that this bench does not have is `NotPossible`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from evcc.vehicle import Vehicle
from secc.charger import Evse, simulated
from secc.outlet import Outlet
from secc.simulated import SimulatedPowerSource
from secc.supply import AcSupply
from slac.pilots import SimulatedPilot

T = TypeVar("T")


class NotPossible(Exception):
    """The bench cannot do this, or there is nothing to do; the text says why."""


def _needed(part: T | None, without: str) -> T:
    if part is None:
        raise NotPossible(without)
    return part


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
        return _needed(self.vehicle, "there is no vehicle on this bench")

    @property
    def station(self) -> Evse:
        return _needed(self.evse, "there is no charger on this bench")

    @property
    def cable(self) -> SimulatedPilot:
        return _needed(self.wire, "this bench has no simulated cable; plug or unplug by hand")

    @property
    def output(self) -> SimulatedPowerSource:
        return _needed(simulated(self.station), "the charger has no simulated DC output")

    @property
    def supply(self) -> AcSupply:
        return _needed(self.station.ac, "the charger has no AC side")
