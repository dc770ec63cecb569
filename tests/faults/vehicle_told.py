"""Faults of a vehicle whose messages contradict each other: errors, readiness, energy, flags, limits."""

from __future__ import annotations

import dataclasses
from typing import Any

from evcc.vehicle import Vehicle
from faults.fault import charger, deep, sending, vehicle
from faults.physics import unit
from faults.vehicle_more import FLOW, FLOW_DIN, both, saying
from plugfest.conformance.fields import replaced
from slac.pilot import State
from v2g.physical import physical

SHORT = ("PF_EVCC_ISO2_PowerFlow#2", "PF_EVCC_DIN_PowerFlow#2")
FLOW_AC = "PF_EVCC_ISO2_PowerFlow_AC#1"


def _with(**fields: Any) -> Any:
    """Fields anywhere in a message of either protocol."""

    def change(message: Any, classes: Any) -> Any:
        for name, value in fields.items():
            message = replaced(message, name, value)
        return message

    return change


ERROR = "FAILED_RESSTemperatureInhibit"
for _name in ("CableCheck", "PreCharge", "PowerDelivery"):
    vehicle(f"ev-error-{_name}", f"{_name}Req reports an error, but the vehicle goes on", *SHORT,
            adjust=both(f"{_name}Req", _with(EVErrorCode=ERROR)))  # fmt: skip
    vehicle(f"ev-unready-{_name}", f"EVReady is false in {_name}Req, but the vehicle goes on", *SHORT, reading=True,
            adjust=both(f"{_name}Req", _with(EVReady=False)))  # fmt: skip
for _name in ("ChargeParameterDiscovery", "WeldingDetection"):
    vehicle(f"ev-error-{_name}", f"only {_name}Req reports an error", *SHORT, reading=True,
            adjust=both(f"{_name}Req", _with(EVErrorCode=ERROR)))  # fmt: skip

vehicle("ev-energy-tenfold", "ten times the energy that fits into the battery is asked for", *SHORT,
        adjust=saying("ChargeParameterDiscoveryReq", "EVEnergyRequest", 300_000, "Wh", 3))  # fmt: skip
vehicle("ev-capacity-kwh", "the capacity is 60 Wh instead of 60 kWh", *SHORT,
        adjust=saying("ChargeParameterDiscoveryReq", "EVEnergyCapacity", 60, "Wh"))  # fmt: skip
vehicle("ev-capacity-zero", "the capacity is 0 Wh", *SHORT, reading=True,
        adjust=saying("ChargeParameterDiscoveryReq", "EVEnergyCapacity", 0, "Wh"))  # fmt: skip
vehicle("ev-energy-zero", "no energy is asked for, and current is", FLOW, FLOW_DIN, reading=True,
        adjust=saying("ChargeParameterDiscoveryReq", "EVEnergyRequest", 0, "Wh"))  # fmt: skip
vehicle("ev-eamount-zero", "no energy is asked for, and current is drawn of AC", FLOW_AC, reading=True,
        adjust=saying("ChargeParameterDiscoveryReq", "EAmount", 0, "Wh"))  # fmt: skip
vehicle("ev-full-low", "FullSOC is below the SoC at which the vehicle charges", FLOW, FLOW_DIN, reading=True,
        adjust=both("ChargeParameterDiscoveryReq", _with(FullSOC=10)))  # fmt: skip
vehicle("ev-bulk-true", "BulkChargingComplete is true far below BulkSOC", FLOW, FLOW_DIN, reading=True,
        adjust=both("CurrentDemandReq", _with(BulkChargingComplete=True)))  # fmt: skip
vehicle("ev-bulk-low", "BulkSOC is below the SoC, but bulk charging is not complete", FLOW, FLOW_DIN, reading=True,
        adjust=both("ChargeParameterDiscoveryReq", _with(BulkSOC=5)))  # fmt: skip
vehicle("ev-start-complete", "PowerDelivery(Start) has ChargingComplete true", *SHORT,
        adjust=both("PowerDeliveryReq", _with(ChargingComplete=True)))  # fmt: skip
