"""The charger's side streams in ISO 15118-20, with a hand at its line: schedule renegotiation and parking."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from bench import COMBINATIONS
from hypothesis import given, settings, strategies
from iso20_alone import Alone, Loop, course

import exi
from plugfest.virtual import run
from secc.minimal import minimal
from secc.plan import Slot
from secc.services import PARKING as PARKING_SERVICE
from v2g.messages import schema
from v2g.messages.base import Request
from v2g.messages.iso20 import ac, common, dc
from v2g.outcome import Cause
from v2g.protocols import ISO20
from v2g.protocols.iso20 import PARKING, RENEGOTIATION
from v2g.sequence import Sequence

MODES = ["iso20-dc", "iso20-ac"]


WAYS = {(mode, control): run(course(mode, control)) for mode, control in COMBINATIONS}


def way(mode: str, control: str = "scheduled") -> list[Any]:
    """The requests of a good session."""
    return WAYS[mode, control]


def of(mode: str, name: str, control: str = "scheduled") -> Any:
    """The first request of a name in a good session."""
    return next(request for request in way(mode, control) if type(request).__name__.endswith(name))


async def in_loop(mode: str, control: str = "scheduled", prepare: Any = None) -> tuple[Alone, Loop]:
    alone = Alone(mode)
    if prepare is not None:
        prepare(alone)
    await alone.connect()
    request = await alone.until_loop(way(mode, control))
    return alone, Loop(alone, request)


async def no_tasks_left(before: int) -> None:
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) <= before, asyncio.all_tasks()


def profile_of(offer: Any, watts: float | None = None) -> common.PowerDeliveryReq:
    """A PowerDelivery that takes the first schedule as it is, or at most so many watts of it."""
    chosen = offer.Scheduled_SEResControlMode.ScheduleTuple[0]
    entries = chosen.ChargingSchedule.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry
    if watts is not None:
        amount = common.types.RationalNumberType(Exponent=0, Value=round(watts))
        entries = [common.PowerScheduleEntryType(Duration=entry.Duration, Power=amount) for entry in entries]
    mode = common.Scheduled_EVPPTControlModeType(SelectedScheduleTupleID=chosen.ScheduleTupleID)
    profile = common.EVPowerProfileType(
        TimeAnchor=0,
        Scheduled_EVPPTControlMode=mode,
        EVPowerProfileEntries=common.EVPowerProfileEntryListType(EVPowerProfileEntry=entries),
    )
    return common.PowerDeliveryReq(EVProcessing="Finished", ChargeProgress="Start", EVPowerProfile=profile)


async def renegotiate(
    alone: Alone, mode: str, watts: float | None = None, pause: float = 1.0
) -> common.PowerDeliveryRes:
    """A whole renegotiation."""
    await alone.beside(of(mode, "ChargeParameterDiscoveryReq"), RENEGOTIATION)
    await asyncio.sleep(pause)
    while True:
        offer = await alone.beside(of(mode, "ScheduleExchangeReq"), RENEGOTIATION)
        await asyncio.sleep(pause)
        if offer.EVSEProcessing == "Finished":
            break
    response: common.PowerDeliveryRes = await alone.beside(profile_of(offer, watts), RENEGOTIATION)
    return response


@pytest.mark.parametrize("mode", MODES)
async def test_schedule_is_renegotiated_alongside_the_loop(mode: str) -> None:
    """The loop goes on at its pace; what is new holds from its next message on, and not before."""
    alone, loop = await in_loop(mode)
    evse = alone.bench.evse
    evse.planning_seconds = 3.0
    evse.schedule = (Slot(0, 5_000.0),)
    started = asyncio.get_running_loop().time()
    offers: list[float] = []

    async def watch() -> None:
        while True:
            power = evse.power.max_power if evse.power is not None else evse.ac.offered * 690.0  # type: ignore[union-attr]  # this bench has one
            offers.append(power)
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    response = await renegotiate(alone, mode)
    assert response.ResponseCode == "OK"
    watching.cancel()
    assert min(offers) > 5_100.0, "the new schedule held before its profile was accepted"
    await asyncio.sleep(1.0)
    limited = evse.power.max_power if evse.power is not None else evse.ac.offered * 690.0  # type: ignore[union-attr]  # this bench has one
    assert limited == pytest.approx(5_000.0, rel=0.01)
    seconds = asyncio.get_running_loop().time() - started
    await loop.stop()
    assert len(loop.responses) > seconds / 0.1 * 0.8
    assert set(loop.codes) <= {"OK", "WARNING_EVPowerProfileViolation"}
    alone.session.channel.abort()
    await alone.task


async def test_profile_on_the_main_stream_is_newer_than_one_renegotiated_before_it() -> None:
    """A Start behind a renegotiation, before the loop goes on: the schedule is the new one, the profile the Start's."""
    alone, loop = await in_loop("iso20-dc")
    await loop.stop()
    alone.bench.evse.schedule = (Slot(0, 9_000.0),)
    assert (await renegotiate(alone, "iso20-dc", pause=0.0)).ResponseCode == "OK"
    power = alone.bench.evse.power
    assert power is not None
    start = copy.deepcopy(of("iso20-dc", "PowerDeliveryReq"))
    for entry in start.EVPowerProfile.EVPowerProfileEntries.EVPowerProfileEntry:
        entry.Power = common.types.RationalNumberType(Exponent=0, Value=2_000)
    assert (await alone.ask(start)).ResponseCode == "OK"
    for _ in range(3):
        await alone.ask(of("iso20-dc", "ChargeLoopReq"))
        assert power.max_power == pytest.approx(2_000.0, rel=0.01)
    alone.session.channel.abort()
    await alone.task


