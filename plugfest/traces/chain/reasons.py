"""The possible reasons of a side for ending a session, as far as a recording shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from typing import NamedTuple

from plugfest.traces.chain.session import Session, Told
from plugfest.traces.chain.steps import OTHER, WHO, Diagnosis, Fault, Side, Step, side_named
from plugfest.traces.chain.words import short, time_text
from plugfest.traces.entries import EVCC, SECC, Entry
from plugfest.traces.findings import Finding
from plugfest.traces.talks import timer as timer_of
from v2g import naming
from v2g.protocols import PROTOCOLS

NEARLY = 0.9
"""Fraction of a time-out after which its owner counts as having waited: timers and captures are not exact."""
REACHED = 20.0
"""V: difference from the target at which precharge is complete."""
STILL_ASKING = 5.0
"""s after an answer within which a polling vehicle asks again."""
BEFORE = 3.0
"""s before an end within which an event of the pilot or the link counts as its reason."""

_CONSEQUENCES = {"refused", "timing", "not-completed", "tolerance", "error", "sequence-tolerated", "incomplete",
                 "after-refusal", "sequence-error", "unanswered", "no-protocol", "sdp-port", "tls-suite"}  # fmt: skip
"""Rules whose findings do not explain why a message was refused, or a session ended."""

_OF_BYTES = {"v2gtp", "undecodable", "not-a-message"}
"""Rules for payloads that are not messages: no session continues after one."""

_TICK = 0.05
"""s by which a role may report a time-out early or late."""
APART = frozenset({"limits-apart", "power-apart"})
"""Rules whose breach lets neither side charge, although neither is wrong."""
_MISFITS = APART | {"limits-below"}
"""Those, and what may keep a vehicle from charging: its battery may need more than the charger reaches."""
OF_PAIRING = {"unasked", "response-type", "order"}
"""Rules that are broken when requests and answers no longer match, for example after a surplus one."""


class Happening(NamedTuple):
    """What happened to pilot or link.

    Attributes:
        time: s. text: what. side: who caused it.
        found: it is already a finding.
        last: it counts as a reason only where nothing else does, because it may itself follow from something.
    """

    time: float
    text: str
    side: Side
    found: bool = False
    last: bool = False


_OF_THE_LINK = {"slac-key", "slac-link"}
"""Rules whose findings say that the link was lost."""


@dataclass(frozen=True)
class Around:
    """The context of a session.

    Attributes:
        findings: from the checks. events: of control pilot and link, oldest first.
        words: what the role that wrote a trace said when it ended a session: time, text and role.
        until: s: end of the recording.
        pilot: the recording has readings of the control pilot.
    """

    findings: Sequence[Finding] = ()
    events: Sequence[Happening] = ()
    words: Sequence[tuple[float, str, str]] = ()
    until: float = 0.0
    pilot: bool = False

    def about(
        self, side: Side, first: int, last: int, severities: Iterable[str] = ("violation", "warning")
    ) -> Finding | None:
        """The first finding against a side within a range of entries, violations before warnings."""
        for severity in severities:
            for one in self.findings:
                if one.severity == severity and one.side == side and one.rule not in _CONSEQUENCES:
                    if first <= one.entry <= last or first <= one.last_entry <= last:
                        return one
        return None

    def misfit(self, entry: Entry, rules: Set[str] = _MISFITS) -> str:
        """Why vehicle and charger do not fit together, by an answer with the charger's limits; "" if they do."""
        return next((f.text for f in self.findings if f.rule in rules and f.entry == entry.index), "")

    def doubled(self, last: int) -> Finding | None:
        """The first message that was sent twice."""
        return next((f for f in self.findings if f.rule == Fault.TWICE.value and 0 <= f.entry <= last), None)

    def said(self, time: float, side: str = "") -> str:
        """What the writer of a trace, or only this side, said around a time; "" if nothing."""
        said = [text for at, text, writer in self.words if abs(at - time) <= BEFORE and side in ("", writer)]
        return f"; in its own words: {said[0]}" if said else ""

    def over(self, last: float, due_from: Side) -> float:
        """Until when a side was listened to after the last message, s: the writer of a trace may have ended first."""
        return min([self.until, *(at + _TICK for at, _, writer in self.words if at >= last and writer != due_from)])

    def event(self, time: float, *, last: bool = False) -> Happening | None:
        """What happened to pilot or link shortly before a time; ``last``: what counts as a last resort."""
        keys = [
            Happening(f.time, f.text, side_named(f.side), found=True) for f in self.findings if f.rule in _OF_THE_LINK
        ]
        near = (event for event in sorted([*keys, *self.events]) if time - BEFORE <= event.time <= time)
        return next((event for event in near if event.last is last), None)


