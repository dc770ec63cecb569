"""ISO 15118-20 between both roles, in virtual time: AC and DC, scheduled and dynamic, with external payment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bench import COMBINATIONS, ISO20_MODES, Bench, iso20_bench, message_seen
from iso20_alone import Alone, course
from tls_world import charger as charger_tls
from tls_world import store
from tls_world import vehicle as vehicle_tls

from evcc import charge as evcc
from plugfest.virtual import run
from secc import serve as secc
from secc.authorizer import Delayed, Never
from secc.charger import Wish
from secc.minimal import minimal
from secc.plan import Slot
from v2g import energy, tls
from v2g.memory_link import memory_pair
from v2g.messages.base import Request
from v2g.messages.iso20 import ac, common, dc, types
from v2g.outcome import Cause
from v2g.physical import rational
from v2g.protocols import DIN, ISO2, ISO20
from v2g.sequence import Sequence

LOOP = {mode: "AC_ChargeLoopReq" if "-ac" in mode else "DC_ChargeLoopReq" for mode in ISO20_MODES}
EFFICIENCY = {mode: 0.92 if "-ac" in mode else 1.0 for mode in ISO20_MODES}
"""Energy in the battery by energy at the outlet: the onboard charger's in AC."""


# ---------------------------------------------------------------------------------------------------------------
# Whole sessions


@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
async def test_session_completes_with_the_same_energy_on_both_sides(mode: str, control: str) -> None:
    """In order, to SessionStop, and nothing stays live."""
    bench = iso20_bench(mode, control, duration=120.0)
    vehicle, charger = await bench.run()
    assert (vehicle.cause, charger.cause) == (Cause.COMPLETE, Cause.COMPLETE), (vehicle, charger)
    assert vehicle.protocol == "ISO 15118-20"
    assert vehicle.energy_wh == pytest.approx(charger.energy_wh * EFFICIENCY[mode], rel=0.005)
    assert vehicle.energy_wh > 300.0
    assert bench.safe
    order = Sequence(ISO20.order)
    messages = [e.message for e in bench.events["ev"] if e.layer == "message"][2:]
    for request, response in zip(messages[::2], messages[1::2], strict=True):
        assert order.verdict(request) == "legal", (request, order.last)
        order.advance(request, response)


@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
def test_same_seed_makes_the_same_session(mode: str, control: str) -> None:
    """Byte for byte, each in a loop of its own."""

    async def one() -> list[bytes]:
        bench = iso20_bench(mode, control)
        await bench.run()
        return [e.data for e in bench.events["ev"] if e.layer == "message"]

    assert run(one()) == run(one())


@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
async def test_session_over_mutual_tls_uses_no_tolerance(mode: str, control: str) -> None:
    """TLS 1.3 with both certificates is what the standard wants: also a strict pair speaks."""
    bench = iso20_bench(mode, control, tolerant=False, duration=60.0)
    bench.ev.any_transport = bench.se.any_transport = False
    bench.evse.pilot.offer(5.0)
    ends = await memory_pair(
        server=charger_tls(tls.PROFILES["iso20"], store("iso20")),
        client=vehicle_tls(tls.PROFILES["iso20"], store("iso20")),
    )
    serving = asyncio.create_task(secc.serve(ends[0], bench.evse, bench.se))
    vehicle = await evcc.charge(ends[1], bench.vehicle, bench.ev)
    charger = await serving
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    assert (vehicle.tolerances, charger.tolerances) == ([], [])
    assert vehicle.energy_wh == pytest.approx(charger.energy_wh * EFFICIENCY[mode], rel=0.005)
    assert vehicle.energy_wh > 100.0


# ---------------------------------------------------------------------------------------------------------------
# Which protocol, on which transport


async def test_other_transport_is_a_tolerance_of_both_sides() -> None:
    """A lab switch allows TCP, and each use is told."""
    bench = iso20_bench("iso20-dc", "dynamic")
    vehicle, charger = await bench.run()
    assert vehicle.tolerances == ["transport"]
    assert charger.tolerances == ["transport"]


@pytest.mark.parametrize("side", ["ev", "se"])
async def test_other_transport_is_not_spoken_without_the_switch(side: str) -> None:
    """Neither does the vehicle offer it, nor does the charger choose it [V2G20-1237, 1805]."""
    bench = iso20_bench("iso20-dc", "dynamic")
    getattr(bench, side).any_transport = False
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.NO_PROTOCOL
    assert bench.safe


