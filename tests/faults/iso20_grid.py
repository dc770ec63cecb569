"""Faults of vehicles of ISO 15118-20 where the grid, a departure or several schedules matter; and of how they go on."""

from __future__ import annotations

import itertools
import math
from typing import Any

import msgspec

import evcc.iso20_ac
import evcc.iso20_course
import evcc.iso20_dc
import evcc.iso20_dc_limits
import evcc.iso20_schedule
from evcc.drive import Drive
from faults.fault import Adjust, charger, sending, vehicle
from plugfest.conformance.fields import replaced
from v2g.messages.iso20 import common, types
from v2g.physical import number, rational

EV = "PF_EVCC_ISO20_"
GRID, DYNAMIC = f"{EV}Grid_AC", f"{EV}Grid_AC_dynamic"


# ---------------------------------------------------------------------------------------------------------------
# The grid

vehicle("20-ramp-ignored", "EVSEPowerRampLimitation is ignored", f"{DYNAMIC}#1",
        patches=[(evcc.iso20_ac, "ramp", lambda percent, most: math.inf)])  # fmt: skip
vehicle("20-ramp-per-second", "EVSEPowerRampLimitation in percent per second", f"{DYNAMIC}#1",
        patches=[(evcc.iso20_ac, "ramp", lambda percent, most: percent / 100.0 * most)])  # fmt: skip
vehicle("20-ramp-ignored-dc", "EVSEPowerRampLimitation is ignored in DC", f"{EV}Grid_DC#1",
        patches=[(evcc.iso20_dc_limits, "ramp", lambda percent, most: math.inf)])  # fmt: skip
vehicle("20-ramp-per-second-dc", "EVSEPowerRampLimitation in percent per second in DC", f"{EV}Grid_DC#1",
        patches=[(evcc.iso20_dc_limits, "ramp", lambda percent, most: percent / 100.0 * most)])  # fmt: skip


def _flows(change: Any) -> Any:
    """What an AC vehicle does with power and reactive power."""
    right = evcc.iso20_ac.flow

    def flow(drive: Any, terms: Any, power: float, reactive: float) -> Any:
        return right(drive, terms, *change(power, reactive))

    return [(evcc.iso20_ac, "flow", flow)]


vehicle("20-reactive-other-sign", "reactive power of the other sign", f"{DYNAMIC}#2",
        patches=_flows(lambda power, reactive: (power, -reactive)))  # fmt: skip
vehicle("20-reactive-ignored", "EVSETargetReactivePower is ignored", f"{DYNAMIC}#2",
        patches=_flows(lambda power, reactive: (power, 0.0)), reading=True)  # fmt: skip
vehicle("20-takes-instead", "power that the vehicle should give back is taken",
        f"{EV}Dynamic_Follow_AC_BPT#1", f"{EV}Dynamic_Follow_AC_BPT#2",
        patches=_flows(lambda power, reactive: (abs(power), reactive)))  # fmt: skip


def _as_planned(drive: Any, control: Any, terms: Any, plan: Any, told: float) -> float:
    """By the profile, whatever the charger asks for, and whatever energy is left."""
    return float(plan.power(drive.now, terms.most, terms.giving))


vehicle("20-energy-unlimited", "AvailableEnergy of the schedule is ignored", f"{GRID}#2",
        patches=[(evcc.iso20_ac, "wanted", _as_planned)])  # fmt: skip


def _at_the_battery(drive: Drive, control: Any, plan: Any) -> float:
    """What is left, by what the battery got: the losses of the onboard charger are left out."""
    left = plan.schedule.available - (drive.vehicle.battery.delivered_wh - plan.began_wh)
    return float(max(left, 0.0) * 3600.0 / evcc.iso20_schedule.LASTS)


vehicle("20-energy-at-battery", "AvailableEnergy is counted in the battery instead of at the outlet", f"{GRID}#2",
        patches=[(evcc.iso20_ac, "spendable", _at_the_battery)], reading=True)  # fmt: skip
