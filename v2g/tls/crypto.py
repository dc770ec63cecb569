"""Key exchange, signatures and key derivation of TLS 1.2 (RFC 5246, 7627) and TLS 1.3 (RFC 8446). Pure."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, x448, x25519

from v2g.tls.failure import Fatal
from v2g.tls.tables import TLS13, group_name, scheme_name

_CURVES: dict[int, ec.EllipticCurve] = {23: ec.SECP256R1(), 24: ec.SECP384R1(), 25: ec.SECP521R1()}
_GROUP_OF_CURVE = {curve.name: code for code, curve in _CURVES.items()}
_RAW: dict[int, tuple[Any, Any]] = {
    29: (x25519.X25519PrivateKey, x25519.X25519PublicKey),
    30: (x448.X448PrivateKey, x448.X448PublicKey),
}
_SIGNATURES: dict[int, tuple[hashes.HashAlgorithm, int] | None] = {
    0x0403: (hashes.SHA256(), 23),
    0x0503: (hashes.SHA384(), 24),
    0x0603: (hashes.SHA512(), 25),
    0x0807: None,
    0x0808: None,
}
_EDWARDS = {0x0807: ed25519.Ed25519PublicKey, 0x0808: ed448.Ed448PublicKey}


def group_of(key: Any) -> int:
    """The group of a public or private EC key; 0 for keys of another kind."""
    return _GROUP_OF_CURVE.get(key.curve.name, 0) if hasattr(key, "curve") else 0


def key_name(key: Any) -> str:
    """The kind of a key, in words."""
    if hasattr(key, "curve"):
        return str(key.curve.name)
    return type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey").lstrip("_")


def point(key: Any) -> bytes:
    """The public key of a certificate as an uncompressed point, for static ECDH."""
    if not group_of(key):
        raise Fatal("unsupported_certificate", f"static ECDH needs an EC key, but the certificate has {key_name(key)}")
    form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    data: bytes = key.public_bytes(*form)
    return data


class KeyShare:
    """An ephemeral key: its public part, and the secret shared with a peer's."""

    def __init__(self, group: int, private: Any = None) -> None:
        self.group = group
        if private is not None:
            self._private = private
        elif group in _CURVES:
            self._private = ec.generate_private_key(_CURVES[group])
        elif group in _RAW:
            self._private = _RAW[group][0].generate()
        else:
            raise Fatal("handshake_failure", f"group {group_name(group)} can only be offered, not used")
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        point = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        self.public: bytes = self._private.public_key().public_bytes(*(point if group in _CURVES else raw))

    def secret(self, public: bytes) -> bytes:
        """The shared secret: the x coordinate, or the raw bytes of X25519 and X448.

        Raises:
            Fatal: illegal_parameter; ``public`` is not a point of the group.
        """
        try:
            if self.group in _CURVES:
                if public[:1] != b"\x04":
                    raise ValueError("no uncompressed point")
                peer: Any = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[self.group], public)
                secret: bytes = self._private.exchange(ec.ECDH(), peer)
            else:
                secret = self._private.exchange(_RAW[self.group][1].from_public_bytes(public))
        except ValueError as why:
            text = f"the peer's key share of {len(public)} bytes is not a point of {group_name(self.group)} ({why})"
            raise Fatal("illegal_parameter", text) from why
        return secret


def schemes_for(key: Any, version: int, offered: list[int]) -> list[int]:
    """The signature schemes among the offered ones that a key can use, in the peer's order.

    In TLS 1.2 the ECDSA numbers only name a hash; in TLS 1.3 they also name the curve.
    """
    found = []
    for scheme in offered:
        parameters = _SIGNATURES.get(scheme, ())
        if parameters is None:
            kinds = {0x0807: "Ed25519", 0x0808: "Ed448"}
            if key_name(key).lower() == kinds[scheme].lower():
                found.append(scheme)
        elif parameters and hasattr(key, "curve"):
            if version != TLS13 or parameters[1] == group_of(key):
                found.append(scheme)
    return found


def sign(key: Any, scheme: int, data: bytes) -> bytes:
    parameters = _SIGNATURES[scheme]
    signature: bytes = key.sign(data) if parameters is None else key.sign(data, ec.ECDSA(parameters[0]))
    return signature


def verify(key: Any, scheme: int, signature: bytes, data: bytes, what: str, version: int) -> None:
    """Checks the signature of a handshake message.

    Raises:
        Fatal: illegal_parameter, the scheme does not fit the key; decrypt_error, the signature is wrong.
    """
    if not schemes_for(key, version, [scheme]):
        text = f"{what} is signed with {scheme_name(scheme)}, which a {key_name(key)} key cannot"
        raise Fatal("illegal_parameter", text)
    parameters = _SIGNATURES[scheme]
    try:
        if parameters is None:
            key.verify(signature, data)
        else:
            key.verify(signature, data, ec.ECDSA(parameters[0]))
    except InvalidSignature as why:
        text = f"the signature of {what} does not verify with the key of the certificate: another private key is in use"
        raise Fatal("decrypt_error", text, check="handshake-signature") from why


# ---------------------------------------------------------------------------------------------------------------
# Derivation


def digest(name: str, data: bytes) -> bytes:
    return hashlib.new(name, data).digest()


def prf(name: str, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """The pseudo-random function of TLS 1.2."""
    seed = label + seed
    block, out = seed, b""
    while len(out) < length:
        block = hmac.digest(secret, block, name)
        out += hmac.digest(secret, block + seed, name)
    return out[:length]


def extract(name: str, salt: bytes, secret: bytes) -> bytes:
    """HKDF-Extract; an empty argument means zeros of the hash's length."""
    zeros = bytes(hashlib.new(name).digest_size)
    return hmac.digest(salt or zeros, secret or zeros, name)


def expand_label(name: str, secret: bytes, label: str, context: bytes, length: int) -> bytes:
    """HKDF-Expand-Label of TLS 1.3."""
    full = b"tls13 " + label.encode()
    info = length.to_bytes(2, "big") + bytes((len(full),)) + full + bytes((len(context),)) + context
    block, out, count = b"", b"", 0
    while len(out) < length:
        count += 1
        block = hmac.digest(secret, block + info + bytes((count,)), name)
        out += block
    return out[:length]


def derive(name: str, secret: bytes, label: str, transcript: bytes) -> bytes:
    """Derive-Secret of TLS 1.3; ``transcript`` holds the messages so far."""
    return expand_label(name, secret, label, digest(name, transcript), hashlib.new(name).digest_size)
