"""Contract certificate installation of ISO 15118-20 between both roles: courses, refusals, and what is not kept."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pnc import NOW
from pnc20 import DAY, PncBench20, issue, second, source, store

from pki import delivery20
from pki.authority import Changes
from pki.keys import Kind
from pki.names import check_character
from pki.profiles import Role
from plugfest import pnc, pnc20
from plugfest.config.charger import Charger
from plugfest.config.model import Bench as Model
from secc.plan import Plan
from v2g import signature, signed_parts
from v2g.credentials import Credential
from v2g.messages import schema
from v2g.messages.iso20 import common
from v2g.outcome import Cause
from v2g.prices import flat


def numbers(contracts: list[Credential]) -> list[str]:
    """eMAIDs without their check character."""
    return [contract.emaid[:14] for contract in contracts]


# ---------------------------------------------------------------------------------------------------------------
# Courses


@pytest.mark.parametrize("suite", ["iso20", "iso20-ed448"])
@pytest.mark.parametrize("scheme", ["strict-guess", "wwcp"])
async def test_two_contracts_are_installed_and_the_first_one_pays(suite: str, scheme: str) -> None:
    """SECP521 and X448, each with the schemes that the schema has room for; also a strict pair does it."""
    bench = PncBench20(suite=suite, tolerant=False)
    backend = bench.installs("DEPLFC00000001", "DEXYZC00000002")
    backend.scheme = bench.wallet.scheme = delivery20.SCHEMES[scheme]
    stored: list[Credential] = []
    bench.wallet.on_contract = stored.append
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    assert bench.messages("AuthorizationSetupRes")[0].CertificateInstallationService
    answers = bench.messages("CertificateInstallationRes")
    assert [(a.EVSEProcessing, a.RemainingContractCertificateChains) for a in answers] == [
        ("Finished", 1), ("Finished", 0),
    ]  # fmt: skip
    assert {a.SignedInstallationData.ECDHCurve for a in answers} == {"X448" if "ed448" in suite else "SECP521"}
    assert numbers(stored) == numbers(bench.wallet.contracts) == ["DEPLFC00000001", "DEXYZC00000002"]
    one, other = bench.messages("CertificateInstallationReq")
    assert one.Header.Signature == other.Header.Signature
    assert one.ListOfRootCertificateIDs.RootCertificateID
    (request,) = bench.messages("AuthorizationReq")
    assert request.PnC_AReqAuthorizationMode.ContractCertificateChain.Certificate == stored[0].leaf
    assert bench.codes("AuthorizationRes") == ["OK"]
    assert vehicle.tolerances == charger.tolerances == []
    assert bench.said("ev", f"scheme {scheme}")
    # The next session needs no installation.
    await bench.run()
    assert len(bench.messages("CertificateInstallationReq")) == 2


@pytest.mark.parametrize("tolerant", [True, False], ids=["tolerant", "strict"])
async def test_what_is_longer_than_the_schema_allows_is_for_tolerant_roles(tolerant: bool) -> None:
    """A whole Ed448 key has 85 octets, one more than its field: sent and taken as it is, or not at all."""
    bench = PncBench20(suite="iso20-ed448", tolerant=tolerant)
    bench.installs("DEPLFC00000001").scheme = bench.wallet.scheme = delivery20.BENCH
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    (answer,) = bench.messages("CertificateInstallationRes")
    if tolerant:
        assert len(answer.SignedInstallationData.X448_EncryptedPrivateKey) == 85
        assert numbers(bench.wallet.contracts) == ["DEPLFC00000001"]
        assert bench.codes("AuthorizationRes") == ["OK"]
        assert "facet" in vehicle.tolerances
        assert charger.tolerances == []
    else:
        assert answer.ResponseCode == "WARNING_NoCertificateAvailable"
        assert bench.said("se", "breaks the schema")


async def test_the_charger_is_at_work_first() -> None:
    """Ongoing says nothing else; the vehicle repeats its request as it was signed."""
    bench = PncBench20()
    backend = bench.installs("DEPLFC00000001")
    backend.delay = 4.0
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert [a.EVSEProcessing for a in bench.messages("CertificateInstallationRes")][:2] == ["Ongoing", "Ongoing"]
    assert len(backend.issued) == 1
    requests = bench.messages("CertificateInstallationReq")
    assert len(requests) >= 3
    assert all(r.Header.Signature == requests[0].Header.Signature for r in requests)
    assert len(bench.wallet.contracts) == 1


async def test_the_vehicle_takes_as_many_as_it_has_room_for() -> None:
    bench = PncBench20()
    bench.installs("DEPLFC00000001", "DEXYZC00000002", "DEPLFC00000003")
    bench.wallet.most = 2
    await bench.run()
    assert numbers(bench.wallet.contracts) == ["DEPLFC00000001", "DEXYZC00000002"]
    last = bench.messages("CertificateInstallationRes")[-1]
    assert last.RemainingContractCertificateChains == 1
    assert {r.MaximumContractCertificateChains for r in bench.messages("CertificateInstallationReq")} == {2}


async def test_the_contract_that_the_vehicle_prefers_comes_first() -> None:
    bench = PncBench20()
    bench.installs("DEPLFC00000001", "DEXYZC00000002")
    bench.wallet.prioritized = ["DEXYZC000000022"]  # with its check character, which the charger's list has not
    await bench.run()
    assert numbers(bench.wallet.contracts) == ["DEXYZC00000002", "DEPLFC00000001"]


async def test_another_request_while_the_charger_is_at_work_starts_over() -> None:
    """What was found for the first one is not the answer to the second."""
    bench = PncBench20()
    backend = bench.installs("DEPLFC00000001", "DEXYZC00000002")
    backend.delay, bench.wallet.most, count = 4.0, 1, 0

    def change(request: common.CertificateInstallationReq) -> common.CertificateInstallationReq:
        nonlocal count
        count += 1
        wanted = common.EMAIDListType(EMAID=["DEXYZC00000002"]) if count > 1 else None
        return msgspec.structs.replace(request, PrioritizedEMAIDs=wanted)

    bench.ev.rewrite[common.CertificateInstallationReq] = change
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert numbers(bench.wallet.contracts) == ["DEXYZC00000002"]


async def test_a_vehicle_that_has_all_its_contracts_may_ask_again() -> None:
    """It may have lost them: the charger begins with the first one."""
    bench = PncBench20()
    bench.installs("DEPLFC00000001")
    bench.wallet.most = 3
    bench.se.rewrite[common.CertificateInstallationRes] = lambda res: msgspec.structs.replace(
        res, RemainingContractCertificateChains=1
    )
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert bench.codes("CertificateInstallationRes") == ["OK"] * 3


async def test_sub_cas_that_the_vehicle_leaves_out_are_known() -> None:
    bench = PncBench20()
    bench.installs("DEPLFC00000001")
    own = bench.wallet.provisioning
    assert own is not None
    bench.wallet.provisioning = Credential(own.chain[:1], own.key)
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert bench.messages("CertificateInstallationReq")[0].OEMProvisioningCertificateChain.SubCertificates is None
    assert len(bench.wallet.contracts) == 1


async def test_an_operator_may_have_one_sub_ca_alone() -> None:
    """Its path length is 0, as the sub-CA's that issues contracts always is: no other one is missing."""
    bench = PncBench20()
    sub = issue(Role.MO_SUB2, "mo-root", name="mo-sub-alone", cn="MOSubCA")
    made = pnc.credential(source().issue(Role.CONTRACT, sub, name="contract-alone"))
    assert len(made.chain) == 2
    bench.installs("DEPLFC00000001").issue = lambda emaid: made
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert numbers(bench.wallet.contracts) == ["DEPLFC00000001"], vehicle.notes
    assert bench.codes("AuthorizationRes") == ["OK"]


