"""The vehicle as a plant: battery, inlet, contactors, onboard charger and pilot, independent of any protocol.

The protocol script passes on what the charger reports (`take_dc`, `take_ac`), and closes and opens the contactors. The
vehicle records whatever would have damaged a real one: see `Contactors`.

The voltage and current at the inlet are measured if the bench gives a ``sense`` callable (both roles in one process,
or hardware). Without one, the vehicle believes the charger's reports, and assumes that the current is gone 0.3 s after
the pilot went back to B, three times the 0.1 s that a charger has for it; after 2 s if the last report said more than
5 A and there is time.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from evcc.battery import Battery, Wanted
from evcc.rundown import CURRENT_DOWN, NO_CURRENT, Rundown
from slac.connector import CCS2, Connector
from slac.pilot import READY, STEADY, Reading, State, VehiclePilot

Clock = Callable[[], float]

MATCH = 20.0  # V: largest difference for closing contactors (ISO 15118-2, IEC 61851-23)
AT_ONCE = 0.5  # s: the longest wait for a current that does not fall, after an alarm or a broken session
_ASSUMED_DOWN = 0.3  # s: without measurement


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Settings:
    """The choices of a driver or a test.

    Attributes:
        departure: seconds from now until departure, or None.
        leaves_at: the same as a loop time, s, once it has been changed; takes precedence over ``departure``.
        minimum_soc: least state of charge at departure, percent; None: the battery's minimum, if energy is given back.
        target_power: power that the driver wants, W, within all limits; negative: give that much back, in a
            bidirectional service in which the vehicle decides (scheduled mode).
        energy_request_wh: energy requested, Wh; None: the energy missing to the target.
        precharge_tolerance: largest difference between inlet and battery voltage for closing the contactors, V.
        precharge_current: target current in precharge, A; the standards allow 2 A.
        loop_delay: pause between two messages of a loop, s. Cars take 0.02 to 0.26.
        error_code: vehicle error reported to the charger, as the protocol spells it; ``NO_ERROR``: none.
        trusts_report: judge precharge by the charger's report even if the inlet is measured (some cars do).
        pauses: seconds the car waits before it sends a request, by message name; ``default`` is for all others.
        prefers_standby: go to standby when the charger asks for a pause (ISO 15118-20).
        sleeps: pause the session if the schedule allows no power for this long, s; None: never. With a number the car
            also accepts an invitation to pause before power flows (ISO 15118-20, like all that follow).
        confirms_tolerance: the car undertakes to stay as close to its profile as a PowerTolerance says.
        follows_needs: departure and states of charge set at the charger apply, if the charger may send them; otherwise
            those of the driver apply.
        sells_at: the lowest price per kWh for which the driver gives energy back, in ``currency``; it is offered to the
            charger, and the car gives back while a discharging schedule pays that much; None: ``target_power`` applies.
        currency: three capital letters.
    """

    departure: int | None = None
    leaves_at: float | None = None
    minimum_soc: int | None = None
    target_power: float = math.inf
    energy_request_wh: float | None = None
    precharge_tolerance: float = MATCH
    precharge_current: float = 1.0
    loop_delay: float = 0.1
    error_code: str = "NO_ERROR"
    trusts_report: bool = False
    pauses: Mapping[str, float] = field(default_factory=dict)
    prefers_standby: bool = False
    sleeps: float | None = None
    confirms_tolerance: bool = True
    follows_needs: bool = True
    sells_at: float | None = None
    currency: str = "EUR"


class Contactors:
    """The vehicle's main contactors, and the record of their mistreatment.

    Attributes:
        closed: whether they are closed.
        mishaps: one line for each closing at a difference of more than 20 V and each opening at more than 5 A.
        welded: injected fault: they no longer open.
    """

    def __init__(self) -> None:
        self.closed = False
        self.mishaps: list[str] = []
        self.welded = False

    def close(self, outside: float, inside: float) -> None:
        """Closes them with these voltages on either side, V."""
        if not self.closed and abs(outside - inside) > MATCH:
            self.mishaps.append(f"contactors closed at {outside:.1f} V outside, {inside:.1f} V inside")
        self.closed = True

    def open(self, current: float) -> None:
        """Opens them with this current flowing, A."""
        if self.closed and abs(current) > NO_CURRENT:
            self.mishaps.append(f"contactors opened under load, {current:.1f} A")
        self.closed = self.welded


@dataclass
class OnboardCharger:
    """The AC charger in the car.

    Attributes:
        phases: number of phases it uses.
        max_current, min_current: per phase, A.
        efficiency: power at the battery divided by power at the outlet, and the reverse when giving back.
        max_discharge_current, min_discharge_current: out of the car per phase as magnitudes, A; 0: it only charges.
        per_phase: it states its limits per phase, which shows that it can be controlled per phase.
    """

    phases: int = 3
    max_current: float = 16.0
    min_current: float = 6.0
    efficiency: float = 0.92
    max_discharge_current: float = 0.0
    min_discharge_current: float = 0.0
    per_phase: bool = False


class AcDraw(NamedTuple):
    """What the onboard charger draws: amperes per phase, number of phases, total watts; negative: gives back.

    ``reactive`` is in VAr over all phases.
    """

    current: float
    phases: int
    power: float
    reactive: float = 0.0


class Measured(NamedTuple):
    """Voltage and current at the inlet, V and A."""

    voltage: float
    current: float


class Vehicle:
    """A car plugged in at an outlet.

    Attributes:
        battery, pilot, contactors, inlet (the connector's profile), onboard, settings: its parts.
        evccid: MAC address of the communication controller, 6 bytes.
        evccid20: EVCCID of ISO 15118-20: manufacturer code and a unique part; "": the name in the vehicle certificate,
            without one made of ``evccid``.
        sense: measures voltage and current at the inlet, V and A; None: not measured.
        stop, pause, renegotiate: set by the driver or the bench; the script obeys and clears them.
        another_service: the same, for changing to the service that the options then name (ISO 15118-20).
        standby: while set, no power is wanted and the session continues; the script clears it if the charger does not
            allow standby or wants it to end (ISO 15118-20).
        wake: set by the driver or the bench to end a pause.
        asleep: a session is paused, and the vehicle waits for its end.
        ending: why the session under way is coming to its end, or "".
        trouble: set when the pilot demands an emergency stop; ``trouble_text`` says why.
        notes: assumptions made because nothing measures the value, one line each.
    """

    def __init__(
        self,
        pilot: VehiclePilot,
        battery: Battery | None = None,
        *,
        inlet: Connector = CCS2,
        onboard: OnboardCharger | None = None,
        settings: Settings | None = None,
        evccid: bytes = bytes.fromhex("020000000001"),
        sense: Callable[[], tuple[float, float]] | None = None,
        clock: Clock = _loop_time,
    ) -> None:
        """The onboard charger must not exceed the inlet's phases and current. ValueError: ``evccid`` is not 6 bytes."""
        if len(evccid) != 6:
            raise ValueError(f"an EVCCID is 6 bytes, not {len(evccid)}")
        self.pilot = pilot
        self.battery = battery or Battery()
        self.inlet = inlet
        self.onboard = onboard or OnboardCharger(phases=inlet.ac_phases)
        self.settings = settings or Settings()
        self.evccid = evccid
        self.evccid20 = ""
        self.contactors = Contactors()
        self.sense = sense
        self.stop = asyncio.Event()
        self.pause = asyncio.Event()
        self.renegotiate = asyncio.Event()
        self.another_service = asyncio.Event()
        self.standby = asyncio.Event()
        self.wake = asyncio.Event()
        self.asleep = False
        self.ending = ""
        self.trouble = asyncio.Event()
        self.trouble_text = ""
        self.notes: list[str] = []
        self._clock = clock
        self._told = Measured(0.0, 0.0)
        self._told_at: float | None = None
        self._ac = AcDraw(0.0, 0, 0.0)
        self._ac_at: float | None = None
        self._shown: State | None = None
        self._begun = False
        pilot.subscribe(self._pilot_changed)

    def begin(self) -> None:
        """Starts a session: forgets requests, trouble and the last charger's reports, but keeps the mishaps.

        Whoever takes requests for a session before it runs calls this first. The session calls it again, and keeps the
        requests made since then.
        """
        if not self._begun:
            self._forget()
        self._begun = True
        self.trouble.clear()
        self.trouble_text = ""
        self._told, self._told_at = Measured(0.0, 0.0), None

    def end(self) -> None:
        """The session is over: requests that it has not obeyed are forgotten."""
        self._forget()
        self._begun = False

    def _forget(self) -> None:
        self.ending = ""
        for event in (self.stop, self.pause, self.renegotiate, self.another_service, self.standby):
            event.clear()

    # ------------------------------------------------------------------------------------------ DC

    @property
    def inlet_voltage(self) -> float:
        """Voltage at the inlet, V: measured, or as the charger last reported it."""
        if self.sense is not None and not self.settings.trusts_report:
            return self.sense()[0]
        return self._told.voltage

    @property
    def current(self) -> float:
        """DC current at the inlet, A, negative out of the vehicle: measured, or as the charger last reported it."""
        return self.sense()[1] if self.sense is not None else self._told.current

    @property
    def measured(self) -> Measured:
        """`inlet_voltage` and `current` at the same moment."""
        if self.sense is None:
            return self._told
        found = Measured(*self.sense())
        return found._replace(voltage=self._told.voltage) if self.settings.trusts_report else found

    def wanted(self, max_voltage: float, max_current: float, max_power: float) -> Wanted:
        """The battery's targets within the charger's limits (V, A, W), and its power at the voltage that is present.

        Where only the charger's word says what that is, its output may have nothing of the battery behind it, and
        another voltage.
        """
        targets = self.battery.wanted(max_voltage, max_current, max_power)
        if self.sense is not None or self._told.voltage <= self.battery.voltage:
            return targets
        power = min(max_power, self.battery.pack.max_power)
        return targets._replace(current=min(targets.current, max(power, 0.0) / self._told.voltage))

    @property
    def matched(self) -> bool:
        """Whether the inlet is close enough to the battery's voltage to close the contactors."""
        return abs(self.inlet_voltage - self.battery.voltage) <= self.settings.precharge_tolerance

    def report(self, voltage: float) -> None:
        """Takes the output voltage that the charger reports while not charging (precharge, welding detection), V."""
        self._told = Measured(voltage, 0.0)
        self._told_at = None

    def take_dc(self, voltage: float, current: float) -> None:
        """Takes the output that the charger reports, V and A; charges the battery for the time since the last report.

        Nothing flows through open contactors, whatever the report says.
        """
        now = self._clock()
        if self.contactors.closed:
            measured = self.sense() if self.sense is not None else (voltage, current)
            seconds = now - self._told_at if self._told_at is not None else 0.0
            mean = (self.battery.current + measured[1]) / 2.0
            self.battery.step(measured[0], mean, seconds)
            self.battery.current = measured[1]
        self._told = Measured(voltage, current)
        self._told_at = now

    def close_contactors(self) -> None:
        """Closes the DC contactors between inlet and battery."""
        outside = self.sense()[0] if self.sense is not None else self._told.voltage
        self.contactors.close(outside, self.battery.voltage)

    def open_contactors(self) -> None:
        """Opens the DC contactors now. `safe` waits for the current to fall first."""
        self.contactors.open(self.current)
        self._told = self._told._replace(current=0.0)
        self._told_at = None
        self.battery.rest()

    def load(self) -> tuple[float, float] | None:
        """The load at a charger's output: open-circuit voltage and resistance (V, ohm); None with contactors open."""
        return self.battery.source if self.contactors.closed else None

    # ------------------------------------------------------------------------------------------ AC

    def take_ac(self, voltage: float, max_current: float, phases: int = 3) -> AcDraw:
        """Draws AC within the charger's limit from now on; charges the battery for the time since the last call.

        Args:
            voltage: line to neutral, V.
            max_current: offered per phase, A. Below the onboard charger's least current, nothing is drawn.
            phases: number of phases offered.

        Returns:
            What is drawn from now on; nothing if the pilot is not in C or D or the battery is full.
        """
        self._settle_ac()
        onboard, phases = self.onboard, min(phases, self.onboard.phases)
        amps = min(max_current, onboard.max_current)
        # Near full, the battery takes less than the outlet gives.
        accepted = self.battery.wanted().current * self.battery.voltage / onboard.efficiency
        ready = not self.battery.full and amps >= onboard.min_current
        return self._flow(voltage, min(amps, accepted / (voltage * phases)) if ready else 0.0, phases)

    def give_ac(self, voltage: float, max_current: float, phases: int = 3) -> AcDraw:
        """Gives AC back within the charger's limit from now on; otherwise like `take_ac`.

        Args:
            max_current: accepted per phase as a magnitude, A. Below the onboard charger's least, nothing is given back.

        Returns:
            What is given back from now on, as negative numbers; nothing at the battery's minimum SoC.
        """
        self._settle_ac()
        onboard, phases = self.onboard, min(phases, self.onboard.phases)
        amps = min(max_current, onboard.max_discharge_current)
        spare = self.battery.spare()
        watts = spare * (self.battery.open_voltage - spare * self.battery.resistance) * onboard.efficiency
        ready = amps >= onboard.min_discharge_current
        return self._flow(voltage, -min(amps, watts / (voltage * phases)) if ready else 0.0, phases)

    def shift_ac(self, voltage: float, reactive: float) -> AcDraw:
        """Adds reactive power to the present flow, VAr over all phases, as far as the current per phase allows."""
        now, limit = self._ac, self.onboard.max_current * voltage * self._ac.phases
        most = math.sqrt(max(limit * limit - now.power * now.power, 0.0)) if self.pilot.state in READY else 0.0
        self._ac = now._replace(reactive=min(max(reactive, -most), most))
        return self._ac

    def _flow(self, voltage: float, amps: float, phases: int) -> AcDraw:
        """Sets the flow from now on, A per phase; nothing flows unless the pilot is in C or D."""
        if self.pilot.state not in READY:
            amps = 0.0
        self._ac, self._ac_at = AcDraw(amps, phases, voltage * amps * phases), self._clock()
        return self._ac

    @property
    def ac_current(self) -> float:
        """Amperes per phase drawn now, negative: given back; the bench attaches it as the load of the AC supply."""
        return self._ac.current if self.pilot.state in READY else 0.0

    @property
    def ac_power(self) -> float:
        """Power drawn now over all phases, W; negative: given back."""
        return self._ac.power if self.pilot.state in READY else 0.0

    @property
    def ac_reactive(self) -> float:
        """Reactive power over all phases now, VAr; positive as for an inductor."""
        return self._ac.reactive if self.pilot.state in READY else 0.0

    @property
    def ac_phases(self) -> int:
        """Number of phases in use."""
        return self._ac.phases

    def stop_ac(self) -> None:
        """Stops drawing AC; does nothing if none flows."""
        if self._ac_at is None:
            return
        self._settle_ac()
        self._ac, self._ac_at = AcDraw(0.0, 0, 0.0), None
        self.battery.rest()

    def _settle_ac(self) -> None:
        if self._ac_at is None:
            return
        seconds = self._clock() - self._ac_at
        volts, efficiency = self.battery.open_voltage, self.onboard.efficiency
        watts = self._ac.power * efficiency if self._ac.power >= 0.0 else self._ac.power / efficiency
        self.battery.step(volts, watts / volts, seconds)
        self._ac_at = self._clock()

    # ------------------------------------------------------------------------------------------ ending

    def show(self, state: State) -> None:
        """Sets the pilot. A board reports a change only after making it, so the requested state counts from now on."""
        self._shown = state
        self.pilot.set(state)

    async def safe(self, within: float = CURRENT_DOWN) -> None:
        """Returns to B, waits until the current is gone, and opens the contactors.

        The contactors open in any case, even if the pilot fails or the wait is cancelled; opening under load becomes a
        mishap.

        Args:
            within: s for which a measured current may fail to fall. A falling current is waited for; with `AT_ONCE`
                for at most 2 s in all.
        """
        self.stop_ac()
        try:
            self.show(State.B)
        finally:
            await self._open(within)

    async def _open(self, within: float) -> None:
        """Opens the contactors once the current is gone, or the wait for it is over."""
        if not self.contactors.closed:
            self.open_contactors()
            return
        try:
            if self.sense is None:
                loaded = abs(self._told.current) > NO_CURRENT and within > AT_ONCE
                assumed = within if loaded else min(_ASSUMED_DOWN, within)
                await asyncio.sleep(assumed)
                self._told = self._told._replace(current=0.0)
                self._note(f"current assumed to be zero {assumed:g} s after pilot B: the inlet is not measured")
            else:
                most = math.inf if within > AT_ONCE else CURRENT_DOWN
                rundown = Rundown(self.sense()[1], self._clock(), within, most)
                while not rundown.over(self.sense()[1], self._clock()):  # noqa: ASYNC110 - a meter has no event
                    await asyncio.sleep(0.01)
        finally:
            self.open_contactors()

    @contextlib.asynccontextmanager
    async def opening(self) -> AsyncIterator[None]:
        """Returns to B now; the contactors open beside what is done meanwhile, as by `safe` with `AT_ONCE`.

        For messages that must not wait for the current to fall. At the end, the contactors are open.
        """
        falling = asyncio.create_task(self.safe(within=AT_ONCE))
        await asyncio.sleep(0)  # the pilot goes first
        try:
            yield
        finally:
            await falling

    async def emergency(self, why: str) -> None:
        """`safe` with `AT_ONCE`; the reason goes to ``trouble_text``."""
        self.alarm(why)
        await self.safe(within=AT_ONCE)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def alarm(self, why: str) -> None:
        """Sets ``trouble``: the running session is aborted, and the vehicle made safe."""
        if not self.trouble.is_set():
            self.trouble_text = why
            self.trouble.set()

    def _pilot_changed(self, reading: Reading) -> None:
        """Raises an alarm on E, F, a pulled plug, and PWM going off while ready: each one means "stop now"."""
        if reading.state in (State.A, State.E, State.F):
            self.alarm(f"pilot went to {reading.label}")
        elif reading.state in READY and reading.duty == STEADY and self._shown is not State.B:
            self.alarm("charger switched PWM off while the vehicle was ready")
