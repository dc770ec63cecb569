"""Steps that the scripts of both protocols share: wait for the charger, wait for a voltage to rise or fall, take
current, move the pilot, say goodbye."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from evcc import checks
from evcc.checks import Limits
from evcc.drive import Drive, Ending
from evcc.rundown import CURRENT_DOWN, NO_CURRENT, Rundown
from evcc.schedule import Schedule
from evcc.vehicle import AT_ONCE
from slac.pilot import State
from v2g import naming
from v2g.errors import TimedOut, V2GError
from v2g.messages.base import Request
from v2g.messages.xmldsig import SignatureType
from v2g.physical import PRECHARGE_CURRENT, SAFE_VOLTAGE, amps, volts


class _Processing(Protocol):
    @property
    def EVSEProcessing(self) -> str: ...  # noqa: N802 - a message's field


Polled = TypeVar("Polled", bound=_Processing)


def _nothing(message: Any) -> None:
    """The default that neither looks nor signs."""


async def until_finished(
    drive: Drive,
    make: Callable[[], Request[Polled]],
    timer: str,
    *,
    from_request: bool = False,
    look: Callable[[Polled], None] = _nothing,
    sign: Callable[[Any], SignatureType | None] = _nothing,
) -> Polled:
    """Repeats a request until the charger says Finished.

    Args:
        make: makes the request; called for each repetition.
        timer: limits the time from the first Ongoing to Finished [V2G2-710].
        from_request: the timer already starts with the first request.
        look: called with each response, the last included.
        sign: returns the Signature for each request, or None.

    Raises:
        TimedOut: the timer expired.
        Aborted: the driver stopped.
    """
    seconds: float = getattr(drive.session.timing, timer)
    name = ""
    try:
        async with drive.limit(seconds, from_request=from_request) as limit:
            while True:
                request = make()
                name = naming.exchange(type(request).__name__)
                response = await drive.ask(request, signature=sign(request))
                look(response)
                if response.EVSEProcessing == "Finished":
                    return response
                if limit.when() is None:
                    limit.reschedule(drive.now + seconds)
                await drive.breathe()
                drive.still_wanted()
    except TimeoutError as why:
        raise TimedOut(drive.session.protocol.timer(timer), seconds, f"{name} Finished") from why


# ---------------------------------------------------------------------------------------------------------------
# Voltage


class _Measuring(Protocol):
    @property
    def DC_EVSEStatus(self) -> checks.DcStatus: ...  # noqa: N802 - a message's field
    @property
    def EVSEPresentVoltage(self) -> Any: ...  # noqa: N802 - a message's field


Measured = TypeVar("Measured", bound=_Measuring)


async def until_voltage(drive: Drive, make: Callable[[float, float], Request[Measured]]) -> None:
    """PreCharge until the inlet is close enough to the battery's voltage to close the contactors.

    Args:
        make: makes the request from a target voltage in V, read again each time, and a current in A.

    Raises:
        TimedOut: V2G_EVCC_PreCharge_Timeout expired.
        Unsuitable: the charger reports an emergency or a shutdown.
        Aborted: the driver stopped.
    """
    vehicle = drive.vehicle
    async with drive.within("V2G_EVCC_PreCharge_Timeout", "the battery's voltage at the inlet", from_request=True):
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
    """WeldingDetection until the inlet voltage is gone; one that stays is noted: a contactor may be welded."""
    deadline = drive.now + drive.session.timing.V2G_EVCC_Ongoing_Timeout
    while drive.now < deadline:
        response = await drive.ask(make())
        drive.vehicle.report(volts(response.EVSEPresentVoltage))
        if drive.vehicle.inlet_voltage < SAFE_VOLTAGE:
            return
        await drive.breathe()
    drive.note(f"the inlet is still at {drive.vehicle.inlet_voltage:.0f} V: is a contactor welded?")


# ---------------------------------------------------------------------------------------------------------------
# Current


@dataclass
class Terms:
    """Terms agreed by ChargeParameterDiscovery: schedule, present DC limits, present AC current per phase in A."""

    schedule: Schedule
    limits: Limits = checks.NO_LIMITS
    ac_current: float = 0.0


class Target(NamedTuple):
    """The targets of a CurrentDemandReq, V and A, and the seconds to the battery's target and bulk SoC."""

    voltage: float
    current: float
    full: float
    bulk: float


class _Delivering(_Measuring, Protocol):
    @property
    def EVSEPresentCurrent(self) -> Any: ...  # noqa: N802 - a message's field


