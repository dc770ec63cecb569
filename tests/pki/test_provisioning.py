"""What a back end puts together: a contract with its chains, sealed, and a signature by the provisioning service."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from pkis import LATER, SEED, good

from pki import delivery, keys, path, provisioning
from pki.authority import Authority
from pki.delivery import DeliveryError
from pki.errors import PkiError
from pki.profiles import Role
from pki.store import Store


def source(store: Store | None = None) -> Authority:
    return Authority((store or good()).suite, LATER, SEED)


def test_a_vehicle_can_use_what_is_prepared() -> None:
    store = good()
    car = store[Role.OEM_PROVISIONING]
    parts = provisioning.prepare(store, car.certificate, "de-abc-123456789", source())
    assert parts.emaid == "DEABC123456789Y"
    v2g, mo = store.certificates(Role.V2G_ROOT), store.certificates(Role.MO_ROOT)
    assert path.validate(parts.provider_chain, v2g, Role.CPS, LATER) == []
    assert path.validate(parts.contract_chain, mo, Role.CONTRACT, LATER) == []
    own = car.key
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    leaf = x509.load_der_x509_certificate(parts.contract_chain[0])
    key = delivery.unseal(parts.sealed, own, leaf)
    assert keys.same(key.public_key(), leaf.public_key())
    signature = parts.sign(b"SignedInfo")
    provider = x509.load_der_x509_certificate(parts.provider_chain[0])
    assert keys.verify(provider.public_key(), signature, b"SignedInfo")


def test_each_contract_has_a_key_of_its_own() -> None:
    """Also for the same eMAID and, with a seed, from the same source: an update brings a new key."""
    car, authority = good()[Role.OEM_PROVISIONING].certificate, source()
    one, two = (provisioning.prepare(good(), car, "DEABC123456789", authority) for _ in range(2))
    assert not keys.same(one.contract.certificate.public_key(), two.contract.certificate.public_key())
    assert one.contract.certificate.serial_number != two.contract.certificate.serial_number


def test_who_cannot_receive() -> None:
    """Keys on other curves, and certificates without key agreement [V2G2-822]."""
    with pytest.raises(DeliveryError, match="P-521"):
        provisioning.prepare(good(), good("iso20")[Role.OEM_PROVISIONING].certificate, "DEABC123456789", source())
    with pytest.raises(DeliveryError, match="keyAgreement"):
        provisioning.prepare(good(), good()[Role.CPS].certificate, "DEABC123456789", source())
    with pytest.raises(PkiError, match="eMAID"):
        provisioning.prepare(good(), good()[Role.OEM_PROVISIONING].certificate, "x", source())
