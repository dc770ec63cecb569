"""Metering confirmation of ISO 15118-20 beside the charge loop: asked for, signed, verified, refused, and not given."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from bench import message_seen
from pnc import NOW
from pnc20 import PncBench20, issue, second, store

from pki.profiles import Role
from secc.charger import Wish
from secc.plan import Plan, Price, Slot
from v2g import signature, tls
from v2g.memory_link import memory_pair
from v2g.messages.iso20 import common, types
from v2g.outcome import Cause
from v2g.protocols.iso20 import METERING


def metered(mode: str = "iso20-dc", control: str = "scheduled", **more: Any) -> PncBench20:
    """Asks every second, for five seconds."""
    bench = PncBench20(mode, control, duration=5.0, **more)
    bench.contracts.receipt_every = 1.0
    return bench


@pytest.mark.parametrize("tolerant", [True, False], ids=["tolerant", "strict"])
@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
@pytest.mark.parametrize("mode", ["iso20-dc", "iso20-ac"])
async def test_readings_are_confirmed_alongside_the_loop(mode: str, control: str, tolerant: bool) -> None:
    bench = metered(mode, control, tolerant=tolerant)
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    assert vehicle.tolerances == charger.tolerances == []
    receipts = bench.contracts.receipts
    assert len(receipts) >= 3
    assert all(receipt.problem == "" and len(receipt.signature) == 132 for receipt in receipts)
    readings = [receipt.reading or 0 for receipt in receipts]
    assert readings == sorted(readings)
    streams = {e.stream for e in bench.events["ev"] if e.layer == "message" and e.name.startswith("MeteringConf")}
    assert streams == {METERING}
    name = "DC_ChargeLoopRes" if mode == "iso20-dc" else "AC_ChargeLoopRes"
    loop = bench.messages(name)
    assert loop[0].EVSEStatus is None
    asked = [res for res in loop if res.EVSEStatus and res.EVSEStatus.EVSENotification == "MeteringConfirmation"]
    assert len(asked) >= len(receipts)
    shown = [(res.MeterInfo, res.Receipt) for res in asked]
    for request in bench.messages("MeteringConfirmationReq"):
        signed = request.SignedMeteringData
        assert (signed.MeterInfo, signed.Receipt) in shown
        assert signed.SessionID == request.Header.SessionID
        assert (signed.Dynamic_SMDTControlMode is None) == (control == "scheduled")


@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
async def test_a_reading_is_confirmed_while_the_current_falls_too(control: str) -> None:
    """The energy of the session's end is billed like the rest."""
    bench = metered(control=control)
    bench.contracts.receipt_every = 0.3
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    events = [e for e in bench.events["ev"] if e.layer == "message"]
    stop = next(e.time for e in events if e.name == "PowerDeliveryReq" and e.message.ChargeProgress == "Stop")
    last = max(e.time for e in events if e.name == "MeteringConfirmationRes")
    assert stop - last < 0.7
    assert all(receipt.problem == "" for receipt in bench.contracts.receipts)


async def test_what_was_spent_is_confirmed_with_it() -> None:
    """Where the charger knows prices, its Receipt is part of what is signed."""
    bench = metered()
    bench.evse.plans = [Plan([Slot(0, 50_000.0)], [Price(0, 1)])]
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert all(receipt.problem == "" for receipt in bench.contracts.receipts)


async def test_nothing_is_asked_for_in_external_payment() -> None:
    bench = metered()
    bench.ev.payment = "external"
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert bench.contracts.receipts == []
    assert all(res.EVSEStatus is None for res in bench.messages("DC_ChargeLoopRes"))


def change(**fields: Any) -> Any:
    def spoil(bench: PncBench20) -> None:
        made: list[common.MeteringConfirmationReq] = []

        def rewrite(request: common.MeteringConfirmationReq) -> common.MeteringConfirmationReq:
            data = msgspec.structs.replace(request.SignedMeteringData, **fields)
            made.append(msgspec.structs.replace(request, SignedMeteringData=data))
            return made[-1]

        bench.ev.rewrite[common.MeteringConfirmationReq] = rewrite
        key = bench.wallet.contracts[0].key
        bench.ev.rewrite_signature[common.MeteringConfirmationReq] = lambda signed: signature.sign_message(
            made[-1], key, "iso20-common"
        )

    return spoil


def unsigned(bench: PncBench20) -> None:
    bench.ev.rewrite_signature[common.MeteringConfirmationReq] = lambda signed: None


def another_contract(bench: PncBench20) -> None:
    def sign(request: common.MeteringConfirmationReq) -> common.MeteringConfirmationReq:
        made.append(request)
        return request

    made: list[common.MeteringConfirmationReq] = []
    bench.ev.rewrite[common.MeteringConfirmationReq] = sign
    bench.ev.rewrite_signature[common.MeteringConfirmationReq] = lambda signed: signature.sign_message(
        made[-1], second().key, "iso20-common"
    )


