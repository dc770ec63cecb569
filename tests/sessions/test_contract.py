"""Contract payment between both roles: the normal courses, and every way in which either side can be refused."""

from __future__ import annotations

import asyncio
import datetime
import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from bench import LOOP, message_seen
from pnc import NOW, START, PncBench, contract, issue, store

from evcc.wallet import Wallet
from pki.authority import Changes
from pki.profiles import Role
from plugfest import pnc
from secc.authorizer import Delayed, Never
from v2g import credentials, signature
from v2g.credentials import Credential
from v2g.errors import RemoteError
from v2g.messages import iso2
from v2g.outcome import Cause

DAY = datetime.timedelta(days=1)
MODES = ["iso2-dc", "iso2-ac"]


def requests(bench: PncBench) -> list[str]:
    """Requests in order, repetitions once."""
    names = [name for name in bench.names() if name.endswith("Req")]
    return [name for place, name in enumerate(names) if place == 0 or name != names[place - 1]]


# ---------------------------------------------------------------------------------------------------------------
# Normal courses


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tolerant", [True, False], ids=["tolerant", "strict"])
async def test_a_contract_pays_for_a_whole_session(mode: str, tolerant: bool) -> None:
    bench = PncBench(mode, tolerant=tolerant, authorizer=Delayed(1.0))
    outcomes = await bench.run()
    assert all(outcome.ok for outcome in outcomes)
    assert outcomes[0].tolerances == outcomes[1].tolerances == []
    order = requests(bench)
    assert order[3:7] == [
        "PaymentServiceSelectionReq", "PaymentDetailsReq", "AuthorizationReq", "ChargeParameterDiscoveryReq",
    ]  # fmt: skip
    assert bench.messages("ServiceDiscoveryRes")[0].PaymentOptionList.PaymentOption == ["Contract", "ExternalPayment"]
    first, *others = bench.messages("AuthorizationReq")
    assert first.GenChallenge == bench.messages("PaymentDetailsRes")[0].GenChallenge
    assert others
    assert all(request == iso2.AuthorizationReq() for request in others)
    assert {res.EVSEProcessing for res in bench.messages("AuthorizationRes")[:-1]} == {"Ongoing"}
    assert bench.safe


@pytest.mark.parametrize("mode", MODES)
async def test_a_contract_is_installed_and_used_in_the_same_session(mode: str) -> None:
    bench = PncBench(mode)
    bench.wallet.contract = None
    stored: list[Credential] = []
    bench.wallet.on_contract = stored.append
    assert all(outcome.ok for outcome in await bench.run())
    assert requests(bench)[3:7] == [
        "ServiceDetailReq", "PaymentServiceSelectionReq", "CertificateInstallationReq", "PaymentDetailsReq",
    ]  # fmt: skip
    (selection,) = bench.messages("PaymentServiceSelectionReq")
    chosen = selection.SelectedServiceList.SelectedService
    assert [(s.ServiceID, s.ParameterSetID) for s in chosen] == [(1, None), (2, 1)]
    assert stored == [bench.wallet.contract]
    assert stored[0].emaid == store()[Role.CONTRACT].common_name
    assert bench.messages("PaymentDetailsReq")[0].ContractSignatureCertChain.Certificate == stored[0].leaf
    # The next session needs no installation.
    assert all(outcome.ok for outcome in await bench.run())
    assert bench.names().count("CertificateInstallationReq") == 1


async def test_a_contract_that_ends_soon_is_updated() -> None:
    bench = PncBench()
    bench.wallet.contract = old = contract(changes=Changes(not_after=NOW + 10 * DAY))
    assert all(outcome.ok for outcome in await bench.run())
    assert "CertificateUpdateReq" in requests(bench)
    assert bench.wallet.contract.emaid == old.emaid
    assert bench.wallet.contract.expires > NOW + 300 * DAY
    assert bench.messages("CertificateUpdateRes")[0].RetryCounter == 0


