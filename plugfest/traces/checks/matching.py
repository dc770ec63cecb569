"""SLAC rounds as findings: where a round stopped and who caused it, fields that are not as agreed, counts, keys.

`slac.rounds` judges; this module only words its findings. A field that made a round stop is part of that finding, and
is not reported again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from plugfest.traces import slac
from plugfest.traces.entries import EVCC, Recording
from plugfest.traces.findings import Finding, Severity
from slac.diagnosis import departure
from slac.errors import Step
from slac.rounds import Deviation, Round, Weight, judged

_SEVERITY: dict[Weight, Severity] = {Weight.VIOLATION: "violation", Weight.WARNING: "warning", Weight.NOTE: "note"}


def matching(recording: Recording) -> Iterator[Finding]:
    """All findings about the SLAC rounds of a recording."""
    yield from _broken(recording)
    judge = slac.judge(recording)
    rounds = [judged(x, judge.now) for x in judge.exchanges]
    for number, one in enumerate(rounds):
        again = any(later.ev == one.ev for later in rounds[number + 1 :])
        yield from _content(one)
        yield from _counts(one)
        yield from _end(
            one, again=again, talked=any(entry.time > one.begun for entry in recording.messages), until=judge.now
        )
        yield from _keys(one)
        yield from _addresses(one)
    strays = Counter(text for _, text in judge.strays)
    for move, text in judge.strays:
        if often := strays.pop(text, 0):
            times = f", {often} times" if often > 1 else ""
            yield Finding(move.time, "note", "", "slac-foreign", text + times, entry=move.place)


def _broken(recording: Recording) -> Iterator[Finding]:
    broken = [e for e in recording.layer("slac") if e.data and slac.parse(e.data) is None]
    if broken:
        text = "a HomePlug frame that cannot be read" + (f", {len(broken)} of them" if len(broken) > 1 else "")
        yield Finding(broken[0].time, "warning", "", "slac-frame", text, entry=broken[0].index)


def _content(one: Round) -> Iterator[Finding]:
    for found in one.deviations:
        if found.field == "time" or _is_cause(found, one):  # times are measured, see `plugfest.traces.measure`
            continue
        side = slac.SIDES[found.move.end]
        text = f"{found.move.name}: {found.what}"
        yield Finding(found.move.time, _SEVERITY[found.weight], side, "slac-value", text, entry=found.move.place)


def _is_cause(found: Deviation, one: Round) -> bool:
    why = one.verdict.deviation
    return why is not None and (found.move.name, found.mac, found.field) == (why.move.name, why.mac, why.field)


def _counts(one: Round) -> Iterator[Finding]:
    """STARTs and sounds of a round that matched."""
    x = one.seen
    if not one.matched or x.begins_late:
        return
    doubled = min(Counter(x.counts).values(), default=1)
    sounds = x.start.num_sounds if x.start is not None else x.timing.C_EV_match_MNBC
    for name, count, expected in (
        ("CM_START_ATTEN_CHAR.IND", -(-len(x.started) // doubled), x.timing.C_EV_start_atten_char_inds),
        ("CM_MNBC_SOUND.IND", len(x.counts), sounds),
    ):
        if count != expected:
            severity: Severity = "warning" if count else "note"
            text = f"{count} {name} before the match, expected {expected}"
            place = next((m.place for m in reversed(x.moves) if m.name == "CM_SLAC_MATCH.CNF"), -1)
            yield Finding(one.ended, severity, EVCC, "slac-count", text, entry=place)


def _end(one: Round, *, again: bool, talked: bool, until: float) -> Iterator[Finding]:
    """A round that did not lead to a match, or to a link."""
    found = one.verdict
    if found.step is Step.MATCHED:
        return
    place = one.last.place if one.last is not None else -1
    side = slac.SIDES[found.blamed] if found.blamed is not None else ""
    cut = f"; the recording ends {until - one.ended:.2f} s later" if found.open else ""
    if found.step in (Step.LINK, Step.SET_KEY):
        severity: Severity = "violation" if found.blamed is not None else "warning"
        text = found.text
    else:
        severity, text = "violation", f"the vehicle was not matched: {found.text}{cut}"
    if found.undecided:
        severity, side = "note", ""
    if again or talked:  # it tried again, or a session shows that there was a link
        severity = "note"
    yield Finding(one.ended, severity, side, "slac-match", text, entry=place)


def _addresses(one: Round) -> Iterator[Finding]:
    """Addresses that two devices share."""
    place = one.seen.moves[0].place if one.seen.moves else -1
    if one.seen.same_vehicle:
        text = f"two vehicles have the same address {one.ev.hex(':')}: their runs overlap"
        yield Finding(one.begun, "violation", "", "slac-address", text, entry=place)
    if one.seen.same_mac:
        text = f"vehicle and charger have the same address {one.ev.hex(':')}"
        yield Finding(one.begun, "violation", "", "slac-address", text, entry=place)


def _keys(one: Round) -> Iterator[Finding]:
    """A link that ended while a session ran: a modem reported it, or one end set another key."""
    lost, new = one.lost, one.new_key
    if lost is not None and lost.talking:
        yield Finding(lost.time, "violation", "", "slac-link", departure(one.seen), entry=lost.place)
    elif new is not None and one.linked and (new.talking or new.giver):
        severity: Severity = "violation" if new.talking else "warning"
        side = slac.SIDES[new.end]
        yield Finding(new.time, severity, side, "slac-key", departure(one.seen), entry=new.place)
