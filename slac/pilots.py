"""Control pilots without hardware: simulated for both roles in one process, assumed for one role alone.

`SimulatedPilot` is a wire with two ends; what one end does, the other sees at once.

`AssumedVehiclePilot` and `AssumedChargerPilot` are for two processes on two hosts that share nothing but a network.
Both assume that the peer is plugged in and shows whatever the protocol asks for at that moment. Never checked then:

- by the charger: B before and C or D at CableCheck or PowerDelivery, B again before WeldingDetection; unplugging (A),
  and a vehicle that leaves C while power flows;
- by the vehicle: the 5 % duty, PWM going off, and E or F as the charger's emergency stop.

Each check that would have been made is listed in ``unchecked``. So a session on an assumed pilot proves nothing about
the pilot, and real power must not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable

from boundary import listeners
from slac.pilot import CONNECTED, STEADY, ChargerPilot, Reading, State, Unsubscribe, VehiclePilot, until

Changed = Callable[[Reading], None]


class Watched:
    """Subscribers; each is notified of every change once and in order, also when one of them causes the next change."""

    def __init__(self) -> None:
        self._subscribers: dict[object, Changed] = {}
        self._pending: list[Reading] = []
        self._telling = False

    def subscribe(self, changed: Changed) -> Unsubscribe:
        key = object()
        self._subscribers[key] = changed

        def unsubscribe() -> None:
            self._subscribers.pop(key, None)

        return unsubscribe

    def _tell(self, reading: Reading) -> None:
        self._pending.append(reading)
        if self._telling:
            return
        self._telling = True
        try:
            while self._pending:
                now = self._pending.pop(0)
                listeners.tell(self._subscribers.values(), now)
        finally:
            self._telling = False
            self._pending.clear()


# ---------------------------------------------------------------------------------------------------------------
# Simulated


class _End(Watched):
    """One end of a `SimulatedPilot`."""

    def __init__(self, look: Callable[[], Reading]) -> None:
        super().__init__()
        self._look = look
        self._seen = look()

    @property
    def reading(self) -> Reading:
        return self._look()

    @property
    def state(self) -> State | None:
        return self._look().state

    def shows(self, *states: State) -> bool:
        return self.state in states

    async def wait(self, *states: State, within: float | None) -> bool:
        return await until(self, lambda reading: reading.state in states, within)

    def notice(self) -> None:
        now = self._look()
        if now != self._seen:
            self._seen = now
            self._tell(now)


class _VehicleEnd(_End):
    def __init__(self, wire: SimulatedPilot) -> None:
        super().__init__(wire._seen_by_vehicle)
        self._wire = wire

    def set(self, state: State) -> None:
        self._wire._resist(state)


class _ChargerEnd(_End):
    def __init__(self, wire: SimulatedPilot) -> None:
        super().__init__(wire._seen_by_charger)
        self._wire = wire

    def offer(self, duty: float) -> None:
        self._wire._drive(duty)

    def fault(self, state: State) -> None:
        self._wire._pull(state)


class SimulatedPilot:
    """One pilot wire: ``ev`` is the vehicle's end, ``evse`` the charger's.

    Changes are not debounced: each is seen at once. The vehicle's resistors keep their setting while unplugged, as in a
    car, so the vehicle itself has to return to B.

    Attributes:
        plugged: whether the connector is in; `plug` and `unplug` change it.
        shorted: whether the pilot is shorted to earth; `short` changes it.
        ev, evse: the two ends.
    """

    def __init__(self, *, plugged: bool = False) -> None:
        self.plugged = plugged
        self.shorted = False
        self._resistors = State.B
        self._duty = STEADY
        self._fault: State | None = None
        self._vehicle_end = _VehicleEnd(self)
        self._charger_end = _ChargerEnd(self)
        self.ev: VehiclePilot = self._vehicle_end
        self.evse: ChargerPilot = self._charger_end

    def plug(self) -> None:
        """Puts the connector in."""
        self.plugged = True
        self._changed()

    def unplug(self) -> None:
        """Pulls the connector, whatever is going on."""
        self.plugged = False
        self._changed()

    def short(self, shorted: bool = True) -> None:
        """Shorts the pilot to earth in the cable (state E at both ends), or removes the short."""
        self.shorted = shorted
        self._changed()

    def _seen_by_vehicle(self) -> Reading:
        return self._seen_by_charger() if self.plugged else Reading(State.A, 0.0)

    def _seen_by_charger(self) -> Reading:
        if self._fault is not None:
            return Reading(self._fault, 0.0)
        if self.plugged and self.shorted:
            return Reading(State.E, 0.0)
        return Reading(self._resistors if self.plugged else State.A, self._duty)

    def _resist(self, state: State) -> None:
        check_vehicle(state)
        self._resistors = state
        self._changed()

    def _drive(self, duty: float) -> None:
        check_duty(duty)
        self._duty, self._fault = duty, None
        self._changed()

    def _pull(self, state: State) -> None:
        check_fault(state)
        self._fault = state
        self._changed()

    def _changed(self) -> None:
        # The charger's protection acts first, as its hardware would.
        self._charger_end.notice()
        self._vehicle_end.notice()


def check_vehicle(state: State) -> None:
    """Raises ValueError for a state that a vehicle cannot show."""
    if state not in CONNECTED:
        raise ValueError(f"a vehicle can show B, C and D, not {state.value}")


def check_duty(duty: float) -> None:
    """Raises ValueError for a duty that no charger makes."""
    if not 3.0 <= duty <= 100.0:
        raise ValueError(f"a duty of {duty:g} % is outside 3 to 100 %")


def check_fault(state: State) -> None:
    """Raises ValueError for a state to which no charger pulls the pilot."""
    if state not in (State.E, State.F):
        raise ValueError(f"a charger can pull the pilot to E or F, not to {state.value}")


# ---------------------------------------------------------------------------------------------------------------
# Assumed


class _Assumed(Watched):
    """Common half of the two assumed pilots.

    Attributes:
        unchecked: what could not be checked so far, one line for each kind.
    """

    def __init__(self, report: Callable[[str], None] | None = None) -> None:
        """``report`` is called with each line of ``unchecked`` when it is new."""
        super().__init__()
        self.unchecked: list[str] = []
        self._report = report

    @property
    def reading(self) -> Reading:
        return Reading(None, None)

    @property
    def state(self) -> State | None:
        return self.reading.state

    def shows(self, *states: State) -> bool:
        if (known := self.state) is not None:
            return known in states
        if CONNECTED.isdisjoint(states):
            return False  # a peer that follows the protocol shows no A, E or F
        letters = " or ".join(sorted(state.value for state in states))
        self._skip(f"pilot state {letters} not checked: no pilot hardware")
        return True

    async def wait(self, *states: State, within: float | None) -> bool:
        return self.shows(*states) or await until(self, lambda reading: reading.state in states, within)

    def _skip(self, what: str) -> None:
        if what not in self.unchecked:
            self.unchecked.append(what)
            if self._report is not None:
                self._report(what)


class AssumedChargerPilot(_Assumed):
    """`ChargerPilot` that assumes a vehicle that follows the protocol; knows only its own duty, E and F."""

    def __init__(self, report: Callable[[str], None] | None = None) -> None:
        super().__init__(report)
        self._duty = STEADY
        self._fault: State | None = None

    @property
    def reading(self) -> Reading:
        return Reading(None, self._duty) if self._fault is None else Reading(self._fault, 0.0)

    def offer(self, duty: float) -> None:
        check_duty(duty)
        before = self.reading
        self._duty, self._fault = duty, None
        if self.reading != before:
            self._tell(self.reading)

    def fault(self, state: State) -> None:
        check_fault(state)
        if self._fault is not state:
            self._fault = state
            self._tell(self.reading)


class AssumedVehiclePilot(_Assumed):
    """`VehiclePilot` that assumes a charger that always offers 5 %; knows only its own resistors."""

    def __init__(self, report: Callable[[str], None] | None = None) -> None:
        super().__init__(report)
        self._resistors = State.B
        self._skip("pilot duty, E and F not checked: no pilot hardware")

    @property
    def reading(self) -> Reading:
        return Reading(self._resistors, None)

    def set(self, state: State) -> None:
        check_vehicle(state)
        if state is not self._resistors:
            self._resistors = state
            self._tell(self.reading)
