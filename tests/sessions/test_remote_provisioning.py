"""Contracts from a service elsewhere: what is requested, what is accepted, and how unusable answers are handled."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pnc import PncBench, _files
from pnc20 import PncBench20, store

import exi
from plugfest import service
from plugfest.service import post_to
from secc.provisioning import LocalBackend as LocalBackend2
from secc.remote import Remote
from v2g import reading, signature
from v2g.credentials import sub_certificates
from v2g.messages import iso2, schema
from v2g.messages.iso20 import common, types
from v2g.protocols.iso2 import ISO2


class Service(Remote):
    """A service with the bench's own PKI behind it, whose answers have headers of another session.

    Attributes:
        asked: what it was asked.
        change: spoils an answer.
    """

    def __init__(self, local: Any) -> None:
        super().__init__(self.serve)
        self.local, self.asked, self.done = local, [], []  # type: ignore[var-annotated]  # lists that only the test reads
        self.change = lambda answer: answer
        self.visit: Any = None

    async def install(self, visit: Any, request: Any, done: Any = ()) -> Any:
        self.visit, self.done = visit, done
        return await super().install(visit, request, done)

    async def serve(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(question)
        data = base64.b64decode(question["exiRequest"])
        if isinstance(self.local, LocalBackend2):
            request = reading.read("iso2", data).body
            signed = await self.local.install(self.visit, request)
            document = ISO2.wrap(signed.response, bytes(8), signed.signature)
            return self.change({"status": "Accepted", "exiResponse": _coded("iso2", document)})
        request = reading.read("iso20-common", data).body
        made = await self.local.install(self.visit, request, self.done)
        answer = common.CertificateInstallationRes(
            Header=types.MessageHeaderType(SessionID=bytes(8), TimeStamp=1, Signature=made.signature),
            ResponseCode="OK",
            EVSEProcessing="Finished",
            CPSCertificateChain=common.CertificateChainType(
                Certificate=made.provider[0], SubCertificates=sub_certificates(made.provider)
            ),
            SignedInstallationData=made.data,
            RemainingContractCertificateChains=made.remaining,
        )
        return self.change({"status": "Accepted", "exiResponse": _coded("iso20-common", answer)})


def _coded(name: str, document: Any) -> str:
    return base64.b64encode(exi.encode(schema(name), document)).decode()


async def test_contracts_of_iso20_come_from_elsewhere() -> None:
    """One question for each contract, with the request as it came; the header of the session is our own."""
    bench = PncBench20(tolerant=False)
    elsewhere = Service(bench.installs("DEPLFC00000001", "DEXYZC00000002"))
    bench.contracts.backend20 = elsewhere
    bench.wallet.prioritized = ["DEXYZC000000022"]
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    assert [contract.emaid[:14] for contract in bench.wallet.contracts] == ["DEXYZC00000002", "DEPLFC00000001"]
    assert len(elsewhere.asked) == 2
    question = elsewhere.asked[0]
    assert question["iso15118SchemaVersion"] == "urn:iso:std:iso:15118:-20:CommonMessages"
    assert question["action"] == "Install"
    assert question["maximumContractCertificateChains"] == bench.wallet.most
    assert question["prioritizedEMAIDs"] == ["DEXYZC000000022"]
    sent = [e.data for e in bench.events["ev"] if e.layer == "message" and e.name == "CertificateInstallationReq"]
    assert [base64.b64decode(one["exiRequest"]) for one in elsewhere.asked] == sent


async def test_contracts_of_iso2_come_from_elsewhere() -> None:
    bench = PncBench()
    bench.wallet.contract = None
    assert isinstance(bench.contracts.backend, LocalBackend2)
    elsewhere = Service(bench.contracts.backend)
    bench.contracts.backend = elsewhere
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    assert bench.wallet.contract is not None
    (question,) = elsewhere.asked
    assert question["iso15118SchemaVersion"] == "urn:iso:15118:2:2013:MsgDef"
    assert isinstance(
        reading.read("iso2", base64.b64decode(question["exiRequest"])).body, iso2.CertificateInstallationReq
    )


def failed(answer: dict[str, Any]) -> dict[str, Any]:
    return {"status": "Failed", "statusInfo": {"reasonCode": "NoContract\x1b[31m"}}


def no_base64(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "exiResponse": "?"}


def another_message(answer: dict[str, Any]) -> dict[str, Any]:
    header = types.MessageHeaderType(SessionID=bytes(8), TimeStamp=1)
    return {**answer, "exiResponse": _coded("iso20-common", common.SessionStopRes(Header=header, ResponseCode="OK"))}


def out_of_reach(answer: dict[str, Any]) -> dict[str, Any]:
    raise ConnectionRefusedError("connection refused")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (failed, "the service answered Failed NoContract"),
        (no_base64, "is not base64"),
        (another_message, "is not a CertificateInstallationRes: SessionStopRes"),
        (out_of_reach, "cannot be reached"),
    ],
)
async def test_an_invalid_answer_is_not_a_certificate(change: Any, text: str) -> None:
    bench = PncBench20()
    elsewhere = Service(bench.installs("DEPLFC00000001"))
    elsewhere.change = change
    bench.contracts.backend20 = elsewhere
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    assert bench.codes("CertificateInstallationRes") == ["WARNING_NoCertificateAvailable"]
    assert bench.said("se", text)
    assert not any("\x1b" in event.note for event in bench.events["se"])


def without_filler(answer: dict[str, Any]) -> dict[str, Any]:
    """DHPublicKey of X448 in its own 56 octets, as [V2G20-2495] has it, and signed like that."""
    body = reading.read("iso20-common", base64.b64decode(answer["exiResponse"])).body
    data = body.SignedInstallationData
    data.DHPublicKey = data.DHPublicKey[:56]
    key = store("iso20-ed448")["cps"].key
    body.Header.Signature = signature.sign_message(body, key, "iso20-common")
    octets = exi.encode(schema("iso20-common"), body, strict=False)
    return {**answer, "exiResponse": base64.b64encode(octets).decode()}


async def test_what_a_service_has_signed_reaches_the_vehicle_as_it_is() -> None:
    """Also where it breaks the schema: the vehicle judges it, not the charger in between."""
    bench = PncBench20(suite="iso20-ed448")
    elsewhere = Service(bench.installs("DEPLFC00000001"))
    elsewhere.change = without_filler
    bench.contracts.backend20 = elsewhere
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    (answer,) = bench.messages("CertificateInstallationRes")
    assert len(answer.SignedInstallationData.DHPublicKey) == 56
    assert len(bench.wallet.contracts) == 1, vehicle.notes
    assert bench.said("se", "sent as it is, although it breaks the schema")


# ---------------------------------------------------------------------------------------------------------------
# HTTP


class _Handler(BaseHTTPRequestHandler):
    over = threading.Event()
    """The test is over, and nobody needs to be kept waiting."""

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        code, data = {
            "good": (200, json.dumps({"status": "Accepted", "echo": question}).encode()),
            "error": (500, b"{}"),
            "text": (200, b"hello"),
            "list": (200, b"[]"),
            "long": (200, b" " * 3000),
            "deep": (200, b"[" * 900),
            "moved": (307, b""),
            "seen": (302, b""),
            "drips": (200, b" "),
            "hangs": (200, b""),
        }[question["action"]]
        if question["action"] == "hangs":
            self.over.wait()
        self.send_response(code)
        if code in (302, 307):
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        with contextlib.suppress(OSError):  # it has hung up
            self.wfile.write(data)
            while question["action"] == "drips" and not self.over.wait(0.02):
                self.wfile.write(data)

    def do_GET(self) -> None:
        raise AssertionError("a redirect was followed")

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    _Handler.over.clear()
    yield f"http://127.0.0.1:{server.server_port}/"
    _Handler.over.set()
    server.shutdown()
    server.server_close()


@pytest.mark.real_time
def test_a_service_is_asked_over_http(url: str) -> None:
    answer = asyncio.run(post_to(url, 30.0)({"action": "good"}))
    assert answer == {"status": "Accepted", "echo": {"action": "good"}}


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("error", "answered 500"),
        ("text", "not JSON"),
        ("list", "not a JSON object"),
        ("long", "more than 1000 bytes"),
        ("deep", "not JSON"),
        ("moved", "answered 307"),
        ("seen", "answered 302"),
    ],
)
def test_an_answer_over_http_that_cannot_be_used(
    url: str, action: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LARGEST", 1000)
    with pytest.raises(OSError, match=text):
        asyncio.run(post_to(url, 30.0)({"action": action}))


@pytest.mark.real_time
@pytest.mark.parametrize(("action", "text"), [("drips", "takes too long"), ("hangs", "timed out")])
def test_the_whole_of_an_answer_is_bounded_in_time(url: str, action: str, text: str) -> None:
    """Also where a byte now and then keeps the connection alive, the outcome comes."""
    with pytest.raises(OSError, match=text):
        asyncio.run(post_to(url, 0.3)({"action": action}))


@pytest.mark.real_time
def test_a_certificate_that_nobody_trusts_ends_the_question() -> None:
    """TLS with a certificate of its own is out of reach, and says why."""
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain, key = _files("tests")
    context.load_cert_chain(chain, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with pytest.raises(OSError, match="(?i)certificate verify failed"):
            asyncio.run(post_to(f"https://127.0.0.1:{server.server_port}/", 10.0)({"action": "good"}))
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.real_time
def test_nobody_listens() -> None:
    with pytest.raises(OSError, match="refused"):
        asyncio.run(post_to("http://127.0.0.1:9/", 30.0)({"action": "good"}))
