"""The verdict on one side of a recording: every rule that it can prove, with requirement and what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from boundary.text import capital, clause, counted
from plugfest.conformance.recorded import runs as catalogue
from plugfest.conformance.recorded.answer import Answer, Judged
from plugfest.conformance.recorded.process import PROCESS, Side, View, messages, uncaptured
from plugfest.conformance.recorded.watched import of_watch
from plugfest.conformance.watch.content import DIFFER
from plugfest.traces import checks
from plugfest.traces.chain.steps import OTHER, Diagnosis, Fault
from plugfest.traces.entries import SECC, Entry, Recording
from plugfest.traces.findings import Finding
from plugfest.traces.measure import Measure, measure
from plugfest.traces.proofs import Roots
from plugfest.traces.talks import code_of, talks
from v2g.reading import header_of
from v2g.rules.rule import CLASSIC, Rule
from v2g.rules.table import RULES
from v2g.status import refuses

STAMPS = "time-stamps"
"""Name of the rule on TimeStamp."""


@dataclass(frozen=True)
class Verdict:
    """What a recording proves of one side.

    Attributes:
        side: ``secc`` or ``evcc``.
        answer: overall.
        sentence: the first one: overall verdict, and whose doing.
        rules: in the order of severity.
        protocols: of its sessions, as people call them.
        happened: what is said of the session as a whole.
        cases: runs of the catalogue by their ids.
    """

    side: Side
    answer: Answer
    sentence: str
    rules: tuple[Judged, ...]
    protocols: tuple[str, ...] = ()
    happened: str = ""
    cases: tuple[Judged, ...] = ()

    @property
    def ok(self) -> bool:
        """Something could be judged, and nothing failed."""
        return self.answer in (Answer.PASS, Answer.FINDING)

    def of(self, answer: Answer) -> list[Judged]:
        """The rules with one answer."""
        return [one for one in self.rules if one.answer is answer]

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "sut": self.side,
            "verdict": self.answer.value,
            "sentence": self.sentence,
            "session": self.happened,
            "protocols": list(self.protocols),
            "counts": {answer.value: len(self.of(answer)) for answer in Answer},
            "rules": [one.to_json() for one in self.rules],
            "cases": [one.to_json() for one in self.cases],
        }


def judge(recording: Recording, side: Side, roots: Roots | None = None) -> Verdict:
    """Judges one side of a recording.

    Args:
        side: ``secc`` or ``evcc``.
        roots: anchors of trust; None: certificate paths are not judged.
    """
    found = checks.judge(recording, roots)
    view = View(recording, tuple(talks(recording)), side, roots is not None)
    own = [_weighed(one, found.diagnosis) for one in found.findings if one.side == side]
    times = list(_times(view, measure(recording)))
    rows = [
        *_stamps(view),
        *_process(view, own, found.diagnosis),
        *_content(view, own),
        *times,
        *_unmeasured(own, times),
        *_happened(own),
        *of_watch(view),
    ]
    if why := uncaptured(view, side):  # what others sent shows no rule kept
        rows = [replace(one, answer=Answer.NOT_JUDGED, text=why) if one.answer is Answer.PASS else one for one in rows]
    rows.sort(key=lambda one: list(Answer).index(one.answer))
    cases = _cases(view, rows)
    titles = tuple(dict.fromkeys(talk.title for talk in view.talks if talk.protocol))
    answer = _overall(rows)
    return Verdict(
        side, answer, _sentence(view, answer, rows, found), tuple(rows), titles, found.verdict.headline, cases
    )


def _cases(view: View, rows: Sequence[Judged]) -> tuple[Judged, ...]:
    """The runs of the catalogue, by what was said of the rules behind their checks."""
    by_name = {one.rule: one for one in reversed(rows)}
    found = []
    for run in catalogue.of_catalogue(view):
        wanted = catalogue.checked(run)
        why = catalogue.missing(view, run.case, wanted)
        rules = dict.fromkeys(rule for one in wanted if isinstance(one, catalogue.Wanted) for rule in one.rows)
        behind = [by_name[rule] for rule in rules if rule in by_name]
        proofs = [one for one in behind if one.answer is not Answer.NOT_JUDGED]
        bad = next((one for one in proofs if one.answer is Answer.FAIL), None)
        why = why or ("" if proofs else "nothing in the recording touches its checks")
        answer = Answer.NOT_JUDGED if why else Answer.FAIL if bad is not None else Answer.PASS
        text = why or (f"{bad.rule}: {bad.text}" if bad is not None else ", ".join(one.rule for one in proofs))
        found.append(Judged(run.id, run.title, answer, text, ", ".join(run.case.requirements)))
    return tuple(found)


def _weighed(one: Finding, diagnosis: Diagnosis) -> Finding:
    """A finding; what made the session fail is a violation, even if it is tolerated elsewhere, unless it is legal."""
    if one.rule in DIFFER:
        return one
    decisive = diagnosis.failed and diagnosis.fault is Fault.CONTENT and diagnosis.entry == one.entry >= 0
    return replace(one, severity="violation") if decisive and diagnosis.side == one.side else one


def _overall(rows: Sequence[Judged]) -> Answer:
    for answer in (Answer.FAIL, Answer.FINDING, Answer.PASS):
        if any(one.answer is answer for one in rows):
            return answer
    return Answer.NOT_JUDGED


def _sentence(view: View, answer: Answer, rows: Sequence[Judged], found: checks.Judgement) -> str:
    """The overall verdict, and who caused it."""
    side, who, diagnosis = view.side, view.who, found.diagnosis
    judged = [one for one in rows if one.answer is not Answer.NOT_JUDGED]
    if answer is Answer.NOT_JUDGED:
        why = uncaptured(view, side) or rows[0].text if rows else "it contains no session"
        return f"Not judged: {why}."
    bad = [one for one in rows if one.answer is answer]
    many = f"{counted(len(judged), 'rule')} that this recording can judge"
    if answer is Answer.FAIL:
        text = f"Failed: {who} breaks {len(bad)} of {many}; the first is {bad[0].rule}: {bad[0].text}"
    elif answer is Answer.FINDING:
        text = f"Passed with findings: {who} breaks none of {many}, and {_are(len(bad))} in doubt"
    else:
        text = f"Passed: {who} keeps {'all' if len(judged) > 1 else 'the'} {many}"
    if diagnosis.failed and diagnosis.side == OTHER[side] and not uncaptured(view, OTHER[side]):
        text += f". The session failed, but not because of it: {clause(diagnosis.sentence)}"
    elif diagnosis.failed and answer is not Answer.FAIL:
        text += f". The session ended early: {clause(diagnosis.sentence)}"
        if diagnosis.fault is Fault.CLOSED:
            text += ". That alone proves nothing against it: its reason may be outside the recording"
    return capital(text.rstrip(".")) + "."


def _are(number: int) -> str:
    return f"{number} {'is' if number == 1 else 'are'}"


# ---------------------------------------------------------------------------------------------------------------
# Order, form, transport


def _process(view: View, own: Sequence[Finding], diagnosis: Diagnosis) -> Iterator[Judged]:
    """The rules of :data:`PROCESS`; the one that the diagnosis names is broken."""
    blamed = diagnosis.fault.value if diagnosis.failed and diagnosis.side == view.side and diagnosis.fault else ""
    for name, row in PROCESS.items():
        if view.side not in row.sides:
            continue
        broken, why = [one for one in own if one.rule == name], row.needs(view)
        asks = row.asks or checks.RULES[name]
        if name == blamed and not why:
            ask = diagnosis.requirement or next((one.requirement for one in broken if one.requirement), "")
            text = (diagnosis.sentence, ask, round(diagnosis.since, 3))
            yield Judged(name, asks, Answer.FAIL, *text)
            continue
        yield _row(name, asks, [] if why and name == blamed else broken, why)


def _row(name: str, asks: str, broken: Sequence[Finding], why: str = "", seen: str = "", ask: str = "") -> Judged:
    """A rule, from the findings against it."""
    worst = next((one for severity in ("violation", "warning") for one in broken if one.severity == severity), None)
    if worst is not None:
        answer = Answer.FAIL if worst.severity == "violation" else Answer.FINDING
        more = f"; and {len(broken) - 1} more" if len(broken) > 1 else ""
        often = f" ({worst.often})" if worst.often else ""
        return Judged(name, asks, answer, worst.text + often + more, worst.requirement or ask, round(worst.time, 3))
    return Judged(name, asks, Answer.NOT_JUDGED if why else Answer.PASS, why or seen, ask)


def _happened(own: Sequence[Finding]) -> Iterator[Judged]:
    """What a side did that no rule forbids, and that ends or spoils sessions: worth looking at, and no failure."""
    known = {*PROCESS, "timing", *(rule.name for rule in RULES)}
    for one in own:
        if one.rule not in known and one.severity != "note":
            asks = checks.RULES.get(one.rule, "encoded as usual")
            yield Judged(one.rule, asks, Answer.FINDING, one.text, one.requirement, round(one.time, 3))


def _stamps(view: View) -> Iterator[Judged]:
    """TimeStamp of ISO 15118-20, on each connection: it does not go back. Its unit is nobody's mistake."""
    bad, many = "", 0
    for talk in view.talks:
        before = 0
        for entry in talk.entries:
            header = header_of(entry.message)
            if entry.sender != view.side or header is None:
                continue
            many, stamp = many + 1, header.TimeStamp
            if not bad and stamp < before:
                bad = f"{entry.name} has TimeStamp {stamp} after {before}"
            before = max(before, stamp)
    if many:
        seen = bad or f"{many} messages"
        yield Judged(STAMPS, "time stamps do not go back", Answer.FINDING if bad else Answer.PASS, seen)


