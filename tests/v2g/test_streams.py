"""Side streams beside the main one: pairing by payload type, order of answers, silence, cancellation, bounds."""

import asyncio
from typing import Any

import pytest

import exi
from v2g import protocols, v2gtp
from v2g.errors import ConnectionLost, TimedOut
from v2g.memory_link import memory_pair
from v2g.messages import schema
from v2g.messages.iso20 import common, dc, types
from v2g.session import Received, Session
from v2g.streams import MAIN, MOST_WAITING
from v2g.trace import Event

ID = bytes.fromhex("0102030405060708")
PARKING, RENEGOTIATION = 0x8104, 0x8101
VOLTS = types.RationalNumberType(Exponent=0, Value=400)

CHECK_IN = common.VehicleCheckInReq(EVCheckInStatus="CheckIn", ParkingMethod="Manual")
CHECKED_IN = common.VehicleCheckInRes(ResponseCode="OK", ParkingSpace=1)
PRECHARGE = dc.DC_PreChargeReq(EVProcessing="Ongoing", EVPresentVoltage=VOLTS, EVTargetVoltage=VOLTS)
PRECHARGED = dc.DC_PreChargeRes(ResponseCode="OK", EVSEPresentVoltage=VOLTS)


async def pair(events: list[Event] | None = None) -> tuple[Session, Session]:
    """Charger and vehicle, ISO 15118-20, session id agreed."""
    charger, vehicle = await memory_pair()
    observe = (lambda event: None) if events is None else events.append
    return (
        Session(charger, protocol=protocols.ISO20, id=ID, observe=observe),
        Session(vehicle, protocol=protocols.ISO20, id=ID, clock=lambda: 1_700_000_000),
    )


async def both(charger: Session) -> dict[int, Received]:
    """One request of the main stream and one of the parking stream, in any order."""
    charger.listen(PARKING)
    found = [await charger.receive(None), await charger.receive(None)]
    return {one.stream: one for one in found}


@pytest.mark.parametrize("first", [MAIN, PARKING])
async def test_streams_are_answered_in_either_order(first: int) -> None:
    """Each request gets the answer of its own stream, whichever comes first."""
    charger, vehicle = await pair()
    main = asyncio.create_task(vehicle.request(PRECHARGE))
    side = asyncio.create_task(vehicle.request(CHECK_IN, stream=PARKING))
    asked = await both(charger)
    assert isinstance(asked[MAIN].message, dc.DC_PreChargeReq)
    assert isinstance(asked[PARKING].message, common.VehicleCheckInReq)
    answers: dict[int, Any] = {MAIN: PRECHARGED, PARKING: CHECKED_IN}
    for stream in (first, PARKING if first == MAIN else MAIN):
        await charger.send(answers[stream], stream=stream)
    assert isinstance(await main, dc.DC_PreChargeRes)
    assert isinstance(await side, common.VehicleCheckInRes)


async def test_header_carries_session_id_and_time() -> None:
    """A message is sent with the header of its session; what the script built has none yet."""
    charger, vehicle = await pair()
    await vehicle.send(PRECHARGE)
    received = await charger.receive()
    assert received.session_id == ID
    assert received.message.Header.TimeStamp == 1_700_000_000
    assert PRECHARGE.Header.TimeStamp == 0


async def test_payload_type_follows_the_schema_set_of_the_message() -> None:
    """CommonMessages, DC and AC have a payload type each; a side stream has its own for all sets."""
    charger, vehicle = await pair()
    for message, stream, expected in (
        (common.SessionStopReq(ChargingSession="Terminate"), MAIN, 0x8002),
        (PRECHARGE, MAIN, 0x8004),
        (PRECHARGE, RENEGOTIATION, 0x8101),
    ):
        await vehicle.send(message, stream=stream)
        assert (await charger.channel.read_frame())[0] == expected


async def test_renegotiation_stream_carries_messages_of_several_sets() -> None:
    """Its payload type does not name a schema set; the message does."""
    charger, vehicle = await pair()
    charger.listen(RENEGOTIATION)
    for message in (PRECHARGE, common.SessionStopReq(ChargingSession="Terminate")):
        await vehicle.send(message, stream=RENEGOTIATION)
        assert isinstance((await charger.receive(RENEGOTIATION)).message, type(message))


async def test_side_stream_that_hangs_does_not_disturb_the_main_one() -> None:
    """A side request that nobody answers times out alone, while the main stream goes on."""
    charger, vehicle = await pair()
    side = asyncio.create_task(vehicle.request(CHECK_IN, stream=PARKING, timeout=0.5))

    async def loop() -> int:
        rounds = 0
        while not side.done():
            task = asyncio.create_task(vehicle.request(PRECHARGE))
            await charger.receive()
            await asyncio.sleep(0.05)
            await charger.send(PRECHARGED)
            await task
            rounds += 1
        return rounds

    assert await loop() >= 8
    with pytest.raises(TimedOut, match="VehicleCheckInReq"):
        await side


async def test_frame_of_a_stream_that_is_not_open_is_skipped_and_reported() -> None:
    """A charger without parking status goes on as if nothing had come."""
    events: list[Event] = []
    charger, vehicle = await pair(events)
    await vehicle.send(CHECK_IN, stream=PARKING)
    await vehicle.send(PRECHARGE)
    assert isinstance((await charger.receive()).message, dc.DC_PreChargeReq)
    assert next(e.note for e in events if e.name == "skipped").startswith("payload type 0x8104")


async def test_reader_cancelled_within_a_frame_leaves_the_rest_to_the_next() -> None:
    """A side request that gives up between header and payload takes nothing away from the main stream."""
    charger, vehicle = await pair()
    frame = v2gtp.pack(0x8004, exi.encode(schema("iso20-dc"), protocols.ISO20.wrap(PRECHARGED, ID)))
    side = asyncio.create_task(vehicle.receive(PARKING))
    await charger.channel.write(frame[:12])
    await asyncio.sleep(0.01)
    side.cancel()
    await asyncio.gather(side, return_exceptions=True)
    await charger.channel.write(frame[12:])
    assert isinstance((await vehicle.receive()).message, dc.DC_PreChargeRes)


async def test_lost_connection_ends_every_stream() -> None:
    """Nobody waits for an answer that cannot come any more."""
    charger, vehicle = await pair()
    waiting = [asyncio.create_task(vehicle.request(message, stream=stream))
               for message, stream in ((PRECHARGE, MAIN), (CHECK_IN, PARKING))]  # fmt: skip
    await asyncio.sleep(0.01)
    charger.channel.abort()
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ends] == [ConnectionLost, ConnectionLost]


async def test_frames_that_nobody_asks_for_are_bounded() -> None:
    """A peer that floods a side stream fills no memory."""
    events: list[Event] = []
    charger, vehicle = await pair(events)
    charger.listen(PARKING)
    for _ in range(MOST_WAITING + 5):
        await vehicle.send(CHECK_IN, stream=PARKING)
    await vehicle.send(PRECHARGE)
    await charger.receive()
    assert len([e for e in events if e.name == "skipped"]) == 5
