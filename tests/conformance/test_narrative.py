"""What verdicts say about a run reads as English, whatever the catalogue writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from plugfest.conformance.catalogue import Run, phrases, runs
from plugfest.conformance.catalogue.narrative import STATES, course, done, state
from plugfest.conformance.catalogue.steps import step_text
from plugfest.conformance.catalogue.wanted import check_text, expected_text
from plugfest.conformance.evcc.scripts.wrong import WAYS as RESPONSES
from plugfest.conformance.secc.scripts.content import WAYS as REQUESTS
from plugfest.conformance.sut.certificates import CONTRACTS, PROVISIONING
from plugfest.conformance.verdict import Judged

BY_ID = {run.id: run for run in runs()}
PLAYED = [run for run in BY_ID.values() if run.case.sut != "pair"]

NOTATION = re.compile(r"[{}\[\]]|\b(session_id|instead_of|v2gtp|reply|cp) |  |\.\.$")
"""How the catalogue writes steps; doubled marks."""


def notation(run: Run, text: str) -> bool:
    """Whether a sentence shows the notation of the catalogue, apart from the case's title and structured fields."""
    told = text.removeprefix(run.case.title)
    return NOTATION.search(re.sub(r"\[\S.*?\]|\{.*?\}", "", told)) is not None


def test_no_sentence_shows_the_notation_of_the_catalogue() -> None:
    """Each begins with the title of the case, then says what the tester did."""
    told = {run.id: done(run) for run in PLAYED}
    assert [name for name, text in told.items() if not text.startswith(BY_ID[name].case.title)] == []
    assert [name for name, text in told.items() if "he tester " not in text] == []
    assert [text for name, text in told.items() if notation(BY_ID[name], text)] == []
    assert [text for text in told.values() if re.search(r"with \w+ (PICS|PIXIT)_", text)] == []
    assert [text for text in told.values() if "{" in text.replace("[{ServiceID", "")] == []


def test_a_course_is_told_before_its_variants_are_known() -> None:
    """As the reports list the cases."""
    told = {run.case.id: course(run.case, run.case.stimulus) for run in PLAYED if run.case.stimulus}
    assert [name for name, text in told.items() if "he tester " not in text] == []


