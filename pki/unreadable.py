"""Turns what the library raises on foreign certificates and keys into one error; only :mod:`pki.loading` uses it."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from pki.errors import PkiError

_ODD = r"Parsed a|Attribute's length|Country names|The parsed certificate"
"""How the library's warnings about odd serial numbers, names and parameters begin. It repeats them on every access."""
warnings.filterwarnings("ignore", _ODD, UserWarning)


class Unreadable(PkiError):
    """Foreign octets that cannot be used.

    Attributes:
        what: ``certificate``, ``private key``, ``revocation list``, ``OCSP response``, ``OCSP request``, ``PKCS#12``.
        source: the file, or the peer and its message.
        place: which one of several, counted from 1; 0 if there is only one.
        defect: what is wrong with it.
    """

    TEXT = "{source}: {which} cannot be used: {defect}"

    def __init__(self, what: str, source: str, place: int, defect: str) -> None:
        self.what, self.source, self.place, self.defect = what, source, place, defect
        which = f"{what} {place}" if place else f"the {what}"
        text = self.TEXT.format(source=source, which=which, defect=defect)
        super().__init__(text if source else f"{which}: {defect}")


class Absent(Unreadable):
    """A file holds something other than what is needed, for example a key instead of a certificate."""

    TEXT = "{source} holds {defect}"


class WrongPassword(Unreadable):
    """A key is encrypted, and no password or a wrong one was given."""


_REFUSALS = (
    ValueError,
    TypeError,
    OverflowError,
    NotImplementedError,
    KeyError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


def _panicked(why: BaseException) -> bool:
    """Whether the library's lower half panicked: such errors derive from BaseException and have no importable class."""
    return type(why).__name__ == "PanicException"


@contextlib.contextmanager
def refusing(refuse: Callable[[str], Unreadable], part: str = "") -> Iterator[None]:
    """Turns whatever the library raises into one error."""
    try:
        yield
    except Unreadable:
        raise
    except _REFUSALS as why:
        raise refuse(_defect(why, part)) from why
    except BaseException as why:
        if not _panicked(why):
            raise
        raise refuse(f"{part or 'it'} made the library panic") from why


def _defect(why: BaseException, part: str) -> str:
    """A library error in our words."""
    match why:
        case x509.InvalidVersion():
            return f"it says X.509 version {why.parsed_version + 1}; version 3 is needed"
        case x509.DuplicateExtension():
            return f"the extension {_oid(why.oid)} appears twice"
        case x509.UnsupportedGeneralNameType():
            return "an extension holds a kind of name that is not supported"
        case UnsupportedAlgorithm():
            return f"{part or 'it'} is of a kind that is not supported ({short(why)})"
    text = short(why)
    if (found := re.search(r"ParseError \{ kind: (\w+)(.*)", text)) is not None:
        places = re.findall(r'"([^"]+)"', found[2])
        where = f" at {', '.join(reversed(places))}" if places else ""
        words = _KINDS.get(found[1], found[1])
        return f"{part or 'it'} is not valid DER: {words}{where}"
    return f"{part or 'it'}: {text}" if part else text


_KINDS = {
    "ShortData": "octets are missing",
    "ExtraData": "there are too many octets",
    "InvalidLength": "a length is wrong",
    "InvalidTag": "a tag is wrong",
    "UnexpectedTag": "another type was expected",
    "InvalidValue": "a value is not allowed",
    "EncodedDefault": "a default value is encoded",
}


def _oid(oid: x509.ObjectIdentifier) -> str:
    name = oid._name
    return oid.dotted_string if name == "Unknown OID" else name


def short(why: BaseException) -> str:
    lines = str(why).splitlines() or [type(why).__name__]
    return "".join(c if c.isprintable() else "?" for c in lines[0])[:160]
