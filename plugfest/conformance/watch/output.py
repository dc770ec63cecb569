"""A charger's DC output as it reports it: against targets, limits of both sides, and the time that it has."""

from __future__ import annotations

import math

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import SPOKEN, Book, Weight
from plugfest.conformance.watch.limits import limit
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.terms import LASTS, SMALL_CURRENT
from v2g.rules.bounds import Ceiling

BOOK = Book()
on = BOOK.on

SETTLES = 5.0
"""s beyond reaction and ramp after which a charger that gives less than asked for has to say why."""
ABOVE = 1.05
"""Factor by which a target has to be above a limit to be refused."""
NOTHING = 1.0
"""A: below, nothing flows."""
STEP = 1.0
"""V and A: what rounding and sensors may add to a limit."""


def for_how_long(seconds: float) -> str:
    return f"for {seconds:.2f} s"


def charger_decides(flow: Flow) -> bool:
    """The charger decides on power: the vehicle requests none, and its limits are judged as limits."""
    return flow.asked.by_charger and not flow.facts.iso20.standby


@on(
    "current-asked",
    "an output delivers no more current than requested",
    "IEC 61851-23",
    "secc",
    Stage.LOOP,
    cause=Cause.LIMIT_EXCEEDED,
)
def current_asked(flow: Flow, said: Said) -> str:
    asked, amps = flow.asked.amps.at(flow.now), said.amps
    if asked is None or amps is None or not said.ok or charger_decides(flow):
        return ""
    most = asked + flow.terms.current(asked, flow.slack)
    seconds = flow.lasts("current-asked", amps > most)
    if seconds < LASTS:
        return ""
    text = f"{said.name} reports {amps:.1f} A {for_how_long(seconds)} where at most {most:.1f} A may flow"
    if flow.steps.error_at is not None:
        request = flow.request
        why = (request.error if request is not None else "") or "EVReady false"
        return f"{text}: the vehicle has reported {why} for {flow.now - flow.steps.error_at:.2f} s"
    now = flow.asked.amps.value
    return f"{text}: {now:g} A is requested, and the charger may deviate by {most - asked:.1f} A"


def _beyond(flow: Flow, said: Said, value: float | None, unit: str, key: str) -> str:
    if value is None or not said.ok:
        return ""
    bounds = {
        "V": (flow.vehicle.volts, flow.charger.volts),
        "A": (flow.vehicle.amps, flow.charger.amps),
        "W": (flow.vehicle.watts, flow.charger.watts),
    }[unit]
    side, ceiling = min(
        zip(("EV", "EVSE"), bounds, strict=True),
        key=lambda pair: math.inf if (most := pair[1].at(flow.now)) is None or most < 0 else most,
    )
    bound = ceiling.at(flow.now)
    if bound is None or bound < 0:
        return ""
    slack = {
        "V": flow.terms.voltage(bound),
        "A": flow.terms.current(bound, flow.slack),
        "W": flow.terms.current(bound / max(said.volts or 1.0, 1.0), flow.slack) * (said.volts or 0.0) + bound * 0.01,
    }[unit]
    seconds = flow.lasts(key, value > bound + slack)
    if seconds < LASTS:
        return ""
    name = limit(flow.facts.protocol, side, unit)
    return (
        f"{said.name} reports {_amount(value, unit)} {for_how_long(seconds)} where {name} is "
        f"{_at_most(ceiling, flow.now, bound + slack, unit)}"
    )


def _amount(value: float, unit: str) -> str:
    return f"{value:.0f} W" if unit == "W" else f"{value:.1f} {unit}"


def _at_most(ceiling: Ceiling, now: float, most: float, unit: str) -> str:
    """The value as it was said, and how much it comes to; more than that while an output comes down to it."""
    falls = ", while the output comes down to it" if ceiling.value != ceiling.at(now) else ""
    return f"{ceiling.value:.9g} {unit} ({_amount(most, unit)} with tolerance{falls})"


