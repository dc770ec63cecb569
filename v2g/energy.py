"""The services of ISO 15118-20 as data: what each transfers, and what its parameter sets say.

A parameter set maps parameter names to numbers. Readers take what they need and ignore the rest: sets in the field lack
parameters, contain unknown ones, or name one twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from v2g.messages.iso20 import common
from v2g.protocols import Energy

SCHEDULED, DYNAMIC = 1, 2
"""ControlMode: the vehicle decides within a schedule, or the charger within the vehicle's needs."""

BY_VEHICLE, BY_CHARGER = 1, 2
"""MobilityNeedsMode: which side names departure and state of charge; the charger may only do so in dynamic mode."""

SINGLE_PHASE, THREE_PHASE, THREE_PHASE_MISNAMED = 1, 2, 3
"""Connector of AC; one stack sends 3 for three phases."""

DC_EXTENDED = 2
"""Connector of DC: the larger pins of a combined coupler."""

NO_PRICES, ABSOLUTE_PRICES, PRICE_LEVELS = 0, 1, 2
"""Pricing."""

UNIFIED, SEPARATED = 1, 2
"""BPTChannel: one path for both directions, or one for each; then a change of direction needs a PowerDelivery."""

GRID_FOLLOWING, GRID_FORMING = 1, 2
"""GeneratorMode."""

ACTIVE, PASSIVE = 1, 2
"""GridCodeIslandingDetectionMethod; only in AC."""

MISNAMED = {"DetectionMethodGridCodeIslanding": "GridCodeIslandingDetectionMethod"}
"""Wrong parameter names of stacks in the field -> the correct name."""


@dataclass(frozen=True, slots=True)
class EnergyService:
    """An energy transfer service.

    Attributes:
        number: ServiceID.
        title: its usual name.
        energy: AC or DC messages.
        bidirectional: its messages have the BPT members.
    """

    number: int
    title: str
    energy: Energy
    bidirectional: bool = False


AC = EnergyService(1, "AC", "AC")
DC = EnergyService(2, "DC", "DC")
AC_BPT = EnergyService(5, "AC_BPT", "AC", bidirectional=True)
DC_BPT = EnergyService(6, "DC_BPT", "DC", bidirectional=True)
MCS = EnergyService(8, "MCS", "DC")
MCS_BPT = EnergyService(9, "MCS_BPT", "DC", bidirectional=True)

SERVICES: Mapping[int, EnergyService] = {s.number: s for s in (AC, DC, AC_BPT, DC_BPT, MCS, MCS_BPT)}
"""The services by ServiceID; wireless and pantograph services are not covered."""

BY_TITLE: Mapping[str, EnergyService] = {s.title: s for s in SERVICES.values()}
"""The services by title."""


def title(number: int) -> str:
    """A ServiceID in readable form."""
    return f"{SERVICES[number].title} ({number})" if number in SERVICES else f"service {number}"


FIRST_VALUE_ADDED = 64
"""ServiceIDs from here on are value added services."""
INTERNET, PARKING = 65, 66
"""ServiceIDs of the value added services that the standard defines: Internet and ParkingStatus."""
CHECK_IN, CHECK_OUT = 1, 2
"""IntendedService of a parameter set of ParkingStatus."""


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """What one parameter set of an energy service says.

    Attributes:
        number: ParameterSetID; no order is implied.
        dynamic: ControlMode.
        connector: Connector; 0 if not given.
        by_charger: MobilityNeedsMode is 2.
        nominal_voltage: line to neutral, V; 0 in DC or if not given.
        pricing: Pricing.
        channel, generator, islanding: BPTChannel, GeneratorMode and GridCodeIslandingDetectionMethod; 0 in services
            that only charge, or if not given.
    """

    number: int
    dynamic: bool
    connector: int = 0
    by_charger: bool = False
    nominal_voltage: int = 0
    pricing: int = NO_PRICES
    channel: int = 0
    generator: int = 0
    islanding: int = 0

    @property
    def separated(self) -> bool:
        """Whether each direction has its own path."""
        return self.channel == SEPARATED

    @property
    def phases(self) -> int:
        """Number of phases of an AC connector."""
        return 3 if self.connector in (THREE_PHASE, THREE_PHASE_MISNAMED) else 1

    def element(self) -> common.ParameterSetType:
        """The parameter set as it is sent."""
        values = {
            "Connector": self.connector,
            "ControlMode": DYNAMIC if self.dynamic else SCHEDULED,
            "EVSENominalVoltage": self.nominal_voltage or None,
            "MobilityNeedsMode": BY_CHARGER if self.by_charger else BY_VEHICLE,
            "Pricing": self.pricing,
            "BPTChannel": self.channel or None,
            "GeneratorMode": self.generator or None,
            "GridCodeIslandingDetectionMethod": self.islanding or None,
        }
        named = [common.ParameterType(Name=name, intValue=v) for name, v in values.items() if v is not None]
        return common.ParameterSetType(ParameterSetID=self.number, Parameter=named)


@dataclass(frozen=True, slots=True)
class Control:
    """What ServiceSelection chose; valid to the end of the session, also across a pause.

    Attributes:
        service: the energy transfer service.
        chosen: its parameter set.
    """

    service: EnergyService
    chosen: ParameterSet

    @property
    def dynamic(self) -> bool:
        """Whether the charger decides on power, within the vehicle's limits."""
        return self.chosen.dynamic

    @property
    def bidirectional(self) -> bool:
        """Whether power may flow out of the vehicle and messages have BPT members: the service decides that."""
        return self.service.bidirectional


def read(element: common.ParameterSetType) -> ParameterSet | None:
    """Reads a parameter set; None if it has no valid ControlMode. If a parameter is named twice, the first counts."""
    said: dict[str, int] = {}
    for parameter in element.Parameter:
        if parameter.intValue is not None:
            said.setdefault(MISNAMED.get(parameter.Name, parameter.Name), parameter.intValue)
    if said.get("ControlMode") not in (SCHEDULED, DYNAMIC):
        return None
    return ParameterSet(
        element.ParameterSetID,
        said["ControlMode"] == DYNAMIC,
        said.get("Connector", 0),
        said.get("MobilityNeedsMode") == BY_CHARGER,
        said.get("EVSENominalVoltage", 0),
        said.get("Pricing", NO_PRICES),
        said.get("BPTChannel", 0),
        said.get("GeneratorMode", 0),
        said.get("GridCodeIslandingDetectionMethod", 0),
    )
