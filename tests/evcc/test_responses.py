"""Every response of a session spoilt in every way: how the vehicle describes it, and that it is safe afterwards."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from bench import MODES
from spoil import (
    CASES,
    HANDSHAKE,
    SPOKEN,
    Spoiled,
    assert_safe,
    assert_silent,
    exchanges,
    failed_codes,
    full_bench,
    response_class,
    response_classes,
    spoil,
)

import exi
from secc.minimal import minimal
from v2g.outcome import Cause

every_response = pytest.mark.parametrize(("mode", "request_name", "place"), CASES)
every_spoken_response = pytest.mark.parametrize(("mode", "request_name", "place"), SPOKEN)


def answer_to(request: str) -> str:
    return request.removesuffix("Req") + "Res"


def replaced(**fields: Any) -> Callable[[Spoiled, bytes], bytes]:
    """A fault: the right response with other fields."""

    def change(document: Any) -> Any:
        if not hasattr(document, "Body"):
            return msgspec.structs.replace(document, **fields)
        document.Body.BodyElement = msgspec.structs.replace(document.Body.BodyElement, **fields)
        return document

    return lambda result, data: result.changed(data, change)


def with_id(make: Callable[[bytes], bytes]) -> Callable[[Spoiled, bytes], bytes]:
    """A fault: the right response with another session id."""

    def change(document: Any) -> None:
        document.Header.SessionID = make(document.Header.SessionID)

    return lambda result, data: result.changed(data, change)


@pytest.mark.parametrize("mode", MODES)
async def test_the_session_that_is_spoilt_contains_every_exchange(mode: str) -> None:
    """Otherwise the tests below would leave some out; and without a fault it is a good one."""
    bench = full_bench(mode, tolerant=False)
    vehicle, charger = await bench.run()
    assert vehicle.ok
    assert charger.ok
    names = bench.names()
    assert {name for name in names if name.endswith("Req")} == {request for request, _ in exchanges(mode)}
    assert all(names.count(request) >= place for request, place in exchanges(mode))


# ---------------------------------------------------------------------------------------------------------------
# Wrong content


@pytest.mark.parametrize("shift", [1, 7])
@every_spoken_response
async def test_a_response_of_another_type(mode: str, request_name: str, place: int, shift: int) -> None:
    bench = full_bench(mode)
    kinds = [k for k in response_classes(bench.protocol.module) if k is not response_class(mode, request_name)]
    other = kinds[(SPOKEN.index((mode, request_name, place)) * 2 + shift) % len(kinds)]

    def change(document: Any) -> None:
        document.Body.BodyElement = minimal(bench.protocol.schema, other, dc=not bench.ac, ResponseCode="OK")

    result = await spoil(bench, request_name, lambda result, data: result.changed(data, change), place)
    assert (result.outcome.cause, result.outcome.reason) == (
        Cause.PEER,
        f"{other.__name__} in answer to {request_name}",
    )
    assert_safe(result)
    assert_silent(result)


def refusals() -> list[tuple[str, str, int, str]]:
    """Each response with some code, and each code with some response."""
    found = []
    for mode in MODES:
        cases, codes = [case for case in SPOKEN if case[0] == mode], failed_codes(MODES[mode][0].module)
        count = max(len(cases), len(codes))
        pairs = zip(range(count), itertools.cycle(cases), itertools.cycle(codes))
        found += [(*case, code) for _, case, code in pairs]
    return found


@pytest.mark.parametrize(("mode", "request_name", "place", "code"), refusals())
async def test_a_refusal(mode: str, request_name: str, place: int, code: str) -> None:
    result = await spoil(full_bench(mode), request_name, replaced(ResponseCode=code), place)
    assert (result.outcome.cause, result.outcome.reason) == (Cause.PEER, f"{answer_to(request_name)} {code}")
    assert_safe(result)
    assert_silent(result)


def test_every_code_refuses_something() -> None:
    tried = {(mode, code) for mode, _, _, code in refusals()}
    assert tried == {(mode, code) for mode in MODES for code in failed_codes(MODES[mode][0].module)}
    assert len({code for _, code in tried}) > 22


IDS: dict[str, Callable[[bytes], bytes]] = {
    "another": lambda own: bytes(byte ^ 0xFF for byte in own),
    "one bit": lambda own: own[:-1] + bytes((own[-1] ^ 1,)),
    "zero": lambda own: bytes(len(own)),
    "one zero byte": lambda own: bytes(1),
    "empty": lambda own: b"",
    "odd length": lambda own: own[:7],
    "last bytes only": lambda own: own[1:],
}


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize(
    ("mode", "request_name", "place"),
    [case for case in SPOKEN if case[1] != "SessionSetupReq"],  # that brings the id
)
async def test_another_session_id(mode: str, request_name: str, place: int, kind: str) -> None:
    result = await spoil(full_bench(mode), request_name, with_id(IDS[kind]), place)
    assert result.outcome.cause is Cause.PEER
    assert result.outcome.reason.startswith("session id")
    assert f"expected {result.outcome.session_id}" in result.outcome.reason
    assert result.outcome.tolerances == []
    assert_safe(result)
    assert_silent(result)


@pytest.mark.parametrize("given", [b"abc", bytes.fromhex("0000000001"), b"\7", bytes.fromhex("0123456789abcdef")])
@pytest.mark.parametrize("mode", MODES)
async def test_the_id_of_session_setup_is_echoed_byte_for_byte(mode: str, given: bytes) -> None:
    bench = full_bench(mode)
    result = await spoil(bench, "SessionSetupReq", with_id(lambda own: given))
    following = next(e for e in result.sent() if e.name == "ServiceDiscoveryReq")
    assert following.message.Header.SessionID == given
    assert result.outcome.session_id == given.hex()
    assert result.outcome.tolerances == []
    assert_safe(result, result.ended)


# ---------------------------------------------------------------------------------------------------------------
# Wrong moment


@every_spoken_response
async def test_a_request_instead_of_the_response(mode: str, request_name: str, place: int) -> None:
    """A charger that echoes."""
    result = await spoil(full_bench(mode), request_name, lambda result, data: result.sent()[-1].data, place)
    assert (result.outcome.cause, result.outcome.reason) == (Cause.PEER, f"{request_name} in answer to {request_name}")
    assert_safe(result)
    assert_silent(result)


@pytest.mark.parametrize("mode", MODES)
async def test_an_echo_of_the_handshake(mode: str) -> None:
    result = await spoil(full_bench(mode), HANDSHAKE, lambda result, data: result.sent()[-1].data)
    assert (result.outcome.cause, result.outcome.reason) == (Cause.PEER, f"{HANDSHAKE} in answer to {HANDSHAKE}")
    assert_safe(result)
    assert_silent(result)


@every_response
async def test_an_answer_to_an_earlier_request(mode: str, request_name: str, place: int) -> None:
    """What the charger sent last that is of another type."""

    def earlier(result: Spoiled, data: bytes) -> bytes:
        sent = [e for e in result.bench.events["se"] if e.layer == "message" and e.direction == "tx"]
        old = [e.data for e in sent if e.name not in (answer_to(request_name), answer_to(HANDSHAKE))]
        return old[-1] if old else minimal_exi(result)

    def minimal_exi(result: Spoiled) -> bytes:
        """There is none before the session: this one answers an earlier session."""
        protocol = result.bench.protocol
        stopped = minimal(protocol.schema, protocol.module.SessionStopRes, ResponseCode="OK")
        return exi.encode(protocol.schema, protocol.wrap(stopped, bytes(8)))

    result = await spoil(full_bench(mode), request_name, earlier, place)
    assert result.outcome.cause is Cause.PEER
    assert "in a session of" in result.outcome.reason or f"in answer to {request_name}" in result.outcome.reason
    assert_safe(result)
    assert_silent(result)


@every_response
async def test_a_response_that_comes_twice(mode: str, request_name: str, place: int) -> None:
    """The second is taken for the answer to the next request, which shows when that is another one."""
    result = await spoil(full_bench(mode), request_name, lambda result, frame: frame + frame, place, frame=True)
    if request_name == "SessionStopReq":
        assert result.outcome.ok
    elif result.outcome.cause is Cause.ABORTED:  # out of step, the vehicle missed the wish for a receipt
        assert request_name == "ChargingStatusReq"
        assert "MeteringReceiptReq" in result.charger.reason
        assert "PWM off" in result.outcome.reason
    else:
        assert result.outcome.cause is Cause.PEER
        stale = f"{answer_to(request_name)} in answer to"
        assert stale in result.outcome.reason or "in a session of" in result.outcome.reason
    assert_safe(result, result.ended)


@every_response
async def test_the_connection_is_closed_instead_of_an_answer(mode: str, request_name: str, place: int) -> None:
    def hang_up(result: Spoiled, data: bytes) -> None:
        assert result.channel is not None
        result.channel.abort()

    result = await spoil(full_bench(mode), request_name, hang_up, place)
    assert (result.outcome.cause, result.outcome.reason) == (Cause.PEER, "the peer closed the connection")
    assert_safe(result)
    assert_silent(result)


@every_response
async def test_the_connection_is_closed_within_an_answer(mode: str, request_name: str, place: int) -> None:
    async def half(result: Spoiled, frame: bytes) -> None:
        assert result.channel is not None
        await result.channel.write(frame[: len(frame) // 2])
        result.channel.abort()

    result = await spoil(full_bench(mode), request_name, half, place, frame=True)
    assert result.outcome.cause is Cause.PEER
    assert "closed the connection after" in result.outcome.reason
    assert_safe(result)
    assert_silent(result)