async def test_the_charger_warns_and_the_next_session_updates() -> None:
    """A contract of 20 days is not yet worth an update for the vehicle, but OK_CertificateExpiresSoon."""
    bench = PncBench()
    bench.wallet.contract = contract(changes=Changes(not_after=NOW + 20 * DAY))
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert bench.code("PaymentDetailsRes") == "OK_CertificateExpiresSoon"
    assert "expires soon" in vehicle.notes[0]
    assert (await bench.run())[0].ok
    assert bench.names().count("CertificateUpdateReq") == 1
    assert bench.code("PaymentDetailsRes") == "OK"


@pytest.mark.parametrize("mode", MODES)
async def test_receipts_are_signed_and_hold(mode: str) -> None:
    bench = PncBench(mode, duration=5.0)
    bench.contracts.receipt_every = 1.0
    told: list[Any] = []
    bench.contracts.on_receipt = told.append
    vehicle, _ = await bench.run()
    assert vehicle.ok
    receipts = bench.contracts.receipts
    assert len(receipts) >= 4
    assert told == receipts
    assert all(receipt.problem == "" and len(receipt.signature) == 64 for receipt in receipts)
    readings = [receipt.meter.MeterReading or 0 for receipt in receipts]
    assert readings == sorted(readings)
    assert readings[-1] > 0
    asked = [
        res for res in bench.messages("CurrentDemandRes") + bench.messages("ChargingStatusRes") if res.ReceiptRequired
    ]
    assert len(asked) == len(receipts)


async def test_external_payment_asks_for_no_receipts() -> None:
    bench = PncBench()
    bench.contracts.receipt_every = 1.0
    bench.ev.payment = "external"
    assert all(outcome.ok for outcome in await bench.run())
    assert "MeteringReceiptReq" not in bench.names()
    assert bench.messages("PaymentServiceSelectionReq")[0].SelectedPaymentOption == "ExternalPayment"


async def test_without_tls_there_are_no_contracts() -> None:
    """Neither side uses them: the charger does not offer, the vehicle would not take."""
    bench = PncBench()
    bench.tls = False
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert bench.messages("ServiceDiscoveryRes")[0].PaymentOptionList.PaymentOption == ["ExternalPayment"]
    assert bench.messages("ServiceDiscoveryRes")[0].ServiceList is None
    assert vehicle.notes == ["external payment: the charger does not offer it"]
    bench.ev.payment = "contract"
    vehicle, charger = await bench.run()
    assert vehicle.cause is Cause.PEER
    assert vehicle.reason == "payment by contract is not possible: the charger does not offer it"
    assert charger.ok  # the vehicle says good-bye
    bench.se.rewrite[iso2.ServiceDiscoveryRes] = lambda res: msgspec.structs.replace(
        res, PaymentOptionList=iso2.PaymentOptionListType(PaymentOption=["Contract", "ExternalPayment"])
    )
    vehicle, _ = await bench.run()
    assert vehicle.reason == "payment by contract is not possible: it needs TLS"


@pytest.mark.parametrize("mode", MODES)
async def test_a_paused_contract_session_goes_on_with_the_contract(mode: str) -> None:
    async def pause(bench: PncBench) -> None:
        await message_seen(bench, LOOP[mode], 10)
        bench.vehicle.pause.set()

    bench = PncBench(mode, duration=600.0)
    vehicle, _ = await bench.run(pause)
    assert vehicle.paused
    bench.ev.resume, bench.ev.duration = vehicle.resume, 1.0  # type: ignore[attr-defined]  # kept by the session before
    again, _ = await bench.run()
    assert again.ok
    assert again.session_id == vehicle.session_id
    assert bench.messages("ServiceDiscoveryRes")[-1].PaymentOptionList.PaymentOption == ["Contract"]
    one, two = bench.messages("PaymentDetailsRes")
    assert one.GenChallenge != two.GenChallenge


# ---------------------------------------------------------------------------------------------------------------
# The charger refuses contracts


def twin(role: Role, seed: str = "other") -> Credential:
    """The same leaf of another PKI, in which every name is the same."""
    return pnc.credential(store(seed)[role])


