"""Numbers of a bench's plant, as telemetry events, the live view and MQTT give them."""

from __future__ import annotations

from typing import Any

from plugfest.controls import Controls


def measure(controls: Controls) -> dict[str, Any]:
    """Numbers of the plant: soc (%), volts, amps, watts, energy (Wh), pilot; those that this bench knows."""
    found: dict[str, Any] = {}
    vehicle, evse = controls.vehicle, controls.evse
    volts = amps = None
    phases = 1
    if evse is not None and evse.power is not None:
        volts, amps = evse.power.voltage, evse.power.current
    elif evse is not None and evse.ac is not None:
        volts, amps, phases = evse.ac.nominal_voltage if evse.ac.closed else 0.0, evse.ac.current, evse.ac.phases
    elif vehicle is not None:
        volts, amps = vehicle.measured
        if vehicle.ac_current:
            volts, amps = None, vehicle.ac_current
    if vehicle is not None:
        found["soc"] = round(vehicle.battery.soc * 100.0, 3)
    if volts is not None:
        found["volts"] = round(volts, 2)
    if amps is not None:
        found["amps"] = round(amps, 2)
    if volts is not None and amps is not None:
        found["watts"] = round(volts * amps * phases, 1)
    if vehicle is not None:
        found["energy"] = round(vehicle.battery.delivered_wh, 2)
    elif evse is not None:
        found["energy"] = round(evse.meter.session_wh, 2)
    plant = evse or vehicle
    if plant is not None:
        found["pilot"] = plant.pilot.reading.label
    return found
