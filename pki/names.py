"""The identifiers that become common names, and their check characters.

==========  =====================================================================  =====================
id          parts                                                                  length
==========  =====================================================================  =====================
eMAID       country 2, provider 3, instance 9, check character (optional)          14 or 15
PCID        world manufacturer id 3, manufacturer's part 14, check (some omit it)  17 or 18
EVSE id     country 2, operator 3, ``E``, outlet 1..31                             7..37
SECCID      country 2, operator 3, ``S``, 33..58                                   39..64 (ISO 15118-20)
EVCCID      world manufacturer id 3, ``V``, serial, check                          20 (ISO 15118-20)
==========  =====================================================================  =====================

Separators (``-`` and ``*``) are for readers: they are dropped, and case does not count.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pki.errors import PkiError

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class _Form(NamedTuple):
    """What an identifier has to look like: its name, its plain form, and the form in words."""

    name: str
    pattern: re.Pattern[str]
    needs: str

    def plain(self, text: str) -> str:
        """The normalised identifier.

        Raises:
            PkiError: it does not have this form.
        """
        value = plain(text)
        if not self.pattern.fullmatch(value):
            raise PkiError(f"{self.name} {text!r}: needs {self.needs}")
        return value


_EMAID = _Form(
    "eMAID",
    re.compile(r"[A-Z]{2}[A-Z0-9]{3}[A-Z0-9]{9}[A-Z0-9]?"),
    "country (2 letters), provider (3), instance (9) and optionally a check character, such as DE-ABC-C12345678-X",
)
_PCID = _Form(
    "PCID",
    re.compile(r"[A-Z0-9]{17,18}"),
    "17 capitals or digits (manufacturer 3, own part 14), or 18 with the check digit",
)
_EVSE = _Form(
    "EVSE id",
    re.compile(r"[A-Z]{2}[A-Z0-9]{3}E[A-Z0-9]{1,31}"),
    "country (2 letters), operator (3), E and the outlet, such as DE*ABC*E123",
)
_SECCID = _Form(
    "SECCID",
    re.compile(r"[A-Z]{2}[A-Z0-9]{3}S[A-Z0-9]{33,58}"),
    "country (2 letters), operator (3), S and 33 to 58 characters",
)
_EVCCID = _Form(
    "EVCCID",
    re.compile(r"[A-Z0-9]{3}V[A-Z0-9]{1,16}"),
    "manufacturer (3), V and a serial number, such as WMIV1234567890ABCDE",
)


def plain(text: str) -> str:
    """A normalised identifier: upper case, without separators."""
    return text.upper().replace("-", "").replace("*", "").strip()


def _sums(text: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """The two row vectors of eMI3's check: the sum of q P1^i over GF(2) and of r P2^i over GF(3), i from 1."""
    p1, p2 = ((0, 1), (1, 1)), ((0, 1), (1, 2))

    def times(v: tuple[int, int], m: tuple[tuple[int, int], tuple[int, int]], modulus: int) -> tuple[int, int]:
        return (v[0] * m[0][0] + v[1] * m[1][0]) % modulus, (v[0] * m[0][1] + v[1] * m[1][1]) % modulus

    q_sum, r_sum = (0, 0), (0, 0)
    for character in reversed(text):  # Horner's scheme: ((v_n P + v_n-1) P + ...) P
        value = _ALPHABET.index(character)
        q, r = divmod(value, 9)
        q_sum = times(((q_sum[0] + q // 2) % 2, (q_sum[1] + q % 2) % 2), p1, 2)
        r_sum = times(((r_sum[0] + r // 3) % 3, (r_sum[1] + r % 3) % 3), p2, 3)
    return q_sum, r_sum


def check_character(text: str) -> str:
    """The character that completes an identifier of capitals and digits: eMI3's check of the eMAID.

    The same rule, carried on to more positions, is used for PCID and EVCCID; for those it is our choice, as no public
    source gives theirs.
    """
    return next(c for c in _ALPHABET if _sums(text + c) == ((0, 0), (0, 0)))


def has_check_character(text: str) -> bool:
    """Whether the last character of a plain identifier is the check character of those before it."""
    return _sums(text) == ((0, 0), (0, 0))


def emaid(text: str, *, check: bool = True) -> str:
    """A contract's id in the form that messages carry.

    Most stacks do not verify the check character, and eMAIDs with another last character are in use: they are kept
    unchanged, see :func:`emaid_oddity`.

    Args:
        text: with or without separators and check character.
        check: add the check character if it is missing.

    Raises:
        PkiError: not of the form.
    """
    value = _EMAID.plain(text)
    return value + check_character(value) if check and len(value) == 14 else value


def emaid_oddity(text: str) -> str:
    """What is odd about a usable eMAID: its last character is not the check character; otherwise ""."""
    value = plain(text)
    if len(value) != 15 or not value.isascii() or not value.isalnum() or has_check_character(value):
        return ""
    return f"eMAID {value}: the check character would be {check_character(value[:14])}"


def provider(value: str) -> str:
    """Country and provider of an eMAID: its first five characters, the ProviderID of ISO 15118-20."""
    return plain(value)[:5]


def pcid(text: str) -> str:
    """A provisioning certificate id of 18 characters (17 given: the check character is added).

    Raises:
        PkiError: not 17 or 18 capitals and digits.
    """
    value = _PCID.plain(text)
    return value + check_character(value) if len(value) == 17 else value


def evse_id(text: str) -> str:
    """An EVSE id, its separators dropped.

    Raises:
        PkiError: not of the form.
    """
    return _EVSE.plain(text)


def secc_id(text: str) -> str:
    """A charger's SECCID of ISO 15118-20, 39..64 characters.

    Raises:
        PkiError: not of the form.
    """
    return _SECCID.plain(text)


def evcc_id(text: str) -> str:
    """A vehicle's EVCCID of ISO 15118-20 (19 characters given: the check character is added).

    Raises:
        PkiError: not of the form.
    """
    value = _EVCCID.plain(text)
    return value + check_character(value) if len(value) == 19 else value