def test_each_state_has_words() -> None:
    """Each precondition of the catalogue, without its ladder; and the table has no others."""
    names = {name for run in PLAYED for name in run.case.preconditions}
    ladders = "|".join(name.partition(".")[0] for name in names)
    assert [name for name in names if re.search(rf"\b({ladders})[.(]", state(name))] == []
    assert set(STATES) <= {name.partition(".")[2] for name in names}


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (
            "PF_SECC_ISO20_DC_CableCheck",
            "Cable check Ongoing then Finished. After ScheduleExchange (CP C), the tester sends DC_CableCheckReq, then "
            "repeats it while EVSEProcessing is Ongoing, for at most V2G_EVCC_CableCheck_Timeout (40 s)",
        ),
        (
            "PF_EVCC_ISO20_CutExi_Metering#1",
            "A response whose EXI is cut in half. The tester sends MeteringConfirmationRes with bad EXI (cut)",
        ),
        (
            "PF_SECC_ISO20_DC_ChargeLoop#3",
            "Loop messages of another kind. In the charge loop, the tester sends DC_ChargeLoopReq with the members of "
            "the other control mode and of the other kind of service",
        ),
        (
            "PF_EVCC_ISO20_ReservedType_AC#2",
            "A response under a reserved payload type. The tester sends AC_ChargeLoopRes with V2GTP type 0x8F00",
        ),
        (
            "PF_EVCC_ISO20_Connection_Lost#3",
            "The connection breaks (tcp RST). The tester waits for ScheduleExchangeReq, then resets TCP",
        ),
        (
            "PF_SECC_ISO20_Profile_AC_Invalid#3",
            "Power profiles that a charger must refuse, AC. After ScheduleExchange, the tester sends PowerDeliveryReq "
            "with a negative power profile",
        ),
        (
            "PF_SECC_ISO20_Tolerance_NotConfirmed",
            "A tolerance that the vehicle does not confirm. After ScheduleExchange (AC) or DC_PreCharge (DC), the "
            "tester sends PowerDeliveryReq with PowerToleranceAcceptance PowerToleranceNotConfirmed",
        ),
        (
            "PF_SECC_ISO2_WrongRequest_DC#22",
            "Request that the state forbids, by seed (place 1). After PreCharge, "
            "the tester sends a request that is not due",
        ),
        (
            "PF_EVCC_ISO2_StaleSession_DC#2",
            "Response under another session id. "
            "The tester answers PaymentServiceSelectionReq with a session id that is one bit off",
        ),
        (
            "PF_EVCC_ISO20_OtherSession_DC#5",
            "A response with the id of another session. "
            "The tester sends DC_WeldingDetectionRes with another session id",
        ),
        (
            "PF_EVCC_ISO20_TLS_ServerCert#3",
            "Server certificate. After SDP, the tester acts as a TLS server with a certificate that has "
            "expired",
        ),
        (
            "TC_SECC_DC_VTB_SessionSetup_003",
            "Zero SessionID after EV wake-up. In a session resumed by the vehicle, the tester sends SessionSetupReq "
            "with an all-zero session id and EVCCID 00018700001A (6 bytes, tester MAC)",
        ),
        (
            "PF_SECC_ISO20_Leaves_DC#13",
            "A vehicle that ends the session before power flows, DC. In a resumed session, the tester sends "
            "SessionStopReq",
        ),
        (
            "PF_SECC_ISO20_PowerFlow_DC#1",
            "DC power flow with changing targets and limits (flow changing targets). After PowerDelivery(Start), "
            "the tester sends the requests of that flow, with targets drawn from the seed",
        ),
        (
            "PF_EVCC_ISO20_PowerFlow_DC#5",
            "Power flow and its end, DC (flow renegotiated). In the charge loop, the tester answers as in that flow",
        ),
        (
            "PF_EVCC_ISO20_OtherSet_Common#4",
            "A response under the payload type of another message set. The tester sends ServiceDiscoveryRes with V2GTP "
            "type 0x8004",
        ),
        (
            "PF_SECC_ISO2_BrokenRule_DC#6",
            "Request that breaks a rule for its content. The tester sends ChargeParameterDiscoveryReq with "
            "EVMaximumVoltageLimit 0 V",
        ),
        (
            "PF_EVCC_ISO20_Renegotiation#4",
            "A new schedule is refused during the loop, or arrives late. In the charge loop, the tester asks for a new "
            "schedule, then answers ScheduleExchangeReq with FAILED",
        ),
        (
            "PF_SECC_ISO20_Standby_Exit_AC",
            "The charger asks to leave standby, AC. In standby, the tester has somebody make the charger end the "
            "standby, then sends ChargeLoopReq",
        ),
        (
            "PF_SECC_ISO20_Authorization_Warnings#21",
            "Contract refused without ending the session (code WARNING_CertificateValidationError). After "
            "AuthorizationSetup, the tester sends AuthorizationReq with a contract below a sub-CA 2 whose signature is "
            "broken, then sends AuthorizationReq with a valid contract",
        ),
        (
            "PF_SECC_ISO20_ServiceSelection#4",
            "Selection checks (code FAILED_ServiceSelectionInvalid). After ServiceDetail, the tester sends "
            "ServiceSelectionReq with the same ServiceID, ParameterSetID 0",
        ),
    ],
)  # fmt: skip
def test_what_a_run_does_in_words(run: str, text: str) -> None:
    """State, steps with their limits in seconds, and of a variant only what the sentence does not say already."""
    assert done(BY_ID[run]) == text