vehicle("20-target-ignored", "EVSETargetActivePower is ignored in scheduled mode", f"{GRID}#1",
        patches=[(evcc.iso20_ac, "wanted", _as_planned)], reading=True)  # fmt: skip


def _three_phases(message: Any) -> Any:
    mode = message.CLReqControlMode
    watts = rational(3.0 * number(mode.EVPresentActivePower))
    return msgspec.structs.replace(message, CLReqControlMode=replaced(mode, "EVPresentActivePower", watts))


vehicle("20-one-phase-as-three", "at an outlet of one phase, the power of three", f"{GRID}#3",
        adjust=sending("AC_ChargeLoopReq", _three_phases, "iso20-ac"))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Departure


def _departs(change: Any) -> list[tuple[Any, str, Any]]:
    """The departure that a vehicle reports."""
    right = Drive.departure.fget
    assert right is not None

    def departure(drive: Drive) -> int | None:
        seconds = right(drive)
        return None if seconds is None else change(drive, seconds)

    return [(Drive, "departure", property(departure))]


vehicle("20-departure-ms", "DepartureTime in ms", f"{EV}Departure#1", f"{EV}Departure_dynamic#1",
        patches=_departs(lambda drive, seconds: seconds * 1000), reading=True)  # fmt: skip
vehicle("20-departure-unix", "DepartureTime is a point in time", f"{EV}Departure#1", f"{EV}Departure_dynamic#1",
        patches=_departs(lambda drive, seconds: 1_700_000_000 + seconds))  # fmt: skip
vehicle("20-departure-stands", "DepartureTime does not count down", f"{EV}Departure_dynamic#1",
        patches=_departs(lambda drive, seconds: 3600), reading=True)  # fmt: skip
vehicle("20-departure-untold", "DepartureTime is left out before the loop", f"{EV}Departure#1",
        patches=_departs(lambda drive, seconds: None))  # fmt: skip
vehicle("departure-untold", "DepartureTime is left out", "PF_EVCC_ISO2_Departure#1",
        patches=_departs(lambda drive, seconds: None))  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Schedules


def _profiles(change: Any) -> Adjust:
    """EVPowerProfile in a start."""

    def rewrite(message: Any) -> Any:
        if message.EVPowerProfile is None:
            return message
        return msgspec.structs.replace(message, EVPowerProfile=change(message.EVPowerProfile))

    return sending("PowerDeliveryReq", rewrite, "iso20")


