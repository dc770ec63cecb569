"""A driver's pause in ISO 15118-20: asked for only where it is allowed, and otherwise the driver hears why not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bench import Bench, iso20_bench, message_seen

from plugfest.traces.checks import judge
from plugfest.traces.recording import from_events
from secc.charger import Wish
from secc.plan import Slot
from v2g.messages.iso20 import common
from v2g.physical import number
from v2g.protocols.iso20 import RENEGOTIATION

LOOP = {"iso20-dc": "DC_ChargeLoopReq", "iso20-ac": "AC_ChargeLoopReq"}


def broken(bench: Bench) -> list[str]:
    """What a check of the recording has against a pause, on either side."""
    judged = [judge(from_events(bench.events[side], role=role)) for side, role in (("ev", "evcc"), ("se", "secc"))]
    return [str(one) for found in judged for one in found.findings if one.rule.startswith("pause-")]


async def pause_by_the_driver(bench: Bench, mode: str) -> None:
    """The driver pauses, and stops half a minute later if the session still goes on."""
    await message_seen(bench, LOOP[mode], 20)
    bench.vehicle.pause.set()
    await asyncio.sleep(30.0)
    bench.vehicle.stop.set()


@pytest.mark.parametrize("mode", ["iso20-dc", "iso20-ac"])
async def test_driver_pauses_with_a_profile_of_nothing(mode: str) -> None:
    """Scheduled: the vehicle first agrees on 0 W alongside the loop; it comes back with the power that it wants."""
    bench = iso20_bench(mode, "scheduled", duration=None)
    vehicle, charger = await bench.run(lambda bench: pause_by_the_driver(bench, mode))
    assert vehicle.ok, vehicle
    assert vehicle.reason == "paused by the driver"
    assert vehicle.paused
    assert charger.paused
    assert bench.safe
    assert not broken(bench)
    (agreed,) = bench.messages("PowerDeliveryReq", stream=RENEGOTIATION)
    entries = agreed.EVPowerProfile.EVPowerProfileEntries.EVPowerProfileEntry
    assert [number(entry.Power) for entry in entries] == [0.0]
    bench.ev.resume, bench.ev.duration = vehicle.resume, 10.0
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_OldSessionJoined"
    assert vehicle.energy_wh > 0.0


@pytest.mark.parametrize("way", ["dynamic", "no renegotiation", "refused", "silent"])
async def test_driver_who_cannot_pause_is_told_why(way: str) -> None:
    """Where a pause would be refused the vehicle does not ask: the session goes on, and a note says why."""
    bench = iso20_bench("iso20-dc", "dynamic" if way == "dynamic" else "scheduled", duration=None)
    bench.ev.renegotiates = way != "no renegotiation"

    def spoilt(message: common.PowerDeliveryRes) -> Any:
        if not bench.messages("PowerDeliveryReq", stream=RENEGOTIATION):
            return message
        bench.se.rewrite.pop(common.PowerDeliveryRes)
        message.ResponseCode = "WARNING_PowerToleranceNotConfirmed"
        return None if way == "silent" else message

    if way in ("refused", "silent"):
        bench.se.rewrite[common.PowerDeliveryRes] = spoilt
    vehicle, charger = await bench.run(lambda bench: pause_by_the_driver(bench, "iso20-dc"))
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    assert vehicle.reason == "stopped by the driver"
    assert any("the session is not paused: " in note for note in vehicle.notes)
    assert [m.ChargingSession for m in bench.messages("SessionStopReq")] == ["Terminate"]


async def test_leave_to_pause_ends_with_the_service_it_was_given_for() -> None:
    """The charger asked for a pause, and the vehicle changed its service instead: later it has to be asked again."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=None)
    stops = iter(["ServiceRenegotiation", "Pause"])
    bench.ev.rewrite[common.SessionStopReq] = lambda _: common.SessionStopReq(ChargingSession=next(stops))

    async def during(bench: Bench) -> None:
        await message_seen(bench, LOOP["iso20-dc"], 20)
        bench.vehicle.settings.prefers_standby = True
        bench.evse.request(Wish.PAUSE, 60)
        await asyncio.sleep(5.0)
        bench.vehicle.another_service.set()
        await message_seen(bench, "ServiceSelectionReq", 2)
        bench.vehicle.settings.prefers_standby = False
        await message_seen(bench, LOOP["iso20-dc"], bench.names().count(LOOP["iso20-dc"]) + 20)
        bench.vehicle.stop.set()

    vehicle, charger = await bench.run(during)
    assert "FAILED_PauseNotAllowed" in vehicle.reason
    assert not charger.paused
    assert bench.safe


@pytest.mark.parametrize("sleeps", [None, 5.0])
@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
async def test_pause_that_is_allowed_breaks_no_rule(control: str, sleeps: float | None) -> None:
    """The charger asks for it in dynamic mode; in scheduled mode it invites to it, or its schedule allows no power."""
    bench = iso20_bench("iso20-dc", control, duration=None)
    bench.vehicle.settings.sleeps = 5.0
    if control == "scheduled":
        bench.evse.schedule = (Slot(0, 0.0), Slot(600, 20_000.0))
        bench.evse.pauses_idle = 60.0 if sleeps is None else 1e9

    async def during(bench: Bench) -> None:
        await message_seen(bench, LOOP["iso20-dc"], 20)
        bench.evse.request(Wish.PAUSE, 60)

    vehicle, charger = await bench.run(during)
    assert vehicle.paused, vehicle
    assert charger.paused
    assert not broken(bench)
