"""Contents of ISO 15118-20 responses that a vehicle may meet: legal but rare ones, and wrong ones.

Each changes the tester's good response. A vehicle continues with legal ones, ends the session normally if it must not
charge on them, and gives up on wrong ones; the case says which of these applies.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from plugfest.conformance.fields import replaced
from v2g.energy import DYNAMIC, SCHEDULED
from v2g.messages.iso20 import ac, common, dc, types
from v2g.physical import number, rational

Change = Callable[[Any], Any]
"""Makes another response from a good one."""

UNKNOWN_SERVICE, UNKNOWN_ADDED = 77, 60_077
"""ServiceIDs of unknown services."""


def fields(**values: Any) -> Change:
    """Fields by name, at any depth; numbers become RationalNumbers."""

    def change(response: Any) -> Any:
        for name, value in values.items():
            response = replaced(response, name, rational(value, -1) if isinstance(value, float) else value)
        return response

    return change


def services(before: tuple[int, ...] = (), after: tuple[int, ...] = (), *, wanted: bool = True) -> Change:
    """Adds energy services before and after those of the tester."""

    def change(response: Any) -> Any:
        made = copy.deepcopy(response)
        own = made.EnergyTransferServiceList.Service if wanted else []
        first, last = ([common.ServiceType(ServiceID=one, FreeService=True) for one in ids] for ids in (before, after))
        made.EnergyTransferServiceList.Service = [*first, *own, *last]
        return made

    return change


def each_set(edit: Callable[[Any], None]) -> Change:
    """Changes each parameter set of a service."""

    def change(response: Any) -> Any:
        made = copy.deepcopy(response)
        for one in made.ServiceParameterList.ParameterSet:
            edit(one)
        return made

    return change


def sets(arrange: Callable[[list[Any]], list[Any]]) -> Change:
    """Changes the list of parameter sets."""

    def change(response: Any) -> Any:
        made = copy.deepcopy(response)
        made.ServiceParameterList.ParameterSet = arrange(made.ServiceParameterList.ParameterSet)
        return made

    return change


def without_control(one: Any) -> Any:
    """A parameter set that does not say which side decides on power."""
    bare = copy.deepcopy(one)
    bare.ParameterSetID = 999
    bare.Parameter = [parameter for parameter in bare.Parameter if parameter.Name != "ControlMode"]
    return bare


def of_mode(one: Any, mode: int) -> bool:
    """Whether a parameter set belongs to a control mode."""
    return any(parameter.Name == "ControlMode" and parameter.intValue == mode for parameter in one.Parameter)


def tuples(arrange: Callable[[list[Any]], list[Any]]) -> Change:
    """Changes the schedule tuples of scheduled mode; nothing in dynamic mode."""

    def change(response: Any) -> Any:
        made = copy.deepcopy(response)
        block = made.Scheduled_SEResControlMode
        if block is not None:
            block.ScheduleTuple = arrange(block.ScheduleTuple)
        return made

    return change


def numbered(one: Any, number_: int) -> Any:
    made = copy.deepcopy(one)
    made.ScheduleTupleID = number_
    return made


def powers(edit: Callable[[Any], Any]) -> Change:
    """Changes the power schedules of all tuples."""

    def arrange(offered: list[Any]) -> list[Any]:
        for one in offered:
            one.ChargingSchedule.PowerSchedule = edit(one.ChargingSchedule.PowerSchedule)
        return offered

    return tuples(arrange)


def in_slices(schedule: Any) -> Any:
    """A schedule with as many entries as a message can carry."""
    entries = schedule.PowerScheduleEntries.PowerScheduleEntry
    schedule.PowerScheduleEntries.PowerScheduleEntry = [
        common.PowerScheduleEntryType(Duration=100, Power=entries[0].Power) for _ in range(1024)
    ]
    return schedule


def dark(schedule: Any) -> Any:
    """A schedule without any power."""
    for entry in schedule.PowerScheduleEntries.PowerScheduleEntry:
        entry.Power = rational(0.0)
    return schedule


def backwards(schedule: Any) -> Any:
    """A schedule that charges with negative power."""
    schedule.PowerScheduleEntries.PowerScheduleEntry[0].Power = rational(-5000.0)
    return schedule


def other_block(response: Any) -> Any:
    """The block of the other control mode, or of the other kind of service, with its required fields."""
    made = copy.deepcopy(response)
    for name, pairs in _BLOCKS.items():
        block = getattr(made, name, None)
        if block is not None and type(block) in pairs:
            kind = pairs[type(block)]
            needed = [field.name for field in msgspec.structs.fields(kind) if field.required]
            setattr(made, name, kind(**{key: getattr(block, key, None) or rational(0.0) for key in needed}))
    return made


_BLOCKS: Mapping[str, Mapping[type[Any], type[Any]]] = {
    "DC_CPDResEnergyTransferMode": {
        dc.DC_CPDResEnergyTransferModeType: dc.BPT_DC_CPDResEnergyTransferModeType,
        dc.BPT_DC_CPDResEnergyTransferModeType: dc.DC_CPDResEnergyTransferModeType,
    },
    "AC_CPDResEnergyTransferMode": {
        ac.AC_CPDResEnergyTransferModeType: ac.BPT_AC_CPDResEnergyTransferModeType,
        ac.BPT_AC_CPDResEnergyTransferModeType: ac.AC_CPDResEnergyTransferModeType,
    },
    "CLResControlMode": {
        dc.Scheduled_DC_CLResControlModeType: dc.Dynamic_DC_CLResControlModeType,
        dc.Dynamic_DC_CLResControlModeType: dc.Scheduled_DC_CLResControlModeType,
        ac.Scheduled_AC_CLResControlModeType: ac.Dynamic_AC_CLResControlModeType,
        ac.Dynamic_AC_CLResControlModeType: ac.Scheduled_AC_CLResControlModeType,
        dc.BPT_Scheduled_DC_CLResControlModeType: dc.BPT_Dynamic_DC_CLResControlModeType,
        dc.BPT_Dynamic_DC_CLResControlModeType: dc.BPT_Scheduled_DC_CLResControlModeType,
        ac.BPT_Scheduled_AC_CLResControlModeType: ac.BPT_Dynamic_AC_CLResControlModeType,
        ac.BPT_Dynamic_AC_CLResControlModeType: ac.BPT_Scheduled_AC_CLResControlModeType,
    },
}
"""Member of a message -> its replacement, made from its present value."""


def other_schedule(response: Any) -> Any:
    """ScheduleExchangeRes in the other control mode."""
    made = copy.deepcopy(response)
    if made.Dynamic_SEResControlMode is None:
        made.Scheduled_SEResControlMode = None
        made.Dynamic_SEResControlMode = common.Dynamic_SEResControlModeType()
        return made
    entries = common.PowerScheduleEntryListType(
        PowerScheduleEntry=[common.PowerScheduleEntryType(Duration=86400, Power=rational(10_000.0))]
    )
    schedule = common.PowerScheduleType(TimeAnchor=0, PowerScheduleEntries=entries)
    one = common.ScheduleTupleType(
        ScheduleTupleID=1, ChargingSchedule=common.ChargingScheduleType(PowerSchedule=schedule)
    )
    made.Dynamic_SEResControlMode = None
    made.Scheduled_SEResControlMode = common.Scheduled_SEResControlModeType(ScheduleTuple=[one])
    return made


def wants(notification: types.evseNotificationType) -> Change:
    """EVSEStatus with a notification that must be followed at once."""
    return fields(EVSEStatus=types.EVSEStatusType(NotificationMaxDelay=0, EVSENotification=notification))


def coarser(response: Any) -> Any:
    """The highest power with the largest exponent."""
    made = copy.deepcopy(response)
    mode = made.DC_CPDResEnergyTransferMode
    watts = number(mode.EVSEMaximumChargePower)
    mode.EVSEMaximumChargePower = types.RationalNumberType(Exponent=3, Value=int(watts // 1000))
    return made


def append(parameter: common.ParameterType) -> Callable[[Any], None]:
    """Adds a parameter to a set."""
    return lambda one: one.Parameter.append(parameter)


CHANGES: Mapping[str, Change] = {
    # ServiceDiscoveryRes
    "an unknown service first": services(before=(UNKNOWN_SERVICE,)),
    "the service among many": services(before=(UNKNOWN_SERVICE, 3, 4), after=(7, 10, 11)),
    "unknown services alone": services(before=(UNKNOWN_SERVICE, 3), wanted=False),
    "an unknown value added service": fields(
        VASList=common.ServiceListType(Service=[common.ServiceType(ServiceID=UNKNOWN_ADDED, FreeService=False)])
    ),
    "no service renegotiation": fields(ServiceRenegotiationSupported=False),
    # ServiceDetailRes
    "an unknown parameter": each_set(append(common.ParameterType(Name="Colour", finiteString="red"))),
    "a parameter of another type": each_set(append(common.ParameterType(Name="Noise", boolValue=True))),
    "a parameter twice": each_set(lambda one: one.Parameter.append(one.Parameter[0])),
    "the sets in reverse": sets(lambda given: given[::-1]),
    "a set without ControlMode first": sets(lambda given: [without_control(given[0]), *given]),
    "sets without ControlMode alone": sets(lambda given: [without_control(given[0])]),
    "dynamic sets alone": sets(lambda given: [one for one in given if of_mode(one, DYNAMIC)]),
    "scheduled sets alone": sets(lambda given: [one for one in given if of_mode(one, SCHEDULED)]),
    "details of another service": fields(ServiceID=UNKNOWN_SERVICE),
    # ..._ChargeParameterDiscoveryRes
    "a voltage below the battery's": fields(EVSEMaximumVoltage=150.0, EVSEMinimumVoltage=50.0),
    "a voltage above the battery's": fields(EVSEMaximumVoltage=1500.0, EVSEMinimumVoltage=1400.0),
    "no voltage": fields(EVSEMaximumVoltage=0.0, EVSEMinimumVoltage=0.0),
    "a power of the largest exponent": coarser,
    "a minimum above the maximum": fields(EVSEMinimumChargePower=200_000.0, EVSEMaximumChargePower=100_000.0),
    "a negative maximum": fields(EVSEMaximumChargePower=-10_000.0),
    "discharge limits below zero": fields(EVSEMaximumDischargePower=-30_000.0),
    "60 Hz": fields(EVSENominalFrequency=60.0),
    "no phase asymmetry": fields(MaximumPowerAsymmetry=0.0),
    "the other block": other_block,
    # ScheduleExchangeRes
    "three schedules": tuples(lambda given: [numbered(given[0], one) for one in (7, 3, 200)]),
    "the largest schedule id": tuples(lambda given: [numbered(given[0], 2**32 - 1)]),
    "1024 entries": powers(in_slices),
    "a schedule without power": powers(dark),
    "the same schedule id twice": tuples(lambda given: [given[0], given[0]]),
    "a negative power": powers(backwards),
    "a time anchor of 0": powers(lambda schedule: replaced(schedule, "TimeAnchor", 0)),
    "a power tolerance": powers(lambda schedule: replaced(schedule, "PowerTolerance", rational(500.0))),
    "an invitation to pause": fields(GoToPause=True),
    "the other control mode": other_schedule,
    "needs of the charger": fields(DepartureTime=7200, TargetSOC=70, MinimumSOC=20),
    # PowerDeliveryRes, ..._ChargeLoopRes
    "Terminate": wants("Terminate"),
    "no meter": fields(MeterInfo=None),
    "all limits achieved": fields(
        EVSEPowerLimitAchieved=True, EVSECurrentLimitAchieved=True, EVSEVoltageLimitAchieved=True
    ),
    "a voltage that the battery cannot take": fields(EVSEPresentVoltage=1400.0),
    "a current that the battery cannot take": fields(EVSEPresentCurrent=5000.0),
    "a current out of the battery": fields(EVSEPresentCurrent=-50.0),
    "a negative limit": fields(EVSEMaximumChargePower=-1000.0),
    "a negative target": fields(EVSETargetActivePower=-3000.0),
    "no power for now": fields(EVSEMaximumChargePower=0.0, EVSEMaximumChargeCurrent=0.0),
}
"""Changes by their names in the catalogue; a change fits the response that has its fields."""
