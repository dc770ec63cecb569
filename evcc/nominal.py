"""AC charging at the nominal duty, without messages: what a vehicle does when no charger answers its SLAC.

Rules (IEC 61851-1 Annex A): the vehicle shows C when it wants to charge, draws no more than the duty allows, follows a
change within 5 s, and stops within 3 s after PWM goes off. The charger's contactor closes within 3 s of C; an inlet
that cannot be measured is then assumed to be live at the nominal voltage of the connector.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from evcc.options import Outcome
from evcc.vehicle import AT_ONCE, Vehicle
from slac.pilot import CONNECTED, CONTACTOR_CLOSE, Offer, Reading, State, told, until
from v2g.outcome import Cause
from v2g.trace import Event, Observe, ignore

POLL = 0.5
"""s between two checks of battery and duty."""
NOTE = "charged at the nominal duty, without messages (IEC 61851-1)"


def offers_current(reading: Reading) -> bool:
    """Whether the charger's duty is nominal."""
    return reading.state in CONNECTED and reading.offer is not None and reading.offer[0] is Offer.CURRENT


def mains(vehicle: Vehicle) -> tuple[float, int]:
    """Line-to-neutral voltage (V) and phases at the inlet: 230 V if three-phase, otherwise the connector's highest."""
    inlet, phases = vehicle.inlet, vehicle.onboard.phases
    return (230.0, phases) if inlet.ac_phases == 3 else (min(240.0, inlet.ac_v_range[1]), 1)


async def charge_nominal(
    vehicle: Vehicle,
    *,
    duration: float | None = None,
    observe: Observe = ignore,
    tick: Callable[[], None] = lambda: None,
) -> Outcome:
    """Waits for a nominal duty and charges until the battery has enough, or the driver or the charger stops it.

    Afterwards the vehicle is in B and draws nothing.

    Args:
        vehicle: its pilot must be readable.
        duration: seconds of charging after which the driver stops.
        observe: receives the events.
        tick: called about twice a second while charging.
    """
    loop = asyncio.get_running_loop()
    battery = vehicle.battery
    start, before = loop.time(), battery.delivered_wh
    outcome = Outcome(soc_start=battery.soc, notes=[NOTE])

    def tell(name: str, note: str) -> None:
        observe(Event(loop.time(), "state", name, note=note))

    await until(vehicle.pilot, offers_current, None)
    vehicle.begin()
    changed = asyncio.Event()
    unsubscribe = vehicle.pilot.subscribe(lambda reading: changed.set())
    try:
        tell("nominal", told(vehicle.pilot.reading.duty or 0.0))
        vehicle.show(State.C)
        live = loop.time() + (CONTACTOR_CLOSE if vehicle.sense is None else 0.0)
        while (end := _end(vehicle, None if duration is None else live + duration)) is None:
            changed.clear()
            offer = vehicle.pilot.reading.offer
            if offer is not None and loop.time() >= live:
                volts, phases = mains(vehicle)
                vehicle.take_ac(volts, offer[1], phases)
            tick()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await changed.wait()
        outcome.cause, outcome.reason = end
        tell("stopping", outcome.reason)
    finally:
        unsubscribe()
        await vehicle.safe(within=AT_ONCE)
        vehicle.end()
        outcome.seconds = loop.time() - start
        outcome.energy_wh = battery.delivered_wh - before
        outcome.soc_end = battery.soc
        outcome.notes += [*vehicle.notes, *getattr(vehicle.pilot, "unchecked", ())]
    return outcome


def _end(vehicle: Vehicle, until: float | None) -> tuple[Cause, str] | None:
    """Why charging ends now, or None."""
    reading = vehicle.pilot.reading
    if reading.state in (State.A, State.E, State.F):
        return Cause.ABORTED, f"pilot went to {reading.label}"
    if reading.offer is not None and reading.offer[0] is Offer.DIGITAL:
        return Cause.ABORTED, "the charger asks for digital communication now"
    if reading.offer is not None and reading.offer[0] is Offer.NOTHING:
        return Cause.COMPLETE, "the charger no longer offers current"
    if vehicle.trouble.is_set():
        return Cause.ABORTED, vehicle.trouble_text
    if vehicle.stop.is_set() or vehicle.pause.is_set():
        return Cause.COMPLETE, "stopped by the driver"
    if vehicle.battery.full:
        return Cause.COMPLETE, "the battery has reached its target"
    if until is not None and asyncio.get_running_loop().time() >= until:
        return Cause.COMPLETE, "charging time is over"
    return None
