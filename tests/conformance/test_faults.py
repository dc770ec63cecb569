"""The cases can fail: each seeded fault is caught by the cases that are named for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from faults import FAULTS, Fault
from faults.page import page
from faults.runs import caught, one
from sampling import sampled

from plugfest.conformance.catalogue import runs
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.tls import change_options
from plugfest.conformance.evcc.scripts.tls20 import NOT_OFFERED
from plugfest.conformance.verdict import Verdict
from v2g import signature, tls
from v2g.channel import Channel
from v2g.session import Session
from v2g.streams import MAIN
from v2g.tls import tables

BY_ID = {run.id: run for run in runs()}
PAGE = Path(__file__).parents[2] / "docs/faults.md"


def test_there_are_at_least_sixty() -> None:
    """Sixty faults of different kinds, each with a unique name."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 60
    assert all(fault.caught_by for fault in FAULTS)


def test_what_faults_replace_is_there() -> None:
    """A function that has moved would leave its fault without effect."""
    replaced = [(fault.name, target, name) for fault in FAULTS for target, name, _ in fault.patches]
    assert [one for one in replaced if not hasattr(*one[1:])] == []


def check(fault: Fault, *names: str) -> None:
    results = {name: one(BY_ID[name], fault) for name in names}
    missed = {
        name: (result.verdict.word, result.reason) for name, result in results.items() if not caught(result, fault)
    }
    assert missed == {}


EVERY = 10
"""Of the faults, every tenth is in every suite; the others are left to ``make slow``."""


@pytest.mark.parametrize("fault", sampled(FAULTS, EVERY), ids=lambda fault: fault.name)
def test_a_named_case_catches_it(fault: Fault) -> None:
    """The first case that is named for a fault fails with it; without it, it passes (see test_own_roles)."""
    check(fault, fault.caught_by[0])


def test_the_page_of_the_docs_lists_them() -> None:
    assert PAGE.read_text() == page()


@pytest.mark.slow
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if len(fault.caught_by) > 1], ids=lambda fault: fault.name)
def test_all_named_cases_catch_it(fault: Fault) -> None:
    """So do all the others."""
    check(fault, *fault.caught_by[1:])


def test_a_vehicle_with_tls_1_3_is_not_a_fault() -> None:
    """Where the case lets the vehicle choose, either choice passes: our vehicle as it is refuses."""

    def modern(system: Any) -> None:
        change_options(system.tls, tls.LAB)

    result = one(BY_ID["PF_EVCC_ISO2_TLS_Params#5"], Fault("", "", "evcc", (), modern))
    assert (result.verdict, result.findings) == (Verdict.PASS, [])
    assert result.observed[0].startswith("handshake: TLS 1.3")


def test_a_declared_delay_is_tolerated() -> None:
    """A loop that answers after 0.7 s fails, unless more time is declared for a charger that is known to be slow."""
    fault = next(fault for fault in FAULTS if fault.name == "loop-late")
    run = BY_ID["TC_SECC_DC_VTB_CurrentDemand_001"]
    assert one(run, fault).verdict is Verdict.FAIL
    assert one(run, fault, par_CMN_Transmission_Delay=0.5).verdict is Verdict.PASS


async def closing_very_late(channel: Channel, **_: Any) -> None:
    await asyncio.sleep(6.5)
    await close(channel)


close = Channel.close


@pytest.mark.parametrize(
    "name", ["PF_EVCC_DIN_SessionStop", "TC_EVCC_CMN_VTB_SessionStop_001", "TC_SECC_CMN_VTB_ServiceDiscovery_002"]
)
def test_a_declared_delay_is_tolerated_at_every_limit(name: str) -> None:
    """On either side, a connection that is closed after 6.5 s instead of 5 passes where that is declared."""
    run = BY_ID[name]
    fault = Fault("", "", run.case.sut, (), patches=((Channel, "close", closing_very_late),))
    assert one(run, fault).verdict is Verdict.FAIL
    assert one(run, fault, par_CMN_Transmission_Delay=2.0).verdict is Verdict.PASS


