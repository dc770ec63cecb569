"""What a vehicle tells in one message, against what it told in others: errors, readiness, energy, limits, flags.

Each value alone may be right. Together, those of a correct vehicle describe one battery and one intention.
"""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import SPOKEN, Book, Side, Weight
from plugfest.conformance.watch.limits import limit
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.terms import SMALL_CURRENT
from v2g.rules.rule import CLASSIC

BOOK = Book()
EVCC: Side = "evcc"
FURTHER = {
    Stage.CABLE_CHECK: Stage.PARAMETERS, Stage.PRECHARGE: Stage.CABLE_CHECK, Stage.DELIVERY: Stage.PRECHARGE,
}  # fmt: skip
"""A stage -> the one that it follows when a vehicle goes on to charge."""
SPARE = 100.0
"""Wh that a vehicle may take beyond what it asked for: it stops at a state of charge, not at an energy."""
STAYS = 5.0
"""s for which two values have to contradict each other: some are worked out once a second."""
PERCENT = 2
"""By which two states of charge may differ: rounding, and one that is older."""
ROUNDING = 60.0
"""s by which remaining times may be rounded."""
FITS, LEAST = 1.2, 1000.0
"""Factor, and Wh, by which the energy asked for may be above what fits into the battery: losses, heating, rounding."""
SOONER = 0.5
"""Part of the shortest time that a vehicle may estimate: its limits at the moment are not its highest."""
SAME = 1.1
"""Factor by which what stays may be told differently."""
BOTH = 5.0
"""Factor by which a power limit may be above the product of the limits of voltage and current."""
NOTHING = 60.0
"""s for which a vehicle may ask for no current: it heats or cools its battery."""
LATELY = 1.0
"""s for which a schedule may have begun before the vehicle follows it."""
LEAST_WATTS = 2000.0
"""W: with less, a vehicle may not want to charge."""
LEAST_AMPS, SOME_AMPS = 6.0, 1.0
"""A of AC: the least that a pilot can offer (IEC 61851-1), and what counts as charging: electronics take less."""
SAME_AMPS = 1.05
"""Factor by which two currents of AC may be told differently: rounding."""


def _left(flow: Flow, said: Said) -> Said | None:
    """The last request of the stage that a vehicle leaves with this one to go on; None: it does not."""
    before = flow.request
    if before is None or before.stage is not FURTHER[said.stage] or said.progress not in ("", "Start"):
        return None
    return before


def _asks(said: Said) -> bool:
    return (said.target_amps or 0.0) > SMALL_CURRENT


# ---------------------------------------------------------------------------------------------------------------
# Errors and readiness


@BOOK.on("error-passed", "a vehicle that reports an error does not go on", SPOKEN, EVCC, Stage.PRECHARGE,
         Stage.DELIVERY, cause=Cause.FAULT_IGNORED)  # fmt: skip
def error_passed(flow: Flow, said: Said) -> str:
    """By the last request of the previous step: an error that is gone by then does not justify staying."""
    before = _left(flow, said)
    if before is None or not before.failed:
        return ""
    return f"{said.name} comes after {before.name} reported {before.error}: the vehicle goes on with an error"


@BOOK.on("error-at-start", "a vehicle that reports an error does not go on", SPOKEN, EVCC, Stage.LOOP,
         cause=Cause.FAULT_IGNORED)  # fmt: skip
def error_at_start(flow: Flow, said: Said) -> str:
    start = flow.start
    if start is None or not start.failed or not _asks(said):
        return ""
    return f"{said.name} asks for {said.target_amps:g} A after {start.name}(Start) reported {start.error}"


@BOOK.on("error-alone", "an error is reported as long as it lasts", SPOKEN, EVCC, Stage.CABLE_CHECK, Stage.WELDING,
         weight=Weight.NOTED)  # fmt: skip
def error_alone(flow: Flow, said: Said) -> str:
    """A finding: one that goes before the cable check, or comes after the end, may be real."""
    if said.stage is Stage.CABLE_CHECK:
        before = _left(flow, said)
        if before is None or not before.failed or said.error:
            return ""
        return f"{before.name} reports {before.error}, but {said.name} after it reports none"
    before = flow.request
    if before is None or before.stage is not Stage.DELIVERY or before.error or not said.failed:
        return ""
    if flow.ending.alarmed or flow.startled or flow.steps.failed_at is not None:
        return ""
    return f"{said.name} reports {said.error}, but no message before it did"


@BOOK.on("unready-passed", "a vehicle that goes on to charge is ready", SPOKEN, EVCC, Stage.PRECHARGE, Stage.DELIVERY,
         weight=Weight.NOTED)  # fmt: skip
