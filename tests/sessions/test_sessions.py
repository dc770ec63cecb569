"""Whole sessions between both roles in virtual time: the normal ones, and what either side can wish for."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from bench import ISO20_MODES, LOOP, MODES, Bench, message_seen

from evcc import charge as evcc
from plugfest.conformance.fields import replaced
from plugfest.virtual import run
from secc.authorizer import Delayed, Never
from secc.charger import Fault
from secc.plan import Slot
from slac.pilot import State
from v2g.messages import appproto, din70121, iso2
from v2g.outcome import Cause, Outcome
from v2g.physical import number, physical
from v2g.protocols import DIN


def both_complete(outcomes: tuple[Outcome, Outcome]) -> bool:
    return all(outcome.ok for outcome in outcomes)


def collapsed(names: list[str]) -> list[str]:
    """Requests in order, repetitions once."""
    requests = [name for name in names if name.endswith("Req")]
    return [name for place, name in enumerate(requests) if place == 0 or name != requests[place - 1]]


ORDER = {
    "din": """supportedAppProtocolReq SessionSetupReq ServiceDiscoveryReq ServicePaymentSelectionReq
        ContractAuthenticationReq ChargeParameterDiscoveryReq CableCheckReq PreChargeReq PowerDeliveryReq
        CurrentDemandReq PowerDeliveryReq WeldingDetectionReq SessionStopReq""",
    "iso2-dc": """supportedAppProtocolReq SessionSetupReq ServiceDiscoveryReq PaymentServiceSelectionReq
        AuthorizationReq ChargeParameterDiscoveryReq CableCheckReq PreChargeReq PowerDeliveryReq
        CurrentDemandReq PowerDeliveryReq WeldingDetectionReq SessionStopReq""",
    "iso2-ac": """supportedAppProtocolReq SessionSetupReq ServiceDiscoveryReq PaymentServiceSelectionReq
        AuthorizationReq ChargeParameterDiscoveryReq PowerDeliveryReq
        ChargingStatusReq PowerDeliveryReq SessionStopReq""",
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tolerant", [True, False], ids=["tolerant", "strict"])
async def test_a_session_runs_to_its_end_in_the_order_of_the_chart(mode: str, tolerant: bool) -> None:
    bench = Bench(mode, tolerant=tolerant)
    vehicle, charger = await bench.run()
    assert both_complete((vehicle, charger))
    assert collapsed(bench.names()) == ORDER[mode].split()
    assert bench.names("ev") == bench.names("se")
    assert vehicle.tolerances == charger.tolerances == []
    assert vehicle.notes == charger.notes == []
    assert bench.safe
    assert bench.battery.soc > 0.2
    assert vehicle.energy_wh > 0
    assert bench.wire.ev.state is State.B


@pytest.mark.parametrize("mode", [*MODES, *ISO20_MODES])
async def test_power_that_the_vehicle_has_ended_is_not_switched_off_again(mode: str) -> None:
    """After PowerDelivery(Stop), the end of the session has nothing to switch off, and says so in every protocol."""
    _, charger = await Bench(mode, duration=5.0).run()
    assert charger.ok, charger
    assert charger.energy_wh > 0.0
    assert charger.switched_off is None


@pytest.mark.parametrize("mode", MODES)
async def test_charging_ends_at_the_target(mode: str) -> None:
    bench = Bench(mode, soc=0.799, duration=None)
    assert both_complete(await bench.run())
    assert bench.battery.soc == pytest.approx(0.8, abs=0.005)


def test_an_hour_of_charging_is_deterministic_for_a_seed() -> None:
    """About 3 500 CurrentDemand exchanges; the same bytes at the same times, and others for another seed."""

    def record(seed: int, seconds: float) -> tuple[str, int, float]:
        async def session() -> tuple[str, int, float]:
            bench = Bench("iso2-dc", seed=seed, soc=0.02, duration=seconds)
            bench.battery.target_soc = 1.0
            bench.battery.pack = bench.battery.pack.__class__(
                **{**{f: getattr(bench.battery.pack, f) for f in bench.battery.pack.__slots__}, "max_current": 60.0}
            )
            bench.vehicle.settings.loop_delay = 1.0
            outcomes = await bench.run()
            assert both_complete(outcomes)
            digest = hashlib.sha256()
            for event in bench.events["ev"]:
                digest.update(f"{event.time:.9f} {event.name} {event.direction} ".encode() + event.data)
            return digest.hexdigest(), bench.names().count("CurrentDemandRes"), outcomes[0].seconds

        return run(session())

    hour = record(7, 3600.0)
    assert hour[1] >= 3500
    assert hour[2] > 3600
    assert record(7, 60.0) == record(7, 60.0)
    assert record(7, 60.0)[0] != record(8, 60.0)[0]


@pytest.mark.parametrize("mode", MODES)
async def test_authorization_is_polled_until_it_is_there(mode: str) -> None:
    bench = Bench(mode, authorizer=Delayed(7.0))
    assert both_complete(await bench.run())
    name = "ContractAuthenticationRes" if mode == "din" else "AuthorizationRes"
    states = [message.EVSEProcessing for message in bench.messages(name)]
    assert states[-1] == "Finished"
    assert 50 <= len(states) <= 75
    assert all(state.startswith("Ongoing") for state in states[:-1])


@pytest.mark.parametrize("mode", MODES)
async def test_a_charger_that_never_authorizes_refuses_after_its_limit(mode: str) -> None:
    bench = Bench(mode, authorizer=Never())
    vehicle, charger = await bench.run()
    assert (vehicle.cause, charger.cause) == (Cause.PEER, Cause.TIMEOUT)
    assert "FAILED" in vehicle.reason
    assert "V2G_SECC_Ongoing_Performance_Time (55 s)" in charger.reason
    assert vehicle.seconds == pytest.approx(55.2, abs=0.5)
    assert bench.safe


@pytest.mark.parametrize("mode", MODES)
async def test_the_charger_stops_the_vehicle_cleanly(mode: str) -> None:
    async def stop(bench: Bench) -> None:
        await message_seen(bench, LOOP[mode], 5)
        bench.evse.request_stop(max_delay=10)

    bench = Bench(mode, duration=600.0)
    vehicle, charger = await bench.run(stop)
    assert both_complete((vehicle, charger))
    assert vehicle.seconds < 30
    assert bench.safe


@pytest.mark.parametrize("mode", MODES)
async def test_the_driver_stops_cleanly(mode: str) -> None:
    async def stop(bench: Bench) -> None:
        await message_seen(bench, LOOP[mode], 5)
        bench.vehicle.stop.set()

    bench = Bench(mode, duration=600.0)
    assert both_complete(await bench.run(stop))
    assert bench.safe


@pytest.mark.parametrize("mode", ["din", "iso2-dc"])
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.EMERGENCY, "EVSE_EmergencyShutdown"),
        (Fault.MALFUNCTION, "EVSE_Malfunction"),
        (Fault.UTILITY_INTERRUPT, "EVSE_UtilityInterruptEvent"),
    ],
)
async def test_a_fault_of_the_charger_stops_the_vehicle_at_once(mode: str, fault: Fault, code: str) -> None:
    async def fail(bench: Bench) -> None:
        await message_seen(bench, "CurrentDemandRes", 30)
        assert bench.power is not None
        assert bench.power.current > 100
        bench.evse.fail(fault)

    bench = Bench(mode, duration=600.0)
    vehicle, charger = await bench.run(fail)
    assert vehicle.cause is Cause.ABORTED
    assert code in vehicle.reason
    assert bench.safe
    last = max(e.time for e in bench.events["ev"] if e.name == "CurrentDemandRes")
    assert bench.messages("CurrentDemandRes")[-1].DC_EVSEStatus.EVSEStatusCode == code
    ended = next(e.time for e in bench.events["ev"] if e.name == "ended")
    assert ended - last < 0.1
    assert charger.ok  # the vehicle still says good-bye


async def test_shutdown_at_the_charger_ends_cleanly() -> None:
    """EVSE_Shutdown is a normal stop: the vehicle ramps down and finishes."""

    async def shut_down(bench: Bench) -> None:
        await message_seen(bench, "CurrentDemandRes", 30)
        bench.evse.fail(Fault.SHUTDOWN)

    bench = Bench("iso2-dc", duration=600.0)
    assert both_complete(await bench.run(shut_down))
    assert bench.safe


@pytest.mark.parametrize("mode", ["iso2-dc", "iso2-ac"])
@pytest.mark.parametrize("side", ["charger", "vehicle"])
async def test_renegotiation_goes_back_to_the_charge_parameters(mode: str, side: str) -> None:
    async def renegotiate(bench: Bench) -> None:
        await message_seen(bench, LOOP[mode], 10)
        bench.evse.schedule = (Slot(0, 20000.0),)
        if side == "charger":
            bench.evse.request_renegotiation(max_delay=5)
        else:
            bench.vehicle.renegotiate.set()

    bench = Bench(mode, duration=10.0)
    assert both_complete(await bench.run(renegotiate))
    order = collapsed(bench.names())
    start = order.index("PowerDeliveryReq")
    cable = ["CableCheckReq", "PreChargeReq"] if mode == "iso2-dc" else []
    assert order[start : start + 5 + len(cable)] == [
        "PowerDeliveryReq", LOOP[mode], "PowerDeliveryReq", "ChargeParameterDiscoveryReq", *cable, "PowerDeliveryReq",
    ]  # fmt: skip
    progress = [message.ChargeProgress for message in bench.messages("PowerDeliveryReq")]
    assert progress == ["Start", "Renegotiate", "Start", "Stop"]
    found = bench.messages("ChargeParameterDiscoveryRes")[-1].SASchedules.SAScheduleTuple[0]
    assert number(found.PMaxSchedule.PMaxScheduleEntry[0].PMax) == 20000
    assert bench.vehicle.contactors.mishaps == []


@pytest.mark.parametrize("mode", ["iso2-dc", "iso2-ac"])
async def test_pause_and_resume_join_the_old_session(mode: str) -> None:
    async def pause(bench: Bench) -> None:
        await message_seen(bench, LOOP[mode], 10)
        bench.vehicle.pause.set()

    bench = Bench(mode, duration=600.0)
    vehicle, charger = await bench.run(pause)
    assert both_complete((vehicle, charger))
    assert vehicle.paused
    assert charger.paused
    assert bench.messages("SessionStopReq")[-1].ChargingSession == "Pause"
    assert bench.safe

    bench.ev.resume = bytes.fromhex(vehicle.session_id)
    bench.ev.duration = 1.0
    again, _ = await bench.run()
    assert again.ok
    assert again.session_id == vehicle.session_id
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_OldSessionJoined"
    # A paused session can be joined once.
    bench.ev.resume = bytes.fromhex(vehicle.session_id)
    third, _ = await bench.run()
    assert third.ok
    assert third.session_id != vehicle.session_id
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_NewSessionEstablished"


@pytest.mark.parametrize("mode", MODES)
async def test_a_pulled_plug_ends_everything_at_once(mode: str) -> None:
    async def unplug(bench: Bench) -> None:
        await message_seen(bench, LOOP[mode], 20)
        bench.wire.unplug()

    bench = Bench(mode, duration=600.0)
    vehicle, charger = await bench.run(unplug)
    assert (vehicle.cause, charger.cause) == (Cause.ABORTED, Cause.ABORTED)
    assert "pilot" in vehicle.reason
    assert "pilot" in charger.reason
    assert bench.safe


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("victim", ["vehicle", "charger"])
async def test_cancelling_either_side_leaves_nothing_energised(mode: str, victim: str) -> None:
    bench = Bench(mode, duration=600.0)
    channel, charger = await bench.charger_alone()
    vehicle = asyncio.create_task(evcc.charge(channel, bench.vehicle, bench.ev))
    await message_seen(bench, LOOP[mode], 20)
    cancelled, survivor = (vehicle, charger) if victim == "vehicle" else (charger, vehicle)
    cancelled.cancel()
    await asyncio.wait({vehicle, charger})
    assert cancelled.cancelled()
    assert not survivor.result().ok
    assert bench.safe


async def test_limits_of_the_charger_are_obeyed_and_reported() -> None:
    """A derated output says which limit holds it; the vehicle asks for no more."""

    async def derate(bench: Bench) -> None:
        await message_seen(bench, "CurrentDemandRes", 60)
        assert bench.power is not None
        bench.power.derate(0.2)

    bench = Bench("iso2-dc", duration=30.0)
    assert both_complete(await bench.run(derate))
    loop = bench.messages("CurrentDemandRes")
    requests = bench.messages("CurrentDemandReq")
    assert max(number(m.EVSEPresentCurrent) for m in loop[:60]) > 300
    late = [m for m in loop[-60:] if number(m.EVSEPresentCurrent) > 50]
    assert late
    assert all(number(m.EVSEPresentCurrent) <= 75 for m in late)
    assert number(loop[-1].EVSEMaximumCurrentLimit) == pytest.approx(70)
    assert max(number(m.EVTargetCurrent) for m in requests[-30:]) <= 70.1


async def test_an_outlet_beyond_the_inlet_is_not_used() -> None:
    """Neither side can help its voltage, so nobody is blamed."""
    bench = Bench("iso2-ac")
    bench.se.rewrite[iso2.ChargeParameterDiscoveryRes] = lambda message: replaced(
        message, "EVSENominalVoltage", physical(iso2, 690.0, "V")
    )
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.MISFIT
    assert vehicle.reason == "the charger supplies 690 V, the inlet takes up to 400 V"
    assert bench.safe


async def test_a_battery_beyond_the_charger_is_not_charged() -> None:
    from evcc.battery import pack

    bench = Bench("iso2-dc")
    bench.battery.pack = pack("800V")
    assert bench.power is not None
    bench.power._rated = bench.power._rated.__class__(500.0, 125.0, 50000.0)
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.MISFIT
    assert "the charger supplies 150 to 500 V" in vehicle.reason
    assert not bench.messages("CableCheckReq")
    assert bench.safe


@pytest.mark.parametrize("mode", ["din", "iso2-dc"])
@pytest.mark.parametrize(("ohms", "status"), [(80_000.0, None), (250_000.0, "Warning"), (2e6, "Valid")])
async def test_insulation_decides_about_the_session(mode: str, ohms: float, status: str | None) -> None:
    bench = Bench(mode)
    assert bench.power is not None
    bench.power.insulation_ohms = ohms / 2
    vehicle, _ = await bench.run()
    results = [m.DC_EVSEStatus.EVSEIsolationStatus for m in bench.messages("CableCheckRes")]
    if status is None:
        assert vehicle.cause is Cause.PEER
        assert "CableCheckRes FAILED" in vehicle.reason
        assert not bench.messages("PreChargeReq")
    else:
        assert vehicle.ok
        assert results[-1] == status
    assert bench.safe


async def test_rewrites_of_either_side_reach_the_wire() -> None:
    """The seam of conformance scripts: a wrong request in place of the right one."""
    bench = Bench("iso2-dc")
    bench.ev.rewrite[iso2.PreChargeReq] = lambda _: iso2.ServiceDiscoveryReq()
    vehicle, charger = await bench.run()
    refusal = bench.messages("ServiceDiscoveryRes")[-1]
    assert refusal.ResponseCode == "FAILED_SequenceError"
    assert charger.cause is Cause.PEER
    assert vehicle.cause is Cause.PEER
    assert bench.safe
    bench = Bench("din")
    bench.se.rewrite[din70121.CableCheckRes] = lambda _: None
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.TIMEOUT
    assert "CableCheckReq" in vehicle.reason


@pytest.mark.parametrize(
    ("namespace", "tolerated"),
    [(None, []), ("urn:tesla:din:2018:MsgDef", ["foreign-namespace-offer"])],
)
async def test_only_a_namespace_of_no_standard_is_tolerated(namespace: str | None, tolerated: list[str]) -> None:
    """A charger of DIN SPEC 70121 alone refuses a car of ISO 15118-2 alone, and has tolerated nothing."""
    bench = Bench("iso2-dc")
    bench.se.protocols = (DIN,)

    def renamed(request: appproto.supportedAppProtocolReq) -> appproto.supportedAppProtocolReq:
        if namespace is not None:
            request.AppProtocol[0].ProtocolNamespace = namespace
        return request

    bench.ev.rewrite[appproto.supportedAppProtocolReq] = renamed
    _, charger = await bench.run()
    assert charger.cause is Cause.NO_PROTOCOL
    assert charger.tolerances == tolerated
