"""Every time-out of the charger: what it waits for, how long, what it says, and that nothing is live then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bench import MODES, Bench
from secc_driver import LOOPS, NORMAL, PILOT, REQUESTS, Driver

from secc.authorizer import Delayed
from slac.pilot import State
from v2g.errors import ConnectionLost
from v2g.outcome import Cause, Outcome

STEPS = [(mode, number) for mode in MODES for number in range(1, len(NORMAL[mode].split()))]
ONCE = [(mode, n) for mode, n in STEPS if NORMAL[mode].split()[n] != NORMAL[mode].split()[n - 1]]


async def closed_after(driver: Driver, seconds: float) -> Outcome:
    """The charger is silent for ``seconds``, then switches off and, when the output is dead, closes."""
    start = driver.now
    with pytest.raises(ConnectionLost):
        await driver.session.receive()
    assert seconds - 0.01 <= driver.now - start <= seconds + 1.0
    return await driver.charger


@pytest.mark.parametrize(("mode", "number"), STEPS)
async def test_no_next_request(mode: str, number: int) -> None:
    """V2G_SECC_Sequence_Timeout after every response of a session: closed, and off."""
    driver = await Driver.connect(mode)
    await driver.walk(NORMAL[mode].split()[:number])
    outcome = await closed_after(driver, 60.0)
    assert outcome.cause is Cause.TIMEOUT
    assert "V2G_SECC_Sequence_Timeout (60 s)" in outcome.reason
    assert not driver.driven
    assert not driver.bench.evse.energised


# A repeated CableCheckReq has a shorter time of its own, below.
@pytest.mark.parametrize(("mode", "number"), ONCE)
async def test_a_request_just_in_time(mode: str, number: int) -> None:
    driver = await Driver.connect(mode)
    steps = NORMAL[mode].split()
    await driver.walk(steps[:number])
    await asyncio.sleep(59.99)
    response = await driver.step(steps[number])
    assert response.ResponseCode.startswith("OK"), response
    await driver.leave()


@pytest.mark.parametrize("handshake", [False, True])
@pytest.mark.parametrize("mode", MODES)
async def test_no_session_is_set_up(mode: str, handshake: bool) -> None:
    """V2G_SECC_CommunicationSetup_Performance_Time covers supportedAppProtocol and SessionSetup."""
    driver = await Driver.connect(mode, handshake=handshake)
    outcome = await closed_after(driver, 18.0)
    assert outcome.cause is Cause.TIMEOUT
    assert "V2G_SECC_CommunicationSetup_Performance_Time (18 s)" in outcome.reason


async def polled(driver: Driver, label: str, every: float = 0.5) -> tuple[Any, float]:
    """Repeats a request while the charger says Ongoing; the last response and the seconds it took."""
    start = driver.now
    while True:
        if label in PILOT:
            driver.bench.wire.ev.set(PILOT[label])
        response = await driver.ask(REQUESTS[driver.mode][label])
        if getattr(response, "EVSEProcessing", "Finished") == "Finished":
            return response, driver.now - start
        await asyncio.sleep(every)


AUTHORIZATION = {"din": "ContractAuthenticationReq", "iso2-dc": "AuthorizationReq", "iso2-ac": "AuthorizationReq"}


@pytest.mark.parametrize("mode", MODES)
async def test_authorization_that_never_comes(mode: str) -> None:
    """V2G_SECC_Ongoing_Performance_Time, then FAILED [V2G2-713]."""
    driver = await Driver.connect(mode, bench=Bench(mode, test_seconds=0.2, authorizer=Delayed(1e6)))
    await driver.reach(AUTHORIZATION[mode])
    response, took = await polled(driver, AUTHORIZATION[mode])
    assert response.ResponseCode.startswith("FAILED")
    assert took == pytest.approx(55.0, abs=0.6)
    outcome = await driver.closed()
    assert "V2G_SECC_Ongoing_Performance_Time (55 s)" in outcome.reason


@pytest.mark.parametrize("mode", ["din", "iso2-dc"])
async def test_a_cable_check_that_never_ends(mode: str) -> None:
    """V2G_SECC_CableCheck_Performance_Time, then FAILED and off."""
    driver = await Driver.connect(mode, bench=Bench(mode, test_seconds=1e6))
    await driver.reach("CableCheckReq")
    response, took = await polled(driver, "CableCheckReq")
    assert response.ResponseCode == "FAILED"
    assert took == pytest.approx(38.0, abs=0.6)
    assert not driver.driven
    outcome = await driver.closed()
    assert "V2G_SECC_CableCheck_Performance_Time (38 s)" in outcome.reason
    assert not driver.bench.evse.energised


@pytest.mark.parametrize("tolerant", [True, False], ids=["tolerant", "strict"])
@pytest.mark.parametrize("mode", ["din", "iso2-dc"])
async def test_precharge_without_end(mode: str, tolerant: bool) -> None:
    """A strict charger refuses after V2G_SECC_PreCharge_Performance_Time; a tolerant one reports it."""
    driver = await Driver.connect(mode, tolerant=tolerant)
    await driver.reach("PreChargeReq")
    start = driver.now
    while driver.now - start < 9.0:
        response = await driver.ask(REQUESTS[mode]["PreChargeReq"])
        if response.ResponseCode != "OK":
            break
        await asyncio.sleep(0.25)
    if tolerant:
        assert response.ResponseCode == "OK"
        outcome = await driver.leave()
        assert "precharge-time" in outcome.tolerances
        return
    assert response.ResponseCode == "FAILED"
    assert driver.now - start == pytest.approx(5.0, abs=0.5)
    assert "V2G_SECC_PreCharge_Performance_Time (5 s)" in (await driver.closed()).reason
    assert not driver.bench.evse.energised


async def test_din_has_a_limit_until_power_is_delivered() -> None:
    """V2G_SECC_ReadyToCharge_Performance_Time from SessionSetupRes on, over all phases."""
    driver = await Driver.connect("din")
    await driver.reach("PowerDeliveryReq:start")
    for _ in range(3):
        await asyncio.sleep(50.0)
        response = await driver.ask(REQUESTS["din"]["PreChargeReq"])
        if response.ResponseCode != "OK":
            break
    assert response.ResponseCode.startswith("FAILED")
    outcome = await driver.closed()
    assert "V2G_SECC_ReadyToCharge_Performance_Time (148 s)" in outcome.reason
    assert not driver.bench.evse.energised


@pytest.mark.parametrize(
    ("mode", "label", "state"),
    [
        ("din", "CableCheckReq", State.B),
        ("iso2-dc", "CableCheckReq", State.B),
        ("din", "WeldingDetectionReq", State.C),
        ("iso2-dc", "WeldingDetectionReq", State.C),
        ("iso2-ac", "PowerDeliveryReq:start", State.B),
    ],
)
async def test_the_pilot_does_not_follow(mode: str, label: str, state: State) -> None:
    """V2G_SECC_CPState_Detection_Timeout: how long the charger waits for the state that a request presupposes."""
    driver = await Driver.connect(mode)
    await driver.reach(label)
    driver.bench.wire.ev.set(state)
    start = driver.now
    response = await driver.ask(REQUESTS[mode][label])
    assert response.ResponseCode.startswith("FAILED")
    assert driver.now - start == pytest.approx(1.5, abs=0.05)
    await driver.closed()
    assert not driver.bench.evse.energised


async def test_an_ac_contactor_that_does_not_close() -> None:
    """V2G_SECC_Contactor_Close_Time, then FAILED_ContactorError [V2G2-862]."""
    driver = await Driver.connect("iso2-ac")
    await driver.reach("PowerDeliveryReq:start")
    assert driver.bench.evse.ac is not None
    driver.bench.evse.ac.close = lambda: None  # type: ignore[method-assign]  # the test stands in for it
    start = driver.now
    response = await driver.step("PowerDeliveryReq:start")
    assert response.ResponseCode == "FAILED_ContactorError"
    assert driver.now - start == pytest.approx(3.0, abs=0.1)
    await driver.closed()


@pytest.mark.parametrize("mode", MODES)
async def test_the_vehicle_does_not_close(mode: str) -> None:
    """TCP_Connection_Termination_Timeout after SessionStopRes: the charger closes by itself."""
    driver = await Driver.connect(mode)
    await driver.walk(NORMAL[mode].split())
    outcome = await closed_after(driver, 5.0)
    assert outcome.ok


@pytest.mark.parametrize("mode", MODES)
async def test_a_stop_that_the_vehicle_ignores(mode: str) -> None:
    """After NotificationMaxDelay and a grace the charger switches off by itself, and refuses to go on."""
    driver = await Driver.connect(mode)
    await driver.charge()
    evse, loop = driver.bench.evse, LOOPS[driver.bench.ac]
    evse.request_stop(3.0)
    start, off = driver.now, None
    while True:
        response = await driver.ask(REQUESTS[mode][loop])
        off = driver.now - start if off is None and not driver.driven else off
        if response.ResponseCode != "OK":
            break
        assert driver.now - start < 10.0
        await asyncio.sleep(0.1)
    assert response.ResponseCode.startswith("FAILED")
    assert off == pytest.approx(5.0, abs=0.2)
    outcome = await driver.closed()
    assert "NotificationMaxDelay" in outcome.reason
