"""Findings as reported: mere consequences of the first failure are left out, repeated ones become one with a count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from plugfest.traces.chain.reasons import OF_PAIRING
from plugfest.traces.chain.steps import Diagnosis, Fault
from plugfest.traces.entries import EVCC, Entry
from plugfest.traces.findings import Finding

FOLLOWING = {"refused", "not-completed", "sequence-error", "error"}
"""Rules whose findings do not count at an entry that a diagnosis explains."""

APART = {*OF_PAIRING, "after-refusal"}
"""Rules that are broken when requests and answers no longer match, after one that was sent twice."""


def told(found: Sequence[Finding], diagnoses: Sequence[Diagnosis], entries: Sequence[Entry]) -> Iterator[Finding]:
    """The findings plus those of the diagnoses, without what these explain."""
    explained = {entry for one in diagnoses for entry in (one.entry, *one.explains)}
    apart = {entries[f.entry].connection: f.entry for f in reversed(found) if f.rule == Fault.TWICE.value}
    wrong = {f.entry for f in found if f.side == EVCC and f.severity == "violation"}
    kept = [
        f
        for f in found
        if not (f.rule in FOLLOWING and f.entry in explained)
        and not (f.rule == "unanswered" and f.entry in wrong and entries[f.entry].stream)  # nobody listens there
        and not (f.rule in APART and f.entry > apart.get(entries[f.entry].connection, len(entries)))
    ]
    yield from kept
    for one in diagnoses:
        if one.fault is Fault.SLOW and any(
            f.rule == Fault.SLOW.value and f.side == one.side and f.severity == "violation" and f.time >= one.since
            for f in kept
        ):
            continue  # it was measured
        if one.severity and one.fault is not None:
            rule = one.fault.value
            if not any((f.entry, f.side, f.rule) == (one.entry, one.side, rule) for f in kept):
                yield Finding(one.since, one.severity, one.side, rule, one.sentence, one.requirement, one.entry)


def counted(found: Iterable[Finding]) -> list[Finding]:
    """Findings of one rule, side and text combined: the first one, with their number and the last time."""
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in found:
        groups.setdefault((finding.severity, finding.side, finding.rule, finding.text), []).append(finding)
    return [_together(sorted(group, key=lambda f: f.time)) for group in groups.values()]


def _together(group: Sequence[Finding]) -> Finding:
    count = sum(f.count for f in group)
    last = max(f.last if f.last is not None else f.time for f in group)
    entry = max(max(f.entry, f.last_entry) for f in group)
    return group[0] if count == 1 else replace(group[0], count=count, last=last, last_entry=entry)
