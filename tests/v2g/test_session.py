"""Sessions: pairing, session ids, time-outs, the seams, and what a strict or tolerant side makes of odd bytes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import exi
from v2g import protocols, v2gtp
from v2g.channel import Channel
from v2g.errors import LocalError, Refused, RemoteError, TimedOut
from v2g.memory_link import memory_pair
from v2g.messages import din70121, iso2, schema
from v2g.reading import NotAMessage
from v2g.session import Session
from v2g.trace import Event

ID = bytes.fromhex("0102030405060708")
AUTHORIZED = iso2.AuthorizationRes(ResponseCode="OK", EVSEProcessing="Finished")


async def pair(**options: Any) -> tuple[Session, Session]:
    """Charger and vehicle, ISO 15118-2, session id agreed."""
    charger, vehicle = await memory_pair()
    return tuple(  # type: ignore[return-value]  # as long as declared
        Session(channel, protocol=protocols.ISO2, id=ID, **options) for channel in (charger, vehicle)
    )


def answer(session: Session, *responses: Any) -> asyncio.Task[None]:
    """Answers requests with these messages or raw EXI bytes, one each."""

    async def serve() -> None:
        for response in responses:
            await session.channel.read_frame()
            if isinstance(response, bytes):
                await session.channel.write_frame(v2gtp.EXI, response)
            else:
                await session.send(response)

    return asyncio.create_task(serve())


def document(message: Any, session_id: bytes = ID) -> bytes:
    return exi.encode(schema("iso2"), protocols.ISO2.wrap(message, session_id))


async def test_request_returns_the_typed_response() -> None:
    charger, vehicle = await pair()
    task = answer(charger, AUTHORIZED)
    assert await vehicle.request(iso2.AuthorizationReq()) == AUTHORIZED
    await task


async def test_no_response_names_the_timer_and_its_value() -> None:
    """CurrentDemandReq has a time-out of its own, 250 ms."""
    _, vehicle = await pair()
    status = iso2.DC_EVStatusType(EVReady=True, EVErrorCode="NO_ERROR", EVRESSSOC=50)
    for request, seconds in ((iso2.AuthorizationReq(), 2.0), (iso2.WeldingDetectionReq(DC_EVStatus=status), 2.0)):
        started = vehicle.now
        with pytest.raises(TimedOut, match=rf"V2G_EVCC_Msg_Timeout \({seconds:g} s\).*{type(request).__name__}"):
            await vehicle.request(request)
        assert vehicle.now - started == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("response", "error", "text"),
    [
        (iso2.AuthorizationRes(ResponseCode="FAILED", EVSEProcessing="Finished"), Refused, "AuthorizationRes FAILED"),
        (iso2.ServiceDetailRes(ResponseCode="OK", ServiceID=1), RemoteError, "ServiceDetailRes in answer to Auth"),
        (iso2.AuthorizationReq(), RemoteError, "AuthorizationReq in answer to AuthorizationReq"),
        (document(AUTHORIZED, b"\x09" * 8), RemoteError, "session id 0909090909090909"),
        (document(AUTHORIZED)[:-3], NotAMessage, "bit"),
        (b"", NotAMessage, "empty stream"),
        (bytes.fromhex("8098020080d0"), NotAMessage, "bit"),
    ],
)
async def test_unusable_responses_say_what_is_wrong(response: Any, error: type[Exception], text: str) -> None:
    charger, vehicle = await pair()
    task = answer(charger, response)
    with pytest.raises(error, match=text):
        await vehicle.request(iso2.AuthorizationReq())
    await task


async def test_session_id_of_other_length_is_tolerated_and_reported_or_refused() -> None:
    shorter = document(AUTHORIZED, bytes.fromhex("0a"))
    for tolerant in (True, False):
        charger, vehicle = await pair(tolerant=tolerant)
        charger.id = vehicle.id = bytes.fromhex("000000000000000a")
        task = answer(charger, shorter)
        if tolerant:
            await vehicle.request(iso2.AuthorizationReq())
            assert vehicle.tolerances == ["session-id-length"]
        else:
            with pytest.raises(RemoteError, match="session-id-length"):
                await vehicle.request(iso2.AuthorizationReq())
        await task


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda octets: octets + b"\0", "trailing-bytes"),
        (lambda octets: octets + b"\x55\xaa", "trailing-bytes"),
    ],
)
async def test_odd_bytes_are_tolerated_and_reported_or_refused(change: Callable[[bytes], bytes], name: str) -> None:
    for tolerant in (True, False):
        charger, vehicle = await pair(tolerant=tolerant)
        await vehicle.channel.write_frame(v2gtp.EXI, change(document(iso2.AuthorizationReq())))
        if tolerant:
            assert isinstance((await charger.receive()).message, iso2.AuthorizationReq)
            assert charger.tolerances == [name]
        else:
            with pytest.raises(RemoteError, match=name):
                await charger.receive()


async def test_frames_of_another_payload_type_are_skipped() -> None:
    events: list[Event] = []
    charger, vehicle = await pair(observe=events.append)
    await vehicle.channel.write_frame(0x8002, b"not for us")
    await vehicle.send(iso2.AuthorizationReq())
    assert isinstance((await charger.receive()).message, iso2.AuthorizationReq)
    assert [e.note for e in events if e.name == "skipped"] == [
        "payload type 0x8002 (ISO 15118-20 main stream), 10 bytes"
    ]


async def test_illegal_messages_are_not_sent_unless_a_rewrite_makes_them() -> None:
    charger, vehicle = await pair()
    too_long = iso2.SessionSetupReq(EVCCID=bytes(7))
    with pytest.raises(LocalError, match=r"EVCCID.*7 bytes are more than 6"):
        await vehicle.send(too_long)
    vehicle.rewrite[iso2.AuthorizationReq] = lambda _: too_long
    await vehicle.send(iso2.AuthorizationReq())
    assert (await charger.receive()).message == too_long
    assert charger.tolerances == ["facet"]


async def test_seams_replace_drop_and_delay() -> None:
    charger, vehicle = await pair()

    async def later(message: Any) -> Any:
        await asyncio.sleep(3.0)
        return message

    vehicle.rewrite[iso2.AuthorizationReq] = later
    await vehicle.send(iso2.AuthorizationReq())
    assert (await charger.receive()).time == pytest.approx(3.0)
    vehicle.rewrite[iso2.AuthorizationReq] = lambda _: None
    await vehicle.send(iso2.AuthorizationReq())
    vehicle.rewrite[iso2.AuthorizationReq] = lambda _: iso2.ServiceDiscoveryReq()
    await vehicle.send(iso2.AuthorizationReq())
    assert isinstance((await charger.receive()).message, iso2.ServiceDiscoveryReq)
    del vehicle.rewrite[iso2.AuthorizationReq]
    vehicle.rewrite_exi[iso2.AuthorizationReq] = lambda octets: octets[:-4]
    await vehicle.send(iso2.AuthorizationReq())
    with pytest.raises(NotAMessage):
        await charger.receive()
    del vehicle.rewrite_exi[iso2.AuthorizationReq]
    vehicle.rewrite_frame[iso2.AuthorizationReq] = lambda frame: b"\x00" + frame[1:]
    await vehicle.send(iso2.AuthorizationReq())
    with pytest.raises(v2gtp.HeaderError):
        await charger.receive()


async def test_events_carry_time_direction_bytes_and_message() -> None:
    events: list[Event] = []
    charger, vehicle = await pair(observe=events.append)
    task = answer(charger, AUTHORIZED)
    await vehicle.request(iso2.AuthorizationReq())
    await task
    messages = [e for e in events if e.layer == "message"]
    assert [(e.name, e.direction) for e in messages] == [
        ("AuthorizationReq", "tx"), ("AuthorizationRes", "tx"), ("AuthorizationRes", "rx"),
    ]  # fmt: skip
    assert all(exi.decode(schema("iso2"), e.data) == e.message for e in messages)


async def test_din_has_no_fields_of_iso() -> None:
    """The same bytes are read by the protocol agreed, which the bytes do not tell."""
    charger, vehicle = (Session(c, protocol=protocols.DIN, id=ID) for c in await memory_pair())
    task = answer(charger, din70121.ContractAuthenticationRes(ResponseCode="OK", EVSEProcessing="Ongoing"))
    response = await vehicle.request(din70121.ContractAuthenticationReq())
    assert response.EVSEProcessing == "Ongoing"
    await task


def test_channel_is_all_a_session_needs() -> None:
    """No socket, no role: whatever has frames will do."""
    assert {"read_frame", "write", "close"} <= set(vars(Channel))
