"""A charger that decides on power, in dynamic mode of ISO 15118-20: what a vehicle can do with, and may give."""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import Book, Side, Weight
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.output import NOTHING

BOOK = Book()
SECC: Side = "secc"
SOURCE = "ISO 15118-20, dynamic mode"
SETTLES = 5.0
"""s beside reaction and ramp in which power follows what a vehicle needs."""
BELOW = 0.95
"""Part of a least power, below which it is not reached: powers are rounded, and come out of volts and amperes."""


def _watts(flow: Flow, said: Said) -> float | None:
    """What goes in, W, below zero out of the vehicle; of AC, what is commanded. None: nothing is decided here."""
    request = flow.request
    if request is None or request.stage is not Stage.LOOP or request.target_amps is not None or not said.ok:
        return None
    if flow.ac:
        return sum(said.phases) if said.phases else None
    if said.amps is None or said.volts is None or not flow.asked.by_charger or not flow.flowing:
        return None
    return said.amps * said.volts if abs(said.amps) >= NOTHING else 0.0


def _time(flow: Flow) -> float:
    """s that power may take to change."""
    return flow.terms.reaction + SETTLES + (flow.charger.amps.value or 0.0) / flow.terms.fall


@BOOK.on("power-least", "a charger delivers or draws nothing rather than less than the vehicle's minimum",
         SOURCE, SECC, Stage.LOOP, weight=Weight.NOTED)  # fmt: skip
def power_least(flow: Flow, said: Said) -> str:
    watts, request = _watts(flow, said), flow.request
    least = None if request is None or watts is None else request.least if watts > 0.0 else request.least_back
    wrong = bool(watts) and least is not None and abs(watts or 0.0) < least * BELOW
    if flow.lasts("power-least", wrong) <= _time(flow):
        return ""
    return f"{said.name} has {abs(watts or 0.0):.0f} W, but the vehicle needs at least {least or 0.0:.9g} W"


@BOOK.on("band-left", "no power is drawn from a battery at the lower end of its range", SOURCE, SECC, Stage.LOOP,
         cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def band_left(flow: Flow, said: Said) -> str:
    watts, request = _watts(flow, said), flow.request
    room = request.room if request is not None else None
    wrong = watts is not None and watts < 0.0 and room is not None and room >= 0.0
    seconds = flow.lasts("band-left", wrong)
    if seconds <= _time(flow):
        return ""
    return (
        f"{said.name} takes {-(watts or 0.0):.0f} W out of the vehicle for {seconds:.1f} s, but the battery "
        f"needs {room:g} Wh"
        " first"
    )
