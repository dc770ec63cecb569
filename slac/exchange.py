"""Everything recorded about one matching of a vehicle: messages with their times, deviations, and modem messages.

Plain records that `slac.judge` fills and `slac.diagnosis` reads. Times are seconds of the recording.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from slac.frames import (
    CM_SLAC_MATCH_CNF,
    CM_SLAC_PARM_CNF,
    CM_START_ATTEN_CHAR_IND,
    Validation,
    mac_text,
)
from slac.timing import Timing

MOST = 200
"""Maximum number of messages, deviations and remarks (each) kept for one matching."""

T = TypeVar("T")


def add(values: list[T], value: T) -> None:
    """Adds one to a list of a matching, unless it is full."""
    if len(values) < MOST:
        values.append(value)


class End(enum.Enum):
    """One end of the cable."""

    VEHICLE = "vehicle"
    CHARGER = "charger"

    @property
    def other(self) -> End:
        return End.CHARGER if self is End.VEHICLE else End.VEHICLE


class Weight(enum.Enum):
    """How much a deviation matters: the standard forbids it, it is tolerated in the field, or it is worth knowing."""

    VIOLATION = "violation"
    WARNING = "warning"
    NOTE = "note"


class Move(NamedTuple):
    """A message of a matching.

    Attributes:
        time: when it was sent.
        end: the end that sent it.
        name: its name, such as ``CM_SLAC_PARM.REQ``.
        place: its position in the recording, as passed to the judge; -1 for none.
        charger: the charger that sent or is to receive it; b"" for broadcasts.
    """

    time: float
    end: End
    name: str
    place: int = -1
    charger: bytes = b""


class Deviation(NamedTuple):
    """A message that deviates from the standard or from earlier messages.

    Attributes:
        move: the message.
        mac: address of its sender.
        field: the field at fault, by its name in the standard; ``time`` if the message came too late.
        was, expected: the actual and the required value, as text.
        weight: how much it matters.
        refusable: whether a receiver may treat the message as if it had not arrived.
    """

    move: Move
    mac: bytes
    field: str
    was: str
    expected: str
    weight: Weight
    refusable: bool

    @property
    def text(self) -> str:
        return f"{self.move.name} of {mac_text(self.mac)}: {self.what}"

    @property
    def late(self) -> bool:
        """Whether it arrived after its receiver was allowed to stop waiting."""
        return self.field == "time"

    @property
    def what(self) -> str:
        """The field and both values."""
        if self.late:
            return f"arrived {self.was}, expected {self.expected}"
        return f"{self.field} {self.was}, expected {self.expected}"


class Told(enum.Enum):
    """Kind of a message seen between a host and its modem."""

    KEY_ASKED = "was given a key"  # value: its NID
    KEY_ANSWERED = "answered CM_SET_KEY"  # value: the result
    NETWORK = "is in a network"  # value: its NID; b"" if it is in none
    LINK = "reported its link"  # value: whether it is up
    ROLE = "reported its role"  # value: 0 station, 1 proxy, 2 coordinator
    HEARS = "hears other modems"  # value: how many
    ASKED = "was asked"
    ANSWERED = "answered"


class Word(NamedTuple):
    """One message between a host and its modem."""

    time: float
    kind: Told
    value: bytes | int | bool | None = None


@dataclass
class ModemLog:
    """Messages between a host and the modem on its cable.

    Attributes:
        host: the host's address.
        macs: addresses of the modems that answered as the host's own.
        words: the messages, oldest first.
    """

    host: bytes
    macs: set[bytes] = field(default_factory=set)
    words: deque[Word] = field(default_factory=lambda: deque(maxlen=4 * MOST))

    def say(self, time: float, kind: Told, value: bytes | int | bool | None = None) -> None:
        self.words.append(Word(time, kind, value))

    def since(self, start: float, *kinds: Told) -> Iterator[Word]:
        """Messages of these kinds from a time on."""
        return (word for word in self.words if word.time >= start and word.kind in kinds)

    def last(self, kind: Told, *, before: float = float("inf"), since: float = float("-inf")) -> Word | None:
        """The last message of a kind before one time and not earlier than another."""
        for word in reversed(self.words):
            if word.kind is kind and since <= word.time < before:
                return word
        return None

    @property
    def role(self) -> int | None:
        word = self.last(Told.ROLE)
        return word.value if word is not None and isinstance(word.value, int) else None


class NewKey(NamedTuple):
    """A key that one end set after the link was up, which means that it leaves the network.

    Attributes:
        time, end, nid: when it was set, by which end, and the network that this end joins.
        talking: whether a TCP connection between the two was open at that time.
        giver: the charger of another pair that had handed out this key, or b"".
        place: position of the frame in the recording, or -1.
    """

    time: float
    end: End
    nid: bytes
    talking: bool = False
    giver: bytes = b""
    place: int = -1


class Loss(NamedTuple):
    """A link that went down, as reported by a modem.

    Attributes:
        time, end, how: when, at which end (None if the addresses in the recording do not show it), in which message.
        talking: whether a TCP connection between the two was open at that time.
        place: position of the frame in the recording, or -1.
    """

    time: float
    end: End | None
    how: str
    talking: bool = False
    place: int = -1


class Asked(NamedTuple):
    """A CM_VALIDATE.REQ: its time, and the time for which the charger shall watch, s; 0: the first step."""

    time: float
    window: float


class Counted(NamedTuple):
    """A CM_VALIDATE.CNF: its time, its result (see `slac.frames.Validation`), and the toggles that it reports."""

    time: float
    result: int
    toggles: int

    @property
    def word(self) -> str:
        """The result's name."""
        known = self.result < len(Validation.WORDS)
        return Validation.WORDS[self.result] if known else f"result {self.result}"


