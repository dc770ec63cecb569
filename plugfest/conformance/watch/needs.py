"""What a vehicle of ISO 15118-20 says that it needs: energies, SoC and departure, each against the message before.

Energies count down from the present charge, by what has gone in. A vehicle may count in percent of its battery, correct
itself by some, or plan again where the charger names needs: so that only what no counting gives is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.judgement import Book, Side, Weight
from plugfest.conformance.watch.messages import ENERGIES, SOCS, Said, Stage
from plugfest.conformance.watch.wants import Value

BOOK = Book()
EVCC: Side = "evcc"
SOURCE = "ISO 15118-20, energy requests"
NEEDS_SOURCE = "ISO 15118-20, mobility needs"
TELLING = (Stage.PARAMETERS, Stage.SCHEDULE, Stage.LOOP)
PART, LEAST_WH = 0.1, 1500.0
"""By how much an energy may jump: share of the largest one reported, and at least this many Wh: for rounding."""
ALIKE, ALIKE_WH = 0.03, 600.0
"""By how much more one energy may change than another: share of the largest one, and at least this many Wh."""
MOVED, STEP_WH = 2, 1200.0
"""Percent that the SoC has to have risen where an energy stands, and Wh that have gone in: some count in kWh."""
FITS = 1.5
"""Factor by which energies and SoC may differ: losses, a reserve, rounding."""
BEYOND_WH = 150.0
"""Wh that may go in beyond that: heating, rounding."""
RISEN = 3
"""Percent by which the SoC has to have risen for its battery to be known."""
BEHIND, BEHIND_AC = 3.0, 3.6
"""Percent of the battery that may go in without another SoC: rounding, a filter; in AC the losses beside."""
FULL, APART = 95, 10.0
"""Percent from which a battery may hesitate; and that the SoC has to be from the one that an energy leads to."""
SAME = 1.0
"""Percent by which the requested SoC may differ between messages: rounding."""
DEPARTS = 120.0
"""s by which a departure may jump: some round to minutes."""
FAR = 43200.0
"""s from which on a departure counts as not known."""
LONG_STAY, ABSOLUTE, NEVER = 14 * 86400.0, 1e9, 2.0**32 - 1
"""s from which a departure is odd, and from which it is a time since 1970, but for the largest number there is."""
STANDS = 70.0
"""s for which a departure may stay as it is."""
ROUNDING = 60.0
"""s by which remaining times may be rounded."""


def _quiet(flow: Flow) -> bool:
    """Values do not count: in standby, and once the tester has given a reason for anything."""
    return flow.startled or flow.facts.iso20.standby or flow.steps.failed_at is not None


def _energies(flow: Flow, said: Said) -> Iterator[tuple[str, float, Value, Value]]:
    """Name of the field, value, the one before, and since when that one was the same."""
    for key, name in ENERGIES.items():
        value, last, since = getattr(said.needs, key), flow.wants.last.get(key), flow.wants.since.get(key)
        if value is not None and last is not None and since is not None:
            yield name, value, last, since


def _replans(flow: Flow, said: Said) -> bool:
    """The requested SoC changes in this message: the energies follow it."""
    told = ((getattr(said.needs, key), flow.wants.last.get(key)) for key in SOCS)
    return any(now is not None and last is not None and abs(now - last.value) > SAME for now, last in told)


@BOOK.on("energy-jumps", "an energy request changes by what flows", SOURCE, EVCC, Stage.SCHEDULE, Stage.LOOP)
def energy_jumps(flow: Flow, said: Said) -> str:
    if _quiet(flow) or _replans(flow, said):
        return ""
    known = (last.value for key, last in flow.wants.last.items() if key in ENERGIES)
    slack = max(PART * max((abs(value) for value in known), default=0.0), LEAST_WH)
    for name, value, last, _ in _energies(flow, said):
        flowed = flow.energy.net - last.wh
        if abs(value - (last.value - flowed)) > slack:
            return f"{said.name} has {name} {value:g} Wh after {last.value:g} Wh, but {flowed:.0f} Wh was charged"
    return ""


@BOOK.on("energies-apart", "all energy requests change by the same amount", SOURCE, EVCC, Stage.SCHEDULE,
         Stage.LOOP, weight=Weight.NOTED)  # fmt: skip
def energies_apart(flow: Flow, said: Said) -> str:
    """A finding: what corrects one of them should correct the others."""
    if _quiet(flow) or _replans(flow, said):
        return ""
    moved = {name: value - last.value for name, value, last, _ in _energies(flow, said) if value or last.value}
    largest = max((abs(last.value) for *_, last, _ in _energies(flow, said)), default=0.0)
    if not moved or max(moved.values()) - min(moved.values()) <= max(ALIKE * largest, ALIKE_WH):
        return ""
    how = ", ".join(f"{name} by {wh:g} Wh" for name, wh in moved.items())
    return f"{said.name} changes {how}"


@BOOK.on("energy-stands", "energy requests count down with the energy", SOURCE, EVCC, Stage.LOOP)
def energy_stands(flow: Flow, said: Said) -> str:
    """By the vehicle's own SoC and by what went in, so that one which counts in percents or in kWh is right."""
    if _quiet(flow) or said.soc is None:
        return ""
    for name, value, _, since in _energies(flow, said):
        if value != since.value or value <= 0.0 or since.soc is None or said.soc < since.soc + MOVED:
            continue
        if flow.energy.net - since.wh <= STEP_WH:
            continue
        return f"{said.name} still has {name} {value:g} Wh, while its PresentSOC rose from {since.soc} to {said.soc} %"
    return ""


