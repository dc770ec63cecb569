"""Every executable case passes against our own roles, strict, in virtual time; or it says here what is missing."""

from __future__ import annotations

import asyncio

import pytest
from sampling import slow

from plugfest.conformance.campaign.execute import executable, execute
from plugfest.conformance.catalogue import Run, cases, runs
from plugfest.conformance.catalogue.pics import Pics, satisfying
from plugfest.conformance.sut.bench import Bench
from plugfest.conformance.sut.own_system import FAST, bench_for, own_system
from plugfest.conformance.verdict import Result, Verdict
from plugfest.conformance.virtual import VirtualLoop

EXECUTABLE = [run for run in runs() if not executable(run)]
BY_ID = {run.id: run for run in EXECUTABLE}


def carry_out(run: Run, pics: Pics | None = None) -> Result:
    """One run against our own role, which behaves as the case's conditions ask for, or as declared here."""
    pics = pics or satisfying(run.case, Pics(FAST))

    async def main() -> Result:
        async with own_system(run, pics) as system:
            bench: Bench = bench_for(run, pics)
            return await execute(run, system, bench)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


EVERY = 2
"""Of the variants of a case, every second is in every suite; the others are left to ``make slow``, and in ISO 15118-20,
whose sessions begin with a TLS handshake of P-521, all but the first."""
SOME = 100
"""Of the runs that are declared in another way, every hundredth is in every suite."""


def in_every_suite(run: Run) -> bool:
    """Whether a run is not left to ``make slow``: of the cases in :data:`MORE`, every eighth is in every suite."""
    place = [one.id for one in run.case.runs()].index(run.id)
    if run.protocol != "iso15118-20":
        return place % EVERY == 0
    return place == 0 and (run.case.file not in MORE or run.case in EVERY_EIGHTH)


MORE = ("15118-20_secc_more.yaml", "15118-20_power.yaml", "15118-20_codes.yaml")
EVERY_EIGHTH = [case for case in cases() if case.file in MORE][::8]


SPREAD = [run if in_every_suite(run) else slow(run) for run in EXECUTABLE]


@pytest.mark.parametrize("run", SPREAD, ids=lambda run: run.id)
def test_our_own_role_passes(run: Run) -> None:
    """The verdict is pass, without findings."""
    result = carry_out(run)
    assert (result.verdict, result.reason, result.findings) == (Verdict.PASS, "", [])


AC = {"PICS_CMN_CMN_ChargingMode": "aC"}
OTHERWISE: dict[str, tuple[dict[str, object], ...]] = {
    "iso15118-2": (AC,),
    "iso15118-20": (
        AC,
        {**AC, "PICS_CMN_ISO20_BPT": True},
        {"PICS_CMN_ISO20_BPT": True},
        {"PICS_CMN_ISO20_MCS": True},
        {"PICS_CMN_ISO20_ControlMode": "dynamic"},
    ),
}
"""What a system may declare that cases leave open: they are tried with what they ask for, and with each of these."""


def declared(run: Run, other: dict[str, object]) -> Pics | None:
    """The PICS of a run with these values; None: it asks for others, has them anyway, or would be pointless."""
    if "PICS_CMN_ISO20_MCS" in other and run.case.id.startswith(GENERATIONS):
        return None
    usual = satisfying(run.case, Pics(FAST))
    try:
        pics = satisfying(run.case, Pics(FAST).with_(**other))
    except ValueError:  # its conditions contradict each other
        return None
    if any(pics[name] != value for name, value in other.items()) or all(usual[name] == pics[name] for name in other):
        return None
    return pics


GENERATIONS = "PF_SECC_ISO20_SAP_Generation"
"""Cases in which a charger is offered an older protocol, which no charger of MCS speaks."""
MODES = [(protocol, other) for protocol, others in OTHERWISE.items() for other in others]
PARTS = 12
"""``make slow`` has all runs, in as many parts."""


def elsewhere(protocol: str, other: dict[str, object], start: int, step: int) -> dict[str, Pics]:
    """The runs that can be declared otherwise, by id: of every ``step`` one."""
    possible = [run for run in EXECUTABLE if run.protocol == protocol and not run.with_session]
    return {run.id: pics for run in possible[start::step] if (pics := declared(run, other)) is not None}


def check(chosen: dict[str, Pics]) -> None:
    results = {name: carry_out(BY_ID[name], pics) for name, pics in chosen.items()}
    assert chosen
    assert {
        name: (result.verdict.word, result.reason, result.findings)
        for name, result in results.items()
        if (result.verdict, result.reason, result.findings) != (Verdict.PASS, "", [])
    } == {}


@pytest.mark.parametrize(("protocol", "other"), MODES)
def test_our_own_role_passes_as_declared_otherwise(protocol: str, other: dict[str, object]) -> None:
    """The same, with what cases leave open declared in another way."""
    check(elsewhere(protocol, other, 0, SOME))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("protocol", "other"), MODES)
def test_our_own_role_passes_however_it_is_declared(protocol: str, other: dict[str, object], part: int) -> None:
    """Every run."""
    check(elsewhere(protocol, other, part, PARTS))


def test_what_cannot_come_is_not_waited_for() -> None:
    """A vehicle that pays by external means shows no contract, and is not watched to the end of its session."""
    run = next(run for run in EXECUTABLE if run.id == "PF_EVCC_ISO2_PaymentDetails_NoResponse")
    result = carry_out(run, Pics(FAST))
    assert result.verdict is Verdict.INCONC
    assert result.reason.startswith("the vehicle went on without PaymentDetailsReq")
    assert result.seconds < 2.0