async def test_renegotiation_with_the_other_progress_is_accepted() -> None:
    """What carries the new profile is not public: ScheduleRenegotiation is tolerated, and told."""
    alone, loop = await in_loop("iso20-dc")
    await alone.beside(of("iso20-dc", "ChargeParameterDiscoveryReq"), RENEGOTIATION)
    request = profile_of(await alone.beside(of("iso20-dc", "ScheduleExchangeReq"), RENEGOTIATION))
    request.ChargeProgress = "ScheduleRenegotiation"
    assert (await alone.beside(request, RENEGOTIATION)).ResponseCode == "OK"
    await loop.stop()
    alone.session.channel.abort()
    assert "sequence" in (await alone.task).tolerances


OUT_OF_TURN: list[tuple[str, str]] = [
    ("scheduled", "ScheduleExchangeReq"),
    ("scheduled", "PowerDeliveryReq"),
    ("scheduled", "SessionStopReq"),
    ("scheduled", "DC_ChargeLoopReq"),
    ("dynamic", "DC_ChargeParameterDiscoveryReq"),
]


@pytest.mark.parametrize(("control", "name"), OUT_OF_TURN)
async def test_request_out_of_turn_on_a_side_stream_ends_the_session(control: str, name: str) -> None:
    """FAILED_SequenceError on that stream, in the response that pairs; then dead, and nothing is left running."""
    before = len(asyncio.all_tasks())
    alone, loop = await in_loop("iso20-dc", control)
    response = await alone.beside(of("iso20-dc", name, control), RENEGOTIATION)
    assert type(response).__name__ == name.removesuffix("Req") + "Res"
    assert response.ResponseCode == "FAILED_SequenceError"
    await loop.stop()
    assert (await alone.task).cause is Cause.PEER
    assert not alone.bench.evse.energised
    await no_tasks_left(before)


async def test_renegotiation_before_the_loop_is_refused() -> None:
    """Only after a message of the loop."""
    alone = Alone("iso20-dc")
    await alone.connect()
    for request in way("iso20-dc"):
        await alone.ask(request)
        if isinstance(request, common.PowerDeliveryReq):
            break
    response = await alone.beside(of("iso20-dc", "ChargeParameterDiscoveryReq"), RENEGOTIATION)
    assert response.ResponseCode == "FAILED_SequenceError"
    assert (await alone.closed()).cause is Cause.PEER
    assert not alone.bench.evse.energised


