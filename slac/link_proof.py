"""Whether the power line link of a matching came up: any sign of the other end, or of its modem, is proof.

- a modem reports that it is in the network of the match with others, or shows the other modem's key;
- a modem reports that its link is up, unless it has done so since before the match: that is an old network;
- ordinary frames (IPv6 and others) pass between the two, or come from the end where no recording was made.

`slac.exchange.ModemLog` keeps the messages between hosts and modems, to find out why a link did not come up.
"""

from __future__ import annotations

from slac.exchange import End, Exchange, Loss, ModemLog, Told
from slac.frames import (
    BROADCAST,
    CC_DISCOVER_LIST_CNF,
    CM_AMP_MAP_CNF,
    CM_AMP_MAP_REQ,
    CM_GET_KEY_CNF,
    CM_NW_INFO_CNF,
    CM_NW_STATS_CNF,
    CM_SET_KEY_CNF,
    CM_SET_KEY_REQ,
    LOCAL_MODEM,
    NSCM_GET_D_LINK_STATUS_CNF,
    VS_NW_INFO_CNF,
    VS_NW_INFO_V1_CNF,
    VS_PL_LNK_STATUS_CNF,
    VS_RD_MOD_CNF,
    Frame,
    mac_text,
)
from slac.timing import Timing

_UNKNOWN = bytes(6)
_MOST = 1024
_IPV6, _TCP = b"\x86\xdd", 6
_FIN_OR_RST, _SYN = 0x05, 0x02
_QUICKEST = 0.1
"""Time after the match before which no link can be up, s: the vehicle's modem must first accept its key."""
_RECENT = 5.0
"""Time before a round within which a modem's statement about its link is still valid, s."""
STATION = 0
_SLAC_MODE = (2, 0x1653)
"""Module and offset of a Qualcomm modem's configured role."""
_ROLE_OF_MODE = {b"\x01": 0, b"\x02": 2}

Flow = frozenset[tuple[bytes, bytes]]


