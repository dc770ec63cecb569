"""A charger's alarms and isolation, as it reports them."""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import Book, Weight
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.terms import SMALL_CURRENT
from v2g.physical import SAFE_VOLTAGE

BOOK = Book()
on = BOOK.on

GOOD = ("Valid", "Warning")
RISES, RISES_VOLTS = 1.1, 20.0
"""By how much a voltage may rise without a source: factor for a battery that recovers, and at least this many V."""


@on("alarm-flows", "an output is off after an emergency, a malfunction or an isolation fault", "IEC 61851-23",
    "secc", Stage.LOOP, cause=Cause.FAULT_IGNORED)  # fmt: skip
def alarm_flows(flow: Flow, said: Said) -> str:
    if flow.ending.alarm_at is None or said.amps is None or said.amps <= SMALL_CURRENT or not said.ok:
        return ""
    seconds = flow.now - flow.ending.alarm_at
    if seconds <= flow.terms.off:
        return ""
    return f"{said.name} reports {said.amps:.1f} A {seconds:.2f} s after it reported {flow.ending.alarm} itself"


@on("isolation-untested", "power flows only after a passed cable check", "IEC 61851-23", "secc",
    Stage.PRECHARGE, Stage.LOOP, weight=Weight.NOTED)  # fmt: skip
def isolation_lost(flow: Flow, said: Said) -> str:
    """A charger without isolation status in its messages says nothing, and is not judged."""
    if not said.ok or flow.steps.isolation not in GOOD or said.isolation != "Invalid" or said.status != "EVSE_Ready":
        return ""
    checked = flow.steps.isolation
    return f"{said.name} reports EVSEIsolationStatus Invalid and EVSE_Ready after a cable check with {checked}"


@on("voltage-after-stop", "an open output is below 60 V after the end", "IEC 61851-23", "secc", Stage.WELDING)
def voltage_after_stop(flow: Flow, said: Said) -> str:
    if flow.steps.stopped_at is None or said.volts is None or said.volts <= SAFE_VOLTAGE or not said.ok:
        return ""
    seconds = flow.now - flow.steps.stopped_at
    dead = flow.plant.samples and flow.plant.samples[-1].volts <= SAFE_VOLTAGE
    if seconds <= flow.terms.discharge or not dead:
        return ""  # where nothing is measured, the vehicle's contactors may be welded
    measured = flow.plant.samples[-1].volts
    return f"{said.name} reports {said.volts:.0f} V {seconds:.1f} s after the end, but {measured:.0f} V is measured"


@on("voltage-rises", "the voltage falls once the output is off", "IEC 61851-23", "secc", Stage.WELDING)
def voltage_rises(flow: Flow, said: Said) -> str:
    """Whether it is connected to a battery or not: nothing is left that could raise it."""
    before, shown = flow.steps.last_volts, said.volts
    if flow.steps.stopped_at is None or before is None or shown is None or not said.ok:
        return ""
    if shown <= max(before * RISES, before + RISES_VOLTS):
        return ""
    return f"{said.name} reports {shown:.0f} V after PowerDeliveryReq(Stop), but it was {before:.0f} V before"
