"""AC of ISO 15118-20, over the phases: what a vehicle draws or gives back, and what a charger commands."""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow, Measured
from plugfest.conformance.watch.judgement import Book, Side
from plugfest.conformance.watch.messages import Phases, Said, Stage

BOOK = Book()
EVCC: Side = "evcc"
SECC: Side = "secc"
SOURCE = "ISO 15118-20, AC"
PART, WATTS = 1.1, 250.0
"""What a vehicle may draw beyond a limit: factor, and at least this many W of a phase: regulation is no better."""
ROUNDED = 1.001
"""Factor that rounding to 16 bits may add."""
FOLLOWS, IGNORES = 10.0, 20.0
"""s beside AckMaxDelay that a vehicle may take to follow a command, and for which it has to be ignored after that."""
NOTHING, LITTLE = 0.05, 2000.0
"""Part of a command that counts as none of it, and W below which a vehicle may have no use for it."""
LATE = 3.0
"""s for which what is said may differ from what flows: power steps, and is told in the next message."""
DIFFERS, LEAST = 0.25, 800.0
"""Share of a power, and at least this many W, by which the two may differ."""


def _beyond(values: Phases, bounds: Phases, factor: float, slack: float) -> tuple[str, float, float] | None:
    """Phase, value and bound of the first value beyond; sums are compared where either side said no more."""
    if not values or not bounds or min(bounds) < 0.0:  # a negative limit is a stimulus, no bound
        return None
    if len(values) != len(bounds):
        values, bounds, slack = (sum(values),), (sum(bounds),), slack * max(len(values), len(bounds))
    for place, (value, bound) in enumerate(zip(values, bounds, strict=True), 1):
        if value > max(bound * factor, bound + slack):
            return (f"L{place}" if len(values) > 1 else "all phases"), value, bound
    return None


def _out(values: Phases) -> Phases:
    return tuple(max(-value, 0.0) for value in values)


