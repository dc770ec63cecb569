"""The charger as a plant: connector, ratings, output, pilot, meter and authorizer, without any protocol.

The answers to requests read and set an `Evse`. Protection does not depend on them: whenever the pilot leaves C and D,
the DC output and the AC contactor switch off by themselves, as a charger's hardware does within 100 ms. Neither comes
on without C or D, or during an emergency or a malfunction (`Evse.may_be_live`).
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from boundary import listeners
from secc.authorizer import Authorizer, Immediate
from secc.envelope import LimitedOutput
from secc.manager import EnergyManager, constant
from secc.meter import Clock, Meter, loop_time
from secc.plan import Plan, Slot
from secc.power import Limits, PowerSource
from secc.simulated import SimulatedPowerSource
from secc.supply import AcSupply
from slac.connector import CCS2, Connector, PowerClass, power_class
from slac.pilot import READY, STEADY, ChargerPilot, Reading, State
from v2g import energy
from v2g.physical import SAFE_VOLTAGE

NO_CURRENT = 1.0  # A: below this, no current counts as flowing
KEPT = 100
"""Number of trips, receipts and issued contracts kept from past sessions."""
PAUSES_IDLE = 600.0
"""Time without energy for which a vehicle is invited to pause, s."""
SWITCH_OFF_LIMIT = 2.0  # s: `Evse.safe` watches no longer than this


class Fault(enum.Enum):
    """Why the charger cannot continue; the protocols have a status code for each."""

    SHUTDOWN = "shutdown"  # a person stopped it at the charger
    UTILITY_INTERRUPT = "utility interrupt"
    EMERGENCY = "emergency"  # emergency button, protection
    MALFUNCTION = "malfunction"


CUTS_OFF = frozenset({Fault.EMERGENCY, Fault.MALFUNCTION})
"""Faults that forbid power at once; with the others, a vehicle may ramp down."""


class Wish(enum.Enum):
    """What the charger wants from the vehicle."""

    NOTHING = "nothing"
    STOP = "stop"
    RENEGOTIATE = "renegotiate"
    PAUSE = "pause"  # this and the following: ISO 15118-20
    OTHER_SERVICE = "other service"
    EXIT_STANDBY = "exit standby"


class Notification(NamedTuple):
    """A wish, and the time in which the vehicle shall act, in whole seconds (0 to 65535; 0: at once)."""

    wish: Wish
    max_delay: int = 0


@dataclass(frozen=True, slots=True)
class MobilityNeeds:
    """The next trip as a person entered it at the charger; None: not entered (ISO 15118-20, dynamic mode).

    Attributes:
        departure: loop time, s.
        minimum_soc, target_soc: percent, at departure.

    Raises:
        ValueError: a state of charge outside 0 to 100, or a minimum above the target.
    """

    departure: float | None = None
    minimum_soc: int | None = None
    target_soc: int | None = None

    def __post_init__(self) -> None:
        least, most = self.minimum_soc, self.target_soc
        for what, soc in (("minimum", least), ("target", most)):
            if soc is not None and not 0 <= soc <= 100:
                raise ValueError(f"a {what} of {soc} % is outside 0 to 100")
        if least is not None and most is not None and least > most:
            raise ValueError(f"a minimum of {least} % is above the target of {most} %")


class Shutdown(NamedTuple):
    """Result of `Evse.safe`: seconds until the current was gone and until the output was below 60 V; None: not seen."""

    current_after: float | None
    voltage_after: float | None

    @property
    def clean(self) -> bool:
        """Whether both were gone in time. Voltage remains while the vehicle's contactors are closed, or welded."""
        return self.current_after is not None and self.voltage_after is not None


