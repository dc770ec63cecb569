"""Verdicts follow from values: causes, severities, exit codes; and what is written down reads back."""

from __future__ import annotations

import asyncio
import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from plugfest.conformance.campaign.judge import Said, complete, judge
from plugfest.conformance.campaign.outcome import Exit, common_cause, common_cause_text, exit_code, first_lines
from plugfest.conformance.campaign.physics import judge_watched
from plugfest.conformance.catalogue import Case, Run, cases
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.cause import MEANINGS, Cause, Severity, Side
from plugfest.conformance.evcc.reactions import loops
from plugfest.conformance.stops import cause_of
from plugfest.conformance.verdict import Failed, Finding, Inconclusive, Judged, Result, Verdict
from plugfest.conformance.watch.violation import Violation
from plugfest.conformance.watch.watch import Watch
from slac.errors import MatchFailed, ModemError, Step
from slac.pilot_board import PilotError
from v2g.errors import ConnectionLost, NothingFound, SetupError
from v2g.trace import Event

LATE = Failed("the answer came late", cause=Cause.TOO_LATE, expected="X within 2 s", observed="X after 3 s")


def run(**fields: Any) -> Run:
    return Run("X", Case("X", "Late", "secc", "derived", "x.yaml", **fields), "iso15118-2")


def judged(why: Failed | Inconclusive, **fields: object) -> Result:
    result = Result("X")
    judge(result, why, run(**fields))
    return result


def test_each_cause_has_a_meaning() -> None:
    """Whom it concerns, what it says; a cause of the bench says what to do."""
    assert set(MEANINGS) == set(Cause)
    assert all(meaning.says for meaning in MEANINGS.values())
    assert [cause for cause, meaning in MEANINGS.items() if meaning.side is Side.BENCH and not meaning.look] == []


def test_a_violated_requirement_fails_whoever_wrote_the_case() -> None:
    """A case of ours that names a requirement is as good as a published one."""
    result = judged(LATE, verdict="VR.DERIVED", requirements=("V2G2-441",))
    assert (result.verdict, result.cause, result.findings) == (Verdict.FAIL, Cause.TOO_LATE, [])
    assert result.reason == ("Late: the answer came late; expected: X within 2 s (V2G2-441); observed: X after 3 s")


@pytest.mark.parametrize("severity", Severity)
def test_the_finding_of_a_script_says_what_was_done(severity: Severity) -> None:
    """As a verdict does, and only once; so does the reason, where the finding fails the run."""
    result = Result("X")
    result.find("the vehicle starts", severity)
    for _ in range(2):
        complete(result, run())
    assert [one.text for one in result.findings] == ["Late: the vehicle starts"]
    assert result.reason == ("Late: the vehicle starts" if severity.fails else "")


@pytest.mark.parametrize(("rounds", "seen"), [(0, "was not reached"), (3, "had 3 of 80 rounds")])
def test_a_loop_that_began_was_reached(rounds: int, seen: str) -> None:
    """Where a vehicle leaves before as many rounds as a case wants."""

    async def over(*_: object) -> None:
        pass

    answers = SimpleNamespace(loops=rounds, refused=[])
    tester: Any = SimpleNamespace(answers=answers, requests=[SimpleNamespace(name="X")], wait_for=over, hung_up=True)
    with pytest.raises(Inconclusive, match=f"^the charging loop {seen}; the last request was X$"):
        asyncio.run(loops(tester, 80))


def test_a_finding_that_was_a_failure_is_complete_already() -> None:
    result = judged(LATE, verdict="VR.DERIVED", reading=Severity.READING)
    text = result.findings[0].text
    complete(result, run())
    assert (text, result.findings[0].text) == (f"Late: {LATE}; expected: X within 2 s (our reading); "
                                               "observed: X after 3 s",) * 2  # fmt: skip


@pytest.mark.parametrize("severity", Severity)
def test_our_own_reading_is_a_finding_unless_it_is_about_safety_or_security(severity: Severity) -> None:
    """What fails is decided by the severity that the case names."""
    result = judged(LATE, verdict="VR.DERIVED", reading=severity)
    assert result.verdict is (Verdict.FAIL if severity in (Severity.SAFETY, Severity.SECURITY) else Verdict.PASS)
    assert [one.severity for one in result.findings] == [severity]


