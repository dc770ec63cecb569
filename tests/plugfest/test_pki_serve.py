"""``plugfest pki serve``: contracts of both generations for chargers of others."""

from __future__ import annotations

import base64
import contextlib
import http.client
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pnc import NOW, PncBench
from pnc import store as store2
from pnc20 import PncBench20
from pnc20 import store as store20
from processes import CEILING

from pki import sealing
from plugfest import pnc
from plugfest.certificates.outcomes import Outcome, Plan
from plugfest.certificates.service import SESSIONS, Desk, desk, server_of
from plugfest.cli import main
from secc.remote import SCHEMAS, Remote


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    store2().save(directory)
    for suite in ("iso20", "iso20-ed448"):
        store20(suite).save(directory)
    return directory


def made(pki: Path, *emaids: str) -> Desk:
    return desk(pki, lambda: NOW, emaids, scheme="strict-guess", grammar="common")


def remote(served: Desk) -> Remote:
    """A charger's end of it, in memory; the desk has a loop of its own."""

    async def post(question: Mapping[str, Any]) -> Mapping[str, Any]:
        answers: list[Mapping[str, Any]] = []
        thread = threading.Thread(target=lambda: answers.append(served.answer(question)))
        thread.start()
        thread.join()
        return answers[0]

    return Remote(post)


@pytest.mark.parametrize("suite", ["iso20", "iso20-ed448"])
async def test_contracts_of_iso20_one_after_the_other(pki: Path, suite: str) -> None:
    """A second request in the same session gets the next one, with the kind of key that its vehicle has."""
    bench = PncBench20(suite=suite, tolerant=False)
    bench.installs()
    served = made(pki, "DEPLFC00000001", "DEXYZC00000002")
    bench.contracts.backend20 = remote(served)
    for _ in range(2):
        bench.wallet.contracts = []
        vehicle, charger = await bench.run()
        assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
        assert [one.emaid[:14] for one in bench.wallet.contracts] == ["DEPLFC00000001", "DEXYZC00000002"]
    assert len(served.done) == 2 < SESSIONS


@pytest.mark.parametrize("profile", ["bench", "strict-guess, filler=none"])
async def test_a_profile_beyond_the_schema_is_for_tolerant_vehicles(pki: Path, profile: str) -> None:
    """An Ed448 key as a whole, or a DHPublicKey of 56 octets: sent as requested, with a note for the user."""
    bench = PncBench20(suite="iso20-ed448")
    bench.installs()
    served = desk(pki, lambda: NOW, ["DEPLFC00000001"], scheme=profile, grammar="common")
    bench.contracts.backend20 = remote(served)
    bench.wallet.scheme = sealing.scheme(profile)
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    assert len(bench.wallet.contracts) == 1, vehicle.notes
    assert bench.said("se", "sent as it is, although it breaks the schema")


async def test_contracts_of_iso2(pki: Path) -> None:
    bench = PncBench()
    bench.wallet.contract = None
    bench.contracts.backend = remote(made(pki, "DEPLFC00000001"))
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    assert bench.wallet.contract is not None


async def test_what_the_pki_does_not_know_is_failed(pki: Path) -> None:
    bench = PncBench20()
    bench.installs()
    other = store20("iso20", "others")["oem-provisioning"]
    bench.wallet.provisioning = pnc.credential(other)
    bench.contracts.backend20 = remote(made(pki))
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert bench.codes("CertificateInstallationRes") == ["WARNING_NoCertificateAvailable"]
    assert bench.said("se", "the service answered Failed WARNING_")


