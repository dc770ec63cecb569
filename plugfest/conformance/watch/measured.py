"""A charger against what is measured at its output: DC, and the contactor of AC."""

from __future__ import annotations

import math

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow, Measured
from plugfest.conformance.watch.judgement import SPOKEN, Book, Side, Weight
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.output import charger_decides, for_how_long
from plugfest.conformance.watch.terms import LASTS, SMALL_CURRENT
from slac.pilot import READY
from v2g.physical import SAFE_VOLTAGE
from v2g.rules.rule import CLASSIC

BOOK = Book()
SECC: Side = "secc"
TEST_VOLTAGE = 100.0
"""V that a cable check shows at the output at least."""
CLOSES = 5.0
"""s after a refusal in which a session is closed, and the output off with it."""
STAGES_LIVE = (Stage.CABLE_CHECK, Stage.PRECHARGE, Stage.DELIVERY, Stage.LOOP, Stage.WELDING, Stage.END)
TOLD = 0.5
"""s after the answer to PowerDelivery(Start) by which a contactor is surely seen to be closed."""
LEAST_AMPS, LEAST_WATTS = 6.0, 6.0 * 230.0
"""Per phase, below which a vehicle takes nothing (IEC 61851-1)."""
GAP = 1.0
"""V or A that rounding may add."""
OTHER_GRID = 0.2
"""Part of a nominal voltage by which no grid is off."""


@BOOK.measured(
    "output-asked",
    "an output delivers no more current than requested",
    "IEC 61851-23",
    SECC,
    cause=Cause.LIMIT_EXCEEDED,
)
def output_asked(flow: Flow, seen: Measured) -> str:
    asked = flow.asked.amps.at(flow.now)
    if flow.ac or asked is None or flow.steps.stop_at is not None or charger_decides(flow):
        return ""
    most = asked + flow.terms.current(asked, flow.slack)
    seconds = flow.lasts("output-asked", seen.amps > most)
    if seconds < LASTS:
        return ""
    why = " because the vehicle reports an error or is not ready" if flow.steps.error_at is not None else ""
    return (
        f"the output was measured at {seen.amps:.1f} A {for_how_long(seconds)}, but at most {most:.1f} A is allowed"
        f"{why}"
    )


@BOOK.measured(
    "output-limit",
    "an output stays within the lower of both sides' limits",
    "IEC 61851-23",
    SECC,
    cause=Cause.LIMIT_EXCEEDED,
)
def output_limit(flow: Flow, seen: Measured) -> str:
    if flow.ac:
        return ""
    terms = flow.terms
    amps, volts = flow.most(flow.charger.amps, flow.vehicle.amps), flow.most(flow.charger.volts, flow.vehicle.volts)
    watts = flow.most(flow.charger.watts, flow.vehicle.watts)
    driven = seen.amps >= SMALL_CURRENT or seen.battery is False
    for value, most, unit in (
        (seen.amps, _with(amps, terms.current(amps, flow.slack) if amps < math.inf else 0.0), "A"),
        (seen.volts if driven else 0.0, _with(volts, terms.voltage(volts) if volts < math.inf else 0.0), "V"),
        (seen.volts * seen.amps, watts * 1.02 + terms.current(seen.amps, flow.slack) * seen.volts, "W"),
    ):
        seconds = flow.lasts(f"output-limit {unit}", value > most)
        if seconds >= LASTS:
            return (
                f"the output was measured at {value:.1f} {unit} {for_how_long(seconds)}, but the lower limit of both "
                f"sides is {most:.1f} {unit} with tolerance"
            )
    return ""


def _with(bound: float, slack: float) -> float:
    return bound if math.isinf(bound) or bound < 0 else bound + slack


@BOOK.measured("output-early", "an output is off before the cable check", "IEC 61851-23", SECC, cause=Cause.OUTPUT_ON)
def output_early(flow: Flow, seen: Measured) -> str:
    stage = flow.request.stage if flow.request is not None else Stage.HANDSHAKE
    ended = flow.steps.over_at is not None or flow.steps.stopped_at is not None
    if flow.ac or seen.battery or stage in STAGES_LIVE or ended:
        return ""
    if flow.steps.failed_at is not None:  # a request that was out of its order, and refused, says nothing of the output
        return ""
    seconds = flow.lasts("output-early", seen.volts > SAFE_VOLTAGE)
    if seconds < LASTS:
        return ""
    after = flow.request.name if flow.request is not None else "the connection"
    return f"the output was measured at {seen.volts:.0f} V {for_how_long(seconds)} after {after}, before CableCheckReq"