@dataclass(frozen=True)
class Move:
    """How a side ends a session: a close, or a request that departs from the normal course.

    Attributes:
        side: who ends it. entry: the entry that does. after: the other side's last message before it.
        waiting: requests without an answer at that time. text: what was done, to be appended to a reason.
    """

    side: Side
    entry: Entry
    after: Entry | None
    waiting: tuple[Entry, ...]
    text: str


def by_finding(common: Diagnosis, cause: Finding, then: str) -> Diagnosis:
    """The cause is a finding of the checks."""
    side = side_named(cause.side)
    what = short(cause.text)
    text = f"{what if what.startswith(f'{WHO[side]} ') else f'{WHO[side]} is at fault: {what}'}; {then}"
    return replace(common, side=side, fault=Fault.CONTENT, since=cause.time, entry=cause.entry, severity="",
                   requirement=cause.requirement, sentence=text)  # fmt: skip


def reason(s: Session, around: Around, move: Move, common: Diagnosis) -> Diagnosis | None:
    """Why a side ended the session; None if no reason is visible."""
    peer, after = OTHER[move.side], move.after
    lost = _lost(s, around, move, common)
    if lost is not None:
        return lost
    overdue = _overdue(s, around, move, common)
    if overdue is not None:
        return overdue
    if after is not None and peer:
        cause = around.about(peer, after.index, move.entry.index)
        doubled = around.doubled(move.entry.index)
        if cause is not None and cause.rule in OF_PAIRING and doubled is not None:
            cause = doubled
        if cause is not None:
            return by_finding(common, cause, f"then {move.text}")
    doubled = around.doubled(move.entry.index)
    if move.side == SECC and move.waiting and (doubled is None or doubled.side != EVCC):
        return None  # it owed an answer
    told = s.told.get(peer) if peer else None
    told = told or (s.told.get(move.side) if move.side else None)
    slow = _slow(s, move, common, told)
    if slow is not None:
        return slow
    if told is not None:
        where = f", {_volts(s)}" if common.step is Step.PRECHARGE else ""
        text = f"{WHO[told.side]} reported {told.word}{where}; then {move.text}"
        return replace(common, side=told.side, fault=Fault.TOLD, since=told.entry.time, entry=told.entry.index,
                       severity="violation", sentence=text)  # fmt: skip
    if doubled is not None:
        return by_finding(common, doubled, f"from then on answers and requests did not match, and {move.text}")
    first = s.begun.get(s.step)
    if peer and first is not None:
        cause = around.about(peer, first.index, move.entry.index, ("violation",))
        if cause is not None:
            return by_finding(common, cause, f"later {move.text}")
    own = around.about(move.side, after.index, move.entry.index, ("violation",)) if after is not None else None
    if own is not None and own.rule in _OF_BYTES:
        return by_finding(common, own, f"then {move.text}")
    event = around.event(move.entry.time, last=True)
    if event is not None and event.side == peer:
        return replace(common, side=event.side, fault=Fault.LINK_LOST, since=event.time, severity="violation",
                       sentence=f"{event.text}; then {move.text}")  # fmt: skip
    return None


