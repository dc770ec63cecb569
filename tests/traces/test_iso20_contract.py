"""Signatures of ISO 15118-20 in recorded sessions: each is verified, and what does not hold is blamed on its sender."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pnc20 import PncBench20

import exi
from plugfest.traces.checks import check
from plugfest.traces.recording import from_events
from plugfest.virtual import run
from secc.plan import Plan
from v2g.messages import schema
from v2g.prices import flat
from v2g.trace import Event

Events = list[Event]


async def _session() -> Events:
    bench = PncBench20(duration=3.0)
    bench.installs("DEPLFC00000001", "DEXYZC00000002").delay = 3.0  # Ongoing first
    bench.contracts.receipt_every = 1.0
    bench.evse.plans = [Plan(tariff=flat(0.4)), Plan(tariff=flat(0.3))]
    await bench.run()
    return bench.events["ev"]


@pytest.fixture(scope="module")
def session() -> Events:
    return run(_session())


def findings(events: Events) -> list[tuple[str, str, str]]:
    rules = ("signature", "signature-form", "signature-unchecked", "certificate", "receipt", "challenge")
    return [(f.severity, f.side, f.text) for f in check(from_events(events)) if f.rule in rules]


def test_every_signature_of_a_session_holds(session: Events) -> None:
    """Requests of installation with their repetitions, what was installed, authorization, prices, confirmations."""
    names = [event.name for event in session if event.layer == "message"]
    assert names.count("MeteringConfirmationReq") >= 2
    signed = [
        names.count(f"{name}Req") for name in ("CertificateInstallation", "Authorization", "MeteringConfirmation")
    ]
    notes = [f.text for f in check(from_events(session)) if f.rule == "signatures"]
    assert notes == [f"all {sum(signed) + 3} signatures that could be checked are valid"]
    assert findings(session) == []


def _challenge(message: Any) -> None:
    message.PnC_AReqAuthorizationMode.GenChallenge = bytes(15) + b"\1"


def _value(message: Any) -> None:
    value = message.Header.Signature.SignatureValue
    value.value = bytes([value.value[0], value.value[1] ^ 1]) + value.value[2:]


def _unsigned(message: Any) -> None:
    message.Header.Signature = None


def _reading(message: Any) -> None:
    message.SignedMeteringData.MeterInfo.ChargedEnergyReadingWh += 1


def _key(message: Any) -> None:
    data = message.SignedInstallationData
    data.SECP521_EncryptedPrivateKey = bytes(94)


def _dearer(message: Any) -> None:
    message.Scheduled_SEResControlMode.ScheduleTuple[1].ChargingSchedule.AbsolutePriceSchedule.Currency = "SEK"


@pytest.mark.parametrize(
    ("name", "change", "side", "text"),
    [
        ("ScheduleExchangeRes", _dearer, "secc", "digest mismatch in reference #id2"),
        ("AuthorizationReq", _challenge, "evcc", "digest mismatch"),
        ("AuthorizationReq", _value, "evcc", "does not verify"),
        ("AuthorizationReq", _unsigned, "evcc", "AuthorizationReq is not signed"),
        ("CertificateInstallationReq", _value, "evcc", "does not verify"),
        ("CertificateInstallationRes", _key, "secc", "digest mismatch"),
        ("CertificateInstallationRes", _unsigned, "secc", "CertificateInstallationRes is not signed"),
        ("MeteringConfirmationReq", _reading, "evcc", "digest mismatch"),
        ("MeteringConfirmationReq", _unsigned, "evcc", "MeteringConfirmationReq is not signed"),
    ],
)
def test_what_does_not_hold_is_its_senders_fault(
    session: Events, name: str, change: Callable[[Any], None], side: str, text: str
) -> None:
    places = [i for i, event in enumerate(session) if event.layer == "message" and event.name == name]
    places = [i for i in places if session[i].message.Header.Signature is not None]
    event = session[places[0]]
    message = copy.deepcopy(event.message)
    change(message)
    data = exi.encode(schema("iso20-common"), message, strict=False)
    spoiled = [*session[: places[0]], replace(event, message=message, data=data), *session[places[0] + 1 :]]
    found = findings(spoiled)
    assert any(one[:2] == ("violation", side) and text in one[2] for one in found), found
    assert {one[1] for one in found} == {side}