def unready_passed(flow: Flow, said: Said) -> str:
    """A finding: EVReady is for information, and a charger must not depend on it."""
    before = _left(flow, said)
    if before is None or before.ready is not False:
        return ""
    return f"{said.name} comes after {before.name} with EVReady false"


@BOOK.on("unready-at-start", "a vehicle that goes on to charge is ready", SPOKEN, EVCC, Stage.LOOP,
         weight=Weight.NOTED)  # fmt: skip
def unready_at_start(flow: Flow, said: Said) -> str:
    start = flow.start
    if start is None or start.ready is not False or not _asks(said):
        return ""
    return f"{said.name} asks for {said.target_amps:g} A after {start.name}(Start) with EVReady false"


# ---------------------------------------------------------------------------------------------------------------
# The battery


@BOOK.on("energy-fits", "the energy asked for fits into the battery", SPOKEN, EVCC, Stage.PARAMETERS)
def energy_fits(flow: Flow, said: Said) -> str:
    capacity, wanted = said.capacity, said.wanted_wh
    if not capacity or capacity < 0 or wanted is None or said.soc is None:
        return ""
    room = capacity * max(100 - said.soc, 0) / 100.0
    if wanted <= room * FITS + LEAST:
        return ""
    return (
        f"{said.name} asks for {wanted:g} Wh at an SoC of {said.soc} %, but only {room:.0f} Wh fits into a battery of "
        f"{capacity:g} Wh"
    )


@BOOK.on("energy-none", "a vehicle that charges asks for energy", SPOKEN, EVCC, Stage.LOOP, weight=Weight.NOTED)
def energy_none(flow: Flow, said: Said) -> str:
    told = flow.parameters
    if told is None or told.wanted_wh != 0.0:
        return ""
    drawn = flow.plant.samples[-1].amps if flow.ac and flow.plant.samples else said.target_amps or 0.0
    seconds = flow.lasts("energy-none", drawn > SMALL_CURRENT)
    if seconds <= STAYS:
        return ""
    return f"the vehicle takes {drawn:.0f} A for {seconds:.1f} s, but {told.name} asked for 0 Wh"


@BOOK.on("energy-beyond", "a vehicle takes the energy that it asked for", SPOKEN, EVCC, Stage.LOOP,
         weight=Weight.NOTED)  # fmt: skip
def energy_beyond(flow: Flow, said: Said) -> str:
    """A finding: what is asked for only informs."""
    wanted = flow.parameters.wanted_wh if flow.parameters is not None else None
    took = flow.energy.net - flow.wanted_from
    if not wanted or wanted < 0.0 or flow.facts.protocol not in CLASSIC or took <= wanted * FITS + SPARE:
        return ""
    return f"the vehicle has taken {took:.0f} Wh and goes on, but asked for {wanted:g} Wh"


@BOOK.on("capacity-kept", "a battery's capacity does not change", SPOKEN, EVCC, Stage.PARAMETERS)
def capacity_kept(flow: Flow, said: Said) -> str:
    now, before = said.capacity, flow.parameters.capacity if flow.parameters is not None else None
    if not now or not before or before / SAME <= now <= before * SAME:
        return ""
    return f"{said.name} has a capacity of {now:g} Wh, but {before:g} Wh in the previous message"


@BOOK.on("capacity-none", "a reported battery holds energy", SPOKEN, EVCC, Stage.PARAMETERS,
         weight=Weight.NOTED)  # fmt: skip
def capacity_none(flow: Flow, said: Said) -> str:
    return f"{said.name} has a capacity of {said.capacity:g} Wh" if said.capacity == 0.0 else ""


@BOOK.on("full-passed", "a vehicle stops at its own FullSOC", SPOKEN, EVCC, Stage.LOOP, weight=Weight.NOTED)
def full_passed(flow: Flow, said: Said) -> str:
    full = flow.parameters.full_soc if flow.parameters is not None else None
    beyond = full is not None and said.soc is not None and said.soc > full + PERCENT and _asks(said)
    seconds = flow.lasts("full-passed", beyond)
    if seconds <= STAYS:
        return ""
    return f"{said.name} asks for {said.target_amps:g} A for {seconds:.1f} s at {said.soc} %, but FullSOC is {full} %"


@BOOK.on("bulk-said", "bulk charging is complete from BulkSOC on", SPOKEN, EVCC, Stage.LOOP, weight=Weight.NOTED)
def bulk_said(flow: Flow, said: Said) -> str:
    bulk = flow.parameters.bulk_soc if flow.parameters is not None else None
    said_so, soc = said.bulk_complete, said.soc
    if bulk is None or soc is None or said_so is None:
        return ""
    seconds = flow.lasts("bulk-said", soc < bulk - PERCENT if said_so else soc > bulk + PERCENT)
    if seconds <= STAYS:
        return ""
    return f"{said.name} has BulkChargingComplete {str(said_so).lower()} at {soc} %, but BulkSOC is {bulk} %"