def test_each_short_word_of_the_catalogue_has_a_phrase() -> None:
    """Rules, dangers, certificates, what a TLS server does, and what somebody does at either side."""
    named = {(run.case.sut, *item) for run in PLAYED for item in run.variant.items() if isinstance(item[1], str)}
    wanting = [
        (sut, key, value)
        for sut, key, value in named
        if (key == "rule" and value not in (phrases.BROKEN_REQUESTS if sut == "secc" else phrases.BROKEN_RESPONSES))
        or (key == "cert" and value not in phrases.SERVERS)
        or (key in ("contract", "provisioning") and phrases.certificate(key, value) == f"{key} {value}")
    ]
    assert wanting == []
    assert {run.variant["what"] for run in PLAYED if "_Danger_" in run.id and "what" in run.variant} <= set(
        phrases.DANGERS
    )
    steps = [step for run in PLAYED for step in run.steps[0]]
    assert {step["operator"] for step in steps if "operator" in step} <= set(phrases.ACTIONS)
    assert {step["trigger"] for step in steps if "trigger" in step} <= {*phrases.AT_VEHICLE, *phrases.ASKS}
    assert {step["cp_fault"] for step in steps if "cp_fault" in step} == set(phrases.PILOT_FAULTS)


def test_the_words_for_certificates_are_those_of_the_bench() -> None:
    """Each that the bench makes has a phrase, of which no two are the same."""
    contracts = [phrases.certificate("contract", name) for name in CONTRACTS]
    assert [text for text in contracts if text.startswith("contract ")] == []
    assert len(set(contracts)) == len(contracts)
    others = [phrases.certificate("provisioning", name) for name in PROVISIONING]
    assert [text for text in others if text.startswith("provisioning ")] == []


@pytest.mark.parametrize(
    ("ways", "words"), [(REQUESTS, phrases.BROKEN_REQUESTS), (RESPONSES, phrases.BROKEN_RESPONSES)]
)
def test_a_phrase_names_the_message_that_breaks_a_rule(ways: Mapping[str, Any], words: Mapping[str, str]) -> None:
    """The same rules as the scripts have, each with its message."""
    assert set(words) == set(ways)
    wrong = [rule for rule, way in ways.items() if words[rule].split()[0][:-3] != way.request[:-3]]
    assert wrong == []


def test_what_a_run_expects_in_words() -> None:
    """A message with codes, fields and limit; the end of the connection; other verbs as the catalogue writes them."""
    told = [expected_text(step) for step in BY_ID["TC_SECC_DC_VTB_SessionSetup_001"].steps[1]]
    assert told[0] == (
        "SessionSetupRes OK_OldSessionJoined with the session id of the paused session, within "
        "V2G_EVCC_Msg_Timeout_SessionSetupReq (2 s), meeting EVSEID_FORMAT"
    )
    order = BY_ID["PF_SECC_ISO20_Order_AuthorizationSetup#2"]
    assert expected_text(order.steps[1][0]).startswith("the matching response with FAILED_SequenceError")
    raw = [step for run in PLAYED for step in run.steps[1] if "recv" in step and expected_text(step) == step_text(step)]
    assert raw == []


def test_what_a_check_wants_in_words() -> None:
    """Not by the name that the catalogue gives it."""
    names = {name for run in PLAYED for step in run.steps[1] for name in step.get("check", ())}
    assert [name for name in names if name in check_text(name) or not check_text(name)] == []


def test_a_verdict_says_nothing_twice() -> None:
    """Observation and rule are left out if the sentence says them already."""
    text = str(Judged("Title", "XRes came with FAILED", "X within T (2 s)", "T", "XRes FAILED", "1 s after XReq"))
    assert text == "Title: XRes came with FAILED (1 s after XReq); expected: X within T (2 s)"
    text = str(Judged("", "it ends after 1 s [V2G20-1563], and 2 of 3 [V2G20-9]", "24 hours", "V2G20-1563"))
    assert text == "it ends after 1 s, and 2 of 3 [V2G20-9]; expected: 24 hours (V2G20-1563)"