def cut(credential: Credential) -> Credential:
    """Without its upper sub-CA."""
    return Credential(credential.chain[:2], credential.key)


def swapped(credential: Credential) -> Credential:
    leaf, lower, upper = credential.chain
    return Credential((leaf, upper, lower), credential.key)


def unsigned(credential: Credential) -> Credential:
    """One bit of the signature is wrong."""
    leaf = bytearray(credential.chain[0])
    leaf[-1] ^= 1
    return Credential((bytes(leaf), *credential.chain[1:]), credential.key)


CONTRACTS: dict[str, tuple[Callable[[], Credential], str, str]] = {
    "expired": (lambda: contract(changes=Changes(not_after=NOW - DAY)), "FAILED_CertificateExpired", "expired on"),
    "not yet valid": (
        lambda: contract(changes=Changes(not_before=NOW + DAY)), "FAILED_CertificateExpired", "valid only from",
    ),
    "another root of the same name": (lambda: twin(Role.CONTRACT), "FAILED_CertChainError", "another key"),
    "sub-CA missing": (lambda: cut(contract()), "FAILED_CertChainError", "a sub-CA is missing"),
    "sub-CAs swapped": (lambda: swapped(contract()), "FAILED_CertChainError", "sent in the order"),
    "signature broken": (lambda: unsigned(contract()), "FAILED_CertChainError", "signature was not made with the key"),
    "provisioning certificate": (
        lambda: pnc.credential(store()[Role.OEM_PROVISIONING]), "FAILED_CertChainError", "OEM provisioning leaf",
    ),
    "leaf may issue": (lambda: contract(changes=Changes(ca=True)), "FAILED_CertChainError", "CA=true"),
    "no key usage": (
        lambda: contract(changes=Changes(usage=frozenset())), "FAILED_CertChainError", "no keyUsage",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTRACTS)
async def test_bad_contracts_are_refused_with_their_code(case: str) -> None:
    make, code, text = CONTRACTS[case]
    bench = PncBench()
    bench.wallet.contract = make()
    bench.wallet.provisioning = None
    # A vehicle that does not know its own calendar.
    bench.ev.now = lambda: min(bench.se.now(), make().certificate.not_valid_after_utc.timestamp() - 20 * 86400)
    # An id of another kind would not even fit into the message.
    bench.ev.rewrite[iso2.PaymentDetailsReq] = lambda m: msgspec.structs.replace(m, eMAID=m.eMAID[:15])
    vehicle, charger = await bench.run()
    assert bench.code("PaymentDetailsRes") == code
    assert text in charger.reason
    assert f"PaymentDetailsRes {code}" in vehicle.reason
    assert (vehicle.cause, charger.cause) == (Cause.PEER, Cause.PEER)
    assert "AuthorizationReq" not in bench.names()
    assert bench.safe


async def test_other_reasons_to_refuse_a_contract() -> None:
    bench = PncBench()
    assert bench.wallet.contract is not None
    emaid = bench.wallet.contract.emaid
    for code in ("FAILED_CertificateNotAllowedAtThisEVSE", "FAILED_NoCertificateAvailable"):
        bench.contracts.verdicts = {emaid: code}
        await bench.run()
        assert bench.code("PaymentDetailsRes") == code
    bench.contracts.verdicts = {}
    leaf = store()[Role.CONTRACT].certificate
    bench.contracts.revoked = lambda certificate, issuer: certificate == leaf
    await bench.run()
    assert bench.code("PaymentDetailsRes") == "FAILED_CertificateRevoked"
    bench.contracts.revoked = None
    bench.contracts.roots = ()
    _, charger = await bench.run()
    assert bench.code("PaymentDetailsRes") == "FAILED_CertChainError"
    assert "is not trusted (trusted: none)" in charger.reason


async def test_the_emaid_has_to_be_that_of_the_certificate() -> None:
    """Case and hyphens do not count."""
    bench = PncBench()
    bench.ev.rewrite[iso2.PaymentDetailsReq] = lambda m: msgspec.structs.replace(m, eMAID=m.eMAID.lower())
    assert all(outcome.ok for outcome in await bench.run())
    bench.ev.rewrite[iso2.PaymentDetailsReq] = lambda m: msgspec.structs.replace(m, eMAID="DEPLFC99999999")
    await bench.run()
    assert bench.code("PaymentDetailsRes") == "FAILED_CertChainError"


# ---------------------------------------------------------------------------------------------------------------
# The charger refuses the authorization


def tamper(bench: PncBench) -> None:
    """The signature is of another challenge."""
    bench.ev.rewrite_signature[iso2.AuthorizationReq] = lambda given: (
        given
        and signature.sign_message(iso2.AuthorizationReq(Id="id1", GenChallenge=bytes(16)), bench.wallet.contract.key)
    )


def wrong_bit(bench: PncBench) -> None:
    def change(given: Any) -> Any:
        value = given.SignatureValue.value
        given.SignatureValue.value = bytes([value[0] ^ 1]) + value[1:]
        return given

    bench.ev.rewrite_signature[iso2.AuthorizationReq] = change


def other_key(bench: PncBench) -> None:
    other = twin(Role.CONTRACT)
    challenge: list[bytes] = []

    def remember(message: iso2.AuthorizationReq) -> iso2.AuthorizationReq:
        challenge.append(message.GenChallenge or b"")
        return message

    bench.ev.rewrite[iso2.AuthorizationReq] = remember
    bench.ev.rewrite_signature[iso2.AuthorizationReq] = lambda _: signature.sign_message(
        iso2.AuthorizationReq(Id="id1", GenChallenge=challenge[-1]), other.key
    )


def no_signature(bench: PncBench) -> None:
    bench.ev.rewrite_signature[iso2.AuthorizationReq] = lambda _: None


def no_challenge(bench: PncBench) -> None:
    bench.ev.rewrite[iso2.AuthorizationReq] = lambda m: msgspec.structs.replace(m, GenChallenge=None)


def zero_challenge(bench: PncBench) -> None:
    bench.ev.rewrite[iso2.AuthorizationReq] = lambda m: msgspec.structs.replace(m, GenChallenge=bytes(16))


def canceled(bench: PncBench) -> None:
    bench.contracts.verdicts = {bench.wallet.contract.emaid: "FAILED_ContractCanceled"}


def rejected(bench: PncBench) -> None:
    bench.evse.authorizer = Never()


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        (tamper, "FAILED_SignatureError", "digest mismatch in reference #id1"),
        (wrong_bit, "FAILED_SignatureError", "SignatureValue does not verify with the key of"),
        (other_key, "FAILED_SignatureError", "SignatureValue does not verify with the key of"),
        (no_signature, "FAILED_SignatureError", "is not signed"),
        (no_challenge, "FAILED_ChallengeInvalid", "no GenChallenge"),
        (zero_challenge, "FAILED_ChallengeInvalid", "GenChallenge 00000000"),
        (canceled, "FAILED_ContractCanceled", "is not accepted"),
        (rejected, "FAILED", "was rejected"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_bad_authorizations_are_refused_with_their_code(
    change: Callable[[PncBench], None], code: str, text: str
) -> None:
    bench = PncBench()
    change(bench)
    vehicle, charger = await bench.run()
    assert bench.code("AuthorizationRes") == code
    assert text in charger.reason
    assert vehicle.cause is Cause.PEER
    assert "ChargeParameterDiscoveryReq" not in bench.names()
    assert bench.safe


async def test_a_recorded_authorization_cannot_be_replayed() -> None:
    """Request and signature of an earlier session, which were in order then, do not fit the new challenge."""
    bench = PncBench()
    assert (await bench.run())[0].ok
    (old,) = [
        event.message for event in bench.events["ev"] if event.name == "AuthorizationReq" and event.direction == "tx"
    ]
    bench.ev.rewrite[iso2.AuthorizationReq] = lambda _: old.Body.BodyElement
    bench.ev.rewrite_signature[iso2.AuthorizationReq] = lambda _: old.Header.Signature
    await bench.run()
    assert bench.code("AuthorizationRes") == "FAILED_ChallengeInvalid"


# ---------------------------------------------------------------------------------------------------------------
# The charger refuses receipts


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"MeterInfo": iso2.MeterInfoType(MeterID="X", MeterReading=1)}, "MeterInfo differs from what was sent"),
        ({"SessionID": bytes(8)}, "a receipt for session 0000000000000000"),
        ({"SAScheduleTupleID": 7}, "schedule 7, but 1 was chosen"),
        ({"Id": "id2"}, "reference #id1 points to nothing that must be signed"),
    ],
)
@pytest.mark.parametrize("insists", [True, False])
async def test_invalid_receipts(change: dict[str, Any], text: str, insists: bool) -> None:
    """A charger that insists refuses them; another one notes them."""
    bench = PncBench()
    bench.contracts.receipt_every, bench.contracts.insists = 1.0, insists
    bench.ev.rewrite[iso2.MeteringReceiptReq] = lambda m: msgspec.structs.replace(m, **change)
    vehicle, charger = await bench.run()
    assert text in bench.contracts.receipts[0].problem
    if insists:
        assert bench.code("MeteringReceiptRes") == "FAILED_MeteringSignatureNotValid"
        assert text in charger.reason
        assert vehicle.cause is Cause.PEER
    else:
        assert vehicle.ok
        assert all(receipt.problem for receipt in bench.contracts.receipts)
    assert bench.safe


