"""DC_BPT between both roles, in virtual time: energy both ways, and what keeps it in the vehicle."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from bench import Bench, iso20_bench, message_seen
from tls_world import charger as charger_tls
from tls_world import store
from tls_world import vehicle as vehicle_tls

from evcc import charge as evcc
from plugfest import virtual
from secc import serve as secc
from secc.charger import Wish
from slac.pilot import State
from v2g import energy, tls
from v2g.memory_link import memory_pair
from v2g.messages.iso20 import dc, types
from v2g.outcome import Cause, Outcome
from v2g.physical import number, rational

CONTROLS = ("scheduled", "dynamic")
LOOP = "DC_ChargeLoopReq"


def bpt_bench(control: str, **options: Any) -> Bench:
    """Half charged, so that there is room both ways."""
    return iso20_bench("iso20-dc-bpt", control, **{"soc": 0.5, "duration": 60.0, **options})


def want(bench: Bench, watts: float) -> None:
    """Whoever decides on power wants so much now, W."""
    bench.evse.target_power = watts
    bench.vehicle.settings.target_power = watts


def gives(bench: Bench, watts: float) -> Any:
    """What the vehicle gives, W: scheduled all the time, as its profile says; dynamic for 20 s of the session."""
    if bench.ev.control == "scheduled":
        bench.vehicle.settings.target_power = -watts

    async def during(bench: Bench) -> None:
        await message_seen(bench, LOOP, 20)
        bench.evse.target_power = -watts
        await asyncio.sleep(20.0)
        bench.evse.target_power = watts
        await asyncio.sleep(1e6)

    return during


SECONDS = {"scheduled": 60.0, "dynamic": 20.0}
"""For which a vehicle gives back in these tests."""


async def over_tls(bench: Bench, during: Any) -> tuple[Outcome, Outcome]:
    """One session over mutual TLS 1.3."""
    bench.ev.any_transport = bench.se.any_transport = False
    bench.evse.pilot.offer(5.0)
    ends = await memory_pair(
        server=charger_tls(tls.PROFILES["iso20"], store("iso20")),
        client=vehicle_tls(tls.PROFILES["iso20"], store("iso20")),
    )
    serving = asyncio.create_task(secc.serve(ends[0], bench.evse, bench.se))
    side = asyncio.create_task(during(bench))
    vehicle = await evcc.charge(ends[1], bench.vehicle, bench.ev)
    charger = await serving
    side.cancel()
    await asyncio.gather(side, return_exceptions=True)
    return vehicle, charger


# ---------------------------------------------------------------------------------------------------------------
# Energy


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("control", CONTROLS)
async def test_energy_is_the_same_on_both_sides_in_each_direction(control: str, secure: bool) -> None:
    """Out of the vehicle, then into it where the charger wants that; the meter tells both, and the battery agrees."""
    bench = bpt_bench(control, tolerant=not secure)
    before = bench.battery.soc
    run = over_tls if secure else Bench.run
    vehicle, charger = await run(bench, gives(bench, 20_000.0))
    assert (vehicle.cause, charger.cause) == (Cause.COMPLETE, Cause.COMPLETE), (vehicle, charger)
    assert vehicle.discharged_wh == pytest.approx(charger.discharged_wh, rel=0.005)
    assert vehicle.energy_wh == pytest.approx(charger.energy_wh, rel=0.005)
    assert vehicle.discharged_wh == pytest.approx(20_000 * SECONDS[control] / 3600, rel=0.05)
    assert (vehicle.energy_wh > 150.0) == (control == "dynamic")
    stored = (bench.battery.soc - before) * bench.battery.pack.capacity_wh
    assert stored == pytest.approx(vehicle.energy_wh - vehicle.discharged_wh, rel=0.1)
    meter = bench.messages("DC_ChargeLoopRes")[-1].MeterInfo
    assert meter.BPT_DischargedEnergyReadingWh == pytest.approx(charger.discharged_wh, abs=1.0)
    assert bench.safe
    assert bench.vehicle.contactors.mishaps == []


@pytest.mark.parametrize("control", CONTROLS)
async def test_messages_have_the_bidirectional_members_only(control: str) -> None:
    """Also while the session only charges; PowerDelivery says which way it begins."""
    bench = bpt_bench(control, duration=5.0)
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    kinds = {
        type(getattr(message, field)).__name__
        for name in ("DC_ChargeParameterDiscoveryReq", "DC_ChargeParameterDiscoveryRes", LOOP, "DC_ChargeLoopRes")
        for message in bench.messages(name)
        for field in message.__struct_fields__
        if field.endswith("Mode")
    }
    mode = control.capitalize()
    assert kinds == {
        "BPT_DC_CPDReqEnergyTransferModeType",
        "BPT_DC_CPDResEnergyTransferModeType",
        f"BPT_{mode}_DC_CLReqControlModeType",
        f"BPT_{mode}_DC_CLResControlModeType",
    }
    assert [request.BPT_ChannelSelection for request in bench.messages("PowerDeliveryReq")] == ["Charge", None]


# ---------------------------------------------------------------------------------------------------------------
# What keeps energy in the vehicle


@pytest.mark.parametrize("control", CONTROLS)
async def test_session_that_only_charges_gives_nothing_back(control: str) -> None:
    """Whatever both sides want, and although both plants could: the service decides."""
    bench = bpt_bench(control, duration=20.0)
    bench.ev.bpt = False
    lowest = [0.0]

    async def during(bench: Bench) -> None:
        await message_seen(bench, LOOP, 20)
        want(bench, -20_000.0)
        while True:
            assert bench.power is not None
            lowest[0] = min(lowest[0], bench.power.current)
            await asyncio.sleep(0.05)

    vehicle, charger = await bench.run(during)
    assert vehicle.ok, vehicle
    assert lowest == [0.0]
    assert (vehicle.discharged_wh, charger.discharged_wh) == (0.0, 0.0)


@pytest.mark.parametrize("control", CONTROLS)
async def test_battery_is_discharged_down_to_its_minimum(control: str) -> None:
    """And no further: where the vehicle decides it ends the session, where the charger does it gets nothing more."""
    bench = bpt_bench(control, soc=0.11, duration=300.0)
    want(bench, -40_000.0)
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    assert vehicle.discharged_wh > 500.0
    assert bench.battery.soc == pytest.approx(bench.battery.min_soc, abs=0.001)
    if control == "scheduled":
        assert vehicle.reason == "discharged to the minimum"


async def test_vehicle_disconnects_from_a_charger_that_goes_below_the_minimum() -> None:
    """Half a percent below it, whatever the charger was told."""
    bench = bpt_bench("dynamic", soc=0.105, duration=600.0)
    want(bench, -40_000.0)

    def thirsty(message: dc.DC_ChargeLoopReq) -> dc.DC_ChargeLoopReq:
        mode = message.CLReqControlMode
        assert isinstance(mode, dc.BPT_Dynamic_DC_CLReqControlModeType)
        mode.EVMaximumDischargeCurrent = types.RationalNumberType(Exponent=0, Value=100)
        mode.EVMaximumDischargePower = types.RationalNumberType(Exponent=3, Value=40)
        mode.EVMinimumV2XEnergyRequest = mode.EVMinimumEnergyRequest = types.RationalNumberType(Exponent=3, Value=-9)
        return message

    bench.ev.rewrite[dc.DC_ChargeLoopReq] = thirsty
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.ABORTED
    assert "the battery is at its minimum of 10 %" in vehicle.reason
    assert bench.battery.soc > bench.battery.min_soc - 0.01
    assert bench.safe


async def test_full_battery_stays_at_the_charger_that_decides() -> None:
    """It may want energy back later; its limit of charging is zero meanwhile."""
    bench = bpt_bench("dynamic", soc=0.8, duration=20.0)
    vehicle, _ = await bench.run(gives(bench, 10_000.0))
    assert vehicle.ok, vehicle
    assert vehicle.seconds > 20.0
    assert vehicle.energy_wh < 1.0
    assert vehicle.discharged_wh > 30.0
    first = bench.messages(LOOP)[0].CLReqControlMode
    assert number(first.EVMaximumChargeCurrent) == 0.0
    assert number(first.EVTargetEnergyRequest) <= 0.0 <= number(first.EVMaximumEnergyRequest)


# ---------------------------------------------------------------------------------------------------------------
# Ways of saying it


@pytest.mark.parametrize("control", CONTROLS)
async def test_negative_limits_of_discharging_mean_the_same(control: str) -> None:
    """Both sides may send them so; both read them by magnitude."""
    bench = bpt_bench(control)
    bench.ev.negative_discharge_limits = bench.evse.negative_discharge_limits = True
    vehicle, charger = await bench.run(gives(bench, 20_000.0))
    assert vehicle.ok, vehicle
    assert vehicle.discharged_wh == pytest.approx(charger.discharged_wh, rel=0.005)
    assert vehicle.discharged_wh == pytest.approx(20_000 * SECONDS[control] / 3600, rel=0.05)
    offer = bench.messages("DC_ChargeParameterDiscoveryRes")[0].DC_CPDResEnergyTransferMode
    assert number(offer.EVSEMaximumDischargePower) == -60_000
    assert number(offer.EVSEMaximumDischargeCurrent) == -200
    declared = bench.messages("DC_ChargeParameterDiscoveryReq")[0].DC_CPDReqEnergyTransferMode
    assert number(declared.EVMaximumDischargePower) == -50_000


async def test_vehicle_states_its_own_limits_whatever_the_charger_offers_now() -> None:
    """Dynamic: a charger that plans by them would stay at nothing if they repeated its own momentary limits."""
    bench = iso20_bench("iso20-dc-bpt", "dynamic", soc=0.5, duration=12.0)
    bench.evse.target_power = 0.0

    async def during(bench: Bench) -> None:
        await message_seen(bench, "DC_ChargeLoopReq", 40)
        for target in (-5_000.0, 5_000.0):
            bench.evse.target_power = target
            await asyncio.sleep(4.0)

    vehicle, _ = await bench.run(during)
    assert vehicle.ok, vehicle
    offered = {round(number(res.CLResControlMode.EVSEMaximumChargePower)) for res in bench.messages("DC_ChargeLoopRes")}
    assert offered >= {0, 5_000}
    pack = bench.vehicle.battery.pack
    loop = [req.CLReqControlMode for req in bench.messages("DC_ChargeLoopReq")]
    before_end = [part for part in loop if number(part.EVMaximumChargeCurrent)]
    assert len(before_end) > 80
    for part in before_end:
        assert number(part.EVMaximumChargePower) == pack.max_power
        assert number(part.EVMaximumVoltage) == pack.max_voltage
        assert number(part.EVMaximumDischargePower) == pack.max_discharge_power
        assert number(part.EVMaximumDischargeCurrent) == pytest.approx(pack.max_discharge_current, rel=0.2)


@pytest.mark.parametrize("control", CONTROLS)
async def test_separated_channels_change_direction_by_power_delivery(control: str) -> None:
    """At no current, and each time the vehicle says which way it goes on."""
    bench = bpt_bench(control)
    bench.evse.separated = True
    vehicle, charger = await bench.run(gives(bench, 20_000.0))
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    starts = [one.BPT_ChannelSelection for one in bench.messages("PowerDeliveryReq") if one.ChargeProgress == "Start"]
    assert starts == (["Discharge"] if control == "scheduled" else ["Charge", "Discharge", "Charge"])
    assert vehicle.discharged_wh == pytest.approx(charger.discharged_wh, rel=0.005)
    assert vehicle.discharged_wh > 50.0
    messages = [e.message for e in bench.events["ev"] if e.layer == "message"]
    for before, message in zip(messages, messages[2:], strict=False):
        if getattr(message, "BPT_ChannelSelection", None) == "Discharge":
            assert abs(number(before.EVSEPresentCurrent)) < 1.0 if hasattr(before, "EVSEPresentCurrent") else True
    assert energy.read(bench.messages("ServiceDetailRes")[0].ServiceParameterList.ParameterSet[0]).separated  # type: ignore[union-attr]  # this bench has one


# ---------------------------------------------------------------------------------------------------------------
# In mid-session


@pytest.mark.parametrize("separated", [False, True])
async def test_driver_who_changes_direction_gets_another_schedule(separated: bool) -> None:
    """Scheduled: the vehicle renegotiates by itself; on separated channels it selects the other one, too."""
    bench = bpt_bench("scheduled", duration=40.0)
    bench.evse.separated = separated
    seen: list[tuple[float, float]] = []

    async def during(bench: Bench) -> None:
        bench.vehicle.settings.target_power = 20_000.0
        await message_seen(bench, LOOP, 50)
        bench.vehicle.settings.target_power = -20_000.0
        while True:
            await asyncio.sleep(0.1)
            seen.append((asyncio.get_running_loop().time(), bench.evse.watts))

    vehicle, charger = await bench.run(during)
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    starts = [one.BPT_ChannelSelection for one in bench.messages("PowerDeliveryReq") if one.ChargeProgress == "Start"]
    assert starts == (["Charge", "Charge", "Discharge"] if separated else ["Charge", "Discharge"])
    assert min(watts for _, watts in seen) == pytest.approx(-20_000.0, rel=0.03)
    assert vehicle.discharged_wh == pytest.approx(charger.discharged_wh, rel=0.005)
    assert vehicle.discharged_wh > 100.0


@pytest.mark.parametrize("control", CONTROLS)
async def test_charger_that_sinks_unasked_is_left_at_once(control: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a session that only charges: the vehicle disconnects, and the charger finds its own output disobedient."""
    bench = iso20_bench("iso20-dc", control, duration=30.0)
    source = bench.power
    assert source is not None
    measured = type(source).current.fget
    broken: list[float] = []
    sinking = property(lambda self: -40.0 if broken and self.on else measured(self))
    monkeypatch.setattr(type(source), "current", sinking)

    async def during(bench: Bench) -> None:
        await message_seen(bench, LOOP, 30)
        broken.append(asyncio.get_running_loop().time())

    vehicle, _ = await bench.run(during)
    assert vehicle.cause is Cause.ABORTED
    assert vehicle.reason.startswith("the charger takes 40 A")
    assert asyncio.get_running_loop().time() - broken[0] < 3.0
    assert bench.safe


