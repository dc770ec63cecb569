"""How a session ended, as one value for both roles, with the matching exit code."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import IntEnum

from v2g.errors import (
    LocalError,
    NoCommonProtocol,
    NothingFound,
    RemoteError,
    SetupError,
    TimedOut,
    V2GError,
)


class Cause(IntEnum):
    """Exit codes of the commands that run a session."""

    COMPLETE = 0
    ERROR = 1
    NO_PEER = 3
    NO_PROTOCOL = 4
    PEER = 5
    TIMEOUT = 6
    ABORTED = 7
    MISFIT = 8


class Aborted(V2GError):
    """We ended the session: the user, the control pilot, or a fault of our own plant."""


@dataclass
class Outcome:
    """A session in figures.

    Attributes:
        cause: why it ended.
        reason: one sentence.
        protocol: protocol spoken, or "".
        session_id: in hex, or "".
        energy_wh: energy into the vehicle, Wh.
        discharged_wh: energy out of the vehicle, Wh.
        seconds: time from the connection to the end, s.
        messages: number of messages in both directions.
        tolerances: names of the tolerances used.
        notes: what could not be checked, and mishaps.
        paused: it ended with a pause and may be resumed.
        verdict: the first step that failed, the side to blame and the reason, if the bench has judged the session.
        blamed: ``evcc``, ``secc``, or "" if neither can be blamed.
        switched_off: how long switching off took, s; None if nothing was on or it was not observed.
    """

    cause: Cause = Cause.COMPLETE
    reason: str = "completed"
    protocol: str = ""
    session_id: str = ""
    energy_wh: float = 0.0
    discharged_wh: float = 0.0
    seconds: float = 0.0
    messages: int = 0
    tolerances: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    paused: bool = False
    switched_off: float | None = None
    verdict: str = ""
    blamed: str = ""

    @property
    def ok(self) -> bool:
        return self.cause is Cause.COMPLETE

    @property
    def ending(self) -> str:
        """How it ended, in a few words: completed, paused, or what went wrong."""
        return self.reason if not self.ok else "paused" if self.paused else "completed"


def cause_of(why: BaseException) -> Cause:
    """The exit code for the error that ended a session."""
    match why:
        case TimedOut():
            return Cause.TIMEOUT
        case NoCommonProtocol():
            return Cause.NO_PROTOCOL
        case NothingFound() | SetupError():
            return Cause.NO_PEER
        case Aborted() | asyncio.CancelledError() | KeyboardInterrupt():
            return Cause.ABORTED
        case LocalError():
            return Cause.ERROR
        case RemoteError():
            return Cause.MISFIT if why.misfit else Cause.PEER
        case _:
            return Cause.ERROR
