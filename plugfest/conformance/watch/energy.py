"""Meters: against the power that flowed by the charger's own present values, and against themselves."""

from __future__ import annotations

from typing import NamedTuple

from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import SPOKEN, Book
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.parts import Register

BOOK = Book()

LEAST = 5.0
"""Wh by which a meter may always differ: resolution, and what it counted late."""
LOSSES = 1500.0
"""W that a meter in front of the converter shows beside the output."""
NOT_LESS = 0.8
"""Share of the energy that a meter shows at least."""


class _Direction(NamedTuple):
    """A register of a meter, and what is to be counted there."""

    register: Register
    wh: float | None
    shown: str
    sign: float


def _directions(flow: Flow, said: Said) -> tuple[_Direction, ...]:
    back = flow.energy.given_back(said)
    return (
        _Direction(flow.energy.into, said.wh, "shows {:.0f} Wh", 1.0),
        _Direction(flow.energy.back, back, "shows {:.0f} Wh taken from the vehicle", -1.0),
    )


@BOOK.on("meter-backwards", "a meter does not run backwards", SPOKEN, "secc", Stage.LOOP)
def meter_backwards(flow: Flow, said: Said) -> str:
    for one in _directions(flow, said):
        before = one.register.metered
        if one.wh is None or not said.ok or before is None or before[0] != said.meter or one.wh >= before[1]:
            continue
        return f"{said.name} {one.shown.format(one.wh)} after {before[1]:.0f} Wh on meter {said.meter}"
    return ""


@BOOK.on("meter-power", "a meter counts the energy that flows", SPOKEN, "secc", Stage.LOOP)
def meter_power(flow: Flow, said: Said) -> str:
    if not said.ok:
        return ""
    return next(filter(None, (_counted(flow, said, one) for one in _directions(flow, said))), "")


def _counted(flow: Flow, said: Said, one: _Direction) -> str:
    register = one.register
    if one.wh is None or register.metered_from is None:
        return ""
    meter, began, first = register.metered_from
    if meter != said.meter or (not flow.ac and not register.counted):
        return ""
    seconds, rose, late = flow.now - began, one.wh - first, flow.now - flow.terms.meter_lag
    if flow.ac:
        if not flow.plant.measured:
            return ""
        most = register.drawn - register.metered_drawn
        by_then = next((drawn for time, drawn in reversed(register.drawn_by) if time <= late), 0.0)
        least = max(by_then - register.metered_drawn, 0.0)
    else:
        least = next((entry.least for entry in reversed(register.counted) if entry.time <= late), 0.0)
        most = register.counted[-1].most + _since_last(flow, said, one.sign)
    highest = max(most * (1.0 + flow.terms.meter_part), most + LOSSES * seconds / 3600.0) + LEAST
    if rose > highest:
        text = f"{said.name} {one.shown.format(rose)} in {seconds:.1f} s, {_flowed(flow, most)}"
        return f"{text} ({highest:.0f} Wh with tolerance)"
    lowest = least * NOT_LESS * (1.0 - flow.terms.meter_part) - LEAST
    if register is flow.energy.back:  # the losses lie between the vehicle and the meter
        lowest -= LOSSES * seconds / 3600.0
    if rose < lowest:
        whose = "as measured" if flow.ac else "according to the present values"
        return (
            f"{said.name} {one.shown.format(rose)} in {seconds:.1f} s, but at least {least:.0f} Wh flowed {whose} "
            f"until {flow.terms.meter_lag:g} s ago"
        )
    return ""


def _since_last(flow: Flow, said: Said, sign: float) -> float:
    """Most energy since the last report in a direction, Wh."""
    if not flow.reports or said.volts is None or said.amps is None:
        return 0.0
    last = flow.reports[-1]
    most = max(sign * last.volts * last.amps, sign * said.volts * said.amps, 0.0)
    return most * (flow.now - last.time) / 3600.0


def _flowed(flow: Flow, most: float) -> str:
    whose = "measured" if flow.ac else "according to the present values"
    return f"but at most {most:.0f} Wh flowed {whose}"