WRONG = [
    (
        change(MeterInfo=types.MeterInfoType(MeterID="X", ChargedEnergyReadingWh=1)),
        ("MeterInfo differs from what was sent"),
    ),
    (change(SessionID=bytes(8)), "a receipt for session 0000000000000000"),
    (change(Receipt=types.ReceiptType(TimeAnchor=1)), "Receipt differs from what was sent"),
    (
        change(Scheduled_SMDTControlMode=None, Dynamic_SMDTControlMode=common.Dynamic_SMDTControlModeType()),
        "a receipt for the wrong control mode",
    ),
    (
        change(Scheduled_SMDTControlMode=common.Scheduled_SMDTControlModeType(SelectedScheduleTupleID=7)),
        "a receipt for schedule 7, but 1 was chosen",
    ),
    (unsigned, "no Signature over SignedMeteringData"),
    (another_contract, "does not verify"),
]


@pytest.mark.parametrize("insists", [True, False])
@pytest.mark.parametrize(("spoil", "text"), WRONG)
async def test_an_invalid_confirmation(spoil: Any, text: str, insists: bool) -> None:
    """It ends the session where the charger insists, and is noted in any case."""
    bench = metered()
    bench.contracts.insists = insists
    spoil(bench)
    vehicle, charger = await bench.run()
    codes = bench.codes("MeteringConfirmationRes")
    if insists:
        assert codes == ["FAILED_MeteringSignatureNotValid"]
        assert charger.cause is Cause.PEER
        assert text in charger.reason
    else:
        assert (vehicle.ok, charger.ok) == (True, True)
        assert set(codes) == {"OK"}
    assert bench.contracts.receipts
    assert all(text in receipt.problem for receipt in bench.contracts.receipts)
    assert bench.safe


@pytest.mark.parametrize("insists", [True, False])
async def test_a_vehicle_that_keeps_silent(insists: bool) -> None:
    """It is asked to stop after NotificationMaxDelay, or the matter is noted."""
    bench = metered()
    bench.ev.duration = 15.0
    bench.contracts.insists = insists
    bench.ev.rewrite[common.MeteringConfirmationReq] = lambda request: None
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    (receipt,) = bench.contracts.receipts
    assert receipt.problem == "no metering confirmation within 10 s"
    last = [res.EVSEStatus.EVSENotification for res in bench.messages("DC_ChargeLoopRes") if res.EVSEStatus]
    assert ("Terminate" in last) == insists
    assert bench.safe


async def test_a_session_that_was_paused_goes_on_confirming() -> None:
    """The contract that pays is kept on both sides."""
    bench = metered("iso20-dc", "dynamic")

    bench.ev.duration = 60.0
    bench.vehicle.settings.prefers_standby = False

    async def ask(bench: Any) -> None:
        await message_seen(bench, "DC_ChargeLoopRes", 20)
        bench.evse.request(Wish.PAUSE)
        await asyncio.sleep(3600.0)

    vehicle, _ = await bench.run(ask)
    assert vehicle.resume is not None, vehicle
    before = len(bench.contracts.receipts)
    bench.ev.resume, bench.ev.duration = vehicle.resume, 5.0
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    assert bench.names().count("AuthorizationReq") == 1
    assert len(bench.contracts.receipts) > before
    assert all(receipt.problem == "" for receipt in bench.contracts.receipts)


@pytest.mark.parametrize("other", [None, Role.VEHICLE, Role.SECC], ids=["same", "another vehicle", "another charger"])
async def test_a_paused_session_is_joined_with_the_same_certificates_alone(other: Role | None) -> None:
    """Over TLS 1.3: either side knows the other by its leaf, and starts a new session with any other [V2G20-2545]."""
    bench = metered("iso20-dc", "dynamic")
    bench.ev.duration = 60.0
    bench.vehicle.settings.prefers_standby = False

    async def ask(bench: Any) -> None:
        await message_seen(bench, "DC_ChargeLoopRes", 20)
        bench.evse.request(Wish.PAUSE)
        await asyncio.sleep(3600.0)

    vehicle, _ = await bench.run(ask)
    assert vehicle.resume is not None, vehicle

    async def ends() -> tuple[Any, Any]:
        both = [tls.of_store(role, (store(),), tls.PROFILES["iso20"]) for role in ("server", "client")]
        for one, role in zip(both, (Role.SECC, Role.VEHICLE), strict=True):
            one.now = lambda: NOW
            if other is role:
                made = issue(role, store()[role].issuer.name, name=f"{role}-2")  # type: ignore[union-attr]  # it has one
                root = store()[role].root.certificate  # type: ignore[union-attr]  # it has one
                one.credentials = [
                    tls.Credential(list(made.chain), made.key, root, "another", one.credentials[0].stapler)
                ]
        return await memory_pair(server=both[0], client=both[1])

    bench.ends = ends  # type: ignore[method-assign]  # the test stands in for it
    bench.ev.resume, bench.ev.duration = vehicle.resume, 5.0
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    joined = bench.codes("SessionSetupRes")[-1] == "OK_OldSessionJoined"
    assert joined is (other is None)
    assert bench.names().count("AuthorizationReq") == (1 if joined else 2)
    new = bench.messages("SessionSetupReq")[-1].Header.SessionID == bytes(8)
    assert new is (other is Role.SECC)
