"""How a certificate or chain deviates from what is expected: kinds of deviation, and one deviation in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """The kind of a deviation; stable, for tests and for the mapping to response codes."""

    MALFORMED = "malformed"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    UNKNOWN_ROOT = "unknown-root"
    TWIN_ROOT = "twin-root"
    """A trusted root has the issuer's name, but another key."""
    MISSING_INTERMEDIATE = "missing-intermediate"
    BROKEN_SIGNATURE = "broken-signature"
    ORDER = "order"
    TOO_LONG = "too-long"
    PATH_LENGTH = "path-length"
    NOT_A_CA = "not-a-ca"
    LEAF_IS_CA = "leaf-is-ca"
    WRONG_ROLE = "wrong-role"
    KEY_USAGE = "key-usage"
    PURPOSE = "purpose"
    CURVE = "curve"
    ALGORITHM = "algorithm"
    SIZE = "size"
    NAME = "name"
    EXTENSION = "extension"
    LIFETIME = "lifetime"
    ISSUER = "issuer"
    OCSP_MISSING = "ocsp-missing"
    OCSP_STALE = "ocsp-stale"
    OCSP_INVALID = "ocsp-invalid"


@dataclass(frozen=True)
class Deviation:
    """One way in which a chain is wrong.

    Attributes:
        code: kind of deviation.
        index: position in the chain, 0 is the leaf; the length of the chain means the root.
        subject: which certificate, in words.
        text: what is wrong, and what was expected.
        clause: the requirement, if known.
        fatal: whether the chain has to be refused.
    """

    code: Code
    index: int
    subject: str
    text: str
    clause: str = ""
    fatal: bool = True

    def __str__(self) -> str:
        clause = f" [{self.clause}]" if self.clause else ""
        return f"{self.subject}: {self.text}{clause}"


def fatal(deviations: Sequence[Deviation]) -> list[Deviation]:
    """The deviations for which a peer has to refuse the chain."""
    return [d for d in deviations if d.fatal]
