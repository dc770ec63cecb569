"""Channels: frames however the bytes arrive, over memory, TCP and TLS, and every way a connection can end."""

import asyncio
import datetime
import errno
import random
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from processes import until

from v2g import channel, tls, v2gtp
from v2g.channel import MAX_CONNECTIONS, PORTS, Channel, connect, listening
from v2g.errors import ConnectionLost, Loss, SetupError
from v2g.interfaces import Interface
from v2g.memory_link import memory_pair
from v2g.trace import Event, Observe
from v2g.v2gtp import HeaderError

LOOPBACK = Interface("lo", 1, IPv6Address("::1"), bytes(6))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    return tls.make_certificate(tmp_path_factory.mktemp("tls"), datetime.datetime.now(datetime.UTC))


async def test_a_frame_in_single_bytes_and_two_frames_in_one_piece_are_read_alike() -> None:
    charger, vehicle = await memory_pair()
    frame = v2gtp.pack(0x8001, b"hello")
    for octet in frame:
        await vehicle.write(bytes((octet,)))
    await vehicle.write(frame + frame)
    assert [await charger.read_frame() for _ in range(3)] == [(0x8001, b"hello")] * 3


async def test_a_payload_beyond_the_limit_is_refused_before_it_arrives() -> None:
    charger, vehicle = await memory_pair()
    await vehicle.write(bytes.fromhex("01fe8001ffffffff"))
    with pytest.raises(HeaderError, match="4294967295 bytes"):
        await charger.read_frame()


async def test_wrong_version_is_a_header_error() -> None:
    charger, vehicle = await memory_pair()
    await vehicle.write(b"GET / HTTP/1.1\r\n")
    with pytest.raises(HeaderError, match="47 45"):
        await charger.read_frame()


async def test_a_peer_that_takes_nothing_is_gone_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a vehicle that asks and does not read would hold a charger, under voltage, for as long as it likes."""
    charger, vehicle = await memory_pair()
    transport = charger._streams[1].transport  # with a full send buffer:
    monkeypatch.setattr(transport, "get_write_buffer_size", lambda: 65536)
    transport.get_protocol().pause_writing()
    began = asyncio.get_running_loop().time()
    with pytest.raises(ConnectionLost, match="not read what was sent to it within 10 s"):
        await charger.write(v2gtp.pack(0x8001, b"hello"))
    assert asyncio.get_running_loop().time() - began == pytest.approx(10)
    await vehicle.read_frame()
    with pytest.raises(ConnectionLost):
        await vehicle.read_frame()


@pytest.mark.real_time
async def test_a_tcp_peer_that_takes_nothing_is_gone_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's buffers fill up first."""
    monkeypatch.setattr(channel, "MAX_TAKING", 0.05)

    async def read_nothing(channel: Channel) -> None:
        await asyncio.get_running_loop().create_future()

    async with listening(LOOPBACK, read_nothing) as port:
        vehicle = await connect("::1", port, None)
        with pytest.raises(ConnectionLost, match="not read what was sent to it"):
            while True:
                await vehicle.write(bytes(65536))


async def test_a_link_that_is_down_is_named_even_if_everything_was_taken() -> None:
    charger, _ = await memory_pair()
    charger._streams[0].set_exception(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))
    with pytest.raises(ConnectionLost, match="Connection timed out") as lost:
        await charger.write(v2gtp.pack(0x8001, b"hello"))
    assert lost.value.how is Loss.UNREACHABLE


async def test_close_between_and_inside_frames_is_told_apart() -> None:
    charger, vehicle = await memory_pair()
    await vehicle.close()
    with pytest.raises(ConnectionLost, match=r"closed the connection$"):
        await charger.read_frame()
    charger, vehicle = await memory_pair()
    await vehicle.write(v2gtp.pack(0x8001, b"hello")[:-2])
    await vehicle.close()
    with pytest.raises(ConnectionLost, match="after 3 bytes of a frame"):
        await charger.read_frame()


async def test_charger_waits_for_the_vehicle_to_close_first() -> None:
    """The wait ends as soon as the peer closes, and at the latest after its time."""
    loop = asyncio.get_running_loop()
    charger, vehicle = await memory_pair()
    loop.call_later(1.0, vehicle.abort)
    await charger.close(wait_for_peer=5.0)
    assert loop.time() == pytest.approx(1.0, abs=0.01)
    charger, vehicle = await memory_pair()
    started = loop.time()
    await charger.close(wait_for_peer=5.0)
    assert loop.time() - started == pytest.approx(5.0, abs=0.01)


async def test_write_after_the_peer_has_gone_is_connection_lost() -> None:
    charger, vehicle = await memory_pair()
    await vehicle.close()
    with pytest.raises(ConnectionLost):
        for _ in range(3):
            await charger.write_frame(0x8001, b"x")
            await asyncio.sleep(0.1)