NOTHING = "WARNING_NoCertificateAvailable"


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        ("failed", NOTHING, "the service answered Failed"),
        ("not-exi", NOTHING, "exiResponse of the service is not"),
        ("other-message", NOTHING, "SessionStopRes"),
        ("unsigned", NOTHING, "is not signed"),
        ("bad-signature", "OK", "contract"),  # the vehicle's to see
        ("WARNING_NoContractMatchingPCIDFound", "WARNING_NoContractMatchingPCIDFound", "the service refuses"),
        ("WARNING_eMSPUnknown", "WARNING_eMSPUnknown", "the service refuses"),
        ("FAILED_SignatureError", "FAILED_SignatureError", "the service refuses"),
        ("ongoing", NOTHING, ""),
    ],
)
async def test_a_charger_passes_on_what_the_service_answers(pki: Path, outcome: str, code: str, said: str) -> None:
    """In ISO 15118-20; whatever has no code of its own means that no certificate is available."""
    bench = PncBench20()
    bench.installs()
    served = made(pki)
    served.plan = Plan(outcome)
    bench.contracts.backend20 = remote(served)
    vehicle, _ = await bench.run()
    assert bench.codes("CertificateInstallationRes")[-1] == code
    assert vehicle.ok is (code != "FAILED_SignatureError")
    assert bench.said("se", said)
    assert bench.wallet.contracts == []


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        ("failed", "FAILED_NoCertificateAvailable"),
        ("unsigned", "FAILED_NoCertificateAvailable"),
        ("FAILED_CertificateRevoked", "FAILED_CertificateRevoked"),
        ("ongoing", "FAILED_NoCertificateAvailable"),
    ],
)
async def test_the_same_in_iso2(pki: Path, outcome: str, code: str) -> None:
    bench = PncBench()
    bench.wallet.contract = None
    served = made(pki, "DEPLFC00000001")
    served.plan = Plan(outcome)
    bench.contracts.backend = remote(served)
    await bench.run()
    codes = [
        str(e.message.Body.BodyElement.ResponseCode)
        for e in bench.events["ev"]
        if e.name == "CertificateInstallationRes"
    ]
    assert codes == [code]


async def test_only_the_first_requests_fail(pki: Path) -> None:
    """A vehicle that comes back gets its contract."""
    bench = PncBench20()
    bench.installs()
    served = made(pki, "DEPLFC00000001")
    served.plan = Plan(Outcome.FAILED, times=1)
    bench.contracts.backend20 = remote(served)
    for contracts in (0, 1):
        bench.wallet.contracts = []
        vehicle, _ = await bench.run()
        assert vehicle.ok
        assert len(bench.wallet.contracts) == contracts


async def test_the_issuers_own_refusal_can_be_a_response(pki: Path) -> None:
    bench = PncBench20()
    bench.installs()
    bench.wallet.provisioning = pnc.credential(store20("iso20", "others")["oem-provisioning"])
    served = made(pki)
    served.plan = Plan(codes=True)
    bench.contracts.backend20 = remote(served)
    await bench.run()
    assert bench.codes("CertificateInstallationRes") == ["WARNING_CertificateValidationError"]


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("outcome", "answer"), [("http-error", (500, None)), ("not-json", (200, b"<html>")), ("silence", (0, None))]
)
def test_what_fails_below_json(pki: Path, outcome: str, answer: tuple[int, bytes | None]) -> None:
    """The next request is answered anyway."""
    served = made(pki)
    served.plan = Plan(outcome, times=1)
    with running(served) as port:
        assert ask(port, patience=0.5 if outcome == Outcome.SILENCE else CEILING) == answer
        assert ask(port)[0] == 200