Delivered = TypeVar("Delivered", bound=_Delivering)
Demand = Callable[[Drive, Target], Request[Delivered]]


async def take_current(
    drive: Drive, terms: Terms, make: Demand[Delivered], voltage: float, current: float, power: float = 0.0
) -> Delivered:
    """Makes one CurrentDemand exchange and applies it to the plant and the limits.

    Args:
        make: makes the request for a target.
        voltage, current: targets in V and A.
        power: limit in W, for calculating the remaining time.
    """
    full, bulk = drive.remaining((terms.limits.voltage, terms.limits.current, power))
    drive.asked = current
    res = await drive.ask(make(drive, Target(voltage, current, full, bulk)))
    drive.vehicle.take_dc(volts(res.EVSEPresentVoltage), max(0.0, amps(res.EVSEPresentCurrent)))
    terms.limits = terms.limits.updated(res)
    return res


async def _nothing_more(drive: Drive, response: Any) -> None:
    """The default for a response during the ramp: nothing to do."""


def rundown(drive: Drive, ending: Ending) -> Rundown | None:
    """How long to request zero current before PowerDelivery(Stop); None if the ending leaves no time for a ramp.

    The charger's delay limits how long a current may fail to fall. A falling current is waited for: the vehicle already
    requests none, and nothing makes it fall faster than the charger can.
    """
    if ending.hurry <= 0.0:
        return None
    return Rundown(drive.vehicle.current, drive.now, min(CURRENT_DOWN, ending.hurry))


def still_flows(drive: Drive) -> None:
    """Notes a current that still flows after the ramp."""
    if abs(drive.vehicle.current) > NO_CURRENT:
        drive.note(
            f"the charger still delivers {drive.vehicle.current:.0f} A, but the vehicle asks for none", once="ramp"
        )


async def ramp_down(
    drive: Drive,
    ending: Ending,
    make: Demand[Delivered],
    then: Callable[[Drive, Delivered], Awaitable[Any]] = _nothing_more,
) -> None:
    """CurrentDemand with 0 A until the current is gone or stops falling; on an alarm, contactors open at once.

    At least once after a request for current, which may not flow yet.

    Args:
        make: makes the request for a target.
        then: called to handle each response.
    """
    terms = Terms(Schedule(drive.tuple_id), Limits(drive.vehicle.battery.pack.max_voltage, 0.0))
    ramp = rundown(drive, ending)
    while ramp is not None and (drive.asked or not ramp.over(drive.vehicle.current, drive.now)):
        res = await take_current(drive, terms, make, drive.vehicle.battery.voltage, 0.0)
        if checks.alarmed(res.DC_EVSEStatus) or drive.danger:
            await drive.vehicle.safe(within=AT_ONCE)
            return
        await then(drive, res)
        await drive.breathe()
    still_flows(drive)


# ---------------------------------------------------------------------------------------------------------------
# Pilot


@contextlib.asynccontextmanager
async def pilot_moves(drive: Drive, state: State) -> AsyncIterator[None]:
    """Wraps a PowerDelivery exchange in AC: the pilot changes within 250 ms after the request [V2G2-847, 848].

    A vehicle may take its time before it sends the request. If the exchange fails first, a pending change is dropped.
    """
    show = drive.vehicle.show
    # Early in the window, because the charger answers only after it has seen the state.
    delay = drive.session.timing.V2G_EVCC_CPState_Change_Time / 5.0
    loop, pending = asyncio.get_running_loop(), list[asyncio.TimerHandle]()
    drive.when_sent["PowerDeliveryReq"] = lambda: pending.append(loop.call_later(delay, show, state))
    try:
        yield
        show(state)
    finally:
        drive.when_sent.pop("PowerDeliveryReq", None)
        for timer in pending:
            timer.cancel()


# ---------------------------------------------------------------------------------------------------------------
# When something is wrong


async def say_goodbye(drive: Drive, stop: Request[Any], bye: Request[Any]) -> None:
    """PowerDelivery and SessionStop as far as the order allows them, if the last request was answered properly.

    The contactors open meanwhile, and are open before SessionStop.

    Args:
        stop: PowerDeliveryReq that stops.
        bye: SessionStopReq.
    """
    with contextlib.suppress(V2GError):
        async with drive.vehicle.opening():
            if drive.usable and not drive.allows(bye) and drive.allows(stop):
                await drive.ask(stop)
        if drive.usable and drive.allows(bye):
            await drive.ask(bye)
