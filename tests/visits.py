"""A charger's visit of ISO 15118-20 without a vehicle: what tests of single answers start from."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from secc import control
from secc.charger import Evse
from secc.power import Limits
from secc.serve import Options
from secc.simulated import SimulatedPowerSource
from secc.supply import AcSupply
from secc.visit import Visit
from slac.connector import power_class
from slac.pilots import SimulatedPilot
from v2g import energy
from v2g.memory_link import memory_pair
from v2g.protocols import ISO20


async def visit(service: str = "AC_BPT", *, dynamic: bool = False, tolerant: bool = True, **evse: Any) -> Visit:
    """A visit in which a service was selected, in its first parameter set of a control mode.

    Args:
        evse: attributes of the outlet to set first.
    """
    chosen = energy.BY_TITLE[service]
    pilot = SimulatedPilot(plugged=True).evse
    if chosen.energy == "AC":
        outlet = Evse(pilot, ac=AcSupply(max_discharge_current=16.0))
    else:
        limits = replace(
            Limits.of(power_class(150)), max_discharge_current=100.0, max_discharge_power=50_000.0
        )  # fmt: skip
        outlet = Evse(pilot, power=SimulatedPowerSource(limits))
    for name, value in evse.items():
        setattr(outlet, name, value)
    channel, _ = await memory_pair()
    session = Options(protocols=(ISO20,), tolerant=tolerant, any_transport=True).session(channel)
    session.protocol = ISO20
    made = Visit(outlet, session, chosen.energy == "DC", lambda: 1_700_000_000.0, random.Random(1))
    sets = control.parameter_sets(outlet, chosen)
    made.control = energy.Control(chosen, next(one for one in sets if one.dynamic == dynamic))
    return made
