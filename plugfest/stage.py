"""What stands around a session whoever runs it: view, trace, telemetry, timeline, deviations.

A command makes its plants, then a `Stage` over them; the stage gives the roles their observers and rewrites, and is
told when a session begins and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from plugfest.config import rules
from plugfest.config.actions import Step
from plugfest.config.model import Bench
from plugfest.controls import Controls, NotPossible
from plugfest.deviations import Deviations
from plugfest.timeline import Timeline
from v2g.trace import Event, Observe, fan_out, ignore

TELEMETRY_INTERVAL = 1.0
"""s: between two telemetry events of a state that does not change."""


@dataclass
class Stage:
    """Around the sessions of one bench.

    Attributes:
        bench: as configured.
        controls: the plants.
        show: the view.
        trace: the writer of the trace.
    """

    bench: Bench
    controls: Controls
    show: Observe = ignore
    trace: Observe = ignore
    listeners: list[Observe] = field(default_factory=list)
    _state: str = ""
    _told: tuple[str, float] = ("", -TELEMETRY_INTERVAL)
    _deviations: list[Deviations] = field(default_factory=list)

    def __post_init__(self) -> None:
        bench, controls = self.bench, self.controls
        self.timeline = Timeline(bench.timeline, self.act)
        if controls.evse is not None:
            controls.break_down(list(bench.charger.faults))

    def equip(self, options: Any, role: str, *, main: bool = True) -> None:
        """Gives a role its observer and its rewrites.

        Args:
            options: of the role (evcc.Options, secc.serve.Options).
            main: its view of the session is shown and written; where both roles run, one is.
        """
        options.observe = self._observe if main else ignore
        ending, delays = ("Req", {}) if role == "evcc" else ("Res", self.bench.charger.delays)
        others = delays.get("default", 0.0)
        requests = [name for name in rules.message_names() if name.endswith("Req")] if others else list(delays)
        answers = {name.removesuffix("Req") + "Res": delays.get(name, others) for name in requests}
        made = Deviations(self.bench.deviations, ending, self.tell, answers)
        made.install(options)
        self._deviations.append(made)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the context is open, what runs beside the sessions runs."""
        yield

    def begin(self) -> None:
        """A session begins."""
        for deviations in self._deviations:
            deviations.begin()
        self._state, self._told = "", ("", -TELEMETRY_INTERVAL)
        self.timeline.begin()

    def end(self) -> None:
        """It is over."""
        self.timeline.end()

    def tell(self, event: Event) -> None:
        """An event of the bench itself, to view, trace and listeners."""
        fan_out(self.trace, self.show, *self.listeners)(event)

    def act(self, step: Step) -> None:
        """An action of the timeline; one that is impossible is reported."""
        now = asyncio.get_running_loop().time()
        try:
            text = self.controls.apply(step)
        except NotPossible as why:
            self.tell(Event(now, "bench", "action", note=f"not possible: {why}"))
        else:
            self.tell(Event(now, "bench", "action", note=text))

    def _observe(self, event: Event) -> None:
        if event.layer == "tcp" and event.name == "connected" and not self.timeline.running:
            self.begin()
        self.timeline.observe(event)
        self.tell(event)
        if event.layer == "message":
            self._telemetry(event)

    def _telemetry(self, event: Event) -> None:
        """One at each new state, and at most once a second while it goes on."""
        state = event.name.removesuffix("Req").removesuffix("Res")
        if event.name.endswith("Req") or (state == self._told[0] and event.time - self._told[1] < TELEMETRY_INTERVAL):
            return
        self._told = (state, event.time)
        numbers = {**measure(self.controls), "state": state}
        self.tell(Event(event.time, "plant", "telemetry", note=json.dumps(numbers)))


def measure(controls: Controls) -> dict[str, Any]:
    """Numbers of the plant: soc (%), volts, amps, watts, energy (Wh), pilot; those that this bench knows."""
    found: dict[str, Any] = {}
    vehicle, evse = controls.vehicle, controls.evse
    volts = amps = None
    phases = 1
    if evse is not None and evse.power is not None:
        volts, amps = evse.power.voltage, evse.power.current
    elif evse is not None and evse.ac is not None:
        volts, amps, phases = evse.ac.nominal_voltage if evse.ac.closed else 0.0, evse.ac.current, evse.ac.phases
    elif vehicle is not None:
        volts, amps = vehicle.inlet_voltage, vehicle.current
        if vehicle.ac_current:
            volts, amps = None, vehicle.ac_current
    if vehicle is not None:
        found["soc"] = round(vehicle.battery.soc * 100.0, 3)
    if volts is not None:
        found["volts"] = round(volts, 2)
    if amps is not None:
        found["amps"] = round(amps, 2)
    if volts is not None and amps is not None:
        found["watts"] = round(volts * amps * phases, 1)
    if vehicle is not None:
        found["energy"] = round(vehicle.battery.delivered_wh, 2)
    elif evse is not None:
        found["energy"] = round(evse.meter.session_wh, 2)
    plant = evse or vehicle
    if plant is not None:
        found["pilot"] = plant.pilot.reading.label
    return found
