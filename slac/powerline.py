"""A simulated power line, seeded: stations with their modems, and how frames travel between them.

    line = Powerline(random.Random(1))
    car, post = line.vehicle("car"), line.charger("post")
    line.connect(car, post, 20.0)                              # one cable: 20 dB mean attenuation
    ...                                                        # car and post are links (`slac.link.Link`)

Stations that no cable connects hear each other by crosstalk. Each frame that crosses the line may be lost, doubled, or
delayed, so that frames overtake each other; `Conditions` sets how often. A vehicle's modem passes on only messages for
vehicles; a charger's passes on those for chargers, and reports to its host how it heard each sound. Frames other than
management messages pass only between modems that share a key and are linked.

`slac.powerline_veth` replaces the links by real interfaces. Runs on the virtual clock as well as on a real one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from slac.errors import LinkError
from slac.frames import (
    BROADCAST,
    CM_ATTEN_PROFILE_IND,
    CM_GET_KEY_REQ,
    CM_MNBC_SOUND_IND,
    ETHERTYPE,
    LOCAL_MODEM,
    NUM_GROUPS,
    VS_ATTENUATION_CHARACTERISTICS_IND,
    VS_SW_VER_CNF,
    Frame,
    FrameError,
    Message,
    build,
    mac_text,
    parse,
)
from slac.link import Inbox, Statistics
from slac.modem_sim import TO_CHARGERS, TO_VEHICLES, Behaviour, SimulatedModem

_ETHERTYPE = ETHERTYPE.to_bytes(2, "big")
_OVER_THE_LINE = TO_CHARGERS + TO_VEHICLES
_PROFILE_DELAY = 0.001  # modem: from sound heard to profile reported


@dataclass
class Conditions:
    """What happens to a frame on the line. Probabilities 0 to 1, times in seconds.

    Attributes:
        loss: probability that it does not arrive.
        duplicate: probability that it arrives twice.
        late: probability that it takes ``lateness`` longer, so that others overtake it.
        lateness: see ``late``.
        delay: shortest and longest time on the line otherwise.
        jitter: change of a group's attenuation from sound to sound, up or down, dB.
    """

    loss: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    lateness: float = 0.015
    delay: tuple[float, float] = (0.001, 0.003)
    jitter: int = 1


Drop = Callable[["Station", "Station", Frame], bool]

MOST_BEHIND = 16
"""Maximum number of addresses that a modem remembers."""


class Station:
    """A host's link to its modem on the line; see `slac.link.Link`.

    Attributes:
        name: descriptive name.
        mac: the host's address.
        modem: its modem.
        behind: further addresses seen behind the modem, learned as by a bridge.
        powered: whether the modem has power; without power it neither answers nor passes on any frames.
        unheard: whether the line loses all its frames, unknown to its modem.
        alias_of: the station whose host address this host shares; for hosts whose address cannot be changed.
        deliver: takes frames for the host with their extra bytes, see `slac.powerline_veth`.
    """

    def __init__(self, line: Powerline, name: str, mac: bytes, modem: SimulatedModem) -> None:
        self.name = name
        self.mac = mac
        self.modem = modem
        self.behind: set[bytes] = set()
        self.powered = True
        self.unheard = False
        self.alias_of: Station | None = None
        self.statistics = Statistics()
        self._line = line
        self._inbox = Inbox(self.statistics)
        self.deliver: Callable[[bytes, bytes], None] = self._received

    def has(self, address: bytes) -> bool:
        """Whether frames for an address are for a host behind this modem."""
        return address == self.mac or address in self.behind

    def __repr__(self) -> str:
        return f"Station({self.name!r}, {mac_text(self.mac)})"

    async def send(self, frame: bytes) -> None:
        if self._inbox.broken is not None:
            raise LinkError(str(self._inbox.broken))
        self.statistics.sent += 1
        self._line.from_host(self, frame)

    async def receive(self) -> bytes:
        return await self._inbox.get()

    def close(self) -> None:
        self._inbox.fail(LinkError(f"the link of {self.name} is closed"))

    def _received(self, data: bytes, _: bytes) -> None:
        if data[12:14] == _ETHERTYPE:
            self._inbox.put(data)


@dataclass
class Powerline:
    """The medium.

    Attributes:
        rng: source of all randomness; the same seed gives the same run.
        conditions: what happens to frames.
        crosstalk: mean attenuation between stations that no cable connects, dB.
        reach: attenuation above which stations do not hear each other, dB.
        drop: called with (from, to, frame) for each frame about to arrive; True loses it. For tests.
        stations: all of them.
    """

    rng: random.Random = field(default_factory=random.Random)
    conditions: Conditions = field(default_factory=Conditions)
    crosstalk: float = 60.0
    reach: float = 100.0
    drop: Drop | None = None
    stations: list[Station] = field(default_factory=list)
    _cables: dict[frozenset[int], tuple[float, ...]] = field(default_factory=dict)

    def vehicle(self, name: str = "vehicle", mac: bytes | None = None, behaviour: Behaviour | None = None) -> Station:
        """Adds a vehicle's host with its modem."""
        return self._add(name, mac, behaviour, charger=False)

    def charger(self, name: str = "charger", mac: bytes | None = None, behaviour: Behaviour | None = None) -> Station:
        """Adds a charger's host with its modem."""
        return self._add(name, mac, behaviour, charger=True)

    def _add(self, name: str, mac: bytes | None, behaviour: Behaviour | None, *, charger: bool) -> Station:
        number = len(self.stations) + 1
        modem = SimulatedModem(_local(0x80 | number), charger, random.Random(self.rng.random()))
        if behaviour is not None:
            modem.behaviour = behaviour
        station = Station(self, name, mac or _local(number), modem)
        self.stations.append(station)
        return station

    def connect(self, one: Station, other: Station, attenuation: float | Sequence[float]) -> None:
        """Sets the attenuation between two stations in both directions.

        Args:
            one, other: the stations.
            attenuation: mean in dB, applied with a slope like that of real cables; or one value per carrier group.
        """
        groups = sloped(attenuation) if isinstance(attenuation, (int, float)) else tuple(map(float, attenuation))
        self._cables[frozenset((id(one), id(other)))] = groups

    def attenuation(self, one: Station, other: Station) -> tuple[float, ...]:
        """Attenuation per group between two stations, dB."""
        known = self._cables.get(frozenset((id(one), id(other))))
        return sloped(self.crosstalk) if known is None else known

    def linked(self, one: Station, other: Station) -> bool:
        """Whether the two modems form a network, so that all frames pass between them."""
        now = asyncio.get_running_loop().time()
        a, b = one.modem, other.modem
        if (a.nmk, a.nid) != (b.nmk, b.nid) or a.charger == b.charger or not self._in_reach(one, other):
            return False
        joined = max(a.keyed + a.behaviour.join, b.keyed + b.behaviour.join, a.deaf_until, b.deaf_until)
        both = one.powered and other.powered and not (one.unheard or other.unheard)
        return both and now >= joined

    # -- from a host ----------------------------------------------------------------------------------------------

    def from_host(self, station: Station, data: bytes, extra: bytes = b"") -> None:
        """Takes a frame from a station's host. ``extra`` travels with it to the other host."""
        if not station.powered:
            return
        if len(station.behind) < MOST_BEHIND:
            station.behind.add(data[6:12])
        if data[12:14] != _ETHERTYPE:
            self._ordinary(station, data, extra)
            return
        try:
            frame = parse(data)
        except FrameError:
            return
        if isinstance(frame.message, _OVER_THE_LINE):
            if frame.destination != LOCAL_MODEM:
                self._over_the_line(station, frame, data)
        elif frame.destination in (LOCAL_MODEM, BROADCAST, station.modem.mac):
            self._to_own_modem(station, frame)
            if frame.destination == BROADCAST and isinstance(frame.message, CM_GET_KEY_REQ):
                self._to_others(station, frame)
        else:
            self._ordinary(station, data, extra)

    def _to_own_modem(self, station: Station, frame: Frame) -> None:
        loop = asyncio.get_running_loop()
        peers = tuple((s.modem.mac, s.mac) for s in self.stations if s is not station and self.linked(station, s))
        answer = station.modem.answers(frame, loop.time(), peers, self._noticed(station))
        if answer is not None:
            self._tell_host(station, frame.source, answer, station.modem.behaviour.answer)

    def _noticed(self, station: Station) -> tuple[bytes, ...]:
        """Modems that a station's modem notices on the line without being in their network: those that transmit."""
        return tuple(other.modem.mac for other in self.stations if other is not station and other.powered
                     and not other.unheard and station in self._hearing(other))  # fmt: skip

    def _to_others(self, station: Station, frame: Frame) -> None:
        now = asyncio.get_running_loop().time()
        for other in self._hearing(station):
            answer = other.modem.remote_answer(frame.message, now)
            if answer is None:
                continue
            for delay in self._travels(station, other, frame):
                back = build(Frame(frame.source, other.modem.mac, answer))
                self._later(station.modem.behaviour.answer + 2 * delay, station, back)

    def _tell_host(self, station: Station, host: bytes, message: Message, delay: float) -> None:
        # Firmware versions are sent in a field of fixed size, as analysers expect.
        tail = bytes(64) if isinstance(message, VS_SW_VER_CNF) else b""
        self._later(delay, station, build(Frame(host, station.modem.mac, message, tail=tail)))

    def _later(self, delay: float, station: Station, data: bytes, extra: bytes = b"") -> None:
        asyncio.get_running_loop().call_later(delay, station.deliver, data, extra)

    # -- over the line --------------------------------------------------------------------------------------------

    def _in_reach(self, one: Station, other: Station) -> bool:
        return _mean(self.attenuation(one, other)) <= self.reach

    def _hearing(self, station: Station) -> list[Station]:
        """Stations that hear a station. A vehicle's modem that hears no coordinator does not transmit."""
        now = asyncio.get_running_loop().time()
        if not station.modem.hears(now):
            return []
        others = [s for s in self.stations if s is not station and s.powered and self._in_reach(station, s)]
        if not station.modem.charger and not any(s.modem.charger for s in others):
            return []
        return others

    def _travels(self, source: Station, target: Station, frame: Frame) -> list[float]:
        """Times on the line of a frame's copies; empty if it is lost."""
        c, rng = self.conditions, self.rng
        if self.drop is not None and self.drop(source, target, frame):
            return []
        if rng.random() < c.loss:
            return []
        copies = 2 if rng.random() < c.duplicate else 1
        return [rng.uniform(*c.delay) + (c.lateness if rng.random() < c.late else 0.0) for _ in range(copies)]

    def _over_the_line(self, source: Station, frame: Frame, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        for target in self._hearing(source):
            if not (frame.destination == BROADCAST or target.has(frame.destination)):
                continue
            if not target.modem.passes(frame.message):
                continue
            for delay in self._travels(source, target, frame):
                loop.call_later(delay, self._arrives, source, target, frame, data)

    def _arrives(self, source: Station, target: Station, frame: Frame, data: bytes) -> None:
        if not target.powered or not target.modem.hears(asyncio.get_running_loop().time()):
            return
        target.deliver(data, b"")
        if isinstance(frame.message, CM_MNBC_SOUND_IND) and target.modem.charger:
            self._report(source, target, frame.source)

    def _report(self, source: Station, target: Station, vehicle: bytes) -> None:
        """Has the charger's modem report to its host how it heard a sound."""
        behaviour, jitter = target.modem.behaviour, self.conditions.jitter
        groups = self.attenuation(source, target)[: behaviour.groups]
        noise = self.rng.randbytes(len(groups))
        heard = bytes(
            min(255, max(0, round(g) + n % (2 * jitter + 1) - jitter)) for g, n in zip(groups, noise, strict=True)
        )
        if behaviour.profiles:
            self._tell_host(target, BROADCAST, CM_ATTEN_PROFILE_IND(vehicle, heard), _PROFILE_DELAY)
        if behaviour.double:
            double = VS_ATTENUATION_CHARACTERISTICS_IND(vehicle, heard.ljust(NUM_GROUPS, b"\0"), len(heard))
            self._tell_host(target, BROADCAST, double, _PROFILE_DELAY)

    def _ordinary(self, source: Station, data: bytes, extra: bytes) -> None:
        """Passes other frames, only between linked modems, and without loss, since modems repeat such frames."""
        destination = data[:6]
        for target in self.stations:
            if target is source or not self.linked(source, target):
                continue
            if destination[0] & 1 or target.has(destination):
                self._later(self.conditions.delay[0], target, data, extra)


@lru_cache(1024)
def _mean(groups: tuple[float, ...]) -> float:
    return sum(groups) / len(groups)


@lru_cache(1024)
def sloped(mean: float) -> tuple[float, ...]:
    """Attenuation per group that rises by 8 dB over the band, with this mean."""
    return tuple(mean - 4.0 + 8.0 * group / (NUM_GROUPS - 1) for group in range(NUM_GROUPS))


def _local(number: int) -> bytes:
    """A locally administered address."""
    return b"\x02\x50\x4c\x00" + number.to_bytes(2, "big")
