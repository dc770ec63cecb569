"""From plug-in to SDP: control pilot, SLAC, and the network behind it, for both roles.

A vehicle waits for the charger's duty cycle, matches, and continues with SDP on the resulting link. A charger matches
one vehicle after another, answers SDP only while one is matched, and gives its modem a new key after each session.
Unplugging, state E or F, and the loss of the power line link each end whatever is going on.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from evcc.nominal import offers_current
from evcc.options import Outcome as VehicleOutcome
from evcc.stay import Stay, stay
from plugfest import pilots
from plugfest.controls import Interrupted
from plugfest.defaults import ATTENUATION
from plugfest.errors import UserError
from secc.stay import serve_vehicles
from slac import ev, evse
from slac.errors import MatchFailed, PilotLost
from slac.host import Host
from slac.link import Link, interface_index, open_link, raw_socket
from slac.mme import ETHERTYPE
from slac.modem import NoModem, detect
from slac.outcome import Match
from slac.pilot import CONNECTED, STEADY, ChargerPilot, Offer, Reading, State, VehiclePilot, until
from slac.pilots import SimulatedPilot
from slac.powerline import Powerline
from slac.timing import STANDARD, Timing
from v2g import interfaces
from v2g.outcome import Cause, Outcome
from v2g.trace import Observe

if TYPE_CHECKING:
    from evcc.options import Outcome as VehicleOutcome
    from evcc.options import Paused
    from evcc.stay import Stay
    from plugfest.config.model import Bench
    from plugfest.controls import Controls
    from secc.arrivals import Arrivals
    from secc.outlet import Outlet

NOBODY_TALKS = 60.0
"""s for which a vehicle whose matching failed waits for the charger to end the 5 %: TT_EVSE_SLAC_init is at most 50."""
STEPS = 20.0
"""s for the charger's steps through E or F and X1 (T_step_EF, T_step_X1)."""

NO_SLAC = "on a plain cable use --no-slac (in a bench file slac: false)"
DOCTOR = "plugfest slac doctor finds out why"


def check(name: str) -> None:
    """Raises LinkError: there is no interface of that name; lists those there are."""
    interface_index(name)


def check_slac(bench: Bench) -> None:
    """Checks what SLAC needs before anything is shown: timers, and an interface that takes its frames.

    Raises:
        UserError: there is no such timer.
        LinkError: frames cannot be sent and received on the interface; says what to do.
    """
    if bench.slac:
        timing(bench)
        raw_socket(bench.interface or "", ETHERTYPE, promiscuous=False).close()


