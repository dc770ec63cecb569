"""Every executable case passes against our own roles, strict, in virtual time; or it says here what is missing."""

from __future__ import annotations

import asyncio

import pytest

from plugfest.conformance.campaign.execute import executable, execute
from plugfest.conformance.catalogue import Run, cases, runs
from plugfest.conformance.catalogue.pics import Pics, satisfying
from plugfest.conformance.sut.bench import Bench
from plugfest.conformance.sut.own_system import FAST, bench_for, own_system
from plugfest.conformance.verdict import Result, Verdict
from plugfest.conformance.virtual import VirtualLoop

EXECUTABLE = [run for run in runs() if not executable(run)]


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
IN_AC = 3
"""Of the runs that hold for AC too, every third."""


def in_every_suite(run: Run) -> bool:
    """Whether a run is not left to ``make slow``: of the cases in :data:`MORE`, every eighth is in every suite."""
    place = [one.id for one in run.case.runs()].index(run.id)
    if run.protocol != "iso15118-20":
        return place % EVERY == 0
    return place == 0 and (run.case.file not in MORE or run.case in EVERY_EIGHTH)


MORE = ("15118-20_secc_more.yaml", "15118-20_power.yaml", "15118-20_codes.yaml")
EVERY_EIGHTH = [case for case in cases() if case.file in MORE][::8]


SPREAD = [pytest.param(run, id=run.id, marks=() if in_every_suite(run) else pytest.mark.slow) for run in EXECUTABLE]


@pytest.mark.parametrize("run", SPREAD)
def test_our_own_role_passes(run: Run) -> None:
    """The verdict is pass, without findings."""
    result = carry_out(run)
    assert (result.verdict, result.reason, result.findings) == (Verdict.PASS, "", [])


IN_EITHER = [run for run in EXECUTABLE if run.protocol == "iso15118-2" and run.case.mode.energy not in ("ac", "dc")]
"""Runs that hold for AC as for DC; the others are tried with what their case asks for."""


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(run, id=run.id, marks=() if number % IN_AC == 0 else pytest.mark.slow)
        for number, run in enumerate(IN_EITHER)
    ],
)
def test_our_own_role_passes_in_ac_too(run: Run) -> None:
    """The same, with AC declared; a few runs have conditions that only DC fulfils."""
    pics = satisfying(run.case, Pics(FAST).with_(PICS_CMN_CMN_ChargingMode="aC"))
    result = carry_out(run, pics)
    assert (result.verdict, result.reason, result.findings) == (Verdict.PASS, "", [])


def test_what_cannot_come_is_not_waited_for() -> None:
    """A vehicle that pays by external means shows no contract, and is not watched to the end of its session."""
    run = next(run for run in EXECUTABLE if run.id == "PF_EVCC_ISO2_PaymentDetails_NoResponse")
    result = carry_out(run, Pics(FAST))
    assert result.verdict is Verdict.INCONC
    assert result.reason.startswith("the vehicle went on without PaymentDetailsReq")
    assert result.seconds < 2.0
