"""Requests out of order at a charger: drawn by seed in every state, with steps skipped, or while it says Ongoing."""

from __future__ import annotations

from typing import Any

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.orders import forbidden, rotation
from plugfest.conformance.secc.scripts.steps import OFF, answer, closes, off_within, ongoing
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Result


async def refused(tester: TesterEv, result: Result, message: Any, *codes: str) -> None:
    """A request out of order: its own response says FAILED_SequenceError, the output switches off, TCP closes.

    Raises:
        Failed: anything else.
    """
    arrival = await answer(tester, result, message, *(codes or ("FAILED_SequenceError",)))
    if arrival.session_id != tester.session_id and any(tester.session_id):
        raise Failed(
            f"{arrival.name} with session id {arrival.session_id.hex()}",
            cause=Cause.WRONG_SESSION, expected=tester.session_id.hex(), observed=arrival.session_id.hex(),
        )  # fmt: skip
    await off_within(tester, result, OFF)
    await closes(tester, result)


def _request(tester: TesterEv, words: str) -> Any:
    """``PowerDeliveryReq Stop``, or any request by its name."""
    name, _, how = words.partition(" ")
    if how in ("Start", "Stop", "Renegotiate"):
        tester.progress = how
    return tester.make(name)


@SCRIPTS.on(
    "PF_SECC_ISO2_WrongRequest_DC", "PF_SECC_ISO2_WrongRequest_AC", "PF_SECC_ISO2_WrongRequest_PnC",
    "PF_SECC_DIN_WrongRequest",
)  # fmt: skip
async def wrong_request(tester: TesterEv, run: Run, result: Result) -> None:
    """A request that the state forbids, drawn by the campaign's seed; over all states, every request is sent."""
    states = dict.fromkeys(str(variant["state"]) for variant in run.case.variants)
    ac, contract = tester.pics.ac, tester.pics.pnc
    choices = {state: forbidden(tester.protocol, state, ac=ac, contract=contract) for state in states}
    places = max(int(variant["place"]) for variant in run.case.variants)
    state, place = str(run.variant["state"]), int(run.variant["place"])
    name = rotation(choices, places, result.seed or 0)[state][place - 1]
    result.saw("a request that is not allowed in this state", f"{name} after {state}")
    await tester.until(state)
    setup = ("FAILED_UnknownSession",) if state == "SAP" else ()  # there is no session yet
    await refused(tester, result, tester.make(name), "FAILED_SequenceError", *setup)


@SCRIPTS.on("PF_SECC_ISO2_SkippedStep", "PF_SECC_ISO2_SkippedStep_AC", "PF_SECC_ISO2_SkippedStep_PnC",
            "PF_SECC_ISO2_SkippedStep_Installation", "PF_SECC_ISO2_SkippedStep_Update",
            "PF_SECC_DIN_SkippedStep")  # fmt: skip
async def skipped_step(tester: TesterEv, run: Run, result: Result) -> None:
    """A vehicle that leaves out a step."""
    await tester.until(str(run.variant["after"]))
    await refused(tester, result, _request(tester, str(run.variant["send"])))


@SCRIPTS.on("PF_SECC_ISO2_OngoingIgnored_Authorization", "PF_SECC_ISO2_OngoingIgnored_ChargeParameterDiscovery",
            "PF_SECC_ISO2_OngoingIgnored_CableCheck")  # fmt: skip
async def ongoing_ignored(tester: TesterEv, run: Run, result: Result) -> None:
    """The vehicle continues although the charger has said Ongoing."""
    words = {
        "Authorization": ("PaymentServiceSelection", "AuthorizationReq", "ChargeParameterDiscoveryReq"),
        "ChargeParameterDiscovery": ("Authorization", "ChargeParameterDiscoveryReq", "CableCheckReq"),
        "CableCheck": ("ChargeParameterDiscovery", "CableCheckReq", "PreChargeReq"),
    }
    state, first, then = words[run.case.id.rpartition("_")[2]]
    await tester.until(state)
    await ongoing(tester, result, first)
    await refused(tester, result, tester.make(then))
