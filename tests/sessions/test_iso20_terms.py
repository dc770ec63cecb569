"""Sessions of ISO 15118-20: limits that the loop leaves out, ends before power flows, what a goodbye says, the duty."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from bench import COMBINATIONS, Bench, iso20_bench, message_seen
from iso20_alone import Alone, Loop, course
from tls_world import charger as charger_tls
from tls_world import store
from tls_world import vehicle as vehicle_tls

from evcc import charge as evcc
from evcc.iso20 import goodbye
from pki.profiles import Role
from secc import serve as secc
from secc.charger import Fault, MobilityNeeds, Wish
from slac.pilot import State
from v2g import tls
from v2g.memory_link import memory_pair
from v2g.messages.iso20 import ac, common, dc
from v2g.outcome import Cause, Outcome
from v2g.physical import number, rational
from v2g.rules.facts import Facts

LOW, HIGH = 10, 30
"""Rounds of the loop in which a limit is sent; it is left out before and after."""


def now_and_then(**limits: float) -> Callable[[Any], Any]:
    """Sends the limits in the rounds from LOW to HIGH, and leaves them out of all others."""
    rounds = [0]

    def change(message: Any) -> Any:
        rounds[0] += 1
        name = "CLReqControlMode" if type(message).__name__.endswith("Req") else "CLResControlMode"
        sent = LOW <= rounds[0] < HIGH
        fields = {field: rational(value) if sent else None for field, value in limits.items()}
        block = msgspec.structs.replace(getattr(message, name), **fields)
        return msgspec.structs.replace(message, **{name: block})

    return change


async def over_tls(bench: Bench) -> tuple[Outcome, Outcome]:
    """A session over TLS 1.3 with the certificates of both sides."""
    ends = await memory_pair(
        server=charger_tls(tls.PROFILES["iso20"], store("iso20")),
        client=vehicle_tls(tls.PROFILES["iso20"], store("iso20")),
    )
    serving = asyncio.create_task(secc.serve(ends[0], bench.evse, bench.se))
    vehicle = await evcc.charge(ends[1], bench.vehicle, bench.ev)
    return vehicle, await serving


# ---------------------------------------------------------------------------------------------------------------
# Limits of the loop


@pytest.mark.parametrize(
    "limit", [{"EVMaximumChargeCurrent": 10.0}, {"EVMaximumChargePower": 3_500.0}], ids=lambda limit: next(iter(limit))
)
async def test_charger_takes_a_limit_that_the_loop_leaves_out_as_declared(limit: dict[str, float]) -> None:
    """It holds while it is sent; without it, that of ChargeParameterDiscovery holds again."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=8.0)
    bench.ev.rewrite[dc.DC_ChargeLoopReq] = now_and_then(**limit)
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    flows = [number(res.EVSEPresentCurrent) for res in bench.messages("DC_ChargeLoopRes")]
    assert max(flows[HIGH - 5 : HIGH - 1]) < 15.0
    assert max(flows[HIGH + 20 : -5]) > 100.0


async def test_ac_charger_takes_a_limit_that_the_loop_leaves_out_as_declared() -> None:
    """The supply offers what the vehicle allows: less while it says so, then again what it declared."""
    bench = iso20_bench("iso20-ac", "scheduled", duration=8.0)
    bench.ev.rewrite[ac.AC_ChargeLoopReq] = now_and_then(EVMaximumChargePower=230.0 * 3 * 8)
    offered: list[float] = []

    def heard(message: ac.AC_ChargeLoopRes) -> ac.AC_ChargeLoopRes:
        offered.append(bench.supply.offered)  # type: ignore[union-attr]  # this bench has one
        return message

    bench.se.rewrite[ac.AC_ChargeLoopRes] = heard
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    assert offered[HIGH - 2] <= 8.01
    assert offered[-1] == pytest.approx(16.0)


