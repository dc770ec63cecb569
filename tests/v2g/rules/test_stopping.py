"""A vehicle that goes on although the charger asks it to stop, in recordings of every protocol."""

from __future__ import annotations

import pytest
from bench import ISO20_MODES, LOOP, MODES, Bench, message_seen

from evcc import checks, iso20_course
from plugfest.traces.checks import judge
from plugfest.traces.recording import from_events
from plugfest.virtual import run
from secc.charger import Wish


async def stopped(mode: str) -> Bench:
    """A session that the charger ends in the loop, with 3 s for the vehicle."""
    bench = Bench(mode, duration=60.0)

    async def during(bench: Bench) -> None:
        loop = LOOP.get(mode) or ("AC_ChargeLoopReq" if bench.ac else "DC_ChargeLoopReq")
        await message_seen(bench, loop, 20)
        bench.evse.request(Wish.STOP, 3)

    await bench.run(during)
    return bench


def against(bench: Bench) -> list[str]:
    recordings = [from_events(bench.events["ev"]), from_events(bench.events["se"], role="secc")]
    found = [finding for recording in recordings for finding in judge(recording).findings]
    return [f.rule for f in found if f.side == "evcc" and f.severity != "note" and f.rule != "tls"]


@pytest.mark.parametrize("mode", [*MODES, *ISO20_MODES])
def test_a_vehicle_that_stops_in_time_is_right(mode: str) -> None:
    assert against(run(stopped(mode))) == []


@pytest.mark.parametrize("mode", [*MODES, *ISO20_MODES])
def test_a_vehicle_that_never_stops_is_blamed(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The charger switches off and refuses the next request, and that is not its fault."""
    for name in ("dc_ending", "wishes"):
        monkeypatch.setattr(checks, name, lambda *given: None)
    monkeypatch.setattr(iso20_course, "wishes", lambda *given: None)
    found = judge(from_events(run(stopped(mode)).events["ev"])).diagnosis
    assert (found.side, "after the charger asked to stop" in found.sentence) == ("evcc", True)
