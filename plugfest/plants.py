"""Vehicle and charger as the command line describes them, alone or on one simulated wire."""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass

from evcc.battery import Battery, pack
from evcc.vehicle import OnboardCharger, Settings, Vehicle
from plugfest.commands.options import connector
from plugfest.errors import UserError
from plugfest.lines import Plant
from secc.authorizer import Delayed, Immediate
from secc.charger import AcSupply, Evse
from secc.power import Limits, SimulatedPowerSource
from slac.connector import implausible, power_class
from slac.pilot import ChargerPilot, VehiclePilot
from slac.pilots import AssumedChargerPilot, AssumedVehiclePilot, SimulatedPilot

DIGITAL = 5.0
"""Percent: the duty cycle that asks for digital communication."""


def make_vehicle(args: argparse.Namespace, pilot: VehiclePilot, mac: bytes = bytes.fromhex("020000000001")) -> Vehicle:
    """The vehicle of ``--battery``, ``--soc``, ``--target``...

    Raises:
        UserError: a value out of range.
    """
    try:
        battery = Battery(pack(args.battery), args.soc / 100.0, target_soc=args.target / 100.0)
    except (ValueError, KeyError) as why:
        raise UserError(str(why).strip("'\"")) from why
    settings = Settings(departure=args.departure, loop_delay=max(args.loop_delay, 0.0))
    plug = connector(args)
    if not args.ac and not plug.dc:
        raise UserError(f"{plug.name} has no DC contacts; use --ac or another --connector")
    return Vehicle(
        pilot,
        battery,
        inlet=plug,
        onboard=OnboardCharger(phases=plug.ac_phases),
        settings=settings,
        evccid=mac if any(mac) else bytes.fromhex("020000000001"),
    )


def make_charger(args: argparse.Namespace, pilot: ChargerPilot, rng: random.Random) -> Evse:
    """The charger of ``--power``, ``--connector``, ``--ac``...

    Raises:
        UserError: a value out of range.
    """
    plug = connector(args)
    authorizer = Delayed(args.authorize_after) if args.authorize_after else Immediate()
    if args.ac:
        phases = 3 if plug.ac_phases == 3 else 1
        supply = AcSupply(phases=phases, max_current=min(32.0, plug.ac_max_a))
        return Evse(pilot, connector=plug, ac=supply, authorizer=authorizer, evse_id=args.evse_id)
    if not plug.dc:
        raise UserError(f"{plug.name} has no DC contacts; use --ac or another --connector")
    try:
        rating = power_class(args.power)
    except ValueError as why:
        raise UserError(str(why)) from why
    source = SimulatedPowerSource(Limits.of(rating), rng=rng)
    return Evse(pilot, connector=plug, power=source, authorizer=authorizer, evse_id=args.evse_id)


def warnings(args: argparse.Namespace) -> list[str]:
    """What is implausible about a connector and a power class; a bench may be so."""
    plug = connector(args)
    return [] if args.ac or not plug.dc else implausible(plug, kw=args.power)


@dataclass
class Pair:
    """Both ends on one simulated cable."""

    wire: SimulatedPilot
    vehicle: Vehicle
    evse: Evse


def make_pair(args: argparse.Namespace, rng: random.Random) -> Pair:
    """A vehicle plugged into a charger: pilot, voltage and current are the same at both ends."""
    wire = SimulatedPilot(plugged=True)
    evse = make_charger(args, wire.evse, rng)
    vehicle = make_vehicle(args, wire.ev)
    power = evse.power
    if isinstance(power, SimulatedPowerSource):
        power.load = vehicle.load
        vehicle.sense = lambda: (power.voltage, power.current)
    elif evse.ac is not None:
        evse.ac.load = lambda: vehicle.ac_current
    evse.pilot.offer(DIGITAL)
    return Pair(wire, vehicle, evse)


def assumed_vehicle_pilot(report: Callable[[str], None]) -> VehiclePilot:
    """For a vehicle without pilot hardware."""
    return AssumedVehiclePilot(report)


def assumed_charger_pilot(report: Callable[[str], None]) -> ChargerPilot:
    """For a charger without pilot hardware."""
    pilot = AssumedChargerPilot(report)
    pilot.offer(DIGITAL)
    return pilot


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
