"""What a provisioning service assembles for a vehicle: for back ends, octets in and out.

:func:`prepare` makes everything in a CertificateInstallationRes or CertificateUpdateRes of ISO 15118-2 except the
message itself: the chains, the sealed key and the eMAID; :func:`prepare20` does so for that of -20. The caller then
signs with the provisioning service's key (:attr:`Parts.sign`) over the EXI form, which this package does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pki import delivery, delivery20, keys, path
from pki.authority import Authority
from pki.delivery import DeliveryError
from pki.profiles import Role, Usage
from pki.store import Entry, Store

_Sealed = TypeVar("_Sealed", delivery.Sealed, delivery20.Sealed)


@dataclass(frozen=True)
class Parts(Generic[_Sealed]):
    """The content of a response.

    Attributes:
        emaid: eMAID of the new contract, 15 characters.
        provider_chain: SAProvisioningCertificateChain (-20: CPSCertificateChain): CPS leaf, sub-CA 2, sub-CA 1, in DER.
        contract_chain: ContractSignatureCertChain (-20: ContractCertificateChain): contract leaf, sub-CA 2, sub-CA 1.
        sealed: the contract key, encrypted, and the ephemeral point.
        sign: signs octets with the provisioning service's key, in raw form: for the SignedInfo of the response.
        contract: the new contract, for the operator's records; its private key should be forgotten.
    """

    emaid: str
    provider_chain: tuple[bytes, ...]
    contract_chain: tuple[bytes, ...]
    sealed: _Sealed
    sign: Callable[[bytes], bytes]
    contract: Entry


def prepare(
    store: Store, receiver: x509.Certificate, emaid: str, authority: Authority, *, days: int | None = None
) -> Parts[delivery.Sealed]:
    """Makes a contract of ISO 15118-2 and seals its key for a vehicle.

    Args:
        store: a store with the keys of CPS leaf and MO sub-CA 2.
        receiver: the vehicle's provisioning certificate, or for an update its old contract. Its chain has been checked.
        emaid: the contract's eMAID, with or without separators and check character.
        authority: the source of new certificates.
        days: lifetime of the contract.

    Raises:
        DeliveryError: the receiver's key is unsuitable: not on P-256, or without key agreement [V2G2-822].
        PkiError: the eMAID is malformed, or an authority's key is missing.
    """
    _check_receiver(receiver)
    public = receiver.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or keys.kind(public) is not keys.Kind.P256:
        raise DeliveryError(f"the vehicle's key is {keys.describe(public)}; ISO 15118-2 delivers to P-256 only")
    contract = _contract(store, emaid, authority, days)
    key = contract.key
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise DeliveryError(f"contracts of {store.suite.name} are not on P-256")
    return _parts(store, contract, delivery.seal(key, public))


def prepare20(
    store: Store,
    receiver: x509.Certificate,
    emaid: str,
    authority: Authority,
    *,
    days: int | None = None,
    scheme: delivery20.Scheme = delivery20.LIKE_ISO2,
) -> Parts[delivery20.Sealed]:
    """Like :func:`prepare`, for ISO 15118-20.

    Args:
        receiver: the vehicle's provisioning certificate, on P-521 or Ed448, like the store.
        scheme: see :class:`pki.delivery20.Scheme`.
    """
    _check_receiver(receiver)
    contract = _contract(store, emaid, authority, days)
    return _parts(store, contract, delivery20.seal(contract.key, contract.certificate, receiver, scheme=scheme))


def _check_receiver(receiver: x509.Certificate) -> None:
    if Usage.KEY_AGREEMENT not in (path.used(receiver) or ()):
        raise DeliveryError("the vehicle's certificate lacks key usage keyAgreement, so nothing is sealed for it")


def _contract(store: Store, emaid: str, authority: Authority, days: int | None) -> Entry:
    contract = authority.issue(Role.CONTRACT, store[Role.MO_SUB2], cn=emaid, name="contract-new", days=days)
    contract.name = f"contract-{contract.common_name}"
    return contract


def _parts(store: Store, contract: Entry, sealed: _Sealed) -> Parts[_Sealed]:
    provider = store[Role.CPS]
    signing = provider.key
    return Parts(
        contract.common_name,
        provider.chain_der,
        contract.chain_der,
        sealed,
        lambda data: keys.sign(signing, data),
        contract,
    )
