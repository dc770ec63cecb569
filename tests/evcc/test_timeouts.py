"""Every time-out of the vehicle: what it waits for, how long, what it says, and that it is safe then."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from bench import MODES, Bench
from spoil import CASES, HANDSHAKE, Spoiled, answer, assert_safe, assert_silent, full_bench, spoil

from evcc.drive import Drive
from evcc.options import Outcome
from v2g.errors import LocalError, TimedOut
from v2g.outcome import Cause

FORGIVEN = ("din", "WeldingDetectionReq")
"""Some chargers never answer it, and the session is over anyhow: the vehicle notes that and says goodbye."""

FATAL = [case for case in CASES if case[:2] != FORGIVEN]


def silence(result: Spoiled, data: bytes) -> None:
    """A fault: nothing is sent."""


@pytest.mark.parametrize(("mode", "request_name", "place"), FATAL)
async def test_no_response(mode: str, request_name: str, place: int) -> None:
    """The message's own time-out, to the millisecond, by name and value; then safe and silent."""
    result = await spoil(full_bench(mode), request_name, silence, place)
    seconds = MODES[mode][0].timing.message_timeout(request_name)
    error = result.outcome.error
    assert isinstance(error, TimedOut)
    assert f"V2G_EVCC_Msg_Timeout ({seconds:g} s)" in str(error)
    assert result.outcome.cause is Cause.TIMEOUT
    assert_safe(result, result.asked + seconds)
    assert_silent(result)


@pytest.mark.parametrize(("mode", "request_name", "place"), CASES)
async def test_a_response_just_in_time(mode: str, request_name: str, place: int) -> None:
    """The time-out is neither shorter than the table's nor used up by what came before."""
    seconds = MODES[mode][0].timing.message_timeout(request_name)

    async def late(result: Spoiled, data: bytes) -> bytes:
        await asyncio.sleep(result.asked + seconds - 0.001 - asyncio.get_running_loop().time())
        return data

    result = await spoil(full_bench(mode), request_name, late, place)
    assert result.outcome.ok, result.outcome.reason


@pytest.mark.parametrize(("mode", "request_name"), [(m, r) for m, r, place in FATAL if place == 1 and r != HANDSHAKE])
async def test_a_changed_timer_is_used(mode: str, request_name: str) -> None:
    bench = full_bench(mode)
    bench.ev.timing = {f"V2G_EVCC_Msg_Timeout.{request_name}": 0.125}
    result = await spoil(bench, request_name, silence)
    assert "V2G_EVCC_Msg_Timeout" in result.outcome.reason
    assert "0.125 s" in result.outcome.reason


async def test_din_says_goodbye_without_an_answer_to_welding_detection() -> None:
    result = await spoil(full_bench("din"), "WeldingDetectionReq", silence)
    assert result.outcome.ok
    assert any("no WeldingDetectionRes: V2G_EVCC_Msg_Timeout (2 s)" in note for note in result.outcome.notes)
    assert result.sent_after() == ["SessionStopReq"]


def never(bench: Bench, request_name: str, **changes: Any) -> None:
    """The charger answers a request with these fields, always."""
    request = getattr(bench.protocol.module, request_name)
    right = bench.se.answers[bench.protocol.name][request]
    answer(bench, request, lambda visit, asked: msgspec.structs.replace(right(visit, asked), **changes))


AUTHORIZATION = {"din": "ContractAuthenticationReq", "iso2-dc": "AuthorizationReq", "iso2-ac": "AuthorizationReq"}

ONGOING = [
    *((mode, name, "V2G_EVCC_Ongoing_Timeout", 60.0) for mode, name in AUTHORIZATION.items()),
    *((mode, "ChargeParameterDiscoveryReq", "V2G_EVCC_Ongoing_Timeout", 60.0) for mode in MODES),
    *((mode, "CableCheckReq", "V2G_EVCC_CableCheck_Timeout", 40.0) for mode in ("din", "iso2-dc")),
]