class Evse:
    """One outlet.

    Attributes:
        connector: the profile of its plug.
        evse_id: EVSEID as in ISO 15118-2, 7 to 37 characters.
        power: the DC output within the limits of both sides, or None on an AC outlet. It never exposes the driver that
            it wraps.
        ac: the AC supply, or None on a DC outlet.
        pilot: the charger's end of the control pilot.
        meter: counts DC output or AC supply.
        authorizer: decides who may charge.
        schedule: power limits offered to the vehicle, first slot at 0.
        schedule_seconds: duration of the schedule.
        planning_seconds: time needed to plan a schedule; until then the vehicle is answered Ongoing.
        plans: up to three priced schedules to offer instead of `schedule`; empty: `schedule`, without prices.
        tuple_ids: ids of those schedules: SAScheduleTupleID, 1 to 255, or ScheduleTupleID of ISO 15118-20.
        free: whether charging costs nothing.
        manager: the energy manager; sets the power that the charger wants in dynamic mode (ISO 15118-20).
        mobility_needs: departure and states of charge that a person set at the charger; the bench may change them at
            any time. None: the charger does not ask (ISO 15118-20).
        pauses_idle: if no plan provides energy for this long, the vehicle is invited to pause (GoToPause), s.
        reactive_power: reactive power that the charger requests of the vehicle, VAr over all phases; None: no request.
        insists_on_tolerance: refuse a vehicle that does not confirm the PowerTolerance; else have it renegotiate.
        target_power: power that the charger wants to deliver in dynamic mode (ISO 15118-20), W; applied within all
            limits. Negative: power that it wants from the vehicle, in a bidirectional service.
        bidirectional: offer the bidirectional services beside those that only charge (ISO 15118-20); by default, if the
            output or the supply is capable of it.
        dynamic_first: offer dynamic mode before scheduled mode; many vehicles take the first one offered.
        separated: each direction has its own power path, so a change of direction needs a PowerDelivery (BPTChannel).
        generator: GeneratorMode of a discharging vehicle.
        islanding: GridCodeIslandingDetectionMethod, how the loss of the grid is detected in AC.
        negative_discharge_limits: send discharge limits as negative numbers, as some chargers do; received ones are
            always read as magnitudes.
        fault: why the charger cannot continue, or None. `fail` sets it.
        trips: what the protection switched off by itself, one line each.
    """

    def __init__(
        self,
        pilot: ChargerPilot,
        *,
        connector: Connector = CCS2,
        power: PowerSource | None = None,
        ac: AcSupply | None = None,
        authorizer: Authorizer | None = None,
        meter: Meter | None = None,
        evse_id: str = "DE*PLF*E00001",
        schedule: Sequence[Slot] = (),
        schedule_seconds: int = 86400,
        clock: Clock = loop_time,
    ) -> None:
        """An empty ``schedule`` becomes one slot at full power.

        Raises:
            ValueError: neither a DC output nor an AC supply is given.
        """
        if power is None and ac is None:
            raise ValueError("a charger needs a DC output or an AC supply")
        self.connector = connector
        self._power = None if power is None else LimitedOutput(power, clock=clock)
        self.ac = ac
        self.pilot = pilot
        self.authorizer = authorizer or Immediate()
        self.meter = meter or Meter(self._watts, reactive=None if ac is None else self._vars, clock=clock)
        self.evse_id = evse_id
        self.schedule = tuple(schedule) or (Slot(0, self.max_power),)
        self.schedule_seconds = schedule_seconds
        self.planning_seconds = 0.0
        self.plans: Sequence[Plan] = ()
        self.tuple_ids: Sequence[int] = (1, 2, 3)
        self.free = True
        self.manager = EnergyManager(clock=clock)
        self.mobility_needs: MobilityNeeds | None = None
        self.pauses_idle = PAUSES_IDLE
        self.insists_on_tolerance = False
        self.reactive_power: float | None = None
        self.bidirectional = (
            power.limits.sinks if power is not None else ac is not None and ac.max_discharge_current > 0
        )
        self.dynamic_first = False
        self.separated = False
        self.generator, self.islanding = energy.GRID_FOLLOWING, energy.ACTIVE
        self.negative_discharge_limits = False
        self.fault: Fault | None = None
        self.trips: list[str] = []
        self._clock = clock
        self._wish = Wish.NOTHING
        self._act_until = 0.0
        self._watchers: dict[object, Callable[[], None]] = {}
        for output in (self._power, ac):
            if output is not None:
                output.interlock, output.on_step = self.may_be_live, self._metered
        pilot.subscribe(self._pilot_changed)

    # ------------------------------------------------------------------------------------------ power

    @property
    def target_power(self) -> float:
        """Power that the charger wants now in dynamic mode, W, before any limits; negative: from the vehicle."""
        return self.manager.watts

    @target_power.setter
    def target_power(self, watts: float) -> None:
        self.manager.plan = constant(watts)

    @property
    def power(self) -> LimitedOutput | None:
        return self._power

    def forget_limits(self) -> None:
        """Forgets the last vehicle's limits and what was agreed with it; called when a vehicle arrives or leaves.

        The DC output is off and delivers nothing until the next vehicle declares its limits.
        """
        if self.power is not None:
            self.power.forget()
        if self.ac is not None:
            self.ac.forget()

    @property
    def max_power(self) -> float:
        """Power that the charger can deliver now, W."""
        if self.power is not None:
            return self.power.limits.max_power
        assert self.ac is not None
        return self.ac.nominal_voltage * self.ac.max_current * self.ac.phases

    @property
    def max_discharge_power(self) -> float:
        """Power that the charger can take from a vehicle now, W; 0: none."""
        if not self.bidirectional:
            return 0.0
        if self.power is not None:
            return self.power.limits.max_discharge_power
        assert self.ac is not None
        return self.ac.nominal_voltage * self.ac.max_discharge_current * self.ac.phases

    @property
    def watts(self) -> float:
        """Present power, W; negative: from the vehicle."""
        return self._watts()

    @property
    def energised(self) -> bool:
        """Whether the outlet has a dangerous voltage (60 V), a current either way, or a closed AC contactor."""
        if self.ac is not None and self.ac.closed:
            return True
        return self.power is not None and (self.power.voltage >= SAFE_VOLTAGE or abs(self.power.current) >= NO_CURRENT)

    def may_be_live(self) -> bool:
        """Whether the outlet may come on now: the pilot shows C or D, and no fault forbids power."""
        return self.fault not in CUTS_OFF and self.pilot.shows(*READY)

    @property
    def driven(self) -> bool:
        """Whether the DC output is on, even for a test, or the AC contactor is closed or closing."""
        return (self.power is not None and self.power.on) or (self.ac is not None and self.ac.driven)

    def off(self) -> None:
        """Switches the DC output and the AC supply off at once, without waiting; leaves the pilot alone."""
        if self.power is not None:
            self.power.off()
        if self.ac is not None:
            self.ac.open()

    async def safe(self) -> Shutdown:
        """Switches everything off, PWM last, and watches for up to 2 s that the outlet is dead.

        Survives cancellation: the output is off before the first await.
        """
        start = self._clock()
        self.off()
        current_after = voltage_after = None
        try:
            while (age := self._clock() - start) <= SWITCH_OFF_LIMIT:
                self.meter.read()
                if current_after is None and self._amps() < NO_CURRENT:
                    current_after = age
                if current_after is not None and not self.energised:
                    voltage_after = age
                    break
                await asyncio.sleep(0.01)
        finally:
            if self.pilot.state not in (State.E, State.F):
                self.pilot.offer(STEADY)
        return Shutdown(current_after, voltage_after)

    # ------------------------------------------------------------------------------------------ wishes and faults

    def request_stop(self, max_delay: int = 0) -> None:
        """Asks the vehicle to stop within ``max_delay`` seconds; in force until `forget`."""
        self._want(Wish.STOP, max_delay)

    def request_renegotiation(self, max_delay: int = 0) -> None:
        """Asks the vehicle to renegotiate within ``max_delay`` seconds, until `forget`. A stop has priority."""
        if self._wish is not Wish.STOP:
            self._want(Wish.RENEGOTIATE, max_delay)

    def request(self, wish: Wish, max_delay: int = 0) -> None:
        """Notifies the vehicle of another wish of ISO 15118-20, until `forget`. A stop has priority."""
        if self._wish is not Wish.STOP:
            self._want(wish, max_delay)

    def forget(self) -> None:
        """Drops the wish: the vehicle has fulfilled it, or the session is over."""
        self._wish = Wish.NOTHING
        self._tell()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Calls ``changed`` after each change of the wish or the fault, until the returned function is called."""
        key = object()
        self._watchers[key] = changed
        return lambda: self._watchers.pop(key, None) and None

    @property
    def notification(self) -> Notification:
        """The notification for the vehicle now; its delay counts down."""
        if self._wish is Wish.NOTHING:
            return Notification(Wish.NOTHING)
        return Notification(self._wish, max(0, round(self._act_until - self._clock())))

    def fail(self, fault: Fault) -> None:
        """Sets `fault`. EMERGENCY and MALFUNCTION switch off at once; other faults let the vehicle ramp down."""
        self.fault = fault
        if fault in CUTS_OFF:
            self.off()
        self._tell()

    def clear(self) -> None:
        """Clears the fault."""
        self.fault = None
        self._tell()

    # ------------------------------------------------------------------------------------------ inside

    def _want(self, wish: Wish, max_delay: int) -> None:
        if not 0 <= max_delay <= 65535:
            raise ValueError(f"a delay of {max_delay} s is outside 0 to 65535")
        self._wish = wish
        self._act_until = self._clock() + max_delay
        self._tell()

    def _tell(self) -> None:
        listeners.tell(self._watchers.values())

    def _amps(self) -> float:
        direct = self.power.current if self.power is not None else 0.0
        return abs(direct) + abs(self.ac.current if self.ac is not None else 0.0)

    def _metered(self) -> None:
        self.meter.read()

    def _vars(self) -> float:
        return self.ac.reactive if self.ac is not None else 0.0

    def _watts(self) -> float:
        power = self.power
        direct = power.voltage * power.current if power is not None else 0.0
        return direct + (self.ac.power if self.ac is not None else 0.0)

    def _pilot_changed(self, reading: Reading) -> None:
        if reading.state is None or reading.state in READY:
            return
        if self.power is not None and self.power.on:
            volts, amps = self.power.voltage, self.power.current
            self.trips.append(f"pilot {reading.label} with the output on, {volts:.0f} V {amps:.1f} A: switched off")
        # AC charging ends by returning to B with the contactor closed; only a known current is wrong there.
        if self.ac is not None and self.ac.load is not None and abs(self.ac.current) >= NO_CURRENT:
            self.trips.append(f"pilot {reading.label} with {self.ac.current:.1f} A flowing: switched off")
        self.off()


def simulated(evse: Evse) -> SimulatedPowerSource | None:
    """The simulation behind the DC output, to couple, derate or break it; None if the output is not simulated."""
    driver = evse.power.driver if evse.power is not None else None
    return driver if isinstance(driver, SimulatedPowerSource) else None


def simulated_dc(
    pilot: ChargerPilot,
    *,
    kw: float = 150.0,
    rating: PowerClass | None = None,
    connector: Connector = CCS2,
    authorizer: Authorizer | None = None,
    clock: Clock = loop_time,
) -> Evse:
    """A DC charger with a simulated output of this power class, or with a custom ``rating``.

    Raises:
        ValueError: unknown power class.
    """
    limits = Limits.of(rating or power_class(kw))
    source = SimulatedPowerSource(limits, clock=clock)
    return Evse(pilot, connector=connector, power=source, authorizer=authorizer, clock=clock)
