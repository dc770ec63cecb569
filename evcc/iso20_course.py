"""What happens between two exchanges of the ISO 15118-20 charge loop: requests of charger and driver, side streams.

A schedule is renegotiated on its own stream while power flows by the old one; the new one applies from the next message
of the loop. In standby the loop continues with the contactors closed and without power. Dynamic mode has no schedule to
renegotiate: changes are sent in the loop.

A pause is requested only when it is allowed: in scheduled mode while the profile says 0 W, which the vehicle negotiates
first if necessary; in dynamic mode when the charger has asked for it. Any other pause is answered with
FAILED_PauseNotAllowed, which ends the session.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from evcc import iso20_metering
from evcc.drive import Drive, Ending, Unsuitable
from evcc.iso20_control import wishes
from evcc.iso20_schedule import Plan, Unconfirmed, agree_schedule, falls_asleep, power_delivery
from v2g.energy import Control
from v2g.errors import TimedOut
from v2g.messages.iso20 import types
from v2g.protocols.iso20 import METERING, RENEGOTIATION

T = TypeVar("T")

AGAIN = 5.0
"""s after a failed renegotiation during which the vehicle does not try again."""


async def begin_power(
    drive: Drive,
    control: Control,
    terms: T,
    plan: Plan,
    agree: Callable[[Drive, Control], Awaitable[T]],
    begin: Callable[[Drive, T, Plan], Awaitable[None]],
) -> T:
    """PowerDelivery(Start); if the charger warns that the tolerance is not confirmed, with a renegotiated schedule.

    The warning leaves the session in its state and asks to renegotiate, which happens once, on the side stream.

    Returns:
        The result of the last ChargeParameterDiscovery; ``plan`` becomes the new one.

    Raises:
        Unsuitable: the charger warns again, or about something else.
    """
    try:
        await begin(drive, terms, plan)
    except Unconfirmed as why:
        if not drive.options.renegotiates:
            raise
        drive.note(f"{why}; asking it for another schedule")
    else:
        return terms
    beside = drive.on(RENEGOTIATION)
    terms = await agree(beside, control)
    new = await agree_schedule(beside, control)
    await begin(beside, terms, new)
    plan.become(new)
    drive.tuple_id = new.schedule.tuple_id
    drive.session.tell("state", "renegotiated", f"schedule {drive.tuple_id}")
    await begin(drive, terms, plan)
    return terms


@dataclass
class Course(Generic[T]):
    """A running charge loop; ``T`` is the result of ChargeParameterDiscovery.

    Attributes:
        agreed: the result of the last ChargeParameterDiscovery.
        plan: the plan that the loop follows; a renegotiation changes it.
        agree: performs ChargeParameterDiscovery, on any stream.
        begin: performs PowerDelivery(Start), on any stream.
        still: returns whether no power flows.
    """

    drive: Drive
    control: Control
    agreed: T
    plan: Plan
    agree: Callable[[Drive, Control], Awaitable[T]]
    begin: Callable[[Drive, T, Plan], Awaitable[None]]
    still: Callable[[], bool]
    _new: T | None = None
    _failed: int = 0
    _again: float = field(default=-math.inf)

    def __post_init__(self) -> None:
        self.drive.resting = self.drive.standby = False

    def terms(self, before: T) -> T:
        """The terms that the loop follows: newly agreed ones, or those from before."""
        new, self._new = self._new, None
        return before if new is None else new

    async def turn(self, status: types.EVSEStatusType | None) -> Ending | None:
        """Acts on a response of the loop; returns why the loop ends, or None.

        Raises:
            V2GError: an error on a side stream ends the session.
        """
        drive = self.drive
        drive.beside.check()
        notification = status.EVSENotification if status is not None else None
        if drive.asked_to_stop:  # asked in the answer to the start, which counts the same
            notification, drive.asked_to_stop = "Terminate", False
        taken = self._taken()
        if taken and notification == "ScheduleRenegotiation":
            notification = None  # this response was already on its way
        if not drive.beside.result(METERING) and notification == "MeteringConfirmation":
            iso20_metering.confirm(drive, dynamic=self.control.dynamic)
        ending = wishes(drive, notification) or self.plan.pause or falls_asleep(drive, self.plan)
        if not taken:  # a new profile applies from the next message
            ending = ending or self._pause(notification)
        if ending is not None:
            return ending
        await self._renegotiate(notification)
        await self._rest(notification)
        return None

    # -- pauses ---------------------------------------------------------------------------------------------------

    def _pause(self, notification: str | None) -> Ending | None:
        """The driver's pause, once it is allowed; if it is impossible, a note says why, and the session continues."""
        drive, wish = self.drive, self.drive.vehicle.pause
        if not wish.is_set():
            return None
        obstacle = ""
        if self.control.dynamic:
            if notification != "Pause":
                obstacle = "in dynamic mode only the charger can ask for a pause (the vehicle can only go to standby)"
        elif self.plan.power(drive.now, math.inf, math.inf):
            if not drive.options.renegotiates or self._again == math.inf:
                obstacle = "the power profile is not 0 W and cannot be renegotiated"
            elif not drive.pausing or drive.beside.busy(RENEGOTIATION):
                return None  # until a profile of 0 W is agreed
            else:
                obstacle = "a power profile of 0 W was not agreed"
        wish.clear()
        drive.pausing = False
        if obstacle:
            drive.note(f"the session is not paused: {obstacle}")
            return None
        return Ending("pause", "paused by the driver")

    # -- schedules ------------------------------------------------------------------------------------------------

    def _taken(self) -> bool:
        """Applies the result of a renegotiation, if it is finished."""
        found = self.drive.beside.result(RENEGOTIATION)
        if found is None:
            return False
        self.agreed, plan = found
        self._new = self.agreed
        self.plan.become(plan)
        self.drive.tuple_id = plan.schedule.tuple_id
        self._failed = 0
        self.drive.session.tell("state", "renegotiated", f"schedule {plan.schedule.tuple_id}")
        return True

    async def _renegotiate(self, notification: str | None) -> None:
        drive, vehicle = self.drive, self.drive.vehicle
        asked = notification == "ScheduleRenegotiation" and drive.options.renegotiates
        pauses = vehicle.pause.is_set() and not drive.pausing
        # After a failure it is unknown what the charger has applied: the vehicle tries again on its own.
        if not (asked or pauses or vehicle.renegotiate.is_set() or self._failed or self._wants_more()):
            return
        if self.control.dynamic:
            vehicle.renegotiate.clear()
            drive.note("in dynamic mode there is no schedule to renegotiate")
            return
        if drive.beside.busy(RENEGOTIATION) or drive.now < self._again:
            return
        vehicle.renegotiate.clear()
        drive.pausing = pauses
        if drive.standby:  # standby ends without a profile: the renegotiation brings the new one
            await drive.ask(power_delivery(drive, "ScheduleRenegotiation"))
            self._awake()
        who = "the charger asked" if asked else "the driver wants to pause" if pauses else "the driver asked"
        drive.session.tell("state", "renegotiating", who)
        drive.beside.begin(RENEGOTIATION, self._beside())

    def _wants_more(self) -> bool:
        """Whether the driver wants another direction than planned, or more power: both need another profile."""
        wanted, planned = self.drive.vehicle.settings.target_power, self.plan.wish
        if self.drive.pausing:
            return False
        return not self.control.dynamic and (wanted * planned < 0.0 or abs(wanted) > abs(planned))

    async def _beside(self) -> tuple[T, Plan] | None:
        """Renegotiates on the side stream; None if the charger did not answer in time."""
        drive = self.drive.on(RENEGOTIATION)
        drive.session.forget(RENEGOTIATION)  # late answers to an earlier try
        try:
            terms = await self.agree(drive, self.control)
            plan = await agree_schedule(drive, self.control)
            try:
                await self.begin(drive, terms, plan)
            except Unsuitable as why:  # a warning: the old schedule remains in force
                self._again = drive.now + AGAIN
                drive.note(f"the schedule was not renegotiated: {why}")
                return None
        except TimedOut as why:
            self._failed += 1
            self._again = drive.now + AGAIN if self._failed <= drive.options.renegotiation_retries else math.inf
            drive.note(f"the schedule was not renegotiated: {why}")
            drive.session.tell("error", "renegotiation", str(why))
            return None
        return terms, plan

    # -- standby --------------------------------------------------------------------------------------------------

    async def _rest(self, notification: str | None) -> None:
        drive, vehicle = self.drive, self.drive.vehicle
        if notification == "ExitStandby" and drive.standby:
            drive.note("the charger asked to leave standby")
            vehicle.standby.clear()
        wanted = vehicle.standby.is_set()
        if not wanted and drive.standby:
            await self.begin(drive, self.agreed, self.plan)
            self._awake()
        elif not wanted:
            drive.resting = False
        elif not drive.standby:
            drive.resting = True  # ramp down first: standby begins without power
            if self.still():
                await self._lie_down()

    async def _lie_down(self) -> None:
        drive = self.drive
        res = await drive.ask(power_delivery(drive, "Standby"))
        if res.ResponseCode.startswith("WARNING"):
            drive.note(f"the charger refuses standby: {res.ResponseCode}")
            self._awake()
        else:
            drive.standby = True
            drive.session.tell("state", "standby", "begins")

    def _awake(self) -> None:
        drive = self.drive
        if drive.standby:
            drive.session.tell("state", "standby", "is over")
        drive.vehicle.standby.clear()
        drive.resting = drive.standby = False
