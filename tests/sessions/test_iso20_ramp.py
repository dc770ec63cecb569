"""EVSEPowerRampLimitation in DC: the vehicle's targets and the charger's output rise no faster, and fall at once."""

from __future__ import annotations

import asyncio
import itertools
import math
from dataclasses import replace

import pytest
from bench import Bench, iso20_bench, message_seen

from plugfest.traces.checks import judge
from plugfest.traces.recording import from_events
from v2g.physical import number
from v2g.rules.iso20.kinds import asked_watts

RAMP = 30.0
"""Percent of the largest power a minute."""
SECONDS = 40.0


def ramping(mode: str, control: str, *, seconds: float = SECONDS) -> Bench:
    bench = iso20_bench(mode, control, duration=seconds)
    assert bench.power is not None
    bench.power.rate(replace(bench.power.rated, ramp=RAMP))
    return bench


def rate(bench: Bench) -> float:
    """W per second."""
    assert bench.power is not None
    return bench.power.rated.max_power * RAMP / 100.0 / 60.0


async def watched(bench: Bench, seen: list[float]) -> None:
    """The power at the outlet, W, once a second from the first message of the loop on."""
    await message_seen(bench, "DC_ChargeLoopReq")
    while True:
        seen.append(bench.evse.watts)
        await asyncio.sleep(1.0)


@pytest.mark.parametrize("mode", ["iso20-dc", "iso20-dc-bpt"])
@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
async def test_power_rises_as_the_charger_says(mode: str, control: str) -> None:
    bench, seen = ramping(mode, control), []
    vehicle, charger = await bench.run(lambda bench: watched(bench, seen))
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    most = rate(bench)
    steps = [later - before for before, later in itertools.pairwise(seen)]
    assert max(steps) <= most * 1.5 + 100.0
    assert max(seen) == pytest.approx(most * SECONDS, rel=0.1)
    part = bench.messages("DC_ChargeParameterDiscoveryRes")[-1].DC_CPDResEnergyTransferMode
    assert number(part.EVSEPowerRampLimitation) == RAMP


async def test_targets_follow_the_ramp_and_the_charger_need_not_hold_back() -> None:
    bench, seen = ramping("iso20-dc", "scheduled"), []
    await bench.run(lambda bench: watched(bench, seen))
    asked = [asked_watts(request) for request in bench.messages("DC_ChargeLoopReq")]
    assert max(watts for watts in asked if watts is not None) <= rate(bench) * SECONDS * 1.05
    assert not any(res.EVSEPowerLimitAchieved for res in bench.messages("DC_ChargeLoopRes"))


async def test_charger_holds_back_what_ignores_its_ramp_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evcc.iso20_dc_limits.ramp", lambda percent, most: math.inf)
    bench, seen = ramping("iso20-dc", "scheduled"), []
    vehicle, charger = await bench.run(lambda bench: watched(bench, seen))
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    assert max(seen) <= rate(bench) * SECONDS * 1.05
    exchanges = zip(bench.messages("DC_ChargeLoopReq"), bench.messages("DC_ChargeLoopRes"), strict=True)
    assert all(res.EVSEPowerLimitAchieved is bool(asked_watts(request)) for request, res in exchanges)
    assert "ramp-request" in {finding.rule for finding in judge(from_events(bench.events["se"])).findings}


@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
async def test_power_falls_at_once_and_rises_again_from_there(control: str) -> None:
    """The charger derates to a part of its power, and comes back."""
    bench, seen = ramping("iso20-dc", control, seconds=70.0), []

    async def during(bench: Bench) -> None:
        assert bench.power is not None
        asyncio.get_running_loop().call_later(45.0, bench.power.derate, 0.05)
        asyncio.get_running_loop().call_later(50.0, bench.power.derate, 1.0)
        await watched(bench, seen)

    vehicle, charger = await bench.run(during)
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    high = max(seen)
    low = min(seen[seen.index(high) :])
    assert low <= high / 2.0
    later = seen[seen.index(low) :]
    assert max(after - before for before, after in itertools.pairwise(later)) <= rate(bench) * 1.5 + 100.0
