"""A vehicle that sends ServiceDiscoveryReq where PreChargeReq belongs, and how the charger reacts.

    python examples/wrong_order.py

Both roles in this process, in virtual time. Replace `memory_pair` and the charger by `v2g.channel.connect` to run it
against a real one.
"""

from __future__ import annotations

import asyncio

from evcc import charge as evcc
from evcc.vehicle import Vehicle
from plugfest.virtual import run
from secc import serve as secc
from secc.charger import Evse
from secc.power import Limits
from secc.simulated import SimulatedPowerSource
from slac.connector import power_class
from slac.pilots import SimulatedPilot
from v2g.memory_link import memory_pair
from v2g.messages import iso2
from v2g.outcome import Outcome


async def main() -> tuple[Outcome, Outcome]:
    wire = SimulatedPilot(plugged=True)
    power = SimulatedPowerSource(Limits.of(power_class(150)))
    evse = Evse(wire.evse, power=power)
    vehicle = Vehicle(wire.ev)
    power.load, vehicle.sense = vehicle.load, lambda: (power.voltage, power.current)
    evse.pilot.offer(5.0)  # percent: asks for digital communication

    options = evcc.Options()
    options.rewrite[iso2.PreChargeReq] = lambda message: iso2.ServiceDiscoveryReq()

    charger_end, vehicle_end = await memory_pair()
    charger = asyncio.create_task(secc.serve(charger_end, evse))
    outcome = await evcc.charge(vehicle_end, vehicle, options)
    return outcome, await charger


if __name__ == "__main__":
    for role, outcome in zip(("vehicle", "charger"), run(main()), strict=True):
        print(f"{role}: {outcome.cause.name.lower()}: {outcome.reason}")
