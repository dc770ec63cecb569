"""The tester charger's plant, as a PICS file declares it: AC or DC, both directions, megawatts."""

from __future__ import annotations

import random
from dataclasses import replace

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.stimulus import ChargerStimulus
from secc.charger import Evse
from secc.power import Limits
from secc.simulated import Dynamics, SimulatedPowerSource
from secc.supply import AcSupply
from slac.connector import CCS2, MCS, power_class
from slac.pilot import ChargerPilot


def tester_evse(pilot: ChargerPilot, pics: Pics, rng: random.Random, drawn: ChargerStimulus) -> Evse:
    """The tester's plant, as declared: it can do whatever the vehicle may be asked to do. The rest is random."""
    if pics.ac:
        evse = Evse(pilot, ac=AcSupply(max_discharge_current=32.0 if pics["PICS_CMN_ISO20_BPT"] else 0.0))
    else:
        rating = Limits.of(power_class(1000 if pics.energy_service.startswith("MCS") else 150))
        if not pics.energy_service.startswith("MCS"):
            rating = replace(rating, max_current=drawn.max_current, max_voltage=drawn.max_voltage)
        if pics["PICS_CMN_ISO20_BPT"]:
            rating = replace(rating, max_discharge_current=200.0, max_discharge_power=60_000.0)
        power = SimulatedPowerSource(rating, Dynamics(test_seconds=0.5), rng=rng)
        evse = Evse(pilot, connector=MCS if pics.energy_service.startswith("MCS") else CCS2, power=power)
    evse.bidirectional = pics["PICS_CMN_ISO20_BPT"]
    evse.dynamic_first = pics.dynamic
    evse.evse_id, evse.tuple_ids, evse.meter.meter_id = drawn.evse_id, drawn.tuple_ids, drawn.meter_id
    evse.meter.start(drawn.meter_wh)
    return evse
