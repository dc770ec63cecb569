"""The watch of a vehicle's session: order, session id, end, pilot, and what it says about its battery."""

from __future__ import annotations

from typing import Literal

import pytest
from faults import FAULTS
from faults.runs import RUNS, one

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.cause import Cause, Severity
from plugfest.conformance.verdict import Verdict
from plugfest.conformance.watch.flow import Flow
from plugfest.conformance.watch.talk import Talk
from plugfest.conformance.watch.terms import Terms
from v2g.messages import iso2

BY_NAME = {fault.name: fault for fault in FAULTS}
LIMITS = "PF_EVCC_ISO2_CurrentDemand_Limits#1"


@pytest.mark.parametrize(
    ("fault", "run", "cause", "text"),
    [
        ("ev-zero-session", "PF_EVCC_ISO2_PowerFlow#2", Cause.WRONG_SESSION, "has the session id 0000000000000000"),
        ("ev-no-session-stop", "PF_EVCC_ISO2_RequestOrder", Cause.CLOSED, "the vehicle closes the connection after"),
        (
            "20-closes-at-metering",
            "PF_EVCC_ISO20_MeteringConfirmation_Request",
            Cause.CLOSED,
            "the vehicle closed the connection before MeteringConfirmationReq",
        ),
        ("ev-c-early", "PF_EVCC_DIN_SessionStop", Cause.PILOT_STATE, "nothing has been agreed yet"),
        ("ev-other-emaid", "PF_EVCC_ISO2_PaymentDetails_Failed#1", Cause.WRONG_FIELD, "but the certificate is for"),
        ("ev-never-c", "PF_EVCC_ISO2_LowerLimit_AC", Cause.REFUSED, "a charger refuses PowerDeliveryReq"),
    ],
)
def test_a_run_about_something_else_fails(fault: str, run: str, cause: Cause, text: str) -> None:
    """The sentence says what the vehicle did, and the cause is a value."""
    result = one(RUNS[run], BY_NAME[fault])
    assert (result.verdict, result.cause) == (Verdict.FAIL, cause), result.reason
    assert text in result.reason


@pytest.mark.parametrize(
    ("declared", "verdict", "severities"),
    [("kept", Verdict.FAIL, None), ("clipped", Verdict.PASS, []), ("unknown", Verdict.PASS, [Severity.NOTE])],
)
def test_a_charger_clips_targets(declared: str, verdict: Verdict, severities: list[Severity] | None) -> None:
    """Targets above the charger's limits fail only a vehicle that was declared to keep them."""
    result = one(RUNS[LIMITS], BY_NAME["ev-limits-ignored"], PIXIT_EVCC_DC_TargetsAboveLimits=declared)
    assert result.verdict is verdict
    if severities is not None:
        assert sorted({finding.severity for finding in result.findings}) == severities


def test_what_is_declared_and_left_out_fails() -> None:
    """A vehicle that is declared to install a contract, and goes on without, is at fault."""
    fault = next(one for one in FAULTS if one.name == "ev-no-installation")
    result = one(RUNS[fault.caught_by[0]], fault)
    assert (result.verdict, result.cause) == (Verdict.FAIL, Cause.NO_REQUEST)
    assert "although the PICS declares it" in result.reason


@pytest.mark.parametrize(("processing", "found"), [("Ongoing", []), ("Finished", ["session-stop"])])
def test_a_vehicle_may_give_up_on_a_charger_that_is_at_work(
    processing: Literal["Ongoing", "Finished"], found: list[str]
) -> None:
    """It closes without SessionStopReq when its timer expires; a charger that is done gets SessionStopReq first."""
    flow, talk = Flow(Terms.of(Pics())), Talk()
    response = iso2.AuthorizationRes(ResponseCode="OK", EVSEProcessing=processing)
    talk.asked(flow, "iso2", iso2.AuthorizationReq(), bytes(8), None)
    talk.replied(flow, response)
    talk.found.clear()
    talk.closed(flow)
    assert [one.name for one in talk.found] == found


@pytest.mark.parametrize(("seconds", "found"), [(1.9, ["session-stop"]), (2.1, [])])
def test_a_vehicle_may_close_when_the_answer_came_too_late(seconds: float, found: list[str]) -> None:
    """On a busy machine the tester answers after the vehicle's time-out, here 2 s: the vehicle is not to blame."""
    flow, talk = Flow(Terms.of(Pics())), Talk()
    talk.asked(flow, "iso2", iso2.AuthorizationReq(), bytes(8), None)
    flow.now += seconds
    talk.replied(flow, iso2.AuthorizationRes(ResponseCode="OK", EVSEProcessing="Finished"))
    talk.found.clear()
    talk.closed(flow)
    assert [one.name for one in talk.found] == found


@pytest.mark.parametrize(("required", "found"), [(True, ["receipt-due"]), (False, [])])
def test_a_receipt_that_is_left_out_is_named_once(required: bool, found: list[str]) -> None:
    """The next round of the loop is out of order then, too; the receipt says more."""
    flow, talk = Flow(Terms.of(Pics())), Talk()
    status = iso2.AC_EVSEStatusType(NotificationMaxDelay=0, EVSENotification="None", RCD=False)
    response = iso2.ChargingStatusRes(
        ResponseCode="OK", EVSEID="ZZ00000", SAScheduleTupleID=1, ReceiptRequired=required, AC_EVSEStatus=status
    )
    talk.asked(flow, "iso2", iso2.ChargingStatusReq(), bytes(8), None, contract=True)
    talk.replied(flow, response)
    talk.found.clear()
    talk.asked(flow, "iso2", iso2.ChargingStatusReq(), bytes(8), None, contract=True)
    assert [one.name for one in talk.found] == found
