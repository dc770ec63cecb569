"""What a back end may answer instead of a contract, so that a charger can be tested with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, get_args

from secc.minimal import minimal
from v2g.messages import iso2, schema, xmldsig
from v2g.messages.iso20 import common, types
from v2g.protocols import ISO2, ISO20
from v2g.reading import SessionMessage

CODES = frozenset(
    code
    for kind in (iso2.responseCodeType, types.responseCodeType)
    for code in get_args(kind)
    if not code.startswith("OK")
)
"""ResponseCodes that a response may carry instead of a contract."""


class Outcome(StrEnum):
    """What becomes of a request. Any ResponseCode of :data:`CODES` stands for a response with it."""

    NORMAL = "normal"
    FAILED = "failed"
    """Status Failed."""
    SILENCE = "silence"
    """No answer at all."""
    HTTP_ERROR = "http-error"
    """HTTP 500."""
    NOT_JSON = "not-json"
    NOT_EXI = "not-exi"
    OTHER_MESSAGE = "other-message"
    """A SessionStopRes."""
    UNSIGNED = "unsigned"
    BAD_SIGNATURE = "bad-signature"
    ONGOING = "ongoing"
    """ISO 15118-20: still at work, each time."""


@dataclass
class Plan:
    """Which requests have which outcome.

    Attributes:
        outcome: an :class:`Outcome`, or a ResponseCode.
        times: how many requests have it before all is normal; None: all of them.
        codes: whether a refusal of ours is a response with its ResponseCode, not status Failed.
    """

    outcome: str = Outcome.NORMAL
    times: int | None = None
    codes: bool = False

    def next(self) -> str:
        """The outcome of the request that came."""
        if self.times is None:
            return self.outcome
        self.times -= 1
        return self.outcome if self.times >= 0 else Outcome.NORMAL


def refusal(found: SessionMessage, code: str, stamp: int, **more: Any) -> Any:
    """A response to a request that says no more than its ResponseCode."""
    session_id = found.session_id or bytes(8)
    body = found.body
    if isinstance(body, common.CertificateInstallationReq):
        kind: type[Any] = common.CertificateInstallationRes
        fields = {"EVSEProcessing": "Finished", **more}
        made = minimal(schema("iso20-common"), kind, ResponseCode=code, **fields)
        return ISO20.wrap(made, session_id, None, stamp)
    update = isinstance(body, iso2.CertificateUpdateReq)
    kind = iso2.CertificateUpdateRes if update else iso2.CertificateInstallationRes
    return ISO2.wrap(minimal(schema("iso2"), kind, ResponseCode=code), session_id, None)


def other(found: SessionMessage, stamp: int) -> Any:
    """A message that answers nothing of this."""
    session_id = found.session_id or bytes(8)
    if isinstance(found.body, common.CertificateInstallationReq):
        return ISO20.wrap(common.SessionStopRes(ResponseCode="OK"), session_id, None, stamp)
    return ISO2.wrap(iso2.SessionStopRes(ResponseCode="OK"), session_id, None)


def altered(signature: xmldsig.SignatureType) -> xmldsig.SignatureType:
    """A signature that does not hold: the first byte of its value is another one."""
    value = signature.SignatureValue.value
    other_value = xmldsig.SignatureValueType(value=bytes([value[0] ^ 1]) + value[1:])
    return xmldsig.SignatureType(SignedInfo=signature.SignedInfo, SignatureValue=other_value)
