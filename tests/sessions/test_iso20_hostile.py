"""The vehicle of ISO 15118-20 against a charger that fails it at each message: it ends, safe, and says why."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from bench import COMBINATIONS, Bench, iso20_bench

from plugfest.virtual import run
from secc.minimal import minimal
from v2g.messages.iso20 import common
from v2g.outcome import Cause
from v2g.protocols import ISO20


@functools.cache
def responses(mode: str, control: str) -> list[str]:
    """The responses of a good session, once each."""

    async def one() -> list[str]:
        bench = iso20_bench(mode, control)
        await bench.run()
        return bench.names()

    names = run(one())
    return [name for name in dict.fromkeys(names) if name.endswith("Res") and not name.startswith("supported")]


CASES = [(mode, control, name) for mode, control in COMBINATIONS for name in responses(mode, control)]


def refused(message: Any) -> Any:
    return minimal(ISO20.schema_of(type(message)), type(message), dc=True, ResponseCode="FAILED")


def of_another(message: Any) -> Any:
    other = common.SessionStopRes if not isinstance(message, common.SessionStopRes) else common.ServiceDetailRes
    return minimal(ISO20.schema_of(other), other, ResponseCode="OK")


WAYS: dict[str, tuple[Callable[[Any], Any], set[Cause]]] = {
    "refused": (refused, {Cause.PEER}),
    "another response": (of_another, {Cause.PEER}),
    "garbage": (lambda message: bytes.fromhex("80ffffffffffffff"), {Cause.PEER}),
    "cut": (lambda message: bytes.fromhex("80"), {Cause.PEER}),
    # In the loop both sides give up after half a second; a charger that is first switches its PWM off.
    "nothing": (lambda message: None, {Cause.TIMEOUT, Cause.ABORTED}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("mode", "control", "name"), CASES)
async def test_vehicle_ends_safe_at_every_message(mode: str, control: str, name: str, way: str) -> None:
    """Contactors open without load, pilot B, outlet dead; the outcome names the cause."""
    spoil, causes = WAYS[way]
    kind = ISO20.message(name)
    assert kind is not None
    bench = iso20_bench(mode, control)
    seen = 0

    def second(message: Any) -> Any:
        """Loops go well once, so that power flows when it happens."""
        nonlocal seen
        seen += 1
        return message if "Loop" in name and seen < 20 else spoil(message)

    bench.se.rewrite[kind] = second
    vehicle, _ = await bench.run()
    assert vehicle.cause in causes, vehicle
    assert bench.safe
    assert not bench.vehicle.contactors.mishaps, bench.vehicle.contactors.mishaps


async def test_session_id_of_another_session_ends_the_vehicle() -> None:
    """Checked in every response but the first."""
    bench: Bench = iso20_bench("iso20-dc", "dynamic")

    def another(data: bytes) -> bytes:
        return data[:3] + bytes((data[3] ^ 0x55,)) + data[4:]

    kind = ISO20.message("ServiceDetailRes")
    assert kind is not None
    bench.se.rewrite_exi[kind] = another
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.PEER
    assert "session id" in vehicle.reason
    assert bench.safe


@pytest.mark.parametrize("payload_type", [0x8101, 0x8104, 0x8003, 0x8005, 0x8FFF])
async def test_answer_in_a_frame_of_another_stream_is_ignored(payload_type: int) -> None:
    """Skipped where the vehicle has no such stream, else not a message there; the vehicle ends."""
    bench: Bench = iso20_bench("iso20-dc", "dynamic")
    kind = ISO20.message("ServiceDetailRes")
    assert kind is not None
    bench.se.rewrite_frame[kind] = lambda frame: frame[:2] + payload_type.to_bytes(2, "big") + frame[4:]
    vehicle, _ = await bench.run()
    skipped = payload_type in (0x8101, 0x8104, 0x8FFF)
    assert vehicle.cause is (Cause.TIMEOUT if skipped else Cause.PEER), vehicle
    assert bench.safe
