"""Limits that a charger names, in any message, against ratings: those that the PIXIT declares, or plausible ones."""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import SPOKEN, Book, Weight
from plugfest.conformance.watch.limits import limit
from plugfest.conformance.watch.log import Heard, Log
from plugfest.conformance.watch.messages import Said, Stage
from v2g.physical import HIGH_GRID, number
from v2g.rules.iso20.kinds import total
from v2g.rules.rule import CLASSIC

BOOK = Book()
ROUNDED = 1.01
"""Factor by which a rating may be exceeded: values are sent in steps."""
TWICE = 2.0
"""Factor above which a current that was offered is not the one that came."""
COARSE, COARSE_PART = 10.0, 0.1
"""A, and part of the highest current: twice what IEC 61851-23 allows a large current to be off by, or more."""
RIPPLES = 18.0
"""A from peak to peak: twice the most that IEC 61851-23 allows at any frequency."""
PHASES, LINE_VOLTS = 3, 277.0
"""Most phases of an AC outlet, and V from line to neutral; no more power than these at its rated current comes out."""


@BOOK.on("limits-rated", "a charger states no limit above its rating", SPOKEN, "secc",
         Stage.PARAMETERS, Stage.LOOP, cause=Cause.WRONG_FIELD)  # fmt: skip
def limits_rated(flow: Flow, said: Said) -> str:
    if not said.ok or _megawatt(flow):
        return ""
    terms, names = flow.terms, [limit(flow.facts.protocol, "EVSE", unit) for unit in "VAW"]
    line = sum(said.phase_most) if flow.ac and said.phase_most else None
    for value, most, unit, name, declared in (
        (said.most.volts, terms.rated_volts, "V", names[0], "PIXIT_SECC_DC_MaximumVoltage"),
        (said.most.amps, terms.rated_amps, "A", names[1], "PIXIT_SECC_DC_MaximumCurrent"),
        (None if flow.ac else said.most.watts, terms.rated_watts, "W", names[2], "PIXIT_SECC_DC_MaximumPower"),
        (said.line_amps, terms.rated_line, "A", "EVSEMaxCurrent", "PIXIT_SECC_AC_MaximumCurrent"),
        (line, _line_watts(flow), "W", names[2], "PIXIT_SECC_AC_MaximumCurrent"),
    ):
        if value is not None and value > most * ROUNDED:
            return f"{said.name} has {name} {value:.9g} {unit}, but its rating is {most:.9g} {unit} ({declared})"
    return ""


@BOOK.on("limits-raised", "limits in the loop stay within those of the charge parameters", SPOKEN, "secc", Stage.LOOP,
         weight=Weight.NOTED, cause=Cause.WRONG_FIELD)  # fmt: skip
def limits_raised(flow: Flow, said: Said) -> str:
    """In DIN SPEC 70121 and ISO 15118-2. It may have got more power since, so that it is a finding."""
    before = flow.offer
    if before is None or not said.ok or flow.facts.protocol not in CLASSIC:
        return ""
    old, new = before.line_amps, said.line_amps
    if old is not None and new is not None and new > old * ROUNDED:
        return f"{said.name} has EVSEMaxCurrent {new:g} A, but {before.name} had {old:g} A"
    old_most, most = before.most, said.most
    pairs = ((old_most.volts, most.volts), (old_most.amps, most.amps), (old_most.watts, most.watts))
    for unit, (old, new) in zip("VAW", pairs, strict=True):
        if old is not None and new is not None and new > old * ROUNDED:
            name = limit(flow.facts.protocol, "EVSE", unit)
            return f"{said.name} has {name} {new:.9g} {unit}, but {before.name} had {old:.9g} {unit}"
    return ""


@BOOK.on("line-offered", "EVSEMaxCurrent of the charge parameters is a current per phase that follows", SPOKEN, "secc",
         Stage.LOOP, weight=Weight.NOTED, cause=Cause.WRONG_FIELD)  # fmt: skip