def _lost(s: Session, around: Around, move: Move, common: Diagnosis) -> Diagnosis | None:
    """The control pilot or the link was lost first."""
    event = around.event(move.entry.time)
    if event is not None:
        return replace(common, side=event.side, fault=Fault.LINK_LOST, since=event.time,
                       severity="" if event.found else "violation",
                       sentence=f"{event.text}; then {move.text}")  # fmt: skip
    if s.unheard is not None and s.unheard.time <= move.entry.time:
        return replace(unheard(s, around, common), explains=common.explains)
    return None


def unheard(s: Session, around: Around, common: Diagnosis) -> Diagnosis:
    assert s.unheard is not None
    event = around.event(s.unheard.time)
    if event is not None:
        return replace(common, side=event.side, fault=Fault.LINK_LOST, since=event.time, entry=s.unheard.index,
                       severity="" if event.found else "violation",
                       sentence=f"the link was lost in {s.step.title}: {event.text}")  # fmt: skip
    silent = WHO[OTHER[s.unheard.sender]]
    since, sender = f"{s.unheard.time:.3f} s", WHO[s.unheard.sender]
    text = f"the link was lost in {s.step.title}: from {since} on, nothing that {sender} sent arrived"
    text += f", and {silent} sent nothing"
    return replace(common, side="", fault=Fault.LINK_LOST, since=s.unheard.time, entry=s.unheard.index,
                   severity="violation", sentence=text)  # fmt: skip


def _overdue(s: Session, around: Around, move: Move, common: Diagnosis) -> Diagnosis | None:
    """The other side owed a message, and its time had expired."""
    if move.side == EVCC:
        for stream, request in s.beside.items():
            waited = move.entry.time - request.time
            if waited >= s.timing.message_timeout(request.name) * NEARLY:
                text = f" in {PROTOCOLS[s.protocol].side[stream].title}"
                return silent_charger(s, request, waited, common, f"{text}; then {move.text}")
    if move.side == EVCC and move.waiting:
        request = move.waiting[0]
        waited, limit = move.entry.time - request.time, s.timing.message_timeout(request.name)
        cause = around.about(EVCC, request.index, move.entry.index)
        if cause is not None:
            return by_finding(common, cause, f"no answer came, and {move.text}")
        if s.tardy is not None and s.tardy[0] is request:
            return _tardy(s, common, f"no answer came, and {move.text}")
        if waited >= limit * NEARLY:
            return silent_charger(s, request, waited, common, f"; then {move.text}")
    elif move.side == EVCC and s.overdue is not None and s.overdue[1] is s.last:
        request, response = s.overdue
        return silent_charger(s, request, response.time - request.time, common, f"; then {move.text}")
    elif move.side == SECC and move.waiting and s.tardy is not None and s.tardy[0] is move.waiting[0]:
        return _tardy(s, common, f"then {move.text}")
    elif move.side == SECC and not move.waiting and s.last is not None and s.last.sender == SECC:
        waited = move.entry.time - s.last.time
        if waited >= s.sequence_timeout * NEARLY:
            return silent_vehicle(s, waited, common, f"; then {move.text}")
        limit = s.timing.V2G_SECC_CommunicationSetup_Performance_Time
        if s.furthest <= Step.HANDSHAKE and waited >= limit * NEARLY:
            text = f"the vehicle sent nothing for {time_text(waited)} after {s.last.name}, and set up no session within"
            timer = timer_of(s.protocol, "V2G_SECC_CommunicationSetup_Performance_Time")
            text += f" {time_text(limit)} ({timer}); then {move.text}"
            return replace(common, side=EVCC, fault=Fault.SILENT, since=s.last.time, entry=s.last.index,
                           due="SessionSetupReq", due_from=EVCC, severity="violation", sentence=text)  # fmt: skip
    return None


