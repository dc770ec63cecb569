"""The controls of a bench: the one place where an action of a timeline or an MQTT command becomes a change of the
plant.

What an action needs and the bench does not have (a vehicle, a DC output, a cable in software) raises `NotPossible`;
nothing is half done then.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from evcc.options import Options
from evcc.vehicle import Vehicle
from plugfest import curves, plants
from plugfest.config import actions
from plugfest.config.actions import Step
from plugfest.deviations import Deviations
from secc.authorizer import Customer
from secc.charger import Evse, Fault, Wish, simulated
from secc.outlet import Outlet
from secc.simulated import SimulatedPowerSource
from secc.supply import AcSupply
from slac.pilot import State
from slac.pilots import SimulatedPilot

LEAKY = 5e3
"""ohm: an insulation fault at any test voltage (below 100 ohm/V from 50 V on)."""
DAMP = 120e3
"""ohm: a warning (100 to 500 ohm/V) at test voltages of 240 V to 1200 V."""


T = TypeVar("T")


class NotPossible(Exception):
    """The bench cannot do this; the text says why."""


class Interrupted(Exception):
    """An action ended the steps before the session; the text says which."""


@dataclass
class Controls:
    """What the controls can reach.

    Attributes:
        vehicle, evse: the plants of this bench; None if the other side is real.
        wire: the cable, if it is simulated. outlet: where the charger serves vehicles, if it handles pauses.
        options: of the vehicle's session; a change of the service changes them.
        deviations: of the roles that run here.
    """

    vehicle: Vehicle | None = None
    evse: Evse | None = None
    wire: SimulatedPilot | None = None
    outlet: Outlet | None = None
    options: Options | None = None
    deviations: list[Deviations] = field(default_factory=list)
    _before: dict[str, Any] = field(default_factory=dict)
    _interrupt: Callable[[str], object] | None = None

    def apply(self, step: Step) -> str:
        """Performs an action.

        Returns:
            What was done, in one line.

        Raises:
            NotPossible: this bench cannot.
        """
        try:
            _ACTIONS[type(step)](self, step)
        except ValueError as why:  # for example a pilot board that cannot show E
            raise NotPossible(str(why)) from why
        return actions.describe(step)

    def break_down(self, faults: Iterable[actions.Fault]) -> None:
        """Injects the faults that a bench starts with."""
        for fault in faults:
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

    # ------------------------------------------------------------------------------------------ parts

    @property
    def _car(self) -> Vehicle:
        if self.vehicle is None:
            raise NotPossible("there is no vehicle on this bench")
        return self.vehicle

    @property
    def _station(self) -> Evse:
        if self.evse is None:
            raise NotPossible("there is no charger on this bench")
        return self.evse

    @property
    def _cable(self) -> SimulatedPilot:
        if self.wire is None:
            raise NotPossible("this bench has no simulated cable; plug or unplug by hand")
        return self.wire

    @property
    def _output(self) -> SimulatedPowerSource:
        power = simulated(self._station)
        if power is None:
            raise NotPossible("the charger has no simulated DC output")
        return power

    @property
    def _supply(self) -> AcSupply:
        if (supply := self._station.ac) is None:
            raise NotPossible("the charger has no AC side")
        return supply

    # ------------------------------------------------------------------------------------------ actions

    def _soc(self, step: actions.SetSoc) -> None:
        self._car.battery.soc = step.percent / 100.0

    def _target(self, step: actions.SetTarget) -> None:
        self._car.battery.target_soc = step.percent / 100.0

    def _limit(self, step: actions.Limit) -> None:
        if step.by == "vehicle":
            battery = self._car.battery
            battery.pack = plants.limited(battery.pack, step.max_voltage, step.max_current, step.max_power)
            if self._car.onboard is not None and step.max_current is not None:
                self._car.onboard.max_current = min(step.max_current, self._car.onboard.max_current)
        elif self._station.ac is not None:
            if step.max_current is None:
                raise NotPossible("an AC outlet has only the limit max-current")
            self._supply.max_current = step.max_current
        else:
            rated = self._output.rated
            if step.max_voltage is not None and step.max_voltage < rated.min_voltage:
                least = f"{rated.min_voltage:g} V, the lowest output voltage"
                raise NotPossible(f"max-voltage {step.max_voltage:g} V is below {least}")
            self._output.rate(
                dataclasses.replace(
                    rated,
                    max_voltage=step.max_voltage or rated.max_voltage,
                    max_current=rated.max_current if step.max_current is None else step.max_current,
                    max_power=rated.max_power if step.max_power is None else step.max_power * 1000.0,
                )
            )

    def _derate(self, step: actions.Derate) -> None:
        self._output.derate(step.percent / 100.0)

    def _power(self, step: actions.SetPower) -> None:
        if step.by == "vehicle":
            settings = self._car.settings
            before = self._before.setdefault("power", settings.target_power)
            settings.target_power = step.power * 1000.0 if isinstance(step.power, (int, float)) else before
        elif step.power is None:
            self._station.manager.withdraw()
        else:
            self._station.manager.ask(curves.of_bench(step.power))

    def _needs(self, step: actions.SetNeeds) -> None:
        leaves = None if step.departure is None else asyncio.get_running_loop().time() + step.departure
        if step.by == "vehicle":
            car = self._car
            if step.minimum is not None and round(step.minimum) > round(step.target or car.battery.target_soc * 100):
                raise NotPossible(f"a minimum of {step.minimum:g} % is above the target")
            car.settings.leaves_at = car.settings.leaves_at if leaves is None else leaves
            if step.minimum is not None:
                car.settings.minimum_soc, car.battery.min_soc = round(step.minimum), step.minimum / 100.0
            if step.target is not None:
                car.battery.target_soc = step.target / 100.0
            return
        known = self._station.mobility_needs
        if known is None:
            raise NotPossible("the charger does not ask for mobility needs; charger: {needs: {}} makes it do so")
        minimum, target = plants.whole(step.minimum), plants.whole(step.target)
        self._station.mobility_needs = dataclasses.replace(
            known,
            departure=known.departure if leaves is None else leaves,
            minimum_soc=known.minimum_soc if minimum is None else minimum,
            target_soc=known.target_soc if target is None else target,
        )

    def _emergency(self, step: actions.EmergencyStop) -> None:
        if step.by == "charger":
            self._station.fail(Fault.EMERGENCY)
        else:
            self._alarm("emergency stop in the vehicle")

    def _stop(self, step: actions.Stop) -> None:
        if step.by == "vehicle" and self._interrupt is not None:
            self._interrupt("stopped by the driver")
        elif step.by == "vehicle":
            self._car.stop.set()
        else:
            self._station.request_stop(step.max_delay)

    def _pause(self, step: actions.Pause) -> None:
        if step.by == "vehicle":
            self._car.pause.set()
        else:
            self._station.request(Wish.PAUSE, step.max_delay)

    def _standby(self, step: actions.Standby) -> None:
        if step.by == "charger":
            self._station.request(Wish.EXIT_STANDBY, step.max_delay)
        elif step.over:
            self._car.standby.clear()
        else:
            self._car.standby.set()

    def _change_service(self, step: actions.ChangeService) -> None:
        if self.options is not None:
            if step.service is not None:
                self.options.service = step.service
            if step.control is not None:
                self.options.control = step.control
        elif step.service is not None or step.control is not None:
            raise NotPossible("only the car selects the service, and this bench has no car")
        if step.by == "charger":
            self._station.request(Wish.OTHER_SERVICE, step.max_delay)
        else:
            self._car.another_service.set()

    def _reactive(self, step: actions.SetReactive) -> None:
        if self._station.ac is None:
            raise NotPossible("the charger has no AC side")
        self._station.reactive_power = None if step.power is None else step.power * 1000.0

    def _wake(self, step: actions.Wake) -> None:
        if step.by == "vehicle":
            self._car.wake.set()
        elif self.outlet is None or not self.outlet.asleep:
            raise NotPossible("no vehicle sleeps at this charger")
        else:
            self.outlet.wake("by hand")

    def _renegotiate(self, step: actions.Renegotiate) -> None:
        if step.by == "vehicle":
            self._car.renegotiate.set()
        else:
            self._station.request_renegotiation(step.max_delay)

    def _unplug(self, step: actions.Unplug) -> None:
        if self.wire is not None:
            self.wire.unplug()
        elif self.vehicle is not None:
            self._alarm("unplugged")
        else:
            raise NotPossible("the other side handles the plug")

    def _alarm(self, why: str) -> None:
        if self._interrupt is not None:
            self._interrupt(why)
        else:
            self._car.alarm(why)

    def _plug(self, step: actions.Plug) -> None:
        self._cable.plug()

    def _authorize(self, step: actions.Authorize) -> None:
        authorizer = self._station.authorizer
        if not isinstance(authorizer, Customer):
            raise NotPossible("no card is needed; use authorization: customer")
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

    # ------------------------------------------------------------------------------------------ faults

    def _inject(self, step: actions.Inject) -> None:
        match step.fault:
            case "emergency" | "malfunction" | "shutdown" | "utility-interrupt":
                self._station.fail(Fault(step.fault.replace("-", " ")))
            case "insulation" | "insulation-warning":
                output = self._output
                self._before.setdefault("insulation", output.insulation_ohms)
                output.insulation_ohms = LEAKY if step.fault == "insulation" else DAMP
            case "output":
                self._output.break_down("injected")
            case "rcd":
                self._supply.rcd_tripped = True
            case "contactor":
                self._supply.sticks = True
            case "meter":
                self._station.meter.fault = "injected"
            case "pilot-e" | "pilot-f":
                self._station.pilot.fault(State.E if step.fault == "pilot-e" else State.F)
            case "pilot-short":
                self._cable.short()
            case "welded":
                self._car.contactors.welded = True
            case "error":
                self._before.setdefault("error", self._car.settings.error_code)
                self._car.settings.error_code = step.code

    def _repair(self, step: actions.Repair) -> None:
        for name in (step.fault,) if step.fault else ("charger", "vehicle", "cable"):
            match name:
                case "charger" if self.evse is not None:
                    self._repair_charger(None)
                case "vehicle" if self.vehicle is not None:
                    self._repair_vehicle(None)
                case "cable" if self.wire is not None:
                    self.wire.short(False)
                case "charger" | "vehicle" | "cable":
                    pass
                case "pilot-short":
                    self._cable.short(False)
                case "welded" | "error":
                    self._repair_vehicle(name)
                case _:
                    self._repair_charger(name)

    def _repair_vehicle(self, name: str | None) -> None:
        car = self._car
        if name in (None, "welded"):
            car.contactors.welded = False
        if name in (None, "error") and "error" in self._before:
            car.settings.error_code = self._before.pop("error")

    def _repair_charger(self, name: str | None) -> None:
        evse = self._station
        kind = name or ""
        if evse.fault is not None and kind.replace("-", " ") in ("", evse.fault.value):
            evse.clear()
        if (power := simulated(evse)) is not None:
            if kind in ("", "output"):
                power.repair()
            if kind in ("", "insulation", "insulation-warning") and "insulation" in self._before:
                power.insulation_ohms = self._before.pop("insulation")
        if evse.ac is not None:
            if kind in ("", "rcd"):
                evse.ac.rcd_tripped = False
            if kind in ("", "contactor"):
                evse.ac.sticks = False
        if kind in ("", "meter"):
            evse.meter.fault = None
        if kind in ("", "pilot-e", "pilot-f") and evse.pilot.state in (State.E, State.F):
            evse.pilot.offer(plants.DIGITAL)


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
