"""Vehicle and charger as a bench describes them, alone or on one simulated wire."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import random
from dataclasses import dataclass

from evcc.battery import Battery, pack
from evcc.battery import Pack as BatteryPack
from evcc.vehicle import OnboardCharger, Settings, Vehicle
from plugfest import curves
from plugfest.config.model import Bench
from plugfest.config.named import connector
from plugfest.config.rating import rating
from plugfest.config.vehicle import Pack
from plugfest.config.words import octets
from plugfest.errors import UserError
from plugfest.lines import Plant
from secc.authorizer import Authorizer, CardReader, Customer, Delayed, Immediate, Never
from secc.charger import Evse, MobilityNeeds, simulated
from secc.meter import clock_of_loop
from secc.plan import Slot
from secc.power import Limits
from secc.simulated import Dynamics, SimulatedPowerSource
from secc.supply import AcSupply
from slac.connector import PowerClass, implausible, implausible_ac
from slac.pilot import ChargerPilot, VehiclePilot
from slac.pilots import SimulatedPilot
from v2g import energy

DIGITAL = 5.0
"""Percent: the duty cycle that requests digital communication."""

DEFAULT_MAC = bytes.fromhex("020000000001")


def make_battery(bench: Bench) -> Battery:
    """The battery of ``vehicle``, with the limits given there."""
    car = bench.vehicle
    if isinstance(car.battery, Pack):
        own = car.battery
        kind = BatteryPack(
            "own", own.capacity * 1000.0, own.cells, own.resistance, own.max_current, own.max_power * 1000.0,
            max_discharge_current=_or(own.max_discharge_current, own.max_current),
            max_discharge_power=_or(own.max_discharge_power, own.max_power) * 1000.0,
        )  # fmt: skip
        if own.taper:
            kind = dataclasses.replace(kind, taper=tuple((soc / 100.0, part) for soc, part in own.taper))
    else:
        kind = pack(car.battery)
    kind = limited(kind, car.max_voltage, car.max_current, car.max_power)
    if car.max_discharge_current is not None:
        kind = dataclasses.replace(kind, max_discharge_current=car.max_discharge_current)
    if car.max_discharge_power is not None:
        kind = dataclasses.replace(kind, max_discharge_power=car.max_discharge_power * 1000.0)
    return Battery(
        kind,
        car.soc / 100.0,
        target_soc=car.target / 100.0,
        bulk_soc=None if car.bulk is None else car.bulk / 100.0,
        min_soc=car.minimum / 100.0,
    )


def limited(
    kind: BatteryPack, max_voltage: float | None, max_current: float | None, max_kw: float | None
) -> BatteryPack:
    """A battery type with other limits, V, A, kW; None leaves one as it is."""
    return dataclasses.replace(
        kind,
        cell_full=kind.cell_full if max_voltage is None else max_voltage / kind.cells,
        max_current=kind.max_current if max_current is None else max_current,
        max_power=kind.max_power if max_kw is None else max_kw * 1000.0,
    )


def make_vehicle(bench: Bench, pilot: VehiclePilot, mac: bytes = DEFAULT_MAC) -> Vehicle:
    """The vehicle of a bench.

    Args:
        mac: EVCCID, unless the bench has its own.
    """
    car, plug = bench.vehicle, connector(bench)
    settings = Settings(
        departure=car.departure,
        energy_request_wh=None if car.energy_request is None else car.energy_request * 1000.0,
        precharge_tolerance=car.precharge_tolerance,
        precharge_current=car.precharge_current,
        loop_delay=car.loop_delay,
        error_code=car.error_code,
        trusts_report=car.trusts_report,
        pauses=car.pauses,
        sleeps=car.sleep_without_power,
        sells_at=car.sells_at,
        follows_needs=car.follows_needs,
        confirms_tolerance=car.confirms_tolerance,
        prefers_standby=car.prefers_standby,
        currency=car.currency,
        target_power=math.inf if car.wanted_power is None else car.wanted_power * 1000.0,
    )
    onboard = car.onboard
    vehicle = Vehicle(
        pilot,
        make_battery(bench),
        inlet=plug,
        onboard=OnboardCharger(
            onboard.phases or plug.ac_phases,
            onboard.max_current,
            onboard.min_current,
            onboard.efficiency,
            max_discharge_current=_gives(bench),
            min_discharge_current=_or(onboard.min_discharge_current, onboard.min_current) if bench.both_ways else 0.0,
            per_phase=onboard.per_phase,
        ),
        settings=settings,
        evccid=octets(car.evccid) if car.evccid else mac if any(mac) else DEFAULT_MAC,
        clock=clock_of_loop(),
    )
    vehicle.evccid20 = car.evccid20 or ""
    vehicle.contactors.welded = "welded" in car.faults
    return vehicle


def _gives(bench: Bench) -> float:
    """Maximum current from the car per phase in AC, A."""
    if not bench.both_ways:
        return 0.0
    onboard = bench.vehicle.onboard
    return onboard.max_current if onboard.max_discharge_current is None else onboard.max_discharge_current


def make_charger(bench: Bench, pilot: ChargerPilot, rng: random.Random) -> Evse:
    """The charger of a bench. Its faults are injected by the bench's controls."""
    station, plug = bench.charger, connector(bench)
    power, supply, clock = None, None, clock_of_loop()
    sinks = bench.both_ways or bool(station.max_discharge_current or station.max_discharge_power)
    if bench.ac:
        asked = station.ac_supply
        phases, amperes = ac_rating(bench)
        back = min(station.max_discharge_current or amperes, amperes) if sinks else 0.0
        supply = AcSupply(
            asked.nominal_voltage,
            phases,
            amperes,
            max_discharge_current=back,
            close_seconds=asked.close_seconds,
            clock=clock,
        )
    else:
        most = dc_rating(bench)
        limits = dataclasses.replace(
            Limits.of(most),
            min_current=station.min_current,
            max_discharge_current=(station.max_discharge_current or most.max_a) if sinks else 0.0,
            max_discharge_power=(station.max_discharge_power or most.kw) * 1000.0 if sinks else 0.0,
            ripple=station.ripple,
            tolerance=station.tolerance,
            ramp=station.power_ramp,
        )
        dynamics = Dynamics(
            volts_per_second=station.volts_per_second,
            amps_per_second=station.amps_per_second,
            test_seconds=station.test_seconds,
        )
        power = SimulatedPowerSource(limits, dynamics, rng=rng, clock=clock)
        power.insulation_ohms = station.insulation * 1000.0
        power.monitor = station.insulation_monitor
    evse = Evse(
        pilot,
        connector=plug,
        power=power,
        ac=supply,
        authorizer=_authorizer(bench),
        evse_id=station.evse_id,
        schedule=[Slot(slot.start, slot.power * 1000.0) for slot in station.schedule],
        clock=clock,
    )
    evse.free = station.free
    evse.separated = station.separated
    evse.generator = energy.GRID_FORMING if station.generator == "forming" else energy.GRID_FOLLOWING
    evse.islanding = energy.PASSIVE if station.islanding == "passive" else energy.ACTIVE
    evse.planning_seconds = station.planning
    evse.negative_discharge_limits = station.negative_discharge_limits
    evse.insists_on_tolerance, evse.pauses_idle = station.insists_on_tolerance, station.pauses_idle
    if supply is not None:
        asked = station.ac_supply
        supply.frequency, supply.ramp = asked.frequency, asked.ramp
        supply.max_asymmetry = None if asked.max_asymmetry is None else asked.max_asymmetry * 1000.0
        evse.reactive_power = None if asked.reactive_power is None else asked.reactive_power * 1000.0
    evse.dynamic_first = bench.control == "dynamic"
    if station.target_power is not None:
        evse.manager.plan = curves.of_bench(station.target_power)
    if (said := station.needs) is not None:
        leaves = None if said.departure is None else asyncio.get_running_loop().time() + said.departure
        evse.mobility_needs = MobilityNeeds(leaves, whole(said.minimum), whole(said.target))
    evse.meter.meter_id = station.meter_id
    evse.meter.start(station.meter_start * 1000.0)
    return evse


