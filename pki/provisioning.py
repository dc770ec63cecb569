"""What a provisioning service puts together for a vehicle of ISO 15118-2: for back ends, octets in and out.

:func:`prepare` makes everything of a CertificateInstallationRes or CertificateUpdateRes but the message itself: the
chains, the sealed key and the eMAID. The four elements are then signed with the provisioning service's key
(:attr:`Parts.sign`) over their EXI form, which this package does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pki import delivery, keys, path
from pki.authority import Authority
from pki.delivery import DeliveryError
from pki.profiles import Role, Usage
from pki.store import Entry, Store


@dataclass(frozen=True)
class Parts:
    """The content of a response.

    Attributes:
        emaid: of the new contract, 15 characters.
        provider_chain: SAProvisioningCertificateChain: CPS leaf, sub-CA 2, sub-CA 1, in DER.
        contract_chain: ContractSignatureCertChain: contract leaf, sub-CA 2, sub-CA 1, in DER.
        sealed: ContractSignatureEncryptedPrivateKey and DHpublickey.
        sign: signs octets with the provisioning service's key, raw (r, s): for the SignedInfo of the response.
        contract: the new contract, for the operator's records; its private key should be forgotten.
    """

    emaid: str
    provider_chain: tuple[bytes, ...]
    contract_chain: tuple[bytes, ...]
    sealed: delivery.Sealed
    sign: Callable[[bytes], bytes]
    contract: Entry


def prepare(store: Store, receiver: x509.Certificate, emaid: str, authority: Authority) -> Parts:
    """Makes a contract and seals its key for a vehicle.

    Args:
        store: with the keys of CPS leaf and MO sub-CA 2.
        receiver: the vehicle's provisioning certificate, or for an update its old contract. Its chain has been checked.
        emaid: of the contract, with or without separators and check character.
        authority: where new certificates come from.

    Raises:
        DeliveryError: the receiver's key cannot take part: not on P-256, or without key agreement [V2G2-822].
        PkiError: the eMAID is malformed, or an authority's key is missing.
    """
    public = receiver.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or keys.kind(public) is not keys.Kind.P256:
        raise DeliveryError(f"the vehicle's key is {keys.describe(public)}; ISO 15118-2 delivers to P-256 only")
    if Usage.KEY_AGREEMENT not in (path.used(receiver) or ()):
        raise DeliveryError("the vehicle's certificate lacks key usage keyAgreement, so nothing is sealed for it")
    provider = store[Role.CPS]
    contract = authority.issue(Role.CONTRACT, store[Role.MO_SUB2], cn=emaid, name="contract-new")
    contract.name = f"contract-{contract.common_name}"
    key = contract.key
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise DeliveryError(f"contracts of {store.suite.name} are not on P-256")
    sealed = delivery.seal(key, public)
    signing = provider.key
    return Parts(
        contract.common_name,
        provider.chain_der,
        contract.chain_der,
        sealed,
        lambda data: keys.sign(signing, data),
        contract,
    )