def test_a_cause_of_safety_or_security_fails_a_reading() -> None:
    """An expired certificate that was accepted is not a matter of opinion."""
    why = Failed("the vehicle took it", cause=Cause.CERTIFICATE_ACCEPTED, expected="an alert", observed="a session")
    assert judged(why, reading=Severity.NOTE).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (PilotError("cannot connect to tcp:board:5000"), Cause.PILOT_BOARD),
        (NothingFound("nobody"), Cause.NOT_DISCOVERED),
        (ConnectionLost("gone"), Cause.CLOSED),
        (MatchFailed(Step.PARM, "nobody"), Cause.NOT_MATCHED),
        (ModemError("silent"), Cause.MODEM),
        (SetupError("no interface"), Cause.INTERFACE),
        (Failed("late", cause=Cause.TOO_LATE, expected="sooner"), Cause.TOO_LATE),
    ],
    ids=lambda value: getattr(value, "value", type(value).__name__),
)
def test_errors_have_causes_by_their_kind(error: Exception, cause: Cause) -> None:
    """A dead board that "cannot connect" is not a charger's port on which nobody listens."""
    assert cause_of(error) is cause


def test_a_refused_port_is_known_by_what_it_came_from() -> None:
    """The sentence of the error says nothing about it."""
    error = SetupError("x")
    error.__cause__ = ConnectionRefusedError(111, "x")
    assert cause_of(error) is Cause.PORT_CLOSED
    error.__cause__ = TimeoutError(110, "x")
    assert cause_of(error) is Cause.UNREACHABLE


def _results(*parts: tuple[int, Verdict, Cause]) -> list[Result]:
    numbers = itertools.count()
    return [Result(str(next(numbers)), verdict=v, cause=c) for count, v, c in parts for _ in range(count)]


def test_a_common_cause_is_named_once_and_does_not_end_well() -> None:
    """Six of ten runs without an answer to SDP: that is one cause, not six."""
    results = _results((4, Verdict.PASS, Cause.UNSTATED), (6, Verdict.INCONC, Cause.NOT_DISCOVERED))
    assert common_cause(results) == (Cause.NOT_DISCOVERED, 6)
    assert common_cause_text(results).startswith(
        "6 of 10 runs stopped for the same reason: SDP was not answered; the charger"
    )
    assert exit_code(results) is Exit.OPEN


def test_several_causes_have_nothing_in_common() -> None:
    """Then each run gives its own cause."""
    results = _results((3, Verdict.INCONC, Cause.NO_PILOT), (3, Verdict.INCONC, Cause.NO_ACTION))
    assert common_cause(results) is None
    assert exit_code(results) is Exit.OPEN
    assert exit_code(_results((5, Verdict.PASS, Cause.UNSTATED), (5, Verdict.INCONC, Cause.NO_PILOT))) is Exit.PASSED


def test_only_findings_that_weigh_little_end_with_0() -> None:
    """A result that an older file calls a pass fails the campaign anyway."""
    light, heavy = (
        Result("X", verdict=Verdict.PASS, findings=[Finding("x", s)]) for s in (Severity.READING, Severity.SAFETY)
    )
    assert exit_code([light]) is Exit.PASSED
    assert exit_code([light, heavy]) is Exit.FAILED


def test_results_read_back() -> None:
    """With their cause, the parts of the sentence and the severities."""
    result = judged(LATE)
    result.find("odd", Severity.READING, Cause.WRONG_FIELD)
    assert result.judged == Judged("Late", "the answer came late", "X within 2 s", "X", "X after 3 s")
    assert Result.from_json(result.to_json()) == result
    assert Result.from_json(Result("Y").to_json()) == Result("Y")


def test_what_is_our_own_reading_is_data() -> None:
    """A published verdict is never lenient; a case of ours names the rule, or how much our reading weighs."""
    assert [case.id for case in cases() if case.reading is not None and case.verdict != "VR.DERIVED"] == []
    ours = [case for case in cases() if case.verdict == "VR.DERIVED"]
    named = {case.id: bool(case.requirements or case.rule) + (case.reading is not None) for case in ours}
    assert [name for name, number in named.items() if number != 1] == []


