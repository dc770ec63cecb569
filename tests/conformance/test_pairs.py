"""Scenarios of a pair: the catalogue reads, our own roles pass them unattended, and a seeded deviation is blamed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from captures import SHARED
from sampling import sampled

from plugfest.cli import main
from plugfest.conformance import virtual
from plugfest.conformance.campaign.storage import read_results
from plugfest.conformance.catalogue import Case, case, cases
from plugfest.conformance.fields import replaced
from plugfest.conformance.pair.evidence import Evidence, Port
from plugfest.conformance.pair.judge import judge
from plugfest.conformance.pair.looks import LOOKS, look
from plugfest.conformance.pair.own import OWN_ACTS, OwnPair
from plugfest.conformance.pair.scenario import Expected, ScenarioError, scenario
from plugfest.conformance.pair.tell import sections
from plugfest.conformance.pair.unattended import carry_out, impossible
from plugfest.conformance.pair.words import ACTS, QUESTIONS
from plugfest.conformance.verdict import Inconclusive, Result, Verdict
from plugfest.traces.entries import Recording
from plugfest.traces.recording import from_events, load
from secc.authorizer import Immediate
from v2g.messages import appproto, iso2
from v2g.physical import physical
from v2g.trace import Event

CAPTURES = SHARED / "captures"

SCENARIOS = [one for one in cases() if one.sut == "pair"]
UNATTENDED = [one for one in SCENARIOS if one.fit == "emulator"]


def run(one: Case, adjust: Callable[[OwnPair], None] = lambda pair: None) -> Result:
    """A scenario with our own roles, judged."""
    made, result = scenario(one), Result(one.id)
    judge(result, made, virtual.run(carry_out(made, adjust=adjust)), one.rule)
    return result


def test_the_catalogue_has_every_scenario() -> None:
    """118, each with steps, expectations and words for people, and 86 of them for an emulator."""
    assert (len(SCENARIOS), len(UNATTENDED)) == (118, 86)
    for one in SCENARIOS:
        made = scenario(one)
        assert made.steps, one.id
        assert made.expected, one.id
        assert {expected.verb for expected in made.expected} <= set(LOOKS), one.id
        assert all(line for lines in sections(one).values() for line in lines), one.id


def test_every_word_of_the_vocabulary_is_used() -> None:
    """An act, a look or a question that no scenario uses would be dead code."""
    used = [scenario(one) for one in SCENARIOS]
    assert {step.act for made in used for step in made.steps if hasattr(step, "act")} == set(ACTS)
    assert {expected.verb for made in used for expected in made.expected} == set(LOOKS)
    asked = {expected.value for made in used for expected in made.expected if expected.verb == "asked"}
    assert asked == set(QUESTIONS)
    assert set(OWN_ACTS) <= set(ACTS)


@pytest.mark.parametrize("one", UNATTENDED, ids=lambda one: one.id)
def test_our_own_roles_pass(one: Case) -> None:
    """Every scenario that suits an emulator is carried out and judged; nothing is left open."""
    assert impossible(scenario(one)) == ""
    result = run(one)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert len(result.expected) == len(scenario(one).expected)


# ---------------------------------------------------------------------------------------------------------------
# Deviations: one of both sides does something wrong, the verdict fails and blames it


def _charger(kind: type[Any], change: Callable[[Any], Any]) -> Callable[[OwnPair], None]:
    return lambda pair: pair.charger.options.rewrite.update({kind: change})


def _vehicle(kind: type[Any], change: Callable[[Any], Any]) -> Callable[[OwnPair], None]:
    return lambda pair: pair.options.rewrite.update({kind: change})


def _failed(message: Any) -> Any:
    return replaced(message, "ResponseCode", "FAILED")


def _nothing(message: Any) -> None:
    """Says nothing."""


def _always_authorises(pair: OwnPair) -> None:
    pair.evse.authorizer = Immediate()


def _does_nothing(*acts: str) -> Callable[[OwnPair], None]:
    """One side ignores an instruction."""
    return lambda pair: pair.deaf.update(acts)


def _weak(pair: OwnPair) -> None:
    """A charger that promises more than it gives."""
    pair.charger.power.derate(0.3)  # type: ignore[union-attr]  # this bench has one
    most, watts = physical(iso2, 350.0, "A"), physical(iso2, 150_000.0, "W")
    pair.charger.options.rewrite[iso2.CurrentDemandRes] = lambda message: replaced(
        replaced(message, "EVSEMaximumCurrentLimit", most), "EVSEMaximumPowerLimit", watts
    )


def _takes_any(pair: OwnPair) -> None:
    pair.setting.contracts.revoked = None  # type: ignore[union-attr]  # this bench has one


def _trusts_all(pair: OwnPair) -> None:
    context = pair.setting.client
    assert context is not None
    context.trust = None


def _forgets_paused(pair: OwnPair) -> None:
    """A charger that has forgotten paused sessions."""

    class Forgetful(dict[Any, Any]):
        def __setitem__(self, key: Any, value: Any) -> None:
            """Nothing is kept."""

    pair.charger.outlet.paused = Forgetful()


def _wrong_choice(message: Any) -> Any:
    return appproto.supportedAppProtocolRes(ResponseCode="OK_SuccessfulNegotiation", SchemaID=2)


DEVIATIONS: list[tuple[str, str, Callable[[OwnPair], None]]] = [
    ("ITP-01-01-001", "secc", _charger(iso2.ChargeParameterDiscoveryRes, _failed)),
    ("ITP-01-01-001", "evcc", _vehicle(iso2.AuthorizationReq, _nothing)),
    ("ITP-01-01-002", "secc", _charger(iso2.AuthorizationRes, _failed)),
    ("ITP-01-01-003", "secc", _does_nothing("present_card")),
    ("ITP-01-01-004", "secc", _always_authorises),
    ("ITP-01-01-005", "secc", lambda pair: setattr(pair.reader, "_patience", None)),
    ("ITP-01-01-006", "secc", _always_authorises),
    ("ITP-01-01-007", "secc", lambda pair: setattr(pair.reader, "_patience", None)),
    ("ITP-01-01-008", "evcc", lambda pair: setattr(pair.options, "payment", "external")),
    ("ITP-01-01-009", "secc", _charger(appproto.supportedAppProtocolRes, _wrong_choice)),
    ("ITP-01-01-010", "secc", _charger(appproto.supportedAppProtocolRes, _wrong_choice)),
    ("ITP-01-01-012", "secc", _charger(appproto.supportedAppProtocolRes,
        lambda message: appproto.supportedAppProtocolRes(ResponseCode="OK_SuccessfulNegotiation", SchemaID=1))),
    ("ITP-01-03-001", "secc", _does_nothing("press_stop_charger")),
    ("ITP-01-03-001", "evcc", _does_nothing("press_stop_vehicle")),
    ("ITP-01-03-002", "secc", _does_nothing("press_stop_charger")),
    ("ITP-01-03-007", "evcc", _does_nothing("press_latch")),
    ("ITP-01-04-004", "evcc", lambda pair: setattr(pair.vehicle.battery, "target_soc", 1.0)),
    ("ITP-01-04-005", "evcc", _does_nothing("press_stop_vehicle")),
    ("ITP-01-04-005", "secc", _does_nothing("press_emergency_stop")),
    ("ITP-01-04-008", "secc", _weak),
    ("ITP-01-04-019", "secc", _does_nothing("break_contactor")),
    ("ITP-02-05-004", "secc", _weak),
    ("ITP-02-06-002", "evcc", lambda pair: setattr(pair.setting, "retries", None)),
    ("ITP-02-06-003", "evcc", lambda pair: setattr(pair.setting, "retries", None)),
    ("ITP-02-06-004", "evcc", lambda pair: setattr(pair.setting, "retries", None)),
    ("ITP-02-06-005", "evcc", lambda pair: setattr(pair.setting, "retries", 1000.0)),
    ("ITP-02-06-006", "evcc", _does_nothing("proximity_fault")),
    ("ITP-02-07-001", "secc", _does_nothing("limit_charger")),
    ("ITP-02-07-002", "evcc", _does_nothing("pause_vehicle")),
    ("ITP-02-07-003", "secc", _forgets_paused),
    ("ITP-02-10-002", "evcc", lambda pair: setattr(pair.vehicle.battery, "target_soc", 0.9)),
    ("ITP-02-11-010", "secc", _does_nothing("limit_charger")),
    ("ITP-03-14-004", "evcc", _trusts_all),
    ("ITP-03-15-003", "secc", _takes_any),
    ("ITP-03-15-006", "evcc", _trusts_all),
    ("ITP-03-16-002", "secc", _takes_any),
]  # fmt: skip
"""Scenario, who deviates, and how."""


NAMED = [pytest.param(*one, id=f"{one[0]}-{one[1]}-{number}") for number, one in enumerate(DEVIATIONS)]


@pytest.mark.parametrize(("name", "side", "deviate"), sampled(NAMED, 3))
def test_a_deviation_fails_and_is_blamed(name: str, side: str, deviate: Callable[[OwnPair], None]) -> None:
    """The verdict is fail, and names the side that deviated."""
    result = run(case(name), deviate)
    assert (result.verdict, result.blamed, result.reason != "") == (Verdict.FAIL, side, True), result.reason


def test_a_scenario_with_an_unknown_word_is_refused() -> None:
    """It says which scenario and which word."""
    one = case("ITP-01-01-001")
    wrong = dataclasses.replace(one, stimulus=({"do": "dance"},))
    with pytest.raises(ScenarioError, match="ITP-01-01-001: no act 'dance'"):
        scenario(wrong)
    with pytest.raises(ScenarioError, match="no act 'unplug' among its steps"):
        scenario(dataclasses.replace(one, expect=({"reach": "parameters", "after": "unplug"},)))


def test_a_campaign_leaves_its_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Trace and packets per port, a report, JUnit; run again, nothing is left to do."""
    out = tmp_path / "out"
    words = ["conformance", "run", "--sut", "pair", "-k", "ITP-02-05-002 or ITP-01-02-001", "--out", str(out)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "1 run; 1 not executed" in said
    (result,) = read_results(out).values()
    assert (result.run, result.verdict) == ("ITP-02-05-002", Verdict.PASS)
    place = out / "cases" / "ITP-02-05-002"
    for name in ("trace.jsonl", "trace.pcapng", "port-2/trace.jsonl", "port-2/trace.pcapng"):
        assert (place / name).stat().st_size > 1000, name
    assert '"name":"act"' in (place / "trace.jsonl").read_text().replace(" ", "")
    assert "needs a real pair" in (out / "report.html").read_text()
    assert (out / "junit.xml").exists()
    assert main(words) == 0
    assert "0 of 1 run, 1 done already" in capsys.readouterr().out


def test_options_of_one_side_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """One line that says so."""
    assert main(["conformance", "run", "--sut", "pair", "--command", "true"]) == 2
    assert capsys.readouterr().err == "plugfest: --command works only with one side under test, not with --sut pair\n"


# ---------------------------------------------------------------------------------------------------------------
# Recordings of others


def looked(recording: Recording, verb: str, value: Any) -> str:
    """What a look says of a whole recording: ``so``, ``open``, or whom it blames."""
    port = Port(recording, [], recording.epoch + max(recording.until, recording.seconds))
    try:
        miss = look(scenario(case("ITP-01-01-001")), Evidence([port]), Expected(verb, value))
    except Inconclusive:
        return "open"
    return "so" if miss is None else miss.side


FOREIGN = {
    "ISO-2_AC_DS5366.pcapng": {"charges": "so", "met": "open", "limits": "open", "completes": "so", "pays": "so"},
    "DIN_DC_DS5366_Josev.pcapng": {"charges": "so", "met": "so", "limits": "so", "completes": "so", "pays": "so"},
    "ISO-20_TLS13_DC_DS5366_Josev.pcapng": {"charges": "secc", "met": "open", "limits": "so", "offers": "so"},
    "vw-ac-iso2.pcap": {"charges": "evcc", "completes": "evcc", "schedule": "so", "profile": "so"},
    "2022-12-13_compleo_with_bulb.pcapng": {"charges": "secc", "reach": "so", "completes": "secc"},
}  # fmt: skip
"""What looks say of recordings of real cars and chargers, read by hand."""
VALUES: dict[str, Any] = {"charges": 1, "met": 90, "pays": "external", "offers": "external", "reach": "parameters"}


@pytest.mark.skipif(not CAPTURES.is_dir(), reason=f"captures are not in {CAPTURES} (PLUGFEST_SHARED)")
@pytest.mark.parametrize("name", FOREIGN)
def test_recordings_of_others_are_judged_right(name: str) -> None:
    """Neither AC, nor a charger that decides, nor what nobody said counts against either side."""
    recording = load(CAPTURES / name)
    assert {verb: looked(recording, verb, VALUES.get(verb, "")) for verb in FOREIGN[name]} == FOREIGN[name]


def test_a_close_of_tls_is_not_a_refusal() -> None:
    """Only a fatal alert of the vehicle refuses a certificate."""
    for data, said in ((b"\x02\x2d", "so"), (b"\x01\x00", "open")):
        events = [
            Event(0.0, "tls", "ClientHello", "tx", b"\x01"),
            Event(0.1, "tls", "ServerHello", "rx", b"\x02"),
            Event(0.2, "tls", "alert", "tx", data),
        ]
        assert looked(from_events(events), "refuses", "tls") == said
