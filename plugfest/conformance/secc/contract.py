"""The tester vehicle's contract: what it presents and signs with, and how it presents and signs the wrong thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pki import delivery
from pki.errors import PkiError
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc import iso20_contract
from plugfest.conformance.secc.paying import Paying, Paying20
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.sut.certificates import CONTRACTS, PROVISIONING, credential
from plugfest.conformance.verdict import Inconclusive, NotExecutable
from plugfest.conformance.wire import Arrival
from v2g import signature
from v2g.credentials import Credential, chain_of, chain_type, plain_id, read, root_ids
from v2g.errors import RemoteError
from v2g.messages import iso2


def paying(tester: TesterEv) -> Paying:
    """The contract of the tester. Inconclusive: the tester has no certificates."""
    if not isinstance(tester.paying, Paying):
        raise Inconclusive("the tester has no contract; give it certificates with --pki", cause=Cause.NO_CERTIFICATES)
    return tester.paying


# ---------------------------------------------------------------------------------------------------------------
# Requests and responses


def payment_details(tester: TesterEv) -> iso2.PaymentDetailsReq:
    own = paying(tester).contract
    return iso2.PaymentDetailsReq(eMAID=own.emaid, ContractSignatureCertChain=chain_type(own.chain))


def installation(tester: TesterEv) -> iso2.CertificateInstallationReq:
    bench = paying(tester).bench
    return iso2.CertificateInstallationReq(
        Id=tester.stimulus.element_id,
        OEMProvisioningCert=bench.provisioning().leaf,
        ListOfRootCertificateIDs=root_ids(bench.roots),
    )


def update(tester: TesterEv) -> iso2.CertificateUpdateReq:
    held = paying(tester)
    held.contract = held.bench.contract("CRT_CONTRACT_LEAF_EXPIRES")
    return iso2.CertificateUpdateReq(
        Id=tester.stimulus.element_id,
        ContractSignatureCertChain=chain_type(held.contract.chain),
        eMAID=held.contract.emaid,
        ListOfRootCertificateIDs=root_ids(held.bench.roots),
    )


def delivered(tester: TesterEv, arrival: Arrival) -> Credential:
    """The contract from a certificate response.

    Raises:
        RemoteError: the contract is invalid; says why.
    """
    message = arrival.message
    install = arrival.name == "CertificateInstallationRes"
    receiver = paying(tester).bench.provisioning() if install else paying(tester).contract
    chain = chain_of(message.ContractSignatureCertChain)
    sealed = delivery.Sealed(message.ContractSignatureEncryptedPrivateKey.value, message.DHpublickey.value)
    try:
        key: Any = delivery.unseal(sealed, receiver.key, read(chain[0]))
    except PkiError as why:
        raise RemoteError(str(why)) from why
    made = Credential(chain, key)
    if plain_id(message.eMAID.value) != plain_id(made.emaid):
        raise RemoteError(f"eMAID {message.eMAID.value}, but the contract delivered is {made.emaid}")
    return made


# ---------------------------------------------------------------------------------------------------------------
# Deviations


Edit = Callable[["TesterEv", Any], Any]
"""Makes a changed message from a message."""

Sign = Callable[["TesterEv", Any], Any]
"""Makes the Signature of a message."""


def _name_in(text: str, table: Mapping[str, Any]) -> str:
    """The first certificate that a phrase names."""
    places = {name: text.find(name) for name in table if name in text}
    if not places:
        raise NotExecutable(f"certificates in words: {text!r}")
    return max((name for name in places if places[name] == min(places.values())), key=len)


def provisioning_edit(value: str) -> Edit:
    """Another OEM provisioning certificate, by its name; NotExecutable: there is none."""
    name = _name_in(value, PROVISIONING)

    def edit(tester: TesterEv, message: Any) -> Any:
        held = paying(tester)
        held.provisioning = held.bench.provisioning(name)
        return msgspec.structs.replace(message, OEMProvisioningCert=held.provisioning.leaf)

    return edit


def chain_edit(value: str) -> Edit:
    """Another contract and its eMAID, by the name of the certificate; NotExecutable: there is none."""
    name = _name_in(value, CONTRACTS)

    def edit(tester: TesterEv, message: Any) -> Any:
        held = paying(tester)
        held.contract = held.bench.contract(name)
        return msgspec.structs.replace(
            message, ContractSignatureCertChain=chain_type(held.contract.chain), eMAID=held.contract.emaid
        )

    return edit


def emaid_edit(value: str) -> Edit | None:
    """An eMAID in the body that differs from the certificate's; None: the same."""
    if value.startswith("that of the certificate"):
        return None
    word = value.partition(" ")[0]
    return lambda tester, message: msgspec.structs.replace(message, eMAID=word)


def signing(value: str) -> Sign | None:
    """How a request is signed; None: as in the good case.

    Raises:
        NotExecutable: the wording is unknown.
    """
    if value.startswith(("over ", "contract key over")):
        return None
    if value in iso20_contract.SIGNATURES:
        other = iso20_contract.SIGNATURES[value]
        return lambda tester, message: (
            other(tester, message) if isinstance(tester.paying, Paying20) else _signed_wrongly(value)(tester, message)
        )
    return _signed_wrongly(value)


def _signed_wrongly(value: str) -> Sign:
    if value.startswith("wrong_key"):
        return lambda tester, message: signature.sign_message(
            message, credential(paying(tester).bench.other["contract"]).key
        )
    if value.startswith("body_changed_after_signing"):
        return lambda tester, message: signature.sign_message(
            altered(message), paying(tester).key_of(type(message).__name__).key
        )
    raise NotExecutable(f"signature {value!r}")


ALTERED: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "AuthorizationReq": lambda message: {"GenChallenge": bytes(16)},
    "MeteringReceiptReq": lambda message: {"SAScheduleTupleID": (message.SAScheduleTupleID or 1) + 1},
    "CertificateInstallationReq": lambda message: {"OEMProvisioningCert": message.OEMProvisioningCert[:-1] + b"\0"},
    "CertificateUpdateReq": lambda message: {"eMAID": "DEXXXX00000000"},
}
"""Fields of a changed body, by request."""


def altered(message: Any) -> Any:
    """The message with a changed body, so that what is signed is not what is sent."""
    return msgspec.structs.replace(message, **ALTERED[type(message).__name__](message))