@pytest.mark.parametrize("mode", ["iso20-dc-bpt", "iso20-ac-bpt"])
async def test_paused_session_goes_on_bidirectionally(mode: str) -> None:
    """What was selected holds over the pause, and so do the members."""
    bench = iso20_bench(mode, "dynamic", soc=0.5, duration=None)
    loop = LOOP if "-dc" in mode else "AC_ChargeLoopReq"

    async def during(bench: Bench) -> None:
        await message_seen(bench, loop, 20)
        bench.evse.request(Wish.PAUSE, 60)

    vehicle, _ = await bench.run(during)
    assert vehicle.paused, vehicle
    bench.ev.resume, bench.ev.duration = vehicle.resume, 20.0
    bench.evse.target_power = -8_000.0
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    assert vehicle.discharged_wh > 20.0
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_OldSessionJoined"
    assert type(bench.messages(loop)[-1].CLReqControlMode).__name__.startswith("BPT_Dynamic_")
    assert charger.ok, charger


# ---------------------------------------------------------------------------------------------------------------
# Members of the other kind


def other_kind(message: Any) -> Any:
    """The message with the plain member in place of the bidirectional one, its fields as far as there are such."""
    name = next(field for field in message.__struct_fields__ if field.endswith("Mode"))
    member = getattr(message, name)
    kind = getattr(dc, type(member).__name__.removeprefix("BPT_"))
    setattr(message, name, kind(**{field: getattr(member, field) for field in kind.__struct_fields__}))
    return message


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize(
    ("request_type", "code"),
    [
        (dc.DC_ChargeParameterDiscoveryReq, "FAILED_WrongChargeParameter"),
        (dc.DC_ChargeLoopReq, "FAILED"),
    ],
)
async def test_plain_member_in_a_bidirectional_session_is_refused(control: str, request_type: Any, code: str) -> None:
    """With a response of the kind that was asked with, and the output is off."""
    bench = bpt_bench(control)
    bench.ev.rewrite[request_type] = other_kind
    vehicle, charger = await bench.run()
    refused = bench.messages(request_type.__name__.replace("Req", "Res"))[-1]
    assert refused.ResponseCode == code
    member = next(getattr(refused, field) for field in refused.__struct_fields__ if field.endswith("Mode"))
    assert not type(member).__name__.startswith("BPT_")
    assert (vehicle.cause, charger.cause) == (Cause.PEER, Cause.PEER)
    assert bench.safe