@pytest.mark.parametrize(
    ("offered", "spoken", "expected"),
    [
        ((ISO20, ISO2, DIN), (DIN, ISO2, ISO20), ISO20),
        ((ISO2, ISO20, DIN), (DIN, ISO2, ISO20), ISO2),
        ((DIN, ISO20), (ISO20, DIN), DIN),
        ((ISO20, ISO2, DIN), (DIN, ISO2), ISO2),
        ((ISO20, DIN), (DIN,), DIN),
    ],
)
async def test_vehicle_priority_decides_among_three_generations(offered: Any, spoken: Any, expected: Any) -> None:
    """One offer holds entries of all; the charger takes the vehicle's favourite of those it speaks."""
    bench = iso20_bench("iso20-dc", "any")
    bench.ev.protocols, bench.se.protocols = offered, spoken
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    assert vehicle.protocol == charger.protocol == expected.title
    request = bench.messages("supportedAppProtocolReq")[0]
    assert len(request.AppProtocol) == len(offered)


# ---------------------------------------------------------------------------------------------------------------
# Authorization


async def test_refused_card_is_a_warning_and_ends_the_vehicle() -> None:
    """The charger does not refuse the request: the vehicle could try again."""
    bench = iso20_bench("iso20-dc", "any", authorizer=Never())
    vehicle, charger = await bench.run()
    assert bench.messages("AuthorizationRes")[-1].ResponseCode == "WARNING_EIMAuthorizationFailure"
    assert bench.messages("AuthorizationRes")[-1].EVSEProcessing == "Finished"
    assert "WARNING_EIMAuthorizationFailure" in vehicle.reason
    assert charger.cause is Cause.COMPLETE  # the vehicle said goodbye
    assert bench.safe


async def test_customer_who_does_not_come_is_a_warning_in_time() -> None:
    """Before the vehicle's 60 s are over."""
    bench = iso20_bench("iso20-dc", "any", authorizer=Never(rejects=False))
    vehicle, _ = await bench.run()
    assert bench.messages("AuthorizationRes")[-1].ResponseCode == "WARNING_EIMAuthorizationFailure"
    assert vehicle.cause is Cause.PEER


async def test_slow_authorization_is_waited_for() -> None:
    bench = iso20_bench("iso20-ac", "any", authorizer=Delayed(20.0))
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert "Ongoing" in {res.EVSEProcessing for res in bench.messages("AuthorizationRes")}


# ---------------------------------------------------------------------------------------------------------------
# Who decides on power


@pytest.mark.parametrize("mode", ["iso20-dc", "iso20-ac"])
async def test_charger_steers_power_in_dynamic_mode(mode: str) -> None:
    """Its energy manager changes the power in mid-session, and the vehicle follows."""
    bench = iso20_bench(mode, "dynamic", duration=60.0)
    bench.evse.target_power = 8_000.0
    watts: list[float] = []

    async def during(bench: Bench) -> None:
        await message_seen(bench, LOOP[mode], 60)
        await asyncio.sleep(5.0)
        watts.append(bench.evse._watts())
        bench.evse.target_power = 5_000.0
        await asyncio.sleep(10.0)
        watts.append(bench.evse._watts())

    vehicle, _ = await bench.run(during)
    assert vehicle.ok, vehicle
    assert watts == pytest.approx([8_000.0, 5_000.0], abs=200.0)  # half an ampere of regulation error


@pytest.mark.parametrize(("mode", "sign"), [("iso20-dc", 1.0), ("iso20-dc-bpt", 1.0), ("iso20-dc-bpt", -1.0)])
async def test_dynamic_dc_never_falls_short_of_the_vehicles_smallest_power(mode: str, sign: float) -> None:
    """Nothing flows while the charger wants less than the vehicle can do with, in either direction."""
    bench = iso20_bench(mode, "dynamic", duration=60.0)
    bench.evse.target_power = sign * 8_000.0
    watts: list[float] = []
    direction = "Charge" if sign > 0.0 else "Discharge"

    def needs_more(message: Any) -> Any:
        setattr(message.CLReqControlMode, f"EVMinimum{direction}Power", rational(6_000.0))
        return message

    bench.ev.rewrite[dc.DC_ChargeLoopReq] = needs_more

    async def during(bench: Bench) -> None:
        await message_seen(bench, LOOP[mode], 60)
        for target in (8_000.0, 5_000.0, 7_000.0):
            bench.evse.target_power = sign * target
            await asyncio.sleep(10.0)
            watts.append(bench.evse._watts())

    vehicle, _ = await bench.run(during)
    assert vehicle.ok, vehicle
    assert watts == pytest.approx([sign * 8_000.0, 0.0, sign * 7_000.0], abs=200.0)


