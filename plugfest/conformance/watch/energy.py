"""Meters: against the power that flowed by the charger's own present values, and against themselves."""

from __future__ import annotations

from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import SPOKEN, Book
from plugfest.conformance.watch.messages import Said, Stage

BOOK = Book()

LEAST = 5.0
"""Wh by which a meter may always differ: resolution, and what it counted late."""
LOSSES = 1500.0
"""W that a meter in front of the converter shows beside the output."""
NOT_LESS = 0.8
"""Part of the energy that a meter shows at the least."""


@BOOK.on("meter-backwards", "a meter does not run backwards", SPOKEN, "secc", Stage.LOOP)
def meter_backwards(flow: Flow, said: Said) -> str:
    before = flow.energy.metered
    if said.wh is None or not said.ok or before is None or before[0] != said.meter or said.wh >= before[1]:
        return ""
    return f"{said.name} shows {said.wh:g} Wh after {before[1]:g} Wh on meter {said.meter}"


@BOOK.on("meter-power", "a meter counts the energy that flows", SPOKEN, "secc", Stage.LOOP)
def meter_power(flow: Flow, said: Said) -> str:
    if said.wh is None or not said.ok or flow.energy.metered_from is None:
        return ""
    meter, began, first = flow.energy.metered_from
    if meter != said.meter or (not flow.ac and not flow.energy.counted):
        return ""
    seconds, rose, late = flow.now - began, said.wh - first, flow.now - flow.terms.meter_lag
    if flow.ac:
        if not flow.plant.measured:
            return ""
        most = flow.energy.drawn - flow.energy.metered_drawn
        by_then = next((drawn for time, drawn in reversed(flow.energy.drawn_by) if time <= late), 0.0)
        least = max(by_then - flow.energy.metered_drawn, 0.0)
    else:
        least = next((one.least for one in reversed(flow.energy.counted) if one.time <= late), 0.0)
        most = flow.energy.counted[-1].most + _since_last(flow, said)
    highest = max(most * (1.0 + flow.terms.meter_part), most + LOSSES * seconds / 3600.0) + LEAST
    if rose > highest:
        text = f"{said.name} shows {rose:.0f} Wh in {seconds:.1f} s, {_flowed(flow, most)}"
        return f"{text}, with tolerance {highest:.0f} Wh"
    lowest = least * NOT_LESS * (1.0 - flow.terms.meter_part) - LEAST
    if rose < lowest:
        whose = "as measured" if flow.ac else "by the present values"
        return (
            f"{said.name} shows {rose:.0f} Wh in {seconds:.1f} s, at least {least:.0f} Wh flowed {whose} "
            f"until {flow.terms.meter_lag:g} s ago"
        )
    return ""


def _since_last(flow: Flow, said: Said) -> float:
    """Most energy since the last report, Wh."""
    if not flow.reports or said.volts is None or said.amps is None:
        return 0.0
    last = flow.reports[-1]
    return max(last.volts * last.amps, said.volts * said.amps, 0.0) * (flow.now - last.time) / 3600.0


def _flowed(flow: Flow, most: float) -> str:
    whose = "measured" if flow.ac else "by the present values"
    return f"at most {most:.0f} Wh flowed, {whose}"
