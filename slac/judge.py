"""Sorts the frames of a recording or an interface into matchings, one `slac.exchange.Exchange` each.

    judge = Judge()
    for time, data in recording:
        judge.feed(time, data)
    for exchange in judge.exchanges:
        print(verdict(exchange, judge.now))                 # slac.diagnosis

The judge only watches. It sees the frames at one place, so a missing frame may have been sent elsewhere: profiles
never leave the charger's side, and keys never leave either side.

`slac.matchings` says which matching a frame belongs to. Copies (`slac.copies`) count once. Frames between other nodes
belong to no matching.
"""

from __future__ import annotations

from slac.agreed import Context, deviations, follows
from slac.copies import Copies, untagged
from slac.exchange import MOST, Agreed, Answerer, Asked, Counted, Deviation, End, Exchange, ModemLog, Move, NewKey, add
from slac.frames import (
    BROADCAST,
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_ATTEN_PROFILE_IND,
    CM_MNBC_SOUND_IND,
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
    VS_ATTENUATION_CHARACTERISTICS_0_IND,
    VS_ATTENUATION_CHARACTERISTICS_IND,
    Frame,
    FrameError,
    mac_text,
    parse,
)
from slac.link_proof import Links
from slac.matchings import KEPT, Matchings, addressed, answerer
from slac.pilot import Offer, State, read_duty
from slac.timing import STANDARD, Timing

_VEHICLES = (CM_SLAC_PARM_REQ, CM_START_ATTEN_CHAR_IND, CM_MNBC_SOUND_IND, CM_ATTEN_CHAR_RSP, CM_VALIDATE_REQ,
             CM_SLAC_MATCH_REQ)  # fmt: skip
_CHARGERS = (CM_SLAC_PARM_CNF, CM_ATTEN_CHAR_IND, CM_VALIDATE_CNF, CM_SLAC_MATCH_CNF)
_VENDOR_PROFILES = (VS_ATTENUATION_CHARACTERISTICS_IND, VS_ATTENUATION_CHARACTERISTICS_0_IND)