# ---------------------------------------------------------------------------------------------------------------
# Certificate exchanges that fail


class Slow:
    """A back end that does not answer in time."""

    async def install(self, visit: Any, request: Any) -> Any:
        await asyncio.sleep(10.0)

    update = install


class Gone(Slow):
    """A back end that nobody reaches."""

    async def install(self, visit: Any, request: Any) -> Any:
        raise ConnectionRefusedError("connection refused")


def gone(bench: PncBench) -> None:
    bench.contracts.backend = Gone()


def bad_signature(bench: PncBench) -> None:
    bench.ev.rewrite[iso2.CertificateInstallationReq] = lambda m: msgspec.structs.replace(m, Id="id7")


def expired_vehicle(bench: PncBench) -> None:
    old = issue(Role.OEM_PROVISIONING, "oem-sub2", name="old", changes=Changes(not_after=NOW - DAY))
    bench.wallet.provisioning = pnc.credential(old)


def unknown_maker(bench: PncBench) -> None:
    bench.wallet.provisioning = twin(Role.OEM_PROVISIONING)


def no_contract(bench: PncBench) -> None:
    bench.contracts.backend.any_vehicle = ""  # type: ignore[union-attr]  # this bench has one


def slow(bench: PncBench) -> None:
    bench.contracts.backend = Slow()