# ---------------------------------------------------------------------------------------------------------------
# Content


def _content(view: View, own: Sequence[Finding]) -> Iterator[Judged]:
    """The content rules of the side, in the schema sets of the sessions."""
    sets = _sets(view)
    seen: dict[tuple[str, str], list[Entry]] = {}
    for entry in view.own:
        if entry.message is not None:
            seen.setdefault((entry.schema, entry.name), []).append(entry)
    for name in dict.fromkeys(rule.name for rule in RULES if rule.side == view.side):
        applying = [rule for rule in RULES if _applies(rule, name, view.side, sets)]
        if not applying or (name in PROCESS and view.side in PROCESS[name].sides):
            continue  # of another protocol, or judged with the others of its name
        broken = [one for one in own if one.rule == name]
        judged = [entry for rule in applying for entry in _judged(rule, seen)]
        ask = next((ask for rule in applying for schema in sets if (ask := rule.requirement_in(schema))), "")
        why = "" if judged or broken else messages(view) or _missing(applying)
        yield _row(name, applying[0].asks, broken, why, _count(judged), ask)


def _sets(view: View) -> tuple[str, ...]:
    """Schema sets of what was said, the whole protocol's where one was agreed on."""
    found = dict.fromkeys(entry.schema for entry in view.entries if entry.schema)
    if any(name.startswith("iso20-") for name in found):
        found["iso20-common"] = None
        energy = [name for name in ("iso20-dc", "iso20-ac") if name in found]
        found |= dict.fromkeys(energy or ("iso20-dc", "iso20-ac"))
    return tuple(found)