async def test_wrong_session_id_on_a_side_stream_is_refused() -> None:
    """As on the main stream, and before the order of messages."""
    alone, loop = await in_loop("iso20-dc")
    await loop.stop()
    right, alone.session.id = alone.session.id, bytes(7) + b"\1"
    response = await alone.beside(of("iso20-dc", "ScheduleExchangeReq"), RENEGOTIATION)
    assert response.ResponseCode == "FAILED_UnknownSession"
    alone.session.id = right
    assert (await alone.closed()).cause is Cause.PEER


REFUSED: list[tuple[Any, str]] = [
    (lambda request: setattr(request, "EVPowerProfile", None), "FAILED_EVPowerProfileInvalid"),
    (
        lambda request: setattr(request.EVPowerProfile.Scheduled_EVPPTControlMode, "SelectedScheduleTupleID", 3),
        "FAILED_ScheduleSelectionInvalid",
    ),
    (
        lambda request: setattr(
            request.EVPowerProfile.EVPowerProfileEntries.EVPowerProfileEntry[0],
            "Power",
            common.types.RationalNumberType(Exponent=3, Value=900),
        ),
        "FAILED_EVPowerProfileInvalid",
    ),
]


@pytest.mark.parametrize(("spoil", "code"), REFUSED)
async def test_wrong_profile_on_a_side_stream_ends_the_session(spoil: Any, code: str) -> None:
    alone, loop = await in_loop("iso20-dc")
    await alone.beside(of("iso20-dc", "ChargeParameterDiscoveryReq"), RENEGOTIATION)
    request = profile_of(await alone.beside(of("iso20-dc", "ScheduleExchangeReq"), RENEGOTIATION))
    spoil(request)
    assert (await alone.beside(request, RENEGOTIATION)).ResponseCode == code
    await loop.stop()
    assert (await alone.task).cause is Cause.PEER
    assert not alone.bench.evse.energised


async def test_garbage_on_a_side_stream_ends_the_session() -> None:
    """There is no response to it."""
    before = len(asyncio.all_tasks())
    alone, loop = await in_loop("iso20-dc")
    await alone.session.channel.write_frame(RENEGOTIATION, bytes.fromhex("80ffffffff"))
    assert (await alone.task).cause is Cause.PEER
    await loop.stop()
    assert not alone.bench.evse.energised
    await no_tasks_left(before)


async def test_vehicle_that_stalls_alongside_the_loop_does_not_disturb_it() -> None:
    """After the sequence time-out the loop warns, until the vehicle tries again."""
    alone, loop = await in_loop("iso20-dc")
    await alone.beside(of("iso20-dc", "ChargeParameterDiscoveryReq"), RENEGOTIATION)
    await asyncio.sleep(59.0)
    assert set(loop.codes) == {"OK"}
    await asyncio.sleep(3.0)
    assert loop.codes[-1] == "WARNING_ScheduleRenegotiationFailed"
    assert (await renegotiate(alone, "iso20-dc")).ResponseCode == "OK"
    await asyncio.sleep(0.5)
    assert loop.codes[-1] == "OK"
    await loop.stop()
    alone.session.channel.abort()
    await alone.task


async def test_vehicle_that_does_not_renegotiate_is_warned_and_then_refused() -> None:
    """The wish stands; after its time the loop warns, and in the end it fails."""
    alone, loop = await in_loop("iso20-dc")
    alone.bench.se.renegotiation_tries = 2
    alone.bench.evse.request_renegotiation(30)
    await asyncio.sleep(59.0)
    assert set(loop.codes) == {"OK"}
    assert loop.responses[-1].EVSEStatus.EVSENotification == "ScheduleRenegotiation"
    await asyncio.sleep(60.0)
    assert loop.codes[-1] == "WARNING_ScheduleRenegotiationFailed"
    await asyncio.sleep(70.0)
    assert loop.codes[-1] == "FAILED_ScheduleRenegotiation"
    assert (await alone.task).cause is Cause.PEER
    await loop.stop()
    assert not alone.bench.evse.energised


async def test_wish_is_over_once_the_schedule_is_renegotiated() -> None:
    alone, loop = await in_loop("iso20-dc")
    alone.bench.evse.request_renegotiation(10)
    await asyncio.sleep(0.5)
    assert loop.responses[-1].EVSEStatus.EVSENotification == "ScheduleRenegotiation"
    await renegotiate(alone, "iso20-dc")
    await asyncio.sleep(0.5)
    assert loop.responses[-1].EVSEStatus is None
    await loop.stop()
    alone.session.channel.abort()
    await alone.task