async def test_a_refused_contract_is_replaced_within_the_session() -> None:
    """The challenge is the previous one: there is no new AuthorizationSetup."""
    bench = PncBench20()
    own = bench.wallet.contracts[0]
    bench.installs("DEXYZC00000002")
    bench.wallet.contracts = [own]
    bench.contracts.verdicts = {own.emaid: "FAILED_ContractCanceled"}
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert bench.codes("AuthorizationRes") == ["WARNING_GeneralPnCAuthorizationError", "OK"]
    assert bench.names().count("AuthorizationSetupReq") == 1
    assert numbers(bench.wallet.contracts)[0] == "DEXYZC00000002"


async def test_a_contract_refused_once_is_not_offered_again_in_the_session() -> None:
    """Two are refused, then the one installed: each was offered once, and the vehicle pays by external means."""
    bench = PncBench20()
    own = [*bench.wallet.contracts, second()]
    third = "DEPLFC00000003" + check_character("DEPLFC00000003")
    bench.installs(third)
    bench.wallet.contracts = own
    refused = [*(contract.emaid for contract in own), third]
    bench.contracts.verdicts = dict.fromkeys(refused, "WARNING_CertificateRevoked")
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert bench.codes("AuthorizationRes") == ["WARNING_CertificateRevoked"] * 3 + ["OK"]
    told = ", ".join(f"{emaid} WARNING_CertificateRevoked" for emaid in refused)
    assert f"external payment: the charger refuses {told}" in vehicle.notes