async def test_vehicle_takes_a_limit_that_the_loop_leaves_out_as_agreed() -> None:
    """The charger's, in scheduled mode, where they are optional."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=8.0)
    bench.se.rewrite[dc.DC_ChargeLoopRes] = now_and_then(EVSEMaximumChargeCurrent=10.0)
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    asked = [number(req.CLReqControlMode.EVTargetCurrent) for req in bench.messages("DC_ChargeLoopReq")]
    assert max(asked[LOW + 1 : HIGH]) <= 10.0
    assert max(asked[HIGH + 1 :]) > 100.0


def test_rules_take_a_limit_that_the_loop_leaves_out_as_declared() -> None:
    """Else a charger would be blamed for what the vehicle allows again."""
    facts = Facts(protocol="iso20-dc")
    declared = dict.fromkeys(("EVMinimumChargePower", "EVMinimumChargeCurrent", "EVMinimumVoltage"), rational(0.0)) | {
        "EVMaximumChargePower": rational(50_000),
        "EVMaximumVoltage": rational(400),
    }
    mode = dc.DC_CPDReqEnergyTransferModeType(EVMaximumChargeCurrent=rational(100.0), **declared)
    facts.note(dc.DC_ChargeParameterDiscoveryReq(DC_CPDReqEnergyTransferMode=mode))
    found = []
    for second, limit in enumerate((None, 10.0, None)):
        facts.now = 10.0 * second
        asked = dc.Scheduled_DC_CLReqControlModeType(
            EVTargetCurrent=rational(5.0), EVTargetVoltage=rational(400.0),
            EVMaximumChargeCurrent=None if limit is None else rational(limit),
        )  # fmt: skip
        facts.note(
            dc.DC_ChargeLoopReq(MeterInfoRequested=False, EVPresentVoltage=rational(350), CLReqControlMode=asked)
        )
        found.append(facts.iso20.ev_amps.value)
    assert found == [100.0, 10.0, 100.0]


async def test_commands_in_standby_do_not_count() -> None:
    """Only the status and the meter do: neither is a target followed, nor are mobility needs adopted."""
    bench = iso20_bench("iso20-ac", "dynamic", duration=60.0)
    bench.evse.mobility_needs = MobilityNeeds()
    first: list[float] = []

    def told(message: ac.AC_ChargeLoopRes) -> ac.AC_ChargeLoopRes:
        if bench.names().count("PowerDeliveryReq") == 2:  # Start, Standby
            block = msgspec.structs.replace(
                message.CLResControlMode, EVSETargetActivePower=rational(5_000.0), TargetSOC=55
            )
            return msgspec.structs.replace(message, CLResControlMode=block)
        return message

    bench.se.rewrite[ac.AC_ChargeLoopRes] = told

    async def during(bench: Bench) -> None:
        await message_seen(bench, "AC_ChargeLoopReq", 20)
        bench.vehicle.standby.set()
        await message_seen(bench, "AC_ChargeLoopReq", 60)
        assert bench.vehicle.battery.target_soc == 0.8
        bench.vehicle.standby.clear()
        await message_seen(bench, "PowerDeliveryReq", 3)
        before = bench.names().count("AC_ChargeLoopReq")
        await message_seen(bench, "AC_ChargeLoopReq", before + 1)
        first.append(number(bench.messages("AC_ChargeLoopReq")[-1].CLReqControlMode.EVPresentActivePower))
        await message_seen(bench, "AC_ChargeLoopReq", before + 30)
        first.append(number(bench.messages("AC_ChargeLoopReq")[-1].CLReqControlMode.EVPresentActivePower))

    vehicle, _ = await bench.run(during)
    assert vehicle.ok, vehicle
    assert first[0] == 0.0, "nothing until the first command after standby"
    assert first[1] > 10_000.0


@pytest.mark.parametrize(("mode", "gives_back"), [("iso20-dc", 0), ("iso20-dc-bpt", 0), ("iso20-dc-bpt", 20_000)])
async def test_vehicle_says_goodbye_to_a_charger_without_power(mode: str, gives_back: int) -> None:
    """Before anything is energised, unless the charger would take energy back."""
    bench = iso20_bench(mode, "scheduled", duration=3.0)

    def nothing(message: dc.DC_ChargeParameterDiscoveryRes) -> dc.DC_ChargeParameterDiscoveryRes:
        block = message.DC_CPDResEnergyTransferMode
        block = msgspec.structs.replace(block, EVSEMaximumChargePower=rational(0.0))
        if mode.endswith("bpt"):
            block = msgspec.structs.replace(block, EVSEMaximumDischargePower=rational(gives_back))
        return msgspec.structs.replace(message, DC_CPDResEnergyTransferMode=block)

    bench.se.rewrite[dc.DC_ChargeParameterDiscoveryRes] = nothing
    vehicle, charger = await bench.run()
    assert charger.ok, charger
    assert bench.safe
    if gives_back:
        assert vehicle.ok, vehicle
        return
    assert vehicle.cause is Cause.PEER
    assert "the charger offers 0 W" in vehicle.reason
    assert bench.names()[-2:] == ["SessionStopReq", "SessionStopRes"]
    assert "DC_CableCheckReq" not in bench.names()


# ---------------------------------------------------------------------------------------------------------------
# Ends


BEFORE = {
    common.SessionSetupRes: "AuthorizationSetupRes",
    common.AuthorizationSetupRes: "AuthorizationRes",
    common.AuthorizationRes: "ServiceDiscoveryRes",
    common.ServiceDiscoveryRes: "ServiceDetailRes",
    common.ServiceDetailRes: "ServiceSelectionRes",
    common.ServiceSelectionRes: "{}_ChargeParameterDiscoveryRes",
    dc.DC_ChargeParameterDiscoveryRes: "ScheduleExchangeRes",
    ac.AC_ChargeParameterDiscoveryRes: "ScheduleExchangeRes",
    common.ScheduleExchangeRes: "DC_CableCheckRes",
    dc.DC_CableCheckRes: "DC_CableCheckRes",
    dc.DC_PreChargeRes: "DC_PreChargeRes",
}
"""After which response the charger wants to stop, and the one with which it says so."""


@pytest.mark.parametrize("why", [None, Fault.SHUTDOWN, Fault.UTILITY_INTERRUPT, Fault.EMERGENCY], ids=str)
@pytest.mark.parametrize("after", BEFORE, ids=lambda kind: kind.__name__)
async def test_charger_that_wants_to_stop_before_power_refuses_the_next_request(after: Any, why: Fault | None) -> None:
    """There is no EVSEStatus yet: FAILED is the only way, at once and not first when power is due."""
    bench = iso20_bench("iso20-ac" if after is ac.AC_ChargeParameterDiscoveryRes else "iso20-dc", "dynamic")

    def wants(message: Any) -> Any:
        if bench.evse.fault is None and bench.evse.notification.wish is Wish.NOTHING:
            bench.evse.request_stop(30) if why is None else bench.evse.fail(why)
        return message

    bench.se.rewrite[after] = wants
    vehicle, charger = await bench.run()
    name, last = bench.names()[-1], bench.messages(bench.names()[-1])[-1]
    assert (name, last.ResponseCode) == (BEFORE[after].format("DC"), "FAILED")
    assert vehicle.cause is Cause.PEER
    assert ("it wants to stop" if why is None else why.value) in charger.reason
    assert bench.safe


async def test_charger_that_wants_to_stop_refuses_another_service_too() -> None:
    """In the second part of a session nothing flows yet either."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=None)

    def wants(message: common.ServiceDetailRes) -> common.ServiceDetailRes:
        if bench.names("se").count("ServiceDetailReq") == 2:
            bench.evse.request_stop(0)
        return message

    bench.se.rewrite[common.ServiceDetailRes] = wants

    async def during(bench: Bench) -> None:
        await message_seen(bench, "DC_ChargeLoopReq", 20)
        bench.vehicle.another_service.set()

    _, charger = await bench.run(during)
    assert bench.messages("ServiceSelectionRes")[-1].ResponseCode == "FAILED"
    assert "it wants to stop" in charger.reason
    assert bench.safe