@pytest.mark.parametrize("mode", ["iso20-dc", "iso20-ac"])
async def test_schedule_bounds_power_in_scheduled_mode(mode: str) -> None:
    """7 kW, then 5 kW after half a minute: at the outlet, at any moment."""
    bench = iso20_bench(mode, "scheduled", duration=60.0)
    bench.evse.schedule = (Slot(0, 7_000.0), Slot(40, 5_000.0))
    seen: list[tuple[float, float]] = []

    async def during(bench: Bench) -> None:
        await message_seen(bench, "PowerDeliveryReq")
        offered = next(e.time for e in bench.events["ev"] if e.name == "ScheduleExchangeRes")
        while True:
            await asyncio.sleep(0.05)
            seen.append((asyncio.get_running_loop().time() - offered, bench.evse._watts()))

    vehicle, _ = await bench.run(during)
    assert vehicle.ok, vehicle
    early, late = [w for t, w in seen if t < 40.0], [w for t, w in seen if t > 42.0]
    assert max(early) == pytest.approx(7_000.0, rel=0.03)
    assert max(early) <= 7_000.0 * 1.01
    assert 4_500.0 < max(late) <= 5_000.0 * 1.01


async def test_charger_never_gives_more_than_either_side_allows() -> None:
    """A vehicle that asks for more than it declared gets what it declared."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=20.0)
    battery = bench.battery

    def greedy(message: dc.DC_ChargeLoopReq) -> dc.DC_ChargeLoopReq:
        mode = message.CLReqControlMode
        assert isinstance(mode, dc.Scheduled_DC_CLReqControlModeType)
        mode.EVTargetCurrent = types.RationalNumberType(Exponent=0, Value=9_000)
        mode.EVTargetVoltage = types.RationalNumberType(Exponent=0, Value=900)
        return message

    bench.ev.rewrite[dc.DC_ChargeLoopReq] = greedy
    highest = [0.0, 0.0]

    async def during(bench: Bench) -> None:
        assert bench.power is not None
        while True:
            highest[:] = [max(highest[0], bench.power.voltage), max(highest[1], bench.power.current)]
            await asyncio.sleep(0.02)

    await bench.run(during)
    assert highest[0] <= battery.pack.max_voltage * 1.002
    assert highest[1] <= battery.pack.max_current * 1.01


@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
async def test_loop_does_not_raise_what_was_declared(control: str) -> None:
    """A vehicle whose limit grows in the AC loop is offered what it declared."""
    bench = iso20_bench("iso20-ac", control, duration=10.0)

    def raised(message: ac.AC_ChargeLoopReq) -> ac.AC_ChargeLoopReq:
        message.CLReqControlMode.EVMaximumChargePower = types.RationalNumberType(Exponent=3, Value=22)
        return message

    bench.ev.rewrite[ac.AC_ChargeLoopReq] = raised
    assert bench.supply is not None
    offered: list[float] = []

    async def during(bench: Bench) -> None:
        await message_seen(bench, LOOP["iso20-ac"], 20)
        while True:
            offered.append(bench.supply.offered)  # type: ignore[union-attr]  # this bench has one
            await asyncio.sleep(0.1)

    vehicle, _ = await bench.run(during)
    assert vehicle.ok, vehicle
    assert max(offered) <= bench.vehicle.onboard.max_current * 1.001


@pytest.mark.parametrize("duty", [5.0, 40.0])
async def test_vehicle_wants_the_5_percent_duty_before_charge_parameters(duty: float) -> None:
    """Another duty takes tolerance, and says so before anything is energised [V2G20-1408]."""
    bench = iso20_bench("iso20-ac", "scheduled", duration=5.0)

    def offered(message: common.ServiceSelectionRes) -> common.ServiceSelectionRes:
        bench.evse.pilot.offer(duty)
        return message

    bench.se.rewrite[common.ServiceSelectionRes] = offered
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    odd = [e.note for e in bench.events["ev"] if e.layer == "tolerance" and e.name == "duty"]
    assert len(odd) == (duty != 5.0)
    assert all("charge parameters are due, but the control pilot is at " in one for one in odd)


@pytest.mark.parametrize(("plug", "wanted"), [(2, 2), (1, 1)])
async def test_vehicle_selects_the_set_whose_connector_fits_its_inlet(plug: int, wanted: int) -> None:
    """Of two sets in the same mode that of the Extended plug, wherever it stands; another where there is no such."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=5.0)

    def listed(message: common.ServiceDetailRes) -> common.ServiceDetailRes:
        first = message.ServiceParameterList.ParameterSet[0]
        core = energy.ParameterSet(first.ParameterSetID + 20, dynamic=False, connector=1).element()
        other = energy.ParameterSet(first.ParameterSetID, dynamic=False, connector=plug).element()
        message.ServiceParameterList.ParameterSet = [core, other]
        return message

    bench.se.rewrite[common.ServiceDetailRes] = listed
    bench.se.tolerant = True
    await bench.run()
    (selected,) = bench.messages("ServiceSelectionReq")
    sets = bench.messages("ServiceDetailRes")[0].ServiceParameterList.ParameterSet
    chosen = next(one for one in sets if one.ParameterSetID == selected.SelectedEnergyTransferService.ParameterSetID)
    assert energy.read(chosen).connector == wanted
    assert chosen is (sets[1] if plug == 2 else sets[0])


