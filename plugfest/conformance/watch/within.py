"""What a vehicle says of its limits and its inlet in ISO 15118-20: against each other, and against what is there.

Limits of the loop are those of the charge parameters, or tighter. A battery, an inlet and an output that are connected
have one voltage.
"""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import Book, Side, Weight
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.terms import SMALL_CURRENT

BOOK = Book()
EVCC: Side = "evcc"
LOOP = "ISO 15118-20, charge loop"
APART, APART_VOLTS = 0.06, 20.0
"""By how much two ends of a cable may differ: share of the voltage, and at least this many V."""
LATE = 2.0
"""s for which a voltage may be old."""
STILL, STANDS = 12.0, 3.0
"""V by which a voltage may move without being told otherwise, and s."""
IDLE = 45.0
"""s for which a vehicle that needs energy may allow no power."""
LEAST_WATTS, FEW_WATTS = 2000.0, 200.0
"""W: with less, a vehicle may not want to charge; and what its electronics take without charging."""
MOVED, ROUNDED = 0.02, 1.0
"""By how much a least value may differ from the one of the charge parameters: part, and V, A or W."""
USELESS = 0.02
"""Part of the least voltage times the current below which a power limit cannot be one: a wrong unit."""


NOTHING = Said("", Stage.PARAMETERS, request=True)
"""No charge parameters."""


def _declared(flow: Flow) -> Said:
    """The vehicle's last charge parameters."""
    return NOTHING if flow.parameters is None else flow.parameters


def _near(value: float, *others: float | None) -> bool:
    """Whether two ends of a cable may have these voltages."""
    return any(abs(value - one) <= max(APART * one, APART_VOLTS) for one in others if one is not None)


def _there(flow: Flow) -> list[float]:
    """Voltages of the output: reported, and measured in the last moments.

    None where nothing is behind it: it has the voltage that the charger may give then, and no battery's.
    """
    if flow.plant.open:
        return []
    shown = [flow.shown.volts] if flow.shown is not None and flow.shown.volts is not None else []
    return [*shown, *(sample.volts for sample in list(flow.plant.samples)[-4:])]


@BOOK.on("inlet-voltage", "a vehicle reports the voltage that is present", LOOP, EVCC, Stage.LOOP, Stage.PRECHARGE)
def inlet_voltage(flow: Flow, said: Said) -> str:
    """In precharge some tell the inlet, some the battery: once it is Finished, both are at the target."""
    if said.inlet is None or (said.stage is Stage.PRECHARGE and not said.processed) or flow.startled:
        return ""
    if said.stage is Stage.PRECHARGE and said.target_volts is not None:
        wrong = not _near(said.inlet, said.target_volts)
    else:
        wrong = not _near(said.inlet, *_there(flow))
    if said.stage is Stage.PRECHARGE:
        return f"{said.name} Finished with EVPresentVoltage {said.inlet:g} V{_at(flow)}" if wrong else ""
    seconds = flow.lasts("inlet-voltage", wrong and bool(_there(flow)))
    if seconds <= LATE:
        return ""
    return f"{said.name} has EVPresentVoltage {said.inlet:g} V for {seconds:.1f} s{_at(flow)}"


def _at(flow: Flow) -> str:
    there = _there(flow)
    return f", {there[-1]:.0f} V is present" if there else ""


@BOOK.on("inlet-stands", "a vehicle measures its voltage", LOOP, EVCC, Stage.LOOP)
def inlet_stands(flow: Flow, said: Said) -> str:
    """Unchanged to the digit while the output has moved."""
    if said.inlet is None or not flow.plant.samples or flow.startled or flow.steps.on_at is None or flow.plant.open:
        return ""
    there = flow.plant.samples[-1].volts
    if said.inlet != flow.inlet[0]:
        flow.inlet = said.inlet, there
    seconds = flow.lasts("inlet-stands", abs(there - flow.inlet[1]) > STILL)
    if seconds <= STANDS:
        return ""
    return (
        f"{said.name} still has EVPresentVoltage {said.inlet:g} V, while the output went from {flow.inlet[1]:.0f} to "
        f"{there:.0f} V"
    )


@BOOK.on("voltage-window", "a battery's voltage is between its own minimum and maximum", LOOP, EVCC, Stage.LOOP,
         Stage.PRECHARGE)  # fmt: skip
def voltage_window(flow: Flow, said: Said) -> str:
    there = said.target_volts if said.stage is Stage.PRECHARGE else _there(flow)[-1] if _there(flow) else None
    least = said.lowest.volts if said.lowest.volts is not None else _declared(flow).lowest.volts
    most = said.most.volts if said.most.volts is not None else _declared(flow).most.volts
    if there is None or there <= 0.0 or flow.startled:
        return ""
    allows = said.most.watts is None or said.most.watts > 0.0
    low = most is not None and most < there - max(APART * there, APART_VOLTS) and allows
    high = least is not None and least > there + max(APART * there, APART_VOLTS)
    if said.stage is Stage.LOOP and flow.lasts("voltage-window", low or high) <= flow.terms.vehicle:
        return ""
    if not low and not high:
        return ""
    name, limit = ("EVMaximumVoltage", most) if low else ("EVMinimumVoltage", least)
    what = "a target of " if said.stage is Stage.PRECHARGE else ""
    return f"{said.name} comes at {what}{there:.0f} V, but {name} is {limit:g} V"