async def test_another_library_opens_and_verifies_the_delivery() -> None:
    """Digest, signature, ECDH, key derivation, GCM and scalar with primitives, from the message alone."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.x509 import SubjectKeyIdentifier, load_der_x509_certificate

    bench = PncBench20()
    bench.installs("DEPLFC00000001")
    await bench.run()
    (res,) = bench.messages("CertificateInstallationRes")
    data, signed = res.SignedInstallationData, res.Header.Signature
    octets = signature.fragment(schema("iso20-common"), signed_parts.Part("SignedInstallationData", data))
    assert signed.SignedInfo.Reference[0].DigestValue == hashlib.sha512(octets).digest()
    value = signed.SignatureValue.value
    r, s = int.from_bytes(value[:66], "big"), int.from_bytes(value[66:], "big")
    signer: Any = load_der_x509_certificate(res.CPSCertificateChain.Certificate).public_key()
    info = signature.signed_info_fragment(signed.SignedInfo, "common")
    signer.verify(encode_dss_signature(r, s), info, ec.ECDSA(hashes.SHA512()))
    own: Any = store()[Role.OEM_PROVISIONING].key
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP521R1(), data.DHPublicKey)
    key = hashlib.sha512(b"\0\0\0\1" + own.exchange(ec.ECDH(), point) + b"\1UV").digest()[:32]
    leaf = load_der_x509_certificate(data.ContractCertificateChain.Certificate)
    identifier = leaf.extensions.get_extension_for_class(SubjectKeyIdentifier).value.digest
    aad = store()[Role.OEM_PROVISIONING].common_name.encode() + identifier.hex().upper().encode()
    field = data.SECP521_EncryptedPrivateKey
    secret = int.from_bytes(AESGCM(key).decrypt(field[:12], field[12:], aad), "big")
    assert ec.derive_private_key(secret, ec.SECP521R1()).public_key() == leaf.public_key()


@pytest.mark.parametrize("suite", ["iso20", "iso20-ed448"])
async def test_a_charger_whose_pki_has_both_kinds_of_key_serves_either_vehicle(suite: str, tmp_path: Path) -> None:
    """It takes a contract that is there, installs another one, and signs prices for both."""
    for one in ("iso20", "iso20-ed448"):
        store(one).save(tmp_path)
    bench = PncBench20(suite=suite, tolerant=False)
    bench.contracts.roots = []
    station = Charger(emaids=["DEXYZC00000002"], bad_signature="FAILED_SignatureError")
    pnc20.equip_charger(bench.contracts, Model(role="secc", tls="required", charger=station), tmp_path, NOW)
    bench.evse.plans = [Plan(tariff=flat(0.4))]
    for installs in (False, True):
        bench.wallet.reinstall = installs
        vehicle, charger = await bench.run()
        assert (vehicle.ok, charger.ok, vehicle.notes) == (True, True, []), (vehicle, charger)
    assert bench.codes("AuthorizationRes") == ["OK", "OK"]
    assert numbers(bench.wallet.contracts)[0] == "DEXYZC00000002"
    assert all(res.Header.Signature is not None for res in bench.messages("ScheduleExchangeRes"))


# ---------------------------------------------------------------------------------------------------------------
# Refusals


def provisioning(bench: PncBench20, **changes: Any) -> None:
    entry = issue(Role.OEM_PROVISIONING, "oem-sub2", name=f"oem-{len(changes)}", changes=Changes(**changes))
    bench.wallet.provisioning = pnc.credential(entry)


def oem_expired(bench: PncBench20, backend: Any) -> None:
    provisioning(bench, not_after=NOW - DAY)


def oem_early(bench: PncBench20, backend: Any) -> None:
    provisioning(bench, not_before=NOW + DAY)


def oem_revoked(bench: PncBench20, backend: Any) -> None:
    bench.contracts.revoked = lambda certificate, issuer: "PLF000" in str(certificate.subject) and "revoked"


def oem_unknown(bench: PncBench20, backend: Any) -> None:
    backend.oem_authorities = [entry.der for entry in store("iso20", "others").of_role(Role.OEM_ROOT)]


def oem_p256(bench: PncBench20, backend: Any) -> None:
    bench.wallet.provisioning = pnc.credential(store("iso2")[Role.OEM_PROVISIONING])
    backend.oem_authorities = [
        entry.der for entry in store("iso2").of_role(Role.OEM_ROOT, Role.OEM_SUB1, Role.OEM_SUB2)
    ]


def no_contract(bench: PncBench20, backend: Any) -> None:
    backend.any_vehicle = ()


def provider_unknown(bench: PncBench20, backend: Any) -> None:
    backend.providers = ["DEXYZ"]


def not_delivered(bench: PncBench20, backend: Any) -> None:
    backend.verdicts = {backend.any_vehicle[0]: "WARNING_NoCertificateAvailable"}


def silent(bench: PncBench20, backend: Any) -> None:
    backend.delay = 1000.0


def no_room(bench: PncBench20, backend: Any) -> None:
    bench.ev.rewrite[common.CertificateInstallationReq] = lambda request: msgspec.structs.replace(
        request, MaximumContractCertificateChains=0
    )


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        (oem_expired, "WARNING_CertificateExpired", "expired on"),
        (oem_early, "WARNING_CertificateNotYetValid", "valid only from"),
        (oem_revoked, "WARNING_CertificateRevoked", "revoked"),
        (oem_unknown, "WARNING_CertificateValidationError", "has another key"),
        (oem_p256, "WARNING_CertificateValidationError", "both must be P-521 or both Ed448"),
        (no_contract, "WARNING_NoContractMatchingPCIDFound", "no contract for the vehicle"),
        (provider_unknown, "WARNING_eMSPUnknown", "provider DEPLF"),
        (not_delivered, "WARNING_NoCertificateAvailable", "is not delivered"),
        (silent, "WARNING_NoCertificateAvailable", "no answer from the back end within"),
        (no_room, "WARNING_NoCertificateAvailable", "room for 0 contracts"),
    ],
)
async def test_each_refusal_is_a_warning_with_its_code(change: Any, code: str, text: str) -> None:
    """The vehicle keeps nothing, and pays by external means."""
    bench = PncBench20()
    change(bench, bench.installs("DEPLFC00000001"))
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    assert bench.codes("CertificateInstallationRes")[-1] == code
    assert bench.messages("CertificateInstallationRes")[-1].EVSEProcessing == "Finished"
    assert any(code in event.note and text in event.note for event in bench.events["se"])
    assert bench.wallet.contracts == []
    assert f"certificate installation failed: {code}" in vehicle.notes
    assert [r.SelectedAuthorizationService for r in bench.messages("AuthorizationReq")] == ["EIM"]


async def test_a_back_end_out_of_reach() -> None:
    class Away:
        async def install(self, *_: Any) -> Any:
            await asyncio.sleep(0.5)
            raise ConnectionRefusedError("connection refused")

    bench = PncBench20()
    bench.installs()
    bench.contracts.backend20 = Away()
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert bench.codes("CertificateInstallationRes") == ["WARNING_NoCertificateAvailable"]


async def test_a_request_with_another_key_ends_the_session() -> None:
    bench = PncBench20()
    bench.installs("DEPLFC00000001")
    own = bench.wallet.provisioning
    assert own is not None
    bench.wallet.provisioning = Credential(own.chain, second().key)
    vehicle, charger = await bench.run()
    assert bench.codes("CertificateInstallationRes") == ["FAILED_SignatureError"]
    assert (vehicle.cause, charger.cause) == (Cause.PEER, Cause.PEER)


async def test_a_request_where_nothing_is_installed_is_out_of_order() -> None:
    bench = PncBench20()
    bench.wallet.contracts = []
    offer = {"CertificateInstallationService": True}
    bench.se.rewrite[common.AuthorizationSetupRes] = lambda res: msgspec.structs.replace(res, **offer)
    await bench.run()
    assert bench.codes("CertificateInstallationRes") == ["FAILED_SequenceError"]


async def test_no_task_is_left_when_the_vehicle_goes() -> None:
    """Whatever a back end still does for it ends with the visit."""
    bench = PncBench20()
    bench.installs("DEPLFC00000001").delay = 1000.0
    bench.ev.timing = {"V2G_EVCC_Ongoing_Timeout": 3.0}
    vehicle, _ = await bench.run()
    assert not vehicle.ok
    await asyncio.sleep(1.0)
    assert not [task for task in asyncio.all_tasks() if "install" in repr(task.get_coro())]


# ---------------------------------------------------------------------------------------------------------------
# What the vehicle does not keep


def spoiled(**changes: Any) -> Any:
    def change(bench: PncBench20, backend: Any) -> None:
        def rewrite(res: common.CertificateInstallationRes) -> common.CertificateInstallationRes:
            data = msgspec.structs.replace(res.SignedInstallationData, **changes)
            made.append(msgspec.structs.replace(res, SignedInstallationData=data))
            return made[-1]

        made: list[Any] = []
        bench.se.rewrite[common.CertificateInstallationRes] = rewrite
        bench.se.rewrite_signature[common.CertificateInstallationRes] = lambda signed: signature.sign_message(
            made[-1], backend.provider.key, "iso20-common"
        )

    return change


def unsigned(bench: PncBench20, backend: Any) -> None:
    bench.se.rewrite_signature[common.CertificateInstallationRes] = lambda signed: None


def other_signer(bench: PncBench20, backend: Any) -> None:
    backend.provider = Credential(backend.provider.chain, second().key)


def foreign_service(bench: PncBench20, backend: Any) -> None:
    backend.provider = pnc.credential(store("iso20", "others")[Role.CPS])


def no_service(bench: PncBench20, backend: Any) -> None:
    """A contract's chain in place of the provisioning service's: another domain component."""
    backend.provider = pnc.credential(store()[Role.SECC])


def contract_expired(bench: PncBench20, backend: Any) -> None:
    made = pnc.credential(issue(Role.CONTRACT, "mo-sub2", name="gone", changes=Changes(not_after=NOW - DAY)))
    backend.issue = lambda emaid: made


def contract_revoked(bench: PncBench20, backend: Any) -> None:
    bench.wallet.revoked = lambda certificate, issuer: "DEPLFC" in str(certificate.subject) and "revoked"


def service_revoked(bench: PncBench20, backend: Any) -> None:
    bench.wallet.revoked = lambda certificate, issuer: "ProvSubCA1" in str(certificate.subject) and "revoked"


def contract_of_rsa(bench: PncBench20, backend: Any) -> None:
    """Neither of ISO 15118-20, nor of the benches of ISO 15118-2."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "DEPLFC00000001")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW - DAY, NOW + DAY)
    der = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    chain = common.ContractCertificateChainType(
        Certificate=der, SubCertificates=common.SubCertificatesType(Certificate=[der])
    )
    spoiled(ContractCertificateChain=chain)(bench, backend)


