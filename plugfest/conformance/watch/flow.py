"""What both sides have said and what was measured so far in a session, as far as physics is judged by it. Pure."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from plugfest.conformance.watch.messages import STOPS, Phases, Said, Stage
from plugfest.conformance.watch.samples import Counted, Sample
from plugfest.conformance.watch.terms import Terms
from plugfest.conformance.watch.wants import Wants
from slac.pilot import State
from v2g.rules.bounds import Ceiling, Lasting
from v2g.rules.facts import Facts
from v2g.rules.status import ENDINGS

ANSWERS = 0.2
"""s: a charger that has not answered in the loop is late."""
PRECHARGED = 2.0
"""A: that an output may give before PowerDelivery(Start)."""
NOT_FLOWING = ("Stop", "Renegotiate", "Standby")
"""ChargeProgress after which no current is asked for."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured between vehicle and charger.

    Attributes:
        volts, amps: at the charger's output; of AC, per phase.
        closed: the contactors of the system under test; None: not seen.
        phases: on which it flows.
        battery: there is a battery, or a load, behind the output; None: not known.
    """

    volts: float
    amps: float
    closed: bool | None = None
    battery: bool | None = None
    phases: int = 1


@dataclass
class Flow:
    """A session so far. Times are loop times in s; None: it has not happened.

    Attributes:
        terms: tolerances.
        ac: of AC.
        facts: what the content rules know of the session.
        own_volts, own_amps, own_watts: the charger's limits.
        ev_volts, ev_amps, ev_watts: the vehicle's limits.
        own_back, ev_back: the same of current out of the vehicle, in bidirectional services; own_watts_back and
            ev_watts_back of power.
        offered_amps: current that the vehicle offers to give back.
        backwards: the present target is to give back.
        decides: the charger decides on power, within the vehicle's limits.
        phase_most, phase_back: the charger's limits of AC, in and out of the vehicle.
        asked_volts, asked_amps: targets of the vehicle, in precharge and loop.
        asked_at: since when the present targets are asked for.
        request: the vehicle's last; ``owed_since`` while it is not answered.
        response: the charger's last, at ``answered_at``.
        shown: the charger's last response with present values.
        reports: present values of the loop, as reported.
        slack: tolerance and ripple by the charger's own word, A.
        checked: a cable check has ended well; ``isolation`` is what it ended with.
        precharge_at: since when the present precharge target is asked for; ``precharged`` whether it was below it;
            ``reached`` the voltage told last.
        on_at: PowerDelivery(Start) was answered well.
        stop_at: PowerDelivery(Stop) or (Renegotiate) was asked for.
        stopped_at: it was answered.
        failed_at: the charger refused a request.
        error_at: the vehicle reports an error, or that it is not ready, in the loop.
        alarm_at: the charger reports an alarm or an isolation fault; ``alarm`` says which, ``alarmed`` that it did.
        wish_at: EVSENotification asks to stop; ``wish_until`` is when that has to have happened, but for the time that
            the charger needs to take down the ``wish_amps`` that flowed then.
        over_at: the connection or session is over.
        capacity: of the battery, Wh.
        soc: last one told, percent; ``soc_wh`` is the energy at its last change, ``soc_most`` the highest.
        counted: energy by the reported values, ``drawn`` by the measured ones, Wh;
            ``drawn_by`` the latter by time, ``net`` without what went back.
        measures: the plant is measured.
        samples: measurements of the last seconds.
        highest: voltage measured in the cable check, V.
        line_amps: EVSEMaxCurrent of AC, with the time that a vehicle has to follow.
        repeated: pairs of targets that came back as present values.
        claimed: targets of the current, A, at which a limit was said to be reached that was far away, by limit.
        metered: meter and its last reading, Wh; ``metered_from`` meter, time and first reading since the start, and
            ``metered_drawn`` what had been drawn then.
        pilot: its state, where it was seen, of a vehicle with 5 %.
        began_ready: it was in C or D before the session.
        remaining: remaining times told last, s.
        parameters, offer: the last charge parameters of vehicle and charger; ``start``: the last PowerDeliveryReq that
            starts.
        wants: what the vehicle needs; ``inlet``: EVPresentVoltage, and what was measured when it came to that, V.
        ready: the pilot is in C or D; ``closed``: the vehicle's contactors are.
        startled: the tester gave the vehicle a reason to give up: a wrong message, a fault of the pilot.
        opened_at: when the vehicle opened, by pilot or contactors; ``opened_what`` and ``opened_amps`` say more.
    """

    terms: Terms
    ac: bool = False
    facts: Facts = field(default_factory=Facts)
    now: float = 0.0
    own_volts: Ceiling = field(default_factory=Ceiling)
    own_amps: Ceiling = field(default_factory=Ceiling)
    own_watts: Ceiling = field(default_factory=Ceiling)
    ev_volts: Ceiling = field(default_factory=Ceiling)
    ev_amps: Ceiling = field(default_factory=Ceiling)
    ev_watts: Ceiling = field(default_factory=Ceiling)
    own_back: Ceiling = field(default_factory=Ceiling)
    ev_back: Ceiling = field(default_factory=Ceiling)
    own_watts_back: Ceiling = field(default_factory=Ceiling)
    ev_watts_back: Ceiling = field(default_factory=Ceiling)
    offered_amps: Ceiling = field(default_factory=Ceiling)
    decides: bool = False
    backwards: bool = False
    phase_most: Phases = ()
    phase_back: Phases = ()
    asked_volts: Ceiling = field(default_factory=Ceiling)
    asked_amps: Ceiling = field(default_factory=Ceiling)
    asked_at: float = 0.0
    request: Said | None = None
    response: Said | None = None
    shown: Said | None = None
    reports: deque[Sample] = field(default_factory=lambda: deque(maxlen=64))
    slack: float = 0.0
    checked: bool = False
    isolation: str = ""
    precharge_at: float = 0.0
    precharge_volts: float | None = None
    precharged: bool = False
    reached: float | None = None
    on_at: float | None = None
    stop_at: float | None = None
    stopped_at: float | None = None
    failed_at: float | None = None
    error_at: float | None = None
    alarm_at: float | None = None
    alarm: str = ""
    alarmed: bool = False
    wish_at: float | None = None
    wish_until: float = math.inf
    wish_amps: float = 0.0
    over_at: float | None = None
    capacity: float | None = None
    soc: int | None = None
    soc_wh: float = 0.0
    soc_most: int = 0
    counted: list[Counted] = field(default_factory=list)
    drawn: float = 0.0
    drawn_by: list[tuple[float, float]] = field(default_factory=list)
    net: float = 0.0
    measures: bool = False
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=256))
    highest: float = 0.0
    line_amps: Ceiling = field(default_factory=Ceiling)
    repeated: list[tuple[float, float]] = field(default_factory=list)
    claimed: dict[str, list[float]] = field(default_factory=dict)
    metered: tuple[str, float] | None = None
    metered_from: tuple[str, float, float] | None = None
    metered_drawn: float = 0.0
    owed_since: float | None = None
    answered_at: float | None = None
    ready: bool = False
    pilot: State | None = None
    began_ready: bool = False
    remaining: dict[str, float] = field(default_factory=dict)
    parameters: Said | None = None
    offer: Said | None = None
    start: Said | None = None
    wants: Wants = field(default_factory=Wants)
    inlet: tuple[float, float] = (0.0, 0.0)
    closed: bool = False
    startled: bool = False
    opened_at: float | None = None
    opened_what: str = ""
    opened_amps: float = 0.0
    _lasting: dict[str, Lasting] = field(default_factory=dict)

    def __post_init__(self) -> None:
        falls = {"fall": self.terms.fall, "hold": self.terms.reaction}
        for name in ("own_amps", "ev_amps", "asked_amps", "own_back", "ev_back", "offered_amps"):
            setattr(self, name, Ceiling(**falls))
        for name in (
            "own_volts",
            "own_watts",
            "ev_volts",
            "ev_watts",
            "own_watts_back",
            "ev_watts_back",
            "asked_volts",
        ):
            setattr(self, name, Ceiling(hold=self.terms.reaction + self.terms.off))
        self.line_amps = Ceiling(hold=5.0)  # IEC 61851-1: a vehicle follows a lower offer in 5 s

    def lasts(self, name: str, wrong: bool) -> float:
        """Seconds for which something has been wrong by now; 0 where it is not, or has just begun."""
        return self._lasting.setdefault(name, Lasting()).holds(wrong, self.now)

    @property
    def flowing(self) -> bool:
        """Power is allowed to flow."""
        return self.on_at is not None and self.stop_at is None

    @property
    def unanswered(self) -> bool:
        """The charger owes an answer for longer than it may."""
        return self.owed_since is not None and self.now - self.owed_since > ANSWERS

    def most(self, *bounds: Ceiling) -> float:
        """The lowest of several bounds now; infinite where none is known. Negative ones are a stimulus, no bounds."""
        known = (one.at(self.now) for one in bounds)
        return min((bound for bound in known if bound is not None and bound >= 0), default=math.inf)

    # -- what is said -------------------------------------------------------------------------------------------------

    def note(self, said: Said) -> None:
        """Takes a message into account, after it was judged."""
        self.wants.note(said, self.now, self.net)
        if said.request:
            self._asked(said)
            self.request, self.owed_since = said, self.now
        else:
            self._answered(said)
            self.response, self.owed_since, self.answered_at = said, None, self.now

    def agree(self, said: Said) -> None:
        """Takes a message beside the main stream into account: charge parameters and needs hold from now on."""
        if said.stage is Stage.SCHEDULE:
            self.wants.begin()
        if said.stage is Stage.PARAMETERS and said.request:
            self._limit_vehicle(said)
        elif said.stage is Stage.PARAMETERS and said.ok:
            self._limit_charger(said)

    def _limit_vehicle(self, said: Said) -> None:
        now = self.now
        _set(said.most.volts, self.ev_volts, now)
        _set(said.most.amps, self.ev_amps, now)
        _set(said.most.watts, self.ev_watts, now)
        _set(said.back.amps, self.ev_back, now)
        _set(said.back.watts, self.ev_watts_back, now)
        if said.stage is Stage.PARAMETERS:
            self.parameters = said

    def _limit_charger(self, said: Said) -> None:
        now = self.now
        _set(said.most.volts, self.own_volts, now)
        _set(said.most.amps, self.own_amps, now)
        _set(said.most.watts, self.own_watts, now)
        _set(said.line_amps, self.line_amps, now)
        _set(said.back.amps, self.own_back, now)
        _set(said.back.watts, self.own_watts_back, now)
        if said.stage is Stage.PARAMETERS:
            self.offer = said
            self.phase_most, self.phase_back = said.phase_most, said.phase_back

    def _asked(self, said: Said) -> None:
        now = self.now
        self._limit_vehicle(said)
        self.capacity = said.capacity or self.capacity
        if said.soc is not None:
            if said.soc != self.soc:
                self.soc_wh = self.net
            self.soc, self.soc_most = said.soc, max(said.soc, self.soc_most)
        if said.stage is Stage.CABLE_CHECK and self.precharge_volts is not None:  # again, after a renegotiation
            self.precharge_volts, self.reached, self.highest = None, None, 0.0
        elif said.stage is Stage.PRECHARGE:
            if said.target_volts != self.precharge_volts:
                self.precharge_at, self.precharge_volts, self.precharged = now, said.target_volts, False
            self.asked_amps.set(PRECHARGED, now)
        elif said.stage is Stage.LOOP:
            self._targets(said)
        elif said.stage is Stage.DELIVERY and said.progress == "Start":
            self.start = said
        elif said.stage is Stage.DELIVERY and said.progress in NOT_FLOWING:
            self.asked_amps.set(0.0, now)
            self.offered_amps.set(0.0, now)
            if said.progress != "Standby":
                self.stop_at = now

    def _targets(self, said: Said) -> None:
        now = self.now
        amps = said.target_amps if said.target_amps is not None else said.most.amps
        volts = said.target_volts if said.target_volts is not None else said.most.volts
        self.decides = said.target_amps is None
        given = said.back.amps if self.decides else max(-(said.target_amps or 0.0), 0.0)
        rests = self.facts.iso20.standby
        self.offered_amps.set(0.0 if rests else given or 0.0, now)
        wrong = bool(said.error) or said.ready is False
        if wrong and self.error_at is None:
            self.error_at = now
        elif not wrong:
            self.error_at = None
        if amps is not None:
            wanted = 0.0 if wrong or rests else max(amps, 0.0)
            turned = (amps < 0.0) is not self.backwards
            self.backwards = amps < 0.0
            if turned or wanted != self.asked_amps.value or volts != self.asked_volts.value:
                self.asked_at = now
            self.asked_amps.set(wanted, now)
        if volts is not None:
            self.asked_volts.set(volts, now)

    def _answered(self, said: Said) -> None:
        now, request = self.now, self.request
        if not said.ok:
            self.failed_at = now if self.failed_at is None else self.failed_at
            return
        if said.volts is not None:
            self._shows(said)
        if said.wh is not None and said.stage is Stage.LOOP:
            self.metered = (said.meter, said.wh)
            if self.metered_from is None or self.metered_from[0] != said.meter:
                self.metered_from, self.metered_drawn = (said.meter, now, said.wh), self.drawn
                self.counted = []
        if said.stage in (Stage.PARAMETERS, Stage.LOOP):
            self._limit_charger(said)
        if said.stage is Stage.PARAMETERS:
            self.slack = said.slack
        elif said.stage is Stage.CABLE_CHECK and said.finished:
            self.checked, self.isolation = True, said.isolation
        elif said.stage is Stage.DELIVERY and request is not None:
            self._delivered(request.progress)
        self._wishes(said)

    def _delivered(self, progress: str) -> None:
        if progress == "Start":
            self.on_at, self.stop_at, self.stopped_at = self.now, None, None
            self.counted, self.reports = [], deque(maxlen=64)
            self.metered = self.metered_from = None
        elif progress in ("Stop", "Renegotiate"):
            self.stopped_at = self.now
            self.checked, self.isolation = False, ""

    def _wishes(self, said: Said) -> None:
        alarm = said.alarm
        if not alarm:
            self.alarm_at = None
        elif self.alarm_at is None:
            self.alarm_at, self.alarm, self.alarmed = self.now, alarm, True
        wishes = said.wish in STOPS or said.status in ENDINGS
        if not wishes or said.stage not in (Stage.LOOP, Stage.DELIVERY):
            if said.stage is Stage.LOOP:
                self.wish_at, self.wish_until = None, math.inf
            return
        if self.wish_at is None:
            self.wish_at = self.now
            self.wish_amps = abs(said.amps or 0.0)
        until = self.now + said.delay
        self.wish_until = min(self.wish_until, until)

    def _shows(self, said: Said) -> None:
        if said.stage is Stage.LOOP and said.amps is not None and said.volts is not None:
            if self.reports:
                self._count(Sample(self.now, said.volts, said.amps))
            self.reports.append(Sample(self.now, said.volts, said.amps))
        if said.stage is Stage.PRECHARGE:
            self.reached = said.volts
        self.shown = said

    def _count(self, new: Sample) -> None:
        old = self.reports[-1]
        hours = (new.time - old.time) / 3600.0
        powers = (old.volts * old.amps, new.volts * new.amps)
        before = self.counted[-1] if self.counted else Counted(old.time, 0.0, 0.0)
        least, most = max(min(powers), 0.0), max(*powers, 0.0)
        self.counted.append(Counted(new.time, before.least + least * hours, before.most + most * hours))

    # -- what is measured ---------------------------------------------------------------------------------------------

    def see(self, measured: Measured) -> None:
        """Takes a measurement into account, before it is judged."""
        self.measures = True
        if self.samples:
            before = self.samples[-1]
            hours = (self.now - before.time) / 3600.0
            flowed = before.volts * before.amps * measured.phases * hours
            self.drawn, self.net = self.drawn + max(flowed, 0.0), self.net + flowed
            self.drawn_by.append((self.now, self.drawn))
        self.samples.append(Sample(self.now, measured.volts, measured.amps))
        if self.request is not None and self.request.stage is Stage.CABLE_CHECK:
            self.highest = max(self.highest, measured.volts)

    def recent(self) -> list[Sample]:
        """Measurements as old as present values may be, with the last one before."""
        since = self.now - self.terms.lag
        kept = [sample for sample in self.samples if sample.time >= since]
        older = [sample for sample in self.samples if sample.time < since]
        return [*older[-1:], *kept]

    def unplugged(self) -> None:
        """The connection is over."""
        self.over_at = self.now if self.over_at is None else self.over_at


def _set(value: float | None, ceiling: Ceiling, now: float) -> None:
    if value is not None:
        ceiling.set(value, now)
