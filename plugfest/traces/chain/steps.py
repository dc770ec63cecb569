"""The steps of a charging session, how one can fail, and what is said about both. Plain values.

A session is a chain: the link, a SLAC matching, neighbour discovery, SDP, TCP, TLS, supportedAppProtocol, the phases of
the session, its end. Each step needs the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Literal

from plugfest.traces.entries import Entry
from plugfest.traces.findings import Severity
from v2g import naming

Side = Literal["evcc", "secc", ""]
"""The vehicle, the charger, or no known side."""

WHO: dict[str, str] = {"evcc": "the vehicle", "secc": "the charger", "": "one side"}
OTHER: dict[str, Side] = {"evcc": "secc", "secc": "evcc", "": ""}


class Step(IntEnum):
    """A link of the chain; members are in the order in which they are reached."""

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
        """Its common name."""
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


def step_of(name: str, progress: str = "") -> Step | None:
    """The step that a message belongs to; None if unknown.

    Args:
        progress: that of a PowerDeliveryReq: ``Start``, ``Stop`` or ``Renegotiate``.
    """
    if naming.exchange(name) == "PowerDelivery":
        return Step.STOP if progress == "Stop" else Step.PARAMETERS if progress == "Renegotiate" else Step.START
    return _OF_MESSAGE.get(naming.exchange(name))


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
        step: which. time: s at which it began.
        last: name of the last event in it. by: the side that acted last. when: s of that.
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
    """Why a chain ended as it did: the first step that failed, or that none did.

    Attributes:
        outcome: how it ended.
        step: the step that failed, or the last one.
        sentence: what happened, who caused it, why; without a full stop.
        side: the side to blame, if known.
        fault: how the step failed; None if it did not.
        since: s of the recording at which the failure began.
        due: what should have come but did not, e.g. a message's name; "" if nothing was due.
        due_from: the side that should have sent it.
        entry: index of the entry in the recording that shows it; -1 for none.
        severity: that of its finding; "" without a finding of its own (it repeats another one, or all went well).
        requirement: identifier of the standard where known.
        explains: indices of entries whose refusal or close only follows from this.
        connection: number of its TCP connection; 0 for none.
        aside: it is not part of the session: a connection attempt that was repeated, or a stranger's.
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
    """The sender of something."""
    return side_named(entry.sender)


def side_named(name: str) -> Side:
    """A side by its name; "" for anything else."""
    return "evcc" if name == "evcc" else "secc" if name == "secc" else ""
