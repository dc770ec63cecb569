"""How the key of a contract is sealed in ISO 15118-20: one profile of choices, where public sources leave them open.

A profile is written as its name, and what differs from it: ``strict-guess``, or ``wwcp, aad=whole, kdf=hkdf-sha256``.
:mod:`pki.delivery20` goes by it in both directions. Nothing here loads the cryptographic library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from boundary.choices import unknown
from pki.errors import PkiError

OTHER_INFO = b"\x01UV"
"""AlgorithmID, PartyUInfo, PartyVInfo of the concatenation KDF in ISO 15118-2 [V2G2-818]."""


@dataclass(frozen=True)
class Scheme:
    """The choices that public sources leave open.

    Attributes:
        name: for logs.
        other_info: info of the key derivation.
        aad: whether PCID and key identifier are authenticated.
        whole_ed448: seal the 57 octets of an Ed448 private key (a field of 85 octets, longer than the schema allows);
            else its scalar, 56 octets, with which only a signer that takes scalars can sign (:mod:`pki.scalars`).
        filler: where zeros pad the 56 octets of an X448 DHPublicKey to the schema's length, if anywhere. [V2G20-2495]
            says 56 octets, the schema 133.
        kdf: the concatenation KDF, SHA-512(00000001 | Z | other_info), first 32 octets; or HKDF with SHA-256.
        padded: Z has the width of the curve; else its leading zeros are left out, as some libraries do.
        short_identifier: only the first 16 digits of the key identifier are authenticated, as [V2G20-2492] says.
    """

    name: str
    other_info: bytes
    aad: bool
    whole_ed448: bool = False
    filler: Literal["after", "before", "none"] = "after"
    kdf: Literal["concat-sha512", "hkdf-sha256"] = "concat-sha512"
    padded: bool = True
    short_identifier: bool = False


LIKE_ISO2 = Scheme("strict-guess", OTHER_INFO, aad=True)
"""As in ISO 15118-2, with SHA-512 instead of SHA-256: the likeliest reading, and our default."""
PLAIN = Scheme("wwcp", b"", aad=False)
"""What another open implementation does: no other info, no AAD."""
BENCH = Scheme("bench", OTHER_INFO, aad=True, whole_ed448=True)
"""Like LIKE_ISO2, for our own benches that sign with a delivered Ed448 key."""
SCHEMES = {scheme.name: scheme for scheme in (LIKE_ISO2, PLAIN, BENCH)}

CHOICES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "kdf": {"concat-sha512": {"kdf": "concat-sha512"}, "hkdf-sha256": {"kdf": "hkdf-sha256"}},
    "secret": {"padded": {"padded": True}, "stripped": {"padded": False}},
    "aad": {
        "none": {"aad": False},
        "whole": {"aad": True, "short_identifier": False},
        "short": {"aad": True, "short_identifier": True},
    },
    "ed448": {"scalar": {"whole_ed448": False}, "whole": {"whole_ed448": True}},
    "filler": {where: {"filler": where} for where in ("after", "before", "none")},
}
"""What may differ from a named profile: word, value, and the attributes that it sets; ``other-info`` is hexadecimal."""


def scheme(text: str) -> Scheme:
    """The profile that a text names.

    Raises:
        PkiError: an unknown profile, key or value; says which are known.
    """
    name, *changes = [part.strip() for part in text.split(",")]
    if name not in SCHEMES:
        raise PkiError(unknown("key transport", name, SCHEMES))
    made = SCHEMES[name]
    for change in changes:
        word, _, value = (part.strip() for part in change.partition("="))
        if word == "other-info":
            if not re.fullmatch(r"([0-9a-fA-F]{2})*", value):
                raise PkiError(f"key transport: other-info is hexadecimal, not {value!r}")
            made = replace(made, other_info=bytes.fromhex(value))
        elif word not in CHOICES:
            raise PkiError(f"key transport: {unknown('key', word, [*CHOICES, 'other-info'])}")
        elif value not in CHOICES[word]:
            raise PkiError(f"key transport: {unknown(word, value, CHOICES[word])}")
        else:
            made = replace(made, **CHOICES[word][value])
    return replace(made, name=", ".join([name, *changes]))
