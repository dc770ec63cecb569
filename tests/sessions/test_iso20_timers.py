"""The timers of ISO 15118-20 in both roles: who waits how long for what, and how it ends; strict and relaxed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bench import COMBINATIONS, Bench, iso20_bench
from iso20_alone import Alone, course

from plugfest.virtual import run
from secc.authorizer import Never
from v2g import timing
from v2g.errors import ConnectionLost
from v2g.messages.iso20 import common, dc
from v2g.outcome import Cause
from v2g.protocols import ISO20

WAYS = {combination: run(course(*combination)) for combination in COMBINATIONS}
STATES = [(mode, control, n) for (mode, control), way in WAYS.items() for n in range(1, len(way))]
REQUESTS = [
    (mode, control, name)
    for (mode, control), way in WAYS.items()
    for name in dict.fromkeys(type(request).__name__ for request in way)
]


def now() -> float:
    return asyncio.get_running_loop().time()


def last_sent(bench: Bench, side: str, name: str) -> float:
    """When a side sent a message last, loop time."""
    return max(e.time for e in bench.events[side] if e.layer == "message" and e.name == name and e.direction == "tx")


async def silent_after(alone: Alone, requests: list[Any]) -> tuple[Any, float]:
    """How the charger ends, and after how many seconds of silence."""
    await alone.connect()
    for request in requests:
        assert not (await alone.ask(request)).ResponseCode.startswith("FAILED")
    started = now()
    with pytest.raises(ConnectionLost):
        await alone.session.receive()
    seconds = now() - started
    return await alone.task, seconds


@pytest.mark.parametrize(("mode", "control", "length"), STATES)
async def test_charger_gives_up_on_a_silent_vehicle_in_each_state(mode: str, control: str, length: int) -> None:
    """After 60 s; in the charge loop after 0.5 s, with the power off at once [V2G20-1500, 1502]."""
    requests = WAYS[mode, control][:length]
    alone = Alone(mode)
    outcome, seconds = await silent_after(alone, requests)
    in_loop = "ChargeLoop" in type(requests[-1]).__name__
    assert outcome.cause is Cause.TIMEOUT, outcome
    assert outcome.reason.startswith("SECC_Sequence_Timeout")
    assert seconds == pytest.approx(0.5 if in_loop else 60.0, abs=2.1 if in_loop else 2.5)  # and a look at the outlet
    errors = [e.time for e in alone.bench.events["se"] if e.layer == "error" and e.name == "ended"]
    answered = max(e.time for e in alone.bench.events["se"] if e.layer == "message" and e.direction == "tx")
    assert errors[-1] - answered == pytest.approx(0.5 if in_loop else 60.0, abs=0.01)
    assert not alone.bench.evse.energised


@pytest.mark.parametrize("first", [0, 1])
async def test_charger_gives_up_on_a_vehicle_that_does_not_set_a_session_up(first: int) -> None:
    """Before and after the handshake: 18 s."""
    alone = Alone("iso20-dc")
    if first:
        await alone.connect()
    else:
        _, alone.task = await alone.bench.charger_alone()
    started = now()
    outcome = await alone.task
    assert outcome.cause is Cause.TIMEOUT
    assert "SECC_CommunicationSetup_Performance_Time" in outcome.reason
    assert now() - started == pytest.approx(18.0, abs=0.1)


@pytest.mark.parametrize(("mode", "control", "name"), REQUESTS)
async def test_vehicle_gives_up_on_a_silent_charger_at_each_message(mode: str, control: str, name: str) -> None:
    """After the time of that message: 2 s, 5 s for ServiceDetail, 0.5 s in the loop."""
    bench = iso20_bench(mode, control)
    bench.se.relaxed = True  # so that it is the vehicle that gives up first
    kind = ISO20.message(name.removesuffix("Req") + "Res")
    assert kind is not None
    bench.se.rewrite[kind] = lambda message: None
    vehicle, _ = await bench.run()
    expected = 0.5 if "ChargeLoop" in name else 5.0 if name == "ServiceDetailReq" else 2.0
    assert vehicle.cause is Cause.TIMEOUT, vehicle
    assert f"EVCC_Msg_Timeout ({expected:g} s)" in vehicle.reason
    assert "V2G_" not in vehicle.reason
    ended = next(e.time for e in bench.events["ev"] if e.name == "ended" and e.layer == "error")
    assert ended - last_sent(bench, "ev", name) == pytest.approx(expected, abs=1.1)
    assert bench.safe
    assert not bench.vehicle.contactors.mishaps


ONGOING: list[tuple[type[Any], str, float]] = [
    (common.AuthorizationRes, "EVCC_Ongoing_Timeout", 60.0),
    (common.ScheduleExchangeRes, "EVCC_Ongoing_Timeout", 60.0),
    (dc.DC_CableCheckRes, "EVCC_CableCheck_Timeout", 40.0),
]


@pytest.mark.parametrize(("kind", "timer", "expected"), ONGOING)
@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
async def test_vehicle_gives_up_on_a_charger_that_never_finishes(
    kind: type[Any], timer: str, expected: float, control: str
) -> None:
    bench = iso20_bench("iso20-dc", control)

    def ongoing(message: Any) -> Any:
        message.EVSEProcessing = "Ongoing"
        return message

    bench.se.rewrite[kind] = ongoing
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.TIMEOUT, vehicle
    assert f"{timer} ({expected:g} s)" in vehicle.reason
    first = min(e.time for e in bench.events["ev"] if e.name == kind.__name__)
    ended = next(e.time for e in bench.events["ev"] if e.name == "ended" and e.layer == "error")
    assert ended - first == pytest.approx(expected, abs=1.0)
    assert bench.safe


async def test_vehicle_gives_up_on_a_precharge_that_does_not_reach_its_voltage() -> None:
    bench = iso20_bench("iso20-dc", "dynamic")
    bench.vehicle.settings.precharge_tolerance = 0.0
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.TIMEOUT
    assert "EVCC_PreCharge_Timeout (10 s)" in vehicle.reason
    assert bench.safe


@pytest.mark.parametrize("rejects", [True, False])
async def test_charger_ends_the_wait_for_a_customer_before_the_vehicle_gives_up(rejects: bool) -> None:
    """55 s, with a warning."""
    bench = iso20_bench("iso20-dc", "dynamic", authorizer=Never(rejects=rejects))
    await bench.run()
    times = [e.time for e in bench.events["ev"] if e.name == "AuthorizationRes"]
    assert (times[-1] - times[0] < 1.0) if rejects else (54.0 < times[-1] - times[0] < 57.0)


async def test_charger_ends_a_plan_that_it_does_not_finish() -> None:
    """FAILED before the vehicle's 60 s."""
    bench = iso20_bench("iso20-dc", "scheduled")
    bench.evse.planning_seconds = 100.0
    vehicle, charger = await bench.run()
    assert charger.cause is Cause.TIMEOUT
    assert "SECC_Ongoing_Performance_Time (55 s)" in charger.reason
    assert "FAILED" in vehicle.reason


