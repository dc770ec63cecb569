"""The contract key on its way to the vehicle, ISO 15118-2: sealed for the holder of a static key, and opened there.

One-pass ephemeral-static ECDH on P-256 (NIST SP 800-56A, C(1,1, ECC CDH)). The sender makes an ephemeral key; the
receiver's key is that of the provisioning certificate (CertificateInstallation [V2G2-820]) or of the contract that ends
(CertificateUpdate [V2G2-821]).

======  =====================================================================================================
Z       x-coordinate of the shared point, 32 octets
K       first 16 octets of SHA-256(00000001 | Z | 01 | 55 | 56): concatenation KDF, algorithm id 1, parties
        ``U`` and ``V`` [V2G2-818]
field   IV (16, random) | AES-128-CBC without padding over the private scalar, 32 octets big-endian
        [V2G2-815, 816, 817]: 48 octets
public  ``04`` | X | Y of the ephemeral key, 65 octets [V2G2-819]
======  =====================================================================================================

CBC gives secrecy only: the receiver first checks the provider's signature, and after decryption that the scalar belongs
to the new certificate [V2G2-823].
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from pki import keys
from pki.errors import PkiError
from pki.keys import Kind, PrivateKey, PublicKey
from pki.sealing import OTHER_INFO


class DeliveryError(PkiError):
    """A delivered contract key cannot be used; the vehicle discards it and keeps its old one."""


@dataclass(frozen=True)
class Sealed:
    """A contract key in transit.

    Attributes:
        encrypted_private_key: IV and ciphertext, 48 octets: ContractSignatureEncryptedPrivateKey.
        public_key: the sender's ephemeral point, 65 octets: DHpublickey.
    """

    encrypted_private_key: bytes
    public_key: bytes


def derive_key(z: bytes) -> bytes:
    """The AES key from the shared secret: one round of the concatenation KDF, cut to 16 octets."""
    return hashlib.sha256(bytes([0, 0, 0, 1]) + z + OTHER_INFO).digest()[:16]


_ONLY = "ISO 15118-2 transports P-256 only"


def seal(
    contract_key: PrivateKey,
    receiver: PublicKey,
    *,
    ephemeral: ec.EllipticCurvePrivateKey | None = None,
    iv: bytes | None = None,
) -> Sealed:
    """Seals a contract's private key for the holder of ``receiver``.

    Args:
        contract_key: P-256; forget it afterwards.
        receiver: key of the provisioning certificate or of the old contract, P-256.
        ephemeral, iv: fresh ones, unless a test needs certain octets; never reuse them.

    Raises:
        DeliveryError: a key is not on P-256.
    """
    if not isinstance(contract_key, ec.EllipticCurvePrivateKey) or keys.kind(contract_key) is not Kind.P256:
        raise DeliveryError(f"the contract key is on {keys.describe(contract_key)}; {_ONLY}")
    if not isinstance(receiver, ec.EllipticCurvePublicKey) or keys.kind(receiver) is not Kind.P256:
        raise DeliveryError(f"the receiver's key is on {keys.describe(receiver)}; {_ONLY}")
    ephemeral = ephemeral or ec.generate_private_key(ec.SECP256R1())
    iv = iv if iv is not None else secrets.token_bytes(16)
    cipher = Cipher(algorithms.AES128(derive_key(ephemeral.exchange(ec.ECDH(), receiver))), modes.CBC(iv))
    encryptor = cipher.encryptor()
    ciphertext = encryptor.update(keys.scalar(contract_key)) + encryptor.finalize()
    return Sealed(iv + ciphertext, keys.point(ephemeral.public_key()))


def unseal(sealed: Sealed, receiver: PrivateKey, certificate: x509.Certificate) -> ec.EllipticCurvePrivateKey:
    """The contract's private key, checked against its certificate.

    Args:
        sealed: as received; check the provider's signature first.
        receiver: our static key.
        certificate: the new contract leaf.

    Raises:
        DeliveryError: a field has the wrong length, the point is not on the curve, or the scalar does not belong to the
        certificate (also if the field was sealed for another receiver or altered) [V2G2-823].
    """
    if not isinstance(receiver, ec.EllipticCurvePrivateKey) or keys.kind(receiver) is not Kind.P256:
        raise DeliveryError(f"our key is on {keys.describe(receiver)}; {_ONLY}")
    if len(sealed.encrypted_private_key) != 48:
        raise DeliveryError(f"encrypted private key: {len(sealed.encrypted_private_key)} octets, expected 48")
    try:
        if len(sealed.public_key) != 65:
            raise ValueError
        ephemeral = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sealed.public_key)
    except ValueError as why:
        raise DeliveryError("DHpublickey is not an uncompressed point on P-256 (04, X, Y: 65 octets)") from why
    iv, ciphertext = sealed.encrypted_private_key[:16], sealed.encrypted_private_key[16:]
    decryptor = Cipher(
        algorithms.AES128(derive_key(receiver.exchange(ec.ECDH(), ephemeral))), modes.CBC(iv)
    ).decryptor()
    number = int.from_bytes(decryptor.update(ciphertext) + decryptor.finalize(), "big")
    if not 0 < number < keys.order(Kind.P256):
        raise DeliveryError("the decrypted contract key is not a scalar of P-256: sealed for another key, or altered")
    key = ec.derive_private_key(number, ec.SECP256R1())
    if not keys.same(key.public_key(), certificate.public_key()):
        raise DeliveryError("the decrypted contract key does not belong to the new contract certificate [V2G2-823]")
    return key