def not_selected(bench: PncBench) -> None:
    chosen = iso2.SelectedServiceListType(SelectedService=[iso2.SelectedServiceType(ServiceID=1)])
    bench.ev.rewrite[iso2.PaymentServiceSelectionReq] = lambda m: msgspec.structs.replace(m, SelectedServiceList=chosen)


def going_on(bench: PncBench) -> None:
    bench.ev.goes_on_after_failed_certificate = bench.se.goes_on_after_failed_certificate = True


FAILURES = [
    (bad_signature, "FAILED_SignatureError", "reference #id1 points to nothing"),
    (expired_vehicle, "FAILED_CertificateExpired", "expired on"),
    (unknown_maker, "FAILED_CertChainError", "its issuer"),
    (no_contract, "FAILED_NoCertificateAvailable", "no contract for the vehicle PLF"),
    (slow, "FAILED", "no answer from the back end within 4.5 s"),
    (gone, "FAILED", "the back end cannot be reached: connection refused"),
]


@pytest.mark.parametrize(("change", "code", "text"), FAILURES, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_failed_installation_ends_the_session(change: Callable[[PncBench], None], code: str, text: str) -> None:
    """At both sides, whether the vehicle has another contract or not [V2G2-539]."""
    bench = PncBench()
    bench.wallet.reinstall = True
    change(bench)
    vehicle, charger = await bench.run()
    assert bench.code("CertificateInstallationRes") == code
    assert text in charger.reason
    assert f"CertificateInstallationRes {code}" in vehicle.reason
    assert vehicle.cause is Cause.PEER
    assert requests(bench)[-1] == "CertificateInstallationReq"
    assert bench.safe


async def test_one_side_alone_does_not_go_on() -> None:
    """A tolerant side that does not have the option ends the session although the other one would go on."""
    for side in ("ev", "se"):
        bench = PncBench()
        getattr(bench, side).goes_on_after_failed_certificate = True
        bench.wallet.reinstall = True
        no_contract(bench)
        vehicle, charger = await bench.run()
        assert not vehicle.ok
        assert not charger.ok
        assert "PaymentDetailsRes" not in bench.names()


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.parametrize(("change", "code", "text"), FAILURES, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("has_contract", [True, False])
async def test_failed_installations_that_both_sides_go_on_after(
    change: Callable[[PncBench], None], code: str, text: str, has_contract: bool, tolerant: bool
) -> None:
    """The session stays open: a vehicle with a contract goes on with that, another one stops [V2G2-554, 557, 558]."""
    bench = PncBench()
    going_on(bench)
    bench.ev.tolerant = bench.se.tolerant = tolerant
    bench.wallet.reinstall = has_contract
    if not has_contract:
        bench.wallet.contract = None
    change(bench)
    vehicle, charger = await bench.run()
    assert bench.code("CertificateInstallationRes") == code
    assert any(text in event.note for event in bench.events["se"] if event.name == "refused")
    assert any(f"CertificateInstallationRes {code}" in note for note in vehicle.notes)
    assert charger.ok
    if has_contract:
        assert vehicle.ok
        assert "AuthorizationReq" in bench.names()
    else:
        assert vehicle.reason == "there is no contract to pay with"
        assert requests(bench)[-1] == "SessionStopReq"
        assert "PaymentDetailsReq" not in bench.names()


async def test_a_service_that_was_not_selected() -> None:
    """A strict charger refuses the exchange, and ends the session; another one does it anyway."""
    bench = PncBench()
    bench.wallet.contract = None
    not_selected(bench)
    vehicle, charger = await bench.run()
    assert vehicle.ok
    assert charger.tolerances == ["certificate-service-not-selected"]
    bench.wallet.contract, bench.se.tolerant = None, False
    _, charger = await bench.run()
    assert bench.code("CertificateInstallationRes") == "FAILED"
    assert "parameter set 1 of the certificate service was not selected" in charger.reason


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: contract(changes=Changes(not_after=NOW - DAY)), "FAILED_CertificateExpired"),
        (lambda: twin(Role.CONTRACT), "FAILED_CertChainError"),
        (lambda: cut(contract()), "FAILED_CertChainError"),
    ],
)
async def test_updates_of_bad_contracts_are_refused(make: Callable[[], Credential], code: str) -> None:
    bench = PncBench()
    bench.wallet.contract = old = make()
    bench.wallet.provisioning = None
    bench.wallet.update_next = True
    bench.ev.now = lambda: START.timestamp() + 60
    await bench.run()
    assert bench.code("CertificateUpdateRes") == code
    assert bench.wallet.contract is old


