"""The keys of the bench file about services, schedules with prices, and payment by contract."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from plugfest.config.actions import Section

Payment = Literal["auto", "contract", "external"]
Whole = Annotated[int, Meta(ge=0)]
Identifier = Annotated[int, Meta(ge=0, le=65535)]


class Slot(Section, kw_only=True, frozen=True):
    """Part of a power schedule."""

    start: Annotated[int, Meta(ge=0, description="seconds after the schedule begins")]
    power: Annotated[float, Meta(ge=0.0, description="kW")]


class Price(Section, kw_only=True, frozen=True):
    """What energy costs from a time on."""

    start: Annotated[int, Meta(ge=0, description="seconds after the schedule begins")]
    level: Annotated[int, Meta(ge=1, le=255, description="EPriceLevel, 1 is the cheapest")]
    percent: Annotated[Whole | None, Meta(description="relativePricePercentage, %")] = None
    renewable: Annotated[Whole | None, Meta(description="RenewableGenerationPercentage, %")] = None
    carbon: Annotated[Whole | None, Meta(description="CarbonDioxideEmission, g/kWh")] = None


class Plan(Section, kw_only=True, frozen=True):
    """One of the schedules that a charger offers in ISO 15118-2."""

    schedule: Annotated[list[Slot], Meta(description="power limits, first start 0; by default charger.schedule")] = []
    prices: Annotated[list[Price], Meta(description="SalesTariff, first start 0")] = []
    description: Annotated[str, Meta(max_length=32, description="SalesTariffDescription")] = ""


class Service(Section, kw_only=True, frozen=True):
    """A service besides charging (ISO 15118-2)."""

    id: Annotated[Identifier, Meta(description="ServiceID; own ones from 60000 on")]
    name: Annotated[str, Meta(max_length=32, description="ServiceName")] = ""
    category: Annotated[
        Literal["Internet", "ContractCertificate", "OtherCustom"], Meta(description="ServiceCategory")
    ] = "OtherCustom"
    scope: Annotated[str, Meta(max_length=64, description="ServiceScope")] = ""
    free: Annotated[bool, Meta(description="FreeService")] = True
    tls: Annotated[bool, Meta(description="offered over TLS only")] = False
    sets: Annotated[
        dict[str, dict[str, bool | int | str]],
        Meta(description="parameter sets: ParameterSetID -> name -> value"),
    ] = {}
