"""Seeded faults in our own roles, each with the cases that must catch it.

`fault` says what a fault is and has the common ways to be wrong; the other modules are the faults, by where they sit.
`runs` carries out a run with a fault in place; ``python -m faults.page`` in ``tests/`` writes the table in the docs.
"""

from faults import (
    chains,
    charger_follows,
    charger_memory,
    charger_messages,
    charger_pilot,
    charger_transport,
    iso20,
    iso20_beside,
    iso20_grid,
    iso20_needs,
    iso20_power,
    orders,
    physics,
    silence,
    slac,
    slac_more,
    slac_pilot,
    sleep,
    tls,
    vehicle,
    vehicle_heeds,
    vehicle_limits,
    vehicle_more,
    vehicle_papers,
    vehicle_told,
)
from faults.fault import FAULTS, Fault

__all__ = [
    "FAULTS",
    "Fault",
    "chains",
    "charger_follows",
    "charger_memory",
    "charger_messages",
    "charger_pilot",
    "charger_transport",
    "iso20",
    "iso20_beside",
    "iso20_grid",
    "iso20_needs",
    "iso20_power",
    "orders",
    "physics",
    "silence",
    "slac",
    "slac_more",
    "slac_pilot",
    "sleep",
    "tls",
    "vehicle",
    "vehicle_heeds",
    "vehicle_limits",
    "vehicle_more",
    "vehicle_papers",
    "vehicle_told",
]