@pytest.mark.parametrize("control", CONTROLS)
def test_same_seed_gives_back_the_same(control: str) -> None:
    """Byte for byte, each in a loop of its own."""

    async def one() -> list[bytes]:
        bench = bpt_bench(control, duration=5.0)
        bench.evse.target_power = bench.vehicle.settings.target_power = -20_000.0
        vehicle, _ = await bench.run()
        assert vehicle.discharged_wh > 10.0
        return [e.data for e in bench.events["ev"] if e.layer == "message"]

    assert virtual.run(one()) == virtual.run(one())


@pytest.mark.parametrize("fault", ["danger", "alarm"])
async def test_a_vehicle_that_leaves_at_once_keeps_the_times_of_the_loop(fault: str) -> None:
    """The current falls for 2 s, the charger waits for 0.5 s: Stop or close come first, the contactors open later."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=30.0)
    power, pilot = bench.power, bench.vehicle.pilot
    assert power is not None
    left: list[float] = []

    def seen() -> tuple[float, float]:
        """The inlet, where the current falls slowly once the pilot is in B."""
        now = asyncio.get_running_loop().time()
        if pilot.state is State.B and not left and bench.vehicle.contactors.closed:
            left.append(now)
        return power.voltage, max(0.0, 100.0 - 50.0 * (now - left[0])) if left else power.current

    bench.vehicle.sense = seen
    count = 0

    def spoil(message: dc.DC_ChargeLoopRes) -> dc.DC_ChargeLoopRes:
        nonlocal count
        count += 1
        if count < 20:
            return message
        if fault == "alarm":
            asyncio.get_running_loop().call_later(0.05, bench.vehicle.alarm, "the battery is too hot")
            return message
        return msgspec.structs.replace(message, EVSEPresentCurrent=rational(9000.0))

    bench.se.rewrite[dc.DC_ChargeLoopRes] = spoil
    vehicle, charger = await bench.run()
    assert vehicle.cause is not Cause.COMPLETE
    assert charger.cause is (Cause.COMPLETE if fault == "danger" else Cause.PEER), charger
    events = [event for event in bench.events["ev"] if event.layer in ("message", "tcp")]
    last = max(place for place, event in enumerate(events) if event.name == "DC_ChargeLoopRes")
    assert events[last + 1].name == ("PowerDeliveryReq" if fault == "danger" else "closing")
    assert events[last + 1].time - events[last].time < 0.25
    assert bench.vehicle.contactors.mishaps == []
    assert left
    await asyncio.sleep(5.0)  # the output discharges once the contactors are open
    assert bench.safe