# ---------------------------------------------------------------------------------------------------------------
# Slower peers


async def test_relaxed_charger_waits_for_a_slow_vehicle() -> None:
    """A vehicle that needs a second for a round is dropped by the standard, and charges with a relaxed charger."""
    for relaxed in (False, True):
        bench = iso20_bench("iso20-dc", "dynamic", duration=20.0)
        bench.vehicle.settings.loop_delay = 1.0
        bench.se.relaxed = relaxed
        vehicle, charger = await bench.run()
        assert vehicle.ok is relaxed, vehicle
        assert charger.ok is relaxed, charger
        assert bench.safe


async def test_relaxed_vehicle_waits_for_a_slow_charger() -> None:
    for relaxed in (False, True):
        bench = iso20_bench("iso20-ac", "dynamic", duration=20.0)

        async def late(message: Any) -> Any:
            await asyncio.sleep(0.8)
            return message

        kind = ISO20.message("AC_ChargeLoopRes")
        assert kind is not None
        bench.se.rewrite[kind] = late
        bench.ev.relaxed = relaxed
        vehicle, _ = await bench.run()
        assert vehicle.ok is relaxed, vehicle
        assert bench.safe


def test_own_timers_count_more_than_relaxed_ones() -> None:
    relaxed = timing.ISO20.replace({**timing.RELAXED, "Loop_Sequence_Timeout": 3.0})
    assert relaxed.sequence_timeout(in_loop=True) == 3.0
    assert relaxed.message_timeout("DC_ChargeLoopReq") == 2.0
    for protocol in (timing.ISO2, timing.DIN):
        assert protocol.replace(timing.RELAXED).sequence_timeout(in_loop=True) == 60.0


# ---------------------------------------------------------------------------------------------------------------
# What cannot be read, and what comes on the wrong stream


@pytest.mark.parametrize(("mode", "control", "length"), [s for s in STATES if s[1] == "dynamic"])
async def test_charger_ends_without_an_answer_on_what_it_cannot_read(mode: str, control: str, length: int) -> None:
    """Broken EXI in each state; a message of the wrong payload type is not a message there."""
    requests = WAYS[mode, control]
    for payload_type, data in (
        (0x8002, bytes.fromhex("80ffffffffff")),
        (0x8004 if "-ac" in mode else 0x8003, None),  # the next request in the frame of the other energy
    ):
        alone = Alone(mode)
        await alone.connect()
        for request in requests[:length]:
            await alone.ask(request)
        if data is None:
            frame = await alone.session._frame(requests[length], None)
            assert frame is not None
            data = frame[8:]
        await alone.session.channel.write_frame(payload_type, data)
        outcome = await alone.closed()
        assert outcome.cause is Cause.PEER, outcome
        assert not alone.bench.evse.energised


@pytest.mark.parametrize("payload_type", [0x8102, 0x8103, 0x8104, 0x8FFF, 0xA001, 0x0001])
async def test_frames_of_streams_that_do_not_exist_are_skipped(payload_type: int) -> None:
    """Before, in and after the loop; the sequence timer runs on [V2G2-800]."""
    alone = Alone("iso20-dc")
    await alone.connect()
    for request in WAYS["iso20-dc", "dynamic"]:
        await alone.session.channel.write_frame(payload_type, bytes.fromhex("80ffff"))
        assert not (await alone.ask(request)).ResponseCode.startswith("FAILED")
    assert (await alone.task).ok