# ---------------------------------------------------------------------------------------------------------------
# Wishes and ends


@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
async def test_charger_that_wants_to_stop_is_obeyed(mode: str, control: str) -> None:
    """EVSENotification Terminate, PowerDelivery(Stop), SessionStop(Terminate)."""
    bench = iso20_bench(mode, control, duration=None)

    async def during(bench: Bench) -> None:
        await message_seen(bench, LOOP[mode], 20)
        bench.evse.request_stop(10)

    vehicle, charger = await bench.run(during)
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    assert "the charger asked to stop" in vehicle.reason
    assert bench.messages("SessionStopReq")[-1].ChargingSession == "Terminate"


@pytest.mark.parametrize("mode", ["iso20-dc", "iso20-ac"])
async def test_pause_that_the_charger_asked_for_is_resumed(mode: str) -> None:
    """Dynamic: with the old id straight to charge parameters."""
    bench = iso20_bench(mode, "dynamic", duration=None)

    async def during(bench: Bench) -> None:
        await message_seen(bench, LOOP[mode], 20)
        bench.evse.request(Wish.PAUSE, 60)

    vehicle, charger = await bench.run(during)
    assert vehicle.ok, vehicle
    assert vehicle.paused
    assert charger.paused
    assert bench.safe
    bench.ev.resume, bench.ev.duration = vehicle.resume, 5.0
    before = len(bench.events["ev"])
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    again = [e.name for e in bench.events["ev"][before:] if e.layer == "message"]
    assert again[2:5] == ["SessionSetupReq", "SessionSetupRes", f"{mode[-2:].upper()}_ChargeParameterDiscoveryReq"]
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_OldSessionJoined"


@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
async def test_pause_out_of_turn_is_refused(mode: str, control: str) -> None:
    """Neither did the charger ask for it, nor does the profile allow it: FAILED_PauseNotAllowed."""
    bench = iso20_bench(mode, control, duration=5.0)
    bench.ev.rewrite[common.SessionStopReq] = lambda m: common.SessionStopReq(ChargingSession="Pause")
    vehicle, charger = await bench.run()
    assert "FAILED_PauseNotAllowed" in vehicle.reason
    assert not charger.paused
    assert bench.safe


async def test_forgotten_session_starts_over() -> None:
    """A charger that does not know the id gives a new one, and the vehicle starts over."""
    bench = iso20_bench("iso20-dc", "dynamic")
    bench.ev.resume = bytes.fromhex("0102030405060708")
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    assert bench.messages("SessionSetupRes")[0].ResponseCode == "OK_NewSessionEstablished"
    assert "AuthorizationReq" in bench.names()


