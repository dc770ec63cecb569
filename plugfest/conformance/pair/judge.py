"""From the evidence of a scenario to its result: each expectation judged, the first miss is the reason."""

from __future__ import annotations

from collections.abc import Sequence

from boundary.text import capital
from plugfest.conformance.cause import Severity
from plugfest.conformance.pair.evidence import Evidence
from plugfest.conformance.pair.looks import Miss, in_words, look
from plugfest.conformance.pair.scenario import Expected, Scenario
from plugfest.conformance.verdict import Failed, Inconclusive, Judged, Result, Stop, Verdict
from plugfest.traces.chain.steps import WHO, Fault

_ENDS = frozenset(fault.value for fault in Fault if fault is not Fault.OUT_OF_ORDER)
"""Rules that sessions break which end early: what a scenario is about already."""
NOTED = 5
"""Maximum number of rule violations outside the scenario in a result."""


def judge(result: Result, scenario: Scenario, evidence: Evidence, rule: str) -> None:
    """Judges every expectation, and takes the worst into the result.

    Args:
        rule: what the scenario goes by, in words.
    """
    if evidence.unable:
        result.verdict, result.cause = Verdict.INCONC, evidence.cause
        result.reason, result.look = evidence.unable, evidence.cause.meaning.look
        return
    misses: list[tuple[Expected, Miss]] = []
    open_: list[tuple[Expected, Stop]] = []
    for expected in scenario.expected:
        words = in_words(expected)
        try:
            miss = look(scenario, evidence, expected)
        except Inconclusive as why:
            open_.append((expected, why))
            result.saw(words, f"not judged: {why}")
            continue
        result.saw(words, "as expected" if miss is None else miss.observed)
        if expected.verb == "current_gone" and not evidence.ports[expected.port - 1].measured:
            result.not_observed.append(f"{words}: nothing measures the outlet, so what the charger reports was judged")
        if miss is not None:
            misses.append((expected, miss))
    result.verdict = Verdict.PASS
    if misses:
        _failed(result, scenario, evidence, *misses[0], rule)
    elif open_:
        _, stop = open_[0]
        result.verdict, result.cause, result.reason = Verdict.INCONC, stop.cause, str(stop)
        result.look = stop.cause.meaning.look
    _beside(result, evidence)


def _failed(result: Result, scenario: Scenario, evidence: Evidence, expected: Expected, miss: Miss, rule: str) -> None:
    result.verdict, result.cause, result.blamed = Verdict.FAIL, miss.cause, miss.side
    port = evidence.ports[expected.port - 1]
    told = next((one.sentence for one in port.diagnoses if one.failed and one.side == miss.side), "")
    who = capital(WHO[miss.side]) if miss.side else "Neither side can be blamed"
    said = f"{miss.observed}; {told}" if miss.stalled and told else miss.observed
    why = Failed(
        f"{who}: {said}" if miss.side else said, cause=miss.cause, expected=in_words(expected), observed=miss.observed
    )
    result.judged = Judged(scenario.title, str(why), why.expected, rule, why.observed)
    result.reason = str(result.judged)


def _beside(result: Result, evidence: Evidence) -> None:
    """Violations of the standard's rules that the recording shows beside what the scenario is about."""
    found: Sequence[tuple[str, str]] = [
        (one.side, f"{WHO[one.side]}, {one.rule}: {one.text}")
        for port in evidence.ports
        for one in port.judgement.findings
        if one.severity == "violation" and one.side and one.rule not in _ENDS
    ]
    for _, text in found[:NOTED]:
        result.find(text, Severity.NOTE)
    if len(found) > NOTED:
        result.find(f"and {len(found) - NOTED} more; plugfest trace check lists them", Severity.NOTE)
