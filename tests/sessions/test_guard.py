"""What watches a charger between messages: without it, the output is off."""

from __future__ import annotations

import asyncio

import pytest
from bench import Bench

from secc import serve
from v2g.outcome import Cause


@pytest.mark.parametrize("mode", ["din", "iso2-dc", "iso2-ac", "iso20-dc", "iso20-ac-bpt"])
async def test_a_guard_that_fails_ends_the_session_with_the_output_off(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It watches nothing any more; nobody has to notice that for the output to go off."""
    bench = Bench(mode, duration=60.0)
    loop, failed = asyncio.get_running_loop(), [0.0]
    loop.set_exception_handler(lambda loop, context: None)
    guard = serve._Guard
    right = guard._look

    def look(self: serve._Guard) -> None:
        if loop.time() > 8.0:
            failed[0] = failed[0] or loop.time()
            raise ZeroDivisionError("a mistake")
        right(self)

    monkeypatch.setattr(guard, "_look", look)
    vehicle, charger = await bench.run()
    assert failed[0]
    assert loop.time() - failed[0] < 5.0
    assert charger.cause is Cause.ABORTED
    assert charger.reason == "the charger's guard failed: ZeroDivisionError: a mistake"
    assert not vehicle.ok
    await asyncio.sleep(5.0)
    assert bench.safe
