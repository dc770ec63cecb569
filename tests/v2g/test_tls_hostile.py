"""Broken bytes at each step of a handshake: always one kind of error, and never an endless wait."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from tls_world import charger, store, vehicle

from v2g import tls
from v2g.channel import Channel
from v2g.errors import ConnectionLost, SetupError
from v2g.memory_link import memory_pair
from v2g.tls import extensions as ext
from v2g.tls import messages
from v2g.tls.failure import Fatal

PROFILES = ("iso2", "iso20")


def _context(role: str, profile: str) -> tls.Context:
    options = tls.PROFILES[profile].change(timeout=5.0)
    return (charger if role == "server" else vehicle)(options, store(profile))


async def _meet_altered(profile: str, direction: str, rng: random.Random) -> list[BaseException | None]:
    """A handshake in which one piece of one direction is altered on the way."""
    charger_end, relay_vehicle = await memory_pair()
    relay_charger, vehicle_end = await memory_pair()
    victim = rng.randrange(3)

    async def relay(source: Channel, sink: Channel, alter: bool) -> None:
        count = 0
        while data := await source._streams[0].read(65536):  # type: ignore[attr-defined]  # private, and not declared
            if alter and count == victim:
                data = _altered(data, rng)
            count += 1
            sink._streams[1].write(data)  # type: ignore[attr-defined]  # private, and not declared
        sink._streams[1].close()  # type: ignore[attr-defined]  # private, and not declared

    relays = [
        asyncio.create_task(relay(relay_charger, relay_vehicle, direction == "up")),
        asyncio.create_task(relay(relay_vehicle, relay_charger, direction == "down")),
    ]

    async def one(end: Channel, context: tls.Context) -> BaseException | None:
        channel = end
        try:
            await channel.start_tls(context)
            async with asyncio.timeout(5):
                await channel.read_frame()
        except (tls.TlsFailure, ConnectionLost, TimeoutError) as why:
            return why
        return None

    results = await asyncio.gather(
        one(charger_end, _context("server", profile)), one(vehicle_end, _context("client", profile))
    )
    for task in relays:
        task.cancel()
    await asyncio.gather(*relays, return_exceptions=True)
    return list(results)


def _altered(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    kind = rng.randrange(5)
    if kind == 0:
        return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[:at] + rng.randbytes(rng.randrange(1, 20)) + data[at:]
    if kind == 3:
        return rng.randbytes(len(data))
    return data[:5] + rng.randbytes(len(data) - 5)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("direction", ["up", "down"])
async def test_altered_handshakes_end_in_failures_of_one_kind(profile: str, direction: str) -> None:
    """Any other exception fails the test, and so does a wait that nothing ends (the virtual clock sees it)."""
    rng = random.Random(f"{profile} {direction}")
    for _ in range(60):
        results = await _meet_altered(profile, direction, rng)
        assert any(results)


PARSERS = (
    messages.ClientHello.parse,
    messages.ServerHello.parse,
    messages.Certificates.parse12,
    messages.Certificates.parse13,
    messages.CertificateRequest.parse12,
    messages.CertificateRequest.parse13,
    messages.parse_status,
    ext.read_roots,
    ext.read_names,
    ext.read_shares,
    ext.asks_multi,
)


@pytest.mark.parametrize("parse", PARSERS)
def test_parsers_refuse_noise_with_one_error(parse: object) -> None:
    rng = random.Random(7)
    for _ in range(400):
        noise = rng.randbytes(rng.randrange(0, 80))
        if rng.random() < 0.5:  # lengths that are nearly right get further
            noise = len(noise).to_bytes(rng.choice((1, 2, 3)), "big") + noise
        with contextlib.suppress(Fatal):
            parse(noise)  # type: ignore[operator]  # one of several functions


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("16030300ff", "closed the connection"),
        ("1603034fff", "a record of 20479 bytes"),
        ("170303000100", "ApplicationData where ClientHello was due"),
        ("160303000401ffffff", "a handshake message of 16777215 bytes"),
        ("1603030000", "an empty handshake record"),
        ("1503030002025a", r"user_canceled \(90\)"),
        ("15030300010a", "an alert of 1 bytes"),
        ("474554202f20485454502f312e310d0a", "bytes that are not TLS: 47 45"),
        ("80530100020000", "bytes that are not TLS"),
    ],
)
async def test_what_is_not_a_hello_is_named(data: str, said: str) -> None:
    charger_end, other = await memory_pair()
    other._streams[1].write(bytes.fromhex(data))
    other._streams[1].write_eof()
    with pytest.raises(SetupError, match=said):
        await charger_end.start_tls(_context("server", "iso2"))


async def test_a_peer_that_never_speaks_is_waited_for_only_so_long() -> None:
    charger_end, _ = await memory_pair()
    started = asyncio.get_running_loop().time()
    with pytest.raises(tls.TlsFailure, match="did not send ClientHello within 5 s"):
        await charger_end.start_tls(_context("server", "iso2"))
    assert asyncio.get_running_loop().time() - started == pytest.approx(5.0, abs=1.1)


def unknown_names(*ders: bytes) -> str:
    return tls.Context("server").name_roots(list(ders))


@given(
    st.lists(
        st.tuples(
            st.sampled_from((NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)),
            st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=60),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_name_of_an_unknown_root_is_readable(parts: list[tuple[x509.ObjectIdentifier, str]]) -> None:
    """Its values, without the octets around them; a name that is sent twice is said once."""
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])
    der = name.public_bytes()
    assert unknown_names(der, der) == " ".join(value for _, value in parts)


@given(st.binary(max_size=400))
def test_what_is_not_a_name_is_said_in_hex(der: bytes) -> None:
    assert isinstance(unknown_names(der), str)
    assert unknown_names(bytes(8)) == "00" * 8