@BOOK.measured("output-off", "an output delivers no current after the end, a refusal or an alarm",
               "IEC 61851-23", SECC, cause=Cause.OUTPUT_ON)  # fmt: skip
def output_off(flow: Flow, seen: Measured) -> str:
    if flow.ac or seen.amps <= SMALL_CURRENT:
        return ""
    ramp = seen.amps / flow.terms.fall
    for since, allowed, what in (
        (flow.steps.stop_at, flow.terms.reaction + flow.terms.off + ramp, "PowerDeliveryReq asked to stop"),
        (flow.ending.alarm_at, flow.terms.reaction + flow.terms.off, f"the charger reported {flow.ending.alarm}"),
        (flow.steps.failed_at, CLOSES + flow.terms.off, "the charger refused a request"),
        (flow.steps.over_at, CLOSES + flow.terms.off, "the connection was closed"),
    ):
        if since is not None and flow.now - since > allowed:
            return f"the output was measured at {seen.amps:.1f} A {flow.now - since:.2f} s after {what}"
    return ""


@BOOK.measured(
    "output-discharged",
    "an open output is below 60 V after the end",
    "IEC 61851-23",
    SECC,
    cause=Cause.OUTPUT_ON,
)
def output_discharged(flow: Flow, seen: Measured) -> str:
    if flow.ac or flow.steps.stopped_at is None or seen.battery is not False or seen.volts <= SAFE_VOLTAGE:
        flow.lasts("output-discharged", wrong=False)
        return ""
    if flow.request is not None and flow.request.stage in (Stage.CABLE_CHECK, Stage.PRECHARGE, Stage.LOOP):
        return ""
    if flow.lasts("output-discharged", wrong=True) <= flow.terms.discharge:
        return ""
    return f"the open output was measured at {seen.volts:.0f} V {flow.now - flow.steps.stopped_at:.1f} s after the end"


# ---------------------------------------------------------------------------------------------------------------
# What is reported, against what is measured


@BOOK.on("present-values", "present values match what is measured at the output", SPOKEN, SECC, Stage.LOOP,
         Stage.PRECHARGE, Stage.WELDING)  # fmt: skip
def present_values(flow: Flow, said: Said) -> str:
    samples = flow.recent()
    if flow.ac or not samples or not said.ok or (said.stage is Stage.LOOP and flow.steps.on_at is None):
        return ""
    for value, measured, slack, unit in (
        (said.volts, [one.volts for one in samples], flow.terms.voltage(said.volts or 0.0), "V"),
        (said.amps, [one.amps for one in samples], flow.terms.current(said.amps or 0.0, flow.slack), "A"),
    ):
        if value is None:
            continue
        low, high = min(measured) - slack, max(measured) + slack
        seconds = flow.lasts(f"present {said.stage.name} {unit}", not low <= value <= high)
        if seconds > 0.0:
            span = f"{min(measured):.1f}" if max(measured) - min(measured) < 0.1 else (
                f"{min(measured):.1f} to {max(measured):.1f}"
            )  # fmt: skip
            return (
                f"{said.name} reports {value:.1f} {unit}, but {span} {unit} was measured in the last "
                f"{flow.terms.lag:g} s, {for_how_long(seconds)} and in at least two responses"
            )
    return ""


@BOOK.on("cable-check-voltage", "a cable check tests the insulation under voltage", "IEC 61851-23", SECC,
         Stage.CABLE_CHECK)  # fmt: skip
def cable_check_voltage(flow: Flow, said: Said) -> str:
    if flow.ac or not flow.plant.measured or not said.finished or not said.ok or flow.plant.highest >= TEST_VOLTAGE:
        return ""
    return (
        f"{said.name} Finished with EVSEIsolationStatus {said.isolation or 'left out'}, and no more than "
        f"{flow.plant.highest:.0f} V was measured at the output in the cable check"
    )


# ---------------------------------------------------------------------------------------------------------------
# AC


@BOOK.measured(
    "contactor-early",
    "the contactor is open before PowerDelivery(Start)",
    "IEC 61851-1",
    SECC,
    cause=Cause.OUTPUT_ON,
)
def contactor_early(flow: Flow, seen: Measured) -> str:
    if not flow.ac or not seen.closed or flow.steps.over_at is not None:
        return ""
    asked = flow.request is not None and (flow.request.progress == "Start" or flow.steps.on_at is not None)
    if asked or flow.steps.stop_at is not None:
        return ""
    name = flow.request.name if flow.request is not None else "the connection"
    return f"the contactor is closed after {name}, before PowerDeliveryReq asked for power"


