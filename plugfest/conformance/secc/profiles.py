"""Charging profiles that a charger must refuse: above what it offers, or for a schedule that it does not have."""

from __future__ import annotations

from typing import Any

from plugfest.conformance.cause import Cause
from plugfest.conformance.fields import replaced
from plugfest.conformance.secc import din70121
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Inconclusive
from v2g.messages import din70121 as din
from v2g.messages import iso2
from v2g.physical import LARGEST, milliwatts, number, physical


def _higher(value: Any, factor: int = 1) -> Any:
    """One step more than a power, or a multiple of it.

    Raises:
        Inconclusive: the charger offers as much as a message can carry, so that a vehicle cannot ask for more.
    """
    if isinstance(value, int):
        made: Any = min(value * factor if factor > 1 else value + 1, LARGEST)
        more = made > value
    else:
        watts = number(value) * factor if factor > 1 else number(value) + 10.0**value.Multiplier
        made = physical(iso2, watts, "W", value.Multiplier)
        more = number(made) > number(value)
    if not more:
        raise Inconclusive("the charger offers as much as a profile can say", cause=Cause.POINTLESS)
    return made


def _pmax(tester: TesterEv) -> Any:
    """The highest power that the charger has announced."""
    schedule = tester.offered.schedule
    powers = [entry.PMax for entry in schedule.PMaxSchedule.PMaxScheduleEntry] if schedule is not None else []
    parameters = tester.responses.get("ChargeParameterDiscoveryRes")
    limit = getattr(getattr(parameters, "EVSEChargeParameter", None), "EVSEMaximumPowerLimit", None)
    if tester.protocol.abilities.whole_watts:
        return max(powers, default=32000)
    return max([*powers, *([limit] if limit is not None else [])], key=milliwatts)


def above(tester: TesterEv, message: Any) -> Any:
    """One entry, just above what is offered."""
    power = _higher(_pmax(tester))
    module = tester.protocol.module
    entry = module.ProfileEntryType(ChargingProfileEntryStart=0, ChargingProfileEntryMaxPower=power)
    fields = module.ChargingProfileType.__struct_fields__
    named = {"SAScheduleTupleID": tester.offered.tuple_id} if "SAScheduleTupleID" in fields else {}
    profile = module.ChargingProfileType(ProfileEntry=[entry], **named)
    return replaced(message, "ChargingProfile", profile)


def of_seven(tester: TesterEv, message: Any) -> Any:
    """Seven entries, the fourth at twice what is offered."""
    power = _pmax(tester)
    entries = [
        iso2.ProfileEntryType(
            ChargingProfileEntryStart=1400 + 16 * place,
            ChargingProfileEntryMaxPower=_higher(power, 2) if place == 3 else power,
        )
        for place in range(7)
    ]
    return replaced(message, "ChargingProfile", iso2.ChargingProfileType(ProfileEntry=entries))


def of_no_schedule(tester: TesterEv, message: Any) -> Any:
    """The good profile of DIN, for a SAScheduleTupleID that was not offered."""
    given: din.ChargingProfileType | None = message.ChargingProfile
    profile = given or din70121.profile(tester)
    if profile is None:
        raise Inconclusive("the charger offered no schedule", cause=Cause.POINTLESS)
    return replaced(message, "ChargingProfile", replaced(profile, "SAScheduleTupleID", unoffered(tester)))


def no_schedule(tester: TesterEv, message: Any) -> Any:
    """ISO 15118-2: the good profile, for a SAScheduleTupleID that was not offered."""
    return replaced(message, "SAScheduleTupleID", unoffered(tester))


def unoffered(tester: TesterEv) -> int:
    """The highest SAScheduleTupleID, 1 to 255, that the charger did not offer."""
    return next(number for number in range(255, 0, -1) if number not in tester.offered.tuple_ids)
