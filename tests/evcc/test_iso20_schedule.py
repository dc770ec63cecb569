"""Whatever schedules a charger of ISO 15118-20 may send: the vehicle makes a profile of them, or says what is wrong."""

from __future__ import annotations

import pytest
from bench import iso20_bench
from instances import roots, seeded

from evcc.drive import Drive
from evcc.iso20_schedule import choice, falls_asleep, invited, power_delivery, profile, read
from exi import encode
from v2g import energy, phases
from v2g.energy import Control, ParameterSet
from v2g.errors import RemoteError
from v2g.memory_link import memory_pair
from v2g.messages.iso20 import common
from v2g.prices import Rule, Stack, Tariff, element
from v2g.protocols import ISO20

RESPONSE = next(one for one in roots("iso20-common", fragment=False) if one.name.endswith("}ScheduleExchangeRes"))
SEEDS = 150


@pytest.mark.parametrize("service", ["AC", "AC_BPT", "DC", "DC_BPT"])
async def test_any_schedule_has_a_profile_within_it_or_is_refused(service: str) -> None:
    """Random valid messages, edges of every type included; what comes out can be sent."""
    bench = iso20_bench("iso20-ac-bpt", "scheduled", soc=0.5)
    channel, _ = await memory_pair()
    session = bench.ev.session(channel)
    session.protocol = ISO20
    control = Control(energy.BY_TITLE[service], ParameterSet(1, dynamic=False, connector=2))
    settings, accepted = bench.vehicle.settings, 0
    for seed in range(SEEDS):
        response = seeded(RESPONSE, seed).message
        assert isinstance(response, common.ScheduleExchangeRes)
        if response.Scheduled_SEResControlMode is None:
            continue
        settings.departure, settings.sells_at, settings.sleeps = (
            (None, 36_000)[seed % 2],
            (None, 0.1)[seed % 3 % 2],
            60.0,
        )
        drive = Drive(session, bench.vehicle, bench.ev, ac_voltage=230.0 if service.startswith("AC") else None)
        drive.control = control
        try:
            plan = choice(drive, control, response.Scheduled_SEResControlMode.ScheduleTuple, response.Header.TimeStamp)
        except RemoteError:
            continue
        accepted += 1
        invited(drive, plan)
        falls_asleep(drive, plan)
        made = profile(drive, control, plan, 11_040.0, 11_040.0)
        request = power_delivery(drive, "Start", made, "Charge" if control.bidirectional else None)
        encode(ISO20.schema_of(type(request)), request)
        watts = [phases.total(entry, "Power") for entry in made.EVPowerProfileEntries.EVPowerProfileEntry]
        assert -11_040.0 <= min(watts) <= max(watts) <= 11_040.0
        assert control.bidirectional or min(watts) >= 0.0
    assert accepted > SEEDS / 10


@pytest.mark.parametrize(
    ("anchor", "starts"), [(1_000_000, [0, 600, 1200]), (999_400, [0, 600]), (999_000, [0, 200]), (0, [0, 600, 1200])]
)
def test_prices_count_from_their_own_anchor(anchor: int, starts: list[int]) -> None:
    """Past intervals are over; an anchor of zero means now."""
    tariff = Tariff(tuple(Stack(start, (Rule(0.1 + start / 1e4),)) for start in (0, 600, 1200)))
    power = common.PowerScheduleType(
        TimeAnchor=1_000_000,
        PowerScheduleEntries=common.PowerScheduleEntryListType(
            PowerScheduleEntry=[common.PowerScheduleEntryType(Duration=86_400, Power=phases.inward(5_000.0))]
        ),
    )
    offered = common.ScheduleTupleType(
        ScheduleTupleID=1,
        ChargingSchedule=common.ChargingScheduleType(
            PowerSchedule=power, AbsolutePriceSchedule=element(tariff, anchor, 1, 86_400, 12)
        ),
    )
    found = read(offered, 0.0, 1_000_000).tariff
    assert found is not None
    assert [stack.start for stack in found.stacks] == starts
    assert found.stacks[-1].rules == tariff.stacks[-1].rules
