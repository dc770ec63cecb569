"""The controls of a bench: the one place where an action of a timeline or an MQTT command becomes a change of the
plant.

An answer is true: what an action needs and is not there (a vehicle, a DC output, a session, a pause), and what is done
already, raises `NotPossible`. Nothing is half done then.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from evcc.options import Options
from plugfest import curves, plants
from plugfest.breakages import Breakages
from plugfest.config import actions
from plugfest.config.actions import Step
from plugfest.deviations import Deviations
from plugfest.parts import NotPossible, Parts
from plugfest.under_way import UnderWay
from secc.authorizer import Customer, Decision
from secc.charger import Fault, Wish
from secc.iso20_status import out_of_mode
from slac.pilot import State
from v2g.protocols import Abilities

T = TypeVar("T")


Able = Callable[[Abilities], bool]


class Interrupted(Exception):
    """An action ended the steps before the session; the text says which."""


@dataclass
class Controls(Parts):
    """What the controls can reach, in addition to the parts of the bench.

    Attributes:
        options: of the vehicle's session; a change of the service changes them.
        deviations: of the roles that run here.
        session: the one under way; None: nobody tells, and requests are accepted at any time.
    """

    options: Options | None = None
    deviations: list[Deviations] = field(default_factory=list)
    session: UnderWay | None = None
    _before: dict[str, Any] = field(default_factory=dict)
    _interrupt: Callable[[str], object] | None = None

    def __post_init__(self) -> None:
        self._broken = Breakages(self)

    def apply(self, step: Step) -> str:
        """Performs an action.

        Returns:
            What was done, in one line.

        Raises:
            NotPossible: this bench cannot, or there is nothing to do.
        """
        try:
            _ACTIONS[type(step)](self, step)
        except ValueError as why:  # for example a pilot board that cannot show E
            raise NotPossible(str(why)) from why
        return actions.describe(step)

    def session_over(self) -> None:
        """A session has ended, or pauses."""
        if self.session is not None:
            self.session.end()
        if self.evse is not None and isinstance(self.evse.authorizer, Customer):
            self.evse.authorizer.end()

    def break_down(self, faults: Iterable[actions.Fault]) -> None:
        """Injects the faults that a bench starts with."""
        for fault in dict.fromkeys(faults):
            self._inject(actions.Inject(fault=fault))

    async def before_session(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs what comes before a session, SLAC; an action that would end a session ends it instead.

        Raises:
            Interrupted: such an action came.
        """
        task = asyncio.ensure_future(work)
        reasons: list[str] = []

        def interrupt(why: str) -> None:
            reasons.append(why)
            task.cancel()

        self._interrupt = interrupt
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if reasons and not (current is not None and current.cancelling()):
                raise Interrupted(reasons[0]) from None
            raise
        finally:
            self._interrupt = None

    # ------------------------------------------------------------------------------------------ actions

    def _soc(self, step: actions.SetSoc) -> None:
        self.car.battery.soc = step.percent / 100.0

    def _target(self, step: actions.SetTarget) -> None:
        self.car.battery.target_soc = step.percent / 100.0

    def _limit(self, step: actions.Limit) -> None:
        if step.by == "vehicle":
            battery = self.car.battery
            battery.pack = plants.limited(battery.pack, step.max_voltage, step.max_current, step.max_power)
            if step.max_current is not None:
                rated = self._before.setdefault("onboard", self.car.onboard.max_current)
                self.car.onboard.max_current = min(step.max_current, rated)
        elif self.station.ac is not None:
            if step.max_current is None:
                raise NotPossible("an AC outlet has only the limit max-current")
            self.supply.max_current = step.max_current
        else:
            rated = self.output.rated
            if step.max_voltage is not None and step.max_voltage < rated.min_voltage:
                least = f"{rated.min_voltage:g} V, the lowest output voltage"
                raise NotPossible(f"max-voltage {step.max_voltage:g} V is below {least}")
            self.output.rate(
                dataclasses.replace(
                    rated,
                    max_voltage=step.max_voltage or rated.max_voltage,
                    max_current=rated.max_current if step.max_current is None else step.max_current,
                    max_power=rated.max_power if step.max_power is None else step.max_power * 1000.0,
                )
            )

    def _derate(self, step: actions.Derate) -> None:
        self.output.derate(step.percent / 100.0)

    def _power(self, step: actions.SetPower) -> None:
        if step.by == "vehicle":
            settings = self.car.settings
            before = self._before.setdefault("power", settings.target_power)
            settings.target_power = step.power * 1000.0 if isinstance(step.power, (int, float)) else before
        elif step.power is None:
            self.station.manager.withdraw()
        else:
            self.station.manager.ask(curves.of_bench(step.power))

    def _needs(self, step: actions.SetNeeds) -> None:
        leaves = None if step.departure is None else asyncio.get_running_loop().time() + step.departure
        if step.by == "vehicle":
            car = self.car
            if step.minimum is not None and round(step.minimum) > round(step.target or car.battery.target_soc * 100):
                raise NotPossible(f"a minimum of {step.minimum:g} % is above the target")
            car.settings.leaves_at = car.settings.leaves_at if leaves is None else leaves
            if step.minimum is not None:
                car.settings.minimum_soc, car.battery.min_soc = round(step.minimum), step.minimum / 100.0
            if step.target is not None:
                car.battery.target_soc = step.target / 100.0
            return
        known = self.station.mobility_needs
        if known is None:
            raise NotPossible("the charger does not ask for mobility needs; charger: {needs: {}} makes it do so")
        minimum, target = plants.whole(step.minimum), plants.whole(step.target)
        self.station.mobility_needs = dataclasses.replace(
            known,
            departure=known.departure if leaves is None else leaves,
            minimum_soc=known.minimum_soc if minimum is None else minimum,
            target_soc=known.target_soc if target is None else target,
        )

    def _emergency(self, step: actions.EmergencyStop) -> None:
        if step.by == "charger":
            if self.station.fault is Fault.EMERGENCY:
                raise NotPossible("the charger is in an emergency already")
            self.station.fail(Fault.EMERGENCY)
        else:
            self._alarm("emergency stop in the vehicle")

    def _stop(self, step: actions.Stop) -> None:
        if step.by == "vehicle" and self._interrupt is not None:
            self._interrupt("stopped by the driver")
        elif step.by == "vehicle" and self.car.asleep:
            self.car.stop.set()
        elif step.by == "vehicle":
            self._driver_asks(self.car.stop)
        else:
            self._charger_asks(Wish.STOP, step.max_delay)

    def _pause(self, step: actions.Pause) -> None:
        if step.by == "vehicle":
            self._driver_asks(self.car.pause, "pause", lambda abilities: abilities.pause)
        else:
            self._charger_asks(Wish.PAUSE, step.max_delay, "request to pause", _flexible)

    def _standby(self, step: actions.Standby) -> None:
        if step.by == "charger":
            if self.session is not None and self.session.running and not self.session.terms.standby:
                raise NotPossible("the vehicle is not in standby")
            self._charger_asks(Wish.EXIT_STANDBY, step.max_delay, "standby", _flexible)
        elif not step.over:
            self._driver_asks(self.car.standby, "standby", _flexible)
        elif self.car.standby.is_set():
            self.car.standby.clear()
        else:
            raise NotPossible("the vehicle is not in standby")

    def _change_service(self, step: actions.ChangeService) -> None:
        if step.by == "vehicle":
            self._check_session(self.car.another_service, "change of the service", _flexible)
        if self.options is not None:
            if step.service is not None:
                self.options.service = step.service
            if step.control is not None:
                self.options.control = step.control
        elif step.service is not None or step.control is not None:
            raise NotPossible("only the car selects the service, and this bench has no car")
        if step.by == "charger":
            self._charger_asks(Wish.OTHER_SERVICE, step.max_delay, "change of the service", _flexible)
        else:
            self.car.another_service.set()

    def _reactive(self, step: actions.SetReactive) -> None:
        if self.station.ac is None:
            raise NotPossible("the charger has no AC side")
        self.station.reactive_power = None if step.power is None else step.power * 1000.0

    def _wake(self, step: actions.Wake) -> None:
        if step.by == "vehicle":
            if not self.car.asleep:
                raise NotPossible("the vehicle is not asleep")
            self.car.wake.set()
        elif self.outlet is None or not self.outlet.asleep:
            raise NotPossible("no vehicle sleeps at this charger")
        elif self.station.pilot.state in (State.A, State.E, State.F):
            raise NotPossible(f"the control pilot is at {self.station.pilot.reading.label}")
        else:
            self.outlet.wake("by hand")

    def _renegotiate(self, step: actions.Renegotiate) -> None:
        if step.by == "vehicle":
            self._driver_asks(self.car.renegotiate, "renegotiation", lambda abilities: abilities.renegotiation)
        else:
            self._charger_asks(
                Wish.RENEGOTIATE, step.max_delay, "renegotiation", lambda abilities: abilities.renegotiation
            )

    def _unplug(self, step: actions.Unplug) -> None:
        if self.wire is not None:
            if not self.wire.plugged:
                raise NotPossible("the connector is not plugged in")
            self.wire.unplug()
        elif self.vehicle is not None:
            self._alarm("unplugged")
        else:
            raise NotPossible("the other side handles the plug")

    def _alarm(self, why: str) -> None:
        if self._interrupt is not None:
            self._interrupt(why)
        elif self.session is not None and not self.session.running and not self.car.asleep:
            raise NotPossible("no session is running")
        elif self.car.trouble.is_set():
            raise NotPossible(f"the vehicle is stopping already: {self.car.trouble_text}")
        else:
            self.car.alarm(why)

    def _plug(self, step: actions.Plug) -> None:
        if self.cable.plugged:
            raise NotPossible("the connector is plugged in already")
        self.cable.plug()

    # ------------------------------------------------------------------------------------------ requests

    def _check_session(self, asked: asyncio.Event | None, what: str = "", able: Able = lambda abilities: True) -> None:
        """Checks that a request can have an effect: on a session that is running, not ending, and has such a thing.

        Args:
            asked: the driver's request. what, able: as `UnderWay.lacks` takes them; without one any session has it.

        Raises:
            NotPossible: it cannot.
        """
        car, session = self.vehicle, self.session
        if asked is not None and asked.is_set():
            raise NotPossible("the vehicle has been asked already")
        if session is None:
            return
        if not session.running:
            asleep = (car is not None and car.asleep) or (self.outlet is not None and self.outlet.asleep)
            raise NotPossible("the session is paused" if asleep else "no session is running")
        if car is not None and car.ending:
            raise NotPossible(f"the session is ending already: {car.ending}")
        if what and (why := session.lacks(what, able)):
            raise NotPossible(why)

    def _driver_asks(self, request: asyncio.Event, what: str = "", able: Able = lambda abilities: True) -> None:
        self._check_session(request, what, able)
        request.set()

    def _charger_asks(self, wish: Wish, delay: int, what: str = "", able: Able = lambda abilities: True) -> None:
        station = self.station
        self._check_session(None, what, able)
        now, session = station.notification, self.session
        if now.wish is wish and now.max_delay <= delay:
            raise NotPossible("the charger has asked for it already")
        if now.wish is Wish.STOP and wish is not Wish.STOP:
            raise NotPossible("the charger has asked the vehicle to stop already")
        control = "" if session is None else session.terms.control
        if control and (why := out_of_mode(wish, dynamic=control == "dynamic")):
            raise NotPossible(why)
        if station.fault is not None:
            raise NotPossible(f"the charger tells the vehicle to stop already: {station.fault.value}")
        station.request(wish, delay)

    def _authorize(self, step: actions.Authorize) -> None:
        authorizer = self.station.authorizer
        if not isinstance(authorizer, Customer):
            raise NotPossible("no card is needed; use authorization: customer")
        if authorizer.decided:
            known = "accepted" if authorizer.decide() is Decision.ACCEPTED else "refused"
            raise NotPossible(f"the card has been {known} already")
        if step.accept:
            authorizer.accept()
        else:
            authorizer.reject()

    def _deviate(self, step: actions.Deviate) -> None:
        for made in self.deviations:
            if step.message.endswith(made.ending):
                made.once(step.entry)
                return
        raise NotPossible(f"only the other side sends {step.message}")

    def _inject(self, step: actions.Inject) -> None:
        self._broken.inject(step)

    def _repair(self, step: actions.Repair) -> None:
        self._broken.repair(step.fault)


def _flexible(abilities: Abilities) -> bool:
    return abilities.flexible


_ACTIONS: Mapping[type[Step], Callable[[Controls, Any], None]] = {
    actions.SetSoc: Controls._soc,
    actions.SetTarget: Controls._target,
    actions.Limit: Controls._limit,
    actions.Derate: Controls._derate,
    actions.SetPower: Controls._power,
    actions.SetNeeds: Controls._needs,
    actions.Inject: Controls._inject,
    actions.Repair: Controls._repair,
    actions.EmergencyStop: Controls._emergency,
    actions.Stop: Controls._stop,
    actions.Pause: Controls._pause,
    actions.Standby: Controls._standby,
    actions.ChangeService: Controls._change_service,
    actions.SetReactive: Controls._reactive,
    actions.Wake: Controls._wake,
    actions.Renegotiate: Controls._renegotiate,
    actions.Unplug: Controls._unplug,
    actions.Plug: Controls._plug,
    actions.Authorize: Controls._authorize,
    actions.Deviate: Controls._deviate,
}
