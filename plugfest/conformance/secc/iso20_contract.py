"""The tester vehicle's contract in ISO 15118-20: presented and used to sign, correctly and wrongly; its installation.

A request that is repeated while the charger is busy carries the same Signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pki import delivery20
from pki.errors import PkiError
from pki.profiles import Role
from plugfest.conformance.cause import Cause
from plugfest.conformance.fields import replaced
from plugfest.conformance.secc.paying import SET, Paying20
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.sut.certificates import CONTRACTS, PROVISIONING, credential
from plugfest.conformance.verdict import Inconclusive, NotExecutable
from plugfest.conformance.wire import Arrival
from v2g import signature
from v2g.credentials import Credential, chain_of, issuers_and_serials, read, sub_certificates
from v2g.errors import RemoteError
from v2g.messages.iso20 import common, types

NAMELESS = "WMIV1234567890ABCDE"
"""EVCCID of a vehicle without a certificate."""

MOST_CONTRACTS = 3
"""MaximumContractCertificateChains."""


def paying(tester: TesterEv) -> Paying20:
    """The tester's contract. Inconclusive: the tester has no certificates, or does not pay with them."""
    if not isinstance(tester.paying, Paying20):
        raise Inconclusive("the tester has no contract; give it certificates with --pki", cause=Cause.NO_CERTIFICATES)
    return tester.paying


def vehicle_name(tester: TesterEv) -> str:
    """EVCCID: the common name of the vehicle certificate."""
    held = tester.certificates
    found = held.store.get(Role.VEHICLE) if held is not None else None
    return found.common_name if found is not None else NAMELESS


# ---------------------------------------------------------------------------------------------------------------
# Requests and responses


def _chain(own: Credential) -> common.ContractCertificateChainType:
    subs = sub_certificates(own.chain)
    if subs is None:
        raise Inconclusive(f"contract {own.emaid} comes without its sub-CAs", cause=Cause.NO_CERTIFICATES)
    return common.ContractCertificateChainType(Certificate=own.leaf, SubCertificates=subs)


def authorization(tester: TesterEv, challenge: bytes) -> common.AuthorizationReq:
    """AuthorizationReq by contract."""
    return common.AuthorizationReq(
        SelectedAuthorizationService="PnC",
        PnC_AReqAuthorizationMode=common.PnC_AReqAuthorizationModeType(
            Id="id1", GenChallenge=challenge, ContractCertificateChain=_chain(paying(tester).contract)
        ),
    )


def installation(tester: TesterEv) -> common.CertificateInstallationReq:
    """CertificateInstallationReq for as many contracts as there are, up to three."""
    held = paying(tester)
    return common.CertificateInstallationReq(
        OEMProvisioningCertificateChain=_provisioning(held.provisioning),
        ListOfRootCertificateIDs=types.ListOfRootCertificateIDsType(
            RootCertificateID=issuers_and_serials(held.bench.roots)
        ),
        MaximumContractCertificateChains=MOST_CONTRACTS,
    )


def _provisioning(own: Credential) -> common.SignedCertificateChainType:
    return common.SignedCertificateChainType(
        Id="id1", Certificate=own.leaf, SubCertificates=sub_certificates(own.chain)
    )


def delivered(tester: TesterEv, arrival: Arrival) -> Credential:
    """The contract from CertificateInstallationRes, if everything about it is valid.

    Raises:
        RemoteError: something is invalid; says what.
    """
    message, own, scheme = arrival.message, paying(tester).provisioning, delivery20.LIKE_ISO2
    data = message.SignedInstallationData
    signature.verify_message(message, arrival.signature, chain_of(message.CPSCertificateChain)[0], SET)
    sealed_key = data.SECP521_EncryptedPrivateKey if data.ECDHCurve == "SECP521" else data.X448_EncryptedPrivateKey
    if sealed_key is None:
        raise RemoteError(f"no encrypted private key for {data.ECDHCurve}")
    chain = chain_of(data.ContractCertificateChain)
    leaf = read(chain[0])
    try:
        point = delivery20.point_of(data.ECDHCurve, data.DHPublicKey)
        sealed = delivery20.Sealed(data.ECDHCurve, point, sealed_key)
        key = delivery20.private_key(delivery20.unseal(sealed, own.key, own.certificate, leaf, scheme=scheme), leaf)
    except PkiError as why:
        raise RemoteError(str(why)) from why
    return Credential(chain, key)


# ---------------------------------------------------------------------------------------------------------------
# Deviations


Edit = Callable[["TesterEv", Any], Any]
"""Makes a changed message from a message."""

Sign = Callable[["TesterEv", Any], Any]
"""Makes the Signature of a message."""


def contract_edit(value: Any) -> Edit:
    """AuthorizationReq with another contract, by its name in the catalogue; NotExecutable: there is none."""
    name = str(value)
    if name not in CONTRACTS:
        raise NotExecutable(f"certificate {name}")

    def edit(tester: TesterEv, message: Any) -> Any:
        held = paying(tester)
        held.contract = held.bench.contract(name)
        return authorization(tester, message.PnC_AReqAuthorizationMode.GenChallenge)

    return edit


def provisioning_edit(value: Any) -> Edit:
    """CertificateInstallationReq with another provisioning certificate; NotExecutable: there is none."""
    name = str(value)
    if name not in PROVISIONING:
        raise NotExecutable(f"certificate {name}")

    def edit(tester: TesterEv, message: Any) -> Any:
        held = paying(tester)
        held.provisioning = held.bench.provisioning(name)
        return msgspec.structs.replace(message, OEMProvisioningCertificateChain=_provisioning(held.provisioning))

    return edit


def _wrong_key(tester: TesterEv, message: Any) -> Any:
    held = paying(tester)
    return signature.sign_message(message, credential(held.bench.other["contract"]).key, SET, held.grammar)


def _changed_afterwards(tester: TesterEv, message: Any) -> Any:
    held = paying(tester)
    return signature.sign_message(altered(message), held.key_of(type(message).__name__).key, SET, held.grammar)


SIGNATURES: Mapping[str, Sign] = {
    "wrong_key": _wrong_key,
    "body_changed_after_signing": _changed_afterwards,
    "absent": lambda tester, message: None,
}
"""Ways to sign a request wrongly."""


def altered(message: Any) -> Any:
    """The message with a changed body, so that what is signed is not what is sent."""
    match message:
        case common.AuthorizationReq():
            return replaced(message, "GenChallenge", bytes(16))
        case common.MeteringConfirmationReq():
            reading = message.SignedMeteringData.MeterInfo.ChargedEnergyReadingWh
            return replaced(message, "ChargedEnergyReadingWh", reading + 1)
    whole = message.OEMProvisioningCertificateChain.Certificate
    return replaced(message, "OEMProvisioningCertificateChain.Certificate", whole[:-1] + b"\0")