async def test_tls_over_memory(files: tuple[Path, Path, Path]) -> None:
    chain, key, root = files
    charger, vehicle = await memory_pair(server=tls.server(chain, key), client=tls.client(root))
    assert charger.secure
    assert "ECDHE-ECDSA-AES128-SHA256" in vehicle.description
    await vehicle.write_frame(0x8001, bytes(20000))
    assert await charger.read_frame() == (0x8001, bytes(20000))


async def test_untrusted_root_fails_the_handshake_with_the_reason(
    files: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    _, _, other = tls.make_certificate(tmp_path, datetime.datetime.now(datetime.UTC))
    with pytest.raises(SetupError, match="trusted"):
        await memory_pair(server=tls.server(files[0], files[1]), client=tls.client(other))


def test_private_key_is_readable_by_its_owner_only(files: tuple[Path, Path, Path]) -> None:
    assert files[1].stat().st_mode & 0o777 == 0o600


def test_missing_and_wrong_files_are_named(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"absent\.pem: No such file"):
        tls.client(tmp_path / "absent.pem")
    with pytest.raises(SetupError, match="certificate"):
        tls.server(files[2], files[1])
    (tmp_path / "text.pem").write_text("no certificate")
    with pytest.raises(SetupError, match="holds no certificate"):
        tls.client(tmp_path / "text.pem")


@pytest.mark.real_time
@pytest.mark.parametrize("secure", [False, True])
async def test_tcp_and_tls_on_sockets(files: tuple[Path, Path, Path], secure: bool) -> None:
    """One code path serves both; the port is where the standard wants it."""
    chain, key, root = files

    async def echo(channel: Channel) -> None:
        kind, payload = await channel.read_frame()
        await channel.write_frame(kind, payload[::-1])
        await channel.close(wait_for_peer=1)

    server = tls.server(chain, key) if secure else None
    async with listening(LOOPBACK, echo, context=server, rng=random.Random(1)) as port:
        assert port in PORTS
        channel = await connect("::1", port, None, tls.client(root) if secure else None)
        assert channel.secure == secure
        await channel.write_frame(0x8001, b"abc")
        assert await channel.read_frame() == (0x8001, b"cba")
        await channel.close()


@pytest.mark.real_time
async def test_a_plain_client_at_a_tls_port_is_reported(files: tuple[Path, Path, Path]) -> None:
    said: list[str] = []

    async def serve(channel: Channel) -> None:
        raise AssertionError("no handshake took place")

    context = tls.server(files[0], files[1])
    async with listening(LOOPBACK, serve, context=context, rng=random.Random(2), on_failure=said.append) as port:
        channel = await connect("::1", port, None)
        await channel.write_frame(0x8001, b"no TLS")
        with pytest.raises(ConnectionLost):
            await channel.read_frame()
        await channel.close()
        await until(lambda: said, "the charger says something")


@pytest.mark.real_time
async def test_refused_connection_says_where() -> None:
    with pytest.raises(SetupError, match=r"cannot connect to \[::1\]:1"):
        await connect("::1", 1, None)


@pytest.mark.real_time
async def test_a_new_peer_gets_the_place_of_a_half_open_connection(
    files: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On real sockets: the charger resets the oldest of those that say nothing in their TLS handshake."""
    peers = iter([*["flood"] * MAX_CONNECTIONS, "car"])
    monkeypatch.setattr(Channel, "peer", property(lambda channel: next(peers)))
    context = tls.server(files[0], files[1])

    async def serve(channel: Channel) -> None:
        raise AssertionError("nobody has secured a connection")

    async with listening(LOOPBACK, serve, context=context) as port:
        ends = [await asyncio.open_connection("::1", port) for _ in range(MAX_CONNECTIONS + 1)]
        reads = [asyncio.create_task(reader.read(1)) for reader, _ in ends]
        await until(lambda: any(read.done() for read in reads), "a place is made")
        assert [read.done() for read in reads] == [True, *[False] * MAX_CONNECTIONS]
        for _, writer in ends:
            writer.close()
        await asyncio.gather(*reads, return_exceptions=True)


@pytest.mark.real_time
async def test_who_is_not_admitted_gets_no_handshake(files: tuple[Path, Path, Path]) -> None:
    """On real sockets: the connection ends before a word of TLS; who is admitted is reported by the given observer."""
    told: list[Event] = []
    full = [True, False]

    async def admit(channel: Channel) -> Observe | None:
        return None if full.pop(0) else told.append

    async def serve(channel: Channel) -> None:
        await channel.close(wait_for_peer=1)

    context = tls.server(files[0], files[1])
    async with listening(LOOPBACK, serve, context=context, admit=admit) as port:
        with pytest.raises(SetupError):
            await connect("::1", port, None, tls.client(files[2]))
        assert told == []
        await (await connect("::1", port, None, tls.client(files[2]))).close()
        await until(lambda: "handshake" in [event.name for event in told], "the handshake is told")