@pytest.mark.parametrize("how", ["stop", "abort", "silence"])
async def test_no_stream_outlives_the_session(how: str) -> None:
    """A renegotiation under way is dropped with the session, whatever ends it."""
    before = len(asyncio.all_tasks())
    alone, loop = await in_loop("iso20-dc")
    await alone.beside(of("iso20-dc", "ChargeParameterDiscoveryReq"), RENEGOTIATION)
    await loop.stop()
    if how == "stop":
        await alone.ask(common.PowerDeliveryReq(EVProcessing="Finished", ChargeProgress="Stop"))
        # What was on its way when power stopped is dropped, not refused.
        await alone.session.send(of("iso20-dc", "ScheduleExchangeReq"), stream=RENEGOTIATION)
        assert (await alone.ask(common.SessionStopReq(ChargingSession="Terminate"))).ResponseCode == "OK"
    elif how == "abort":
        alone.session.channel.abort()
    outcome = await alone.task
    assert outcome.ok is (how == "stop"), outcome
    assert not alone.bench.evse.energised
    await no_tasks_left(before)


async def test_renegotiation_that_a_stop_cut_off_is_forgotten() -> None:
    """After a change of service the stream is at its beginning: nothing has to be tolerated."""
    alone, loop = await in_loop("iso20-ac")
    await alone.beside(of("iso20-ac", "ChargeParameterDiscoveryReq"), RENEGOTIATION)
    await loop.stop()
    alone.bench.evse.pilot.offer(5.0)
    await alone.ask(common.PowerDeliveryReq(EVProcessing="Finished", ChargeProgress="Stop"))
    await alone.ask(common.SessionStopReq(ChargingSession="ServiceRenegotiation"))
    requests = way("iso20-ac")
    place = next(n for n, request in enumerate(requests) if isinstance(request, common.ServiceDiscoveryReq))
    loop = Loop(alone, await alone.until_loop(requests[place:]))
    assert (await renegotiate(alone, "iso20-ac")).ResponseCode == "OK"
    await loop.stop()
    alone.session.channel.abort()
    assert "sequence" not in (await alone.task).tolerances


# ---------------------------------------------------------------------------------------------------------------
# Parking


def parked(alone: Alone) -> None:
    alone.bench.se.services = (PARKING_SERVICE,)


def selecting(mode: str, *chosen: tuple[int, int]) -> list[Any]:
    """A good session in which value added services are selected."""
    requests = list(way(mode, "dynamic"))
    place = next(n for n, request in enumerate(requests) if isinstance(request, common.ServiceSelectionReq))
    added = [common.SelectedServiceType(ServiceID=number, ParameterSetID=key) for number, key in chosen]
    requests[place] = common.ServiceSelectionReq(
        SelectedEnergyTransferService=requests[place].SelectedEnergyTransferService,
        SelectedVASList=common.SelectedServiceListType(SelectedService=added) if added else None,
    )
    return requests


def check_in(status: Any = "CheckIn") -> common.VehicleCheckInReq:
    return common.VehicleCheckInReq(EVCheckInStatus=status, ParkingMethod="Manual")


def check_out(status: Any = "CheckOut") -> common.VehicleCheckOutReq:
    return common.VehicleCheckOutReq(EVCheckOutStatus=status, CheckOutTime=0)


async def test_vehicle_checks_in_and_out_beside_the_session() -> None:
    alone = Alone("iso20-ac")
    parked(alone)
    await alone.connect()
    requests = selecting("iso20-ac", (66, 1), (66, 2))
    for request in requests:
        await alone.ask(request)
        if isinstance(request, common.ServiceSelectionReq):
            for status in ("CheckIn", "Processing", "Completed"):
                assert (await alone.beside(check_in(status), PARKING)).ResponseCode == "OK"
        if isinstance(request, common.PowerDeliveryReq) and request.ChargeProgress == "Stop":
            answers = [await alone.beside(check_out(s), PARKING) for s in ("CheckOut", "Processing", "Completed")]
            assert [a.EVSECheckOutStatus for a in answers] == ["Scheduled", "Scheduled", "Completed"]
    assert (await alone.task).ok


