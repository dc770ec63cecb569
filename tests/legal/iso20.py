"""Chargers and vehicles of ISO 15118-20 that are different, and right."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import msgspec

import evcc.iso20_dc
import evcc.iso20_dc_limits
from legal.variant import (
    also,
    charger,
    dynamics,
    fields,
    late,
    plant,
    rescaled,
    saying,
    settings,
    vehicle,
)
from plugfest.conformance.fields import found
from secc.authorizer import Delayed
from secc.charger import MobilityNeeds
from secc.plan import Plan, Price, Slot
from secc.services import PARKING
from v2g.messages.iso20 import ac, common, dc, types
from v2g.physical import number, rational
from v2g.prices import Rule, Stack, Tariff

PF = "PF_SECC_ISO20_"
EV = "PF_EVCC_ISO20_"


def _each(*names: str, control: tuple[str, ...] = ("scheduled", "dynamic")) -> tuple[str, ...]:
    """Runs of the charger, of each service and control mode."""
    return tuple(f"{PF}{name}_{one}" for name in names for one in control)


DC = _each("Loop_DC", "Session_DC", "Loop_DC_BPT")
AC = _each("Loop_AC", "Session_AC", "Loop_AC_BPT")
ALL = (*DC, *AC)
SCHEDULED = tuple(name for name in ALL if name.endswith("scheduled"))
DYNAMIC = tuple(name for name in ALL if name.endswith("dynamic"))
SCHEDULES = _each("Schedules_DC", "Schedules_AC", "Schedules_DC_BPT", "Schedules_AC_BPT")
SETS = tuple(f"{PF}ParameterSets_{one}" for one in ("AC", "DC", "AC_BPT", "DC_BPT"))
LIMITS = _each("Limits_DC", "Limits_AC", "Limits_DC_BPT", "Limits_AC_BPT")
METERS = _each("Meter_DC", "Meter_AC")
SETUP = (f"{PF}SessionSetup_New", f"{PF}AuthorizationSetup", f"{PF}ServiceDiscovery_Filter#1")
RESUMED = _each("Resume_DC", "Resume_AC")

VEHICLE_DC = (f"{EV}DC_ChargeLoop_Request", f"{EV}DC_PreCharge_Request", f"{EV}SessionStop_Request")
VEHICLE_AC = (f"{EV}AC_ChargeLoop_Request", f"{EV}AC_ChargeParameterDiscovery_Request")
VEHICLE = (f"{EV}SessionSetup_Request", *VEHICLE_AC, f"{EV}ScheduleExchange_Request", *VEHICLE_DC)
WELDING = (f"{EV}DC_WeldingDetection_Request",)

MESSAGES = tuple(
    dict.fromkeys(
        name for module in (common, dc, ac) for name in vars(module) if name.endswith(("Req", "Res")) and name[0] != "_"
    )
)


def _every(change: Callable[[Any], Any]) -> Any:
    """Every message changed on its way out."""
    return saying(**dict.fromkeys(MESSAGES, change))


def _options(**values: Any) -> Any:
    def adjust(system: Any) -> None:
        for name, value in values.items():
            setattr(system.options, name, value)

    return adjust


# ---------------------------------------------------------------------------------------------------------------
# Chargers: time stamps, numbers, identity

charger("20-stamps-us", "time stamps in microseconds", (*ALL, *METERS), _options(stamps="us"))
for exponent in (-3, -2, -1, 0, 1, 2, 3):
    charger(
        f"20-exponent{exponent:+d}",
        f"values with exponent {exponent} where that is exact",
        (*ALL, *LIMITS),
        _every(rescaled(exponent)),
    )
charger("20-evseid-none", "the charger has no EVSEID", (*SETUP, *ALL), plant(evse_id="ZZ00000"))
charger(
    "20-evseid-255",
    "an EVSEID of 255 characters",
    SETUP,
    saying(SessionSetupRes=fields(EVSEID="DE*ABC*E" + "0123456789" * 24 + "ABCDEFG")),
)

# Services and parameter sets

charger("20-dynamic-first", "dynamic parameter sets come first", (*SETS, *ALL), plant(dynamic_first=True))


def _renumbered(message: Any) -> Any:
    """Parameter sets in another order; a number is not a place."""
    listed = message.ServiceParameterList
    turned = msgspec.structs.replace(listed, ParameterSet=listed.ParameterSet[::-1])
    return msgspec.structs.replace(message, ServiceParameterList=turned)


def _sets_with(*more: common.ParameterType) -> Callable[[Any], Any]:
    """Parameters that the standard does not name beside the others."""

    def change(message: Any) -> Any:
        sets = [
            msgspec.structs.replace(one, Parameter=[*one.Parameter, *more])
            for one in message.ServiceParameterList.ParameterSet
        ]
        listed = msgspec.structs.replace(message.ServiceParameterList, ParameterSet=sets)
        return msgspec.structs.replace(message, ServiceParameterList=listed)

    return change


charger("20-sets-turned", "parameter sets in another order", (*SETS, *ALL), saying(ServiceDetailRes=_renumbered))
charger(
    "20-sets-with-more",
    "parameter sets name something of the maker's own",
    (*SETS, *ALL),
    saying(ServiceDetailRes=_sets_with(common.ParameterType(Name="HouseBrand", finiteString="yes"))),
)
charger(
    "20-parking",
    "parking is offered beside energy",
    (f"{PF}Services_AC", f"{PF}Services_DC", *ALL),
    _options(services=(PARKING,)),
)


def _paid(message: Any) -> Any:
    listed = message.EnergyTransferServiceList
    services = [msgspec.structs.replace(one, FreeService=False) for one in listed.Service]
    made = msgspec.structs.replace(listed, Service=services)
    return msgspec.structs.replace(message, EnergyTransferServiceList=made)


charger("20-not-free", "charging costs something", (f"{PF}Services_DC", *ALL), saying(ServiceDiscoveryRes=_paid))
charger(
    "20-no-other-service",
    "service renegotiation is not supported",
    ALL,
    _options(service_renegotiation=False),
    declared={"PIXIT_SECC_ISO20_ServiceRenegotiation": False},
)

# Schedules

PRICED = Tariff((Stack(0, (Rule(0.35),)), Stack(3600, (Rule(0.45), Rule(0.55, above=5000.0)))))
charger("20-one-tuple", "one schedule tuple", (*SCHEDULES, *SCHEDULED), plant(plans=[Plan([Slot(0, 9_000.0)])]))
charger(
    "20-two-tuples",
    "two schedule tuples",
    (*SCHEDULES, *SCHEDULED),
    plant(plans=[Plan([Slot(0, 9_000.0)]), Plan([Slot(0, 7_000.0)])]),
)
charger(
    "20-three-tuples",
    "three schedule tuples with prices of each kind",
    (*SCHEDULES, *SCHEDULED),
    plant(plans=[Plan([Slot(0, 9_000.0)], [Price(0, 1), Price(1800, 3)]), Plan(tariff=PRICED), Plan([Slot(0, 7e3)])]),
)
charger(
    "20-tuple-ids",
    "large numbers of tuples",
    (*SCHEDULES, *SCHEDULED),
    also(plant(plans=[Plan([Slot(0, 9_000.0)]), Plan([Slot(0, 8_000.0)])], tuple_ids=(2**32 - 1, 255, 7))),
)
charger(
    "20-schedule-in-steps",
    "the power changes four times a day",
    (*SCHEDULES, *SCHEDULED),
    plant(schedule=[Slot(n * 21_600, watts) for n, watts in enumerate((9e3, 11e3, 5e3, 11e3))]),
)
charger(
    "20-tolerance",
    "schedules have a PowerTolerance",
    (*SCHEDULED, f"{PF}PowerFlow_AC#1", f"{PF}PowerFlow_DC#1", f"{PF}PowerFlow_BPT#2"),
    plant(plans=[Plan(tolerance=500.0)]),
    declared={"PIXIT_SECC_ISO20_PowerTolerance": True},
)
charger(
    "20-available",
    "a schedule says how much energy there is",
    (*SCHEDULES, *SCHEDULED),
    plant(plans=[Plan([Slot(0, 9_000.0)], available=40_000.0)]),
)
charger(
    "20-plans-for-50-s",
    "ScheduleExchange is Ongoing for 50 s",
    (
        f"{PF}Schedules_DC_scheduled",
        f"{PF}Schedules_AC_dynamic",
        *(f"{PF}Renegotiation_Wished_{one}" for one in ("AC", "DC")),
    ),
    plant(planning_seconds=50.0),
)
charger(
    "20-needs",
    "mobility needs named by the charger",
    (f"{PF}Needs_Schedule_DC", f"{PF}Needs_Loop_AC", f"{PF}Needs_Loop_DC"),
    plant(mobility_needs=MobilityNeeds(departure=3600.0, minimum_soc=20, target_soc=100)),
)
charger(
    "20-needs-target-only",
    "of the mobility needs only the target is named",
    (f"{PF}Needs_Schedule_AC", f"{PF}Needs_Loop_AC", f"{PF}Needs_Loop_DC"),
    plant(mobility_needs=MobilityNeeds(target_soc=70)),
)

# The loop

charger(
    "20-no-limits-in-loop",
    "limits are not repeated in a scheduled loop",
    tuple(name for name in (*DC, *AC) if name.endswith("scheduled")),
    saying(
        DC_ChargeLoopRes=fields(
            EVSEMaximumChargePower=None, EVSEMinimumChargePower=None, EVSEMaximumChargeCurrent=None,
            EVSEMaximumVoltage=None,
        )
    ),
)  # fmt: skip


def _gives(watts: float) -> Any:
    """What the charger decides on in dynamic mode."""

    def adjust(system: Any) -> None:
        system.evse.target_power = watts

    return adjust


charger("20-gives-little", "dynamic mode: the charger gives 2 kW", DYNAMIC, _gives(2_000.0))
charger("20-gives-nothing", "dynamic mode: the charger gives nothing now", DYNAMIC, _gives(0.0))
charger(
    "20-takes",
    "dynamic mode: the charger takes 3 kW",
    _each("Loop_DC_BPT", "Session_DC_BPT", "Loop_AC_BPT", "Session_AC_BPT", control=("dynamic",)),
    _gives(-3_000.0),
)


def _metering(system: Any) -> None:
    """The meter in each answer of the loop."""
    meter = system.evse.meter

    def metered(message: Any) -> Any:
        if message.MeterInfo is not None:
            return message
        reading = types.MeterInfoType(MeterID=meter.meter_id, ChargedEnergyReadingWh=round(meter.session_wh))
        return msgspec.structs.replace(message, MeterInfo=reading)

    saying(DC_ChargeLoopRes=metered, AC_ChargeLoopRes=metered)(system)


def _unasked(message: Any) -> Any:
    """A meter where nobody asked; in the runs about meters it is asked for."""
    return msgspec.structs.replace(message, MeterInfo=None)


charger(
    "20-meter-unasked",
    "the loop has a meter that nobody asked for",
    ALL,
    _metering,
)
charger(
    "20-no-meter-unasked",
    "the loop has no meter where nobody asked",
    ALL,
    saying(DC_ChargeLoopRes=_unasked, AC_ChargeLoopRes=_unasked),
)
charger(
    "20-meter-of-a-lifetime",
    "the meter counts a lifetime, in microseconds",
    (*METERS, f"{PF}PowerFlow_DC#5"),
    saying(
        **dict.fromkeys(("DC_ChargeLoopRes", "AC_ChargeLoopRes"), lambda message: _counts(message))
    ),
)  # fmt: skip


def _counts(message: Any) -> Any:
    info = message.MeterInfo
    if info is None:
        return message
    more = msgspec.structs.replace(
        info, ChargedEnergyReadingWh=info.ChargedEnergyReadingWh + 123_456_789, MeterStatus=0,
        MeterTimestamp=(info.MeterTimestamp or 0) * 1_000_000,
    )  # fmt: skip
    return msgspec.structs.replace(message, MeterInfo=more)


def _seldom(rounds: int) -> Callable[[Any], Any]:
    """One reading, with its time, for so many rounds of the loop."""
    kept: list[Any] = []

    def change(message: Any) -> Any:
        if message.MeterInfo is None:
            return message
        if len(kept) % rounds == 0:
            kept.append(message.MeterInfo)
        else:
            kept.append(kept[-1])
        return msgspec.structs.replace(message, MeterInfo=kept[-1])

    return change


charger("20-meter-seldom", "the meter is read every 25 s, and its time with it", (f"{PF}PowerFlow_DC#5",),
        saying(DC_ChargeLoopRes=_seldom(100)))  # fmt: skip


charger(
    "20-receipt",
    "running costs are told",
    _each("Loop_DC", "Loop_AC", "Session_DC", control=("scheduled",)),
    plant(plans=[Plan(tariff=PRICED)]),
    declared={"PIXIT_SECC_ISO20_Pricing": "absolute"},
)
charger(
    "20-negative-discharge",
    "discharge limits are negative numbers",
    tuple(name for name in (*ALL, *LIMITS) if "BPT" in name),
    plant(negative_discharge_limits=True),
)
charger(
    "20-separated",
    "two channels, one for each direction",
    tuple(name for name in (*ALL, *SETS) if "BPT" in name),
    plant(separated=True),
    declared={"PIXIT_SECC_ISO20_BPTChannel": "separated"},
)
charger("20-forms-a-grid", "the vehicle forms the grid", (SETS[2], SETS[3], *DC[4:]), plant(generator=2, islanding=2))

# Time and the end

charger(
    "20-authorises-for-50-s",
    "authorization is Ongoing for 50 s",
    (f"{PF}Authorization_EIM",),
    plant(authorizer=Delayed(50.0)),
)
charger(
    "20-waits-for-a-customer",
    "authorization waits for the customer",
    (f"{PF}Authorization_EIM", f"{PF}Session_DC_scheduled"),
    also(
        plant(authorizer=Delayed(10.0)),
        saying(
            AuthorizationRes=lambda message: (
                msgspec.structs.replace(message, EVSEProcessing="Ongoing_WaitingForCustomerInteraction")
                if message.EVSEProcessing == "Ongoing"
                else message
            )
        ),
    ),
)
charger("20-cable-check-of-30-s", "the cable check takes 30 s", (f"{PF}DC_CableCheck",), dynamics(test_seconds=30.0))
charger("20-slow-ramp", "the voltage rises by 100 V/s", (f"{PF}DC_PreCharge", *DC), dynamics(volts_per_second=100.0))
charger(
    "20-slow-answers",
    "each answer before the loop after 1.4 s",
    (*DC[:4], f"{PF}AnotherService_OtherMode_AC", *AC[:4]),
    saying(
        **dict.fromkeys(
            ("SessionSetupRes", "AuthorizationSetupRes", "ServiceDiscoveryRes", "ServiceSelectionRes",
             "DC_ChargeParameterDiscoveryRes", "SessionStopRes"),
            late(1.4),
        )
    ),
)  # fmt: skip
charger(
    "20-slow-details",
    "ServiceDetailRes after 4.4 s",
    (f"{PF}ParameterSets_DC", *DC[:2]),
    saying(ServiceDetailRes=late(4.4)),
)
charger(
    "20-slow-loop",
    "the loop is answered after 0.24 s",
    (*DC[:2], *AC[:2]),
    saying(DC_ChargeLoopRes=late(0.24), AC_ChargeLoopRes=late(0.24)),
)
charger(
    "20-no-standby",
    "standby is not allowed",
    (f"{PF}Standby_Refused_AC", f"{PF}Standby_Refused_DC", *DC[:2]),
    _options(standby=False),
    declared={"PIXIT_SECC_ISO20_Standby": False},
)
POWER = tuple(
    f"{PF}PowerFlow_{one}" for one in ("DC#8", "DC#9", "DC#10", "DC#11", "DC_dynamic#4", "DC_dynamic#5", "DC_dynamic#6",
                                       "DC_dynamic#7", "DC_dynamic#8", "BPT#7", "BPT#8", "BPT#10", "BPT#11",
                                       "BPT_dynamic#4", "BPT_dynamic#5", "BPT_dynamic#7", "BPT_dynamic#6")
)  # fmt: skip
"""Flows in which the vehicle changes what it can do with, in DC; and the same in AC."""
POWER_AC = tuple(
    f"{PF}PowerFlow_{one}" for one in ("AC#2", "AC_dynamic#2", "AC_dynamic#3", "AC_BPT_dynamic#2", "AC_BPT_dynamic#3")
)
charger("20-ramps-slowly", "the current changes by 30 A/s", POWER, dynamics(amps_per_second=30.0),
        declared={"PIXIT_SECC_DC_CurrentFall": 25.0, "PIXIT_SECC_DC_CurrentRise": 25.0})  # fmt: skip
charger("20-takes-back", "a charger that decides takes power back for as long as the vehicle lets it",
        (f"{PF}PowerFlow_BPT_dynamic#4", f"{PF}PowerFlow_BPT_dynamic#6", f"{PF}PowerFlow_AC_BPT_dynamic#2",
         f"{PF}PowerFlow_AC_BPT_dynamic#3"), plant(target_power=-5_000.0))  # fmt: skip


def _of_before(name: str) -> Callable[[Any], Any]:
    """The block of the message before: what a control that runs beside the messages knows by then."""
    kept: list[Any] = []

    def change(message: Any) -> Any:
        block = getattr(message, name)
        kept.append(block)
        same = len(kept) > 1 and type(kept[-2]) is type(block)
        return msgspec.structs.replace(message, **{name: kept[-2]}) if same else message

    return change


charger("20-commands-one-later", "a command follows the vehicle's limits one message later", POWER_AC,
        saying(AC_ChargeLoopRes=_of_before("CLResControlMode")))  # fmt: skip
charger("20-negative-back", "discharge limits are negative numbers", (*POWER, *POWER_AC),
        plant(negative_discharge_limits=True))  # fmt: skip


def _counting_down(system: Any) -> None:
    """NotificationMaxDelay is what is left of the time."""
    until: list[float] = []

    def left(delay: int) -> int:
        until.append(asyncio.get_running_loop().time() + delay)
        return max(0, round(until[0] - asyncio.get_running_loop().time()))

    def status(message: Any) -> Any:
        own = message.EVSEStatus
        if own is None or own.EVSENotification != "Terminate":
            return message
        told = msgspec.structs.replace(own, NotificationMaxDelay=left(own.NotificationMaxDelay))
        return msgspec.structs.replace(message, EVSEStatus=told)

    saying(DC_ChargeLoopRes=status, AC_ChargeLoopRes=status)(system)


charger("20-counts-down", "NotificationMaxDelay counts down",
        (f"{PF}StopDelay_DC", f"{PF}StopDelay_AC"), _counting_down)  # fmt: skip
charger("20-pauses-us", "pause and resume with time stamps in microseconds", RESUMED, _options(stamps="us"))

# ---------------------------------------------------------------------------------------------------------------
# Vehicles

vehicle("20-ev-stamps-us", "time stamps in microseconds", VEHICLE, _options(stamps="us"))
for exponent in (-3, -2, -1, 0, 1, 2, 3):
    vehicle(
        f"20-ev-exponent{exponent:+d}",
        f"values with exponent {exponent} where that is exact",
        VEHICLE,
        _every(rescaled(exponent)),
    )
vehicle(
    "20-evccid-mac",
    "an EVCCID like a MAC address, which is not the name in its certificate",
    VEHICLE,
    saying(SessionSetupReq=fields(EVCCID="00:7d:fa:07")),
    noted=True,
)
vehicle(
    "20-lists-services",
    "the vehicle lists what it supports",
    VEHICLE,
    saying(ServiceDiscoveryReq=fields(SupportedServiceIDs=common.ServiceIDListType(ServiceID=[1, 2, 5, 6, 66]))),
)
vehicle("20-departs", "a departure is named", VEHICLE, settings(departure=7200))
vehicle(
    "20-few-points", "12 points of a schedule", VEHICLE, saying(ScheduleExchangeReq=fields(MaximumSupportingPoints=12))
)


def _bare(message: Any) -> Any:
    """A scheduled request with nothing but what it has to have."""
    if message.Scheduled_SEReqControlMode is None:
        return message
    return msgspec.structs.replace(message, Scheduled_SEReqControlMode=common.Scheduled_SEReqControlModeType())


vehicle("20-bare-exchange", "ScheduleExchangeReq with an empty scheduled block", VEHICLE,
        saying(ScheduleExchangeReq=_bare))  # fmt: skip
vehicle(
    "20-no-display",
    "no DisplayParameters in the loop",
    VEHICLE,
    saying(**dict.fromkeys(("DC_ChargeLoopReq", "AC_ChargeLoopReq"), fields(DisplayParameters=None))),
)


def _displays(message: Any) -> Any:
    shown = types.DisplayParametersType(
        PresentSOC=30, MinimumSOC=20, TargetSOC=80, MaximumSOC=100, RemainingTimeToTargetSOC=3600,
        ChargingComplete=False, BatteryEnergyCapacity=types.RationalNumberType(Exponent=3, Value=60),
        InletHot=False,
    )  # fmt: skip
    return msgspec.structs.replace(message, DisplayParameters=shown)


vehicle("20-all-display", "all DisplayParameters there are", VEHICLE,
        saying(DC_ChargeLoopReq=_displays, AC_ChargeLoopReq=_displays))  # fmt: skip
vehicle(
    "20-asks-for-the-meter",
    "MeterInfo is asked for each time",
    VEHICLE,
    saying(**dict.fromkeys(("DC_ChargeLoopReq", "AC_ChargeLoopReq"), fields(MeterInfoRequested=True))),
)
vehicle(
    "20-no-energies",
    "a scheduled loop without energies",
    VEHICLE,
    saying(
        **dict.fromkeys(
            ("DC_ChargeLoopReq", "AC_ChargeLoopReq"),
            lambda message: (
                fields(EVTargetEnergyRequest=None, EVMaximumEnergyRequest=None, EVMinimumEnergyRequest=None)(message)
                if "Scheduled" in type(message.CLReqControlMode).__name__
                else message
            ),
        )
    ),
)
vehicle("20-fast-loop", "20 ms between two messages of a loop", VEHICLE, settings(loop_delay=0.02))
vehicle("20-slow-loop-ev", "0.24 s between two messages of a loop", VEHICLE, settings(loop_delay=0.24))
vehicle(
    "20-slow-messages", "0.2 s before each message, and more before some",
    (*VEHICLE, f"{EV}CableCheck_Ongoing", f"{EV}PreCharge_Never", f"{EV}PowerFlow_AC#1"),
    settings(pauses={"PowerDeliveryReq": 0.4, "DC_CableCheckReq": 0.8, "DC_PreChargeReq": 0.4, "default": 0.2}),
)  # fmt: skip
vehicle("20-slow-start", "5 s before ServiceDiscoveryReq", VEHICLE, saying(ServiceDiscoveryReq=late(5.0)))
vehicle("20-slow-parameters", "30 s before the charge parameters", (*VEHICLE, f"{EV}Renegotiation_Twice"),
        saying(DC_ChargeParameterDiscoveryReq=late(30.0), AC_ChargeParameterDiscoveryReq=late(30.0)))  # fmt: skip
vehicle("20-declines-tolerance", "a PowerTolerance is not confirmed", VEHICLE, settings(confirms_tolerance=False))
vehicle(
    "20-standby-first",
    "asked for a pause, the vehicle goes to standby",
    (f"{EV}Notifications_Pause#1", f"{EV}Standby#1", f"{EV}Standby#3"),
    settings(prefers_standby=True),
)
vehicle(
    "20-negative-discharge-ev",
    "discharge limits are negative numbers",
    (f"{EV}Content_Signs_BPT#1", f"{EV}Dynamic_Follow_BPT#1", f"{EV}Dynamic_Follow_BPT#4"),
    _options(negative_discharge_limits=True),
)


def _soc(part: float) -> Any:
    def adjust(system: Any) -> None:
        system.vehicle.battery.soc = part

    return adjust


vehicle("20-almost-empty", "2 % in the battery", VEHICLE, _soc(0.02))
vehicle("20-half-full", "half full", VEHICLE, _soc(0.5))

# Ways to count and to measure

FLOWS = (f"{EV}PowerFlow_DC#1", f"{EV}PowerFlow_DC_dynamic#1", f"{EV}Dynamic_Follow", f"{EV}PowerFlow_DC#2")


def _stepped(step: float, *names: str) -> Callable[[Any], Any]:
    """Quantities in whole steps, downwards."""

    def change(message: Any) -> Any:
        for name in names:
            try:
                value = number(found(message, name))
            except (KeyError, AttributeError):
                continue
            message = fields(**{name: rational(value // step * step)})(message)
        return message

    return change


def _tightening() -> Callable[[Any], Any]:
    """A battery that gets warm: from message to message it allows a percent less, down to a fifth."""
    sent = [0]

    def change(message: Any) -> Any:
        sent[0] += 1
        part = max(1.0 - sent[0] / 100.0, 0.2)
        for name in ("EVMaximumChargePower", "EVMaximumChargeCurrent"):
            with contextlib.suppress(KeyError, AttributeError):
                message = fields(**{name: rational(number(found(message, name)) * part)})(message)
        return message

    return change


def _battery_in_precharge(message: Any) -> Any:
    return msgspec.structs.replace(message, EVPresentVoltage=message.EVTargetVoltage)


ENERGIES = ("EVTargetEnergyRequest", "EVMaximumEnergyRequest", "EVMinimumEnergyRequest")
vehicle("20-ev-counts-percents", "energies in percents of the battery", FLOWS,
        saying(DC_ChargeLoopReq=_stepped(600.0, *ENERGIES)))  # fmt: skip
vehicle("20-ev-counts-kwh", "energies in kWh, before the loop as well", FLOWS,
        saying(**dict.fromkeys(("DC_ChargeLoopReq", "ScheduleExchangeReq"), _stepped(1000.0, *ENERGIES))))  # fmt: skip
vehicle("20-ev-measures-in-2-v", "voltages in steps of 2 V", FLOWS,
        saying(**dict.fromkeys(("DC_ChargeLoopReq", "DC_PreChargeReq"), _stepped(2.0, "EVPresentVoltage")))
        )  # fmt: skip
vehicle("20-ev-battery-in-precharge", "in precharge the battery is told, not the inlet", FLOWS,
        saying(DC_PreChargeReq=_battery_in_precharge))  # fmt: skip
vehicle("20-ev-gets-warm", "limits of the loop go down to a fifth", FLOWS[1:2], saying(DC_ChargeLoopReq=_tightening()))


def _leaving_sooner(message: Any) -> Any:
    """Ten seconds into a stay of two hours, the driver wants to leave an hour sooner."""
    wanted = message.CLReqControlMode
    if getattr(wanted, "DepartureTime", None) is None or wanted.DepartureTime > 7200 - 10:
        return message
    sooner = msgspec.structs.replace(wanted, DepartureTime=wanted.DepartureTime - 3600)
    return msgspec.structs.replace(message, CLReqControlMode=sooner)


vehicle("20-ev-leaves-sooner", "the driver moves the departure in the loop", FLOWS[1:],
        also(settings(departure=7200), saying(DC_ChargeLoopReq=_leaving_sooner)), noted=True)  # fmt: skip
vehicle("20-ev-departs-in-flow", "a departure counts down", FLOWS[1:], settings(departure=7200))


# ---------------------------------------------------------------------------------------------------------------
# Ways to go through a session


async def _at_once(drive: Any) -> None:
    """Goes straight to SessionStop."""


async def _longer(drive: Any) -> None:
    """Two seconds more than it takes for the voltage to be gone."""
    for _ in range(20):
        res = await drive.ask(dc.DC_WeldingDetectionReq(EVProcessing="Ongoing"))
        drive.vehicle.report(number(res.EVSEPresentVoltage))
        await drive.breathe()
    await drive.ask(dc.DC_WeldingDetectionReq(EVProcessing="Finished"))


async def _in_two_steps(drive: Any, *rest: Any, right: Any = evcc.iso20_dc.start) -> None:
    """PowerDelivery(Start) with Ongoing first, as long as the profile is being worked out."""
    await drive.ask(common.PowerDeliveryReq(EVProcessing="Ongoing", ChargeProgress="Start"))
    await right(drive, *rest)


ENDS = (f"{EV}PowerFlow_DC#2", f"{EV}Notifications#1", f"{EV}SessionStop_Request", f"{EV}PowerFlow_BPT#2")
vehicle("20-no-welding", "no DC_WeldingDetectionReq is sent", ENDS,
        patches=((evcc.iso20_dc, "until_dead", _at_once),),
        declared={"PIXIT_EVCC_DC_WeldingDetection": "none"})  # fmt: skip
vehicle("20-long-welding", "welding detection goes on after the voltage is gone", (*WELDING, *ENDS),
        patches=((evcc.iso20_dc, "until_dead", _longer),))  # fmt: skip
vehicle("20-start-in-two-steps", "a start is Ongoing before it is Finished", (*VEHICLE_DC, *FLOWS),
        patches=((evcc.iso20_dc, "start", _in_two_steps),))  # fmt: skip
vehicle("20-profile-from-now", "TimeAnchor 0: a profile begins now", (*VEHICLE, f"{EV}PowerFlow_AC#3"),
        saying(PowerDeliveryReq=fields(TimeAnchor=0)))  # fmt: skip
vehicle("20-ramp-left-to-charger", "DC: what is asked for rises at once, whatever EVSEPowerRampLimitation says",
        (f"{EV}Grid_DC#1",), patches=((evcc.iso20_dc_limits, "ramp", lambda percent, most: math.inf),),
        noted=True)  # fmt: skip


def _after(seconds: float, wish: str) -> Any:
    """The driver wishes something, so long after the first message of the loop."""

    def adjust(system: Any) -> None:
        since: list[float] = []

        def look(message: Any) -> Any:
            now = asyncio.get_running_loop().time()
            since.append(now)
            if now - since[0] > seconds:
                since[:] = [now]
                getattr(system.vehicle, wish).set()
            return message

        loops = ("DC_ChargeLoopReq", "AC_ChargeLoopReq", "CurrentDemandReq", "ChargingStatusReq")
        saying(**dict.fromkeys(loops, look))(system)

    return adjust


vehicle("20-stops-early", "the driver stops two seconds into the flow",
        (f"{EV}MeteringConfirmation_NoResponse", f"{EV}PowerFlow_DC#1", f"{EV}PowerFlow_AC#1"),
        _after(2.0, "stop"))  # fmt: skip
vehicle("20-renegotiates-by-itself", "the vehicle renegotiates every eight seconds",
        (f"{EV}PowerFlow_DC#1", f"{EV}PowerFlow_AC#1"), _after(8.0, "renegotiate"))  # fmt: skip
vehicle("renegotiates-by-itself", "the vehicle renegotiates every eight seconds, also when it is asked to stop",
        ("PF_EVCC_ISO2_PowerFlow#1", "PF_EVCC_ISO2_PowerFlow_AC#1"), _after(8.0, "renegotiate"))  # fmt: skip


def _earlier(seconds: int) -> Callable[[Any], Any]:
    """Schedules that have been running for a while, and reach as far as before."""

    def change(message: Any) -> Any:
        block = message.Scheduled_SEResControlMode
        for one in block.ScheduleTuple if block is not None else ():
            for part in (one.ChargingSchedule, one.DischargingSchedule):
                if part is not None:
                    power = part.PowerSchedule
                    power.TimeAnchor -= seconds
                    power.PowerScheduleEntries.PowerScheduleEntry[-1].Duration += seconds
        return message

    return change


charger("20-schedule-under-way", "schedules began two minutes ago", (*SCHEDULES, *SCHEDULED),
        saying(ScheduleExchangeRes=_earlier(120)))  # fmt: skip

charger(
    "20-ac-loop-late",
    "AC: each response of the loop comes 0.2 s after its request, and one is on its way when the session fails",
    tuple(f"{PF}Renegotiation_Order_AC#{number}" for number in (1, 2)),
    saying(AC_ChargeLoopRes=late(0.2)),
)


def _gives_little(system: Any) -> None:
    """8 kW out of the battery, which takes 125 kW and more."""
    battery = system.vehicle.battery
    battery.pack = battery.rated = dataclasses.replace(battery.pack, max_discharge_power=8000.0)


vehicle("20-dynamic-gives-little", "the battery gives a small part of the power that it takes",
        tuple(f"{EV}Dynamic_Follow_BPT#{number}" for number in (2, 3, 4)), _gives_little)  # fmt: skip


def _two_phases(system: Any) -> None:
    system.vehicle.onboard = dataclasses.replace(system.vehicle.onboard, phases=2)


vehicle("20-two-phases", "the onboard charger uses two of three phases",
        (f"{EV}PowerFlow_AC#1", f"{EV}PowerFlow_AC_BPT#1", f"{EV}Departure#1"), _two_phases)  # fmt: skip