@BOOK.measured("contactor-late", "the contactor is open after the end", "IEC 61851-1", SECC, cause=Cause.OUTPUT_ON)
def contactor_late(flow: Flow, seen: Measured) -> str:
    if not flow.ac or not seen.closed:
        return ""
    begins = flow.request is not None and flow.request.progress == "Start"  # closed by that, and not answered yet
    stays = begins or flow.steps.renegotiates  # in AC it may stay closed meanwhile
    for since, allowed, what in (
        (None if stays else flow.steps.stopped_at, flow.terms.contactor, "PowerDelivery(Stop) was answered"),
        (flow.ending.alarm_at, flow.terms.contactor, f"the charger reported {flow.ending.alarm}"),
        (flow.steps.failed_at, CLOSES + flow.terms.contactor, "the charger refused a request"),
        (flow.steps.over_at, CLOSES + flow.terms.contactor, "the connection was closed"),
    ):
        if since is not None and flow.now - since > allowed:
            return f"the contactor is still closed {flow.now - since:.1f} s after {what}"
    return ""


@BOOK.measured("contactor-ready", "the contactor is closed in C and D only", "IEC 61851-1", SECC, cause=Cause.OUTPUT_ON)
def contactor_ready(flow: Flow, seen: Measured) -> str:
    state = flow.contacts.pilot
    wrong = flow.ac and seen.closed is True and state is not None and state not in READY
    seconds = flow.lasts("contactor-ready", wrong)
    if state is None or seconds <= flow.terms.contactor:
        return ""
    return f"the contactor is closed {for_how_long(seconds)} while the pilot is in {state.value}"


def _owes_power(flow: Flow, seen: Measured) -> bool:
    """AC is agreed on, the vehicle is ready, and the charger has given no reason to keep it back.

    A charger may offer less than a vehicle can take, or say that something is wrong.
    """
    granted, line = flow.facts.granted(CLOSES), flow.line_amps.value
    least = seen.phases * LEAST_WATTS
    nothing = line is None or line < LEAST_AMPS or (granted is not None and granted < least)
    ended = (
        flow.ending.alarmed
        or flow.ending.wish_at is not None
        or flow.steps.failed_at is not None
        or flow.steps.over_at is not None
    )
    agreed = flow.ac and flow.flowing and flow.contacts.pilot in READY and flow.facts.protocol in CLASSIC
    return agreed and not nothing and not ended


@BOOK.measured("contactor-told", "PowerDelivery(Start) is answered OK once the contactor is closed",
               "V2G2-860, V2G2-862", SECC)  # fmt: skip
def contactor_told(flow: Flow, seen: Measured) -> str:
    since = flow.steps.on_at
    open_since = since is not None and seen.closed is False and flow.contacts.shut_at < since
    seconds = flow.lasts("contactor-told", open_since and _owes_power(flow, seen))
    if seconds <= TOLD + flow.terms.lag:
        return ""
    return f"the contactor is open {for_how_long(seconds)} after PowerDelivery(Start) was answered OK"


@BOOK.measured("contactor-kept", "the contactor stays closed as long as power is agreed on", "IEC 61851-1", SECC)
def contactor_kept(flow: Flow, seen: Measured) -> str:
    seconds = flow.lasts("contactor-kept", seen.closed is False and _owes_power(flow, seen))
    if seconds <= CLOSES:
        return ""
    return (
        f"the contactor is open {for_how_long(seconds)} while the pilot is in C or D, and the charger gives no reason"
    )


@BOOK.measured("nominal-measured", "EVSENominalVoltage is that of the outlet", SPOKEN, SECC, weight=Weight.NOTED,
               cause=Cause.WRONG_FIELD)  # fmt: skip
def nominal_measured(flow: Flow, seen: Measured) -> str:
    told = flow.offer.nominal_volts if flow.offer is not None else None
    wrong = flow.ac and told is not None and seen.amps > GAP and abs(seen.volts - told) > told * OTHER_GRID
    if flow.lasts("nominal-measured", wrong) < LASTS:
        return ""
    return f"{seen.volts:.0f} V was measured from line to neutral, but EVSENominalVoltage was {told or 0.0:g} V"
