"""Errors of a session: which side did what wrong, and which ResponseCode answers it."""

from enum import Enum


class V2GError(Exception):
    """A session cannot continue. The text is one sentence for the user."""


class LocalError(V2GError):
    """We tried something illegal; nothing was sent."""


class RemoteError(V2GError):
    """The peer did something illegal, or refused.

    Attributes:
        response_code: ResponseCode with which a charger answers it.
        misfit: nobody is at fault: both sides keep to the standard, but their limits, services or payment do not match.
    """

    def __init__(self, text: str, response_code: str = "FAILED", *, misfit: bool = False) -> None:
        super().__init__(text)
        self.response_code = response_code
        self.misfit = misfit


class Refused(RemoteError):
    """A response whose ResponseCode starts with FAILED."""


class Loss(Enum):
    """How a connection was lost. The value is the name of its event in the layer ``tcp``."""

    CLOSED = "closed"
    """The peer closed it."""
    RESET = "reset"
    """The peer reset it."""
    UNREACHABLE = "unacknowledged"
    """Our data is no longer acknowledged: the peer or the link is gone."""
    OURS = "closing"
    """We dropped it ourselves."""


class ConnectionLost(RemoteError):
    """The peer closed, or the connection broke, before the session was over.

    Attributes:
        how: how the connection was lost.
    """

    def __init__(self, text: str, how: Loss = Loss.CLOSED) -> None:
        super().__init__(text)
        self.how = how


class TimedOut(RemoteError):
    """A time-out of the standard expired.

    Attributes:
        timer: name of the timer in the protocol spoken, as :meth:`v2g.protocols.Protocol.timer` returns it.
        seconds: value of the timer.
    """

    def __init__(self, timer: str, seconds: float, waiting_for: str = "") -> None:
        super().__init__(f"{timer} ({seconds:g} s) expired" + (f" waiting for {waiting_for}" if waiting_for else ""))
        self.timer = timer
        self.seconds = seconds


class SetupError(V2GError):
    """No session could be started: interface, discovery, TCP, TLS or certificates. Says what to do."""


class NothingFound(SetupError):
    """Discovery got no usable answer.

    Attributes:
        defect: why the last answer cannot be used; "" if there was none.
    """

    def __init__(self, text: str, defect: str = "") -> None:
        super().__init__(text)
        self.defect = defect


class NoCommonProtocol(V2GError):
    """supportedAppProtocol ended without a protocol [V2G2-172]."""
