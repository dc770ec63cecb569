"""Contract payment of ISO 15118-20 between both roles: normal courses, each refusal, what the vehicle does then."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from pnc import NOW
from pnc20 import DAY, PncBench20, contract, second, store

from pki.authority import Changes
from pki.deviations import Code, Deviation
from pki.profiles import Role
from secc.authorizer import Delayed, Never
from secc.iso20_contract import CODES
from v2g import signature, signed_parts
from v2g.credentials import Credential
from v2g.messages import schema
from v2g.messages.iso20 import common
from v2g.outcome import Cause


def asked(bench: PncBench20) -> list[str]:
    """What each AuthorizationReq selected."""
    return [request.SelectedAuthorizationService for request in bench.messages("AuthorizationReq")]


# ---------------------------------------------------------------------------------------------------------------
# Normal courses


@pytest.mark.parametrize("tolerant", [True, False], ids=["tolerant", "strict"])
@pytest.mark.parametrize("grammar", ["common", "xmldsig"])
@pytest.mark.parametrize("suite", ["iso20", "iso20-ed448"])
async def test_a_contract_pays_for_a_whole_session(suite: str, grammar: Any, tolerant: bool) -> None:
    """Either suite, either grammar; nothing about it is a tolerance."""
    bench = PncBench20(suite=suite, tolerant=tolerant)
    bench.wallet.grammar = grammar
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    assert vehicle.tolerances == charger.tolerances == []
    (setup,) = bench.messages("AuthorizationSetupRes")
    assert setup.AuthorizationServices == ["PnC", "EIM"]
    assert setup.EIM_ASResAuthorizationMode is None
    assert setup.PnC_ASResAuthorizationMode.SupportedProviders is None
    (request,) = bench.messages("AuthorizationReq")
    assert request.PnC_AReqAuthorizationMode.GenChallenge == setup.PnC_ASResAuthorizationMode.GenChallenge
    assert bench.codes("AuthorizationRes") == ["OK"]
    assert bench.said("se", f"SignedInfo in the grammar of {signature.TITLES[grammar]}")


async def test_another_library_verifies_the_request() -> None:
    """Digest over the vectors' fragment grammar, signature over SignedInfo, with cryptography's own primitives."""
    import hashlib

    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    bench = PncBench20()
    await bench.run()
    (request,) = bench.messages("AuthorizationReq")
    block, signed = request.PnC_AReqAuthorizationMode, request.Header.Signature
    octets = signature.fragment(schema("iso20-common"), signed_parts.Part("PnC_AReqAuthorizationMode", block))
    assert octets.hex().startswith("804b815a590c41")
    assert signed.SignedInfo.Reference[0].DigestValue == hashlib.sha512(octets).digest()
    value = signed.SignatureValue.value
    r, s = int.from_bytes(value[:66], "big"), int.from_bytes(value[66:], "big")
    public: Any = bench.wallet.contracts[0].certificate.public_key()
    info = signature.signed_info_fragment(signed.SignedInfo, "common")
    public.verify(encode_dss_signature(r, s), info, ec.ECDSA(hashes.SHA512()))


async def test_the_same_signed_request_is_repeated_while_the_charger_is_at_work() -> None:
    bench = PncBench20(authorizer=Delayed(1.0))
    vehicle, _ = await bench.run()
    assert vehicle.ok
    requests = bench.messages("AuthorizationReq")
    assert len(requests) > 3
    assert {msgspec.json.encode(r.PnC_AReqAuthorizationMode) for r in requests} == {
        msgspec.json.encode(requests[0].PnC_AReqAuthorizationMode)
    }
    assert all(r.Header.Signature == requests[0].Header.Signature for r in requests)
    assert {res.EVSEProcessing for res in bench.messages("AuthorizationRes")[:-1]} == {"Ongoing"}


async def test_each_session_has_a_challenge_of_its_own() -> None:
    bench = PncBench20()
    for _ in range(2):
        await bench.run()
    one, other = (res.PnC_ASResAuthorizationMode.GenChallenge for res in bench.messages("AuthorizationSetupRes"))
    assert len(one) == len(other) == 16
    assert one != other


async def test_a_contract_near_its_end_is_accepted_with_a_warning() -> None:
    bench = PncBench20()
    bench.wallet.contracts = [contract(changes=Changes(not_after=NOW + 20 * DAY))]
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert bench.codes("AuthorizationRes") == ["OK_CertificateExpiresSoon"]
    assert bench.wallet.update_next


async def test_certificates_on_p256_pay_in_a_lab_only() -> None:
    """Many test benches have nothing else; it is a tolerance, and a strict charger names a warning."""
    bench = PncBench20(suite="iso2")
    vehicle, charger = await bench.run()
    assert vehicle.ok
    assert charger.tolerances == ["contract-curve"]
    bench = PncBench20(suite="iso2")
    bench.se.tolerant = False
    await bench.run()
    assert bench.codes("AuthorizationRes") == ["WARNING_CertificateValidationError", "OK"]


# ---------------------------------------------------------------------------------------------------------------
# Each check, with its code; the vehicle then pays by external means


def expired(bench: PncBench20) -> None:
    bench.wallet.contracts = [contract(changes=Changes(not_after=NOW - DAY))]
    bench.ev.now = lambda: NOW.timestamp() - 10 * DAY.total_seconds()  # the vehicle's clock is late


def not_yet_valid(bench: PncBench20) -> None:
    bench.wallet.contracts = [contract(changes=Changes(not_before=NOW + DAY))]


def revoked(bench: PncBench20) -> None:
    bench.contracts.revoked = lambda certificate, issuer: "DEPLFC" in str(certificate.subject) and "revoked"


def other_root(bench: PncBench20) -> None:
    bench.contracts.roots = [entry.der for entry in store("iso20", "others").of_role(Role.MO_ROOT)]


def wrong_usage(bench: PncBench20) -> None:
    bench.wallet.contracts = [contract(changes=Changes(usage=frozenset()))]


def another_challenge(bench: PncBench20) -> None:
    def change(res: common.AuthorizationSetupRes) -> common.AuthorizationSetupRes:
        mode = common.PnC_ASResAuthorizationModeType(GenChallenge=bytes(15) + b"\1")
        return msgspec.structs.replace(res, PnC_ASResAuthorizationMode=mode)

    bench.se.rewrite[common.AuthorizationSetupRes] = change


def provider_unknown(bench: PncBench20) -> None:
    bench.contracts.providers = ["DEXYZ"]


def not_accepted(bench: PncBench20) -> None:
    bench.contracts.verdicts = {bench.wallet.contracts[0].emaid: "FAILED_ContractCanceled"}


def named_code(bench: PncBench20) -> None:
    bench.contracts.verdicts = {bench.wallet.contracts[0].emaid: "WARNING_eMSPUnknown"}


def both_wrong(bench: PncBench20) -> None:
    """The chain counts before the challenge and the provider."""
    revoked(bench)
    another_challenge(bench)
    provider_unknown(bench)


def challenge_and_provider(bench: PncBench20) -> None:
    another_challenge(bench)
    provider_unknown(bench)


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        (expired, "WARNING_CertificateExpired", "expired"),
        (not_yet_valid, "WARNING_CertificateNotYetValid", "valid only from"),
        (revoked, "WARNING_CertificateRevoked", "revoked"),
        (other_root, "WARNING_CertificateValidationError", "has another key"),
        (wrong_usage, "WARNING_CertificateValidationError", "no keyUsage"),
        (another_challenge, "WARNING_ChallengeInvalid", "GenChallenge"),
        (provider_unknown, "WARNING_eMSPUnknown", "provider DEPLF of contract"),
        (not_accepted, "WARNING_GeneralPnCAuthorizationError", "is not accepted: FAILED_ContractCanceled"),
        (named_code, "WARNING_eMSPUnknown", "is not accepted"),
        (both_wrong, "WARNING_CertificateRevoked", "revoked"),
        (challenge_and_provider, "WARNING_ChallengeInvalid", "GenChallenge"),
    ],
)
async def test_each_refusal_has_its_code_and_leaves_external_payment(change: Any, code: str, text: str) -> None:
    bench = PncBench20()
    change(bench)
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    assert bench.codes("AuthorizationRes") == [code, "OK"]
    assert asked(bench) == ["PnC", "EIM"]
    assert bench.messages("AuthorizationRes")[0].EVSEProcessing == "Finished"
    assert any(code in event.note and text in event.note for event in bench.events["se"]), code
    assert any(code in note and note.startswith("external payment") for note in vehicle.notes)


@pytest.mark.parametrize("size", range(1, 5))
def test_a_broken_chain_comes_before_its_dates_and_these_before_its_revocation(size: int) -> None:
    """Whatever else is wrong, and in whichever order it was found."""
    order = [Code.KEY_USAGE, Code.EXPIRED, Code.NOT_YET_VALID, Code.REVOKED]
    codes = [CODES.broken, CODES.expired, CODES.not_yet_valid, CODES.revoked]
    for found in itertools.permutations(order, size):
        deviations = [Deviation(code, 0, "leaf", "") for code in found]
        assert CODES.of(deviations) == codes[min(map(order.index, found))]


def altered(signed: Any) -> Any:
    signed = msgspec.msgpack.decode(msgspec.msgpack.encode(signed), type=type(signed))
    signed.SignatureValue.value = bytes([signed.SignatureValue.value[0] ^ 1]) + signed.SignatureValue.value[1:]
    return signed


def other_digest(signed: Any) -> Any:
    signed = msgspec.msgpack.decode(msgspec.msgpack.encode(signed), type=type(signed))
    signed.SignedInfo.Reference[0].DigestValue = bytes(64)
    return signed


def elsewhere(signed: Any) -> Any:
    signed = msgspec.msgpack.decode(msgspec.msgpack.encode(signed), type=type(signed))
    signed.SignedInfo.Reference[0].URI = "#id2"
    return signed


@pytest.mark.parametrize("spoil", [altered, other_digest, elsewhere, lambda signed: None])
async def test_an_invalid_signature_ends_the_session(spoil: Any) -> None:
    bench = PncBench20()
    bench.ev.rewrite_signature[common.AuthorizationReq] = spoil
    vehicle, charger = await bench.run()
    assert bench.codes("AuthorizationRes") == ["FAILED_SignatureError"]
    assert (vehicle.cause, charger.cause) == (Cause.PEER, Cause.PEER)
    assert bench.safe


@pytest.mark.parametrize("tolerant", [True, False])
async def test_a_signature_with_parts_that_it_must_not_have_is_for_tolerant_chargers(tolerant: bool) -> None:
    """It holds anyway [V2G2-771]."""

    def change(signed: Any) -> Any:
        if signed is not None:
            signed.Id = "sig1"
        return signed

    bench = PncBench20()
    bench.se.tolerant = tolerant
    bench.ev.rewrite_signature[common.AuthorizationReq] = change
    _, charger = await bench.run()
    assert bench.codes("AuthorizationRes") == ["OK" if tolerant else "FAILED_SignatureError"]
    assert charger.tolerances == (["signature-extra"] if tolerant else [])


@pytest.mark.parametrize("tolerant", [True, False])
async def test_an_emaid_with_another_last_character_is_for_tolerant_chargers(tolerant: bool) -> None:
    bench = PncBench20()
    bench.se.tolerant = tolerant
    bench.wallet.contracts = [contract(cn="DEPLFC00000001A")]
    vehicle, _ = await bench.run()
    assert vehicle.ok
    refused = ["WARNING_CertificateValidationError"] if not tolerant else []
    assert bench.codes("AuthorizationRes") == [*refused, "OK"]
    assert bench.said("se", "the check character would be H") is not tolerant


@pytest.mark.parametrize("tolerant", [True, False])
async def test_the_milder_code_lets_the_vehicle_pay_another_way(tolerant: bool) -> None:
    bench = PncBench20(tolerant=tolerant)
    bench.contracts.bad_signature = "WARNING_GeneralPnCAuthorizationError"
    bench.ev.rewrite_signature[common.AuthorizationReq] = lambda signed: signed and altered(signed)
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert bench.codes("AuthorizationRes") == ["WARNING_GeneralPnCAuthorizationError", "OK"]
    assert asked(bench) == ["PnC", "EIM"]


async def test_a_contract_signed_with_another_key_is_refused() -> None:
    bench = PncBench20()
    own = bench.wallet.contracts[0]
    bench.wallet.contracts = [Credential(own.chain, second().key)]
    await bench.run()
    assert bench.codes("AuthorizationRes") == ["FAILED_SignatureError"]


async def test_rejected_by_the_operator() -> None:
    bench = PncBench20(authorizer=Never())
    vehicle, _ = await bench.run()
    assert not vehicle.ok
    assert bench.codes("AuthorizationRes") == [
        "WARNING_GeneralPnCAuthorizationError", "WARNING_EIMAuthorizationFailure",
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# What the vehicle does


async def test_the_contract_of_a_listed_provider_comes_first() -> None:
    bench = PncBench20()
    bench.wallet.contracts.append(second())
    bench.contracts.providers = ["DEXYZ"]
    vehicle, _ = await bench.run()
    assert vehicle.ok
    (setup,) = bench.messages("AuthorizationSetupRes")
    assert setup.PnC_ASResAuthorizationMode.SupportedProviders.ProviderID == ["DEXYZ"]
    assert bench.codes("AuthorizationRes") == ["OK"]
    (request,) = bench.messages("AuthorizationReq")
    assert request.PnC_AReqAuthorizationMode.ContractCertificateChain.Certificate == second().leaf


async def test_another_contract_is_tried_with_the_same_challenge() -> None:
    bench = PncBench20()
    bench.wallet.contracts.append(second())
    not_accepted(bench)
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert bench.codes("AuthorizationRes") == ["WARNING_GeneralPnCAuthorizationError", "OK"]
    one, other = (request.PnC_AReqAuthorizationMode for request in bench.messages("AuthorizationReq"))
    assert one.GenChallenge == other.GenChallenge
    assert other.ContractCertificateChain.Certificate == second().leaf


async def test_a_driver_who_insists_gets_no_external_payment() -> None:
    bench = PncBench20()
    bench.ev.payment = "contract"
    not_accepted(bench)
    vehicle, _ = await bench.run()
    assert asked(bench) == ["PnC"]
    assert "payment by contract is not possible: the charger refuses" in vehicle.reason


async def test_a_charger_that_takes_contracts_only() -> None:
    """External payment is not a choice there, and a vehicle without a contract does not try."""
    bench = PncBench20()
    bench.contracts.external = False
    bench.wallet.contracts = []
    vehicle, _ = await bench.run()
    assert asked(bench) == []
    assert "the charger accepts only contracts: the vehicle's contract is missing" in vehicle.reason


async def test_external_payment_is_chosen_where_the_driver_wants_it() -> None:
    bench = PncBench20()
    bench.ev.payment = "external"
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert asked(bench) == ["EIM"]
    assert bench.messages("AuthorizationReq")[0].Header.Signature is None


@pytest.mark.parametrize("without", ["service", "block"])
async def test_a_selection_that_is_not_offered_is_a_warning(without: str) -> None:
    def change(request: common.AuthorizationReq) -> common.AuthorizationReq:
        if request.SelectedAuthorizationService == "PnC" or without == "service":
            return request
        return msgspec.structs.replace(request, SelectedAuthorizationService="PnC")

    bench = PncBench20()
    bench.ev.payment = "external"
    bench.contracts.external = without == "block"
    bench.ev.rewrite[common.AuthorizationReq] = change
    if without == "service":
        offer = ["PnC", "EIM"]
        bench.se.rewrite[common.AuthorizationSetupRes] = lambda res: msgspec.structs.replace(
            res, AuthorizationServices=offer
        )
    vehicle, _ = await bench.run()
    assert bench.codes("AuthorizationRes")[0] == "WARNING_AuthorizationSelectionInvalid"
    assert not vehicle.ok


async def test_no_contract_is_offered_without_tls() -> None:
    from v2g.memory_link import memory_pair

    bench = PncBench20()
    bench.ev.any_transport = bench.se.any_transport = True
    bench.ends = memory_pair  # type: ignore[assignment]  # a stand-in of the test
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert asked(bench) == ["EIM"]
    assert bench.messages("AuthorizationSetupRes")[0].AuthorizationServices == ["EIM"]


async def test_a_changed_mind_while_the_charger_asks_starts_over() -> None:
    """The authorization of one contract says nothing about another."""
    asked_for: list[Any] = []

    class Slow(Delayed):
        def begin(self, who: str | None = None) -> None:
            asked_for.append(who)
            super().begin(who)

    bench = PncBench20(authorizer=Slow(0.5))
    first, other = bench.wallet.contracts[0], second()
    count = 0

    def change(request: common.AuthorizationReq) -> common.AuthorizationReq:
        nonlocal count
        count += 1
        mode = request.PnC_AReqAuthorizationMode
        if count == 1 or mode is None:
            return request
        subs = common.SubCertificatesType(Certificate=list(other.chain[1:]))
        chain = common.ContractCertificateChainType(Certificate=other.leaf, SubCertificates=subs)
        changed = msgspec.structs.replace(mode, ContractCertificateChain=chain)
        made.append(msgspec.structs.replace(request, PnC_AReqAuthorizationMode=changed))
        return made[-1]

    made: list[common.AuthorizationReq] = []
    bench.ev.rewrite[common.AuthorizationReq] = change
    bench.ev.rewrite_signature[common.AuthorizationReq] = lambda signed: (
        signature.sign_message(made[-1], other.key, "iso20-common") if made else signed
    )
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert asked_for == [first.emaid, other.emaid]
