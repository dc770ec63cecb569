"""Network keys: NMK, and the NID that names its network (HomePlug Green PHY 1.1, section 4.4.3.1)."""

from __future__ import annotations

import hashlib
import random

_SALT_NMK = bytes.fromhex("08856daf7cf58186")
_SALT_DAK = bytes.fromhex("08856daf7cf58185")


def nid_of(nmk: bytes, level: int = 0) -> bytes:
    """The 7-byte NID of a 16-byte NMK. ``level``: 0 simple connect (what SLAC uses), 1 secure.

    Raises:
        ValueError: the key has another length.
    """
    if len(nmk) != 16:
        raise ValueError(f"an NMK has 16 bytes, this one has {len(nmk)}")
    digest = nmk
    for _ in range(5):
        digest = hashlib.sha256(digest).digest()
    return digest[:6] + bytes([level << 4 | digest[6] >> 4])


def nmk_of(passphrase: str) -> bytes:
    """The NMK that modems derive from a pass-phrase."""
    return _derive(passphrase, _SALT_NMK)


def dak_of(passphrase: str) -> bytes:
    """The DAK that modems derive from the pass-phrase on their label."""
    return _derive(passphrase, _SALT_DAK)


def _derive(passphrase: str, salt: bytes) -> bytes:
    digest = passphrase.encode() + salt
    for _ in range(1000):
        digest = hashlib.sha256(digest).digest()
    return digest[:16]


def new_nmk(rng: random.Random) -> bytes:
    """A random NMK. A test bench wants it repeatable; its network carries nothing that is secret."""
    return rng.randbytes(16)
