"""Ed448 keys of which only the scalar is known, as ISO 15118-20 delivers them for a contract (56 octets of X448).

The library signs with the 57 octets from which RFC 8032 derives scalar and nonce prefix; a delivered contract has only
the scalar. Signing needs no more than that and any nonce prefix, so we do it here in plain integers. It takes some
milliseconds and is not hardened against timing attacks: it is for benches.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ed448, x448
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pki.errors import PkiError

_P = 2**448 - 2**224 - 1
_D = -39081
_L = 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885
_X = 0x4F1970C66BED0DED221D15A622BF36DA9E146570470F1767EA6DE324A3D3A46412AE1AF72AB66511433B80E18B00938E2626A82BC70CC05E
_Y = 0x693F46716EB6BC248876203756C9C7624BEA73736CA3984087789C1E05A0C2D73AD3FF1CE67C39C4FDBD132C4ED7C8AD9808795BF230FA14
_DOM = b"SigEd448\x00\x00"
"""dom4(0, ""): neither prehashed nor with a context (RFC 8032 5.2)."""

_Point = tuple[int, int, int]


def _add(one: _Point, other: _Point) -> _Point:
    """RFC 8032 5.2.4, in projective coordinates."""
    (x1, y1, z1), (x2, y2, z2) = one, other
    a = z1 * z2 % _P
    b = a * a % _P
    c, d = x1 * x2 % _P, y1 * y2 % _P
    e = _D * c * d % _P
    f, g = b - e, b + e
    h = (x1 + y1) * (x2 + y2)
    return a * f * (h - c - d) % _P, a * g * (d - c) % _P, f * g % _P


def _times(number: int) -> bytes:
    """A multiple of the base point, encoded."""
    found: _Point = (0, 1, 1)
    point: _Point = (_X, _Y, 1)
    while number:
        if number & 1:
            found = _add(found, point)
        point = _add(point, point)
        number >>= 1
    inverse = pow(found[2], -1, _P)
    x, y = found[0] * inverse % _P, found[1] * inverse % _P
    return (y | (x & 1) << 455).to_bytes(57, "little")


def _hashed(*parts: bytes) -> int:
    return int.from_bytes(hashlib.shake_256(b"".join((_DOM, *parts))).digest(114), "little")


@dataclass(frozen=True)
class Ed448Scalar:
    """A private key whose signatures match its Ed448 certificate.

    Attributes:
        secret: the scalar, 56 octets as X448 has it.
        public: public key of the certificate.
    """

    secret: bytes = field(repr=False)
    public: ed448.Ed448PublicKey

    def __post_init__(self) -> None:
        if _times(self._number) != self.public.public_bytes_raw():
            raise PkiError("the scalar does not belong to the Ed448 certificate")

    @property
    def _number(self) -> int:
        """The scalar, clamped as in RFC 7748 and RFC 8032."""
        octets = bytearray(self.secret)
        octets[0] &= 0xFC
        octets[55] |= 0x80
        return int.from_bytes(octets, "little")

    def public_key(self) -> ed448.Ed448PublicKey:
        """Same interface as other keys."""
        return self.public

    def sign(self, data: bytes) -> bytes:
        """The signature over octets, 114 octets long; the same octets always get the same signature."""
        prefix = hashlib.shake_256(b"plugfest" + self.secret).digest(57)
        nonce = _hashed(prefix, data) % _L
        point = _times(nonce)
        challenge = _hashed(point, self.public.public_bytes_raw(), data)
        return point + ((nonce + challenge * self._number) % _L).to_bytes(57, "little")

    def private_pem(self) -> bytes:
        """PKCS#8 in PEM, as an X448 key: the only form that can hold a bare scalar (RFC 8410)."""
        key = x448.X448PrivateKey.from_private_bytes(self.secret)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