async def test_a_canceled_contract_is_not_renewed() -> None:
    bench = PncBench()
    going_on(bench)
    bench.wallet.update_next = True
    assert bench.wallet.contract is not None
    bench.contracts.backend.verdicts = {bench.wallet.contract.emaid: "FAILED_ContractCanceled"}  # type: ignore[union-attr]  # this bench has one
    vehicle, _ = await bench.run()
    assert bench.code("CertificateUpdateRes") == "FAILED_ContractCanceled"
    assert vehicle.ok
    assert vehicle.notes[1] == "RetryCounter 0: to be tried again in the next session"
    assert bench.messages("CertificateUpdateRes")[0].RetryCounter == 0
    bench.wallet.update_next = True
    bench.ev.rewrite[iso2.CertificateUpdateReq] = lambda m: msgspec.structs.replace(m, eMAID="DEPLFC99999999")
    await bench.run()
    assert bench.code("CertificateUpdateRes") == "FAILED_SignatureError"  # the eMAID is part of what is signed


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize(("counter", "again"), [(0, True), (-1, False), (7, False)])
async def test_the_retry_counter_is_heeded(counter: int, again: bool, goes_on: bool) -> None:
    """0: the next session asks again; -1: never; days: not now. Also by a vehicle that ends the session."""
    bench = PncBench()
    if goes_on:
        going_on(bench)
    assert bench.wallet.contract is not None
    bench.wallet.provisioning, bench.wallet.update_next = None, True
    backend: Any = bench.contracts.backend
    backend.verdicts, backend.retry_counter = {bench.wallet.contract.emaid: "FAILED_NoCertificateAvailable"}, counter
    vehicle, _ = await bench.run()
    assert vehicle.ok is goes_on
    assert f"RetryCounter {counter}: " in vehicle.notes[1]
    await bench.run()
    assert bench.names().count("CertificateUpdateReq") == (2 if again else 1)


