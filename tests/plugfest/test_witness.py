"""A live session is judged like its recording, and costs no more the longer it lasts."""

from __future__ import annotations

import dataclasses
import functools

import pytest
from bench import Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from plugfest.summary import summary
from plugfest.traces.checks import judge
from plugfest.traces.recording import from_events
from plugfest.virtual import run
from plugfest.witness import MOST, Witness
from v2g.messages import iso2
from v2g.outcome import Cause, Outcome
from v2g.trace import Event


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
    most = 0
    for event in events:
        witness.observe(event)
        most = max(most, len(witness._events))
    assert len(events) > 2 * MOST
    assert most <= MOST
    kept, whole = witness.judgement().diagnosis, judge(from_events(events)).diagnosis
    assert (kept.step, kept.side, kept.fault) == (whole.step, whole.side, whole.fault)
    assert "WeldingDetectionReq" in kept.sentence


FLOODS = {
    "side stream": Event(0.0, "v2gtp", "skipped", "rx", note="payload type 0x8003 (ISO 15118-20 AC), 4 bytes"),
    "SDP": Event(0.0, "sdp", "SDPRequest", "rx", bytes.fromhex("01fe9000000000021000")),
    "SLAC": Event(0.0, "slac", "undecodable", "rx", b"\xff" * 6 + b"\2" * 6 + b"\x88\xe1\1", note="3 octets"),
    "tolerated": Event(0.0, "tolerance", "header-id", note="SessionID"),
}


@pytest.mark.parametrize("flood", FLOODS)
@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(1, 4 * MOST)), min_size=1, max_size=3))
def test_a_flood_does_not_change_the_verdict(flood: str, waves: list[tuple[float, int]]) -> None:
    """However much of another layer comes, and whenever: the messages are kept, and with them what went wrong."""
    events = refused()
    at = {int(share * len(events)): count for share, count in waves}
    witness, whole = Witness("evcc"), judge(from_events(events)).diagnosis
    for place, event in enumerate(events):
        for _ in range(at.get(place, 0)):
            witness.observe(dataclasses.replace(FLOODS[flood], time=event.time))
            assert len(witness._events) <= MOST
        witness.observe(event)
    kept = witness.judgement().diagnosis
    assert (kept.step, kept.side, kept.fault, kept.sentence) == (whole.step, whole.side, whole.fault, whole.sentence)


@functools.cache
def refused() -> list[Event]:
    return run(session(1.0, refuses=True)).events["ev"]


def test_each_session_is_judged_by_itself() -> None:
    """What failed before, and what it left behind, says nothing of the next one; its own pilot and SLAC do."""
    failed, fine = (run(session(1.0, refuses=refuses)).events["ev"] for refuses in (True, False))
    witness = Witness("evcc")
    outcome = Outcome(Cause.PEER, "refused")
    for event in failed:
        witness.observe(event)
    witness.sign({"vehicle": outcome})
    assert "WeldingDetectionReq" in outcome.verdict
    end = failed[-1].time
    for event in (
        Event(end + 0.1, "tcp", "closed", "rx"),
        Event(end + 0.2, "slac", "CM_SET_KEY.REQ", "tx"),
        Event(end + 0.3, "pilot", "A1"),
        Event(end + 99.0, "pilot", "B2"),
        Event(end + 100.0, "slac", "CM_SLAC_PARM.REQ", "tx"),
    ):
        witness.observe(event)
    for event in fine:
        witness.observe(dataclasses.replace(event, time=event.time + end + 101.0))
    second = Outcome(Cause.COMPLETE, "")
    witness.sign({"vehicle": second})
    assert second.verdict == ""
    assert witness.began == end + 99.0


def test_a_session_that_is_resumed_is_judged_as_one() -> None:
    """Its pause does not end it."""
    events = run(session(1.0, refuses=True)).events["ev"]
    witness = Witness("evcc")
    for event in events:
        witness.observe(event)
    witness.sign({}, last=False)
    resumed = Outcome(Cause.PEER, "refused")
    witness.sign({"vehicle": resumed})
    assert "WeldingDetectionReq" in resumed.verdict


def test_an_end_with_a_fault_is_not_called_completed() -> None:
    """A charger whose answer made the vehicle leave has served the session to its end, but the first line says more."""
    faulty = Outcome(verdict="the charger is at fault: OK instead of OK_NewSessionEstablished")
    assert next(summary(faulty, role="charger")).startswith("charger: session ended: the charger is at fault")
    assert next(summary(Outcome(energy_wh=500.0), role="charger")) == "charger: session completed: 0.500 kWh in 0.0 s"