@dataclass
class Answerer:
    """A charger that answered, with the times of its messages (seconds of the recording)."""

    mac: bytes
    confirmed: float
    cnf: CM_SLAC_PARM_CNF
    cnf_seen: bool = True
    attenuation_at: float | None = None
    aag: bytes = b""
    num_sounds: int = 0
    answered_at: float | None = None  # CM_ATTEN_CHAR.RSP
    validation_asked: Asked | None = None  # the last CM_VALIDATE.REQ
    validations: list[Counted] = field(default_factory=list)
    match_asked: float | None = None
    match_at: float | None = None
    match: CM_SLAC_MATCH_CNF | None = None
    match_seen: bool = True  # False: the answer was not seen, but a link proves it

    @property
    def attenuation(self) -> float | None:
        """Mean over the groups, dB."""
        return sum(self.aag) / len(self.aag) if self.aag else None


class Agreed(NamedTuple):
    """A confirmed match: charger, time and CM_SLAC_MATCH.CNF. If not ``seen``, the confirmation is only assumed."""

    charger: bytes
    at: float
    cnf: CM_SLAC_MATCH_CNF
    seen: bool = True


@dataclass
class Exchange:
    """One matching of one vehicle, with the times of its messages (seconds of the recording).

    Attributes:
        ev, run_id: the vehicle's host and its RunID.
        asked, started, sounded: times of its requests, STARTs and sounds.
        counts: Cnt of the sounds, in order.
        same_count: how often the last of them was repeated.
        profiles: what each charger's modem reported about the sounds.
        answerers: chargers that answered, by address.
        moves: the messages of both ends, oldest first.
        deviations: the deviations found.
        faults: each message received with its refusable deviations, by name and charger (b"" for broadcasts).
        odd: remarks in words.
        pilot_at: when the pilot began to offer 5 %, for the first matching after that.
        lapsed: when an offer of 5 % began and ended before this matching, without any request.
        modems: messages of the hosts' modems, by the host's address; for all hosts, not only those of this matching.
        key_asked, key_set, key_result, wrong_key: how the vehicle set its key after the match.
        link_at, link_by: when the link was proven, and by what.
        own_traffic: ordinary frames came from one end only, which proves nothing if they were recorded at that end.
        lost: when a modem reported the link down again, before any new key.
        new_key: a key that was set after that.
        same_mac: vehicle and charger have the same address.
        same_vehicle: two vehicles have this address: their runs overlap.
        copies: number of frames that the recording contains twice.
        superseded_at: when the vehicle began another matching, or gave this one up.
    """

    ev: bytes
    run_id: bytes
    timing: Timing
    asked: list[float] = field(default_factory=list)
    started: list[float] = field(default_factory=list)
    start: CM_START_ATTEN_CHAR_IND | None = None
    sounded: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    same_count: int = 0
    profiles: dict[bytes, list[bytes]] = field(default_factory=dict)
    vendor_profiles: int = 0
    answerers: dict[bytes, Answerer] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    deviations: list[Deviation] = field(default_factory=list)
    faults: dict[tuple[str, bytes], list[tuple[Move, tuple[Deviation, ...]]]] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)
    modems: dict[bytes, ModemLog] = field(default_factory=dict)
    pilot_at: float | None = None
    lapsed: tuple[float, float] | None = None
    begins_late: bool = False
    key_asked: float | None = None
    key_set: float | None = None
    key_result: int | None = None
    wrong_key: str = ""
    link_at: float | None = None
    link_by: str = ""
    own_traffic: bool = False
    lost: Loss | None = None
    new_key: NewKey | None = None
    same_mac: bool = False
    same_vehicle: bool = False
    copies: int = 0
    superseded_at: float | None = None

    @property
    def superseded(self) -> bool:
        return self.superseded_at is not None

    @property
    def begun(self) -> float:
        return self.asked[0]

    @property
    def chosen(self) -> Answerer | None:
        """The charger that was last asked to match."""
        asked = [a for a in self.answerers.values() if a.match_asked is not None]
        return max(asked, key=lambda a: a.match_asked or 0.0, default=None)

    @property
    def matched(self) -> Answerer | None:
        """The charger that confirmed the match; if a link is up, even one whose answer was not recorded."""
        linked = self.link_at is not None
        found = [a for a in self.answerers.values() if a.match is not None and (a.match_seen or linked)]
        return max(found, key=lambda a: a.match_at or 0.0, default=None)

    @property
    def agreed(self) -> Agreed | None:
        """The match confirmed last, or assumed to be."""
        found = [
            Agreed(one.mac, one.match_at, one.match, one.match_seen)
            for one in self.answerers.values()
            if one.match is not None and one.match_at is not None
        ]
        return max(found, key=lambda match: (match.seen, match.at), default=None)

    @property
    def last(self) -> float:
        """Time of the last frame of this matching."""
        return max(self.moves[-1].time if self.moves else self.begun, self.key_set or 0.0, self.link_at or 0.0)

    def modem(self, end: End) -> ModemLog | None:
        """The log of the modem at an end; None if nothing was seen."""
        if end is End.VEHICLE:
            return self.modems.get(self.ev)
        charger = self.matched or self.chosen
        macs = [charger.mac] if charger is not None else list(self.answerers)
        return next((self.modems[mac] for mac in macs if mac in self.modems), None)

    def refused(self, name: str, charger: bytes = b"") -> Deviation | None:
        """Why a receiver may have ignored every message of this name; None if a valid one came, or none at all."""
        all_of_them = self.faults.get((name, charger), [])
        if not all_of_them or not all(deviations for _, deviations in all_of_them):
            return None
        return all_of_them[-1][1][0]

    def valid_since(self, name: str, charger: bytes = b"") -> float | None:
        """When the first message of this name came that a receiver may not ignore; None if none did."""
        return next((move.time for move, deviations in self.faults.get((name, charger), []) if not deviations), None)

    def odd_once(self, text: str) -> None:
        if text not in self.odd and len(self.odd) < 20:
            self.odd.append(text)