def _watched(*found: Violation, verdict: Verdict = Verdict.PASS, reason: str = "") -> Result:
    """A run that came to a verdict by itself, and in which rules were broken beside that."""
    result = Result("X", verdict=verdict, reason=reason)
    watch = Watch("secc", Pics(), ac=False)
    watch.violations.update({one.name: one for one in found})
    judge_watched(result, watch, run())
    return result


def _broken(name: str = "sign") -> Violation:
    return Violation(name, "schedule 1 charges", "schedules discharge", f"rule {name}", Cause.PHYSICS, True, 0.0)


@pytest.mark.parametrize(
    ("verdict", "reason", "apart"),
    [
        (Verdict.PASS, "", "the case passed"),
        (Verdict.INCONC, "Nobody pressed stop", "the case was inconclusive: nobody pressed stop"),
    ],
)
def test_what_a_case_came_to_by_itself_outlives_a_rule_broken_beside_it(
    verdict: Verdict, reason: str, apart: str
) -> None:
    """A charger with one fault in each session has passed most cases anyway."""
    result = _watched(_broken(), verdict=verdict, reason=reason)
    assert (result.verdict, result.itself) == (Verdict.FAIL, verdict)
    assert result.reason == (
        f"Late: schedule 1 charges; expected: schedules discharge (rule sign); apart from that, {apart}"
    )
    assert Result.from_json(result.to_json()) == result


def test_a_rule_broken_beside_a_failed_case_is_a_finding() -> None:
    """The case's own failure stays."""
    result = _watched(_broken(), verdict=Verdict.FAIL, reason="it came late")
    assert (result.reason, result.itself, len(result.findings), len(result.broken)) == ("it came late", None, 1, 1)


def test_no_rule_broken_hides_another() -> None:
    """A fault in each session comes first; what a run is for comes later."""
    result = _watched(_broken(), _broken("output"))
    assert result.reason == (
        "Late: schedule 1 charges; expected: schedules discharge (rule sign);"
        " moreover, schedule 1 charges; expected: schedules discharge (rule output); apart from that, the case passed"
    )
    assert [one.rule for one in result.broken] == ["rule sign", "rule output"]
    assert Result.from_json(result.to_json()) == result


def test_a_rule_that_many_runs_break_is_named_once() -> None:
    """It says how many of them would have passed otherwise; what only one run breaks is reported there."""
    each = (_broken(), _broken("twin"))
    runs = [
        *[_watched(*each) for _ in range(3)],
        _watched(*each, _broken("once")),
        _watched(*each, verdict=Verdict.INCONC, reason="x"),
        _watched(*each, verdict=Verdict.FAIL, reason="it came late"),
        Result("Y", verdict=Verdict.PASS),
    ]
    assert first_lines(runs) == [
        "6 runs broke the same rule: schedules discharge (rule sign); first in X: schedule 1 charges",
        "6 runs broke the same rule: schedules discharge (rule twin); first in X: schedule 1 charges",
        "apart from that, 3 runs passed",
    ]
    assert first_lines([_watched(_broken()), Result("Y", verdict=Verdict.PASS)]) == []


def test_what_came_is_counted_from_the_message_before_it() -> None:
    """Not from what the tester has sent since; what never came, from the tester's last message."""
    said = Said()
    for time, name, way in ((1.0, "AReq", "tx"), (1.2, "ARes", "rx"), (1.3, "BReq", "tx"), (1.6, "BRes", "rx"),
                            (4.0, "CReq", "tx")):  # fmt: skip
        said(Event(time, "message", name, way, b""))

    def since(observed: str, at: float | None) -> str:
        return said.since(5.0, Failed("", cause=Cause.WRONG_MESSAGE, expected="", observed=observed, at=at))

    assert since("ARes", 1.2) == "0.200 s after the tester's last message, AReq"
    assert since("BRes on the main stream", 1.6) == "0.300 s after the tester's last message, BReq"
    assert since("nothing", None) == "1.000 s after the tester's last message, CReq"
