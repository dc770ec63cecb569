"""Prices of ISO 15118-20 that the operator has signed: they guide a vehicle that pays by contract, and no others do."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from bench import message_seen
from pnc20 import PncBench20, second, store

from secc.charger import Wish
from secc.plan import Plan
from v2g import signature, signed_parts
from v2g.credentials import Credential
from v2g.messages import schema
from v2g.messages.iso20 import common
from v2g.prices import flat
from v2g.protocols.iso20 import RENEGOTIATION


def priced(mode: str = "iso20-dc", control: str = "scheduled", **more: Any) -> PncBench20:
    """Three plans, of which the last is the cheapest."""
    bench = PncBench20(mode, control, **more)
    bench.vehicle.settings.departure = 8 * 3600
    bench.evse.plans = [Plan(tariff=flat(0.40)), Plan(tariff=flat(0.30)), Plan(tariff=flat(0.20))]
    return bench


def chosen(bench: PncBench20) -> int:
    """SelectedScheduleTupleID of the last profile."""
    profile = bench.messages("PowerDeliveryReq")[0].EVPowerProfile
    number: int = profile.Scheduled_EVPPTControlMode.SelectedScheduleTupleID
    return number


def references(res: Any) -> list[str]:
    signed = res.Header.Signature
    return [] if signed is None else [reference.URI for reference in signed.SignedInfo.Reference]


@pytest.mark.parametrize("suite", ["iso20", "iso20-ed448"])
@pytest.mark.parametrize("grammar", ["common", "xmldsig"])
async def test_signed_prices_guide_the_vehicle(suite: str, grammar: Any) -> None:
    bench = priced(suite=suite, tolerant=False)
    bench.contracts.grammar = grammar
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    (res,) = bench.messages("ScheduleExchangeRes")
    assert references(res) == ["#id1", "#id2", "#id3"]
    assert chosen(bench) == 3
    assert bench.said("ev", f"3 price schedules: {signature.suite_of(second(suite).key).name}")  # type: ignore[union-attr]  # this bench has one
    assert vehicle.notes == []


async def test_prices_of_both_directions_have_a_reference_each() -> None:
    bench = priced("iso20-dc-bpt")
    bench.evse.plans = [Plan(tariff=flat(0.40), discharge_tariff=flat(0.1 * n)) for n in (1, 2, 3)]
    vehicle, _ = await bench.run()
    assert vehicle.ok
    (res,) = bench.messages("ScheduleExchangeRes")
    assert references(res) == [f"#id{number}" for number in range(1, 7)]
    assert bench.said("ev", "6 price schedules")


async def test_another_library_verifies_the_prices() -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.x509 import load_der_x509_certificate

    bench = priced()
    await bench.run()
    (res,) = bench.messages("ScheduleExchangeRes")
    signed = res.Header.Signature
    for prices, reference in zip(signed_parts.absolute_prices(res), signed.SignedInfo.Reference, strict=True):
        octets = signature.fragment(schema("iso20-common"), signed_parts.Part("AbsolutePriceSchedule", prices))
        assert reference.DigestValue == hashlib.sha512(octets).digest()
    value = signed.SignatureValue.value
    r, s = int.from_bytes(value[:66], "big"), int.from_bytes(value[66:], "big")
    issuer: Any = load_der_x509_certificate(bench.wallet.contracts[0].chain[1]).public_key()
    info = signature.signed_info_fragment(signed.SignedInfo, "common")
    issuer.verify(encode_dss_signature(r, s), info, ec.ECDSA(hashes.SHA512()))


def unsigned(bench: PncBench20) -> None:
    bench.contracts.tariff_keys20 = []


def stripped(bench: PncBench20) -> None:
    bench.se.rewrite_signature[common.ScheduleExchangeRes] = lambda signed: None


def of_another(bench: PncBench20) -> None:
    (own,) = bench.contracts.tariff_keys20
    bench.contracts.tariff_keys20 = [Credential(own.chain, second().key)]


def altered(bench: PncBench20) -> None:
    def change(res: common.ScheduleExchangeRes) -> common.ScheduleExchangeRes:
        copy = msgspec.msgpack.decode(msgspec.msgpack.encode(res), type=common.ScheduleExchangeRes)
        signed_parts.absolute_prices(copy)[0].PriceScheduleID = 9
        return copy

    bench.se.rewrite[common.ScheduleExchangeRes] = change


def sharing_an_id(bench: PncBench20) -> None:
    """The signature is over the last one alone, and its Reference names any of them."""
    (own,) = bench.contracts.tariff_keys20
    made: list[common.ScheduleExchangeRes] = []

    def change(res: common.ScheduleExchangeRes) -> common.ScheduleExchangeRes:
        for prices in signed_parts.absolute_prices(res):
            prices.Id = "id1"
        made.append(res)
        return res

    def sign(_: Any) -> Any:
        last = signed_parts.Part("AbsolutePriceSchedule", signed_parts.absolute_prices(made[-1])[-1])
        return signature.sign(schema("iso20-common"), [last], own.key)

    bench.se.rewrite[common.ScheduleExchangeRes] = change
    bench.se.rewrite_signature[common.ScheduleExchangeRes] = sign


def one_without_an_id(bench: PncBench20) -> None:
    """The cheapest one is not among those that are signed."""
    (own,) = bench.contracts.tariff_keys20
    made: list[common.ScheduleExchangeRes] = []

    def change(res: common.ScheduleExchangeRes) -> common.ScheduleExchangeRes:
        signed_parts.absolute_prices(res)[-1].Id = None
        made.append(res)
        return res

    bench.se.rewrite[common.ScheduleExchangeRes] = change
    bench.se.rewrite_signature[common.ScheduleExchangeRes] = lambda _: signature.sign_message(
        made[-1], own.key, "iso20-common"
    )


def by_an_upper_sub_ca(bench: PncBench20) -> None:
    """The operator's sub-CA 1 is above the contract, and did not issue it."""
    (own,) = bench.contracts.tariff_keys20
    bench.contracts.tariff_keys20 = [Credential(own.chain, store()["mo-sub1"].key)]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (sharing_an_id, "share the Id id1"),
        (one_without_an_id, "they are not signed"),
        (by_an_upper_sub_ca, "does not verify"),
        (unsigned, "they are not signed"),
        (stripped, "no Signature over"),
        (of_another, "does not verify"),
        (altered, "digest mismatch"),
    ],
)
async def test_invalid_prices_are_ignored(change: Any, text: str) -> None:
    """The vehicle charges anyway, by the first schedule."""
    bench = priced()
    change(bench)
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    assert chosen(bench) == 1
    (note,) = [note for note in vehicle.notes if note.startswith("prices ignored: ")]
    assert text in note
    # What came stays as it was recorded.
    assert len(signed_parts.absolute_prices(bench.messages("ScheduleExchangeRes")[0])) == 3