@pytest.mark.parametrize(
    ("chosen", "before", "wrong"),
    [
        ([(66, 1)], [check_in("Completed")], check_in()),
        ([(66, 1)], [], common.SessionStopReq(ChargingSession="Terminate")),
        ([], [], check_in()),
    ],
)
async def test_parking_out_of_turn_is_refused(chosen: Any, before: list[Any], wrong: Any) -> None:
    """Also where the vehicle has not selected the service."""
    alone = Alone("iso20-ac")
    parked(alone)
    await alone.connect()
    for request in selecting("iso20-ac", *chosen):
        await alone.ask(request)
        if isinstance(request, common.ServiceSelectionReq):
            break
    for request in before:
        await alone.beside(request, PARKING)
    assert (await alone.beside(wrong, PARKING)).ResponseCode == "FAILED_SequenceError"
    assert (await alone.closed()).cause is Cause.PEER


async def test_charger_without_parking_skips_its_stream() -> None:
    """As any payload type that it does not know."""
    alone, loop = await in_loop("iso20-dc", "dynamic")
    await alone.session.send(check_in(), stream=PARKING)
    await asyncio.sleep(1.0)
    await loop.stop()
    assert set(loop.codes) == {"OK"}
    assert any(event.name == "skipped" for event in alone.bench.events["se"])
    alone.session.channel.abort()
    await alone.task


@pytest.mark.parametrize("chosen", [(66, 9), (65, 1)])
async def test_value_added_service_that_is_not_offered_is_refused(chosen: tuple[int, int]) -> None:
    alone = Alone("iso20-ac")
    parked(alone)
    await alone.connect()
    for request in selecting("iso20-ac", chosen):
        response = await alone.ask(request)
        if isinstance(request, common.ServiceSelectionReq):
            break
    assert response.ResponseCode == "FAILED_ServiceSelectionInvalid"
    assert (await alone.closed()).cause is Cause.PEER


def test_answers_of_side_streams_are_messages_of_the_protocol() -> None:
    """Each request that a stream's order knows has a response."""
    for side in (ISO20.side[RENEGOTIATION], ISO20.side[PARKING]):
        for step in side.order:
            kind = ISO20.message(step.after) if step.after else None
            assert not step.after or (kind is not None and ISO20.response_to(kind) is not None)


# ---------------------------------------------------------------------------------------------------------------
# Every request in every state of a stream

REQUESTS = [
    kind
    for module in (common, ac, dc)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Request) and kind.__module__ == module.__name__
]


@pytest.mark.parametrize("length", range(5))
async def test_every_request_out_of_order_on_the_renegotiation_stream_is_refused(length: int) -> None:
    """FAILED_SequenceError in the response that pairs with it, then closed and dead."""
    for kind in REQUESTS:
        alone, loop = await in_loop("iso20-dc")
        order = Sequence(ISO20.side[RENEGOTIATION].order)
        offer: Any = None
        for step in range(length):
            request = (
                of("iso20-dc", "ChargeParameterDiscoveryReq"),
                of("iso20-dc", "ScheduleExchangeReq"),
                of("iso20-dc", "ScheduleExchangeReq"),
                profile_of(offer) if offer is not None else None,
            )[step]
            alone.bench.evse.planning_seconds = 3600.0 if step == 1 else 0.0
            response = await alone.beside(request, RENEGOTIATION)
            offer = response if isinstance(response, common.ScheduleExchangeRes) else offer
            assert response.ResponseCode == "OK"
            order.advance(request, response)
        wrong = minimal(ISO20.schema_of(kind), kind, dc=True)
        if order.verdict(wrong) == "illegal":
            response = await alone.beside(wrong, RENEGOTIATION)
            assert type(response) is ISO20.response_to(kind)
            assert response.ResponseCode == "FAILED_SequenceError", (length, kind.__name__)
            assert (await alone.task).cause is Cause.PEER
            assert not alone.bench.evse.energised
        await loop.stop()
        alone.session.channel.abort()
        await alone.task


