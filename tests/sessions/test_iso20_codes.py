"""Every ResponseCode where it may come, and some where it may not: the vehicle of ISO 15118-20 ends well or goes on."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from bench import Bench, iso20_bench
from sampling import sampled

from plugfest.virtual import run
from secc.minimal import minimal
from v2g.outcome import Cause
from v2g.protocols import ISO20
from v2g.rules.iso20.status import ANYWHERE, CODES

MODES = [("iso20-dc", "scheduled"), ("iso20-ac-bpt", "dynamic")]
FOREIGN = ("WARNING_WPT", "WARNING_StandbyNotAllowed", "FAILED_AssociationError", "OK_PowerToleranceConfirmed")
"""Codes of other messages."""
LATER = 10
"""Loop responses that go well before."""


@functools.cache
def responses(mode: str, control: str) -> list[str]:
    """The responses of a good session, once each."""

    async def one() -> list[str]:
        bench = iso20_bench(mode, control)
        await bench.run()
        return bench.names()

    names = run(one())
    return [name for name in dict.fromkeys(names) if name.endswith("Res") and not name.startswith("supported")]


def codes(name: str) -> list[str]:
    return sorted(ANYWHERE | CODES.get(name, set()) | set(FOREIGN))


CASES = [(mode, control, name) for mode, control in MODES for name in responses(mode, control)]


async def once(mode: str, control: str, name: str, code: str) -> tuple[Bench, Any]:
    """A session in which one response has another code; refusals have minimal fields."""
    bench = iso20_bench(mode, control, duration=3.0)
    kind = ISO20.message(name)
    assert kind is not None
    seen = 0

    def coded(message: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen != (LATER if "Loop" in name else 1):
            return message
        if code.startswith("FAILED"):
            return minimal(ISO20.schema_of(kind), kind, dc="-dc" in mode, ResponseCode=code)
        message.ResponseCode = code
        return message

    bench.se.rewrite[kind] = coded
    return bench, (await bench.run())[0]


PUT_IN = ("OK_OldSessionJoined", "WARNING_PowerToleranceNotConfirmed")
"""Codes that ask for what comes next, which a charger that never gave them refuses: they were put into its response."""


@pytest.mark.parametrize(("mode", "control", "name"), sampled(CASES, 3))
async def test_vehicle_acts_on_each_response_code(mode: str, control: str, name: str) -> None:
    """FAILED ends the session and names its code; OK and WARNING let it go on, or end it with a goodbye."""
    for code in codes(name):
        bench, vehicle = await once(mode, control, name, code)
        assert bench.safe, code
        assert not bench.vehicle.contactors.mishaps, (code, bench.vehicle.contactors.mishaps)
        if code.startswith("FAILED"):
            assert vehicle.cause is Cause.PEER, (code, vehicle)
            assert code in vehicle.reason, (code, vehicle)
            after = bench.names()[bench.names().index(name) + 1 :] if "Loop" not in name else []
            assert not [other for other in after if other.endswith("Req") and not other.startswith(name[:-3])], code
        else:
            assert vehicle.cause in (Cause.COMPLETE, Cause.PEER), (code, vehicle)
            if not vehicle.ok:
                assert "WARNING" in vehicle.reason or code in PUT_IN, (code, vehicle)
                assert bench.names()[-1] == "SessionStopRes" or code in PUT_IN, (code, bench.names()[-3:])
