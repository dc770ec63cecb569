"""What a side says of itself is its own doing, wherever in a message it says so."""

from __future__ import annotations

from typing import Any

import pytest
from bench import Bench

from plugfest.conformance.fields import replaced
from plugfest.traces.checks import judge
from plugfest.traces.recording import from_events
from plugfest.virtual import run
from v2g import status
from v2g.messages import din70121, iso2


async def _judged(mode: str, role: str, kind: Any, path: str, value: Any) -> tuple[str, str]:
    bench = Bench(mode, duration=1.0)
    options = bench.se if role == "secc" else bench.ev
    options.rewrite[kind] = lambda message: replaced(message, path, value)
    await bench.run()
    found = judge(from_events(bench.events["ev"], role="evcc")).diagnosis
    return found.side, found.sentence


@pytest.mark.parametrize("kind", [iso2.ChargeParameterDiscoveryRes, iso2.PowerDeliveryRes, iso2.ChargingStatusRes])
def test_a_tripped_rcd_is_the_chargers(kind: Any) -> None:
    side, sentence = run(_judged("iso2-ac", "secc", kind, "RCD", True))
    assert side == "secc", sentence
    assert "he charger reported RCD" in sentence


@pytest.mark.parametrize("module", [iso2, din70121])
@pytest.mark.parametrize(
    "name",
    ["ChargeParameterDiscoveryRes", "CableCheckRes", "PreChargeRes", "PowerDeliveryRes", "CurrentDemandRes"],
)
def test_an_emergency_is_the_chargers(module: Any, name: str) -> None:
    mode = "iso2-dc" if module is iso2 else "din"
    side, sentence = run(_judged(mode, "secc", getattr(module, name), "EVSEStatusCode", "EVSE_EmergencyShutdown"))
    assert side == "secc", sentence
    assert "he charger reported EVSE_EmergencyShutdown" in sentence


@pytest.mark.parametrize("name", ["ChargeParameterDiscoveryReq", "PowerDeliveryReq", "CurrentDemandReq"])
def test_the_status_of_a_vehicle_is_found_wherever_it_is(name: str) -> None:
    async def requests() -> list[Any]:
        bench = Bench("iso2-dc", duration=1.0)
        await bench.run()
        return bench.messages(name)

    assert all(isinstance(status.of_vehicle(one), iso2.DC_EVStatusType) for one in run(requests()))


def test_a_vehicle_that_finds_nothing_it_needs_is_not_blamed() -> None:
    """It ends the session in order, and the sentence says what was on offer."""

    async def unsuitable() -> tuple[str, str]:
        bench = Bench("iso20-dc", duration=1.0)
        bench.ev.service = "DC_BPT"
        await bench.run()
        found = judge(from_events(bench.events["ev"], role="evcc")).diagnosis
        return found.side, found.sentence

    side, sentence = run(unsuitable())
    assert side == ""
    assert "; the charger offers DC" in sentence, sentence
