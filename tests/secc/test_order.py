"""Every request in every state: what the table of sequences says is what the charger does."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from bench import MODES
from sampling import sampled
from secc_driver import PILOT, REQUESTS, Driver, arrive, response_classes, routes

from plugfest.virtual import run
from secc.minimal import minimal
from v2g.errors import ConnectionLost
from v2g.outcome import Cause
from v2g.protocols import APPPROTO, offer
from v2g.sequence import TABLES

Row = tuple[str, str, str]


@functools.cache
def ways(mode: str, full: bool) -> dict[Row, tuple[str, ...]]:
    """The way into each row; asked for before a test's own loop runs."""
    return run(routes(mode, full=full))


@pytest.fixture(autouse=True)
def _ways_are_known() -> None:
    for mode in MODES:
        for full in (False, True):
            ways(mode, full)


def verdict(where: Row, label: str) -> str:
    """What the row says of a request."""
    names = {label.partition(":")[0], label}
    if names & set(where[1].split()):
        return "legal"
    return "tolerated" if names & set(where[2].split()) else "illegal"


def test_every_row_of_the_tables_is_reached() -> None:
    """So that no state of a session is left out below."""
    for name, table in TABLES.items():
        reached = {row for mode in MODES if MODES[mode][0].name == name for row in ways(mode, True)}
        assert reached == {(step.after, step.then, step.tolerated) for step in table}


async def refused(driver: Driver, response: Any) -> None:
    """FAILED_SequenceError, then the connection is closed, and nothing is live."""
    assert response.ResponseCode == "FAILED_SequenceError"
    assert not driver.driven
    outcome = await driver.closed()
    assert outcome.cause is Cause.PEER
    assert "FAILED_SequenceError" in outcome.reason
    assert not driver.bench.evse.energised


@pytest.mark.parametrize("tolerant", [True, False], ids=["tolerant", "strict"])
@pytest.mark.parametrize("full", sampled([False, True], 2), ids=["standard", "full"])
@pytest.mark.parametrize("mode", MODES)
async def test_every_request_in_every_state(mode: str, full: bool, tolerant: bool) -> None:
    """Legal: answered as such. Illegal: the paired response with FAILED_SequenceError, closed, output off."""
    for where, way in ways(mode, full).items():
        if not where[1]:
            continue  # the session is over: see below
        for label, request in REQUESTS[mode].items():
            case = f"{label} after {' '.join(way) or 'the handshake'}"
            driver = await arrive(mode, way, full=full, tolerant=tolerant)
            assert driver is not None, case
            says = verdict(where, label)
            if says == "legal" or (says == "tolerated" and tolerant):
                if label in PILOT:
                    driver.bench.wire.ev.set(PILOT[label])
                response = await driver.ask(request)
                if label == "PowerDeliveryReq:start" and mode == "iso2-dc" and "CableCheckReq" not in way:
                    await refused(driver, response)  # tolerated after a renegotiation only
                    continue
                assert response.ResponseCode != "FAILED_SequenceError", case
                outcome = await driver.leave()
                assert ("sequence" in outcome.tolerances) == (says == "tolerated"), case
            else:
                try:
                    await refused(driver, await driver.ask(request))
                except AssertionError as why:
                    raise AssertionError(case) from why


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_not_a_request_ends_the_session(mode: str) -> None:
    """A response sent as a request has no response that pairs: the charger closes without an answer."""
    for way in ways(mode, False).values():
        for kind in response_classes(MODES[mode][0].module)[::4]:
            driver = await arrive(mode, way, full=False)
            assert driver is not None
            if driver.sequence.last == "SessionStopReq":
                continue
            await driver.send(minimal(MODES[mode][0].schema, kind, ResponseCode="OK"))
            outcome = await driver.closed()
            assert outcome.cause is Cause.PEER
            assert f"{kind.__name__} is not a request" in outcome.reason
            assert not driver.driven


@pytest.mark.parametrize("mode", MODES)
async def test_a_second_handshake_ends_the_session(mode: str) -> None:
    """supportedAppProtocolReq in a session is a violation of the protocol."""
    for way in ways(mode, False).values():
        driver = await arrive(mode, way, full=False)
        assert driver is not None
        if driver.sequence.last == "SessionStopReq":
            continue
        spoken, driver.session.protocol = driver.session.protocol, APPPROTO
        await driver.session.send(offer([spoken]))
        driver.session.protocol = spoken
        outcome = await driver.closed()
        assert outcome.cause is Cause.PEER
        assert not driver.driven


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_is_answered_after_the_end(mode: str) -> None:
    """After SessionStopRes the charger waits for the vehicle to close, and says nothing more."""
    way = next(way for where, way in ways(mode, False).items() if not where[1])
    for request in REQUESTS[mode].values():
        driver = await arrive(mode, way, full=False)
        assert driver is not None
        await driver.send(request)
        outcome = await driver.closed()
        assert outcome.ok
        with pytest.raises(ConnectionLost):
            await driver.session.receive()
