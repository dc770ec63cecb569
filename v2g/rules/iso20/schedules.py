"""ScheduleExchange: what the vehicle needs, and what the charger plans."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from v2g import energy
from v2g.physical import number
from v2g.reading import stamp_of
from v2g.rules.facts import Facts
from v2g.rules.iso20.kinds import total
from v2g.rules.iso20.planned import seconds_of
from v2g.rules.rule import AC20, COMMON20, DC20, EVCC, SECC, Book, Live

BOOK = Book()
rule = BOOK.rule

COMMON = (COMMON20,)
DAY = 86400
"""s: the time that a schedule must cover if the vehicle gives no departure [V2G20-1563]."""
LATER = 60.0
"""s by which a TimeAnchor may be ahead of its sender's clock: clocks get adjusted, and whole seconds are rounded."""
BLOCKS = ("Scheduled_SEReqControlMode", "Dynamic_SEReqControlMode")


def _mode(body: Any, ending: str) -> str:
    return "scheduled" if getattr(body, f"Scheduled_SE{ending}ControlMode") is not None else "dynamic"


# ---------------------------------------------------------------------------------------------------------------
# What the vehicle needs


@rule("control-mode", "messages are for the control mode selected", EVCC, "ScheduleExchangeReq", only=COMMON)
def mode_of_request(facts: Facts, body: Any) -> str:
    selected, given = facts.iso20.mode, _mode(body, "Req")
    return f"ScheduleExchangeReq is {given}, but {selected} was selected" if selected and given != selected else ""


@rule("control-mode", "messages are for the control mode selected", SECC, "ScheduleExchangeRes", iso20="V2G20-1600",
      only=COMMON)  # fmt: skip
def mode_of_response(facts: Facts, body: Any) -> str:
    if type(facts.request).__name__ != "ScheduleExchangeReq":
        return ""
    asked, given = _mode(facts.request, "Req"), _mode(body, "Res")
    return f"ScheduleExchangeRes is {given}, but the request was {asked}" if asked != given else ""


def _needs(body: Any) -> Any:
    """The part of a request that carries the vehicle's energies."""
    part = getattr(body, "CLReqControlMode", None)
    if part is not None:
        return part
    return next((part for name in BLOCKS if (part := getattr(body, name, None))), None)


ENERGIES = ("EVMinimumEnergyRequest", "EVTargetEnergyRequest", "EVMaximumEnergyRequest")


@rule("energies", ("the minimum energy is at most the target,"
    " and the target at most the maximum"), EVCC, "ScheduleExchangeReq",
      "DC_ChargeLoopReq", "AC_ChargeLoopReq", severity="warning", live=Live.TOLD,
      only=(COMMON20, DC20, AC20))  # fmt: skip
def energies(facts: Facts, body: Any) -> str:
    part = _needs(body)
    before, least = "", -math.inf
    for name in ENERGIES:
        value = getattr(part, name, None)
        if value is None:
            continue
        amount = number(value)
        if amount < least:
            return f"{before} {least:g} Wh is more than {name} {amount:g} Wh"
        before, least = name, amount
    return ""


@rule("energies-in-part", "either all three energies are sent, or none", EVCC, "ScheduleExchangeReq", severity="note",
      live=Live.UNSEEN, only=COMMON)  # fmt: skip
def energies_in_part(facts: Facts, body: Any) -> str:
    missing = [name for name in ENERGIES if getattr(_needs(body), name, None) is None]
    return f"without {' and '.join(missing)}" if 0 < len(missing) < len(ENERGIES) else ""


V2X = ("EVMinimumV2XEnergyRequest", "EVMaximumV2XEnergyRequest")


@rule("energies-to-cycle", "either both V2X energies are sent or none, and the minimum is at most the maximum", EVCC,
      "ScheduleExchangeReq", "DC_ChargeLoopReq", "AC_ChargeLoopReq", severity="warning", live=Live.TOLD,
      only=(COMMON20, DC20, AC20))  # fmt: skip
def energies_to_cycle(facts: Facts, body: Any) -> str:
    part = _needs(body)
    least, most = getattr(part, V2X[0], None), getattr(part, V2X[1], None)
    if least is None and most is None:
        return ""
    if least is None or most is None:
        return f"{V2X[least is None]} without {V2X[least is not None]}"
    if number(least) <= number(most):
        return ""
    return f"{V2X[0]} {number(least):g} Wh is more than {V2X[1]} {number(most):g} Wh"