@on("current-limit", "an output stays within the lower of both sides' current limits", "IEC 61851-23", "secc",
    Stage.LOOP, cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def current_limit(flow: Flow, said: Said) -> str:
    return _beyond(flow, said, said.amps, "A", "current-limit")


@on(
    "power-limit",
    "an output stays within the lower of both sides' power limits",
    SPOKEN,
    "secc",
    Stage.LOOP,
    cause=Cause.LIMIT_EXCEEDED,
)
def power_limit(flow: Flow, said: Said) -> str:
    if said.volts is None or said.amps is None:
        return ""
    return _beyond(flow, said, said.volts * said.amps, "W", "power-limit")


@on("power-agreed", "an output stays within the power of the schedule that was chosen", SPOKEN, "secc", Stage.LOOP,
    cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def power_agreed(flow: Flow, said: Said) -> str:
    """In DIN SPEC 70121 and ISO 15118-2; a PMax of 0 that lets power flow says nothing."""
    watts = flow.facts.scheduled(flow.terms.reaction + SETTLES)
    if not watts or said.volts is None or said.amps is None or not said.ok:
        return ""
    most = watts * ABOVE + flow.terms.current(watts / max(said.volts, 1.0), flow.slack) * said.volts
    given = said.volts * said.amps
    seconds = flow.lasts("power-agreed", given > most)
    if seconds < LASTS:
        return ""
    return (
        f"{said.name} reports {given:.0f} W {for_how_long(seconds)} where PMax of the chosen schedule is {watts:.9g} W "
        f"({most:.0f} W with tolerance)"
    )


@on("power-unplanned", "no power flows where PMax of the chosen schedule is 0 W", SPOKEN, "secc", Stage.LOOP,
    weight=Weight.NOTED, cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def power_unplanned(flow: Flow, said: Said) -> str:
    """A finding: chargers in the field have a schedule of 0 W, plan nothing by it, and deliver."""
    watts, amps = flow.facts.scheduled(flow.terms.reaction + SETTLES), said.amps
    wrong = watts == 0.0 and amps is not None and amps > SMALL_CURRENT and said.ok
    seconds = flow.lasts("power-unplanned", wrong)
    if seconds < LASTS:
        return ""
    return f"{said.name} reports {amps:.1f} A {for_how_long(seconds)} where PMax of the chosen schedule is 0 W"


@on("voltage-limit", "an output stays within the lower of both sides' voltage limits", "IEC 61851-23", "secc",
    Stage.LOOP, Stage.PRECHARGE, cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def voltage_limit(flow: Flow, said: Said) -> str:
    if said.stage is Stage.LOOP and (said.amps is None or said.amps < SMALL_CURRENT):
        return ""  # the battery's own voltage
    return _beyond(flow, said, said.volts, "V", f"voltage-limit {said.stage.name}")


@on("voltage-asked", "an output delivers no more voltage than requested", "IEC 61851-23", "secc", Stage.LOOP)
def voltage_asked(flow: Flow, said: Said) -> str:
    asked, volts = flow.asked.volts.at(flow.now), said.volts
    if asked is None or volts is None or said.amps is None or not said.ok or flow.asked.by_charger:
        return ""
    most = asked + flow.terms.voltage(asked)
    seconds = flow.lasts("voltage-asked", said.amps >= SMALL_CURRENT and volts > most)
    if seconds < LASTS:
        return ""
    return (
        f"{said.name} reports {volts:.1f} V at {said.amps:.1f} A {for_how_long(seconds)} where the request is "
        f"{_at_most(flow.asked.volts, flow.now, most, 'V')}"
    )


@on("current-follows", "an output delivers what is requested, or reports that a limit is reached", "IEC 61851-23",
    "secc", Stage.LOOP)  # fmt: skip
def current_follows(flow: Flow, said: Said) -> str:
    """Only where present values come from a real output: a charger without a battery has nothing to give it to."""
    if not (flow.plant.measured or flow.terms.present == "measured") or flow.steps.on_at is None or not flow.flowing:
        return ""
    if flow.asked.by_charger:  # how much of the vehicle's limits it gives is its own affair
        return ""
    asked, volts_asked = flow.asked.amps.value, flow.asked.volts.value
    if said.amps is None or not said.volts or not asked or volts_asked is None or not said.ok:
        return ""
    granted = (flow.facts.granted(SETTLES), flow.facts.iso20.granted(flow.now, SETTLES))
    allowed_watts = min((watts for watts in granted if watts is not None), default=math.inf)
    by_power = min(flow.most(flow.charger.watts, flow.vehicle.watts), allowed_watts) / said.volts
    expected = min(asked, flow.most(flow.charger.amps, flow.vehicle.amps), by_power)
    at_voltage = said.volts >= min(volts_asked, flow.most(flow.charger.volts, flow.vehicle.volts)) - flow.terms.voltage(
        volts_asked
    )
    ends = flow.steps.error_at is not None or flow.ending.wish_at is not None or flow.ending.alarm_at
    excused = said.limited or at_voltage or ends
    if excused or said.amps >= expected - flow.terms.current(expected, flow.slack):
        return ""
    since = max(flow.asked.since, flow.steps.on_at)
    allowed = flow.terms.reaction + expected / flow.terms.rise + SETTLES
    if flow.now - since <= allowed:
        return ""
    return (
        f"{said.name} reports {said.amps:.1f} A at {said.volts:.0f} V {flow.now - since:.1f} s after {asked:g} A at "
        f"{volts_asked:g} V was requested, reports that no limit is reached, and both sides allow {expected:.1f} A"
    )


# ---------------------------------------------------------------------------------------------------------------
# Out of the vehicle


def _granted_back(flow: Flow) -> float:
    """W that schedule and profile let go back now; infinite where they say nothing."""
    own = flow.facts.iso20
    plan = (own.plans or {}).get(own.tuple_id or 0)
    said = ((plan.discharging if plan is not None else None, own.planned), (own.profile, own.profiled))
    watts = [steps.at(flow.now - base) for steps, base in said if steps is not None]
    return min((max(-one, 0.0) for one in watts if one is not None), default=math.inf)


@on("current-back", "an output draws back no more current than offered", "V2G20-2188", "secc", Stage.LOOP,
    cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def current_back(flow: Flow, said: Said) -> str:
    bounds = [one.at(flow.now) for one in (flow.asked.back, flow.charger.back, flow.vehicle.back)]
    offered = min((abs(bound) for bound in bounds if bound is not None), default=None)
    if offered is None or said.amps is None or not said.ok:
        return ""
    most = offered + flow.terms.current(offered, flow.slack)
    seconds = flow.lasts("current-back", -said.amps > most)
    if seconds < LASTS:
        return ""
    return f"{said.name} draws {-said.amps:.1f} A back {for_how_long(seconds)} where at most {most:.1f} A may flow"


@on("power-back", "an output draws back no more power than both sides allow", "V2G20-2188", "secc", Stage.LOOP,
    cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def power_back(flow: Flow, said: Said) -> str:
    watts = flow.most(flow.charger.watts_back, flow.vehicle.watts_back)
    if said.amps is None or said.volts is None or math.isinf(watts) or not said.ok:
        return ""
    most = watts + flow.terms.current(watts / max(said.volts, 1.0), flow.slack) * said.volts
    seconds = flow.lasts("power-back", -said.amps * said.volts > most)
    if seconds < LASTS:
        return ""
    taken = -said.amps * said.volts
    return f"{said.name} draws {taken:.0f} W back {for_how_long(seconds)} where both sides allow {watts:.9g} W"


@on("current-back-follows", "an output draws what is offered, or reports that a limit is reached", "V2G20-2188", "secc",
    Stage.LOOP)  # fmt: skip
def current_back_follows(flow: Flow, said: Said) -> str:
    if not (flow.plant.measured or flow.terms.present == "measured") or flow.steps.on_at is None or not flow.flowing:
        return ""
    offered, own, theirs = (one.value for one in (flow.asked.back, flow.charger.back, flow.vehicle.back))
    if flow.asked.by_charger or not flow.asked.backwards or said.amps is None or not said.ok:
        return ""
    if said.limited and -said.amps >= NOTHING:  # a limit at which nothing flows is none that both sides have named
        return ""
    if not offered or not own or not theirs or flow.ending.wish_at is not None:
        return ""
    now = [one.value for one in (flow.charger.watts_back, flow.vehicle.watts_back) if one.value is not None]
    watts = min(_granted_back(flow), *now)
    expected = min(offered, own, theirs, watts / said.volts if said.volts else math.inf)
    since = max(flow.asked.since, flow.steps.on_at)
    allowed = flow.terms.reaction + expected / flow.terms.rise + SETTLES
    if flow.now - since <= allowed or -said.amps >= expected - flow.terms.current(expected, flow.slack):
        return ""
    return (
        f"{said.name} reports {said.amps:.1f} A {flow.now - since:.1f} s after {-offered:g} A was offered, reports "
        f"that no limit is reached, and both sides allow {-expected:.1f} A"
    )


# ---------------------------------------------------------------------------------------------------------------
# Precharge


@on("precharge-target", "a precharge target above the limits is refused", "IEC 61851-23", "secc",
    Stage.PRECHARGE, cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def precharge_target(flow: Flow, said: Said) -> str:
    request = flow.request
    if request is None or request.stage is not Stage.PRECHARGE or request.target_volts is None or not said.ok:
        return ""
    for whose, bound in (("charger's", flow.charger.volts.value), ("vehicle's", flow.vehicle.volts.value)):
        if bound is not None and bound > 0 and request.target_volts > bound * ABOVE + STEP:
            return (
                f"{said.name} {said.code} for a target of {request.target_volts:g} V, but the {whose} limit is "
                f"{bound:g} V"
            )
    if request.target_volts < -STEP:
        return f"{said.name} {said.code} for a target of {request.target_volts:g} V"
    return ""


@on("precharge-follows", "precharge reaches the voltage and does not exceed it", "V2G_SECC_PreCharge_Performance_Time",
    "secc",
    Stage.PRECHARGE)  # fmt: skip
def precharge_follows(flow: Flow, said: Said) -> str:
    target = flow.steps.precharge_volts
    if target is None or said.volts is None or not said.ok or flow.ending.alarm_at is not None:
        return ""
    if target > flow.most(flow.charger.volts, flow.vehicle.volts) or target < 0:
        return ""
    near = flow.terms.voltage(target)
    flow.steps.precharged = flow.steps.precharged or said.volts < target
    seconds = flow.lasts("precharge-over", flow.steps.precharged and said.volts > target + near)
    if seconds >= LASTS:
        return f"{said.name} reports {said.volts:.1f} V {for_how_long(seconds)}, above the target of {target:g} V"
    waited = flow.now - flow.steps.precharge_at
    if waited <= flow.terms.reaches or abs(said.volts - target) <= max(near, 20.0):
        return ""
    return f"{said.name} reports {said.volts:.1f} V {waited:.1f} s after {target:g} V was first requested"