@contextlib.contextmanager
def running(served: Desk) -> Iterator[int]:
    """The service over HTTP; its port."""
    with server_of(served, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def ask(port: int, patience: float = CEILING) -> tuple[int, bytes | None]:
    """Status and body of an answer to an empty question; 0 where none comes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    try:
        connection.request("POST", "/", b"{}")
        answer = connection.getresponse()
        return answer.status, answer.read() if answer.status == 200 else None
    except TimeoutError:
        return 0, None
    finally:
        connection.close()


HOSTILE = {
    "no length": (b"", b"411"),
    "no number": (b"Content-Length: \xb2\r\n", b"411"),
    "negative": (b"Content-Length: -5\r\n", b"411"),
    "chunks": (b"Transfer-Encoding: chunked\r\n", b"411"),
    "endless digits": (b"Content-Length: " + b"9" * 5000 + b"\r\n", b"413"),
    "too long": (b"Content-Length: 65537\r\n", b"413"),
    "shorter than it says": (b"Content-Length: 50\r\n", b""),
}


@pytest.mark.real_time
@pytest.mark.parametrize("headers", HOSTILE, ids=str)
def test_a_request_that_is_none_has_a_status_and_no_traceback(
    pki: Path, headers: str, capfd: pytest.CaptureFixture[str]
) -> None:
    lines, status = HOSTILE[headers]
    with running(made(pki)) as port:
        with socket.create_connection(("127.0.0.1", port), CEILING) as peer:
            peer.sendall(b"POST / HTTP/1.1\r\n" + lines + b"\r\n{}")
            peer.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: peer.recv(65536), b""))
        assert answer.split(b" ")[1:2] == ([status] if status else [])
        assert ask(port)[0] == 200
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.real_time
def test_a_peer_that_hangs_up_leaves_no_traceback(pki: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It resets the connection before it has its answer."""
    served = made(pki)
    with running(served) as port:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port), CEILING) as peer:
                peer.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert ask(port)[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_an_unknown_outcome_is_named(pki: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "serve", str(pki), "--answer", "WARNING_eMSPUnknwon"]) == 2
    assert "--answer WARNING_eMSPUnknwon: choose from normal, failed, silence" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("question", "note"),
    [
        ([], "not a JSON object"),
        ({}, "iso15118SchemaVersion None is unknown"),
        ({"iso15118SchemaVersion": "\x1b[31m"}, "is unknown"),
        ({"iso15118SchemaVersion": SCHEMAS["iso20-common"], "exiRequest": "?"}, "exiRequest is not base64"),
        ({"iso15118SchemaVersion": SCHEMAS["iso20-common"], "exiRequest": None}, "exiRequest is not base64"),
        ({"iso15118SchemaVersion": SCHEMAS["iso20-common"], "exiRequest": 7}, "exiRequest is not base64"),
        ({"iso15118SchemaVersion": SCHEMAS["iso20-common"]}, "exiRequest is not base64"),
        ({"iso15118SchemaVersion": SCHEMAS["iso20-common"], "exiRequest": ""}, "an empty stream"),
        ({"iso15118SchemaVersion": SCHEMAS["iso2"], "exiRequest": base64.b64encode(bytes(99)).decode()}, ""),
    ],
)
def test_invalid_questions_fail(pki: Path, question: Any, note: str) -> None:
    answer = made(pki).answer(question)
    assert answer["status"] == "Failed"
    assert note in answer["note"]
    assert "\x1b" not in answer["note"]
    assert len(answer["statusInfo"]["reasonCode"]) <= 20


@pytest.mark.real_time
def test_a_charger_asks_the_service_over_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["pki", "init", "test-pki", "--profile", "iso20"]) == 0
    words = [
        sys.executable,
        "-u",
        "-m",
        "plugfest",
        "pki",
        "serve",
        "test-pki",
        "--port",
        "0",
        "--emaid",
        "DEXYZC00000002",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split(" at ")[1].strip()
            assert f"charger.provisioning-url: {url} " in server.stdout.readline()
            options = ["--contract", "none", "--no-slac", "--duration", "1", "--set", f"charger.provisioning-url={url}"]
            assert main(["demo", "--pnc", "--protocol", "iso20", "--seed", "1", *options]) == 0
            assert "contract installation of DEXYZC00000002" in capsys.readouterr().out
            assert server.stdout.readline() == "Accepted: CertificateInstallationReq\n"
        finally:  # a service that is not stopped is waited for without end
            server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
