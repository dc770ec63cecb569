"""The steps of a charging session, the ways in which one fails, and what is said of both. Plain values.

A session is a chain: the link, a SLAC matching, neighbour discovery, SDP, TCP, TLS, supportedAppProtocol, the phases of
the session, its end. Each step needs the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Literal

from plugfest.traces.entries import Entry
from plugfest.traces.findings import Severity

Side = Literal["evcc", "secc", ""]
"""The vehicle, the charger, or nobody that can be named."""

WHO: dict[str, str] = {"evcc": "the vehicle", "secc": "the charger", "": "one side"}
OTHER: dict[str, Side] = {"evcc": "secc", "secc": "evcc", "": ""}


class Step(IntEnum):
    """A link of the chain, in the order in which they are reached."""

    LINK = 0
    MATCHING = 1
    DISCOVERY = 2
    NEIGHBOURS = 3
    CONNECTION = 4
    SECURITY = 5
    HANDSHAKE = 6
    SETUP = 7
    SERVICES = 8
    AUTHORIZATION = 9
    PARAMETERS = 10
    CABLE_CHECK = 11
    PRECHARGE = 12
    START = 13
    CHARGING = 14
    STOP = 15
    END = 16

    @property
    def title(self) -> str:
        """What people call it."""
        return _TITLES[self]


_TITLES = {
    Step.LINK: "the link", Step.MATCHING: "the matching (SLAC)", Step.DISCOVERY: "discovery (SDP)",
    Step.NEIGHBOURS: "neighbour discovery", Step.CONNECTION: "the TCP connection", Step.SECURITY: "the TLS handshake",
    Step.HANDSHAKE: "the protocol handshake", Step.SETUP: "session setup", Step.SERVICES: "service selection",
    Step.AUTHORIZATION: "authorization", Step.PARAMETERS: "charge parameter discovery",
    Step.CABLE_CHECK: "the cable check", Step.PRECHARGE: "precharge", Step.START: "the start of charging",
    Step.CHARGING: "the charge loop", Step.STOP: "the end of charging", Step.END: "the end of the session",
}  # fmt: skip

_OF_MESSAGE = {
    "supportedAppProtocol": Step.HANDSHAKE,
    "SessionSetup": Step.SETUP,
    **dict.fromkeys(("ServiceDiscovery", "ServiceDetail", "PaymentServiceSelection", "ServicePaymentSelection",
                     "ServiceSelection"), Step.SERVICES),
    **dict.fromkeys(("PaymentDetails", "CertificateInstallation", "CertificateUpdate", "Authorization",
                     "AuthorizationSetup", "ContractAuthentication"), Step.AUTHORIZATION),
    **dict.fromkeys(("ChargeParameterDiscovery", "AC_ChargeParameterDiscovery", "DC_ChargeParameterDiscovery",
                     "ScheduleExchange"), Step.PARAMETERS),
    **dict.fromkeys(("CableCheck", "DC_CableCheck"), Step.CABLE_CHECK),
    **dict.fromkeys(("PreCharge", "DC_PreCharge"), Step.PRECHARGE),
    **dict.fromkeys(("CurrentDemand", "ChargingStatus", "MeteringReceipt", "AC_ChargeLoop", "DC_ChargeLoop",
                     "MeteringConfirmation"), Step.CHARGING),
    **dict.fromkeys(("WeldingDetection", "DC_WeldingDetection"), Step.STOP),
    "SessionStop": Step.END,
}  # fmt: skip


def stem(name: str) -> str:
    """A message's name without its direction."""
    return name[:-3] if name.endswith(("Req", "Res")) else name


def step_of(name: str, progress: str = "") -> Step | None:
    """The step that a message belongs to; None where it is not known.

    Args:
        progress: of a PowerDeliveryReq: ``Start``, ``Stop`` or ``Renegotiate``.
    """
    if stem(name) == "PowerDelivery":
        return Step.STOP if progress == "Stop" else Step.PARAMETERS if progress == "Renegotiate" else Step.START
    return _OF_MESSAGE.get(stem(name))


class Fault(Enum):
    """How a step failed. The value is the rule of :data:`plugfest.traces.checks.RULES` that it breaks."""

    SILENT = "unanswered"
    REFUSED = "refused"
    NOT_NEGOTIATED = "no-protocol"
    CLOSED = "not-completed"
    OUT_OF_ORDER = "order"
    TWICE = "twice"
    UNASKED = "unasked"
    WRONG_ANSWER = "response-type"
    UNREADABLE = "undecodable"
    WRONG_SESSION = "session-id"
    CONTENT = "content"
    SLOW = "timing"
    TOLD = "fault-told"
    UNUSABLE = "sdp"
    UNDISCOVERED = "sdp-unanswered"
    NO_NEIGHBOUR = "neighbour"
    NO_CONNECTION = "tcp"
    ALERT = "tls-alert"
    LINK_LOST = "link-lost"
    NOT_MATCHED = "slac-match"
    NO_CURRENT = "no-current"
    ENDED = "not-charged"
    OPEN = "incomplete"


@dataclass(frozen=True, slots=True)
class Reached:
    """A step that was reached.

    Attributes:
        step: which.
        time: s at which it began.
        last: name of what came last in it.
        by: who moved last.
        when: s of that.
    """

    step: Step
    time: float
    last: str
    by: Side
    when: float


class Outcome(Enum):
    """How a chain ended."""

    CHARGED = "charged, and ended normally"
    PAUSED = "paused"
    NOT_CHARGED = "ended normally, and nothing was charged"
    FAILED = "failed"
    OPEN = "the recording ends before it is decided"
    EMPTY = "nothing to judge"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a chain ended as it did: its first step that failed, or that none did.

    Attributes:
        outcome: how it ended.
        step: the step that failed, or the last one.
        sentence: what happened, whose doing, why; without a full stop.
        side: who is to blame, where that can be said.
        fault: how the step failed; None where it did not.
        since: s of the recording at which the failure began.
        due: what had to come and did not, e.g. a message's name; "" where nothing was due.
        due_from: who had to send it.
        entry: index of the entry in the recording that shows it; -1 for none.
        severity: of the finding that it is; "" where it is none of its own (it repeats another one, or all went well).
        requirement: identifier of the standard where known.
        explains: indices of entries whose refusal or close only follows from this.
        connection: number of the TCP connection that it is about; 0 for none.
        aside: it is beside the session: an attempt to connect that was made again, or a stranger's.
    """

    outcome: Outcome
    step: Step
    sentence: str
    side: Side = ""
    fault: Fault | None = None
    since: float = 0.0
    due: str = ""
    due_from: Side = ""
    entry: int = -1
    severity: Severity | Literal[""] = ""
    requirement: str = ""
    explains: tuple[int, ...] = ()
    connection: int = 0
    aside: bool = False

    @property
    def failed(self) -> bool:
        return self.outcome is Outcome.FAILED


def side_of(entry: Entry) -> Side:
    """Who sent something."""
    return side_named(entry.sender)


def side_named(name: str) -> Side:
    """A side by its name; "" for anything else."""
    return "evcc" if name == "evcc" else "secc" if name == "secc" else ""
