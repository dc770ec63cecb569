"""Devices as they were recorded in the field, and as they differ between makes: campaigns blame none of them."""

from __future__ import annotations

import asyncio
import random

import pytest
from faults.runs import RUNS
from generated_devices import POINTLESS, device
from ready import ISO20, READY, Ready
from sampling import slow

from plugfest.conformance.campaign.execute import execute
from plugfest.conformance.catalogue import Run
from plugfest.conformance.sut.own_system import bench_for, own_system
from plugfest.conformance.verdict import Result, Verdict
from plugfest.conformance.virtual import VirtualLoop

SAMPLE = 4
"""Runs of each device in every suite; ``make slow`` has all."""
EACH = pytest.mark.parametrize("device", READY, ids=lambda device: device.label)


def carry_out(device: Ready, run: Run) -> Result:
    """A run against a device, with what is declared for it."""

    async def main() -> Result:
        async with own_system(run, device.pics, adjust=device.adjust) as system:
            return await execute(run, system, bench_for(run, device.pics))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def check(device: Ready, runs: list[Run]) -> None:
    """Each of them passes; notes and readings may come, nothing that counts as a failure."""
    results = {run.id: carry_out(device, run) for run in runs}
    blamed = {
        name: (result.verdict.word, result.reason, list(map(str, result.findings)))
        for name, result in results.items()
        if result.verdict is not Verdict.PASS or any(finding.severity.fails for finding in result.findings)
    }
    assert blamed == {}


@EACH
def test_a_campaign_blames_no_ready_device_in_a_sample(device: Ready) -> None:
    runs = device.runs()
    check(device, random.Random(device.label).sample(runs, SAMPLE))


@pytest.mark.parametrize(
    "device",
    [slow(one) if one.protocol == ISO20 else one for one in READY if one.pointless or one.breaks],
    ids=lambda one: one.label,
)
def test_what_a_ready_device_cannot_show_is_not_held_against_it(device: Ready) -> None:
    """A run that finds nothing to judge is inconclusive; one that fails does so for what was recorded."""
    for expected, names in ((Verdict.INCONC, device.pointless), (Verdict.FAIL, device.breaks)):
        found = {name: carry_out(device, RUNS[name]).verdict for name in names}
        assert found == dict.fromkeys(names, expected)


@pytest.mark.slow
@EACH
def test_a_campaign_blames_no_ready_device(device: Ready) -> None:
    runs = device.runs()
    assert len(runs) > 150
    check(device, runs)


DRAWN, MORE, EACH_RUNS = range(8), range(8, 200), 4
"""Seeds of generated devices in every suite and in ``make slow``, and how many runs each has to pass."""


@pytest.mark.parametrize("seed", [*DRAWN, *map(slow, MORE)])
def test_a_campaign_blames_no_legal_device(seed: int) -> None:
    """Of sizes, limits, speeds and habits that are drawn by seed."""
    one = device(seed)
    runs = [run for run in one.runs() if run.id not in POINTLESS]
    check(one, random.Random(seed).sample(runs, EACH_RUNS))
