"""The parts of a session that the watch keeps: limits, targets, steps, energy, contacts, measurements. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.samples import Counted, Sample
from plugfest.conformance.watch.terms import Terms
from slac.pilot import State
from v2g.rules.bounds import Ceiling
from v2g.status import ENDINGS, STOPS


@dataclass
class Bounds:
    """The limits of one side.

    Attributes:
        volts, amps, watts: into the vehicle.
        back, watts_back: current and power out of it, in bidirectional services.
    """

    volts: Ceiling
    amps: Ceiling
    watts: Ceiling
    back: Ceiling
    watts_back: Ceiling

    @classmethod
    def of(cls, terms: Terms) -> Bounds:
        """None known, with the time that a system has to follow a lower one."""
        return cls(slow(terms), falling(terms), slow(terms), falling(terms), slow(terms))


@dataclass
class Asked:
    """The targets of the vehicle, in precharge and loop.

    Attributes:
        volts, amps: into the vehicle.
        back: current that it offers to give back, A.
        since: loop time since when these are asked for.
        backwards: the present target is to give back.
        by_charger: the charger decides on power, within the vehicle's limits.
    """

    volts: Ceiling
    amps: Ceiling
    back: Ceiling
    since: float = 0.0
    backwards: bool = False
    by_charger: bool = False

    @property
    def how(self) -> str:
        """How these amperes and volts were named."""
        return "allowed by the vehicle" if self.by_charger else "requested"

    @classmethod
    def of(cls, terms: Terms) -> Asked:
        """Nothing asked for yet."""
        return cls(slow(terms), falling(terms), falling(terms))


def falling(terms: Terms) -> Ceiling:
    """A bound of current, which falls by a ramp."""
    return Ceiling(fall=terms.fall, hold=terms.reaction)


def slow(terms: Terms) -> Ceiling:
    """A bound of voltage or power."""
    return Ceiling(hold=terms.reaction + terms.off)


@dataclass
class Steps:
    """How far the power flow has come; loop times in s, None: it has not happened.

    Attributes:
        checked: a cable check has ended well; ``isolation`` is what it ended with.
        precharge_at: since when the present precharge target is asked for; ``precharged`` whether it was below it;
            ``reached`` the voltage told last.
        last_volts: the voltage that the charger told last, in any stage.
        on_at: PowerDelivery(Start) was answered well.
        stop_at: PowerDelivery(Stop) or (Renegotiate) was asked for; ``renegotiates`` which of both.
        stopped_at: it was answered.
        failed_at: the charger refused a request.
        error_at: the vehicle reports an error, or that it is not ready, in the loop.
        over_at: the connection or session is over.
    """

    checked: bool = False
    isolation: str = ""
    precharge_at: float = 0.0
    precharge_volts: float | None = None
    precharged: bool = False
    reached: float | None = None
    last_volts: float | None = None
    on_at: float | None = None
    stop_at: float | None = None
    renegotiates: bool = False
    stopped_at: float | None = None
    failed_at: float | None = None
    error_at: float | None = None
    over_at: float | None = None


@dataclass
class Ending:
    """What the charger wants to end, and since when; loop times in s.

    Attributes:
        alarm_at: the charger reports an alarm or an isolation fault; ``alarm`` says which, ``alarmed`` that it did.
        wish_at: EVSENotification asks to stop; ``wish_until`` is when that has to have happened, but for the time that
            the charger needs to take down the ``wish_amps`` that flowed then.
    """

    alarm_at: float | None = None
    alarm: str = ""
    alarmed: bool = False
    wish_at: float | None = None
    wish_until: float = math.inf
    wish_amps: float = 0.0

    def note(self, said: Said, now: float) -> None:
        """Takes a response of the charger into account."""
        alarm = said.alarm
        if not alarm:
            self.alarm_at = None
        elif self.alarm_at is None:
            self.alarm_at, self.alarm, self.alarmed = now, alarm, True
        wishes = said.wish in STOPS or said.status in ENDINGS
        if not wishes or said.stage not in (Stage.LOOP, Stage.DELIVERY):
            if said.stage is Stage.LOOP:
                self.wish_at, self.wish_until = None, math.inf
            return
        if self.wish_at is None:
            self.wish_at = now
            self.wish_amps = abs(said.amps or 0.0)
        until = now + said.delay
        self.wish_until = min(self.wish_until, until)


@dataclass
class Register:
    """What has gone in one direction since the start, Wh: as reported, as measured, and as metered.

    Attributes:
        counted: by the reported values, ``drawn`` by the measured ones; ``drawn_by`` the latter by time.
        metered: meter and its last reading; ``metered_from`` meter, time and first reading since the start, and
            ``metered_drawn`` what had been drawn then.
    """

    counted: list[Counted] = field(default_factory=list)
    drawn: float = 0.0
    drawn_by: list[tuple[float, float]] = field(default_factory=list)
    metered: tuple[str, float] | None = None
    metered_from: tuple[str, float, float] | None = None
    metered_drawn: float = 0.0

    def begin(self) -> None:
        """Power begins to flow: readings and reported values count from here."""
        self.counted = []
        self.metered = self.metered_from = None

    def read(self, meter: str, wh: float, now: float) -> None:
        """Takes a meter reading into account; another meter counts from its first."""
        self.metered = (meter, wh)
        if self.metered_from is None or self.metered_from[0] != meter:
            self.metered_from, self.metered_drawn = (meter, now, wh), self.drawn
            self.counted = []

    def report(self, seconds: float, now: float, watts: Sequence[float]) -> None:
        """Takes what flowed between two reports into account: powers in this direction, negative against it."""
        before = self.counted[-1] if self.counted else Counted(now - seconds, 0.0, 0.0)
        least, most = max(min(watts), 0.0) * seconds / 3600.0, max(*watts, 0.0) * seconds / 3600.0
        self.counted.append(Counted(now, before.least + least, before.most + most))

    def flow(self, wh: float, now: float) -> None:
        """Takes measured energy into account."""
        self.drawn += max(wh, 0.0)
        self.drawn_by.append((now, self.drawn))


@dataclass
class Energy:
    """What has gone into the vehicle and out of it, Wh.

    Attributes:
        capacity: of the battery.
        soc: last one told, percent; ``soc_wh`` is the energy at its last change, ``soc_most`` the highest.
        into, back: by direction; ``net`` is what was measured into the vehicle, without what went back.
        told: loop time and power, W, that a vehicle reported last, where nothing is measured.
    """

    capacity: float | None = None
    soc: int | None = None
    soc_wh: float = 0.0
    soc_most: int = 0
    into: Register = field(default_factory=Register)
    back: Register = field(default_factory=Register)
    net: float = 0.0
    told: tuple[float, float] | None = None

    def begin(self) -> None:
        """Power begins to flow."""
        self.told = None
        self.into.begin()
        self.back.begin()

    def read(self, said: Said, now: float) -> None:
        """Takes the readings of a response into account."""
        if said.wh is not None:
            self.into.read(said.meter, said.wh, now)
        if (back := self.given_back(said)) is not None:
            self.back.read(said.meter, back, now)

    def given_back(self, said: Said) -> float | None:
        """What a meter shows as taken from the vehicle, Wh; once it was shown, leaving it out means 0."""
        if said.wh_back is not None or self.back.metered is None or said.wh is None:
            return said.wh_back
        return 0.0

    def report(self, old: Sample, new: Sample) -> None:
        """Takes what flowed between two reports into account."""
        powers = (old.volts * old.amps, new.volts * new.amps)
        self.into.report(new.time - old.time, new.time, powers)
        self.back.report(new.time - old.time, new.time, [-power for power in powers])

    def tell(self, watts: float, now: float) -> None:
        """Takes a power into account that a vehicle reports; it counts until the next report."""
        if self.told is not None:
            self.flow(self.told[1], self.told[0], now)
        self.told = now, watts

    def flow(self, watts: float, since: float, now: float) -> None:
        """Takes a measured power into account that flowed since then."""
        flowed = watts * (now - since) / 3600.0
        self.net += flowed
        self.into.flow(flowed, now)
        self.back.flow(-flowed, now)


@dataclass
class Contacts:
    """The vehicle's pilot and contactors.

    Attributes:
        pilot: its state, where it was seen, with 5 %; ``began_ready``: it was in C or D before the session.
        ready: the pilot is in C or D; ``closed``: the contactors of the system under test are, and were seen so last at
            ``shut_at``.
        left_at: when the pilot last left C or D for B; None: it is there, or never was.
        opened_at: when the vehicle opened, by pilot or contactors; ``opened_what`` and ``opened_amps`` say more.
    """

    ready: bool = False
    left_at: float | None = None
    pilot: State | None = None
    began_ready: bool = False
    closed: bool = False
    shut_at: float = -math.inf
    opened_at: float | None = None
    opened_what: str = ""
    opened_amps: float = 0.0


@dataclass
class Plant:
    """What was measured between both.

    Attributes:
        measured: it is.
        open: nothing is connected with the output.
        samples: of the last seconds.
        highest: voltage in the cable check, V.
    """

    measured: bool = False
    open: bool = False
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=256))
    highest: float = 0.0

    def since(self, time: float) -> list[Sample]:
        """Measurements from a loop time on, with the last one before."""
        kept = [sample for sample in self.samples if sample.time >= time]
        older = [sample for sample in self.samples if sample.time < time]
        return [*older[-1:], *kept]
