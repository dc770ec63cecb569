"""Why a run stopped where it did, as a value: set where it is known, never read out of a sentence.

Each :class:`Cause` has a :class:`Meaning`: what it says, where to look first, and whether it concerns the system, the
bench or the tester. What is to be done about a cause (reset a silent system, name a common cause once) follows from
these, so that whoever adds a cause adds a row to :data:`MEANINGS` and nothing else.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class Severity(enum.IntEnum):
    """How much a deviation from our own reading weighs; the larger one counts."""

    NOTE = 0
    """Worth a line: unusual, allowed."""
    READING = 1
    """Against our reading of the standard, which others may not share."""
    SECURITY = 2
    """Somebody can be deceived: an untrusted, expired or revoked certificate or contract was accepted."""
    SAFETY = 3
    """Somebody can be hurt: a limit exceeded, an emergency stop or an isolation fault ignored."""

    @property
    def word(self) -> str:
        """As reports and the catalogue write it."""
        return self.name.lower()

    @property
    def fails(self) -> bool:
        """Safety and security fail a run, whoever wrote the expectation."""
        return self >= Severity.SECURITY


class Side(enum.Enum):
    """Whom a cause concerns."""

    SYSTEM = "the system under test"
    BENCH = "the bench"
    TESTER = "the tester"
    OPEN = "either side"


class Cause(enum.Enum):
    """The value is the name in files of results."""

    UNSTATED = "unstated"

    # Messages
    NO_ANSWER = "no answer"
    NO_REQUEST = "no request"
    UNREADABLE = "unreadable"
    WRONG_MESSAGE = "wrong message"
    WRONG_CODE = "wrong code"
    WRONG_FIELD = "wrong field"
    NO_NOTIFICATION = "no notification"
    WRONG_SESSION = "wrong session id"
    WRONG_SIGNATURE = "wrong signature"
    UNWANTED_MESSAGE = "unwanted message"
    WENT_ON = "went on"
    TOO_LATE = "too late"
    TOO_EARLY = "too early"
    UNFINISHED = "unfinished"
    REFUSED = "refused"
    ACCEPTED = "accepted"

    # Connection
    NOT_DISCOVERED = "not discovered"
    BAD_DISCOVERY = "bad discovery"
    SECURITY_MISMATCH = "security mismatch"
    PORT_CLOSED = "port closed"
    UNREACHABLE = "unreachable"
    NOT_CONNECTED = "not connected"
    CLOSED = "closed"
    STILL_OPEN = "still open"
    TLS_FAILED = "tls failed"
    TLS_MISSING = "tls missing"
    CERTIFICATE_ACCEPTED = "certificate accepted"
    CONTRACT_ACCEPTED = "contract accepted"

    # Pilot, power line, power
    PILOT_STATE = "pilot state"
    PILOT_DUTY = "pilot duty"
    NOT_MATCHED = "not matched"
    NEW_MATCHING = "new matching"
    LINK_LOST = "link lost"
    LINK_KEPT = "link kept"
    OUTPUT_ON = "output on"
    OUTPUT_OFF = "output off"
    PHYSICS = "physics"
    LIMIT_EXCEEDED = "limit exceeded"
    FAULT_IGNORED = "fault ignored"

    # Bench and tester
    PILOT_BOARD = "pilot board"
    NO_PILOT = "no pilot hardware"
    NO_HARDWARE = "no hardware"
    NO_METER = "no meter"
    NO_ACTION = "no action"
    NO_CERTIFICATES = "no certificates"
    NOT_DECLARED = "not declared"
    NOT_RECORDED = "not recorded"
    ENCRYPTED = "encrypted"
    ANSWERED_NO = "answered no"
    INTERFACE = "interface"
    MODEM = "modem"
    POINTLESS = "pointless"
    HUNG = "hung"
    TESTER = "tester"

    @property
    def meaning(self) -> Meaning:
        """What it says."""
        return MEANINGS[self]


@dataclass(frozen=True)
class Meaning:
    """What a cause says.

    Attributes:
        says: half a sentence about it.
        look: where to look first, for the person at the bench; "" where the verdict says it all.
        side: whom it concerns.
        mute: the system said nothing at all; several in a row mean that it is gone.
        severity: at least, of a deviation for this cause.
    """

    says: str
    look: str = ""
    side: Side = Side.SYSTEM
    mute: bool = False
    severity: Severity = Severity.NOTE


_GOOD_CASE = "the system does not get through a good-case session; look at the trace of this case"

MEANINGS: Mapping[Cause, Meaning] = {
    Cause.UNSTATED: Meaning("no cause was given", side=Side.OPEN),
    Cause.NO_ANSWER: Meaning("a response did not come", _GOOD_CASE),
    Cause.NO_REQUEST: Meaning(
        "a request did not come", "the vehicle did not get that far; look at the trace of this case"
    ),
    Cause.UNREADABLE: Meaning("a message could not be read", "the trace has its bytes; see plugfest exi explain"),
    Cause.WRONG_MESSAGE: Meaning("a message came that was not expected"),
    Cause.WRONG_CODE: Meaning("a response carried the wrong code"),
    Cause.WRONG_FIELD: Meaning("a field had a wrong value"),
    Cause.NO_NOTIFICATION: Meaning(
        "the charger did not notify the vehicle as required", "check the PICS file, and the action that makes it do so"
    ),
    Cause.WRONG_SESSION: Meaning("a message carried the wrong session id"),
    Cause.WRONG_SIGNATURE: Meaning("a signature was invalid"),
    Cause.UNWANTED_MESSAGE: Meaning("a message came where none was allowed"),
    Cause.WENT_ON: Meaning("the system continued although it had to give up"),
    Cause.TOO_LATE: Meaning("something came too late"),
    Cause.TOO_EARLY: Meaning("something came too early"),
    Cause.UNFINISHED: Meaning("a response stayed at Ongoing"),
    Cause.REFUSED: Meaning("the system refused a good-case step", _GOOD_CASE),
    Cause.ACCEPTED: Meaning("the system accepted what it had to refuse"),
    Cause.NOT_DISCOVERED: Meaning(
        "SDP was not answered", "the charger is off, not on this link (--slac matches modems), or its SDP is off",
        mute=True,
    ),
    Cause.BAD_DISCOVERY: Meaning("an SDP message was wrong"),
    Cause.SECURITY_MISMATCH: Meaning(
        "SDP offers a security other than the one that the case needs",
        "set PIXIT_SECC_CMN_TLS to what the charger supports, and give --pki if it insists on TLS",
    ),
    Cause.PORT_CLOSED: Meaning(
        "nothing listens on the announced port", "the charger announced a port on which nothing listens", mute=True
    ),
    Cause.UNREACHABLE: Meaning(
        "nothing answers at the announced address", "the link to the system is down, or it announced a wrong address",
        side=Side.OPEN, mute=True,
    ),
    Cause.NOT_CONNECTED: Meaning(
        "the vehicle did not connect",
        "the vehicle is off, not plugged in, or does not look for a charger on this link", mute=True,
    ),
    Cause.CLOSED: Meaning(
        "the system closed the connection",
        "the system may still be busy with the previous case; --pause or par_waitForNextTC give it more time",
    ),
    Cause.STILL_OPEN: Meaning("the connection stayed open"),
    Cause.TLS_FAILED: Meaning("the TLS handshake failed", "the alert in the trace says which side refused what"),
    Cause.TLS_MISSING: Meaning("the system did not use TLS", severity=Severity.SECURITY),
    Cause.CERTIFICATE_ACCEPTED: Meaning("a bad certificate was accepted", severity=Severity.SECURITY),
    Cause.CONTRACT_ACCEPTED: Meaning("a bad contract was accepted", severity=Severity.SECURITY),
    Cause.PILOT_STATE: Meaning("the pilot showed a wrong state"),
    Cause.PILOT_DUTY: Meaning("the pilot showed a wrong duty cycle"),
    Cause.NOT_MATCHED: Meaning(
        "the modems were not matched",
        "the other side is off, not plugged in or not on this power line; run plugfest slac doctor",
        side=Side.OPEN, mute=True,
    ),
    Cause.NEW_MATCHING: Meaning("the vehicle started a new matching"),
    Cause.LINK_LOST: Meaning("the power line link was lost", "run plugfest slac doctor", side=Side.OPEN),
    Cause.LINK_KEPT: Meaning("the power line link was kept although it had to be left"),
    Cause.OUTPUT_ON: Meaning("the output was on although it had to be off", severity=Severity.SAFETY),
    Cause.OUTPUT_OFF: Meaning("the output was off although it had to be on"),
    Cause.PHYSICS: Meaning("values contradict each other or the measurement"),
    Cause.LIMIT_EXCEEDED: Meaning("a limit was exceeded", severity=Severity.SAFETY),
    Cause.FAULT_IGNORED: Meaning("a fault or an emergency stop was ignored", severity=Severity.SAFETY),
    Cause.PILOT_BOARD: Meaning(
        "the pilot board does not answer", "check the board's power and cable, and the name given to --pilot",
        side=Side.BENCH,
    ),
    Cause.NO_PILOT: Meaning(
        "the bench only assumes the pilot", "name a pilot board with --pilot",
        side=Side.BENCH,
    ),
    Cause.NO_HARDWARE: Meaning(
        "the bench lacks hardware that the case needs", "plugfest conformance show CASE lists it", side=Side.BENCH
    ),
    Cause.NO_METER: Meaning(
        "the bench does not measure the current in question", "read a measuring device with --action measure",
        side=Side.BENCH,
    ),
    Cause.NO_ACTION: Meaning(
        "the bench cannot trigger the action that the case needs", "give a command for that action with --action",
        side=Side.BENCH,
    ),
    Cause.NO_CERTIFICATES: Meaning("the tester has no certificates", "give it some with --pki", side=Side.BENCH),
    Cause.NOT_DECLARED: Meaning(
        "the system is not what the PICS file declares", "correct the PICS file, or the system", side=Side.OPEN
    ),
    Cause.NOT_RECORDED: Meaning(
        "nothing of the session was recorded",
        "the recorder must see the line between the two: use a mirror port, or a modem in monitor mode",
        side=Side.BENCH,
    ),
    Cause.ENCRYPTED: Meaning(
        "the session is encrypted", "give the TLS secrets of either side with --key-log", side=Side.BENCH
    ),
    Cause.ANSWERED_NO: Meaning("the person at the bench answered no"),
    Cause.INTERFACE: Meaning(
        "the network interface cannot be used", "check its name, carrier and link-local address", side=Side.BENCH
    ),
    Cause.MODEM: Meaning("the tester's modem did not do what it was told", "run plugfest slac doctor", side=Side.BENCH),
    Cause.POINTLESS: Meaning("the system left nothing to judge", side=Side.OPEN),
    Cause.HUNG: Meaning(
        "the run did not end", "the system or the tester hangs; the run was ended by force", side=Side.OPEN
    ),
    Cause.TESTER: Meaning("the tester broke down", "a defect in this program: please report it", side=Side.TESTER),
}  # fmt: skip