def _battery(flow: Flow, said: Said) -> tuple[float, float] | None:
    """Least and most Wh of a percent, by what it tells or by what went in so far; None: not known."""
    if said.capacity is not None and said.capacity > 0.0:
        return said.capacity / 100.0, said.capacity / 100.0
    began = flow.wants.soc
    if began is None or said.soc is None or said.soc - began.value < RISEN:
        return None
    came, rose = flow.energy.net - began.wh, said.soc - began.value
    return came / (rose + 1.0), came / (rose - 1.0)


def _wanted(flow: Flow, said: Said) -> tuple[float, float] | None:
    """Least and most Wh to the requested SoC; None: not known."""
    battery, target = _battery(flow, said), said.needs.target_soc
    if battery is None or target is None or said.soc is None or target <= said.soc or _quiet(flow):
        return None
    return battery[0] * max(target - said.soc - 1.0, 0.0) / FITS, battery[1] * (target - said.soc + 1.0) * FITS


@BOOK.on("energy-beyond-soc", "energy requests fit the requested SoC", SOURCE, EVCC, Stage.LOOP)
def energy_beyond_soc(flow: Flow, said: Said) -> str:
    wanted, target, most = _wanted(flow, said), said.needs.target, said.needs.most
    if wanted is None:
        return ""
    to = f"from {said.soc} to {said.needs.target_soc:g} %"
    if target is not None and target > wanted[1]:
        return f"{said.name} has EVTargetEnergyRequest {target:g} Wh, but at most {wanted[1]:.0f} Wh is needed {to}"
    if most is not None and most < wanted[0]:
        return f"{said.name} has EVMaximumEnergyRequest {most:g} Wh, but at least {wanted[0]:.0f} Wh is needed {to}"
    return ""


@BOOK.on("energy-below-soc", "energy requests fit the requested SoC", SOURCE, EVCC, Stage.LOOP,
         weight=Weight.NOTED)  # fmt: skip
def energy_below_soc(flow: Flow, said: Said) -> str:
    """A finding: a driver may ask for so many kWh."""
    wanted, target = _wanted(flow, said), said.needs.target
    if wanted is None or target is None or target >= wanted[0]:
        return ""
    return (
        f"{said.name} has EVTargetEnergyRequest {target:g} Wh, but at least {wanted[0]:.0f} Wh is needed from "
        f"{said.soc} to {said.needs.target_soc:g} %"
    )


@BOOK.on("soc-behind-energy", "the state of charge rises with the energy", SOURCE, EVCC, Stage.LOOP)
def soc_behind_energy(flow: Flow, said: Said) -> str:
    """By the battery that the energy requests imply, the largest of them."""
    if _quiet(flow) or said.soc is None or said.soc != flow.energy.soc or said.soc >= FULL:
        return ""
    came, implied = flow.energy.net - flow.energy.soc_wh, 0.0
    for energy, soc in ((said.needs.target, said.needs.target_soc), (said.needs.most, said.needs.most_soc or 100.0)):
        if energy is not None and soc is not None and soc - said.soc >= APART:
            implied = max(implied, (energy + came) / (soc - said.soc))
    if not implied or came <= implied * (BEHIND_AC if flow.ac else BEHIND):
        return ""
    return (
        f"{said.name} still has PresentSOC {said.soc} % after {came:.0f} Wh, which is {came / implied:.1f} % of the "
        "battery by its energy requests"
    )