def line_offered(flow: Flow, said: Said) -> str:
    """Where the schedule allows its highest power. One that is the sum of three phases is twice as much, or more."""
    facts, before = flow.facts, flow.offer
    old, new, watts = before.line_amps if before is not None else None, said.line_amps, facts.scheduled()
    if not flow.ac or not said.ok or not old or not new or watts is None or flow.facts.protocol not in CLASSIC:
        return ""
    most = max(step.milliwatts or 0 for one in (facts.schedules or {}).values() for step in one.steps) / 1000.0
    profile = facts.granted()
    if watts < most or (profile is not None and profile < watts) or old < new * TWICE:
        return ""
    return f"{said.name} has EVSEMaxCurrent {new:g} A at {watts:.9g} W, but ChargeParameterDiscoveryRes had {old:g} A"


@BOOK.on("nominal-line", "EVSENominalVoltage is from line to neutral", SPOKEN, "secc", Stage.PARAMETERS,
         weight=Weight.NOTED, cause=Cause.WRONG_FIELD)  # fmt: skip
def nominal_line(flow: Flow, said: Said) -> str:
    """A finding: what a vehicle takes for its power is then 1.7 times what it is. Some chargers send 400 V."""
    if not said.ok or said.nominal_volts is None or said.nominal_volts <= LINE_VOLTS * HIGH_GRID:
        return ""
    return f"{said.name} has EVSENominalVoltage {said.nominal_volts:g} V, more than any grid has from line to neutral"


@BOOK.hears("regulation-coarse", "tolerance and ripple of the current are those of a DC supply", "IEC 61851-23",
            "ChargeParameterDiscoveryRes", weight=Weight.NOTED, cause=Cause.WRONG_FIELD)  # fmt: skip
def regulation_coarse(flow: Flow, log: Log, heard: Heard) -> str:
    """In DIN SPEC 70121 and ISO 15118-2. They only inform, so that it is a finding."""
    part = getattr(heard.body, "EVSEChargeParameter", None)
    highest = getattr(part, "EVSEMaximumCurrentLimit", None)
    if highest is None or not heard.ok:
        return ""
    for name, most in (
        ("EVSECurrentRegulationTolerance", max(COARSE, number(highest) * COARSE_PART)),
        ("EVSEPeakCurrentRipple", RIPPLES),
    ):
        given = getattr(part, name, None)
        if given is not None and number(given) > most:
            return f"{heard.name} has {name} {number(given):g} A, with EVSEMaximumCurrentLimit {number(highest):g} A"
    return ""


@BOOK.on("voltage-from-zero", "a DC supply has a lowest voltage", SPOKEN, "secc", Stage.PARAMETERS, weight=Weight.SEEN,
         cause=Cause.WRONG_FIELD)  # fmt: skip
def voltage_from_zero(flow: Flow, said: Said) -> str:
    if said.lowest.volts != 0.0 or not said.ok or not said.most.volts:
        return ""
    return f"{said.name} has a lowest voltage of 0 V, at which no supply charges"


@BOOK.hears("schedule-rated", "a schedule offers no more power than the charger's rating", SPOKEN,
            "ScheduleExchangeRes", cause=Cause.WRONG_FIELD)  # fmt: skip
def schedule_rated(flow: Flow, log: Log, heard: Heard) -> str:
    """In ISO 15118-20; in the others, PMax is judged with the rest of the charge parameters."""
    block = getattr(heard.body, "Scheduled_SEResControlMode", None)
    if block is None or not heard.ok or _megawatt(flow):
        return ""
    most = _line_watts(flow) if flow.ac else flow.terms.rated_watts
    for one in block.ScheduleTuple:
        for entry in one.ChargingSchedule.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry:
            if (watts := total(entry, "Power") or 0.0) > most * ROUNDED:
                return (
                    f"schedule {one.ScheduleTupleID} has {watts:.9g} W, but the rating of the charger is {most:.9g} W"
                )
    return ""


def _line_watts(flow: Flow) -> float:
    return flow.terms.rated_line * PHASES * LINE_VOLTS


def _megawatt(flow: Flow) -> bool:
    """The service is one for more than the usual ratings, which then say nothing."""
    service = flow.facts.iso20.service
    return service is not None and service.title.startswith("MCS")
