"""The charge loop: members of the agreed kind, limits within the declared ones, permitted targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from v2g.phases import given
from v2g.physical import number
from v2g.rules.facts import Facts
from v2g.rules.iso20.facts import DECLARED_DC, POWERS, Facts20
from v2g.rules.iso20.kinds import asked_watts, kind_of, per_phase, total
from v2g.rules.iso20.schedules import named_needs
from v2g.rules.rule import AC20, DC20, EVCC, SECC, Book, Live

BOOK = Book()
rule = BOOK.rule

REQUESTS = ("DC_ChargeLoopReq", "AC_ChargeLoopReq")
RESPONSES = ("DC_ChargeLoopRes", "AC_ChargeLoopRes")
BOTH = (DC20, AC20)
OVER = 1.001
"""Factor by which a limit may exceed the declared one: rounding to the 16 bits of a RationalNumber."""


@rule("loop-of-other-kind", "the charge loop is for the service and control mode selected", EVCC, *REQUESTS, only=BOTH)
def kind_of_request(facts: Facts, body: Any) -> str:
    kind, expected = kind_of(body.CLReqControlMode), facts.iso20.expected
    if kind is None:
        return f"{type(body).__name__} with {type(body.CLReqControlMode).__name__}"
    if expected is None or kind == expected:
        return ""
    return f"a charge loop for {kind}, but {expected} was selected"


@rule("loop-of-other-kind", "a charge loop response is of the same kind as its request", SECC, *RESPONSES,
      iso20="V2G20-1600", only=BOTH)  # fmt: skip
def kind_of_response(facts: Facts, body: Any) -> str:
    kind, asked = kind_of(body.CLResControlMode), facts.iso20.kind
    if kind is None:
        return f"{type(body).__name__} with {type(body.CLResControlMode).__name__}"
    if asked is None or asked.dynamic is None or kind == asked:
        return ""
    return f"a charge loop response for {kind} to a request for {asked}"


_FIELDS: dict[tuple[str, tuple[str, ...]], tuple[tuple[str, str], ...]] = {
    (side, names): tuple((name, side + name) for name in names)
    for side in ("EV", "EVSE")
    for names in (DECLARED_DC, POWERS)
}


def _raised(own: Facts20, part: Any, side: str, names: tuple[str, ...]) -> str:
    before = own.declared[side]
    for name, field in _FIELDS[side, names]:
        value = getattr(part, field, None)
        if value is None or name not in before:
            continue
        now = abs(number(value) if names is DECLARED_DC else total(part, field) or 0.0)
        if now > before[name] * OVER:
            return f"{field} is {now:g} in the loop, but {before[name]:g} was declared"
    return ""


@rule("limit-raised", "limits in the loop are at most those declared", EVCC, *REQUESTS, severity="warning",
      live=Live.TOLD, only=BOTH)  # fmt: skip
def limit_of_vehicle_raised(facts: Facts, body: Any) -> str:
    names = DECLARED_DC if facts.protocol == DC20 else POWERS
    return _raised(facts.iso20, body.CLReqControlMode, "EV", names)


@rule("limit-raised", "limits in the loop are at most those declared", SECC, "DC_ChargeLoopRes", severity="warning",
      live=Live.TOLD, only=(DC20,))  # fmt: skip
def limit_of_charger_raised(facts: Facts, body: Any) -> str:
    return _raised(facts.iso20, body.CLResControlMode, "EVSE", DECLARED_DC)


@rule("limit-negative", "limits in the loop are 0 or more", EVCC, *REQUESTS, only=BOTH)
def limit_of_vehicle_negative(facts: Facts, body: Any) -> str:
    return _negative(body.CLReqControlMode, "EV", facts.protocol == DC20)


@rule("limit-negative", "limits in the loop are 0 or more", SECC, "DC_ChargeLoopRes", only=(DC20,))
def limit_of_charger_negative(facts: Facts, body: Any) -> str:
    return _negative(body.CLResControlMode, "EVSE", dc=True)


def _negative(part: Any, side: str, dc: bool) -> str:
    for name in ("MaximumChargePower", "MaximumChargeCurrent", "MaximumVoltage") if dc else ("MaximumChargePower",):
        value = getattr(part, f"{side}{name}", None)
        if value is not None and value.Value < 0:
            return f"{side}{name} is {number(value):g}"
    return ""


@rule("needs-by-charger", "the charger sets the vehicle's needs only if that was selected", SECC, *RESPONSES,
      severity="warning", live=Live.TOLD, only=BOTH)  # fmt: skip
def needs_by_charger(facts: Facts, body: Any) -> str:
    return named_needs(facts, body.CLResControlMode)


@rule("discharge-unidirectional", "a vehicle asks for 0 A or more in a service that only charges", EVCC,
      "DC_ChargeLoopReq", severity="warning", live=Live.TOLERATED, only=(DC20,))  # fmt: skip
def discharge_unidirectional(facts: Facts, body: Any) -> str:
    part, kind = body.CLReqControlMode, kind_of(body.CLReqControlMode)
    amps = getattr(part, "EVTargetCurrent", None)
    if amps is None or amps.Value >= 0 or kind is None or kind.bidirectional:
        return ""
    return f"EVTargetCurrent of {number(amps):g} A in a service that only charges; taken as zero"


@rule("discharge-beyond", "a vehicle gives back no more than it declared", EVCC, "DC_ChargeLoopReq",
      severity="warning", live=Live.TOLD, only=(DC20,))  # fmt: skip
def discharge_beyond(facts: Facts, body: Any) -> str:
    amps = getattr(body.CLReqControlMode, "EVTargetCurrent", None)
    limit = facts.iso20.declared["EV"].get("MaximumDischargeCurrent")
    if amps is None or amps.Value >= 0 or limit is None or -number(amps) <= limit * OVER:
        return ""
    return f"EVTargetCurrent of {number(amps):g} A, but EVMaximumDischargeCurrent is {limit:g} A"


# ---------------------------------------------------------------------------------------------------------------
# Power

SLACK, SLACK_WATTS = 1.1, 700.0
"""What a vehicle may draw beyond a target or limit: a factor, and at least W; regulation and meters are not finer."""


@rule("ramp-request", "what a vehicle asks for rises no faster than EVSEPowerRampLimitation", EVCC, "DC_ChargeLoopReq",
      severity="warning", live=Live.TOLD, only=(DC20,))  # fmt: skip
def asked_too_fast(facts: Facts, body: Any) -> str:
    """In DC it is the charger that regulates the current, so that a vehicle may leave the ramp to it."""
    return _beyond_the_ramp(facts, body, "asks for")


@rule("ramp", "a vehicle's power rises no faster than EVSEPowerRampLimitation", EVCC, "AC_ChargeLoopReq",
      severity="warning", live=Live.TOLD, only=(AC20,))  # fmt: skip
def rises_too_fast(facts: Facts, body: Any) -> str:
    """AC begins at the smallest power of the vehicle, which it cannot approach any slower."""
    return _beyond_the_ramp(facts, body, "is at")


def _beyond_the_ramp(facts: Facts, body: Any, does: str) -> str:
    own, watts = facts.iso20, asked_watts(body)
    if watts is None:
        return ""
    least = own.declared["EV"].get("MinimumChargePower" if watts >= 0.0 else "MinimumDischargePower", 0.0)
    most = max(abs(own.ramp.reach(watts, facts.now)), least)
    if abs(watts) <= max(most * SLACK, most + SLACK_WATTS):
        return ""
    pace = f"EVSEPowerRampLimitation ({own.ramp.rate:.0f} W per second)"
    return f"the vehicle {does} {watts:.0f} W, but {pace} allows {most:.0f} W by now"


# ---------------------------------------------------------------------------------------------------------------
# AC


@rule("target-power", "a target power is within the vehicle's limits", SECC, "AC_ChargeLoopRes", severity="warning",
      live=Live.TOLD, only=(AC20,))  # fmt: skip
def target_power(facts: Facts, body: Any) -> str:
    watts = total(body.CLResControlMode, "EVSETargetActivePower")
    if watts is None:
        return ""
    name = "MaximumChargePower" if watts >= 0.0 else "MaximumDischargePower"
    limit = _limit_now(facts, name)
    if limit is None or abs(watts) <= limit * OVER + 1.0:
        return ""
    return f"EVSETargetActivePower is {watts:g} W, but EV{name} is {limit:g} W"


def _limit_now(facts: Facts, name: str) -> float | None:
    """A limit of the vehicle, from its last request or as declared, W."""
    now = total(getattr(facts.request, "CLReqControlMode", None), f"EV{name}")
    return facts.iso20.declared["EV"].get(name) if now is None else abs(now)


@rule("target-back", "a vehicle that only charges is not told to give power back", SECC, "AC_ChargeLoopRes",
      only=(AC20,))  # fmt: skip
def target_back(facts: Facts, body: Any) -> str:
    kind = kind_of(body.CLResControlMode)
    watts = total(body.CLResControlMode, "EVSETargetActivePower")
    if watts is None or watts >= 0.0 or kind is None or kind.bidirectional:
        return ""
    return f"EVSETargetActivePower of {watts:g} W in a service that only charges"


@rule("target-ignored", "a vehicle follows the target power", EVCC, "AC_ChargeLoopReq", severity="warning",
      live=Live.TOLD, only=(AC20,))  # fmt: skip
def target_ignored(facts: Facts, body: Any) -> str:
    """It may do less than it is told, for reasons of its own; not more, in either direction."""
    own, drawn = facts.iso20, total(body.CLReqControlMode, "EVPresentActivePower") or 0.0
    most = (own.told_in if drawn > 0.0 else own.told_out).at(facts.now)
    if most is None or abs(drawn) <= max(most * SLACK, most + SLACK_WATTS):
        return ""
    return (
        f"EVPresentActivePower is {drawn:g} W, but EVSETargetActivePower has been {own.target_watts:g} W for some time"
    )


@rule("power-implausible", "a vehicle draws no more than it can", EVCC, "AC_ChargeLoopReq", severity="warning",
      live=Live.TOLD, only=(AC20,))  # fmt: skip
def power_implausible(facts: Facts, body: Any) -> str:
    drawn = total(body.CLReqControlMode, "EVPresentActivePower") or 0.0
    name = "MaximumChargePower" if drawn >= 0.0 else "MaximumDischargePower"
    limit = facts.iso20.declared["EV"].get(name)
    if limit is None or abs(drawn) <= max(limit * SLACK, limit + SLACK_WATTS):
        return ""
    times = ": is its exponent right?" if abs(drawn) > 10 * limit else ""
    return f"EVPresentActivePower is {drawn:g} W, but EV{name} is {limit:g} W{times}"


@rule("phase-overdrawn", "no phase exceeds its own limit, or the other phases by more than is allowed", EVCC,
      "AC_ChargeLoopReq", severity="warning", live=Live.TOLD, only=(AC20,))  # fmt: skip
def phase_overdrawn(facts: Facts, body: Any) -> str:
    drawn = given(body.CLReqControlMode, "EVPresentActivePower")
    if len(drawn) < 2:
        return ""
    own, slack = facts.iso20, SLACK_WATTS / 3.0
    apart = max(drawn) - min(drawn)
    if own.asymmetry is not None and apart > own.asymmetry * SLACK + slack:
        return f"the phases have {_listed(drawn)} W, but MaximumPowerAsymmetry is {own.asymmetry:g} W"
    for place, watts in enumerate(drawn):
        name = "MaximumChargePower" if watts >= 0.0 else "MaximumDischargePower"
        said = own.phase_limits.get(name, ())
        if not 1 < len(said) > place:  # a sum may belong to a single phase
            continue
        limit = abs(said[place])
        if abs(watts) > max(limit * SLACK, limit + slack):
            return f"L{place + 1} has {watts:g} W of {_listed(drawn)} W, but EV{name} is {limit:g} W for it"
    return ""


def _listed(amounts: Sequence[float]) -> str:
    return ", ".join(f"{amount:g}" for amount in amounts)


@rule("phases-unasked", "powers for each phase go to a vehicle that sent its own", SECC, "AC_ChargeLoopRes",
      severity="note", live=Live.UNSEEN, only=(AC20,))  # fmt: skip
def phases_unasked(facts: Facts, body: Any) -> str:
    if facts.iso20.phases is not False or not per_phase(body.CLResControlMode):
        return ""
    return "the charger sends powers for each phase, but the vehicle sent sums"
