"""Our roles against what recorded parties of ISO 15118-20 sent: the commercial charger's schedules and limits."""

from __future__ import annotations

from typing import Any

import pytest
from bench import iso20_bench
from captures import SHARED, sessions

from exi import decode
from v2g import phases
from v2g.messages.iso20 import ac, common
from v2g.outcome import Cause
from v2g.physical import number
from v2g.protocols import ISO20

CAPTURE = SHARED / "captures" / "ISO-20_BPT_AC_DS5366_Josev.pcapng"

pytestmark = pytest.mark.skipif(not CAPTURE.exists(), reason="no recordings (set PLUGFEST_SHARED to where they are)")


def recorded(kind: type[Any]) -> Any:
    """The first message of a kind in the recording."""
    schema = ISO20.schema_of(kind)
    for frame in sessions(CAPTURE)[0]:
        if frame.payload_type == ISO20.payload_types[schema.name]:
            message = decode(schema, frame.payload)
            if type(message) is kind:
                return message
    raise LookupError(kind)


async def test_vehicle_follows_the_recorded_schedule() -> None:
    """Tuple 42 of 123 W has absolute prices, 48 of 234 W levels, which do not compare: the one with most energy counts.

    Our charger has not offered these, so it refuses: what counts is what the vehicle asked for.
    """
    bench = iso20_bench("iso20-ac-bpt", "scheduled")
    bench.vehicle.onboard.phases = 1
    bench.se.rewrite[common.ScheduleExchangeRes] = lambda _: recorded(common.ScheduleExchangeRes)
    bench.se.rewrite[ac.AC_ChargeParameterDiscoveryRes] = lambda _: recorded(ac.AC_ChargeParameterDiscoveryRes)
    vehicle, charger = await bench.run()
    profile = bench.messages("PowerDeliveryReq")[0].EVPowerProfile
    assert profile.Scheduled_EVPPTControlMode.SelectedScheduleTupleID == 48
    assert max(number(entry.Power) for entry in profile.EVPowerProfileEntries.EVPowerProfileEntry) == 234.0
    assert "FAILED_ScheduleSelectionInvalid" in vehicle.reason
    assert charger.cause is Cause.PEER
    assert bench.safe


async def test_vehicle_takes_recorded_limits_of_one_phase() -> None:
    """2990 W on each phase, also on those that are not in use; out of the vehicle as a negative number."""
    bench = iso20_bench("iso20-ac-bpt", "dynamic", soc=0.5, duration=3.0)
    bench.vehicle.onboard.phases = 1
    bench.evse.target_power = -5_000.0
    bench.se.rewrite[ac.AC_ChargeParameterDiscoveryRes] = lambda _: recorded(ac.AC_ChargeParameterDiscoveryRes)
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    present = [phases.total(req.CLReqControlMode, "EVPresentActivePower") for req in bench.messages("AC_ChargeLoopReq")]
    assert min(present) == -2_990.0


async def test_charger_takes_what_the_recorded_vehicle_asks_for() -> None:
    """Its charge parameters, its request of schedules with an energy offer: every field of them."""
    bench = iso20_bench("iso20-ac-bpt", "scheduled", duration=2.0)
    bench.vehicle.onboard.phases = 1
    bench.ev.rewrite[ac.AC_ChargeParameterDiscoveryReq] = lambda _: recorded(ac.AC_ChargeParameterDiscoveryReq)
    bench.ev.rewrite[common.ScheduleExchangeReq] = lambda _: recorded(common.ScheduleExchangeReq)
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    notes = [e.note for e in bench.events["se"] if e.layer == "state"]
    assert any(note.startswith("the vehicle offers 10000 W for ") and note.endswith("EUR per kWh") for note in notes)
