"""supportedAppProtocol as a vehicle reads it."""

from __future__ import annotations

import pytest
from bench import MODES, Bench
from spoil import HANDSHAKE, Spoiled, assert_safe, assert_silent, full_bench, spoil

import exi
from v2g import messages
from v2g.messages import appproto
from v2g.outcome import Cause
from v2g.protocols import DIN, ISO2


def selection(code: str, schema_id: int | None) -> bytes:
    return exi.encode(
        messages.schema("appproto"), appproto.supportedAppProtocolRes(ResponseCode=code, SchemaID=schema_id)
    )


@pytest.mark.parametrize("schema_id", [None, 1, 7])
@pytest.mark.parametrize("mode", MODES)
async def test_no_negotiation(mode: str, schema_id: int | None) -> None:
    result = await spoil(full_bench(mode), HANDSHAKE, lambda *_: selection("Failed_NoNegotiation", schema_id))
    assert result.outcome.cause is Cause.NO_PROTOCOL
    assert MODES[mode][0].title in result.outcome.reason
    assert result.outcome.protocol == ""
    assert_safe(result)
    assert_silent(result)


@pytest.mark.parametrize("schema_id", [0, 2, 255])
@pytest.mark.parametrize("mode", MODES)
async def test_a_schema_that_was_not_offered(mode: str, schema_id: int) -> None:
    result = await spoil(full_bench(mode), HANDSHAKE, lambda *_: selection("OK_SuccessfulNegotiation", schema_id))
    assert result.outcome.cause is Cause.PEER
    assert f"SchemaID {schema_id}, which was not offered" in result.outcome.reason
    assert_safe(result)
    assert_silent(result)


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.parametrize("mode", MODES)
async def test_a_minor_deviation_is_not_a_failure(mode: str, tolerant: bool) -> None:
    code = "OK_SuccessfulNegotiationWithMinorDeviation"
    result = await spoil(full_bench(mode, tolerant=tolerant), HANDSHAKE, lambda *_: selection(code, 1))
    assert result.outcome.ok
    assert result.outcome.tolerances == []


@pytest.mark.parametrize("mode", MODES)
async def test_a_missing_schema_id_is_unambiguous_with_a_single_offer(mode: str) -> None:
    def fault(result: Spoiled, data: bytes) -> bytes:
        return selection("OK_SuccessfulNegotiation", None)

    result = await spoil(full_bench(mode), HANDSHAKE, fault)
    assert result.outcome.ok
    assert result.outcome.tolerances == ["missing-schema-id"]
    result = await spoil(full_bench(mode, tolerant=False), HANDSHAKE, fault)
    assert result.outcome.cause is Cause.PEER
    assert result.outcome.reason.startswith("missing-schema-id")
    assert_safe(result)
    assert_silent(result)


async def test_a_missing_schema_id_with_two_offers_chooses_nothing() -> None:
    bench = full_bench("iso2-dc")
    bench.ev.protocols = (ISO2, DIN)
    result = await spoil(bench, HANDSHAKE, lambda *_: selection("OK_SuccessfulNegotiation", None))
    assert result.outcome.cause is Cause.PEER
    assert "without SchemaID in answer to several offers" in result.outcome.reason
    assert_safe(result)
    assert_silent(result)


async def test_the_charger_decides_between_the_offers() -> None:
    """It may take the one that the vehicle likes less."""
    bench = Bench("din", duration=0.5, test_seconds=0.2)
    bench.ev.protocols = (ISO2, DIN)
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert vehicle.protocol == DIN.title


async def test_no_offer_is_left_for_ac_without_iso() -> None:
    """DIN SPEC 70121 has no AC: nothing is said at all."""
    bench = Bench("iso2-ac")
    bench.ev.protocols = (DIN,)
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.NO_PROTOCOL
    assert bench.names() == []
    assert bench.safe