class Judge:
    """Sorts frames.

    Attributes:
        strays: matching messages that belong to none of them: another pair's, or debug text.
        now: time of the last frame.
        first: time of the first frame, or None.
        frames: number of management messages seen, without copies.
        undecodable: number of management messages that could not be decoded.
    """

    def __init__(self, timing: Timing = STANDARD) -> None:
        self.strays: list[tuple[Move, str]] = []
        self.now = 0.0
        self.first: float | None = None
        self.frames = 0
        self.undecodable = 0
        self._timing = timing
        self._copies = Copies()
        self._links = Links(timing)
        self._matchings = Matchings(timing, self._links)
        self._given: dict[bytes, bytes] = {}  # NID -> the charger that handed it out

    @property
    def exchanges(self) -> list[Exchange]:
        """The matchings, in the order in which they began."""
        return self._matchings.kept

    def feed(self, time: float, data: bytes, place: int = -1) -> Exchange | None:
        """Takes a frame, beginning with the destination address, and returns its matching, or None.

        ``place`` is stored with every remark about the frame.
        """
        self.now = max(self.now, time)
        if self.first is None:
            self.first = time
        plain = untagged(data)
        ether = int.from_bytes(plain.data[12:14], "big")
        if len(plain.data) < 14:
            return None
        if ether != ETHERTYPE:
            return self._links.traffic(time, plain.data)
        if self._copies.is_copy(time, plain):
            for exchange in self._matchings.open.values():
                if exchange.moves and time - exchange.moves[-1].time < 1.0:
                    exchange.copies += 1
            return None
        self.frames += 1
        try:
            frame = parse(plain.data)
        except FrameError:
            self.undecodable += 1
            return None
        return self._take(time, frame, place)

    def modem_of(self, host: bytes) -> ModemLog | None:
        """The messages between a host and its modem; None if none were seen."""
        return self._links.modems.get(host)

    def give_up(self, time: float) -> None:
        """Closes all open matchings: their participants have ended them, so nothing more is expected."""
        self.now = max(self.now, time)
        for exchange in self.exchanges:
            if exchange.superseded_at is None and exchange.link_at is None:
                exchange.superseded_at = time
                self._links.forget(exchange)

    def traffic(self, time: float, source: bytes, destination: bytes) -> Exchange | None:
        """Takes an ordinary frame of which only the addresses are known."""
        self.now = max(self.now, time)
        return self._links.traffic(time, destination + source + b"\x86\xdd")

    def session(self, time: float) -> Exchange | None:
        """Notes that a session ran over the link, for sources without addresses: our own traces."""
        self.now = max(self.now, time)
        return self._links.session(time)

    def pilot(self, time: float, state: State, duty: float | None) -> None:
        """Notes a reading of the control pilot: its state, and the duty cycle in percent if known."""
        self.now = max(self.now, time)
        offers = state is State.B and duty is not None and read_duty(duty)[0] is Offer.DIGITAL
        self._matchings.offers(time, offers=offers)

    # -- frames -----------------------------------------------------------------------------------------------------

    def _take(self, time: float, frame: Frame, place: int) -> Exchange | None:
        message = frame.message
        if isinstance(message, _VEHICLES):
            return self._of_a_vehicle(time, frame, place)
        if isinstance(message, _CHARGERS):
            return self._of_a_charger(time, frame, place)
        if isinstance(message, CM_ATTEN_PROFILE_IND):
            if exchange := self._matchings.open.get(message.pev_mac):
                if len(profiles := exchange.profiles.setdefault(frame.source, [])) < MOST:
                    profiles.append(message.aag)
                self._links.at_charger(exchange)
            return exchange
        if isinstance(message, _VENDOR_PROFILES):
            if exchange := self._matchings.open.get(message.pev_mac):
                exchange.vendor_profiles += 1
                self._links.at_charger(exchange)
            return exchange
        if isinstance(message, CP_STATE_IND):
            if message.reading is not None:
                self.pilot(time, *message.reading)
            return None
        if isinstance(message, CM_SET_KEY_REQ):
            return self._key_asked(time, frame, message, place)
        exchange = self._links.management(time, frame, place)
        if isinstance(message, CM_SET_KEY_CNF):
            return self._key_told(time, frame, message)
        return exchange

    def _of_a_vehicle(self, time: float, frame: Frame, place: int) -> Exchange | None:
        message = frame.message
        move = Move(time, End.VEHICLE, frame.name, place)
        if isinstance(message, CM_SLAC_PARM_REQ):
            exchange = self._matchings.asked(time, frame.source, message.run_id)
            self._note(exchange, move, frame, None)
            return exchange
        run_id: bytes = getattr(message, "run_id", b"")
        found = self._matchings.of_run(frame.source, run_id, time) if run_id else self._matchings.open.get(frame.source)
        if found is None:
            if not isinstance(message, CM_START_ATTEN_CHAR_IND | CM_MNBC_SOUND_IND):
                text = f"{frame.name} of {mac_text(frame.source)}: the recording has no request from this vehicle"
                self._stray(move, text)
                return None
            found = self._matchings.begin(time, frame.source, run_id)  # the recording began in the middle
            found.begins_late = True
        exchange = found
        newest = self._matchings.open.get(frame.source)
        if newest is not None and newest is not exchange:  # a vehicle never continues a run after starting the next
            newest.same_vehicle = exchange.same_vehicle = True
        one = addressed(exchange, frame)
        match message:
            case CM_START_ATTEN_CHAR_IND():
                self._note(exchange, move, frame, None)
                exchange.start = exchange.start or message
                add(exchange.started, time)
            case CM_MNBC_SOUND_IND(cnt=cnt):
                self._note(exchange, move, frame, None)
                repeated = bool(exchange.counts) and exchange.counts[-1] == cnt
                exchange.same_count = exchange.same_count + 1 if repeated else 0
                if exchange.same_count != 1:  # a frame that is sent twice is one sound
                    add(exchange.sounded, time)
                    add(exchange.counts, cnt)
            case CM_ATTEN_CHAR_RSP():
                self._note(exchange, move, frame, one)
                if one is not None and one.answered_at is None:
                    one.answered_at = time
            case CM_VALIDATE_REQ(timer=timer):
                self._note(exchange, move, frame, one)
                if one is not None:
                    one.validation_asked = Asked(time, (timer + 1) / 10.0 if timer else 0.0)
            case CM_SLAC_MATCH_REQ():
                if one is None:
                    one = answerer(exchange, time, frame.destination)
                self._note(exchange, move, frame, one)
                one.match_asked = one.match_asked if one.match_asked is not None else time
                if one.match is None:  # its answer may be missing in the recording
                    one.match, one.match_seen, one.match_at = _unknown(exchange, one.mac), False, time
                    self._links.matched(exchange)
            case _:
                pass
        return exchange

    def _of_a_charger(self, time: float, frame: Frame, place: int) -> Exchange | None:
        message = frame.message
        move = Move(time, End.CHARGER, frame.name, place)
        if isinstance(message, CM_ATTEN_CHAR_IND) and frame.destination == BROADCAST:
            self._stray(move, f"{frame.name} of {mac_text(frame.source)} to all: not a report to one vehicle, ignored")
            return None
        exchange = self._matchings.of_charger(frame, time)
        if exchange is None:
            to = mac_text(frame.destination)
            text = f"{frame.name} of {mac_text(frame.source)} to {to}: belongs to another pair that was not recorded"
            self._stray(move, text)
            if isinstance(message, CM_SLAC_MATCH_CNF):
                self._given[message.nid] = frame.source
            return None
        if frame.source == exchange.ev:
            exchange.same_mac = True
        if isinstance(message, CM_SLAC_PARM_CNF):
            one = exchange.answerers.get(frame.source)
            self._note(exchange, move, frame, one)
            if one is None and len(exchange.answerers) < MOST:
                exchange.answerers[frame.source] = Answerer(frame.source, time, message)
            return exchange
        one = answerer(exchange, time, frame.source)
        self._note(exchange, move, frame, one)
        match message:
            case CM_ATTEN_CHAR_IND():
                if one.attenuation_at is None:
                    one.attenuation_at, one.aag, one.num_sounds = time, message.aag, message.num_sounds
            case CM_VALIDATE_CNF(result=result, toggle_num=toggles):
                add(one.validations, Counted(time, result, toggles))
            case CM_SLAC_MATCH_CNF():
                self._matched(exchange, one, time, message)
            case _:
                pass
        return exchange

    def _note(self, exchange: Exchange, move: Move, frame: Frame, one: Answerer | None) -> None:
        """Records a message and its deviations."""
        if move.end is End.CHARGER or one is not None:
            move = move._replace(charger=one.mac if one is not None else frame.source)
        if len(exchange.moves) < 4 * MOST:
            exchange.moves.append(move)
        else:
            exchange.moves[-1] = move
        found = tuple(deviations(Context(exchange, frame, one, move.time), move))
        if len(faults := exchange.faults.setdefault((move.name, move.charger), [])) < MOST:
            faults.append((move, tuple(d for d in found if d.refusable)))
        self._deviates(exchange, found)

    @staticmethod
    def _deviates(exchange: Exchange, found: tuple[Deviation, ...]) -> None:
        known = {(d.mac, d.move.name, d.field, d.was) for d in exchange.deviations}
        for one in found:
            if (one.mac, one.move.name, one.field, one.was) not in known and len(exchange.deviations) < MOST:
                exchange.deviations.append(one)

    def _stray(self, move: Move, text: str) -> None:
        if len(self.strays) < MOST:
            self.strays.append((move, text))

    def _matched(self, exchange: Exchange, one: Answerer, time: float, message: CM_SLAC_MATCH_CNF) -> None:
        self._given[message.nid] = one.mac
        if len(self._given) > 10 * KEPT:
            del self._given[next(iter(self._given))]
        if one.match is not None and one.match_seen:
            return
        one.match, one.match_at, one.match_seen = message, time, True
        if not follows(message):
            exchange.odd_once(f"the NID {message.nid.hex()} does not follow from the NMK; vehicles take it as it is")
        self._links.matched(exchange)

    # -- keys -------------------------------------------------------------------------------------------------------

    def _key_asked(self, time: float, frame: Frame, message: CM_SET_KEY_REQ, place: int) -> Exchange | None:
        self._links.management(time, frame)
        exchange = self._matchings.open.get(frame.source)
        if exchange is not None and exchange.new_key is None and (match := exchange.agreed) is not None:
            return self._vehicle_key(exchange, match, time, frame, message, place)
        for one in reversed(self.exchanges):  # a charger's own key, after the match
            match = one.agreed
            if match is not None and match.charger == frame.source and not one.new_key:
                if message.nid != match.cnf.nid and not one.superseded:
                    one.new_key = self._renewed(one, time, End.CHARGER, message, place)
                    return one
                break
        return None

    def _vehicle_key(
        self, exchange: Exchange, match: Agreed, time: float, frame: Frame, message: CM_SET_KEY_REQ, place: int
    ) -> Exchange | None:
        if not match.seen:  # the answer was not recorded, or the vehicle is leaving
            one = answerer(exchange, time, match.charger)
            one.match = CM_SLAC_MATCH_CNF(exchange.run_id, exchange.ev, match.charger, message.nid, message.new_key)
            exchange.key_asked = time
            return exchange
        right = (message.nid, message.new_key) == (match.cnf.nid, match.cnf.nmk)
        joining = exchange.link_at is None and time - match.at <= self._timing.TT_match_join
        if right:
            if joining and exchange.key_asked is None:
                exchange.key_asked = time
            return exchange
        if joining and exchange.key_asked is None:
            exchange.key_asked = time
            wrong = "NID" if message.nid != match.cnf.nid else "NMK"
            exchange.wrong_key = f"{mac_text(frame.source)} set a different {wrong} from the one in CM_SLAC_MATCH.CNF"
            move = Move(time, End.VEHICLE, frame.name, place)
            self._deviates(exchange, tuple(deviations(Context(exchange, frame, exchange.matched, time), move)))
            return exchange
        exchange.new_key = self._renewed(exchange, time, End.VEHICLE, message, place)
        return exchange

    def _renewed(self, exchange: Exchange, time: float, end: End, message: CM_SET_KEY_REQ, place: int) -> NewKey:
        giver = self._given.get(message.nid, b"")
        return NewKey(time, end, message.nid, self._links.talking(exchange, time), giver, place)

    def _key_told(self, time: float, frame: Frame, message: CM_SET_KEY_CNF) -> Exchange | None:
        host = self._links.host_of(frame)
        exchange = self._matchings.open.get(host)
        if exchange is None or exchange.key_asked is None or exchange.link_at is not None or exchange.new_key:
            return None
        if exchange.key_set is None:
            exchange.key_set = time
        exchange.key_result = message.result
        return exchange


def _unknown(exchange: Exchange, charger: bytes) -> CM_SLAC_MATCH_CNF:
    """A placeholder for an answer that was not seen."""
    return CM_SLAC_MATCH_CNF(exchange.run_id, exchange.ev, charger, bytes(7), bytes(16))
