"""What the scripts of both protocols do in the same way: wait for the charger, for a voltage to come or go, move the
pilot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, TypeVar

from evcc import checks
from evcc.drive import Drive
from evcc.quantities import volts
from slac.pilot import State
from v2g.errors import TimedOut
from v2g.messages.base import Request

PRECHARGE_CURRENT = 2.0
"""A: largest target in PreCharge; a charger need not give more."""

DEAD = 60.0
"""V: below, the inlet may be touched."""


class _Processing(Protocol):
    @property
    def EVSEProcessing(self) -> str: ...  # noqa: N802 - a message's field


Polled = TypeVar("Polled", bound=_Processing)


def _nothing(message: Any) -> None:
    """Looks at nothing, signs nothing."""


async def until_finished(
    drive: Drive,
    make: Callable[[], Request[Polled]],
    timer: str,
    *,
    from_request: bool = False,
    look: Callable[[Polled], None] = _nothing,
    sign: Callable[[Any], Any] = _nothing,
) -> Polled:
    """Repeats a request until the charger says Finished.

    Args:
        make: the request, made anew each time.
        timer: limits the time from the first Ongoing to Finished [V2G2-710].
        from_request: the timer starts with the first request already.
        look: sees each response, the last included.
        sign: gives the Signature for each request, or None.

    Raises:
        TimedOut: the timer expired.
        Aborted: the driver stopped.
    """
    seconds: float = getattr(drive.session.timing, timer)
    name = ""
    try:
        async with asyncio.timeout(seconds if from_request else None) as limit:
            while True:
                request = make()
                name = type(request).__name__.removesuffix("Req")
                response = await drive.ask(request, signature=sign(request))
                look(response)
                if response.EVSEProcessing == "Finished":
                    return response
                if limit.when() is None:
                    limit.reschedule(drive.now + seconds)
                await drive.breathe()
                drive.still_wanted()
    except TimeoutError as why:
        raise TimedOut(timer, seconds, f"{name} Finished") from why


# ---------------------------------------------------------------------------------------------------------------
# Voltage


class _Measuring(Protocol):
    @property
    def DC_EVSEStatus(self) -> checks.DcStatus: ...  # noqa: N802 - a message's field
    @property
    def EVSEPresentVoltage(self) -> Any: ...  # noqa: N802 - a message's field


Measured = TypeVar("Measured", bound=_Measuring)


async def until_voltage(drive: Drive, make: Callable[[float, float], Request[Measured]]) -> None:
    """PreCharge until the inlet has the battery's voltage, near enough for closing the contactors.

    Args:
        make: the request for a target voltage in V, which is read anew each time, and a current in A.

    Raises:
        TimedOut: V2G_EVCC_PreCharge_Timeout expired.
        Unsuitable: the charger reports an emergency, a shutdown or an isolation fault.
        Aborted: the driver stopped.
    """
    vehicle = drive.vehicle
    async with drive.within("V2G_EVCC_PreCharge_Timeout", "the battery's voltage at the inlet"):
        while True:
            current = min(vehicle.settings.precharge_current, PRECHARGE_CURRENT)
            response = await drive.ask(make(vehicle.battery.voltage, current))
            checks.preparing(response.DC_EVSEStatus)
            vehicle.report(volts(response.EVSEPresentVoltage))
            if vehicle.matched:
                return
            await drive.breathe()
            drive.still_wanted()


async def until_dead(drive: Drive, make: Callable[[], Request[Measured]]) -> None:
    """WeldingDetection until the inlet is without voltage; one that stays is noted, and may be a welded contactor."""
    deadline = drive.now + drive.session.timing.V2G_EVCC_Ongoing_Timeout
    while drive.now < deadline:
        response = await drive.ask(make())
        drive.vehicle.report(volts(response.EVSEPresentVoltage))
        if drive.vehicle.inlet_voltage < DEAD:
            return
        await drive.breathe()
    drive.note(f"the inlet still has {drive.vehicle.inlet_voltage:.0f} V: is a contactor welded?")


# ---------------------------------------------------------------------------------------------------------------
# Pilot


@contextlib.asynccontextmanager
async def pilot_moves(drive: Drive, state: State) -> AsyncIterator[None]:
    """Around a PowerDelivery exchange in AC: the pilot changes after the request is out, within 250 ms [V2G2-847, 848].

    A change to C is not made any more once the exchange has failed.
    """
    pilot = drive.vehicle.pilot
    # Early in the window: the charger answers only after it has seen the state.
    delay = drive.session.timing.V2G_EVCC_CPState_Change_Time / 5.0
    timer = asyncio.get_running_loop().call_later(delay, pilot.set, state)
    try:
        yield
        pilot.set(state)
    finally:
        timer.cancel()
