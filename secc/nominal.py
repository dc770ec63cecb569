"""AC charging at the nominal duty, without messages, offered to a vehicle that does not do SLAC.

Rules (IEC 61851-1 Annex A, ISO 15118-3):

- From 5 % without communication to a nominal duty: F for T_step_EF, steady (X1) for T_step_X1, then the duty. If it has
  been paid, the duty follows F directly; with communication, or after C_sequ_retry times F, it follows X1 (`Entry`).
- The duty announces the current that the outlet can deliver; consecutive changes are at least 5 s apart.
- The contactor closes in C and D while a duty is offered, and opens when the vehicle returns to B or leaves.
- To end charging, the charger switches PWM off; a vehicle that continues to draw is cut off after 6 s.

The pilot must be readable. A vehicle may talk meanwhile: `secc.arrivals` answers its SLAC, and when a session begins,
`Nominal.hand_over` leaves the outlet to it unchanged.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import Callable

from secc.authorizer import Decision
from secc.charger import NO_CURRENT, Evse, Wish
from secc.supply import AcSupply
from slac.pilot import DUTY_CHANGE, READY, STEADY, STEP_EF, STEP_X1, Reading, State, duty_of, told
from v2g.outcome import Cause, Outcome
from v2g.trace import Event, Observe, ignore

LEAST, MOST = 6.0, 80.0
"""Range of currents that a duty can announce, A; below the first, nothing is offered."""
CUT_OFF = 6.0
"""Time from PWM off until the contactor opens under load, s."""
POLL = 1.0
"""Interval between two checks of the meter and the limits, s."""
NOTE = "charged at the nominal duty, without messages (IEC 61851-1)"

_GONE = (State.A, State.E, State.F)


def duty(evse: Evse) -> float:
    """The duty for the current that the outlet can deliver now, percent; steady if that is below 6 A."""
    assert evse.ac is not None
    amps = min(evse.ac.max_current, evse.connector.ac_max_a or MOST, MOST)
    return duty_of(amps) if amps >= LEAST else STEADY


class Entry(enum.Enum):
    """The way to the nominal duty."""

    AT_ONCE = "at once"  # paid before plugging in; or steady so far
    THROUGH_X1 = "X1"  # with communication, or after F and 5 % without success
    THROUGH_F = "F"  # without communication, and paid
    THROUGH_BOTH = "F and X1"  # no vehicle talked at 5 %, and F was not used yet


async def serve_nominal(
    evse: Evse,
    *,
    entry: Entry = Entry.THROUGH_BOTH,
    step_ef: float = STEP_EF,
    step_x1: float = STEP_X1,
    observe: Observe = ignore,
    tick: Callable[[], None] = lambda: None,
) -> Outcome:
    """Charges the plugged-in vehicle until it leaves or the charger has to end the charging.

    Afterwards the outlet is always off and the pilot steady, unless the pilot is held at E or F.

    Args:
        evse: a plant with an AC supply and a readable pilot.
        entry: how to get to the duty.
        step_ef, step_x1: T_step_EF and T_step_X1, s.
        observe: receives the events.
        tick: called about once a second.
    """
    return await Nominal(evse, observe, tick).run(entry, step_ef, step_x1)


class Nominal:
    """The same as an object that can hand the vehicle over to a session.

    Attributes:
        handed_over: whether it has been handed over.
    """

    def __init__(self, evse: Evse, observe: Observe = ignore, tick: Callable[[], None] = lambda: None) -> None:
        assert evse.ac is not None
        self.evse, self.pilot = evse, evse.pilot
        self.supply: AcSupply = evse.ac
        self.loop = asyncio.get_running_loop()
        self.observe, self.tick = observe, tick
        self.changed = asyncio.Event()
        self.offered = STEADY
        self.next_change = 0.0
        self.charged = self.handed_over = False
        self.energy_wh = 0.0
        self.last = self.pilot.reading
        self.before_last = self.last

    def hand_over(self) -> None:
        """Hands the vehicle over to a session, with duty and contactor unchanged."""
        if not self.handed_over:
            self.handed_over = True
            self.energy_wh = self.evse.meter.session_wh
            self.changed.set()

    async def run(
        self, entry: Entry = Entry.THROUGH_BOTH, step_ef: float = STEP_EF, step_x1: float = STEP_X1
    ) -> Outcome:
        """See `serve_nominal`."""
        evse, pilot, outcome = self.evse, self.pilot, Outcome(notes=[NOTE])
        start, trips = self.loop.time(), len(evse.trips)
        stops = [pilot.subscribe(self._moved), evse.watch(self.changed.set)]
        evse.meter.begin()
        try:
            evse.authorizer.begin()
            await self._enter(entry, step_ef, step_x1)
            outcome.cause, outcome.reason = await self._charge()
        finally:
            for stop in stops:
                stop()
            if not self.handed_over:
                evse.off()
                if pilot.state not in (State.E, State.F):
                    pilot.offer(STEADY)
                evse.forget()
                self.energy_wh = evse.meter.session_wh
            outcome.energy_wh = self.energy_wh
            outcome.seconds = self.loop.time() - start
            outcome.notes += evse.trips[trips:]
            self._tell("ended", outcome.reason)
        return outcome

    async def _enter(self, entry: Entry, step_ef: float, step_x1: float) -> None:
        steady = entry in (Entry.THROUGH_X1, Entry.THROUGH_BOTH)
        if entry in (Entry.THROUGH_F, Entry.THROUGH_BOTH):
            self.pilot.fault(State.F)
            try:
                await asyncio.sleep(step_ef)
            except BaseException:
                self.pilot.offer(STEADY)
                raise
        self.offered = STEADY if steady else self._wanted()
        self._tell("nominal", "nothing offered" if self.offered == STEADY else told(self.offered))
        self.pilot.offer(self.offered)
        self.next_change = self.loop.time() + (step_x1 if steady else DUTY_CHANGE)

    def _wanted(self) -> float:
        return duty(self.evse) if self.evse.authorizer.decide() is Decision.ACCEPTED else STEADY

    def _moved(self, reading: Reading) -> None:
        if reading.state is not self.last.state:
            self.before_last, self.last = self.last, reading
        self.changed.set()

    def _tell(self, name: str, note: str) -> None:
        self.observe(Event(self.loop.time(), "state", name, note=note))

    async def _charge(self) -> tuple[Cause, str]:
        evse, pilot, supply = self.evse, self.pilot, self.supply
        refused = False
        while True:
            self.changed.clear()
            if self.handed_over:
                return Cause.COMPLETE, "a session began"
            if pilot.state in _GONE:
                return self._left()
            if (why := self._must_stop()) is not None:
                await self._stop()
                return why
            if evse.authorizer.decide() is Decision.REJECTED and not refused:
                refused = True
                self._tell("rejected", "nothing is offered until the vehicle leaves")
            self._offer(self._wanted())
            if pilot.state in READY and self.offered < STEADY and not supply.closed:
                supply.close()
                self.charged = True
            evse.meter.read()
            self.tick()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(POLL, max(0.01, self.next_change - self.loop.time()))):
                    await self.changed.wait()

    def _offer(self, wanted: float) -> None:
        now = self.loop.time()
        if wanted == self.offered or now < self.next_change:
            if self.offered == STEADY and self.supply.closed and now >= self.next_change - DUTY_CHANGE + CUT_OFF:
                self.evse.off()
            return
        self.offered, self.next_change = wanted, now + DUTY_CHANGE
        self._tell("nominal", "nothing offered" if wanted == STEADY else told(wanted))
        self.pilot.offer(wanted)

    def _left(self) -> tuple[Cause, str]:
        label = self.pilot.reading.label
        if self.pilot.state is not State.A:
            return Cause.ABORTED, f"the control pilot went to {label}"
        if self.before_last.state in READY:
            return Cause.ABORTED, "unplugged while the vehicle was ready"
        return (Cause.COMPLETE, "completed") if self.charged else (Cause.ABORTED, "unplugged before charging")

    def _must_stop(self) -> tuple[Cause, str] | None:
        evse = self.evse
        if evse.fault is not None:
            return Cause.ABORTED, f"the charger's fault: {evse.fault.value}"
        if self.supply.rcd_tripped:
            return Cause.ABORTED, "the RCD has tripped"
        if self.supply.current <= -NO_CURRENT:
            given = -self.supply.current
            evse.off()
            return Cause.ABORTED, f"the vehicle gave back {given:.1f} A per phase without being asked"
        if (wish := evse.notification).wish is Wish.STOP and wish.max_delay == 0:
            return Cause.COMPLETE, "stopped by the charger"
        return None

    async def _stop(self) -> None:
        """Switches PWM off; the vehicle has `CUT_OFF` seconds to stop drawing."""
        self.pilot.offer(STEADY)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CUT_OFF):
                while self.pilot.state in READY and self.supply.current >= NO_CURRENT:
                    self.changed.clear()
                    await self.changed.wait()
