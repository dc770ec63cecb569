"""A recording seen by the watch of a campaign: its judgements of messages and of matching, one row for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from boundary.text import counted
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.recorded.answer import Answer, Judged
from plugfest.conformance.recorded.process import View, messages, slac, uncaptured
from plugfest.conformance.recorded.watching import DOUBTED, MATCHING, PILOT, PLAIN, PLANT, SESSION, How
from plugfest.conformance.watch.judgement import SPOKEN, Judgement, Side
from plugfest.conformance.watch.line import LineRule
from plugfest.conformance.watch.line_watch import RULES, LineWatch
from plugfest.conformance.watch.messages import Said, Stage, read
from plugfest.conformance.watch.papers import CHAIN
from plugfest.conformance.watch.table import JUDGEMENTS
from plugfest.conformance.watch.talk import RECEIPT
from plugfest.conformance.watch.violation import Violation
from plugfest.conformance.watch.watch import Watch
from plugfest.traces.chain.steps import OTHER
from plugfest.traces.entries import SECC, Entry
from plugfest.traces.talks import Talk
from slac.copies import untagged
from v2g.rules.rule import CLASSIC
from v2g.trace import Event

STAGES = {
    Stage.PRECHARGE: "precharge",
    Stage.DELIVERY: "power delivery",
    Stage.LOOP: "charge loop",
    Stage.WELDING: "welding detection",
}
"""Stages that a session may not reach, in words."""


@dataclass
class Seen:
    """What the messages of a recording have, for each side: what has nothing to judge is not called kept."""

    own: list[Said] = field(default_factory=list)
    all: list[Said] = field(default_factory=list)
    classic: bool = False
    sessions: int = 0


def of_watch(view: View) -> Iterator[Judged]:
    """The rows of the watch, for one side of a recording."""
    pics = Pics()
    side: Side = "secc" if view.side == SECC else "evcc"
    watch, seen = Watch(side, pics), Seen()
    watch.log.acted = True  # who asked a charger to stop is not in a recording
    for talk in view.talks:
        watch.ac, watch.secure = talk.ac, partial(getattr, talk, "secure")
        watch.begin(talk.start)
        for entry in _heard(talk):
            watch(_event(entry, view))
            _note(seen, entry, view.side)
    for one in JUDGEMENTS:
        if one.side == view.side:
            yield from _row(one.name, one, SESSION.get((one.side, one.name), DOUBTED), view, seen, watch.violations)
    yield from _contracts(view, watch.violations)
    line = LineWatch(side, pics)
    for event in _frames(view):
        line(event)
    for rule in RULES:
        if rule.side == view.side:
            yield from _line_row(rule, MATCHING.get((rule.side, rule.name), DOUBTED), view, line.violations)


def _heard(talk: Talk) -> Iterator[Entry]:
    """What a watch sees of a connection, until part of it is missing."""
    gap = min((one.start for one in talk.gaps), default=None)
    for entry in sorted((*talk.main, *talk.others), key=lambda one: one.index):
        if gap is not None and entry.index > gap:
            return
        yield entry


def _event(entry: Entry, view: View, data: bytes | None = None) -> Event:
    direction = "" if not entry.sender else "rx" if entry.sender == view.side else "tx"
    data = entry.data if data is None else data
    return Event(entry.time, entry.layer, entry.name, direction, data, entry.message, entry.schema, entry.note)


def _note(seen: Seen, entry: Entry, side: str) -> None:
    if entry.body is None:
        return
    said = read(entry.body)
    seen.all.append(said)
    seen.classic = seen.classic or entry.schema in CLASSIC
    seen.sessions += said.name == "SessionSetupRes"
    if entry.sender == side:
        seen.own.append(said)


# ---------------------------------------------------------------------------------------------------------------
# Rows


def _row(
    name: str, one: Judgement, how: How, view: View, seen: Seen, violations: dict[str, Violation]
) -> Iterator[Judged]:
    """The row of a judgement; none where another row says the same."""
    if how.same:
        return
    source = "" if one.source == SPOKEN else one.source
    broken = violations.get(one.name)
    why = how.unseen or (PLANT if one.shows is not None else PILOT if one.sees is not None else "")
    if broken is not None and not why:
        yield _broken(name, broken, how)
        return
    judged = list(_judged(one, seen))
    why = why or messages(view) or _lacks(one, how, seen, judged)
    text = why or counted(len(judged), "message")
    yield Judged(name, one.rule, Answer.NOT_JUDGED if why else Answer.PASS, text, source)


def _broken(name: str, broken: Violation, how: How) -> Judged:
    answer = Answer.FAIL if broken.fails and not how.doubted else Answer.FINDING
    source = "" if broken.source.startswith("rule ") else broken.source
    return Judged(name, broken.rule, answer, broken.text, source, round(broken.time, 3))


def _judged(one: Judgement, seen: Seen) -> Iterator[Said]:
    """The messages that a judgement judges."""
    for said in seen.own:
        if said.ok and (said.stage in one.stages if one.stages else not one.names or said.name in one.names):
            yield said


def _lacks(one: Judgement, how: How, seen: Seen, judged: list[Said]) -> str:
    """What a recording lacks for a judgement, or ""."""
    if how.classic and not seen.classic:
        return "not judged in ISO 15118-20"
    if not judged:
        missing = one.names or [STAGES.get(stage, stage.name.lower()) for stage in one.stages]
        return f"no good {' or '.join(missing)} in the recording"
    if how.about is not None and not any(map(how.about, seen.all)):
        return f"{how.lacks} in the recording"
    return "" if seen.sessions >= how.sessions else "there is one session in the recording"


def _contracts(view: View, violations: dict[str, Violation]) -> Iterator[Judged]:
    """What the watch says of contracts, which is in no table."""
    if view.side != "evcc":
        return
    shown = [entry for entry in view.own if entry.name in ("PaymentDetailsReq", "CertificateUpdateReq")]
    for name, rule, found, lacks in (
        ("contract-chain", CHAIN, len(shown), "no contract certificate in the recording"),
        ("receipt-due", RECEIPT, _receipts(view) if shown else 0, "no receipt was asked for"),
    ):
        if name in violations:
            yield _broken(name, violations[name], PLAIN)
        else:
            why = messages(view) or ("" if found else lacks)
            yield Judged(name, rule, Answer.NOT_JUDGED if why else Answer.PASS, why or f"{found} messages")


def _receipts(view: View) -> int:
    return sum(getattr(entry.body, "ReceiptRequired", None) is True for entry in view.entries)


# ---------------------------------------------------------------------------------------------------------------
# Matching


def _frames(view: View) -> Iterable[Event]:
    """Those that were captured with their addresses; a "cooked" capture has none."""
    bare = ((entry, untagged(entry.data).data) for entry in view.layer("slac") if entry.data)
    return (_event(entry, view, data) for entry, data in bare if any(data[:6]))


def _line_row(rule: LineRule, how: How, view: View, violations: dict[str, Violation]) -> Iterator[Judged]:
    if how.same:
        return
    name, broken = f"slac-{rule.name}", violations.get(rule.name)
    why = how.unseen or (PILOT if rule.looks is not None else "")
    if broken is not None:
        why = why or uncaptured(view, OTHER[view.side])  # what the other end sent may have been the reason
    if broken is not None and not why:
        yield _broken(name, broken, how)
        return
    kinds = [".".join(kind.__name__.rsplit("_", 1)) for kind in rule.kinds]
    many = sum(event.direction == "rx" and event.name in kinds for event in _frames(view))
    why = why or slac(view) or ("" if many else f"no {' or '.join(kinds)} in the recording")
    text = why or counted(many, "message")
    yield Judged(name, rule.rule, Answer.NOT_JUDGED if why else Answer.PASS, text, rule.source)
