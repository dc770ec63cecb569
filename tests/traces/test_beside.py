"""Side streams in recordings: judged each by its own order, pairs and times; they move no step of the session."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from bench import Bench, iso20_bench

from plugfest.virtual import run
from secc.minimal import minimal
from traces import chart
from traces.checks import Judgement, judge
from traces.measure import measure
from traces.recording import Recording, from_events
from v2g.messages.iso20 import common, dc
from v2g.protocols import ISO20
from v2g.protocols.iso20 import METERING, RENEGOTIATION
from v2g.trace import Event

ID = "c4bb86c3d1c42710"


@cache
def session() -> tuple[Event, ...]:
    """A session of 8 s of charging, over what counts as TLS."""

    async def one() -> tuple[Event, ...]:
        bench: Bench = iso20_bench("iso20-dc", "scheduled", duration=8.0)
        vehicle, _ = await bench.run()
        assert vehicle.ok
        kept = [e for e in bench.events["ev"] if e.layer in ("message", "tcp")]
        return (Event(0.0, "tls", "handshake", note="TLS 1.3, TLS_AES_256_GCM_SHA384"), *kept)

    return run(one())


def made(kind: type[Any], **given: Any) -> Any:
    return minimal(ISO20.schema_of(kind), kind, **given)


PARAMETERS = [made(dc.DC_ChargeParameterDiscoveryReq), made(dc.DC_ChargeParameterDiscoveryRes)]
SCHEDULES = [made(common.ScheduleExchangeReq), made(common.ScheduleExchangeRes, EVSEProcessing="Finished")]
START = made(common.PowerDeliveryReq, ChargeProgress="Start", EVProcessing="Finished")
GOOD = [*PARAMETERS, *SCHEDULES, START, made(common.PowerDeliveryRes)]


def with_beside(*messages: Any, stream: int = RENEGOTIATION, apart: float = 0.01, cut: bool = False) -> Recording:
    """The session with messages of a side stream in its charge loop; ``cut``: the vehicle closes 3 s after them."""
    events = session()
    place = next(i for i, e in enumerate(events) if e.name == "DC_ChargeLoopReq") + 20
    begin = events[place].time
    session_id = next(e.message.Header.SessionID for e in events if e.name == "SessionSetupRes")
    beside = []
    for number, message in enumerate(messages):
        document = ISO20.wrap(message, session_id, None, 0)
        way = "tx" if type(message).__name__.endswith("Req") else "rx"
        schema = ISO20.set_of(type(message))
        beside.append(
            Event(begin + number * apart, "message", type(message).__name__, way, message=document, schema=schema,
                  stream=stream)
        )  # fmt: skip
    rest = list(events[place:])
    if cut:
        rest = [e for e in rest if e.time <= begin + 3.0]
        rest = rest[:-1] if rest[-1].direction == "tx" else rest
        rest.append(Event(rest[-1].time + 0.01, "tcp", "closing", "tx"))
    merged = sorted([*events[:place], *beside, *rest], key=lambda event: event.time)
    return from_events(merged, role="evcc")


def violations(judged: Judgement) -> list[str]:
    return [f"{f.side} {f.rule}" for f in judged.findings if f.severity == "violation"]


def test_good_renegotiation_changes_nothing() -> None:
    without, judged = judge(with_beside()), judge(with_beside(*GOOD))
    assert judged.verdict.sentence == without.verdict.sentence
    assert violations(judged) == []


def test_times_of_the_loop_do_not_count_what_runs_beside_it() -> None:
    def of_loop(recording: Recording) -> list[tuple[str, float]]:
        return [(m.timer, m.seconds) for m in measure(recording) if "charge loop" in m.what]

    assert of_loop(with_beside(*GOOD)) == of_loop(with_beside())


def test_each_message_of_a_side_stream_has_a_line_of_the_chart_with_its_stream() -> None:
    text = "\n".join(chart.lines(chart.rows(with_beside(*GOOD))))
    assert text.count("[schedule renegotiation]") == len(GOOD)


def test_late_answers_on_a_side_stream_are_the_charger_s() -> None:
    judged = judge(with_beside(*PARAMETERS, apart=2.5))
    assert violations(judged) == ["secc timing"]


def test_the_order_of_a_side_stream_is_its_own() -> None:
    judged = judge(with_beside(START, made(common.PowerDeliveryRes)))
    assert violations(judged) == ["evcc order"]
    assert "schedule renegotiation" in next(f.text for f in judged.findings if f.rule == "order")


def test_a_response_on_a_side_stream_has_a_request() -> None:
    assert violations(judge(with_beside(made(dc.DC_ChargeParameterDiscoveryRes)))) == ["secc unasked"]


def test_a_side_request_without_an_answer_is_the_charger_s_silence() -> None:
    judged = judge(with_beside(PARAMETERS[0], cut=True))
    assert judged.diagnosis.failed
    assert judged.diagnosis.side == "secc"
    assert "schedule renegotiation" in judged.verdict.sentence


@pytest.mark.parametrize(
    ("kind", "code", "stream"),
    [
        (common.MeteringConfirmationReq, "FAILED_MeteringSignatureNotValid", METERING),
        (dc.DC_ChargeParameterDiscoveryReq, "FAILED_WrongChargeParameter", RENEGOTIATION),
    ],
)
def test_a_refusal_on_a_side_stream_ends_the_session(kind: type[Any], code: str, stream: int) -> None:
    response = ISO20.response_to(kind)
    assert response is not None
    judged = judge(with_beside(made(kind), made(response, ResponseCode=code), stream=stream, cut=True))
    assert (judged.diagnosis.failed, judged.diagnosis.side) == (True, "secc")
    assert code in judged.verdict.sentence