@BOOK.on("phase-power", "a vehicle stays within the charger's limits on each phase", SOURCE, EVCC,
         Stage.LOOP,
         cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def phase_power(flow: Flow, said: Said) -> str:
    if not flow.ac or not said.phases:
        return ""
    found = _beyond(said.phases, flow.phase_most, PART, WATTS)
    seconds = flow.lasts("phase-power", found is not None)
    if found is None or seconds <= flow.terms.vehicle:
        return ""
    where, value, bound = found
    return (
        f"{said.name} draws {value:.0f} W on {where} for {seconds:.1f} s, but EVSEMaximumChargePower is {bound:.9g} W"
    )


@BOOK.on("phase-power-back", "a vehicle returns no more than the charger accepts on each phase, and only in a"
    " bidirectional service",
         SOURCE, EVCC, Stage.LOOP, cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def phase_power_back(flow: Flow, said: Said) -> str:
    if not flow.ac or not said.phases:
        return ""
    bounds = flow.phase_back or tuple(0.0 for _ in said.phases)
    found = _beyond(_out(said.phases), bounds, PART, WATTS)
    seconds = flow.lasts("phase-power-back", found is not None)
    if found is None or seconds <= flow.terms.vehicle:
        return ""
    where, value, bound = found
    return f"{said.name} returns {value:.0f} W on {where} for {seconds:.1f} s, but the charger accepts {bound:.9g} W"


@BOOK.on("target-own-power", "a charger commands no more than its declared limits", SOURCE, SECC, Stage.LOOP,
         cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def target_own_power(flow: Flow, said: Said) -> str:
    if not flow.ac or not said.phases or not said.ok:
        return ""
    for values, bounds, name in (
        (said.phases, flow.phase_most, "EVSEMaximumChargePower"),
        (_out(said.phases), flow.phase_back or tuple(0.0 for _ in said.phases), "EVSEMaximumDischargePower"),
    ):
        if (found := _beyond(values, bounds, ROUNDED, 1.0)) is not None:
            where, value, bound = found
            return f"{said.name} commands {value:.0f} W on {where}, but its own {name} is {bound:.9g} W"
    return ""


@BOOK.on("target-vehicle-power", "a charger commands no more than the vehicle's limits", SOURCE, SECC,
         Stage.LOOP, cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def target_vehicle_power(flow: Flow, said: Said) -> str:
    request = flow.request
    if not flow.ac or request is None or request.stage is not Stage.LOOP or not said.phases or not said.ok:
        flow.lasts("target-vehicle-power", wrong=False)
        return ""
    found = _beyond(said.phases, request.phase_most, ROUNDED, 1.0) or _beyond(
        _out(said.phases), request.phase_back, ROUNDED, 1.0
    )
    seconds = flow.lasts("target-vehicle-power", found is not None)
    if found is None or seconds <= flow.terms.reaction:
        return ""
    where, value, bound = found
    return (
        f"{said.name} commands {value:.0f} W on {where} for {seconds:.1f} s, but the vehicle's limit is {bound:.9g} W"
    )


@BOOK.on("command-ignored", "a vehicle follows the power that the charger commands in dynamic mode",
         "ISO 15118-20, EVSETargetActivePower", EVCC, Stage.LOOP)  # fmt: skip
def command_ignored(flow: Flow, said: Said) -> str:
    """It may take less, since only itself knows its battery; but not more, nothing at all, or the other direction."""
    own, commanded = flow.facts.iso20, flow.response.phases if flow.response is not None else ()
    dynamic = own.chosen is not None and own.chosen.dynamic
    if not flow.ac or not dynamic or not commanded or not said.phases or flow.startled or own.standby:
        flow.lasts("command-ignored", wrong=False)
        return ""
    told, drawn, (since, delay) = sum(commanded), sum(said.phases), own.followed
    more = told >= 0.0 and drawn > max(told * PART, told + LEAST)
    back = (told > 0.0 and drawn < -LEAST) or (told < 0.0 and drawn > LEAST)
    wants = (said.needs.target or 0.0) > 0.0 and not said.complete and sum(said.phase_most) >= told
    none = told >= max(LITTLE, said.lowest.watts or 0.0) and wants and drawn < told * NOTHING
    settled = flow.flowing and flow.now - since > delay + FOLLOWS and flow.ending.wish_at is None
    seconds = flow.lasts("command-ignored", settled and (more or back or none))
    if seconds <= IGNORES:
        return ""
    return f"{said.name} reports {drawn:.0f} W for {seconds:.0f} s, but the charger commands {told:.0f} W"


@BOOK.measured("power-told", "a vehicle reports the power that flows", SOURCE, EVCC)
def power_told(flow: Flow, seen: Measured) -> str:
    """Only where the vehicle itself is seen: on other benches the tester's outlet has no load that it could measure."""
    request = flow.request if seen.closed is not None and flow.flowing else None
    return _differs(flow, seen, request, () if request is None else request.phases, "power-told")


@BOOK.measured("power-reported", "a charger reports the power that flows", SOURCE, SECC)
def power_reported(flow: Flow, seen: Measured) -> str:
    response = flow.response if flow.flowing else None
    return _differs(flow, seen, response, () if response is None else response.flows, "power-reported")


def _differs(flow: Flow, seen: Measured, said: Said | None, told: Phases, name: str) -> str:
    """After a refusal, which ends the power flow, nothing is said any more: the last report has become old."""
    over = flow.steps.failed_at is not None or flow.steps.over_at is not None
    if not flow.ac or over or said is None or not told or said.stage is not Stage.LOOP:
        flow.lasts(name, wrong=False)
        return ""
    tells, flows = sum(told), seen.volts * seen.amps * seen.phases
    seconds = flow.lasts(name, abs(tells - flows) > max(abs(flows) * DIFFERS, LEAST))
    if seconds <= LATE:
        return ""
    return f"{said.name} reports {tells:.0f} W for {seconds:.1f} s, but {flows:.0f} W is measured"
