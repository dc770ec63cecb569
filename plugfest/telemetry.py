"""Numbers of a bench's plant, as telemetry events, the live view and MQTT give them."""

from __future__ import annotations

import math
from typing import Any

from plugfest.controls import Controls


def measure(controls: Controls) -> dict[str, Any]:
    """Numbers of the plant, those that this bench knows.

    soc (%), volts, amps and watts (negative out of the vehicle), energy and discharged (Wh into and out of it), target
    (W that the charger's energy manager wants), pilot.
    """
    found: dict[str, Any] = {}
    vehicle, evse = controls.vehicle, controls.evse
    volts = amps = None
    back = 0.0
    if evse is not None and evse.power is not None:
        volts, amps = evse.power.voltage, evse.power.current
    elif evse is not None and evse.ac is not None:
        volts, amps = evse.ac.nominal_voltage if evse.ac.closed else 0.0, evse.ac.current
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
    if evse is not None:
        found["watts"] = round(evse.watts, 1)
    elif volts is not None and amps is not None:
        found["watts"] = round(volts * amps, 1)
    if vehicle is not None:
        found["energy"], back = round(vehicle.battery.delivered_wh, 2), vehicle.battery.returned_wh
    elif evse is not None:
        found["energy"], back = round(evse.meter.session_wh, 2), evse.meter.session_discharged_wh
    if back or (evse is not None and evse.bidirectional):
        found["discharged"] = round(back, 2)
    if evse is not None and math.isfinite(evse.target_power):
        found["target"] = round(evse.target_power, 1)
    plant = evse or vehicle
    if plant is not None:
        found["pilot"] = plant.pilot.reading.label
    return found
