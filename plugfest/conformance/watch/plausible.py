"""What a vehicle says about its battery and shows on the pilot, against its earlier values and what a session needs."""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import SPOKEN, Book, Side, Weight
from plugfest.conformance.watch.limits import limit
from plugfest.conformance.watch.log import Log
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.offered import Offered
from plugfest.conformance.watch.terms import SMALL_CURRENT
from slac.pilot import READY, State

BOOK = Book()
EVCC: Side = "evcc"
TELLING = (Stage.PARAMETERS, Stage.CABLE_CHECK, Stage.PRECHARGE, Stage.DELIVERY, Stage.LOOP, Stage.WELDING)
SOC_JUMP = 5
"""Percent by which an SoC may change between two messages."""
ABOVE = 1.1
"""Factor by which a target may be above a power limit: the voltage is the charger's."""
LOW = 0.95
"""Factor by which a target may be below what is there: measuring, and the cable."""
DAYS = 7 * 24 * 3600.0
"""s: no battery takes longer."""
STANDS = 90.0
"""s for which a remaining time may stay the same: some round to minutes."""
ROUNDING = 60.0
"""s by which remaining times may be rounded."""
JUMP = 30.0
"""V by which the voltage may change when contactors close: 20 V, and the battery's reaction."""
SETTLED = 1.0
"""s after the start in which the first values come."""
MOVES_WITHIN = 0.25
"""s after PowerDeliveryReq in which the pilot moves in AC [V2G2-847, 848]."""

STAYS = 1.0
"""s after PowerDeliveryReq(Stop) in which it is surely back in B, by the clock of a bench."""
EARLY = 0.05
"""s by which it may have moved before, by the clock of a bench."""


@BOOK.on("soc-jumps", "the state of charge changes with the energy", SPOKEN, EVCC, *TELLING)
def soc_jumps(flow: Flow, said: Said) -> str:
    if said.soc is None or flow.energy.soc is None or abs(said.soc - flow.energy.soc) <= SOC_JUMP:
        return ""
    return f"{said.name} has an SoC of {said.soc} %, but the previous message had {flow.energy.soc} %"


