"""Signatures, challenges and receipts in recorded sessions: those that hold are counted, the others named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from captures import SHARED
from pnc import PncBench, store

import exi
from pki.profiles import Role
from plugfest import pnc
from plugfest.traces.checks import check
from plugfest.traces.recording import from_events, load
from plugfest.virtual import run
from v2g import signature
from v2g.messages import schema
from v2g.trace import Event

Events = list[Event]
CAPTURES = sorted((SHARED / "captures").glob("*PnC*.pcap*"))


async def _session() -> Events:
    bench = PncBench(duration=3.0)
    bench.wallet.contract = None
    bench.contracts.receipt_every = 1.0
    await bench.run()
    return bench.events["ev"]


@pytest.fixture(scope="module")
def session() -> Events:
    return run(_session())


def findings(events: Events, *rules: str) -> list[str]:
    return [f"{f.severity} {f.side} {f.text}" for f in check(from_events(events)) if f.rule in rules]


def changed(events: Events, name: str, change: Callable[[Any], None], nth: int = 0) -> Events:
    """The session with one message of a name altered."""
    places = [i for i, event in enumerate(events) if event.layer == "message" and event.name == name]
    event = events[places[nth]]
    message = copy.deepcopy(event.message)
    change(message)
    data = exi.encode(schema("iso2"), message, strict=False)
    return [*events[: places[nth]], replace(event, message=message, data=data), *events[places[nth] + 1 :]]


def test_every_signature_of_a_session_holds(session: Events) -> None:
    """Installation request and response, authorization, receipts."""
    receipts = sum(event.name == "MeteringReceiptReq" for event in session)
    assert receipts >= 2
    assert findings(session, "signatures") == [f"note  all {3 + receipts} signatures that could be checked are valid"]
    assert findings(session, "signature", "signature-form", "challenge", "receipt", "signature-unchecked") == []


@pytest.mark.skipif(not CAPTURES, reason="no captures (PLUGFEST_SHARED)")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_every_signature_of_a_recorded_session_holds(path: Any) -> None:
    """Decrypted with the secrets in the capture itself."""
    found = check(load(path))
    assert [f.text for f in found if f.rule == "signatures"] == ["all 3 signatures that could be checked are valid"]
    assert not [f for f in found if f.rule in ("signature", "signature-form", "signature-unchecked", "challenge")]


def test_an_altered_message_is_named(session: Events) -> None:
    def other_reading(document: Any) -> None:
        document.Body.BodyElement.MeterInfo.MeterReading += 1

    events = changed(session, "MeteringReceiptReq", other_reading)
    assert "digest mismatch in reference #id1: MeteringReceiptReq" in findings(events, "signature")[0]
    assert findings(events, "receipt") == [
        "violation evcc MeterInfo differs from what was sent: 6 Wh of PLUGFEST-1 at 1700000005 instead of 5 Wh of"
        " PLUGFEST-1 at 1700000005"
    ]

    def other_emaid(document: Any) -> None:
        document.Body.BodyElement.eMAID.value = "DEPLFC99999999"

    events = changed(session, "CertificateInstallationRes", other_emaid)
    assert "violation secc CertificateInstallationRes: digest mismatch" in findings(events, "signature")[0]


def test_a_missing_signature_and_another_challenge_are_named(session: Events) -> None:
    def unsigned(document: Any) -> None:
        document.Header.Signature = None

    events = changed(session, "AuthorizationReq", unsigned)
    assert findings(events, "signature") == ["violation evcc the first AuthorizationReq is not signed"]

    key = pnc.credential(store()[Role.CONTRACT]).key

    def replayed(document: Any) -> None:
        document.Body.BodyElement.GenChallenge = bytes(range(16))
        document.Header.Signature = signature.sign_message(document.Body.BodyElement, key)

    events = changed(session, "AuthorizationReq", replayed)
    assert findings(events, "challenge")[0].startswith("violation evcc GenChallenge 000102030405")
    # Signed with another contract than the one that was installed.
    assert "does not verify with the key of" in findings(events, "signature")[0]


def test_an_all_zero_challenge_is_invalid(session: Events) -> None:
    def zeros(document: Any) -> None:
        document.Body.BodyElement.GenChallenge = bytes(16)

    events = changed(session, "PaymentDetailsRes", zeros)
    assert findings(events, "challenge")[0] == "violation secc GenChallenge of zeros is not random"


def test_a_signature_left_in_a_later_header_is_noise(session: Events) -> None:
    left = next(event for event in session if event.name == "AuthorizationReq").message.Header.Signature

    def stale(document: Any) -> None:
        document.Header.Signature = left

    events = changed(session, "PowerDeliveryReq", stale)
    assert findings(events, "signature-noise")[0].startswith("note evcc PowerDeliveryReq carries a Signature")
    assert findings(events, "signature") == []
