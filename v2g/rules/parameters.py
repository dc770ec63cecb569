"""Charge parameters, schedules and profiles: for the agreed mode, complete, and within each other's limits."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from v2g.physical import number
from v2g.rules.facts import Facts, progress, tuple_of
from v2g.rules.rule import DIN, EVCC, ISO2, SECC, Book, Live
from v2g.rules.schedule import Steps, exact, exceeds

BOOK = Book()
rule = BOOK.rule

DAY = 86400
SHORTEST = 4
"""s: a schedule that ends sooner allows no charging; with one, a vehicle would only renegotiate."""
ROUNDED = 2
"""s by which a tariff may end after its schedule."""
DIN_ENTRIES = 12
"""The most entries of a PMaxSchedule [V2G-DC-329]."""


def _kind(part: Any) -> str:
    """AC or DC by the name of a type; "" for others."""
    name = type(part).__name__
    return name[:2] if name.startswith(("AC_", "DC_")) else ""


@rule("parameters-of-other-mode", "charge parameters are for the mode requested", EVCC, "ChargeParameterDiscoveryReq",
      code="FAILED_WrongChargeParameter", iso2="V2G2-477", din="V2G-DC-398")  # fmt: skip
def vehicle_parameters(facts: Facts, body: Any) -> str:
    mode = str(getattr(body, "RequestedEnergyTransferMode", "") or getattr(body, "EVRequestedEnergyTransferType", ""))
    parameter = body.EVChargeParameter
    if _kind(parameter) == mode[:2]:
        return ""
    return f"{type(parameter).__name__} for {mode}"


@rule("parameters-of-other-mode", "charge parameters are for the mode requested", SECC, "ChargeParameterDiscoveryRes",
      code="FAILED_WrongChargeParameter")  # fmt: skip
def charger_parameters(facts: Facts, body: Any) -> str:
    parameter = body.EVSEChargeParameter
    if not facts.mode or _kind(parameter) == facts.mode[:2]:
        return ""
    return f"{type(parameter).__name__} for {facts.mode}"


@rule("status-of-other-mode", "a status is for the mode requested", SECC, "PowerDeliveryRes", "MeteringReceiptRes",
      severity="warning", live=Live.TOLD)  # fmt: skip
def charger_status(facts: Facts, body: Any) -> str:
    status = getattr(body, "EVSEStatus", None) or getattr(body, "AC_EVSEStatus", None)
    if not facts.mode or _kind(status) == facts.mode[:2]:
        return ""
    return f"{type(body).__name__} with {type(status).__name__} for {facts.mode}"


@rule("delivery-of-other-mode", "a vehicle sends its battery's status only in DC", EVCC, "PowerDeliveryReq",
      severity="warning", live=Live.TOLD, only=(ISO2,))  # fmt: skip
def delivery_parameter(facts: Facts, body: Any) -> str:
    if facts.ac and body.EVPowerDeliveryParameter is not None:
        return f"{type(body.EVPowerDeliveryParameter).__name__} for {facts.mode}"
    return ""


# ---------------------------------------------------------------------------------------------------------------
# What the charger plans


def _tuples(body: Any) -> list[Any]:
    return getattr(getattr(body, "SASchedules", None), "SAScheduleTuple", None) or []


def _finished(body: Any) -> bool:
    return str(body.EVSEProcessing) == "Finished"


@rule("schedule", "a finished parameter discovery has a schedule", SECC, "ChargeParameterDiscoveryRes",
      live=Live.TOLERATED, iso2="V2G2-905", only=(ISO2,))  # fmt: skip
@rule("schedule", "a finished parameter discovery has a schedule", SECC, "ChargeParameterDiscoveryRes",
      severity="warning", live=Live.TOLERATED, only=(DIN,))  # fmt: skip
def schedule_missing(facts: Facts, body: Any) -> str:
    if _finished(body) and not _tuples(body):
        return "ChargeParameterDiscoveryRes Finished without SAScheduleList"
    return ""


@rule("schedule-ids", "schedules have unique ids", SECC, "ChargeParameterDiscoveryRes")
def schedule_ids(facts: Facts, body: Any) -> str:
    ids = [one.SAScheduleTupleID for one in _tuples(body)]
    return f"schedules {', '.join(map(str, ids))} are not unique" if len(set(ids)) < len(ids) else ""


@rule("schedule-order", "the entries of a schedule begin one after the other, by relative times", SECC,
      "ChargeParameterDiscoveryRes", iso2="V2G2-328")  # fmt: skip
def schedule_order(facts: Facts, body: Any) -> str:
    for one in _tuples(body):
        last = -1
        for entry in one.PMaxSchedule.PMaxScheduleEntry:
            start = getattr(entry.TimeInterval, "start", None)
            if start is None:
                return f"schedule {one.SAScheduleTupleID}: a PMaxScheduleEntry without RelativeTimeInterval"
            if start <= last:
                return f"schedule {one.SAScheduleTupleID}: an entry at {start} s comes after one at {last} s"
            last = start
    return ""


@rule("schedule-entries", "a schedule has no more entries than the vehicle can read", SECC,
      "ChargeParameterDiscoveryRes", severity="warning", live=Live.TOLD, din="V2G-DC-329")  # fmt: skip
def schedule_entries(facts: Facts, body: Any) -> str:
    most = DIN_ENTRIES if facts.protocol == DIN else facts.max_entries
    for one in _tuples(body):
        count = len(one.PMaxSchedule.PMaxScheduleEntry)
        if most and count > most:
            return f"schedule {one.SAScheduleTupleID} has {count} entries, but at most {most} are allowed"
    return ""


@rule("schedule-durations", "only the last entry of a schedule has a duration", SECC, "ChargeParameterDiscoveryRes",
      severity="note", live=Live.UNSEEN, iso2="V2G2-331", only=(ISO2,))  # fmt: skip
def schedule_durations(facts: Facts, body: Any) -> str:
    for one in _tuples(body):
        for entry in one.PMaxSchedule.PMaxScheduleEntry[:-1]:
            if getattr(entry.TimeInterval, "duration", None) is not None:
                start = getattr(entry.TimeInterval, "start", None)
                return f"schedule {one.SAScheduleTupleID}: the entry at {start} s has a duration but is not the last"
    return ""


@rule("schedule-coverage", "a schedule reaches from now to the departure, or covers 24 hours", SECC,
      "ChargeParameterDiscoveryRes", severity="note", live=Live.TOLD, iso2="V2G2-303", only=(ISO2,))  # fmt: skip
def schedule_coverage(facts: Facts, body: Any) -> str:
    if not _finished(body):
        return ""
    wanted = facts.departure or DAY
    for one in _tuples(body):
        entries = one.PMaxSchedule.PMaxScheduleEntry
        first, last = entries[0].TimeInterval, entries[-1].TimeInterval
        start, begins = getattr(first, "start", None), getattr(last, "start", None)
        if start is None or begins is None:
            continue
        if start > 0:
            return f"schedule {one.SAScheduleTupleID} begins only in {start} s: until then nothing is allowed"
        if last.duration is not None and begins + last.duration < wanted:
            end = begins + last.duration
            return (
                f"schedule {one.SAScheduleTupleID} ends after {end} s instead of {wanted} s:"
                " the vehicle has to ask again"
            )
    return ""


@rule("schedule-short", "a schedule lasts long enough to charge by it", SECC, "ChargeParameterDiscoveryRes",
      severity="warning", live=Live.TOLD, only=(ISO2,))  # fmt: skip
def schedule_short(facts: Facts, body: Any) -> str:
    if not _finished(body):
        return ""
    ends = [end for one in _tuples(body) if (end := _end(one)) is not None]
    if not ends or len(ends) < len(_tuples(body)) or max(ends) >= SHORTEST:
        return ""
    return f"no schedule lasts longer than {max(ends)} s"


def _end(one: Any) -> int | None:
    """When a schedule ends, s; None: it has no end, or none that could be read."""
    last = one.PMaxSchedule.PMaxScheduleEntry[-1].TimeInterval
    start, duration = getattr(last, "start", None), getattr(last, "duration", None)
    return None if start is None or duration is None else start + duration


@rule("tariff", "the entries of a tariff follow one another, with levels within those announced", SECC,
      "ChargeParameterDiscoveryRes", severity="warning", live=Live.TOLD, only=(ISO2,))  # fmt: skip
def tariff(facts: Facts, body: Any) -> str:
    for one in _tuples(body):
        if one.SalesTariff is None:
            continue
        entries, most = one.SalesTariff.SalesTariffEntry, one.SalesTariff.NumEPriceLevels
        levels = [entry.EPriceLevel for entry in entries]
        given = [level for level in levels if level is not None]
        if given and len(given) < len(levels):
            return f"tariff {one.SalesTariff.SalesTariffID} has entries with and without EPriceLevel"
        if most is not None and any(level > most for level in given):
            return f"tariff {one.SalesTariff.SalesTariffID} has level {max(given)} of {most}"
        starts = [getattr(entry.TimeInterval, "start", 0) for entry in entries]
        if any(after <= before for before, after in pairwise(starts)):
            return f"tariff {one.SalesTariff.SalesTariffID} has entries out of order"
        for entry, after in pairwise(entries):
            begins, lasts = getattr(entry.TimeInterval, "start", 0), getattr(entry.TimeInterval, "duration", None)
            if lasts is not None and begins + lasts > after.TimeInterval.start:
                name, until = f"tariff {one.SalesTariff.SalesTariffID}", begins + lasts
                return f"{name} has an entry until {until} s, and the next one begins at {after.TimeInterval.start} s"
    return ""


@rule("tariff-other", "a tariff has an id of its own, counts its levels from 1, and ends with its schedule", SECC,
      "ChargeParameterDiscoveryRes", severity="note", live=Live.UNSEEN, only=(ISO2,))  # fmt: skip
def tariff_other(facts: Facts, body: Any) -> str:
    """One that ends sooner has no price for the rest: the vehicle may read only so many entries."""
    tariffs = [(one, one.SalesTariff) for one in _tuples(body) if one.SalesTariff is not None]
    known: dict[int, Any] = {}
    for schedule, given in tariffs:
        number, entries = given.SalesTariffID, given.SalesTariffEntry
        if known.setdefault(number, entries) != entries:
            return f"tariff {number} is there twice, with other entries"
        if any(entry.EPriceLevel == 0 for entry in entries):
            return f"tariff {number} has level 0"
        last, until = entries[-1].TimeInterval, _end(schedule)
        ends = getattr(last, "start", 0) + (getattr(last, "duration", None) or 0)
        if until is not None and ends > until + ROUNDED:
            return f"tariff {number} lasts until {ends} s, and its schedule until {until} s"
    return ""


@rule("not-in-din", "DIN SPEC 70121 has neither tariffs nor other services", SECC, "ServiceDiscoveryRes",
      "ChargeParameterDiscoveryRes", severity="warning", live=Live.TOLD, din="V2G-DC-554", only=(DIN,))  # fmt: skip
def not_in_din(facts: Facts, body: Any) -> str:
    if getattr(body, "ServiceList", None) is not None:
        return "ServiceDiscoveryRes with ServiceList"
    return "a SalesTariff" if any(one.SalesTariff is not None for one in _tuples(body)) else ""


# ---------------------------------------------------------------------------------------------------------------
# What the vehicle plans


def _profile(body: Any) -> Any:
    return body.ChargingProfile if progress(body) == "Start" else None


@rule("profile-missing", "a vehicle that starts says how much it will take", EVCC, "PowerDeliveryReq",
      severity="note", live=Live.UNSEEN, only=(ISO2,))  # fmt: skip
def profile_missing(facts: Facts, body: Any) -> str:
    if progress(body) == "Start" and body.ChargingProfile is None:
        return "PowerDeliveryReq(Start) without ChargingProfile"
    return ""


@rule("profile-order", "the entries of a charging profile begin one after the other", EVCC, "PowerDeliveryReq",
      severity="warning", live=Live.TOLERATED, code="FAILED_ChargingProfileInvalid", iso2="V2G2-328")  # fmt: skip
def profile_order(facts: Facts, body: Any) -> str:
    profile, last = _profile(body), -1
    for entry in profile.ProfileEntry if profile is not None else ():
        if entry.ChargingProfileEntryStart <= last:
            return f"the profile has an entry at {entry.ChargingProfileEntryStart} s after one at {last} s"
        last = entry.ChargingProfileEntryStart
    return ""


@rule("profile-phases", "a charging profile has 1 or 3 phases", EVCC, "PowerDeliveryReq",
      code="FAILED_ChargingProfileInvalid", only=(ISO2,))  # fmt: skip
def profile_phases(facts: Facts, body: Any) -> str:
    profile = _profile(body)
    for entry in profile.ProfileEntry if profile is not None else ():
        phases = entry.ChargingProfileEntryMaxNumberOfPhasesInUse
        if phases not in (None, 1, 3):
            return f"the profile has an entry of {phases} phases, but only 1 or 3 are possible"
    return ""


@rule("profile-above-pmax", "a charging profile stays within its schedule", EVCC, "PowerDeliveryReq",
      code="FAILED_ChargingProfileInvalid", iso2="V2G2-225", din="V2G-DC-399")  # fmt: skip
def profile_above_pmax(facts: Facts, body: Any) -> str:
    profile, chosen = _profile(body), tuple_of(body)
    if profile is None or facts.schedules is None or chosen not in facts.schedules:
        return ""
    if any(exact(entry.ChargingProfileEntryMaxPower) < 0 for entry in profile.ProfileEntry):
        return "the profile has an entry of less than 0 W"
    wanted, schedule = Steps.of_profile(profile), facts.schedules[chosen]
    second = exceeds(wanted, schedule)
    if second is None:
        return ""
    asked, given = wanted.at(second), schedule.at(second)
    return f"the profile asks for {asked:g} W from {second} s on, but schedule {chosen} allows {given:g} W"


@rule("second-start", "power is started only once, or after a renegotiation", EVCC, "PowerDeliveryReq",
      only=(ISO2,))  # fmt: skip
def second_start(facts: Facts, body: Any) -> str:
    return "a second Start without renegotiation" if progress(body) == "Start" and facts.delivering else ""


@rule("second-start", "power is not started again once current was requested", EVCC, "PowerDeliveryReq", only=(DIN,))
def start_after_demand(facts: Facts, body: Any) -> str:
    if progress(body) == "Start" and facts.charged:
        return "PowerDelivery(true) after CurrentDemand has started"
    return ""


@rule("renegotiation-before-start", "a renegotiation comes after a start", EVCC, "PowerDeliveryReq", iso2="V2G2-812",
      only=(ISO2,))  # fmt: skip
def renegotiation_before_start(facts: Facts, body: Any) -> str:
    if progress(body) == "Renegotiate" and facts.begun and not facts.delivering:
        return "renegotiation before any Start"
    return ""


@rule("no-cable-check", "DC starts only after a cable check", EVCC, "PowerDeliveryReq", code="FAILED_SequenceError",
      only=(ISO2,))  # fmt: skip
def no_cable_check(facts: Facts, body: Any) -> str:
    if progress(body) == "Start" and facts.begun and facts.ac is False and not facts.checked:
        return "Start without a cable check in this session"
    return ""


@rule("pause-too-early", "a pause comes after PowerDelivery(Stop)", EVCC, "SessionStopReq", iso2="V2G2-739",
      only=(ISO2,))  # fmt: skip
def pause_too_early(facts: Facts, body: Any) -> str:
    if str(body.ChargingSession) == "Pause" and facts.begun and (facts.delivering or not facts.stopped):
        return "a pause before PowerDelivery(Stop)"
    return ""


@rule("mode-changed", "the mode stays the same within a session", EVCC, "ChargeParameterDiscoveryReq",
      severity="warning", live=Live.TOLD)  # fmt: skip
def mode_changed(facts: Facts, body: Any) -> str:
    mode = str(getattr(body, "RequestedEnergyTransferMode", "") or getattr(body, "EVRequestedEnergyTransferType", ""))
    return f"{mode} after {facts.mode}" if facts.mode and mode != facts.mode else ""


@rule("precharge-voltage", "contactors close within 20 V", EVCC, "PowerDeliveryReq", severity="warning",
      live=Live.UNSEEN)  # fmt: skip
def precharge_voltage(facts: Facts, body: Any) -> str:
    wanted, there = facts.precharge_volts, facts.present_volts
    if progress(body) != "Start" or wanted is None or there is None or abs(there - wanted) <= PRECHARGE_DIFFERENCE:
        return ""
    return (f"power is requested at {there:g} V instead of {wanted:g} V: the difference is more than"
            f" {PRECHARGE_DIFFERENCE:g} V")  # fmt: skip


PRECHARGE_DIFFERENCE = 20.0
"""V: largest difference between battery and output when contactors close (IEC 61851-23)."""


@rule("precharge-current", "precharge uses at most 2 A", EVCC, "PreChargeReq")
def precharge_current(facts: Facts, body: Any) -> str:
    amps = number(body.EVTargetCurrent)
    if amps <= PRECHARGE_CURRENT:
        return ""
    return f"PreChargeReq.EVTargetCurrent {amps:g} A, but at most {PRECHARGE_CURRENT:g} A"


PRECHARGE_CURRENT = 2.0
"""A: largest target current in precharge (IEC 61851-23)."""