@BOOK.on("least-above-most", "a minimum is at most its maximum", LOOP, EVCC, Stage.LOOP, cause=Cause.WRONG_FIELD)
def least_above_most(flow: Flow, said: Said) -> str:
    """But where no power or current is allowed now; a voltage is there anyway. None is below zero."""
    for least, most, unit, what in (
        (said.lowest.watts, said.most.watts, "W", "ChargePower"),
        (said.lowest.amps, said.most.amps, "A", "ChargeCurrent"),
        (said.lowest.volts, said.most.volts, "V", "Voltage"),
    ):
        most = _declared(flow).most.watts if most is None and unit == "W" and not flow.ac else most
        if least is not None and least < 0.0:
            return f"{said.name} has EVMinimum{what} {least:.9g} {unit}"
        allows = most is not None and (most > 0.0 or unit == "V")
        if least is not None and most is not None and allows and most < least:
            return f"{said.name} has EVMinimum{what} {least:.9g} {unit} and EVMaximum{what} {most:.9g} {unit}"
    return ""


@BOOK.on("least-moves", "a vehicle's minimum values do not change", LOOP, EVCC, Stage.LOOP,
         weight=Weight.NOTED)  # fmt: skip
def least_moves(flow: Flow, said: Said) -> str:
    """A finding: the standard lets limits of the loop be tighter. Where nothing is allowed, nothing is needed."""
    for now, before, most, unit, name in (
        (said.lowest.watts, _declared(flow).lowest.watts, said.most.watts, "W", "EVMinimumChargePower"),
        (said.lowest.volts, _declared(flow).lowest.volts, said.most.volts, "V", "EVMinimumVoltage"),
        (said.least_back, _declared(flow).least_back, said.back.watts, "W", "EVMinimumDischargePower"),
    ):
        if now is None or before is None or flow.startled or (most is not None and most <= before):
            continue
        if abs(now - before) > max(MOVED * before, ROUNDED):
            return f"{said.name} has {name} {now:.9g} {unit}, but its charge parameters had {before:.9g} {unit}"
    return ""


@BOOK.on("power-useless", "a power limit fits the voltages and currents declared", LOOP, EVCC,
         Stage.PARAMETERS, cause=Cause.WRONG_FIELD)  # fmt: skip
def power_useless(flow: Flow, said: Said) -> str:
    watts, amps, volts = said.most.watts, said.most.amps, said.lowest.volts
    if watts is None or amps is None or volts is None or said.name != "DC_ChargeParameterDiscoveryReq":
        return ""
    if watts >= USELESS * amps * volts:
        return ""
    return f"{said.name} has EVMaximumChargePower {watts:.9g} W with {amps:g} A at {volts:g} V and more: is it in kW?"


@BOOK.on("idle", "a vehicle that needs energy allows power", LOOP, EVCC, Stage.LOOP, weight=Weight.NOTED)
def idle(flow: Flow, said: Said) -> str:
    """A finding: why it waits is its own affair."""
    asks = (said.needs.target or 0.0) > 0.0 and not said.complete and flow.flowing and not flow.facts.iso20.standby
    none = 0.0 in (said.most.watts, said.most.amps, said.target_amps) and not said.back.amps
    none = none or (flow.ac and _draws_nothing(flow, said))
    seconds = flow.lasts("idle", asks and none and flow.ending.wish_at is None and not flow.startled)
    if seconds <= IDLE:
        return ""
    return f"{said.name} allows no power for {seconds:.0f} s, but says that it needs {said.needs.target:g} Wh"


def _draws_nothing(flow: Flow, said: Said) -> bool:
    """In AC, as it reports, while the charger commands power or leaves it open, and the schedule has some."""
    commanded = flow.response.phases if flow.response is not None else ()
    granted = flow.facts.iso20.granted(flow.now, LATE)
    waits = (bool(commanded) and sum(commanded) < LEAST_WATTS) or (granted is not None and granted < LEAST_WATTS)
    return bool(said.phases) and abs(sum(said.phases)) < FEW_WATTS and not waits


@BOOK.on(
    "complete-takes-power", "a vehicle that reports charging as complete takes no more power", LOOP, EVCC, Stage.LOOP
)
def complete_takes_power(flow: Flow, said: Said) -> str:
    amps, watts = flow.plant.samples[-1].amps if flow.plant.samples else 0.0, sum(said.phases)
    takes = watts > FEW_WATTS if flow.ac else amps > SMALL_CURRENT
    seconds = flow.lasts("complete-takes-power", said.complete is True and takes and flow.flowing)
    if seconds <= flow.terms.stop or (said.needs.target or 0.0) <= 0.0:
        return ""
    what = f"{watts:.0f} W" if flow.ac else f"{amps:.1f} A"
    return (
        f"{said.name} has reported ChargingComplete for {seconds:.1f} s, takes {what} and says that it needs "
        f"{said.needs.target:g} Wh"
    )