async def timed(bench: Bench) -> tuple[Outcome, dict[str, float]]:
    """A session; when each message was sent or received first."""
    outcome, _ = await bench.run()
    first: dict[str, float] = {}
    for event in bench.events["ev"]:
        if event.layer == "message":
            first.setdefault(event.name, event.time)
    first["end"] = next(e.time for e in bench.events["ev"] if e.layer == "error" and e.name == "ended")
    assert isinstance(outcome, Outcome)
    return outcome, first


@pytest.mark.parametrize(("mode", "request_name", "timer", "seconds"), ONGOING)
async def test_ongoing_forever(mode: str, request_name: str, timer: str, seconds: float) -> None:
    """The charger's processing never finishes."""
    bench = Bench(mode, test_seconds=0.2)
    # A charger that gives up by itself does so earlier: this one does not.
    bench.se.timing = {"V2G_SECC_Ongoing_Performance_Time": 1e6, "V2G_SECC_CableCheck_Performance_Time": 1e6}
    never(bench, request_name, EVSEProcessing="Ongoing")
    outcome, first = await timed(bench)
    assert outcome.cause is Cause.TIMEOUT
    assert f"{timer} ({seconds:g} s)" in outcome.reason
    assert first["end"] - first[request_name] == pytest.approx(seconds, abs=0.2)
    assert bench.safe


@pytest.mark.parametrize("mode", ["din", "iso2-dc"])
async def test_precharge_that_never_reaches_the_voltage(mode: str) -> None:
    """The contactors stay open: the inlet never had the battery's voltage."""
    bench = Bench(mode, test_seconds=0.2)
    assert bench.power is not None
    precharge = bench.power.precharge
    bench.power.precharge = lambda _, current: precharge(10.0, current)  # type: ignore[method-assign]  # a weak supply
    outcome, first = await timed(bench)
    assert outcome.cause is Cause.TIMEOUT
    assert "V2G_EVCC_PreCharge_Timeout (7 s)" in outcome.reason
    assert first["end"] - first["PreChargeReq"] == pytest.approx(7.0, abs=0.2)
    assert "PowerDeliveryReq" not in first
    assert bench.vehicle.contactors.mishaps == []
    assert bench.safe


async def test_din_has_a_limit_until_power_is_delivered() -> None:
    """V2G_EVCC_ReadyToCharge_Timeout runs from SessionSetupRes on, across everything that takes time there."""
    bench = Bench("din", test_seconds=0.2)
    bench.ev.timing = {"V2G_EVCC_ReadyToCharge_Timeout": 20.0}
    never(bench, "ChargeParameterDiscoveryReq", EVSEProcessing="Ongoing")
    outcome, first = await timed(bench)
    assert outcome.cause is Cause.TIMEOUT
    assert "V2G_EVCC_ReadyToCharge_Timeout (20 s)" in outcome.reason
    assert first["end"] - first["SessionSetupRes"] == pytest.approx(20.0, abs=0.2)


@pytest.mark.parametrize("mode", MODES)
async def test_the_session_has_to_be_set_up_in_time(mode: str) -> None:
    """V2G_EVCC_CommunicationSetup_Timeout counts both messages, however patient each is."""
    bench = Bench(mode)
    bench.ev.timing = {"V2G_EVCC_Msg_Timeout.SessionSetupReq": 60.0}
    result = await spoil(bench, "SessionSetupReq", silence)
    assert "V2G_EVCC_CommunicationSetup_Timeout (20 s)" in result.outcome.reason
    assert result.ended == pytest.approx(20.0, abs=0.6)


async def test_a_limit_that_is_over_waits_for_no_request() -> None:
    """A request that was due, and was not sent, leaves nothing that the next one would start."""
    drive: Any = SimpleNamespace(when_sent={}, now=0.0)
    with pytest.raises(LocalError):
        async with Drive.limit(drive, 5.0, from_request=True):
            raise LocalError("out of order")
    assert drive.when_sent == {}