# ---------------------------------------------------------------------------------------------------------------
# The vehicle refuses deliveries


def resigned(bench: PncBench, **fields: Any) -> None:
    """The response with other content, but properly signed."""
    provider = pnc.credential(store()[Role.CPS])
    last: list[Any] = []

    def change(message: Any) -> Any:
        last.append(msgspec.structs.replace(message, **fields))
        return last[-1]

    bench.se.rewrite[iso2.CertificateInstallationRes] = change
    bench.se.rewrite_signature[iso2.CertificateInstallationRes] = lambda _: signature.sign_message(
        last[-1], provider.key
    )


def other_emaid(bench: PncBench) -> None:
    resigned(bench, eMAID=iso2.EMAIDType(Id="id4", value="DEPLFC99999999"))


def altered_key(bench: PncBench) -> None:
    value = iso2.ContractSignatureEncryptedPrivateKeyType(Id="id2", value=bytes(48))
    resigned(bench, ContractSignatureEncryptedPrivateKey=value)


def altered_point(bench: PncBench) -> None:
    resigned(bench, DHpublickey=iso2.DiffieHellmanPublickeyType(Id="id3", value=b"\4" + bytes(64)))


def altered_after_signing(bench: PncBench) -> None:
    bench.se.rewrite[iso2.CertificateInstallationRes] = lambda m: msgspec.structs.replace(
        m, eMAID=iso2.EMAIDType(Id="id4", value="DEPLFC99999999")
    )


def not_signed(bench: PncBench) -> None:
    bench.se.rewrite_signature[iso2.CertificateInstallationRes] = lambda _: None


def unknown_provider(bench: PncBench) -> None:
    bench.contracts.backend.provider = twin(Role.CPS)  # type: ignore[union-attr]  # this bench has one


def no_provider(bench: PncBench) -> None:
    """Signed by somebody with a good certificate for something else."""
    bench.contracts.backend.provider = pnc.credential(store()[Role.SECC])  # type: ignore[union-attr]  # this bench has one


def no_roots(bench: PncBench) -> None:
    """A vehicle that trusts another root only."""
    bench.wallet.roots = [store()[Role.MO_ROOT].der]