def test_a_charger_that_takes_one_grammar_of_signed_info_passes_where_that_is_declared() -> None:
    """Implementations of ISO 15118-20 disagree about it; ours accepts both, others accept xmldsig alone."""
    run = BY_ID["PF_SECC_ISO20_Authorization_PnC"]
    fault = Fault("", "", "secc", (), patches=((signature, "GRAMMARS", {"iso20-common": ("xmldsig",)}),))
    assert one(run, fault).verdict is Verdict.FAIL
    assert one(run, fault, PIXIT_CMN_ISO20_SignedInfo="xmldsig").verdict is Verdict.PASS
    twice = one(BY_ID["PF_SECC_ISO20_Authorization_Warnings#1"], fault)
    assert twice.judged is not None
    assert twice.judged.what == "AuthorizationRes came with FAILED_SignatureError"  # nothing is sent after a refusal


def test_what_no_vehicle_offers_has_numbers() -> None:
    """What is selected can be looked for in a hello."""
    assert all(tables.number(kind, name) for kind, name in NOT_OFFERED.values())


@pytest.mark.parametrize("variant", [3, 5])
def test_what_a_vehicle_offers_itself_is_not_told_as_not_offered(variant: int) -> None:
    """A lab's vehicle offers suites, groups and algorithms beside those of ISO 15118-20; another case is about that."""
    lab = Fault("", "", "evcc", (), lambda system: change_options(system.tls, tls.LAB))
    result = one(BY_ID[f"PF_EVCC_ISO20_TLS_Parameters#{variant}"], lab)
    assert result.verdict is Verdict.INCONC
    assert result.reason.startswith("the vehicle itself offers ")


send = Session.send


async def answering_on_the_main_stream(session: Session, message: Any, **more: Any) -> None:
    if type(message).__name__ == "PowerDeliveryRes":
        more["stream"] = MAIN
    await send(session, message, **more)


def test_an_answer_on_another_stream_is_reported_as_that() -> None:
    """It came, although not where it was expected."""
    fault = Fault("", "", "secc", (), patches=((Session, "send", answering_on_the_main_stream),))
    result = one(BY_ID["PF_SECC_ISO20_Renegotiation_Order_DC#2"], fault)
    assert result.judged is not None
    assert result.judged.what == "PowerDeliveryRes came on the main stream"


@pytest.mark.parametrize("fault", FAULTS[1::30], ids=lambda fault: fault.name)
def test_the_sentence_of_a_verdict_stands_alone(fault: Fault) -> None:
    """It says what was done, what was expected by which rule, and what came; and it names a cause."""
    result = one(BY_ID[fault.caught_by[0]], fault)
    assert caught(result, fault)
    if result.verdict is not Verdict.FAIL:
        return  # a finding has its own sentence
    judged = result.judged
    assert judged is not None
    assert all((judged.did, judged.what, judged.expected, judged.rule)), judged
    assert Cause.UNSTATED not in {result.cause, *(one.cause for one in result.findings)} or result.findings
    for part in (judged.did, judged.what, judged.expected, judged.rule):
        assert part in (result.reason or result.findings[0].text)


def test_a_finding_says_what_was_done_and_names_values_as_the_catalogue_does() -> None:
    """Of a script, too: its sentence stands alone."""
    fault = next(fault for fault in FAULTS if fault.name == "ev-rcd-before-start")
    result = one(BY_ID["PF_EVCC_ISO2_ChargeParameterDiscovery_Unsuitable_AC#3"], fault)
    assert [finding.text for finding in result.findings] == [
        "Offer at which no vehicle can charge, AC. After ChargeParameterDiscovery, the tester sends "
        "ChargeParameterDiscoveryRes with RCD true: PowerDeliveryReq(Start) at a charger with RCD true"
    ]
