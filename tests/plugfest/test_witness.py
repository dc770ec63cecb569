"""A live session is judged like its recording, and costs no more the longer it lasts."""

from __future__ import annotations

from bench import Bench

from plugfest.traces.checks import judge
from plugfest.traces.recording import from_events
from plugfest.virtual import run
from plugfest.witness import MOST, Witness
from v2g.messages import iso2


async def session(duration: float, *, refuses: bool = False) -> Bench:
    bench = Bench("iso2-dc", duration=duration)
    if refuses:
        bench.se.rewrite[iso2.WeldingDetectionRes] = lambda _: iso2.WeldingDetectionRes(
            ResponseCode="FAILED",
            DC_EVSEStatus=iso2.DC_EVSEStatusType(
                NotificationMaxDelay=0, EVSENotification="None", EVSEStatusCode="EVSE_Ready"
            ),
            EVSEPresentVoltage=iso2.PhysicalValueType(Multiplier=0, Unit="V", Value=0),
        )
    await bench.run()
    return bench


def test_a_long_session_is_judged_by_what_is_kept_of_it() -> None:
    """The loop's middle is forgotten; the end is judged as in the whole recording."""
    events = run(session(120.0, refuses=True)).events["ev"]
    witness = Witness("evcc")
    witness.begin()
    most = 0
    for event in events:
        witness.observe(event)
        most = max(most, len(witness._events))
    assert len(events) > 2 * MOST
    assert most <= MOST
    kept, whole = witness.judgement().diagnosis, judge(from_events(events)).diagnosis
    assert (kept.step, kept.side, kept.fault) == (whole.step, whole.side, whole.fault)
    assert "WeldingDetectionReq" in kept.sentence