def _applies(rule: Rule, name: str, side: Side, sets: Sequence[str]) -> bool:
    """Whether a rule applies to the messages; the handshake is not a protocol, and has its own rules."""
    if rule.name != name or rule.side != side:
        return False
    handshake = bool(rule.messages) and all(message.startswith("supportedAppProtocol") for message in rule.messages)
    return handshake or bool(set(rule.protocols or CLASSIC) & (set(sets) - {"appproto"}))


def _judged(rule: Rule, seen: dict[tuple[str, str], list[Entry]]) -> Iterator[Entry]:
    """The messages that a rule judges."""
    for (schema, name), entries in seen.items():
        if schema not in (rule.protocols or CLASSIC) or (rule.messages and name not in rule.messages):
            continue
        for entry in entries:
            if rule.failed or not refuses(code_of(entry)):
                yield entry


def _missing(rules: Iterable[Rule]) -> str:
    names = list(dict.fromkeys(name for rule in rules for name in rule.messages))
    return f"no {' or '.join(names)} in the recording" if names else "no message that it judges"


def _count(entries: Sequence[Entry]) -> str:
    number = len({entry.index for entry in entries})
    return counted(number, "message")


# ---------------------------------------------------------------------------------------------------------------
# Times


def _times(view: View, measures: Sequence[Measure]) -> Iterator[Judged]:
    """One row per timer of the side that was measured."""
    groups: dict[str, list[Measure]] = {}
    for one in measures:
        if one.side == view.side:
            groups.setdefault(one.timer, []).append(one)
    for timer, group in groups.items():
        ask = next((one.requirement for one in group if one.requirement), "")
        closest = (min if group[0].shortest else max)(group, key=lambda one: one.seconds / one.limit)
        bound = "at least" if closest.shortest else "at most"
        seen = f"{_times_over(len(group))}; closest {closest.what} {closest.seconds:.3f} s, {bound} {closest.limit:g} s"
        late = checks.late(group)
        if _of_the_other(timer, view.side):
            late = [replace(one, severity="warning") for one in late]
        yield _row(timer, "times stay within their limits", late, seen=seen, ask=ask)


def _times_over(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _of_the_other(timer: str, side: Side) -> bool:
    """Whether a time-out of a phase is the other side's to end: who is too slow has no rule of its own broken by it.

    A single response that misses the time-out of its message is late by any reading.
    """
    word = "EVCC" if side == SECC else "SECC"
    return f"_{word}_" in timer and "_Msg_" not in timer and "_Sequence_" not in timer


def _unmeasured(own: Sequence[Finding], times: Sequence[Judged]) -> Iterator[Judged]:
    """A limit that was missed by what never came: there is no time to measure."""
    late = [one for one in own if one.rule == "timing"]
    if late and not any(one.answer in (Answer.FAIL, Answer.FINDING) for one in times):
        yield _row("timing", checks.RULES["timing"], late)
