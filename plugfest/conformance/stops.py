"""The cause that an error of a lower layer stands for: by its type, never by its text."""

from __future__ import annotations

import errno

from plugfest.conformance.cause import Cause
from slac.errors import MatchFailed, PilotLost, SlacError
from slac.pilot_board import PilotError
from v2g.errors import ConnectionLost, NothingFound, Refused, RemoteError, SetupError, TimedOut
from v2g.tls import TlsFailure

_UNREACHABLE = {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH}
"""Errors of a connection to an address where nobody answers."""

_KINDS: tuple[tuple[type[BaseException], Cause], ...] = (
    (TlsFailure, Cause.TLS_FAILED),
    (NothingFound, Cause.NOT_DISCOVERED),
    (PilotError, Cause.PILOT_BOARD),
    (PilotLost, Cause.PILOT_STATE),
    (MatchFailed, Cause.NOT_MATCHED),
    (SlacError, Cause.MODEM),
    (ConnectionLost, Cause.CLOSED),
    (Refused, Cause.REFUSED),
    (TimedOut, Cause.TOO_LATE),
    (RemoteError, Cause.WRONG_FIELD),
    (ConnectionRefusedError, Cause.PORT_CLOSED),
)
"""Type of error -> cause, specific types before general ones."""


def cause_of(error: BaseException) -> Cause:
    """Its own cause if it has one, otherwise by its type, otherwise by that of the error that caused it."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(own := getattr(link, "cause", None), Cause) and own is not Cause.UNSTATED:
            return own
        for kind, cause in _KINDS:
            if isinstance(link, kind):
                return cause
        if isinstance(link, OSError) and link.errno in _UNREACHABLE:
            return Cause.UNREACHABLE
        link = link.__cause__
    return Cause.INTERFACE if isinstance(error, (SetupError, OSError)) else Cause.UNSTATED
