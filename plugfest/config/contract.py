"""The keys of the bench file about services, schedules with prices, and payment by contract."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from plugfest.config.actions import Section

Payment = Literal["auto", "contract", "external"]
Whole = Annotated[int, Meta(ge=0)]
NotNegative = Annotated[float, Meta(ge=0.0)]
Identifier = Annotated[int, Meta(ge=0, le=65535)]


class Slot(Section, kw_only=True, frozen=True):
    """Part of a power schedule."""

    start: Annotated[int, Meta(ge=0, description="seconds after the schedule begins")]
    power: Annotated[float, Meta(ge=0.0, description="kW")]


class Price(Section, kw_only=True, frozen=True):
    """What energy costs from a time on."""

    start: Annotated[int, Meta(ge=0, description="seconds after the schedule begins")]
    level: Annotated[int, Meta(ge=1, le=255, description="EPriceLevel; 1 is the cheapest")]
    percent: Annotated[Whole | None, Meta(description="relativePricePercentage, %")] = None
    renewable: Annotated[Whole | None, Meta(description="RenewableGenerationPercentage, %")] = None
    carbon: Annotated[Whole | None, Meta(description="CarbonDioxideEmission, g/kWh")] = None


class Fee(Section, kw_only=True, frozen=True):
    """An absolute price from a time on, for a range of power (ISO 15118-20)."""

    start: Annotated[int, Meta(ge=0, description="seconds after the schedule begins; power ranges share one")] = 0
    fee: Annotated[float, Meta(description="EnergyFee, per kWh; energy given back is credited at this rate")]
    above: Annotated[float, Meta(ge=0.0, description="PowerRangeStart, kW")] = 0.0
    parking: Annotated[float | None, Meta(description="ParkingFee, per period")] = None
    parking_period: Annotated[Whole | None, Meta(description="ParkingFeePeriod, s")] = None


class Plan(Section, kw_only=True, frozen=True):
    """One of the schedules that a charger offers in ISO 15118-2 and ISO 15118-20."""

    schedule: Annotated[list[Slot], Meta(description="power limits, first start 0; by default charger.schedule")] = []
    prices: Annotated[list[Price], Meta(description="SalesTariff or price levels, first start 0")] = []
    description: Annotated[str, Meta(max_length=32, description="SalesTariffDescription")] = ""
    fees: Annotated[list[Fee], Meta(description="ISO 15118-20: absolute prices, first start 0")] = []
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="of fees")] = "EUR"
    tax: Annotated[float, Meta(ge=0.0, description="ISO 15118-20: tax rate added to fees, %")] = 0.0
    minimum_cost: Annotated[float | None, Meta(description="ISO 15118-20: MinimumCost")] = None
    maximum_cost: Annotated[float | None, Meta(description="ISO 15118-20: MaximumCost")] = None
    tolerance: Annotated[NotNegative | None, Meta(description="ISO 15118-20: PowerTolerance, kW")] = None
    available: Annotated[NotNegative | None, Meta(description="ISO 15118-20: AvailableEnergy, kWh")] = None
    discharge: Annotated[
        list[Slot],
        Meta(description="with bpt: limits of power out of the car, first start 0; by default the charger's maximum"),
    ] = []
    discharge_fees: Annotated[list[Fee], Meta(description="with bpt: prices paid for that, first start 0")] = []


class Service(Section, kw_only=True, frozen=True):
    """A service besides charging (ISO 15118-2)."""

    id: Annotated[Identifier, Meta(description="ServiceID; use 60000 and above for your own")]
    name: Annotated[str, Meta(max_length=32, description="ServiceName")] = ""
    category: Annotated[
        Literal["Internet", "ContractCertificate", "OtherCustom"], Meta(description="ServiceCategory")
    ] = "OtherCustom"
    scope: Annotated[str, Meta(max_length=64, description="ServiceScope")] = ""
    free: Annotated[bool, Meta(description="FreeService")] = True
    tls: Annotated[bool, Meta(description="offered only over TLS")] = False
    sets: Annotated[
        dict[str, dict[str, bool | int | str]],
        Meta(description="parameter sets: ParameterSetID -> name -> value"),
    ] = {}
