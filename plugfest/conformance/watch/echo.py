"""Present values that only repeat the targets.

No output behaves like that: with a battery or a load behind it, either the voltage or the current is what was asked
for, not both again and again while both change. Where the plant is measured, :mod:`.measured` knows better.
"""

from __future__ import annotations

from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import SPOKEN, Book, Weight
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.terms import SMALL_CURRENT

BOOK = Book()
TIMES = 3
"""Pairs of targets that have to be repeated."""
EXACTLY = 0.005
"""Part of a target by which a repeated value differs from it at most."""
OTHER_VOLTS, OTHER_AMPS = 4.0, 3.0
"""By which targets have to differ to count as others."""


def _repeats(flow: Flow, said: Said) -> str:
    if flow.plant.measured or said.stage is not Stage.LOOP or not said.ok:
        return ""
    volts, amps = flow.asked.volts.value, flow.asked.amps.value
    if volts is None or amps is None or said.volts is None or said.amps is None or amps < SMALL_CURRENT:
        return ""
    same = abs(said.volts - volts) <= volts * EXACTLY and abs(said.amps - amps) <= amps * EXACTLY + 0.1
    if not same:
        flow.repeated.clear()
        return ""
    if all(abs(volts - v) >= OTHER_VOLTS and abs(amps - a) >= OTHER_AMPS for v, a in flow.repeated):
        flow.repeated.append((volts, amps))
    if len(flow.repeated) < TIMES:
        return ""
    pairs = ", ".join(f"{v:g} V and {a:g} A" for v, a in flow.repeated[-TIMES:])
    return f"{said.name} repeats the targets as present voltage and current at once: {pairs}"


RULE = "present values are measured, not repeated targets"
LIKELY = f"{RULE}; or PIXIT_SECC_DC_PresentValues says that they are simulated"


@BOOK.on("present-echo", RULE, SPOKEN, "secc", Stage.LOOP)
def echo(flow: Flow, said: Said) -> str:
    return _repeats(flow, said) if flow.terms.present == "measured" else ""


@BOOK.on("present-echo-likely", LIKELY, SPOKEN, "secc", Stage.LOOP, weight=Weight.NOTED)
def echo_likely(flow: Flow, said: Said) -> str:
    return _repeats(flow, said) if flow.terms.present == "unknown" else ""
