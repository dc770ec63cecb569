"""What both sides have said and what was measured so far in a session, as far as physics is judged by it. Pure."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from plugfest.conformance.watch.messages import Phases, Said, Stage
from plugfest.conformance.watch.parts import Asked, Bounds, Contacts, Ending, Energy, Plant, Steps
from plugfest.conformance.watch.samples import Sample
from plugfest.conformance.watch.terms import Terms
from plugfest.conformance.watch.wants import Wants
from slac.pilot import DUTY_CHANGE
from v2g.rules.bounds import Ceiling, Lasting
from v2g.rules.facts import Facts
from v2g.rules.rule import CLASSIC

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
        charger, vehicle: the limits of each.
        asked: the vehicle's targets.
        steps: how far the power flow has come.
        ending: what the charger wants to end.
        energy: what has gone into the vehicle.
        contacts: the vehicle's pilot and contactors.
        plant: what was measured.
        phase_most, phase_back: the charger's limits of AC, in and out of the vehicle.
        request: the vehicle's last; ``owed_since`` while it is not answered.
        response: the charger's last, at ``answered_at``, and ``took`` s after its request.
        shown: the charger's last response with present values.
        reports: present values of the loop, as reported.
        slack: tolerance and ripple by the charger's own word, A.
        line_amps: EVSEMaxCurrent of AC, with the time that a vehicle has to follow; ``duty_amps``: what the duty says,
            infinite where that is digital.
        repeated: pairs of targets that came back as present values.
        stamped: the meter's last time stamp, as sent, with the loop time and the reading with which it came first.
        claimed: targets of the current, A, at which a limit was said to be reached that was far away, by limit.
        remaining: remaining times told last, s.
        parameters, offer: the last charge parameters of vehicle and charger; ``start``: the last PowerDeliveryReq that
            starts.
        wanted_from: Wh that had gone into the vehicle when it sent them.
        wants: what the vehicle needs; ``inlet``: EVPresentVoltage, and what was measured when it came to that, V.
        renegotiated: loop times of the last renegotiations on the side stream.
        startled: the tester gave the vehicle a reason to give up: a wrong message, a fault of the pilot.
    """

    terms: Terms
    ac: bool = False
    facts: Facts = field(default_factory=Facts)
    now: float = 0.0
    charger: Bounds = field(init=False)
    vehicle: Bounds = field(init=False)
    asked: Asked = field(init=False)
    steps: Steps = field(default_factory=Steps)
    ending: Ending = field(default_factory=Ending)
    energy: Energy = field(default_factory=Energy)
    contacts: Contacts = field(default_factory=Contacts)
    plant: Plant = field(default_factory=Plant)
    phase_most: Phases = ()
    phase_back: Phases = ()
    request: Said | None = None
    response: Said | None = None
    shown: Said | None = None
    reports: deque[Sample] = field(default_factory=lambda: deque(maxlen=64))
    slack: float = 0.0
    line_amps: Ceiling = field(default_factory=Ceiling)
    duty_amps: Ceiling = field(default_factory=Ceiling)
    repeated: list[tuple[float, float]] = field(default_factory=list)
    stamped: tuple[int, float, Any] | None = None
    claimed: dict[str, list[float]] = field(default_factory=dict)
    owed_since: float | None = None
    answered_at: float | None = None
    took: float = 0.0
    remaining: dict[str, float] = field(default_factory=dict)
    parameters: Said | None = None
    wanted_from: float = 0.0
    offer: Said | None = None
    start: Said | None = None
    wants: Wants = field(default_factory=Wants)
    inlet: tuple[float, float] = (0.0, 0.0)
    renegotiated: deque[float] = field(default_factory=lambda: deque(maxlen=3))
    startled: bool = False
    _lasting: dict[str, Lasting] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.charger, self.vehicle = Bounds.of(self.terms), Bounds.of(self.terms)
        self.asked = Asked.of(self.terms)
        # IEC 61851-1: a vehicle follows a lower offer in 5 s.
        self.line_amps, self.duty_amps = Ceiling(hold=DUTY_CHANGE), Ceiling(hold=DUTY_CHANGE)

    def lasts(self, name: str, wrong: bool) -> float:
        """Seconds for which something has been wrong by now; 0 where it is not, or has just begun."""
        return self._lasting.setdefault(name, Lasting()).holds(wrong, self.now)

    @property
    def flowing(self) -> bool:
        """Power is allowed to flow."""
        return self.steps.on_at is not None and self.steps.stop_at is None

    @property
    def level(self) -> float | None:
        """The voltage of the battery, V: as the charger reports it; without one behind the output, of the precharge."""
        if self.plant.open:
            return self.steps.precharge_volts
        return self.shown.volts if self.shown is not None else None

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
        self.wants.note(said, self.now, self.energy.net)
        if said.request:
            self._asked(said)
            self.request, self.owed_since = said, self.now
        else:
            self._answered(said)
            self.took = 0.0 if self.owed_since is None else self.now - self.owed_since
            self.response, self.owed_since, self.answered_at = said, None, self.now

    def agree(self, said: Said) -> None:
        """Takes a message beside the main stream into account: a refusal, and what holds from now on."""
        if not said.request and not said.ok:
            self._refused()
        if said.stage is Stage.SCHEDULE:
            self.wants.begin()
            if not said.request and said.finished:
                self.renegotiated.append(self.now)
        if said.stage is Stage.PARAMETERS and said.request:
            self._limit_vehicle(said)
        elif said.stage is Stage.PARAMETERS and said.ok:
            self._limit_charger(said)

    def _limit_vehicle(self, said: Said) -> None:
        now, most, back = self.now, said.most, said.back
        if said.stage is Stage.LOOP and self.parameters is not None and self.facts.protocol not in CLASSIC:
            most, back = most.over(self.parameters.most), back.over(self.parameters.back)  # left out: as declared
        _set(most.volts, self.vehicle.volts, now)
        _set(most.amps, self.vehicle.amps, now)
        _set(most.watts, self.vehicle.watts, now)
        _set(back.amps, self.vehicle.back, now)
        _set(back.watts, self.vehicle.watts_back, now)
        if said.stage is Stage.PARAMETERS:
            self.parameters, self.wanted_from = said, self.energy.net

    def _limit_charger(self, said: Said) -> None:
        now = self.now
        _set(said.most.volts, self.charger.volts, now)
        _set(said.most.amps, self.charger.amps, now)
        _set(said.most.watts, self.charger.watts, now)
        _set(said.line_amps, self.line_amps, now)
        _set(said.back.amps, self.charger.back, now)
        _set(said.back.watts, self.charger.watts_back, now)
        if said.stage is Stage.PARAMETERS:
            self.offer = said
            self.phase_most, self.phase_back = said.phase_most, said.phase_back

    def _asked(self, said: Said) -> None:
        now, steps, energy = self.now, self.steps, self.energy
        self._limit_vehicle(said)
        energy.capacity = said.capacity or energy.capacity
        if said.soc is not None:
            if said.soc != energy.soc:
                energy.soc_wh = energy.net
            energy.soc, energy.soc_most = said.soc, max(said.soc, energy.soc_most)
        if said.stage is Stage.CABLE_CHECK and steps.precharge_volts is not None:  # again, after a renegotiation
            steps.precharge_volts, steps.reached, self.plant.highest = None, None, 0.0
        elif said.stage is Stage.PRECHARGE:
            if said.target_volts != steps.precharge_volts:
                steps.precharge_at, steps.precharge_volts, steps.precharged = now, said.target_volts, False
            self.asked.amps.set(PRECHARGED, now)
        elif said.stage is Stage.LOOP:
            self._targets(said)
            if self.ac and said.phases and not self.plant.measured:
                energy.tell(sum(said.phases), now)
        elif said.stage is Stage.DELIVERY and said.progress == "Start":
            self.start = said
        elif said.stage is Stage.DELIVERY and said.progress in NOT_FLOWING:
            self.asked.amps.set(0.0, now)
            self.asked.back.set(0.0, now)
            if said.progress != "Standby":
                steps.stop_at, steps.renegotiates = now, said.progress == "Renegotiate"

    def _targets(self, said: Said) -> None:
        now = self.now
        amps = said.target_amps if said.target_amps is not None else said.most.amps
        volts = said.target_volts if said.target_volts is not None else said.most.volts
        self.asked.by_charger = said.target_amps is None
        given = said.back.amps if self.asked.by_charger else max(-(said.target_amps or 0.0), 0.0)
        rests = self.facts.iso20.standby
        self.asked.back.set(0.0 if rests else given or 0.0, now)
        wrong = bool(said.error) or said.ready is False
        # EVReady only informs in DIN SPEC 70121: a charger may heed it, and need not.
        halts = bool(said.error) or (wrong and self.facts.protocol != "din70121")
        if wrong and self.steps.error_at is None:
            self.steps.error_at = now
        elif not wrong:
            self.steps.error_at = None
        if amps is not None:
            wanted = 0.0 if halts or rests else max(amps, 0.0)
            turned = (amps < 0.0) is not self.asked.backwards
            self.asked.backwards = amps < 0.0
            if turned or wanted != self.asked.amps.value or volts != self.asked.volts.value:
                self.asked.since = now
            self.asked.amps.set(wanted, now)
        if volts is not None:
            self.asked.volts.set(volts, now)

    def _answered(self, said: Said) -> None:
        now, request = self.now, self.request
        if not said.ok:
            self._refused()
            return
        if said.volts is not None:
            self._shows(said)
        if said.wh is not None and said.stage is Stage.LOOP:
            self.energy.read(said, now)
        if said.stage in (Stage.PARAMETERS, Stage.LOOP):
            self._limit_charger(said)
        if said.stage is Stage.PARAMETERS:
            self.slack = said.slack
        elif said.stage is Stage.CABLE_CHECK and said.finished:
            self.steps.checked, self.steps.isolation = True, said.isolation
        elif said.stage is Stage.DELIVERY and request is not None:
            self._delivered(request.progress)
        self.ending.note(said, now)

    def _refused(self) -> None:
        """A refusal, which ends the session."""
        self.steps.failed_at = self.now if self.steps.failed_at is None else self.steps.failed_at

    def _delivered(self, progress: str) -> None:
        if progress == "Start":
            self.steps.on_at, self.steps.stop_at, self.steps.stopped_at = self.now, None, None
            self.energy.begin()
            self.reports = deque(maxlen=64)
        elif progress in ("Stop", "Renegotiate"):
            self.steps.stopped_at = self.now
            self.steps.checked, self.steps.isolation = False, ""

    def _shows(self, said: Said) -> None:
        if said.stage is Stage.LOOP and said.amps is not None and said.volts is not None:
            if self.reports:
                self.energy.report(self.reports[-1], Sample(self.now, said.volts, said.amps))
            self.reports.append(Sample(self.now, said.volts, said.amps))
        if said.stage is Stage.PRECHARGE:
            self.steps.reached = said.volts
        self.steps.last_volts = said.volts
        self.shown = said

    # -- what is measured ---------------------------------------------------------------------------------------------

    def see(self, measured: Measured) -> None:
        """Takes a measurement into account, before it is judged."""
        self.plant.measured, self.plant.open = True, measured.battery is False
        if self.plant.samples:
            before = self.plant.samples[-1]
            self.energy.flow(before.volts * before.amps * measured.phases, before.time, self.now)
        self.plant.samples.append(Sample(self.now, measured.volts, measured.amps))
        if self.request is not None and self.request.stage is Stage.CABLE_CHECK:
            self.plant.highest = max(self.plant.highest, measured.volts)

    def recent(self) -> list[Sample]:
        """Measurements as old as present values may be, with the last one before."""
        return self.plant.since(self.now - self.terms.lag)

    def unplugged(self) -> None:
        """The connection is over."""
        self.steps.over_at = self.now if self.steps.over_at is None else self.steps.over_at


def _set(value: float | None, ceiling: Ceiling, now: float) -> None:
    if value is not None:
        ceiling.set(value, now)