@BOOK.on("complete-said", "flags and remaining times agree", SPOKEN, EVCC, Stage.LOOP, weight=Weight.NOTED)
def complete_said(flow: Flow, said: Said) -> str:
    for name, flag, left in (
        ("BulkChargingComplete", said.bulk_complete, said.to_bulk),
        ("ChargingComplete", said.complete, said.to_full),
    ):
        seconds = flow.lasts(f"complete-said {name}", flag is True and (left or 0.0) > ROUNDING)
        if seconds > STAYS:
            return f"{said.name} has {name} true, but {left:g} s remains"
    return ""


@BOOK.on("remaining-short", "the remaining time fits the power that the vehicle can take", SPOKEN, EVCC, Stage.LOOP,
         weight=Weight.NOTED)  # fmt: skip
def remaining_short(flow: Flow, said: Said) -> str:
    """A finding: how a vehicle estimates is its own affair, but no battery takes more than its own limits."""
    told, left = flow.parameters, said.to_full
    if told is None or not told.capacity or told.full_soc is None or said.soc is None or not left or said.complete:
        return ""
    missing = told.capacity * (told.full_soc - PERCENT - said.soc) / 100.0
    watts = flow.most(flow.vehicle.watts)
    if flow.vehicle.volts.value and flow.vehicle.amps.value:
        watts = min(watts, flow.vehicle.volts.value * flow.vehicle.amps.value)
    least = missing / watts * 3600.0 if watts > 0.0 else 0.0
    seconds = flow.lasts("remaining-short", 0.0 < left < least * SOONER)
    if seconds <= STAYS:
        return ""
    return (
        f"{said.name} has RemainingTimeToFullSoC {left:g} s, but {missing:.0f} Wh up to FullSOC takes {least:.0f} s at "
        f"the vehicle's own limits"
    )


@BOOK.on("complete-at-start", "a vehicle that starts does not report charging as complete", SPOKEN, EVCC, Stage.LOOP)
def complete_at_start(flow: Flow, said: Said) -> str:
    start = flow.start
    if start is None or start.complete is not True or not _asks(said):
        return ""
    return f"{said.name} asks for {said.target_amps:g} A after {start.name}(Start) with ChargingComplete true"


@BOOK.on(
    "bulk-at-start", "bulk charging that is complete stays complete", SPOKEN, EVCC, Stage.LOOP, weight=Weight.NOTED
)
def bulk_at_start(flow: Flow, said: Said) -> str:
    start = flow.start
    if start is None or start.bulk_complete is not True or said.bulk_complete is not False:
        return ""
    return f"{said.name} has BulkChargingComplete false, but it was true in {start.name}(Start)"


# ---------------------------------------------------------------------------------------------------------------
# Limits and targets


@BOOK.on("limit-none", "a vehicle that asks for current can take power", SPOKEN, EVCC, Stage.LOOP,
         weight=Weight.NOTED)  # fmt: skip
def limit_none(flow: Flow, said: Said) -> str:
    """A finding: some say 0 W for a limit that they do not know."""
    most = said.most.watts if said.most.watts is not None else flow.vehicle.watts.value
    seconds = flow.lasts("limit-none", most == 0.0 and _asks(said))
    if seconds <= flow.terms.vehicle:
        return ""
    name = limit(flow.facts.protocol, "EV", "W")
    return f"{said.name} asks for {said.target_amps:g} A for {seconds:.1f} s, but the vehicle's {name} is 0 W"


@BOOK.on("limits-agree", "limits of power, voltage and current are consistent", SPOKEN, EVCC, Stage.PARAMETERS,
         Stage.LOOP,
         weight=Weight.NOTED)  # fmt: skip
def limits_agree(flow: Flow, said: Said) -> str:
    most = said.most
    if not most.watts or not most.volts or not most.amps or most.amps < SMALL_CURRENT:
        return ""
    if most.watts <= most.volts * most.amps * BOTH:
        return ""
    return f"{said.name} has a power limit of {most.watts:.9g} W with limits of {most.volts:g} V and {most.amps:g} A"


@BOOK.on("asks-nothing", "a vehicle that starts takes power", SPOKEN, EVCC, Stage.LOOP, weight=Weight.NOTED)
def asks_nothing(flow: Flow, said: Said) -> str:
    """A finding: a battery may be too cold or too hot for so long."""
    idle = said.target_amps is not None and said.target_amps <= 0.0 and not said.complete and not said.error
    seconds = flow.lasts("asks-nothing", idle and flow.flowing and flow.ending.wish_at is None and _may_take(flow))
    if seconds <= NOTHING:
        return ""
    return f"{said.name} has asked for no current for {seconds:.0f} s, but does not report charging as complete"


