"""Handshakes with OpenSSL's own client and server over sockets: an implementation that is not ours."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from processes import CEILING

from pki import authority, ocsp
from pki.profiles import SUITES
from pki.store import Store
from v2g import tls

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command"),
]

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    """PKIs in files, and beside them the sub-CAs alone, as OpenSSL wants them."""
    where = tmp_path_factory.mktemp("pki")
    made = {}
    for name in ("iso2", "iso20", "iso20-ed448"):
        made[name] = authority.make(SUITES[name], NOW - datetime.timedelta(days=1), seed=authority.seed_octets("ssl"))
        made[name].save(where)
        for leaf in ("secc", "vehicle"):
            if leaf in made[name]:
                pem = b"".join(entry.pem for entry in made[name][leaf].up[1:-1])
                (where / name / f"{leaf}-subs.pem").write_bytes(pem)
    return made


def file(store: Store, name: str) -> str:
    assert store.directory is not None
    return str(store.directory / name)


def own(store: Store, leaf: str) -> list[str]:
    """Options of the openssl command: a certificate with key and sub-CAs."""
    return [
        "-cert", file(store, f"{leaf}.pem"), "-key", file(store, f"{leaf}.key"),
        "-cert_chain", file(store, f"{leaf}-subs.pem"),
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Our charger, its client

CLIENTS: list[tuple[str, str, list[str], str]] = [
    ("iso2", "iso2", ["-tls1_2"], "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, secp256r1"),
    ("iso2", "iso2", [], "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, secp256r1"),
    ("iso2", "iso2", ["-max_send_frag", "512", "-split_send_frag", "512"], "TLS 1.2"),
    ("iso2", "iso2", ["-maxfraglen", "512"], "TLS 1.2"),
    (
        "lab",
        "iso2",
        ["-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384", "-tls1_2"],
        "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_256_GCM",
    ),
    (
        "lab",
        "iso2",
        ["-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", "-tls1_2"],
        "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_GCM",
    ),
    ("lab", "iso2", ["-groups", "X25519"], "TLS 1.3, TLS_AES_256_GCM_SHA384, x25519"),
    ("iso20", "iso20", ["mutual"], "TLS 1.3, TLS_AES_256_GCM_SHA384, secp521r1; peer: PLFV"),
    ("iso20", "iso20", ["mutual", "-groups", "X448"], "TLS 1.3, TLS_AES_256_GCM_SHA384, x448; peer: PLFV"),
    ("iso20", "iso20", ["mutual", "-groups", "P-256:P-521"], "TLS 1.3, TLS_AES_256_GCM_SHA384, secp521r1"),
    ("iso20", "iso20-ed448", ["mutual"], "TLS 1.3, TLS_AES_256_GCM_SHA384, secp521r1; peer: PLFV"),
    ("iso20", "iso20-ed448", ["mutual", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], "TLS 1.3, TLS_CHACHA20"),
    ("iso20", "iso20", ["mutual", "-maxfraglen", "1024"], "TLS 1.3"),
    ("both", "iso20", ["mutual"], "TLS 1.3, TLS_AES_256_GCM_SHA384, secp521r1"),
]


@pytest.mark.parametrize(("profile", "suite", "words", "agreed"), CLIENTS)
async def test_its_client_at_our_charger(
    stores: dict[str, Store], profile: str, suite: str, words: list[str], agreed: str
) -> None:
    """It verifies our chain and the stapled OCSP response, and application data goes both ways."""
    store = stores[suite]
    context = tls.of_store("server", [store], tls.PROFILES[profile])
    if words[:1] == ["mutual"]:
        words = ["-tls1_3", *own(store, "vehicle"), *words[1:]]
    said: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            connection = await tls.start(context, reader, writer)
            data = await connection.readexactly(3000)
            connection.write(data[::-1])
            await connection.drain()
            connection.close()
            said.set_result(connection.report)
        except (OSError, EOFError, tls.TlsFailure) as why:
            said.set_exception(why)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    command = [
        "openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", file(store, "v2g-root.pem"),
        "-verify_return_error", "-status", "-ign_eof", *words,
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        sent = bytes(range(32, 127)) * 31 + b"x" * 55
        async with asyncio.timeout(CEILING):
            output, errors = await process.communicate(sent)
            report = await said
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        server.close()
    assert report.startswith(agreed), errors
    assert sent[::-1] in output
    assert b"Verify return code: 0 (ok)" in output
    assert b"OCSP Response Status: successful" in output
    assert b"Cert Status: good" in output


async def test_its_client_updates_its_keys(stores: dict[str, Store]) -> None:
    """``K`` in s_client is a KeyUpdate that asks for one in return."""
    context = tls.of_store("server", [stores["iso2"]], tls.LAB)
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = await tls.start(context, reader, writer)
        for _ in range(2):
            received.put_nowait(text := await connection.read(100))
        connection.write(text)
        await connection.drain()
        await connection.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_client", "-connect", f"127.0.0.1:{port}",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(CEILING):
            process.stdin.write(b"one\n")
            assert await received.get() == b"one\n"
            process.stdin.write(b"K\n")  # a command only at the start of what it reads at once
            while b"KEYUPDATE" not in await process.stderr.readline():
                pass
            process.stdin.write(b"two\n")
            assert await received.get() == b"two\n"
            output = b""
            while b"\ntwo\n" not in output:
                output += await process.stdout.read(10000)
    finally:
        process.kill()
        await process.communicate()
        server.close()


# ---------------------------------------------------------------------------------------------------------------
# Our vehicle, its server


@contextlib.asynccontextmanager
async def openssl_server(store: Store, words: list[str]) -> AsyncIterator[int]:
    """``openssl s_server`` that sends each line back reversed; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-rev", *own(store, "secc"), *words]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(CEILING):
            while b"ACCEPT" not in await process.stdout.readline():
                pass
        yield port
    finally:
        process.kill()
        await process.communicate()