async def first_of(serving: asyncio.Task[None], finished: asyncio.Event) -> None:
    """Waits until ``finished`` is set or ``serving`` fails; raises its error, and leaves ``serving`` finished."""
    waiting = asyncio.create_task(finished.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
    finally:
        for task in (serving, waiting):
            task.cancel()
        await asyncio.gather(serving, waiting, return_exceptions=True)


def timing(bench: Bench) -> Timing:
    """SLAC timers of a bench. Raises UserError: there is no such timer."""
    try:
        return STANDARD.replace(**bench.slac_timer)
    except ValueError as why:
        raise UserError(f"slac-timer: {why}") from why


@contextlib.asynccontextmanager
async def _host(bench: Bench, observe: Observe) -> AsyncIterator[Host]:
    link: Link = open_link(bench.interface or "")
    try:
        async with Host(link, observe=observe) as host:
            yield host
    finally:
        link.close()


# ---------------------------------------------------------------------------------------------------------------
# Both in one process


async def on_simulated_line(
    bench: Bench, controls: Controls, wire: SimulatedPilot, observe: Observe, seed: int
) -> Outcome | None:
    """Plugs in the cable and matches its two ends over a simulated power line; the vehicle's frames are observed.

    Returns:
        Why there is no session, or None if the ends are matched.
    """
    try:
        await controls.before_session(_simulated(bench, wire, observe, seed))
    except (MatchFailed, PilotLost, Interrupted) as why:
        return _unmatched(why)
    return None


async def _simulated(bench: Bench, wire: SimulatedPilot, observe: Observe, seed: int) -> Match:
    rng, limits = random.Random(seed), timing(bench)
    line = Powerline(rng)
    car, post = line.vehicle("vehicle"), line.charger("charger")
    line.connect(car, post, ATTENUATION)
    wire.unplug()
    async with evse.ready(post, wire.evse, evse.Options(timing=limits, strict=bench.strict), rng=rng) as charger:
        waiting = asyncio.create_task(charger.match())
        wire.evse.offer(STEADY)
        pilots.tell(wire.ev, observe)
        wire.plug()
        try:
            match = await ev.match(
                car, wire.ev, ev.Options(timing=limits, strict=bench.strict), observe=observe, rng=rng
            )
            await waiting
        finally:
            waiting.cancel()
    return match


# ---------------------------------------------------------------------------------------------------------------
# Vehicle


@contextlib.asynccontextmanager
async def vehicle_side(bench: Bench, pilot: VehiclePilot, observe: Observe) -> AsyncIterator[ev.Ev]:
    """Opens a vehicle's SLAC on the interface of a bench and finds its modem.

    Raises:
        UserError: the interface or the modem was not found.
    """
    limits, rng = timing(bench), random.Random(bench.seed)
    with pilots.user_errors(NO_SLAC):
        async with _host(bench, observe) as host:
            modem = await detect(host, timing=limits, rng=rng) if bench.modem else NoModem(host, limits)
            # An AC charger may show its nominal duty cycle from the start.
            how = ev.Options(
                timing=limits, strict=bench.strict, digital=not bench.ac, validation=bench.vehicle.validation
            )
            yield ev.Ev(host, pilot, modem, how, rng=rng)


async def charge_matched(
    side: ev.Ev,
    controls: Controls,
    charge: Callable[[Paused | None], Awaitable[VehicleOutcome]],
    say: Callable[[str], None],
    nominal: Callable[[], Awaitable[VehicleOutcome]] | None = None,
    how: Stay | None = None,
    *,
    again: bool = False,
) -> VehicleOutcome:
    """Matches, charges over the link (also through pauses if requested), and leaves the network.

    Args:
        side: result of `vehicle_side`.
        controls: controls of the vehicle whose pilot is in ``side``.
        charge: finds the charger and charges; called when the link is up, with what a paused session left behind.
        say: prints a line for the user.
        nominal: charges at a nominal duty cycle if the charger ends up showing one without SLAC; None: this vehicle
            does not.
        how: what the vehicle does in pauses; by default the first pause ends the stay.
        again: after a lost link, and after state E or F, start over instead of ending.
    """
    vehicle = controls.vehicle
    assert vehicle is not None

    how = how or Stay(sleeps=False)
    soc = vehicle.battery.soc
    while True:
        if (offer := side.pilot.reading.offer) is not None and offer[0] is not Offer.DIGITAL:
            say(f"waiting for the charger's duty on the control pilot, which is at {side.pilot.reading.label}")
        try:
            match = await controls.before_session(side.match())
        except (MatchFailed, PilotLost, Interrupted) as why:
            found = _unmatched(why)
            if not isinstance(why, MatchFailed):
                await side.leave()  # it may already have had the key
                if again and isinstance(why, PilotLost) and side.pilot.state is not State.A:
                    continue
            elif nominal is not None:
                try:
                    if await controls.before_session(_another_duty(side.pilot, why, say)):
                        continue
                except (PilotLost, Interrupted) as later:
                    found = _unmatched(later)
                else:
                    if offers_current(side.pilot.reading):
                        say(f"no charger was matched while {why}; charging at the nominal duty")
                        return await nominal()
            return _of_vehicle(found.cause, found.reason, soc)
        say(f"matched with {described(match)}")
        try:
            outcome = await stay(side, match, vehicle, charge, how)
        except (MatchFailed, PilotLost) as why:
            await side.leave()
            found = _unmatched(why)
            return _of_vehicle(found.cause, f"after a pause: {found.reason}", soc)
        if not (again and how.lost) or side.pilot.state is State.A:
            return outcome
        say(f"{how.lost}; starting over with the charger")
        vehicle.trouble.clear()


async def _another_duty(pilot: VehiclePilot, why: MatchFailed, say: Callable[[str], None]) -> bool:
    """What an AC charger shows after a failed matching: True: 5 % again; False: a current, or nothing in time.

    Raises:
        PilotLost: unplugged.
    """

    def digital(reading: Reading) -> bool:
        return reading.offer is not None and reading.offer[0] is Offer.DIGITAL and reading.state in CONNECTED

    if not digital(pilot.reading):
        return False
    say(f"no charger was matched while {why}; waiting for a nominal duty, or for 5 % again")
    if not await until(pilot, lambda reading: not digital(reading), NOBODY_TALKS):
        return False

    def offered(reading: Reading) -> bool:
        nothing = reading.offer is None or reading.offer[0] is Offer.NOTHING
        return reading.state is State.A or (reading.state in CONNECTED and not nothing)

    await until(pilot, offered, STEPS)
    if pilot.state is State.A:
        raise PilotLost("the control pilot went to A")
    return digital(pilot.reading)


async def charge_basic(
    pilot: VehiclePilot,
    controls: Controls,
    nominal: Callable[[], Awaitable[VehicleOutcome]],
    say: Callable[[str], None],
) -> VehicleOutcome:
    """Waits for a nominal duty cycle, without SLAC, and charges; arguments as for `charge_matched`."""
    assert controls.vehicle is not None
    say(f"waiting for a nominal duty on the control pilot, which is at {pilot.reading.label}")
    try:
        await controls.before_session(until(pilot, offers_current, None))
    except Interrupted as why:
        return _of_vehicle(Cause.ABORTED, str(why), controls.vehicle.battery.soc)
    return await nominal()


def _unmatched(why: MatchFailed | PilotLost | Interrupted) -> Outcome:
    """How a vehicle, or a bench with both roles, reports a matching that failed."""
    if isinstance(why, MatchFailed):
        return Outcome(Cause.NO_PEER, f"no charger was matched while {why}; {DOCTOR}")
    return Outcome(Cause.ABORTED, str(why))


def _of_vehicle(cause: Cause, reason: str, soc: float) -> VehicleOutcome:
    return VehicleOutcome(cause, reason, soc_start=soc, soc_end=soc)


def described(match: Match, *, vehicle: bool = False) -> str:
    """Describes a match in half a line."""
    near = "attenuation unknown" if match.attenuation is None else f"{match.attenuation:.1f} dB"
    peer = f"vehicle {match.ev_mac.hex(':')}" if vehicle else f"charger {match.evse_mac.hex(':')}"
    return f"{peer}, {near}"


# ---------------------------------------------------------------------------------------------------------------
# Charger


@contextlib.asynccontextmanager
async def charger_side(bench: Bench, pilot: ChargerPilot, observe: Observe) -> AsyncIterator[evse.Evse]:
    """Opens a charger's SLAC on the interface of a bench: finds the modem and sets its key.

    Raises:
        UserError: the interface or the modem was not found.
    """
    limits, rng = timing(bench), random.Random(bench.seed)
    with pilots.user_errors(NO_SLAC):
        async with _host(bench, observe) as host:
            modem = await detect(host, timing=limits, rng=rng) if bench.modem else NoModem(host, limits)
            settings = evse.Options(
                timing=limits, strict=bench.strict, repeat_pilot=bench.ac and bench.charger.initial_duty < STEADY
            )
            async with evse.Evse(host, pilot, modem, settings, rng=rng) as side:
                yield side


async def serve_matched(
    arrivals: Arrivals,
    outlet: Outlet,
    ready: Callable[[], None],
    say: Callable[[str], None],
    ended: asyncio.Queue[Outcome],
) -> None:
    """Matches and serves one vehicle after another, forever.

    Args:
        arrivals: uses the SLAC of `charger_side`.
        outlet: opened only while a vehicle is matched.
        ready: called when the outlet is open.
        say: takes a line for the user.
        ended: called with each outcome of the outlet.

    Raises:
        ModemError, LinkError, SetupError: the modem, the interface or its address is gone.
    """

    async def matched(match: Match) -> None:
        say(f"matched with {described(match, vehicle=True)}")
        outlet.interface = await interfaces.usable(outlet.interface.name)

    await serve_vehicles(arrivals, outlet, ended, matched=matched, ready=ready, say=say)