def _may_take(flow: Flow) -> bool:
    """The charger has current to give, and its schedule allows some power, in the protocols where nobody waits."""
    granted, amps = flow.facts.granted(LATELY), flow.charger.amps.value
    waits = flow.facts.protocol not in CLASSIC or (granted is not None and granted < LEAST_WATTS)
    return not waits and (amps is None or amps > SMALL_CURRENT)


# ---------------------------------------------------------------------------------------------------------------
# AC


@BOOK.on("line-voltage", "a vehicle charges at voltages that it can take", SPOKEN, EVCC, Stage.DELIVERY,
         cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def line_voltage(flow: Flow, said: Said) -> str:
    told, offer = flow.parameters, flow.offer
    if not flow.ac or said.progress != "Start" or told is None or offer is None:
        return ""
    limit, volts = told.most.volts, offer.nominal_volts
    if limit is None or volts is None or limit * SAME >= volts:
        return ""
    return f"{said.name}(Start) at {volts:g} V, but the vehicle's EVMaxVoltage is {limit:g} V"


@BOOK.on("current-none", "a vehicle that starts can take current", SPOKEN, EVCC, Stage.DELIVERY,
         cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def current_none(flow: Flow, said: Said) -> str:
    told = flow.parameters
    if said.progress != "Start" or told is None or told.most.amps != 0.0:
        return ""
    return f"{said.name}(Start) after {told.name} with a current limit of 0 A"


@BOOK.on("line-least", "a vehicle starts only if it is offered its minimum current", SPOKEN, EVCC,
         Stage.DELIVERY, weight=Weight.NOTED)  # fmt: skip
def line_least(flow: Flow, said: Said) -> str:
    told, offer = flow.parameters, flow.offer
    if not flow.ac or said.progress != "Start" or told is None or offer is None:
        return ""
    least, amps = told.least_amps, offer.line_amps
    if least is None or amps is None or least <= amps * SAME:
        return ""
    return f"{said.name}(Start) at {amps:g} A, but the vehicle's EVMinCurrent is {least:g} A"


def _offered(flow: Flow) -> float | None:
    """A per phase that an AC charger offers, and its schedule allows some power; None: not known."""
    granted = flow.facts.granted(LATELY) if flow.facts.protocol in CLASSIC else None
    return flow.line_amps.at(flow.now) if flow.ac and (granted is None or granted >= LEAST_WATTS) else None


def _drawn(flow: Flow) -> float | None:
    """A per phase that are measured; None: nothing is."""
    return flow.plant.samples[-1].amps if flow.ac and flow.plant.samples else None


@BOOK.on("draws-nothing", "a vehicle that starts takes power", SPOKEN, EVCC, Stage.LOOP, weight=Weight.NOTED)
def draws_nothing(flow: Flow, said: Said) -> str:
    """A finding: a battery may be full, too cold or too hot; in AC a vehicle does not say so."""
    drawn, offered = _drawn(flow), _offered(flow)
    told = flow.parameters
    least = max((told.least_amps if told is not None else None) or 0.0, LEAST_AMPS)
    idle = drawn is not None and abs(drawn) < SOME_AMPS and offered is not None and offered >= least
    asked = flow.ending.wish_at is not None or flow.startled or said.complete is True
    seconds = flow.lasts("draws-nothing", idle and flow.flowing and not asked)
    if seconds <= NOTHING:
        return ""
    return f"{said.name}: the vehicle has drawn no current for {seconds:.0f} s, and is offered {offered:g} A"


@BOOK.on("draws-below-least", "a vehicle draws no current where it is offered less than it needs", SPOKEN, EVCC,
         Stage.LOOP, weight=Weight.NOTED)  # fmt: skip
def draws_below_least(flow: Flow, said: Said) -> str:
    """A finding: EVMinCurrent only informs. What a battery near full takes is not meant: the offer counts."""
    told, drawn, offered = flow.parameters, _drawn(flow), flow.line_amps.at(flow.now)
    least = told.least_amps if told is not None else None
    below = least is not None and offered is not None and offered * SAME_AMPS < least
    seconds = flow.lasts("draws-below-least", below and drawn is not None and drawn > SOME_AMPS and flow.flowing)
    if seconds <= STAYS:
        return ""
    return (
        f"{said.name}: the vehicle has drawn {drawn:.1f} A for {seconds:.0f} s where it is offered {offered:g} A, its "
        f"EVMinCurrent is {least:g} A"
    )
