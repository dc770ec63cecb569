"""The outcome of a campaign: runs per verdict, their common cause if there is one, the exit code."""

from __future__ import annotations

import collections
import enum
from collections.abc import Collection, Iterable
from typing import NamedTuple

from boundary.text import counted
from plugfest.conformance.cause import Cause
from plugfest.conformance.verdict import Judged, Result, Verdict

WORDS = {
    Verdict.NONE: "none",
    Verdict.PASS: "pass",
    Verdict.INCONC: "inconclusive",
    Verdict.FAIL: "fail",
    Verdict.ERROR: "error",
}


class Exit(enum.IntEnum):
    """Exit codes of a campaign."""

    PASSED = 0
    """Nothing failed, nothing that concerns safety or security was found, and most runs could be judged."""
    FAILED = 1
    """A run failed or ended with an error."""
    OPEN = 3
    """Nothing failed, but most runs were inconclusive."""


def counts(results: Iterable[Result]) -> dict[Verdict, int]:
    """Number of runs per verdict."""
    found = collections.Counter(result.verdict for result in results)
    return {verdict: found[verdict] for verdict in Verdict}


def unjudged(results: Iterable[Result]) -> list[Result]:
    """Runs without a judgement on the system: inconclusive, or ended with an error."""
    return [result for result in results if result.verdict in (Verdict.INCONC, Verdict.ERROR)]


def common_cause(results: Collection[Result]) -> tuple[Cause, int] | None:
    """The cause that stopped most of the unjudged runs, and the number of runs it stopped; None: there is none.

    It is given only if most runs say nothing about the system.
    """
    lost = unjudged(results)
    if 2 * len(lost) <= len(results):
        return None
    cause, number = collections.Counter(result.cause for result in lost).most_common(1)[0]
    return (cause, number) if cause is not Cause.UNSTATED and 2 * number > len(lost) else None


def common_cause_text(results: Collection[Result]) -> str:
    """The common cause in a sentence, with where to look first; "" if there is none."""
    found = common_cause(results)
    if found is None:
        return ""
    cause, number = found
    look = f"; {cause.meaning.look}" if cause.meaning.look else ""
    return f"{number} of {len(results)} runs stopped for the same reason: {cause.meaning.says}{look}"


SHARE = 0.1
"""A rule that more than this part of all runs broke, and not one alone, is reported once for all of them."""


class Everywhere(NamedTuple):
    """A rule that holds in every case, and the runs that broke it, whatever they test."""

    judged: Judged
    runs: list[Result]

    def __str__(self) -> str:
        rule = self.judged.rule
        name = f" ({rule})" if rule and rule not in self.judged.expected else ""
        runs, first = counted(len(self.runs), "run"), f"{self.runs[0].run}: {self.judged.what}"
        return f"{runs} broke the same rule: {self.judged.expected}{name}; first in {first}"


def everywhere(results: Collection[Result]) -> list[Everywhere]:
    """The rules that many runs broke, whatever those test; the commonest first."""
    broken: dict[tuple[str, str], Everywhere] = {}
    for result in results:
        for one in result.broken:
            broken.setdefault((one.expected, one.rule), Everywhere(one, [])).runs.append(result)
    found = [one for one in broken.values() if len(one.runs) > max(1, SHARE * len(results))]
    return sorted(found, key=lambda one: -len(one.runs))


def apart(results: Collection[Result]) -> list[str]:
    """The rules that many runs broke, and how many of these runs passed apart from that; empty: there are none."""
    rules = everywhere(results)
    known = {(one.judged.expected, one.judged.rule) for one in rules}
    left = [
        result
        for result in results
        if result.itself is Verdict.PASS and known.issuperset((one.expected, one.rule) for one in result.broken)
    ]
    passed = f"apart from that, {counted(len(left), 'run')} passed"
    return [*map(str, rules), passed] if rules else []


def first_lines(results: Collection[Result]) -> list[str]:
    """What to know before the single runs: their common cause, and the rules that many of them broke."""
    cause = common_cause_text(results)
    return [*([cause] if cause else []), *apart(results)]


def exit_code(results: Collection[Result]) -> Exit:
    """The exit code of a campaign with these results."""
    number = counts(results)
    failed = any(one.severity.fails for result in results for one in result.findings)
    if number[Verdict.FAIL] or number[Verdict.ERROR] or failed:
        return Exit.FAILED
    return Exit.OPEN if 2 * number[Verdict.INCONC] > len(results) else Exit.PASSED


def total(results: Collection[Result]) -> str:
    """All verdicts on one line, with the number of runs with findings of each severity."""
    words = [f"{number} {WORDS[verdict]}" for verdict, number in counts(results).items() if number]
    weights = collections.Counter(result.severity for result in results if result.severity is not None)
    findings = ", ".join(f"{number} {severity.word}" for severity, number in sorted(weights.items(), reverse=True))
    runs = counted(len(results), "run")
    return f"{runs}: {', '.join(words) or 'nothing done yet'}" + (f"; findings: {findings}" if findings else "")
