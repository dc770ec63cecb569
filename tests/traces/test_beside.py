"""Side streams in recordings: judged each by its own order, pairs and times; they move no step of the session."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import pytest
from bench import Bench, iso20_bench, message_seen

from plugfest.traces import chart
from plugfest.traces.checks import Judgement, judge
from plugfest.traces.entries import Recording
from plugfest.traces.measure import measure
from plugfest.traces.recording import from_events
from plugfest.virtual import run
from secc.minimal import minimal
from v2g.messages.iso20 import common, dc, types
from v2g.protocols import ISO20
from v2g.protocols.iso20 import METERING, PARKING, RENEGOTIATION
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


def said(*names: str) -> list[Any]:
    """Messages of the session, to be said again on a side stream."""
    return [next(e.message for e in session() if e.name == name) for name in names]


PLACE = 20
"""Messages of the loop before the side stream begins."""


@pytest.fixture
def parameters() -> list[Any]:
    return said("DC_ChargeParameterDiscoveryReq", "DC_ChargeParameterDiscoveryRes")


@pytest.fixture
def good(parameters: list[Any]) -> list[Any]:
    return [
        *parameters, *said("ScheduleExchangeReq", "ScheduleExchangeRes", "PowerDeliveryReq", "PowerDeliveryRes")
    ]  # fmt: skip


def receipt() -> common.MeteringConfirmationReq:
    """A receipt for what the charger said last before the side stream."""
    events = session()
    place = next(i for i, e in enumerate(events) if e.name == "DC_ChargeLoopReq") + PLACE
    loop = [e.message for e in events[:place] if e.name == "DC_ChargeLoopRes"][-1]
    (setup,) = said("SessionSetupRes")
    return common.MeteringConfirmationReq(
        SignedMeteringData=common.SignedMeteringDataType(
            SessionID=setup.Header.SessionID, MeterInfo=loop.MeterInfo, Id="id1",
            Scheduled_SMDTControlMode=common.Scheduled_SMDTControlModeType(SelectedScheduleTupleID=1),
        )
    )  # fmt: skip


def with_beside(*messages: Any, stream: int = RENEGOTIATION, apart: float = 0.01, cut: bool = False) -> Recording:
    """The session with messages of a side stream in its charge loop; ``cut``: the vehicle closes 3 s after them."""
    events = session()
    place = next(i for i, e in enumerate(events) if e.name == "DC_ChargeLoopReq") + PLACE
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


def test_good_renegotiation_changes_nothing(good: list[Any]) -> None:
    without, judged = judge(with_beside()), judge(with_beside(*good))
    assert judged.verdict.sentence == without.verdict.sentence
    assert violations(judged) == []


def test_times_of_the_loop_do_not_count_what_runs_beside_it(good: list[Any]) -> None:
    def of_loop(recording: Recording) -> list[tuple[str, float]]:
        return [(m.timer, m.seconds) for m in measure(recording) if "charge loop" in m.what]

    assert of_loop(with_beside(*good)) == of_loop(with_beside())


def test_each_message_of_a_side_stream_has_a_line_of_the_chart_with_its_stream(good: list[Any]) -> None:
    text = "\n".join(chart.lines(chart.rows(with_beside(*good))))
    assert text.count("[schedule renegotiation]") == len(good)


def test_late_answers_on_a_side_stream_are_the_charger_s(parameters: list[Any]) -> None:
    judged = judge(with_beside(*parameters, apart=2.5))
    assert violations(judged) == ["secc timing"]


def test_the_order_of_a_side_stream_is_its_own() -> None:
    judged = judge(with_beside(*said("PowerDeliveryReq", "PowerDeliveryRes")))
    assert violations(judged) == ["evcc order"]
    assert "schedule renegotiation" in next(f.text for f in judged.findings if f.rule == "order")


def test_a_response_on_a_side_stream_has_a_request(parameters: list[Any]) -> None:
    assert violations(judge(with_beside(parameters[1]))) == ["secc unasked"]


def test_a_side_request_without_an_answer_is_the_charger_s_silence(parameters: list[Any]) -> None:
    judged = judge(with_beside(parameters[0], cut=True))
    assert judged.diagnosis.failed
    assert judged.diagnosis.side == "secc"
    assert "schedule renegotiation" in judged.verdict.sentence


def test_a_charger_need_not_answer_on_the_stream_of_a_service_that_was_not_selected() -> None:
    """The vehicle checks in although it has not selected parking: only that is wrong."""
    assert violations(judge(with_beside(made(common.VehicleCheckInReq), stream=PARKING))) == ["evcc parking-unselected"]


def test_what_is_renegotiated_is_judged_and_holds_for_the_loop(parameters: list[Any]) -> None:
    """Limits that cannot be are found on the side stream; lower ones bound what the charger delivers from then on."""
    request, response = parameters

    def with_limit(**limits: int) -> Any:
        given = {name: types.RationalNumberType(Exponent=0, Value=value) for name, value in limits.items()}
        mode = msgspec.structs.replace(request.DC_CPDReqEnergyTransferMode, **given)
        return msgspec.structs.replace(request, DC_CPDReqEnergyTransferMode=mode)

    assert "evcc limits" in violations(judge(with_beside(with_limit(EVMaximumVoltage=-1), response)))
    assert "secc over-current" in violations(judge(with_beside(with_limit(EVMaximumChargeCurrent=5), response)))


def test_a_refusal_on_a_side_stream_ends_the_session(parameters: list[Any]) -> None:
    for request, code, stream, side in (
        (receipt(), "FAILED_MeteringSignatureNotValid", METERING, "evcc"),  # it is not signed
        (parameters[0], "FAILED_WrongChargeParameter", RENEGOTIATION, "secc"),
    ):
        kind = ISO20.response_to(type(request))
        assert kind is not None
        judged = judge(with_beside(request, made(kind, ResponseCode=code), stream=stream, cut=True))
        assert (judged.diagnosis.failed, judged.diagnosis.side) == (True, side), judged.verdict.headline
        assert code in judged.verdict.sentence


def test_a_session_that_fails_after_a_change_of_the_service_has_failed() -> None:
    """SessionStop(ServiceRenegotiation) is not an end."""

    async def one() -> list[Event]:
        bench: Bench = iso20_bench("iso20-dc", "scheduled", duration=8.0)

        async def changes(bench: Bench) -> None:
            await message_seen(bench, "DC_ChargeLoopRes", 5)
            bench.vehicle.another_service.set()

        await bench.run(changes)
        return [e for e in bench.events["ev"] if e.layer in ("message", "tcp")]

    events = run(one())
    stop = next(i for i, e in enumerate(events) if e.name == "SessionStopRes")
    assert any(e.name == "ServiceDiscoveryReq" for e in events[stop:])
    whole = judge(from_events(events, role="evcc"))
    assert "and the session ended normally" in whole.verdict.sentence
    place = next(i for i, e in enumerate(events) if i > stop and e.name == "ServiceDetailReq")
    cut = [*events[: place + 1], Event(events[place].time + 5.0, "tcp", "closing", "tx")]
    judged = judge(from_events(cut, role="evcc"))
    assert (judged.diagnosis.failed, judged.diagnosis.side) == (True, "secc"), judged.verdict.headline
    assert "ServiceDetailReq" in judged.verdict.sentence


@pytest.mark.parametrize("code", ["", "FAILED"])
@pytest.mark.parametrize(
    "kind", [dc.DC_ChargeParameterDiscoveryRes, common.ScheduleExchangeRes, common.PowerDeliveryRes]
)
async def test_a_charger_that_hangs_or_refuses_alongside_the_loop_is_blamed(kind: type[Any], code: str) -> None:
    """In both traces; a vehicle goes on without an answer, and ends on a refusal."""
    bench: Bench = iso20_bench("iso20-dc", "scheduled", duration=8.0)
    seen = 0

    def fail(message: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen != 2:  # the first one is that of the main stream
            return message
        return msgspec.structs.replace(message, ResponseCode=code) if code else None

    bench.se.rewrite[kind] = fail

    async def renegotiate(bench: Bench) -> None:
        await message_seen(bench, "DC_ChargeLoopRes", 5)
        bench.vehicle.renegotiate.set()

    vehicle, _ = await bench.run(renegotiate)
    assert vehicle.ok is (not code)
    for role, events in (("evcc", bench.events["ev"]), ("secc", bench.events["se"])):
        judged = judge(from_events(events, role=role))
        told = [f for f in judged.findings if f.severity == "violation" and f.rule != "tls"]
        assert {f.side for f in told} == {"secc"}, [str(f) for f in told]
        assert "schedule renegotiation" in told[0].text


async def test_an_offer_that_wants_tls_is_the_vehicle_s_fault_without() -> None:
    """The charger may not choose it."""
    bench: Bench = iso20_bench("iso20-dc", "scheduled")
    bench.se.any_transport = False
    await bench.run()
    for role, events in (("evcc", bench.events["ev"]), ("secc", bench.events["se"])):
        judged = judge(from_events(events, role=role))
        assert (judged.diagnosis.failed, judged.diagnosis.side) == (True, "evcc"), judged.verdict.headline
        assert "without TLS" in judged.verdict.sentence