def _or(given: float | None, otherwise: float) -> float:
    return otherwise if given is None else given


def whole(percent: float | None) -> int | None:
    """A state of charge as used in messages."""
    return None if percent is None else round(percent)


def dc_rating(bench: Bench) -> PowerClass:
    """Ratings of the DC output. Raises UserError: they are incomplete or contradictory."""
    try:
        return rating(bench.charger)
    except ValueError as why:
        raise UserError(f"charger.power: {why}") from why


def _authorizer(bench: Bench) -> Authorizer:
    station = bench.charger
    match station.authorization:
        case "reject":
            return Never()
        case "never":
            return Never(rejects=False)
        case "customer":
            return Customer()
        case "reader":
            return CardReader()
    return Delayed(station.authorize_after) if station.authorize_after else Immediate()


def ac_rating(bench: Bench) -> tuple[int, float]:
    """Phases and A per phase of an AC outlet; by default what its connector carries, up to 32 A."""
    plug, asked = connector(bench), bench.charger.ac_supply
    phases = asked.phases or (3 if plug.ac_phases == 3 else 1)
    return phases, min(32.0, plug.ac_max_a) if asked.max_current is None else asked.max_current


def warnings(bench: Bench) -> list[str]:
    """What is implausible about a connector and the power it must carry; a bench may still use it."""
    plug = connector(bench)
    if bench.ac:
        phases, amperes = ac_rating(bench)
        return implausible_ac(plug, phases=phases, amperes=amperes)
    return implausible(plug, kw=bench.charger.power) if plug.dc else []


@dataclass
class Pair:
    """Both ends on one simulated cable."""

    wire: SimulatedPilot
    vehicle: Vehicle
    evse: Evse


def make_pair(bench: Bench, rng: random.Random) -> Pair:
    """A vehicle plugged into a charger: pilot, voltage and current are the same at both ends."""
    wire = SimulatedPilot(plugged=True)
    evse = make_charger(bench, wire.evse, rng)
    vehicle = make_vehicle(bench, wire.ev)
    if (power := simulated(evse)) is not None:
        power.load = vehicle.load
        vehicle.sense = power.measure
    elif evse.ac is not None:
        evse.ac.load, evse.ac.load_phases = lambda: vehicle.ac_current, lambda: vehicle.ac_phases
        evse.ac.load_reactive = lambda: vehicle.ac_reactive
    evse.pilot.offer(DIGITAL)
    return Pair(wire, vehicle, evse)


def vehicle_numbers(vehicle: Vehicle, *, ac: bool) -> Plant:
    """What a line shows of a vehicle."""
    if ac:
        return Plant(soc=lambda: vehicle.battery.soc * 100, amps=lambda: vehicle.ac_current)
    return Plant(lambda: vehicle.battery.soc * 100, lambda: vehicle.inlet_voltage, lambda: vehicle.current)


def charger_numbers(evse: Evse) -> Plant:
    """What a line shows of a charger."""
    if (power := evse.power) is not None:
        return Plant(volts=lambda: power.voltage, amps=lambda: power.current)
    supply = evse.ac
    assert supply is not None
    return Plant(volts=lambda: supply.nominal_voltage if supply.closed else 0.0, amps=lambda: supply.current)
