"""A bench's control pilot: what both roles need before anything is sent, with or without SLAC.

Light on purpose: without SLAC, none of its modules is imported.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from boundary.console import complain
from plugfest.errors import UserError
from slac.errors import LinkError, ModemError, ModemMissing
from slac.pilot import CONNECTED, DIGITAL, STEADY, ChargerPilot, Reading, State, VehiclePilot, told
from slac.pilot_board import PilotError
from slac.pilot_open import open_charger_pilot, open_vehicle_pilot
from v2g.errors import SetupError
from v2g.trace import Event, Observe

if TYPE_CHECKING:
    from plugfest.config.model import Bench


@contextlib.contextmanager
def user_errors(hint: str = "") -> Iterator[None]:
    """Turns errors of interface, modem and pilot board, which the user has to correct, into one line."""
    try:
        yield
    except ModemMissing as why:
        raise UserError(f"{why}; {hint}" if hint else str(why)) from why
    except ModemError as why:
        raise UserError(f"{why}; plugfest slac doctor finds out why") from why
    except (LinkError, PilotError, SetupError) as why:
        raise UserError(str(why)) from why


def vehicle(bench: Bench) -> contextlib.AbstractAsyncContextManager[VehiclePilot]:
    """The vehicle's end of the pilot named by a bench."""
    return open_vehicle_pilot(bench.pilot, _notice(bench))


def charger(bench: Bench) -> contextlib.AbstractAsyncContextManager[ChargerPilot]:
    """The charger's end of the pilot named by a bench."""
    return open_charger_pilot(bench.pilot, _notice(bench))


def _notice(bench: Bench) -> Callable[[str], None] | None:
    """Reports trouble with a board at once; the summary lists what an assumed pilot leaves unchecked."""
    return None if bench.pilot == "assumed" else lambda text: complain(f"note: {text}")


def tell(pilot: ChargerPilot | VehiclePilot, observe: Observe) -> Callable[[], None]:
    """From now on, changes of the pilot become events, until the returned function is called.

    A vehicle that is already plugged in makes the first one, so that a recording shows the state from its start.
    """

    def changed(reading: Reading) -> None:
        observe(Event(asyncio.get_running_loop().time(), "pilot", reading.label, note=_duty(reading)))

    if pilot.state in CONNECTED:
        changed(pilot.reading)
    return pilot.subscribe(changed)


def _duty(reading: Reading) -> str:
    return "" if reading.duty is None or not 0.0 < reading.duty < STEADY else told(reading.duty)


def offer_when_plugged(pilot: ChargerPilot) -> None:
    """Without SLAC: 5 % now, and again for each vehicle that is plugged in."""
    before: list[State | None] = [pilot.state]

    def changed(reading: Reading) -> None:
        arrived = before[0] is State.A and reading.state in CONNECTED
        before[0] = reading.state
        if arrived:
            pilot.offer(DIGITAL)

    pilot.subscribe(changed)
    pilot.offer(DIGITAL)
