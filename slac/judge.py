"""What became of the matchings in a stream of frames: each step with its time and limit, where it stopped, and why.

    judge = Judge()
    for time, data in recording:
        judge.feed(time, data)
    for exchange in judge.exchanges:
        print(verdict(exchange, judge.now))                 # slac.diagnosis

The judge only watches: a recording, an interface, or the frames of our own machine. It sees what passes one place, so
what is missing may have been sent elsewhere: profiles never leave the charger's side, keys never leave a side at all.

An attempt begins with a CM_SLAC_PARM.REQ of a new vehicle or run, or one that comes later than a repeat would: some
vehicles use the same run id for ever.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

from slac.errors import Step
from slac.frames import (
    BROADCAST,
    CC_DISCOVER_LIST_CNF,
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_ATTEN_PROFILE_IND,
    CM_GET_KEY_CNF,
    CM_MNBC_SOUND_IND,
    CM_NW_INFO_CNF,
    CM_SET_KEY_CNF,
    CM_SET_KEY_REQ,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_CNF,
    CM_VALIDATE_REQ,
    CP_STATE_IND,
    ETHERTYPE,
    NUM_SOUNDS,
    TIME_OUT,
    VS_NW_INFO_CNF,
    VS_NW_INFO_V1_CNF,
    VS_PL_LNK_STATUS_CNF,
    Frame,
    FrameError,
    Message,
    mac_text,
    parse,
    violations,
)
from slac.keys import nid_of
from slac.timing import STANDARD, Timing

REPEAT_WITHIN = 0.5
"""s: a CM_SLAC_PARM.REQ that comes later than this is no repeat (TT_match_response, and a half for slow vehicles)."""
SETTLING = 8.0
"""s: modems are deaf for up to this long after a key was set."""
KEPT = 200
"""Attempts that are kept; older ones are forgotten while watching an interface for days."""
_IPV6 = 0x86DD


class Mark(enum.Enum):
    """How a step went."""

    OK = "ok"
    LATE = "late"
    ODD = "odd"
    MISSING = "missing"


class Row(NamedTuple):
    """A step of an attempt.

    Attributes:
        what: the step.
        took: seconds, or None where it has no duration.
        limit: seconds that the standard allows, or None.
        timer: its name in `slac.timing`, or "".
        mark: how it went.
        note: details.
    """

    what: str
    took: float | None = None
    limit: float | None = None
    timer: str = ""
    mark: Mark = Mark.OK
    note: str = ""


class Cause(NamedTuple):
    """A likely cause, and what to try."""

    cause: str
    remedy: str


@dataclass(frozen=True)
class Verdict:
    """How an attempt ended.

    Attributes:
        step: where it stopped; MATCHED where it did not.
        text: one sentence.
        causes: likely causes, most likely first.
        open: whether it may still go on, or the recording ends before it is decided.
    """

    step: Step
    text: str
    causes: tuple[Cause, ...] = ()
    open: bool = False

    @property
    def ok(self) -> bool:
        """Matched, or on the way there."""
        return self.step is Step.MATCHED or self.open


@dataclass
class Answerer:
    """A charger that answered, with the times of its messages (seconds of the recording)."""

    mac: bytes
    confirmed: float
    cnf: CM_SLAC_PARM_CNF
    attenuation_at: float | None = None
    aag: bytes = b""
    num_sounds: int = 0
    answered_at: float | None = None  # CM_ATTEN_CHAR.RSP
    validations: list[tuple[float, int]] = field(default_factory=list)  # time and result
    match_asked: float | None = None
    match_at: float | None = None
    match: CM_SLAC_MATCH_CNF | None = None

    @property
    def attenuation(self) -> float | None:
        """Mean over the groups, dB."""
        return sum(self.aag) / len(self.aag) if self.aag else None


@dataclass
class Exchange:
    """An attempt of one vehicle, with the times of its messages (seconds of the recording)."""

    ev: bytes
    run_id: bytes
    timing: Timing
    asked: list[float] = field(default_factory=list)
    started: list[float] = field(default_factory=list)
    start: CM_START_ATTEN_CHAR_IND | None = None
    sounded: list[float] = field(default_factory=list)
    profiles: dict[bytes, list[bytes]] = field(default_factory=dict)  # by the modem that heard the sounds
    answerers: dict[bytes, Answerer] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)
    pilot_at: float | None = None
    key_asked: float | None = None
    key_set: float | None = None
    wrong_key: str = ""
    link_at: float | None = None
    link_by: str = ""
    key_before: float | None = None  # when the vehicle's or a charger's modem was last given a key before
    roles: dict[bytes, int] = field(default_factory=dict)  # by host
    superseded: bool = False

    @property
    def begun(self) -> float:
        return self.asked[0]

    @property
    def chosen(self) -> Answerer | None:
        """The charger that was asked to match, last."""
        asked = [a for a in self.answerers.values() if a.match_asked is not None]
        return max(asked, key=lambda a: a.match_asked or 0.0, default=None)

    @property
    def matched(self) -> Answerer | None:
        """The charger that confirmed the match."""
        found = [a for a in self.answerers.values() if a.match is not None]
        return found[-1] if found else None

    @property
    def last(self) -> float:
        """When something was last seen of it."""
        times = [*self.asked, *self.started, *self.sounded, self.key_set or 0.0, self.link_at or 0.0]
        for one in self.answerers.values():
            times += [one.confirmed, one.attenuation_at or 0.0, one.answered_at or 0.0]
            times += [one.match_asked or 0.0, one.match_at or 0.0, *(t for t, _ in one.validations)]
        return max(times)

    def odd_once(self, text: str) -> None:
        if text not in self.odd and len(self.odd) < 20:
            self.odd.append(text)


class Judge:
    """Sorts frames into attempts.

    Attributes:
        exchanges: the attempts, in the order of their beginning.
        now: time of the last frame.
        first: time of the first frame, or None.
        frames: management messages seen.
        undecodable: management messages that are none.
    """

    def __init__(self, timing: Timing = STANDARD) -> None:
        self.exchanges: list[Exchange] = []
        self.now = 0.0
        self.first: float | None = None
        self.frames = 0
        self.undecodable = 0
        self._timing = timing
        self._open: dict[bytes, Exchange] = {}  # by vehicle
        self._keys: dict[bytes, tuple[float, CM_SET_KEY_REQ]] = {}  # by host
        self._roles: dict[bytes, int] = {}  # by host
        self._offered_at: float | None = None  # pilot at B with 5 %

    def feed(self, time: float, data: bytes) -> Exchange | None:
        """A frame, from the destination address on. Returns the attempt that it belongs to, where it does."""
        self.now = max(self.now, time)
        if self.first is None:
            self.first = time
        ether = int.from_bytes(data[12:14], "big")
        if ether == 0x8100 and len(data) >= 18:  # a VLAN tag says nothing here
            data = data[:12] + data[16:]
            ether = int.from_bytes(data[12:14], "big")
        if ether == _IPV6:
            return self._traffic(time, data)
        if ether != ETHERTYPE:
            return None
        self.frames += 1
        try:
            frame = parse(data)
        except FrameError:
            self.undecodable += 1
            return None
        return self._take(time, frame)

    # -- frames -----------------------------------------------------------------------------------------------------

    def _take(self, time: float, frame: Frame) -> Exchange | None:
        message = frame.message
        exchange: Exchange | None
        match message:
            case CM_SLAC_PARM_REQ():
                exchange = self._asked(time, frame.source, message)
            case CM_SLAC_PARM_CNF():
                exchange = self._by_vehicle(frame.destination, message.forwarding_sta)
                if exchange:
                    self._confirmed(exchange, time, frame.source, message)
            case CM_START_ATTEN_CHAR_IND() | CM_MNBC_SOUND_IND():
                exchange = self._open.get(frame.source)
                if exchange is None:  # the recording began in the middle
                    exchange = self._begin(time, frame.source, message.run_id)
                    exchange.odd_once("no CM_SLAC_PARM.REQ: the recording begins in the middle")
                if isinstance(message, CM_START_ATTEN_CHAR_IND):
                    exchange.started.append(time)
                    exchange.start = exchange.start or message
                else:
                    exchange.sounded.append(time)
                self._check_run(exchange, frame, message.run_id)
            case CM_ATTEN_PROFILE_IND(pev_mac=ev, aag=aag):
                exchange = self._open.get(ev)
                if exchange:
                    exchange.profiles.setdefault(frame.source, []).append(aag)
            case CM_ATTEN_CHAR_IND() if frame.destination != BROADCAST:
                exchange = self._by_vehicle(frame.destination, message.source_address)
                if exchange:
                    one = self._answerer(exchange, time, frame.source, message.run_id)
                    self._check_run(exchange, frame, message.run_id)
                    if one.attenuation_at is None:
                        one.attenuation_at, one.aag, one.num_sounds = time, message.aag, message.num_sounds
            case CM_ATTEN_CHAR_RSP():
                exchange = self._open.get(frame.source)
                if exchange and (found := exchange.answerers.get(frame.destination)) and found.answered_at is None:
                    found.answered_at = time
            case CM_VALIDATE_REQ():
                exchange = self._open.get(frame.source)
            case CM_VALIDATE_CNF(result=result):
                exchange = self._open.get(frame.destination)
                if exchange and (found := exchange.answerers.get(frame.source)):
                    found.validations.append((time, result))
            case CM_SLAC_MATCH_REQ():
                exchange = self._open.get(frame.source)
                if exchange:
                    one = self._answerer(exchange, time, frame.destination, message.run_id)
                    one.match_asked = one.match_asked if one.match_asked is not None else time
                    self._check_run(exchange, frame, message.run_id)
            case CM_SLAC_MATCH_CNF():
                exchange = self._open.get(frame.destination)
                if exchange:
                    self._matched(exchange, time, frame.source, message)
            case _:
                return self._of_a_modem(time, frame)
        if exchange:
            for text in violations(message):
                exchange.odd_once(f"{frame.name} of {mac_text(frame.source)}: {text}")
        return exchange

    def _by_vehicle(self, *macs: bytes) -> Exchange | None:
        return next((self._open[mac] for mac in macs if mac in self._open), None)

    def _begin(self, time: float, ev: bytes, run_id: bytes) -> Exchange:
        before = self._open.get(ev)
        if before:
            before.superseded = True
        exchange = Exchange(ev, run_id, self._timing, [time], pilot_at=self._offered_at, roles=dict(self._roles))
        self._offered_at = None  # further attempts do not count from it
        exchange.key_before = max((at for at, _ in self._keys.values()), default=None)
        self._open[ev] = exchange
        self.exchanges.append(exchange)
        del self.exchanges[:-KEPT]
        return exchange

    def _asked(self, time: float, ev: bytes, message: CM_SLAC_PARM_REQ) -> Exchange:
        exchange = self._open.get(ev)
        repeated = (
            exchange is not None
            and exchange.run_id == message.run_id
            and not exchange.started
            and time - exchange.asked[-1] <= REPEAT_WITHIN
        )
        if exchange is not None and repeated:
            exchange.asked.append(time)
            return exchange
        return self._begin(time, ev, message.run_id)

    def _answerer(self, exchange: Exchange, time: float, mac: bytes, run_id: bytes) -> Answerer:
        """The charger, also where its CM_SLAC_PARM.CNF was not seen."""
        if mac not in exchange.answerers:
            exchange.answerers[mac] = Answerer(mac, time, CM_SLAC_PARM_CNF(run_id, exchange.ev))
            exchange.odd_once(f"no CM_SLAC_PARM.CNF of {mac_text(mac)} was seen")
        return exchange.answerers[mac]

    def _confirmed(self, exchange: Exchange, time: float, mac: bytes, message: CM_SLAC_PARM_CNF) -> None:
        if mac not in exchange.answerers:
            exchange.answerers[mac] = Answerer(mac, time, message)
        for name, value, right in (
            ("RunID", message.run_id, exchange.run_id),
            ("FORWARDING_STA", message.forwarding_sta, exchange.ev),
            ("NUM_SOUNDS", message.num_sounds, NUM_SOUNDS),
            ("Time_Out", message.time_out, TIME_OUT),
        ):
            if value != right:
                shown = [v.hex() if isinstance(v, bytes) else str(v) for v in (value, right)]
                exchange.odd_once(f"CM_SLAC_PARM.CNF of {mac_text(mac)}: {name} {shown[0]}, expected {shown[1]}")

    def _check_run(self, exchange: Exchange, frame: Frame, run_id: bytes) -> None:
        if run_id != exchange.run_id:
            exchange.odd_once(
                f"{frame.name} of {mac_text(frame.source)}: RunID {run_id.hex()}, expected {exchange.run_id.hex()}"
            )

    def _matched(self, exchange: Exchange, time: float, mac: bytes, message: CM_SLAC_MATCH_CNF) -> None:
        one = self._answerer(exchange, time, mac, message.run_id)
        if one.match is not None:
            return
        one.match, one.match_at = message, time
        if message.nid != nid_of(message.nmk):
            exchange.odd_once(f"the NID {message.nid.hex()} does not follow from the NMK; vehicles take it as it is")

    # -- modems, pilot, traffic ---------------------------------------------------------------------------------------

    def _of_a_modem(self, time: float, frame: Frame) -> Exchange | None:
        message: Message = frame.message
        match message:
            case CP_STATE_IND():
                talks = message.letter == "B" and 3 <= message.duty <= 7
                self._offered_at = time if talks else None
            case CM_SET_KEY_REQ():
                self._keys[frame.source] = time, message
                exchange = self._joining(time, frame.source)
                if exchange and exchange.matched and exchange.matched.match:
                    exchange.key_asked = time if exchange.key_asked is None else exchange.key_asked
                    given = exchange.matched.match
                    if (message.nid, message.new_key) != (given.nid, given.nmk):
                        wrong = "NID" if message.nid != given.nid else "NMK"
                        exchange.wrong_key = f"{mac_text(frame.source)} set another {wrong} than CM_SLAC_MATCH.CNF gave"
                return exchange
            case CM_SET_KEY_CNF():
                exchange = self._joining(time, frame.destination)
                if exchange and exchange.key_asked is not None and exchange.key_set is None:
                    exchange.key_set = time
                return exchange
            case CM_NW_INFO_CNF(networks=networks) if networks:
                self._roles[frame.destination] = networks[0].role
            case VS_NW_INFO_CNF() | VS_NW_INFO_V1_CNF():
                if message.networks:
                    self._roles[frame.destination] = message.networks[0].role
                    if any(network.members for network in message.networks):
                        return self._linked(time, frame.destination, "VS_NW_INFO")
            case CC_DISCOVER_LIST_CNF(stations=stations) if any(s.same_network == 1 for s in stations):
                return self._linked(time, frame.destination, "CC_DISCOVER_LIST")
            case VS_PL_LNK_STATUS_CNF(status=0, link=1):
                return self._linked(time, frame.destination, "VS_PL_LNK_STATUS")
            case CM_GET_KEY_CNF(result=1, nid=nid):  # of the modem at the other end
                return self._linked(time, frame.destination, "CM_GET_KEY", nid)
            case _:
                pass
        return None

    def _joining(self, time: float, host: bytes) -> Exchange | None:
        """The attempt of the vehicle ``host`` that was matched and has no link yet."""
        exchange = self._open.get(host)
        if (
            exchange is None
            or (one := exchange.matched) is None
            or one.match_at is None
            or exchange.link_at is not None
        ):
            return None
        return exchange if time - one.match_at <= self._timing.TT_match_join else None

    def _linked(self, time: float, host: bytes, how: str, nid: bytes = b"") -> Exchange | None:
        for exchange in self._open.values():
            one = exchange.matched
            if one is None or one.match is None or exchange.link_at is not None or host not in (exchange.ev, one.mac):
                continue
            if nid and nid != one.match.nid:
                continue
            exchange.link_at, exchange.link_by = time, how
            return exchange
        return None

    def _traffic(self, time: float, data: bytes) -> Exchange | None:
        """A frame between the two that were matched passes only over the link."""
        ends = {data[0:6], data[6:12]}
        for exchange in self._open.values():
            one = exchange.matched
            if one and exchange.link_at is None and ends == {exchange.ev, one.mac}:
                exchange.link_at, exchange.link_by = time, "IPv6"
                return exchange
        return None
