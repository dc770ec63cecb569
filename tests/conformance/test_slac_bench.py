"""SLAC cases where the bench has a power line and a modem, but no pilot hardware: what they can say, and what not."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from plugfest.conformance.campaign import setup
from plugfest.conformance.campaign.execute import execute
from plugfest.conformance.catalogue import runs
from plugfest.conformance.catalogue.pics import Pics, satisfying
from plugfest.conformance.sut.bench import Bench
from plugfest.conformance.sut.reach import Reach
from plugfest.conformance.sut.slac import NetworkSlac
from plugfest.conformance.verdict import Result, Verdict
from plugfest.conformance.virtual import VirtualLoop
from slac import ev, evse
from slac.errors import SlacError
from slac.pilots import AssumedChargerPilot, AssumedVehiclePilot
from slac.powerline import Powerline
from v2g.errors import SetupError

RUNS = {run.id: run for run in runs() if run.protocol == "slac"}
HARDWARE = "pilot hardware is needed"


@contextlib.asynccontextmanager
async def beside(role: Any) -> AsyncIterator[None]:
    async def quietly() -> None:
        with contextlib.suppress(SlacError):
            await role

    task = asyncio.create_task(quietly())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def carry_out(name: str) -> Result:
    """A run on a bench whose pilots are assumed at both ends."""
    run = RUNS[name]
    pics = satisfying(run.case, Pics())

    async def main() -> Result:
        line = Powerline(random.Random(1))
        car, post = line.vehicle("car"), line.charger("post")
        line.connect(car, post, 20.0)
        if run.case.sut == "secc":
            async with NetworkSlac(car, AssumedVehiclePilot(), pics).open() as system:
                async with evse.ready(post, AssumedChargerPilot()) as charger, beside(charger.match()):
                    return await execute(run, system, Bench(pics))
        async with contextlib.AsyncExitStack() as stack:
            system = await stack.enter_async_context(NetworkSlac(post, AssumedChargerPilot(), pics).open())

            async def plug() -> None:
                await stack.enter_async_context(beside(ev.match(car, AssumedVehiclePilot())))

            system.plug = plug  # type: ignore[method-assign]  # the test stands in for it
            return await execute(run, system, Bench(pics))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


@pytest.mark.parametrize(
    "name",
    [
        "TC_SECC_CMN_VTB_CmSlacParm_001",
        "TC_SECC_CMN_VTB_AttenuationCharacterization_004",
        "TC_SECC_CMN_VTB_CmSlacMatch_021",
        "TC_SECC_CMN_VTB_PLCLinkStatus_001",
        "TC_SECC_CMN_VTB_PLCLinkStatus_003",
        "TC_EVCC_CMN_VTB_CmSlacParm_003",
        "TC_EVCC_CMN_VTB_AttenuationCharacterization_001",
        "TC_EVCC_CMN_VTB_CmSlacMatch_011",
        "TC_EVCC_CMN_VTB_PLCLinkStatus_001",
    ],
)
def test_what_needs_no_pilot(name: str) -> None:
    """The line and the modem are enough."""
    result = carry_out(name)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")


@pytest.mark.parametrize(
    "name",
    [
        "TC_SECC_CMN_VTB_CmSlacParm_007",
        "TC_SECC_CMN_VTB_CmSlacParm_004",
        "TC_SECC_CMN_VTB_AttenuationCharacterization_019",
        "TC_EVCC_CMN_VTB_AttenuationCharacterization_012",
    ],
)
def test_what_needs_one(name: str) -> None:
    """Is inconclusive, with the reason."""
    result = carry_out(name)
    assert (result.verdict, result.reason) == (Verdict.INCONC, HARDWARE)


def test_a_missing_pilot_is_reported_at_once(tmp_path: Path) -> None:
    """Before anything else is looked for: one line with the names that can be written."""
    with pytest.raises(SetupError, match="no pilot 'usb'; write assumed, sim, serial:DEVICE"):
        setup.campaign(tmp_path, "secc", Pics(), reach=Reach("lo", pilot="usb"))