@BOOK.on("power-own-limit", "targets stay within the vehicle's own power limit", SPOKEN, EVCC, Stage.LOOP,
         cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def power_own_limit(flow: Flow, said: Said) -> str:
    """By the voltage that is there: the target may be the highest that the battery ever has."""
    most = said.most.watts if said.most.watts is not None else flow.vehicle.watts.value
    shown = flow.shown
    if most is None or most <= 0 or said.target_amps is None or shown is None or shown.stage is not Stage.LOOP:
        return ""
    volts = flow.level or 0.0
    seconds = flow.lasts("power-own-limit", volts * said.target_amps > most * ABOVE)
    if seconds <= flow.terms.vehicle:
        return ""
    return (
        f"{said.name} asks for {said.target_amps:g} A at {volts:.0f} V for {seconds:.1f} s, which is more than its own "
        f"{limit(flow.facts.protocol, 'EV', 'W')} of {most:.9g} W"
    )


@BOOK.on("limits-move", "a vehicle's limits in the loop are those of its charge parameters, or lower", SPOKEN, EVCC,
         Stage.LOOP, weight=Weight.NOTED)  # fmt: skip
def limits_move(flow: Flow, said: Said) -> str:
    """A finding: a battery that gets warm may allow more than at the beginning."""
    if flow.parameters is None:
        return ""
    told = flow.parameters.most
    for now, before, unit, name in (
        (said.most.amps, told.amps, "A", "EVMaximumCurrentLimit"),
        (said.most.watts, told.watts, "W", "EVMaximumPowerLimit"),
    ):
        if now is not None and before is not None and 0 <= before * ABOVE < now and said.name == "CurrentDemandReq":
            return f"{said.name} has {name} {now:.9g} {unit}, but its charge parameters had {before:.9g} {unit}"
    return ""


@BOOK.on("remaining-impossible", "remaining times are plausible: full comes after bulk, within days", SPOKEN,
         EVCC, Stage.LOOP)  # fmt: skip
def remaining_impossible(flow: Flow, said: Said) -> str:
    """The order of the two is that of BulkSOC and FullSOC, where a vehicle told them."""
    full, bulk = said.to_full, said.to_bulk
    for seconds, name in ((full, "RemainingTimeToFullSoC"), (bulk, "RemainingTimeToBulkSoC")):
        if seconds is not None and not -1.0 <= seconds <= DAYS:
            return f"{said.name} has {name} {seconds:g} s"
    told = flow.parameters
    backwards = told is not None and (told.bulk_soc or 0) > (told.full_soc or 100)
    if full is not None and bulk is not None and bulk > full + ROUNDING and not backwards:
        return f"{said.name} has RemainingTimeToBulkSoC {bulk:g} s and RemainingTimeToFullSoC {full:g} s"
    return ""


@BOOK.on("remaining-stands", "remaining times go down while power flows, and are 0 at the end", SPOKEN, EVCC,
         Stage.LOOP, weight=Weight.NOTED)  # fmt: skip
def remaining_stands(flow: Flow, said: Said) -> str:
    """A finding: how a vehicle estimates is its own affair."""
    amps = flow.plant.samples[-1].amps if flow.plant.samples else flow.shown.amps if flow.shown is not None else None
    charging = flow.flowing and amps is not None and amps > SMALL_CURRENT and not said.complete
    for key, now, done, name in (
        ("full", said.to_full, said.complete, "RemainingTimeToFullSoC"),
        ("bulk", said.to_bulk, said.bulk_complete, "RemainingTimeToBulkSoC"),
    ):
        same = now is not None and now == flow.remaining.get(key)
        if now is not None:
            flow.remaining[key] = now
        idle = flow.lasts(f"remaining-zero {key}", charging and now is not None and now <= 0 and done is False)
        if idle > ROUNDING / 4:
            return f"{said.name} has sent {name} {now:g} s for {idle:.0f} s, but does not report charging as complete"
        stands = flow.lasts(f"remaining-stands {key}", charging and same and (now or 0.0) > 0.0)
        if stands > STANDS:
            return f"{said.name} has sent {name} {now:g} s for {stands:.0f} s while power flows"
    return ""


@BOOK.on("error-goes-on", "a vehicle that reports an error asks for no more current", SPOKEN, EVCC, Stage.LOOP,
         cause=Cause.FAULT_IGNORED)  # fmt: skip
def error_goes_on(flow: Flow, said: Said) -> str:
    asks = bool(said.error) and (said.target_amps or 0.0) > SMALL_CURRENT
    seconds = flow.lasts("error-goes-on", asks)
    if seconds <= flow.terms.vehicle:
        return ""
    return f"{said.name} reports {said.error} for {seconds:.1f} s and still asks for {said.target_amps:g} A"


@BOOK.on("ready-in-loop", "a vehicle that asks for current is ready", SPOKEN, EVCC, Stage.LOOP,
         weight=Weight.NOTED)  # fmt: skip
def ready_in_loop(flow: Flow, said: Said) -> str:
    """A finding: EVReady is for information, and a charger must not depend on it."""
    unready = said.ready is False and (said.target_amps or 0.0) > SMALL_CURRENT
    seconds = flow.lasts("ready-in-loop", unready)
    return f"{said.name} asks for current for {seconds:.1f} s, but EVReady is false" if seconds > 1.0 else ""


@BOOK.on("target-low", "the target reaches the voltage of the battery", "IEC 61851-23",
         EVCC, Stage.LOOP)  # fmt: skip
def target_low(flow: Flow, said: Said) -> str:
    shown, target = flow.shown, said.target_volts
    if target is None or shown is None or shown.stage is not Stage.LOOP or not shown.volts:
        return ""
    low = target < shown.volts * LOW and (said.target_amps or 0.0) > SMALL_CURRENT
    seconds = flow.lasts("target-low", low and flow.flowing)
    if seconds <= flow.terms.vehicle:
        return ""
    asked = f"{said.target_amps:g} A at {target:g} V"
    return f"{said.name} asks for {asked} for {seconds:.1f} s, but the voltage is {shown.volts:.0f} V"


@BOOK.on("voltage-limit-moves", "a battery's maximum voltage does not change", SPOKEN, EVCC, Stage.LOOP)
def voltage_limit_moves(flow: Flow, said: Said) -> str:
    now, before = said.most.volts, flow.parameters.most.volts if flow.parameters is not None else None
    if now is None or before is None or not 0 < before * ABOVE < now or said.name != "CurrentDemandReq":
        return ""
    return f"{said.name} has EVMaximumVoltageLimit {now:g} V, but its charge parameters had {before:g} V"


@BOOK.on(
    "complete-goes-on", "a vehicle that reports charging as complete asks for no more current", SPOKEN, EVCC, Stage.LOOP
)
def complete_goes_on(flow: Flow, said: Said) -> str:
    seconds = flow.lasts("complete-goes-on", said.complete is True and (said.target_amps or 0.0) > SMALL_CURRENT)
    if seconds <= flow.terms.stop:
        return ""
    return f"{said.name} has reported ChargingComplete for {seconds:.1f} s and still asks for {said.target_amps:g} A"


@BOOK.on("precharge-wrong", "precharge asks for the voltage of the battery", "IEC 61851-23", EVCC, Stage.LOOP)
def precharge_wrong(flow: Flow, said: Said) -> str:
    """By the jump of the voltage when the battery is connected, after a precharge that the charger has ended."""
    target, reached, shown = flow.steps.precharge_volts, flow.steps.reached, flow.shown
    if flow.startled or flow.plant.open or reached is None or target is None or abs(reached - target) > JUMP:
        return ""
    if shown is None or flow.steps.on_at is None or shown.stage is not Stage.LOOP or shown.volts is None:
        return ""
    if flow.now - flow.steps.on_at > SETTLED or (shown.amps or 0.0) > SMALL_CURRENT or not shown.volts:
        return ""
    if abs(shown.volts - target) <= JUMP:
        return ""
    return f"contactors were closed after a precharge to {target:g} V, but the battery has {shown.volts:.0f} V"


# ---------------------------------------------------------------------------------------------------------------
# The pilot


def _seen(flow: Flow) -> State | None:
    """The pilot, where it can be judged: seen, and digital."""
    return None if flow.startled else flow.contacts.pilot


@BOOK.on("pilot-not-ready", "a vehicle is in C or D from CableCheckReq to the end of the loop", "V2G2-846", EVCC,
         Stage.CABLE_CHECK, Stage.PRECHARGE, cause=Cause.PILOT_STATE)  # fmt: skip
def pilot_not_ready(flow: Flow, said: Said) -> str:
    state = _seen(flow)
    if state is None or state in READY or flow.ending.alarmed or flow.steps.failed_at is not None:
        return ""
    return f"{said.name} comes while the pilot is in {state.value}"


@BOOK.on("pilot-ready-early", "a vehicle is in B until its charge parameters are agreed", "V2G2-846", EVCC,
         Stage.SETUP, Stage.OTHER, Stage.PARAMETERS, Stage.SCHEDULE, cause=Cause.PILOT_STATE)  # fmt: skip
def pilot_ready_early(flow: Flow, said: Said) -> str:
    state = _seen(flow)
    started = flow.contacts.began_ready or flow.steps.on_at is not None
    if state not in READY or started or said.name == "MeteringReceiptReq":
        return ""
    return f"{said.name} comes while the pilot is in {state.value}: nothing has been agreed yet"


@BOOK.on("pilot-ready-ac", "a vehicle is in C or D shortly after PowerDeliveryReq(Start)", "V2G2-847", EVCC,
         Stage.LOOP, cause=Cause.PILOT_STATE)  # fmt: skip
def pilot_ready_ac(flow: Flow, said: Said) -> str:
    state = _seen(flow)
    if (
        state is None
        or not flow.flowing
        or flow.ending.alarmed
        or flow.steps.failed_at is not None
        or flow.ending.wish_at is not None
    ):
        return ""
    if state in READY or flow.steps.on_at is None or flow.now - flow.steps.on_at < MOVES_WITHIN:
        return ""
    return f"{said.name} comes {flow.now - flow.steps.on_at:.1f} s after the start while the pilot is in {state.value}"


@BOOK.on("pilot-left-early", "in AC a vehicle leaves C only after PowerDeliveryReq(Stop)", "V2G2-848", EVCC,
         Stage.DELIVERY, cause=Cause.PILOT_STATE)  # fmt: skip
def pilot_left_early(flow: Flow, said: Said) -> str:
    left = flow.contacts.opened_at
    if not flow.ac or said.progress != "Stop" or left is None or flow.startled or flow.steps.stop_at is not None:
        return ""
    if flow.now - left < EARLY:
        return ""
    return f"{said.name}(Stop) comes {flow.now - left:.2f} s after the pilot left C"


@BOOK.on("pilot-left-before-stop", "in DC a vehicle leaves C after PowerDeliveryReq(Stop)", SPOKEN, EVCC,
         Stage.DELIVERY, weight=Weight.NOTED, cause=Cause.PILOT_STATE)  # fmt: skip
def pilot_left_before_stop(flow: Flow, said: Said) -> str:
    """A finding: no current flows any more, but a charger takes it for an emergency (IEC 61851-23)."""
    left = flow.contacts.left_at
    if flow.ac or left is None or said.progress != "Stop" or flow.steps.stop_at is not None or _may_leave(flow):
        return ""
    if flow.now - left < EARLY:
        return ""
    return f"{said.name}(Stop) comes {flow.now - left:.2f} s after the pilot left C"


def _may_leave(flow: Flow) -> bool:
    """The charger has given a reason to leave at once."""
    reasons = flow.steps.failed_at, flow.steps.error_at, flow.steps.over_at
    return flow.startled or flow.unanswered or flow.ending.alarmed or any(one is not None for one in reasons)


@BOOK.on("pilot-ready-late", "a vehicle is back in B after PowerDeliveryReq(Stop)", "V2G2-848", EVCC, Stage.WELDING,
         Stage.END, cause=Cause.PILOT_STATE)  # fmt: skip
def pilot_ready_late(flow: Flow, said: Said) -> str:
    state = _seen(flow)
    if state not in READY or flow.steps.stopped_at is None or flow.steps.stop_at is None:
        return ""
    if flow.now - flow.steps.stop_at < 2 * MOVES_WITHIN:
        return ""
    return (
        f"{said.name} comes {flow.now - flow.steps.stop_at:.1f} s after PowerDeliveryReq(Stop), "
        f"but the pilot is in {state.value}"
    )


@BOOK.pilot("pilot-stays-ready", "in AC a vehicle goes back to B after PowerDeliveryReq(Stop)", "V2G2-848", EVCC,
            cause=Cause.PILOT_STATE)  # fmt: skip
def pilot_stays_ready(flow: Flow, log: Log, offered: Offered) -> str:
    """Also after the end of the session, when no message comes any more."""
    state, stop = _seen(flow), flow.steps.stop_at
    if not flow.ac or state not in READY or stop is None or flow.steps.renegotiates or flow.now - stop < STAYS:
        return ""
    return f"the pilot is still in {state.value} {flow.now - stop:.1f} s after PowerDeliveryReq(Stop)"


def pilot_seen(flow: Flow, state: State | None, digital: bool | None) -> None:
    """Takes a reading into account."""
    flow.contacts.pilot = state if digital is not False else None
    if flow.request is None and state in READY:
        flow.contacts.began_ready = True