def late_provider(bench: PncBench) -> None:
    late = issue(Role.CPS, "cps-sub2", name="late", changes=Changes(not_after=NOW - DAY))
    bench.contracts.backend.provider = pnc.credential(late)  # type: ignore[union-attr]  # this bench has one


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (other_emaid, "eMAID DEPLFC99999999, but the contract certificate is for"),
        (altered_key, "the decrypted contract key"),
        (altered_point, "DHpublickey is not an uncompressed point"),
        (altered_after_signing, "digest mismatch in reference #id4: eMAID"),
        (not_signed, "no Signature over ContractSignatureCertChain"),
        (unknown_provider, "provisioning service: ProvSubCA1: a trusted root is named"),
        (no_provider, "not a CPS leaf"),
        (no_roots, "provisioning service: ProvSubCA1: its root"),
        (late_provider, "provisioning service: CPS Leaf: expired on"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("has_contract", [True, False])
async def test_deliveries_that_the_vehicle_discards(
    change: Callable[[PncBench], None], text: str, has_contract: bool
) -> None:
    """It keeps what it has: a contract pays still, without one the session ends."""
    bench = PncBench()
    old = bench.wallet.contract if has_contract else None
    bench.wallet.contract, bench.wallet.reinstall = old, True
    change(bench)
    vehicle, charger = await bench.run()
    assert bench.code("CertificateInstallationRes") == "OK"
    assert any(text in note for note in vehicle.notes), vehicle.notes
    assert bench.wallet.contract is old
    assert vehicle.ok is has_contract
    assert charger.ok
    assert bench.safe


def test_spoiled_certificates_raise_nothing_but_our_errors() -> None:
    """Flipped and missing octets in a leaf: whatever the library raises, the peer gets a ResponseCode."""
    rng = random.Random(1)
    good = store()[Role.CONTRACT]
    request = iso2.AuthorizationReq(Id="id1", GenChallenge=bytes(16))
    signed = signature.sign_message(request, good.key)
    survived, codes = 0, set()
    for _ in range(600):
        der = bytearray(good.der)
        for _ in range(rng.choice((1, 1, 2, 4))):
            der[rng.randrange(len(der))] = rng.randrange(256)
        spoiled = bytes(der[: rng.choice((len(der), len(der), rng.randrange(1, len(der))))])
        for look in (credentials.read, lambda der: signature.verify_message(request, signed, der)):
            try:
                look(spoiled)  # type: ignore[operator]  # one of several functions
                survived += 1
            except RemoteError as why:
                codes.add(why.response_code)
    assert codes == {"FAILED_CertChainError", "FAILED_SignatureError"}
    assert survived  # not every octet counts


async def test_a_short_challenge_is_invalid() -> None:
    bench = PncBench()
    bench.se.rewrite[iso2.PaymentDetailsRes] = lambda m: msgspec.structs.replace(m, GenChallenge=bytes(15))
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.PEER
    assert "GenChallenge of 15 bytes" in vehicle.reason


# ---------------------------------------------------------------------------------------------------------------
# What the vehicle takes


@pytest.mark.parametrize(
    ("wallet", "payment", "reason"),
    [
        (Wallet(), "contract", "the vehicle has neither a contract nor a provisioning certificate"),
        (
            Wallet(contract=contract(changes=Changes(not_after=NOW - DAY))),
            "contract",
            "the vehicle's contract has expired, and there is no provisioning certificate",
        ),
    ],
)
async def test_why_a_vehicle_cannot_pay_by_contract(wallet: Wallet, payment: Any, reason: str) -> None:
    bench = PncBench()
    bench.ev.wallet, bench.ev.payment = wallet, payment
    vehicle, _ = await bench.run()
    assert vehicle.reason == f"payment by contract is not possible: {reason}"
    bench.ev.payment = "auto"
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert vehicle.notes == [f"external payment: {reason}"]


async def test_an_expired_contract_is_replaced_by_installation() -> None:
    bench = PncBench()
    bench.wallet.contract = contract(changes=Changes(not_after=NOW - DAY))
    assert (await bench.run())[0].ok
    assert "CertificateInstallationReq" in bench.names()


async def test_a_charger_without_a_back_end_installs_nothing() -> None:
    bench = PncBench()
    bench.wallet.contract = None
    bench.contracts.backend = None
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert vehicle.notes == ["external payment: the vehicle's contract is missing, and the charger installs none"]