@pytest.mark.parametrize("mode", ["iso20-dc", "iso20-ac-bpt"])
async def test_stop_that_the_vehicle_ignores_is_made_by_the_charger(mode: str) -> None:
    """Terminate in every response until NotificationMaxDelay and a grace are over; then it switches off by itself."""
    alone = Alone(mode)
    await alone.connect()
    loop = Loop(alone, await alone.until_loop(await course(mode, "dynamic")))
    await asyncio.sleep(1.0)
    before = len(loop.responses)
    alone.bench.evse.request_stop(2)
    outcome = await alone.task
    await loop.stop()
    *asked, last = loop.responses[before + 1 :]
    assert len(asked) >= 20
    assert {response.EVSEStatus.EVSENotification for response in asked} == {"Terminate"}
    assert last.ResponseCode == "FAILED"
    assert "did not stop within NotificationMaxDelay" in outcome.reason
    assert not alone.bench.evse.energised


async def test_charger_closes_a_session_that_the_vehicle_leaves_open() -> None:
    """5 s after SessionStopRes, and not before: the vehicle is to close first."""
    alone = Alone("iso20-dc")
    await alone.connect()
    for request in await course("iso20-dc", "dynamic"):
        await alone.ask(request)
    began = asyncio.get_running_loop().time()
    assert (await alone.closed()).ok
    assert asyncio.get_running_loop().time() - began == pytest.approx(5.0, abs=0.2)