@pytest.mark.parametrize("length", range(4))
async def test_every_request_out_of_order_on_the_parking_stream_is_refused(length: int) -> None:
    for kind in (kind for kind in REQUESTS if kind.__module__ == common.__name__):
        alone = Alone("iso20-ac")
        parked(alone)
        await alone.connect()
        for request in selecting("iso20-ac", (66, 1), (66, 2)):
            await alone.ask(request)
            if isinstance(request, common.ServiceSelectionReq):
                break
        order = Sequence(ISO20.side[PARKING].order)
        for request in (check_in(), check_in("Completed"), check_out("Completed"))[:length]:
            order.advance(request, await alone.beside(request, PARKING))
        wrong = minimal(ISO20.schema_of(kind), kind)
        if order.verdict(wrong) == "illegal":
            response = await alone.beside(wrong, PARKING)
            assert type(response) is ISO20.response_to(kind)
            assert response.ResponseCode == "FAILED_SequenceError", (length, kind.__name__)
            assert (await alone.closed()).cause is Cause.PEER
        else:
            alone.session.channel.abort()
            await alone.task


# ---------------------------------------------------------------------------------------------------------------
# Anything on any stream


MESSAGES = [
    of("iso20-dc", "ChargeParameterDiscoveryReq"),
    of("iso20-dc", "ScheduleExchangeReq"),
    of("iso20-dc", "PowerDeliveryReq"),
    of("iso20-ac", "ChargeParameterDiscoveryReq"),
    check_in(),
    check_out("Completed"),
]
FRAMES = [
    (stream, message)
    for message in MESSAGES
    for stream in (RENEGOTIATION, PARKING, ISO20.payload_types[ISO20.set_of(type(message))])
]
"""Good messages of the side streams, and of the main one, on a stream of theirs or another."""


def octets_of(message: Any, session_id: bytes) -> bytearray:
    set_name = ISO20.set_of(type(message))
    return bytearray(exi.encode(schema(set_name), ISO20.wrap(message, session_id, None, 1_700_000_000)))


@settings(max_examples=40, deadline=None)
@given(
    strategies.lists(
        strategies.tuples(
            strategies.sampled_from(range(len(FRAMES))),
            strategies.lists(strategies.tuples(strategies.integers(0, 400), strategies.integers(0, 255)), max_size=3),
            strategies.booleans(),
            strategies.floats(min_value=0.0, max_value=0.3),
        ),
        max_size=12,
    )
)
def test_charger_ends_safe_whatever_comes_on_its_streams(
    sent: list[tuple[int, list[tuple[int, int]], bool, float]],
) -> None:
    """Messages with the right session id or not, whole or broken, at any pace, on any stream, while power flows."""

    async def one() -> None:
        before = asyncio.all_tasks()
        alone, loop = await in_loop("iso20-dc", prepare=parked)
        for place, changes, right_id, pause in sent:
            stream, message = FRAMES[place]
            octets = octets_of(message, alone.session.id if right_id else bytes(range(8)))
            for where, value in changes:
                octets[where % len(octets)] = value
            if loop.task.done() or alone.task.done():
                break
            await alone.session.channel.write_frame(stream, bytes(octets))
            await asyncio.sleep(pause)
        await loop.stop()
        alone.session.channel.abort()
        outcome = await alone.task
        assert outcome.cause in (Cause.PEER, Cause.TIMEOUT), outcome
        assert not alone.bench.evse.energised
        await asyncio.sleep(0)
        assert asyncio.all_tasks() <= before

    run(one())


async def test_flood_of_side_messages_does_not_keep_the_loop_from_its_turn() -> None:
    """Two thousand in one write; each is answered, and the loop keeps its half second."""
    alone = Alone("iso20-ac")
    parked(alone)
    await alone.connect()
    requests = selecting("iso20-ac", (66, 1))
    request = await alone.until_loop(requests)
    loop = Loop(alone, request)
    alone.session.listen(PARKING)
    frame = await alone.session._frame(check_in("Processing"), None, PARKING)
    assert frame is not None
    await alone.session.channel.write(frame * 2000)
    await asyncio.sleep(5.0)
    await loop.stop()
    assert set(loop.codes) == {"OK"}
    alone.session.channel.abort()
    await alone.task