def silent_charger(s: Session, request: Entry, waited: float, common: Diagnosis, then: str = "") -> Diagnosis:
    timer, limit = timer_of(s.protocol, "V2G_EVCC_Msg_Timeout"), s.timing.message_timeout(request.name)
    due = naming.response(request.name)
    text = f"the charger did not answer {request.name} within {time_text(waited)} ({timer} is {time_text(limit)}){then}"
    return replace(common, side=SECC, fault=Fault.SILENT, since=request.time, entry=request.index, due=due,
                   due_from=SECC, severity="violation", sentence=text)  # fmt: skip


def silent_vehicle(s: Session, waited: float, common: Diagnosis, then: str = "") -> Diagnosis:
    assert s.last is not None
    text = f"the vehicle sent nothing for {time_text(waited)} after {s.last.name} ({_sequence(s)}){then}"
    return replace(common, side=EVCC, fault=Fault.SILENT, since=s.last.time, entry=s.last.index, due="the next request",
                   due_from=EVCC, severity="violation", sentence=text)  # fmt: skip


def _sequence(s: Session) -> str:
    return f"{timer_of(s.protocol, 'V2G_SECC_Sequence_Timeout')} is {time_text(s.sequence_timeout)}"


def _tardy(s: Session, common: Diagnosis, then: str) -> Diagnosis:
    """A request came after the charger had to stop waiting for it."""
    assert s.tardy is not None
    request, before = s.tardy
    limit = s.timing.sequence_timeout(in_loop=PROTOCOLS[s.protocol].is_loop(naming.request(before.name)))
    timer = timer_of(s.protocol, "V2G_SECC_Sequence_Timeout")
    text = f"the vehicle sent {request.name} {time_text(request.time - before.time)} after {before.name}"
    text += f" ({timer} is {time_text(limit)}); {then}"
    return replace(common, side=EVCC, fault=Fault.SILENT, since=before.time, entry=request.index, due=request.name,
                   due_from=EVCC, severity="violation", sentence=text)  # fmt: skip


def _volts(s: Session) -> str:
    return f"at {s.volts or 0.0:.0f} V of {s.target or 0.0:.0f} V in precharge"


def _slow(s: Session, move: Move, common: Diagnosis, told: Told | None) -> Diagnosis | None:
    """A loop took longer than the vehicle has to wait for it, and no fault was reported before that."""
    timing, step = s.timing, common.step
    if s.last is None or move.entry.time - s.last.time > STILL_ASKING:
        return None
    loops: dict[Step, tuple[str, float]] = {
        Step.CABLE_CHECK: ("V2G_EVCC_CableCheck_Timeout", timing.V2G_EVCC_CableCheck_Timeout),
        Step.PRECHARGE: ("V2G_EVCC_PreCharge_Timeout", timing.V2G_EVCC_PreCharge_Timeout),
    }
    timer, limit = loops.get(step, ("V2G_EVCC_Ongoing_Timeout", timing.V2G_EVCC_Ongoing_Timeout))
    since = s.begun.get(step) if step in loops else s.ongoing
    if since is None or move.entry.time - since.time < limit * NEARLY:
        return None
    if told is not None and told.entry.time - since.time < limit:
        return None
    timer = timer_of(s.protocol, timer)
    took = time_text(move.entry.time - since.time)
    side: Side = SECC
    if step is Step.PRECHARGE:
        volts, target = s.volts or 0.0, s.target or 0.0
        if abs(volts - target) <= REACHED:
            side = EVCC
            text = f"the vehicle did not end precharge, although {volts:.0f} V of {target:.0f} V were reached"
        else:
            text = f"the charger did not reach the precharge voltage within {took}: {volts:.0f} V of {target:.0f} V"
    else:
        text = f"the charger did not finish {step.title} within {took}"
    text += f" ({timer} is {time_text(limit)}); then {move.text}"
    return replace(common, side=side, fault=Fault.SLOW, since=since.time, entry=since.index, due_from=side,
                   severity="violation", sentence=text)  # fmt: skip
