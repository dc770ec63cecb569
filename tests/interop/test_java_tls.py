"""Handshakes with Java's own TLS, on which other ISO 15118 stacks run: static ECDH, and one OCSP response per
certificate (status_request_v2), neither of which OpenSSL can show."""

from __future__ import annotations

import asyncio
import datetime
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from pki import authority
from pki.profiles import SUITES
from pki.store import Store
from v2g import tls

PEER = Path(__file__).with_name("TlsPeer.java")
NOW = datetime.datetime.now(datetime.UTC)
SUITES_2 = ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.real_time,
    pytest.mark.skipif(shutil.which("javac") is None, reason="needs a Java development kit"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = authority.make(SUITES["iso2"], NOW - datetime.timedelta(days=1))
    made.save(tmp_path_factory.mktemp("pki"))
    return made


async def java(*words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "java", str(PEER), *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


async def at_our_charger(store: Store, suite: str, options: tls.Options) -> tuple[str, str]:
    """What its client says, and what we say."""
    context = tls.of_store("server", [store], options)
    said: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            connection = await tls.start(context, reader, writer)
            connection.write(await connection.readexactly(6))
            await connection.drain()
            connection.close()
            said.set_result(connection.report)
        except tls.TlsFailure as why:
            said.set_result(str(why))
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    assert store.directory is not None
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(60):
        process = await java("client", str(port), str(store.directory / "v2g-root.pem"), suite)
        output, _ = await process.communicate()
        report = await said
    server.close()
    return output.decode(), report


@pytest.mark.parametrize("suite", SUITES_2)
async def test_its_client_checks_three_stapled_responses(store: Store, suite: str) -> None:
    output, report = await at_our_charger(store, suite, tls.ISO2)
    assert f"agreed {suite} staples 3" in output
    assert "got hello" in output
    assert report.startswith(f"TLS 1.2, {suite}, secp256r1")


@pytest.mark.parametrize(
    ("staple", "alert"),
    [
        ("missing", "certificate_unknown"),
        ("revoked", "bad_certificate_status_response"),
        ("stale", "certificate_unknown"),
    ],
)
async def test_its_client_refuses_our_bad_staples(store: Store, staple: str, alert: str) -> None:
    output, report = await at_our_charger(store, SUITES_2[0], tls.ISO2.wrong(staple=staple))
    assert "agreed" not in output
    assert f"the alert {alert}" in report or "the alert bad_certificate_status_response" in report


@pytest.mark.parametrize("suite", SUITES_2)
async def test_our_vehicle_at_its_server(store: Store, suite: str, tmp_path: Path) -> None:
    entry = store["secc"]
    chain = [one.certificate for one in entry.up[1:]]
    key: pkcs12.PKCS12PrivateKeyTypes = entry.key  # type: ignore[assignment]  # a stand-in of the test
    data = pkcs12.serialize_key_and_certificates(
        b"secc", key, entry.certificate, chain, BestAvailableEncryption(b"test")
    )
    (tmp_path / "keys.p12").write_bytes(data)
    async with asyncio.timeout(60):
        process = await java("server", "0", str(tmp_path / "keys.p12"), suite)
        assert process.stdout is not None
        port = int((await process.stdout.readline()).split()[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        connection = await tls.start(tls.of_store("client", [store]), reader, writer)
        connection.write(b"hello\n")
        assert await connection.readexactly(6) == b"hello\n"
        connection.close()
        output, _ = await process.communicate()
    assert f"agreed {suite}" in output.decode()
