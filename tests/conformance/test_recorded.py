"""A recording alone: what it proves of a side is said rule by rule, and never of the wrong side."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from captures import files, recording
from made_to_fail import WAYS, WAYS_20, failure
from verdicts import TYPICAL, TYPICAL_20

from plugfest.cli import main
from plugfest.conformance.recorded.judge import Answer, Verdict, judge
from plugfest.conformance.recorded.process import PROCESS
from plugfest.traces.chain.steps import OTHER
from plugfest.traces.checks import RULES
from plugfest.traces.entries import EVCC, SECC

SIDES = (EVCC, SECC)


@cache
def verdict_on(name: str, side: str) -> Verdict:
    return judge(recording(next(path for path in files() if path.name == name)), side)


FAILED = {
    ("ISO-20_BPT_AC_DS5366_Josev.pcapng", SECC): {"tls"},  # both speak ISO 15118-20 over TCP
    ("ISO-20_BPT_AC_DS5366_Josev.pcapng", EVCC): {"tls"},
    ("ISO-20_TLS13_DC_DS5366_Josev.pcapng", SECC): {"tls"},  # no vehicle certificate was asked for
    ("audi-dc-iso2.pcap", SECC): {"over-current", "current-unasked"},  # a sensor that is wrong by far
    ("vw-ac-iso2.pcap", EVCC): {"order"},  # refused by the charger
}
"""What was looked at in the recordings: the rules that a side breaks. In all others, no side breaks any."""


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_recordings_are_judged_as_they_were_when_looked_at(path: Path, side: str) -> None:
    """No side of a recording fails a rule but those known; and most rules are judged."""
    found = verdict_on(path.name, side)
    wanted = FAILED.get((path.name, side), set())
    assert {one.rule for one in found.of(Answer.FAIL)} == wanted, found.sentence
    assert found.ok is not bool(wanted)
    assert len(found.of(Answer.PASS)) > 40


MADE = {"iso2-dc": (WAYS, TYPICAL[1:5:2]), "iso20-dc": (WAYS_20, TYPICAL_20[1:3])}
"""Mode -> ways to fail, and the messages that they are tried at."""


@pytest.mark.parametrize("mode", MADE)
def test_the_side_that_was_not_made_to_fail_fails_nothing(mode: str, tmp_path: Path) -> None:
    """Whatever one side does wrong, the other one keeps its rules; and of the culprit something is said."""
    ways, stems = MADE[mode]
    wrong, made = [], 0
    for way in ways:
        for name in (stem + ("Req" if way.side == EVCC else "Res") for stem in stems):
            one = failure(mode, way, name, way.nth[0], tmp_path / "x.pcapng") if way.fits(name) else None
            if one is None:
                continue  # a message that this way does not fit, or that this session does not have
            made += 1
            innocent, culprit = judge(one.capture, OTHER[way.side]), judge(one.capture, way.side)
            if innocent.of(Answer.FAIL) or culprit.answer not in (Answer.FAIL, Answer.FINDING):
                wrong.append((way.name, name, innocent.sentence, culprit.sentence))
    assert wrong == []
    assert made > len(ways) // 2


def test_each_process_rule_is_one_of_the_checks() -> None:
    """The table names rules that there are, and each side has some."""
    assert set(PROCESS) <= set(RULES)
    for side in SIDES:
        assert sum(side in row.sides for row in PROCESS.values()) > 15


REPORTS = Path(__file__).parents[1] / "data" / "reports"


def test_what_is_not_there_is_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    """A matching that nobody answered says nothing of a charger, and the exit code says that nothing was proven."""
    assert main(["conformance", "judge", str(REPORTS / "one-request-unanswered.pcap"), "--sut", "secc"]) == 1
    assert capsys.readouterr().out.startswith("Not judged: no ")


def test_machines_get_every_rule_with_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has the sentence, the counts, and each rule with verdict and reason."""
    assert main(["conformance", "judge", str(REPORTS / "cg5317-link.pcap"), "--sut", "evcc", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "pass"
    assert found["counts"]["pass"] == sum(one["verdict"] == "pass" for one in found["rules"])
    assert all(one["text"] for one in found["rules"] if one["verdict"] == "not judged")