async def test_without_a_contract_prices_are_the_chargers_own() -> None:
    bench = priced()
    bench.ev.payment = "external"
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert references(bench.messages("ScheduleExchangeRes")[0]) == []
    assert chosen(bench) == 3


async def test_a_contract_of_another_issuer_gets_unsigned_prices() -> None:
    """The charger has no key with which this vehicle could check them."""
    bench = priced()
    bench.contracts.tariff_keys20 = [Credential(second().chain, second().key)]
    await bench.run()
    assert references(bench.messages("ScheduleExchangeRes")[0]) == []


async def test_renegotiated_prices_are_signed_too() -> None:
    """On their stream, with a signature of their own."""
    bench = priced(duration=20.0)

    async def ask(bench: Any) -> None:
        await message_seen(bench, "DC_ChargeLoopRes", 5)
        bench.evse.request(Wish.RENEGOTIATE)

    vehicle, charger = await bench.run(ask)
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    streams = [e.stream for e in bench.events["ev"] if e.layer == "message" and e.name == "ScheduleExchangeRes"]
    assert streams == [0, RENEGOTIATION]
    assert all(references(res) for res in bench.messages("ScheduleExchangeRes"))
    assert vehicle.notes == []


async def test_prices_of_dynamic_mode_are_signed() -> None:
    bench = priced(control="dynamic")
    vehicle, _ = await bench.run()
    assert vehicle.ok
    (res,) = bench.messages("ScheduleExchangeRes")
    assert len(signed_parts.absolute_prices(res)) == 1
    assert references(res) == ["#id1"]