def _minutes(profile: Any) -> Any:
    entries = [
        common.PowerScheduleEntryType(Duration=entry.Duration // 60, Power=entry.Power)
        for entry in profile.EVPowerProfileEntries.EVPowerProfileEntry
    ]
    made = common.EVPowerProfileEntryListType(EVPowerProfileEntry=entries)
    return msgspec.structs.replace(profile, EVPowerProfileEntries=made)


def _first(profile: Any) -> Any:
    mode = profile.Scheduled_EVPPTControlMode
    if mode is None:
        return profile
    chosen = msgspec.structs.replace(mode, SelectedScheduleTupleID=1)
    return msgspec.structs.replace(profile, Scheduled_EVPPTControlMode=chosen)


vehicle("20-profile-minutes", "durations of EVPowerProfile in minutes", f"{EV}PowerFlow_DC#2", f"{EV}PowerFlow_AC#2",
        adjust=_profiles(_minutes))  # fmt: skip
vehicle("20-schedule-one", "SelectedScheduleTupleID is 1 whatever was offered", f"{EV}PowerFlow_DC#4",
        f"{EV}PowerFlow_AC#4", adjust=_profiles(_first))  # fmt: skip


def _stays(plan: Any, other: Any) -> None:
    """The plan of before goes on."""


vehicle("20-renegotiated-ignored", "after a renegotiation the vehicle goes on by the schedule of before",
        f"{EV}PowerFlow_AC#5", patches=[(evcc.iso20_schedule.Plan, "become", _stays)])  # fmt: skip


def _first_id() -> Adjust:
    """The id that was chosen first, in each later start too."""
    ids: list[int] = []

    def change(profile: Any) -> Any:
        mode = profile.Scheduled_EVPPTControlMode
        if mode is None:
            return profile
        ids.append(mode.SelectedScheduleTupleID)
        chosen = msgspec.structs.replace(mode, SelectedScheduleTupleID=ids[0])
        return msgspec.structs.replace(profile, Scheduled_EVPPTControlMode=chosen)

    return _profiles(change)


vehicle("20-schedule-of-before", "a renegotiation ends with the id of the schedule before", f"{EV}PowerFlow_DC#5",
        f"{EV}PowerFlow_AC#5", adjust=_first_id())  # fmt: skip


async def _again(course: Any, notification: Any, right: Any = evcc.iso20_course.Course._renegotiate) -> None:
    """As if the charger asked for it with each response."""
    await right(course, "ScheduleRenegotiation")


vehicle("20-renegotiates-endlessly", "a vehicle renegotiates as soon as it has renegotiated", f"{EV}PowerFlow_DC#2",
        f"{EV}PowerFlow_AC#3", patches=[(evcc.iso20_course.Course, "_renegotiate", _again)], reading=True)  # fmt: skip


def _pauses_unasked(course: Any, notification: Any, right: Any = evcc.iso20_course.Course._pause) -> Any:
    return right(course, "Pause")


vehicle("20-pauses-unasked", "in dynamic mode the driver's pause needs nobody's leave", f"{EV}PowerFlow_DC_dynamic#3",
        f"{EV}PowerFlow_AC_dynamic#3",
        patches=[(evcc.iso20_course.Course, "_pause", _pauses_unasked)])  # fmt: skip
vehicle("20-prices-in-part", "prices of which the cheapest is not signed are believed", f"{EV}PriceSignature#5",
        patches=[(evcc.iso20_schedule, "trusted", lambda drive, res: res)], reading=True)  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# The end, standby, identity


async def _finished_at_once(drive: Any) -> None:
    """One request, whatever the voltage is."""
    await drive.ask(evcc.iso20_dc.dc.DC_WeldingDetectionReq(EVProcessing="Finished"))


vehicle("20-welding-at-once", "welding detection is Finished at once", f"{EV}PowerFlow_DC#2",
        patches=[(evcc.iso20_dc, "until_dead", _finished_at_once)], reading=True)  # fmt: skip


async def _lies_down(course: Any, notification: Any, right: Any = evcc.iso20_course.Course._rest) -> None:
    course.still = lambda: True
    await right(course, notification)


vehicle("20-standby-loaded", "standby begins while power flows", f"{EV}Standby#1",
        patches=[(evcc.iso20_course.Course, "_rest", _lies_down)])  # fmt: skip


def _other_evccid() -> Adjust:
    count = itertools.count(1)

    def change(message: Any) -> Any:
        return msgspec.structs.replace(message, EVCCID=f"PLF{next(count):012X}")

    return sending("SessionSetupReq", change, "iso20")


vehicle("20-evccid-changes", "each session has another EVCCID", f"{EV}Resume#1", adjust=_other_evccid(),
        reading=True)  # fmt: skip


def _above(message: Any) -> Any:
    """A target voltage that is a twentieth above what is right."""
    mode = message.CLReqControlMode
    target = getattr(mode, "EVTargetVoltage", None)
    if target is None:
        return message
    more: types.RationalNumberType = rational(1.05 * number(target), -1)
    return msgspec.structs.replace(message, CLReqControlMode=replaced(mode, "EVTargetVoltage", more))


vehicle("20-target-above", "EVTargetVoltage is a twentieth above EVMaximumVoltage", f"{EV}PowerFlow_DC#2",
        adjust=sending("DC_ChargeLoopReq", _above, "iso20-dc"))  # fmt: skip


def _first_alone(message: Any) -> Any:
    del message.EnergyTransferServiceList.Service[1:]
    return message


charger("first-service-alone", "of the energy services the first alone is listed", "PF_SECC_ISO20_Services_AC_BPT",
        "PF_SECC_ISO20_Services_DC_BPT", adjust=sending("ServiceDiscoveryRes", _first_alone, "iso20"))  # fmt: skip