class Links:
    """Watches for links to come up.

    Attributes:
        modems: the messages between each host and its modem.
    """

    def __init__(self, timing: Timing) -> None:
        self.modems: dict[bytes, ModemLog] = {}
        self._timing = timing
        self._joining: list[Exchange] = []
        self._told_up: set[tuple[bytes, str]] = set()  # hosts whose modem reported it, and in which message
        self._linked: dict[bytes, Exchange] = {}  # newest by vehicle
        self._sent: dict[int, set[bytes]] = {}  # by matching: ends that sent ordinary frames since the match
        self._near: set[bytes] = set()  # hosts with their own modem in the recording: made there
        self._profiled: set[bytes] = set()  # vehicles reported by a charger's modem: recorded at the charger
        self._asker = _UNKNOWN
        self._flows: dict[Flow, bool] = {}  # open or not

    # -- matchings --------------------------------------------------------------------------------------------------

    def watch(self, exchange: Exchange, before: Exchange | None) -> None:
        """Starts to watch a matching; the vehicle's previous one has ended."""
        if before is not None:
            self.forget(before)

    def matched(self, exchange: Exchange) -> None:
        """Notes that a charger confirmed the match, or was asked to."""
        self.forget(exchange)
        self._joining.append(exchange)
        self._sent[id(exchange)] = set()

    def at_charger(self, exchange: Exchange) -> None:
        """Notes that the charger's modem reported a sound of this vehicle."""
        if len(self._profiled) < _MOST:
            self._profiled.add(exchange.ev)

    def forget(self, exchange: Exchange) -> None:
        if exchange in self._joining:
            self._joining = [x for x in self._joining if x is not exchange]
            del self._sent[id(exchange)]

    def _up(self, exchange: Exchange, time: float, how: str) -> Exchange:
        exchange.link_at, exchange.link_by = time, how
        self._linked.pop(exchange.ev, None)
        self._linked[exchange.ev] = exchange
        if len(self._linked) > _MOST:
            del self._linked[next(iter(self._linked))]
        self.forget(exchange)
        return exchange

    # -- management -------------------------------------------------------------------------------------------------

    def host_of(self, frame: Frame) -> bytes:
        """The host that a modem's answer is for; in captures without destinations, the one that asked last.

        If no request was seen there, it remains unknown: the host at which the recording was made.
        """
        return self._asker if frame.destination == _UNKNOWN else frame.destination

    def management(self, time: float, frame: Frame, place: int = -1) -> Exchange | None:
        """Takes a frame between a host and a modem. Returns the matching whose link it proves."""
        message = frame.message
        if isinstance(message, CM_AMP_MAP_REQ | CM_AMP_MAP_CNF):
            return self._between(time, frame)
        if frame.name.endswith(".REQ"):
            self._asked(time, frame)
            return None
        host = self.host_of(frame)
        if host == BROADCAST or not frame.name.endswith(".CNF"):
            return None
        log = self._log(host)
        known = frozenset(log.macs)
        if len(log.macs) < 16 and not (isinstance(message, CM_GET_KEY_CNF) and message.result == 1):
            log.macs.add(frame.source)
        log.say(time, Told.ANSWERED)
        match message:
            case CM_SET_KEY_CNF(result=result):
                log.say(time, Told.KEY_ANSWERED, result)
                self._is_near(host)
            case CM_NW_INFO_CNF(networks=networks):
                log.say(time, Told.NETWORK, networks[0].nid if networks else b"")
                if networks:
                    log.say(time, Told.ROLE, networks[0].role)
                    if networks[0].role == STATION:
                        return self._in_network(time, host, networks[0].nid, "CM_NW_INFO")
            case VS_NW_INFO_CNF() | VS_NW_INFO_V1_CNF() if message.networks:
                joined = message.networks[0]
                log.say(time, Told.ROLE, joined.role)
                log.say(time, Told.NETWORK, joined.nid)
                if joined.members:
                    return self._in_network(time, host, joined.nid, "VS_NW_INFO")
            case CM_GET_KEY_CNF(result=result, nid=nid):
                if result == 0 or frame.source in known:
                    log.say(time, Told.NETWORK, nid)
                else:
                    return self._in_network(time, host, nid, "CM_GET_KEY")
            case VS_RD_MOD_CNF(status=0, module=module, offset=offset, data=data) if (module, offset) == _SLAC_MODE:
                if data[:1] in _ROLE_OF_MODE:
                    log.say(time, Told.ROLE, _ROLE_OF_MODE[data[:1]])
            case CC_DISCOVER_LIST_CNF(stations=stations):
                log.say(time, Told.HEARS, len(stations))
                return self._status(time, host, any(s.same_network == 1 for s in stations), "CC_DISCOVER_LIST", place)
            case VS_PL_LNK_STATUS_CNF(status=0, link=link):
                return self._status(time, host, link == 1, "VS_PL_LNK_STATUS", place)
            case NSCM_GET_D_LINK_STATUS_CNF(link=link):
                return self._status(time, host, link == 1, "NSCM_GET_D_LINK_STATUS", place)
            case CM_NW_STATS_CNF(stations=stations):
                return self._status(time, host, bool(stations), "CM_NW_STATS", place)
            case _:
                if known and frame.source not in known:
                    return self._far_modem(time, host, frame)
        return None

    def _asked(self, time: float, frame: Frame) -> None:
        if frame.destination not in (LOCAL_MODEM, BROADCAST, _UNKNOWN):
            return
        log = self._log(frame.source)
        self._asker = frame.source
        log.say(time, Told.ASKED)
        if frame.destination in (LOCAL_MODEM, _UNKNOWN):
            self._is_near(frame.source)
        if isinstance(frame.message, CM_SET_KEY_REQ):
            log.say(time, Told.KEY_ASKED, frame.message.nid)

    def _is_near(self, host: bytes) -> None:
        if len(self._near) < _MOST:
            self._near.add(host)

    def _log(self, host: bytes) -> ModemLog:
        log = self.modems.get(host)
        if log is None:
            log = self.modems[host] = ModemLog(host)
            if len(self.modems) > _MOST:
                del self.modems[next(iter(self.modems))]
        return log

    def _of_host(self, host: bytes) -> list[Exchange]:
        """Matchings that are waiting for the link and have this host at one end."""
        return [x for x in self._joining if host in (_UNKNOWN, *_ends(x))]

    def _in_network(self, time: float, host: bytes, nid: bytes, how: str) -> Exchange | None:
        for exchange in self._of_host(host):
            if (match := exchange.agreed) is not None and match.cnf.nid == nid:
                return self._up(exchange, time, how)
        return None

    def _status(self, time: float, host: bytes, up: bool, how: str, place: int) -> Exchange | None:
        """Handles a modem's report on whether its link is up, without saying which link."""
        log = self._log(host)
        found = None
        for exchange in self._of_host(host) if up else ():
            match = exchange.agreed
            if match is None:
                continue
            quickest = match.at + _QUICKEST
            before = log.last(Told.LINK, since=exchange.begun - _RECENT, before=quickest)
            changed = any(not word.value for word in log.since(match.at, Told.LINK)) or _silent(log, match.at)
            network = log.last(Told.NETWORK, since=match.at)  # read back since the match
            elsewhere = network is not None and network.value not in (b"", match.cnf.nid)
            fresh = time >= quickest and (before is None or not before.value or changed)
            if fresh and not elsewhere and (match.seen or exchange.key_asked is not None):
                found = self._up(exchange, time, how)
                break
        log.say(time, Told.LINK, up)
        if not up and (host, how) in self._told_up:
            return self._down(time, host, how, place)
        if up and len(self._told_up) < _MOST:
            self._told_up.add((host, how))
        return found

    def _down(self, time: float, host: bytes, how: str, place: int) -> Exchange | None:
        """Handles a modem's report that its link is down. Returns the matching that had this link."""
        candidates = [
            x
            for x in self._linked.values()
            if host in (_UNKNOWN, *_ends(x)) and x.lost is None and x.new_key is None and not x.superseded
        ]
        if not candidates or (host == _UNKNOWN and len(candidates) > 1):
            return None
        exchange = candidates[0]
        end = None if host == _UNKNOWN else End.VEHICLE if host == exchange.ev else End.CHARGER
        exchange.lost = Loss(time, end, how, self.talking(exchange, time), place)
        return exchange

    def _between(self, time: float, frame: Frame) -> Exchange | None:
        for exchange in self._joining:
            if frame.source in _ends(exchange):
                return self._up(exchange, time, frame.name)
        return None

    def _far_modem(self, time: float, host: bytes, frame: Frame) -> Exchange | None:
        for exchange in self._of_host(host):
            return self._up(exchange, time, f"{frame.name} of the other modem")
        return None

    # -- ordinary frames --------------------------------------------------------------------------------------------

    def traffic(self, time: float, data: bytes) -> Exchange | None:
        """Takes a frame that is not a management message. Returns the matching whose link it proves."""
        target, source = data[0:6], data[6:12]
        if data[12:14] == _IPV6 and len(data) >= 68 and data[20] == _TCP:
            self._tcp(data)
        for exchange in self._joining:
            ends = _ends(exchange)
            how = "IPv6" if data[12:14] == _IPV6 else f"EtherType {data[12:14].hex()}"
            if source in ends:
                if target in ends and target != source:
                    return self._up(exchange, time, how)
                sent = self._sent[id(exchange)]
                sent.add(source)
                if len(sent) > 1 or self._is_far(exchange, source):
                    return self._up(exchange, time, f"{how} of {mac_text(source)}")
                exchange.own_traffic = True
            elif target in ends and source not in self._modems_of(target):
                return self._up(exchange, time, f"{how} of {mac_text(source)}")
        return None

    def session(self, time: float) -> Exchange | None:
        """Notes that the other end was heard in a session."""
        return self._up(self._joining[-1], time, "session") if self._joining else None

    def _is_far(self, exchange: Exchange, source: bytes) -> bool:
        """Whether a sender is at the end where no recording was made."""
        match = exchange.agreed
        if match is None or not match.seen:
            return False
        ends = _ends(exchange)
        near = {mac for mac in ends if mac in self._near}
        if exchange.ev in self._profiled:
            near.update(ends[1:])
        elif not near and any(one.attenuation_at is not None for one in exchange.answerers.values()):
            near.add(exchange.ev)  # a recording at the charger would contain the profiles behind its report
        return bool(near) and source not in near

    def _modems_of(self, host: bytes) -> set[bytes]:
        log = self.modems.get(host)
        return log.macs if log is not None else set()

    def _tcp(self, data: bytes) -> None:
        flow: Flow = frozenset(((data[6:12], data[54:56]), (data[0:6], data[56:58])))
        flags = data[67]
        if flags & _FIN_OR_RST:
            self._flows[flow] = False
        elif flags & _SYN or flow not in self._flows:
            self._flows[flow] = True
        if len(self._flows) > _MOST:
            del self._flows[next(iter(self._flows))]

    def talking(self, exchange: Exchange, time: float) -> bool:
        """Whether a TCP connection of one of the two ends is open."""
        ends = _ends(exchange)
        return any(is_open and any(mac in ends for mac, _ in flow) for flow, is_open in self._flows.items())


def _silent(log: ModemLog, since: float) -> bool:
    """Whether a modem left a request unanswered, which means that it restarted and left its network."""
    asked = sum(1 for _ in log.since(since, Told.ASKED))
    return asked > sum(1 for _ in log.since(since, Told.ANSWERED)) + 1


def _ends(exchange: Exchange) -> tuple[bytes, ...]:
    match = exchange.agreed
    return (exchange.ev,) if match is None else (exchange.ev, match.charger)