@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
async def test_vehicle_says_why_it_stops(mode: str, control: str) -> None:
    """EVTerminationCode and EVTerminationExplanation of SessionStopReq; the charger tells them."""
    bench = iso20_bench(mode, control, duration=3.0)
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    (stop,) = bench.messages("SessionStopReq")
    assert (stop.EVTerminationCode, stop.EVTerminationExplanation) == ("Complete", vehicle.reason)
    told = [e.note for e in bench.events["se"] if e.layer == "state" and e.name == "stopping"]
    assert told == [f"the vehicle says: {vehicle.reason} / Complete"]


async def test_vehicle_says_why_it_does_not_charge() -> None:
    """Its charger has not the service that it wants."""
    bench = iso20_bench("iso20-dc", "scheduled")
    bench.ev.service = "DC_BPT"
    vehicle, _ = await bench.run()
    (stop,) = bench.messages("SessionStopReq")
    assert stop.EVTerminationCode == "ChargerUnsuitable"
    assert stop.EVTerminationExplanation == vehicle.reason == "the vehicle wants DC_BPT (6), the charger offers DC (2)"


def test_explanation_fits_its_field() -> None:
    """However long the reason is."""
    stop = goodbye("Terminate", Cause.ABORTED, "x" * 1000)
    assert len(stop.EVTerminationExplanation or "") == 160


# ---------------------------------------------------------------------------------------------------------------
# The duty


@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
async def test_duty_is_5_percent_to_the_end(mode: str, control: str) -> None:
    """Also in AC, where ISO 15118-2 may go to a nominal duty [V2G20-1408]."""
    bench = iso20_bench(mode, control, duration=5.0)
    duties: list[float] = []
    until_the_stop: list[float] = []
    bench.wire.ev.subscribe(lambda reading: duties.append(reading.duty))

    def stops(message: common.SessionStopRes) -> common.SessionStopRes:
        until_the_stop.extend(duties)
        return message

    bench.se.rewrite[common.SessionStopRes] = stops
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    assert set(until_the_stop) == {5.0}


@pytest.mark.parametrize("mode", ["iso20-dc", "iso20-ac"])
async def test_strict_vehicle_refuses_another_duty(mode: str) -> None:
    """Before anything is energised; it says goodbye."""
    bench = iso20_bench(mode, "scheduled", tolerant=False)

    def offered(message: common.ServiceSelectionRes) -> common.ServiceSelectionRes:
        bench.evse.pilot.offer(40.0)
        return message

    bench.se.rewrite[common.ServiceSelectionRes] = offered
    vehicle, _ = await over_tls(bench)
    assert vehicle.cause is Cause.PEER
    assert "the control pilot is at" in vehicle.reason
    assert bench.names()[-2:] == ["SessionStopReq", "SessionStopRes"]
    assert bench.safe


# ---------------------------------------------------------------------------------------------------------------
# Who it is


