"""Limits that a charger names, in any message, against ratings: those that the PIXIT declares, or plausible ones."""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import SPOKEN, Book
from plugfest.conformance.watch.messages import Said, Stage
from v2g.rules.rule import CLASSIC

BOOK = Book()
ROUNDED = 1.01
"""Factor by which a rating may be exceeded: values are sent in steps."""


@BOOK.on("limits-rated", "a charger states no limit above its rating", SPOKEN, "secc",
         Stage.PARAMETERS, Stage.LOOP, cause=Cause.WRONG_FIELD)  # fmt: skip
def limits_rated(flow: Flow, said: Said) -> str:
    if not said.ok or flow.facts.protocol not in CLASSIC:
        return ""
    terms = flow.terms
    for value, most, unit, name, declared in (
        (said.most.volts, terms.rated_volts, "V", "EVSEMaximumVoltageLimit", "PIXIT_SECC_DC_MaximumVoltage"),
        (said.most.amps, terms.rated_amps, "A", "EVSEMaximumCurrentLimit", "PIXIT_SECC_DC_MaximumCurrent"),
        (said.most.watts, terms.rated_watts, "W", "EVSEMaximumPowerLimit", "PIXIT_SECC_DC_MaximumPower"),
        (said.line_amps, terms.rated_line, "A", "EVSEMaxCurrent", "PIXIT_SECC_AC_MaximumCurrent"),
    ):
        if value is not None and value > most * ROUNDED:
            return f"{said.name} has {name} {value:.9g} {unit}, but its rating is {most:.9g} {unit} ({declared})"
    return ""
