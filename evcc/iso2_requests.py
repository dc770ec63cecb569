"""The ISO 15118-2 requests that report something about the vehicle, built from its plant."""

from __future__ import annotations

from typing import cast

from evcc import schedule
from evcc.drive import Drive
from evcc.schedule import Schedule
from evcc.verbs import Target
from v2g.messages import iso2
from v2g.physical import Quantities, milliwatts, percent

quantity = Quantities(iso2, iso2.PhysicalValueType, down=True)
volt, ampere, watt, watt_hour, second = (
    quantity.volt, quantity.ampere, quantity.watt, quantity.watt_hour, quantity.second,
)  # fmt: skip

PHASES = {"AC_single_phase_core": 1, "AC_three_phase_core": 3}


def status(drive: Drive, *, ready: bool = True) -> iso2.DC_EVStatusType:
    """DC_EVStatus now: ready from CableCheck to the end of the loop."""
    code = cast(iso2.DC_EVErrorCodeType, drive.error_code or drive.vehicle.settings.error_code)
    return iso2.DC_EVStatusType(EVReady=ready, EVErrorCode=code, EVRESSSOC=percent(drive.vehicle.battery.soc))


def dc_parameter(drive: Drive) -> iso2.DC_EVChargeParameterType:
    """Includes all optional limits: several chargers give up without them."""
    battery, pack = drive.vehicle.battery, drive.vehicle.battery.pack
    return iso2.DC_EVChargeParameterType(
        DepartureTime=drive.departure,
        DC_EVStatus=status(drive, ready=False),
        EVMaximumCurrentLimit=ampere(pack.max_current),
        EVMaximumPowerLimit=watt(pack.max_power),
        EVMaximumVoltageLimit=volt(pack.max_voltage),
        EVEnergyCapacity=watt_hour(pack.capacity_wh),
        EVEnergyRequest=watt_hour(drive.energy_request),
        FullSOC=percent(battery.target_soc),
        BulkSOC=percent(battery.bulk_soc),
    )


def ac_parameter(drive: Drive) -> iso2.AC_EVChargeParameterType:
    vehicle = drive.vehicle
    return iso2.AC_EVChargeParameterType(
        DepartureTime=drive.departure,
        EAmount=watt_hour(drive.energy_request),
        EVMaxVoltage=volt(vehicle.inlet.ac_v_range[1]),
        EVMaxCurrent=ampere(vehicle.onboard.max_current),
        EVMinCurrent=ampere(vehicle.onboard.min_current),
    )


def current_demand(drive: Drive, target: Target) -> iso2.CurrentDemandReq:
    """CurrentDemandReq with all optional limits."""
    battery, pack = drive.vehicle.battery, drive.vehicle.battery.pack
    return iso2.CurrentDemandReq(
        DC_EVStatus=status(drive),
        EVTargetCurrent=ampere(target.current),
        EVMaximumVoltageLimit=volt(pack.max_voltage),
        EVMaximumCurrentLimit=ampere(pack.max_current),
        EVMaximumPowerLimit=watt(pack.max_power),
        BulkChargingComplete=battery.bulk_full,
        ChargingComplete=battery.full,
        RemainingTimeToFullSoC=second(target.full),
        RemainingTimeToBulkSoC=second(target.bulk),
        EVTargetVoltage=volt(target.voltage),
    )


def power_delivery(drive: Drive, chosen: Schedule, progress: iso2.chargeProgressType) -> iso2.PowerDeliveryReq:
    """PowerDeliveryReq: with a charging profile for Start, and with the battery's state in DC."""
    return iso2.PowerDeliveryReq(
        ChargeProgress=progress,
        SAScheduleTupleID=chosen.tuple_id,
        ChargingProfile=profile(drive, chosen) if progress == "Start" else None,
        EVPowerDeliveryParameter=None if drive.mode in PHASES else delivery_parameter(drive),
    )


def most_power(drive: Drive) -> iso2.PhysicalValueType:
    """The most power that the vehicle can use."""
    vehicle, phases = drive.vehicle, PHASES.get(drive.mode)
    if phases is None or drive.ac_voltage is None:
        return watt(vehicle.battery.pack.max_power)
    return watt(vehicle.onboard.max_current * phases * drive.ac_voltage)


def delivery_parameter(drive: Drive) -> iso2.DC_EVPowerDeliveryParameterType:
    battery = drive.vehicle.battery
    return iso2.DC_EVPowerDeliveryParameterType(
        DC_EVStatus=status(drive), BulkChargingComplete=battery.bulk_full, ChargingComplete=battery.full
    )


def _at_most(slot: schedule.Slot, most: iso2.PhysicalValueType) -> iso2.PhysicalValueType:
    """Power that the vehicle may take in a slot: PMax as it was sent, if there is one and it is less than ``most``."""
    if slot.pmax is None:
        return watt(0.0) if slot.watts <= 0.0 else most
    return cast(iso2.PhysicalValueType, min(slot.pmax, most, key=milliwatts))


def profile(drive: Drive, chosen: Schedule) -> iso2.ChargingProfileType | None:
    """The schedule's own steps, each limited to PMax and to what the vehicle can use [V2G2-224]."""
    most, phases = most_power(drive), PHASES.get(drive.mode)
    entries = [
        iso2.ProfileEntryType(
            ChargingProfileEntryStart=slot.start,
            ChargingProfileEntryMaxPower=_at_most(slot, most),
            ChargingProfileEntryMaxNumberOfPhasesInUse=phases,
        )
        for slot in schedule.steps(chosen)
    ]
    return iso2.ChargingProfileType(ProfileEntry=entries) if entries else None