async def test_another_vehicle_does_not_join() -> None:
    """The id of a session that a vehicle with a certificate paused is worth nothing to one without."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=None)

    async def during(bench: Bench) -> None:
        await message_seen(bench, LOOP["iso20-dc"], 20)
        bench.evse.request(Wish.PAUSE, 60)

    vehicle, _ = await bench.run(during)
    (kept,) = bench.paused
    bench.paused[kept] = bench.paused[kept].__class__(
        **{**{f: getattr(bench.paused[kept], f) for f in bench.paused[kept].__dataclass_fields__}, "binding": b"other"}
    )
    bench.ev.resume, bench.ev.duration = vehicle.resume, 5.0
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_NewSessionEstablished"


# ---------------------------------------------------------------------------------------------------------------
# The charger alone: every request in every state, and refusals by their code


REQUESTS = [
    kind
    for module in (common, ac, dc)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Request) and kind.__module__ == module.__name__
]


@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
async def test_every_request_out_of_order_is_refused(mode: str, control: str) -> None:
    """FAILED_SequenceError in the response that pairs with it, then closed and dead [V2G20-459]."""
    way = await course(mode, control)
    for length in range(1, len(way)):
        for kind in REQUESTS:
            alone = Alone(mode)
            await alone.connect()
            for request in way[:length]:
                assert not (await alone.ask(request)).ResponseCode.startswith("FAILED"), request
            wrong = minimal(ISO20.schema_of(kind), kind, dc=alone.energy == "DC")
            if alone.order.verdict(wrong) != "illegal":
                alone.session.channel.abort()
                await alone.task
                continue
            await alone.session.send(wrong)
            response = (await alone.session.receive()).message
            assert type(response) is ISO20.response_to(kind)
            assert response.ResponseCode == "FAILED_SequenceError", (type(way[length - 1]).__name__, kind.__name__)
            outcome = await alone.closed()
            assert outcome.cause is Cause.PEER
            assert not alone.bench.evse.energised


def _selected(service: int, number: int) -> common.ServiceSelectionReq:
    return common.ServiceSelectionReq(
        SelectedEnergyTransferService=common.SelectedServiceType(ServiceID=service, ParameterSetID=number)
    )


REFUSALS: list[tuple[str, Any, str]] = [
    ("ServiceDetailReq", common.ServiceDetailReq(ServiceID=77), "FAILED_ServiceIDInvalid"),
    ("ServiceDetailReq", common.ServiceDetailReq(ServiceID=1), "FAILED_ServiceIDInvalid"),
    ("ServiceSelectionReq", _selected(2, 99), "FAILED_ServiceSelectionInvalid"),
    ("ServiceSelectionReq", _selected(6, 1), "FAILED_ServiceSelectionInvalid"),
    ("ServiceSelectionReq", _selected(65, 1), "FAILED_NoEnergyTransferServiceSelected"),
    (
        "DC_ChargeParameterDiscoveryReq",
        minimal(ISO20.schema_of(dc.DC_ChargeParameterDiscoveryReq), dc.DC_ChargeParameterDiscoveryReq),
        "FAILED_WrongChargeParameter",
    ),
    (
        "ScheduleExchangeReq",
        common.ScheduleExchangeReq(
            MaximumSupportingPoints=12, Scheduled_SEReqControlMode=common.Scheduled_SEReqControlModeType()
        ),
        "FAILED",
    ),
    (
        "PowerDeliveryReq",
        common.PowerDeliveryReq(EVProcessing="Finished", ChargeProgress="Start"),
        "FAILED_EVPowerProfileInvalid",
    ),
]


@pytest.mark.parametrize(("name", "wrong", "code"), REFUSALS)
async def test_refusals_have_their_code(name: str, wrong: Any, code: str) -> None:
    """In DC, dynamic: the wrong request in place of the right one."""
    alone = Alone("iso20-dc")
    await alone.connect()
    for request in await course("iso20-dc", "dynamic"):
        if type(request).__name__ == name:
            break
        await alone.ask(request)
    assert (await alone.ask(wrong)).ResponseCode == code
    assert (await alone.closed()).cause is Cause.PEER
    assert not alone.bench.evse.energised


async def test_vehicle_that_falls_silent_in_the_loop_is_dropped_at_once() -> None:
    """With power on, the charger waits half a second, not a minute [V2G20-1500]."""
    alone = Alone("iso20-dc")
    await alone.connect()
    for request in await course("iso20-dc", "dynamic"):
        await alone.ask(request)
        if isinstance(request, dc.DC_ChargeLoopReq):
            break
    started = asyncio.get_running_loop().time()
    outcome = await alone.task
    assert outcome.cause is Cause.TIMEOUT
    assert asyncio.get_running_loop().time() - started < 3.0
    assert not alone.bench.evse.energised


# ---------------------------------------------------------------------------------------------------------------
# Which service


async def test_service_that_is_not_offered_ends_in_one_line() -> None:
    """It says what the vehicle wants and what there is."""
    bench = iso20_bench("iso20-dc", "any")
    bench.ev.bpt = True
    vehicle, charger = await bench.run()
    assert vehicle.reason == "the vehicle wants DC_BPT (6), the charger offers DC (2)"
    assert vehicle.cause is Cause.MISFIT
    assert charger.cause is Cause.COMPLETE
    assert bench.safe


@pytest.mark.parametrize(("service", "says"), [("DC_BTP", "did you mean DC_BPT"), ("AC_BPT", "transfers AC")])
async def test_service_that_the_driver_named_wrongly_is_our_own_error(service: str, says: str) -> None:
    """The charger is not notified."""
    bench = iso20_bench("iso20-dc", "any")
    bench.ev.service = service
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.ERROR
    assert says in vehicle.reason
    assert bench.safe
