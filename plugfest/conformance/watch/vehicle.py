"""What a vehicle asks for: against the charger's limits, its own, and the charger's alarms and wishes."""

from __future__ import annotations

import math

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import SPOKEN, Book, Side, Weight
from plugfest.conformance.watch.limits import limit
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.terms import SMALL_CURRENT
from v2g.physical import PRECHARGE_CURRENT

BOOK = Book()
EVCC: Side = "evcc"
ABOVE = 1.05
"""Factor by which a target may be above a limit: rounding."""
OWN_VOLTS = 1.02
"""The same of a voltage and the vehicle's own limit, at which a battery must not be for long."""
GAP = 1.0
"""V or A that rounding may add."""
NEAR = 20.0
"""V between battery and output at which contactors may close (IEC 61851-23)."""
SOC_STEP = 1
"""Percent that an SoC may fall by rounding."""
MOVES = 0.03
"""Part of the battery's energy after which the SoC has to have moved."""


def _above(value: float | None, limit: float | None, unit: str) -> bool:
    factor = OWN_VOLTS if unit == "V" else ABOVE
    return value is not None and limit is not None and limit >= 0 and value > limit * factor + GAP


@BOOK.on("target-own-limit", "targets stay within the vehicle's own limits", SPOKEN, EVCC, Stage.LOOP,
         Stage.PRECHARGE, cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def target_own_limit(flow: Flow, said: Said) -> str:
    for value, now, before, unit in (
        (said.target_amps, said.most.amps, flow.vehicle.amps.value, "A"),
        (said.target_volts, said.most.volts, flow.vehicle.volts.value, "V"),
    ):
        most = now if now is not None else before
        if _above(value, most, unit):
            name = limit(flow.facts.protocol, "EV", unit)
            return f"{said.name} asks for {value:.9g} {unit}, but the vehicle's own {name} is {most:.9g} {unit}"
    return ""


def _above_charger(flow: Flow, said: Said) -> str:
    for value, bound, unit in (
        (said.target_amps, flow.charger.amps.value, "A"),
        (said.target_volts, flow.charger.volts.value, "V"),
    ):
        seconds = flow.lasts(f"target {unit}", bound is not None and value is not None and value > bound * ABOVE + GAP)
        if seconds > flow.terms.vehicle:
            name = limit(flow.facts.protocol, "EVSE", unit)
            return (
                f"{said.name} asks for {value:.9g} {unit} for {seconds:.1f} s, but {name} is {bound:.9g} {unit} and a "
                f"vehicle follows in {flow.terms.vehicle:g} s"
            )
    return ""


@BOOK.on("target-charger-limit", "targets stay within the charger's limits, as declared", SPOKEN, EVCC,
         Stage.LOOP, Stage.PRECHARGE, cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def target_charger_limit(flow: Flow, said: Said) -> str:
    return _above_charger(flow, said) if flow.terms.targets == "kept" or said.stage is Stage.PRECHARGE else ""


@BOOK.on("target-clipped", "a vehicle obeys the charger's limits; a charger clips targets above them", SPOKEN,
         EVCC, Stage.LOOP, weight=Weight.SEEN)  # fmt: skip
def target_clipped(flow: Flow, said: Said) -> str:
    """Allowed: the charger gives no more than its limits, whatever is asked for."""
    return _above_charger(flow, said) if flow.terms.targets == "unknown" else ""


@BOOK.on(
    "precharge-current",
    "precharge asks for at most 2 A",
    "IEC 61851-23",
    EVCC,
    Stage.PRECHARGE,
    cause=Cause.LIMIT_EXCEEDED,
)
def precharge_current(flow: Flow, said: Said) -> str:
    if said.target_amps is None or said.target_amps <= PRECHARGE_CURRENT + 0.05:
        return ""
    return f"{said.name} asks for {said.target_amps:g} A; the limit in precharge is {PRECHARGE_CURRENT:g} A"


@BOOK.on("start-unmatched", "power is requested once the voltages match", "IEC 61851-23", EVCC, Stage.DELIVERY)
def start_unmatched(flow: Flow, said: Said) -> str:
    target, shown = flow.steps.precharge_volts, flow.shown
    if said.progress != "Start" or target is None or shown is None or shown.stage is not Stage.PRECHARGE:
        return ""
    volts = [shown.volts or 0.0, *([flow.plant.samples[-1].volts] if flow.plant.samples else [])]
    off = min(abs(one - target) for one in volts)
    if off <= NEAR + GAP:
        return ""
    return (
        f"PowerDeliveryReq(Start) at {volts[-1]:.0f} V for a target of {target:g} V: contactors close within {NEAR:g} V"
    )


@BOOK.on("alarm-at-start", "a vehicle does not start while the charger reports an alarm", SPOKEN, EVCC,
         Stage.DELIVERY, cause=Cause.FAULT_IGNORED)  # fmt: skip
def alarm_at_start(flow: Flow, said: Said) -> str:
    if said.progress != "Start" or flow.ending.alarm_at is None or flow.startled:
        return ""
    seconds = flow.now - flow.ending.alarm_at
    if seconds <= flow.terms.vehicle:
        return ""
    return f"{said.name}(Start) comes {seconds:.1f} s after the charger reported {flow.ending.alarm}, which lasts"


@BOOK.on("alarm-ignored", "a vehicle takes no power after an alarm or an isolation fault", SPOKEN, EVCC,
         Stage.LOOP, cause=Cause.FAULT_IGNORED)  # fmt: skip
def alarm_ignored(flow: Flow, said: Said) -> str:
    if flow.ending.alarm_at is None or flow.now - flow.ending.alarm_at <= flow.terms.vehicle:
        return ""
    if not flow.ac and (said.target_amps or 0.0) <= SMALL_CURRENT:
        return ""
    seconds = flow.now - flow.ending.alarm_at
    asked = "goes on" if flow.ac else f"asks for {said.target_amps:g} A"
    text = f"{said.name} {asked} {seconds:.1f} s after the charger reported {flow.ending.alarm}"
    return f"{text}; {flow.terms.vehicle:g} s is allowed"


@BOOK.on(
    "stop-ignored",
    "a vehicle stops within NotificationMaxDelay",
    SPOKEN,
    EVCC,
    Stage.LOOP,
    cause=Cause.FAULT_IGNORED,
)
def stop_ignored(flow: Flow, said: Said) -> str:
    ramp = 0.0 if flow.ac or (said.target_amps or 0.0) > SMALL_CURRENT else flow.ending.wish_amps / flow.terms.fall
    late = flow.now - flow.ending.wish_until - flow.terms.stop - ramp
    if flow.ending.wish_at is None or math.isinf(flow.ending.wish_until) or late <= 0:
        return ""
    asked = flow.response
    wish = asked.wish if asked is not None and asked.wish not in ("", "None") else asked.status if asked else ""
    return (
        f"{said.name} comes {flow.now - flow.ending.wish_at:.1f} s after the charger asked to stop ({wish}); the "
        f"limit is {flow.ending.wish_until - flow.ending.wish_at:.0f} s plus {flow.terms.stop:g} s"
    )


@BOOK.on("stop-under-load", "a vehicle ramps down before PowerDelivery(Stop)", "ISO 17409", EVCC, Stage.DELIVERY)
def stop_under_load(flow: Flow, said: Said) -> str:
    """Not where the charger has reported an alarm, refused something, or says that it gives more than is asked for.

    Nor where the time is over that it left for the stop; NotificationMaxDelay 0 leaves none. Nor before the first round
    of the loop, in which a vehicle can ask for less.
    """
    if not flow.terms.ramped or said.progress != "Stop" or not flow.flowing or flow.ending.alarm_at is not None:
        return ""
    target = flow.asked.amps.value
    wrong = flow.steps.failed_at is not None or flow.steps.error_at is not None
    if (
        flow.ac
        or wrong
        or not flow.reports
        or not target
        or target <= SMALL_CURRENT
        or flow.ending.wish_until <= flow.now
    ):
        return ""
    told = flow.shown.amps if flow.shown is not None else None
    if told is not None and told > target + flow.terms.current(target, flow.slack):
        return ""
    flows = flow.plant.samples[-1].amps if flow.plant.samples else flow.shown.amps if flow.shown is not None else None
    if flows is None or flows <= SMALL_CURRENT:
        return ""
    return f"PowerDeliveryReq(Stop) while {flows:.1f} A flows and {target:g} A was last {flow.asked.how}"


@BOOK.on("soc-falls", "the state of charge does not fall while charging", SPOKEN, EVCC, Stage.LOOP)
def soc_falls(flow: Flow, said: Said) -> str:
    if said.soc is None or said.soc >= flow.energy.soc_most - SOC_STEP or flow.steps.on_at is None:
        return ""
    return f"{said.name} has an SoC of {said.soc} % after {flow.energy.soc_most} % while power flows into the battery"


@BOOK.on("soc-stands", "the state of charge rises with the energy", SPOKEN, EVCC, Stage.LOOP)
def soc_stands(flow: Flow, said: Said) -> str:
    capacity = flow.energy.capacity
    if said.soc is None or capacity is None or capacity <= 0 or said.soc != flow.energy.soc or said.soc >= 99:
        return ""
    came = flow.energy.net - flow.energy.soc_wh
    if came <= capacity * MOVES:
        return ""
    return (
        f"{said.name} still has an SoC of {said.soc} % after {came:.0f} Wh, {came / capacity * 100.0:.1f} % of "
        f"EVEnergyCapacity"
    )
