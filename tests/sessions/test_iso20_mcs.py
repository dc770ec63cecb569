"""MCS and MCS_BPT between both roles: DC messages under services of their own, with numbers of another size."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from bench import Bench, iso20_bench, message_seen

from evcc.battery import PACKS, Battery
from secc.plan import Slot
from secc.power import Limits
from slac.connector import MCS, power_class
from v2g import energy
from v2g.outcome import Cause
from v2g.physical import number
from v2g.protocols import DIN, ISO2, ISO20


def megawatt_bench(control: str = "any", *, bpt: bool = False, **options: Any) -> Bench:
    """A truck at an outlet of 1250 V and 3000 A."""
    bench = iso20_bench("iso20-dc", control, **{"duration": 60.0, **options})
    bench.evse.connector = bench.vehicle.inlet = MCS
    bench.battery = bench.vehicle.battery = Battery(PACKS["1200V"], 0.4)
    rating = Limits.of(power_class(3750))
    if bpt:
        rating = replace(rating, max_discharge_current=1500.0, max_discharge_power=1_000_000.0)
        bench.evse.bidirectional = bench.ev.bpt = True
    assert bench.power is not None
    bench.power.rate(rating)
    bench.evse.schedule = (Slot(0, rating.max_power),)
    return bench


@pytest.mark.parametrize("bpt", [False, True], ids=["plain", "bpt"])
@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
async def test_megawatts_flow_under_their_own_service(control: str, bpt: bool) -> None:
    """Services 8 and 9 are listed and selected, 2 and 6 are not; more than a megawatt fits into 16 bits."""
    bench = megawatt_bench(control, bpt=bpt)
    vehicle, charger = await bench.run()
    assert (vehicle.cause, charger.cause) == (Cause.COMPLETE, Cause.COMPLETE), (vehicle, charger)
    listed = bench.messages("ServiceDiscoveryRes")[0].EnergyTransferServiceList.Service
    assert [service.ServiceID for service in listed] == ([8, 9] if bpt else [8])
    assert bench.messages("ServiceSelectionReq")[0].SelectedEnergyTransferService.ServiceID == (9 if bpt else 8)
    for element in bench.messages("ServiceDetailRes")[0].ServiceParameterList.ParameterSet:
        found = energy.read(element)
        assert found is not None
        assert found.connector == MCS.codes_20["MCS"]
    offer = bench.messages("DC_ChargeParameterDiscoveryRes")[0].DC_CPDResEnergyTransferMode
    assert number(offer.EVSEMaximumChargePower) == 3_750_000
    assert number(offer.EVSEMaximumChargeCurrent) == 3000
    assert bench.battery.highest_current > 1000.0
    assert vehicle.energy_wh == pytest.approx(charger.energy_wh, rel=0.005)
    assert vehicle.energy_wh > 10_000.0
    assert bench.safe
    assert bench.vehicle.contactors.mishaps == []


async def test_truck_gives_back() -> None:
    """Half a megawatt, at the charger's wish."""
    bench = megawatt_bench("dynamic", bpt=True)

    async def during(bench: Bench) -> None:
        await message_seen(bench, "DC_ChargeLoopReq", 10)
        bench.evse.target_power = -500_000.0
        await asyncio.sleep(1e6)

    vehicle, charger = await bench.run(during)
    assert vehicle.ok, vehicle
    assert vehicle.discharged_wh == pytest.approx(charger.discharged_wh, rel=0.005)
    assert vehicle.discharged_wh > 5_000.0


async def test_car_that_wants_dc_finds_none_at_a_megawatt_outlet() -> None:
    """It says what there is."""
    bench = megawatt_bench()
    bench.ev.service = "DC"
    vehicle, _ = await bench.run()
    assert vehicle.reason == "the vehicle wants DC (2), the charger offers MCS (8)"


@pytest.mark.parametrize("side", ["ev", "se"])
async def test_older_protocols_are_not_spoken_over_a_megawatt_coupler(side: str) -> None:
    """Neither does the vehicle offer them, nor does the charger choose one."""
    bench = megawatt_bench()
    bench.ev.protocols = (ISO2, DIN) if side == "ev" else (ISO2, DIN, ISO20)
    bench.se.protocols = (ISO2, DIN)
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.NO_PROTOCOL
    if side == "ev":
        assert "cannot be used for MCS" in vehicle.reason