vehicle("ev-start-bulk", "PowerDelivery(Start) has BulkChargingComplete true, the loop has it false", *SHORT,
        adjust=both("PowerDeliveryReq", _with(BulkChargingComplete=True)), reading=True)  # fmt: skip
vehicle("ev-power-zero", "EVMaximumPowerLimit is 0 W in the loop", FLOW, FLOW_DIN, reading=True,
        adjust=saying("CurrentDemandReq", "EVMaximumPowerLimit", 0, "W"))  # fmt: skip
vehicle("ev-current-zero", "EVMaximumCurrentLimit is 0 A in the loop, but current is requested", *SHORT,
        adjust=saying("CurrentDemandReq", "EVMaximumCurrentLimit", 0, "A"))  # fmt: skip
vehicle("ev-power-megawatts", "EVMaximumPowerLimit is far above voltage times current", *SHORT, reading=True,
        adjust=saying("ChargeParameterDiscoveryReq", "EVMaximumPowerLimit", 1_250_000, "W", 3))  # fmt: skip
vehicle("ev-remaining-short", "20 s until full with most of the battery empty", FLOW, FLOW_DIN, reading=True,
        adjust=both("CurrentDemandReq", lambda message, classes: deep(
            "RemainingTimeToBulkSoC", physical(classes, 15, "s"))(deep(
                "RemainingTimeToFullSoC", physical(classes, 20, "s"))(message))))  # fmt: skip
vehicle("ev-stop-other-tuple", "PowerDelivery(Stop) names another schedule than PowerDelivery(Start)", SHORT[0],
        reading=True, adjust=sending("PowerDeliveryReq", lambda message: _other_tuple(message)))  # fmt: skip


def _other_tuple(message: Any) -> Any:
    if message.ChargeProgress == "Stop":
        message.SAScheduleTupleID = message.SAScheduleTupleID % 255 + 1
    return message


vehicle("ev-asks-nothing", "no current is asked for in the whole loop", FLOW, FLOW_DIN, reading=True,
        adjust=saying("CurrentDemandReq", "EVTargetCurrent", 0, "A"))  # fmt: skip
vehicle("ev-ac-voltage-half", "EVMaxVoltage is below the voltage of the outlet", FLOW_AC,
        adjust=saying("ChargeParameterDiscoveryReq", "EVMaxVoltage", 200, "V"))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# What is drawn of AC, and units of values that only inform

vehicle("ev-ac-idle", "the onboard charger never draws any current", FLOW_AC, reading=True,
        patches=[(Vehicle, "ac_current", property(lambda self: 0.0))])  # fmt: skip


def _any_current(system: Any) -> None:
    """Charges with whatever is offered, EVMinCurrent or not."""
    car = system.vehicle
    take, honest = car.take_ac, car.onboard

    def takes(*given: Any) -> Any:
        car.onboard = dataclasses.replace(honest, min_current=0.0)
        try:
            return take(*given)
        finally:
            car.onboard = honest

    car.take_ac = takes


vehicle("ev-ac-any-current", "current is drawn below the vehicle's own EVMinCurrent", "PF_EVCC_ISO2_BelowLeast_AC",
        adjust=_any_current)  # fmt: skip
vehicle("ev-energy-unit", "EVEnergyRequest is in W instead of Wh", *SHORT,
        adjust=saying("ChargeParameterDiscoveryReq", "EVEnergyRequest", 30_000, "W", 1))  # fmt: skip
charger("ripple-unit", "EVSEPeakCurrentRipple is in volts", "PF_SECC_ISO2_PowerFlow#2",
        adjust=sending("ChargeParameterDiscoveryRes", unit("EVSEPeakCurrentRipple", "V")))  # fmt: skip


def _never_back(self: Vehicle, state: State, right: Any = Vehicle.show) -> None:
    if state is not State.B or self.pilot.state is State.B:
        right(self, state)


vehicle("ev-ac-stays-ready", "after PowerDelivery(Stop) the pilot stays in C until the plug is pulled",
        "PF_EVCC_ISO2_PowerFlow_AC#1", "PF_EVCC_ISO20_PowerFlow_AC#1",
        patches=[(Vehicle, "show", _never_back)])  # fmt: skip