@pytest.mark.parametrize("named", ["", "WMIV1234567890ABCDEX"])
async def test_evccid_is_the_name_in_the_vehicle_certificate(named: str) -> None:
    """Unless the bench names another one; the charger reports it, and charges."""
    bench = iso20_bench("iso20-dc", "dynamic")
    bench.vehicle.evccid20 = named
    vehicle, charger = await over_tls(bench)
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    (request,) = bench.messages("SessionSetupReq")
    certified = store("iso20")[Role.VEHICLE].common_name
    assert (named or certified) == request.EVCCID
    told = [e.note for e in bench.events["se"] if e.layer == "state" and "the vehicle certificate is that of" in e.note]
    assert told == ([f"EVCCID {named}, the vehicle certificate is that of {certified}"] if named else [])


async def test_evccid_of_a_vehicle_without_a_certificate_is_made_of_its_mac() -> None:
    bench = iso20_bench("iso20-dc", "dynamic")
    await bench.run()
    assert bench.messages("SessionSetupReq")[0].EVCCID == "PLF020000000001"


# ---------------------------------------------------------------------------------------------------------------
# The contactor of an AC outlet


@pytest.mark.parametrize("mode", ["iso20-ac", "iso20-ac-bpt"])
async def test_contactor_closes_between_the_start_and_its_answer(mode: str) -> None:
    """State B until PowerDeliveryReq(Start), C within 250 ms of it, then the contactor, then the answer within 2 s."""
    bench = iso20_bench(mode, "dynamic", duration=3.0)
    states: list[tuple[float, State]] = []
    bench.wire.evse.subscribe(lambda reading: states.append((asyncio.get_running_loop().time(), reading.state)))
    closed: list[bool] = []

    def answered(message: common.PowerDeliveryRes) -> common.PowerDeliveryRes:
        closed.append(bench.evse.energised)
        return message

    bench.se.rewrite[common.PowerDeliveryRes] = answered
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    times = {}
    for event in bench.events["ev"]:
        if event.layer == "message":
            times.setdefault(event.name, event.time)
    (ready,) = [time for time, state in states if state is State.C]
    assert times["PowerDeliveryReq"] < ready <= times["PowerDeliveryReq"] + 0.25
    assert ready < times["PowerDeliveryRes"] < times["PowerDeliveryReq"] + 2.0
    assert closed == [True, False], "open again before the answer to the stop"


async def test_contactor_that_does_not_close_is_a_failure_in_time() -> None:
    """FAILED_ContactorError before the vehicle's 2 s are over, and nothing stays live."""
    bench = iso20_bench("iso20-ac", "dynamic")
    bench.supply.sticks = True  # type: ignore[union-attr]  # this bench has one
    vehicle, _ = await bench.run()
    assert "FAILED_ContactorError" in vehicle.reason
    assert bench.safe


async def test_vehicle_that_stays_in_b_is_refused_in_time() -> None:
    """FAILED_PowerDeliveryNotApplied: the charger waits for state C, but no longer than the vehicle for the answer."""
    bench = iso20_bench("iso20-ac", "dynamic")
    bench.vehicle.pilot.set = lambda state: None  # type: ignore[method-assign]  # the test stands in for it
    vehicle, _ = await bench.run()
    assert "FAILED" in vehicle.reason
    assert bench.messages("PowerDeliveryRes")[-1].ResponseCode == "FAILED_PowerDeliveryNotApplied"
    assert bench.safe


# ---------------------------------------------------------------------------------------------------------------
# The meter


@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
async def test_meter_counts_the_same_for_a_vehicle_that_does_not_look(mode: str, control: str) -> None:
    """Without MeterInfoRequested: the meter is read before and after each step of the power, and not guessed."""
    bench = iso20_bench(mode, control, duration=20.0)

    def hides(message: Any) -> Any:
        return msgspec.structs.replace(message, MeterInfoRequested=False)

    bench.ev.rewrite[dc.DC_ChargeLoopReq] = bench.ev.rewrite[ac.AC_ChargeLoopReq] = hides
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    efficiency = bench.vehicle.onboard.efficiency if bench.ac else 1.0
    assert vehicle.energy_wh == pytest.approx(charger.energy_wh * efficiency, rel=0.005)
    assert vehicle.energy_wh > 10.0
