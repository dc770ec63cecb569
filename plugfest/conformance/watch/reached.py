"""EVSE...LimitAchieved: whether a limit that a charger says it has reached is near, and whether it says so at its own.

A charger may have limits that it does not tell, like a hot plug. So a flag counts as wrong only where the output gives
all that is asked for, and as wrong for certain where it does so at several targets: no hidden limit is at all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import SPOKEN, Book, Weight
from plugfest.conformance.watch.messages import LIMITS, Said, Stage
from plugfest.conformance.watch.output import SETTLES
from plugfest.conformance.watch.terms import SMALL_CURRENT

BOOK = Book()
on = BOOK.on

RULE = "EVSE...LimitAchieved is set when, and only when, a limit restricts the output"
CLAIMED = 1.0
"""s for which a flag has to be wrong."""
FAR, BEYOND, NEAR = 0.8, 1.1, 0.95
"""Parts of a limit: below which it is not reached, above which more is asked for, from which it is reached."""
RAISED, FULL = 1.02, 0.998
"""Parts of the highest voltage: above which more is asked for, from which it is reached."""
TIMES = 3
"""Targets at which a flag has to be wrong to be so for certain."""
OTHER = 10.0
"""A by which they have to differ: more than any tolerance."""


def _near(flow: Flow, amps: float, volts: float) -> set[str]:
    """The limits that may be reached; a limit of the power is one of the current as well."""
    granted = (flow.facts.granted(CLAIMED), flow.facts.iso20.granted(flow.now, CLAIMED))
    limit = flow.most(flow.charger.watts, flow.vehicle.watts)
    watts = min(limit, *(one for one in granted if one is not None), float("inf"))
    found = set()
    if amps >= FAR * flow.most(flow.charger.amps, flow.vehicle.amps):
        found |= {"Current"}
    if amps * volts >= FAR * watts:
        found |= {"Current", "Power"}
    highest, asked = flow.most(flow.charger.volts, flow.vehicle.volts), flow.asked.volts.value or 0.0
    if volts >= FAR * highest or volts >= NEAR * asked:
        found |= {"Voltage"}
    return found


@on("limit-untold", RULE, SPOKEN, "secc", Stage.LOOP, cause=Cause.WRONG_FIELD)
def limit_untold(flow: Flow, said: Said) -> str:
    asked, amps, volts = flow.asked.amps.value, said.amps, said.volts or 0.0
    if asked is None or amps is None or not said.ok:
        return ""
    near = _near(flow, amps, volts)
    if text := _voltage_untold(flow, said, near):
        return text
    for own, unit, factor in ((flow.charger.amps, "A", 1.0), (flow.charger.watts, "W", volts)):
        most = own.at(flow.now)
        if most is None or most < 2 * SMALL_CURRENT * factor:
            continue
        if flow.asked.by_charger and unit == "W":
            continue  # it decides on its power, and has not run into what it decided
        at_it = asked * factor > most * BEYOND and amps * factor >= most * NEAR
        if flow.lasts(f"limit-untold {unit}", at_it and not said.claims & near) >= CLAIMED:
            return (
                f"{said.name} reports {amps * factor:.1f} {unit}; {asked * factor:.9g} {unit} is {flow.asked.how}, "
                f"its limit is {own.value:.9g} {unit}; it reports {_told(said)}"
            )
    return ""


def _voltage_untold(flow: Flow, said: Said, near: set[str]) -> str:
    """At its own highest voltage, which is lower than the one asked for, with less current than asked for."""
    amps, volts, own = said.amps or 0.0, said.volts or 0.0, flow.charger.volts.at(flow.now)
    asked, wanted = flow.asked.amps.value, flow.asked.volts.value
    if own is None or asked is None or wanted is None or own <= 0 or flow.steps.error_at is not None:
        return ""
    at_it = wanted > own * RAISED and volts >= own * FULL and SMALL_CURRENT <= amps < asked * FAR
    ends = flow.ending.wish_at is not None or flow.ending.alarm_at is not None
    if flow.lasts("limit-untold V", at_it and not ends and not said.claims & near) < CLAIMED:
        return ""
    return (
        f"{said.name} reports {amps:.1f} A at {volts:.1f} V; {asked:.9g} A at {wanted:.9g} V is {flow.asked.how}, "
        f"its limit is {flow.charger.volts.value:.9g} V; it reports {_told(said)}"
    )


def _told(said: Said) -> str:
    if not said.claims:
        return "that no limit is reached"
    return f"that the limit of the {' and the '.join(sorted(said.claims)).lower()} is reached"


def _false(flow: Flow, said: Said) -> Iterator[tuple[str, str]]:
    """Limits that are claimed and far away, for a while; and a sentence on each."""
    amps, volts, asked = said.amps, said.volts, flow.asked.amps.value
    if amps is None or volts is None or asked is None or not said.ok or flow.steps.on_at is None:
        return
    given = abs(amps - asked) <= flow.terms.current(asked, flow.slack)
    near = _near(flow, amps, volts)
    for kind in LIMITS:
        wrong = given and kind in said.claims and kind not in near
        if flow.lasts(f"limit-claimed {kind}", wrong) >= CLAIMED:
            text = f"{said.name} has EVSE{kind}LimitAchieved at {amps:.1f} A and {volts:.0f} V, far from any limit"
            yield kind, text


@on("limit-claimed", RULE, SPOKEN, "secc", Stage.LOOP, weight=Weight.NOTED, cause=Cause.WRONG_FIELD)
def limit_claimed(flow: Flow, said: Said) -> str:
    return next((text for _, text in _false(flow, said)), "")


@on("limit-claimed-always", RULE, SPOKEN, "secc", Stage.LOOP, cause=Cause.WRONG_FIELD)
def limit_claimed_always(flow: Flow, said: Said) -> str:
    asked = flow.asked.amps.value or 0.0
    for kind, text in _false(flow, said):
        targets = flow.claimed.setdefault(kind, [])
        if all(abs(asked - one) >= OTHER for one in targets):
            targets.append(asked)
        if len(targets) >= TIMES:
            return f"{text}; the same at {', '.join(f'{one:g} A' for one in targets[:-1])} before"
    return ""


@on("limit-unnamed", RULE, SPOKEN, "secc", Stage.LOOP, weight=Weight.NOTED, cause=Cause.WRONG_FIELD)
def limit_unnamed(flow: Flow, said: Said) -> str:
    """It gives less than is asked for, for a limit of its current that is neither side's."""
    amps, volts, asked, named = said.amps, said.volts, flow.asked.amps.value, said.most.amps
    if amps is None or volts is None or asked is None or named is None or not said.ok or flow.steps.on_at is None:
        return ""
    ends = flow.steps.error_at is not None or flow.ending.wish_at is not None or flow.ending.alarm_at is not None
    short = amps < asked - flow.terms.current(asked, flow.slack) and not flow.asked.by_charger
    wrong = short and not ends and "Current" in said.claims and not {"Current", "Voltage"} & _near(flow, amps, volts)
    seconds = flow.lasts("limit-unnamed", wrong)
    if seconds <= flow.terms.reaction + asked / flow.terms.rise + SETTLES:
        return ""
    text = f"{said.name} has EVSECurrentLimitAchieved at {amps:.1f} A for {seconds:.1f} s"
    return f"{text}, but names {named:g} A as its limit"