@BOOK.on("energy-beyond-room", "a battery takes no more than EVMaximumEnergyRequest", SOURCE, EVCC, Stage.LOOP)
def energy_beyond_room(flow: Flow, said: Said) -> str:
    """By what went in since a need was told first: an energy in kWh is soon used up."""
    first = flow.wants.first.get("most")
    if first is None or _quiet(flow):
        return ""
    came = flow.energy.net - first.wh
    if came <= max(first.value, 0.0) * FITS + BEYOND_WH:
        return ""
    return (
        f"{came:.0f} Wh has gone into the vehicle, which had an EVMaximumEnergyRequest of {first.value:g} Wh before: "
        "is it in kWh?"
    )


# ---------------------------------------------------------------------------------------------------------------
# SoC and time


@BOOK.on("soc-order", "the minimum SoC is at most the target, and the target at most the maximum", NEEDS_SOURCE, EVCC,
         *TELLING, cause=Cause.WRONG_FIELD)  # fmt: skip
def soc_order(flow: Flow, said: Said) -> str:
    known = [(name, soc) for key, name in SOCS.items() if (soc := getattr(said.needs, key)) is not None]
    for (name, soc), (above, limit) in pairwise(known):
        if soc > limit:
            return f"{said.name} has {name} {soc:g} % and {above} {limit:g} %"
    return ""


def _moves_of_soc(flow: Flow, said: Said) -> Iterator[str]:
    for key, name in SOCS.items():
        now, last = getattr(said.needs, key), flow.wants.last.get(key)
        if now is not None and last is not None and now != last.value and not _quiet(flow):
            yield f"{said.name} has {name} {now:g} %, but {last.value:g} % before"


@BOOK.on("soc-wanted-differs", "the requested SoC stays the same until it is changed", NEEDS_SOURCE, EVCC, *TELLING,
         weight=Weight.NOTED)  # fmt: skip
def soc_wanted_differs(flow: Flow, said: Said) -> str:
    """A finding: parts of a vehicle may round in different ways, and a driver may change it at any time."""
    return next(_moves_of_soc(flow, said), "")


@BOOK.on("departure-far", "a departure counts in seconds from now", NEEDS_SOURCE, EVCC, Stage.SCHEDULE, Stage.LOOP)
def departure_far(flow: Flow, said: Said) -> str:
    departure = said.needs.departure
    if departure is None or not ABSOLUTE <= departure < NEVER or flow.startled:
        return ""
    return f"{said.name} has DepartureTime {departure:.0f} s, {departure / 86400.0:.0f} days: is it a point in time?"


@BOOK.on("departure-late", "a departure counts in seconds", NEEDS_SOURCE, EVCC, Stage.SCHEDULE, Stage.LOOP,
         weight=Weight.NOTED)  # fmt: skip
def departure_late(flow: Flow, said: Said) -> str:
    """A finding: a vehicle may be parked for weeks."""
    departure = said.needs.departure
    if departure is None or not LONG_STAY < departure < ABSOLUTE or flow.startled:
        return ""
    return f"{said.name} has DepartureTime {departure:.0f} s, {departure / 86400.0:.0f} days: is it in ms?"


@BOOK.on("departure-moved", "a departure counts down until it is changed", NEEDS_SOURCE, EVCC, Stage.SCHEDULE,
         Stage.LOOP, weight=Weight.NOTED)  # fmt: skip
def departure_moved(flow: Flow, said: Said) -> str:
    """A finding: a driver may move it at any time, also while the cable is checked."""
    now, last = said.needs.departure, flow.wants.last.get("departure")
    if now is None or last is None or _quiet(flow) or (now >= FAR and last.value >= FAR):
        return ""
    passed = flow.now - last.time
    if abs(now - max(last.value - passed, 0.0)) <= DEPARTS or now == last.value:
        return ""
    return f"{said.name} has DepartureTime {now:g} s, {passed:.1f} s after {last.value:g} s"


@BOOK.on("departure-stands", "a departure counts down", NEEDS_SOURCE, EVCC, Stage.LOOP, weight=Weight.NOTED)
def departure_stands(flow: Flow, said: Said) -> str:
    """A finding: some count in minutes, or in more."""
    now, since = said.needs.departure, flow.wants.since.get("departure")
    if now is None or since is None or not 0.0 < now < FAR or now != since.value or flow.now - since.time <= STANDS:
        return ""
    return f"{said.name} has sent DepartureTime {now:g} s for {flow.now - since.time:.0f} s"


@BOOK.on("remaining-order", "the minimum SoC is reached before the target, and the target before the maximum",
         NEEDS_SOURCE,
         EVCC, Stage.LOOP, cause=Cause.WRONG_FIELD)  # fmt: skip
def remaining_order(flow: Flow, said: Said) -> str:
    for sooner, later in pairwise(said.remaining):
        if sooner > later + ROUNDING:
            return f"{said.name} has remaining times of {sooner:g} s and {later:g} s: the higher SoC comes sooner"
    return ""
