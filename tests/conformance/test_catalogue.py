"""The catalogue: every entry parses, and every name in it is defined."""

from __future__ import annotations

import pytest

from plugfest.cli import main
from plugfest.conformance.catalogue import cases, parameters, runs, timer, words
from plugfest.conformance.catalogue.pics import WITH_SERVICE, Pics, excluded
from plugfest.conformance.catalogue.select import matches
from plugfest.conformance.evcc import checks as vehicle_checks
from plugfest.conformance.evcc import scripts as vehicle_scripts
from plugfest.conformance.secc import checks as charger_checks
from plugfest.conformance.secc import scripts as charger_scripts

ALL = cases()


def test_every_entry_parses_under_an_id_of_its_own() -> None:
    """1174 cases or more; ids of cases and of runs are unique."""
    assert len(ALL) >= 1174
    ids = [run.id for run in runs()]
    assert len(ids) >= 1629
    assert len(set(ids)) == len(ids)


def test_every_name_is_defined() -> None:
    """Timers, capabilities, checks, verdicts, groups and origins that cases name are in the vocabulary."""
    vocabulary, table = words(), parameters()
    timers = {**table["v2g_timers"], **table["slac_timers"], **table["pics"], **table["pixit"]}
    missing = []
    for case in ALL:
        missing += [(case.id, name) for name in case.needs if name not in vocabulary["capabilities"]]
        missing += [(case.id, case.verdict)] if case.verdict and case.verdict not in vocabulary["verdicts"] else []
        missing += [(case.id, case.group)] if case.group and case.group not in vocabulary["groups"] else []
        missing += [(case.id, case.origin)] if case.origin not in vocabulary["origins"] else []
        missing += [(case.id, name) for name in case.timers if name not in timers]
        checks = [name for step in case.expect for name in step.get("check", ())]
        missing += [(case.id, name) for name in checks if name not in vocabulary["checks"]]
    assert missing == []


def test_every_script_and_check_belongs_to_the_catalogue() -> None:
    """One under an unknown name would never run."""
    ids = {case.id for case in ALL}
    assert {*charger_scripts.SCRIPTS, *vehicle_scripts.SCRIPTS} - ids == set()
    assert {*charger_checks.CHECKS, *vehicle_checks.CHECKS} - set(words()["checks"]) == set()


def test_variants_are_merged() -> None:
    """No step of a run still says "per variant"."""
    left = [run.id for run in runs() if "per variant'" in repr(run.steps)]
    assert left == []


def test_a_timer_is_found_by_its_name() -> None:
    """Values are seconds; of a range the longest counts."""
    assert timer("V2G_SECC_Sequence_Timeout") == 60.0
    assert timer("TT_EVSE_SLAC_init") == 50.0
    with pytest.raises(KeyError):
        timer("V2G_Tea_Time")


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("sessionsetup", True),
        ("SessionSetup and not 004", True),
        ("SessionSetup and 004", False),
        ("(welding or SessionSetup) and testival_core", True),
        ("not SessionSetup or welding", False),
    ],
)
def test_words_choose_cases(expression: str, holds: bool) -> None:
    """Words joined by and, or, not look into id, title and tags."""
    case = next(case for case in ALL if case.id == "TC_SECC_CMN_VTB_SessionSetup_001")
    assert matches(expression, case) is holds


@pytest.mark.parametrize("expression", ["and", "(a", "a b", "not", "a or"])
def test_bad_expressions_say_so(expression: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A -k that cannot be read is one line for the user."""
    assert main(["conformance", "list", "-k", expression]) == 2
    assert capsys.readouterr().err.startswith("plugfest: -k")


def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    """A case that `list` finds is described by `show`, with its steps and rules."""
    assert main(["conformance", "list", "--sut", "secc", "--protocol", "iso2", "-k", "VTB_SDP_001"]) == 0
    assert capsys.readouterr().out.split()[0] == "TC_SECC_CMN_VTB_SDP_001"
    assert main(["conformance", "show", "TC_SECC_CMN_VTB_SDP_001"]) == 0
    out = capsys.readouterr().out
    assert "send SDPReq" in out
    assert "SDP_ADDRESS" in out
    assert main(["conformance", "show", "PF_EVCC_ISO2_RequestTiming"]) == 0
    assert "carried out by plugfest.conformance.evcc.scripts.session.pace" in capsys.readouterr().out
    assert main(["conformance", "show", "TC_NONE"]) == 2


@pytest.mark.parametrize(("declared", "applies"), [("none", False), ("unknown", True), ("serviceDetail", True)])
def test_a_vehicle_that_uses_no_services_is_not_tried_with_their_details(declared: str, applies: bool) -> None:
    """It would leave each of those runs inconclusive."""
    pics = Pics({"PIXIT_EVCC_CMN_VAS": declared})
    found = [case for case in cases() if case.sut == "evcc" and case.setup.startswith(WITH_SERVICE)]
    assert found
    assert [not excluded(next(case.runs()), pics).startswith("PIXIT_EVCC_CMN_VAS") for case in found] == [
        applies
    ] * len(found)


def test_a_charger_without_another_service_is_not_asked_for_one() -> None:
    """Only those variants are left out; the others of the case apply."""
    pics = Pics({"PIXIT_SECC_ISO20_ServiceRenegotiation": False, "PIXIT_SECC_CMN_TLS": True})
    stops = next(case for case in cases() if case.id == "PF_SECC_ISO20_SessionStop")
    assert [excluded(run, pics) for run in stops.runs()] == ["", "PIXIT_SECC_ISO20_ServiceRenegotiation == true", ""]


def test_what_a_charger_need_not_offer_is_asked_of_those_that_declare_it() -> None:
    """Each case that needs standby to be accepted says so."""
    found = [case for case in cases() if case.sut == "secc" and "Standby" in f"{case.preconditions} {case.stimulus}"]
    assert len(found) > 8
    undeclared = [case.id for case in found if not any("ISO20_Standby" in text for text in case.select)]
    assert undeclared == ["PF_SECC_ISO20_Standby_BeforeStart_DC"]  # which must be refused anyway


def test_only_runs_of_the_protocol_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """A case of several protocols has runs in each."""
    for sut in ("secc", "evcc"):
        assert main(["conformance", "list", "--sut", sut, "--protocol", "din", "--count"]) == 0
        found = [run for case in cases() if case.sut == sut for run in case.runs() if run.protocol == "din70121"]
        assert capsys.readouterr().out.splitlines()[-1].endswith(f" {len(found)} runs")