SERVERS: list[tuple[str, str, list[str], str]] = [
    ("iso2", "iso2", [], "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, secp256r1; peer: DEPLFE00001 < CPOSubCA2"),
    (
        "lab",
        "iso2",
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
        "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_GCM",
    ),
    (
        "lab",
        "iso2",
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"],
        "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_256_GCM",
    ),
    ("lab", "iso2", ["-groups", "X25519"], "TLS 1.3, TLS_AES_256_GCM_SHA384, x25519"),
    ("iso20", "iso20", ["mutual"], "TLS 1.3, TLS_AES_256_GCM_SHA384, secp521r1; peer: DEPLFS"),
    ("iso20", "iso20", ["mutual", "-groups", "X448"], "TLS 1.3, TLS_AES_256_GCM_SHA384, x448; peer: DEPLFS"),
    ("iso20", "iso20-ed448", ["mutual"], "TLS 1.3, TLS_AES_256_GCM_SHA384, secp521r1; peer: DEPLFS"),
    ("iso20", "iso20-ed448", ["mutual", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], "TLS 1.3, TLS_CHACHA20"),
    ("both", "iso20", ["mutual", "-serverpref"], "TLS 1.3"),
]


@pytest.mark.parametrize(("profile", "suite", "words", "agreed"), SERVERS)
async def test_our_vehicle_at_its_server(
    stores: dict[str, Store], profile: str, suite: str, words: list[str], agreed: str, tmp_path: Path
) -> None:
    """It verifies our certificate where there is one; we verify its chain and its OCSP response."""
    store = stores[suite]
    if words[:1] == ["mutual"]:
        words = ["-Verify", "4", "-verify_return_error", "-CAfile", file(store, "oem-root.pem"), *words[1:]]
    (tmp_path / "staple.der").write_bytes(ocsp.staple(store, store["secc"], NOW))
    context = tls.of_store("client", [store], tls.PROFILES[profile].change(status_request="v1"))
    events = []
    context.observe = events.append
    async with openssl_server(store, [*words, "-status_file", str(tmp_path / "staple.der")]) as port:
        async with asyncio.timeout(CEILING):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            connection = await tls.start(context, reader, writer)
            connection.write(b"hello\n")
            await connection.drain()
            assert await connection.readexactly(6) == b"olleh\n"
            connection.close()
            await connection.wait_closed()
    assert connection.report.startswith(agreed)
    assert [e.note for e in events if e.name == "staple"] == [f"{store['secc'].common_name}: good"]


async def test_its_alert_is_explained(stores: dict[str, Store]) -> None:
    context = tls.of_store("client", [stores["iso2"]], tls.ISO2.change(suites=("0xC02B",)))
    async with openssl_server(stores["iso2"], ["-cipher", "ECDHE-ECDSA-AES128-SHA256", "-tls1_2"]) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(tls.TlsFailure) as caught:
            await tls.start(context, reader, writer)
        writer.close()
    assert caught.value.received == "handshake_failure"
    assert "We offer TLS 1.2; TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" in str(caught.value)


async def test_static_ecdh_is_refused_by_it(stores: dict[str, Store]) -> None:
    """OpenSSL has no static ECDH any more: a peer built on it cannot meet one that offers only 0xC025."""
    context = tls.of_store("client", [stores["iso2"]], tls.ISO2.change(suites=("ECDH-ECDSA-AES128-SHA256",)))
    async with openssl_server(stores["iso2"], []) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(tls.TlsFailure, match="handshake_failure"):
            await tls.start(context, reader, writer)
        writer.close()