def contract_of_two_kinds(bench: PncBench20, backend: Any) -> None:
    """The leaf on P-256, its sub-CAs on P-521."""
    made = pnc.credential(issue(Role.CONTRACT, "mo-sub2", name="mixed", changes=Changes(kind=Kind.P256)))
    chain = common.ContractCertificateChainType(
        Certificate=made.leaf, SubCertificates=common.SubCertificatesType(Certificate=list(made.chain[1:]))
    )
    spoiled(ContractCertificateChain=chain)(bench, backend)


def other_key(bench: PncBench20, backend: Any) -> None:
    good = second()
    backend.issue = lambda emaid: Credential(good.chain, issue(Role.CONTRACT, "mo-sub2", name="any").key)


def other_scheme(bench: PncBench20, backend: Any) -> None:
    backend.scheme = replace(delivery20.LIKE_ISO2, name="other", other_info=b"other")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (unsigned, "no Signature over SignedInstallationData"),
        (other_signer, "does not verify"),
        (foreign_service, "provisioning service: "),
        (no_service, "provisioning service: "),
        (contract_expired, "contract: "),
        (contract_revoked, "contract: DEPLFC00000001H: revoked"),
        (service_revoked, "provisioning service: ProvSubCA1: revoked"),
        (contract_of_rsa, "a certificate that uses neither P-521 nor Ed448"),
        (contract_of_two_kinds, "contract: DEPLFC00000001H: key on P-256, expected P-521"),
        (other_key, "does not belong to the new contract certificate [V2G20-2507]"),
        (other_scheme, "the tag of the encrypted private key does not match (scheme strict-guess)"),
        (spoiled(SECP521_EncryptedPrivateKey=bytes(94)), "the tag of the encrypted private key does not match"),
        (spoiled(DHPublicKey=bytes(133)), "is not a point for SECP521"),
        (spoiled(ECDHCurve="X448"), "no encrypted private key for X448"),
        (
            spoiled(SECP521_EncryptedPrivateKey=None, TPM_EncryptedPrivateKey=bytes(206)),
            "no encrypted private key for SECP521; this vehicle has no TPM",
        ),
    ],
)
async def test_what_does_not_hold_is_not_kept(change: Any, text: str) -> None:
    bench = PncBench20()
    change(bench, bench.installs("DEPLFC00000001"))
    stored: list[Credential] = []
    bench.wallet.on_contract = stored.append
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    assert stored == bench.wallet.contracts == []
    failed = [note for note in vehicle.notes if note.startswith("certificate installation failed: ")]
    assert len(failed) == 1
    assert text in failed[0]


async def test_one_of_two_does_not_hold_and_the_other_is_kept() -> None:
    bench = PncBench20()
    backend = bench.installs("DEPLFC00000001", "DEXYZC00000002")
    issue_ = backend.issue
    backend.issue = lambda emaid: issue_(emaid) if "XYZ" in emaid else Credential(issue_(emaid).chain, second().key)
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert numbers(bench.wallet.contracts) == ["DEXYZC00000002"]
    assert bench.codes("AuthorizationRes") == ["OK"]
