"""Control of power in a session of ISO 15118-20: the service and parameter set that the vehicle selected."""

from __future__ import annotations

from dataclasses import replace

from secc.charger import Evse
from v2g import energy
from v2g.energy import Control, EnergyService, ParameterSet
from v2g.messages.iso20 import types
from v2g.physical import number


def services(evse: Evse) -> list[EnergyService]:
    """The energy transfer services of an outlet, preferred first: a vehicle that takes the first one only charges."""
    if evse.power is None:
        plain, both = energy.AC, energy.AC_BPT
    else:
        plain, both = (energy.MCS, energy.MCS_BPT) if evse.connector.megawatt else (energy.DC, energy.DC_BPT)
    return [plain, both] if evse.bidirectional else [plain]


def parameter_sets(evse: Evse, service: EnergyService) -> list[ParameterSet]:
    """The parameter sets of a service, for both control modes, which a charger has to support [V2G20-2656].

    Some codecs cannot hold more than four sets.
    """
    sets = [
        replace(one, pricing=pricing(evse)) for one in (_dc_sets(evse) if service.energy == "DC" else _ac_sets(evse))
    ]
    sets.sort(key=lambda one: one.dynamic is not evse.dynamic_first)
    if not service.bidirectional:
        return sets
    channel = energy.SEPARATED if evse.separated else energy.UNIFIED
    islanding = evse.islanding if service.energy == "AC" else 0
    return [
        replace(one, channel=channel, generator=evse.generator, islanding=islanding) for one in sets
    ]  # fmt: skip


def pricing(evse: Evse) -> int:
    """Pricing: the most precise kind of price in any plan."""
    if any(plan.tariff or plan.discharge_tariff for plan in evse.plans):
        return energy.ABSOLUTE_PRICES
    return energy.PRICE_LEVELS if any(plan.prices or plan.discharge_prices for plan in evse.plans) else energy.NO_PRICES


def _dc_sets(evse: Evse) -> list[ParameterSet]:
    codes = evse.connector.codes_20
    plug = codes.get("MCS") or codes.get("DC", energy.DC_EXTENDED)
    sets = [
        ParameterSet(1, dynamic=False, connector=plug),
        ParameterSet(2, dynamic=True, connector=plug),
        ParameterSet(3, dynamic=True, connector=plug, by_charger=True),
    ]
    # If mobility needs are entered at the charger, vehicles that take the first set shall receive them.
    return sets if evse.mobility_needs is None else [sets[0], sets[2], sets[1]]


def _ac_sets(evse: Evse) -> list[ParameterSet]:
    assert evse.ac is not None
    volts = round(evse.ac.nominal_voltage)
    connectors = [energy.SINGLE_PHASE] if evse.ac.phases == 1 else [energy.THREE_PHASE, energy.SINGLE_PHASE]
    modes = [(connector, dynamic) for connector in connectors for dynamic in (False, True)]
    return [
        ParameterSet(
            number, dynamic, connector, by_charger=dynamic and evse.mobility_needs is not None, nominal_voltage=volts
        )
        for number, (connector, dynamic) in enumerate(modes, 1)
    ]


def find(evse: Evse, service_id: int, set_id: int) -> Control | None:
    """The control that a pair of ServiceID and ParameterSetID selects; None if it is not offered."""
    service = next((one for one in services(evse) if one.number == service_id), None)
    chosen = next((one for one in parameter_sets(evse, service) if one.number == set_id), None) if service else None
    return Control(service, chosen) if service is not None and chosen is not None else None


def can_give(asked: types.Dynamic_CLReqControlModeType) -> bool:
    """Whether the battery is above the lower end of its band: its energy request to reach it is negative."""
    band = getattr(asked, "EVMinimumV2XEnergyRequest", None)
    return number(asked.EVMinimumEnergyRequest if band is None else band) < 0.0
