"""The watch of a power line blames what breaks the rules of matching, whatever a run is about."""

from __future__ import annotations

from typing import Any

import pytest
from faults import FAULTS
from faults.fault import Fault
from faults.runs import RUNS, one
from faults.slac_more import later, message

import slac.ev_run
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.cause import Cause
from plugfest.conformance.verdict import Verdict
from plugfest.conformance.watch.line import Line
from plugfest.conformance.watch.line_charger import step_x1
from plugfest.conformance.watch.line_watch import RULES
from slac.frames import CM_ATTEN_CHAR_RSP, CM_SLAC_PARM_CNF, CM_START_ATTEN_CHAR_IND
from slac.pilot import DIGITAL, STEADY, Reading, State

MATCH = "TC_EVCC_CMN_VTB_CmSlacMatch_001"


def test_judgements_have_names_of_their_own() -> None:
    """Each judges messages or the pilot, and has a unique name."""
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all((rule.hears is None) is not (rule.looks is None) for rule in RULES)
    assert all(bool(rule.kinds) is (rule.hears is not None) for rule in RULES)


def test_a_run_about_something_else_fails() -> None:
    """A late answer to the report fails a run that is about the choice, and the sentence says what was allowed."""
    result = one(RUNS["PF_EVCC_SLAC_OddNid"], Fault("", "", "evcc", (), later(CM_ATTEN_CHAR_RSP, 0.18)))
    assert (result.verdict, result.cause) == (Verdict.FAIL, Cause.TOO_LATE)
    assert "the limit is 0.1 s" in result.reason


def test_a_car_as_they_are_on_the_road_is_a_finding() -> None:
    """A first START after 0.22 s is later than the standard allows, but cars do it: the run passes with a finding."""
    result = one(RUNS[MATCH], Fault("", "", "evcc", (), patches=((slac.ev_run, "_QUIET_PART", 2.2),)))
    assert result.verdict is Verdict.PASS
    assert ["the first START comes" in str(finding) for finding in result.findings] == [True]


def test_a_wrong_field_is_seen_in_any_run() -> None:
    """A field that the tester does not look at in a run is compared with what was agreed anyway."""
    fault = Fault("", "", "secc", (), message(CM_SLAC_PARM_CNF, lambda m: {"forwarding_sta": b"\2\0\0\0\0\7"}))
    result = one(RUNS["TC_SECC_CMN_VTB_PLCLinkStatus_001"], fault)
    assert result.verdict in (Verdict.FAIL, Verdict.INCONC)
    fault = Fault("", "", "evcc", (), message(CM_START_ATTEN_CHAR_IND, lambda m: {"forwarding_sta": b"\2\0\0\0\0\7"}))
    result = one(RUNS["TC_EVCC_CMN_VTB_PLCLinkStatus_001"], fault)
    assert (result.verdict, result.cause) == (Verdict.FAIL, Cause.WRONG_FIELD)
    assert "FORWARDING_STA" in result.reason


def shown(*readings: tuple[float, State, float], bare: bool = True) -> str:
    """What the judgement of X1 says of these times, states and duties."""
    line = Line(Pics(), "secc", bare)
    said = ""
    for time, state, duty in readings:
        line.now = time
        line.see(Reading(state, duty))
        said = said or step_x1(line)
    return said


@pytest.mark.parametrize(
    ("readings", "blamed"),
    [
        (((0.0, State.B, STEADY), (0.3, State.B, DIGITAL)), ""),
        (((0.0, State.B, DIGITAL), (9.0, State.B, STEADY), (12.1, State.B, DIGITAL)), ""),
        (((0.0, State.B, DIGITAL), (9.0, State.F, 0.0), (13.1, State.B, DIGITAL)), ""),
        (((0.0, State.B, DIGITAL), (9.0, State.B, STEADY), (10.5, State.B, DIGITAL)), "X1 took 1.5 s"),
        (((0.0, State.B, DIGITAL), (9.0, State.B, STEADY), (10.0, State.F, 0.0)), "X1 took 1.0 s before F"),
        (((0.0, State.B, DIGITAL), (9.0, State.B, 50.0)), "without X1, E or F"),
    ],
)
def test_x1_is_held(readings: Any, blamed: str) -> None:
    """Between two duties for three seconds; at plug-in, and around F, there is no such time."""
    assert blamed in shown(*readings) if blamed else shown(*readings) == ""


def test_a_fault_may_come_at_any_time_after_a_session() -> None:
    """One that has switched the duty off at the end and then finds a fault has not answered a lost link."""
    assert shown((0.0, State.B, DIGITAL), (9.0, State.B, STEADY), (10.0, State.F, 0.0), bare=False) == ""


def test_a_seeded_key_is_reported() -> None:
    """A key that vehicles have had before: the sentence says since when, and what would have been right."""
    fault = next(one for one in FAULTS if one.name == "slac-one-key")
    result = one(RUNS["PF_SECC_SLAC_NewKey"], fault)
    assert result.verdict is Verdict.FAIL
    assert "same NID and NMK after an unplug" in result.reason
