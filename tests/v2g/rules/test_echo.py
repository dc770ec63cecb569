"""What has to be sent back goes back with the bits it came with, also where it breaks its facets."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from bench import Bench

from v2g.messages import iso2


def _tuple(number: int) -> Any:
    def change(message: iso2.ChargeParameterDiscoveryRes) -> iso2.ChargeParameterDiscoveryRes:
        assert isinstance(message.SASchedules, iso2.SAScheduleListType)
        (one,) = message.SASchedules.SAScheduleTuple
        tuples = iso2.SAScheduleListType(SAScheduleTuple=[msgspec.structs.replace(one, SAScheduleTupleID=number)])
        return msgspec.structs.replace(message, SASchedules=tuples)

    return change


@pytest.mark.parametrize("mode", ["iso2-dc", "iso2-ac"])
async def test_a_schedule_id_of_eight_one_bits_is_sent_back_by_a_tolerant_vehicle(mode: str) -> None:
    """256 is what eight one-bits stand for: it was taken at ChargeParameterDiscovery, so PowerDelivery can name it."""
    bench = Bench(mode, duration=0.5, test_seconds=0.2)
    bench.se.rewrite[iso2.ChargeParameterDiscoveryRes] = _tuple(256)
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle.reason
    assert "facet" in vehicle.tolerances


async def test_a_strict_vehicle_ends_at_once() -> None:
    bench = Bench("iso2-dc", duration=0.5, test_seconds=0.2)
    bench.ev.tolerant = False
    bench.se.rewrite[iso2.ChargeParameterDiscoveryRes] = _tuple(256)
    vehicle, _ = await bench.run()
    assert vehicle.reason.startswith("facet")