@rule("v2x-unidirectional", "V2X energies belong to services in both directions", EVCC, "ScheduleExchangeReq",
      severity="note", live=Live.UNSEEN, only=COMMON)  # fmt: skip
def v2x_unidirectional(facts: Facts, body: Any) -> str:
    service = facts.iso20.service
    if service is None or service.bidirectional:
        return ""
    if any(getattr(_needs(body), name, None) is not None for name in V2X):
        return f"V2X energies, but service {service.title} was selected"
    return f"EVEnergyOffer, but service {service.title} was selected" if _offer(body) is not None else ""


@rule("soc-needs", "the minimum state of charge is at most the target", EVCC, "ScheduleExchangeReq", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def soc_of_vehicle(facts: Facts, body: Any) -> str:
    return _socs(body.Dynamic_SEReqControlMode)


@rule("soc-needs", "the minimum state of charge is at most the target", SECC, "ScheduleExchangeRes",
      severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def soc_of_charger(facts: Facts, body: Any) -> str:
    return _socs(body.Dynamic_SEResControlMode)


def _socs(part: Any) -> str:
    least, target = getattr(part, "MinimumSOC", None), getattr(part, "TargetSOC", None)
    if least is None or target is None or least <= target:
        return ""
    return f"MinimumSOC {least} % is more than TargetSOC {target} %"


def _offer(body: Any) -> Any:
    return getattr(body.Scheduled_SEReqControlMode, "EVEnergyOffer", None)


@rule("offer-sign", "an offer of energy has powers below zero", EVCC, "ScheduleExchangeReq", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def offer_sign(facts: Facts, body: Any) -> str:
    offer = _offer(body)
    for entry in offer.EVPowerSchedule.EVPowerScheduleEntries.EVPowerScheduleEntry if offer is not None else ():
        if number(entry.Power) > 0.0:
            return f"EVEnergyOffer has a power of {number(entry.Power):g} W, which charges"
    return ""


@rule("price-rules", "price rules begin at rising powers", EVCC, "ScheduleExchangeReq", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def price_rules_of_vehicle(facts: Facts, body: Any) -> str:
    offer = _offer(body)
    stacks = offer.EVAbsolutePriceSchedule.EVPriceRuleStacks.EVPriceRuleStack if offer is not None else ()
    return next((text for one in stacks if (text := _ranges(one.EVPriceRule))), "")


# ---------------------------------------------------------------------------------------------------------------
# What the charger plans


def _finished(body: Any) -> bool:
    return bool(body.EVSEProcessing == "Finished")


def _tuples(body: Any) -> list[Any]:
    """The ScheduleTuples that count: those sent with Ongoing only satisfy the schema."""
    block = body.Scheduled_SEResControlMode
    return block.ScheduleTuple if block is not None and _finished(body) else []


class Part(NamedTuple):
    """A power schedule of a response: its name, and whether it discharges."""

    name: str
    schedule: Any
    back: bool


def _parts(body: Any) -> Iterator[Part]:
    for one in _tuples(body):
        yield Part(f"schedule {one.ScheduleTupleID}", one.ChargingSchedule, False)
        if one.DischargingSchedule is not None:
            yield Part(f"discharging schedule {one.ScheduleTupleID}", one.DischargingSchedule, True)


def _entries(part: Part) -> list[Any]:
    entries: list[Any] = part.schedule.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry
    return entries


@rule("schedule-ids", "schedules have unique ids", SECC, "ScheduleExchangeRes", only=COMMON)
def schedule_ids(facts: Facts, body: Any) -> str:
    ids = [one.ScheduleTupleID for one in _tuples(body)]
    return f"schedules {', '.join(map(str, ids))} are not unique" if len(set(ids)) < len(ids) else ""


@rule("schedule-entries", "a schedule has no more entries than the vehicle can read", SECC, "ScheduleExchangeRes",
      severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def schedule_entries(facts: Facts, body: Any) -> str:
    most = facts.iso20.points
    for part in _parts(body) if most is not None else ():
        prices = (len(stacks) for _, stacks in _priced(part.schedule))
        count = max(len(_entries(part)), *prices, 0)
        if most is not None and count > most:
            return f"{part.name} has {count} entries, but MaximumSupportingPoints is {most}"
    return ""


@rule("schedule-coverage", "a schedule reaches to the departure, or covers 24 hours", SECC, "ScheduleExchangeRes",
      severity="warning", live=Live.TOLD, iso20="V2G20-1563", only=COMMON)  # fmt: skip
def schedule_coverage(facts: Facts, body: Any) -> str:
    departure = facts.iso20.departure
    wanted = DAY if departure is None else departure
    for part in _parts(body):
        covered = sum(entry.Duration for entry in _entries(part))
        if covered < min(wanted, DAY):
            return f"{part.name} ends after {covered} s instead of {wanted} s"
    return ""


@rule("time-anchor", "what is planned begins now or has begun", SECC, "ScheduleExchangeRes", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def anchor_of_schedule(facts: Facts, body: Any) -> str:
    for part in _parts(body):
        text = ahead(body, part.schedule.PowerSchedule.TimeAnchor)
        if text:
            return f"{part.name} {text}"
    return ""


def ahead(body: Any, anchor: int) -> str:
    """How a TimeAnchor is later than its message by the same clock, in words, or ""; 0 means now."""
    stamp = stamp_of(body)
    later = seconds_of(anchor) - seconds_of(stamp)
    return f"begins only in {later:.0f} s" if anchor and stamp and later > LATER else ""


@rule("schedule-sign", "charging schedules have powers of 0 W or more, discharging ones of 0 W or less", SECC,
      "ScheduleExchangeRes", only=COMMON)  # fmt: skip
def schedule_negative(facts: Facts, body: Any) -> str:
    for part in _parts(body):
        for entry in _entries(part):
            watts = total(entry, "Power") or 0.0
            if not part.back and watts < 0.0:
                return f"{part.name} has a power of {watts:g} W"
    return ""


@rule("schedule-sign-back", "discharging schedules have powers of 0 W or less", SECC, "ScheduleExchangeRes",
      severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def schedule_positive(facts: Facts, body: Any) -> str:
    for part in _parts(body):
        for entry in _entries(part) if part.back else ():
            watts = total(entry, "Power") or 0.0
            if watts > 0.0:
                return f"{part.name} has a power of {watts:g} W, which charges"
    return ""


@rule("discharging-unidirectional", "discharging schedules belong to services in both directions", SECC,
      "ScheduleExchangeRes", severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def discharging_unidirectional(facts: Facts, body: Any) -> str:
    service = facts.iso20.service
    if service is None or service.bidirectional or not any(part.back for part in _parts(body)):
        return ""
    return f"a DischargingSchedule, but service {service.title} was selected"


@rule("needs-by-charger", "the charger sets the vehicle's needs only if that was selected", SECC,
      "ScheduleExchangeRes", severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def needs_by_charger(facts: Facts, body: Any) -> str:
    return named_needs(facts, body.Dynamic_SEResControlMode)


def named_needs(facts: Facts, part: Any) -> str:
    """Mobility needs that the charger names without MobilityNeedsMode 2, in words, or ""."""
    chosen = facts.iso20.chosen
    if chosen is None or chosen.by_charger:
        return ""
    named = [n for n in ("DepartureTime", "MinimumSOC", "TargetSOC") if getattr(part, n, None) is not None]
    return f"the charger sets {' and '.join(named)}, but MobilityNeedsMode is 1" if named else ""


@rule("go-to-pause", "an invitation to pause belongs to scheduled mode", SECC, "ScheduleExchangeRes",
      severity="note", live=Live.UNSEEN, only=COMMON)  # fmt: skip
def go_to_pause(facts: Facts, body: Any) -> str:
    return "GoToPause in dynamic mode" if body.GoToPause and body.Dynamic_SEResControlMode is not None else ""


SOON = 60
"""s: for power that comes sooner, nobody pauses."""


@rule("pause-with-power", "an invitation to pause comes with schedules without power for now", SECC,
      "ScheduleExchangeRes", severity="note", live=Live.UNSEEN, only=COMMON)  # fmt: skip
def pause_with_power(facts: Facts, body: Any) -> str:
    if not body.GoToPause or body.EVSEProcessing != "Finished":
        return ""
    for part in _parts(body):
        start = 0
        for entry in _entries(part):
            watts = total(entry, "Power") or 0.0
            if watts and start < SOON:
                return f"GoToPause, but {part.name} has {watts:g} W from {start} s on"
            start += entry.Duration
    return ""


# ---------------------------------------------------------------------------------------------------------------
# Prices


def _priced(schedule: Any) -> Iterator[tuple[str, list[Any]]]:
    """The price schedule of a power schedule or of dynamic mode: its kind, and its entries in order of time."""
    absolute, levels = schedule.AbsolutePriceSchedule, schedule.PriceLevelSchedule
    if absolute is not None:
        yield "absolute", absolute.PriceRuleStacks.PriceRuleStack
    if levels is not None:
        yield "levels", levels.PriceLevelScheduleEntries.PriceLevelScheduleEntry


def _schedules(body: Any) -> Iterator[tuple[str, Any]]:
    """Everything that can have prices: charging and discharging schedules, and the block of dynamic mode."""
    for part in _parts(body):
        yield part.name, part.schedule
    if body.Dynamic_SEResControlMode is not None and _finished(body):
        yield "the answer", body.Dynamic_SEResControlMode


@rule("price-schedule", "a schedule has the prices that the parameter set announces", SECC, "ScheduleExchangeRes",
      severity="warning", live=Live.TOLERATED, iso20="V2G20-2176", only=COMMON)  # fmt: skip
def price_schedule(facts: Facts, body: Any) -> str:
    chosen = facts.iso20.chosen
    if chosen is None or chosen.pricing == energy.NO_PRICES or chosen.dynamic:
        return ""
    wanted = "absolute" if chosen.pricing == energy.ABSOLUTE_PRICES else "levels"
    words = {"absolute": "AbsolutePriceSchedule", "levels": "PriceLevelSchedule"}
    for part in _parts(body):
        kinds = [kind for kind, _ in _priced(part.schedule)]
        if wanted not in kinds and not part.back:
            return f"{part.name} without {words[wanted]}, but Pricing is {chosen.pricing}"
    return ""


@rule("price-level", "price levels are within those announced", SECC, "ScheduleExchangeRes", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def price_level(facts: Facts, body: Any) -> str:
    for name, schedule in _schedules(body):
        levels = schedule.PriceLevelSchedule
        if levels is not None:
            highest = max(e.PriceLevel for e in levels.PriceLevelScheduleEntries.PriceLevelScheduleEntry)
            if highest > levels.NumberOfPriceLevels:
                return f"{name} has price level {highest} of {levels.NumberOfPriceLevels}"
    return ""


def _ranges(rules: list[Any]) -> str:
    starts = [number(one.PowerRangeStart) for one in rules]
    for before, after in pairwise(starts):
        if after <= before:
            return f"a price rule from {after:g} W on comes after one from {before:g} W on"
    return ""


@rule("price-rules", "price rules begin at rising powers", SECC, "ScheduleExchangeRes", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def price_rules(facts: Facts, body: Any) -> str:
    for name, schedule in _schedules(body):
        for kind, stacks in _priced(schedule):
            for stack in stacks if kind == "absolute" else ():
                text = _ranges(stack.PriceRule)
                if text:
                    return f"{name}: {text}"
    return ""


@rule("price-from-zero", "the first price rule begins at 0 W", SECC, "ScheduleExchangeRes", severity="note",
      live=Live.UNSEEN, only=COMMON)  # fmt: skip
def price_from_zero(facts: Facts, body: Any) -> str:
    for name, schedule in _schedules(body):
        for kind, stacks in _priced(schedule):
            for stack in stacks if kind == "absolute" else ():
                first = min(number(one.PowerRangeStart) for one in stack.PriceRule)
                if first > 0.0:
                    return f"{name}: no price below {first:g} W"
    return ""


@rule("price-coverage", "prices reach as far as their schedule", SECC, "ScheduleExchangeRes", severity="note",
      live=Live.UNSEEN, only=COMMON)  # fmt: skip
def price_coverage(facts: Facts, body: Any) -> str:
    for part in _parts(body):
        wanted = sum(entry.Duration for entry in _entries(part))
        for _, stacks in _priced(part.schedule):
            covered = sum(one.Duration for one in stacks)
            if covered < wanted:
                return f"prices of {part.name} end after {covered} s instead of {wanted} s"
    return ""
