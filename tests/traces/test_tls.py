"""Recorded TLS is opened with its secrets: handshakes made by OpenSSL, read by us."""

from __future__ import annotations

import contextlib
import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugfest.traces.keylog import KeyLog
from plugfest.traces.tcp import Chunk
from plugfest.traces.tls import Connection, Happening, split_der
from v2g import tls as v2g_tls

SUITES = [
    ("ECDHE-ECDSA-AES128-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    ("ECDHE-ECDSA-AES256-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    ("ECDHE-ECDSA-AES128-SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    ("", "TLS_AES_256_GCM_SHA384"),
]

Record = tuple[bool, bytes]


@pytest.fixture(scope="module")
def certificate() -> Iterator[tuple[Path, Path, Path]]:
    with v2g_tls.bench_certificate(datetime.datetime.now(datetime.UTC)) as files:
        yield files


def conversation(files: tuple[Path, Path, Path], suite: str, log: Path) -> list[Record]:
    """What both sides of a short TLS connection send: (from the client?, bytes)."""
    version = ssl.TLSVersion.TLSv1_2 if suite else ssl.TLSVersion.TLSv1_3
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files[0], files[1])
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    for context in (server, client):
        context.minimum_version = context.maximum_version = version
        if suite:
            context.set_ciphers(suite)
    client.keylog_filename = str(log)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = {
        True: client.wrap_bio(to_client, to_server, server_side=False),
        False: server.wrap_bio(to_server, to_client, server_side=True),
    }
    said: list[Record] = []

    @contextlib.contextmanager
    def noted(side: bool) -> Iterator[None]:
        # What one side writes stands in the other side's incoming BIO: note it and put it back.
        bio = to_server if side else to_client
        unread = bio.pending
        yield
        data = bio.read()
        bio.write(data)
        if data[unread:]:
            said.append((side, data[unread:]))

    done = {True: False, False: False}
    while not all(done.values()):
        for side, end in ends.items():
            if not done[side]:
                with noted(side), contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
                    done[side] = True
    for number in range(3):
        for side, end in ends.items():
            with noted(side):
                end.write(b"%d from %s" % (number, b"client" if side else b"server") + bytes(number * 9000))
            ends[not side].read(100_000)
    return said


def opened(said: list[Record], log: bytes, size: int = 1000) -> tuple[Connection, list[Happening]]:
    keys = KeyLog()
    keys.add(log)
    connection = Connection(keys)
    found = []
    for number, (from_client, data) in enumerate(said):
        for start in range(0, len(data), size):
            found += connection.feed(Chunk(data[start : start + size], number, number), from_client)
    return connection, found


@pytest.mark.parametrize(("suite", "name"), SUITES)
def test_what_both_sides_said_is_read(
    certificate: tuple[Path, Path, Path], tmp_path: Path, suite: str, name: str
) -> None:
    said = conversation(certificate, suite, tmp_path / "log")
    for size in (7, 100_000):
        connection, found = opened(said, (tmp_path / "log").read_bytes(), size)
        assert connection.suite == name
        assert not [h.note for h in found if h.name in ("remark", "alert")]
        for from_client, word in ((True, b"client"), (False, b"server")):
            text = b"".join(h.data for h in found if h.name == "data" and h.from_client == from_client)
            assert text == b"".join(b"%d from %s" % (n, word) + bytes(n * 9000) for n in range(3))
        (chain,) = [h for h in found if h.name == "certificates"]
        assert "DC=CPO" in chain.note
        assert len(list(split_der(chain.data))) == 3


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-SHA256", ""])
def test_without_secrets_it_says_so_once(certificate: tuple[Path, Path, Path], tmp_path: Path, suite: str) -> None:
    said = conversation(certificate, suite, tmp_path / "log")
    connection, found = opened(said, b"")
    assert not [h for h in found if h.name == "data"]
    assert [h.note for h in found if h.name == "remark"] == [
        "encrypted, and no session secrets: give a key log (--key-log FILE)"
    ]
    assert connection.opaque > 0
    assert len([h for h in found if h.name == "encrypted"]) == 1
    handshake = next(i for i, (client, _) in enumerate(said) if i > 1 and client) + 1
    assert not [h for h in opened(said[:handshake], b"")[1] if h.name == "encrypted"]


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", ""])
def test_wrong_secrets_are_noticed(certificate: tuple[Path, Path, Path], tmp_path: Path, suite: str) -> None:
    said = conversation(certificate, suite, tmp_path / "log")
    lines = (tmp_path / "log").read_text().splitlines()
    wrong = "\n".join(line[:-2] + ("00" if line[-2:] != "00" else "11") for line in lines)
    _, found = opened(said, wrong.encode())
    assert not [h for h in found if h.name == "data"]
    assert any("the secrets do not fit" in h.note for h in found if h.name == "remark")


def test_bytes_missing_in_the_middle_end_the_direction(certificate: tuple[Path, Path, Path], tmp_path: Path) -> None:
    said = conversation(certificate, "ECDHE-ECDSA-AES128-SHA256", tmp_path / "log")
    keys = KeyLog()
    keys.add((tmp_path / "log").read_bytes())
    connection = Connection(keys)
    found = []
    for number, (from_client, data) in enumerate(said):
        lost = 5 if number == len(said) - 2 else 0
        found += connection.feed(Chunk(data[lost:], number, number, lost), from_client)
    assert any("5 bytes are missing" in h.note for h in found)
    assert b"1 from client" in b"".join(h.data for h in found)


def test_damage_anywhere_raises_nothing(certificate: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """Every byte of the handshake is damaged once; the reader answers with remarks."""
    said = conversation(certificate, "", tmp_path / "log")[:6]
    log = (tmp_path / "log").read_bytes()
    for number, (from_client, data) in enumerate(said):
        for place in range(0, min(len(data), 300), 3):
            damaged = [*said]
            damaged[number] = (from_client, data[:place] + bytes((data[place] ^ 0x55,)) + data[place + 1 :])
            opened(damaged, log)
            opened([*damaged[:number], (from_client, data[:place]), *damaged[number + 1 :]], log)


def test_a_key_log_takes_secrets_and_ignores_the_rest() -> None:
    keys = KeyLog()
    line = f"CLIENT_RANDOM {'ab' * 32} {'cd' * 48}"
    assert keys.add(f"# comment\n{line}\nCLIENT_RANDOM zz yy\nCLIENT_RANDOM ab cd\n".encode()) == 1
    assert keys.get("CLIENT_RANDOM", bytes.fromhex("ab" * 32)) == bytes.fromhex("cd" * 48)
    assert keys.lines().decode() == line + "\n"
